"""The derivative rules of loops: both are loops again.

Forward mode runs the pushforward of the step, with the tangent of the carry beside the carry.
Reverse mode runs the pullback of the step from the last step to the first,

    c̄ᵢ, x̄ᵢ, w̄ᵢ = pullback of body at (cᵢ, xᵢ, w), of (c̄ᵢ₊₁, ȳᵢ),      w̄ = Σᵢ w̄ᵢ,

and reads the carries cᵢ from what the loop saved.  A long loop has saved only every k-th carry,
k ≈ √T: the backward loop then runs over segments, and each segment first computes its k carries
again from the one at its start.  So about 2√T carries are held at once, instead of T, for one more
evaluation of each step (Griewank 1992, *Achieving logarithmic growth of temporal and spatial
complexity in reverse automatic differentiation*; Griewank & Walther 2008, chapter 12).

Carries, rows, constants and sums that do not move take no part, and saved carries are results
like any other: they have tangents and cotangents, so that rules can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.primitives.arithmetic import add
from diffkit.primitives.control import (
    CARRY,
    ROW,
    SAVED,
    SUM,
    Body,
    Loop,
    layout_of,
    part_of,
)
from diffkit.primitives.control_bodies import (
    Node,
    Wired,
    assembled,
    chosen,
    indices,
    inputs_like,
    moving,
    places,
    restricted,
)
from diffkit.primitives.indexing import getitem, slice_of
from diffkit.primitives.shaping import concatenate, reshape

__all__ = ["pulled_back", "pushed_forward"]


# Forward mode -------------------------------------------------------------------------------------


def pushed_forward(
    x: Sequence[Any],
    x_dot: Sequence[Any],
    body: Body,
    length: int,
    every: int = 1,
    reverse: bool = False,
    output: str | None = None,
) -> Any:
    """The tangent of a packed vector: the loop of the pushforward, its tangents packed again."""
    moves, ends = moving(body, [dot is not None for dot in x_dot])
    wired = _pushforward_body(body, moves, ends)
    dots = [
        np.zeros(of.shape, of.dtype)[()] if dot is None else dot
        for dot, of, flag in zip(x_dot, body.inputs, moves, strict=True)
        if flag
    ]
    counts = [sum(part) for part in body.parted(moves)]
    carry, rows, constants = body.parted(x)
    c_dot, x_dots = dots[: counts[0]], dots[counts[0] : counts[0] + counts[1]]
    operands = wired.operands(
        [*carry, *c_dot], [*rows, *x_dots], [*constants, *dots[counts[0] + counts[1] :]]
    )
    loop = Loop(operands, wired.body, length, every, reverse)
    return _packed_tangents(loop, body, length, every, output or body.dtypes[0], ends)


def _pushforward_body(body: Body, moves: Sequence[bool], ends: Sequence[bool]) -> Wired:
    """The step that carries (c, ċ): its sums and rows are tangents only."""
    needed = [True] * body.carries + list(ends[body.carries :])
    wanted = restricted(body, needed)
    pushed = wanted.pushforward(places(moves))
    nodes = pushed.input_nodes
    carry, rows, constants = body.parted(nodes[: len(moves)])
    dots = dict(zip(places(moves), nodes[len(moves) :], strict=True))
    c_dot, x_dot, w_dot = body.parted([dots.get(place) for place in range(len(moves))])
    values, tangents = np.split(np.array(pushed.output_nodes, dtype=int), 2)
    sums = sum(ends[body.carries : body.carries + body.sums])
    moved = chosen(tangents[: body.carries].tolist(), moves[: body.carries])
    rest = tangents[body.carries :].tolist()
    names = [*carry, *_given(c_dot), *rows, *_given(x_dot), *constants, *_given(w_dot)]
    texts = dict(zip(nodes, pushed.input_names, strict=True))
    return assembled(
        Arena.of(pushed),
        ([*carry, *_given(c_dot)], [*rows, *_given(x_dot)], [*constants, *_given(w_dot)]),
        ([*values[: body.carries].tolist(), *moved], rest[:sums], rest[sums:]),
        f"{body.name}_dot",
        [texts[node] for node in names],
    )


def _given(nodes: Sequence[Any]) -> list[int]:
    return [node for node in nodes if node is not None]


def _packed_tangents(
    loop: Loop, body: Body, length: int, every: int, output: str, ends: Sequence[bool]
) -> Any:
    """ẏ block by block, with zeros where nothing moves; neighbouring blocks are one slice."""
    blocks, _ = layout_of(body, length, every, output)
    theirs, total = layout_of(loop.body, length, every, output)
    found = {(b.role, b.place): b for b in theirs}
    carry, sums, rows = body.results(ends)
    place_of = {
        **_numbered(CARRY, carry, body.carries), **_numbered(SAVED, carry, body.carries),
        **_numbered(SUM, sums, 0), **_numbered(ROW, rows, 0),
    }  # fmt: skip
    pieces: list[Any] = []  # (start, end) of the tangents' vector, or a number of zeros
    for block in blocks:
        key = place_of.get((block.role, block.place))
        if key is None:
            pieces.append(block.size)
        elif pieces and isinstance(pieces[-1], tuple) and pieces[-1][1] == found[key].offset:
            pieces[-1] = (pieces[-1][0], found[key].end)
        else:
            pieces.append((found[key].offset, found[key].end))
    if all(isinstance(piece, int) for piece in pieces):
        return None
    vector = loop.vector(output)
    parts = [
        np.zeros(piece, output)
        if isinstance(piece, int)
        else vector if piece == (0, total) else slice_of(vector, 0, *piece)
        for piece in pieces
    ]  # fmt: skip
    return parts[0] if len(parts) == 1 else concatenate(*parts, axis=0)


def _numbered(role: str, flags: Sequence[bool], start: int) -> dict[Any, Any]:
    """Where the tangent of each moving result stands among the tangents' results."""
    return {(role, place): (role, start + i) for i, place in enumerate(places(flags))}


