"""Pictures of a training: its curves, and the learning signal at every layer and step.

The curves show the loss over the epochs, the training data in ink and the held-out data in the
accent colour; the gap between them is what did not generalise.  The heat map shows

    log₁₀ ‖∂L/∂a‖   for every layer a (upwards) and every recorded step (to the right),

the norm of the cotangent and not of the weights' gradient, in which shrinking activations and
growing cotangents can cancel (Glorot & Bengio 2010, section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.nets.convolutional import softmax
from diffkit.plots.nets import plot_boundary
from diffkit.plots.style import INK, label_lines, muted, save, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diffkit.training.run import Run
    from diffkit.training.signal import Signal

__all__ = ["ACCENT", "plot_curves", "plot_run", "plot_signal", "save_pictures"]

ACCENT = {False: "#96650A", True: "#E8B93B"}  # no method has it; from the warm end of cividis
MOST_COLUMNS = 300  # of a heat map: more would be narrower than a pixel
MIDDLE = 0.5  # a mean over an epoch belongs to its middle, a test to its end
LABEL_ROOM = 1.24  # the horizontal axis over the last epoch, for the labels at the lines' ends
NORM_NAMES = {
    "activation": "‖a‖",
    "cotangent": "‖∂L/∂a‖",
    "gradient": "‖∂L/∂W‖",
    "update": "‖ΔW‖",
    "weight": "‖W‖",
}
RUN_SIZE = (7.2, 6.6)  # inches, of curves above a heat map


def plot_run(run: Run, ax: Axes | None = None, *, dark: bool = False) -> Figure:
    """The training curves and, if it was recorded, the learning signal below them.

    Parameters
    ----------
    run
        What ``dk.train`` returned.
    ax
        Where to draw the curves; by default a new figure with all there is.
    dark
        Whether the background is dark.

    Returns
    -------
    The figure, on which nothing is left to do but ``savefig`` or ``show``.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        if ax is not None:
            plot_curves(run, ax, dark=dark)
            return ax.figure  # type: ignore[return-value]
        if not run.signal.steps:
            figure, axes = plt.subplots()
            plot_curves(run, axes, dark=dark)
            return figure
        figure, (upper, lower) = plt.subplots(2, 1, figsize=RUN_SIZE)
        plot_curves(run, upper, dark=dark)
        plot_signal(run.signal, lower, dark=dark)
    return figure


# Curves -----------------------------------------------------------------------------------------


def plot_curves(
    run: Run, axes: Axes, *, dark: bool = False, title: str | None = None, log: bool = True
) -> None:
    """The loss of every update (thin), of every epoch, and on held-out data, over the epochs."""
    losses = np.asarray(run.history["loss"], dtype=float)
    per_epoch = run.batches.per_epoch
    if log and len(losses) and (losses > 0).all():
        axes.set_yscale("log")
    axes.plot(np.arange(len(losses)) / per_epoch, losses, color=muted(dark), linewidth=0.6,
              alpha=0.45)  # fmt: skip
    curves = [
        _curve(axes, run, "epoch_loss", "accuracy", ("training", INK[dark]), MIDDLE),
        _curve(axes, run, "validation_loss", "validation_accuracy",
               (held_out_part(run), ACCENT[dark]), 0.0),
    ]  # fmt: skip
    epochs = max(len(losses) / per_epoch, 1.0)
    # behind the thin curve's end, wherever a bold one ends
    labels = [(epochs, *curve) for curve in curves if curve is not None]
    axes.set_xlim(0, epochs * LABEL_ROOM)
    axes.spines["bottom"].set_bounds(0, epochs)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= epochs])
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.set_title(finding(run) if title is None else title)
    label_lines(axes, labels)


def held_out_part(run: Run) -> str:
    """What the held-out data are: a test, unless something could be chosen by them.

    The command line measures the test part while nothing is chosen by it, and says so in its
    recipe; what ``dk.train`` is given as ``validation`` is called that.
    """
    recipe = run.config.get("recipe")
    return "test" if isinstance(recipe, dict) and not recipe.get("choose") else "validation"


def _curve(
    axes: Axes, run: Run, loss: str, accuracy: str, look: tuple[str, str], lag: float
) -> tuple[float, str, str] | None:
    """A line through the epochs; where it ends, what to write there, and the colour."""
    values = run.history.get(loss, [])
    if not values:
        return None
    name, colour = look
    axes.plot(np.arange(1, len(values) + 1) - lag, values, color=colour,
              marker="o" if len(values) == 1 else "")  # fmt: skip
    shares = run.history.get(accuracy)
    text = f"{name}\n{shares[-1]:.1%} right" if shares else f"{name}\n{values[-1]:.3g}"
    return values[-1], text, colour


