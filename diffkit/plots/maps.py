"""Pictures of many trainings: maps of trainability, boundaries of boxes, and sweeps.

In a map each pixel is a training.  Blue ones converge and red ones do not; on each side the colour
is the rank of the pixel's number, so that every shade covers the same area and slow changes far
from the boundary show as well as fast ones near it (the histogram equalisation of Sohl-Dickstein
2024).  The fainter, the longer it took to tell.
"""

from __future__ import annotations

from math import isnan
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from diffkit.errors import InputError
from diffkit.plots.nets import diverging
from diffkit.plots.steps import value_text
from diffkit.plots.style import INK, PAGE, halo, label_lines, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diffkit.training.sweep import Setting, Sweep
    from diffkit.training.trainability import Box, Trainability

__all__ = [
    "halo",
    "mark_box",
    "plot_basins",
    "plot_sweep",
    "plot_trainability",
    "shades",
    "sweep_finding",
]

LONGEST_TITLE = 64  # letters in a line
PALEST = 0.16  # of a pixel at the boundary: the two sides stay apart in print and in grey
MARKERS = "osD^vP*X"
BASINS = ("#1F4E79", "#E8B93B", "#C0392B", "#9CC4EA")  # apart in lightness, too


def shades(value: np.ndarray) -> np.ndarray:
    """The pixels of a map as numbers from −1 (converges at once) to 1 (diverges at once).

    >>> shades(np.array([[-9.0, -3.0], [2.0, 8.0]])).round(2).tolist()
    [[-0.58, -1.0], [1.0, 0.58]]
    """
    found = np.empty(value.shape)
    for side, sign in ((value < 0, -1), (value >= 0, 1)):
        size = np.abs(value[side])
        above = np.searchsorted(np.sort(size), size, side="left") / max(len(size), 1)
        found[side] = sign * (1 - (1 - PALEST) * above)
    return found


