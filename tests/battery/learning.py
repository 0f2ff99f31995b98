"""Losses, activations and layers as users write them in NumPy.

Formulas from Goodfellow, Bengio & Courville 2016 (*Deep learning*) where no other source stands.
Points avoid kinks unless a trial says that it is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from trial import TrialSet

trials = TrialSet("Goodfellow, Bengio & Courville 2016")
RNG = np.random.default_rng(7)
X = RNG.normal(size=(5, 4))
IMAGE = RNG.normal(size=(2, 6, 6))
LABELS = np.array([0, 2, 1, 2, 0])
SIGNS = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
ONE_HOT = np.eye(3)[LABELS]
TARGET = np.array([0.3, -0.7, 1.9, 0.2, -1.1])
W = 0.5 * RNG.normal(size=(4, 3))
B = 0.1 * RNG.normal(size=3)
V = 0.7 * RNG.normal(size=4)
SCORES = RNG.normal(size=(5, 3))
POINT = RNG.normal(size=5)
KERNEL = 0.3 * RNG.normal(size=(3, 3))
NO_FORMULA = ("symbolic",)  # it grows beyond its budget of operations


def softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


# Losses ------------------------------------------------------------------------------------------


@trials.at(POINT)
def mean_squared_error(z: Any) -> Any:
    return np.mean((z - TARGET) ** 2)


@trials.at(POINT)
def root_mean_squared_error(z: Any) -> Any:
    return np.sqrt(np.mean(np.square(z - TARGET)))


@trials.at(POINT)
def mean_absolute_error(z: Any) -> Any:
    return np.mean(np.abs(z - TARGET))


@trials.at(POINT, source="Huber 1964")
def huber(z: Any) -> Any:
    r = np.abs(z - TARGET)
    return np.mean(np.where(r <= 1, 0.5 * r**2, r - 0.5))


@trials.at(POINT)
def log_cosh(z: Any) -> Any:
    r = z - TARGET
    return np.mean(np.logaddexp(r, -r) - np.log(2))


@trials.at(POINT, source="Koenker & Bassett 1978")
def quantile_loss(z: Any) -> Any:
    r = TARGET - z
    return np.mean(np.maximum(0.9 * r, -0.1 * r))


@trials.at(POINT)
def binary_cross_entropy(z: Any) -> Any:
    p = sigmoid(z)
    y = (SIGNS + 1) / 2
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@trials.at(POINT)
def binary_cross_entropy_with_logits(z: Any) -> Any:
    y = (SIGNS + 1) / 2
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


@trials.at(SCORES)
def cross_entropy_one_hot(z: Any) -> Any:
    return -np.mean(np.sum(ONE_HOT * np.log(softmax(z)), axis=1))


@trials.at(SCORES)
def cross_entropy_picked(z: Any) -> Any:
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -log_p[np.arange(5), LABELS].mean()


@trials.at(SCORES)
def cross_entropy_along_axis(z: Any) -> Any:
    log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    return -np.mean(np.take_along_axis(log_p, LABELS[:, None], axis=1))


@trials.at(SCORES, source="Szegedy et al. 2016")
def label_smoothing(z: Any) -> Any:
    y = 0.9 * ONE_HOT + 0.1 / 3
    return -np.mean(np.sum(y * np.log(softmax(z)), axis=1))


@trials.at(SCORES, source="Lin et al. 2017")
def focal_loss(z: Any) -> Any:
    p = softmax(z)[range(5), LABELS]
    return -np.mean((1 - p) ** 2 * np.log(p))


@trials.at(POINT, source="Cortes & Vapnik 1995")
def hinge(z: Any) -> Any:
    return np.mean(np.maximum(0, 1 - SIGNS * z))


@trials.at(POINT)
def squared_hinge(z: Any) -> Any:
    return np.mean(np.maximum(0, 1 - SIGNS * z) ** 2)


@trials.at(SCORES, source="Crammer & Singer 2001")
def multiclass_hinge(z: Any) -> Any:
    right = z[np.arange(5), LABELS]
    margins = np.maximum(0, z - right[:, None] + 1) * (1 - ONE_HOT)
    return np.mean(margins.max(axis=1))


@trials.at(POINT)
def exponential_loss(z: Any) -> Any:
    return np.mean(np.exp(-SIGNS * z))


@trials.at(SCORES)
def kullback_leibler(z: Any) -> Any:
    p = softmax(z)
    q = (ONE_HOT + 0.5) / 2.5
    return np.sum(p * (np.log(p) - np.log(q)))


@trials.at(SCORES)
def entropy(z: Any) -> Any:
    p = softmax(z)
    return -np.sum(p * np.log(p))


@trials.at(X, W)
def cosine_distance(x: Any, w: Any) -> Any:
    a, b = x[0], w[:, 0]
    return 1 - a @ b / np.sqrt((a @ a) * (b @ b))


@trials.at(X, source="Schroff, Kalenichenko & Philbin 2015")
def triplet_loss(x: Any) -> Any:
    near = np.sum((x[0] - x[1]) ** 2)
    far = np.sum((x[0] - x[2]) ** 2)
    return np.maximum(near - far + 20.0, 0.0)


@trials.at(POINT, source="Milletari, Navab & Ahmadi 2016")
def dice_loss(z: Any) -> Any:
    p, y = sigmoid(z), (SIGNS + 1) / 2
    return 1 - (2 * np.sum(p * y) + 1) / (np.sum(p) + np.sum(y) + 1)


@trials.at(POINT, source="Tversky 1977")
def tversky_loss(z: Any) -> Any:
    p, y = sigmoid(z), (SIGNS + 1) / 2
    hit = np.sum(p * y)
    return 1 - hit / (hit + 0.3 * np.sum(p * (1 - y)) + 0.7 * np.sum((1 - p) * y))


@trials.at([0.7, 2.2, 0.4, 3.1, 1.5])
def poisson_likelihood(rate: Any) -> Any:
    counts = np.array([1, 3, 0, 2, 2])
    return np.mean(rate - counts * np.log(rate))


@trials.at(0.4, 0.3)
def gaussian_likelihood(mean: Any, log_scale: Any) -> Any:
    return np.mean(0.5 * ((TARGET - mean) / np.exp(log_scale)) ** 2 + log_scale)


@trials.at(V, 0.3)
def logistic_regression(v: Any, b: Any) -> Any:
    return np.mean(np.log1p(np.exp(-SIGNS * (X @ v + b)))) + 0.01 * np.sum(v**2)


@trials.at(V, source="Tibshirani 1996")
def lasso(v: Any) -> Any:
    return np.sum((X @ v - TARGET) ** 2) / 10 + 0.1 * np.sum(np.abs(v))


@trials.at(V, source="Zou & Hastie 2005")
def elastic_net(v: Any) -> Any:
    return (np.sum((X.dot(v) - TARGET) ** 2) / 10 + 0.1 * np.abs(v).sum()
            + 0.05 * np.square(v).sum())  # fmt: skip


# Activations -------------------------------------------------------------------------------------


@trials.at(POINT)
def relu(z: Any) -> Any:
    return np.sum(np.maximum(z, 0) ** 2)


@trials.at(POINT)
def relu_by_mask(z: Any) -> Any:
    return np.sum(z * (z > 0) * TARGET)


@trials.at(POINT, source="Maas, Hannun & Ng 2013")
def leaky_relu(z: Any) -> Any:
    return np.sum(np.where(z > 0, z, 0.01 * z) * TARGET)


@trials.at(POINT, source="Clevert, Unterthiner & Hochreiter 2016")
def elu(z: Any) -> Any:
    return np.sum(np.where(z > 0, z, np.expm1(z)) * TARGET)


@trials.at(POINT, source="Klambauer et al. 2017")
def selu(z: Any) -> Any:
    return np.sum(1.0507 * np.where(z > 0, z, 1.67326 * (np.exp(z) - 1)) * TARGET)


@trials.at(POINT, source="Hendrycks & Gimpel 2016, tanh form")
def gelu(z: Any) -> Any:
    inner = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    return np.sum(0.5 * z * (1 + np.tanh(inner)) * TARGET)


@trials.at(POINT, source="Elfwing, Uchibe & Doya 2018")
def silu(z: Any) -> Any:
    return np.sum(z * sigmoid(z) * TARGET)


@trials.at(POINT, source="Misra 2019")
def mish(z: Any) -> Any:
    return np.sum(z * np.tanh(np.log1p(np.exp(z))) * TARGET)


@trials.at(POINT)
def softplus(z: Any) -> Any:
    return np.sum(np.logaddexp(0, z) * TARGET)


@trials.at(POINT)
def softsign(z: Any) -> Any:
    return np.sum(z / (1 + np.abs(z)) * TARGET)


@trials.at(POINT, source="Howard et al. 2019")
def hard_swish(z: Any) -> Any:
    return np.sum(z * np.clip(z + 3, 0, 6) / 6 * TARGET)


@trials.at(POINT)
def stable_sigmoid(z: Any) -> Any:
    e = np.exp(-np.abs(z))
    return np.sum(np.where(z >= 0, 1 / (1 + e), e / (1 + e)) * TARGET)


# Layers ------------------------------------------------------------------------------------------


@trials.at(W, B)
def dense(w: Any, b: Any) -> Any:
    return np.sum(np.tanh(X @ w + b) * SCORES)


@trials.at(W, B, V[:3])
def two_layers(w: Any, b: Any, v: Any) -> Any:
    return np.mean((np.tanh(X @ w + b) @ v - TARGET) ** 2)


@trials.at(X, source="Ioffe & Szegedy 2015", refuses=NO_FORMULA)
def batch_normalisation(x: Any) -> Any:
    scaled = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return np.sum(scaled**3 * X)


@trials.at(X, source="Ba, Kiros & Hinton 2016", refuses=NO_FORMULA)
def layer_normalisation(x: Any) -> Any:
    mean = x.mean(axis=-1, keepdims=True)
    scaled = (x - mean) / (x.std(axis=-1, keepdims=True) + 1e-5)
    return np.sum(scaled**3)


@trials.at(X, source="Zhang & Sennrich 2019")
def root_mean_square_normalisation(x: Any) -> Any:
    return np.sum(x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-6) * X**2)


@trials.at(X, W, source="Vaswani et al. 2017", refuses=NO_FORMULA)
def attention(x: Any, w: Any) -> Any:
    q, k = x @ w, x @ (w + 0.1)
    weights = softmax(q @ k.T / np.sqrt(3))
    return np.sum((weights @ x) ** 2)


@trials.at(IMAGE, KERNEL, refuses=NO_FORMULA)
def convolution_by_shifts(image: Any, kernel: Any) -> Any:
    total = 0.0
    for i in range(3):
        for j in range(3):
            total = total + kernel[i, j] * image[:, i : i + 4, j : j + 4]
    return np.sum(total**2)


@trials.at(IMAGE[0], KERNEL)
def convolution_by_windows(image: Any, kernel: Any) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    return np.sum(np.tanh(np.einsum("ijkl,kl->ij", windows, kernel)))


@trials.at(IMAGE)
def max_pooling(image: Any) -> Any:
    return np.sum(image.reshape(2, 3, 2, 3, 2).max(axis=(2, 4)) ** 2)


@trials.at(IMAGE)
def average_pooling(image: Any) -> Any:
    return np.sum(image.reshape(2, 3, 2, 3, 2).mean(axis=(2, 4)) ** 2)


@trials.at(0.4 * np.eye(3), W, refuses=NO_FORMULA)
def recurrent_net(u: Any, w: Any) -> Any:
    h = np.zeros(3)
    for row in X:
        h = np.tanh(h @ u + row @ w)
    return np.sum(h**2)


@trials.at(W, B, source="Hochreiter & Schmidhuber 1997")
def gated_cell(w: Any, b: Any) -> Any:
    h, c = np.zeros(3), np.zeros(3)
    for row in X[:2]:
        gate, new = sigmoid(row @ w + b + h), np.tanh(row @ w - h)
        c = gate * c + (1 - gate) * new
        h = gate * np.tanh(c)
    return np.sum(h * c)


@trials.at(X, source="Mikolov et al. 2013")
def embedding(table: Any) -> Any:
    rows = table[np.array([0, 3, 3, 1])]
    return np.sum(np.tanh(rows.sum(axis=0)) ** 2)


@trials.at(W, source="He et al. 2016", refuses=NO_FORMULA)
def residual_block(w: Any) -> Any:
    h = X
    for _ in range(3):
        h = h + np.maximum(h @ w, 0) @ w.T
    return np.mean(h**2)


@trials.at(X, source="Bishop 1994, two components in one dimension")
def mixture_density(x: Any) -> Any:
    weights = softmax(x[:, :2])
    densities = np.exp(-0.5 * (TARGET[:, None] - x[:, 2:]) ** 2)
    return -np.mean(np.log(np.sum(weights * densities, axis=1)))


@trials.at(0.2 * RNG.normal(size=(4, 2)), RNG.normal(size=(2, 4)))
def autoencoder(encode: Any, decode: Any) -> Any:
    return np.mean((np.tanh(X @ encode) @ decode - X) ** 2)


@trials.at(W, source="Gatys, Ecker & Bethge 2016")
def gram_matrix_loss(w: Any) -> Any:
    return np.sum((w.T @ w - np.eye(3)) ** 2)


@trials.at(V, source="Schulman et al. 2017")
def clipped_ratio(v: Any) -> Any:
    ratio = np.exp(X @ v - TARGET)
    return -np.mean(np.minimum(ratio * SIGNS, np.clip(ratio, 0.8, 1.2) * SIGNS))
