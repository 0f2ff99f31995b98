"""Elementwise graphs over arrays as loops: all operations on one element, then the next element.

    for lane in range(lanes):
        a = sin(x[lane]);  y[lane] = a * b

One loop over the elements (lanes) does the work of many passes over arrays, and temporaries
live in registers ("loop fusion"; Darte 1999, *On the complexity of loop fusion*).  What is the
same for every lane is computed once before the loop.  A sum over all lanes ends a *stage*:
what depends on it runs in the next loop, so that log Σ exp x and its gradient are two loops.

Arrays that broadcast against the lanes are laid out before the call.  What follows from the
lanes by data movement only (the sum over one axis that a broadcast leaves behind in a
gradient) is the *tail*, which NumPy computes from the loop's results.
"""

from __future__ import annotations

import numpy as np

from diffkit.engines.emitting import NUMBA, Names, constant, dtype_text, expression, writable
from diffkit.engines.kernels import (
    STATEMENT_LIMIT,
    Argument,
    Kernel,
    Result,
    live_nodes,
    too_long,
    unsupported,
)
from diffkit.graph.avals import aval
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["fuse"]

# Operations that NumPy may compute from the loop's results: moves, sums, and adding them up.
_TAIL = (
    "add", "cast", "concatenate", "flip", "getitem", "reshape", "scatter_add", "spread", "sum",
    "transpose",
)  # fmt: skip


def fuse(graph: Graph, reserved: tuple[str, ...] = ()) -> Kernel:
    """The kernel of an elementwise graph over arrays, one loop per stage.

    Parameters
    ----------
    graph
        Elementwise operations on shapes that broadcast together, and sums of all elements.
    reserved
        Names that the code must not use.

    Raises
    ------
    EngineError
        Naming the first operation that does not work lane by lane.
    """
    return _Fuser(graph, reserved).kernel


