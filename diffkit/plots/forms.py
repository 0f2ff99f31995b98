"""Forms of one derivative side by side: size against error, and the error along the points.

The left axis counts what is printed, the operations of the formula as a tree; the right panel
shows where along x the digits are lost.  A form near the lower left would be short and accurate;
for polynomials there is often none (Higham 2002, *Accuracy and Stability of Numerical
Algorithms*, section 5.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.curves import running_median
from diffkit.plots.labels import label_points
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diffkit.comparison.forms import FormComparison, FormReport

__all__ = ["plot_error_along", "plot_forms", "plot_size_and_error"]

SIZE = (9.4, 4.1)  # inches
HALF_ULP = 2.0**-53
LAST_DIGITS = 8  # times half an ulp: forms that differ by less are equally good
# Smaller errors are drawn here, and exact results as no point at all.
FLOOR = 2e-17
SIDE_ROOM = 3.2  # the axis of sizes beyond its data on both sides, for labels
MARGIN = 0.08  # of the logarithmic axis, below and (twice) above the data
LABEL_ROOM = 1.42  # the horizontal axis over its data, for the labels at the lines' ends
# Forms between the best and the worst are told apart by their lines.
LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))


def plot_forms(
    comparison: FormComparison, *, dark: bool = False, title: str | None = None
) -> Figure:
    """Size against error, and the errors along the points where there are many of one number.

    Parameters
    ----------
    comparison
        What ``dk.compare_forms`` returned.
    dark
        Whether the background is dark.
    title
        The finding; by default the shortest and the most accurate form.
    """
    import matplotlib.pyplot as plt

    along = _abscissa(comparison) is not None
    with use_style(dark):
        figure, axes = plt.subplots(
            1, 1 + along, figsize=SIZE if along else None, squeeze=False, sharey=True,
            gridspec_kw={"width_ratios": (1.0, 1.35)} if along else None,
        )  # fmt: skip
        plot_size_and_error(comparison, axes=axes[0, 0], dark=dark)
        if along:
            plot_error_along(comparison, axes=axes[0, 1], dark=dark)
        axes[0, 0].set_title(title or _finding(comparison) or comparison.title)
    return figure


def colours_of(comparison: FormComparison, dark: bool) -> dict[str, str]:
    """Ink for the most accurate form, the accent for the least, and a muted colour between."""
    drawn = _drawn(comparison)
    errors = {name: report.max_relative for name, report in drawn.items()}
    low, high = min(errors.values(), default=0.0), max(errors.values(), default=0.0)
    return {
        name: INK[dark] if error == low else ACCENT[dark] if error == high else muted(dark)
        for name, error in errors.items()
    }


def plot_size_and_error(
    comparison: FormComparison, *, axes: Axes | None = None, dark: bool = False
) -> Axes:
    """The largest relative error of each form against its operations as a tree."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    with use_style(dark):
        axes = plt.figure().add_subplot() if axes is None else axes
        colours, groups = colours_of(comparison, dark), _groups(comparison)
        places = [_place(report) for _, report in groups]
        sizes, errors = [x for x, _ in places] or [1], [y for _, y in places] or [HALF_ULP]
        low, high = min(*errors, FLOOR), max(*errors, HALF_ULP)
        margin = (high / low) ** MARGIN
        axes.set(xscale="log", yscale="log", xlim=(min(sizes) / SIDE_ROOM, max(sizes) * SIDE_ROOM),
                 ylim=(low / margin, high * margin**2))  # fmt: skip
        _half_ulp(axes, dark)
        axes.annotate("half an ulp", (1.0, HALF_ULP), xycoords=("axes fraction", "data"),
                      xytext=(-2, -4), textcoords="offset points", ha="right", va="top",
                      fontsize=8.5, color=muted(dark))  # fmt: skip
        labels = []
        for (names, _), place in zip(groups, places, strict=True):
            colour = colours[names[0]]
            axes.plot(*place, marker="o", markersize=9, color=colour, linestyle="none")
            labels.append((*place, ", ".join(names), colour))
        label_points(axes, labels)
        for text in axes.texts:  # so that no line goes through a word
            text.set_bbox({"facecolor": axes.get_facecolor(), "linewidth": 0, "pad": 0.8})
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("operations of the formula, as printed")
        axes.set_ylabel("largest relative error")
    return axes


