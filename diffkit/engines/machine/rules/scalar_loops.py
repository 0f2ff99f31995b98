"""Loops whose step computes with single numbers only: words for a kernel that runs them all.

    x′ = r·x·(1 − x)   →   cell 3 ← r·x;   cell 4 ← 1 − x;   cell 0 ← cell 3 · cell 4

Every number of a step has a cell.  A carry is computed into its own cell where nothing reads the
old number any more; otherwise it is copied there after the step.

Reading on: ``kernels/scalar_loops.py``; ``rules/control.py``, for all other loops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.engines.machine.rules.elementwise import plain_loop
from diffkit.engines.machine.words import SWITCHED
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["ScalarStep"]

WIDTHS = ("f8", "f4")
# As many numbers as a first-level cache of 32 KiB holds.
MOST_CELLS = 4096
_BOOL = np.dtype(np.bool_)
_SAME = ("alias", "probe")
# What reads it and where: a negative or a product, and the operation that is both.
_JOINED = {
    ("neg", "add", 0): "sub", ("neg", "add", 1): "sub", ("neg", "sub", 1): "add",
    ("mul", "add", 0): "mul_add", ("mul", "add", 1): "mul_add", ("mul", "sub", 0): "mul_sub",
    ("mul", "sub", 1): "sub_mul",
}  # fmt: skip


def _joinable(kernel: str, operands: Sequence[int], single: Any) -> list[tuple[bool, int, int]]:
    """The operands that can be joined: negatives last, then by the place of their operation."""
    return [
        (single[cell][1] == "neg", single[cell][0], place)
        for place, cell in enumerate(operands)
        if cell in single and (single[cell][1], kernel, place) in _JOINED
    ]


class ScalarStep:
    """The operations of a step: kernel, cell of the result, cells of the operands.

    ``fits`` says whether the whole step is single numbers of one width and truth values that it
    computes itself.
    """

    def __init__(self, graph: Graph, width: str) -> None:
        self.graph, self.width, self.dtype = graph, width, np.dtype(width)
        self.cell: dict[int, int] = {}
        self.literals: dict[int, Any] = {}  # cell → the number that it is filled with
        self.operations: list[tuple[str, int, tuple[int, ...]]] = []
        self.count = 0
        self.fits = width in WIDTHS and self._lowered()
        self.fits = self.fits and self.count < MOST_CELLS

    def cells(self, nodes: Sequence[int]) -> list[int]:
        """The cells of some nodes."""
        return [self.cell[node] for node in nodes]

    def constant(self, number: Any) -> int:
        """A new cell that is filled with a number before the loop."""
        self.literals[self.count] = self.dtype.type(number)
        return self._new()

    def total(self, term: int) -> int:
        """A new cell that a term is added to in every step, beginning with -0.0."""
        cell = self.constant(-0.0)
        return self.emit("add", [cell, term], cell)

    def emit(self, kernel: str, operands: Sequence[int], result: int | None = None) -> int:
        """Add an operation; returns the cell of its result."""
        cell = self._new() if result is None else result
        self.operations.append((kernel, cell, tuple(operands)))
        return cell

    def shorten(self, read: Sequence[int]) -> None:
        """Join negatives and products with the one sum or difference that reads them."""
        reads = Counter([*read, *(x for _, _, operands in self.operations for x in operands)])
        single = {
            result: (place, kernel, operands)
            for place, (kernel, result, operands) in enumerate(self.operations)
            if reads[result] == 1
        }
        joined: set[int] = set()
        found = []
        for kernel, result, operands in self.operations:
            while len(operands) == 2 and (choices := _joinable(kernel, operands, single)):
                _, _, place = max(choices)
                cell, other = operands[place], operands[1 - place]
                _, inner, operands = single[cell]
                kernel = _JOINED[inner, kernel, place]
                operands = (other, *operands) if inner == "neg" else (*operands, other)
                joined.add(cell)
            if result in single:
                single[result] = single[result][0], kernel, operands
            found.append((kernel, result, operands))
        self.operations = [entry for entry in found if entry[1] not in joined]

    def words(self) -> list[Any]:
        """Six words for every operation: its number or address, and the cells."""
        found: list[Any] = []
        for kernel, result, operands in self.operations:
            number = SWITCHED.index(kernel) + 1 if kernel in SWITCHED else 0
            address = 0 if number else f"{kernel}_{self.width}"
            found += [number, address, *(result, *operands, 0, 0, 0)[:4]]
        return found

    def _new(self) -> int:
        self.count += 1
        return self.count - 1

    def _lowered(self) -> bool:
        """Give cells to all nodes; False where one does not fit."""
        columns = self.graph.columns
        nodes = (*self.graph.input_nodes, *self.graph.output_nodes)
        if any(not self._is_number(node) for node in nodes):
            return False
        self.cell = {node: self._new() for node in self.graph.input_nodes}
        for node, operation in enumerate(columns.operations):
            if operation is LITERAL:
                if columns.avals[node].shape:
                    return False
                self.cell[node] = self.constant(columns.values[node])
            elif operation is not INPUT and not self._equation(node):
                return False
        return True

    def _is_number(self, node: int) -> bool:
        aval = self.graph.columns.avals[node]
        return aval.shape == () and aval.dtype == self.dtype

    def _equation(self, node: int) -> bool:
        columns = self.graph.columns
        operation, operands = columns.operations[node], columns.operands[node]
        if operation.name in _SAME and self._is_number(node):
            self.cell[node] = self.cell[operands[0]]
            return True
        loop = plain_loop(operation)
        if loop is None or columns.avals[node].shape:
            return False
        name, truths = loop
        for place, operand in enumerate(operands):
            of = columns.avals[operand]
            if of.shape or of.dtype != (_BOOL if place in truths else self.dtype):
                return False
        self.cell[node] = self.emit(name.removesuffix("_f8"), self.cells(operands))
        return True

    # The carry -----------------------------------------------------------------------------------

    def carry(
        self, carries: Sequence[int], after: Sequence[int], read: list[int]
    ) -> list[tuple[int, int]]:
        """Have carries computed into their cells; which cells are copied to which after a step.

        ``read`` are cells that are looked at after the step; where a number has moved to another
        cell they are changed.
        """
        moves = []
        for cell, new in zip(carries, after, strict=True):
            if new in carries and new != cell:  # it may change before it is copied
                moves.append((cell, self.emit("alias", [new])))
            elif new != cell and not self._computed_into(cell, new, after, read):
                moves.append((cell, new))
        return moves

    def _computed_into(self, cell: int, new: int, after: Sequence[int], read: list[int]) -> bool:
        """Rename the cell of a new carry to that of the old, if nothing needs both."""
        made = [place for place, (_, result, _) in enumerate(self.operations) if result == new]
        if not made or after.count(new) > 1 or cell in after or cell in read:
            return False
        if any(cell in operands for _, _, operands in self.operations[made[0] + 1 :]):
            return False
        rename = {new: cell}
        self.operations = [
            (kernel, rename.get(result, result), tuple(rename.get(x, x) for x in operands))
            for kernel, result, operands in self.operations
        ]
        read[:] = [rename.get(x, x) for x in read]
        return True
