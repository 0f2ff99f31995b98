"""Formulas that write LLVM's instructions: Real numbers, Words of bits, and selections.

An elementary function must give the same bits wherever it is compiled: alone, inside another
function, or in a loop of which LLVM makes four or eight lanes at once.  So nothing is left to
the compiler.  A formula is ordinary Python over ``Real`` and ``Word``, and each operator emits
exactly one instruction, none of which may be reassociated or contracted:

    x + y → fadd      fma(x, y, z) → llvm.fma      bits(x) >> 52 → lshr      select → select

There is no branch, no call and no memory access, which is what LLVM needs to vectorise a loop.
The formula becomes one private, always inlined function per module; Numba's type inference
never sees it, so that a call costs a fraction of a compiled Python function.  The finished
code rests on nothing but the processor (and, where it has no fused multiply-add, on C's ``fma``).

Reading on: the LLVM Language Reference Manual; Boldo & Melquiond 2017, *Computer Arithmetic and
Formal Proofs*, for the error-free sums; Muller 2016, *Elementary Functions*, for their use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, update_wrapper
from typing import Any, TypeAlias

from llvmlite import ir
from numba import njit, types
from numba.core.errors import TypingError as NumbaTypeError
from numba.extending import lower_builtin, type_callable

from diffkit.errors import DtypeError

__all__ = [
    "FLAGS", "Formula", "Real", "Truth", "Word", "absolute", "bits", "copy_sign", "elementary",
    "fast_two_sum", "fma", "polynomial", "real", "select", "two_sum",
]  # fmt: skip

# No fastmath: it breaks NaN, and contraction would round differently from the interpreter.
FLAGS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "nogil": True}

_DOUBLE, _SINGLE, _WORD = ir.DoubleType(), ir.FloatType(), ir.IntType(64)


class Real:
    """A number in binary64 on its way through a formula; operators emit instructions."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: ir.IRBuilder, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, instruction: str, other: Real | float) -> Real:
        emit = getattr(self.builder, instruction)
        return Real(self.builder, emit(self.value, _raw(other)))

    def __add__(self, other: Real | float) -> Real:
        return self._with("fadd", other)

    def __sub__(self, other: Real | float) -> Real:
        return self._with("fsub", other)

    def __rsub__(self, other: float) -> Real:
        return self.new(other) - self

    def __mul__(self, other: Real | float) -> Real:
        return self._with("fmul", other)

    def __rtruediv__(self, other: float) -> Real:
        return Real(self.builder, self.builder.fdiv(_raw(other), self.value))

    def __truediv__(self, other: Real) -> Real:
        return self._with("fdiv", other)

    def __neg__(self) -> Real:
        return Real(self.builder, self.builder.fneg(self.value))

    def __lt__(self, other: Real | float) -> Truth:
        return Truth(self.builder, self.builder.fcmp_ordered("<", self.value, _raw(other)))

    def __gt__(self, other: Real | float) -> Truth:
        return Truth(self.builder, self.builder.fcmp_ordered(">", self.value, _raw(other)))

    def new(self, number: float) -> Real:
        """A constant in the same formula."""
        return Real(self.builder, _raw(number))


class Word:
    """Sixty-four bits on their way through a formula; shifts to the right bring in zeros."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: ir.IRBuilder, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, instruction: str, other: Word | int) -> Word:
        emit = getattr(self.builder, instruction)
        raw = other.value if isinstance(other, Word) else ir.Constant(_WORD, other)
        return Word(self.builder, emit(self.value, raw))

    def __add__(self, other: Word | int) -> Word:
        return self._with("add", other)

    def __sub__(self, other: Word | int) -> Word:
        return self._with("sub", other)

    def __and__(self, other: Word | int) -> Word:
        return self._with("and_", other)

    def __or__(self, other: Word | int) -> Word:
        return self._with("or_", other)

    def __xor__(self, other: Word | int) -> Word:
        return self._with("xor", other)

    def __lshift__(self, places: int) -> Word:
        return self._with("shl", places)

    def __rshift__(self, places: int) -> Word:
        return self._with("lshr", places)

    def is_zero(self) -> Truth:
        """Whether no bit is set."""
        zero = ir.Constant(_WORD, 0)
        return Truth(self.builder, self.builder.icmp_unsigned("==", self.value, zero))


class Truth:
    """The outcome of a comparison, for :func:`select`."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: ir.IRBuilder, value: Any) -> None:
        self.builder, self.value = builder, value


Formula: TypeAlias = Callable[[Real], Real]


def _raw(number: Real | float) -> Any:
    return number.value if isinstance(number, Real) else ir.Constant(_DOUBLE, float(number))


def fma(x: Real, y: Real | float, z: Real | float) -> Real:
    """x·y + z, rounded once."""
    return Real(x.builder, x.builder.fma(x.value, _raw(y), _raw(z)))


def select(condition: Truth, chosen: Real | float, other: Real | float) -> Real:
    """``chosen`` where the condition holds and ``other`` elsewhere, without a branch."""
    builder = condition.builder
    return Real(builder, builder.select(condition.value, _raw(chosen), _raw(other)))


def absolute(x: Real) -> Real:
    """|x|, by clearing the sign bit."""
    return _intrinsic("llvm.fabs", x)


def copy_sign(size: Real, sign: Real) -> Real:
    """|size| with the sign bit of ``sign``."""
    return _intrinsic("llvm.copysign", size, sign)