class _Fuser:
    """Plans the stages of a graph, then writes them."""

    def __init__(self, graph: Graph, reserved: tuple[str, ...]) -> None:
        self.graph = graph
        self.columns = graph.columns
        self.live = live_nodes(graph)
        self.tail: set[int] = set()
        self.lanes = self._lane_shape()
        self.stage: dict[int, int] = {}
        self.varies: set[int] = set()  # nodes that differ from lane to lane
        self.stored: set[int] = set()  # nodes kept as arrays after their loop
        self.kernel = Kernel(tail=sorted(self.tail), wanted=self._wanted())
        self._plan()
        # what a compiled equation reads, and not just the tail or an output
        self.read = {i for node in self.stage for i in self.columns.operands[node]}
        self.names = Names([*reserved, "lane", "lanes"])
        self.base = self.names.of(graph)
        self.element: dict[int, str] = {}  # the text of a node inside a loop, or of a scalar
        self.loaded: dict[int, str] = {}
        self._write()

    # Planning: which nodes, which shape, which stage ----------------------------------------

    def _lane_shape(self) -> tuple[int, ...]:
        """The common shape of all lanes; moves what leaves the lanes to the tail on the way."""
        lanes: tuple[int, ...] = ()
        for node in self.live:
            if self._leaves_the_lanes(node):
                self._move_to_tail(node)
                continue
            for shape in self._shapes_of(node):
                try:
                    lanes = np.broadcast_shapes(lanes, shape)
                except ValueError:
                    self._move_to_tail(node)
        for node in self.live:  # now that the lanes are known: sums of something smaller
            if self._leaves_the_lanes(node) or any(
                shape not in ((), lanes) for shape in self._shapes_of(node, only_sums=True)
            ):
                self._move_to_tail(node)
        return lanes

    def _shapes_of(self, node: int, only_sums: bool = False) -> list[tuple[int, ...]]:
        """The shapes that a node asks of the lanes."""
        operation, avals = self.columns.operations[node], self.columns.avals
        if operation is INPUT or operation is LITERAL or node in self.tail:
            return []
        if operation.name == "sum":
            return [avals[self.columns.operands[node][0]].shape]
        return [] if only_sums else [avals[node].shape]

    def _leaves_the_lanes(self, node: int) -> bool:
        operation, operands = self.columns.operations[node], self.columns.operands[node]
        if operation is INPUT or operation is LITERAL:
            return False
        if any(operand in self.tail for operand in operands):
            return True
        if operation.name == "sum":
            return bool(self.columns.avals[node].shape)
        if operation.name in ("spread", "reshape"):
            return bool(self.columns.avals[operands[0]].shape)
        return not writable(operation, NUMBA)

    def _move_to_tail(self, node: int) -> None:
        if self.columns.operations[node].name not in _TAIL:
            raise unsupported(self.graph, self._cause(node), "does not work element by element")
        self.tail.add(node)

    def _cause(self, node: int) -> int:
        """The operation because of which a node cannot be in the loop."""
        while True:
            before = [i for i in self.columns.operands[node] if i in self.tail]
            if not before:
                return node
            node = before[0]

    def _wanted(self) -> list[int]:
        """The outputs, then what the tail starts from."""
        starts = [i for node in sorted(self.tail) for i in self.columns.operands[node]]
        return list(dict.fromkeys(
            node for node in [*self.graph.output_nodes, *starts] if node not in self.tail
        ))  # fmt: skip

    def _plan(self) -> None:
        columns = self.columns
        for node in self.live:
            operands, operation = columns.operands[node], columns.operations[node]
            if node in self.tail:
                continue
            self.stage[node] = max((self.stage[i] for i in operands), default=0)
            if operation is INPUT or operation is LITERAL:
                if columns.avals[node].ndim:
                    self.varies.add(node)
            elif self._is_lane_sum(node):
                self.stored.add(operands[0])
                self.stage[node] += 1
            elif any(operand in self.varies for operand in operands):
                self.varies.add(node)
        for node in self.stage:
            for operand in columns.operands[node]:
                if operand in self.varies and self.stage[operand] < self.stage[node]:
                    self.stored.add(operand)
        self.stored |= {
            node for node in self.kernel.wanted
            if columns.avals[node].ndim and not self._is_given(node)
        }  # fmt: skip
        self._check_stored()

    def _check_stored(self) -> None:
        for node in sorted(self.stored):
            if self.columns.avals[node].shape != self.lanes:
                raise unsupported(
                    self.graph, node, f"gives {self.columns.avals[node]}, not one value for each "
                    f"element of {list(self.lanes)},"
                )  # fmt: skip

    # Writing ---------------------------------------------------------------------------------

    def _write(self) -> None:
        self._add_arguments()
        body = self.kernel.body
        if self.stored:
            first = next((a.name for a in self.kernel.arguments if a.is_vector), None)
            size = int(np.prod(self.lanes, dtype=int))
            body.append(f"lanes = {first}.shape[0]" if first else f"lanes = {size}")
        for stage in range(max(self.stage.values(), default=0) + 1):
            self._write_stage(stage)
            if len(body) > STATEMENT_LIMIT:
                raise too_long(len(body))
        self._add_results()

    def _add_arguments(self) -> None:
        places = {node: place for place, node in enumerate(self.graph.input_nodes)}
        for node in self.live:
            operation, kind = self.columns.operations[node], self.columns.avals[node]
            if node not in self.stage or node not in self.read:
                continue
            if operation is LITERAL and not kind.ndim:
                self.element[node] = constant(self.columns.values[node])
            elif operation is LITERAL:
                name = self.names.unique("constant")
                value = self.columns.values[node]
                self.base[node] = name
                self.kernel.arguments.append(
                    Argument(name, kind.dtype, True, kind.shape, self.lanes, value=value)
                )
            elif operation is INPUT:
                self.element[node] = self.base[node]
                self.kernel.arguments.append(Argument(
                    self.base[node], kind.dtype, kind.ndim > 0, kind.shape, self.lanes, places[node]
                ))  # fmt: skip

    def _write_stage(self, stage: int) -> None:
        """The sums of the previous loop, what is the same for all lanes, and the loop."""
        loop: list[str] = []
        self.loaded = {}
        nodes = [node for node in sorted(self.stage)
                 if self.stage[node] == stage and not self._is_given(node)]  # fmt: skip
        for node in nodes:
            statements = self._statements(node)
            if node in self.varies:
                loop += statements
                continue
            self.kernel.body += statements
            if node in self.stored:  # the same number for every lane
                loop.append(f"{self.base[node]}[lane] = {self.element[node]}")
        if loop:
            for node in nodes:
                if node in self.stored:
                    dtype = dtype_text(self.columns.avals[node].dtype)
                    self.kernel.body.append(f"{self.base[node]} = np.empty(lanes, {dtype})")
            self.kernel.body += ["for lane in range(lanes):", *(f"    {text}" for text in loop)]

    def _is_given(self, node: int) -> bool:
        return self.columns.operations[node] in (INPUT, LITERAL)

    def _is_lane_sum(self, node: int) -> bool:
        """Whether a node sums over all lanes (a sum of a scalar over no axes is the scalar)."""
        if self.columns.operations[node].name != "sum":
            return False
        return self.columns.avals[self.columns.operands[node][0]].ndim > 0

    def _statements(self, node: int) -> list[str]:
        """The statements of one node, with the loads it needs first and its store last."""
        operation, out = self.columns.operations[node], self.columns.avals[node]
        operands = self.columns.operands[node]
        statements: list[str] = []
        if self._is_lane_sum(node):
            self.element[node] = self.base[node]
            return [f"{self.base[node]} = lane_sum({self.base[operands[0]]})"]
        texts = [self._operand(node, operand, statements) for operand in operands]
        if operation.name in ("spread", "reshape", "sum", "alias"):
            self.element[node] = texts[0]
        else:
            avals = [aval((), self.columns.avals[i].dtype) for i in operands]
            text = expression(NUMBA, operation, texts, avals, aval((), out.dtype))
            name = self.base[node]
            if node in self.stored:
                name = self.names.unique(f"{name}_i")
            self.element[node] = name
            statements.append(f"{name} = {text}")
        if node in self.stored and node in self.varies:
            self.loaded[node] = self.element[node]
            statements.append(f"{self.base[node]}[lane] = {self.element[node]}")
        return statements

    def _operand(self, node: int, operand: int, statements: list[str]) -> str:
        """The text of an operand; an element of an array is loaded when it is first used."""
        is_array = self._is_given(operand) or self.stage[operand] < self.stage[node]
        if operand not in self.varies or not is_array:
            return self.element[operand]
        if operand not in self.loaded:
            name = self.names.unique(f"{self.base[operand]}_i")
            self.loaded[operand] = name
            statements.append(f"{name} = {self.base[operand]}[lane]")
        return self.loaded[operand]

    def _add_results(self) -> None:
        inputs = {node: place for place, node in enumerate(self.graph.input_nodes)}
        for node in self.kernel.wanted:
            kind = self.columns.avals[node]
            if node in inputs:
                result = Result("input", inputs[node], None, kind.dtype, kind.shape)
            elif self.columns.operations[node] is LITERAL:
                value = self.columns.values[node]
                result = Result("constant", -1, value, kind.dtype, kind.shape)
            else:
                result = Result("computed", len(self.kernel.returned), None, kind.dtype, kind.shape)
                text = self.base[node] if kind.ndim else self.element[node]
                self.kernel.returned.append(text)
            self.kernel.results.append(result)
