"""Products with second derivatives, without forming them.

    Hessian:       ∇²f(x) v = d/dt ∇f(x + t v)              (Pearlmutter 1994)
    Gauss–Newton:  G(x) v = J(x)ᵀ ∇²ℓ(z) J(x) v,   z = f(x)     (Schraudolph 2002)

Both are one graph each: the value, the sweep backwards and the sweep forwards share what they
have in common, and a repeated call is one run of one program.  For a loss ℓ(f(x)) the
Gauss–Newton matrix G is the Hessian without the curvature of f itself; it has no negative
direction when ℓ is convex, which is why Levenberg–Marquardt and second-order training use it.
Reading on: Martens 2010, *Deep learning via Hessian-free optimization*; Nocedal & Wright 2006,
*Numerical Optimization*, section 10.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import inline
from diffkit.differentiate.api import Differentiable, grad
from diffkit.differentiate.batch_sweep import tracer_of
from diffkit.differentiate.calls import Call, dispatch
from diffkit.differentiate.chunks import is_finite
from diffkit.differentiate.directional import _directions, _outputs, jvp, vjp
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.function import Function
from diffkit.differentiate.repeats import Answer, repeats_of
from diffkit.differentiate.reverse import gradient_graph, scalar_output
from diffkit.differentiate.sweeps import pull_back, push_forward
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.primitives.arithmetic import add

__all__ = [
    "gauss_newton_graph",
    "gauss_newton_product",
    "gradient_alone",
    "hessian_product_graph",
    "hvp",
]


def gradient_alone(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The graph of the gradient of a scalar function without its value."""
    swept = gradient_graph(graph, tuple(wrt))
    return _outputs_from(swept, 1)


def hessian_product_graph(graph: Graph, wrt: Sequence[int], moving: Sequence[int] = ()) -> Graph:
    """The graph of ∇²f v, forward over reverse, from the graph of a scalar function.

    ``wrt`` are the inputs of the gradient, ``moving`` those along which v is given (all of
    ``wrt`` by default).  The inputs are those of the graph, then v; the outputs have the shapes
    of ``wrt``.
    """
    slopes = gradient_alone(graph, wrt)
    swept = pushforward_graph(slopes, tuple(moving or wrt))
    return _outputs_from(swept, len(slopes.output_nodes))


def _outputs_from(graph: Graph, first: int) -> Graph:
    key = ("outputs from", first)
    if key not in graph.cache:
        graph.cache[key] = Arena.of(graph).freeze(
            graph.input_nodes, graph.output_nodes[first:], names=graph.input_names,
            title=graph.title,
        )  # fmt: skip
    return graph.cache[key]


# The Hessian ------------------------------------------------------------------------------------


def hvp(f: Differentiable, x: Any, v: Any, engine: str = "auto") -> Any:
    """The product of the Hessian of ``f`` at ``x`` with ``v``, without forming the Hessian.

    ``v`` has the tree and shapes of ``x``, and so has the result.

    Raises
    ------
    ShapeError
        When ``f`` is not scalar-valued or ``v`` does not fit ``x``.

    Source: Pearlmutter 1994.

    >>> import numpy as np, diffkit as dk
    >>> dk.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """
    repeats = repeats_of("hvp", engine, f)
    answer = repeats((x, v))
    if answer is not None:
        return answer

    def concrete() -> Any:
        call = Call(repeats.functions[0], (x,), {}, None)
        v_leaves = _directions((v,), [call.leaves[j] for j in call.wrt], "tangent")
        graph = call.bound.graph_for(call.leaves)
        scalar_output(graph)
        product = hessian_product_graph(graph, call.wrt)
        outputs = _run(product, [*call.leaves, *v_leaves], engine)
        repeats.remember((x, v), [graph], lambda: _one_result(product, engine))
        return call.rebuilt(outputs)

    return dispatch((x, v), lambda: jvp(grad(f), (x,), (v,), engine)[1], concrete)


def _run(graph: Graph, leaves: Sequence[Any], engine: str) -> list[Any]:
    outputs = runner_of(graph, engine)(leaves)
    warn_of_nan(graph, leaves, outputs)
    return outputs


def _one_result(graph: Graph, engine: str) -> Answer | None:
    """The bound graph, giving None where its result is not finite."""
    if len(graph.output_nodes) != 1:
        return None
    run = graph.bind(engine=engine)

    def answer(args: Sequence[Any]) -> Any:
        y = run(*args)
        return y if is_finite(y) else None

    return answer


# Gauss–Newton -----------------------------------------------------------------------------------


