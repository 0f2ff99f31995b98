"""The pictures of the page: time of one gradient against the size, by engine, tool and method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from performance_colours import DARK, LIGHT, Colours
from performance_pictures_start import draw_memory, draw_start
from performance_rows import median_of, over_limit

__all__ = ["draw"]

SERIES = {
    # peer of the kit: label, which of the colours, line
    "diffkit_interpret": ("interpreter", "muted", ":"),
    "diffkit_specialise": ("specialised", "muted", "--"),
    "diffkit": ("machine", "accent", "-"),
    "diffkit_bound": ("machine, bound", "accent", "--"),
    "limit": ("hand-written", "ink", "-"),
}
METHODS = ("reverse", "forward", "complex", "finite", "symbolic")
BELOW = 0.4  # where the name of a line that ends amid others stands, over its last value

WHOLE = {
    # section: the picture's name, and what lays it out
    "startup": ("performance-start", draw_start),
    "memory": ("performance-memory", draw_memory),
}


def draw(found: dict[str, Any], folder: Path) -> None:
    """Write the pictures of the sections that were measured, each in light and dark."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    drawers = {
        "engines": ("performance", _engines),
        "peers": ("performance-peers", _peers),
        "methods": ("performance-methods", _methods),
        "crossover": ("performance-crossover", _crossover),
    }
    for section, (name, drawer) in drawers.items():
        rounds = found["sections"].get(section, {}).get("rounds")
        if rounds:
            _both(_picture, drawer, rounds, folder / name)
    for section, (name, drawer) in WHOLE.items():
        rounds = found["sections"].get(section, {}).get("rounds")
        if rounds:
            _both(_figure, drawer, rounds, folder / name)


def _both(drawn: Any, drawer: Any, rounds: list[dict[str, Any]], path: Path) -> None:
    drawn(drawer, rounds, path.with_name(f"{path.name}.svg"), LIGHT)
    drawn(drawer, rounds, path.with_name(f"{path.name}-dark.svg"), DARK)


def _figure(drawer: Any, rounds: list[dict[str, Any]], path: Path, colours: Colours) -> None:
    """A picture whose drawer lays out the whole figure."""
    import matplotlib.pyplot as plt

    from diffkit.plots.style import save, use_style

    with use_style(colours.dark):
        figure = plt.figure()
        drawer(figure, rounds, colours)
        save(figure, path, dark=colours.dark)
        plt.close(figure)


def _picture(drawer: Any, rounds: list[dict[str, Any]], path: Path, colours: Colours) -> None:
    import matplotlib.pyplot as plt

    from diffkit.plots.style import label_lines, save, use_style

    with use_style(colours.dark):
        figure, axes = plt.subplots()
        ends = drawer(axes, rounds, colours)
        figure.canvas.draw()  # the layout decides which labels overlap
        label_lines(axes, ends)
        save(figure, path, dark=colours.dark)
        plt.close(figure)


def _lines(axes: Any, series: list[tuple[list[tuple[float, float]], str, str, str]]) -> list[Any]:
    ends = []
    for points, label, colour, line in series:
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=line)
            ends.append((*points[-1], label, colour))
    return ends


def _by_size(
    rounds: list[dict[str, Any]], peer: str, names: list[str]
) -> list[tuple[float, float]]:
    times = [median_of(rounds, name, peer) for name in names]
    sizes = [int(name.split("-")[1]) for name in names]
    return [(n, us) for n, us in zip(sizes, times, strict=True) if us is not None]


def _engines(axes: Any, rounds: list[dict[str, Any]], colours: Colours) -> list[Any]:
    names = list(rounds[0]["results"])
    series = [
        (_by_size(rounds, peer, names), label, getattr(colours, colour), line)
        for peer, (label, colour, line) in SERIES.items()
    ]
    ends = _lines(axes, series)
    ratios = [over_limit(rounds, name, "diffkit") or 1.0 for name in names]
    axes.set(xscale="log", yscale="log", xlabel="inputs of Rosenbrock's function")
    axes.set_ylabel("CPU time of a gradient, µs")
    span = f"{min(ratios):.0f} to {max(ratios):.0f}"
    axes.set_title(f"The machine takes {span} times as long as hand-written code")
    return ends


def _peers(axes: Any, rounds: list[dict[str, Any]], colours: Colours) -> list[Any]:
    from performance_methods_page import PEER_NAMES

    names = list(rounds[0]["results"])
    tools = {"diffkit": colours.accent, "limit": colours.ink} | colours.tools
    series = [
        (_by_size(rounds, peer, names), PEER_NAMES[peer], colour, "-")
        for peer, colour in tools.items()
    ]
    ends = _lines(axes, series)
    axes.set(xscale="log", yscale="log", xlabel="inputs of Rosenbrock's function")
    axes.set_ylabel("CPU time of a gradient, µs")
    ours = dict(_by_size(rounds, "diffkit", names))
    faster = sum(
        all(us >= ours[n] for n, us in dict(points).items() if n in ours)
        for points, label, _, _ in series
        if points and label not in ("diffkit", "hand-written")
    )
    others = sum(bool(points) for points, *_ in series) - 2
    axes.set_title(f"diffkit is ahead of {faster} of {others} tools at every size")
    return ends


def _methods(axes: Any, rounds: list[dict[str, Any]], colours: Colours) -> list[Any]:
    found = rounds[0]
    series = []
    for method in METHODS:
        points = [(float(n), row[method]) for n, row in found.items() if method in row]
        series.append((points, method, *_look(method, colours)))
    last = list(found)[-1]
    ends = [
        (x, y if x == float(last) else BELOW * y, name, colour)
        for x, y, name, colour in _lines(axes, series)
    ]
    row = {name: us for name, us in found[last].items() if name != "value"}
    axes.set(xscale="log", yscale="log", xlabel="inputs of Rosenbrock's function")
    axes.set_ylabel("CPU time of a gradient, µs")
    ratio = min(us for name, us in row.items() if name != "reverse") / row["reverse"]
    axes.set_title(f"At {int(last):,} inputs reverse mode is {ratio:,.0f} times ahead")
    return ends


def _look(method: str, colours: Colours) -> tuple[str, str]:
    """The colour and line that a method has everywhere."""
    from diffkit.plots.style import line_of_method

    look = line_of_method(method, colours.dark)
    return look["color"], look["linestyle"]


def _crossover(axes: Any, rounds: list[dict[str, Any]], colours: Colours) -> list[Any]:
    found = rounds[0]
    series = [
        ([(float(n), row[mode]) for n, row in found.items()], mode, *_look(mode, colours))
        for mode in ("forward", "reverse")
    ]
    ends = _lines(axes, series)
    crossing = next(n for n, row in found.items() if row["forward"] > row["reverse"])
    axes.set(xlabel="inputs, of 128 inputs and outputs together")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("CPU time of the Jacobian, µs")
    axes.set_title(f"Beyond {crossing} of 128, reverse mode is the shorter way")
    return ends
