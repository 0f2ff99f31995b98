"""Going on with a training from its checkpoint, to the bits of one that was never stopped.

    train to the end  =  train, killed at any moment  →  resume

A checkpoint holds the state after whole epochs; what a killed training did after that is done once
more, with the same batches (drawn from seed and epoch), the same random keys (drawn from seed and
update) and on the same engine, so nothing depends on where it was killed.  Code is neither stored
nor evaluated: nets, losses and optimizers of this library are built again from their descriptions,
and what is the user's own must be given again, and is compared with what the checkpoint knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.errors import CheckpointError, DiffkitError
from diffkit.optim.optimizers import Optimizer
from diffkit.training.batches import Batches, take
from diffkit.training.checking import check_call, checked_data
from diffkit.training.checkpoint import Checkpoint, checkpoint_file, read_checkpoint
from diffkit.training.describing import rebuilt
from diffkit.training.journal import Journal
from diffkit.training.loop import carried_through, training_of
from diffkit.training.measuring import Measures
from diffkit.training.run import Divergence, Run
from diffkit.training.saving import Saver, data_facts, described_method, loss_print, words_of
from diffkit.training.signal import Signal
from diffkit.training.stepwise import Training
from diffkit.training.stopping import Best, Stopping
from diffkit.training.trail import Trail

__all__ = ["resume"]


def resume(
    path: Any,
    *,
    loss: Callable[..., Any] | None = None,
    data: Sequence[Any] | None = None,
    validation: Sequence[Any] | None = None,
    optimizer: Optimizer | None = None,
    params: Any = None,
    signal: Any = None,
    on_epoch: Callable[[Run], str | None] | None = None,
    progress: bool | None = None,
) -> Run:
    """Go on with the training whose checkpoint is at ``path``, and return the finished run.

    Parameters
    ----------
    path
        What ``dk.train(..., checkpoint=path)`` was given: a folder, or an ``.npz`` file.
    loss, data, validation, optimizer, on_epoch
        As they were given to ``dk.train``.  The loss may be left out if it is a net of
        ``dk.nets`` with a loss of ``dk.losses``, the optimizer if it is one of ``dk.optim`` (with
        a schedule of ``dk.schedules``), and the data if the command line trained on them.
    params
        A tree like the parameters, where it has nodes of your own (named tuples, say).
    signal
        The method, where it was an object of ``dk.methods`` and not a name.
    progress
        Whether a bar is shown; by default as before.

    The run has the bits that an uninterrupted training would have, on the engine that began it.
    One that was finished, had stopped or had diverged is returned as it was.

    Raises
    ------
    CheckpointError
        When there is no checkpoint, it is damaged or too new, something must be given again, or
        loss, data or optimizer are not those of the checkpoint.

    Source: checkpoint and restart, Young 1974, *A first order approximation to the optimum
    checkpoint interval*.

    >>> import tempfile, diffkit as dk
    >>> x = np.linspace(-1, 1, 20)
    >>> fit = lambda w, x, y: np.mean((w * x - y) ** 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = dk.train(fit, 0.0, (x, 3 * x), epochs=5, checkpoint=folder)
    ...     again = dk.resume(folder, loss=fit, data=(x, 3 * x))
    >>> bool(again.params == run.params)
    True
    """
    kept = _Kept(read_checkpoint(path), str(checkpoint_file(path)))
    rows, held_out = kept.rows(data, validation)
    optimizer = kept.optimizer(optimizer)
    loss = kept.loss(loss)
    check_call(loss, kept.params(params), rows, "data")
    run = kept.run(loss, optimizer, params, len(rows[0]))
    training = kept.training(run, rows, kept.method(signal))
    if kept.said["on_epoch"] and on_epoch is None and kept.goes_on(run):
        raise CheckpointError(
            "this training called a function after every epoch, which is not stored",
            hint="give it again as on_epoch=…; lambda run: None does nothing.",
        )
    stopping = Stopping(kept.said["monitor"], kept.said["patience"], on_epoch)
    journal = Journal(checkpoint_file(path), run, kept.said.get("journal"))
    saver = Saver(checkpoint_file(path), kept.said["checkpoint_every"], kept.settings(), journal)
    shown = kept.said["progress"] if progress is None else progress
    return carried_through(training, held_out, stopping, saver, shown)


# What a saver writes besides the state; it goes on unchanged.
SETTINGS = (
    "diffkit", "numpy", "engine", "signal", "signal_every", "measures", "checkpoint_every",
    "progress", "optimizer", "loss", "data", "validation", "monitor", "patience", "on_epoch",
)  # fmt: skip


ENGINES = ("machine", "interpret", "specialise")


class _Kept:
    """A checkpoint, and what comes of it; whatever in it makes no sense is said to be damage."""

    def __init__(self, found: Checkpoint, name: str) -> None:
        self.said, self.arrays, self.name = found.header, found.arrays, name
        if self.said.get("engine") not in ENGINES:
            raise self.damaged(f"there is no engine {self.said.get('engine')!r:.40}")
        missing = [key for key in (*SETTINGS, "params", "state", "history") if key not in self.said]
        if missing:
            raise self.damaged(f"it does not say its {missing[0]}")

    def damaged(self, why: Any) -> CheckpointError:
        return CheckpointError(
            f"{self.name} is damaged: {str(why)[:80]}", hint="start the training again."
        )

    def settings(self) -> dict[str, Any]:
        return {key: self.said[key] for key in SETTINGS}

    def built(self, description: Any) -> Any:
        """The value of a description."""
        try:
            return rebuilt(description, self.arrays)
        except (DiffkitError, RecursionError) as error:
            raise self.damaged(getattr(error, "message", error)) from None

    # What the user gives, or what is built again

    def loss(self, given: Callable[..., Any] | None) -> Callable[..., Any]:
        """The loss; whether it is the same is seen when it has been captured."""
        if given is not None:
            return given
        if self.said["loss"]["is"] is None:
            raise CheckpointError(
                f"the loss ({self.said['loss']['words']:.60}) is code of your own, which is not "
                "stored",
                hint="give it again: dk.resume(path, loss=…, data=…).",
            )
        return self.built(self.said["loss"]["is"])

    def method(self, given: Any) -> Any:
        """The method of differentiation."""
        said = self.said["signal"]
        if given is None and said["is"] is None:
            raise CheckpointError(
                f"the method ({said['words']:.60}) is an object, which is not stored",
                hint="give it again: dk.resume(path, signal=…).",
            )
        if given is not None and described_method(given) != said:
            raise CheckpointError(
                f"the gradient of this training came from {said['words']:.60}, not from "
                f"{described_method(given)['words']:.60}",
                hint="give the same method, or none.",
            )
        return said["is"] if given is None else given

    def optimizer(self, given: Optimizer | None) -> Optimizer:
        """The optimizer, as it was fitted to the training."""
        said = self.said["optimizer"]
        if given is None and said["is"] is None:
            raise CheckpointError(
                f"the optimizer ({said['words']:.60}) holds code of your own, which is not stored",
                hint="give it again: dk.resume(path, optimizer=…).",
            )
        if given is None:
            return self.built(said["is"])
        if not isinstance(given, Optimizer):
            raise CheckpointError(f"optimizer is {given!r:.40}, not an optimizer")
        return given

    def rows(
        self, data: Sequence[Any] | None, validation: Sequence[Any] | None
    ) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
        """Data and validation data, compared with those of the checkpoint."""
        if data is None and (recipe := self._recipe()) is not None:
            from diffkit.training.preparing import prepared

            found = prepared(recipe)
            data = found.training
            validation = found.validation if validation is None else validation
        if data is None:
            words = ", ".join(self.said["data"]["arrays"])
            raise CheckpointError(
                f"the data ({words:.80}) are not stored",
                hint="give them again: dk.resume(path, data=…).",
            )
        if self.said["validation"] is not None and validation is None:
            raise CheckpointError(
                "this training measured validation data, which are not stored",
                hint="give them again: dk.resume(path, data=…, validation=…).",
            )
        if self.said["validation"] is None:
            validation = None
        return self._same(data, "data"), None if validation is None else self._same(
            validation, "validation"
        )

    def _recipe(self) -> dict[str, Any] | None:
        """How the command line made the data, if it did."""
        config = self.built(self.said.get("config"))
        recipe = config.get("recipe") if isinstance(config, dict) else None
        return recipe if isinstance(recipe, dict) else None

    def _same(self, given: Sequence[Any], name: str) -> list[np.ndarray]:
        rows, said = checked_data(given, name), self.said[name]
        facts = data_facts(rows)
        if facts != said:
            now, then = (", ".join(found["arrays"]) for found in (facts or said, said))
            words = f"they are {now}, not {then}" if now != then else "their numbers differ"
            raise CheckpointError(
                f"these are not the {'' if name == 'data' else 'validation '}data of the "
                f"checkpoint: {words}",
                hint="give the same arrays, in the same order and of the same dtype.",
            )
        return rows

    # The run and its training

    def params(self, like: Any) -> Any:
        """The parameters; their nodes from ``like`` where they are the user's own."""
        return self._tree(self.said["params"], like, "params")

    def _tree(self, said: Any, like: Any, name: str) -> Any:
        if "tree" in said:
            return self.built(said["tree"])
        leaves = self.built(said["leaves"])
        if like is None:
            raise CheckpointError(
                f"the {name} are a tree of your own nodes, which are not stored",
                hint="give one like it: dk.resume(path, params=…).",
            )
        if structure_of(like).num_leaves != len(leaves):
            raise CheckpointError(
                f"the {name} of the checkpoint have {len(leaves)} arrays, not "
                f"{structure_of(like).num_leaves}",
                hint="give a tree like the one that was trained.",
            )
        return unflatten(structure_of(like), leaves)

    def run(self, loss: Any, optimizer: Optimizer, like: Any, examples: int) -> Run:
        """The run as it was after its last whole epoch."""
        said = self.said
        try:
            batches = Batches(examples, said["batch_size"], said["epochs"], said["seed"],
                              self.built(said["order"]))  # fmt: skip
            fitted = optimizer.for_steps(batches.total, batches.per_epoch)
            if words_of(fitted) != said["optimizer"]["words"]:
                raise CheckpointError(
                    f"the optimizer is {words_of(fitted):.80}, but that of the checkpoint is "
                    f"{said['optimizer']['words']:.80}",
                    hint="give the same one.",
                )
            run = Run(self.params(like), fitted, batches, loss)
            run.history = self.built(said["history"])
            run.signal = Signal.from_dict(self.built(said["signal_rows"]))
            run.config = dict(self.built(said["config"]))
            run.stopped = said["stopped"]
            self._add_endings(run, like)
        except CheckpointError:
            raise
        except (DiffkitError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise self.damaged(getattr(error, "message", repr(error))) from None
        return run

    def _add_endings(self, run: Run, like: Any) -> None:
        best, diverged = self.said["best"], self.built(self.said["diverged"])
        if best is not None:
            found = self._tree(best["params"], like, "params")
            run.best = Best(best["epoch"], self.built(best["value"]), found)
        if diverged is not None:
            run.diverged = Divergence(**diverged)
        if len(run.history["loss"]) != self.said["step"]:
            raise self.damaged("its history has another length than its training")

    def goes_on(self, run: Run) -> bool:
        """Whether there is something left to train."""
        ended = run.diverged is not None or run.stopped is not None
        return not ended and self.said["epoch"] < run.batches.epochs

    def training(self, run: Run, rows: list[np.ndarray], signal: Any) -> Training:
        """The training as it was, on its engine, after the loss has been compared."""
        params = run.params
        trail = Trail(run.signal.asked)
        like = trail.joined(run.optimizer.init(params), trail.init(params))
        state = self._tree(self.said["state"], like, "state of the optimizer")
        if [np.shape(leaf) for leaf in flatten(state)[0]] != [
            np.shape(leaf) for leaf in flatten(like)[0]
        ]:
            raise self.damaged("the optimizer's state does not fit the parameters")
        every = self.said["signal_every"]
        training = training_of(run, rows, signal, every, self.said["engine"])
        if run.engine != self.said["engine"]:
            raise CheckpointError(
                f"the training ran on the engine {self.said['engine']!r}, which is not to be had",
                hint="a training never changes its engine; try `diffkit warmup`.",
            )
        found = loss_print(training.stepper, params, take(rows, next(run.batches.epoch(0))))
        if found != self.said["loss"]["sha256"]:
            raise CheckpointError(
                "the loss computes something else than that of the checkpoint "
                f"({self.said['loss']['words']:.60})" + self._of_another_version(),
                hint="give the same function; its constants count, too.",
            )
        training.restore(params, state)
        try:
            training.measures = Measures(**self.said["measures"])
        except TypeError as error:
            raise self.damaged(error) from None
        return training

    def _of_another_version(self) -> str:
        import diffkit

        same = self.said["diffkit"] == diffkit.__version__
        return "" if same else f", written by diffkit {self.said['diffkit']}"
