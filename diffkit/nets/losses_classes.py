"""Losses of classes: how surprised the predicted probabilities are by the target.

    cross-entropy   log Σⱼ e^(zⱼ − z_y)               ∂/∂z = softmax(z) − onehot(y)
    binary          t·log(1 + e⁻ᶻ) + (1 − t)·log(1 + eᶻ)
    focal           (1 − p_y)^γ · (−log p_y)
    divergence      Σⱼ tⱼ (log tⱼ − log pⱼ)

All but the negative log-likelihood take scores (logits, not probabilities), and neither value nor
derivative overflows or cancels at scores of ±1e4: the true score is subtracted before the
exponential, and log(1 − p_y) comes from the other scores, never from a difference.
Reading on: Blanchard, Higham & Higham 2021, *Accurately computing the log-sum-exp and softmax
functions*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.losses_base import Loss, number_option
from diffkit.nets.targets import (
    as_numbers_like,
    check_class_shapes,
    check_labels,
    check_probabilities,
    check_shares,
    check_weights,
    chosen,
    like,
    nan_unless_valid,
    refuse_nan,
    same_shapes,
    score_of,
    scores_fitted,
    weight_of,
    weighted,
    weights_option,
)
from diffkit.primitives.reductions import logsumexp
from diffkit.primitives.transcendental import softplus

__all__ = ["BinaryCrossEntropy", "CrossEntropy", "Divergence", "Focal", "LogLikelihood"]

Weights = tuple[float, ...] | None


def _last(x: Any) -> tuple[int]:
    return (len(x.shape) - 1,)


@dataclass(frozen=True, repr=False)
class _OfClasses(Loss):
    """A loss of one score per class, the classes on the last axis."""

    classifies: ClassVar[bool] = True

    @property
    def _weights(self) -> Weights:
        return getattr(self, "class_weights", None)

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Labels (or probabilities) that fit the scores."""
        check_class_shapes(self.name, prediction, target, soft=self.soft)
        check_weights(self.name, self._weights, prediction.shape[-1])
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range, or rows of probabilities."""
        refuse_nan(self.name, target)
        if target.shape != shape:
            check_labels(self.name, shape[-1], target)
        else:
            check_probabilities(self.name, target)

    def mean(self, prediction: Any, target: Any) -> Any:
        """The mean over the examples, or over their weights."""
        losses = self.each(prediction, target)
        if self._weights is None or target.shape == prediction.shape:
            return np.mean(losses)
        return np.sum(losses) / np.sum(weight_of(target, self._weights, prediction))

    def classes_of(self, target: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Labels as they are; the most probable class of each row of probabilities."""
        target = np.asarray(target)
        ndim = 2 if shape is None else len(shape)
        return target if target.ndim == ndim - 1 else np.argmax(target, axis=-1)


@dataclass(frozen=True, repr=False)
class CrossEntropy(_OfClasses):
    """Mean cross-entropy of softmax(prediction), from logits.

    ``prediction`` has the classes on its last axis; ``target`` has integer labels (one axis less:
    one label per example, or per pixel) or the probabilities of all classes (one-hot or soft, each
    row summing to 1).  Subtracting the true score first keeps full precision for logits of ±1e4
    and for losses near 0; a score of −∞ of a class that the target excludes counts for nothing.

    Options, set by ``cross_entropy.using``: ``label_smoothing`` ε mixes the target with equal
    shares, (1 − ε) t + ε/C; ``class_weights`` gives each class a weight (the mean over labels then
    is one over their weights, as PyTorch's).  Raises InputError for labels out of range and for
    rows that are no probabilities, DtypeError for labels that are not integers, ShapeError for
    shapes that do not fit.  Source: Goodfellow, Bengio & Courville 2016, section 6.2.2.3; Szegedy
    et al. 2016, *Rethinking the inception architecture*, section 7, for smoothing.

    >>> from diffkit.nets.losses import cross_entropy
    >>> round(float(cross_entropy(np.zeros((2, 3)), np.array([0, 2]))), 4)  # ln 3
    1.0986
    >>> float(cross_entropy(np.array([[0.0, 1e4]]), np.array([0])))
    10000.0
    """

    name: ClassVar[str] = "cross_entropy"
    soft: ClassVar[bool] = True
    formula: ClassVar[str] = "log Σⱼ exp(zⱼ) − z·t"
    slope: ClassVar[str] = "softmax(z) − t"
    targets: ClassVar[str] = "labels 0 … C − 1, one-hot or soft rows; per pixel, too"
    purpose: ClassVar[str] = "one of several classes"
    label_smoothing: float = 0.0
    class_weights: Weights = None

    def __post_init__(self) -> None:
        number_option(self.name, "label_smoothing", self.label_smoothing, 0, 1)
        object.__setattr__(self, "class_weights", weights_option(self.name, self.class_weights))

    def each(self, prediction: Any, target: Any) -> Any:
        """log Σⱼ e^(zⱼ − z_t), where z_t is the true score or the mean score under the target."""
        labelled = target.shape != prediction.shape
        if self.label_smoothing or self.class_weights:
            losses = self._general(prediction, target, labelled)
        else:
            if labelled:
                true = score_of(target, prediction)
            else:
                true = np.sum(weighted(target, prediction), axis=-1)
            losses = logsumexp(prediction - true[..., None], axes=_last(prediction))
        return nan_unless_valid(target, prediction.shape[-1], losses) if labelled else losses

    def _general(self, prediction: Any, target: Any, labelled: bool) -> Any:
        """Σⱼ aⱼ (−log pⱼ) with shares a = w·t, as A log Σⱼ e^(zⱼ − a·z/A) where A = Σ a."""
        classes = prediction.shape[-1]
        one, none = like(1.0, prediction), like(0.0, prediction)
        shares = np.where(chosen(target, classes), one, none) if labelled else target
        shares = (1.0 - self.label_smoothing) * shares + self.label_smoothing / classes
        if self.class_weights is not None:
            shares = like(self.class_weights, prediction) * shares
        total = np.sum(shares, axis=-1)
        mean = np.sum(weighted(shares, prediction), axis=-1) / np.where(total == 0, 1.0, total)
        return total * logsumexp(prediction - mean[..., None], axes=_last(prediction))


