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

__all__ = ["batch_step", "einsum", "matmul", "multiply"]

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
    if kernel is not None:
        a, b = (x if batch_step(x) is not None else builder.made_dense(x) for x in (a, b))
        kernel = _loops(a, b)  # a copy is in C order and may want other loops
    if kernel is None:
        _gemm(builder, _regular(builder, a), _regular(builder, b), target)
        return
    item = a.dtype.itemsize
    strides = [s // item for s in (*a.strides[-2:], *b.strides[-2:])]
    rows, columns = target.shape[-2:]
    builder.row(f"product_by_{kernel}_{a.width}", a, b, target, prod(target.shape[:-2]),
                batch_step(a), batch_step(b), rows * columns * item, rows, a.shape[-1],
                columns, *strides)  # fmt: skip


def _loops(a: Value, b: Value) -> str | None:
    """Which loops multiply two matrices, or None where BLAS is quicker, Note [Loops or BLAS]."""
    rows, inner, columns = *a.shape[-2:], b.shape[-1]
    item, work = a.dtype.itemsize, rows * inner * columns
    by_row = b.strides[-1] == item or columns == 1
    by_dot = inner == 1 or a.strides[-1] == b.strides[-2] == item
    if a.width not in _CALL:
        return "dot" if by_dot else "row" if by_row and columns > 1 else "cell"
    if inner == 1 and by_row and work >= LARGE_OUTER:
        return "outer"
    if rows == 1 and work > THREADED:
        return "dot" if by_dot else "row" if by_row else None
    if by_dot and (work <= FEW_DOTS or (inner <= SHORT_DOT and work <= MOST_SHORT_DOTS)):
        return "dot"
    return "cell" if work <= FEW_CELLS else None


# Note [Loops or BLAS].  Measured on one core with AVX-512 (OpenBLAS 0.3, CPU time in ns), loops and
# BLAS: 2×2 · 2×2 by cells 13 and 24; 10×10 · 10×1 by dots 36 and 57, 8×8 · (8×8)ᵀ 62 and 132,
# 16×16 · (16×16)ᵀ 609 and 343; 1×64 · 64×10 by rows 144 and 136; 64×1 · 1×64 as an outer product
# 345 and 237, 256×1 · 1×256 10,500 and 17,500.  Where BLAS starts threads they cost more than they
# save on one row: 1×1024 · 1024×1024 280,000 and 820,000.
FEW_CELLS = 16
FEW_DOTS = 512
SHORT_DOT, MOST_SHORT_DOTS = 4, 4096
LARGE_OUTER = 16_384
THREADED = 262_144  # OpenBLAS: GEMM_MULTITHREAD_THRESHOLD · 2¹⁶


def _regular(builder: Builder, value: Value) -> Value:
    """An operand that BLAS can read, with one step from matrix to matrix."""
    fits = _laid_out(value) is not None and batch_step(value) is not None
    return value if fits else builder.made_dense(value)


def batch_step(value: Value) -> int | None:
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
    builder.row(f"gemm_{width}", _CALL[width], a, b, target, prod(a.shape[:-2]), batch_step(a),
                batch_step(b), rows * columns * a.dtype.itemsize, *scalars)  # fmt: skip


def _bits(number: float, width: str) -> Any:
    """A number as the integer with the same bits."""
    return int(np.asarray(number, width).view(f"i{width[1]}"))


# Einstein sums ---------------------------------------------------------------------------------


@rule("einsum")
def einsum(builder: Builder, node: int) -> bool | None:
    """An Einstein sum of one operand, or of two as a product of matrices."""
    terms, out = parse_subscripts(builder.params(node)["subscripts"])
    if builder.aval(node).dtype.str[1:] not in _WIDTHS or len(terms) > 2:
        return False
    values = [builder.numbers(operand) for operand in builder.operands(node)]
    others = (terms[1], terms[0]) if len(terms) > 1 else ("",)
    parts = [_summed_alone(builder, value, term, {*out, *other})
             for value, term, other in zip(values, terms, others, strict=True)]  # fmt: skip
    if len(parts) == 1:
        value, letters = parts[0]
        builder.view(node, _in_order(value, letters, out))
        return None
    (a, first), (b, second) = parts
    shared = [x for x in first if x in second]
    batch, inner = [x for x in shared if x in out], [x for x in shared if x not in out]
    rows, columns = ([x for x in term if x not in shared] for term in (first, second))
    sizes = dict(zip(first, a.shape, strict=True)) | dict(zip(second, b.shape, strict=True))
    a = _as_matrices(builder, _in_order(a, first, [*batch, *rows, *inner]), len(batch), len(rows))
    b = _as_matrices(builder, _in_order(b, second, [*batch, *inner, *columns]), len(batch),
                     len(inner))  # fmt: skip
    made = [*batch, *rows, *columns]
    direct = "".join(made) == out
    target = builder.result(node) if direct else builder.temporary(
        tuple(sizes[x] for x in made), a.dtype
    )  # fmt: skip
    matrices = target.reshaped((*a.shape[:-1], b.shape[-1]))
    assert matrices is not None
    multiply(builder, a, b, matrices)
    if not direct:
        builder.view(node, _in_order(target, "".join(made), out))
    return None


def _in_order(value: Value, letters: str, wanted: Any) -> Value:
    """Axes in the order of other letters."""
    places = [letters.index(x) for x in wanted]
    return value.viewed([value.shape[k] for k in places], [value.strides[k] for k in places])


def _summed_alone(
    builder: Builder, value: Value, letters: str, kept: set[str]
) -> tuple[Value, str]:
    """The sum over axes whose letters appear nowhere else, and the letters left."""
    left = "".join(x for x in letters if x in kept)
    if left == letters:
        return value, letters
    alone = [x for x in letters if x not in kept]
    moved = builder.made_dense(_in_order(value, letters, [*left, *alone]))
    shape = moved.shape[: len(left)]
    target = builder.temporary(shape, value.dtype)
    builder.row(f"sum_{value.width}", moved, target, prod(shape), prod(moved.shape[len(left) :]), 1)
    return target, left


def _as_matrices(builder: Builder, value: Value, batch: int, rows: int) -> Value:
    """Axes merged to (batch …, rows, columns); a copy where they do not lie one in the other."""
    shape = value.shape
    merged = (*shape[:batch], prod(shape[batch : batch + rows]), prod(shape[batch + rows :]))
    found = value.reshaped(merged)
    if found is None:
        found = builder.made_dense(value).reshaped(merged)
    assert found is not None
    return found
