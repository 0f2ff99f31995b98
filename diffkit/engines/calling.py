"""Calling a graph: arguments in, an engine, results out.

Engines by name: ``machine`` runs any graph on kernels that are compiled once per computer,
``interpret`` is the readable reference over NumPy, ``specialise`` compiles one graph with Numba.
``auto`` is the machine where its kernels are on disk, and the interpreter until then.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from diffkit.capture.capturing import as_leaf, inline, is_static
from diffkit.capture.tracing import Tracer
from diffkit.capture.trees import flatten, unflatten
from diffkit.engines.interpret import run, run_all
from diffkit.errors import DomainWarning, EngineError, GuardError, InputError, ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import LITERAL, Graph
from diffkit.graph.primitive import Elementwise
from diffkit.graph.sources import line_of, place_of

__all__ = [
    "ENGINES",
    "Runner",
    "bind_graph",
    "call_graph",
    "chosen_engine",
    "guards_hold",
    "leaves_of",
    "runner_of",
    "user_level",
    "warn_of_hidden_nan",
    "warn_of_infinity",
    "warn_of_nan",
]

ENGINES = ("auto", "machine", "interpret", "specialise")

# Where a graph keeps the program that an engine runs, with its memory.
PROGRAM_RUNNERS = {"machine": "machine runner", "specialise": "specialised program runner"}

Runner: TypeAlias = Callable[[Sequence[Any]], list[Any]]


def runner_of(graph: Graph, engine: str = "auto") -> Runner:
    """A function from input values to output values, by the named engine.

    Raises
    ------
    EngineError
        For an unknown engine, or a graph the engine cannot run.
    """
    chosen = chosen_engine(engine)
    if chosen == "interpret":
        return lambda values: run(graph, values)
    if chosen == "machine":
        return _machine_runner(graph)
    if engine == "specialise":
        from diffkit.engines.specialise import specialised_runner

        return specialised_runner(graph)
    raise EngineError(f"unknown engine {engine!r}", hint=f"use one of {', '.join(ENGINES)}.")


def chosen_engine(engine: str) -> str:
    """The engine that a name stands for here and now.

    >>> chosen_engine("interpret")
    'interpret'
    """
    if engine != "auto":
        return engine
    from diffkit.engines.machine.loading import is_ready

    return "machine" if is_ready() else "interpret"


def _machine_runner(graph: Graph) -> Runner:
    from diffkit.engines.machine.running import machine_runner

    runner = machine_runner(graph)
    if not graph.keywords:
        return runner
    shapes = [graph.columns.avals[node].shape for node in graph.input_nodes]

    def run_text(values: Sequence[Any]) -> list[Any]:
        # a formula made from text works on arrays too
        same = all(np.shape(v) == shape for v, shape in zip(values, shapes, strict=True))
        return runner(values) if same else run(graph, values)

    return run_text


def leaves_of(graph: Graph, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The flat input values of a call, checked against the graph's inputs.

    Raises
    ------
    InputError, ShapeError
        Naming the argument that does not fit.
    """
    if graph.keywords or graph.in_tree is None:
        leaves = _by_name(graph, args, kwargs)
    else:
        found, structure = flatten((tuple(args), kwargs))
        if structure != graph.in_tree:
            raise InputError(
                f"the arguments have another structure than at capture: {_structure(structure)} "
                f"instead of {_structure(graph.in_tree)}",
                hint="call it with the same nesting, or capture the function again.",
            )
        leaves = [leaf for leaf in found if not is_static(leaf)]
    return [_fitting(graph, place, leaf) for place, leaf in enumerate(leaves)]


def _structure(structure: Any) -> str:
    return str(structure).replace("PyTreeSpec", "").replace(", NoneIsLeaf", "")


