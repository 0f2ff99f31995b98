"""The quick way for a call that looks like an earlier one.

A general call sorts its arguments, finds the graph that is valid for them, runs it and puts the
results into the tree of the arguments.  When the same function is called again with arrays of the
same shapes and dtypes, all of that is known; what remains is to look whether it is really so:

* every argument has the type, shape and dtype of the earlier one,
* nothing that the function depends on has changed (``differentiate/watching.py``),
* the arguments pass the checks that the function makes of them (``capture/demands.py``),
* every result is finite; if one is not, the general way runs again and says where it was born.

This is what a compiler's inline cache does (Deutsch & Schiffman 1984).  The call itself is
compiled code (``engines/machine/native.py``); where that is impossible, and for arrays in another
order, it is written out in Python (``engines/machine/inline.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.demands import Demands, demands_of
from diffkit.capture.trees import flatten, unflatten
from diffkit.differentiate.function import Function
from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.watching import Snapshot
from diffkit.engines.calling import PROGRAM_RUNNERS, chosen_engine
from diffkit.graph.ir import Graph

__all__ = ["QuickGradients", "kinds_in"]

# Kinds of call that are remembered per function.
MOST_ENTRIES = 4

Quick = Callable[..., Any]


class QuickGradients:
    """Remembered calls of a function that returns value and gradient, in reverse mode.

    Every one of ``calls`` is called as the function itself; it returns None for arguments that
    are not its own, and where something has changed.
    """

    def __init__(self, function: Function, argnums: Any, engine: str) -> None:
        self.function = function
        self.single = argnums is None or not isinstance(argnums, Sequence)
        self.usable = engine in ("auto", "machine", "specialise")
        self.engine = engine
        self.calls: list[Quick] = []
        self.known: list[tuple[Graph, Any, Quick]] = []

    def remember(
        self, args: tuple[Any, ...], graph: Graph, wrt: Sequence[int], shaped: Callable[..., Any]
    ) -> None:
        """Keep a call that went the general way, if it can be repeated quickly.

        ``shaped`` gives the derivatives by the leaves ``wrt`` the tree of the arguments.
        """
        if not self.usable or graph.guards:
            return
        # "auto" stands for the machine or, until that is built, for an engine without runner
        place = PROGRAM_RUNNERS.get(chosen_engine(self.engine), "")
        runner = gradient_graph(graph, tuple(wrt)).cache.get(place)
        snapshot = self._snapshot(graph)
        if runner is None or snapshot is False or graph.keywords:
            return
        key = graph, kinds_in(args)
        if self._is_known(*key):
            return
        result = (0, shaped(range(1, 1 + len(wrt))))
        call = _native(args, runner, snapshot, result) or self._inlined(args, runner, snapshot)
        if call is not None:
            demands = demands_of(graph)
            checked = call if demands is None else _demanding(call, demands, args)
            self.known[:] = [(*key, call), *self.known][:MOST_ENTRIES]
            self.calls[:] = [checked, *self.calls][:MOST_ENTRIES]

    def _is_known(self, graph: Graph, kinds: Any) -> bool:
        """Whether such a call is remembered, and not only taken by another thread right now."""
        from diffkit.engines.machine.native import is_busy

        same = [call for g, own, call in self.known if g is graph and own == kinds]
        return any(not is_busy(call) for call in same) or len(same) == MOST_ENTRIES

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
        self, args: tuple[Any, ...], runner: Any, snapshot: Snapshot | None
    ) -> Quick | None:
        from diffkit.engines.machine.inline import InlineCall, inlines, kinds_of

        kinds = kinds_of(args)
        inputs = runner.program.graph.input_nodes
        if kinds is None or len(kinds) != len(inputs) or not inlines(runner):
            return None
        call = InlineCall(runner, kinds)
        if snapshot is not None:
            _watch_inline(call, snapshot)
        bars = [call.output(k) for k in range(1, len(runner.program.graph.output_nodes))]
        gradient = bars[0] if self.single else f"({', '.join(bars)},)"
        return _forgiving(call.function(f"({call.output(0)}, {gradient})"))


def kinds_in(args: tuple[Any, ...]) -> Any:
    """What tells calls apart: the tree of the arguments, and type, shape, dtype and order of each.

    >>> kinds_in((1.0,)) == kinds_in((2.0,)), kinds_in((1.0,)) == kinds_in((np.ones(2),))
    (True, False)
    """
    leaves, structure = flatten(args)
    kinds: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, np.ndarray):
            flags = leaf.flags
            kinds.append((leaf.shape, leaf.dtype, flags.c_contiguous, flags.aligned))
        kinds.append(type(leaf))
    return structure, tuple(kinds)


def _forgiving(inline: Callable[[tuple[Any, ...]], Any]) -> Quick:
    """A call that is written out, as one that takes any arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return None if kwargs else inline(args)
        except (ValueError, LookupError):  # another number of arguments; a name that is gone
            return None

    return call


def _demanding(call: Quick, demands: Demands, args: tuple[Any, ...]) -> Quick:
    """A call that leaves arguments which do not pass the function's checks to the general way."""
    flat = all(isinstance(leaf, (np.ndarray, np.generic, int, float)) for leaf in args)

    def checked(*args: Any, **kwargs: Any) -> Any:
        answer = call(*args, **kwargs)
        if answer is None:  # these arguments are of another kind, and cannot be looked at
            return None
        return answer if demands.hold(args if flat else flatten(args)[0]) else None

    return checked


def _native(
    args: tuple[Any, ...], runner: Any, snapshot: Snapshot | None, result: Any
) -> Quick | None:
    from diffkit.engines.machine.native import NativeCall, is_native, kind_of
    from diffkit.engines.machine.native_trees import is_plain

    leaves, structure = flatten(args)
    avals = [runner.program.graph.columns.avals[n] for n in runner.program.graph.input_nodes]
    sample = unflatten(structure, range(len(leaves)))
    plain = is_plain(sample) and is_plain(result) and len(leaves) == len(avals)
    if not plain or not runner.program.is_checked or not is_native(runner):
        return None
    kinds = [kind_of(leaf) for leaf in leaves]
    for kind, aval in zip(kinds, avals, strict=True):
        if kind is None or kind[1:] != (aval.shape, aval.dtype):
            return None
    call = NativeCall(runner, sample, [[kind] for kind in kinds if kind is not None])
    if snapshot is not None:
        _watch(call, snapshot)
    return call.function(result)


def _watch(call: Any, snapshot: Snapshot) -> None:
    """Have compiled code look whether anything has changed on which the function depends."""
    named = snapshot.named
    if named is None or not named.complete:
        call.watch(snapshot.unchanged)
        return
    for names, name, value in named.globals:
        call.watch_global(names, name, value)
    for cell, value in named.cells:
        call.watch_cell(cell, value)
    for function, code, defaults in named.functions:
        call.watch_function(function, code, defaults)


def _watch_inline(call: Any, snapshot: Snapshot) -> None:
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
