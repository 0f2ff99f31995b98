"""``diffkit train``: train a small net on real data and keep everything it did.

The defaults are recipes: for each model an optimizer, a rate and a number of updates with which
it learns the digits.  A run folder holds the settings, the history, the learning signal, the
weights, a checkpoint, pictures and a report; nothing in it is code.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import activations, data_sets, listed, named, recordable
from diffkit.cli.runs import finish, keep_earlier_run, quietly
from diffkit.cli.shared import on_terminal
from diffkit.errors import InputError
from diffkit.training.choices import (
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    TASKS,
    losses_for,
    made_optimizer,
    rate_for,
)
from diffkit.training.stopping import MONITORS

if TYPE_CHECKING:
    from diffkit.nets.net import Net
    from diffkit.training.preparing import Prepared
    from diffkit.training.run import Run

__all__ = ["train"]

EXAMPLES = """\b
Examples:
  diffkit train digits --model mlp --out run
  diffkit train digits --model cnn --schedule cosine --batch 64 --out runs/cnn
  diffkit train two-moons --hidden 16,16 --activation tanh --out moons
  diffkit train shapes --model tiny-segmenter --out masks
  diffkit train diabetes --patience 20 --out diabetes
  diffkit train digits --model rnn --cell lstm --record noise --out runs/rnn
  diffkit train prices.csv --target price --regression
  diffkit train table.csv --target label --optimizer sgd --rate 0.1

A training that was killed goes on with `diffkit resume FOLDER`.

