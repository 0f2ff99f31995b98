"""Which engine runs a function here, and why: ``dk.engines.explain(f, *args)``.

For the function's value and for its gradient in reverse mode the graph is captured, every engine
that can run it is timed, and the reasons are told in sentences: how large the graph is, over how
many lanes it goes, what is left to Python, whether the machine's kernels are there, what compiling
the graph took and after how many calls that has paid:

    calls = (time to compile) / (time of the machine − time of specialised code)

Specialised code has the machine's bits, so the choice between them is one of time alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.engines.calling import chosen_engine, leaves_of, runner_of
from diffkit.errors import EngineError
from diffkit.graph.ir import Graph
from diffkit.lazy import LazyModule

__all__ = ["EngineChoice", "EngineReport", "explain"]

# Derivatives are made a layer above; what is explained here is how their graphs run.
_reverse: Any = LazyModule("diffkit.differentiate.reverse")
# Each engine runs as often as fits in so many seconds, within these bounds; the least time counts.
_SECONDS, _FEWEST, _MOST = 0.02, 3, 200
_LONG = 0.25  # seconds of a run that is not repeated
_TIMED = ("interpret", "machine", "specialise")


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine for one graph.

    ``seconds`` are the least times of one run by engine, ``compile_seconds`` is what it took to
    have specialised code (0 where it was there), ``calls_to_pay`` the number of calls after which
    it has paid against the machine, None for never.
    """

    what: str
    engine: str
    reasons: tuple[str, ...]
    seconds: dict[str, float]
    compile_seconds: float
    calls_to_pay: int | None

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain Python values."""
        return {
            "what": self.what, "engine": self.engine, "reasons": list(self.reasons),
            "seconds": dict(self.seconds), "compile_seconds": self.compile_seconds,
            "calls_to_pay": self.calls_to_pay,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class EngineReport:
    """The engines for a function's value and gradient, as :func:`explain` found them."""

    choices: tuple[EngineChoice, ...]

    @property
    def engine(self) -> str:
        """The engine of the last choice: the gradient where there is one, else the value."""
        return self.choices[-1].engine

    @property
    def reasons(self) -> tuple[str, ...]:
        """All reasons, with what they are about."""
        return tuple(f"{c.what}: {reason}" for c in self.choices for reason in c.reasons)

    def table(self) -> str:
        """The measured times in microseconds, one line per graph; the chosen engine has a star."""
        lines = [" " * 10 + "".join(f"{name:>14}" for name in _TIMED) + f"{'compile':>12}"]
        for choice in self.choices:
            cells = [_cell(choice, name) for name in _TIMED]
            compiled = f"{1e3 * choice.compile_seconds:.1f} ms"
            lines.append(f"{choice.what:<10}" + "".join(f"{c:>14}" for c in cells)
                         + f"{compiled:>12}")  # fmt: skip
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """All choices as plain Python values."""
        return {"engine": self.engine, "choices": [choice.to_dict() for choice in self.choices]}

    def __str__(self) -> str:
        return "\n".join([self.table(), "", *self.reasons])


def _cell(choice: EngineChoice, name: str) -> str:
    if name not in choice.seconds:
        return "-"
    return f"{1e6 * choice.seconds[name]:.1f} us{'*' if name == choice.engine else ' '}"


def explain(f: Callable[..., Any] | Graph, *args: Any, engine: str = "auto") -> EngineReport:
    """Which engine runs a function and its gradient at these arguments, with times and reasons.

    Parameters
    ----------
    f
        A function of NumPy's functions, or a graph.
    *args
        The arguments; they are not changed.
    engine
        The name as it would be given to ``grad``.

    Returns
    -------
    EngineReport
        With ``.engine``, ``.reasons``, ``.table()`` and ``.to_dict()``.

    Raises
    ------
    DiffkitError
        Where the function cannot be captured at these arguments.

    Source: measured here and now; see the module's essay.

    >>> import diffkit as dk
    >>> report = dk.engines.explain(lambda x: x * x, 3.0, engine="interpret")
    >>> report.engine, [choice.what for choice in report.choices]
    ('interpret', ['value', 'gradient'])
    """
    graph = (f if isinstance(f, Graph) else trace(f, *args)).folded()  # as gradients run it
    leaves = leaves_of(graph, args, {})
    choices = [_choice("value", graph, leaves, engine)]
    slope = _gradient(graph)
    if slope is not None:
        choices.append(_choice("gradient", slope, leaves, engine))
    return EngineReport(tuple(choices))


