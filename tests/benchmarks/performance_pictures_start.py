"""The pictures of what a gradient costs besides its time: waiting for the first one, and memory."""

from __future__ import annotations

from typing import Any

from performance_colours import Colours
from performance_methods_page import PEER_NAMES
from performance_rows import named

__all__ = ["draw_memory", "draw_start"]

WORK = "mlp_tanh-64x32-b32"
MEMORY_WORKS = (
    *("softmax-64-b32", "mlp_tanh-64x32-b1", "mlp_tanh-64x32-b32", "mlp_tanh-64x32-b256"),
    *("mlp_relu-784x128-b1", "mlp_relu-784x128-b32", "mlp_relu-784x128-b256", "cnn-8-b32"),
)
COMPILING = ("jax", "pytensor")  # tools that compile each function for itself
ROOM = 1.25  # of the longest bar, for the number behind it
MARKS = (
    # measure: what the page calls it, which of the colours, marker, and where its name stands
    ("without reuse", "all values", "muted", "|", (7, 0, "left", "center")),
    ("plan", "planned, with reuse", "ink", "o", (0, 8, "center", "bottom")),
    ("machine", "machine", "accent", "D", (-9, 0, "right", "center")),
)


def draw_start(figure: Any, rounds: list[dict[str, Any]], colours: Colours) -> None:
    """Seconds to the first gradient, and memory of the process, of every tool."""
    found = {key.split("/")[1]: row for key, row in rounds[0].items() if key.startswith(WORK + "/")}
    found.pop("jax_native", None)  # the same library under its own names
    tools = sorted(found, key=lambda tool: found[tool]["total_s"], reverse=True)
    seconds, memory = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    parts = [[found[tool][key] for tool in tools] for key in ("import_s", "build_and_first_s")]
    seconds.barh(tools, parts[0], color=colours.pale)
    own = [colours.accent if tool == "diffkit" else colours.muted for tool in tools]
    seconds.barh(tools, parts[1], left=parts[0], color=own)
    megabytes = [found[tool]["maxrss_mb"] for tool in tools]
    memory.barh(tools, megabytes, color=own)
    _numbers(seconds, [found[tool]["total_s"] for tool in tools], "{:.2f}")
    _numbers(memory, megabytes, "{:.0f}")
    seconds.set_yticks(range(len(tools)), [PEER_NAMES[tool] for tool in tools])
    seconds.set_xlabel("CPU seconds until the first gradient of an MLP")
    memory.set_xlabel("most memory, MB")
    for axes in (seconds, memory):
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    _name_parts(seconds, parts, colours)
    first = found["diffkit"]["total_s"]
    others = [tool for tool in COMPILING if tool in found]
    times = " and ".join(f"{PEER_NAMES[t]} {found[t]['total_s'] / first:.1f}" for t in others)
    figure.suptitle(
        f"First gradient after {first:.2f} s; {times} times as long",
        x=0.01, ha="left", fontsize=12, fontweight="bold",
    )  # fmt: skip


def _name_parts(axes: Any, parts: list[list[float]], colours: Colours) -> None:
    """What the two parts of a bar are, written into the longest one, which is the first."""
    start, middle = 0.0, []
    for part in parts:
        middle.append(start + part[0] / 2)
        start += part[0]
    looks = (("import", colours.ink), ("first gradient", colours.on_accent))
    for x, (words, colour) in zip(middle, looks, strict=True):
        axes.annotate(words, (x, 0), ha="center", va="center", color=colour, fontsize=9)


def _numbers(axes: Any, lengths: list[float], form: str) -> None:
    """The number behind each bar."""
    axes.set_xlim(0, ROOM * max(lengths))
    for place, length in enumerate(lengths):
        axes.annotate(form.format(length), (length, place), xytext=(4, 0), va="center",
                      textcoords="offset points", fontsize=9)  # fmt: skip


def draw_memory(figure: Any, rounds: list[dict[str, Any]], colours: Colours) -> None:
    """The workspace of a gradient: all values, the plan, and the machine."""
    found = rounds[0]
    works = [name for name in MEMORY_WORKS if name in found][::-1]
    axes = figure.subplots()
    for place, name in enumerate(works):
        ends = [found[name][key] / 1000 for key, *_ in MARKS]
        axes.plot([min(ends), max(ends)], [place, place], color=colours.pale, zorder=1)
    for key, label, which, marker, (right, up, across, along) in MARKS:
        sizes = [found[name][key] / 1000 for name in works]
        colour = getattr(colours, which)
        axes.plot(sizes, range(len(works)), marker, color=colour, markersize=7, markeredgewidth=2,
                  clip_on=False)  # fmt: skip
        axes.annotate(label, (sizes[-1], len(works) - 1), xytext=(right, up), ha=across,
                      va=along, textcoords="offset points", color=colour, fontsize=9)  # fmt: skip
    axes.set_yticks(range(len(works)), [named(name) for name in works])
    axes.set(xscale="log", xlabel="workspace of value and gradient, kB")
    axes.set_ylim(-0.5, len(works) - 0.2)
    axes.grid(visible=False, axis="y")
    saved = [found[name]["without reuse"] / found[name]["machine"] for name in works]
    axes.set_title(f"The machine keeps 1/{max(saved):.0f} to 1/{min(saved):.0f} of all values")
