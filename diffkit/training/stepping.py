"""One step of a training: value, gradient and, when someone looks, the probes of a batch.

    L, ∇L = value_and_grad(loss)(params, *batch)

The graph of each batch shape is captured and swept once and then only run, so that a training
costs what its arithmetic costs.  A training never changes its graphs under way: the loss is a
function of its arguments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.differentiate.api import Probe
from diffkit.differentiate.calls import Call
from diffkit.differentiate.function import Function
from diffkit.differentiate.method import Method
from diffkit.differentiate.reverse import gradient_graph, probe_nodes, scalar_output
from diffkit.engines.calling import runner_of
from diffkit.errors import BudgetError, DiffkitError, ShapeError
from diffkit.graph.ir import Graph
from diffkit.training.drawing import draws, keyed
from diffkit.training.swapped import method_at, method_of_training
from diffkit.training.swapped_graphs import (
    draws_directions,
    key_of_directions,
    operations_of,
    signal_graph,
    why_no_graph,
)

__all__ = ["Probes", "Stepper"]

Probes = dict[str, Probe]
Prepared = Callable[[list[Any]], tuple[Any, list[Any], Probes]]

# Graphs of losses kept from training to training, with the programs made of them: sweeps train
# one loss again and again, and capturing it costs a tenth of lowering it.
MOST_GRAPHS = 8
_KEPT: OrderedDict[Any, Graph] = OrderedDict()
# Bytes of constants up to which graphs are compared.
MOST_LITERAL_BYTES = 1 << 20


def _kept_graph(graph: Graph) -> Graph:
    """An earlier graph that says the same, operation by operation and bit by bit; else this one."""
    columns = graph.columns
    literals = [np.asarray(value) for value in columns.values.values()]
    if sum(array.nbytes for array in literals) > MOST_LITERAL_BYTES:
        return graph
    key = (tuple(columns.operations), tuple(columns.operands), tuple(columns.avals),
           graph.input_nodes, graph.output_nodes, tuple(columns.values),
           tuple([array.tobytes() for array in literals]))  # fmt: skip
    found = _KEPT.setdefault(key, graph)
    _KEPT.move_to_end(key)
    while len(_KEPT) > MOST_GRAPHS:
        _KEPT.popitem(last=False)
    return found


class Stepper:
    """Value, gradient and probes of a batch, with the graph of each batch shape prepared once.

    A loss that draws random numbers (``self.draws``) is fed a key before the arrays of each batch.
    A method that works by chance (``self.guesses``) draws from ``seed`` and the number of the
    update.  ``operations`` are those of one gradient, by size of the batch.

    Raises
    ------
    InputError
        For an unknown method.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        method: str | Method,
        engine: str = "auto",
        seed: int = 0,
    ) -> None:
        self.draws = draws(loss)
        self.function = Function(keyed(loss) if self.draws else loss, trusting=True)
        self.method = method_of_training(method, seed)
        self.guesses = draws_directions(self.method)
        self.operations: dict[int, int] = {}
        self.engine = engine
        self._prepared: dict[Any, Prepared | None] = {}

    @property
    def sweeps(self) -> bool:
        """Whether the gradient comes from a backward sweep, which probes can watch."""
        return self.method.name == "reverse"

    def __call__(
        self, params: Any, batch: Sequence[np.ndarray], watch: bool = False, t: int = 0
    ) -> tuple[Any, Any, Probes]:
        """The loss, its gradient in the tree of the parameters, and the probes if watched.

        ``t`` is the number of the update.
        """
        leaves, structure = flatten(params)
        key = (watch, *[array.shape for array in batch])
        if key not in self._prepared:
            self._prepared[key] = self._prepare(params, batch, watch)
        prepared = self._prepared[key]
        if prepared is None:
            return (*self._by_method(params, batch, t), {})
        value, bars, probes = prepared([*leaves, *self.directions(t), *batch])
        return value, unflatten(structure, bars), probes

    def directions(self, t: Any) -> list[Any]:
        """The key of the directions at update t (which may be traced), where there are any."""
        return [key_of_directions(self.method, t)] if self.guesses else []

    def why_by_update(self, params: Any, batch: Sequence[np.ndarray]) -> str | None:
        """Why the gradient of such a batch is no graph, but many runs; None where it is a graph.

        Raises
        ------
        BudgetError
            When formulas are too large.
        """
        if self.sweeps:
            return None
        reason = why_no_graph(self.method)
        if reason is not None:
            return reason
        call, graph = self._captured(params, batch)
        if graph.guards:
            return "the loss branches on traced values"
        try:
            signal_graph(graph, len(call.wrt), self.method)
        except BudgetError:
            raise
        except DiffkitError as error:
            return error.message
        return None

    def _captured(self, params: Any, batch: Sequence[np.ndarray]) -> tuple[Call, Graph]:
        call = Call(self.function, (params, *batch), {}, 0)
        graph = call.bound.graph_for(call.leaves)
        scalar_output(graph)
        return call, graph if graph.guards else _kept_graph(graph)

    def gradient(
        self, params: Any, batch: Sequence[np.ndarray], watch: bool = False
    ) -> tuple[Graph, int, list[str]]:
        """The graph of value and gradient (and probes), the number of gradients, the probes.

        A key of directions is an input behind the parameters, where the method draws any.

        Raises
        ------
        ShapeError
            For a loss that branches, or is not one scalar.
        """
        call, graph = self._captured(params, batch)
        if graph.guards:
            raise ShapeError(
                "the loss branches on traced values, so one graph does not serve all batches",
                hint="use np.where instead of if in the loss.",
            )
        if self.sweeps:
            names = list(probe_nodes(graph)) if watch else []
            swept = gradient_graph(graph, tuple(call.wrt), probes=watch)
            spent = swept.flops()
        else:
            names, swept = [], signal_graph(graph, len(call.wrt), self.method)
            spent = operations_of(graph, len(call.wrt), self.method)
        self.operations[len(batch[-1])] = spent
        return swept, len(call.wrt), names

    def _prepare(self, params: Any, batch: Sequence[np.ndarray], watch: bool) -> Prepared | None:
        if self.why_by_update(params, batch) is not None:
            return None
        graph, count, names = self.gradient(params, batch, watch)
        runner, seen = self._runner(graph), len(names)

        def step(leaves: list[Any]) -> tuple[Any, list[Any], Probes]:
            value, *rest = runner(leaves)
            values, cotangents = rest[count : count + seen], rest[count + seen :]
            pairs = map(Probe, values, cotangents)
            return value, rest[:count], dict(zip(names, pairs, strict=True))

        return step

    def _runner(self, graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
        if self.engine == "machine":
            from diffkit.engines.machine.running import machine_runner

            return machine_runner(graph)
        return runner_of(graph, self.engine)

    def _by_method(self, params: Any, batch: Sequence[np.ndarray], t: int) -> tuple[Any, Any]:
        call = Call(self.function, (params, *batch), {}, 0)
        scalar_output(call.bound.graph_for(call.leaves))
        method = method_at(self.method, t)
        result = method.jacobian(call.bound, call.leaves, call.wrt, self.engine)
        self.operations[len(batch[-1])] = result.flops
        return result.values[0], unflatten(structure_of(params), result.blocks[0])
