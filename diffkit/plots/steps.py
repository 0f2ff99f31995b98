"""Pictures of steps: errors against h with the model's prediction laid over, stencils, a tableau.

Measured errors are points, their running median is not drawn: the dashed line is the prediction,
made from the function alone.  The floor under a V is the noise of the function over the step, and
the automatic step is marked by a ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.container import StemContainer

    from diffkit.comparison.steps import StepSize
    from diffkit.comparison.steps_tableau import Tableau
    from diffkit.differentiate.stencils import Stencil

__all__ = [
    "plot_stencil",
    "plot_step_size",
    "plot_tableau",
    "power_text",
    "size_text",
    "stencil_shade",
    "step_text",
    "value_text",
]

FRAME = "#FFFFFF"  # on the dark end of cividis, where small errors are
EXACT = 0.25  # ulps of the derivative at which exact results are drawn
PAST = 30.0  # times the size of the derivative where the picture ends
UP = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_text(base: str, power: float) -> str:
    """A power in Unicode.

    >>> power_text("h", 4), power_text("h", 1), power_text("10", -12)
    ('h⁴', 'h', '10⁻¹²')
    """
    return base if power == 1 else f"{base}{str(round(power)).translate(UP)}"


def size_text(number: float) -> str:
    """The size of a small number, to one digit.

    >>> size_text(4.2e-16), size_text(1e-8), size_text(0.0)
    ('4·10⁻¹⁶', '10⁻⁸', '0')
    """
    return _scientific(f"{number:.0e}") if number else "0"


def value_text(number: float, digits: int = 3) -> str:
    """A number of so many digits, as it is printed in a book.

    >>> value_text(-0.25), value_text(6.02e23), value_text(-1e-8), value_text(float("inf"))
    ('−0.25', '6.02·10²³', '−10⁻⁸', '∞')
    """
    text = f"{number:.{digits}g}"
    return _scientific(text) if "e" in text else text.replace("-", "−").replace("inf", "∞")


def _scientific(text: str) -> str:
    """Such as ``6e-14`` in Unicode; a factor of 1 is left out."""
    factor, power = text.replace("-", "−", text.startswith("-")).split("e")
    sign = factor[: factor.startswith("−")]
    shown = "" if factor.lstrip("−") == "1" else f"{factor.lstrip('−')}·"
    return sign + shown + power_text("10", int(power))


def step_text(h: float) -> str:
    """A step as a fraction where it is one over a whole number.

    >>> step_text(0.125), step_text(0.001953125), step_text(0.3)
    ('1/8', '1/512', '0.3')
    """
    return f"1/{round(1 / h)}" if h < 1 and (1 / h).is_integer() else f"{h:.3g}"


def stencil_shade(place: int, count: int, dark: bool = False) -> Any:
    """The colour of one of several stencils: that of finite differences, paler to full."""
    from matplotlib.colors import to_rgb

    full = np.array(to_rgb(METHODS_STYLE["finite"].colour(dark)))
    background = np.array(to_rgb("#14181D" if dark else "#FFFFFF"))
    part = 0.5 + 0.5 * (place / max(count - 1, 1))
    return tuple(part * full + (1 - part) * background)


def plot_step_size(
    found: StepSize,
    *,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    dark: bool = False,
    title: str | None = None,
) -> Axes:
    """Errors against the step: measured (points), predicted (dashed), the chosen step (ring).

    Parameters
    ----------
    found
        What ``dk.step_size`` returned.
    names
        Which stencils; default all that have a value.
    ax, dark
        Where to draw (a new figure if left out), and on which background.
    title
        The finding; by default the derivative with its error.

    Raises
    ------
    InputError
        For a stencil that is not there, or that found no step.
    """
    import matplotlib.pyplot as plt

    kept = [c.stencil.name for c in found.choices if c.refused is None]
    names = kept if names is None else list(names)
    if wrong := [name for name in names if name not in kept]:
        raise InputError(
            f"there is no stencil {wrong[0]!r} to draw", hint=f"choose among {', '.join(kept)}."
        )
    size = abs(found.derivative) or 1.0
    floor = EXACT * float(np.spacing(size))
    with use_style(dark):
        if ax is None:
            ax = plt.figure().add_subplot()
        ax.set_xscale("log")
        ax.set_yscale("log")
        _shade_noise(ax, found, names, floor, dark)
        for place, name in enumerate(names):
            _draw_stencil(ax, found, name, stencil_shade(place, len(names), dark), floor, dark)
        ax.set_ylim(floor / 3, size * PAST)
        ax.set_xlabel("step h")
        ax.set_ylabel("absolute error of the derivative")
        value = f"{value_text(found.derivative, 10)} ± {size_text(found.error)}"
        ax.set_title(title or f"{found.title}: {value}")
    return ax


def _shade_noise(ax: Axes, found: StepSize, names: Sequence[str], floor: float, dark: bool) -> None:
    """The region that noise of the function forbids to every stencil of the picture."""
    if not names:
        return
    least = min((found[name] for name in names), key=lambda choice: choice.rounding)
    h = np.geomspace(found.line.grain, found.line.length, 200)
    noise = least.rounding / h**least.stencil.derivative
    ax.fill_between(h, floor / 1e3, noise / 3, color=muted(dark), alpha=0.13, linewidth=0, zorder=0)


def _draw_stencil(
    ax: Axes, found: StepSize, name: str, colour: Any, floor: float, dark: bool
) -> None:
    h, measured, predicted = found.curve(name)
    choice = found[name]
    ax.plot(h, np.maximum(measured, floor), ".", color=colour, markersize=4, alpha=0.85)
    inside = predicted >= floor
    ax.plot(h[inside], predicted[inside], color=colour, linewidth=1.5, linestyle=(0, (4, 2)))
    error = max(found.error_of(choice.value), floor)
    ax.plot(choice.step, error, "o", markersize=9, markerfacecolor="none", markeredgewidth=1.8,
            color=INK[dark], zorder=5)  # fmt: skip


def plot_stencil(
    row: Stencil, *, ax: Axes | None = None, dark: bool = False, label: str | None = None
) -> StemContainer:
    """The weights of a stencil over its offsets, as stems; signs have their own pair of colours."""
    import matplotlib.pyplot as plt

    with use_style(dark):
        if ax is None:
            ax = plt.figure().add_subplot()
        weights = np.array([float(weight) for weight in row.weights])
        colours = np.where(weights > 0, *SIGNS[dark])
        ax.vlines(row.offsets, 0, weights, colors=list(colours), linewidth=2.4)
        stems = ax.scatter(row.offsets, weights, c=list(colours), s=22, zorder=3)
        ax.axhline(0, color=muted(dark), linewidth=0.8)
        ax.text(0.02, 0.96, label or row.name, transform=ax.transAxes, va="top", fontsize=9)
    return stems  # type: ignore[return-value]


# Positive and negative: the ends of a diverging pair, none of the method colours.
SIGNS = {False: ("#B2182B", "#2166AC"), True: ("#F4A582", "#92C5DE")}


def plot_tableau(
    tableau: Tableau, exact: Any, *, ax: Axes | None = None, dark: bool = False
) -> QuadMesh:
    """The errors of all entries of a tableau as a picture; the chosen entry is framed.

    ``exact`` is the derivative; rows are steps, from the largest on top.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    from diffkit.engines.precise import distance

    rows = len(tableau.steps)
    errors = np.full((rows, len(tableau.columns)), np.nan)
    for j, column in enumerate(tableau.columns):
        for i, entry in enumerate(column):
            errors[i + j, j] = distance(entry, exact) if isfinite(entry) else np.nan
    tiny = EXACT * float(np.spacing(abs(float(exact)) or 1.0))
    digits = np.log10(np.maximum(errors, tiny))
    with use_style(dark):
        if ax is None:
            ax = plt.figure().add_subplot()
        edges = np.arange(rows + 1) - 0.5
        mesh = ax.pcolormesh(np.arange(len(tableau.columns) + 1) - 0.5, edges,
                             np.ma.masked_invalid(digits), cmap="cividis")  # fmt: skip
        _write_cells(ax, errors, digits)
        i, j = tableau.chosen
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, linewidth=2.6,
                               edgecolor=FRAME, zorder=4))  # fmt: skip
        ax.set_ylim(rows - 0.5, -0.5)
        ax.set_yticks(range(rows), [step_text(h) for h in tableau.steps])
        ax.set_xticks(range(len(tableau.columns)), [power_text("h", p) for p in tableau.powers])
        ax.grid(False)
        ax.set_xlabel("leading power of h in the error")
        ax.set_ylabel("smallest step in the entry")
    return mesh


def _write_cells(ax: Axes, errors: np.ndarray, digits: np.ndarray) -> None:
    """The exponent of each error in its cell, light on dark and dark on light."""
    middle = float(np.nanmean([np.nanmin(digits), np.nanmax(digits)]))
    for (i, j), error in np.ndenumerate(errors):
        if not np.isfinite(error):
            continue
        text = "0" if error == 0 else power_text("10", np.floor(np.log10(error)))
        colour = "#FFFFFF" if digits[i, j] < middle else "#14181D"
        ax.text(j, i, text, ha="center", va="center", fontsize=8.5, color=colour)
