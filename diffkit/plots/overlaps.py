"""Masks and boxes of a net beside the truth, example by example, each with its overlap.

    above: the image        middle: the mask there should be        below: the mask of the net

A box is drawn into its image: dashed the one there is, solid the one that the net gives.  The
colours of the classes are none of a method's, and the ground has none.  The number below is IoU,
intersection over union (of masks: the mean over what is in the image).  Reading on:
``diffkit.nets.overlap``; Everingham et al. 2010, *The PASCAL visual object classes challenge*.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.nets.overlap import box_iou, mask_iou
from diffkit.plots.nets import bare
from diffkit.plots.style import save, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from diffkit.training.run import Run

__all__ = ["KIND_COLOURS", "plot_boxes", "plot_masks", "save_overlaps"]

SHOWN = 6  # examples, side by side
# After Tol 2021, *Colour schemes*, "bright": told apart by colour-blind readers on either ground.
KIND_COLOURS = ("#66CCEE", "#EE6677", "#CCBB44", "#AA3377", "#4477AA", "#228833")
WIDTH = 7.2  # inches
GROUND = {False: "#E4E7EA", True: "#2A3138"}
EDGES = 4


def plot_masks(
    images: np.ndarray,
    truth: np.ndarray,
    found: np.ndarray,
    names: Sequence[str] = (),
    *,
    dark: bool = False,
) -> Figure:
    """Images (n, h, w, c), their masks and the masks of a net, (n, h, w) each, in columns.

    ``names`` are those of the classes, the ground first.
    """
    import matplotlib.pyplot as plt

    with use_style(dark):
        figure, rows = plt.subplots(3, len(images), figsize=(WIDTH, WIDTH * 3.6 / SHOWN),
                                    squeeze=False)  # fmt: skip
        for column, (image, right, mine) in enumerate(zip(images, truth, found, strict=True)):
            _image(rows[0][column], image)
            _mask(rows[1][column], right, dark)
            _mask(rows[2][column], mine, dark)
            overlap = mask_iou(mine, right, np.unique(right))
            rows[2][column].set_xlabel(f"IoU {overlap:.2f}", fontsize=9)
        for axes, words in zip(rows[:, 0], ("image", "truth", "net"), strict=True):
            axes.set_ylabel(words)
        _legend(figure, names[1:], sorted({int(k) for k in np.union1d(truth, found) if k > 0}))
    return figure


def plot_boxes(
    images: np.ndarray,
    truth: np.ndarray,
    found: np.ndarray,
    names: Sequence[str] = (),
    *,
    dark: bool = False,
) -> Figure:
    """Images (n, h, w, c) with their boxes and those of a net, (n, 5): four edges and a label."""
    import matplotlib.pyplot as plt

    with use_style(dark):
        figure, (row,) = plt.subplots(1, len(images), figsize=(WIDTH, WIDTH * 1.75 / SHOWN),
                                      squeeze=False)  # fmt: skip
        overlaps = box_iou(found[:, :EDGES], truth[:, :EDGES])
        for axes, image, right, mine, overlap in zip(
            row, images, truth, found, overlaps, strict=True
        ):
            _image(axes, image)
            _box(axes, right, image.shape, "--")
            _box(axes, mine, image.shape, "-")
            wrong = names[int(mine[EDGES])] if names else str(int(mine[EDGES]))
            wrong = f"\ntaken for {wrong}" if mine[EDGES] != right[EDGES] else ""
            axes.set_xlabel(f"IoU {overlap:.2f}{wrong}", fontsize=9)
        kinds = sorted({int(k) + 1 for k in (*truth[:, EDGES], *found[:, EDGES])})
        _legend(figure, names, kinds)
    return figure


def save_overlaps(
    run: Run, folder: Path, data: Sequence[np.ndarray], names: Sequence[str], *, dark: bool = False
) -> Path:
    """Write ``masks.png`` or ``boxes.png``: the first examples, with what the run gives them."""
    import matplotlib.pyplot as plt

    net: Any = run.loss.net  # type: ignore[attr-defined]
    chosen = _varied(np.asarray(data[1]))
    x, y = (np.asarray(part)[chosen] for part in data)
    images = net.batch(x) if hasattr(net, "batch") else x
    scores = np.asarray(net(run.params, x))
    with use_style(dark):
        if scores.ndim > 2:
            name, figure = "masks", plot_masks(images, y, scores.argmax(axis=-1), names, dark=dark)
        else:
            kinds = scores[:, EDGES:].argmax(axis=-1)
            found = np.concatenate([scores[:, :EDGES], kinds[:, None]], axis=1)
            name, figure = "boxes", plot_boxes(images, y, found, names, dark=dark)
        figure.suptitle(_finding(run, name), x=0.01, ha="left", fontsize=12, fontweight="bold")
    path = save(figure, folder / f"{name}.png", dark=dark)
    plt.close(figure)
    return path


def _varied(targets: np.ndarray) -> np.ndarray:
    """The places of the first examples, each kind in its turn; in their order."""
    boxes = targets.ndim == len(("example", "edge"))
    kinds = targets[:, EDGES] if boxes else targets.max(axis=(1, 2))
    turn = np.array([np.sum(kinds[:k] == kind) for k, kind in enumerate(kinds)])
    return np.sort(np.argsort(turn, kind="stable")[:SHOWN])


def _finding(run: Run, name: str) -> str:
    """What the net came to, in words."""
    shares = run.history.get("validation_iou") or run.history.get("iou")
    said = f"overlap with the truth by {shares[-1]:.0%} (IoU)" if shares else "beside the truth"
    return f"The net's {name} {said} after {len(run.history['epoch_loss'])} epochs"


# Parts --------------------------------------------------------------------------------------------


def _image(axes: Axes, image: np.ndarray) -> None:
    """One image; grey if it has one channel, else the first three as colours."""
    low, high = float(image.min()), float(image.max())
    shown = (image - low) / (high - low if high > low else 1.0)
    shown = shown[..., :3] if shown.shape[-1] >= 3 else shown[..., 0]
    axes.imshow(shown, cmap="gray", interpolation="nearest")
    bare(axes)


def _mask(axes: Axes, mask: np.ndarray, dark: bool) -> None:
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(GROUND[dark]), *map(to_rgb, KIND_COLOURS)])
    kinds = np.where(mask > 0, (mask - 1) % len(KIND_COLOURS) + 1, 0)
    axes.imshow(colours[kinds], interpolation="nearest")
    bare(axes)


def _box(axes: Axes, box: np.ndarray, shape: Sequence[int], line: str) -> None:
    """A box by its edges, which are shares of the image."""
    from matplotlib.patches import Rectangle

    height, width = shape[:2]
    left, top, right, bottom = box[:EDGES] * (width, height, width, height) - 0.5
    colour = KIND_COLOURS[int(box[EDGES]) % len(KIND_COLOURS)]
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False,
                             edgecolor=colour, linestyle=line, linewidth=1.8))  # fmt: skip


def _legend(figure: Figure, names: Sequence[str], kinds: Sequence[int]) -> None:
    """The names of the classes that occur (counted from 1), in their colours."""
    from matplotlib.patches import Patch

    patches = [Patch(color=KIND_COLOURS[(kind - 1) % len(KIND_COLOURS)],
                     label=names[kind - 1] if kind <= len(names) else str(kind))
               for kind in kinds[:len(KIND_COLOURS)]]  # fmt: skip
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=9)
