"""How one elementwise operation is written as Python text, for NumPy or for Numba.

A primitive says how it is written in neutral words, ``emit = "select({0}, {1}, 0.0)"``.  A
dialect turns these into its own: NumPy's ``np.where`` works on whole arrays, Numba's
``select`` on one element.  Three things need care:

* constants carry their dtype (``np.float32(0.5)``), since 0.5 alone would promote float32;
* integers narrower than 64 bits are converted back after each operation, since Numba widens;
* xⁿ with a constant integer n is products where these are as exact as a call of ``pow``.

Both writers, ``engines/source.py`` (for people) and ``engines/specialise.py`` (for Numba),
build on this module.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.graph.avals import Aval
from diffkit.graph.ir import LITERAL, Operation
from diffkit.graph.primitive import Elementwise

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = [
    "ELEMENTARY",
    "KERNELS",
    "NUMBA",
    "NUMPY",
    "Dialect",
    "Names",
    "constant",
    "dtype_text",
    "expression",
    "narrowed",
    "writable",
]

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?=\()")
_NUMBER = re.compile(r"(?<![\w{.])\d+(?:\.\d*)?(?![\w}.])")
# dtypes whose arithmetic Python text keeps as it is, in both dialects
_PLAIN = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_))


@dataclass(frozen=True)
class Dialect:
    """The words of one target: neutral name → spelling, and operations written specially."""

    name: str
    functions: dict[str, str]
    special: dict[str, Callable[[Operation, Sequence[str], Sequence[Aval]], str]]

    def spell(self, neutral: str) -> str:
        """The target's name of a neutral function."""
        return self.functions[neutral]


def writable(operation: Operation, dialect: Dialect) -> bool:
    """Whether an operation has an elementwise text in a dialect (``cast`` has one too)."""
    primitive = operation.primitive
    if operation.name in dialect.special:
        return True
    if not isinstance(primitive, Elementwise) or primitive.emit is None:
        return False
    return all(name in dialect.functions for name in _NAME.findall(primitive.emit))


def dtype_text(dtype: Any) -> str:
    """A dtype as code, e.g. ``np.float32``.

    >>> dtype_text("f4"), dtype_text(bool)
    ('np.float32', 'np.bool_')
    """
    name = np.dtype(dtype).name
    return "np.bool_" if name == "bool" else f"np.{name}"


def constant(value: Any) -> str:
    """A scalar constant as code that has exactly its value and dtype.

    >>> constant(np.float64(-0.5)), constant(np.float32(0.1)), constant(np.float64("inf"))
    ('(-0.5)', 'np.float32(0.1)', 'np.inf')
    """
    scalar = np.asarray(value)[()]
    if scalar.dtype.kind == "b":
        return str(bool(scalar))
    text = _number_text(scalar)
    if scalar.dtype in _PLAIN and scalar.dtype != np.float32:
        return f"({text})" if text.startswith("-") else text
    return f"{dtype_text(scalar.dtype)}({text})"


def _number_text(scalar: Any) -> str:
    if scalar.dtype.kind in "iu":
        return str(int(scalar))
    if np.isnan(scalar):
        return "np.nan"
    if np.isinf(scalar):
        return "np.inf" if scalar > 0 else "-np.inf"
    short = str(scalar)  # the fewest digits that give back this number in its own dtype
    exact = repr(float(scalar))
    return short if scalar.dtype.type(float(short)) == scalar else exact


def expression(
    dialect: Dialect,
    operation: Operation,
    operands: Sequence[str],
    avals: Sequence[Aval],
    out: Aval,
) -> str:
    """The text of one elementwise operation on operands that are names or constants.

    Parameters
    ----------
    dialect
        ``NUMPY`` or ``NUMBA``.
    operation
        An operation for which :func:`writable` holds.
    operands, avals, out
        The operands' texts and abstract values, and the abstract value of the result.

    >>> from diffkit.graph.avals import aval
    >>> from diffkit.primitives.piecewise import mask
    >>> kinds = [aval((), "bool"), aval((), "f4")]
    >>> expression(NUMBA, mask.bare, ["m", "x"], kinds, kinds[1])
    'select(m, x, np.float32(0.0))'
    """
    special = dialect.special.get(operation.name)
    if special is not None:
        text = special(operation, operands, avals)
    else:
        template = operation.primitive.emit
        assert template is not None
        dtype = avals[-1].dtype if out.dtype.kind == "b" else out.dtype
        template = _NUMBER.sub(lambda found: _typed(found.group(), dtype), template)
        template = _NAME.sub(lambda found: dialect.spell(found.group()), template)
        text = template.format(*operands, **operation.kwargs)
    if dialect is not NUMBA or (out.dtype.kind == "b" and _is_boolean(operation)):
        return text
    return narrowed(text, out.dtype)


def _typed(number: str, dtype: np.dtype[Any]) -> str:
    if dtype == np.float64:
        return number
    return constant(np.asarray(float(number)).astype(dtype))


def _is_boolean(operation: Operation) -> bool:
    selects = operation.name in ("where", "mask", "alias", "cast")
    return selects or getattr(operation.primitive, "result", None) == "bool"


def narrowed(text: str, dtype: np.dtype[Any]) -> str:
    """Numba computes int32 + int32 in 64 bits, and True + True as 2: convert back."""
    if dtype.kind == "b":
        return f"({text}) != 0"
    return text if dtype in _PLAIN else f"{dtype_text(dtype)}({text})"


# Operations written specially ---------------------------------------------------------------


