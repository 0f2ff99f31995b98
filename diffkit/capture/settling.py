"""Values that decide a shape: read while capturing, and watched by a guard ever after.

How many elements ``x[x > 0]`` has depends on numbers, but a graph has a fixed shape.  So the
condition is *settled*: its value at the inputs that capture was called with becomes part of the
graph, with a guard that compares every element.  Inputs that give another condition break the
guard, and the function is captured again; there is no stale answer.

Reading on: the guards of PyTorch's TorchDynamo (Ansel et al. 2024, *PyTorch 2*, section 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.primitives.arithmetic import equal

__all__ = ["settled"]


def settled(value: Any) -> np.ndarray:
    """The plain array behind a traced condition or integer array, recorded as a guard.

    Plain arrays are returned as they are.

    >>> import diffkit as dk
    >>> dk.grad(lambda x: np.sum(x[settled(x > 0)] ** 2))(np.array([1.0, -1.0, 2.0]))
    array([2., 0., 4.])
    """
    if not isinstance(value, Tracer):
        return np.asarray(value)
    known = value.arena.values.get(value.node)
    if known is not None:
        return np.asarray(known)
    found = np.array(value.example())
    if found.size:
        alike: Any = np.all(equal(value, found))
        bool(alike)  # the guard
    return found
