"""Small linear systems in plain loops: elimination, substitution and Cholesky's factor.

    P A = L U   row by row with the largest pivot of each column,   then   L, U  →  X, det A

The loops run along rows, which lie without gaps, so they are vectorised.  LAPACK does the same in
blocks, which pays for matrices of a hundred rows and more; those are left to NumPy
(``rules/linear_algebra.py``).  A matrix that is singular, or not positive definite, marks the
status of the run, and the interpreter then says which one it is.

Reading on: Golub & Van Loan 2013, *Matrix computations*, algorithms 3.4.1 (elimination, by rows),
3.1.1 (substitution) and 4.2.1 (Cholesky).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import FLAGS, KERNEL
from diffkit.engines.machine.kernels.products import dot
from diffkit.engines.machine.kernels.writing import in_widths
from diffkit.engines.machine.words import SINGULAR, STATUS

__all__ = ["generated"]


@njit(**FLAGS)
def copied_matrix(
    source: Any, by_row: Any, by_column: Any, rows: Any, columns: Any, to: Any
) -> Any:
    """A matrix of any strides, counted in numbers, to one in C order."""
    for i in range(rows):
        for j in range(columns):
            to[i * columns + j] = source[i * by_row + j * by_column]


@njit(**FLAGS)
def largest_below(lu: Any, size: Any, k: Any) -> Any:
    """The row of the largest number in column k, from row k on."""
    pivot = k
    best = abs(lu[k * size + k])
    for i in range(k + 1, size):
        candidate = abs(lu[i * size + k])
        if candidate > best:
            pivot, best = i, candidate
    return pivot


@njit(**FLAGS)
def swapped_rows(x: Any, columns: Any, first: Any, second: Any) -> Any:
    """Exchange two rows."""
    for j in range(columns):
        kept = x[first * columns + j]
        x[first * columns + j] = x[second * columns + j]
        x[second * columns + j] = kept


@njit(**FLAGS)
def subtracted(x: Any, columns: Any, target: Any, source: Any, start: Any, factor: Any) -> Any:
    """x[target, start:] −= factor · x[source, start:]."""
    p, q = target * columns, source * columns
    for j in range(start, columns):
        x[p + j] -= factor * x[q + j]


# Row: A, B, X, memory for LU, batch; bytes from matrix to matrix of A and B; rows, right sides;
# strides in numbers: A by row and column, B by row and column.  X is in C order.
_SOLVE = """
def solve_T(row, table):
    a_at, b_at, x_at = operand(table, row[2]), operand(table, row[3]), operand(table, row[4])
    lu = T(operand(table, row[5]))
    size, sides = row[9], row[10]
    for _ in range(row[6]):
        x = T(x_at)
        copied_matrix(T(a_at), row[11], row[12], size, size, lu)
        copied_matrix(T(b_at), row[13], row[14], size, sides, x)
        for k in range(size):
            pivot = largest_below(lu, size, k)
            if pivot != k:
                swapped_rows(lu, size, k, pivot)
                swapped_rows(x, sides, k, pivot)
            divisor = lu[k * size + k]
            if divisor == 0:
                table[STATUS] |= SINGULAR
            for i in range(k + 1, size):
                factor = lu[i * size + k] / divisor
                subtracted(lu, size, i, k, k + 1, factor)
                subtracted(x, sides, i, k, 0, factor)
        for i in range(size - 1, -1, -1):
            for k in range(i + 1, size):
                subtracted(x, sides, i, k, 0, lu[i * size + k])
            divisor = lu[i * size + i]
            for j in range(sides):
                x[i * sides + j] /= divisor
        a_at += row[7]
        b_at += row[8]
        x_at += size * sides * BYTES
