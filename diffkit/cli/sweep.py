"""``diffkit sweep``: train over a grid of settings and several seeds, and say which is best.

Every option that ``diffkit train`` has takes several values here, with commas between.  The best
setting is chosen by a validation part that is held out of the training data, so that the test
accuracy beside it is one of examples that decided nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import data_sets, listed
from diffkit.cli.main import FAILED, INTERRUPTED
from diffkit.cli.runs import quietly
from diffkit.cli.shared import on_terminal, suggest, write_json, write_rows
from diffkit.cli.train import CELLS, RECIPES, BatchSize, Sizes
from diffkit.cli.words import shell_words
from diffkit.errors import InputError
from diffkit.training.choices import LOSSES, OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from diffkit.training.sweep import Setting, Sweep

__all__ = ["sweep"]

EXAMPLES = """\b
Examples:
  diffkit sweep digits --rate 0.01,0.1 --optimizer sgd,adam --out runs/sweep
  diffkit sweep iris --model softmax,mlp --l2 0,0.001 --epochs 50
  diffkit sweep two-moons --hidden 8 --hidden 16,16 --seeds 3 --jobs -1
  diffkit sweep table.csv --target label --rate 0.003,0.01,0.03 --json

The same command again goes on where it was stopped, if it has --out; a grid that has grown is
completed.  Exit codes: 0 done, 1 no setting could be trained, 2 wrong input, 130 interrupted."""

TRIALS, TABLE, REPORT, PICTURE = "trials.jsonl", "trials.csv", "sweep.json", "sweep.png"
# How a part of the data is measured, of an objective: IoU where there are masks or boxes.
KINDS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "iou": lambda loss: loss.overlap,
    "accuracy": lambda loss: loss.accuracy,
    "loss": lambda loss: loss,
}
CHOSEN_BY = "validation_loss"


class Several(click.ParamType):
    """Values of another type with commas between, as 0.01,0.1; none twice."""

    def __init__(self, kind: Any) -> None:
        self.kind = click.types.convert_type(kind)
        self.name = f"{self.kind.name},…"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[Any]:
        """The last of several names, where the kind is a choice."""
        return listed(lambda: getattr(self.kind, "choices", ()))(ctx, param, incomplete)

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",") if word.strip()]
        found = tuple(self.kind.convert(word, param, ctx) for word in words)
        if not found or len(set(found)) < len(found):
            self.fail(f"{value!r} are not different values with commas between", param, ctx)
        return found


def _several(name: str, kind: Any, text: str, *others: str) -> Any:
    return click.option(name, *others, type=Several(kind), metavar="A,B,…", help=text)


@click.command(epilog=EXAMPLES)
@click.argument("data", shell_complete=data_sets)
@click.option("--target", metavar="COLUMN", help="Of a CSV file: heading or number [the last].")
@click.option("--regression", is_flag=True, help="A file's targets are numbers, not classes.")
@_several("--model", click.Choice(list(RECIPES)), f"Of {', '.join(RECIPES)} [mlp].")
@click.option("--hidden", type=Sizes(), multiple=True,
              help="Sizes of hidden layers, as 64,32; once for each choice.")  # fmt: skip
@click.option("--channels", type=Sizes(), multiple=True,
              help="Filters of the CNN, as 16,32; once for each choice.")  # fmt: skip
@_several("--cell", click.Choice(CELLS), "Of the RNN [gru].")
@_several("--activation", str, "Of the hidden layers [relu].")
@_several("--loss", click.Choice(list(LOSSES)), "As of `diffkit train` [cross-entropy, or mse].")
@_several("--optimizer", click.Choice(list(OPTIMIZERS)), "As of `diffkit train` [adam].")
@_several("--rate", float, "Learning rates [one that suits the model].")
@_several("--schedule", click.Choice(list(SCHEDULES)), "As of `diffkit train` [one-cycle].")
@_several("--l2", float, "Weight decay [suits the model].")
@_several("--batch-size", BatchSize(), "Numbers, or full [32].", "--batch")
@_several("--epochs", click.IntRange(1), "Times that all examples are seen [enough for the model].")
@click.option("--seeds", type=click.IntRange(1), metavar="N", default=1, show_default=True,
              help="Trainings of each setting, with seeds from 0.")  # fmt: skip
@click.option("--jobs", type=int, metavar="N", default=1, show_default=True,
              help="Processes; -1 is one for each core.")  # fmt: skip
@click.option(
    "--by", metavar="MEASURE", help="What is best by [validation_iou, _accuracy or _loss]."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The sweep's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def sweep(
    data: str, target: str | None, seeds: int, jobs: int, by: str | None, out: Path | None,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Train on DATA with every combination of settings, and print which is best.

    DATA is what `diffkit train` takes.  A fifth of the training data is held out, by which settings
    are compared; the test data are only measured.  With --out, every finished training is kept at
    once, and never done again.
    """
    from diffkit.training.sweep import sweep as swept

    grid, names = _grid(data, target, given)
    if by is not None and by not in names:
        raise InputError(f"there is no measure {by!r}", hint=f"--by is of {', '.join(names)}.")
    file = None if out is None else _file(out)
    found = swept(trained, grid, seeds=seeds, jobs=jobs, resume=file, progress=not as_json)
    best = _best(found, by)
    if out is not None and found.measures:
        _keep(found, out, None if best is None else found.measure(by))
    _write(found, best, out, as_json)
    if found.interrupted:
        kept = "nothing was kept" if out is None else f"what was done is in {out}"
        click.echo(f"diffkit sweep: interrupted, {found.waiting} to do; {kept}", err=True)
        raise click.exceptions.Exit(INTERRUPTED)
    if best is None:
        click.echo("diffkit sweep: no setting could be trained with every seed", err=True)
        raise click.exceptions.Exit(FAILED)


