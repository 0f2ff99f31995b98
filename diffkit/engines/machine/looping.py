"""A loop over steps as one program: what is carried, what moves on, and what stops it.

    (carried, scalars of the step, batch)  →  (carried, gradients, numbers on record)

The graph of one step becomes rows like any other graph, with rows around it that gather the batch
and look at the result (``kernels/looping.py``).  What is carried has two blocks of memory, before
and after the step, which change places: nothing is copied between steps, and when a step fails,
the values before it are still there.

Reading on: ``machine/program.py``; ``jax.lax.scan``, where a whole training is one program too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.engines.allocation import ALIGNMENT, aligned
from diffkit.engines.machine.builder import Builder, Callback, Row
from diffkit.engines.machine.loading import kernels
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.passes import fitted
from diffkit.engines.machine.program import Program, assembled
from diffkit.engines.machine.state import address_of
from diffkit.engines.machine.words import CODE, FIRST_ARGUMENT, LITERALS, WORKSPACE
from diffkit.graph.ir import Graph

__all__ = ["Carry", "StepForm", "StepLoop", "StepProgram", "step_program"]

# Slots of the table of addresses, behind those that every program has.
(BEFORE, AFTER, SCALARS, ORDER, HISTORY, GRADIENTS, FLAG, FIRST_DATA) = range(
    FIRST_ARGUMENT, FIRST_ARGUMENT + 8
)
WORD = 8  # bytes; every number on record has one

# IEEE 754: the bits of the exponent, its last bit and the sign, for one number of 8 bytes or two
# of 4 bytes in a word.  Signed, as kernels read them.
_MASKS = {
    8: (0x7FF0_0000_0000_0000, 0x0010_0000_0000_0000, -0x8000_0000_0000_0000),
    4: (0x7F80_0000_7F80_0000, 0x0080_0000_0080_0000, -0x7FFF_FFFF_8000_0000),
}
# Words of a loop's state that this module reads and writes (kernels/looping.py).
_STEP, _LAST = 4, 5
_UNKNOWN = -1.0  # a bound that the first step will set


@dataclass(frozen=True)
class StepForm:
    """What the inputs and outputs of a step are, by their number and in this order.

    Inputs are ``carried`` arrays, ``scalars`` and arrays of the batch; outputs are the carried
    arrays, ``gradients`` and scalars to be recorded, the first of which is the loss.  The first
    ``parameters`` carried arrays must stay finite, and with ``guarded`` the gradients, too.
    ``whole`` says that every batch is all data, in order.
    """

    carried: int
    parameters: int
    scalars: int
    gradients: int
    whole: bool
    guarded: bool


class _Block:
    """Zeroed memory that begins on a cache line, and its address."""

    __slots__ = ("address", "memory")

    def __init__(self, nbytes: int) -> None:
        raw = np.zeros(nbytes + ALIGNMENT, np.uint8)
        start = -address_of(raw) % ALIGNMENT
        self.memory = raw[start : start + nbytes]
        self.address = address_of(raw) + start


class Carry:
    """The carried arrays of a loop, in two blocks of memory that change places.

    Loops over steps of several forms (a smaller last batch, say) share one carry.
    """

    def __init__(self, leaves: Sequence[Any]) -> None:
        self.avals = [(np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves]
        self.starts, nbytes = _places(self.avals)
        self.blocks = (_Block(nbytes), _Block(nbytes))
        self.views = [_views(block, self.avals, self.starts) for block in self.blocks]
        self.side = 0  # the block that holds the present values
        for leaf, place in zip(leaves, self.present(), strict=True):
            place[...] = leaf

    def present(self) -> list[np.ndarray]:
        """The arrays after the last step that was done, as views that the next step changes."""
        return self.views[self.side]

    def other(self) -> list[np.ndarray]:
        """The arrays in the other block: what a step that failed has made."""
        return self.views[1 - self.side]


def _places(avals: Sequence[tuple[tuple[int, ...], Any]]) -> tuple[list[int], int]:
    """Where arrays begin when they lie one after the other, and where they end."""
    starts, end = [], 0
    for shape, dtype in avals:
        starts.append(end)
        end += aligned(int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)
    return starts, end


def _views(block: _Block, avals: Sequence[Any], starts: Sequence[int]) -> list[np.ndarray]:
    found = []
    for start, (shape, dtype) in zip(starts, avals, strict=True):
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        found.append(block.memory[start : start + size].view(dtype).reshape(shape))
    return found


class _StepBuilder(Builder):
    """The rows of one step: gather, the graph of the step, and what looks at the result."""

    def __init__(self, graph: Graph, form: StepForm) -> None:
        self.form = form
        self.again: list[tuple[int, Value]] = []  # outputs that have a place already
        super().__init__(graph)
        batch = len(graph.input_nodes) - form.carried - form.scalars
        self.free_slot = self.most_slots = FIRST_DATA + batch

    def _avals(self, nodes: Sequence[int]) -> list[tuple[tuple[int, ...], Any]]:
        avals = self.columns.avals
        return [(avals[node].shape, avals[node].dtype) for node in nodes]

    def _block(self, slot: int, nodes: Sequence[int]) -> list[Value]:
        """Values one after the other in the memory of a slot."""
        pairs = self._avals(nodes)
        return [_placed(slot, start, *pair)
                for start, pair in zip(_places(pairs)[0], pairs, strict=True)]  # fmt: skip

    def _wanted_outputs(self) -> dict[int, Value]:
        """Every output where it belongs: carried on, checked, or recorded."""
        nodes, first = self.graph.output_nodes, self.form.carried
        last = first + self.form.gradients
        values = self._block(AFTER, nodes[:first]) + self._block(GRADIENTS, nodes[first:last])
        values += [_placed(HISTORY, WORD * k, *pair)
                   for k, pair in enumerate(self._avals(nodes[last:]))]  # fmt: skip
        found: dict[int, Value] = {}
        for node, value in zip(nodes, values, strict=True):
            if found.setdefault(node, value) is not value:
                self.again.append((node, value))
        return found

    def _inputs_and_literals(self) -> None:
        super()._inputs_and_literals()
        nodes, form = self.graph.input_nodes, self.form
        self.state.update(
            zip(nodes[: form.carried], self._block(BEFORE, nodes[: form.carried]), strict=True)
        )
        batch = nodes[form.carried + form.scalars :]
        for k, node in enumerate(nodes[form.carried : form.carried + form.scalars]):
            ((shape, dtype),) = self._avals([node])
            self.state[node] = _placed(SCALARS, k * dtype.itemsize, shape, dtype)
        for place, node in enumerate(batch):
            self.state[node] = self._batch(FIRST_DATA + place, node)

    def _batch(self, slot: int, node: int) -> Value:
        """The rows of a batch, gathered unless they are all rows in order."""
        ((shape, dtype),) = self._avals([node])
        if self.form.whole:
            return _placed(slot, 0, shape, dtype)
        target, count = self.temporary(shape, dtype), shape[0]
        size = target.buffer.nbytes // count
        self.row("gather_rows", _word_at(ORDER, 0), _word_at(slot, 0), target, count, size)
        return target

    def build(self) -> list[Row | Callback]:
        """All rows of a step."""
        super().build()
        for node, value in self.again:
            self.copy(self.numbers(node), value)
        form, outputs = self.form, self.graph.output_nodes
        last = form.carried + form.gradients
        self._check(AFTER, outputs[: form.parameters])
        if form.guarded:
            self._check(GRADIENTS, outputs[form.carried : last])
        loss = _placed(HISTORY, 0, *self._avals(outputs[last : last + 1])[0])
        self.row(f"check_bound_{loss.width}", _word_at(FLAG, 0), loss)
        return self.rows

    def _check(self, slot: int, nodes: Sequence[int]) -> None:
        """A row that looks for numbers that are not finite; gaps between arrays hold zeros."""
        avals = self._avals(nodes)
        nbytes = _places(avals)[1]
        masks = _MASKS[avals[0][1].itemsize]
        self.row("check_finite", _word_at(FLAG, 0), _word_at(slot, 0), nbytes // WORD, *masks)


def _placed(slot: int, offset: int, shape: tuple[int, ...], dtype: Any) -> Value:
    """A dense array at an offset of a slot's memory."""
    buffer = Buffer(slot, int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize, offset)
    return Value.dense(buffer, shape, dtype)


