"""A training by optimizers that see the loss itself: one update per epoch, with all data.

    L, ∇L, ∇²L v  →  params, state = advance(…)        (L-BFGS, Newton-CG)

Every update asks for the loss as often as its search wants, so each writes down what it has spent:
``run.history["evaluations"]`` counts losses with their gradients (one of them is the update's own),
``run.history["operations"]`` all arithmetic, the products with the Hessian too.

A line search compares values of one and the same function, so there are no mini-batches here and
no random numbers (Bottou, Curtis & Nocedal 2018, section 6, on what noise does to such methods).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.full_batch import FullBatch
from diffkit.training.programs import Programs
from diffkit.training.run import SPENT, Run
from diffkit.training.stepping import Stepper
from diffkit.training.stepwise import Training

__all__ = ["FullBatchTraining"]


class _Loss:
    """The loss over all data: its values, gradients and Hessian-vector products."""

    def __init__(self, stepper: Stepper, programs: Programs, batch: list[np.ndarray]) -> None:
        self.stepper, self.programs, self.batch = stepper, programs, batch
        self.asked = 0

    def value_and_gradient(self, params: Any) -> tuple[Any, Any]:
        """The loss and its gradient, in the tree of the parameters."""
        self.asked += 1
        return self.stepper(params, self.batch)[:2]

    def product(self, params: Any, v: Any) -> Any:
        """The Hessian times ``v``."""
        return self.programs.product(params, v, self.batch)


class FullBatchTraining(Training):
    """A training under way whose optimizer asks for the loss as often as it wants."""

    def __init__(
        self, run: Run, stepper: Stepper, rows: list[np.ndarray], every: int | None
    ) -> None:
        kind = type(run.optimizer).__name__
        if run.batches.per_epoch != 1:
            raise InputError(
                f"{kind} takes all rows at once, not {run.batches.per_epoch} batches per epoch",
                hint="leave batch_size out.",
            )
        if stepper.draws:
            raise InputError(
                f"{kind} needs the same loss each time, and this one draws random numbers",
                hint="leave dropout out, or use adam.",
            )
        super().__init__(run, stepper, rows, every)
        self.programs = Programs(run.loss, stepper.engine)
        self.spent = (0, 0)

    def update(self, epoch: int, batch: list[np.ndarray]) -> float | None:
        """One update, with what it has spent."""
        self.spent = (0, 0)
        value = super().update(epoch, batch)
        if value is not None:
            for name, spent in zip(SPENT, self.spent, strict=True):
                self.run.history.setdefault(name, []).append(spent)
        return value

    def next(self, value: Any, gradients: Any, batch: list[np.ndarray]) -> tuple[Any, Any]:
        assert isinstance(self.optimizer, FullBatch)
        loss, before = _Loss(self.stepper, self.programs, batch), self.programs.operations
        after = self.optimizer.advance(
            loss, value, gradients, self.state, self.run.params, self.step
        )
        each, products = self.stepper.operations[len(batch[-1])], self.programs.operations - before
        self.spent = 1 + loss.asked, (1 + loss.asked) * each + products
        return after
