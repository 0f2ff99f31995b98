"""Numbers that papers print, and laws they state, reproduced.

Squire & Trapp 1998 (the complex step), Griewank 1989 (the Helmholtz energy), Griewank & Walther
2008 (the cheap gradient).  The digits were checked with mpmath.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph

EXACT = ("symbolic", "complex", "forward", "reverse")


def baydin(x1: Any, x2: Any) -> Any:
    """ln x₁ + x₁x₂ − sin x₂, the example of Baydin et al. 2018."""
    return np.log(x1) + x1 * x2 - np.sin(x2)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def squire_trapp(x: Any) -> Any:
    return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)


def test_squire_and_trapp_1998() -> None:
    """The two examples of the paper; the digits are checked with mpmath."""
    for method in EXACT:
        power = dk.grad(lambda x: x**4.5, method=method)(1.5)
        assert abs(power - 18.600812734259759) <= np.spacing(18.6), method
        quotient = dk.grad(squire_trapp, method=method)(1.5)
        assert quotient == pytest.approx(4.0534278938986, rel=1e-13), method


@pytest.mark.parametrize("step", (1e-8, 1e-20, 1e-100, 1e-200))
def test_complex_step_needs_no_tuning(step: float) -> None:
    found = dk.grad(lambda x: x**4.5, method=dk.methods.ComplexStep(step=step))(1.5)
    assert abs(found - 18.600812734259759) <= np.spacing(18.6)


def helmholtz(n: int) -> tuple[Callable[[Any], Any], np.ndarray]:
    """The Helmholtz energy of Griewank 1989 (also Baydin et al. 2018), with its point."""
    rng = np.random.default_rng(n)
    b = rng.uniform(0.01, 0.02, n)
    interaction = rng.uniform(0.0, 0.01, (n, n))
    interaction = (interaction + interaction.T) / 2
    root = math.sqrt(2)

    def energy(x: Any) -> Any:
        bx = b @ x
        mixing = np.sum(x * np.log(x / (1 - bx)))
        attraction = (x @ interaction @ x) / (math.sqrt(8) * bx)
        return mixing - attraction * np.log((1 + (1 + root) * bx) / (1 + (1 - root) * bx))

    return energy, rng.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("n", (1, 5, 50))
def test_helmholtz_energy(n: int) -> None:
    energy, x = helmholtz(n)
    reverse = dk.grad(energy)(x)
    assert np.allclose(reverse, dk.grad(energy, method="forward")(x), rtol=1e-12)
    assert np.allclose(reverse, dk.grad(energy, method="complex")(x), rtol=1e-12)
    assert np.allclose(reverse, dk.grad(energy, method="finite")(x), rtol=1e-6)


def speelpenning(x: Any) -> Any:
    y = x[0]
    for i in range(1, x.shape[0]):
        y = y * x[i]
    return y


def logistic_map(x: Any) -> Any:
    for _ in range(7):
        x = 4 * x * (1 - x)
    return x


def softmax_regression(w: Any) -> Any:
    x = np.linspace(-1, 1, 60).reshape(10, 6)
    scores = x @ w
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(10), np.arange(10) % 4])


CASES = {
    "baydin": (baydin, (2.0, 5.0)),
    "logistic map": (logistic_map, (0.2,)),
    "rosenbrock": (rosenbrock, (np.linspace(-1, 1, 30),)),
    "speelpenning": (speelpenning, (np.linspace(0.5, 1.5, 40),)),
    "softmax regression": (softmax_regression, (np.linspace(-1, 1, 24).reshape(6, 4),)),
    "helmholtz": (helmholtz(50)[0], (helmholtz(50)[1],)),
    "squire trapp": (squire_trapp, (1.5,)),
}


@pytest.mark.parametrize("name", CASES)
def test_cheap_gradient(name: str) -> None:
    """Operations of (f, ∇f) ≤ 5 × operations of f (Griewank & Walther 2008, section 4.6)."""
    f, args = CASES[name]
    graph = dk.trace(f, *args)
    assert gradient_graph(graph).flops() <= 5 * graph.flops()
