"""Programs that a user brought from NumPy and that went wrong once: each is a rule from now on.

In-place code is held against NumPy's own values by finite differences of the plain function;
what cannot be traced has to say so, although the user's code may have caught the error.
"""

from __future__ import annotations

import contextlib
import copy
import math
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk

X = np.array([0.3, -0.7, 1.2])
METHODS = ("reverse", "forward", "finite", "symbolic", "complex")


def plain_slopes(f: Callable[[Any], Any], x: Any, step: float = 1e-6) -> Any:
    """Central differences of the plain function, each on copies of its own."""
    moves = step * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + move) - f(x - move)) / (2 * step) for move in moves])


# NaN in formulas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_counting_numbers_that_are_not_nan(method: str) -> None:
    def mean(x: Any) -> Any:
        return np.nanmean(np.where(x > 0, x**2, np.nan))

    found = dk.grad(mean, method=method)(X)
    np.testing.assert_allclose(found, [0.3, 0.0, 1.2], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_isnan_of_a_logarithm(method: str) -> None:
    found = dk.grad(lambda x: np.isnan(np.log(x)).sum() * x[0], method=method)(X)
    np.testing.assert_allclose(found, [1.0, 0.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_zero_to_a_power_that_moves(method: str) -> None:
    assert dk.grad(lambda x: 0.0**x, method=method)(1.5) == 0.0
    found = dk.grad(lambda x: np.sum(np.array([0.0, 2.0]) ** x), method=method)(2.0)
    np.testing.assert_allclose(found, 4 * math.log(2), rtol=1e-8)


@pytest.mark.parametrize("engine", ["interpret", "machine", "auto"])
@pytest.mark.parametrize(
    "reduced",
    [
        lambda n: np.sum(n),
        lambda n: np.prod(n),
        lambda n: np.max(n),
        lambda n: np.cumsum(n)[1],
        lambda n: n[0],
        lambda n: np.sum(n**2) // 2,
    ],
)
def test_the_complex_step_around_whole_numbers(reduced: Any, engine: str) -> None:
    def f(x: Any) -> Any:
        return reduced((10 * x).astype(int)) * x[0]

    found = dk.grad(f, method="complex", engine=engine)(X)
    np.testing.assert_array_equal(found, [reduced((10 * X).astype(int)), 0.0, 0.0])


# Copies and views --------------------------------------------------------------------------------


def copies(x: Any) -> Any:
    y, z = copy.copy(x), copy.deepcopy({"z": x})["z"]
    y[0], z[1] = 7.0, 3.0
    return np.sum(x**2) + np.sum(y**2) + np.sum(z**2)


def copy_of_a_view(x: Any) -> Any:
    base = x * 1.0
    part = copy.copy(base[1:])
    part[0] = 5.0
    return np.sum(base**2) + np.sum(part**3)


def broadcast(x: Any) -> Any:
    y = x * 1.0
    rows = np.broadcast_to(y, (2, 3))
    y[0] = 5.0 * x[1]
    return np.sum(rows**2)


def flattened_broadcast(x: Any) -> Any:
    y = x * 1.0
    flat = np.broadcast_to(y, (2, 3)).reshape(-1)
    flat[0], y[1] = 3.0, 9.0
    return np.sum(flat**2)


def broadcast_copy(x: Any) -> Any:
    y = np.broadcast_to(x, (2, 3)).copy()
    y[0] *= 2.0
    return np.sum(y**2)


def clipped_take(x: Any) -> Any:
    return np.sum(np.take(x, [0, -1, 5], mode="clip") ** 2) + np.take(x, 7, mode="wrap")


@pytest.mark.parametrize(
    "f", [copies, copy_of_a_view, broadcast, flattened_broadcast, broadcast_copy, clipped_take]
)
def test_copies_and_views_are_numpys(f: Callable[[Any], Any]) -> None:
    before = X.copy()
    for method in ("reverse", "forward"):
        np.testing.assert_allclose(dk.grad(f, method=method)(X), plain_slopes(f, X), rtol=1e-7)
    assert np.array_equal(X, before)


def test_broadcast_arrays_are_not_written() -> None:
    def f(x: Any) -> Any:
        rows = np.broadcast_to(x, (2, 3))
        rows[0, 0] = 1.0
        return np.sum(rows)

    with pytest.raises(dk.errors.MutationError, match="broadcast"):
        dk.grad(f)(X)


def test_an_array_that_would_share_its_memory_is_not_written() -> None:
    def f(x: Any) -> Any:
        y = np.asarray(x)
        y[0] = 7.0 * y[1]
        return np.sum(y) + np.sum(x)

    with pytest.raises(dk.errors.InputError, match="read-only") as caught:
        dk.grad(f)(X)
    assert "np.array(x)" in str(caught.value)


def filled_complex(x: Any) -> Any:
    z: Any = np.zeros_like(x, dtype=complex)
    z[0] = 1j * x[1]
    z[1:] = x[1:] ** 2
    z.real = x
    z.imag = z.imag + x[0]
    return np.sum(np.abs(z) ** 2)


def converted_complex(x: Any) -> Any:
    z = x.astype(complex) * 1j + np.ones_like(x, dtype=np.complex128)
    return np.sum(z.imag * z.real) + np.sum(np.abs(z))


@pytest.mark.parametrize("f", [filled_complex, converted_complex])
def test_arrays_made_complex(f: Callable[[Any], Any]) -> None:
    for method in ("reverse", "forward"):
        np.testing.assert_allclose(dk.grad(f, method=method)(X), plain_slopes(f, X), rtol=1e-7)


# Errors that the user's code swallows ------------------------------------------------------------


def through_math(x: Any) -> Any:
    try:
        return math.sin(x[0])
    except Exception:
        return x[1]


def through_a_store(x: Any) -> Any:
    y = np.zeros(3)
    with contextlib.suppress(ValueError):
        y[0] = x[0]
    return np.sum(y) + x[1]


@pytest.mark.parametrize("f", [through_math, through_a_store])
@pytest.mark.parametrize(
    "use",
    [
        lambda f: dk.grad(f)(X),
        lambda f: dk.hessian(f)(X),
        lambda f: dk.jvp(f, (X,), (X,)),
        lambda f: dk.vmap(f)(np.stack([X, X])),
    ],
)
def test_a_refusal_that_is_caught_still_counts(f: Any, use: Callable[[Any], Any]) -> None:
    with pytest.raises((dk.errors.DataDependentError, dk.errors.MutationError)):
        use(f)


# Stores into plain arrays ------------------------------------------------------------------------


def whole(x: Any) -> Any:
    y = np.zeros(3)
    y[:] = x
    return np.sum(y)


def column(x: Any) -> Any:
    y = np.zeros((3, 2))
    y[:, 0] = x
    return np.sum(y)


def diagonal(x: Any) -> Any:
    y = np.zeros((3, 3))
    np.fill_diagonal(y, x)
    return np.sum(y)


def filled(x: Any) -> Any:
    y = np.zeros(3)
    y.fill(x[0])
    return np.sum(y)


def put(x: Any) -> Any:
    y = np.zeros(3)
    y.put(0, x[0])
    return np.sum(y)


def one_line(x: Any) -> Any:
    y = np.zeros(3)
    for i in range(3): y[i] = x[i]  # fmt: skip # noqa: E701
    return np.sum(y)


@pytest.mark.parametrize("f", [whole, column, diagonal, filled, put, one_line])
def test_a_store_into_a_plain_array_names_it(f: Callable[[Any], Any]) -> None:
    with pytest.raises(dk.errors.MutationError, match="plain array y") as caught:
        dk.grad(f)(X)
    assert "y = np.zeros_like(x)" in str(caught.value)
    assert "test_numpy_defects.py" in str(caught.value)


def test_an_element_of_a_plain_flat() -> None:
    def f(x: Any) -> Any:
        y = np.zeros(3)
        y.flat[0] = x[0]
        return np.sum(y)

    with pytest.raises(dk.errors.DiffkitError, match="flat"):
        dk.grad(f)(X)


# Arrays with rules of their own ------------------------------------------------------------------

M = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 1.0], [5.0, 6.0, 7.0]])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.matrix(M) * x[:, None])[0].sum(),
        lambda x: (x * np.matrix(M))[0, 1],
        lambda x: np.where(x > 0, np.ma.array(X, mask=[False, True, False]), x).sum(),
        lambda x: (x * np.ma.array(X, mask=[False, True, False])).sum(),
    ],
)
def test_subclasses_are_not_taken_for_arrays(f: Callable[[Any], Any]) -> None:
    with pytest.raises(dk.errors.InputError, match="rules of its own"):
        dk.grad(f)(X)


