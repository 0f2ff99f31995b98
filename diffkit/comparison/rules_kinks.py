"""The kinks of a primitive, checked: what is declared against slopes that are measured.

At a declared point the value is run on 50-digit numbers a step to either side,

    slope± = (φ(x ± s) − φ(x)) / (±s),     s = 10⁻²⁰,

which gives the one-sided derivatives to 20 digits, or a huge number where one is infinite.
The declared choice must lie between them (any such choice is a subgradient of a convex
function; Griewank & Walther 2008, chapter 14), and both modes must give exactly that number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from diffkit.comparison.rules_trial import DIGITS, Trial, exactly
from diffkit.graph.primitive import Elementwise, Kink
from diffkit.lazy import mp

__all__ = ["check_kinks", "one_sided_slopes"]

STEP_EXPONENT, NEARER_EXPONENT = -20, -24
INFINITE = 1e6  # slopes this steep at s = 10⁻²⁰ belong to a vertical tangent or a jump
TOLERANCE = 1e-9


def one_sided_slopes(
    primitive: Elementwise, kink: Kink, params: Mapping[str, Any] | None = None
) -> tuple[float | None, float | None]:
    """The slopes left and right of a kink; None where the value is undefined, ±inf where vertical.

    >>> from diffkit.primitives.piecewise import relu
    >>> one_sided_slopes(relu, relu.kinks[0])
    (0.0, 1.0)
    """
    trial = Trial(primitive, _operands(kink), params or {}, np.random.default_rng(0))
    return _slope(trial, kink.wrt, -1), _slope(trial, kink.wrt, 1)


def _operands(kink: Kink) -> list[np.ndarray]:
    return [np.array(number) for number in kink.at]


def _slope(trial: Trial, wrt: int, sign: int) -> float | None:
    """The slope on one side; infinite too where it goes on growing, if only like a logarithm."""
    slope = _difference(trial, wrt, sign, STEP_EXPONENT)
    nearer = _difference(trial, wrt, sign, NEARER_EXPONENT)
    if slope is None or nearer is None or np.isinf(slope):
        return slope
    return slope if _close(slope, nearer) else float(np.copysign(np.inf, nearer - slope))


def _difference(trial: Trial, wrt: int, sign: int, exponent: int) -> float | None:
    from diffkit.engines.interpret import run

    with mp.workdps(DIGITS), np.errstate(all="ignore"):
        step = sign * mp.mpf(10) ** exponent
        here = [exactly(x) for x in trial.originals]
        beside = list(here)
        beside[wrt] = here[wrt] + step
        try:
            values = [run(trial.graph, point, domain="mpmath")[0] for point in (beside, here)]
            slope = (values[0] - values[1]) / step
        except (ValueError, ZeroDivisionError, TypeError, OverflowError):
            return None
        if isinstance(slope, mp.mpc) or mp.isnan(slope):
            return None
        slope = float(slope)
    return slope if abs(slope) < INFINITE else float(np.copysign(np.inf, slope))


def check_kinks(
    primitive: Elementwise, params: Mapping[str, Any], rng: np.random.Generator
) -> Iterator[str]:
    """A sentence for every kink whose declaration is not what is measured."""
    for kink in primitive.kinks:
        at = ", ".join(f"{number:g}" for number in kink.at)
        place = f"at ({at}), moving operand {kink.wrt}"
        measured = one_sided_slopes(primitive, kink, params)
        yield from _slopes_differ(kink, measured, place)
        yield from _not_between(kink, measured, place)
        yield from _rule_differs(Trial(primitive, _operands(kink), params, rng), kink, place)


def _close(stated: float, measured: float) -> bool:
    return stated == measured or abs(stated - measured) <= TOLERANCE * max(1.0, abs(stated))


def _slopes_differ(kink: Kink, measured: Any, place: str) -> Iterator[str]:
    for side, stated, found in zip(("left", "right"), kink.slopes, measured, strict=True):
        vague = found is None or np.isinf(found)  # None may stand for infinite or undefined
        agrees = vague if stated is None else found is not None and _close(stated, found)
        if not agrees:
            yield f"{place}: the {side} slope is declared {stated}, but {found} is measured"


def _not_between(kink: Kink, measured: Any, place: str) -> Iterator[str]:
    if any(slope is None or np.isinf(slope) for slope in measured):
        return
    low, high = min(measured), max(measured)
    if not low - TOLERANCE <= kink.declared <= high + TOLERANCE:
        yield (
            f"{place}: the declared derivative {kink.declared} is not between the one-sided "
            f"slopes {low} and {high}"
        )


def _rule_differs(trial: Trial, kink: Kink, place: str) -> Iterator[str]:
    unit = [np.array(float(operand == kink.wrt)) for operand in trial.active]
    by_mode = {
        "forward": trial.jvp(unit),
        "reverse": trial.vjp(np.array(1.0))[trial.active.index(kink.wrt)],
    }
    for mode, found in by_mode.items():
        if not np.array_equal(found, np.array(kink.declared), equal_nan=True):
            yield (
                f"{place}: the derivative is declared {kink.declared}, but {mode} mode gives "
                f"{float(found)}"
            )
