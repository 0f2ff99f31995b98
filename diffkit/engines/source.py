"""A graph as source code that a person can read, change and run.

    def f(x, y):
        a = np.log(x)          # example.py:3
        b = x * y              # example.py:3
        return a + b

With ``target="numpy"`` every primitive prints, one statement per equation, with the user's own
variable names and lines; running the text gives the numbers of the graph.  With
``target="numba"`` the same statements are compiled functions, with loops where Numba has no
function (``engines/source_numba.py``).  Printing a derivative's graph shows what a source
transformation tool would have written (Griewank & Walther 2008, chapter 6).

How one elementwise operation is written stands in ``engines/emitting.py``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.engines.emitting import NUMPY, Names, constant, dtype_text, expression, writable
from diffkit.engines.source_helpers import HELPERS, Globals, loop_text
from diffkit.engines.source_linalg import LINEAR_ALGEBRA
from diffkit.errors import InputError
from diffkit.graph.avals import Aval
from diffkit.graph.ir import LITERAL, Graph, Guard, Operation
from diffkit.graph.primitive import REGISTRY
from diffkit.graph.sources import line_of

__all__ = ["TARGETS", "to_source"]

TARGETS = ("numpy", "numba")
_COMMENT_COLUMN = 44  # comments are not pushed further right than this by one long statement
_WIDTH = 100  # columns before a large constant is wrapped
_INLINE_ELEMENTS = 4  # array constants up to this size stand where they are used


def to_source(graph: Graph, name: str = "f", target: str = "numpy") -> str:
    """The graph as the source code of a Python module with one function.

    Parameters
    ----------
    graph
        Any graph; for ``target="numba"`` one without special functions and Fourier transforms.
    name
        The function's name.
    target
        ``"numpy"`` or ``"numba"``.

    Returns
    -------
    str
        Text that runs as it stands.  The function takes the graph's inputs (arrays and NumPy
        scalars of the graph's dtypes) and returns its outputs, a tuple if there are several.

    Raises
    ------
    InputError
        For an unknown target, or a name that is no identifier.
    EngineError
        For ``target="numba"`` and an operation that Numba does not have; it names the line.

    >>> import diffkit as dk
    >>> print(to_source(dk.parse("x*y + 1")))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(x, y):
        a = x * y    # character 1
        b = a + 1.0  # character 1
        return b
    <BLANKLINE>
    """
    if not name.isidentifier():
        raise InputError(f"{name!r} cannot name a function", hint="use a Python identifier.")
    if target == "numba":
        from diffkit.engines.source_numba import NumbaWriter

        return NumbaWriter(graph, name).module()
    if target != "numpy":
        raise InputError(f"unknown target {target!r}", hint=f"use one of {', '.join(TARGETS)}.")
    return Writer(graph, name).module()


class Writer:
    """Writes one graph as NumPy code; ``engines/source_numba.py`` overrides what Numba needs."""

    reserved: ClassVar[tuple[str, ...]] = ("special", "REGISTRY", *HELPERS)
    decorator: ClassVar[str] = ""

    def __init__(self, graph: Graph, name: str, shared: Globals | None = None) -> None:
        self.graph = graph
        self.columns = graph.columns
        self.title = name
        self.shared = shared or Globals()
        self.names = Names([name, "np", *self.reserved, *self.shared.names])
        self.shared.writing.append(self.names)
        self.texts: dict[int, str] = dict(self.names.of(graph))
        for node, value in self.columns.values.items():
            self.texts[node] = self._literal(value)

    def module(self) -> str:
        """The whole text: imports, helpers, large constants, steps of loops, and the function."""
        function = self.function()
        text = "\n".join([*self.shared.functions, function])
        helpers = self._helpers(text)
        parts = ["\n".join(self._imports("\n".join([*helpers, text]))), *helpers]
        if self.shared.constants:
            parts.append("\n".join(self.shared.constants))
        parts += [*self.shared.functions, function]
        return "\n\n\n".join(part.rstrip() for part in parts) + "\n"

    def function(self) -> str:
        """The text of the function alone."""
        rows = [row for node in self.graph.equation_nodes() for row in self._rows(node)]
        rows += [self._guard_row(guard) for guard in self.graph.guards]
        arguments = ", ".join(self.texts[node] for node in self.graph.input_nodes)
        outputs = ", ".join(self._output(node) for node in self.graph.output_nodes)
        head = [*([self.decorator] if self.decorator else []), f"def {self.title}({arguments}):"]
        return "\n".join([*head, *_with_comments(rows), f"    return {outputs}"])

    def _helpers(self, text: str) -> list[str]:
        return [helper for name, helper in HELPERS.items() if f"{name}(" in text]

    def _imports(self, text: str) -> list[str]:
        return _imports(text)

    def _output(self, node: int) -> str:
        return self.texts[node]

    def _step(self, body: Any) -> str:
        """The name of the function that is the step of a loop, written when it is new."""
        shared = self.shared
        if body not in shared.steps:
            shared.steps[body] = name = shared.unique(body.name)
            shared.functions.append(type(self)(body.graph, name, shared).function())
            shared.writing.pop()
        return shared.steps[body]

    def _literal(self, value: Any) -> str:
        """A constant where it is used, or the name of one that is defined before the function."""
        array = np.asarray(value)
        if array.ndim == 0:
            return constant(array)
        return array_text(array) if array.size <= _INLINE_ELEMENTS else self._named(array)

    def _named(self, array: np.ndarray) -> str:
        """The name of a constant that is defined before the function."""
        name = self.shared.unique("constant")
        text = f"{name} = {array_text(array)}"
        wrapped = textwrap.wrap(text, _WIDTH, subsequent_indent="    ")
        self.shared.constants.append("\n".join(wrapped))
        return name

    def _guard_row(self, guard: Guard) -> tuple[str, str]:
        """The branch that capture took; the text holds for this branch only."""
        kind = type(guard.outcome).__name__
        test = f"assert {kind}({self.texts[guard.node]}) == {guard.outcome!r}"
        return test, f"{line_of(guard.source)} (the branch taken)".strip()

    def _rows(self, node: int) -> list[tuple[str, str]]:
        """The statements of one equation, each with the user's line."""
        columns = self.columns
        operands = columns.operands[node]
        texts, avals = [self.texts[i] for i in operands], [columns.avals[i] for i in operands]
        if operands and all(columns.operations[i] is LITERAL for i in operands):
            texts = [self._typed(*pair) for pair in zip(texts, avals, strict=True)]
        line = line_of(columns.sources[node])
        first, *rest = self._statements(node, texts, avals)
        return [(first, line), *[(statement, "") for statement in rest]]

    def _typed(self, text: str, of: Aval) -> str:
        """Among plain numbers, which follow Python's rules: an error for 1/0, no dtype."""
        typed = of.ndim or text.startswith("np.float")
        return text if typed else f"{dtype_text(of.dtype)}({text})"

    def _statements(self, node: int, texts: Sequence[str], avals: Sequence[Aval]) -> list[str]:
        """The statements of one equation, whose operands have these texts."""
        operation, out = self.columns.operations[node], self.columns.avals[node]
        target = self.texts[node]
        if operation.name == "scatter_add":
            return _scatter_add(target, operation, texts, out)
        if operation.name == "scan":
            return [f"{target} = {loop_text(operation, texts, self._step)}"]
        return [f"{target} = {_right_side(operation, texts, avals, out)}"]


