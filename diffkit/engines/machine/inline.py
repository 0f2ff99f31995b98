"""Inline calls: a function made for one program and one kind of arguments.

Calls are compiled code where that is possible (``machine/native.py``).  Where it is not, and for
arrays in another order or of another dtype than at capture, they are functions of Python.  The
general way through a call loops over arguments, tests and results; here these loops are written
out,

    def call(args):
        a0, a1 = args
        if not (type(a0) is K0 and a0.shape == S0 and a0.dtype is D0 and …):  return None
        v0[...] = a0                          # small arguments go to the program's memory
        position = enter(address)             # one call into compiled code
        flat = copy()
        return flat[0], flat[8:18]

and nothing else happens (an inline cache: Deutsch & Schiffman 1984; template text as in
``dataclasses`` and ``namedtuple``).  The text is made of numbers counted here; no name or value of
the user's is ever part of it.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from diffkit.capture.trees import structure_of, unflatten
from diffkit.engines.machine.running import MachineRunner
from diffkit.engines.machine.state import State
from diffkit.graph.ir import Graph

__all__ = ["InlineCall", "inlined_graph", "inlines", "kinds_of"]

SCALARS = (float, np.float64)


def kinds_of(args: Sequence[Any]) -> tuple[Any, ...] | None:
    """Type, shape and dtype of every argument; None where an argument cannot be inlined."""
    kinds: list[Any] = []
    for argument in args:
        kind = type(argument)
        if kind in SCALARS:
            kinds.append((kind, None, None))
        elif kind is np.ndarray and argument.dtype.isnative:
            kinds.append((kind, argument.shape, argument.dtype))
        else:
            return None
    return tuple(kinds)


class InlineCall:
    """The text of a call while it is put together, and what its names stand for."""

    def __init__(self, runner: MachineRunner, kinds: tuple[Any, ...]) -> None:
        self.runner, self.kinds = runner, kinds
        self.tests: list[str] = []
        self.scope: dict[str, Any] = {
            "pop": runner.states.pop, "push": runner.states.append, "enter": runner.enter,
            "new": lambda: State(runner.program),
        }  # fmt: skip
        for k, (kind, shape, dtype) in enumerate(kinds):
            if kind is not None:
                self.test(f"type(a{k}) is {{}}", kind)
            if shape is not None:
                self.test(f"a{k}.shape == {{}}", shape)
                self.test(f"a{k}.dtype is {{}}", dtype)

    def name(self, value: Any) -> str:
        """A name for an object."""
        name = f"n{len(self.scope)}"
        self.scope[name] = value
        return name

    def test(self, expression: str, *values: Any) -> None:
        """Add a condition; ``{}`` in it stands for objects."""
        self.tests.append(expression.format(*map(self.name, values)))

    def output(self, place: int) -> str:
        """The expression that cuts an output of the graph from ``flat``."""
        program = self.runner.program
        value = program.wanted[program.graph.output_nodes[place]]
        start = value.buffer.offset // value.dtype.itemsize
        if not value.shape:
            return f"flat[{start}]"
        cut = f"flat[{start}:{start + value.size}]"
        return cut if len(value.shape) == 1 else f"{cut}.reshape({self.name(value.shape)})"

    def function(self, result: str) -> Callable[[tuple[Any, ...]], Any]:
        """The call; ``result`` is an expression made of :meth:`output`."""
        text = "\n".join(["def call(args):", *(f"    {line}" for line in self._lines(result)), ""])
        filename = f"<diffkit call {id(self.runner)}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), self.scope)  # made of numbers counted here
        return self.scope["call"]

    def _lines(self, result: str) -> list[str]:
        state = self.runner.state()
        self.runner.states.append(state)
        lines = [f"{''.join(f'a{k}, ' for k in range(len(self.kinds)))}= args"]
        if self.tests:
            lines += [f"if not ({' and '.join(self.tests)}):", "    return None"]
        lines += ["try:", "    state = pop()", "except IndexError:", "    state = new()"]
        if state.small:
            lines.append("views = state.views")
        lines += [f"views[{i}][...] = a{place}" for i, (place, _) in enumerate(state.small)]
        if state.large:
            lines.append("state.load_large(args)")
        lines += self._run(state)
        # another thread may take the state from here on: the results are out of it
        return [*lines, "push(state)", f"return None if position < 0 else {result}"]

    def _run(self, state: State) -> list[str]:
        if self.runner.copied:
            lines = ["position = enter(state.address)", "flat = state.typed.copy()"]
        else:
            lines = ["flat = state.fresh_results().typed", "position = enter(state.address)"]
        return [*lines, "state.held.clear()"] if state.large else lines


def inlines(runner: MachineRunner) -> bool:
    """Whether calls of a program can be written out."""
    program = runner.program
    return program.is_checked and not program.callbacks and bool(program.graph.input_nodes)


def inlined_graph(
    graph: Graph, runner: MachineRunner, general: Callable[..., Any]
) -> Callable[..., Any] | None:
    """A graph as a function of flat arguments, or None where it takes trees or cannot be inlined.

    ``runner`` runs its program.  Arguments of another kind than those of the capture go to
    ``general``.
    """
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    if not inlines(runner) or not _is_flat(graph):
        return None
    kinds = tuple(
        (np.ndarray, aval.shape, aval.dtype) if aval.shape else (None, None, None) for aval in avals
    )
    call = InlineCall(runner, kinds)
    scalars = [k for k, aval in enumerate(avals) if not aval.shape]
    for k in scalars:
        is_array = f"type(a{k}) is {{}} and a{k}.shape == () and a{k}.dtype is {{}}"
        test = f"(type(a{k}) is {{}} or type(a{k}) is {{}} or {is_array})"
        call.test(test, *SCALARS, np.ndarray, avals[k].dtype)
    outputs = [call.output(k) for k in range(len(graph.output_nodes))]
    if graph.out_tree is None:
        result = outputs[0] if len(outputs) == 1 else f"({', '.join(outputs)})"
    else:
        result = _nested(graph.out_tree, iter(outputs))
    if result is None:
        rebuild = call.name(partial(unflatten, graph.out_tree))
        result = f"{rebuild}([{', '.join(outputs)}])"
    quick = call.function(result)

    def bound(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == len(kinds):
            answer = quick(args)
            if answer is not None:
                return answer
        return general(*args, **kwargs)

    return bound


def _nested(structure: Any, outputs: Iterator[str]) -> str | None:
    """A tree of tuples and lists as an expression; None where it has other nodes."""
    if structure.is_leaf():
        return next(outputs)
    if structure.type not in (tuple, list):
        return None
    parts = [_nested(child, outputs) for child in structure.children()]
    if None in parts:
        return None
    text = "".join(f"{part}, " for part in parts)
    return f"({text})" if structure.type is tuple else f"[{text}]"


def _is_flat(graph: Graph) -> bool:
    """Whether the arguments are the leaves themselves."""
    if graph.keywords or graph.in_tree is None:
        return True
    count = len(graph.input_nodes)
    return graph.in_tree == structure_of(((0.0,) * count, {}))
