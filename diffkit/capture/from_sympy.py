"""SymPy to graph: ``dk.from_sympy(expr)``.

A SymPy expression is walked from its leaves to its root, and every node becomes the primitives
that compute it: a sum with negative terms becomes subtractions, a product with negative powers
a quotient, a rational number a correctly rounded float.  Equal subexpressions are built once
(the arena is hash-consed), so a formula that shares its parts stays small.  The walk is
iterative.  Symbolic differentiation ends here too: its formulas become graphs and run on the
same engines as every other method's.

Reading on: "Manipulating expressions" in the SymPy documentation explains ``func`` and
``args``; the way back is ``differentiate/formulas.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from diffkit.capture.stable_forms import stable_form
from diffkit.capture.tracing import Tracer
from diffkit.capture.trees import structure_of
from diffkit.capture.vocabulary import vocabulary
from diffkit.errors import InputError, UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph
from diffkit.lazy import forms, sp
from diffkit.primitives import arithmetic as ops
from diffkit.primitives.piecewise import mask, where
from diffkit.primitives.rounding import remainder

__all__ = ["SympyReader", "from_sympy", "post_order"]

# Exponents up to this size become products, by integer_power; larger ones are floats.
MAX_EXPONENT = 1024
# Integers up to here are floats without rounding, so p/q may be taken apart.
LARGEST_EXACT = 2**53

# SymPy's name → the word of capture/vocabulary.py, where the two differ.
RENAMED = {
    "Abs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "atan2": "arctan2", "ceiling": "ceil",
    "Max": "max", "Min": "min", "Heaviside": "heaviside", "Sqrt": "sqrt", "Cbrt": "cbrt",
}  # fmt: skip
SAME = [
    "sign", "floor", "exp", "log", "sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh",
    "tanh", "erf", "erfc", "exp2", "expm1", "log1p", "log2", "log10", "hypot",
]  # fmt: skip
RELATIONS = {
    "StrictLessThan": ops.less,
    "LessThan": ops.less_equal,
    "StrictGreaterThan": ops.greater,
    "GreaterThan": ops.greater_equal,
    "Equality": ops.equal,
    "Unequality": ops.not_equal,
}


def from_sympy(expr: Any, variables: Sequence[Any] | None = None) -> Graph:
    """The expression graph of a SymPy expression in real scalar variables.

    Symbols become float64 scalar inputs, in alphabetical order or in that of ``variables``
    (symbols, or their names).  ``graph.to_sympy()`` gives the same symbols back, with what they
    are assumed to be; the graph itself computes with any real numbers.

    Raises
    ------
    UnsupportedError
        For a part that has no primitive or no real value; the message names it.
    InputError
        If ``expr`` is not a SymPy expression, or a symbol is missing from ``variables``.

    Source: a post-order walk over ``expr.args``.

    >>> import diffkit as dk, sympy
    >>> x, y = sympy.symbols("x y")
    >>> graph = dk.from_sympy(x * sympy.exp(y) / 3)
    >>> graph.input_names
    ('x', 'y')
    >>> float(graph(x=3.0, y=0.0))
    1.0
    """
    if isinstance(expr, str):
        raise InputError("from_sympy takes a SymPy expression, not text", hint="use dk.parse.")
    if isinstance(expr, (int, float)) and not isinstance(expr, bool):
        expr = sp.sympify(expr)
    if not isinstance(expr, sp.Expr):
        hint = "give one scalar expression; for a matrix, one element at a time."
        raise InputError(f"a {type(expr).__name__} is not a SymPy expression", hint=hint)
    symbols = _inputs(expr, variables)
    arena, scalar = Arena(), aval((), float)
    inputs = {symbol: Tracer(arena, arena.new_input(scalar), scalar) for symbol in symbols}
    try:
        result = SympyReader(arena, inputs, np.dtype(float)).read(expr)
    except RecursionError:
        hint = "build the function in NumPy instead."
        raise UnsupportedError("the expression is nested too deeply for SymPy", hint=hint) from None
    graph = arena.freeze(
        [tracer.node for tracer in inputs.values()],
        [result.node],
        names=[symbol.name for symbol in symbols],
        title=_title(expr),
        keywords=True,
        in_tree=structure_of(((0.0,) * len(symbols), {})),
        out_tree=structure_of(0.0),
    )
    graph.cache["symbols"] = tuple(symbols)  # for the way back, with their assumptions
    return graph


TITLE_ARGUMENTS = 20
"""Expressions with more subexpressions than this have no title; printing could take long."""


def _title(expr: Any) -> str:
    for count, _ in enumerate(post_order([expr])):
        if count > TITLE_ARGUMENTS:
            return ""
    return str(expr)


def _inputs(expr: Any, variables: Sequence[Any] | None) -> list[Any]:
    """The symbols that become inputs, in order."""
    free = {node for node in post_order([expr]) if isinstance(node, sp.Symbol)}
    by_name = {symbol.name: symbol for symbol in free}
    if len(by_name) < len(free):
        twice = sorted(s.name for s in free if s is not by_name[s.name])
        hint = "they differ in their assumptions; use one symbol for one variable."
        raise InputError(f"two different symbols are named {twice[0]}", hint=hint)
    if variables is None:
        return [by_name[name] for name in sorted(by_name)]
    listed = [variables] if isinstance(variables, (str, sp.Symbol)) else list(variables)
    names = [getattr(variable, "name", variable) for variable in listed]
    missing = sorted(set(by_name) - set(names))
    if missing or len(set(names)) < len(names):
        problem = f"{missing[0]} is not among" if missing else "a name comes twice in"
        raise InputError(f"{problem} the variables {names}", hint="list every symbol once.")
    return [by_name.get(name, sp.Symbol(name)) for name in names]


def post_order(roots: Iterable[Any]) -> Iterator[Any]:
    """Every distinct subexpression, arguments before what they are part of; iterative."""
    seen: set[Any] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(part, False) for part in reversed(node.args) if part not in seen]


class SympyReader:
    """Adds SymPy expressions to an arena; ``known`` maps symbols to their tracers."""

    def __init__(self, arena: Arena, known: Mapping[Any, Tracer], dtype: np.dtype[Any]) -> None:
        self.arena = arena
        self.dtype = dtype
        self.built: dict[Any, Any] = dict(known)
        # the reductions of stable functions: node → (reduction, stacked array, its elements)
        self.stacks: dict[int, tuple[Any, Tracer, list[int]]] = {}
        # slopes of selections, whose 0 stands for "not selected": Note [Kinks] in piecewise.py
        self.selections: set[int] = set()
        self.selects = False  # whether a Piecewise of numbers is one, as it is in a derivative

    def read(self, expr: Any) -> Tracer:
        """The tracer of an expression."""
        for node in post_order([expr]):
            if node not in self.built:
                self.built[node] = self.node(node)
        return self.tracer(expr)

    def tracer(self, expr: Any) -> Tracer:
        """The tracer of a part that is built; numbers become literals when they are used."""
        found = self.built.get(expr)
        if found is None:
            # an exponent whose sign was turned is no part of the expression itself
            found = self.built[expr] = self.node(expr)
        return found if isinstance(found, Tracer) else self.literal(found)

    def literal(self, value: Any) -> Tracer:
        """A constant of the graph."""
        number = np.bool_(value) if isinstance(value, bool) else self.dtype.type(value)
        node = self.arena.literal(number)
        return Tracer(self.arena, node, self.arena.avals[node])

    def node(self, expr: Any) -> Any:
        """What one node stands for: a tracer, a Python number, or None for a pair of others."""
        kind = type(expr).__name__
        if expr.is_Number or expr.is_NumberSymbol:
            return _number(expr)
        if expr is sp.true or expr is sp.false:
            return bool(expr)
        if isinstance(expr, forms.Stable):
            return stable_form(self, expr)
        builder = _BUILDERS.get(kind)
        if builder is not None:
            return builder(self, expr)
        word = _words().get(kind)
        return self.special(expr) if word is None else self.call(word, expr.args)

    def special(self, expr: Any) -> Tracer:
        """A special function, whose primitives are imported when there is one."""
        from diffkit.capture.special_functions import FROM_SYMPY

        builder = FROM_SYMPY.get(type(expr).__name__)
        if builder is None:
            raise _unsupported(expr)
        return builder(self, expr)

    def selection(self, slope: Tracer) -> Tracer:
        """A slope of max, min or where, remembered as such."""
        self.selections.add(slope.node)
        return slope

    def call(self, function: Callable[..., Any], parts: Sequence[Any]) -> Tracer:
        """A function of parts that are built."""
        return function(*[self.tracer(part) for part in parts])

    # Arithmetic ----------------------------------------------------------------------------

    def sum(self, expr: Any) -> Tracer:
        """a + b − c, with the positive terms first."""
        positive = [self.tracer(term) for term in expr.args if not _is_minus(term)]
        negative = [self.negated(term) for term in expr.args if _is_minus(term)]
        if not positive:
            return ops.neg(reduce(ops.add, negative))
        return reduce(ops.sub, negative, reduce(ops.add, positive))

    def negated(self, term: Any) -> Tracer:
        """−term, for a negative number or a product that begins with one."""
        return self.literal(-_number(term)) if term.is_Number else self.product(term, sign=-1)

    def product(self, expr: Any, sign: int = 1) -> Tracer:
        """±a b / c: negative exponents and the denominators of rationals are divided by."""
        chosen = [f for f in expr.args if not f.is_Number and self._is_selection(f)]
        if chosen and len(chosen) < len(expr.args):
            return self.selected(chosen, expr, sign)
        result = self.multiplied(expr.args, sign)
        return self.selection(result) if chosen else result

    def selected(self, chosen: Sequence[Any], expr: Any, sign: int) -> Tracer:
        """A product with slopes of selections: exactly 0 where one is 0, also times an infinity."""
        slope = self.selection(reduce(ops.mul, map(self.tracer, chosen)))
        rest = [factor for factor in expr.args if factor not in chosen]
        scaled = ops.mul(slope, self.multiplied(rest, sign))
        if all(factor.is_Number for factor in rest):
            return self.selection(scaled)
        return mask(ops.not_equal(slope, 0.0), scaled)

    def _is_selection(self, factor: Any) -> bool:
        found = self.built.get(factor)
        return isinstance(found, Tracer) and found.node in self.selections

    def multiplied(self, factors: Sequence[Any], sign: int = 1) -> Tracer:
        """±a b / c of factors."""
        above: list[Tracer] = []
        below: list[Tracer] = []
        squared: list[Tracer] = []
        for factor in factors:
            if factor.is_Number:
                sign = -sign if factor.is_negative else sign
                numerator, denominator = _magnitude(factor)
                above += [] if numerator == 1.0 else [self.literal(numerator)]
                below += [] if denominator == 1.0 else [self.literal(denominator)]
            elif factor.is_Pow and factor.exp == -2:
                squared.append(self.tracer(factor.base))
            elif factor.is_Pow and _is_reciprocal(factor.exp):
                below.append(self.raised(factor.base, -factor.exp))
            else:
                above.append(self.tracer(factor))
        if not above:
            below += [ops.integer_power(base, n=2) for base in squared]
            squared, above = [], [self.literal(1.0)]
        result = reduce(ops.mul, above)
        if below:
            result = ops.div(result, reduce(ops.mul, below))
        # a/b² with two divisions, since b² over- or underflows long before the quotient does
        for base in squared:
            result = ops.div(ops.div(result, base), base)
        return ops.neg(result) if sign < 0 else result

    def power(self, expr: Any) -> Tracer:
        """A power; a negative square root is divided by."""
        base, exponent = expr.args
        if exponent == -1 or (_is_reciprocal(exponent) and not exponent.is_Integer):
            return ops.div(self.literal(1.0), self.raised(base, -exponent))
        return self.raised(base, exponent)

    def raised(self, base: Any, exponent: Any) -> Tracer:
        """Integer powers, square roots, and the general power."""
        if exponent == 1:
            return self.tracer(base)
        if exponent.is_Integer and abs(exponent) <= MAX_EXPONENT:
            return ops.integer_power(self.tracer(base), n=int(exponent))
        if exponent.is_Rational and exponent.q == 2 and exponent.p == 1:
            return self.call(vocabulary()["sqrt"].build, [base])
        return self.call(ops.power, [base, exponent])

    # Choices ---------------------------------------------------------------------------------

    def piecewise(self, expr: Any) -> Tracer:
        """Nested selections, from the last piece to the first; no piece gives NaN."""
        pieces = list(expr.args)
        if pieces[-1].args[1] == sp.true:
            result = self.tracer(pieces.pop().args[0])
        else:
            result = self.literal(np.nan)
        for piece in reversed(pieces):
            value, condition = piece.args
            result = where(self.tracer(condition), self.tracer(value), result)
        slope = self.selects and all(piece.args[0].is_Number for piece in expr.args)
        return self.selection(result) if slope else result

    def choice(self, expr: Any) -> Tracer:
        """SymPy's if-then-else for conditions."""
        return self.call(where, expr.args)

    def junction(self, expr: Any) -> Tracer:
        """Conjunctions and disjunctions of conditions."""
        join = ops.logical_and if isinstance(expr, sp.And) else ops.logical_or
        return reduce(join, map(self.tracer, expr.args))


