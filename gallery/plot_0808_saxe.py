"""A deep linear net learns its strong modes first, each with a jump
=================================================================

Two linear layers compute no more than one matrix, and yet they learn otherwise: each singular mode
of the task waits on a plateau, then jumps.  The stronger the mode, the earlier.  For this net the
equations of learning are solved in closed form, s(t) = s E / (E − 1 + s/a₀) with E = exp(2st/τ),
and gradient descent follows the formula.  One layer alone would learn all modes at the same time,
without any plateau.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Saxe, McClelland & Ganguli 2014, equation 6"
PAGE = Page(
    name="deep-linear",
    chapter="How the learning signal flows",
    title="A deep linear net learns its strong modes first, each with a jump",
    concepts=("learning signal", "plateau", "gradient descent", "singular values"),
    question="What becomes of the plateau when the modes start ten times stronger?",
    try_this="dk.signal.deep_linear_mode(np.arange(5), strength=3.0, start=0.1)",
    source=SOURCE,
    alt="Strength of four modes over the updates: each rests on a plateau, then climbs as an S "
    "to its own height, the strongest first, on the closed form; a single layer, dashed, "
    "rises in all modes at once.",
)

STRENGTHS = np.array([4.0, 2.5, 1.5, 0.8])
START, RATE, UPDATES, EXAMPLES = 0.01, 2e-3, 3000, 16


@cache
def task() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Whitened inputs, targets with these singular values, and both bases."""
    rng, size = np.random.default_rng(0), len(STRENGTHS)
    u, v = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    x = np.linalg.qr(rng.normal(size=(EXAMPLES, size)))[0] * EXAMPLES**0.5
    return x, x @ v @ np.diag(STRENGTHS) @ u.T, u, v


def deep(params: Any, x: Any, y: Any) -> Any:
    """Half the mean squared error of two linear layers."""
    return np.sum((x @ params["first"] @ params["second"] - y) ** 2) / (2 * EXAMPLES)


def shallow(w: Any, x: Any, y: Any) -> Any:
    """The same of one layer."""
    return np.sum((x @ w - y) ** 2) / (2 * EXAMPLES)


@cache
def modes(kind: str) -> np.ndarray:
    """The strength of every mode after every update."""
    x, y, u, v = task()
    half = START**0.5
    first = {"first": half * v, "second": half * u.T} if kind == "deep" else START * v @ u.T
    seen = [np.full(len(STRENGTHS), START)]

    def look(run: Any) -> None:
        w = run.params
        product = w["first"] @ w["second"] if kind == "deep" else w
        seen.append(np.diag(v.T @ product @ u))

    loss = deep if kind == "deep" else shallow
    dk.train(loss, first, (x, y), optimizer=dk.optim.sgd(RATE), epochs=UPDATES, on_epoch=look)
    return np.array(seen)


def theory(strength: float) -> np.ndarray:
    """The closed form at every update."""
    return dk.signal.deep_linear_mode(np.arange(UPDATES + 1), strength, START, tau=1 / RATE)


def half_time(kind: str, mode: int) -> int:
    """The update at which half of a mode is learned."""
    return int(np.argmax(modes(kind)[:, mode] >= STRENGTHS[mode] / 2))


def numbers() -> list[Claim]:
    """Training beside the formula."""
    gaps = [np.max(np.abs(modes("deep")[:, i] - theory(s))) / s for i, s in enumerate(STRENGTHS)]
    halves = [half_time("deep", mode) for mode in range(len(STRENGTHS))]
    wanted = np.log(STRENGTHS / START - 1) / (2 * STRENGTHS * RATE)
    single = [half_time("shallow", mode) for mode in range(len(STRENGTHS))]
    return [
        Claim("deep-linear", "largest deviation from the closed form, of a mode's strength", 0.0,
              max(map(float, gaps)), 0.01, SOURCE),
        Claim("deep-linear", "updates until half of each mode is learned", wanted.tolist(),
              [float(t) for t in halves], 6.0, "ln(s/a₀ − 1) / (2 s η)"),
        Claim("deep-linear", "one layer: updates between its first and its last half mode", 5.0,
              float(max(single) - min(single)), 0.0, "every mode has the same rate",
              at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The modes of both nets while they learn."""
    updates = np.arange(UPDATES + 1)
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.0, 4.2))
        for mode, strength in enumerate(STRENGTHS):
            axes.plot(updates, modes("shallow")[:, mode], color=muted(dark), linewidth=1,
                      linestyle=(0, (4, 3)))  # fmt: skip
            axes.plot(updates, theory(strength), color=ACCENT[dark], linewidth=6, alpha=0.35)
            axes.plot(updates, modes("deep")[:, mode], color=INK[dark], linewidth=1.3)
            axes.text(UPDATES * 1.015, strength, f"s = {strength:g}", va="center", fontsize=9)
        axes.text(1100, 3.05, "two layers, trained,", color=INK[dark], fontsize=9, va="center")
        axes.text(1100, 2.83, "on the closed form", color=ACCENT[dark], fontsize=9, va="center")
        axes.text(90, 4.12, "one layer: all modes at once", color=muted(dark), fontsize=9)
        axes.set(xlim=(0, UPDATES), ylim=(0, 4.5), xlabel="update", ylabel="strength of a mode")
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
