"""Losses with a margin: an example that is right by the margin costs nothing at all.

    hinge        max(0, 1 − s z), or maxⱼ(zⱼ + [j ≠ y]) − z_y    one score; the worst class
    squared      its square, with a continuous slope
    multiclass   (1/C) Σ_{j≠y} max(0, 1 − z_y + zⱼ)               every class too near
    triplet      max(0, ‖a − p‖ − ‖a − n‖ + margin)               embeddings of three examples

A margin is met at a kink: there the derivative is the mean of both sides, as everywhere in diffkit.
Reading on: Cortes & Vapnik 1995, *Support-vector networks*; Crammer & Singer 2001, *On the
algorithmic implementation of multiclass kernel-based vector machines*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets.lines import users_line
from diffkit.nets.losses_base import Loss
from diffkit.nets.targets import (
    as_array,
    check_class_shapes,
    check_labels,
    check_labels_fit,
    chosen,
    like,
    nan_unless_valid,
    refuse_nan,
    same_shapes,
    score_of,
    scores_fitted,
)

__all__ = ["Hinge", "MulticlassHinge", "SquaredHinge", "Triplet"]

MARGIN = 1.0  # of the hinge loss: Cortes & Vapnik 1995


@dataclass(frozen=True, repr=False)
class Hinge(Loss):
    """Mean hinge loss: of one score per example, or of one score per class.

    One score: max(0, 1 − s z) with s = ±1; targets are 0 and 1, or −1 and 1.  One score per class
    and integer labels: maxⱼ(zⱼ + [j ≠ y]) − z_y.  Raises InputError for other targets, DtypeError
    for labels that are not integers, ShapeError for shapes that do not fit.  Source: Cortes &
    Vapnik 1995; Crammer & Singer 2001 for several classes.

    >>> from diffkit.nets.losses import hinge
    >>> float(hinge(np.array([2.0, -0.5]), np.array([1, 1])))
    0.75
    >>> float(hinge(np.array([[1.0, 3.0, 2.5]]), np.array([1])))
    0.5
    """

    name: ClassVar[str] = "hinge"
    classifies: ClassVar[bool] = True
    formula: ClassVar[str] = "max(0, 1 − s z), s = ±1; or maxⱼ(zⱼ + [j ≠ y]) − z[y]"
    slope: ClassVar[str] = "−s where s z < 1, else 0"
    targets: ClassVar[str] = "0 and 1 or ±1 for one score, or labels 0 … C − 1"
    kinks: ClassVar[str] = "s z = 1: −s/2, between −s and 0; ties share evenly"
    purpose: ClassVar[str] = "a wide margin, no probabilities"

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """A single score, or labels that fit the scores."""
        return scores_fitted(self.name, prediction, target)

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range, or two signs."""
        refuse_nan(self.name, target)
        if target.shape != shape:
            check_labels(self.name, shape[-1], target)
            return
        found = set(np.unique(target).tolist())
        if not (found <= {0, 1} or found <= {-1, 1}):
            raise InputError(
                f"{self.name}: a target is {next(iter(found - {-1, 0, 1}), 0)}, but one score per "
                "example separates two classes",
                hint="targets are 0 and 1, or −1 and 1; for more classes give a score for each.",
            )

    def each(self, prediction: Any, target: Any) -> Any:
        """How far each score misses the margin."""
        if target.shape == prediction.shape:
            sign = np.where(target > 0, like(1.0, prediction), like(-1.0, prediction))
            return np.maximum(0.0, MARGIN - sign * prediction)
        classes = prediction.shape[-1]
        none, margin = like(0.0, prediction), like(MARGIN, prediction)
        margins = np.where(chosen(target, classes), none, margin)
        losses = np.max(prediction + margins, axis=-1) - score_of(target, prediction)
        return nan_unless_valid(target, classes, losses)

    def classes_of(self, target: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """0 and 1 for two signs; labels as they are."""
        target = np.asarray(target)
        return (target > 0).astype(np.intp) if np.any(target < 0) else target.astype(np.intp)


@dataclass(frozen=True, repr=False)
class SquaredHinge(Hinge):
    """Mean of the squares of the hinge losses, whose slope is continuous where the margin is met.

    Targets and errors as for ``hinge``; with one score per class, ties of the largest still have a
    kink.  Source: Lee & Mangasarian 2001, *SSVM: a smooth support vector machine*.

    >>> from diffkit.nets.losses import squared_hinge
    >>> float(squared_hinge(np.array([2.0, -0.5]), np.array([1, 1])))
    1.125
    """

    name: ClassVar[str] = "squared_hinge"
    formula: ClassVar[str] = "hinge²"
    slope: ClassVar[str] = "2 hinge · hinge′"
    kinks: ClassVar[str] = "none for one score; ties of the largest zⱼ share evenly"
    purpose: ClassVar[str] = "a margin, with a continuous slope"

    def each(self, prediction: Any, target: Any) -> Any:
        """The square of how far each score misses the margin."""
        return super().each(prediction, target) ** 2


@dataclass(frozen=True, repr=False)
class MulticlassHinge(Loss):
    """Mean of (1/C) Σ_{j≠y} max(0, margin − z_y + zⱼ)^power: every class too near counts.

    ``prediction`` has the classes on its last axis, ``target`` integer labels.  (``hinge`` counts
    only the worst class.)  Options: ``margin`` > 0 and ``power`` 1 or 2.  Raises InputError for
    labels out of range, DtypeError for labels that are not integers, ShapeError for shapes that do
    not fit.  Source: Weston & Watkins 1999, *Support vector machines for multi-class pattern
    recognition*; the division by C is PyTorch's.

    >>> from diffkit.nets.losses import multiclass_hinge
    >>> float(multiclass_hinge(np.array([[1.0, 3.0, 2.5, 2.5]]), np.array([1])))
    0.25
    """

    name: ClassVar[str] = "multiclass_hinge"
    classifies: ClassVar[bool] = True
    formula: ClassVar[str] = "(1/C) Σ max(0, 1 − z[y] + zⱼ) over j ≠ y"
    slope: ClassVar[str] = "1/C for each j with zⱼ > z[y] − 1; minus their sum at y"
    targets: ClassVar[str] = "labels 0 … C − 1"
    kinks: ClassVar[str] = "zⱼ = z[y] − 1: 1/2C, between 0 and 1/C"
    purpose: ClassVar[str] = "a margin to every other class"
    positive: ClassVar[tuple[str, ...]] = ("margin",)
    margin: float = MARGIN
    power: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.power not in (1, 2):
            raise InputError(f"{self.name}: power is {self.power!r}", hint="1 or 2.")

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Labels that fit the scores."""
        check_class_shapes(self.name, prediction, target, soft=False)
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range."""
        check_labels(self.name, shape[-1], target)

    def each(self, prediction: Any, target: Any) -> Any:
        """How far the true score misses the margin to every other, together."""
        classes = prediction.shape[-1]
        missing = self.margin - score_of(target, prediction)[..., None] + prediction
        missing = np.maximum(0.0, missing) ** self.power
        losses = np.sum(np.where(chosen(target, classes), 0.0, missing), axis=-1) / classes
        return nan_unless_valid(target, classes, losses)

    def classes_of(self, target: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Labels as they are."""
        return np.asarray(target)


@dataclass(frozen=True, repr=False)
class Triplet(Loss):
    """Mean triplet loss max(0, ‖a − p‖ − ‖a − n‖ + margin) over all triplets of a batch.

    ``prediction`` are embeddings (n, features), ``target`` integer labels (n,); a and p have one
    label, n another.  A batch without a triplet has the loss 0.  ``triplet.of(a, p, n)`` takes
    triplets that are chosen already.  Option ``margin`` > 0.  Raises DtypeError for labels that are
    not integers, ShapeError for shapes that do not fit, InputError for a training without any
    triplet.  Source: Schroff, Kalenichenko & Philbin 2015, *FaceNet*; Hermans, Beyer & Leibe 2017,
    *In defense of the triplet loss* ("batch all").

    >>> from diffkit.nets.losses import triplet
    >>> float(triplet(np.array([[0.0], [0.5], [0.75]]), np.array([0, 0, 1])))
    1.0
    """

    name: ClassVar[str] = "triplet"
    formula: ClassVar[str] = "max(0, ‖a − p‖ − ‖a − n‖ + margin)"
    slope: ClassVar[str] = "of a: (a − p)/‖a − p‖ − (a − n)/‖a − n‖ where it is positive"
    targets: ClassVar[str] = "labels, one per embedding"
    kinks: ClassVar[str] = "margin met: half; a = p or a = n: 0 for that distance"
    purpose: ClassVar[str] = "embeddings: near to their like"
    positive: ClassVar[tuple[str, ...]] = ("margin",)
    margin: float = MARGIN

    def of(self, anchor: Any, positive: Any, negative: Any) -> Any:
        """The mean over triplets in rows, three arrays (n, features).

        Raises ShapeError when their shapes differ.

        >>> from diffkit.nets.losses import triplet
        >>> float(triplet.of(np.zeros((1, 2)), np.zeros((1, 2)), np.array([[0.0, 0.25]])))
        0.75
        """
        with users_line():
            anchor, positive, negative = map(as_array, (anchor, positive, negative))
            for other in (positive, negative):
                same_shapes(self.name, anchor, other)
            near, far = (_length(anchor - other) for other in (positive, negative))
            return np.mean(np.maximum(0.0, near - far + self.margin))

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """One label per embedding."""
        if len(prediction.shape) != 2:
            raise ShapeError(
                f"triplet: the prediction has shape {list(prediction.shape)}, not (n, features)",
                hint="the loss compares embeddings, one row for each example.",
            )
        check_labels_fit(self.name, prediction, target)
        return prediction, target

    def check_all(self, target: np.ndarray) -> None:
        """At least one triplet."""
        counts = np.unique(target, return_counts=True)[1]
        if len(counts) < 2 or counts.max() < 2:
            raise InputError(
                "triplet: no two examples have one label while a third has another",
                hint="give two labels or more, one of them twice.",
            )

    def mean(self, prediction: Any, target: Any) -> Any:
        """The mean over all triplets of the batch; 0 where there is none."""
        distance = _length(prediction[:, None, :] - prediction[None, :, :])
        losses = np.maximum(0.0, distance[:, :, None] - distance[:, None, :] + self.margin)
        alike = target[:, None] == target[None, :]
        other_one = np.arange(prediction.shape[0])
        pair = alike & (other_one[:, None] != other_one[None, :])
        valid = pair[:, :, None] & ~alike[:, None, :]
        count = np.sum(np.where(valid, like(1.0, prediction), like(0.0, prediction)))
        return np.sum(np.where(valid, losses, 0.0)) / np.maximum(count, 1.0)


def _length(x: Any) -> Any:
    """‖x‖ over the last axis, with derivative 0 at 0."""
    squares = np.sum(x * x, axis=-1)
    some = squares > 0
    return np.where(some, np.sqrt(np.where(some, squares, 1.0)), 0.0)
