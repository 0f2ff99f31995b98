"""Programs as a person reads them: rows with their kernels, places and the user's lines.

    3  tape  256 lanes of f64                                        # rnn.py:12
           v0 = add @2,048 @4,096
           h' = tanh v0

A place is ``@`` and an offset in the workspace; ``out``, ``literal`` and the names of arguments
stand for the other memories; ``v0``, ``v1`` … are vectors that never leave the first cache, ``c0``,
``c1`` … the cells of a loop over single numbers, and ``slot 7`` is memory that moves on from step
to step.  Rows inside a loop are indented.

Reading on: ``engines/plan.py``, the plan of a graph whatever runs it; ``machine/program.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from diffkit.engines.machine.builder import Row
from diffkit.engines.machine.bulk import CELL, Cells
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.nested import Nested, buffers_of, nested_in
from diffkit.engines.machine.program import Program, program_of
from diffkit.engines.machine.words import (
    CARRY_WORDS,
    FIRST_ARGUMENT,
    LITERALS,
    MOVING_WORDS,
    OUTPUTS,
    SWITCHED,
    WORKSPACE,
)
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY
from diffkit.graph.sources import line_of

__all__ = ["Listing", "listing_of"]

# A printed listing shows this many lines at each end.
LINES_SHOWN = 100
# Where the words of a row begin (kernels/tape.py, kernels/scanning.py, kernels/scalar_loops.py).
_TAPE_WORDS, _SCAN_WORDS, _CELL_WORDS, _OPERATION = 7, 6, 12, 6
_MOST_OPERANDS = 3
_WIDTH = 64  # columns before the user's line


class Listing:
    """The rows of a graph's program and the bytes it needs; print it to read it.

    ``workspace``, ``outputs`` and ``literals`` are bytes of memory, ``inputs`` those of the
    arguments, ``code`` those of the words themselves.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        avals = program.graph.columns.avals
        self.inputs = sum(
            avals[node].size * avals[node].dtype.itemsize for node in program.graph.input_nodes
        )
        self.workspace, self.outputs = program.workspace, program.outputs
        self.literals, self.code = program.literals.nbytes, program.words.nbytes

    @property
    def peak(self) -> int:
        """Everything that is held while the program runs, in bytes."""
        return self.inputs + self.workspace + self.outputs + self.literals + self.code

    def to_dict(self) -> dict[str, Any]:
        """The sizes in bytes, and how many rows there are and how many are left to Python."""
        return {
            "schema": 1,
            "peak": self.peak,
            "workspace": self.workspace,
            "outputs": self.outputs,
            "inputs": self.inputs,
            "literals": self.literals,
            "code": self.code,
            "rows": len(self.program.rows),
            "python": len(self.program.callbacks),
        }

    def __str__(self) -> str:
        lines = list(_lines(self.program.rows, _Names(self.program.graph), self.program.graph))
        if len(lines) > 2 * LINES_SHOWN:
            hidden = len(lines) - 2 * LINES_SHOWN
            lines[LINES_SHOWN:-LINES_SHOWN] = [f"… {hidden:,} more lines …"]
        return "\n".join([*lines, self._summary()])

    def _summary(self) -> str:
        return (
            f"workspace {self.workspace:,} B, outputs {self.outputs:,} B, inputs {self.inputs:,} B,"
            f" literals {self.literals:,} B, code {self.code:,} B, peak {self.peak:,} B"
        )


def listing_of(graph: Graph) -> Listing:
    """The program that the machine makes of a graph, as a listing.

    Raises
    ------
    EngineError
        When the machine cannot be built.

    >>> import diffkit as dk
    >>> str(listing_of(dk.parse("sin(x)*x"))).splitlines()[1:3]
    ['      v0 = sin x', '      out+0 = mul v0 x']
    """
    return Listing(program_of(graph))


# Operands -----------------------------------------------------------------------------------------


