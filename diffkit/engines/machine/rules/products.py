"""Matrix products and Einstein sums: how operands lie, and which kernel multiplies them.

An Einstein sum of two operands is one product of matrices: letters that both have and the result
has not are the inner axis, letters of one operand alone are its rows or columns, and letters that
all three have number the matrices,

    bij,bjk->bik:   for every b   Σⱼ a[i, j] b[j, k].

Permuting axes moves nothing; merging them copies only where they do not lie one in the other.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value
from diffkit.primitives.contraction import parse_subscripts

__all__ = ["einsum", "matmul", "multiply"]

_CALL = {"f8": "dgemm", "f4": "sgemm"}
_WIDTHS = ("f8", "f4", "i8")


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
    if out.dtype.str[1:] not in _WIDTHS:
        return False
    a, b = builder.numbers(first), builder.numbers(second)
    batch = out.shape[:-2]
    a, b = a.broadcast((*batch, *a.shape[-2:])), b.broadcast((*batch, *b.shape[-2:]))
    multiply(builder, a, b, builder.result(node))
    return None


def multiply(builder: Builder, a: Value, b: Value, target: Value) -> None:
    """Emit the row that multiplies stacks of matrices into an array in C order."""
    if a.shape[-1] == 0 or target.size == 0:
        if target.size:
            builder.fill(target)
        return
    kernel = _loops(a, b)
    if kernel is None:
        _gemm(builder, _regular(builder, a), _regular(builder, b), target)
        return
    a, b = (x if _batch_step(x) is not None else builder.made_dense(x) for x in (a, b))
    item = a.dtype.itemsize
    strides = [s // item for s in (*a.strides[-2:], *b.strides[-2:])]
    rows, columns = target.shape[-2:]
    builder.row(f"product_by_{kernel}_{a.width}", a, b, target, prod(target.shape[:-2]),
                _batch_step(a), _batch_step(b), rows * columns * item, rows, a.shape[-1],
                columns, *strides)  # fmt: skip


def _loops(a: Value, b: Value) -> str | None:
    """Which loops multiply two matrices, or None where BLAS is quicker."""
    rows, inner, columns = *a.shape[-2:], b.shape[-1]
    item = a.dtype.itemsize
    if b.strides[-1] == item and columns > 1:
        kernel = "row"
    elif (inner == 1 or a.strides[-1] == item) and (inner == 1 or b.strides[-2] == item):
        kernel = "dot"
    else:
        kernel = "cell"
    if a.width not in _CALL:
        return kernel
    return kernel if rows * inner * columns <= _FEW[kernel] else None


# Products of fewer multiplications are done by plain loops (measured: a call of BLAS costs as much).
_FEW = {"row": 128, "dot": 128, "cell": 128}


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


def _gemm(builder: Builder, a: Value, b: Value, target: Value) -> None:
    (how_a, lead_a), (how_b, lead_b) = _laid_out(a) or ("", 0), _laid_out(b) or ("", 0)
    rows, columns, inner = a.shape[-2], b.shape[-1], a.shape[-1]
    width = a.width
    one, zero = (_bits(number, width) for number in (1.0, 0.0))
    # columns first: the operands change places
    scalars = [ord(how_b), ord(how_a), columns, rows, inner, one, lead_b, lead_a, zero, columns]
    builder.row(f"gemm_{width}", _CALL[width], a, b, target, prod(a.shape[:-2]), _batch_step(a),
                _batch_step(b), rows * columns * a.dtype.itemsize, *scalars)  # fmt: skip


def _bits(number: float, width: str) -> Any:
    """A number as the integer with the same bits."""
    return int(np.asarray(number, width).view(f"i{width[1]}"))
