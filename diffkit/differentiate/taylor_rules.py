"""Recurrences of single operations, where they are better than what every operation gets.

    y = a·b:    yₖ = Σⱼ aⱼ bₖ₋ⱼ                          half the products of the general rule
    y = a/b:    yₖ = (aₖ − Σⱼ bⱼ yₖ₋ⱼ) / b₀
    y = xⁿ:     squares and products: right at x = 0, where x·y′ = n·y·x′ says nothing
    y = xᵇ:     k x₀ yₖ = Σⱼ (b j − (k − j)) xⱼ yₖ₋ⱼ    for a constant b that is no integer
    A Y = B:    A₀ Yₖ = Bₖ − Σⱼ Aⱼ Yₖ₋ⱼ
    Y = exp A:  the series in t are the block-triangular Toeplitz matrices (A₀ A₁ …; 0 A₀ …; …),
                so Yₖ is the block k in the first row of their exponential

Reading on: Griewank & Walther 2008, chapter 13; Mathias 1996, *A chain rule for matrix functions*
(the blocks).  The general rules are in ``taylor_kinds.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from diffkit.differentiate.taylor_kinds import ByPartials, general_recurrence
from diffkit.differentiate.taylor_loops import ByLoop
from diffkit.differentiate.taylor_sweep import Coefficient, Recurrence, TaylorSweep, products
from diffkit.graph.ir import LITERAL, Operation
from diffkit.primitives.arithmetic import equal, integer_power, mul, neg, power
from diffkit.primitives.contraction import matmul
from diffkit.primitives.indexing import getitem
from diffkit.primitives.linalg_functions import expm
from diffkit.primitives.piecewise import mask, where
from diffkit.primitives.shaping import concatenate

__all__ = ["RECURRENCES", "recurrence_of"]


class Product(Recurrence):
    """yₖ = Σⱼ aⱼ bₖ₋ⱼ."""

    def coefficient(self, k: int) -> Coefficient:
        a, b = self.operands
        return products(self.sweep, a, b, k)


class Difference(Recurrence):
    """yₖ = aₖ − bₖ."""

    def coefficient(self, k: int) -> Coefficient:
        a, b = self.operands
        return self.sweep.minus(self.sweep.at(a, k), self.sweep.at(b, k))


class Quotient(Recurrence):
    """yₖ = (aₖ − Σⱼ bⱼ yₖ₋ⱼ) / b₀."""

    def coefficient(self, k: int) -> Coefficient:
        a, b = self.operands
        rest = products(self.sweep, b, self.node, k, start=1)
        return self.sweep.over(self.sweep.minus(self.sweep.at(a, k), rest), b)


class Selection(Recurrence):
    """yₖ is aₖ where the condition holds and bₖ elsewhere."""

    def coefficient(self, k: int) -> Coefficient:
        condition, a, b = self.operands
        first, second = self.sweep.at(a, k), self.sweep.at(b, k)
        if first is not None and second is None:
            return self.sweep.emit(mask.bare, condition, first)
        if second is None:
            return None
        zero = self.sweep.number(0, second)
        return self.sweep.emit(where.bare, condition, zero if first is None else first, second)


class IntegerPower(Recurrence):
    """xⁿ by squares and products; a negative n is a quotient 1/x⁻ⁿ."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        super().__init__(sweep, node)
        self.n = int(self.operation.kwargs["n"])
        (self.x,) = self.operands

    def coefficient(self, k: int) -> Coefficient:
        n, sweep = self.n, self.sweep
        if n < 0:
            rest = products(sweep, self._lower(-n), self.node, k, start=1)
            return None if rest is None else sweep.over(sweep.emit(neg.bare, rest), self._lower(-n))
        if n < 2:
            return sweep.at(self.x, k) if n else None
        if n % 2:
            return products(sweep, self.x, self._lower(n - 1), k)
        return products(sweep, self._lower(n // 2), self._lower(n // 2), k)

    def _lower(self, n: int) -> int:
        """The node of x to a positive power."""
        if n == 1:
            return self.x
        operation = integer_power.operation({"n": n})
        return self.sweep.arena.emit(operation, (self.x,), self.sweep.source)


class ConstantPower(ByPartials):
    """xᵇ for a literal b that is not a whole number; other powers go by their partials.

    At x₀ = 0 the recurrence divides by 0, and the coefficient is that of the leading term,
    b (b − 1) … (b − k + 1)/k! · 0ᵇ⁻ᵏ x₁ᵏ: 0 for k < b, and infinite beyond.
    """

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        self.base, self.exponent = sweep.arena.operands[node]
        value: Any = sweep.arena.values.get(self.exponent)
        literal = sweep.arena.operations[self.exponent] is LITERAL and np.ndim(value) == 0
        broken = literal and np.isfinite(value) and float(value) % 1 != 0
        self.power = float(value) if broken else None
        if self.power is None:
            super().__init__(sweep, node)
        else:
            Recurrence.__init__(self, sweep, node)

    def coefficient(self, k: int) -> Coefficient:
        sweep, x, b = self.sweep, self.base, self.power
        if b is None:
            return super().coefficient(k)
        total = None
        for j in range(1, k + 1):
            product = sweep.times(sweep.at(x, j), sweep.at(self.node, k - j))
            total = sweep.plus(
                total, None if product is None else sweep.scaled(product, b * j - (k - j))
            )
        general = sweep.over(sweep.over(total, x), sweep.number(k, x))
        leading = self._leading(k)
        if general is None or leading is None:
            return None
        at_zero = sweep.emit(equal.bare, x, sweep.number(0, x))
        return sweep.emit(where.bare, at_zero, leading, general)

    def _leading(self, k: int) -> Coefficient:
        sweep, x, b = self.sweep, self.base, self.power
        first = sweep.at(x, 1)
        if first is None or b is None:
            return None
        factor = prod((b - i) / (i + 1) for i in range(k))
        raised = sweep.emit(power.bare, x, sweep.number(b - k, x))
        direction = sweep.emit(integer_power.operation({"n": k}), first)
        return sweep.emit(mul.bare, sweep.scaled(raised, factor), direction)


class Logistic(ByPartials):
    """y′ = y·s·x′ with s = 1 − y, a node of its own (``logistic(−x)``) whose series is −yₖ."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        super().__init__(sweep, node)
        arena = sweep.arena
        mirrored = arena.emit(neg.bare, (self.operands[0],), sweep.source)
        rest = arena.emit(self.operation, (mirrored,), sweep.source)
        sweep.rules.setdefault(rest, Rest(sweep, rest, node))


class Rest(Recurrence):
    """The series of 1 − y, given that of y."""

    def __init__(self, sweep: TaylorSweep, node: int, whole: int) -> None:
        super().__init__(sweep, node)
        self.whole = whole

    def coefficient(self, k: int) -> Coefficient:
        return self.sweep.minus(None, self.sweep.at(self.whole, k))


class LinearEquations(Recurrence):
    """A₀ Yₖ = Bₖ − Σⱼ Aⱼ Yₖ₋ⱼ."""

    def coefficient(self, k: int) -> Coefficient:
        sweep, (a, b) = self.sweep, self.operands
        right = sweep.at(b, k)
        for j in range(1, k + 1):
            moved, known = sweep.at(a, j), sweep.at(self.node, k - j)
            if moved is not None and known is not None:
                right = sweep.minus(right, sweep.emit(matmul.bare, moved, known))
        return None if right is None else sweep.emit(self.operation, a, right)


class MatrixExponential(Recurrence):
    """Yₖ is the block k in the first row of exp(Toeplitz(A₀, …, Aₙ))."""

    whole: Any = None
    order = 0

    def coefficient(self, k: int) -> Coefficient:
        sweep, (a,) = self.sweep, self.operands
        if self.whole is None or self.order < k:
            self.order = self.known_order(k)
            nodes = [sweep.at(a, j) for j in range(self.order + 1)]
            self.whole = self.traced(self._exponential, nodes)
        size = sweep.arena.avals[a].shape[-1]
        lead = [("slice", None, None, 1)] * (sweep.arena.avals[a].ndim - 2)
        columns = ("slice", k * size, (k + 1) * size, 1)
        return self.traced(getitem, self.whole, index=(*lead, ("slice", 0, size, 1), columns)).node

    def _exponential(self, nodes: list[Coefficient]) -> Any:
        sweep, of = self.sweep, self.sweep.arena.avals[self.node]
        rows, columns, count = of.ndim - 2, of.ndim - 1, len(nodes)
        zeros = sweep.tracer(sweep.arena.literal(np.zeros(of.shape, of.dtype)))
        blocks = [zeros if node is None else sweep.tracer(node) for node in nodes]
        lines = [
            concatenate(*([zeros] * i + blocks[: count - i]), axis=columns) for i in range(count)
        ]
        return expm(concatenate(*lines, axis=rows))


RECURRENCES: dict[str, Callable[[TaylorSweep, int], Recurrence]] = {
    "mul": Product,
    "sub": Difference,
    "div": Quotient,
    "where": Selection,
    "integer_power": IntegerPower,
    "power": ConstantPower,
    "logistic": Logistic,
    "solve": LinearEquations,
    "expm": MatrixExponential,
    "scan": ByLoop,
}


def recurrence_of(operation: Operation) -> Callable[[TaylorSweep, int], Recurrence]:
    """How the series of an operation is made: its own recurrence, or that of its kind.

    Raises
    ------
    RuleError
        For an operation of no kind; the message names it.
    """
    return RECURRENCES.get(operation.name) or general_recurrence(operation)
