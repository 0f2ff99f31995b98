"""Losses against their formulas, written out plainly and computed with many digits.

Each formula is the paper's, naive on purpose: with enough digits nothing overflows or cancels, so
it is the truth for value and gradient, at usual scores and at ±1e4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from loss_cases import ALL_CASES, BOXES, FOUND, IDS, IMAGE, MASK, SCORES, SOFT, VECTOR

import diffkit as dk
from diffkit.nets import losses
from diffkit.nets.losses import ALL_LOSSES, Loss

LARGE = 1e4  # logits at which losses must stay stable
STEP = mp.mpf(10) ** -30  # of the central difference; its own error is about 10⁻⁶⁰
USUAL_DIGITS, MANY_DIGITS = 100, 4_500  # 1 − p where p = 1/(1 + e^−10000)

exp, log, sqrt, cosh, number = (
    np.frompyfunc(f, 1, 1) for f in (mp.exp, mp.log, mp.sqrt, mp.cosh, mp.mpf)
)


def _mean(x: Any) -> Any:
    return np.sum(x) / np.size(x)


def _softmax(z: Any) -> Any:
    return exp(z) / np.sum(exp(z), axis=-1, keepdims=True)


def _logistic(z: Any) -> Any:
    return 1 / (1 + exp(-z))


def _one_hot(t: Any, z: Any) -> Any:
    return number((np.asarray(t)[..., None] == np.arange(z.shape[-1])).astype(float))


def _norm(x: Any) -> Any:
    return sqrt(np.sum(x * x, axis=-1))


def _huber(delta: float, r: Any) -> Any:
    return _mean(np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)))


def _cross_entropy(loss: Any, z: Any, t: Any) -> Any:
    labelled, classes = t.shape != z.shape, z.shape[-1]
    rows = _one_hot(t, z) if labelled else number(t)
    smooth = number(loss.label_smoothing)
    weights = number(loss.class_weights or np.ones(classes))
    own = np.sum(weights * rows) if labelled else np.size(z) // classes
    rows = (1 - smooth) * rows + smooth / classes
    surprise = -np.where(rows == 0, 0, log(_softmax(z)))
    return np.sum(weights * rows * surprise) / own


def _nll(loss: Any, z: Any, t: Any) -> Any:
    weights = number(loss.class_weights or np.ones(z.shape[-1]))
    rows = _one_hot(t, z)
    return np.sum(-z * rows * weights) / np.sum(rows * weights)


def _divergence(loss: Any, z: Any, t: Any) -> Any:
    ratio = log(np.where(t == 0, 1, number(t))) - log(_softmax(z))
    return np.sum(np.where(t == 0, 0, t * ratio)) / len(z)


def _binary(loss: Any, z: Any, t: Any) -> Any:
    p, t = _logistic(z), number(t)
    return _mean(-number(loss.positive_weight) * t * log(p) - (1 - t) * log(1 - p))


def _focal(loss: Any, z: Any, t: Any) -> Any:
    single = t.shape == z.shape
    rows = number(t.astype(float)) if single else _one_hot(t, z)
    p = rows * _logistic(z) + (1 - rows) * (1 - _logistic(z)) if single else None
    p = np.sum(rows * _softmax(z), axis=-1) if p is None else p
    weights = number(np.array(loss.class_weights or np.ones(2 if single else z.shape[-1]))[t])
    return _mean(weights * (1 - p) ** number(loss.gamma) * -log(p))


def _margins(z: Any, t: Any) -> Any:
    if t.shape == z.shape:
        return np.maximum(0, 1 - np.where(t > 0, 1, -1) * z)
    rows = _one_hot(t, z)
    return np.max(z + 1 - rows, axis=-1) - np.sum(rows * z, axis=-1)


def _every_margin(loss: Any, z: Any, t: Any) -> Any:
    rows = _one_hot(t, z)
    true = np.sum(rows * z, axis=-1, keepdims=True)
    missing = np.maximum(0, number(loss.margin) - true + z) ** loss.power
    return _mean(np.sum((1 - rows) * missing, axis=-1) / z.shape[-1])


def _triplet(loss: Any, z: Any, t: Any) -> Any:
    found = [
        max(mp.mpf(0), _norm(z[a] - z[p]) - _norm(z[a] - z[n]) + number(loss.margin))
        for a in range(len(z)) for p in range(len(z)) for n in range(len(z))
        if a != p and t[a] == t[p] != t[n]
    ]  # fmt: skip
    return sum(found) / len(found)


def _dice(loss: Any, z: Any, t: Any) -> Any:
    single, s = t.shape == z.shape, number(loss.smooth)
    p, rows = (_logistic(z), t) if single else (_softmax(z), _one_hot(t, z))
    axes = tuple(range(1, z.ndim - (not single)))
    overlap, sizes = np.sum(p * rows, axis=axes), np.sum(p + rows, axis=axes)
    return _mean(1 - (2 * overlap + s) / (sizes + s))


def _detection(loss: Any, z: Any, t: Any) -> Any:
    r, beta = abs(z[:, :4] - number(t[:, :4])), number(loss.beta)
    boxes = np.where(r < beta, r**2 / (2 * beta), r - beta / 2)
    surprise = _cross_entropy(losses.cross_entropy, z[:, 4:], t[:, 4].astype(int))
    return number(loss.box_weight) * _mean(boxes) + surprise


FORMULAS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mse": lambda loss, p, t: _mean((p - t) ** 2),
    "mae": lambda loss, p, t: _mean(abs(p - t)),
    "huber": lambda loss, p, t: _huber(loss.delta, abs(p - t)),
    "log_cosh": lambda loss, p, t: _mean(log(cosh(p - number(t)))),
    "cosine": lambda loss, p, t: _mean(1 - np.sum(p * t, axis=-1) / _norm(p) / _norm(number(t))),
    "cross_entropy": _cross_entropy,
    "nll": _nll,
    "kl_divergence": _divergence,
    "bce_with_logits": _binary,
    "focal": _focal,
    "hinge": lambda loss, z, t: _mean(_margins(z, t)),
    "squared_hinge": lambda loss, z, t: _mean(_margins(z, t) ** 2),
    "multiclass_hinge": _every_margin,
    "triplet": _triplet,
    "dice": _dice,
    "detection": _detection,
}


def truth(loss: Loss, prediction: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and gradient of the formula."""
    exact = number(prediction)
    formula = FORMULAS[loss.name]
    value, slope = formula(loss, exact, target), np.zeros(prediction.shape)
    for place in np.ndindex(prediction.shape):
        ends = []
        for step in (STEP, -STEP):
            moved = exact.copy()
            moved[place] += step
            ends.append(formula(loss, moved, target))
        slope[place] = float((ends[0] - ends[1]) / (2 * STEP))
    return float(value), slope


