"""Kernels written for every width of number from one text.

Numba compiles one function for one signature; addresses carry no type, so a kernel for float32 is
another function than the one for float64.  Where both say the same, their source is a template
in which ``T`` stands for the typed pointer (``f8`` or ``f4``) and ``number`` for the scalar type.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.engines.machine.kernels import abi

__all__ = ["FLOATS", "NUMBERS", "WIDTHS", "from_text", "in_widths"]

# The kinds of number that tapes compute with, and those that tensor kernels are written for.
WIDTHS = {"f8": np.dtype(np.float64), "f4": np.dtype(np.float32), "i8": np.dtype(np.int64)}
FLOATS = ("f8", "f4")
NUMBERS = {"f8": "np.float64", "f4": "np.float32", "i8": "np.int64", "i4": "np.int32",
           "u1": "np.uint8"}  # fmt: skip


def from_text(
    name: str, text: str, signature: Any, scope: Mapping[str, Any]
) -> Callable[..., None]:
    """A kernel from its source, which tracebacks and debuggers can show."""
    filename = f"<diffkit machine {name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    names = {pointer: getattr(abi, pointer) for pointer in NUMBERS}
    space: dict[str, Any] = {"np": np, "operand": abi.operand, **names, **scope}
    exec(compile(text, filename, "exec"), space)  # our own text: no word of it is the user's
    function = space[name]
    function.kernel_signature = signature
    return function


def in_widths(
    template: str, signature: Any, scope: Mapping[str, Any], widths: Sequence[str] = FLOATS
) -> dict[str, Callable[..., None]]:
    """One kernel per width from a template ``def name_T(…)`` (see the module's essay)."""
    found = {}
    for width in widths:
        text = template.replace("_T(", f"_{width}(").replace("T(", f"{width}(")
        text = text.replace("number", NUMBERS[width])
        name = text.split("def ", 1)[1].split("(", 1)[0]
        found[name] = from_text(name, text, signature, scope)
    return found
