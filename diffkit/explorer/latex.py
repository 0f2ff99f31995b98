"""An expression as LaTeX, as it was typed: a quotient is a fraction, a power an exponent.

SymPy would order and simplify; what is shown while somebody types should stay what was typed.  So
this module walks the syntax tree that ``dk.parse`` walks, after ``dk.parse`` has accepted the text.
A rule gives LaTeX and how tightly it binds, and brackets stand where the binding asks for them.

Reading on: Knuth 1984, *The TeXbook*, chapters 16 to 18.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from diffkit.capture.parsing_text import Text
from diffkit.capture.vocabulary import CONSTANTS

__all__ = ["latex_of"]

# How tightly an expression binds, as in Python's grammar.
CHOICE, EITHER, BOTH, COMPARED, SUM, PRODUCT, SIGNED, POWER, ATOM = range(9)

GREEK = frozenset([
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "rho", "sigma", "upsilon", "phi", "chi", "psi", "omega", "Gamma",
    "Delta", "Theta", "Lambda", "Xi", "Sigma", "Phi", "Psi", "Omega",
])  # fmt: skip
PLAIN_FUNCTIONS = frozenset([
    "sin", "cos", "tan", "exp", "log", "ln", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan",
])  # fmt: skip
SYNONYMS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
CONSTANT_SIGNS = {"pi": r"\pi", "π": r"\pi", "tau": r"\tau", "e": r"\mathrm{e}", "inf": r"\infty"}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne",
}  # fmt: skip


class Written(NamedTuple):
    """LaTeX, and how tightly it binds."""

    text: str
    binding: int = ATOM


Rule = Callable[[Sequence[Written]], Written]


def latex_of(text: str) -> str:
    """The LaTeX of an expression that ``dk.parse`` accepts.

    >>> print(latex_of("log(x1) + x1*x2 - sin(x2)"))
    \\log\\left(x_{1}\\right) + x_{1}\\, x_{2} - \\sin\\left(x_{2}\\right)
    """
    written: list[Written] = []
    stack: list[tuple[ast.expr, bool]] = [(Text(text).tree(), False)]
    while stack:  # operands first; a chain of thousands costs no recursion
        node, ready = stack.pop()
        operands = _operands(node)
        if operands and not ready:
            stack.append((node, True))
            stack += [(operand, False) for operand in reversed(operands)]
            continue
        count = len(operands)
        parts = written[len(written) - count :]
        del written[len(written) - count :]
        written.append(_written(node, parts))
    return written[0].text


def _operands(node: ast.expr) -> list[ast.expr]:
    """What an expression is made of."""
    match node:
        case ast.BinOp(left, _, right):
            return [left, right]
        case ast.UnaryOp(_, operand):
            return [operand]
        case ast.Call(_, arguments, _):
            return list(arguments)
        case ast.Compare(left, _, others):
            return [left, *others]
        case ast.IfExp(test, body, other):
            return [body, test, other]
        case ast.BoolOp(_, values):
            return list(values)
    return []


def _written(node: ast.expr, parts: Sequence[Written]) -> Written:
    match node:
        case ast.Constant(value):
            return _number(value)
        case ast.Name(name):
            return Written(CONSTANT_SIGNS[name] if name in CONSTANTS else _name(name))
        case ast.BinOp(_, operator, _):
            return _operation(operator, *parts)
        case ast.UnaryOp(operator, _):
            return _signed(operator, parts[0])
        case ast.Call(ast.Name(name), _, _):
            return _call(name, parts)
        case ast.Compare(_, operators, _):
            signs = [COMPARISONS[type(operator)] for operator in operators]
            rest = [f" {sign} {_in(p, SUM)}" for sign, p in zip(signs, parts[1:], strict=True)]
            return Written(_in(parts[0], SUM) + "".join(rest), COMPARED)
        case ast.IfExp():
            return _cases(*parts)
        case ast.BoolOp(operator, _):
            sign, binding = (r"\land", BOTH) if isinstance(operator, ast.And) else (r"\lor", EITHER)
            return Written(f" {sign} ".join(_in(p, COMPARED) for p in parts), binding)
    return Written("")


def _in(part: Written, least: int) -> str:
    """A part, in brackets where it binds less tightly than its place asks."""
    return part.text if part.binding >= least else rf"\left({part.text}\right)"


def _number(value: Any) -> Written:
    text = repr(value)
    if "e" in text:
        digits, power = text.split("e")
        mantissa = "" if digits == "1" else rf"{digits} \cdot "
        return Written(f"{mantissa}10^{{{int(power)}}}", PRODUCT)
    return Written(text[:-2] if text.endswith(".0") else text)


def _name(name: str) -> str:
    """A variable: letters, Greek by name, and an index from digits or after an underscore."""
    match = re.fullmatch(r"([^\W\d_]+)_?(\w*)", name)
    base, index = (match[1], match[2]) if match else (name, "")
    if base in GREEK:
        base = rf"\{base}"
    elif len(base) > 1:
        base = rf"\mathrm{{{base}}}"
    index = index.replace("_", r"\_")
    return f"{base}_{{{index}}}" if index else base


def _operation(operator: ast.operator, left: Written, right: Written) -> Written:
    match operator:
        case ast.Add() | ast.Sub():
            sign = "+" if isinstance(operator, ast.Add) else "-"
            return Written(f"{_in(left, SUM)} {sign} {_term(right)}", SUM)
        case ast.Mult():
            return Written(_product(_in(left, PRODUCT), _in(right, SIGNED + 1)), PRODUCT)
        case ast.Div():
            if left.binding == SIGNED:  # the sign stands before the fraction
                return Written(rf"-\frac{{{left.text[1:]}}}{{{right.text}}}", SIGNED)
            return Written(rf"\frac{{{left.text}}}{{{right.text}}}")
        case ast.Pow():
            base = _in(left, ATOM) if not left.text.startswith(r"\frac") else _bracketed(left)
            return Written(f"{base}^{{{right.text}}}", POWER)
        case ast.FloorDiv():
            return Written(rf"\left\lfloor\frac{{{left.text}}}{{{right.text}}}\right\rfloor")
    return Written(rf"{_in(left, PRODUCT)} \bmod {_in(right, SIGNED + 1)}", PRODUCT)


def _term(part: Written) -> str:
    """The second term of a sum: brackets around a sum or a sign."""
    signed = part.binding == SIGNED or part.text.startswith("-")
    return _bracketed(part) if part.binding <= SUM or signed else part.text


def _bracketed(part: Written) -> str:
    return rf"\left({part.text}\right)"


def _product(left: str, right: str) -> str:
    """Two factors: a dot before a number, else a thin space."""
    return rf"{left} \cdot {right}" if right[:1].isdigit() else rf"{left}\, {right}"


def _signed(operator: ast.unaryop, part: Written) -> Written:
    if isinstance(operator, ast.Not):
        return Written(rf"\lnot {_in(part, ATOM)}", BOTH)
    if isinstance(operator, ast.UAdd):
        return part
    return Written(f"-{_in(part, SIGNED + 1)}" if part.binding != PRODUCT else f"-{part.text}",
                   SIGNED)  # fmt: skip


def _cases(value: Written, test: Written, other: Written) -> Written:
    rows = rf"{value.text} & \text{{if }} {test.text} \\ {other.text} & \text{{otherwise}}"
    return Written(rf"\begin{{cases}} {rows} \end{{cases}}")


SURROUNDING: dict[str, tuple[str, str]] = {
    "sqrt": (r"\sqrt{", "}"),
    "cbrt": (r"\sqrt[3]{", "}"),
    "abs": (r"\left|", r"\right|"),
    "absolute": (r"\left|", r"\right|"),
    "fabs": (r"\left|", r"\right|"),
    "floor": (r"\left\lfloor ", r"\right\rfloor"),
    "ceil": (r"\left\lceil ", r"\right\rceil"),
}


def _call(name: str, parts: Sequence[Written]) -> Written:
    if name in SURROUNDING and len(parts) == 1:
        before, after = SURROUNDING[name]
        return Written(f"{before}{parts[0].text}{after}")
    if name == "exp" and len(parts) == 1 and len(parts[0].text) < LONG_EXPONENT:
        return Written(rf"\mathrm{{e}}^{{{parts[0].text}}}", POWER)
    if name == "where" and len(parts) == 3:
        return _cases(parts[1], parts[0], parts[2])
    if name in ("square", "reciprocal") and len(parts) == 1:
        if name == "square":
            return Written(f"{_in(parts[0], ATOM)}^{{2}}", POWER)
        return Written(rf"\frac{{1}}{{{parts[0].text}}}")
    if name == "log" and len(parts) == 2:
        return Written(rf"\log_{{{parts[1].text}}}\left({parts[0].text}\right)")
    inside = ", ".join(part.text for part in parts)
    return Written(rf"{_function(name)}\left({inside}\right)")


LONG_EXPONENT = 60
"""Characters of LaTeX; longer exponents are too small to read, and stay an argument."""


def _function(name: str) -> str:
    name = SYNONYMS.get(name, name)
    if match := re.fullmatch(r"log(2|10)", name):
        return rf"\log_{{{match[1]}}}"
    if name in PLAIN_FUNCTIONS or name in ("max", "min"):
        return rf"\{name}"
    plain = name.replace("_", r"\_")
    return rf"\operatorname{{{plain}}}"
