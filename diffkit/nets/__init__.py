"""Nets: what learns.

* ``layers`` and ``image_layers``: dense, convolution, pooling, flatten, activations;
* ``models``: nets as values (``sequential``, ``mlp``, ``cnn``, ``softmax_classifier``), with
  ``.init``, ``.with_loss``, ``.summary`` and ``.predict``;
* ``losses``: what is minimised; ``initializers``: where learning starts;
* ``convolutional``: convolution, pooling and softmax as functions;
* ``datasets``: what is learned from.

>>> net = mlp([64, 32, 10], activation="tanh")
>>> net.parameter_count
2410
"""

from diffkit.nets import (
    activations,
    convolutional,
    datasets,
    initializers,
    layers,
    losses,
    models,
)
from diffkit.nets.activations import ACTIVATIONS, leaky_relu
from diffkit.nets.convolutional import avg_pool2d, log_softmax, max_pool2d, softmax
from diffkit.nets.image_layers import avg_pool, conv2d, max_pool
from diffkit.nets.initializers import INITIALIZERS
from diffkit.nets.layers import activation, dense, flatten
from diffkit.nets.models import Net, cnn, mlp, sequential, softmax_classifier
from diffkit.nets.objective import Objective

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "Net",
    "Objective",
    "activation",
    "activations",
    "avg_pool",
    "avg_pool2d",
    "cnn",
    "conv2d",
    "convolutional",
    "datasets",
    "dense",
    "flatten",
    "initializers",
    "layers",
    "leaky_relu",
    "log_softmax",
    "losses",
    "max_pool",
    "max_pool2d",
    "mlp",
    "models",
    "sequential",
    "softmax",
    "softmax_classifier",
]
