"""Capture: run a function once on tracers and keep the graph it writes down.

    y = f(x)   →   graph of f, valid for every x of the same shapes and dtypes.

Value-dependent branches become guards, and checks of numbers demands (``capture/demands.py``);
nothing of the user's function is parsed or rewritten (Wengert 1964; Griewank & Walther 2008,
chapter 6, on operator overloading).
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from diffkit.capture.complex_markers import has_own_rules
from diffkit.capture.demands import DemandingArena, demand, demands_of, keep_demands
from diffkit.capture.failures import FOREIGN, explained, users_place
from diffkit.capture.tracing import Tracer, lift
from diffkit.capture.trees import flatten, leaf_names, structure_of, unflatten
from diffkit.errors import (
    CaptureError,
    DiffkitError,
    DtypeError,
    EndlessRecursionError,
    InputError,
    MissingAttributeError,
)
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval_of, check_dtype
from diffkit.graph.collecting import collector_paused
from diffkit.graph.ir import INPUT, LITERAL, Graph, Guard

__all__ = [
    "active_arena",
    "as_leaf",
    "capture",
    "check_fit",
    "inline",
    "is_static",
    "outputs_of",
    "trace",
]

_ACTIVE = threading.local()  # the arenas of the captures under way in this thread


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The expression graph of ``f`` for arguments of these shapes and dtypes.

    Parameters are arrays, numbers, or nested dicts, lists and tuples of them.

    Raises
    ------
    CaptureError, DtypeError, ShapeError
        When the function or its arguments cannot be captured; with the user's line.

    Source: operator overloading, R. E. Wengert (1964).

    >>> import diffkit as dk
    >>> print(dk.trace(lambda x, y: x * y + x, 2.0, 3.0).operations())
    {'add': 1, 'mul': 1, 'total': 2}
    """
    return capture(f, args, kwargs)


def capture(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None = None
) -> Graph:
    """The graph of ``f(*args, **kwargs)``; the inputs are the leaves that are not static."""
    kwargs = kwargs or {}
    leaves, in_tree = flatten((tuple(args), kwargs))
    arena = DemandingArena()
    traced, inputs = [], []
    for leaf in leaves:
        if is_static(leaf):
            traced.append(leaf)
            continue
        array = as_leaf(leaf)
        node = arena.new_input(aval_of(array))
        arena.examples[node] = array
        inputs.append(node)
        traced.append(Tracer(arena, node, arena.avals[node]))
    call_args, call_kwargs = unflatten(in_tree, traced)
    with _capturing(arena):
        result = _called(f, call_args, call_kwargs)
        outputs, out_tree = outputs_of(arena, result, f)
    names = _input_names(f, args, kwargs, leaves)
    graph = arena.freeze(
        inputs,
        outputs,
        names=names,
        in_tree=in_tree,
        out_tree=out_tree,
        title=getattr(f, "__name__", ""),
    )
    keep_demands(arena, inputs, graph)
    arena.close()
    return graph


