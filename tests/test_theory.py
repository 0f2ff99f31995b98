"""What papers derive of the learning signal, beside what is measured on nets.

Glorot & Bengio 2010 and He et al. 2015 stand in ``test_first_weights.py``, Baydin et al. 2022 in
``test_stochastic.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError
from diffkit.training import theory

# Pascanu, Mikolov & Bengio 2013: the signal through T steps of time -------------------------------


@pytest.mark.parametrize(("gain", "expected"), [(0.9, 5.154e-3), (1.0, 1.0), (1.1, 117.39)])
def test_a_recurrent_net_multiplies_the_signal_at_every_step(gain: float, expected: float) -> None:
    """An orthogonal recurrent matrix times ρ: the first step hears ρ⁵⁰ of the last."""
    size, steps, rng = 16, 50, np.random.default_rng(0)
    w = gain * np.linalg.qr(rng.normal(size=(size, size)))[0]
    direction = rng.normal(size=size)

    def last_score(h0: Any) -> Any:
        def step(h: Any, x: Any) -> tuple[Any, Any]:
            return w @ h + x, x

        return np.sum(direction * dk.scan(step, h0, np.zeros((steps, size)))[0])

    slope = dk.grad(last_score)(np.zeros(size))
    measured = np.linalg.norm(slope) / np.linalg.norm(direction)
    assert measured == pytest.approx(expected, rel=1e-4)
    assert measured == pytest.approx(gain**steps, rel=1e-12)


# Hochreiter 1991: sigmoids ------------------------------------------------------------------------


def test_a_sigmoid_passes_on_less_than_a_quarter() -> None:
    """0.234 per layer for weights of variance 1/n: E σ′² at the fixed point, and at most ¼."""
    field = dk.signal.mean_field("sigmoid", 1.0)
    assert field.factor == pytest.approx(0.234, abs=0.003)
    assert max(dk.signal.mean_field("sigmoid", 1.0, b).factor for b in (0.0, 0.1, 1.0, 3.0)) < 0.25


# Saxe, McClelland & Ganguli 2014: the modes of a deep linear net ----------------------------------


def test_modes_of_a_deep_linear_net_follow_the_closed_form() -> None:
    rate, start, strengths = 1e-3, 0.01, np.array([3.0, 2.0, 1.0])
    rng = np.random.default_rng(0)
    u, v, r = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(3))
    x = np.linalg.qr(rng.normal(size=(12, 3)))[0] * np.sqrt(12)  # mean x xᵀ = 1
    y = x @ v @ np.diag(strengths) @ u.T
    params = {"first": np.sqrt(start) * v @ r.T, "second": np.sqrt(start) * r @ u.T}

    def loss(params: Any, x: Any, y: Any) -> Any:
        error = x @ params["first"] @ params["second"] - y
        return np.mean(np.sum(error**2, axis=1)) / 2

    seen = []

    def look(run: Any) -> None:
        product = v.T @ run.params["first"] @ run.params["second"] @ u
        seen.append(np.diag(product).copy())

    dk.train(loss, params, (x, y), optimizer=dk.optim.sgd(rate), epochs=5000, on_epoch=look)
    times = np.arange(1, 5001)
    for mode, strength in enumerate(strengths):
        theory = dk.signal.deep_linear_mode(times, strength, start, tau=1 / rate)
        assert np.max(np.abs(np.array(seen)[:, mode] - theory)) < 0.01 * strength


def test_strong_modes_are_learned_first() -> None:
    """Half of a mode is there after τ/(2s) · ln(s/a₀ − 1)."""
    for strength in (3.0, 1.0):
        half = np.log(strength / 0.01 - 1) / (2 * strength)
        found = dk.signal.deep_linear_mode(half, strength, 0.01)
        assert found == pytest.approx(strength / 2, rel=1e-12)


# Schoenholz et al. 2017: order and chaos ----------------------------------------------------------


def test_the_critical_line_of_tanh() -> None:
    """(σ_w², σ_b²) = (1.76, 0.05) is the critical point that the paper's successors use."""
    assert dk.signal.critical_weights("tanh", 0.05**0.5) ** 2 == pytest.approx(1.76, abs=0.005)


def test_the_critical_line_differentiates_an_activation_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def watched(phi: Any) -> Any:
        asked.append(phi)
        return dk.derivative(phi)

    monkeypatch.setattr(theory, "derivative", watched)
    assert dk.signal.critical_weights("tanh", 0.3) == pytest.approx(1.3, abs=0.2)
    assert len(asked) == 1
    with pytest.raises(InputError, match="positive"):
        dk.signal.critical_weights("tanh", -0.3)


