"""Learning-rate schedules: the rate as a function of the step.

    η(t),   t = 0, 1, 2, …  counts updates.

A schedule is a value: call it with a step (a number or an array of steps).  Schedules that need
the length of the training (cosine, one-cycle) take it from ``dk.train`` when it is not given.
Any function of the step is a schedule too: ``adam(lambda t: 0.1 / (1 + t))``.
Names and formulas follow PyTorch's ``torch.optim.lr_scheduler``, with t in updates;
``schedule.per_epoch()`` counts epochs.  ``warmup(0.1, 100) + cosine(0.1)`` is one after the other,
``a * b`` a product.
"""

from __future__ import annotations

from typing import Any

from diffkit.optim.combining import (
    Chained,
    Multiplicative,
    PerEpoch,
    Product,
    Scaled,
    Sequential,
    chained,
    multiplicative,
    scaled,
    sequential,
)
from diffkit.optim.cycles import (
    CosineRestarts,
    Cyclic,
    OneCycle,
    cosine_restarts,
    cyclic,
    one_cycle,
)
from diffkit.optim.decays import (
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    Polynomial,
    Step,
    constant,
    cosine,
    exponential,
    linear,
    multi_step,
    polynomial,
    step,
    warmup,
)
from diffkit.optim.plateau import ReduceOnPlateau, reduce_on_plateau
from diffkit.optim.schedule import Constant, OfStep, Rate, Schedule, as_schedule, is_number

__all__ = [
    "ALL_SCHEDULES",
    "Chained",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Cyclic",
    "Exponential",
    "Linear",
    "MultiStep",
    "Multiplicative",
    "OfStep",
    "OneCycle",
    "PerEpoch",
    "Polynomial",
    "Product",
    "Rate",
    "ReduceOnPlateau",
    "Scaled",
    "Schedule",
    "Sequential",
    "Step",
    "as_schedule",
    "chained",
    "constant",
    "cosine",
    "cosine_restarts",
    "cyclic",
    "exponential",
    "is_number",
    "linear",
    "multi_step",
    "multiplicative",
    "one_cycle",
    "polynomial",
    "reduce_on_plateau",
    "scaled",
    "sequential",
    "step",
    "warmup",
]


def _inverse(t: Any) -> Any:
    return 0.1 / (1 + t)


def _shrinking(t: Any) -> Any:
    return 0.95**t


def _quotient(t: Any) -> Any:
    return t / (t + 1)


# One of each kind; every test of schedules runs over this list.
ALL_SCHEDULES: tuple[Schedule, ...] = (
    Constant(0.1),
    Constant(0.1, 0.5, 20),
    Step(0.1, 30, 0.5),
    MultiStep(0.1, (20, 50, 70), 0.5),
    Exponential(0.1, 0.97),
    Linear(0.1, 40, 0.25),
    Polynomial(0.1, 90, 2.0),
    Cosine(0.1, 100, 0.001),
    CosineRestarts(0.1, 10, 2, 0.001),
    Cyclic(0.02, 0.1, 12, 8),
    Cyclic(0.02, 0.1, 12, 8, "triangular2"),
    Cyclic(0.02, 0.1, 10, None, "exp_range", 0.99),
    OneCycle(0.1, 100),
    OneCycle(0.1, 100, 0.4, 10.0, 100.0, (0.85, 0.95)),
    ReduceOnPlateau(0.1, 0.5, 2),
    OfStep(_inverse),
    Scaled(0.1, _shrinking),
    Multiplicative(0.1, _quotient),
    Linear(0.1, 10, 0.1) + Cosine(0.1, 90),
    Chained((Constant(0.1, 0.5, 20), Exponential(0.1, 0.97))),
    Product((Linear(1.0, 10, 0.1), Exponential(0.1, 0.97))),
    PerEpoch(Step(0.1, 3, 0.5), 10),
)