Exit codes: 0 trained, 1 diverged, 2 wrong input, 130 interrupted (what it had is kept)."""


@dataclass(frozen=True)
class Recipe:
    """What a model is trained with unless told otherwise; measured on the digits, five seeds."""

    rate: float
    updates: int
    hidden: tuple[int, ...] = ()
    l2: float = 0.0


# The rates are for Adam with one cycle; 45 updates of 32 digits are an epoch.
RECIPES = {
    "softmax": Recipe(rate=0.05, updates=20 * 45),
    "mlp": Recipe(rate=0.01, updates=30 * 45, hidden=(128,), l2=1e-3),
    "cnn": Recipe(rate=0.01, updates=20 * 45),
    "rnn": Recipe(rate=0.01, updates=20 * 45, hidden=(32,)),
    "deep-linear": Recipe(rate=0.01, updates=20 * 45, hidden=(32, 32)),
    "tiny-segmenter": Recipe(rate=0.02, updates=20 * 15),  # of the shapes: 15 updates an epoch
    "tiny-detector": Recipe(rate=0.02, updates=40 * 15, hidden=(32,), l2=0.01),
}
CHANNELS = (16, 32)
CELLS = ("gru", "lstm", "plain")
SPLITS = ("stratified", "last")
ALWAYS = ("loss", "signal")  # what is recorded without being asked for
BATCH = 32
SIGNAL_ROWS = 500


class Sizes(click.ParamType):
    """Whole numbers with commas between, as 64,32."""

    name = "sizes"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",") if word.strip()]
        if not all(word.isdecimal() and int(word) > 0 for word in words):
            self.fail(f"{value!r} are not positive whole numbers such as 64,32", param, ctx)
        return tuple(int(word) for word in words)


class BatchSize(click.ParamType):
    """A positive whole number, or ``full``."""

    name = "batch"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        if value == "full" or isinstance(value, int):
            return value
        if not str(value).isdecimal() or int(value) < 1:
            self.fail(f"{value!r} is neither a positive whole number nor full", param, ctx)
        return int(value)


class Records(click.ParamType):
    """Things to record with commas between, as noise,sharpness."""

    name = "records"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        from diffkit.training.loop import RECORDABLE

        if isinstance(value, tuple):
            return value
        words = tuple(word.strip() for word in str(value).split(",") if word.strip())
        if not words or not set(words) <= set(RECORDABLE):
            self.fail(f"{value!r} is not of {', '.join(RECORDABLE)}", param, ctx)
        return words


@click.command(epilog=EXAMPLES)
@click.argument("data", shell_complete=data_sets)
@click.option("--target", metavar="COLUMN", help="Of a CSV file: heading or number [the last].")
@click.option("--regression", is_flag=True, help="A file's targets are numbers, not classes.")
@click.option("--split", type=click.Choice(SPLITS), metavar="HOW", default=SPLITS[0],
              show_default=True,
              help="The test part: a fifth of each class (stratified), or the last.")  # fmt: skip
@click.option("--model", type=click.Choice(list(RECIPES)), metavar="NAME", default="mlp",
              show_default=True, help=f"Of {', '.join(RECIPES)}.")  # fmt: skip
@click.option("--hidden", type=Sizes(), help="Sizes of the hidden layers, as 64,32.")
@click.option("--channels", type=Sizes(), help="Filters of the CNN, layer by layer [16,32].")
@click.option("--cell", type=click.Choice(CELLS), metavar="NAME",
              help=f"Of the RNN: {', '.join(CELLS)} [gru].")  # fmt: skip
@click.option("--activation", metavar="NAME", shell_complete=named(activations),
              help="Of the hidden layers [relu].")  # fmt: skip
@click.option("--loss", type=click.Choice(list(LOSSES)), metavar="NAME",
              help=f"Of {', '.join(LOSSES)} [cross-entropy; mse for numbers].")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N",
              help="Times that all examples are seen [enough for the model].")  # fmt: skip
@click.option("--batch-size", "--batch", type=BatchSize(), help="A number, or full [32].")
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), default="adam",
              metavar="NAME", show_default=True, help=f"Of {', '.join(OPTIMIZERS)}.")  # fmt: skip
@click.option("--rate", type=float, metavar="RATE", help="Learning rate [suits the model].")
@click.option("--schedule", type=click.Choice(list(SCHEDULES)), default="one-cycle",
              metavar="NAME", show_default=True, help=f"Of {', '.join(SCHEDULES)}.")  # fmt: skip
@click.option("--l2", type=float, metavar="L2", help="Weight decay [suits the model].")
@click.option("--patience", type=click.IntRange(1), metavar="N",
              help="Stop after N epochs without a better one, and keep the best.")  # fmt: skip
@click.option("--monitor", type=click.Choice(list(MONITORS)), metavar="MEASURE",
              help=f"What is better by: {', '.join(MONITORS)} [loss].")  # fmt: skip
@click.option("--record", type=Records(), metavar="A,B,…", shell_complete=listed(recordable),
              help="Of the signal, beside its norms: noise,sharpness,…")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True,
              help="Of the weights and of the order of the batches.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The run's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def train(data: str, out: Path | None, as_json: bool, **settings: Any) -> None:
    """Train a net on DATA and print how right it is on examples it has not seen.

    DATA is the name of a data set (digits, iris, wine, two-moons, spirals, diabetes, …), or the
    path of a CSV or NPZ file.  With --out, everything is kept in a folder, with a checkpoint after
    every epoch; a run that is there already is kept as FOLDER.1.  With --patience or --monitor a
    fifth of the training data is held out, by which the best epoch is chosen; the test data stay
    unseen.
    """
    job = _Job(data, **settings)
    if out is not None:
        _prepare(out)
    if not as_json and on_terminal():
        click.echo(f"{job.counts}\n{job.net!r}")
    began = time.perf_counter()
    run = quietly(job.run, out)
    finish(run, job.parts, out, as_json, time.perf_counter() - began)


class _Job:
    """Data, net, loss and settings of one training."""

    def __init__(self, data: str, **settings: Any) -> None:
        from diffkit.training.preparing import prepared

        self.settings, recipe = settings, RECIPES[settings["model"]]
        self.model, self.seed = settings["model"], settings["seed"]
        _refuse_unused(settings)
        self.chooses = settings["patience"] is not None or settings["monitor"] is not None
        asked = _or(settings.get("record"), ())
        self.record: tuple[str, ...] = tuple(dict.fromkeys((*ALWAYS, *asked)))
        self.recipe = {"data": data, "target": settings["target"],
                       "regression": settings["regression"], "choose": self.chooses,
                       "split": settings["split"], "task": TASKS.get(self.model)}  # fmt: skip
        self.parts: Prepared = prepared(self.recipe)
        self.net = _net(self, _or(settings["hidden"], recipe.hidden))
        l2 = _or(settings["l2"], recipe.l2)
        self.loss = self.net.with_loss(_loss(self.parts, settings["loss"], self.model), l2=l2)
        n = len(self.parts.training[0])
        default = n if settings["optimizer"] in WHOLE else min(BATCH, n)
        size = _or(settings["batch_size"], default)
        self.batch_size: int = n if size == "full" else size
        per_epoch = math.ceil(n / self.batch_size)
        self.epochs: int = _or(settings["epochs"], math.ceil(recipe.updates / per_epoch))
        self.updates = self.epochs * per_epoch
        rate = _or(settings["rate"], rate_for(settings["optimizer"], recipe.rate))
        self.optimizer = made_optimizer(
            settings["optimizer"], settings["schedule"], rate, self.updates
        )
        self.config = {
            "data": self.parts.dataset.name, "source": self.parts.dataset.source,
            "model": self.model, "net": repr(self.net), "parameters": self.net.parameter_count,
            "loss": repr(self.loss.loss), "l2": l2, "training_examples": n,
            "test_examples": self.parts.held_out, "recipe": self.recipe,
        }  # fmt: skip

    @property
    def counts(self) -> str:
        """How many examples there are, in words."""
        n, name = len(self.parts.training[0]), self.parts.dataset.name
        if not self.parts.held_out:
            return f"{name}: {n} examples, too few to hold any out for a test"
        return f"{name}: {n:,} examples to learn from, {self.parts.held_out:,} for the test"

    def run(self, out: Path | None) -> Run:
        """The training, with a progress bar on a terminal."""
        from diffkit.training.loop import train as train_net

        monitor = self.settings["monitor"]
        return train_net(
            self.loss, self.net.init(self.seed), self.parts.training,
            optimizer=self.optimizer, batch_size=self.batch_size, epochs=self.epochs,
            seed=self.seed, record=self.record, validation=self.parts.validation,
            signal_every=max(1, self.updates // SIGNAL_ROWS), progress=True,
            patience=self.settings["patience"], monitor=monitor, checkpoint=out,
            config=self.config,
        )  # fmt: skip


# Optimizers that look at all data at once.
WHOLE = ("lbfgs", "newton-cg")

# Options that a model has no use for.
UNUSED = {
    "softmax": ("hidden", "channels", "cell", "activation"),
    "mlp": ("channels", "cell"),
    "cnn": ("cell",),
    "rnn": ("channels", "activation"),
    "deep-linear": ("channels", "cell", "activation"),
    "tiny-segmenter": ("hidden", "cell", "activation"),
    "tiny-detector": ("cell", "activation"),
}


def _refuse_unused(settings: dict[str, Any]) -> None:
    """An option that would change nothing is an error, not a silence."""
    for name in UNUSED[settings["model"]]:
        if settings[name] is not None:
            raise InputError(
                f"--{name} means nothing to --model {settings['model']}",
                hint=f"leave it out, or choose --model {_fitting(name)}.",
            )


def _fitting(option: str) -> str:
    """The models that an option means something to."""
    return " or ".join(model for model, unused in UNUSED.items() if option not in unused)


def _or(value: Any, default: Any) -> Any:
    """The value, or the default where there is none (0 is a value)."""
    return default if value is None else value


def _loss(parts: Prepared, name: str | None, model: str) -> Any:
    """The loss by its name; it must be one for classes exactly where there are classes."""
    classes = bool(parts.dataset.classes)
    fits = losses_for(model, classes)
    if name is not None and name not in fits:
        what = TASKS.get(model) or ("classes" if classes else "numbers")
        raise InputError(
            f"--loss {name} does not fit {parts.dataset.name}, whose targets are {what}",
            hint=f"choose among {', '.join(fits)}.",
        )
    return LOSSES[name or fits[0]]


def _net(job: _Job, hidden: tuple[int, ...]) -> Net:
    from diffkit.nets import models

    parts, settings = job.parts, job.settings
    if job.model in TASKS:
        return _net_of_images(job, hidden)
    features = parts.training[0].shape[1]
    outputs = len(parts.dataset.classes) or parts.training[1].shape[1]
    activation = _or(settings["activation"], "relu")
    if job.model == "cnn":
        channels = _or(settings["channels"], CHANNELS)
        shape = _image_shape(parts)
        return models.cnn(shape, channels, outputs, hidden, activation=activation)
    if job.model == "rnn":
        units, depth = _units(hidden)
        cell = _or(settings["cell"], CELLS[0])
        return models.rnn(_sequence_shape(parts), units, outputs, cell, depth)
    if job.model == "softmax":
        return models.softmax_classifier(features, outputs)
    if job.model == "deep-linear":
        return models.deep_linear([features, *hidden, outputs])
    return models.mlp([features, *hidden, outputs], activation=activation)


def _net_of_images(job: _Job, hidden: tuple[int, ...]) -> Net:
    """A segmenter or a detector, with two numbers of channels."""
    from diffkit.nets import models

    data: Any = job.parts.dataset
    channels = {} if job.settings["channels"] is None else {"channels": job.settings["channels"]}
    if job.model == "tiny-segmenter":
        return models.tiny_segmenter(job.parts.shape, len(data.classes), **channels)
    if len(hidden) != 1:
        words = ",".join(map(str, hidden))
        raise InputError(f"--hidden {words}: a tiny-detector has one hidden layer", hint="32.")
    return models.tiny_detector(job.parts.shape, len(data.kinds), hidden=hidden[0], **channels)


def _units(hidden: tuple[int, ...]) -> tuple[int, int]:
    """How many units an RNN remembers with, and in how many layers: 32,32 are two of 32."""
    if len(set(hidden)) != 1:
        raise InputError(
            f"--hidden {','.join(map(str, hidden))} has layers of different sizes",
            hint="the layers of --model rnn have one size, as --hidden 32,32.",
        )
    return hidden[0], len(hidden)


def _sequence_shape(parts: Prepared) -> tuple[int, int]:
    """Steps and features of the examples; an image is read row by row."""
    if len(parts.shape) == 2:
        return parts.shape[0], parts.shape[1]
    height, width, channels = _image_shape(parts, "an RNN needs sequences or images")
    return height, width * channels


def _image_shape(parts: Prepared, needs: str = "a CNN needs images") -> tuple[int, ...]:
    """Height, width and channels of the examples; rows of n² numbers are square images."""
    if len(parts.shape) == 3:
        return parts.shape
    if len(parts.shape) == 2:
        return (*parts.shape, 1)
    side = math.isqrt(parts.shape[0])
    if side * side != parts.shape[0] or side < 2:
        raise InputError(
            f"{needs}, but {parts.dataset.name} has {parts.shape[0]} features per example",
            hint="use --model mlp, or an NPZ file with x of shape (n, height, width, channels), "
            "or (n, steps, features) for sequences.",
        )
    return side, side, 1


def _prepare(out: Path) -> None:
    """Make the folder first: a long training should not end at a place it cannot write to."""
    if (kept := keep_earlier_run(out)) is not None:
        click.echo(f"{out} held a run: it is kept as {kept}", err=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
        config = out / "config.json"
        new = not config.exists()
        config.touch()
        if new:  # nothing half-made is left behind by a training that is interrupted
            config.unlink()
    except OSError as error:
        raise InputError(
            f"cannot write to {out}: {error.strerror}", hint="name a folder you may write to."
        ) from error
