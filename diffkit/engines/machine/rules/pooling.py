"""Reductions over windows: axes that are no neighbours, or windows that are views.

    y[n, i, j, c] = max over (a, b) of x[n, 2i + a, 2j + b, c]

Pooling reshapes or views an image so that windows are axes of their own, and reduces over those.
Bringing these axes together would copy the image; here the reduction reads it where it lies.
"""

from __future__ import annotations

from math import prod
from typing import Any

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.layout import common_axes
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.rules.indexing import offsets_of
from diffkit.engines.machine.rules.reductions import reduce

__all__ = ["pooled"]

# Windows of more pixels are brought together first: long sums are made with compensation.
MOST_PIXELS = 64


@rule("max", "min", "sum")
def pooled(builder: Builder, node: int) -> bool | None:
    """One row that reduces windows where they lie; other reductions go on to their own rule."""
    (operand,) = builder.operands(node)
    aval, axes = builder.aval(operand), builder.params(node)["axes"]
    pixels = prod(aval.shape[k] for k in axes)
    floats = aval.dtype.str[1:] in ("f8", "f4")
    if not floats or not aval.size or not axes or not 1 < pixels <= MOST_PIXELS:
        return reduce(builder, node)
    value = builder.memory(operand)
    apart = axes[-1] - axes[0] != len(axes) - 1
    if not (apart or (not value.is_dense and aval.ndim - 1 not in axes)):
        return reduce(builder, node)
    _pool(builder, node, value, axes)
    return None


def _pool(builder: Builder, node: int, value: Value, axes: tuple[int, ...]) -> None:
    every = list(zip(value.shape, value.strides, strict=True))
    window = builder.literal(offsets_of([every[k] for k in axes]))
    kept: Any = [(n, s, s) for k, (n, s) in enumerate(every) if k not in axes]
    kept = common_axes(kept) or [(1, value.dtype.itemsize, 0)]
    name = builder.columns.operations[node].name
    builder.row(f"pool_{name}_{value.width}", value, builder.result(node), window, window.size,
                len(kept), *(n for n, _, _ in kept), *(s for _, s, _ in kept))  # fmt: skip