def test_rectifiers_keep_the_signal_at_the_variance_of_he() -> None:
    assert dk.signal.mean_field("relu", 2**0.5).chi == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("weight_std", (1.0, 1.3, 2.0))
def test_the_cotangent_of_a_wide_net_follows_chi(weight_std: float) -> None:
    layers, width, bias_std = 12, 400, 0.3
    rng = np.random.default_rng(0)
    ws = rng.normal(0, weight_std / width**0.5, (layers, width, width))
    bs = rng.normal(0, bias_std, (layers, width))
    field = dk.signal.mean_field("tanh", weight_std, bias_std)

    def score(x: Any) -> Any:
        for layer in range(layers):
            x = dk.probe(f"h{layer}", np.tanh(x) @ ws[layer] + bs[layer])
        return np.sum(x * direction)

    direction = rng.normal(size=(4, width))
    x = rng.normal(0, field.q**0.5, (4, width))
    probes = dk.value_and_grad(score, probes=True)(x)[2]
    norms = [np.linalg.norm(probes[f"h{layer}"].cotangent) for layer in range(layers)]
    measured = (norms[0] / norms[-1]) ** (1 / (layers - 1))
    assert measured == pytest.approx(field.factor, rel=0.04)


def test_standard_deviations_that_are_none() -> None:
    with pytest.raises(InputError, match="positive"):
        dk.signal.mean_field("tanh", -1.0)
    with pytest.raises(InputError, match="without bound"):
        dk.signal.mean_field("relu", 2.0)
    with pytest.raises(InputError, match="edge of chaos"):
        dk.signal.critical_weights("sigmoid", 0.0)


# McCandlish et al. 2018: the gradient noise scale -------------------------------------------------


def regression(n: int = 4000, d: int = 10, sigma: float = 0.1) -> tuple[Any, Any, Any]:
    """½(xᵀw − y)² with normal x: B = d + 1 + dσ²/‖w‖² = 11.10 in closed form."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, d))
    return half_square, np.eye(d)[0], (x, sigma * rng.normal(size=n))


def half_square(w: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ w - y) ** 2) / 2


def test_the_noise_scale_is_that_of_the_closed_form() -> None:
    loss, w, data = regression()
    exact = dk.signal.noise_scale(loss, w, data)
    estimate = dk.signal.noise_scale(loss, w, data, batches=(4, 64), pairs=2000, seed=0)
    assert exact.scale == pytest.approx(11.10, rel=0.05)
    assert estimate.scale == pytest.approx(exact.scale, rel=0.05)


def test_the_variance_of_a_batch_falls_with_its_size() -> None:
    """Slope −1 on logarithmic axes: E‖g_b − G‖² = tr Σ / b."""
    loss, w, data = regression()
    gradients = dk.signal.per_example_gradients(loss, w, data)
    mean = gradients.mean(axis=0)
    rng, sizes = np.random.default_rng(0), 2 ** np.arange(7)
    spread = [
        np.mean([np.sum((gradients[rng.integers(0, len(gradients), b)].mean(0) - mean) ** 2)
                 for _ in range(1500)]) for b in sizes
    ]  # fmt: skip
    assert np.polyfit(np.log(sizes), np.log(np.array(spread)), 1)[0] == pytest.approx(
        -1.0, abs=0.02
    )


# Li et al. 2018: filter normalisation -------------------------------------------------------------


def test_scaling_layers_changes_raw_curves_only() -> None:
    """A net of rectifiers with one layer times 10 and the next over 10 is the same function."""
    rng = np.random.default_rng(0)
    net = dk.nets.mlp([4, 16, 16, 3], activation="relu")
    loss, params = net.with_loss(dk.losses.cross_entropy), net.init(0)
    x, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    scaled = {name: dict(layer) for name, layer in params.items()}
    for key in ("w", "b"):
        scaled["dense1"][key] = params["dense1"][key] * 10
    scaled["dense2"]["w"] = params["dense2"]["w"] / 10
    direction, at = dk.signal.random_direction(params, 1), np.linspace(-1, 1, 9)

    def curve(params: Any, direction: Any) -> np.ndarray:
        return dk.signal.landscape(loss, params, (x, y), direction, at)

    plain, other = (curve(p, dk.signal.filter_normalised(direction, p)) for p in (params, scaled))
    assert np.max(np.abs(plain - other)) < 1e-13
    raw, raw_other = curve(params, direction), curve(scaled, direction)
    assert np.max(np.abs(raw_other / raw)) > 3