def _place(report: FormReport) -> tuple[float, float]:
    return max(report.sizes["tree"] or 1, 1), max(report.max_relative, FLOOR)


def plot_error_along(
    comparison: FormComparison,
    *,
    forms: Sequence[str] | None = None,
    axes: Axes | None = None,
    dark: bool = False,
) -> Axes:
    """Relative errors along the points: every point, and a running median through them."""
    import matplotlib.pyplot as plt

    x = _abscissa(comparison)
    with use_style(dark):
        axes = plt.figure().add_subplot() if axes is None else axes
        if x is None:
            return axes
        axes.set_yscale("log")
        colours, labels = colours_of(comparison, dark), []
        lines = cycle(LINES)
        for names, report in _groups(comparison):
            if forms is not None and not set(names) & set(forms):
                continue
            errors = np.nan_to_num(report.relative[:, 0], posinf=1.0)
            colour, middle = colours[names[0]], np.maximum(running_median(errors), FLOOR)
            shown = np.where(errors >= FLOOR, errors, np.nan)
            axes.plot(x, shown, linestyle="none", marker=".", markersize=3, color=colour,
                      alpha=0.55)  # fmt: skip
            line = next(lines) if colour == muted(dark) else LINES[0]
            axes.plot(x, middle, color=colour, linestyle=line)
            labels.append((float(x[-1]), float(middle[-1]), ", ".join(names), colour))
        low, high = float(x[0]), float(x[-1])
        width, margin = high - low, 0.02 * (high - low)
        axes.set_xlim(low - margin, low + width * LABEL_ROOM)
        ticks = [tick for tick in axes.get_xticks() if low - margin <= tick <= high + margin]
        axes.set_xticks(ticks)
        _half_ulp(axes, dark, (width + margin) / (width * LABEL_ROOM + margin))
        axes.set_xlabel(comparison.variables[0])
        label_lines(axes, labels)
    return axes


def _half_ulp(axes: Axes, dark: bool, part: float = 1.0) -> None:
    axes.axhline(HALF_ULP, 0.0, part, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)),
                 zorder=0.5)  # fmt: skip


def _drawn(comparison: FormComparison) -> dict[str, FormReport]:
    kept = {name: report for name, report in comparison.reports.items() if report.refused is None}
    return {name: report for name, report in kept.items() if isfinite(report.max_relative)}


def _groups(comparison: FormComparison) -> list[tuple[list[str], FormReport]]:
    """The forms that can be drawn, those that are the same formula together."""
    groups: dict[Any, tuple[list[str], FormReport]] = {}
    for name, report in _drawn(comparison).items():
        key = tuple(report.expressions.items())
        groups.setdefault(key, ([], report))[0].append(name)
    return list(groups.values())


def _abscissa(comparison: FormComparison) -> np.ndarray | None:
    """The values of the one variable, if there is one and its points ascend."""
    points = comparison.problem.points
    if len(points) < 3 or len(comparison.variables) != 1 or len(comparison.problem.names) != 1:
        return None
    x = np.array([float(point[0]) for point in points])
    return x if np.all(np.diff(x) > 0) else None


def _finding(comparison: FormComparison) -> str:
    groups = _groups(comparison)
    if len(groups) < 2:
        return ""
    best = min(groups, key=lambda group: group[1].max_relative)
    short = min(groups, key=lambda group: group[1].sizes["tree"] or 0)
    if max(report.max_relative for _, report in groups) <= LAST_DIGITS * HALF_ULP:
        return "All forms agree to the last digits"
    if best is short:
        return f"The {best[0][0]} form is the shortest and the most accurate"
    lost = np.log10(short[1].max_relative / max(best[1].max_relative, HALF_ULP))
    return f"The shortest form ({short[0][0]}) loses {lost:.1f} digits more than {best[0][0]}"
