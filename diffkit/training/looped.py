"""A training whose epochs are calls of the machine: gather, gradient, optimizer, all as rows.

    for each epoch:   carried ← step(carried, scalars of the update, rows of the batch)   repeatedly

The gradient of the loss and ``optimizer.step`` are captured as one graph per batch shape, which
the machine loops over (``engines/machine/looping.py``).  Python draws the order of an epoch and
its scalars, and looks at what was recorded.  It takes a loss and an optimizer that have kernels
throughout; all others are trained one update at a time (``training/stepwise.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.capture.capturing import as_leaf, capture, inline, is_static
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.graph.ir import Graph
from diffkit.optim.optimizers import Optimizer, own_settings
from diffkit.optim.schedules import as_schedule
from diffkit.training.batches import take
from diffkit.training.checking import DIVERGED, has_diverged
from diffkit.training.drawing import key_of_update
from diffkit.training.progress import Progress
from diffkit.training.run import Divergence, Run
from diffkit.training.signal import first_bad, parameter_names
from diffkit.training.stepping import Stepper
from diffkit.training.stepwise import Training
from diffkit.training.trail import Trail

__all__ = ["LoopedTraining", "looped_training"]

# Operations of one call of the machine: about a tenth of a second, after which Ctrl-C is heard
# and the progress bar moves.
CALL_FLOPS = 100_000_000
# Batches of more sizes than this are trained one update at a time: each size is a program.
MOST_SIZES = 8
# Updates whose scalars are computed together.
MOST_AHEAD = 10_000
# Updates that float32 counts exactly, for a loss that draws random numbers.
MOST_COUNTED = 1 << 24
# The name under which the number of the update stands among its scalars.
COUNT = "update"


@dataclass(frozen=True)
class _Steps:
    """The programs of a training, by size of the batch and by whether the signal is recorded."""

    programs: dict[tuple[int, bool], Any]
    layers: list[str]
    data: list[np.ndarray]
    per_call: int


def looped_training(
    run: Run, stepper: Stepper, rows: list[np.ndarray], every: int | None
) -> LoopedTraining | str:
    """The training as a loop of the machine, or in words why one update at a time must do.

    Raises
    ------
    EngineError
        When the machine cannot be built.
    """
    kind = type(run.optimizer)
    own_step = kind.step is not Optimizer.step and kind.update is Optimizer.update
    if not own_step:
        return f"{kind.__name__} has an update of its own and no step"
    if len(run.batches.sizes) > MOST_SIZES:
        return f"batches have more than {MOST_SIZES} sizes"
    steps = _steps(run, stepper, rows, every)
    return steps if isinstance(steps, str) else LoopedTraining(run, stepper, rows, every, steps)


def _steps(run: Run, stepper: Stepper, rows: list[np.ndarray], every: int | None) -> _Steps | str:
    trail = Trail(run.signal.asked)
    state = trail.joined(run.optimizer.init(run.params), trail.init(run.params))
    watches = {every is not None, every is not None and every == 1}
    programs, layers, data, flops = {}, [], rows, 1
    for size in sorted(run.batches.sizes):
        for watch in sorted(watches):
            batch = take(rows, np.arange(size))
            fed = [key_of_update(run.batches.seed, 0), *batch] if stepper.draws else batch
            reason = stepper.why_by_update(run.params, fed)
            if reason is not None:
                return reason
            gradient, count, names = stepper.gradient(run.params, fed, watch)
            parts = _Parts(run, gradient, count, watch, state, stepper, trail)
            found = _step_of(parts, batch)
            if found is None:
                return "an update has something for which the machine has no kernel"
            layers = names or layers
            graph, programs[size, watch] = found.program.graph, found
            flops = max(flops, graph.flops())
            inputs = graph.input_nodes[-len(rows) :]
            kinds = [graph.columns.avals[node].dtype for node in inputs]
            data = [np.ascontiguousarray(*pair) for pair in zip(rows, kinds, strict=True)]
    return _Steps(programs, layers, data, max(1, CALL_FLOPS // flops))


# The graph of one step ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Parts:
    """What a step is made of: a gradient with ``count`` parameters, and an optimizer's state."""

    run: Run
    gradient: Graph
    count: int
    watch: bool
    state: Any
    stepper: Stepper
    trail: Trail

    @property
    def draws(self) -> bool:
        """Whether an update needs its number, for its keys."""
        return self.stepper.draws or self.stepper.guesses

    def scalars(self, t: Any) -> dict[str, Any]:
        """The numbers of update t by name."""
        found = self.run.optimizer.scalars(t) | self.trail.scalars(t)
        return found | {COUNT: t} if self.draws else found


