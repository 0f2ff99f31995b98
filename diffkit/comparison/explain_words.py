"""One operation in words: ``x1 · x2``, ``sin(x2)``, ``x[0]``, ``wᵀ``, ``loop of 12 steps``.

The same words serve the user's program and the derivative rules, since both are graphs: a rule
of several equations is written as one nested formula, with brackets where precedence asks for
them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.differentiate.templates import Template
from diffkit.graph.drawing import INFIX
from diffkit.graph.ir import LITERAL, Graph, Operation
from diffkit.graph.printing import atom_text

__all__ = ["Phrase", "bound", "constant_or_name", "formula_of", "phrase_of", "rule_phrase"]

Phrase = tuple[str, int]
"""A formula and how strongly its outermost operation binds."""

SUM, MATRIX_PRODUCT, PRODUCT, POWER, ATOM = 1, 2, 3, 4, 5
_BINDING = {"add": SUM, "sub": SUM, "mul": PRODUCT, "div": PRODUCT, "matmul": MATRIX_PRODUCT,
            "power": POWER}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Operations that only move data: their parameters are long, and say little.
_SHORT = ("reshape", "transpose", "spread", "concatenate", "flip", "sum", "windows", "fold",
          "conv2d", "conv2d_image", "conv2d_filter", "einsum", "max", "min", "prod", "cumsum",
          "cumprod", "argmax", "argmin", "logsumexp", "softmax", "cast")  # fmt: skip
_ASSOCIATIVE = ("add", "mul")
_WHOLE = re.compile(r"\.0(?=[,\]]|$)")  # the end of a float that is a whole number
LONGEST_RULE = 6
"""Equations of a rule that is still written out; longer ones are named."""


def formula_of(graph: Graph, node: int) -> str:
    """The right-hand side of an equation, as a person writes it.

    >>> import diffkit as dk
    >>> graph = dk.trace(lambda x: x[0] * np.sin(x[1]), np.ones(2))
    >>> [formula_of(graph, node) for node in graph.equation_nodes()]
    ['x[0]', 'x[1]', 'sin(b)', 'a · c']
    """
    columns = graph.columns
    phrases = [(constant_or_name(graph, operand), ATOM) for operand in columns.operands[node]]
    return phrase_of(columns.operations[node], phrases)[0]


def constant_or_name(graph: Graph, node: int) -> str:
    """The name of a variable, or a constant as a person writes it: ``2`` for 2.0."""
    text = atom_text(graph, node)
    if graph.columns.operations[node] is LITERAL:
        text = text.partition(":")[0] if not text.startswith("<") else text
        return _WHOLE.sub("", text).replace("-", "−")
    return text


def phrase_of(operation: Operation, x: Sequence[Phrase], product: str = " · ") -> Phrase:
    """One operation on operands that are written already.

    >>> from diffkit.primitives.arithmetic import mul
    >>> phrase_of(mul.bare, [("a + b", SUM), ("c", ATOM)])
    ('(a + b) · c', 3)
    """
    name = operation.name
    if name == "mask":
        return f"[{x[0][0]}]·{bound(x[1], PRODUCT)}", PRODUCT
    if name == "neg":
        return f"−{bound(x[0], PRODUCT)}", SUM
    if name in INFIX and len(x) == 2:
        return _infix(name, x, product)
    if name == "integer_power":
        power = str(operation.kwargs["n"]).translate(_SUPERSCRIPTS)
        return f"{bound(x[0], ATOM)}{power}", POWER
    if name == "transpose" and _swaps_last(operation.kwargs["axes"]):
        return f"{bound(x[0], ATOM)}ᵀ", ATOM
    if name == "getitem":
        return f"{bound(x[0], ATOM)}[{_index(operation.kwargs['index'])}]", ATOM
    if name == "scatter_add":
        return f"{bound(x[0], PRODUCT)} at [{_index(operation.kwargs['index'])}]", SUM
    if name == "logical_not":
        return f"¬{bound(x[0], ATOM)}", ATOM
    if name == "alias":
        return x[0]
    if name == "scan":
        inside = ", ".join(text for text, _ in x)
        return f"{operation.kwargs['length']} steps of {operation.kwargs['body']!r}({inside})", ATOM
    return _call(operation, x), ATOM


def _call(operation: Operation, x: Sequence[Phrase]) -> str:
    inside = [text for text, _ in x]
    if operation.name not in _SHORT:
        inside += [f"{key}={value!r}".replace(", ", ",") for key, value in operation.params]
    return f"{operation.name}({', '.join(inside)})"


def _infix(name: str, x: Sequence[Phrase], product: str) -> Phrase:
    strength = _BINDING.get(name, 0)
    sign = {"mul": product, "div": " / " if product == " · " else "/"}.get(name)
    sign = sign or f" {'==' if name == 'equal' else INFIX[name]} "
    if name == "matmul":  # x·y @ z could be read in two ways
        left = x[0][0] if x[0][1] == MATRIX_PRODUCT else bound(x[0], POWER)
        return f"{left}{sign}{bound(x[1], POWER)}", strength
    left = bound(x[0], strength)
    right = bound(x[1], strength if name in _ASSOCIATIVE else strength + 1)
    return f"{left}{sign}{right}", strength


def bound(phrase: Phrase, strength: int) -> str:
    """A formula as an operand: in brackets where it binds less than what it stands in.

    >>> bound(("a + b", SUM), PRODUCT), bound(("a", ATOM), PRODUCT)
    ('(a + b)', 'a')
    """
    return phrase[0] if phrase[1] >= strength else f"({phrase[0]})"


def _swaps_last(axes: tuple[int, ...]) -> bool:
    count = len(axes)
    return count >= 2 and axes == (*range(count - 2), count - 1, count - 2)


def _index(index: tuple[Any, ...]) -> str:
    return ", ".join(_index_part(part) for part in index)


def _index_part(part: Any) -> str:
    if isinstance(part, tuple) and part[0] == "slice":
        start, stop, step = ("" if value is None else str(value) for value in part[1:])
        return f"{start}:{stop}" + (f":{step}" if step not in ("", "1") else "")
    if part is None:
        return "None"
    return "…" if isinstance(part, tuple) else str(part)


# Rules -----------------------------------------------------------------------------------------


def rule_phrase(template: Template, slots: Sequence[str], output: int) -> Phrase | None:
    """One result of a derivative rule as a formula; None where it is too long to be one.

    Parameters
    ----------
    template
        The rule, traced.
    slots
        What its inputs are called, in the order of the template.
    output
        Which of its results.
    """
    end = template.outputs[output]
    if end is None:
        return "0", ATOM
    rows = template.rows
    known: dict[int, Phrase] = {place: (name, ATOM) for place, name in enumerate(slots)}
    if _needed(rows, len(slots), end) > LONGEST_RULE:
        return None
    for place, (operation, operands, _, _) in enumerate(rows, start=len(slots)):
        if operation is None:
            known[place] = _constant(operands)
        else:
            known[place] = phrase_of(operation, [known[i] for i in operands], "·")
    return known[end]


def _needed(rows: Sequence[Any], first: int, end: int) -> int:
    """How many equations one result of a rule takes."""
    seen: set[int] = set()
    waiting = [end]
    while waiting:
        place = waiting.pop()
        if place >= first and place not in seen and rows[place - first][0] is not None:
            seen.add(place)
            waiting += rows[place - first][1]
    return len(seen)


def _constant(value: Any) -> Phrase:
    array = np.asarray(value)
    if array.size and np.all(array == array.reshape(-1)[0]):
        text = f"{array.reshape(-1)[0].item():g}".replace("-", "−")
        return text, SUM if text.startswith("−") else ATOM
    return "constant", ATOM
