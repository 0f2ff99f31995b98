"""Running a program: arguments in, one call of the run loop, results out.

    runner(leaves) → results

This is the general way, which takes arguments of every kind: they are copied or their addresses
compared, one function object is called with one integer, and the results are cut from one array.
Calls that come again are compiled code (``machine/native.py``).  Reading on: ``machine/state.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from diffkit.engines.machine.loading import Kernels, kernels
from diffkit.engines.machine.program import Program
from diffkit.engines.machine.specialising.switching import program_to_run
from diffkit.engines.machine.state import State
from diffkit.engines.machine.words import FOUND_NAN
from diffkit.errors import DiffkitError, EngineError
from diffkit.graph.ir import Graph
from diffkit.graph.sources import place_of

__all__ = ["MachineRunner", "machine_runner"]

# Results up to this size together are copied out of the state.
COPIED_RESULTS = 4096
# Smaller programs, in memory they write and in words, keep the interpreter lock: releasing it
# costs as much as running them.
UNLOCKED_BYTES = 64 * 1024
UNLOCKED_WORDS = 4096


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
        runner = graph.cache["machine runner"] = MachineRunner(program_to_run(graph), kernels())
    return runner


class MachineRunner:
    """Runs a program on arguments; any number of threads may call it at once."""

    def __init__(self, program: Program, machine: Kernels) -> None:
        self.program = program
        memory = program.workspace + program.outputs
        long = memory > UNLOCKED_BYTES or len(program.words) > UNLOCKED_WORDS or program.callbacks
        self.enter = machine.enter_unlocked if long else machine.enter
        self.states: list[State] = []
        self.copied = program.outputs <= COPIED_RESULTS
        self.cut = _cutter(program)

    def __call__(self, leaves: Sequence[Any]) -> list[Any]:
        return self.cut(self.flat(leaves)[0])

    def flat(self, leaves: Sequence[Any]) -> tuple[np.ndarray, bool]:
        """All results in one array (with gaps of zeros), and whether one is not finite.

        The array has the dtype that the results share; where they share none, it is bytes.
        """
        state = self.state()
        try:
            state.load(leaves)
            found = state.typed if self.copied else state.fresh_results().typed
            position = self._run(state)
            if position < FOUND_NAN:
                self._refuse(leaves)
            return (found.copy() if self.copied else found), position < 0
        finally:
            state.held.clear()
            self.states.append(state)

    def _refuse(self, leaves: Sequence[Any]) -> None:
        """Have the interpreter say which index is out of range, or which matrix is singular."""
        from diffkit.engines.interpret import run

        run(self.program.graph, leaves)
        raise EngineError(
            "an index array of the graph has numbers out of range, or a matrix is singular up to "
            "rounding",
            hint='engine="interpret" computes it with NumPy.',
        )

    def state(self) -> State:
        """A state that nobody else uses."""
        try:
            return self.states.pop()
        except IndexError:
            return State(self.program)

    def _run(self, state: State) -> int:
        """Run the rows, with Python for those that have no kernel."""
        program, words = self.program, state.words
        if not program.callbacks:
            return self.enter(state.address)
        end, words[3] = len(program.words), 0
        try:
            while 0 <= (position := self.enter(state.address)) < end:
                row = program.callbacks[position]
                operands = [state.array(value)[()] for value in row.operands]
                try:
                    with np.errstate(all="ignore"):
                        state.array(row.result)[...] = row.function(*operands)
                except DiffkitError as error:
                    sources = program.graph.columns.sources
                    error.where = error.where or place_of(sources[row.node]) or None
                    raise
                words[3] = position + int(program.words[position + 1])
        finally:
            words[3] = 0
        return position


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
