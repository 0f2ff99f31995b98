"""The training loop: batches in, gradient, optimizer, and everything on record.

    for each batch:   L, ∇L = value_and_grad(loss)(params, x, y)
                      params, state = update(∇L, state, params, t)

With one batch of everything it is gradient descent, with one example stochastic gradient
descent, in between mini-batch descent (Bottou, Curtis & Nocedal 2018, *Optimization methods for
large-scale machine learning*).  The same seed gives the same bits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.differentiate.api import Probe
from diffkit.differentiate.calls import Call
from diffkit.differentiate.function import Function
from diffkit.differentiate.methods import get_method
from diffkit.differentiate.reverse import gradient_graph, probe_nodes, scalar_output
from diffkit.engines.calling import Runner, runner_of
from diffkit.errors import DivergenceWarning, InputError, ShapeError
from diffkit.optim.optimizers import Optimizer, sgd
from diffkit.training.batches import Batches, take
from diffkit.training.progress import Progress
from diffkit.training.run import Divergence, Run
from diffkit.training.signal import first_bad, parameter_names

__all__ = ["train"]

# A loss this many times its first value (or 1, if that is larger) will not come back.
DIVERGED = 1e6
RECORDABLE = ("loss", "signal")


def train(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    *,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    epochs: int = 1,
    seed: int = 0,
    order: Sequence[Sequence[int]] | None = None,
    signal: str = "reverse",
    record: Sequence[str] = ("loss",),
    validation: Sequence[Any] | None = None,
    progress: bool = False,
    engine: str = "auto",
    signal_every: int = 1,
) -> Run:
    """Train ``loss(params, *batch)`` on rows of ``data`` and return the run.

    ``params`` is a tree of float arrays and ``data`` a tuple of arrays with one row per example.
    ``batch_size=None`` takes all rows at once, 1 a single example, anything else a mini-batch;
    ``order`` gives the batches of an epoch as lists of rows, otherwise they are drawn from
    ``seed``.  ``signal`` is the method that gives the gradient.  ``record=("loss", "signal")``
    also keeps the norms of activations, cotangents, gradients and updates of every
    ``signal_every``-th step.  ``validation`` is data like ``data``, measured after every epoch.

    A training that diverges stops, keeps what it has, and says in ``run.diverged`` (and in a
    warning) at which epoch and layer.

    Raises
    ------
    InputError, ShapeError
        When data, batches or settings do not fit.

    Source: Robbins & Monro 1951; Bottou, Curtis & Nocedal 2018.

    >>> import numpy as np, diffkit as dk
    >>> x = np.linspace(-1, 1, 20)
    >>> fit = lambda w, x, y: np.mean((w * x - y) ** 2)
    >>> run = dk.train(fit, 0.0, (x, 3 * x), optimizer=dk.optim.sgd(0.5), epochs=50)
    >>> round(float(run.params), 3)
    3.0
    """
    rows = _checked(data, "data")
    checked = None if validation is None else _checked(validation, "validation")
    unknown = [name for name in record if name not in RECORDABLE]
    if unknown:
        raise InputError(
            f"cannot record {unknown[0]!r}", hint=f"choose among {', '.join(RECORDABLE)}."
        )
    batches = Batches(len(rows[0]), batch_size, epochs, seed, order)
    chosen = (optimizer or sgd(0.1)).for_steps(batches.total)
    run = Run(params=params, optimizer=chosen, batches=batches, loss=loss)
    stepper = _Stepper(loss, signal, "signal" in record, engine)
    state = chosen.init(_as_floats(params))
    run.params = _as_floats(params)
    t = 0
    with Progress(batches.total, progress) as bar:
        for epoch in range(batches.epochs):
            losses = []
            for batch in batches.epoch(epoch):
                value, gradients, probes = stepper(run.params, take(rows, batch))
                bad = _divergence(value, gradients, probes, run, epoch, t)
                if bad is not None:
                    return _stopped(run, bad)
                before = run.params
                run.params, state = chosen.update(gradients, state, before, t)
                run.history["loss"].append(float(value))
                run.history["rate"].append(chosen.rate_at(t))
                losses.append(float(value) * len(batch))
                if probes is not None and t % signal_every == 0:
                    run.signal.record(t, probes, gradients, before, run.params)
                t += 1
                bar.advance(float(value))
            run.end_of_epoch(sum(losses), rows, checked)
    return run


def _checked(data: Sequence[Any], name: str) -> list[np.ndarray]:
    """The arrays of a data set, with one length.

    Raises
    ------
    InputError
        For anything that is not a tuple of arrays of equal length without NaN.
    """
    if isinstance(data, np.ndarray) or not isinstance(data, (tuple, list)) or not len(data):
        raise InputError(
            f"{name} must be a tuple of arrays, not {type(data).__name__}",
            hint="write (x, y); for data without targets write (x,).",
        )
    arrays = [np.asarray(array) for array in data]
    lengths = [len(array) if array.ndim else 0 for array in arrays]
    if len(set(lengths)) != 1:
        raise InputError(
            f"{name} has arrays of different lengths: {', '.join(map(str, lengths))}",
            hint="every array needs one row per example.",
        )
    for place, array in enumerate(arrays):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise InputError(
                f"{name}[{place}] holds a NaN or an infinity, first in row {row}",
                hint="drop such rows, or fill them in.",
            )
        if array.dtype.kind not in "fiub":
            raise InputError(f"{name}[{place}] has dtype {array.dtype}, not numbers")
    return arrays


def _as_floats(params: Any) -> Any:
    leaves, structure = flatten(params)
    floats = [
        leaf if np.asarray(leaf).dtype.kind == "f" else np.asarray(leaf, float) for leaf in leaves
    ]
    return unflatten(structure, [np.asarray(leaf) for leaf in floats])


class _Stepper:
    """Value, gradient and probes of a batch, with the graph of each batch shape prepared once."""

    def __init__(self, loss: Callable[..., Any], signal: str, watch: bool, engine: str) -> None:
        self.function = Function(loss)
        self.method = get_method(signal)
        self.watch = watch
        self.engine = engine
        self.prepared: dict[Any, tuple[Runner, int, list[str]]] = {}
        if watch and self.method.name != "reverse":
            raise InputError(
                f"the signal at the layers needs the backward sweep, not {signal!r}",
                hint='use signal="reverse", or record=("loss",).',
            )

    def __call__(self, params: Any, batch: list[np.ndarray]) -> tuple[Any, Any, Any]:
        if self.method.name != "reverse":
            return self._by_method(params, batch)
        leaves, structure = flatten(params)
        key = tuple([array.shape for array in batch])
        found = self.prepared.get(key)
        if found is None or found[1] < 0:
            found = self._prepare(params, batch, key)
        run, count, names = found
        value, *rest = run([*leaves, *batch])
        probes = None
        if self.watch:
            seen = rest[count:]
            pairs = zip(seen[: len(names)], seen[len(names) :], strict=True)
            probes = {name: Probe(*pair) for name, pair in zip(names, pairs, strict=True)}
        return value, unflatten(structure, rest[:count]), probes

    def _prepare(self, params: Any, batch: list[np.ndarray], key: Any) -> Any:
        call = Call(self.function, (params, *batch), {}, 0)
        graph = call.bound.graph_for(call.leaves)
        scalar_output(graph)
        if graph.guards or len(call.leaves) != len(graph.input_nodes):
            raise ShapeError(
                "the loss branches on traced values, so one graph does not serve all batches",
                hint="use np.where instead of if in the loss.",
            )
        swept = gradient_graph(graph, tuple(call.wrt), probes=self.watch)
        names = list(probe_nodes(graph)) if self.watch else []
        self.prepared[key] = runner_of(swept, self.engine), len(call.wrt), names
        return self.prepared[key]

    def _by_method(self, params: Any, batch: list[np.ndarray]) -> tuple[Any, Any, Any]:
        call = Call(self.function, (params, *batch), {}, 0)
        scalar_output(call.bound.graph_for(call.leaves))
        result = self.method.jacobian(call.bound, call.leaves, call.wrt, self.engine)
        return result.values[0], unflatten(structure_of(params), result.blocks[0]), None


def _divergence(
    value: Any, gradients: Any, probes: Any, run: Run, epoch: int, step: int
) -> Divergence | None:
    """Where a training went out of bounds: the first layer with a value that is not finite."""
    first = run.history["loss"][0] if run.history["loss"] else float(value)
    bars = flatten(gradients)[0]
    finite = np.isfinite(value) and all(np.isfinite(g).all() for g in bars)
    if finite and abs(value) <= DIVERGED * max(1.0, abs(first)):
        return None
    layer = None
    if probes is not None:
        layer = first_bad(list(probes), [probe.value for probe in probes.values()])
    layer = layer or first_bad(parameter_names(gradients), bars) or _largest(gradients)
    return Divergence(epoch=epoch, step=step, layer=layer, loss=float(value))


def _largest(gradients: Any) -> str:
    sizes = [float(np.abs(g).max(initial=0.0)) for g in flatten(gradients)[0]]
    return parameter_names(gradients)[int(np.argmax(sizes))]


def _stopped(run: Run, bad: Divergence) -> Run:
    run.diverged = bad
    warnings.warn(str(bad), DivergenceWarning, stacklevel=3)
    return run
