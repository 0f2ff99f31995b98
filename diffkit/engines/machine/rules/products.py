"""Matrix products: how operands lie, and which kernel multiplies them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value

__all__ = ["matmul"]

# Products of fewer multiplications are done by plain loops (measured: a call of BLAS costs as much).
FEW = 128
_CALL = {"f8": "dgemm", "f4": "sgemm"}


def _laid_out(value: Value) -> tuple[str, int] | None:
    """How BLAS sees the last two axes: ``N`` or ``T``, and the leading dimension."""
    item = value.dtype.itemsize
    (rows, columns), (by_row, by_column) = value.shape[-2:], value.strides[-2:]
    if columns == 1 or by_column == item:
        step = by_row if rows > 1 else columns * item
        if (columns == 1 or by_column == item) and step >= columns * item and step % item == 0:
            return "N", step // item
    if rows == 1 or by_row == item:
        step = by_column if columns > 1 else rows * item
        if step >= rows * item and step % item == 0:
            return "T", step // item
    return None


@rule("matmul")
def matmul(builder: Builder, node: int) -> bool | None:
    """One row of a product, batched or not."""
    first, second = builder.operands(node)
    out = builder.aval(node)
    width = out.dtype.str[1:]
    if width not in _CALL or builder.aval(first).dtype != out.dtype or (
        builder.aval(second).dtype != out.dtype
    ):  # fmt: skip
        return False
    a, b = builder.memory(first), builder.memory(second)
    inner = a.shape[-1]
    if inner == 0 or out.size == 0:
        return False
    batch = out.shape[:-2]
    a, b = a.broadcast((*batch, *a.shape[-2:])), b.broadcast((*batch, *b.shape[-2:]))
    if not batch and prod(out.shape) * inner <= FEW:
        _small(builder, node, a, b, width)
        return None
    a, b = _regular(builder, a), _regular(builder, b)
    _gemm(builder, node, a, b, width)
    return None


def _small(builder: Builder, node: int, a: Value, b: Value, width: str) -> None:
    item = a.dtype.itemsize
    steps = [s // item for s in (*a.strides, *b.strides)]
    target = builder.result(node)
    builder.row(f"small_product_{width}", a, b, target, *target.shape[:1], a.shape[1],
                target.shape[1], *steps)  # fmt: skip


def _regular(builder: Builder, value: Value) -> Value:
    """An operand that BLAS can read, with one step from matrix to matrix."""
    fits = _laid_out(value) is not None and _batch_step(value) is not None
    return value if fits else builder.made_dense(value)


def _batch_step(value: Value) -> int | None:
    """The bytes from matrix to matrix; None where the batch has no single step."""
    head = value.viewed(value.shape[:-2], value.strides[:-2])
    sizes, strides = head.collapsed()
    if len(sizes) > 1:
        return None
    return strides[0] if head.size > 1 else 0


def _gemm(builder: Builder, node: int, a: Value, b: Value, width: str) -> None:
    (how_a, lead_a), (how_b, lead_b) = _laid_out(a) or ("", 0), _laid_out(b) or ("", 0)
    target = builder.result(node)
    rows, columns, inner = a.shape[-2], b.shape[-1], a.shape[-1]
    item = a.dtype.itemsize
    one, zero = (_bits(number, width) for number in (1.0, 0.0))
    # columns first: the operands change places
    scalars = [ord(how_b), ord(how_a), columns, rows, inner, one, lead_b, lead_a, zero, columns]
    builder.row(f"gemm_{width}", _CALL[width], a, b, target, prod(a.shape[:-2]),
                _batch_step(a), _batch_step(b), rows * columns * item, *scalars)  # fmt: skip


def _bits(number: float, width: str) -> Any:
    """A number as the integer with the same bits."""
    return int(np.asarray(number, width).view(f"i{width[1]}"))
