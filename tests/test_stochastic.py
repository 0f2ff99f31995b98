"""Forward gradients and SPSA: unbiased, of the variance in the papers, and never by hidden chance.

The samples come from fixed seeds, so a measured mean or variance is one number.  Bounds are five
standard errors of what is measured, from the fourth moments of the directions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.stochastic import forward_gradient_graph
from diffkit.engines.interpret import run
from diffkit.errors import DtypeError, InputError

SAMPLES = 4000
N = 6
POINT = np.linspace(-1.0, 1.5, N)
STANDARD_ERRORS = 5


def energy(x: Any) -> Any:
    """A smooth function whose gradient has large and small entries."""
    return np.sum(np.sin(x) * x) + 0.5 * x[0] * x[-1]


GRADIENT = dk.grad(energy)(POINT)
SQUARE = float(GRADIENT @ GRADIENT)


def samples(method: Any, count: int = SAMPLES) -> np.ndarray:
    """One estimate after another, from the method's own Generator."""
    gradient = dk.grad(energy, method=method)
    return np.array([gradient(POINT) for _ in range(count)])


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """Single-sample estimates of every kind."""
    return {
        "gaussian": samples(dk.methods.ForwardGradient(seed=np.random.default_rng(0))),
        "rademacher": samples(
            dk.methods.ForwardGradient(directions="rademacher", seed=np.random.default_rng(1))
        ),
        "spsa": samples(dk.methods.SPSA(seed=np.random.default_rng(2))),
    }