def _gradient(graph: Graph) -> Graph | None:
    """Value and gradient by the inputs that are floats; None where there is no gradient."""
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    floats = tuple(k for k, aval in enumerate(avals) if aval.dtype.kind == "f")
    outputs = [graph.columns.avals[node] for node in graph.output_nodes]
    if not floats or len(outputs) != 1 or outputs[0].shape or outputs[0].dtype.kind != "f":
        return None
    return _reverse.gradient_graph(graph, floats)


# Measuring ---------------------------------------------------------------------------------------


def _choice(what: str, graph: Graph, leaves: Sequence[Any], engine: str) -> EngineChoice:
    chosen = chosen_engine(engine)
    seconds: dict[str, float] = {}
    told: list[str] = []
    compiling = 0.0
    for name in _TIMED:
        if name == "machine" and not _is_there(chosen):
            continue
        if name == "specialise" and not (_is_there(chosen) or chosen == name):
            continue
        begun = time.perf_counter()
        try:
            runner = runner_of(graph, name)
        except EngineError as error:
            told.append(f"{name} cannot run it: {error.message}.")
            continue
        if name == "specialise":  # with what it takes to load code that is on disk
            compiling = time.perf_counter() - begun
        seconds[name] = _least(runner, leaves)
    pays = _calls_to_pay(seconds, compiling)
    programs = _about_program(graph) if "machine" in seconds else []
    reasons = (*_about(graph), *programs, *_about_engine(engine, chosen), *told,
               *_about_times(seconds, pays))  # fmt: skip
    return EngineChoice(what, chosen, reasons, seconds, compiling, pays)


def _is_there(chosen: str) -> bool:
    """Whether the machine can be timed without building it first."""
    from diffkit.engines.machine.loading import is_warm

    return chosen == "machine" or is_warm()


def _least(runner: Callable[[Sequence[Any]], Any], leaves: Sequence[Any]) -> float:
    """The least time of a run; the first one counts only where it is long."""
    with np.errstate(all="ignore"):
        begun = time.perf_counter()
        runner(leaves)
        now = time.perf_counter()
        least, end, count = now - begun, now + _SECONDS, 0
        if least > _LONG:
            return least
        least = np.inf
        while count < _FEWEST or (count < _MOST and time.perf_counter() < end):
            begun = time.perf_counter()
            runner(leaves)
            least, count = min(least, time.perf_counter() - begun), count + 1
    return float(least)


def _calls_to_pay(seconds: dict[str, float], compiling: float) -> int | None:
    if not {"machine", "specialise"} <= seconds.keys():
        return None
    gained = seconds["machine"] - seconds["specialise"]
    return ceil(compiling / gained) if gained > 0.0 else None


# Reasons -----------------------------------------------------------------------------------------


def _about(graph: Graph) -> list[str]:
    """What there is to compute."""
    nodes = list(graph.equation_nodes())
    lanes = max((graph.columns.avals[node].size for node in nodes), default=0)
    found = [f"{len(nodes)} operations on arrays of at most {lanes} elements"]
    if graph.guards:
        found.append(f"{len(graph.guards)} branches of the function are checked at each call")
    return found


def _about_program(graph: Graph) -> list[str]:
    """What of the machine's program is left to Python, and whether it is compiled already."""
    from diffkit.engines.machine.program import program_of
    from diffkit.engines.machine.running import machine_runner

    columns = graph.columns
    left = sorted({columns.operations[row.node].name for row in program_of(graph).callbacks.values()
                   if 0 <= row.node < len(columns)})  # fmt: skip
    found = [f"the machine calls Python for {', '.join(left)}"] if left else []
    if machine_runner(graph).program is not program_of(graph):
        found.append("its loops are long, so the machine runs the specialised program")
    return found


def _about_engine(engine: str, chosen: str) -> list[str]:
    if engine != "auto":
        return [f"engine={engine!r} was asked for"]
    if chosen == "machine":
        return ["the machine's kernels are there, so auto is the machine"]
    return ["the machine's kernels are not compiled yet (diffkit warmup), so auto interprets"]


def _about_times(seconds: dict[str, float], pays: int | None) -> list[str]:
    if not {"machine", "specialise"} <= seconds.keys():
        return []
    ratio = seconds["machine"] / seconds["specialise"]
    if pays is None:
        return [f"specialised code takes {1 / ratio:.2f} times as long as the machine"]
    return [
        f"specialised code is {ratio:.2f} times as fast as the machine, with the same bits; "
        f'engine="specialise" has paid after {pays} calls'
    ]
