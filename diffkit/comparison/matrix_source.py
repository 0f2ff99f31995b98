"""Terms as NumPy code that runs: ``X.T @ (softmax(X @ W, axis=1) - Y) / n``.

The code has every digit of a constant and names its axes, so that it gives the numbers of the
graph.  What is a single NumPy call is written as that call; an operation that has no form of its
own is written as ``graph.to_source()`` writes it.  Few functions that NumPy lacks (softmax,
log-sum-exp, the sigmoid) are printed before the function that uses them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.comparison.matrix_terms import Algebra, Term, split_coefficient
from diffkit.comparison.matrix_writing import Found, TermWriter, into
from diffkit.engines.emitting import constant
from diffkit.engines.source import Writer, array_text, index_text
from diffkit.engines.source_helpers import Globals
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph

__all__ = ["SourceWriter"]

ADD, TIMES, SIGN, POWER, ATOM = range(2, 7)
COMPARE = 1
SPACED = 1  # between parts of a product
WIDTH = 96
PLACE = re.compile(r"§(\d+)§")
ATOMIC = re.compile(r"[\w.]+(\[[^\[\]]*\])*|[\w.]+\((?:[^()]|\([^()]*\))*\)")

SCATTER = """\
def scatter_add(values, index, shape):
    out = np.zeros(shape, np.asarray(values).dtype)
    np.add.at(out, index, values)
    return out


