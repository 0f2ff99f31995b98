"""What one run of a program needs for itself: a workspace, a table of addresses, its arguments.

Two threads that run one program at once take two states, so they never share memory.  Small
arguments are copied to the state; large ones are read where they lie, and their addresses are
remembered as long as the same array comes again.

Results are written to one buffer.  When nobody holds a result of an earlier call any more, its
buffer is used again (its reference count says so), which saves the operating system handing out
and clearing new pages.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.engines.allocation import ALIGNMENT, aligned
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.program import Program
from diffkit.engines.machine.words import CODE, FIRST_ARGUMENT, LITERALS, OUTPUTS, WORKSPACE

__all__ = ["ResultBuffer", "State", "address_of"]

# Arguments up to this size are copied: finding the address of an array costs more.
COPIED_BYTES = 4096
# References to a buffer that are the library's own: the attribute, the argument of the count, and
# the typed view.
_OWN_REFERENCES = 3


def address_of(array: np.ndarray) -> int:
    """The address of an array's first element."""
    return array.__array_interface__["data"][0]


class ResultBuffer:
    """Memory for the results of a call, and its address."""

    __slots__ = ("address", "raw", "typed")

    def __init__(self, nbytes: int, dtype: Any = np.uint8) -> None:
        self.raw = np.zeros(nbytes + ALIGNMENT, np.uint8)
        start = -address_of(self.raw) % ALIGNMENT
        self.typed = self.raw[start : start + nbytes].view(dtype)
        self.address = address_of(self.raw) + start

    @property
    def is_free(self) -> bool:
        """Whether nobody holds a view of it: every view counts as a reference to its owner."""
        return sys.getrefcount(self.raw) == _OWN_REFERENCES


class State:
    """The memory of one run of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        inputs = program.graph.input_nodes
        avals = [program.graph.columns.avals[node] for node in inputs]
        self.table = np.zeros(program.slots, np.int64)
        self.workspace = ResultBuffer(program.workspace)
        self.results = [ResultBuffer(program.outputs, program.dtype)]
        self.typed = self.results[0].typed
        self.table[WORKSPACE] = self.workspace.address
        self.table[CODE] = address_of(program.words)
        self.table[LITERALS] = address_of(program.literals)
        self.table[OUTPUTS] = self.results[0].address
        self.words = np.array(
            [address_of(program.words), len(program.words), address_of(self.table), 0], np.int64
        )
        self.address = address_of(self.words)
        self.small: list[tuple[int, Any]] = []
        self.large: list[tuple[int, Any]] = []
        self.seen: dict[int, Any] = {}
        self.held: list[Any] = []
        self._place_arguments(avals)
        self.views = [view for _, view in self.small]

    def _place_arguments(self, avals: Sequence[Any]) -> None:
        sizes = [aval.size * aval.dtype.itemsize for aval in avals]
        total = sum(aligned(size) for size in sizes if size <= COPIED_BYTES)
        self.arguments = ResultBuffer(total)
        memory, end = self.arguments.typed, 0
        for place, (aval, size) in enumerate(zip(avals, sizes, strict=True)):
            if size > COPIED_BYTES:
                self.large.append((place, aval.dtype))
                continue
            view = memory[end : end + size].view(aval.dtype).reshape(aval.shape)
            self.small.append((place, view))
            self.table[FIRST_ARGUMENT + place] = self.arguments.address + end
            end += aligned(size)

    def load(self, leaves: Sequence[Any]) -> None:
        """Bring the arguments in."""
        for place, view in self.small:
            view[...] = leaves[place]
        if self.large:
            self.load_large(leaves)

    def load_large(self, leaves: Sequence[Any]) -> None:
        """Bring in the arguments that are read where they lie."""
        for place, dtype in self.large:
            leaf = leaves[place]
            known = self.seen.get(place)
            if known is None or known() is not leaf:
                self._point_at(place, dtype, leaf)

    def _point_at(self, place: int, dtype: Any, leaf: Any) -> None:
        array = np.require(leaf, dtype, ("C", "A"))
        self.table[FIRST_ARGUMENT + place] = address_of(array)
        self.seen.pop(place, None)
        if array is leaf:
            # The address is known the next time.  An array with a weak reference to it cannot be
            # resized in place; its memory goes only when it goes.
            self.seen[place] = weakref.ref(leaf)
        else:
            self.held.append(array)

    def fresh_results(self) -> ResultBuffer:
        """A buffer for results that nobody else holds."""
        for buffer in self.results:
            if buffer.is_free:
                break
        else:
            buffer = ResultBuffer(self.program.outputs, self.program.dtype)
            self.results = [buffer, *self.results[:1]]
        self.table[OUTPUTS] = buffer.address
        return buffer

    def array(self, value: Value) -> np.ndarray:
        """The array that a value is, as a view of this state's memory or of an argument."""
        buffer = value.buffer
        base = int(self.table[buffer.slot]) + buffer.offset + value.offset
        return np.asarray(_Memory(base, value))


class _Memory:
    """Memory as NumPy's array interface describes it."""

    def __init__(self, base: int, value: Value) -> None:
        self.__array_interface__ = {
            "data": (base, False), "shape": value.shape, "strides": value.strides,
            "typestr": value.dtype.str, "version": 3,
        }  # fmt: skip
