"""Where a derivative is no single number, and what a method's answer is then held against.

At a kink every number between the slopes from the left and the right is a derivative in the
sense of Clarke (1990, *Optimization and Nonsmooth Analysis*, section 2.1), and a rule declares
one of them: relu′(0) = 0.  Such an answer is neither right nor wrong to the last digit, so it has
no error; one that lies outside is held against the nearer slope.  At a jump there is no slope at
all.  Where the true derivative is NaN there is nothing to be near to either.

Note [Kinks] in ``primitives/piecewise.py`` lists what is declared; the slopes come from
``engines/slopes.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, isnan
from typing import Any

import numpy as np

from diffkit.comparison.accuracy import rounded
from diffkit.engines.precise import Truth
from diffkit.lazy import mp

__all__ = ["fitting_truths", "undefined_notes"]

# A slope from one side carries its own truncation and the rounding of the answer.
ROUNDING_ULPS = 4
# Differences step over a kink; the other methods answer with what the rule declares.
STEPPING_METHODS = ("finite",)


def fitting_truths(
    blocks: Sequence[np.ndarray], truth: Truth, wrt: Sequence[int]
) -> list[np.ndarray]:
    """The truth of one scalar function as far as it binds these answers, NaN where it does not.

    ``blocks`` are a method's derivatives by leaf, ``wrt`` the numbers of the leaves; the result
    has object arrays of mpmath numbers of the same shapes.

    Source: generalized gradients, Clarke 1990, section 2.1.

    >>> truth = Truth([0.0], [[np.array(mp.mpf("0.5"))]], 100, True, "", [], {(0, 0, 0): (0, 1)})
    >>> [float(fitting_truths([np.array(x)], truth, [0])[0]) for x in (0.0, 1.25)]
    [nan, 1.0]
    """
    fitting = [np.array(block, dtype=object) for block in truth.blocks[0]]
    for (output, leaf, index), sides in truth.sides.items():
        if output == 0 and leaf in wrt:
            place = list(wrt).index(leaf)
            answer = float(blocks[place].reshape(-1)[index])
            fitting[place].reshape(-1)[index] = _nearest(answer, sides)
    return fitting


def _nearest(answer: float, sides: tuple[Any, Any]) -> Any:
    """NaN for an answer between the slopes, else the nearer of them."""
    low, high = min(sides), max(sides)
    room = max(ROUNDING_ULPS * float(np.spacing(max(abs(answer), 1.0))), 0.0)
    if isnan(answer) or answer > high + room:
        return high
    return low if answer < low - room else mp.nan


def undefined_notes(
    method: str, blocks: Sequence[np.ndarray], truth: Truth, fitting: Sequence[np.ndarray]
) -> list[str]:
    """Why some or all elements of an answer have no error, in a sentence each."""
    rows = zip(blocks, truth.blocks[0], fitting, strict=True)
    cells = [cell for row in rows for cell in zip(*(x.reshape(-1) for x in row), strict=True)]
    free = [(float(answer), rounded(true)) for answer, true, fit in cells if isnan(rounded(fit))]
    kinks = [answer for answer, true in free if not isnan(true)]
    notes = []
    if len(kinks) < len(free):
        where = _of(len(free) - len(kinks), len(cells))
        notes.append(f"undefined: the true derivative is NaN{where}, so there is no error")
    if kinks:
        kind = (
            "a jump" if any(isinf(rounded(side)) for side, _ in truth.sides.values()) else "a kink"
        )
        what = repr(kinks[0]) if len(set(kinks)) == 1 else "what is given"
        choice = "a mean over it" if method in STEPPING_METHODS else "the declared choice"
        where = _of(len(kinks), len(cells))
        notes.append(f"undefined: {kind}{where}; {what} is {choice} and has no error")
    return notes


def _of(part: int, whole: int) -> str:
    return "" if whole == 1 else f" at {part:,} of {whole:,} elements"
