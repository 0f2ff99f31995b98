"""Initializers: the first weights, which decide whether a signal survives the depth.

Through a layer y = W x with n inputs and weights of variance v, the signal's variance is
multiplied by n·v on its way forward and by m·v (m outputs) on its way back.  Keeping the product
at 1 keeps the learning signal alive through many layers:

    LeCun    v = 1/n              the forward signal of a linear layer
    Xavier   v = 2/(n + m)        a compromise of forward and backward
    He       v = 2/n              rectifiers lose half of the signal, so twice as much
    classic  v = 1/(3n)           the old rule U(−1/√n, 1/√n): shrinks by 1/√3 per layer

Each variance comes as a uniform and as a normal distribution (Xavier's is uniform and He's and
LeCun's are normal, as in their papers, unless the name says otherwise).

An initializer is a pure function of a generator and a shape; dense weights are (inputs, outputs),
filters (height, width, channels in, channels out).  Reading on: Glorot & Bengio 2010,
*Understanding the difficulty of training deep feedforward neural networks*.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt

import numpy as np

from diffkit.errors import ShapeError
from diffkit.nets.activations import named

__all__ = [
    "INITIALIZERS",
    "Initializer",
    "classic",
    "fans",
    "get_initializer",
    "he",
    "he_uniform",
    "lecun",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "uniform",
    "xavier",
    "xavier_normal",
    "zeros",
]

Shape = tuple[int, ...]
Initializer = Callable[[np.random.Generator, Shape], np.ndarray]

SMALL = 0.05  # the default of Keras for both plain distributions


def spread_evenly(rng: np.random.Generator, shape: Shape, variance: float) -> np.ndarray:
    """Uniform numbers of this variance: those on [−b, b] have b²/3."""
    bound = sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape)


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs each output sees, and how many outputs each input reaches.

    Raises
    ------
    ShapeError
        When the shape has fewer than two axes.

    >>> fans((64, 32)), fans((3, 3, 8, 16))
    ((64, 32), (72, 144))
    """
    if len(shape) < 2:
        raise ShapeError(
            f"an initializer needs inputs and outputs, not the shape {shape}",
            hint="dense weights are (inputs, outputs); biases start at zero.",
        )
    window = prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """All zeros: for biases, and for a single convex layer.

    Hidden layers that start at zero stay alike (Rumelhart, Hinton & Williams 1986).

    >>> zeros(np.random.default_rng(0), (2,)).tolist()
    [0.0, 0.0]
    """
    return np.zeros(shape)


def uniform(rng: np.random.Generator, shape: Shape, bound: float = SMALL) -> np.ndarray:
    """U(−bound, bound), whatever the sizes; ``functools.partial(uniform, bound=1.0)`` for others.

    >>> bool(abs(uniform(np.random.default_rng(0), (9,))).max() <= 0.05)
    True
    """
    return rng.uniform(-bound, bound, shape)


def normal(rng: np.random.Generator, shape: Shape, deviation: float = SMALL) -> np.ndarray:
    """N(0, deviation²), whatever the sizes; for others as with :func:`uniform`.

    >>> round(float(normal(np.random.default_rng(0), (100, 100)).std()), 3)
    0.05
    """
    return rng.normal(0.0, deviation, shape)


def classic(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """The old rule, U(−1/√n, 1/√n) for n inputs: the signal shrinks by 1/√3 per layer.

    Raises ShapeError for shapes of one axis.  Source: Glorot & Bengio 2010, equation 1.

    >>> bool(abs(classic(np.random.default_rng(0), (100, 50))).max() <= 0.1)
    True
    """
    bound = 1.0 / sqrt(fans(shape)[0])
    return rng.uniform(-bound, bound, shape)


def xavier(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """U(−√(6/(n + m)), √(6/(n + m))): variance 2/(n + m), for tanh and linear layers.

    Raises ShapeError for shapes of one axis.  Source: Glorot & Bengio 2010, equation 16.

    >>> w = xavier(np.random.default_rng(0), (300, 500))
    >>> round(float(w.var()) * 400, 1)
    1.0
    """
    n, m = fans(shape)
    bound = sqrt(6.0 / (n + m))
    return rng.uniform(-bound, bound, shape)


def xavier_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """N(0, 2/(n + m)): Xavier's variance as a normal distribution.

    Raises ShapeError for shapes of one axis.  Source: Glorot & Bengio 2010, equation 12.

    >>> round(float(xavier_normal(np.random.default_rng(0), (300, 500)).var()) * 400, 1)
    1.0
    """
    n, m = fans(shape)
    return rng.normal(0.0, sqrt(2.0 / (n + m)), shape)


def he_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """U(−√(6/n), √(6/n)): He's variance 2/n as a uniform distribution.

    Raises ShapeError for shapes of one axis.  Source: He, Zhang, Ren & Sun 2015.

    >>> round(float(he_uniform(np.random.default_rng(0), (500, 300)).var()) * 250, 1)
    1.0
    """
    return spread_evenly(rng, shape, 2.0 / fans(shape)[0])


def he(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """N(0, 2/n) for n inputs: for rectifiers, which let half of the signal through.

    Raises ShapeError for shapes of one axis.  Source: He, Zhang, Ren & Sun 2015, equation 10.

    >>> round(float(he(np.random.default_rng(0), (500, 300)).var()) * 250, 1)
    1.0
    """
    return rng.normal(0.0, sqrt(2.0 / fans(shape)[0]), shape)


def lecun(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """N(0, 1/n) for n inputs: keeps the variance of a linear layer's output.

    Raises ShapeError for shapes of one axis.  Source: LeCun, Bottou, Orr & Müller 1998,
    *Efficient backprop*, section 4.6.

    >>> round(float(lecun(np.random.default_rng(0), (500, 300)).var()) * 500, 1)
    1.0
    """
    return rng.normal(0.0, sqrt(1.0 / fans(shape)[0]), shape)


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """U(−√(3/n), √(3/n)): LeCun's variance 1/n as a uniform distribution.

    Raises ShapeError for shapes of one axis.  Source: LeCun, Bottou, Orr & Müller 1998.

    >>> round(float(lecun_uniform(np.random.default_rng(0), (500, 300)).var()) * 500, 1)
    1.0
    """
    return spread_evenly(rng, shape, 1.0 / fans(shape)[0])


def orthogonal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A random matrix with orthonormal columns (or rows, when wide): every length is kept.

    Filters are orthogonal as matrices (height · width · channels in, channels out).  Raises
    ShapeError for shapes of one axis.  Source: Saxe, McClelland & Ganguli 2014; the uniform
    distribution by Mezzadri 2007.

    >>> w = orthogonal(np.random.default_rng(0), (4, 3))
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """
    fans(shape)
    rows, columns = prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (q if rows >= columns else q.T).reshape(shape)


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "uniform": uniform,
    "normal": normal,
    "classic": classic,
    "xavier": xavier,
    "xavier_normal": xavier_normal,
    "he": he,
    "he_uniform": he_uniform,
    "lecun": lecun,
    "lecun_uniform": lecun_uniform,
    "orthogonal": orthogonal,
}
"""Every initializer by name."""


def get_initializer(initializer: str | Initializer) -> Initializer:
    """An initializer by its name, or the function itself.

    Raises
    ------
    InputError
        For an unknown name.

    >>> get_initializer("he") is he
    True
    """
    return named("initializer", initializer, INITIALIZERS, "a function of (rng, shape)")
