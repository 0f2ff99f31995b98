"""The training loop: batches in, gradient, optimizer, and everything on record.

    for each batch:   L, ∇L = value_and_grad(loss)(params, x, y)
                      params, state = update(∇L, state, params, t)

With one batch of everything it is gradient descent, with one example stochastic gradient
descent, in between mini-batch descent (Bottou, Curtis & Nocedal 2018, *Optimization methods for
large-scale machine learning*).  The same seed gives the same bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.errors import (
    DivergenceWarning,
    InputError,
    InterruptedTrainingWarning,
    ScheduleUnitsWarning,
)
from diffkit.optim.descent import sgd
from diffkit.optim.optimizers import FullBatch, Optimizer
from diffkit.optim.schedules import as_schedule
from diffkit.training.batches import Batches, take
from diffkit.training.checking import (
    check_call,
    check_deterministic,
    checked_data,
    checked_params,
)
from diffkit.training.checkpoint import checkpoint_file
from diffkit.training.full_batch import FullBatchTraining
from diffkit.training.looped import LoopedTraining, looped_training
from diffkit.training.measuring import BETWEEN_EPOCHS, Measures
from diffkit.training.progress import Progress
from diffkit.training.run import Run
from diffkit.training.saving import Saver, saver_of
from diffkit.training.signal import Signal
from diffkit.training.stepping import Stepper
from diffkit.training.stepwise import Training
from diffkit.training.stopping import Stopping
from diffkit.training.swapped import cost_of_training
from diffkit.training.trail import TRAILED

__all__ = ["carried_through", "train", "training_of"]

BY_UPDATE = ("signal", "ratios", *TRAILED)
RECORDABLE = ("loss", *BY_UPDATE, *BETWEEN_EPOCHS)
DEFAULT_RATE = 0.1
# What to do about a schedule that counts in the wrong unit, by what it counts.
HINTS = {
    "updates": "schedules count updates (write .per_epoch() behind one that counts epochs)",
    "epochs": "this one counts epochs (leave .per_epoch() out where it counts updates)",
}


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
    patience: int | None = None,
    monitor: str | None = None,
    on_epoch: Callable[[Run], str | None] | None = None,
    checkpoint: Any = None,
    checkpoint_every: int = 1,
    config: Mapping[str, Any] | None = None,
) -> Run:
    """Train ``loss(params, *batch)`` on rows of ``data`` and return the run.

    ``params`` is a tree of float arrays and ``data`` a tuple of arrays with one row per example.
    ``batch_size=None`` takes all rows at once, 1 a single example, anything else a mini-batch;
    ``order`` gives the batches of an epoch as lists of rows (or, beside a ``batch_size``, all rows
    of every epoch in the order in which they are shown), otherwise they are drawn from ``seed``.
    ``signal`` is the method that gives the gradient: ``"reverse"``, ``"forward"``, ``"finite"``,
    ``"complex"``, ``"symbolic"``, or a guess by chance, ``"forward-gradient"`` or ``"spsa"``.
    ``record=("loss", "signal")`` also keeps the norms of activations, cotangents, gradients and
    updates of every ``signal_every``-th step; ``"ratios"`` are the same.  ``"successive"`` is the
    cosine of an update's gradient with the one before, ``"snr"`` the signal-to-noise ratio of the
    last gradients, also at those steps.  ``"histograms"``, ``"dead"``, ``"noise"``, ``"cosine"``,
    ``"sharpness"`` and ``"rank"`` are measured between epochs (docs/signal.md), and ``run.cost``
    counts the operations of all.
    ``validation`` is data like ``data``, measured after every epoch.

    A loss with a keyword ``rng=None`` is given a key of ``dk.random`` at every update (for dropout,
    say), and None when it is only measured.

    A loss may have a method ``check(*data)``, called once before the first step, and
    ``accuracy(params, *data)``, called after every epoch; those of nets have both.

    ``run.best`` holds the best epoch and its weights by what is monitored: ``monitor`` is
    ``"validation_loss"`` (where there are such data), ``"validation_accuracy"``, ``"loss"`` or
    ``"accuracy"``.  With ``patience=p`` a training stops after p epochs without a better one.
    ``on_epoch(run)`` is called after every epoch, and stops the training with ``"stop"``.

    ``checkpoint`` is a folder, or an ``.npz`` file, from which ``dk.resume`` goes on when the
    training was killed; it is written before the first epoch and after every
    ``checkpoint_every``-th.  ``config`` are facts of your own that are saved with the run.

    A training that diverges stops with the last good weights, and says in ``run.diverged`` (and in
    a warning) at which epoch and layer.  Ctrl-C stops a training too: the run so far comes back,
    with ``run.interrupted`` set and a warning.

    ``engine="machine"`` runs whole epochs in one call, gather, gradient and update, and
    ``"auto"`` does so when the machine is built and has a kernel for everything; else updates are
    made one by one.  ``run.engine`` says which engine it was.

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
    names = _checked_record(record, signal_every)
    watch = any(name in BY_UPDATE for name in names)
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
    run = Run(tree, _fitted(optimizer, batches), batches, loss, signal=Signal(names))
    run.config = dict(config or {})
    stopping = Stopping.of(run, held_out is not None, monitor, patience, on_epoch)
    training = training_of(run, rows, signal, signal_every if watch else None, engine)
    if "signal" in names and not training.stepper.sweeps:
        raise InputError(
            f"the signal at the layers needs the backward sweep, not {signal!r}",
            hint='use signal="reverse", or record=("loss", "ratios").',
        )
    training.measures = Measures(names, signal_every)
    saver = None
    if checkpoint is not None:
        file = checkpoint_file(checkpoint)
        asked = {"signal": signal, "progress": progress}
        saver = saver_of(file, checkpoint_every, training, held_out, stopping, **asked)
        saver.save(training)
    return carried_through(training, held_out, stopping, saver, progress)


