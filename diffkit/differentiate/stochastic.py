"""Gradients by chance: unbiased estimates from directional derivatives or from values alone.

Along a random direction v with E[v vᵀ] = 1 the slope of f is one number, and

    forward gradient:   ĝ = (∇f·v) v,                        E[ĝ] = E[v vᵀ] ∇f = ∇f
    SPSA:               ĝ = (f(x + cv) − f(x − cv))/2c · v,  E[ĝ] = ∇f + O(c²)

Neither needs a backward sweep, nor its memory.  The price is variance, of K samples in n entries:

    Gaussian v:         Var ĝᵢ = (‖∇f‖² + (∂ᵢf)²)/K,      E‖ĝ‖² = (n + 1 + K)/K ‖∇f‖²
    v = ±1:             Var ĝᵢ = (‖∇f‖² − (∂ᵢf)²)/K,      E‖ĝ‖² = (n − 1 + K)/K ‖∇f‖²

so the error of one sample is √n times the gradient itself.  Chance is explicit: a method takes a
seed (the same directions at every call, so the same bits) or a Generator (the next directions).
Reading on: Baydin et al. 2022, *Gradients without backpropagation*; Spall 1992, *Multivariate
stochastic approximation using a simultaneous perturbation gradient approximation*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.finite import automatic_step, float_leaf
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import InputError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.primitives.arithmetic import mul
from diffkit.primitives.shaping import reshape

__all__ = ["SPSA", "ForwardGradient", "Seed", "forward_gradient_graph"]

Seed = int | np.random.Generator | None

# Both have mean 0 and covariance 1.
DIRECTIONS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "rademacher": lambda rng, shape: 2.0 * rng.integers(0, 2, shape) - 1.0,
}
# A central difference along v: truncation grows like c², see ``automatic_step``.
CENTRAL = 2


def forward_gradient_graph(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The graph of the values and of one sample (J v) ⊗ v for every output and input.

    The inputs are those of the graph and one direction v per ``wrt`` (positions of inputs).
    Directions are inputs, so a sample is a graph like any other derivative.

    Source: Baydin et al. 2022, section 3.
    """
    wrt = tuple(wrt)
    key = ("forward gradient", wrt)
    if key not in graph.cache:
        swept = pushforward_graph(graph, wrt)
        arena, count = Arena.of(swept), len(graph.output_nodes)
        directions = [_tracer(arena, node) for node in swept.input_nodes[-len(wrt) :]]
        slopes = [_tracer(arena, node) for node in swept.output_nodes[count:]]
        samples = [_outer(y_dot, v).node for y_dot in slopes for v in directions]
        graph.cache[key] = arena.freeze(
            swept.input_nodes,
            [*swept.output_nodes[:count], *samples],
            names=swept.input_names,
            title=f"forward gradient of {graph.title}" if graph.title else "",
        )
    return graph.cache[key]


def _tracer(arena: Arena, node: int) -> Tracer:
    return Tracer(arena, node, arena.avals[node])


def _outer(y_dot: Tracer, v: Tracer) -> Tracer:
    column = reshape(y_dot, shape=(*y_dot.shape, *[1] * v.ndim)) if v.ndim else y_dot
    row = reshape(v, shape=(1,) * y_dot.ndim) if y_dot.ndim and not v.ndim else v
    return mul(column, row)


class _Stochastic(Method):
    """What the estimators share: samples, directions and where chance comes from."""

    def __init__(self, samples: int, directions: str, seed: Seed) -> None:
        self.samples = _checked_samples(samples)
        if directions not in DIRECTIONS:
            raise InputError(
                f"directions={directions!r} is no known distribution",
                hint=f"use one of {', '.join(DIRECTIONS)}.",
            )
        self.directions = directions
        self.seed = _checked_seed(seed, type(self).__name__)

    def generator(self) -> np.random.Generator:
        """The source of directions for one call: fresh from a seed, or the given Generator."""
        if isinstance(self.seed, np.random.Generator):
            return self.seed
        return np.random.default_rng(self.seed)

    def draw(self, rng: np.random.Generator, leaves: Sequence[Any]) -> list[Any]:
        """One direction: an array like each leaf."""
        make = DIRECTIONS[self.directions]
        return [
            np.asarray(make(rng, np.shape(leaf)), np.asarray(leaf).dtype)[()] for leaf in leaves
        ]

    def _given(self) -> str:
        seed = "rng" if isinstance(self.seed, np.random.Generator) else repr(self.seed)
        return f"samples={self.samples}, directions={self.directions!r}, seed={seed}"


def _checked_samples(samples: Any) -> int:
    whole = isinstance(samples, (int, np.integer)) and not isinstance(samples, bool)
    if not whole or samples < 1:
        raise InputError(
            f"samples={samples!r} is not a number of samples", hint="use a positive whole number."
        )
    return int(samples)


def _checked_seed(seed: Any, name: str) -> Seed:
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0:
        return int(seed)
    problem = "no seed was given" if seed is None else f"seed={seed!r} is no seed"
    raise InputError(
        f"{name} draws its directions by chance, but {problem}",
        hint=f"write dk.methods.{name}(seed=0), or give a numpy.random.Generator as the seed.",
    )