class _Names:
    """How memory is called."""

    def __init__(self, graph: Graph) -> None:
        self.inputs = graph.input_names

    def of(self, value: Value) -> str:
        """The place of an array: a name, or a memory and an offset."""
        buffer = value.buffer
        offset = buffer.offset + value.offset
        if buffer.slot == WORKSPACE:
            return f"@{offset:,}"
        if buffer.slot == LITERALS:
            array = buffer.array
            return f"{array.item()!r}" if array.size == 1 else f"literal+{offset:,}"
        if buffer.slot == OUTPUTS:
            return f"out+{offset:,}"
        place = buffer.slot - FIRST_ARGUMENT
        name = self.inputs[place] if place < len(self.inputs) else f"slot {buffer.slot}"
        return f"{name}+{value.offset:,}" if value.offset else name

    def typed(self, value: Value) -> str:
        """The place with dtype and shape."""
        kind = {"f": "f", "i": "i", "b": "bool", "u": "u", "c": "c"}[value.dtype.kind]
        bits = "" if kind == "bool" else str(8 * value.dtype.itemsize)
        shape = f"[{','.join(map(str, value.shape))}]" if value.shape else ""
        return f"{self.of(value)}:{kind}{bits}{shape}"


# Rows ---------------------------------------------------------------------------------------------


def _lines(rows: Sequence[Any], names: _Names, graph: Graph, depth: int = 0) -> Iterator[str]:
    indent = "      " * depth
    for number, row in enumerate(rows):
        head, *details = _described(row, names)
        node = row.node
        line = line_of(graph.columns.sources[node]) if 0 <= node < len(graph.columns) else ""
        text = f"{indent}{number:2d}  {head}, {_nbytes(row):,} B"
        yield f"{text:{_WIDTH}}  # {line}" if line else text
        yield from (f"{indent}      {detail}" for detail in details)
        for nested in _shown(row):
            yield from _lines(nested.rows, names, nested.graph, depth + 1)


def _shown(row: Any) -> list[Nested]:
    """The rows inside a row that are listed: of equal parts the first."""
    nested = nested_in(row)
    return nested[:1] if nested and row.items[0] == "parallel" else nested


def _nbytes(row: Any) -> int:
    """The bytes of the memory that a row touches."""
    return sum({id(b): b.nbytes for b in buffers_of(row)}.values())


def _described(row: Any, names: _Names) -> list[str]:
    """What a row does, then one line for each of its operations."""
    if not isinstance(row, Row):
        operands = " ".join(map(names.typed, row.operands))
        return [f"python  {names.typed(row.result)} = {_title(row.function)} {operands}"]
    kernel = row.items[0]
    if kernel == "parallel":
        return [f"parallel  {len(nested_in(row))} parts, of which the first"]
    if kernel == "tape":
        return _tape(row, names)
    if kernel == "scalars":
        return _cells(row.items[1], row.items[2], names)
    if kernel == "scan":
        return _scan(row, names)
    if kernel.startswith("scan_scalars"):
        return _scalar_loop(row, names)
    operands = [names.typed(item) for item in row.items[1:] if isinstance(item, Value)]
    return [f"{kernel}  {' '.join(operands)}"]


def _title(function: Any) -> str:
    method = getattr(function, "func", function)
    owner = getattr(method, "__self__", None)
    return getattr(owner, "name", None) or getattr(method, "__name__", "a function")


def _tape(row: Row, names: _Names) -> list[str]:
    _, lanes, _, count, once, inside = row.items[:6]
    words = row.items[_TAPE_WORDS : _TAPE_WORDS + count]
    scratch = words[0].buffer  # the first word stands for an operand that is not there
    vectors: dict[int, str] = {}

    def name(place: int) -> str:
        word = words[place]
        if word.buffer is scratch:
            return vectors.setdefault(word.offset, f"v{len(vectors)}")
        return names.of(word)

    lines = []
    start = _TAPE_WORDS + 2 * count
    for k in range(start, start + 5 * (once + inside), 5):
        kernel, *places = row.items[k : k + 5]
        result, *operands = [name(p) for p in places if p and isinstance(words[p], Value)]
        lines.append(f"{result} = {kernel.rpartition('_')[0]} {' '.join(operands)}".rstrip())
    width = row.items[start].rpartition("_")[2] if lines else ""
    many = "lane" if lanes == 1 else "lanes"
    return [f"tape  {lanes:,} {many} of {width[:1]}{8 * int(width[1:])}", *lines]


