"""Embedding: a vector of its own for each word of a vocabulary, learned.

    h = W[i],    i = 0, 1, …, count − 1

It is a dense layer of one-hot rows without the zeros: reading row i of W is linear in W, and the
gradient adds each cotangent back to the row that was read.  A word that is never read has gradient
zero.  Reading on: Bengio, Ducharme, Vincent & Jauvin 2003, *A neural probabilistic language model*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.initializers import Initializer, get_initializer, normal
from diffkit.nets.layers import Layer, Params, Shape, check_count, first_params

__all__ = ["Embedding", "embedding"]


@dataclass(frozen=True)
class Embedding(Layer):
    """Rows of a table, by number: (batch, …) of whole numbers → (batch, …, units).

    The numbers may be integers or floats that are whole.  They are checked where they are plain
    arrays; in a traced function those outside of the table read its first or last row.

    Parameters
    ----------
    count, units
        The words of the vocabulary, and the size of each vector.
    initializer, name
        Of the table (N(0, 0.05²) if None); a name of its own.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, and in a call for numbers that are no words.

    Source: Bengio et al. 2003.

    >>> layer = embedding(3, 2)
    >>> layer({"w": np.arange(6.0).reshape(3, 2)}, np.array([[2, 0, 2]])).tolist()
    [[[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]]
    """

    kind: ClassVar[str] = "embedding"
    count: int
    units: int
    initializer: str | Initializer | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        check_count("embedding: count", self.count)
        check_count("embedding: units", self.units)
        if self.initializer is not None:
            get_initializer(self.initializer)

    def out_shape(self, in_shape: Shape) -> Shape:
        """One more axis, of the vector."""
        return (*in_shape, self.units)

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """The table (count, units)."""
        return {"w": (self.count, self.units)}

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """A random table."""
        start = normal if self.initializer is None else get_initializer(self.initializer)
        return first_params(start, rng, self.param_shapes(in_shape)), self.out_shape(in_shape)

    def check_values(self, name: str, x: np.ndarray) -> None:
        """Refuse numbers that are no words of the vocabulary.

        Raises
        ------
        InputError
            "embedding1 expects whole numbers from 0 to 2, but the input holds 3".
        """
        real = np.real(x)
        wrong = x[(x != np.floor(real)) | (real < 0) | (real >= self.count)]
        if wrong.size:
            raise InputError(
                f"{name} expects whole numbers from 0 to {self.count - 1}, but the input holds "
                f"{wrong.flat[0]}",
                hint="number the words from 0, or give the layer a larger count.",
            )

    def __call__(self, params: Params, x: Any) -> Any:
        words = x if x.dtype.kind in "iu" else x.astype(np.intp)
        # bounded, so that no update of a training can read outside of the table
        return params["w"][np.clip(words, 0, self.count - 1)]

    def describe(self) -> str:
        """Words and size."""
        return f"{self.units} for each of {self.count}"


embedding = Embedding