def carried_through(
    training: Training,
    held_out: list[np.ndarray] | None,
    stopping: Stopping,
    saver: Saver | None,
    progress: bool,
) -> Run:
    """Train to the end; how it ended is said in the run, and where it is no good end, in a warning.

    The warning names the line that called the caller of this function.
    """
    run = training.run
    bar = Progress(run.batches.total, progress, run.batches.epochs, training.step)
    try:
        with bar:
            training.all_epochs(bar, held_out, stopping, saver)
    except KeyboardInterrupt:
        training.settle()
        run.interrupt()
        words = f"the training was interrupted; {run!r} is what it came to"
        warnings.warn(words, InterruptedTrainingWarning, stacklevel=3)
    run.cost = cost_of_training(training)
    if run.diverged is not None:
        warnings.warn(str(run.diverged), DivergenceWarning, stacklevel=3)
    return run


def training_of(
    run: Run, rows: list[np.ndarray], signal: str, every: int | None, engine: str
) -> Training:
    """The loop that trains: whole epochs on the machine where it can, else update by update.

    The choice is made once; a training never changes its engine on the way.
    """
    seed = run.batches.seed
    if isinstance(run.optimizer, FullBatch):
        run.engine = ("machine" if _is_warm() else "interpret") if engine == "auto" else engine
        stepper = Stepper(run.loss, signal, run.engine, seed)
        return FullBatchTraining(run, stepper, rows, every)
    if engine == "machine" or (engine == "auto" and _is_warm()):
        stepper = Stepper(run.loss, signal, "interpret", seed)
        looped = looped_training(run, stepper, rows, every)
        if isinstance(looped, LoopedTraining):
            run.engine = "machine"
            return looped
        run.one_by_one = looped
    elif engine == "auto":
        run.one_by_one = "the machine was not built yet; `diffkit warmup` builds it"
    run.engine = "interpret" if engine == "auto" else engine
    return Training(run, Stepper(run.loss, signal, run.engine, seed), rows, every)


def _is_warm() -> bool:
    from diffkit.engines.machine.loading import is_ready

    return is_ready()


def _checked_record(record: Sequence[str] | str, signal_every: Any) -> list[str]:
    """The names of what is recorded."""
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
    return names


def _fitted(optimizer: Optimizer | None, batches: Batches) -> Optimizer:
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise InputError(
            f"optimizer is {optimizer!r:.40}, not an optimizer",
            hint="for example optimizer=dk.optim.sgd(0.1).",
        )
    fitted = (optimizer or sgd(DEFAULT_RATE)).for_steps(batches.total, batches.per_epoch)
    schedule, n = as_schedule(fitted.rate), batches.per_epoch
    trouble = schedule.trouble(batches.total, n)
    if trouble:
        words = f"{trouble}; an epoch has {n} update{'s' * (n > 1)}, and {HINTS[schedule.counts]}"
        warnings.warn(words, ScheduleUnitsWarning, stacklevel=3)
    return fitted
