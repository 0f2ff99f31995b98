"""Sixteen losses, told apart by where they let go
===============================================

A loss says how wrong an example is, and its slope how hard to pull.  Losses of numbers let go at
one point.  Losses with a softmax in them let go gradually and never quite; with soft targets they
turn back.  Losses with a margin stop there and leave the rest in peace.  Only two pull ever harder
on a hopeless example, squared error and squared hinge; dice and cosine pull hardest half-way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit import losses
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="all-losses",
    chapter="Losses",
    title="Sixteen losses, told apart by where they let go",
    concepts=("loss", "learning signal", "hinge", "logit"),
    question="Which losses pull hardest on an example that is hopelessly wrong?",
    try_this="dk.losses.ALL_LOSSES",
    source="the definitions; the source of each loss is in its docstring",
    alt="Sixteen small panels in four rows, each a loss with its slope, shaded where it hardly "
    "pulls: rows of losses that let go at a point, gradually, and at a margin, and a last row of "
    "losses for log-probabilities, directions, masks and boxes.",
)

POINTS = 241
JUMP = 0.2  # between neighbouring points: no line is drawn across it
LET_GO = 0.05  # of its strongest pull: less is shown as none
RELEASED = {
    False: "#F1E4C6",
    True: "#3D3520",
}  # the accent, on the page at a quarter of its strength
AXIS = (-10.0, 20.0)  # beyond every panel
COUNT = 100  # pixels of the mask
PART = 10  # of them in the shape
SURE = 9.0  # a score that leaves no doubt


@dataclass(frozen=True)
class Cut:
    """A loss of one number z, which runs over an interval, and what z is."""

    loss: Callable[[Any], Any]
    meaning: str
    ends: tuple[float, float] = (-4.0, 4.0)

    @property
    def places(self) -> np.ndarray:
        """Where it is drawn."""
        return np.linspace(*self.ends, POINTS)


def number(loss: Any, meaning: str, target: float) -> Cut:
    """One number against a target."""
    return Cut(lambda z: loss(np.stack([z]), np.full(1, target)), meaning)


def classes(loss: Any, target: Any) -> Cut:
    """The right class has score z, the other 0."""
    return Cut(lambda z: loss(np.stack([z, 0.0 * z])[None], np.array([target])), "score")


def likelihood(z: Any) -> Any:
    """The log-probability of the right class is z."""
    return losses.nll(np.stack([z, np.log1p(-np.exp(z))])[None], np.array([0]))


def stranger(z: Any) -> Any:
    """Like and like are ½ apart; a stranger is z away from one of them."""
    one = np.ones(1)
    return losses.triplet.of(0.0 * one[None], 0.5 * one[None], (z * one)[None])


def turned(z: Any) -> Any:
    """The prediction is turned away from the target by z half turns."""
    angle = np.pi * z
    return losses.cosine(np.stack([np.cos(angle), np.sin(angle)])[None], np.array([[1.0, 0.0]]))


def masked(z: Any) -> Any:
    """The pixels of the shape have score z, all others are known to be outside."""
    scores = np.concatenate([z * np.ones(PART), -SURE * np.ones(COUNT - PART)])
    return losses.dice(scores[None], np.repeat([1.0, 0.0], [PART, COUNT - PART])[None])


def edge(z: Any) -> Any:
    """One edge of a box is off by z, the class is known."""
    prediction = np.stack([z, *np.zeros(3), SURE, -SURE])[None]
    return losses.detection(prediction, np.zeros((1, 5)))


ROWS: dict[str, dict[str, Cut]] = {
    "at a point": {
        "mse": number(losses.mse, "error", 0.0),
        "mae": number(losses.mae, "error", 0.0),
        "huber(1)": number(losses.huber(1.0), "error", 0.0),
        "log_cosh": number(losses.log_cosh, "error", 0.0),
    },
    "gradually": {
        "cross_entropy": classes(losses.cross_entropy, 0),
        "bce_with_logits": number(losses.bce_with_logits, "score", 1.0),
        "focal": number(losses.focal, "score", 1.0),
        "kl_divergence": classes(losses.kl_divergence, [0.8, 0.2]),
    },
    "at a margin": {
        "hinge": number(losses.hinge, "score", 1.0),
        "squared_hinge": number(losses.squared_hinge, "score", 1.0),
        "multiclass_hinge": classes(losses.multiclass_hinge, 0),
        "triplet": Cut(stranger, "distance of the stranger", (0.1, 3.0)),
    },
    "in their own way": {
        "nll": Cut(likelihood, "log-probability", (-4.0, -0.02)),
        "cosine": Cut(turned, "half turns", (-1.0, 1.0)),
        "dice": Cut(masked, "score of the pixels", (-6.0, 6.0)),
        "detection": Cut(edge, "error of an edge", (-1.0, 1.0)),
    },
}
CUTS = {name: cut for row in ROWS.values() for name, cut in row.items()}
MARGINS = tuple(ROWS["at a margin"])


@cache
def curves(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A loss and its slope at all places, by reverse mode."""
    both = dk.value_and_grad(CUTS[name].loss)
    value, slope = zip(*(both(z) for z in CUTS[name].places), strict=True)
    return np.array(value, dtype=float), np.array(slope, dtype=float)


