"""Four times the batch, half the noise
====================================

The gradient of a mini-batch is the full gradient and an error, whose mean square is tr Σ / b for b
examples drawn at random: a line of slope −1 on logarithmic axes.  So halving the error costs four
times the examples.  Within one epoch no example is drawn twice, and then the error falls faster,
by the factor (n − b)/(n − 1), until the batch is everything and nothing is left.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.signal import loose_grid
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT
from diffkit.training.programs import flat

SOURCE = "Bottou, Curtis & Nocedal 2018, section 4; Cochran 1977 for the finite population"
PAGE = Page(
    name="mini-batch-variance",
    chapter="Gradient descent and learning rates",
    title="Four times the batch, half the noise",
    concepts=("mini-batch", "stochastic gradient descent", "gradient", "variance"),
    question="What does a batch of half the data leave of the noise, with and without repeats?",
    try_this="SIZES * spread(repeats=True) / trace(), SIZES * spread(repeats=False) / trace()",
    source=SOURCE,
    alt="Squared error of the gradient against batch size on logarithmic axes: a straight "
    "falling line when examples are drawn with repeats, and a line that bends down to zero "
    "when they are not.",
)

N, DRAWS = 512, 600
SIZES = 2 ** np.arange(9)
SLOPE_DRAWN = -1.0


@cache
def gradients() -> tuple[np.ndarray, np.ndarray]:
    """The gradient of every example alone, one per row, and the full one, at first weights."""
    data = dk.datasets.digits()
    x, y = data.x[:N], data.y[:N]
    net = dk.nets.mlp([64, 16, 10])
    loss, params = net.with_loss(dk.losses.cross_entropy), net.init(0)
    found = dk.signal.per_example_gradients(loss, params, (x, y))
    rows = [leaf.reshape(N, -1) for layer in found.values() for leaf in (layer["b"], layer["w"])]
    return np.concatenate(rows, axis=1), flat(dk.grad(loss)(params, x, y))


@cache
def spread(repeats: bool) -> np.ndarray:
    """E‖g − G‖² for every batch size, drawn with or without repeats."""
    rows, full = gradients()
    gram = (rows - full) @ (rows - full).T  # ‖mean of some rows‖² is a mean of its entries
    rng = np.random.default_rng(0)

    def once(b: int) -> float:
        chosen = rng.integers(0, N, b) if repeats else rng.permutation(N)[:b]
        return float(gram[np.ix_(chosen, chosen)].mean())

    return np.array([np.mean([once(int(b)) for _ in range(DRAWS)]) for b in SIZES])


def trace() -> float:
    """tr Σ of one example."""
    rows, full = gradients()
    return float(np.mean(np.sum((rows - full) ** 2, axis=1)))


def left_over(b: Any) -> Any:
    """What is left of the variance without repeats."""
    return (N - b) / (N - 1)


def numbers() -> list[Claim]:
    """Slope, size, and the mean."""
    rows, full = gradients()
    slope = np.polyfit(np.log(SIZES), np.log(spread(True)), 1)[0]
    theory = trace() / SIZES
    return [
        Claim("mini-batch-variance", "slope of log E‖g − G‖² against log b", SLOPE_DRAWN,
              float(slope), 0.02, SOURCE),
        Claim("mini-batch-variance", "largest deviation from tr Σ / b", 0.0,
              float(np.max(np.abs(spread(True) / theory - 1))), 0.06, SOURCE),
        Claim("mini-batch-variance", "without repeats: deviation from (n − b)/(n − 1) of it", 0.0,
              float(np.max(np.abs(spread(False) / (theory * left_over(SIZES)) - 1))), 0.06,
              "Cochran 1977, theorem 2.2"),
        Claim("mini-batch-variance", "mean of single-example gradients minus the full one", 0.0,
              float(np.max(np.abs(rows.mean(axis=0) - full))), 1e-15, "linearity"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Both ways to draw, with their theory."""
    smooth = np.geomspace(1, N - 1, 300)
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(7.6, 4.2))
        axes.set(xscale="log", yscale="log", xlim=(0.85, 600), ylim=(trace() / 3e4, 2 * trace()))
        loose_grid(axes)
        axes.plot(smooth, trace() / smooth, color=INK[dark], linewidth=5, alpha=0.25)
        axes.plot(smooth, trace() / smooth * left_over(smooth), color=ACCENT[dark], linewidth=5,
                  alpha=0.35)  # fmt: skip
        axes.plot(SIZES, spread(True), "o", color=INK[dark], markersize=6)
        axes.plot(SIZES, spread(False), "D", color=ACCENT[dark], markersize=4.5)
        axes.text(70, trace() / 42, "drawn with repeats: slope −1", color=INK[dark])
        axes.text(205, trace() / 900, "without repeats:\nnothing is left\nat b = n", va="top",
                  ha="right", color=ACCENT[dark])  # fmt: skip
        axes.axvline(N, color=muted(dark), linewidth=0.9)
        axes.text(N * 0.93, 1.3 * trace(), f"all {N} examples", ha="right", color=muted(dark),
                  fontsize=9, va="center")  # fmt: skip
        axes.set(xlabel="examples in a batch, b", ylabel="mean squared error of the gradient")
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
