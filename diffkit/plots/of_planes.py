"""Pictures of a function of the plane: level lines with its gradient, and the ways down.

    ∇f at points of a grid · x₀, x₁, x₂, … of optimizers over the level lines of f

They take ``f(x, y)`` of two numbers or ``f(x)`` of an array of two, and are part of ``dk.plots``.
Reading on: Nocedal & Wright 2006, *Numerical Optimization*, for descents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.differentiate.api import grad
from diffkit.errors import InputError
from diffkit.graph.ir import Graph
from diffkit.optim.base import Optimizer
from diffkit.optim.full_batch import FullBatch
from diffkit.plots.canvas import (
    BY_THEME,
    arguments_of,
    checked_function,
    interval,
    numbers_at,
    panel,
    picture,
    quiet,
    series_colour,
    whole,
)
from diffkit.plots.concepts import level_colours
from diffkit.plots.labels import label_points
from diffkit.plots.optim import descent, draw_path
from diffkit.plots.steps import value_text
from diffkit.plots.style import halo, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gradient_field", "optimizer_paths"]

GRID = 81  # points of a contour picture along each side
LONGEST = 0.9  # of an arrow, in distances of two arrows
MOST_FULL_BATCH = 12  # points of an optimizer that asks for losses: each is a training of its own


@picture
def gradient_field(
    f: Callable[..., Any] | Graph,
    bounds: Any = ((-2.0, 2.0), (-2.0, 2.0)),
    *,
    arrows: int = 9,
    levels: int = 14,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the level lines of a function of the plane, and its gradient as arrows.

    Parameters
    ----------
    f
        ``f(x, y)`` of two numbers, or ``f(x)`` of an array of two.
    bounds
        ``((x from, x to), (y from, y to))``.
    arrows, levels
        How many arrows along each side, and how many level lines.

    Raises
    ------
    InputError
        For bounds that are none, or a function that does not give one number.

    >>> import diffkit as dk
    >>> ax = dk.plots.gradient_field(lambda x, y: x * x + y * y, arrows=5)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x₁', 'x₂')
    """
    across, up = _plane(bounds)
    count = whole("arrows", arrows, 2)
    value, slopes = _of_points(f)
    surface = _heights(value, across, up)
    gaps = [(end - start) / count for start, end in (across, up)]
    places = [np.linspace(start + gap / 2, end - gap / 2, count)
              for (start, end), gap in zip((across, up), gaps, strict=True)]  # fmt: skip
    points = np.stack(np.meshgrid(*places), axis=-1).reshape(-1, 2)
    with quiet():
        field = np.array([np.asarray(slopes(point), float) for point in points])
    field[~np.isfinite(field).all(axis=1)] = 0.0
    longest = float(np.linalg.norm(field, axis=1).max()) or 1.0
    with panel(ax, dark, (5.4, 5.0)) as axes:
        _contours(axes, surface, across, up, whole("levels", levels), dark)
        axes.quiver(*points.T, *field.T, angles="xy", scale_units="xy", width=0.0055,
                    scale=longest / (LONGEST * min(gaps)), zorder=3, pivot="mid",
                    color=style_of("reverse").colour(dark))  # fmt: skip
        axes.set(xlabel="x₁", ylabel="x₂")
        if ax is None:
            axes.set_title(f"Long arrows are steep: ‖∇f‖ up to {value_text(longest)}")
    return axes


