"""A finished (or stopped) training: parameters, history, learning signal, and its files.

A run folder holds ``config.json``, ``history.json``, ``signal.json`` and ``weights.npz``; nothing
in it is code, and ``load_weights`` of :mod:`diffkit.training.weights` reads no pickles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.graph.notebook import curve_svg, facts_html
from diffkit.optim.optimizers import Optimizer
from diffkit.training.batches import Batches
from diffkit.training.signal import Signal
from diffkit.training.stopping import Best
from diffkit.training.weights import save_weights

__all__ = ["SPENT", "Divergence", "Run"]

# What optimizers that search along a line write down at every update (training/full_batch.py).
SPENT = ("evaluations", "operations")
BY_UPDATE = {"loss", "rate", *SPENT}


@dataclass(frozen=True)
class Divergence:
    """Where a training went out of bounds; ``layer`` is a probe or a parameter.

    It is None when every layer was finite and only the loss was not a number.
    """

    epoch: int
    step: int
    layer: str | None
    loss: float

    def __str__(self) -> str:
        if self.layer is None:
            return (
                f"the loss is {self.loss:.4g} in epoch {self.epoch + 1} (update {self.step + 1}) "
                "although all layers are finite; look at the targets and at the loss itself"
            )
        return (
            f"the training diverged in epoch {self.epoch + 1} (update {self.step + 1}) "
            f"at {self.layer}, with loss {self.loss:.4g}; try a smaller learning rate"
        )


def _empty_history() -> dict[str, list[float]]:
    return {"loss": [], "rate": [], "epoch_loss": []}


@dataclass(repr=False)
class Run:
    """What a training leaves behind.

    ``history`` has ``loss`` and ``rate`` per update (``evaluations`` and ``operations`` too, where
    the optimizer searches along a line), and per epoch ``epoch_loss`` (the mean over
    the epoch's batches) and, where the loss can tell, ``accuracy``, ``validation_loss`` and
    ``validation_accuracy``.  ``diverged``, ``interrupted`` and ``stopped`` say why a run ended
    early; ``engine`` is the one that made all updates, and ``one_by_one`` says why the machine did
    not loop over them, where it might have.  ``best`` is the best epoch with its
    weights (:class:`~diffkit.training.stopping.Best`), where a loss or accuracy was monitored.
    ``cost`` counts operations: of the gradients, with all that a search or a product with the
    Hessian took (``gradient``), of what was measured
    between epochs (``signal``), and of both.
    """

    params: Any
    optimizer: Optimizer
    batches: Batches
    loss: Callable[..., Any]
    history: dict[str, list[float]] = field(default_factory=_empty_history)
    signal: Signal = field(default_factory=Signal)
    diverged: Divergence | None = None
    interrupted: bool = False
    engine: str = "interpret"
    one_by_one: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    best: Best | None = None
    stopped: str | None = None
    cost: dict[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        losses, epochs = self.history["loss"], len(self.history["epoch_loss"])
        facts: dict[str, Any] = {"epochs": f"{epochs} of {self.batches.epochs}"}
        facts |= {"updates": len(losses), "optimizer": self.optimizer, "engine": self.engine}
        for name, values in self.history.items():
            if values and name != "rate":
                facts[name.replace("_", " ")] = f"{values[0]:.4g} → {values[-1]:.4g}"
        facts |= {"ended": self.diverged or self.stopped} if self.diverged or self.stopped else {}
        return facts_html("Run", facts, picture=curve_svg(losses, "the loss over the updates"))

    def __repr__(self) -> str:
        losses, epochs = self.history["loss"], len(self.history["epoch_loss"])
        words = [f"{epochs} of {self.batches.epochs} epochs, {len(losses)} updates"]
        if losses:
            words.append(f"loss {losses[0]:.4g} → {losses[-1]:.4g}")
        for name in ("accuracy", "validation_accuracy", "iou", "validation_iou"):
            if self.history.get(name):
                words.append(f"{name.replace('_', ' ')} {self.history[name][-1]:.1%}")
        words += ["diverged"] * bool(self.diverged) + ["interrupted"] * self.interrupted
        words += [f"stopped: {self.stopped}"] if self.stopped else []
        return f"Run({', '.join(words)})"

    def interrupt(self) -> None:
        """Mark the run as stopped by Ctrl-C, and drop what was only half recorded by then."""
        self.interrupted = True
        for names in (self.history.keys() & BY_UPDATE, self.history.keys() - BY_UPDATE):
            whole = min(len(self.history[name]) for name in names)
            for name in names:
                del self.history[name][whole:]
        self.signal.drop_half_rows()

    def end_of_epoch(
        self, weighted: float, data: Sequence[Any], validation: Sequence[Any] | None
    ) -> None:
        """Measure what is measured once per epoch."""
        with np.errstate(all="ignore"):  # validation data may lie far outside the training data
            self._measure(weighted, data, validation)

    def _measure(
        self, weighted: float, data: Sequence[Any], validation: Sequence[Any] | None
    ) -> None:
        self.history["epoch_loss"].append(weighted / self.batches.rows)
        for name, method in (("accuracy", "accuracy"), ("iou", "overlap")):
            measured = getattr(self.loss, method, None)
            if measured is not None and len(data) > 1:
                self._note(name, measured(self.params, *data))
                if validation is not None:
                    self._note(f"validation_{name}", measured(self.params, *validation))
        if validation is not None:
            self._note("validation_loss", self.loss(self.params, *validation))

    def _note(self, name: str, value: Any) -> None:
        if value is not None:
            self.history.setdefault(name, []).append(float(value))

    def describe(self) -> dict[str, Any]:
        """The settings of the run, as they are saved."""
        return {
            "schema": 1,
            "optimizer": repr(self.optimizer),
            "batch_size": None if self.batches.given is not None else self.batches.size,
            "order": "given" if self.batches.is_given else "seed",
            "epochs": self.batches.epochs,
            "updates": self.batches.total,
            "seed": self.batches.seed,
            "engine": self.engine,
            "one_by_one": self.one_by_one,
            "diverged": str(self.diverged) if self.diverged else None,
            "interrupted": self.interrupted,
            "stopped": self.stopped,
            "best_epoch": self.best.epoch if self.best else None,
            "cost": self.cost,
            **self.config,
        }

    def plot(self, ax: Any = None, *, dark: bool | None = None) -> Any:
        """The curves and, if recorded, the signal, as ``dk.plots.run``; the figure."""
        from importlib import import_module

        return import_module("diffkit.plots").run(self, ax=ax, dark=dark)

    def save(self, path: str | Path) -> Path:
        """Write the run into a folder, which is made if it is not there.

        Raises
        ------
        InputError
            When the folder cannot be written, or ``path`` is none.
        """
        try:
            folder = Path(path)
        except TypeError:
            raise InputError(
                f"a run is saved to a path, not to {path!r:.40}",
                hint='name a folder, as in run.save("runs/first").',
            ) from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / "config.json", self.describe())
            _write(folder / "history.json", {"schema": 1, **self.history})
            _write(folder / "signal.json", self.signal.to_dict())
            save_weights(folder / "weights.npz", self.params)
        except OSError as error:
            raise InputError(
                f"cannot write the run to {folder}: {error.strerror}",
                hint="choose a folder you may write to.",
            ) from None
        return folder


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(_plain(content), indent=1, allow_nan=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinities: they become null."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
