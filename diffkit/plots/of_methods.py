"""Pictures of the methods side by side at the user's own function: errors, digits, costs, forms.

    error in ulps against operations · a dot for every ∂f/∂xᵢ · operations over those of f

Each takes the function with its arguments, or what ``dk.compare`` and its kind returned, and is
part of ``dk.plots``.  Reading on: Griewank & Walther 2008, chapter 4, for costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.accuracy import ulps
from diffkit.comparison.forms import FormComparison, compare_forms
from diffkit.comparison.rendering import seconds_text
from diffkit.comparison.report import Comparison
from diffkit.comparison.report import compare as compared
from diffkit.errors import InputError
from diffkit.graph.ir import Graph
from diffkit.plots.canvas import BY_THEME, panel, picture, result_of
from diffkit.plots.comparison import EXACT_AT, finding, plot_comparison, ulp_axis
from diffkit.plots.forms import plot_forms, plot_size_and_error
from diffkit.plots.style import muted, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy", "compare", "cost", "forms"]

BAR = 0.62  # the thickness of a bar, rows being 1 apart
ROW = 0.55  # inches of a row of bars
SPREAD = 0.26  # of many dots of one row, upwards and downwards
MOST_DOTS = 400  # of a row: more are thinned out
COSTS = {
    "operations": ("operations of the derivative over those of f", "operations"),
    "time": ("time of the derivative over that of f", "time"),
    "memory": ("memory of the derivative (bytes)", "memory"),
}


@picture
def compare(
    f: Callable[..., Any] | Graph | Comparison,
    *args: Any,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes:
    """Draw how wrong each method is against what it costs; the best are at the lower left.

    Parameters
    ----------
    f, args, options
        As for ``dk.compare``, or what it returned.
    title
        The finding; by default the best and the worst method in words.

    Raises
    ------
    InputError
        For arguments beside a comparison that is ready, and as ``dk.compare``.

    >>> import diffkit as dk
    >>> dk.plots.compare(lambda x: np.sin(x) * x, 2.0).get_xscale()
    'log'
    """
    found = result_of(Comparison, compared, f, args, options)
    with panel(ax, dark) as axes:
        plot_comparison(found, axes=axes, dark=dark, title=title)
    return axes


def _rows(axes: Axes, found: Comparison, dark: bool) -> list[Any]:
    """A row for each method that did not refuse, the first one on top; returns their reports."""
    reports = [report for report in found.methods.values() if report.refused is None]
    names = [style_of(r.method).label if r.name == r.method else r.name for r in reports]
    axes.set_yticks(range(len(reports)), names)
    for tick, report in zip(axes.get_yticklabels(), reports, strict=True):
        tick.set_color(style_of(report.method).text_colour(dark))
        tick.set_fontsize(10)
    axes.set_ylim(len(reports) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    refused = [style_of(r.method).label for r in found.methods.values() if r.refused is not None]
    if refused:
        axes.annotate(f"refused: {', '.join(refused)}", (1, 1), xycoords="axes fraction",
                      ha="right", va="bottom", fontsize=9, color=muted(dark))  # fmt: skip
    return reports


def _height(found: Comparison) -> tuple[float, float]:
    return 7.2, 1.35 + ROW * max(len(found.methods), 2)


@picture
def accuracy(
    f: Callable[..., Any] | Graph | Comparison,
    *args: Any,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes:
    """Draw the error of every partial derivative in ulps, a row of dots for each method.

    Parameters
    ----------
    f, args, options
        As for ``dk.compare``, or what it returned.
    title
        The finding; by default the best and the worst method in words.

    Raises
    ------
    InputError
        For arguments beside a comparison that is ready, and as ``dk.compare``.

    >>> import diffkit as dk
    >>> dk.plots.accuracy(lambda x: np.sum(np.sin(x)), np.ones(5)).get_xlabel()
    'error of each partial derivative (ulps)'
    """
    found = result_of(Comparison, compared, f, args, options)
    with panel(ax, dark, _height(found)) as axes:
        reports = _rows(axes, found, dark)
        drawn = [report for report in reports if isfinite(report.max_ulp)]
        ulp_axis(axes, max((r.max_ulp for r in drawn), default=1.0), dark, vertical=False)
        for row, report in enumerate(reports):
            _dots(axes, row, report, dark)
        axes.set_xlabel("error of each partial derivative (ulps)")
        axes.set_title(title or finding(drawn) or found.title)
    return axes


def _dots(axes: Axes, row: int, report: Any, dark: bool) -> None:
    """The errors of one method, spread a little so that they do not hide each other."""
    errors = np.concatenate([
        ulps(block, truth).ravel()
        for block, truth in zip(report.blocks, report.truths, strict=True)
    ])  # fmt: skip
    shown = np.maximum(np.sort(errors[np.isfinite(errors)]), EXACT_AT)
    shown = shown[np.unique(np.linspace(0, len(shown) - 1, MOST_DOTS).astype(int))]
    style, alone = style_of(report.method), len(shown) == 1
    rise = SPREAD * np.sin(2.4 * np.arange(len(shown))) * (not alone)
    axes.plot(shown, row + rise, linestyle="none", marker=style.marker, color=style.colour(dark),
              markersize=9 if alone else 4.5, alpha=1.0 if alone else 0.7)  # fmt: skip
    if len(shown) > 1:
        axes.plot([np.median(shown)] * 2, [row - 0.36, row + 0.36], linewidth=1.8,
                  color=style.colour(dark))  # fmt: skip


@picture
def cost(
    f: Callable[..., Any] | Graph | Comparison,
    *args: Any,
    quantity: str = "operations",
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes:
    """Draw what each method costs, as bars: operations or time over those of f, or memory.

    Parameters
    ----------
    f, args, options
        As for ``dk.compare``, or what it returned.
    quantity
        ``"operations"``, which are counted, ``"time"``, which is measured, or ``"memory"``.
    title
        The finding; by default the cheapest and the dearest method.

    Raises
    ------
    InputError
        For an unknown quantity, arguments beside a comparison that is ready, and as ``dk.compare``.

    >>> import diffkit as dk
    >>> ax = dk.plots.cost(lambda x: np.sum(np.exp(x)), np.ones(20))
    >>> ax.get_xlabel()
    'operations of the derivative over those of f'
    """
    if quantity not in COSTS:
        raise InputError(f"there is no cost {quantity!r}", hint=f"choose {', '.join(COSTS)}.")
    found = result_of(Comparison, compared, f, args, options)
    with panel(ax, dark, _height(found)) as axes:
        reports = _rows(axes, found, dark)
        amounts = [_amount(found, report, quantity) for report in reports]
        for row, (report, amount) in enumerate(zip(reports, amounts, strict=True)):
            style = style_of(report.method)
            axes.barh(row, amount, BAR, color=style.colour(dark))
            axes.annotate(_amount_text(report, amount, quantity), (amount, row), xytext=(5, 0),
                          textcoords="offset points", va="center", fontsize=9,
                          color=style.text_colour(dark))  # fmt: skip
        axes.set_xlim(0, 1.28 * max(amounts, default=1.0))
        axes.set_xlabel(COSTS[quantity][0])
        if quantity != "memory":
            axes.axvline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)))
        axes.set_title(title or _cheapest(reports, amounts))
    return axes


def _amount(found: Comparison, report: Any, quantity: str) -> float:
    whole = {"operations": report.operations / max(found.f_operations, 1),
             "time": report.time_over_f, "memory": float(report.memory)}[quantity]  # fmt: skip
    return whole if isfinite(whole) else 0.0


def _amount_text(report: Any, amount: float, quantity: str) -> str:
    exact = {"operations": f"{report.operations:,}", "time": seconds_text(report.time)}
    return f"{amount:,.0f}" if quantity == "memory" else f"{amount:.3g} ×  ({exact[quantity]})"


def _cheapest(reports: Sequence[Any], amounts: Sequence[float]) -> str:
    if len(reports) < 2:
        return "What the derivative costs"
    order = np.argsort(amounts, kind="stable")
    least, most = (style_of(reports[place].method).label for place in (order[0], order[-1]))
    return f"{least.capitalize()} costs least, {most} most"


@picture
def forms(
    f: Callable[..., Any] | Graph | FormComparison,
    *args: Any,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes | Figure:
    """Draw the forms of one derivative: size against error, and where the digits are lost.

    Parameters
    ----------
    f, args, options
        As for ``dk.compare_forms``, or what it returned.
    title
        The finding; by default the shortest and the most accurate form.
    ax, dark
        Where to draw size against error (a new figure with all there is if left out), and on which
        background.

    Returns
    -------
    The axes if ``ax`` is given; else the figure, which has two panels for many points.

    Raises
    ------
    InputError
        For arguments beside a comparison that is ready, and as ``dk.compare_forms``.

    >>> import diffkit as dk
    >>> figure = dk.plots.forms(dk.parse("4*x*(1 - x)"), x=np.linspace(0.1, 0.9, 20))
    >>> len(figure.axes)
    2
    """
    found = result_of(FormComparison, compare_forms, f, args, options)
    if ax is None:
        return plot_forms(found, dark=dark, title=title)
    with panel(ax, dark):
        plot_size_and_error(found, axes=ax, dark=dark)
        if title:
            ax.set_title(title)
    return ax
