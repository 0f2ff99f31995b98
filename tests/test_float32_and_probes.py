"""Short floats stay short through every kink, and a probe sees its cotangent wherever it sits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk

X = np.array([1.0, -2.0, 3.0, 0.0], np.float32)

KINKED = {
    "maximum": lambda x: np.maximum(0.0, x),
    "minimum": lambda x: np.minimum(x, 1.0),
    "clip": lambda x: np.clip(x, 0.0, 1.0),
    "two arrays": lambda x: np.maximum(x, x[::-1]),
    "abs": np.abs,
    "where": lambda x: np.where(x > 0, x * x, 0.0),
    "max": lambda x: np.max(x) * x,
    "power": lambda x: (x * x + 1.0) ** 1.5,
}


@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize("name", KINKED)
def test_gradients_of_float32_are_float32(name: str, method: str) -> None:
    f = KINKED[name]
    slope = dk.grad(lambda x: np.sum(f(x)), method=method)(X)
    exact = dk.grad(lambda x: np.sum(f(x)), method=method)(X.astype(float))
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, exact, rtol=1e-6)


def test_a_probe_on_data_has_its_cotangent() -> None:
    def f(a: Any, x: Any) -> Any:
        return a * np.sum(dk.probe("x", x) ** 2)

    _, slope, probes = dk.value_and_grad(f, probes=True)(2.0, np.array([1.0, 3.0]))
    assert float(slope) == 10.0
    assert probes["x"].cotangent.tolist() == [4.0, 12.0]


def test_probes_before_the_first_parameter_are_seen() -> None:
    nets = dk.nets
    net = nets.sequential(
        [nets.flatten(), nets.activation("tanh"), nets.dense(3)], input_shape=(2, 2, 1)
    )
    params, x = net.init(0), np.linspace(-1, 1, 8).reshape(2, 2, 2, 1)
    loss = net.with_loss(dk.losses.mse)
    y = np.ones((2, 3))
    _, _, probes = dk.value_and_grad(loss, probes=True)(params, x, y)
    first = next(iter(probes))
    assert np.linalg.norm(probes[first].cotangent) > 0.01
