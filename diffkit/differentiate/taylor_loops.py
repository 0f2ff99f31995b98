"""The power series of a loop: a loop again, which carries all the coefficients.

    step:    c, x, w                        →  c′, y
    series:  (c₀ … cₙ), (x₀ … xₙ), (w₀ … wₙ)  →  (c′₀ … c′ₙ), (y₁ … yₙ)

The body's own series is written down once (``taylor_sweep.py``), with its inputs as the path, and
wired as the body of one new loop.  Results are packed again as the old loop packs them, Note
[Packed results] in ``primitives/control.py``.  What does not move has no coefficients.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from diffkit.differentiate.taylor_sweep import Coefficient, Recurrence, TaylorSweep
from diffkit.graph.arena import Arena
from diffkit.primitives.control import CARRY, ROW, SAVED, SUM, Body, Loop, layout_of
from diffkit.primitives.control_bodies import Wired, assembled, moving, places
from diffkit.primitives.shaping import concatenate, reshape

__all__ = ["ByLoop"]


class ByLoop(Recurrence):
    """The coefficients of a scan's packed results, from one loop for all orders."""

    def __init__(self, sweep: TaylorSweep, node: int) -> None:
        super().__init__(sweep, node)
        kwargs = self.operation.kwargs
        self.body: Body = kwargs["body"]
        self.length, self.every = kwargs["length"], kwargs.get("every", 1)
        self.reverse = kwargs.get("reverse", False)
        self.output = kwargs.get("output") or self.body.dtypes[0]
        active = [sweep.moving(i) for i in self.operands]
        self.moves, self.ends = moving(self.body, active)
        self.series: _Series | None = None

    def coefficient(self, k: int) -> Coefficient:
        if not any(self.ends):
            return None
        if self.series is None or self.series.order < k:
            self.series = _Series(self, self.known_order(k))
        return self.traced(self._packed, self.series, k)

    def _packed(self, series: _Series, k: int) -> int:
        """The blocks of order k, packed as the loop's own results are."""
        blocks, _ = layout_of(self.body, self.length, self.every, self.output)
        parts = []
        for block in blocks:
            found = series.result(block.role, block.place, k)
            zeros = np.zeros(block.size, self.output)
            parts.append(zeros if found is None else reshape(found, shape=(block.size,)))
        traced = [self._lifted(part) for part in parts]
        return (traced[0] if len(traced) == 1 else concatenate(*traced, axis=0)).node

    def _lifted(self, part: Any) -> Any:
        if isinstance(part, np.ndarray):
            return self.sweep.tracer(self.sweep.arena.literal(part))
        return part


class _Series:
    """The loop that carries the coefficients 0 … n of everything that moves."""

    def __init__(self, rule: ByLoop, order: int) -> None:
        self.rule, self.order = rule, order

    @cached_property
    def written(self) -> tuple[Wired, list[Any]]:
        """The new body, and which (place, order) its carries, sums and rows are."""
        rule, order = self.rule, self.order
        arena, body = Arena.of(rule.body.graph), rule.body
        inputs = list(body.graph.input_nodes)
        paths = {
            inputs[place]: [arena.new_input(arena.avals[inputs[place]]) for _ in range(order)]
            for place in places(rule.moves)
        }
        found = TaylorSweep(arena, paths, order).coefficients(body.graph.output_nodes)
        parted = body.parted([[node, *paths.get(node, [])] for node in inputs])
        carry, rows, constants = ([n for path in part for n in path] for part in parted)
        kept = self._kept(arena, found)
        ends = [[node for _, node in part] for part in kept]
        wired = assembled(
            arena, (carry, rows, constants), (ends[0], ends[1], ends[2]), f"{body.name}_series"
        )
        return wired, [[key for key, _ in part] for part in kept]

    def _kept(self, arena: Arena, found: list[list[Coefficient]]) -> list[list[tuple[Any, int]]]:
        """The outputs of the new body by kind: every order of the carries, and higher orders."""
        body, ends, kept = self.rule.body, self.rule.ends, []
        for kind, part in enumerate(
            body.results(list(zip(found, body.outputs, ends, strict=True)))
        ):
            entries = []
            for place, (series, of, end) in enumerate(part):
                zeros = arena.literal(np.zeros(of.shape, of.dtype)[()])
                for order in range(1 if kind else 0, self.order + 1 if end else 1):
                    node = series[order]
                    entries.append(((place, order), zeros if node is None else node))
            kept.append(entries)
        return kept

    @cached_property
    def loop(self) -> Loop:
        """The loop on the coefficients of the operands."""
        rule, sweep = self.rule, self.rule.sweep
        parted = rule.body.parted(
            [self._path(i, moves) for i, moves in zip(rule.operands, rule.moves, strict=True)]
        )
        operands = [[sweep.tracer(n) for path in part for n in path] for part in parted]
        wired = self.written[0]
        return Loop(
            wired.operands(*operands), wired.body, rule.length, rule.every, rule.reverse
        )  # fmt: skip

    def _path(self, node: int, moves: bool) -> list[int]:
        """The coefficients of an operand that its place in the body asks for."""
        sweep, of = self.rule.sweep, self.rule.sweep.arena.avals[node]
        zeros = sweep.arena.literal(np.zeros(of.shape, of.dtype)[()])
        found = [sweep.at(node, j) for j in range(self.order + 1 if moves else 1)]
        return [zeros if n is None else n for n in found]

    def result(self, role: str, place: int, order: int) -> Any:
        """The coefficient of one result, or None where it does not move."""
        kind = {CARRY: 0, SAVED: 0, SUM: 1, ROW: 2}[role]
        keys = self.written[1][kind]
        if (place, order) not in keys:
            return None
        return self.loop.results(role)[keys.index((place, order))]
