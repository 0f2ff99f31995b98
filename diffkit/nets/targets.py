"""Targets: what a loss compares a prediction with, and the checks of their shapes and values.

Shapes are known while a function is captured, so they are always checked.  Values are checked
where they are plain numbers: in a direct call, and at capture against the numbers the capture was
called with.  A label out of range that arrives later gives a NaN,

    loss of example i  =  NaN  unless  0 ≤ yᵢ < classes,

never a number that looks right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.avals import aval_of

__all__ = [
    "as_array",
    "check_class_shapes",
    "check_labels",
    "chosen",
    "known_values",
    "nan_unless_valid",
    "refuse_nan",
    "same_shapes",
    "score_of",
    "weighted",
]


def as_array(x: Any) -> Any:
    """An array of numbers, or the traced value that it is.

    Raises
    ------
    DtypeError
        For text, and for a list of traced values.
    """
    array = x if hasattr(x, "shape") else np.asarray(x)
    if array.dtype.kind not in "fiubc":
        raise DtypeError(
            f"a loss compares numbers, not values of dtype {array.dtype}",
            hint="pass arrays: a list of numbers is traced number by number; write np.array(…).",
        )
    return array


def known_values(target: Any) -> np.ndarray | None:
    """The target as plain numbers: itself, or the example that a capture was called with."""
    if not isinstance(target, Tracer):
        return np.asarray(target)
    found = target.arena.examples.get(target.node)
    return None if found is None else np.asarray(found)


def _shown(x: Any) -> str:
    return repr(x.aval if isinstance(x, Tracer) else aval_of(np.asarray(x)))


def same_shapes(name: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    """Prediction and target of one shape; a column of predictions is taken as a vector.

    Broadcasting is refused: (n, 1) against (n,) would silently compare everything with everything.
    """
    if prediction.shape == (*target.shape, 1):
        prediction = np.reshape(prediction, target.shape)
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{name}: the prediction is {_shown(prediction)} but the target is {_shown(target)}",
            hint="both need one shape; class labels belong to cross_entropy or hinge.",
        )
    _refuse_nothing(name, prediction)
    return prediction, target


def _refuse_nothing(name: str, prediction: Any) -> None:
    if 0 in prediction.shape:
        raise ShapeError(
            f"{name}: the prediction {_shown(prediction)} is empty, and nothing has no mean",
            hint="pass at least one example.",
        )


def refuse_nan(name: str, target: np.ndarray) -> None:
    if target.dtype.kind == "f" and not np.all(np.isfinite(target)):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(target))[0])
        raise InputError(
            f"{name}: the target at {place} is {target[place]}",
            hint="leave such examples out, or repair them first.",
        )


def check_labels(name: str, classes: int, labels: np.ndarray) -> None:
    """Integer labels must be from 0 to classes − 1."""
    wrong = (labels < 0) | (labels >= classes)
    if np.any(wrong):
        place = int(np.argmax(wrong))
        raise InputError(
            f"{name}: label {labels.reshape(-1)[place]} (example {place}) is out of range for "
            f"{classes} classes",
            hint=f"labels count from 0 to {classes - 1}.",
        )


def _check_label_dtype(name: str, target: Any) -> None:
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: class labels must be integers, not {_shown(target)}",
            hint="convert whole numbers with y.astype(int).",
        )


def check_class_shapes(name: str, prediction: Any, target: Any) -> None:
    """Scores (…, classes) against labels (…) or probabilities (…, classes)."""
    if len(prediction.shape) < 1 or prediction.shape[-1] < 2:
        raise ShapeError(
            f"{name}: the prediction {_shown(prediction)} has no axis of two or more classes",
            hint="give one score per class, or use bce_with_logits for a single score.",
        )
    if target.shape == prediction.shape[:-1]:
        _check_label_dtype(name, target)
    elif target.shape != prediction.shape:
        raise ShapeError(
            f"{name}: the prediction is {_shown(prediction)} but the target is {_shown(target)}",
            hint=f"give integer labels of shape {prediction.shape[:-1]}, or probabilities of "
            f"shape {prediction.shape}.",
        )
    _refuse_nothing(name, prediction)


def chosen(labels: Any, classes: int) -> Any:
    """The one-hot rows of integer labels, as conditions."""
    return labels[..., None] == np.arange(classes)


def score_of(labels: Any, scores: Any) -> Any:
    """The score of the true class, selected (never multiplied: 0·∞ would be a NaN)."""
    return np.sum(np.where(chosen(labels, scores.shape[-1]), scores, 0.0), axis=-1)


def weighted(weights: Any, values: Any) -> Any:
    """The product in which a weight of 0 leaves nothing of an infinite value, as 0·∞ would not.

    The value is replaced before the product, so that its derivative is 0 there, too.
    """
    return weights * np.where((weights == 0) & np.isinf(values), 0.0, values)


def nan_unless_valid(labels: Any, classes: int, losses: Any) -> Any:
    """A label out of range that came after the capture gives a NaN, never a silent number."""
    return np.where((labels >= 0) & (labels < classes), losses, np.nan)
