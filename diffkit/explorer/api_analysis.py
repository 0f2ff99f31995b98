"""What a page asks about errors: the V-curve of the step, and the digits that each operation costs.

    steps      error(h) of three stencils and of the complex step, with the model's prediction
    diagnose   the findings of ``dk.diagnose``, and for each operation the digits it lets go

Both are the library's own analyses, laid out for drawing: curves over the same steps, and findings
with the characters of the text that they are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.comparison.conditioning import Conditioning, digits_of
from diffkit.comparison.diagnose import diagnose as diagnose_function
from diffkit.comparison.serial import plain
from diffkit.comparison.steps import StepSize, step_size
from diffkit.differentiate.step_choice import difference
from diffkit.engines.interpret import run
from diffkit.errors import DiffkitError, InputError
from diffkit.explorer.expressions import Asked, Own, Typed, asked_of
from diffkit.explorer.limits import NUMERIC_SECONDS
from diffkit.explorer.spans import Span, character_of, spans_of
from diffkit.graph.ir import Graph
from diffkit.graph.sources import line_of

__all__ = ["diagnose", "steps"]

STENCILS = {"forward": 1, "central": 2, "five-point": 4}
PER_DECADE = 8
SHARE = 0.5  # of the seconds, for runs of the function
LEAST_LOST = 0.3  # digits from which an operation is listed

Body = Mapping[str, Any]


def steps(body: Body, own: Own | None = None) -> dict[str, Any]:
    """The errors of differences and of the complex step against the step h.

    >>> found = steps({"text": "exp(x)", "at": {"x": 1.0}, "variable": "x"})
    >>> list(found["error"]), len(found["h"]) == len(found["error"]["central"])
    (['forward', 'central', 'five-point', 'complex'], True)
    """
    asked = asked_of(body.get("text"), own)
    arguments = asked.arguments(body.get("at"))  # pyright: ignore[reportArgumentType]
    variable = body.get("variable", asked.names[0] if len(asked.names) == 1 else None)
    if variable not in asked.names:
        raise InputError(
            f"there is no variable {variable!r:.40}", hint=f"there are {', '.join(asked.names)}."
        )
    found = step_size(
        asked.function, *arguments, stencils=tuple(STENCILS.values()), title=asked.title,
        direction=_entry_name(asked, variable), budget_seconds=NUMERIC_SECONDS * SHARE,
    )  # fmt: skip
    h = _steps_of(found)
    values: dict[str, Any] = {
        name: _values(found, accuracy, h) for name, accuracy in STENCILS.items()
    }
    refused = {}
    try:
        values["complex"] = _complex(asked, arguments, variable, h)
    except DiffkitError as error:
        refused["complex"] = error.one_line
    curves = {name: [found.error_of(float(v)) for v in row] for name, row in values.items()}
    return plain({
        "h": h, "value": values, "error": curves, "refused": refused,
        "predicted": {name: _choice(found, a).predicted(h) for name, a in STENCILS.items()},
        "stencils": {name: _facts(_choice(found, a)) for name, a in STENCILS.items()},
        "chosen": {"h": found.step, "error": found.error, "value": found.derivative,
                   "stencil": _short(found)},
        "exact": None if found.exact is None else float(found.exact),
        "f": found.line(0.0), "noise": found.noise.level, "jump": found.jump, "at": found.at,
        "kink": found.kink, "notes": found.notes, "variable": variable,
        "evaluations": found.evaluations,
    })  # fmt: skip


def _entry_name(asked: Asked, variable: str) -> str | None:
    return variable if len(asked.names) > 1 else None


def _steps_of(found: StepSize) -> np.ndarray:
    """Whole decades from a rounding unit of the point to its length."""
    low = floor(log10(found.line.grain))
    high = max(ceil(log10(found.line.length)), low + 1)
    return 10.0 ** (low + np.arange((high - low) * PER_DECADE + 1) / PER_DECADE)


def _choice(found: StepSize, accuracy: int) -> Any:
    return next(c for c in found.choices if c.stencil.accuracy == accuracy)


def _values(found: StepSize, accuracy: int, h: np.ndarray) -> list[float]:
    row = _choice(found, accuracy).stencil
    return [difference(row, found.line, float(step)) for step in h]


def _facts(choice: Any) -> dict[str, Any]:
    if choice.refused is not None:
        return {"refused": choice.refused}
    return {"step": choice.step, "error": choice.error, "value": choice.value,
            "rounding": choice.rounding, "truncation": choice.truncation,
            "name": choice.stencil.name}  # fmt: skip


def _short(found: StepSize) -> str:
    """The chosen stencil as the page calls it."""
    by_accuracy = {accuracy: name for name, accuracy in STENCILS.items()}
    return by_accuracy.get(found.best.stencil.accuracy, found.best.stencil.name)


def _complex(asked: Asked, arguments: Sequence[Any], variable: str, h: np.ndarray) -> np.ndarray:
    """Im f(x + ih) / h at each step."""
    if not isinstance(asked, Typed):
        return np.array([_complex_own(asked, arguments, variable, step) for step in h])
    columns: list[Any] = [np.full(h.shape, value) for value in arguments]
    place = asked.names.index(variable)
    columns[place] = columns[place] + 1j * h
    with np.errstate(all="ignore"):
        (y,) = run(asked.function, columns, domain="complex")
        return np.imag(np.broadcast_to(y, h.shape)) / h


def _complex_own(asked: Asked, arguments: Sequence[Any], variable: str, h: float) -> float:
    graph = trace(asked.function, *arguments)
    leaves: list[Any] = [np.array(x, complex) for x in arguments]
    flat = [(leaf, index) for leaf in leaves for index in np.ndindex(leaf.shape)]
    leaf, index = flat[asked.names.index(variable)]
    leaf[index] += 1j * h
    with np.errstate(all="ignore"):
        (y,) = run(graph, [leaf[()] for leaf in leaves], domain="complex")
    return float(np.imag(y) / h)


# The digits of each operation -----------------------------------------------------------------


def diagnose(body: Body, own: Own | None = None) -> dict[str, Any]:
    """What ``dk.diagnose`` finds, with its place in the text, and what each operation costs.

    >>> found = diagnose({"text": "(1-cos(x))/x**2", "at": {"x": 1e-5}})
    >>> found["findings"][0]["kind"], found["findings"][0]["start"], found["findings"][0]["end"]
    ('cancellation', 1, 9)
    >>> found["lines"][0]["text"]
    '1-cos(x)'
    """
    asked = asked_of(body.get("text"), own)
    arguments = asked.arguments(body.get("at"))  # pyright: ignore[reportArgumentType]
    found = diagnose_function(asked.function, *arguments, title=asked.title)
    document = found.to_dict()
    graph = asked.function if isinstance(asked, Typed) else trace(asked.function, *arguments)
    errors = Conditioning(graph, _leaves(arguments), _floats(arguments))
    spans = spans_of(asked.title, graph) if isinstance(asked, Typed) else {}
    document["lines"] = _lines(asked, errors, spans)
    for finding in document["findings"]:
        finding |= _place(asked.title, spans, graph, finding["line"], document["lines"])
    return plain(document)


def _leaves(arguments: Sequence[Any]) -> list[Any]:
    from diffkit.capture.trees import flatten

    return [np.asarray(leaf)[()] for leaf in flatten(list(arguments))[0]]


def _floats(arguments: Sequence[Any]) -> list[int]:
    return [k for k, leaf in enumerate(_leaves(arguments)) if leaf.dtype.kind == "f"]


def _lines(asked: Asked, errors: Conditioning, spans: Mapping[int, Span]) -> list[dict[str, Any]]:
    """The operations that let digits go, the worst first: digits of the value and the gradient."""
    lost: dict[Any, dict[str, Any]] = {}
    with np.errstate(all="ignore"):
        losses = list(errors.losses())
    for loss in losses:
        for node, (share, _) in errors.culprits(loss).items():
            digits = digits_of(share, errors.itemsize)
            if digits < LEAST_LOST:
                continue
            row = _row(asked, errors.graph, node, spans)
            kept = lost.setdefault(
                tuple(row.values()), row | {"value_lost": 0.0, "digits_lost": 0.0}
            )
            key = "value_lost" if loss.what == "value" else "digits_lost"
            kept[key] = max(kept[key], digits)
    return sorted(lost.values(), key=lambda row: -max(row["digits_lost"], row["value_lost"]))


def _row(asked: Asked, graph: Graph, node: int, spans: Mapping[int, Span]) -> dict[str, Any]:
    columns = graph.columns
    line, name = line_of(columns.sources[node]), columns.operations[node].name
    here = _span_of(graph, node, line, spans)
    if here is None:
        return {"line": line, "operation": name, "text": "", "start": None, "end": None}
    text = asked.title[here.start : here.end]
    return {"line": line, "operation": name, "text": text, "start": here.start, "end": here.end}


def _span_of(graph: Graph, node: int, line: str, spans: Mapping[int, Span]) -> Span | None:
    """The part of the text of an equation, also of one that a derivative made of it."""
    if node in spans and "(" not in line:
        return spans[node]
    start = character_of(line)
    rule = line.partition("vjp of ")[2].rstrip(")")
    here = [span for span in spans.values() if span.start == start]
    return next((s for s in here if rule in s.kind.split()), here[0] if here else None)


def _place(
    text: str, spans: Mapping[int, Span], graph: Graph, line: str, lines: Sequence[Any]
) -> dict[str, Any]:
    """The characters of a finding: those of the worst operation that begins where it does."""
    start = character_of(line)
    if start is None:
        return {"start": None, "end": None}
    for row in lines:
        if row["start"] == start:
            return {"start": start, "end": row["end"]}
    here = [span for span in spans.values() if span.start == start]
    return {"start": start, "end": max((s.end for s in here), default=start + 1)}
