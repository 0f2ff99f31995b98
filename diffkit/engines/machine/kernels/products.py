"""Matrix products: BLAS for large ones, plain loops for tiny ones.

    C = op(A) op(B),   row by row, for a batch of matrices

BLAS counts columns first, so it is asked for Cᵀ = op(B)ᵀ op(A)ᵀ of the same memory.  Its address
and the scalars it reads by reference (sizes, leading dimensions, 1 and 0) stand in the row.
Reading on: Dongarra et al. 1990, *A set of level 3 basic linear algebra subprograms*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from diffkit.engines.machine.kernels.abi import KERNEL, row_address
from diffkit.engines.machine.kernels.sums import ANY_ORDER
from diffkit.engines.machine.kernels.writing import in_widths

__all__ = ["generated"]

_REFERENCES = 13  # operands of xGEMM, all by reference


@intrinsic
def call_gemm(typing_context: Any, address: Any, scalars: Any, a: Any, b: Any, c: Any) -> Any:
    """xGEMM at an address; ``scalars`` is the address of the words it reads by reference."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function, words, first, second, result = arguments
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] * _REFERENCES).as_pointer()

        def scalar(place: int) -> Any:
            offset = ir.Constant(ir.IntType(64), 8 * place)
            return builder.inttoptr(builder.add(words, offset), byte)

        def array(value: Any) -> Any:
            return builder.inttoptr(value, byte)

        # transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
        builder.call(
            builder.inttoptr(function, kind),
            [*(scalar(k) for k in range(6)), array(first), scalar(6), array(second), scalar(7),
             scalar(8), array(result), scalar(9)],
        )  # fmt: skip
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate


# Row: BLAS, A, B, C, batch, bytes from matrix to matrix of A, B, C; then what xGEMM reads.
_GEMM = """
def gemm_T(row, table):
    a, b, c = operand(table, row[3]), operand(table, row[4]), operand(table, row[5])
    scalars = row_address(row) + 8 * 10
    for k in range(row[6]):
        call_gemm(row[2], scalars, b, a, c)
        a += row[7]
        b += row[8]
        c += row[9]
"""

# Row: A, B, C; batch, and bytes from matrix to matrix of A, B, C; rows, inner, columns; strides in
# numbers: A by row and inner, B by inner and column.  C is in C order.
_HEAD = """
    a_at, b_at, c_at = operand(table, row[2]), operand(table, row[3]), operand(table, row[4])
    rows, inner, columns = row[9], row[10], row[11]
    a_row, a_inner, b_inner, b_column = row[12], row[13], row[14], row[15]
    zero = number(0)
    for _ in range(row[5]):
        a, b, c = T(a_at), T(b_at), T(c_at)
"""

_TAIL = """
        a_at += row[6]
        b_at += row[7]
        c_at += row[8]
"""

# One number of C after the other.
_BY_CELL = """
        for i in range(rows):
            for j in range(columns):
                total = zero
                for k in range(inner):
                    total += a[i * a_row + k * a_inner] * b[k * b_inner + j * b_column]
                c[i * columns + j] = total
"""

# Rows of C as sums of four rows of B at a time, which lie without gaps.
_BY_ROW = """
        whole = inner - inner % 4
        for i in range(rows):
            p = i * a_row
            q = i * columns
            for j in range(columns):
                c[q + j] = zero
            for k in range(0, whole, 4):
                a0, a1 = a[p + k * a_inner], a[p + (k + 1) * a_inner]
                a2, a3 = a[p + (k + 2) * a_inner], a[p + (k + 3) * a_inner]
                b0 = k * b_inner
                b1, b2, b3 = b0 + b_inner, b0 + 2 * b_inner, b0 + 3 * b_inner
                for j in range(columns):
                    c[q + j] += ((a0 * b[b0 + j] + a1 * b[b1 + j])
                                 + (a2 * b[b2 + j] + a3 * b[b3 + j]))
            for k in range(whole, inner):
                a0, b0 = a[p + k * a_inner], k * b_inner
                for j in range(columns):
                    c[q + j] += a0 * b[b0 + j]
"""

# Products of single numbers: every row of C is the one row of B, times a number.
_OUTER = """
        for i in range(rows):
            a0, q = a[i * a_row], i * columns
            for j in range(columns):
                c[q + j] = a0 * b[j]
"""

# Scalar products of rows of A and columns of B, which both lie without gaps.
_BY_DOT = """
        for i in range(rows):
            for j in range(columns):
                c[i * columns + j] = dot(a, i * a_row, b, j * b_column, inner, zero)
"""


@njit(**ANY_ORDER)
def dot(a: Any, a_start: Any, b: Any, b_start: Any, count: Any, zero: Any) -> Any:
    """A scalar product, added in an order that vectorises."""
    total = zero
    for k in range(count):
        total += a[a_start + k] * b[b_start + k]
    return total


def generated() -> dict[str, Callable[..., None]]:
    """The products, by name.

    >>> "gemm_f8" in generated() and "product_by_row_i8" in generated()
    True
    """
    found = in_widths(_GEMM.lstrip(), KERNEL, {"call_gemm": call_gemm, "row_address": row_address})
    for way, body in (("cell", _BY_CELL), ("row", _BY_ROW), ("dot", _BY_DOT), ("outer", _OUTER)):
        text = f"def product_by_{way}_T(row, table):{_HEAD.rstrip()}{body.rstrip()}{_TAIL}"
        found |= in_widths(text, KERNEL, {"dot": dot}, ("f8", "f4", "i8"))
    return found