def _step_of(parts: _Parts, batch: Sequence[Any]) -> Any:
    """The program of one step, kept beside its gradient where the optimizer allows it."""
    optimizer, cache = parts.run.optimizer, parts.gradient.cache
    settings = own_settings(optimizer)
    if settings is None:
        return _captured(parts, batch)
    seed = parts.run.batches.seed if parts.draws else None
    key = ("training step", seed, parts.watch, parts.run.batches.all_in_order, parts.trail.names,
           *settings, *parts.scalars(0))  # fmt: skip
    if key not in cache:
        cache[key] = _captured(parts, batch)
    return cache[key]


def _captured(parts: _Parts, batch: Sequence[Any]) -> Any:
    """The program of one step, or None where it cannot be captured or has no kernel."""
    from diffkit.engines.machine.looping import StepForm, step_program

    optimizer, count = parts.run.optimizer, parts.count
    leaves, state = flatten(parts.run.params)[0], flatten(parts.state)[0]
    dtype = leaves[0].dtype
    if any(leaf.dtype != dtype for leaf in leaves) or any(map(is_static, state)):
        return None
    if parts.draws and dtype.itemsize < 8 and parts.run.batches.total > MOST_COUNTED:
        return None
    try:
        scalars = {name: dtype.type(number) for name, number in parts.scalars(0).items()}
        carried = [as_leaf(leaf) for leaf in (*leaves, *state)]
        graph = capture(_one_step(parts), (carried, scalars, *batch))
    except Exception:  # a user's step may fail in any way; the other loop will say how
        return None
    form = StepForm(len(carried), count, len(scalars), count, parts.run.batches.all_in_order,
                    own_settings(optimizer) is None or not optimizer.carries_on)  # fmt: skip
    return step_program(graph, form) if _keeps_kinds(graph, form, dtype) else None


def _one_step(parts: _Parts) -> Callable[..., list[Any]]:
    """One update as a function of what is carried, the scalars of the update, and the batch."""
    count, structure = parts.count, structure_of(parts.run.params)
    seed = parts.run.batches.seed
    state_structure = structure_of(parts.state)

    def one_step(carried: list[Any], scalars: dict[str, Any], *batch: Any) -> list[Any]:
        keys = parts.stepper.directions(scalars[COUNT]) if parts.draws else []
        keys += [key_of_update(seed, scalars[COUNT])] if parts.stepper.draws else []
        value, *rest = inline(parts.gradient, [*carried[:count], *keys, *batch])
        params, bars = unflatten(structure, carried[:count]), unflatten(structure, rest[:count])
        state, trace = parts.trail.parted(unflatten(state_structure, carried[count:]))
        after, moments = parts.run.optimizer.step(bars, state, params, scalars)
        trace, trailed = parts.trail.step(trace, bars, scalars)
        moments = parts.trail.joined(moments, trace)
        if structure_of(moments) != state_structure or structure_of(after) != structure:
            raise ValueError("the optimizer changes the structure of what it is given")
        new = flatten(after)[0]
        norms = [*_norms(rest, carried[:count], new), *trailed] if parts.watch else []
        return [*new, *flatten(moments)[0], *rest[:count], value, *norms]

    return one_step


def _keeps_kinds(graph: Graph, form: Any, dtype: np.dtype[Any]) -> bool:
    """Whether what is carried keeps its shapes and dtypes, and all that is checked is floats."""
    avals = graph.columns.avals
    before = [avals[node] for node in graph.input_nodes[: form.carried]]
    after = [avals[node] for node in graph.output_nodes[: form.carried]]
    rest = [avals[node].dtype for node in graph.output_nodes[form.carried :]]
    same = all((a.shape, a.dtype) == (b.shape, b.dtype) for a, b in zip(before, after, strict=True))
    floats = all(kind in (np.float32, np.float64) for kind in rest)
    gradients = all(kind == dtype for kind in rest[: form.gradients])
    return same and floats and gradients and not graph.guards


