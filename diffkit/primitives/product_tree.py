"""For every element of an array, the product of all the others.

Note [Products].  The derivative of y = ∏ᵢ xᵢ by xᵢ is the product of the others.  It is not
formed as y/xᵢ, which is 0/0 where xᵢ = 0, but by a tree: neighbours are multiplied in pairs,
level by level, up to the root; on the way down, the others of an element are its sibling and
the others of the pair.  That takes about 3n multiplications and is right with one zero or
many, as is its own derivative, for it is written in primitives.  Reading on: Speelpenning's
example in Griewank & Walther 2008, chapter 3.
"""

from __future__ import annotations

from math import prod
from typing import Any

from diffkit.primitives.indexing import WHOLE, getitem, slice_of
from diffkit.primitives.shaping import concatenate, flip, moved, reshape, reshaped, spread

__all__ = ["products_of_others"]


def products_of_others(x: Any, axes: tuple[int, ...]) -> Any:
    """∏_{j≠i} xⱼ over the axes, for every i, by a tree; None where there are no others.

    >>> import numpy as np
    >>> products_of_others(np.array([2.0, 0.0, 5.0]), (0,))
    array([ 0., 10.,  0.])
    """
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    order = kept + axes
    count = prod(x.shape[axis] for axis in axes)
    if count <= 1:
        return None
    in_order = moved(x, order)
    rows = reshaped(in_order, (prod(x.shape[axis] for axis in kept), count))
    others = _down(_up(rows))
    back = tuple(order.index(axis) for axis in range(x.ndim))
    return moved(reshaped(others, in_order.shape), back)


def _up(row: Any) -> list[Any]:
    """The pairs (rows, k, 2) of every level of the tree; an odd last one waits a level."""
    levels = []
    while (count := row.shape[1]) > 1:
        half, odd = divmod(count, 2)
        even = slice_of(row, 1, 0, 2 * half) if odd else row
        pairs = reshape(even, shape=(row.shape[0], half, 2))
        levels.append(pairs)
        first, second = (getitem(pairs, index=(WHOLE, WHOLE, side)) for side in (0, 1))
        product = first * second
        row = concatenate(product, slice_of(row, 1, 2 * half, None), axis=1) if odd else product
    return levels


def _down(levels: list[Any]) -> Any:
    """Products of the others: one's sibling times the product of the others of the pair."""
    others = None
    for pairs in reversed(levels):
        rows, half, _ = pairs.shape
        both = flip(pairs, axes=(2,))
        waiting = None
        if others is not None:
            if others.shape[1] > half:
                waiting = slice_of(others, 1, half, None)
                others = slice_of(others, 1, 0, half)
            both = spread(others, axes=(2,), sizes=(2,)) * both
        others = reshape(both, shape=(rows, 2 * half))
        if waiting is not None:
            others = concatenate(others, waiting, axis=1)
    return others
