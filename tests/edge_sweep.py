"""Every function of the coverage page, at special points, by every method on two engines.

At each point each method gives a number, a warning of diffkit's, or one of diffkit's own errors.
Three things are findings:

- an error that is none of diffkit's;
- a NaN where arguments and value are none, without a warning;
- two methods that give different numbers, neither of them with a warning.

The points replace the first of three numbers by one that is 0, huge, tiny, infinite, NaN, at a
bound or tied with another, or all three of them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.errors import DiffkitError, DiffkitWarning

sys.path.insert(0, str(Path(__file__).parent.parent / "docs"))
coverage: Any = import_module("generate_coverage")
cases: Any = import_module("coverage_cases")
X, Y = cases.X, cases.Y

METHODS = ("reverse", "forward", "finite", "complex", "symbolic")
ENGINES = ("interpret", "machine")
EPS = float(np.finfo(float).eps)
LEAST = float(np.finfo(float).smallest_subnormal)

FIRST = (0.0, -0.0, 1.0, -1.0, 1e-310, -1e-310, 1e300, -1e300, np.inf, -np.inf, np.nan,
         0.5, 2.0, -2.0, 0.4, X[2], Y[0])  # fmt: skip
ALL = {
    "zeros": np.zeros(3), "ones": np.ones(3), "-ones": -np.ones(3), "tied": np.full(3, X[2]),
    "Y": Y, "-X": -X, "two zeros": np.array([0.0, 0.0, X[2]]), "tiny": np.full(3, 1e-310),
    "huge": np.full(3, 1e300), "NaN": np.full(3, np.nan), "infinite": np.full(3, np.inf),
    "X": X, "1 + X": 1 + X,
}  # fmt: skip


def points() -> dict[str, np.ndarray]:
    """The points, by what they are called."""
    firsts = {f"x₀ = {value:g}": np.array([value, *X[1:]]) for value in FIRST}
    return {**firsts, **ALL}


@dataclass(frozen=True)
class Answer:
    """What one method gave at one point: numbers, and whether it warned; or an error."""

    value: float = np.nan
    slope: np.ndarray | None = None
    warned: bool = False
    error: Exception | None = None


def answer(value_and_slope: Callable[[Any], Any], x: np.ndarray) -> Answer:
    """The answer of one method."""
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            value, slope = value_and_slope(x.copy())
        except Exception as error:  # whatever it is: that is what is looked for
            return Answer(error=error)
    ours = any(issubclass(warning.category, DiffkitWarning) for warning in told)
    return Answer(float(value), np.asarray(slope, dtype=float), ours)


def supported() -> list[str]:
    """The functions that the page calls differentiable or constant."""
    said = coverage.kinds_of(coverage.PAGE.read_text(encoding="utf-8"))
    return [name for name, kind in said.items() if kind in ("differentiable", "constant")]


FUNCTIONS = {name: function for _, name, function in cases.functions()}


def findings(name: str, f: Callable[[Any], Any] | None = None) -> Iterator[tuple[str, str, str]]:
    """(method, point, what is wrong) of one function of the page, or of another one."""
    function = f or coverage.total(cases.case_of(name, FUNCTIONS[name]))
    places = points()
    reverse: dict[str, Answer] = {}
    for method in METHODS:
        for engine in ENGINES:
            verb = dk.value_and_grad(function, method=method, engine=engine)
            for place, x in places.items():
                found = answer(verb, x)
                against = reverse.setdefault(place, found)
                wrong = _wrong(method, x, found, against)
                if wrong:
                    yield method, place, wrong


def _wrong(method: str, x: np.ndarray, found: Answer, reverse: Answer) -> str | None:
    """What is wrong with an answer, beside that of reverse mode."""
    if found.error is not None:
        return None if isinstance(found.error, DiffkitError) else f"untyped {found.error!r}"
    assert found.slope is not None
    silent = not (found.warned or np.isnan(found.value))
    if silent and np.isnan(found.slope[~np.isnan(x)]).any():
        return f"a silent NaN: {found.slope}"
    if np.isnan(found.value) and not np.isnan(x).any() and not found.warned:
        return "a value that is NaN without a warning"
    if found.warned or reverse.warned:
        return None
    if reverse.slope is None:
        return f"no error, but {found.slope}, where reverse mode refuses: {reverse.error!r}"
    if not _close(method, x, found, reverse):
        return f"{found.slope} is not {reverse.slope}"
    return None


def _close(method: str, x: np.ndarray, found: Answer, reverse: Answer) -> bool:
    """Whether two answers are the same, up to the errors of their methods."""
    assert found.slope is not None and reverse.slope is not None
    a, b, size = found.slope, reverse.slope, abs(found.value)
    if np.isnan(found.value) and np.isnan(reverse.value):
        return True  # the derivative of NaN by anything may be NaN, whether it moves it or not
    largest = np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
    if method == "finite":
        h = EPS ** (1 / 3) * np.maximum(1.0, np.abs(x))
        margin = 1e-4 * np.abs(b) + 1e3 * EPS * size / h + 1e-9 * max(1.0, float(largest))
    else:  # Note [Step] of complex_step.py: slopes below 1e-190 have fewer digits
        lost = 1e-190 if method == "complex" else 0.0
        # slopes that cancel keep the rounding of their terms, the smallest numbers a last bit
        rounding = 4 * EPS * min(1.0, float(np.max(np.abs(x[np.isfinite(x)]), initial=0.0)))
        margin = 1e-7 * np.abs(b) + 1e-11 * largest + 64 * EPS * size + lost + rounding + 4 * LEAST
    with np.errstate(invalid="ignore"):
        return bool(np.all((a == b) | (np.abs(a - b) <= margin) | (np.isnan(a) & np.isnan(b))))
