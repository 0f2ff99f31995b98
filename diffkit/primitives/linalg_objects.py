"""Linear algebra over objects: matrices of mpmath numbers or SymPy expressions.

The rules of linear algebra are checked against high-precision differences of its values, so each
value is computed here again, by another algorithm than LAPACK's and in Python's own operators.
Numbers are eliminated with pivots; a symbol cannot be compared, so formulas come from minors,

    A⁻¹ = adj(A) / det(A),     adj(A)ᵢⱼ = (−1)ⁱ⁺ʲ det(A without row j and column i),

which is Cramer's rule.  Reading on: Golub & Van Loan 2013, *Matrix computations*, chapters 3–5;
Gantmacher 1959, *The theory of matrices*, chapter IV (Faddeev's recurrence).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from diffkit.errors import LinearAlgebraError, UnsupportedError
from diffkit.lazy import mp, sp

__all__ = [
    "adjugate", "determinant", "eigenvectors", "factors_qr", "factors_svd", "is_symbolic",
    "over_matrices", "refuse_symbols", "root_of", "solved",
]  # fmt: skip

# Formulas of larger matrices have thousands of terms (7 × 7: 5040), and nobody reads them.
LARGEST_FORMULA = 6


def is_symbolic(x: Any) -> bool:
    """Whether an object array holds a SymPy expression."""
    return any(hasattr(item, "free_symbols") for item in np.asarray(x, dtype=object).flat)


def refuse_symbols(name: str, x: Any) -> None:
    """Refuse formulas of an operation that has none.

    Raises
    ------
    UnsupportedError
        Naming the operation.
    """
    if is_symbolic(x):
        raise UnsupportedError(
            f"{name}: there is no formula for it", hint="use another method than symbolic."
        )


def root_of(x: Any) -> Callable[[Any], Any]:
    """The square root for the numbers of an array: NumPy's, mpmath's or SymPy's."""
    if np.asarray(x).dtype != object:
        return np.sqrt
    return np.frompyfunc(sp.sqrt if is_symbolic(x) else mp.sqrt, 1, 1)


def over_matrices(
    function: Callable[..., Any], ndims: tuple[int, ...], out: tuple[int, ...], *x: Any
) -> Any:
    """A function of single matrices applied over leading axes, which broadcast.

    ``ndims`` are the axes of each operand that the function takes, ``out`` the shape it gives.
    """
    arrays = [np.asarray(operand, dtype=object) for operand in x]
    heads = [a.shape[: a.ndim - n] for a, n in zip(arrays, ndims, strict=True)]
    head = np.broadcast_shapes(*heads)
    arrays = [
        np.broadcast_to(a, (*head, *a.shape[a.ndim - n :]))
        for a, n in zip(arrays, ndims, strict=True)
    ]
    found = np.empty((*head, *out), dtype=object)
    for place in np.ndindex(head):
        found[place] = function(*(a[place] for a in arrays))
    return found[()]


# Solving and determinants -------------------------------------------------------------------------


def solved(a: Any, b: Any) -> Any:
    """The X of A X = B for one matrix, by Gauss–Jordan elimination with pivots, or by Cramer.

    Raises
    ------
    LinearAlgebraError
        When the matrix is singular.
    """
    if is_symbolic(a):
        return (adjugate(a) @ b) / determinant(a) if len(a) else b
    size = len(a)
    rows = np.concatenate([a, b], axis=1)
    for k in range(size):
        pivot = max(range(k, size), key=lambda i: abs(rows[i, k]))
        if rows[pivot, k] == 0:
            raise LinearAlgebraError("solve: the matrix is singular")
        rows[[k, pivot]] = rows[[pivot, k]]
        rows[k] = rows[k] / rows[k, k]
        for i in range(size):
            if i != k:
                rows[i] = rows[i] - rows[i, k] * rows[k]
    return rows[:, size:]


def determinant(a: Any) -> Any:
    """The determinant of one matrix: by elimination, or from minors where it has symbols."""
    if is_symbolic(a):
        return _minors(a)
    rows, product = np.array(a, dtype=object), mp.mpf(1)
    for k in range(len(a)):
        pivot = max(range(k, len(a)), key=lambda i: abs(rows[i, k]))
        if rows[pivot, k] == 0:
            return mp.mpf(0)
        if pivot != k:
            rows[[k, pivot]] = rows[[pivot, k]]
            product = -product
        product = product * rows[k, k]
        for i in range(k + 1, len(a)):
            rows[i] = rows[i] - rows[i, k] / rows[k, k] * rows[k]
    return product


