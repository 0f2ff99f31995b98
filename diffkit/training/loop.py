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

from diffkit.errors import DivergenceWarning, InputError, InterruptedTrainingWarning
from diffkit.optim.optimizers import Optimizer, sgd
from diffkit.training.batches import Batches, take
from diffkit.training.checking import (
    check_call,
    check_deterministic,
    checked_data,
    checked_params,
)
from diffkit.training.looped import looped_training
from diffkit.training.progress import Progress
from diffkit.training.run import Run
from diffkit.training.stepping import Stepper
from diffkit.training.stepwise import Training

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
    ``order`` gives the batches of an epoch as lists of rows (or, beside a ``batch_size``, all rows
    of every epoch in the order in which they are shown), otherwise they are drawn from ``seed``.
    ``signal`` is the method that gives the gradient.  ``record=("loss", "signal")`` also keeps the
    norms of activations, cotangents, gradients and updates of every ``signal_every``-th step.
    ``validation`` is data like ``data``, measured after every epoch.

    A loss may have a method ``check(*data)``, called once before the first step, and
    ``accuracy(params, *data)``, called after every epoch; those of nets have both.

    A training that diverges stops, keeps what it has, and says in ``run.diverged`` (and in a
    warning) at which epoch and layer.  Ctrl-C stops a training too: the run so far comes back,
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
    training = _training(run, rows, signal, signal_every if watch else None, engine)
    try:
        with Progress(batches.total, progress) as bar:
            training.all_epochs(bar, held_out)
    except KeyboardInterrupt:
        training.settle()
        run.interrupt()
        words = f"the training was interrupted; {run!r} is what it came to"
        warnings.warn(words, InterruptedTrainingWarning, stacklevel=2)
    if run.diverged is not None:
        warnings.warn(str(run.diverged), DivergenceWarning, stacklevel=2)
    return run


def _training(
    run: Run, rows: list[np.ndarray], signal: str, every: int | None, engine: str
) -> Training:
    """The loop that trains: whole epochs on the machine where it can, else update by update.

    The choice is made once; a training never changes its engine on the way.
    """
    watch = every is not None
    if engine == "machine" or (engine == "auto" and _is_warm()):
        stepper = Stepper(run.loss, signal, watch, "interpret")
        looped = looped_training(run, stepper, rows, every)
        if looped is not None:
            run.engine = "machine"
            return looped
    run.engine = "interpret" if engine == "auto" else engine
    return Training(run, Stepper(run.loss, signal, watch, run.engine), rows, every)


def _is_warm() -> bool:
    from diffkit.engines.machine.loading import is_ready

    return is_ready()


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
