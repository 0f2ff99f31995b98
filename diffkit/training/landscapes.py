"""Loss landscapes along a direction, comparable between nets by filter normalisation.

    L(α) = L(θ + α d),      d_filter ← d_filter ‖θ_filter‖ / ‖d_filter‖

A net of rectifiers does the same when one layer is scaled by 10 and the next by 1/10, but a raw
direction then looks ten times smaller to the one and ten times larger to the other: sharpness can
be had at will.  With every filter of the direction as long as that of the net the curve is that of
the function, not of its writing.
Reading on: Li et al. 2018, *Visualizing the loss landscape of neural nets*; Dinh et al. 2017,
*Sharp minima can generalize for deep nets*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.errors import InputError
from diffkit.training.programs import checked

__all__ = ["filter_normalised", "landscape", "random_direction"]


def random_direction(params: Any, seed: int = 0) -> Any:
    """A direction of standard normal numbers, in the tree of the parameters.

    >>> random_direction({"w": np.zeros(2)}, seed=1)["w"].round(2).tolist()
    [0.35, 0.82]
    """
    rng = np.random.default_rng(seed)
    leaves, structure = flatten(params)
    return unflatten(structure, [rng.standard_normal(np.shape(leaf)) for leaf in leaves])


def filter_normalised(direction: Any, params: Any) -> Any:
    """The direction with every filter scaled to the norm of that filter of the parameters.

    A filter is what one unit or channel weighs its inputs with: an entry of the last axis of an
    array of two axes or more.  Biases are scaled as one array each.

    Raises
    ------
    InputError
        When the direction has another tree or other shapes than the parameters.

    Source: Li et al. 2018, section 4.

    >>> filter_normalised(np.array([[3.0, 1.0], [4.0, 0.0]]), np.array([[0.0, 2.0], [1.0, 0.0]]))
    array([[0.6, 2. ],
           [0.8, 0. ]])
    """
    d_leaves, leaves = flatten(direction)[0], flatten(params)[0]
    same = structure_of(direction) == structure_of(params)
    if not same or [np.shape(d) for d in d_leaves] != [np.shape(leaf) for leaf in leaves]:
        raise InputError(
            "the direction does not have the tree and shapes of the parameters",
            hint="make it with dk.signal.random_direction(params).",
        )
    scaled = [_scaled(np.asarray(d, float), np.asarray(leaf, float))
              for d, leaf in zip(d_leaves, leaves, strict=True)]  # fmt: skip
    return unflatten(structure_of(params), scaled)


def _scaled(d: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    axes = tuple(range(d.ndim - 1)) if d.ndim > 1 else None
    wanted, found = (np.sqrt(np.sum(a * a, axis=axes)) for a in (leaf, d))
    return d * np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)


def landscape(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    direction: Any,
    at: Any,
    other: Any = None,
) -> np.ndarray:
    """The loss at ``params + α direction`` for every α in ``at``; shape (len(at),).

    With a second direction ``other`` it is the surface over both, of shape (len(at), len(at)):
    rows follow ``direction``, columns ``other``.

    Raises
    ------
    InputError
        When a direction does not fit the parameters, or the data the loss.

    Source: Goodfellow, Vinyals & Saxe 2015; Li et al. 2018.

    >>> def loss(w, x):
    ...     return np.mean(w**2 * x)
    >>> landscape(loss, 1.0, (np.ones(2),), 1.0, [-1.0, 0.0, 1.0]).tolist()
    [0.0, 1.0, 4.0]
    """
    tree, rows = checked(loss, params, data)
    leaves, structure = flatten(tree)
    steps = [_leaves(found, structure) for found in (direction, other) if found is not None]
    alphas = np.asarray(at, float)

    def value(*lengths: float) -> float:
        moved = [leaf + sum(a * step[place] for a, step in zip(lengths, steps, strict=True))
                 for place, leaf in enumerate(leaves)]  # fmt: skip
        return float(loss(unflatten(structure, moved), *rows))

    if len(steps) == 1:
        return np.array([value(a) for a in alphas])
    return np.array([[value(a, b) for b in alphas] for a in alphas])


def _leaves(direction: Any, structure: Any) -> list[np.ndarray]:
    if structure_of(direction) != structure:
        raise InputError(
            "the direction does not have the tree of the parameters",
            hint="make it with dk.signal.random_direction(params).",
        )
    return [np.asarray(leaf, float) for leaf in flatten(direction)[0]]
