"""How large a formula is: as a tree, shared, and after common-subexpression elimination.

The difference between the three numbers is what people mean by expression swell (Baydin et
al. 2018, section 2):

* as a **tree**, the way it is printed: a part that is used twice counts twice;
* **shared**, the way it is stored: every distinct subexpression counts once;
* after **cse**, SymPy's elimination, which also finds common parts of sums and products.

The tree of a formula that is stored in a few kilobytes may have more operations than there are
atoms in the universe, so it is counted without being walked:

    T(v) = own(v) + Σ T(operand of v),

in exact integers, once per distinct subexpression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.differentiate.budget import SECONDS, Budget
from diffkit.errors import BudgetError
from diffkit.graph.avals import Aval
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import Elementwise
from diffkit.lazy import sp

__all__ = [
    "MAX_SCALAR_OPERATIONS",
    "expression_sizes",
    "formula_cells",
    "formula_sizes",
    "scalar_operations",
    "tree_operations",
]

MAX_SCALAR_OPERATIONS = 20_000
"""Scalar operations up to which a graph becomes a formula; SymPy needs some 0.1 ms for each."""

LARGEST_TREE = 10**100
"""Operations beyond which the steps of a loop are no longer counted: no formula comes near."""


def formula_sizes(formula: Any, *, seconds: float = SECONDS) -> dict[str, int | None]:
    """The operations of a formula: ``{"tree": …, "shared": …, "cse": …}``.

    ``formula`` is a Graph, a SymPy expression, or a list of expressions that share parts.
    Operations are counted as ``sympy.count_ops`` does, without walking the tree.  Of a graph,
    ``cse`` is None where SymPy's elimination takes longer than ``seconds``; a graph beyond
    ``MAX_SCALAR_OPERATIONS``, or one that is no formula in time, is counted without SymPy: the
    tree to within the average use of each operand's elements.

    Raises
    ------
    UnsupportedError
        For a graph with an operation that has no SymPy form.
    BudgetError
        When SymPy takes too long over expressions.

    Source: the growth of formulas follows Baydin et al. 2018, section 2.

    >>> import sympy
    >>> x = sympy.Symbol("x")
    >>> y = 4 * x * (1 - x)
    >>> formula_sizes(sympy.diff(4 * y * (1 - y), x))
    {'tree': 21, 'shared': 15, 'cse': 12}
    """
    budget = Budget(seconds=seconds)
    if not isinstance(formula, Graph):
        return budget.run(lambda: expression_sizes(formula_cells(formula)))
    try:
        cells = formula_cells(formula.to_sympy())
    except BudgetError:
        shared = scalar_operations(formula)
        return {"tree": graph_tree_operations(formula), "shared": shared, "cse": None}
    try:
        return budget.run(lambda: expression_sizes(cells))
    except BudgetError:
        return {**_counted_sizes(cells), "cse": None}


def formula_cells(formula: Any) -> list[Any]:
    """The scalar expressions of a formula, of a list of formulas, or of an array."""
    parts = formula if isinstance(formula, (list, tuple)) else [formula]
    return [
        cell for part in parts for cell in (part.flat if isinstance(part, np.ndarray) else [part])
    ]


# Expressions -------------------------------------------------------------------------------------


def expression_sizes(
    expressions: Sequence[Any], eliminated: Sequence[Any] | None = None
) -> dict[str, int | None]:
    """The three sizes of SymPy expressions; ``eliminated`` is what ``sympy.cse`` left of them."""
    roots = [sp.sympify(expression) for expression in expressions]
    if eliminated is None:
        replacements, reduced = sp.cse(roots)
        eliminated = [*(part for _, part in replacements), *reduced]
    return {**_counted_sizes(roots), "cse": tree_operations(eliminated)}


def _counted_sizes(expressions: Sequence[Any]) -> dict[str, int | None]:
    """The sizes that need no elimination, in time linear in the storage."""
    roots = [sp.sympify(expression) for expression in expressions]
    shared = sum(own for _, own, _ in _counted(roots))
    return {"tree": tree_operations(roots), "shared": shared}


def tree_operations(expressions: Iterable[Any]) -> int:
    """What ``sympy.count_ops`` gives for these trees together, in time linear in their storage.

    >>> import sympy
    >>> x, f = sympy.Symbol("x"), sympy.Function("f")
    >>> for _ in range(200):
    ...     x = f(x, x)
    >>> tree_operations([x]) == 2**200 - 1
    True
    """
    roots = list(expressions)
    total: dict[Any, int] = {}
    for node, own, parts in _counted(roots):
        total[node] = own + sum(total[part] for part in parts)
    return sum(total[root] for root in roots)


def _counted(roots: Sequence[Any]) -> Iterator[tuple[Any, int, tuple[Any, ...]]]:
    """Every distinct part with its own operations and its parts, parts first; iterative."""
    steps: dict[Any, tuple[int, tuple[Any, ...]] | None] = {}
    stack = [(root, False) for root in roots]
    while stack:
        node, ready = stack.pop()
        if ready:
            own, parts = steps[node] or (0, ())
            yield node, own, parts
        elif node not in steps:
            own, parts = steps[node] = _one_step(node)
            stack.append((node, True))
            stack += [(part, False) for part in parts if part not in steps]


def _one_step(node: Any) -> tuple[int, tuple[Any, ...]]:
    """The operations at the top of an expression, and the parts below them.

    This is one turn of the loop of ``sympy.count_ops`` (SymPy 1.13, ``core/function.py``, BSD
    licence), so that its numbers come out: −x is one operation, a/b one division, a − b one
    subtraction, and a product of n factors n − 1.
    """
    if node.is_Rational:
        return int(node.p < 0) + int(node.q != 1), ()
    if node.is_Add:
        return _sum_step(node)
    negation = 0
    if node.is_Mul:
        if _is_minus(node):
            negation = 1
            node = node.as_two_terms()[1] if node.args[0] is sp.S.NegativeOne else -node
        above, below = sp.fraction(node)
        if above.is_Integer:
            return negation + 1 + int(above.is_negative), (below,)
        if below is not sp.S.One:
            return negation + 1, (above,) if below.is_Integer else (below, above)
    if node.is_Pow and node.exp is sp.S.NegativeOne:
        return negation + 1, (node.base,)
    if node.is_Mul or isinstance(node, sp.core.operations.LatticeOp):
        return negation + len(node.args) - 1, node.args
    counts = bool(node.args) and (node.is_Pow or node.is_Function or node.is_Derivative)
    return negation + int(counts), node.args


def _sum_step(node: Any) -> tuple[int, tuple[Any, ...]]:
    minus = [_is_minus(term) for term in node.args]
    parts = [-term if negative else term for term, negative in zip(node.args, minus, strict=True)]
    return len(parts) - 1 + int(all(minus)), tuple(parts)


def _is_minus(term: Any) -> bool:
    leading = term.args[0] if term.is_Mul else term
    return bool(leading.is_Number and leading.is_extended_negative)


# Graphs ------------------------------------------------------------------------------------------


def scalar_operations(graph: Graph) -> int:
    """The operations of a graph on scalars: every element of every equation counts.

    Elements that are only moved count too, since each is an object that SymPy must hold.

    >>> import diffkit as dk
    >>> scalar_operations(dk.parse("sin(x*y) + x"))
    3
    """
    columns = graph.columns
    arrays = sum(columns.avals[n].size for n in graph.input_nodes if columns.avals[n].ndim)
    return arrays + sum(_scalar_work(graph, node)[0] for node in graph.equation_nodes())


def _scalar_work(graph: Graph, node: int) -> tuple[int, bool]:
    """The scalar operations of one equation, and whether it is elementwise."""
    columns = graph.columns
    operation, out = columns.operations[node], columns.avals[node]
    if isinstance(operation.primitive, Elementwise):
        return out.size, True
    avals = [columns.avals[operand] for operand in columns.operands[node]]
    return max(operation.primitive.cost(out, avals, operation.kwargs), out.size), False


def graph_tree_operations(graph: Graph) -> int:
    """The operations of the formula of a graph as a tree, by T(v) = own(v) + Σ uses · T(operand).

    ``uses`` is how often an element of the operand is used, on average.  A loop is counted step by
    step, up to ``LARGEST_TREE``.
    """
    return sum(_trees(graph, [0] * len(graph.input_nodes)))


def _trees(graph: Graph, inputs: Sequence[int]) -> list[int]:
    """The trees of the outputs, where the inputs stand for trees of these sizes."""
    columns = graph.columns
    total = dict(zip(graph.input_nodes, inputs, strict=True))
    for node in graph.equation_nodes():
        if columns.operations[node].name == "scan":
            below = [total.get(operand, 0) for operand in columns.operands[node]]
            total[node] = _loop_tree(columns.operations[node].kwargs, below)
            continue
        work, elementwise = _scalar_work(graph, node)
        below = 0
        for operand in columns.operands[node]:
            uses = _uses(work, elementwise, columns.avals[node], columns.avals[operand])
            below += total.get(operand, 0) * uses
        total[node] = work + below
    return [total.get(node, 0) for node in graph.output_nodes]


def _loop_tree(params: dict[str, Any], operands: list[int]) -> int:
    """The tree of all that a loop gives: the last carry, and what its steps add and stack."""
    body, stacked = params["body"], 0
    carry, rest = operands[: body.carries], operands[body.carries :]
    for _ in range(params["length"]):
        outputs = _trees(body.graph, [*carry, *rest])
        carry, stacked = outputs[: body.carries], stacked + sum(outputs[body.carries :])
        if sum(carry) + stacked > LARGEST_TREE:
            break
    return sum(carry) + stacked


def _uses(work: int, elementwise: bool, out: Aval, operand: Aval) -> int:
    """How often an element is used: by broadcasting, or in products (a factor and a sum each)."""
    size = max(operand.size, 1)
    return max(1, (out.size if elementwise else max(out.size, work // 2)) // size)
