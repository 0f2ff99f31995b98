"""How a net learns: optimizers and learning-rate schedules.

The gradient says which way is down; the optimizer decides how far to go.  Backpropagation
computes the gradients, the optimizer adjusts the weights.

>>> from diffkit import optim
>>> optim.sgd(0.1, momentum=0.9)
SGD(rate=0.1, momentum=0.9, nesterov=False)
"""

from diffkit.optim import schedules
from diffkit.optim.optimizers import (
    ALL_OPTIMIZERS,
    Optimizer,
    adam,
    gradient_descent,
    sgd,
)

__all__ = ["ALL_OPTIMIZERS", "Optimizer", "adam", "gradient_descent", "schedules", "sgd"]
