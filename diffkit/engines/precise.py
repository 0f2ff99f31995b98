"""The truth: derivatives to many digits, independent of diffkit's differentiation rules.

The value graph is run over mpmath numbers of 100 digits and differenced,

    c(h) = (f(x + h) − f(x − h)) / 2h,    f′(x) = (4 c(h) − c(2h)) / 3 + O(h⁴),

with h ≈ 10^(−digits/3)·min(|x|, 1): two thirds of the digits survive.  c(h) and c(2h) must agree to
20 digits, and as every rounding is made visible (``engines/blurred.py``) they do so only where
the digits are there.  Where they do not (a small, a huge or a cancelling point, a derivative far
smaller than the function) there are more digits and a shorter step, until they do, until the
slope is below every double, or until the digits end: then there is no truth, rather than a wrong
one.  See ``engines/differences.py``.  No rule of ours is used, only values.

Differences cost four runs per input.  Above a budget the reverse-mode graph is run over mpmath
instead, and certified: see ``engines/certified.py``.

Kinks and infinite slopes are recognised in ``engines/slopes.py`` and said in ``Truth.notes``.
Reading on: Press et al., *Numerical Recipes*, 3rd ed., §5.7, for the balance of the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from diffkit.engines.certified import by_reverse
from diffkit.engines.differences import Differences, most_digits
from diffkit.engines.slopes import MOST_DIGITS
from diffkit.errors import BudgetError, InputError
from diffkit.graph.ir import Graph
from diffkit.lazy import mp

__all__ = ["DIGITS", "NO_TRUTH", "Truth", "distance", "true_derivatives", "true_slope"]

DIGITS = 100
NO_TRUTH = "none"  # what ``Truth.how`` says where there is no truth
FEWEST_DIGITS = 30
REDUCED_DIGITS = 40  # for graphs beyond HEAVY_FLOPS

# Differences are used up to this many scalars and floating-point operations in all, about a
# second of mpmath; beyond them the reverse graph is.
MOST_SCALARS = 200
DIFFERENCE_FLOPS = 1_000_000
HEAVY_FLOPS = 10_000_000
# A floating-point operation takes some microseconds in mpmath: beyond this, minutes.
MOST_FLOPS = 60_000_000
# The reverse graph and its checks cost at least as much as this many values.
REVERSE_RUNS = 6


@dataclass
class Truth:
    """Values and Jacobian blocks as object arrays of mpmath numbers.

    ``blocks[i][j]`` has shape ``y.shape + x.shape``; ``digits`` is the working precision: that of
    the reverse graph, or that of the differences at first.  ``certified`` says that an independent
    check of the digits held, and ``how`` what was done.  A derivative by differences that does not
    settle is NaN, and a note says so.  ``sides`` has the slopes from the left and the right where
    they differ, by (output, leaf, flat index in the block).
    """

    values: list[Any]
    blocks: list[list[np.ndarray]]
    digits: int
    certified: bool
    how: str
    notes: list[str] = field(default_factory=list)
    sides: dict[tuple[int, int, int], tuple[Any, Any]] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether there is a truth at all."""
        return self.how != NO_TRUTH


