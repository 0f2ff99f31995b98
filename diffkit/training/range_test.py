"""The learning-rate range test: which rates learn, and where they break.

    η_k = low · (high/low)^{k/(n−1)}      one short training, or one step, for each rate

Smith's sweep raises the rate at every update of one training and watches the loss: first nothing
happens, then it falls, then it breaks.  ``restart=True`` gives every rate a short training of its
own from the same start, so that no rate inherits what others have done.  Gradient descent on a
loss with the largest curvature λmax breaks beyond 2/λmax; ``curvature=True`` measures that bound.
Source: Smith 2017, *Cyclical learning rates for training neural networks*, section 3.3.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffkit.errors import DivergenceWarning, InputError
from diffkit.graph.notebook import curve_svg, facts_html
from diffkit.optim.descent import sgd
from diffkit.optim.optimizers import FullBatch, Optimizer
from diffkit.optim.schedules import exponential
from diffkit.training.checking import check_call, checked_data, checked_params
from diffkit.training.loop import train
from diffkit.training.sharpness import sharpness

__all__ = ["RangeTest", "lr_range_test"]

# A loss this many times its best is broken (fastai's learning-rate finder stops there, too).
BROKEN = 4.0
# Of the running mean that the slope is read from; mini-batches are noisy.
SMOOTHING = 0.9
MEMORY = round(1 / (1 - SMOOTHING))  # updates
# The rate to use where a test breaks without ever having fallen clearly: a tenth of the break.
SAFETY = 10.0


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What a range test has found; ``losses`` holds an infinity where a training broke.

    ``suggested`` is the rate at which the loss falls fastest against log η, ``breaks_at`` the
    first rate at which it is broken (None where none is), ``edge`` 2/λmax where it was measured.
    """

    rates: np.ndarray
    losses: np.ndarray
    smooth: np.ndarray
    first_loss: float
    restart: bool
    curvature: float | None = None

    @property
    def edge(self) -> float | None:
        """2/λmax at the start, beyond which gradient descent leaves a quadratic."""
        return None if self.curvature is None else 2.0 / self.curvature

    @property
    def breaks_at(self) -> float | None:
        """The first rate whose loss is broken, and that of all higher rates too.

        With ``restart`` a loss is broken that is above its start; in a sweep one that is above
        ``BROKEN`` times the best.
        """
        finite = self.smooth[np.isfinite(self.smooth)]
        best = float(finite.min()) if finite.size else math.inf
        bound = self.first_loss if self.restart else BROKEN * abs(best)
        broken = ~(self.losses <= bound) if self.restart else ~(self.smooth <= bound)
        if not broken.any() or not broken[-1]:
            return None
        whole = np.flatnonzero(~broken)
        return float(self.rates[whole[-1] + 1 if whole.size else 0])

    @property
    def suggested(self) -> float:
        """The rate of the steepest fall; with ``restart`` the one that ended lowest."""
        if self.restart:
            return float(self.rates[np.nanargmin(self.losses)])
        slopes = self.slopes()
        last = len(slopes) if self.breaks_at is None else int((self.rates < self.breaks_at).sum())
        noisy = self.smooth is not self.losses
        first = min(MEMORY, last - 1) if noisy else 0  # a mean of few losses says little
        usable = slopes[first : max(last, 1)]
        falls = np.where(np.isfinite(usable), usable, 0.0)
        if not (falls < 0).any() and self.breaks_at is not None:
            return self.breaks_at / SAFETY
        return float(self.rates[first + int(np.argmin(falls))])

    def slopes(self) -> np.ndarray:
        """The slope of the smoothed loss against log₁₀ η."""
        with np.errstate(all="ignore"):
            return np.gradient(self.smooth, np.log10(self.rates))

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain numbers."""
        return {
            "schema": 1, "rates": self.rates.tolist(), "losses": self.losses.tolist(),
            "smooth": self.smooth.tolist(), "suggested": self.suggested,
            "breaks_at": self.breaks_at, "curvature": self.curvature, "edge": self.edge,
        }  # fmt: skip

    def table(self, rows: int = 12) -> str:
        """Some of the rates with their losses, and what follows from all of them."""
        places = np.unique(np.linspace(0, len(self.rates) - 1, rows).round().astype(int))
        lines = [f"{'rate':>10}  {'loss':>10}  {'smoothed':>10}"]
        lines += [f"{self.rates[k]:10.3g}  {self.losses[k]:10.4g}  {self.smooth[k]:10.4g}"
                  for k in places]  # fmt: skip
        lines.append(f"suggested  {self.suggested:.3g}")
        lines.append(
            f"breaks at  {'no rate' if self.breaks_at is None else f'{self.breaks_at:.3g}'}"
        )
        if self.edge is not None:
            lines.append(f"2/λmax     {self.edge:.3g}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        facts = {"suggested": self.suggested, "breaks at": self.breaks_at, "2/λmax": self.edge}
        known = {name: fact for name, fact in facts.items() if fact is not None}
        curve = curve_svg(np.minimum(self.smooth, 2 * self.first_loss), "loss over rising rates")
        return facts_html(f"RangeTest of {len(self.rates)} rates", known, picture=curve)

    def __repr__(self) -> str:
        broken = "no break" if self.breaks_at is None else f"breaks at {self.breaks_at:.3g}"
        return f"RangeTest({len(self.rates)} rates, suggested {self.suggested:.3g}, {broken})"

    def plot(self, ax: Any = None, *, dark: bool | None = None) -> Any:
        """Loss against rate, with what was found, as ``dk.plots.range_test``; the axes."""
        from importlib import import_module

        return import_module("diffkit.plots").range_test(self, ax=ax, dark=dark)


def lr_range_test(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 100,
    *,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    restart: bool = False,
    updates: int = 50,
    curvature: bool = False,
    seed: int = 0,
    engine: str = "auto",
) -> RangeTest:
    """Try ``steps`` learning rates from ``low`` to ``high``, evenly in log η, and say which to use.

    ``loss``, ``params``, ``data``, ``batch_size`` and ``seed`` are those of ``dk.train``;
    ``optimizer`` is the one whose rate is asked for (its own rate is not used).  By default one
    training raises its rate at every update; with ``restart=True`` every rate has ``updates``
    updates from ``params`` for itself, and its loss is that over all data afterwards.
    ``curvature=True`` measures λmax of the Hessian at ``params``, for the bound 2/λmax of gradient
    descent.  Nothing is trained: ``params`` stay as they are.

    Raises
    ------
    InputError
        When the rates are not 0 < low < high, or there are fewer than 3, or data do not fit.

    Source: Smith 2017, *Cyclical learning rates for training neural networks*, section 3.3.

    >>> import numpy as np, diffkit as dk
    >>> bowl = lambda w, x: 0.5 * np.sum(np.array([1.0, 10.0, 100.0]) * w * w) + 0 * np.sum(x)
    >>> found = dk.lr_range_test(bowl, np.ones(3), (np.zeros(1),), 1e-3, 1.0, steps=61,
    ...                          restart=True, curvature=True)
    >>> round(found.edge, 9), 0.02 < found.breaks_at < 0.02 * 10 ** (3 / 60)
    (0.02, True)
    """
    tree, rows = checked_params(params), checked_data(data, "data")
    check_call(loss, tree, rows, "data")
    rates = _rates(low, high, steps)
    chosen = optimizer or sgd(low)
    if not isinstance(chosen, Optimizer) or isinstance(chosen, FullBatch):
        raise InputError(
            f"a range test needs an optimizer with a rate, not {optimizer!r:.40}",
            hint="for example optimizer=dk.optim.sgd(0.1, momentum=0.9).",
        )
    settings = {"batch_size": batch_size, "seed": seed, "engine": engine}
    with np.errstate(all="ignore"):
        start = float(loss(tree, *rows))
        found = _restarts if restart else _sweep
        losses = found(loss, tree, rows, rates, chosen, updates, settings)
    largest = sharpness(loss, tree, rows, seed=seed) if curvature else None
    smooth = losses if restart or batch_size is None else _smoothed(losses)
    return RangeTest(rates, losses, smooth, start, restart, largest)


def _rates(low: Any, high: Any, steps: Any) -> np.ndarray:
    if not (isinstance(steps, (int, np.integer)) and steps >= 3 and 0 < low < high < math.inf):
        raise InputError(
            f"a range test needs 0 < low < high and steps ≥ 3, not {low!r}, {high!r}, {steps!r}",
            hint="1e-5 to 10 in 100 steps is usual.",
        )
    return np.geomspace(low, high, steps)


def _sweep(
    loss: Any, params: Any, rows: Any, rates: np.ndarray, optimizer: Optimizer, updates: int,
    settings: dict[str, Any],
) -> np.ndarray:  # fmt: skip
    """The losses before each update of one training with rising rates."""
    rising = exponential(float(rates[0]), float((rates[-1] / rates[0]) ** (1 / (len(rates) - 1))))
    size = settings["batch_size"] or len(rows[0])
    epochs = -(-len(rates) // -(-len(rows[0]) // size))
    run = _quiet(loss, params, rows, replace(optimizer, rate=rising), epochs, settings)
    losses = np.full(len(rates), np.inf)
    known = run.history["loss"][: len(rates)]
    losses[: len(known)] = known
    return losses


def _restarts(
    loss: Any, params: Any, rows: Any, rates: np.ndarray, optimizer: Optimizer, updates: int,
    settings: dict[str, Any],
) -> np.ndarray:  # fmt: skip
    """The loss over all data after a training of its own for every rate."""
    size = settings["batch_size"] or len(rows[0])
    epochs = -(-updates // -(-len(rows[0]) // size))
    losses = []
    for rate in rates.tolist():
        run = _quiet(loss, params, rows, replace(optimizer, rate=rate), epochs, settings)
        losses.append(np.inf if run.diverged else float(loss(run.params, *rows)))
    return np.array(losses)


def _quiet(
    loss: Any, params: Any, rows: Any, optimizer: Optimizer, epochs: int, settings: dict[str, Any]
) -> Any:
    """A training that may break."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        return train(loss, params, tuple(rows), optimizer=optimizer, epochs=epochs, **settings)


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """A running mean, corrected for its start at zero."""
    mean, found = 0.0, []
    for k, value in enumerate(losses.tolist(), 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        found.append(mean / (1 - SMOOTHING**k))
    return np.array(found)
