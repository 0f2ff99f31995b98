"""Programs: rows with memory laid out, as words that the run loop can follow.

    rows → life of every buffer → offsets in one workspace → words

A buffer lives from the first row that touches it to the last; then its place is free for the
next.  Words hold no address of data, only slots and offsets, so one program serves any number of
threads, each with a workspace and a table of its own (``machine/running.py``).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

import diffkit.engines.machine.rules  # noqa: F401  (registers the rules)
from diffkit.engines.allocation import Workspace, aligned
from diffkit.engines.machine.blas import blas_address
from diffkit.engines.machine.builder import Builder, Callback, Row
from diffkit.engines.machine.bulk import Cells
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.nested import Nested, buffers_of, nested_in, shift
from diffkit.engines.machine.passes import fitted
from diffkit.engines.machine.splitting import in_parts
from diffkit.engines.machine.tapes import Inline
from diffkit.engines.machine.words import CODE, LITERALS, OUTPUTS, ROW_HEAD, WORKSPACE, word
from diffkit.errors import EngineError
from diffkit.graph.collecting import collector_paused
from diffkit.graph.ir import Graph

__all__ = ["Program", "assembled", "program_of"]

# What puts other rows in the place of a builder's (``machine/specialising/``).
Lowering: TypeAlias = "Callable[[Builder, list[Row | Callback]], list[Row | Callback]]"
# Widths with a row that looks for NaN and infinities (kernels/control.py).
CHECKED = ("f8", "f4")
# Rows that mark the status of a run: an index out of range, a singular matrix.
REFUSING = ("index_offsets", *(f"{name}_{width}" for width in CHECKED
            for name in ("solve", "triangular_solve", "cholesky")))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    """A graph as words, and the sizes of the memory they need."""

    graph: Graph
    rows: tuple[Row | Callback, ...]
    words: np.ndarray
    starts: tuple[int, ...]  # the word at which each row begins
    workspace: int
    outputs: int
    literals: np.ndarray
    wanted: dict[int, Value]
    callbacks: dict[int, Callback]  # by the word at which their row begins
    slots: int  # of the table of addresses

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that all results share, or bytes."""
        kinds = {value.dtype for value in self.wanted.values()}
        return kinds.pop() if len(kinds) == 1 else np.dtype(np.uint8)

    @property
    def may_refuse(self) -> bool:
        """Whether a run may find numbers it cannot compute with (``words.OUT_OF_RANGE``, …)."""
        return _may_refuse(self.rows)

    @property
    def is_checked(self) -> bool:
        """Whether a run tells that a result is NaN or infinite."""
        return self.dtype.str[1:] in CHECKED


def _may_refuse(rows: Sequence[Row | Callback]) -> bool:
    return any(
        (row.items[0] in REFUSING and not row.certain)
        or any(_may_refuse(n.rows) for n in nested_in(row))
        for row in rows
        if isinstance(row, Row)
    )


def program_of(graph: Graph) -> Program:
    """The program of a graph, made once.

    Raises
    ------
    EngineError
        When the machine cannot be built.
    """
    program = graph.cache.get("machine program")
    if program is None:
        program = graph.cache["machine program"] = assembled(Builder(fitted(graph)))
    return program


@collector_paused()
def assembled(builder: Builder, lower: Lowering | None = None) -> Program:
    """The program of the rows that a builder puts together.

    ``lower`` may put other rows in their place before memory is laid out.

    Raises
    ------
    EngineError
        When the machine cannot be built.
    """
    rows = builder.build()
    own = [value.buffer for value in builder.wanted.values() if value.buffer.slot == OUTPUTS]
    outputs = sum(aligned(buffer.nbytes) for buffer in own)
    rows += _check_rows(builder.wanted, outputs)
    if lower is not None:
        rows = lower(builder, rows)
    rows = in_parts(rows, builder.graph)
    literals = _laid_out_literals(rows)
    workspace = _laid_out_workspace(rows)
    shift(rows)
    end = 0
    for buffer in own:
        buffer.offset, end = end, end + aligned(buffer.nbytes)
    words, starts = _encoded(rows)
    callbacks = {starts[k]: row for k, row in enumerate(rows) if isinstance(row, Callback)}
    return Program(builder.graph, tuple(rows), words, starts, workspace, outputs, literals,
                   builder.wanted, callbacks, builder.most_slots)  # fmt: skip


