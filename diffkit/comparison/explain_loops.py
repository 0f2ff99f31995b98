"""A loop opened: the first steps of a ``scan``, each with its own three sweeps.

A loop is one row of a trace.  Its steps are the same small graph run again and again, so each is
explained like a program: values and tangents go from step to step forwards, adjoints of the carry
backwards through all steps, from the last to the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.comparison.explain_sweeps import Sweeps, sweeps_at, zeros_like
from diffkit.engines.interpret import run
from diffkit.graph.ir import Graph
from diffkit.primitives.control import Body, layout_of

__all__ = ["STEPS_SHOWN", "LoopStep", "opened"]

STEPS_SHOWN = 3
LONGEST_REVERSED = 5_000
"""Steps of a loop through which adjoints are followed; they would take too long through more."""


@dataclass(frozen=True)
class LoopStep:
    """One step of a loop: its number, in the order in which they run, and its sweeps.

    ``reversible`` says that adjoints were followed back through all steps to this one.
    """

    number: int
    sweeps: Sweeps
    tangents: dict[int, Any]
    reversible: bool


def opened(sweeps: Sweeps, node: int) -> list[LoopStep]:
    """The first steps of the loop that an equation is; empty if it is none.

    >>> import diffkit as dk
    >>> def f(x):
    ...     return dk.scan(lambda c, _: (c * x, None), 1.0, None, length=5)[0]
    >>> len(opened(sweeps_at(dk.trace(f, 2.0), [2.0], (0,), {0: 1.0}, [1.0]), 2))
    3
    """
    graph = sweeps.graph
    operation = graph.columns.operations[node]
    params = operation.kwargs
    if operation.name != "scan":
        return []
    reversible = params["length"] <= LONGEST_REVERSED
    body: Body = params["body"]
    operands = graph.columns.operands[node]
    values = [np.asarray(sweeps.values[n]) for n in operands]
    dots = [np.asarray(sweeps.tangent(n)) for n in operands]
    moves = [n in sweeps.moves for n in operands]
    inputs = _inputs_of_steps(body, params, values, None if reversible else STEPS_SHOWN)
    backs: list[list[Any]] = [[None] * len(body.outputs)] * STEPS_SHOWN
    if reversible:
        backs = _cotangents_of_steps(body, params, inputs, sweeps.adjoint(node))
    wrt = _moving_inputs(body, moves)
    return _steps(body, params, inputs, dots, backs, wrt, reversible)


def _rows(params: Any) -> range:
    length = params["length"]
    return range(length - 1, -1, -1) if params.get("reverse") else range(length)


def _inputs_of_steps(
    body: Body, params: Any, values: Sequence[Any], count: int | None
) -> list[list[Any]]:
    """What each step, or each of the first ``count``, is given: carry, rows of X, constants."""
    carry, xs, constants = body.parted(values)
    found = []
    for row in _rows(params)[:count]:
        given = [*carry, *(x[row] for x in xs), *constants]
        fitted = [np.asarray(x, of.dtype)[()] for x, of in zip(given, body.inputs, strict=True)]
        found.append(fitted)
        carry = body.results(run(body.graph, fitted))[0]
    return found


def _moving_inputs(body: Body, moves: Sequence[bool]) -> list[int]:
    """Inputs of a step that may move: those that move at first, and every carry that is float."""
    return [
        node
        for place, node in enumerate(body.graph.input_nodes)
        if body.inputs[place].is_float and (moves[place] or place < body.carries)
    ]


def _cotangents_of_steps(
    body: Body, params: Any, inputs: Sequence[Any], packed: Any
) -> list[list[Any]]:
    """What flows back to each step's results: rows of Y, sums, and the carry of the next step."""
    output = params.get("output") or body.dtypes[0]
    blocks, _ = layout_of(body, params["length"], params.get("every", 1), output)
    flat = np.asarray(packed).reshape(-1)
    known = {(b.role, b.place): flat[b.offset : b.end].reshape(b.shape) for b in blocks}
    carry, sums, rows = body.results(body.outputs)
    back = [known.get(("carry", i), np.zeros(of.shape)) for i, of in enumerate(carry)]
    fixed = [known.get(("sum", i), np.zeros(of.shape)) for i, of in enumerate(sums)]
    found: list[list[Any]] = []
    wrt = [n for n, of in zip(body.graph.input_nodes, body.inputs, strict=True) if of.is_float]
    pull = _pullback(body.graph, wrt)
    for given, row in zip(reversed(inputs), reversed(_rows(params)), strict=True):
        ys = [known[("row", i)][row] if ("row", i) in known else np.zeros(of.shape)
              for i, of in enumerate(rows)]  # fmt: skip
        flowing = zip([*back, *fixed, *ys], body.outputs, strict=True)
        cotangents = [np.asarray(ct, of.dtype)[()] if of.is_float else None for ct, of in flowing]
        found.append(cotangents)
        back = pull(given, cotangents)[: body.carries]
    return found[::-1]


def _pullback(graph: Graph, wrt: Sequence[int]) -> Any:
    """A function of (inputs, cotangents of the outputs) that gives the cotangent of each input."""
    from diffkit.differentiate.sweeps import pull_back
    from diffkit.graph.arena import Arena

    arena = Arena.of(graph)
    seeds: dict[int, int] = {}
    places, fed = [], []
    for place, node in enumerate(graph.output_nodes):
        aval = graph.columns.avals[node]
        if aval.is_float:
            given = arena.new_input(aval)
            places.append(place)
            fed.append(given)
            seeds[node] = _added(arena, seeds[node], given) if node in seeds else given
    found = pull_back(arena, seeds, list(wrt))
    kept = {n: bar for n, bar in zip(wrt, found, strict=True) if bar is not None}
    frozen = arena.freeze([*graph.input_nodes, *fed], list(kept.values()), guards=())

    def pulled(inputs: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        bars = dict(
            zip(kept, run(frozen, [*inputs, *(cotangents[i] for i in places)]), strict=True)
        )
        return [bars.get(n, zeros_like(x)) for n, x in zip(graph.input_nodes, inputs, strict=True)]

    return pulled


def _added(arena: Any, first: int, second: int) -> int:
    from diffkit.primitives.arithmetic import add

    return arena.emit(add.bare, (first, second), None)


def _steps(
    body: Body, params: Any, inputs: Sequence[Any], dots: Sequence[Any],
    backs: Sequence[Any], wrt: Sequence[int], reversible: bool,
) -> list[LoopStep]:  # fmt: skip
    graph = body.graph
    carry, xs, constants = body.parted(dots)
    found = []
    for number, row in zip(range(STEPS_SHOWN), _rows(params), strict=False):
        moving = [*carry, *(x[row] for x in xs), *constants]
        tangents = {n: np.asarray(dot)[()] for n, dot in zip(graph.input_nodes, moving, strict=True)
                    if n in wrt}  # fmt: skip
        sweeps = sweeps_at(graph, inputs[number], wrt, tangents, backs[number])
        found.append(LoopStep(number, sweeps, tangents, reversible))
        carry = [sweeps.tangent(n) for n in graph.output_nodes[: body.carries]]
    return found
