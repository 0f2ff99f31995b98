"""Slopes of a value graph by differences of many digits, with as many as the point needs.

A hundred digits are enough for most, and h ≈ 10⁻³³ then.  They are not for 1 − cos(x) at 10⁻³⁰,
where x² is lost beside 1, nor for sin(exp(80)), which turns within 10⁻³⁵.  What has not settled
is seen again with twice the digits, of which half go to the step: h ≈ 10^(−digits/2) leaves the
other half to the noise, and the truncation h² f‴ needs none.  At a large |x| the digits in
front of the point come on top, so that x + h is exact.

Note [A truth or none].  A slope is taken

* where c(h) and c(2h) agree to 20 digits (``engines/slopes.py``), which noise does not
  (``engines/blurred.py``), or
* where a kink, a jump, an edge or an infinite slope looks alike at two steps, the shorter below
  10⁻³³⁰: no double makes a function vary faster.

A staircase is flat, but from far away it is a ramp, and floor(exp(300x)) has steps of 10⁻¹³⁰: such
graphs are seen at a short step only.

In hypot(1 − cos(x²), x) at 10¹⁴² a tremor is hidden that is too small to be seen at h ≈ 10⁻³³ and
too fast for it; yet cos(x²) is all over the place.  In x·exp(−10⁸⁰x²) at 0 a needle is, which no
step that long meets; yet the exponential is 1 at the point and 0 on both sides.  So the results
on the way are watched (of graphs of at most ``WATCHED_FLOPS`` operations), and where one changes
by more than √h of itself from the point to a side, or a condition does, the step is taken for
too long, until it is short.

Where neither can be had before the digits end there is no truth: the slope is NaN, a note says
so, and ``converged`` is False.

The caller is ``engines/precise.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import ceil, log10
from typing import Any

import numpy as np

from diffkit.engines.blurred import Blur, bits_of, has_stairs, is_rough, only_known_functions
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.engines.slopes import (
    MOST_DIGITS,
    SMOOTH,
    Slope,
    confirmed,
    noted,
    slope_of,
    step_for,
)
from diffkit.graph.ir import Graph
from diffkit.graph.sources import place_of
from diffkit.lazy import mp

__all__ = ["Differences", "cells", "each", "most_digits"]

# At the digits that were asked for, a third goes to the step; beyond them a half.
FIRST_SHARE, NEXT_SHARE = 1 / 3, 1 / 2
# Steps below 10^−this are shorter than the reciprocal of any double.
SHORT_STEP = 330
# Digits at which a suspicion is confirmed: half of them are more than SHORT_STEP.
CONFIRMING_DIGITS = 700
# With so few operations in all, 3,200 digits take some tenths of a second: enough for
# (1 − cos(x))/x² at 10⁻³⁰⁰, which loses 600 digits in the value and as many in the slope.
LIGHT_FLOPS = 2_000
LIGHT_DIGITS = 3_200
# So many digits in front of the point leave enough of a hundred.
FEW_DIGITS = 6
# The results on the way are kept, for graphs of so many operations at most.
WATCHED_FLOPS = 20_000
WATCHED = (-2, 0, 2)  # at so many steps from the point
# Slopes that agree to no more than a double shows are given, but not certified.
SHOWN_DIGITS = 17


class Differences:
    """Runs of a value graph at displaced points, over mpmath."""

    def __init__(self, graph: Graph, leaves: Sequence[Any], digits: int) -> None:
        self.guards = graph.guards
        self.extended = _with_guards(graph)
        self.count = len(graph.output_nodes)
        with mp.workdps(digits):
            self.leaves = [to_objects(_plain(leaf), "mpmath") for leaf in leaves]
        self.blur = Blur(self.extended)
        self.bases: dict[int, list[Any]] = {}
        self.notes: dict[str, None] = {}
        self.sides: dict[tuple[int, int, int], tuple[Any, Any]] = {}
        self.found = self.lost = 0  # slopes that were settled, and that were not

    @property
    def converged(self) -> bool:
        """Whether every slope so far has settled."""
        return self.lost == 0

    def run(self, leaves: Sequence[Any], digits: int | None = None) -> list[Any]:
        """The outputs at these leaves, blurred at so many digits; a guard that changes is noted."""
        if digits is None:
            found = run(self.extended, leaves, domain="mpmath")
        else:
            found = self.blur.run(leaves, digits)
        for guard, value in zip(self.guards, found[self.count :], strict=True):
            if bool(np.all(value)) != bool(guard.outcome):
                where = place_of(guard.source)
                self.note(
                    "a branch changes at this very point, so the derivative is that of the "
                    f"branch taken ({where})"
                )
        return [cells(y) for y in found[: self.count]]

    def note(self, text: str) -> None:
        """Keep a note once."""
        self.notes.setdefault(text)

    def base(self, digits: int) -> list[Any]:
        """The outputs at the point itself, once per precision."""
        if digits not in self.bases:
            with mp.workprec(bits_of(digits)):
                self.bases[digits] = self.run(self.leaves)
        return self.bases[digits]

    def values(self) -> list[Any]:
        """The outputs at the point itself, with the most digits that were needed."""
        return self.bases[max(self.bases)]

    def block(self, place: int, digits: int, most: int) -> list[np.ndarray]:
        """The derivatives of every output by one leaf, with these digits and up to ``most``."""
        leaf = self.leaves[place]
        shape = np.shape(leaf)
        items = [leaf] if shape == () else list(leaf.reshape(-1))
        columns = [self._column(place, k, x, digits, most) for k, x in enumerate(items)]
        shapes = [y.shape for y in (self.values() if items else self.base(digits))]
        blocks = [np.empty((*out, len(items)), dtype=object) for out in shapes]
        for element, column in enumerate(columns):
            for block, slopes in zip(blocks, column, strict=True):
                block[..., element] = slopes
        return [b.reshape((*out, *shape)) for b, out in zip(blocks, shapes, strict=True)]

    def _column(self, place: int, element: int, x: Any, digits: int, most: int) -> list[np.ndarray]:
        """The slopes along one scalar; with more digits until they settle."""
        at = partial(self._displaced, place, element)
        scale = _digits_before_the_point(x)
        share, asked = FIRST_SHARE, digits
        if most > digits and has_stairs(self.extended):
            share, digits = NEXT_SHARE, min(max(digits, CONFIRMING_DIGITS), most)
        slopes = self._slopes(at, x, share * digits, digits + scale, most > asked)
        while open_ := _open(slopes):
            before, was = slopes, digits
            alike = digits > asked and all(slope.suspected for slope in open_)
            digits = min(max(2 * digits, CONFIRMING_DIGITS if alike else 0), most)
            if digits <= was:
                break
            share = NEXT_SHARE
            fresh = self._slopes(at, x, share * digits, digits + scale, True)
            accept = partial(_accepted, short=share * digits >= SHORT_STEP)
            slopes = [each(accept, old, new) for old, new in zip(before, fresh, strict=True)]
        return self._kept(slopes, place, element, digits, most > asked)

    def _kept(
        self, slopes: list[np.ndarray], place: int, element: int, digits: int, tried: bool
    ) -> list[np.ndarray]:
        """The values of the slopes, their notes and sides kept; see Note [A truth or none]."""
        size = int(np.size(self.leaves[place]))
        for i, column in enumerate(slopes):
            for row, slope in enumerate(column.flat):
                if not slope.settled:
                    slope = column.reshape(-1)[row] = _unsettled(slope, digits, tried)
                self.found, self.lost = self.found + slope.settled, self.lost + (not slope.settled)
                if slope.note:
                    self.note(slope.note)
                if slope.sides is not None:
                    self.sides[i, place, row * size + element] = slope.sides
        return [each(lambda slope: slope.value, column) for column in slopes]

    def _displaced(self, place: int, element: int, t: Any, digits: int) -> list[Any]:
        leaf = self.leaves[place]
        if np.shape(leaf) == ():
            moved = leaf + t
        else:
            moved = leaf.copy()
            moved.reshape(-1)[element] += t
        return self.run([*self.leaves[:place], moved, *self.leaves[place + 1 :]], digits)

    def _slopes(
        self,
        at: Callable[[Any, int], list[Any]],
        x: Any,
        step: float,
        digits: int,
        adaptive: bool,
    ) -> list[np.ndarray]:
        base = self.base(digits)
        watched = adaptive and step < SHORT_STEP and self.extended.flops() <= WATCHED_FLOPS
        trails: dict[int, list[Any]] = {}
        points: dict[int, list[Any]] = {}
        with mp.workprec(bits_of(digits)):
            h = step_for(x, step)
            for k in (0, -2, -1, 1, 2) if watched else (-2, -1, 1, 2):
                if watched and k in WATCHED:
                    trails[k] = []
                self.blur.trail = trails.get(k)
                points[k] = at(k * h, digits)
            rows = zip(base, *(points[k] for k in (-2, -1, 1, 2)), strict=True)
            slopes = [each(partial(_slope_at, h), *row) for row in rows]
            if watched and any(is_rough(trails[0], trails[k], h) for k in (-2, 2)):
                slopes = [each(_doubted, column) for column in slopes]
        return slopes


def _with_guards(graph: Graph) -> Graph:
    """The graph with its guards as further outputs, made once as its programs are."""
    key = ("with guards",)
    if key not in graph.cache:
        outputs = [*graph.output_nodes, *(guard.node for guard in graph.guards)]
        graph.cache[key] = Graph(graph.columns, graph.input_nodes, outputs)
    return graph.cache[key]


def _slope_at(h: Any, *outputs: Any) -> Slope:
    y, *displaced = outputs
    return slope_of(y, displaced, h)


def _doubted(slope: Slope) -> Slope:
    return replace(slope, settled=False)


def _open(slopes: Sequence[np.ndarray]) -> list[Slope]:
    return [slope for column in slopes for slope in column.flat if not slope.settled]


def _accepted(before: Slope, now: Slope, short: bool) -> Slope:
    """The slope of two steps that is to be kept; the longer step comes first."""
    if before.settled:
        return before
    if now.settled or not short:
        return now
    return confirmed(before, now) or now


def _unsettled(slope: Slope, digits: int, tried: bool) -> Slope:
    """What is shown of a slope that did not settle."""
    if not tried and slope.kind != SMOOTH:
        # it is likely what it looks like, but there was no second step
        return replace(slope, note=noted(slope))
    if slope.agrees_to(SHOWN_DIGITS):
        return slope
    note = f"no truth: the slope does not settle within {digits:,} digits"
    return Slope(mp.nan, settled=False, note=note)


def _digits_before_the_point(x: Any) -> int:
    """Those that are to come on top; a few are no matter."""
    size = mp.mag(x) if mp.isfinite(x) and x != 0 else 0
    digits = ceil(max(float(size), 0.0) * log10(2))
    return digits if digits > FEW_DIGITS else 0


# Small helpers -------------------------------------------------------------------------------


def _plain(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return array[()] if array.ndim == 0 else array


def cells(value: Any) -> np.ndarray:
    """A value as an object array, with shape () for a scalar.

    >>> cells(1.5).shape
    ()
    """
    if isinstance(value, np.ndarray):
        return value
    cell = np.empty((), dtype=object)
    cell[()] = value
    return cell


def each(function: Callable[..., Any], *arrays: Any) -> np.ndarray:
    """Apply a function to the elements of object arrays of one shape.

    >>> each(max, np.array([1, 5], dtype=object), np.array([3, 4], dtype=object)).tolist()
    [3, 5]
    """
    result = np.empty(arrays[0].shape, dtype=object)
    flat = result.reshape(-1)
    for place, items in enumerate(zip(*(a.reshape(-1) for a in arrays), strict=True)):
        flat[place] = function(*items)
    return result


def most_digits(differences: Differences, digits: int, work: int) -> int:
    """How many digits a slope may take that does not settle, with so many operations in all."""
    light = work <= LIGHT_FLOPS and only_known_functions(differences.extended)
    return max(digits, LIGHT_DIGITS if light else MOST_DIGITS)
