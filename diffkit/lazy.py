"""Modules imported on first use, so that ``import diffkit`` stays light.

``sp`` is SymPy, ``special`` and ``optimize`` are SciPy's, ``mp`` is mpmath, ``forms`` the SymPy
functions of our own (``primitives/symbolic_functions.py``).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__ = ["LazyModule", "forms", "mp", "optimize", "sp", "special"]


class LazyModule:
    """Stands for a module and imports it at the first attribute access.

    >>> float(sp.Rational(1, 4))
    0.25
    """

    def __init__(self, name: str) -> None:
        self.__name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(_imported(self.__name), attribute)
        setattr(self, attribute, value)
        return value


def _imported(name: str) -> Any:
    """The module; an import that was cut short (Ctrl-C) leaves no parts behind.

    Python forgets the package then, but not its parts, which another import would take for done:
    the package would lack them for good.
    """
    try:
        return import_module(name)
    except BaseException:
        package = name.partition(".")[0]
        if package not in sys.modules:
            for part in [other for other in sys.modules if other.startswith(f"{package}.")]:
                del sys.modules[part]
        raise


sp: Any = LazyModule("sympy")
special: Any = LazyModule("scipy.special")
optimize: Any = LazyModule("scipy.optimize")
mp: Any = LazyModule("mpmath")
forms: Any = LazyModule("diffkit.primitives.symbolic_functions")
