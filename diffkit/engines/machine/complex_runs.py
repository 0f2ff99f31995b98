"""Runs over complex numbers, for the complex step: the value graph, with one complex argument.

    f(x + ih eⱼ) for one argument after the other, the others real

What depends on the complex argument is complex128; everything else, and every comparison, stays
what it is and uses the kernels of real numbers.  Elementwise operations have loops over complex
lanes (``kernels/complexes.py``).  What is linear needs none: the real and the imaginary part of an
array are two real arrays that lie one in the other, so copies, products and convolutions run on
both, or on pairs of columns:

    A (B + iB′) = AB + iAB′,      (A + iA′) B = AB + iA′B

All else is the primitive's own ``analytic`` form, computed by NumPy.
"""

from __future__ import annotations

import numpy as np

from diffkit.engines.interpret import implementation
from diffkit.engines.interpret import program_of as interpreted
from diffkit.engines.machine.builder import RULES, Builder, Callback
from diffkit.engines.machine.loading import kernels
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.program import assembled
from diffkit.engines.machine.rules.convolution import convolve
from diffkit.engines.machine.rules.products import multiply
from diffkit.engines.machine.rules.reductions import arranged_over
from diffkit.engines.machine.running import MachineRunner
from diffkit.graph.avals import aval
from diffkit.graph.ir import Columns, Graph

__all__ = ["complex_runner", "is_worth_while"]

COMPLEX = np.dtype(np.complex128)
REAL = np.dtype(np.float64)
# Views, and copies of whole operands: their rules look at no number.
_MOVING = ("alias", "flip", "getitem", "probe", "reshape", "spread", "transpose")
_REDUCING = ("cumsum", "logsumexp", "max", "min", "prod", "sum")
# Elementwise operations with a loop over complex lanes, besides powers.
_LOOPS = frozenset((
    "abs", "add", "cos", "div", "equal", "exp", "greater", "greater_equal", "less", "less_equal",
    "log", "logical_and", "logical_not", "logical_or", "mask", "maximum", "minimum", "mul", "neg",
    "not_equal", "relu", "sin", "sqrt", "sub", "tanh", "where",
))  # fmt: skip
_POWERS = (-1, 0, 1, 2, 3, 4)
# Measured: a row for Python costs 4 to 5 µs more than the interpreter needs for its equation, and
# each equation with a kernel saves 1 to 4 µs.
EQUATIONS_PER_CALLBACK = 5


def complex_runner(graph: Graph, place: int) -> MachineRunner:
    """A function from flat input values, one of them complex, to the list of flat outputs.

    Parameters
    ----------
    graph
        A graph of real numbers.
    place
        The position of the input that is complex128.

    Returns
    -------
    MachineRunner
        A callable, as ``interpret.run(graph, leaves, domain="complex")``.

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


def is_worth_while(runner: MachineRunner) -> bool:
    """Whether a program has few enough rows for Python to be quicker than the interpreter.

    >>> import diffkit as dk
    >>> is_worth_while(complex_runner(dk.parse("x*y + 1"), 0))
    True
    """
    program = runner.program
    equations = sum(1 for _ in program.graph.equation_nodes())
    return EQUATIONS_PER_CALLBACK * len(program.callbacks) <= equations


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


def _in_pairs(value: Value) -> Value:
    """Complex matrices as real ones of twice as many columns, where rows lie without gaps.

    A real matrix times them gives the complex product: A (B + iB′) in one product.
    """
    shape = (*value.shape[:-1], 2 * value.shape[-1])
    return Value(value.buffer, value.offset, shape, (*value.strides[:-1], REAL.itemsize), REAL)


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
        elif name in ("conv2d", "matmul"):
            done = self._multiply(node) if name == "matmul" else self._convolve(node)
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
        """Sums of columns are sums of pairs of real numbers; the others have kernels."""
        (operand,), params = self.operands(node), self.params(node)
        axes = params["axes"] if "axes" in params else (params["axis"],)
        value, outer, count, inner = arranged_over(self, self.numbers(operand), axes)
        if name == "sum" and inner == 1:
            self.row("sum_c16", value, self.result(node), outer, count)
        elif name not in ("cumsum", "sum"):
            self.row(f"{name}_c16", value, self.result(node), outer, count, inner)
        else:
            self.row(f"{name}_f8", value, self.result(node), outer, count, 2 * inner)
        return True

    def _multiply(self, node: int) -> bool:
        """A matrix product, by products of real matrices."""
        first, second = self.operands(node)
        batch = self.aval(node).shape[:-2]
        a, b = self.numbers(first), self.numbers(second)
        if not {a.dtype, b.dtype} <= {REAL, COMPLEX}:
            return False
        a, b = (x.broadcast((*batch, *x.shape[-2:])) for x in (a, b))
        if b.dtype == REAL:
            self._multiply_by_real(a, b, self.result(node))
        elif a.dtype == REAL:
            multiply(self, a, _in_pairs(self._with_whole_rows(b)), _in_pairs(self.result(node)))
        else:
            self._multiply_complex(node, a, b)
        return True

    def _convolve(self, node: int) -> bool:
        """A convolution where the images or the filter are real."""
        image, k = (self.dense(operand) for operand in self.operands(node))
        params, target = self.params(node), self.result(node)
        if not (image.size and k.size and target.size):
            return False
        if (image.dtype, k.dtype) == (REAL, COMPLEX):
            convolve(self, image, _in_pairs(k), _in_pairs(target), params)
        elif (image.dtype, k.dtype) == (COMPLEX, REAL):
            images = self.made_dense(_parts(image)).reshaped((2 * image.shape[0], *image.shape[1:]))
            assert images is not None
            parts = self.temporary((2, *target.shape), REAL)
            maps = parts.reshaped((2 * target.shape[0], *target.shape[1:]))
            assert maps is not None
            convolve(self, images, k, maps, params)
            self.copy(parts, _parts(target))
        else:
            return False
        return True

    def _multiply_by_real(self, a: Value, b: Value, target: Value) -> None:
        """(A + iA′) B, the parts of A one after the other."""
        parts = self.temporary((2, *target.shape), REAL)
        multiply(self, _parts(a), b.broadcast((2, *b.shape)), parts)
        self.copy(parts, _parts(target))

    def _multiply_complex(self, node: int, a: Value, b: Value) -> None:
        """AB + i A′B, each a real matrix times a complex one."""
        shape = self.aval(node).shape
        parts = self.temporary((2, *shape), COMPLEX)
        pairs = _in_pairs(self._with_whole_rows(b))
        multiply(self, _parts(a), pairs.broadcast((2, *pairs.shape)), _in_pairs(parts))
        half = parts.size // 2 * COMPLEX.itemsize
        turned = Value.dense(parts.buffer, shape, COMPLEX, parts.offset + half)
        self.emit(node, "add_turned", "c16", (parts.viewed(shape, parts.strides[1:]), turned))

    def _with_whole_rows(self, value: Value) -> Value:
        """Complex matrices whose rows lie without gaps, copied if they lie otherwise."""
        whole = value.strides[-1] == COMPLEX.itemsize or value.shape[-1] == 1
        return value if whole else self.made_dense(value)

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
