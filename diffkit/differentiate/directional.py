"""Derivatives along directions: the pushforward and the pullback.

    jvp: (x, ẋ) ↦ (y, J ẋ)            vjp: x ↦ (y, ȳ ↦ Jᵀ ȳ)

Both cost a small multiple of the function, whatever the sizes, and never form J (Griewank &
Walther 2008, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import is_static
from diffkit.capture.tracing import Tracer, lift
from diffkit.capture.trees import flatten, unflatten
from diffkit.differentiate.calls import Call, TracedCall, arena_of, dispatch
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.function import function_of
from diffkit.differentiate.linearizing import split
from diffkit.differentiate.reverse import pullback_graph
from diffkit.differentiate.sweeps import pull_back, push_forward
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import InputError, ShapeError
from diffkit.graph.ir import Graph
from diffkit.primitives.arithmetic import add

__all__ = ["jvp", "linearize", "vjp"]

Differentiable = Callable[..., Any] | Graph


def _all(primals: Sequence[Any]) -> tuple[int, ...]:
    if not isinstance(primals, (tuple, list)):
        raise InputError(
            f"primals is a {type(primals).__name__}, not a tuple of arguments",
            hint="write (x,) for one argument.",
        )
    return tuple(
        i for i, primal in enumerate(primals) if not all(map(is_static, flatten(primal)[0]))
    )


def _directions(tree: Any, like: Sequence[Any], what: str) -> list[Any]:
    """A tangent or cotangent tree as flat leaves shaped like ``like``.

    Raises
    ------
    ShapeError, InputError
        When it has other leaves or shapes.
    """
    leaves = [leaf for leaf in flatten(tree)[0] if not is_static(leaf)]
    if len(leaves) != len(like):
        raise InputError(f"{what} has {len(leaves)} leaves, but {len(like)} are needed")
    fitted = []
    for leaf, value in zip(leaves, like, strict=True):
        if np.shape(leaf) != np.shape(value):
            raise ShapeError(
                f"{what} has shape {list(np.shape(leaf))}, but the value has "
                f"{list(np.shape(value))}",
                hint=f"a {what} has the shape of the value it belongs to.",
            )
        if not isinstance(leaf, Tracer):
            leaf = np.asarray(leaf).astype(_float_dtype(value))[()]
        fitted.append(leaf)
    return fitted


def _float_dtype(value: Any) -> Any:
    dtype = value.dtype if isinstance(value, Tracer) else np.asarray(value).dtype
    return dtype if dtype.kind == "f" else np.dtype(float)


def _outputs(tree: Any, values: Sequence[Any]) -> Any:
    if tree is None:
        return values[0] if len(values) == 1 else tuple(values)
    return unflatten(tree, values)


def jvp(
    f: Differentiable, primals: Sequence[Any], tangents: Sequence[Any], engine: str = "auto"
) -> tuple[Any, Any]:
    """The value and the directional derivative ``(f(x), J ẋ)``, by forward mode.

    ``tangents`` has the tree and shapes of ``primals``, a tuple of arguments.

    Raises
    ------
    InputError, ShapeError
        When the tangents do not fit the primals.

    Source: Wengert 1964.

    >>> import numpy as np, diffkit as dk
    >>> y, y_dot = dk.jvp(np.sin, (0.0,), (2.0,))
    >>> float(y), float(y_dot)
    (0.0, 2.0)
    """
    argnums = _all(primals)
    moved = [tangents[i] for i in argnums] if len(tangents) == len(primals) else tangents
    return dispatch(
        (primals, tangents),
        lambda: _traced_jvp(f, primals, moved, argnums),
        lambda: _concrete_jvp(f, primals, moved, argnums, engine),
    )


def _concrete_jvp(
    f: Differentiable,
    primals: Sequence[Any],
    moved: Sequence[Any],
    argnums: tuple[int, ...],
    engine: str,
) -> tuple[Any, Any]:
    call = Call(function_of(f), primals, {}, argnums)
    dots = _directions(tuple(moved), [call.leaves[j] for j in call.wrt], "tangent")
    graph = call.bound.graph_for(call.leaves)
    swept = pushforward_graph(graph, tuple(call.wrt))
    leaves = [*call.leaves, *dots]
    outputs = runner_of(swept, engine)(leaves)
    warn_of_nan(swept, leaves, outputs)
    n = len(graph.output_nodes)
    return _outputs(graph.out_tree, outputs[:n]), _outputs(graph.out_tree, outputs[n:])


def _traced_jvp(
    f: Differentiable, primals: Sequence[Any], tangents: Sequence[Any], argnums: tuple[int, ...]
) -> tuple[Any, Any]:
    arena = arena_of(flatten((primals, tangents))[0])
    lifted = [
        unflatten(structure, [x if is_static(x) else lift(arena, x) for x in leaves])
        for leaves, structure in map(flatten, primals)
    ]
    call = TracedCall(function_of(f), lifted, {}, argnums)
    dots = _directions(tuple(tangents), [call.leaves[j] for j in call.wrt], "tangent")
    seeds = {
        call.leaves[j].node: lift(arena, dot).node for j, dot in zip(call.wrt, dots, strict=True)
    }
    found = push_forward(arena, seeds, call.outputs)
    y_dot = []
    for node, dot in zip(call.outputs, found, strict=True):
        aval = arena.avals[node]
        zero = np.zeros(aval.shape, aval.dtype)
        y_dot.append(lift(arena, zero) if dot is None else call.tracer(dot))
    return _outputs(call.out_tree, call.values()), _outputs(call.out_tree, y_dot)


def linearize(
    f: Differentiable, *primals: Any, engine: str = "auto"
) -> tuple[Any, Callable[..., Any]]:
    """The value and the pushforward ẋ ↦ J ẋ at a fixed point, for many directions.

    What the point fixes is computed once; each call of the pushforward runs the linear part
    alone.  Tangents have the shapes of the primals.

    Raises
    ------
    InputError, ShapeError
        When a tangent does not fit its primal.

    Source: Radul et al. 2023, *You only linearize once*.

    >>> import numpy as np, diffkit as dk
    >>> y, pushforward = dk.linearize(lambda x: x**3, 2.0)
    >>> float(y), float(pushforward(1.0)), float(pushforward(0.5))
    (8.0, 12.0, 6.0)
    """
    argnums = _all(primals)
    return dispatch(
        primals,
        lambda: _traced_linearize(f, primals, argnums),
        lambda: _concrete_linearize(f, primals, argnums, engine),
    )


def _traced_linearize(f: Differentiable, primals: Sequence[Any], argnums: tuple[int, ...]) -> Any:
    def pushforward(*tangents: Any) -> Any:
        """The tangent of the output for tangents of the primals."""
        return _traced_jvp(f, primals, [tangents[i] for i in argnums], argnums)[1]

    return f(*primals), pushforward


def _concrete_linearize(
    f: Differentiable, primals: Sequence[Any], argnums: tuple[int, ...], engine: str
) -> Any:
    call = Call(function_of(f), primals, {}, argnums)
    graph = call.bound.graph_for(call.leaves)
    swept = pushforward_graph(graph, tuple(call.wrt))
    part = split(swept, call.leaves, len(graph.output_nodes), engine)
    like = [call.leaves[j] for j in call.wrt]

    def pushforward(*tangents: Any) -> Any:
        """The tangent of the output for tangents of the primals."""
        return _outputs(graph.out_tree, part(_directions(tangents, like, "tangent")))

    return _outputs(graph.out_tree, part.values), pushforward


def vjp(
    f: Differentiable, *primals: Any, engine: str = "auto"
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value and the pullback ȳ ↦ x̄ = Jᵀ ȳ at a fixed point, by reverse mode.

    The pullback takes a cotangent with the tree and shapes of the output and returns a tuple,
    one entry per primal.

    Raises
    ------
    InputError, ShapeError
        When a cotangent does not fit the output.

    Source: Speelpenning 1980; Griewank & Walther 2008, section 3.2.

    >>> import numpy as np, diffkit as dk
    >>> y, pullback = dk.vjp(lambda x, w: x * w, 2.0, 5.0)
    >>> x_bar, w_bar = pullback(1.0)
    >>> float(y), float(x_bar), float(w_bar)
    (10.0, 5.0, 2.0)
    """
    argnums = _all(primals)
    return dispatch(
        primals,
        lambda: _traced_vjp(f, primals, argnums),
        lambda: _concrete_vjp(f, primals, argnums, engine),
    )


