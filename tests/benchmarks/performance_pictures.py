"""The picture of the page: CPU time of one gradient against the size, for every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from performance_rows import median_of

__all__ = ["draw"]

SERIES = {
    # peer of the kit: label, colour in light, line
    "diffkit_interpret": ("interpreter", "#882255", ":"),
    "diffkit": ("machine", "#D55E00", "-"),
    "diffkit_bound": ("machine, bound", "#1F5FA8", "-"),
    "diffkit_specialise": ("specialised", "#009E73", "--"),
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
        axes.set(xscale="log", yscale="log", xlabel="inputs", ylabel="CPU time of a gradient, µs")
        axes.set_title("The machine keeps near hand-written code at every size (Rosenbrock)")
        figure.canvas.draw()  # the layout decides which labels overlap
        label_lines(axes, ends)
        save(figure, folder / "performance.svg")
        plt.close(figure)
