"""``diffkit signal``: how the gradient travelled back through a net while it was trained."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import SCHEMA, on_terminal, suggest, write_json, write_rows
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.training.signal import Signal
    from diffkit.training.verdict import SignalVerdict

__all__ = ["signal"]

EXAMPLES = """\b
Examples:
  diffkit train digits --model cnn --out runs/cnn
  diffkit signal runs/cnn
  diffkit signal runs/cnn --picture signal.png --dark
  diffkit signal runs/cnn --json

Exit codes: 0 done, 2 there is no signal in that folder."""

FILE_NAME = "signal.json"
PICTURES = (".png", ".svg", ".pdf")


@click.command(epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path),
              help="Draw it: a PNG, SVG or PDF file.")  # fmt: skip
@click.option("--dark", is_flag=True, help="Draw it on a dark background.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def signal(folder: Path, picture: Path | None, dark: bool, as_json: bool) -> None:
    """Show the learning signal of the run in FOLDER, layer by layer, with a verdict.

    A layer's activation is a and its cotangent ∂L/∂a; what is left of the signal is measured
    against the last layer.  Of the parameters W, gradients and relative updates are shown.  A run
    that is still going, or was killed, is read from its checkpoint.
    """
    from diffkit.training.verdict import judge, measured_series

    recorded = _recorded(folder)
    verdict = judge(recorded)
    if picture is not None:
        _draw(recorded, picture, dark)
    if as_json:
        write_json(_document(verdict, picture) | {"between": recorded.between})
    elif on_terminal():
        _write_tables(verdict, folder, picture, measured_series(recorded))
    else:
        measured = [("measured", name, values[0], values[-1], "")
                    for name, values in measured_series(recorded).items()]  # fmt: skip
        write_rows(["kind", "name", "first", "last", "verdict"], _rows(verdict) + measured)


def _recorded(folder: Path) -> Signal:
    """The signal of a run's folder, or of its checkpoint."""
    from diffkit.training.checkpoint import checkpoint_file, read_checkpoint
    from diffkit.training.describing import rebuilt
    from diffkit.training.signal import Signal

    file = folder / FILE_NAME
    try:
        if file.is_file():
            return Signal.from_dict(json.loads(file.read_text(encoding="utf-8")))
        if checkpoint_file(folder).is_file():
            kept = read_checkpoint(folder)
            return Signal.from_dict(rebuilt(kept.header["signal_rows"], kept.arrays))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file} is damaged: {error!r:.60}", hint="train again.") from None
    raise InputError(
        f"there is no run in {folder}", hint="make one with diffkit train digits --out DIR."
    )


def _draw(recorded: Signal, picture: Path, dark: bool) -> None:
    if picture.suffix.lower() not in PICTURES:
        raise InputError(
            f"{picture.name} is no name of a picture", hint=f"end it in {', '.join(PICTURES)}."
        )
    if not recorded.steps:
        raise InputError("no signal was recorded", hint='train with record=("loss", "signal").')
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from diffkit.plots.style import save, use_style
    from diffkit.plots.training import plot_signal

    with use_style(dark):
        figure, axes = plt.subplots()
        plot_signal(recorded, axes, dark=dark)
        try:
            save(figure, picture)
        except OSError as error:
            raise InputError(f"cannot write {picture}: {error.strerror}") from error
        finally:
            plt.close(figure)


def _document(verdict: SignalVerdict, picture: Path | None) -> dict[str, Any]:
    return {"schema": SCHEMA, "sentence": verdict.sentence, "steps": verdict.steps,
            "layers": [asdict(layer) for layer in verdict.layers],
            "parameters": [asdict(one) for one in verdict.parameters],
            "picture": None if picture is None else str(picture)}  # fmt: skip


def _rows(verdict: SignalVerdict) -> list[tuple[Any, ...]]:
    if not verdict.steps:
        return []
    return [
        *((f"{what} norm", layer.name, norms[0], norms[-1], layer.verdict)
          for layer in verdict.layers
          for what, norms in (("activation", layer.activation), ("cotangent", layer.cotangent))),
        *((what, one.name, numbers[0], numbers[-1], one.verdict)
          for one in verdict.parameters
          for what, numbers in (("gradient norm", one.gradient), ("update ratio", one.ratio))),
    ]  # fmt: skip


def _write_tables(
    verdict: SignalVerdict, folder: Path, picture: Path | None,
    measured: dict[str, tuple[float, ...]],
) -> None:  # fmt: skip
    from rich.console import Console

    console = Console(highlight=False)
    console.print(verdict.sentence[:1].upper() + verdict.sentence[1:] + ".", style="bold")
    if verdict.steps:
        steps = f"{len(verdict.steps)} steps, from {verdict.steps[0]} to {verdict.steps[-1]}"
        console.print(f"{steps}; bars are logarithmic, each row's own\n", style="dim")
        console.print(_layer_table(verdict))
        console.print()
        console.print(_parameter_table(verdict))
    if measured:
        console.print()
        console.print(_measured_table(measured))
    if picture is not None:
        console.print(f"\n{picture}")
    else:
        suggest(f"diffkit signal {folder} --picture signal.png")


def _layer_table(verdict: SignalVerdict) -> Any:
    table = _table(("layer", "‖a‖", "‖∂L/∂a‖", "over the steps", "left", "verdict"))
    from diffkit.training.verdict import sparkline

    for layer in reversed(verdict.layers):  # as the signal travels
        numbers = (f"{layer.activation[-1]:.3g}", f"{layer.cotangent[-1]:.3g}")
        table.add_row(layer.name, *numbers, sparkline(layer.cotangent), f"{layer.left:.3g}",
                      _coloured(layer.verdict))  # fmt: skip
    return table


def _parameter_table(verdict: SignalVerdict) -> Any:
    table = _table(("parameter", "‖∂L/∂W‖", "‖ΔW‖/‖W‖", "over the steps", "", "verdict"))
    from diffkit.training.verdict import sparkline

    for one in reversed(verdict.parameters):
        numbers = (f"{one.gradient[-1]:.3g}", f"{one.ratio[-1]:.3g}")
        table.add_row(one.name, *numbers, sparkline(one.gradient), "", _coloured(one.verdict))
    return table


def _measured_table(measured: dict[str, tuple[float, ...]]) -> Any:
    table = _table(("measured", "first", "last", "over the run", "", ""))
    from diffkit.training.verdict import sparkline

    for name, values in measured.items():
        numbers = (f"{values[0]:.3g}", f"{values[-1]:.3g}")
        table.add_row(name, *numbers, sparkline(values))
    return table


def _table(headings: tuple[str, ...]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in (1, 2, 4) else "left",
                         overflow="fold" if place == 5 else "ellipsis")  # fmt: skip
    return table


def _coloured(verdict: str) -> Any:
    from rich.text import Text

    return Text(verdict, style="" if verdict == "fine" else "bold red")
