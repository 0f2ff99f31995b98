"""First weights: their variances, and what they do to the depth of the learning signal."""

from __future__ import annotations

import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.nets import (
    INITIALIZERS,
    Net,
    dense,
    sequential,
    softmax_classifier,
)
from diffkit.nets.initializers import fans
from diffkit.nets.losses import cross_entropy

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("classic", lambda n, m: 1 / (3 * n)),
        ("xavier", lambda n, m: 2 / (n + m)),
        ("he", lambda n, m: 2 / n),
        ("lecun", lambda n, m: 1 / n),
        ("orthogonal", lambda n, m: 1 / max(n, m)),
        ("zeros", lambda n, m: 0.0),
        ("xavier_normal", lambda n, m: 2 / (n + m)),
        ("he_uniform", lambda n, m: 2 / n),
        ("lecun_uniform", lambda n, m: 1 / n),
        ("uniform", lambda n, m: 0.05**2 / 3),
        ("normal", lambda n, m: 0.05**2),
    ],
)
@pytest.mark.parametrize("shape", [(300, 200), (100, 400), (3, 3, 20, 40)])
def test_variances(name: str, variance, shape) -> None:
    w = INITIALIZERS[name](np.random.default_rng(0), shape)
    n, m = fans(shape)
    outputs = shape[-1] if name == "orthogonal" else m
    assert w.shape == shape
    assert np.isclose(w.var(), variance(n, outputs), rtol=0.05)
    again = INITIALIZERS[name](np.random.default_rng(0), shape)
    assert np.array_equal(w, again)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("xavier", math.sqrt(6 / 300)),
        ("he_uniform", math.sqrt(6 / 100)),
        ("lecun_uniform", math.sqrt(3 / 100)),
        ("uniform", 0.05),
    ],
)
def test_bounds_of_uniform_weights(name: str, bound: float) -> None:
    w = np.abs(INITIALIZERS[name](np.random.default_rng(0), (100, 200)))
    assert 0.999 * bound < w.max() <= bound


def test_every_initializer_starts_every_kind_of_weight() -> None:
    """In nets too, where filters in groups and recurrent weights have shapes of their own."""
    from diffkit.nets import attention, conv2d, conv_transpose2d, embedding, lstm

    parts = [
        (lambda name: dense(4, initializer=name), (3,)),
        (lambda name: conv2d(4, groups=2, initializer=name), (4, 4, 2)),
        (lambda name: conv_transpose2d(4, initializer=name), (4, 4, 2)),
        (lambda name: lstm(4, initializer=name), (5, 3)),
        (lambda name: attention(4, initializer=name), (5, 3)),
        (lambda name: embedding(5, 4, initializer=name), (3,)),
    ]
    for name in INITIALIZERS:
        for make, shape in parts:
            net = sequential([make(name)], shape)
            (params,) = net.init(0).values()
            assert all(np.all(np.isfinite(value)) for value in params.values())
            weights = [value for key, value in params.items() if key.startswith("w")]
            assert all(np.any(value != 0) == (name != "zeros") for value in weights)


def test_orthogonal_keeps_lengths() -> None:
    for shape in ((6, 4), (4, 6), (2, 2, 3, 5)):
        w = INITIALIZERS["orthogonal"](RNG, shape).reshape(-1, shape[-1])
        small = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-14)


def test_classic_bound() -> None:
    w = INITIALIZERS["classic"](np.random.default_rng(0), (100, 50))
    assert 0.099 < np.abs(w).max() <= 0.1


def cotangent_norms(net: Net, batch: int) -> list[float]:
    """‖∂L/∂a‖ for every layer's output a, under a random linear loss."""
    rng, params = np.random.default_rng(1), net.init(0)
    x, weights = (rng.normal(size=(batch, *shape)) for shape in (net.shapes[0], net.shapes[-1]))
    watched = dk.value_and_grad(lambda x: np.sum(net(params, x) * weights), probes=True)
    _, x_bar, probes = watched(x)
    cotangents = [x_bar, *(seen.cotangent for seen in probes.values())]
    return [float(np.linalg.norm(cotangent)) for cotangent in cotangents]


def factor_per_layer(function: str, initializer: str) -> float:
    """How the cotangent shrinks per layer of 1,000 units (Glorot & Bengio 2010)."""
    layers = [dense(1000, function, initializer=initializer)] * 5
    norms = cotangent_norms(sequential(layers, 1000), batch=10)
    return float((norms[0] / norms[-1]) ** (1 / 5))


def test_glorot_and_bengio_2010_linear() -> None:
    """The old rule shrinks the signal by 1/√3 = 0.577 per layer, Xavier keeps it."""
    assert np.isclose(factor_per_layer("identity", "classic"), 1 / math.sqrt(3), rtol=0.02)
    assert np.isclose(factor_per_layer("identity", "xavier"), 1.0, rtol=0.02)


def test_glorot_and_bengio_2010_tanh() -> None:
    """With tanh: 0.54 per layer against 0.80."""
    assert np.isclose(factor_per_layer("tanh", "classic"), 0.54, atol=0.02)
    assert np.isclose(factor_per_layer("tanh", "xavier"), 0.80, atol=0.02)


@pytest.mark.parametrize(
    ("initializer", "expected", "theory"),
    [("he", 1.2, 1.0), ("lecun", 5.3e-5, 2 ** (-29 / 2))],
)
def test_he_et_al_2015(initializer: str, expected: float, theory: float) -> None:
    """30 × 512 rectifiers: the first cotangent over the last is 1 with He, 2^(−29/2) with 1/n."""
    layers = [dense(512, "relu", initializer=initializer)] * 30
    norms = cotangent_norms(sequential(layers, 512), batch=20)
    ratio = norms[1] / norms[-1]
    assert 2 / 3 < ratio / theory < 3 / 2
    assert 2 / 3 < ratio / expected < 3 / 2


def test_first_loss_of_a_softmax_classifier_is_the_logarithm_of_the_classes() -> None:
    for classes, expected in ((3, 1.0986), (10, 2.3026)):
        net = softmax_classifier(4, classes)
        value = net.with_loss(cross_entropy)(net.init(0), np.ones((5, 4)), np.arange(5) % classes)
        assert round(float(value), 4) == expected
