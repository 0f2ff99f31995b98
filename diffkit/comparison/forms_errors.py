"""The errors of a formula at many points, and the points at which it is another function.

Where an answer is far off, the formula is evaluated once more with 60 digits.  If that agrees with
the truth, the error was rounding; if not, the formula is not the derivative there, as at the edge
of a piece: SymPy differentiates the pieces of a ``Piecewise`` and leaves their edges as they are
(sympy/sympy issues 11402 and 24127).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.accuracy import WORKING_DIGITS, rounded, ulps
from diffkit.comparison.forms_points import Cell, Problem, TruthAt
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.lazy import mp

if TYPE_CHECKING:
    from diffkit.comparison.forms import FormReport

__all__ = ["measure_errors"]

# An answer with a larger relative error is looked into: is it rounding, or another function?
FAR_OFF, SAME = 1e-3, 1e-9


def measure_errors(
    report: FormReport, problem: Problem, chosen: dict[str, Cell], truths: Sequence[TruthAt]
) -> None:
    """Fill in the errors of a report at all points, and where the formula is another function."""
    cells = list(chosen.values())
    rows = list(zip(report.values, truths, strict=True))
    fitting = np.array(
        [[t.fitting(c, v) for c, v in zip(cells, row, strict=True)] for row, t in rows], object
    )
    errors = ulps(report.values, fitting)
    report.relative = _relative(report.values, fitting)
    for (i, j), true in np.ndenumerate(fitting):
        value = float(report.values[i, j])
        looked_into = not (report.relative[i, j] <= FAR_OFF or value == rounded(true))
        if looked_into and truths[i].known(cells[j]) and _is_another(report, problem, i, j, true):
            report.differs.append({
                "at": problem.at(problem.points[i]), "variable": list(chosen)[j],
                "formula": value, "derivative": rounded(true),
            })  # fmt: skip
    report.max_ulp, report.median_ulp = _largest_and_median(errors)
    report.max_relative, report.median_relative = _largest_and_median(report.relative)
    for j, name in enumerate(chosen):
        worst, middle = _largest_and_median(report.relative[:, j])
        in_ulps = _largest_and_median(errors[:, j])
        report.by_variable[name] = {"max_ulp": in_ulps[0], "median_ulp": in_ulps[1],
                                    "max_relative": worst, "median_relative": middle}  # fmt: skip
    if not isnan(report.max_relative):
        i, j = np.unravel_index(np.nanargmax(report.relative), report.relative.shape)
        at = problem.at(problem.points[int(i)])
        report.worst = {"at": at, "variable": list(chosen)[int(j)]}


def _largest_and_median(errors: np.ndarray) -> tuple[float, float]:
    known = errors[~np.isnan(errors)]
    return (float(np.max(known)), float(np.median(known))) if known.size else (nan, nan)


def _relative(values: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """|v − t| / |t|, NaN where the truth is unknown or zero; infinite for an answer that is NaN."""
    found = np.full(values.shape, nan)
    with mp.workdps(WORKING_DIGITS):
        for place, true in np.ndenumerate(truths):
            value, target = float(values[place]), rounded(true)
            if isnan(target) or (target == 0.0 and value == value):
                continue
            if isfinite(value) and isfinite(target):
                found[place] = rounded(abs(mp.mpf(value) - true) / abs(true))
            else:
                found[place] = 0.0 if value == target else inf
    return found


def _is_another(report: FormReport, problem: Problem, i: int, j: int, true: Any) -> bool:
    """Whether the formula, evaluated with many digits, is still not the derivative here."""
    assert report.graph is not None
    scalars = problem.scalars(problem.points[i])
    with mp.workdps(WORKING_DIGITS):
        exact = [to_objects(np.asarray(x)[()], "mpmath") for x in scalars]
        try:
            answer = mp.mpf(run(report.graph, exact, domain="mpmath")[j])
        except (ArithmeticError, ValueError, TypeError):
            return True
        # a true zero is compared with what rounding made of it
        value = float(report.values[i, j])
        size = max(abs(true), abs(value) if isfinite(value) else 0.0)
        return not (mp.isfinite(answer) and abs(answer - true) <= SAME * size)
