"""Targets: what a loss compares a prediction with, and the checks of their shapes and values.

Shapes are known while a function is captured, so they are always checked.  Values are checked
where they are plain numbers: in a direct call, and where they are arguments of a derivative, at
every call.  A label out of range that a function computes itself, or a bare graph is given,
gives a NaN,

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
    "as_numbers_like",
    "check_class_shapes",
    "check_labels",
    "check_labels_fit",
    "check_probabilities",
    "check_weights",
    "chosen",
    "like",
    "nan_unless_valid",
    "refuse_nan",
    "refuse_nothing",
    "same_shapes",
    "score_of",
    "scores_fitted",
    "weight_of",
    "weighted",
    "weights_option",
]

ROW_SUM_TOLERANCE = 1e-6  # how far the probabilities of one example may miss a sum of 1


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
    refuse_nothing(name, prediction)
    return prediction, target


def refuse_nothing(name: str, prediction: Any) -> None:
    if 0 in prediction.shape:
        raise ShapeError(
            f"{name}: the prediction {_shown(prediction)} is empty, and nothing has no mean",
            hint="pass at least one example.",
        )


def refuse_nan(name: str, target: np.ndarray) -> None:
    if target.dtype.kind == "f" and not np.isfinite(target).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(target))[0])
        raise InputError(
            f"{name}: the target at {place} is {target[place]}",
            hint="leave such examples out, or repair them first.",
        )


def check_labels(name: str, classes: int, labels: np.ndarray) -> None:
    """Integer labels must be from 0 to classes − 1."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = f"example {place[0]}" if len(place) == 1 else f"place {place}"
        raise InputError(
            f"{name}: label {labels[place]} ({where}) is out of range for {classes} classes",
            hint=f"labels count from 0 to {classes - 1}.",
        )


def _check_label_dtype(name: str, target: Any) -> None:
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: class labels must be integers, not {_shown(target)}",
            hint="convert whole numbers with y.astype(int).",
        )


def scores_fitted(name: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    """One score per class and integer labels, or one score for each target."""
    shape = prediction.shape
    if len(shape) > 1 and shape[-1] > 1 and target.shape == shape[:-1]:
        check_class_shapes(name, prediction, target)
        return prediction, target
    return same_shapes(name, prediction, target)


def check_labels_fit(name: str, prediction: Any, target: Any) -> None:
    """One integer label for each row of the prediction."""
    if target.shape != prediction.shape[:1]:
        raise ShapeError(
            f"{name}: the prediction is {_shown(prediction)} but the target is {_shown(target)}",
            hint=f"give integer labels of shape {tuple(prediction.shape[:1])}.",
        )
    _check_label_dtype(name, target)
    refuse_nothing(name, prediction)


def check_shares(name: str, target: np.ndarray, hint: str) -> None:
    """Each number is from 0 to 1."""
    wrong = (target < 0) | (target > 1)
    if wrong.any():
        raise InputError(f"{name}: the target {target[wrong][0]} is outside 0 … 1", hint=hint)


def check_probabilities(name: str, target: np.ndarray) -> None:
    """Rows must be non-negative and sum to 1."""
    if np.any(target < 0) or np.any(abs(target.sum(axis=-1) - 1) > ROW_SUM_TOLERANCE):
        raise InputError(
            f"{name}: the target's rows are not probabilities",
            hint="each row must be non-negative and sum to 1; one-hot rows do.",
        )


def weights_option(name: str, weights: Any) -> tuple[float, ...] | None:
    """Class weights as they are kept: a tuple of numbers ≥ 0, not all of them 0.

    Raises InputError for anything else.
    """
    if weights is None:
        return None
    try:
        row = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        row = np.zeros(0)
    if row.ndim != 1 or not np.all(np.isfinite(row)) or np.any(row < 0) or not np.any(row):
        raise InputError(
            f"{name}: class_weights are {weights!r:.60}, not one number ≥ 0 per class",
            hint="dk.datasets.class_weights(y) makes them from labels.",
        )
    return tuple(row.tolist())


def check_weights(name: str, weights: tuple[float, ...] | None, classes: int) -> None:
    """There must be one weight per class."""
    if weights is not None and len(weights) != classes:
        raise ShapeError(
            f"{name}: there are {len(weights)} class_weights, but {classes} classes",
            hint="give one weight per class.",
        )


def check_class_shapes(name: str, prediction: Any, target: Any, soft: bool = True) -> None:
    """Scores (…, classes) against labels (…) or, where ``soft``, probabilities (…, classes)."""
    if len(prediction.shape) < 1 or prediction.shape[-1] < 2:
        raise ShapeError(
            f"{name}: the prediction {_shown(prediction)} has no axis of two or more classes",
            hint="give one score per class, or use bce_with_logits for a single score.",
        )
    if target.shape == prediction.shape[:-1]:
        _check_label_dtype(name, target)
    elif target.shape != prediction.shape or not soft:
        more = f", or probabilities of shape {prediction.shape}" if soft else ""
        raise ShapeError(
            f"{name}: the prediction is {_shown(prediction)} but the target is {_shown(target)}",
            hint=f"give integer labels of shape {prediction.shape[:-1]}{more}.",
        )
    refuse_nothing(name, prediction)


def chosen(labels: Any, classes: int) -> Any:
    """The one-hot rows of integer labels, as conditions."""
    return labels[..., None] == np.arange(classes)


def score_of(labels: Any, scores: Any) -> Any:
    """The score of the true class, selected (never multiplied: 0·∞ would be a NaN)."""
    return np.sum(np.where(chosen(labels, scores.shape[-1]), scores, 0.0), axis=-1)


def like(values: Any, prediction: Any) -> Any:
    """Constants in the precision of a prediction, so that float32 stays float32."""
    dtype = prediction.dtype if prediction.dtype.kind == "f" else np.dtype(np.float64)
    return np.array(values, dtype=dtype)


def as_numbers_like(target: Any, prediction: Any) -> Any:
    """Integer targets as numbers in the precision of a prediction; others as they are."""
    if target.dtype.kind not in "iub" or prediction.dtype.kind != "f":
        return target
    return target.astype(prediction.dtype)


def weight_of(labels: Any, weights: tuple[float, ...], prediction: Any) -> Any:
    """The weight of each label's class."""
    row = like(weights, prediction)
    return np.sum(np.where(chosen(labels, len(weights)), row, 0.0), axis=-1)


def weighted(weights: Any, values: Any) -> Any:
    """The product in which a weight of 0 leaves nothing of an infinite value, as 0·∞ would not.

    The value is replaced before the product, so that its derivative is 0 there, too.
    """
    return weights * np.where((weights == 0) & np.isinf(values), 0.0, values)


def nan_unless_valid(labels: Any, classes: int, losses: Any) -> Any:
    """A label out of range that nothing has checked gives a NaN, never a silent number."""
    return np.where((labels >= 0) & (labels < classes), losses, np.nan)
