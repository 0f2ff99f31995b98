"""The two sweeps over an arena: tangents forwards, cotangents backwards.

Forward (Wengert 1964):   v̇ᵢ = Σⱼ (∂φᵢ/∂vⱼ) v̇ⱼ          for i = 1, 2, …
Reverse (Linnainmaa 1976; Speelpenning 1980):
                          v̄ⱼ += (∂φᵢ/∂vⱼ) v̄ᵢ             for i = …, 2, 1

Both only add equations to the arena that already holds the function, so what it computed is
re-used, and both are loops over integers: a chain of 10⁵ operations needs no recursion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.differentiate.templates import jvp_template, splice, vjp_template
from diffkit.errors import UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.collecting import collector_paused
from diffkit.graph.ir import INPUT, LITERAL, Operation
from diffkit.graph.sources import Source, place_of
from diffkit.primitives.arithmetic import add
from diffkit.primitives.shaping import concatenate, reshape

__all__ = ["dependents", "pull_back", "push_forward"]


def dependents(arena: Arena, wrt: Sequence[int], end: int) -> bytearray:
    """For nodes below ``end``: whether they depend on ``wrt`` and carry a derivative."""
    moves = bytearray(end)
    for node in wrt:
        if node < end:
            moves[node] = 1
    operands, avals = arena.operands, arena.avals
    for node in range(min(wrt, default=end), end):
        if not moves[node]:
            for operand in operands[node]:
                if moves[operand]:
                    moves[node] = avals[node].is_float
                    break
    return moves


@collector_paused()
def push_forward(
    arena: Arena, tangents: dict[int, int], outputs: Sequence[int]
) -> list[int | None]:
    """The tangents of the outputs, given input node → tangent node; None where zero."""
    end = max(outputs, default=-1) + 1
    moves = dependents(arena, list(tangents), end)
    needed = arena._reachable(outputs)
    known = dict(tangents)
    for node in range(end):
        if not moves[node] or node in known or not needed[node]:
            continue
        operation, operands = arena.operations[node], arena.operands[node]
        active = tuple([operand in known for operand in operands])
        if not any(active):
            continue
        avals = tuple([arena.avals[operand] for operand in operands])
        try:
            template = jvp_template(operation, avals, arena.avals[node], active)
        except UnsupportedError as error:
            raise _located(error, arena.sources[node]) from None
        moving = [known[operand] for operand in operands if operand in known]
        source = _derived("jvp of ", operation, arena.sources[node])
        (y_dot,) = splice(arena, template, [*operands, node, *moving], source)
        if y_dot is not None:
            known[node] = y_dot
            if y_dot >= end:
                arena.relations.setdefault(y_dot, (node, "dot"))
    return [known.get(node) for node in outputs]


def _derived(note: str, operation: Operation, source: Source) -> Source:
    return note + operation.name, source


def _located(error: UnsupportedError, source: Source) -> UnsupportedError:
    """A rule that does not exist, with the line of the operation that needs it."""
    error.where = error.where or place_of(source) or None
    return error


@collector_paused()
def pull_back(
    arena: Arena, cotangents: dict[int, int], wrt: Sequence[int], also: Sequence[int] = ()
) -> list[int | None]:
    """The cotangents of ``wrt``, given output node → cotangent node; None where zero.

    Those of ``also``, nodes on the way, are appended.
    """
    end = max(cotangents, default=-1) + 1
    # A watched node carries a cotangent whether it depends on wrt or not.
    sources = [*wrt, *(node for node in also if arena.avals[node].is_float)]
    moves = dependents(arena, sources, end)
    sweep = _Sweep(arena, cotangents)
    operations, operand_column, avals = arena.operations, arena.operands, arena.avals
    targets = {*wrt, *also}
    found: dict[int, int | None] = {}
    units = arena.units
    pending, reads, emit_sum = sweep.pending, sweep.reads, sweep.add
    for node in range(end - 1, min(sources, default=end) - 1, -1):
        if not moves[node]:
            continue
        y_bar = sweep.take(node) if reads else pending.pop(node, None)
        if node in targets:
            found[node] = y_bar
        if y_bar is None:
            continue
        if y_bar >= end:
            arena.relations.setdefault(y_bar, (node, "bar"))
        operation = operations[node]
        if operation is INPUT or operation is LITERAL:
            continue
        operands = operand_column[node]
        if operation.name == "getitem" and sweep.hold_scalar_read(node, operation, y_bar):
            continue
        y = avals[node]
        unit = y_bar in units and not y.shape
        active: Any = tuple([moves[i] for i in operands])  # 0 or 1
        known = tuple([avals[i] for i in operands])
        template = operation.templates.get(("vjp", known, active, unit))
        if template is None:
            try:
                template = vjp_template(operation, known, y, active, unit)
            except UnsupportedError as error:
                raise _located(error, arena.sources[node]) from None
        environment = [*operands, node] if unit else [*operands, node, y_bar]
        source = _derived("vjp of ", operation, arena.sources[node])
        for operand, x_bar in zip(
            operands, splice(arena, template, environment, source), strict=True
        ):
            if x_bar is None:
                continue
            if operand in pending:
                emit_sum(operand, x_bar, source)
            else:
                pending[operand] = x_bar
    return [found.get(node) for node in (*wrt, *also)]


class _Sweep:
    """The cotangents on their way back.

    Reading single elements of a vector in a loop would scatter each cotangent into a vector of
    its own, quadratic work; the reads of one vector are held back and assembled once.
    """

    def __init__(self, arena: Arena, cotangents: dict[int, int]) -> None:
        self.arena = arena
        self.pending = dict(cotangents)
        self.reads: dict[int, list[tuple[int, int]]] = {}

    def add(self, node: int, x_bar: int, source: Source) -> None:
        before = self.pending.get(node)
        if before is None:
            self.pending[node] = x_bar
        else:
            self.pending[node] = self.arena.emit(add.bare, (before, x_bar), source)

    def take(self, node: int) -> int | None:
        reads = self.reads.pop(node, None)
        if reads is not None:
            self.add(node, self._assembled(node, reads), None)
        return self.pending.pop(node, None)

    def hold_scalar_read(self, node: int, operation: Operation, y_bar: int) -> bool:
        """Keep the cotangent of ``x[i]`` for later, if the index is all integers."""
        index = operation.kwargs["index"]
        operand = self.arena.operands[node][0]
        shape = self.arena.avals[operand].shape
        if len(index) != len(shape) or not all(type(i) is int for i in index):
            return False
        place = int(
            np.ravel_multi_index(tuple(i % n for i, n in zip(index, shape, strict=True)), shape)
        )
        self.reads.setdefault(operand, []).append((place, y_bar))
        return True

    def _assembled(self, node: int, reads: list[tuple[int, int]]) -> int:
        """The cotangent of a vector from those of its elements: one concatenation."""
        arena, aval = self.arena, self.arena.avals[node]
        cell = reshape.operation({"shape": (1,)})
        source = ("vjp of getitem", arena.sources[node])
        by_place: dict[int, int] = {}
        for place, x_bar in reads:
            if place in by_place:
                x_bar = arena.emit(add.bare, (by_place[place], x_bar), source)
            by_place[place] = x_bar
        pieces, done = [], 0
        for place in sorted(by_place):
            if place > done:
                pieces.append(arena.literal(np.zeros(place - done, aval.dtype)))
            pieces.append(arena.emit(cell, (by_place[place],), source))
            done = place + 1
        if done < aval.size:
            pieces.append(arena.literal(np.zeros(aval.size - done, aval.dtype)))
        joined = pieces[0]
        if len(pieces) > 1:
            joined = arena.emit(concatenate.operation({"axis": 0}), tuple(pieces), source)
        if arena.avals[joined].shape == aval.shape:
            return joined
        return arena.emit(reshape.operation({"shape": aval.shape}), (joined,), source)
