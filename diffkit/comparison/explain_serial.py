"""An explanation as JSON for a stepper, and as tab-separated text.

The document (``"schema": 1``) holds the graph once, as ``nodes`` and ``edges``, and the order in
which the two sweeps visit them: ``forward`` lists nodes; ``reverse`` lists the edges along which
an amount flows back, with the total of the node it reaches.  Arrays up to a thousand entries are
given in full beside their summary; JSON has no NaN and no infinities: they become ``null``, and a
``note`` says where.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.explain_rows import Row, Writer, adjoint_rows, primal_rows, tangent_rows
from diffkit.comparison.explain_text import BAR, DOT, summary_of
from diffkit.comparison.serial import plain
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.printing import abridged
from diffkit.graph.sources import file_and_line, line_of, text_of

if TYPE_CHECKING:
    from diffkit.comparison.explaining import Explanation

__all__ = ["SCHEMA", "explanation_dict", "explanation_tsv"]

SCHEMA = 1
LARGEST_ARRAY = 1_000
"""Entries of an array up to which it is given in full."""

HEADERS = ("sweep", "step", "variable", "formula", "arithmetic", "value", "line", "source", "note")
_ASCII = {DOT: "_dot", BAR: "_bar"}


def number_entry(value: Any) -> Any:
    """A number as it is; an array as its summary, with all entries if they are few.

    >>> number_entry(np.float64(2.5)), number_entry(np.ones(2))["value"]
    (2.5, [1.0, 1.0])
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return plain(array[()])
    found = summary_of(array)
    entry = {"shape": list(array.shape), "norm": found.norm, "min": found.low, "max": found.high,
             "first": list(found.first)}  # fmt: skip
    entry["value"] = array.tolist() if array.size <= LARGEST_ARRAY else None
    return plain(entry)


def _line_entry(source: Any, text: str) -> dict[str, Any] | None:
    """The user's line: where it is, and what stands there."""
    where = line_of(source)
    if not where:
        return None
    found = file_and_line(source)
    return {"at": where, "number": found[1] if found else None, "text": text}


