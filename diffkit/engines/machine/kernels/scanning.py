"""Loops inside a program: the rows of one step, run T times over memory that moves on.

    slots ← first addresses;   T times:   run the rows of the step;   move the slots on

The rows of a step are rows like any other.  What belongs to one step, a row of X or of Y, is read
and written through slots of the table that advance by a stride (a negative one, if the loop runs
backwards).  A carry has two slots, before and after the step.  Either they change places and
nothing is copied, or they advance through the block where every carry is saved, so that computing
a carry is saving it.  Where only every k-th carry is kept it is copied there before its step.

The step after the last one has no carry to save, so the last step writes to a place of its own.
Reading on: ``rules/control.py``, which puts the row together; ``primitives/control.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import (
    FLAGS,
    OPERATION,
    call_kernel,
    i8,
    kernel,
    operand,
    u1,
)
from diffkit.engines.machine.kernels.writing import WIDTHS, in_widths
from diffkit.engines.machine.words import CARRY_WORDS, MOVING_WORDS

__all__ = ["generated", "scan"]

# Words of a scan: steps, k (0 if no carry is copied), where the rows of the step begin, how many
# words they are, the number of moving slots, the number of carries; then per moving slot
#     slot, first address, stride;
# then per carry
#     slot before, slot after, stride (0: they change places), first address, second address (if
#     they change places), address after the last step (-1: where it comes to lie), and for every
#     k-th carry: where the first is copied to, stride, bytes (0: not copied).
_HEAD = 8


@njit(**FLAGS)
def _run_rows(code: Any, end: Any, table: Any) -> None:
    position = 0
    while position < end:
        row = i8(code + position * 8)
        call_kernel(row[0], row, table)
        position += row[1]


@njit(**FLAGS)
def _copy_bytes(source: Any, target: Any, count: Any) -> None:
    whole = count >> 3
    for i in range(whole):
        i8(target)[i] = i8(source)[i]
    for i in range(8 * whole, count):
        u1(target)[i] = u1(source)[i]


@kernel()
def scan(row: Any, table: Any) -> None:
    """Run the rows of a step as many times as the loop is long."""
    length, every, code, end = row[2], row[3], operand(table, row[4]), row[5]
    moving, carries = row[6], row[7]
    first = _HEAD + MOVING_WORDS * moving
    for k in range(moving):
        p = _HEAD + MOVING_WORDS * k
        table[row[p]] = operand(table, row[p + 1])
    for k in range(carries):
        p = first + CARRY_WORDS * k
        start = operand(table, row[p + 3])
        table[row[p]] = start
        table[row[p + 1]] = start + row[p + 2] if row[p + 2] != 0 else operand(table, row[p + 4])
    left, kept = every, 0  # steps until the next copy; copies made
    for step in range(length):
        if left == every and every > 0:
            for k in range(carries):
                p = first + CARRY_WORDS * k
                if row[p + 8] > 0:
                    target = operand(table, row[p + 6]) + kept * row[p + 7]
                    _copy_bytes(table[row[p]], target, row[p + 8])
            left = 0
            kept += 1
        left += 1
        if step == length - 1:
            for k in range(carries):
                p = first + CARRY_WORDS * k
                if row[p + 5] >= 0:
                    table[row[p + 1]] = operand(table, row[p + 5])
        _run_rows(code, end, table)
        for k in range(moving):
            p = _HEAD + MOVING_WORDS * k
            table[row[p]] += row[p + 2]
        for k in range(carries):
            p = first + CARRY_WORDS * k
            before, after = table[row[p]], table[row[p + 1]]
            table[row[p]] = after
            table[row[p + 1]] = after + row[p + 2] if row[p + 2] != 0 else before


# An operation of a tape that adds to the numbers where its result goes: d ← d + a.
_ACCUMULATE = """
def accumulate_T(d, a, b, c, n):
    d, a = T(d), T(a)
    for i in range(n):
        d[i] += a[i]
"""


def generated() -> dict[str, Callable[..., None]]:
    """The operation that adds to a sum, for every kind of number."""
    return in_widths(_ACCUMULATE.lstrip(), OPERATION, {}, tuple(WIDTHS))
