"""The tables of NumPy's functions, and the few helpers that every family shares.

A traced array answers NumPy's two protocols (NEP 13 for ufuncs, NEP 18 for functions) by
looking the function up here.  Each row is an ordinary Python function, a *composition*: it
calls primitives, or other rows, in NumPy's own terms.  So ``np.var`` needs no derivative of its
own; it is (Σ (x − x̄)²)/n, and the chain rule does the rest.

Reading on: NEP 13, *A mechanism for overriding ufuncs*; NEP 18, *A dispatch mechanism for
NumPy's high level array functions*.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from diffkit.capture.complaints import without_storing
from diffkit.capture.tracing import Tracer, cast_to, here, lift, lift_all, user_source
from diffkit.errors import (
    DataDependentError,
    DtypeError,
    MutationError,
    ShapeError,
    UnsupportedError,
)
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Operation
from diffkit.graph.sources import text_of

__all__ = [
    "FUNCTIONS",
    "UFUNCS",
    "UNARY",
    "axes_of",
    "axis_of",
    "converted",
    "delivered",
    "demand_axes",
    "find_arena",
    "implements",
    "is_whole_scalar",
    "kept",
    "plain_integers",
    "reduced_axes",
    "refused_option",
    "same",
    "together",
    "traced",
    "whole_number",
]

# ufunc → the operation it is, for the fast path of one-operand ufuncs.
UNARY: dict[Any, Operation] = {}
# ufunc name → composition; by name, so that SciPy's ufuncs need no import of SciPy.
UFUNCS: dict[str, Callable[..., Any]] = {}
# NumPy function → composition.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a composition into the table under these NumPy functions."""

    def enter(composition: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = composition
        return composition

    return enter


# Operands ---------------------------------------------------------------------------------------


def find_arena(*values: Any) -> Arena:
    """The arena of the first tracer among values, lists and object arrays.

    Raises
    ------
    UnsupportedError
        When none of them is traced.
    """
    for value in values:
        if isinstance(value, Tracer):
            return value.arena
        if isinstance(value, (list, tuple)):
            nested = [v for v in value if isinstance(v, (Tracer, list, tuple, np.ndarray))]
        elif isinstance(value, np.ndarray) and value.dtype == object:
            nested = [v for v in value.flat if isinstance(v, Tracer)][:1]
        else:
            continue
        try:
            return find_arena(*nested)
        except UnsupportedError:
            continue
    raise UnsupportedError("no traced array is among the operands", where=here())


def traced(*values: Any) -> list[Tracer]:
    """All values as tracers of one arena, in order.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: np.dot([1.0, 2.0], x), np.ones(2)).operations()["total"] > 0
    True
    """
    first = values[0]
    arena = first.arena if isinstance(first, Tracer) else find_arena(*values)
    return [lift(arena, value) for value in values]


def together(*values: Any) -> list[Tracer]:
    """All values as tracers of one arena; plain Python numbers take the dtype of the others.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: together(x, 1.5)[1], np.float32(1.0))(np.float32(2.0)).dtype
    dtype('float32')
    """
    return lift_all(find_arena(*values), values)


def same(tracer: Tracer) -> Tracer:
    """A new tracer of the same value, so that an in-place change of one spares the other."""
    return Tracer(tracer.arena, tracer.node, tracer.aval)


def converted(tracer: Tracer, dtype: Any) -> Any:
    """A new tracer of another dtype; a complex one is a pair of real arrays."""
    wanted = np.dtype(dtype)
    if wanted.kind != "c":
        return same(cast_to(tracer, wanted))
    real: Any = cast_to(tracer, f"f{wanted.itemsize // 2}")
    return real + 0j


# Axes -------------------------------------------------------------------------------------------


def axis_of(axis: Any, ndim: int, what: str) -> int:
    """One axis as a non-negative number.

    Raises
    ------
    ShapeError
        When there is no such axis.
    """
    try:
        return normalize_axis_index(operator.index(axis), ndim)
    except np.exceptions.AxisError:
        raise ShapeError(
            f"{what}: there is no axis {axis} in an array of {ndim} dimensions",
            where=here(),
            hint=f"axes run from {-ndim} to {ndim - 1}." if ndim else "a scalar has no axes.",
        ) from None


def axes_of(axis: Any, ndim: int, what: str) -> tuple[int, ...]:
    """``None``, a number or a tuple of axes as a sorted tuple of non-negative numbers.

    Raises
    ------
    ShapeError
        When an axis does not exist or is repeated.
    """
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list)):
        return (axis_of(axis, ndim, what),)
    axes = tuple(axis_of(one, ndim, what) for one in axis)
    try:
        return tuple(sorted(normalize_axis_tuple(axes, ndim)))
    except ValueError:
        raise ShapeError(f"{what}: an axis is repeated in {tuple(axis)}", where=here()) from None


