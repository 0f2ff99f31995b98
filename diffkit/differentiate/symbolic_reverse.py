"""Symbolic differentiation on the shared graph is reverse mode (Laue 2019).

Take the scalar graph y = φ(…), and differentiate it *symbolically*, from the last equation to the
first, with the chain rule alone:

    x̄ᵢ += (∂φ/∂xᵢ) · ȳ        ∂φ/∂xᵢ by ``sympy.diff`` of SymPy's own form of φ.

No derivative rule of diffkit has a part in it, and the sweep is a loop of its own.  Products and
sums are added to the arena of the function, where what is there already is found again
(hash-consing).  What comes out is the graph of reverse mode, operation for operation: expression
swell is no property of symbolic differentiation, but of writing formulas as trees.  Reading on:
S. Laue 2019, *On the equivalence of automatic and symbolic differentiation*, arXiv:1904.02990.

Note [Normal form].  The two graphs are the same graph when each is written in this form.

1. What equals the output is the output: SymPy's (tanh x)′ = 1 − tanh² x is 1 − y², (eˣ)′ = y,
   (√x)′ = 1/(2y), and ∂(a/b)/∂b = −y/b.
2. Factors 0, 1 and −1 and numbers of numbers (log 10) are settled while the graph is made.
3. A constant over b times ȳ is one division, (c·ȳ)/b, and 1/(2b) is ½/b.
4. A square is a product, x² = x·x.
5. Sums and products do not care for the order of their two operands.

Rules 1 to 3 are those by which diffkit's own rules are written, and here SymPy's partials are
brought into the same form; 4 and 5 are applied to both graphs afterwards, in
``differentiate/equivalence.py``.

Where a rule of diffkit is longer than SymPy's form, for the sake of accuracy (∂ arcsin needs
(1 − x)(1 + x) near 1) or of a kink (∂ max), the counts differ by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from diffkit.capture.from_sympy import SympyReader, post_order
from diffkit.capture.tracing import Tracer
from diffkit.differentiate.formula_calculus import differentiated
from diffkit.differentiate.formulas import replaced
from diffkit.differentiate.reverse import float_inputs, scalar_output
from diffkit.differentiate.scalars import scalar_graph
from diffkit.differentiate.sweeps import dependents
from diffkit.differentiate.templates import Template, _emit_lifted, splice
from diffkit.errors import UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import INPUT, LITERAL, Graph, Operation
from diffkit.graph.sources import place_of
from diffkit.lazy import sp
from diffkit.primitives.arithmetic import add, div, mul, neg
from diffkit.primitives.piecewise import mask

__all__ = ["scalar_inputs", "swept_symbolically", "symbolic_reverse"]

# Digits of a constant such as log 10 before it is rounded to a float.
CONSTANT_DIGITS = 30


def scalar_inputs(graph: Graph, wrt: Sequence[int] | None = None) -> tuple[int, ...]:
    """The places, among the inputs of ``scalar_graph(graph)``, of the elements of ``wrt``."""
    chosen = set(float_inputs(graph) if wrt is None else wrt)
    owners = [
        place
        for place, node in enumerate(graph.input_nodes)
        for _ in range(graph.columns.avals[node].size)
    ]
    return tuple(place for place, owner in enumerate(owners) if owner in chosen)


def symbolic_reverse(graph: Graph, wrt: Sequence[int] | None = None) -> Graph:
    """The graph of the value and the gradient, with every local derivative taken by SymPy.

    ``wrt`` are positions of inputs (all float inputs by default).  The graph is written out in
    scalars first; the outputs are the value, then one derivative per element of ``wrt``.

    Raises
    ------
    ShapeError
        When the function has no single scalar output.
    UnsupportedError
        For an operation that SymPy cannot differentiate or that has no form in scalars.
    BudgetError
        When the graph in scalars is too large.

    Source: Laue 2019; the order of the sweep is that of Linnainmaa 1976.

    >>> import diffkit as dk
    >>> graph = symbolic_reverse(dk.parse("x * exp(x)"))
    >>> graph.operations()
    {'add': 1, 'exp': 1, 'mul': 2, 'total': 4}
    >>> [float(value) for value in graph.run([1.0])] == [np.e, 2 * np.e]
    True
    """
    scalar_output(graph)
    scalars = scalar_graph(graph)
    places = scalar_inputs(graph, wrt)
    key = ("symbolic reverse", places)
    if key not in scalars.cache:
        targets = [scalars.input_nodes[place] for place in places]
        scalars.cache[key] = swept_symbolically(scalars, targets)
    return scalars.cache[key]


def swept_symbolically(graph: Graph, targets: list[int]) -> Graph:
    """The backward sweep; a cotangent that is 1 is None, and never multiplied."""
    arena = Arena.of(graph)
    (output,) = graph.output_nodes
    moves = dependents(arena, targets, output + 1)
    bars: dict[int, int | None] = {output: None}
    for node in range(output, -1, -1):
        operation = arena.operations[node]
        if node not in bars or not moves[node] or operation is INPUT or operation is LITERAL:
            continue
        arena.source = ("derived by SymPy", arena.sources[node])
        operands = arena.operands[node]
        for place, operand in enumerate(operands):
            if moves[operand]:
                found = _local(arena, node, place)
                if found is not None:
                    term = found.times(arena, operands, node, bars[node])
                    _accumulate(arena, bars, operand, None if term in arena.units else term)
    one, zero = (arena.literal(arena.avals[output].dtype.type(value)) for value in (1.0, 0.0))
    gradient = []
    for node in targets:
        bar = bars.get(node, zero)
        gradient.append(one if bar is None else bar)
        arena.relations.setdefault(gradient[-1], (node, "bar"))
    return arena.freeze(
        graph.input_nodes, [output, *gradient], names=graph.input_names, title=f"∇{graph.title}"
    )


def _accumulate(arena: Arena, bars: dict[int, int | None], node: int, term: int | None) -> None:
    """bars[node] += term, where None stands for 1."""
    if node in bars:
        before, after = (_or_one(arena, bar, node) for bar in (bars[node], term))
        term = arena.emit(add.bare, (before, after), arena.source)
    bars[node] = term


def _or_one(arena: Arena, bar: int | None, node: int) -> int:
    return arena.literal(arena.avals[node].dtype.type(1.0)) if bar is None else bar


# Local derivatives -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Local:
    """∂φ/∂xᵢ: a number, or ``rows`` over the operands and the output; see Note [Normal form].

    With ``over`` the rows compute b of a derivative c/b, and ``number`` is c.  ``where`` are rows
    of a condition: the derivative is 0 elsewhere, and selected rather than multiplied.
    """

    number: float | None
    rows: Template | None = None
    over: bool = False
    where: Template | None = None

    def times(self, arena: Arena, operands: Sequence[int], y: int, y_bar: int | None) -> int | None:
        """The node of (∂φ/∂xᵢ) · ȳ; None stands for 1."""
        product = self._product(arena, operands, y, y_bar)
        if self.where is not None:
            (condition,) = splice(arena, self.where, [*operands, y], arena.source)
            product = _emitted(arena, mask.bare, condition, _or_one(arena, product, y))
        return product

    def _product(
        self, arena: Arena, operands: Sequence[int], y: int, y_bar: int | None
    ) -> int | None:
        if self.rows is None:
            return self._number_times(arena, y, y_bar)
        (found,) = splice(arena, self.rows, [*operands, y], arena.source)
        if self.over:
            above = _or_one(arena, self._number_times(arena, y, y_bar), y)
            return _emitted(arena, div.bare, above, found)
        return found if y_bar is None else _emitted(arena, mul.bare, found, y_bar)

    def _number_times(self, arena: Arena, y: int, y_bar: int | None) -> int | None:
        """c·ȳ with structural 1 and −1."""
        if self.number == 1:
            return y_bar
        constant = arena.literal(arena.avals[y].dtype.type(self.number))
        if y_bar is None:
            return constant
        if self.number == -1:
            return _emitted(arena, neg.bare, y_bar)
        return _emitted(arena, mul.bare, constant, y_bar)


def _emitted(arena: Arena, operation: Operation, *operands: int | None) -> int:
    """A node; as everywhere, 1·x is x, and selections are taken outside of products."""
    nodes = tuple([node for node in operands if node is not None])
    if arena.has_masks or arena.units.intersection(nodes):
        return _emit_lifted(arena, operation, nodes, arena.source)
    return arena.emit(operation, nodes, arena.source)


def _local(arena: Arena, node: int, place: int) -> Local | None:
    """The derivative of one equation by one operand; None where it is 0."""
    avals = tuple([arena.avals[operand] for operand in arena.operands[node]])
    try:
        return _derived(arena.operations[node], place, avals, arena.avals[node])
    except UnsupportedError as error:
        error.where = error.where or place_of(arena.sources[node]) or None
        raise


@cache
def _derived(operation: Operation, place: int, avals: tuple[Aval, ...], out: Aval) -> Local | None:
    """``sympy.diff`` of the operation's SymPy form, read into rows once."""
    if operation.name == "cast":
        return Local(1.0)
    x = sp.symbols(f"x0:{len(avals)}", real=True)
    y = sp.Symbol("y", real=True)
    primitive: Any = operation.primitive
    try:
        form = primitive.sympy(*x, **operation.kwargs)
    except NotImplementedError:
        raise UnsupportedError(f"{operation.name} has no SymPy form") from None
    slope = _with_floats(_through_output(differentiated(form, x[place]), form, y))
    symbols, kinds = (*x, y), (*avals, out)
    selected = _selected(slope)
    if selected is None:
        return _read(slope, symbols, kinds)
    slope, condition = selected
    found = _read(slope, symbols, kinds)
    return None if found is None else replace(found, where=_rows(condition, symbols, kinds))


