"""Calculus on formulas: SymPy's derivative, with the derivatives at kinks that diffkit declares.

SymPy works over the complex numbers unless told otherwise, so every input is a real symbol;
then |x|′ is sign x and max(a, b)′ is Heaviside(a − b).  Heaviside(0) = ½ and sign(0) = 0 are
what Note [Kinks] (``primitives/piecewise.py``) declares for max, min, clip and abs.  Three
things need help: relu, hypot and xlogy have their own declared values and become selections,
|u| of a u that SymPy does not know to be real does too, and a jump differentiates to 0 instead
of to a Dirac delta.

A formula comes in two kinds.  The textbook kind is for reading.  The stable kind is for numbers:
it is written with the functions of ``primitives/symbolic_functions.py``, whose derivatives keep
their digits and have the declared values at kinks, an array's ties included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.capture.from_sympy import post_order
from diffkit.capture.tracing import Tracer
from diffkit.differentiate.formula_sizes import formula_cells
from diffkit.differentiate.formulas import input_symbols, mapped, outputs_over, replaced
from diffkit.errors import DiffkitError, UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.lazy import forms, sp
from diffkit.primitives import arithmetic as ops
from diffkit.primitives.piecewise import where
from diffkit.primitives.roots import hypot
from diffkit.primitives.rounding import floor_divide
from diffkit.primitives.transcendental import log

__all__ = ["FORMS", "differentiated", "formulas", "in_form"]

FORMS = ("raw", "expand", "factor", "horner", "simplify")
"""How a derivative is written before it is evaluated; ``raw`` is as SymPy leaves it."""


LONG_PRODUCT = 12
"""Factors from which SymPy's product rule was seen to be slower than ours."""


def formulas(graph: Graph, *, stable: bool = False) -> tuple[list[Any], list[Any]]:
    """Real symbols for the inputs, and the outputs over them.

    They are textbook formulas, to be read, or ``stable`` ones, to be evaluated.

    Raises
    ------
    UnsupportedError
        For an operation without a SymPy form, and for a NaN or an infinity in a calculation:
        SymPy takes x + ∞ for ∞ and x · NaN for NaN, whose derivatives would come out as 0.
    """
    symbols = input_symbols(graph, real=True)
    try:
        selecting = _selecting(graph, ("relu",) if stable else tuple(SELECTING))
        cells = outputs_over(selecting, symbols, "stable" if stable else "sympy")
        outputs = [mapped(_real_forms, y) for y in cells]
    except DiffkitError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise _no_formula(f"SymPy refuses it ({error})") from None
    for cell in formula_cells(outputs):
        _check_numbers(cell)
    return symbols, outputs


def _no_formula(reason: str, hint: str = 'use method="reverse".') -> UnsupportedError:
    message = f"symbolic: the function has no formula to differentiate: {reason}"
    return UnsupportedError(message, hint=hint)


def _check_numbers(cell: Any) -> None:
    """Refuse NaN and infinities, except where they are only selected or compared."""
    numbers = (sp.nan, sp.oo, -sp.oo, sp.zoo)
    selects = (sp.functions.elementary.piecewise.ExprCondPair, sp.Max, sp.Min)
    selects += (sp.core.relational.Relational, forms.Stable)
    found = [cell] if cell in numbers else []
    for node in post_order([cell]):
        if not isinstance(node, selects):
            found += [part for part in node.args if part in numbers]
    if sp.zoo in found:
        reason = "it divides by zero or takes the logarithm of zero"
        raise _no_formula(reason, "look for a part such as x/0 or log(0).")
    if found:
        raise _no_formula(f"it calculates with {'NaN' if found[0] is sp.nan else 'an infinity'}")


