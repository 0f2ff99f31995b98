"""The rules that turn equations into rows, one module per family of operations.

A rule is registered with the names of its primitives and sees the builder; importing this package
registers all of them.
"""

from __future__ import annotations

from diffkit.engines.machine.rules import (
    control,
    convolution,
    elementwise,
    indexing,
    linear_algebra,
    normalise,
    pieces,
    pooling,
    products,
    reductions,
    views,
)

__all__ = [
    "control", "convolution", "elementwise", "indexing", "linear_algebra", "normalise", "pieces",
    "pooling", "products", "reductions", "views",
]  # fmt: skip
