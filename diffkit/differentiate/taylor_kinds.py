"""The recurrence that an operation gets from its kind.

    elementwise:   k yₖ = Σᵢ Σⱼ (j xᵢⱼ) pᵢ,ₖ₋ⱼ      from the declared partial derivatives pᵢ
    linear:        yₖ = L(xₖ)
    other:         k yₖ = (ẏ)ₖ₋₁                    from the declared pushforward

So every primitive has a Taylor series, and none declares anything for it.  The essay of
``taylor_sweep.py`` says why; ``taylor_rules.py`` has the better recurrences of single operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.taylor_sweep import Coefficient, Recurrence, TaylorSweep
from diffkit.differentiate.templates import jvp_template, splice
from diffkit.errors import RuleError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import INPUT, LITERAL, Operation
from diffkit.graph.primitive import Elementwise, Linear, Other, Selected
from diffkit.primitives.arithmetic import add, div, mul, neg
from diffkit.primitives.piecewise import mask

__all__ = ["ByLinearity", "ByPartials", "ByPushforward", "general_recurrence"]


def general_recurrence(operation: Operation) -> type[Recurrence]:
    """The recurrence that a primitive gets from its kind.

    Raises
    ------
    RuleError
        For an operation of no kind.
    """
    for kind, rule in ((Elementwise, ByPartials), (Linear, ByLinearity), (Other, ByPushforward)):
        if isinstance(operation.primitive, kind):
            return rule
    raise RuleError(
        f"{operation.name} has no Taylor series: it declares no derivative",
        hint="write it as an Elementwise, Linear or Other primitive.",
    )


class ByPartials(Recurrence):
    """k yₖ = Σᵢ Σⱼ (j xᵢⱼ) pᵢ,ₖ₋ⱼ, from the declared partial derivatives pᵢ."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        super().__init__(sweep, node)
        y, x = sweep.tracer(node), list(map(sweep.tracer, self.operands))
        primitive: Any = self.operation.primitive
        start = len(sweep.arena.operations)
        thunks = self.traced(primitive.partials, y, *x, **self.operation.kwargs)
        partials = [
            (i, self.traced(thunk))
            for i, thunk in zip(self.operands, thunks, strict=True)
            if thunk is not None and sweep.moving(i)
        ]
        share_constants(sweep, start)
        self.terms = [self._term(i, partial) for i, partial in partials]

    def _term(self, operand: int, partial: Any) -> _Term:
        if isinstance(partial, Selected):
            return _Term(self.sweep, operand, *self._factor(operand, partial.factor), partial.mask)
        return _Term(self.sweep, operand, *self._factor(operand, partial))

    def _factor(self, operand: int, partial: Any) -> tuple[int | None, float]:
        """The node of a partial derivative, or None and a plain number."""
        if isinstance(partial, Tracer):
            node = self.sweep.same.get(partial.node, partial.node)
            return self.sweep.shaped(node, _same_dtype(partial.aval, self, operand)), 1.0
        return None, float(partial)

    def coefficient(self, k: int) -> Coefficient:
        sweep, whole, parts = self.sweep, None, None
        for term in self.terms:
            direct, share = term.contribution(k)
            whole, parts = sweep.plus(whole, direct), sweep.plus(parts, share)
        return sweep.plus(whole, sweep.divided(parts, k))


def _same_dtype(of: Aval, rule: Recurrence, operand: int) -> Aval:
    return aval(of.shape, rule.sweep.arena.avals[operand].dtype)


class _Term:
    """The part of y′ that one operand causes: w′ = p·x′, selected by a condition if there is one.

    A partial derivative that is a quotient p = c/b is not divided out: b·w′ = c·x′.
    """

    def __init__(
        self, sweep: TaylorSweep, x: int, p: int | None, factor: float, condition: Any = None
    ) -> None:
        self.sweep, self.x, self.p, self.factor = sweep, x, p, factor
        self.condition = None if condition is None else condition.node
        self.above, self.below = p, None
        if p is not None and sweep.arena.operations[p] is div.bare:
            self.above, self.below = sweep.arena.operands[p]
        self.shares: list[Coefficient] = [None]  # k wₖ

    def contribution(self, k: int) -> tuple[Coefficient, Coefficient]:
        """(wₖ, 0) where that is known at once, else (0, k wₖ)."""
        direct = self.p is None or not self.sweep.moving(self.p)
        found = self._constant(k) if direct else self._varying(k)
        if found is not None and self.condition is not None:
            found = self.sweep.emit(mask.bare, self.condition, found)
        return (found, None) if direct else (None, found)

    def _constant(self, k: int) -> Coefficient:
        """wₖ = p xₖ."""
        sweep, moved = self.sweep, self.sweep.at(self.x, k)
        if moved is None or self.factor == 0:
            return None
        if self.p is None:
            if self.factor == -1:
                return sweep.emit(neg.bare, moved)
            return sweep.scaled(moved, self.factor)
        if self.below is None:
            return sweep.emit(mul.bare, self.p, moved)
        return sweep.over(sweep.times(self.above, moved), self.below)

    def _varying(self, k: int) -> Coefficient:
        """k wₖ = (Σⱼ (j xⱼ) cₖ₋ⱼ − Σⱼ (j wⱼ) bₖ₋ⱼ) / b₀, the second sum for j < k."""
        sweep, total, above = self.sweep, None, self.above
        assert above is not None
        for j in range(1, k + 1):
            total = sweep.plus(total, sweep.times(sweep.at(above, k - j), sweep.speed(self.x, j)))
        if self.below is not None:
            for j in range(1, k):
                product = sweep.times(self.shares[j], sweep.at(self.below, k - j))
                total = sweep.minus(total, product)
            total = sweep.over(total, self.below)
        self.shares.append(total)
        return total


