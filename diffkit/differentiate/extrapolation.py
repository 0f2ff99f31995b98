"""Richardson's extrapolation of differences to h → 0, with an estimate of its own error.

The truncation error of a central difference is a series in h², so two steps eliminate its first
term,

    D₁ = D(h/2) + (D(h/2) − D(h)) / (2ᵖ − 1),

and the same again in every column of a tableau.  Each output takes the entry that differs least
from the two it was made of: further right truncation is gone, but rounding has grown.

Reading on: Richardson 1911; Ridders 1982, *Accurate computation of F′(x) and F′(x)F″(x)*, Advances
in Engineering Software 4; Press et al., *Numerical Recipes*, 3rd ed., §5.7 (``dfridr``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import frexp, isfinite, ldexp
from typing import Any

import numpy as np

from diffkit.differentiate.stencils import Stencil

__all__ = ["extrapolated", "first_step", "tableau_columns", "tableau_steps"]

# The tableau of Ridders' method: rows, and the first step as a fraction of x_c.  Steps are
# halved, so that they stay powers of two (Ridders shrinks by 1.4).
TABLEAU_ROWS = 9
FIRST_STEP = 0.125


def first_step(x: float, scale: float) -> float:
    """The largest step of a tableau at x.

    >>> first_step(3.0, 1.0)
    0.5
    """
    length = max(abs(x), scale)
    return ldexp(FIRST_STEP, frexp(length)[1]) if isfinite(length) else float("nan")


def tableau_steps(first: float) -> list[float]:
    """All steps of a tableau, each half of the one before.

    >>> tableau_steps(0.5)[:3]
    [0.5, 0.25, 0.125]
    """
    return [ldexp(first, -level) for level in range(TABLEAU_ROWS)]


def extrapolated(rows: Sequence[Sequence[Any]], row: Stencil) -> tuple[list[Any], list[Any]]:
    """The best slope of every output and its estimated error, from slopes at halved steps.

    >>> from diffkit.differentiate.stencils import stencil
    >>> slopes = [[3.0 + h * h] for h in tableau_steps(0.5)]  # those of x³ at 1
    >>> best, error = extrapolated(slopes, stencil(2))
    >>> float(best[0]), float(error[0])
    (3.0, 0.0)
    """
    columns = [_best_of_tableau(list(level), row) for level in zip(*rows, strict=True)]
    return [best for best, _ in columns], [error for _, error in columns]


def tableau_columns(
    level: Sequence[Any], row: Stencil
) -> Iterator[tuple[list[Any], list[np.ndarray]]]:
    """The columns of a tableau after its first: entries, and how far each is from its parents.

    Source: Numerical Recipes, ``dfridr``: the larger distance to the two entries it came from.

    >>> from diffkit.differentiate.stencils import stencil
    >>> [entries for entries, _ in tableau_columns([4.0, 1.0], stencil(2))]
    [[0.0]]
    """
    power = row.accuracy
    while len(level) > 1:
        factor = 2.0**power - 1.0
        pairs = list(pairwise(level))
        level = [fine + (fine - coarse) / factor for coarse, fine in pairs]
        yield (
            level,
            [
                np.maximum(np.abs(entry - fine), np.abs(entry - coarse))
                for entry, (coarse, fine) in zip(level, pairs, strict=True)
            ],
        )
        power += 2 if row.symmetric else 1


def _best_of_tableau(level: list[Any], row: Stencil) -> tuple[Any, Any]:
    best, least = level[-1], np.full(np.shape(level[-1]), np.inf)
    with np.errstate(all="ignore"):
        for entries, errors in tableau_columns(level, row):
            for entry, error in zip(entries, errors, strict=True):
                better = error < least
                best, least = np.where(better, entry, best), np.where(better, error, least)
    return best, least
