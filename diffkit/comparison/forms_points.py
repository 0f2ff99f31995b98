"""Where formulas are compared: a scalar graph, its points, and the true derivatives there.

Arguments are one point, as for ``dk.compare``; or arrays of one shape on which the function acts
element by element, as for ``dk.derivative``: then every element is a point.  The truth uses no
rule of ours: differences of the value graph in mpmath, by ``engines/precise.py`` for the first
derivative and by ``comparison/orders.py`` for higher ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Any

import numpy as np

from diffkit.comparison.accuracy import rounded
from diffkit.comparison.arguments import _floats, warn_of_chance
from diffkit.comparison.orders_truth import true_orders
from diffkit.comparison.report import check_scalar
from diffkit.comparison.undefined import _nearest
from diffkit.differentiate.function import Bound, function_of
from diffkit.differentiate.higher import _require_elementwise
from diffkit.engines.calling import guards_hold
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.engines.precise import true_derivatives
from diffkit.errors import BudgetError, DataDependentError, DiffkitError, InputError, ShapeError
from diffkit.graph.ir import Graph
from diffkit.lazy import mp

__all__ = ["Cell", "Problem", "TruthAt", "problem_of", "truths_at"]

# Floating-point operations in mpmath, some microseconds each, that the truth may take in all.
MOST_TRUE_FLOPS = 10_000_000
# Runs of the function per scalar: differences and Richardson's step, or four Taylor tables.
RUNS_FOR_SLOPE, RUNS_PER_ORDER = 5, 4

# The leaf of the arguments and the flat index in it that a derivative is by.
Cell = tuple[int, int]


@dataclass
class Problem:
    """A scalar graph and the points at which its formulas are compared.

    ``points`` are the leaves of each point that takes the branches of the graph, ``names`` those
    of the inputs, and ``wrt`` the inputs that hold floats.
    """

    graph: Graph
    title: str
    names: list[str]
    points: list[list[Any]]
    wrt: list[int]
    notes: list[str] = field(default_factory=list)

    def scalars(self, point: Sequence[Any]) -> list[Any]:
        """The elements of all leaves, in the order of a formula's inputs."""
        return [x for leaf in point for x in np.asarray(leaf).reshape(-1)]

    def at(self, point: Sequence[Any]) -> dict[str, Any]:
        """A point by the names of the inputs."""
        plain = (np.asarray(leaf).item() if np.ndim(leaf) == 0 else leaf for leaf in point)
        return dict(zip(self.names, plain, strict=True))


def problem_of(
    f: Callable[..., Any] | Graph,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    variable: str | Sequence[str] | None,
    title: str | None,
) -> Problem:
    """The graph of ``f`` and its points.

    Raises
    ------
    ShapeError
        When the result is neither one number nor one for each element of the arguments.
    DtypeError, InputError
        When there is no argument, or none is a number.
    """
    bound = function_of(f).bind(tuple(args), kwargs)
    leaves = list(bound.leaves)
    wrt = _floats(leaves, range(len(leaves)))
    if not any(np.size(leaves[place]) for place in wrt):
        raise InputError("compare_forms: the arguments have no entries", hint="give a point.")
    many = _many(bound, leaves)
    points = many or [leaves]
    graph = bound.graph_for(points[0])
    name = title or graph.title or getattr(f, "__name__", "f")
    check_scalar(graph, name, "compare_forms")
    if not many:
        warn_of_chance(bound, args, kwargs)
    kept = [point for point in points if guards_hold(graph, point)]
    problem = Problem(graph, name, list(graph.input_names), kept, wrt)
    if len(kept) < len(points):
        problem.notes.append(
            f"{len(points) - len(kept)} of {len(points)} points take another branch of the "
            "function than the first, so they have another formula and are left out"
        )
    if variable is None and len(wrt) < len(leaves):
        problem.notes.append(f"by {', '.join(problem.names[place] for place in wrt)}")
    return problem


def _many(bound: Bound, leaves: list[Any]) -> list[list[Any]]:
    """The points that arrays hold; none where the arguments are one point."""
    shapes = [np.shape(leaf) for leaf in leaves]
    if not any(shapes) or _is_one_point(bound, leaves):
        return []
    try:
        same = np.broadcast_shapes(*shapes)
    except ValueError:
        raise _no_points(shapes) from None
    graph = _graph_over_arrays(bound, leaves)
    if graph is not None:
        if [graph.columns.avals[node].shape for node in graph.output_nodes] != [same]:
            raise _no_points(shapes)
        _require_elementwise(graph)
    flat = [np.broadcast_to(leaf, same).reshape(-1) for leaf in leaves]
    if not flat[0].size:
        raise InputError("there is no point", hint="give at least one, as in x=0.5.")
    return [list(point) for point in zip(*flat, strict=True)]