"""


class SourceWriter(TermWriter):
    """Writes terms as NumPy expressions; ``names`` are the variables of the code."""

    atom: ClassVar[int] = ATOM

    def __init__(self, algebra: Algebra, names: Mapping[Term, str], shared: Globals) -> None:
        super().__init__(algebra, names)
        self.shared = shared
        self.constants: dict[int, str] = {}

    def inside(self, term: Term) -> Found:
        writer = _WRITERS.get(term.op)
        return writer(self, term) if writer is not None else self._operation(term)

    def _operation(self, term: Term) -> Found:
        """An operation of the graph, with the expressions of its operands put in."""
        operation = term.operation
        assert operation is not None, term.op
        if operation.name == "scatter_add":
            index = index_text(operation.kwargs["index"], [self.text(arg) for arg in term.args[1:]])
            shape = operation.kwargs["shape"]
            return f"scatter_add({self.text(term.args[0])}, np.s_[{index}], {shape})", ATOM
        text = _operation_text(term, self.shared)
        if (whole := PLACE.fullmatch(text)) is not None:  # a name, or an identity
            return self.found(term.args[int(whole[1])])
        return self._filled(text, term.args)

    def _filled(self, text: str, args: Sequence[Term]) -> Found:
        pieces, end = [], 0
        for hit in PLACE.finditer(text):
            before, after = text[: hit.start()].rstrip()[-1:], text[hit.end() :].lstrip()[:1]
            alone = before in ("(", ",", "[") and after in (")", ",", "]")
            arg = args[int(hit[1])]
            pieces += [text[end : hit.start()], self.text(arg) if alone else self.within(arg, ATOM)]
            end = hit.end()
        whole = "".join([*pieces, text[end:]])
        return whole, ATOM if ATOMIC.fullmatch(text.replace("§", "")) else 0

    def array(self, key: int) -> str:
        """The name of an array of constants, written before the function when it is large."""
        value = self.algebra.arrays[key]
        if (
            value.ndim == 1
            and value.dtype == np.int64
            and np.array_equal(value, np.arange(len(value)))
        ):
            return f"np.arange({len(value)})"
        text = array_text(value)
        if value.size <= 4:
            return text
        if key not in self.constants:
            name = self.constants[key] = self.shared.unique("C")
            wrapped = textwrap.wrap(f"{name} = {text}", WIDTH, subsequent_indent="    ")
            self.shared.constants.append("\n".join(wrapped))
        return self.constants[key]

    def module(self, function: str) -> str:
        """A whole module: imports, what the function needs, and the function."""
        scatter = SCATTER if "scatter_add(" in function else ""
        return _Module(Arena().freeze((), ()), "module", self.shared, scatter + function).module()


class _Module(Writer):
    """The writer of graphs, with the text of a function that is written already."""

    def __init__(self, graph: Graph, name: str, shared: Globals, text: str) -> None:
        super().__init__(graph, name, shared)
        self.text = text

    def function(self) -> str:
        return self.text


def _operation_text(term: Term, shared: Globals) -> str:
    """The code of one operation of the graph, with §0§, §1§, … for its operands.

    It is what the writer of graphs makes of a graph with this one equation.
    """
    assert term.operation is not None
    arena, nodes = Arena(), []
    for arg in term.args:
        of = aval(arg.shape, _dtype(arg, term))
        number = arg.op in ("const", "true", "false")
        value = of.dtype.type(arg.params[0] if arg.params else arg.op == "true") if number else None
        nodes.append(arena.new_input(of) if value is None else arena.literal(value))
    out = arena.emit(term.operation, tuple(nodes), None)
    inputs = [node for node in dict.fromkeys(nodes) if node not in arena.values]
    names = [f"operand{place}" for place in range(len(inputs))]
    writer = Writer(arena.freeze(inputs, [out], names=names), "operation", shared)
    places = {writer.texts[k]: nodes.index(node) for k, node in enumerate(inputs)}
    statement = writer.function().splitlines()[1].strip()
    shared.writing.pop()
    text = statement.partition(" = ")[2]
    return re.sub(r"\boperand\d+\b", lambda hit: f"§{places[hit.group()]}§", text)


def _dtype(arg: Term, term: Term) -> Any:
    """The dtype of an operand; that of its neighbours for a number."""
    if arg.op in ("true", "false"):
        return np.dtype(np.bool_)
    if arg.op != "const":
        return arg.dtype
    others = [x.dtype for x in term.args if x.op != "const" and x.dtype.kind != "b"]
    return others[0] if others else term.dtype if term.dtype.kind != "b" else np.dtype(np.float64)


_WRITERS: dict[str, Callable[[SourceWriter, Term], Found]] = {}


_writes = into(_WRITERS)


def _number(value: float) -> str:
    return constant(np.float64(value)) if isinstance(value, float) else str(value)


@_writes("const")
def _constant(writer: SourceWriter, term: Term) -> Found:
    value = term.params[0]
    return (_number(value), ATOM) if value >= 0 or value != value else (_number(value), SIGN)


@_writes("array")
def _array(writer: SourceWriter, term: Term) -> Found:
    return writer.array(term.params[0]), ATOM


@_writes("true", "false")
def _condition(writer: SourceWriter, term: Term) -> Found:
    return str(term.op == "true"), ATOM


@_writes("eye")
def _identity(writer: SourceWriter, term: Term) -> Found:
    return f"np.eye({term.params[0]})", ATOM


# Arithmetic ------------------------------------------------------------------------------------


@_writes("add")
def _sum(writer: SourceWriter, term: Term) -> Found:
    text = ""
    for arg in sorted(term.args, key=lambda a: split_coefficient(a)[0] < 0):
        number, parts = split_coefficient(arg)
        body, kind = _scaled(writer, abs(number), parts)
        body = body if kind > ADD else f"({body})"
        if text:
            text += f" - {body}" if number < 0 else f" + {body}"
        else:
            text = f"-{body if kind >= POWER else f'({body})'}" if number < 0 else body
    return text, ADD


@_writes("mul")
def _product(writer: SourceWriter, term: Term) -> Found:
    number, parts = split_coefficient(term)
    text, kind = _scaled(writer, abs(number), parts)
    if number < 0 or number != number:
        return f"-{text if kind >= TIMES else f'({text})'}", SIGN if kind >= SIGN else TIMES
    return text, kind


def _scaled(writer: SourceWriter, number: float, parts: tuple[Term, ...]) -> Found:
    top = [part for part in parts if not _divides(part)]
    bottom = [part for part in parts if _divides(part)]
    if not number and len(top) == 1 and top[0].op == "broadcast":
        return f"np.zeros({top[0].shape})", ATOM
    texts = [] if number == 1 and top else [_number(number)]
    for part in sorted(top, key=lambda part: bool(part.shape)):
        texts.append(writer.within(part, SIGN if texts else TIMES))
    text, kind = " * ".join(texts), TIMES
    if len(texts) == 1:
        kind = writer.found(top[0])[1] if top else ATOM
        kind = max(kind, TIMES)
    for part in bottom:
        text, kind = f"{text} / {_below(writer, part)}", TIMES
    return text, kind


def _divides(part: Term) -> bool:
    base = part.args[0] if part.op == "expand" else part
    return base.op == "pow" and base.params[0] < 0


def _below(writer: SourceWriter, part: Term) -> str:
    inner = part.args[0] if part.op == "expand" else part
    base, exponent = inner.args[0], -inner.params[0]
    if part.op == "expand":
        base = writer.algebra.raw("expand", base, *part.params)
    if exponent == 1:
        return writer.within(base, POWER)
    return _raised(writer, base, exponent)[0]


@_writes("pow")
def _power(writer: SourceWriter, term: Term) -> Found:
    base, exponent = term.args[0], term.params[0]
    return _scaled(writer, 1, (term,)) if exponent < 0 else _raised(writer, base, exponent)


def _raised(writer: SourceWriter, base: Term, exponent: float) -> Found:
    if exponent == 0.5:
        return f"np.sqrt({writer.text(base)})", ATOM
    return f"{writer.within(base, ATOM)}**{_number(exponent)}", POWER


# Matrices --------------------------------------------------------------------------------------


@_writes("dot")
def _matrix_product(writer: SourceWriter, term: Term) -> Found:
    a, b = term.args
    return f"{writer.within(a, TIMES)} @ {writer.within(b, SIGN)}", TIMES


@_writes("outer")
def _outer(writer: SourceWriter, term: Term) -> Found:
    return f"np.outer({writer.text(term.args[0])}, {writer.text(term.args[1])})", ATOM


@_writes("T")
def _transposed(writer: SourceWriter, term: Term) -> Found:
    (inner,) = term.args
    if inner.ndim == 2:
        return f"{writer.within(inner, ATOM)}.T", ATOM
    return f"np.swapaxes({writer.text(inner)}, -1, -2)", ATOM


@_writes("sum", "lse", "softmax")
def _reduction(writer: SourceWriter, term: Term) -> Found:
    (inner,), (axes,) = term.args, term.params
    function = {"sum": "np.sum", "lse": "logsumexp"}.get(term.op, term.op)
    if term.op == "sum" and axes == tuple(range(inner.ndim)):
        return f"np.sum({writer.text(inner)})", ATOM
    return f"{function}({writer.text(inner)}, axis={_axes(axes)})", ATOM


def _axes(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


@_writes("expand")
def _expanded(writer: SourceWriter, term: Term) -> Found:
    (inner,), (axes,) = term.args, term.params
    if inner.op == "sum" and inner.params[0] == axes and inner not in writer.names:
        return f"np.sum({writer.text(inner.args[0])}, axis={_axes(axes)}, keepdims=True)", ATOM
    if axes == (1,) and inner.ndim == 1:
        return f"{writer.within(inner, ATOM)}[:, None]", ATOM
    return f"np.expand_dims({writer.text(inner)}, {_axes(axes)})", ATOM


@_writes("broadcast")
def _repeated(writer: SourceWriter, term: Term) -> Found:
    (inner,), shape = term.args, term.params[0]
    if inner.op == "const" and inner.params[0] == 1:
        size = str(shape[0]) if len(shape) == 1 else str(shape)
        return f"np.ones({size})", ATOM
    return f"np.broadcast_to({writer.text(inner)}, {shape})", ATOM


def _called(function: str) -> Callable[[SourceWriter, Term], Found]:
    def write(writer: SourceWriter, term: Term) -> Found:
        return f"{function}({', '.join(map(writer.text, term.args))})", ATOM

    return write


_WRITERS.update({name: _called(function) for name, function in {
    "diag": "np.diag", "diagonal": "np.diagonal", "inverse": "np.linalg.inv",
    "logaddexp": "np.logaddexp", "sigmoid": "logistic", "solve": "np.linalg.solve",
    "trace": "np.trace",
}.items()})  # fmt: skip


@_writes("reshape")
def _reshaped(writer: SourceWriter, term: Term) -> Found:
    return f"np.reshape({writer.text(term.args[0])}, {term.params[0]})", ATOM


@_writes("logdet")
def _log_determinant(writer: SourceWriter, term: Term) -> Found:
    return f"np.linalg.slogdet({writer.text(term.args[0])})[1]", ATOM


@_writes("one_hot")
def _one_hot(writer: SourceWriter, term: Term) -> Found:
    return f"np.eye({term.params[0]})[{writer.text(term.args[0])}]", ATOM


@_writes("mask")
def _selected(writer: SourceWriter, term: Term) -> Found:
    condition, inner = term.args
    if inner.op == "broadcast" and inner.args[0].op == "const" and inner.shape == condition.shape:
        inner = inner.args[0]
    return f"np.where({writer.text(condition)}, {writer.text(inner)}, 0.0)", ATOM
