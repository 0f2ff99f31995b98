"""When programs are specialised: ``engine="specialise"``, or for all with one switch.

    DIFFKIT_SPECIALISE=1    every program of the machine is compiled when it is first run
    DIFFKIT_SPECIALISE=0    none is, whatever engine is asked for

Specialised programs have the machine's bits, so the switch changes times and nothing else.  This
module is light: what compiles is imported when it is needed.
"""

from __future__ import annotations

import contextlib
import os

from diffkit.engines.machine.program import Program, program_of
from diffkit.errors import EngineError
from diffkit.graph.ir import Graph

__all__ = ["SWITCH", "is_off", "program_to_run"]

SWITCH = "DIFFKIT_SPECIALISE"


def is_off() -> bool:
    """Whether ``DIFFKIT_SPECIALISE=0`` keeps programs from being compiled.

    >>> is_off()
    False
    """
    return os.environ.get(SWITCH) == "0"


def program_to_run(graph: Graph) -> Program:
    """The machine's program of a graph, or with ``DIFFKIT_SPECIALISE=1`` the specialised one.

    Where LLVM does not take the code it is the plain one.

    >>> import diffkit as dk
    >>> len(program_to_run(dk.parse("x*y")).graph.input_nodes)
    2
    """
    if os.environ.get(SWITCH) == "1":
        from diffkit.engines.machine.specialising.programs import specialised_program

        with contextlib.suppress(EngineError):
            return specialised_program(graph)
    return program_of(graph)
