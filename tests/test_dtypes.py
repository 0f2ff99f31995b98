"""Short floats in and out, integers promoted, and every memory layout: as NumPy on the same call.

The truth of a value and its dtype is the call itself on plain arrays; the truth of a gradient is
the gradient at float64, or that of the plain contiguous copy.  The calls are those of the coverage
page and of ``dtype_cases.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from dtype_cases import CASES, MATRICES
from test_coverage import CASES as PAGE
from test_coverage import FUNCTIONS, SAID

import diffkit as dk
from diffkit.capture.capturing import active_arena, trace
from diffkit.capture.tracing import lift
from diffkit.engines.interpret import run
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import DiffkitError, DtypeError

pytestmark = pytest.mark.filterwarnings("ignore")

SHORT = 2e-4  # of a float32 value, relative; its rounding is 6e-8, and some functions amplify it
SHORT_SLOPE = 2e-3
CLOSE = 1e-12

PAGE_CASES = {
    name: (PAGE.case_of(name, FUNCTIONS[name]), (PAGE.X,))
    for name, kind in SAID.items()
    if kind in ("differentiable", "constant")
}
SOME = {name: case for k, (name, case) in enumerate(CASES.items()) if k % 3 == 0}
# A matrix of NumPy's multiplies by np.asmatrix(2.0), which is float64; here it is an array.
MATRIX_CLASS = {"np.asmatrix", "np.bmat"}


def shortened(value: Any) -> Any:
    """Floats as float32; all others as they are."""
    array = np.asarray(value)
    return array.astype(np.float32)[()] if array.dtype.kind == "f" else value


def numbers_of(result: Any) -> Iterator[Any]:
    """The real arrays of a result; complex ones as two, and lists of traced numbers stacked."""
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from numbers_of(item)
        return
    kind = getattr(getattr(result, "dtype", None), "kind", None)
    if kind == "c":
        yield np.real(result)
        yield np.imag(result)
    elif kind == "O":
        arena = active_arena()
        yield result if arena is None else lift(arena, result)
    elif kind is not None and kind in "fiub":
        yield result


def all_of(f: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A function that returns every real array of a result, and a number in any case."""
    return lambda *args: (*numbers_of(f(*args)), np.float64(0.0))


def total_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """One number from all floats of a result: their weighted sum."""

    def total(*args: Any) -> Any:
        y: Any = 0.0
        for k, part in enumerate(numbers_of(f(*args))):
            if part.dtype.kind == "f":
                weights = np.linspace(1.0 + k, 2.0 + k, np.size(part)).reshape(np.shape(part))
                y = y + np.sum(part * weights.astype(part.dtype))
        return y

    return total


def plain(f: Callable[..., Any], args: tuple[Any, ...]) -> list[np.ndarray]:
    """NumPy's own results."""
    with np.errstate(all="ignore"):
        return [np.asarray(part) for part in all_of(f)(*args)]


def check_values(
    name: str, f: Any, args: tuple[Any, ...], tolerance: float, machine: bool = True
) -> None:
    """Shapes, dtypes and values of a call are NumPy's, interpreted and on the machine."""
    wanted, graph = plain(f, args), trace(all_of(f), *args)
    leaves = [np.asarray(x)[()] for x in args]
    for runner in (lambda xs: run(graph, xs), *([machine_runner(graph)] if machine else [])):
        found = runner(leaves)
        assert [np.shape(x) for x in found] == [x.shape for x in wanted], name
        assert [np.asarray(x).dtype for x in found] == [x.dtype for x in wanted], name
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, want, tolerance, tolerance, err_msg=name)


