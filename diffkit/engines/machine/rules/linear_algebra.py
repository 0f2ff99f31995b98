"""Linear systems: loops for matrices of up to a hundred rows or so, NumPy for larger ones.

Matrices are read where they lie, whatever their strides, and one that is shared by a whole batch
is read again for each.  Eigenvalues, singular values and orthogonal factors are iterations that
LAPACK does best; they are rows for Python, as is every matrix that is too large for loops.
"""

from __future__ import annotations

from math import prod
from typing import Any

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.rules.products import batch_step

__all__ = ["cholesky", "determinant", "solve", "triangular_solve"]

WIDTHS = ("f8", "f4")

# Note [Loops or LAPACK].  Measured on one core with AVX-512 (CPU time of a call in µs, OpenBLAS
# 0.3), loops and NumPy alone: solve with one right side, 8 rows 1.8 and 4.7, 32 rows 7 and 11, 64
# rows 29 and 29; det of 64 rows 18 and 26; cholesky of 32 rows 7 and 6.5, 64 rows 25 and 20.  A row
# for Python costs about 10 more.
MOST_ROWS = 64


def _fits(builder: Builder, node: int) -> bool:
    """Whether kernels take an equation: floats of a known width, and something to do."""
    first = builder.aval(builder.operands(node)[0])
    out = builder.aval(node)
    return out.dtype.str[1:] in WIDTHS and bool(first.size and out.size)


def _is_small(builder: Builder, node: int) -> bool:
    """The same, for loops that LAPACK overtakes on many rows."""
    return _fits(builder, node) and builder.aval(builder.operands(node)[0]).shape[-1] <= MOST_ROWS


def _matrices(builder: Builder, node: int, batch: tuple[int, ...]) -> tuple[Value, int]:
    """An operand with these leading axes, and the bytes from matrix to matrix."""
    value = builder.numbers(node)
    value = value.broadcast((*batch, *value.shape[-2:]))
    step = batch_step(value)
    if step is None:
        value = builder.made_dense(value)
        step = batch_step(value)
    assert step is not None
    return value, step


def _strides(value: Value) -> tuple[int, int]:
    """From row to row and from column to column, in numbers."""
    by_row, by_column = value.strides[-2:]
    return by_row // value.dtype.itemsize, by_column // value.dtype.itemsize


@rule("solve")
def solve(builder: Builder, node: int) -> bool | None:
    """One row that eliminates and substitutes for every matrix of a batch."""
    if not _is_small(builder, node):
        return False
    first, second = builder.operands(node)
    batch = builder.aval(node).shape[:-2]
    (a, a_step), (b, b_step) = (_matrices(builder, x, batch) for x in (first, second))
    size, sides = b.shape[-2:]
    memory = builder.temporary((size, size), a.dtype)
    builder.row(f"solve_{a.width}", a, b, builder.result(node), memory, prod(batch), a_step, b_step,
                size, sides, *_strides(a), *_strides(b))  # fmt: skip
    return None


@rule("det", "slogdet")
def determinant(builder: Builder, node: int) -> bool | None:
    """One row that eliminates every matrix of a batch and multiplies its pivots."""
    if not _is_small(builder, node):
        return False
    (operand,) = builder.operands(node)
    batch = builder.aval(operand).shape[:-2]
    a, step = _matrices(builder, operand, batch)
    size = a.shape[-1]
    memory = builder.temporary((size, size), a.dtype)
    name = builder.columns.operations[node].name
    builder.row(f"{name}_{a.width}", a, builder.result(node), memory, prod(batch), step, size,
                *_strides(a))  # fmt: skip
    return None


@rule("triangular_solve")
def triangular_solve(builder: Builder, node: int) -> bool | None:
    """One row that substitutes; a transposed triangle is the other one with strides exchanged."""
    if not _fits(builder, node):
        return False
    params: dict[str, Any] = builder.params(node)
    first, second = builder.operands(node)
    batch = builder.aval(node).shape[:-2]
    (a, a_step), (b, b_step) = (_matrices(builder, x, batch) for x in (first, second))
    strides, lower = _strides(a), params["lower"]
    if params["transposed"]:
        strides, lower = strides[::-1], not lower
    builder.row(f"triangular_solve_{a.width}", a, b, builder.result(node), prod(batch), a_step,
                b_step, *b.shape[-2:], *strides, *_strides(b), lower, params["unit"])  # fmt: skip
    return None


@rule("cholesky")
def cholesky(builder: Builder, node: int) -> bool | None:
    """One row for the factors of a batch of matrices."""
    if not _is_small(builder, node):
        return False
    (operand,) = builder.operands(node)
    batch = builder.aval(operand).shape[:-2]
    a, step = _matrices(builder, operand, batch)
    builder.row(f"cholesky_{a.width}", a, builder.result(node), prod(batch), step, a.shape[-1],
                *_strides(a))  # fmt: skip
    return None
