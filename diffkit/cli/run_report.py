"""``report.html`` of a run: one page with its numbers, pictures and signal, and nothing outside it.

Style and pictures are inlined, there is no script, and no request leaves the computer, so the page
can be mailed or archived as it is.  It follows the reader's light or dark setting.  The frame
stands in ``cli/templates``; this module fills it in, escaping all text.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from diffkit.cli.gallery_markup import png_size, template
from diffkit.cli.runs import MEASURES
from diffkit.training.verdict import SignalVerdict, judge, measured_series, sparkline

if TYPE_CHECKING:
    from diffkit.training.preparing import Prepared
    from diffkit.training.run import Run

__all__ = ["write_report"]

FILE_NAME = "report.html"
CAPTIONS = {
    "curves": "The loss of every update (thin) and of every epoch, on training and on held-out "
    "data. What lies between the two curves did not generalise.",
    "signal": "The norm of the learning signal at every layer (upwards) and step (to the right), "
    "as powers of ten. Where the colour stays the same from top to bottom, the signal arrives.",
    "boundary": "Where the net decides for one class or the other, with the training examples.",
    "masks": "Images that the net has not seen, the masks they should have, and the masks that it "
    "gives them. IoU is the overlap: common pixels over all that either covers.",
    "boxes": "Images that the net has not seen: the box there is (dashed) and the one it gives. "
    "IoU is the overlap: the common area over all that either covers.",
}
# Settings of config.json that stand elsewhere on the page, or say nothing to a reader.
LEFT_OUT = ("schema", "recipe", "diverged", "interrupted", "stopped", "best_epoch", "cost",
            *MEASURES)  # fmt: skip


def write_report(run: Run, parts: Prepared, out: Path) -> Path:
    """Write ``report.html`` into a run's folder, whose pictures are there already."""
    verdict = judge(run.signal)
    page = Template(template("run.html")).substitute(
        title=html.escape(_title(run)),
        style=template("page.css") + template("run.css"),
        summary=html.escape(_summary(run, parts)),
        notice=_notice(run),
        numbers="\n".join(_numbers(run)),
        figures="\n".join(_figures(run, parts, out)),
        sentence=html.escape(verdict.sentence[:1].upper() + verdict.sentence[1:] + "."),
        layers=_layers(verdict),
        parameters=_parameters(verdict),
        measures=_measures(run),
        settings=_settings(run),
        footer="Beside this page: <code>config.json</code>, <code>history.json</code>, "
        "<code>signal.json</code>, <code>weights.npz</code>, and <code>checkpoint.npz</code> with "
        "<code>checkpoint.history</code>.",
    )
    path = out / FILE_NAME
    path.write_text(page, encoding="utf-8")
    return path


def _title(run: Run) -> str:
    data, config = run.config.get("data", "data"), run.config
    known = config.get("test_examples")
    kind = "test" if known else "training"
    accuracy, share = (config.get(f"{kind}_{name}") for name in ("accuracy", "explained"))
    if run.diverged is not None:
        return f"{data}: the training diverged in epoch {run.diverged.epoch + 1}"
    if (overlap := config.get(f"{kind}_iou")) is not None:
        return (
            f"{data}: {overlap:.1%} overlap (IoU) with the truth in {'unseen ' * bool(known)}images"
        )
    if accuracy is not None:
        unseen = "unseen examples" if known else "its own examples"
        return f"{data}: {accuracy:.1%} of {unseen} are right"
    share = float("nan") if share is None else share
    return f"{data}: {share:.1%} of the variance {'of unseen examples ' * bool(known)}is explained"


def _summary(run: Run, parts: Prepared) -> str:
    epochs, updates = len(run.history["epoch_loss"]), len(run.history["loss"])
    n = len(parts.training[0])
    return (f"{run.config.get('net', '')}. {run.config.get('parameters', 0):,} parameters, learned "
            f"from {n:,} examples in {epochs} epochs, {updates:,} updates.")  # fmt: skip


def _notice(run: Run) -> str:
    """How the training ended, where it did not simply come to its end."""
    bad = [str(run.diverged)] if run.diverged is not None else []
    bad += ["the training was interrupted; it can be resumed"] if run.interrupted else []
    said = [f"Stopped early: {run.stopped}."] if run.stopped else []
    said += [f"These are the weights of the best epoch, {run.best.epoch}."] if run.best else []
    lines = [f'<p class="notice">{html.escape(words)}</p>' for words in bad]
    return "\n".join([*lines, *[f"<p>{html.escape(' '.join(said))}</p>"] * bool(said)])


