"""What patterns are written with: one equation and the graph in front of it, and boxes of pixels.

A pattern looks at an equation whose operands are rewritten already, and at the equations behind
them; it returns the node that has the same value more cheaply, or None.  A box is a range along
every axis, as slices select it.

Reading on: ``machine/passes.py``, which applies the patterns; Aho et al. 2006, *Compilers*,
section 8.9 (tree patterns).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import Operation
from diffkit.graph.primitive import REGISTRY
from diffkit.graph.sources import Source

__all__ = [
    "NO_PADS", "PATTERNS", "Box", "Pads", "Pair", "Seen", "box_of", "counts_up", "index_of",
    "pads_of", "rewrites", "sum_of_pads", "true_box",
]  # fmt: skip

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
NO_PADS: Pads = ((0, 0), (0, 0))


class Seen:
    """One equation, its operands rewritten, and the graph in front of it."""

    def __init__(
        self, arena: Arena, operation: Operation, operands: tuple[int, ...], source: Source
    ) -> None:
        self.arena, self.operation = arena, operation
        self.operands, self.source = operands, source

    def behind(self, node: int, name: str) -> tuple[int, ...]:
        """The operands of a node, if it is an equation of this primitive (else none)."""
        return self.arena.operands[node] if self.arena.operations[node].name == name else ()

    def aval(self, node: int) -> Aval:
        """The abstract value of a node."""
        return self.arena.avals[node]

    def params(self, node: int) -> dict[str, Any]:
        """The parameters of the equation of a node."""
        return self.arena.operations[node].kwargs

    def constant(self, node: int) -> np.ndarray | None:
        """The value of a node that is a literal."""
        value = self.arena.values.get(node)
        return None if value is None else np.asarray(value)

    def make(self, name: str, *operands: int, **params: Any) -> int:
        """The node of a new equation, on the line of this one."""
        return self.arena.emit(REGISTRY[name].operation(params), operands, self.source)

    def reshaped(self, node: int, shape: tuple[int, ...]) -> int:
        """A node in another shape; a reshape that is undone disappears."""
        inner = self.behind(node, "reshape")
        node = inner[0] if inner else node
        return node if self.aval(node).shape == shape else self.make("reshape", node, shape=shape)


Pattern = Callable[[Seen], "int | None"]
PATTERNS: dict[str, list[Pattern]] = {}


def rewrites(primitive: str) -> Callable[[Pattern], Pattern]:
    """Register a pattern for the equations of a primitive; its docstring says what it does."""

    def register(pattern: Pattern) -> Pattern:
        PATTERNS.setdefault(primitive, []).append(pattern)
        return pattern

    return register


# Boxes: ranges along every axis ------------------------------------------------------------------

Box = tuple[tuple[int, int, int], ...]  # start, step and count for each axis


def box_of(index: Any, shape: tuple[int, ...]) -> Box | None:
    """The ranges that an index of slices selects; None for other indices."""
    if len(index) > len(shape):
        return None
    found = []
    for k, size in enumerate(shape):
        part = index[k] if k < len(index) else ("slice", None, None, None)
        if not isinstance(part, tuple) or part[0] != "slice":
            return None
        start, stop, step = slice(*part[1:]).indices(size)
        found.append((start, step, len(range(start, stop, step))))
    return tuple(found)


def index_of(box: Box) -> tuple[Any, ...]:
    """The index of slices that selects a box of steps 1."""
    return tuple(("slice", start, start + count, 1) for start, _, count in box)


def true_box(mask: np.ndarray | None) -> Box | None:
    """The ranges in which a constant mask is true, if they are all of it."""
    if mask is None or mask.dtype != np.bool_ or not mask.any():
        return None
    found = []
    for axis in range(mask.ndim):
        places = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        found.append((int(places[0]), 1, int(places[-1] - places[0] + 1)))
    return tuple(found) if prod(n for _, _, n in found) == mask.sum() else None


def counts_up(numbers: np.ndarray | None, box: Box, size: int) -> bool:
    """Whether an index array has 0, 1, … size − 1 in a box."""
    if numbers is None or prod(count for _, _, count in box) != size:
        return False
    inside = numbers[tuple(slice(start, start + count) for start, _, count in box)]
    return np.array_equal(inside.reshape(-1), np.arange(size))


def pads_of(box: Box, shape: tuple[int, ...]) -> Pads | None:
    """What lies around a box of images: pixels only; None if it is no such box."""
    if len(shape) != 4 or any(step != 1 for _, step, _ in box):
        return None
    if any((box[k][0], box[k][2]) != (0, shape[k]) for k in (0, 3)):
        return None
    top, left = ((box[k][0], shape[k] - box[k][0] - box[k][2]) for k in (1, 2))
    return top, left


def sum_of_pads(first: Pads, second: Pads) -> Pads:
    (a, b), (c, d) = first
    (p, q), (r, s) = second
    return (a + p, b + q), (c + r, d + s)
