"""Formulas that stand for better ones, found in a graph and put in their place.

A remedy is a row of a table: the formula to look for and the one to compute instead, both as text
that ``dk.parse`` reads, so that both are graphs,

    log(1 + x)   →   log1p(x).

A pattern's variables stand for any node; matching is unification of two graphs, with sums and
products in either order and x·x read as x².  The new formula is spliced where the old one ended.

Reading on: Panchekha et al. 2015, *Automatically improving accuracy for floating point
expressions* (Herbie); the table is ``remedies.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from diffkit.capture.parsing import parse
from diffkit.capture.tracing import Tracer
from diffkit.comparison.remedy_words import filled_text, numpy_text
from diffkit.errors import DiffkitError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import INPUT, LITERAL, Graph, Guard
from diffkit.graph.sources import Source, line_of, note_of
from diffkit.primitives.arithmetic import integer_power, mul

__all__ = ["Change", "Place", "Remedy", "Site", "matches", "place_line", "remedied"]

SYMMETRIC = frozenset({"add", "mul", "hypot", "maximum", "minimum"})
_SQUARE = integer_power.operation({"n": 2})


@dataclass(frozen=True)
class Place:
    """Where a remedy is tried: the arena being written, a node of it, its names and old nodes."""

    arena: Arena
    node: int
    names: dict[int, str]

    def text(self, node: int, whole: bool = False) -> str:
        """A node in NumPy, by the user's names; ``whole`` writes a named node out itself."""
        if node in self.names and not whole:
            return self.names[node]
        return numpy_text(self.arena, node, self.names)

    def tracer(self, node: int) -> Tracer:
        """A node as a traced array, for NumPy's functions."""
        return Tracer(self.arena, node, self.arena.avals[node])


@dataclass(frozen=True)
class Change:
    """What stands instead of a node, how it is written, and the nodes that it replaces."""

    node: int
    text: str
    replaced: frozenset[int]


@dataclass(frozen=True)
class Remedy:
    """A row of the table: a name, and a rule that gives a :class:`Change` or None at a place."""

    name: str
    rule: Callable[[Place], Change | None]


@dataclass(frozen=True)
class Site:
    """One place where a remedy was applied: its name, the lines it changes, and both texts."""

    remedy: str
    lines: frozenset[str]
    source: Source
    before: str
    after: str


# Matching ----------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _pattern(text: str) -> Graph:
    return parse(text)


def matches(pattern: str, arena: Any, node: int) -> dict[str, int] | None:
    """The nodes that a pattern's variables stand for, with ``""`` for all that it covers.

    The covered nodes come as a set under the empty name; None where the pattern does not match.

    >>> import diffkit as dk
    >>> graph = dk.trace(lambda t: np.log(np.exp(t) + 1.0), 2.0)
    >>> found = matches("log(1 + x)", graph.columns, graph.output_nodes[0])
    >>> graph.names[found["x"]]
    'a'
    """
    graph = _pattern(pattern)
    columns = graph.columns
    end = graph.output_nodes[0]
    for found in _unified(columns, end, arena, node, {}):
        bound = {
            name: found[n] for name, n in zip(graph.input_names, graph.input_nodes, strict=True)
        }
        covered = {found[n] for n in found if columns.operations[n] not in (INPUT, LITERAL)}
        return bound | {"": covered}  # type: ignore[return-value]
    return None


def _unified(
    columns: Any, wanted: int, arena: Any, node: int, known: dict[int, int]
) -> Iterator[dict[int, int]]:
    """Every way in which a node of the pattern can be a node of the graph."""
    if wanted in known:
        if known[wanted] == node:
            yield known
        return
    operation = columns.operations[wanted]
    if operation is INPUT:
        yield known | {wanted: node}
    elif operation is LITERAL:
        value = arena.values.get(node)
        if value is not None and np.all(np.asarray(value) == columns.values[wanted]):
            yield known | {wanted: node}
    else:
        for ours, theirs in _paired(columns, wanted, arena, node):
            yield from _all_unified(columns, ours, arena, theirs, known | {wanted: node})


