"""Losses of regressions: how far a number, or a direction, is from the right one.

    squared   r²                         pulled by outliers; its minimum is the mean
    absolute  |r|                        its minimum is the median
    Huber     r²/2, then δ(|r| − δ/2)    between the two, with one continuous slope
    log-cosh  log cosh r                 the same, and smooth to every order
    cosine    1 − a·b/(‖a‖‖b‖)           directions only, lengths do not count

log cosh r is computed as log(1 + 2 sinh²(r/2)) where |r| < 1, which keeps all digits as r → 0, and
as softplus(2r) − r − log 2 beyond, which does not overflow.  Reading on: Huber 1964, *Robust
estimation of a location parameter*.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets.losses_base import Loss
from diffkit.nets.targets import refuse_nan, same_shapes
from diffkit.primitives.transcendental import softplus

__all__ = ["AbsoluteError", "Cosine", "Huber", "LogCosh", "SquaredError", "huber"]

LOG2 = log(2.0)
SMALL = 1.0  # |r| below which log cosh takes the form without cancellation


@dataclass(frozen=True, repr=False)
class SquaredError(Loss):
    """Mean squared error, (1/n) Σ (pᵢ − tᵢ)²; ``prediction`` and ``target`` of one shape.

    Raises ShapeError for shapes that differ, InputError for NaN in the target.  Source: Legendre
    1805, Gauss 1809.

    >>> from diffkit.nets.losses import mse
    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

    name: ClassVar[str] = "mse"
    formula: ClassVar[str] = "(p − t)²"
    slope: ClassVar[str] = "2(p − t)"
    purpose: ClassVar[str] = "errors are normal, large ones matter most"

    def each(self, prediction: Any, target: Any) -> Any:
        """(p − t)²."""
        return (prediction - target) ** 2


@dataclass(frozen=True, repr=False)
class AbsoluteError(Loss):
    """Mean absolute error, (1/n) Σ |pᵢ − tᵢ|, with derivative 0 where they are equal.

    Shapes and errors as for ``mse``.  Source: Laplace 1774; its minimum is the median.

    >>> from diffkit.nets.losses import mae
    >>> float(mae(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """

    name: ClassVar[str] = "mae"
    formula: ClassVar[str] = "|p − t|"
    slope: ClassVar[str] = "sign(p − t)"
    kinks: ClassVar[str] = "p = t: 0, between −1 and 1"
    purpose: ClassVar[str] = "there are outliers, the median is wanted"

    def each(self, prediction: Any, target: Any) -> Any:
        """|p − t|."""
        return np.abs(prediction - target)