def _norms(rest: Sequence[Any], before: Sequence[Any], after: Sequence[Any]) -> list[Any]:
    """Activations, cotangents, gradients, updates and weights: a Euclidean norm for each."""
    count = len(before)
    changes = [new - old for new, old in zip(after, before, strict=True)]
    return [_norm(value) for value in (*rest[count:], *rest[:count], *changes, *before)]


def _norm(value: Any) -> Any:
    wide = value.astype(float)
    return np.sqrt(np.sum(wide * wide))


# The training -------------------------------------------------------------------------------------


class LoopedTraining(Training):
    """A training under way on the machine; the run is brought up to date between its calls."""

    def __init__(
        self, run: Run, stepper: Stepper, rows: list[np.ndarray], every: int | None, steps: _Steps
    ) -> None:
        from diffkit.engines.machine.looping import Carry, Flag, StepLoop

        super().__init__(run, stepper, rows, every)
        self.steps = steps
        leaves, self.structure = flatten(run.params)
        self.count = len(leaves)
        carried, self.state_structure = flatten(super().present()[1])
        self.carry, self.flag = Carry([*leaves, *carried]), Flag(DIVERGED)
        self.loops = {key: StepLoop(program, self.carry, steps.data, self.flag)
                      for key, program in steps.programs.items()}  # fmt: skip
        # formulas of own are asked for many steps at once, the user's functions step by step
        schedule = as_schedule(run.optimizer.rate)
        self.plain = own_settings(run.optimizer) is not None and schedule.is_formula
        self.ahead = (0, np.empty((0, 0)), np.empty(0))
        self.under_way: tuple[Any, int, int, bool] | None = None

    def epoch(self, number: int, bar: Progress) -> bool:
        """All updates of an epoch; False as soon as the training has diverged."""
        self.weighted = 0.0
        for block in self.run.batches.blocks(number):
            first = 0
            for watch, count in self._calls(len(block)):
                order = block[first : first + count]
                losses = self._call(watch, order)
                for value in losses:
                    self.weighted += value * block.shape[1]
                if losses:
                    bar.advance(losses[-1], len(losses))
                if self.flag.raised:
                    self._stop(number, watch, order[len(losses)])
                    return False
                first += count
        return True

    def _calls(self, count: int) -> Iterator[tuple[bool, int]]:
        """How many updates each call makes, and whether it records the signal."""
        every, done = self.every, 0
        while done < count:
            size = min(count - done, self.steps.per_call)
            into = self.step % every if every is not None and every > 1 else 0
            watch = every is not None and into == 0
            if every is not None and every > 1:
                size = 1 if watch else min(size, every - into)
            yield watch, size
            done += size

    def _call(self, watch: bool, order: np.ndarray) -> list[float]:
        """Some updates in one call; their losses."""
        loop = self.loops[order.shape[1], watch]
        scalars, self.rates = self._scalars(len(order))
        losses = self.run.history["loss"]
        first = len(losses)
        loop.prepare(order, scalars)
        self.under_way = (loop, self.step, first, watch)
        loop.run()
        self._collect()
        return losses[first:]

    def _scalars(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The scalars of the next updates, a row for each with names in order, and their rates.

        Formulas are computed in whole blocks that begin at multiples of ``MOST_AHEAD``, wherever
        the training started from: NumPy may round a number otherwise at another place of an array.
        """
        first, scalars, rates = self.ahead
        if self.step + count > first + len(rates):
            if self.plain:
                first = self.step - self.step % MOST_AHEAD
                starts = range(first, self.step + count, MOST_AHEAD)
                blocks = [self._numbers(self._block(start)) for start in starts]
                scalars, rates = map(np.concatenate, zip(*blocks, strict=True))
            else:
                first = self.step
                scalars, rates = self._numbers(np.arange(first, first + count))
            self.ahead = first, scalars, rates
        start = self.step - first
        return scalars[start : start + count], rates[start : start + count]

    def _block(self, start: int) -> np.ndarray:
        return np.arange(start, min(start + MOST_AHEAD, self.run.batches.total))

    def _numbers(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        optimizer = self.optimizer
        if self.plain:
            found, rates = optimizer.scalars(steps), optimizer.rate_at(steps)
        else:
            rows = [optimizer.scalars(t) for t in steps.tolist()]
            found = {name: [row[name] for row in rows] for name in rows[0]}
            rates = np.array([optimizer.rate_at(t) for t in steps.tolist()], float)
        found = found | self.trail.scalars(steps)
        if self.stepper.draws or self.stepper.guesses:
            found = found | {COUNT: steps}
        matrix = np.empty((len(steps), len(found)), self.carry.avals[0][1])
        for place, name in enumerate(sorted(found)):
            matrix[:, place] = found[name]
        return matrix, rates

    def _collect(self) -> None:
        """Bring the history up to date; after an interruption this may be done once more."""
        if self.under_way is None:
            return
        loop, step, first, watch = self.under_way
        done = loop.done()
        losses, *norms = loop.record(done)
        history, signal = self.run.history, self.run.signal
        history["loss"][first:] = losses
        history["rate"][first:] = self.rates[:done].tolist()
        if watch and done:
            signal.layers = list(self.steps.layers)
            signal.parameters = signal.parameters or parameter_names(self.run.params)
            kept = sum(known < step for known in signal.steps)
            signal.steps[kept:] = range(step, step + done)
            for name, columns in self._by_quantity(norms):
                rows = zip(*columns, strict=True) if columns else ([] for _ in range(done))
                signal.rows[name][kept:] = map(list, rows)
        self.step = step + done
        self.under_way = None

    def _by_quantity(self, norms: list[list[float]]) -> Iterator[tuple[str, list[list[float]]]]:
        signal, start = self.run.signal, 0
        for name in signal.rows:
            end = start + len(signal.columns(name))
            yield name, norms[start:end]
            start = end

    def _params(self, leaves: Sequence[np.ndarray]) -> Any:
        """A tree of parameters of its own from the carried arrays."""
        return unflatten(self.structure, [leaf.copy()[()] for leaf in leaves[: self.count]])

    def memory(self) -> Any:
        return self.carry.blocks[self.carry.side].memory.copy()

    def back_to(self, memory: Any) -> None:
        self.carry.blocks[self.carry.side].memory[...] = memory
        self.run.params = self._params(self.carry.present())

    def present(self) -> tuple[Any, Any]:
        leaves = [leaf.copy()[()] for leaf in self.carry.present()]
        state = unflatten(self.state_structure, leaves[self.count :])
        return unflatten(self.structure, leaves[: self.count]), state

    def restore(self, params: Any, state: Any) -> None:
        super().restore(params, state)
        leaves = [*flatten(params)[0], *flatten(state)[0]]
        for place, leaf in zip(self.carry.present(), leaves, strict=True):
            place[...] = leaf
        losses = self.run.history["loss"]
        if losses:
            self.flag.set_first(losses[0])

    def settle(self) -> None:
        """Bring history and parameters of the run up to date."""
        self._collect()
        if self.step:
            self.run.params = self._params(self.carry.present())

    def _stop(self, epoch: int, watch: bool, rows: np.ndarray) -> None:
        """Report the update that failed; the parameters stay as they were before it."""
        self.settle()
        loop = self.loops[len(rows), watch]
        value = loop.last_loss()
        gradients = unflatten(self.structure, loop.gradients())
        losses = self.run.history["loss"]
        after = self._params(self.carry.other())
        bad = first_bad(parameter_names(after), flatten(after)[0])
        if bad is None or has_diverged(value, losses[0] if losses else value, gradients):
            batch = take(self.rows, rows)
            self.run.diverged = self._divergence(epoch, value, gradients, batch)
        else:
            self.run.diverged = Divergence(epoch, self.step, bad, float(value))