"""

# Row: A, result, memory for LU, batch, bytes from matrix to matrix, rows, strides of A in numbers.
_ELIMINATED = """
    a_at, y, lu = operand(table, row[2]), T(operand(table, row[3])), T(operand(table, row[4]))
    size = row[7]
    for m in range(row[5]):
        copied_matrix(T(a_at), row[8], row[9], size, size, lu)
        product, sign, size_of = number(1), number(1), number(0)
        for k in range(size):
            pivot = largest_below(lu, size, k)
            if pivot != k:
                swapped_rows(lu, size, k, pivot)
                sign = -sign
            divisor = lu[k * size + k]
            product *= divisor
            size_of += number(math.log(abs(divisor)))
            if divisor < 0:
                sign = -sign
            elif divisor == 0:
                sign = number(0)
                break
            for i in range(k + 1, size):
                subtracted(lu, size, i, k, k + 1, lu[i * size + k] / divisor)
"""

# The product of the pivots, or by logarithms where it leaves the range of numbers on the way.
_DET = """
        whole = abs(product)
        if sign != 0 and (whole == 0 or whole - whole != 0):
            whole = number(math.exp(size_of))
        y[m] = sign * whole
        a_at += row[6]
"""

_SLOGDET = """
        y[2 * m] = sign if size_of == size_of else size_of
        y[2 * m + 1] = size_of
        a_at += row[6]
"""

# Row: T, B, X, batch, bytes from matrix to matrix of T and B; rows, right sides; strides in numbers
# of T by row and column, of B by row and column; whether T is lower, whether its diagonal is 1.
_SUBSTITUTE = """
def triangular_solve_T(row, table):
    a_at, b_at, x_at = operand(table, row[2]), operand(table, row[3]), operand(table, row[4])
    size, sides, by_row, by_column = row[8], row[9], row[10], row[11]
    for _ in range(row[5]):
        a, x = T(a_at), T(x_at)
        copied_matrix(T(b_at), row[12], row[13], size, sides, x)
        for step in range(size):
            i = step if row[14] else size - 1 - step
            for other in range(step):
                k = other if row[14] else size - 1 - other
                subtracted(x, sides, i, k, 0, a[i * by_row + k * by_column])
            if not row[15]:
                divisor = a[i * (by_row + by_column)]
                if divisor == 0:
                    table[STATUS] |= SINGULAR
                for j in range(sides):
                    x[i * sides + j] /= divisor
        a_at += row[6]
        b_at += row[7]
        x_at += size * sides * BYTES
"""

# Row: A, L, batch, bytes from matrix to matrix of A; rows, strides of A in numbers.
_CHOLESKY = """
def cholesky_T(row, table):
    a_at, y_at, size = operand(table, row[2]), operand(table, row[3]), row[6]
    for _ in range(row[4]):
        a, y = T(a_at), T(y_at)
        for i in range(size):
            p = i * size
            for j in range(i):
                q = j * size
                rest = a[i * row[7] + j * row[8]] - dot(y, p, y, q, j, number(0))
                y[p + j] = rest / y[q + j]
                y[q + i] = number(0)
            rest = a[i * (row[7] + row[8])] - dot(y, p, y, p, i, number(0))
            if rest <= 0:
                table[STATUS] |= SINGULAR
            y[p + i] = number(math.sqrt(rest))
        a_at += row[5]
        y_at += size * size * BYTES
"""


def generated() -> dict[str, Callable[..., None]]:
    """The kernels ``solve_f8``, ``det_f4`` and so on.

    >>> "cholesky_f8" in generated()
    True
    """
    scope = {"copied_matrix": copied_matrix, "largest_below": largest_below, "math": math,
             "swapped_rows": swapped_rows, "subtracted": subtracted, "dot": dot, "STATUS": STATUS,
             "SINGULAR": SINGULAR}  # fmt: skip
    texts = [_SOLVE.lstrip(), _SUBSTITUTE.lstrip(), _CHOLESKY.lstrip()]
    for name, end in (("det", _DET), ("slogdet", _SLOGDET)):
        texts.append(f"def {name}_T(row, table):{_ELIMINATED.rstrip()}{end}")
    found: dict[str, Callable[..., None]] = {}
    for text in texts:
        for width in ("f8", "f4"):
            found |= in_widths(text.replace("BYTES", width[1]), KERNEL, scope, (width,))
    return found
