"""The run loop: one instruction after the other, until the end or a row for Python.

    pc ← 0;   while pc < end:   call the kernel of row pc;   pc ← pc + length of the row

A row whose kernel address is 0 is for Python: an operation without a kernel.  The loop then
returns its position and is called again behind it.  The state of a run is a few words,

    [address of the program, number of its words, address of the table, position],

so that a call from Python passes one integer.  Reading on: threaded code, Bell 1973.
"""

from __future__ import annotations

from typing import Any

from numba import types

from diffkit.engines.machine.kernels.abi import call_kernel, i8, kernel

__all__ = ["run"]


@kernel(types.int64(types.int64))
def run(state: Any) -> Any:
    """Run rows from the position of a state; returns where it stopped."""
    words = i8(state)
    code = words[0]
    end = words[1]
    table = i8(words[2])
    position = words[3]
    while position < end:
        row = i8(code + position * 8)
        address = row[0]
        if address == 0:
            break
        call_kernel(address, row, table)
        position += row[1]
    return position
