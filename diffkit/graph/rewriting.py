"""Rewriting: the same graph with less to do.

The table in ``graph/rewrites.py`` says what may stand for what.  Equations come in order, so
the operands of an equation are rewritten before it, and one walk forward reaches a graph in
which no rule applies.  Every output keeps its value for every input, bit by bit.

A folded constant is rounded to its dtype, so high-precision truth takes the graph as captured.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import INPUT, LITERAL, Guard, Operation
from diffkit.graph.rewrites import (
    COMMON_SUBEXPRESSIONS,
    DEAD_CODE,
    RULES,
    SUBTRACTED_MAXIMUM,
    New,
    Pattern,
    Rewrite,
    Seen,
)
from diffkit.graph.shifts import graph_roots, hold_shifts

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["RULES", "Rewrite", "rewrite"]


class _Walk:
    """One walk forward over a graph, into a new arena."""

    def __init__(self, graph: Graph, names: list[str]) -> None:
        self.graph = graph
        self.arena = Arena()
        self.place: dict[int, int] = {}
        self.names = set(names)
        self.general: list[Pattern] = []
        self.by_primitive: dict[str, list[Pattern]] = {}
        for rule in (RULES[name] for name in names):
            if not rule.on:
                self.general.append(rule.pattern)
            for primitive in rule.on:
                self.by_primitive.setdefault(primitive, []).append(rule.pattern)

    def needed(self) -> set[int]:
        """The nodes to copy: all of them, or those that outputs and guards need."""
        graph = self.graph
        if DEAD_CODE not in self.names:
            return set(range(len(graph.columns)))
        live = set(graph.output_nodes) | {guard.node for guard in graph.guards}
        for node in range(len(graph.columns) - 1, -1, -1):
            if node in live:
                live.update(graph.columns.operands[node])
        return live

    def run(self) -> Graph:
        graph, columns = self.graph, self.graph.columns
        for node in graph.input_nodes:
            self.place[node] = self.arena.new_input(columns.avals[node])
        for node in sorted(self.needed()):
            operation = columns.operations[node]
            if operation is LITERAL:
                self.place[node] = self.arena.literal(columns.values[node])
            elif operation is not INPUT:
                self.place[node] = self.move(node)
        return self.finish()

    def move(self, node: int) -> int:
        """Rewrite one equation until no rule applies, and give its new node."""
        columns = self.graph.columns
        operation, aval = columns.operations[node], columns.avals[node]
        operands = tuple([self.place[operand] for operand in columns.operands[node]])
        source = columns.sources[node]
        while True:
            found = self.apply(Seen(self.arena, operation, operands, aval))
            if found is None:
                return self.emit(operation, operands, aval, source)
            if isinstance(found, int):
                self.arena.note_repeat(found, source)
                return found
            operation, operands = found

    def apply(self, seen: Seen) -> int | New | None:
        for pattern in (*self.by_primitive.get(seen.operation.name, ()), *self.general):
            found = pattern(seen)
            if found is not None:
                return found
        return None

    def emit(self, operation: Operation, operands: tuple[int, ...], aval: Aval, source: Any) -> int:
        if COMMON_SUBEXPRESSIONS in self.names:
            return self.arena.emit(operation, operands, source)
        node = self.arena.emit_fresh(operation, operands, aval)
        self.arena.sources[node] = source
        return node

    def finish(self) -> Graph:
        graph, place = self.graph, self.place
        if SUBTRACTED_MAXIMUM in self.names:
            hold_shifts(self.arena, [place[node] for node in graph_roots(graph)])
        return self.arena.freeze(
            [place[node] for node in graph.input_nodes],
            [place[node] for node in graph.output_nodes],
            guards=[
                Guard(place[guard.node], guard.outcome, guard.source)
                for guard in graph.guards
                if not self.certain(guard)
            ],
            names=graph.input_names,
            in_tree=graph.in_tree,
            out_tree=graph.out_tree,
            title=graph.title,
            keywords=graph.keywords,
        )

    def certain(self, guard: Guard) -> bool:
        """Whether a guard's variable has become the constant it asks for."""
        value = self.arena.values.get(self.place[guard.node])
        return value is not None and bool(np.all(np.asarray(value) == guard.outcome))


def rewrite(graph: Graph, rules: Iterable[str] | None = None) -> Graph:
    """An equivalent graph in which no rewrite of the table applies.

    Parameters
    ----------
    graph
        Any graph.
    rules
        Names of rows of ``RULES``; None takes all of them.

    Returns
    -------
    Graph
        With the same inputs, names and trees; every output has the same value for every
        input, NaN, infinities and signed zeros included.

    Raises
    ------
    InputError
        For the name of a rule that is not in the table.

    >>> import diffkit as dk
    >>> rewrite(dk.trace(lambda x: -(-x) * 1.0, 2.0)).operations()
    {'total': 0}
    """
    names = list(RULES) if rules is None else [rules] if isinstance(rules, str) else list(rules)
    unknown = [name for name in names if name not in RULES]
    if unknown:
        raise InputError(
            f"there is no rewrite named {unknown[0]!r}", hint=f"choose from {', '.join(RULES)}."
        )
    return _Walk(graph, names).run()
