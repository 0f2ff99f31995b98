"""The page of the losses: its tables are current, and the derivatives in them are right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loss_cases import BOXES, CASES, FOUND, IMAGE, MASK

import diffkit as dk
from diffkit.nets import losses
from diffkit.nets.losses import ALL_LOSSES

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_tables_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    page = import_module("generate_losses")
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.updated(text) == text, "run python docs/generate_losses.py"
    assert page.updated(text.replace("| (p − t)² |", "| (p + t)² |")) == text


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=str)
def test_every_loss_says_what_it_is(loss: losses.Loss) -> None:
    for words in (loss.formula, loss.slope, loss.targets, loss.kinks, loss.purpose):
        assert words and "\n" not in words


def _softmax(z: Any) -> Any:
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def _logistic(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _rows(t: Any, z: Any) -> Any:
    return np.eye(z.shape[-1])[t] if t.shape != z.shape else t


def _unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _cosine(p: Any, t: Any) -> Any:
    cos = np.sum(_unit(p) * _unit(t), axis=-1, keepdims=True)
    return -(_unit(t) - cos * _unit(p)) / np.linalg.norm(p, axis=-1, keepdims=True)


def _focal(z: Any, t: Any) -> Any:
    s = 2 * t - 1
    p = _logistic(s * z)
    return (1 - p) * (2 * p * np.log(p) + p - 1) * (1 - p) * s


def _every_margin(z: Any, t: Any) -> Any:
    own = _rows(t, z)
    near = (z > np.sum(own * z, axis=-1, keepdims=True) - 1) * (1 - own) / z.shape[-1]
    return near - own * near.sum(axis=-1, keepdims=True)


def _sign(t: Any) -> Any:
    return np.where(t > 0, 1, -1)


# The derivatives of the table, of one example.
SLOPES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda p, t: 2 * (p - t),
    "mae": lambda p, t: np.sign(p - t),
    "huber": lambda p, t: np.clip(p - t, -1, 1),
    "log_cosh": lambda p, t: np.tanh(p - t),
    "cosine": _cosine,
    "cross_entropy": lambda z, t: _softmax(z) - _rows(t, z),
    "nll": lambda z, t: -_rows(t, z),
    "kl_divergence": lambda z, t: _softmax(z) - t,
    "bce_with_logits": lambda z, t: _logistic(z) - t,
    "focal": _focal,
    "hinge": lambda z, t: np.where(_sign(t) * z < 1, -_sign(t), 0),
    "squared_hinge": lambda z, t: -2 * _sign(t) * np.maximum(0, 1 - _sign(t) * z),
    "multiclass_hinge": _every_margin,
}


@pytest.mark.parametrize("name", SLOPES)
def test_the_derivative_is_the_tables(name: str) -> None:
    loss, prediction, target = CASES[name][0]
    examples = prediction.size if target.shape == prediction.shape else len(prediction)
    if name in ("cosine", "kl_divergence"):
        examples = len(prediction)
    expected = SLOPES[name](prediction, target) / examples
    np.testing.assert_allclose(dk.grad(loss)(prediction, target), expected, rtol=1e-12, atol=1e-15)


def test_the_derivative_of_a_triplet_is_the_tables() -> None:
    a, p, n = (np.array([[x, y]]) for x, y in ((0.1, 0.2), (0.5, -0.3), (0.4, 0.9)))
    found = dk.grad(losses.triplet.of)(a, p, n)
    np.testing.assert_allclose(found, _unit(a - p) - _unit(a - n), rtol=1e-12)


def test_the_derivative_of_dice_is_the_tables() -> None:
    p, t = _softmax(IMAGE), _rows(MASK, IMAGE)
    sizes = (p + t).sum(axis=(1, 2), keepdims=True) + 1
    score = (2 * (p * t).sum(axis=(1, 2), keepdims=True) + 1) / sizes
    by_p = (score - 2 * t) / sizes  # 1 − ℓ is the score
    by_z = p * (by_p - (p * by_p).sum(axis=-1, keepdims=True)) / (len(p) * 3)
    np.testing.assert_allclose(dk.grad(losses.dice)(IMAGE, MASK), by_z, rtol=1e-11, atol=1e-15)


def test_the_derivative_of_a_detection_is_the_tables() -> None:
    found = 4 * dk.grad(losses.detection.using(box_weight=2.0, beta=0.5))(BOXES, FOUND)
    edges = np.clip(2.0 * (BOXES - np.pad(FOUND, ((0, 0), (0, 2))))[:, :4] / (4 * 0.5), -0.5, 0.5)
    np.testing.assert_allclose(found[:, :4], edges, rtol=1e-12)
    scores = BOXES[:, 4:]
    expected = _softmax(scores) - _rows(FOUND[:, 4].astype(int), scores)
    np.testing.assert_allclose(found[:, 4:], expected, rtol=1e-12)
