"""Linear algebra as Numba code: ``np.linalg`` of one matrix, in a loop over stacks of them.

Numba hands ``np.linalg`` to LAPACK as NumPy does.  What NumPy itself has no call for is a short
function: substitution, packed factors, the cofactors det(A) A⁻ᵀ from the singular values (which
singular matrices have, too), and the matrix exponential by its Taylor series of A/2ᵏ, squared k
times.

Reading on: Golub & Van Loan 2013, *Matrix computations*; Moler & Van Loan 2003, *Nineteen dubious
ways to compute the exponential of a matrix*, method 3; Note [Determinants] in
``primitives/linalg_determinants.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.engines.emitting import constant
from diffkit.engines.source_numba_loops import matrices
from diffkit.engines.source_numba_scan import Place

__all__ = ["HELPERS", "LINEAR_ALGEBRA"]

Writes = Callable[..., list[str]]

HELPERS = {
    "triangular_solve": '''\
def triangular_solve(a, b, lower, transposed, unit):
    """The X of T X = B by substitution, T being one triangle of A (or its transpose)."""
    t = a.T.copy() if transposed else a.copy()
    y = b.copy()
    size = t.shape[0]
    for count in range(size):
        down = lower != transposed
        i = count if down else size - 1 - count
        known = range(0, i) if down else range(i + 1, size)
        for j in known:
            y[i] -= t[i, j] * y[j]
        if not unit:
            y[i] /= t[i, i]
    return y
''',
    "stacked_qr": """\
def stacked_qr(a):
    q, r = np.linalg.qr(a)
    return np.concatenate((q, r))
""",
    "stacked_eigh": """\
def stacked_eigh(a):
    w, v = np.linalg.eigh(a)
    return np.concatenate((w.reshape(1, w.size), v))
""",
    "stacked_svd": """\
def stacked_svd(a):
    u, s, vt = np.linalg.svd(a, False)
    return np.concatenate((u, s.reshape(1, s.size), vt.T))
""",
    "expm": '''\
def expm(a):
    """Taylor's series of a / 2**k, squared k times."""
    norm = np.max(np.sum(np.abs(a), axis=0))
    halvings = max(0, int(np.ceil(np.log2(norm))) + 2) if 0 < norm < np.inf else 0
    small = a / a.dtype.type(2**halvings)
    total = np.eye(a.shape[0], dtype=a.dtype)
    term = total.copy()
    for k in range(1, 18):  # (1/4)**17 / 17! is far below one rounding
        term = term @ small / a.dtype.type(k)
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total
''',
    "cofactor": '''\
def cofactor(a):
    """det(A) inv(A).T, from the singular values, since a singular matrix has it, too."""
    u, s, vt = np.linalg.svd(a)
    others = np.ones_like(s)
    for i in range(s.size):
        for j in range(s.size):
            if j != i:
                others[i] *= s[j]
    sign = np.rint(np.linalg.det(u) * np.linalg.det(vt))
    return a.dtype.type(sign) * ((u * others) @ vt)
''',
    "cofactor_along": '''\
def cofactor_along(a, e):
    """The derivative of the cofactors of A along E."""
    u, s, vt = np.linalg.svd(a)
    moved = u.T @ e @ vt.T
    middle = np.zeros_like(moved)
    for i in range(s.size):
        for j in range(s.size):
            if i != j:
                rest = a.dtype.type(1)  # the product of all singular values but two
                for k in range(s.size):
                    if k != i and k != j:
                        rest *= s[k]
                middle[i, j] -= rest * moved[j, i]
                middle[i, i] += rest * moved[j, j]
    sign = np.rint(np.linalg.det(u) * np.linalg.det(vt))
    return a.dtype.type(sign) * (u @ middle @ vt)
''',
}
"""What NumPy has no function for, without the decorator that all helpers have."""


def _of_matrices(call: str, *, core: int = 2) -> Writes:
    """A call of one or two matrices, whose result has ``core`` axes."""

    def write(where: Place, **params: Any) -> list[str]:
        words = [f", {value!r}" for value in params.values()]

        def called(*operands: str) -> str:
            return call.format(f"{', '.join(operands)}{''.join(words)}")

        return matrices(where, (2,) * len(where.texts), called, core=core)

    return write


def _triangular_solve(where: Place, lower: bool, transposed: bool, unit: bool) -> list[str]:
    def called(a: str, b: str) -> str:
        return f"triangular_solve({a}, {b}, {lower}, {transposed}, {unit})"

    return matrices(where, (2, 2), called)


def _slogdet(where: Place) -> list[str]:
    dtype = f"np.{where.out.dtype.name}"
    return matrices(where, (2,), lambda a: f"np.array(np.linalg.slogdet({a}), {dtype})", core=1)


def _gap_reciprocal(where: Place) -> list[str]:
    """1/x, and 0 where x is rounding of numbers up to ``scale``."""
    (x, scale), of = where.texts, where.avals[0]
    zero, one = constant(of.dtype.type(0)), constant(of.dtype.type(1))
    least = f"{of.shape[-1]} * np.finfo(np.{of.dtype.name}).eps * {scale}"
    return [f"{where.target} = np.where(np.abs({x}) <= {least}, {zero}, {one} / {x})"]


LINEAR_ALGEBRA: dict[str, Writes] = {
    "cholesky": _of_matrices("np.linalg.cholesky({})"),
    "cofactor": _of_matrices("cofactor({})"),
    "cofactor_along": _of_matrices("cofactor_along({})"),
    "det": _of_matrices("np.linalg.det({})", core=0),
    "eigh": _of_matrices("stacked_eigh({})"),
    "eigvalsh": _of_matrices("np.linalg.eigvalsh({})", core=1),
    "expm": _of_matrices("expm({})"),
    "gap_reciprocal": _gap_reciprocal,
    "pinv": _of_matrices("np.linalg.pinv({})"),
    "qr": _of_matrices("stacked_qr({})"),
    "slogdet": _slogdet,
    "solve": _of_matrices("np.linalg.solve({})"),
    "svd": _of_matrices("stacked_svd({})"),
    "svdvals": _of_matrices("np.linalg.svd({}, False)[1]", core=1),
    "triangular_solve": _triangular_solve,
}
"""How operations of linear algebra are written, by name."""
