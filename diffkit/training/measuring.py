"""What is looked at between epochs, where the expensive parts of the learning signal are measured.

    histograms · dead · noise · cosine · sharpness · rank         of the loss over all data

Each is measured at the parameters as they are, before the first epoch and after those in which
``signal_every`` updates have passed, and says what it cost in operations.  Norms and ratios of
every update (``signal``, ``ratios``) need nothing of this: they are outputs of the update itself
(``training/signal.py``).

Gradients here come from reverse mode, whatever the training learns by, so that the cosine between
a batch's gradient and the full one shows what a swapped signal is worth.
Reading on: docs/signal.md, and the sources of each measurement in ``noise``, ``sharpness`` and
``units``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.training.batches import take
from diffkit.training.noise import cosine, measured_noise
from diffkit.training.programs import Programs
from diffkit.training.sharpness import measured_sharpness
from diffkit.training.signal import parameter_names
from diffkit.training.units import activations_of, effective_rank, unit_shares

if TYPE_CHECKING:
    from diffkit.training.stepwise import Training

__all__ = ["BETWEEN_EPOCHS", "Measures", "histogram"]

BINS = 30
# Products of the Hessian that a sharpness may take within a training, and when it is good enough.
PRODUCTS = 30
CLOSE = 1e-3

Row = dict[str, Any]


def histogram(values: Any, bins: int = BINS) -> dict[str, Any]:
    """Counts in equal bins between the smallest and the largest finite value.

    >>> histogram(np.array([0.0, 0.1, 1.0]), bins=2)
    {'low': 0.0, 'high': 1.0, 'counts': [2, 1]}
    """
    found = np.ravel(np.asarray(values, float))
    found = found[np.isfinite(found)]
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 0.0)
    counts = np.histogram(found, bins, (low, high if high > low else low + 1.0))[0]
    return {"low": low, "high": high, "counts": counts.tolist()}


@dataclass(frozen=True)
class Moment:
    """A training between two epochs: parameters now and before the epoch (None at the start)."""

    training: Training
    programs: Programs
    before: Any

    @property
    def params(self) -> Any:
        """The parameters."""
        return self.training.run.params

    def full(self, params: Any) -> tuple[Any, Any, Any]:
        """Loss, gradient and probes of all data."""
        return self.programs.gradient(params, self.training.rows)


# One function for each thing that can be recorded -------------------------------------------------


def histograms(at: Moment) -> Row:
    """The distribution of activations, cotangents, gradients and weights, and of their changes."""
    _, gradients, probes = at.full(at.params)
    names, weights = parameter_names(at.params), flatten(at.params)[0]
    bars = flatten(gradients)[0]
    found: Row = {
        "activation": {name: histogram(seen.value) for name, seen in probes.items()},
        "cotangent": {name: histogram(seen.cotangent) for name, seen in probes.items()},
        "gradient": dict(zip(names, map(histogram, bars), strict=True)),
        "weight": dict(zip(names, map(histogram, weights), strict=True)),
    }
    if at.before is not None:
        changes = map(np.subtract, weights, flatten(at.before)[0])
        found["update"] = dict(zip(names, map(histogram, changes), strict=True))
    return {"histograms": found}


def dead(at: Moment) -> Row:
    """The shares of dead units and of saturated outputs, for layers whose slope is known."""
    _, _, probes = at.full(at.params)
    activations = activations_of(at.training.run.loss)
    return unit_shares({name: probes[name].value for name in activations}, activations)


def noise(at: Moment) -> Row:
    """The gradient noise scale and the signal-to-noise ratio of every parameter."""
    found = measured_noise(at.programs, at.params, at.training.rows)
    return {"noise_scale": found.scale, "signal_to_noise": found.signal_to_noise}


def cosines(at: Moment) -> Row:
    """Between the first batch's gradient (by the training's own signal) and the full one.

    And between the full gradients after and before the epoch.
    """
    training = at.training
    full = at.full(at.params)[1]
    number = min(training.epochs, training.run.batches.epochs - 1)
    batch = take(training.rows, next(training.run.batches.epoch(number)))
    stepper = training.stepper
    _, estimate, _ = stepper(at.params, training.fed(batch, training.step), t=training.step)
    at.programs.operations += stepper.operations.get(len(batch[0]), 0)
    earlier = None if at.before is None else cosine(at.full(at.before)[1], full)
    return {"cosine_batch": cosine(estimate, full), "cosine_successive": earlier}


def sharpness(at: Moment) -> Row:
    """The largest eigenvalue of the Hessian, beside the edge 2/η of the rate that comes."""
    run, training = at.training.run, at.training
    rate = training.optimizer.rate_at(min(training.step, run.batches.total - 1))
    largest = measured_sharpness(at.programs, at.params, training.rows, PRODUCTS, CLOSE)
    return {"sharpness": largest, "edge": 2 / rate if rate > 0 else float("inf")}


def rank(at: Moment) -> Row:
    """The effective rank of every weight matrix and of what every layer says of the data."""
    _, _, probes = at.full(at.params)
    pairs = zip(parameter_names(at.params), flatten(at.params)[0], strict=True)
    seen = {name: probe.value for name, probe in probes.items()} | dict(pairs)
    found = {}
    for name, value in seen.items():
        array = np.asarray(value)
        if array.ndim > 1 and np.isfinite(array).all():
            columns = array.shape[-1]
            # Golub & Van Loan 2013, section 8.6: singular values alone, m × n with m ≥ n
            at.programs.operations += 4 * array.size * min(columns, array.size // columns)
            found[name] = effective_rank(array)
    return {"rank": found}


BETWEEN_EPOCHS: dict[str, Callable[[Moment], Row]] = {
    "histograms": histograms,
    "dead": dead,
    "noise": noise,
    "cosine": cosines,
    "sharpness": sharpness,
    "rank": rank,
}


class Measures:
    """What a training measures between its epochs, and how often (in updates)."""

    def __init__(self, names: Iterable[str], every: int) -> None:
        self.names = [name for name in BETWEEN_EPOCHS if name in set(names)]
        self.every = every
        self.programs: Programs | None = None

    def begin(self, training: Training) -> None:
        """Measure before the first epoch, unless a resumed training already has."""
        if self.names and not training.run.signal.between:
            self._measure(training, None)

    def before(self, training: Training) -> tuple[int, Any]:
        """What ``look`` compares with after the epoch: the updates so far and the parameters."""
        return training.step, training.present()[0] if self.names else None

    def look(self, training: Training, before: tuple[int, Any]) -> None:
        """Measure after an epoch, if it is time and the training goes well."""
        due = before[0] // self.every < training.step // self.every
        if self.names and due and training.run.diverged is None:
            self._measure(training, before[1])

    def _measure(self, training: Training, before: Any) -> None:
        run = training.run
        if self.programs is None:
            self.programs = Programs(run.loss, run.engine)
        training.settle()
        training.calibrate()
        at = Moment(training, self.programs, before)
        row: Row = {"epoch": training.epochs, "step": training.step}
        costs: dict[str, int] = {}
        with np.errstate(all="ignore"):  # a training that diverges says so itself
            for name in self.names:
                spent = self.programs.operations
                row |= BETWEEN_EPOCHS[name](at)
                costs[name] = self.programs.operations - spent
        run.signal.between.append(row | {"operations": costs})
