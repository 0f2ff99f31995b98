"""Native calls: a graph as a function object of Python over compiled code.

    call(a, b)  →  look at a and b, run the rows, make the results      (kernels/calling.py)

What the code has to know is written down here, once per graph and kind of arguments, as an array
of words (``machine/call_words.py``); it belongs to the function object, and keeps alive what the
words point at.  A call then costs some hundred nanoseconds more than its rows: arguments are read
where they lie, small results are copied to new arrays, and large ones are views of memory that is
used again when nobody holds a view any more.

Where native calls are impossible (``machine/native_interface.py``), and for arguments they do not
take, calls are written in Python: ``machine/inline.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.engines.machine import call_words as at
from diffkit.engines.machine.loading import ANY_ARGUMENTS, function_object, kernels
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.native_interface import interface
from diffkit.engines.machine.native_trees import instructions, records
from diffkit.engines.machine.running import MachineRunner
from diffkit.engines.machine.words import FIRST_ARGUMENT, FOUND_NAN

__all__ = ["Kind", "NativeCall", "is_busy", "is_native", "kind_of"]

# Results up to this size are arrays of their own; larger ones are views.
COPIED_RESULT = 4096

Kind = tuple[Any, ...]


def kind_of(argument: Any) -> Kind | None:
    """Type, shape and dtype of an argument that a native call takes; None for any other.

    >>> kind_of(np.ones((2, 3)))
    (<class 'numpy.ndarray'>, (2, 3), dtype('float64'))
    >>> kind_of(np.ones((2, 3)).T) is None
    True
    """
    kind = type(argument)
    if kind is float:
        return kind, (), np.dtype(float)
    if kind is np.ndarray:
        flags = argument.flags
        whole = flags.c_contiguous and flags.aligned and argument.dtype.isnative
        return (kind, argument.shape, argument.dtype) if whole else None
    if kind in _NUMBERS:
        return kind, (), argument.dtype
    return None


_NUMBERS = frozenset({np.float64, np.float32, np.int64, np.int32})


def is_native(runner: MachineRunner) -> bool:
    """Whether calls of a program can be native."""
    return not runner.program.callbacks and interface(kernels().address["run"]) is not None


class _Words(np.ndarray):
    """The words of a call, and in ``kept`` the objects that they point at."""

    kept: list[Any]


def is_busy(function: Any) -> bool:
    """Whether a native call is being run by another thread at this moment."""
    words = getattr(function, "__self__", None)
    return isinstance(words, _Words) and bool(words[at.BUSY])


class NativeCall:
    """The words of a call while they are put together.

    ``samples`` has for every argument the tree of its leaves (``machine/native_trees.py``), and
    ``kinds`` for every leaf the kinds of argument to take, which have one shape and dtype.
    """

    def __init__(
        self, runner: MachineRunner, samples: Sequence[Any], kinds: Sequence[Sequence[Kind]]
    ) -> None:
        self.runner, self.kinds = runner, kinds
        self.state = runner.state()
        self.kept: list[Any] = [self.state]
        self.interface: Any = interface(kernels().address["run"])
        self.head = [0] * at.HEAD_WORDS
        self.parts: dict[int, list[int]] = {}
        self._watched: tuple[list[int], list[int], list[int]] = [], [], []
        self._inputs(samples)

    def point(self, thing: Any) -> int:
        """The address of an object, which is kept alive."""
        self.kept.append(thing)
        return id(thing)

    def _inputs(self, samples: Sequence[Any]) -> None:
        found = [records(each, self._leaf, self.interface, self.point) for each in samples]
        flat = [record for each in found for record in each]
        self.head[at.ARGUMENTS], self.head[at.INPUTS] = len(samples), len(flat)
        self.parts[at.INPUTS_AT] = [word for record in flat for word in record]

    def _leaf(self, place: int) -> list[int]:
        shape, dtype = self.kinds[place][0][1:]
        record = [0] * at.IN_SHAPE
        for kind, _, own in self.kinds[place]:
            if kind is np.ndarray:
                record[at.IN_DTYPE] = self.point(own)
            else:
                record[at.IN_FLOAT if kind is float else at.IN_SCALAR] = self.point(kind)
        slot = FIRST_ARGUMENT + place
        record[at.IN_SLOT], record[at.IN_HOME] = slot, int(self.state.table[slot])
        record[at.IN_AXES], record[at.IN_BYTES] = len(shape), dtype.itemsize
        record[at.IN_LENGTH] = at.IN_SHAPE + len(shape)
        return [*record, *shape]

    def watch_global(self, names: dict[str, Any], name: str, value: Any) -> None:
        """Take the call only while a name stands for the same object."""
        self._watched[0].extend([self.point(names), self.point(name), self.point(value)])
        self.head[at.GLOBALS] += 1

    def watch_cell(self, cell: Any, value: Any) -> None:
        """Take the call only while a closure cell holds the same object."""
        self._watched[1].extend([self.point(cell), self.point(value)])
        self.head[at.CELLS] += 1

    def watch_function(self, function: Any, code: Any, defaults: Any) -> None:
        """Take the call only while a function is what it was."""
        last = 0 if defaults is None else self.point(defaults)
        self._watched[2].extend([self.point(function), self.point(code), last])
        self.head[at.FUNCTIONS] += 1

    def watch(self, unchanged: Callable[[], bool]) -> None:
        """Take the call only while a function says so."""
        self.head[at.UNCHANGED] = self.point(unchanged)

    def function(
        self, sample: Any, fallback: Callable[..., Any] | None = None, with_nan: bool = False,
        name: str = "run",
    ) -> Callable[..., Any]:  # fmt: skip
        """The function object; ``sample`` is the tree of the results.

        Every other call, and one with NaN or infinity among its results unless ``with_nan``, goes
        to ``fallback``; without one it returns None.
        """
        head, loaded = self.head, kernels()
        head[at.INTERFACE], head[at.STATE] = self._addresses(self.interface, self.state.words)
        head[at.TABLE] = self._addresses(self.state.table)[0]
        head[at.UNLOCKED] = int(self.runner.enter is loaded.enter_unlocked)
        head[at.LEAST] = FOUND_NAN if with_nan else 0
        head[at.FALLBACK] = 0 if fallback is None else self.point(fallback)
        self.parts[at.WATCHED_AT] = [word for part in self._watched for word in part]
        self.parts[at.TREE_AT] = instructions(sample, self._outputs(), self.point)
        head[at.TREE] = len(self.parts[at.TREE_AT])
        # at most as high as there are words
        self.parts[at.STACK_AT] = [0] * max(head[at.TREE], len(self.parts[at.INPUTS_AT]))
        return function_object(
            loaded.address["native_call"], ANY_ARGUMENTS, self._written(), name.encode()
        )

    def _addresses(self, *arrays: Any) -> list[int]:
        self.kept += arrays
        return [array.__array_interface__["data"][0] for array in arrays]

    def _outputs(self) -> list[int]:
        """Write the records of the outputs; the words at which they begin."""
        program = self.runner.program
        words: list[int] = []
        places: list[int] = []
        for node in program.graph.output_nodes:
            places.append(len(words))
            words += self._output(program.wanted[node])
        self.parts[at.OUTPUTS_AT] = words
        self.head[at.RESULTS] = self.state.results[0].address
        if any(words[place + at.OUT_KIND] == at.AS_VIEW for place in places):
            self.head[at.POOL] = self.point([None, None])
            self.head[at.POOL_BYTES] = program.outputs + at.ALIGNMENT
        return places

    def _output(self, value: Value) -> list[int]:
        nbytes = value.size * value.dtype.itemsize
        kind = at.AS_COPY if nbytes <= COPIED_RESULT else at.AS_VIEW
        record = [0] * at.OUT_SHAPE
        record[at.OUT_KIND] = kind if value.shape else at.AS_SCALAR
        record[at.OUT_OFFSET], record[at.OUT_BYTES] = value.buffer.offset, nbytes
        record[at.OUT_DTYPE], record[at.OUT_AXES] = self.point(value.dtype), len(value.shape)
        return [*record, *value.shape]

    def _written(self) -> _Words:
        end = at.HEAD_WORDS
        for place, part in self.parts.items():
            self.head[place], end = end, end + len(part)
        words = _Words(end, np.int64)
        words[:] = [*self.head, *(word for part in self.parts.values() for word in part)]
        words.kept = self.kept
        words.flags.writeable = False  # by Python
        return words