# Reverse mode -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bars:
    """Cotangents of a loop's results (or of a part of its steps).

    ``carry`` and ``saved`` have one entry per carry that moves; ``saved`` has None where nothing
    flows, and ``sums`` and ``rows`` leave those out.
    """

    carry: list[Any]
    sums: list[Any]
    rows: list[Any]
    saved: list[Any]


def pulled_back(
    ct: Any,
    y: Any,
    x: Sequence[Any],
    active: Sequence[bool],
    body: Body,
    length: int,
    every: int = 1,
    reverse: bool = False,
    output: str | None = None,
) -> list[Any]:
    """The cotangents of the operands, None where they do not move."""
    output = output or body.dtypes[0]
    moves, ends = moving(body, active)
    if not any(ends):
        return [None] * len(x)
    bars, seeds = _unpacked(ct, body, ends, layout_of(body, length, every, output))
    primal = Loop(x, body, length, every, reverse)
    primal.packed[output] = y
    backward = _Backward(body, moves, seeds, reverse)
    saved = primal.results(SAVED)
    _, rows, constants = body.parted(x)
    if every == 1:
        found = backward.steps(bars, saved, rows, constants, length)
    else:
        found = backward.segments(bars, saved, rows, constants, length, every)
    cotangents = iter([bar for part in found for bar in part])
    moved = [next(cotangents) if flag else None for flag in moves]
    return [bar if flag else None for bar, flag in zip(moved, active, strict=True)]


def _unpacked(
    ct: Any, body: Body, ends: Sequence[bool], layout: tuple[list[Any], int]
) -> tuple[Bars, list[bool]]:
    """The blocks of a packed cotangent, and which outputs of the body receive one."""
    blocks, total = layout
    parts = {(b.role, b.place): part_of(ct, b, total) for b in blocks}
    carry, sums, rows = body.results(ends)
    avals = chosen(body.outputs[: body.carries], carry)
    carries = [parts.get((CARRY, place)) for place in places(carry)]
    given = {role: [parts.get((role, place)) if flag else None for place, flag in enumerate(flags)]
             for role, flags in ((SUM, sums), (ROW, rows))}  # fmt: skip
    bars = Bars(
        [_zeros(of) if bar is None else bar for bar, of in zip(carries, avals, strict=True)],
        [bar for bar in given[SUM] if bar is not None],
        [bar for bar in given[ROW] if bar is not None],
        [parts.get((SAVED, place)) for place in places(carry)],
    )
    return bars, [*carry, *(bar is not None for role in (SUM, ROW) for bar in given[role])]


