"""The training loop: batches in, gradient, optimizer, and everything on record.

    for each batch:   L, ∇L = value_and_grad(loss)(params, x, y)
                      params, state = update(∇L, state, params, t)

With one batch of everything it is gradient descent, with one example stochastic gradient
descent, in between mini-batch descent (Bottou, Curtis & Nocedal 2018, *Optimization methods for
large-scale machine learning*).  The same seed gives the same bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.errors import DivergenceWarning, InputError, InterruptedTrainingWarning
from diffkit.optim.optimizers import Optimizer, sgd
from diffkit.training.batches import Batches, take
from diffkit.training.checking import (
    check_call,
    check_deterministic,
    checked_data,
    checked_params,
    has_diverged,
    has_run_away,
    layer_of_divergence,
)
from diffkit.training.progress import Progress
from diffkit.training.run import Divergence, Run
from diffkit.training.signal import first_bad, parameter_names
from diffkit.training.stepping import Stepper

__all__ = ["train"]

RECORDABLE = ("loss", "signal")
DEFAULT_RATE = 0.1


def train(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    *,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    epochs: int = 1,
    seed: int = 0,
    order: Sequence[Sequence[int]] | None = None,
    signal: str = "reverse",
    record: Sequence[str] = ("loss",),
    validation: Sequence[Any] | None = None,
    progress: bool = False,
    engine: str = "auto",
    signal_every: int = 1,
) -> Run:
    """Train ``loss(params, *batch)`` on rows of ``data`` and return the run.

    ``params`` is a tree of float arrays and ``data`` a tuple of arrays with one row per example.
    ``batch_size=None`` takes all rows at once, 1 a single example, anything else a mini-batch;
    ``order`` gives the batches of an epoch as lists of rows, otherwise they are drawn from
    ``seed``.  ``signal`` is the method that gives the gradient.  ``record=("loss", "signal")``
    also keeps the norms of activations, cotangents, gradients and updates of every
    ``signal_every``-th step.  ``validation`` is data like ``data``, measured after every epoch.

    A loss may have a method ``check(*data)``, called once before the first step, and
    ``accuracy(params, *data)``, called after every epoch; those of nets have both.

    A training that diverges stops, keeps what it has, and says in ``run.diverged`` (and in a
    warning) at which epoch and layer.  Ctrl-C stops a training too: the run so far comes back,
    with ``run.interrupted`` set and a warning.

    Raises
    ------
    InputError, ShapeError
        When data, batches or settings do not fit, or the loss draws random numbers.

    Source: Robbins & Monro 1951; Bottou, Curtis & Nocedal 2018.

    >>> import numpy as np, diffkit as dk
    >>> x = np.linspace(-1, 1, 20)
    >>> fit = lambda w, x, y: np.mean((w * x - y) ** 2)
    >>> run = dk.train(fit, 0.0, (x, 3 * x), optimizer=dk.optim.sgd(0.5), epochs=50)
    >>> round(float(run.params), 3)
    3.0
    """
    rows = checked_data(data, "data")
    held_out = None if validation is None else checked_data(validation, "validation")
    watch = _checked_record(record, signal_every)
    batches = Batches(len(rows[0]), batch_size, epochs, seed, order)
    tree = checked_params(params)
    check_call(loss, tree, rows, "data")
    if callable(check := getattr(loss, "check", None)):
        check(*rows)
    if held_out is not None:
        check_call(loss, tree, held_out, "validation")
        with np.errstate(all="ignore"):
            loss(tree, *held_out)  # labels or shapes that do not fit: now, not after an epoch
    check_deterministic(loss, tree, take(rows, next(batches.epoch(0))))
    run = Run(tree, _fitted(optimizer, batches.total), batches, loss)
    stepper = Stepper(loss, signal, watch, engine)
    training = _Training(run, stepper, rows, signal_every if watch else None)
    try:
        with Progress(batches.total, progress) as bar:
            training.all_epochs(bar, held_out)
    except KeyboardInterrupt:
        run.interrupt()
        words = f"the training was interrupted; {run!r} is what it came to"
        warnings.warn(words, InterruptedTrainingWarning, stacklevel=2)
    if run.diverged is not None:
        warnings.warn(str(run.diverged), DivergenceWarning, stacklevel=2)
    return run


def _checked_record(record: Sequence[str] | str, signal_every: Any) -> bool:
    """Whether the signal is recorded."""
    names = [record] if isinstance(record, str) or not np.iterable(record) else list(record)
    unknown = [name for name in names if name not in RECORDABLE]
    if unknown:
        raise InputError(
            f"cannot record {unknown[0]!r}", hint=f"choose among {', '.join(RECORDABLE)}."
        )
    if not isinstance(signal_every, (int, np.integer)) or signal_every < 1:
        raise InputError(
            f"signal_every must be a whole number of at least 1, not {signal_every!r}",
            hint="1 records every step.",
        )
    return "signal" in names


def _fitted(optimizer: Optimizer | None, updates: int) -> Optimizer:
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise InputError(
            f"optimizer is {optimizer!r:.40}, not an optimizer",
            hint="for example optimizer=dk.optim.sgd(0.1).",
        )
    return (optimizer or sgd(DEFAULT_RATE)).for_steps(updates)


class _Training:
    """A training under way: its state, and what happens at every update."""

    def __init__(
        self, run: Run, stepper: Stepper, rows: list[np.ndarray], every: int | None
    ) -> None:
        self.run, self.stepper, self.rows, self.every = run, stepper, rows, every
        self.state = run.optimizer.init(run.params)
        self.step = 0
        self.weighted = 0.0

    def all_epochs(self, bar: Progress, held_out: list[np.ndarray] | None) -> None:
        """Train to the end, or until the training has diverged."""
        for number in range(self.run.batches.epochs):
            if not self.epoch(number, bar):
                return
            self.run.end_of_epoch(self.weighted, self.rows, held_out)
            mean, first = (self.run.history[name] for name in ("epoch_loss", "loss"))
            if has_run_away(mean[-1], first[0]):
                *_, batch = self.run.batches.epoch(number)
                self.run.diverged = self._runaway(number, mean[-1], take(self.rows, batch))
                return

    def epoch(self, number: int, bar: Progress) -> bool:
        """All updates of an epoch; False as soon as the training has diverged."""
        self.weighted = 0.0
        for batch in self.run.batches.epoch(number):
            value = self.update(number, take(self.rows, batch))
            if value is None:
                return False
            self.weighted += value * len(batch)
            bar.advance(value)
        return True

    def update(self, epoch: int, batch: list[np.ndarray]) -> float | None:
        """One update of the parameters; its loss, or None when it diverged."""
        run, t = self.run, self.step
        watch = self.every is not None and t % self.every == 0
        value, gradients, probes = self.stepper(run.params, batch, watch)
        losses = run.history["loss"]
        if has_diverged(value, losses[0] if losses else float(value), gradients):
            run.diverged = self._divergence(epoch, value, gradients, batch)
            return None
        before = run.params
        with np.errstate(all="ignore"):  # what overflows here is found and reported below
            after, self.state = run.optimizer.update(gradients, self.state, before, t)
        bad = first_bad(parameter_names(after), flatten(after)[0])
        if bad is not None:
            run.diverged = Divergence(epoch, t, bad, float(value))
            return None
        rate = run.optimizer.rate_at(t)
        run.params = after
        losses.append(float(value))
        run.history["rate"].append(rate)
        if watch:
            run.signal.record(t, probes, gradients, before, after)
        self.step += 1
        return float(value)

    def _divergence(
        self, epoch: int, value: Any, gradients: Any, batch: list[np.ndarray]
    ) -> Divergence:
        """Where it went wrong; the step is run once more to look at the probes."""
        params = self.run.params
        probes = self.stepper(params, batch, watch=True)[2] if self.stepper.sweeps else {}
        layer = layer_of_divergence(value, params, gradients, probes)
        return Divergence(epoch, self.step, layer, float(value))

    def _runaway(self, epoch: int, mean: float, batch: list[np.ndarray]) -> Divergence:
        """Where an epoch ran away, seen from its last batch; ``mean`` is the epoch's loss."""
        params = self.run.params
        value, gradients, _ = self.stepper(params, batch)
        return Divergence(
            epoch, self.step - 1, layer_of_divergence(value, params, gradients, {}), mean
        )
