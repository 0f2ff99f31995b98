"""Special functions as compositions: SciPy's name → what it is in primitives.

Most are a primitive, or one of fixed order (``j0`` is J_v with v = 0).  Others are a few:

    chdtr(v, x) = P(v/2, x/2),      agm(a, b) = π(a + b) / (4 K(((a − b)/(a + b))²)),
    huber(δ, r) = r²/2 or δ(|r| − δ/2),      inv_boxcox(y, λ) = e^(y·log(1 + λy)/(λy)).

The functions at the end are plain Python in SciPy, outside of NumPy's protocol: the originals
cannot see a traced value.  Reading on: ``primitives/special_base.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor, pi
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.tables import together, traced
from diffkit.capture.tracing import here, is_traced_deep
from diffkit.errors import UnsupportedError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import special_bessel as bessel
from diffkit.primitives import special_error as normal
from diffkit.primitives import special_gamma as gam
from diffkit.primitives import special_hypergeometric as hyper
from diffkit.primitives import special_integrals as integrals
from diffkit.primitives import special_logarithmic as logs
from diffkit.primitives.piecewise import abs_, where
from diffkit.primitives.roots import hypot
from diffkit.primitives.transcendental import exp, expm1, log

__all__ = ["COMPOSITIONS", "FROM_SYMPY", "comb", "factorial", "multigammaln", "polygamma", "zeta"]

QUARTER_PI = pi / 4.0
LOG_PI = float(np.log(pi))


# Compositions -----------------------------------------------------------------------------------


def _of_order(primitive: Any, order: float) -> Callable[..., Any]:
    return lambda x: primitive(order, x)


def _next_whole(k: Any) -> Any:
    """⌊k⌋ + 1, a plain number for a plain one."""
    return floor(k) + 1.0 if isinstance(k, (int, float)) else np.floor(k) + 1.0


def _of_whole_order(primitive: Any) -> Callable[..., Any]:
    """A function whose order SciPy cuts to a whole number, as it does for ``kn`` and ``yn``."""

    def function(order: Any, x: Any) -> Any:
        whole = float(int(order)) if isinstance(order, (int, float)) else np.trunc(order)
        return primitive(whole, x)

    return function


def _parts(primitive: Any, count: int) -> Callable[..., Any]:
    """A function with several results."""
    return lambda *x: tuple(primitive(*x, part=part) for part in range(count))


def _huber(delta: Any, r: Any) -> Any:
    delta, r = together(delta, r)
    size = abs_(r)
    linear = delta * (size - 0.5 * delta)
    inside = where(ops.less_equal(size, delta), 0.5 * ops.integer_power(size, n=2), linear)
    return where(ops.less(delta, 0.0), np.inf, inside)


def _pseudo_huber(delta: Any, r: Any) -> Any:
    """r²/(1 + √(1 + (r/δ)²)), which does not cancel."""
    delta, r = together(delta, r)
    flat = ops.equal(delta, 0.0)
    safe = where(flat, 1.0, delta)
    inside = r * r / (1.0 + hypot(1.0, r / safe))
    return where(ops.less(delta, 0.0), np.inf, where(flat, 0.0, inside))


def _inv_boxcox(y: Any, lmbda: Any) -> Any:
    y, lmbda = together(y, lmbda)
    return exp(y * logs.log1prel(lmbda * y))


def _inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    y, lmbda = together(y, lmbda)
    return expm1(y * logs.log1prel(lmbda * y))


def _powm1(x: Any, y: Any) -> Any:
    """e^(y·log x) − 1 for positive x, which does not cancel where the power is near 1."""
    x, y = together(x, y)
    positive = ops.greater(x, 0.0)
    near = expm1(y * log(where(positive, x, 1.0)))
    return where(positive, near, ops.power(where(positive, 1.0, x), y) - 1.0)


def _tandg(x: Any) -> Any:
    return logs.sindg(x) / logs.cosdg(x)


def _cotdg(x: Any) -> Any:
    return logs.cosdg(x) / logs.sindg(x)


def _agm(a: Any, b: Any) -> Any:
    """Gauss's mean by the elliptic integral; 1 − m = 4ab/(a + b)², which does not cancel."""
    a, b = together(a, b)
    total = a + b
    none = ops.equal(total, 0.0)
    total = where(none, 1.0, total)
    mean = QUARTER_PI * total / hyper.ellipkm1(4.0 * (a / total) * (b / total))
    return where(none, 0.0, mean)


