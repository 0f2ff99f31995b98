"""Functions that grow: the ones on which papers show what becomes of a derivative.

    logistic       lₙ of lₙ₊₁ = 4 lₙ (1 − lₙ), l₁ = x         formulas triple with every step
    speelpenning   x₁ x₂ … xₙ                                 n products of n − 1 factors
    helmholtz      the energy of a mixture of n substances    n inputs, n² operations
    tanh-net       (net(x) − t)² of n hidden layers of four   trees multiply with every layer

Sources: Baydin et al. 2018, section 2 and figure 6; Speelpenning 1980; Griewank 1989.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from diffkit.comparison.cases import helmholtz
from diffkit.errors import InputError
from diffkit.graph.ir import Graph

__all__ = ["FAMILIES", "Family", "iterates", "logistic", "product", "tanh_net"]

NET_INPUTS, NET_WIDTH = 2, 4
LOGISTIC_POINT = 0.2


@dataclass(frozen=True)
class Family:
    """A function for every size: ``of(n)`` gives ``(f, *arguments)`` or a graph.

    ``argnums(n)`` are the arguments it is differentiated by (None for the default of ``dk.grad``),
    ``sizes`` those that are shown unless others are asked for.
    """

    title: str
    size_name: str
    sizes: tuple[int, ...]
    of: Callable[[Any], Any]
    argnums: Callable[[Any], Any]
    source: str


def logistic(n: int) -> tuple[Any, ...]:
    """The n-th iterate of the logistic map, with its point; l₁ is x itself.

    >>> f, x = logistic(4)
    >>> round(f(x), 4)
    0.289
    """

    def iterate(x: Any) -> Any:
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    return iterate, LOGISTIC_POINT


def product(n: int) -> tuple[Any, ...]:
    """Speelpenning's product of n numbers, with its point.

    >>> f, x = product(3)
    >>> float(f(x))
    0.75
    """

    def product_of_elements(x: Any) -> Any:
        result = x[0]
        for i in range(1, n):
            result = result * x[i]
        return result

    return product_of_elements, np.linspace(0.5, 1.5, n)


def mixture(n: int) -> tuple[Any, ...]:
    """The Helmholtz energy of n substances, with its point."""
    return helmholtz, np.linspace(1.0, 3.0, n)


def tanh_net(n: int) -> tuple[Any, ...]:
    """(net(x) − t)² of a tanh net 2-4-…-4-1 with n hidden layers, with its arguments.

    They are x, t, and a matrix and a vector for each layer; the last layer is linear.

    >>> f, x, t, *weights = tanh_net(3)
    >>> [w.shape for w in weights[::2]], f(x, t, *weights).shape
    ([(2, 4), (4, 4), (4, 4), (4, 1)], ())
    """
    widths = [NET_INPUTS, *[NET_WIDTH] * n, 1]

    def squared_error(x: Any, t: Any, *weights: Any) -> Any:
        for w, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            x = np.tanh(x @ w + b)
        w, b = weights[-2:]
        return ((x @ w + b)[0] - t) ** 2

    weights: list[np.ndarray] = []
    for below, above in pairwise(widths):
        weights += [np.full((below, above), 0.1), np.zeros(above)]
    return squared_error, np.array([0.5, -1.0]), 1.0, *weights


def iterates(graph: Graph) -> Callable[[int], tuple[Any, ...]]:
    """The family of iterates of a formula in one variable: f, f∘f, f∘f∘f, ….

    Raises
    ------
    InputError
        When the formula has not exactly one variable.

    >>> import diffkit as dk
    >>> f, x = iterates(dk.parse("2*x"))(3)
    >>> float(f(x))
    8.0
    """
    if len(graph.input_nodes) != 1:
        names = ", ".join(graph.input_names) or "none"
        raise InputError(
            f"only a formula in one variable can be iterated; this one has {names}",
            hint="write numbers for the others, as in 4*x*(1-x).",
        )

    def of(n: int) -> tuple[Any, ...]:
        def iterate(x: Any) -> Any:
            for _ in range(n):
                x = graph(x)
            return x

        return iterate, 1.0

    return of


FAMILIES: dict[str, Family] = {
    "logistic": Family(
        "n-th iterate of the logistic map", "n", tuple(range(2, 9)), logistic, lambda n: None,
        "Baydin et al. 2018, section 2",
    ),
    "speelpenning": Family(
        "Speelpenning's product of n numbers", "n", tuple(range(2, 11)), product, lambda n: None,
        "B. Speelpenning 1980; Griewank & Walther 2008, example 3.3",
    ),
    "helmholtz": Family(
        "Helmholtz energy of n substances", "n", (1, 2, 3, 5, 8, 12), mixture, lambda n: None,
        "A. Griewank 1989; Baydin et al. 2018, figure 6",
    ),
    "tanh-net": Family(
        "tanh net 2-4-…-4-1 of n hidden layers", "layers", (1, 2, 3), tanh_net,
        lambda n: tuple(range(2, 2 * n + 4)),
        "S. Laue 2019; counted with SymPy's diff and cse",
    ),
}  # fmt: skip
