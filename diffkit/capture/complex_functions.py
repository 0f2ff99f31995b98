"""NumPy's functions of complex values, in real arithmetic; see ``complex_values.py``.

Three patterns cover most of them.  A *linear* function with real coefficients (a sum, a reshape,
a stack) is applied to each part; a *bilinear* one (a product) is four real ones, or two where an
operand is real; the analytic functions are written out,

    √z = √((|z| + |a|)/2) + …,      log z = log |z| + i arg z,      z^w = e^(w log z).

|z| has the derivative 0 at 0, as every norm here.  Reading on: Kahan 1987, *Branch cuts for complex
elementary functions*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.capture.complex_values import ComplexTracer, arena_of, pair, paired
from diffkit.capture.tracing import Tracer, here
from diffkit.errors import DtypeError, UnsupportedError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise
from diffkit.primitives import transcendental as tr

__all__ = ["METHODS", "call_complex", "call_primitive"]

# Exponents up to this size are products, as NumPy multiplies them out.
MULTIPLIED_OUT = 100


def call_complex(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A NumPy function or ufunc of arguments among which a complex value is.

    Raises
    ------
    UnsupportedError
        For functions that have no complex form here.
    """
    composition = _composition(func)
    stores = kwargs.get("out") is not None or kwargs.get("where", True) is not True
    if composition is None or stores:
        options = " with out= or where=" if composition is not None else ""
        raise UnsupportedError(
            f"{func.__name__} of a traced complex value is not supported{options}",
            where=here(),
            hint="write it with real and imaginary parts: z.real, z.imag, np.abs(z).",
        )
    options = {key: value for key, value in kwargs.items() if key not in ("out", "where")}
    return composition(*args, **options)


def _composition(func: Any) -> Any:
    if func in (np.prod, np.linalg.inv, np.linalg.solve):
        from diffkit.capture import complex_algebra as algebra

        by_name = {"prod": algebra.product, "inv": algebra.inverse, "solve": algebra.solution}
        return by_name[func.__name__]
    if getattr(func, "__module__", None) == "numpy.fft":
        from diffkit.capture.numpy_functions import fourier, tables  # noqa: F401  (enters them)

        return tables.FUNCTIONS.get(func)
    return FUNCTIONS.get(func.__name__)


def call_primitive(primitive: Any, operands: Any, params: dict[str, Any]) -> Any:
    """A primitive, met by a complex operand: the NumPy function of its name.

    Raises
    ------
    DtypeError
        For a primitive of real numbers only.
    """
    name = _OF_PRIMITIVES.get(primitive.name, primitive.name)
    composition = None if params else FUNCTIONS.get(str(name))
    if composition is None:
        raise DtypeError(
            f"{primitive.name}: complex operands are not supported",
            where=here(),
            hint="write it with real and imaginary parts: z.real, z.imag, np.abs(z).",
        )
    return composition(*operands)


# Arithmetic -------------------------------------------------------------------------------------


