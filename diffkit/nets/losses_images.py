"""Losses of images: how well a mask, or a box, covers what it should.

    Dice        1 − (2 Σ p t + s) / (Σ p + Σ t + s)          overlap of a mask with the right one
    detection   λ · smooth L1 of the box + cross-entropy of the class

Dice counts the overlap relative to the sizes, so a small shape on a large ground weighs as much as
the ground; cross-entropy per pixel (``cross_entropy`` takes masks as they are) counts pixels.
Reading on: Milletari, Navab & Ahmadi 2016, *V-Net*; Girshick 2015, *Fast R-CNN*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets.losses_base import HALF, Loss
from diffkit.nets.targets import (
    as_numbers_like,
    check_labels,
    check_shares,
    chosen,
    like,
    nan_unless_valid,
    refuse_nan,
    refuse_nothing,
    score_of,
    scores_fitted,
)
from diffkit.primitives.reductions import logsumexp, softmax
from diffkit.primitives.transcendental import logistic

__all__ = ["Detection", "Dice"]

EDGES = 4  # of a box: left, top, right, bottom
BOX_KINK = 1 / 9  # where Faster R-CNN's smooth L1 becomes linear: Ren, He, Girshick & Sun 2015


@dataclass(frozen=True, repr=False)
class Dice(Loss):
    """Mean soft Dice loss 1 − (2 Σ p t + s)/(Σ p + Σ t + s), the sums over the pixels.

    One score per class, (n, …, C), and integer masks (n, …): p is softmax, and the loss is a mean
    over examples and classes.  One score per pixel and masks of 0 and 1 of the same shape: p is
    the logistic function.  Option ``smooth`` s > 0, which makes an empty mask rightly predicted
    cost nothing.  Raises InputError for labels out of range, DtypeError for masks that are not
    integers, ShapeError for shapes that do not fit.  Source: Milletari, Navab & Ahmadi 2016; Dice
    1945, *Measures of the amount of ecologic association between species*.

    >>> from diffkit.nets.losses import dice
    >>> round(float(dice(np.full((1, 4), 50.0), np.array([[1, 1, 1, 1]]))), 4)
    0.0
    """

    name: ClassVar[str] = "dice"
    classifies: ClassVar[bool] = True
    formula: ClassVar[str] = "1 − (2 Σ p t + s)/(Σ p + Σ t + s), p = softmax(z) or σ(z)"
    slope: ClassVar[str] = "∂ℓ/∂p = ((1 − ℓ) − 2t)/(Σ p + Σ t + s), times ∂p/∂z"
    targets: ClassVar[str] = "masks: labels per pixel, or 0 and 1"
    purpose: ClassVar[str] = "small shapes on a large ground"
    positive: ClassVar[tuple[str, ...]] = ("smooth",)
    smooth: float = 1.0

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Masks of labels, or one mask per score."""
        prediction, target = scores_fitted(self.name, prediction, target)
        if len(target.shape) < 2:
            raise ShapeError(
                f"dice: the target has shape {list(target.shape)}, which is no batch of masks",
                hint="the first axis are examples, the others pixels; one mask m is m[None].",
            )
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range, or 0 and 1."""
        refuse_nan(self.name, target)
        if target.shape != shape:
            check_labels(self.name, shape[-1], target)
        else:
            check_shares(self.name, target, "for more classes give a score for each, and integers.")

    def each(self, prediction: Any, target: Any) -> Any:
        """1 − Dice, of each mask of each example."""
        last = len(prediction.shape) - 1
        if target.shape == prediction.shape:
            target = as_numbers_like(target, prediction)
            return self._missed(logistic(prediction), target, tuple(range(1, last + 1)))
        classes = prediction.shape[-1]
        own = np.where(chosen(target, classes), like(1.0, prediction), like(0.0, prediction))
        pixels = tuple(range(1, last))
        losses = self._missed(softmax(prediction, axes=(last,)), own, pixels)
        valid = nan_unless_valid(target, classes, 0.0 * score_of(target, own))
        return losses + np.sum(valid, axis=pixels)[..., None]

    def _missed(self, p: Any, t: Any, pixels: tuple[int, ...]) -> Any:
        overlap = np.sum(p * t, axis=pixels)
        sizes = np.sum(p, axis=pixels) + np.sum(t, axis=pixels)
        return 1.0 - (2.0 * overlap + self.smooth) / (sizes + self.smooth)

    def classes_of(self, target: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Labels as they are; masks of one score as 0 and 1."""
        target = np.asarray(target)
        return target if target.dtype.kind in "iu" else (target > HALF).astype(np.intp)


