"""A graph as Numba code: the same statements as for NumPy, compiled, with loops where they must be.

    @njit(error_model="numpy")
    def f(x, w):
        z = x @ w                      # example.py:3
        top = np.empty((32,))          # example.py:4
        for i in range(32):
            top[i] = np.max(z[i, :])

Elementwise operations are array expressions, which Numba turns into loops itself, and loops where
an array has more than two axes; what NumPy does along an axis and Numba does not is written as a
loop over the other axes; convolutions,
log-sum-exp and the like are short functions printed before; a scan is a ``for`` loop.  Types are
the compiler's to infer, so constants carry theirs, and arrays of a layout that it knows nothing
about are copied before they are reshaped.

The text needs NumPy and Numba alone (and SciPy, which Numba calls for products and linear
algebra).  Its numbers are the interpreter's up to the last digits: sums run from the first
element to the last, where NumPy's run in pairs, and functions are the C library's.  Indices from
an array are not checked.  Scalars come back as Python's.

Reading on: ``engines/specialise.py`` for what ``engine="specialise"`` compiles, which is no
Python; Lam, Pitrou & Seibert 2015, *Numba: a LLVM-based Python JIT compiler*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.engines.emitting import NUMPY, Dialect, constant, dtype_text, expression, writable
from diffkit.engines.source import Writer, index_text
from diffkit.engines.source_helpers import Globals
from diffkit.engines.source_numba_helpers import DECORATOR, HELPERS, needed
from diffkit.engines.source_numba_linalg import LINEAR_ALGEBRA
from diffkit.engines.source_numba_loops import (
    along,
    array_index,
    einsum,
    elements,
    gathered,
    matrices,
    over_axes,
    scattered,
)
from diffkit.engines.source_numba_scan import IN_ORDER, LETTERS, VIEW, Place, loop_lines, shape_text
from diffkit.errors import EngineError
from diffkit.graph.avals import Aval
from diffkit.graph.ir import LITERAL, Graph, Operation
from diffkit.graph.primitive import REGISTRY, Elementwise
from diffkit.graph.sources import place_of

__all__ = ["ARRAYS", "NumbaWriter", "can_print"]

# Numba has no half precision on a CPU, and no extended one.
_UNKNOWN = (np.dtype(np.float16), np.dtype(np.longdouble))


# Numba's array expressions compile in some 0.1 s with two axes, and each axis more multiplies that
# by two and more (seconds with four; measured with Numba 0.68); loops over numbers stay at 0.1 s.
EXPRESSION_AXES = 2


def can_print(name: str) -> bool:
    """Whether an operation has a text in Numba.

    >>> from diffkit.primitives.fourier import dft
    >>> can_print("matmul"), can_print(dft.name)
    (True, False)
    """
    return name in _WRITERS or name == "scan" or writable(REGISTRY[name].bare, ARRAYS)


class NumbaWriter(Writer):
    """Writes one graph as Numba code.

    Raises
    ------
    EngineError
        For an operation or a dtype that Numba does not have; it names the user's line.
    """

    reserved = ("bool", "float", "int", "math", "njit", "range", "type", "vectorize",
                *LETTERS, *HELPERS)  # fmt: skip
    decorator = DECORATOR

    def __init__(self, graph: Graph, name: str, shared: Globals | None = None) -> None:
        super().__init__(graph, name, shared)
        self.layouts = dict.fromkeys(self.columns.values, IN_ORDER)

    def _helpers(self, text: str) -> list[str]:
        return needed(text)

    def _imports(self, text: str) -> list[str]:
        return _imports(text)

    def _literal(self, value: Any) -> str:
        """A constant: arrays are named, since Numba takes a named one as it lies in memory."""
        return self._named(np.asarray(value)) if np.ndim(value) else constant(value)

    def _output(self, node: int) -> str:
        """What is returned; a constant array as a copy, which the caller may change."""
        text, columns = self.texts[node], self.columns
        copied = columns.operations[node] is LITERAL and columns.avals[node].ndim
        return f"{text}.copy()" if copied else text

    def _statements(self, node: int, texts: Sequence[str], avals: Sequence[Aval]) -> list[str]:
        operation, out = self.columns.operations[node], self.columns.avals[node]
        for of in (*avals, out):
            if of.dtype.kind not in "fiub" or of.dtype in _UNKNOWN:
                raise self._refused(node, f"has the dtype {of.dtype}")
        layouts = [self.layouts.get(operand, "") for operand in self.columns.operands[node]]
        where = Place(self.texts[node], texts, avals, out, self.names, layouts)
        self.layouts[node] = self._layout(node)
        if operation.name == "scan":
            return loop_lines(where, self._step(operation.kwargs["body"]), operation.kwargs)
        writer = _WRITERS.get(operation.name)
        if writer is not None:
            return writer(where, **operation.kwargs)
        if writable(operation, ARRAYS):
            if out.ndim <= EXPRESSION_AXES or operation.name in ("alias", "probe"):
                return [f"{where.target} = {_elementwise(where, operation)}"]
            return elements(where, lambda one: _elementwise(one, operation))
        raise self._refused(node, "has no form that Numba compiles")

    def _typed(self, text: str, of: Aval) -> str:
        """Compiled code has NumPy's rules for floats; whole numbers would be folded before."""
        return text if of.dtype == np.float64 else super()._typed(text, of)

    def _layout(self, node: int) -> str:
        """How the elements of an array lie, as far as the compiler knows."""
        columns = self.columns
        operation, out = columns.operations[node], columns.avals[node]
        operands = columns.operands[node]
        before = [self.layouts.get(operand, "") for operand in operands]
        if operation.name in ("alias", "probe"):
            return before[0]
        if operation.name in _VIEWS:
            return _view_layout(operation, before, out)
        if isinstance(operation.primitive, Elementwise):
            if out.ndim > EXPRESSION_AXES:
                return IN_ORDER
            same = [k for k, i in enumerate(operands) if columns.avals[i].ndim == out.ndim]
            chosen = operation.name not in ("where", "mask")
            return IN_ORDER if chosen and any(before[k] == IN_ORDER for k in same) else ""
        return IN_ORDER if operation.name in _WRITERS and operation.name not in _ANY_LAYOUT else ""

    def _refused(self, node: int, why: str) -> EngineError:
        return EngineError(
            f"to_source: {self.columns.operations[node].name} {why}",
            where=place_of(self.columns.sources[node]) or None,
            hint='print it with target="numpy".',
        )


