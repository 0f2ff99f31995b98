"""The complex step: a derivative without subtraction.

For a function that is analytic around a real x,

    f(x + ih) = f(x) + ih f′(x) − h² f″(x)/2 − …,   so   f′(x) ≈ Im f(x + ih) / h,

with a truncation error of order h² and no difference of nearly equal numbers: h may be so
small (1e-100) that the truncation error vanishes altogether.  It needs an analytic function;
an operation that declares no analytic form over the reals is refused, by name and line.

Note [Step].  The error is of order (h/x)² in functions such as log x or 1/x, which know no scale
but that of x.  So h = 10⁻¹⁰⁰ is right down to |x| ≈ 10⁻⁹⁰; where an argument has a smaller
element, h is a power of two about 10⁻¹⁰ times it, whose square is below rounding.  A step so
small may let imaginary parts underflow.  Then two larger steps are tried, and for |x| > 1 two that
are larger by that factor; what they give is taken only where both give the same (and where h was
fitted, roughly what the small one gives).  So slopes below about 10⁻¹⁹⁰ have fewer digits, or
are 0.  Where a slope is enormous, h may be too long instead, and two smaller steps are asked.

Reading on: W. Squire & G. Trapp 1998, *Using complex variables to estimate derivatives of
real functions*, SIAM Review 40; the complex values of each operation are its ``analytic``
entry in ``primitives/``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from diffkit.differentiate.finite import float_leaf
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.engines.calling import Runner, chosen_engine, user_level, warn_of_nan
from diffkit.engines.interpret import run
from diffkit.errors import DomainWarning, InputError, NotAnalyticError
from diffkit.graph.ir import Graph

__all__ = ["ComplexStep", "complex_step_errors"]

# Squire & Trapp 1998 use 1e-100: its square is far below the rounding of any double.
DEFAULT_STEP = 1e-100

# Where h·f′ loses digits to underflow, these larger steps are tried, and they must agree to this
# relative difference; their squares are still 10⁻²⁴ of a rounding error.
LARGER_STEP, CHECK_STEP = 1e-20, 1e-23
AGREEMENT = 1e-12
# Slopes beyond this are held against those of steps that are smaller by these factors.
ENORMOUS, SHORTER, SHORTEST = 1e70, 1e-150, 1e-160
# Beside larger arguments h is so short that h/x underflows, as in x log x, whose slope lacks a 1.
HUGE, SHIFT = 1e100, 1e10
ROUGHLY = 1e-3  # up to which a slope that lost digits to underflow is called the same
RELATIVE_STEP = 1e-10  # of the smallest element: the square is 10⁻⁴ of a rounding error
UNDERFLOW = float(np.finfo(np.float64).tiny / np.finfo(np.float64).eps)

# A complex addition is two real ones, a multiplication six operations: four on the average.
COMPLEX_COST = 4


class ComplexStep(Method):
    """The complex step Im f(x + ih) / h, on the value graph.

    Parameters
    ----------
    step
        h, between 1e-300 and 1e-3; the default 1e-100 is right for nearly everything.

    Raises
    ------
    InputError
        For a step outside that range.

    >>> ComplexStep().step
    1e-100
    """

    name: ClassVar[str] = "complex"

    def __init__(self, step: float = DEFAULT_STEP) -> None:
        if not (isinstance(step, (int, float)) and 1e-300 <= step <= 1e-3):
            raise InputError(
                f"the complex step must be a number from 1e-300 to 1e-3, not {step!r}",
                hint="leave it out: 1e-100 needs no tuning.",
            )
        self.step = float(step)

    def __repr__(self) -> str:
        return f"ComplexStep(step={self.step!r})"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and all Jacobian blocks at ``leaves``, with respect to leaves ``wrt``.

        One run of the value graph over complex numbers for every element (a second one where
        the imaginary part underflows).

        Raises
        ------
        NotAnalyticError
            Naming the first operation without an analytic form, and its line; or when an element
            of the arguments is so near the smallest double that no step is small against it.
        DtypeError
            When a leaf of ``wrt`` is not floating point.
        """
        graph = function.graph_for(leaves)
        values = function.values(leaves, engine)
        perturbed = _Perturbed(graph, leaves, self.step, engine)
        columns = [perturbed.blocks_of_leaf(place) for place in wrt]
        blocks = [[leaf_blocks[i] for leaf_blocks in columns] for i in range(len(values))]
        flops = graph.flops() * (1 + COMPLEX_COST * perturbed.count)
        flops += sum(block.size for row in blocks for block in row)  # the divisions by h
        warn_of_nan(graph, leaves, [*values, *(block for row in blocks for block in row)])
        return JacobianResult(
            values=list(values),
            blocks=blocks,
            evaluations=1 + perturbed.count,
            flops=flops,
            graph=graph,
            notes=perturbed.notes,
            extra={"step": self.step},
        )


