"""Ufuncs as primitives, or as short compositions of them.

Most ufuncs *are* a primitive.  The others are written so that the derivative is right where a
naive formula gives a NaN: log(eᵃ + eᵇ) goes through the log-sum-exp primitive, x·log y is 0
at x = 0, and a selection never multiplies the branch that was not taken (Note [Kinks] in
``primitives/piecewise.py``).  Reading on: Blanchard, Higham & Higham 2021, *Accurately
computing the log-sum-exp and softmax functions*.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.powers import float_of, power, reciprocal, square
from diffkit.capture.numpy_functions.tables import (
    UFUNCS,
    UNARY,
    delivered,
    demand_axes,
    implements,
    same,
    together,
    traced,
)
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise, reductions, rounding, shaping, special
from diffkit.primitives import transcendental as tr

__all__ = ["is_nan", "safe_sqrt", "vecdot"]

_LOG_2 = log(2.0)
_DEGREE = pi / 180.0


# Roots ------------------------------------------------------------------------------------------


def safe_sqrt(square: Any, gaps: bool = False) -> Any:
    """The square root of a sum of squares, with derivative 0 where the sum is 0."""
    # the complex step makes −h² of 0; where a NaN was left out, SymPy can compare no order
    zero = (ops.equal if gaps else ops.less_equal)(square, 0.0)
    return piecewise.where(zero, 0.0, tr.sqrt(piecewise.where(zero, 1.0, square)))


# Conditions -------------------------------------------------------------------------------------


def is_nan(x: Any) -> Any:
    """Where x is not a number: the only value that differs from itself."""
    return ops.not_equal(x, x)


def _is_inf(x: Any) -> Any:
    return ops.equal(piecewise.abs_(x), np.inf) if x.dtype.kind == "f" else ops.not_equal(x, x)


def _is_finite(x: Any) -> Any:
    return ops.less(piecewise.abs_(x), np.inf) if x.dtype.kind == "f" else ops.equal(x, x)


def _truth(x: Any) -> Any:
    """A value as a condition, as NumPy's logical functions take it."""
    return x if x.dtype == bool else ops.not_equal(x, 0)


def _logical(primitive: Any) -> Any:
    def composition(a: Any, b: Any) -> Any:
        a, b = traced(a, b)
        return primitive(_truth(a), _truth(b))

    return composition


def _bitwise(name: str, primitive: Any) -> Any:
    def composition(*operands: Any) -> Any:
        lifted = traced(*operands)
        if any(x.dtype != bool for x in lifted):
            raise DtypeError(
                f"{name}: only conditions can be combined bit by bit while tracing, "
                f"not {', '.join(str(x.aval) for x in lifted)}",
                where=here(),
                hint="compare first, as in (x > 0) & (x < 1).",
            )
        return primitive(*lifted)

    return composition


# Compositions -----------------------------------------------------------------------------------


def _log_add_exp(a: Any, b: Any) -> Any:
    """log(eᵃ + eᵇ), by the log-sum-exp of the pair."""
    a, b = _pair(a, b)
    column = (*a.shape, 1)
    both = shaping.concatenate(
        shaping.reshape(a, shape=column), shaping.reshape(b, shape=column), axis=a.ndim
    )
    return reductions.logsumexp(both, axes=(a.ndim,))


def _log_add_exp_2(a: Any, b: Any) -> Any:
    a, b = _pair(a, b)
    return _log_add_exp(a * _LOG_2, b * _LOG_2) / _LOG_2


def _pair(a: Any, b: Any) -> list[Tracer]:
    """Two operands as floats of one dtype and shape."""
    total = ops.add(a, b)  # checks the shapes and names the line
    dtype = float_of(total)
    pair: list[Any] = [cast_to(x, dtype) for x in traced(a, b)]
    spread: list[Any] = [np.broadcast_to(x, total.shape) for x in pair]
    return spread


def _heaviside(x: Any, at_zero: Any) -> Any:
    x, at_zero = _pair(x, at_zero)
    step = piecewise.where(ops.greater(x, 0.0), 1.0, piecewise.where(ops.less(x, 0.0), 0.0, x))
    return piecewise.where(ops.equal(x, 0.0), at_zero, step)


