"""What the engines should reach: the rows of ``docs/performance.md``, as data.

A goal of the form *ratio* divides the CPU time of value and gradient by that of a kernel written by
hand for the same work, both from one interleaved run; *added* subtracts them, because below about
100 inputs the limit is the call itself and a ratio would compare two empty calls.  The names of
workloads are those of the kit (``performance_kit.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ADDED",
    "CHEAP_GRADIENT",
    "GEARS",
    "GEAR_ADDED",
    "GEAR_TRAINING",
    "GRAPHS",
    "LOOP_SECONDS",
    "RATIOS",
    "SECOND_ORDER",
    "STARTS",
    "TRAINING_RATIO",
    "Added",
    "GraphGoal",
    "Ratios",
    "scalar_names",
]

CHEAP_GRADIENT = 5.0  # Griewank & Walther 2008, section 4.6
TRAINING_RATIO = 1.4
STARTS = {"rosenbrock-10": 0.6, "mlp_tanh-64x32-b32": 1.0}  # CPU seconds, import included


@dataclass(frozen=True)
class Ratios:
    """A row of ratios: for each workload the most times the limit."""

    work: str
    section: str
    at_most: dict[str, float]
    peer: str = "diffkit"
    over: tuple[str, ...] = ()
    """Other tools to compare with, the fastest of them; empty for the hand-written limit."""


@dataclass(frozen=True)
class Added:
    """A row of microseconds over the limit, for a call and for a bound call."""

    work: str
    workloads: tuple[str, ...]
    call: float = 3.0
    bound: float = 1.0
    peers: tuple[str, str] = ("diffkit", "diffkit_bound")


@dataclass(frozen=True)
class GraphGoal:
    """A scalar graph: seconds until the first gradient, memory, then time per operation."""

    nodes: int
    seconds: float
    megabytes: float = 3000.0
    nanoseconds: float = 40.0


def _batches(name: str, sizes: tuple[int, ...], goals: tuple[float, ...]) -> dict[str, float]:
    return {f"{name}-b{size}": goal for size, goal in zip(sizes, goals, strict=True)}


SIZES = (1, 32, 256)
RATIOS = (
    Ratios(
        "softmax regression 64-10, batch 1, 32, 256",
        "nets",
        _batches("softmax-64", SIZES, (2.5, 1.5, 1.3)),
    ),
    Ratios(
        "MLP 64-32-10, batch 1, 32, 256",
        "nets",
        _batches("mlp_tanh-64x32", SIZES, (2.5, 1.5, 1.3)),
    ),
    Ratios(
        "MLP 784-128-10, batch 1, 32, 256",
        "nets",
        _batches("mlp_relu-784x128", SIZES, (1.5, 1.13, 1.07)),
    ),
    Ratios(
        "CNN 8×8 and 28×28, batch 32",
        "nets",
        {"cnn-8-b32": 1.3, "cnn-28-b32": 1.3},
    ),
    Ratios(
        "Rosenbrock of 1,000 and 100,000 inputs; Helmholtz of 50",
        "scalar",
        {"rosenbrock-1000": 4.0, "rosenbrock-100000": 4.0, "helmholtz-50": 4.0},
    ),
)
ADDED = (
    Added(
        "scalar functions of up to 100 inputs",
        (
            *(f"rosenbrock-{n}" for n in (2, 10, 100)),
            *(f"helmholtz-{n}" for n in (1, 5, 10, 20, 50)),
            *("speelpenning-10", "speelpenning-100", "speelpenning_prod-100"),
            *(f"logistic-{k}" for k in (1, 2, 4, 6, 8, 10, 15, 20)),
        ),
    ),
    Added(
        "the same, unrolled loops: logistic map of 1,000 and 100,000 steps",
        ("logistic-1000", "logistic-100000"),
    ),
)
SPECIALISED = ("diffkit_specialise", "diffkit_specialise_bound")
GEARS = (
    Ratios(
        "softmax regression 64-10, batch 1, 32, 256",
        "nets",
        _batches("softmax-64", SIZES, (1.6, 1.25, 1.15)),
        SPECIALISED[0],
    ),
    Ratios(
        "MLP 64-32-10, batch 1, 32, 256",
        "nets",
        _batches("mlp_tanh-64x32", SIZES, (1.6, 1.25, 1.15)),
        SPECIALISED[0],
    ),
    Ratios(
        "MLP 784-128-10, batch 1, 32, 256",
        "nets",
        _batches("mlp_relu-784x128", SIZES, (1.3, 1.1, 1.05)),
        SPECIALISED[0],
    ),
    Ratios(
        "CNN 8×8 and 28×28, batch 32",
        "nets",
        {"cnn-8-b32": 1.15, "cnn-28-b32": 1.15},
        SPECIALISED[0],
    ),
    Ratios(
        "CNN 8×8 and 28×28, batch 32, float32, over PyTorch",
        "nets-f4",
        {"cnn-8-b32": 1.3, "cnn-28-b32": 1.3},
        SPECIALISED[0],
        ("torch_native", "torch_compile"),
    ),
    Ratios(
        "Rosenbrock of 1,000 and 100,000 inputs; Helmholtz of 50",
        "scalar",
        {"rosenbrock-1000": 2.0, "rosenbrock-100000": 2.0, "helmholtz-50": 2.0},
        SPECIALISED[0],
    ),
    Ratios(
        "logistic map of 100,000 steps, written as a Python loop, over the rolled loop",
        "scalar",
        {"logistic-100000": 3.0},
    ),
)
"""The second gear: graphs compiled for themselves, and loops that were folded."""
GEAR_ADDED = Added(ADDED[0].work, ADDED[0].workloads, 1.5, 0.3, SPECIALISED)
GEAR_TRAINING = 1.2
SECOND_ORDER = {
    # of the kit's second script: workload and kind, the most times the limit, words
    "mlp_tanh-64x32-b32/hvp": (2.0, "Hessian-vector product, MLP 64-32-10, batch 32"),
    "mlp_tanh-64x32-b32/hessian": (2.0, "Hessian, MLP 64-32-10, batch 32"),
}
LOOP_SECONDS = 3.0  # until the first gradient of a Python loop of 10⁵ steps
GRAPHS = (GraphGoal(100_000, 2.0), GraphGoal(1_000_000, 20.0))


def scalar_names() -> list[str]:
    """Every scalar workload that a goal names.

    >>> len(scalar_names()) == len(set(scalar_names()))
    True
    """
    rows = [row.at_most for row in RATIOS if row.section == "scalar"]
    named = [*(name for row in rows for name in row), *(n for row in ADDED for n in row.workloads)]
    return list(dict.fromkeys(named))
