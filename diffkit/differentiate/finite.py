"""Finite differences: the derivative from values of the function alone.

    ∂f/∂xⱼ ≈ h⁻¹ Σᵢ wᵢ f(x + kᵢ h eⱼ)

Two errors pull in opposite directions: truncation grows like hᵖ, rounding like ε/h.  Their sum
is least near h = ε^(1/(p+1)) · x_c, where x_c is the length over which the function changes
(Press et al., *Numerical Recipes*, 3rd ed., §5.7), and no step gives more than the fraction
p/(p+1) of the digits.  Here x_c = max(|x|, scale), and h is a power of two, so that the step
that was meant is the step that was taken: x + kᵢh is exact, but for the last bit of x where the
sum passes a power of two or x is far smaller than h.

A kink, a jump or an oscillation inside the step is noticed and told (``resolution.py``).  The
stencils are in ``stencils.py``, the extrapolation to h → 0 in ``extrapolation.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite, ldexp, log2
from typing import Any, ClassVar

import numpy as np

from diffkit.differentiate.displaced import Runs, summed
from diffkit.differentiate.doubts import note_doubts, note_jumps
from diffkit.differentiate.extrapolation import extrapolated, first_step, tableau_steps
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.differentiate.noise import Line, noise_of
from diffkit.differentiate.resolution import (
    DROWNED,
    LEFT_THE_DOMAIN,
    UNRESOLVED,
    drowned,
    remembered,
    unresolved,
)
from diffkit.differentiate.stencils import Stencil, stencil_of
from diffkit.differentiate.stencils import stencil as usual_stencil
from diffkit.differentiate.step_choice import WIDER_TABLEAU, choose_step, kink_at
from diffkit.engines.calling import warn_of_nan
from diffkit.errors import DomainWarning, DtypeError, InputError, KinkWarning

TABLEAU_STENCIL = usual_stencil(6)  # its best step is near those that extrapolation uses

__all__ = ["Finite", "automatic_step", "derivative_errors", "float_leaf"]


def automatic_step(x: float, accuracy: int, eps: float, scale: float = 1.0) -> float:
    """The step h ≈ ε^(1/(p+1)) · max(|x|, scale), rounded to a power of two.

    Source: Press et al., *Numerical Recipes*, 3rd edition, §5.7 (there for p = 1 and 2).

    >>> automatic_step(1.0, 1, 2.0**-52) == 2.0**-26
    True
    >>> x, h = 0.1, automatic_step(0.1, 2, 2.0**-52)
    >>> (x + h) - x == h
    True
    """
    length = max(abs(x), scale)
    if not isfinite(length):
        return float("nan")
    return ldexp(1.0, round(log2(eps) / (accuracy + 1) + log2(length)))


def float_leaf(leaf: Any, method: str) -> np.ndarray:
    """A leaf as a float array that may be displaced.

    Raises
    ------
    DtypeError
        When the leaf is not made of real floating-point numbers.
    """
    array = np.asarray(leaf)
    if array.dtype.kind != "f":
        raise DtypeError(
            f"{method}: an argument of dtype {array.dtype} cannot be displaced by a small step",
            hint="pass floating-point numbers, e.g. 3.0 instead of 3.",
        )
    return array


class Finite(Method):
    """Finite differences, with a stencil, a step rule and optional extrapolation.

    Parameters
    ----------
    accuracy
        1 (forward), 2 (central), 4 (five-point), 6 (seven-point), or a higher even number.
    step
        ``"auto"`` for the rule of :func:`automatic_step`, ``"estimated"`` for one found from the
        function's own noise and truncation (``step_choice.py``; some three hundred runs for each),
        or a positive number.
    stencil
        Offsets in steps, such as ``(0, 1, 2, 3)``, in place of an accuracy.
    relative
        Whether a numeric step is multiplied by max(|x|, scale).
    richardson
        Extrapolate to h → 0.  A numeric ``step`` is then the first, largest one.  Here, and for
        an estimated step, the estimated error is in ``result.extra["error_estimate"]``.
    scale
        The smallest length over which the function is taken to change; default 1.  Make it
        smaller for functions of tiny arguments.

    Raises
    ------
    InputError
        For an accuracy, step or scale that is not one of these.

    >>> method = Finite(accuracy=4)
    >>> method.stencil.name, method.step
    ('five-point', 'auto')
    """

    name: ClassVar[str] = "finite"

    def __init__(
        self,
        accuracy: int = 2,
        step: str | float = "auto",
        *,
        stencil: Sequence[int] | None = None,
        relative: bool = False,
        richardson: bool = False,
        scale: float = 1.0,
    ) -> None:
        self.offsets = None if stencil is None else tuple(stencil)
        self.stencil = usual_stencil(accuracy) if stencil is None else stencil_of(stencil)
        rules = ("auto", "estimated")
        self.step = step if step in rules else _positive(step, "step", "'auto' or 'estimated'")
        self.relative = relative
        self.richardson = richardson
        self.scale = _positive(scale, "scale", "the length over which f changes")

    def __repr__(self) -> str:
        extra = ", richardson=True" if self.richardson else ""
        row = f"accuracy={self.stencil.accuracy}"
        if self.offsets is not None:
            row = f"stencil={self.offsets}"
        return f"Finite({row}, step={self.step!r}{extra})"

    def stencil_for(self, derivative: int) -> Stencil:
        """The stencil on the same offsets, or of the same accuracy, for a higher derivative.

        Raises
        ------
        InputError
            When the offsets are too few.

        >>> Finite(stencil=(0, 1, 2, 3)).stencil_for(2).accuracy
        2
        """
        if self.offsets is not None:
            return stencil_of(self.offsets, derivative)
        return usual_stencil(self.stencil.accuracy, derivative)

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and all Jacobian blocks at ``leaves``, with respect to leaves ``wrt``.

        Every element of every leaf is displaced on its own, so the cost is proportional to
        their number; ``evaluations`` counts the runs of the function.

        Raises
        ------
        DtypeError
            When a leaf of ``wrt`` is not floating point.
        """
        run = Runs(function, leaves, engine)
        found = [self._blocks_of_leaf(run, place) for place in wrt]
        outputs = range(len(run.base))
        blocks = [[leaf_blocks[i] for leaf_blocks, _ in found] for i in outputs]
        notes = _notes(run, blocks)
        if notes and any(np.isinf(block).any() for row in blocks for block in row):
            run.note(DomainWarning, notes[0])
        graph = function.graph_for(leaves)
        if self.step == "auto":
            note_jumps(run, graph, wrt, self._step_at)
        run.tell()
        extra: dict[str, Any] = {"stencil": self.stencil.name}
        if self.richardson or self.step == "estimated":
            extra["error_estimate"] = [[errors[i] for _, errors in found] for i in outputs]
        warn_of_nan(graph, leaves, [*run.base, *(block for row in blocks for block in row)])
        return JacobianResult(
            values=run.base,
            blocks=blocks,
            evaluations=run.count,
            flops=run.count * graph.flops() + run.combining,
            graph=graph,
            notes=notes,
            extra=extra,
        )

    def jvp(
        self,
        function: Captured,
        leaves: Sequence[Any],
        tangents: Sequence[Any],
        engine: str = "auto",
    ) -> tuple[list[Any], list[np.ndarray]]:
        """The values and their derivative along ``tangents`` (None: the leaf does not move).

        The directional derivative of f is the ordinary derivative of t ↦ f(x + t v) at 0.

        Raises
        ------
        DtypeError
            When a leaf that moves is not floating point.
        """
        run = Runs(function, leaves, engine)
        pairs = [(x, v) for x, v in zip(leaves, tangents, strict=True) if v is not None]
        moving = [(float_leaf(x, "finite"), np.asarray(v)) for x, v in pairs]
        speed = max((float(np.max(np.abs(v), initial=0.0)) for _, v in moving), default=0.0)
        if speed == 0.0:
            return run.base, [np.zeros(np.shape(y)) for y in run.base]
        size = max(float(np.max(np.abs(x), initial=0.0)) for x, _ in moving)
        eps = max(float(np.finfo(x.dtype).eps) for x, _ in moving)
        tangent, _ = self._slope(lambda t: run.along(tangents, t), run, size, eps, speed)
        run.tell()
        return run.base, tangent

    def _blocks_of_leaf(self, run: Runs, place: int) -> tuple[list[Any], list[Any]]:
        leaf = float_leaf(run.leaves[place], self.name)
        eps = float(np.finfo(leaf.dtype).eps)
        shapes = [np.shape(y) for y in run.base]
        blocks = [np.zeros((*shape, leaf.size), leaf.dtype) for shape in shapes]
        errors = [np.zeros((*shape, leaf.size)) for shape in shapes]
        for element, x in enumerate(leaf.reshape(-1)):
            slope, error = self._slope(run.displacer(place, element), run, float(x), eps)
            for i, column in enumerate(slope):
                blocks[i][..., element] = column
                errors[i][..., element] = error[i]
        full = [(*shape, *leaf.shape) for shape in shapes]
        return (
            [block.reshape(shape) for block, shape in zip(blocks, full, strict=True)],
            [error.reshape(shape) for error, shape in zip(errors, full, strict=True)],
        )

    def _slope(
        self, at: Callable[[float], Any], run: Runs, x: float, eps: float, speed: float = 1.0
    ) -> tuple[list[Any], list[Any]]:
        """The slope of every output, and its estimated error (zeros without extrapolation)."""
        at = remembered(at)
        if self.step == "estimated":
            return self._estimated(at, run, x, eps, speed)
        if self.richardson:
            first = self._step_at(x, eps) if self.step != "auto" else first_step(x, self.scale)
            steps = tableau_steps(first / speed)
            rows = [_difference(self.stencil, at, run, step) for step in steps]
            h, (slope, error) = steps[-2], extrapolated(rows, self.stencil)
        else:
            h, slope = self._plain_slope(at, run, x, eps, speed)
            error = [np.zeros(np.shape(y)) for y in slope]
        if self.step == "auto" and self.stencil.symmetric:

            def two_slopes() -> tuple[list[Any], list[Any]]:
                if self.richardson:
                    return [s - e for s, e in zip(slope, error, strict=True)], slope
                return slope, _difference(self.stencil, at, run, h / 2)

            sides = unresolved(at, two_slopes, run.base, h, eps)
            if sides is not None:
                run.note(KinkWarning, UNRESOLVED.format(x=x, h=h, left=sides[0], right=sides[1]))
        if self.step == "auto":
            length = max(abs(x), self.scale) / speed
            note_doubts(at, run, slope, x, h, eps, length)
        return slope, error

    def _estimated(
        self, at: Callable[[float], Any], run: Runs, x: float, eps: float, speed: float
    ) -> tuple[list[Any], list[Any]]:
        """The slope at a step chosen from the function's values, and its error."""
        line = Line(summed(at), abs(x), eps, speed, self.scale)
        row, noise = self.stencil, noise_of(line)
        found = choose_step(line, TABLEAU_STENCIL if self.richardson else row, noise)
        if found.refused is not None:
            _, slope = self._plain_slope(at, run, x, eps, speed)
            return slope, [np.full(np.shape(y), np.inf) for y in slope]
        kink = kink_at(line, noise)
        if kink is not None:
            told = UNRESOLVED.format(x=x, h=found.step, left=kink[0], right=kink[1])
            run.note(KinkWarning, told)
        if self.richardson:
            first = min(WIDER_TABLEAU * found.step, line.length / 4)
            steps = tableau_steps(ldexp(1.0, round(log2(first))))
            slope, error = extrapolated([_difference(row, at, run, h) for h in steps], row)
            return slope, [np.maximum(e, found.error) for e in error]
        slope = _difference(row, at, run, found.step)
        return slope, [np.full(np.shape(y), found.error) for y in slope]

    def _plain_slope(
        self, at: Callable[[float], Any], run: Runs, x: float, eps: float, speed: float
    ) -> tuple[float, list[Any]]:
        """The step and the slope of every output, without extrapolation."""
        h = self._step_at(x, eps) / speed
        if not isfinite(h):
            h = 1.0  # x is infinite or NaN, and x ± 1 is x
        slope = _difference(self.stencil, at, run, h)
        near = self.step == "auto" and 0 < abs(x) < self.scale
        if near and _left_the_domain(run.base, slope):
            # the step is longer than x itself: measure again on the scale of x
            h = automatic_step(x, self.stencil.accuracy, eps, abs(x)) / speed
            slope = _difference(self.stencil, at, run, h)
            if drowned(run.base, slope, h, eps):
                run.note(DomainWarning, DROWNED.format(h=h))
        return h, slope

    def _step_at(self, x: float, eps: float) -> float:
        """The step at x: exact, in the sense that (x + h) − x is h."""
        if isinstance(self.step, str):
            return automatic_step(x, self.stencil.accuracy, eps, self.scale)
        h = float(self.step) * (max(abs(x), self.scale) if self.relative else 1.0)
        exact = (x + h) - x
        return exact if exact != 0.0 else h