def is_whole_scalar(axis: Any, ndim: int) -> bool:
    """Whether an axis 0 or −1 means a number as a whole, as NumPy's reductions allow it.

    >>> is_whole_scalar(-1, 0), is_whole_scalar(1, 0), is_whole_scalar(0, 1)
    (True, False, False)
    """
    return not ndim and isinstance(axis, (int, np.integer)) and axis in (0, -1)


def reduced_axes(axis: Any, ndim: int, what: str) -> tuple[int, ...]:
    """As ``axes_of``, for what NumPy computes as a ``ufunc.reduce``."""
    return () if is_whole_scalar(axis, ndim) else axes_of(axis, ndim, what)


def kept(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """A shape in which the reduced axes are kept with size 1."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def plain_integers(value: Any, what: str) -> Any:
    """An argument that must be known while capturing (a shape, an axis, a count).

    Raises
    ------
    DataDependentError
        When it is a traced array.
    """
    if isinstance(value, Tracer):
        raise DataDependentError(
            f"{what} would depend on a traced value, so the graph would have no fixed shape",
            where=here(),
            hint="compute it from shapes or from plain Python numbers.",
        )
    return value


def whole_number(value: Any, what: str) -> int:
    """A count that must be known while capturing.

    Raises
    ------
    DtypeError
        When it is not a whole number.
    """
    try:
        return operator.index(plain_integers(value, what))
    except TypeError:
        if isinstance(value, Tracer):
            raise
        raise DtypeError(
            f"{what} is {value!r:.40}, not a whole number", where=here(), hint="give an int."
        ) from None


def demand_axes(what: str, needed: dict[str, int], *operands: Any) -> None:
    """Refuse operands with fewer axes than a product of vectors or matrices takes.

    Raises
    ------
    ShapeError
        Naming the operand.
    """
    for operand, (kind, least) in zip(operands, needed.items(), strict=True):
        if np.ndim(operand) < least:
            raise ShapeError(
                f"{what}: the {kind} has the shape {np.shape(operand)}, with fewer than {least} "
                f"{'axis' if least == 1 else 'axes'}",
                where=here(),
                hint="use * for a number, @ or np.dot for two vectors.",
            )


# Options ----------------------------------------------------------------------------------------


def refused_option(what: str, option: str, remedy: str = "leave it out.") -> UnsupportedError:
    """The error for an option of a NumPy function that capture does not offer."""
    message = f"{what}: {option} is not supported while tracing"
    return UnsupportedError(message, where=here(), hint=remedy)


def delivered(result: Tracer, out: Any) -> Tracer:
    """The result of a function called with ``out=``: stored into a tracer, refused otherwise.

    Raises
    ------
    MutationError
        When ``out`` is a plain array: a graph cannot write into it.
    """
    if isinstance(out, tuple):
        out = out[0] if out else None
    if out is None:
        return result
    if isinstance(out, Tracer):
        out.replace(result)
        return out
    name, rewrite = without_storing(text_of(user_source()))
    message = f"a traced value would be stored into the plain array {name}".rstrip()
    raise MutationError(message, where=here(), hint=rewrite)
