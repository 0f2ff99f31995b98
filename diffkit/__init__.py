"""diffkit: one function, several derivatives, one truth.

A function written in plain NumPy, or typed as an expression, becomes an expression graph.  From
that one graph come symbolic derivatives, finite differences, the complex step, and forward- and
reverse-mode automatic differentiation, and :func:`compare` puts them side by side.

>>> import numpy as np, diffkit as dk
>>> float(dk.grad(lambda x: x * np.sin(x))(0.0))
0.0

Names are imported on first use, so that ``import diffkit`` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffkit import engines, errors, nets, optim, plots
    from diffkit.capture import random_numbers as random
    from diffkit.capture import scipy_functions as scipy
    from diffkit.capture.capturing import trace
    from diffkit.capture.from_sympy import from_sympy
    from diffkit.capture.parsing import parse
    from diffkit.capture.scanning import scan
    from diffkit.comparison.advise import advise
    from diffkit.comparison.diagnose import diagnose
    from diffkit.comparison.explaining import explain
    from diffkit.comparison.forms import compare_forms
    from diffkit.comparison.gradcheck import gradcheck
    from diffkit.comparison.many import compare_many
    from diffkit.comparison.matrix_formula import matrix_formula
    from diffkit.comparison.orders import compare_orders
    from diffkit.comparison.report import compare
    from diffkit.comparison.rules import check_rule
    from diffkit.comparison.steps import step_size
    from diffkit.comparison.swell import swell
    from diffkit.differentiate import methods
    from diffkit.differentiate.api import grad, jacobian, value_and_grad
    from diffkit.differentiate.batching import vmap
    from diffkit.differentiate.curvature import gauss_newton_product, hvp
    from diffkit.differentiate.directional import jvp, linearize, vjp
    from diffkit.differentiate.higher import derivative, hessian
    from diffkit.differentiate.sparsity import sparsity
    from diffkit.differentiate.taylor import taylor
    from diffkit.graph.ir import Graph
    from diffkit.nets import datasets, losses
    from diffkit.optim import schedules
    from diffkit.primitives.probing import probe
    from diffkit.training import signals as signal
    from diffkit.training.loop import train
    from diffkit.training.range_test import lr_range_test
    from diffkit.training.resume import resume
    from diffkit.training.sweep import sweep
    from diffkit.training.trainability import trainability

__version__ = "0.1.0"

# The public face: name → module (and the module itself for whole modules).
_PUBLIC: dict[str, str] = {
    "Graph": "diffkit.graph.ir",
    "advise": "diffkit.comparison.advise",
    "check_rule": "diffkit.comparison.rules",
    "compare": "diffkit.comparison.report",
    "compare_forms": "diffkit.comparison.forms",
    "compare_many": "diffkit.comparison.many",
    "compare_orders": "diffkit.comparison.orders",
    "gradcheck": "diffkit.comparison.gradcheck",
    "derivative": "diffkit.differentiate.higher",
    "diagnose": "diffkit.comparison.diagnose",
    "explain": "diffkit.comparison.explaining",
    "from_sympy": "diffkit.capture.from_sympy",
    "gauss_newton_product": "diffkit.differentiate.curvature",
    "grad": "diffkit.differentiate.api",
    "hessian": "diffkit.differentiate.higher",
    "hvp": "diffkit.differentiate.curvature",
    "jacobian": "diffkit.differentiate.api",
    "jvp": "diffkit.differentiate.directional",
    "linearize": "diffkit.differentiate.directional",
    "lr_range_test": "diffkit.training.range_test",
    "matrix_formula": "diffkit.comparison.matrix_formula",
    "parse": "diffkit.capture.parsing",
    "probe": "diffkit.primitives.probing",
    "resume": "diffkit.training.resume",
    "scan": "diffkit.capture.scanning",
    "sparsity": "diffkit.differentiate.sparsity",
    "step_size": "diffkit.comparison.steps",
    "sweep": "diffkit.training.sweep",
    "swell": "diffkit.comparison.swell",
    "taylor": "diffkit.differentiate.taylor",
    "trace": "diffkit.capture.capturing",
    "train": "diffkit.training.loop",
    "trainability": "diffkit.training.trainability",
    "value_and_grad": "diffkit.differentiate.api",
    "vjp": "diffkit.differentiate.directional",
    "vmap": "diffkit.differentiate.batching",
}
_MODULES: dict[str, str] = {
    "datasets": "diffkit.nets.datasets",
    "engines": "diffkit.engines",
    "errors": "diffkit.errors",
    "losses": "diffkit.nets.losses",
    "methods": "diffkit.differentiate.methods",
    "nets": "diffkit.nets",
    "optim": "diffkit.optim",
    "plots": "diffkit.plots",
    "random": "diffkit.capture.random_numbers",
    "schedules": "diffkit.optim.schedules",
    "scipy": "diffkit.capture.scipy_functions",
    "signal": "diffkit.training.signals",
}

__all__ = [
    "Graph",
    "advise",
    "check_rule",
    "compare",
    "compare_forms",
    "compare_many",
    "compare_orders",
    "datasets",
    "derivative",
    "diagnose",
    "engines",
    "errors",
    "explain",
    "from_sympy",
    "gauss_newton_product",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "losses",
    "lr_range_test",
    "matrix_formula",
    "methods",
    "nets",
    "optim",
    "parse",
    "plots",
    "probe",
    "random",
    "resume",
    "scan",
    "schedules",
    "scipy",
    "signal",
    "sparsity",
    "step_size",
    "sweep",
    "swell",
    "taylor",
    "trace",
    "train",
    "trainability",
    "value_and_grad",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = import_module(_MODULES[name])
    elif name in _PUBLIC:
        value = getattr(import_module(_PUBLIC[name]), name)
    else:
        raise AttributeError(f"module 'diffkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
