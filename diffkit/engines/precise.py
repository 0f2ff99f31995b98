"""The truth: derivatives to many digits, independent of diffkit's differentiation rules.

The value graph is run over mpmath numbers of 100 digits and differenced,

    c(h) = (f(x + h) − f(x − h)) / 2h,    f′(x) = (4 c(h) − c(2h)) / 3 + O(h⁴),

with h ≈ 10^(−digits/3)·|x|: two thirds of the digits survive.  c(h) and c(2h) must agree to
20 digits, and as every rounding is made visible (``engines/blurred.py``) they do so only where
the digits are there.  Where they do not (a small, a huge or a cancelling point, a derivative far
smaller than the function) there are more digits and a shorter step, until they do, until the
slope is below every double, or until the digits end: then there is no truth, rather than a wrong
one.  See ``engines/differences.py``.  No rule of ours is used, only values.

Differences cost four runs per input.  Above a budget the reverse-mode graph is run over mpmath
once instead, and certified by such differences along random directions, in which small elements
count as much as large ones: ⟨∇f, v⟩ must equal the slope of t ↦ f(x + tv).  Where it does not,
there are more digits, as long as the budget lasts.

Kinks and infinite slopes are recognised in ``engines/slopes.py`` and said in ``Truth.notes``.
Reading on: Press et al., *Numerical Recipes*, 3rd ed., §5.7, for the balance of the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from diffkit.engines.differences import Differences, cells, most_digits
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.engines.slopes import BITS_PER_DIGIT, MOST_DIGITS, power_of_two
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
# The reverse graph and three directions cost about as much as this many values.
REVERSE_RUNS = 6

DIRECTIONS = 3
DIRECTION_SEED = 2024
DIRECTION_PARTS = 1 << 10  # directions are k/1024: exact in every dtype
# Digits of a whole gradient, of which one of 10¹⁰ elements has twenty.
AGREEMENT_ALONG = 30
SAME_MISS = 1e-6  # a miss that more digits change by no more than this is none of rounding
MOST_BITS_LONGER = 100  # 10³⁰: an element as small as this beside the largest is seen with it


@dataclass
class Truth:
    """Values and Jacobian blocks as object arrays of mpmath numbers.

    ``blocks[i][j]`` has shape ``y.shape + x.shape``; ``digits`` is the working precision at
    first; ``certified`` says that an independent check of the digits held, and ``how`` what was
    done.  A derivative by differences that does not settle is NaN, and a note says so.
    ``sides`` has the slopes from the left and the right where they differ, by (output, leaf, flat
    index in the block).
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
    return _certified_reverse(graph, leaves, wrt, digits, gradient)


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


# The reverse graph, certified ----------------------------------------------------------------


def _certified_reverse(
    graph: Graph,
    leaves: Sequence[Any],
    wrt: Sequence[int],
    digits: int,
    gradient: Callable[[Graph, Sequence[int]], Graph],
) -> Truth:
    """With twice the digits, as long as the budget lasts, until the directions agree.

    At a kink they never do: a miss that stays as it was is not one of digits.
    """
    differences = Differences(graph, leaves, digits)
    reverse, work = gradient(graph, list(wrt)), graph.flops() * REVERSE_RUNS
    spent, before = 0, [mp.mpf(-1)] * DIRECTIONS  # no miss is like these
    while True:
        with mp.workdps(digits):
            outputs = run(reverse, differences.leaves, domain="mpmath")
        gradients = [cells(y) for y in outputs[1:]]
        misses = _misses(differences, gradients, wrt, digits)
        tolerance = power_of_two(0, _agreement_along(digits))
        held = sum(bool(miss <= tolerance) for miss in misses)
        spent += work
        same = all(abs(a - b) <= SAME_MISS * abs(a) for a, b in zip(misses, before, strict=True))
        affordable = 2 * digits <= MOST_DIGITS and spent + 2 * work <= MOST_FLOPS
        if held == DIRECTIONS or same or not affordable:
            break
        digits, before = 2 * digits, misses
    how = (
        f"the reverse graph, {digits} digits; {held} of {DIRECTIONS} random directional "
        f"differences of the value graph agree to {_agreement_along(digits)} digits"
    )
    value, notes = cells(outputs[0]), list(differences.notes)
    return Truth([value], [gradients], digits, held == DIRECTIONS, how, notes)


def _misses(
    differences: Differences, gradients: Sequence[Any], wrt: Sequence[int], digits: int
) -> list[Any]:
    """How far ⟨∇f, v⟩ is from (f(x + hv) − f(x)) / h in random directions v, beside its terms.

    An element is the longer in v the smaller it is in the gradient, up to 10³⁰ times: so all of
    them count alike, and a small one that is wrong shows beside large ones.  With
    h = 10^(−digits/2) / max|v|² and as many digits more, truncation and rounding leave half of
    the digits, so one run per direction is enough.
    """
    generator = np.random.default_rng(DIRECTION_SEED)
    sizes = [mp.mag(cell) for g in gradients for cell in g.flat if cell and mp.isfinite(cell)]
    top = int(max(sizes, default=0))
    longest = min(top - int(min(sizes, default=0)), MOST_BITS_LONGER)
    found = []
    with mp.workprec(ceil(digits * BITS_PER_DIGIT) + 2 * longest):
        h = power_of_two(-2 * longest, digits / 2)
        value = differences.run(differences.leaves)[0].item()
        for _ in range(DIRECTIONS):
            v = [_direction(generator, gradient, top) for gradient in gradients]
            pairs = zip(gradients, v, strict=True)
            products = [term for g, v_leaf in pairs for term in (g * v_leaf).reshape(-1)]
            slope = (_run_along(differences, wrt, v, h) - value) / h
            size = mp.fsum(abs(term) for term in products)
            miss = abs(mp.fsum(products) - slope)
            found.append(miss / size if size else miss)
    return found


def _agreement_along(digits: int) -> int:
    """How many digits a one-sided difference of this precision can agree to."""
    return min(AGREEMENT_ALONG, 2 * digits // 5)


def _direction(generator: np.random.Generator, gradient: np.ndarray, top: int) -> np.ndarray:
    """Random numbers from ±[½, 1], of few bits, times the power of two that an element lacks."""
    sizes = generator.integers(DIRECTION_PARTS // 2, DIRECTION_PARTS + 1, gradient.shape)
    signs = generator.choice((-1, 1), gradient.shape)
    parts = cells(to_objects(np.asarray(signs * sizes / DIRECTION_PARTS), "mpmath"))
    found = np.empty(gradient.shape, dtype=object)
    for place, (part, cell) in enumerate(zip(parts.flat, gradient.flat, strict=True)):
        lacking = top - int(mp.mag(cell)) if cell and mp.isfinite(cell) else 0
        found.reshape(-1)[place] = mp.ldexp(part, min(lacking, MOST_BITS_LONGER))
    return found


def _run_along(
    differences: Differences, wrt: Sequence[int], v: Sequence[np.ndarray], t: Any
) -> Any:
    leaves = list(differences.leaves)
    for place, direction in zip(wrt, v, strict=True):
        moved = leaves[place] + t * direction
        leaves[place] = moved.item() if np.shape(leaves[place]) == () else moved
    return differences.run(leaves)[0].item()


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
