"""The cached function: captured once per shapes, dtypes, structure and branches.

A function is keyed by the structure of its arguments, their shapes and dtypes, its static
settings and what it depends on besides (``differentiate/watching.py``).  A branch on a traced
value is a guard of its graph; when an input breaks it, the function is captured again, and a few
graphs are kept side by side.  So is a check of numbers, such as a loss's of its targets, which is
looked at once per call (``capture/demands.py``).  There is no stale answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diffkit.capture.capturing import as_leaf, capture, is_static
from diffkit.capture.demands import demands_hold, demands_of, inherit_demands
from diffkit.capture.trees import flatten, unflatten
from diffkit.differentiate.watching import Snapshot, watch
from diffkit.engines.calling import check_guards, guards_hold, leaves_of, runner_of
from diffkit.errors import InputError
from diffkit.graph.avals import aval_of
from diffkit.graph.ir import Graph

__all__ = ["MOST_GRAPHS", "Bound", "Function", "function_of"]

# Graphs kept per key; a function with more branches than this is captured at every call.
MOST_GRAPHS = 8


class Function:
    """A function (or a graph) whose graphs are kept and re-used while they are valid.

    With ``trusting``, checks that the function makes of its arguments are made at capture alone:
    a training looks at its data before it starts.
    """

    def __init__(self, f: Callable[..., Any] | Graph, trusting: bool = False) -> None:
        if not callable(f):
            raise InputError(
                f"expected a function or a Graph, not {type(f).__name__}",
                hint='pass a function such as lambda x: x**2, or dk.parse("x**2").',
            )
        self.f = f
        self.trusting = trusting
        self.kept: dict[Any, list[tuple[Graph, Snapshot]]] = {}

    @property
    def graph(self) -> Graph | None:
        """The graph itself, when the function is one."""
        return self.f if isinstance(self.f, Graph) else None

    @property
    def watched(self) -> Any:
        """What a snapshot of this function has to follow."""
        return self.f

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Bound:
        """The function with the structure of these arguments, and their flat values."""
        return Bound(self, tuple(args), kwargs)

    def find(self, key: Any, leaves: Sequence[Any]) -> Graph | None:
        """A kept graph that is valid for these leaves."""
        kept = self.kept.get(key)
        if not kept:
            return None
        valid = [entry for entry in kept if entry[1].unchanged()]
        if len(valid) != len(kept):
            self.kept[key] = valid
        for graph, _ in valid:
            if guards_hold(graph, leaves) and (self.trusting or demands_hold(graph, leaves)):
                return graph
        return None

    def snapshot_of(self, graph: Graph) -> Snapshot | None:
        """What a kept graph depends on; None where the graph is not kept."""
        entries = (entry for kept in list(self.kept.values()) for entry in kept)
        return next((snapshot for known, snapshot in entries if known is graph), None)

    def keep(self, key: Any, graph: Graph, snapshot: Snapshot) -> None:
        """Keep a graph, if what it depends on can be watched and there is room."""
        if not snapshot.watchable:
            return
        kept = self.kept.setdefault(key, [])
        if len(kept) < MOST_GRAPHS:
            kept.append((graph, snapshot))


class Bound:
    """A function with the structure of one call's arguments; the values may change.

    ``leaves`` are the numeric arguments, flat and in order; settings (text, None, bools) are part
    of the structure.
    """

    def __init__(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.used: list[tuple[Any, Graph]] = []  # in this call, and what for
        graph = function.graph
        if graph is not None:
            self.leaves = leaves_of(graph, args, kwargs)
            self.structure, self.statics = None, ()
            return
        found, self.structure = flatten((args, kwargs))
        self.statics = tuple(
            (place, leaf) for place, leaf in enumerate(found) if is_static(leaf)
        )  # fmt: skip
        self.leaves = [as_leaf(leaf) for leaf in found if not is_static(leaf)]

    def key(self, leaves: Sequence[Any]) -> Any:
        """What a graph must have been captured for."""
        return self.structure, self.statics, tuple([aval_of(leaf) for leaf in leaves])

    def graph_for(self, leaves: Sequence[Any]) -> Graph:
        """The value graph for these leaves: kept, or captured now; its loops are folded."""
        if self.function.graph is not None:
            return self._given(self.function.graph, leaves)
        key = self.key(leaves)
        graph = self._of_this_call(key, leaves)
        if graph is None:
            graph = self.function.find(key, leaves) or self._captured(key, leaves)
            self.used.append((key, graph))
        return graph

    def _given(self, graph: Graph, leaves: Sequence[Any]) -> Graph:
        """The function that is a graph itself, where it is valid for these leaves."""
        check_guards(graph, leaves)
        demands, folded = demands_of(graph), graph.folded()
        if demands is not None and not self.used:
            demands.refuse(leaves)
            inherit_demands(folded, graph)
            self.used.append((None, folded))
        return folded

    def _captured(self, key: Any, leaves: Sequence[Any]) -> Graph:
        snapshot = watch(self.function.f)
        args, kwargs = self.call_arguments(leaves)
        captured = capture(self.function.f, args, kwargs)
        graph = captured.folded()
        inherit_demands(graph, captured)
        self.function.keep(key, graph, snapshot)
        return graph

    def _of_this_call(self, key: Any, leaves: Sequence[Any]) -> Graph | None:
        """A graph used before in this call: nothing it depends on can have changed since.

        Its demands were looked at then: a method that displaces the arguments does not ask again.
        """
        for kept, graph in self.used:
            if kept == key and guards_hold(graph, leaves):
                return graph
        return None

    def call_arguments(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the function, rebuilt from leaves and settings."""
        full, rest = [], iter(leaves)
        settings = dict(self.statics)
        for place in range(len(leaves) + len(settings)):
            full.append(settings[place] if place in settings else next(rest))
        return unflatten(self.structure, full)

    def values(self, leaves: Sequence[Any], engine: str = "auto") -> list[Any]:
        """The flat outputs at these leaves."""
        return runner_of(self.graph_for(leaves), engine)(leaves)


def function_of(f: Callable[..., Any] | Graph | Function) -> Function:
    """The cached form of a function; the cache lives as long as the function's wrapper."""
    return f if isinstance(f, Function) else Function(f)