def _left_the_domain(base: Sequence[Any], slope: Sequence[Any]) -> bool:
    """Whether a difference is no finite number although the value is one."""
    pairs = zip(base, slope, strict=True)
    return any(np.isfinite(y).all() and not np.isfinite(s).all() for y, s in pairs)


def _difference(row: Stencil, at: Callable[[float], Any], run: Runs, h: float) -> list[Any]:
    """h⁻¹ Σ wᵢ f(x + kᵢ h) for every output; opposite points are subtracted by the weights."""
    total: list[Any] = [0.0] * len(run.base)
    with np.errstate(all="ignore"):
        for offset, weight in row.active:
            outputs = at(offset * h)
            total = [s + weight * np.asarray(y) for s, y in zip(total, outputs, strict=True)]
        slopes = [np.asarray(s / h) for s in total]
    # one product and one sum per point and output, one division per output
    run.combining += (2 * len(row.active) + 1) * sum(s.size for s in slopes)
    return slopes


def _notes(run: Runs, blocks: list[list[np.ndarray]]) -> list[str]:
    columns = zip(*blocks, strict=True)
    left = any(_left_the_domain(run.base, column) for column in columns)
    return [LEFT_THE_DOMAIN] if left else []


def _positive(value: Any, name: str, what: str) -> float:
    if isinstance(value, (int, float, np.floating)) and isfinite(value) and value > 0:
        return float(value)
    raise InputError(
        f"finite differences: {name} must be a positive number, not {value!r}",
        hint=f"{name} is a positive number ({what}).",
    )