def _by_name(graph: Graph, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    names = graph.input_names
    if len(args) > len(names):
        raise InputError(
            f"the graph takes {len(names)} values ({', '.join(names)}), but got {len(args)}"
        )
    values = dict(zip(names, args, strict=False))
    unknown = [name for name in kwargs if name not in names or name in values]
    missing = [name for name in names if name not in values and name not in kwargs]
    if unknown or missing:
        what = f"no value for {', '.join(missing)}" if missing else f"unexpected {unknown[0]!r}"
        raise InputError(
            f"the graph takes values for {', '.join(names) or 'no variable'}: {what}",
            hint=f"call it as g({', '.join(f'{name}=…' for name in names)}).",
        )
    values.update(kwargs)
    return [values[name] for name in names]


def _fitting(graph: Graph, place: int, leaf: Any) -> Any:
    if isinstance(leaf, Tracer):
        return leaf
    wanted = graph.columns.avals[graph.input_nodes[place]]
    name = graph.input_names[place]
    array = as_leaf(leaf, name)
    if array.shape != wanted.shape and not (graph.keywords and _is_elementwise(graph)):
        raise ShapeError(
            f"{name} has shape {list(array.shape)}, but the graph was captured for {wanted}",
            hint="capture the function again for the new shape.",
        )
    if array.dtype == wanted.dtype:
        return array
    if not np.can_cast(array.dtype, wanted.dtype, "same_kind"):
        raise ShapeError(
            f"{name} is {array.dtype}, but the graph was captured for {wanted}",
            hint=f"pass an array of dtype {wanted.dtype}, or capture the function again.",
        )
    return array.astype(wanted.dtype)


def _is_elementwise(graph: Graph) -> bool:
    if "elementwise" not in graph.cache:
        operations = (graph.columns.operations[node] for node in graph.equation_nodes())
        graph.cache["elementwise"] = not graph.guards and all(
            isinstance(operation.primitive, Elementwise) for operation in operations
        )
    return graph.cache["elementwise"]


def call_graph(graph: Graph, *args: Any, engine: str = "auto", **kwargs: Any) -> Any:
    """Run a graph on arguments shaped like those it was captured with.

    Raises
    ------
    GuardError
        When a branch that capture took would go the other way.
    """
    leaves = leaves_of(graph, args, kwargs)
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return _rebuilt(graph, inline(graph, leaves))
    check_guards(graph, leaves)
    outputs = runner_of(graph, engine)(leaves)
    warn_of_nan(graph, leaves, outputs)
    return _rebuilt(graph, outputs)


def _rebuilt(graph: Graph, outputs: list[Any]) -> Any:
    if graph.out_tree is None:
        return outputs[0] if len(outputs) == 1 else tuple(outputs)
    return unflatten(graph.out_tree, outputs)


def bind_graph(graph: Graph, engine: str = "auto") -> Callable[..., Any]:
    """The graph as a plain callable on one engine, prepared once, for the least overhead.

    The callable takes what the graph takes.  Any number of threads may call it at once: each call
    that runs has a workspace of its own.  It does not look for NaN in the results.

    Raises
    ------
    EngineError
        For an unknown engine, or a graph the engine cannot run.

    >>> import diffkit as dk
    >>> bound = dk.parse("x*y + 1").bind(engine="interpret")
    >>> float(bound(x=2.0, y=3.0))
    7.0
    """
    runner = runner_of(graph, engine)

    def bound(*args: Any, **kwargs: Any) -> Any:
        leaves = leaves_of(graph, args, kwargs)
        check_guards(graph, leaves)
        return _rebuilt(graph, runner(leaves))

    program = graph.cache.get(PROGRAM_RUNNERS.get(chosen_engine(engine), ""))
    if program is not None and not graph.guards:
        from diffkit.engines.machine.native_graphs import bound_graph

        return bound_graph(graph, program, bound)
    return bound


# Guards ----------------------------------------------------------------------------------------


def guards_hold(graph: Graph, leaves: Sequence[Any]) -> bool:
    """Whether every branch that capture took would be taken again."""
    return _broken_guard(graph, leaves) is None


def check_guards(graph: Graph, leaves: Sequence[Any]) -> None:
    """Refuse inputs for which a captured branch would go the other way.

    Raises
    ------
    GuardError
        Naming the user's line.
    """
    broken = _broken_guard(graph, leaves)
    if broken is not None:
        raise GuardError(
            f"a branch went {broken.outcome!r} at capture and would go the other way now",
            where=place_of(broken.source) or None,
            hint="pass the function itself instead of its graph, or use np.where.",
        )


def _broken_guard(graph: Graph, leaves: Sequence[Any]) -> Any:
    if not graph.guards:
        return None
    if "guards" not in graph.cache:
        nodes = [guard.node for guard in graph.guards]
        graph.cache["guards"] = Arena.of(graph).freeze(graph.input_nodes, nodes, guards=())
    outcomes = run(graph.cache["guards"], leaves)
    for guard, outcome in zip(graph.guards, outcomes, strict=True):
        if type(guard.outcome)(np.asarray(outcome).reshape(())[()]) != guard.outcome:
            return guard
    return None


# Silent NaNs --------------------------------------------------------------------------------------


def _is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _has_nan(value: Any) -> bool:
    return _is_float(value) and bool(np.isnan(value).any())


def warn_of_nan(graph: Graph, leaves: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Warn, naming the line of its birth, when a NaN comes out that did not go in."""
    if not any(_has_nan(y) for y in outputs) or any(_has_nan(x) for x in leaves):
        return
    state = run_all(graph, leaves)
    columns = graph.columns
    for node in graph.equation_nodes():
        if _has_nan(state[node]) and not any(_has_nan(state[i]) for i in columns.operands[node]):
            operation, line = columns.operations[node], line_of(columns.sources[node])
            warnings.warn(
                f"a NaN was born in {operation.name}" + (f" at {line}" if line else ""),
                DomainWarning,
                stacklevel=user_level(),
            )
            return
    born = [n for n in columns.values if columns.operations[n] is LITERAL and _has_nan(state[n])]
    told = "a constant of the function is NaN" if born else (
        "the derivative is NaN although the function is not: "
        "it is undefined here, or the method stepped outside the domain"
    )  # fmt: skip
    warnings.warn(told, DomainWarning, stacklevel=user_level())


def warn_of_hidden_nan(leaves: Sequence[Any], value: Any, slopes: Sequence[Any]) -> None:
    """Warn when a NaN went in and came out of a function, but not out of its derivative.

    A NaN that shows in the derivative needs no warning: it came from the user.
    """
    if _has_nan(value) and any(map(_has_nan, leaves)) and not any(map(_has_nan, slopes)):
        warnings.warn(
            "an argument is NaN and so is the function, but its derivative is not: "
            "a selection such as relu or where took the NaN for a number",
            DomainWarning,
            stacklevel=user_level(),
        )


def warn_of_infinity(leaves: Sequence[Any], value: Any, slopes: Sequence[Any]) -> None:
    """Warn when finite arguments give an infinite value with a derivative of finite numbers.

    A function that runs to infinity takes its slope along; it does not where a part of it only
    overflowed, as √(x² + y²) at 10²⁰⁰.
    """
    if not (_is_float(value) and np.isinf(value).any() and slopes):
        return
    if all(np.isfinite(x).all() for x in [*slopes, *leaves] if _is_float(x)):
        warnings.warn(
            "the value is infinite and its derivative is not: something in the function overflowed "
            "or divided by 0, so the derivative cannot be trusted; scale the arguments",
            DomainWarning,
            stacklevel=user_level(),
        )


def user_level() -> int:
    """The stack level of the user's call, so that a warning points at their line."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("diffkit."):
        level, frame = level + 1, frame.f_back
    return level
