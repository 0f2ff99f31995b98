"""The interpreter: the readable reference that runs a graph one equation at a time.

The same graph runs over five domains, since a primitive knows its value in each of them:

* ``numpy``: arrays, the ordinary case;
* ``complex``: arrays with an imaginary perturbation, for the complex step; an operation
  without an analytic form is refused;
* ``mpmath``: object arrays of ``mpf``, for the high-precision truth;
* ``sympy``: object arrays of symbols, for formulas;
* ``stable``: symbols too, with functions that keep their digits where textbook formulas do not.

Values are freed after their last use.  Reading on: ``engines/objects.py`` has the object
domains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from diffkit.engines.liveness import dying_at
from diffkit.errors import DiffkitError, InputError, NotAnalyticError
from diffkit.graph.ir import Columns, Graph, Operation
from diffkit.graph.sources import place_of

__all__ = ["DOMAINS", "Program", "program_of", "run"]

DOMAINS = ("numpy", "complex", "mpmath", "sympy", "stable")


class Program:
    """The steps of one graph over one domain: (function, operands, node, nodes to free)."""

    __slots__ = ("literals", "steps")

    def __init__(self, graph: Graph, domain: str, needed: bool = False) -> None:
        columns = graph.columns
        wanted = _ancestors(graph) if needed else None
        free_after = dying_at(columns, graph.output_nodes)
        self.steps: list[tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]] = []
        self.literals = {
            node: _literal(value, domain) for node, value in columns.values.items()
        }  # fmt: skip
        for node in graph.equation_nodes():
            if wanted is not None and node not in wanted:
                continue
            function = implementation(columns, node, domain)
            self.steps.append(
                (function, columns.operands[node], node, tuple(free_after.get(node, ())))
            )


def _ancestors(graph: Graph) -> set[int]:
    """The nodes that the outputs need; guards, which choose between graphs, need more."""
    wanted: set[int] = set()
    stack = list(graph.output_nodes)
    while stack:
        node = stack.pop()
        if node not in wanted:
            wanted.add(node)
            stack += graph.columns.operands[node]
    return wanted


def _literal(value: Any, domain: str) -> Any:
    if domain in ("numpy", "complex"):
        return value
    from diffkit.engines.objects import to_objects

    return to_objects(value, domain)


def implementation(columns: Columns, node: int, domain: str) -> Callable[..., Any]:
    """The function that computes one equation over a domain.

    Raises
    ------
    NotAnalyticError
        Over the complex domain, for an operation without an analytic form.
    """
    operation = columns.operations[node]
    if domain == "numpy":
        return _with_params(operation.primitive.value, operation)
    if domain == "complex":
        return _analytic(columns, node, operation)
    from diffkit.engines.objects import object_implementation

    return object_implementation(columns, node, domain)


def _with_params(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    return partial(function, **operation.kwargs) if operation.kwargs else function


def _analytic(columns: Columns, node: int, operation: Operation) -> Callable[..., Any]:
    form = operation.primitive.analytic
    if form is None:
        raise NotAnalyticError(
            f"{operation.name} has no analytic form here, so the complex step does not apply",
            where=place_of(columns.sources[node]) or None,
            hint='use method="forward" or method="reverse".',
        )
    return _with_params(operation.primitive.value if form is True else form, operation)


def program_of(graph: Graph, domain: str = "numpy", needed: bool = False) -> Program:
    """The program of a graph over a domain, made once; with ``needed``, of its outputs alone."""
    key = ("program", domain, needed)
    program = graph.cache.get(key)
    if program is None:
        if domain not in DOMAINS:
            raise InputError(f"unknown domain {domain!r}", hint=f"use one of {DOMAINS}.")
        program = graph.cache[key] = Program(graph, domain, needed)
    return program


def run(graph: Graph, values: Sequence[Any], domain: str = "numpy") -> list[Any]:
    """The outputs of a graph at these input values, one per ``graph.input_nodes``.

    Shapes and dtypes are those of the inputs; over ``mpmath``, ``sympy`` and ``stable`` an array
    is an object array and a scalar the object itself.

    >>> from diffkit.capture.capturing import trace
    >>> graph = trace(lambda x: x * x, 3.0)
    >>> float(run(graph, [4.0])[0])
    16.0
    """
    program = program_of(graph, domain, needed=domain in ("sympy", "stable"))
    state: dict[int, Any] = dict(program.literals)
    state.update(zip(graph.input_nodes, values, strict=True))
    node = -1
    try:
        with np.errstate(all="ignore"):
            for function, operands, node, freed in program.steps:
                state[node] = function(*[state[operand] for operand in operands])
                for dead in freed:
                    del state[dead]
    except DiffkitError as error:  # a singular matrix, an index out of range
        error.where = error.where or place_of(graph.columns.sources[node]) or None
        raise
    return [state[node] for node in graph.output_nodes]


def run_all(graph: Graph, values: Sequence[Any], domain: str = "numpy") -> dict[int, Any]:
    """The value of every node, for tables, drawings and diagnoses."""
    program = program_of(graph, domain)
    state: dict[int, Any] = dict(program.literals)
    state.update(zip(graph.input_nodes, values, strict=True))
    with np.errstate(all="ignore"):
        for function, operands, node, _ in program.steps:
            state[node] = function(*[state[operand] for operand in operands])
    return state
