"""Trees of arrays: nested dicts, lists and tuples as arguments and results.

A tree is flattened into a list of leaves and a structure that can be rebuilt (the idea of
JAX's pytrees; the work is done by the optree library).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optree

__all__ = ["flatten", "leaf_names", "prefix_leaves", "structure_of", "unflatten"]


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a tree, in order, and its structure; None counts as a leaf.

    >>> leaves, structure = flatten({"w": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [2.0, 3.0, 1.0]
    >>> unflatten(structure, [0, 0, 1])
    {'w': 1, 'b': (0, 0)}
    """
    leaves, structure = optree.tree_flatten(tree, none_is_leaf=True)
    return list(leaves), structure


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The tree of this structure with these leaves."""
    return optree.tree_unflatten(structure, leaves)


def structure_of(tree: Any) -> Any:
    """The structure of a tree."""
    return optree.tree_structure(tree, none_is_leaf=True)


def prefix_leaves(prefix: Any, tree: Any) -> list[Any]:
    """For every leaf of a tree what the prefix says there; a leaf of it stands for all below.

    Raises
    ------
    ValueError
        When the prefix branches otherwise than the tree.

    >>> prefix_leaves((0, None), ([1.0, 2.0], 3.0))
    [0, 0, None]
    """
    return list(optree.broadcast_prefix(prefix, tree, none_is_leaf=True))


def leaf_names(structure: Any, base: str) -> list[str]:
    """A readable name for every leaf below an argument called ``base``.

    >>> leaf_names(structure_of({"w": 1, "b": [2, 3]}), "params")
    ['b_0', 'b_1', 'w']
    """
    names = []
    for path in optree.treespec_paths(structure):
        words = [str(part) for part in path]
        if not words:
            names.append(base)
        elif words[0].isidentifier():
            names.append("_".join(words))
        else:
            names.append("_".join([base, *words]))
    return names
