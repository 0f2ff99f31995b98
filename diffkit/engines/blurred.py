"""Runs over mpmath in which every rounding shows: the noise that a difference has to rise above.

Rounding is no chance: where cos(10⁻⁶⁰) is rounded to 1, it is so at every point near by, the
differences agree on a slope of zero, and nothing tells that the digits were not there.  So every
result that had to be rounded is moved by a random part of its last place,

    fl(a ∘ b) = (a ∘ b)(1 + ε),    10^(−digits)/2 ≤ |ε| ≤ 10^(−digits),

(stochastic arithmetic: J. Vignes 1993, *Math. Comp. Simul.* 35, 233).  What the digits cannot
show then differs from run to run, and numbers of different runs that agree to twenty digits do so
for a reason.

Note [What is rounded].  Results that are exact are left alone, else a kink at 0 would be missed
and a branch taken by chance.  The runs carry ``GUARD_BITS`` more than the digits:

* a sum is exact where a grid of that many bits holds its operands;
* a product is where the mantissas of its factors are short enough together, a quotient or a
  root where the product of it is its operand (a short result tells nothing: x ± h and all that
  comes of them has long rows of zeros);
* a function of zeros is exact; everywhere else it is rounded, and exp(10⁻³⁰⁰) = 1 is, too;
* what picks, compares or moves numbers is exact.

These functions are right to the last place at any magnitude, so that ε is relative to the result.
Of all others it is not known how they get there, log(1 + exp(x)) through 1: their ε is relative to
the largest of their operands, their result and 1.

The caller is ``engines/differences.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from random import Random
from typing import Any

import numpy as np

from diffkit.engines.interpret import program_of
from diffkit.engines.slopes import BITS_PER_DIGIT
from diffkit.errors import DiffkitError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import Elementwise
from diffkit.graph.sources import place_of
from diffkit.lazy import mp

__all__ = ["GUARD_BITS", "Blur", "bits_of", "has_stairs", "is_rough", "only_known_functions"]

# Bits below the last digit: random numbers of 64 bits do not agree by chance.
GUARD_BITS = 64
HALF = 1 << (GUARD_BITS - 1)
SEED = 1993

# See Note [What is rounded].
EXACT = frozenset(
    ("neg", "alias", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
     "logical_and", "logical_or", "logical_not", "mask", "where", "maximum", "minimum", "relu",
     "abs", "sign", "floor", "floor_divide", "clip", "random_word", "probe", "ceil", "trunc",
     "rint", "cast", "getitem", "reshape", "transpose", "spread", "concatenate", "flip",
     "windows", "max", "min", "argmax", "argmin", "sort", "argsort")
)  # fmt: skip
ROUNDED = frozenset(
    ("power", "hypot", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "exp", "expm1",
     "exp2", "log", "log1p", "log2", "log10", "xlogy", "logistic", "sin", "cos", "tan", "arcsin",
     "arccos", "arctan", "arctan2", "erf", "erfc", "prod", "softmax")
)  # fmt: skip
POWER = "integer_power"
STAIRS = frozenset(("floor", "ceil", "trunc", "rint", "floor_divide", "remainder"))
# Over whole arrays: sums of operands, and sums of products that are rounded once.
SUMS_OF_CELLS = frozenset(("sum", "cumsum", "scatter_add", "fold", "tied_mean"))
SUMS_OF_PRODUCTS = frozenset(("matmul", "einsum", "conv2d", "conv2d_image", "conv2d_filter"))


CONDITIONS = (bool, np.bool_)


def bits_of(digits: int) -> int:
    """The working precision, in bits, of a run of so many digits.

    >>> bits_of(100)
    397
    """
    return ceil(digits * BITS_PER_DIGIT) + GUARD_BITS


def only_known_functions(graph: Graph) -> bool:
    """Whether every function is one whose digits cost little, however many there are."""
    operations = graph.columns.operations
    return all(operations[node].name in KNOWN for node in graph.equation_nodes())


def has_stairs(graph: Graph) -> bool:
    """Whether some function is constant between jumps, and has a jump at every whole number."""
    key = ("has stairs",)
    if key not in graph.cache:
        operations = [graph.columns.operations[node] for node in graph.equation_nodes()]
        graph.cache[key] = any(
            operation.name in STAIRS
            or (operation.name == "cast" and np.dtype(operation.kwargs["dtype"]).kind in "iu")
            for operation in operations
        )
    return graph.cache[key]


class Blur:
    """Blurred runs of one graph; the working precision is to be ``bits_of(digits)``.

    >>> from diffkit.capture.parsing import parse
    >>> with mp.workprec(bits_of(30)):
    ...     blurred, exact = (Blur(parse(text)).run([mp.mpf(2) ** -200], 30)[0]
    ...                       for text in ("1-cos(x)", "3*x"))
    ...     1e-31 < abs(blurred) < 1e-29, exact == mp.mpf(3) * mp.mpf(2) ** -200
    (True, True)
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.random = Random(SEED)
        self.trail: list[Any] | None = None  # where results are kept, if they are to be
        self.program = program_of(graph, "mpmath")
        key = ("rules of blurring",)
        if key not in graph.cache:
            graph.cache[key] = [_rule(graph, node) for _, _, node, _ in self.program.steps]
        self.rules: list[Rule | None] = graph.cache[key]

    def run(self, values: Sequence[Any], digits: int) -> list[Any]:
        """The outputs at these input values, each of its roundings made visible."""
        bits = ceil(digits * BITS_PER_DIGIT)
        parts = partial(self.random.getrandbits, GUARD_BITS)
        state: dict[int, Any] = dict(self.program.literals)
        state.update(zip(self.graph.input_nodes, values, strict=True))
        node = -1
        try:
            for (function, operands, node, freed), rule in zip(
                self.program.steps, self.rules, strict=True
            ):
                x = [state[operand] for operand in operands]
                y = function(*x)
                state[node] = y = y if rule is None else rule(bits, parts, y, x)
                if self.trail is not None:
                    self.trail.append(y)
                    self.trail += _choices(self.graph.columns.operations[node].name, x)
                for dead in freed:
                    del state[dead]
        except DiffkitError as error:  # a singular matrix, an index out of range
            error.where = error.where or place_of(self.graph.columns.sources[node]) or None
            raise
        return [state[node] for node in self.graph.output_nodes]


