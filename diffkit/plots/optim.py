"""Pictures of learning rates and optimizers: schedules, descents, valleys, range tests.

    rate against step      η(t), and the loss that it leads to
    path                   x₀, x₁, …  over the contours of a function of two numbers
    range test             loss against η, with 2/λmax where it was measured

All of them draw into axes that are given, or make a figure of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.optim.base import Optimizer
from diffkit.plots.canvas import titled
from diffkit.plots.labels import label_points
from diffkit.plots.steps import value_text
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diffkit.optim.schedules import Schedule
    from diffkit.training.range_test import RangeTest

__all__ = [
    "descent",
    "draw_path",
    "draw_schedule",
    "draw_valley",
    "plot_range_test",
    "plot_schedules",
    "schedules_finding",
]

COLUMNS = 5  # of a table of schedules
PANEL = (1.9, 1.5)  # inches, of one schedule; one row of them is twice as high
LEAST_WIDTH = 6.0  # inches
FILL = 0.22  # how much of its colour an area under a rate shows
SPARE = 3.0  # how far above its start a broken loss is still drawn, as a factor
LEVELS = 12  # contours of a valley
SAME = 1e-12  # of the highest rate: what rounding may add to one that falls


def plot_schedules(
    schedules: Sequence[Schedule], steps: int, ax: Any = None, *, dark: bool = False
) -> Figure:
    """The rate of each schedule against the step, a small picture for each.

    Parameters
    ----------
    schedules
        Those to draw.
    steps
        How many updates.
    ax
        Axes for them, as many as there are schedules; by default those of a new figure.
    dark
        Whether the background is dark.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        if ax is None:
            columns = min(COLUMNS, len(schedules))
            rows = -(-len(schedules) // columns)
            size = (max(PANEL[0] * columns, LEAST_WIDTH), PANEL[1] * rows * (1 + (rows == 1)))
            figure, grid = plt.subplots(rows, columns, figsize=size, sharex=True, squeeze=False)
            places = list(grid.flat)
        else:
            places = list(np.ravel(np.asarray(ax)))
            figure = places[0].figure
        for axes, schedule in zip(places, schedules, strict=False):
            draw_schedule(axes, schedule, steps, dark=dark)
            if not titled(axes):
                axes.set_title(type(schedule).__name__, fontsize=9, fontweight="normal")
        for axes in places[len(schedules) :]:
            axes.set_axis_off()
    return figure


def schedules_finding(schedules: Sequence[Schedule], steps: int) -> str:
    """What rates come to over so many steps, in words: where one goes, or which of several is high.

    >>> import diffkit as dk
    >>> schedules_finding([dk.schedules.linear(0.1, 10)], 11)
    'Linear rises from 0.0333 to 0.1'
    >>> schedules_finding([dk.schedules.linear(0.1, 10), dk.schedules.constant(0.1)], 11)
    'Constant is on average 1.5 times as high as Linear'
    """
    rates = [np.asarray(schedule(np.arange(steps)), float) for schedule in schedules]
    names = [type(schedule).__name__ for schedule in schedules]
    if len(rates) == 1:
        return f"{names[0]} {_course(rates[0])}"
    means = np.array([float(np.mean(rate)) for rate in rates])
    most, least = int(means.argmax()), int(means.argmin())
    high, low = value_text(means[most]), value_text(means[least])
    times = value_text(means[most] / means[least]) if means[least] > 0 else ""
    if high == low or times == "1":
        return f"On average all rates are about {high}"
    if times and len({*names}) == len(names):
        return f"{names[most]} is on average {times} times as high as {names[least]}"
    return f"The rates are on average from {low} to {high}"


def _course(rates: np.ndarray) -> str:
    """The way of a rate: where it begins and ends, and what is between where it turns."""
    first, last, most, least = map(value_text, (rates[0], rates[-1], rates.max(), rates.min()))
    if most == least:
        return f"stays at {first}"
    steps = np.diff(rates) / rates.max()
    if (steps <= SAME).all() or (steps >= -SAME).all():
        return f"{'falls' if rates[-1] < rates[0] else 'rises'} from {first} to {last}"
    if most != first:
        return f"rises to {most} at update {int(rates.argmax())} and ends at {last}"
    return f"falls to {least} at update {int(rates.argmin())} and ends at {last}"


def draw_schedule(axes: Axes, schedule: Schedule, steps: int, *, dark: bool = False) -> None:
    """One schedule as an area under its rates."""
    t = np.arange(steps)
    rates = schedule(t)
    axes.fill_between(t, rates, color=muted(dark), alpha=FILL, linewidth=0)
    axes.plot(t, rates, color=INK[dark], linewidth=1.4)
    axes.set(xlim=(0, steps - 1), ylim=(0, None))


def descent(
    optimizer: Optimizer, gradient: Callable[[Any], Any], start: Any, steps: int
) -> np.ndarray:
    """The points ``(steps + 1, n)`` that an optimizer goes through, from a gradient alone.

    >>> from diffkit.optim import sgd
    >>> descent(sgd(0.5), lambda x: x, np.array([4.0]), 2).ravel().tolist()
    [4.0, 2.0, 1.0]
    """
    path, state = [np.asarray(start, dtype=float)], optimizer.init(np.asarray(start, dtype=float))
    for t in range(steps):
        after, state = optimizer.update(gradient(path[-1]), state, path[-1], t)
        path.append(np.asarray(after))
    return np.array(path)


def draw_valley(
    axes: Axes,
    f: Callable[[Any], Any],
    span: tuple[tuple[float, float], tuple[float, float]],
    levels: Sequence[float],
    *,
    dark: bool = False,
) -> None:
    """The contours of a function of two numbers, which is called with an array ``(2, …)``."""
    from diffkit.plots.concepts import level_colours

    x, y = (np.linspace(*ends, 161) for ends in span)
    axes.contour(x, y, f(np.stack(np.meshgrid(x, y))), levels,
                 colors=level_colours(len(levels), dark), linewidths=0.7, alpha=0.7)  # fmt: skip
    axes.set(xlim=span[0], ylim=span[1], xticks=[], yticks=[])
    axes.grid(False)


def draw_path(axes: Axes, path: np.ndarray, colour: str, *, dark: bool = False) -> None:
    """A path as a line with a dot at every point; where it starts and where it ends."""
    axes.plot(*path.T, color=colour, linewidth=1.3, marker="o", markersize=2.2, clip_on=True)
    axes.plot(*path[0], "o", color=INK[dark], markersize=6, zorder=4)
    axes.plot(*path[-1], "*", color=colour, markersize=10, zorder=5, markeredgecolor=INK[dark],
              markeredgewidth=0.6)  # fmt: skip


def plot_range_test(found: RangeTest, ax: Axes | None = None, *, dark: bool = False) -> Figure:
    """The loss of a range test against the rate, and what was read from it.

    Parameters
    ----------
    found
        What ``dk.lr_range_test`` returned.
    ax
        Where to draw; by default a new figure.
    dark
        Whether the background is dark.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        axes = plt.subplots()[1] if ax is None else ax
        shown = np.isfinite(found.losses) & (found.losses < SPARE * found.first_loss)
        log = found.losses[shown].min(initial=1.0) < found.first_loss * 1e-2
        quiet = np.where(found.losses < SPARE * found.first_loss, found.losses, np.nan)
        axes.plot(found.rates, quiet, color=muted(dark), linewidth=1.0)
        smooth = np.where(found.smooth < SPARE * found.first_loss, found.smooth, np.nan)
        axes.plot(found.rates, smooth, color=INK[dark], linewidth=2.2)
        axes.set(xscale="log", xlabel="learning rate η", xlim=(found.rates[0], found.rates[-1]))
        axes.set_yscale("log" if log else "linear")
        axes.set_ylabel("loss")
        _marks(axes, found, dark)
        if ax is None:
            axes.set_title(_finding(found))
    return axes.figure  # type: ignore[return-value]


def _marks(axes: Axes, found: RangeTest, dark: bool) -> None:
    """The suggested rate on the curve, and the bound of gradient descent."""
    bound: list[Any] = []
    place = int(np.argmin(np.abs(found.rates - found.suggested)))
    axes.plot(found.suggested, found.smooth[place], "o", color=ACCENT[dark], markersize=9, zorder=5)
    if found.edge is not None:
        axes.axvline(found.edge, color=muted(dark), linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(f"2/λmax = {value_text(found.edge, 2)}", (found.edge, 1.0), xytext=(-4, -22),
                      xycoords=("data", "axes fraction"), textcoords="offset points",
                      color=muted(dark), fontsize=9, rotation=90, va="top", ha="right")  # fmt: skip
        bound = [((found.edge, found.edge), axes.get_ylim())]
    label_points(
        axes,
        [(found.suggested, found.smooth[place], f"suggested {value_text(found.suggested, 2)}",
          ACCENT[dark])],
        curves=[(found.rates, found.losses), (found.rates, found.smooth), *bound], size=9,
        leftward=True,  # smaller rates are safe ones
    )  # fmt: skip


def _finding(found: RangeTest) -> str:
    if found.breaks_at is None:
        return f"No rate up to {value_text(found.rates[-1], 2)} breaks this training"
    last, fastest = value_text(found.breaks_at, 2), value_text(found.suggested, 2)
    return f"Rates up to {last} train; {fastest} falls fastest"
