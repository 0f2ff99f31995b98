"""NumPy functions on traced arrays give what NumPy gives, or a typed error with the user's line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from captured import A, B, C, K, M, P, V, W, agree
from derivatives import agree_with_differences, gradient

from diffkit.capture.capturing import trace
from diffkit.engines.interpret import run
from diffkit.errors import DtypeError, ShapeError, UnsupportedError

UNARY_ANYWHERE = [
    np.negative, np.positive, np.absolute, np.fabs, np.sign, np.floor, np.ceil, np.rint, np.trunc,
    np.fix, np.exp, np.expm1, np.exp2, np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh,
    np.tanh, np.arcsinh, np.square, np.cbrt, np.reciprocal, np.deg2rad, np.rad2deg, np.radians,
    np.degrees, np.isnan, np.isinf, np.isfinite, np.logical_not, np.conjugate, np.round,
    np.nan_to_num, np.real, np.imag,
]  # fmt: skip
UNARY_POSITIVE = [np.log, np.log2, np.log10, np.log1p, np.sqrt]
UNARY_UNIT = [np.arcsin, np.arccos, np.arctanh]
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder, np.maximum,
    np.minimum, np.fmax, np.fmin, np.less, np.less_equal, np.greater, np.greater_equal, np.equal,
    np.not_equal, np.logical_and, np.logical_or, np.logical_xor, np.hypot, np.arctan2,
    np.logaddexp, np.logaddexp2, np.heaviside, np.divmod,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", UNARY_ANYWHERE)
def test_unary_functions(ufunc):
    agree(lambda x: ufunc(x), A)
    agree(lambda x: ufunc(x), 0.7)


@pytest.mark.parametrize("ufunc", UNARY_POSITIVE)
def test_unary_functions_of_positive_numbers(ufunc):
    agree(lambda x: ufunc(x), P)


@pytest.mark.parametrize("ufunc", UNARY_UNIT)
def test_unary_functions_of_the_unit_interval(ufunc):
    agree(lambda x: ufunc(x), A / 2)


def test_arccosh():
    agree(lambda x: np.arccosh(x), P + 1)


@pytest.mark.parametrize("ufunc", BINARY)
def test_binary_functions(ufunc):
    agree(lambda x, y: ufunc(x, y), A, B)
    agree(lambda x, y: ufunc(x, y), A, V)
    agree(lambda x: ufunc(x, 0.75), A)
    agree(lambda x: ufunc(0.75, x), A)
    agree(lambda x: ufunc(V, x), A)


@pytest.mark.parametrize(
    "ufunc", [np.floor, np.ceil, np.rint, np.trunc, np.round, np.sqrt, np.isnan]
)
def test_integers(ufunc):
    agree(lambda k: ufunc(k), K)


@pytest.mark.parametrize("ufunc", [np.floor_divide, np.remainder, np.add, np.divide, np.power])
def test_integer_pairs(ufunc):
    agree(lambda k: ufunc(k, 3), K)


def test_floor_division_is_not_the_floor_of_the_quotient():
    assert run(trace(lambda x: x // 0.1, 1.0), [1.0])[0] == 1.0 // 0.1 == 9.0
    assert run(trace(lambda x: x % 0.1, 1.0), [1.0])[0] == 1.0 % 0.1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -0.0])
def test_conditions_on_special_values(value):
    for ufunc in (np.isnan, np.isinf, np.isfinite, np.sign, np.nan_to_num, np.rint):
        np.testing.assert_array_equal(
            run(trace(lambda x, u=ufunc: u(x), value), [value])[0], ufunc(value)
        )
    for other in (1.0, np.inf, -np.inf, np.nan):
        for ufunc in (np.logaddexp, np.fmax, np.fmin, np.maximum, np.heaviside, np.isclose):
            found = run(trace(lambda x, o=other, u=ufunc: u(x, o), value), [value])[0]
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(found, ufunc(value, other))


def test_powers():
    for n in (0, 1, 2, 3, -1, -2, 2.0, np.int64(3), np.array(2)):
        agree(lambda x, n=n: x**n, P)
    assert "integer_power" in trace(lambda x: x**3, 2.0).operations()
    assert "integer_power" in trace(lambda x: x**2.0, 2.0).operations()
    assert "power" in trace(lambda x: x**0.5, 2.0).operations()
    assert "power" in trace(lambda x: 2.0**x, 2.0).operations()
    agree(lambda x, y: x**y, P, B)
    agree(lambda x: x ** np.array([1.0, 2.0, 3.0, 0.5]), P)
    agree(lambda x: np.float_power(x, 2), P)
    agree(lambda k: k**5, K)
    with pytest.raises(DtypeError, match="negative integer"):
        trace(lambda k: k**-1, K)


def test_scipy_ufuncs_are_known_by_name():
    special = pytest.importorskip("scipy.special")
    for ufunc in (special.erf, special.erfc, special.expit, special.log_expit, special.ndtr):
        agree(lambda x, u=ufunc: u(x), A)
    agree(lambda x: special.logit(x), P / 3)
    agree(lambda x: special.entr(x), P)
    for ufunc in (special.xlogy, special.xlog1py):
        agree(lambda x, y, u=ufunc: u(x, y), np.array([0.0, 0.0, 1.5]), np.array([0.0, 2.0, 0.5]))
    with pytest.raises(UnsupportedError, match=r"scipy\.special\.wofz cannot be traced"):
        trace(lambda x: special.wofz(x), 1.0)


def test_float32_stays_float32():
    x = A.astype(np.float32)
    for f in (np.sin, np.mean, np.var, np.linalg.norm, lambda x: x**2 + 1.0, np.cumsum, np.ptp,
              lambda x: np.where(x > 0, x, 0.0), lambda x: np.clip(x, 0.0, 1.0)):  # fmt: skip
        agree(f, x, rtol=1e-5)


# Options and methods of ufuncs ------------------------------------------------------------------


def test_reduce_accumulate_and_outer():
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
        for axis in (0, 1, -1, None):
            agree(lambda x, u=ufunc, axis=axis: u.reduce(x, axis=axis), A)
        agree(lambda x, u=ufunc: u.reduce(x, keepdims=True), A)
    agree(lambda x: np.logical_and.reduce(x > 0), A)
    agree(lambda x: np.logical_or.reduce(x > 0, axis=1), A)
    agree(lambda x: np.add.accumulate(x), A)
    agree(lambda x: np.multiply.accumulate(x, axis=1), A)
    agree(lambda x, y: np.subtract.outer(x, y), V, W)
    agree(lambda x: np.subtract.reduceat(x, [0, 1]), V)
    with pytest.raises(UnsupportedError, match="reduce"):
        trace(lambda x: np.hypot.reduce(x, where=x > 0, initial=0.0), V)


def test_options():
    agree(lambda x: np.add(x, 1, dtype=np.float64), K)
    agree(lambda x: np.sum(x, dtype=np.float32), A, rtol=1e-6)

    def into_traced(x):
        y = np.zeros_like(x)
        np.sin(x, out=y)
        np.add(y, 1.0, out=y, where=x > 0)
        np.sum(x, axis=0, out=y[0])
        return y

    agree(into_traced, A)
    with pytest.raises(UnsupportedError, match="where= without out="):
        trace(lambda x: np.sin(x, where=x > 0), A)


# Reductions -------------------------------------------------------------------------------------

AXES = [None, 0, 1, -1, (0, 2), (-1, 0), (0, 1, 2)]


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize(
    "reduce",
    [np.sum, np.mean, np.prod, np.max, np.min, np.ptp, np.var, np.std, np.any, np.all,
     np.count_nonzero, np.nansum, np.nanmean],
)  # fmt: skip
def test_reductions(reduce, axis):
    agree(lambda x: reduce(x, axis=axis), C)
    agree(lambda x: reduce(x, axis=axis, keepdims=True), C)


@pytest.mark.parametrize("reduce", [np.argmax, np.argmin, np.cumsum, np.cumprod])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_functions_along_one_axis(reduce, axis):
    agree(lambda x: reduce(x, axis=axis), C)


def test_reduction_options():
    agree(lambda x: np.sum(x, where=M, initial=2.0), A)
    agree(lambda x: np.mean(x, axis=0, where=M), A)
    agree(lambda x: np.max(x, axis=0, where=M, initial=-3.0), A)
    agree(lambda x: np.var(x, axis=1, ddof=1), A)
    agree(lambda x: np.std(x, ddof=1, keepdims=True), A)
    agree(lambda x: np.average(x, axis=0, weights=W), A)
    agree(lambda x, w: np.average(x, weights=w), A, P)
    agree(lambda x: np.argmax(x, axis=1, keepdims=True), A)
    agree(lambda k: np.sum(k), K)
    agree(lambda k: np.mean(k, axis=0), K)
    agree(lambda x: np.sum(x > 0), A)
    agree(lambda x: np.nansum(x), np.array([1.0, np.nan, 2.0]))
    assert run(trace(np.argmax, V), [np.array([1.0, np.nan, 3.0, np.nan])])[0] == 1


def test_empty_arrays():
    empty = np.zeros((0, 3))
    agree(lambda x: np.sum(x, axis=0), empty)
    agree(lambda x: np.prod(x), empty)
    with pytest.raises(ShapeError, match="no elements"):
        trace(lambda x: np.max(x), empty)


# Shapes -----------------------------------------------------------------------------------------

SHAPING = {
    "reshape": lambda x: np.reshape(x, (4, 6)),
    "reshape -1": lambda x: np.reshape(x, (2, -1)),
    "reshape F": lambda x: np.reshape(x, (6, 4), order="F"),
    "ravel": np.ravel,
    "ravel F": lambda x: np.ravel(x, order="F"),
    "transpose": np.transpose,
    "transpose axes": lambda x: np.transpose(x, (1, 2, 0)),
    "permute": lambda x: np.permute_dims(x, (2, 0, 1)),
    "matrix_transpose": np.matrix_transpose,
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "moveaxis two": lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
    "rollaxis": lambda x: np.rollaxis(x, 2),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "squeeze axis": lambda x: np.squeeze(x[:1, :, :1], axis=2),
    "broadcast_to": lambda x: np.broadcast_to(x[:, :1], (5, 2, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[0, :, :1]),
    "atleast_2d": lambda x: np.atleast_2d(x[0, 0]),
    "atleast_1d": lambda x: np.atleast_1d(x[0, 0, 0]),
    "atleast_3d": lambda x: np.atleast_3d(x[0, 0]),
    "concatenate": lambda x: np.concatenate([x, C, x[:1]]),
    "concatenate axis": lambda x: np.concatenate((x, C), axis=-1),
    "concatenate flat": lambda x: np.concatenate((x, [1.0, 2.0]), axis=None),
    "concatenate one tensor": lambda x: np.concatenate(x),
    "stack": lambda x: np.stack([x, C]),
    "stack axis": lambda x: np.stack([x, C], axis=-1),
    "hstack": lambda x: np.hstack([x[0, 0], [1, 2]]),
    "hstack matrices": lambda x: np.hstack([x[0], x[1]]),
    "vstack": lambda x: np.vstack([x[0, 0], [1, 2, 3, 4]]),
    "dstack": lambda x: np.dstack([x[0], x[1]]),
    "column_stack": lambda x: np.column_stack([x[0, :, 0], x[1]]),
    "block": lambda x: np.block([[x[0], x[1]], [x[1], np.ones((3, 4))]]),
    "append": lambda x: np.append(x, [1.0]),
    "append axis": lambda x: np.append(x, C, axis=1),
    "split": lambda x: np.split(x, 2, axis=2),
    "split places": lambda x: np.split(x, [1, 3], axis=-1),
    "array_split": lambda x: np.array_split(x, 3, axis=2),
    "hsplit": lambda x: np.hsplit(x, 3),
    "vsplit": lambda x: np.vsplit(x, 2),
    "flip": np.flip,
    "flip axis": lambda x: np.flip(x, (0, 2)),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "roll": lambda x: np.roll(x, 2),
    "roll axis": lambda x: np.roll(x, (1, -1), axis=(0, 2)),
    "rot90": lambda x: np.rot90(x[0]),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "repeat counts": lambda x: np.repeat(x, [2, 1], axis=0),
    "tile": lambda x: np.tile(x, (2, 1, 2)),
    "delete": lambda x: np.delete(x, 1, axis=1),
    "resize": lambda x: np.resize(x, (5, 7)),
    "take": lambda x: np.take(x, [0, 2, -1], axis=1),
    "take flat": lambda x: np.take(x, [[0, 5], [7, 7]]),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(C, axis=1)[:, :2], axis=1),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=2),
    "pad": lambda x: np.pad(x, 1),
    "pad sides": lambda x: np.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=5.0),
    "pad edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad reflect": lambda x: np.pad(x, ((0, 0), (1, 1), (2, 2)), mode="reflect"),
    "tril": np.tril,
    "triu k": lambda x: np.triu(x, 1),
    "diagonal": lambda x: np.diagonal(x, 1, 1, 2),
    "diag of matrix": lambda x: np.diag(x[0], -1),
    "diag of vector": lambda x: np.diag(x[0, 0], 2),
    "diagflat": lambda x: np.diagflat(x[0, :2]),
    "trace": lambda x: np.trace(x, axis1=1, axis2=2),
    "diff": np.diff,
    "diff twice": lambda x: np.diff(x, n=2, axis=1),
    "diff prepend": lambda x: np.diff(x, prepend=0.0),
    "trapezoid": lambda x: np.trapezoid(x, dx=0.5, axis=1),
    "trapezoid places": lambda x: np.trapezoid(x[0], x=np.array([0.0, 1.0, 3.0, 4.0])),
    "meshgrid": lambda x: np.meshgrid(x[0, 0], W),
    "meshgrid ij": lambda x: np.meshgrid(x[0, 0], W, indexing="ij"),
    "zeros_like": np.zeros_like,
    "ones_like": lambda x: np.ones_like(x, shape=(2, 2)),
    "full_like": lambda x: np.full_like(x, 3.5),
    "full_like traced": lambda x: np.full_like(x, x[0, 0, 0]),
    "copy": np.copy,
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "clip low": lambda x: np.clip(x, 0.0, None),
    "clip high": lambda x: x.clip(max=0.3),
    "where": lambda x: np.where(x > 0, x, -x),
    "where plain": lambda x: np.where(C > 0, x, 0),
    "select": lambda x: np.select([x > 1, x > 0], [x, x * 2], -1.0),
    "isclose": lambda x: np.isclose(x, C + 1e-9),
    "polyval": lambda x: np.polyval([1.0, -2.0, 3.0], x),
    "round": lambda x: np.round(x, 1),
    "round tens": lambda x: np.round(x * 100, -1),
    "cross": lambda x: np.cross(x[0, :, :].T, W),
    "astype": lambda x: x.astype(np.float32),
    "method T": lambda x: x.T,
    "method mT": lambda x: x.mT,
    "method reshape": lambda x: x.reshape(4, -1),
    "method reshape tuple": lambda x: x.reshape((3, 8)),
    "method transpose": lambda x: x.transpose(2, 0, 1),
    "method flatten": lambda x: x.flatten(),
    "method swapaxes": lambda x: x.swapaxes(0, 1),
    "method squeeze": lambda x: x[:1].squeeze(0),
    "method repeat": lambda x: x.repeat(2, axis=0),
    "method sum": lambda x: x.sum(axis=(0, 1), keepdims=True),
    "method std": lambda x: x.std(0),
    "method max": lambda x: x.max(axis=1),
    "method dot": lambda x: x.dot(V),
    "method argmin": lambda x: x.argmin(1),
    "method conj": lambda x: x.conj(),
    "method imag": lambda x: x.imag,
    "method trace": lambda x: x[0].trace(),
    "method round": lambda x: x.round(2),
    "method take": lambda x: x.take([1, 2]),
    "method cumsum": lambda x: x.cumsum(axis=1),
    "method any": lambda x: (x > 1).any(axis=0),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPING)
def test_shaping(name):
    agree(SHAPING[name], C)


def test_questions_have_plain_answers():
    def f(x):
        assert np.shape(x) == (2, 3, 4) and np.ndim(x) == 3 and np.size(x) == 24
        assert np.size(x, 1) == 3 and len(x) == 2 and x.nbytes == 24 * 8
        assert not np.iscomplexobj(x) and np.isrealobj(x)
        assert np.result_type(x, np.float32) == np.float64
        assert np.array_equal(x, C) and not np.array_equal(x, x[0])
        assert np.allclose(x, C)
        return x

    assert len(trace(f, C).guards) == 2


# Derivatives ----------------------------------------------------------------------------------

NOT_SMOOTH = {"astype", "isclose", "method argmin", "method any", "method imag"}


@pytest.mark.parametrize("name", [name for name in SHAPING if name not in NOT_SMOOTH])
def test_derivatives_of_shaping(name):
    def f(x):
        found = SHAPING[name](np.sin(x))
        parts = found if isinstance(found, (list, tuple)) else [found]
        return np.concatenate([np.ravel(part) * (k + 1.0) for k, part in enumerate(parts)])

    agree_with_differences(f, C + 0.0123)


@pytest.mark.parametrize("axis", [None, 1, (0, 2)], ids=str)
@pytest.mark.parametrize("reduce", [np.mean, np.prod, np.max, np.min, np.ptp, np.var, np.std])
def test_derivatives_of_reductions(reduce, axis):
    agree_with_differences(lambda x: reduce(np.cos(x * x), axis=axis), C)


@pytest.mark.parametrize("ufunc", BINARY)
def test_derivatives_of_binary_functions(ufunc):
    if np.isdtype(np.asarray(ufunc(1.0, 2.0)).dtype, "bool") or ufunc is np.divmod:
        return
    agree_with_differences(lambda x, y: ufunc(x, y), P[0] + 0.013, B[0] + 0.5)


def test_derivatives_of_products_and_norms():
    for f in (
        lambda x: np.einsum("ij,kj,i->k", x, x, x[:, 0]),
        lambda x: np.einsum("...j,jj->j", x[:, :3], x[:, :3]),
        lambda x: np.tensordot(x, x, axes=([0, 1], [0, 1])),
        lambda x: np.kron(x[0], x[1:]),
        lambda x: np.convolve(x[0], x[1]),
        lambda x: np.linalg.matrix_power(x[:, :3], 3),
        lambda x: np.dot(x, C.mT),
        lambda x: np.average(x, axis=0, weights=x**2),
        lambda x: np.logaddexp.reduce(x, axis=None),
        lambda x: np.logaddexp(x, x),
        lambda x: np.cumprod(x, axis=1),
    ):
        agree_with_differences(f, A)
    orders: list[Any] = [None, 1, 2, 3, np.inf, -np.inf]
    for order in orders:
        agree_with_differences(lambda x, o=order: np.linalg.norm(x, o, axis=0), A)


def test_declared_derivatives_at_zero():
    """Norms and spreads have derivative 0 at 0, and x·log y is 0 at x = 0, never a NaN."""
    special = pytest.importorskip("scipy.special")
    zero = np.zeros(3)
    for f in (np.linalg.norm, np.std, lambda x: np.linalg.norm(x, 3), lambda x: np.sum(np.abs(x))):
        assert gradient(f, zero)[0].tolist() == [0.0, 0.0, 0.0]
    by_x, by_y = gradient(lambda x, y: special.xlogy(x, y), 0.0, 2.0)
    assert (by_x, by_y) == (np.log(2.0), 0.0)
    assert gradient(lambda x: np.where(x > 0, np.log(x), 0.0), 0.0)[0] == 0.0
