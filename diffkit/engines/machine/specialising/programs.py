"""Specialised programs: the machine's rows, with runs of them compiled into one.

    rows → loops and sums → phases → LLVM code → one row for each run

What cannot be written as loops (matrix products, convolutions, gathers) stays a row and is run by
the machine's kernel, so any graph has a specialised program, and it is run like every other:
``machine/running.py`` cannot tell the difference.  Results are the machine's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from diffkit.engines.machine.builder import Builder, Callback, Row
from diffkit.engines.machine.loading import kernels
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.nested import Nested, nested_in
from diffkit.engines.machine.passes import fitted
from diffkit.engines.machine.program import Program, assembled
from diffkit.engines.machine.specialising.compiling import addresses_of_code
from diffkit.engines.machine.specialising.decoding import decoded
from diffkit.engines.machine.specialising.phases import phases_of
from diffkit.engines.machine.specialising.pieces import Piece, Sum
from diffkit.engines.machine.specialising.planning import Group, is_repeatable, touched_by
from diffkit.engines.machine.specialising.writing import module_text
from diffkit.engines.machine.words import OUTPUTS, WORKSPACE
from diffkit.graph.ir import Graph

if TYPE_CHECKING:
    from diffkit.engines.machine.running import MachineRunner

__all__ = ["code_of", "specialised_program", "specialised_program_runner"]


class Compilation:
    """All groups of a program; they are one piece of LLVM code."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self._addresses: list[int] = []

    def text(self) -> str:
        """The LLVM code; memory must have been laid out."""
        return module_text((member.group, member.kernels) for member in self.members)

    def address(self, number: int) -> int:
        """The address of a group's function."""
        if not self._addresses:
            self._addresses = addresses_of_code(self.text(), len(self.members))
        return self._addresses[number]


@dataclass(frozen=True, slots=True)
class Member:
    """A group in the place of a kernel's name: it has its address when words are encoded."""

    whole: Compilation
    number: int
    group: Group
    kernels: tuple[str, ...]

    def address(self) -> int:
        """The address of the function."""
        return self.whole.address(self.number)


def specialised_program(graph: Graph) -> Program:
    """The specialised program of a graph, made once.

    Raises
    ------
    EngineError
        When this version of LLVM does not take the code.
    """
    program = graph.cache.get("specialised program")
    if program is None:
        program = graph.cache["specialised program"] = assembled(
            Builder(fitted(graph)), lambda builder, rows: _grouped(builder, rows, Compilation())
        )
    return program


def specialised_program_runner(graph: Graph) -> MachineRunner:
    """A function from flat input values to flat outputs, as ``running.machine_runner``.

    Raises
    ------
    EngineError
        When this version of LLVM does not take the code.

    >>> import diffkit as dk
    >>> specialised_program_runner(dk.parse("x*y + 1"))([2.0, 3.0])
    [np.float64(7.0)]
    """
    runner = graph.cache.get("specialised program runner")
    if runner is None:
        from diffkit.engines.machine.running import MachineRunner

        runner = MachineRunner(specialised_program(graph), kernels())
        graph.cache["specialised program runner"] = runner
    return runner


def code_of(graph: Graph) -> str:
    """The LLVM code of a graph's specialised program.

    >>> import diffkit as dk
    >>> "fmul double" in code_of(dk.parse("x*y"))
    True
    """
    compilation = Compilation()
    assembled(Builder(fitted(graph)), lambda b, rows: _grouped(b, rows, compilation))
    return compilation.text()


def _grouped(
    builder: Builder, rows: Sequence[Row | Callback], whole: Compilation
) -> list[Row | Callback]:
    """The rows with runs of loops and sums in one row each."""
    outputs = [value for value in builder.wanted.values() if value.buffer.slot == OUTPUTS]
    return _Runs(whole, outputs, builder.state.buffer).of(rows)


class _Runs:
    """Rows of a program, or of a step of a loop, while runs of them become functions.

    ``outer`` are buffers that live longer than these rows.
    """

    def __init__(
        self,
        whole: Compilation,
        outputs: Sequence[Value],
        cells: Buffer,
        outer: frozenset[Buffer] = frozenset(),
    ) -> None:
        self.whole, self.outputs, self.cells, self.outer = whole, outputs, cells, outer

    def of(self, rows: Sequence[Row | Callback]) -> list[Row | Callback]:
        """The same rows, with one for each run of loops and sums."""
        plain = [decoded(row, self.outputs) for row in rows]
        found: list[Row | Callback] = []
        for is_row, run in groupby(range(len(rows)), lambda k: plain[k] is None):
            places = list(run)
            if is_row:
                found += [self._with_steps(rows[k]) for k in places]
                continue
            pieces = [piece for k in places for piece in plain[k] or ()]
            before, after = rows[: places[0]], rows[places[-1] + 1 :]
            found.append(self._function(pieces, before, after, rows[places[-1]].node))
        return found

    def _function(
        self, pieces: list[Piece], before: Sequence[Any], after: Sequence[Any], node: int
    ) -> Row:
        elsewhere = touched_by([*before, *after], self.cells, self.outer)
        earlier = touched_by(before, self.cells, self.outer)
        group = Group(phases_of(pieces), elsewhere, is_repeatable(pieces, earlier))
        called = sorted({f"sum_{p.source.width}" for p in pieces if isinstance(p, Sum)})
        member = Member(self.whole, len(self.whole.members), group, tuple(called))
        self.whole.members.append(member)
        return Row((member, *called), node, tuple(group.buffers()))

    def _with_steps(self, row: Row | Callback) -> Row | Callback:
        """A loop of the machine with the rows of its step in functions, where they can be."""
        if not nested_in(row):
            return row
        assert isinstance(row, Row)
        return replace(row, items=tuple(map(self._step, row.items)))

    def _step(self, item: Any) -> Any:
        if not isinstance(item, Nested):
            return item
        runs = _Runs(self.whole, (), Buffer(WORKSPACE, 0), item.outer)
        return replace(item, rows=tuple(runs.of(item.rows)))
