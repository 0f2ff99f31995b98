"""Bad input: a typed error that says what, where and what to do instead, in under a second.

Every row below is something a user can do wrong.  The error must be one of diffkit's own (or
the user's own exception, untouched), its message one sentence, with a hint.  What must never
happen is a number that is silently wrong.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import refusal

import diffkit as dk
from diffkit.errors import (
    CaptureError,
    DataDependentError,
    DiffkitError,
    DomainWarning,
    DtypeError,
    GuardError,
    InputError,
    MutationError,
    ShapeError,
    UnsupportedError,
)


def square(x: Any) -> Any:
    return x * x


def total(x: Any) -> Any:
    return np.sum(x * x)


# Shapes ---------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit_a_product() -> None:
    def predict(x: Any) -> Any:
        return np.sum(x @ np.ones((2, 8)))

    error = refusal(ShapeError, lambda: dk.grad(predict)(np.ones((4, 3))), "f64[4,3]", "f64[2,8]")
    assert "test_bad_input.py" in str(error) and "np.sum(x @ np.ones((2, 8)))" in str(error)


def test_shapes_that_do_not_broadcast() -> None:
    def f(x: Any) -> Any:
        return np.sum(x + np.ones(4))

    refusal(ShapeError, lambda: dk.grad(f)(np.ones(3)), "f64[3]", "f64[4]", "test_bad_input.py")


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.reshape(x, (4, 4)),
        lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: x[7],
        lambda x: x[0, 0],
        lambda x: np.sum(x, axis=3),
        lambda x: np.transpose(x, (0, 1)),
        lambda x: np.einsum("ij,jk->ik", x, x),
    ],
    ids=["reshape", "concatenate", "index", "indices", "axis", "transpose", "einsum"],
)
def test_shapes_that_do_not_fit_an_operation(f: Callable[..., Any]) -> None:
    with pytest.raises((ValueError, IndexError, TypeError)):
        f(np.ones(3))
    error = refusal((ShapeError, InputError), lambda: dk.grad(f)(np.ones(3)), hint=False)
    assert "test_bad_input.py" in str(error)


@pytest.mark.parametrize("verb", [dk.grad, dk.value_and_grad])
def test_output_that_is_not_a_scalar(verb: Any) -> None:
    refusal(ShapeError, lambda: verb(square)(np.ones(3)), "scalar", "f64[3]", "np.sum")
    refusal(ShapeError, lambda: verb(lambda x: (x, x))(1.0), "2 values")


@pytest.mark.parametrize("method", ("symbolic", "finite", "complex", "forward", "reverse"))
def test_every_method_refuses_an_array_output(method: str) -> None:
    refusal(ShapeError, lambda: dk.grad(square, method=method)(np.ones(3)), "scalar")


def test_output_that_is_not_a_float() -> None:
    refusal(ShapeError, lambda: dk.grad(lambda x: x > 0)(1.0), "float output")


def test_tangent_of_another_shape() -> None:
    refusal(ShapeError, lambda: dk.jvp(total, (np.ones(3),), (np.ones(2),)), hint=False)
    _, pullback = dk.vjp(square, np.ones(3))
    refusal(ShapeError, lambda: pullback(np.ones(2)), hint=False)


def test_graph_called_with_another_shape() -> None:
    graph = dk.trace(total, np.ones(3))
    refusal(ShapeError, lambda: graph(np.ones(4)), "captured for f64[3]")
    refusal(InputError, lambda: graph(), hint=False)


# Numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ("forward", "reverse", "symbolic", "complex", "finite"))
@pytest.mark.parametrize("bad", (np.nan, np.inf, -np.inf))
def test_nan_and_infinity_pass_through(method: str, bad: float) -> None:
    """What goes in as NaN or infinity comes out as NumPy gives it: never a finite number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, slope = dk.value_and_grad(square, method=method)(bad)
    assert not np.isfinite(value)
    assert not np.isfinite(slope)


@pytest.mark.parametrize("method", ("symbolic", "finite", "complex", "forward", "reverse"))
def test_nan_that_is_born_warns_and_names_its_line(method: str) -> None:
    def f(x: Any) -> Any:
        y = np.log(x)  # a NaN is born here
        return y * 2

    with pytest.warns(DomainWarning, match=r"log at test_bad_input\.py"):
        assert np.isnan(dk.value_and_grad(f, method=method)(-1.0)[0])


