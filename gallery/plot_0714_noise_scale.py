"""Below the noise scale, a batch's gradient is mostly noise
=========================================================

A gradient of a mini-batch is the full gradient plus noise, and the noise shrinks as a batch
grows: E‖g‖² = ‖G‖² + tr Σ / b for b examples.  Below the noise scale tr Σ / ‖G‖² a step is mostly
noise, and twice the batch is worth twice the steps; above it more examples hardly help.  Two batch
sizes are enough to find it.  On the right is the noise scale of a classifier of digits: as it
learns, the gradients of its examples agree less and less, and larger batches begin to pay.
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
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "McCandlish et al. 2018, equation 2.9 and appendix A.1"
PAGE = Page(
    name="noise-scale",
    chapter="Gradient descent and learning rates",
    title="Below the noise scale, a batch's gradient is mostly noise",
    concepts=("mini-batch", "stochastic gradient descent", "gradient noise scale"),
    question="Why do larger batches pay late in a training, and not at its start?",
    try_this='digits().signal.measured("noise_scale")',
    source=SOURCE,
    alt="Left: the squared norm of a batch's gradient falls with the size of the batch to the "
    "level of the signal; the noise crosses that level at the noise scale. Right: the noise "
    "scale of a classifier of digits grows over the epochs.",
)

N, D, SIGMA = 20_000, 10, 0.1
CLOSED_FORM = D + 1 + D * SIGMA**2  # of ½(xᵀw − y)² with normal x, ‖w‖ = 1 and noise σ in y
SIZES = 2 ** np.arange(11)
DRAWS = 2000
PAIR = (4, 64)
EPOCHS, BATCH, RATE = 12, 32, 0.1


def loss(w: Any, x: Any, y: Any) -> Any:
    """Half the mean squared error of a linear model."""
    return np.mean((x @ w - y) ** 2) / 2


@cache
def problem() -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Weights at distance 1 from the best, and data."""
    rng = np.random.default_rng(0)
    return np.eye(D)[0], (rng.normal(size=(N, D)), SIGMA * rng.normal(size=N))


@cache
def scales() -> tuple[Any, Any]:
    """The noise scale from all examples, and from pairs of batches."""
    w, data = problem()
    estimate = dk.signal.noise_scale(loss, w, data, batches=PAIR, pairs=4000, seed=0)
    return dk.signal.noise_scale(loss, w, data), estimate


@cache
def squares() -> np.ndarray:
    """E‖g‖² for every batch size, over random batches."""
    w, data = problem()
    gradients, rng = dk.signal.per_example_gradients(loss, w, data), np.random.default_rng(1)
    return np.array([
        np.mean([np.sum(gradients[rng.integers(0, N, b)].mean(axis=0) ** 2) for _ in range(DRAWS)])
        for b in SIZES
    ])  # fmt: skip


@cache
def digits() -> Any:
    """A classifier of digits, with the noise of its gradients after every epoch."""
    x, _, y, _ = dk.datasets.digits().split()
    net = dk.nets.softmax_classifier(64, 10)
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y), batch_size=BATCH,
        optimizer=dk.optim.sgd(RATE), epochs=EPOCHS, record=("loss", "noise"),
    )  # fmt: skip


def numbers() -> list[Claim]:
    """Three ways to one scale, and what it means."""
    exact, estimate = scales()
    measured = digits().signal.measured("noise_scale")
    theory = exact.square + exact.trace / SIZES
    return [
        Claim("noise-scale", "tr Σ / ‖G‖² over all examples (closed form 11.10)", CLOSED_FORM,
              exact.scale, 0.3, SOURCE),
        Claim("noise-scale", "the estimate from two batch sizes", CLOSED_FORM, estimate.scale, 0.6,
              SOURCE),
        Claim("noise-scale", "largest deviation of E‖g‖² from ‖G‖² + tr Σ / b", 0.0,
              float(np.max(np.abs(squares() / theory - 1))), 0.12, "2,000 random batches each"),
        Claim("noise-scale", "digits: noise scale at the end over that at the start", 7.0,
              measured[-1] / measured[0], 1.5, "this training"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """E‖g‖² against the batch size; the noise scale of a training."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.05), width_ratios=(1.15, 1))
        batch_panel(left, dark)
        training_panel(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def batch_panel(axes: Axes, dark: bool) -> None:
    """Signal, noise, and their crossing."""
    exact, _ = scales()
    sizes = np.geomspace(1, SIZES[-1], 200)
    axes.set(xscale="log", yscale="log", xlim=(0.85, 1500), ylim=(0.05, 30))
    loose_grid(axes)
    axes.plot(sizes, exact.square + exact.trace / sizes, color=ACCENT[dark], linewidth=5, alpha=0.3)
    axes.plot(SIZES, squares(), "o", color=ACCENT[dark], markersize=5)
    axes.axhline(exact.square, color=INK[dark], linewidth=1.4)
    noise = exact.trace / sizes
    axes.plot(sizes, noise, color=muted(dark), linewidth=1.4, linestyle=(0, (5, 3)))
    axes.axvline(exact.scale, color=muted(dark), linewidth=0.9)
    axes.text(exact.scale * 1.12, 0.065, f"noise scale {exact.scale:.1f}", color=muted(dark))
    axes.text(1400, exact.square * 0.87, "signal ‖G‖²", color=INK[dark], ha="right", va="top")
    axes.text(160, 0.1, "noise tr Σ / b", color=muted(dark), ha="left", va="bottom")
    axes.text(14, 2.6, "E‖g‖² of a batch", color=ACCENT[dark])
    axes.set_xlabel("examples in a batch, b")
    axes.set_ylabel("squared norm")


def training_panel(axes: Axes, dark: bool) -> None:
    """The noise scale while digits are learned."""
    signal = digits().signal
    epochs, scale = signal.measured("epoch"), signal.measured("noise_scale")
    axes.set_yscale("log")
    loose_grid(axes)
    axes.plot(epochs, scale, "o-", color=ACCENT[dark], markersize=4)
    axes.axhline(BATCH, color=muted(dark), linewidth=1.0, linestyle=(0, (5, 3)))
    axes.text(EPOCHS, BATCH * 1.06, f"batches of {BATCH}, as trained", color=muted(dark),
              ha="right", va="bottom", fontsize=9)  # fmt: skip
    axes.set(xlim=(0, EPOCHS), ylim=(25, 700), xlabel="epoch", ylabel="noise scale, examples")
    axes.set_yticks([30, 100, 300], ["30", "100", "300"])
    axes.set_yticks([], minor=True)
    axes.set_title("digits: it grows as they are learned", fontsize=10, fontweight="normal")


if __name__ == "__main__":
    show(draw)
