"""Layers and activations against their formulas, written out in plain Python, number by number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from layer_cases import KEY, randomised

import diffkit as dk
from diffkit.nets import (
    ACTIVATIONS,
    attention,
    batch_norm,
    conv_transpose2d,
    group_norm,
    gru,
    layer_norm,
    lstm,
    recurrent,
    sequential,
)
from diffkit.nets.activations import elu, gelu, gelu_tanh, silu

EPSILON = 1e-5
RNG = np.random.default_rng(4)


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


# f and f′ as in the papers
FORMULAS: dict[str, Any] = {
    "identity": (lambda x: x, lambda x: 1.0),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "leaky_relu": (lambda x: x if x > 0 else 0.01 * x, lambda x: 1.0 if x > 0 else 0.01),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "logistic": (sigma, lambda x: sigma(x) * sigma(-x)),
    "sigmoid": (sigma, lambda x: sigma(x) * sigma(-x)),
    "softplus": (lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))), sigma),
    "elu": (lambda x: x if x > 0 else math.expm1(x), lambda x: 1.0 if x > 0 else math.exp(x)),
    "gelu": (
        lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
        lambda x: (
            math.erfc(-x / math.sqrt(2)) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        ),
    ),
    "silu": (lambda x: x * sigma(x), lambda x: sigma(x) * (1 + x * sigma(-x))),
}
POINTS = [-30.0, -4.0, -1.0, -0.1, 0.0, 0.1, 1.0, 4.0, 30.0]


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_and_their_slopes(name: str) -> None:
    function, slope = FORMULAS[name]
    x = np.array(POINTS)
    expected, slopes = ([f(p) for p in POINTS] for f in (function, slope))
    # gelu multiplies roundings of x by x² where it is small
    np.testing.assert_allclose(ACTIVATIONS[name](x), expected, rtol=1e-12, atol=1e-300)
    found = dk.derivative(ACTIVATIONS[name])(x)
    np.testing.assert_allclose(found, slopes, rtol=1e-12, atol=1e-300)


def test_gelu_by_tanh_is_near_the_exact_one() -> None:
    """Hendrycks & Gimpel 2016; the largest difference is 4.7e-4, near |x| = 2.3 (measured here)."""
    x = np.linspace(-8, 8, 4001)
    difference = np.abs(gelu_tanh(x) - gelu(x))
    assert 4.6e-4 < difference.max() < 4.8e-4
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    np.testing.assert_allclose(gelu_tanh(x), 0.5 * x * (1 + np.tanh(u)), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("function", [elu, gelu, gelu_tanh, silu])
def test_smooth_activations_are_finite_far_out(function: Any) -> None:
    x = np.array([-1e4, -700.0, 700.0, 1e4])
    with np.errstate(all="raise", under="ignore"):
        value, slope = function(x), dk.derivative(function)(x)
    low = -1.0 if function is elu else 0.0
    np.testing.assert_allclose(value, [low, low, 700.0, 1e4], atol=1e-290)
    np.testing.assert_allclose(slope, [0, 0, 1, 1], atol=1e-290)


def test_elu_and_leaky_relu_take_their_constant() -> None:
    assert elu(np.array([-1e3, 0.5]), alpha=0.3).tolist() == [-0.3, 0.5]
    assert dk.nets.leaky_relu(np.array([-1.0, 0.5]), leak=0.2).tolist() == [-0.2, 0.5]
    slope = dk.derivative(lambda x: elu(x, 0.3))(np.array([0.0, 1e-9]))
    assert slope.tolist() == [0.3, 1.0]


def recurrence(kind: Any, params: dict[str, np.ndarray], x: np.ndarray) -> list[list[float]]:
    """One sequence (time, features), every sum by hand; h of every step."""
    units = params["w_hidden"].shape[0]
    h, c, path = [0.0] * units, [0.0] * units, []

    def column(j: int, row: Any) -> tuple[float, float]:
        inputs = sum(float(v) * params["w"][i, j] for i, v in enumerate(row)) + params["b"][j]
        return inputs, sum(v * params["w_hidden"][i, j] for i, v in enumerate(h))

    for row in x:
        total = [column(j, row) for j in range(params["w"].shape[1])]
        blocks = [total[k : k + units] for k in range(0, len(total), units)]
        if kind is recurrent:
            h = [math.tanh(a + b) for a, b in blocks[0]]
        elif kind is lstm:
            i, f, g, o = [[a + b for a, b in part] for part in blocks]
            c = [sigma(f[k]) * c[k] + sigma(i[k]) * math.tanh(g[k]) for k in range(units)]
            h = [sigma(o[k]) * math.tanh(c[k]) for k in range(units)]
        else:
            r, z = ([sigma(a + b) for a, b in part] for part in blocks[:2])
            n = [math.tanh(a + r[k] * (b + params["b_hidden"][k]))
                 for k, (a, b) in enumerate(blocks[2])]  # fmt: skip
            h = [(1 - z[k]) * n[k] + z[k] * h[k] for k in range(units)]
        path.append(h)
    return path


@pytest.mark.parametrize("kind", [recurrent, gru, lstm])
def test_recurrent_layers(kind: Any) -> None:
    layer = kind(3, sequences=True)
    net = sequential([layer], (4, 2))
    params, x = randomised(net), RNG.normal(size=(2, 4, 2))
    expected = [recurrence(kind, params[net.names[0]], rows) for rows in x]
    np.testing.assert_allclose(net(params, x), expected, rtol=1e-13)


def test_attention() -> None:
    layer, x = attention(3), RNG.normal(size=(1, 4, 2))
    params = {key: RNG.normal(size=(2, 3)) for key in ("w_query", "w_key", "w_value")}
    q, k, v = (x[0] @ params[f"w_{name}"] for name in ("query", "key", "value"))
    expected = np.zeros((4, 3))
    for i in range(4):
        scores = [math.exp(sum(q[i] * k[j]) / math.sqrt(3)) for j in range(4)]
        for j in range(4):
            expected[i] += scores[j] / sum(scores) * v[j]
    np.testing.assert_allclose(layer(params, x)[0], expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("layer", "together"),
    [
        (batch_norm(), lambda n, i, j, c: (slice(None), slice(None), slice(None), c)),
        (layer_norm(), lambda n, i, j, c: (n, i, j, slice(None))),
        (group_norm(2), lambda n, i, j, c: (n, slice(None), slice(None),
                                           slice(0, 2) if c < 2 else slice(2, 4))),
    ],
)  # fmt: skip
def test_normalisations(layer: Any, together: Any) -> None:
    """Each number by the mean and variance of those it is normalised with."""
    x = 2 + RNG.normal(size=(3, 2, 3, 4))
    params = {"scale": RNG.normal(size=4), "shift": RNG.normal(size=4)}
    kept = {"mean": np.zeros(4), "variance": np.ones(4)}
    found = layer(params | kept, x, rng=KEY) if layer.has_modes else layer(params, x)
    for n, i, j, c in np.ndindex(x.shape):
        part = [float(v) for v in np.ravel(x[together(n, i, j, c)])]
        mean = sum(part) / len(part)
        variance = sum((v - mean) ** 2 for v in part) / len(part)
        h = (x[n, i, j, c] - mean) / math.sqrt(variance + EPSILON)
        expected = params["scale"][c] * h + params["shift"][c]
        assert math.isclose(found[n, i, j, c], expected, rel_tol=1e-11, abs_tol=1e-12)


def test_transposed_convolution() -> None:
    """Every pixel adds a multiple of the filter; what lies in the padding is cut off."""
    layer = conv_transpose2d(2, (3, 2), stride=2, padding=((1, 0), (0, 1)), extra=(0, 1))
    net = sequential([layer], (3, 4, 2))
    params, x = randomised(net), RNG.normal(size=(1, 3, 4, 2))
    w, b = params["up1"]["w"], params["up1"]["b"]
    wide = np.zeros((3 + 4, 2 + 6 + 1, 2))
    for i, j in np.ndindex(3, 4):
        for a, e, c, o in np.ndindex(w.shape):
            wide[2 * i + a, 2 * j + e, o] += x[0, i, j, c] * w[a, e, c, o]
    np.testing.assert_allclose(net(params, x)[0], wide[1:, :-1] + b, rtol=1e-12, atol=1e-13)
