"""The verbs: one interface for every way of differentiating.

    grad f = (∂f/∂x₁, …)      jvp: ẏ = J ẋ      vjp: x̄ = Jᵀ ȳ      hvp: ∇²f v

Every verb takes a function in plain NumPy or a :class:`~diffkit.graph.ir.Graph`; the result is
again a function that can be traced and differentiated.  Methods are ``"symbolic"``,
``"finite"``, ``"complex"``, ``"forward"`` and ``"reverse"``, or a method object with options.
Reading on: Baydin et al. 2018, *Automatic differentiation in machine learning: a survey*.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from diffkit.capture.trees import unflatten
from diffkit.differentiate.calls import Argnums, Call, TracedCall, dispatch
from diffkit.differentiate.function import function_of
from diffkit.differentiate.method import JacobianResult, Method
from diffkit.differentiate.methods import get_method
from diffkit.differentiate.quick import QuickGradients
from diffkit.differentiate.reverse import (
    check_one_scalar,
    gradient_graph,
    probe_nodes,
    scalar_output,
)
from diffkit.engines.calling import runner_of, warn_of_hidden_nan, warn_of_infinity, warn_of_nan
from diffkit.errors import UnsupportedError
from diffkit.graph.ir import Graph

__all__ = ["Probe", "grad", "jacobian", "value_and_grad"]

Differentiable = Callable[..., Any] | Graph


def _transformed(
    f: Differentiable, verb: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a transformed function the name and documentation of its origin."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = getattr(f, "__name__", None) or getattr(f, "title", "") or "f"
        if not isinstance(f, Graph):
            function = functools.wraps(f)(function)
        function.__name__ = f"{verb}_{name}" if name.isidentifier() else verb
        function.__doc__ = f"The {verb} of {name}."
        return function

    return decorate


def value_and_grad(
    f: Differentiable,
    argnums: Argnums = None,
    method: str | Method = "reverse",
    engine: str = "auto",
    probes: bool = False,
) -> Callable[..., Any]:
    """A function returning ``(f(x), ∇f(x))`` for a scalar-valued ``f``.

    ``argnums`` chooses the positional arguments (one or several, the first by default; all
    variables for a graph made from text).  The gradient has the tree, shapes and dtypes of the
    arguments.  With ``probes`` a third result maps the name of each ``dk.probe`` to its value
    and cotangent (reverse mode only).

    Raises
    ------
    ShapeError
        When ``f`` does not return one float scalar.

    Source: Griewank & Walther 2008, chapter 3.

    >>> import numpy as np, diffkit as dk
    >>> value, slope = dk.value_and_grad(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    >>> float(value), slope.tolist()
    (5.0, [2.0, 4.0])
    """
    function, chosen = function_of(f), get_method(method)
    if probes:
        return _probed(f, argnums, chosen, engine)
    quick = QuickGradients(function, argnums, engine if method == "reverse" else "")
    remembered = quick.calls

    def general(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def traced() -> Any:
            call = TracedCall(function, args, kwargs, argnums)
            name = getattr(f, "__name__", "the function")
            check_one_scalar([t.aval for t in call.values()], name)
            return call.values()[0], call.rebuilt(call.jacobian(chosen.name)[0])

        def concrete() -> Any:
            call = Call(function, args, kwargs, argnums)
            graph = call.bound.graph_for(call.leaves)
            scalar_output(graph)
            result = chosen.jacobian(call.bound, call.leaves, call.wrt, engine)
            if quick.usable and not kwargs:
                quick.remember(args, graph, call.wrt, call.rebuilt)
            warn_of_hidden_nan(call.leaves, result.values[0], result.blocks[0])
            warn_of_infinity(call.leaves, result.values[0], result.blocks[0])
            return result.values[0], call.rebuilt(result.blocks[0])

        return dispatch((args, kwargs), traced, concrete)

    @_transformed(f, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        for call in remembered:
            if (answer := call(*args, **kwargs)) is not None:
                return answer
        return general(args, kwargs)

    return value_and_gradient


class Probe(NamedTuple):
    """What a probe saw: the value at its node, and the cotangent ∂y/∂value."""

    value: Any
    cotangent: Any


def _probed(f: Differentiable, argnums: Argnums, method: Method, engine: str) -> Callable[..., Any]:
    if method.name != "reverse":
        raise UnsupportedError(
            f"probes need the backward sweep, which method {method.name!r} does not make",
            hint='use method="reverse".',
        )
    function = function_of(f)

    @_transformed(f, "value_and_grad")
    def with_probes(*args: Any, **kwargs: Any) -> Any:
        call = Call(function, args, kwargs, argnums)
        graph = call.bound.graph_for(call.leaves)
        swept = gradient_graph(graph, tuple(call.wrt), probes=True)
        value, *rest = runner_of(swept, engine)(call.leaves)
        warn_of_nan(swept, call.leaves, [value, *rest])
        bars, seen = rest[: len(call.wrt)], rest[len(call.wrt) :]
        names = list(probe_nodes(graph))
        pairs = zip(seen[: len(names)], seen[len(names) :], strict=True)
        found = {name: Probe(*pair) for name, pair in zip(names, pairs, strict=True)}
        return value, call.rebuilt(bars), found

    return with_probes


def grad(
    f: Differentiable,
    argnums: Argnums = None,
    method: str | Method = "reverse",
    engine: str = "auto",
) -> Callable[..., Any]:
    """A function returning the gradient ∇f(x) of a scalar-valued ``f``.

    ``argnums`` chooses the positional arguments (one or several, the first by default; all
    variables for a graph made from text).  The gradient has the tree, shapes and dtypes of the
    arguments.

    Raises
    ------
    ShapeError
        When ``f`` does not return one float scalar.

    Source: Griewank & Walther 2008, chapter 3.

    >>> import numpy as np, diffkit as dk
    >>> float(dk.grad(np.sin)(0.0))
    1.0
    >>> slopes = dk.grad(dk.parse("x*y"))(x=2.0, y=3.0)
    >>> {name: float(slope) for name, slope in slopes.items()}
    {'x': 3.0, 'y': 2.0}
    """
    both = value_and_grad(f, argnums, method, engine)

    @_transformed(f, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def jacobian(
    f: Differentiable,
    argnums: Argnums = None,
    method: str | Method = "reverse",
    engine: str = "auto",
    sparse: bool = False,
) -> Callable[..., Any]:
    """A function returning the Jacobian ∂yᵢ/∂xⱼ, of shape ``y.shape + x.shape``.

    The result has the tree of the outputs, and inside it the tree of the arguments.  With
    ``sparse`` it is a ``scipy.sparse.csr_array`` over the elements of one output and one argument,
    computed with one sweep per colour (:func:`diffkit.sparsity` shows them): by columns or by
    rows, whichever takes fewer, and by columns with ``method="forward"``.

    Raises
    ------
    DtypeError, ShapeError
        When there is nothing to differentiate by.
    UnsupportedError
        With ``sparse``, for trees, methods that give no sweeps, and matrices that are nearly full.

    Source: Griewank & Walther 2008, chapter 3.

    >>> import numpy as np, diffkit as dk
    >>> dk.jacobian(lambda x: x * x)(np.array([1.0, 3.0])).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    function, chosen = function_of(f), get_method(method)
    if sparse:
        from diffkit.differentiate.compressed import sparse_derivative

        return _transformed(f, "jacobian")(sparse_derivative(f, argnums, chosen, engine, False))

    @_transformed(f, "jacobian")
    def jacobian_matrix(*args: Any, **kwargs: Any) -> Any:
        def traced() -> Any:
            call = TracedCall(function, args, kwargs, argnums)
            rows = call.jacobian(chosen.name)
            return _in_tree(call.out_tree, [call.rebuilt(row) for row in rows])

        def concrete() -> Any:
            call = Call(function, args, kwargs, argnums)
            graph = call.bound.graph_for(call.leaves)
            result = chosen.jacobian(call.bound, call.leaves, call.wrt, engine)
            for value, slopes in zip(result.values, result.blocks, strict=True):
                warn_of_infinity(call.leaves, value, slopes)
            return _in_tree(graph.out_tree, [call.rebuilt(row) for row in result.blocks])

        return dispatch((args, kwargs), traced, concrete)

    return jacobian_matrix


def _in_tree(out_tree: Any, rows: list[Any]) -> Any:
    if out_tree is None:
        return rows[0] if len(rows) == 1 else tuple(rows)
    return unflatten(out_tree, rows)


def differentiate_flat(
    f: Differentiable, args: Sequence[Any], kwargs: dict[str, Any], method: str | Method,
    argnums: Argnums = None, engine: str = "auto",
) -> tuple[Call, JacobianResult]:  # fmt: skip
    """The flat answer of a method at one call, for the comparison."""
    call = Call(function_of(f), args, kwargs, argnums)
    return call, get_method(method).jacobian(call.bound, call.leaves, call.wrt, engine)