def _check_rows(wanted: dict[int, Value], nbytes: int) -> list[Row]:
    """A row that looks for NaN and infinities, where all results are floats of one width."""
    kinds = {value.dtype for value in wanted.values()}
    dtype = kinds.pop() if len(kinds) == 1 else np.dtype(bool)
    if dtype.str[1:] not in CHECKED:
        return []
    whole = Value.dense(Buffer(OUTPUTS, nbytes), (nbytes // dtype.itemsize,), dtype)
    return [Row((f"check_{whole.width}", whole, whole.size), -1)]


def _laid_out_literals(rows: list[Row | Callback]) -> np.ndarray:
    """All constants in one array of bytes; their buffers learn their offsets."""
    found: dict[int, Buffer] = {}
    for row in rows:
        found.update((id(b), b) for b in buffers_of(row) if b.slot == LITERALS)
    end = 0
    for buffer in found.values():
        buffer.offset, end = end, end + aligned(buffer.nbytes)
    pool = np.zeros(end + aligned(1), np.uint8)
    for buffer in found.values():
        raw = np.frombuffer(buffer.array.tobytes(), np.uint8)
        pool[buffer.offset : buffer.offset + buffer.nbytes] = raw
    return pool


def _laid_out_workspace(
    rows: Sequence[Row | Callback], outer: frozenset[Buffer] = frozenset()
) -> int:
    """Offsets for the buffers of the workspace by the rows in which they live; its size.

    Buffers of the program around these rows (``outer``) have their place there.
    """
    born: dict[int, list[Buffer]] = {}
    dying: dict[int, list[Buffer]] = {}
    lives: dict[int, Buffer] = {}
    for place, row in enumerate(rows):
        for nested in nested_in(row):
            nested.scratch.nbytes = _laid_out_workspace(nested.rows, nested.outer)
        for buffer in buffers_of(row):
            if buffer.slot != WORKSPACE or buffer in outer:
                continue
            if id(buffer) not in lives:
                lives[id(buffer)] = buffer
                born.setdefault(place, []).append(buffer)
            buffer.last = place
    for buffer in lives.values():
        if not buffer.kept:
            dying.setdefault(buffer.last, []).append(buffer)
    workspace = Workspace()
    for place in range(len(rows)):
        for buffer in born.get(place, ()):
            buffer.offset = workspace.allocate(buffer.nbytes)
        for buffer in dying.get(place, ()):
            workspace.release(buffer.offset, buffer.nbytes)
    return workspace.end


def _encoded(rows: Sequence[Row | Callback]) -> tuple[np.ndarray, tuple[int, ...]]:
    words = array("q")
    starts: list[int] = []
    for row in rows:
        starts.append(len(words))
        if isinstance(row, Callback):
            words.extend([0, ROW_HEAD])
        else:
            _encode(row, words)
    return np.array(words, np.int64), tuple(starts)


def _encode(row: Row, words: array[int]) -> None:
    """Append the words of a row, then the words its operands point at, then the rows inside it."""
    from diffkit.engines.machine.loading import kernels

    address = kernels().address
    start = len(words)
    # the kernel's address and the length come first; rows inside take a second word
    tail = start + len(row.items) + 1 + len(nested_in(row))
    inline: list[int] = []
    inside: list[tuple[int, Nested]] = []
    words.extend([_address(address, row.items[0]), 0])
    for item in row.items[1:]:
        if isinstance(item, Value):
            words.append(word(item.buffer.slot, item.buffer.offset + item.offset))
        elif isinstance(item, Inline):
            words.append(word(CODE, 8 * (tail + len(inline))))
            inline += item.words
        elif isinstance(item, Cells):
            words.frombytes(item.words(partial(_address, address)).tobytes())
        elif isinstance(item, Nested):
            inside.append((len(words), item))
            words.extend([0, 0])
        elif isinstance(item, str):
            words.append(_address(address, item))
        else:
            words.append(int(item))
    words.extend(inline)
    for place, nested in inside:
        begin = len(words)
        for other in nested.rows:
            _encode(other, words)
        words[place], words[place + 1] = word(CODE, 8 * begin), len(words) - begin
    words[start + 1] = len(words) - start


def _address(addresses: dict[str, int], name: Any) -> int:
    if not isinstance(name, str):  # code of its own
        return name.address()
    if name in _BLAS:
        return blas_address(name)
    found = addresses[name]
    if not found:
        raise EngineError(f"the machine has no kernel {name!r}", hint='use engine="interpret".')
    return found


_BLAS = ("dgemm", "sgemm")
