"""Sizes that a function divides by, given back their letters: the 5 of a mean over 5 rows is n.

Capture is by example, so ``np.sum(e) / len(X)`` is a division by 5.0.  In a formula it should be a
division by n.  A divisor that equals the number of terms of the sum above it becomes a variable
of the graph; √d, the square root of the inner size of the product above it, as in an attention
head, does so too (Vaswani et al. 2017).  What is derived from that graph has the letter in every
place where the number came from, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import numpy as np

from diffkit.graph.arena import Arena
from diffkit.graph.ir import INPUT, LITERAL, Graph, Guard
from diffkit.graph.primitive import REGISTRY
from diffkit.graph.sources import assigned_name

__all__ = ["Size", "named_sizes"]

COUNTS = ("n", "m", "N", "M", "k")
WIDTHS = ("d", "k", "p", "m")
THROUGH = ("neg", "mul", "div", "add", "sub", "where", "mask", "cast", "reshape", "sum", "sqrt")
MOST_STEPS = 8
LEAST = 2


@dataclass(frozen=True)
class Size:
    """A size with a letter: its number, where the user's arguments show it, and in words."""

    letter: str
    number: int
    code: str
    words: str


def named_sizes(graph: Graph) -> tuple[Graph, list[Size]]:
    """The graph with the sizes it divides by as inputs after its own, and these sizes.

    >>> import numpy as np, diffkit as dk
    >>> found = named_sizes(dk.trace(lambda x: np.sum(x) / len(x), np.ones(3)))[1]
    >>> found
    [Size(letter='n', number=3, code='len(x)', words='the length of x')]
    """
    wanted = dict(_divisors(graph))
    if not wanted:
        return graph, []
    taken = {*graph.input_names, *map(assigned_name, graph.columns.sources)}
    sizes: dict[tuple[int, bool], Size] = {}
    for number, rooted, _ in wanted.values():
        if (number, rooted) in sizes:
            continue
        letters = WIDTHS if rooted else COUNTS
        used = {size.letter for size in sizes.values()}
        letter = next((x for x in letters if x not in taken and x not in used), None)
        if letter is not None:
            sizes[number, rooted] = Size(letter, number, *_shown(graph, number, rooted))
    wanted = {node: found for node, found in wanted.items() if found[:2] in sizes}
    return _with_inputs(graph, wanted, sizes), list(sizes.values())


def _shown(graph: Graph, number: int, rooted: bool) -> tuple[str, str]:
    """Where the arguments show a size, as code and in words."""
    shapes = [(name, var.shape) for name, var in zip(graph.input_names, graph.inputs, strict=True)]
    for name, shape in shapes:
        if not rooted and shape[:1] == (number,):
            what = "rows" if len(shape) > 1 else "length"
            return f"len({name})", f"the {what} of {name}"
    for name, shape in shapes:
        if shape[-1:] == (number,):
            return f"{name}.shape[-1]", f"the columns of {name}"
        if len(shape) > 1 and prod(shape) == number:
            return f"{name}.size", f"the elements of {name}"
    return str(number), ""


def _divisors(graph: Graph) -> Iterator[tuple[int, tuple[int, bool, int]]]:
    """Divisions by a size: node → (size, whether by its root, factor)."""
    columns = graph.columns
    for node in graph.equation_nodes():
        if columns.operations[node].name != "div" or not columns.avals[node].is_float:
            continue
        top, bottom = columns.operands[node]
        value = columns.values.get(bottom)
        if value is None or np.ndim(value) or not np.isfinite(value):
            continue
        found = _size_of(graph, top, value)
        if found is not None:
            yield node, found


def _size_of(graph: Graph, top: int, value: Any) -> tuple[int, bool, int] | None:
    number = float(value)
    if number.is_integer():
        counts = set(_counts(graph, top))
        for factor in (1, 2):
            if number % factor == 0 and number // factor >= LEAST and number // factor in counts:
                return int(number // factor), False, factor
    square = round(number * number)
    if square >= LEAST and isqrt(square) ** 2 != square:
        same = np.sqrt(np.asarray(square, np.asarray(value).dtype)) == value
        if same and square in set(_widths(graph, top)):
            return square, True, 1
    return None


def _above(graph: Graph, top: int) -> list[int]:
    """The nodes that a divided value was made of, by sums and arithmetic."""
    columns, seen, edge = graph.columns, [top], [top]
    for _ in range(MOST_STEPS):
        edge = [
            operand
            for node in edge
            if columns.operations[node].name in THROUGH
            for operand in columns.operands[node]
            if operand not in seen and columns.operations[operand] not in (INPUT, LITERAL)
        ]
        seen += edge
    return seen


def _counts(graph: Graph, top: int) -> Iterator[int]:
    """The numbers of terms of the sums and products that a value was made by."""
    columns = graph.columns
    for node in _above(graph, top):
        operation = columns.operations[node]
        if operation.name not in ("sum", "matmul"):
            continue
        shape = columns.avals[columns.operands[node][0]].shape
        if operation.name == "sum":
            summed = [shape[axis] for axis in operation.kwargs["axes"]]
            yield prod(summed)
            yield prod(shape)
            yield from summed
        else:
            yield shape[-1]


def _widths(graph: Graph, top: int) -> Iterator[int]:
    columns = graph.columns
    for node in _above(graph, top):
        if columns.operations[node].name == "matmul":
            yield columns.avals[columns.operands[node][0]].shape[-1]


def _with_inputs(
    graph: Graph, wanted: dict[int, tuple[int, bool, int]], sizes: dict[tuple[int, bool], Size]
) -> Graph:
    """The graph again, with inputs for the sizes and divisions by them."""
    columns, arena = graph.columns, Arena()
    place = {node: arena.new_input(columns.avals[node]) for node in graph.input_nodes}
    dtype = {sizes[found[:2]]: columns.avals[node].dtype for node, found in wanted.items()}
    letters = {
        size: arena.new_input(_scalar(dtype.get(size, np.dtype(np.float64))))
        for size in sizes.values()
    }
    for node, operation in enumerate(columns.operations):
        if operation is INPUT:
            continue
        if operation is LITERAL:
            place[node] = arena.literal(columns.values[node])
            continue
        operands = tuple(place[operand] for operand in columns.operands[node])
        if node in wanted:
            number, rooted, factor = wanted[node]
            by = letters[sizes[number, rooted]]
            if rooted:
                by = arena.emit(REGISTRY["sqrt"].bare, (by,), None)
            elif factor > 1:
                two = arena.literal(arena.avals[by].dtype.type(factor))
                by = arena.emit(REGISTRY["mul"].bare, (two, by), None)
            operands = (operands[0], by)
        place[node] = arena.emit(operation, operands, columns.sources[node])
    return arena.freeze(
        [place[node] for node in graph.input_nodes] + list(letters.values()),
        [place[node] for node in graph.output_nodes],
        guards=[Guard(place[g.node], g.outcome, g.source) for g in graph.guards],
        names=[*graph.input_names, *(size.letter for size in letters)],
        title=graph.title,
    )


def _scalar(dtype: Any) -> Any:
    from diffkit.graph.avals import aval

    return aval((), dtype)