def test_every_loss_has_a_formula() -> None:
    assert {loss.name for loss in ALL_LOSSES} == set(FORMULAS)


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_value_and_gradient_are_the_formulas(loss: Loss, prediction: Any, target: Any) -> None:
    with mp.workdps(USUAL_DIGITS):
        value, slope = truth(loss, prediction, target)
    found, gradient = dk.value_and_grad(loss)(prediction, target)
    np.testing.assert_allclose(found, value, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13, atol=1e-15)


# Far from zero ------------------------------------------------------------------------------------

ROWS = np.array(
    [[LARGE, LARGE - 1.0, -LARGE], [-LARGE, 0.5, LARGE], [-LARGE, -LARGE - 0.5, -LARGE]]
)
TWO = np.array([LARGE, -LARGE, -LARGE, LARGE])
BITS = np.array([1, 1, 0, 0])
SOFT_ROWS = SOFT[[0, 1, 3]]

EXTREME: dict[str, list[tuple[Loss, Any, Any]]] = {
    **{
        loss.name: [(loss, LARGE * VECTOR, np.arange(4.0))]
        for loss in (losses.mse, losses.mae, losses.huber(1.0), losses.log_cosh)
    },
    "cosine": [(losses.cosine, LARGE * SCORES, SOFT)],
    "cross_entropy": [
        (losses.cross_entropy, ROWS, np.array([0, 0, 1])),
        (losses.cross_entropy, ROWS, SOFT_ROWS),
        (losses.cross_entropy.using(label_smoothing=0.1), ROWS, np.array([1, 2, 0])),
        (losses.cross_entropy.using(class_weights=(1, 2, 3)), ROWS, np.array([1, 2, 0])),
    ],
    "nll": [(losses.nll, ROWS, np.array([0, 0, 1]))],
    "kl_divergence": [(losses.kl_divergence, ROWS, SOFT_ROWS)],
    "bce_with_logits": [(losses.bce_with_logits, TWO, BITS)],
    "focal": [
        (losses.focal, TWO, BITS),
        (losses.focal, ROWS, np.array([0, 0, 1])),
        (losses.focal.using(gamma=0.5), ROWS, np.array([1, 2, 0])),
    ],
    "hinge": [(losses.hinge, TWO, BITS), (losses.hinge, ROWS, np.array([1, 0, 0]))],
    "squared_hinge": [(losses.squared_hinge, TWO, BITS)],
    "multiclass_hinge": [
        (losses.multiclass_hinge, ROWS + np.array([0, 0, 0.25]), np.array([1, 0, 0]))
    ],
    "triplet": [(losses.triplet, LARGE * SCORES, np.array([0, 1, 1, 0]))],
    "dice": [(losses.dice, LARGE * IMAGE[:1], MASK[:1])],
    "detection": [
        (losses.detection, np.concatenate([LARGE * BOXES[:3, :4], ROWS], axis=1), FOUND[:3])
    ],
}
FAR = [case for loss in ALL_LOSSES for case in EXTREME[loss.name]]


