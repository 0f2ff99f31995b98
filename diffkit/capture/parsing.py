"""Text to graph: ``dk.parse("sin(x*y) + exp(x)")``.

Text is never evaluated.  Python's own parser turns it into a syntax tree, and this module
walks the tree with an allow-list: numbers, names, + − * / // % **, comparisons, ``a if c else b``
and the functions of ``capture/vocabulary.py``.  Everything else is an error with a caret.  The
walk is iterative and adds one equation per operation, so the cost is bounded by the limits in
``capture/parsing_text.py``, which are checked first; constant powers such as 9**9**9 stay
equations over floats, whose value is looked at only to refuse an overflow.

Reading on: the ``ast`` module of the Python library, and its warning that even
``ast.literal_eval`` needs limits.
"""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from diffkit.capture.parsing_text import Text
from diffkit.capture.tracing import Tracer
from diffkit.capture.trees import structure_of
from diffkit.capture.vocabulary import CONSTANTS, Word, vocabulary
from diffkit.errors import DtypeError, ParseError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph
from diffkit.primitives import arithmetic as ops
from diffkit.primitives.piecewise import where
from diffkit.primitives.rounding import floor_divide, remainder

__all__ = ["MAX_EXPONENT", "parse"]

MAX_EXPONENT = 1024
"""Beyond it a constant integer exponent is a float like any other: 2.0**1024 overflows."""

OPERATORS: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: ops.add,
    ast.Sub: ops.sub,
    ast.Mult: ops.mul,
    ast.Div: ops.div,
    ast.Pow: ops.power,
    ast.FloorDiv: floor_divide,
    ast.Mod: remainder,
}
COMPARISONS: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: ops.less,
    ast.LtE: ops.less_equal,
    ast.Gt: ops.greater,
    ast.GtE: ops.greater_equal,
    ast.Eq: ops.equal,
    ast.NotEq: ops.not_equal,
}
REFUSED_NODES: dict[type[ast.AST], tuple[str, str]] = {
    ast.Attribute: ("attributes are not accepted", "write sin(x) instead of np.sin(x)."),
    ast.Tuple: ("several values are not accepted", "give one expression at a time."),
    ast.Starred: ("starred arguments are not accepted", "write the arguments one by one."),
}


def parse(text: str, *, dtype: Any = float) -> Graph:
    """The expression graph of a formula given as text, without evaluating the text.

    Names become scalar inputs of ``dtype``, in the order in which they first appear; the
    constants are pi, tau, e and inf.  The graph is called as ``g(x=1.0, y=2.0)``.

    Raises
    ------
    ParseError
        With a caret under the character that is not accepted, and what to write instead.
    InputError, DtypeError
        If ``text`` is not a string, or ``dtype`` not a floating type.

    Source: a walk over the tree of Python's ``ast`` module with an allow-list.

    >>> graph = parse("log(x1) + x1*x2 - sin(x2)")
    >>> graph.input_names
    ('x1', 'x2')
    >>> float(graph(x1=2.0, x2=5.0))
    11.652071455223084
    """
    kind = np.dtype(dtype)
    if kind.kind != "f" or kind.itemsize < np.dtype("f4").itemsize:
        raise DtypeError(f"text cannot become a graph of {kind}", hint="use float or 'f4'.")
    prepared = Text(text)
    tree = prepared.tree()
    builder = _Builder(prepared, kind, _variables(tree))
    result = builder.build(tree)
    if result.tracer.dtype.kind == "b":
        hint = "write where(condition, 1, 0) for a number."
        raise prepared.error("the expression is a condition, not a number", 0, hint)
    names = list(builder.inputs)
    return builder.arena.freeze(
        [tracer.node for tracer in builder.inputs.values()],
        [result.tracer.node],
        names=names,
        title=text.strip(),
        keywords=True,
        in_tree=structure_of(((0.0,) * len(names), {})),
        out_tree=structure_of(0.0),
    )


