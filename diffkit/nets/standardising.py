"""Standardising: inputs of mean 0 and standard deviation 1, by the training part's numbers.

Gradient descent is slow when features have very different sizes (its rate is bounded by the
largest curvature), so inputs are brought to

    x′ = (x − μ) / σ,

with μ and σ of the training part only: the test part must stay unseen.  A feature that never
changes has σ = 0 up to rounding; dividing by that rounding would blow it up, so it is only
centred.  Reading on: LeCun, Bottou, Orr & Müller 1998, *Efficient backprop*, section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets.objective import refuse_nonfinite

__all__ = ["Scaling", "standardise"]

EPSILON = float(np.finfo(np.float64).eps)
"""With n examples, a deviation below n·ε·|μ| is rounding: Chan, Golub & LeVeque 1983."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """The map x ↦ (x − mean) / scale, learned from training data, and its inverse.

    Raises
    ------
    ShapeError
        When the inputs have other features.

    >>> scaling = Scaling(np.array([2.0]), np.array([4.0]))
    >>> scaling(np.array([[6.0]])).tolist(), scaling.inverse(np.array([[1.0]])).tolist()
    ([[1.0]], [[6.0]])
    """

    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, x: Any) -> Any:
        return (self._fitting(x) - self.mean) / self.scale

    def inverse(self, x: Any) -> Any:
        """The inputs from which the map made x."""
        return self._fitting(x) * self.scale + self.mean

    def _fitting(self, x: Any) -> Any:
        shape, features = np.shape(x), np.shape(self.mean)
        if shape[len(shape) - len(features) :] != features or len(shape) < len(features):
            raise ShapeError(
                f"the scaling was learned from features {list(features)}, but the input is "
                f"{list(shape)}",
                hint="training and test part have the same features.",
            )
        return x if hasattr(x, "shape") else np.asarray(x, dtype=np.float64)


def standardise(x_train: Any, *others: Any) -> tuple[Any, ...]:
    """Inputs with mean 0 and standard deviation 1 per feature, by the training part's numbers.

    Returns the scaled training part, the scaled others, and the ``Scaling``.  A feature that never
    changes is only centred.

    Raises
    ------
    InputError
        For no examples, NaN or infinities, and squares that overflow.
    ShapeError
        When the others have other features.

    Source: LeCun, Bottou, Orr & Müller 1998, section 4.3.

    >>> x, scaling = standardise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> x.tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    x_train = np.asarray(x_train, dtype=np.float64)
    if x_train.ndim < 1 or len(x_train) == 0:
        raise InputError("there are no examples to standardise", hint="give one row or more.")
    refuse_nonfinite("x_train", x_train)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = x_train.std(axis=0)
    if not np.all(np.isfinite(spread)):
        raise InputError(
            f"the features are too large to standardise: up to {abs(x_train).max():.3g}",
            hint="their squares must not overflow; divide them by a constant first.",
        )
    mean = x_train.mean(axis=0)
    mean = np.where((x_train == x_train[0]).all(axis=0), x_train[0], mean)
    rounding = len(x_train) * EPSILON * abs(mean)
    scaling = Scaling(mean, np.where(spread <= rounding, 1.0, spread))
    return (*(scaling(x) for x in (x_train, *others)), scaling)