def _is_one_point(bound: Bound, leaves: list[Any]) -> bool:
    """Whether the arrays are what the graph takes, or give one number."""
    text = bound.function.graph
    if text is not None:
        taken = [text.columns.avals[node].shape for node in text.input_nodes]
        return taken == [np.shape(leaf) for leaf in leaves]
    graph = _graph_over_arrays(bound, leaves)
    if graph is None:
        return False
    return [graph.columns.avals[node].shape for node in graph.output_nodes] == [()]


def _graph_over_arrays(bound: Bound, leaves: list[Any]) -> Graph | None:
    """The graph of a Python function of arrays; None where it branches on single numbers."""
    if bound.function.graph is not None:
        return None
    try:
        return bound.graph_for(leaves)
    except DataDependentError:
        return None


def _no_points(shapes: Sequence[Any]) -> ShapeError:
    return ShapeError(
        "compare_forms takes a function with one number as its result, or one that acts "
        f"element by element; the arguments have the shapes {', '.join(map(str, shapes))}",
        hint="give one point, or arrays of one shape for many.",
    )


# The truth ----------------------------------------------------------------------------------------


@dataclass
class TruthAt:
    """The true derivatives at one point by cell, and the slopes from both sides at kinks."""

    slopes: dict[Cell, Any]
    sides: dict[Cell, tuple[Any, Any]]
    notes: list[str] = field(default_factory=list)

    def fitting(self, cell: Cell, answer: float) -> Any:
        """What an answer is held against; NaN where nothing binds it."""
        if cell in self.sides:
            return _nearest(answer, self.sides[cell])
        return self.slopes[cell]

    def known(self, cell: Cell) -> bool:
        """Whether there is a finite derivative here."""
        return cell not in self.sides and isfinite(rounded(self.slopes[cell]))


def truths_at(problem: Problem, cells: Sequence[Cell], order: int, digits: int) -> list[TruthAt]:
    """The true derivatives of this order at every point.

    Raises
    ------
    BudgetError
        When it would take minutes.
    """
    runs = RUNS_FOR_SLOPE if order == 1 else RUNS_PER_ORDER * (order + 1)
    flops = problem.graph.flops() * runs * len(cells) * len(problem.points)
    if flops > MOST_TRUE_FLOPS:
        raise BudgetError(
            f"the truth of {len(cells):,} derivatives at {len(problem.points):,} points would take "
            "minutes",
            hint="take fewer points, or one variable.",
        )
    by_order = _slopes if order == 1 else _of_order
    return [by_order(problem.graph, point, cells, order, digits) for point in problem.points]


def _slopes(
    graph: Graph, point: list[Any], cells: Sequence[Cell], order: int, digits: int
) -> TruthAt:
    places = sorted({leaf for leaf, _ in cells})
    try:
        truth = true_derivatives(graph, point, places, digits)
    except (DiffkitError, ArithmeticError) as error:
        if isinstance(error, InputError):
            raise
        return TruthAt(dict.fromkeys(cells, mp.nan), {}, [str(error).splitlines()[0]])
    blocks = dict(zip(places, truth.blocks[0], strict=True))
    slopes = {(leaf, index): blocks[leaf].reshape(-1)[index] for leaf, index in cells}
    sides = {(leaf, i): both for (_, leaf, i), both in truth.sides.items() if (leaf, i) in slopes}
    return TruthAt(slopes, sides, truth.notes)


def _of_order(
    graph: Graph, point: list[Any], cells: Sequence[Cell], order: int, digits: int
) -> TruthAt:
    found = {}
    for leaf, index in cells:
        x = np.asarray(point[leaf]).reshape(-1)[index]
        found[leaf, index] = true_orders(_along(graph, point, leaf, index), x, order)[order]
    missing = any(isnan(rounded(slope)) for slope in found.values())
    return TruthAt(found, {}, [f"no derivative of order {order}"] if missing else [])


def _along(graph: Graph, point: list[Any], leaf: int, index: int) -> Callable[[Any], Any]:
    """The function of one element, over mpmath."""
    plain = [np.asarray(x)[()] for x in point]

    def at(t: Any) -> Any:
        moved = [to_objects(x, "mpmath") for x in plain]
        if np.shape(moved[leaf]) == ():
            moved[leaf] = t
        else:
            moved[leaf] = moved[leaf].copy()
            moved[leaf].reshape(-1)[index] = t
        return run(graph, moved, domain="mpmath")[0]

    return at


def cells_of(problem: Problem) -> list[Cell]:
    """Every element of every input."""
    sizes = [problem.graph.columns.avals[node].size for node in problem.graph.input_nodes]
    return list(itertools.chain(*([(i, k) for k in range(n)] for i, n in enumerate(sizes))))
