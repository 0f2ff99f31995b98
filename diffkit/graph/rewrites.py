"""The table of rewrites: what may stand for what, without changing a single bit.

A rule looks at one equation whose operands are rewritten already and says what computes the
same numbers more cheaply: x·1 → x, −(−x) → x, reshape(reshape x) → reshape x.  The walk that
applies the table is in ``graph/rewriting.py``.

Note [Safe identities].  IEEE 754 arithmetic is not algebra.  A rule is here only if it gives
the same value for every operand, with NaN, ±∞ and ±0 among them: x·0, x − x and x / x are not
rewritten (NaN and ∞), nor x + 0.0 (−0.0 + 0.0 is 0.0), 0 − x (0 − 0 is 0, not −0) or −(a − b)
(the sign of zero again); x − 0.0 and x + (−0.0) are x.  Reading on: Goldberg 1991, *What every
computer scientist should know about floating-point arithmetic*, section 3.2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.graph.arena import SMALL_LITERAL_BYTES, Arena
from diffkit.graph.avals import Aval, aval_of
from diffkit.graph.ir import Operation
from diffkit.graph.primitive import REGISTRY

__all__ = [
    "COMMON_SUBEXPRESSIONS", "DEAD_CODE", "RULES", "SUBTRACTED_MAXIMUM", "New", "Pattern",
    "Rewrite", "Seen",
]  # fmt: skip

New = tuple[Operation, tuple[int, ...]]  # an equation to be computed instead


class Seen:
    """One equation as a rule sees it, with its operands rewritten."""

    __slots__ = ("arena", "aval", "operands", "operation")

    def __init__(
        self, arena: Arena, operation: Operation, operands: tuple[int, ...], aval: Aval
    ) -> None:
        self.arena = arena
        self.operation = operation
        self.operands = operands
        self.aval = aval

    def constant(self, place: int) -> Any:
        """The value of an operand that is a literal, or None."""
        return self.arena.values.get(self.operands[place])

    def is_all(self, place: int, number: float) -> bool:
        """Whether an operand is a literal full of this number (0.0 and −0.0 differ)."""
        value = self.constant(place)
        if value is None:
            return False
        if not value.ndim and value != number:  # the usual case, decided at once
            return False
        array = np.asarray(value)
        same = array == number
        if number == 0 and array.dtype.kind == "f":
            same = same & (np.signbit(array) == np.signbit(number))
        return bool(array.size) and bool(np.all(same))

    def defined(self, place: int, name: str) -> tuple[int, ...] | None:
        """The operands of the equation behind an operand, if it is of this primitive."""
        node = self.operands[place]
        return self.arena.operands[node] if self.arena.operations[node].name == name else None

    def params(self, place: int) -> dict[str, Any]:
        """The parameters of the equation behind an operand."""
        return self.arena.operations[self.operands[place]].kwargs

    def same(self, node: int) -> int | None:
        """A node as the result, if its shape and dtype are the equation's own."""
        return node if self.arena.avals[node] is self.aval else None

    def instead(self, name: str, *operands: int, **params: Any) -> New:
        """Another equation as the result."""
        return REGISTRY[name].operation(params), operands


Pattern = Callable[[Seen], "int | New | None"]


@dataclass(frozen=True)
class Rewrite:
    """A row of the table: a name, the primitives it looks at, and its pattern.

    ``on`` is empty for rules that look at every equation.  The pattern returns a node that
    has the value already, an equation to compute instead, or None.
    """

    name: str
    doc: str
    on: tuple[str, ...]
    pattern: Pattern


RULES: dict[str, Rewrite] = {}


def _rule(name: str, *on: str) -> Callable[[Pattern], Pattern]:
    """Add a pattern to the table; its docstring is the doc of the row."""

    def register(pattern: Pattern) -> Pattern:
        RULES[name] = Rewrite(name, (pattern.__doc__ or "").strip(), on, pattern)
        return pattern

    return register


