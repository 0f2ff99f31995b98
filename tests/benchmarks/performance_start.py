"""The first gradient in a fresh process, as a user meets it: interpreter, imports, capture, run.

The CPU time of the whole process is taken by its parent, so nothing is left out, not even Python's
own start.  A second, empty program says how much of it is Python and NumPy.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

__all__ = ["fresh_processes"]

ROOT = Path(__file__).resolve().parents[2]
SCALAR = """
import numpy as np
import diffkit as dk
def f(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
dk.grad(f)(np.linspace(-1.0, 1.0, 10))
"""
NET = """
import numpy as np
import diffkit as dk
net = dk.nets.mlp([64, 32, 10], activation="tanh")
loss = net.with_loss(dk.losses.cross_entropy)
x, y = np.ones((32, 64)), np.arange(32) % 10
dk.grad(loss)(net.init(0), x, y)
"""
PROGRAMS = {
    "import numpy": "import numpy",
    "a scalar function of 10 inputs": SCALAR,
    "an MLP 64-32-10 of `dk.nets`, batch 32": NET,
}


def fresh_processes(repeats: int) -> dict[str, float]:
    """The median CPU seconds of a whole process, for each program."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return {
        name: statistics.median(_cpu(text, environment) for _ in range(repeats))
        for name, text in PROGRAMS.items()
    }


def _cpu(program: str, environment: dict[str, str]) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
