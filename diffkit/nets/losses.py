"""Losses: how wrong a prediction is, as one number to differentiate.

A loss is a value: ``loss(prediction, target)`` is the mean over the examples, and
``loss.using(option=…)`` the same loss with other options.  Scores are logits, not probabilities,
and each loss is written so that neither its value nor its derivative overflows or cancels:

    regression       mse · mae · huber(δ) · log_cosh · cosine
    classes          cross_entropy · nll · kl_divergence · bce_with_logits · focal
    margins          hinge · squared_hinge · multiclass_hinge · triplet
    images           dice · detection, and cross_entropy per pixel

Formula, derivative, targets and kinks of each stand in its class; ``docs/losses.md`` is made from
them.  L1 and L2 penalties belong to the parameters: ``net.with_loss(loss, l2=…, l1=…)``.
Reading on: Goodfellow, Bengio & Courville 2016, section 6.2; Bishop 2006, *Pattern Recognition and
Machine Learning*, sections 4.3 and 7.1.
"""

from __future__ import annotations

from diffkit.nets.losses_base import Loss
from diffkit.nets.losses_classes import (
    BinaryCrossEntropy,
    CrossEntropy,
    Divergence,
    Focal,
    LogLikelihood,
)
from diffkit.nets.losses_images import Detection, Dice
from diffkit.nets.losses_margins import Hinge, MulticlassHinge, SquaredHinge, Triplet
from diffkit.nets.losses_regression import (
    AbsoluteError,
    Cosine,
    Huber,
    LogCosh,
    SquaredError,
    huber,
)

__all__ = [
    "ALL_LOSSES",
    "Huber",
    "Loss",
    "bce_with_logits",
    "cosine",
    "cross_entropy",
    "detection",
    "dice",
    "focal",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mse",
    "multiclass_hinge",
    "nll",
    "squared_hinge",
    "triplet",
]

mse = SquaredError()
mae = AbsoluteError()
log_cosh = LogCosh()
cosine = Cosine()
cross_entropy = CrossEntropy()
nll = LogLikelihood()
kl_divergence = Divergence()
bce_with_logits = BinaryCrossEntropy()
focal = Focal()
hinge = Hinge()
squared_hinge = SquaredHinge()
multiclass_hinge = MulticlassHinge()
triplet = Triplet()
dice = Dice()
detection = Detection()

ALL_LOSSES: tuple[Loss, ...] = (
    *(mse, mae, huber(1.0), log_cosh, cosine),
    *(cross_entropy, nll, kl_divergence, bce_with_logits, focal),
    *(hinge, squared_hinge, multiclass_hinge, triplet),
    *(dice, detection),
)
"""Every loss; the tests run over this list."""
