"""Back in time, 0.9 per step vanishes and 1.1 explodes
====================================================

A recurrent net uses one matrix at every step of time, so its gradient is multiplied by that matrix
again and again on the way back.  With an orthogonal matrix times ρ the factor is exactly ρ per
step: after fifty steps 0.9 leaves 0.005, and 1.1 makes 117.  Only ρ = 1 keeps what happened long
ago.  A tanh at every step can only take away: with it even 1.1 fades.
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
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Pascanu, Mikolov & Bengio 2013, section 2; Hochreiter 1991"
PAGE = Page(
    name="recurrent",
    chapter="How the learning signal flows",
    title="Back in time, 0.9 per step vanishes and 1.1 explodes",
    concepts=("learning signal", "recurrent net", "vanishing gradient", "exploding gradient"),
    question="How many steps back does ρ = 0.99 leave one half?",
    try_this="0.9**50, 1.1**50",
    source=SOURCE,
    alt="Learning signal of a recurrent net against the steps back in time: it grows, stays or "
    "shrinks along straight lines as the factor is above, at or below one; with tanh every "
    "dashed line falls.",
)

SIZE, STEPS = 24, 50
GAINS = (1.1, 1.0, 0.9)
EXPECTED = {0.9: 5.154e-3, 1.0: 1.0, 1.1: 117.39}
INPUT = 0.3  # the standard deviation of what comes in at every step


@cache
def norms(gain: float, bent: bool) -> np.ndarray:
    """‖∂L/∂h_t‖ for t = 0 … T, relative to the last, with or without tanh."""
    rng = np.random.default_rng(0)
    w = gain * np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]
    inputs, direction = INPUT * rng.normal(size=(STEPS, SIZE)), rng.normal(size=SIZE)

    def score(h: Any) -> Any:
        h = dk.probe("h0", h)
        for t in range(STEPS):
            h = w @ h + inputs[t]
            h = dk.probe(f"h{t + 1}", np.tanh(h) if bent else h)
        return np.sum(direction * h)

    probes = dk.value_and_grad(score, probes=True)(np.zeros(SIZE))[2]
    found = np.array([np.linalg.norm(probes[f"h{t}"].cotangent) for t in range(STEPS + 1)])
    return found / found[-1]


def numbers() -> list[Claim]:
    """What arrives after fifty steps."""
    first = {gain: float(norms(gain, False)[0]) for gain in GAINS}
    return [
        Claim("recurrent", "first over last at ρ = 0.9", EXPECTED[0.9], first[0.9], 1e-6, SOURCE),
        Claim("recurrent", "first over last at ρ = 1.1", EXPECTED[1.1], first[1.1], 0.01, SOURCE),
        Claim("recurrent", "at ρ = 1", 1.0, first[1.0], 1e-12, "an orthogonal matrix"),
        Claim("recurrent", "with tanh, over the same without, the largest", 1.0,
              max(float(norms(gain, True)[0] / norms(gain, False)[0]) for gain in GAINS), 0.0,
              "|tanh′| ≤ 1", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """‖∂L/∂h_t‖ back in time."""
    colours = dict(zip(GAINS, (ACCENT[dark], INK[dark], muted(dark)), strict=True))
    steps = np.arange(STEPS + 1)
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.0, 4.3))
        axes.set(yscale="log", xlim=(STEPS, 0), ylim=(1e-7, 1e3))
        loose_grid(axes)
        labels = []
        for gain, colour in colours.items():
            axes.plot(steps, norms(gain, False), color=colour, linewidth=2.2)
            axes.plot(steps, norms(gain, True), color=colour, linewidth=1.3,
                      linestyle=(0, (4, 2)))  # fmt: skip
            first = norms(gain, False)[0]
            shown = "1" if gain == 1 else f"{first:.4g}"
            labels.append((0, first, f"ρ = {gain:g}: {shown}", colour))
            bent = norms(gain, True)[0]
            labels.append((0, bent, f"ρ = {gain:g}, tanh", colour))
        axes.set_xlabel("step of time  (the signal runs to the right, into the past)")
        axes.set_ylabel("‖∂L/∂h‖ over that at the last step")
        axes.set_title(PAGE.title)
        label_lines(axes, labels)
    return figure


if __name__ == "__main__":
    show(draw)