@pytest.mark.parametrize(
    ("loss", "prediction", "target"), FAR, ids=[f"{row[0].name}-{i}" for i, row in enumerate(FAR)]
)
def test_scores_of_ten_thousand(loss: Loss, prediction: Any, target: Any) -> None:
    """No overflow, no warning (an error here), and the value and slope of the formula."""
    with mp.workdps(MANY_DIGITS if loss.name in ("bce_with_logits", "focal") else USUAL_DIGITS):
        value, slope = truth(loss, prediction, target)
    found, gradient = dk.value_and_grad(loss)(prediction, target)
    np.testing.assert_allclose(found, value, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("r", [0.0, 1e-300, 1e-12, -3e-9, 1e-4, 0.999, -1.0, 1.001, 30.0, -700.0])
def test_log_cosh_keeps_its_digits(r: float) -> None:
    with mp.workdps(700):
        expected = float(mp.log(mp.cosh(mp.mpf(r)))), float(mp.tanh(mp.mpf(r)))
    found = dk.value_and_grad(losses.log_cosh)(np.array([r]), np.zeros(1))
    np.testing.assert_allclose(found[0], expected[0], rtol=4e-15, atol=0)
    np.testing.assert_allclose(found[1][0], expected[1], rtol=4e-15, atol=0)


@pytest.mark.parametrize("z", [-40.0, -3.0, 0.0, 5.0, 60.0])
def test_a_focal_loss_of_e_to_the_minus_180_has_its_digits(z: float) -> None:
    with mp.workdps(200):
        p = 1 / (1 + mp.exp(-mp.mpf(z)))
        expected = float((1 - p) ** 2 * -mp.log(p))
        slope = float((1 - p) ** 2 * (2 * p * mp.log(p) + p - 1))
    found = dk.value_and_grad(losses.focal)(np.array([z]), np.array([1]))
    np.testing.assert_allclose(found[0], expected, rtol=1e-13, atol=0)
    np.testing.assert_allclose(found[1][0], slope, rtol=1e-13, atol=0)
