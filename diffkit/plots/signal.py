"""Pictures of what was measured between epochs: sharpness at its edge, ratios, distributions.

    λ_max beside 2/η,      ‖ΔW‖/‖W‖ beside 10⁻³…10⁻²,      histograms, one column per measurement

The maps of norms at every layer and update are in :mod:`diffkit.plots.training`.
Reading on: Cohen et al. 2021 for the edge; docs/signal.md for how to read each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.plots.style import INK, muted
from diffkit.plots.training import ACCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diffkit.training.signal import Signal

__all__ = ["loose_grid", "plot_histograms", "plot_ratios", "plot_sharpness"]

# A common rule of thumb asks for 1e-3 (Karpathy 2016, notes of the course CS231n); small nets learn
# well up to ten times that (gallery/plot_0716_update_ratio.py).
USUAL_RATIOS = (1e-3, 1e-2)


def loose_grid(axes: Axes) -> None:
    """Grid lines at labelled ticks only: a logarithmic axis has too many others."""
    axes.grid(False, which="minor")


def plot_sharpness(
    signal: Signal, axes: Axes, *, dark: bool = False, colour: str | None = None
) -> Any:
    """The largest eigenvalue of the Hessian over the updates, and 2/η dashed; returns the line.

    Raises
    ------
    InputError
        When the sharpness was not recorded.
    """
    steps, values = signal.measured("step"), signal.measured("sharpness")
    colour = colour or INK[dark]
    axes.plot(steps, signal.measured("edge"), color=colour, linewidth=1.2, linestyle=(0, (5, 3)))
    (line,) = axes.plot(steps, values, color=colour, linewidth=1.8)
    axes.set_xlabel("update")
    axes.set_ylabel("sharpness λ")
    return line


def plot_ratios(
    signal: Signal, axes: Axes, *, names: Sequence[str] | None = None, dark: bool = False
) -> list[Any]:
    """‖ΔW‖/‖W‖ of every weight matrix over the updates, first layer faint; returns the lines.

    ``names`` are parameters; by default all that end in ``w``.

    Raises
    ------
    InputError
        For parameters that are not on record.
    """
    names = [n for n in signal.parameters if n.endswith("w")] if names is None else list(names)
    unknown = [name for name in names if name not in signal.parameters]
    if unknown or not signal.steps:
        raise InputError(
            f"the ratio of {unknown[0] if unknown else 'no update'} was not recorded",
            hint='train with record=("ratios",).',
        )
    table = signal.table("ratio")
    axes.axhspan(*USUAL_RATIOS, color=muted(dark), alpha=0.18, linewidth=0)
    axes.set_yscale("log")
    lines = []
    for place, name in enumerate(names):
        strength = 0.35 + 0.65 * (place + 1) / len(names)
        values = table[:, signal.parameters.index(name)]
        shown = np.where(values > 0, values, np.nan)
        colour = ACCENT[dark] if place == len(names) - 1 else INK[dark]
        lines += axes.plot(signal.steps, shown, color=colour, alpha=strength, linewidth=1.1)
    axes.set_xlabel("update")
    axes.set_ylabel("‖ΔW‖ / ‖W‖")
    return lines


def plot_histograms(
    signal: Signal, axes: Axes, name: str, *, quantity: str = "activation", dark: bool = False
) -> Any:
    """How a distribution moves: one column per measurement, in colour where values are.

    ``name`` is a layer or a parameter, ``quantity`` one of the histograms; returns the image.

    Raises
    ------
    InputError
        When there are no such histograms.
    """
    rows = [(row["step"], row["histograms"][quantity][name]) for row in signal.between
            if name in row.get("histograms", {}).get(quantity, {})]  # fmt: skip
    if not rows:
        raise InputError(
            f"there are no histograms of {quantity!r} for {name!r}",
            hint='train with record=("histograms",).',
        )
    low, high = min(h["low"] for _, h in rows), max(h["high"] for _, h in rows)
    bins = len(rows[0][1]["counts"])
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    density = np.array([_spread(found, edges) for _, found in rows])
    steps = np.array([step for step, _ in rows], float)
    ends = np.append(steps, steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1.0))
    image = axes.pcolormesh(ends, edges, density.T, cmap=_from_nothing(ACCENT[dark]))
    axes.grid(False)
    axes.set_xlabel("update")
    axes.set_ylabel(f"{quantity} of {name}")
    return image


def _from_nothing(colour: str) -> Any:
    """A map of colours from transparent to this one."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    return LinearSegmentedColormap.from_list("shares", [to_rgba(colour, 0.0), to_rgba(colour)])


def _spread(found: dict[str, Any], edges: np.ndarray) -> np.ndarray:
    """A histogram as shares on other, common bins."""
    counts = np.asarray(found["counts"], float)
    high = found["high"] if found["high"] > found["low"] else found["low"] + 1.0
    own = np.linspace(found["low"], high, len(counts) + 1)
    below = np.interp(edges, own, np.concatenate([[0.0], np.cumsum(counts)]))
    return np.diff(below) / max(counts.sum(), 1.0)