def check_gradients(
    name: str, f: Any, args: tuple[Any, ...], like: tuple[Any, ...], engine: str = "interpret"
) -> None:
    """Gradients by both modes have the arguments' dtypes, and the numbers of those at ``like``."""
    moved = tuple(k for k, x in enumerate(args) if np.asarray(x).dtype.kind == "f")
    h = total_of(f)
    exact = dk.grad(h, moved, engine="interpret")(*like)
    for method in ("reverse", "forward"):
        for k, got, want in zip(moved, dk.grad(h, moved, method, engine)(*args), exact,
                                strict=True):  # fmt: skip
            dtype = np.asarray(args[k]).dtype.newbyteorder("=")
            assert np.asarray(got).dtype == dtype, (name, method)
            tolerance = SHORT_SLOPE if dtype == np.float32 else CLOSE
            scale = 1.0 + np.max(np.abs(want), initial=0.0)
            np.testing.assert_allclose(got / scale, want / scale, tolerance, tolerance,
                                       err_msg=f"{name}, {method}")  # fmt: skip


# Short floats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [PAGE_CASES, CASES], ids=["page", "rules"])
def test_float32_values_are_numpys(names: dict[str, Any]) -> None:
    for name, (f, args) in names.items():
        if name not in MATRIX_CLASS:
            check_values(name, f, tuple(map(shortened, args)), SHORT, machine=False)


def smooth(name: str, f: Any, args: tuple[Any, ...]) -> bool:
    """Whether there is something to differentiate."""
    return SAID.get(name) != "constant" and any(p.dtype.kind == "f" for p in plain(f, args)[:-1])


def check_all_gradients(names: dict[str, Any], engine: str) -> None:
    """Gradients at float32 against those at float64, of every case."""
    for name, (f, args) in names.items():
        if smooth(name, f, args):
            short = tuple(map(shortened, args))
            exact = tuple(np.asarray(x, float)[()] if np.asarray(x).dtype.kind == "f" else x
                          for x in short)  # fmt: skip
            check_gradients(name, f, short, exact, engine)


@pytest.mark.parametrize("names", [PAGE_CASES, SOME], ids=["page", "rules"])
def test_float32_gradients_are_float32(names: dict[str, Any]) -> None:
    check_all_gradients(names, "interpret")


@pytest.mark.slow
@pytest.mark.parametrize("names", [PAGE_CASES, CASES], ids=["page", "rules"])
def test_float32_on_both_engines(names: dict[str, Any]) -> None:
    for name, (f, args) in names.items():
        if name not in MATRIX_CLASS:
            check_values(name, f, tuple(map(shortened, args)), SHORT)
    for engine in ("interpret", "machine"):
        check_all_gradients(names, engine)


@pytest.mark.parametrize("method", ["reverse", "forward", "finite", "complex", "symbolic"])
def test_every_method_answers_in_the_dtype_of_the_argument(method: str) -> None:
    x = np.array([0.31, 0.72, 0.45], np.float32)
    for f in (lambda x: np.sum(np.sin(x) * x), lambda x: np.sum(np.sin(x) * x * np.ones(3))):
        slope = dk.grad(f, method=method)(x)
        assert slope.dtype == np.float32
        np.testing.assert_allclose(slope, dk.grad(f)(x.astype(float)), rtol=1e-3)
        assert dk.jacobian(lambda x: np.sin(x) * np.ones(3), method=method)(x).dtype == np.float32
    assert dk.grad(lambda x: x * x, method=method)(np.float32(0.5)).dtype == np.float32


def test_a_derivative_inside_of_a_capture_has_the_dtype_of_its_argument() -> None:
    x = np.array([0.31, 0.72, 0.45], np.float32)
    for method in ("reverse", "forward"):
        inner = dk.grad(lambda x: np.sum(x**3 * np.ones(3)), method=method)
        assert dk.trace(inner, x)(x).dtype == np.float32
        assert dk.hessian(lambda x: np.sum(x**3 * np.ones(3)), method=method)(x).dtype == np.float32


