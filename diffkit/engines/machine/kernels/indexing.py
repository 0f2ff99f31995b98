"""Gathering and scattering: elements found by tables of byte offsets.

    gather    y[b, i, a] = x[before b + at i + after a]
    scatter   y[before b + at i + after a] += x[b, i, a]

An index that is known beforehand is one table of offsets.  An index that is computed is checked
first and turned into the table in the middle; slices before and behind it are the tables around.
A negative offset reads as 0, so that a table may leave holes.  Elements that lie in a row move as
runs.  A number that is met twice by a scatter receives both, in the order of the index, as
``np.add.at`` adds them.

Reading on: NumPy's user guide, *Indexing on ndarrays*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.engines.machine.kernels.abi import KERNEL, i8, kernel, operand
from diffkit.engines.machine.kernels.vectors import copied
from diffkit.engines.machine.kernels.writing import NUMBERS, from_text
from diffkit.engines.machine.words import OUT_OF_RANGE, STATUS

__all__ = ["CARRIERS", "generated", "index_offsets"]

# Sizes of items in bytes, and the integer that carries such an item unchanged.
CARRIERS = {"8": "i8", "4": "i4", "1": "u1"}

# Row: source, before, at, after (tables), target; their lengths; numbers in a run.
_GATHER = """
def gather_SIZE(row, table):
    x, target = operand(table, row[2]), operand(table, row[6])
    y = T(target)
    before, at = i8(operand(table, row[3])), i8(operand(table, row[4]))
    after, run = i8(operand(table, row[5])), row[10]
    done = 0
    for b in range(row[7]):
        for i in range(row[8]):
            place = before[b] + at[i]
            if place < 0:
                for k in range(row[9] * run):
                    y[done + k] = zero
                done += row[9] * run
            elif run == 1:
                for a in range(row[9]):
                    y[done + a] = T(x + place + after[a])[0]
                done += row[9]
            else:
                for a in range(row[9]):
                    copied(x + place + after[a], target + done * SIZE, run * SIZE)
                    done += run
"""

# Row: source, before, at, after (tables), target; their lengths; numbers in a run.
_SCATTER = """
def scatter_SIZE(row, table):
    x, y = T(operand(table, row[2])), operand(table, row[6])
    before, at = i8(operand(table, row[3])), i8(operand(table, row[4]))
    after, run = i8(operand(table, row[5])), row[10]
    done = 0
    for b in range(row[7]):
        for i in range(row[8]):
            place = y + before[b] + at[i]
            for a in range(row[9]):
                target = T(place + after[a])
                for k in range(run):
                    target[k] += x[done + k]
                done += run
"""


@kernel()
def index_offsets(row: Any, table: Any) -> None:
    """Offsets of a computed index: result, how many, how many arrays; then numbers, size, stride.

    A number outside −size … size − 1 raises the status of the run and counts as 0, which is safe
    to follow.
    """
    offsets, count = i8(operand(table, row[2])), row[3]
    for i in range(count):
        offsets[i] = 0
    for k in range(row[4]):
        numbers, size, stride = i8(operand(table, row[5 + 3 * k])), row[6 + 3 * k], row[7 + 3 * k]
        outside = 0
        for i in range(count):
            number = numbers[i]
            number = number + size if number < 0 else number
            wrong = number < 0 or number >= size
            outside += wrong
            offsets[i] += 0 if wrong else number * stride
        if outside > 0:
            table[STATUS] |= OUT_OF_RANGE


def generated() -> dict[str, Callable[..., None]]:
    """The gathers by size of item, and the scatters by kind of number."""
    found: dict[str, Callable[..., None]] = {}
    scope = {"copied": copied}
    for size, carrier in CARRIERS.items():
        text = _GATHER.replace("SIZE", size).replace("T(", f"{carrier}(")
        text = text.replace("zero", f"{NUMBERS[carrier]}(0)")
        found[f"gather_{size}"] = from_text(f"gather_{size}", text.lstrip(), KERNEL, scope)
    for width in ("f8", "f4", "i8", "i4"):
        text = _SCATTER.replace("SIZE", width).replace("T(", f"{width}(")
        found[f"scatter_{width}"] = from_text(f"scatter_{width}", text.lstrip(), KERNEL, {})
    return found