def _zeros(of: Aval) -> Any:
    return np.zeros(of.shape, of.dtype)[()]


Found = tuple[list[Any], list[Any], list[Any]]  # the cotangents of carry, rows and constants


class _Backward:
    """The loop from the last step to the first, over tracers or over nodes of a body."""

    def __init__(
        self, body: Body, moves: Sequence[bool], seeds: Sequence[bool], reverse: bool
    ) -> None:
        self.body, self.reverse = body, reverse
        self.moves, self.seeds = body.parted(moves), body.results(seeds)
        self.pulled = restricted(body, seeds).pullback(places(moves))
        carries = [True] * body.carries + [False] * (len(seeds) - body.carries)
        self.forward = restricted(body, carries)

    def steps(
        self, bars: Bars, saved: list[Any], rows: list[Any], constants: list[Any], length: int
    ) -> Found:
        """Pull back ``length`` steps; ``saved`` are the carries before each of them."""
        injected = [bar is not None for bar in bars.saved]
        wired = self._step(injected)
        offered = [*saved, *rows, *bars.rows, *chosen(bars.saved, injected)]
        operands = wired.operands(bars.carry, offered, [*constants, *bars.sums])
        loop = Loop(operands, wired.body, length, reverse=not self.reverse)
        return loop.results(CARRY), loop.results(ROW), loop.results(SUM)

    def _step(self, injected: Sequence[bool]) -> Wired:
        """The pullback of one step; cotangents of saved carries are added where they flow."""
        body, pulled = self.body, self.pulled
        arena, count = Arena.of(pulled), len(body.inputs)
        carry, rows, constants = body.parted(pulled.input_nodes[:count])
        seeds, n_carry, n_sums = pulled.input_nodes[count:], *map(sum, self.seeds[:2])
        c_seed, s_seed, y_seed = (
            seeds[:n_carry], seeds[n_carry : n_carry + n_sums], seeds[n_carry + n_sums :],
        )  # fmt: skip
        bars = pulled.output_nodes[sum(map(sum, self.seeds)) :]
        n_rows = sum(self.moves[1])
        c_bar = list(bars[:n_carry])
        extra = []
        for place in places(injected):
            extra.append(arena.new_input(arena.avals[c_bar[place]]))
            c_bar[place] = add(Node(arena, c_bar[place]), Node(arena, extra[-1])).index
        texts = dict(zip(pulled.input_nodes, pulled.input_names, strict=True))
        texts |= {node: f"{texts[c]}_bar" for node, c in zip(
            c_seed, chosen(carry, self.moves[0]), strict=True)}  # fmt: skip
        inputs = (c_seed, [*carry, *rows, *y_seed, *extra], [*constants, *s_seed])
        return assembled(
            arena,
            inputs,
            (c_bar, bars[n_carry + n_rows :], bars[n_carry : n_carry + n_rows]),
            f"{body.name}_bar",
            [texts.get(node, "saved_bar") for role in inputs for node in role],
        )

    def again(
        self, bars: Bars, start: list[Any], rows: list[Any], constants: list[Any], length: int
    ) -> Found:
        """Compute the carries of a segment again from the first, and pull its steps back.

        ``bars.saved`` is the cotangent of the carry at the start alone.
        """
        graph = self.forward
        inputs = self.body.parted(graph.input_nodes)
        name = f"{self.body.name}_again"
        wired = assembled(
            Arena.of(graph), inputs, (graph.output_nodes, (), ()), name, graph.input_names
        )
        loop = Loop(wired.operands(start, rows, constants), wired.body, length, 1, self.reverse)
        inner = Bars(bars.carry, bars.sums, bars.rows, [None] * len(bars.saved))
        c_bar, x_bars, w_bars = self.steps(inner, loop.results(SAVED), rows, constants, length)
        return _sums(c_bar, bars.saved), x_bars, w_bars

    def segments(
        self,
        bars: Bars,
        saved: list[Any],
        rows: list[Any],
        constants: list[Any],
        length: int,
        every: int,
    ) -> Found:
        """Pull back all steps, segment by segment; the steps left over are a shorter segment."""
        count, rest = divmod(length, every)
        if self.reverse:  # rows run downwards, so the last steps are the first rows
            whole, left, at, kept = (rest, length), (0, rest), 0, (length > count * every, None)
        else:
            whole, left, at, kept = (0, length - rest), (length - rest, length), count, (0, count)
        c_bar, last_rows, last_sums = bars.carry, [], []
        if rest:
            ending = Bars(c_bar, bars.sums, _cut(bars.rows, left), _picked(bars.saved, at))
            c_bar, last_rows, last_sums = self.again(
                ending, _picked(saved, at), _cut(rows, left), constants, rest
            )
        whole_bars = Bars(c_bar, bars.sums, _folded(_cut(bars.rows, whole), every),
                          _cut(bars.saved, kept))  # fmt: skip
        segment_rows = _folded(_cut(rows, whole), every)
        c_bar, x_bars, w_bars = self._outer(
            whole_bars, _cut(saved, kept), segment_rows, constants, count, every
        )
        x_bars = [reshape(bar, shape=(count * every, *bar.shape[2:])) for bar in x_bars]
        if rest:
            w_bars = _sums(w_bars, last_sums)
            pairs = zip(x_bars, last_rows, strict=True)
            x_bars = [concatenate(*((b, a) if self.reverse else (a, b)), axis=0) for a, b in pairs]
        return c_bar, x_bars, w_bars

    def _outer(
        self,
        bars: Bars,
        saved: list[Any],
        rows: list[Any],
        constants: list[Any],
        count: int,
        every: int,
    ) -> Found:
        """The loop over segments, whose step is :meth:`again` on one segment."""
        arena = Arena()
        inside = Bars(
            inputs_like(arena, bars.carry),
            inputs_like(arena, bars.sums),
            inputs_like(arena, bars.rows, stacked=True),
            inputs_like(arena, bars.saved, stacked=True),
        )
        start, x = (inputs_like(arena, items, stacked=True) for items in (saved, rows))
        w = inputs_like(arena, constants)
        c_bar, x_bars, w_bars = self.again(inside, start, x, w, every)
        flows = [bar is not None for bar in bars.saved]
        wired = assembled(
            arena,
            (
                indices(inside.carry),
                indices([*start, *x, *inside.rows, *chosen(inside.saved, flows)]),
                indices([*w, *inside.sums]),
            ),
            (indices(c_bar), indices(w_bars), indices(x_bars)),
            f"{self.body.name}_segment_bar",
            self._segment_names(flows),
        )
        offered = [*saved, *rows, *bars.rows, *chosen(bars.saved, flows)]
        operands = wired.operands(bars.carry, offered, [*constants, *bars.sums])
        loop = Loop(operands, wired.body, count, reverse=not self.reverse)
        return loop.results(CARRY), loop.results(ROW), loop.results(SUM)

    def _segment_names(self, flows: Sequence[bool]) -> list[str]:
        """Names for the inputs of the step over a segment."""
        carry, rows, constants = self.body.parted(self.body.graph.input_names)
        bars = [f"{name}_bar" for name in chosen(carry, self.moves[0])]
        _, sums, ys = (sum(part) for part in self.seeds)
        saved = [f"{name}_saved" for name in chosen(bars, flows)]
        return [*bars, *carry, *rows, *["y_bar"] * ys, *saved, *constants, *["s_bar"] * sums]


def _sums(bars: Sequence[Any], extra: Sequence[Any]) -> list[Any]:
    return [a if b is None else add(a, b) for a, b in zip(bars, extra, strict=True)]


def _cut(items: Sequence[Any], bounds: tuple[int, int | None]) -> list[Any]:
    """The same rows of every array that is there."""
    return [item if item is None else _rows(item, *bounds) for item in items]


def _rows(item: Any, start: int, stop: int | None) -> Any:
    stop = item.shape[0] if stop is None else stop
    return item if (start, stop) == (0, item.shape[0]) else slice_of(item, 0, int(start), stop)


def _picked(items: Sequence[Any], row: int) -> list[Any]:
    return [None if item is None else getitem(item, index=(row,)) for item in items]


def _folded(items: Sequence[Any], every: int) -> list[Any]:
    """Rows in segments of equal length: (T, …) as (T / k, k, …)."""
    return [reshape(x, shape=(x.shape[0] // every, every, *x.shape[1:])) for x in items]
