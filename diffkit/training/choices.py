"""What a training can be made of, by the names that the command line and the explorer use.

Optimizers are the functions of ``diffkit.optim`` that take a learning rate first, losses those of
``ALL_LOSSES`` that fit one prediction per example; a new one is offered as soon as it is there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from diffkit import optim
from diffkit.nets import losses
from diffkit.optim import schedules

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "TASKS",
    "losses_for",
    "made_optimizer",
    "rate_for",
]

MOMENTUM = 0.9
STEPS_PER_TRAINING = 3  # of the step schedule: a tenth of the rate after each third
DECAY = 0.01  # the last rate over the first, where a schedule falls by a factor
# Rates that suit, over those of Adam: its steps have the length of the rate, others not.
RATES = {"gd": 10.0, "sgd": 10.0, "lion": 0.1, "adadelta": 100.0}
WHOLE_RATE = ("lbfgs", "newton-cg")  # their steps are found by a line search from 1


CONVERTERS = ("as_schedule",)  # take a rate, too, and give back what it is


def _word(name: str) -> str:
    return name.replace("_", "-")


def _taking_a_rate(module: Any) -> dict[str, Callable[..., Any]]:
    """The functions of a module that need nothing but a learning rate."""
    found = {}
    for name in module.__all__:
        function = getattr(module, name)
        if not (name.islower() and inspect.isfunction(function)) or name in CONVERTERS:
            continue
        first, *rest = inspect.signature(function).parameters.values()
        free = all(parameter.default is not parameter.empty for parameter in rest)
        if first.name in ("rate", "peak") and free:
            found[_word(name)] = function
    return found


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "gd": optim.gradient_descent,
    "sgd": optim.sgd,
    "momentum": partial(optim.sgd, momentum=MOMENTUM),
    "nesterov": partial(optim.sgd, momentum=MOMENTUM, nesterov=True),
    "adam": optim.adam,
}
OPTIMIZERS |= {name: function for name, function in _taking_a_rate(optim).items()
               if name not in (*OPTIMIZERS, "gradient-descent")}  # fmt: skip

_OPEN = _taking_a_rate(schedules)
_OF_LENGTH: dict[str, Callable[[float, int], Any]] = {
    "step": lambda rate, updates: schedules.step(rate, every=-(-updates // STEPS_PER_TRAINING)),
    "exponential": lambda rate, updates: schedules.exponential(rate, DECAY ** (1 / updates)),
}
SCHEDULES: dict[str, Callable[[float, int], Any]] = {
    **{name: lambda rate, _, make=make: make(rate) for name, make in _OPEN.items()},
    **_OF_LENGTH,
}

# Losses of vectors or probabilities, which these models do not give.
_OF_OTHERS = ("cosine", "kl-divergence", "nll", "triplet")
LOSSES: dict[str, Any] = {_word(loss.name): loss for loss in reversed(losses.ALL_LOSSES)
                          if _word(loss.name) not in _OF_OTHERS}  # fmt: skip


# What a model of images learns, and the losses that fit it, the usual one first.
TASKS = {"tiny-segmenter": "masks", "tiny-detector": "boxes"}
_LOSSES_OF_TASKS = {"masks": ("cross-entropy", "focal", "dice"), "boxes": ("detection",)}


def losses_for(model: str, classes: bool) -> list[str]:
    """The names of the losses that fit a model and its targets, the usual one first.

    >>> losses_for("mlp", classes=False)[0], losses_for("tiny-detector", classes=False)
    ('mse', ['detection'])
    """
    if model in TASKS:
        return list(_LOSSES_OF_TASKS[TASKS[model]])
    usual = "cross-entropy" if classes else "mse"
    fits = [name for name, loss in LOSSES.items()
            if loss.classifies == classes and name not in ("dice", "detection", usual)]  # fmt: skip
    return [usual, *fits]


def rate_for(optimizer: str, rate: float) -> float:
    """A learning rate for an optimizer, where ``rate`` suits Adam.

    >>> rate_for("sgd", 0.01)
    0.1
    """
    return 1.0 if optimizer in WHOLE_RATE else rate * RATES.get(optimizer, 1.0)


def made_optimizer(name: str, schedule: str, rate: float, updates: int) -> Any:
    """An optimizer with a schedule, by their names.

    >>> made_optimizer("momentum", "cosine", 0.1, 10)
    SGD(rate=Cosine(rate=0.1, steps=None, minimum=0.0), momentum=0.9, nesterov=False)
    """
    return OPTIMIZERS[name](SCHEDULES[schedule](rate, updates))
