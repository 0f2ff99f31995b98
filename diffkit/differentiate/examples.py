"""Which axis of which argument counts the examples: what ``dk.vmap`` is told, checked.

``in_axes`` is a prefix of the tree of arguments: one axis (or None, for a value that all
examples share) where it stops, for everything below.  Bradbury et al. 2018, *JAX: composable
transformations of Python+NumPy programs*, introduced this way of saying it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import _input_names, active_arena, as_leaf, is_static
from diffkit.capture.tracing import Tracer, is_traced, lift
from diffkit.capture.trees import flatten, prefix_leaves, structure_of, unflatten
from diffkit.differentiate.calls import _ordered
from diffkit.differentiate.function import Function
from diffkit.errors import InputError, ShapeError

__all__ = ["Axes", "Examples", "flat_out_axes"]

# An axis, None, or a tree of them.
Axes = Any


class Examples:
    """The arguments of one mapped call: flat, with the axis that counts the examples in each.

    ``leaves`` are the numeric arguments (arrays or tracers), ``axes`` their axes from 0 (None
    where all examples share the value) and ``size`` the number of examples.

    Raises
    ------
    InputError, ShapeError
        When the axes do not fit the arguments, or the arguments each other.
    """

    def __init__(
        self, function: Function, args: Sequence[Any], kwargs: dict[str, Any], in_axes: Axes
    ) -> None:
        self.function, self.call = function, (args, kwargs)
        graph = function.graph
        if graph is not None and (graph.keywords or graph.in_tree is None):
            self.full, self.structure = _ordered(graph, args, kwargs), None
            axes = _axes_of_variables(graph.input_names, in_axes)
        else:
            self.full, self.structure = flatten((tuple(args), kwargs))
            axes = _axes_of_arguments(in_axes, args) + [None] * len(flatten(kwargs)[0])
        self.numeric = [i for i, leaf in enumerate(self.full) if not is_static(leaf)]
        self.leaves = [_as_array(self.full[i]) for i in self.numeric]
        self.axes = tuple([
            _axis_from_0(axes[place], leaf.shape, lambda i=i: self.names()[i])
            for i, (place, leaf) in enumerate(zip(self.numeric, self.leaves, strict=True))
        ])  # fmt: skip
        sizes = {size for size in self._sizes() if size is not None}
        if len(sizes) > 1:
            raise self._unequal()
        if not sizes:
            raise InputError(
                f"vmap: no argument has an axis of examples (in_axes={in_axes!r})",
                hint="give the axis of at least one array, or call the function itself.",
            )
        self.size: int = sizes.pop()

    def names(self) -> Sequence[str]:
        """What the numeric arguments are called, for error messages."""
        graph = self.function.graph
        if graph is not None:
            return graph.input_names
        return _input_names(self.function.f, *self.call, self.full)

    def _sizes(self) -> list[int | None]:
        return [
            None if axis is None else leaf.shape[axis]
            for leaf, axis in zip(self.leaves, self.axes, strict=True)
        ]

    def _unequal(self) -> ShapeError:
        told = ", ".join(
            f"{size} in {name} (axis {axis})"
            for name, size, axis in zip(self.names(), self._sizes(), self.axes, strict=True)
            if size is not None
        )
        return ShapeError(
            f"vmap: the arguments have different numbers of examples: {told}",
            hint="mapped axes must be of one size; use None for what all examples share.",
        )

    def arguments(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the function, with these in the place of the numeric ones."""
        if self.structure is None:
            return tuple(leaves), {}
        full = list(self.full)
        for place, leaf in zip(self.numeric, leaves, strict=True):
            full[place] = leaf
        return unflatten(self.structure, full)

    def first(self) -> list[Any]:
        """The first example (zeros when there is none), by which the function is captured."""
        found = []
        for leaf, axis in zip(self.leaves, self.axes, strict=True):
            if axis is None:
                found.append(leaf)
            elif not self.size:
                found.append(np.zeros(leaf.shape[:axis] + leaf.shape[axis + 1 :], leaf.dtype))
            else:
                found.append(leaf[(slice(None),) * axis + (0,)])
        return found


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, Tracer):
        return leaf
    arena = active_arena()
    return lift(arena, leaf) if arena is not None and is_traced(leaf) else as_leaf(leaf)