def _variables(tree: ast.expr) -> list[str]:
    """The free names, in the order in which they first appear."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    ]
    names.sort(key=lambda node: node.col_offset)
    return list(dict.fromkeys(node.id for node in names if node.id not in CONSTANTS))


class _Value(NamedTuple):
    """A part of the expression: its tracer, and its number where it is constant."""

    tracer: Tracer
    constant: Any = None


class _Step(NamedTuple):
    """How a syntax node is built: from these operands, some of them conditions."""

    operands: Sequence[ast.expr]
    build: Callable[..., Any]
    conditions: Sequence[int] = ()


class _Builder:
    """Walks a syntax tree, operands first, and fills an arena."""

    def __init__(self, text: Text, dtype: np.dtype[Any], names: Sequence[str]) -> None:
        self.text = text
        self.dtype = dtype
        self.arena = Arena()
        scalar = aval((), dtype)
        self.inputs = {
            name: Tracer(self.arena, self.arena.new_input(scalar), scalar) for name in names
        }

    def build(self, root: ast.expr) -> _Value:
        """The value of the whole tree; iterative, so that depth costs no stack."""
        values: list[_Value] = []
        stack: list[tuple[ast.expr, _Step | None]] = [(root, None)]
        while stack:
            node, step = stack.pop()
            if step is None:
                leaf = self.leaf(node)
                if leaf is not None:
                    values.append(leaf)
                    continue
                step = self.step(node)
                stack.append((node, step))
                stack += [(operand, None) for operand in reversed(step.operands)]
            else:
                count = len(step.operands)
                operands = values[len(values) - count :]
                del values[len(values) - count :]
                values.append(self.combine(node, step, operands))
        return values[0]

    def error(self, message: str, node: ast.AST, hint: str | None = None) -> ParseError:
        """A ParseError at a syntax node."""
        return self.text.error(message, self.text.position(getattr(node, "col_offset", 0)), hint)

    # Leaves ------------------------------------------------------------------------------

    def leaf(self, node: ast.expr) -> _Value | None:
        """The value of a number (with its sign) or a name; None for everything else."""
        if isinstance(node, ast.Constant):
            return self.number(node)
        if (
            isinstance(node, ast.UnaryOp)
            and isinstance(node.op, ast.USub)
            and isinstance(node.operand, ast.Constant)
        ):
            return self.literal(-self.number(node.operand).constant)
        if isinstance(node, ast.Name):
            return self.name(node)
        return None

    def literal(self, value: float) -> _Value:
        """A constant of the graph."""
        number = self.dtype.type(value)
        node = self.arena.literal(number)
        return _Value(Tracer(self.arena, node, self.arena.avals[node]), number)

    def number(self, node: ast.Constant) -> _Value:
        """A number that is written out."""
        written = node.value
        if not isinstance(written, (int, float)):
            what = "complex numbers" if isinstance(written, complex) else repr(written)
            raise self.error(f"{what} cannot stand in an expression", node, "use real numbers.")
        try:
            number = float(written)
        except OverflowError:
            number = math.inf
        with np.errstate(over="ignore"):
            value = self.literal(number)
        if not np.isfinite(value.constant):
            raise self.error(f"the number is too large for {self.dtype}", node, "write inf.")
        return value

    def name(self, node: ast.Name) -> _Value:
        """A variable or a constant with a name."""
        name = node.id
        word = vocabulary().get(name)
        if word is not None and word.reserved:
            hint = f"write {name}(…) with its argument in brackets."
            raise self.error(f"{name} is a function, not a variable", node, hint)
        if name.startswith("_"):
            hint = "begin the name of a variable with a letter."
            raise self.error("names that begin with an underscore are not accepted", node, hint)
        if name in CONSTANTS:
            return self.literal(CONSTANTS[name])
        return _Value(self.inputs[name])

    # Inner nodes ---------------------------------------------------------------------------

    def step(self, node: ast.expr) -> _Step:
        """What to build for an operator, a comparison, a condition or a call."""
        if isinstance(node, ast.BinOp):
            return self.binary(node)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.IfExp):
            return _Step((node.test, node.body, node.orelse), where, (0,))
        if isinstance(node, ast.BoolOp):
            join = ops.logical_and if isinstance(node.op, ast.And) else ops.logical_or
            everywhere = range(len(node.values))
            return _Step(node.values, partial(_joined, join), everywhere)
        message, hint = REFUSED_NODES.get(
            type(node), (f"{type(node).__name__} is not accepted in an expression", None)
        )
        raise self.error(message, node, hint)

    def binary(self, node: ast.BinOp) -> _Step:
        """A binary operator; x**3 and e**x have primitives of their own."""
        build = OPERATORS.get(type(node.op))
        if build is None:
            hint = "use + - * / // % and **."
            raise self.error("this operator is not accepted in an expression", node.right, hint)
        if isinstance(node.op, ast.Pow):
            exponent = _integer(node.right)
            if exponent is not None and abs(exponent) <= MAX_EXPONENT:
                return _Step((node.left,), partial(ops.integer_power, n=exponent))
            if isinstance(node.left, ast.Name) and node.left.id == "e":
                return _Step((node.right,), vocabulary()["exp"].build)
        return _Step((node.left, node.right), build)

    def unary(self, node: ast.UnaryOp) -> _Step:
        """A sign, or ``not``."""
        if isinstance(node.op, ast.Not):
            return _Step((node.operand,), ops.logical_not, (0,))
        return _Step((node.operand,), ops.neg if isinstance(node.op, ast.USub) else _same)

    def comparison(self, node: ast.Compare) -> _Step:
        """One comparison, or a chain such as 0 < x < 1."""
        compare = [COMPARISONS.get(type(op)) for op in node.ops]

        def chain(*x: Any) -> Any:
            pairs = zip(compare, x[:-1], x[1:], strict=True)
            return _joined(ops.logical_and, *[c(a, b) for c, a, b in pairs if c is not None])

        return _Step((node.left, *node.comparators), chain)

    def call(self, node: ast.Call) -> _Step:
        """A call of a function of the vocabulary, by its plain name."""
        if not isinstance(node.func, ast.Name):
            advice = "only functions can be called", "write * between factors, as in 2*(x + 1)."
            message, hint = REFUSED_NODES.get(type(node.func), advice)
            raise self.error(message, node, hint)
        word = vocabulary().get(node.func.id)
        if word is None:
            raise self.unknown(node.func)
        if node.keywords:
            hint = "give the arguments in order, without names."
            raise self.error("named arguments are not accepted", node.keywords[0], hint)
        self.count_arguments(word, node)
        return _Step(node.args, word.build, word.conditions)

    def count_arguments(self, word: Word, node: ast.Call) -> None:
        """Refuse too few or too many arguments."""
        count = len(node.args)
        if count < word.least or (word.most is not None and count > word.most):
            hint = f"write {word.name}({', '.join('xyz'[: max(word.least, 1)])})."
            raise self.error(f"{word.name} takes {word.arity}, not {count}", node, hint)

    def unknown(self, node: ast.Name) -> ParseError:
        """The error for a function that is not known, with the nearest that is."""
        near = difflib.get_close_matches(node.id.lower(), vocabulary(), n=1)
        if near:
            hint = f"did you mean {near[0]}?"
        elif node.id in self.inputs or len(node.id) == 1:
            hint = f"write * between factors, as in {node.id}*(…)."
        else:
            hint = "functions have NumPy's names: sin, exp, log, sqrt, where, maximum, …"
        return self.error(f"there is no function named {node.id!r:.40}", node, hint)

    # Building -------------------------------------------------------------------------------

    def combine(self, node: ast.expr, step: _Step, operands: Sequence[_Value]) -> _Value:
        """The equation of an inner node, marked with its place in the text."""
        position = self.text.position(node.col_offset)
        self.arena.source = (f"character {position + 1}", None)
        pairs = zip(step.operands, operands, strict=True)
        fitting = [
            self.condition(part, value) if place in step.conditions else self.numeric(value)
            for place, (part, value) in enumerate(pairs)
        ]
        tracer = step.build(*[value.tracer for value in fitting])
        if any(value.constant is None for value in fitting):
            return _Value(tracer)
        constants = [value.constant for value in fitting]
        with np.errstate(all="ignore"):
            constant = step.build(*constants)
        if np.isfinite(constants).all() and not np.isfinite(constant):
            what = "not a number" if np.isnan(constant) else f"infinite in {self.dtype}"
            raise self.error(f"this part is {what}", node, "use numbers that can be computed.")
        return _Value(tracer, constant)

    def condition(self, node: ast.expr, value: _Value) -> _Value:
        """The operand of a choice, which must be a comparison."""
        if value.tracer.dtype.kind != "b":
            hint = "compare it, as in x != 0."
            raise self.error("a condition must be a comparison", node, hint)
        return value

    def numeric(self, value: _Value) -> _Value:
        """A number; a comparison counts as 1 or 0."""
        if value.tracer.dtype.kind != "b":
            return value
        one, zero = self.literal(1.0), self.literal(0.0)
        chosen = where(value.tracer, one.tracer, zero.tracer)
        return _Value(chosen, None if value.constant is None else self.dtype.type(value.constant))


def _same(x: Any) -> Any:
    return x


def _joined(join: Callable[..., Any], *conditions: Any) -> Any:
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = join(joined, condition)
    return joined


def _integer(node: ast.expr) -> int | None:
    """The integer that an exponent such as 2, 2.0 or -2 is, or None."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, (int, float)) and abs(value) <= MAX_EXPONENT and value == int(value):
        return sign * int(value)
    return None
