"""Ready-made nets: the architectures that this project trains, as lists of layers.

    mlp, deep_linear    x → dense → φ → … → dense
    cnn                 x → (convolution → φ → pool)… → flatten → dense
    rnn                 x → recurrent layer… → dense
    tiny_segmenter      x → convolutions ⤵ smaller ⤴ larger → scores for every pixel
    tiny_detector       x → cnn → the four edges of a box, and scores of what is in it

Each function checks its sizes and gives a :class:`~diffkit.nets.net.Net`.
Reading on: Goodfellow, Bengio & Courville 2016, *Deep Learning*, chapters 6, 9 and 10.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.activations import get_activation
from diffkit.nets.blocks import Residual
from diffkit.nets.image_layers import Conv2d, ConvTranspose2d, MaxPool
from diffkit.nets.initializers import Initializer
from diffkit.nets.layers import Dense, Flatten, Layer, Shape, check_count
from diffkit.nets.net import Net
from diffkit.nets.recurrent import GRU, LSTM, RNN

__all__ = [
    "cnn",
    "deep_linear",
    "mlp",
    "rnn",
    "sequential",
    "softmax_classifier",
    "tiny_detector",
    "tiny_segmenter",
]

CELLS: dict[str, Any] = {"plain": RNN, "gru": GRU, "lstm": LSTM}
"""Recurrent layers by the names that ``rnn`` takes."""

BOX = 4  # left, top, right, bottom


def sequential(layers: Any, input_shape: Any) -> Net:
    """A net of these layers for inputs of this shape (without the batch; a number for features).

    Raises
    ------
    ShapeError
        When two layers do not fit; the message names both and their shapes.
    InputError
        When there is no layer, or two have one name.

    >>> from diffkit.nets.layers import dense
    >>> sequential([dense(16, "relu"), dense(3)], input_shape=4)
    Net([4] → dense1: 16 relu → dense2: 3)
    """
    sizes: Shape = tuple(input_shape) if np.iterable(input_shape) else (input_shape,)
    return Net(tuple(layers) if isinstance(layers, (list, tuple)) else (layers,), sizes)


def softmax_classifier(n_in: int, n_classes: int) -> Net:
    """One linear layer of scores, for softmax and cross-entropy: multinomial logistic regression.

    It starts at zero (its loss is convex), where the cross-entropy is ln C.

    Raises
    ------
    InputError
        When a size is no positive whole number.

    Source: Cox 1958; Bishop 2006, *Pattern Recognition and Machine Learning*, section 4.3.4.

    >>> softmax_classifier(64, 10).parameter_count
    650
    """
    return sequential([Dense(n_classes, initializer="zeros")], n_in)


def mlp(sizes: Any, activation: Any = "tanh", initializer: str | Initializer | None = None) -> Net:
    """A multilayer perceptron with these sizes, inputs first; the last layer is linear.

    Parameters
    ----------
    sizes
        Two or more whole numbers: inputs, hidden units, outputs.
    activation, initializer
        Of the hidden layers, by name or as functions; the initializer suits the activation (He
        for rectifiers, Xavier otherwise) unless given, and then is used for the last layer too.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: Rumelhart, Hinton & Williams 1986, *Learning representations by back-propagating
    errors*.

    >>> mlp([2, 4, 1]).parameter_count  # 2·4 + 4 + 4·1 + 1
    17
    """
    sizes = list(sizes) if isinstance(sizes, (list, tuple, range, np.ndarray)) else []
    if len(sizes) < 2:
        raise InputError(
            "mlp needs two sizes or more: inputs, hidden units, outputs",
            hint="for instance mlp([64, 32, 10]).",
        )
    get_activation(activation)
    hidden = [Dense(units, activation, initializer=initializer) for units in sizes[1:-1]]
    return sequential([*hidden, Dense(sizes[-1], initializer=initializer)], sizes[0])


def deep_linear(sizes: Any, initializer: str | Initializer = "orthogonal") -> Net:
    """Linear layers in a row without biases, x W₁ W₂ … W_L: linear in x, but not in the weights.

    The simplest net whose learning is not: it has plateaus, and the largest singular values of
    the data are learned first.

    Parameters
    ----------
    sizes
        Two or more whole numbers: inputs, hidden units, outputs.
    initializer
        Of all weights, by name or as a function.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, or unknown initializers.

    Source: Saxe, McClelland & Ganguli 2014, *Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks*.

    >>> deep_linear([5, 5, 3]).parameter_count
    40
    """
    if not isinstance(sizes, (list, tuple, range, np.ndarray)) or len(sizes) < 2:
        raise InputError(
            "deep_linear needs two sizes or more: inputs, hidden units, outputs",
            hint="for instance deep_linear([8, 8, 8, 4]).",
        )
    layers = [Dense(units, initializer=initializer, bias=False) for units in list(sizes)[1:]]
    return sequential(layers, sizes[0])


def cnn(
    input_shape: Any = (8, 8, 1),
    channels: Any = (8, 16),
    classes: int = 10,
    hidden: Any = (),
    window: Any = 3,
    pool: Any = 2,
    activation: Any = "relu",
    initializer: str | Initializer | None = None,
) -> Net:
    """A convolutional net: (convolution, max pooling) per entry of ``channels``, then dense layers.

    Parameters
    ----------
    input_shape, channels, classes, hidden
        Height, width and channels of the images; filters per convolution; outputs; units of dense
        layers between.
    window, pool
        Sizes of the filters (with padding that keeps the size) and of the pooling.
    activation, initializer
        As in ``mlp``.

    Raises
    ------
    ShapeError
        When the images become too small to pool.
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: LeCun et al. 1998, *Gradient-based learning applied to document recognition*.

    >>> cnn(channels=(8,))
    Net([8, 8, 1] → conv1: 8 of 3×3 relu → pool1: max 2×2 → flatten1 → dense1: 10)
    """
    for name, counts in (("channels", channels), ("hidden", hidden)):
        if not np.iterable(counts):
            raise InputError(f"cnn: {name} is {counts!r}", hint=f"write {name}=({counts!r},).")
    layers: list[Layer] = []
    for count in channels:
        layers += [
            Conv2d(count, window, activation=activation, initializer=initializer),
            MaxPool(pool),
        ]
    layers.append(Flatten())
    layers += [Dense(units, activation, initializer=initializer) for units in hidden]
    return sequential([*layers, Dense(classes, initializer=initializer)], input_shape)


def rnn(
    input_shape: Any = (8, 8),
    units: int = 32,
    classes: int = 10,
    cell: str = "gru",
    depth: int = 1,
    initializer: str | Initializer | None = None,
) -> Net:
    """A recurrent net: sequences (time, features) → the last hidden state → one dense layer.

    Parameters
    ----------
    input_shape, units, classes
        Steps and features of a sequence (an image is one, row by row); the size of the memory;
        outputs.
    cell, depth
        ``"plain"``, ``"gru"`` or ``"lstm"``; how many recurrent layers there are, each reading
        every step of the one before.
    initializer
        Of all weights; if None, as each layer has it.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown cells or initializers.
    ShapeError
        When the inputs are no sequences.

    Source: Elman 1990; Cho et al. 2014; Hochreiter & Schmidhuber 1997.

    >>> rnn(units=16, cell="lstm")
    Net([8, 8] → lstm1: 16 → dense1: 10)
    """
    if cell not in CELLS:
        raise InputError(f"rnn: there is no cell {cell!r}", hint=f"use one of {', '.join(CELLS)}.")
    check_count("rnn: depth", depth)
    layers = [
        CELLS[cell](units, sequences=number + 1 < depth, initializer=initializer)
        for number in range(depth)
    ]
    return sequential([*layers, Dense(classes, initializer=initializer)], input_shape)


def tiny_segmenter(
    input_shape: Any = (16, 16, 1), classes: int = 4, channels: Any = (8, 16)
) -> Net:
    """Scores of every class for every pixel: images (h, w, c) → (h, w, classes).

    A convolution looks at the pixels; a block pools them, looks from farther away, and draws the
    result back onto the pixels, where it is added to what was seen there.  Height and width are
    even.

    Parameters
    ----------
    input_shape, classes
        Height, width and channels of the images; what a pixel can be.
    channels
        Filters at the full size, and at half of it.

    Raises
    ------
    ShapeError
        When height or width are odd.
    InputError
        For sizes that are no positive whole numbers.

    Source: after Long, Shelhamer & Darrell 2015, *Fully convolutional networks for semantic
    segmentation* (sums of fine and coarse) and Ronneberger, Fischer & Brox 2015, *U-Net*.

    >>> net = tiny_segmenter()
    >>> net.shapes[-1], net.parameter_count
    ((16, 16, 4), 4380)
    """
    fine, coarse = _two("tiny_segmenter", channels)
    far = Residual(
        [
            MaxPool(2),
            Conv2d(coarse, activation="relu"),
            Conv2d(coarse, activation="relu"),
            ConvTranspose2d(fine),
        ]
    )
    return sequential([Conv2d(fine, activation="relu"), far, Conv2d(classes)], input_shape)


def tiny_detector(
    input_shape: Any = (16, 16, 1), classes: int = 3, channels: Any = (8, 16), hidden: int = 32
) -> Net:
    """One box and what is in it: images → (4 + classes,), four edges and then the scores.

    The edges are left, top, right and bottom as shares of the image.

    Parameters
    ----------
    input_shape, classes
        Height, width and channels of the images; what can be in the box.
    channels, hidden
        Filters of the two convolutions, each with a pooling; units of the dense layer behind.

    Raises
    ------
    ShapeError
        When the images become too small to pool.
    InputError
        For sizes that are no positive whole numbers.

    Source: after Szegedy, Toshev & Erhan 2013, *Deep neural networks for object detection*, and
    Redmon, Divvala, Girshick & Farhadi 2016, *You only look once*: boxes by regression.

    >>> tiny_detector().shapes[-1]
    (7,)
    """
    first, second = _two("tiny_detector", channels)
    check_count("tiny_detector: classes", classes)
    layers = [
        Conv2d(first, activation="relu"),
        MaxPool(2),
        Conv2d(second, activation="relu"),
        MaxPool(2),
        Flatten(),
        Dense(hidden, "relu"),
        Dense(BOX + classes),
    ]
    return sequential(layers, input_shape)


def _two(name: str, channels: Any) -> tuple[int, int]:
    """Two numbers of channels."""
    pair = tuple(channels) if np.iterable(channels) else (channels,)
    if len(pair) != 2:
        raise InputError(
            f"{name}: channels is {channels!r}, not two numbers", hint="write channels=(8, 16)."
        )
    return pair