def _imports(text: str) -> list[str]:
    lines = ["import numpy as np"]
    if "special." in text:
        lines.append("from scipy import special")
    if "REGISTRY[" in text:
        lines += ["", *_homes(text), "from diffkit.graph.primitive import REGISTRY"]
    images = [name for name in IMAGE_OPERATIONS if re.search(rf"\b{name}\(", text)]
    if images:
        lines += ["", f"from diffkit.primitives.convolution import {', '.join(images)}"]
    return lines


def _with_comments(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Statements with the user's lines as comments, aligned where they are short."""
    width = max((len(text) for text, line in rows if line), default=0)
    width = min(width, _COMMENT_COLUMN)
    return [f"    {text:{width}}  # {line}" if line else f"    {text}" for text, line in rows]


def array_text(array: np.ndarray) -> str:
    """An array as code with its exact values and dtype.

    >>> array_text(np.array([0.1, np.nan], np.float32))
    'np.array([0.1, np.nan], np.float32)'
    """
    if array.size == 0:
        return f"np.zeros({array.shape}, {dtype_text(array.dtype)})"
    return f"np.array({_nested(array)}, {dtype_text(array.dtype)})"


def _nested(array: np.ndarray) -> str:
    if array.ndim:
        return f"[{', '.join(_nested(np.asarray(part)) for part in array)}]"
    if array.dtype.kind != "f":
        return repr(array.item())
    text = constant(array)
    start = text.find("(") + 1 if text.endswith(")") else 0
    return text[start:-1] if start else text


# Operations that are not elementwise ---------------------------------------------------------


def _right_side(
    operation: Operation, texts: Sequence[str], avals: Sequence[Aval], out: Aval
) -> str:
    writer = _WRITERS.get(operation.name)
    if writer is not None:
        return writer(texts, avals, **operation.kwargs)
    if writable(operation, NUMPY):
        return expression(NUMPY, operation, texts, avals, out)
    scipy = getattr(operation.primitive, "scipy", None)
    if scipy is not None and not operation.params:
        return f"special.{scipy or operation.name}({', '.join(texts)})"
    # a primitive that has no text of its own, such as one that a user has registered
    params = [f"{key}={value!r}" for key, value in operation.params]
    return f"REGISTRY[{operation.name!r}].value({', '.join([*texts, *params])})"


def _homes(text: str) -> list[str]:
    """Imports of the modules of diffkit's own primitives that a text looks up."""
    modules = {type(REGISTRY[name]).__module__ for name in re.findall(r"REGISTRY\['(\w+)'\]", text)}
    own = sorted(module for module in modules if module.startswith("diffkit."))
    return [f"import {module}" for module in own or ["diffkit"]]


def _axis(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def _reduction(function: str) -> Callable[..., str]:
    def write(texts: Sequence[str], avals: Sequence[Aval], axes: Any, held: bool = False) -> str:
        if function.startswith("np.") and len(axes) == avals[0].ndim:
            return f"{function}({texts[0]})"
        return f"{function}({texts[0]}, axis={_axis(axes)})"

    return write


def _along(function: str) -> Callable[..., str]:
    def write(texts: Sequence[str], avals: Sequence[Aval], axis: int) -> str:
        return f"{function}({texts[0]}, axis={axis})"

    return write


def _reshape(texts: Sequence[str], avals: Sequence[Aval], shape: tuple[int, ...]) -> str:
    return f"np.reshape({texts[0]}, {shape})"


def _transpose(texts: Sequence[str], avals: Sequence[Aval], axes: tuple[int, ...]) -> str:
    if axes == tuple(reversed(range(len(axes)))):
        return f"np.transpose({texts[0]})"
    return f"np.transpose({texts[0]}, {axes})"


def _spread(
    texts: Sequence[str], avals: Sequence[Aval], axes: tuple[int, ...], sizes: tuple[int, ...]
) -> str:
    shape = list(avals[0].shape)
    for axis, size in zip(axes, sizes, strict=True):
        shape.insert(axis, size)
    leading = axes == tuple(range(len(axes)))
    inner = texts[0] if leading else f"np.expand_dims({texts[0]}, {_axis(axes)})"
    return f"np.broadcast_to({inner}, {tuple(shape)})"


def _concatenate(texts: Sequence[str], avals: Sequence[Aval], axis: int) -> str:
    return f"np.concatenate([{', '.join(texts)}], axis={axis})"


def _flip(texts: Sequence[str], avals: Sequence[Aval], axes: tuple[int, ...]) -> str:
    return f"np.flip({texts[0]}, {axes})"


def _matmul(texts: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"{texts[0]} @ {texts[1]}"


def _einsum(texts: Sequence[str], avals: Sequence[Aval], subscripts: str) -> str:
    optimize = ", optimize=True" if len(texts) > 1 else ""
    return f"np.einsum({', '.join([repr(subscripts), *texts])}{optimize})"


def index_text(index: tuple[Any, ...], arrays: Sequence[str]) -> str:
    """An index as it is written between brackets.

    >>> index_text((0, ("slice", None, 3, None), None, ("array", 1)), ["k"])
    '0, :3, None, k'
    """
    parts = []
    for part in index:
        if not isinstance(part, tuple):
            parts.append(str(part))
        elif part[0] == "slice":
            start, stop, step = ("" if bound is None else str(bound) for bound in part[1:])
            parts.append(f"{start}:{stop}:{step}" if step not in ("", "1") else f"{start}:{stop}")
        else:
            parts.append(arrays[part[1] - 1])
    return ", ".join(parts) or "()"


def _getitem(texts: Sequence[str], avals: Sequence[Aval], index: tuple[Any, ...]) -> str:
    return f"{texts[0]}[{index_text(index, texts[1:])}]"


def _scatter_add(target: str, operation: Operation, texts: Sequence[str], out: Aval) -> list[str]:
    """Zeros, and the statement that puts or adds the values."""
    index = operation.kwargs["index"]
    zeros = f"{target} = np.zeros({out.shape}, {dtype_text(out.dtype)})"
    inside = index_text(index, texts[1:])
    if any(isinstance(part, tuple) and part[0] == "array" for part in index):
        key = f"np.s_[{inside}]"
        return [zeros, f"np.add.at({target}, {key}, {texts[0]})"]
    return [zeros, f"{target}[{inside}] = {texts[0]}"]


IMAGE_OPERATIONS = ("conv2d", "conv2d_filter", "conv2d_image", "fold", "windows")


def _image(name: str) -> Callable[..., str]:
    """NumPy has no convolution of images: the text calls diffkit's own."""

    def call(texts: Sequence[str], avals: Sequence[Aval], **params: Any) -> str:
        options = [f"{key}={value!r}" for key, value in params.items()]
        return f"{name}({', '.join([*texts, *options])})"

    return call


_WRITERS: dict[str, Callable[..., str]] = {
    **{name: _image(name) for name in IMAGE_OPERATIONS},
    **LINEAR_ALGEBRA,
    "argmax": _along("np.argmax"),
    "argmin": _along("np.argmin"),
    "concatenate": _concatenate,
    "cumsum": _along("np.cumsum"),
    "einsum": _einsum,
    "flip": _flip,
    "getitem": _getitem,
    "logsumexp": _reduction("logsumexp"),
    "matmul": _matmul,
    "max": _reduction("np.max"),
    "min": _reduction("np.min"),
    "prod": _reduction("np.prod"),
    "reshape": _reshape,
    "softmax": _reduction("softmax"),
    "spread": _spread,
    "sum": _reduction("np.sum"),
    "transpose": _transpose,
}
