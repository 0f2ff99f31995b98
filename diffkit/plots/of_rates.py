"""Pictures of learning rates and of many trainings: schedules, range tests, sweeps and maps.

    η(t) · L against η, with 2/λmax · a measure over a setting · a training for each pixel

They take schedules, or what ``dk.lr_range_test``, ``dk.sweep`` and ``dk.trainability`` returned,
and are part of ``dk.plots``.  Reading on: Smith 2017; Sohl-Dickstein 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.schedule import Schedule
from diffkit.plots.canvas import BY_THEME, panel, picture, titled, whole
from diffkit.plots.maps import plot_sweep, plot_trainability, sweep_finding
from diffkit.plots.optim import plot_range_test, plot_schedules, schedules_finding
from diffkit.plots.style import use_style
from diffkit.training.range_test import RangeTest
from diffkit.training.sweep import Sweep
from diffkit.training.trainability import Trainability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["range_test", "schedules", "sweep", "trainability"]

STEPS = 200
LETTERS = 9.0  # of a title, in an inch


def _checked(kind: type, given: Any, source: str) -> Any:
    if not isinstance(given, kind):
        raise InputError(
            f"expected a {kind.__name__}, not a {type(given).__name__}",
            hint=f"it is what {source} returns.",
        )
    return given


@picture
def schedules(
    schedules: Schedule | Sequence[Schedule],
    steps: int = STEPS,
    *,
    title: str | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    dark: bool = BY_THEME,
) -> Figure:
    """Draw learning rates against the update, a panel for each schedule.

    Parameters
    ----------
    schedules
        A schedule or several; those of open length are fitted to ``steps``.
    steps
        How many updates.
    title
        The finding; by default how high they are on average.  It stands above a new figure.
    ax, dark
        Axes for them, as many as there are schedules (a new figure if left out), and the
        background.

    Returns
    -------
    The figure.

    Raises
    ------
    InputError
        For something that is no schedule, or fewer axes than schedules.

    >>> import diffkit as dk
    >>> kit = dk.schedules
    >>> len(dk.plots.schedules([kit.cosine(0.1), kit.one_cycle(0.1), kit.step(0.1, 50)]).axes)
    3
    """
    given = [schedules] if isinstance(schedules, Schedule) else list(schedules)
    for schedule in given:
        _checked(Schedule, schedule, "a function of dk.schedules")
    if not given:
        raise InputError("there is no schedule to draw", hint="try dk.schedules.cosine(0.1).")
    count = whole("steps", steps, 2)
    places = None if ax is None else list(np.ravel(np.asarray(ax, object)))
    if places is not None and len(places) < len(given):
        raise InputError(f"{len(given)} schedules need as many axes, not {len(places)}")
    fitted = [schedule.for_steps(count) for schedule in given]
    figure = plot_schedules(fitted, count, places, dark=dark)
    if places is None:
        with use_style(dark):
            words = title or fill(schedules_finding(fitted, count), _letters(figure))
            figure.suptitle(words, x=0.01, ha="left", fontsize=12, fontweight="bold")
            figure.supxlabel("update", fontsize=9)
            figure.supylabel("learning rate η", fontsize=9)
    return figure


def _letters(figure: Figure) -> int:
    """How many letters of a title stand in a row."""
    return int(LETTERS * figure.get_size_inches()[0])


@picture
def range_test(found: RangeTest, *, ax: Axes | None = None, dark: bool = BY_THEME) -> Axes:
    """Draw the loss of a learning-rate range test against the rate, and what was read from it.

    Parameters
    ----------
    found
        What ``dk.lr_range_test`` returned.

    Raises
    ------
    InputError
        For something else.

    Source: Smith 2017.

    >>> import diffkit as dk
    >>> found = dk.lr_range_test(lambda w, x: np.mean((w - x) ** 2), 0.0, (np.ones(4),))
    >>> dk.plots.range_test(found).get_xlabel()
    'learning rate η'
    """
    _checked(RangeTest, found, "dk.lr_range_test")
    figure = plot_range_test(found, ax, dark=dark)
    return figure.axes[0] if ax is None else ax


@picture
def trainability(found: Trainability, *, ax: Axes | None = None, dark: bool = BY_THEME) -> Axes:
    """Draw a map of trainability: a training for each pixel, converging ones blue, others red.

    Parameters
    ----------
    found
        What ``dk.trainability`` returned.

    Raises
    ------
    InputError
        For something else.

    Source: Sohl-Dickstein 2024.

    >>> import diffkit as dk
    >>> def loss(weights, x):
    ...     return np.mean((weights["a"] * weights["b"] * x - 1) ** 2)
    >>> weights = {"a": np.array(0.5), "b": np.array(0.5)}
    >>> found = dk.trainability(loss, weights, (np.ones(2),), shape=4, steps=20)
    >>> dk.plots.trainability(found).get_xlabel()[:8]
    'log₁₀ η₁'
    """
    _checked(Trainability, found, "dk.trainability")
    with panel(ax, dark, (5.4, 5.0)) as axes:
        plot_trainability(found, axes, dark=dark)
        if ax is None:
            axes.set_title(f"{found.share:.0%} of the pairs of rates converge")
    return axes


@picture
def sweep(
    found: Sweep,
    by: str | None = None,
    x: str | None = None,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw a measure of a sweep over one setting: the mean as a line, every seed as a dot.

    Parameters
    ----------
    found
        What ``dk.sweep`` returned.
    by
        The measure; by default that of ``Sweep.best``.
    x
        The setting along the axis; by default the first that varies in numbers.
    title
        The finding; by default that of ``ax``, and else the setting with the best mean.

    Raises
    ------
    InputError
        For something else than a sweep, or an unknown measure or setting.

    >>> import diffkit as dk
    >>> def task(rate, seed):
    ...     return {"loss": (rate - 0.3) ** 2 + 0.01 * seed}
    >>> dk.plots.sweep(dk.sweep(task, {"rate": [0.1, 0.3, 0.9]}, seeds=2)).get_xlabel()
    'rate'
    """
    _checked(Sweep, found, "dk.sweep")
    with panel(ax, dark) as axes:
        plot_sweep(found, by, x, axes, dark=dark)
        if title or not titled(axes):
            axes.set_title(title or sweep_finding(found, by))
    return axes
