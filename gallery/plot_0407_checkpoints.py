"""For one more run of the loop, √T states remember as much as T
=============================================================

Reverse mode needs the states of a loop in the wrong order, the last one first.  Keeping all of them
takes memory for T states.  Keeping every √T-th, and computing a stretch of √T again when the way
back comes to it, takes 2√T: two thousand instead of a million, for one more run of the loop.
``dk.scan`` keeps everything while that is less than a mebibyte, and marks beyond.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cost import peak_memory
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.signal import loose_grid
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Griewank 1992; Chen et al. 2016, Training deep nets with sublinear memory cost"
PAGE = Page(
    name="checkpoints",
    chapter="Cost",
    title="For one more run of the loop, √T states remember as much as T",
    concepts=("reverse mode", "memory", "recurrent net", "backward propagation"),
    question="With marks in two levels, how many states would a million steps need?",
    try_this="np.sqrt(10**6), 3 * np.cbrt(10**6)",
    source=SOURCE,
    alt="Left: sixteen steps run forwards, then four stretches of four, each computed again "
    "before it is run backwards. Right: memory against the number of steps on logarithmic axes "
    "rises in proportion, falls to a fifteenth at a mebibyte, and goes on with half the slope.",
)

SHORT, STRETCH = 16, 4
SIZE = 256  # numbers in a state
LENGTHS = 2 ** np.arange(4, 21)
LONG = 2**20
Action = tuple[str, int]


def schedule(length: int, stretch: int) -> list[Action]:
    """What a sweep with a mark every so many steps does: ("forward", t), …, ("backward", t)."""
    actions = [("forward", t) for t in range(length)]
    for first in reversed(range(0, length, stretch)):
        steps = range(first, min(first + stretch, length))
        actions += [("again", t) for t in steps[:-1]]
        actions += [("backward", t) for t in reversed(steps)]
    return actions


def most_states(length: int, stretch: int) -> int:
    """The most states held at once: the marks, and the stretch behind the last of them."""
    marks = -(-length // stretch)
    return marks + stretch - 1


def loop(h: Any, length: int) -> Any:
    """A recurrent net without inputs, each number feeding its neighbour."""
    last, _ = dk.scan(lambda h, _: (np.tanh(1.1 * np.roll(h, 1)), None), h, length=length)
    return np.sum(last * last)


@cache
def measured(length: int) -> tuple[float, float]:
    """The most states alive in diffkit's gradient, and its operations over the function's."""
    h = np.zeros(SIZE)
    graph = dk.trace(lambda h: loop(h, length), h)
    gradient = dk.trace(dk.value_and_grad(lambda h: loop(h, length)), h)
    states = peak_memory(gradient) / h.nbytes
    return states, gradient.operations()["total"] / graph.operations()["total"]


def slopes() -> tuple[float, float]:
    """The powers of T with which memory grows, before and after marks begin."""
    states = np.log2([measured(int(length))[0] for length in LENGTHS])
    return float(states[4] - states[3]), float((states[-1] - states[-5]) / 4)


def disagreement() -> float:
    """Reverse mode with marks against forward mode, relative, along a random direction."""
    rng = np.random.default_rng(0)
    h, h_dot = rng.normal(size=(2, SIZE))
    length = 1024  # two mebibytes of states

    def f(h: Any) -> Any:
        return loop(h, length)

    directional = dk.jvp(f, (h,), (h_dot,))[1]
    return float(abs(dk.grad(f)(h) @ h_dot / directional - 1))


def numbers() -> list[Claim]:
    """States and steps of the schedule, and what diffkit's gradient holds."""
    actions = [kind for kind, _ in schedule(SHORT, STRETCH)]
    least = min(most_states(10**6, k) for k in range(1, 10**4))
    before, after = slopes()
    return [
        Claim("checkpoints", "states held for 16 steps with marks every 4", 7,
              most_states(SHORT, STRETCH), 0.0, "16/4 + 4 − 1"),
        Claim("checkpoints", "steps computed again, of 16", 12, actions.count("again"), 0.0,
              "4 × (4 − 1)"),
        Claim("checkpoints", "states for a million steps, marks as good as can be", 1999, least,
              0.0, "2√T − 1"),
        Claim("checkpoints", "power of T with which memory grows, all kept", 1.0, before, 0.05,
              "peak memory of the gradient's graph"),
        Claim("checkpoints", "power of T with which it grows, with marks", 0.5, after, 0.1,
              SOURCE),
        Claim("checkpoints", "reverse mode with marks minus forward mode, relative", 1e-11,
              disagreement(), 0.0, "the same derivative", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The schedule for sixteen steps, and the memory for up to a million."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.3))
        schedule_panel(left, dark)
        memory_panel(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def schedule_panel(axes: Axes, dark: bool) -> None:
    """Which step is run when, and which states are held meanwhile."""
    actions = schedule(SHORT, STRETCH)
    forward, reverse = METHODS_STYLE["forward"], METHODS_STYLE["reverse"]
    styles = {"forward": (forward, True), "again": (forward, False), "backward": (reverse, True)}
    for kind, (style, full) in styles.items():
        points = [(when, t) for when, (word, t) in enumerate(actions) if word == kind]
        colour = style.colour(dark)
        axes.plot(*np.transpose(points), style.marker, color=colour, markeredgecolor=colour,
                  markerfacecolor=colour if full else "none", markeredgewidth=1.3,
                  markersize=5.5)  # fmt: skip
    for mark in range(0, SHORT, STRETCH):
        gone = actions.index(("backward", mark))
        axes.plot([mark, gone], [mark, mark], color=ACCENT[dark], linewidth=5, alpha=0.35,
                  solid_capstyle="butt", zorder=0)  # fmt: skip
    axes.set(xlim=(-1.5, len(actions) + 0.5), ylim=(-0.9, SHORT + 0.2), yticks=[0, 4, 8, 12])
    axes.set(xlabel="action of the sweep", ylabel="step t of the loop")
    axes.set_title("16 steps, a mark at every 4th: 7 states held, not 16", fontsize=10,
                   fontweight="normal", pad=4)  # fmt: skip
    axes.text(6.0, 8.2, "forwards", color=forward.text_colour(dark), fontsize=9, ha="right")
    axes.text(24.6, 14.6, "a stretch again (hollow),", color=forward.text_colour(dark), fontsize=9)
    axes.text(24.6, 13.4, "then back", color=reverse.text_colour(dark), fontsize=9)
    axes.text(6.0, 4.5, "a mark, kept until it is used", color=ACCENT[dark], fontsize=9)


def memory_panel(axes: Axes, dark: bool) -> None:
    """What diffkit's own gradient holds, before and after marks begin."""
    states, ratios = np.transpose([measured(int(length)) for length in LENGTHS])
    reverse = METHODS_STYLE["reverse"]
    axes.set(xscale="log", yscale="log", xlabel="steps T", ylabel="states held at once")
    loose_grid(axes)
    first, again = ratios[0], ratios[-1]
    begins = int(np.argmax(np.diff(states) < 0)) + 1
    for part in (slice(0, begins), slice(begins, None)):
        axes.plot(LENGTHS[part], states[part], reverse.marker + "-", color=reverse.colour(dark),
                  markersize=4.5)  # fmt: skip
    beyond = LENGTHS[begins - 1 :]
    kept = states[begins - 1] * beyond / beyond[0]
    axes.plot(beyond, kept, color=muted(dark), linewidth=1.2, linestyle=(0, (4, 2)))
    axes.text(LENGTHS[begins + 4], kept[5] * 1.6, "all kept", color=muted(dark), fontsize=9,
              ha="right")  # fmt: skip
    axes.text(13, 1900, f"{first:.1f} × the operations\nof the loop", color=INK[dark], fontsize=9)
    axes.text(
        3e3, 60, f"marks, power ½:\n{again:.1f} × the operations", color=INK[dark], fontsize=9
    )
    gap = kept[-1] / states[-1]
    axes.annotate("", (LONG, states[-1] * 1.3), (LONG, kept[-1] / 1.3),
                  arrowprops={"arrowstyle": "->", "color": ACCENT[dark]})  # fmt: skip
    axes.text(LONG / 1.3, np.sqrt(kept[-1] * states[-1]), f"{gap:,.0f} ×\nless", color=ACCENT[dark],
              fontsize=9.5, ha="right", va="center")  # fmt: skip
    axes.set_title(f"diffkit's gradient of a loop over {SIZE} numbers", fontsize=10,
                   fontweight="normal", pad=4)  # fmt: skip


if __name__ == "__main__":
    show(draw)
