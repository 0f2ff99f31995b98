"""The rule of one equation as a formula: how its tangent and its adjoints are computed.

    v̇ = Σₖ (∂v/∂uₖ) u̇ₖ           ūₖ += v̄ ∂v/∂uₖ

Where SymPy's derivative of the operation is short, that is what stands there: an independent
witness beside the numbers of the sweeps.  Elsewhere, at kinks, for tensors and for long formulas,
the rule that diffkit runs is written out; and where that is long too, it is named.

Templates have places: ``⟨k⟩`` for operand k, ``⟨dk⟩`` for its tangent, ``⟨y⟩`` for the result
and ``⟨b⟩`` for its adjoint.  They depend on the operation alone, so each is made once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from diffkit.comparison.explain_words import rule_phrase
from diffkit.differentiate.templates import jvp_template, vjp_template
from diffkit.graph.avals import Aval
from diffkit.graph.ir import LITERAL, Graph, Operation
from diffkit.graph.primitive import Elementwise

__all__ = ["Rule", "rule_of"]

LONGEST_PARTIAL = 24
"""Characters of a partial derivative by SymPy that is still shown."""

LONGEST_RULE_TEXT = 60
# What SymPy writes where a derivative is not a plain formula.
_UNREADABLE = re.compile(
    r"Derivative|Subs|Heaviside|DiracDelta|Piecewise|meijerg|hyper|\b(re|im)\("
)
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Rule:
    """The formula of the tangent, and that of what flows back to each operand (None: nothing).

    ``plain`` says that the formulas are arithmetic in the numbers of single entries.
    """

    tangent: str
    adjoint: tuple[str | None, ...]
    plain: bool


def rule_of(graph: Graph, node: int, moves: Sequence[bool]) -> Rule:
    """The rule of one equation; ``moves`` says which of its operands carry a derivative.

    >>> import diffkit as dk
    >>> graph = dk.parse("x*y")
    >>> rule_of(graph, graph.output_nodes[0], (True, True)).tangent
    '⟨d0⟩·⟨1⟩ + ⟨d1⟩·⟨0⟩'
    """
    columns = graph.columns
    operands = columns.operands[node]
    avals = tuple(columns.avals[operand] for operand in operands)
    exponent = columns.operations[node].name == "power"  # x^2.5 has a simpler derivative than x^y
    constants = tuple(_scalar(graph, operand) if exponent else None for operand in operands)
    return _rule(columns.operations[node], avals, columns.avals[node], tuple(moves), constants)


def _scalar(graph: Graph, node: int) -> Any:
    """The value of a scalar constant; None for variables and arrays."""
    if graph.columns.operations[node] is not LITERAL:
        return None
    value = np.asarray(graph.columns.values[node])
    return value.item() if value.size == 1 else None


@lru_cache(maxsize=4096)
def _rule(
    operation: Operation,
    avals: tuple[Aval, ...],
    out: Aval,
    moves: tuple[bool, ...],
    constants: tuple[Any, ...],
) -> Rule:
    if isinstance(operation.primitive, Elementwise):
        terms = _sympy_terms(operation, moves, constants)
        if terms is not None:
            tangent = [terms[k].format(m=f"⟨d{k}⟩") for k in terms if terms[k] != "0"]
            adjoint = tuple(
                _sent_back(terms.get(k, "0"), of.shape != out.shape) for k, of in enumerate(avals)
            )
            return Rule(" + ".join(tangent).replace("+ −", "− ") or "0", adjoint, True)
    return _written_out(operation, avals, out, moves, constants)


def _sent_back(term: str, summed: bool) -> str | None:
    """The adjoint's formula of a term, with a partial derivative of 1 or −1 written out.

    ``summed`` says that the operand was broadcast: what flows back is the sum over its copies.
    """
    if summed:
        return None if term == "0" else f"sum({term.format(m='⟨b⟩')})"
    if term in ("{m}", "−{m}"):
        return "⟨b⟩·1" if term == "{m}" else "⟨b⟩·(−1)"
    return None if term == "0" else term.format(m="⟨b⟩")


# SymPy's partial derivatives -------------------------------------------------------------------


def _sympy_terms(
    operation: Operation, moves: Sequence[bool], constants: Sequence[Any]
) -> dict[int, str] | None:
    """Operand → ``{m}`` times the partial derivative; None where SymPy's is no short formula."""
    import sympy as sp

    symbols = [
        sp.Symbol(f"⟨{k}⟩", real=True) if value is None else sp.nsimplify(value)
        for k, value in enumerate(constants)
    ]
    try:
        form: Any = operation.primitive.sympy(*symbols, **operation.kwargs)  # type: ignore[attr-defined]
        partials = {k: sp.diff(form, symbols[k]) for k, moving in enumerate(moves) if moving}
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    terms = {k: _term(partial) for k, partial in partials.items()}
    short = all(len(term) <= LONGEST_PARTIAL + 6 for term in terms.values())
    return terms if short and not any(map(_UNREADABLE.search, terms.values())) else None