DEAD_CODE = "dead code"
COMMON_SUBEXPRESSIONS = "common subexpressions"
SUBTRACTED_MAXIMUM = "subtracted maximum"


# The table -----------------------------------------------------------------------------------


@_rule(DEAD_CODE)
def _dead_code(seen: Seen) -> None:
    """An equation that no output and no guard needs is left out (before any other rule)."""


@_rule(COMMON_SUBEXPRESSIONS)
def _common_subexpression(seen: Seen) -> int | None:
    """An equation that stands in the graph already is not computed again."""
    return seen.arena.table.get((seen.operation, *seen.operands))


@_rule(SUBTRACTED_MAXIMUM)
def _subtracted_maximum(seen: Seen) -> None:
    """A maximum on which no output depends, as in exp(x − max x) / Σ, is constant to derivatives.

    ``graph/shifts.py`` shows which (after all other rules); every derivative does so by itself.
    """


@_rule("constant folding")
def _constant_folding(seen: Seen) -> int | None:
    """φ(constants) is computed now, unless the result is large or not finite.

    A NaN or an infinity stays where it is born, so that its line can be told.
    """
    values = [seen.constant(place) for place in range(len(seen.operands))]
    if not values or any(value is None for value in values) or seen.operation.name == "alias":
        return None
    if seen.aval.size * seen.aval.dtype.itemsize > SMALL_LITERAL_BYTES:
        return None
    with np.errstate(all="ignore"):
        result = np.asarray(seen.operation.primitive.value(*values, **seen.operation.kwargs))
    if result.dtype == object or aval_of(result) is not seen.aval:
        return None
    return seen.arena.literal(result) if np.isfinite(result).all() else None


@_rule("product with 1", "mul")
def _product_with_one(seen: Seen) -> int | None:
    """x·1 → x and 1·x → x."""
    for place in (0, 1):
        if seen.is_all(place, 1.0):
            return seen.same(seen.operands[1 - place])
    return None


@_rule("product with -1", "mul")
def _product_with_minus_one(seen: Seen) -> New | None:
    """x·(−1) → −x and (−1)·x → −x."""
    for place in (0, 1):
        other = seen.operands[1 - place]
        if seen.is_all(place, -1.0) and seen.same(other) is not None:
            return seen.instead("neg", other)
    return None


@_rule("quotient by 1", "div")
def _quotient_by_one(seen: Seen) -> int | None:
    """x / 1 → x."""
    return seen.same(seen.operands[0]) if seen.is_all(1, 1.0) else None


@_rule("power 1", "power", "integer_power")
def _power_one(seen: Seen) -> int | None:
    """x ** 1 → x."""
    if seen.operation.name == "integer_power":
        one = seen.operation.kwargs["n"] == 1
    else:
        one = seen.is_all(1, 1.0)
    return seen.same(seen.operands[0]) if one else None


@_rule("double negation", "neg")
def _double_negation(seen: Seen) -> int | None:
    """−(−x) → x."""
    inner = seen.defined(0, "neg")
    return inner[0] if inner else None


@_rule("difference with 0", "sub")
def _difference_with_zero(seen: Seen) -> int | None:
    """x − 0 → x, for x = −0.0 too (but x − (−0.0) stays: it turns −0.0 into 0.0)."""
    return seen.same(seen.operands[0]) if seen.is_all(1, 0.0) else None


@_rule("sum with -0", "add")
def _sum_with_minus_zero(seen: Seen) -> int | None:
    """x + (−0.0) → x; for integers x + 0 → x."""
    zero = -0.0 if seen.aval.dtype.kind == "f" else 0.0
    for place in (0, 1):
        if seen.is_all(place, zero):
            return seen.same(seen.operands[1 - place])
    return None


@_rule("sum with a negation", "add")
def _sum_with_negation(seen: Seen) -> New | None:
    """a + (−b) → a − b and (−a) + b → b − a."""
    for place in (1, 0):
        inner = seen.defined(place, "neg")
        if inner:
            return seen.instead("sub", seen.operands[1 - place], inner[0])
    return None


