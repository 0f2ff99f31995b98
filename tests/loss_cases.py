"""What every loss is tried with: by name, (loss with its options, prediction, target)."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.nets import losses
from diffkit.nets.losses import ALL_LOSSES, Loss

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(4, 3)), np.array([0, 2, 1, 2])
VECTOR = np.array([0.3, -1.7, 2.4, 0.9])
SOFT = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6], [0.1, 0.1, 0.8]])
SIGNS, BITS = np.array([-1, 1, 1, -1]), np.array([0, 1, 1, 0])
WEIGHTS = (0.5, 2.0, 1.5)
LOG_P = SCORES - np.log(np.exp(SCORES).sum(axis=1, keepdims=True))
IMAGE, MASK = RNG.normal(size=(2, 2, 3, 3)), RNG.integers(0, 3, (2, 2, 3))
BITMAP = (MASK > 0).astype(int)
PLACES = np.array([0.1, 0.2, 0.6, 0.9])
BOXES = np.concatenate([PLACES + 0.3 * RNG.normal(size=(4, 4)), SCORES], axis=1)
FOUND = np.concatenate([np.tile(PLACES, (4, 1)), LABELS[:, None]], axis=1)

SMOOTH = losses.cross_entropy.using(label_smoothing=0.1)
WEIGHED = losses.cross_entropy.using(class_weights=WEIGHTS)
BOTH = losses.cross_entropy.using(label_smoothing=0.1, class_weights=WEIGHTS)

CASES: dict[str, list[tuple[Loss, Any, Any]]] = {
    "mse": [
        (losses.mse, VECTOR, np.arange(4.0)),
        (losses.mse, SCORES, SCORES[::-1].copy()),
    ],
    "mae": [(losses.mae, VECTOR, np.arange(4.0))],
    "huber": [(losses.huber(1.0), VECTOR, np.array([0.0, 1.0, 2.0, 0.7]))],
    "log_cosh": [(losses.log_cosh, VECTOR, np.array([0.0, 1.0, 2.4, 0.7]))],
    "cosine": [(losses.cosine, SCORES, SOFT)],
    "cross_entropy": [
        (losses.cross_entropy, SCORES, LABELS),
        (losses.cross_entropy, SCORES, np.eye(3)[LABELS]),
        (losses.cross_entropy, SCORES, SOFT),
        (losses.cross_entropy, IMAGE, MASK),
        (SMOOTH, SCORES, LABELS),
        (SMOOTH, SCORES, SOFT),
        (WEIGHED, SCORES, LABELS),
        (WEIGHED, SCORES, SOFT),
        (BOTH, SCORES, LABELS),
        (BOTH, IMAGE, MASK),
    ],
    "nll": [
        (losses.nll, LOG_P, LABELS),
        (losses.nll.using(class_weights=WEIGHTS), LOG_P, LABELS),
    ],
    "kl_divergence": [(losses.kl_divergence, SCORES, SOFT)],
    "bce_with_logits": [
        (losses.bce_with_logits, VECTOR, BITS),
        (losses.bce_with_logits, VECTOR, np.array([0.1, 1.0, 0.5, 0.9])),
        (losses.bce_with_logits.using(positive_weight=3.0), VECTOR, BITS),
    ],
    "focal": [
        (losses.focal, VECTOR, BITS),
        (losses.focal, SCORES, LABELS),
        (losses.focal.using(gamma=1.5, class_weights=(0.75, 0.25)), VECTOR, BITS),
        (losses.focal.using(gamma=0.5, class_weights=WEIGHTS), SCORES, LABELS),
    ],
    "hinge": [
        (losses.hinge, VECTOR, BITS),
        (losses.hinge, VECTOR, SIGNS),
        (losses.hinge, SCORES, LABELS),
    ],
    "squared_hinge": [
        (losses.squared_hinge, VECTOR, SIGNS),
        (losses.squared_hinge, SCORES, LABELS),
    ],
    "multiclass_hinge": [
        (losses.multiclass_hinge, SCORES, LABELS),
        (losses.multiclass_hinge.using(margin=0.5, power=2), SCORES, LABELS),
    ],
    "triplet": [
        (losses.triplet, SCORES, np.array([0, 1, 1, 0])),
        (losses.triplet.using(margin=0.3), SCORES, LABELS),
    ],
    "dice": [
        (losses.dice, IMAGE, MASK),
        (losses.dice.using(smooth=0.5), IMAGE[..., 0], BITMAP),
    ],
    "detection": [
        (losses.detection, BOXES, FOUND),
        (losses.detection.using(box_weight=2.0, beta=0.5), BOXES, FOUND),
    ],
}
ALL_CASES = [case for loss in ALL_LOSSES for case in CASES.get(loss.name, [])]
IDS = [f"{loss.name}-{i}" for i, (loss, _, _) in enumerate(ALL_CASES)]
