"""Optimizers that see the loss itself, over all data at once: L-BFGS and Newton-CG.

    L-BFGS      d = −H g       H ≈ (∇²L)⁻¹ from the last m changes of x and of g (two loops)
    Newton-CG   ∇²L d ≈ −g     by conjugate gradients on Hessian-vector products

Both go along d as far as a line search finds good (the strong Wolfe conditions, SciPy's
``line_search``), so the loss falls at every update and no rate has to be chosen.  They need exact
values of one loss, hence full batches: ``dk.train`` makes one update per epoch.
Reading on: Nocedal & Wright 2006, *Numerical Optimization*, chapters 3, 6 and 7.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.errors import InputError
from diffkit.lazy import optimize
from diffkit.optim.base import Optimizer, check_size
from diffkit.optim.schedule import Rate, check_count

__all__ = ["LBFGS", "FullBatch", "NewtonCG", "Objective", "lbfgs", "newton_cg"]

# Wolfe's conditions (Nocedal & Wright 2006, section 3.1): enough fall, and a slope gone flat.
ENOUGH_FALL, FLAT = 1e-4, 0.9
# Halvings of a step when the search finds none that fulfils both: 2⁻³⁰ is within float32's noise.
MOST_HALVINGS = 30
# PyTorch's LBFGS: a pair with less curvature than this is not kept.
LEAST_CURVATURE = 1e-10
# The residual of the inner solve is min(this, √‖g‖) · ‖g‖.  Nocedal & Wright 2006, algorithm 7.1,
# have ½, which in a narrow valley is reached before the valley's own direction is looked at.
MOST_RESIDUAL = 0.01


class Objective(Protocol):
    """The loss over all data as an optimizer for full batches sees it."""

    def value_and_gradient(self, params: Any) -> tuple[Any, Any]:
        """The loss and its gradient, in the tree of the parameters."""
        ...

    def product(self, params: Any, v: Any) -> Any:
        """The Hessian at ``params`` times ``v``, in the tree of the parameters."""
        ...


class _Flat:
    """An objective over one vector of float64; it remembers where it was asked last."""

    def __init__(self, objective: Objective, params: Any, value: Any, gradients: Any) -> None:
        self.objective, self.structure = objective, structure_of(params)
        self.leaves = [np.asarray(leaf) for leaf in flatten(params)[0]]
        self.x = self.joined(params)
        self.value, self.slope = float(value), self.joined(gradients)
        self.asked = (self.x, self.value, self.slope)

    def joined(self, tree: Any) -> np.ndarray:
        """The leaves of a tree, one after the other."""
        return np.concatenate([np.ravel(leaf).astype(float) for leaf in flatten(tree)[0]])

    def split(self, x: np.ndarray) -> Any:
        """The tree of a vector, in the dtypes of the parameters."""
        ends = np.cumsum([leaf.size for leaf in self.leaves])[:-1]
        pieces = zip(np.split(x, ends), self.leaves, strict=True)
        return unflatten(
            self.structure, [p.reshape(leaf.shape).astype(leaf.dtype)[()] for p, leaf in pieces]
        )

    def at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient; a step too far gives an infinite value."""
        if not np.array_equal(self.asked[0], x):
            with np.errstate(all="ignore"):
                value, bars = self.objective.value_and_gradient(self.split(x))
            value = float(value) if np.isfinite(value) else np.inf
            self.asked = (x.copy(), value, self.joined(bars))
        return self.asked[1:]

    def product(self, v: np.ndarray) -> np.ndarray:
        """The Hessian at x times v."""
        return self.joined(self.objective.product(self.split(self.x), self.split(v)))


@dataclass(frozen=True)
class FullBatch(Optimizer):
    """The base of optimizers that look at the loss of all data at every update.

    With ``search=False`` the step along d is the rate itself.
    """

    search: bool = True

    def update(self, gradients: Any, state: Any, params: Any, t: Any) -> tuple[Any, Any]:
        """Refused: a gradient alone is not enough.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"{type(self).__name__} needs the loss, not only a gradient",
            hint="use it in dk.train, or call its method advance.",
        )

    def advance(
        self, objective: Objective, value: Any, gradients: Any, state: Any, params: Any, t: int
    ) -> tuple[Any, Any]:
        """The parameters and the state after update t, from value and gradient at ``params``."""
        flat = _Flat(objective, params, value, gradients)
        if not flat.slope.any():
            return params, state
        state = self.learned(flat, state)
        d = self.direction(flat, state)
        if flat.slope @ d >= 0:  # rounding, or a Hessian that is not what it was
            d = -flat.slope
        d = d * self.first_length(flat, t)
        far = found_length(flat.at, flat.x, d, flat.value, flat.slope) if self.search else 1.0
        return flat.split(flat.x + far * d), state

    def learned(self, flat: _Flat, state: Any) -> Any:
        """The state with what the last step has shown."""
        return state

    def direction(self, flat: _Flat, state: Any) -> np.ndarray:
        """Where to go, a vector like ``flat.x``.

        Raises
        ------
        InputError
            By an optimizer that does not say.
        """
        raise self.undefined("direction(self, flat, state)", "a vector like flat.x")

    def first_length(self, flat: _Flat, t: int) -> float:
        """How far along the direction the search begins."""
        return self.rate_at(t)


def found_length(
    at: Callable[[np.ndarray], tuple[float, np.ndarray]],
    x: np.ndarray,
    d: np.ndarray,
    value: float,
    slope: np.ndarray,
) -> float:
    """How far to go along d: a strong Wolfe point, or any fall, or 0 where there is none."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # LineSearchWarning: what it says is in the None
        found = optimize.line_search(
            lambda p: at(p)[0], lambda p: at(p)[1], x, d, slope, value, c1=ENOUGH_FALL, c2=FLAT
        )[0]
    if found is not None:
        return float(found)
    for halvings in range(MOST_HALVINGS):
        length = 0.5**halvings
        if at(x + length * d)[0] < value:
            return length
    return 0.0