def _parts(*values: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    arena = arena_of(*values)
    return arena, [pair(arena, value) for value in values]


def _signed(a: Any, b: Any, sign: int) -> Any:
    """a ± b, where None stands for zero."""
    if b is None:
        return a
    if a is None:
        return b if sign > 0 else -b
    return a + b if sign > 0 else a - b


def _sum_of(sign: int) -> Callable[[Any, Any], Any]:
    def composition(x: Any, y: Any) -> Any:
        arena, ((a, b), (c, d)) = _parts(x, y)
        return paired(arena, _signed(a, c, sign), _signed(b, d, sign))

    return composition


def _absent(part: Any) -> bool:
    """Whether a part is zero by construction, as the real part of 1j."""
    return part is None or (type(part) is float and part == 0.0)


def _bilinear(product: Callable[..., Any]) -> Callable[..., Any]:
    """The complex form of a real product: (a + ib)(c + id)."""

    def composition(x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        def times(u: Any, v: Any) -> Any:
            return None if _absent(u) or _absent(v) else product(u, v, *args, **kwargs)

        arena, ((a, b), (c, d)) = _parts(x, y)
        return paired(arena, _signed(times(a, c), times(b, d), -1),
                      _signed(times(a, d), times(b, c), 1))  # fmt: skip

    return composition


def _product(x: Any, y: Any) -> Any:
    return np.multiply(x, y)


_multiply = _bilinear(_product)


def _divide(x: Any, y: Any) -> Any:
    """x ȳ/|y|², by |y| twice, which does not overflow where the quotient does not."""
    arena, ((a, b), (c, d)) = _parts(x, y)
    if d is None:
        return paired(arena, a / c, None if b is None else b / c)
    length = tr.hypot(c, d)
    c, d = c / length, d / length
    re = a * c if b is None else a * c + b * d
    im = -(a * d) if b is None else b * c - a * d
    return paired(arena, re / length, im / length)


def _power(x: Any, y: Any) -> Any:
    exponent: Any = np.asarray(y) if isinstance(y, (int, float, np.generic)) else None
    if exponent is not None and exponent.ndim == 0 and float(exponent.real).is_integer() \
            and exponent.dtype.kind != "c" and abs(exponent) <= MULTIPLIED_OUT:  # fmt: skip
        return _whole_power(x, int(exponent))
    logarithm = np.log(np.asarray(x) + 0j) if _is_plain(x) else _log(x)
    return _exp(_multiply(y, logarithm))


def _is_plain(x: Any) -> bool:
    """Whether a value is known: a number or a plain array."""
    return not isinstance(x, (Tracer, ComplexTracer, list, tuple))


def _whole_power(z: Any, n: int) -> Any:
    """Square and multiply."""
    if n < 0:
        return _divide(1.0, _whole_power(z, -n))
    result: Any = None
    while n:
        if n & 1:
            result = z if result is None else _multiply(result, z)
        n >>= 1
        z = _multiply(z, z) if n else z
    return _sum_of(1)(z * 0.0, 1.0) if result is None else +result


def _equal(x: Any, y: Any) -> Any:
    _, ((a, b), (c, d)) = _parts(x, y)
    return ops.logical_and(ops.equal(a, c), ops.equal(0.0 if b is None else b,
                                                       0.0 if d is None else d))  # fmt: skip


# Functions of one value ---------------------------------------------------------------------------


def _of_parts(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A function of the two parts; a pair as its result is a complex value again."""

    def composition(z: Any) -> Any:
        arena, ((a, b),) = _parts(z)
        found = function(a, np.zeros_like(a) if b is None else b)
        return paired(arena, *found) if isinstance(found, tuple) else found

    return composition


def _root(a: Any, b: Any) -> Any:
    """The principal square root, with slopes 0 at 0."""
    length = tr.hypot(a, b)
    zero = ops.equal(length, 0.0)
    half = tr.sqrt(0.5 * (where_safe(zero, length) + piecewise.abs_(where_safe(zero, a))))
    other = 0.5 * piecewise.abs_(b) / half
    right = ops.greater_equal(a, 0.0)
    re = piecewise.where(zero, 0.0, piecewise.where(right, half, other))
    size = piecewise.where(zero, 0.0, piecewise.where(right, other, half))
    return re, piecewise.where(ops.less(b, 0.0), -size, size)


def where_safe(zero: Any, x: Any) -> Any:
    """x, and 1 where it would be 0."""
    return piecewise.where(zero, 1.0, x)


def _exp_parts(a: Any, b: Any) -> Any:
    size = tr.exp(a)
    return size * tr.cos(b), size * tr.sin(b)


def _log_parts(a: Any, b: Any) -> Any:
    return tr.log(tr.hypot(a, b)), tr.arctan2(b, a)


def _tanh_parts(a: Any, b: Any) -> Any:
    """(tanh a + i tan b)/(1 + i tanh a tan b), over |…|²."""
    t, s = tr.tanh(a), tr.tan(b)
    below = 1.0 + (t * s) * (t * s)
    return t * (1.0 + s * s) / below, s * (1.0 - t * t) / below


_exp, _log = _of_parts(_exp_parts), _of_parts(_log_parts)


def _angle(z: Any, deg: bool = False) -> Any:
    _, ((a, b),) = _parts(z)
    angle = tr.arctan2(b, a)
    return np.rad2deg(angle) if deg else angle


def _tan(z: Any) -> Any:
    """−i tanh iz."""
    arena, ((a, b),) = _parts(z)
    im, re = _tanh_parts(b, a)
    return paired(arena, re, im)


# Patterns -----------------------------------------------------------------------------------------


def _linear(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with real coefficients, of its first argument (an array, or a list of them)."""

    def composition(first: Any, *args: Any, **kwargs: Any) -> Any:
        arena = arena_of(first, *args)
        listed = isinstance(first, (list, tuple))
        parts = [pair(arena, value) for value in (first if listed else [first])]
        re = [a for a, _ in parts]
        im = [np.zeros_like(a) if b is None else b for a, b in parts]
        return ComplexTracer(*(function(x if listed else x[0], *args, **kwargs) for x in (re, im)))

    return composition


def _where(condition: Any, *choices: Any) -> Any:
    arena, ((a, b), (c, d)) = _parts(*choices)
    zero = 0.0
    im = np.where(condition, zero if b is None else b, zero if d is None else d)
    return paired(arena, np.where(condition, a, c), im)


def _vdot(x: Any, y: Any) -> Any:
    return _bilinear(np.vdot)(np.conjugate(x), y)


def _einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    if len(operands) == 1:
        return _linear(lambda x: np.einsum(subscripts, x, **options))(operands[0])
    if len(operands) == 2:
        return _bilinear(lambda x, y: np.einsum(subscripts, x, y, **options))(*operands)
    raise UnsupportedError(
        "np.einsum of three and more complex operands is not supported",
        where=here(),
        hint="multiply two at a time.",
    )


def _norm(x: Any, *args: Any, **kwargs: Any) -> Any:
    return np.linalg.norm(np.abs(x), *args, **kwargs)


def _variance(x: Any, *args: Any, **kwargs: Any) -> Any:
    """The variances of the parts add up."""
    return np.var(x.real, *args, **kwargs) + np.var(x.imag, *args, **kwargs)


def _zeros_like(x: Any, *args: Any, **kwargs: Any) -> Any:
    return ComplexTracer(np.zeros_like(x.re), np.zeros_like(x.re))


def _ones_like(x: Any, *args: Any, **kwargs: Any) -> Any:
    return ComplexTracer(np.ones_like(x.re), np.zeros_like(x.re))


def _conjugate(z: Any) -> Any:
    arena, ((a, b),) = _parts(z)
    return paired(arena, a, None if b is None else -b)


def _each(condition: Callable[..., Any], joined: Callable[..., Any]) -> Callable[..., Any]:
    """A condition on the two parts, joined."""
    return _of_parts(lambda a, b: joined(condition(a), condition(b)))


_LINEAR = (
    np.sum, np.mean, np.average, np.cumsum, np.diff, np.trace, np.reshape, np.ravel, np.transpose,
    np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to, np.roll, np.flip,
    np.fliplr, np.flipud, np.rot90, np.repeat, np.tile, np.pad, np.take, np.diag, np.diagonal,
    np.tril, np.triu, np.concatenate, np.stack, np.vstack, np.hstack, np.column_stack, np.dstack,
    np.atleast_1d, np.atleast_2d, np.delete, np.copy,
)  # fmt: skip
_BILINEAR = (np.matmul, np.dot, np.inner, np.outer, np.tensordot, np.kron, np.convolve)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{function.__name__: _linear(function) for function in _LINEAR},
    **{function.__name__: _bilinear(function) for function in _BILINEAR},
    "add": _sum_of(1), "subtract": _sum_of(-1), "multiply": _multiply,
    "divide": _divide, "true_divide": _divide, "power": _power, "float_power": _power,
    "negative": _of_parts(lambda a, b: (-a, -b)), "positive": _of_parts(lambda a, b: (a, b)),
    "square": lambda z: _multiply(z, z), "reciprocal": lambda z: _divide(1.0, z),
    "conjugate": _conjugate, "conj": _conjugate,
    "real": _of_parts(lambda a, b: a), "imag": _of_parts(lambda a, b: b),
    "absolute": _of_parts(tr.hypot), "abs": _of_parts(tr.hypot), "angle": _angle,
    "exp": _exp, "log": _log, "sqrt": _of_parts(_root),
    "sin": _of_parts(lambda a, b: (tr.sin(a) * tr.cosh(b), tr.cos(a) * tr.sinh(b))),
    "cos": _of_parts(lambda a, b: (tr.cos(a) * tr.cosh(b), -(tr.sin(a) * tr.sinh(b)))),
    "sinh": _of_parts(lambda a, b: (tr.sinh(a) * tr.cos(b), tr.cosh(a) * tr.sin(b))),
    "cosh": _of_parts(lambda a, b: (tr.cosh(a) * tr.cos(b), tr.sinh(a) * tr.sin(b))),
    "tan": _tan, "tanh": _of_parts(_tanh_parts),
    "equal": _equal, "not_equal": lambda x, y: ops.logical_not(_equal(x, y)),
    "isnan": _each(np.isnan, ops.logical_or), "isinf": _each(np.isinf, ops.logical_or),
    "isfinite": _each(np.isfinite, ops.logical_and),
    "where": _where, "vdot": _vdot, "einsum": _einsum, "norm": _norm, "var": _variance,
    "std": lambda x, *args, **kwargs: np.sqrt(_variance(x, *args, **kwargs)),
    "zeros_like": _zeros_like, "ones_like": _ones_like,
    "iscomplexobj": lambda z: True, "isrealobj": lambda z: False,
    "shape": lambda z: z.shape, "ndim": lambda z: z.ndim, "size": lambda z: z.size,
}  # fmt: skip
# Primitives under NumPy's names.
_OF_PRIMITIVES = {"sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative"}


# Methods ------------------------------------------------------------------------------------------


def _astype(z: ComplexTracer, dtype: Any, **options: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind != "c":
        raise DtypeError(
            f"a complex value would lose its imaginary part as {dtype}",
            where=here(),
            hint="write z.real.",
        )
    part = np.dtype(f"f{dtype.itemsize // 2}")
    return ComplexTracer(z.re.astype(part), z.im.astype(part))


def _shaped(function: Callable[..., Any]) -> Callable[..., Any]:
    """``reshape`` and ``transpose`` take their numbers apart or as one tuple."""

    def method(z: ComplexTracer, *args: Any) -> Any:
        whole = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
        return function(z, whole or None) if function is np.transpose else function(z, whole)

    return method


METHODS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "cumsum": np.cumsum, "trace": np.trace, "ravel": np.ravel,
    "flatten": np.ravel, "copy": np.copy, "squeeze": np.squeeze, "swapaxes": np.swapaxes,
    "prod": np.prod, "repeat": np.repeat, "take": np.take, "diagonal": np.diagonal, "dot": np.dot,
    "conj": np.conjugate, "conjugate": np.conjugate, "var": np.var, "std": np.std,
    "reshape": _shaped(np.reshape), "transpose": _shaped(np.transpose), "astype": _astype,
}  # fmt: skip
