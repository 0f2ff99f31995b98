"""Attention: every place of a sequence reads from all others, by how well they match.

    Q = x W_Q,   K = x W_K,   V = x W_V,   h = softmax(Q Kᵀ/√d) V

Row i of the softmax says how much of each value place i takes.  The learning signal reaches every
place in one step, however far; dividing by √d keeps the scores, sums of d products, from
saturating the softmax (Vaswani et al. 2017, section 3.2.1).  This is one head.
Reading on: Bahdanau, Cho & Bengio 2015; Vaswani et al. 2017, *Attention is all you need*.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from diffkit.nets.initializers import Initializer, get_initializer, xavier
from diffkit.nets.layers import Layer, Params, Shape, check_count, first_params
from diffkit.nets.probabilities import softmax

__all__ = ["Attention", "attention"]


@dataclass(frozen=True)
class Attention(Layer):
    """One head of self-attention: (batch, time, features) → (batch, time, units).

    Parameters
    ----------
    units
        The size d of queries, keys and values.
    causal
        Whether a place reads from itself and those before it only.
    initializer, name
        Of the three weights (Xavier if None); a name of its own.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, or unknown initializers.

    Source: Vaswani et al. 2017, *Attention is all you need*, equation 1.

    >>> layer = attention(2, causal=True)
    >>> params, shape = layer.init(np.random.default_rng(0), (5, 3))
    >>> shape, sorted(params)
    ((5, 2), ['w_key', 'w_query', 'w_value'])
    >>> x = np.ones((1, 5, 3))
    >>> bool(np.allclose(layer(params, x), x @ params["w_value"]))
    True
    """

    kind: ClassVar[str] = "attention"
    units: int
    causal: bool = False
    initializer: str | Initializer | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        check_count("attention: units", self.units)
        if self.initializer is not None:
            get_initializer(self.initializer)

    def expects(self, in_shape: Shape) -> str | None:
        """Sequences."""
        return None if len(in_shape) == 2 else "sequences [batch, time, features]"

    def remedy(self, in_shape: Shape) -> str:
        """Which axes there are."""
        return "reshape to three axes; the pixels of images are a sequence too."

    def out_shape(self, in_shape: Shape) -> Shape:
        """(time, units)."""
        return (in_shape[0], self.units)

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """Three weights (features, units)."""
        return dict.fromkeys(("w_query", "w_key", "w_value"), (in_shape[1], self.units))

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Random weights."""
        self.require(in_shape, self.kind, "the input")
        start = xavier if self.initializer is None else get_initializer(self.initializer)
        return first_params(start, rng, self.param_shapes(in_shape)), self.out_shape(in_shape)

    def weights(self, params: Params, x: Any) -> Any:
        """How much place i takes of place j, (batch, i, j); each row sums to 1."""
        query, key = x @ params["w_query"], x @ params["w_key"]
        scores = query @ np.swapaxes(key, 1, 2) / sqrt(self.units)
        if self.causal:
            seen = np.tri(x.shape[1], dtype=bool)
            scores = np.where(seen, scores, -np.inf)
        return softmax(scores)

    def __call__(self, params: Params, x: Any) -> Any:
        return self.weights(params, x) @ (x @ params["w_value"])

    def describe(self) -> str:
        """The size."""
        return f"{self.units}{' causal' if self.causal else ''}"


attention = Attention
