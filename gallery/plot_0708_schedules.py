"""A rate that stays high keeps the noise, one that falls buries it
================================================================

The gradient of a mini-batch is the true one plus noise.  With a high rate the noise keeps the
weights jumping about the minimum, at a height that grows with the rate; with a low one from the
start they take for ever to get there.  A schedule has both: first far, then quiet.  Each panel has
the rate (grey area) and the mean excess loss it leads to (line, logarithmic), for one noisy
quadratic, all given the same highest rate and 400 updates.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.optim.recurrences import rates_by_recurrence
from diffkit.optim.schedules import ALL_SCHEDULES, Schedule
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Robbins & Monro 1951; PyTorch's torch.optim.lr_scheduler"
PAGE = Page(
    name="schedules",
    chapter="Gradient descent and learning rates",
    title="A rate that stays high keeps the noise, one that falls buries it",
    concepts=("learning-rate schedules", "learning rate", "stochastic gradient descent"),
    question="Which schedules go up again, and what does it cost them?",
    try_this="dk.schedules.warmup(0.1, 40) + dk.schedules.cosine(0.1)",
    source=SOURCE,
    alt="Eighteen small panels, one for each learning-rate schedule: the grey area is the rate "
    "over the updates, the line the mean excess loss it leads to, lower where the rate "
    "falls.",
)

T, HIGH = 400, 0.5
EPOCH = 20  # updates, for the schedule that watches the loss
CURVATURES, NOISE = np.array([1.0, 0.05]), 0.3
kit = dk.schedules

# What each panel shows, with PyTorch's name for it.
SHOWN: dict[str, Schedule] = {
    "no schedule": kit.constant(HIGH),
    "StepLR": kit.step(HIGH, 100, 0.25),
    "MultiStepLR": kit.multi_step(HIGH, [150, 300], 0.1),
    "ConstantLR": kit.constant(HIGH, 1 / 3, steps=120),
    "LinearLR": kit.linear(HIGH, T, start=1.0, end=0.01),
    "ExponentialLR": kit.exponential(HIGH, 0.99),
    "PolynomialLR": kit.polynomial(HIGH, T, 2.0),
    "CosineAnnealingLR": kit.cosine(HIGH, T),
    "CosineAnnealingWarmRestarts": kit.cosine_restarts(HIGH, 57, 2),
    "CyclicLR, triangular": kit.cyclic(0.01, HIGH, 50),
    "CyclicLR, triangular2": kit.cyclic(0.01, HIGH, 50, mode="triangular2"),
    "CyclicLR, exp_range": kit.cyclic(0.01, HIGH, 50, mode="exp_range", factor=0.993),
    "OneCycleLR": kit.one_cycle(HIGH, T),
    "ReduceLROnPlateau": kit.reduce_on_plateau(HIGH, factor=0.3, patience=1, threshold=0.02),
    "LambdaLR": kit.scaled(HIGH, lambda t: 1 / (1 + t / 20)),
    "MultiplicativeLR": kit.multiplicative(HIGH, lambda t: 0.985),
    "SequentialLR": kit.warmup(HIGH, 60) + kit.cosine(HIGH, T - 60),
    "ChainedScheduler": kit.chained(
        kit.constant(HIGH, 0.2, steps=60), kit.exponential(HIGH, 0.988)
    ),
}


def excess(rates: np.ndarray, start: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The mean excess loss before each update, and the mean squares after the last.

    E w² ← (1 − ηλ)² E w² + η² σ², exactly: the noisy quadratic of Schaul, Zhang & LeCun 2013.
    """
    square = np.ones(len(CURVATURES)) if start is None else start
    found = []
    for rate in rates:
        found.append(0.5 * float(CURVATURES @ square))
        square = (1 - rate * CURVATURES) ** 2 * square + (rate * NOISE) ** 2
    return np.array(found), square


