"""Gradients as matrix calculus: what textbooks print, and code that gives the graph's numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import diffkit as dk
from diffkit.cli.main import DONE, WRONG_INPUT, main
from diffkit.comparison.matrix_formula import AGREEMENT
from diffkit.comparison.matrix_listing import compiled
from diffkit.errors import DtypeError, InputError
from diffkit.nets.convolutional import conv2d

UNIT = float(np.finfo(float).eps)
RNG = np.random.default_rng(3)
X, W, V = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
A, B = RNG.normal(size=(3, 3)) + 4 * np.eye(3), RNG.normal(size=(3, 3)) + 4 * np.eye(3)
w, x, b = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=3)
y, labels = RNG.normal(size=5), np.array([0, 3, 1, 2, 3])
TARGETS, ONE_HOT = (y > 0).astype(float), np.eye(4)[labels]
S = A @ A.T


def least_squares(w: Any, X: Any, y: Any) -> Any:
    return np.mean((X @ w - y) ** 2)


def ridge(w: Any, X: Any, y: Any, lam: float) -> Any:
    return np.sum((X @ w - y) ** 2) / len(X) + lam * w @ w


def half_ridge(w: Any, X: Any, y: Any, lam: float) -> Any:
    r = X @ w - y
    return (r @ r / len(X) + lam * np.sum(w**2)) / 2


def logistic_regression(w: Any, X: Any, y: Any) -> Any:
    z = X @ w
    return np.mean(np.logaddexp(0, z) - y * z)


def logistic_by_probabilities(w: Any, X: Any, y: Any) -> Any:
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def softmax_regression(W: Any, X: Any, Y: Any) -> Any:
    Z = X @ W
    return -np.sum(Y * (Z - dk.scipy.special.logsumexp(Z, axis=1, keepdims=True))) / len(X)


def softmax_by_exponentials(W: Any, X: Any, Y: Any) -> Any:
    Z = X @ W
    P = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    P = P / np.sum(P, axis=1, keepdims=True)
    return -np.mean(np.sum(Y * np.log(P), axis=1))


def cross_entropy_of_labels(W: Any, X: Any, y: Any) -> Any:
    return dk.losses.cross_entropy(X @ W, y)


def picked_log_softmax(W: Any, X: Any, y: Any) -> Any:
    logs = dk.scipy.special.log_softmax(X @ W, axis=1)
    return -np.mean(logs[np.arange(len(X)), y])


def quadratic(x: Any, A: Any) -> Any:
    return x @ A @ x


def trace_of_product(A: Any, B: Any) -> Any:
    return np.trace(A @ B)


def log_determinant(A: Any) -> Any:
    return np.linalg.slogdet(A)[1]


def solved(A: Any, b: Any) -> Any:
    x = np.linalg.solve(A, b)
    return np.sum(x**2)


def with_inverse(A: Any, b: Any) -> Any:
    return b @ np.linalg.inv(A) @ b


def trace_of_inverse(A: Any) -> Any:
    return np.trace(np.linalg.inv(A))


def norm(x: Any) -> Any:
    return np.linalg.norm(x)


def frobenius(A: Any) -> Any:
    return np.linalg.norm(A) ** 2 / 2


def gaussian(x: Any, mu: Any, S: Any) -> Any:
    r = x - mu
    return -0.5 * r @ np.linalg.solve(S, r) - 0.5 * np.linalg.slogdet(S)[1]


def attention(Q: Any, K: Any, V: Any) -> Any:
    P = np.exp(Q @ K.T / np.sqrt(Q.shape[1]))
    P = P / np.sum(P, axis=1, keepdims=True)
    return np.sum((P @ V) ** 2)


def hinge_layer(W: Any, x: Any) -> Any:
    return np.sum(np.maximum(W @ x, 0.0))


def bilinear(x: Any, A: Any, y: Any) -> Any:
    return x @ A @ y


GOLDEN: list[tuple[Callable[..., Any], tuple[Any, ...], Any, list[str]]] = [
    (least_squares, (w, X, y), 0, ["L = ‖Xw − y‖²/n", "∂L/∂w = 2Xᵀ(Xw − y)/n"]),
    (least_squares, (w, X, y), 1, ["L = ‖Xw − y‖²/n", "∂L/∂X = 2(Xw − y)wᵀ/n"]),
    (ridge, (w, X, y, 0.1), 0, ["L = ‖Xw − y‖²/n + λ‖w‖²", "∂L/∂w = 2Xᵀ(Xw − y)/n + 2λw"]),
    (half_ridge, (w, X, y, 0.1), 0,
     ["L = (‖Xw − y‖²/n + λ‖w‖²)/2", "∂L/∂w = Xᵀ(Xw − y)/n + λw"]),
    (logistic_regression, (w, X, TARGETS), 0,
     ["L = sum(softplus(Xw) − y ⊙ Xw)/n", "∂L/∂w = Xᵀ(σ(Xw) − y)/n"]),
    (logistic_by_probabilities, (w, X, TARGETS), 0,
     ["L = −sum(y ⊙ log(σ(Xw)) + (1 − y) ⊙ log(1 − σ(Xw)))/n", "∂L/∂w = Xᵀ(σ(Xw) − y)/n"]),
    (softmax_regression, (W, X, ONE_HOT), 0,
     ["L = −sum(Y ⊙ (XW − lse(XW)1ᵀ))/n", "∂L/∂W = Xᵀ(softmax(XW) − Y)/n"]),
    (softmax_by_exponentials, (W, X, ONE_HOT), 0,
     ["L = −sum(Y ⊙ log(softmax(XW)))/n", "∂L/∂W = Xᵀ(softmax(XW) − Y)/n"]),
    (cross_entropy_of_labels, (W, X, labels), 0,
     ["L = sum(lse(XW) − (XW ⊙ onehot(y))1)/n", "∂L/∂W = Xᵀ(softmax(XW) − onehot(y))/n"]),
    (picked_log_softmax, (W, X, labels), 0,
     ["L = −sum((XW − lse(XW)1ᵀ)[i, yᵢ])/n", "∂L/∂W = Xᵀ(softmax(XW) − onehot(y))/n"]),
    (quadratic, (x, A), None, ["L = xᵀAx", "∂L/∂x = (A + Aᵀ)x", "∂L/∂A = xxᵀ"]),
    (bilinear, (x, A, b), None, ["L = xᵀAy", "∂L/∂x = Ay", "∂L/∂A = xyᵀ", "∂L/∂y = Aᵀx"]),
    (trace_of_product, (A, B), None, ["L = tr(AB)", "∂L/∂A = Bᵀ", "∂L/∂B = Aᵀ"]),
    (log_determinant, (A,), None, ["L = log|det A|", "∂L/∂A = A⁻ᵀ"]),
    (solved, (A, b), None,
     ["L = ‖x‖²", "∂L/∂A = −2δxᵀ", "∂L/∂b = 2δ", "where x = A⁻¹b", "where δ = A⁻ᵀx"]),
    (with_inverse, (A, b), 0, ["L = bᵀA⁻¹b", "∂L/∂A = −A⁻ᵀb(A⁻¹b)ᵀ"]),
    (trace_of_inverse, (A,), None, ["L = tr(A⁻¹)", "∂L/∂A = −A⁻ᵀA⁻ᵀ"]),
    (norm, (x,), None, ["L = ‖x‖", "∂L/∂x = x/‖x‖"]),
    (frobenius, (A,), None, ["L = ‖A‖²/2", "∂L/∂A = A"]),
    (hinge_layer, (A, x), 0, ["L = sum(max(0, Wx))", "∂L/∂W = [Wx > 0]xᵀ"]),
    (attention, (X[:4], X[1:], X[:4] / 2), None,
     ["L = ‖PV‖²", "∂L/∂Q = 2δK/√d", "∂L/∂K = 2δᵀQ/√d", "∂L/∂V = 2PᵀPV",
      "where P = softmax(QKᵀ/√d)", "where δ = P ⊙ (PVVᵀ − (P ⊙ PVVᵀ)11ᵀ)"]),
]  # fmt: skip


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


# Functions of every kind: what is printed runs, and gives the numbers of the graph ----------------


def _scanned(w: Any, xs: Any) -> Any:
    return dk.scan(lambda c, x: (np.tanh(w * c + x), None), 0.0, xs)[0]


def _normalised(X: Any, g: Any) -> Any:
    return np.sum((g * (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)) ** 3)


def _branching(x: Any) -> Any:
    return np.sum(x**2) if np.sum(x) > 0 else np.sum(x)


def _images(k: Any, x: Any) -> Any:
    return np.sum(np.tanh(conv2d(x, k)) ** 2)


def _einsum(A: Any, B: Any) -> Any:
    return np.einsum("ij,jk,ki->", A, B, A)


def _distances(X: Any) -> Any:
    return np.sum(np.exp(-np.sum((X[:, None] - X[None]) ** 2, axis=-1)))


OTHERS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 2), (y,)),
    (lambda x: np.sum(np.sort(x) * np.arange(1.0, 6.0)), (y,)),
    (lambda x: np.sum(np.cumsum(x) ** 2), (y,)),
    (lambda x: np.prod(np.cumprod(1 + x**2)), (x,)),
    (lambda x: x[0] * x[-1] + np.sum(x[[0, 2, 2]]), (x,)),
    (lambda x: np.sum(np.where(x > 0, np.log(np.abs(x)), x**2)), (x,)),
    (lambda x: np.sum(np.clip(x, -0.5, 0.5) * np.concatenate([x[1:], x[:1]])), (x,)),
    (lambda x: np.max(x) - np.min(np.abs(x)), (x,)),
    (lambda x: np.sum(x) * 0.0 + 3.0, (x,)),
    (lambda x, y: np.log(x) + x * y - np.sin(y), (2.0, 5.0)),
    (lambda A: np.linalg.det(A), (A,)),
    (lambda A: np.sum(np.linalg.svd(A)[1]), (A,)),
    (lambda A: np.sum(np.linalg.cholesky(A)), (S,)),
    (lambda A: np.sum(np.linalg.eigh(A)[0] ** 3), (S,)),
    (lambda A, b: np.sum(np.tanh(A @ b)), (np.stack([A, B]), np.stack([B, A]))),
    (lambda X: np.sum(np.outer(X[0], X[1]) @ X[2]), (X,)),
    (lambda X: np.sum(np.std(X, axis=1)), (X,)),
    (lambda x: np.sum(special.gammaln(x**2 + 1)), (x,)),
    (lambda x: np.linalg.norm(x, 3) + np.sum(np.hypot(x, 1.0)), (x,)),
    (lambda A, x: np.tanh(A @ x), (A, x)),
    (lambda A, x: (A @ x, x @ x), (A, x)),
    (lambda p, x: np.sum(np.tanh(x @ p["w"] + p["b"])), ({"w": W, "b": W[0]}, X)),
    (lambda np_, lambda_: np.sum(np_ * lambda_), (x, b)),
    (lambda L, n, d: np.sum(L * n) / len(L) + np.mean(d), (x, b, y)),
    (_images, (RNG.normal(size=(2, 2, 1, 2)), RNG.normal(size=(2, 5, 5, 1)))),
    (lambda delta1, np_, L: np.sum(np.tanh(np_ @ L) * delta1) / 3, (x, b, A)),
    (lambda z: np.sum(z**2), (np.zeros((0, 3)),)),
    (lambda z: np.sum(np.log(z) ** 2), (np.array([1.0, -1.0]),)),
    (_scanned, (0.3, x)),
    (_normalised, (X, w)),
    (_branching, (x + 3,)),
    (_einsum, (A, B)),
    (_distances, (X,)),
    (gaussian, (x, b, S)),
]


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:a NaN was born")
@pytest.mark.parametrize("place", range(len(OTHERS)))
def test_what_is_printed_runs(place: int) -> None:
    function, args = OTHERS[place]
    found = dk.matrix_formula(function, *args)
    assert found.check() <= AGREEMENT * UNIT
    assert str(found) and found.latex and found.to_dict()["source"]
    letters = {size.letter for size in found.sizes}
    given = [a for a, name in zip(found.leaves, found.graph.input_names, strict=True)
             if name not in letters]  # fmt: skip
    exact = found.graph(*[leaf[()] for leaf in found.leaves])
    for line, number in zip([*found.values, *found.gradients.values()], exact, strict=True):
        got = compiled(line.source)(*(leaf[()] for leaf in given))
        assert np.shape(got) == np.shape(number)
        np.testing.assert_allclose(got, number, rtol=1e-9, atol=1e-12)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.logaddexp(0.0, z),
    "square": lambda z: z**2,
    "softmax": lambda z: dk.scipy.special.softmax(z, axis=-1),
}
LOSSES: dict[str, Callable[[Any], Any]] = {
    "mean square": lambda z: np.mean(z**2),
    "sum": np.sum,
    "norm": np.linalg.norm,
    "log-sum-exp": lambda z: np.mean(dk.scipy.special.logsumexp(z, axis=-1)),
    "entropy": lambda z: -np.sum(np.exp(-(z**2)) * np.log1p(z**2)) / z.shape[0],
}


@given(
    st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=3),
    st.sampled_from(sorted(LOSSES)),
    st.integers(2, 5),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_random_nets(
    layers: list[str], loss: str, rows: int, width: int, bias: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(width, width)) for _ in layers]
    biases = [rng.normal(size=width) if bias else 0.0 for _ in layers]

    def net(weights: Any, biases: Any, x: Any) -> Any:
        for matrix, shift, name in zip(weights, biases, layers, strict=True):
            x = ACTIVATIONS[name](x @ matrix + shift)
        return LOSSES[loss](x)

    found = dk.matrix_formula(net, weights, biases, rng.normal(size=(rows, width)))
    assert found.check() <= AGREEMENT * UNIT
    assert str(found) and found.latex


def test_single_precision_stays_single() -> None:
    found = dk.matrix_formula(least_squares, *(a.astype(np.float32) for a in (w, X, y)))
    assert found.simplified
    assert found.run()[1].dtype == np.float32
    assert found.check() < 10 * float(np.finfo(np.float32).eps)


def test_a_graph_has_the_method() -> None:
    found = dk.trace(quadratic, x, A).to_matrix(x, A)
    assert found.gradients["A"].text == "xxᵀ"
    assert str(dk.parse("log(1+exp(x*y))").to_matrix(1.0, 2.0)).startswith("L     = log(")


def test_a_simplification_that_would_cost_digits_is_not_made() -> None:
    def far(x: Any) -> Any:
        return np.sum(x * 1e200 * (x * 1e200) * 1e-300 * 1e-100)

    found = dk.matrix_formula(far, x)
    assert found.check() <= AGREEMENT * UNIT


@pytest.mark.filterwarnings("ignore")
def test_a_kink_at_the_point_is_kept() -> None:
    found = dk.matrix_formula(lambda z: np.sum(np.maximum(z, 0.0)), np.array([0.0, 1.0, -1.0]))
    assert found.run()[1].tolist() == [0.5, 1.0, 0.0]
    assert not any("≠" in note for note in found.notes)


# Refusals and the command line --------------------------------------------------------------------


def test_what_has_no_derivative_is_refused() -> None:
    with pytest.raises(DtypeError, match="which has no derivative"):
        dk.matrix_formula(lambda x: x > 0, x)
    with pytest.raises(DtypeError, match="nothing to differentiate by"):
        dk.matrix_formula(lambda flag: flag * 1.0, True)
    with pytest.raises(InputError, match="argnums"):
        dk.matrix_formula(quadratic, x, A, argnums=5)


def test_a_large_graph_is_refused_with_a_hint() -> None:
    def long(x: Any) -> Any:
        for k in range(4_000):
            x = np.sin(x) + float(k)
        return np.sum(x)

    with pytest.raises(InputError, match="equations"):
        dk.matrix_formula(long, x)


MODEL = """import numpy as np


