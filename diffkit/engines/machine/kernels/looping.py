"""The training loop as rows: gather a batch, run the step, watch it, go on to the next.

    while step < stop:   run all rows;   stop if one raised the flag;   exchange before and after

Between two steps nothing is copied: the slots of what is carried change places, and the slots of
what belongs to one step (its row numbers, its scalars, its line of the history) move on by a
stride.  The state of a loop extends that of a run (``kernels/control.py``),

    [program, words, table, 0, step, stop, address of the flag, slot before, slot after,
     number of moving slots, slot, stride, slot, stride, …].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from diffkit.engines.machine.kernels.abi import (
    KERNEL,
    call_kernel,
    f8,
    i8,
    kernel,
    operand,
    u1,
)
from diffkit.engines.machine.kernels.writing import in_widths

__all__ = ["check_finite", "gather_rows", "generated", "run_steps"]


@kernel(types.int64(types.int64))
def run_steps(state: Any) -> Any:
    """Run steps until the last or until a row raises the flag; returns the step where it ended."""
    words = i8(state)
    code, end, last = words[0], words[1], words[5]
    table, flag = i8(words[2]), i8(words[6])
    before, after, moving = words[7], words[8], words[9]
    step = words[4]
    while step < last:
        position = 0
        while position < end:
            row = i8(code + position * 8)
            call_kernel(row[0], row, table)
            position += row[1]
        if flag[0] != 0:
            break
        old = table[before]
        table[before] = table[after]
        table[after] = old
        for k in range(moving):
            table[words[10 + 2 * k]] += words[11 + 2 * k]
        step += 1
        words[4] = step
    return step


@kernel()
def gather_rows(row: Any, table: Any) -> None:
    """Copy rows of an array by their numbers: numbers, source, target, count, bytes of a row."""
    numbers = i8(operand(table, row[2]))
    source, target = operand(table, row[3]), operand(table, row[4])
    count, size = row[5], row[6]
    whole = size >> 3
    for k in range(count):
        x, y = source + numbers[k] * size, target + k * size
        for i in range(whole):
            i8(y)[i] = i8(x)[i]
        for i in range(whole << 3, size):
            u1(y)[i] = u1(x)[i]


@kernel()
def check_finite(row: Any, table: Any) -> None:
    """Raise the flag when a number is not finite: flag, memory, words of 8 bytes, three masks.

    The exponent of a NaN or an infinity has all bits set, so that adding one to its last bit
    carries into the sign; a word may hold two numbers of 4 bytes.
    """
    flag, x = i8(operand(table, row[2])), i8(operand(table, row[3]))
    exponent, one, sign = row[5], row[6], row[7]
    carried = 0
    for i in range(row[4]):
        carried |= (x[i] & exponent) + one
    if carried & sign:
        flag[0] = 1


# Row: flag, loss.  Behind the flag lie the bound (negative while it is unknown) and the factor by
# which a loss may exceed the first one.
_BOUND = """
def check_bound_T(row, table):
    flag = operand(table, row[2])
    bound = f8(flag + 8)
    loss = np.float64(T(operand(table, row[3]))[0])
    size = abs(loss)
    if bound[0] < 0.0:
        bound[0] = bound[1] * max(1.0, size)
    if not size <= bound[0] or size == np.inf:
        i8(flag)[0] = 1
"""


def generated() -> dict[str, Callable[..., None]]:
    """The check of a loss in both widths."""
    return in_widths(_BOUND.lstrip(), KERNEL, {"f8": f8, "i8": i8})
