"""``diffkit resume``: go on with a training that was killed, from its last whole epoch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from diffkit.cli.runs import finish, quietly
from diffkit.errors import CheckpointError

__all__ = ["resume"]

EXAMPLES = """\b
Examples:
  diffkit train digits --model cnn --out runs/cnn    (the computer goes down)
  diffkit resume runs/cnn
  diffkit resume runs/own --data moved/table.csv --json

Exit codes: 0 trained, 1 diverged, 2 wrong input, 130 interrupted again."""


@click.command(epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", metavar="FILE", help="Where the data are now, if the file was moved.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def resume(folder: Path, data: str | None, as_json: bool) -> None:
    """Go on with the training in FOLDER and finish it, to the same bits as without the stop.

    FOLDER was made by `diffkit train … --out FOLDER`.  At most the last epoch is done once more.
    A training that had come to its end is not trained again; its report is written anew.
    """
    from diffkit.training.checkpoint import read_checkpoint
    from diffkit.training.describing import rebuilt
    from diffkit.training.preparing import prepared
    from diffkit.training.resume import resume as resume_run

    found = read_checkpoint(folder)
    config: Any = rebuilt(found.header.get("config"), found.arrays)
    recipe = config.get("recipe") if isinstance(config, dict) else None
    if not isinstance(recipe, dict):
        raise CheckpointError(
            f"the training in {folder} was begun by a program, which has its data and its loss",
            hint="go on there: dk.resume(path, loss=…, data=…).",
        )
    parts = prepared(recipe | ({} if data is None else {"data": data}))
    began = time.perf_counter()
    run = quietly(
        resume_run, folder, data=parts.training, validation=parts.validation, progress=True
    )
    out = folder if folder.suffix != ".npz" else folder.parent
    seconds = time.perf_counter() - began
    if len(run.history["epoch_loss"]) == found.header["epoch"] and not run.interrupted:
        seconds = _seconds_before(out, seconds)
    finish(run, parts, out, as_json, seconds)


def _seconds_before(out: Path, otherwise: float) -> float:
    """What the training took, where it was not trained again and its folder says so."""
    try:
        return float(json.loads((out / "config.json").read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return otherwise
