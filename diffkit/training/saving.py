"""What a checkpoint says of a training, and how it knows the data and the loss again.

    state = parameters, optimizer's state, history, signal     (the number of the update follows)
    settings = seed, order, epochs, engine, method, optimizer  (the order of the batches follows)

Data are not kept, only their SHA-256 (NIST FIPS 180-4): whoever resumes brings the same arrays.
The loss is code and is not kept either.  It is known again by its graph, whose operations, shapes
and constants are hashed: two functions that compute the same are one, whatever their source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.differentiate.calls import Call
from diffkit.errors import CheckpointError, InputError
from diffkit.graph.ir import Graph
from diffkit.training.batches import Batches, take
from diffkit.training.checkpoint import could_be_written, mark_of, write_checkpoint
from diffkit.training.describing import Arrays, described
from diffkit.training.journal import Journal, skeletons
from diffkit.training.stopping import Stopping

if TYPE_CHECKING:
    from diffkit.training.stepping import Stepper
    from diffkit.training.stepwise import Training

__all__ = ["Saver", "data_facts", "described_method", "loss_print", "saver_of", "words_of"]

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # of an object, in its text: other in every process


# Knowing again -----------------------------------------------------------------------------------


def data_facts(rows: Sequence[np.ndarray] | None) -> dict[str, Any] | None:
    """Shapes, dtypes and the SHA-256 of arrays.

    >>> data_facts([np.zeros((2, 3))])["arrays"]
    ['float64 [2, 3]']
    """
    if rows is None:
        return None
    digest = hashlib.sha256()
    for array in rows:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    words = [f"{array.dtype} {list(array.shape)}" for array in rows]
    return {"arrays": words, "sha256": digest.hexdigest()}


def loss_print(stepper: Stepper, params: Any, batch: Sequence[np.ndarray]) -> str | None:
    """The SHA-256 of a loss's graph on such a batch; None where it cannot be captured.

    Names and lines of the source take no part.
    """
    from diffkit.training.drawing import key_of_update

    fed = [key_of_update(0, 0), *batch] if stepper.draws else batch
    try:
        call = Call(stepper.function, (params, *fed), {}, 0)
        graph = call.bound.graph_for(call.leaves)
    except Exception:  # whatever a user's loss raises, the training itself will say
        return None
    digest = hashlib.sha256()
    _add_graph(graph, digest)
    return digest.hexdigest()


def _add_graph(graph: Graph, digest: Any) -> None:
    columns = graph.columns
    for node, operation in enumerate(columns.operations):
        inside = operation.primitive.inner(operation.kwargs) if operation.primitive else None
        words = [] if inside else [ADDRESS.sub("", repr(operation.params))]
        said = (operation.name, words, columns.operands[node], str(columns.avals[node]))
        digest.update(repr(said).encode())
        if inside:
            _add_graph(inside[0], digest)
        if node in columns.values:
            digest.update(np.asarray(columns.values[node]).tobytes())
    digest.update(repr((graph.input_nodes, graph.output_nodes)).encode())


def words_of(value: Any) -> str:
    """A value's text, the same in every process: a function's name, the rest as it prints.

    >>> words_of(np.sum), words_of([1, 2])
    ('sum', '[1, 2]')
    """
    return getattr(value, "__name__", "") or ADDRESS.sub("", repr(value))


def described_method(signal: Any) -> dict[str, Any]:
    """A method by its name, or the text of an object with its settings."""
    if isinstance(signal, str):
        return {"is": signal, "words": signal}
    settings = getattr(signal, "__dict__", {})
    return {"is": None, "words": ADDRESS.sub("", f"{type(signal).__name__} {settings}")}


def _or_none(value: Any) -> Any:
    """The description of a value, or None where it holds something of the user's."""
    try:
        return described(value)
    except InputError:
        return None


