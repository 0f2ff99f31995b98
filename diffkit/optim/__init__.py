"""How a net learns: optimizers and learning-rate schedules.

The gradient says which way is down; the optimizer decides how far to go.  Backpropagation
computes the gradients, the optimizer adjusts the weights.

>>> from diffkit import optim
>>> optim.sgd(0.1, momentum=0.9)
SGD(rate=0.1, momentum=0.9, nesterov=False)
"""

from diffkit.optim import schedules
from diffkit.optim.adaptive import adadelta, adagrad, amsgrad, lion, nadam, rmsprop
from diffkit.optim.base import Optimizer
from diffkit.optim.descent import adam, gradient_descent, nesterov, sgd
from diffkit.optim.full_batch import lbfgs, newton_cg
from diffkit.optim.optimizers import ALL_OPTIMIZERS, FULL_BATCH_OPTIMIZERS
from diffkit.optim.wrappers import adamw, clip_norm, clip_values, weight_decay

__all__ = [
    "ALL_OPTIMIZERS",
    "FULL_BATCH_OPTIMIZERS",
    "Optimizer",
    "adadelta",
    "adagrad",
    "adam",
    "adamw",
    "amsgrad",
    "clip_norm",
    "clip_values",
    "gradient_descent",
    "lbfgs",
    "lion",
    "nadam",
    "nesterov",
    "newton_cg",
    "rmsprop",
    "schedules",
    "sgd",
    "weight_decay",
]
