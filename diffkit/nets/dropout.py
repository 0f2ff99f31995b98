"""Dropout: leave out units at random while the net is trained.

    training    h = x·m / (1 − p),   m = 1 with probability 1 − p, else 0, drawn for every number
    evaluation  h = x

The mean of h is x in both, so nothing changes but the noise.  The mask is a function of the key
that a training hands the net at each update (``net(params, x, rng=key)``, docs/random.md); each
layer folds its place in the net into the key.  To every method of differentiation it is a constant.
Reading on: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, *Dropout: a simple way
to prevent neural networks from overfitting*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.random_numbers import bernoulli
from diffkit.errors import InputError
from diffkit.nets.layers import Layer, Params, Shape

__all__ = ["Dropout", "dropout"]


@dataclass(frozen=True)
class Dropout(Layer):
    """Leaves out each number with probability ``rate`` in training, and scales the others up.

    Parameters
    ----------
    rate
        The probability, from 0 to below 1.
    name
        A name of its own.

    Raises
    ------
    InputError
        When the rate is no such number.

    Source: Srivastava et al. 2014; scaled in training ("inverted"), so that evaluation is x itself.

    >>> import diffkit as dk
    >>> layer, x = dropout(0.5), np.ones((1, 6))
    >>> layer({}, x).tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    >>> layer({}, x, rng=dk.random.key(0)).tolist()
    [[0.0, 0.0, 2.0, 2.0, 2.0, 2.0]]
    """

    kind: ClassVar[str] = "dropout"
    has_modes: ClassVar[bool] = True
    rate: float = 0.5
    name: str | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.rate, (int, float, np.number)) and not isinstance(self.rate, bool)
        if not number or not 0 <= self.rate < 1:
            raise InputError(
                f"dropout: the rate is {self.rate!r}, not a probability below 1",
                hint="0.5 leaves out half of the units, 0 none.",
            )

    def out_shape(self, in_shape: Shape) -> Shape:
        """As it came."""
        return in_shape

    def __call__(self, params: Params, x: Any, *, rng: Any = None) -> Any:
        if rng is None or self.rate == 0:
            return x
        kept = bernoulli(rng, 1.0 - self.rate, tuple(x.shape))
        return np.where(kept, x / (1.0 - self.rate), 0.0)

    def describe(self) -> str:
        """The rate."""
        return f"{self.rate:g}"


dropout = Dropout
