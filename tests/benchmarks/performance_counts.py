"""What can be counted: operations of gradients over those of functions, and bytes of programs.

Reverse mode costs at most a few times the function (Griewank & Walther 2008, section 4.6: with
memory traffic counted in, four to five times).  *Declared* operations are those that each primitive
says it costs, 12 for a tanh, 2mnk for a product of matrices; *plain* ones count every evaluation of
a primitive as one.  Counts are the same on every computer, so a test holds them to the bound.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.comparison.cases import CASES, Case
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.machine.program import program_of
from diffkit.graph.ir import Graph
from diffkit.nets.activations import ACTIVATIONS

__all__ = ["PROBLEMS", "count", "counts", "cpu_seconds", "gradient_of", "memory"]

BATCH, ROUNDS, LEAST_SECONDS = 32, 9, 2e-3


def _of_case(case: Case) -> tuple[Graph, Graph, list[Any]]:
    graph = dk.trace(case.function, *case.args)
    return graph, gradient_graph(graph, case.argnums), list(case.args)


def _of_net(net: Any, loss: Any) -> tuple[Graph, Graph, list[Any]]:
    generator = np.random.default_rng(0)
    params = net.init(0)
    x = generator.normal(size=(BATCH, *net.input_shape))
    y = generator.integers(0, max(net(params, x).shape[-1], 2), BATCH)
    graph = dk.trace(net.with_loss(loss), params, x, y)
    leaves = flatten(params)[0]
    return graph, gradient_graph(graph, range(len(leaves))), [*leaves, x, y]


def _problems() -> dict[str, Callable[[], tuple[Graph, Graph, list[Any]]]]:
    """Every built-in case, activation and usual loss: graph, gradient graph, flat inputs."""
    nets, losses = dk.nets, dk.losses
    found: dict[str, Any] = {name: partial(_of_case, case) for name, case in CASES.items()}
    classify = partial(partial, _of_net, loss=losses.cross_entropy)
    found["softmax 64-10"] = classify(nets.softmax_classifier(64, 10))
    for name in ACTIVATIONS:
        found[f"MLP 64-32-10, {name}"] = classify(nets.mlp([64, 32, 10], activation=name))
    found["CNN 8×8"] = classify(nets.cnn())
    for loss in (losses.mse, losses.mae, losses.huber(1.0), losses.bce_with_logits, losses.hinge):
        found[f"MLP 64-32-1, {loss.name}"] = partial(_of_net, nets.mlp([64, 32, 1]), loss)
    return found


PROBLEMS = _problems()


def count(graph: Graph, gradient: Graph) -> dict[str, float]:
    """Declared and plain operations of the function, and the gradient's over them.

    >>> graph = dk.parse("sin(x*y)")
    >>> count(graph, gradient_graph(graph))["plain over"]
    2.5
    """
    declared, plain = graph.flops(), graph.operations()["total"]
    return {
        "declared": declared,
        "declared over": gradient.flops() / declared,
        "plain": plain,
        "plain over": gradient.operations()["total"] / plain,
    }


def counts() -> dict[str, dict[str, float]]:
    """Operations and CPU time of the gradient over those of the function, for every problem."""
    found = {}
    for name, build in PROBLEMS.items():
        graph, gradient, leaves = build()
        function, both = _flat(graph, leaves), _flat(gradient, leaves)
        found[name] = count(graph, gradient) | {"time over": _ratio(both, function)}
    return found


def _flat(graph: Graph, leaves: list[Any]) -> Callable[[], Any]:
    from diffkit.engines.machine.running import machine_runner

    runner = machine_runner(graph)
    return lambda: runner(leaves)


def cpu_seconds(call: Callable[[], Any], repeats: int) -> float:
    """CPU time of one call, from ``repeats`` in a row."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def repeats_of(call: Callable[[], Any]) -> int:
    """How many calls are long enough for the clock."""
    call()
    once = max(cpu_seconds(call, 3), 1e-7)
    return max(1, round(LEAST_SECONDS / once))


def _ratio(over: Callable[[], Any], under: Callable[[], Any]) -> float:
    """The median over rounds of the ratio of two calls, which take turns."""
    repeats = [(call, repeats_of(call)) for call in (over, under)]
    times = [[cpu_seconds(*pair) for pair in repeats] for _ in range(ROUNDS)]
    return statistics.median(a / b for a, b in times)


def gradient_of(kit: Path, name: str) -> tuple[Graph, tuple[Any, ...]]:
    """The gradient graph of a workload of the kit, and its arguments."""
    if str(kit) not in sys.path:
        sys.path.insert(0, str(kit))
    workload = import_module("workloads").build(name)
    return gradient_graph(dk.trace(workload.f, *workload.args), workload.wrt), workload.args


def memory(kit: Path, names: list[str]) -> dict[str, dict[str, int]]:
    """Bytes of the plan and of the machine's program of the gradient of each workload."""
    found = {}
    for name in names:
        graph, _ = gradient_of(kit, name)
        plan, program = graph.plan(), program_of(graph)
        found[name] = {
            "inputs": plan.inputs,
            "without reuse": plan.without_reuse,
            "plan": plan.workspace,
            "machine": program.workspace,
            "results": program.outputs,
            "rows": len(program.rows),
            "words": program.words.nbytes,
        }
    return found
