"""Pictures that move: a figure changed step by step, written as a GIF beside its still.

A script of the gallery may define ``frames(dark=False)``, a generator that yields one figure
again and again, changed a little each time; its last state is the still picture.  All frames
share one palette, so that a colour does not flicker, and no date or version is written, so that
the same script gives the same bytes.  A moving picture is never the only one: who asks for
reduced motion sees the still (WCAG 2.2, success criterion 2.3.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.plots.style import use_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["last_frame", "save_animation"]

DPI = 100
FRAME_MS, LAST_MS = 220, 2400  # milliseconds: one step, and the rest at the end
COLOURS = 256  # of the common palette, as many as a GIF can have
EXACT = 32  # of them are the most frequent colours as they are: background, text, data
SAMPLES = 4  # frames, evenly chosen, from which the palette is made
CHANNELS = 3


def last_frame(frames: Iterable[Figure]) -> Figure:
    """The figure in its last state: the still picture of an animation.

    Raises
    ------
    InputError
        If there is no frame.
    """
    figure = None
    for figure in frames:  # noqa: B007 - a frame is the same figure, changed
        pass
    if figure is None:
        raise InputError("an animation without frames", hint="yield the figure at least once.")
    return figure


def save_animation(
    frames: Iterable[Figure],
    path: str | Path,
    *,
    dark: bool = False,
    frame_ms: int = FRAME_MS,
    last_ms: int = LAST_MS,
) -> Path:
    """Write frames as a GIF that repeats; returns the path.  The figure is closed.

    Parameters
    ----------
    frames
        The figure at each moment.  Its layout is computed once, for the first frame, so that
        nothing but what changes moves.
    path
        A file with the suffix ``.gif``.
    dark
        Whether the background is dark.
    frame_ms, last_ms
        How long a frame and the last frame stay, in milliseconds.

    Raises
    ------
    InputError
        If there is no frame.
    """
    from matplotlib import pyplot

    pictures: list[np.ndarray] = []
    figure = None
    with use_style(dark):
        for figure in frames:
            pictures.append(_drawn(figure))
    if figure is None:
        raise InputError("an animation without frames", hint="yield the figure at least once.")
    pyplot.close(figure)
    images = _with_one_palette(pictures)
    durations = [frame_ms] * (len(images) - 1) + [last_ms]
    path = Path(path)
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], loop=0,
                   duration=durations, optimize=False)  # fmt: skip
    return path


def _drawn(figure: Any) -> np.ndarray:
    """The pixels of a figure; from its second drawing on the layout stays."""
    figure.set_dpi(DPI)
    figure.canvas.draw()
    figure.set_layout_engine("none")
    return np.array(figure.canvas.buffer_rgba())[..., :3]


def _with_one_palette(pictures: list[np.ndarray]) -> list[Any]:
    """Images of the palette that fits frames from the beginning, the middle and the end."""
    from PIL import Image

    chosen = np.unique(np.linspace(0, len(pictures) - 1, SAMPLES).round().astype(int))
    palette = _palette(np.concatenate([pictures[i] for i in chosen]))
    images = [Image.fromarray(_nearest(picture, palette)) for picture in pictures]
    for image in images:
        image.putpalette(palette.tobytes())
    return images


def _packed(pixels: np.ndarray) -> np.ndarray:
    """Each pixel as one whole number."""
    red, green, blue = pixels.reshape(-1, CHANNELS).astype(np.uint32).T
    return red << 16 | green << 8 | blue


def _unpacked(packed: np.ndarray) -> np.ndarray:
    """Colours uint8 (n, 3)."""
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.uint8)


def _nearest(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The place in the palette nearest to each pixel: uint8 (height, width)."""
    packed, places = np.unique(_packed(picture), return_inverse=True)
    wanted, given = _unpacked(packed).astype(np.float32), palette.astype(np.float32)
    gaps = (given**2).sum(axis=1) - 2 * wanted @ given.T  # ‖w − g‖² without ‖w‖²
    found = gaps.argmin(axis=1).astype(np.uint8)
    return found[places].reshape(picture.shape[:2])


def _palette(pixels: np.ndarray) -> np.ndarray:
    """Colours uint8 (n, 3): the most frequent ones, then again and again the one farthest from all.

    However rarely a colour occurs, it has one near it: a dot keeps its colour beside a map.
    Source: Gonzalez 1985, *Clustering to minimize the maximum intercluster distance*.
    """
    packed, counts = np.unique(_packed(pixels), return_counts=True)
    colours = _unpacked(packed[np.argsort(-counts, kind="stable")])
    others, chosen = colours.astype(np.float32), list(range(min(EXACT, len(colours))))
    gaps = np.full(len(others), np.inf, np.float32)
    for place in range(min(COLOURS, len(others))):
        if place == len(chosen):
            chosen.append(int(gaps.argmax()))
        gaps = np.minimum(gaps, ((others - others[chosen[place]]) ** 2).sum(axis=1))
    return colours[chosen]
