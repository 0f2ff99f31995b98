"""Matrix formulas of every kind of function: what is printed runs, or is refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matrix_cases import RNG, UNIT, A, B, S, W, X, b, gaussian, least_squares, quadratic, w, x, y
from scipy import special

import diffkit as dk
from diffkit.cli.main import DONE, WRONG_INPUT, main
from diffkit.comparison.matrix_formula import AGREEMENT
from diffkit.comparison.matrix_listing import compiled
from diffkit.errors import DtypeError, InputError
from diffkit.nets.convolutional import conv2d


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
