"""The compiled engine for one graph: its program through LLVM, or readable Numba source.

The first way takes the machine's program of a graph and compiles its loops
(``engines/machine/specialising/``): any graph has one, and results are the machine's bit for bit.
Where the installed LLVM does not take the code, a note says so and the second way is taken.

There scalar graphs become straight-line code (``engines/unrolled.py``), elementwise graphs over
arrays become loops (``engines/lanes.py``); a derivative is a graph like any other, so forward
and reverse mode are compiled by the same few lines.  The source is a module in the cache folder
(``engines/cache.py``), and a second process loads its machine code without compiling.  It also
serves formulas on arrays of other shapes than they were captured with.

Compiled results equal the interpreter's up to two ulps of functions such as ``sin``, where
NumPy's own vector code, ``engines/elementary.py`` (in loops) and the C library (in
straight-line code) may round differently.  The idea of
compiling a traced expression is as old as automatic differentiation by source transformation
(Speelpenning 1980); the compiler is Numba (Lam, Pitrou & Seibert 2015).

Reading on: ``graph.to_source(target="numba")``, which prints any graph as code to be read.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from diffkit.engines.emitting import ELEMENTARY, KERNELS
from diffkit.engines.kernels import Argument, Kernel, Result, live_nodes
from diffkit.engines.specialise_shapes import runner_for_shapes
from diffkit.errors import DiffkitWarning, EngineError
from diffkit.graph.ir import Graph

Runner: TypeAlias = Callable[[Sequence[Any]], list[Any]]

__all__ = ["compile_graph", "kernel_of", "kernel_source", "library_text", "numba_runner",
           "specialised_runner"]  # fmt: skip

_KERNEL_NAME = "kernel"
_RESERVED = ("CACHE", "FLAGS", "abs", "float", "int", "math", "njit", "np",
             "range", "types", "vector", _KERNEL_NAME, *ELEMENTARY, *KERNELS)  # fmt: skip


def compile_graph(graph: Graph) -> Callable[..., Any]:
    """A graph as a compiled function that is called like the graph itself.

    Parameters
    ----------
    graph
        Scalars, or arrays under elementwise operations and sums; any real dtype.

    Returns
    -------
    callable
        Takes what ``graph(...)`` takes and returns what it returns.

    Raises
    ------
    EngineError
        Naming the first operation that cannot be compiled, and its line.

    Source: see the module's essay.

    >>> import diffkit as dk
    >>> float(dk.parse("x*y + 1").compile()(x=2.0, y=3.0))
    7.0
    """
    from diffkit.engines.calling import bind_graph

    specialised_runner(graph)  # errors come now, not at the first call
    return bind_graph(graph, engine="specialise")


def specialised_runner(graph: Graph) -> Runner:
    """A function from flat input values to the list of flat outputs, as ``interpret.run``.

    Raises
    ------
    EngineError
        Naming the first operation that cannot be compiled.

    >>> import diffkit as dk
    >>> specialised_runner(dk.parse("x*y + 1"))([2.0, 3.0])
    [np.float64(7.0)]
    """
    runner = graph.cache.get("specialised")
    if runner is None:
        runner = graph.cache["specialised"] = _compiled_program(graph) or numba_runner(graph)
    return runner


def numba_runner(graph: Graph) -> Runner:
    """The same by way of Numba source, for scalar and elementwise graphs.

    Raises
    ------
    EngineError
        Naming the first operation that cannot be compiled.

    >>> import diffkit as dk
    >>> numba_runner(dk.parse("x*y + 1"))([2.0, 3.0])
    [np.float64(7.0)]
    """
    runner = graph.cache.get("numba runner")
    if runner is None:
        runner = graph.cache["numba runner"] = _runner(graph)
    return runner


_TOLD: list[str] = []  # the note is given once


def _compiled_program(graph: Graph) -> Runner | None:
    """The graph's program through LLVM; None where this is impossible or switched off."""
    from diffkit.engines.machine.specialising.switching import is_off

    if is_off():
        return None
    from diffkit.engines.machine.specialising.programs import specialised_program_runner

    try:
        runner = specialised_program_runner(graph)
    except EngineError as error:
        if not _TOLD:
            _TOLD.append(str(error))
            warnings.warn(
                f"specialised code is written by Numba instead of LLVM: {error.message}",
                DiffkitWarning,
                stacklevel=2,
            )
        return None
    if not graph.keywords:
        return runner
    shapes = [graph.columns.avals[node].shape for node in graph.input_nodes]

    def run_text(leaves: Sequence[Any]) -> list[Any]:
        # a formula made from text works on arrays, too
        same = all(np.shape(x) == shape for x, shape in zip(leaves, shapes, strict=True))
        return runner(leaves) if same else numba_runner(graph)(leaves)

    return run_text