def _intrinsic(name: str, *operands: Real) -> Real:
    builder = operands[0].builder
    kind = ir.FunctionType(_DOUBLE, [_DOUBLE] * len(operands))
    function = builder.module.declare_intrinsic(name, [_DOUBLE], kind)
    return Real(builder, builder.call(function, [operand.value for operand in operands]))


def bits(x: Real) -> Word:
    """The bits of a number: sign, 11 of biased exponent, 52 of fraction."""
    return Word(x.builder, x.builder.bitcast(x.value, _WORD))


def real(word: Word) -> Real:
    """The number with these bits."""
    return Real(word.builder, word.builder.bitcast(word.value, _DOUBLE))


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """c₀ + c₁x + c₂x² + …, in pairs, so that two multiplications run at once (Estrin 1960).

    The order of operations is fixed by the number of coefficients.
    """
    terms: list[Real | float] = list(coefficients)
    power = x
    while len(terms) > 1:
        pairs = [
            fma(power, terms[i + 1], terms[i]) if i + 1 < len(terms) else terms[i]
            for i in range(0, len(terms), 2)
        ]
        terms, power = pairs, power * power if len(pairs) > 1 else power
    (value,) = terms
    return value if isinstance(value, Real) else x.new(value)


def fast_two_sum(large: Real, small: Real) -> tuple[Real, Real]:
    """The rounded sum and its rounding error, for |large| ≥ |small| or large = 0 (Dekker 1971)."""
    total = large + small
    return total, (large - total) + small


def two_sum(x: Real, y: Real) -> tuple[Real, Real]:
    """The rounded sum and its rounding error, whichever is larger (Møller 1965, Knuth 1969)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


# From formulas to functions ---------------------------------------------------------------------


def elementary(
    single: Formula, beyond: float | None = None
) -> Callable[[Formula], Callable[[Any], Any]]:
    """Make a function of one number from a formula for float64 and one for float32.

    Parameters
    ----------
    single
        The formula for float32: it gets x in binary64, and its result is rounded to float32.
    beyond
        The largest |x| for which the formulas hold; for others the C library's function of the
        same name is called.

    Returns
    -------
    callable
        A decorator of the formula for float64.  The function it makes can be called from Python
        and in Numba-compiled code, where it is always inlined: float32 → float32, everything
        else as float64.

    >>> @elementary(lambda x: x * x)
    ... def square(x: Real) -> Real:
    ...     return x * x
    >>> square(3.0)
    9.0
    """

    def decorate(double: Formula) -> Callable[[Any], Any]:
        function = _function(double)
        _lower(function, types.float64, double, beyond)
        _lower(function, types.float32, single, beyond)
        return function

    return decorate


def _function(formula: Formula) -> Any:
    """A Python function with the name and the docstring of a formula, known to Numba by type."""

    def function(x: Any) -> Any:
        try:
            return _compiled(function)(x)
        except NumbaTypeError as error:
            kind = type(x).__name__
            hint = "over an array, call it in a compiled loop, one element at a time."
            raise DtypeError(
                f"{formula.__name__} takes a real number, not {kind}", hint=hint
            ) from error

    update_wrapper(function, formula)
    del function.__wrapped__
    function.__annotations__ = {"x": "Any", "return": "Any"}

    @type_callable(function)
    def typer_of(context: Any) -> Callable[[Any], Any]:
        def result_type(x: Any) -> Any:
            if x == types.float32:
                return types.float32(types.float32)
            known = isinstance(x, (types.Float, types.Integer, types.Boolean))
            return types.float64(types.float64) if known else None

        return result_type

    return function


@cache
def _compiled(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        return function(x)

    return njit(call, **FLAGS)


def _lower(
    function: Callable[[Any], Any], dtype: Any, formula: Formula, beyond: float | None
) -> None:
    """Teach Numba to call a function, which is written into a module at its first use there."""

    @lower_builtin(function, dtype)
    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        module, name = builder.module, f"diffkit.{function.__name__}.{dtype}"
        if name not in module.globals:
            kind = _SINGLE if dtype == types.float32 else _DOUBLE
            written = ir.Function(module, ir.FunctionType(kind, [kind]), name)
            written.linkage = "internal"
            for attribute in ("alwaysinline", "nounwind"):
                written.attributes.add(attribute)
            _write(written, function.__name__, formula, beyond)
        return builder.call(module.globals[name], arguments)


def _write(function: Any, name: str, formula: Formula, beyond: float | None) -> None:
    builder = ir.IRBuilder(function.append_basic_block("formula"))
    (given,) = function.args
    single = given.type == _SINGLE
    x = Real(builder, builder.fpext(given, _DOUBLE) if single else given)
    result = formula(x)
    if beyond is not None:
        result = _or_c_library(result, x, beyond, name)
    builder.ret(builder.fptrunc(result.value, _SINGLE) if single else result.value)


def _or_c_library(result: Real, x: Real, beyond: float, name: str) -> Real:
    """The result, or that of a function of the C library where |x| is beyond a bound."""
    builder = x.builder
    before = builder.block
    with builder.if_then((absolute(x) > beyond).value, likely=False):
        kind = ir.FunctionType(_DOUBLE, [_DOUBLE])
        library = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        called, inside = builder.call(library, [x.value]), builder.block
    merged = builder.phi(_DOUBLE)
    merged.add_incoming(result.value, before)
    merged.add_incoming(called, inside)
    return Real(builder, merged)
