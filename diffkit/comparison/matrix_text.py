"""Terms as mathematics: products by writing side by side, ⊙ element by element, ᵀ, ‖·‖, tr, σ.

A vector is a column: XᵀR for a matrix, δᵀ1 for the sum over rows of δ (1 is a vector of ones), v1ᵀ
for a vector repeated along rows.  NumPy's own broadcasting is left unsaid: XW + b adds b to every
row.  What has no sign in matrix calculus is written as a function with its name.

How the signs are spelled is in ``matrix_style.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import ClassVar

from diffkit.comparison.matrix_style import UNICODE, Style
from diffkit.comparison.matrix_terms import Algebra, Term, split_coefficient
from diffkit.comparison.matrix_writing import Found, TermWriter, into

__all__ = [
    "ADD",
    "ATOM",
    "COMPARE",
    "HADAMARD",
    "PRODUCT",
    "RAISED",
    "WRITERS",
    "Found",
    "Writer",
    "writes",
]

ADD, FRACTION, HADAMARD, PRODUCT, RAISED, ATOM = range(2, 8)
COMPARE = 1
MOST_INVERSE = 100
"""A factor 1/k with a whole k up to this is written as a division by k."""


SPOKEN = {"cofactor": "cof", "cholesky": "chol", "logical_and": "and", "logical_or": "or",
          "logical_not": "not", "add": "sum", "mul": "product"}  # fmt: skip


class Writer(TermWriter):
    """Writes terms in one style."""

    atom: ClassVar[int] = ATOM

    def __init__(self, algebra: Algebra, names: Mapping[Term, str], style: Style = UNICODE) -> None:
        super().__init__(algebra, names)
        self.style = style

    def spelled(self, name: str) -> str:
        return self.style.name(name)

    def enclosed(self, text: str) -> str:
        return self.style.parentheses(text)

    def inside(self, term: Term) -> Found:
        import_module("diffkit.comparison.matrix_text_functions")
        writer = WRITERS.get(term.op)
        return writer(self, term) if writer is not None else self._named(term)

    def _named(self, term: Term) -> Found:
        """A function by its name, with its parameters."""
        assert term.operation is not None
        params = [
            f"{key}={value}" for key, value in term.operation.params
            if isinstance(value, (int, float, str, tuple))
        ]  # fmt: skip
        name = SPOKEN.get(term.name, term.name)
        return self.style.call(name, *map(self.text, term.args), *params), ATOM

    def call(self, name: str, *args: Term) -> Found:
        """A function by its name."""
        return self.style.call(name, *map(self.text, args)), ATOM


WRITERS: dict[str, Callable[[Writer, Term], Found]] = {}
writes = into(WRITERS)


@writes("var", "size")
def _variable(writer: Writer, term: Term) -> Found:
    return writer.style.name(term.params[0]), ATOM


@writes("const")
def _constant(writer: Writer, term: Term) -> Found:
    value = term.params[0]
    return writer.style.number(value), ATOM if value >= 0 else ADD


@writes("array")
def _array(writer: Writer, term: Term) -> Found:
    return writer.style.name(f"C{term.params[0] + 1}"), ATOM


@writes("true", "false", "eye")
def _leaf(writer: Writer, term: Term) -> Found:
    return {"eye": "I"}.get(term.op, term.op), ATOM


# Sums and products -----------------------------------------------------------------------------


@writes("add")
def _sum(writer: Writer, term: Term) -> Found:
    style, text = writer.style, ""
    for arg in sorted(term.args, key=_place_in_sum):
        number, parts = split_coefficient(arg)
        size, kind = _scaled(writer, abs(number), parts)
        body = size if kind > ADD else style.parentheses(size)
        sign = style.minus if number < 0 else "+"
        if text:
            text += f" {sign} {body}"
        else:
            text = f"{style.minus}{body}" if number < 0 else body
    return text, ADD


def _place_in_sum(arg: Term) -> tuple[bool, bool, bool, int]:
    """Positive before negative, products before variables, numbers last; then in order."""
    number, parts = split_coefficient(arg)
    plain = all(part.is_leaf or (part.op == "T" and part.args[0].is_leaf) for part in parts)
    return number < 0, not parts, plain, arg.number


@writes("mul")
def _product(writer: Writer, term: Term) -> Found:
    number, parts = split_coefficient(term)
    text, kind = _scaled(writer, abs(number), parts)
    if number < 0:
        return f"{writer.style.minus}{text if kind > ADD else writer.style.parentheses(text)}", ADD
    return text, kind


def _scaled(writer: Writer, number: float, parts: tuple[Term, ...]) -> Found:
    """A non-negative number times factors: scalars, then arrays, over what divides them."""
    top = [part for part in parts if not _divides(part)]
    bottom = [_reciprocal(writer, part) for part in parts if _divides(part)]
    inverse = 1 / number if number and number < 1 else 0
    divisor = round(inverse) if inverse and inverse == round(inverse) <= MOST_INVERSE else 0
    if not number:
        return writer.style.number(0), ATOM
    text, kind = _numerator(writer, 1 if divisor else number, top)
    below = [(x, n) for x, n in bottom if x.is_scalar]
    arrays = [(x, n) for x, n in bottom if not x.is_scalar]
    for x, n in arrays:
        top_text = text if kind > HADAMARD else writer.style.parentheses(text)
        text, kind = writer.style.divided(top_text, _raised(writer, x, n)), HADAMARD
    if not below and not divisor:
        return text, kind
    texts = [writer.style.number(divisor)] if divisor else []
    texts += [_raised(writer, x, n) for x, n in below]
    simple = len(texts) == 1
    if kind < PRODUCT and writer.style is UNICODE:
        text = writer.style.parentheses(text)
    return writer.style.fraction(text, writer.style.joined(texts), simple), FRACTION


def _divides(part: Term) -> bool:
    base = part.args[0] if part.op == "expand" else part
    return base.op == "pow" and base.params[0] < 0


def _reciprocal(writer: Writer, part: Term) -> tuple[Term, float]:
    """What a factor divides by, as a base and a positive exponent."""
    if part.op == "expand":
        inner = part.args[0]
        return writer.algebra.raw("expand", inner.args[0], *part.params), -inner.params[0]
    return part.args[0], -part.params[0]


def _raised(writer: Writer, base: Term, exponent: float) -> str:
    if exponent == 1:
        return writer.within(base, PRODUCT + 1)
    return _power_text(writer, base, exponent)[0]


def _numerator(writer: Writer, number: float, parts: list[Term]) -> Found:
    scalars = [part for part in parts if part.is_scalar]
    arrays = sorted((p for p in parts if not p.is_scalar), key=lambda p: p.op == "mask")
    texts = [] if number == 1 else [writer.style.number(number)]
    texts += [writer.within(part, PRODUCT) for part in scalars]
    if not texts and not arrays:
        return writer.style.number(1), ATOM
    if not arrays:
        return writer.style.joined(texts), PRODUCT
    if len(arrays) == 1:
        if not texts:
            return writer.found(arrays[0])
        return writer.style.joined([*texts, *_factors(writer, arrays[0])]), PRODUCT
    inside = writer.style.hadamard.join(writer.within(part, HADAMARD) for part in arrays)
    return (writer.style.joined([*texts, inside]) if texts else inside), HADAMARD


def _factors(writer: Writer, term: Term) -> list[str]:
    """The factors of a matrix product, or the term alone."""
    return _chain(writer, term) if _chains(writer, term) else [writer.within(term, PRODUCT)]


@writes("pow")
def _power(writer: Writer, term: Term) -> Found:
    base, exponent = term.args[0], term.params[0]
    if exponent < 0:
        return _scaled(writer, 1, (term,))
    return _power_text(writer, base, exponent)


def _power_text(writer: Writer, base: Term, exponent: float) -> Found:
    style = writer.style
    if exponent == 0.5:
        squares = _squares(base)
        if squares is not None and base not in writer.names:
            return style.norm(writer.text(squares), False), ATOM
        if base.is_scalar:
            text, kind = writer.found(base)
            return style.root(text, kind == ATOM), RAISED
        return writer.call("sqrt", base)
    return style.power(writer.within(base, ATOM), exponent, bool(base.shape)), RAISED


def _squares(term: Term) -> Term | None:
    """x, if a term is Σ x² over all elements."""
    whole = term.op == "sum" and term.params[0] == tuple(range(term.args[0].ndim))
    if whole and term.args[0].op == "pow" and term.args[0].params[0] == 2:
        return term.args[0].args[0]
    if term.op == "dot" and term.is_scalar and term.args[0] is term.args[1]:
        return term.args[0]
    return None


# Matrices --------------------------------------------------------------------------------------


@writes("dot")
def _matrix_product(writer: Writer, term: Term) -> Found:
    squares = _squares(term)
    if squares is not None:
        return writer.style.norm(writer.text(squares), True), ATOM
    return writer.style.joined(_chain(writer, term)), PRODUCT


def _chain(writer: Writer, term: Term) -> list[str]:
    """The factors of a matrix product, without parentheses that associativity makes idle."""
    a, b = term.args
    row = a.ndim == 1
    left = [writer.style.transposed(writer.within(a, ATOM))] if row else _factor(writer, a)
    return [*left, *_factor(writer, b)]


def _factor(writer: Writer, term: Term) -> list[str]:
    """The factors of one side; a vector that is a row or a column there is wᵀ or w."""
    if term.op != "expand" or term in writer.names or term.args[0].ndim != 1:
        return _factors(writer, term)
    text = writer.within(term.args[0], ATOM)
    return [writer.style.transposed(text) if term.params[0] == (0,) else text]


def _chains(writer: Writer, term: Term) -> bool:
    return term.op == "dot" and term not in writer.names and not term.is_scalar


@writes("outer")
def _outer(writer: Writer, term: Term) -> Found:
    x, y = term.args
    right = writer.style.transposed(writer.within(y, ATOM))
    return writer.style.joined([*_factors(writer, x), right]), PRODUCT


@writes("T")
def _transposed(writer: Writer, term: Term) -> Found:
    return writer.style.transposed(writer.within(term.args[0], ATOM)), RAISED


@writes("inverse")
def _inverse(writer: Writer, term: Term) -> Found:
    return _inverse_text(writer, term.args[0]), RAISED


def _inverse_text(writer: Writer, matrix: Term) -> str:
    transposed = matrix.op == "T" and matrix not in writer.names
    inner = matrix.args[0] if transposed else matrix
    return writer.style.inverse(writer.within(inner, ATOM), transposed)


@writes("solve")
def _solution(writer: Writer, term: Term) -> Found:
    matrix, right = term.args
    return writer.style.joined([_inverse_text(writer, matrix), *_factors(writer, right)]), PRODUCT


@writes("sum")
def _total(writer: Writer, term: Term) -> Found:
    (inner,), (axes,) = term.args, term.params
    squares, style = _squares(term), writer.style
    if squares is not None:
        return style.norm(writer.text(squares), True), ATOM
    if axes == tuple(range(inner.ndim)):
        return writer.call("sum", inner)
    if inner.ndim == 2 and axes == (1,):
        return style.joined([*_factors(writer, inner), style.one]), PRODUCT
    if inner.ndim == 2 and axes == (0,):
        text = style.transposed(writer.within(inner, ATOM))
        return style.joined([text, style.one]), PRODUCT
    return _along(writer, "sum", term)


def _along(writer: Writer, name: str, term: Term) -> Found:
    """A function along axes; the last axis is not said where the result has it in mind."""
    (inner,), (axes,) = term.args, term.params
    if name != "sum" and axes == (inner.ndim - 1,):
        return writer.call(name, inner)
    shown = str(axes[0]) if len(axes) == 1 else str(axes).replace(" ", "")
    return writer.style.call(name, writer.text(inner), f"axis={shown}"), ATOM


@writes("softmax")
def _softmax(writer: Writer, term: Term) -> Found:
    return _along(writer, "softmax", term)


@writes("lse")
def _log_sum_exp(writer: Writer, term: Term) -> Found:
    return _along(writer, "lse", term)


@writes("expand")
def _expanded(writer: Writer, term: Term) -> Found:
    (inner,), (axes,) = term.args, term.params
    style = writer.style
    if axes == (1,) and inner.ndim == 1:
        text = [*_factors(writer, inner), style.transposed(style.one)]
        return style.joined(text), PRODUCT
    if axes == tuple(range(len(axes))):
        return writer.found(inner)
    return style.call("expand", writer.text(inner), f"axis={axes}"), ATOM


@writes("broadcast")
def _repeated(writer: Writer, term: Term) -> Found:
    (inner,) = term.args
    style, ones = writer.style, writer.style.transposed(writer.style.one)
    full = sum(size > 1 for size in term.shape)
    if inner.is_scalar:
        text = style.one if full < 2 else style.one + ones
        plain = inner.op == "const" and inner.params[0] == 1
        scaled = [] if plain else [writer.within(inner, ATOM)]
        return style.joined([*scaled, text]), ATOM if not scaled else PRODUCT
    if inner.op == "expand" and term.ndim == 2:
        vector, axes = inner.args[0], inner.params[0]
        if axes == (1,):
            return writer.found(inner)
        if axes == (0,):
            row = style.transposed(writer.within(vector, ATOM))
            return style.joined([style.one, row]), PRODUCT
    return style.call("repeat", writer.text(inner)), ATOM


@writes("reshape")
def _reshaped(writer: Writer, term: Term) -> Found:
    (inner,) = term.args
    if term.ndim == 1:
        return writer.call("vec", inner)
    shape = writer.style.by.join(map(str, term.shape)) or "scalar"
    return writer.style.call("reshape", writer.text(inner), shape), ATOM