# The rules: how the result y of operands x is blurred ------------------------------------------

Rule = Callable[[int, Callable[[], int], Any, Sequence[Any]], Any]


def _rule(graph: Graph, node: int) -> Rule | None:
    """How the results of a node are blurred; None for exact ones."""
    operation = graph.columns.operations[node]
    if operation.name in EXACT:
        return None
    if operation.name in SUMS_OF_CELLS:
        return _sums_of_cells
    if operation.name in SUMS_OF_PRODUCTS:
        return _sums_of_products
    cell = next((rule for names, rule in CELL_RULES if operation.name in names), _unknown)
    if operation.name == POWER:
        cell = partial(_power, operation.kwargs["n"])
    if isinstance(operation.primitive, Elementwise):
        return partial(_elementwise, cell)
    return partial(_whole, cell)


def _elementwise(
    cell: Callable[..., Any], bits: int, parts: Callable[[], int], y: Any, x: Sequence[Any]
) -> Any:
    if not isinstance(y, np.ndarray):
        return cell(bits, parts, y, *x)
    return np.frompyfunc(partial(cell, bits, parts), 1 + len(x), 1)(y, *x)


def _whole(
    cell: Callable[..., Any], bits: int, parts: Callable[[], int], y: Any, x: Sequence[Any]
) -> Any:
    """Every cell of the result against the largest of all operands."""
    return _elementwise(cell, bits, parts, y, [_largest(x)])


def _sums_of_cells(bits: int, parts: Callable[[], int], y: Any, x: Sequence[Any]) -> Any:
    if _width(x) + _bit_length(x) <= mp.mp.prec:
        return y
    return _elementwise(_against, bits, parts, y, [_largest(x)])


def _sums_of_products(bits: int, parts: Callable[[], int], y: Any, x: Sequence[Any]) -> Any:
    if 2 * _width(x) + _bit_length(x) <= mp.mp.prec:
        return y
    size = mp.fprod(_largest([item]) for item in x) / (1 << GUARD_BITS)
    return _elementwise(_against, bits, parts, y, [size])


def _sum(bits: int, parts: Callable[[], int], y: Any, a: Any, b: Any) -> Any:
    try:
        _, m, low, size = a._mpf_
        _, n, other, extent = b._mpf_
    except AttributeError:  # an integer or a condition
        return _relative(bits, parts, y)
    if not (m and n):
        return y
    span = max(low + size, other + extent) - min(low, other)
    return y if span < mp.mp.prec else _relative(bits, parts, y)


def _product(bits: int, parts: Callable[[], int], y: Any, a: Any, b: Any) -> Any:
    return y if _length(a) + _length(b) <= mp.mp.prec else _relative(bits, parts, y)


def _power(n: int, bits: int, parts: Callable[[], int], y: Any, a: Any) -> Any:
    exact = _length(a) <= 1 or 0 <= n * _length(a) <= mp.mp.prec
    return y if exact else _relative(bits, parts, y)


def _quotient(bits: int, parts: Callable[[], int], y: Any, a: Any, b: Any) -> Any:
    exact = _length(y) + _length(b) <= mp.mp.prec and y * b == a
    return y if exact else _relative(bits, parts, y)


def _root(bits: int, parts: Callable[[], int], y: Any, a: Any) -> Any:
    exact = 3 * _length(y) <= mp.mp.prec and a in (y**2, y**3)
    return y if exact else _relative(bits, parts, y)


def _rounded(bits: int, parts: Callable[[], int], y: Any, *x: Any) -> Any:
    return _relative(bits, parts, y) if x[0] or x[-1] else y


