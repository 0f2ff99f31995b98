"""What other libraries give where a derivative does not exist, measured, with their versions.

A kink has two slopes, and a program must return one number; libraries return different ones.  The
answers in ``kinks.json`` were measured in float64, each library with its own function of the same
name (``docs/measure_kinks.py`` measures them again).  The declared choices of diffkit stand beside
each primitive (``graph/primitive.py``).  Reading on: Bertoin et al. 2021, *Numerical influence of
ReLU′(0) on backpropagation*.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from diffkit.graph.primitive import REGISTRY, Elementwise, Kink

__all__ = ["LIBRARIES", "answer_at", "declared_kinks", "measured_versions"]

LIBRARIES = ("JAX", "PyTorch", "autograd")


@cache
def _measured() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("kinks.json").read_text(encoding="utf-8"))


def measured_versions() -> dict[str, str]:
    """The versions with which the answers were measured.

    >>> sorted(measured_versions())
    ['JAX', 'PyTorch', 'autograd']
    """
    return dict(_measured()["versions"])


def answer_at(name: str, kink: Kink, library: str) -> float | None:
    """A library's derivative at a kink; None where it has no such function.

    >>> kink = Kink((0.0,), (-1.0, 1.0), 0.0)
    >>> answer_at("abs", kink, "JAX"), answer_at("abs", kink, "PyTorch")
    (1.0, 0.0)
    """
    found = _measured()["answers"].get(f"{name}{list(kink.at)}/{kink.wrt}", {}).get(library)
    return None if found is None else float(found) + 0.0  # no negative zero


def declared_kinks() -> Iterator[tuple[str, Kink]]:
    """The kinks of diffkit's own operations, by name; what a user registered is left out.

    >>> [kink.declared for name, kink in declared_kinks() if name == "abs"]
    [0.0]
    """
    from diffkit.comparison.rules import load_all_primitives

    load_all_primitives()
    for name, operation in sorted(REGISTRY.items()):
        own = type(operation).__module__.startswith("diffkit.primitives.")
        if own and isinstance(operation, Elementwise):
            for kink in operation.kinks:
                yield name, kink