def _gammasgn(x: Any) -> Any:
    (x,) = traced(x)
    odd = ops.not_equal(np.remainder(np.floor(x), 2.0), 0.0)
    below = ops.less(x, 0.0)
    pole = ops.logical_and(below, ops.equal(np.floor(x), x))
    one = np.ones((), x.dtype)
    return where(pole, np.nan, where(ops.logical_and(below, odd), -one, one))


def _riemann_zeta(x: Any) -> Any:
    raise UnsupportedError(
        "scipy.special.zeta: the derivative of Riemann's function along s is not offered",
        where=here(),
        hint="zeta(s, q) is differentiable in q; for ζ(s) itself use a finite difference of "
        "values computed outside.",
    )


def _lambertw(x: Any, branch: Any, tolerance: Any = None) -> Any:
    from diffkit.capture.complex_values import ComplexTracer

    if is_traced_deep(branch) or np.ndim(branch) or int(branch) not in (0, -1):
        raise UnsupportedError(
            "scipy.special.lambertw: only the branches 0 and −1 are real",
            where=here(),
            hint="pass k=0 or k=-1 as a plain number.",
        )
    w = integrals.lambertw(traced(x)[0], branch=int(branch))
    return ComplexTracer(w, w * 0.0)


COMPOSITIONS: dict[str, Callable[..., Any]] = {
    # the gamma function and distributions that are made of it
    **{name: getattr(gam, name) for name in (
        "gamma", "gammaln", "loggamma", "rgamma", "beta", "betaln", "binom", "poch", "gammainc",
        "gammaincc", "betainc", "betaincc",
    )},
    "psi": gam.digamma,
    "gammasgn": _gammasgn,
    "chdtr": lambda v, x: gam.gammainc(0.5 * v, 0.5 * x),
    "chdtrc": lambda v, x: gam.gammaincc(0.5 * v, 0.5 * x),
    "gdtr": lambda a, b, x: gam.gammainc(b, a * x),
    "gdtrc": lambda a, b, x: gam.gammaincc(b, a * x),
    "pdtr": lambda k, m: gam.gammaincc(_next_whole(k), m),
    "pdtrc": lambda k, m: gam.gammainc(_next_whole(k), m),
    # the error function's family
    **{name: getattr(normal, name) for name in normal.__all__},
    # relatives of exp and log
    **{name: getattr(logs, name) for name in logs.__all__ if name != "log1prel"},
    "huber": _huber, "pseudo_huber": _pseudo_huber, "inv_boxcox": _inv_boxcox,
    "inv_boxcox1p": _inv_boxcox1p, "powm1": _powm1, "tandg": _tandg, "cotdg": _cotdg,
    # Bessel functions; the scaled J and Y of real numbers are J and Y
    "j0": _of_order(bessel.jv, 0.0), "j1": _of_order(bessel.jv, 1.0),
    "y0": _of_order(bessel.yv, 0.0), "y1": _of_order(bessel.yv, 1.0),
    "i0": _of_order(bessel.iv, 0.0), "i1": _of_order(bessel.iv, 1.0),
    "k0": _of_order(bessel.kv, 0.0), "k1": _of_order(bessel.kv, 1.0),
    "i0e": _of_order(bessel.ive, 0.0), "i1e": _of_order(bessel.ive, 1.0),
    "k0e": _of_order(bessel.kve, 0.0), "k1e": _of_order(bessel.kve, 1.0),
    "jv": bessel.jv, "jve": bessel.jv, "yv": bessel.yv, "yve": bessel.yv,
    "iv": bessel.iv, "ive": bessel.ive, "kv": bessel.kv, "kve": bessel.kve,
    "yn": _of_whole_order(bessel.yv), "kn": _of_whole_order(bessel.kv),
    "airy": _parts(bessel.airy, 4), "struve": bessel.struve, "modstruve": bessel.modstruve,
    # hypergeometric functions and elliptic integrals
    **{name: getattr(hyper, name) for name in (
        "hyp0f1", "hyp1f1", "hyp2f1", "ellipk", "ellipkm1", "ellipe", "ellipkinc", "ellipeinc",
    )},
    "ellipj": _parts(hyper.ellipj, 4), "agm": _agm,
    # integrals
    **{name: getattr(integrals, name) for name in (
        "expi", "exp1", "expn", "spence", "wrightomega",
    )},
    "sici": _parts(integrals.sici, 2), "shichi": _parts(integrals.shichi, 2),
    "fresnel": _parts(integrals.fresnel, 2),
    "lambertw0": integrals.lambertw, "_zeta": integrals.zeta, "_riemann_zeta": _riemann_zeta,
    "_lambertw": _lambertw,
}  # fmt: skip