def _paired(
    columns: Any, wanted: int, arena: Any, node: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The operands to be matched with each other, if the operations are the same."""
    ours, theirs = columns.operands[wanted], arena.operands[node]
    operation, found = columns.operations[wanted], arena.operations[node]
    if operation is found:
        yield ours, theirs
        if operation.name in SYMMETRIC and theirs[0] != theirs[1]:
            yield ours, theirs[::-1]
    elif operation is mul.bare and ours[0] == ours[1] and found is _SQUARE:
        yield ours[:1], theirs
    elif operation is _SQUARE and found is mul.bare and theirs[0] == theirs[1]:
        yield ours, theirs[:1]


def _all_unified(
    columns: Any, ours: tuple[int, ...], arena: Any, theirs: tuple[int, ...], known: dict[int, int]
) -> Iterator[dict[int, int]]:
    if not ours:
        yield known
        return
    for found in _unified(columns, ours[0], arena, theirs[0], known):
        yield from _all_unified(columns, ours[1:], arena, theirs[1:], found)


# Splicing ----------------------------------------------------------------------------------------


def spliced(text: str, place: Place, bound: dict[str, int]) -> int | None:
    """The formula on these nodes, in the dtype of the place; None if its shape is another one."""
    graph, arena, of = _pattern(text), place.arena, place.arena.avals[place.node]
    columns = graph.columns
    known = {n: bound[name] for name, n in zip(graph.input_names, graph.input_nodes, strict=True)}
    for node, operation in enumerate(columns.operations):
        if operation is LITERAL:
            number = np.asarray(columns.values[node])
            known[node] = arena.literal(number.astype(of.dtype) if number.dtype.kind == "f"
                                        else number)  # fmt: skip
        elif operation is not INPUT:
            operands = tuple(known[n] for n in columns.operands[node])
            known[node] = arena.emit(operation, operands, arena.source)
    end = known[graph.output_nodes[0]]
    return end if arena.avals[end] is of else None


def formula_rule(before: str, after: str) -> Callable[[Place], Change | None]:
    """The rule of a row of the table that is two formulas."""

    def rule(place: Place) -> Change | None:
        bound = matches(before, place.arena, place.node)
        if bound is None:
            return None
        covered: Any = bound.pop("")
        node = spliced(after, place, bound)
        if node is None:
            return None
        texts = {name: place.text(n) for name, n in bound.items()}
        return Change(node, filled_text(after, texts), frozenset(covered))

    return rule


def place_line(source: Source) -> str:
    """The user's line of an equation as ``file.py:12``, without the note of a derivative."""
    note, line = note_of(source), line_of(source)
    return line.removesuffix(f" ({note})") if note else line


# The walk ----------------------------------------------------------------------------------------


def remedied(graph: Graph, remedies: list[Remedy]) -> tuple[Graph, list[Site]] | None:
    """The graph with these remedies wherever they match, and where that was; None if nowhere."""
    from diffkit.graph.sources import assigned_name

    columns, arena = graph.columns, Arena()
    place: dict[int, int] = {}
    names: dict[int, str] = {}
    sites: list[Site] = []

    for node, name in zip(graph.input_nodes, graph.input_names, strict=True):
        place[node] = arena.new_input(columns.avals[node])
        names[place[node]] = name
    for node, operation in enumerate(columns.operations):
        if operation is INPUT:
            continue
        if operation is LITERAL:
            place[node] = arena.literal(columns.values[node])
            continue
        source = arena.source = columns.sources[node]
        operands = tuple([place[n] for n in columns.operands[node]])
        moved = arena.emit(operation, operands, source)
        here = Place(arena, moved, names)
        change = _first_change(here, remedies)
        if change is not None:
            name, found = change
            lines = {place_line(arena.sources[n]) for n in found.replaced} | {place_line(source)}
            before = here.text(moved, whole=True)
            sites.append(Site(name, frozenset(lines), source, before, found.text))
            moved = found.node
        place[node] = moved
        assigned = assigned_name(source)
        if assigned is not None:
            names.setdefault(moved, assigned)
    if not sites:
        return None
    return _frozen(graph, arena, place), sites


def _first_change(place: Place, remedies: list[Remedy]) -> tuple[str, Change] | None:
    for remedy in remedies:
        try:
            found = remedy.rule(place)
        except DiffkitError:  # shapes or dtypes that the new formula does not take
            continue
        same = place.arena.avals[place.node]
        if found is not None and found.node != place.node and place.arena.avals[found.node] is same:
            return remedy.name, found
    return None


def _frozen(graph: Graph, arena: Arena, place: dict[int, int]) -> Graph:
    return arena.freeze(
        [place[n] for n in graph.input_nodes],
        [place[n] for n in graph.output_nodes],
        guards=[Guard(place[g.node], g.outcome, g.source) for g in graph.guards],
        names=graph.input_names,
        in_tree=graph.in_tree,
        out_tree=graph.out_tree,
        title=graph.title,
        keywords=graph.keywords,
    )
