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
from numba import types
from numba.extending import intrinsic

from diffkit.engines.machine.kernels.abi import KERNEL, row_address
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

# Row: A, B, C, rows, inner, columns, strides in numbers: A by row and inner, B by inner and column.
_LOOPS = """
def small_product_T(row, table):
    a, b, c = T(operand(table, row[2])), T(operand(table, row[3])), T(operand(table, row[4]))
    rows, inner, columns = row[5], row[6], row[7]
    a_row, a_inner, b_inner, b_column = row[8], row[9], row[10], row[11]
    for i in range(rows):
        for j in range(columns):
            total = number(0)
            for k in range(inner):
                total += a[i * a_row + k * a_inner] * b[k * b_inner + j * b_column]
            c[i * columns + j] = total
"""


def generated() -> dict[str, Callable[..., None]]:
    """The products, by name."""
    found = in_widths(_GEMM.lstrip(), KERNEL, {"call_gemm": call_gemm, "row_address": row_address})
    return found | in_widths(_LOOPS.lstrip(), KERNEL, {})