@dataclass(frozen=True, repr=False)
class LogLikelihood(_OfClasses):
    """Mean negative log-likelihood −log p_y, from log-probabilities.

    ``prediction`` has log-probabilities of the classes on its last axis (``dk.nets.log_softmax``
    makes them), ``target`` integer labels.  Option ``class_weights`` as for ``cross_entropy``;
    errors as there.  Source: Fisher 1922, *On the mathematical foundations of theoretical
    statistics*.

    >>> from diffkit.nets.losses import nll
    >>> round(float(nll(np.log(np.array([[0.5, 0.5]])), np.array([1]))), 4)  # ln 2
    0.6931
    """

    name: ClassVar[str] = "nll"
    formula: ClassVar[str] = "−z[y], z = log p"
    slope: ClassVar[str] = "−1 at the label, 0 elsewhere"
    targets: ClassVar[str] = "labels 0 … C − 1"
    purpose: ClassVar[str] = "the net gives log-probabilities itself"
    class_weights: Weights = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_weights", weights_option(self.name, self.class_weights))

    def each(self, prediction: Any, target: Any) -> Any:
        """−log p_y, times the weight of the class."""
        losses = -score_of(target, prediction)
        if self.class_weights is not None:
            losses = weighted(weight_of(target, self.class_weights, prediction), losses)
        return nan_unless_valid(target, prediction.shape[-1], losses)


@dataclass(frozen=True, repr=False)
class Divergence(_OfClasses):
    """Mean Kullback–Leibler divergence of softmax(prediction) from target probabilities.

    It is the cross-entropy less the target's own entropy, so it is 0 where they agree; the
    derivative is the same.  Raises InputError for rows that are no probabilities, ShapeError for
    shapes that do not fit.  Source: Kullback & Leibler 1951, *On information and sufficiency*.

    >>> from diffkit.nets.losses import kl_divergence
    >>> p = np.array([[0.25, 0.75]])
    >>> abs(float(kl_divergence(np.log(p), p))) < 1e-15
    True
    """

    name: ClassVar[str] = "kl_divergence"
    soft: ClassVar[bool] = True
    formula: ClassVar[str] = "Σⱼ tⱼ(log tⱼ − log softmax(z)ⱼ)"
    slope: ClassVar[str] = "softmax(z) − t"
    targets: ClassVar[str] = "rows of probabilities"
    purpose: ClassVar[str] = "a distribution to copy: distillation"

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Probabilities that fit the scores."""
        prediction, target = same_shapes(self.name, prediction, target)
        check_class_shapes(self.name, prediction, target)
        return prediction, target

    def each(self, prediction: Any, target: Any) -> Any:
        """Σ t log t + log Σⱼ e^(zⱼ − z·t)."""
        certain = np.where(target > 0, target, 1.0)
        true = np.sum(weighted(target, prediction), axis=-1)
        surprise = logsumexp(prediction - true[..., None], axes=_last(prediction))
        return surprise + np.sum(target * np.log(certain), axis=-1)


@dataclass(frozen=True, repr=False)
class BinaryCrossEntropy(Loss):
    """Mean binary cross-entropy of logits, t·log(1 + e⁻ᶻ) + (1 − t)·log(1 + eᶻ).

    ``prediction`` and ``target`` have one shape (a column of logits fits a vector of targets);
    targets are 0, 1, or probabilities between.  Both terms are positive, so nothing cancels.
    Option ``positive_weight`` multiplies the first term, for rare positives.
    Raises InputError for targets outside [0, 1] or NaN, ShapeError for shapes that differ.
    Source: D. R. Cox 1958, *The regression analysis of binary sequences*.

    >>> from diffkit.nets.losses import bce_with_logits
    >>> round(float(bce_with_logits(np.array([0.0, 1e4]), np.array([1, 1]))), 4)  # ln 2 / 2
    0.3466
    """

    name: ClassVar[str] = "bce_with_logits"
    classifies: ClassVar[bool] = True
    formula: ClassVar[str] = "t log(1 + e⁻ᶻ) + (1 − t) log(1 + eᶻ)"
    slope: ClassVar[str] = "σ(z) − t"
    targets: ClassVar[str] = "0, 1 or probabilities, shaped as the prediction"
    purpose: ClassVar[str] = "yes or no, or several answers at once"
    positive: ClassVar[tuple[str, ...]] = ("positive_weight",)
    positive_weight: float = 1.0

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Probabilities."""
        refuse_nan(self.name, target)
        hint = "targets are 0, 1 or probabilities; use cross_entropy for more classes."
        check_shares(self.name, target, hint)

    def each(self, prediction: Any, target: Any) -> Any:
        """The surprise of each target."""
        target = as_numbers_like(target, prediction)
        yes = weighted(target, softplus(-prediction))
        if self.positive_weight != 1:
            yes = self.positive_weight * yes
        return yes + weighted(1 - target, softplus(prediction))


