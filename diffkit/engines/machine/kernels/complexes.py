"""Elementwise operations on complex numbers, for the complex step.

A lane of width c16 is a real and an imaginary part, 16 bytes.  Every function here takes parts and
gives parts, with the choices of the primitives' ``analytic`` forms: comparisons and selections go
by the real part, functions with a cut on the real line are continued from the real domain only
(Note [Complex forms] in ``primitives/complex_forms.py``), and an imaginary part of 1e-100 must
come through:

    exp(a + ib) = eᵃ cos b + i eᵃ sin b,      sin(a + ib) = sin a cosh b + i cos a sinh b

A number without an imaginary part keeps it so, also where the real function is infinite.  Reading
on: Kahan 1987, *Branch cuts for complex elementary functions*; Smith 1962, *Algorithm 116: complex
division*.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from diffkit.engines import elementary
from diffkit.engines.machine.kernels.abi import FLAGS, KERNEL, OPERATION, f8, kernel, operand
from diffkit.engines.machine.kernels.sums import ANY_ORDER
from diffkit.engines.machine.kernels.walking import lane_offset
from diffkit.engines.machine.kernels.writing import from_text

__all__ = ["generated"]

FUNCTIONS: dict[str, Callable[..., Any]] = {}
_exp, _log, _sin, _cos, _tanh = (getattr(elementary, name) for name in
                                 ("exp", "log", "sin", "cos", "tanh"))  # fmt: skip


def _function(name: str) -> Callable[[Callable[..., Any]], Any]:
    """Name a function of parts; it is compiled into its loop."""

    def named(function: Callable[..., Any]) -> Any:
        FUNCTIONS[name] = njit(**FLAGS)(function)
        return FUNCTIONS[name]

    return named


@_function("mul")
def multiplied(a: Any, ai: Any, b: Any, bi: Any) -> Any:
    """(a + i ai)(b + i bi)."""
    return a * b - ai * bi, a * bi + ai * b


@_function("div")
def divided(a: Any, ai: Any, b: Any, bi: Any) -> Any:
    """The quotient by Smith's method, with infinities and NaN as NumPy gives them."""
    if abs(b) >= abs(bi):
        if b == 0.0 and bi == 0.0:
            return a / abs(b), ai / abs(b)
        ratio = bi / b
        scale = 1.0 / (b + bi * ratio)
        return (a + ai * ratio) * scale, (ai - a * ratio) * scale
    ratio = b / bi
    scale = 1.0 / (bi + b * ratio)
    return (a * ratio + ai) * scale, (ai * ratio - a) * scale


@_function("exp")
def exponential(a: Any, ai: Any) -> Any:
    """eᵃ(cos ai + i sin ai)."""
    size = _exp(a)
    return (size, ai) if ai == 0.0 else (size * _cos(ai), size * _sin(ai))


@_function("sin")
def sine(a: Any, ai: Any) -> Any:
    """sin a cosh ai + i cos a sinh ai."""
    if ai == 0.0:
        return _sin(a), ai
    return _sin(a) * math.cosh(ai), _cos(a) * math.sinh(ai)


@_function("cos")
def cosine(a: Any, ai: Any) -> Any:
    """cos a cosh ai − i sin a sinh ai."""
    if ai == 0.0:
        return _cos(a), ai
    return _cos(a) * math.cosh(ai), -_sin(a) * math.sinh(ai)


@_function("tanh")
def hyperbolic_tangent(a: Any, ai: Any) -> Any:
    """(t(1 + u²) + i u(1 − t²))/(1 + t²u²) with t = tanh a, u = tan ai, 1 − t² = 1/cosh² a.

    The slope 1 − t² cancels where t is near 1: there it is taken from the hyperbolic cosine.
    """
    t = _tanh(a)
    if ai == 0.0:
        return t, ai
    u = math.tan(ai)
    if abs(t) <= 0.5:
        slope = 1.0 - t * t
    else:
        c = math.cosh(a)
        slope = 1.0 / (c * c)
    below = 1.0 + t * t * u * u
    return t * (1.0 + u * u) / below, u * slope / below


@_function("log")
def logarithm(a: Any, ai: Any) -> Any:
    """log |z| + i arg z over a > 0; elsewhere the real logarithm, which has no neighbours."""
    if not a > 0.0:
        return _log(a), math.nan if ai != 0.0 else 0.0
    if abs(ai) > a or math.isinf(a):
        return math.log(math.hypot(a, ai)), math.atan2(ai, a)
    ratio = ai / a
    return _log(a) + 0.5 * math.log1p(ratio * ratio), math.atan2(ai, a)


@_function("sqrt")
def square_root(a: Any, ai: Any) -> Any:
    """t + i ai/2t with t = √((a + |z|)/2) over a > 0; elsewhere as for the logarithm."""
    if not a > 0.0:
        return math.sqrt(a), math.nan if ai != 0.0 else 0.0
    t = math.sqrt(a) if ai == 0.0 else math.sqrt(0.5 * a + 0.5 * math.hypot(a, ai))
    return t, 0.5 * ai / t


