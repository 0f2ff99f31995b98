"""Derivatives of higher order: f⁽ⁿ⁾ and the Hessian.

    ∇²f eᵢ = ∂/∂xᵢ ∇f      forward over reverse (Pearlmutter 1994, *Fast exact multiplication
                           by the Hessian*), for several i in one run

A derivative is a graph, so it is differentiated again by the same machinery.  Products with the
Hessian are in ``curvature.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.api import Differentiable, _transformed, grad, jacobian
from diffkit.differentiate.calls import Argnums, Call, dispatch
from diffkit.differentiate.chunks import WIDE_CHUNK, Chunked, Prepare, group_places
from diffkit.differentiate.curvature import gradient_alone, hessian_product_graph
from diffkit.differentiate.directional import jvp
from diffkit.differentiate.forward import Forward, fitted_graph
from diffkit.differentiate.function import function_of
from diffkit.differentiate.method import Captured, Method
from diffkit.differentiate.methods import get_method
from diffkit.differentiate.repeats import Answer, Repeats, bound_runner
from diffkit.differentiate.reverse import Reverse, scalar_output
from diffkit.engines.calling import runner_of
from diffkit.errors import InputError, ShapeError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import Elementwise

__all__ = ["derivative", "hessian"]


def derivative(
    f: Differentiable, order: int = 1, method: str | Method = "reverse", engine: str = "auto"
) -> Callable[..., Any]:
    """The ``order``-th derivative f⁽ⁿ⁾ of a function of one real variable.

    The variable is the first argument, a scalar (the output may be an array), or an array on
    which ``f`` acts element by element.  ``symbolic`` differentiates the formula n times and
    ``finite`` uses a stencil of order n; ``taylor`` computes n coefficients of a power series in
    O(n²) operations; the other methods take the first n − 1 derivatives by forward mode.

    Raises
    ------
    InputError
        When the order is not a positive integer.
    ShapeError
        When an array argument is not handled element by element.

    Source: Griewank & Walther 2008, chapter 13.

    >>> import numpy as np, diffkit as dk
    >>> float(dk.derivative(lambda x: x**3, order=2)(2.0))
    12.0
    """
    if not isinstance(order, int) or order < 0:
        raise InputError(
            f"order={order!r} is not a number of times to differentiate", hint="use 0, 1, 2, …"
        )
    if order == 0:
        return f
    chosen = get_method(method)
    if chosen.name in ("symbolic", "finite") and order > 1:
        return _direct(f, order, chosen, engine)
    if chosen.name == "taylor":
        from diffkit.differentiate.taylor import taylor_derivative

        return taylor_derivative(f, order, engine)
    lower = f if order == 1 else derivative(f, order - 1, "forward")

    @_transformed(f, f"derivative{order if order > 1 else ''}")
    def slope(x: Any, *rest: Any, **kwargs: Any) -> Any:
        if np.ndim(x) and not isinstance(x, (list, dict)):
            return _elementwise_slope(lower, x, rest, kwargs, engine)
        found = jacobian(lower, 0, chosen, engine)(x, *rest, **kwargs)
        return found

    return slope


def _elementwise_slope(
    f: Differentiable, x: Any, rest: tuple[Any, ...], kwargs: dict[str, Any], engine: str
) -> Any:
    if not isinstance(x, Tracer):
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(float)
        call = Call(function_of(f), (x, *rest), kwargs, 0)
        _require_elementwise(call.bound.graph_for(call.leaves))
    ones = np.ones(np.shape(x))
    at = (lambda v: f(v, *rest, **kwargs)) if rest or kwargs else f
    return jvp(at, (x,), (ones,), engine)[1]


def _require_elementwise(graph: Graph) -> None:
    """Only element-by-element functions have one slope per element."""
    operations = [graph.columns.operations[node] for node in graph.equation_nodes()]
    for operation in graph.cache.get("unfolded operations", operations):
        if not isinstance(operation.primitive, Elementwise) and operation.name != "cast":
            raise ShapeError(
                f"derivative of an array needs a function of single elements, but "
                f"{operation.name} mixes them",
                hint="use dk.jacobian or dk.grad.",
            )


def _direct(f: Differentiable, order: int, method: Method, engine: str) -> Callable[..., Any]:
    """The n-th derivative from the formula, or from a stencil of order n."""

    @_transformed(f, f"derivative{order}")
    def slope(x: Any, *rest: Any, **kwargs: Any) -> Any:
        call = Call(function_of(f), (x, *rest), kwargs, 0)
        if len(call.wrt) != 1 or np.ndim(call.leaves[call.wrt[0]]):
            raise ShapeError(
                f"derivative of order {order} by {method.name} needs a scalar argument",
                hint='use method="forward".',
            )
        if method.name == "symbolic":
            return _symbolic_slope(call, order, engine)
        return _stencil_slope(call, order, method, engine)

    return slope


def _stencil_slope(call: Call, order: int, method: Any, engine: str) -> Any:
    """h⁻ⁿ Σ wᵢ f(x + kᵢh) with Fornberg's weights for the n-th derivative.

    Truncation grows like hᵖ and rounding like ε/hⁿ, so their sum is least near
    h = ε^(1/(n+p)) (Press et al., *Numerical Recipes*, §5.7, for n = 1).
    """
    place = call.wrt[0]
    x, row = call.leaves[place], method.stencil_for(order)

    def at(t: float) -> Any:
        moved = [*call.leaves[:place], x + type(x)(t), *call.leaves[place + 1 :]]
        return call.bound.values(moved, engine)

    step = _stencil_step(at, x, row, method)
    total = 0.0
    for offset, weight in row.active:
        total = total + weight * at(offset * step)[0]
    return total / step**order


def _stencil_step(at: Callable[[float], Any], x: Any, row: Any, method: Any) -> float:
    """The step of a stencil: the given one, that of the rule, or one from the function's values."""
    from diffkit.differentiate.displaced import summed
    from diffkit.differentiate.finite import automatic_step
    from diffkit.differentiate.noise import Line, noise_of
    from diffkit.differentiate.step_choice import choose_step

    if not isinstance(method.step, str):
        return method.step
    eps = float(np.finfo(np.asarray(x).dtype).eps)
    if method.step == "estimated":
        line = Line(summed(at), abs(float(x)), eps, scale=method.scale)
        found = choose_step(line, row, noise_of(line))
        if found.refused is None:
            return found.step
    powers = row.derivative + row.accuracy - 1
    return automatic_step(float(x), powers, eps, method.scale)