def _term(partial: Any) -> str:
    """``{m}`` times a partial derivative, as a person writes it.

    >>> import sympy as sp
    >>> x, y = sp.symbols("x y")
    >>> _term(1 / x), _term(-x / y**2), _term(1 - sp.tanh(x) ** 2)
    ('{m} / x', '−{m}·x / y²', '{m}·(1 − tanh(x)²)')
    """
    import sympy as sp

    if partial == 0:
        return "0"
    sign = ""
    if not partial.is_Add and partial.could_extract_minus_sign():
        partial, sign = -partial, "−"
    above, below = sp.fraction(partial, exact=True)
    term = f"{sign}{{m}}" if above == 1 else f"{sign}{{m}}·{_factor(above)}"
    return term if below == 1 else f"{term} / {_factor(below, divides=True)}"


def _factor(expression: Any, divides: bool = False) -> str:
    text = _unicode(str(expression))
    return f"({text})" if expression.is_Add or (divides and expression.is_Mul) else text


def _unicode(text: str) -> str:
    text = re.sub(r"\*\*(\d+)(?![\d.])", lambda found: found[1].translate(_SUPERSCRIPTS), text)
    text = re.sub(r"(\d)\.0*(?!\d)", r"\1", text)
    return text.replace("**", "^").replace("*", "·").replace("-", "−").replace("{", "{{")


# The rules that run ----------------------------------------------------------------------------


def _written_out(
    operation: Operation,
    avals: tuple[Aval, ...],
    out: Aval,
    moves: tuple[bool, ...],
    constants: tuple[Any, ...],
) -> Rule:
    """The rules of an operation as formulas, from the equations that the sweeps run."""
    x = [f"⟨{k}⟩" for k in range(len(avals))]
    dots = [f"⟨d{k}⟩" for k, moving in enumerate(moves) if moving]
    tangent = _text(jvp_template(operation, avals, out, moves), [*x, "⟨y⟩", *dots], 0)
    pullback = vjp_template(operation, avals, out, moves, False)
    back = [
        None if slot is None else _text(pullback, [*x, "⟨y⟩", "⟨b⟩"], k)
        for k, slot in enumerate(pullback.outputs)
    ]
    elementwise = isinstance(operation.primitive, Elementwise)
    named = " + ".join(f"{dot}·∂{operation.name}/∂{place}" for dot, place in _pairs(moves))
    if tangent is None:
        tangent = named if elementwise else f"jvp of {operation.name}({', '.join(dots)})"
    adjoint = tuple(
        None if slot is None
        else text or (f"⟨b⟩·∂{operation.name}/∂⟨{k}⟩" if elementwise
                      else f"vjp of {operation.name}(⟨b⟩)")
        for k, (slot, text) in enumerate(zip(pullback.outputs, back, strict=True))
    )  # fmt: skip
    known = all(text is not None for text, slot in zip(back, pullback.outputs, strict=True) if slot)
    return Rule(tangent, adjoint, elementwise and known and tangent is not named)


def _pairs(moves: Sequence[bool]) -> list[tuple[str, str]]:
    return [(f"⟨d{k}⟩", f"⟨{k}⟩") for k, moving in enumerate(moves) if moving]


def _text(template: Any, slots: Sequence[str], output: int) -> str | None:
    phrase = rule_phrase(template, slots, output)
    return None if phrase is None or len(phrase[0]) > LONGEST_RULE_TEXT else phrase[0]
