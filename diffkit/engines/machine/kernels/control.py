"""The run loop: one instruction after the other, until the end or a row for Python.

    pc ← 0;   while pc < end:   call the kernel of row pc;   pc ← pc + length of the row

A row whose kernel address is 0 is for Python: an operation without a kernel.  The loop then
returns its position and is called again behind it.  The state of a run is a few words,

    [address of the program, number of its words, address of the table, position],

so that a call from Python passes one integer.  A program ends with a row that looks for NaN
and infinities in its results (x − x is not 0); then the loop says so, and Python finds out where
they were born.

Reading on: threaded code, Bell 1973.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from diffkit.engines.machine.kernels.abi import KERNEL, call_kernel, i8, kernel
from diffkit.engines.machine.kernels.writing import in_widths
from diffkit.engines.machine.words import FOUND_NAN, STATUS

__all__ = ["generated", "run"]


@kernel(types.int64(types.int64))
def run(state: Any) -> Any:
    """Run rows from the position of a state; returns where it stopped."""
    words = i8(state)
    code = words[0]
    end = words[1]
    table = i8(words[2])
    position = words[3]
    if position == 0:
        table[STATUS] = 0
    while position < end:
        row = i8(code + position * 8)
        address = row[0]
        if address == 0:
            break
        call_kernel(address, row, table)
        position += row[1]
    if position >= end and table[STATUS] != 0:
        return -table[STATUS]
    return position


_CHECK = """
def check_T(row, table):
    x = T(operand(table, row[2]))
    found = 0
    for i in range(row[3]):
        found |= x[i] - x[i] != number(0)
    if found:
        table[STATUS] |= -FOUND_NAN
"""


def generated() -> dict[str, Callable[..., None]]:
    """The check of results for NaN, in all widths."""
    return in_widths(_CHECK.lstrip(), KERNEL, {"STATUS": STATUS, "FOUND_NAN": FOUND_NAN})
