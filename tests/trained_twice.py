"""The same training on the machine and by the interpreter, for the tests that compare them."""

from __future__ import annotations

from typing import Any

import numpy as np
from trained import quiet_train

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.optim.optimizers import SGD
from diffkit.training.run import Run

RNG = np.random.default_rng(3)
X = RNG.normal(size=(33, 4))
Y = np.eye(3)[RNG.integers(0, 3, 33)]
PARAMS = {"w1": RNG.normal(size=(4, 6)) / 2, "b1": np.zeros(6), "w2": RNG.normal(size=(6, 3)) / 2,
          "b2": np.zeros(3)}  # fmt: skip
CLOSE = {np.float64: 1e-10, np.float32: 2e-4}


def loss(params: Any, x: Any, y: Any) -> Any:
    """Cross-entropy of a small net with one hidden layer."""
    h = dk.probe("hidden", np.tanh(x @ params["w1"] + params["b1"]))
    z = h @ params["w2"] + params["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(y * z, axis=1))


def train(engine: str, dtype: Any = np.float64, **options: Any) -> Run:
    params = {name: value.astype(dtype) for name, value in PARAMS.items()}
    data = (X.astype(dtype), Y.astype(dtype))
    settings = {"epochs": 3, "batch_size": 8, "optimizer": SGD(0.1, 0.9)} | options
    return quiet_train(settings.pop("loss", loss), params, data, engine=engine, **settings)


def assert_same(one: Run, other: Run, close: float) -> None:
    """Histories, signals and parameters agree to rounding."""
    for name, values in other.history.items():
        assert np.allclose(one.history[name], values, rtol=close, atol=close), name
    for a, b in zip(flatten(one.params)[0], flatten(other.params)[0], strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert np.allclose(a, b, rtol=close, atol=close)
    assert one.signal.steps == other.signal.steps
    for name in other.signal.rows:
        assert np.allclose(one.signal.table(name), other.signal.table(name), rtol=close, atol=close)


def both(dtype: Any = np.float64, **options: Any) -> tuple[Run, Run]:
    """The same training on the machine, which must really run it, and by the interpreter."""
    fast, slow = train("machine", dtype, **options), train("interpret", dtype, **options)
    assert fast.engine == "machine" and slow.engine == "interpret"
    return fast, slow