def _minors(a: Any) -> Any:
    """Laplace's expansion, row by row, with every minor computed once."""
    size = len(a)
    if size > LARGEST_FORMULA:
        raise UnsupportedError(
            f"the determinant of a matrix of {size} × {size} has too many terms for a formula",
            hint="use another method than symbolic.",
        )
    below: dict[tuple[int, ...], Any] = {(): sp.Integer(1)}
    for row in range(size - 1, -1, -1):
        count = size - row
        below = {
            columns: sum(
                (-1) ** k * a[row, column] * below[columns[:k] + columns[k + 1 :]]
                for k, column in enumerate(columns)
            )
            for columns in combinations(range(size), count)
        }
    return below[tuple(range(size))]


def adjugate(a: Any) -> Any:
    """adj(A), which is det(A)·A⁻¹ where that exists: from minors, or by Faddeev's recurrence."""
    if not is_symbolic(a):
        return _faddeev(a, None)[0]
    places = range(len(a))
    found = np.empty(a.shape, dtype=object)
    for i in places:
        for j in places:
            rest = np.delete(np.delete(a, j, axis=0), i, axis=1)
            found[i, j] = (-1) ** (i + j) * _minors(rest)
    return found


def adjugate_along(a: Any, a_dot: Any) -> Any:
    """The derivative of adj(A) along Ȧ."""
    if not is_symbolic(a) and not is_symbolic(a_dot):
        return _faddeev(a, a_dot)[1]
    step = sp.Dummy("t")
    moved = adjugate(a + step * a_dot)
    return np.frompyfunc(lambda cell: sp.diff(cell, step).subs(step, 0), 1, 1)(moved)


def _faddeev(a: Any, a_dot: Any) -> tuple[Any, Any]:
    """adj(A) and its derivative: M₁ = I, c = −tr(A Mₖ)/k, Mₖ₊₁ = A Mₖ + c I, adj = ± Mₙ."""
    size = len(a)
    eye = np.array([[mp.mpf(i == j) for j in range(size)] for i in range(size)], dtype=object)
    eye = eye.reshape(size, size)
    m, m_dot = eye, 0 * eye
    a_dot = 0 * eye if a_dot is None else a_dot
    for k in range(1, size):
        product, product_dot = a @ m, a_dot @ m + a @ m_dot
        m = product - eye * (np.trace(product) / k)
        m_dot = product_dot - eye * (np.trace(product_dot) / k)
    sign = (-1) ** (size - 1)
    return sign * m, sign * m_dot


# Factors ------------------------------------------------------------------------------------------


def _plain(a: Any) -> Any:
    return np.array([[float(item) for item in row] for row in a]).reshape(a.shape)


def _array(matrix: Any, shape: tuple[int, int]) -> Any:
    found = np.empty(shape, dtype=object)
    for i in range(shape[0]):
        for j in range(shape[1]):
            found[i, j] = matrix[i, j]
    return found


def _signs(precise: Any, plain: Any) -> Any:
    """+1 or −1 for each column: where LAPACK's points the other way, since it is free to choose."""
    return np.where(np.sum(_plain(precise) * plain, axis=0) < 0, -1, 1)


def eigenvectors(a: Any) -> tuple[Any, Any]:
    """Eigenvalues in ascending order, and eigenvectors with LAPACK's signs, of one matrix."""
    size = len(a)
    values, vectors = mp.eigsy(mp.matrix(a.tolist()))
    order = sorted(range(size), key=lambda k: values[k])
    v = _array(vectors, (size, size))[:, order]
    w = np.array([values[k] for k in order], dtype=object)
    return w, v * _signs(v, np.linalg.eigh(_plain(a))[1])


def factors_svd(a: Any) -> tuple[Any, Any, Any]:
    """U, s, V of one matrix, with LAPACK's signs."""
    rows, columns = a.shape
    if rows < columns:
        v, s, u = factors_svd(a.T)
    else:
        u, s, vt = mp.svd_r(mp.matrix(a.tolist()))
        u, v = _array(u, (rows, columns)), _array(vt, (columns, columns)).T
        s = np.array(list(s), dtype=object)
    plain_u = np.linalg.svd(_plain(a), full_matrices=False)[0]
    signs = _signs(u, plain_u)
    return u * signs, s, v * signs


def factors_qr(a: Any) -> tuple[Any, Any]:
    """Q and R of one tall matrix by Gram and Schmidt, with LAPACK's signs.

    Raises
    ------
    LinearAlgebraError
        When the columns depend on each other.
    """
    rows, columns = a.shape
    q = np.empty((rows, columns), dtype=object)
    r = np.full((columns, columns), mp.mpf(0), dtype=object)
    for k in range(columns):
        rest = a[:, k]
        for i in range(k):
            r[i, k] = np.dot(q[:, i], rest)
            rest = rest - r[i, k] * q[:, i]
        r[k, k] = mp.sqrt(np.dot(rest, rest))
        if r[k, k] == 0:
            raise LinearAlgebraError("qr: the columns of the matrix depend on each other")
        q[:, k] = rest / r[k, k]
    signs = _signs(q, np.linalg.qr(_plain(a))[0])
    return q * signs, r * signs[:, None]
