"""How a graph is run: interpreted over NumPy, mpmath or SymPy, on the machine, or specialised.

>>> import diffkit as dk
>>> dk.engines.explain(lambda x: x * x, 3.0, engine="interpret").engine
'interpret'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffkit.engines.explaining import explain
    from diffkit.engines.machine.threads import set_threads, threads

__all__ = ["explain", "set_threads", "threads"]

_MODULES = {
    "explain": "diffkit.engines.explaining",
    "set_threads": "diffkit.engines.machine.threads",
    "threads": "diffkit.engines.machine.threads",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'diffkit.engines' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return found
