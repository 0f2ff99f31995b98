"""The reverse graph as the truth of many inputs, and two checks without which it is none.

Differences cost four runs of the value graph per input.  Above a budget the reverse-mode graph is
run over mpmath once instead.  It is made of diffkit's own rules and rounds as all numbers do, so

* **digits**: it is run once more with every rounding made visible (``engines/blurred.py``), and
  every element must agree in both runs to twenty digits, however small it is; and
* **rules**: along random directions v it must agree with the value graph, which knows no rule,

      ⟨∇f, v⟩ = (f(x ± hv) − f(x)) / ±h    to 30 digits, on both sides, for a kink differs there.

An element is the longer in v the smaller its share of the slope is, so that all count alike and a
small one that is wrong shows beside large ones.  Where a check fails, the digits are doubled as
long as that may help; where it fails for good the truth is said to be uncertified.

Reading on: J. Vignes 1993, *Math. Comp. Simul.* 35, 233, for the first; Griewank and Walther,
*Evaluating Derivatives*, 2nd ed., §3, for ⟨∇f, v⟩.  The caller is ``engines/precise.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.engines.blurred import KNOWN, Blur, bits_of
from diffkit.engines.differences import Differences, cells, each
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.engines.slopes import AGREEMENT_DIGITS, MOST_DIGITS, power_of_two, vanishes
from diffkit.graph.ir import Graph
from diffkit.lazy import mp

__all__ = ["Reverse", "by_reverse"]

# The reverse graph twice and two runs for each direction cost about as much as this many values.
VALUE_RUNS = 10
# A function whose price mpmath's series decide costs about as much as this many operations.
SERIES_FLOPS = 200
USUAL_DIGITS = 100  # at which an operation costs what the budget takes it for

DIRECTIONS = 2  # one that holds to 30 digits is no chance; another costs little
DIRECTION_SEED = 2024
DIRECTION_PARTS = 1 << 10  # directions are k/1024: exact in every dtype
# What a direction agrees to, beside the sum of its terms: of 10¹⁰ of them one has twenty digits.
AGREEMENT_ALONG = 30
# A half of the digits is left by truncation, another by rounding: 37 each, for 30 and a reserve.
DIGITS_ALONG = 75
# An element of so many bits less than the largest is as long in v as it; all doubles are.
MOST_BITS_LONGER = 2200
# One that is zero is taken for 2⁻¹⁰⁰, 10⁻³⁰, of the largest: a rule's zero may be wrong, too.
BITS_OF_ZERO = 100
SAME_MISS = 1e-6  # a miss that more digits change by no more than this is none of rounding


@dataclass(slots=True)
class Reverse:
    """Value and gradients, the digits that they took, and whether and how they were certified."""

    value: np.ndarray
    gradients: list[np.ndarray]
    digits: int
    certified: bool
    how: str
    notes: list[str]


def by_reverse(
    differences: Differences, reverse: Graph, wrt: Sequence[int], digits: int, budget: int
) -> Reverse:
    """The gradients by the reverse graph, with more digits until they are certified.

    At most ``budget`` floating-point operations of a hundred digits go to it after the first try.
    """
    blur, work, spent = Blur(reverse), VALUE_RUNS * _work(differences.extended), 0.0
    before: list[Any] = []
    while True:
        found = _gradients(differences, reverse, digits)
        spent += work * max(digits / USUAL_DIGITS, 1)
        if not _finite(found):
            note = "no certificate: the value or a slope is infinite or undefined"
            return _told(differences, found, digits, [], 0, [note])
        open_ = _unsettled(blur, differences, found, digits)
        misses = _misses(differences, found, wrt, digits)
        held = not open_ and all(_held(miss) for miss in misses)
        same = bool(before) and not open_ and all(map(_alike, misses, before))
        next_work = work * 2 * digits / USUAL_DIGITS
        if held or same or 2 * digits > MOST_DIGITS or spent + next_work > budget:
            return _told(differences, found, digits, misses, open_, [])
        digits, before = 2 * digits, misses


def _told(
    differences: Differences,
    found: Sequence[np.ndarray],
    digits: int,
    misses: Sequence[Any],
    open_: int,
    notes: list[str],
) -> Reverse:
    held = sum(_held(miss) for miss in misses)
    how = (
        f"the reverse graph, {digits} digits; {held} of {DIRECTIONS} random directional "
        f"differences of the value graph agree to {AGREEMENT_ALONG} digits"
    )
    if open_:
        how += f"; rounding shows in {open_:,} of {sum(g.size for g in found[1:]):,} elements"
    certified = held == DIRECTIONS and not open_
    told = [*differences.notes, *notes]
    return Reverse(found[0], list(found[1:]), digits, certified, how, told)


def _work(graph: Graph) -> int:
    """Operations of a run, those whose price mpmath's series decide counted as many."""
    columns = graph.columns
    unknown = [n for n in graph.equation_nodes() if columns.operations[n].name not in KNOWN]
    sizes = (int(np.prod(columns.avals[node].shape, dtype=int)) for node in unknown)
    return graph.flops() + SERIES_FLOPS * sum(sizes)


# Digits ----------------------------------------------------------------------------------------


def _gradients(differences: Differences, reverse: Graph, digits: int) -> list[np.ndarray]:
    """The value and the gradients; below every double a slope is zero, as that of a constant is."""
    with mp.workprec(bits_of(digits)):
        value, *slopes = (cells(y) for y in run(reverse, differences.leaves, domain="mpmath"))
        return [value, *(each(_or_zero, slope) for slope in slopes)]