# Saving ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saver:
    """Writes the checkpoint of a training after every ``every``-th epoch, and at its end."""

    file: Path
    every: int
    settings: dict[str, Any]
    journal: Journal

    def save(self, training: Training) -> None:
        """Write the checkpoint, if it is time.

        Raises
        ------
        CheckpointError
            When it cannot be written, or is no longer the one that this training wrote last.
        """
        run = training.run
        ended = run.diverged is not None or run.stopped is not None
        ended = ended or training.epochs >= run.batches.epochs
        if ended or training.epochs % self.every == 0:
            self._refuse_another()
            arrays: Arrays = {}
            header = {**self.settings, **_batch_settings(run.batches, arrays),
                      **_state(training, arrays)}  # fmt: skip
            with could_be_written(self.file):
                header["journal"] = self.journal.append(run)
            write_checkpoint(self.file, header, arrays)
            self.journal.mark = mark_of(self.file)

    def _refuse_another(self) -> None:
        """Two trainings that write to one folder would leave a mixture that neither can resume."""
        if self.journal.mark is not None and mark_of(self.file) != self.journal.mark:
            raise CheckpointError(
                f"{self.file} was replaced or removed while this training ran",
                hint="give every training a folder of its own.",
            )


def saver_of(
    file: Path, every: Any, training: Training, held_out: Any, stopping: Stopping, **asked: Any
) -> Saver:
    """The saver of a training, which looks once at its data and its loss.

    ``asked`` are the ``signal`` and ``progress`` that the user asked for.

    Raises
    ------
    InputError
        When ``every`` is no whole number of at least 1.
    """
    import diffkit

    if not isinstance(every, (int, np.integer)) or isinstance(every, bool) or every < 1:
        raise InputError(
            f"checkpoint_every must be a whole number of at least 1, not {every!r:.40}",
            hint="it counts epochs.",
        )
    run, stepper = training.run, training.stepper
    first = take(training.rows, next(run.batches.epoch(0)))
    settings = {
        "diffkit": diffkit.__version__, "numpy": np.__version__, "engine": run.engine,
        "signal": described_method(asked["signal"]), "signal_every": training.every,
        "measures": {"names": training.measures.names, "every": int(training.measures.every)},
        "checkpoint_every": int(every), "progress": bool(asked["progress"]),
        "optimizer": {"is": _or_none(run.optimizer), "words": words_of(run.optimizer)},
        "loss": {"is": _or_none(run.loss), "words": words_of(run.loss),
                 "sha256": loss_print(stepper, run.params, first)},
        "data": data_facts(training.rows), "validation": data_facts(held_out),
        "monitor": stopping.monitor,
        "patience": stopping.patience and int(stopping.patience),
        "on_epoch": stopping.on_epoch is not None,
    }  # fmt: skip
    return Saver(file, int(every), settings, Journal(file))


def _batch_settings(batches: Batches, arrays: Arrays) -> dict[str, Any]:
    order = batches.given if batches.orders is None else batches.orders
    size = None if batches.given is not None else batches.size
    return {"seed": batches.seed, "epochs": batches.epochs, "batch_size": size,
            "order": described(order, arrays)}  # fmt: skip


def _state(training: Training, arrays: Arrays) -> dict[str, Any]:
    """What changes from epoch to epoch."""
    run = training.run
    params, state = training.present()
    best = run.best and {"epoch": run.best.epoch, "value": described(run.best.value),
                         "params": _tree(run.best.params, arrays)}  # fmt: skip
    diverged = None if run.diverged is None else asdict(run.diverged)
    return {
        "epoch": training.epochs, "step": training.step,
        "params": _tree(params, arrays), "state": _tree(state, arrays),
        **skeletons(run),
        "best": best, "diverged": described(diverged), "stopped": run.stopped,
        "config": described(run.config),
    }  # fmt: skip


def _tree(tree: Any, arrays: Arrays) -> Any:
    """A tree of arrays; only its leaves, where it has nodes of the user's own."""
    try:
        return {"tree": described(tree, arrays)}
    except InputError:
        pass
    try:
        return {"leaves": described(flatten(tree)[0], arrays)}
    except InputError as error:
        raise CheckpointError(
            f"the state of this training cannot be kept: {error.message}",
            hint="an optimizer's state is a tree of arrays and numbers.",
        ) from None
