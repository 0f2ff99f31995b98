"""Pictures of what a net sees in images: its filters, its maps, and the pixels that decide.

    w of a convolution, or of a dense layer of pixels · its maps of one image · |∂z/∂pixel|

All images of a picture are put together to one, so each function needs one ``ax`` only; part of
``dk.plots``.  Reading on: Zeiler & Fergus 2014; Simonyan, Vedaldi & Zisserman 2014.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.net import Net
from diffkit.nets.objective import Objective
from diffkit.plots.canvas import BY_THEME, mosaic, panel, picture
from diffkit.plots.nets import bare, diverging, one_sided
from diffkit.plots.of_nets import layer_of, net_of
from diffkit.training.units import outputs_of_layers
from diffkit.training.units import saliency as saliency_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["feature_maps", "filters", "saliency"]

MOST_IMAGES = 64  # of a mosaic
COLUMNS = 8
CELL = 0.85  # inches of an image of a mosaic


@picture
def filters(
    net: Net | Objective,
    params: Any,
    *,
    layer: str | None = None,
    shape: tuple[int, int] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the weights of a layer as small images: blue negative, red positive.

    Parameters
    ----------
    net, params
        A net (or its objective), and its parameters.
    layer
        Its name; by default the first with weights.
    shape
        Height and width of the inputs of a dense layer; by default a square.
    title
        The finding; by default how many filters there are.

    Returns
    -------
    The axes, with all filters in one image; there are 64 at most, a convolution's first input
    channel first.

    Raises
    ------
    InputError
        For a layer without weights, or inputs that are not of this shape.

    >>> import diffkit as dk
    >>> net = dk.nets.cnn((8, 8, 1), classes=3)
    >>> dk.plots.filters(net, net.init(0)).get_title(loc="left").endswith("of conv1, 3 × 3")
    True
    """
    net_of(net)
    weighted = {name: held["w"] for name, held in params.items() if "w" in held}
    name = layer or next(iter(weighted), "")
    w = np.asarray(layer_of(weighted, name), float)
    if w.ndim == 4:
        images = np.moveaxis(w, (2, 3), (0, 1)).reshape(-1, *w.shape[:2])
    else:
        images = _as_images(w.reshape(w.shape[0], -1).T, shape)
    high, wide = images.shape[1:]
    with panel(ax, dark, _mosaic_size(images)) as axes:
        _show(axes, images, dark, signed=True)
        axes.set_title(title or f"{len(images)} filters of {name}, {high} × {wide}")
    return axes


