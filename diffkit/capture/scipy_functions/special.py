"""``dk.scipy.special``: the functions of ``scipy.special`` that are no ufuncs.

    logsumexp x = log Σ eˣ,     softmax x = eˣ / Σ eˣ,     log_softmax x = x − logsumexp x

SciPy's ufuncs (``erf``, ``expit``, ``gammaln``, …) are traced as they are.
Reading on: Blanchard, Higham & Higham 2021, *Accurately computing the log-sum-exp and softmax
functions*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture import special_functions
from diffkit.capture.numpy_functions.tables import axes_of, kept, traced
from diffkit.capture.scipy_functions.originals import like
from diffkit.capture.tracing import Tracer, cast_to, is_traced_deep
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise, reductions, shaping

__all__ = [
    "comb", "factorial", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "zeta",
]  # fmt: skip

comb = like("scipy.special.comb")(special_functions.comb)
factorial = like("scipy.special.factorial")(special_functions.factorial)
multigammaln = like("scipy.special.multigammaln")(special_functions.multigammaln)
polygamma = like("scipy.special.polygamma")(special_functions.polygamma)
zeta = like("scipy.special.zeta")(special_functions.zeta)


def _floats(a: Any) -> Tracer:
    (a,) = traced(a)
    return a if a.dtype.kind == "f" else cast_to(a, np.float64)


@like("scipy.special.logsumexp")
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log Σ b·eᵃ over axes, without overflow; with ``return_sign`` log|…| and the sign.

    Shapes and dtypes are those of ``scipy.special.logsumexp``.

    Source: Blanchard, Higham & Higham 2021; weights are means over the softmax.

    >>> import diffkit as dk
    >>> dk.grad(lambda a: logsumexp(a, b=[1.0, 3.0]))(np.zeros(2)).tolist()
    [0.25, 0.75]
    """
    if b is None:
        a = _floats(a)
        axes = axes_of(axis, a.ndim, "logsumexp")
        found: Any = reductions.logsumexp(a, axes=axes)
        sign: Any = np.ones_like(found)
    else:
        product = ops.mul(*traced(a, b))  # checks the shapes
        unused = None if is_traced_deep(b) else np.equal(b, 0.0)
        a, b = (np.broadcast_to(_floats(x), product.shape) for x in traced(a, b))
        axes = axes_of(axis, a.ndim, "logsumexp")
        # a constant weight of 0 takes an element out, whatever it is; one that moves does not
        a = a if unused is None else piecewise.where(unused, -np.inf, a)
        weights = reductions.softmax(a, axes=axes)
        total = reductions.sum_(ops.mul(weights, b), axes=axes)
        sign = piecewise.sign(total)
        size = piecewise.abs_(total) if return_sign else total
        found = reductions.logsumexp(a, axes=axes) + np.log(size)
    shape = kept(a.shape, axes) if keepdims else found.shape
    found = np.reshape(found, shape)
    return (found, np.reshape(sign, shape)) if return_sign else found


@like("scipy.special.softmax")
def softmax(x: Any, axis: Any = None) -> Any:
    """eˣ / Σ eˣ over axes (all of them by default); shapes are those of x.

    >>> softmax(np.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    x = _floats(x)
    return reductions.softmax(x, axes=axes_of(axis, x.ndim, "softmax"))


@like("scipy.special.log_softmax")
def log_softmax(x: Any, axis: Any = None) -> Any:
    """x − log Σ eˣ over axes (all of them by default); shapes are those of x.

    >>> log_softmax(np.zeros(4)).round(6).tolist()
    [-1.386294, -1.386294, -1.386294, -1.386294]
    """
    x = _floats(x)
    axes = axes_of(axis, x.ndim, "log_softmax")
    total = reductions.logsumexp(x, axes=axes)
    return x - shaping.reshape(total, shape=kept(x.shape, axes))