def true_derivatives(
    graph: Graph,
    leaves: Sequence[Any],
    wrt: Sequence[int],
    digits: int = DIGITS,
    gradient: Callable[[Graph, Sequence[int]], Graph] | None = None,
) -> Truth:
    """The values and derivatives of a value graph, to about two thirds of ``digits``.

    Parameters
    ----------
    graph, leaves
        The value graph and the inputs; floats are taken as the exact binary numbers they are.
    wrt
        The positions of the leaves to differentiate by.
    digits
        The working precision, from 30 to 800.
    gradient
        Makes the reverse graph (outputs, then gradients) of a graph with one scalar output;
        used beyond the budget for differences, and certified.

    Raises
    ------
    InputError
        When ``digits`` is out of range.
    BudgetError
        When it would take minutes.

    Source: central differences with one Richardson step (Richardson 1911).

    >>> from diffkit.capture.capturing import trace
    >>> truth = true_derivatives(trace(lambda x: x * x * x, 2.0), [2.0], [0])
    >>> float(truth.blocks[0][0][()]), truth.certified
    (12.0, True)
    """
    if not (isinstance(digits, int) and FEWEST_DIGITS <= digits <= MOST_DIGITS):
        raise InputError(
            f"the truth needs {FEWEST_DIGITS} to {MOST_DIGITS} digits, not {digits!r}",
            hint=f"leave it at {DIGITS}.",
        )
    scalars = sum(int(np.size(leaves[place])) for place in wrt)
    flops = graph.flops()
    cheap = scalars <= MOST_SCALARS and flops * (4 * scalars + 1) <= DIFFERENCE_FLOPS
    one_number = [graph.columns.avals[node].shape for node in graph.output_nodes] == [()]
    by_differences = cheap or gradient is None or not one_number
    if flops * (4 * scalars + 1 if by_differences else REVERSE_RUNS) > MOST_FLOPS:
        raise BudgetError(
            f"the truth of {flops:,} operations and {scalars:,} inputs would take minutes",
            hint="compare on a smaller input.",
        )
    if flops > HEAVY_FLOPS:
        digits = min(digits, REDUCED_DIGITS)
    if gradient is None or by_differences:
        return _by_differences(graph, leaves, wrt, digits, flops * (4 * scalars + 1))
    differences = Differences(graph, leaves, digits)
    found = by_reverse(differences, gradient(graph, list(wrt)), wrt, digits, MOST_FLOPS)
    blocks = [found.gradients]
    return Truth([found.value], blocks, found.digits, found.certified, found.how, found.notes)


# Differences ---------------------------------------------------------------------------------


def _by_differences(
    graph: Graph, leaves: Sequence[Any], wrt: Sequence[int], digits: int, work: int
) -> Truth:
    """Every block by differences; NaN, and not certified, where they do not settle."""
    differences = Differences(graph, leaves, digits)
    scalars = sum(int(np.size(leaves[place])) for place in wrt)
    adaptive = work <= DIFFERENCE_FLOPS and scalars <= MOST_SCALARS
    most = most_digits(differences, digits, work) if adaptive else digits
    columns = [differences.block(place, digits, most) for place in wrt]
    blocks = [[column[i] for column in columns] for i in range(differences.count)]
    lost = differences.lost and not differences.found and _all_nan(blocks)
    how = NO_TRUTH if lost else f"central differences of the value graph, {digits} digits"
    notes, sides = list(differences.notes), differences.sides
    values = differences.values() if columns else differences.base(digits)
    return Truth(values, blocks, digits, differences.converged, how, notes, sides)


def _all_nan(blocks: list[list[np.ndarray]]) -> bool:
    return all(mp.isnan(item) for row in blocks for block in row for item in block.flat)


def true_slope(f: Callable[[Any], Any], x: float) -> Any:
    """The derivative of a function of one number, as an mpmath number.

    Raises
    ------
    CaptureError
        When the function cannot be captured.

    >>> float(true_slope(lambda x: 1.0 / x, 2.0))
    -0.25
    """
    from diffkit.capture.capturing import capture

    graph = capture(f, (np.float64(x),))
    return true_derivatives(graph, [np.float64(x)], [0]).blocks[0][0].item()


def distance(value: float, exact: Any) -> float:
    """|value − exact| as a float, without rounding before the subtraction.

    ``exact`` is a number, a Fraction or an mpmath number.

    >>> distance(0.5, Fraction(1, 2))
    0.0
    """
    with mp.workdps(DIGITS):
        if isinstance(exact, Fraction):
            exact = mp.mpf(exact.numerator) / exact.denominator
        return float(abs(mp.mpf(float(value)) - exact))
