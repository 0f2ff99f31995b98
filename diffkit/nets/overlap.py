"""How well masks and boxes cover what they should: intersection over union.

    IoU(A, B) = |A ∩ B| / |A ∪ B|        1: the same, 0: nothing in common

It does not reward a large ground that is easily right, as the share of right pixels does: an empty
mask on images that are nine tenths ground has 90 % of the pixels right, and an IoU of 0.  The Dice
coefficient D orders masks in the same way, IoU = D/(2 − D).

Reading on: Jaccard 1912, *The distribution of the flora in the alpine zone*; Everingham et al.
2010, *The PASCAL visual object classes challenge*, sections 4.2 and 4.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import ShapeError

__all__ = ["box_iou", "mask_iou"]


def mask_iou(predicted: Any, target: Any, labels: Any = None) -> float:
    """The mean over the classes of IoU = right / (right + missed + wrongly taken), in pixels.

    ``predicted`` and ``target`` are integer labels of one shape.  Pixels are counted over all
    images.  The mean is over ``labels``, by default all that occur in either, the ground among
    them; a label that occurs in neither has IoU 1.  Raises ShapeError when the shapes differ.

    Source: Everingham et al. 2010, section 4.4; Long, Shelhamer & Darrell 2015, "mean IU".

    >>> mask_iou([[0, 1, 1, 1]], [[0, 0, 1, 1]])  # (1/2 + 2/3) / 2
    0.5833333333333333
    """
    found, right = np.asarray(predicted), np.asarray(target)
    if found.shape != right.shape:
        raise ShapeError(
            f"mask_iou: masks of shape {found.shape} are compared with {right.shape}",
            hint="both have one label per pixel.",
        )
    averaged = np.union1d(found, right) if labels is None else np.ravel(labels)
    return float(np.mean([_iou(found == label, right == label) for label in averaged]))


def _iou(found: np.ndarray, right: np.ndarray) -> float:
    union = np.sum(found | right)
    return float(np.sum(found & right) / union) if union else 1.0


def box_iou(predicted: Any, target: Any) -> np.ndarray:
    """The IoU of each pair of boxes: (n, 4) left, top, right, bottom, against (n, 4), gives (n,).

    A box whose right edge is left of its left one, or whose bottom is above its top, is empty.
    Raises ShapeError when the shapes differ or are no boxes.

    Source: Everingham et al. 2010, section 4.2.

    >>> box_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0]])
    array([0.33333333])
    """
    found, right = np.asarray(predicted, float), np.asarray(target, float)
    if found.shape != right.shape or found.ndim != 2 or found.shape[1] != 4:
        raise ShapeError(
            f"box_iou: boxes of shape {found.shape} are compared with {right.shape}",
            hint="both are (n, 4): left, top, right, bottom.",
        )
    low = np.maximum(found[:, :2], right[:, :2])
    high = np.minimum(found[:, 2:], right[:, 2:])
    common, first, second = _area(low, high), _area(*_ends(found)), _area(*_ends(right))
    union = first + second - common
    return np.divide(common, union, out=np.zeros_like(union), where=union > 0)


def _ends(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return boxes[:, :2], boxes[:, 2:]


def _area(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(high - low, 0.0), axis=1)
