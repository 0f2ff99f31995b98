"""A graph as text that a person can read, and as a dictionary that a program can read.

    { lambda x:f64[32,2] w:f64[2,8] .
      let h:f64[32,8] = matmul x w    # moons.py:14
          a:f64[32,8] = tanh h        # moons.py:15
      in (a) }

The notation is the lambda calculus with ``let``, one equation per line (the form of Peyton
Jones 1987, *The Implementation of Functional Programming Languages*; JAX prints its programs
alike).  Parameters stand in brackets, constants stand where they are used, and the comment
names the user's line.  Long graphs are abridged and say by how much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.graph.ir import LITERAL, Operation
from diffkit.graph.sources import line_of

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["LIMIT", "SCHEMA", "abridged", "atom_text", "literal_text", "to_dict", "to_text"]

SCHEMA = 1
LIMIT = 60  # equations printed before the middle is left out: about one screen
SHOWN_ELEMENTS = 4  # array constants up to this size are printed element by element
PARAMETER_WIDTH = 48  # characters of one parameter (index arrays can be long)
WIDTH = 100  # columns before the inputs or outputs are wrapped
_COMMENT_COLUMN = 64  # comments are not pushed further right than this by one long equation


def literal_text(value: Any) -> str:
    """A constant as it is printed: f64, integers and booleans plainly, others with their dtype.

    >>> literal_text(np.float64(2.0)), literal_text(np.float32(0.5)), literal_text(np.zeros(9))
    ('2.0', '0.5:f32', '<f64[9]>')
    """
    from diffkit.graph.avals import aval_of

    array = np.asarray(value)
    kind = aval_of(array)
    if array.size > SHOWN_ELEMENTS:
        return f"<{kind}>"
    text = str(array.tolist()).replace(" ", "")
    plain = array.ndim == 0 and array.dtype in (np.float64, np.int64, np.bool_)
    return text if plain else f"{text}:{kind}"


def atom_text(graph: Graph, node: int) -> str:
    """The name of a variable, or the text of a constant."""
    if graph.columns.operations[node] is LITERAL:
        return literal_text(graph.columns.values[node])
    return graph.names[node]


def operation_text(operation: Operation) -> str:
    """A primitive with its parameters in brackets, e.g. ``sum[axes=(0,)]``."""
    inside = " ".join(f"{name}={_parameter(value)}" for name, value in operation.params)
    return f"{operation.name}[{inside}]" if inside else operation.name


def _parameter(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value).replace(", ", ",")
    return text if len(text) <= PARAMETER_WIDTH else f"{text[: PARAMETER_WIDTH - 1]}…"


def _equation_text(graph: Graph, node: int) -> str:
    columns = graph.columns
    operands = [atom_text(graph, operand) for operand in columns.operands[node]]
    right = " ".join([operation_text(columns.operations[node]), *operands])
    return f"{graph.names[node]}:{columns.avals[node]} = {right}"


def _equation_rows(
    graph: Graph, nodes: Iterable[int], limit: int | None, shown: set[Operation]
) -> list[tuple[str, str]]:
    """Equations with their lines; the body of a loop stands indented below its first equation."""
    columns = graph.columns
    rows = []
    for node in nodes:
        rows.append((_equation_text(graph, node), line_of(columns.sources[node])))
        operation = columns.operations[node]
        inside = operation.primitive.inner(operation.kwargs)
        if inside is not None and operation not in shown:
            shown.add(operation)
            opening, *rest = to_text(inside[0], limit).splitlines()
            rows.append((f"  {operation.kwargs['body']!r} = {opening}", ""))
            rows += [(f"    {line}", "") for line in rest]
    return rows


def abridged(nodes: Sequence[int], limit: int | None) -> tuple[Sequence[int], int, Sequence[int]]:
    """The first nodes, how many are left out, and the last nodes.

    >>> abridged(range(10), 4)
    (range(0, 2), 6, range(8, 10))
    >>> abridged(range(3), 4)
    (range(0, 3), 0, range(0, 0))
    """
    if limit is None or len(nodes) <= limit:
        return nodes, 0, nodes[:0]
    head = (limit + 1) // 2
    tail = limit - head
    return nodes[:head], len(nodes) - limit, nodes[len(nodes) - tail :]


def _wrapped(opening: str, words: Iterable[str], closing: str, gap: str) -> list[str]:
    """Words after an opening, wrapped at the width and aligned below the first word."""
    lines, line = [], opening
    for place, word in enumerate(words):
        separator = gap if place else ""
        if place and len(line) + len(separator) + len(word) > WIDTH:
            lines.append(line + separator.rstrip())
            line, separator = " " * len(opening), ""
        line += separator + word
    return [*lines, line + closing]


def to_text(graph: Graph, limit: int | None = LIMIT) -> str:
    """The graph as text, one equation per line, with the user's names and lines.

    Parameters
    ----------
    graph
        Any graph.
    limit
        How many equations are printed before the middle is left out; None prints all.

    >>> import diffkit as dk
    >>> print(to_text(dk.parse("x*y + 1")))
    { lambda x:f64 y:f64 .
      let a:f64 = mul x y      # character 1
          b:f64 = add a 1.0    # character 1
      in (b) }
    """
    rows: list[tuple[str, str]] = []
    head, hidden, tail = abridged(list(graph.equation_nodes()), limit)
    shown: set[Operation] = set()
    rows += _equation_rows(graph, head, limit, shown)
    if hidden:
        rows.append((f"… {hidden:,} more equations …", ""))
        rows += _equation_rows(graph, tail, limit, shown)
    names = [repr(var) for var in graph.inputs]
    lines = _wrapped("{ lambda ", names, " .", " ")
    lines += _with_comments(
        [(("  let " if place == 0 else "      ") + text, note)
         for place, (text, note) in enumerate(rows)] + _guard_rows(graph, limit)
    )  # fmt: skip
    outputs = [atom_text(graph, node) for node in graph.output_nodes]
    return "\n".join([*lines, *_wrapped("  in (", outputs, ") }", ", ")])


def _guard_rows(graph: Graph, limit: int | None) -> list[tuple[str, str]]:
    head, hidden, tail = abridged(range(len(graph.guards)), limit)
    rows = [_guard_row(graph, place) for place in head]
    if hidden:
        rows.append((f"  … {hidden:,} more guards …", ""))
    return rows + [_guard_row(graph, place) for place in tail]


def _guard_row(graph: Graph, place: int) -> tuple[str, str]:
    guard = graph.guards[place]
    return f"  guard {atom_text(graph, guard.node)} is {guard.outcome!r}", line_of(guard.source)


def _with_comments(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Rows with their comments in one column, two spaces or more to the right."""
    widths = [len(text) for text, note in rows if note and len(text) <= _COMMENT_COLUMN]
    column = max(widths, default=0)
    return [f"{text:<{column}}    # {note}" if note else text for text, note in rows]


