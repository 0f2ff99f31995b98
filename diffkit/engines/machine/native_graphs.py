"""Native calls of graphs: what to take as arguments, and what becomes of all other calls.

A graph takes arrays of the shapes and dtypes of its capture, in C order, and for a scalar also
numbers of Python and NumPy, in trees of tuples, lists and dictionaries.  Everything else goes to
Python: arrays in another order and numbers of another dtype to calls that are written out
(``machine/inline.py``), and what remains to the general way, which converts or refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import unflatten
from diffkit.engines.machine.inline import inlined_graph
from diffkit.engines.machine.native import Kind, NativeCall, is_native
from diffkit.engines.machine.native_trees import is_plain
from diffkit.engines.machine.running import MachineRunner
from diffkit.graph.ir import Graph

__all__ = ["bound_graph"]


def bound_graph(
    graph: Graph, runner: MachineRunner, general: Callable[..., Any]
) -> Callable[..., Any]:
    """A graph without guards as a callable with the least overhead.

    ``runner`` runs its program.  Arguments of another kind than those of the capture go to
    ``general``.
    """
    samples, result = _argument_samples(graph), _result_sample(graph)
    if not is_native(runner) or not all(map(is_plain, (samples, result))):
        return inlined_graph(graph, runner, general) or general
    kinds = [_kinds(graph.columns.avals[node]) for node in graph.input_nodes]
    call = NativeCall(runner, samples or (), kinds)
    return call.function(result, _rest(graph, runner, general), with_nan=True, name="bound")


def _rest(graph: Graph, runner: MachineRunner, general: Callable[..., Any]) -> Callable[..., Any]:
    """What serves calls that are not native, prepared when there is one."""
    prepared: list[Callable[..., Any]] = []

    def rest(*args: Any, **kwargs: Any) -> Any:
        if not prepared:
            prepared.append(inlined_graph(graph, runner, general) or general)
        return prepared[0](*args, **kwargs)

    return rest


def _kinds(aval: Any) -> Sequence[Kind]:
    array = (np.ndarray, aval.shape, aval.dtype)
    if aval.shape:
        return (array,)
    number = (aval.dtype.type, (), aval.dtype)
    return (array, number, (float, (), aval.dtype)) if aval.dtype == float else (array, number)


def _argument_samples(graph: Graph) -> tuple[Any, ...] | None:
    """The tree of the arguments, with a number for every leaf; None where there is no such tree."""
    count = len(graph.input_nodes)
    if graph.keywords or graph.in_tree is None:
        return tuple(range(count))
    if graph.in_tree.num_leaves != count:
        return None  # settings among the arguments
    args, kwargs = unflatten(graph.in_tree, range(count))
    return None if kwargs else tuple(args)


def _result_sample(graph: Graph) -> Any:
    count = len(graph.output_nodes)
    if graph.out_tree is None:
        return 0 if count == 1 else tuple(range(count))
    return unflatten(graph.out_tree, range(count))
