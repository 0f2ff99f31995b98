"""A kernel: the text of one compiled function, and how its caller passes arguments and results.

The function takes scalars and flat vectors (every array is raveled, so that its text does not
depend on shapes) and returns scalars and flat vectors.  What needs no compiled code, such as an
output that is a constant, is recorded as a :class:`Result` of its own kind.  Two modules make
kernels: ``engines/unrolled.py`` for graphs of scalars and short vectors, ``engines/lanes.py``
for elementwise graphs over arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffkit.errors import EngineError
from diffkit.graph.ir import LITERAL, Graph
from diffkit.graph.sources import place_of

__all__ = [
    "STATEMENT_LIMIT", "Argument", "Kernel", "Result", "live_nodes", "too_long", "unsupported",
]  # fmt: skip

# Numba compiles a statement of this kind in about 2 ms, so this is a wait of some 4 s.
STATEMENT_LIMIT = 2000
_SUPPORTED_KINDS = "fiub"


@dataclass(frozen=True)
class Argument:
    """One argument: input number ``place``, or the constant ``value``; a vector or a scalar.

    ``shape`` is the shape that the caller's array must have; it is broadcast to ``lanes``
    (when given) before it is raveled.
    """

    name: str
    dtype: np.dtype[Any]
    is_vector: bool
    shape: tuple[int, ...] = ()
    lanes: tuple[int, ...] | None = None
    place: int = -1
    value: Any = None


@dataclass(frozen=True)
class Result:
    """One output: ``kind`` is "computed" (number ``place`` of what the kernel returns),
    "input" (input number ``place``) or "constant" (``value``)."""

    kind: str
    place: int
    value: Any
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass
class Kernel:
    """The body of a function and its calling convention.

    ``results`` are for the nodes of ``wanted``, in that order: the graph's outputs, and the
    values that ``tail`` (nodes that NumPy computes afterwards) starts from.
    """

    arguments: list[Argument] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    tail: list[int] = field(default_factory=list)


def live_nodes(graph: Graph) -> list[int]:
    """The nodes that the outputs need, in order (guards are checked by the caller).

    Raises
    ------
    EngineError
        For a dtype that compiled code does not have.
    """
    columns = graph.columns
    live, stack = set(), list(graph.output_nodes)
    while stack:
        node = stack.pop()
        if node not in live:
            live.add(node)
            stack += columns.operands[node]
    for node in sorted(live):
        dtype = columns.avals[node].dtype
        if dtype.kind not in _SUPPORTED_KINDS or dtype == np.float16:
            raise unsupported(graph, node, f"has the dtype {dtype}")
    return sorted(live)


def unsupported(graph: Graph, node: int, why: str) -> EngineError:
    """The error for a node that cannot be compiled; it names the operation and its line."""
    operation = graph.columns.operations[node]
    name = "a constant" if operation is LITERAL else operation.name
    return EngineError(
        f"specialise: {name} {why}, so this graph cannot be compiled for itself",
        where=place_of(graph.columns.sources[node]) or None,
        hint='use engine="interpret".',
    )


def too_long(statements: int) -> EngineError:
    """The error for a graph whose compilation would take too long."""
    return EngineError(
        f"specialise: the graph needs {statements:,} statements or more; "
        f"the compiler takes at most {STATEMENT_LIMIT:,}",
        hint='use engine="interpret", or write the loop over array elements as array operations.',
    )