def trained(data: str, seed: int, **settings: Any) -> dict[str, float]:
    """One training, measured on the validation part and on the test part."""
    import numpy as np

    from diffkit.training.loop import train

    job = _job(data, seed, settings)
    run = quietly(
        train, job.loss, job.net.init(seed), job.parts.training, optimizer=job.optimizer,
        batch_size=job.batch_size, epochs=job.epochs, seed=seed, validation=job.parts.validation,
    )  # fmt: skip
    if run.interrupted:
        raise KeyboardInterrupt
    last = {name: values[-1] for name, values in run.history.items() if values}
    with np.errstate(all="ignore"):
        for kind in KINDS:
            last[f"test_{kind}"] = KINDS[kind](job.loss)(run.params, *job.parts.test)
    return {name: float("nan") if run.diverged else float(last.get(name, "nan"))
            for name in _measures(job)}  # fmt: skip


def _measures(job: Any) -> tuple[str, ...]:
    """What a training is measured by: the last is of the test part."""
    kinds = ["iou"] * job.loss.overlaps + ["accuracy"] * job.loss.classifies + ["loss"]
    return (*(f"validation_{kind}" for kind in kinds), f"test_{kinds[0]}")


def _job(data: str, seed: int, settings: dict[str, Any]) -> Any:
    """The training that ``diffkit train`` makes of these settings, with a part to choose by."""
    from diffkit.cli.train import _Job, train

    words = [str(data), "--monitor", CHOSEN_BY, "--seed", str(seed)]
    for name, value in settings.items():
        words += [_option(name)] if value is True else [_option(name), str(value)]
    with train.make_context("train", words) as context:
        options = context.params
    for name in ("data", "out", "as_json"):
        del options[name]
    return _Job(data, **options)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _grid(
    data: str, target: str | None, given: dict[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings that were given, and what will be measured.

    Every combination is made once, so that errors come first.
    """
    from diffkit.training.sweep_grid import points_of

    sizes = {name: [",".join(map(str, each)) for each in given.pop(name)]
             for name in ("hidden", "channels")}  # fmt: skip
    grid: dict[str, Any] = {"data": data, "target": target, **sizes, **given}
    grid = {name: values for name, values in grid.items() if values}
    names: dict[str, None] = {}
    for _, settings in points_of(grid):
        job = _job(seed=0, **{"data": settings.pop("data"), "settings": settings})
        names |= dict.fromkeys(_measures(job))
    return grid, tuple(names)


def _file(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write to {out}: {error.strerror}", hint="name a folder you may write to."
        ) from error
    return out / TRIALS


# Output -----------------------------------------------------------------------------------------


def _best(found: Sweep, by: str | None) -> Setting | None:
    """The best setting; None where every one has a seed that failed or diverged."""
    if not found.measures:
        return None
    name = found.measure(by)
    whole = any(math.isfinite(setting.mean(name)) for setting in found.settings)
    return found.best(name) if whole else None


def _keep(found: Sweep, out: Path, by: str | None) -> None:
    """The table, the report and, where there is anything to draw, the picture."""
    import matplotlib

    matplotlib.use("Agg")
    from diffkit.plots.style import save

    (out / TABLE).write_text(found.to_csv(), encoding="utf-8")
    (out / REPORT).write_text(found.to_json() + "\n", encoding="utf-8")
    if by is not None:
        save(found.plot(by).figure, out / PICTURE)


def _write(found: Sweep, best: Setting | None, out: Path | None, as_json: bool) -> None:
    if as_json:
        chosen = {} if best is None else {"settings": best.settings} | _means(best, found)
        write_json(found.to_dict() | {"best": chosen or None, "out": out and str(out)})
    elif on_terminal():
        _write_words(found, best, out)
    else:
        header = [*found.names, "seed", *found.measures, "seconds", "failed"]
        write_rows(header, [
            [*(t.settings.get(name) for name in found.names), t.seed,
             *(t.measures.get(name) for name in found.measures), t.seconds, t.failed]
            for t in found
        ])  # fmt: skip


def _means(setting: Setting, found: Sweep) -> dict[str, Any]:
    return {name: setting.mean(name) for name in found.measures}


def _write_words(found: Sweep, best: Setting | None, out: Path | None) -> None:
    from rich import print as show

    show(found.table())
    if best is None:
        return
    means = ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}" for name, value in _means(best, found).items()
    )
    click.echo(f"\nbest: {means}")
    if out is not None:
        click.echo(f"everything is in {out}")
    options = [_option(name) if value is True else f"{_option(name)} {value}"
               for name, value in best.settings.items() if name != "data"]  # fmt: skip
    suggest(" ".join(["diffkit train", shell_words(best.settings["data"]), *options, "--out run"]))