# As a dictionary ---------------------------------------------------------------------------


def to_dict(graph: Graph) -> dict[str, Any]:
    """The graph as a dictionary that ``json.dumps`` accepts, with full precision.

    Operands and outputs are names of variables, or ``{"literal": value, …}``.  NaN and
    infinities become None, and ``"note"`` says which they were.

    >>> import diffkit as dk
    >>> to_dict(dk.parse("x*y"))["equations"][0]["operands"]
    ['x', 'y']
    """
    columns = graph.columns
    return {
        "schema": SCHEMA,
        "title": graph.title,
        "inputs": [{"name": var.name, **_aval_dict(var.aval)} for var in graph.inputs],
        "equations": [
            {
                "output": graph.names[node],
                **_aval_dict(columns.avals[node]),
                "primitive": columns.operations[node].name,
                "parameters": {k: _plain(v) for k, v in columns.operations[node].params},
                "operands": [_atom_dict(graph, operand) for operand in columns.operands[node]],
                "source": line_of(columns.sources[node]),
                **_inner_dict(columns.operations[node]),
            }
            for node in graph.equation_nodes()
        ],
        "outputs": [_atom_dict(graph, node) for node in graph.output_nodes],
        "guards": [
            {
                "variable": _atom_dict(graph, guard.node),
                "outcome": _plain(guard.outcome),
                "source": line_of(guard.source),
            }
            for guard in graph.guards
        ],
    }


def _inner_dict(operation: Operation) -> dict[str, Any]:
    """The graph that a loop runs inside, for ``length`` steps."""
    inside = operation.primitive.inner(operation.kwargs)
    return {} if inside is None else {"inner": to_dict(inside[0])}


def _aval_dict(aval: Any) -> dict[str, Any]:
    return {"shape": list(aval.shape), "dtype": aval.dtype.name}


def _atom_dict(graph: Graph, node: int) -> Any:
    columns = graph.columns
    if columns.operations[node] is not LITERAL:
        return graph.names[node]
    array = np.asarray(columns.values[node])
    found = {"literal": _plain(array.tolist()), **_aval_dict(columns.avals[node])}
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        odd = sorted({str(value) for value in array[~np.isfinite(array)].reshape(-1).tolist()})
        found["note"] = f"None stands for {', '.join(odd)}"
    return found


def _plain(value: Any) -> Any:
    """A parameter as JSON has it; what JSON has no word for becomes its text."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value if value is None or isinstance(value, str) else repr(value)
