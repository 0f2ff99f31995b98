"""What JAX, PyTorch and autograd give at diffkit's kinks: ``python docs/measure_kinks.py``.

Each of them that is installed differentiates its own function of the same name at the same place,
in float64; the answers and the versions go to
``diffkit/comparison/kinks.json``, which ``docs/generate.py`` reads.
A library that has no such function has no answer.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.comparison.peer_kinks import declared_kinks

PAGE = Path(__file__).parents[1] / "diffkit" / "comparison" / "kinks.json"
Slope = Callable[[Any, tuple[float, ...], int], float]
WHERE = {
    # library: the modules that are searched for a function, in this order
    "JAX": ("jax.numpy", "jax.scipy.special", "jax.nn", "jax.lax"),
    "PyTorch": ("torch", "torch.special", "torch.nn.functional"),
    "autograd": ("autograd.numpy", "autograd.scipy.special"),
}
# The same name, another function.
NOT_THESE = {("PyTorch", "kl_div")}
OTHER_NAMES = {
    "PyTorch": {"clip": "clamp", "rint": "round", "power": "pow"},
    "JAX": {"pow": "power"},
}


def _function(library: str, name: str) -> Any:
    if (library, name) in NOT_THESE:
        return None
    name = OTHER_NAMES.get(library, {}).get(name, name)
    for module in WHERE[library]:
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            continue
        if callable(found):
            return found
    return None


def _jax(function: Any, at: tuple[float, ...], wrt: int) -> float:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return float(jax.grad(lambda *x: function(*x), argnums=wrt)(*map(float, at)))


def _torch(function: Any, at: tuple[float, ...], wrt: int) -> float:
    torch = import_module("torch")
    x = [torch.tensor(value, dtype=torch.float64) for value in at]
    x[wrt].requires_grad_()
    y = function(*x)
    if not y.requires_grad:
        return 0.0
    y.backward()
    return 0.0 if x[wrt].grad is None else float(x[wrt].grad)


def _autograd(function: Any, at: tuple[float, ...], wrt: int) -> float:
    return float(import_module("autograd").grad(lambda *x: function(*x), wrt)(*map(np.float64, at)))


SLOPES: dict[str, Slope] = {"JAX": _jax, "PyTorch": _torch, "autograd": _autograd}
PACKAGES = {"JAX": "jax", "PyTorch": "torch", "autograd": "autograd"}


def answer(library: str, name: str, at: tuple[float, ...], wrt: int) -> float | str | None:
    """A library's derivative at a place; None where it has no such function or refuses.

    NaN and infinities are written as words, which JSON can keep.
    """
    function = _function(library, name)
    if function is None:
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            slope = SLOPES[library](function, at, wrt)
    except Exception:  # a refusal, by whatever exception it has for it
        return None
    return slope if np.isfinite(slope) else str(slope)


def measure() -> dict[str, Any]:
    """Versions, and the answers by operation and place."""
    versions = {}
    for library, package in PACKAGES.items():
        try:
            versions[library] = version(package)
        except PackageNotFoundError:
            continue
    found: dict[str, dict[str, Any]] = {}
    for name, kink in declared_kinks():
        key = f"{name}{list(kink.at)}/{kink.wrt}"
        found[key] = {lib: answer(lib, name, kink.at, kink.wrt) for lib in versions}
    return {"versions": versions, "answers": found}


if __name__ == "__main__":
    PAGE.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
