"""The values behind tracers, at the inputs that capture was called with.

They are computed only when a branch asks for one, and only what it needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.arena import Arena
from diffkit.graph.ir import LITERAL

__all__ = ["example_value"]


def example_value(arena: Arena, node: int) -> Any:
    """The value of a node at the inputs that capture was called with."""
    examples = arena.examples
    wanted, stack = [], [node]
    seen = set()
    while stack:
        current = stack.pop()
        if current in examples or current in seen:
            continue
        seen.add(current)
        if arena.operations[current] is LITERAL:
            examples[current] = arena.values[current]
            continue
        wanted.append(current)
        stack += arena.operands[current]
    with np.errstate(all="ignore"):
        for current in sorted(wanted):
            operands = [examples[operand] for operand in arena.operands[current]]
            operation = arena.operations[current]
            examples[current] = operation.primitive.value(*operands, **operation.kwargs)
    return examples[node]
