"""``dk.signal``: what is measured of a loss and a net at one point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, ShapeError
from diffkit.training.units import SLOPES


@pytest.fixture(scope="module")
def problem() -> tuple[Any, Any, Any, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = dk.nets.mlp([3, 5, 2])
    return net, net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y)


def test_gradients_of_examples_are_those_of_batches_of_one(problem: Any) -> None:
    _, loss, params, (x, y) = problem
    found = dk.signal.per_example_gradients(loss, params, (x, y))
    for i in (0, 7, 39):
        alone = dk.grad(loss)(params, x[i : i + 1], y[i : i + 1])
        for name, layer in alone.items():
            for key, g in layer.items():
                assert np.allclose(found[name][key][i], g, rtol=1e-12, atol=1e-15)


def test_their_mean_is_the_full_gradient(problem: Any) -> None:
    _, loss, params, data = problem
    found, full = dk.signal.per_example_gradients(loss, params, data), dk.grad(loss)(params, *data)
    for name, layer in full.items():
        for key, g in layer.items():
            assert np.allclose(found[name][key].mean(axis=0), g, rtol=0, atol=1e-15)


def test_gradients_of_examples_of_a_convolutional_net() -> None:
    net = dk.nets.cnn((6, 6, 1), (2,), 3)
    loss, rng = net.with_loss(dk.losses.cross_entropy), np.random.default_rng(0)
    x, y = rng.normal(size=(5, 6, 6, 1)), np.array([0, 1, 2, 0, 1])
    found = dk.signal.per_example_gradients(loss, net.init(0), (x, y))
    full = dk.grad(loss)(net.init(0), x, y)
    assert np.allclose(found["conv1"]["w"].mean(axis=0), full["conv1"]["w"], atol=1e-14)


def test_noise_of_many_examples_is_that_of_one_covariance() -> None:
    """More examples than one chunk holds, against NumPy's own variance."""
    rng = np.random.default_rng(0)
    x = 1e3 + rng.normal(size=700)
    found = dk.signal.noise_scale(lambda w, x: np.mean((w - x) ** 2) / 2, 0.0, (x,))
    assert found.trace == pytest.approx(np.var(x), rel=1e-12)
    assert found.square == pytest.approx(np.mean(x) ** 2, rel=1e-12)
    assert found.signal_to_noise["params"] == pytest.approx(np.mean(x) / np.std(x), rel=1e-12)


def test_noise_without_noise_and_without_signal() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.mean((w - x) ** 2)

    assert dk.signal.noise_scale(loss, 0.0, (np.ones(9),)).scale == 0.0
    assert dk.signal.noise_scale(loss, 0.0, (np.array([-1.0, 1.0]),)).scale == np.inf


@pytest.mark.parametrize("batches", [(8, 8), (0, 4), (16, 8), 5, ("a", "b")])
def test_batches_that_are_no_two_sizes(batches: Any) -> None:
    with pytest.raises(InputError, match="two sizes"):
        dk.signal.noise_scale(lambda w, x: np.mean(w * x), 0.0, (np.ones(9),), batches=batches)


def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(problem: Any) -> None:
    _, loss, params, data = problem
    from diffkit.capture.trees import flatten, unflatten

    leaves, structure = flatten(params)
    sizes = np.cumsum([leaf.size for leaf in leaves])[:-1]

    def of_vector(v: Any) -> Any:
        parts = [v[a:b].reshape(leaf.shape) for a, b, leaf in
                 zip([0, *sizes], [*sizes, None], leaves, strict=True)]  # fmt: skip
        return loss(unflatten(structure, parts), *data)

    hessian = dk.hessian(of_vector)(np.concatenate([leaf.ravel() for leaf in leaves]))
    expected = np.linalg.eigvalsh(hessian)[-1]
    assert dk.signal.sharpness(loss, params, data) == pytest.approx(expected, rel=1e-6)


def test_sharpness_of_one_number_of_zero_and_of_negative_curvature() -> None:
    x = (np.ones(3),)
    assert dk.signal.sharpness(lambda w, x: np.mean(w * x), 1.0, x) == 0.0
    assert dk.signal.sharpness(lambda w, x: np.mean(-2 * w * w * x), 1.0, x) == -4.0
    with pytest.raises(InputError, match="iterations"):
        dk.signal.sharpness(lambda w, x: np.mean(w * x), 1.0, x, iterations=0)