def _called(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``f(*args, **kwargs)``, with a word about its parameters when they do not fit."""
    try:
        return f(*args, **kwargs)
    except DiffkitError:
        raise
    except TypeError as error:
        parameters = _misfit(f, args, kwargs)
        if parameters is None:
            raise
        raise _does_not_fit(error, parameters) from None


def check_fit(f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Refuse arguments that do not fit the parameters of a function, without calling it.

    Raises
    ------
    CaptureError
        Naming the parameters.  A function that does not tell them passes.
    """
    parameters = _misfit(f, args, kwargs)
    if parameters is not None:
        try:
            parameters.bind(*args, **kwargs)
        except TypeError as error:
            raise _does_not_fit(error, parameters) from None


def _does_not_fit(error: TypeError, parameters: inspect.Signature) -> CaptureError:
    return CaptureError(
        f"the arguments do not fit: {error}", hint=f"the parameters are {parameters}."
    )


def _misfit(f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> inspect.Signature | None:
    """The signature of a function that these arguments do not fit; None if they do."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return signature
    return None


@contextmanager
def _capturing(arena: Arena) -> Any:
    """Pause the garbage collector, unwrap our errors from NumPy's, and explain NumPy's own."""
    stack = _ACTIVE.__dict__.setdefault("stack", [])
    stack.append(arena)
    try:
        with collector_paused():
            yield
    except DiffkitError as error:
        error.where = error.where or users_place(error)
        raise
    except RecursionError as error:
        raise EndlessRecursionError(
            f"the function went on calling itself until Python stopped it "
            f"({sys.getrecursionlimit():,} calls deep)",
            where=users_place(error),
            hint="give it an end that it reaches, or write a deep recursion as a loop.",
        ) from None
    except FOREIGN as error:
        inner = error.__cause__ or error.__context__
        if isinstance(inner, DiffkitError) and not isinstance(inner, MissingAttributeError):
            raise inner from None
        ours = explained(error)
        if ours is not None:
            raise ours from error
        raise
    finally:
        stack.pop()


def active_arena() -> Arena | None:
    """The arena of the innermost capture under way in this thread."""
    stack = _ACTIVE.__dict__.get("stack")
    return stack[-1] if stack else None


def is_static(leaf: Any) -> bool:
    """Whether an argument is a setting (None, text, a bool, a function) and not a number."""
    return leaf is None or isinstance(leaf, (str, bytes, bool)) or (
        callable(leaf) and not isinstance(leaf, (np.ndarray, np.generic, Tracer))
    )  # fmt: skip


def as_leaf(leaf: Any, name: str = "an argument") -> Any:
    """A numeric argument as an array or NumPy scalar in native byte order; no half floats.

    Raises
    ------
    DtypeError, InputError, MissingAttributeError
        For objects, strings, complex numbers, masked arrays and other subclasses.
    """
    if has_own_rules(leaf):
        raise InputError(
            f"{name} is a {type(leaf).__name__}, whose own rules a graph would lose",
            hint="pass np.asarray(x), with any mask as a separate argument.",
        )
    known = isinstance(leaf, (np.ndarray, np.generic, int, float, complex))
    if not known and not hasattr(leaf, "__array__"):
        raise DtypeError(
            f"{name} is a {type(leaf).__name__} ({leaf!r:.40}), not a number or an array",
            hint="pass numbers, NumPy arrays, or dicts, lists and tuples of them.",
        )
    try:
        array = np.asarray(leaf)
    except (ValueError, TypeError, OverflowError) as error:
        raise DtypeError(f"{name} cannot become an array: {error}") from None
    check_dtype(array.dtype, name)
    if array.dtype.kind == "c":
        raise DtypeError(
            f"{name} is complex",
            hint="pass the real and imaginary parts as separate arguments x and y, "
            "and write x + 1j * y inside.",
        )
    if array.dtype == np.float16:
        array = array.astype(np.float64)  # Note [Half floats] in graph/avals.py
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array[()] if array.ndim == 0 else array


def outputs_of(arena: Arena, result: Any, f: Any) -> tuple[list[int], Any]:
    """The nodes and the tree of a function's result.

    Raises
    ------
    CaptureError, DataDependentError, MutationError
        For a result that is no number, and for an error that the function has caught although
        NumPy's numbers would not have caused it: the result would be of another branch.
    """
    if arena.refused is not None:
        raise arena.refused
    leaves, out_tree = flatten(result)
    name = getattr(f, "__name__", "the function")
    nodes = []
    for leaf in leaves:
        if leaf is None:
            raise CaptureError(
                f"{name} returned None", hint="return the value that should be differentiated."
            )
        if np.iscomplexobj(leaf):
            raise CaptureError(
                f"{name} returned a complex number",
                hint="return its real and imaginary parts, z.real and z.imag, as two numbers.",
            )
        try:
            nodes.append(lift(arena, leaf).node)
        except DtypeError as error:
            raise CaptureError(
                f"{name} returned a {type(leaf).__name__}, not a number or an array",
                hint="return numbers, arrays, or dicts, lists and tuples of them.",
            ) from error
    if not nodes:
        raise CaptureError(f"{name} returned nothing", hint="return at least one number.")
    return nodes, out_tree


def _input_names(
    f: Any, args: Sequence[Any], kwargs: dict[str, Any], leaves: Sequence[Any]
) -> list[str]:
    """Names for the inputs, from the function's own parameters."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    bases = [plain[i] if i < len(plain) else f"x{i}" for i in range(len(args))]
    names = []
    for base, tree in [*zip(bases, args, strict=True), *sorted(kwargs.items())]:
        names += leaf_names(structure_of(tree), base)
    unique: dict[str, int] = {}
    kept = []
    for name, leaf in zip(names, leaves, strict=True):
        if is_static(leaf):
            continue
        count = unique.get(name, 0)
        unique[name] = count + 1
        kept.append(f"{name}_{count + 1}" if count else name)
    return kept


def inline(graph: Graph, tracers: Sequence[Tracer]) -> list[Tracer]:
    """Call a graph on tracers: its equations are added to their arena."""
    arena = next(t for t in tracers if isinstance(t, Tracer)).arena
    columns = graph.columns
    place: dict[int, int] = {}
    for node, tracer in zip(graph.input_nodes, tracers, strict=True):
        lifted = lift(arena, tracer)
        wanted = columns.avals[node]
        if lifted.aval.shape != wanted.shape:
            raise InputError(
                f"the graph takes {wanted} for {graph.names[node]}, but got {lifted.aval}",
                hint="capture the function again for these shapes.",
            )
        place[node] = lifted.astype(wanted.dtype).node if lifted.aval is not wanted else lifted.node
    for node, operation in enumerate(columns.operations):
        if operation is LITERAL:
            place[node] = arena.literal(columns.values[node])
        elif operation is not INPUT:
            operands = tuple([place[i] for i in columns.operands[node]])
            place[node] = arena.emit(operation, operands, columns.sources[node])
    _demand_again(graph, tracers)
    arena.guards += [Guard(place[g.node], g.outcome, g.source) for g in graph.guards]
    return [Tracer(arena, place[n], arena.avals[place[n]]) for n in graph.output_nodes]


def _demand_again(graph: Graph, tracers: Sequence[Tracer]) -> None:
    """Ask of these arguments what a graph asks of its own."""
    demands = demands_of(graph)
    if demands is not None:
        for one, seen in zip(demands.demands, inline(demands.graph, tracers), strict=True):
            if one.passed:
                demand(seen, one.check, one.shape)
