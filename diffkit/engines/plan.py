"""Planning: where every value of a graph lives in memory while the graph runs.

A plan gives each equation one row: the instruction, and the place of its result in one flat
workspace.  A place is used again as soon as its value has been read for the last time, so the
workspace is about as large as the values alive at once and not as large as all of them.

Three kinds of result need no memory of their own:

* a view: a reshaped value, or a contiguous part of one, is the same bytes;
* a result in place: an elementwise result may overwrite an operand that dies there;
* an input or a literal, which stays where the caller has it.

Reading on: how free places are given out, ``engines/allocation.py``; ``engines/liveness.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from diffkit.engines.allocation import ALIGNMENT, Workspace
from diffkit.engines.liveness import dying_at
from diffkit.errors import EngineError
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.primitive import Elementwise
from diffkit.graph.sources import line_of

if TYPE_CHECKING:
    from diffkit.engines.machine.listing import Listing

__all__ = ["ALIGNMENT", "Place", "Plan", "Row", "plan_graph"]

# A printed plan shows this many rows at each end.
ROWS_SHOWN = 40
_SAME_BYTES = ("reshape", "probe", "alias")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lives: in the caller's hands, or at an offset of the workspace.

    ``kind`` is ``"input"``, ``"literal"``, ``"workspace"``, ``"in place"`` (of a dying operand) or
    ``"view"``; ``offset`` counts bytes, from the start of the workspace or, for the view of an
    input or literal, from the start of that; ``base`` is the node whose bytes are viewed.
    """

    kind: str
    offset: int
    nbytes: int
    base: int


@dataclass(frozen=True, slots=True)
class Row:
    """One instruction of a plan."""

    node: int
    instruction: str
    operands: tuple[int, ...]
    place: Place
    line: str


class Plan:
    """The rows of a graph and the size of their workspace; print it to read it.

    ``workspace`` are the bytes that were laid out, ``alive`` the most bytes of results that are
    needed at once, below which no layout can go; the rest is alignment and gaps.
    """

    def __init__(self, graph: Graph, places: dict[int, Place], workspace: int, alive: int) -> None:
        self.graph = graph
        self.places = places
        self.workspace = workspace
        self.alive = alive

    @property
    def rows(self) -> Iterator[Row]:
        """The instructions, in order."""
        columns = self.graph.columns
        for node in self.graph.equation_nodes():
            yield Row(
                node,
                str(columns.operations[node]),
                columns.operands[node],
                self.places[node],
                line_of(columns.sources[node]),
            )

    @property
    def inputs(self) -> int:
        """The bytes of the inputs, which stay with the caller."""
        return sum(_nbytes(self.graph, node) for node in self.graph.input_nodes)

    @property
    def literals(self) -> int:
        """The bytes of the constants."""
        return sum(_nbytes(self.graph, node) for node in self.graph.columns.values)

    @property
    def without_reuse(self) -> int:
        """The bytes of all results together, views aside, as if none shared its memory."""
        nodes = self.graph.equation_nodes()
        return sum(p.nbytes for p in map(self.places.get, nodes) if p and p.kind != "view")

    @property
    def peak(self) -> int:
        """Inputs, literals and workspace: the most bytes held while the graph runs."""
        return self.inputs + self.literals + self.workspace

    def to_dict(self) -> dict[str, Any]:
        """The sizes in bytes, and how many results need memory of their own."""
        kinds = [self.places[node].kind for node in self.graph.equation_nodes()]
        return {
            "schema": 1,
            "peak": self.peak,
            "workspace": self.workspace,
            "alive": self.alive,
            "inputs": self.inputs,
            "literals": self.literals,
            "without_reuse": self.without_reuse,
            "rows": len(kinds),
            "views": kinds.count("view"),
            "in_place": kinds.count("in place"),
        }

    def __str__(self) -> str:
        rows = list(self.rows)
        shown = rows
        if len(rows) > 2 * ROWS_SHOWN:
            shown = [*rows[:ROWS_SHOWN], *rows[-ROWS_SHOWN:]]
        cells = [self._cells(row) for row in shown]
        widths = [max((len(row[i]) for row in cells), default=0) for i in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
            + (f"  # {row[4]}" if row[4] else "")
            for row in cells
        ]
        if len(shown) < len(rows):
            lines.insert(ROWS_SHOWN, f"… {len(rows) - len(shown):,} more rows …")
        return "\n".join([*lines, self._summary()])

    def _cells(self, row: Row) -> tuple[str, str, str, str, str]:
        names, columns = self.graph.names, self.graph.columns
        words = [names.get(operand) or str(columns.values[operand]) for operand in row.operands]
        words = [word if len(word) < 24 else f"<{columns.avals[o]}>"
                 for word, o in zip(words, row.operands, strict=True)]  # fmt: skip
        return (
            f"{names[row.node]}:{columns.avals[row.node]}",
            f"= {row.instruction} {' '.join(words)}",
            f"{row.place.nbytes:,} B",
            self._where(row.place),
            row.line,
        )

    def _where(self, place: Place) -> str:
        if place.kind == "workspace":
            return f"@{place.offset:,}"
        name = self.graph.names.get(place.base, "a literal")
        if place.kind == "in place":
            return f"@{place.offset:,}, in place of {name}"
        return f"view of {name}" + (f" + {place.offset:,}" if place.offset else "")

    def _summary(self) -> str:
        return (
            f"workspace {self.workspace:,} B ({self.without_reuse:,} B without re-use), "
            f"inputs {self.inputs:,} B, literals {self.literals:,} B, peak {self.peak:,} B"
        )


