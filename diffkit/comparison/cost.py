"""What a derivative costs: operations, memory, time.

Operations are the declared floating-point operations of the graphs a method runs; the cheap
gradient principle says that reverse mode needs at most a small multiple of the function's own,
whatever the number of inputs (Griewank & Walther 2008, *Evaluating Derivatives*, section 4.6).
Memory is the largest number of bytes alive at once while a graph runs, from the last use of
every value.  Time is processor time of this process, the median of repeated runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any

from diffkit.engines.liveness import dying_at
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["Timing", "measure", "peak_memory"]

# A batch of runs lasts at least this long, so that the clock's own cost does not show.
BATCH_SECONDS = 1e-3
# Medians of fewer batches than this say nothing; more than this cost time for nothing.
MOST_BATCHES = 31
# One run that takes longer than this is not repeated.
SLOW_SECONDS = 2.0
# Shorter than any call from Python: keeps the number of repeats finite.
SHORTEST_RUN = 1e-7
# A complex double is two doubles.
COMPLEX_BYTES = 2


@dataclass(frozen=True)
class Timing:
    """Seconds of processor time per call, and what the first call took beyond that."""

    seconds: float
    first_extra: float
    result: Any


def measure(call: Callable[[], Any], budget: float = 0.1) -> Timing:
    """The median time of a call within a budget of seconds, and the result of its first run.

    The first run is kept apart: it captures, compiles and fills caches.

    >>> timing = measure(lambda: sum(range(100)), budget=0.01)
    >>> timing.result, 0 < timing.seconds < 0.01
    (4950, True)
    """
    start, wall = process_time(), perf_counter()
    result = call()
    first, waited = process_time() - start, perf_counter() - wall
    if first > SLOW_SECONDS:
        return Timing(first, 0.0, result)
    seconds = _median_seconds(call, budget)
    return Timing(seconds, max(waited - seconds, 0.0), result)


def _median_seconds(call: Callable[[], Any], budget: float) -> float:
    deadline = perf_counter() + budget
    once = _batch(call, 1)
    if perf_counter() >= deadline:
        return once
    repeats = max(1, int(BATCH_SECONDS / max(once, SHORTEST_RUN)))
    times = [_batch(call, repeats)]
    while len(times) < MOST_BATCHES and perf_counter() < deadline:
        times.append(_batch(call, repeats))
    return median(times)


def _batch(call: Callable[[], Any], repeats: int) -> float:
    start = process_time()
    for _ in range(repeats):
        call()
    return (process_time() - start) / repeats


def peak_memory(graph: Graph, *, complex_numbers: bool = False) -> int:
    """The most bytes alive at once while a graph runs, constants and inputs included.

    A value is alive from the equation that makes it to the last one that reads it; outputs to
    the end (liveness, as in compilers: Aho, Lam, Sethi & Ullman 2006, section 8.4).

    >>> from diffkit.capture.capturing import trace
    >>> peak_memory(trace(lambda x: x * x + x, 1.0))
    24
    """
    columns = graph.columns
    dying = dying_at(columns, (*graph.input_nodes, *graph.output_nodes))
    fixed = [n for n, o in enumerate(columns.operations) if o is INPUT or o is LITERAL]
    alive = peak = sum(_bytes(graph, node, complex_numbers) for node in fixed)
    for node in graph.equation_nodes():
        alive += _bytes(graph, node, complex_numbers)
        peak = max(peak, alive)
        alive -= sum(_bytes(graph, dead, complex_numbers) for dead in dying.get(node, ()))
    return peak


def _bytes(graph: Graph, node: int, complex_numbers: bool) -> int:
    aval = graph.columns.avals[node]
    wide = COMPLEX_BYTES if complex_numbers and aval.is_float else 1
    return aval.size * aval.dtype.itemsize * wide
