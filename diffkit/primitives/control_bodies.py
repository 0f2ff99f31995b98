"""The bodies that the rules of loops write down, and which of their parts carry a derivative.

A rule of a loop makes a new loop, whose body is not captured but assembled, from the pushforward
or the pullback of the old body:

    step:      c, x, w      →  c′, y
    forward:   (c, ċ), (x, ẋ), (w, ẇ)  →  (c′, ċ′), ẏ
    backward:  c̄′, (c, x, ȳ), w  →  c̄, w̄ (summed), x̄

Inputs are sorted into carry, rows and constants, outputs into carry, sums and rows, and what no
output needs is left out.  Reading on: ``control_rules.py``, which runs these bodies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import LITERAL, Graph
from diffkit.primitives.control import Body

__all__ = [
    "Node",
    "Wired",
    "assembled",
    "chosen",
    "indices",
    "inputs_like",
    "moving",
    "places",
    "restricted",
]


# Writing down the body of a loop ------------------------------------------------------------------


class Node:
    """A node of an arena on which primitives can be called: all that a rule needs of a tracer."""

    __slots__ = ("arena", "index")

    def __init__(self, arena: Arena, index: int) -> None:
        self.arena, self.index = arena, index

    @property
    def aval(self) -> Aval:
        """The abstract value."""
        return self.arena.avals[self.index]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        """The dtype."""
        return self.aval.dtype

    def bind_primitive(self, primitive: Any, operands: Sequence[Any], params: Any) -> Node:
        """Add the equation to the arena."""
        nodes = tuple([
            operand.index if isinstance(operand, Node) else self.arena.literal(operand)
            for operand in operands
        ])  # fmt: skip
        return Node(self.arena, self.arena.emit(primitive.operation(params), nodes, None))


def inputs_like(arena: Arena, items: Sequence[Any], stacked: bool = False) -> list[Any]:
    """Inputs of a body for these operands (for a row of each, if they are stacked)."""
    return [
        None
        if item is None
        else Node(arena, arena.new_input(aval(item.shape[1:] if stacked else item.shape,
                                              item.dtype)))
        for item in items
    ]  # fmt: skip


def indices(nodes: Sequence[Node]) -> list[int]:
    """Their places in the arena."""
    return [node.index for node in nodes]


@dataclass(frozen=True, slots=True)
class Wired:
    """A body and which of the rows and constants that were offered it reads."""

    body: Body
    rows: list[int]
    constants: list[int]

    def operands(
        self, carry: Sequence[Any], rows: Sequence[Any], constants: Sequence[Any]
    ) -> list[Any]:
        """The operands of the loop, without those the body does not read."""
        return [*carry, *[rows[i] for i in self.rows], *[constants[i] for i in self.constants]]


def assembled(
    arena: Arena,
    inputs: tuple[Sequence[int], Sequence[int], Sequence[int]],
    outputs: tuple[Sequence[int], Sequence[int], Sequence[int]],
    name: str,
    names: Sequence[str] = (),
) -> Wired:
    """The body with these inputs (carry, rows of X, constants) and outputs (carry, sums, rows).

    ``names`` are those of all inputs; rows and constants that no output needs are left out.
    """
    carry, rows, constants = inputs
    ends = [node for role in outputs for node in role]
    live = arena._reachable(ends)
    kept_rows = [i for i, node in enumerate(rows) if live[node]]
    kept_constants = [i for i, node in enumerate(constants) if live[node]]
    kept = [*carry, *[rows[i] for i in kept_rows], *[constants[i] for i in kept_constants]]
    named = dict(zip([*carry, *rows, *constants], names, strict=False))
    graph = arena.freeze(
        kept,
        ends,
        names=_unique([named.get(node, f"x{place}") for place, node in enumerate(kept)]),
        title=name,
    )
    body = Body(graph, len(carry), len(kept_rows), len(outputs[1]), name)
    return Wired(body, kept_rows, kept_constants)


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        count = seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}_{count}" if count else name)
    return found


# What moves ---------------------------------------------------------------------------------------


def moving(body: Body, active: Sequence[bool]) -> tuple[list[bool], list[bool]]:
    """Which inputs and outputs of a body carry a derivative, when these operands do.

    A carry moves if its first value does or if a step makes it move, so the walk is repeated
    until nothing changes, at most once per carry.
    """
    flags = [bool(a) and of.is_float for a, of in zip(active, body.inputs, strict=True)]
    while True:
        outputs = _reached(body.graph, flags)
        carried = [a or b for a, b in zip(flags, outputs, strict=False)][: body.carries]
        if carried == flags[: body.carries]:
            return flags, carried + outputs[body.carries :]
        flags[: body.carries] = carried


def _reached(graph: Graph, flags: Sequence[bool]) -> list[bool]:
    columns = graph.columns
    moves = dict(zip(graph.input_nodes, flags, strict=True))
    for node in graph.equation_nodes():
        moves[node] = columns.avals[node].is_float and any(
            moves[i] for i in columns.operands[node] if columns.operations[i] is not LITERAL
        )
    return [moves.get(node, False) for node in graph.output_nodes]


def chosen(items: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """The items whose flag is set."""
    return [item for item, flag in zip(items, flags, strict=True) if flag]


def places(flags: Sequence[bool]) -> list[int]:
    """The positions of the flags that are set."""
    return [place for place, flag in enumerate(flags) if flag]


def restricted(body: Body, outputs: Sequence[bool]) -> Graph:
    """The body's graph with some of its outputs."""
    graph = body.graph
    return Arena.of(graph).freeze(
        graph.input_nodes,
        chosen(graph.output_nodes, outputs),
        names=graph.input_names,
        title=graph.title,
    )
