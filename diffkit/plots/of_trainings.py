"""Pictures of a training: its curves, the signal at every layer, ratios, sharpness, histograms.

    L over epochs · log₁₀‖∂L/∂a‖ at every layer and update · ‖ΔW‖/‖W‖ · λ_max beside 2/η

They take the run that ``dk.train`` returned, or its signal, and are part of ``dk.plots``.
Reading on: docs/signal.md for how to read each; Cohen et al. 2021 for the edge of stability.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.plots.canvas import BY_THEME, panel, picture
from diffkit.plots.signal import loose_grid, plot_histograms, plot_ratios, plot_sharpness
from diffkit.plots.style import INK, label_lines
from diffkit.plots.training import plot_curves, plot_run, plot_signal
from diffkit.training.run import Run
from diffkit.training.signal import Signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves", "histograms", "run", "sharpness", "signal", "update_ratio"]


FAR = 20.0  # times the sharpness: if the edge is as far, the axis is logarithmic


def _run_of(given: Any) -> Run:
    if not isinstance(given, Run):
        raise InputError(
            f"expected a run, not a {type(given).__name__}", hint="it is what dk.train returns."
        )
    return given


def _signal_of(given: Any) -> Signal:
    if isinstance(given, Signal):
        return given
    return _run_of(given).signal


def _recorded(given: Any) -> Signal:
    """The signal of every layer, which has to be asked for.

    Raises
    ------
    InputError
        When there is none.
    """
    found = _signal_of(given)
    if not found.steps:
        raise InputError("no signal was recorded", hint='train with record=("loss", "signal").')
    return found


@picture
def run(run: Run, *, ax: Axes | None = None, dark: bool = BY_THEME) -> Figure:
    """Draw a training: its curves and, where it was recorded, the signal at every layer below.

    Parameters
    ----------
    run
        What ``dk.train`` returned.
    ax, dark
        Where to draw the curves alone (a figure with all there is if left out), and on which
        background.

    Returns
    -------
    The figure, which has two panels where the signal was recorded.

    Raises
    ------
    InputError
        For something that is no run.

    >>> import diffkit as dk
    >>> found = dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (np.ones(4),), epochs=2)
    >>> len(dk.plots.run(found).axes)
    1
    """
    return plot_run(_run_of(run), ax, dark=dark)


@picture
def curves(
    run: Run,
    *,
    log: bool = True,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the loss of every update and every epoch, and on held-out data, over the epochs.

    Parameters
    ----------
    run
        What ``dk.train`` returned.
    log
        Whether the loss has a logarithmic axis, where it is positive.
    title
        The finding; by default what the training came to.

    Raises
    ------
    InputError
        For something that is no run.

    >>> import diffkit as dk
    >>> found = dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (np.ones(4),), epochs=5)
    >>> dk.plots.curves(found).get_ylabel()
    'loss'
    """
    found = _run_of(run)
    with panel(ax, dark) as axes:
        plot_curves(found, axes, dark=dark, title=title, log=log)
    return axes


