"""What cannot be captured says so, with the line and a remedy."""

from __future__ import annotations

import copy
import decimal
import functools
import json
import math
import random
import statistics
from typing import Any

import numpy as np
import pytest
from captured import A, V, W

import diffkit as dk
from diffkit.capture.capturing import trace
from diffkit.errors import (
    CaptureError,
    DataDependentError,
    DiffkitError,
    DtypeError,
    InputError,
    MissingAttributeError,
    MutationError,
    ShapeError,
    UnsupportedError,
)


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
        (lambda x: np.roots(x), UnsupportedError, r"np\.roots cannot be traced"),
        (lambda x: np.linalg.svd(x), UnsupportedError, "full_matrices=True"),
        (lambda x: np.spacing(x), UnsupportedError, r"np\.spacing cannot be traced"),
        (lambda x: np.roll(x, x[0, 0]), DataDependentError, "fixed shape"),
        (lambda x: x & 1, DtypeError, "bit by bit"),
        (lambda x: ~x, DtypeError, "bit by bit"),
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


def assign_attribute(x: Any) -> None:
    x.dtype = np.float32


def assign_unknown_attribute(x: Any) -> None:
    x.label = 1


def delete_element(x: Any) -> None:
    del x[0]


def unpack_too_few(x: Any) -> Any:
    a, b = x
    return a + b


def shift_in_place(x: Any) -> Any:
    x <<= 1
    return x


def add_none_in_place(x: Any) -> Any:
    x += None
    return x


def iterate(x: Any) -> Any:
    return [part for part in x]


WRONG: Any = "a"  # where NumPy wants a number, an axis or a shape


class Layer:
    def __init__(self, weights: Any) -> None:
        self.weights = weights


# What is done, the error, whether it is also done to a traced scalar.
OF_ANY = [
    (lambda x: x + "a", DtypeError), (lambda x: "a" * x, DtypeError),
    (lambda x: x + None, DtypeError), (lambda x: None - x, DtypeError),
    (lambda x: x @ None, DtypeError), (lambda x: x**None, DtypeError),
    (lambda x: x < "a", DtypeError), (lambda x: x - {}, DtypeError),
    (lambda x: x + object(), DtypeError), (lambda x: x + 10**400, DtypeError),
    (lambda x: pow(x, 2, 3), UnsupportedError), (lambda x: x << 1, DiffkitError),
    (lambda x: 1 >> x, DiffkitError), (shift_in_place, DiffkitError),
    (add_none_in_place, DtypeError),
    (lambda x: range(x), DtypeError), (lambda x: [1, 2][x], DtypeError),
    (lambda x: [1, 2][:x], DtypeError), (lambda x: np.zeros(x), TypeError),
    (lambda x: np.ones((x, 2)), DtypeError), (lambda x: np.linspace(0, 1, x), DtypeError),
    (lambda x: np.random.default_rng(0).normal(0, 1, x), TypeError),
    (lambda x: np.random.default_rng(x), CaptureError),
    (lambda x: math.factorial(x), DtypeError), (lambda x: math.trunc(x), DataDependentError),
    (lambda x: hash(x), DataDependentError), (lambda x: {x: 1}, DataDependentError),
    (lambda x: {1: 1}[x], DataDependentError), (lambda x: f"{x:.3f}", DataDependentError),
    (lambda x: x.byteswap(), MissingAttributeError), (lambda x: x.view(int), UnsupportedError),
    (lambda x: x.astype(np.float16), DtypeError), (lambda x: x.tofile("x"), MissingAttributeError),
    (lambda x: x.foo, MissingAttributeError), (lambda x: x.item(0), DataDependentError),
    (lambda x: x(), CaptureError), (lambda x: x.astype("foo"), CaptureError),
    (assign_attribute, MissingAttributeError), (assign_unknown_attribute, MissingAttributeError),
    (delete_element, MutationError), (unpack_too_few, DiffkitError),
    (lambda x: json.dumps({"x": x}), CaptureError),
    (lambda x: statistics.mean([x, x]), CaptureError),
    (lambda x: decimal.Decimal(x), CaptureError),
    (lambda x: np.array(x, dtype=str), InputError),
    (lambda x: np.sum(x, axis=WRONG), CaptureError), (lambda x: np.reshape(x, WRONG), CaptureError),
    (lambda x: np.tensordot(x, x, axes=WRONG), InputError),
    (lambda x: Layer(x).weights.foo, MissingAttributeError),
    (lambda x: memoryview(Layer(x).weights), CaptureError),
]  # fmt: skip
OF_SCALARS = [
    (lambda x: len(x), CaptureError), (iterate, CaptureError),
    (lambda x: list(x), CaptureError), (lambda x: max(x), CaptureError),
    (lambda x: sorted(x), CaptureError), (lambda x: np.stack(x), CaptureError),
]  # fmt: skip
OF_ARRAYS = [
    (lambda x: int(x), DataDependentError), (lambda x: x in [1.0, 2.0], DataDependentError),
    (lambda x: random.randint(0, x), DataDependentError), (lambda x: x[x:], DtypeError),
]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "error", "argument"),
    [
        *[(*row, 1.5) for row in OF_ANY + OF_SCALARS],
        *[(*row, np.array([0.5, 1.5, 2.5])) for row in OF_ANY + OF_ARRAYS],
    ],
)
def test_what_python_refuses_is_typed_too(f, error, argument):
    with pytest.raises(error) as caught:
        trace(f, argument)
    found = caught.value
    assert isinstance(found, DiffkitError), repr(found)
    assert "test_capture_refusals.py" in (found.where or "")
    assert found.hint and "\n" not in found.message and "Tracer" not in found.message