_BUILDERS: dict[str, Callable[[SympyReader, Any], Any]] = {
    "Add": SympyReader.sum,
    "Mul": SympyReader.product,
    "Pow": SympyReader.power,
    "Piecewise": SympyReader.piecewise,
    "ExprCondPair": lambda reader, expr: None,
    "Tuple": lambda reader, expr: None,  # so that an error names the integral it belongs to
    "ITE": SympyReader.choice,
    "And": SympyReader.junction,
    "Or": SympyReader.junction,
}


@lru_cache(maxsize=1)
def _words() -> dict[str, Callable[..., Any]]:
    """SymPy's class name → what builds it."""
    words = vocabulary()
    named = {**{name: name for name in SAME}, **RENAMED}
    found = {theirs: words[ours].build for theirs, ours in named.items() if ours in words}
    return {**found, **RELATIONS, "Not": ops.logical_not, "Mod": remainder}


def _number(expr: Any) -> float:
    """A SymPy number as the nearest float."""
    if expr.is_Rational:
        try:
            return int(expr.p) / int(expr.q)  # Python rounds the quotient of integers correctly
        except OverflowError:
            raise UnsupportedError(
                "a number of the expression is too large for a float", hint="scale the variables."
            ) from None
    if expr is sp.nan or expr is sp.zoo or not expr.is_extended_real:
        raise _unsupported(expr)
    return float(expr)


def _magnitude(number: Any) -> tuple[float, float]:
    """|number| as (numerator, denominator), both exact floats where that is possible."""
    if number.is_Rational and abs(number.p) <= LARGEST_EXACT and number.q <= LARGEST_EXACT:
        return float(abs(number.p)), float(number.q)
    return abs(_number(number)), 1.0


def _is_minus(term: Any) -> bool:
    """Whether a term of a sum is subtracted."""
    leading = term.args[0] if term.is_Mul else term
    return bool(leading.is_Number and leading.is_negative)


def _is_reciprocal(exponent: Any) -> bool:
    return bool(exponent.is_Rational and exponent.is_negative)


def _unsupported(expr: Any) -> UnsupportedError:
    if isinstance(expr, sp.Symbol):
        return UnsupportedError(f"the symbol {expr} has no value", hint="list it in variables.")
    return UnsupportedError(
        f"{type(expr).__name__} has no counterpart among the primitives of real numbers",
        hint="rewrite the expression, e.g. with expr.doit() or expr.rewrite(...).",
    )