def _cells(count: int, cells: Cells, names: _Names) -> list[str]:
    def name(place: int) -> str:
        if place < 0:
            return names.of(cells.outside[-1 - place])
        return f"@{cells.buffer.offset + CELL * place:,}"

    lines = []
    for kernel, places in zip(cells.kernels.tolist(), cells.places.tolist(), strict=True):
        operation = cells.names[kernel].rpartition("_")[0]
        operands = " ".join(map(name, places[1 : 1 + _arity(operation)]))
        lines.append(f"{name(places[0])} = {operation} {operands}")
    return [f"scalars  {count:,} operations", *lines]


def _times(length: int) -> str:
    return f"{length:,} step" + ("s" if length > 1 else "")


def _scan(row: Row, names: _Names) -> list[str]:
    length, every, nested, moving, carries, *words = row.items[1:]
    lines = []
    for k in range(0, MOVING_WORDS * moving, MOVING_WORDS):
        slot, first, stride = words[k : k + MOVING_WORDS]
        lines.append(f"slot {slot}: from {names.of(first)} on, {stride:+,} B a step")
    for k in range(carries):
        start = MOVING_WORDS * moving + CARRY_WORDS * k
        before, after, stride, first, other, last = words[start : start + 6]
        where = f"{stride:+,} B a step" if stride else f"and {names.of(other)} in turn"
        end = f", at last {names.of(last)}" if isinstance(last, Value) else ""
        saved = f", saved every {every} steps" if every and words[start + 8] else ""
        lines.append(
            f"slot {before} → slot {after}: carry in {names.of(first)} {where}{end}{saved}"
        )
    return [f"scan  {_times(length)} of {nested.graph.title or 'a step'}", *lines]


def _scalar_loop(row: Row, names: _Names) -> list[str]:
    length, every, cells, _, count, *sizes = row.items[1:_CELL_WORDS]
    words = list(row.items[_CELL_WORDS:])
    operations = [words[k : k + _OPERATION] for k in range(0, _OPERATION * count, _OPERATION)]
    del words[: _OPERATION * count]
    parts = []
    for size, width in zip(sizes, (2, 3, 3, 3, 2, 2), strict=True):
        parts.append([words[k : k + width] for k in range(0, width * size, width)])
        del words[: width * size]
    filled, read, saved, written, moved, kept = parts
    often = "" if every == 1 else f" every {every} steps"
    lines = [f"c{cell} = {names.of(value)}" for cell, value in filled]
    lines += [f"c{cell} = {names.of(x)}, {stride:+,} B a step" for cell, x, stride in read]
    lines += [f"{names.of(x)} = c{c}, {stride:+,} B{often or ' a step'}" for c, x, stride in saved]
    return [
        f"scan  {_times(length)} over {cells.shape[0]} cells",
        *lines,
        *[f"  {_operation(words)}" for words in operations],
        *[f"  c{to} = c{cell}" for to, cell in moved],
        *[f"{names.of(x)} = c{cell}, {stride:+,} B a step" for cell, x, stride in written],
        *[f"{names.of(x)} = c{cell} at last" for cell, x in kept],
    ]


def _operation(words: Sequence[Any]) -> str:
    number, address, result, *operands = words
    name = SWITCHED[number - 1] if number else address.rpartition("_")[0]
    cells = " ".join(f"c{cell}" for cell in operands[: _arity(name)])
    return f"c{result} = {name} {cells}"


def _arity(operation: str) -> int:
    """How many operands an operation on single numbers has."""
    if operation.startswith("integer_power"):
        return 1
    primitive = REGISTRY.get(operation)
    emit = getattr(primitive, "emit", None)
    return _MOST_OPERANDS if emit is None else sum(
        f"{{{place}}}" in emit for place in range(_MOST_OPERANDS)
    )  # fmt: skip
