"""Runs one script of the kit in this process, with things that the kit lacks.

    python performance_worker.py KIT SCRIPT [options of the script]

The kit measures calls of ``value_and_grad``; here *bound* gradients are added to its peers, so that
both stand in the same interleaved run.  Peers that are not installed are left out of training runs,
which otherwise would end with the first of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

__all__ = ["bound_gradient", "main"]

MODULES = {"jax_scan": "jax", "jax_step": "jax", "torch": "torch", "autograd": "autograd"}


def bound_gradient(
    workload: Any, engine: str = "machine"
) -> tuple[Callable[[], Any], Callable[[], Any], Any]:
    """The kit's adapter for a function and its gradient, both bound to an engine."""
    import diffkit as dk

    function, args = workload.f, workload.args
    value = dk.trace(function, *args).bind(engine=engine)
    both = dk.value_and_grad(function, argnums=workload.wrt)
    gradient = dk.trace(both, *args).bind(engine=engine)

    def flat(result: Any) -> np.ndarray:
        parts = result[1] if isinstance(result[1], tuple) else (result[1],)
        return np.concatenate([np.ravel(part) for part in parts])

    return (lambda: value(*args)), (lambda: gradient(*args)), flat


def _prepare(script: str, module: Any) -> None:
    if script == "run":
        module.PEERS["diffkit_bound"] = bound_gradient
        module.PEERS["diffkit_specialise_bound"] = partial(bound_gradient, engine="specialise")
    if script == "training":
        for peer, needs in MODULES.items():
            if find_spec(needs) is None:
                module.TRAINERS.pop(peer, None)


def main(kit: str, script: str, options: list[str]) -> None:
    """Run a script of the kit; NumPy's threads and the core are set when it is imported."""
    sys.path.insert(0, kit)
    module = import_module(script)
    _prepare(script, module)
    sys.argv = [script, *options]
    module.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