@dataclass(frozen=True, repr=False)
class Huber(Loss):
    """Huber's loss: r²/2 for |r| ≤ δ and δ(|r| − δ/2) beyond, so that outliers pull less.

    Shapes and errors as for ``mse``; InputError for δ ≤ 0.  Source: Huber 1964.

    >>> float(Huber(1.0)(np.array([0.5, 3.0]), np.zeros(2)))
    1.3125
    """

    name: ClassVar[str] = "huber"
    formula: ClassVar[str] = "r²/2 where |r| ≤ δ, else δ(|r| − δ/2); r = p − t"
    slope: ClassVar[str] = "r, held within ±δ"
    purpose: ClassVar[str] = "a few outliers, otherwise as mse"
    delta: float = 1.0

    def __post_init__(self) -> None:
        number = isinstance(self.delta, (int, float, np.number)) and np.isfinite(self.delta)
        if not number or self.delta <= 0:
            raise InputError(
                f"huber: δ is {self.delta!r:.60}, not a positive number",
                hint="1.0 is usual: errors beyond it count linearly.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """r²/2 or δ(|r| − δ/2); where |r| = δ both agree, and so do their slopes."""
        r = prediction - target
        size = np.abs(r)
        return np.where(size <= self.delta, 0.5 * r**2, self.delta * (size - 0.5 * self.delta))

    def __repr__(self) -> str:
        return f"huber({self.delta:g})"


def huber(delta: float = 1.0, target: Any = None) -> Huber:
    """Huber's loss with the given δ > 0, the size beyond which errors count linearly.

    Raises
    ------
    InputError
        When δ is not a positive number, and when it is called with prediction and target:
        ``huber(1.0)`` is the loss, ``huber`` makes it.

    Source: P. J. Huber 1964, *Robust estimation of a location parameter*.

    >>> float(huber(1.0)(np.array([3.0]), np.array([0.0])))
    2.5
    """
    if target is not None or np.ndim(delta) > 0:
        raise InputError(
            "huber was called with a prediction, but it makes a loss from δ",
            hint="call it first: dk.losses.huber(1.0)(prediction, target).",
        )
    return Huber(delta)


@dataclass(frozen=True, repr=False)
class LogCosh(Loss):
    """Mean log cosh of the errors: r²/2 for small ones, |r| − log 2 for large ones, smooth.

    Shapes and errors as for ``mse``.  It is accurate to a few roundings for every r, tiny ones and
    ±1e4 alike.  Source: P. J. Green 1990, *Bayesian reconstructions from emission tomography data
    using a modified EM algorithm*.

    >>> from diffkit.nets.losses import log_cosh
    >>> round(float(log_cosh(np.array([1.0]), np.array([0.0]))), 4)
    0.4338
    """

    name: ClassVar[str] = "log_cosh"
    formula: ClassVar[str] = "log cosh(p − t)"
    slope: ClassVar[str] = "tanh(p − t)"
    purpose: ClassVar[str] = "as Huber, with second derivatives everywhere"

    def each(self, prediction: Any, target: Any) -> Any:
        """log(1 + 2 sinh²(r/2)) for small r, softplus(2r) − r − log 2 for others."""
        r = prediction - target
        small = (r < SMALL) & (r > -SMALL)
        near = np.log1p(2.0 * np.sinh(0.5 * np.where(small, r, 0.0)) ** 2)
        far = np.where(small, SMALL, r)
        return np.where(small, near, softplus(2.0 * far) - far - LOG2)


@dataclass(frozen=True, repr=False)
class Cosine(Loss):
    """Mean of 1 − cos of the angle between prediction and target, vectors on the last axis.

    From 0 (one direction) to 2 (opposite); lengths do not count.  A prediction of zeros has no
    direction: its loss is 1 and its derivative 0.  Raises ShapeError for shapes that differ,
    InputError for NaN and for targets of zeros.  Source: Salton & McGill 1983, *Introduction to
    Modern Information Retrieval*.

    >>> from diffkit.nets.losses import cosine
    >>> float(cosine(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])))
    1.0
    """

    name: ClassVar[str] = "cosine"
    formula: ClassVar[str] = "1 − p·t / (‖p‖‖t‖)"
    slope: ClassVar[str] = "−(t/‖t‖ − cos · p/‖p‖) / ‖p‖"
    targets: ClassVar[str] = "vectors on the last axis, shaped as the prediction"
    kinks: ClassVar[str] = "p = 0: 0, the loss jumps"
    purpose: ClassVar[str] = "directions count, lengths do not: embeddings"

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Vectors of one shape."""
        prediction, target = same_shapes(self.name, prediction, target)
        if len(prediction.shape) < 2:
            raise ShapeError(
                f"cosine: the prediction has shape {list(prediction.shape)}, which is no batch of "
                "vectors",
                hint="the examples are rows: (n, features); one vector v is the batch v[None].",
            )
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Directions."""
        refuse_nan(self.name, target)
        none = ~np.any(target, axis=-1)
        if np.any(none):
            raise InputError(
                f"cosine: the target of example {int(np.argwhere(none)[0][0])} is the zero vector",
                hint="it has no direction; leave such examples out.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """1 − cos, and 1 where there is no direction."""
        squares = [np.sum(x * x, axis=-1) for x in (prediction, target)]
        some = (squares[0] > 0) & (squares[1] > 0)
        lengths = [np.sqrt(np.where(some, square, 1.0)) for square in squares]
        dots = np.sum(prediction * target, axis=-1)
        return 1.0 - np.where(some, dots / (lengths[0] * lengths[1]), 0.0)
