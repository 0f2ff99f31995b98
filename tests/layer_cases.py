"""Every layer with an input it takes: the list that all tests of layers go over."""

from __future__ import annotations

from typing import Any

import numpy as np

import diffkit as dk
from diffkit import nets
from diffkit.capture.trees import flatten, structure_of, unflatten

WORDS = 7

# name → layer, the shape of one input, parameters by formula
ALL_LAYERS: dict[str, tuple[Any, tuple[int, ...], int]] = {
    "dense": (nets.dense(3, "tanh"), (4,), 4 * 3 + 3),
    "dense without bias": (nets.dense(3, bias=False), (4,), 4 * 3),
    "conv": (nets.conv2d(4, (3, 2), stride=(2, 1), padding=1), (6, 7, 2), 6 * 2 * 4 + 4),
    "conv with holes": (nets.conv2d(4, 3, dilation=2, activation="tanh"), (6, 7, 2), 9 * 2 * 4 + 4),
    "conv with holes and steps": (
        nets.conv2d(3, 3, stride=(2, 1), dilation=(2, 3), padding="valid"),
        (7, 8, 2), 9 * 2 * 3 + 3,
    ),
    "conv in groups": (nets.conv2d(6, 3, groups=2), (5, 4, 4), 9 * 2 * 6 + 6),
    "conv depthwise with holes": (
        nets.conv2d(4, 3, groups=4, dilation=2), (5, 6, 4), 9 * 1 * 4 + 4,
    ),
    "up": (nets.conv_transpose2d(3), (3, 4, 2), 4 * 2 * 3 + 3),
    "up with padding": (
        nets.conv_transpose2d(3, 3, stride=(2, 3), padding=1, extra=(1, 2)),
        (3, 4, 2), 9 * 2 * 3 + 3,
    ),
    "max pool": (nets.max_pool(2), (4, 5, 2), 0),
    "mean pool": (nets.avg_pool(3, stride=2, padding=1), (4, 5, 2), 0),
    "global mean pool": (nets.global_avg_pool(), (4, 5, 2), 0),
    "global max pool": (nets.global_max_pool(), (4, 5, 2), 0),
    "flatten": (nets.flatten(), (3, 2, 2), 0),
    "dropout": (nets.dropout(0.3), (3, 4), 0),
    "batch norm": (nets.batch_norm(), (4,), 4 * 4),
    "batch norm of images": (nets.batch_norm(), (3, 4, 2), 4 * 2),
    "layer norm": (nets.layer_norm(), (3, 4), 2 * 4),
    "group norm": (nets.group_norm(2), (3, 2, 4), 2 * 4),
    "residual": (
        nets.residual([nets.dense(4, "relu"), nets.dropout(0.2), nets.dense(4)], activation="tanh"),
        (4,), 2 * (16 + 4),
    ),
    "residual with shortcut": (
        nets.residual(
            [nets.conv2d(3, activation="tanh"), nets.batch_norm(), nets.conv2d(3)],
            nets.conv2d(3, 1),
        ),
        (3, 4, 2),
        9 * 2 * 3 + 3 + 4 * 3 + 9 * 3 * 3 + 3 + 2 * 3 + 3,
    ),
    "embedding": (nets.embedding(WORDS, 3), (4,), WORDS * 3),
    "rnn": (nets.recurrent(3), (5, 2), 2 * 3 + 3 * 3 + 3),
    "rnn at every step": (nets.recurrent(3, sequences=True), (5, 2), 2 * 3 + 3 * 3 + 3),
    "gru": (nets.gru(3), (5, 2), 3 * (2 * 3 + 3 * 3 + 3) + 3),
    "gru at every step": (nets.gru(3, sequences=True), (5, 2), 3 * (2 * 3 + 3 * 3 + 3) + 3),
    "lstm": (nets.lstm(3), (5, 2), 4 * (2 * 3 + 3 * 3 + 3)),
    "lstm at every step": (nets.lstm(3, sequences=True), (5, 2), 4 * (2 * 3 + 3 * 3 + 3)),
    "attention": (nets.attention(3), (5, 2), 3 * 2 * 3),
    "attention causal": (nets.attention(3, causal=True), (5, 2), 3 * 2 * 3),
    **{f"activation {name}": (nets.activation(name), (6,), 0) for name in nets.ACTIVATIONS},
}  # fmt: skip


def net_of(name: str) -> nets.Net:
    """The layer alone, as a net."""
    layer, shape, _ = ALL_LAYERS[name]
    return nets.sequential([layer], shape)


def inputs_for(name: str, n: int = 3, dtype: Any = np.float64) -> np.ndarray:
    """n inputs that fit; words for the embedding, numbers without ties for all others."""
    _, shape, _ = ALL_LAYERS[name]
    rng = np.random.default_rng(3)
    if name == "embedding":
        return rng.integers(0, WORDS, size=(n, *shape))
    return rng.normal(size=(n, *shape)).astype(dtype)


def mapped(function: Any, tree: Any) -> Any:
    """A function of every leaf."""
    return unflatten(structure_of(tree), [function(leaf) for leaf in flatten(tree)[0]])


def randomised(net: nets.Net, dtype: Any = np.float64) -> Any:
    """First parameters moved a little, so that none is special."""
    rng = np.random.default_rng(5)
    moved = mapped(lambda w: w + 0.2 * rng.normal(size=w.shape), net.init(1))
    for params in moved.values():
        for key in params:
            if key.endswith("variance"):
                params[key] = np.abs(params[key]) + 0.5
    return mapped(lambda w: w.astype(dtype), moved)


def flat(tree: Any) -> np.ndarray:
    """All leaves in one vector."""
    leaves = [np.ravel(leaf) for leaf in flatten(tree)[0]]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def weighing(net: nets.Net, n: int) -> Any:
    """A function of the outputs with a slope of its own for every one of them."""
    weights = np.random.default_rng(8).normal(size=(n, *net.shapes[-1]))

    def weighed(params: Any, x: Any, rng: Any = None) -> Any:
        return np.sum(net(params, x, rng=rng) * weights) + 0.1 * np.sum(net(params, x) ** 2)

    return weighed


KEY = dk.random.key(11)
