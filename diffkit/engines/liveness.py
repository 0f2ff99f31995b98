"""Liveness: from where to where a value of a graph is needed.

A value is alive from the equation that makes it to the last equation that reads it; an output is
alive to the end (Aho, Lam, Sethi & Ullman 2006, *Compilers*, section 8.4).  The interpreter frees
values by it, the planner shares memory by it, and the cost report counts by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from diffkit.graph.ir import LITERAL, Columns

__all__ = ["dying_at", "last_readers"]


def last_readers(columns: Columns) -> dict[int, int]:
    """Node → the last equation that reads it; nodes that nobody reads are left out."""
    return {node: reader for reader, row in enumerate(columns.operands) for node in row}


def dying_at(columns: Columns, keep: Iterable[int]) -> dict[int, list[int]]:
    """Equation → the nodes whose last reader it is, without literals and without ``keep``."""
    kept = set(keep)
    dying: dict[int, list[int]] = {}
    for node, reader in last_readers(columns).items():
        if node not in kept and columns.operations[node] is not LITERAL:
            dying.setdefault(reader, []).append(node)
    return dying
