"""Training by another signal: the same loop, with the gradient from another method.

    reverse · forward · finite · complex · symbolic        the gradient, at other prices
    forward-gradient · spsa                                an unbiased guess of it, by chance

The estimators draw new directions at every update, from the seed of the training and the number of
the update, so that a run is repeatable and a resumed one goes on with the same bits.
Reading on: Baydin et al. 2022, *Gradients without backpropagation*; Spall 1992.
"""

from __future__ import annotations

from collections import Counter
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.differentiate.method import Method
from diffkit.differentiate.methods import get_method
from diffkit.errors import InputError
from diffkit.training.batches import take

if TYPE_CHECKING:
    from diffkit.training.stepwise import Training

__all__ = ["SIGNALS", "cost_of_training", "method_at", "method_of_training"]

SIGNALS = ("reverse", "forward", "finite", "complex", "symbolic", "forward-gradient", "spsa")
# They draw their directions by chance.
BY_CHANCE = ("forward-gradient", "spsa")


def method_of_training(signal: str | Method, seed: int) -> Method:
    """The method of a name or a method; one that works by chance takes the training's seed.

    Raises
    ------
    InputError
        For an unknown name.

    >>> method_of_training("spsa", seed=3)
    SPSA(step='auto', samples=1, seed=3)
    """
    if isinstance(signal, Method) or signal not in BY_CHANCE:
        try:
            return get_method(signal)
        except InputError as error:
            if isinstance(signal, str) and signal in SIGNALS:
                raise
            raise InputError(error.message, hint=f"use one of {', '.join(SIGNALS)}.") from None
    from diffkit.differentiate.stochastic import SPSA, ForwardGradient

    return {"spsa": SPSA, "forward-gradient": ForwardGradient}[signal](seed=seed)


def method_at(method: Method, update: int) -> Method:
    """The method for one update: with a Generator of its own where it works by chance.

    >>> method = method_of_training("spsa", seed=3)
    >>> method_at(method, 0).seed.integers(9), method_at(method, 0).seed.integers(9)
    (np.int64(7), np.int64(7))
    """
    seed: Any = getattr(method, "seed", None)
    if method.name not in BY_CHANCE or isinstance(seed, np.random.Generator):
        return method
    drawn = copy(method)
    vars(drawn)["seed"] = np.random.default_rng([seed, update])
    return drawn


def cost_of_training(training: Training) -> dict[str, Any]:
    """The operations of a training: of its gradients, of what was measured, and of both.

    Where updates search along a line, each has counted its own.
    """
    run, stepper = training.run, training.stepper
    done, sizes = len(run.history["loss"]), [len(rows) for rows in run.batches.epoch(0)]
    whole, rest = divmod(done, len(sizes))
    updates = {size: whole * sizes.count(size) + sizes[:rest].count(size) for size in set(sizes)}
    for size, count in updates.items():
        if count and size not in stepper.operations:  # a resumed training that was at its end
            batch = take(training.rows, np.arange(size))
            stepper(run.params, training.fed(batch, 0))
    spent = sum(count * stepper.operations[size] for size, count in updates.items() if count)
    if searched := run.history.get("operations"):
        spent = int(sum(searched))
    signal: Counter[str] = Counter()
    for row in run.signal.between:
        signal.update(row["operations"])
    return {"gradient": spent, "signal": dict(signal), "operations": spent + signal.total()}