def _as_images(rows: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    """Rows of numbers as images of one channel."""
    size = rows.shape[1]
    high, wide = (isqrt(size), isqrt(size)) if shape is None else shape
    if high * wide != size:
        raise InputError(
            f"{size} numbers are no image{'' if shape is None else f' of {high} × {wide}'}",
            hint="give shape=(height, width).",
        )
    return rows.reshape(-1, high, wide)


def _mosaic_size(images: np.ndarray) -> tuple[float, float]:
    count = min(len(images), MOST_IMAGES)
    columns = min(count, COLUMNS)
    ratio = images.shape[1] / images.shape[2]
    return max(CELL * columns + 0.4, 3.6), CELL * ratio * -(-count // columns) + 0.7


def _show(axes: Axes, images: np.ndarray, dark: bool, *, signed: bool) -> None:
    """A mosaic: signs in two colours around zero, or one colour from the background upwards."""
    count = min(len(images), MOST_IMAGES)
    whole = mosaic(images[:count], min(count, COLUMNS))
    limit = float(np.nanmax(np.abs(whole))) or 1.0
    colours = diverging(dark) if signed else "gray" if dark else "gray_r"
    axes.imshow(whole, cmap=colours, vmin=-limit if signed else 0.0, vmax=limit,
                interpolation="nearest")  # fmt: skip
    bare(axes)


@picture
def feature_maps(
    net: Net | Objective,
    params: Any,
    image: Any,
    *,
    layer: str | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw what each channel of a layer answers to one image.

    Parameters
    ----------
    net, params
        A net (or its objective), and its parameters.
    image
        One input, of the net's input shape.
    layer
        Its name; by default the first whose output is an image of several channels.
    title
        The finding; by default the layer and its size.

    Returns
    -------
    The axes, with all maps in one image, 64 at most.

    Raises
    ------
    ShapeError
        When the image does not fit the net.
    InputError
        For a layer that gives no maps.

    Source: Zeiler & Fergus 2014.

    >>> import diffkit as dk
    >>> net = dk.nets.cnn((8, 8, 1), classes=3)
    >>> ax = dk.plots.feature_maps(net, net.init(0), np.ones((8, 8, 1)))
    >>> ax.get_title(loc="left")[:5]
    'conv1'
    """
    found = net_of(net)
    outputs = outputs_of_layers(found, params, np.asarray(image, float)[None])
    maps = {name: value[0] for name, value in outputs.items() if value.ndim == 4}
    name = layer or next(iter(maps), "")
    stack = np.moveaxis(np.asarray(layer_of(maps, name)), -1, 0)
    with panel(ax, dark, _mosaic_size(stack)) as axes:
        _show(axes, stack, dark, signed=bool((stack < 0).any()))
        high, wide = stack.shape[1:]
        axes.set_title(title or f"{name}: {len(stack)} maps of {high} × {wide}")
    return axes


@picture
def saliency(
    net: Net | Objective,
    params: Any,
    image: Any,
    *,
    classes: Any = None,
    shape: tuple[int, int] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw images, and below each how strongly every pixel moves the score of its class.

    Parameters
    ----------
    net, params
        A net (or its objective), and its parameters.
    image
        One input of the net's shape, or several ``(n, …)``, eight at most.
    classes
        One class for each image; by default those that the net predicts.
    shape
        Height and width where inputs are flat; by default a square.
    title
        The finding; by default the classes.

    Returns
    -------
    The axes, with all in one image.

    Raises
    ------
    InputError
        When there is not one class for each image, or inputs are no images.
    ShapeError
        When the images do not fit the net.

    Source: Simonyan, Vedaldi & Zisserman 2014, section 3.

    >>> import diffkit as dk
    >>> net = dk.nets.softmax_classifier(9, 2)
    >>> dk.plots.saliency(net, net.init(0), np.eye(3).ravel(), classes=[1]).get_title(loc="left")
    'What decides for class 1'
    """
    found = net_of(net)
    batch = np.asarray(image, float)
    batch = (batch[None] if batch.shape == found.input_shape else batch)[:COLUMNS]
    felt = saliency_of(found, params, batch, classes)
    chosen = found.predict(params, batch) if classes is None else np.asarray(classes)
    pictures = [_images_of(batch, shape), _images_of(felt, shape)]
    sized = [row / np.maximum(np.abs(row).max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
             for row in pictures]  # fmt: skip
    with panel(ax, dark, _mosaic_size(np.repeat(pictures[0], 2, axis=0)[: 2 * COLUMNS])) as axes:
        both = np.concatenate(sized)
        whole = mosaic(both, len(batch))
        axes.imshow(whole, cmap="gray" if dark else "gray_r", vmin=0, vmax=1,
                    interpolation="nearest")  # fmt: skip
        lower = whole.copy()
        lower[: both.shape[1] + 1] = np.nan
        axes.imshow(lower, cmap=one_sided(dark), vmin=0, vmax=1, interpolation="nearest")
        bare(axes)
        words = ", ".join(map(str, chosen.tolist()))
        axes.set_title(title or f"What decides for class{'es' * (len(chosen) > 1)} {words}")
    return axes


def _images_of(batch: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    """Images of one channel: flat ones get their shape, of several channels the largest counts."""
    if batch.ndim == 2:
        return _as_images(batch, shape)
    return np.abs(batch).max(axis=-1) if batch.ndim == 4 else batch