def pull(name: str, z: float) -> float:
    """The slope of a loss at one place."""
    return float(dk.grad(CUTS[name].loss)(z))


def numbers() -> list[Claim]:
    """Who pulls ever harder, who stops, and where."""
    far = {name: abs(pull(name, -40.0)) for name in ("mse", "squared_hinge")}
    bounded = [name for name in CUTS if name not in far and CUTS[name].ends[0] == -4.0]
    beyond = [pull(name, CUTS[name].ends[1]) for name in MARGINS]
    humps = [float(CUTS[name].places[np.argmax(np.abs(curves(name)[1]))])
             for name in ("cosine", "dice")]  # fmt: skip
    gaps = [abs(pull(name, 0.31 * cut.ends[0])
                - float(dk.grad(cut.loss, method="finite")(0.31 * cut.ends[0])))
            for name, cut in CUTS.items() if cut.ends[0] < 0]  # fmt: skip
    two = np.subtract(curves("cross_entropy"), curves("bce_with_logits"))
    return [
        Claim("all-losses", "losses shown", len(losses.ALL_LOSSES), len(CUTS), 0.0,
              "dk.losses.ALL_LOSSES"),
        Claim("all-losses", "pull at −40: squared error, squared hinge", [80.0, 82.0],
              list(far.values()), 1e-12, "2 (p − t), 2 (1 − z)"),
        Claim("all-losses", "strongest pull of the other losses of −4 … 4", 1.2,
              max(float(np.max(np.abs(curves(name)[1]))) for name in bounded), 0.0,
              "their slopes", at_most=True),
        Claim("all-losses", "slopes beyond the margin", [0.0] * 4, beyond, 0.0, "max(0, ·)"),
        Claim("all-losses", "slope of the KL divergence at ln 4", 0.0,
              pull("kl_divergence", float(np.log(4.0))), 1e-15, "odds of 80 to 20"),
        Claim("all-losses", "where cosine and dice pull hardest", [0.5, -0.65],
              [abs(humps[0]), humps[1]], 0.05, "a right angle; half-way for the dice"),
        Claim("all-losses", "cross-entropy of two classes minus the binary one", 2e-15,
              float(np.max(np.abs(two))), 0.0, "the same formula", at_most=True),
        Claim("all-losses", "slopes minus finite differences, largest", 1e-8, max(gaps), 0.0,
              "two methods", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Sixteen losses, each with its slope, in rows of one kind."""
    with use_style(dark):
        figure, grid = plt.subplots(4, 4, figsize=(10.0, 8.6))
        for line, (words, row) in zip(grid, ROWS.items(), strict=True):
            line[0].set_ylabel(words, fontsize=10.5, fontweight="bold", labelpad=8)
            for axes, name in zip(line, row, strict=True):
                panel(axes, name, dark)
        reverse = METHODS_STYLE["reverse"].text_colour(dark)
        grid[0, 0].text(-1.55, 3.3, "loss", color=INK[dark], fontsize=9.5)
        grid[0, 3].annotate(
            "shaded: hardly\na pull", (0, 0), (0.35, 3.6), fontsize=8.5, color=ACCENT[dark]
        )
        grid[0, 0].text(0.95, -1.9, "slope", color=reverse, fontsize=9.5)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def panel(axes: Axes, name: str, dark: bool) -> None:
    """One loss in ink, its slope in the colour of reverse mode."""
    cut, (loss, slope) = CUTS[name], curves(name)
    axes.axhline(0.0, color=muted(dark), linewidth=0.8)
    released = cut.places[np.abs(slope) <= LET_GO * np.max(np.abs(slope))]
    axes.vlines(released, *AXIS, color=RELEASED[dark], linewidth=2.2, zorder=0)
    axes.plot(cut.places, loss, color=INK[dark])
    jumps = np.abs(np.diff(slope, append=slope[-1])) > JUMP
    shown = np.where(jumps, np.nan, slope)
    axes.plot(cut.places, shown, color=METHODS_STYLE["reverse"].colour(dark))
    low, high = (-3.4, 5.0) if max(loss.max(), -slope.min()) > 2 else (-1.3, 2.4)
    if name == "cosine":
        low, high = -3.6, 3.6
    axes.set(xlim=cut.ends, ylim=(low, high))
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=8)
    axes.set_title(name, fontsize=10, fontweight="normal", pad=4, loc="left")
    axes.set_xlabel(cut.meaning, fontsize=8.5, labelpad=1)


if __name__ == "__main__":
    show(draw)