def kernel_of(graph: Graph) -> Kernel:
    """How a graph is compiled: as a loop over lanes if it can be, else as straight-line code.

    Raises
    ------
    EngineError
        Naming the first operation that cannot be compiled.
    """
    from diffkit.engines.lanes import fuse
    from diffkit.engines.unrolled import VECTOR_LIMIT, unroll

    sizes = [graph.columns.avals[node].size for node in live_nodes(graph)]
    arrays = any(graph.columns.avals[node].ndim for node in live_nodes(graph))
    if not arrays:
        return unroll(graph, _RESERVED)
    short = max(sizes) <= VECTOR_LIMIT
    try:
        fused = fuse(graph, _RESERVED)
        if not (fused.tail and short):
            return fused
    except EngineError:
        if not short:
            raise
        return unroll(graph, _RESERVED)
    try:
        return unroll(graph, _RESERVED)
    except EngineError:
        return fused


# Source ----------------------------------------------------------------------------------------


def kernel_source(kernel: Kernel) -> str:
    """The text of the module that holds a kernel.

    It reads the global ``CACHE``, which ``engines/cache.py`` sets.
    """
    arguments = ", ".join(argument.name for argument in kernel.arguments)
    returned = ", ".join(kernel.returned)
    function = "\n".join([
        f"def {_KERNEL_NAME}({arguments}):",
        *(f"    {statement}" for statement in kernel.body),
        f"    return {returned}",
    ])  # fmt: skip
    signature = ", ".join(_type_text(argument) for argument in kernel.arguments)
    comma = "," if len(kernel.arguments) == 1 else ""
    decorator = f"@njit(({signature}{comma}), cache=CACHE, **FLAGS)"
    return "\n".join([*_imports(kernel, function), "", "", decorator, function, ""])


def _type_text(argument: Argument) -> str:
    scalar = f"types.{'boolean' if argument.dtype.kind == 'b' else argument.dtype.name}"
    return f"vector({scalar})" if argument.is_vector else scalar


def _imports(kernel: Kernel, function: str) -> list[str]:
    called = set(re.findall(r"(?<![\w.])\w+(?=\()", function))
    formulas = sorted(called.intersection(ELEMENTARY))
    # Formulas pay in loops, which LLVM vectorises.  Straight-line code would run no faster with
    # them and take up to a third longer to compile (measured), so it calls the C library.
    library = [] if "for " in function else [name for name in formulas if hasattr(math, name)]
    formulas = [name for name in formulas if name not in library]
    ours = ["FLAGS", *sorted(called.intersection(KERNELS))]
    if any(argument.is_vector for argument in kernel.arguments):
        ours.append("vector")
    return [
        *(["import math"] if "math." in function else []),
        *([f"from math import {', '.join(library)}"] if library else []),
        *(["import numpy as np"] if "np." in function else []),
        "from numba import njit, types",
        "",
        *([f"from diffkit.engines.elementary import {', '.join(formulas)}"] if formulas else []),
        f"from diffkit.engines.scalar_kernels import {', '.join(ours)}",
    ]


def _compiled(kernel: Kernel) -> Callable[..., Any]:
    """The machine code of a kernel, compiled or loaded from disk."""
    from diffkit.engines.cache import load_source, source_hash

    source = kernel_source(kernel)
    found = _LOADED.get(source)
    if found is None:
        module, _ = load_source(source, source_hash(source, *library_text()))
        found = _LOADED[source] = getattr(module, _KERNEL_NAME)
        while len(_LOADED) > _LOADED_LIMIT:
            _LOADED.pop(next(iter(_LOADED)))
    return found


# Kernels of this process, so that graphs with the same text share one.
_LOADED: dict[str, Callable[..., Any]] = {}
_LOADED_LIMIT = 512


_LIBRARY = (
    "scalar_kernels.py", "elementary.py", "elementary_parts.py", "elementary_single.py",
    "lane_terms.py",
)  # fmt: skip


def library_text() -> tuple[str, ...]:
    """The text of everything that machine code is made from besides its own source."""
    from pathlib import Path

    folder = Path(__file__).parent
    return tuple((folder / name).read_text(encoding="utf-8") for name in _LIBRARY)


# Calling ---------------------------------------------------------------------------------------


class _OtherShape(Exception):
    """An argument has another shape than the graph was captured with."""


