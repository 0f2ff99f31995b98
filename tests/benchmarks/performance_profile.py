"""Where the time of a gradient goes: the rows of its program, and what the call adds.

The run loop can be told to stop after any row, on the same data as always.  All prefixes of a
program take turns, the shortest time of each is kept, and the time of a row is the difference of
two prefixes.  (Running one row alone would find its data in the cache, and rows that work in place
would change it.)

    python tests/benchmarks/performance.py --kit KIT --profile mlp_tanh-64x32-b32
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from performance_counts import cpu_seconds, gradient_of, repeats_of

import diffkit as dk
from diffkit.engines.machine.builder import Callback
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.running import MachineRunner, machine_runner

__all__ = ["layers", "lines", "profile"]

ROUNDS = 60
# A program with more rows than this is measured in as many groups of rows.
MOST_GROUPS = 60
END_WORD = 1  # of the words that the run loop begins with (machine/state.py)


def _described(row: Any) -> str:
    """The kernel of a row, what a tape computes, and the shapes of the operands."""
    if isinstance(row, Callback):
        return "Python: " + str(getattr(row.function, "__name__", row.function))
    kernel, *items = row.items
    steps = [item for item in items if isinstance(item, str)]
    shapes = [f"{item.shape}".replace(" ", "") for item in items if isinstance(item, Value)]
    if str(kernel).startswith("tape"):
        shapes = [f"{items[0]}×"] if items and isinstance(items[0], int) else []
    return " ".join([str(kernel), *shapes, *steps])


def _shortest(calls: list[Callable[[], Any]], repeats: int, rounds: int) -> np.ndarray:
    times = [[cpu_seconds(call, repeats) for call in calls] for _ in range(rounds)]
    return np.min(times, axis=0)


def profile(runner: MachineRunner, leaves: Any) -> list[tuple[float, str]]:
    """Seconds and description of each row, in order; the first entry is the empty program.

    Raises
    ------
    ValueError
        When a row calls Python: such programs do not run in one piece.
    """
    program = runner.program
    if program.callbacks:
        raise ValueError("a row of this program calls Python")
    runner(leaves)
    state = runner.state()
    state.load(leaves)
    ends = np.array([*program.starts, len(program.words)])
    groups = np.unique(np.linspace(0, len(program.rows), MOST_GROUPS + 1).astype(int))

    def prefix(end: int) -> Callable[[], Any]:
        def call() -> None:
            state.words[END_WORD] = end
            runner.enter(state.address)

        return call

    calls = [prefix(int(ends[k])) for k in groups]
    times = _shortest(calls, repeats_of(calls[-1]), ROUNDS)
    # a longer prefix takes no less time: what is left of disturbances is smoothed away
    times = np.minimum.accumulate(times[::-1])[::-1]
    spans = zip(groups[:-1], groups[1:], np.diff(times), strict=True)
    found = [(float(times[0]), "the call into compiled code")]
    for begin, end, seconds in spans:
        names = [_described(row) for row in program.rows[begin : min(end, begin + 1)]]
        more = f" and {end - begin - 1} more rows" if end - begin > 1 else ""
        found.append((float(seconds), names[0] + more))
    return found


def layers(kit: Path, name: str) -> dict[str, float]:
    """Median CPU seconds of the limit, the rows, the bound call, and the call, taking turns."""
    graph, args = gradient_of(kit, name)
    runner = machine_runner(graph)
    runner(args)
    state = runner.state()
    state.load(args)
    workload = import_module("workloads").build(name)
    both = dk.value_and_grad(workload.f, argnums=workload.wrt, engine="machine")
    bound = dk.trace(both, *args).bind(engine="machine")
    limits = [import_module("limits").build(workload, blas)[1] for blas in _recipes(workload)]
    calls: dict[str, Callable[[], Any]] = {
        "rows": lambda: runner.enter(state.address),
        "bound": lambda: bound(*args),
        "call": lambda: both(*args),
    } | {f"limit {k}": limit for k, limit in enumerate(limits)}
    repeats = {key: repeats_of(call) for key, call in calls.items()}
    times: dict[str, list[float]] = {key: [] for key in calls}
    for _ in range(ROUNDS):
        for key, call in calls.items():
            times[key].append(cpu_seconds(call, repeats[key]))
    found = {key: statistics.median(value) for key, value in times.items()}
    limit = min(found.pop(key) for key in list(found) if key.startswith("limit"))
    return {"limit": limit, **found}


def _recipes(workload: Any) -> tuple[bool, ...]:
    return (True, False) if workload.group == "nn" else (False,)


def lines(kit: Path, name: str) -> list[str]:
    """The profile of a workload as text: microseconds, share, row."""
    graph, args = gradient_of(kit, name)
    rows = profile(machine_runner(graph), args)
    total = sum(seconds for seconds, _ in rows)
    told = [f"{1e6 * s:10.3f} µs {s / total:6.1%}  {text}" for s, text in rows]
    parts = ", ".join(f"{key} {1e6 * s:.2f} µs" for key, s in layers(kit, name).items())
    return [name, *told, f"{1e6 * total:10.3f} µs in all", parts]


if __name__ == "__main__":
    print(*lines(Path(sys.argv[1]), sys.argv[2]), sep="\n")
