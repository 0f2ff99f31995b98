"""SciPy's special functions: their ufuncs answer NumPy's protocol, so they trace unmodified.

``scipy.special.gamma(x)`` arrives here as ``np.sin(x)`` does.  The table holds names only; the
compositions (``capture/special_functions.py``) and their primitives are imported at the first
call, so that those who use none do not wait for them.

Reading on: NEP 13; ``primitives/special_base.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.tables import UFUNCS
from diffkit.capture.tracing import Tracer, cast_to, is_traced_deep

__all__ = ["SPECIAL_NAMES", "as_scipy_promotes", "special_function"]

# The names of ufuncs, as they call themselves (``j1`` is J₁, ``jn`` is called ``jv``).
SPECIAL_NAMES = (
    "gamma", "gammaln", "loggamma", "psi", "rgamma", "beta", "betaln", "binom", "poch",
    "gammainc", "gammaincc", "betainc", "betaincc", "gammasgn",
    "chdtr", "chdtrc", "gdtr", "gdtrc", "pdtr", "pdtrc",
    "erfcx", "erfi", "dawsn", "erfinv", "erfcinv", "log_ndtr", "ndtri",
    "logit", "rel_entr", "kl_div", "huber", "pseudo_huber", "boxcox", "boxcox1p", "inv_boxcox",
    "inv_boxcox1p", "exprel", "cosm1", "exp10", "powm1", "sindg", "cosdg", "tandg", "cotdg",
    "j0", "j1", "jv", "jve", "y0", "y1", "yn", "yv", "yve", "i0", "i1", "iv", "i0e", "i1e", "ive",
    "k0", "k1", "kn", "kv", "k0e", "k1e", "kve", "airy", "struve", "modstruve",
    "hyp0f1", "hyp1f1", "hyp2f1", "ellipk", "ellipkm1", "ellipe", "ellipkinc", "ellipeinc",
    "ellipj", "agm",
    "expi", "exp1", "expn", "sici", "shichi", "fresnel", "spence", "wrightomega",
    "_zeta", "_riemann_zeta", "_lambertw",
)  # fmt: skip


def special_function(name: str) -> Callable[..., Any]:
    """The composition of a special function, imported when it is first called.

    >>> import diffkit as dk
    >>> from scipy import special
    >>> float(dk.grad(special.gamma)(2.0))
    0.42278433509846713
    """

    def composition(*operands: Any) -> Any:
        from diffkit.capture.special_functions import COMPOSITIONS

        UFUNCS[name] = COMPOSITIONS[name]
        return COMPOSITIONS[name](*operands)

    return composition


def as_scipy_promotes(ufunc: Any, operands: Any) -> Any:
    """The operands in the dtypes of the loop that SciPy's ufunc chooses for them.

    It takes the first loop that fits, which for some functions is the one of float64 even where
    the array is float32: ``beta(1.5, x)`` is float64, ``jv(1.5, x)`` float32.

    >>> import diffkit as dk
    >>> from scipy import special
    >>> dk.trace(lambda x: special.beta(1.5, x), np.float32(0.5))(np.float32(0.5)).dtype
    dtype('float64')
    """
    if any(not isinstance(x, Tracer) and is_traced_deep(x) for x in operands):
        return operands
    given = [_promoted_by(x) for x in operands]
    try:
        loop = ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout))
    except TypeError:  # SciPy refuses them; so will the composition
        return operands
    pairs = zip(operands, loop, strict=False)
    return tuple([_cast_for(x, dtype) if isinstance(x, Tracer) else x for x, dtype in pairs])


def _promoted_by(x: Any) -> Any:
    if isinstance(x, Tracer):
        return x.dtype
    return type(x) if type(x) in (int, float) else np.asarray(x).dtype


def _cast_for(x: Tracer, dtype: np.dtype[Any]) -> Tracer:
    """An operand for a loop; half floats are not used, and complex numbers are pairs."""
    if dtype.kind == "c":
        dtype = np.dtype(f"f{dtype.itemsize // 2}")
    return cast_to(x, dtype) if dtype.kind == "f" and dtype != np.float16 else x


UFUNCS.update({name: special_function(name) for name in SPECIAL_NAMES})
