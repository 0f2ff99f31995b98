"""Pictures of a loss around parameters: the landscape, and how noisy its gradient is.

    L(θ + α₁d₁ + α₂d₂) · E‖g_b‖² = ‖G‖² + tr Σ / b

They take ``loss``, ``params`` and ``data``, and are part of ``dk.plots``.
Reading on: Li et al. 2018; McCandlish et al. 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.plots.canvas import BY_THEME, checked_function, interval, panel, picture, whole
from diffkit.plots.concepts import level_colours
from diffkit.plots.signal import loose_grid
from diffkit.plots.steps import value_text
from diffkit.plots.style import INK, label_lines, muted
from diffkit.plots.training import ACCENT
from diffkit.training.landscapes import filter_normalised, random_direction
from diffkit.training.landscapes import landscape as landscape_of
from diffkit.training.noise import NoiseScale
from diffkit.training.noise import noise_scale as noise_scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["landscape", "noise_scale"]

LEVELS = 13  # of a landscape
SIZES = np.geomspace(1, 4096, 200)  # of batches


@picture
def noise_scale(
    loss: Callable[..., Any] | NoiseScale,
    params: Any = None,
    data: Sequence[Any] = (),
    *,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw signal and noise of a gradient against the batch size; they cross at the noise scale.

    Parameters
    ----------
    loss, params, data
        As for ``dk.signal.noise_scale``; or what it returned, alone.
    title
        The finding; by default the noise scale.

    Raises
    ------
    InputError
        When loss, parameters and data do not fit, or an estimate came out negative.

    Source: McCandlish et al. 2018, equation 2.9.

    >>> x = np.array([0.0, 2.0, 4.0])
    >>> noise_scale(lambda w, x: np.mean((w - x) ** 2) / 2, 0.0, (x,)).get_title(loc="left")
    'Batches above 0.667 examples are mostly signal'
    """
    found = loss if isinstance(loss, NoiseScale) else noise_scale_of(loss, params, data)
    if not (found.trace > 0 and found.square > 0):
        raise InputError(
            f"there is no noise scale to draw: tr Σ is {found.trace:.3g}, ‖G‖² {found.square:.3g}",
            hint="measure it from all examples, or away from a minimum.",
        )
    sizes = SIZES * max(1.0, 10.0 ** np.round(np.log10(found.scale / 64)))
    noise = found.trace / sizes
    with panel(ax, dark) as axes:
        axes.set(xscale="log", yscale="log", xlabel="examples in a batch, b",
                 ylabel="squared norm", xlim=(sizes[0], sizes[-1]))  # fmt: skip
        loose_grid(axes)
        axes.plot(sizes, found.square + noise, color=ACCENT[dark], linewidth=5, alpha=0.4)
        axes.axhline(found.square, color=INK[dark], linewidth=1.4)
        axes.plot(sizes, noise, color=muted(dark), linewidth=1.4, linestyle=(0, (5, 3)))
        axes.axvline(found.scale, color=muted(dark), linewidth=0.9)
        label_lines(axes, [
            (sizes[-1], found.square + noise[-1], "E‖g‖² of a batch", ACCENT[dark]),
            (sizes[-1], found.square, "signal ‖G‖²", INK[dark]),
            (sizes[-1], noise[-1], "noise tr Σ / b", muted(dark)),
        ])  # fmt: skip
        axes.set_title(
            title or f"Batches above {value_text(found.scale)} examples are mostly signal"
        )
    return axes


@picture
def landscape(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    *,
    dimensions: int = 2,
    span: Any = (-1.0, 1.0),
    points: int = 25,
    seed: int = 0,
    normalise: bool = True,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the loss around parameters, along one random direction or over two of them.

    Parameters
    ----------
    loss, params, data
        ``loss(params, *data)`` is one number; losses of nets are of this form.
    dimensions
        1 for a curve, 2 for level lines.
    span, points
        How far to go, and how many points there are along a direction: the loss is computed
        ``points ** dimensions`` times.
    seed
        Of the directions.
    normalise
        Whether each filter of a direction is as long as that of the parameters; only then may
        pictures of two nets be compared.
    title
        The finding; by default how far the loss rises.

    Raises
    ------
    InputError
        For other dimensions than 1 and 2, or data that do not fit the loss.

    Source: Li et al. 2018.

    >>> ax = landscape(lambda w, x: np.sum((w * x) ** 2), np.ones((2, 2)), (np.ones(2),),
    ...                dimensions=1, points=5)
    >>> ax.get_ylabel()
    'loss'
    """
    if dimensions not in (1, 2):
        raise InputError(f"a landscape has 1 or 2 dimensions, not {dimensions!r}")
    checked_function(loss)
    low, high = interval("span", span)
    at = np.linspace(low, high, whole("points", points, 3))
    ways = [random_direction(params, seed + place) for place in range(dimensions)]
    if normalise:
        ways = [filter_normalised(way, params) for way in ways]
    found = landscape_of(loss, params, data, ways[0], at, *ways[1:])
    with panel(ax, dark, None if dimensions == 1 else (6.2, 5.0)) as axes:
        (_draw_curve if dimensions == 1 else _draw_surface)(axes, at, found, dark)
        here = float(loss(params, *data))
        top = float(found[np.isfinite(found)].max(initial=here))
        axes.set_title(
            title or f"The loss is {value_text(here)} here and rises to {value_text(top)}"
        )
    return axes


def _draw_curve(axes: Axes, at: np.ndarray, found: np.ndarray, dark: bool) -> None:
    axes.plot(at, found, color=INK[dark])
    if at[0] <= 0 <= at[-1]:
        axes.plot(0, np.interp(0, at, found), "o", color=ACCENT[dark], markersize=8, zorder=4)
    axes.set(xlim=(at[0], at[-1]), xlabel="distance α along the direction", ylabel="loss")


def _draw_surface(axes: Axes, at: np.ndarray, found: np.ndarray, dark: bool) -> None:
    """Level lines at evenly spread ranks, each with its loss written on it."""
    shown = np.ma.masked_invalid(found.T)  # its rows follow the first direction, α₁
    seen = shown.compressed()
    levels = np.unique(np.quantile(seen, np.linspace(0.03, 0.97, LEVELS))) if seen.size else []
    if len(levels) > 1 and seen.min() < seen.max():
        lines = axes.contour(at, at, shown, levels, colors=level_colours(len(levels), dark),
                             linewidths=1.3)  # fmt: skip
        axes.clabel(lines, levels[::2], fmt=value_text, fontsize=8)
    axes.plot(0, 0, "o", color=ACCENT[dark], markersize=8, zorder=4)
    axes.set(xlim=(at[0], at[-1]), ylim=(at[0], at[-1]), aspect="equal")
    axes.set(xlabel="distance α₁ along one direction", ylabel="distance α₂ along another")
    axes.grid(False)
