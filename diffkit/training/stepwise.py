"""A training under way, one update at a time.

    for each batch:   L, ∇L = value_and_grad(loss)(params, x, y)
                      params, state = update(∇L, state, params, t)

This loop takes any method, any optimizer and any loss, and it is the reference for the loop that
runs whole epochs in one call (``training/looped.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.training.batches import take
from diffkit.training.checking import has_diverged, has_run_away, layer_of_divergence
from diffkit.training.progress import Progress
from diffkit.training.run import Divergence, Run
from diffkit.training.signal import first_bad, parameter_names
from diffkit.training.stepping import Stepper

__all__ = ["Training"]


class Training:
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
        measured = held_out is not None or hasattr(self.run.loss, "accuracy")
        for number in range(self.run.batches.epochs):
            if not self.epoch(number, bar):
                return
            if measured:
                self.settle()
            self.run.end_of_epoch(self.weighted, self.rows, held_out)
            mean, first = (self.run.history[name] for name in ("epoch_loss", "loss"))
            if has_run_away(mean[-1], first[0]):
                self.settle()
                *_, batch = self.run.batches.epoch(number)
                self.run.diverged = self._runaway(number, mean[-1], take(self.rows, batch))
                return
        self.settle()

    def settle(self) -> None:
        """Bring the run up to date with the updates that are done; here it always is."""

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
