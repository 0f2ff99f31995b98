"""Running a program: arguments in, one call of the run loop, results out.

A :class:`State` is what one run needs for itself: a workspace, a table of addresses and the place
of small arguments.  States are kept for the next call; two threads that run one program at once
take two states, so they never share memory.

Small arguments are copied to the state, large ones are read where they lie.  Results are copied
out of the state, or, when they are large, written to fresh memory that is theirs alone.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.engines.allocation import ALIGNMENT, aligned
from diffkit.engines.machine.loading import Kernels, kernels
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.program import Program, program_of
from diffkit.engines.machine.words import (
    CODE,
    FIRST_ARGUMENT,
    LITERALS,
    OUTPUTS,
    WORKSPACE,
)
from diffkit.graph.ir import Graph

__all__ = ["State", "machine_runner"]

# Arguments up to this size are copied: finding the address of an array costs more.
COPIED_BYTES = 4096
# Results up to this size together are copied out of the state.
COPIED_RESULTS = 16384


def address_of(array: np.ndarray) -> int:
    """The address of an array's first element."""
    return array.__array_interface__["data"][0]


def aligned_bytes(nbytes: int) -> np.ndarray:
    """Zeroed memory that begins on a cache line."""
    raw = np.zeros(nbytes + ALIGNMENT, np.uint8)
    start = -address_of(raw) % ALIGNMENT
    return raw[start : start + nbytes]


def machine_runner(graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
    """A function from flat input values to the list of flat outputs, as ``interpret.run``.

    Raises
    ------
    EngineError
        When the machine cannot be built.

    >>> import diffkit as dk
    >>> machine_runner(dk.parse("x*y + 1"))([2.0, 3.0])
    [np.float64(7.0)]
    """
    runner = graph.cache.get("machine runner")
    if runner is None:
        runner = graph.cache["machine runner"] = _Runner(program_of(graph), kernels())
    return runner


class State:
    """The memory of one run of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        inputs = program.graph.input_nodes
        avals = [program.graph.columns.avals[node] for node in inputs]
        self.table = np.zeros(FIRST_ARGUMENT + len(inputs), np.int64)
        self.workspace = aligned_bytes(program.workspace)
        self.results = aligned_bytes(max(program.outputs, 1))
        self.table[WORKSPACE] = address_of(self.workspace)
        self.table[CODE] = address_of(program.words)
        self.table[LITERALS] = address_of(program.literals)
        self.table[OUTPUTS] = address_of(self.results)
        self.words = np.array(
            [address_of(program.words), len(program.words), address_of(self.table), 0], np.int64
        )
        self.address = address_of(self.words)
        self.small: list[tuple[int, Any]] = []
        self.large: list[tuple[int, Any]] = []
        self.seen: dict[int, weakref.ref[Any]] = {}
        self.held: dict[int, Any] = {}
        self._place_arguments(avals)
        self.views: dict[int, Any] = {}

    def _place_arguments(self, avals: Sequence[Any]) -> None:
        sizes = [aval.size * aval.dtype.itemsize for aval in avals]
        small = [place for place, size in enumerate(sizes) if size <= COPIED_BYTES]
        starts, end = {}, 0
        for place in small:
            starts[place], end = end, end + aligned(sizes[place])
        self.arguments = aligned_bytes(max(end, 1))
        for place, aval in enumerate(avals):
            if place in starts:
                view = self.arguments[starts[place] : starts[place] + sizes[place]]
                self.small.append((place, view.view(aval.dtype).reshape(aval.shape)))
                self.table[FIRST_ARGUMENT + place] = address_of(view)
            else:
                self.large.append((place, aval))

    def load(self, leaves: Sequence[Any]) -> None:
        """Bring the arguments in."""
        for place, view in self.small:
            view[...] = leaves[place]
        for place, aval in self.large:
            leaf = leaves[place]
            known = self.seen.get(place)
            if known is None or known() is not leaf:
                self._point_at(place, aval, leaf)

    def _point_at(self, place: int, aval: Any, leaf: Any) -> None:
        array = np.require(leaf, aval.dtype, ("C", "A"))
        self.table[FIRST_ARGUMENT + place] = address_of(array)
        self.held[place] = array
        self.seen.pop(place, None)
        if array is leaf:  # its address is known the next time, unless it is another array
            self.seen[place] = weakref.ref(leaf)

    def release(self) -> None:
        """Let go of arguments, so that a state keeps no array of the caller's alive."""
        self.held.clear()

    def array(self, value: Value) -> np.ndarray:
        """The array that a value is, as a view of this state's memory or of an argument."""
        buffer = value.buffer
        base = int(self.table[buffer.slot]) + buffer.offset + value.offset
        interface = {
            "data": (base, False), "shape": value.shape, "strides": value.strides,
            "typestr": value.dtype.str, "version": 3,
        }  # fmt: skip
        return np.asarray(_Memory(interface))


class _Memory:
    """Memory as NumPy's array interface describes it."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


class _Runner:
    """Runs a program on arguments; callable like ``interpret.run``."""

    def __init__(self, program: Program, machine: Kernels) -> None:
        self.program, self.machine = program, machine
        self.states: list[State] = []
        self.copied = program.outputs <= COPIED_RESULTS
        columns = program.graph.columns
        self.finishers = [self._finisher(node, columns) for node in program.graph.output_nodes]

    def __call__(self, leaves: Sequence[Any]) -> list[Any]:
        state = self.states.pop() if self.states else State(self.program)
        try:
            state.load(leaves)
            results = self._results(state)
            self.run(state)
            if self.copied:
                results = results.copy()
            return [finish(results, leaves) for finish in self.finishers]
        finally:
            state.release()
            self.states.append(state)

    def _results(self, state: State) -> np.ndarray:
        if not self.copied:
            state.results = aligned_bytes(self.program.outputs)
            state.table[OUTPUTS] = address_of(state.results)
        return state.results

    def run(self, state: State) -> None:
        """Run the rows, with Python for those that have no kernel."""
        if not self.program.callbacks:
            self.machine.run(state.address)
            return
        end, words = len(self.program.words), state.words
        words[3] = 0
        while True:
            position = self.machine.run(state.address)
            if position >= end:
                break
            self._callback(state, self.program.callbacks[position])
            words[3] = position + int(self.program.words[position + 1])
        words[3] = 0

    def _callback(self, state: State, row: Any) -> None:
        operands = [state.array(value)[()] for value in row.operands]
        with np.errstate(all="ignore"):
            state.array(row.result)[...] = row.function(*operands)

    def _finisher(self, node: int, columns: Any) -> Callable[[np.ndarray, Sequence[Any]], Any]:
        aval = columns.avals[node]
        value = self.program.wanted[node]
        start = value.buffer.offset
        end = start + aval.size * aval.dtype.itemsize
        dtype, shape = aval.dtype, aval.shape
        if not shape:
            return lambda results, leaves: results[start:end].view(dtype)[0]
        if len(shape) == 1:
            return lambda results, leaves: results[start:end].view(dtype)
        return lambda results, leaves: results[start:end].view(dtype).reshape(shape)
