"""Taylor mode: the coefficients of a whole power series instead of one tangent.

Along a path x(t) = x₀ + x₁t + x₂t² + … every value of a graph is a power series in t, and its
coefficients follow from those of its operands one order after the other:

    y = a·b:         yₖ = Σⱼ aⱼ bₖ₋ⱼ                                       (j = 0 … k)
    y = a/b:         yₖ = (aₖ − Σⱼ bⱼ yₖ₋ⱼ) / b₀                           (j = 1 … k)
    y = φ(x):        y′ = p·x′, p = φ′(x), so k yₖ = Σⱼ (j xⱼ) pₖ₋ⱼ         (j = 1 … k)
    y = L(x):        yₖ = L(xₖ), for everything linear

The third line is one rule for all elementwise operations: p is what the primitive declares as
its partial derivative, a graph in x and y whose own series is needed to order k − 1 only.  For
eˣ (p = y), sin (p = cos x), tan (p = 1 + y²) or log (p = 1/x, a quotient that is never formed:
x·y′ = x′) it gives the recurrences of the book's table, O(n²) operations for n orders, where
forward mode nested n times repeats the chain rule of all lower orders.  An operation that
declares its pushforward instead gives k yₖ as the coefficient k − 1 of ẏ, a graph again.
Everything is written into an arena: a series is a graph like any other derivative.

Reading on: Griewank & Walther 2008, *Evaluating Derivatives*, chapter 13, tables 13.1 and 13.2;
the kinds of operations are in
``taylor_kinds.py``, those with a better recurrence of their own in ``taylor_rules.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.sweeps import dependents
from diffkit.differentiate.templates import _emit_lifted, broadcast
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.collecting import collector_paused
from diffkit.graph.ir import Operation
from diffkit.graph.sources import Source
from diffkit.primitives.arithmetic import add, cast, div, mul, neg, sub

__all__ = ["Coefficient", "Recurrence", "TaylorSweep", "products"]

# A coefficient is a node of the arena, or None where it is 0 whatever the numbers are.
Coefficient = int | None


class TaylorSweep:
    """The power series of the nodes of one arena, along a path of its inputs.

    ``seeds`` maps an input to its coefficients x₁, …, xₙ, which are inputs (or aliases) of the
    arena, not literals: so a coefficient that a pushforward reads is never a value of the
    function itself.  ``order`` is n.  ``coefficients`` adds what is missing to the arena.
    """

    def __init__(self, arena: Arena, seeds: Mapping[int, Sequence[Coefficient]], order: int):
        self.arena, self.order = arena, order
        self.series: dict[int, list[Coefficient]] = {}
        self.moves: dict[int, bool] = {}
        self.rules: dict[int, Recurrence] = {}
        self.speeds: dict[int, int] = {}  # x₁ → x: as a function of t it is x′
        self.same: dict[int, int] = {}  # nodes written in another way, see ``share_constants``
        self.source: Source = None
        self.current: int | None = None  # all its operands are known to the last order
        self.seeds = list(seeds)
        for node, later in seeds.items():
            self._seed([node, *later])

    def _seed(self, path: Sequence[Coefficient]) -> None:
        """A coefficient xⱼ is a function of t along the path, too: xⱼ(t) = Σ C(j+k, k) xⱼ₊ₖ tᵏ."""
        for j, node in enumerate(path):
            if node is not None and node not in self.series:
                rest = [
                    c if c is None or j == 0 else self.scaled(c, comb(j + k, k))
                    for k, c in enumerate(path[j:])
                ]
                self.series[node] = rest + [None] * (self.order + 1 - len(rest))
                self.moves[node] = any(c is not None for c in rest[1:])

    @collector_paused()
    def coefficients(self, outputs: Sequence[int]) -> list[list[Coefficient]]:
        """The coefficients 0 … n of each output, in their order.

        Raises
        ------
        RuleError
            For an operation that declares no derivative; the message names it.
        """
        end = max(outputs, default=-1) + 1
        flags = dependents(self.arena, self.seeds, end)
        needed = self.arena._reachable(outputs)
        moving = [node for node in range(end) if flags[node] and needed[node]]
        for node in range(end):
            self.moves.setdefault(node, bool(flags[node]))
        for node in moving:
            self.current = node
            self.at(node, self.order)
        self.current = None
        return [[self.at(node, k) for k in range(self.order + 1)] for node in outputs]

    def at(self, node: int, k: int) -> Coefficient:
        """The coefficient k of a node; lower ones are made first."""
        if k == 0:
            return node
        if node in self.speeds:
            return self.speed(self.speeds[node], k + 1)
        if not self.moving(node):
            return None
        series = self.series.setdefault(node, [node])
        while len(series) <= k:
            before = self.source
            self.source = _derived(self.arena.operations[node], self.arena.sources[node])
            found = self._rule(node).coefficient(len(series))
            series.append(None if found is None else self.shaped(found, self.arena.avals[node]))
            self.source = before
        return series[k]

    def moving(self, node: int) -> bool:
        """Whether a node varies along the path."""
        known = self.moves.get(node)
        if node in self.speeds:
            return True
        if known is None:
            known = self.moves[node] = self.arena.avals[node].is_float and any(
                map(self.moving, self.arena.operands[node])
            )
        return known

    def _rule(self, node: int) -> Recurrence:
        if node not in self.rules:
            from diffkit.differentiate.taylor_rules import recurrence_of

            self.rules[node] = recurrence_of(self.arena.operations[node])(self, node)
        return self.rules[node]

    # Arithmetic on coefficients ---------------------------------------------------------------

    def emit(self, operation: Operation, *operands: int) -> int:
        """An equation of the series; masks and units are treated as in the other sweeps."""
        return _emit_lifted(self.arena, operation, operands, self.source)

    def tracer(self, node: int) -> Tracer:
        """The node as something on which primitives can be called."""
        return Tracer(self.arena, node, self.arena.avals[node])

    def number(self, value: float, like: int) -> int:
        """A literal in the dtype of a node."""
        return self.arena.literal(self.arena.avals[like].dtype.type(value))

    def scaled(self, node: int, factor: float) -> int:
        """factor · node."""
        if factor == 1:
            return node
        return self.emit(mul.bare, self.number(factor, node), node)

    def times(self, a: Coefficient, b: Coefficient) -> Coefficient:
        """A product; structural zeros stay so."""
        return None if a is None or b is None else self.emit(mul.bare, a, b)

    def plus(self, a: Coefficient, b: Coefficient) -> Coefficient:
        """A sum; structural zeros stay so."""
        if a is None or b is None:
            return b if a is None else a
        return self.emit(add.bare, a, b)

    def minus(self, a: Coefficient, b: Coefficient) -> Coefficient:
        """A difference; structural zeros stay so."""
        if b is None:
            return a
        return self.emit(neg.bare, b) if a is None else self.emit(sub.bare, a, b)

    def over(self, a: Coefficient, b: int) -> Coefficient:
        """A quotient; structural zeros stay so."""
        return None if a is None else self.emit(div.bare, a, b)

    def divided(self, a: Coefficient, k: int) -> Coefficient:
        """a/k, rounded once."""
        return a if a is None or k == 1 else self.over(a, self.number(k, a))

    def speed(self, node: int, j: int) -> Coefficient:
        """j xⱼ, the coefficient j − 1 of x′."""
        found = self.at(node, j)
        return None if found is None else self.scaled(found, j)

    def shaped(self, node: int, of: Aval) -> int:
        """A coefficient in the dtype and shape of its value."""
        here = self.arena.avals[node]
        if here.dtype != of.dtype:
            node = self.emit(cast.operation({"dtype": of.dtype.str}), node)
        if here.shape == of.shape:
            return node
        self.arena.source, before = self.source, self.arena.source
        node = broadcast(self.tracer(node), of.shape).node
        self.arena.source = before
        return node


def _derived(operation: Operation, source: Source) -> Source:
    return "taylor of " + operation.name, source


def products(sweep: TaylorSweep, a: int, b: int, k: int, start: int = 0) -> Coefficient:
    """Σⱼ aⱼ bₖ₋ⱼ for j = start … k; a square adds each pair once."""
    if a == b and start == 0:
        return _square(sweep, a, k)
    total = None
    for j in range(start, k + 1):
        total = sweep.plus(total, sweep.times(sweep.at(a, j), sweep.at(b, k - j)))
    return total


def _square(sweep: TaylorSweep, a: int, k: int) -> Coefficient:
    """2 Σⱼ aⱼ aₖ₋ⱼ for j < k/2, and the square in the middle."""
    pairs = None
    for j in range((k + 1) // 2):
        pairs = sweep.plus(pairs, sweep.times(sweep.at(a, j), sweep.at(a, k - j)))
    total = None if pairs is None else sweep.scaled(pairs, 2)
    middle = None if k % 2 else sweep.at(a, k // 2)
    return sweep.plus(total, sweep.times(middle, middle))


# What a rule is -----------------------------------------------------------------------------------


class Recurrence:
    """How one equation's coefficients follow from those of its operands, order after order."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        self.sweep, self.node = sweep, node
        self.operation = sweep.arena.operations[node]
        self.operands = sweep.arena.operands[node]

    def coefficient(self, k: int) -> Coefficient:
        """The coefficient k ≥ 1; those below it are known."""
        raise NotImplementedError

    def known_order(self, k: int) -> int:
        """To which order, k or higher, the operands are known without this equation."""
        return self.sweep.order if self.sweep.current == self.node else k

    def traced(self, rule: Any, *operands: Any, **params: Any) -> Any:
        """What a rule of the primitive writes down, with this equation's source."""
        arena, sweep = self.sweep.arena, self.sweep
        before, arena.source = arena.source, sweep.source
        try:
            return rule(*operands, **params)
        finally:
            arena.source = before
