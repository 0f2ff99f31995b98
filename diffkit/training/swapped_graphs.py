"""Another signal as a graph of one update: what the machine loops over in place of the gradient.

    forward            J eᵢ for every weight i: one pushforward with the directions side by side
    finite             Σ wₖ L(x + k hᵢ eᵢ) / hᵢ, the displaced losses side by side
    forward-gradient   (∇L·v) v,                            v from a counter-based key
    spsa               (L(x + cv) − L(x − cv))/2c · v,      v = ±1 from the same
    symbolic           the formulas of SymPy, fed with the numbers of parameters and batch

Each takes the parameters, a key where it draws, and the batch, and gives the loss and one array
for each parameter, as the graph of a backward sweep does: what trains by that trains by these, on
every engine.  Displaced losses are taken as they come; the second looks of ``dk.grad`` (for kinks,
for the edge of a domain) would be other runs at every update.
Reading on: ``differentiate/forward.py``, ``finite.py``, ``stochastic.py`` and ``symbolic.py``,
where the same is asked once; Bradbury et al. 2018 for directions side by side (``vmap``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import log2
from typing import Any

import numpy as np

from diffkit.capture.capturing import capture, inline
from diffkit.capture.random_numbers import bernoulli, fold_in, key, normal
from diffkit.capture.scanning import scan
from diffkit.differentiate.batching import vmap
from diffkit.differentiate.finite import Finite
from diffkit.differentiate.forward import Forward, pushforward_graph
from diffkit.differentiate.method import Method
from diffkit.differentiate.stochastic import (
    CENTRAL,
    SPSA,
    ForwardGradient,
    forward_gradient_graph,
)
from diffkit.differentiate.symbolic import Symbolic
from diffkit.graph.ir import Graph

__all__ = [
    "LANES",
    "draws_directions",
    "key_of_directions",
    "operations_of",
    "signal_graph",
    "why_no_graph",
]

# Directions side by side; more go in groups of so many, one after the other, so that memory does
# not grow with the square of the weights.
LANES = 64
# Samples of a guess that a graph writes out; with more, updates are made one by one.
MOST_SAMPLES = 16
# The number that sets keys of directions apart from those of a loss that draws (dropout), which
# are numbered by updates: no training makes so many.
DIRECTIONS = 1 << 50

# The loss, or its slope along a direction, as a function of something like the parameters.
Slope = Callable[[list[Any]], Any]


def draws_directions(method: Method) -> bool:
    """Whether a method works by chance from a seed, so that its directions come from a key.

    >>> draws_directions(SPSA(seed=0)), draws_directions(Forward())
    (True, False)
    """
    return isinstance(method, (ForwardGradient, SPSA)) and why_no_graph(method) is None


def key_of_directions(method: Any, update: Any) -> Any:
    """The key of a guess at one update, which may be traced; shape (2,).

    >>> key_of_directions(SPSA(seed=0), 3).shape
    (2,)
    """
    return fold_in(fold_in(key(method.seed), DIRECTIONS), update)


def why_no_graph(method: Method) -> str | None:
    """Why the updates of a method are no graph that can be looped over; None where they are.

    >>> why_no_graph(Finite(step="estimated"))
    'a step is estimated anew from values at every update'
    """
    if isinstance(method, Finite):
        if method.step == "estimated":
            return "a step is estimated anew from values at every update"
        return "differences are extrapolated from many steps" if method.richardson else None
    if isinstance(method, (ForwardGradient, SPSA)):
        if isinstance(method.seed, np.random.Generator):
            return "directions come from a Generator, whose state moves"
        many = method.samples > MOST_SAMPLES
        return f"more than {MOST_SAMPLES} samples are taken one by one" if many else None
    if isinstance(method, (Forward, Symbolic)):
        return None
    if method.name == "complex":
        return "complex numbers have no loop over updates"
    return f"{method.name or type(method).__name__} gives numbers and no graph"


def signal_graph(graph: Graph, count: int, method: Method) -> Graph:
    """The graph of the loss and of the method's guess of its gradient by the first inputs.

    The inputs are those of ``graph``, with the key of the directions behind the first ``count``
    where the method draws; the outputs are the loss and an array like each of the first inputs.

    Raises
    ------
    BudgetError
        When a formula is too large.
    """
    cached = ("signal", type(method), repr(method), count)
    if cached not in graph.cache:
        avals = [graph.columns.avals[node] for node in graph.input_nodes]
        inputs: list[Any] = [np.ones(of.shape, of.dtype)[()] for of in avals]
        if draws_directions(method):
            inputs.insert(count, key(0))

        def signal(*inputs: Any) -> list[Any]:
            return _signal(graph, list(inputs[:count]), list(inputs[count:]), method)

        graph.cache[cached] = capture(signal, inputs)
    return graph.cache[cached]


def operations_of(graph: Graph, count: int, method: Method) -> int:
    """The operations of one update, counted as the method itself counts them.

    Forward mode is one sweep for each weight, a guess its sweeps or its values: what directions
    side by side have in common is not taken off, and drawing them is not added.

    Source: Griewank & Walther 2008, chapter 4; ``dk.compare`` counts the same.
    """
    wrt = tuple(range(count))
    if isinstance(method, Forward):
        avals = [graph.columns.avals[node] for node in graph.input_nodes[:count]]
        return sum(of.size for of in avals) * pushforward_graph(graph, wrt).flops()
    if isinstance(method, ForwardGradient):
        return method.samples * forward_gradient_graph(graph, wrt).flops()
    if isinstance(method, SPSA):
        return (1 + 2 * method.samples) * graph.flops()
    return signal_graph(graph, count, method).flops()


def _signal(graph: Graph, leaves: list[Any], rest: list[Any], method: Any) -> list[Any]:
    if draws_directions(method):
        return _by_chance(graph, leaves, rest, method)
    value = inline(graph, [*leaves, *rest])[0]
    if isinstance(method, Symbolic):
        return [value, *_by_formulas(graph, leaves, rest, method)]
    slope, steps = _slope(graph, leaves, rest, method)
    found = _along_units(slope, leaves)
    bars = _split(found, leaves)
    return [value, *(bar / h for bar, h in zip(bars, steps, strict=True))] if steps else [
        value, *bars
    ]  # fmt: skip


# Every direction ----------------------------------------------------------------------------------


def _slope(
    graph: Graph, leaves: list[Any], rest: list[Any], method: Any
) -> tuple[Slope, list[Any]]:
    """What a unit direction gives, and by what it is divided afterwards."""
    if isinstance(method, Forward):
        swept = pushforward_graph(graph, tuple(range(len(leaves))))
        return lambda v: inline(swept, [*leaves, *rest, *v])[-1], []
    steps = [_step_of(method, leaf) for leaf in leaves]

    def difference(v: list[Any]) -> Any:
        moves = [h * part for h, part in zip(steps, v, strict=True)]
        parts = [
            weight * inline(graph, [*(x + move * float(offset) for x, move in
                                      zip(leaves, moves, strict=True)), *rest])[0]
            for offset, weight in method.stencil.active
        ]  # fmt: skip
        return sum(parts[1:], parts[0])

    return difference, steps


def _step_of(method: Finite, leaf: Any) -> Any:
    """The steps of finite differences for every number of an array (``automatic_step``)."""
    length = np.maximum(np.abs(leaf), method.scale)
    if isinstance(method.step, str):
        return _power_of_two(length, method.stencil.accuracy, leaf.dtype)
    h = float(method.step) * (length if method.relative else 1.0)
    return (leaf + h) - leaf


def _power_of_two(length: Any, accuracy: int, dtype: Any) -> Any:
    exponent = log2(float(np.finfo(dtype).eps)) / (accuracy + 1)
    return np.exp2(np.round(exponent + np.log2(length)))


def _along_units(slope: Slope, leaves: list[Any]) -> Any:
    """The slope along every unit direction, as one vector."""
    n, dtype = sum(leaf.size for leaf in leaves), np.result_type(*[leaf.dtype for leaf in leaves])

    def group(places: Any) -> Any:
        units = np.equal(places[:, None], np.arange(float(n))).astype(dtype)
        return vmap(lambda unit: slope(_split(unit, leaves)))(units)

    width = max(1, min(n, LANES))
    groups = -(-n // width)
    places = np.arange(float(groups * width)).reshape(groups, width)
    _, found = scan(lambda carry, places: (carry, group(places)), 0.0, places)
    return found.reshape(groups * width)[:n]


def _split(vector: Any, leaves: Sequence[Any]) -> list[Any]:
    """A vector as arrays like the parameters."""
    ends = list(accumulate(leaf.size for leaf in leaves))
    pieces = zip([0, *ends[:-1]], ends, leaves, strict=True)
    return [vector[start:end].reshape(leaf.shape).astype(leaf.dtype) for start, end, leaf in pieces]


# By chance ----------------------------------------------------------------------------------------


def _by_chance(graph: Graph, leaves: list[Any], rest: list[Any], method: Any) -> list[Any]:
    """The loss and the mean of a few guesses."""
    drawn, *rest = rest
    value, bars = None, []
    for k in range(method.samples):
        v = _directions(fold_in(drawn, k), leaves, method.directions)
        if isinstance(method, ForwardGradient):
            swept = pushforward_graph(graph, tuple(range(len(leaves))))
            value, slope = inline(swept, [*leaves, *rest, *v])
        else:
            slope = _two_sided(graph, leaves, rest, v, method)
        bars.append([slope * part for part in v])
    if value is None:
        value = inline(graph, [*leaves, *rest])[0]
    means = [sum(found[1:], found[0]) / len(found) for found in zip(*bars, strict=True)]
    return [value, *means]


def _directions(drawn: Any, leaves: list[Any], kind: str) -> list[Any]:
    """One direction: normal numbers or signs, in the shapes of the parameters."""
    n = sum(leaf.size for leaf in leaves)
    signs = kind == "rademacher"
    numbers = 2.0 * bernoulli(drawn, 0.5, n) - 1.0 if signs else normal(drawn, n)
    return _split(numbers, leaves)


def _two_sided(graph: Graph, leaves: list[Any], rest: list[Any], v: list[Any], method: SPSA) -> Any:
    """(L(x + cv) − L(x − cv)) / 2c."""
    c: Any = method.step
    if isinstance(c, str):
        size: Any = 1.0
        for leaf in leaves:
            size = np.maximum(size, np.max(np.abs(leaf)))
        c = _power_of_two(size, CENTRAL, leaves[0].dtype)

    def at(sign: float) -> Any:
        moved = [x + (sign * c) * part for x, part in zip(leaves, v, strict=True)]
        return inline(graph, [*moved, *rest])[0]

    return (at(1.0) - at(-1.0)) / (2.0 * c)


# By formulas --------------------------------------------------------------------------------------


def _by_formulas(graph: Graph, leaves: list[Any], rest: list[Any], method: Symbolic) -> list[Any]:
    """The derivatives that SymPy wrote, each entry by its formula."""
    derivation = method.derivation(graph, tuple(range(len(leaves))))
    scalars = [leaf.reshape(leaf.size)[i] for leaf in (*leaves, *rest) for i in range(leaf.size)]
    entries = inline(derivation.graph, scalars)
    found: dict[Any, Any] = dict(derivation.constants)
    found.update(zip(derivation.places, entries, strict=True))
    dtype = leaves[0].dtype.type
    rows = [
        np.stack([dtype(0.0) + found.get((0, j, i), 0.0) for i in range(leaf.size)])
        for j, leaf in enumerate(leaves)
    ]
    return [row.reshape(leaf.shape) for row, leaf in zip(rows, leaves, strict=True)]