@cache
def course(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rates and losses of one panel; the plateau is found epoch by epoch."""
    schedule = SHOWN[name]
    if not schedule.watches:
        rates = schedule(np.arange(T))
        return rates, excess(rates)[0]
    rates, losses, means, square = [], [], [], None
    for _ in range(T // EPOCH):
        now = schedule.after({"epoch_loss": means})(np.arange(EPOCH))
        found, square = excess(now, square)
        rates, losses, means = [*rates, *now], [*losses, *found], [*means, float(found.mean())]
    return np.array(rates), np.array(losses)


@cache
def simulated() -> float:
    """The last loss of a constant rate by 4,000 trainings side by side, over the exact mean."""
    rng, optimizer = np.random.default_rng(0), dk.optim.sgd(SHOWN["no schedule"])
    w: Any = np.ones((4000, 2))
    for t in range(T - 1):
        noisy = CURVATURES * w + NOISE * rng.normal(size=w.shape)
        w, _ = optimizer.update(noisy, (), w, t)
    return 0.5 * float((w * w).mean(0) @ CURVATURES) / course("no schedule")[1][-1]


def last(name: str) -> float:
    """The mean excess loss of the last epoch's updates."""
    return float(course(name)[1][-EPOCH:].mean())


def numbers() -> list[Claim]:
    """Closed forms against recurrences, the floor of a constant rate, and what falling gains."""
    gaps = [float(np.abs(schedule(np.arange(100)) - list(rates_by_recurrence(schedule, 100))).max())
            for schedule in ALL_SCHEDULES]  # fmt: skip
    floor = float((HIGH * NOISE**2 / (2 - HIGH * CURVATURES)).sum() / 2)
    return [
        Claim("schedules", f"closed form minus recurrence, largest of {len(gaps)} schedules",
              1e-12, max(gaps), 0.0, SOURCE, at_most=True),
        Claim("schedules", "constant rate: excess loss over its floor Σ ησ²/(4 − 2ηλ)", 1.0,
              last("no schedule") / floor, 0.02, "fixed point of the recurrence of E w²"),
        Claim("schedules", "the same by 4,000 trainings over the exact mean", 1.0, simulated(),
              0.05, "seed 0"),
        Claim("schedules", "constant over cosine, excess loss at the end", 6.6,
              last("no schedule") / last("CosineAnnealingLR"), 0.05, "exact means"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """A panel for every schedule."""
    with use_style(dark):
        figure, grid = plt.subplots(3, 6, figsize=(11.6, 5.4), sharex=True, sharey=True)
        for place, (name, axes) in enumerate(zip(SHOWN, grid.flat, strict=True)):
            panel(axes, name, dark, left=place % 6 == 0)
        figure.suptitle(PAGE.title, x=0.012, ha="left", fontsize=12, fontweight="bold")
        figure.text(0.992, 0.985, "line, and number at the end: mean excess loss", ha="right",
                    va="top", color=ACCENT[dark], fontsize=9)  # fmt: skip
        figure.supxlabel("update", fontsize=10)
    return figure


def panel(axes: Axes, name: str, dark: bool, left: bool) -> None:
    """One schedule and where it leads."""
    rates, losses = course(name)
    axes.fill_between(np.arange(T), rates, color=muted(dark), alpha=0.3, linewidth=0)
    axes.set(xlim=(0, T - 1), ylim=(0, 0.62), yticks=(0, 0.25, 0.5), xticks=(0, 200, 399))
    axes.grid(False)
    if left:
        axes.set_ylabel("rate", color=muted(dark))
    axes.set_title(name, fontsize=8, fontweight="normal")
    line = axes.twinx()
    line.plot(losses, color=ACCENT[dark], linewidth=1.8)
    line.set(yscale="log", ylim=(1e-3, 1.0), yticks=[])
    line.minorticks_off()
    line.spines[:].set_visible(False)
    line.text(T - 8, 0.62, f"{last(name):#.2g}", color=ACCENT[dark], fontsize=9, ha="right",
              va="center", fontweight="bold")  # fmt: skip


if __name__ == "__main__":
    show(draw)