@dataclass(frozen=True, repr=False)
class Focal(_OfClasses):
    """Mean focal loss (1 − p_y)^γ · (−log p_y): what is classified well hardly counts any more.

    One score per example with targets 0 and 1, or one score per class with integer labels; γ = 0
    is the cross-entropy.  Options: ``gamma`` γ ≥ 0, and ``class_weights`` (of 0 and 1, for a
    single score), which multiply; the mean is over the examples.  Raises InputError for other
    targets, DtypeError for labels that are not integers, ShapeError for shapes that do not fit.
    Source: Lin, Goyal, Girshick, He & Dollár 2017, *Focal loss for dense object detection*.

    >>> from diffkit.nets.losses import focal
    >>> round(float(focal(np.array([0.0]), np.array([1]))), 4)  # ln 2 / 4
    0.1733
    """

    name: ClassVar[str] = "focal"
    formula: ClassVar[str] = "(1 − p[y])ᵞ · (−log p[y])"
    slope: ClassVar[str] = "(1 − p[y])ᵞ⁻¹ (γ p[y] log p[y] + p[y] − 1)(tⱼ − pⱼ)"
    targets: ClassVar[str] = "0 and 1 for one score, or labels 0 … C − 1"
    purpose: ClassVar[str] = "easy examples are many, hard ones few"
    gamma: float = 2.0
    class_weights: Weights = None

    def __post_init__(self) -> None:
        number_option(self.name, "gamma", self.gamma, 0)
        object.__setattr__(self, "class_weights", weights_option(self.name, self.class_weights))

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """A single score, or labels that fit the scores."""
        prediction, target = scores_fitted(self.name, prediction, target)
        classes = 2 if target.shape == prediction.shape else prediction.shape[-1]
        check_weights(self.name, self.class_weights, classes)
        return prediction, target

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Labels in range, or 0 and 1."""
        refuse_nan(self.name, target)
        if target.shape != shape:
            check_labels(self.name, shape[-1], target)
        elif np.any(wrong := (target != 0) & (target != 1)):
            raise InputError(
                f"focal: a target is {target[wrong][0]}, but one score separates 0 and 1",
                hint="for more classes give a score for each, and integer labels.",
            )

    def mean(self, prediction: Any, target: Any) -> Any:
        """The mean over the examples."""
        return np.mean(self.each(prediction, target))

    def each(self, prediction: Any, target: Any) -> Any:
        """exp(γ log(1 − p_y)) · (−log p_y)."""
        if target.shape == prediction.shape:
            sure = np.where(target > 0, like(1.0, prediction), like(-1.0, prediction)) * prediction
            losses = self._focused(-softplus(sure), softplus(-sure))
            weights = like(self.class_weights or (1.0, 1.0), prediction)
            return np.where(target > 0, weights[1], weights[0]) * losses
        classes = prediction.shape[-1]
        ahead = prediction - score_of(target, prediction)[..., None]
        others = np.where(chosen(target, classes), -np.inf, ahead)
        sure = -logsumexp(others, axes=_last(prediction))
        losses = self._focused(-softplus(sure), softplus(-sure))
        if self.class_weights is not None:
            losses = weight_of(target, self.class_weights, prediction) * losses
        return nan_unless_valid(target, classes, losses)

    def _focused(self, log_rest: Any, surprise: Any) -> Any:
        """(1 − p)^γ times the surprise, from log(1 − p)."""
        return np.exp(self.gamma * log_rest) * surprise

    def classes_of(self, target: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Targets 0 and 1, and labels, as they are."""
        return np.asarray(target).astype(np.intp)