@overload
def plan_graph(graph: Graph, engine: None = None) -> Plan: ...
@overload
def plan_graph(graph: Graph, engine: str) -> Listing: ...
def plan_graph(graph: Graph, engine: str | None = None) -> Plan | Listing:
    """The plan of a graph: its rows, and one workspace in which values share memory.

    Sizes are in bytes.  ``print(graph.plan())`` lists row, instruction, bytes, place and the
    user's line; with ``engine="machine"`` the rows are those that the machine runs, where runs of
    elementwise operations are one row and loops have their steps inside.

    Raises
    ------
    EngineError
        For an engine that has no rows, and where the machine cannot be built.

    Source: liveness analysis, Aho, Lam, Sethi & Ullman 2006, section 8.4.

    >>> import numpy as np, diffkit as dk
    >>> plan = dk.trace(lambda x: np.sin(np.cos(np.exp(x))), np.ones(1000)).plan()
    >>> plan.without_reuse, plan.workspace
    (24000, 8000)
    """
    if engine == "machine":
        from diffkit.engines.machine.listing import listing_of  # needs the machine's kernels

        return listing_of(graph)
    if engine is not None:
        raise EngineError(
            f"plan: engine {engine!r} has no rows", hint='use engine="machine", or none.'
        )
    if "plan" not in graph.cache:
        graph.cache["plan"] = _Planner(graph).plan()
    return graph.cache["plan"]


def _nbytes(graph: Graph, node: int) -> int:
    aval = graph.columns.avals[node]
    return aval.size * aval.dtype.itemsize


class _Planner:
    """One walk over the equations, with the free places of the workspace."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.columns = graph.columns
        self.places: dict[int, Place] = {}
        self.roots: dict[int, int] = {}  # node → the node that owns its bytes
        self.workspace = Workspace()
        self.alive = self.most_alive = 0

    def plan(self) -> Plan:
        """Place every value."""
        for node, operation in enumerate(self.columns.operations):
            if operation is INPUT or operation is LITERAL:
                kind = "input" if operation is INPUT else "literal"
                self.places[node] = Place(kind, 0, _nbytes(self.graph, node), node)
                self.roots[node] = node
        for node in self.graph.equation_nodes():
            viewed = self._viewed(node)
            self.roots[node] = node if viewed is None else self.roots[viewed[0]]
        kept = (*self.graph.input_nodes, *self.graph.output_nodes)
        dying = dying_at(self.columns, kept, self.roots)
        for node in self.graph.equation_nodes():
            dead = dying.get(node, [])
            self._place(node, dead)
            for root in dead:
                self._release(root)
        return Plan(self.graph, self.places, self.workspace.end, self.most_alive)

    def _viewed(self, node: int) -> tuple[int, int] | None:
        """The operand whose bytes a result shares, and the offset in it; None if it does not."""
        operation, operands = self.columns.operations[node], self.columns.operands[node]
        if operation.name in _SAME_BYTES:
            return operands[0], 0
        if operation.name == "getitem" and len(operands) == 1:
            offset = _contiguous_part(self.columns.avals[operands[0]], operation.kwargs["index"])
            return None if offset is None else (operands[0], offset)
        return None

    def _place(self, node: int, dead: list[int]) -> None:
        nbytes = _nbytes(self.graph, node)
        viewed = self._viewed(node)
        if viewed is not None:
            base, extra = viewed
            under = self.places[base]
            self.places[node] = Place("view", under.offset + extra, nbytes, self.roots[base])
            return
        over = self._overwritten(node, dead)
        if over is not None:
            self.places[node] = Place("in place", self.places[over].offset, nbytes, over)
            dead.remove(over)  # its bytes belong to the result from here on
            return
        offset = self.workspace.allocate(nbytes)
        self.places[node] = Place("workspace", offset, nbytes, node)
        self.alive += nbytes
        self.most_alive = max(self.most_alive, self.alive)

    def _overwritten(self, node: int, dead: list[int]) -> int | None:
        """A dying operand of the same shape and dtype that an elementwise result may replace."""
        if not isinstance(self.columns.operations[node].primitive, Elementwise):
            return None
        operands, avals = self.columns.operands[node], self.columns.avals
        for operand in operands:
            same = avals[operand] is avals[node]
            if not (same and operand in dead and self.roots[operand] == operand):
                continue
            # another shape of the same bytes would be read after it was overwritten
            others = [o for o in operands if self.roots[o] == operand]
            if all(avals[other] is avals[node] for other in others):
                return operand
        return None

    def _release(self, root: int) -> None:
        place = self.places[root]
        self.alive -= place.nbytes
        self.workspace.release(place.offset, place.nbytes)


def _contiguous_part(aval: Any, index: tuple[Any, ...]) -> int | None:
    """The byte offset of a basic index that selects one contiguous block; None if it does not."""
    offset, block, opened = 0, aval.size, False  # opened: an axis keeps more than one element
    for part, size in zip(index, aval.shape, strict=False):
        if part is None or (isinstance(part, tuple) and part[0] != "slice"):
            return None
        block //= max(size, 1)
        start, stop, step = (part % size, part % size + 1, 1) if isinstance(part, int) else (
            slice(*part[1:]).indices(size)
        )  # fmt: skip
        count = max(stop - start, 0)
        if step != 1 or (opened and count != size):
            return None
        opened = opened or count > 1
        offset += start * block
    return offset * aval.dtype.itemsize