def _numbers(run: Run) -> Iterator[str]:
    config = run.config
    for name, key, form in (
        ("overlap (IoU) on test data", "test_iou", ".1%"),
        ("overlap (IoU) on training data", "training_iou", ".1%"),
        ("right on test data", "test_accuracy", ".1%"),
        ("right on training data", "training_accuracy", ".1%"),
        ("variance explained, test data", "test_explained", ".1%"),
        ("variance explained, training data", "training_explained", ".1%"),
        ("loss on test data", "test_loss", ".4g"),
        ("loss on training data", "training_loss", ".4g"),
        ("seconds", "seconds", ".1f"),
    ):
        unseen = not key.startswith("test") or config.get("test_examples")
        if config.get(key) is not None and unseen:
            yield f"<div><dt>{name}</dt><dd>{config[key]:{form}}</dd></div>"


# Pictures -----------------------------------------------------------------------------------------


def _figures(run: Run, parts: Prepared, out: Path) -> Iterator[str]:
    """Every picture in both themes, as part of the page."""
    from diffkit.plots.training import save_pictures

    with TemporaryDirectory() as folder:
        net: Any = getattr(run.loss, "net", None)
        for dark in save_pictures(
            run, Path(folder), net, parts.training, dark=True, found=parts.examples
        ):  # fmt: skip
            light = out / dark.name
            caption = html.escape(CAPTIONS[dark.stem])
            images = f"{_image(light, 'light', caption)}{_image(dark, 'dark', caption)}"
            yield f"<figure>{images}<figcaption>{caption}</figcaption></figure>"


def _image(path: Path, theme: str, alt: str) -> str:
    content = path.read_bytes()
    width, height = png_size(content)
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return (f'<img class="{theme}" src="{source}" alt="{alt}" width="{width}" '
            f'height="{height}">')  # fmt: skip


def _measures(run: Run) -> str:
    """What was measured between epochs, and of gradients from update to update, where it was."""
    found = measured_series(run.signal)
    if not found:
        return ""
    rows = [
        (name, f"{values[0]:.3g}", f"{values[-1]:.3g}", values, "", "")
        for name, values in found.items()
    ]
    headings = ("measured", "first", "last", "over the run", "", "")
    costs = run.cost.get("signal", {})
    spent = ", ".join(f"{name} {cost:.2g}" for name, cost in costs.items())
    gradient = run.cost.get("gradient")
    paid = f"It took, in operations: {spent}; the training itself {gradient:.2g}." if spent else ""
    return Template(template("measures.html")).substitute(
        pictures="\n".join(_panels(run)), paid=html.escape(paid),
        table=_bar_table(headings, rows),
    )  # fmt: skip


def _panels(run: Run) -> Iterator[str]:
    """The small pictures in both themes."""
    from diffkit.plots.measures import save_panels

    with TemporaryDirectory() as folder:
        themes = [Path(folder) / theme for theme in ("light", "dark")]
        for theme in themes:
            theme.mkdir()
        pairs = [save_panels(run.signal, theme, dark=theme.name == "dark") for theme in themes]
        for light, dark in zip(*pairs, strict=True):
            alt = html.escape(f"{light.stem} over the updates; the last numbers are in the table.")
            yield f"<figure>{_image(light, 'light', alt)}{_image(dark, 'dark', alt)}</figure>"


# Tables -------------------------------------------------------------------------------------------


def _layers(verdict: SignalVerdict) -> str:
    rows = [
        (layer.name, _number(layer.activation), _number(layer.cotangent), layer.cotangent,
         f"{layer.left:.3g}", layer.verdict)
        for layer in reversed(verdict.layers) if layer.cotangent
    ]  # fmt: skip
    return _bar_table(("layer", "‖a‖", "‖∂L/∂a‖", "over the steps", "left", ""), rows)


def _parameters(verdict: SignalVerdict) -> str:
    rows = [
        (one.name, _number(one.gradient), _number(one.ratio), one.gradient, "", one.verdict)
        for one in reversed(verdict.parameters) if one.gradient
    ]  # fmt: skip
    return _bar_table(("parameter", "‖∂L/∂W‖", "‖ΔW‖/‖W‖", "over the steps", "", ""), rows)


def _number(values: Sequence[float]) -> str:
    return f"{values[-1]:.3g}"


def _bar_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    kinds = ("", "number", "number", "bars", "number", "")
    head = "".join(f'<th class="{kind}" scope="col">{html.escape(text)}</th>'
                   for kind, text in zip(kinds, headings, strict=True))  # fmt: skip
    body = []
    for name, first, second, values, left, words in rows:
        odd = "" if words in ("", "fine") else ' class="odd"'
        body.append(
            f"<tr><td>{html.escape(name)}</td>"
            f'<td class="number">{first}</td><td class="number">{second}</td>'
            f'<td class="bars" aria-hidden="true">{sparkline(values)}</td>'
            f'<td class="number">{left}</td><td{odd}>{html.escape(words)}</td></tr>'
        )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _settings(run: Run) -> str:
    rows = [
        f'<tr><th scope="row">{html.escape(key.replace("_", " "))}</th>'
        f"<td>{html.escape(str(value))}</td></tr>"
        for key, value in run.describe().items()
        if key not in LEFT_OUT and value is not None
    ]
    return f"<table><tbody>{''.join(rows)}</tbody></table>"
