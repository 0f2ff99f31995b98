"""The picture of the page: CPU time of one gradient against the size, for every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from performance_rows import median_of, over_limit

__all__ = ["draw"]

ACCENT, MUTED = "#D55E00", "#5B6470"
SERIES = {
    # peer of the kit: label, colour, line
    "diffkit_interpret": ("interpreter", MUTED, ":"),
    "diffkit_specialise": ("specialised", MUTED, "--"),
    "diffkit": ("machine", ACCENT, "-"),
    "diffkit_bound": ("machine, bound", ACCENT, "--"),
    "limit": ("hand-written", "#1A1A1A", "-"),
}


def draw(found: dict[str, Any], folder: Path) -> None:
    """Write ``performance.svg``, if the engines were measured."""
    rounds = found["sections"].get("engines", {}).get("rounds")
    if not rounds:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from diffkit.plots.style import label_lines, save, use_style

    names = list(rounds[0]["results"])
    sizes = [int(name.split("-")[1]) for name in names]
    with use_style():
        figure, axes = plt.subplots()
        ends = []
        for peer, (label, colour, line) in SERIES.items():
            times = [median_of(rounds, name, peer) for name in names]
            known = [(n, us) for n, us in zip(sizes, times, strict=True) if us is not None]
            if known:
                axes.plot(*zip(*known, strict=True), color=colour, linestyle=line)
                ends.append((*known[-1], label, colour))
        ratios = [over_limit(rounds, name, "diffkit") or 1.0 for name in names]
        axes.set(xscale="log", yscale="log", xlabel="inputs of Rosenbrock's function")
        axes.set_ylabel("CPU time of a gradient, µs")
        span = f"{min(ratios):.0f} to {max(ratios):.0f}"
        axes.set_title(f"The machine takes {span} times as long as hand-written code")
        figure.canvas.draw()  # the layout decides which labels overlap
        label_lines(axes, ends)
        folder.mkdir(parents=True, exist_ok=True)
        save(figure, folder / "performance.svg")
        plt.close(figure)
