"""The object domains of the interpreter: mpmath numbers and SymPy expressions.

Scalars are the objects themselves, arrays are NumPy object arrays, conditions stay Python
booleans over mpmath (relations over SymPy), and integers stay NumPy integers.  mpmath follows
IEEE 754 here: 1/0 is an infinity and a value outside the real domain a NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from diffkit.engines.exact_matmul import exact_matmul
from diffkit.errors import BudgetError, UnsupportedError
from diffkit.graph.ir import Columns, Operation
from diffkit.graph.irrational import meaning_of
from diffkit.graph.primitive import Elementwise, Other
from diffkit.graph.sources import place_of
from diffkit.lazy import mp, sp

__all__ = ["mpmath_function", "object_implementation", "to_objects"]

# Floats whose exact fraction has at most this denominator are shown as rationals (0.5 → 1/2).
LARGEST_PLAIN_DENOMINATOR = 1024


def _to_mpmath(value: Any) -> Any:
    irrational = meaning_of(value)
    if irrational is not None:
        return irrational.exact
    if isinstance(value, (np.floating, float)):
        number = float(value)
        return mp.mpf(number)
    return bool(value) if isinstance(value, (np.bool_, bool)) else mp.mpf(int(value))


def _to_sympy(value: Any) -> Any:
    if isinstance(value, (np.bool_, bool)):
        return sp.true if value else sp.false
    number = float(value)
    if not np.isfinite(number):
        return sp.nan if np.isnan(number) else (sp.oo if number > 0 else -sp.oo)
    if isinstance(value, (np.integer, int)) or number.is_integer():
        return sp.Integer(int(value))
    exact = Fraction(number)
    if exact.denominator <= LARGEST_PLAIN_DENOMINATOR:
        return sp.Rational(exact.numerator, exact.denominator)
    return sp.Float(number)


def to_objects(value: Any, domain: str) -> Any:
    """A NumPy number or array as objects; integer arrays stay as they are (they are indices).

    Every float is taken as the exact binary number it is; over mpmath a constant of a rule is
    the irrational number that it stands for.
    """
    convert = _to_mpmath if domain == "mpmath" else _to_sympy
    if not isinstance(value, np.ndarray):
        return value if isinstance(value, np.integer) and domain == "mpmath" else convert(value)
    if value.dtype.kind in "iu":
        return value
    cells = np.empty(value.shape, dtype=object)
    flat = cells.reshape(-1)
    for place, item in enumerate(value.reshape(-1)):
        flat[place] = convert(item)
    return cells


def object_implementation(columns: Columns, node: int, domain: str) -> Callable[..., Any]:
    """The function that computes one equation over mpmath or SymPy objects.

    Over the domain ``stable`` an operation's ``stable`` form comes before the textbook one.
    """
    stable, domain = domain == "stable", "sympy" if domain == "stable" else domain
    operation = columns.operations[node]
    out_ndim = columns.avals[node].ndim
    if operation.name == "cast":
        dtype = np.dtype(operation.kwargs["dtype"])
        return partial(_cast_objects, dtype=dtype, domain=domain)
    if operation.name == "matmul" and domain == "mpmath":
        return exact_matmul
    if isinstance(operation.primitive, Elementwise):
        scalar = _scalar_function(columns, node, operation, domain, stable)
        return partial(_elementwise, scalar, len(columns.operands[node]))
    value = (
        operation.primitive.generic
        if isinstance(operation.primitive, Other)
        else operation.primitive.value
    )
    if stable and operation.primitive.stable is not None:
        value = operation.primitive.stable
    function = partial(value, **operation.kwargs) if operation.kwargs else value
    return partial(_whole, function, out_ndim)


def _scalar_function(
    columns: Columns, node: int, operation: Operation, domain: str, stable: bool
) -> Callable[..., Any]:
    primitive: Any = operation.primitive
    if domain == "sympy":
        form = primitive.stable if stable and primitive.stable is not None else primitive.sympy
        return partial(form, **operation.kwargs) if operation.kwargs else form
    try:
        return mpmath_function(operation, len(columns.operands[node]))
    except NotImplementedError:
        raise UnsupportedError(
            f"{operation.name} has no high-precision form",
            where=place_of(columns.sources[node]) or None,
            hint="declare `mpmath` or `sympy` in its class.",
        ) from None


_MPMATH: dict[tuple[Operation, int], Callable[..., Any]] = {}


def mpmath_function(operation: Operation, arity: int) -> Callable[..., Any]:
    """The mpmath form of an elementwise operation: its own, or its SymPy form lambdified."""
    key = (operation, arity)
    if key not in _MPMATH:
        primitive: Any = operation.primitive
        own = getattr(primitive, "mpmath", None)
        if own is not None:
            function = partial(own, **operation.kwargs) if operation.kwargs else own
        else:
            symbols = sp.symbols(f"x0:{arity}", real=True)
            form = primitive.sympy(*symbols, **operation.kwargs)
            function = sp.lambdify(symbols, form, modules="mpmath")
        largest, special = LARGEST.get(operation.name, SPECIAL), operation.name not in LARGEST
        bounded = function if largest is None else partial(_bounded, function, largest, special)
        _MPMATH[key] = partial(_ieee, bounded)
    return _MPMATH[key]


# Binary exponents of operands.  Reducing 2^N modulo log 2, π or a divisor takes N bits of it, so
# exp(exp(exp(20))) would never end, and the constants that mpmath keeps would fill the memory;
# beyond these an operand counts as infinite.  None: as many bits as there are do no harm.
LARGEST: dict[str, int | None] = {
    **dict.fromkeys(
        ("exp", "expm1", "exp2", "sin", "cos", "tan", "sinh", "cosh", "tanh", "logistic",
         "softplus", "remainder", "floor_divide", "arcsinh", "arccosh", "arctanh"),
        2**15,
    ),
    **dict.fromkeys(
        ("add", "sub", "neg", "mul", "div", "integer_power", "alias", "probe", "random_word",
         "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and",
         "logical_or", "logical_not", "mask", "where", "maximum", "minimum", "relu", "abs", "sign",
         "clip", "floor", "ceil", "trunc", "rint", "sqrt", "cbrt", "hypot", "log", "log1p", "log2",
         "log10", "xlogy", "arctan", "arctan2", "arcsin", "arccos"),
        None,
    ),
    "power": 2**10,
}  # fmt: skip
# A special function is a series, which takes as many digits from a small operand as from a large
# one; a double is between 2^−1074 and 2^1024, and beyond these one counts as zero or as infinite.
SPECIAL = 2**12


def _within_reach(item: Any, largest: int, special: bool) -> Any:
    """An operand; zero or infinite, with its sign, where its exponent is out of reach."""
    if not isinstance(item, mp.mpf) or not mp.isfinite(item):
        return item
    magnitude = mp.mag(item)
    if magnitude > largest:
        return mp.sign(item) * mp.inf
    return mp.mpf(0) if special and magnitude < -largest else item


def _bounded(function: Callable[..., Any], largest: int, special: bool, *x: Any) -> Any:
    """Call a function with operands that are within its reach."""
    found = [_within_reach(item, largest, special) for item in x]
    try:
        return function(*found)
    except TypeError:  # mpmath's series take infinities for lengths
        if all(map(mp.isfinite, found)):
            raise
        return mp.nan


def _ieee(function: Callable[..., Any], *x: Any) -> Any:
    """Call an mpmath function the way IEEE 754 would: NaN outside the domain, never an error."""
    try:
        y = function(*x)
    except ZeroDivisionError:
        return mp.inf
    except (ValueError, OverflowError):
        return mp.nan
    except mp.libmp.NoConvergence as error:
        name = getattr(function, "__name__", "a special function")
        raise BudgetError(
            f"{name}: its series converges too slowly for many digits here",
            hint="ask at a smaller argument.",
        ) from error
    if isinstance(y, mp.mpc):
        return y.real if y.imag == 0 else mp.nan
    return y


def _elementwise(scalar: Callable[..., Any], arity: int, *x: Any) -> Any:
    if not any(isinstance(operand, np.ndarray) for operand in x):
        return scalar(*x)
    return np.frompyfunc(scalar, arity, 1)(*x)


def _whole(function: Callable[..., Any], out_ndim: int, *x: Any) -> Any:
    y = function(*[_wrapped(operand) for operand in x])
    if out_ndim == 0:
        return y.item() if isinstance(y, np.ndarray) else y
    return y if isinstance(y, np.ndarray) else _wrapped(y)


def _wrapped(operand: Any) -> Any:
    if isinstance(operand, (np.ndarray, np.integer)):
        return operand
    cell = np.empty((), dtype=object)
    cell[()] = operand
    return cell


def _integer_part(expr: Any) -> Any:
    """A formula cut towards zero, as a cast to integers does."""
    if expr.is_integer:
        return expr
    return sp.Piecewise((sp.floor(expr), expr >= 0), (sp.ceiling(expr), True))


def _cast_objects(x: Any, dtype: np.dtype[Any], domain: str) -> Any:
    """Casting objects: booleans become 0 or 1, integers numbers, numbers stay exact."""

    def one(item: Any) -> Any:
        if dtype.kind == "b":
            return sp.Ne(item, 0) if domain == "sympy" else bool(item != 0)
        if domain == "sympy":
            boolean = getattr(item, "is_Boolean", False) or getattr(item, "is_Relational", False)
            if boolean:
                return sp.Piecewise((1, item), (0, True))
            number = _to_sympy(item) if isinstance(item, (np.generic, int, float)) else item
            return _integer_part(number) if dtype.kind in "iu" else number
        if isinstance(item, (bool, np.generic, int, float)):
            item = mp.mpf(int(item)) if not isinstance(item, (float, np.floating)) else mp.mpf(item)
        return mp.mpf(int(item)) if dtype.kind in "iu" else item

    return _elementwise(one, 1, x)
