"""Losses: how wrong a prediction is, as one number to differentiate.

A loss takes scores (logits, not probabilities) and targets and returns the mean over the
examples.  Each is written so that neither its value nor its derivative overflows or cancels:

    cross-entropy   log Σⱼ e^(zⱼ − z_y)               ∂/∂z = softmax(z) − onehot(y)
    binary          t·log(1 + e⁻ᶻ) + (1 − t)·log(1 + eᶻ)
    Huber           r²/2 where |r| ≤ δ, else δ(|r| − δ/2)
    hinge           max(0, 1 − s z), or maxⱼ(zⱼ + [j ≠ y]) − z_y

Targets are checked where they are plain numbers, never by operations of the graph, so a check
costs nothing while training.  Reading on: Blanchard, Higham & Higham 2021, *Accurately computing
the log-sum-exp and softmax functions*; Goodfellow, Bengio & Courville 2016, section 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.lines import users_line
from diffkit.nets.targets import (
    as_array,
    check_class_shapes,
    check_labels,
    chosen,
    known_values,
    nan_unless_valid,
    refuse_nan,
    same_shapes,
    score_of,
    weighted,
)
from diffkit.primitives.reductions import logsumexp
from diffkit.primitives.transcendental import softplus

__all__ = [
    "ALL_LOSSES",
    "Loss",
    "bce_with_logits",
    "cross_entropy",
    "hinge",
    "huber",
    "mae",
    "mse",
]

ROW_SUM_TOLERANCE = 1e-6  # how far the probabilities of one example may miss a sum of 1
MARGIN = 1.0  # of the hinge loss: Cortes & Vapnik 1995
HALF = 0.5  # a binary target above it is class 1


@dataclass(frozen=True, repr=False)
class Loss:
    """A loss as a value: ``loss(prediction, target)`` is the mean over the examples.

    ``classifies`` says that targets are classes.

    >>> mse
    mse
    """

    name: ClassVar[str] = ""
    classifies: ClassVar[bool] = False

    def __call__(self, prediction: Any, target: Any) -> Any:
        with users_line():
            prediction, target = self.fitted(as_array(prediction), as_array(target))
            known = known_values(target)
            if known is not None:
                self.check_values(prediction.shape, known)
            return np.mean(self.each(prediction, target))

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Both with shapes that belong together."""
        return same_shapes(self.name, prediction, target)

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Refuse targets that this loss cannot take, for predictions of this shape."""
        refuse_nan(self.name, target)

    def each(self, prediction: Any, target: Any) -> Any:
        """The loss of each example (or of each element)."""
        raise NotImplementedError

    def classes_of(self, target: Any) -> np.ndarray:
        """The targets as integer classes."""
        return (np.asarray(target) > HALF).astype(np.intp)

    def __repr__(self) -> str:
        return self.name

    @property
    def __name__(self) -> str:
        return self.name


# Regression -------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class SquaredError(Loss):
    """Mean squared error, (1/n) Σ (pᵢ − tᵢ)²; ``prediction`` and ``target`` of one shape.

    Raises ShapeError for shapes that differ, InputError for NaN in the target.  Source: Legendre
    1805, Gauss 1809.

    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

    name: ClassVar[str] = "mse"

    def each(self, prediction: Any, target: Any) -> Any:
        """(p − t)²."""
        return (prediction - target) ** 2


