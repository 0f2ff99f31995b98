"""What a gradient claims at a point: the user's callable or a method of ours, called and read.

The claim is called as the function is: a function with its tree of arguments, a graph made from
text by name or in the order of its variables.  What comes back is one row of numbers,

    claim: leaves ↦ (∂f/∂x₁, …, ∂f/∂xₙ),

checked for shapes and for being real numbers at all, so that nothing is dropped in silence.

Reading on: ``gradcheck.py``, which judges the row; ``arguments.py`` for the trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from diffkit.capture.capturing import is_static
from diffkit.capture.trees import flatten, unflatten
from diffkit.comparison.gradcheck_point import Point
from diffkit.errors import DtypeError, ShapeError

__all__ = ["claimed_row", "is_chance"]


def claimed_row(point: Point, grad: Any, leaves: Sequence[Any]) -> np.ndarray:
    """The entries of a claimed gradient at these leaves, in a row of float64.

    Raises
    ------
    ShapeError
        When the gradient has other shapes than the arguments.
    DtypeError
        When it is no real numbers.
    """
    parts = [_real(part) for part in _parts(point, _called(point, grad, leaves))]
    wanted = [np.shape(leaves[k]) for k in point.wrt]
    if [part.shape for part in parts] != wanted:
        raise ShapeError(
            f"gradcheck: the gradient has shapes {[p.shape for p in parts]}, its arguments "
            f"{wanted}",
            hint="return an array of each argument's shape, in the tree of the arguments.",
        )
    return np.concatenate([part.reshape(-1) for part in parts])


def is_chance(grad: Any) -> bool:
    """Whether a gradient is one of the estimators that draw directions by chance.

    >>> import diffkit as dk
    >>> is_chance(dk.methods.SPSA(seed=0)), is_chance("reverse")
    (True, False)
    """
    from diffkit.differentiate.stochastic import SPSA, ForwardGradient

    return isinstance(grad, (SPSA, ForwardGradient))


def _called(point: Point, grad: Any, leaves: Sequence[Any]) -> Any:
    from diffkit.differentiate.methods import get_method

    if callable(grad) and not hasattr(grad, "jacobian"):
        args, kwargs = _arguments(point, leaves)
        with np.errstate(all="ignore"):
            return grad(*args, **kwargs)
    chosen: Any = "reverse" if grad is None else grad
    method = get_method(chosen)
    blocks = method.jacobian(point.bound, leaves, point.wrt, "interpret").blocks
    return list(blocks[0])


def _arguments(point: Point, leaves: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """The arguments of the claim: those of the function, or a graph's own names and order."""
    graph = point.bound.function.graph
    if graph is None:
        return point.bound.call_arguments(leaves)
    if not graph.keywords and graph.in_tree is not None:
        found, structure = flatten((tuple(point.args), point.kwargs))
        numbers = iter(leaves)
        return unflatten(structure, [x if is_static(x) else next(numbers) for x in found])
    values = dict(zip(graph.input_names, leaves, strict=True))
    named = {name: values.pop(name) for name in point.kwargs}
    return list(values.values()), named


def _parts(point: Point, found: Any) -> list[Any]:
    """The numbers of a gradient in the order of the leaves; a dict of variables goes by name."""
    graph = point.bound.function.graph
    if graph is not None and isinstance(found, dict) and set(found) == set(point.names):
        return [found[name] for name in point.names]
    return flatten(found)[0]


def _real(part: Any) -> np.ndarray:
    row = np.asarray(part)
    if row.dtype.kind == "O":  # numbers of other libraries, such as Fraction
        with suppress(TypeError, ValueError):
            row = np.asarray(part, dtype=float)
    if row.dtype.kind not in "fiub":
        shown = type(part).__name__ if row.dtype.kind in "OUS" else str(row.dtype)
        raise DtypeError(
            f"gradcheck: the gradient holds {shown}, not real numbers",
            hint="return floats, or arrays of them, in the tree of the arguments.",
        )
    return row.astype(float)