@dataclass(frozen=True, repr=False)
class Detection(Loss):
    """The loss of a detector: mean smooth L1 of the box, λ times, plus cross-entropy of the class.

    ``prediction`` (n, 4 + C) has the box's edges and a score per class, ``target`` (n, 5) the edges
    and the label, as ``shapes().detection()`` gives them.  Smooth L1 is r²/2β where |r| < β, else
    |r| − β/2.  Options: ``box_weight`` λ > 0, ``beta`` β > 0.  Raises ShapeError for shapes that do
    not fit, InputError for labels that are out of range or not whole.  Source: Girshick 2015,
    *Fast R-CNN*, section 2.3; Ren, He, Girshick & Sun 2015, *Faster R-CNN*, for β = 1/9.

    >>> from diffkit.nets.losses import detection
    >>> box = [0.2, 0.2, 0.6, 0.6]
    >>> right, sure = np.array([[*box, 1]]), np.array([[*box, 0.0, 50.0, 0.0]])
    >>> float(detection(sure, right)) < 1e-15
    True
    """

    name: ClassVar[str] = "detection"
    formula: ClassVar[str] = "λ mean smoothL1(box − box*) + log Σⱼ exp(zⱼ − z[y])"
    slope: ClassVar[str] = "of an edge: λ r/4β held within ±λ/4; of a score: softmax(z) − t"
    targets: ClassVar[str] = "(n, 5): four edges and the label"
    purpose: ClassVar[str] = "one box and its class per image"
    positive: ClassVar[tuple[str, ...]] = ("box_weight", "beta")
    box_weight: float = 1.0
    beta: float = BOX_KINK

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Boxes with scores, and boxes with labels."""
        shape = tuple(prediction.shape)
        if len(shape) != 2 or shape[1] < EDGES + 2 or target.shape != (shape[0], EDGES + 1):
            raise ShapeError(
                f"detection: the prediction is {list(shape)} but the target is "
                f"{list(target.shape)}",
                hint="the prediction is (n, 4 + classes), the target (n, 5): edges and label.",
            )
        refuse_nothing(self.name, prediction)
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Boxes of numbers, and whole labels in range."""
        refuse_nan(self.name, target)
        labels = target[..., EDGES]
        if np.any(wrong := labels != np.floor(labels)):
            raise InputError(
                f"detection: the label {labels[wrong][0]} is not whole",
                hint="the fifth column of the target are labels, from 0.",
            )
        check_labels(self.name, shape[-1] - EDGES, labels.astype(int))

    def each(self, prediction: Any, target: Any) -> Any:
        """Box and class of each example."""
        scores, labels = prediction[:, EDGES:], target[:, EDGES]
        r = prediction[:, :EDGES] - target[:, :EDGES]
        size = np.abs(r)
        near, far = r**2 / (2.0 * self.beta), size - 0.5 * self.beta
        boxes = np.mean(np.where(size < self.beta, near, far), axis=-1)
        surprise = logsumexp(scores - score_of(labels, scores)[:, None], axes=(1,))
        losses = self.box_weight * boxes + surprise
        return nan_unless_valid(labels, scores.shape[-1], losses)