def derivative_errors(
    f: Callable[[Any], Any], x: float, steps: Iterable[float], row: Stencil, exact: Any = None
) -> np.ndarray:
    """The absolute errors of one stencil at many steps: the V-shaped curve.

    Parameters
    ----------
    f
        A plain Python or NumPy function of one float64 number.
    x, steps
        The point, and the steps to try (used as they are, not rounded).
    row
        The stencil, e.g. ``stencil(4)``.
    exact
        The true derivative (a number, a Fraction or an mpf); computed with mpmath if left out.

    Returns
    -------
    numpy.ndarray
        float64, as long as ``steps``.

    >>> from diffkit.differentiate.stencils import stencil
    >>> errors = derivative_errors(lambda x: x**3, 1.0, [1e-1, 1e-2], stencil(2), exact=3)
    >>> [float(f"{error:.1e}") for error in errors]
    [0.01, 0.0001]
    """
    from diffkit.engines.precise import distance, true_slope

    exact = true_slope(f, x) if exact is None else exact
    return np.array([distance(slope, exact) for slope in _slopes(f, x, steps, row)])


def _slopes(
    f: Callable[[Any], Any], x: float, steps: Iterable[float], row: Stencil
) -> Iterator[float]:
    for h in steps:
        parts = [weight * f(np.float64(x) + offset * h) for offset, weight in row.active]
        yield float(sum(parts) / h**row.derivative)
