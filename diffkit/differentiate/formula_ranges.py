"""Formulas that leave the range of floating point: noticed, and said.

SymPy may write (xy)² as x²y², and 2x²y at x = 10²⁰⁰, y = 10⁻²⁰⁰ as x² first: an infinity, where the
value is 2·10²⁰⁰.  A stable function (``primitives/symbolic_functions.py``) does not help, for the
formula is right and only its order of multiplications is not.

So where an entry of a derivative comes out as 0 or infinite, the formula is run once more with
the processor's flags for overflow and underflow watched; if one is raised, it is run with 50
digits, where nothing overflows, and a result that is another one is reported.  A formula that
gives ordinary numbers is not run twice.

Reading on: IEEE 754-2019, section 7, on exceptions and their flags.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.engines.calling import user_level
from diffkit.engines.interpret import program_of, run
from diffkit.errors import DomainWarning
from diffkit.graph.ir import Graph
from diffkit.lazy import mp

__all__ = ["warn_of_range"]

DIGITS = 50
# A true value is another one when it differs by more than this, relatively.
TOLERANCE = 1e-6


def warn_of_range(formula: Graph, leaves: Sequence[Any], entries: Sequence[Any]) -> None:
    """Warn when entries of a formula are 0 or infinite by over- or underflow alone.

    ``formula`` has scalar inputs ``leaves`` and gave the scalars ``entries``.
    """
    suspects = [i for i, entry in enumerate(entries) if entry == 0 or math.isinf(entry)]
    if not suspects or not np.all(np.isfinite(leaves)) or not _leaves_range(formula, leaves):
        return
    with mp.workdps(DIGITS):
        exact = run(formula, [mp.mpf(float(x)) for x in leaves], domain="mpmath")
        wrong = [i for i in suspects if _differs(entries[i], exact[i])]
    if wrong:
        got, true = float(entries[wrong[0]]), mp.nstr(exact[wrong[0]], 6)
        warnings.warn(
            f"the formula of the derivative over- or underflows here: it gives {got:g}, and its "
            f"value is {true}; use another method, or scale the variables",
            DomainWarning,
            stacklevel=user_level(),
        )


def _leaves_range(formula: Graph, leaves: Sequence[Any]) -> bool:
    """Whether a step of the formula overflows or underflows."""
    program = program_of(formula)
    state: dict[int, Any] = dict(program.literals)
    state.update(zip(formula.input_nodes, leaves, strict=True))
    try:
        with np.errstate(all="ignore", over="raise", under="raise"):
            for function, operands, node, _ in program.steps:
                state[node] = function(*[state[operand] for operand in operands])
    except FloatingPointError:
        return True
    return False


def _differs(entry: Any, exact: Any) -> bool:
    """Whether the exact entry, rounded, is another number."""
    if not mp.isfinite(exact):
        return False
    rounded = float(exact)
    if math.isinf(entry):
        return rounded != entry
    tiny = float(np.finfo(np.float64).smallest_subnormal)
    return abs(rounded - float(entry)) > max(TOLERANCE * abs(rounded), tiny)
