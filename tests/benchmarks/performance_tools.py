"""Value and gradient of a workload by every tool: diffkit's engines, NumPy by hand, and peers.

A builder takes a workload and gives two callables: one gradient in the tool's own arrays, ready
when it returns, and the way from its result to NumPy.  Peers import their library here, inside
the builder, so that those that are not installed are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from performance_workloads import Workload

import diffkit as dk

__all__ = ["NEEDS", "TOOLS", "Unsupported", "wanted_arrays"]

Built = tuple[Callable[[], Any], Callable[[Any], list[np.ndarray]]]


class Unsupported(Exception):
    """A tool cannot run a workload; says why."""


def wanted_arrays(workload: Workload) -> tuple[int, ...]:
    """The places of the arrays to differentiate with respect to: a net's inputs stay."""
    return tuple(range(min(len(workload.arrays), 4)))


def _parts(result: Any) -> list[np.ndarray]:
    bars = result[1] if isinstance(result[1], tuple | list) else (result[1],)
    return [np.asarray(bar) for bar in bars]


def _diffkit(engine: str, *, bound: bool) -> Callable[[Workload], Built]:
    def build(workload: Workload) -> Built:
        gradient = dk.value_and_grad(
            workload.function, argnums=wanted_arrays(workload), engine=engine
        )
        if bound:
            gradient = dk.trace(gradient, *workload.arrays).bind(engine=engine)
        return lambda: gradient(*workload.arrays), _parts

    return build


def _by_hand(workload: Workload) -> Built:
    return lambda: workload.by_hand(*workload.arrays), _parts


def _jax(workload: Workload) -> Built:
    jax, jnp = import_module("jax"), import_module("jax.numpy")

    jax.config.update("jax_enable_x64", True)
    arrays = [jnp.asarray(array) for array in workload.arrays]

    def loss(*arrays: Any) -> Any:
        return workload.function(*arrays, jnp)

    gradient = jax.jit(jax.value_and_grad(loss, argnums=wanted_arrays(workload)))
    return lambda: jax.block_until_ready(gradient(*arrays)), _parts


def _torch(workload: Workload) -> Built:
    torch = import_module("torch")

    torch.set_num_threads(1)  # as the others run
    places = wanted_arrays(workload)
    arrays = [
        torch.tensor(array, requires_grad=place in places)
        for place, array in enumerate(workload.arrays)
    ]

    def gradient() -> Any:
        value = workload.function(*arrays, torch)
        return value, torch.autograd.grad(value, [arrays[place] for place in places])

    return gradient, _parts


def _autograd(workload: Workload) -> Built:
    autograd, anp = import_module("autograd"), import_module("autograd.numpy")

    def loss(moving: Any) -> Any:
        return workload.function(*moving, *workload.arrays[len(moving) :], anp)

    gradient = autograd.value_and_grad(loss)
    moving = tuple(workload.arrays[place] for place in wanted_arrays(workload))
    return lambda: gradient(moving), _parts


def _pytensor(workload: Workload) -> Built:
    pytensor, pt = import_module("pytensor"), import_module("pytensor.tensor")

    inputs = [pt.tensor(dtype="float64", shape=array.shape) for array in workload.arrays]
    value = workload.function(*inputs, pt)
    bars = pytensor.grad(value, [inputs[place] for place in wanted_arrays(workload)])
    compiled = pytensor.function(inputs, [value, *bars], mode="FAST_RUN")

    def gradient() -> Any:
        value, *bars = compiled(*workload.arrays)
        return value, bars

    return gradient, _parts


def _casadi(workload: Workload) -> Built:
    casadi = import_module("casadi")

    if len(workload.arrays) > 1:
        raise Unsupported("CasADi's matrices have no stacks and no broadcasting")
    x = casadi.MX.sym("x", workload.arrays[0].size)

    class Columns:
        """CasADi's functions by NumPy's names."""

        sum, tanh, sin, exp = casadi.sum1, casadi.tanh, casadi.sin, casadi.exp

    value = workload.function(x, Columns)
    compiled = casadi.Function("f", [x], [value, casadi.gradient(value, x)])
    point = casadi.DM(workload.arrays[0])
    return lambda: compiled(point), lambda result: [np.asarray(result[1]).ravel()]


def _numdifftools(workload: Workload) -> Built:
    numdifftools = import_module("numdifftools")

    if len(workload.arrays) > 1 or workload.arrays[0].size > 10:
        raise Unsupported("thousands of evaluations for one gradient")
    gradient = numdifftools.Gradient(workload.function)
    x = workload.arrays[0]
    return lambda: (None, (gradient(x),)), _parts


TOOLS: dict[str, Callable[[Workload], Built]] = {
    "diffkit": _diffkit("auto", bound=False),
    "diffkit, interpreter": _diffkit("interpret", bound=False),
    "diffkit, machine, bound": _diffkit("machine", bound=True),
    "diffkit, specialised, bound": _diffkit("specialise", bound=True),
    "numpy by hand": _by_hand,
    "jax": _jax,
    "torch": _torch,
    "autograd": _autograd,
    "pytensor": _pytensor,
    "casadi": _casadi,
    "numdifftools": _numdifftools,
}
NEEDS = ("jax", "torch", "autograd", "pytensor", "casadi", "numdifftools")
"""Tools that are modules of their own, and not always installed."""
