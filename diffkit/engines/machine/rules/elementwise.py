"""Elementwise equations: which loop computes them, in which width, on which operands."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from diffkit.engines.emitting import NUMBA, writable
from diffkit.engines.machine.builder import LOADABLE, Builder, rule
from diffkit.engines.machine.fingerprint import is_built_in
from diffkit.engines.machine.kernels.integers import INTEGER_OPERATIONS
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.tapes import Member
from diffkit.graph.primitive import Elementwise

__all__ = ["loop_of", "plain_loop"]

# Exponents that have a loop of their own (kernels/elementwise.py).
WRITTEN_POWERS = (-1, 0, 1, 2, 3, 4)
_LOGICAL = ("logical_and", "logical_or", "logical_not")
# Other operations whose result is one of the operands, or 0.
_AMONG_TRUTHS = ("where", "mask", "alias", "maximum", "minimum", "mul")
_ROUNDING = ("ceil", "floor", "trunc")
_FLOATS = ("f8", "f4")
_BOOL = np.dtype(np.bool_)
# Dtypes that 64-bit integers hold exactly: compared as such, whatever they are.
_WHOLE = (np.dtype(np.int64), np.dtype(np.int32), _BOOL)


@cache
def _has_loop(operation: Any) -> bool:
    return is_built_in(operation.primitive) and writable(operation, NUMBA)


def loop_of(builder: Builder, node: int) -> tuple[str, str, tuple[Any, ...]] | None:
    """The kernel (without its width), the width and the operands of an elementwise equation."""
    operation = builder.columns.operations[node]
    if not _has_loop(operation):
        return None
    operands = builder.operands(node)
    width = _width(builder, node, operation, operands)
    if width is None:
        return None
    name = operation.name
    if name == "integer_power":
        n = operation.kwargs["n"]
        if n not in WRITTEN_POWERS:
            exponent = builder.literal(np.dtype(width).type(n))
            return ("power_to", width, (*operands, exponent)) if width in _FLOATS else None
        name = f"integer_power_{n}".replace("-", "m")
    elif operation.kwargs:
        return None
    if width == "i8" and name in _ROUNDING:
        name = "alias"
    return (name, width, operands) if width in _FLOATS or name in INTEGER_OPERATIONS else None


@cache
def plain_loop(operation: Any) -> tuple[str, frozenset[int]] | None:
    """The loop of an operation on float64 numbers, and which operands are truth values.

    None for what has no such loop, or needs a parameter.
    """
    primitive = operation.primitive
    if not isinstance(primitive, Elementwise) or not _has_loop(operation):
        return None
    if operation.name == "integer_power":
        n = operation.kwargs["n"]
        name = f"integer_power_{n}_f8".replace("-", "m")
        return (name, frozenset()) if n in WRITTEN_POWERS else None
    if operation.kwargs:
        return None
    truths = frozenset(range(2)) if operation.name in _LOGICAL else frozenset(primitive.inert)
    return f"{operation.name}_f8", truths


def _width(builder: Builder, node: int, operation: Any, operands: tuple[int, ...]) -> str | None:
    """The width of the numbers an equation computes with; None where no loop serves."""
    inert = range(len(operands)) if operation.name in _LOGICAL else operation.primitive.inert
    kinds = {builder.aval(x).dtype for place, x in enumerate(operands) if place not in inert}
    truths = [builder.aval(x).dtype for place, x in enumerate(operands) if place in inert]
    if any(dtype != _BOOL for dtype in truths):
        return None
    if builder.aval(node).dtype == _BOOL and kinds <= {_BOOL}:
        # between truth values: in the width they have already
        stays = operation.primitive.result == "bool" or operation.name in _AMONG_TRUTHS
        return _state_width(builder, operands[0]) if stays else None
    if operation.primitive.result == "bool" and kinds <= set(_WHOLE):
        return "i8"
    width = kinds.pop().str[1:]
    return width if width in (*_FLOATS, "i8") and not kinds else None


def _state_width(builder: Builder, node: int) -> str:
    state = builder.state[node]
    if isinstance(state, Member):
        return state.tape.width
    return state.width if state.truth else "f8"


@rule("cast")
def cast(builder: Builder, node: int) -> bool | None:
    """A conversion to a number is a load that converts, one to a truth value a comparison."""
    (operand,) = builder.operands(node)
    target, source = builder.aval(node).dtype, builder.aval(operand).dtype
    width = target.str[1:]
    if target == source:
        return same(builder, node)
    if source != _BOOL and source.str[1:] not in LOADABLE:
        return False
    if width in (*_FLOATS, "i8"):
        builder.emit(node, "alias", width, (operand,))
        return None
    source_width = source.str[1:]
    if target == _BOOL and source_width in (*_FLOATS, "i8"):
        builder.emit(node, "not_equal", source_width, (operand, builder.literal(source.type(0))))
        return None
    return False


@rule("alias", "probe")
def same(builder: Builder, node: int) -> bool | None:
    """The same array under another name."""
    (operand,) = builder.operands(node)
    state = builder.state[operand]
    if isinstance(state, Member):
        state.tape.registers[state.register].nodes.append(node)
        builder.state[node] = Member(state.tape, state.register, state.shape, state.truth)
    else:
        assert isinstance(state, Value)
        builder.view(node, state)
    return None