def _or_zero(slope: Any) -> Any:
    return mp.mpf(0) if vanishes(slope) else slope


def _finite(found: Sequence[np.ndarray]) -> bool:
    return all(mp.isfinite(cell) for array in found for cell in array.flat)


def _unsettled(
    blur: Blur, differences: Differences, found: Sequence[np.ndarray], digits: int
) -> int:
    """How many elements are others when every rounding is made visible."""
    with mp.workprec(bits_of(digits)):
        again = [cells(y) for y in blur.run(differences.leaves, digits)]
        pairs = zip(found[1:], again[1:], strict=True)
        both = ((a, b) for one, other in pairs for a, b in zip(one.flat, other.flat, strict=True))
        return sum(not _agree(a, b) for a, b in both)


def _agree(a: Any, b: Any) -> bool:
    if a == b or (vanishes(a) and vanishes(b)):
        return True
    return bool(abs(a - b) <= power_of_two(0, AGREEMENT_DIGITS) * abs(b))


# Rules -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Lengths:
    """How long directions are in each element, for _misses, as exponents of two.

    ``shares`` are what the elements add to the slope, None for zeros; ``scales`` the longest
    steps along them.
    """

    scales: list[np.ndarray]
    shares: list[np.ndarray]
    top: int
    longest: int


def _misses(
    differences: Differences, found: Sequence[np.ndarray], wrt: Sequence[int], digits: int
) -> list[Any]:
    """How far ⟨∇f, v⟩ is from the slopes on both sides of x in random directions v.

    A miss is relative to the sum of the terms of ⟨∇f, v⟩.  A step along an element is at most
    10^(−digits/2) of it, or of 1, and shorter by the square of how much longer than others it is
    in v: truncation, h v²f″, is then that of an element like others.  There are as many digits
    more, and those in front of the largest element, of f, and behind the slope.
    """
    value, *gradients = found
    generator = np.random.default_rng(DIRECTION_SEED)
    digits = max(digits, DIGITS_ALONG)
    leaves = [cells(differences.leaves[place]) for place in wrt]
    lengths = _lengths(leaves, gradients)
    largest = max((_bits(cell) for leaf in leaves for cell in leaf.flat), default=0)
    more = 2 * lengths.longest + sum(
        max(n, 0) for n in (largest, _bits(value.item()), -lengths.top)
    )
    misses = []
    with mp.workprec(bits_of(digits) + more):
        h = power_of_two(-2 * lengths.longest, digits / 2)
        base = differences.run(differences.leaves)[0].item()
        for _ in range(DIRECTIONS):
            v = _direction(generator, lengths)
            pairs = zip(gradients, v, strict=True)
            products = [term for g, v_leaf in pairs for term in (g * v_leaf).reshape(-1)]
            slopes = [(_run_along(differences, wrt, v, t) - base) / t for t in (h, -h)]
            size = mp.fsum(abs(term) for term in products)
            miss = max(abs(mp.fsum(products) - slope) for slope in slopes)
            misses.append(miss / size if size else miss)
    return misses


def _lengths(leaves: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> Lengths:
    scales = [each(_scale, leaf) for leaf in leaves]
    shares = [each(_share, *pair) for pair in zip(gradients, scales, strict=True)]
    known = [share for one in shares for share in one.flat if share is not None]
    top = max(known, default=0)
    longest = min(top - min(known, default=0), MOST_BITS_LONGER)
    if len(known) < sum(share.size for share in shares):
        longest = max(longest, BITS_OF_ZERO)
    return Lengths(scales, shares, top, longest)


def _bits(x: Any) -> int:
    """The exponent of a number: |x| < 2^bits; 0 for zeros."""
    return int(mp.mag(x)) if x and mp.isfinite(x) else 0


def _scale(x: Any) -> int:
    """As that of the steps of differences: |x| near 0, and 1 elsewhere."""
    return min(_bits(x), 0)


def _share(slope: Any, scale: int) -> int | None:
    """The bits of what an element adds to the slope; None for a zero."""
    return _bits(slope) + scale if slope else None


def _direction(generator: np.random.Generator, lengths: Lengths) -> list[np.ndarray]:
    """Random numbers from ±[½, 1], of few bits, times the power of two that an element lacks."""
    direction = []
    for scales, shares in zip(lengths.scales, lengths.shares, strict=True):
        sizes = generator.integers(DIRECTION_PARTS // 2, DIRECTION_PARTS + 1, shares.shape)
        signs = generator.choice((-1, 1), shares.shape)
        parts = cells(to_objects(np.asarray(signs * sizes / DIRECTION_PARTS), "mpmath"))
        found = np.empty(shares.shape, dtype=object)
        rows = zip(parts.flat, scales.flat, shares.flat, strict=True)
        for place, (part, scale, share) in enumerate(rows):
            lacking = lengths.longest if share is None else lengths.top - share
            found.reshape(-1)[place] = mp.ldexp(part, scale + min(lacking, lengths.longest))
        direction.append(found)
    return direction


def _run_along(
    differences: Differences, wrt: Sequence[int], v: Sequence[np.ndarray], t: Any
) -> Any:
    leaves = list(differences.leaves)
    for place, direction in zip(wrt, v, strict=True):
        moved = leaves[place] + t * direction
        leaves[place] = moved.item() if np.shape(leaves[place]) == () else moved
    return differences.run(leaves)[0].item()


def _held(miss: Any) -> bool:
    return bool(miss <= power_of_two(0, AGREEMENT_ALONG))


def _alike(miss: Any, before: Any) -> bool:
    return bool(abs(miss - before) <= SAME_MISS * abs(miss))