def _runner(graph: Graph) -> Runner:
    kernel = kernel_of(graph)
    function = _compiled(kernel) if kernel.returned else None
    general = _general_runner(graph, kernel, function)
    if function is None or not _is_plain(kernel):
        return general
    places = [argument.place for argument in kernel.arguments]
    in_order = places == list(range(len(graph.input_nodes)))
    array, single = np.ndarray, len(kernel.returned) == 1

    def run_scalars(leaves: Sequence[Any]) -> list[Any]:
        if array in map(type, leaves):
            return general(leaves)
        used = leaves if in_order else [leaves[place] for place in places]
        values = function(*map(float, used))
        return [np.float64(values)] if single else list(map(np.float64, values))

    return run_scalars


def _is_plain(kernel: Kernel) -> bool:
    """Whether all arguments and results are float64 scalars: the quick way in and out."""
    order = [(result.kind, result.place) for result in kernel.results]
    return (
        all(a.dtype == np.float64 and not a.is_vector for a in kernel.arguments)
        and all(r.dtype == np.float64 and not r.shape for r in kernel.results)
        and order == [("computed", place) for place in range(len(kernel.returned))]
    )


def _general_runner(graph: Graph, kernel: Kernel, function: Callable[..., Any] | None) -> Runner:
    readers = [_reader(argument) for argument in kernel.arguments]
    finishers = [_finisher(result) for result in kernel.results]
    finish_tail = None if kernel.wanted == list(graph.output_nodes) else _tail(graph, kernel)
    single = len(kernel.returned) == 1

    def run(leaves: Sequence[Any]) -> list[Any]:
        try:
            arguments = [read(leaves) for read in readers]
        except _OtherShape:
            return runner_for_shapes(graph, leaves, _runner)(leaves)
        values = () if function is None else function(*arguments)
        values = (values,) if single else values
        outputs = [finish(values, leaves) for finish in finishers]
        return outputs if finish_tail is None else finish_tail(outputs)

    return run


def _reader(argument: Argument) -> Callable[[Sequence[Any]], Any]:
    """A function from the leaves to one argument of a kernel; it never changes a leaf."""
    place, dtype, shape, lanes = argument.place, argument.dtype, argument.shape, argument.lanes
    if argument.value is not None:
        prepared = _flat(np.require(argument.value, dtype, ("C", "A")), lanes)
        return lambda leaves: prepared
    if not argument.is_vector:
        convert = {"f8": float, "i8": int, "b1": bool}.get(dtype.str[1:], dtype.type)

        def read_scalar(leaves: Sequence[Any]) -> Any:
            leaf = leaves[place]
            if isinstance(leaf, np.ndarray) and leaf.ndim:
                raise _OtherShape
            return convert(leaf)

        return read_scalar

    def read_vector(leaves: Sequence[Any]) -> Any:
        leaf = leaves[place]
        if leaf.__class__ is not np.ndarray or leaf.dtype != dtype or not leaf.flags.carray:
            leaf = np.require(leaf, dtype, ("C", "A"))
        if leaf.shape != shape:
            raise _OtherShape
        return _flat(leaf, lanes)

    return read_vector


def _flat(array: np.ndarray, lanes: tuple[int, ...] | None) -> np.ndarray:
    if lanes is not None and array.shape != lanes:
        array = np.ascontiguousarray(np.broadcast_to(array, lanes))
    return array if array.ndim == 1 else array.reshape(-1)


def _finisher(result: Result) -> Callable[[Any, Sequence[Any]], Any]:
    """A function from what the kernel returned, and the leaves, to one output."""
    place, shape, scalar = result.place, result.shape, result.dtype.type
    if result.kind == "constant":
        return lambda values, leaves: result.value
    if result.kind == "input":
        return lambda values, leaves: np.array(leaves[place], dtype=result.dtype)[()]
    if not shape:
        return lambda values, leaves: scalar(values[place])
    if len(shape) == 1:
        return lambda values, leaves: values[place]
    return lambda values, leaves: values[place].reshape(shape)


def _tail(graph: Graph, kernel: Kernel) -> Runner:
    """The equations that NumPy computes from a kernel's results, and the graph's outputs."""
    columns = graph.columns
    steps = [
        (partial(columns.operations[node].primitive.value, **columns.operations[node].kwargs),
         columns.operands[node], node)
        for node in kernel.tail
    ]  # fmt: skip

    def finish_tail(outputs: Sequence[Any]) -> list[Any]:
        state = dict(zip(kernel.wanted, outputs, strict=True))
        with np.errstate(all="ignore"):
            for function, operands, node in steps:
                state[node] = function(*[state[operand] for operand in operands])
        return [state[node] for node in graph.output_nodes]

    return finish_tail