def explanation_dict(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain numbers, lists and dicts, by the contract of schema 1."""
    graph, point, sweeps = explanation.graph, explanation.point, explanation.sweeps
    names = graph.names
    forward, back = explanation.identity()
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "function": explanation.title,
        "at": {names[n]: number_entry(sweeps.values[n]) for n in graph.input_nodes},
        "wrt": [names[n] for n in point.wrt],
        "direction": {names[n]: number_entry(sweeps.tangent(n)) for n in point.wrt},
        "directional_derivative": plain({"forward": forward, "reverse": back}),
        "gradient": {names[n]: number_entry(sweeps.adjoint(n)) for n in point.wrt},
        "inputs": list(graph.input_nodes),
        "outputs": list(graph.output_nodes),
        **_traces(explanation.writer, explanation.primal, explanation.tangent, explanation.adjoint),
        "guards": [
            {"node": guard.node, "outcome": plain(guard.outcome),
             "line": _line_entry(guard.source, text_of(guard.source))}
            for guard in graph.guards
        ],
        "loops": {str(node): [_step_entry(step) for step in steps]
                  for node, steps in explanation.loops.items()},
    }  # fmt: skip
    nulls = _odd_names(explanation)
    if nulls:
        found["note"] = f"null stands for NaN or an infinity in {', '.join(nulls)}"
    return found


def _traces(
    writer: Writer, primal: Sequence[Row], tangent: Sequence[Row], adjoint: Sequence[Row]
) -> dict[str, Any]:
    """Nodes, edges and the order of both sweeps."""
    tangents = {row.node: row for row in tangent}
    sent = [row for row in adjoint if row.via is not None]
    edges = {(row.via, row.place): place for place, row in enumerate(sent)}
    return {
        "nodes": [_node_entry(writer, row, tangents.get(row.node)) for row in primal],
        "edges": [
            {"from": row.node, "to": row.via, "operand": row.place,
             "adjoint": number_entry(row.amount)}
            for row in sent
        ],
        "forward": [row.node for row in primal],
        "reverse": [_reverse_entry(row, edges) for row in adjoint],
    }  # fmt: skip


def _node_entry(writer: Writer, row: Row, tangent: Row | None) -> dict[str, Any]:
    graph, node = writer.graph, row.node
    columns = graph.columns
    operation, sweeps = columns.operations[node], writer.sweeps
    moves = node in sweeps.moves
    texts = {"primal": row, "tangent": tangent}
    return {
        "id": node,
        "name": row.name,
        "primitive": operation.name,
        "parameters": {key: plain(value) for key, value in operation.params},
        "operands": [_operand(graph, n) for n in columns.operands[node]],
        "line": _line_entry(columns.sources[node], row.text),
        "shape": list(columns.avals[node].shape),
        "dtype": columns.avals[node].dtype.name,
        "primal": number_entry(row.value),
        "tangent": number_entry(sweeps.tangent(node)) if moves else None,
        "adjoint": number_entry(sweeps.adjoint(node)) if moves else None,
        "formula": {key: found.left for key, found in texts.items() if found},
        "arithmetic": {key: found.right for key, found in texts.items() if found},
        "entry": {key: found.arithmetic for key, found in texts.items()
                  if found and found.summary is not None and found.arithmetic},
        "note": row.note,
    }  # fmt: skip


def _operand(graph: Graph, node: int) -> dict[str, Any]:
    if graph.columns.operations[node] is LITERAL:
        return {"literal": number_entry(graph.columns.values[node])}
    return {"node": node, "name": graph.names[node]}


def _reverse_entry(row: Row, edges: dict[Any, int]) -> dict[str, Any]:
    entry = row.arithmetic if row.summary is not None else ""
    return {
        "node": row.node,
        "equation": row.via,
        "edge": edges.get((row.via, row.place)),
        "total": number_entry(row.value),
        "formula": row.left,
        "arithmetic": row.right,
        **({"entry": entry} if entry else {}),
        "note": row.note,
    }


def _step_entry(step: Any) -> dict[str, Any]:
    """One step of a loop: its own nodes, edges and orders."""
    writer = Writer(step.sweeps)
    back = adjoint_rows(writer) if step.reversible else []
    rows = primal_rows(writer), tangent_rows(writer, step.tangents), back
    return {"step": step.number, **_traces(writer, *rows)}


def _odd_names(explanation: Explanation) -> list[str]:
    """The variables with a NaN or an infinity in value, tangent or adjoint."""
    graph, sweeps = explanation.graph, explanation.sweeps
    found = []
    for node, operation in enumerate(graph.columns.operations):
        if operation is LITERAL or (operation is INPUT and node not in graph.input_nodes):
            continue
        numbers = [sweeps.values[node], sweeps.tangent(node), sweeps.adjoint(node)]
        if not all(np.all(np.isfinite(np.asarray(number, float))) for number in numbers):
            found.append(graph.names[node])
    return found


# Tab-separated text ----------------------------------------------------------------------------


def explanation_tsv(explanation: Explanation, modes: Sequence[str], limit: int | None) -> str:
    """One line per row; arrays are JSON, names of tangents and adjoints are ASCII."""
    lines = ["\t".join(HEADERS)]
    for mode in modes:
        head, hidden, tail = abridged(explanation.rows(mode), limit)  # type: ignore[type-var]
        lines += [_tsv_row(mode, row) for row in head]
        if hidden:
            gap = dict.fromkeys(HEADERS, "") | {"sweep": mode, "note": f"left out: {hidden}"}
            lines.append("\t".join(gap.values()))
            lines += [_tsv_row(mode, row) for row in tail]
    return "\n".join(lines)


def _tsv_row(mode: str, row: Any) -> str:
    entry = number_entry(row.value)
    value = _cell(entry["value"] or entry["first"]) if isinstance(entry, dict) else _cell(row.value)
    cells = [mode, str(row.step), _ascii(row.name), _ascii(row.formula), _ascii(row.arithmetic),
             value, row.line, row.text, row.note]  # fmt: skip
    return "\t".join(" ".join(cell.split()) for cell in cells)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps(value)
    number = np.asarray(value)
    if number.dtype.kind == "f":
        found = float(number)
        return repr(found) if isfinite(found) else str(found)
    return str(number.item())


def _ascii(text: str) -> str:
    """Names with accents as suffixes: ẋ1 → x1_dot; signs as a keyboard has them."""
    found, pending = "", ""
    for letter in unicodedata.normalize("NFD", text) + "\0":
        if pending and not (letter.isalnum() or letter == "_"):
            found, pending = found + pending, ""
        if letter in _ASCII:
            pending = _ASCII[letter]
        elif letter != "\0":
            found += letter
    return found.replace("−", "-").replace("·", "*")
