"""Two small nets over real digits, as cases to compare methods on, in plain NumPy.

    MLP   scores = tanh(x W₁ + b₁) W₂ + b₂
    CNN   scores = flatten(pool(relu(conv(x, k) + b₁))) W₂ + b₂

Both are followed by the mean cross-entropy.  A batch of 32 images keeps the truth at 100 digits
below half a minute.  The biases are drawn as well: with biases of zero every blank corner of an
image would sit exactly on the kink of the rectifier, where there is no derivative to compare.
Reading on: LeCun et al. 1998, *Gradient-based learning applied to document recognition*.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from diffkit.primitives.convolution import conv2d
from diffkit.primitives.reductions import logsumexp

__all__ = ["BATCH", "cnn_arguments", "cnn_loss", "mlp_arguments", "mlp_loss"]

BATCH = 32
HIDDEN, FILTERS, CLASSES = 16, 4, 10
SIDE, PIXELS = 8, 64
GREY_LEVELS = 16.0  # scikit-learn's digits count 0 to 16 dark pixels per cell
SEED = 0
BIAS_SPREAD = 0.1
MLP_SHAPES = ((PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,))
POOLED = (SIDE // 2) ** 2 * FILTERS
CNN_SHAPES = ((3, 3, 1, FILTERS), (FILTERS,), (POOLED, CLASSES), (CLASSES,))
PADDING = ((1, 1), (1, 1))  # a 3 × 3 filter keeps the size of the image


def cross_entropy(scores: Any, labels: Any) -> Any:
    """The mean over the rows of log Σ eˢ − s_label."""
    chosen = labels[:, None] == np.arange(CLASSES)
    return np.mean(logsumexp(scores, axes=(1,)) - np.sum(np.where(chosen, scores, 0.0), axis=1))


def mlp_loss(w1: Any, b1: Any, w2: Any, b2: Any, pixels: Any, labels: Any) -> Any:
    """The loss of a net 64-16-10 with tanh; pixels are rows of 64 numbers from 0 to 16.

    >>> pixels, labels = np.zeros((2, 64)), np.array([3, 7])
    >>> zeros = [np.zeros(shape) for shape in MLP_SHAPES]
    >>> round(float(mlp_loss(*zeros, pixels, labels)), 4)  # ln 10
    2.3026
    """
    hidden = np.tanh((pixels / GREY_LEVELS) @ w1 + b1)
    return cross_entropy(hidden @ w2 + b2, labels)


def cnn_loss(k: Any, b1: Any, w2: Any, b2: Any, pixels: Any, labels: Any) -> Any:
    """The loss of a net of 4 filters 3 × 3, rectifier, max pooling 2 × 2 and a dense layer.

    >>> pixels, labels = np.zeros((2, 64)), np.array([3, 7])
    >>> zeros = [np.zeros(shape) for shape in CNN_SHAPES]
    >>> round(float(cnn_loss(*zeros, pixels, labels)), 4)  # ln 10
    2.3026
    """
    images = np.reshape(pixels / GREY_LEVELS, (pixels.shape[0], SIDE, SIDE, 1))
    maps = np.maximum(conv2d(images, k, stride=(1, 1), padding=PADDING) + b1, 0.0)
    cells = np.reshape(maps, (pixels.shape[0], SIDE // 2, 2, SIDE // 2, 2, FILTERS))
    pooled = np.max(cells, axis=(2, 4))
    return cross_entropy(np.reshape(pooled, (pixels.shape[0], POOLED)) @ w2 + b2, labels)


def _arguments(shapes: Any, pixels: np.ndarray, labels: np.ndarray) -> tuple[Any, ...]:
    generator = np.random.default_rng(SEED)
    spreads = [BIAS_SPREAD if len(shape) == 1 else 1 / sqrt(prod(shape[:-1])) for shape in shapes]
    parameters = [generator.normal(0.0, *of) for of in zip(spreads, shapes, strict=True)]
    return (*parameters, pixels[:BATCH], labels[:BATCH])


def mlp_arguments(pixels: np.ndarray, labels: np.ndarray) -> tuple[Any, ...]:
    """Drawn parameters of the MLP, and the first images."""
    return _arguments(MLP_SHAPES, pixels, labels)


def cnn_arguments(pixels: np.ndarray, labels: np.ndarray) -> tuple[Any, ...]:
    """Drawn parameters of the CNN, and the first images."""
    return _arguments(CNN_SHAPES, pixels, labels)
