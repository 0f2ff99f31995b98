"""Elementwise operations over a block of lanes, one kernel each, written from the primitives.

Every primitive with an ``emit`` template gives a loop, for float64, float32 and, where it is one
of ``kernels/integers.py``, int64,

    def add_f8(d, a, b, c, n):            # addresses, and the number of lanes
        for i in range(n):  d[i] = a[i] + b[i]

with the same text that ``engine="specialise"`` compiles, so both round alike, bit for bit.
Truth values are lanes of 1.0 and 0.0 in the width of the numbers they select between: a
comparison, its negation and a selection then run over registers of one kind.
What brings values into registers and out of them again is in ``kernels/movement.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import diffkit.primitives  # noqa: F401  (fills the registry)
from diffkit.engines import elementary, scalar_kernels
from diffkit.engines.emitting import ELEMENTARY, KERNELS, NUMBA, expression, writable
from diffkit.engines.machine.fingerprint import is_built_in
from diffkit.engines.machine.kernels.abi import OPERATION
from diffkit.engines.machine.kernels.integers import INTEGER_OPERATIONS
from diffkit.engines.machine.kernels.writing import FLOATS, NUMBERS, WIDTHS, from_text
from diffkit.graph.avals import aval
from diffkit.graph.ir import Operation
from diffkit.graph.primitive import REGISTRY, Elementwise

__all__ = ["WRITTEN_POWERS", "generated"]

# Powers with a loop of their own; any other exponent is read from a register.
WRITTEN_POWERS = (-1, 0, 1, 2, 3, 4)
_OPERANDS = ("a", "b", "c")
# A loop that may call the C library is not vectorised; where all arguments are near 0, as they
# nearly always are, it need not: ``near_sin`` gives the same bits there.
_WITH_NEAR_FORMS = ("sin(a[i])", "cos(a[i])")
_NEAR = """
    far = 0
    for i in range(n):
        far += abs(a[i]) > FARTHEST
    if far == 0:
        for i in range(n):
            d[i] = VALUE
        return"""


def _operations(width: str) -> Iterator[tuple[str, Operation]]:
    """Name and operation of every loop over numbers of a width."""
    for name, operation in _all_operations():
        if width != "i8" or name in INTEGER_OPERATIONS:
            yield name, operation


def _all_operations() -> Iterator[tuple[str, Operation]]:
    for name, primitive in REGISTRY.items():
        if name == "integer_power":
            for n in WRITTEN_POWERS:
                yield f"integer_power_{n}".replace("-", "m"), primitive.operation({"n": n})
        elif isinstance(primitive, Elementwise) and _has_loop(primitive):
            yield name, primitive.bare


def _has_loop(primitive: Elementwise) -> bool:
    return is_built_in(primitive) and writable(primitive.bare, NUMBA)


def _arity(operation: Operation) -> int:
    if operation.name == "integer_power":
        return 1
    assert operation.primitive.emit is not None
    return sum(f"{{{place}}}" in operation.primitive.emit for place in range(len(_OPERANDS)))


def _text(name: str, operation: Operation, width: str) -> str:
    """The source of one loop."""
    number = aval((), WIDTHS[width])
    names = _OPERANDS[: _arity(operation)]
    logical = operation.name.startswith("logical")
    inert = range(len(names)) if logical else operation.primitive.inert
    words = [f"({x}[i] != zero)" if k in inert else f"{x}[i]" for k, x in enumerate(names)]
    kinds = [aval((), "bool") if k in inert else number for k in range(len(names))]
    truth = operation.primitive.result == "bool"  # type: ignore[attr-defined]
    out = aval((), "bool") if truth else number
    value = expression(NUMBA, operation, words, kinds, out)
    value = f"one if {value} else zero" if truth else value
    near = _NEAR if value in _WITH_NEAR_FORMS else ""
    return _loop(f"{name}_{width}", width, names, value, near.replace("VALUE", f"near_{value}"))


def _loop(name: str, width: str, operands: tuple[str, ...], value: str, before: str = "") -> str:
    typed = NUMBERS[width]
    lines = [f"def {name}(d, a, b, c, n):", f"    one, zero = {typed}(1), {typed}(0)"]
    lines += [f"    {x} = {width}({x})" for x in operands]
    lines += [f"    d = {width}(d){before}", "    for i in range(n):", f"        d[i] = {value}"]
    return "\n".join([*lines, ""])


def _scope() -> dict[str, Any]:
    """The functions that the texts call."""
    found = {name: getattr(scalar_kernels, name) for name in KERNELS}
    near = ("near_sin", "near_cos", "FARTHEST")
    return (
        found | {name: getattr(elementary, name) for name in (*ELEMENTARY, *near)} | {"math": math}
    )


def generated() -> dict[str, Callable[..., None]]:
    """The kernels of this family, written from the registry, by name.

    >>> "tanh_f8" in generated() and "add_f4" in generated()
    True
    """
    scope, found = _scope(), {}
    for width in WIDTHS:
        texts = {f"{name}_{width}": _text(name, operation, width)
                 for name, operation in _operations(width)}  # fmt: skip
        if width in FLOATS:
            name = f"power_to_{width}"
            texts[name] = _loop(name, width, ("a", "b"), "a[i] ** b[0]")
        for name, text in texts.items():
            found[name] = from_text(name, text, OPERATION, scope)
    return found