def test_files_mapped_into_memory_are_arrays(tmp_path: Path) -> None:
    stored: Any = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=(3,))
    stored[:] = X
    np.testing.assert_array_equal(dk.grad(lambda x: np.sum(x**2 * stored))(stored), 2 * X**2)


# SciPy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1.5, -1.5, 2, np.array([1.5, 2.0])])
@pytest.mark.parametrize("name", ["kn", "yn"])
def test_whole_orders_are_cut_as_scipy_cuts_them(name: str, order: Any) -> None:
    from scipy import special

    function = getattr(special, name)
    point = np.array(1.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        wanted = plain_slopes(lambda x: np.sum(function(order, x)), point)
    found = dk.grad(lambda x: np.sum(function(order, x)))(1.3)
    np.testing.assert_allclose(found, wanted[0], rtol=1e-8)


@pytest.mark.parametrize("name", ["factorial", "softmax", "log_softmax", "logsumexp"])
def test_functions_that_scipy_alone_offers_name_ours(name: str) -> None:
    from scipy import special

    with pytest.raises(dk.errors.UnsupportedError, match=rf"dk\.scipy\.special\.{name}"):
        dk.grad(lambda x: np.sum(getattr(special, name)(x)))(X)


def test_other_refusals_have_the_name_that_users_write() -> None:
    from scipy import special

    if hasattr(special, "legendre_p"):
        with pytest.raises(dk.errors.UnsupportedError, match=r"scipy\.special\.legendre_p cannot"):
            dk.grad(lambda x: np.sum(special.legendre_p(2, x)))(X)
    product = np.frompyfunc(lambda a, b: a * b, 2, 1)
    with pytest.raises(dk.errors.UnsupportedError, match=r"np\.frompyfunc\(<lambda>, …\) cannot"):
        dk.grad(lambda x: np.sum(product(x, x, where=x > 0)))(X)
    with pytest.raises(dk.errors.DataDependentError, match="pickled"):
        dk.grad(lambda x: pickle.loads(pickle.dumps(x)).sum())(X)