class _Perturbed:
    """Runs of a value graph at x + ih eⱼ, counted."""

    def __init__(
        self, graph: Graph, leaves: Sequence[Any], step: float, engine: str = "interpret"
    ) -> None:
        self.runners: dict[int, Runner] = {}
        self.compiled = chosen_engine(engine) == "machine" and _has_kernels(graph, leaves)
        self.engine = engine
        self.graph, self.leaves, self.step = graph, list(leaves), _fitting_step(leaves, step)
        self.fitted = self.step != step
        self.count = 0
        self.notes: list[str] = []

    def blocks_of_leaf(self, place: int) -> list[np.ndarray]:
        """∂y/∂x for every output y and one leaf x, with shape ``y.shape + x.shape``."""
        leaf = float_leaf(self.leaves[place], "complex step")
        shapes = [self.graph.columns.avals[node].shape for node in self.graph.output_nodes]
        parts = self._all_imaginary(place, leaf, shapes)
        rows = _quotients(parts, self.step)
        huge = np.abs(leaf.reshape(-1).astype(np.float64)) > HUGE
        for element in np.flatnonzero(_doubtful(parts, rows, self.step) | huge).tolist():
            column = [part[element] for part in parts], [row[element] for row in rows]
            for row, slope in zip(rows, self._mended(place, leaf, element, *column), strict=True):
                row[element] = slope
        return [
            np.array(_rows(row).T, leaf.dtype, order="C").reshape(shape + leaf.shape)
            for row, shape in zip(rows, shapes, strict=True)
        ]

    def _all_imaginary(
        self, place: int, leaf: np.ndarray, shapes: Sequence[tuple[int, ...]]
    ) -> list[np.ndarray]:
        """The imaginary parts of every output, one row for each element that is moved."""
        rows = [np.empty((leaf.size, *shape), np.complex128) for shape in shapes]
        moved = np.array(leaf, np.complex128, order="C")
        imaginary = moved.reshape(-1).imag
        for element in range(leaf.size):
            imaginary[element] = self.step
            for row, y in zip(rows, self._run(place, self._moved(place, moved)), strict=True):
                row[element] = y
            imaginary[element] = 0.0
        return [_imaginary_part(row, self.step) for row in rows]

    def _mended(
        self,
        place: int,
        leaf: np.ndarray,
        element: int,
        parts: list[np.ndarray],
        slopes: list[np.ndarray],
    ) -> list[np.ndarray]:
        """The slopes with respect to one element, by other steps where these may do better."""
        if HUGE < float(np.abs(leaf.reshape(-1)[element])) < np.inf:
            slopes = self._on_its_scale(place, leaf, element, slopes)
        if any(np.any(np.abs(slope) > ENORMOUS) for slope in slopes):
            return self._with_shorter_steps(place, leaf, element, slopes)
        if not _underflows(parts):
            return slopes
        size = float(np.abs(leaf.reshape(-1)[element]))
        factors = (1.0, size) if 1.0 < size < np.inf else (1.0,)
        for factor in factors:
            slopes, larger = self._with_longer_steps(place, leaf, element, slopes, factor)
        pairs = zip(slopes, larger, strict=True)
        if self.fitted and any(np.any(slope != large) for slope, large in pairs):
            self._tell_lost_digits()
        return slopes

    def _with_longer_steps(
        self, place: int, leaf: np.ndarray, element: int, slopes: list[np.ndarray], factor: float
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The slopes where underflow is overcome, and those at the longer step alone."""
        long, short = LARGER_STEP * factor, CHECK_STEP * factor
        larger, check = self._at_steps(place, leaf, element, (long, short))
        found = [
            _agreed(slope, large, other, self.fitted)
            for slope, large, other in zip(slopes, larger, check, strict=True)
        ]
        pairs = zip(slopes, found, strict=True)
        if not self.notes and any(np.any(new != slope) for slope, new in pairs):
            self.notes.append(
                f"an imaginary part underflowed at h = {self.step:g}: h = {long:g} was used there"
            )
        return found, larger

    def _on_its_scale(
        self, place: int, leaf: np.ndarray, element: int, slopes: list[np.ndarray]
    ) -> list[np.ndarray]:
        """The slopes of two steps as long beside a huge x as h is beside 1, where both agree."""
        size = float(np.abs(leaf.reshape(-1)[element]))
        rows = self._at_steps(place, leaf, element, (size * self.step, size * self.step / SHIFT))
        found = zip(slopes, *rows, strict=True)
        return [np.where(_same(b, a) & (a != 0), a, y) for y, a, b in found]

    def _with_shorter_steps(
        self, place: int, leaf: np.ndarray, element: int, slopes: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Slopes that shorter steps confirm or correct; NaN where each step gives another."""
        steps = self.step * SHORTER, self.step * SHORTEST
        if steps[1] == 0.0:  # already fitted to a tiny argument
            return slopes
        rows = self._at_steps(place, leaf, element, steps)
        return [_confirmed(*row) for row in zip(slopes, *rows, strict=True)]

    def _at_steps(
        self, place: int, leaf: np.ndarray, element: int, steps: Sequence[float]
    ) -> list[list[np.ndarray]]:
        return [_quotients(self._imaginary(place, leaf, element, step), step) for step in steps]

    def _tell_lost_digits(self) -> None:
        told = (
            f"complex step: an argument is so small that h = {self.step:.2g} is needed, at which "
            "the imaginary part underflows: the derivative may have lost its digits"
        )
        if told not in self.notes:
            self.notes.append(told)
            warnings.warn(told, DomainWarning, stacklevel=user_level())

    def _imaginary(
        self, place: int, leaf: np.ndarray, element: int, step: float
    ) -> list[np.ndarray]:
        moved = np.array(leaf, np.complex128, order="C")
        moved.reshape(-1).imag[element] = step
        return [_imaginary_part(y, step) for y in self._run(place, self._moved(place, moved))]

    def _moved(self, place: int, moved: np.ndarray) -> list[Any]:
        """The arguments, one of them moved."""
        return [*self.leaves[:place], moved[()], *self.leaves[place + 1 :]]

    def _run(self, place: int, leaves: list[Any]) -> list[Any]:
        """The outputs where one leaf is complex."""
        self.count += 1
        if not self.compiled:
            return run(self.graph, leaves, domain="complex")
        if place not in self.runners:
            self.runners[place] = self._runner(place)
        return self.runners[place](leaves)

    def _runner(self, place: int) -> Runner:
        """The machine, unless most of what it would do is to call Python."""
        from diffkit.engines.machine.complex_runs import complex_runner, is_worth_while

        machine = complex_runner(self.graph, place)
        if self.engine == "machine" or is_worth_while(machine):
            return machine
        return lambda leaves: run(self.graph, leaves, domain="complex")


def _has_kernels(graph: Graph, leaves: Sequence[Any]) -> bool:
    """Whether all floats are float64, which complex kernels are made for, in the graph's shapes.

    Whole numbers that were cut from moving ones are complex here, and have no kernels.
    """
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    dtypes = [np.asarray(leaf).dtype for leaf in leaves]
    doubles = all(dtype.kind != "f" or dtype == np.float64 for dtype in dtypes)
    pairs = zip(leaves, avals, strict=True)
    fits = doubles and all(np.shape(leaf) == aval.shape for leaf, aval in pairs)
    return fits and not _cuts_floats(graph)


def _cuts_floats(graph: Graph) -> bool:
    """Whether a float of the graph is converted to an integer."""
    key = "cuts floats"
    if key not in graph.cache:
        columns = graph.columns
        casts = (n for n in graph.equation_nodes() if columns.operations[n].name == "cast")
        kinds = ((columns.avals[n], columns.avals[columns.operands[n][0]]) for n in casts)
        graph.cache[key] = any(
            new.dtype.kind in "iu" and old.dtype.kind == "f" for new, old in kinds
        )
    return graph.cache[key]


def _fitting_step(leaves: Sequence[Any], step: float) -> float:
    """The step, or a smaller power of two that fits the smallest element; see Note [Step]."""
    floats = [np.abs(np.asarray(x)) for x in leaves if np.asarray(x).dtype.kind == "f"]
    smallest = min((float(x[x > 0].min()) for x in floats if np.any(x > 0)), default=1.0)
    if step <= smallest * RELATIVE_STEP:
        return step
    fitting = float(np.ldexp(1.0, int(np.floor(np.log2(smallest) + np.log2(RELATIVE_STEP)))))
    if fitting == 0.0:
        raise NotAnalyticError(
            f"complex step: no step is small against an argument of {smallest:g}",
            hint='scale the arguments, or use method="reverse".',
        )
    return fitting


def _quotients(parts: Sequence[np.ndarray], step: float) -> list[np.ndarray]:
    with np.errstate(over="ignore"):
        return [part / step for part in parts]


def _doubtful(parts: Sequence[np.ndarray], slopes: Sequence[np.ndarray], step: float) -> np.ndarray:
    """For which elements other steps may do better; the first axis counts the elements."""
    count = len(parts[0]) if parts else 0
    if step >= LARGER_STEP:
        return np.zeros(count, bool)
    moves, doubtful = np.zeros(count, bool), np.zeros(count, bool)
    for part, slope in zip(map(_rows, parts), map(_rows, slopes), strict=True):
        moved = part != 0
        lost = moved & (np.abs(part) < UNDERFLOW)
        moves |= moved.any(axis=1)
        doubtful |= (lost | (np.abs(slope) > ENORMOUS)).any(axis=1)
    return doubtful | ~moves


def _rows(array: np.ndarray) -> np.ndarray:
    """The same numbers with two axes: elements that are moved, elements of the output."""
    return array.reshape(len(array), prod(array.shape[1:]))


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.abs(a - b) <= AGREEMENT * np.abs(b)


def _confirmed(slope: np.ndarray, short: np.ndarray, shortest: np.ndarray) -> np.ndarray:
    """The slopes, where they are enormous only if one more step gives the same."""
    ordinary = ~(np.abs(slope) > ENORMOUS)
    first, second = _same(slope, short), _same(shortest, short)
    found = np.where(second | (short == shortest), short, np.nan)
    return np.where(ordinary | first | (slope == short), slope, found)


def _agreed(small: Any, large: Any, check: Any, fitted: bool) -> np.ndarray:
    """The slope at the larger step where it is NaN, or where other steps give the same."""
    with np.errstate(invalid="ignore"):  # NaN and infinities agree with nothing
        same = np.abs(large - check) <= AGREEMENT * np.abs(large)
        if fitted:
            same &= np.abs(large - small) <= ROUGHLY * np.abs(large)
    return np.where(same | (np.isnan(large) & (not fitted)), large, small)


def _imaginary_part(y: Any, step: float) -> np.ndarray:
    """Im y; NaN where y is infinite and Im y is far from h, so the angle of an overflow."""
    overflown = np.isinf(np.real(y)) & (np.abs(np.imag(y)) > np.sqrt(step))
    return np.where(overflown, np.nan, np.imag(y))


def _underflows(parts: Sequence[np.ndarray]) -> bool:
    """Whether imaginary parts are all zero, or some are so small that digits were lost."""
    if not any(np.any(part) for part in parts):
        return True
    return any(bool(np.any((part != 0) & (np.abs(part) < UNDERFLOW))) for part in parts)


def complex_step_errors(
    f: Callable[[Any], Any], x: float, steps: Iterable[float], exact: Any = None
) -> np.ndarray:
    """The absolute errors of the complex step at many steps, for the step-size picture.

    Parameters
    ----------
    f
        A plain Python or NumPy function of one number, analytic around x.
    x, steps
        The point, and the steps to try.
    exact
        The true derivative (a number, a Fraction or an mpf); computed with mpmath if left out.

    Returns
    -------
    numpy.ndarray
        float64, as long as ``steps``.

    >>> [float(error) for error in complex_step_errors(lambda x: x * x, 3.0, [1e-100], exact=6)]
    [0.0]
    """
    from diffkit.engines.precise import distance, true_slope

    exact = true_slope(f, x) if exact is None else exact
    slopes = [float(np.imag(f(np.complex128(complex(x, h)))) / h) for h in steps]
    return np.array([distance(slope, exact) for slope in slopes])
