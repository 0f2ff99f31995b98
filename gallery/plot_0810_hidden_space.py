"""Training moves the corners of XOR until one line parts them
===========================================================

No line of the plane has the corners (0, 0) and (1, 1) on one side and the other two on the other
side: a linear classifier gets at most three of the four right.  A net 2-4-1 can.  Its hidden layer
puts the four corners somewhere else, and its output is a linear classifier there.  Below, the
space of the hidden units is seen from the direction in which the output looks: before training the
two classes lie across each other, after it a plane runs between them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.nets import CLASSES, plot_boundary
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style

PAGE = Page(
    name="hidden-space",
    chapter="How the learning signal flows",
    title="Training moves the corners of XOR until one line parts them",
    concepts=("neural network", "hidden layer", "XOR", "decision boundary"),
    question="Would two hidden units be enough?",
    try_this='net = dk.nets.mlp([2, 2, 1], "tanh")  # ten seeds: how many get all four corners?',
    source="Minsky & Papert 1969; Rumelhart, Hinton & Williams 1986",
    alt="Above: the corners of XOR with the regions of the net before and after training. "
    "Below: the same corners in the space of the hidden units, where after training one "
    "line parts the two classes.",
)

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])
NET = dk.nets.mlp([2, 4, 1], activation="tanh")
RATE, EPOCHS, SEED = 0.1, 200, 0
LINES = 200  # drawn at random, for the bound on lines


@lru_cache(maxsize=1)
def moments() -> dict[str, Any]:
    """The parameters before and after training on the four corners."""
    before = NET.init(SEED)
    run = dk.train(NET.with_loss(dk.losses.bce_with_logits), before, (X, Y),
                   optimizer=dk.optim.adam(RATE), epochs=EPOCHS)  # fmt: skip
    return {"before training": before, "after": run.params}


def hidden(params: Any, points: np.ndarray) -> np.ndarray:
    """The values of the four hidden units."""
    first = next(iter(params.values()))
    return np.tanh(points @ first["w"] + first["b"])


def seen(params: Any, points: np.ndarray) -> np.ndarray:
    """Hidden values along the output's weights, and across them where the corners differ most."""
    last = list(params.values())[-1]
    length = np.linalg.norm(last["w"])
    along = last["w"][:, 0] / length
    corners = hidden(params, X) - hidden(params, X).mean(axis=0)
    across = np.linalg.svd(corners - np.outer(corners @ along, along))[2][0]
    across = across * np.sign(across[np.abs(across).argmax()])
    values = hidden(params, points)
    return np.stack([values @ along + last["b"][0] / length, values @ across], axis=1)


def by_lines() -> int:
    """The most corners that any of many lines, and a trained linear classifier, gets right."""
    rng = np.random.default_rng(SEED)
    weights, biases = rng.normal(size=(2, LINES)), rng.normal(size=LINES)
    random = ((X @ weights + biases > 0) == Y[:, None]).sum(axis=0)
    net = dk.nets.mlp([2, 1])
    run = dk.train(net.with_loss(dk.losses.bce_with_logits), net.init(SEED), (X, Y),
                   optimizer=dk.optim.adam(RATE), epochs=EPOCHS)  # fmt: skip
    return int(max(random.max(), round(4 * float(net.accuracy(run.params, X, Y)))))


def numbers() -> list[Claim]:
    """What lines and the net get right, and the parameters."""
    after = moments()["after"]
    score = np.asarray(NET(after, X))[:, 0]
    length = np.linalg.norm(list(after.values())[-1]["w"])
    return [
        Claim("hidden-space", "corners right by the best of 201 lines", 3, by_lines(), 0.0,
              "Minsky & Papert 1969"),
        Claim("hidden-space", "share right by the net 2-4-1", 1.0,
              float(NET.accuracy(after, X, Y)), 0.0, "Rumelhart, Hinton & Williams 1986"),
        Claim("hidden-space", "parameters: (2 + 1)·4 + (4 + 1)·1", 17, NET.parameter_count, 0.0,
              "weights and biases"),
        Claim("hidden-space", "distance from the plane is the score over ‖w‖, largest difference",
              0.0, float(np.abs(seen(after, X)[:, 0] - score / length).max()), 1e-12,
              "a linear classifier in the hidden space"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The plane above and the hidden space below, before and after."""
    with use_style(dark):
        figure, panels = plt.subplots(2, 2, figsize=(7.2, 6.4), height_ratios=(1, 0.85))
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
        for column, (words, params) in enumerate(moments().items()):
            above, below = panels[:, column]

            def probability(points: Any, at: Any = params) -> Any:
                return 1 / (1 + np.exp(-np.asarray(NET(at, points))[:, 0]))

            plot_boundary(probability, X, Y, above, dark=dark, size=90)
            right = float(NET.accuracy(params, X, Y))
            remark(above, f"{words}: {right:.0%} right", dark)
            plot_space(below, params, dark)
        remark(panels[1, 0], "the same corners in the space of the hidden units", dark)
    return figure


def plot_space(axes: Axes, params: Any, dark: bool) -> None:
    """The corners, the grid of the plane, and the output's plane (a line, seen from its edge)."""
    along = np.linspace(0.0, 1.0, 61)
    for tick in np.linspace(0.0, 1.0, 9):
        line = np.stack([along, np.full_like(along, tick)], axis=1)
        for points in (line, line[:, ::-1]):
            axes.plot(*seen(params, points).T, color=muted(dark), linewidth=0.6, alpha=0.6)
    axes.axvline(0.0, color=INK[dark], linewidth=1.6)
    places = seen(params, X)
    axes.scatter(*places.T, s=90, zorder=3, edgecolors=axes.get_facecolor(),
                 c=[CLASSES[dark][label] for label in Y])  # fmt: skip
    for corner, place in zip(X.astype(int), places, strict=True):
        box = {"facecolor": axes.get_facecolor(), "linewidth": 0, "pad": 1, "alpha": 0.85}
        axes.annotate(f"({corner[0]}, {corner[1]})", place, xytext=(-9, 0), ha="right", bbox=box,
                      va="center", textcoords="offset points", fontsize=9)  # fmt: skip
    axes.margins(0.4, 0.2)
    axes.set(xlabel="distance from the output's plane", ylabel="across")


def remark(axes: Axes, words: str, dark: bool) -> None:
    """Words above the left edge of a panel."""
    axes.annotate(words, (0, 1), xytext=(0, 5), xycoords="axes fraction", fontsize=10,
                  textcoords="offset points", color=muted(dark))  # fmt: skip


if __name__ == "__main__":
    show(draw)