def finding(run: Run) -> str:
    """What a training came to, in words.

    It is the divergence, overlap or accuracy on held-out data, or the loss before and after.
    """
    if run.diverged is not None:
        place = run.diverged.layer or "the loss"
        return f"Diverged in epoch {run.diverged.epoch + 1} at {place}"
    share, overlap = (run.history.get(f"validation_{name}") for name in ("accuracy", "iou"))
    if share:
        epochs = len(share)
        part = held_out_part(run)
        if overlap:
            return f"IoU {overlap[-1]:.1%} on the {part} examples after {epochs} epochs"
        return f"{share[-1]:.1%} of the {part} examples right after {epochs} epochs"
    losses = run.history["loss"]
    return f"Loss from {losses[0]:.3g} to {losses[-1]:.3g}" if losses else "Nothing was trained"


# The learning signal ----------------------------------------------------------------------------


def plot_signal(
    signal: Signal,
    axes: Axes,
    *,
    quantity: str = "cotangent",
    dark: bool = False,
    title: str = "The learning signal at every layer",
    limits: tuple[float, float] | None = None,
    bar: bool = True,
) -> Any:
    """A heat map of one norm, layers upwards and steps to the right; returns the image.

    ``limits`` are those of the colours; by default the smallest and largest positive norm.
    """
    from matplotlib.colors import LogNorm

    table, edges = binned(signal.table(quantity), signal.steps)
    names = signal.layers if quantity in signal.LAYER_QUANTITIES else signal.parameters
    positive = table[table > 0]
    low, high = limits or ((positive.min(), positive.max()) if positive.size else (0.1, 1.0))
    norm = LogNorm(low, high if high > low else low * 10.0)
    shown = np.where(table > 0, table, np.nan)
    image = axes.pcolormesh(edges, np.arange(len(names) + 1), shown.T, norm=norm)
    axes.grid(False)
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("update")
    axes.set_title(title)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    if bar:
        colours = axes.figure.colorbar(image, ax=axes, pad=0.02, aspect=22)
        colours.outline.set_visible(False)  # type: ignore[operator]
        colours.ax.set_title(NORM_NAMES[quantity], fontsize=9, fontweight="normal", loc="left")
    return image


def binned(table: np.ndarray, steps: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows averaged (geometrically) until there are few enough to see, and their edges.

    >>> rows, edges = binned(np.ones((600, 2)), range(600))
    >>> rows.shape, edges.shape
    ((300, 2), (301,))
    """
    count = len(steps)
    size = -(-count // MOST_COLUMNS)
    starts = range(0, count, size)
    logs = np.log(np.where(table > 0, table, np.nan))
    with np.errstate(all="ignore"):
        rows = np.array([np.exp(np.mean(logs[start : start + size], axis=0)) for start in starts])
    stride = steps[1] - steps[0] if count > 1 else 1
    edges = np.array([*(steps[start] for start in starts), steps[-1] + stride], dtype=float)
    return np.where(np.isfinite(rows), rows, 0.0), edges


# Files ------------------------------------------------------------------------------------------


def save_pictures(
    run: Run, folder: Path, net: Any, data: Sequence[np.ndarray], *, dark: bool = False,
    found: Any = None,
) -> list[Path]:  # fmt: skip
    """Write ``curves.png``, ``signal.png`` and, for two classes in the plane, ``boundary.png``.

    ``found`` are examples ``(x, y)`` that were held out, and the names of what is in them: where a
    net gives masks or boxes, it is drawn beside the truth, as ``masks.png`` or ``boxes.png``.
    """
    import matplotlib.pyplot as plt

    def boundary(axes: Axes) -> None:
        x, y = data
        plot_boundary(lambda points: softmax(net(run.params, points))[:, 1], x, y, axes, dark=dark)
        axes.set_title(finding(run))

    drawings: dict[str, Any] = {"curves": lambda axes: plot_curves(run, axes, dark=dark)}
    if run.signal.steps:
        drawings["signal"] = lambda axes: plot_signal(run.signal, axes, dark=dark)
    if data[0].shape[1:] == (2,) and net.shapes[-1] == (2,):
        drawings["boundary"] = boundary
    paths = []
    for name, drawing in drawings.items():
        with use_style(dark):
            figure, axes = plt.subplots()
            drawing(axes)
        paths.append(save(figure, folder / f"{name}.png"))
        plt.close(figure)
    if found is not None and getattr(run.loss, "overlaps", False):
        from diffkit.plots.overlaps import save_overlaps

        paths.append(save_overlaps(run, folder, *found, dark=dark))
    return paths
