"""The noise of gradients: how much the examples disagree, and how large a batch is worth it.

    noise scale  B = tr Σ / ‖G‖²,     Σ the covariance of the examples' gradients, G their mean

A batch of B examples has a gradient whose error is as large as itself: smaller batches waste
steps, larger ones waste examples.  Two gradients of batches of different sizes suffice for an
estimate, because E‖g_b‖² = ‖G‖² + tr Σ / b.
Reading on: McCandlish et al. 2018, *An empirical model of large-batch training*, appendix A.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.errors import InputError
from diffkit.graph.notebook import table_html
from diffkit.training.batches import take
from diffkit.training.programs import Programs, checked, flat
from diffkit.training.signal import parameter_names

__all__ = ["NoiseScale", "cosine", "measured_noise", "noise_scale", "per_example_gradients"]

# Examples whose gradients are held at once.
CHUNK = 256
# Pairs of batches of the two-batch estimate.
PAIRS = 200


def per_example_gradients(
    loss: Callable[..., Any], params: Any, data: Sequence[Any], *, engine: str = "auto"
) -> Any:
    """The gradient of every example alone, in the tree of the parameters with examples first.

    An array of shape (n, m) in ``params`` becomes one of shape (examples, n, m); the mean over
    the first axis is the gradient of a loss that is a mean over examples.

    Raises
    ------
    InputError
        When parameters or data are no arrays of numbers, or the loss takes others.

    Source: a vmap of the gradient, Bradbury et al. 2018.

    >>> def loss(w, x, y):
    ...     return np.mean((x @ w - y) ** 2)
    >>> x, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 3.0])
    >>> per_example_gradients(loss, np.zeros(2), (x, y)).tolist()
    [[-2.0, 0.0], [0.0, -6.0]]
    """
    tree, rows = checked(loss, params, data)
    return Programs(loss, engine).examples(tree, rows)


def cosine(a: Any, b: Any) -> float:
    """The cosine of the angle between two trees of arrays; NaN where one is zero.

    >>> round(cosine({"w": np.array([1.0, 0.0])}, {"w": np.array([1.0, 1.0])}), 4)
    0.7071
    """
    first, second = flat(a), flat(b)
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / size if size > 0 else float("nan")


@dataclass(frozen=True)
class NoiseScale:
    """The noise of gradients, parameter by parameter.

    ``traces`` and ``squares`` are tr Σ and ‖G‖² of every array of ``parameters``; an estimate
    from few batches can come out negative.
    """

    parameters: tuple[str, ...]
    traces: tuple[float, ...]
    squares: tuple[float, ...]

    @property
    def trace(self) -> float:
        """tr Σ over all parameters: the mean squared distance of one example's gradient from G."""
        return sum(self.traces)

    @property
    def square(self) -> float:
        """‖G‖² over all parameters."""
        return sum(self.squares)

    @property
    def scale(self) -> float:
        """The noise scale tr Σ / ‖G‖², in examples."""
        return self.trace / self.square if self.square else float("inf")

    @property
    def signal_to_noise(self) -> dict[str, float]:
        """‖G‖ / √tr Σ of one example, for every array of parameters."""
        pairs = zip(self.squares, self.traces, strict=True)
        ratios = [np.sqrt(max(g, 0.0) / s) if s > 0 else float("inf") for g, s in pairs]
        return dict(zip(self.parameters, map(float, ratios), strict=True))

    def _repr_html_(self) -> str:
        rows = [[name, f"{trace:.3g}", f"{square:.3g}"] for name, trace, square in
                zip(self.parameters, self.traces, self.squares, strict=True)]  # fmt: skip
        rows.append(["all", f"{self.trace:.3g}", f"{self.square:.3g}"])
        title = f"Noise scale: {self.scale:.4g} examples"
        return table_html(title, ["parameter", "tr Σ", "‖G‖²"], rows, right=[False, True, True])

    def __repr__(self) -> str:
        return (
            f"NoiseScale({self.scale:.4g} examples: trace {self.trace:.4g}, ‖G‖² {self.square:.4g})"
        )


def noise_scale(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    *,
    batches: tuple[int, int] | None = None,
    pairs: int = PAIRS,
    seed: int = 0,
    engine: str = "auto",
) -> NoiseScale:
    """The gradient noise scale tr Σ / ‖G‖² of a mean loss over these data.

    By default from the gradient of every example, which costs about one epoch; with
    ``batches=(small, big)`` from the gradients of ``pairs`` pairs of batches of these sizes, drawn
    with replacement from ``seed``.

    Raises
    ------
    InputError
        When the two sizes are not 1 ≤ small < big, or parameters or data do not fit the loss.

    Source: McCandlish et al. 2018, equation 2.9 and appendix A.1.

    >>> def loss(w, x):
    ...     return np.mean((w - x) ** 2) / 2
    >>> x = np.array([0.0, 2.0, 4.0])
    >>> noise_scale(loss, 0.0, (x,))  # mean 2, variance 8/3
    NoiseScale(0.6667 examples: trace 2.667, ‖G‖² 4)
    """
    tree, rows = checked(loss, params, data)
    programs = Programs(loss, engine)
    if batches is None:
        return measured_noise(programs, tree, rows)
    small, big = _checked_sizes(batches)
    rng, n = np.random.default_rng(seed), len(rows[0])
    squares = np.array([
        [_squares(programs.gradient(tree, take(rows, rng.integers(0, n, size)))[1])
         for size in (small, big)]
        for _ in range(pairs)
    ])  # fmt: skip
    low, high = squares.mean(axis=0)
    return NoiseScale(
        tuple(parameter_names(tree)),
        tuple(((low - high) / (1 / small - 1 / big)).tolist()),
        tuple(((big * high - small * low) / (big - small)).tolist()),
    )


def _checked_sizes(batches: Any) -> tuple[int, int]:
    try:
        small, big = batches
        good = int(small) == small and int(big) == big and 1 <= small < big
    except (TypeError, ValueError):
        good, small, big = False, 0, 0
    if not good:
        raise InputError(
            f"batches={batches!r:.40} are not two sizes, a small one and a big one",
            hint="for example batches=(8, 128).",
        )
    return int(small), int(big)


def _squares(gradient: Any) -> list[float]:
    return [float(np.sum(np.square(leaf))) for leaf in flatten(gradient)[0]]


def measured_noise(programs: Programs, params: Any, rows: Sequence[np.ndarray]) -> NoiseScale:
    """Mean and covariance of the gradients of all examples, a chunk of them at a time.

    Chunks are joined by the formula of Chan, Golub & LeVeque 1979, which does not cancel.
    """
    count, n = 0, len(rows[0])
    means: list[np.ndarray] = []
    spreads: list[float] = []
    for start in range(0, n, CHUNK):
        chunk = [array[start : start + CHUNK] for array in rows]
        found = [np.asarray(g, float) for g in flatten(programs.examples(params, chunk))[0]]
        size = len(chunk[0])
        if not means:
            means, spreads = [np.zeros(g.shape[1:]) for g in found], [0.0] * len(found)
        for place, g in enumerate(found):
            mean = g.mean(axis=0)
            gap, share = mean - means[place], size / (count + size)
            spreads[place] += float(np.sum((g - mean) ** 2) + np.sum(gap**2) * count * share)
            means[place] = means[place] + gap * share
        count += size
    traces = tuple(spread / n for spread in spreads)
    return NoiseScale(tuple(parameter_names(params)), traces, tuple(_squares(means)))
