"""The numbers of both sweeps: each value, each tangent, and each amount that flows back.

    forward:  v̇ᵢ = Σⱼ (∂vᵢ/∂vⱼ) v̇ⱼ,     from the inputs down
    reverse:  v̄ⱼ += v̄ᵢ (∂vᵢ/∂vⱼ),       from the outputs up

They are made by the rules that ``grad`` and ``jvp`` run, in their order, so that the last total of
an input is the gradient itself.  The amounts of the reverse sweep are kept one by one, with the
total after each, as in table 3 of Baydin et al. 2018, *Automatic differentiation in machine
learning: a survey*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from diffkit.differentiate.sweeps import dependents, pull_back, push_forward
from diffkit.differentiate.templates import splice, vjp_template
from diffkit.engines.interpret import run, run_all
from diffkit.errors import DiffkitError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import INPUT, LITERAL, Graph, Operation
from diffkit.primitives.arithmetic import add

__all__ = ["Amount", "Sweeps", "multiplied_out", "sweeps_at", "zeros_like"]


@dataclass(frozen=True)
class Amount:
    """What one equation sends back to one of its operands, and the operand's total after it.

    ``first`` says that nothing had arrived before, so that the total is the amount.
    """

    node: int
    place: int
    operand: int
    amount: Any
    total: Any
    first: bool


@dataclass
class Sweeps:
    """Value, tangent and adjoint by node; ``moves`` are the nodes that carry derivatives.

    A node that does not move, or that nothing flows back to, has no entry.
    """

    graph: Graph
    values: dict[int, Any]
    moves: frozenset[int]
    tangents: dict[int, Any] = field(default_factory=dict)
    adjoints: dict[int, Any] = field(default_factory=dict)
    amounts: list[Amount] = field(default_factory=list)
    seeds: dict[int, Any] = field(default_factory=dict)

    def tangent(self, node: int) -> Any:
        """The tangent of a node, zeros where nothing arrives."""
        found = self.tangents.get(node)
        return zeros_like(self.values[node]) if found is None else found

    def adjoint(self, node: int) -> Any:
        """The adjoint of a node, zeros where nothing flows back."""
        found = self.adjoints.get(node)
        return zeros_like(self.values[node]) if found is None else found


def zeros_like(value: Any) -> Any:
    """Zeros of the shape and dtype of a value, a scalar for a scalar."""
    return np.zeros_like(np.asarray(value))[()]


def sweeps_at(
    graph: Graph,
    leaves: Sequence[Any],
    wrt: Sequence[int],
    tangents: Mapping[int, Any],
    cotangents: Sequence[Any],
) -> Sweeps:
    """Run a graph with both sweeps and keep every number.

    Parameters
    ----------
    graph, leaves
        Any graph and the values of its inputs.
    wrt
        The input nodes that carry derivatives.
    tangents
        Input node → tangent; inputs without one do not move.
    cotangents
        One per output, of its shape; None where nothing is sent back.

    >>> import diffkit as dk
    >>> graph = dk.parse("x*y")
    >>> found = sweeps_at(graph, [2.0, 5.0], (0, 1), {0: 1.0}, [1.0])
    >>> [float(found.tangent(2)), float(found.adjoint(0)), float(found.adjoint(1))]
    [5.0, 5.0, 2.0]
    """
    values = _values(graph, leaves)
    arena = Arena.of(graph)
    end = len(arena)
    moving = dependents(arena, list(wrt), end)
    moves = frozenset(node for node in range(end) if moving[node])
    sweeps = Sweeps(graph, values, moves)
    _forward(sweeps, leaves, tangents)
    _backward(sweeps, leaves, cotangents)
    return sweeps


def _values(graph: Graph, leaves: Sequence[Any]) -> dict[int, Any]:
    try:
        return run_all(graph, leaves)
    except DiffkitError:
        run(graph, leaves)  # raises the same error, with the user's line
        raise


def _forward(sweeps: Sweeps, leaves: Sequence[Any], tangents: Mapping[int, Any]) -> None:
    graph = sweeps.graph
    arena = Arena.of(graph)
    starts = {node: arena.literal(value) for node, value in tangents.items() if np.any(value)}
    nodes = sorted(sweeps.moves)
    found = push_forward(arena, starts, nodes)
    sweeps.tangents = _numbers(arena, graph, leaves, dict(zip(nodes, found, strict=True)))


def _numbers(
    arena: Arena, graph: Graph, leaves: Sequence[Any], wanted: Mapping[Any, int | None]
) -> dict[Any, Any]:
    """The numbers behind nodes of an arena, in one run; keys without a node are left out."""
    known = {key: node for key, node in wanted.items() if node is not None}
    frozen = arena.freeze(graph.input_nodes, list(known.values()), guards=())
    return dict(zip(known, run(frozen, leaves), strict=True))


def _backward(sweeps: Sweeps, leaves: Sequence[Any], cotangents: Sequence[Any]) -> None:
    """The reverse sweep, keeping what each equation sends to each operand."""
    graph = sweeps.graph
    arena = Arena.of(graph)
    bars: dict[int, int] = {}
    for node, given in zip(graph.output_nodes, cotangents, strict=True):
        if given is not None and node in sweeps.moves:
            seed = arena.literal(given)
            bars[node] = arena.emit(add.bare, (bars[node], seed), None) if node in bars else seed
    seeds = dict(bars)
    sent = _sent(arena, sweeps.moves, bars)
    wanted: dict[Any, int | None] = {("bar", node): bar for node, bar in bars.items()}
    wanted |= {("seed", node): bar for node, bar in seeds.items()}
    for number, (_, _, _, amount, total, _) in enumerate(sent):
        wanted |= {("amount", number): amount, ("total", number): total}
    numbers = _numbers(arena, graph, leaves, wanted)
    sweeps.adjoints = {node: numbers["bar", node] for node in bars}
    sweeps.seeds = {node: numbers["seed", node] for node in seeds}
    sweeps.amounts = [
        Amount(node, place, operand, numbers["amount", i], numbers["total", i], first)
        for i, (node, place, operand, _, _, first) in enumerate(sent)
    ]


def _sent(
    arena: Arena, moves: frozenset[int], bars: dict[int, int]
) -> list[tuple[int, int, int, int, int, bool]]:
    """Equations from the last to the first: (node, place, operand, amount, total, first)."""
    found = []
    for node in range(max(bars, default=-1), -1, -1):
        operation = arena.operations[node]
        if node not in bars or operation is INPUT or operation is LITERAL:
            continue
        operands, y_bar = arena.operands[node], bars[node]
        active = tuple([int(operand in moves) for operand in operands])
        avals = tuple([arena.avals[operand] for operand in operands])
        unit = y_bar in arena.units and not arena.avals[node].shape
        template = vjp_template(operation, avals, arena.avals[node], active, unit)  # type: ignore[arg-type]
        environment = [*operands, node] if unit else [*operands, node, y_bar]
        source = (f"vjp of {operation.name}", arena.sources[node])
        for place, x_bar in enumerate(splice(arena, template, environment, source)):
            if x_bar is None:
                continue
            operand = operands[place]
            before = bars.get(operand)
            total = x_bar if before is None else arena.emit(add.bare, (before, x_bar), source)
            bars[operand] = total
            found.append((node, place, operand, x_bar, total, before is None))
    return found


def multiplied_out(sweeps: Sweeps, node: int, place: int | None) -> Any:
    """What one equation gives by arithmetic alone: its tangent, or what flows back to an operand.

    The sweeps differ from it where a value was selected: they keep the selection outside, so that
    0·∞ is never formed (Note [Kinks]).
    """
    columns = sweeps.graph.columns
    operands = columns.operands[node]
    moving = tuple(k for k, operand in enumerate(operands) if operand in sweeps.moves)
    avals = tuple(columns.avals[operand] for operand in operands)
    rule = _rule_alone(columns.operations[node], avals, columns.avals[node], moving, place)
    if rule is None:
        return zeros_like(sweeps.values[node if place is None else operands[place]])
    given = [sweeps.values[operand] for operand in operands]
    if place is None:
        return run(rule, given + [sweeps.tangent(operands[k]) for k in moving])[0]
    return run(rule, [*given, sweeps.adjoint(node)])[0]


@lru_cache(maxsize=1024)
def _rule_alone(
    operation: Operation, avals: tuple[Aval, ...], out: Aval, moving: tuple[int, ...], place: Any
) -> Graph | None:
    """The rule of one equation as a graph of the operands, and the tangents or the adjoint."""
    arena = Arena()
    inputs = [arena.new_input(of) for of in avals]
    y = arena.emit(operation, tuple(inputs), None)
    if place is None:
        dots = {inputs[k]: arena.new_input(avals[k]) for k in moving}
        found, fed = push_forward(arena, dots, [y])[0], list(dots.values())
    else:
        fed = [arena.new_input(out)]
        found = pull_back(arena, {y: fed[0]}, [inputs[place]])[0]
    return None if found is None else arena.freeze([*inputs, *fed], [found], guards=())
