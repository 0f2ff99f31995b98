"""Taylor coefficients of a function along a direction, all of them in one run.

    f(x + t v) = c₀ + c₁ t + c₂ t² + … ,        cₖ = (1/k!) dᵏ/dtᵏ f(x + t v) at t = 0

``taylor`` gives the cₖ themselves, "unscaled" in the words of those who ask for them: what stands
before tᵏ, and what the recurrences of ``taylor_sweep.py`` work with.  Derivatives are k! cₖ
(``scaled=True``); k! is never formed on the way, so that nothing overflows before they do.

Nesting forward mode n times computes the same derivative, but writes down the chain rule of
every lower order inside that of the next; the coefficients take O(n²) operations.  Reading on:
Griewank & Walther 2008, *Evaluating Derivatives*, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.tracing import Tracer, lift
from diffkit.capture.trees import flatten, unflatten
from diffkit.differentiate.api import Differentiable, _transformed
from diffkit.differentiate.calls import Call, TracedCall, dispatch
from diffkit.differentiate.directional import _directions, _outputs
from diffkit.differentiate.forward import Forward, fitted_graph
from diffkit.differentiate.function import Function, function_of
from diffkit.differentiate.sweeps import dependents
from diffkit.differentiate.taylor_sweep import Coefficient, TaylorSweep
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph, Operation
from diffkit.graph.primitive import Elementwise
from diffkit.graph.shifts import graph_roots, hold_shifts
from diffkit.primitives.arithmetic import alias, mul
from diffkit.primitives.shaping import concatenate, reshape

__all__ = ["Taylor", "taylor", "taylor_derivative", "taylor_graph"]


def taylor_graph(graph: Graph, order: int, wrt: Sequence[int]) -> Graph:
    """The graph of the Taylor coefficients 0 … n of every output.

    The inputs are those of the graph and one direction per ``wrt`` (positions of inputs); the
    outputs are c₀ … cₙ of the first output, then those of the next.

    Source: Griewank & Walther 2008, chapter 13.
    """
    wrt = tuple(wrt)
    key = ("taylor", order, wrt)
    if key not in graph.cache:
        arena = Arena.of(graph)
        hold_shifts(arena, graph_roots(graph))
        nodes = [graph.input_nodes[i] for i in wrt]
        directions = [arena.new_input(arena.avals[node]) for node in nodes]
        found = _series(arena, nodes, directions, graph.output_nodes, order)
        graph.cache[key] = arena.freeze(
            [*graph.input_nodes, *directions],
            [node for series in found for node in series],
            names=[*graph.input_names, *(f"{graph.input_names[i]}_1" for i in wrt)],
            title=f"taylor of {graph.title}" if graph.title else "",
        )
    return graph.cache[key]


def _series(
    arena: Arena,
    inputs: Sequence[int],
    directions: Sequence[int],
    outputs: Sequence[int],
    order: int,
) -> list[list[int]]:
    """The coefficients of the outputs as nodes; structural zeros become literals."""
    seeds = {node: [v] if order else [] for node, v in zip(inputs, directions, strict=True)}
    found = TaylorSweep(arena, seeds, order).coefficients(outputs)
    return [
        [_node(arena, node, c) for c in series] for node, series in zip(outputs, found, strict=True)
    ]


def _node(arena: Arena, value: int, coefficient: Coefficient) -> int:
    of = arena.avals[value]
    zero = np.zeros(of.shape, of.dtype)[()]
    return arena.literal(zero) if coefficient is None else coefficient


def taylor(
    f: Differentiable,
    x: Any,
    order: int,
    direction: Any = None,
    scaled: bool = False,
    engine: str = "auto",
) -> Any:
    """The Taylor coefficients c₀, …, cₙ of t ↦ f(x + t v) at t = 0.

    ``direction`` is v, with the tree and shapes of ``x``; it may be left out where ``x`` is a
    number, or an array on which ``f`` acts element by element (then v is 1 everywhere).  The
    result has one axis more than the output of ``f``, the first, of length ``order`` + 1, and
    the output's tree.  Entry k is cₖ = f⁽ᵏ⁾/k!; with ``scaled`` it is the derivative k! cₖ.

    Raises
    ------
    InputError
        When the order is not 0, 1, 2, …, or the direction does not fit ``x``.
    ShapeError
        When an array ``x`` comes without a direction and ``f`` mixes its elements.
    DtypeError
        When ``x`` holds no numbers, or ``f`` returns none.

    Source: Griewank & Walther 2008, chapter 13.

    >>> import numpy as np, diffkit as dk
    >>> dk.taylor(np.exp, 0.0, 4)
    array([1.        , 1.        , 0.5       , 0.16666667, 0.04166667])
    >>> x, v = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    >>> dk.taylor(lambda x: x[0] ** 2 * x[1], x, 3, direction=v)
    array([2., 5., 4., 1.])
    >>> dk.taylor(np.exp, 0.0, 3, scaled=True)
    array([1., 1., 1., 1.])
    """
    check_order(order)
    args, kwargs, argnums = _arguments(f, x)
    series = _Series(function_of(f), args, kwargs, argnums, int(order))
    return series.rows(direction, scaled, engine)


def check_order(order: Any) -> None:
    """Refuse what is not a number of times to differentiate."""
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 0:
        raise InputError(
            f"order={order!r} is not the order of a Taylor polynomial", hint="use 0, 1, 2, …"
        )


def _arguments(f: Differentiable, x: Any) -> tuple[tuple[Any, ...], dict[str, Any], int | None]:
    """Arguments of the call: a dict gives the variables of a graph made from text by name."""
    if isinstance(f, Graph) and f.keywords and isinstance(x, dict):
        return (), x, None
    return (x,), {}, 0


@dataclass(frozen=True, slots=True)
class _Series:
    """One call of a function, whose chosen argument moves along a line."""

    function: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    argnums: int | None
    order: int

    def rows(self, direction: Any, scaled: bool, engine: str) -> Any:
        """The coefficients stacked along axis 0, in the tree of the output."""
        return dispatch(
            (self.args, self.kwargs, direction),
            lambda: self._traced(direction, scaled),
            lambda: self._concrete(direction, scaled, engine),
        )

    def _concrete(self, direction: Any, scaled: bool, engine: str) -> Any:
        call = Call(self.function, self.args, self.kwargs, self.argnums)
        graph = fitted_graph(call.bound.graph_for(call.leaves), call.leaves)
        like = [call.leaves[j] for j in call.wrt]
        _require_numbers(graph)
        if direction is None:
            operations = [graph.columns.operations[node] for node in graph.equation_nodes()]
            _require_one_slope(like, graph.cache.get("unfolded operations", operations))
        series = taylor_graph(graph, self.order, tuple(call.wrt))
        leaves = [*call.leaves, *_along(_in_order(call, direction), like)]
        found = runner_of(series, engine)(leaves)
        warn_of_nan(series, leaves, found)
        count = self.order + 1
        rows = [np.stack(found[i : i + count]) for i in range(0, len(found), count)]
        return _outputs(graph.out_tree, [_scaled(row) if scaled else row for row in rows])

    def _traced(self, direction: Any, scaled: bool) -> Any:
        call = TracedCall(self.function, self.args, self.kwargs, self.argnums)
        arena, wrt = call.arena, [call.leaves[j] for j in call.wrt]
        nodes = [leaf.node for leaf in wrt]
        if direction is None:
            moves = dependents(arena, nodes, max(call.outputs, default=-1) + 1)
            behind = [node for node, flag in enumerate(moves) if flag and node not in nodes]
            _require_one_slope(wrt, [arena.operations[node] for node in behind])
        lifted = [lift(arena, v) for v in _along(_in_order(call, direction), wrt)]
        # an alias is no value of the function itself, whatever the direction is (``TaylorSweep``)
        fresh = [arena.emit_fresh(alias.bare, (v.node,), v.aval) for v in lifted]
        found = _series(arena, nodes, fresh, call.outputs, self.order)
        stacked = [_stacked([call.tracer(node) for node in series], scaled) for series in found]
        return _outputs(call.out_tree, stacked)


def _require_numbers(graph: Graph) -> None:
    avals = [graph.columns.avals[node] for node in graph.output_nodes]
    if any(not aval.is_float and aval.dtype.kind != "i" for aval in avals):
        raise DtypeError(
            f"taylor: the function returned {', '.join(map(repr, avals))}, which has no derivative",
            hint="return a floating-point number or array.",
        )


def _in_order(call: Call, direction: Any) -> Any:
    """A direction given by variable names, in the order of the variables."""
    if not isinstance(direction, dict) or not call.text:
        return direction
    if set(direction) != set(call.names):
        raise InputError(
            f"the direction has entries for {', '.join(direction)}, but the variables are "
            f"{', '.join(call.names)}",
            hint="give one number for each variable, 0 where it stays.",
        )
    return [direction[name] for name in call.names]


def _along(direction: Any, like: Sequence[Any]) -> list[Any]:
    """The direction as leaves; 1 for every element where none is given."""
    if direction is not None:
        return _directions(direction, like, "direction")
    return [np.ones(np.shape(leaf), leaf.dtype)[()] for leaf in like]


def _require_one_slope(like: Sequence[Any], operations: Iterable[Operation]) -> None:
    """Without a direction x is a number, or f acts on its elements one by one."""
    elementwise = (isinstance(o.primitive, Elementwise) or o.name == "cast" for o in operations)
    if len(like) != 1 or (np.ndim(like[0]) and not all(elementwise)):
        raise ShapeError(
            "taylor needs a direction to go along: x has several elements, and f mixes them",
            hint="give one of the shape of x, as in dk.taylor(f, x, 3, direction=np.ones(2)).",
        )


def _factorials(count: int) -> np.ndarray:
    """0!, 1!, …; infinite where they pass the largest number."""
    with np.errstate(over="ignore"):
        return np.cumprod([1.0, *range(1, count)])


def _scaled(row: np.ndarray) -> np.ndarray:
    """Derivatives k! cₖ."""
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = _factorials(len(row)).astype(row.dtype)
        return row * numbers.reshape(-1, *[1] * (row.ndim - 1))


def _stacked(series: Sequence[Tracer], scaled: bool) -> Tracer:
    numbers = _factorials(len(series)) if scaled else np.ones(len(series))
    cells = [
        reshape(c if number == 1 else mul(c, float(number)), shape=(1, *c.shape))
        for c, number in zip(series, numbers, strict=True)
    ]
    return concatenate(*cells, axis=0)


def taylor_derivative(f: Differentiable, order: int, engine: str) -> Callable[..., Any]:
    """f⁽ⁿ⁾ as n! cₙ, for ``dk.derivative(f, n, method="taylor")``."""
    function = function_of(f)

    @_transformed(f, f"derivative{order}")
    def slope(*args: Any, **kwargs: Any) -> Any:
        found = _Series(function, args, kwargs, 0, order).rows(None, True, engine)
        rows, structure = flatten(found)
        return unflatten(structure, [row[order] for row in rows])

    return slope


class Taylor(Forward):
    """Taylor mode: a truncated power series along each direction; at order 1 it is forward mode.

    It differs from forward mode where derivatives of higher order are asked for, as in
    ``dk.derivative(f, 5, method="taylor")``.

    Source: Griewank & Walther 2008, chapter 13.

    >>> Taylor().name
    'taylor'
    """

    name: ClassVar[str] = "taylor"