def _symbolic_slope(call: Call, order: int, engine: str) -> Any:
    from diffkit.capture.from_sympy import from_sympy
    from diffkit.differentiate.symbolic import derivative_expressions

    graph = call.bound.graph_for(call.leaves)
    name = graph.input_names[call.wrt[0]]
    formula = derivative_expressions(graph, [name], order, stable=True)[name]
    slope = from_sympy(formula)
    values = dict(zip(graph.input_names, call.leaves, strict=True))
    return runner_of(slope, engine)([values[n] for n in slope.input_names])[0]


class _Gradient:
    """The gradient of a scalar function as a captured function, for second derivatives."""

    def __init__(self, inner: Captured, wrt: Sequence[int]) -> None:
        self.inner = inner
        self.wrt = tuple(wrt)

    def graph_for(self, leaves: Sequence[Any]) -> Graph:
        """The graph of the gradient alone."""
        return gradient_alone(self.inner.graph_for(leaves), self.wrt)

    def values(self, leaves: Sequence[Any], engine: str = "auto") -> list[Any]:
        """The gradient at these leaves."""
        return runner_of(self.graph_for(leaves), engine)(leaves)


class _Rows:
    """The rows of the Hessian, forward over reverse, in chunks of directions."""

    def __init__(
        self, graph: Graph, wrt: Sequence[int], prepare: Prepare, chunk: int | None
    ) -> None:
        avals = [graph.columns.avals[graph.input_nodes[j]] for j in wrt]
        self.shapes = [of.shape for of in avals]
        self.groups = []
        for group in group_places([of.size for of in avals], chunk or WIDE_CHUNK):
            product = hessian_product_graph(graph, tuple(wrt), [wrt[k] for k in group])
            self.groups.append((
                group, Chunked(product, len(graph.input_nodes), 0, prepare, chunk),
            ))  # fmt: skip

    def blocks(self, leaves: Sequence[Any]) -> tuple[list[list[np.ndarray]], bool]:
        """All blocks, and whether they are finite; the second index is that of the gradient."""
        blocks = [[np.zeros(x + y) for y in self.shapes] for x in self.shapes]
        finite = True
        for group, chunked in self.groups:
            rows, by_place = chunked.rows_by_place(leaves)
            finite = finite and rows.finite
            for k, row in zip(group, by_place, strict=True):
                blocks[k] = row
        return blocks, finite


