"""A node of a graph as one line of NumPy, the way its author would have written it.

Variables keep the user's names; what only aligns shapes (a reshape that keeps dimensions, a
repeat) is left out, since broadcasting does it; long parts are shortened.  ``graph.to_source()``
is the counterpart that runs; this one is for reading.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from diffkit.comparison.explain_words import Phrase, bound
from diffkit.graph.ir import LITERAL

__all__ = ["filled_text", "numpy_text"]

LONGEST = 60  # characters of a formula before its inner parts are shortened
DEEPEST = 12
SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5
INFIX = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT),
    "matmul": ("@", PRODUCT), "power": ("**", POWER), "less": ("<", 0), "greater": (">", 0),
    "less_equal": ("<=", 0), "greater_equal": (">=", 0), "equal": ("==", 0),
    "not_equal": ("!=", 0), "logical_and": ("&", 0), "logical_or": ("|", 0),
}  # fmt: skip
# Primitives that NumPy does not have, and where they are found.
SPECIAL = {
    "logistic": "scipy.special.expit", "erf": "scipy.special.erf", "erfc": "scipy.special.erfc",
    "xlogy": "scipy.special.xlogy", "logsumexp": "dk.scipy.special.logsumexp",
    "softmax": "dk.scipy.special.softmax", "cosm1": "scipy.special.cosm1",
    "exprel": "scipy.special.exprel", "log_expit": "scipy.special.log_expit",
    "xlog1py": "scipy.special.xlog1py",
}  # fmt: skip
# Primitives that a call of NumPy with a constant stands for.
CALLS = {"mask": "np.where({}, {}, 0)", "relu": "np.maximum({}, 0)",
         "softplus": "np.logaddexp(0, {})"}  # fmt: skip
REDUCTIONS = ("sum", "prod", "max", "min", "logsumexp")
ALIGNING = ("reshape", "spread", "alias", "cast", "transpose")
_WORD = re.compile(r"[A-Za-z_]\w*(?=\()")
_VARIABLE = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?![\w(.])")


def numpy_text(columns: Any, node: int, names: dict[int, str]) -> str:
    """A node as NumPy code of one line; ``names`` are the nodes that have one.

    >>> import diffkit as dk
    >>> graph = dk.trace(lambda x: np.log(1.0 + x) * -x, 2.0)
    >>> numpy_text(graph.columns, graph.output_nodes[0], {0: "x"})
    'np.log(1 + x) * -x'
    """
    return _phrase(columns, node, names, 0)[0]


def _phrase(columns: Any, node: int, names: dict[int, str], depth: int) -> Phrase:
    if node in names and depth:
        return names[node], ATOM
    operation = columns.operations[node]
    if operation is LITERAL:
        return _constant(columns.values[node])
    if not columns.operands[node]:
        return names.get(node, "x"), ATOM
    if depth > DEEPEST:
        return "…", ATOM
    average = _mean(columns, node)
    if average is not None:
        inside = _phrase(columns, columns.operands[average][0], names, depth + 1)
        return _reduction("np.mean", inside[0], columns, average), ATOM
    parts = [_phrase(columns, n, names, depth + 1) for n in columns.operands[node]]
    if operation.name in ALIGNING:
        return _kept(columns, node, parts[0])
    if operation.name in REDUCTIONS:
        word = SPECIAL.get(operation.name, f"np.{operation.name}")
        return _reduction(word, parts[0][0], columns, node), ATOM
    found = _written(operation, parts, columns.avals[columns.operands[node][0]].ndim)
    return found if len(found[0]) <= 2 * LONGEST or not depth else ("…", ATOM)


def _reduction(word: str, inside: str, columns: Any, node: int) -> str:
    axes = columns.operations[node].kwargs["axes"]
    if len(axes) == columns.avals[columns.operands[node][0]].ndim:
        return f"{word}({inside})"
    return f"{word}({inside}, axis={axes[0] if len(axes) == 1 else axes})"


def _mean(columns: Any, node: int) -> int | None:
    """The sum of an equation that divides it by its length."""
    if columns.operations[node].name != "div":
        return None
    total, count = columns.operands[node]
    value = columns.values.get(count)
    if columns.operations[total].name != "sum" or value is None or np.ndim(value):
        return None
    shape = columns.avals[columns.operands[total][0]].shape
    length = np.prod([shape[axis] for axis in columns.operations[total].kwargs["axes"]])
    return total if float(value) == length else None


def _kept(columns: Any, node: int, inner: Phrase) -> Phrase:
    """A reshape that gives a reduction its dimensions back is written ``keepdims=True``."""
    below = columns.operands[node][0]
    keeps = columns.operations[node].name == "reshape" and inner[0].endswith(")")
    reduces = columns.operations[below].name in REDUCTIONS and "axis=" in inner[0]
    if keeps and reduces and 1 in columns.avals[node].shape:
        return f"{inner[0][:-1]}, keepdims=True)", ATOM
    return inner


def _constant(value: Any) -> Phrase:
    array = np.asarray(value)
    if array.ndim:
        return ("…", ATOM) if array.size > 4 else (repr(array.tolist()), ATOM)
    number = array.item()
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e16:
        number = int(number)
    if number == np.pi:
        return "np.pi", ATOM
    return repr(number), ATOM if not isinstance(number, bool) and number >= 0 else SIGN


def _written(operation: Any, x: list[Phrase], ndim: int) -> Phrase:
    name = operation.name
    if name in INFIX and len(x) == 2:
        sign, strength = INFIX[name]
        right = strength if name in ("add", "mul") else strength + 1
        return f"{bound(x[0], strength)} {sign} {bound(x[1], right)}", strength
    if name == "neg":
        return f"-{bound(x[0], PRODUCT)}", SIGN
    if name == "integer_power":
        return f"{bound(x[0], ATOM)}**{operation.kwargs['n']}", POWER
    if name in CALLS:
        return CALLS[name].format(*(text for text, _ in x)), ATOM
    if name == "getitem":
        return f"{bound(x[0], ATOM)}[{_index(operation.kwargs['index'])}]", ATOM
    word = SPECIAL.get(name, f"np.{name}" if hasattr(np, name) else name)
    inside = ", ".join(text for text, _ in x)
    axes = operation.kwargs.get("axes")
    if axes is not None and len(axes) < ndim:  # softmax
        inside += f", axis={axes[0] if len(axes) == 1 else axes}"
    return f"{word}({inside})", ATOM


def _index(index: Any) -> str:
    simple = all(isinstance(part, int) for part in index)
    return ", ".join(map(str, index)) if simple else "…"


def filled_text(formula: str, texts: dict[str, str]) -> str:
    """A formula of the table in NumPy's words, with the user's expressions for its variables.

    >>> filled_text("log1p(x) / 2", {"x": "a + b"})
    'np.log1p(a + b) / 2'
    >>> filled_text("2*arctanh(x*y)", {"x": "a + b", "y": "c"})
    '2*np.arctanh((a + b)*c)'
    """

    def word(found: re.Match[str]) -> str:
        name = {"sigmoid": "logistic", "abs": "absolute"}.get(found.group(), found.group())
        return SPECIAL.get(name, f"np.{name}")

    def variable(found: re.Match[str]) -> str:
        text = texts.get(found.group())
        if text is None:
            return {"pi": "np.pi"}.get(found.group(), found.group())
        before, after = formula[: found.start()].rstrip(), formula[found.end() :].lstrip()
        enclosed = before[-1:] in ("(", ",") and after[:1] in (")", ",")
        plain = re.fullmatch(r"[\w.]+|[\w.]+\([^()]*\)", text)
        return text if enclosed or plain or not before + after else f"({text})"

    pieces, end = [], 0
    for found in re.finditer(f"{_WORD.pattern}|{_VARIABLE.pattern}", formula):
        pieces.append(formula[end : found.start()])
        pieces.append(word(found) if formula[found.end() : found.end() + 1] == "(" else
                      variable(found))  # fmt: skip
        end = found.end()
    return "".join([*pieces, formula[end:]])
