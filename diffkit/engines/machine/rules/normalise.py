"""Log-sum-exp and softmax over any axes."""

from __future__ import annotations

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.rules.reductions import arranged, brought_back, neighbours

__all__ = ["normalise"]

# Exponentials per block: they stay in the first cache, and short rows share a vector loop.
BLOCK = 1024


@rule("logsumexp", "softmax")
def normalise(builder: Builder, node: int) -> bool | None:
    """One row; softmax over axes that are no neighbours copies its result back into order."""
    found = arranged(builder, node)
    if found is None:
        return False
    value, *sizes = found
    count = sizes[1]
    rows = max(BLOCK // max(count, 1), 1)
    scratch = builder.temporary((rows * max(count, 1),), value.dtype)
    name = builder.columns.operations[node].name
    axes = builder.params(node)["axes"]
    straight = name == "logsumexp" or neighbours(axes)
    target = builder.result(node) if straight else builder.temporary(value.shape, value.dtype)
    builder.row(f"{name}_{value.width}", value, target, scratch, *sizes, rows)
    if not straight:
        builder.copy(brought_back(target, axes), builder.result(node))
    return None