@pytest.mark.parametrize("method", ("symbolic", "finite", "complex", "forward", "reverse"))
def test_no_method_gives_a_silent_nan(method: str) -> None:
    """sin x / x at 0: differences step over the hole (the slope is 0), the others give NaN."""
    with pytest.warns(DomainWarning):
        found = dk.grad(lambda x: np.sin(x) / x, method=method)(0.0)
    assert found == 0.0 if method in ("finite", "complex") else np.isnan(found)


def test_difference_that_steps_outside_the_domain_says_so() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = dk.grad(np.sqrt, method="finite")(1e-12)
    assert found == pytest.approx(5e5, rel=1e-3) or (
        np.isnan(found) and any("outside the domain" in str(w.message) for w in caught)
    )


def test_infinite_derivative_is_no_nan() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DomainWarning)
        assert dk.grad(np.sqrt)(0.0) == np.inf


def test_zero_times_infinity_is_not_silent() -> None:
    def f(x: Any) -> Any:
        return np.sqrt(x) * np.sqrt(x)

    with pytest.warns(DomainWarning):
        assert np.isnan(dk.grad(f)(0.0))


# Types ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (np.array([1.0, "a", None], dtype=object), ("object",)),
        (np.array(["a", "b"]), ("<U1",)),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), ("datetime64",)),
        (1 + 2j, ("complex",)),
        (np.array([1j]), ("complex",)),
        ({1.0, 2.0}, ("set",)),
        (np.ma.masked_array([1.0, 2.0], [False, True]), ("MaskedArray",)),
        (np.array([(1.0, 2)], dtype=[("a", float), ("b", int)]), ("dtype",)),
        (object(), ("object",)),
    ],
    ids=[
        "object",
        "strings",
        "dates",
        "complex",
        "complex array",
        "set",
        "masked",
        "record",
        "any",
    ],
)
def test_arguments_that_are_not_numbers(argument: Any, words: tuple[str, ...]) -> None:
    refusal((DtypeError, InputError), lambda: dk.grad(total)(argument), *words)


def test_text_as_an_argument_has_nothing_to_differentiate_by() -> None:
    refusal(DtypeError, lambda: dk.grad(total)("hello"), "nothing to differentiate by", "'hello'")
    refusal(DtypeError, lambda: dk.grad(total)(None), "nothing to differentiate by")


def test_empty_arrays_give_empty_gradients() -> None:
    for method in ("forward", "reverse", "complex", "finite"):
        found = dk.grad(total, method=method)(np.zeros(0))
        assert found.shape == (0,) and found.dtype == np.float64
    assert dk.jacobian(square)(np.zeros((0, 2))).shape == (0, 2, 0, 2)


def test_maximum_of_nothing() -> None:
    refusal((ShapeError, InputError), lambda: dk.grad(lambda x: np.max(x))(np.zeros(0)))


def test_lists_are_trees_of_numbers() -> None:
    found = dk.grad(lambda x: x[0] * x[1])([2.0, 3.0])
    assert found == [3.0, 2.0]


def test_ragged_lists_inside_a_function_are_refused_by_numpy_itself() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        dk.grad(lambda x: np.sum(np.array([[x, x], [x]])))(1.0)


# Results ----------------------------------------------------------------------------------------


def forgets_to_return(x: Any) -> None:
    np.sum(x)


@pytest.mark.parametrize("method", ("symbolic", "finite", "complex", "forward", "reverse"))
def test_function_that_returns_none(method: str) -> None:
    refusal(
        CaptureError,
        lambda: dk.grad(forgets_to_return, method=method)(1.0),
        "forgets_to_return returned None",
    )


@pytest.mark.parametrize("result", ["text", object(), [], {}, 1j, {1}])
def test_function_that_returns_no_number(result: Any) -> None:
    refusal((CaptureError, ShapeError, DtypeError), lambda: dk.grad(lambda x: result)(1.0))


def test_function_that_ignores_its_argument_has_gradient_zero() -> None:
    assert dk.grad(lambda x: 3.0)(1.0) == 0.0


