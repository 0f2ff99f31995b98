"""Pictures of what grows: errors with the step, costs with the order, formulas with the size.

    |f′ − difference| ~ hᵖ + ε/h · operations of f⁽ⁿ⁾ ~ 2ⁿ or n² · expression swell

Each takes the function with its arguments, or what ``dk.step_size`` and its kind returned, and is
part of ``dk.plots``.  Reading on: Griewank & Walther 2008, chapter 13; Baydin et al. 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.orders import OrderComparison, compare_orders
from diffkit.comparison.steps import StepSize
from diffkit.comparison.steps import step_size as step_size_of
from diffkit.comparison.swell import Swell
from diffkit.comparison.swell import swell as swell_of
from diffkit.differentiate.finite import derivative_errors
from diffkit.differentiate.higher import derivative as derivative_of
from diffkit.differentiate.stencils import stencil
from diffkit.errors import InputError
from diffkit.graph.ir import Graph
from diffkit.plots.canvas import BY_THEME, checked_function, number, panel, picture, result_of
from diffkit.plots.comparison import EXACT_AT
from diffkit.plots.labels import dots, label_points
from diffkit.plots.steps import plot_step_size, power_text, stencil_shade
from diffkit.plots.style import halo, label_lines, line_of_method, style_of
from diffkit.plots.swell import plot_swell
from diffkit.plots.training import ACCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["orders", "stencils", "step_size", "swell"]

STEPS = np.logspace(-9, -0.6, 85)  # of a picture of stencils, in sizes of the point
EXACT = 0.25  # ulps of the derivative at which exact results are drawn
QUANTITIES = {
    "error": ("max_ulp", "largest error (ulps)"),
    "operations": ("operations", "operations"),
    "time": ("time", "time (s)"),
}


@picture
def orders(
    f: Callable[..., Any] | Graph | OrderComparison,
    *args: Any,
    quantity: str = "error",
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes:
    """Draw error, operations or time against the order of the derivative, a line per method.

    Parameters
    ----------
    f, args, options
        As for ``dk.compare_orders``, or what it returned.
    quantity
        ``"error"``, ``"operations"`` or ``"time"``.
    title
        The finding; by default the function and the point.

    Raises
    ------
    InputError
        For an unknown quantity, arguments beside a comparison that is ready, and as
        ``dk.compare_orders``.

    >>> import diffkit as dk
    >>> ax = dk.plots.orders(np.exp, 1.0, range(1, 4), quantity="operations")
    >>> ax.get_xticks().tolist()
    [1, 2, 3]
    """
    if quantity not in QUANTITIES:
        raise InputError(f"there is no {quantity!r}", hint=f"choose {', '.join(QUANTITIES)}.")
    found = result_of(OrderComparison, compare_orders, f, args, options)
    field, label = QUANTITIES[quantity]
    with panel(ax, dark) as axes:
        axes.set_yscale("log")
        ends = []
        for method in found:
            kept = [r for r in found[method].values() if r.refused is None]
            points = [(r.order, float(getattr(r, field))) for r in kept]
            shown = [(n, max(y, EXACT_AT) if quantity == "error" else y)
                     for n, y in points if isfinite(y)]  # fmt: skip
            if shown:
                axes.plot(*zip(*shown, strict=True), **_line(method, dark))
                ends.append((*shown[-1], *_words(method, dark)))
        first, last = found.orders[0], found.orders[-1]
        axes.set_xlim(first - 0.3, last + 0.3)
        axes.set_xticks(list(found.orders))
        axes.set(xlabel="order n of the derivative", ylabel=label)
        label_lines(axes, ends, inside=True)
        axes.set_title(title or f"Derivatives of {found.title} at {found.at:.4g}")
    return axes


def _line(method: str, dark: bool) -> dict[str, Any]:
    """How a method is drawn; Taylor mode has the accent."""
    if method.startswith("taylor"):
        return {"color": ACCENT[dark], "marker": "p", "label": "Taylor mode"}
    return line_of_method(method, dark)


def _words(method: str, dark: bool) -> tuple[str, str]:
    if method.startswith("taylor"):
        return "Taylor mode", ACCENT[dark]
    return style_of(method).label, style_of(method).text_colour(dark)


@picture
def step_size(
    f: Callable[..., Any] | Graph | StepSize,
    *args: Any,
    names: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes:
    """Draw the error of finite differences against the step: measured, predicted, and chosen.

    Parameters
    ----------
    f, args, options
        As for ``dk.step_size``, or what it returned.
    names
        Which stencils; by default all that have a value.
    title
        The finding; by default the derivative with its error.

    Raises
    ------
    InputError
        For arguments beside a result that is ready, and as ``dk.step_size``.

    >>> import diffkit as dk
    >>> dk.plots.step_size(np.exp, 1.0, names=("forward", "central")).get_xlabel()
    'step h'
    """
    found = result_of(StepSize, step_size_of, f, args, options)
    with panel(ax, dark) as axes:
        plot_step_size(found, names=names, ax=axes, dark=dark, title=title)
        _name_stencils(axes, found, names, dark)
    return axes


def _name_stencils(axes: Axes, found: StepSize, names: Sequence[str] | None, dark: bool) -> None:
    """Each stencil's name beside the ring of its chosen step, off what is drawn where it can be."""
    kept = [c for c in found.choices if c.refused is None]
    chosen = [c for c in kept if names is None or c.stencil.name in names]
    bottom = axes.get_ylim()[0] * 3
    text = style_of("finite").text_colour(dark)
    drawn = [found.curve(c.stencil.name) for c in chosen]
    label_points(
        axes,
        [(c.step, max(found.error_of(c.value), bottom), c.stencil.name, text) for c in chosen],
        curves=[*((h, line) for h, _, line in drawn), *(dots(h, error) for h, error, _ in drawn)],
        effects=halo(dark),
    )


