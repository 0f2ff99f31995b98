"""Sharpness: the largest eigenvalue of the Hessian, by Lanczos' method, from products alone.

    H q_k = β_{k−1} q_{k−1} + α_k q_k + β_k q_{k+1},      λ_max(tridiagonal) → λ_max(H)

Gradient descent with the rate η is stable only where λ_max < 2/η; trained for long it settles at
this edge (Cohen et al. 2021, *Gradient descent on neural networks typically occurs at the edge of
stability*).  One product costs about two gradients, and the Hessian is never formed.
Reading on: Golub & Van Loan 2013, *Matrix Computations*, section 10.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, unflatten
from diffkit.errors import InputError
from diffkit.training.programs import Programs, checked, flat

__all__ = ["lanczos", "measured_sharpness", "sharpness"]

ITERATIONS = 60
TOLERANCE = 1e-6
# A new direction shorter than this, relative to the matrix, is rounding: the space is exhausted.
EXHAUSTED = 1e-12


def sharpness(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    *,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    engine: str = "auto",
) -> float:
    """The largest eigenvalue of the Hessian of the loss at these parameters.

    Lanczos' method ends when its residual is below ``tolerance`` of the eigenvalue, and after
    ``iterations`` products at the latest; it starts from a random direction drawn from ``seed``.

    Raises
    ------
    InputError
        When ``iterations`` is below 1, or parameters or data do not fit the loss.

    Source: Lanczos 1950; Pearlmutter 1994 for the products.

    >>> def loss(w, x):
    ...     return np.mean(x * w**2) / 2
    >>> round(sharpness(loss, np.ones(1), (np.array([1.0, 3.0]),)), 6)  # the mean of x
    2.0
    """
    if not isinstance(iterations, (int, np.integer)) or iterations < 1:
        raise InputError(
            f"iterations must be a whole number of at least 1, not {iterations!r:.40}",
            hint="20 to 60 are usual.",
        )
    tree, rows = checked(loss, params, data)
    return measured_sharpness(Programs(loss, engine), tree, rows, iterations, tolerance, seed)


def measured_sharpness(
    programs: Programs,
    params: Any,
    rows: Sequence[np.ndarray],
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> float:
    """The largest eigenvalue with programs that are already there."""
    leaves, structure = flatten(params)
    ends = np.cumsum([np.size(leaf) for leaf in leaves])

    def product(v: np.ndarray) -> np.ndarray:
        parts = np.split(v, ends[:-1])
        shaped = [np.reshape(part, np.shape(leaf)).astype(np.asarray(leaf).dtype)[()]
                  for part, leaf in zip(parts, leaves, strict=True)]  # fmt: skip
        return flat(programs.product(params, unflatten(structure, shaped), rows))

    return lanczos(product, int(ends[-1]), iterations, tolerance, seed)


def lanczos(
    product: Callable[[np.ndarray], np.ndarray],
    size: int,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> float:
    """The largest eigenvalue of a symmetric matrix that is known by its products with vectors.

    Every new direction is made orthogonal to all earlier ones (twice, which is enough: Parlett
    1980, section 6.9).

    >>> round(lanczos(lambda v: np.array([1.0, 5.0, 2.0]) * v, 3), 9)
    5.0
    """
    q = np.random.default_rng(seed).standard_normal(size)
    basis = [q / np.linalg.norm(q)]
    alphas: list[float] = []
    betas: list[float] = []
    while True:
        w = product(basis[-1])
        alphas.append(float(basis[-1] @ w))
        if not np.isfinite(alphas[-1]):
            return float("nan")
        known = np.array(basis)
        for _ in range(2):
            w = w - known.T @ (known @ w)
        beta = float(np.linalg.norm(w))
        values, vectors = np.linalg.eigh(np.diag(alphas) + np.diag(betas, 1) + np.diag(betas, -1))
        largest, residual = float(values[-1]), beta * abs(float(vectors[-1, -1]))
        done = len(basis) >= min(iterations, size) or residual <= tolerance * abs(largest)
        if done or beta <= EXHAUSTED * float(np.max(np.abs(values))):
            return largest
        betas.append(beta)
        basis.append(w / beta)
