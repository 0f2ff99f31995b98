"""Loops over single numbers, with everything that is carried in registers.

    x₀;   for t < T:   save xₜ (every k-th);   xₜ₊₁ ← φ(xₜ, row t);   row t ← ψ(…)

The machine keeps the numbers of such a loop in cells and interprets six words for each operation
(``machine/kernels/scalar_loops.py``).  Here the words become instructions in the same order: a
cell that a step changes is a φ of the loop (Cytron et al. 1991), one that no step changes is
loaded once, and what is left of memory is the rows that are read, saved and written.  Where only
every k-th carry is saved, the loop is one over segments with a loop over k steps inside.

Reading on: ``machine/rules/scalar_loops.py``, which writes the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import batched
from typing import Any

from diffkit.engines.machine.builder import Row
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.specialising.code import Code
from diffkit.engines.machine.specialising.operations import MEMORY_TYPES, applied
from diffkit.engines.machine.specialising.pieces import (
    ITEMSIZE,
    Operation,
    Place,
    Recurrence,
)
from diffkit.engines.machine.words import SWITCHED

__all__ = ["recurrence", "write_recurrence"]