def test_lanczos_with_repeated_eigenvalues() -> None:
    diagonal = np.array([2.0] * 5 + [7.0] * 3 + [-9.0])
    assert dk.signal.lanczos(lambda v: diagonal * v, 9) == pytest.approx(7.0, rel=1e-12)


def test_effective_rank_of_matrices() -> None:
    rng = np.random.default_rng(0)
    thin = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 20))
    assert 1 < dk.signal.effective_rank(thin) <= 2
    assert dk.signal.effective_rank(np.zeros((3, 3))) == 0.0
    assert dk.signal.effective_rank(5 * np.eye(4)[None]) == pytest.approx(4.0)
    for bad in (np.ones(3), np.array([[np.nan]])):
        with pytest.raises(InputError, match="effective rank"):
            dk.signal.effective_rank(bad)


def test_saliency_is_the_slope_of_the_score(problem: Any) -> None:
    net, _, params, (x, _) = problem
    found, best = dk.signal.saliency(net, params, x), net.predict(params, x)
    jacobian = dk.jacobian(lambda one: net(params, one[None])[0])(x[4])
    assert np.allclose(found[4], np.abs(jacobian[best[4]]), rtol=1e-12)
    assert found.shape == x.shape
    with pytest.raises(InputError, match="one class for each"):
        dk.signal.saliency(net, params, x, classes=[0])
    with pytest.raises(ShapeError):
        dk.signal.saliency(net, params, np.ones((2, 7)))


def test_units_that_are_dead_and_saturated() -> None:
    net = dk.nets.sequential([dk.nets.dense(3, "tanh"), dk.nets.dense(2, "relu"),
                              dk.nets.dense(1)], 1)  # fmt: skip
    params = net.init(0)
    params["dense1"] = {"w": np.array([[0.1, 9.0, 0.1]]), "b": np.array([0.0, 0.0, 50.0])}
    params["dense2"] = {"w": np.zeros((3, 2)), "b": np.array([1.0, -1.0])}
    x = np.array([[1.0], [0.0]])
    assert dk.signal.dead_units(net, params, x) == {"dense1": 1 / 3, "dense2": 0.5}
    assert dk.signal.saturated_units(net, params, x) == {"dense1": 0.5, "dense2": 0.5}
    with pytest.raises(InputError, match="no layer"):
        dk.signal.dead_units(dk.nets.softmax_classifier(1, 2), {}, x)


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_known_from_outputs_are_those_of_the_activation(name: str) -> None:
    phi, z = dk.nets.ACTIVATIONS[name], np.linspace(-3.05, 3.05, 40)
    slope = np.asarray(dk.derivative(phi)(z))
    largest = 0.25 if name in ("sigmoid", "logistic") else 1.0
    assert SLOPES[name](np.asarray(phi(z))) == pytest.approx(slope / largest, rel=1e-9, abs=1e-12)


def test_cosines() -> None:
    a = {"w": np.array([1.0, 2.0]), "b": 0.5}
    assert dk.signal.cosine(a, a) == pytest.approx(1.0)
    assert dk.signal.cosine([1.0, 0.0], [0.0, 1.0]) == 0.0
    assert np.isnan(dk.signal.cosine([0.0], [1.0]))


def test_surfaces_and_directions(problem: Any) -> None:
    _, loss, params, data = problem
    first, second = (dk.signal.random_direction(params, seed) for seed in (0, 1))
    surface = dk.signal.landscape(loss, params, data, first, [0.0, 0.5], second)
    line = dk.signal.landscape(loss, params, data, first, [0.0, 0.5])
    assert surface.shape == (2, 2)
    assert np.array_equal(surface[:, 0], line)
    assert line[0] == float(loss(params, *data))
    for wrong in (first["dense1"], {"w": 1.0}):
        with pytest.raises(InputError, match="tree"):
            dk.signal.landscape(loss, params, data, wrong, [0.0])
        with pytest.raises(InputError, match="tree"):
            dk.signal.filter_normalised(wrong, params)


def test_data_that_do_not_fit_are_refused(problem: Any) -> None:
    _, loss, params, (x, _) = problem
    for call in (dk.signal.noise_scale, dk.signal.sharpness, dk.signal.per_example_gradients):
        with pytest.raises(InputError, match="the loss takes"):
            call(loss, params, (x,))