def _concrete_vjp(
    f: Differentiable, primals: Sequence[Any], argnums: tuple[int, ...], engine: str
) -> Any:
    call = Call(function_of(f), primals, {}, argnums)
    graph = call.bound.graph_for(call.leaves)
    swept = pullback_graph(graph, tuple(call.wrt))
    part = split(swept, call.leaves, len(graph.output_nodes), engine)

    def pullback(y_bar: Any) -> tuple[Any, ...]:
        """The cotangents of the primals for a cotangent of the output."""
        bars = part(_directions(y_bar, part.values, "cotangent"))
        return _per_primal(call, bars, len(primals), argnums)

    return _outputs(graph.out_tree, part.values), pullback


def _per_primal(call: Call, bars: list[Any], count: int, argnums: tuple[int, ...]) -> Any:
    found = call.rebuilt(bars)
    if isinstance(found, dict):
        found = tuple(found.values())
    by_place = dict(zip(argnums, found, strict=True))
    return tuple(by_place.get(i) for i in range(count))


def _traced_vjp(f: Differentiable, primals: Sequence[Any], argnums: tuple[int, ...]) -> Any:
    call = TracedCall(function_of(f), primals, {}, argnums)
    arena = call.arena

    def pullback(y_bar: Any) -> tuple[Any, ...]:
        """The cotangents of the primals for a cotangent of the output."""
        bars = _directions(y_bar, call.values(), "cotangent")
        seeds: dict[int, int] = {}
        for node, bar in zip(call.outputs, bars, strict=True):
            lifted = lift(arena, bar)
            seeds[node] = (
                add(call.tracer(seeds[node]), lifted).node if node in seeds else lifted.node
            )
        found = pull_back(arena, seeds, [call.leaves[j].node for j in call.wrt])
        cotangents = []
        for j, node in zip(call.wrt, found, strict=True):
            aval = call.leaves[j].aval
            zero = np.zeros(aval.shape, aval.dtype)
            cotangents.append(lift(arena, zero) if node is None else call.tracer(node))
        return _per_primal(call, cotangents, len(primals), argnums)

    return _outputs(call.out_tree, call.values()), pullback
