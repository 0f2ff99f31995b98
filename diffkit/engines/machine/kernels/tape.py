"""Micro-tapes: runs of elementwise operations over blocks of lanes.

    for each block of lanes:   for each operation:   for each lane of the block: d = φ(a, b, c)

Values that no one else reads live in registers, short vectors that stay in the first cache, so
that a run of operations touches memory once.  A register is an address and a step, the bytes by
which it moves on from block to block: 0 for a vector that is re-used, 8 per lane for an array.
This is vectorised interpretation (Boncz, Zukowski & Nes 2005, *MonetDB/X100*): the cost of
dispatching is paid per block and not per number.

A scalar tape is the same with one lane and no blocks: a list of operations over 8-byte cells.
"""

from __future__ import annotations

from typing import Any

from diffkit.engines.machine.kernels.abi import call_operation, i8, kernel, operand

__all__ = ["scalars", "tape"]

# A register's word below 0 counts lanes instead of pointing at memory, from -1 - word.
# Words of a tape: lanes, block, registers, instructions before the loop, instructions in it, and
# the operand where current addresses are kept; then a word and a step per register; then five
# words per instruction.
_HEAD = 8
_INSTRUCTION = 5


@kernel()
def tape(row: Any, table: Any) -> None:
    """Run a micro-tape."""
    lanes, block, registers, once, inside = row[2], row[3], row[4], row[5], row[6]
    at = i8(operand(table, row[7]))
    steps = _HEAD + registers
    for r in range(registers):
        word = row[_HEAD + r]
        at[r] = operand(table, word) if word >= 0 else -1 - word
    first = steps + registers
    count = min(lanes, block)
    for k in range(once):
        p = first + _INSTRUCTION * k
        call_operation(row[p], at[row[p + 1]], at[row[p + 2]], at[row[p + 3]], at[row[p + 4]],
                       count)  # fmt: skip
    first += _INSTRUCTION * once
    start = 0
    while start < lanes:
        count = min(lanes - start, block)
        for k in range(inside):
            p = first + _INSTRUCTION * k
            call_operation(row[p], at[row[p + 1]], at[row[p + 2]], at[row[p + 3]],
                           at[row[p + 4]], count)  # fmt: skip
        for r in range(registers):
            at[r] += row[steps + r]
        start += block


@kernel()
def scalars(row: Any, table: Any) -> None:
    """Run operations on single numbers, one after the other: kernel, result, three operands."""
    for k in range(row[2]):
        p = 3 + _INSTRUCTION * k
        call_operation(row[p], operand(table, row[p + 1]), operand(table, row[p + 2]),
                       operand(table, row[p + 3]), operand(table, row[p + 4]), 1)  # fmt: skip
