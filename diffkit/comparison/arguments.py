"""Which numbers a comparison differentiates by, and how results get the arguments' tree back.

A derivative has the tree of the arguments: for f(w, b) it is (∂f/∂w, ∂f/∂b), for one argument
that is a dict it is a dict, and for a function made from text it is variable → number.  Leaves
that are not floating point (labels, counts, settings) get None.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.capture.capturing import is_static
from diffkit.capture.trees import flatten, unflatten
from diffkit.errors import DiffkitWarning, DtypeError, ShapeError
from diffkit.graph.ir import Graph

__all__ = ["Arguments", "arguments_of", "warn_of_chance"]


@dataclass
class Arguments:
    """The point of a comparison: flat leaves, those differentiated by, and the way back.

    ``names`` are the printed names of the leaves of ``wrt``; ``tree_of`` puts one value per such
    leaf into the tree of the arguments, ``at`` is the point as a tree for printing.
    """

    bound: Any
    leaves: list[Any]
    wrt: list[int]
    names: list[str]
    tree_of: Callable[[Sequence[Any]], Any]
    at: dict[str, Any]


def arguments_of(
    f: Any, args: Sequence[Any], kwargs: dict[str, Any], argnums: int | Sequence[int] | None
) -> Arguments:
    """The leaves of a call and those of them to differentiate by.

    Raises
    ------
    InputError
        When ``argnums`` names no argument.
    DtypeError
        When none of the chosen arguments is a number.
    """
    from diffkit.differentiate.calls import as_argnums
    from diffkit.differentiate.function import function_of

    argnums = as_argnums(argnums)
    bound = function_of(f).bind(args, kwargs)
    leaves = list(bound.leaves)
    by_name = isinstance(f, Graph) and (f.keywords or f.in_tree is None)
    if by_name:
        return _named(f, bound, leaves, argnums)
    return _positional(bound, leaves, args, kwargs, argnums)


def _named(
    graph: Graph, bound: Any, leaves: list[Any], argnums: int | Sequence[int] | None
) -> Arguments:
    names = list(graph.input_names)
    for name, leaf, node in zip(names, leaves, graph.input_nodes, strict=True):
        if np.shape(leaf) != graph.columns.avals[node].shape:
            raise ShapeError(
                f"{name} has the shape {np.shape(leaf)}, but the graph takes "
                f"{graph.columns.avals[node]}",
                hint="give one point at a time, or a NumPy function of arrays.",
            )
    chosen = _chosen(argnums, len(names))
    wrt = _floats(leaves, chosen)
    kept = [names[place] for place in wrt]
    at = dict(zip(names, leaves, strict=True))

    def tree_of(blocks: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(kept, blocks, strict=True))

    return Arguments(bound, leaves, wrt, kept, tree_of, at)


def _positional(
    bound: Any,
    leaves: list[Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    argnums: int | Sequence[int] | None,
) -> Arguments:
    found = [_numbered(tree) for tree in args]
    starts = np.cumsum([0, *(count for _, _, count in found)])
    chosen = _chosen(argnums, len(args))
    places = [int(starts[i]) + k for i in chosen for k in range(found[i][2])]
    settings = sorted({type(leaf).__name__ for i in chosen for leaf in flatten(args[i])[0]})
    wrt = _floats(leaves, places, settings)
    if argnums is None:
        chosen = [i for i in chosen if any(starts[i] <= place < starts[i + 1] for place in wrt)]
    input_names = bound.graph_for(leaves).input_names
    warn_of_chance(bound, args, kwargs)

    def tree_of(blocks: Sequence[Any]) -> Any:
        by_place = dict(zip(wrt, blocks, strict=True))
        trees = [_filled(found[i], int(starts[i]), by_place) for i in chosen]
        single = len(trees) == 1 and not isinstance(argnums, (list, tuple))
        return trees[0] if single else tuple(trees)

    at = {**_named_args(bound, args), **kwargs}
    return Arguments(bound, leaves, wrt, [input_names[place] for place in wrt], tree_of, at)


def warn_of_chance(bound: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Say when a function is another one at every capture, as with a random number inside.

    Only what cannot be watched is asked: all else is captured once and known not to have changed.
    """
    from diffkit.engines.calling import user_level
    from diffkit.engines.interpret import run

    graph = bound.graph_for(bound.leaves)
    if bound.function.graph is not None or bound.function.snapshot_of(graph) is not None:
        return
    again = bound.function.bind(args, kwargs)
    with np.errstate(all="ignore"):
        found = [run(one, bound.leaves) for one in (graph, again.graph_for(bound.leaves))]
    first, second = (b"".join(np.asarray(y).tobytes() for y in row) for row in found)
    if first != second:
        name = getattr(bound.function.f, "__name__", "the function")
        warnings.warn(
            f"{name} is not deterministic: the same call gave other numbers; what is said here "
            "holds for one call of it",
            DiffkitWarning,
            stacklevel=user_level(),
        )


def _named_args(bound: Any, args: Sequence[Any]) -> dict[str, Any]:
    import inspect

    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        parameters = list(inspect.signature(bound.function.f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [parameter.name for parameter in parameters if parameter.kind not in variadic]
    bases = [plain[i] if i < len(plain) else f"x{i}" for i in range(len(args))]
    return dict(zip(bases, args, strict=True))


def _numbered(tree: Any) -> tuple[list[int | None], Any, int]:
    """For each leaf of an argument its number among the numeric ones, or None for a setting."""
    leaves, structure = flatten(tree)
    numbers: list[int | None] = []
    count = 0
    for leaf in leaves:
        numbers.append(None if is_static(leaf) else count)
        count += not is_static(leaf)
    return numbers, structure, count


def _filled(found: tuple[list[int | None], Any, int], start: int, by_place: dict[int, Any]) -> Any:
    numbers, structure, _ = found
    filled = [None if n is None else by_place.get(start + n) for n in numbers]
    return unflatten(structure, filled)


def _chosen(argnums: int | Sequence[int] | None, count: int) -> list[int]:
    if argnums is None:
        return list(range(count))
    from diffkit.differentiate.calls import chosen_arguments

    return list(chosen_arguments(argnums, count))


def _floats(leaves: list[Any], places: Sequence[int], settings: Sequence[str] = ()) -> list[int]:
    """The places that hold floats; where none does, integers become floats, as for ``grad``."""
    wrt = [place for place in places if np.asarray(leaves[place]).dtype.kind == "f"]
    if not places and settings:
        raise DtypeError(
            f"no argument is a number ({', '.join(settings)}), so there is nothing to "
            "differentiate by",
            hint="pass floats, such as 1.0 for True.",
        )
    if not places:
        raise DtypeError(
            "no argument was given, so there is nothing to differentiate by",
            hint="give one, such as x=2.0.",
        )
    if not wrt:
        wrt = [place for place in places if np.asarray(leaves[place]).dtype.kind in "iu"]
        for place in wrt:
            leaves[place] = np.asarray(leaves[place]).astype(float)[()]
    if not wrt:
        found = ", ".join(sorted({str(np.asarray(leaves[place]).dtype) for place in places}))
        raise DtypeError(
            f"no argument is a number ({found}), so there is nothing to differentiate by",
            hint="pass floats, such as 1.0 for True.",
        )
    return wrt
