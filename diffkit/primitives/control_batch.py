"""Loops over many examples: one loop whose step handles all of them.

    scan of examples (c₁, X₁), (c₂, X₂), …   =   scan of the batched body on ((c₁, c₂, …), …)

The body is batched as any graph is, with the examples along axis 0 of what differs between them;
rows carry the steps first and the examples second.  A carry differs if its first value does or a
step makes it so.  Reading on: ``differentiate/batching.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from diffkit.graph.ir import LITERAL
from diffkit.primitives.control import CARRY, ROW, SAVED, SUM, Body, Loop, layout_of
from diffkit.primitives.shaping import concatenate, reshape, spread, transpose

__all__ = ["batched_loop"]


def batched_loop(
    batched: Sequence[bool],
    operands: Sequence[Any],
    size: int,
    body: Body,
    length: int,
    every: int = 1,
    reverse: bool = False,
    output: str | None = None,
) -> Any:
    """The packed results of all examples, one row each."""
    output = output or body.dtypes[0]
    inside, ends = _differing(body, batched)
    graph = body.graph.batched(_axes(inside), size, _axes(ends))
    wide = Body(graph, body.carries, body.rows, body.sums, f"{body.name}_batch")
    rows = range(body.carries, body.carries + body.rows)
    fitted = [
        _steps_first(x)
        if given and place in rows
        else spread(x, axes=(0,), sizes=(size,))
        if differs and not given
        else x
        for place, (x, given, differs) in enumerate(zip(operands, batched, inside, strict=True))
    ]
    loop = Loop(fitted, wide, length, every, reverse)
    carry, sums, ys = body.results(ends)
    flags = {CARRY: carry, SUM: sums, ROW: ys, SAVED: carry}
    found = {role: loop.results(role) for role in flags}
    parts = [
        _one_row_each(found[b.role][b.place], flags[b.role][b.place], b.role, size)
        for b in layout_of(body, length, every, output)[0]
    ]
    return parts[0] if len(parts) == 1 else concatenate(*parts, axis=1)


def _differing(body: Body, batched: Sequence[bool]) -> tuple[list[bool], list[bool]]:
    """Which inputs and outputs of the body differ between the examples."""
    columns, inside = body.graph.columns, list(batched)
    while True:
        differs = dict(zip(body.graph.input_nodes, inside, strict=True))
        for node in body.graph.equation_nodes():
            read = (i for i in columns.operands[node] if columns.operations[i] is not LITERAL)
            differs[node] = any(differs[i] for i in read)
        ends = [differs.get(node, False) for node in body.graph.output_nodes]
        carried = [a or b for a, b in zip(inside, ends, strict=False)][: body.carries]
        ends[: body.carries] = carried
        if carried == inside[: body.carries]:
            return inside, ends
        inside[: body.carries] = carried


def _axes(flags: Sequence[bool]) -> tuple[int | None, ...]:
    return tuple(0 if flag else None for flag in flags)


def _steps_first(x: Any) -> Any:
    """Examples and steps changed round: (examples, steps, …) ↔ (steps, examples, …)."""
    return transpose(x, axes=(1, 0, *range(2, len(x.shape))))


def _one_row_each(x: Any, differs: bool, role: str, size: int) -> Any:
    """A result of all examples as a matrix with one row for each."""
    if not differs:
        return spread(reshape(x, shape=(prod(x.shape),)), axes=(0,), sizes=(size,))
    x = _steps_first(x) if role in (ROW, SAVED) else x
    return reshape(x, shape=(size, prod(x.shape) // size))
