"""Rewrites of the machine's own: what many equations spell out, as the one that has a kernel.

    graph  →  one walk forward, every equation against the patterns of its primitive  →  graph

The patterns stand in ``machine/padding_patterns.py`` and ``machine/shifted_products.py``.  The new
equations add in another order than the old ones, so they agree within rounding, and only the
machine sees them: a graph as users know it stays as captured (``graph/rewrites.py`` has the
rewrites that change no bit).
"""

from __future__ import annotations

from diffkit.engines.machine import padding_patterns, shifted_products
from diffkit.engines.machine.patterns import PATTERNS, Seen
from diffkit.graph.arena import SMALL_LITERAL_BYTES, Arena
from diffkit.graph.ir import INPUT, LITERAL, Graph, Guard

__all__ = ["fitted", "padding_patterns", "shifted_products"]

# Every graph with something to rewrite has one of these.
TRIGGERS = frozenset({"matmul", "where", "conv2d"})


def fitted(graph: Graph) -> Graph:
    """The graph as the machine computes it: the same one, where no pattern is found.

    Inputs and outputs keep their order, shapes and dtypes; values agree within rounding.

    >>> import diffkit as dk
    >>> fitted(dk.parse("x*y")).operations()
    {'mul': 1, 'total': 1}
    """
    names = {operation.name for operation in graph.columns.operations}
    return _Walk(graph).run() if names & TRIGGERS else graph


class _Walk:
    """One walk forward, which writes the graph anew if something changes."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.arena = graph, Arena()
        self.place: dict[int, int] = {}
        self.changed = False

    def run(self) -> Graph:
        graph, columns = self.graph, self.graph.columns
        for node in graph.input_nodes:
            self.place[node] = self.arena.new_input(columns.avals[node])
        for node, operation in enumerate(columns.operations):
            if operation is LITERAL:
                self.place[node] = self.literal(node)
            elif operation is not INPUT:
                self.place[node] = self.move(node)
        return self.finish() if self.changed else graph

    def literal(self, node: int) -> int:
        """The same constant: large ones are shared, not copied."""
        value, aval = self.graph.columns.values[node], self.graph.columns.avals[node]
        if aval.size * aval.dtype.itemsize <= SMALL_LITERAL_BYTES:
            return self.arena.literal(value)
        place = self.arena.new_input(aval)
        self.arena.operations[place] = LITERAL
        self.arena.values[place] = value
        return place

    def move(self, node: int) -> int:
        columns = self.graph.columns
        operation, source = columns.operations[node], columns.sources[node]
        operands = tuple([self.place[operand] for operand in columns.operands[node]])
        for pattern in PATTERNS.get(operation.name, ()):
            found = pattern(Seen(self.arena, operation, operands, source))
            if found is not None:
                self.changed = True
                return found
        return self.arena.emit(operation, operands, source)

    def finish(self) -> Graph:
        graph, place = self.graph, self.place
        return self.arena.freeze(
            [place[node] for node in graph.input_nodes],
            [place[node] for node in graph.output_nodes],
            guards=[Guard(place[g.node], g.outcome, g.source) for g in graph.guards],
            names=graph.input_names,
            in_tree=graph.in_tree,
            out_tree=graph.out_tree,
            title=graph.title,
            keywords=graph.keywords,
        )
