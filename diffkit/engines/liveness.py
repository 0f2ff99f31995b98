"""Liveness: from where to where a value of a graph is needed.

A value is alive from the equation that makes it to the last equation that reads it; an output is
alive to the end (Aho, Lam, Sethi & Ullman 2006, *Compilers*, section 8.4).  The interpreter frees
values by it, the planner shares memory by it, and the cost report counts by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diffkit.graph.ir import LITERAL, Columns

__all__ = ["dying_at"]


def dying_at(
    columns: Columns, keep: Iterable[int], owners: Mapping[int, int] | None = None
) -> dict[int, list[int]]:
    """Equation → the nodes whose last reader it is, without literals and without ``keep``.

    A result that nobody reads dies where it is made.  ``owners`` names, for a view, the node
    whose bytes it shows: what reads or keeps a view reads or keeps its owner.

    Source: Aho, Lam, Sethi & Ullman 2006, section 8.4.

    >>> import diffkit as dk
    >>> graph = dk.trace(lambda x: (x + 1.0) * x, 2.0)
    >>> dying_at(graph.columns, graph.output_nodes)  # x and x + 1.0, in the product
    {3: [0, 2]}
    """
    owners = owners or {}
    kept = {owners.get(node, node) for node in keep}
    until: dict[int, int] = {}
    for reader, row in enumerate(columns.operands):
        for node in (*row, reader):
            until[owners.get(node, node)] = reader
    dying: dict[int, list[int]] = {}
    for node, reader in until.items():
        if node not in kept and columns.operations[node] is not LITERAL:
            dying.setdefault(reader, []).append(node)
    return dying
