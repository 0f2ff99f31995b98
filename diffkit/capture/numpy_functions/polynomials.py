"""Polynomials as rows of coefficients, from the highest power down.

Evaluation is Horner's rule, a product is a convolution, a derivative and an integral scale and
shift the coefficients.  Leading zeros, which NumPy cuts off in a product, are settled while
capturing (``capture/settling.py``).  Roots are eigenvalues, possibly complex, and are refused.

Reading on: Knuth 1997, *The art of computer programming*, volume 2, section 4.6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.tables import (
    implements,
    refused_option,
    traced,
    whole_number,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import cast_to, here
from diffkit.errors import InputError, ShapeError
from diffkit.primitives import arithmetic as ops

__all__ = ["polyval"]


def _row(a: Any) -> Any:
    return np.atleast_1d(a)


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """A polynomial with coefficients from the highest power down, by Horner's rule."""
    coefficients, x = traced(p, x)
    result = np.zeros_like(x)
    for k in range(coefficients.shape[0]):
        result = result * x + coefficients[k]
    return result


def _added(combine: Any, what: str) -> Any:
    def composition(a1: Any, a2: Any) -> Any:
        first, second = (_row(a) for a in traced(a1, a2))
        size = max(first.shape[0], second.shape[0])
        return combine(_lengthened(first, size, what), _lengthened(second, size, what))

    return composition


def _lengthened(a: Any, size: int, what: str) -> Any:
    """Coefficients with zeros before them; a table is not lengthened, but may be stretched."""
    missing = size - a.shape[0]
    if missing and a.ndim > 1:
        raise ShapeError(
            f"{what}: {a.aval} cannot be lengthened to {size} coefficients",
            where=here(),
            hint="a polynomial is one row of coefficients.",
        )
    return np.pad(a, (missing, 0)) if missing else a


polyadd = implements(np.polyadd)(_added(ops.add, "np.polyadd"))
polysub = implements(np.polysub)(_added(ops.sub, "np.polysub"))


def _without_leading_zeros(a: Any) -> Any:
    row = np.trim_zeros(_row(a), trim="f")
    return row if row.size else np.zeros_like(_row(a)[:1])


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The coefficients of a product."""
    first, second = (_without_leading_zeros(a) for a in traced(a1, a2))
    return np.convolve(first, second)


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The coefficients of the m-th derivative."""
    (p,) = traced(p)
    if m < 0:
        raise InputError(f"np.polyder: the order is {m}", where=here(), hint="give 0 or more.")
    for _ in range(int(m)):
        p = p[:-1] * np.arange(p.size - 1, 0, -1)
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The coefficients of the m-th antiderivative, with constants k."""
    p = traced(p, k)[0] if k is not None else traced(p)[0]
    if m < 0:
        raise InputError(f"np.polyint: the order is {m}", where=here(), hint="give 0 or more.")
    constants = np.zeros(m) if k is None else _row(k)
    if constants.shape[0] == 1 and m > 1:
        constants = constants[0] * np.ones(m)
    if constants.shape[0] < m:
        raise ShapeError(
            f"np.polyint: {constants.shape[0]} constants for {m} integrals", where=here(),
            hint="give one constant, or one for each integral.",
        )  # fmt: skip
    for i in range(m):
        divided = p / np.arange(p.size, 0, -1)
        p = concatenate([divided, np.reshape(constants[i], (1,))], 0)
    return p


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder, by long division."""
    u, v = (_row(a) for a in traced(u, v))
    kind = np.result_type(u.dtype, v.dtype)
    kind = kind if kind.kind == "f" else np.dtype(np.float64)
    u, v = cast_to(u, kind), cast_to(v, kind)
    degree, divisor = u.size - 1, v.size - 1
    scale = 1.0 / v[0]
    rest, quotient = u * 1.0, []
    for k in range(degree - divisor + 1):
        quotient.append(scale * rest[k])
        rest[k : k + divisor + 1] = rest[k : k + divisor + 1] - quotient[-1] * v
    small = settled(np.isclose(rest, 0.0, rtol=1e-14))  # NumPy's own bound
    start = int(np.argmin(np.append(small[:-1], False)))
    return np.stack(quotient) if quotient else np.zeros_like(u[:1]), rest[start:]


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """The matrix of powers of numbers, the highest first."""
    (x,) = traced(x)
    if x.ndim != 1:
        raise ShapeError(f"np.vander: {x.aval} is not one row", where=here())
    x = cast_to(x, np.promote_types(x.dtype, int))
    count = x.size if N is None else whole_number(N, "the number of columns of np.vander")
    if count < 0:
        raise ShapeError(
            f"np.vander: there cannot be {count} columns", where=here(), hint="give 0 or more."
        )
    powers: list[Any] = [np.ones_like(x)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    columns = powers[:count] if increasing else powers[:count][::-1]
    return np.stack(columns, axis=1) if columns else np.zeros((x.size, 0), dtype=x.dtype)


def _characteristic(a: Any) -> Any:
    """det(x I − A) by Faddeev and LeVerrier: cₖ = −tr(A Mₖ)/k, where Mₖ₊₁ = A Mₖ + cₖ I."""
    unit: Any = np.eye(a.shape[0], dtype=a.dtype)
    coefficients = [np.ones_like(a[0, 0])] if a.size else [traced(1.0, a)[0]]
    product: Any = a
    for k in range(1, a.shape[0] + 1):
        coefficients.append(-np.trace(product) / k)
        product = a @ (product + coefficients[-1] * unit)
    return np.stack(coefficients)


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these roots, or that of a square matrix."""
    (roots,) = traced(seq_of_zeros)
    if roots.dtype.kind != "f":
        roots = cast_to(roots, np.float64)
    if roots.ndim == 2 and roots.shape[0] == roots.shape[1]:
        return _characteristic(roots)
    if roots.ndim != 1:
        raise ShapeError(
            f"np.poly: {roots.aval} is neither one row of roots nor a square matrix",
            where=here(),
            hint="give one row of roots, or one matrix.",
        )
    result: Any = np.ones_like(roots[:1]) if roots.size else traced(np.ones(1), roots)[0]
    for k in range(roots.size):
        factor = concatenate([np.ones_like(roots[:1]), -roots[k : k + 1]], 0)
        result = np.convolve(result, factor)
    return result


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """The coefficients of the polynomial of least squares, by scaled columns of powers."""
    if full or cov:
        raise refused_option("np.polyfit", "full= and cov=")
    found = [cast_to(one, np.float64) for one in traced(x, y, *(() if w is None else (w,)))]
    x, y = found[0], found[1]
    if x.ndim != 1 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ShapeError(f"np.polyfit: {x.aval} and {y.aval} do not fit", where=here())
    columns: Any = np.vander(x, int(deg) + 1)  # type: ignore[arg-type]
    if w is not None:
        columns = columns * found[2][:, None]
        y = y * (found[2] if y.ndim == 1 else found[2][:, None])
    scale = np.sqrt(np.sum(columns * columns, axis=0))
    limit = x.size * np.finfo(float).eps if rcond is None else rcond
    solution: Any = np.linalg.lstsq(columns / scale, y, limit)[0]
    return solution / (scale if y.ndim == 1 else scale[:, None])