@_function("abs")
def absolute(a: Any, ai: Any) -> Any:
    """±z by the sign of the real part, and |a| where it is 0 or NaN."""
    if a > 0.0:
        return a, ai
    return (-a, -ai) if a < 0.0 else (abs(a), 0.0)


@_function("maximum")
def larger(a: Any, ai: Any, b: Any, bi: Any) -> Any:
    """The one with the larger real part; a tie shares the imaginary part."""
    if a > b:
        return a, ai
    if b > a:
        return b, bi
    return (a + b) / 2, (ai + bi) / 2 if a == b else math.nan


@_function("minimum")
def smaller(a: Any, ai: Any, b: Any, bi: Any) -> Any:
    """The one with the smaller real part; a tie shares the imaginary part."""
    if a < b:
        return a, ai
    if b < a:
        return b, bi
    return (a + b) / 2, (ai + bi) / 2 if a == b else math.nan


@_function("integer_power_m1")
def reciprocal(a: Any, ai: Any) -> Any:
    """1/z."""
    return divided(1.0, 0.0, a, ai)


@_function("integer_power_2")
def square(a: Any, ai: Any) -> Any:
    """z²."""
    return a * a - ai * ai, a * ai + ai * a


@_function("integer_power_3")
def cube(a: Any, ai: Any) -> Any:
    """z³."""
    b, bi = square(a, ai)
    return multiplied(a, ai, b, bi)


@_function("integer_power_4")
def fourth_power(a: Any, ai: Any) -> Any:
    """z⁴ as the square of the square."""
    b, bi = square(a, ai)
    return square(b, bi)


# Real and imaginary part, in the parts of up to three operands.
_WRITTEN = {
    "add": ("a + b", "ai + bi"), "sub": ("a - b", "ai - bi"), "neg": ("-a", "-ai"),
    "add_turned": ("a - bi", "ai + b"),  # a + ib
    "alias": ("a", "ai"), "integer_power_0": ("1.0", "0.0"), "integer_power_1": ("a", "ai"),
    "mask": ("b if a != 0.0 else 0.0", "bi if a != 0.0 else 0.0"),
    "where": ("b if a != 0.0 else c", "bi if a != 0.0 else ci"),
    "relu": ("a if a > 0.0 else 0.0", "ai if a > 0.0 else 0.0"),
    "logical_not": ("1.0 if a == 0.0 else 0.0", "0.0"),
    "logical_and": ("1.0 if a != 0.0 and b != 0.0 else 0.0", "0.0"),
    "logical_or": ("1.0 if a != 0.0 or b != 0.0 else 0.0", "0.0"),
} | {
    name: (f"1.0 if a {symbol} b else 0.0", "0.0")
    for name, symbol in {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
                         "equal": "==", "not_equal": "!="}.items()
}  # fmt: skip

_LOOP = """
def NAME_c16(d, a_at, b_at, c_at, n):
    d, a_at, b_at, c_at = f8(d), f8(a_at), f8(b_at), f8(c_at)
    for i in range(0, 2 * n, 2):
        READ
        d[i], d[i + 1] = VALUE
"""

_LOAD = """
def load_c16_S(d, a, b, c, n):
    d = f8(d)
    axes = i8(b)[0]
    for i in range(n):
        x = S(a + lane_offset(b + 8, b + 8 * (axes + 1), axes, c + i))
        d[2 * i], d[2 * i + 1] = np.float64(x[0]), IMAG
"""

_SPLAT = """
def splat_c16_S(d, a, b, c, n):
    d, x = f8(d), S(a)
    real, imag = np.float64(x[0]), IMAG
    for i in range(0, 2 * n, 2):
        d[i], d[i + 1] = real, imag
"""

_STORE = """
def store_c16_u1(d, a, b, c, n):
    d, a = u1(d), f8(a)
    for i in range(n):
        d[i] = np.uint8(a[2 * i] != 0.0)
"""


# Numbers added in an order of the compiler's choice: a few in each of its lanes.
BLOCK = 64


@njit(**ANY_ORDER)
def block_sums(z: Any, start: Any, count: Any) -> Any:
    """The sums of the parts of a block, in an order that vectorises."""
    real, imag = 0.0, 0.0
    for i in range(start, start + count):
        real += z[2 * i]
        imag += z[2 * i + 1]
    return real, imag


@njit(**FLAGS)
def compensated(total: Any, lost: Any, term: Any) -> Any:
    """A sum with one more term, and what has been rounded off so far (Neumaier 1974)."""
    raised = total + term
    large = abs(total) >= abs(term)
    rest = (total - raised) + term if large else (term - raised) + total
    return raised, lost + rest


@njit(**FLAGS)
def made_up(total: Any, lost: Any) -> Any:
    """A compensated sum; where it is infinite or NaN there is nothing to compensate."""
    return total + lost if lost == lost else total