def _truth(text: str, aval: Aval) -> str:
    return text if aval.dtype.kind == "b" else f"({text} != 0)"


def _numba_logic(symbol: str) -> Callable[..., str]:
    def logic(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
        return symbol.join(_truth(*pair) for pair in zip(operands, avals, strict=True))

    return logic


def _numba_not(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"not {_truth(operands[0], avals[0])}"


def _numba_cast(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    dtype = np.dtype(operation.kwargs["dtype"])
    if dtype.kind == "b":
        return f"{operands[0]} != 0"
    return f"{dtype_text(dtype)}({operands[0]})"


def _numba_integer_power(
    operation: Operation, operands: Sequence[str], avals: Sequence[Aval]
) -> str:
    """Products for n ≤ 4 (an error of at most 1.5 ulp, ten times faster than ``pow``)."""
    x, n = operands[0], operation.kwargs["n"]
    dtype = avals[0].dtype
    if n == -1:
        return f"{_typed('1.0', dtype)} / {x}"
    if n == 0:
        return _typed("1.0", dtype)
    if 1 <= n <= 3:
        return " * ".join([x] * n)
    return f"({x} * {x}) * ({x} * {x})" if n == 4 else f"{x} ** {_typed(f'{n}.0', dtype)}"


def _numba_floored(name: str) -> Callable[..., str]:
    def floored(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
        kernel = name if avals[0].dtype.kind == "f" else f"integer_{name}"
        return f"{kernel}({', '.join(operands)})"

    return floored


def _numba_xlogy(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"xlogy({', '.join(operands)})"


def _numpy_call(name: str) -> Callable[..., str]:
    def call(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
        return f"{name}({', '.join(operands)})"

    return call


def _numpy_cast(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    dtype = dtype_text(operation.kwargs["dtype"])
    return f"{operands[0]}.astype({dtype})" if avals[0].ndim else f"{dtype}({operands[0]})"


def _numpy_integer_power(
    operation: Operation, operands: Sequence[str], avals: Sequence[Aval]
) -> str:
    n = operation.kwargs["n"]
    if n == 2:
        return f"np.square({operands[0]})"
    return f"np.power({operands[0]}, {float(n) if n < 0 else n})"


def _numpy_softplus(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"np.logaddexp(0, {operands[0]})"


def _numpy_xlogy(operation: Operation, operands: Sequence[str], avals: Sequence[Aval]) -> str:
    a, b = operands
    return f"{a} * np.log(np.where({a} == 0, 1, {b}))"


# The functions of elementary.py: within an ulp, and quicker than a call of the C library.
ELEMENTARY = ("cos", "erf", "exp", "expm1", "log", "log1p", "logistic", "sin", "softplus", "tanh")

# What Numba compiles to a call of the C library; the rest comes from scalar_kernels.py.
_MATH = {
    **{name: f"math.{name}" for name in (
        "cosh", "erfc", "hypot", "log10", "sinh", "sqrt", "tan",
    )},
    **{f"arc{name}": f"math.a{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")},
    "arctan2": "math.atan2",
    **{name: f"np.{name}" for name in ("cbrt", "ceil", "exp2", "floor", "log2", "rint", "trunc")},
    "abs": "abs",
}  # fmt: skip

# The functions of scalar_kernels.py that generated code may call.
KERNELS = (
    "floor_divide", "integer_floor_divide", "integer_remainder", "lane_sum", "maximum", "minimum",
    "random_word", "remainder", "select", "sign", "xlogy",
)  # fmt: skip

NUMBA = Dialect(
    "numba",
    _MATH | {name: name for name in (*ELEMENTARY, *KERNELS)},
    {
        "cast": _numba_cast,
        "floor_divide": _numba_floored("floor_divide"),
        "integer_power": _numba_integer_power,
        "logical_and": _numba_logic(" & "),
        "logical_not": _numba_not,
        "logical_or": _numba_logic(" | "),
        "remainder": _numba_floored("remainder"),
        "xlogy": _numba_xlogy,
    },
)

NUMPY = Dialect(
    "numpy",
    {name: f"np.{name}" for name in (*_MATH, *ELEMENTARY, *KERNELS) if hasattr(np, name)}
    | {
        "select": "np.where",
        "erf": "special.erf",
        "erfc": "special.erfc",
        "logistic": "logistic",
        "random_word": "random_word",
    },
    {
        "cast": _numpy_cast,
        "integer_power": _numpy_integer_power,
        "logical_and": _numpy_call("np.logical_and"),
        "logical_not": _numpy_call("np.logical_not"),
        "logical_or": _numpy_call("np.logical_or"),
        "softplus": _numpy_softplus,
        "xlogy": _numpy_xlogy,
    },
)


# Names -----------------------------------------------------------------------------------------


class Names:
    """Identifiers for nodes: the user's own names, made unique and legal.

    >>> names = Names(["np"])
    >>> names.unique("np"), names.unique("w[0].bias"), names.unique("lambda")
    ('np_1', 'w_0_bias', 'lambda_1')
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.taken = set(reserved)

    def unique(self, wanted: str) -> str:
        """A legal identifier close to ``wanted`` that nobody else has."""
        base = re.sub(r"\W+", "_", wanted).strip("_") or "v"
        base = f"v{base}" if base[0].isdigit() else base
        name, count = base, 0
        while name in self.taken or keyword.iskeyword(name):
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def of(self, graph: Graph) -> dict[int, str]:
        """The identifier of every node that is not a literal."""
        operations = graph.columns.operations
        return {
            node: self.unique(name)
            for node, name in graph.names.items()
            if operations[node] is not LITERAL
        }
