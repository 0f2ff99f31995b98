"""The parts of the page that compare methods and tools by size, each with its picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from performance_rows import best_peer, median_of
from performance_tables import table

__all__ = ["crossover_part", "first_part", "methods_part", "peers_part", "picture"]

PEER_NAMES = {
    "diffkit": "diffkit", "diffkit_specialise": "diffkit, specialised", "limit": "hand-written",
    "autograd": "autograd", "casadi_mx": "CasADi", "jax": "JAX", "numdifftools": "numdifftools",
    "pytensor": "PyTensor", "pytensor_c": "PyTensor", "torch": "PyTorch",
}  # fmt: skip


def picture(name: str, text: str) -> str:
    """A picture of the page, drawn for light and for dark."""
    looks = ((name, "only-light"), (f"{name}-dark", "only-dark"))
    return "\n\n".join(
        f"```{{image}} images/{file}.svg\n:alt: {text}\n:class: {look}\n```" for file, look in looks
    )


def _cell(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _ratio(time: float | None, limit: float | None) -> float | None:
    return time / limit if time and limit else None


def peers_part(rounds: list[dict[str, Any]]) -> Iterator[str]:
    """Every tool's time of one gradient over the hand-written limit's, by size."""
    names = list(rounds[0]["results"])
    limits = {name: median_of(rounds, name, "limit") for name in names}
    known = [peer for peer in PEER_NAMES if any(median_of(rounds, n, peer) for n in names)]
    yield "## Every tool, by size"
    yield (
        "CPU time of value and gradient of Rosenbrock's function over the hand-written kernel. "
        "Every tool runs it as NumPy code of its own dialect, compiled where it can be."
    )
    yield picture("performance-peers", "CPU time of one gradient against the size, by tool")
    lines = []
    for peer in known:
        ratios = [_ratio(median_of(rounds, name, peer), limits[name]) for name in names]
        lines.append([PEER_NAMES[peer], *(_cell(r, 1) for r in ratios)])
    yield table(("inputs", *(f"{int(name.split('-')[1]):,}" for name in names)), lines)
    best = best_peer(rounds, names[-1])
    if best:
        yield f"The best of the other tools at the largest size is {PEER_NAMES[best[1]]}."


def methods_part(found: dict[str, dict[str, float]]) -> Iterator[str]:
    """One gradient by every method."""
    yield "## Every method, by size"
    yield (
        "Microseconds of one gradient of Rosenbrock's function, as called. Repeated calls of "
        "reverse mode are compiled; those of the other methods go through Python, some 100 µs. "
        "Symbolic is the time to evaluate its formula, which was derived before; – stands where it "
        "takes too long."
    )
    yield picture("performance-methods", "CPU time of one gradient against the size, by method")
    lines = [
        ["the function itself" if name == "value" else name,
         *(_cell(row.get(name), 1) for row in found.values())]
        for name in next(iter(found.values()))
    ]  # fmt: skip
    yield table(("inputs", *(f"{int(n):,}" for n in found)), lines)


def crossover_part(found: dict[str, dict[str, float]]) -> Iterator[str]:
    """Jacobians by forward and reverse mode, from tall to wide."""
    total = 128
    yield "## Where forward and reverse cross"
    yield ("Microseconds of the Jacobian of x ↦ tanh(W sin x), with inputs and outputs "
           f"{total} together.")  # fmt: skip
    yield picture("performance-crossover", "Time of the Jacobian by mode against the inputs")
    lines = [
        [mode, *(_cell(row[mode], 0) for row in found.values())] for mode in ("forward", "reverse")
    ]
    yield table(("inputs", *found), lines)


def first_part(found: dict[str, dict[str, float]]) -> Iterator[str]:
    """Seconds from a fresh function to its first gradient, by engine."""
    yield "### Until the first gradient, in a warm process"
    yield ("CPU milliseconds from a new function to its first value and gradient: capture, reverse "
           "sweep, and what the engine does before it runs. Specialised code is compiled once and "
           "then read from disk.")  # fmt: skip
    engines = list(next(iter(found.values())))
    lines = [[name, *(_cell(1e3 * row[e], 1) for e in engines)] for name, row in found.items()]
    yield table(("function", *engines), lines)
