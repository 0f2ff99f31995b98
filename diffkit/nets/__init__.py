"""Nets: what learns.

* ``layers`` (dense, flatten, activations), ``image_layers`` (convolutions, pooling), ``dropout``,
  ``normalisation``, ``blocks`` (residual), ``embedding``, ``recurrent``, ``attention``;
* ``models``: nets as values (``sequential``, ``mlp``, ``cnn``, ``rnn``, …), with ``.init``,
  ``.with_loss``, ``.summary`` and ``.predict``;
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
from diffkit.nets.activations import ACTIVATIONS, elu, gelu, gelu_tanh, leaky_relu, silu
from diffkit.nets.attention import attention
from diffkit.nets.blocks import residual
from diffkit.nets.convolutional import avg_pool2d, log_softmax, max_pool2d, softmax
from diffkit.nets.dropout import dropout
from diffkit.nets.embedding import embedding
from diffkit.nets.image_layers import (
    avg_pool,
    conv2d,
    conv_transpose2d,
    global_avg_pool,
    global_max_pool,
    max_pool,
)
from diffkit.nets.initializers import INITIALIZERS
from diffkit.nets.layers import Layer, activation, dense, flatten
from diffkit.nets.models import (
    cnn,
    deep_linear,
    mlp,
    rnn,
    sequential,
    softmax_classifier,
    tiny_detector,
    tiny_segmenter,
)
from diffkit.nets.net import Net
from diffkit.nets.normalisation import batch_norm, group_norm, layer_norm
from diffkit.nets.objective import Objective
from diffkit.nets.overlap import box_iou, mask_iou
from diffkit.nets.recurrent import gru, lstm, recurrent

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "Layer",
    "Net",
    "Objective",
    "activation",
    "activations",
    "attention",
    "avg_pool",
    "avg_pool2d",
    "batch_norm",
    "box_iou",
    "cnn",
    "conv2d",
    "conv_transpose2d",
    "convolutional",
    "datasets",
    "deep_linear",
    "dense",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "gelu_tanh",
    "global_avg_pool",
    "global_max_pool",
    "group_norm",
    "gru",
    "initializers",
    "layer_norm",
    "layers",
    "leaky_relu",
    "log_softmax",
    "losses",
    "lstm",
    "mask_iou",
    "max_pool",
    "max_pool2d",
    "mlp",
    "models",
    "recurrent",
    "residual",
    "rnn",
    "sequential",
    "silu",
    "softmax",
    "softmax_classifier",
    "tiny_detector",
    "tiny_segmenter",
]
