"""How a training on the command line ends: measured, kept in its folder, and told.

``diffkit train`` and ``diffkit resume`` end alike, so a run that was killed leaves what one that
was not would have left.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.main import FAILED, INTERRUPTED
from diffkit.cli.shared import SCHEMA, on_terminal, suggest, write_json, write_rows
from diffkit.cli.words import shell_words
from diffkit.errors import DivergenceWarning, InputError, InterruptedTrainingWarning

if TYPE_CHECKING:
    from diffkit.training.preparing import Prepared
    from diffkit.training.run import Run

__all__ = ["MEASURES", "finish", "keep_earlier_run", "quietly"]

MEASURES = ("test_accuracy", "test_explained", "test_iou", "test_loss", "training_accuracy",
            "training_explained", "training_iou", "training_loss", "seconds")  # fmt: skip
# What is said of a run, but not in the list of its numbers.
UNSAID = ("schema", "recipe")


def quietly(training: Callable[..., Run], *arguments: Any, **options: Any) -> Run:
    """A training whose ending is reported in a line of its own, and not by a warning."""
    with warnings.catch_warnings():
        for kind in (DivergenceWarning, InterruptedTrainingWarning):
            warnings.simplefilter("ignore", kind)
        return training(*arguments, **options)


OF_A_RUN = ("config.json", "checkpoint.npz")  # a folder with one of them holds a run


def keep_earlier_run(out: Path) -> Path | None:
    """Move a run that is in the folder already to a numbered neighbour, which is returned.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = Path(folder, "mlp")
    ...     out.mkdir()
    ...     _ = (out / "config.json").write_text("{}")
    ...     keep_earlier_run(out).name, out.exists()
    ('mlp.1', False)

    Raises
    ------
    InputError
        If the folder cannot be moved, as the one that the command runs in.
    """
    if not any((out / name).exists() for name in OF_A_RUN):
        return None
    names = (out.with_name(f"{out.name}.{number}") for number in count(1))
    try:
        kept = next(name for name in names if not name.exists())
        return out.rename(kept)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{out} holds a run already, and cannot be moved", hint="name another folder by --out."
        ) from error


def finish(run: Run, parts: Prepared, out: Path | None, as_json: bool, seconds: float) -> None:
    """Measure the run, save it, print what came out, and give the exit code."""
    if not run.config["recipe"]["choose"]:  # chosen by the test data, it would be no test any more
        run.best = None
    if run.best is not None and not run.interrupted:
        run.params = run.best.params
    best = None if run.best is None else run.best.epoch
    report = _report(run, parts, seconds) | {"best_epoch": best}
    run.config |= {key: report[key] for key in MEASURES}
    if out is not None:
        run.save(out)
        _pictures(run, parts, out)
    _write(report | {"out": None if out is None else str(out)}, as_json)
    _exit(run, report, out)


def _exit(run: Run, report: dict[str, Any], out: Path | None) -> None:
    if run.diverged is not None:
        click.echo(f"diffkit train: {run.diverged}", err=True)
        raise click.exceptions.Exit(FAILED)
    if run.interrupted:
        kept = "nothing was saved" if out is None else f"go on with diffkit resume {out}"
        click.echo(f"diffkit train: interrupted in epoch {report['epochs'] + 1}; {kept}", err=True)
        raise click.exceptions.Exit(INTERRUPTED)


def _explained(run: Run, x: Any, y: Any) -> float:
    """The share of the targets' variance that the net explains, R² = 1 − Σ(ŷ−y)² / Σ(y−ȳ)²."""
    import numpy as np

    net: Any = getattr(run.loss, "net", None)
    return float(1 - np.sum((net(run.params, x) - y) ** 2) / np.sum((y - y.mean(axis=0)) ** 2))


def _report(run: Run, parts: Prepared, seconds: float) -> dict[str, Any]:
    """What came out, as numbers; those of a regression are in units of the scaled targets."""
    import numpy as np

    loss: Any = run.loss
    values: dict[str, float | None] = {}
    with np.errstate(all="ignore"):
        for part, rows in (("test", parts.test), ("training", parts.training)):
            right = loss.accuracy(run.params, *rows)
            values[f"{part}_accuracy"] = None if right is None else float(right)
            values[f"{part}_explained"] = _explained(run, *rows) if right is None else None
            values[f"{part}_iou"] = loss.overlap(run.params, *rows)
            values[f"{part}_loss"] = float(loss(run.params, *rows))
    return {
        "schema": SCHEMA, **run.config, **values,
        "epochs": len(run.history["epoch_loss"]),  # those that were finished
        "updates": len(run.history["loss"]), "seed": run.batches.seed,
        "optimizer": repr(run.optimizer), "engine": run.engine,
        "diverged": str(run.diverged) if run.diverged else None, "stopped": run.stopped,
        "interrupted": run.interrupted, "seconds": seconds,
    }  # fmt: skip


def _pictures(run: Run, parts: Prepared, out: Path) -> None:
    """curves.png and signal.png, what fits the task (boundary, masks, boxes), and the report."""
    if not run.history["loss"]:
        return
    import matplotlib

    matplotlib.use("Agg")
    from diffkit.cli.run_report import write_report
    from diffkit.plots.training import save_pictures

    net: Any = getattr(run.loss, "net")  # noqa: B009  of any loss
    save_pictures(run, out, net, parts.training, found=parts.examples)
    write_report(run, parts, out)


def _write(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        write_json(report)
    elif on_terminal():
        _write_words(report)
    else:
        rows = [(key, value) for key, value in report.items() if key not in UNSAID]
        write_rows(["name", "value"], rows)


def _write_words(report: dict[str, Any]) -> None:
    kind = "test" if report["test_examples"] else "training"
    accuracy, share = report[f"{kind}_accuracy"], report[f"{kind}_explained"]
    words = f"variance explained {share:.1%}" if accuracy is None else f"accuracy {accuracy:.1%}"
    if (overlap := report[f"{kind}_iou"]) is not None:
        words = f"IoU {overlap:.1%}, {words}"
    after = f"after {_count(report['epochs'], 'epoch')}"
    if report["best_epoch"] is not None:
        after = f"at the best of {report['epochs']} epochs, {report['best_epoch']}"
    updates = _count(report["updates"], "update")
    click.echo(f"{kind} {words} {after} ({updates}, {report['seconds']:.1f} s)")
    if report["stopped"]:
        click.echo(f"stopped: {report['stopped']}")
    if report["out"] is not None:
        click.echo(f"everything is in {report['out']}; open report.html there")
        suggest(f"diffkit signal {report['out']}")
    else:
        recipe = report["recipe"]
        click.echo("nothing was kept: --out FOLDER keeps weights, history and pictures")
        suggest(shell_words("diffkit", "train", recipe["data"], "--model", report["model"],
                            "--out", "run"))  # fmt: skip


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
