"""Which step?  Noise and truncation from the function alone, and an error one can rely on.

    error(h) ≈ σ √Σwᵢ² / hᵈ  +  |C f⁽ᵈ⁺ᵖ⁾(x)| hᵖ

A difference has two errors, and neither is known to who takes it: the noise σ of the function, and
its higher derivatives.  Both show in differences of the function itself.  ``step_size`` measures
them for a row of stencils, takes each one's best step, and tells value and error; the model can be
laid over the errors that are measured.  The function is only run: what cannot be captured, what
calls ``float``, a simulation, will do.

    >>> import math, diffkit as dk
    >>> found = dk.step_size(lambda x: math.exp(float(x)), 1.0)
    >>> abs(found.derivative - math.e) <= found.error < 1e-12
    True

Reading on: ``differentiate/noise.py`` and ``step_choice.py`` for the method; ``docs/step-size.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from math import inf, isfinite, log10, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.gradcheck_point import Point
from diffkit.comparison.spending import INTERRUPTED, Watched
from diffkit.comparison.steps_line import direction_of, line_through, true_along
from diffkit.comparison.steps_partial import Measured, measure_rows
from diffkit.comparison.steps_peers import PeerRow, peer_rows
from diffkit.comparison.steps_tableau import Tableau, tableau_of
from diffkit.differentiate.budget import SECONDS
from diffkit.differentiate.noise import Line, Noise
from diffkit.differentiate.stencils import Stencil, stencil, stencil_of
from diffkit.differentiate.step_choice import WIDER_TABLEAU, StepChoice, difference
from diffkit.engines.precise import distance
from diffkit.errors import InputError
from diffkit.graph.ir import Graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StepSize", "step_size"]

USUAL = (1, 2, 4, 6)
DOUBT = 3.0  # times their errors within which stencils are taken to agree
PER_DECADE = 8  # steps of a measured curve
SMALLEST = 2.0**4  # rounding units of x where a measured curve begins


@dataclass(frozen=True, repr=False)
class StepSize:
    """Steps, values and errors of stencils at a point; see :func:`step_size`.

    ``choices`` has one :class:`StepChoice` for each stencil, ``best`` is the one with the least
    error; ``noise`` is that of the function; ``kink`` has the slopes to the left and the right
    where they differ, ``jump`` says that the function jumps at the point; ``exact`` is the
    derivative where it is known, else None.  ``missing`` says what a budget of seconds did not
    reach, and why, and ``interrupted`` whether Ctrl-C ended it.
    """

    title: str
    at: float
    direction: str
    order: int
    line: Line = field(repr=False)
    noise: Noise
    choices: tuple[StepChoice, ...]
    kink: tuple[float, float] | None
    exact: Any
    evaluations: int
    notes: tuple[str, ...] = ()
    jump: bool = False
    missing: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def best(self) -> StepChoice:
        """The stencil with the least estimated error."""
        kept = [c for c in self.choices if c.refused is None]
        return min(kept or self.choices, key=lambda c: c.error)

    @property
    def step(self) -> float:
        """The step of the best stencil."""
        return self.best.step

    @property
    def derivative(self) -> float:
        """The value of the best stencil; at a kink the mean of both slopes."""
        return sum(self.kink) / 2 if self.kink else self.best.value

    @property
    def error(self) -> float:
        """Its estimated error: no less than the disagreement with the other stencils.

        It is infinite at a jump, and where no difference settles as the step shrinks.
        """
        best = self.best
        if self.jump or not any(c.settled for c in self.choices):
            return inf
        if self.kink:
            return abs(self.kink[1] - self.kink[0]) / 2
        others = [c for c in self.choices if c.refused is None]
        gaps = [abs(c.value - best.value) - DOUBT * c.error for c in others]
        return max([best.error, *gaps])

    def affords(self, runs: int) -> bool:
        """Whether so many more runs fit into the seconds that were given."""
        run = self.line.f
        return not self.interrupted and (not isinstance(run, Watched) or run.affords(runs))

    def __getitem__(self, name: str) -> StepChoice:
        return {choice.stencil.name: choice for choice in self.choices}[name]

    def error_of(self, value: float) -> float:
        """The distance of a value from the exact derivative, or from the best estimate."""
        reference = self.derivative if self.exact is None else self.exact
        return distance(value, reference) if isfinite(value) else nan

    def curve(
        self, name: str, steps: Sequence[float] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, measured errors and predicted errors of a stencil: the V-shaped curve.

        >>> import numpy as np, diffkit as dk
        >>> h, measured, predicted = dk.step_size(np.exp, 1.0).curve("central")
        >>> h.shape == measured.shape == predicted.shape
        True
        """
        choice = self[name]
        if steps is None:
            low, high = self.line.grain * SMALLEST, self.line.length / 2
            count = int(PER_DECADE * log10(high / low)) + 2
            steps = np.geomspace(low, high, count)
        h = np.asarray(steps, dtype=float)
        values = [difference(choice.stencil, self.line, float(step)) for step in h]
        measured = np.array([self.error_of(value) for value in values])
        return h, measured, choice.predicted(h)

    @cached_property
    def richardson(self) -> Tableau:
        """Richardson's tableau of the least accurate symmetric stencil, from a fitting step."""
        usable = [c for c in self.choices if c.refused is None] or list(self.choices)
        base = min(usable, key=lambda c: (not c.stencil.symmetric, c.stencil.accuracy))
        widest = max(usable, key=lambda c: c.stencil.accuracy).step
        longest = self.line.length / 4
        first = min(WIDER_TABLEAU * widest, longest) if isfinite(widest) else longest
        return tableau_of(self.line, base.stencil, 2.0 ** round(np.log2(first)), self.noise.level)

    def peers(self) -> list[PeerRow]:
        """SciPy's and numdifftools' answers, where they are installed, beside ours."""

        def true_error(value: float) -> float:
            return nan if self.exact is None else self.error_of(value)

        own = PeerRow("diffkit", self.derivative, self.error, true_error(self.derivative),
                      self.evaluations, self.best.stencil.name)  # fmt: skip
        at, f = self.at if self.direction == "" else 0.0, self.line.f
        return [own, *peer_rows(lambda x: f(x - at), at, self.order, true_error)]

    def table(self) -> Any:
        """The stencils as a table: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.steps_table import StepTable

        return StepTable(self)

    def to_dict(self, *, curve: bool = False, peers: bool = False) -> dict[str, Any]:
        """Everything as plain numbers (schema 1); measured curves and peers on request."""
        from diffkit.comparison.steps_table import step_dict

        return step_dict(self, curve=curve, peers=peers)

    def to_json(self) -> str:
        """The same as text, with ``null`` for NaN and infinities."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)

    def plot(self, **options: Any) -> Axes:
        """The V-curves with the model's prediction, as ``dk.plots.step_size``; the axes."""
        return import_module("diffkit.plots").step_size(self, **options)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<StepSize of {self.title}: {self.derivative!r} ± {self.error:.1e}>"

    def _repr_html_(self) -> str:
        from diffkit.comparison.steps_table import step_html

        return step_html(self)