def test_half_floats_are_promoted_like_integers() -> None:
    x = np.array([0.5, 0.25, 2.0], np.float16)
    for f in (lambda x: np.max(x) * np.sum(x**2), lambda x: np.sum(np.sort(x) * x)):
        for method in ("reverse", "forward"):
            slope = dk.grad(f, method=method)(x)
            assert slope.dtype == np.float64
            np.testing.assert_allclose(slope, dk.grad(f)(x.astype(float)), CLOSE)
    with pytest.raises(DtypeError, match="float16") as caught:
        dk.grad(lambda x: np.sum(x.astype(np.float16)))(x)
    assert caught.value.where and caught.value.hint
    constant = np.array([0.1, 2.0, 3.0], np.float16)
    assert dk.grad(lambda x: np.sum(x * constant))(x).tolist() == constant.tolist()


# Integers -----------------------------------------------------------------------------------------

# NumPy leaves the order open (it hashes), or refuses the call with integers.
UNORDERED = {"np.unique_values"}


def as_integers(dtype: Any) -> Callable[[Any], Any]:
    """Floats as small positive integers; all others as they are."""

    def convert(value: Any) -> Any:
        array = np.asarray(value)
        return np.abs(np.round(4 * array)).astype(dtype)[()] if array.dtype.kind == "f" else value

    return convert


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("names", [PAGE_CASES, CASES], ids=["page", "rules"])
def test_integer_values_are_numpys(names: dict[str, Any], dtype: Any) -> None:
    tried = 0
    for name, (f, args) in names.items():
        whole = tuple(map(as_integers(dtype), args))
        try:
            plain(f, whole)
        except (TypeError, ValueError, OverflowError, np.linalg.LinAlgError):
            continue
        if name in UNORDERED or name in MATRICES:
            continue
        tried += 1
        short = any(word in name for word in ("float32", "complex64"))
        check_values(name, f, whole, 1e-6 if short else CLOSE, machine=False)
    assert tried > 0.8 * (len(names) - len(MATRICES))


def test_differentiated_integers_are_promoted() -> None:
    for dtype in (np.int64, np.int32, np.int8, np.uint8, np.bool_):
        x = np.array([1, 0, 1]).astype(dtype)
        for f in (lambda x: np.sum(x**3), lambda x: np.max(x) * np.sum(np.exp(x))):
            slope = dk.grad(f)(x)
            assert slope.dtype == np.float64
            np.testing.assert_array_equal(slope, dk.grad(f)(x.astype(float)))
    assert dk.grad(lambda x: x**2)(3) == 6.0


def test_short_integers_do_not_overflow_where_numpy_takes_floats() -> None:
    x = np.array([3, 1, 2], np.uint8)
    for f in (np.gradient, lambda x: np.gradient(x, [0, 1, 3]), np.poly, np.mean, np.reciprocal,
              lambda x: np.average(x, weights=x)):  # fmt: skip
        np.testing.assert_allclose(dk.trace(f, x)(x), f(x), 1e-3)


# Layouts ------------------------------------------------------------------------------------------


