"""The quick way for a call that looks like an earlier one.

A general call sorts its arguments, finds the graph that is valid for them, runs it and puts the
results into the tree of the arguments.  When the same function is called again with arrays of the
same shapes and dtypes, all of that is known; what remains is to look whether it is really so:

* every argument has the type, shape and dtype of the earlier one,
* nothing that the function depends on has changed (``differentiate/watching.py``),
* every result is finite; if one is not, the general way runs again and says where it was born.

This is what a compiler's inline cache does (Deutsch & Schiffman 1984); the call itself is written
out by ``engines/machine/inline.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diffkit.differentiate.function import Function
from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.watching import Snapshot
from diffkit.engines.calling import chosen_engine
from diffkit.graph.ir import Graph

__all__ = ["QuickGradients"]

# Kinds of call that are remembered per function.
MOST_ENTRIES = 4

Quick = Callable[[tuple[Any, ...]], Any]


class QuickGradients:
    """Remembered calls of a function that returns value and gradient, in reverse mode."""

    def __init__(self, function: Function, argnums: Any, engine: str) -> None:
        self.function = function
        self.single = argnums is None or not isinstance(argnums, Sequence)
        self.usable = engine in ("auto", "machine")
        self.engine = engine
        self.calls: list[Quick] = []

    def __call__(self, args: tuple[Any, ...]) -> Any:
        """The answer to a call that was made before; None where there is none."""
        for call in self.calls:
            try:
                answer = call(args)
            except (ValueError, LookupError):  # another number of arguments; a name that is gone
                continue
            if answer is not None:
                return answer
        return None

    def remember(self, args: tuple[Any, ...], graph: Graph, wrt: Sequence[int]) -> None:
        """Keep a call that went the general way, if it can be repeated quickly."""
        if not self.usable or chosen_engine(self.engine) != "machine" or graph.guards:
            return
        runner = gradient_graph(graph, tuple(wrt)).cache.get("machine runner")
        snapshot = self._snapshot(graph)
        if runner is None or snapshot is False or graph.keywords:
            return
        call = _inlined(args, runner, snapshot, self.single)
        if call is not None:
            self.calls = [call, *self.calls][:MOST_ENTRIES]

    def _snapshot(self, graph: Graph) -> Any:
        """What to watch: None for a graph, False where the graph is not kept."""
        if self.function.graph is not None:
            return None
        for kept in self.function.kept.values():
            for candidate, snapshot in kept:
                if candidate is graph:
                    return snapshot
        return False


def _inlined(
    args: tuple[Any, ...], runner: Any, snapshot: Snapshot | None, single: bool
) -> Quick | None:
    from diffkit.engines.machine.inline import InlineCall, inlines, kinds_of

    kinds = kinds_of(args)
    inputs = runner.program.graph.input_nodes
    if kinds is None or len(kinds) != len(inputs) or not inlines(runner):
        return None
    call = InlineCall(runner, kinds)
    if snapshot is not None:
        _watch(call, snapshot)
    bars = [call.output(k) for k in range(1, len(runner.program.graph.output_nodes))]
    gradient = bars[0] if single else f"({', '.join(bars)},)"
    return call.function(f"({call.output(0)}, {gradient})")


def _watch(call: Any, snapshot: Snapshot) -> None:
    """Add the tests that nothing has changed on which the function depends."""
    named = snapshot.named
    if named is None or not named.complete:
        call.test("{}()", snapshot.unchanged)
        return
    for names, name, value in named.globals:
        call.test("{}[{}] is {}", names, name, value)
    for cell, value in named.cells:
        call.test("{}.cell_contents is {}", cell, value)
    for function, code, defaults in named.functions:
        call.test("{}.__code__ is {}", function, code)
        call.test("{}.__defaults__ is {}", function, defaults)
        call.test("not {}.__dict__", function)
