"""Second derivatives asked for again: a call that looks like an earlier one goes straight to it.

What a first call finds out (the graph that is valid, the derivative's program, the tree of the
result) holds for the next call when

* every argument has the type, shape and dtype of the earlier one,
* nothing that the function depends on has changed (``differentiate/watching.py``),
* the graph took no branch, and every result is finite,
* the arguments pass the checks that the function makes of them (``capture/demands.py``).

Otherwise the general way runs, which captures anew, warns and explains.  ``hvp(f, x, v)`` names
its function in every call, so the functions of the last few calls are remembered, too.  This is
an inline cache (Deutsch & Schiffman 1984), as in ``differentiate/quick.py`` for first derivatives.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from diffkit.capture.demands import Demands, demands_of
from diffkit.differentiate.function import Function, function_of
from diffkit.engines.calling import Runner, chosen_engine
from diffkit.graph.ir import Graph

__all__ = ["Repeats", "bound_runner", "repeats_of"]

# Kinds of call remembered per function, and functions remembered by the verbs that name them.
MOST_KINDS, MOST_FUNCTIONS = 4, 8

Answer: TypeAlias = Callable[[Sequence[Any]], Any]


class Repeats:
    """Calls of one verb on given functions that can be answered quickly when they come again."""

    def __init__(self, functions: Sequence[Function], engine: str = "auto") -> None:
        self.functions = tuple(functions)
        self.engine = engine
        self.calls: list[tuple[Any, Callable[[], bool], Answer]] = []

    def __call__(self, args: Sequence[Any]) -> Any:
        """The answer to a call that looks like an earlier one; None where there is none."""
        kinds = [_kind_of(argument) for argument in args]
        for known, unchanged, answer in self.calls:
            if known == kinds and unchanged():
                return answer(args)
        return None

    def remember(
        self, args: Sequence[Any], graphs: Sequence[Graph], prepare: Callable[[], Answer | None]
    ) -> None:
        """Keep a call that went the general way, if it can be repeated.

        ``graphs`` are those of the functions at this call.  ``prepare`` makes the function that
        answers from then on; it gives None for results that are not finite.
        """
        kinds = [_kind_of(argument) for argument in args]
        if None in kinds or any(graph.guards or graph.keywords for graph in graphs):
            return
        if chosen_engine(self.engine) != "machine":
            return
        demands = demands_of(graphs[0])
        if any(map(demands_of, graphs[1:])):  # of what another function gives
            return
        unchanged = self._unchanged(graphs)
        answer = None if unchanged is None else prepare()
        if answer is not None:
            answer = answer if demands is None else _demanding(answer, demands)
            self.calls = [(kinds, unchanged, answer), *self.calls][:MOST_KINDS]

    def _unchanged(self, graphs: Sequence[Graph]) -> Callable[[], bool] | None:
        """Whether the functions still are what they were; None where they cannot be watched."""
        tests = []
        for function, graph in zip(self.functions, graphs, strict=True):
            if function.graph is None:
                snapshot = function.snapshot_of(graph)
                if snapshot is None:
                    return None
                tests.append(snapshot.unchanged)
        return tests[0] if len(tests) == 1 else lambda: all(test() for test in tests)


def _demanding(answer: Answer, demands: Demands) -> Answer:
    """An answer to arguments that pass the function's checks; None to others."""
    count = len(demands.graph.input_nodes)  # a direction may follow
    return lambda args: answer(args) if demands.hold(args[:count]) else None


def _kind_of(argument: Any) -> Any:
    """What two arguments must have in common; None for what cannot be compared quickly."""
    kind = type(argument)
    if kind is np.ndarray:
        return argument.shape, argument.dtype
    return kind if kind is float or kind is np.float64 else None


def bound_runner(graph: Graph, engine: str) -> Runner:
    """A bound graph as a function from input values to output values."""
    call = graph.bind(engine=engine)
    if len(graph.output_nodes) == 1:
        return lambda values: [call(*values)]
    return lambda values: list(call(*values))


_recent: dict[Any, tuple[Any, Repeats]] = {}


def repeats_of(verb: str, engine: str, *functions: Any) -> Repeats:
    """The remembered calls of a verb for these very functions.

    Those of the last few are kept alive; a function is recognised by its identity, a method by
    the identities of its function and its object.
    """
    key = (verb, engine, *map(_identity, functions))
    entry = _recent.pop(key, None)
    if entry is None:
        entry = (functions, Repeats([function_of(f) for f in functions], engine))
        while len(_recent) >= MOST_FUNCTIONS:
            _recent.pop(next(iter(_recent), None), None)
    _recent[key] = entry
    return entry[1]


def _identity(f: Any) -> Any:
    return (id(f.__func__), id(f.__self__)) if isinstance(f, types.MethodType) else id(f)