# Parts of other arrays, and results whose layout follows from that of the operands.
_VIEWS = ("flip", "getitem", "spread", "transpose")
_ANY_LAYOUT = ("concatenate", "cholesky", "eigh", "pinv", "qr", "solve", "svd")


def _view_layout(operation: Operation, before: Sequence[str], out: Aval) -> str:
    if operation.name == "getitem" and array_index(operation.kwargs["index"]):
        return IN_ORDER
    if operation.name == "transpose" and out.ndim <= 2:
        return before[0] if out.ndim < 2 or before[0] == VIEW else ""
    return VIEW


def _imports(text: str) -> list[str]:
    return [
        *(["import math", ""] if "math." in text else []),
        "import numpy as np",
        f"from numba import njit{', vectorize' if '@vectorize' in text else ''}",
    ]


# One element at a time ------------------------------------------------------------------------


def _elementwise(where: Place, operation: Operation) -> str:
    """An array expression; integers narrower than 64 bits are converted back, as NumPy keeps them.

    Numba's own rules widen them in scalar code only.
    """
    if operation.name in ("where", "mask") and not where.out.ndim:
        condition, chosen, *rest = where.texts
        return f"{chosen} if {condition} else {rest[0] if rest else _zero(where.out)}"
    text = expression(ARRAYS, operation, where.texts, where.avals, where.out)
    if operation.name == "cast" or where.out.dtype.kind in "fb":
        return text
    if where.out.dtype.itemsize == np.dtype(np.int64).itemsize:
        return text
    dtype = dtype_text(where.out.dtype)
    return f"({text}).astype({dtype})" if where.out.ndim else f"{dtype}({text})"


def _zero(of: Aval) -> str:
    return constant(of.dtype.type(0))


