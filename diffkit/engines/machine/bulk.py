"""Long runs of scalar operations, lowered all at once.

A scalar program of a million operations is a million words of one row.  Walking it operation by
operation would cost more than running it thousands of times; so a run is lowered in columns: the
kernels of all its operations, their operands, their cells, each as one array.

Every result has a cell of 8 bytes of its own, so that nothing has to be decided about memory: the
program is the evaluation trace of the graph, v₁ … vₙ (Griewank & Walther 2008, chapter 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.words import WORKSPACE, word
from diffkit.graph.avals import aval
from diffkit.graph.ir import INPUT, LITERAL, Columns

__all__ = ["CELL", "CellStates", "Cells", "runs_of", "scalar_row"]

# Bytes of a cell.
CELL = 8
# Shorter runs become micro-tapes, whose memory is shared.
LEAST_RUN = 64
# Operands of an operation.
MOST_OPERANDS = 3
_NUMBER, _TRUTH = aval((), "f8"), aval((), "bool")
_UNKNOWN = np.iinfo(np.int64).min
_CELL = 1  # the kind of a node that has a cell


class CellStates(dict[int, Any]):
    """Where nodes are, with the cells of scalar runs made into values when someone looks."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = Buffer(WORKSPACE, 0)
        self.cells: dict[int, int] = {}
        self.truths: set[int] = set()

    def __missing__(self, node: int) -> Value:
        cell = self.cells[node]
        dense = Value.dense(self.buffer, (), "f8", CELL * cell)
        truth = node in self.truths
        found = Value(dense.buffer, dense.offset, (), (), dense.dtype, True) if truth else dense
        self[node] = found
        return found

    def take(self, nodes: Sequence[int]) -> None:
        """Give cells to the results of a run."""
        first = len(self.cells)
        self.cells.update(zip(nodes, range(first, first + len(nodes)), strict=True))
        self.buffer.nbytes = CELL * len(self.cells)


class Cells:
    """The instructions of a run: kernels by number, and cells or outside operands by place.

    A place counts cells; a negative one is −1 − k for the k-th outside operand.
    """

    def __init__(
        self, names: list[str], kernels: np.ndarray, places: np.ndarray,
        buffer: Buffer, outside: list[Value],
    ) -> None:  # fmt: skip
        self.names, self.kernels, self.places = names, kernels, places
        self.buffer, self.outside = buffer, outside

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The memory it touches."""
        return (self.buffer, *{id(v.buffer): v.buffer for v in self.outside}.values())

    def words(self, address: Any) -> np.ndarray:
        """Kernel, result and three operands of every instruction, as words."""
        found = np.empty((len(self.kernels), 2 + MOST_OPERANDS), np.int64)
        addresses = np.array([address(name) for name in self.names], np.int64)
        found[:, 0] = addresses[self.kernels]
        outside = np.array(
            [word(v.buffer.slot, v.buffer.offset + v.offset) for v in self.outside] + [0], np.int64
        )
        cells = word(WORKSPACE, self.buffer.offset) + CELL * self.places
        found[:, 1:] = np.where(self.places >= 0, cells, outside[np.maximum(-1 - self.places, 0)])
        return found.reshape(-1)


def runs_of(columns: Columns, kernel_of: Any) -> list[tuple[int, int]]:
    """The runs of scalar operations, as ranges of nodes (literals and views lie between).

    ``kernel_of`` gives the loop of an operation over float64 and its operands that are truth
    values, or None.
    """
    kinds = bytearray(len(columns))
    loops: dict[Any, Any] = {INPUT: None, LITERAL: None}
    avals, operands = columns.avals, columns.operands
    runs, start, count = [], -1, 0
    for node, operation in enumerate(columns.operations):
        if operation not in loops:
            loops[operation] = kernel_of(operation)
        if operation is LITERAL:
            continue
        loop = loops[operation]
        if loop is not None and (
            # at most two numbers make a number: the usual case, looked at in place
            (
                not loop[1]
                and avals[node] is _NUMBER
                and len(operands[node]) <= 2
                and avals[operands[node][0]] is avals[operands[node][-1]] is _NUMBER
            )
            or _is_scalar(node, loop[1], avals, operands[node], kinds)
        ):
            kinds[node] = _CELL
            start, count = (node, 1) if start < 0 else (start, count + 1)
        elif not (operation.name == "getitem" and columns.operations[operands[node][0]] is INPUT):
            if count >= LEAST_RUN:
                runs.append((start, node))
            start, count = -1, 0
    if count >= LEAST_RUN:
        runs.append((start, len(columns)))
    return runs


def _is_scalar(
    node: int, truths: frozenset[int], avals: Any, operands: tuple[int, ...], kinds: bytearray
) -> bool:
    """Whether a node is computed from numbers, and from truth values that such runs made."""
    if avals[node] is not _NUMBER and avals[node] is not _TRUTH:
        return False
    if not truths:
        return all(avals[operand] is _NUMBER for operand in operands)
    return all(
        avals[operand] is _TRUTH and kinds[operand] == _CELL if k in truths
        else avals[operand] is _NUMBER
        for k, operand in enumerate(operands)
    )  # fmt: skip


def scalar_row(
    columns: Columns, nodes: list[int], kernel_of: Any, states: CellStates, memory: Any
) -> tuple[Any, ...]:
    """The items of one row for a run; its results get cells.

    ``memory`` brings an outside operand to memory.
    """
    loops = {operation: kernel_of(operation) for operation in set(
        map(columns.operations.__getitem__, nodes))}  # fmt: skip
    names = sorted({name for name, _ in loops.values()})
    number = {operation: names.index(name) for operation, (name, _) in loops.items()}
    kernels = np.array([number[columns.operations[node]] for node in nodes], np.int64)
    states.take(nodes)
    states.truths.update(node for node in nodes if columns.avals[node] is _TRUTH)
    places = np.zeros((len(nodes), 1 + MOST_OPERANDS), np.int64)
    places[:, 0] = np.arange(states.cells[nodes[0]], states.cells[nodes[0]] + len(nodes))
    rows = [columns.operands[node] for node in nodes]
    count = np.fromiter(map(len, rows), np.int64, len(rows))
    read = np.fromiter(chain.from_iterable(rows), np.int64, int(count.sum()))
    place, outside = _places(columns, read, states, memory)
    begin = np.cumsum(count) - count
    for k in range(MOST_OPERANDS):
        has = count > k
        places[has, k + 1] = place[read[begin[has] + k]]
    return "scalars", len(nodes), Cells(names, kernels, places, states.buffer, outside)


def _places(
    columns: Columns, read: np.ndarray, states: CellStates, memory: Any
) -> tuple[np.ndarray, list[Value]]:
    """The place of every node that is read, and the values outside that places count."""
    place = np.full(len(columns), _UNKNOWN, np.int64)
    place[np.fromiter(states.cells.keys(), np.int64, len(states.cells))] = np.arange(
        len(states.cells)
    )
    outside = []
    for node in np.unique(read[place[read] == _UNKNOWN]).tolist():
        place[node] = -1 - len(outside)
        outside.append(memory(node))
    return place, outside
