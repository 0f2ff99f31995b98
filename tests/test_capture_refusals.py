"""What cannot be captured says so, with the line and a remedy."""

from __future__ import annotations

import numpy as np
import pytest
from captured import A, V, W

from diffkit.capture.capturing import trace
from diffkit.errors import DataDependentError, DtypeError, ShapeError, UnsupportedError


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: np.sum(x, axis=5), ShapeError, "no axis 5"),
        (lambda x: np.sum(x, axis=(0, 0)), ShapeError, "repeated"),
        (lambda x: np.moveaxis(x, 0, 7), ShapeError, "moveaxis|out of bounds"),
        (lambda x: np.reshape(x, (5, 5)), ShapeError, "12 elements"),
        (lambda x: np.reshape(x, (-1, -1)), ShapeError, "12 elements"),
        (lambda x: np.transpose(x, (0, 0)), ShapeError, "every axis"),
        (lambda x: np.broadcast_to(x, (2, 2)), ShapeError, "does not broadcast"),
        (lambda x: np.concatenate([x, x.T]), ShapeError, "differ outside"),
        (lambda x: np.concatenate([x, V]), ShapeError, "differ outside"),
        (lambda x: np.stack([x, x.T]), ShapeError, "different shapes"),
        (lambda x: x @ x, ShapeError, "inner sizes differ"),
        (lambda x: np.dot(x, x), ShapeError, "inner sizes differ"),
        (lambda x: x @ 2.0, ShapeError, "scalar"),
        (lambda x: np.tensordot(x, x[:2], axes=([0], [0])), ShapeError, "summed axes"),
        (lambda x: np.einsum("ij,jk->ik", x, x), ShapeError, "letter j"),
        (lambda x: x + W, ShapeError, "broadcast"),
        (lambda x: np.split(x, 5), ShapeError, "split"),
        (lambda x: np.sort(x), UnsupportedError, r"np\.sort cannot be traced"),
        (lambda x: np.linalg.svd(x), UnsupportedError, r"np\.linalg\.svd cannot be traced"),
        (lambda x: np.spacing(x), UnsupportedError, r"np\.spacing cannot be traced"),
        (lambda x: np.roll(x, x[0, 0]), DataDependentError, "fixed shape"),
        (lambda x: x & 1, DtypeError, "bit by bit"),
        (lambda x: ~x, DtypeError, "bit by bit"),
        (lambda x: x + "text", TypeError, None),
        (lambda x: x.reshape(-1, order="Z"), UnsupportedError, "order"),
    ],
)  # fmt: skip
def test_errors_name_the_line(f, error, message):
    with pytest.raises(error, match=message) as caught:
        trace(f, A)
    if hasattr(caught.value, "where"):
        assert "test_capture_refusals.py" in (caught.value.where or "")


def test_equations_carry_the_users_line():
    def f(x):
        return np.std(x) + np.linalg.norm(x)

    line = f.__code__.co_firstlineno + 1
    graph = trace(f, A)
    assert {equation.line for equation in graph.equations} == {f"test_capture_refusals.py:{line}"}
