"""New arrays like a traced one, questions about it, and comparisons of whole arrays.

``np.zeros_like(x)`` gives a *traced* array of zeros, so that ``y[i] = x[i]**2`` can fill it.
Questions about shapes have plain answers.  ``np.allclose`` and ``np.array_equal`` answer with a
plain bool, which becomes a guard of the graph: the branch taken is checked on later inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.tables import (
    UFUNCS,
    axes_of,
    converted,
    find_arena,
    implements,
    plain_integers,
    same,
    traced,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, here, lift
from diffkit.errors import DtypeError, MutationError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise

__all__ = ["copy_to"]


# New arrays -------------------------------------------------------------------------------------


def _like(fill: Any) -> Any:
    def composition(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
        device: Any = None,
    ) -> Any:  # fmt: skip
        (a,) = traced(a)
        size = a.shape if shape is None else _plain_shape(shape)
        wanted = np.dtype(a.dtype if dtype is None else dtype)
        real = f"f{wanted.itemsize // 2}" if wanted.kind == "c" else wanted
        return converted(lift(a.arena, np.full(size, fill, real)), wanted)

    return composition


def _plain_shape(shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    return tuple(int(plain_integers(size, "a size")) for size in sizes)


zeros_like = implements(np.zeros_like, np.empty_like)(_like(0))
ones_like = implements(np.ones_like)(_like(1))


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
    shape: Any = None, *, device: Any = None,
) -> Any:  # fmt: skip
    """An array like another one, filled with a value (which may be traced)."""
    arena = find_arena(a, fill_value)
    like = np.asarray(a) if not isinstance(a, Tracer) else a
    size = like.shape if shape is None else _plain_shape(shape)
    wanted = np.dtype(like.dtype if dtype is None else dtype)
    real = f"f{wanted.itemsize // 2}" if wanted.kind == "c" else wanted
    new = converted(lift(arena, np.zeros(size, real)), wanted)
    new[...] = fill_value
    return new


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """The same values under another name: changing one spares the other."""
    return same(traced(a)[0])


@implements(np.copyto)
def copy_to(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Values copied into a traced array, in place.

    Raises
    ------
    MutationError
        When the destination is a plain array.
    """
    if not isinstance(dst, Tracer):
        raise MutationError(
            "np.copyto would store traced values into a plain array",
            where=here(),
            hint="write np.copy(x), np.full(shape, value) or np.where(condition, x, y).",
        )
    dst[...] = src if where is True else piecewise.where(where, src, dst)


# Questions --------------------------------------------------------------------------------------


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    """The shape, as plain integers."""
    return traced(a)[0].shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    """The number of axes."""
    return traced(a)[0].ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    """The number of elements, in all or along axes."""
    (a,) = traced(a)
    return int(np.prod([a.shape[k] for k in axes_of(axis, a.ndim, "np.size")], dtype=int))


@implements(np.iscomplexobj)
def is_complex_object(x: Any) -> bool:
    """Whether the dtype is complex: never, for a traced array."""
    return traced(x)[0].dtype.kind == "c"


@implements(np.isrealobj)
def is_real_object(x: Any) -> bool:
    """Whether the dtype is real."""
    return traced(x)[0].dtype.kind != "c"


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that NumPy's promotion gives."""
    return np.result_type(*(x.dtype if isinstance(x, Tracer) else x for x in arrays_and_dtypes))


@implements(np.common_type)
def common_type(*arrays: Any) -> type:
    """The floating dtype common to arrays."""
    return np.common_type(*(np.empty(0, x.dtype) for x in traced(*arrays)))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether a cast is allowed."""
    return np.can_cast(from_.dtype if isinstance(from_, Tracer) else from_, to, casting)


@implements(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """Whether two traced arrays are one."""
    return a is b


# Comparisons ------------------------------------------------------------------------------------


@implements(np.isclose)
def is_close(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """Where |a − b| ≤ atol + rtol·|b|, or both are the same infinity."""
    a, b = traced(a, b)
    near = ops.less_equal(piecewise.abs_(a - b), atol + rtol * piecewise.abs_(b))
    finite = ops.less(piecewise.abs_(b), np.inf) if b.dtype.kind == "f" else ops.equal(b, b)
    close = ops.logical_or(ops.logical_and(near, finite), ops.equal(a, b))
    if not equal_nan:
        return close
    return ops.logical_or(close, ops.logical_and(ops.not_equal(a, a), ops.not_equal(b, b)))


@implements(np.allclose)
def all_close(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close; the answer is a guard of the graph."""
    return bool(np.all(is_close(a, b, rtol, atol, equal_nan)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Whether shapes and all elements are equal; the answer is a guard of the graph."""
    a, b = traced(a1, a2)
    if a.shape != b.shape:
        return False
    alike = ops.equal(a, b)
    if equal_nan:
        alike = ops.logical_or(alike, ops.logical_and(ops.not_equal(a, a), ops.not_equal(b, b)))
    return bool(np.all(alike))


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """The vector product of vectors with three components."""
    from diffkit.capture.tracing import here
    from diffkit.errors import ShapeError

    a, b = traced(a, b)
    if axis is not None:
        axisa = axisb = axisc = axis
    u, v = np.moveaxis(a, axisa, 0), np.moveaxis(b, axisb, 0)
    if u.shape[0] != 3 or v.shape[0] != 3:
        raise ShapeError(
            f"np.cross: {a.aval} and {b.aval} do not have three components", where=here()
        )
    rows = [u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(rows, axis=axisc)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    """Whether arrays are equal after broadcasting; the answer is a guard of the graph."""
    a, b = traced(a1, a2)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return bool(np.all(ops.equal(a, b)))


@implements(np.array_repr, np.array_str, np.array2string)
def array_text(a: Any, *args: Any, **kwargs: Any) -> str:
    """A traced array has no numbers to print: its shape and dtype."""
    return repr(traced(a)[0])


@implements(np.min_scalar_type)
def min_scalar_type(a: Any) -> np.dtype[Any]:
    """The dtype: a traced number has no value by which to choose a smaller one."""
    return traced(a)[0].dtype


@implements(np.einsum_path)
def einsum_path(subscripts: Any, *operands: Any, **options: Any) -> Any:
    """The order of contractions, which depends on shapes alone."""
    shapes = [np.broadcast_to(0.0, np.shape(operand)) for operand in operands]
    return np.einsum_path(subscripts, *shapes, **options)


def _of_integers(function: Any) -> Any:
    """A function of integers alone: they have no derivative, so they are settled."""

    def composition(*operands: Any, **options: Any) -> Any:
        for operand in operands:
            if isinstance(operand, Tracer) and operand.dtype.kind not in "iub":
                raise DtypeError(
                    f"np.{function.__name__} takes integers, not {operand.aval}",
                    where=here(),
                    hint="convert them first, for example with .astype(int).",
                )
        return function(*(settled(one) for one in operands), **options)

    composition.__name__ = function.__name__
    return composition


for _function in (np.packbits, np.unpackbits):
    implements(_function)(_of_integers(_function))
for _ufunc in (np.gcd, np.lcm, np.left_shift, np.right_shift, np.bitwise_count):
    UFUNCS[_ufunc.__name__] = _of_integers(_ufunc)
