"""Operations that move nothing: other strides over the same bytes.

Reshaping, transposing, slicing, reversing and spreading are views; concatenating and the
transpose of slicing copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.tapes import Member

__all__ = ["sliced"]


@rule("reshape")
def reshape(builder: Builder, node: int) -> None:
    """Another shape; a value of an open tape keeps its lanes."""
    (operand,) = builder.operands(node)
    shape = builder.aval(node).shape
    state = builder.state[operand]
    if isinstance(state, Member):
        state.tape.registers[state.register].nodes.append(node)
        builder.state[node] = Member(state.tape, state.register, shape, state.truth)
        return
    found = state.reshaped(shape)
    if found is None:
        found = builder.made_dense(builder.numbers(operand)).reshaped(shape)
    assert found is not None
    builder.view(node, found)


@rule("transpose")
def transpose(builder: Builder, node: int) -> None:
    """Axes in another order."""
    value = builder.memory(builder.operands(node)[0])
    axes = builder.params(node)["axes"]
    builder.view(
        node, value.viewed([value.shape[k] for k in axes], [value.strides[k] for k in axes])
    )


@rule("spread")
def spread(builder: Builder, node: int) -> None:
    """New axes along which the array repeats: strides of 0."""
    value = builder.memory(builder.operands(node)[0])
    shape = builder.aval(node).shape
    axes = set(builder.params(node)["axes"])
    rest = iter(value.strides)
    builder.view(node, value.viewed(shape, [0 if k in axes else next(rest)
                                            for k in range(len(shape))]))  # fmt: skip


@rule("flip")
def flip(builder: Builder, node: int) -> None:
    """Axes backwards: negative strides, from the other end."""
    value = builder.memory(builder.operands(node)[0])
    if value.size == 0:
        builder.view(node, value)
        return
    axes = builder.params(node)["axes"]
    strides = [-s if k in axes else s for k, s in enumerate(value.strides)]
    offset = sum((value.shape[k] - 1) * value.strides[k] for k in axes)
    builder.view(node, value.viewed(value.shape, strides, offset))


def sliced(value: Value, index: tuple[Any, ...]) -> Value | None:
    """The view that a basic index selects; None where it is not basic."""
    shape, strides, offset, axis = [], [], 0, 0
    for part in index:
        if part is None:
            shape.append(1)
            strides.append(0)
            continue
        if not isinstance(part, (int, np.integer)) and not (
            isinstance(part, tuple) and part[0] == "slice"
        ):
            return None
        size, stride = value.shape[axis], value.strides[axis]
        if isinstance(part, tuple):
            start, stop, step = slice(*part[1:]).indices(size)
            count = len(range(start, stop, step))
            shape.append(count)
            strides.append(stride * step)
            offset += start * stride if count else 0
        else:
            offset += (int(part) % size) * stride
        axis += 1
    shape += value.shape[axis:]
    strides += value.strides[axis:]
    return value.viewed(shape, strides, offset)


@rule("getitem")
def getitem(builder: Builder, node: int) -> bool | None:
    """A basic index is a view."""
    operands = builder.operands(node)
    if len(operands) > 1:
        return False
    value = builder.memory(operands[0])
    found = sliced(value, builder.params(node)["index"])
    if found is None or found.shape != builder.aval(node).shape:
        return False
    builder.view(node, found)
    return None


@rule("scatter_add")
def scatter_add(builder: Builder, node: int) -> bool | None:
    """The transpose of a basic index: zeros, and the operand in the places it was taken from."""
    operands = builder.operands(node)
    if len(operands) > 1:
        return False
    aval = builder.aval(node)
    frame = Value.dense(builder.wanted[node].buffer if node in builder.wanted else
                        builder.temporary(aval.shape, aval.dtype).buffer,
                        aval.shape, aval.dtype)  # fmt: skip
    place = sliced(frame, builder.params(node)["index"])
    source = builder.numbers(operands[0])
    if place is None or place.shape != source.shape:
        return False
    builder.state[node] = frame
    builder.fill(frame)
    builder.copy(source, place)
    return None


@rule("concatenate")
def concatenate(builder: Builder, node: int) -> None:
    """Every operand copied to its part of the result."""
    sources = [builder.numbers(operand) for operand in builder.operands(node)]
    target = builder.result(node)
    axis, start = builder.params(node)["axis"], 0
    for source in sources:
        count = source.shape[axis]
        builder.copy(source, target.viewed(source.shape, target.strides,
                                           start * target.strides[axis]))  # fmt: skip
        start += count