def _unknown(bits: int, parts: Callable[[], int], y: Any, *x: Any) -> Any:
    sizes = [abs(item) for item in x if isinstance(item, mp.mpf) and mp.isfinite(item)]
    return _against(bits, parts, y, max(sizes, default=mp.mpf(0)) + 1)


CELL_RULES: tuple[tuple[frozenset[str], Callable[..., Any]], ...] = (
    (frozenset(("add", "sub")), _sum),
    (frozenset(("mul",)), _product),
    (frozenset(("div",)), _quotient),
    (frozenset(("sqrt", "cbrt")), _root),
    (ROUNDED, _rounded),
)
KNOWN = EXACT.union((POWER,), SUMS_OF_CELLS, SUMS_OF_PRODUCTS, *(names for names, _ in CELL_RULES))


# Trails ---------------------------------------------------------------------------------------

# What is picked is a condition, too, and shows where the result is small.
CHOICES: dict[str, Callable[..., list[Any]]] = {
    "maximum": lambda a, b: [np.less(a, b)],
    "minimum": lambda a, b: [np.less(a, b)],
    "clip": lambda x, low, high: [np.less(x, low), np.greater(x, high)],
    "relu": lambda x: [np.greater(x, 0)],
    "abs": lambda x: [np.greater(x, 0)],
}


def _choices(name: str, x: Sequence[Any]) -> list[Any]:
    """The conditions by which an operation picks, if it does."""
    return CHOICES[name](*x) if name in CHOICES else []


def is_rough(one: Sequence[Any], other: Sequence[Any], h: Any) -> bool:
    """Whether some result of two runs, some h apart, changes by more than √h of itself.

    Results below √h are left out: x³ does so at 0.  A condition that changes is rough.

    >>> h = mp.ldexp(1, -100)
    >>> is_rough([mp.mpf(2)], [mp.mpf(2) + h], h), is_rough([mp.mpf(2)], [mp.mpf(1)], h)
    (False, True)
    """
    small = int(mp.mag(h)) // 2
    for a, b in zip(one, other, strict=True):
        if isinstance(a, np.ndarray):
            pairs = zip(a.reshape(-1), np.asarray(b, dtype=object).reshape(-1), strict=True)
            if any(_far_apart(x, y, small) for x, y in pairs):
                return True
        elif _far_apart(a, b, small):
            return True
    return False


def _far_apart(a: Any, b: Any, small: int) -> bool:
    if not (isinstance(a, mp.mpf) and isinstance(b, mp.mpf)):
        return isinstance(a, CONDITIONS) and isinstance(b, CONDITIONS) and bool(a) != bool(b)
    _, m, low, size = a._mpf_
    _, n, other, extent = b._mpf_
    top = max(low + size if m else small, other + extent if n else small)
    if top <= small:  # infinities and NaNs have no mantissa, either
        return False
    _, m, low, size = (b - a)._mpf_
    return bool(m) and low + size > top + small


# Noise ----------------------------------------------------------------------------------------


def _relative(bits: int, parts: Callable[[], int], y: Any) -> Any:
    """y(1 + ε); zeros, infinities, NaNs and integers stay."""
    if not isinstance(y, mp.mpf):
        return y
    sign, mantissa, exponent, size = y._mpf_
    if not mantissa:
        return y
    part = parts()  # its last bit is the sign, its first makes it no less than a half
    noise = part | HALF if part & 1 else -(part | HALF)
    room = bits + GUARD_BITS - size
    mantissa = (mantissa << room) + noise if room >= 0 else mantissa + (noise << -room)
    found = mp.libmp.from_man_exp(-mantissa if sign else mantissa, exponent - max(room, 0))
    return mp.make_mpf(found)


def _against(bits: int, parts: Callable[[], int], y: Any, size: Any) -> Any:
    """y + ε · (the larger of |y| and size)."""
    if not isinstance(y, mp.mpf) or not mp.isfinite(y):
        return y
    size = max(abs(y), size)
    return y + (_relative(bits, parts, size) - size)


def _cells_of(x: Sequence[Any]) -> list[Any]:
    flat = [cell for item in x for cell in np.asarray(item, dtype=object).reshape(-1)]
    return [cell for cell in flat if isinstance(cell, mp.mpf) and mp.isfinite(cell) and cell]


def _largest(x: Sequence[Any]) -> Any:
    return max((abs(cell) for cell in _cells_of(x)), default=mp.mpf(0))


def _width(x: Sequence[Any]) -> int:
    """The bits of the grid that holds every number of the operands."""
    parts = [cell._mpf_ for cell in _cells_of(x)]
    tops, lows = [e + size for _, _, e, size in parts], [e for _, _, e, _ in parts]
    return max(tops, default=0) - min(lows, default=0)


def _length(x: Any) -> int:
    """The bits of a mantissa; those of integers count for nothing, they are small."""
    return x._mpf_[3] if isinstance(x, mp.mpf) else 0


def _bit_length(x: Sequence[Any]) -> int:
    return sum(int(np.size(item)) for item in x).bit_length()