def step_size(
    f: Callable[..., Any] | Graph,
    *args: Any,
    order: int = 1,
    stencils: Sequence[Any] = USUAL,
    direction: Any = None,
    argnums: int | Sequence[int] | None = None,
    exact: Any = None,
    scale: float = 1.0,
    title: str | None = None,
    budget_seconds: float = SECONDS,
    **kwargs: Any,
) -> StepSize:
    """Find the step of a finite difference at a point, with the value and an honest error.

    A slow function is run while its budget lasts; what is then missing is said, and stencils with
    no time for more are taken from two steps.  Ctrl-C keeps what was measured.

    Parameters
    ----------
    f
        A function with one number as its result, or a graph; it is run some three hundred times.
    args, kwargs
        The point.
    order
        The order of the derivative along the direction.
    stencils
        Accuracies (1 forward, or even numbers), ``"forward"``, ``"backward"``, tuples of offsets,
        or :class:`Stencil` objects of this order.
    direction
        Where several numbers could move: the name of one of them, such as ``"x"`` or ``"w[0]"``,
        or a tree of numbers like the arguments.
    argnums
        The positional arguments that move; default all floats.
    exact
        The derivative, if you know it; taken from 100-digit differences of the graph where the
        function can be captured.  It is only compared with.
    scale
        The length over which f is taken to change where x is smaller.
    title
        How the function is called in the report.
    budget_seconds
        The seconds that runs of the function may take, beyond the first few.

    Returns
    -------
    StepSize
        Steps, values, errors; ``.table()``, ``.curve()``, ``.richardson``, ``.peers()``.

    Raises
    ------
    InputError
        When several numbers could move and no direction is given, a stencil or the order is none,
        the function's value is not finite, or the budget is not positive.
    ShapeError
        When the function returns an array.
    DtypeError
        When no argument is a number.

    Source: Moré & Wild 2011 and 2012; Lepskii 1991; see ``differentiate/step_choice.py``.

    >>> import numpy as np, diffkit as dk
    >>> found = dk.step_size(lambda x: np.float32(np.sin(x)), 1.0)  # six digits are left of f
    >>> abs(found.derivative - np.cos(1.0)) <= 3 * found.error < 1e-5
    True
    """
    rows = [_stencil(spec, order) for spec in stencils]
    if not rows or not scale > 0:
        raise InputError("step_size needs a stencil and a positive scale", hint="stencils=(1, 2)")
    point = Point(f, args, kwargs, argnums, "step_size")
    tangents, name = direction_of(point, direction)
    line = line_through(point, tangents, scale)
    line.f = run = Watched(line.f, budget_seconds)
    if not isfinite(line(0.0)):
        raise InputError(
            f"step_size: the function is {line(0.0)!r} here, where it has no derivative",
            hint="ask at a point where its value is finite.",
        )
    found = measure_rows(line, run, rows, order)
    runs = line.count
    known, interrupted = exact, found.interrupted
    if exact is None and not interrupted:
        try:
            known = true_along(point, tangents, order)
        except KeyboardInterrupt:
            interrupted = True
    at = point.coordinate(0) if sum(point.sizes) == 1 else 0.0
    heading, missing = title or getattr(f, "__name__", "f"), found.missing(rows)
    if interrupted and not found.interrupted:
        missing["exact"] = INTERRUPTED
    choices = tuple(found.choices(rows))
    return StepSize(heading, at, name, order, line, found.noise, choices, found.kink, known, runs,
                    tuple(_told(found, choices, missing)), found.jump, missing,
                    interrupted)  # fmt: skip


