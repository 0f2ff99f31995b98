"""Noise climbs out of a shallow valley; the exact gradient stays in it
====================================================================

The loss is a mean over 32 examples, all of one shape but each with a tilt of its own, and the tilts
cancel.  It has a shallow valley on the left and a deeper one on the right.  A thousand trainings
begin in the shallow one.  With all examples behind every step nothing ever leaves, since the
gradient there is zero.  With few examples the tilts do not cancel, every step is pushed about, and
the pushes add up to a climb: the smaller the batch, the sooner.  The same noise keeps the runs from
coming to rest, which is why rates are made to fall.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Robbins & Monro 1951; Kleinberg, Li & Yuan 2018"
PAGE = Page(
    name="sgd-escape",
    chapter="Gradient descent and learning rates",
    title="Noise climbs out of a shallow valley; the exact gradient stays in it",
    concepts=("stochastic gradient descent", "mini-batch", "local minimum"),
    question="Why do the curves of small batches end below one?",
    try_this="RATE = 0.05  # in the script: half the noise, and a much longer wait",
    source=SOURCE,
    alt="Left: a curve with a shallow valley and a deeper one, below it where the runs with "
    "single examples end. Right: the share of runs beyond the ridge over time, highest for "
    "single examples and zero for full batches.",
)

EXAMPLES, RUNS, STEPS, RATE, NOISE, TILT = 32, 1000, 400, 0.1, 1.6, 0.12
SIZES = {1: "1 example", 2: "2 examples", 4: "4 examples", EXAMPLES: "all 32"}


def loss(w: Any, tilts: Any) -> Any:
    """Two valleys, tilted by the examples of a batch."""
    return w**4 / 4 - w**2 / 2 - TILT * w + np.mean(tilts) * w


@cache
def tilts() -> np.ndarray:
    """One tilt for each example; they cancel."""
    drawn = np.random.default_rng(0).standard_normal(EXAMPLES)
    return NOISE * (drawn - drawn.mean()) / drawn.std()


@cache
def turns() -> np.ndarray:
    """Shallow valley, ridge, deep valley: where the slope of the loss is zero."""
    return np.sort(np.roots([1.0, 0.0, -1.0, -TILT]).real)


@cache
def batches(size: int) -> np.ndarray:
    """The examples of every step and run; of full batches one run stands for all."""
    shape = (STEPS, RUNS, size)
    if size == EXAMPLES:
        return np.broadcast_to(np.arange(EXAMPLES), (STEPS, 1, EXAMPLES))
    return np.random.default_rng(size).integers(0, EXAMPLES, shape)


@cache
def paths(size: int) -> np.ndarray:
    """All runs side by side, (steps, runs)."""
    runs = dk.vmap(path, in_axes=1, out_axes=1)(tilts()[batches(size)])
    return np.broadcast_to(runs, (STEPS, RUNS))


def path(pushes: Any) -> Any:
    """The parameter of one run after every step, from the tilts of its batches."""

    def step(w: Any, push: Any) -> tuple[Any, Any]:
        after = w - RATE * dk.grad(loss)(w, push)
        return after, after

    return dk.scan(step, turns()[0], pushes)[1]


def escaped(size: int) -> np.ndarray:
    """The share of the runs beyond the ridge, after every step."""
    return (paths(size) > turns()[1]).mean(axis=1)


def one_by_one(run: int) -> float:
    """How far a run is from the same training by dk.train."""
    end = dk.train(loss, float(turns()[0]), (tilts(),), optimizer=dk.optim.sgd(RATE),
                   order=batches(1)[:, run].tolist(), epochs=1).params  # fmt: skip
    return float(abs(end - paths(1)[-1, run]))


def numbers() -> list[Claim]:
    """Who leaves, how deep the valleys are, and the noise of single examples."""
    shallow, ridge, deep = (float(loss(w, np.zeros(1))) for w in turns())
    singles = [dk.grad(loss)(0.3, tilts()[k : k + 1]) for k in range(EXAMPLES)]
    return [
        Claim("sgd-escape", "share of 1,000 runs that leave with all examples", 0.0,
              float(escaped(EXAMPLES).max()), 0.0, "its gradient is zero there"),
        Claim("sgd-escape", "share that has left with single examples", 0.8,
              float(escaped(1)[-1]), 0.05, "this draw, ± 3 standard errors"),
        Claim("sgd-escape", "batch sizes from which fewer leave than from the next larger one", 0,
              sum(a < b for a, b in pairwise(ends())), 0.0, SOURCE),
        Claim("sgd-escape", "depth of the shallow valley over that of the deep one", 0.37,
              (ridge - shallow) / (ridge - deep), 0.01, "w⁴/4 − w²/2 − 0.12 w"),
        Claim("sgd-escape", "mean of the single gradients minus the full one", 0.0,
              float(abs(np.mean(singles) - dk.grad(loss)(0.3, tilts()))), 1e-15, "linearity"),
        Claim("sgd-escape", "one run by dk.train, difference at its end", 0.0, one_by_one(7), 1e-9,
              "the same batches"),
    ]  # fmt: skip


def ends() -> list[float]:
    """The share beyond the ridge at the end, for every batch size."""
    return [float(escaped(size)[-1]) for size in SIZES]


def draw(dark: bool = False) -> Figure:
    """The two valleys with where runs end, and the share that has left after every step."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2))
        _valleys(left, dark)
        colours, labels = {1: ACCENT[dark], EXAMPLES: INK[dark]}, []
        for size, name in SIZES.items():
            right.plot(escaped(size), color=colours.get(size, muted(dark)))
            labels.append((STEPS, escaped(size)[-1], name, INK[dark]))
        right.set_xlim(0, STEPS)
        right.set_ylim(-0.02, 1)
        right.set_xlabel("step")
        right.set_title("share of 1,000 runs beyond the ridge", fontsize=10, fontweight="normal")
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
        label_lines(right, labels)
    return figure


def _valleys(axes: Any, dark: bool) -> None:
    w = np.linspace(-1.75, 1.85, 400)
    axes.plot(w, loss(w, np.zeros(1)), color=INK[dark])
    bins = np.linspace(w[0], w[-1], 60)
    heights, _ = np.histogram(paths(1)[-1], bins)
    axes.bar(bins[:-1], 0.32 * heights / heights.max(), width=np.diff(bins), bottom=-0.85,
             align="edge", color=ACCENT[dark], linewidth=0)  # fmt: skip
    axes.text(-0.1, -0.89, "where runs with single examples end", color=muted(dark), fontsize=9,
              ha="center", va="top")  # fmt: skip
    start = turns()[0], loss(turns()[0], np.zeros(1))
    axes.plot(*start, "o", color=INK[dark])
    axes.annotate("all begin here,\nand with all examples stay", start, xytext=(-0.1, 0.34),
                  ha="center", color=INK[dark], fontsize=9,
                  arrowprops={"arrowstyle": "-", "color": muted(dark), "shrinkB": 5})  # fmt: skip
    axes.set_ylim(-1.03, 0.75)
    axes.set_xlabel("parameter w")
    axes.set_title("loss over the parameter", fontsize=10, fontweight="normal")


if __name__ == "__main__":
    show(draw)
