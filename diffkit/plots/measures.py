"""Small pictures of what was measured while a net learned, one for each thing on record.

    sharpness · noise scale · cosines · effective rank · dead and saturated units     over updates
    successive · snr                                                               of every update

Each has a finding for its title and one line for each layer or parameter, so that they can stand
side by side, as in the report of a run (small multiples; Tufte 1990, *Envisioning Information*).
Reading on: docs/signal.md says how to read them, :mod:`diffkit.plots.signal` draws the larger ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.signal import plot_histograms, plot_sharpness
from diffkit.plots.style import INK, label_lines, muted, save, use_style
from diffkit.plots.training import ACCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diffkit.training.signal import Signal

__all__ = ["PANELS", "recorded_panels", "save_panels"]

SIZE = (4.2, 2.9)  # inches: two side by side on a wide page, one across a telephone
TITLE, LABEL = 10.5, 8.0  # points
ROOM = 1.34  # the horizontal axis over the last update, for the labels at the lines' ends
MOST_LINES = 8  # of one picture: more could not be told apart
SMOOTH = 0.05  # of all updates, over which the bold line among faint ones is a median

Series = Mapping[str, Sequence[Any]]


def _series(signal: Signal, *names: str) -> dict[str, list[float]]:
    """What was measured between epochs under these names, a list of numbers for each line."""
    found: dict[str, list[float]] = {}
    for row in signal.between:
        for name in (name for name in names if name in row):
            several = isinstance(row[name], dict)
            for key, number in (row[name] if several else {name: row[name]}).items():
                found.setdefault(key, []).append(np.nan if number is None else float(number))
    return found


def _steps(signal: Signal) -> list[int]:
    return [row["step"] for row in signal.between]


def _lines(axes: Axes, steps: Sequence[int], found: Series, dark: bool, form: str) -> None:
    """A line for each name, the first faint, the last in the accent, labelled where it ends."""
    names, labels = list(found)[-MOST_LINES:], []
    for place, name in enumerate(names):
        colour = ACCENT[dark] if place == len(names) - 1 else INK[dark]
        strength = 0.35 + 0.65 * (place + 1) / len(names)
        values = np.asarray(found[name], float)
        axes.plot(steps, values, color=colour, alpha=strength, linewidth=1.6)
        known = values[np.isfinite(values)]
        if known.size:
            words = f"{name} {known[-1]:{form}}"
            labels.append((float(steps[-1]), float(known[-1]), words, colour))
    _with_room(axes, steps)
    label_lines(axes, labels, size=LABEL, pad=4)


def _with_room(axes: Axes, steps: Sequence[int]) -> None:
    """Space for labels to the right of the last update, without ticks in it."""
    first, last = steps[0], max(steps[-1], steps[0] + 1)
    axes.set_xlim(first, first + (last - first) * ROOM)
    axes.spines["bottom"].set_bounds(first, last)
    axes.set_xticks([tick for tick in axes.get_xticks() if first <= tick <= last])
    axes.set_xlabel("update")


def _title(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=TITLE)


def _last(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return known[-1] if known else float("nan")


# One function for each picture --------------------------------------------------------------------


def sharpness(signal: Signal, axes: Axes, dark: bool) -> None:
    """The largest eigenvalue beside its edge."""
    plot_sharpness(signal, axes, dark=dark)
    found = _series(signal, "sharpness", "edge")
    steps = _steps(signal)
    now, edge = _last(found["sharpness"]), _last(found["edge"])
    if all(value > 0 for name in found for value in found[name]):
        axes.set_yscale("log")
    _with_room(axes, steps)
    labels = [(steps[-1], now, f"λ {now:.3g}", INK[dark])]
    labels += [(steps[-1], edge, f"2/η {edge:.3g}", muted(dark))] * bool(np.isfinite(edge))
    label_lines(axes, labels, size=LABEL, pad=4)
    axes.set_ylabel("largest eigenvalue")
    _title(axes, f"Sharpness ends at {now / edge:.2g} of its edge")


def noise(signal: Signal, axes: Axes, dark: bool) -> None:
    """The gradient noise scale."""
    found = _series(signal, "noise_scale")["noise_scale"]
    _lines(axes, _steps(signal), {"B": found}, dark, ".3g")
    known = [value for value in found if np.isfinite(value)]
    if known and min(known) > 0 and max(known) > 10 * min(known):
        axes.set_yscale("log")
    axes.set_ylabel("examples")
    _title(axes, f"Noise equals signal at batch {_last(found):.3g}")


def ratios(signal: Signal, axes: Axes, dark: bool) -> None:
    """The signal-to-noise ratio of one example, for every parameter."""
    found = _series(signal, "signal_to_noise")
    _lines(axes, _steps(signal), found, dark, ".2g")
    axes.set_ylabel("‖G‖ / √tr Σ, one example")
    weakest = min(found, key=lambda name: _last(found[name]))
    _title(axes, f"The noise hides {weakest} most")


def cosines(signal: Signal, axes: Axes, dark: bool) -> None:
    """The cosine of a batch's gradient with the full one, and of full ones epoch by epoch."""
    found = _series(signal, "cosine_successive", "cosine_batch")
    names = {"cosine_successive": "epochs", "cosine_batch": "batch"}
    shown = {names[name]: found[name] for name in found}
    _lines(axes, _steps(signal), shown, dark, ".2f")
    axes.axhline(0, color=muted(dark), linewidth=0.8)
    axes.set_ylabel("cosine")
    _title(axes, f"A batch along the whole: cosine {_last(found['cosine_batch']):.2f}")


