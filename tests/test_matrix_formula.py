"""Gradients as matrix calculus: what textbooks print, and code that gives the graph's numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from matrix_cases import (
    GOLDEN,
    ONE_HOT,
    UNIT,
    A,
    W,
    X,
    quadratic,
    softmax_regression,
    x,
)

import diffkit as dk
from diffkit.comparison.matrix_listing import compiled


def shown(found: Any) -> list[str]:
    """The lines without notes, with single spaces."""
    lines = [" ".join(line.split()) for line in str(found).splitlines()]
    return [line for line in lines if not line.startswith("(")]


@pytest.mark.parametrize(
    ("function", "args", "argnums", "lines"), GOLDEN, ids=lambda p: getattr(p, "__name__", "")
)
def test_what_textbooks_print(function: Any, args: Any, argnums: Any, lines: list[str]) -> None:
    found = dk.matrix_formula(function, *args, argnums=argnums)
    assert shown(found) == lines
    assert found.simplified and found.check() <= 100 * UNIT


def tanh_net(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    h = np.tanh(X @ W1 + b1)
    Z = h @ W2 + b2
    return -np.mean(np.sum(Y * dk.scipy.special.log_softmax(Z, axis=1), axis=1))


def relu_net(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    h = np.maximum(X @ W1 + b1, 0.0)
    return np.sum((h @ W2 + b2 - Y) ** 2)


def net_point(classes: int = 4) -> tuple[Any, ...]:
    rng = np.random.default_rng(5)
    return (W, rng.normal(size=4), rng.normal(size=(4, classes)), rng.normal(size=classes), X,
            ONE_HOT[:, :classes])  # fmt: skip


def test_the_recursion_of_a_tanh_net() -> None:
    found = dk.matrix_formula(tanh_net, *net_point(), argnums=(0, 1, 2, 3))
    assert shown(found)[1:] == [
        "∂L/∂W₁ = Xᵀδ₁/n",
        "∂L/∂b₁ = δ₁ᵀ1/n",
        "∂L/∂W₂ = hᵀδ₂/n",
        "∂L/∂b₂ = δ₂ᵀ1/n",
        "where h = tanh(XW₁ + b₁)",
        "where δ₂ = softmax(hW₂ + b₂) − Y",
        "where δ₁ = δ₂W₂ᵀ ⊙ (1 − h⊙²)",
    ]
    assert "here each row of Y sums to 1" in found.notes
    assert "n = 5, the rows of X" in found.notes


def test_the_recursion_of_a_rectifier_net() -> None:
    found = dk.matrix_formula(relu_net, *net_point(), argnums=(0, 1, 2, 3))
    assert shown(found)[1:5] == [
        "∂L/∂W₁ = 2Xᵀδ₁", "∂L/∂b₁ = 2δ₁ᵀ1", "∂L/∂W₂ = 2hᵀδ₂", "∂L/∂b₂ = 2δ₂ᵀ1",
    ]  # fmt: skip
    assert "δ₂ = hW₂ + b₂ − Y" in found.where
    assert "δ₁ = δ₂W₂ᵀ ⊙ [XW₁ + b₁ > 0]" in found.where
    assert any("≠ 0" in note for note in found.notes)


def test_rows_that_do_not_sum_to_one_are_not_taken_to() -> None:
    found = dk.matrix_formula(softmax_regression, W, X, 2 * ONE_HOT, argnums=0)
    assert "Y·11ᵀ" in found.gradients["W"].text and found.check() < 1e-14
    assert not any("sums to 1" in note for note in found.notes)


def test_code_latex_and_parts() -> None:
    found = dk.matrix_formula(softmax_regression, W, X, ONE_HOT, argnums=0)
    line = found.gradients["W"]
    assert line.expression == "X.T @ (softmax(X @ W, axis=1) - Y) / n"
    assert line.latex.startswith(r"\frac{\partial L}{\partial W} = \frac{")
    assert r"\operatorname{softmax}\left(X W\right) - Y" in line.latex
    assert found.latex.count("&=") == 2 and found.latex.startswith(r"\begin{aligned}")
    assert found._repr_latex_().startswith("$$") and "<pre>" in found._repr_html_()
    assert line._repr_latex_().startswith("$") and "∂L/∂W" in repr(line)
    exact = dk.grad(softmax_regression)(W, X, ONE_HOT)
    np.testing.assert_allclose(compiled(line.source)(W, X, ONE_HOT), exact, rtol=1e-13, atol=1e-15)
    value, gradient = compiled(found.source)(W, X, ONE_HOT)
    assert value == pytest.approx(softmax_regression(W, X, ONE_HOT), rel=1e-14)
    np.testing.assert_allclose(gradient, exact, rtol=1e-13, atol=1e-15)


def test_the_code_holds_at_other_points() -> None:
    found = dk.matrix_formula(tanh_net, *net_point(), argnums=(0, 1, 2, 3))
    rng = np.random.default_rng(11)
    other = (*(rng.normal(size=np.shape(a)) for a in net_point()[:4]), rng.normal(size=(9, 3)),
             np.eye(4)[rng.integers(0, 4, 9)])  # fmt: skip
    exact = dk.value_and_grad(tanh_net, argnums=(0, 1, 2, 3))(*other)
    value, *gradients = compiled(found.source)(*other)
    assert value == pytest.approx(float(exact[0]), rel=1e-13)
    for got, wanted in zip(gradients, exact[1], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-14)


def test_the_dictionary() -> None:
    found = dk.matrix_formula(quadratic, x, A).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["schema"] == 1 and found["simplified"] is True
    assert found["gradients"]["A"]["text"] == "xxᵀ" and found["gradients"]["A"]["shape"] == [3, 3]
