"""Second derivatives against kernels written by hand, and against CasADi where it is installed.

    python tests/benchmarks/second_order.py --kit BENCH

prints, for Hessian-vector products and Hessians, CPU time as a multiple of the hand-written limit
of the kit (``second.py``), the sparse Hessian as a multiple of CasADi's, and how the time of a
Hessian depends on the chunk.  The calls take turns within one process, and the least time of many
counts.  Wants Numba's kernels warm (``diffkit warmup``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from performance_counts import cpu_seconds, repeats_of

import diffkit as dk

__all__ = ["chunk_times", "ratios"]

ROUNDS = 9
MLP, ROSENBROCK = "mlp_tanh-64x32-b32", "rosenbrock-100"
CHUNKS = (1, 2, 4, 8, 16, 32, 64)


def _least(calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """The least CPU time of each, in microseconds; they take turns."""
    repeats = {name: repeats_of(call) for name, call in calls.items()}
    found = {name: float("inf") for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name] = min(found[name], 1e6 * cpu_seconds(call, repeats[name]))
    return found


def _kit(folder: Path) -> Any:
    """The kit's script for second derivatives."""
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("second", folder / "second.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _calls(kit: Any, name: str, peer: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    w, x, shapes, v = kit.problem(name)
    return kit.PEERS[peer](w, x, shapes, v)


def ratios(folder: Path) -> dict[str, float]:
    """Each second derivative over its limit, and the sparse Hessian over CasADi's."""
    kit, found = _kit(folder), {}
    for name in (ROSENBROCK, MLP):
        own, limit = (_calls(kit, name, peer) for peer in ("diffkit", "limit"))
        for place, kind in enumerate(("hvp", "hessian")):
            least = _least({"diffkit": own[place], "limit": limit[place]})
            found[f"{name}/{kind}"] = least["diffkit"] / least["limit"]
    w, x, *_ = kit.problem(ROSENBROCK)
    sparse = dk.hessian(w.f, sparse=True)
    calls: dict[str, Callable[[], Any]] = {"diffkit": lambda: sparse(x)}
    if importlib.util.find_spec("casadi") is not None:
        calls["casadi"] = _calls(kit, ROSENBROCK, "casadi")[1]
    least = _least(calls)
    found[f"{ROSENBROCK}/sparse hessian, µs"] = least["diffkit"]
    if "casadi" in least:
        found[f"{ROSENBROCK}/sparse hessian over casadi"] = least["diffkit"] / least["casadi"]
    found[f"{ROSENBROCK}/colours"] = dk.sparsity(w.f, x, hessian=True).colors
    return found


def chunk_times(folder: Path) -> dict[str, dict[int, float]]:
    """Microseconds per direction of a Hessian, by chunk."""
    kit, found = _kit(folder), {}
    for name in (ROSENBROCK, MLP):
        w, x, shapes, _ = kit.problem(name)
        f = kit.vector_f(w, shapes, w.f, w.args[len(w.wrt) :], np.reshape)
        hessians = {chunk: dk.hessian(f, method=dk.methods.Forward(chunk)) for chunk in CHUNKS}
        calls = {str(chunk): partial(h, x) for chunk, h in hessians.items()}
        least = _least(calls, rounds=2)
        found[name] = {chunk: least[str(chunk)] / x.size for chunk in CHUNKS}
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kit", type=Path, required=True)
    given = parser.parse_args()
    print(json.dumps({"ratios": ratios(given.kit), "chunks": chunk_times(given.kit)}, indent=1))