# Operations whose declared derivative SymPy's own form would miss, written with others.
SELECTING: dict[str, Callable[..., Any]] = {
    "relu": lambda x: where(ops.greater(x, 0.0), x, 0.0),
    "remainder": lambda a, b: a - b * floor_divide(a, b),
    "hypot": lambda a, b: where(ops.not_equal(hypot(a, b), 0.0), hypot(a, b), 0.0),
    "xlogy": lambda a, b: where(
        ops.greater(b, 0.0), a * log(b), where(ops.equal(a, 0.0), 0.0, a * log(b))
    ),
}


def _selecting(graph: Graph, names: tuple[str, ...]) -> Graph:
    """The graph with the operations of these names replaced."""
    columns = graph.columns
    if not any(operation.name in names for operation in columns.operations):
        return graph
    arena = Arena()
    place: dict[int, int] = {}
    for node in graph.input_nodes:
        place[node] = arena.new_input(columns.avals[node])
    for node, operation in enumerate(columns.operations):
        operands = tuple([place[operand] for operand in columns.operands[node]])
        if operation is LITERAL:
            place[node] = arena.literal(columns.values[node])
        elif operation.name in names:
            tracers = [Tracer(arena, operand, arena.avals[operand]) for operand in operands]
            place[node] = SELECTING[operation.name](*tracers).node
        elif operation is not INPUT:
            place[node] = arena.emit(operation, operands, columns.sources[node])
    inputs = [place[node] for node in graph.input_nodes]
    outputs = [place[node] for node in graph.output_nodes]
    return arena.freeze(inputs, outputs, guards=(), names=graph.input_names)


def _real_forms(expr: Any) -> Any:
    """|u| as a selection where SymPy does not know that u is real, as in |log x|."""
    root = sp.sympify(expr)
    done: dict[Any, Any] = {}
    for node in post_order([root]):
        args = [done[part] for part in node.args]
        same = all(new is old for new, old in zip(args, node.args, strict=True))
        new = node if same else node.func(*args)
        if isinstance(new, sp.Abs) and not new.args[0].is_extended_real:
            inner = new.args[0]
            new = sp.Piecewise((inner, inner > 0), (-inner, inner < 0), (0, True))
        done[node] = new
    return done[root]


def differentiated(expr: Any, symbol: Any) -> Any:
    """The derivative by a symbol; a jump has derivative 0, as declared."""
    derivative = _derivative(expr, symbol)
    jumps = {
        node: sp.S.Zero
        for node in post_order([derivative])
        if isinstance(node, (sp.DiracDelta, sp.Derivative, sp.Subs)) and _is_jump(node)
    }
    return replaced(derivative, jumps) if jumps else derivative


def _derivative(expr: Any, symbol: Any) -> Any:
    """``sympy.diff``, with long products taken factor by factor.

    SymPy multiplies the other factors one at a time and sorts after each, n² steps for a product
    of n numbers; all at once they are n.
    """
    if expr.is_Add and any(_is_long(term) for term in expr.args):
        return sp.Add(*[_derivative(term, symbol) for term in expr.args])
    if not _is_long(expr):
        return sp.diff(expr, symbol)
    factors, terms = list(expr.args), []
    for place, factor in enumerate(factors):
        if symbol in factor.free_symbols:
            slope = _derivative(factor, symbol)
            terms.append(sp.Mul(*factors[:place], slope, *factors[place + 1 :]))
    return sp.Add(*terms)


def _is_long(expr: Any) -> bool:
    return expr.is_Mul and len(expr.args) >= LONG_PRODUCT


def _is_jump(node: Any) -> bool:
    inner = node
    while isinstance(inner, (sp.Derivative, sp.Subs)):
        inner = inner.expr
    return isinstance(inner, (sp.DiracDelta, sp.floor, sp.ceiling, sp.sign, sp.Heaviside))


def in_form(derivative: Any, form: str, symbol: Any) -> Any:
    if form == "raw" or derivative.is_Number:
        return derivative
    try:
        return sp.horner(derivative, symbol) if form == "horner" else getattr(sp, form)(derivative)
    except sp.PolynomialError:
        raise UnsupportedError(
            f"the derivative has no {form} form: it is not a polynomial", hint="use form='raw'."
        ) from None
