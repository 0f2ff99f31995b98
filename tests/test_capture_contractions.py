"""Matrix products, Einstein sums and norms on traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from captured import A, B, C, V, W, agree

from diffkit.capture.capturing import trace
from diffkit.errors import UnsupportedError


@pytest.mark.parametrize("product", [np.matmul, np.dot, np.inner])
@pytest.mark.parametrize(
    "shapes",
    [((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 4)), ((4, 4), (4, 4)), ((2, 3, 4), (4,)),
     ((2, 4, 4), (2, 4, 4)), ((2, 4, 4), (4, 4))],
)  # fmt: skip
def test_products(product, shapes):
    a, b = (np.sin(1.0 + np.arange(np.prod(s))).reshape(s) for s in shapes)
    if product is np.inner and len(shapes[1]) > 1:
        b = np.swapaxes(b, -1, -2)
    agree(lambda x, y: product(x, y), a, b)
    agree(lambda y: product(a, y), b)


def test_other_products():
    agree(lambda x, w: x @ w, A, V)
    agree(lambda w: w @ A, W)
    agree(lambda x: np.dot(x, 2.0), A)
    agree(lambda x: np.outer(x, V), W)
    agree(lambda x, y: np.vdot(x, y), A, B)
    agree(lambda x: np.kron(x, A), V)
    agree(lambda x: np.kron(A, x), C[0])
    agree(lambda x: np.tensordot(x, A, axes=2), C)
    agree(lambda x: np.tensordot(x, A, axes=([1], [0])), C)
    agree(lambda x, y: np.tensordot(x, y, 0), V, W)
    agree(lambda x: np.linalg.multi_dot([x, A.T, B]), A)
    agree(lambda x: np.linalg.matrix_power(x, 5), A[:, :3], rtol=1e-11)
    agree(lambda x: np.vecdot(x, B), A)
    modes: list[Any] = ["full", "same", "valid"]
    for mode in modes:
        agree(lambda x, m=mode: np.convolve(x, W, m), V)
        agree(lambda x, m=mode: np.convolve(W, x, m), V)
        agree(lambda x, m=mode: np.correlate(x, W, m), V)
        agree(lambda x, m=mode: np.correlate(W, x, m), V)


@pytest.mark.parametrize(
    ("subscripts", "operands"),
    [("ij,jk->ik", (A, B.T)), ("ij,jk", (A, B.T)), ("ij->ji", (A,)), ("ji", (A,)),
     ("ii", (A[:, :3],)),
     ("ii->i", (A[:, :3],)), ("i,j->ij", (V, W)), ("i,i", (V, V)), ("bij,bjk->bik", (C, C.mT)),
     ("...j,j->...", (C, V)), ("...ij,...ij->...", (C, A)), ("ij,ij->", (A, B)), ("ijk->", (C,)),
     ("ij,j,i->", (A, V, W)), ("i...->...i", (C,)), ("ab,cb->ac", (A, B)), ("i,i->i", (V, V)),
     ("ij,ij->ij", (A, B[:1]))],
)  # fmt: skip
def test_einsum(subscripts, operands):
    agree(lambda *x: np.einsum(subscripts, *x), *operands)


def test_norms():
    orders: list[Any] = [None, 1, 2, 3, 0, np.inf, -np.inf, 0.5]
    for order in orders:
        agree(lambda x, o=order: np.linalg.norm(x, o), V)
        agree(lambda x, o=order: np.linalg.norm(x, o, axis=1, keepdims=True), A)
    orders = [None, "fro", 1, -1, np.inf, -np.inf]
    for order in orders:
        agree(lambda x, o=order: np.linalg.norm(x, o), A)
        agree(lambda x, o=order: np.linalg.norm(x, o, axis=(2, 0), keepdims=True), C)
        agree(lambda x, o=order: np.linalg.norm(x, o, axis=(0, 2)), C)
    agree(lambda x: np.linalg.vector_norm(x), A)
    with pytest.raises(UnsupportedError, match="order 'max'"):
        order: Any = "max"
        trace(lambda x: np.linalg.norm(x, order), A)
