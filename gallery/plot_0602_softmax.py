"""Softmax sharpens ratios and flattens differences
================================================

Softmax turns three scores into three probabilities, a point in a triangle.  Divide the scores by a
temperature T and the point walks from the middle (T large, nobody preferred) to a corner (T small,
one answer only): at T = ¼ every ratio of probabilities is raised to the fourth power.  Differences
fare otherwise: the Jacobian diag(p) − p pᵀ never stretches anything by more than ½, and at a corner
it is zero.  A sure answer hardly moves, right or wrong, unless the loss makes up for it, as
cross-entropy does.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

import diffkit as dk
from diffkit.plots.concepts import draw_simplex, simplex_grid, to_plane
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="softmax",
    chapter="Losses",
    title="Softmax sharpens ratios and flattens differences",
    concepts=("softmax classifier", "temperature", "Jacobian"),
    question="Where in the triangle do the probabilities move most easily?",
    try_this="dk.jacobian(dk.nets.softmax)(np.array([2.0, 1.0, 0.0]))",
    source="‖J‖₂ ≤ maxᵢ 2pᵢ(1 − pᵢ) ≤ ½ by Gershgorin's theorem",
    alt="Two triangles of probabilities. Left: curves lead from the middle to the corners as "
    "the temperature falls. Right: the norm of the Jacobian, largest in the middle of the "
    "sides and zero at the corners.",
)

SCORES = np.array([[1.0, 0.3, 0.0], [0.2, 1.0, 0.05], [0.1, 0.25, 1.0], [0.6, 0.9, 0.0],
                   [0.0, 0.75, 0.95], [0.85, 0.0, 0.6]])  # fmt: skip
TEMPERATURES = np.geomspace(0.03, 30.0, 121)
MARKED = {2.0: ("T = 2", "right", 4), 1.0: ("T = 1", "right", 4), 0.25: ("T = ¼", "left", -16)}
GRID = 60
SAMPLE = 400
BOUND = 0.5
NAMES = ("p₁ = 1", "p₂ = 1", "p₃ = 1")
softmax = dk.nets.softmax


@cache
def jacobians() -> np.ndarray:
    """Jacobians at random scores of all sizes, ``(SAMPLE, 3, 3)``, by diffkit."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(SAMPLE, 3)) * rng.choice([0.3, 1.0, 3.0, 10.0], (SAMPLE, 1))
    tied = [[0.0, 0.0, -40.0]]  # the middle of a side, where the bound is reached
    return np.array([dk.jacobian(softmax)(z) for z in np.vstack([scores, tied])])


def norms(p: np.ndarray) -> np.ndarray:
    """‖diag(p) − p pᵀ‖₂ for probabilities ``(m, 3)``."""
    matrices = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    return np.linalg.norm(matrices, ord=2, axis=(1, 2))


def stretches() -> float:
    """The largest ‖softmax(z) − softmax(w)‖/‖z − w‖ over random pairs."""
    z, w = np.random.default_rng(1).normal(size=(2, 50 * SAMPLE, 3)) * 3.0
    after = np.linalg.norm(softmax(z) - softmax(w), axis=1)
    return float(np.max(after / np.linalg.norm(z - w, axis=1)))


def numbers() -> list[Claim]:
    """The Jacobian's norm and rows, and what the temperature does."""
    found = np.linalg.norm(jacobians(), ord=2, axis=(1, 2))
    warm, cold = softmax(SCORES[0]), softmax(SCORES[0] / 0.25)
    return [
        Claim("softmax", f"largest ‖J‖₂ of {SAMPLE} and one Jacobians", BOUND, float(found.max()),
              1e-15, PAGE.source),
        Claim("softmax", "largest sum of a row of J", 1e-15,
              float(np.max(np.abs(jacobians().sum(axis=2)))), 0.0, "probabilities sum to 1",
              at_most=True),
        Claim("softmax", "differences of scores are stretched at most by", BOUND, stretches(), 0.0,
              "the mean value theorem", at_most=True),
        Claim("softmax", "p₁/p₂ at T = ¼, its fourth root over p₁/p₂ at T = 1", 1.0,
              float((cold[0] / cold[1]) ** 0.25 / (warm[0] / warm[1])), 1e-14, "exp((z₁ − z₂)/T)"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The walk of the temperature, and the norm of the Jacobian over the triangle."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4.0))
        walks(left, dark)
        map_of_norms(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def walks(axes: Axes, dark: bool) -> None:
    """Each score vector walks from the middle to a corner as it cools."""
    draw_simplex(axes, NAMES, dark=dark)
    for z in SCORES:
        path = to_plane(softmax(z / TEMPERATURES[:, None]))
        axes.plot(path[:, 0], path[:, 1], color=muted(dark), linewidth=1.2)
        for temperature in MARKED:
            x, y = to_plane(softmax(z / temperature))
            axes.plot(x, y, "o", color=ACCENT[dark], markersize=4.5 if z is not SCORES[0] else 6.5)
    for temperature, (words, side, shift) in MARKED.items():
        place = to_plane(softmax(SCORES[0] / temperature))
        axes.annotate(words, tuple(place), xytext=(-5, shift), textcoords="offset points", ha=side,
                      color=ACCENT[dark], fontsize=9)  # fmt: skip
    axes.plot(*to_plane(np.full(3, 1 / 3)), "o", color=INK[dark], markersize=5)
    axes.text(-0.1, 0.86, "scores divided by T:\nfrom the middle\nto a corner", fontsize=9.5,
              va="center", color=muted(dark))  # fmt: skip


def map_of_norms(axes: Axes, dark: bool) -> None:
    """How much the Jacobian stretches at most, over the triangle."""
    points, triangles = simplex_grid(GRID)
    x, y = to_plane(points).T
    mesh = Triangulation(x, y, triangles)
    painted = axes.tripcolor(mesh, norms(points), shading="gouraud", vmin=0, vmax=BOUND,
                              rasterized=True)  # fmt: skip
    draw_simplex(axes, NAMES, dark=dark)
    for middle in to_plane([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]):
        axes.plot(*middle, "o", color=ACCENT[False], markersize=7, markeredgewidth=1.2,
                  markeredgecolor="white")  # fmt: skip
    axes.annotate("‖J‖₂ = ½ in the middle\nof a side: two rivals", (0.75, 0.433), xytext=(9, 26),
                  textcoords="offset points", fontsize=9)  # fmt: skip
    bar = axes.figure.colorbar(painted, ax=axes, shrink=0.7, pad=0.02, ticks=[0, 0.25, BOUND])
    bar.set_label("‖J‖₂: the most that a difference is stretched", fontsize=9)
    bar.outline.set_visible(False)


if __name__ == "__main__":
    show(draw)