def test_not_a_function() -> None:
    things: tuple[Any, ...] = (3.0, "x**2", None, np.ones(3))
    for thing in things:
        refusal(InputError, lambda thing=thing: dk.grad(thing), "expected a function")


def test_error_of_the_users_own_passes_through() -> None:
    class OwnError(Exception):
        pass

    def fails(x: Any) -> Any:
        raise OwnError("mine")

    with pytest.raises(OwnError, match="mine"):
        dk.grad(fails)(1.0)


def test_wrong_number_of_arguments() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        dk.grad(lambda x, y: x * y)(1.0)
    refusal(InputError, lambda: dk.grad(square)(), "argnums")


# Names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", (1, -2, (0, 3), (), "x", 0.0))
def test_argnums_that_name_no_argument(argnums: Any) -> None:
    refusal(InputError, lambda: dk.grad(square, argnums=argnums)(1.0), "argnums")


def test_unknown_method_and_engine() -> None:
    refusal(InputError, lambda: dk.grad(square, method="backward")(1.0), "reverse", "'backward'")
    refusal(DiffkitError, lambda: dk.grad(square, engine="gpu")(1.0), "interpret", "'gpu'")


@pytest.mark.parametrize("order", (-1, 1.5, "two"))
def test_order_that_is_no_order(order: Any) -> None:
    refusal(InputError, lambda: dk.derivative(np.sin, order=order)(1.0), "order", hint=False)


# Plain Python on traced values ------------------------------------------------------------------


def test_math_functions() -> None:
    def f(x: Any) -> Any:
        return math.sin(x)

    error = refusal(DataDependentError, lambda: dk.grad(f)(1.0), "np.sin instead of math.sin")
    assert "return math.sin(x)" in str(error)


def test_float_of_a_traced_value() -> None:
    refusal(DataDependentError, lambda: dk.grad(lambda x: float(x) * 2)(1.0), "plain float")
    refusal(DataDependentError, lambda: dk.grad(lambda x: x.item() * 2)(1.0), "plain float")


def stores_into_zeros(x: Any) -> Any:
    y = np.zeros(3)
    y[1] = x
    return np.sum(y)


def test_store_into_a_plain_array_names_the_line() -> None:
    error = refusal((MutationError, DataDependentError), lambda: dk.grad(stores_into_zeros)(1.0))
    assert "test_bad_input.py" in str(error) and "y[1] = x" in str(error)


def adds_in_place(x: Any) -> Any:
    y = np.zeros(3)
    y += x
    return np.sum(y)


def test_adding_in_place_to_a_plain_array() -> None:
    error = refusal(MutationError, lambda: dk.grad(adds_in_place)(np.ones(3)))
    assert "test_bad_input.py" in str(error)


def test_out_argument() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(3)
        np.multiply(x, 2.0, out=y)
        return np.sum(y)

    refusal((MutationError, UnsupportedError), lambda: dk.grad(f)(np.ones(3)))


def test_truth_of_an_array() -> None:
    def f(x: Any) -> Any:
        return np.sum(x) if x > 0 else 0.0

    refusal(DataDependentError, lambda: dk.grad(f)(np.ones(3)), "3 elements", "np.where")


def test_truth_value_as_an_index() -> None:
    def f(x: Any) -> Any:
        return np.sum(x[np.all(x > 0)])

    refusal(DataDependentError, lambda: dk.grad(f)(np.array([1.0, -1.0])), "np.where")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("np.roots", np.roots),
        ("np.sort_complex", np.sort_complex),
        ("np.linalg.eig", lambda x: np.linalg.eig(np.diag(x))),
    ],
)
def test_numpy_function_that_is_not_offered(name: str, function: Callable[..., Any]) -> None:
    call = dk.grad(lambda x: np.sum(function(x)))
    refusal(UnsupportedError, lambda: call(np.ones(3)), "cannot be traced", name)


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'summ'"):
        dk.grad(lambda x: x.summ())(np.ones(3))


# Guards -----------------------------------------------------------------------------------------


def test_broken_guard_of_a_bare_graph() -> None:
    graph = dk.trace(lambda x: x if x > 0 else -x, 1.0)
    refusal(GuardError, lambda: graph(-1.0), "would go the other way", "np.where")