def hessian(
    f: Differentiable,
    argnums: Argnums = None,
    method: str | Method = "reverse",
    engine: str = "auto",
    sparse: bool = False,
) -> Callable[..., Any]:
    """A function returning the Hessian ∂²f/∂xᵢ∂xⱼ of a scalar-valued ``f``.

    For one array argument the result has shape ``x.shape + x.shape``; for several arguments, or
    trees, it is nested like the gradient, twice.  The gradient is taken by reverse mode and
    differentiated by ``method``; ``"reverse"`` stands for forward over reverse, several
    directions at a time (``dk.methods.Forward(chunk=…)`` says how many).  With ``sparse`` the
    result is a ``scipy.sparse.csr_array`` over the elements of one argument, computed with one
    sweep per colour (``dk.sparsity(f, x, hessian=True)`` shows them).

    Raises
    ------
    ShapeError
        When ``f`` does not return one float scalar.
    UnsupportedError
        With ``sparse``, for trees, methods that give no sweeps, and matrices that are nearly full.

    Source: Pearlmutter 1994; Griewank & Walther 2008, chapter 10.

    >>> import numpy as np, diffkit as dk
    >>> dk.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0])).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    function, chosen = function_of(f), get_method(method)
    if sparse:
        from diffkit.differentiate.compressed import sparse_derivative

        return _transformed(f, "hessian")(sparse_derivative(f, argnums, chosen, engine, True))
    outer = Forward(chosen.chunk) if isinstance(chosen, Reverse) else chosen
    repeats = Repeats([function], engine)

    @_transformed(f, "hessian")
    def hessian_matrix(*args: Any, **kwargs: Any) -> Any:
        if repeats.calls and not kwargs and (answer := repeats(args)) is not None:
            return answer

        def traced() -> Any:
            return jacobian(grad(f, argnums), argnums, "forward")(*args, **kwargs)

        def concrete() -> Any:
            call = Call(function, args, kwargs, argnums)
            graph = call.bound.graph_for(call.leaves)
            scalar_output(graph)
            blocks = None
            if isinstance(outer, Forward) and fitted_graph(graph, call.leaves) is graph:
                blocks = _finite_blocks(graph, call, outer.chunk, engine)
            if blocks is None:
                slopes = _Gradient(call.bound, call.wrt)
                blocks = outer.jacobian(slopes, call.leaves, call.wrt, engine).blocks
            elif not kwargs:
                repeats.remember(args, [graph], lambda: _again(graph, call, outer, engine))
            return call.rebuilt_rows(blocks)

        return dispatch((args, kwargs), traced, concrete)

    return hessian_matrix


def _finite_blocks(
    graph: Graph, call: Call, chunk: int | None, engine: str
) -> list[list[np.ndarray]] | None:
    """The blocks in chunks; None where there is a NaN, which the general way explains."""
    rows = _Rows(graph, call.wrt, partial(runner_of, engine=engine), chunk)
    blocks, finite = rows.blocks(call.leaves)
    if finite or not any(np.isnan(block).any() for row in blocks for block in row):
        return blocks
    return None


def _again(graph: Graph, call: Call, outer: Any, engine: str) -> Answer:
    """The Hessian at further arguments of the same kinds, each of them one array."""
    rows = _Rows(graph, call.wrt, partial(bound_runner, engine=engine), outer.chunk)
    single = call.single

    def answer(args: Sequence[Any]) -> Any:
        blocks, finite = rows.blocks(args)
        if not finite:
            return None
        nested = tuple([tuple([block[()] for block in row]) for row in blocks])
        return nested[0][0] if single else nested

    return answer
