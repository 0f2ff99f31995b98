"""Losses beside PyTorch's own, where it is installed: values and gradients in float64.

Written for PyTorch 2.13.  Where PyTorch has no such loss (log-cosh, focal, Dice, the hinge of one
score) its operations stand in.  ``test_loss_truth.py`` needs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from loss_cases import ALL_CASES, BITMAP, IDS

import diffkit as dk
from diffkit.nets import losses
from diffkit.nets.losses import ALL_LOSSES, Loss

torch = pytest.importorskip("torch", minversion="2.0")
F = torch.nn.functional
CLOSE = 1e-10


def _weights(loss: Any) -> Any:
    return None if loss.class_weights is None else torch.tensor(loss.class_weights).double()


def _classes_first(z: Any) -> Any:
    return z.movedim(-1, 1)


def _cross_entropy(loss: Any, z: Any, t: Any) -> Any:
    if t.ndim == z.ndim:
        t = _classes_first(t)
    return F.cross_entropy(
        _classes_first(z), t, weight=_weights(loss), label_smoothing=loss.label_smoothing
    )


def _divergence(loss: Any, z: Any, t: Any) -> Any:
    return F.kl_div(F.log_softmax(z, -1), t, reduction="batchmean")


def _binary(loss: Any, z: Any, t: Any) -> Any:
    weight = torch.tensor(loss.positive_weight).double()
    return F.binary_cross_entropy_with_logits(z, t.double(), pos_weight=weight)


def _focal(loss: Any, z: Any, t: Any) -> Any:
    if t.ndim == z.ndim:
        surprise = F.binary_cross_entropy_with_logits(z, t.double(), reduction="none")
    else:
        surprise = F.cross_entropy(z, t, reduction="none")
    weights = 1.0 if loss.class_weights is None else _weights(loss)[t]
    return (weights * (1 - torch.exp(-surprise)) ** loss.gamma * surprise).mean()


def _hinge(z: Any, t: Any) -> Any:
    if t.ndim == z.ndim:
        return torch.clamp(1 - torch.where(t > 0, 1.0, -1.0) * z, min=0)
    rows = F.one_hot(t, z.shape[-1])
    return (z + 1 - rows).max(dim=-1).values - (z * rows).sum(-1)


def _triplet(loss: Any, z: Any, t: Any) -> Any:
    measure = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: torch.linalg.vector_norm(a - b, dim=-1),
        margin=loss.margin,
    )
    n = range(len(z))
    rows = [(a, p, q) for a in n for p in n for q in n if a != p and t[a] == t[p] != t[q]]
    return measure(*(z[list(part)] for part in zip(*rows, strict=True)))


def _dice(loss: Any, z: Any, t: Any) -> Any:
    single = t.ndim == z.ndim
    p, rows = (torch.sigmoid(z), t) if single else (z.softmax(-1), F.one_hot(t, z.shape[-1]))
    axes = tuple(range(1, z.ndim - (not single)))
    both = (p * rows).sum(axes)
    return (1 - (2 * both + loss.smooth) / ((p + rows).sum(axes) + loss.smooth)).mean()


def _detection(loss: Any, z: Any, t: Any) -> Any:
    boxes = F.smooth_l1_loss(z[:, :4], t[:, :4], beta=loss.beta)
    return loss.box_weight * boxes + F.cross_entropy(z[:, 4:], t[:, 4].long())


THEIRS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mse": lambda loss, z, t: F.mse_loss(z, t),
    "mae": lambda loss, z, t: F.l1_loss(z, t),
    "huber": lambda loss, z, t: F.huber_loss(z, t, delta=loss.delta),
    "log_cosh": lambda loss, z, t: torch.log(torch.cosh(z - t)).mean(),
    "cosine": lambda loss, z, t: F.cosine_embedding_loss(z, t, torch.ones(len(z))),
    "cross_entropy": _cross_entropy,
    "nll": lambda loss, z, t: F.nll_loss(z, t, weight=_weights(loss)),
    "kl_divergence": _divergence,
    "bce_with_logits": _binary,
    "focal": _focal,
    "hinge": lambda loss, z, t: _hinge(z, t).mean(),
    "squared_hinge": lambda loss, z, t: (_hinge(z, t) ** 2).mean(),
    "multiclass_hinge": lambda loss, z, t: F.multi_margin_loss(
        z, t, p=loss.power, margin=loss.margin
    ),
    "triplet": _triplet,
    "dice": _dice,
    "detection": _detection,
}


def test_every_loss_has_a_counterpart() -> None:
    assert {loss.name for loss in ALL_LOSSES} == set(THEIRS)


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_value_and_gradient_are_pytorchs(loss: Loss, prediction: Any, target: Any) -> None:
    z = torch.tensor(prediction, dtype=torch.float64, requires_grad=True)
    value = THEIRS[loss.name](loss, z, torch.tensor(target))
    (slope,) = torch.autograd.grad(value, z)
    found, gradient = dk.value_and_grad(loss)(prediction, target)
    np.testing.assert_allclose(found, value.item(), rtol=CLOSE, atol=CLOSE)
    np.testing.assert_allclose(gradient, slope.numpy(), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("power", [1, 2])
def test_penalties_are_those_added_by_hand(power: int) -> None:
    """l1 and l2 of ``with_loss`` beside a linear layer of PyTorch."""
    net = dk.nets.mlp([3, 1])
    x, y = np.arange(12.0).reshape(4, 3) / 7, BITMAP[0, 0, :1] + np.arange(4.0)
    options = {"l1": 0.3} if power == 1 else {"l2": 0.3}
    params = net.init(3)
    value, slope = dk.value_and_grad(net.with_loss(losses.mse, **options))(params, x, y)
    w, b = (torch.tensor(params["dense1"][key], requires_grad=True) for key in "wb")
    penalty = 0.3 * w.abs().sum() if power == 1 else 0.15 * (w**2).sum()
    theirs = F.mse_loss((torch.tensor(x) @ w + b)[:, 0], torch.tensor(y)) + penalty
    theirs.backward()
    np.testing.assert_allclose(value, theirs.item(), rtol=CLOSE)
    for key, tensor in (("w", w), ("b", b)):
        np.testing.assert_allclose(slope["dense1"][key], tensor.grad.numpy(), rtol=CLOSE)
