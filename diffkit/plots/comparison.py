"""Methods side by side: how wrong each derivative is, against what it costs.

The vertical axis counts ulps (units in the last place; one ulp is a wrong last bit), the
horizontal axis floating-point operations.  The best method is at the lower left.  The whisker
of a point runs from the median component to the worst one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log10
from typing import TYPE_CHECKING, Any

from diffkit.plots.labels import label_points
from diffkit.plots.style import muted, style_of, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diffkit.comparison.report import Comparison

__all__ = ["EXACT_AT", "finding", "plot_comparison", "ulp_axis"]

# Where 0 ulps is drawn on a logarithmic axis, and the largest label below which 1 ulp lies.
EXACT_AT = 0.1
DECADES_PER_TICK = 3
MARKER_SIZE = 10
MOST_TEXT = 90  # characters of a refusal


def plot_comparison(
    comparison: Comparison,
    *,
    axes: Axes | None = None,
    dark: bool = False,
    title: str | None = None,
) -> Figure:
    """Error in ulps against operations, one marker per method, labelled directly.

    Parameters
    ----------
    comparison
        What ``dk.compare`` returned; methods that refused are named below the axis.
    axes, dark
        Where to draw (a new figure if left out), and on which background.
    title
        The finding; by default the best and the worst method in words.
    """
    import matplotlib.pyplot as plt

    reports = [report for report in comparison.methods.values() if report.refused is None]
    drawn = [report for report in reports if isfinite(report.max_ulp)]
    with use_style(dark):
        if axes is None:
            axes = plt.figure().add_subplot()
        axes.set_xscale("log")
        for report in drawn:
            _marker(axes, report, dark)
        ulp_axis(axes, max((report.max_ulp for report in drawn), default=1.0), dark)
        _frame(axes, [max(report.operations, 1) for report in drawn])
        axes.set_xlabel("floating-point operations for the derivative")
        axes.set_ylabel("error (ulps), median to largest component")
        axes.set_title(title or finding(drawn) or comparison.title)
        refused = [r for r in comparison.methods.values() if r.refused is not None]
        for place, report in enumerate(refused):
            _refusal(axes, report, place, dark)
        _labels(axes, drawn, dark)
    return axes.figure  # type: ignore[return-value]


def _shown(ulp: float) -> float:
    return max(ulp, EXACT_AT)


def _marker(axes: Axes, report: Any, dark: bool) -> None:
    style = style_of(report.method)
    x = max(report.operations, 1)
    low, high = _shown(report.median_ulp), _shown(report.max_ulp)
    axes.plot([x, x], [low, high], color=style.colour(dark), linewidth=1.6, alpha=0.6)
    axes.plot(x, high, marker=style.marker, markersize=MARKER_SIZE, color=style.colour(dark),
              linestyle="none")  # fmt: skip


def ulp_axis(axes: Axes, largest: float, dark: bool, *, vertical: bool = True) -> None:
    """Make an axis logarithmic in ulps, with 0 as a place of its own and a line at 1 ulp."""
    top = max(largest, 10.0) * 8
    ticks = [10.0**k for k in range(0, int(log10(top)) + 1, DECADES_PER_TICK)]
    labels = ["1", *(f"$10^{{{round(log10(tick))}}}$" for tick in ticks[1:])]
    axis = axes.yaxis if vertical else axes.xaxis
    (axes.set_yscale if vertical else axes.set_xscale)("log")
    (axes.set_ylim if vertical else axes.set_xlim)(EXACT_AT / 2.5, top)
    axis.set_ticks([EXACT_AT, *ticks], labels=["0", *labels])
    axis.set_ticks([], minor=True)
    axis.set_label_text("largest error (ulps)")
    line = axes.axhline if vertical else axes.axvline
    line(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)


# A range of operations shorter than this is labelled 50, 100, 200 and not by powers of ten.
FEW_DECADES = 100


def _frame(axes: Axes, operations: Sequence[int]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = min(operations, default=1), max(operations, default=10)
    pad = max((high / low) ** 0.12, 1.6)
    axes.set_xlim(low / pad**1.5, high * pad**2.2)
    if high / low < FEW_DECADES:  # between two powers of ten plain numbers read better
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _labels(axes: Axes, reports: Sequence[Any], dark: bool) -> None:
    """Each method's name beside its marker, off the whiskers and the line at 1 ulp."""
    labels, lines = [], [(axes.get_xlim(), (1.0, 1.0))]
    for report in reports:
        style = style_of(report.method)
        text = style.label if report.name == report.method else report.name
        x, high = max(report.operations, 1), _shown(report.max_ulp)
        labels.append((x, high, text, style.text_colour(dark)))
        lines.append(((x, x), (_shown(report.median_ulp), high)))
    label_points(axes, labels, curves=lines)


def _refusal(axes: Axes, report: Any, place: int, dark: bool) -> None:
    style = style_of(report.method)
    reason = str(report.refused).split(" hint:")[0].rstrip(";. ")
    text = reason if reason.startswith(report.method) else f"{style.label}: {reason}"
    axes.annotate(text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…", (0.015, 0.99),
                  xycoords="axes fraction", xytext=(0, -13 * place), fontsize=8.5, va="top",
                  textcoords="offset points", color=style.text_colour(dark),
                  bbox={"facecolor": axes.get_facecolor(), "linewidth": 0, "pad": 1})  # fmt: skip


def finding(reports: Sequence[Any]) -> str:
    """The best and the worst of some methods in words; nothing for a single one."""
    if len(reports) < 2:
        return ""
    best = min(reports, key=lambda r: (r.max_ulp, r.operations))
    worst = max(reports, key=lambda r: r.max_ulp)
    if worst.max_ulp <= 2 * max(best.max_ulp, 1.0):
        return "All methods agree to the last digits"
    return (
        f"{style_of(worst.method).label.capitalize()}: "
        f"{worst.max_ulp:,.0f} ulps; {style_of(best.method).label}: {best.max_ulp:.2g}"
    )