def _ignoring_nan(primitive: Any) -> Any:
    def composition(a: Any, b: Any) -> Any:
        a, b = together(a, b)
        best = primitive(a, b)
        return piecewise.where(is_nan(a), b, piecewise.where(is_nan(b), a, best))

    return composition


def _x_log1p_y(x: Any, y: Any) -> Any:
    """x·log(1 + y), and 0 where x is 0 (unless y is a NaN)."""
    x, y = _pair(x, y)
    useless = ops.logical_or(ops.less_equal(y, -1.0), ops.equal(y, np.inf))
    skip = ops.logical_and(ops.equal(x, 0.0), useless)
    return x * tr.log1p(piecewise.where(skip, 0.0, y))


def _entropy(x: Any) -> Any:
    return piecewise.where(ops.less(x, 0.0), -np.inf, -special.xlogy(x, x))


def _fabs(x: Any) -> Any:
    return piecewise.abs_(cast_to(x, float_of(x)))


def _staircase(primitive: Any) -> Any:
    """Rounding leaves integers as they are."""
    return lambda x: primitive(x) if x.dtype.kind == "f" else same(x)


def _rint(x: Any) -> Any:
    return rounding.rint(x) if x.dtype.kind == "f" else cast_to(x, np.float64)


def _divmod(a: Any, b: Any) -> tuple[Any, Any]:
    return rounding.floor_divide(a, b), rounding.remainder(a, b)


def _float_power(a: Any, b: Any) -> Any:
    a, b = traced(a, b)
    return power(cast_to(a, np.float64), _constant_or(b))


def _constant_or(x: Tracer) -> Any:
    """The plain value of a traced constant, so that xⁿ is recognised."""
    value = x.arena.values.get(x.node)
    return x if value is None else np.asarray(value, dtype=np.float64)[()]


def _matmul(a: Any, b: Any) -> Any:
    from diffkit.capture.numpy_functions.contraction import matmul

    return matmul(a, b)


def vecdot(a: Any, b: Any, what: str = "np.vecdot") -> Any:
    """The dot products of the vectors along the last axes.

    Raises
    ------
    ShapeError
        When one is a number, or the vectors have different lengths.
    """
    demand_axes(what, {"first vector": 1, "second vector": 1}, a, b)
    if np.shape(a)[-1] != np.shape(b)[-1]:  # even one element is not stretched
        raise ShapeError(
            f"{what}: the vectors have {np.shape(a)[-1]} and {np.shape(b)[-1]} elements",
            where=here(),
            hint="the last axes must have equal sizes.",
        )
    products: Any = ops.mul(a, b)
    return np.sum(products, axis=-1, dtype=products.dtype)


