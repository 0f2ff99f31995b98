"""Maxima that are subtracted for safety: their derivative cancels, so it need not be computed.

    m = max x,    z = x − m,    lse = m + log Σ eᶻ,    p = eᶻ / Σ eᶻ

The maximum keeps the exponentials from overflowing, and every number in its place would give the
same: ∂lse/∂m = ∂p/∂m = 0 for all m.  A derivative may therefore take m as a constant, of any order
(an identity in m stays one when it is differentiated), ties included.  What a cotangent would
carry back through the comparison of every element with the largest one is nothing but rounding.

Whether it is so is shown, not guessed.  Replace m by m + δ and follow every value that depends on
it through the graph.  It may change in two ways,

    u → u + nδ      (z: n = −1),        u → u e^(nδ)      (eᶻ: n = −1),

and sums, quotients, exponentials and logarithms say how these combine: Σ eᶻ → Σ eᶻ · e^(−δ), log of
it → log Σ eᶻ − δ, less z → unchanged.  If every such value ends in unchanged ones, before an output
or a guard is reached, m is held: ``max[axes=(1,), held=True]``.  At an operation that is not in the
table the search gives up, and m keeps its derivative.

Reading on: Blanchard, Higham & Higham 2021, *Accurately computing the log-sum-exp and softmax
functions*; Cousot & Cousot 1977 for following properties instead of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph, Operation

__all__ = ["graph_roots", "hold_shifts"]

Along: TypeAlias = "tuple[int | None, ...]"


@dataclass(frozen=True, slots=True)
class _Shift:
    """How a value changes with m → m + δ: by n δ, or as a factor e^(nδ).

    ``along`` says which axis of δ each axis of the value follows (None: δ is constant along it).
    """

    maximum: int
    factor: bool
    n: int
    along: Along


class _Unknown(Exception):
    """The change is neither of the two."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """An equation, its parameters, and the changes of its operands (None: unchanged)."""

    params: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    out: tuple[int, ...]
    shifts: tuple[_Shift | None, ...]

    def aligned(self) -> list[_Shift | None]:
        """The changes of the operands, broadcast to the result."""
        return [shift and replace(shift, along=_broadcast(shift.along, shape, self.out))
                for shift, shape in zip(self.shifts, self.shapes, strict=True)]  # fmt: skip


Effect: TypeAlias = "Callable[[_Seen], _Shift]"


def graph_roots(graph: Graph) -> list[int]:
    """The nodes whose values count: outputs and guards."""
    return [*graph.output_nodes, *(guard.node for guard in graph.guards)]


def hold_shifts(arena: Arena, roots: Iterable[int]) -> int:
    """Mark the maxima of an arena whose derivatives cancel, and say how many these are.

    Parameters
    ----------
    arena
        The columns of a function; ``max`` equations become ``max[held=True]`` in place.
    roots
        The nodes that must not depend on such a maximum: outputs, guards.

    >>> import diffkit as dk
    >>> import numpy as np
    >>> graph = dk.trace(lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x), np.ones(3))
    >>> hold_shifts(Arena.of(graph), graph_roots(graph))
    1
    """
    found = _held(arena, roots) if any(op.name == "max" for op in arena.operations) else ()
    for node in found:
        old, operands = arena.operations[node], arena.operands[node]
        held = old.primitive.operation({**old.kwargs, "held": True})
        if arena.table.get((old, *operands)) == node:
            del arena.table[old, *operands]
        arena.operations[node] = held
        arena.table[held, *operands] = node
    return len(found)


def _held(arena: Arena, roots: Iterable[int]) -> list[int]:
    shifts: dict[int, _Shift] = {}
    candidates: list[int] = []
    failed: set[int] = set()
    for node, operation in enumerate(arena.operations):
        touched = not shifts.keys().isdisjoint(arena.operands[node])
        known = _living(shifts, failed, arena.operands[node]) if touched else ()
        maxima = {shift.maximum for shift in known if shift}
        if not maxima:
            if _is_candidate(arena, node, operation):
                candidates.append(node)
                shifts[node] = _Shift(node, False, 1, _own_axes(arena.avals[node].shape))
            continue
        try:
            found = _followed(arena, node, known) if len(maxima) == 1 else None
        except _Unknown:
            found = None
        if found is None:
            failed |= maxima
        elif found.n:
            shifts[node] = found
    failed |= {shifts[root].maximum for root in roots if root in shifts}
    return [node for node in candidates if node not in failed]


def _living(
    shifts: dict[int, _Shift], failed: set[int], operands: tuple[int, ...]
) -> tuple[_Shift | None, ...]:
    """The changes of operands, without those by maxima that have been given up."""
    found = [shifts.get(operand) for operand in operands]
    return tuple([None if shift and shift.maximum in failed else shift for shift in found])


def _is_candidate(arena: Arena, node: int, operation: Operation) -> bool:
    fresh = operation.name == "max" and not operation.kwargs.get("held")
    return fresh and arena.avals[node].is_float


def _own_axes(shape: tuple[int, ...]) -> Along:
    return tuple(axis if size > 1 else None for axis, size in enumerate(shape))


def _followed(arena: Arena, node: int, known: tuple[_Shift | None, ...]) -> _Shift | None:
    operation = arena.operations[node]
    effect = _EFFECTS.get(operation.name)
    if effect is None:
        return None
    shapes = tuple([arena.avals[operand].shape for operand in arena.operands[node]])
    return effect(_Seen(operation.kwargs, shapes, arena.avals[node].shape, known))


def _broadcast(along: Along, shape: tuple[int, ...], out: tuple[int, ...]) -> Along:
    """Axes in the order of a broadcast result; along new ones δ is constant."""
    return (None,) * (len(out) - len(shape)) + along


def _common(shifts: Sequence[_Shift]) -> _Shift:
    """The first of changes of one kind with one δ for every element."""
    first = shifts[0]
    if any(x.along != first.along or x.factor != first.factor for x in shifts):
        raise _Unknown
    return first


# What equations do to a change -------------------------------------------------------------------


def _sum_or_difference(sign: int) -> Effect:
    def combined(seen: _Seen) -> _Shift:
        left, right = seen.aligned()
        both = _common([shift for shift in (left, right) if shift])
        n = (left.n if left else 0) + sign * (right.n if right else 0)
        if not both.factor:
            return replace(both, n=n)
        if left is None or right is None or left.n != right.n:
            raise _Unknown  # u e^(nδ) + v
        return both

    return combined


def _product_or_quotient(sign: int) -> Effect:
    def combined(seen: _Seen) -> _Shift:
        left, right = seen.aligned()
        both = _common([shift for shift in (left, right) if shift])
        if not both.factor:
            raise _Unknown
        return replace(both, n=(left.n if left else 0) + sign * (right.n if right else 0))

    return combined


def _negation(seen: _Seen) -> _Shift:
    (shift,) = _only(seen)
    return shift if shift.factor else replace(shift, n=-shift.n)


def _only(seen: _Seen) -> list[_Shift]:
    """The change of the only operand."""
    return [shift for shift in seen.shifts if shift]


def _exponential(seen: _Seen) -> _Shift:
    (shift,) = _only(seen)
    if shift.factor:
        raise _Unknown
    return replace(shift, factor=True)


def _logarithm(seen: _Seen) -> _Shift:
    (shift,) = _only(seen)
    if not shift.factor:
        raise _Unknown
    return replace(shift, factor=False)


def _without_axes(seen: _Seen) -> _Shift:
    """The change of a reduction, for a δ that is constant along its axes."""
    (shift,) = _only(seen)
    axes = seen.params["axes"]
    if any(shift.along[axis] is not None for axis in axes):
        raise _Unknown
    kept = [place for axis, place in enumerate(shift.along) if axis not in axes]
    return replace(shift, along=tuple(kept))


def _sum(seen: _Seen) -> _Shift:
    found = _without_axes(seen)
    count = prod(seen.shapes[0][axis] for axis in seen.params["axes"])
    return found if found.factor else replace(found, n=found.n * count)


def _log_sum_exp(seen: _Seen) -> _Shift:
    found = _without_axes(seen)
    if found.factor:
        raise _Unknown
    return found


def _softmax(seen: _Seen) -> _Shift:
    _log_sum_exp(seen)
    return replace(_only(seen)[0], n=0)


def _selection(seen: _Seen) -> _Shift:
    condition, left, right = seen.aligned()
    if condition or left is None or right is None or left.n != right.n:
        raise _Unknown
    return _common([left, right])


def _masked(seen: _Seen) -> _Shift:
    condition, shift = seen.aligned()
    if condition or shift is None or not shift.factor:
        raise _Unknown
    return shift


def _matrix_product(seen: _Seen) -> _Shift:
    """Σ uᵢ e^(nδ) vᵢ, for a δ that is constant along the rows that are multiplied."""
    left, right = seen.shifts
    if left is None or right is not None or not left.factor or left.along[-1] is not None:
        raise _Unknown
    return replace(left, along=_broadcast(left.along, seen.shapes[0], seen.out))


def _same(seen: _Seen) -> _Shift:
    (shift,) = _only(seen)
    return shift


def _reshaped(seen: _Seen) -> _Shift:
    """Axes of size 1 may come and go."""
    (shift,) = _only(seen)
    if [n for n in seen.shapes[0] if n != 1] != [n for n in seen.out if n != 1]:
        raise _Unknown
    places = iter([a for a, n in zip(shift.along, seen.shapes[0], strict=True) if n != 1])
    return replace(shift, along=tuple(None if n == 1 else next(places) for n in seen.out))


def _spread(seen: _Seen) -> _Shift:
    (shift,) = _only(seen)
    places = iter(shift.along)
    axes = seen.params["axes"]
    along = tuple(None if axis in axes else next(places) for axis in range(len(seen.out)))
    return replace(shift, along=along)


def _transposed(seen: _Seen) -> _Shift:
    (shift,) = _only(seen)
    return replace(shift, along=tuple(shift.along[axis] for axis in seen.params["axes"]))


_EFFECTS: dict[str, Effect] = {
    "add": _sum_or_difference(1),
    "sub": _sum_or_difference(-1),
    "mul": _product_or_quotient(1),
    "div": _product_or_quotient(-1),
    "neg": _negation,
    "exp": _exponential,
    "log": _logarithm,
    "sum": _sum,
    "max": _without_axes,
    "logsumexp": _log_sum_exp,
    "softmax": _softmax,
    "where": _selection,
    "mask": _masked,
    "matmul": _matrix_product,
    "alias": _same,
    "reshape": _reshaped,
    "spread": _spread,
    "transpose": _transposed,
}
