"""How wrong a number is, in units that mean something.

An **ulp** (unit in the last place) is the gap between neighbouring floating-point numbers:

    ulps(v, t) = |v − t| / ulp(fl(t)),

with fl(t) the truth rounded to the dtype of the value.  Half an ulp is the best any method can
do in general; one ulp is a wrong last bit.  At t = 0 the gap is the smallest number there is,
so anything but 0 is far off: read the absolute error there.  Where value and truth round to
the same infinity the error is 0.  Where the truth is NaN there is no error, and none is given:
that is NaN, too, and does not count (``comparison/undefined.py`` says where that is).

Reading on: D. Goldberg 1991, *What every computer scientist should know about floating-point
arithmetic*, ACM Computing Surveys 23; J.-M. Muller 2005, *On the definition of ulp(x)*.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, log10, nan
from typing import Any

import numpy as np

from diffkit.lazy import mp

__all__ = [
    "UNKNOWN_ERRORS",
    "ErrorSummary",
    "absolute_errors",
    "correct_digits",
    "rounded",
    "rounded_array",
    "summarize",
    "ulps",
]

# Enough to subtract a double from the truth without rounding what matters.
WORKING_DIGITS = 60
# A double never shows more significant digits than this.
MOST_DIGITS = 17


@dataclass(frozen=True)
class ErrorSummary:
    """The errors of one method over all elements of its derivative.

    ``rel_error`` is max |v − t| / max |t| over everything, so that a component that is nearly
    zero does not dominate; ulps are per element and do show it.
    """

    max_ulp: float
    median_ulp: float
    rel_error: float
    abs_error: float


UNKNOWN_ERRORS = ErrorSummary(nan, nan, nan, nan)


def rounded(truth: Any, dtype: Any = np.float64) -> float:
    """An mpmath number rounded to a dtype; beyond the range it is an infinity.

    >>> rounded(mp.mpf("1e400"))
    inf
    """
    try:
        number = float(truth)
    except OverflowError:
        number = inf if truth > 0 else -inf
    with np.errstate(over="ignore"):
        return float(np.dtype(dtype).type(number))


def rounded_array(truth: np.ndarray) -> np.ndarray:
    """An object array of mpmath numbers as float64, correctly rounded.

    >>> rounded_array(np.array([mp.mpf("0.1"), mp.nan], dtype=object))
    array([0.1, nan])
    """
    flat = [rounded(item) for item in truth.reshape(-1)]
    return np.array(flat, dtype=np.float64).reshape(truth.shape)


def _ulp_of(number: float, dtype: Any) -> float:
    tiny = np.finfo(dtype).tiny
    return float(np.spacing(np.dtype(dtype).type(max(abs(number), float(tiny)))))


def _error(value: float, truth: Any, target: float) -> Any:
    """|value − truth|: exact where both are finite, else 0 for a match and infinite for none."""
    if isnan(target):
        return mp.nan
    if isfinite(value) and isfinite(target):
        return abs(mp.mpf(value) - truth)
    return mp.mpf(0) if value == target else mp.inf


def _pairs(value: Any, truth: Any) -> Iterable[tuple[float, Any]]:
    values = np.asarray(value)
    truths = np.asarray(truth, dtype=object)
    flat = np.broadcast_to(truths, values.shape).reshape(-1)
    return zip((float(item) for item in values.reshape(-1)), flat, strict=True)


def _dtype_of(value: Any) -> Any:
    dtype = np.asarray(value).dtype
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def ulps(value: Any, truth: Any) -> np.ndarray:
    """The error of every element in units of the last place of the rounded truth.

    Parameters
    ----------
    value
        A float32 or float64 number or array.
    truth
        mpmath numbers (or an object array of them) of the same shape.

    Returns
    -------
    numpy.ndarray
        float64, of the shape of ``value``.

    Source: Goldberg 1991, section 1.2.

    >>> float(ulps(1.0 + 2**-52, mp.mpf(1)))
    1.0
    >>> float(ulps(float("nan"), mp.mpf("nan"))), float(ulps(1.0, mp.inf))
    (nan, inf)
    """
    dtype = _dtype_of(value)
    errors = []
    with mp.workdps(WORKING_DIGITS):
        for number, exact in _pairs(value, truth):
            target = rounded(exact, dtype)
            error = _error(number, exact, target)
            errors.append(rounded(error / _ulp_of(target, dtype) if isfinite(target) else error))
    return np.array(errors, dtype=np.float64).reshape(np.shape(value))


def absolute_errors(value: Any, truth: Any) -> np.ndarray:
    """|value − truth| for every element, subtracted exactly and then rounded.

    >>> float(absolute_errors(0.5, mp.mpf("0.25")))
    0.25
    """
    dtype = _dtype_of(value)
    with mp.workdps(WORKING_DIGITS):
        errors = [rounded(_error(v, t, rounded(t, dtype))) for v, t in _pairs(value, truth)]
    return np.array(errors, dtype=np.float64).reshape(np.shape(value))


def summarize(values: Sequence[Any], truths: Sequence[Any]) -> ErrorSummary:
    """The errors over all blocks of a derivative, elements without a truth left out.

    They are NaN where no element has a truth.

    >>> summarize([1.0, 2.0], [mp.mpf(1), mp.mpf(2)]).max_ulp
    0.0
    """
    pairs = list(zip(values, truths, strict=True))
    in_ulps = np.concatenate([np.zeros(0), *(ulps(v, t).reshape(-1) for v, t in pairs)])
    absolute = np.concatenate([np.zeros(0), *(absolute_errors(v, t).reshape(-1) for v, t in pairs)])
    in_ulps, absolute = in_ulps[~np.isnan(in_ulps)], absolute[~np.isnan(absolute)]
    if in_ulps.size == 0:
        return UNKNOWN_ERRORS
    sizes = [abs(rounded(t)) for truth in truths for t in np.asarray(truth, object).reshape(-1)]
    size = max((s for s in sizes if isfinite(s)), default=0.0)
    worst = float(np.max(absolute))
    relative = 0.0 if worst == 0.0 else (worst / size if size > 0.0 else inf)
    return ErrorSummary(float(np.max(in_ulps)), float(np.median(in_ulps)), relative, worst)


def correct_digits(value: float, truth: Any) -> float:
    """The number of correct significant digits, −log₁₀ of the relative error, from 0 to 17.

    NaN where the truth is.

    >>> round(correct_digits(3.14, mp.mpf("3.14159265")), 1)
    3.3
    """
    value, target = float(value), rounded(truth)
    if isnan(target):
        return nan
    if value == target:
        return float(MOST_DIGITS)
    if not (isfinite(value) and isfinite(target)) or truth == 0:
        return 0.0
    with mp.workdps(WORKING_DIGITS):
        relative = abs(mp.mpf(value) - truth) / abs(truth)
        found = -float(mp.log10(relative)) if relative > 0 else float(MOST_DIGITS)
    return min(max(found, 0.0), float(MOST_DIGITS))


def first_wrong_place(value: float, truth: Any) -> int:
    """How many leading significant digits of a printed value are right, from 0 to 17.

    A value that is the truth correctly rounded, or has no truth, has no wrong digit.

    >>> first_wrong_place(9.067, mp.mpf("9.066"))
    3
    """
    value, target = float(value), rounded(truth)
    if value == target or isnan(target):
        return MOST_DIGITS
    if not (isfinite(value) and isfinite(target)) or value == 0.0:
        return 0
    with mp.workdps(WORKING_DIGITS):
        error = float(abs(mp.mpf(value) - truth))
    leading = int(np.floor(log10(abs(value))))
    # a digit is right while the error is at most half a unit of it
    right = leading - int(np.ceil(log10(2.0 * error))) + 1 if error > 0 else MOST_DIGITS
    return min(max(right, 0), MOST_DIGITS)
