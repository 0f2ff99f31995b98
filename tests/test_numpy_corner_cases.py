"""Corners of NumPy in which an answer once differed from its own, or came where NumPy refuses.

Values are held against the plain function, slopes against its central differences; what NumPy
refuses has to be refused in one sentence that names the operation, with a hint.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import diffkit as dk
from diffkit.errors import CaptureError, DiffkitError, DtypeError, InputError, ShapeError

A = np.array([1.0, 2.0])
ROW = np.array([[-1.0, 2.0]])
TABLE = np.array([[-3.0, 2.0], [2.0, 1.5], [1.0, -0.5]])
STEP = 1e-6
KIT = dk.schedules


def quietly() -> Any:
    """Without the warnings of plain NumPy, and of values outside of a domain."""
    return warnings.catch_warnings(action="ignore")


def plain_jacobian(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """Central differences of the plain function; the last axes are those of x."""
    moves = STEP * np.eye(x.size).reshape(x.size, *x.shape)
    slopes = [(np.asarray(f(x + move)) - np.asarray(f(x - move))) / (2 * STEP) for move in moves]
    shape = np.shape(f(x)) + x.shape
    return np.moveaxis(np.array(slopes), 0, -1).reshape(shape)


def agrees(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """The value, its shape and dtype, and the Jacobian are those of the plain function."""
    expected = np.asarray(f(x))
    found = np.asarray(dk.trace(f, x)(x))
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    for method in ("reverse", "forward"):
        slopes = dk.jacobian(f, method=method)(x)
        np.testing.assert_allclose(slopes, plain_jacobian(f, x), rtol=1e-7, atol=1e-8)


# The trapezoidal rule ---------------------------------------------------------------------------


PLACES = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
DEEP = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, (3, 3, 4)), axis=-1)


def test_trapezoids_over_more_places_than_samples() -> None:
    value, pull = dk.vjp(lambda y: np.trapezoid(y, PLACES), np.ones(2))
    np.testing.assert_array_equal(value, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(pull(np.array([1.0, 1.0, 1.0]))[0], [3.0, 3.0])


@pytest.mark.parametrize(
    ("samples", "places", "axis"),
    [
        ((2,), PLACES, -1), ((3, 4), DEEP, -1), ((3, 4), DEEP[0], -1), ((3, 4), DEEP[0], 0),
        ((3, 4), DEEP[0, 0], 1), ((3, 3, 4), DEEP, 1), ((3, 3, 4), DEEP[0], -1),
        ((3, 4), DEEP, -2), ((1, 4), DEEP, -1),
    ],
)  # fmt: skip
def test_trapezoids_count_the_axis_in_each_array(
    samples: tuple[int, ...], places: np.ndarray, axis: int
) -> None:
    y = np.random.default_rng(1).normal(size=samples)
    agrees(lambda y: np.trapezoid(y, places, axis=axis), y)
    agrees(lambda x: np.trapezoid(y, x, axis=axis), places)


# Reductions of one slice, and of none -----------------------------------------------------------


def test_a_hypotenuse_of_one_side_has_no_sign() -> None:
    value, slopes = dk.value_and_grad(lambda y: np.sum(np.hypot.reduce(y, axis=0)))(ROW)
    assert value == 3.0
    np.testing.assert_array_equal(slopes, [[-1.0, 1.0]])


FOLDED = ("hypot", "logaddexp", "logaddexp2", "add", "multiply", "maximum", "fmax", "fmin")
NOT_REORDERABLE = ("subtract", "divide", "arctan2", "copysign")
TRUTHS = ("logical_and", "logical_or", "logical_xor")


@pytest.mark.parametrize("name", [*FOLDED, *NOT_REORDERABLE])
@pytest.mark.parametrize("x", [ROW, TABLE[:2], TABLE])
def test_reductions_have_numpys_values_and_slopes(name: str, x: np.ndarray) -> None:
    ufunc = getattr(np, name)
    agrees(lambda y: ufunc.reduce(y, axis=0), x)
    agrees(lambda y: ufunc.reduce(y, axis=1, keepdims=True), x)
    agrees(lambda y: ufunc.reduce(y, axis=0, initial=0.7), x)
    agrees(lambda y: ufunc.accumulate(y, axis=0), x)
    agrees(lambda y: ufunc.reduceat(y, [0], axis=0), x[:2])


@pytest.mark.parametrize("name", ["hypot", "logaddexp2", "logical_xor", "logaddexp", "add"])
def test_reductions_of_nothing_are_the_identity(name: str) -> None:
    ufunc = getattr(np, name)
    nothing = np.zeros((0, 2))
    found = np.asarray(dk.trace(lambda y: ufunc.reduce(y, axis=0), nothing)(nothing))
    np.testing.assert_array_equal(found, ufunc.reduce(nothing, axis=0))
    with pytest.raises(DiffkitError, match="subtract"):
        dk.trace(lambda y: np.subtract.reduce(y, axis=0), nothing)


@pytest.mark.parametrize("name", ["hypot", "fmax", "maximum", "subtract"])
def test_reductions_of_nothing_are_the_initial_value(name: str) -> None:
    nothing, ufunc = np.zeros((0, 2)), getattr(np, name)
    found = dk.trace(lambda y: ufunc.reduce(y, axis=0, initial=2.0), nothing)(nothing)
    np.testing.assert_array_equal(found, [2.0, 2.0])


@pytest.mark.parametrize("name", [*TRUTHS, "divide", "arctan2", "fmax", "floor_divide", "fmod"])
@pytest.mark.parametrize("x", [ROW, TABLE[:2], np.array([[3, -2]]), np.array([[3, 2], [4, 5]])])
def test_reductions_have_numpys_dtype(name: str, x: np.ndarray) -> None:
    ufunc = getattr(np, name)
    fold, scan, parts = (
        lambda y: ufunc.reduce(y, axis=0),
        lambda y: ufunc.accumulate(y, axis=0),
        lambda y: ufunc.reduceat(y, [0], axis=0),
    )
    for f in (fold, scan, parts, lambda y: ufunc.reduce(y, axis=0, initial=2)):
        expected, found = f(x), np.asarray(dk.trace(f, x)(x))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_hypot_without_an_identity_keeps_the_sign() -> None:
    found = dk.trace(lambda y: np.hypot.reduce(y, axis=0, initial=None), ROW)(ROW)
    np.testing.assert_array_equal(found, np.hypot.reduce(ROW, axis=0, initial=None))
    agrees(lambda y: np.hypot.reduceat(y, [0, 1]), np.array([-1.0, 2.0]))


@pytest.mark.parametrize("name", [*NOT_REORDERABLE, "less", "bitwise_and"])
def test_folds_that_numpy_refuses(name: str) -> None:
    with pytest.raises(DiffkitError, match=rf"^np\.{name}\.reduce: "):
        dk.trace(lambda y: getattr(np, name).reduce(y, axis=None), TABLE)


# Where NumPy refuses ----------------------------------------------------------------------------


REFUSED: dict[str, tuple[Callable[[Any], Any], type[DiffkitError], str]] = {
    "reduceat": (lambda a: np.add.reduceat(a, [0, 5]), ShapeError, "no place 5 among 2"),
    "reduceat from the end": (lambda a: np.add.reduceat(a, [0, -1]), ShapeError, "no place -1"),
    "bincount": (lambda a: np.bincount([-1, 0], weights=a), InputError, "-1 is negative"),
    "bincount of few": (
        lambda a: np.bincount([1, 0], weights=a, minlength=-1), InputError, "minlength is -1",
    ),
    "average": (lambda a: np.average(a, weights=[1, -1]), InputError, "weights sum to 0"),
    "average by rows": (
        lambda a: np.average(np.stack([a, a]), axis=1, weights=[[1, 1], [2, -2]]),
        InputError, "weights sum to 0",
    ),
    "partition": (lambda a: np.partition(a, 7), ShapeError, "no place 7 among 2"),
    "partition from the end": (lambda a: np.partition(a, -3), ShapeError, "no place -3 among 2"),
    "partition at several": (lambda a: np.partition(a, [0, 3]), ShapeError, "no place 3"),
    "partition between": (lambda a: np.partition(a, 1.5), DtypeError, "not whole"),  # type: ignore[call-overload]
    "argpartition": (lambda a: np.argpartition(a, 2), ShapeError, "np.argpartition: "),
    "histogram": (
        lambda a: np.histogram(a, bins=[3, 1], weights=a)[0], InputError, "edges of the bins fall",
    ),
    "histogram of traced edges": (
        lambda a: np.histogram([1.0], bins=a[::-1])[0], InputError, "edges of the bins fall",
    ),
    "histogram of infinity": (
        lambda a: np.histogram([np.inf], bins=3, weights=a[:1])[0], InputError, "not finite",
    ),
    "histogram of traced infinity": (
        lambda a: np.histogram(a * np.inf, bins=3)[0], InputError, "not finite",
    ),
    "histogram of NaN": (lambda a: np.histogram(a * np.nan)[0], InputError, "not finite"),
    "histogram backwards": (
        lambda a: np.histogram(a, range=(2, 1))[0], InputError, "ends before it begins",
    ),
    "histogram of no bins": (lambda a: np.histogram(a, bins=0)[0], InputError, "0 bins"),
    "histogram of half a bin": (lambda a: np.histogram(a, bins=2.5)[0], DtypeError, "2.5"),  # type: ignore[call-overload]
    "histogram of a table": (
        lambda a: np.histogram(a, bins=[[1, 2], [2, 3]])[0], ShapeError, "2 axes",
    ),
    "edges": (lambda a: np.histogram_bin_edges(a, bins=[3, 1]), InputError, "edges of the bins"),
    "histogramdd": (
        lambda a: np.histogramdd(np.stack([a, a], 1), bins=[[3, 1], [0, 1]])[0],
        InputError, "np.histogramdd: the edges",
    ),
    "vander": (lambda a: np.vander(a, -1), ShapeError, "-1 columns"),
    "ldexp": (lambda a: np.ldexp(a, 1.5), DtypeError, "not of integers"),
    "ldexp of traced": (lambda a: np.ldexp(1.0, a), DtypeError, "not of integers"),
    "vecdot": (lambda a: np.vecdot(a, 3.0), ShapeError, "np.vecdot: the second vector"),
    "vecdot of lengths": (lambda a: np.vecdot(a, np.ones(1)), ShapeError, "2 and 1 elements"),
    "linalg.vecdot": (lambda a: np.linalg.vecdot(3.0, a), ShapeError, "np.linalg.vecdot: the fir"),
    "matvec": (lambda a: np.matvec(a, a), ShapeError, "np.matvec: the matrix"),
    "vecmat": (lambda a: np.vecmat(a, a), ShapeError, "np.vecmat: the matrix"),
    "correlate": (lambda a: np.correlate(a, 2.0), ShapeError, "np.correlate: "),  # type: ignore[arg-type]
    "polyadd": (lambda a: np.polyadd(a, [[1.0, 2.0, 3.0]]), ShapeError, "np.polyadd: "),
    "polysub": (lambda a: np.polysub(a, [[1.0, 2.0, 3.0]]), ShapeError, "np.polysub: "),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_numpy_refuses_is_refused(name: str) -> None:
    f, kind, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError, IndexError, ZeroDivisionError)), quietly():
        f(A)
    with pytest.raises(kind, match=words) as caught, quietly():
        dk.trace(f, A)
    assert caught.value.hint and caught.value.where


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.add.reduceat(a, [1, 0, 1]),
        lambda a: np.average(a, weights=[3, -1]),
        lambda a: np.partition(a, -2),
        lambda a: np.partition(a, [0, 1]),
        lambda a: np.histogram([1.0, 2.0], bins=[1.0, 1.0, 2.5], weights=a)[0],
        lambda a: np.histogram([1.0, 1.0], weights=a)[0],
        lambda a: np.vander(a, 0),
        lambda a: np.ldexp(a, [True, False]),
        lambda a: np.vecdot(a, [[3.0, 1.0], [1.0, 2.0]]),
        lambda a: np.convolve(a, 2.0),  # type: ignore[arg-type]
    ],
)
def test_what_stands_beside_it_is_answered(f: Callable[[Any], Any]) -> None:
    agrees(f, A)


@pytest.mark.parametrize("combine", [np.polyadd, np.polysub])
def test_polynomials_in_tables_are_added_as_numpy_does(combine: Any) -> None:
    value = dk.value_and_grad(lambda a: np.sum(np.polyadd(a, [1.0])))(np.array([[1.0, 2.0, 3.0]]))
    assert value[0] == 9.0
    agrees(lambda a: combine(a, [1.0]), np.array([[1.0, 2.0, 3.0]]))
    agrees(lambda a: combine([1.0], a), TABLE[:2])
    agrees(lambda a: combine(a, [3.0, 2.0, 1.0]), A)


def test_a_range_that_turns_infinite_is_refused_at_the_next_call() -> None:
    """The check is a guard of the captured graph, and not one of the first numbers only."""
    heights = dk.trace(lambda a: np.histogram(a, bins=2, density=True)[0], A)
    assert heights(A).tolist() == [1.0, 1.0]
    with pytest.raises(DiffkitError), quietly():
        heights(np.array([1.0, np.inf]))


# Infinities beside a border ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("kernel", [[1.0, np.inf], [np.inf, -1.0], [np.inf]])
def test_what_is_padded_does_not_meet_an_infinity(mode: Any, kernel: list[float]) -> None:
    for f in (np.convolve, np.correlate):
        found = dk.trace(lambda a, f=f: f(a, kernel, mode), A)(A)
        np.testing.assert_array_equal(found, f(A, kernel, mode))


# The complex step of Γ --------------------------------------------------------------------------


NEGATIVE = (-0.418, -1.5, -2.2, -20.3, -5.0000001, -1e-9, -100.1)


@pytest.mark.parametrize("x", NEGATIVE)
def test_complex_steps_of_gamma_left_of_zero(x: float) -> None:
    exact = special.gamma(x) * special.digamma(x)
    assert dk.grad(special.gamma, method="complex")(x) == pytest.approx(exact, rel=2e-13)
    assert dk.grad(special.gamma, method="reverse")(x) == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("x", [*NEGATIVE, 0.0, -1.0, -3.0])
def test_complex_steps_of_the_reciprocal_of_gamma(x: float) -> None:
    exact = dk.grad(special.rgamma, method="reverse")(x)
    assert dk.grad(special.rgamma, method="complex")(x) == pytest.approx(exact, rel=2e-13)
    if x == round(x):
        assert exact == pytest.approx((-1) ** round(x) * math.factorial(round(-x)), rel=1e-14)


def test_complex_steps_of_gamma_on_both_sides_at_once() -> None:
    x = np.array([-0.418, 2.0, -1.5, 3.5])
    value, slopes = dk.value_and_grad(lambda x: np.sum(special.gamma(x)), method="complex")(x)
    assert value == pytest.approx(np.sum(special.gamma(x)), rel=1e-15)
    np.testing.assert_allclose(slopes, special.gamma(x) * special.digamma(x), rtol=1e-13)


# Schedules --------------------------------------------------------------------------------------


NO_STEPS = (-1, -0.5, np.array([0, -1]), np.nan, None, "a", "3", ["a"], [0, [1, 2]], 1j, Ellipsis)


@pytest.mark.parametrize("step", NO_STEPS, ids=str)
@pytest.mark.parametrize(
    "schedule",
    [KIT.step(0.1, 2), KIT.cosine(0.1, 10), KIT.as_schedule(lambda t: 0.1), KIT.constant(0.1),
     KIT.warmup(0.1, 10) + KIT.cosine(0.1, 10)],
    ids=lambda schedule: type(schedule).__name__,
)  # fmt: skip
def test_schedules_have_no_rate_before_the_first_update(schedule: Any, step: Any) -> None:
    with pytest.raises(InputError, match="no rate at step") as caught:
        schedule(step)
    assert caught.value.hint


@pytest.mark.parametrize("step", [0, 3, 3.5, np.int64(3), np.float32(3), [0, 1], np.arange(3)])
def test_schedules_have_rates_from_the_first_update_on(step: Any) -> None:
    found = KIT.exponential(0.1, 0.5)(step)
    np.testing.assert_allclose(found, 0.1 * 0.5 ** np.asarray(step, float))
    np.testing.assert_allclose(KIT.cyclic(0.1, 0.1, 3)(step), 0.1)


def test_traced_steps_are_not_looked_at() -> None:
    """A compiled training asks for the rate of a step that has no number yet."""
    for schedule in (KIT.step(1.0, 2, 0.5), KIT.cosine(1.0, 10)):
        graph = dk.trace(lambda t, schedule=schedule: schedule(t) * 1.0, 3.0)
        assert graph(5.0) == schedule(5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: KIT.cyclic(0.5, 0.1, 3), "cyclic rises"),
        (lambda: KIT.scaled(0.1, 3), "scaled needs a function"),  # type: ignore[arg-type]
        (lambda: KIT.multiplicative(0.1, 3), "multiplicative needs a function"),  # type: ignore[arg-type]
        (lambda: KIT.scaled(0.1, lambda: 1.0), "fails at step 0"),  # type: ignore[arg-type]
        (lambda: KIT.constant(0.1) + 3, "cannot be followed by 3"),
        (lambda: 3 + KIT.constant(0.1), "cannot follow 3"),
        (lambda: sum([KIT.warmup(0.1, 3), KIT.cosine(0.1)]), "cannot follow 0"),
    ],
)
def test_schedules_that_make_no_sense(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert caught.value.hint


# Arrays of traced numbers that np.array made ----------------------------------------------------


@pytest.mark.parametrize("ufunc", [np.arctan2, np.hypot, np.fmod])
def test_functions_of_two_numbers_in_an_array_of_objects(ufunc: Any) -> None:
    def f(a: Any) -> Any:
        return np.sum(ufunc(np.array([a[0], a[1]]), 1.5))

    assert dk.trace(f, A)(A) == pytest.approx(f(A), rel=1e-15)
    np.testing.assert_allclose(dk.grad(f)(A), plain_jacobian(f, A), rtol=1e-8)


@pytest.mark.parametrize(
    "f",
    [
        np.fft.fft, np.modf, np.isnan, lambda x: np.interp(x, [0.0, 3.0], [0.0, 1.0]),
        lambda x: np.copysign(x, -1.0), lambda x: np.float_power(x, 2.0), special.gamma,
        special.expit, lambda x: np.linalg.solve(np.eye(2), x),
    ],
)  # fmt: skip
def test_the_remedy_for_an_array_of_objects_is_another_array(f: Callable[[Any], Any]) -> None:
    with pytest.raises(CaptureError) as caught:
        dk.trace(lambda a: f(np.array([a[0], a[1]])), A)
    assert "np.stack" in (caught.value.hint or "") and "np.*" not in str(caught.value)


# Axes of a number -------------------------------------------------------------------------------


REDUCED = (
    np.sum, np.prod, np.max, np.min, np.any, np.all, np.nansum, np.nanprod, np.nanmax, np.nanmin,
    np.nanmean, np.nanvar, np.nanstd, np.argmax, np.argmin, np.ptp, np.count_nonzero, np.add.reduce,
    np.hypot.reduce, np.logaddexp.reduce, np.cumsum, np.cumprod, np.nancumsum, np.argsort,
    np.cumulative_sum,
)  # fmt: skip


@pytest.mark.parametrize("function", REDUCED, ids=lambda function: function.__name__)
@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_is_reduced_along_its_only_axis(function: Any, axis: int) -> None:
    x = np.array(2.0)
    expected = np.asarray(function(x, axis=axis))
    found = np.asarray(dk.trace(lambda x: function(x, axis=axis), x)(x))
    assert found.shape == expected.shape and found == expected
    plain = plain_jacobian(lambda x: np.sum(function(x, axis=axis)) * 1.0 + x, x)
    slope = dk.grad(lambda x: np.sum(function(x, axis=axis)) * 1.0 + x)(2.0)
    assert slope == pytest.approx(float(plain), abs=1e-8)


@pytest.mark.parametrize("function", [np.sum, np.cumsum, np.mean, np.sort])
def test_a_number_has_no_other_axis(function: Any) -> None:
    with pytest.raises(ShapeError, match="no axis"):
        dk.trace(lambda x: function(x, axis=1), 2.0)
