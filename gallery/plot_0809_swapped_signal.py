"""Without reverse mode 170 weights cost 170-fold: in operations, or in steps
==========================================================================

One classifier of digits, one loop, six ways to get the gradient.  Counted in updates, forward mode,
the complex step and finite differences take the very path of reverse mode; but each update costs a
sweep for every weight.  The guesses by chance (forward gradient, SPSA) cost about as much as
reverse mode, but E‖ĝ‖² = (n + 2)‖∇L‖²: they are stable only at a rate n + 2 times smaller, and so
they need as many more updates.  Either way the price of knowing one direction at a time is n.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.signal import loose_grid
from diffkit.plots.style import METHODS_STYLE, label_lines, muted, use_style

PAGE = Page(
    name="swapped-signal",
    chapter="How the learning signal flows",
    title="Without reverse mode 170 weights cost 170-fold: in operations, or in steps",
    concepts=("learning signal", "backward propagation", "forward gradient", "SPSA"),
    question="With how many weights would forward mode be the better choice?",
    try_this='trained("forward-gradient").cost, trained("reverse").cost',
    source="Griewank & Walther 2008; Baydin et al. 2022; Spall 1992",
    alt="Loss of a classifier with its gradient from six methods. Counted in updates the exact "
    "methods share one path and the guesses lag; counted in operations only reverse mode "
    "gets far.",
)

ROWS, SIDE, CLASSES = 300, 4, 10
WEIGHTS = (SIDE * SIDE + 1) * CLASSES
RATE, BUDGET = 4.0, 4.5e8  # operations
SHOWN = 300  # updates
SLOW = ("forward", "complex", "finite")  # a sweep for every weight
CHANCE = ("forward-gradient", "spsa")
UPDATES = {"reverse": 1350, "forward": 9, "complex": 5, "finite": 9, "forward-gradient": 1380,
           "spsa": 960}  # fmt: skip
NAMES = {"reverse": "reverse mode", "forward": "forward mode", "complex": "complex step",
         "finite": "finite differences", "forward-gradient": "forward gradient",
         "spsa": "SPSA"}  # fmt: skip


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Three hundred digits of 4 × 4 pixels."""
    data = dk.datasets.digits()
    x = data.x[:ROWS].reshape(ROWS, SIDE, 2, SIDE, 2).mean(axis=(2, 4))
    return x.reshape(ROWS, -1), data.y[:ROWS]


@cache
def trained(signal: str) -> Any:
    """A softmax classifier, all examples at once; guesses take a rate n + 2 times smaller."""
    net = dk.nets.softmax_classifier(SIDE * SIDE, CLASSES)
    rate = RATE / (WEIGHTS + 2) if signal in CHANCE else RATE
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), digits(), signal=signal,
        optimizer=dk.optim.sgd(rate), epochs=UPDATES[signal],
    )  # fmt: skip


def losses(signal: str) -> np.ndarray:
    """The loss before every update."""
    return np.array(trained(signal).history["loss"])


def per_update(signal: str) -> float:
    """The operations of one update."""
    return trained(signal).cost["operations"] / UPDATES[signal]


def at_budget(signal: str) -> float:
    """The loss when the budget is spent."""
    found = losses(signal)
    return float(found[min(int(BUDGET / per_update(signal)), len(found) - 1)])


def numbers() -> list[Claim]:
    """Equal steps, and equal cost."""
    reverse = losses("reverse")
    gaps = [np.max(np.abs(losses(name) / reverse[: UPDATES[name]] - 1)) for name in SLOW]
    ratio = {name: per_update(name) / per_update("reverse") for name in NAMES}
    others = min(at_budget(name) for name in NAMES if name != "reverse")
    return [
        Claim("swapped-signal", "equal steps: forward, complex, finite against reverse, relative",
              [0.0, 0.0, 0.0], [float(gap) for gap in gaps], 1e-6, "one gradient"),
        Claim("swapped-signal", "operations per update over reverse mode: forward, finite",
              [WEIGHTS, WEIGHTS], [ratio["forward"], ratio["finite"]], 15.0,
              f"{WEIGHTS} weights; Griewank & Walther 2008"),
        Claim("swapped-signal", "the same for the forward gradient and SPSA", [1.0, 1.4],
              [ratio["forward-gradient"], ratio["spsa"]], 0.1, "one sweep; three values"),
        Claim("swapped-signal", "updates for which a guess is as good as one of reverse mode",
              WEIGHTS + 2, steps_until("forward-gradient", reverse[5]) / 5, 60.0,
              "Baydin et al. 2022: the rate n + 2 times smaller"),
        Claim("swapped-signal", "loss at 4.5·10⁸ operations: reverse over the best other", 0.15,
              at_budget("reverse") / others, 0.0, "this training", at_most=True),
    ]  # fmt: skip


def steps_until(signal: str, loss: float) -> int:
    """How many updates it takes to come to this loss."""
    return int(np.argmax(losses(signal) <= loss))


def look(signal: str, dark: bool) -> dict[str, Any]:
    """Colour, line and width of a method; what works by chance is dashed."""
    if signal in METHODS_STYLE:
        style = METHODS_STYLE[signal]
        width = {"reverse": 2.2, "forward": 6.0}.get(signal, 1.8)
        return {"color": style.colour(dark), "linestyle": style.line, "linewidth": width,
                "alpha": 0.45 if signal == "forward" else 1.0}  # fmt: skip
    dashes = (0, (6, 2)) if signal == "spsa" else (0, (3, 1, 1, 1))
    return {"color": muted(dark), "linestyle": dashes, "linewidth": 1.5}


def text_colour(signal: str, dark: bool) -> str:
    """The colour of words."""
    style = METHODS_STYLE.get(signal)
    return style.text_colour(dark) if style else muted(dark)


def draw(dark: bool = False) -> Figure:
    """The loss against steps and against operations."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.2), sharey=True)
        for axes in (left, right):
            loose_grid(axes)
        steps_panel(left, dark)
        cost_panel(right, dark)
        left.set_ylabel("loss")
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def steps_panel(axes: Axes, dark: bool) -> None:
    """Equal steps."""
    for name in ("forward", "forward-gradient", "spsa", "reverse", "complex", "finite"):
        found = losses(name)[:SHOWN]
        axes.plot(np.arange(len(found)), found, **look(name, dark))
    axes.set(xlim=(0, SHOWN), ylim=(0, 2.5), xlabel="updates")
    axes.set_title("at equal steps", fontsize=10, fontweight="normal")
    axes.text(30, 1.12, "reverse, forward, complex, finite:\none path", fontsize=9,
              color=text_colour("reverse", dark))  # fmt: skip
    axes.text(70, 1.83, "guesses, at a rate 172 times smaller", fontsize=9, color=muted(dark))


def cost_panel(axes: Axes, dark: bool) -> None:
    """Equal operations."""
    axes.set_xscale("log")
    axes.set(xlim=(3e5, BUDGET), xlabel="operations")
    axes.set_title("at equal cost", fontsize=10, fontweight="normal")
    labels = []
    for name, words in NAMES.items():
        found = losses(name)
        spent = np.arange(1, len(found) + 1) * per_update(name)
        axes.plot(spent, found, **look(name, dark))
        labels.append((BUDGET, at_budget(name), words, text_colour(name, dark)))
    label_lines(axes, labels)


if __name__ == "__main__":
    show(draw)