def _cast(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    dtype = np.dtype(operation.kwargs["dtype"])
    if dtype.kind == "b":
        return f"{operands[0]} != 0"
    text = dtype_text(dtype)
    return f"{operands[0]}.astype({text})" if avals[0].ndim else f"{text}({operands[0]})"


def _integer_power(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    """Products, where they are as exact as a call; a float exponent keeps float32."""
    x, n, of = operands[0], operation.kwargs["n"], avals[0]
    if 2 <= n <= 3:
        return " * ".join([x] * n)
    if n == -1:
        return f"{constant(of.dtype.type(1))} / {x}"
    return f"{x} ** {constant(of.dtype.type(n))}"


def _softplus(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"np.logaddexp({_zero(avals[0])}, {operands[0]})"


def _xlogy(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    a, b = operands
    one = constant(avals[0].dtype.type(1))
    return f"{a} * np.log(np.where({a} == 0, {one}, {b}))"


ARRAYS = Dialect(
    "numba arrays",
    NUMPY.functions | {name: name for name in ("erf", "erfc", "gamma", "gammaln")},
    NUMPY.special
    | {
        "cast": _cast,
        "integer_power": _integer_power,
        "softplus": _softplus,
        "xlogy": _xlogy,
    },
)
"""Elementwise operations on whole arrays, as Numba compiles them."""


# Many elements at a time ------------------------------------------------------------------------

Writes = Callable[..., list[str]]


def _line(where: Place, text: str) -> list[str]:
    return [f"{where.target} = {text}"]


def _reduction(function: str) -> Writes:
    def write(where: Place, axes: tuple[int, ...], held: bool = False) -> list[str]:
        return over_axes(where, axes, lambda part: f"{function}({part})")

    return write


def _place_of(function: str) -> Writes:
    def write(where: Place, axis: int) -> list[str]:
        return over_axes(where, (axis,), lambda part: f"{function}({part})")

    return write


def _running(template: str) -> Writes:
    def write(where: Place, axis: int) -> list[str]:
        return along(where, (axis,), template.format)

    return write


def _softmax(where: Place, axes: tuple[int, ...]) -> list[str]:
    return along(where, axes, "softmax({})".format)


def _full(where: Place, shape: tuple[int, ...]) -> str:
    """An array of one number."""
    x, dtype = where.texts[0], where.out.dtype
    of = "" if dtype == np.float64 else f", {dtype_text(dtype)}"
    return f"np.full({shape_text(shape)}, {x}{of})" if shape else x


def _reshape(where: Place, shape: tuple[int, ...]) -> list[str]:
    x, of = where.texts[0], where.avals[0]
    if not of.ndim:
        return _line(where, _full(where, shape))
    if not shape:
        return _line(where, f"{x}[{', '.join('0' * of.ndim)}]")
    return _line(where, f"{where.in_row(x, 0, sure=True)}.reshape({shape_text(shape)})")


def _transpose(where: Place, axes: tuple[int, ...]) -> list[str]:
    x = where.texts[0]
    if axes == tuple(reversed(range(len(axes)))):
        return _line(where, f"{x}.T" if len(axes) > 1 else x)
    return _line(where, f"np.transpose({x}, {axes})")


def _spread(where: Place, axes: tuple[int, ...], sizes: tuple[int, ...]) -> list[str]:
    x, shape = where.texts[0], where.out.shape
    if not where.avals[0].ndim:
        return _line(where, _full(where, shape))
    if axes != tuple(range(len(axes))):
        index = ["None" if axis in axes else ":" for axis in range(len(shape))]
        x = f"{x}[{', '.join(index)}]"
    return _line(where, f"np.broadcast_to({x}, {shape})")


def _concatenate(where: Place, axis: int) -> list[str]:
    if len(where.texts) == 1:
        return _line(where, f"{where.texts[0]}.copy()")
    return _line(where, f"np.concatenate(({', '.join(where.texts)}), axis={axis})")


def _flip(where: Place, axes: tuple[int, ...]) -> list[str]:
    ndim = where.avals[0].ndim
    index = ", ".join("::-1" if axis in axes else ":" for axis in range(ndim))
    return _line(where, f"{where.texts[0]}[{index}]" if ndim else where.texts[0])


def _getitem(where: Place, index: tuple[Any, ...]) -> list[str]:
    if array_index(index):
        return gathered(where, index)
    return _line(where, f"{where.texts[0]}[{index_text(index, ())}]" if index else where.texts[0])


def _scatter_add(where: Place, index: tuple[Any, ...], shape: tuple[int, ...]) -> list[str]:
    return scattered(where, index)


def _matmul(where: Place) -> list[str]:
    """BLAS for floats; Numba has no products of integers or truth values."""
    if where.out.dtype.kind == "f":
        return matrices(where, (2, 2), lambda a, b: f"{a} @ {b}")
    product = "truth_product" if where.out.dtype.kind == "b" else "whole_product"
    return matrices(where, (2, 2), lambda a, b: f"{product}({a}, {b})")


def _einsum(where: Place, subscripts: str) -> list[str]:
    return einsum(where, subscripts)


def _image(name: str) -> Writes:
    def write(where: Place, stride: Any, padding: Any, **params: Any) -> list[str]:
        words = [*where.texts, str(stride), str(padding), str(where.out.shape)]
        return _line(where, f"{name}({', '.join(words)})")

    return write


def _searchsorted(where: Place, side: str) -> list[str]:
    return _line(where, f"np.searchsorted({', '.join(where.texts)}, side={side!r})")


_WRITERS: dict[str, Writes] = {
    **LINEAR_ALGEBRA,
    "argmax": _place_of("np.argmax"),
    "argmin": _place_of("np.argmin"),
    "argsort": _running('np.argsort({}, kind="mergesort")'),
    "concatenate": _concatenate,
    "cummax": _running("running_max({})"),
    "cummin": _running("running_min({})"),
    "cumprod": _running("np.cumprod({})"),
    "cumsum": _running("np.cumsum({})"),
    "einsum": _einsum,
    "flip": _flip,
    "getitem": _getitem,
    "logsumexp": _reduction("logsumexp"),
    "matmul": _matmul,
    "max": _reduction("np.max"),
    "min": _reduction("np.min"),
    "prod": _reduction("np.prod"),
    "recurrence": _running("recurrence({}, {})"),
    "reshape": _reshape,
    "scatter_add": _scatter_add,
    "searchsorted": _searchsorted,
    "softmax": _softmax,
    "sort": _running("np.sort({})"),
    "spread": _spread,
    "sum": _reduction("np.sum"),
    "tied_mean": _running("tied_mean({}, {})"),
    "transpose": _transpose,
    **{name: _image(name) for name in ("conv2d", "conv2d_filter", "conv2d_image", "fold",
                                       "windows")},
}  # fmt: skip
