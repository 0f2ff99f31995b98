"""``diffkit derive --forms``: one derivative written in several ways, compared at points.

The points are one (``--at x=0.5``), or evenly spaced ones of one variable (``--from``, ``--to``,
``--points``) with the others held where ``--at`` says.  ``dk.compare_forms`` does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import (
    choose,
    on_terminal,
    parse_point,
    suggest,
    working,
    write_json,
    write_rows,
)
from diffkit.cli.words import again
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["write_forms"]

POINTS = 197
"""How many points a range has unless told; a prime, so that few fall on round numbers."""


def write_forms(
    graph: Graph,
    text: str,
    names: Sequence[str],
    order: int,
    latex: bool,
    as_json: bool,
    at: Sequence[str],
    start: float | None,
    end: float | None,
    points: int | None,
) -> None:
    """Compare the forms of the derivative and write them as JSON, a table or separated values."""
    point = parse_point(at, graph.input_names)
    for name in point:
        choose(name, graph.input_names, "variable in the expression")
    if start is not None or end is not None:
        point[_moving(graph, names, point)] = _range(start, end, points)
    elif points is not None:
        raise InputError("--points needs a range", hint="add --from 0 --to 1, say.")
    _check_complete(graph, point)
    from diffkit.comparison.forms import compare_forms

    with working("writing the forms"):
        found = compare_forms(graph, **point, variable=names, order=order, title=text)
    refused = [found[name].refused for name in found]
    if all(refused):
        raise InputError(
            str(refused[0]),
            hint=f"{again('compare', text, ())} gives numbers instead.",
        )
    if as_json:
        write_json(found.to_dict())
    elif latex:
        rows = [
            (name, variable, formula)
            for name in found
            for variable, formula in found[name].latex.items()
        ]
        write_rows(["form", "variable", "derivative"], rows)
    elif on_terminal():
        from rich.console import Console

        Console(highlight=False).print(found.table())
        suggest(again("derive", text, (), "--latex"))
    else:
        click.echo(found.to_tsv())


def _moving(graph: Graph, names: Sequence[str], point: dict[str, Any]) -> str:
    """The variable that a range is of: the only one without a value."""
    free = [name for name in graph.input_names if name not in point]
    if len(free) == 1:
        return free[0]
    example = ",".join(f"{name}=1" for name in graph.input_names[1:])
    raise InputError(
        f"a range is of one variable, but {', '.join(free) or 'none'} has no value",
        hint=f"add --at {example}" if free else "leave one variable out of --at.",
    )


def _range(start: float | None, end: float | None, points: int | None) -> Any:
    import numpy as np

    if start is None or end is None or not start < end:
        raise InputError("a range goes from one number up to another", hint="--from 0 --to 1")
    return np.linspace(start, end, points or POINTS)


def _check_complete(graph: Graph, point: dict[str, Any]) -> None:
    missing = [name for name in graph.input_names if name not in point]
    if missing:
        example = ",".join(f"{name}={1 + index}" for index, name in enumerate(graph.input_names))
        raise InputError(
            f"no value for {', '.join(missing)}",
            hint=f"add --at {example}, or a range: --from 0 --to 1",
        )
