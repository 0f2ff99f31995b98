"""The truth of derivatives of any order: differences in mpmath, from both sides.

    f⁽ⁿ⁾(x) ≈ Σ wⱼ f(x + jh) / hⁿ   with steps and digits that mpmath chooses together

It uses the value graph alone, no rule of ours.  Where two precisions or the two sides disagree
there is no such number, and NaN says so.  Reading on: ``comparison/orders.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np

from diffkit.errors import DiffkitError
from diffkit.graph.ir import Graph
from diffkit.lazy import mp

__all__ = ["over_mpmath", "true_orders"]

# Digits of the truth, and by how many of them two computations of it must agree.
DIGITS, AGREEING = 60, 30
SIDES_AGREE = 10  # digits by which differences to the left and to the right agree


def true_orders(at: Callable[[Any], Any], x: Any, highest: int) -> dict[int, Any]:
    """f⁽ⁿ⁾(x) for n = 0 … highest by differences in mpmath; NaN where there is no such number.

    ``at`` is f over mpmath numbers.  Two precisions have to agree, and the two sides: at a kink
    central differences converge, too, to a mean of the slopes.

    >>> [int(slope) for slope in true_orders(lambda t: t**3, 2.0, 3).values()]
    [8, 12, 12, 6]
    """
    first, second = (_differences(at, x, highest, digits) for digits in (DIGITS, 2 * DIGITS))
    left, right = (_differences(at, x, highest, DIGITS, side) for side in (-1, 1))
    found = {}
    with mp.workdps(DIGITS):
        for n, (a, b, below, above) in enumerate(zip(first, second, left, right, strict=True)):
            size = max(abs(b), 1)
            settled = abs(a - b) <= mp.mpf(10) ** -AGREEING * size
            smooth = abs(below - above) <= mp.mpf(10) ** -SIDES_AGREE * size
            found[n] = b if settled and smooth else mp.nan
    return found


def over_mpmath(graph: Graph) -> Callable[[Any], Any]:
    """The function of a graph over mpmath numbers."""
    from diffkit.engines.interpret import run

    return lambda t: run(graph, [t], domain="mpmath")[0]


def _differences(
    at: Callable[[Any], Any], x: Any, highest: int, digits: int, side: int = 0
) -> list[Any]:
    def number_at(t: Any) -> Any:
        return mp.mpf(np.asarray(at(t), dtype=object).item())

    with mp.workdps(digits):
        try:
            found = mp.taylor(number_at, mp.mpf(float(x)), highest, direction=side)
            return [mp.mpf(slope) * factorial(n) for n, slope in enumerate(found)]
        except (ArithmeticError, ValueError, TypeError, DiffkitError):
            return [mp.nan] * (highest + 1)