@picture
def signal(
    run: Run | Signal,
    *,
    quantity: str = "cotangent",
    title: str = "The learning signal at every layer",
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the learning signal as a heat map: layers upwards, updates to the right.

    Parameters
    ----------
    run
        What ``dk.train`` returned with ``record=("loss", "signal")``, or its ``signal``.
    quantity
        ``"cotangent"`` or ``"activation"`` of layers; ``"gradient"``, ``"update"`` or ``"weight"``
        of parameters.
    title
        The finding.

    Raises
    ------
    InputError
        When no signal was recorded, or the quantity is unknown.

    >>> import diffkit as dk
    >>> net = dk.nets.mlp([2, 4, 2])
    >>> found = dk.train(net.with_loss(dk.losses.cross_entropy), net.init(0),
    ...                  (np.eye(2), np.arange(2)), epochs=3, record=("loss", "signal"))
    >>> [tick.get_text() for tick in dk.plots.signal(found).get_yticklabels()]
    ['dense1', 'dense2']
    """
    found = _recorded(run)
    found.table(quantity)  # which refuses an unknown one
    with panel(ax, dark) as axes:
        plot_signal(found, axes, quantity=quantity, dark=dark, title=title)
    return axes


@picture
def update_ratio(
    run: Run | Signal,
    *,
    names: Sequence[str] | None = None,
    title: str = "Each update over its weights",
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw ‖ΔW‖/‖W‖ of the weights over the updates, beside the usual 10⁻³ to 10⁻².

    Parameters
    ----------
    run
        What ``dk.train`` returned with ``record=("loss", "signal")``, or its ``signal``.
    names
        Parameters such as ``"dense1/w"``; by default all weights.
    title
        The finding.

    Raises
    ------
    InputError
        When it was not recorded.

    Source: Karpathy 2016, notes of the course CS231n.

    >>> import diffkit as dk
    >>> net = dk.nets.mlp([2, 4, 2])
    >>> found = dk.train(net.with_loss(dk.losses.cross_entropy), net.init(0),
    ...                  (np.eye(2), np.arange(2)), epochs=3, record=("loss", "signal"))
    >>> dk.plots.update_ratio(found).get_ylabel()
    '‖ΔW‖ / ‖W‖'
    """
    found = _recorded(run)
    with panel(ax, dark) as axes:
        lines = plot_ratios(found, axes, names=names, dark=dark)
        loose_grid(axes)
        shown = [n for n in found.parameters if n.endswith("w")] if names is None else list(names)
        labels = []
        for line, name in zip(lines, shown, strict=True):
            y = np.asarray(line.get_ydata(), float)
            seen = np.flatnonzero(np.isfinite(y))
            if len(seen):
                labels.append((found.steps[seen[-1]], y[seen[-1]], name, line.get_color()))
        label_lines(axes, labels)
        axes.set_title(title)
    return axes


@picture
def sharpness(
    run: Run | Signal, *, title: str | None = None, ax: Axes | None = None, dark: bool = BY_THEME
) -> Axes:
    """Draw the largest curvature of the loss over the updates, and the edge of stability 2/η.

    Parameters
    ----------
    run
        What ``dk.train`` returned with ``record=("loss", "sharpness")``, or its ``signal``.
    title
        The finding; by default how near to the edge the training ended.

    Raises
    ------
    InputError
        When the sharpness was not recorded.

    Source: Cohen et al. 2021.

    >>> import diffkit as dk
    >>> found = dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (np.ones(4),), epochs=3,
    ...                  record=("loss", "sharpness"))
    >>> dk.plots.sharpness(found).get_ylabel()
    'sharpness λ'
    """
    found = _signal_of(run)
    values, edges = found.measured("sharpness"), found.measured("edge")
    with panel(ax, dark) as axes:
        plot_sharpness(found, axes, dark=dark)
        if max(edges) > FAR * min(values) > 0:
            axes.set_yscale("log")
            loose_grid(axes)
        last = found.measured("step")[-1]
        ends = [(last, values[-1], "sharpness", INK[dark]), (last, edges[-1], "2/η", INK[dark])]
        label_lines(axes, [end for end in ends if isfinite(end[1])])
        axes.set_title(title or f"Sharpness ends at {values[-1] / edges[-1]:.0%} of 2/η")
    return axes


@picture
def histograms(
    run: Run | Signal,
    name: str,
    *,
    quantity: str = "activation",
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw how the values of a layer or parameter are spread, a column for each measurement.

    Parameters
    ----------
    run
        What ``dk.train`` returned with ``record=("loss", "histograms")``, or its ``signal``.
    name
        A layer such as ``"dense1"``, or a parameter such as ``"dense1/w"``.
    quantity
        ``"activation"``, or another of which histograms were recorded.
    title
        The finding; by default what is shown.

    Raises
    ------
    InputError
        When there are no such histograms.

    >>> import diffkit as dk
    >>> net = dk.nets.mlp([2, 4, 2])
    >>> found = dk.train(net.with_loss(dk.losses.cross_entropy), net.init(0),
    ...                  (np.eye(2), np.arange(2)), epochs=3, record=("loss", "histograms"))
    >>> dk.plots.histograms(found, "dense1").get_ylabel()
    'activation of dense1'
    """
    found = _signal_of(run)
    with panel(ax, dark) as axes:
        plot_histograms(found, axes, name, quantity=quantity, dark=dark)
        axes.set_title(title or f"Where each {quantity} of {name} lies while it learns")
    return axes