VARIANCE = {
    "gaussian": SQUARE + GRADIENT**2,
    "rademacher": SQUARE - GRADIENT**2,
    "spsa": SQUARE - GRADIENT**2,
}
KINDS = sorted(VARIANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_estimates_are_unbiased(drawn, kind):
    error = np.abs(drawn[kind].mean(axis=0) - GRADIENT)
    assert np.all(error <= STANDARD_ERRORS * np.sqrt(VARIANCE[kind] / SAMPLES))


@pytest.mark.parametrize("kind", KINDS)
def test_the_variance_is_that_of_the_papers(drawn, kind):
    squares = (drawn[kind] - GRADIENT) ** 2
    error = np.abs(squares.mean(axis=0) - VARIANCE[kind])
    assert np.all(error <= STANDARD_ERRORS * squares.std(axis=0) / np.sqrt(SAMPLES))
    # the bound is sharp enough to tell the two distributions apart
    other = VARIANCE["gaussian" if kind != "gaussian" else "rademacher"]
    assert np.any(np.abs(squares.mean(axis=0) - other) > np.abs(error))


@pytest.mark.parametrize(("kind", "factor"), [("gaussian", N + 2), ("rademacher", N), ("spsa", N)])
def test_the_mean_square_norm_grows_with_the_inputs(drawn, kind, factor):
    norms = np.sum(drawn[kind] ** 2, axis=1) / SQUARE
    assert abs(norms.mean() - factor) <= STANDARD_ERRORS * norms.std() / np.sqrt(SAMPLES)


def test_the_number_of_the_paper_for_fifty_inputs():
    """E‖ĝ‖² = (n + 2)‖∇f‖², 52 for n = 50 (Baydin et al. 2022)."""
    g = np.cos(np.linspace(0, 3, 50))
    graph = dk.trace(lambda x: np.sum(np.sin(x)), np.linspace(0, 3, 50))
    sampled, rng = forward_gradient_graph(graph, (0,)), np.random.default_rng(0)
    x = np.linspace(0, 3, 50)
    norms = [np.sum(run(sampled, [x, rng.standard_normal(50)])[1] ** 2) for _ in range(2000)]
    assert np.mean(norms) / (g @ g) == pytest.approx(52, rel=0.1)


@pytest.mark.parametrize("count", [4, 16])
def test_averaging_divides_the_variance(count):
    rng = np.random.default_rng(3)
    estimates = samples(dk.methods.ForwardGradient(count, seed=rng), 1000)
    total = np.sum((estimates - GRADIENT) ** 2, axis=1)
    expected = (N + 1) * SQUARE / count
    assert abs(total.mean() - expected) <= STANDARD_ERRORS * total.std() / np.sqrt(1000)


def test_rademacher_is_exact_for_one_input():
    """With one input v² = 1, so a single sample is the derivative."""
    method = dk.methods.ForwardGradient(directions="rademacher", seed=0)
    assert dk.grad(np.sin, method=method)(0.3) == np.cos(0.3)


def test_spsa_with_a_given_step():
    """(f(x + c) − f(x − c))/2c of x³ is 3x² + c²."""
    method = dk.methods.SPSA(step=0.5, seed=0)
    assert dk.grad(lambda x: x**3, method=method)(2.0) == pytest.approx(12.25, rel=1e-14)


# Interface ----------------------------------------------------------------------------------------


METHODS = {
    "forward-gradient": dk.methods.ForwardGradient,
    "spsa": dk.methods.SPSA,
}


@pytest.mark.parametrize("name", METHODS)
def test_a_seed_gives_the_same_bits_and_a_generator_goes_on(name):
    fixed = dk.grad(energy, method=METHODS[name](samples=2, seed=7))
    np.testing.assert_array_equal(fixed(POINT), fixed(POINT))
    going = dk.grad(energy, method=METHODS[name](samples=2, seed=np.random.default_rng(7)))
    first, second = going(POINT), going(POINT)
    np.testing.assert_array_equal(first, fixed(POINT))
    assert np.any(first != second)


@pytest.mark.parametrize("name", METHODS)
def test_chance_needs_a_seed(name):
    with pytest.raises(InputError, match="no seed was given") as caught:
        dk.grad(energy, method=name)
    assert f"dk.methods.{METHODS[name].__name__}(seed=0)" in str(caught.value)
    for seed in (-1, 1.5, True, "0"):
        with pytest.raises(InputError, match="is no seed"):
            METHODS[name](seed=seed)


@pytest.mark.parametrize("name", METHODS)
def test_trees_precision_and_values(name):
    params = {"w": np.ones((2, 3), np.float32), "b": np.float32(0.5)}

    def loss(p: Any) -> Any:
        return np.sum(np.tanh(p["w"])) * p["b"]

    value, slope = dk.value_and_grad(loss, method=METHODS[name](samples=3, seed=0))(params)
    assert value == loss(params)
    assert slope["w"].shape == (2, 3)
    assert slope["w"].dtype == np.float32
    assert np.shape(slope["b"]) == ()


@pytest.mark.parametrize("name", METHODS)
def test_jacobians_are_estimated_too(name):
    matrix = np.arange(6.0).reshape(2, 3) / 5
    method = METHODS[name](samples=4000, seed=0)
    found = dk.jacobian(lambda x: (matrix @ x, np.sum(x)), method=method)(np.ones(3))
    np.testing.assert_allclose(found[0], matrix, atol=0.15)
    np.testing.assert_allclose(found[1], np.ones(3), atol=0.15)


@pytest.mark.parametrize("engine", ["machine", "interpret", "specialise"])
def test_a_sample_is_a_graph_that_every_engine_runs(engine):
    graph = dk.trace(energy, POINT)
    v = np.random.default_rng(0).standard_normal(N)
    value, sample = forward_gradient_graph(graph, (0,)).bind(engine=engine)(POINT, v)
    assert value == pytest.approx(energy(POINT), rel=1e-14)
    np.testing.assert_allclose(sample, (GRADIENT @ v) * v, rtol=1e-12)


def test_they_stand_in_a_comparison():
    methods = ["reverse", dk.methods.ForwardGradient(5, seed=0), dk.methods.SPSA(samples=5, seed=0)]
    report = dk.compare(energy, POINT, methods=methods)
    assert report["forward-gradient"].evaluations == 5
    assert report["spsa"].evaluations == 11
    assert report["spsa"].value == report["reverse"].value


def test_repr_says_how_it_was_made():
    assert repr(dk.methods.SPSA(0.1, seed=3)) == "SPSA(step=0.1, samples=1, seed=3)"
    made = dk.methods.ForwardGradient(2, "rademacher", np.random.default_rng(0))
    assert repr(made) == "ForwardGradient(samples=2, directions='rademacher', seed=rng)"


@pytest.mark.parametrize("samples", [0, -1, 1.5, True, None])
def test_numbers_of_samples_that_are_none(samples):
    for make in METHODS.values():
        with pytest.raises(InputError, match="number of samples"):
            make(samples=samples, seed=0)


def test_other_bad_input():
    with pytest.raises(InputError, match="no known distribution"):
        dk.methods.ForwardGradient(directions="uniform", seed=0)
    for step in (0, -1.0, np.inf, "small", True):
        with pytest.raises(InputError, match="is not a displacement"):
            dk.methods.SPSA(step=step, seed=0)
    with pytest.raises(DtypeError):
        dk.methods.SPSA(seed=0).jacobian(_bound(), [np.array([1, 2])], [0])


def _bound() -> Any:
    from diffkit.differentiate.function import Function

    return Function(np.sum).bind((np.array([1, 2]),), {})
