"""Running a program: arguments in, one call of the run loop, results out.

    runner(leaves) → results

What a call costs besides the arithmetic is a few hundred nanoseconds: arguments are copied or
their addresses compared, one function object is called with one integer, and the results are cut
from one array.  Reading on: ``machine/state.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from diffkit.engines.machine.loading import Kernels, kernels
from diffkit.engines.machine.program import Program, program_of
from diffkit.engines.machine.state import ResultBuffer, State
from diffkit.graph.ir import Graph

__all__ = ["MachineRunner", "machine_runner"]

# Results up to this size together are copied out of the state.
COPIED_RESULTS = 4096
# Programs with fewer declared operations keep the interpreter lock: releasing it costs as much.
UNLOCKED_FLOPS = 20_000


def machine_runner(graph: Graph) -> MachineRunner:
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
        runner = graph.cache["machine runner"] = MachineRunner(program_of(graph), kernels())
    return runner


class MachineRunner:
    """Runs a program on arguments; any number of threads may call it at once."""

    def __init__(self, program: Program, machine: Kernels) -> None:
        self.program = program
        long = program.graph.flops() > UNLOCKED_FLOPS or bool(program.callbacks)
        self.enter = machine.enter_unlocked if long else machine.enter
        self.states: list[State] = []
        self.copied = program.outputs <= COPIED_RESULTS
        self.cut = _cutter(program)
        dtypes = {value.dtype for value in program.wanted.values()}
        self.dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.uint8)
        self.floats = self.dtype.kind == "f"

    def __call__(self, leaves: Sequence[Any]) -> list[Any]:
        return self.cut(self.flat(leaves))

    def flat(self, leaves: Sequence[Any]) -> np.ndarray:
        """All results in one array (with gaps of zeros), in the dtype they share or as bytes."""
        try:
            state = self.states.pop()
        except IndexError:
            state = State(self.program)
        try:
            state.load(leaves)
            buffer = state.results[0] if self.copied else state.results_for(leaves)
            if self.program.callbacks:
                self._with_callbacks(state)
            else:
                self.enter(state.address)
            found = self._typed(buffer)
        finally:
            if state.held:
                state.held.clear()
            self.states.append(state)
        return found

    def _typed(self, buffer: ResultBuffer) -> np.ndarray:
        found = buffer.raw[buffer.start : buffer.stop]
        found = found.copy() if self.copied else found
        return found.view(self.dtype)

    def _with_callbacks(self, state: State) -> None:
        """Run the rows, with Python for those that have no kernel."""
        program, words = self.program, state.words
        end, words[3] = len(program.words), 0
        try:
            while (position := self.enter(state.address)) < end:
                row = program.callbacks[position]
                operands = [state.array(value)[()] for value in row.operands]
                with np.errstate(all="ignore"):
                    state.array(row.result)[...] = row.function(*operands)
                words[3] = position + int(program.words[position + 1])
        finally:
            words[3] = 0


def _cutter(program: Program) -> Callable[[np.ndarray], list[Any]]:
    """A function that cuts the outputs of a graph from the array of all results."""
    values = [program.wanted[node] for node in program.graph.output_nodes]
    dtypes = {value.dtype for value in values}
    if len(dtypes) > 1 or not values:
        return _general_cutter(values)
    item = values[0].dtype.itemsize
    parts: list[Any] = []
    for value in values:
        start = value.buffer.offset // item
        parts.append(slice(start, start + value.size) if value.shape else start)
    shapes = [(k, value.shape) for k, value in enumerate(values) if len(value.shape) > 1]
    get = itemgetter(*parts)
    single = len(parts) == 1

    def cut(flat: np.ndarray) -> list[Any]:
        found = [get(flat)] if single else list(get(flat))
        for k, shape in shapes:
            found[k] = found[k].reshape(shape)
        return found

    return cut


def _general_cutter(values: Sequence[Any]) -> Callable[[np.ndarray], list[Any]]:
    """The same for outputs of several dtypes."""

    def cut(flat: np.ndarray) -> list[Any]:
        found = []
        for value in values:
            start = value.buffer.offset
            part = flat[start : start + value.size * value.dtype.itemsize]
            found.append(part.view(value.dtype).reshape(value.shape)[()])
        return found

    return cut