@dataclass(frozen=True)
class LBFGS(FullBatch):
    """Quasi-Newton steps from the last changes of the gradient."""

    memory: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.memory, "memory")

    def init(self, params: Any) -> Any:
        """The last point and its gradient, and room for changes of both; none are known yet."""
        size = sum(np.size(leaf) for leaf in flatten(params)[0])
        return {
            "begun": np.zeros(()), "last": np.zeros((2, size)),
            "known": np.zeros(()), "changes": np.zeros((self.memory, 2, size)),
        }  # fmt: skip

    def learned(self, flat: _Flat, state: Any) -> Any:
        present = np.array([flat.x, flat.slope])
        known, changes = state["known"], state["changes"]
        s, y = change = present - state["last"]
        if state["begun"] and y @ s > LEAST_CURVATURE:
            changes = np.concatenate([changes[1:], change[None]])
            known = np.minimum(known + 1, self.memory)
        return {"begun": np.ones(()), "last": present, "known": known, "changes": changes}

    def direction(self, flat: _Flat, state: Any) -> np.ndarray:
        """The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4)."""
        d = -flat.slope
        pairs = state["changes"][self.memory - int(state["known"]) :]
        shares = []
        for s, y in pairs[::-1]:
            shares.append((s @ d) / (y @ s))
            d = d - shares[-1] * y
        if len(pairs):
            s, y = pairs[-1]
            d = d * (y @ s) / (y @ y)
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            d = d + s * (share - (y @ d) / (y @ s))
        return d

    def first_length(self, flat: _Flat, t: int) -> float:
        """The rate; at first, without a scale, no more than a step of length 1 (as PyTorch)."""
        rate = self.rate_at(t)
        return rate * min(1.0, 1 / np.abs(flat.slope).sum()) if t == 0 else rate


@dataclass(frozen=True)
class NewtonCG(FullBatch):
    """Newton's steps, solved by conjugate gradients as far as the gradient is worth it."""

    iterations: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.iterations, "iterations")
        check_size("newton_cg", iterations=self.iterations)

    def init(self, params: Any) -> Any:
        return ()

    def direction(self, flat: _Flat, state: Any) -> np.ndarray:
        """Conjugate gradients on ∇²L d = −g, up to the first direction that is not convex."""
        size = np.linalg.norm(flat.slope)
        enough = min(MOST_RESIDUAL, np.sqrt(size)) * size
        d, residual = np.zeros_like(flat.x), flat.slope
        p = -residual
        for _ in range(self.iterations):
            bent = flat.product(p)
            curvature = p @ bent
            if curvature <= 0:
                return d if d.any() else -flat.slope
            length = (residual @ residual) / curvature
            d = d + length * p
            new = residual + length * bent
            if np.linalg.norm(new) < enough:
                return d
            p = -new + (new @ new) / (residual @ residual) * p
            residual = new
        return d


def lbfgs(rate: Rate = 1.0, memory: int = 10, search: bool = True) -> Optimizer:
    """L-BFGS for full batches: quasi-Newton steps with a line search, one per epoch.

    ``memory`` is the number of changes kept; with ``search=False`` the rate is the step itself.

    Source: Liu & Nocedal 1989, *On the limited memory BFGS method for large scale optimization*.

    >>> import numpy as np, diffkit as dk
    >>> bowl = lambda w, x: np.sum((w - x) ** 4 + (w - x) ** 2)
    >>> run = dk.train(bowl, np.zeros(2), (np.array([[3.0, 4.0]]),), optimizer=lbfgs(), epochs=20)
    >>> run.params.round(6).tolist()
    [3.0, 4.0]
    """
    return LBFGS(rate, search, memory)


def newton_cg(rate: Rate = 1.0, iterations: int = 50, search: bool = True) -> Optimizer:
    """Newton-CG for full batches: Hessian-vector products, conjugate gradients, a line search.

    ``iterations`` is the most products of one update.

    Source: Nocedal & Wright 2006, algorithm 7.1; Martens 2010 for nets.

    >>> import numpy as np, diffkit as dk
    >>> bowl = lambda w, x: np.sum((w - x) ** 4 + (w - x) ** 2)
    >>> run = dk.train(bowl, np.zeros(2), (np.array([[3.0, 4.0]]),), optimizer=newton_cg(),
    ...                epochs=9)
    >>> run.params.round(6).tolist()
    [3.0, 4.0]
    """
    return NewtonCG(rate, search, iterations)
