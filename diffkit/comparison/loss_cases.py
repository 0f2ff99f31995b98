"""Every loss on softmax regression, a small MLP and a small CNN, over real digits.

    softmax   z = x W + b
    MLP       z = tanh(x W₁ + b₁) W₂ + b₂
    CNN       z = flatten(pool(tanh(conv(x, k) + b₁))) W₂ + b₂        (pooling by the mean)

The losses are those of ``diffkit.losses``, written out in plain NumPy: a case is a function that
anybody could have written, and a test holds each against its namesake.  Regression losses compare
the scores with one-hot rows; the losses for two classes are summed over "this digit or another".
The images are the first of scikit-learn's, of 8 × 8 grey levels between 0 and 1.  Smooth
activations keep the kinks to those that the losses themselves have.

Reading on: Goodfellow, Bengio & Courville 2016, *Deep Learning*, section 6.2; for each loss the
source that its docstring names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod, sqrt
from typing import Any

import numpy as np

from diffkit.primitives.convolution import conv2d
from diffkit.primitives.reductions import logsumexp

__all__ = ["BATCH", "LOSSES", "NETS", "arguments_of_net", "loss_of_net"]

BATCH = 8
HIDDEN, FILTERS, CLASSES = 8, 2, 10
SIDE, PIXELS = 8, 64
GREY_LEVELS = 16.0  # scikit-learn's digits count 0 to 16 dark pixels per cell
SEED, BIAS_SPREAD = 1, 0.1
HUBER_DELTA = 1.0
PADDING = ((1, 1), (1, 1))  # a 3 × 3 filter keeps the size of the image
POOLED = (SIDE // 2) ** 2 * FILTERS


def mse(scores: Any, one_hot: Any) -> Any:
    """The mean of (z − t)² (Legendre 1805)."""
    return np.mean((scores - one_hot) ** 2)


def mae(scores: Any, one_hot: Any) -> Any:
    """The mean of |z − t| (Laplace 1774)."""
    return np.mean(np.abs(scores - one_hot))


def huber(scores: Any, one_hot: Any) -> Any:
    """The mean of r²/2, or of |r| − ½ beyond 1 (Huber 1964)."""
    r = scores - one_hot
    size = np.abs(r)
    straight = HUBER_DELTA * (size - 0.5 * HUBER_DELTA)
    return np.mean(np.where(size <= HUBER_DELTA, 0.5 * r**2, straight))


def cross_entropy(scores: Any, one_hot: Any) -> Any:
    """The mean of log Σ e^(z − z_t) (Goodfellow et al. 2016, section 6.2.2.3)."""
    true = np.sum(one_hot * scores, axis=1)
    return np.mean(logsumexp(scores - true[:, None], axes=(1,)))


def bce_with_logits(scores: Any, one_hot: Any) -> Any:
    """The mean of log(1 + eᶻ) − t z over all classes (Cox 1958)."""
    return np.mean(np.logaddexp(0.0, scores) - one_hot * scores)


def hinge(scores: Any, one_hot: Any) -> Any:
    """The mean of max(z_j + [j ≠ t]) − z_t (Crammer & Singer 2001)."""
    true = np.sum(one_hot * scores, axis=1)
    return np.mean(np.max(scores + (1.0 - one_hot), axis=1) - true)


def softmax_scores(parameters: Any, images: Any) -> Any:
    """x W + b."""
    w, b = parameters
    return images @ w + b


def mlp_scores(parameters: Any, images: Any) -> Any:
    """tanh(x W₁ + b₁) W₂ + b₂."""
    w1, b1, w2, b2 = parameters
    return np.tanh(images @ w1 + b1) @ w2 + b2


def cnn_scores(parameters: Any, images: Any) -> Any:
    """One convolution of 3 × 3, tanh, mean pooling of 2 × 2, and a dense layer."""
    k, b1, w2, b2 = parameters
    count = images.shape[0]
    planes = np.reshape(images, (count, SIDE, SIDE, 1))
    maps = np.tanh(conv2d(planes, k, stride=(1, 1), padding=PADDING) + b1)
    cells = np.reshape(maps, (count, SIDE // 2, 2, SIDE // 2, 2, FILTERS))
    return np.reshape(np.mean(cells, axis=(2, 4)), (count, POOLED)) @ w2 + b2


LOSSES: dict[str, Callable[..., Any]] = {
    "mse": mse, "mae": mae, "huber": huber, "cross-entropy": cross_entropy,
    "bce": bce_with_logits, "hinge": hinge,
}  # fmt: skip
"""The losses by name: of scores and one-hot rows."""

NETS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "softmax": (softmax_scores, ((PIXELS, CLASSES), (CLASSES,))),
    "mlp": (mlp_scores, ((PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,))),
    "cnn": (cnn_scores, ((3, 3, 1, FILTERS), (FILTERS,), (POOLED, CLASSES), (CLASSES,))),
}
"""The scores of each net, and the shapes of its parameters."""


def _loss(scores: Callable[..., Any], loss: Callable[..., Any], *args: Any) -> Any:
    *parameters, images, one_hot = args
    return loss(scores(parameters, images), one_hot)


def loss_of_net(net: str, loss: str) -> Callable[..., Any]:
    """The loss as a function of the parameters, the images and the one-hot rows.

    >>> f = loss_of_net("softmax", "cross-entropy")
    >>> zeros = np.zeros((64, 10)), np.zeros(10)
    >>> round(float(f(*zeros, np.zeros((2, 64)), np.eye(10)[:2])), 4)  # ln 10
    2.3026
    """
    return partial(_loss, NETS[net][0], LOSSES[loss])


def arguments_of_net(
    net: str, pixels: np.ndarray, labels: np.ndarray, count: int = BATCH
) -> tuple[Any, ...]:
    """Drawn parameters, and the first images with their labels as one-hot rows."""
    generator = np.random.default_rng(SEED)
    shapes = NETS[net][1]
    spreads = [BIAS_SPREAD if len(shape) == 1 else 1 / sqrt(prod(shape[:-1])) for shape in shapes]
    parameters = [generator.normal(0.0, *of) for of in zip(spreads, shapes, strict=True)]
    one_hot = np.eye(CLASSES)[labels[:count]]
    return (*parameters, pixels[:count] / GREY_LEVELS, one_hot)