def _through_output(slope: Any, form: Any, y: Any) -> Any:
    """The slope with y for what equals the output, rule 1 of Note [Normal form]."""
    return slope if form.is_Symbol or form.is_Number else slope.subs(form, y)


def _with_floats(expr: Any) -> Any:
    """Constants such as log 10 and √π as floats."""
    constants = {
        node: node.evalf(CONSTANT_DIGITS)
        for node in post_order([expr])
        if node.args and node.is_number and not node.is_Rational and node.is_finite
    }
    return replaced(expr, constants) if constants else expr


def _selected(slope: Any) -> tuple[Any, Any] | None:
    """(p, m) of a derivative that is p where the condition m holds, and 0 elsewhere."""
    if not isinstance(slope, sp.Piecewise) or len(slope.args) != 2:
        return None
    (first, condition), (second, otherwise) = slope.args
    if otherwise != sp.true or (first != 0) == (second != 0):
        return None
    return (first, condition) if first != 0 else (second, sp.Not(condition))


def _read(slope: Any, symbols: Sequence[Any], avals: Sequence[Aval]) -> Local | None:
    """A derivative as a number, as rows, or as a constant over rows."""
    if slope.is_Number:
        return None if slope == 0 else Local(float(slope))
    arena, found = _traced(slope, symbols, avals)
    if arena.operations[found.node] is div.bare:
        above, below = arena.operands[found.node]
        if above in arena.values:
            constant, below = _halves_above(arena, float(arena.values[above]), below)
            rows = Template(arena, [Tracer(arena, below, arena.avals[below])])
            return Local(constant, rows, over=True)
    return Local(None, Template(arena, [found]))


def _rows(expr: Any, symbols: Sequence[Any], avals: Sequence[Aval]) -> Template:
    arena, found = _traced(expr, symbols, avals)
    return Template(arena, [found])


def _traced(expr: Any, symbols: Sequence[Any], avals: Sequence[Aval]) -> tuple[Arena, Tracer]:
    """An expression over inputs of these kinds, in an arena of its own."""
    arena = Arena()
    arena.source = ("derived by SymPy", None)
    tracers = [Tracer(arena, arena.new_input(of), of) for of in avals]
    reader = SympyReader(arena, dict(zip(symbols, tracers, strict=True)), avals[-1].dtype)
    return arena, reader.read(expr)


def _halves_above(arena: Arena, above: float, below: int) -> tuple[float, int]:
    """c/(2b) as (c/2)/b, which is exact; other factors stay below."""
    if arena.operations[below] is mul.bare:
        first, second = arena.operands[below]
        factor = arena.values.get(first)
        if factor is not None and abs(np.frexp(factor)[0]) == 0.5:
            return above / float(factor), second
    return above, below
