"""Functions, conditions and indices as mathematics: σ, max(0, x), [x > 0], x[i, yᵢ].

What is named here is written in its own way; any other operation of the graph as its name with
parentheses.  Sums and products are in ``matrix_text.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from diffkit.comparison.matrix_terms import Term
from diffkit.comparison.matrix_text import (
    ADD,
    ATOM,
    COMPARE,
    HADAMARD,
    RAISED,
    WRITERS,
    Writer,
    writes,
)
from diffkit.comparison.matrix_writing import Found
from diffkit.engines.source import index_text

__all__: list[str] = []

COMPARISONS = {
    "less": "<", "less_equal": "at_most", "greater": ">", "greater_equal": "at_least",
    "equal": "=", "not_equal": "unequal",
}  # fmt: skip


def _plain(name: str) -> Callable[[Writer, Term], Found]:
    def write(writer: Writer, term: Term) -> Found:
        return writer.call(name, *term.args)

    return write


WRITERS.update({name: _plain(shown) for name, shown in {
    "diag": "diag", "diagonal": "diag", "one_hot": "onehot", "sigmoid": "σ", "trace": "tr",
}.items()})  # fmt: skip


@writes("logaddexp")
def _soft_maximum(writer: Writer, term: Term) -> Found:
    a, b = term.args
    zero = a.op == "const" and a.params[0] == 0
    return writer.call("softplus", b) if zero else writer.call("logaddexp", a, b)


@writes("op:maximum", "op:relu")
def _maximum(writer: Writer, term: Term) -> Found:
    """The greater of two, with a 0 in front, as a rectifier is written."""
    numbers = [arg for arg in term.args if arg.op == "const"]
    others = [arg for arg in term.args if arg.op != "const"]
    shown = ["0"] if term.name == "relu" else [writer.text(arg) for arg in numbers]
    return writer.style.call("max", *shown, *map(writer.text, others)), ATOM


@writes("op:minimum")
def _minimum(writer: Writer, term: Term) -> Found:
    return writer.call("min", *term.args)


@writes("op:abs")
def _absolute(writer: Writer, term: Term) -> Found:
    return writer.style.bars(writer.text(term.args[0])), ATOM


@writes("logdet")
def _log_determinant(writer: Writer, term: Term) -> Found:
    inner = f"{writer.style.word('det')} {writer.within(term.args[0], ATOM)}"
    return f"{writer.style.word('log')}{writer.style.bars(inner)}", ATOM


@writes("op:cast", "op:alias", "op:probe")
def _as_it_is(writer: Writer, term: Term) -> Found:
    return writer.found(term.args[0])


@writes("mask")
def _selected(writer: Writer, term: Term) -> Found:
    condition, inner = term.args
    held = writer.style.brackets(writer.text(condition))
    if inner.op == "const" and inner.params[0] == 1:
        return held, ATOM
    if inner.op == "broadcast" and inner.args[0].op == "const" and inner.args[0].params[0] == 1:
        return held, ATOM
    return f"{writer.within(inner, HADAMARD)}{writer.style.hadamard}{held}", HADAMARD


@writes(*(f"op:{name}" for name in COMPARISONS))
def _comparison(writer: Writer, term: Term) -> Found:
    sign = COMPARISONS[term.name]
    sign = getattr(writer.style, sign, sign)
    a, b = (writer.within(arg, ADD) for arg in term.args)
    return f"{a} {sign} {b}", COMPARE


@writes("op:power")
def _general_power(writer: Writer, term: Term) -> Found:
    base, exponent = term.args
    return writer.style.raised(writer.within(base, ATOM), writer.text(exponent)), RAISED


@writes("op:getitem")
def _item(writer: Writer, term: Term) -> Found:
    assert term.operation is not None
    index, inner = term.operation.kwargs["index"], writer.within(term.args[0], ATOM)
    inside = index_text(index, [writer.text(arg) for arg in term.args[1:]])
    if index == (("array", 1), ("array", 2)) and term.args[1].op == "array":
        rows = writer.algebra.arrays[term.args[1].params[0]]
        if np.array_equal(rows, np.arange(len(term.args[0].shape) and term.args[0].shape[0])):
            inside = f"i, {writer.text(term.args[2])}ᵢ"  # one element of each row
    return f"{inner}[{inside}]", ATOM


@writes("op:scatter_add")
def _scattered(writer: Writer, term: Term) -> Found:
    """Where the elements go, in an array of zeros."""
    assert term.operation is not None
    inside = index_text(term.operation.kwargs["index"], [writer.text(arg) for arg in term.args[1:]])
    text = f"{writer.text(term.args[0])} {writer.style.goes_to} [{inside}]"
    return writer.style.call("scatter", text), ATOM


@writes("op:concatenate")
def _joined(writer: Writer, term: Term) -> Found:
    return writer.style.brackets(", ".join(map(writer.text, term.args))), ATOM