def _is_axis(entry: Any) -> bool:
    whole = isinstance(entry, (int, np.integer)) and not isinstance(entry, bool)
    return entry is None or whole


def _axes_of_arguments(in_axes: Axes, args: Sequence[Any]) -> list[Any]:
    """For every leaf of the positional arguments what ``in_axes`` says of it."""
    if _is_axis(in_axes):
        in_axes = (in_axes,) * len(args)
    if not isinstance(in_axes, (tuple, list)):
        raise InputError(
            f"vmap: in_axes={in_axes!r} is not an axis",
            hint="give a number, None, or a tuple with one entry per positional argument.",
        )
    if len(in_axes) != len(args):
        raise InputError(
            f"vmap: in_axes has {len(in_axes)} entries, but there are {len(args)} positional "
            "arguments",
            hint="give one entry each, None for what all examples share; keyword arguments are "
            "shared.",
        )
    axes: list[Any] = []
    for place, (entry, arg) in enumerate(zip(in_axes, args, strict=True)):
        axes += _fitted(entry, arg, f"in_axes[{place}]", f"argument {place}")
    return axes


def _fitted(entry: Axes, tree: Any, what: str, of: str) -> list[Any]:
    """A tree of axes as one axis per leaf of another tree that it is a prefix of."""
    try:
        found = prefix_leaves(entry, tree)
    except ValueError:
        shown = str(structure_of(tree)).replace("PyTreeSpec", "").replace(", NoneIsLeaf", "")
        raise InputError(
            f"vmap: {what} = {entry!r} does not fit {of}, whose structure is {shown}",
            hint="nest it in the same way, or give one number (or None) for all of it.",
        ) from None
    wrong = [axis for axis in found if not _is_axis(axis)]
    if wrong:
        raise InputError(
            f"vmap: {what} holds {wrong[0]!r}, which is not an axis",
            hint="an axis is a whole number, or None for what all examples share.",
        )
    return found


def _axes_of_variables(names: Sequence[str], in_axes: Axes) -> list[Any]:
    """One axis per variable of a graph made from text: one for all, in order, or by name."""
    if isinstance(in_axes, dict):
        unknown = [name for name in in_axes if name not in names]
        if unknown:
            raise InputError(
                f"vmap: in_axes names {unknown[0]!r}, but the variables are {', '.join(names)}",
                hint="variables that are left out are shared by all examples.",
            )
        in_axes = tuple(in_axes.get(name) for name in names)
    return _axes_of_arguments(in_axes, names)


def _axis_from_0(
    axis: Any, shape: tuple[int, ...], name: Callable[[], str], what: str = "in_axes"
) -> int | None:
    """An axis of an array of this shape, counted from 0."""
    if axis is None:
        return None
    if not shape:
        raise ShapeError(
            f"vmap: {name()} is a single number, without an axis of examples",
            hint="give None for it, for example in_axes=(0, None).",
        )
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(
            f"vmap: {what} gives axis {axis} for {name()}, which has the shape {list(shape)}",
            hint=f"its axes are 0 to {len(shape) - 1}, or −1 for the last.",
        )
    return int(axis) % len(shape)


def flat_out_axes(
    out_axes: Axes, out_tree: Any, shapes: Sequence[tuple[int, ...]], size: int
) -> tuple[int | None, ...]:
    """One axis per output, counted from 0, for one example's outputs of these shapes.

    Raises
    ------
    InputError, ShapeError
        When the axes do not fit the outputs.
    """
    zeros = [0] * len(shapes)
    if out_tree is None:
        tree: Any = zeros[0] if len(zeros) == 1 else tuple(zeros)
    else:
        tree = unflatten(out_tree, zeros)
    axes = _fitted(out_axes, tree, "out_axes", "the result")
    return tuple(
        _axis_from_0(axis, (size, *shape), lambda: "a result", "out_axes")
        for axis, shape in zip(axes, shapes, strict=True)
    )
