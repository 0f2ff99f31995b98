"""``dk.scipy``: functions of SciPy that a traced array cannot enter.

NumPy's functions and SciPy's ufuncs hand a traced array back to diffkit by NumPy's protocols.
Most of ``scipy.linalg`` and some of ``scipy.special`` are compiled code behind plain Python, which
asks for numbers at once; there the original raises an error that names the function here:

    scipy.linalg.cho_solve   →   dk.scipy.linalg.cho_solve

These have SciPy's names and arguments.  On plain arrays they call the original, so one program
serves for numbers and for derivatives.

>>> import numpy as np, diffkit as dk
>>> float(dk.scipy.special.logsumexp(np.zeros(2)).round(6))
0.693147
>>> dk.grad(dk.scipy.special.logsumexp)(np.zeros(2)).tolist()
[0.5, 0.5]

Reading on: SciPy's reference, ``scipy.linalg`` and ``scipy.special``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffkit.capture.scipy_functions import linalg, special

__all__ = ["linalg", "special"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(
            f"dk.scipy has no part {name!r}: it has dk.scipy.linalg and dk.scipy.special"
        )
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