def _stencil(spec: Any, order: int) -> Stencil:
    if isinstance(spec, Stencil):
        if spec.derivative == order:
            return spec
        raise InputError(
            f"the {spec.name} stencil is for derivative {spec.derivative}, not {order}",
            hint=f"give order={spec.derivative}.",
        )
    if spec in ("forward", "backward"):
        points = range(order + 1) if spec == "forward" else range(-order, 1)
        return stencil_of(tuple(points), order)
    if isinstance(spec, (int, np.integer)):
        return stencil(int(spec), order)
    if isinstance(spec, (tuple, list, range)):
        return stencil_of(tuple(spec), order)
    raise InputError(
        f"{spec!r} is no stencil", hint='give 2, "forward", or offsets such as (0, 1, 2).'
    )


def _told(found: Measured, choices: Sequence[StepChoice], missing: dict[str, str]) -> list[str]:
    """What should be known beside the numbers."""
    notes = []
    if found.kink is not None:
        left, right = found.kink
        notes.append(f"a kink: the slope is {left:.6g} to the left and {right:.6g} to the right")
    settled = any(choice.settled for choice in choices if choice.refused is None)
    if found.jump:
        notes.append("a jump: the function has no derivative here")
    elif not settled and found.stopped is None:
        notes.append("the differences do not settle as the step shrinks: there is no derivative")
    refused = {choice.stencil.name for choice in choices if choice.refused}
    reasons: dict[str, list[str]] = {}
    for name, reason in missing.items():
        if name not in refused:  # the table has a line for these
            reasons.setdefault(reason, []).append(name)
    return notes + [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
