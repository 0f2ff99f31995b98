"""Rows inside a row: the step of a loop as a program of its own in the words of its loop.

    loop's row = [kernel, length, …, where the rows of the step begin, …, rows of the step]

The step shares the table, the constants and the workspace of the program around it.  Its own
buffers live from row to row of one step, so they are laid out as if the step were alone, and the
loop's row keeps one piece of workspace for all of them: what a loop needs does not depend on how
many steps it takes.

Reading on: ``rules/control.py``, ``kernels/scanning.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from diffkit.engines.machine.bulk import Cells
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.words import WORKSPACE
from diffkit.graph.ir import Graph

__all__ = ["Nested", "buffers_of", "nested_in", "shift"]


@dataclass(frozen=True, slots=True)
class Nested:
    """The rows of a step.

    ``outer`` are buffers of the program around it that they touch, ``scratch`` is the memory for
    all others.
    """

    graph: Graph
    rows: tuple[Any, ...]
    outer: frozenset[Buffer]
    scratch: Buffer

    def buffers(self) -> Iterator[Buffer]:
        """What the rows touch, besides their own buffers."""
        for row in self.rows:
            for buffer in buffers_of(row):
                if buffer.slot != WORKSPACE or buffer in self.outer:
                    yield buffer

    def own(self) -> set[Buffer]:
        """The buffers that lie in the scratch memory."""
        touched = {buffer for row in self.rows for buffer in buffers_of(row)}
        return {b for b in touched if b.slot == WORKSPACE and b not in self.outer}


def nested_in(row: Any) -> list[Nested]:
    """The rows that a row has inside."""
    return [item for item in getattr(row, "items", ()) if isinstance(item, Nested)]


def buffers_of(row: Any) -> list[Buffer]:
    """Every buffer that a row touches, in the order of its words."""
    if not hasattr(row, "items"):  # computed by Python
        return [value.buffer for value in (*row.operands, row.result)]
    found = [item.buffer for item in row.items if isinstance(item, Value)] + list(row.buffers)
    if isinstance(row.items[-1], Cells):
        found += row.items[-1].buffers
    for nested in nested_in(row):
        found += [nested.scratch, *nested.buffers()]
    return found


def shift(rows: Any) -> None:
    """Turn offsets in the scratch memory of steps into offsets in the workspace."""
    for row in rows:
        for nested in nested_in(row):
            for buffer in nested.own():
                buffer.offset += nested.scratch.offset
            shift(nested.rows)
