"""Demands: what a function asks of the numbers it is given, asked again at every call.

    label 7 is out of range for 4 classes        the numbers are wrong, the shapes are not

A check of plain numbers runs while a function is captured, and its graph would never run it
again.  So it is recorded beside the graph, as a branch is recorded as a guard: a kept graph is
valid for the arguments of a call only where every check ends as it did at capture.  Where one
does not, the function is captured anew, and its own check raises its own error.

A demand is no operation: it runs once per call of a derivative, on the arguments alone, and never
in the loop of a training, whose data are checked before.  It is recorded for arguments, whole or
rearranged (``t[None]``, ``y.astype(int)``); what a function computes itself is its own affair, and
would have to be computed twice.

Reading on: Meyer 1992, *Applying "design by contract"*, on preconditions and whose duty they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from diffkit.capture.examples import example_value
from diffkit.capture.lines import user_source
from diffkit.capture.tracing import Tracer
from diffkit.errors import DiffkitError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.sources import Source, place_of

__all__ = [
    "DemandingArena",
    "Demands",
    "demand",
    "demand_of_all",
    "demands_hold",
    "demands_of",
    "inherit_demands",
    "keep_demands",
    "recorded_demands",
]  # fmt: skip

# Operations that move numbers or change their dtype, so that a check of the result is one of the
# argument.
REARRANGING = frozenset({
    "alias", "cast", "concatenate", "getitem", "probe", "reshape", "spread", "transpose",
})  # fmt: skip

# Where a graph keeps its demands.
KEPT = "demands"

# Given the shape of what the numbers belong to, and the numbers; raises for wrong ones.  Axes that
# come before those of one call, as in dk.vmap, must not matter to it.
Check = Callable[[tuple[int, ...], np.ndarray], None]


class Demand(NamedTuple):
    """A check of a node's numbers, and whether they passed it at capture."""

    node: int
    check: Check
    shape: tuple[int, ...]
    passed: bool
    source: Source


class DemandingArena(Arena):
    """The arena of a capture, which remembers demands."""

    __slots__ = ("demands",)

    def __init__(self) -> None:
        super().__init__()
        self.demands: list[Demand] = []


# While a function runs ----------------------------------------------------------------------------


def demand(value: Any, check: Check, shape: tuple[int, ...]) -> None:
    """Check numbers now; if they are arguments of a capture, at each later call, too.

    >>> def small(shape, numbers):
    ...     if np.any(numbers > 2):
    ...         raise ValueError("too large")
    >>> demand(np.array([3]), small, (1,))
    Traceback (most recent call last):
    ...
    ValueError: too large
    """
    if not isinstance(value, Tracer):
        check(shape, np.asarray(value))
    elif isinstance(value.arena, DemandingArena):
        inputs = _inputs_of(value.arena, value.node)
        if inputs:
            _recorded(value.arena, value.node, check, shape, user_source())
        elif inputs is not None:  # a constant, which stays as it is
            check(shape, np.asarray(value.example()))


def _recorded(
    arena: DemandingArena, node: int, check: Check, shape: tuple[int, ...], source: Source
) -> None:
    passed = False
    try:
        check(shape, np.asarray(example_value(arena, node)))
        passed = True
    finally:
        arena.demands.append(Demand(node, check, shape, passed, source))


def _inputs_of(arena: Arena, node: int) -> set[int] | None:
    """The arguments that a node rearranges; None if it computes, or their numbers are unknown."""
    inputs, stack, seen = set(), [node], set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        operation = arena.operations[node]
        if operation is INPUT:
            if node not in arena.examples or node in arena.inner:
                return None
            inputs.add(node)
        elif operation is not LITERAL:
            if operation.name not in REARRANGING:
                return None
            stack += arena.operands[node]
    return inputs


def recorded_demands(arena: Arena) -> list[Demand]:
    """The demands recorded so far in this capture."""
    return arena.demands if isinstance(arena, DemandingArena) else []


def demand_of_all(arena: Arena, first: int, found: dict[int, int], size: int) -> None:
    """Turn the demands from the ``first`` on, of one example, into those of all ``size``.

    ``found`` has the nodes that carry the examples along axis 0.
    """
    demands = recorded_demands(arena)
    own, demands[first:] = demands[first:], []
    for one in own:
        all_ = one._replace(node=found.get(one.node, one.node), shape=(size, *one.shape))
        if one.node not in found:
            demands.append(one)
        elif not one.passed:
            demands.append(all_)
        elif size and isinstance(arena, DemandingArena):
            _recorded(arena, all_.node, all_.check, all_.shape, all_.source)


# Beside a graph -----------------------------------------------------------------------------------


class Demands:
    """All the demands of one function, with a graph from its arguments to the numbers they see."""

    def __init__(self, graph: Graph, demands: Sequence[Demand]) -> None:
        self.graph, self.demands = graph, tuple(demands)
        places = {node: place for place, node in enumerate(graph.input_nodes)}
        self._places = [places.get(node) for node in graph.output_nodes]
        self._direct = None not in self._places

    def values(self, leaves: Sequence[Any]) -> list[Any]:
        """The numbers that the demands are about."""
        if self._direct:
            return [leaves[place] for place in self._places if place is not None]
        columns = self.graph.columns
        found = {**columns.values, **dict(zip(self.graph.input_nodes, leaves, strict=True))}
        with np.errstate(all="ignore"):
            for node in self.graph.equation_nodes():
                operation = columns.operations[node]
                operands = [np.asarray(found[operand]) for operand in columns.operands[node]]
                found[node] = operation.primitive.value(*operands, **operation.kwargs)
        return [found[node] for node in self.graph.output_nodes]

    def hold(self, leaves: Sequence[Any]) -> bool:
        """Whether every check ends as it did at capture."""
        pairs = zip(self.demands, self.values(leaves), strict=True)
        return all(_passes(one, value) is one.passed for one, value in pairs)

    def refuse(self, leaves: Sequence[Any], size: int | None = None) -> None:
        """Raise the error of the first check that these numbers do not pass.

        With ``size`` all numbers have that many examples along axis 0.
        """
        more = () if size is None else (size,)
        for one, value in zip(self.demands, self.values(leaves), strict=True):
            try:
                if one.passed:
                    one.check((*more, *one.shape), np.asarray(value))
            except DiffkitError as error:
                error.where = error.where or place_of(one.source) or None
                raise


def _passes(one: Demand, value: Any) -> bool:
    try:
        one.check(one.shape, np.asarray(value))
    except DiffkitError:
        return False
    return True


def keep_demands(arena: DemandingArena, inputs: Sequence[int], graph: Graph) -> None:
    """Put the demands of a capture beside its graph."""
    if arena.demands:
        seen = arena.freeze(inputs, [one.node for one in arena.demands], guards=())
        graph.cache[KEPT] = Demands(seen, arena.demands)


def inherit_demands(graph: Graph, origin: Graph) -> None:
    """Give a graph the demands of another that computes the same from the same inputs."""
    if KEPT in origin.cache:
        graph.cache[KEPT] = origin.cache[KEPT]


def demands_of(graph: Graph) -> Demands | None:
    """What a graph asks of its inputs; None for most."""
    return graph.cache.get(KEPT)


def demands_hold(graph: Graph, leaves: Sequence[Any]) -> bool:
    """Whether all that a graph asks of its inputs is as it was at capture."""
    demands = graph.cache.get(KEPT)
    return demands is None or demands.hold(leaves)