def _read_only(x: Any) -> Any:
    x = np.array(x)
    x.flags.writeable = False
    return x


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "Fortran": lambda x: np.asfortranarray(x),
    "negative strides": lambda x: np.ascontiguousarray(np.flip(x))[
        (slice(None, None, -1),) * x.ndim
    ],
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "read-only": _read_only,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "big-endian float32": lambda x: x.astype(">f4"),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "broadcast": lambda x: np.broadcast_to(x, x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_change_nothing(layout: str) -> None:
    for name, (f, args) in MATRICES.items():
        laid = tuple(LAYOUTS[layout](x) for x in args)
        same = tuple(np.ascontiguousarray(x).astype(x.dtype.newbyteorder("=")) for x in laid)
        graph = trace(all_of(f), *laid)
        for engine in ("interpret", "machine"):
            for got, want in zip(graph.bind(engine=engine)(*laid), plain(f, same), strict=True):
                tolerance = SHORT if "float32" in layout else 1e-10
                np.testing.assert_allclose(got, want, tolerance, tolerance, err_msg=name)
        h = total_of(f)
        want = dk.grad(h)(*same)
        for engine in ("interpret", "machine"):
            got = dk.grad(h, engine=engine)(*laid)
            assert got.dtype == want.dtype and got.dtype.isnative
            np.testing.assert_array_equal(got, dk.grad(h, engine=engine)(*same), err_msg=name)
        np.testing.assert_array_equal(laid[0], same[0])


# Numbers and empty arrays -------------------------------------------------------------------------

ONE_NUMBER = {
    name: FUNCTIONS[name]
    for name, kind in SAID.items()
    if kind == "differentiable" and name not in PAGE.CASES
    and isinstance(FUNCTIONS[name], np.ufunc) and FUNCTIONS[name].nin == 1
}  # fmt: skip


def test_numbers_of_every_kind() -> None:
    for name, ufunc in ONE_NUMBER.items():
        f = total_of(lambda x, ufunc=ufunc: ufunc(x))
        slope = dk.grad(f)(0.31)
        for x in (np.float64(0.31), np.array(0.31)):
            got = dk.grad(f)(x)
            assert np.shape(got) == () and got == slope, name
            for value, want in zip(dk.trace(all_of(ufunc), x)(x), plain(ufunc, (x,)), strict=True):
                assert np.asarray(value).dtype == want.dtype, name
                np.testing.assert_allclose(value, want, CLOSE, CLOSE, err_msg=name)
        row = dk.grad(f)(np.array([0.31]))
        np.testing.assert_allclose(row, [slope], 1e-14, err_msg=name)


EMPTY = (np.zeros(0), np.zeros((0, 3)), np.zeros((2, 0)))


def test_empty_arrays() -> None:
    tried = 0
    for name, kind in SAID.items():
        if kind not in ("differentiable", "constant") or name in PAGE.CASES:
            continue
        f = PAGE.case_of(name, FUNCTIONS[name])
        for x in EMPTY:
            try:
                wanted = plain(f, (x,))
            except (TypeError, ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
                with pytest.raises((DiffkitError, np.linalg.LinAlgError)):
                    trace(all_of(f), x)
                continue
            tried += 1
            try:
                found = trace(all_of(f), x)(x)
            except DiffkitError:  # where NumPy warns and gives NaN, as a median of nothing
                assert all(np.isnan(y).all() for y in wanted[:-1]), name
                continue
            assert [np.shape(y) for y in found] == [y.shape for y in wanted], name
            for got, want in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(got, want, err_msg=name)
            np.testing.assert_array_equal(dk.grad(total_of(f))(x), np.zeros(x.shape), err_msg=name)
    assert tried > 300


def test_subclasses_are_refused() -> None:
    for x in (np.ma.array([1.0, 2.0], mask=[True, False]), np.matrix([[1.0]])):
        with pytest.raises(DiffkitError, match=r"rules") as caught:
            dk.grad(lambda x: np.sum(x * x))(x)
        assert caught.value.hint is not None and "np.asarray" in caught.value.hint


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_a_slope_of_one_is_not_cleared(method: str) -> None:
    x = np.array([0.7, 0.2])
    for f in (lambda x: x + 1.5, lambda x: x):
        for engine in ("interpret", "machine"):
            np.testing.assert_array_equal(
                dk.jacobian(f, method=method, engine=engine)(x), np.eye(2)
            )
            assert dk.grad(f, method=method, engine=engine)(0.7) == 1.0


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4", ">u2"])
@pytest.mark.parametrize(
    "f",
    [np.outer, np.kron, np.cross, lambda a, b: np.polyval(b, a), lambda a, b: a * np.isin(a, b)],
)
def test_constants_of_the_other_byte_order(f: Any, dtype: str) -> None:
    constant = np.array([1, 2, 3], dtype)
    native = constant.astype(constant.dtype.newbyteorder("="))
    point = np.array([1.0, 2.5, -1.0])
    found, wanted = (
        dk.grad(lambda a, b=b: np.sum(f(a, b) ** 2))(point) for b in (constant, native)
    )
    np.testing.assert_array_equal(found, wanted)
