"""When programs are specialised: ``engine="specialise"``, long loops, or all with one switch.

    DIFFKIT_SPECIALISE=1    every program of the machine is compiled when it is first run
    DIFFKIT_SPECIALISE=0    none is, whatever engine is asked for

A call cannot know how many will follow, so the machine runs what is not worth compiling for a
few calls.  Long loops over single numbers are: interpreting them costs the machine three times what
the code takes, compiling takes no longer for more steps, and tracing such a loop in Python
took ten times as long.  Specialised programs have the machine's bits, so all of this changes times
and nothing else.  This module is light: what compiles is imported when it is needed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any

from diffkit.engines.machine.nested import nested_in
from diffkit.engines.machine.program import Program, program_of
from diffkit.errors import EngineError
from diffkit.graph.ir import Graph

__all__ = [
    "LONGER_PER_WORD",
    "LONG_LOOPS",
    "SWITCH",
    "is_off",
    "program_to_run",
    "steps_times_operations",
]

SWITCH = "DIFFKIT_SPECIALISE"
# Operations on single numbers in the loops of a program from which it is specialised.  Compiling
# takes 20 ms and 200 µs for each operation of the code, which is six words of a program, and code
# saves 1.6 ns whenever an operation is done (measured): that is paid after 50 calls.
LONG_LOOPS, LONGER_PER_WORD = 250_000, 400
# Items of rows (rules/control.py): how many steps, and how many operations in each.
_STEPS, _OPERATIONS = 1, 5


def is_off() -> bool:
    """Whether ``DIFFKIT_SPECIALISE=0`` keeps programs from being compiled.

    >>> is_off()
    False
    """
    return os.environ.get(SWITCH) == "0"


def program_to_run(graph: Graph) -> Program:
    """The machine's program of a graph, or the specialised one where loops are long.

    Where LLVM does not take the code, or is not installed, it is the plain one.

    >>> import diffkit as dk
    >>> len(program_to_run(dk.parse("x*y")).graph.input_nodes)
    2
    """
    if os.environ.get(SWITCH) == "1" or (not is_off() and _has_long_loops(graph)):
        from diffkit.engines.machine.specialising.programs import specialised_program

        with contextlib.suppress(EngineError, ImportError):
            return specialised_program(graph)
    return program_of(graph)


def _has_long_loops(graph: Graph) -> bool:
    program = program_of(graph)
    least = LONG_LOOPS + LONGER_PER_WORD * len(program.words)
    return steps_times_operations(program.rows) >= least


def steps_times_operations(rows: Iterable[Any]) -> int:
    """The operations that loops over single numbers do in all their steps.

    >>> import diffkit as dk
    >>> steps_times_operations(program_of(dk.parse("x*y")).rows)
    0
    """
    found = 0
    for row in rows:
        items: Any = getattr(row, "items", ("",))
        if str(items[0]).startswith("scan_scalars_"):
            found += items[_STEPS] * items[_OPERATIONS]
        elif items[0] == "scan":
            inside = (steps_times_operations(nested.rows) for nested in nested_in(row))
            found += items[_STEPS] * sum(inside)
    return found
