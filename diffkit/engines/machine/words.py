"""The words of a program: how operands and rows are written as integers.

A program of the machine is one array of 64-bit words.  A row is

    [address of the kernel, number of words, the kernel's own words …]

and an operand is ``slot << 48 | offset in bytes``.  This module has no dependency, so that
kernels, compiler and loader agree on it.
"""

from __future__ import annotations

__all__ = [
    "CARRY_WORDS",
    "CODE",
    "FIRST_ARGUMENT",
    "FOUND_NAN",
    "LITERALS",
    "MOVING_WORDS",
    "OFFSET_BITS",
    "OFFSET_MASK",
    "OUTPUTS",
    "OUT_OF_RANGE",
    "ROW_HEAD",
    "SINGULAR",
    "STATUS",
    "SWITCHED",
    "WORKSPACE",
    "word",
]

OFFSET_BITS = 48
OFFSET_MASK = (1 << OFFSET_BITS) - 1

# Slots of the table of addresses; STATUS holds no address, but what a check row found.
WORKSPACE, CODE, LITERALS, OUTPUTS, STATUS, FIRST_ARGUMENT = range(6)
# What the run loop returns when it came to the end and a result is NaN or infinite.
FOUND_NAN = -1
# The bit of the status that says: an index array had numbers out of range.
OUT_OF_RANGE = 2
# The bit that says: a matrix was singular, or not positive definite.
SINGULAR = 4

# Words before a kernel's own: its address and the length of the row.
ROW_HEAD = 2

# Words of a loop's row per slot that moves on and per carry (``kernels/scanning.py``).
MOVING_WORDS, CARRY_WORDS = 3, 9
# Operations that loops over single numbers have in their switch, in this order; the number of one
# that is called is 0 (``kernels/scalar_loops.py``).  A word holds four numbers of cells below it.
SWITCHED = (
    "alias", "add", "sub", "mul", "div", "neg", "integer_power_2", "integer_power_3",
    "integer_power_m1", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
    "logical_not", "mask", "where", "maximum", "minimum", "relu", "mul_add", "mul_sub",
    "sub_mul",
)  # fmt: skip


def word(slot: int, offset: int) -> int:
    """An operand as one word.

    >>> word(WORKSPACE, 64)
    64
    """
    return slot << OFFSET_BITS | offset
