"""What goes into a step of a loop and comes out of it, checked.

    carry, y = step(carry, x)

The carry is a tree of arrays that keeps its structure, shapes and dtypes from step to step; x is
one row of every array of a tree.  None may stand anywhere in these trees, and stays None.
Reading on: ``capture/scanning.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffkit.capture.capturing import as_leaf
from diffkit.capture.tracing import Tracer, here, is_traced_deep, lift
from diffkit.capture.trees import flatten, leaf_names, structure_of, unflatten
from diffkit.errors import CaptureError, DtypeError, InputError, ShapeError
from diffkit.graph.avals import Aval, aval

__all__ = ["Step", "Tree", "outputs_of_step", "same_carry", "stepped", "title_of", "tree_of"]

Step = Callable[[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Tree:
    """The arrays of a tree, and what it takes to build it again; None stays None."""

    leaves: list[Any]
    structure: Any
    present: list[bool]
    name: str

    def rebuilt(self, leaves: Sequence[Any]) -> Any:
        """The tree with other leaves."""
        rest = iter(leaves)
        return unflatten(self.structure, [next(rest) if there else None for there in self.present])

    @property
    def names(self) -> list[str]:
        """A name for every array, as a variable of the body has it."""
        names = leaf_names(self.structure, self.name)
        return [name for name, there in zip(names, self.present, strict=True) if there]

    def copied(self) -> Tree:
        """The tree with copies of its arrays, which a later step cannot change."""
        return replace(self, leaves=[np.array(leaf)[()] for leaf in self.leaves])

    def avals(self, stacked: bool = False) -> list[Aval]:
        """The abstract values of the arrays, or of one row of each."""
        return [aval(x.shape[1:] if stacked else x.shape, x.dtype) for x in self.leaves]


def tree_of(tree: Any, name: str) -> Tree:
    """A tree of arguments of the loop.

    Raises
    ------
    DtypeError, InputError
        For leaves that are no numbers or arrays.
    """
    leaves, structure = flatten(tree)
    present = [leaf is not None for leaf in leaves]
    arrays = [_array(leaf, f"scan: {name}") for leaf in leaves if leaf is not None]
    return Tree(arrays, structure, present, name)


def _array(leaf: Any, name: str) -> Any:
    """A leaf as an array or a tracer; complex numbers pass, as in any NumPy function."""
    if isinstance(leaf, Tracer):
        return leaf
    if isinstance(leaf, np.ndarray) and is_traced_deep(leaf):
        traced = next(cell for cell in leaf.flat if isinstance(cell, Tracer))
        return lift(traced.arena, leaf)
    if np.iscomplexobj(leaf):
        return np.asarray(leaf)[()]
    return as_leaf(leaf, name)


# Results of a step --------------------------------------------------------------------------------


def stepped(step: Step, carry: Any, x: Any) -> tuple[Any, Any]:
    """Call the step.

    Raises
    ------
    CaptureError
        When it does not return two things.
    """
    result = step(carry, x)
    if not isinstance(result, tuple) or len(result) != 2:
        raise CaptureError(
            f"scan: {title_of(step)} returned a {type(result).__name__}, not (carry, y)",
            where=here(),
            hint="return two values; y may be None: return carry, None.",
        )
    return result


def same_carry(before: Tree, after: Any, step: Step) -> list[Any]:
    """The leaves of the carry after a step.

    Raises
    ------
    InputError, ShapeError, DtypeError
        When it has another tree, shape or dtype than before.
    """
    if structure_of(after) != before.structure:
        raise InputError(
            f"scan: the carry has another structure after {title_of(step)} than before",
            where=here(),
            hint="return the carry with the same nesting of dicts, lists and tuples.",
        )
    leaves = [leaf for leaf, there in zip(flatten(after)[0], before.present, strict=True) if there]
    arrays = [_result(leaf, "carry", step) for leaf in leaves]
    for place, (old, new) in enumerate(zip(before.leaves, arrays, strict=True)):
        # a complex number in a plain loop is someone's complex step, and may widen the carry
        if old.shape != new.shape or (old.dtype != new.dtype and new.dtype.kind != "c"):
            raise (ShapeError if old.shape != new.shape else DtypeError)(
                f"scan: {before.names[place]} is {aval(old.shape, old.dtype)} before "
                f"{title_of(step)} and {aval(new.shape, new.dtype)} after it",
                where=here(),
                hint="a carry keeps shape and dtype: start with zeros of its shape, or with 0.0 "
                "instead of 0, or convert it with .astype.",
            )
    return arrays


def _result(leaf: Any, what: str, step: Step) -> Any:
    try:
        return _array(leaf, what)
    except (DtypeError, InputError) as error:
        raise CaptureError(
            f"scan: {title_of(step)} returned a {type(leaf).__name__} in {what}, "
            f"not a number or an array",
            where=here(),
            hint="return numbers, arrays, or dicts, lists and tuples of them.",
        ) from error


def outputs_of_step(tree: Any, step: Step) -> Tree:
    """The tree of y.

    Raises
    ------
    CaptureError
        For leaves that are no numbers or arrays.
    """
    leaves, structure = flatten(tree)
    present = [leaf is not None for leaf in leaves]
    arrays = [_result(leaf, "y", step) for leaf in leaves if leaf is not None]
    return Tree(arrays, structure, present, "y")


def title_of(step: Step) -> str:
    """The name of the step, as errors and printed graphs have it."""
    name = getattr(step, "__name__", "")
    return name if name.isidentifier() else "step"
