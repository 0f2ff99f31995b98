"""Elementwise equations: which loop computes them, in which width, on which operands."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from diffkit.engines.emitting import NUMBA, writable
from diffkit.engines.machine.builder import LOADABLE, Builder, rule
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.tapes import Member

__all__ = ["loop_of"]

# Exponents that have a loop of their own (kernels/elementwise.py).
WRITTEN_POWERS = (-1, 0, 1, 2, 3, 4)
_LOGICAL = ("logical_and", "logical_or", "logical_not")


@cache
def _has_loop(operation: Any) -> bool:
    return writable(operation, NUMBA)


def loop_of(builder: Builder, node: int) -> tuple[str, str, tuple[Any, ...]] | None:
    """The kernel (without its width), the width and the operands of an elementwise equation."""
    operation = builder.columns.operations[node]
    if not _has_loop(operation):
        return None
    operands = builder.operands(node)
    width = _width(builder, node, operation, operands)
    if width is None:
        return None
    if operation.name == "integer_power":
        n = operation.kwargs["n"]
        if n in WRITTEN_POWERS:
            return f"integer_power_{n}".replace("-", "m"), width, operands
        exponent = builder.literal(np.dtype(width).type(n))
        return "power_to", width, (*operands, exponent)
    if operation.kwargs:
        return None
    return operation.name, width, operands


def _width(builder: Builder, node: int, operation: Any, operands: tuple[int, ...]) -> str | None:
    """The width of the numbers an equation computes with; None where no loop serves."""
    inert = range(len(operands)) if operation.name in _LOGICAL else operation.primitive.inert
    kinds = [builder.aval(x).dtype for place, x in enumerate(operands) if place not in inert]
    truths = [builder.aval(x).dtype for place, x in enumerate(operands) if place in inert]
    if any(dtype != np.bool_ for dtype in truths):
        return None
    if not kinds:  # logic between truth values: in the width they have already
        return next((_state_width(builder, x) for x in operands), "f8")
    width = kinds[0].str[1:]
    return width if width in ("f8", "f4") and all(k == kinds[0] for k in kinds) else None


def _state_width(builder: Builder, node: int) -> str:
    state = builder.state[node]
    if isinstance(state, Member):
        return state.tape.width
    return state.width if state.truth else "f8"


@rule("cast")
def cast(builder: Builder, node: int) -> bool | None:
    """A conversion to a number is a load that converts; all others are NumPy's."""
    (operand,) = builder.operands(node)
    target, source = builder.aval(node).dtype, builder.aval(operand).dtype
    width = target.str[1:]
    if width not in ("f8", "f4"):
        return False
    if source == np.bool_ or source.str[1:] in LOADABLE:
        builder.emit(node, "alias", width, (operand,))
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
