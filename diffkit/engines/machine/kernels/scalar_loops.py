"""Loops over single numbers: all steps of a loop in one kernel, over cells in the first cache.

    for every step:   for every operation:   cell d ← φ(cell a, cell b, cell c)

The step of a recurrence or of a differential equation is a few operations on single numbers, and
calling a kernel for each of them would cost more than the arithmetic.  Here an operation is
six words, what to do and the cells, and the common operations are branches of one switch
(Bell 1973, *Threaded code*; Ertl & Gregg 2003, *The structure and performance of efficient
interpreters*); all others are called.  They are the operations of ``kernels/elementwise.py`` and
round as these do.

Reading on: ``rules/scalar_loops.py``, which writes the words.
"""

from __future__ import annotations

from collections.abc import Callable

from diffkit.engines.machine.kernels.abi import KERNEL, call_operation
from diffkit.engines.machine.kernels.writing import in_widths
from diffkit.engines.machine.words import SWITCHED

__all__ = ["EXPRESSIONS", "generated"]

# The operations of the switch, on x, y and a third; a truth value is 1 or 0.
EXPRESSIONS = {
    "alias": "x", "add": "x + y", "sub": "x - y", "mul": "x * y", "div": "x / y", "neg": "-x",
    "integer_power_2": "x * x", "integer_power_3": "x * x * x", "integer_power_m1": "one / x",
    "less": "one if x < y else zero", "less_equal": "one if x <= y else zero",
    "greater": "one if x > y else zero", "greater_equal": "one if x >= y else zero",
    "equal": "one if x == y else zero", "not_equal": "one if x != y else zero",
    "logical_not": "zero if x != zero else one",
    "mask": "y if x != zero else zero", "where": "y if x != zero else THIRD",
    "maximum": "x if (x > y or x != x) else y", "minimum": "x if (x < y or x != x) else y",
    "relu": "x if (x > zero or x != x) else zero",
    "mul_add": "x * y + THIRD", "mul_sub": "x * y - THIRD", "sub_mul": "THIRD - x * y",
}  # fmt: skip

# Row: steps, k (carries are saved before every k-th step), cells, and how many there are of
# operations, cells filled before the loop, cells filled in each step, carries saved, rows written,
# cells copied after a step, and results; then six words per operation: its number in the switch or
# 0, its address if it is called, and the cells of the result and of three operands; then for each
# of the others its cell and address, or its two cells, and a stride where it is read or written
# in many steps.
_HEAD, _OPERATION = 13, 6
_LOOP = """
def scan_scalars_T(row, table):
    zero, one = number(0), number(1)
    length, every, base = row[2], row[3], operand(table, row[4])
    cells, item = T(base), row[5]
    operations, starts, rows, saves, ys, moves, ends = (
        row[6], row[7], row[8], row[9], row[10], row[11], row[12])
    p = HEAD + WORDS * operations
    for k in range(starts):
        cells[row[p]] = T(operand(table, row[p + 1]))[0]
        p += 2
    left, kept = 0, 0
    for step in range(length):
        q = p
        for k in range(rows):
            cells[row[q]] = T(operand(table, row[q + 1]) + step * row[q + 2])[0]
            q += 3
        if left == 0:
            for k in range(saves):
                s = q + 3 * k
                T(operand(table, row[s + 1]) + kept * row[s + 2])[0] = cells[row[s]]
            left = every
            kept += 1
        left -= 1
        q += 3 * saves
        for k in range(operations):
            o = HEAD + WORDS * k
            what, d, x, y = row[o], row[o + 2], cells[row[o + 3]], cells[row[o + 4]]
            if what == 0:
                call_operation(row[o + 1], base + item * d, base + item * row[o + 3],
                               base + item * row[o + 4], base + item * row[o + 5], 1)
SWITCH
        for k in range(ys):
            T(operand(table, row[q + 1]) + step * row[q + 2])[0] = cells[row[q]]
            q += 3
        for k in range(moves):
            cells[row[q]] = cells[row[q + 1]]
            q += 2
    p += 3 * (rows + saves + ys) + 2 * moves
    for k in range(ends):
        T(operand(table, row[p + 1]))[0] = cells[row[p]]
        p += 2
"""


def generated() -> dict[str, Callable[..., None]]:
    """The loop in both widths.

    >>> sorted(generated())
    ['scan_scalars_f4', 'scan_scalars_f8']
    """
    branches = [
        f"            elif what == {number}:\n                cells[d] = {value}"
        for number, value in enumerate(map(EXPRESSIONS.__getitem__, SWITCHED), 1)
    ]
    text = _LOOP.lstrip().replace("SWITCH", "\n".join(branches))
    text = text.replace("THIRD", "cells[row[o + 5]]")
    scope = {"call_operation": call_operation, "HEAD": _HEAD, "WORDS": _OPERATION}
    return in_widths(text, KERNEL, scope)
