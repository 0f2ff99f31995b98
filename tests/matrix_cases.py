"""Functions whose gradients textbooks print, points for them, and what is printed.

What matrix calculus has to say about a loss is known for these: least squares, logistic and
softmax regression, quadratic forms, traces, determinants, a Gaussian, attention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk

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
