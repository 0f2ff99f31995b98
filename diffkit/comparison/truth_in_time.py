"""The truth that a comparison is held against, or none with the reason.

A hundred digits of a special function at an awkward point can take minutes while every method
answers in microseconds.  mpmath is Python, so it can be stopped (``differentiate/budget.py``); then
the methods are compared all the same, and their errors are unknown.

Reading on: ``engines/precise.py``, where the truth is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.differentiate.budget import Budget
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import NO_TRUTH, Truth, true_derivatives
from diffkit.errors import BudgetError, DiffkitError
from diffkit.graph.ir import Graph
from diffkit.lazy import mp

__all__ = ["no_truth", "truth_in_time"]


def truth_in_time(
    graph: Graph,
    leaves: Sequence[Any],
    wrt: Sequence[int],
    digits: int,
    seconds: float | None = None,
) -> Truth:
    """The truth within its seconds, else none; without seconds, however long it takes.

    Raises
    ------
    InputError
        When ``digits`` is out of range, or the seconds are not positive.

    >>> from diffkit.capture.parsing import parse
    >>> float(truth_in_time(parse("x*x"), [3.0], [0], 50, seconds=9.0).blocks[0][0][()])
    6.0
    """
    if seconds is None:
        return _truth(graph, leaves, wrt, digits)
    budget, precision = Budget(seconds=seconds), mp.mp.prec
    try:
        return budget.run(lambda: _truth(graph, leaves, wrt, digits))
    except BudgetError:
        mp.mp.prec = precision  # where the interruption fell, it may have been another
        return no_truth(leaves, wrt, digits, f"{digits} digits took more than {seconds:g} s")


def no_truth(leaves: Sequence[Any], wrt: Sequence[int], digits: int, reason: str) -> Truth:
    """A truth of NaN, with the reason in its notes.

    >>> no_truth([1.0], [0], 50, "it is late").notes
    ['no truth: it is late']
    """
    blocks = [np.full(np.shape(leaves[place]), mp.nan, dtype=object) for place in wrt]
    note = f"no truth: {reason}"
    return Truth([np.array(mp.nan)], [blocks], digits, False, NO_TRUTH, [note])


def _truth(graph: Graph, leaves: Sequence[Any], wrt: Sequence[int], digits: int) -> Truth:
    try:
        return true_derivatives(graph, leaves, wrt, digits, gradient_graph)
    except (DiffkitError, ArithmeticError) as error:
        if isinstance(error, ValueError):
            raise  # the precision that was asked for is out of range
        reason = error.one_line if isinstance(error, DiffkitError) else str(error)
        return no_truth(leaves, wrt, digits, reason)
