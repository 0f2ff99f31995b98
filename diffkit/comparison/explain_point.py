"""Where an explanation looks, and in which direction: inputs, tangents and cotangents.

By default the first input moves at speed 1 (its first entry, if it is an array), and every output
sends back 1, so that the adjoints are the gradient of the sum of the outputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.ir import Graph

__all__ = ["Point", "point_of"]

_ENTRY = re.compile(r"\s*(?P<name>[^\[\]]+?)\s*(\[(?P<index>[\d\s,]*)\])?\s*")


@dataclass(frozen=True)
class Point:
    """The input nodes that carry derivatives, the tangent of each, and a word for them."""

    wrt: tuple[int, ...]
    tangents: dict[int, Any]
    direction: str
    cotangents: list[Any]


def point_of(
    graph: Graph,
    leaves: Sequence[Any],
    wrt: Sequence[int],
    direction: Any = None,
    cotangent: Any = None,
) -> Point:
    """The tangents and cotangents that were asked for, checked.

    Raises
    ------
    InputError, ShapeError, DtypeError
        Naming the input or output that a direction does not fit.
    """
    nodes = [graph.input_nodes[place] for place in wrt]
    values = {graph.input_nodes[place]: np.asarray(leaves[place]) for place in wrt}
    tangents, words = _tangents(graph, nodes, values, direction)
    return Point(tuple(nodes), tangents, words, _cotangents(graph, cotangent))


def chosen_places(names: Sequence[str], wrt: Any, known: Sequence[int]) -> list[int]:
    """The places of the inputs that ``wrt`` names.

    >>> chosen_places(["x", "y"], "y", [0, 1])
    [1]
    """
    wanted = [wrt] if isinstance(wrt, str) else list(wrt)
    found = []
    for name in wanted:
        if name not in names:
            raise InputError(
                f"there is no input named {name!r}", hint=f"there are {', '.join(names)}."
            )
        if names.index(name) not in known:
            raise DtypeError(
                f"the input {name} holds no floating-point numbers",
                hint="differentiate by inputs that do; give 2.0 instead of 2.",
            )
        found.append(names.index(name))
    return found


# Tangents --------------------------------------------------------------------------------------


def _tangents(
    graph: Graph, nodes: Sequence[int], values: Mapping[int, np.ndarray], direction: Any
) -> tuple[dict[int, Any], str]:
    names = {graph.names[node]: node for node in nodes}
    if direction is None:
        start = next((node for node in nodes if values[node].size), nodes[0])
        first = graph.names[start]
        zero = ",".join("0" * values[start].ndim) if values[start].size else ""
        direction = f"{first}[{zero}]" if zero else first
    if isinstance(direction, str):
        return _unit(names, values, direction), f"{direction.strip()} moves at speed 1"
    if isinstance(direction, Mapping) and set(direction) <= set(names):
        given = {names[name]: value for name, value in direction.items()}
    else:
        found = flatten(direction)[0]
        if len(found) != len(nodes):
            raise InputError(
                f"direction has {len(found)} tangents for {len(nodes)} inputs ({', '.join(names)})",
                hint="give one tangent per input, or a dict from name to tangent.",
            )
        given = dict(zip(nodes, found, strict=True))
    tangents = {node: _fitted(graph.names[node], value, values[node])
                for node, value in given.items()}  # fmt: skip
    return tangents, "the given direction"


def _unit(names: Mapping[str, int], values: Mapping[int, np.ndarray], text: str) -> dict[int, Any]:
    """``x2`` moves at speed 1, all of it; of ``w[0,1]`` only this entry."""
    match = _ENTRY.fullmatch(text)
    if match is None or match["name"] not in names:
        # a leaf of a tree is itself called w[0], say
        if text.strip() in names:
            node = names[text.strip()]
            return {node: np.ones_like(values[node])[()]}
        raise InputError(
            f"direction {text!r} names no input", hint=f"there are {', '.join(names)}."
        )
    node = names[match["name"]]
    value = values[node]
    if match["index"] is None:
        return {node: np.ones_like(value)[()]}
    index = tuple(int(part) for part in match["index"].split(",") if part.strip())
    tangent = np.zeros_like(value)
    if len(index) != value.ndim or any(i >= n for i, n in zip(index, value.shape, strict=True)):
        raise InputError(
            f"direction {text!r} is no entry of {match['name']}, whose shape is {value.shape}",
            hint="count entries from 0, one number per axis.",
        )
    tangent[index] = 1
    return {node: tangent[()]}


def _fitted(name: str, given: Any, value: np.ndarray) -> Any:
    tangent = np.asarray(given)
    if tangent.dtype.kind not in "fiub":
        raise DtypeError(
            f"the direction of {name} is {tangent.dtype}, not numbers",
            hint="give floats of the shape of the input.",
        )
    if tangent.shape != value.shape:
        raise ShapeError(
            f"the direction of {name} has the shape {tangent.shape}, but it is {value.shape}",
            hint="a tangent has the shape of its input.",
        )
    return tangent.astype(value.dtype)[()]


# Cotangents ------------------------------------------------------------------------------------


def _cotangents(graph: Graph, cotangent: Any) -> list[Any]:
    avals = [graph.columns.avals[node] for node in graph.output_nodes]
    if cotangent is None:
        return [np.ones(a.shape, a.dtype)[()] if a.is_float else None for a in avals]
    found = flatten(cotangent)[0]
    if len(found) != len(avals):
        raise InputError(
            f"cotangent has {len(found)} parts for {len(avals)} outputs",
            hint="give one cotangent per output.",
        )
    fitted: list[Any] = []
    for place, (given, aval) in enumerate(zip(found, avals, strict=True)):
        if np.shape(given) != aval.shape:
            raise ShapeError(
                f"cotangent {place} has the shape {np.shape(given)}, but the output is {aval}",
                hint="a cotangent has the shape of its output.",
            )
        fitted.append(np.asarray(given, aval.dtype)[()] if aval.is_float else None)
    return fitted
