"""A training under way, one update at a time.

    for each batch:   L, ∇L = value_and_grad(loss)(params, x, y)
                      params, state = update(∇L, state, params, t)

This loop takes any method, any optimizer and any loss, and it is the reference for the loop that
runs whole epochs in one call (``training/looped.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.training.batches import take
from diffkit.training.checking import has_diverged, has_run_away, layer_of_divergence
from diffkit.training.drawing import key_of_update
from diffkit.training.measuring import Measures
from diffkit.training.progress import Progress
from diffkit.training.run import Divergence, Run
from diffkit.training.signal import first_bad, parameter_names
from diffkit.training.stepping import Stepper
from diffkit.training.stopping import Stopping
from diffkit.training.trail import Trail

if TYPE_CHECKING:
    from diffkit.training.saving import Saver

__all__ = ["Training"]


class Training:
    """A training under way: its state, and what happens at every update."""

    def __init__(
        self, run: Run, stepper: Stepper, rows: list[np.ndarray], every: int | None
    ) -> None:
        self.run, self.stepper, self.rows, self.every = run, stepper, rows, every
        self.state = run.optimizer.init(run.params)
        self.trail = Trail(run.signal.asked)
        self.trace = self.trail.init(run.params)
        self.optimizer = run.optimizer  # of this epoch: its schedule may look at the history
        self.measures = Measures((), 1)
        self.step = 0
        self.weighted = 0.0

    def all_epochs(
        self,
        bar: Progress,
        held_out: list[np.ndarray] | None,
        stopping: Stopping,
        saver: Saver | None = None,
    ) -> None:
        """Train to the end, to where it is stopped, or until the training has diverged."""
        run = self.run
        self.measures.begin(self)
        while run.diverged is None and run.stopped is None and self.epochs < run.batches.epochs:
            bar.begin_epoch(self.epochs)
            self.optimizer = run.optimizer.after(run.history)
            good, before = self.memory(), self.measures.before(self)
            if self.epoch(self.epochs, bar):
                self._end_of_epoch(held_out, stopping, good)
                self.measures.look(self, before)
            if saver is not None:
                saver.save(self)
        if run.diverged is None:
            self.settle()
            self.calibrate()

    @property
    def epochs(self) -> int:
        """The number of epochs that are done."""
        return len(self.run.history["epoch_loss"])

    def _end_of_epoch(
        self, held_out: list[np.ndarray] | None, stopping: Stopping, good: Any
    ) -> None:
        """Measure, look for a loss that ran away, and ask whether to stop."""
        run, number = self.run, self.epochs
        if stopping.looks or held_out is not None or hasattr(run.loss, "accuracy"):
            self.settle()
            self.calibrate()
        run.end_of_epoch(self.weighted, self.rows, held_out)
        mean, first = (run.history[name] for name in ("epoch_loss", "loss"))
        if has_run_away(mean[-1], first[0]):
            self.settle()
            *_, batch = run.batches.epoch(number)
            run.diverged = self._runaway(number, mean[-1], take(self.rows, batch))
            self.back_to(good)
        else:
            stopping.after_epoch(run)

    # What a training is made of between two updates: parameters, the optimizer's state (with what
    # the record of gradients carries), and the number of the update.  All else follows from the
    # history.

    def memory(self) -> Any:
        """The parameters as they are, for ``back_to``."""
        return self.run.params

    def back_to(self, memory: Any) -> None:
        """Give the run the parameters it had when ``memory`` was asked."""
        self.run.params = memory

    def present(self) -> tuple[Any, Any]:
        """Parameters and state from which the next update starts."""
        return self.run.params, self.trail.joined(self.state, self.trace)

    def restore(self, params: Any, state: Any) -> None:
        """Start from what ``present`` gave, behind the updates that the history holds."""
        self.run.params = params
        self.state, self.trace = self.trail.parted(state)
        self.step = len(self.run.history["loss"])

    def calibrate(self) -> None:
        """Let the loss measure what its net keeps of the data (``Objective.calibrated``)."""
        calibrated = getattr(self.run.loss, "calibrated", None)
        if calibrated is not None:
            self.run.params = calibrated(self.run.params, *self.rows)

    def fed(self, batch: list[np.ndarray], t: int) -> list[np.ndarray]:
        """What the stepper is given at update t: the batch, behind a key if the loss draws."""
        if not self.stepper.draws:
            return batch
        return [key_of_update(self.run.batches.seed, t), *batch]

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
        value, gradients, probes = self.stepper(run.params, self.fed(batch, t), watch, t)
        losses = run.history["loss"]
        if has_diverged(value, losses[0] if losses else float(value), gradients):
            run.diverged = self._divergence(epoch, value, gradients, batch)
            return None
        before = run.params
        with np.errstate(all="ignore"):  # what overflows here is found and reported below
            after, self.state = self.next(value, gradients, batch)
        bad = first_bad(parameter_names(after), flatten(after)[0])
        if bad is not None:
            run.diverged = Divergence(epoch, t, bad, float(value))
            return None
        rate = self.optimizer.rate_at(t)
        with np.errstate(all="ignore"):
            self.trace, trailed = self.trail.step(self.trace, gradients, self.trail.scalars(t))
        run.params = after
        losses.append(float(value))
        run.history["rate"].append(rate)
        if watch:
            run.signal.record(t, probes, gradients, before, after, trailed)
        self.step += 1
        return float(value)

    def next(self, value: Any, gradients: Any, batch: list[np.ndarray]) -> tuple[Any, Any]:
        """Parameters and state after this update."""
        return self.optimizer.update(gradients, self.state, self.run.params, self.step)

    def _divergence(
        self, epoch: int, value: Any, gradients: Any, batch: list[np.ndarray]
    ) -> Divergence:
        """Where it went wrong; the step is run once more to look at the probes."""
        params = self.run.params
        fed = self.fed(batch, self.step)
        probes = self.stepper(params, fed, watch=True)[2] if self.stepper.sweeps else {}
        layer = layer_of_divergence(value, params, gradients, probes)
        return Divergence(epoch, self.step, layer, float(value))

    def _runaway(self, epoch: int, mean: float, batch: list[np.ndarray]) -> Divergence:
        """Where an epoch ran away, seen from its last batch; ``mean`` is the epoch's loss."""
        params = self.run.params
        last = self.step - 1
        value, gradients, _ = self.stepper(params, self.fed(batch, last), t=last)
        return Divergence(
            epoch, self.step - 1, layer_of_divergence(value, params, gradients, {}), mean
        )