class ForwardGradient(_Stochastic):
    """The forward gradient: the mean of ``samples`` estimates (∇f·v) v, by forward mode.

    Parameters
    ----------
    samples
        How many directions are averaged; each costs one sweep of forward mode.
    directions
        ``"gaussian"`` or ``"rademacher"`` (±1, of smaller variance).
    seed
        A whole number: the same directions at every call.  A ``numpy.random.Generator``: its next
        directions at every call.  It has to be given.

    Raises
    ------
    InputError
        For an unknown distribution, a number of samples below 1, or no seed.

    Source: Baydin et al. 2022, *Gradients without backpropagation*.

    >>> import numpy as np, diffkit as dk
    >>> method = dk.methods.ForwardGradient(samples=1000, directions="rademacher", seed=0)
    >>> dk.grad(lambda x: np.sum(x * x), method=method)(np.array([1.0, 2.0])).round(1)
    array([1.8, 3.9])
    """

    name: ClassVar[str] = "forward-gradient"

    def __init__(self, samples: int = 1, directions: str = "gaussian", seed: Seed = None) -> None:
        super().__init__(samples, directions, seed)

    def __repr__(self) -> str:
        return f"ForwardGradient({self._given()})"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and the mean of the samples (J v) ⊗ v, an unbiased estimate of J."""
        graph = function.graph_for(leaves)
        sampled, count = forward_gradient_graph(graph, wrt), len(graph.output_nodes)
        run, rng = runner_of(sampled, engine), self.generator()
        moving, means, values = [leaves[j] for j in wrt], [], []
        for k in range(self.samples):
            inputs = [*leaves, *self.draw(rng, moving)]
            outputs = run(inputs)
            warn_of_nan(sampled, inputs, outputs)
            values = outputs[:count]
            means = _updated(means, outputs[count:], k)
        flops = self.samples * sampled.flops()
        return JacobianResult(values, _rows(means, len(wrt)), self.samples, flops, sampled)


def _updated(means: list[np.ndarray], found: Sequence[Any], k: int) -> list[np.ndarray]:
    """The means of k + 1 samples from those of k."""
    if not means:
        return [np.array(sample) for sample in found]
    return [mean + (sample - mean) / (k + 1) for mean, sample in zip(means, found, strict=True)]


def _rows(blocks: list[np.ndarray], width: int) -> list[list[np.ndarray]]:
    return [
        [np.asarray(block) for block in blocks[i : i + width]] for i in range(0, len(blocks), width)
    ]


class SPSA(_Stochastic):
    """Simultaneous perturbation: every entry is displaced at once, by ±c, in two evaluations.

    Parameters
    ----------
    step
        The displacement c: a positive number, or ``"auto"`` for ∛ε · max(‖x‖∞, 1).
    samples
        How many directions are averaged; each costs two evaluations of the function.
    seed
        A whole number: the same directions at every call.  A ``numpy.random.Generator``: its next
        directions at every call.  It has to be given.

    Raises
    ------
    InputError
        For a step that is not positive, a number of samples below 1, or no seed.

    Source: Spall 1992, *Multivariate stochastic approximation using a simultaneous perturbation
    gradient approximation*.

    >>> import numpy as np, diffkit as dk
    >>> method = dk.methods.SPSA(samples=1000, seed=0)
    >>> dk.grad(lambda x: np.sum(x * x), method=method)(np.array([1.0, 2.0])).round(1)
    array([1.8, 3.9])
    """

    name: ClassVar[str] = "spsa"

    def __init__(self, step: str | float = "auto", samples: int = 1, seed: Seed = None) -> None:
        super().__init__(samples, "rademacher", seed)
        self.step = step if step == "auto" else _checked_step(step)

    def __repr__(self) -> str:
        seed = "rng" if isinstance(self.seed, np.random.Generator) else repr(self.seed)
        return f"SPSA(step={self.step!r}, samples={self.samples}, seed={seed})"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and the mean of (y(x + cv) − y(x − cv))/2c ⊗ v.

        Raises
        ------
        DtypeError
            When a leaf of ``wrt`` is not floating point.
        """
        moving = [float_leaf(leaves[j], self.name) for j in wrt]
        step, rng = self._step(moving), self.generator()
        values = function.values(leaves, engine)
        means: list[np.ndarray] = []
        for k in range(self.samples):
            v = self.draw(rng, moving)
            up, down = (self._moved(function, leaves, wrt, v, c, engine) for c in (step, -step))
            with np.errstate(all="ignore"):
                slopes = [(np.asarray(a) - b) / (2 * step) for a, b in zip(up, down, strict=True)]
            found = [np.multiply.outer(slope, part) for slope in slopes for part in v]
            means = _updated(means, found, k)
        runs = 1 + 2 * self.samples
        graph = function.graph_for(leaves)
        warn_of_nan(graph, leaves, means)
        return JacobianResult(values, _rows(means, len(wrt)), runs, runs * graph.flops(), graph)

    def _step(self, moving: Sequence[np.ndarray]) -> float:
        if not isinstance(self.step, str):
            return self.step
        size = max((float(np.max(np.abs(x), initial=0.0)) for x in moving), default=0.0)
        eps = max(float(np.finfo(x.dtype).eps) for x in moving)
        return automatic_step(size, CENTRAL, eps)

    def _moved(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], v: Sequence[Any],
        c: float, engine: str,
    ) -> list[Any]:  # fmt: skip
        moved = list(leaves)
        for place, part in zip(wrt, v, strict=True):
            leaf = np.asarray(leaves[place])
            moved[place] = (leaf + leaf.dtype.type(c) * part)[()]
        return function.values(moved, engine)


def _checked_step(step: Any) -> float:
    number = isinstance(step, (int, float, np.number)) and not isinstance(step, bool)
    if not number or not 0 < float(step) < np.inf:
        raise InputError(
            f"step={step!r} is not a displacement", hint='use a positive number, or "auto".'
        )
    return float(step)