def share_constants(sweep: TaylorSweep, start: int) -> None:
    """Write the orders of Bessel functions and their like in one way: v + c with one number c.

    The derivative of J_v is made of J_(v − 1) and J_(v + 1); only if (v − 1) + 1 is v again do
    the orders n levels down number 2n + 1 instead of 2ⁿ.  Nodes from ``start`` on are looked at;
    what replaces them is in ``sweep.same``.
    """
    arena, same = sweep.arena, sweep.same
    for node in range(start, len(arena.operations)):
        operation = arena.operations[node]
        if operation is INPUT or operation is LITERAL:
            continue
        operands = tuple([same.get(i, i) for i in arena.operands[node]])
        found = None if sweep.moving(node) else _moved_by_number(sweep, operation, operands)
        if found is None and operands != arena.operands[node]:
            found = arena.emit(operation, operands, sweep.source)
        if found is not None and found != node:
            same[node] = found


def _moved_by_number(
    sweep: TaylorSweep, operation: Operation, operands: tuple[int, ...]
) -> int | None:
    """The node of u ± c, for a number c, where u may be v + c′ itself."""
    sign = {"add": 1, "sub": -1}.get(operation.name)
    number = _number(sweep, operands[-1])
    if sign is None or number is None:
        return None
    base, shift = _base_and_shift(sweep, operands[0])
    if base is None:
        return sweep.arena.literal(sweep.arena.avals[operands[0]].dtype.type(shift + sign * number))
    total = shift + sign * number
    if total == 0:
        return base
    return sweep.arena.emit(add.bare, (base, sweep.number(total, base)), sweep.source)


def _base_and_shift(sweep: TaylorSweep, node: int) -> tuple[int | None, float]:
    """v and c of v + c or v − c; a number is all shift."""
    own = _number(sweep, node)
    if own is not None:
        return None, own
    sign = {"add": 1, "sub": -1}.get(sweep.arena.operations[node].name)
    number = None if sign is None else _number(sweep, sweep.arena.operands[node][1])
    if sign is None or number is None:
        return node, 0.0
    return sweep.arena.operands[node][0], sign * number


def _number(sweep: TaylorSweep, node: int) -> float | None:
    """The value of a literal that is one floating-point number."""
    value: Any = sweep.arena.values.get(node)
    of = sweep.arena.avals[node]
    return float(value) if value is not None and of.is_float and not of.shape else None


class ByLinearity(Recurrence):
    """yₖ = L(xₖ), or Σ L(aᵢ, bⱼ, …) with i + j + … = k where it is linear in each operand alone."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        super().__init__(sweep, node)
        primitive: Any = self.operation.primitive
        self.joint = primitive.joint
        self.linear = [
            i for i in primitive.linear_operands(len(self.operands))
            if self.joint or sweep.moving(self.operands[i])
        ]  # fmt: skip

    def coefficient(self, k: int) -> Coefficient:
        sweep, total = self.sweep, None
        if self.joint:
            return self._applied([self._or_zero(i, k) for i in self.linear])
        for orders in _compositions(k, len(self.linear)):
            chosen = [
                sweep.at(self.operands[i], j) for i, j in zip(self.linear, orders, strict=True)
            ]
            if None not in chosen:
                total = sweep.plus(total, self._applied(chosen))
        return total

    def _or_zero(self, place: int, k: int) -> Coefficient:
        return self.sweep.at(self.operands[place], k)

    def _applied(self, chosen: Sequence[Coefficient]) -> Coefficient:
        if all(node is None for node in chosen):
            return None
        operands = list(self.operands)
        for place, node in zip(self.linear, chosen, strict=True):
            of = self.sweep.arena.avals[operands[place]]
            operands[place] = self._zeros(of) if node is None else node
        return self.sweep.emit(self.operation, *operands)

    def _zeros(self, of: Aval) -> int:
        return self.sweep.arena.literal(np.zeros(of.shape, of.dtype)[()])


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """All tuples of ``parts`` whole numbers with this sum."""
    if parts == 1:
        return [(total,)]
    return [
        (first, *rest)
        for first in range(total + 1)
        for rest in _compositions(total - first, parts - 1)
    ]


class ByPushforward(Recurrence):
    """k yₖ is the coefficient k − 1 of ẏ, which the primitive's pushforward writes down."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        super().__init__(sweep, node)
        arena = sweep.arena
        dots = [sweep.at(i, 1) for i in self.operands]
        active = tuple(dot is not None for dot in dots)
        for operand, dot in zip(self.operands, dots, strict=True):
            if dot is not None and dot not in sweep.series:
                sweep.speeds.setdefault(dot, operand)
        avals = tuple(arena.avals[i] for i in self.operands)
        template = jvp_template(self.operation, avals, arena.avals[node], active)
        moving = [dot for dot in dots if dot is not None]
        (self.y_dot,) = splice(arena, template, [*self.operands, node, *moving], sweep.source)

    def coefficient(self, k: int) -> Coefficient:
        if self.y_dot is None:
            return None
        return self.sweep.divided(self.sweep.at(self.y_dot, k - 1), k)
