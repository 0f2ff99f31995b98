"""Drawn shapes: one disc, square or triangle per image, for segmentation and detection.

A pixel with centre (u, v), seen from the shape's centre and in units of its radius, belongs to

    the disc      u² + v² ≤ 1
    the square    max(|u|, |v|) ≤ 1
    the triangle  |v| ≤ 1  and  |u| ≤ (v + 1)/2        (v points down the image)

and the mask says so exactly.  Brightness of shape and ground, place and size are drawn from the
seed, and noise is added, so that no single pixel gives the class away.  Reading on: Everingham et
al. 2010, *The PASCAL visual object classes challenge*, for masks and boxes as targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.boxed import BoxedImages
from diffkit.nets.dataset import Dataset
from diffkit.nets.drawn import drawing

__all__ = ["Shapes", "shapes"]

SMALLEST = 8  # pixels: below it a disc and a square are the same few pixels
RADII = (0.15, 0.32)  # of the image's size
GROUND = (0.0, 0.3)  # brightness
FIGURE = (0.6, 1.0)

# Which pixels belong to a shape of radius 1, by their distance to the right and down.
INSIDE: dict[str, Callable[[Any, Any], Any]] = {
    "disc": lambda u, v: u**2 + v**2 <= 1,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) <= 1,
    "triangle": lambda u, v: (abs(v) <= 1) & (abs(u) <= (v + 1) / 2),
}
KINDS = tuple(INSIDE)
SOURCE = "discs, squares and triangles, drawn from the seed"


@dataclass(frozen=True, repr=False, eq=False)
class Shapes(Dataset):
    """Images of one shape each: ``y`` are masks; ``boxes`` and ``labels`` say where and what.

    Parameters
    ----------
    boxes
        float64 (n, 4): left, top, right, bottom, as shares of the image from 0 to 1.
    labels
        Integers (n,) from 0: disc, square, triangle (one less than in the masks).

    >>> data = shapes(4)
    >>> data.x.shape, data.y.shape, data.boxes.shape, data.labels.shape
    ((4, 16, 16, 1), (4, 16, 16), (4, 4), (4,))
    """

    boxes: np.ndarray
    labels: np.ndarray

    @property
    def strata(self) -> np.ndarray:
        """The kind of shape in each image."""
        return self.labels

    @property
    def strata_names(self) -> tuple[str, ...]:
        """What the kinds are called."""
        return KINDS

    def detection(self) -> BoxedImages:
        """The same images with targets (n, 5), four edges and the label, for ``losses.detection``.

        >>> shapes(4).detection().y.shape
        (4, 5)
        """
        y = np.concatenate([self.boxes, self.labels[:, None]], axis=1)
        return BoxedImages("shapes with boxes", self.x, y, (), self.source, KINDS)

    def classification(self) -> Dataset:
        """The same images with the kind of shape as their class.

        >>> shapes(4).classification().classes
        ('disc', 'square', 'triangle')
        """
        return Dataset("kinds of shapes", self.x, self.labels, KINDS, self.source)


def shapes(n: int = 600, size: int = 16, noise: float = 0.1, seed: int = 0) -> Shapes:
    """Images with a disc, a square or a triangle: x float64 (n, size, size, 1).

    ``y`` are integer masks (n, size, size): 0 background, 1 disc, 2 square, 3 triangle.  The result
    has ``boxes`` and ``labels``, too, and makes data sets of them with ``.detection()`` and
    ``.classification()``.

    Raises
    ------
    InputError
        For a number, size, noise or seed that makes no sense.

    Source: the definitions of the shapes at the head of this module.

    >>> data = shapes(90)
    >>> data
    Dataset(shapes: 90 × 16 × 16 × 1, 4 classes)
    >>> data.counts.tolist()[1:] == [int((data.y == k).sum()) for k in (1, 2, 3)]
    True
    """
    rng = drawing("shapes", n, noise, seed, 1)
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < SMALLEST:
        raise InputError(
            f"shapes: the images' size is {size!r}", hint=f"a whole number of {SMALLEST} or more."
        )
    labels = rng.permutation(np.arange(n) % len(KINDS))
    covered = _covered(rng, labels, int(size))
    ground, figure = (rng.uniform(*bounds, size=(n, 1, 1)) for bounds in (GROUND, FIGURE))
    images = np.where(covered, figure, ground) + noise * rng.normal(size=covered.shape)
    masks = np.where(covered, labels[:, None, None] + 1, 0)
    names = ("background", *KINDS)
    return Shapes("shapes", images[..., None], masks, names, SOURCE, _boxes(covered), labels)


def _covered(rng: np.random.Generator, labels: np.ndarray, size: int) -> np.ndarray:
    """Which pixels each shape covers, (n, size, size); every shape lies inside its image."""
    radius = size * rng.uniform(*RADII, size=len(labels))
    x, y = (rng.uniform(radius, size - radius) for _ in range(2))
    pixels = np.arange(size) + 0.5
    u = ((pixels - x[:, None]) / radius[:, None])[:, None, :]
    v = ((pixels - y[:, None]) / radius[:, None])[:, :, None]
    covered = np.zeros((len(labels), size, size), dtype=bool)
    for k, inside in enumerate(INSIDE.values()):
        own = labels == k
        covered[own] = inside(u[own], v[own])
    return covered


def _boxes(covered: np.ndarray) -> np.ndarray:
    """The smallest box around each shape, by the edges of its pixels."""
    size = covered.shape[-1]
    edges = []
    for axis in (1, 2):  # columns, then rows
        seen = np.asarray(covered.any(axis=axis))
        edges += [seen.argmax(axis=1), size - seen[:, ::-1].argmax(axis=1)]
    left, right, top, bottom = edges
    return np.stack([left, top, right, bottom], axis=1) / size
