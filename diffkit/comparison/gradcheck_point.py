"""What gradcheck knows about a point: the function along lines through it, and its derivative.

The function is called as the user wrote it, so that what cannot be traced can be checked too.  Its
derivative comes from 60-digit differences of the captured graph where it can be captured, else from
Ridders' extrapolation of central differences, which tells its own error.

Reading on: Ridders 1982, *Accurate computation of F′(x) and F′(x) F″(x)*; Moré & Wild 2011,
*Estimating computational noise*.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from diffkit.capture.capturing import check_fit
from diffkit.comparison.arguments import arguments_of
from diffkit.differentiate.function import function_of
from diffkit.engines.interpret import run
from diffkit.engines.precise import true_derivatives
from diffkit.errors import CaptureError, DiffkitError, DtypeError, ShapeError
from diffkit.graph.ir import Graph

__all__ = ["Point", "Reference", "noise_level", "reference_at"]

DIGITS = 60
# Columns of Ridders' tableau, and the factor from one step to the next (Press et al. 2007, 5.7).
COLUMNS, SHRINK, FIRST_STEP = 10, 1.4, 0.1
# Entries that are checked of a function that cannot be captured.
MOST_ENTRIES = 48
# Moré & Wild: points on a line some hundred rounding errors apart.
NOISE_POINTS, NOISE_STEP = 9, 1e-8
TINY = 1e-300


class Point:
    """A function with one result, its arguments, and which of them are moved."""

    def __init__(
        self,
        f: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: int | Sequence[int] | None,
        verb: str = "gradcheck",
    ) -> None:
        self.f, self.verb, self.args, self.kwargs = f, verb, args, kwargs
        check_fit(f, args, kwargs)
        try:
            found = arguments_of(f, args, kwargs, argnums)
        except CaptureError:  # the arguments of a function that cannot be captured are sorted alike
            found = arguments_of(_nothing_like(f), args, kwargs, argnums)
        self.bound = function_of(f).bind(args, kwargs)
        self.leaves, self.wrt = found.leaves, found.wrt
        self.names, self.tree_of = found.names, found.tree_of
        self.graph = self._captured()

    def _captured(self) -> Graph | None:
        try:
            return self.bound.graph_for(self.leaves)
        except DiffkitError:
            return None

    @property
    def sizes(self) -> list[int]:
        """The number of entries of every leaf that is moved."""
        return [int(np.size(self.leaves[k])) for k in self.wrt]

    @property
    def eps(self) -> float:
        """The rounding unit of the coarsest leaf that is moved."""
        return max(float(np.finfo(np.asarray(self.leaves[k]).dtype).eps) for k in self.wrt)

    def entry(self, flat: int) -> tuple[int, int]:
        """The leaf and the index in it of an entry of all leaves in a row."""
        for k, size in zip(self.wrt, self.sizes, strict=True):
            if flat < size:
                return k, flat
            flat -= size
        raise IndexError(flat)

    def value(self, leaves: Sequence[Any] | None = None) -> float:
        """The function's number, computed by the user's own code.

        Raises
        ------
        ShapeError
            When it returned several.
        DtypeError
            When it returned something else than a real number.
        """
        leaves = self.leaves if leaves is None else leaves
        if self.bound.function.graph is not None:
            result = run(self.bound.function.graph, leaves)[0]
        else:
            args, kwargs = self.bound.call_arguments(leaves)
            with np.errstate(all="ignore"):
                result = self.f(*args, **kwargs)
        if np.shape(result) != ():
            raise ShapeError(
                f"{self.verb}: the function returned an array of shape {np.shape(result)}, but one "
                "number is checked",
                hint="return a scalar, for example np.sum(y * weights).",
            )
        return self._number(result)

    def _number(self, result: Any) -> float:
        kind = np.asarray(result).dtype.kind
        if kind in "fiu":
            return float(result)
        try:
            if kind == "O" and result is not None:  # a number of another library, such as Fraction
                return float(result)
        except (TypeError, ValueError):
            pass
        raise DtypeError(
            f"{self.verb}: the function returned {_named(result)}, which has no derivative",
            hint="return a floating-point number.",
        )

    def moved(self, flat: int, t: float) -> list[Any]:
        """The leaves with one entry moved by t, in its own dtype."""
        place, index = self.entry(flat)
        array = np.array(self.leaves[place])
        array.reshape(-1)[index] += np.asarray(t, dtype=array.dtype)
        return [array[()] if k == place else leaf for k, leaf in enumerate(self.leaves)]

    def along(self, flat: int) -> Callable[[float], float]:
        """The function of one entry: t ↦ f(x + t e)."""
        return lambda t: self.value(self.moved(flat, t))

    def coordinate(self, flat: int) -> float:
        """The entry itself."""
        place, index = self.entry(flat)
        return float(np.asarray(self.leaves[place]).reshape(-1)[index])

    def name(self, flat: int) -> str:
        """How an entry is called: ``x[1, 2]``."""
        place, index = self.entry(flat)
        shape, name = np.shape(self.leaves[place]), self.names[self.wrt.index(place)]
        at = ", ".join(str(int(i)) for i in np.unravel_index(index, shape)) if shape else ""
        return f"{name}[{at}]" if shape else name


def _named(result: Any) -> str:
    if isinstance(result, (complex, np.complexfloating)):
        return "a complex number"
    return "None" if result is None else f"a {type(result).__name__}"


def _nothing_like(f: Any) -> Callable[..., float]:
    """A function of the same parameters that can be captured."""

    def nothing(*args: Any, **kwargs: Any) -> float:
        return 0.0

    with suppress(TypeError, ValueError):
        nothing.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    return nothing


# The derivative ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """Derivatives by entries, how far they can be trusted, and where they came from."""

    entries: np.ndarray  # the entries that were looked at
    slopes: np.ndarray
    errors: np.ndarray
    how: str
    sides: dict[int, tuple[float, float]]  # slopes from the left and the right where they differ


def reference_at(point: Point, likely: np.ndarray) -> Reference:
    """The derivative at a point; ``likely`` says which entries matter if not all can be taken."""
    found = _by_truth(point)
    return _by_ridders(point, likely) if found is None else found


def _by_truth(point: Point) -> Reference | None:
    from diffkit.differentiate.reverse import gradient_graph

    if point.graph is None or point.graph.guards:
        return None
    try:
        truth = true_derivatives(point.graph, point.leaves, point.wrt, DIGITS, gradient_graph)
    except (DiffkitError, ArithmeticError):
        return None
    if not truth.certified and not truth.sides:
        return None
    slopes = np.concatenate([np.array(block, dtype=float).reshape(-1) for block in truth.blocks[0]])
    starts = np.cumsum([0, *point.sizes])
    sides = {
        int(starts[leaf] + flat): (float(left), float(right))
        for (_, leaf, flat), (left, right) in truth.sides.items()
    }
    entries = np.arange(slopes.size)
    return Reference(entries, slopes, np.zeros(slopes.size), f"{DIGITS}-digit differences", sides)


def _by_ridders(point: Point, likely: np.ndarray) -> Reference:
    total = sum(point.sizes)
    entries = np.arange(total)
    if total > MOST_ENTRIES:
        entries = np.sort(np.argsort(-np.abs(likely), kind="stable")[:MOST_ENTRIES])
    found = [ridders(point.along(k), point.coordinate(k)) for k in entries.tolist()]
    slopes, errors = (np.array(column) for column in zip(*found, strict=True))
    return Reference(entries, slopes, errors, "Ridders' extrapolation of differences", {})


def ridders(f: Callable[[float], float], x: float) -> tuple[float, float]:
    """f′(0) of a function of the way from x, and an estimate of its error.

    >>> slope, error = ridders(lambda t: np.exp(1.0 + t), 1.0)
    >>> abs(slope - np.e) < 1e-9 and error < 1e-8
    True
    """
    h = FIRST_STEP * max(abs(x), 1.0)
    best, error = np.nan, np.inf
    row: list[float] = []
    for k in range(COLUMNS):
        above, below = f(h), f(-h)
        new = [(above - below) / (2 * h)]
        factor = SHRINK**2
        for j in range(k):
            new.append((factor * new[j] - row[j]) / (factor - 1))
            factor *= SHRINK**2
            guess = max(abs(new[j + 1] - new[j]), abs(new[j + 1] - row[j]))
            if guess <= error:
                best, error = new[j + 1], guess
        row = new
        h /= SHRINK**2 if k else SHRINK
    return float(best), float(error)


def noise_level(f: Callable[[float], float], x: float) -> float:
    """The standard deviation of the noise of a function near a point.

    Differences of order k of equidistant values lose what is smooth and keep the noise, with
    variance (2k)!/(k!)² σ².

    >>> wobble = lambda t: np.exp(t) + 1e-6 * np.sin(1e12 * t)
    >>> 1e-7 < noise_level(wobble, 1.0) < 1e-5
    True
    """
    step = NOISE_STEP * max(abs(x), 1.0)
    table = np.array([f(k * step) for k in range(NOISE_POINTS)])
    levels, gamma = [], 1.0
    for k in range(1, NOISE_POINTS - 1):
        table = np.diff(table)
        gamma *= 0.5 * k / (2 * k - 1)
        levels.append(float(np.sqrt(gamma * np.mean(table**2))))
    # where neighbouring orders agree, the smooth part is gone
    pairs = [(abs(np.log((b + TINY) / (a + TINY))), b) for a, b in pairwise(levels)]
    return min(pairs[2:], key=lambda pair: pair[0])[1]