UFUNCS.update({
    # primitives as they are
    "add": ops.add, "subtract": ops.sub, "multiply": ops.mul, "divide": ops.div,
    "true_divide": ops.div, "negative": ops.neg, "absolute": piecewise.abs_,
    "less": ops.less, "less_equal": ops.less_equal, "greater": ops.greater,
    "greater_equal": ops.greater_equal, "equal": ops.equal, "not_equal": ops.not_equal,
    "maximum": piecewise.maximum, "minimum": piecewise.minimum, "sign": piecewise.sign,
    "floor_divide": rounding.floor_divide, "remainder": rounding.remainder,
    "exp": tr.exp, "expm1": tr.expm1, "exp2": tr.exp2, "log": tr.log, "log1p": tr.log1p,
    "log2": tr.log2, "log10": tr.log10, "sqrt": tr.sqrt, "cbrt": tr.cbrt,
    "sin": tr.sin, "cos": tr.cos, "tan": tr.tan,
    "arcsin": tr.arcsin, "arccos": tr.arccos, "arctan": tr.arctan, "arctan2": tr.arctan2,
    "sinh": tr.sinh, "cosh": tr.cosh, "tanh": tr.tanh,
    "arcsinh": tr.arcsinh, "arccosh": tr.arccosh, "arctanh": tr.arctanh, "hypot": tr.hypot,
    # SciPy's, by name
    "erf": special.erf, "erfc": special.erfc, "expit": tr.logistic,
    "xlogy": special.xlogy, "xlog1py": _x_log1p_y, "entr": _entropy,
    "log_expit": lambda x: -tr.softplus(-cast_to(x, float_of(x))),
    "ndtr": lambda x: 0.5 * special.erfc(x * -(0.5**0.5)),
    # compositions
    "positive": same, "conjugate": same, "fabs": _fabs, "square": square,
    "reciprocal": reciprocal, "power": power, "float_power": _float_power,
    "floor": _staircase(piecewise.floor), "ceil": _staircase(rounding.ceil),
    "trunc": _staircase(rounding.trunc), "rint": _rint, "round": _rint,
    "divmod": _divmod, "fmax": _ignoring_nan(piecewise.maximum),
    "fmin": _ignoring_nan(piecewise.minimum), "heaviside": _heaviside,
    "deg2rad": lambda x: x * _DEGREE, "radians": lambda x: x * _DEGREE,
    "rad2deg": lambda x: x * (1.0 / _DEGREE), "degrees": lambda x: x * (1.0 / _DEGREE),
    "logaddexp": _log_add_exp, "logaddexp2": _log_add_exp_2,
    "isnan": is_nan, "isinf": _is_inf, "isfinite": _is_finite,
    "logical_and": _logical(ops.logical_and), "logical_or": _logical(ops.logical_or),
    "logical_xor": _logical(ops.not_equal),
    "logical_not": lambda x: ops.logical_not(_truth(x)),
    "bitwise_and": _bitwise("bitwise_and", ops.logical_and),
    "bitwise_or": _bitwise("bitwise_or", ops.logical_or),
    "bitwise_xor": _bitwise("bitwise_xor", ops.not_equal),
    "invert": _bitwise("invert", ops.logical_not),
    "matmul": _matmul, "vecdot": vecdot,
})  # fmt: skip

_ONE_OPERAND = (
    "negative", "absolute", "sign", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10",
    "sqrt", "cbrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "arcsinh", "arccosh", "arctanh",
)  # fmt: skip
UNARY.update({getattr(np, name): UFUNCS[name].bare for name in _ONE_OPERAND})


# Functions that are elementwise too -------------------------------------------------------------


@implements(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Rounding to decimals; its derivative is 0."""
    (a,) = traced(a)
    if decimals == 0:
        return delivered(_staircase(rounding.rint)(a), out)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return delivered(rounding.rint(a * scale) / scale if a.dtype.kind == "f" else same(a), out)
    return delivered(cast_to(rounding.rint(a / scale) * scale, a.dtype), out)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """Rounding towards zero."""
    return delivered(UFUNCS["trunc"](traced(x)[0]), out)


@implements(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *,
    min: Any = None, max: Any = None,
) -> Any:  # fmt: skip
    """Values held between two bounds, either of which may be None."""
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if low is None and high is None:
        return delivered(same(traced(a)[0]), out)
    if low is None:
        return delivered(piecewise.minimum(a, high), out)
    if high is None:
        return delivered(piecewise.maximum(a, low), out)
    return delivered(piecewise.clip(a, low, high), out)


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """Elementwise selection; the condition alone gives the places where it holds."""
    if not choices:
        return np.nonzero(condition)
    if len(choices) != 2:
        raise InputError(
            "np.where takes a condition, or a condition and two choices",
            where=here(),
            hint="use np.where(condition, a, b).",
        )
    condition = condition if isinstance(condition, Tracer) else _plain_condition(condition, choices)
    return piecewise.where(_truth(condition), *choices)


def _plain_condition(condition: Any, choices: Any) -> Tracer:
    return traced(condition, *choices)[0]


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """NaN and infinities replaced by numbers."""
    (x,) = traced(x)
    if x.dtype.kind != "f":
        return same(x)
    limits = np.finfo(x.dtype)
    top = float(limits.max) if posinf is None else posinf
    bottom = float(limits.min) if neginf is None else neginf
    finite = piecewise.where(ops.equal(x, np.inf), top, x)
    finite = piecewise.where(ops.equal(x, -np.inf), bottom, finite)
    return piecewise.where(is_nan(x), nan, finite)


@implements(np.real, np.real_if_close)
def real(x: Any) -> Any:
    """The array itself: traced arrays are real."""
    return traced(x)[0]


@implements(np.imag)
def imag(x: Any) -> Any:
    """Zeros: traced arrays are real."""
    return np.zeros_like(traced(x)[0])