def test_what_is_possible_stays_possible():
    """Each of these gave a raw error, or does without an error what NumPy does."""
    assert trace(lambda x: x * (1.0 if 1.5 in x else 2.0), np.array([1.5]))(np.array([1.5])) == 1.5
    assert trace(lambda x: x * (3.0 if x == None else 2.0), 1.5)(1.5) == 3.0  # noqa: E711
    assert trace(lambda x: x * len(f"{x}"), 1.5)(1.0) == len("Tracer<f64>")
    assert trace(lambda x: x if hasattr(x, "tofile") or hasattr(x, "foo") else -x, 1.5)(1.5) == -1.5
    assert trace(lambda x: copy.copy(x) + 1.0, 1.5)(1.5) == 2.5


def test_a_failing_expression_is_quoted_with_its_own_words():
    with pytest.raises(CaptureError) as caught:
        trace(lambda x: x + np.sum(x, axis=WRONG), V)
    message = "np.sum(x, axis=WRONG) failed: "
    assert caught.value.message.startswith(message)
    assert isinstance(caught.value.__cause__, TypeError)


def test_what_the_users_own_code_raises_stays_untouched():
    def checked(x):
        if x.ndim == 1:
            raise ValueError(f"x has {x.ndim} axis")
        return x

    with pytest.raises(ValueError, match="x has 1 axis") as caught:
        trace(lambda x: np.sum(checked(x)), V)
    assert not isinstance(caught.value, DiffkitError)
    with pytest.raises(TypeError) as other:  # no traced value takes part: plain Python's own
        trace(lambda x: x * len(5), V)  # type: ignore[arg-type]
    assert not isinstance(other.value, DiffkitError)


def test_a_cache_around_a_traced_function_is_refused():
    with pytest.raises(DataDependentError, match=r"hash\(\)"):
        trace(functools.cache(np.sin), 1.0)


def test_lines_of_pythons_own_library_are_not_the_users():
    graph = trace(lambda x: random.Random(0).uniform(0.0, x), 2.0)
    assert all("test_capture_refusals.py" in equation.line for equation in graph.equations)


def test_ragged_lists_given_to_a_function_of_numpy() -> None:
    with pytest.raises(InputError, match="different lengths"):
        dk.grad(np.sum)([[1.0, 2.0], [3.0]])
