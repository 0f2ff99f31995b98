"""Methods against one another, without the kit: every method by size, forward against reverse.

*By size*: Rosenbrock's function of n inputs, one gradient by each method over one evaluation of the
function; symbolic is measured as its formula is evaluated, without the time to derive it, which
stands beside.  *Crossover*: the Jacobian of a map from n inputs to m outputs with n + m fixed;
forward mode costs about as much as n columns, reverse mode as m rows, so the times cross where both
are alike (Griewank & Walther 2008, section 3.2).  *First*: seconds from a fresh function to its
first gradient, and to compiled code of its own where it is asked for.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from performance_counts import cpu_seconds, repeats_of
from performance_workloads import rosenbrock

import diffkit as dk

__all__ = ["crossover", "first_gradients", "loops", "methods_by_size", "sparse_hessian"]

SIZES = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
METHODS = ("reverse", "forward", "complex", "finite", "symbolic")
# Beyond these, one gradient takes seconds, or gives up at its budget of operations.
MOST = {"symbolic": 50, "finite": 1000, "complex": 1000}
INPUTS_AND_OUTPUTS = 128
INPUTS = (4, 8, 16, 32, 48, 64, 80, 96, 112, 120, 124)
ROUNDS = 5
STEPS = 100_000


def logistic(x: Any) -> Any:
    """The logistic map as a Python loop; at 3 its derivative fades slowly, and never to nothing."""
    for _ in range(STEPS):
        x = 3.0 * x * (1 - x)
    return x


def _least(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The least CPU time of each, in microseconds; they take turns."""
    repeats = {name: repeats_of(call) for name, call in calls.items()}
    found = {name: float("inf") for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            found[name] = min(found[name], 1e6 * cpu_seconds(call, repeats[name]))
    return found


def methods_by_size() -> dict[str, dict[str, float]]:
    """Size → method → microseconds of one gradient; ``value`` is the function itself."""
    found = {}
    for size in SIZES:
        x = np.linspace(-1.0, 1.0, size)
        calls: dict[str, Callable[[], Any]] = {"value": dk.trace(rosenbrock, x).bind()}
        calls |= {
            method: dk.grad(rosenbrock, method=method)
            for method in METHODS
            if size <= MOST.get(method, size)
        }
        found[str(size)] = _least({name: _at(call, x) for name, call in calls.items()})
    return found


def _at(call: Callable[..., Any], x: np.ndarray) -> Callable[[], Any]:
    return lambda: call(x)


def crossover() -> dict[str, dict[str, float]]:
    """Number of inputs → microseconds of the Jacobian by forward and by reverse mode."""
    found = {}
    for inputs in INPUTS:
        weights = np.random.default_rng(0).normal(size=(INPUTS_AND_OUTPUTS - inputs, inputs))
        x = np.linspace(-1.0, 1.0, inputs)

        def layer(x: Any, weights: np.ndarray = weights) -> Any:
            return np.tanh(weights @ np.sin(x))

        calls = {m: _at(dk.jacobian(layer, method=m), x) for m in ("forward", "reverse")}
        found[str(inputs)] = _least(calls)
    return found


def first_gradients() -> dict[str, dict[str, float]]:
    """Function → engine → CPU seconds from the function to its first gradient, kernels warm."""
    net = dk.nets.mlp([64, 32, 10], activation="tanh")
    loss = net.with_loss(dk.losses.cross_entropy)
    batch = np.linspace(-1.0, 1.0, 32 * 64).reshape(32, 64), np.arange(32) % 10
    problems: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "Rosenbrock, 10": (rosenbrock, (np.linspace(-1.0, 1.0, 10),)),
        "Rosenbrock, 1,000": (rosenbrock, (np.linspace(-1.0, 1.0, 1000),)),
        "MLP 64-32-10, batch 32": (loss, (net.init(0), *batch)),
    }
    found = {}
    for name, (function, args) in problems.items():
        dk.value_and_grad(function)(*args)  # rule templates, imports
        found[name] = {
            engine: statistics.median(_first(function, args, engine) for _ in range(ROUNDS))
            for engine in ("interpret", "machine", "specialise")
        }
    return found


def _first(function: Callable[..., Any], args: tuple[Any, ...], engine: str) -> float:
    def fresh(*args: Any) -> Any:
        return function(*args)

    start = time.process_time()
    dk.value_and_grad(fresh, engine=engine)(*args)
    return time.process_time() - start


def loops() -> dict[str, float]:
    """The logistic map of 10⁵ steps as a Python loop: first gradient, then further ones."""
    gradient = dk.value_and_grad(logistic)
    start = time.process_time()
    gradient(0.2)
    first = time.process_time() - start
    return {"first": first, "further": _least({"": lambda: gradient(0.2)})[""] / 1e6}


def sparse_hessian() -> dict[str, dict[str, float]]:
    """The sparse Hessian of Rosenbrock's function of 100 inputs, in the kit's form."""
    x = np.linspace(-1.0, 1.0, 100)
    hessian = dk.hessian(rosenbrock, sparse=True)
    start = time.process_time()
    hessian(x)
    first = time.process_time() - start
    us = _least({"": lambda: hessian(x)})[""]
    colors = dk.sparsity(dk.grad(rosenbrock), x).colors
    return {"rosenbrock-100/sparse/hessian": {"us": us, "first_s": first, "colors": colors}}