@kernel()
def sum_c16(row: Any, table: Any) -> None:
    """Sums of complex numbers that lie without gaps, in blocks that are compensated.

    Row: z, y, sums, numbers in each.
    """
    z, y = f8(operand(table, row[2])), f8(operand(table, row[3]))
    count = row[5]
    for o in range(row[4]):
        real, imag, lost, lost_imag = 0.0, 0.0, 0.0, 0.0
        for done in range(0, count, BLOCK):
            r, i = block_sums(z, o * count + done, min(BLOCK, count - done))
            real, lost = compensated(real, lost, r)
            imag, lost_imag = compensated(imag, lost_imag, i)
        y[2 * o], y[2 * o + 1] = made_up(real, lost), made_up(imag, lost_imag)


@kernel()
def prod_c16(row: Any, table: Any) -> None:
    """Products over the middle axis, from 1 on in the order of the numbers.

    Row: z, y, outer, count, inner.
    """
    z, y = f8(operand(table, row[2])), f8(operand(table, row[3]))
    count, inner = row[5], row[6]
    for lane in range(row[4] * inner):
        outer = lane // inner
        place = 2 * (outer * count * inner + lane - outer * inner)
        real, imag = 1.0, 0.0
        for _ in range(count):
            real, imag = multiplied(real, imag, z[place], z[place + 1])
            place += 2 * inner
        y[2 * lane], y[2 * lane + 1] = real, imag


# Row: z, y, outer, count, inner.
_EXTREME = """
def max_c16(row, table):
    z, y = f8(operand(table, row[2])), f8(operand(table, row[3]))
    count, inner = row[5], row[6]
    for lane in range(row[4] * inner):
        outer = lane // inner
        start = 2 * (outer * count * inner + lane - outer * inner)
        best = z[start]
        for k in range(1, count):
            v = z[start + 2 * k * inner]
            best = v if (v > best or v != v) else best
        imag, ties = 0.0, 0
        for k in range(count):
            place = start + 2 * k * inner
            if z[place] == best:
                imag += z[place + 1]
                ties += 1
        y[2 * lane], y[2 * lane + 1] = best, imag / ties
"""


@kernel()
def logsumexp_c16(row: Any, table: Any) -> None:
    """t + log Σ e^(z − t) over the middle axis, t the largest real part (0 where it is infinite).

    Row: z, y, outer, count, inner.
    """
    z, y = f8(operand(table, row[2])), f8(operand(table, row[3]))
    count, inner = row[5], row[6]
    for lane in range(row[4] * inner):
        outer = lane // inner
        start = outer * count * inner + lane - outer * inner
        top = -math.inf
        for k in range(count):
            v = z[2 * (start + k * inner)]
            top = v if (v > top or v != v) else top
        top = 0.0 if math.isinf(top) else top
        total, total_imag, lost, lost_imag = 0.0, 0.0, 0.0, 0.0
        for k in range(count):
            place = 2 * (start + k * inner)
            e, ei = exponential(z[place] - top, z[place + 1])
            total, lost = compensated(total, lost, e)
            total_imag, lost_imag = compensated(total_imag, lost_imag, ei)
        real, imag = logarithm(made_up(total, lost), made_up(total_imag, lost_imag))
        y[2 * lane], y[2 * lane + 1] = real + top, imag


def _loop(name: str, value: str) -> str:
    names = [x for x in "abc" if f"{x}i" in value or f"{x} " in f"{value} "]
    read = "; ".join(f"{x}, {x}i = {x}_at[i], {x}_at[i + 1]" for x in names) or "pass"
    return _LOOP.replace("NAME", name).replace("READ", read).replace("VALUE", value).lstrip()


def _texts() -> dict[str, str]:
    found = {name: _loop(name, f"{real}, {imag}") for name, (real, imag) in _WRITTEN.items()}
    for name, function in FUNCTIONS.items():
        count = function.py_func.__code__.co_argcount // 2
        operands = ", ".join(f"{x}, {x}i" for x in "abc"[:count])
        found[name] = _loop(name, f"function_{name}({operands})")
    return found


def generated() -> dict[str, Callable[..., None]]:
    """The loops over complex lanes, what brings numbers into them, and extremes, by name.

    >>> "exp_c16" in generated() and "load_c16_f8" in generated()
    True
    """
    scope = {f"function_{name}": function for name, function in FUNCTIONS.items()}
    texts = {f"{name}_c16": text for name, text in _texts().items()}
    for source in ("c16", "f8", "f4", "i8", "i4", "u1"):
        imag = "x[1]" if source == "c16" else "0.0"
        for template in (_LOAD, _SPLAT):
            text = template.replace("c16_S", f"c16_{source}").replace("IMAG", imag)
            text = text.replace("S(", "f8(" if source == "c16" else f"{source}(").lstrip()
            texts[text.split("def ", 1)[1].split("(", 1)[0]] = text
    texts["store_c16_u1"] = _STORE.lstrip()
    scope |= {"np": np, "lane_offset": lane_offset}
    found = {name: from_text(name, text, OPERATION, scope) for name, text in texts.items()}
    least = _EXTREME.replace("max_c16", "min_c16").replace("v > best", "v < best")
    for name, text in (("max_c16", _EXTREME), ("min_c16", least)):
        found[name] = from_text(name, text.lstrip(), KERNEL, {"f8": f8, "operand": operand})
    return found
