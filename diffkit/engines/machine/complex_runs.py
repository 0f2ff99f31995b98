"""Runs over complex numbers, for the complex step: the value graph, with one complex argument.

    f(x + ih eⱼ) for one argument after the other, the others real

What depends on the complex argument is complex128; everything else, and every comparison, stays
what it is and uses the kernels of real numbers.  Elementwise operations have loops over complex
lanes (``kernels/complexes.py``).  What is linear needs none: the real and the imaginary part of an
array are two real arrays that lie one in the other, so sums, copies and products with a real
matrix run on both.  All else is the primitive's own ``analytic`` form, computed by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.engines.interpret import implementation
from diffkit.engines.interpret import program_of as interpreted
from diffkit.engines.machine.builder import RULES, Builder, Callback
from diffkit.engines.machine.loading import kernels
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.program import assembled
from diffkit.engines.machine.rules.products import multiply
from diffkit.engines.machine.rules.reductions import arranged_over
from diffkit.engines.machine.running import MachineRunner
from diffkit.graph.avals import aval
from diffkit.graph.ir import Columns, Graph

__all__ = ["complex_runner"]

COMPLEX = np.dtype(np.complex128)
REAL = np.dtype(np.float64)
# Views, and copies of whole operands: their rules look at no number.
_MOVING = ("alias", "flip", "getitem", "probe", "reshape", "spread", "transpose")
_REDUCING = ("cumsum", "logsumexp", "sum")
# Elementwise operations with a loop over complex lanes, besides powers.
_LOOPS = frozenset((
    "abs", "add", "cos", "div", "equal", "exp", "greater", "greater_equal", "less", "less_equal",
    "log", "logical_and", "logical_not", "logical_or", "mask", "maximum", "minimum", "mul", "neg",
    "not_equal", "relu", "sin", "sqrt", "sub", "tanh", "where",
))  # fmt: skip
_POWERS = (-1, 0, 1, 2, 3, 4)


def complex_runner(graph: Graph, place: int) -> Callable[[Sequence[Any]], list[Any]]:
    """A function from flat input values, one of them complex, to the list of flat outputs.

    Parameters
    ----------
    graph
        A graph of real numbers.
    place
        The position of the input that is complex128.

    Returns
    -------
    callable
        As ``interpret.run(graph, leaves, domain="complex")``.

    Raises
    ------
    NotAnalyticError
        For an operation without an analytic form, with its line.
    EngineError
        When the machine cannot be built.

    Source: Squire & Trapp 1998, *Using complex variables to estimate derivatives of real
    functions*.

    >>> import diffkit as dk
    >>> (y,) = complex_runner(dk.parse("x*y + 1"), 0)([2.0 + 1e-100j, 3.0])
    >>> float(y.imag / 1e-100)
    3.0
    """
    key = ("complex machine", place)
    if key not in graph.cache:
        interpreted(graph, "complex")  # refuses what is not analytic
        program = assembled(_ComplexBuilder(_with_complex_input(graph, place)))
        graph.cache[key] = MachineRunner(program, kernels())
    return graph.cache[key]


def _with_complex_input(graph: Graph, place: int) -> Graph:
    """The same graph, where all that depends on one input has the dtype complex128."""
    old, new = graph.columns, Columns()
    new.operations, new.operands, new.sources = old.operations, old.operands, old.sources
    new.values, new.avals = old.values, list(old.avals)
    moving = {graph.input_nodes[place]}
    for node in (graph.input_nodes[place], *graph.equation_nodes()):
        if node not in moving and moving.isdisjoint(old.operands[node]):
            continue
        kind = old.avals[node].dtype.kind
        # NumPy keeps a whole number that was cast from a complex one complex
        if kind == "f" or (kind == "i" and old.operations[node].name == "cast"):
            moving.add(node)
            new.avals[node] = aval(old.avals[node].shape, COMPLEX)
    return Graph(new, graph.input_nodes, graph.output_nodes, names=graph.input_names)


def _parts(value: Value) -> Value:
    """Real and imaginary parts as one real array with a first axis of size 2."""
    shape, strides = (2, *value.shape), (REAL.itemsize, *value.strides)
    return Value(value.buffer, value.offset, shape, strides, REAL)


class _ComplexBuilder(Builder):
    """The rows of a graph some of whose values are complex."""

    def _is_complex(self, node: int) -> bool:
        return self.aval(node).dtype == COMPLEX

    def _equation(self, node: int) -> None:
        operands = self.operands(node)
        if not self._is_complex(node) and not any(map(self._is_complex, operands)):
            super()._equation(node)
            return
        name = self.columns.operations[node].name
        if name in _MOVING and len(operands) == 1:
            done = RULES[name](self, node) is not False
        elif name in _REDUCING:
            done = self._reduce(node, name)
        elif name == "matmul":
            done = self._multiply(node)
        else:
            done = self._loop(node, name)
        if not done:
            self.callback(node)

    def _loop(self, node: int, name: str) -> bool:
        params = self.params(node)
        if name == "integer_power" and params["n"] in _POWERS:
            name, params = f"integer_power_{params['n']}".replace("-", "m"), {}
        elif name not in _LOOPS:
            return False
        if not params:
            self.emit(node, name, "c16", self.operands(node))
        return not params

    def _reduce(self, node: int, name: str) -> bool:
        """A sum of complex numbers is a sum of pairs of real ones; log-sum-exp has a kernel."""
        (operand,), params = self.operands(node), self.params(node)
        axes = params["axes"] if "axes" in params else (params["axis"],)
        value, outer, count, inner = arranged_over(self, self.numbers(operand), axes)
        if name == "logsumexp":
            self.row("logsumexp_c16", value, self.result(node), outer, count, inner)
        else:
            self.row(f"{name}_f8", value, self.result(node), outer, count, 2 * inner)
        return True

    def _multiply(self, node: int) -> bool:
        """The product with a real matrix, for both parts at once."""
        first, second = self.operands(node)
        if self._is_complex(first) == self._is_complex(second):
            return False
        out = self.aval(node)
        a, b = self.numbers(first), self.numbers(second)
        if {a.dtype, b.dtype} != {REAL, COMPLEX}:
            return False
        a, b = (_stacked_parts(value, out.shape[:-2]) for value in (a, b))
        parts = self.temporary((2, *out.shape), REAL)
        multiply(self, a, b, parts)
        self.copy(parts, _parts(self.result(node)))
        return True

    def memory(self, node: int) -> Value:
        """A node's array; truth values among complex numbers become bytes."""
        value = super().memory(node)
        if value.truth and value.dtype == COMPLEX:
            value = self.state[node] = self._as_bytes(value)
        return value

    def copy(self, source: Value, target: Value) -> None:
        """Copy an array to another; complex ones as their parts."""
        if source.dtype == COMPLEX:
            source, target = _parts(source), _parts(target)
        super().copy(source, target)

    def callback(self, node: int) -> None:
        """Have Python compute an equation over complex numbers."""
        operands = tuple(self.numbers(operand) for operand in self.operands(node))
        function = implementation(self.columns, node, "complex")
        self.rows.append(Callback(function, operands, self.result(node), node))


def _stacked_parts(value: Value, batch: tuple[int, ...]) -> Value:
    """Matrices broadcast to a batch, once for each part; a real one serves both."""
    matrices = value.broadcast((*batch, *value.shape[-2:]))
    return _parts(matrices) if value.dtype == COMPLEX else matrices.broadcast((2, *matrices.shape))