# SymPy's class → what it is here, from a reader of expressions and one of them.


def _sympy(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda reader, expr: function(*[reader.tracer(part) for part in expr.args])


def _sympy_part(primitive: Any, part: int) -> Callable[..., Any]:
    return _sympy(lambda *x: primitive(*x, part=part))


def _sympy_polygamma(reader: Any, expr: Any) -> Any:
    n, x = expr.args
    if not n.is_Integer:
        raise UnsupportedError("polygamma: the order must be a whole number", hint="use digamma.")
    return polygamma(int(n), reader.tracer(x))


def _sympy_lambertw(reader: Any, expr: Any) -> Any:
    branch = int(expr.args[1]) if len(expr.args) > 1 else 0
    return integrals.lambertw(reader.tracer(expr.args[0]), branch=branch)


def _elliptic_e(first: Any, m: Any = None) -> Any:
    return hyper.ellipe(first) if m is None else hyper.ellipeinc(first, m)


FROM_SYMPY: dict[str, Callable[..., Any]] = {
    "gamma": _sympy(gam.gamma), "loggamma": _sympy(gam.loggamma), "beta": _sympy(gam.beta),
    "binomial": _sympy(gam.binom), "RisingFactorial": _sympy(gam.poch),
    "factorial": _sympy(lambda n: gam.gamma(n + 1.0)), "polygamma": _sympy_polygamma,
    "lowergamma": _sympy(lambda a, x: gam.gamma(a) * gam.gammainc(a, x)),
    "uppergamma": _sympy(lambda a, x: gam.gamma(a) * gam.gammaincc(a, x)),
    "erfi": _sympy(normal.erfi), "erfinv": _sympy(normal.erfinv),
    "erfcinv": _sympy(normal.erfcinv),
    "besselj": _sympy(bessel.jv), "bessely": _sympy(bessel.yv), "besseli": _sympy(bessel.iv),
    "besselk": _sympy(bessel.kv), "airyai": _sympy_part(bessel.airy, 0),
    "airyaiprime": _sympy_part(bessel.airy, 1), "airybi": _sympy_part(bessel.airy, 2),
    "airybiprime": _sympy_part(bessel.airy, 3),
    "elliptic_k": _sympy(hyper.ellipk), "elliptic_e": _sympy(_elliptic_e),
    "elliptic_f": _sympy(hyper.ellipkinc),
    "Ei": _sympy(integrals.expi), "expint": _sympy(integrals.expn),
    "Si": _sympy_part(integrals.sici, 0), "Ci": _sympy_part(integrals.sici, 1),
    "Shi": _sympy_part(integrals.shichi, 0), "Chi": _sympy_part(integrals.shichi, 1),
    "fresnels": _sympy_part(integrals.fresnel, 0), "fresnelc": _sympy_part(integrals.fresnel, 1),
    "LambertW": _sympy_lambertw,
}  # fmt: skip

# Functions outside of the protocol ----------------------------------------------------------------


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of the digamma function, as ``scipy.special.polygamma``; n is plain.

    >>> import diffkit as dk
    >>> float(dk.grad(lambda x: polygamma(0, x))(1.0))
    1.6449340668482266
    """
    return gam.polygamma(x, n=int(n)) if n else gam.digamma(x)


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function, as ``scipy.special.zeta`` with two operands.

    >>> round(float(zeta(2.0, 1.0)), 6)
    1.644934
    """
    return integrals.zeta(s, q)


def factorial(n: Any) -> Any:
    """Γ(n + 1), as ``scipy.special.factorial`` with ``exact=False`` (0 for negative n).

    >>> float(factorial(5.0))
    120.0
    """
    negative = ops.less(n, 0.0)
    return where(negative, 0.0, gam.gamma(where(negative, 0.0, n) + 1.0))


def comb(n: Any, k: Any) -> Any:
    """The binomial coefficient, as ``scipy.special.comb`` with ``exact=False``.

    >>> float(comb(5.0, 2.0))
    10.0
    """
    return gam.binom(n, k)


def multigammaln(a: Any, d: int) -> Any:
    """log Γ_d(a) = d(d − 1)/4 · log π + Σ log Γ(a − (j − 1)/2), as ``scipy.special.multigammaln``.

    >>> round(float(multigammaln(3.0, 2)), 6)
    1.550195
    """
    terms = [gam.gammaln(a - 0.5 * j) for j in range(d)]
    return d * (d - 1) * 0.25 * LOG_PI + sum(terms[1:], terms[0])
