"""Curves on logarithmic axes, each labelled where it ends.

The picture of errors against the step h has two slopes: truncation falls like hᵖ, rounding
rises like ε/h, and the best step lies where they meet (Press et al., *Numerical Recipes*, 3rd
edition, §5.7).  Measured errors are ragged on the rounding side, so a running median carries
the line and the raw points stay visible behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.style import colour_of, label_lines, muted, style_of, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Curve", "best_step", "plot_growth", "plot_step_errors", "running_median", "slope"]

WINDOW = 9  # points of the running median


@dataclass(frozen=True)
class Curve:
    """One line of a picture: its label, its method (for colour and marker) and its points."""

    label: str
    method: str
    x: np.ndarray
    y: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)


def running_median(values: Sequence[float] | np.ndarray, window: int = WINDOW) -> np.ndarray:
    """The median of each value and its neighbours; windows are cut off at the ends.

    >>> running_median([1.0, 9.0, 2.0, 3.0, 4.0], 3).tolist()
    [5.0, 2.0, 3.0, 3.0, 3.5]
    """
    array, half = np.asarray(values, dtype=float), window // 2
    return np.array([np.median(array[max(0, i - half) : i + half + 1]) for i in range(array.size)])


def best_step(steps: np.ndarray, errors: np.ndarray, window: int = WINDOW) -> tuple[float, float]:
    """The step with the least typical error, and that error (of the running median).

    >>> best_step(np.array([1e-3, 1e-2, 1e-1]), np.array([4.0, 1.0, 2.0]), window=1)
    (0.01, 1.0)
    """
    typical = running_median(errors, window)
    place = int(np.argmin(typical))
    return float(steps[place]), float(typical[place])


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """The slope of a line through points on two logarithmic axes (least squares).

    >>> round(slope(np.array([1.0, 10.0, 100.0]), np.array([3.0, 300.0, 3e4])), 6)
    2.0
    """
    return float(np.polyfit(np.log10(x), np.log10(y), 1)[0])


def plot_step_errors(
    curves: Sequence[Curve],
    *,
    floor: float,
    marks: Sequence[tuple[float, str]] = (),
    axes: Axes | None = None,
    dark: bool = False,
) -> Axes:
    """Errors against the step on two logarithmic axes, labelled at each line's best step.

    Parameters
    ----------
    curves
        x are steps, y absolute errors; the curve of the complex step is drawn thick and below.
    floor
        Errors below it cannot be told from the rounding of the result; it is shaded, and exact
        results are drawn on its middle.
    marks
        Steps to mark by a vertical line, with their names.
    axes, dark
        Where to draw (a new figure if left out), and on which background.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        if axes is None:
            axes = plt.figure().add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhspan(floor / 1e3, floor, color=muted(dark), alpha=0.18, linewidth=0)
        for step, name in marks:
            axes.axvline(step, color=muted(dark), linewidth=0.9, linestyle=(0, (2, 3)), zorder=0)
            axes.annotate(name, (step, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                          textcoords="offset points", ha="center", va="bottom",
                          color=muted(dark), fontsize=9)  # fmt: skip
        for curve in curves:
            _step_curve(axes, curve, floor, dark)
    return axes


def _step_curve(axes: Axes, curve: Curve, floor: float, dark: bool) -> None:
    colour = colour_of(curve.method, dark)
    raw = np.maximum(curve.y, floor / 2)
    if curve.method == "complex":
        axes.plot(curve.x, raw, color=colour, linewidth=5, alpha=0.45, solid_capstyle="round")
        axes.plot(curve.x, raw, color=colour, linewidth=1.4, linestyle="--")
        return
    options = {"linestyle": style_of(curve.method).line, **curve.options}
    axes.plot(curve.x, raw, linestyle="none", marker=".", markersize=2.5, color=colour, alpha=0.4)
    axes.plot(curve.x, running_median(raw), color=colour, **options)


def plot_growth(
    curves: Sequence[Curve],
    *,
    axes: Axes | None = None,
    dark: bool = False,
    log: bool = True,
) -> Axes:
    """How numbers grow with a size, one line each, labelled at its right end.

    ``options`` of a curve go to ``Axes.plot`` and may change its colour, marker or line.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        if axes is None:
            axes = plt.figure().add_subplot()
        if log:
            axes.set_yscale("log")
        labels = []
        for curve in curves:
            style = style_of(curve.method)
            options = {
                "color": style.colour(dark), "marker": style.marker, "linestyle": style.line,
                **curve.options,
            }  # fmt: skip
            axes.plot(curve.x, curve.y, **options)
            text_colour = options["color"] if "color" in curve.options else style.text_colour(dark)
            labels.append((curve.x[-1], curve.y[-1], curve.label, text_colour))
        label_lines(axes, labels)
    return axes