def plot_trainability(found: Trainability, ax: Axes | None = None, *, dark: bool = False) -> Axes:
    """A map of trainability: converging pixels blue, diverging ones red, faintest at the boundary.

    Parameters
    ----------
    found
        What ``dk.trainability`` returned.
    ax
        Where to draw; a new figure if left out.
    dark
        Whether the background is dark.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        axes = plt.figure(figsize=(5.4, 5.0)).add_subplot() if ax is None else ax
        across, up = np.log10(found.first), np.log10(found.second)
        extent = (*_edges(across), *_edges(up))
        axes.imshow(shades(found.value), cmap=diverging(dark), vmin=-1, vmax=1,
                    origin="lower", extent=extent, aspect="auto", interpolation="nearest",
                    rasterized=True)  # fmt: skip
        axes.grid(False)
        axes.set_xlabel("log₁₀ η₁, the first layer's rate")
        axes.set_ylabel("log₁₀ η₂, the second layer's rate")
    return axes


def _edges(centres: np.ndarray) -> tuple[float, float]:
    """Where the first pixel begins and the last one ends."""
    half = (centres[-1] - centres[0]) / max(len(centres) - 1, 1) / 2
    return float(centres[0] - half), float(centres[-1] + half)


def mark_box(axes: Axes, box: Box, *, dark: bool = False, label: str = "") -> None:
    """Frame a part of a map, in ink; the label stands above the frame."""
    from matplotlib.patches import Rectangle

    (left, right), (low, high) = np.log10(np.asarray(box, dtype=float))
    size = right - left, high - low
    axes.add_patch(Rectangle((left, low), *size, fill=False, edgecolor=INK[dark], linewidth=1.4))
    axes.annotate(label, ((left + right) / 2, high), xytext=(0, 3), textcoords="offset points",
                  ha="center", va="bottom", fontsize=9, color=INK[dark])  # fmt: skip


def plot_basins(
    ends: np.ndarray, points: np.ndarray, axes: Axes, edge: float, *, dark: bool = False
) -> None:
    """Where each start of a square of the plane ends: four colours, ink and background.

    Parameters
    ----------
    ends
        Integers (n, n), rows upwards: 0 to 3 for the points, 4 for a point that is none of them,
        5 for none at all.
    points
        The four points, (4, 2), which are marked.
    axes, edge
        Where to draw; the square reaches from −edge to edge.
    dark
        Whether the background is dark.
    """
    from matplotlib.colors import ListedColormap

    colours = [*BASINS, INK[dark], PAGE[dark]]
    axes.imshow(ends, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5,
                origin="lower", extent=(-edge, edge, -edge, edge), interpolation="nearest",
                rasterized=True)  # fmt: skip
    axes.scatter(*points.T, s=105, c=INK[False], linewidths=0, zorder=3)
    axes.scatter(*points.T, s=46, c=list(BASINS), edgecolors="#FFFFFF", linewidths=1.6, zorder=3)
    axes.grid(False)


# Sweeps -------------------------------------------------------------------------------------------


def plot_sweep(
    found: Sweep,
    by: str | None = None,
    x: str | None = None,
    ax: Axes | None = None,
    *,
    dark: bool = False,
) -> Axes:
    """A measure over one setting: the mean as a line, every seed as a dot.

    Parameters
    ----------
    found
        What ``dk.sweep`` returned.
    by
        The measure; chosen as in ``Sweep.best`` if left out.
    x
        The setting along the axis; by default the first that varies in numbers, else the first that
        varies.  There is a line for each combination of the others.
    ax, dark
        Where to draw (a new figure if left out), and on which background.

    Raises
    ------
    InputError
        For an unknown measure or setting, or a sweep without settings.
    """
    import matplotlib.pyplot as plt

    measure, name = found.measure(by), _axis_name(found, x)
    values = list(dict.fromkeys(setting.settings.get(name) for setting in found.settings))
    numeric = all(_is_number(value) for value in values)
    with use_style(dark):
        axes = plt.figure().add_subplot() if ax is None else ax
        places = {value: value if numeric else k for k, value in enumerate(values)}
        if not numeric:
            axes.set_xticks(range(len(values)), [str(value) for value in values])
        elif _spans_a_decade(values):
            axes.set_xscale("log")
        lines = _by_others(found, name)
        labels = [
            _line(axes, [(places[s.settings.get(name)], s) for s in line], measure, k, dark)
            for k, line in enumerate(lines.values())
        ]
        axes.set_xlabel(name)
        axes.set_ylabel(measure.replace("_", " "))
        named = zip(labels, lines, strict=True)
        label_lines(axes, [(*at, text, colour) for (at, colour), text in named if at and text])
    return axes


def sweep_finding(found: Sweep, by: str | None = None) -> str:
    """Where the mean of a measure is best, and how good, in words.

    >>> import diffkit as dk
    >>> sweep_finding(dk.sweep(lambda rate, seed: rate**2 - 1, {"rate": [0.0, 0.3, 0.9]}))
    'The value is lowest at rate 0: −1'
    """
    from diffkit.training.sweep import is_better_larger

    measure = found.measure(by)
    means = [setting.mean(measure) for setting in found.settings]
    seeds = max(len(setting.trials) for setting in found.settings)
    words = ("mean " if seeds > 1 else "") + measure.replace("_", " ")
    if all(map(isnan, means)):
        return f"No setting has a {words}"
    best = found.best(measure)
    value = value_text(best.mean(measure))
    if len(means) > len(set(means)) == 1:
        return f"The {words} is {value} at all {len(means)} settings"
    extreme = "highest" if is_better_larger(measure) else "lowest"
    where = ", ".join(f"{name} {_label(best.settings.get(name))}" for name in found.varied)
    return fill(f"The {words} is {extreme} at {where}: {value}", LONGEST_TITLE)


def _label(label: Any) -> str:
    return value_text(label, 6) if _is_number(label) else str(label)


def _line(
    axes: Axes, points: list[tuple[Any, Setting]], measure: str, place: int, dark: bool
) -> tuple[Any, str]:
    """A line of means through dots; where it ends, and its colour."""
    colour = axes._get_lines.get_next_color()  # type: ignore[attr-defined]
    points = sorted(points, key=lambda point: point[0])
    for at, setting in points:
        seeds = setting.values(measure)
        axes.plot([at] * len(seeds), seeds, ".", color=colour, markersize=6, alpha=0.5)
    means = [(at, setting.mean(measure)) for at, setting in points]
    axes.plot(*_columns(means), color=colour, marker=MARKERS[place % len(MARKERS)], markersize=5)
    whole = [point for point in means if not isnan(point[1])]
    return (whole[-1] if whole else None), colour


def _columns(pairs: list[tuple[Any, float]]) -> tuple[ArrayLike, ArrayLike]:
    return [at for at, _ in pairs], [value for _, value in pairs]


def _axis_name(found: Sweep, x: str | None) -> str:
    """The setting along the axis."""
    names = found.names
    if not names or (x is not None and x not in names):
        raise InputError(
            f"the sweep has no setting {x or ''!r}", hint=f"choose among {', '.join(names)}."
        )
    varied, points = found.varied, found.settings
    numeric = [name for name in varied if all(_is_number(s.settings.get(name)) for s in points)]
    return x or [*numeric, *varied][0]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spans_a_decade(values: list[Any]) -> bool:
    """Whether a logarithmic axis shows the values better."""
    return min(values) > 0 and max(values) >= 10 * min(values)


def _by_others(found: Sweep, name: str) -> dict[str, list[Setting]]:
    """The settings by what they have beside the one along the axis, as words."""
    lines: dict[str, list[Setting]] = {}
    for setting in found.settings:
        words = (str(setting.settings.get(other)) for other in found.varied if other != name)
        lines.setdefault(", ".join(words), []).append(setting)
    return lines
