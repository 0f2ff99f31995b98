"""Pictures of growing derivatives: operations against the size, one line for each form.

Formulas that are written out are solid black, formulas after elimination hollow and dashed.
Symbolic differentiation on the shared graph lies exactly under reverse mode, so it is drawn wide
and pale, and reverse mode narrow on top of it: one line, two names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.curves import Curve, plot_growth
from diffkit.plots.style import muted, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diffkit.comparison.swell import Swell

__all__ = ["form_curves", "plot_swell"]

HOLLOW: dict[str, Any] = {"linestyle": (0, (4, 2)), "fillstyle": "none", "markeredgewidth": 1.6}
UNDERNEATH: dict[str, Any] = {"linewidth": 8, "alpha": 0.28, "marker": "none", "zorder": 1.8}
# form → label, method (for the colour), options of the line; the order is that of drawing
FORMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "tree": ("formula, written out", "symbolic", {}),
    "cse": ("formula, common parts once", "symbolic", HOLLOW),
    "joint": ("formula and value,\ncommon parts once", "symbolic", HOLLOW),
    "finite": ("finite differences", "finite", {}),
    "forward": ("forward mode", "forward", {}),
    "symbolic": ("symbolic on the graph", "symbolic", UNDERNEATH),
    "reverse": ("reverse mode", "reverse", {}),
}
TOGETHER = "reverse mode and\nsymbolic on the graph"


def form_curves(counts: Swell, *, over: bool = False) -> list[Curve]:
    """A curve for each form, to the last size at which it was counted.

    With ``over`` the operations are divided by those of the function.  The symbolic curve has no
    label of its own where it lies under that of reverse mode.
    """
    same = {"symbolic", "reverse"} <= set(counts)
    same = same and counts.operations("symbolic") == counts.operations("reverse")
    curves = []
    for form in (form for form in FORMS if form in counts.counts):
        label, method, options = FORMS[form]
        places = [i for i, size in enumerate(counts.sizes) if counts[form][size].refused is None]
        if not places:
            continue
        found = [counts[form][counts.sizes[i]] for i in places]
        y = np.array([count.over if over else float(count.operations or 0) for count in found])
        label = (
            "" if same and form == "symbolic" else TOGETHER if same and form == "reverse" else label
        )
        text = f"{label}: {_number(y[-1], over)}" if label else ""
        curves.append(Curve(text, method, np.array(places, dtype=float), y, options))
    return curves


def _number(value: float, over: bool) -> str:
    if over:
        return f"{value:,.0f} ×" if value >= 100 else f"{value:.1f} ×"
    return f"{value:,.0f}"


def plot_swell(
    counts: Swell,
    *,
    axes: Axes | None = None,
    dark: bool = False,
    over: bool = False,
    title: str | None = None,
) -> Figure:
    """Operations of every form against the size, on a logarithmic axis.

    Parameters
    ----------
    counts
        What ``dk.swell`` returned; a line ends where its form was given up.
    axes, dark
        Where to draw (a new figure if left out), and on which background.
    over
        Whether to divide by the operations of the function, which is then the line at 1.
    title
        The finding; by default what was counted.

    >>> import diffkit as dk
    >>> figure = plot_swell(dk.swell("logistic", [2, 3, 4], ["tree", "reverse"]))
    >>> figure.axes[0].get_yscale()
    'log'
    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import SubFigure

    with use_style(dark):
        axes = plt.figure().add_subplot() if axes is None else axes
        curves = form_curves(counts, over=over)
        axes.set_yscale("log")
        axes.set_xlim(-0.2, len(counts.sizes) - 0.8)
        values = np.concatenate([[1.0], *(curve.y[curve.y > 0] for curve in curves)])
        axes.set_ylim(values.min() * 0.7, values.max() * 2)
        if over:
            axes.axhline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)
            axes.text(-0.15, 0.95, "f itself", color=muted(dark), fontsize=9, va="top")
        plot_growth(curves, axes=axes, dark=dark)
        axes.set_xticks(range(len(counts.sizes)), [str(size) for size in counts.sizes])
        axes.set_xlabel(counts.size_name)
        axes.set_ylabel("operations over those of f" if over else "operations")
        axes.set_title(title or f"Operations of the derivative: {counts.title}")
    figure = axes.figure
    return figure.figure if isinstance(figure, SubFigure) else figure