def gauss_newton_product(
    f: Differentiable,
    x: Any,
    v: Any,
    loss: Callable[..., Any] | Graph | None = None,
    engine: str = "auto",
) -> Any:
    """The Gauss–Newton product Jᵀ ∇²ℓ J v of the model ``f`` at ``x``, in one sweep each way.

    ``f`` maps x to residuals or outputs z (arrays or a tree of them), J is its Jacobian and ℓ the
    scalar ``loss`` of z; without one ℓ is ½ ‖z‖², and the product JᵀJ v.  ``v`` and the result
    have the tree and shapes of ``x``.

    Raises
    ------
    ShapeError
        When ``loss`` is not scalar-valued, ``v`` does not fit ``x``, or ``f`` has no float output.

    Source: Schraudolph 2002, *Fast curvature matrix-vector products for second-order gradient
    descent*; Gauss 1809 for least squares.

    >>> import numpy as np, diffkit as dk
    >>> def residuals(x):
    ...     return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])
    >>> x, v = np.array([1.0, 1.0]), np.array([1.0, 0.0])
    >>> dk.gauss_newton_product(residuals, x, v).tolist()
    [401.0, -200.0]
    """
    chosen = (f,) if loss is None else (f, loss)
    repeats = repeats_of("gauss_newton_product", engine, *chosen)
    answer = repeats((x, v))
    if answer is not None:
        return answer

    def concrete() -> Any:
        call = Call(repeats.functions[0], (x,), {}, None)
        v_leaves = _directions((v,), [call.leaves[j] for j in call.wrt], "tangent")
        graphs = [call.bound.graph_for(call.leaves)]
        if loss is not None:
            graphs.append(_loss_graph(repeats.functions[1], graphs[0], call.leaves, engine))
        product = gauss_newton_graph(graphs[0], call.wrt, *graphs[1:])
        outputs = _run(product, [*call.leaves, *v_leaves], engine)
        repeats.remember((x, v), graphs, lambda: _one_result(product, engine))
        return call.rebuilt(outputs)

    return dispatch((x, v), lambda: _traced_gauss_newton(f, x, v, loss, engine), concrete)


def _traced_gauss_newton(f: Any, x: Any, v: Any, loss: Any, engine: str) -> Any:
    z, curved = jvp(f, (x,), (v,), engine)
    if loss is not None:
        curved = jvp(grad(loss), (z,), (curved,), engine)[1]
    return vjp(f, x, engine=engine)[1](curved)[0]


def _loss_graph(loss: Function, model: Graph, leaves: Sequence[Any], engine: str) -> Graph:
    """The graph of the loss at what the model gives."""
    z = _outputs(model.out_tree, runner_of(model, engine)(leaves))
    bound = loss.bind((z,), {})
    graph = bound.graph_for(bound.leaves)
    scalar_output(graph)
    return graph


def gauss_newton_graph(graph: Graph, wrt: Sequence[int], loss: Graph | None = None) -> Graph:
    """The graph of Jᵀ ∇²ℓ J v; its inputs are those of the model and v.

    ``loss`` takes the outputs of the model; without one it is half their sum of squares.

    Raises
    ------
    ShapeError
        When no output of the model carries a derivative.
    """
    key = ("gauss-newton", tuple(wrt))
    kept: list[tuple[Graph | None, Graph]] = graph.cache.setdefault(key, [])
    for known, product in kept:
        if known is loss:
            return product
    kept.append((loss, _gauss_newton_graph(graph, wrt, loss)))
    return kept[-1][1]


def _gauss_newton_graph(graph: Graph, wrt: Sequence[int], loss: Graph | None) -> Graph:
    arena = Arena.of(graph)
    x = [graph.input_nodes[i] for i in wrt]
    v = [arena.new_input(arena.avals[node]) for node in x]
    z = [node for node in graph.output_nodes if arena.avals[node].is_float]
    if not z:
        raise ShapeError(
            "gauss_newton_product: the function returns no float",
            hint="return the residuals, or what the loss is taken of.",
        )
    z_dot = _or_zero(arena, z, push_forward(arena, dict(zip(x, v, strict=True)), z))
    z_bar = z_dot if loss is None else _curved(arena, graph, loss, z_dot)
    cotangents: dict[int, int] = {}
    for node, bar in zip(z, z_bar, strict=True):
        before = cotangents.get(node)
        cotangents[node] = bar if before is None else arena.emit(add.bare, (before, bar), None)
    outputs = _or_zero(arena, x, pull_back(arena, cotangents, x))
    names = [*graph.input_names, *(f"{graph.input_names[i]}_dot" for i in wrt)]
    title = f"Gauss–Newton product of {graph.title}" if graph.title else ""
    return arena.freeze([*graph.input_nodes, *v], outputs, names=names, title=title)


def _or_zero(arena: Arena, nodes: Sequence[int], found: Sequence[int | None]) -> list[int]:
    """Tangents or cotangents of nodes, with zeros where there are none."""
    known = []
    for node, y in zip(nodes, found, strict=True):
        of = arena.avals[node]
        known.append(arena.literal(np.zeros(of.shape, of.dtype)[()]) if y is None else y)
    return known


def _curved(arena: Arena, model: Graph, loss: Graph, z_dot: Sequence[int]) -> list[int]:
    """∇²ℓ ż in the arena that holds z, for the float outputs of the model."""
    floats = [i for i, node in enumerate(model.output_nodes) if arena.avals[node].is_float]
    product = hessian_product_graph(loss, floats)
    inputs = [tracer_of(arena, node) for node in (*model.output_nodes, *z_dot)]
    return [y.node for y in inline(product, inputs)]
