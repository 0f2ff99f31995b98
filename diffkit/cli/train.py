"""``diffkit train``: train a small net on real data and keep everything it did.

The defaults are recipes: for each model an optimizer, a rate and a number of updates with which
it learns the digits.  A run folder holds the settings, the history, the learning signal, the
weights and two pictures; nothing in it is code.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.main import FAILED, INTERRUPTED
from diffkit.cli.shared import SCHEMA, on_terminal, suggest, write_json, write_rows
from diffkit.errors import DivergenceWarning, InputError, InterruptedTrainingWarning

if TYPE_CHECKING:
    import numpy as np

    from diffkit.nets.models import Net
    from diffkit.training.run import Run

__all__ = ["train"]

EXAMPLES = """\b
Examples:
  diffkit train digits --model mlp --out run
  diffkit train digits --model cnn --out run --json
  diffkit train two-moons --model mlp --hidden 16,16 --activation tanh --out moons
  diffkit train table.csv --model softmax --optimizer sgd --rate 0.1 --epochs 50"""


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
}
CHANNELS = (16, 32)
BATCH = 32
MOMENTUM = 0.9
STEPS_PER_TRAINING = 3  # of the step schedule: a tenth of the rate after each third
DECAY = 0.01  # of the exponential schedule: the last rate over the first
FEWEST = 10  # examples; with fewer none are held out
SIGNAL_ROWS = 500
OPTIMIZERS = ("gd", "sgd", "momentum", "nesterov", "adam")
SCHEDULES = ("constant", "step", "exponential", "cosine", "one-cycle")


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


@click.command(epilog=EXAMPLES)
@click.argument("data")
@click.option("--model", type=click.Choice(list(RECIPES)), default="mlp", show_default=True)
@click.option("--hidden", type=Sizes(), help="Sizes of the hidden layers, as 64,32.")
@click.option("--channels", type=Sizes(), help="Filters of the CNN, layer by layer [16,32].")
@click.option("--activation", metavar="NAME", help="Of the hidden layers [relu].")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="[enough for the model]")
@click.option("--batch-size", type=BatchSize(), help="A number, or full [32].")
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), default="adam", show_default=True)
@click.option("--rate", type=float, metavar="RATE", help="Learning rate [suits the model].")
@click.option("--schedule", type=click.Choice(SCHEDULES), default="one-cycle", show_default=True)
@click.option("--l2", type=float, metavar="L2", help="Weight decay [suits the model].")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The run's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def train(data: str, out: Path | None, as_json: bool, **settings: Any) -> None:
    """Train a net on DATA and print its accuracy on examples it has not seen.

    DATA is digits, iris, two-moons, spirals, xor, or the path of a CSV or NPZ file.
    """
    job = _Job(data, **settings)
    if out is not None:
        _prepare(out)
    if not as_json and on_terminal():
        click.echo(f"{job.counts}\n{job.net!r}")
    began = time.perf_counter()
    run = job.run()
    report = job.report(run, time.perf_counter() - began)
    run.config = job.config | {key: report[key] for key in MEASURES}
    if out is not None:
        run.save(out)
        _pictures(run, job, out)
    _write(report | {"out": None if out is None else str(out)}, as_json)
    if run.diverged is not None:
        click.echo(f"diffkit train: {run.diverged}", err=True)
        raise click.exceptions.Exit(FAILED)
    if run.interrupted:
        kept = "nothing was saved" if out is None else f"what it had is in {out}"
        click.echo(f"diffkit train: interrupted in epoch {report['epochs'] + 1}; {kept}", err=True)
        raise click.exceptions.Exit(INTERRUPTED)


MEASURES = ("test_accuracy", "test_loss", "training_accuracy", "training_loss", "seconds")


class _Job:
    """Data, net, loss and settings of one training."""

    def __init__(self, data: str, **settings: Any) -> None:
        from diffkit.nets.datasets import load

        recipe = RECIPES[settings["model"]]
        self.model, self.seed = settings["model"], settings["seed"]
        _refuse_unused(settings)
        self.dataset = load(data)
        self.train_data, self.test_data, self.held_out = _parts(self.dataset)
        self.net = _net(self, _or(settings["hidden"], recipe.hidden), settings)
        l2 = _or(settings["l2"], recipe.l2)
        self.loss = self.net.with_loss(_loss(), l2=l2)
        n = len(self.train_data[0])
        size = _or(settings["batch_size"], min(BATCH, n))
        self.batch_size: int = n if size == "full" else size
        per_epoch = math.ceil(n / self.batch_size)
        self.epochs: int = _or(settings["epochs"], math.ceil(recipe.updates / per_epoch))
        self.updates = self.epochs * per_epoch
        rate = _or(settings["rate"], recipe.rate)
        schedule = _schedule(settings["schedule"], rate, self.updates)
        self.optimizer = _optimizer(settings["optimizer"], schedule)
        self.config = {
            "data": self.dataset.name, "source": self.dataset.source, "model": self.model,
            "net": repr(self.net), "parameters": self.net.parameter_count, "l2": l2,
            "training_examples": n, "test_examples": self.held_out,
        }  # fmt: skip

    @property
    def counts(self) -> str:
        """How many examples there are, in words."""
        n = len(self.train_data[0])
        if not self.held_out:
            return f"{self.dataset.name}: {n} examples, too few to hold any out for a test"
        return f"{self.dataset.name}: {n:,} examples to learn from, {self.held_out:,} for the test"

    def run(self) -> Run:
        """The training, with a progress bar on a terminal."""
        from diffkit.training.loop import train as train_net

        with warnings.catch_warnings():
            for kind in (DivergenceWarning, InterruptedTrainingWarning):
                warnings.simplefilter("ignore", kind)  # reported at the end, in a line
            return train_net(
                self.loss, self.net.init(self.seed), self.train_data,
                optimizer=self.optimizer, batch_size=self.batch_size, epochs=self.epochs,
                seed=self.seed, record=("loss", "signal"), validation=self.test_data,
                signal_every=max(1, self.updates // SIGNAL_ROWS), progress=True,
            )  # fmt: skip

    def report(self, run: Run, seconds: float) -> dict[str, Any]:
        """What came out, as numbers."""
        import numpy as np

        with np.errstate(all="ignore"):
            values = {
                f"{part}_{name}": float(measure(run.params, *rows))
                for part, rows in (("test", self.test_data), ("training", self.train_data))
                for name, measure in (("accuracy", self.net.accuracy), ("loss", self.loss))
            }
        diverged = str(run.diverged) if run.diverged else None
        return {
            "schema": SCHEMA, **self.config, **values,
            "epochs": len(run.history["epoch_loss"]),  # those that were finished
            "updates": len(run.history["loss"]), "seed": self.seed,
            "optimizer": repr(run.optimizer), "diverged": diverged,
            "interrupted": run.interrupted, "seconds": seconds,
        }  # fmt: skip


Rows = tuple["np.ndarray", "np.ndarray"]

# Options that a model has no use for.
UNUSED = {"softmax": ("hidden", "channels", "activation"), "mlp": ("channels",), "cnn": ()}


def _refuse_unused(settings: dict[str, Any]) -> None:
    """An option that would change nothing is an error, not a silence."""
    for name in UNUSED[settings["model"]]:
        if settings[name] is not None:
            raise InputError(
                f"--{name} means nothing to --model {settings['model']}",
                hint="leave it out, or choose --model mlp or cnn.",
            )


def _or(value: Any, default: Any) -> Any:
    """The value, or the default where there is none (0 is a value)."""
    return default if value is None else value


def _parts(dataset: Any) -> tuple[Rows, Rows, int]:
    """Training data, test data and how many are held out; features are standardised.

    The digits stay as they are: pixels from 0 to 1.
    """
    from diffkit.nets.datasets import standardise

    if not dataset.classes:
        raise InputError(
            f"{dataset.name} has no classes, and this command trains classifiers",
            hint="use whole numbers or words as targets, or dk.train with dk.losses.mse.",
        )
    if len(dataset) < FEWEST:
        data = (standardise(dataset.x)[0], dataset.y)
        return data, data, 0
    x, x_test, y, y_test = dataset.split()
    if dataset.name != "digits":
        x, x_test, _ = standardise(x, x_test)
    return (x, y), (x_test, y_test), len(x_test)


def _loss() -> Any:
    from diffkit.nets.losses import cross_entropy

    return cross_entropy


def _net(job: _Job, hidden: tuple[int, ...], settings: dict[str, Any]) -> Net:
    from diffkit.nets import models

    x, classes = job.train_data[0], len(job.dataset.classes)
    features = math.prod(x.shape[1:])
    job.train_data, job.test_data = (  # rows of numbers: a CNN makes images of them again
        (part[0].reshape(len(part[0]), features), part[1])
        for part in (job.train_data, job.test_data)
    )
    activation = _or(settings["activation"], "relu")
    if job.model == "cnn":
        channels = _or(settings["channels"], CHANNELS)
        return models.cnn(_image_shape(job, x), channels, classes, hidden, activation=activation)
    if job.model == "softmax":
        return models.softmax_classifier(features, classes)
    return models.mlp([features, *hidden, classes], activation=activation)


def _image_shape(job: _Job, x: Any) -> tuple[int, int, int]:
    """Height, width and channels of the examples; rows of n² numbers are square images."""
    if x.ndim == 4:
        return x.shape[1:]
    if x.ndim == 3:
        return (*x.shape[1:], 1)
    side = math.isqrt(x.shape[1])
    if side * side != x.shape[1] or side < 2:
        raise InputError(
            f"a CNN needs images, but {job.dataset.name} has {x.shape[1]} features per example",
            hint="use --model mlp, or an NPZ file with x of shape (n, height, width, channels).",
        )
    return side, side, 1


def _schedule(name: str, rate: float, updates: int) -> Any:
    from diffkit.optim import schedules

    return {
        "constant": lambda: schedules.constant(rate),
        "step": lambda: schedules.step(rate, every=-(-updates // STEPS_PER_TRAINING)),
        "exponential": lambda: schedules.exponential(rate, DECAY ** (1 / updates)),
        "cosine": lambda: schedules.cosine(rate),
        "one-cycle": lambda: schedules.one_cycle(rate),
    }[name]()


def _optimizer(name: str, schedule: Any) -> Any:
    from diffkit import optim

    return {
        "gd": lambda: optim.gradient_descent(schedule),
        "sgd": lambda: optim.sgd(schedule),
        "momentum": lambda: optim.sgd(schedule, MOMENTUM),
        "nesterov": lambda: optim.sgd(schedule, MOMENTUM, nesterov=True),
        "adam": lambda: optim.adam(schedule),
    }[name]()


# Output -----------------------------------------------------------------------------------------


def _prepare(out: Path) -> None:
    """Make the folder first: a long training should not end at a place it cannot write to."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        config = out / "config.json"
        new = not config.exists()
        config.touch()
        if new:  # nothing half-made is left behind by a training that is interrupted
            config.unlink()
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}", hint="--out DIR") from error


def _pictures(run: Run, job: _Job, out: Path) -> None:
    """curves.png and signal.png; for points in the plane also boundary.png."""
    if not run.history["loss"]:
        return
    import matplotlib

    matplotlib.use("Agg")
    from diffkit.plots.training import save_pictures

    save_pictures(run, out, job.net, job.train_data)


def _write(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        write_json(report)
    elif on_terminal():
        _write_words(report)
    else:
        write_rows(["name", "value"], [(key, report[key]) for key in report if key != "schema"])


def _write_words(report: dict[str, Any]) -> None:
    kind = "test" if report["test_examples"] else "training"
    click.echo(
        f"{kind} accuracy {report[f'{kind}_accuracy']:.1%} after {report['epochs']} epochs "
        f"({report['updates']:,} updates, {report['seconds']:.1f} s)"
    )
    if report["out"] is not None:
        click.echo(f"everything is in {report['out']}")
        digits = report["data"] == "digits"
        case = f"compare --case {report['model']}-digits" if digits else "gallery --only signal"
        suggest(f"diffkit {case}")
    else:
        suggest("the same with --out DIR keeps weights, history and pictures")
