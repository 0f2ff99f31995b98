"""What is measured of a loss, captured once for each shape of the data and then only run.

    ∇L,    ∇Lᵢ of every example i (a vmap of the gradient),    ∇²L v (forward over reverse)

Every program counts the operations of its runs, so that a measurement can say what it cost.  The
loss is measured as it is evaluated, without random numbers.
Reading on: Griewank & Walther 2008, *Evaluating Derivatives*, chapter 4, on what derivatives cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.capture.trees import flatten
from diffkit.differentiate.api import grad
from diffkit.differentiate.batching import vmap
from diffkit.differentiate.curvature import hvp
from diffkit.training.checking import check_call, checked_data, checked_params
from diffkit.training.stepping import Probes, Stepper

__all__ = ["Programs", "checked", "flat"]


def checked(loss: Any, params: Any, data: Any) -> tuple[Any, list[np.ndarray]]:
    """Parameters and data as a training takes them.

    Raises
    ------
    InputError
        When they are no arrays of numbers, or the loss takes others.

    >>> checked(lambda w, x: w * x, 1, ([2.0],))
    (array(1.), [array([2.])])
    """
    rows, tree = checked_data(data, "data"), checked_params(params)
    check_call(loss, tree, rows, "data")
    return tree, rows


def flat(tree: Any) -> np.ndarray:
    """All entries of a tree of arrays as one vector of float64.

    >>> flat({"w": np.ones((1, 2)), "b": 3.0}).tolist()
    [3.0, 1.0, 1.0]
    """
    return np.concatenate([np.ravel(np.asarray(leaf, float)) for leaf in flatten(tree)[0]])


class Programs:
    """Gradients, gradients of single examples and Hessian products of one loss.

    ``operations`` counts those of all runs so far.
    """

    def __init__(self, loss: Callable[..., Any], engine: str = "auto") -> None:
        def measured(params: Any, *rows: Any) -> Any:
            return loss(params, *rows)

        self.loss, self.engine, self.operations = measured, engine, 0
        self.stepper = Stepper(measured, "reverse", engine)
        self._bound: dict[Any, tuple[Callable[..., Any], int]] = {}
        self._flops: dict[Any, int] = {}

    def gradient(self, params: Any, rows: Sequence[np.ndarray]) -> tuple[Any, Any, Probes]:
        """The loss, its gradient, and all probes."""
        key = tuple(map(np.shape, rows))
        if key not in self._flops:
            self._flops[key] = self.stepper.gradient(params, rows, watch=True)[0].flops()
        self.operations += self._flops[key]
        return self.stepper(params, rows, watch=True)

    def examples(self, params: Any, rows: Sequence[np.ndarray]) -> Any:
        """The gradient of every example: the tree of the parameters, examples first."""

        def of_one(params: Any, *row: Any) -> Any:
            return self.loss(params, *[np.reshape(part, (1, *np.shape(part))) for part in row])

        mapped = vmap(grad(of_one), in_axes=(None, *[0] * len(rows)))
        return self._run("examples", mapped, params, *rows)

    def product(self, params: Any, v: Any, rows: Sequence[np.ndarray]) -> Any:
        """The Hessian times a tree v."""

        def product(params: Any, v: Any, *rows: Any) -> Any:
            return hvp(lambda moved: self.loss(moved, *rows), params, v)

        return self._run("product", product, params, v, *rows)

    def _run(self, name: str, f: Callable[..., Any], *args: Any) -> Any:
        key = (name, *[np.shape(leaf) for leaf in flatten(args)[0]])
        if key not in self._bound:
            graph = trace(f, *args)
            self._bound[key] = graph.bind(engine=self.engine), graph.flops()
        run, flops = self._bound[key]
        self.operations += flops
        return run(*args)
