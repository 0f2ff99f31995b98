"""Between rates that train and rates that do not, there is no simple line
=======================================================================

Every pixel is a whole training of one small net, a tanh net of 4-8-1 on 8 examples, for 250 steps
of gradient descent.  To the right the first layer learns faster, upwards the second.  Blue pixels
end below the loss they began with and red ones do not; the fainter, the longer it took to tell.
From afar the two sides have a border.  Seen closer it is made of threads, and the threads of
threads: as near as one looks, rates that fail lie beside rates that work, and a smaller step need
not help.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.maps import halo, mark_box
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, use_style
from diffkit.training.trainability import Trainability

SOURCE = "Sohl-Dickstein 2024"
PAGE = Page(
    name="trainability",
    chapter="Maps",
    title="Between rates that train and rates that do not, there is no simple line",
    concepts=("learning rate", "gradient descent", "chaos"),
    question="If a rate works, does a slightly smaller one work too?",
    try_this="maps()[0].zoom(((1.9, 2.0), (0.73, 0.77))).plot()  # and deeper",
    source=SOURCE,
    alt="Three maps of learning rates, each a zoom into the one before: blue where the training "
    "succeeds, red where it fails, and between them a border that dissolves into ever finer "
    "threads.",
)

SIDE, FEW, STEPS = 112, 32, 250
RATES = ((0.1, 1e4), (0.1, 10.0))
ZOOMS = (
    ((10**-0.7, 10**0.4), (10**-0.25, 10**0.2)),
    ((10**0.22, 10**0.32), (10**-0.14, 10**-0.05)),
)
NAMES = ("all rates", "the frame of the first map", "the frame of the second")
SIDES = ((0.1, 0.08, "trains"), (0.95, 0.85, "does not train"))


def loss(w: Any, x: Any, y: Any) -> Any:
    """The squared error of a net with one hidden layer."""
    return np.mean((np.tanh(x @ w[0]) @ w[1] - y) ** 2)


@cache
def problem() -> tuple[list[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The net's first weights and its examples, from one seed."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 4)), rng.standard_normal((8, 1))
    return [rng.standard_normal((4, 8)) / 2, rng.standard_normal((8, 1)) / 8**0.5], (x, y)


@cache
def maps() -> tuple[Trainability, ...]:
    """All rates, and two zooms, one in the other."""
    found = dk.trainability(loss, *problem(), rates=RATES, shape=SIDE, steps=STEPS)
    return found, *(found.zoom(box) for box in ZOOMS)


def numbers() -> list[Claim]:
    """Dimensions of the border, a border that is smooth, and the same pixels by other ways."""
    few = [dk.trainability(loss, *problem(), rates=RATES, shape=FEW, engine=engine).converged
           for engine in ("auto", "interpret")]  # fmt: skip
    bowl = dk.trainability(lambda w, x: np.mean(x * (w[0] ** 2 + w[1] ** 2)), [1.0, 1.0],
                           (np.ones(1),), rates=((0.1, 10), (0.1, 10)), shape=SIDE)  # fmt: skip
    return [
        *(Claim("trainability", f"box-counting dimension of the border: {name}", wanted,
                found.dimension(), 0.05, "this map; a smooth line has 1")
          for name, wanted, found in zip(NAMES, (1.31, 1.46, 1.47), maps(), strict=True)),
        Claim("trainability", "the same for a bowl, whose border is straight", 1.0,
              bowl.dimension(), 0.05, "2/λ for each rate"),
        Claim("trainability", "share of rates that train", 0.304, maps()[0].share, 0.01,
              "this map"),
        Claim("trainability", f"pixels of {FEW**2} that the interpreter colours otherwise", 0,
              int((few[0] != few[1]).sum()), 5, "rounding decides on the border"),
        Claim("trainability", "one pixel trained by dk.train, largest difference of losses", 0.0,
              one_pixel(), 1e-12, "the same formula"),
    ]  # fmt: skip


def one_pixel() -> float:
    """How far the losses of a converging pixel are from those of an ordinary training."""
    rate = np.array([0.2])
    run = dk.train(loss, *problem(), optimizer=dk.optim.sgd(0.2), epochs=STEPS)
    return float(np.abs(maps()[0].runs.losses(rate, rate)[:, 0] - run.history["loss"]).max())


def draw(dark: bool = False) -> Figure:
    """Three maps, each a part of the one before it."""
    with use_style(dark):
        figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.3))
        for place, (ax, found) in enumerate(zip(axes, maps(), strict=True)):
            found.plot(ax, dark=dark)
            ax.set_title(NAMES[place], fontsize=10, fontweight="normal")
            if place:
                ax.set_ylabel("")
            if place < len(ZOOMS):
                mark_box(ax, ZOOMS[place], dark=dark)
        for x, y, words in SIDES:
            axes[0].text(x, y, words, transform=axes[0].transAxes, color=INK[dark], fontsize=10.5,
                         fontweight="bold", ha="left" if x < 0.5 else "right",
                         path_effects=halo(dark))  # fmt: skip
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


if __name__ == "__main__":
    show(draw)