@picture
def swell(
    family: Any,
    *args: Any,
    over: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **options: Any,
) -> Axes:
    """Draw how a derivative grows with n in every form: operations on a logarithmic axis.

    Parameters
    ----------
    family, args, options
        As for ``dk.swell``, or what it returned.
    over
        Whether to divide by the operations of the function.
    title
        The finding; by default what was counted.

    Raises
    ------
    InputError
        For arguments beside a result that is ready, and as ``dk.swell``.

    >>> import diffkit as dk
    >>> dk.plots.swell("logistic", range(2, 5), ["tree", "reverse"]).get_ylabel()
    'operations'
    """
    found = result_of(Swell, swell_of, family, args, options)
    with panel(ax, dark) as axes:
        plot_swell(found, axes=axes, dark=dark, over=over, title=title)
    return axes


@picture
def stencils(
    f: Callable[..., Any],
    x: float,
    accuracies: Sequence[int] = (1, 2, 4, 6, 8),
    *,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw how fast differences converge: the error of each stencil against the step.

    Parameters
    ----------
    f
        A function of one number, and smooth near ``x``.
    x
        The point.
    accuracies
        1 for the forward difference, even numbers for central ones.
    title
        The finding; by default the slopes that were measured.

    Raises
    ------
    InputError
        For an accuracy that no stencil has, or a function without a value there.

    Source: Fornberg 1988, *Generation of finite difference formulas*.

    >>> ax = stencils(np.exp, 1.0, (1, 2))
    >>> sorted(text.get_text() for text in ax.texts)
    ['error ~ h', 'error ~ h²']
    """
    rows = [stencil(accuracy) for accuracy in accuracies]
    at = number("x", x)
    exact = derivative_of(checked_function(f))(at)
    steps = STEPS * max(abs(at), 1.0)
    found = [derivative_errors(f, at, steps, row, exact) for row in rows]
    floor = EXACT * float(np.spacing(abs(exact) or 1.0))
    with panel(ax, dark) as axes:
        axes.set(xscale="log", yscale="log", xlabel="step h", ylabel="absolute error of f′")
        labels = []
        for place, (row, errors) in enumerate(zip(rows, found, strict=True)):
            colour = stencil_shade(place, len(rows), dark)
            shown = np.maximum(errors, floor)
            axes.plot(steps, shown, color=colour, marker=".", markersize=3.5, linewidth=1.2)
            labels.append((steps[-1], shown[-1], f"error ~ {power_text('h', row.accuracy)}",
                           colour))  # fmt: skip
        axes.grid(False, which="minor")
        axes.set_xlim(steps[0], steps[-1] * 1.2)
        label_lines(axes, labels)
        axes.set_title(title or "Each stencil falls with its order, until rounding takes over")
    return axes