def _plane(bounds: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    try:
        across, up = bounds
    except (TypeError, ValueError):
        raise InputError(
            f"bounds must be ((x from, x to), (y from, y to)), not {bounds!r:.60}",
            hint="for instance ((-2, 2), (-1, 1)).",
        ) from None
    return interval("bounds of x", across), interval("bounds of y", up)


def _of_points(f: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """A function of two numbers, or of an array of two, and its gradient: both of an array."""
    needed = arguments_of(checked_function(f))
    if needed == 1:
        return f, grad(f)
    if needed > 2:
        raise InputError(
            f"the plane has two numbers, and the function needs {needed}",
            hint="fix the others, as in lambda x, y: f(x, y, 1.0).",
        )
    if isinstance(f, Graph):
        by_name = grad(f)
        return lambda p: f(p[0], p[1]), lambda p: list(by_name(p[0], p[1]).values())
    both = grad(f, argnums=(0, 1))
    return lambda p: f(p[0], p[1]), lambda p: both(p[0], p[1])


def _heights(
    value: Callable[[Any], Any], across: tuple[float, float], up: tuple[float, float]
) -> np.ndarray:
    """Values on a grid, of shape (GRID, GRID)."""
    grid = np.meshgrid(np.linspace(*across, GRID), np.linspace(*up, GRID))
    return numbers_at(value, np.stack(grid, axis=-1).reshape(-1, 2)).reshape(GRID, GRID)


def _contours(
    axes: Axes,
    heights: np.ndarray,
    across: tuple[float, float],
    up: tuple[float, float],
    count: int,
    dark: bool,
) -> None:
    """Level lines: evenly many points between two of them, so that a valley shows its floor."""
    seen = heights[np.isfinite(heights)]
    levels = np.unique(np.quantile(seen, np.linspace(0.02, 0.96, count))) if seen.size else []
    x, y = np.linspace(*across, GRID), np.linspace(*up, GRID)
    if len(levels) and seen.min() < seen.max():
        axes.contour(x, y, np.ma.masked_invalid(heights), levels, linewidths=0.9,
                     colors=level_colours(len(levels), dark))  # fmt: skip
    axes.set(xlim=across, ylim=up)
    axes.grid(False)


# Descents ---------------------------------------------------------------------------------------


@picture
def optimizer_paths(
    f: Callable[..., Any],
    start: Any,
    optimizers: Any,
    *,
    steps: int = 60,
    bounds: Any = None,
    levels: int = 14,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the ways that optimizers take down a function of the plane from one start.

    Parameters
    ----------
    f
        ``f(x)`` of an array of two, or ``f(x, y)`` of two numbers.
    start
        Two numbers.
    optimizers
        An optimizer, a list of them, or a dict from names to optimizers.
    steps
        How many updates; optimizers that ask for losses (L-BFGS, Newton-CG) take 12 at most.
    bounds
        ``((x from, x to), (y from, y to))``; by default around all the ways.
    levels
        How many level lines.

    Raises
    ------
    InputError
        For a start that is not two numbers, or something that is no optimizer.

    >>> import diffkit as dk
    >>> ways = {"plain": dk.optim.sgd(0.1), "momentum": dk.optim.sgd(0.1, momentum=0.7)}
    >>> ax = dk.plots.optimizer_paths(lambda x: x[0]**2 + 4 * x[1]**2, (2.0, 1.0), ways)
    >>> sorted(text.get_text() for text in ax.texts)
    ['momentum', 'plain']
    """
    named = _named(optimizers)
    begin = np.asarray(start, float)
    if begin.shape != (2,) or not np.isfinite(begin).all():
        raise InputError(f"the start must be two finite numbers, not {start!r:.60}")
    value, slopes = _of_points(f)
    with quiet():
        paths = {name: _path(optimizer, value, slopes, begin, whole("steps", steps))
                 for name, optimizer in named.items()}  # fmt: skip
    across, up = _around(list(paths.values())) if bounds is None else _plane(bounds)
    with panel(ax, dark, (6.4, 5.0)) as axes:
        heights = _heights(value, across, up)
        _contours(axes, heights, across, up, whole("levels", levels), dark)
        labels = []
        for place, (name, path) in enumerate(paths.items()):
            colour = series_colour(place, dark)
            draw_path(axes, path, colour, dark=dark)
            labels.append((*map(float, np.clip(path[-1], *np.transpose((across, up)))), name,
                           colour))  # fmt: skip
        axes.set(xlim=across, ylim=up, xlabel="x₁", ylabel="x₂")
        label_points(axes, labels, curves=[(path[:, 0], path[:, 1]) for path in paths.values()],
                     effects=halo(dark, strength=0.9))  # fmt: skip
        if ax is None:
            ends = {name: float(np.asarray(value(path[-1]))) for name, path in paths.items()}
            best = min(ends, key=lambda name: (not np.isfinite(ends[name]), ends[name]))
            axes.set_title(f"{best} ends lowest: f = {value_text(ends[best])}")
    return axes


def _named(optimizers: Any) -> dict[str, Any]:
    """Optimizers by name."""
    if isinstance(optimizers, Mapping):
        named = {str(name): optimizer for name, optimizer in optimizers.items()}
    else:
        given = [optimizers] if isinstance(optimizers, Optimizer) else list(optimizers)
        named = {}
        for optimizer in given:
            name = type(optimizer).__name__
            named[f"{name} {len(named) + 1}" if name in named else name] = optimizer
    odd = [value for value in named.values() if not isinstance(value, Optimizer)]
    if odd or not named:
        what = f"not {odd[0]!r:.40}" if odd else "not none"
        raise InputError(f"the ways are those of optimizers, {what}", hint="try dk.optim.sgd(0.1).")
    return named


def _path(
    optimizer: Any,
    value: Callable[[Any], Any],
    slopes: Callable[[Any], Any],
    start: np.ndarray,
    steps: int,
) -> np.ndarray:
    """All points from the start on, ended where they are no longer finite."""
    if isinstance(optimizer, FullBatch):
        from diffkit.training.loop import train

        def loss(x: Any, zero: Any) -> Any:
            return value(x) + 0.0 * np.sum(zero)

        ends = [train(loss, start, (np.zeros(1),), optimizer=optimizer, epochs=n).params
                for n in range(1, min(steps, MOST_FULL_BATCH) + 1)]  # fmt: skip
        path = np.array([start, *ends])
    else:
        fitted = optimizer.for_steps(steps)
        path = descent(fitted, lambda x: np.asarray(slopes(x), float), start, steps)
    finite = np.isfinite(path).all(axis=1)
    return path[: int(np.argmin(finite))] if not finite.all() else path


def _around(paths: Sequence[np.ndarray]) -> tuple[tuple[float, float], tuple[float, float]]:
    """A frame with some room around all points."""
    points = np.concatenate(paths)
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.25 * max(float((high - low).max()), 1e-3)
    return tuple((float(a - room), float(b + room)) for a, b in zip(low, high, strict=True))  # type: ignore[return-value]