def loss(w, X, y):
    return np.mean((X @ w - y) ** 2)
"""
POINT = ["--at", "w=[0.5,-1],X=[[1,2],[3,4],[5,7]],y=[1,0,1]"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: Any, *words: str) -> str:
    assert main(["formula", *words]) == DONE
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_command_line(model: Path, capsys: Any) -> None:
    out = printed(capsys, "model.py:loss", *POINT, "--wrt", "w")
    assert out.splitlines() == [
        "line\tformula", "L\t‖Xw − y‖²/n", "∂L/∂w\t2Xᵀ(Xw − y)/n",
    ]  # fmt: skip
    assert r"\lVert X w - y \rVert^2" in printed(capsys, "model.py:loss", *POINT, "--latex")
    source = printed(capsys, "model.py:loss", *POINT, "--wrt", "w", "--source")
    assert "dw = 2 * (X.T @ (X @ w - y)) / n" in source
    found = json.loads(printed(capsys, "model.py:loss", *POINT, "--json"))
    assert set(found["gradients"]) == {"w", "X", "y"} and found["difference"] < 1e-14


def test_the_command_line_refuses_an_unknown_argument(model: Path, capsys: Any) -> None:
    assert main(["formula", "model.py:loss", *POINT, "--wrt", "q"]) == WRONG_INPUT
    assert "q" in capsys.readouterr().err


def test_a_row_in_a_product_is_a_transposed_vector_and_latex_has_its_own_signs() -> None:
    def loss(w: Any, X: Any) -> Any:
        z = X @ w
        return np.sum(np.exp(np.stack([z, 0 * z])[0]))

    found = dk.matrix_formula(loss, np.array([0.5, -1.0]), np.ones((3, 2)), argnums=1)
    (line,) = found.gradients.values()
    assert "wᵀ" in str(line) and found.check() < 1e-14
    assert not set("×→") & set(found.latex)