def _shares(name: str, words: str) -> Callable[[Signal, Axes, bool], None]:
    def shares(signal: Signal, axes: Axes, dark: bool) -> None:
        from matplotlib.ticker import PercentFormatter

        found = _series(signal, name)
        _lines(axes, _steps(signal), found, dark, ".0%")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(bottom=0, top=max(0.05, axes.get_ylim()[1]))
        worst = max(found, key=lambda layer: _last(found[layer]))
        share = _last(found[worst])
        _title(axes, f"{share:.0%} of {worst} {words}" if share > 0 else f"Nothing {words}")

    return shares


def rank(signal: Signal, axes: Axes, dark: bool) -> None:
    """The effective rank of what layers say and of their weights."""
    found = _series(signal, "rank")
    _lines(axes, _steps(signal), found, dark, ".3g")
    axes.set_ylabel("effective rank")
    axes.set_ylim(bottom=0)
    name = min(found, key=lambda key: _last(found[key]) / max(found[key][0], 1e-9))
    _title(axes, f"{name}: {found[name][0]:.3g} → {_last(found[name]):.3g} directions")


def _by_update(name: str, label: str, words: str) -> Callable[[Signal, Axes, bool], None]:
    def by_update(signal: Signal, axes: Axes, dark: bool) -> None:
        values, steps = signal.table(name)[:, 0], signal.steps
        width = max(1, int(SMOOTH * len(values)))
        with np.errstate(all="ignore"):
            known = np.where(np.isfinite(values), values, np.nan)
            middle = [_median(known[max(0, k - width) : k + width + 1]) for k in range(len(values))]
        axes.plot(steps, known, color=muted(dark), linewidth=0.6, alpha=0.5)
        axes.plot(steps, middle, color=ACCENT[dark], linewidth=1.8)
        if name == "successive":
            axes.axhline(0, color=muted(dark), linewidth=0.8)
        _with_room(axes, steps)
        last = _last(middle)
        label_lines(axes, [(steps[-1], last, f"{last:.2g}", ACCENT[dark])], size=LABEL, pad=4)
        axes.set_ylabel(label)
        _title(axes, words.format(last))

    return by_update


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _histogram(name: str) -> Callable[[Signal, Axes, bool], None]:
    def distribution(signal: Signal, axes: Axes, dark: bool) -> None:
        plot_histograms(signal, axes, name, dark=dark)
        axes.set_ylabel("activation")
        _title(axes, f"What {name} puts out")

    return distribution


# What each picture needs on record, and how it is drawn.
PANELS: dict[str, Callable[[Signal, Axes, bool], None]] = {
    "successive": _by_update("successive", "cos(gₜ, gₜ₋₁)", "Successive gradients: cosine {:.2g}"),
    "snr": _by_update("snr", "‖G‖ / √tr Σ", "The signal is {:.2g} of the noise"),
    "sharpness": sharpness,
    "noise_scale": noise,
    "signal_to_noise": ratios,
    "cosine_batch": cosines,
    "dead": _shares("dead", "is dead"),
    "saturated": _shares("saturated", "is saturated"),
    "rank": rank,
}


def recorded_panels(signal: Signal) -> dict[str, Callable[[Signal, Axes, bool], None]]:
    """The pictures for which there is something on record, in the order of ``PANELS``.

    >>> from diffkit.training.signal import Signal
    >>> recorded_panels(Signal())
    {}
    """
    between = signal.between[0] if signal.between else {}
    measured = {name for name, value in between.items() if value != {}}
    trailed = {name for name in signal.asked if np.isfinite(signal.table(name)[:, 0]).any()}
    found = {name: panel for name, panel in PANELS.items() if name in measured | trailed}
    layers = between.get("histograms", {}).get("activation", {})
    return found | {f"histogram-{name}": _histogram(name) for name in list(layers)[:MOST_LINES]}


def save_panels(signal: Signal, folder: Path, *, dark: bool = False) -> list[Path]:
    """Write a small PNG for everything on record into a folder; returns their paths."""
    import matplotlib.pyplot as plt

    paths = []
    for name, panel in recorded_panels(signal).items():
        with use_style(dark):
            figure, axes = plt.subplots(figsize=SIZE)
            panel(signal, axes, dark)
        paths.append(save(figure, folder / f"{name}.png", dark=dark))
        plt.close(figure)
    return paths