@dataclass(frozen=True, repr=False)
class AbsoluteError(Loss):
    """Mean absolute error, (1/n) Σ |pᵢ − tᵢ|, with derivative 0 where they are equal.

    Shapes and errors as for ``mse``.  Source: Laplace 1774; its minimum is the median.

    >>> float(mae(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """

    name: ClassVar[str] = "mae"

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
    delta: float = 1.0

    def __post_init__(self) -> None:
        number = isinstance(self.delta, (int, float, np.number)) and np.isfinite(self.delta)
        if not number or self.delta <= 0:
            raise InputError(
                f"huber: δ is {self.delta!r}, not a positive number",
                hint="1.0 is usual: errors beyond it count linearly.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """r²/2 or δ(|r| − δ/2); where |r| = δ both agree, and so do their slopes."""
        r = prediction - target
        size = np.abs(r)
        return np.where(size <= self.delta, 0.5 * r**2, self.delta * (size - 0.5 * self.delta))

    def __repr__(self) -> str:
        return f"huber({self.delta:g})"


def huber(delta: float = 1.0) -> Huber:
    """Huber's loss with the given δ > 0, the size beyond which errors count linearly.

    Raises
    ------
    InputError
        When δ is not a positive number.

    Source: P. J. Huber 1964, *Robust estimation of a location parameter*.

    >>> float(huber(1.0)(np.array([3.0]), np.array([0.0])))
    2.5
    """
    return Huber(delta)


# Classification ---------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class CrossEntropy(Loss):
    """Mean cross-entropy of softmax(prediction), from logits.

    ``prediction`` has the classes on its last axis; ``target`` has integer labels (one axis less)
    or the probabilities of all classes (one-hot or soft, each row summing to 1).  Subtracting the
    true score first keeps full precision for logits of ±1e4 and for losses near 0; a score of −∞ of
    a class that the target excludes counts for nothing.  Raises
    InputError for labels out of range and for rows that are no probabilities, DtypeError for
    labels that are not integers, ShapeError for shapes that do not fit.  Source: Goodfellow,
    Bengio & Courville 2016, section 6.2.2.3.

    >>> round(float(cross_entropy(np.zeros((2, 3)), np.array([0, 2]))), 4)  # ln 3
    1.0986
    >>> float(cross_entropy(np.array([[0.0, 1e4]]), np.array([0])))
    10000.0
    """

    name: ClassVar[str] = "cross_entropy"
    classifies: ClassVar[bool] = True

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Labels or probabilities that fit the scores."""
        check_class_shapes(self.name, prediction, target)
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range, or rows of probabilities."""
        refuse_nan(self.name, target)
        if target.shape != shape:
            check_labels(self.name, shape[-1], target)
        elif np.any(target < 0) or np.any(abs(target.sum(axis=-1) - 1) > ROW_SUM_TOLERANCE):
            raise InputError(
                "cross_entropy: the target's rows are not probabilities",
                hint="each row must be non-negative and sum to 1; one-hot rows do.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """log Σⱼ e^(zⱼ − z_t), where z_t is the true score or the mean score under the target."""
        labelled = target.shape != prediction.shape
        if labelled:
            true = score_of(target, prediction)
        else:
            true = np.sum(weighted(target, prediction), axis=-1)
        losses = logsumexp(prediction - true[..., None], axes=(len(prediction.shape) - 1,))
        return nan_unless_valid(target, prediction.shape[-1], losses) if labelled else losses

    def classes_of(self, target: Any) -> np.ndarray:
        """Labels as they are; the most probable class of each row."""
        target = np.asarray(target)
        return target if target.ndim == 1 else np.argmax(target, axis=-1)


@dataclass(frozen=True, repr=False)
class BinaryCrossEntropy(Loss):
    """Mean binary cross-entropy of logits, t·log(1 + e⁻ᶻ) + (1 − t)·log(1 + eᶻ).

    ``prediction`` and ``target`` have one shape (a column of logits fits a vector of targets);
    targets are 0, 1, or probabilities between.  Both terms are positive, so nothing cancels.
    Raises InputError for targets outside [0, 1] or NaN, ShapeError for shapes that differ.
    Source: D. R. Cox 1958, *The regression analysis of binary sequences*.

    >>> round(float(bce_with_logits(np.array([0.0, 1e4]), np.array([1, 1]))), 4)  # ln 2 / 2
    0.3466
    """

    name: ClassVar[str] = "bce_with_logits"
    classifies: ClassVar[bool] = True

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Probabilities."""
        refuse_nan(self.name, target)
        wrong = (target < 0) | (target > 1)
        if np.any(wrong):
            raise InputError(
                f"bce_with_logits: the target {target[wrong][0]} is outside 0 … 1",
                hint="targets are 0, 1 or probabilities; use cross_entropy for more classes.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """The surprise of each target."""
        return weighted(target, softplus(-prediction)) + weighted(1 - target, softplus(prediction))


@dataclass(frozen=True, repr=False)
class Hinge(Loss):
    """Mean hinge loss: of one score per example, or of one score per class.

    One score: max(0, 1 − s z) with s = ±1; targets are 0 and 1, or −1 and 1.  One score per class
    and integer labels: maxⱼ(zⱼ + [j ≠ y]) − z_y.  Raises InputError for other targets, DtypeError
    for labels that are not integers, ShapeError for shapes that do not fit.  Source: Cortes &
    Vapnik 1995; Crammer & Singer 2001 for several classes.

    >>> float(hinge(np.array([2.0, -0.5]), np.array([1, 1])))
    0.75
    >>> float(hinge(np.array([[1.0, 3.0, 2.5]]), np.array([1])))
    0.5
    """

    name: ClassVar[str] = "hinge"
    classifies: ClassVar[bool] = True

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """A single score, or labels that fit the scores."""
        shape = prediction.shape
        if len(shape) > 1 and shape[-1] > 1 and target.shape == shape[:-1]:
            check_class_shapes(self.name, prediction, target)
            return prediction, target
        return same_shapes(self.name, prediction, target)

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range, or two signs."""
        refuse_nan(self.name, target)
        if target.shape != shape:
            check_labels(self.name, shape[-1], target)
            return
        found = set(np.unique(target).tolist())
        if not (found <= {0, 1} or found <= {-1, 1}):
            raise InputError(
                f"hinge: a target is {next(iter(found - {-1, 0, 1}), 0)}, but one score per "
                "example separates two classes",
                hint="targets are 0 and 1, or −1 and 1; for more classes give a score for each.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """How far each score misses the margin."""
        if target.shape == prediction.shape:
            sign = np.where(target > 0, 1.0, -1.0)
            return np.maximum(0.0, MARGIN - sign * prediction)
        classes = prediction.shape[-1]
        margins = np.where(chosen(target, classes), 0.0, MARGIN)
        losses = np.max(prediction + margins, axis=-1) - score_of(target, prediction)
        return nan_unless_valid(target, classes, losses)

    def classes_of(self, target: Any) -> np.ndarray:
        """0 and 1 for two signs; labels as they are."""
        target = np.asarray(target)
        return (target > 0).astype(np.intp) if np.any(target < 0) else target.astype(np.intp)


mse = SquaredError()
mae = AbsoluteError()
cross_entropy = CrossEntropy()
bce_with_logits = BinaryCrossEntropy()
hinge = Hinge()

ALL_LOSSES: tuple[Loss, ...] = (mse, mae, huber(1.0), cross_entropy, bce_with_logits, hinge)
"""Every loss; the tests run over this list."""