def _word_at(slot: int, offset: int) -> Value:
    return _placed(slot, offset, (), np.int64)


@dataclass(frozen=True, slots=True)
class StepProgram:
    """The program of a step, with its form and the number of its recorded scalars."""

    program: Program
    form: StepForm
    recorded: tuple[Any, ...]  # their dtypes
    scalar_bytes: int
    gradients: tuple[tuple[tuple[int, ...], Any], ...]


def step_program(graph: Graph, form: StepForm) -> StepProgram | None:
    """The program of a step, or None where an operation has no kernel.

    Raises
    ------
    EngineError
        When the machine cannot be built.
    """
    graph = fitted(graph)
    builder = _StepBuilder(graph, form)
    program = assembled(builder)
    if program.callbacks or program.may_refuse:
        return None
    last = form.carried + form.gradients
    scalars = graph.input_nodes[form.carried : form.carried + form.scalars]
    nbytes = sum(dtype.itemsize for _, dtype in builder._avals(scalars))
    recorded = tuple(dtype for _, dtype in builder._avals(graph.output_nodes[last:]))
    gradients = tuple(builder._avals(graph.output_nodes[form.carried : last]))
    return StepProgram(program, form, recorded, nbytes, gradients)


class StepLoop:
    """A step program with memory of its own; runs many steps in one call.

    ``data`` are the arrays whose rows make the batches, ``flag`` the memory where a failed step
    is marked; loops of one training share it with the carry.
    """

    def __init__(
        self, step: StepProgram, carry: Carry, data: Sequence[np.ndarray], flag: Flag
    ) -> None:
        self.step, self.carry, self.flag, self.data = step, carry, flag, data
        program = step.program
        self.workspace = _Block(program.workspace)
        starts, nbytes = _places(step.gradients)
        self.memory, self.starts = _Block(nbytes), starts
        table = self.table = np.zeros(program.slots, np.int64)
        table[WORKSPACE], table[CODE] = self.workspace.address, address_of(program.words)
        table[LITERALS], table[GRADIENTS] = address_of(program.literals), self.memory.address
        table[FLAG] = flag.address
        table[FIRST_DATA : FIRST_DATA + len(data)] = [address_of(array) for array in data]
        self.words = self._words()
        self.enter: Callable[[int], int] = _entry()

    def _words(self) -> np.ndarray:
        program, form = self.step.program, self.step.form
        rows = program.graph.columns.avals[program.graph.input_nodes[-1]].shape
        moving = [(SCALARS, self.step.scalar_bytes), (HISTORY, WORD * len(self.step.recorded))]
        moving += [] if form.whole else [(ORDER, WORD * rows[0])]
        head = [address_of(program.words), len(program.words), address_of(self.table), 0, 0, 0,
                self.flag.address, BEFORE, AFTER, len(moving)]  # fmt: skip
        return np.array([*head, *(number for pair in moving for number in pair)], np.int64)

    def prepare(self, order: np.ndarray, scalars: np.ndarray) -> None:
        """Get ready for one step per row of ``order``.

        ``order`` are row numbers (steps, batch), ``scalars`` the numbers of each step (steps,
        scalars).
        """
        self.words[_STEP] = 0
        self.words[_LAST] = len(order)
        self.start = self.carry.side
        self.order = np.ascontiguousarray(order, np.int64)
        self.scalars = np.ascontiguousarray(scalars)
        self.history = np.zeros((len(order), len(self.step.recorded)), np.int64)
        blocks, table = self.carry.blocks, self.table
        table[BEFORE], table[AFTER] = blocks[self.start].address, blocks[1 - self.start].address
        table[SCALARS], table[ORDER] = address_of(self.scalars), address_of(self.order)
        table[HISTORY] = address_of(self.history)

    def run(self) -> None:
        """Run the steps, up to the last or the first that fails."""
        self.enter(address_of(self.words))

    def done(self) -> int:
        """The number of steps done since ``prepare``; the carry is turned to the last of them.

        It may be asked any number of times, and after an interruption too.
        """
        done = int(self.words[_STEP])
        self.carry.side = self.start ^ (done & 1)
        return done

    def record(self, steps: int) -> list[list[float]]:
        """The recorded numbers, one list per kind, of the first steps."""
        found = []
        for place, dtype in enumerate(self.step.recorded):
            share = WORD // dtype.itemsize
            found.append(self.history.view(dtype)[:steps, place * share].tolist())
        return found

    def last_loss(self) -> float:
        """The loss of the step behind those that are done: the one that failed."""
        dtype = self.step.recorded[0]
        return float(self.history.view(dtype)[self.done(), 0])

    def gradients(self) -> list[np.ndarray]:
        """The gradients of the last step."""
        return [view.copy() for view in _views(self.memory, self.step.gradients, self.starts)]


class Flag:
    """Where a failed step is marked, with the bound that no loss may pass.

    The bound is ``factor`` times the first loss, or the factor itself if that is larger.
    """

    def __init__(self, factor: float) -> None:
        self.words = np.zeros(3, np.int64)
        self.words.view(float)[1:] = _UNKNOWN, factor
        self.address = address_of(self.words)

    def set_first(self, loss: float) -> None:
        """Set the bound as a first step with this loss does; for a loop that goes on."""
        bound = self.words.view(float)[1:]
        bound[0] = bound[1] * max(1.0, abs(loss))

    @property
    def raised(self) -> bool:
        """Whether a step has failed."""
        return bool(self.words[0])


_ENTRIES: list[Callable[[int], int]] = []


def _entry() -> Callable[[int], int]:
    """The loop over steps; other threads go on while it runs."""
    if not _ENTRIES:
        address = kernels().address["run_steps"]
        _ENTRIES.append(ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address))
    return _ENTRIES[0]
