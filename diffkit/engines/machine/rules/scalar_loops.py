"""Loops whose step computes with single numbers only: words for a kernel that runs them all.

    x′ = r·x·(1 − x)   →   cell 4 ← r·x;   cell 5 ← 1 − x;   cell 0 ← cell 4 · cell 5

Every number of a step has a cell.  A carry is computed into its own cell where nothing reads the
old number any more; otherwise it is copied there after the step.

Reading on: ``kernels/scalar_loops.py``; ``rules/control.py``, for all other loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.rules.elementwise import plain_loop
from diffkit.engines.machine.words import CELL_BITS, SWITCHED
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["ScalarStep", "scalar_step"]

WIDTHS = ("f8", "f4")
MOST_CELLS = 1 << CELL_BITS
_SAME = ("alias", "probe")


class ScalarStep:
    """The operations of a step as cells: kernel, cell of the result, cells of the operands."""

    def __init__(self, graph: Graph, width: str) -> None:
        self.graph, self.width = graph, width
        self.cell: dict[int, int] = {}
        self.literals: dict[int, Any] = {}  # cell → number it is filled with
        self.operations: list[tuple[str, int, tuple[int, ...]]] = []
        self.count = 0

    def new(self) -> int:
        """A new cell."""
        self.count += 1
        return self.count - 1

    def constant(self, number: Any) -> int:
        """A new cell that is filled with a number before the loop."""
        cell = self.new()
        self.literals[cell] = np.dtype(self.width).type(number)
        return cell

    def emit(self, kernel: str, operands: Sequence[int], result: int | None = None) -> int:
        """Add an operation; returns the cell of its result."""
        cell = self.new() if result is None else result
        self.operations.append((kernel, cell, tuple(operands)))
        return cell

    def carried(self, carries: Sequence[int], after: Sequence[int], read: Sequence[int]) -> Any:
        """Have the carries computed into their cells; the copies that remain, as pairs of cells.

        ``read`` are cells that are looked at after the operations of a step.
        """
        moves = []
        for k, (cell, new) in enumerate(zip(carries, after, strict=True)):
            if new == cell:
                continue
            if new in carries or new in after[:k] or self._is_input(new):
                moves.append((cell, self.emit("alias", [new])))
            elif cell in read or cell in after or self._is_read_after(new, cell):
                moves.append((cell, new))
            else:
                self._rename(new, cell)
        return moves
