"""Operations that move nothing: other strides over the same bytes.

Reshaping, transposing, reversing and spreading are views; what copies is in ``rules/pieces.py``.
"""

from __future__ import annotations

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.tapes import Member

__all__ = ["reshape", "spread", "transpose"]


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