@_rule("difference with a negation", "sub")
def _difference_with_negation(seen: Seen) -> New | None:
    """a − (−b) → a + b."""
    inner = seen.defined(1, "neg")
    return seen.instead("add", seen.operands[0], inner[0]) if inner else None


@_rule("product of negations", "mul", "div")
def _product_of_negations(seen: Seen) -> New | None:
    """(−a)·(−b) → a·b and (−a) / (−b) → a / b."""
    left, right = seen.defined(0, "neg"), seen.defined(1, "neg")
    return seen.instead(seen.operation.name, left[0], right[0]) if left and right else None


@_rule("absolute value of an absolute value", "abs")
def _double_absolute(seen: Seen) -> int | New | None:
    """||x|| → |x| and |−x| → |x|."""
    if seen.defined(0, "abs"):
        return seen.operands[0]
    inner = seen.defined(0, "neg")
    return seen.instead("abs", inner[0]) if inner else None


@_rule("double logical not", "logical_not")
def _double_logical_not(seen: Seen) -> int | None:
    """not (not c) → c, for a boolean c."""
    inner = seen.defined(0, "logical_not")
    return seen.same(inner[0]) if inner else None


@_rule("known selection", "mask", "where")
def _known_selection(seen: Seen) -> int | None:
    """mask(true, x) → x; where(true, a, b) → a; where(false, a, b) → b; where(c, a, a) → a."""
    if seen.is_all(0, 1.0):
        return seen.same(seen.operands[1])
    if seen.operation.name == "mask":
        return None
    if seen.is_all(0, 0.0):
        return seen.same(seen.operands[2])
    return seen.same(seen.operands[1]) if seen.operands[1] == seen.operands[2] else None


@_rule("mask of a mask", "mask")
def _mask_of_mask(seen: Seen) -> int | None:
    """mask(c, mask(c, x)) → mask(c, x)."""
    inner = seen.defined(1, "mask")
    return seen.same(seen.operands[1]) if inner and inner[0] == seen.operands[0] else None


@_rule("cast to the same dtype", "cast")
def _idle_cast(seen: Seen) -> int | None:
    """cast(x) → x if x has the dtype; f32 → f64 → f32 → x, since widening is exact."""
    inner = seen.defined(0, "cast")
    if inner and seen.arena.avals[inner[0]] is seen.aval:
        wide = seen.arena.avals[seen.operands[0]].dtype
        narrow = seen.aval.dtype  # within one kind: i64 → f64 loses digits
        if wide.kind == narrow.kind and np.can_cast(narrow, wide, casting="safe"):
            return inner[0]
    return seen.same(seen.operands[0])


@_rule("reshape of a reshape", "reshape")
def _reshape_of_reshape(seen: Seen) -> int | New | None:
    """reshape(reshape x) → reshape x; a reshape to x's own shape → x."""
    if seen.same(seen.operands[0]) is not None:
        return seen.operands[0]
    inner = seen.defined(0, "reshape")
    return (seen.operation, (inner[0],)) if inner else None


@_rule("transpose of a transpose", "transpose")
def _transpose_of_transpose(seen: Seen) -> int | New | None:
    """transpose(transpose x) → one transpose; the identity permutation → x."""
    axes = tuple(seen.operation.kwargs["axes"])
    if axes == tuple(range(len(axes))):
        return seen.same(seen.operands[0])
    inner = seen.defined(0, "transpose")
    if not inner:
        return None
    first = tuple(seen.params(0)["axes"])
    return seen.instead("transpose", inner[0], axes=tuple(first[axis] for axis in axes))


@_rule("reduction over no axis", "prod", "max", "min", "spread")
def _idle_reduction(seen: Seen) -> int | None:
    """prod, max, min or spread over no axis → x (a sum would turn −0.0 into 0.0)."""
    return None if seen.operation.kwargs.get("axes") else seen.same(seen.operands[0])
