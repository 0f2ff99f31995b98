"""Small steps end in the nearest valley; Newton's method ends where it likes
==========================================================================

Himmelblau's function has four minima, all of height 0.  Every pixel is a start, coloured by the
minimum that it reaches.  Gradient descent with small steps rolls downhill: four basins with smooth
borders.  With steps almost as large as the curvature allows, 2/λ, starts far out leap over
a valley into another one.  Newton's method jumps to where its parabola is flat: its basins are a
fractal, and over a third of the starts, without a colour, end in no minimum at all but at a saddle
or on the hilltop, for there the gradient is zero, too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.maps import plot_basins
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import use_style

SOURCE = "Himmelblau 1972; Cayley 1879"
PAGE = Page(
    name="basins",
    chapter="Maps",
    title="Small steps end in the nearest valley; Newton's method ends where it likes",
    concepts=("gradient descent", "learning rate", "Newton's method", "chaos"),
    question="Which minimum does a start reach, and does the method change that?",
    try_this="dk.hessian(lambda p: (p[0]**2 + p[1] - 11)**2 + (p[0] + p[1]**2 - 7)**2)"
    "(np.array([3.0, 2.0]))",
    source=SOURCE,
    alt="Three square maps of starts in four colours, one per minimum. Small steps: four plain "
    "regions around the four minima. Large steps: the same inside, and strips of other "
    "colours along the rim. Newton: islands within islands, and wide areas without a "
    "colour that end at saddles.",
)

SIDE, EDGE = 240, 6.0
METHODS = {  # rate (None is Newton) and number of updates
    "gradient descent, η = 0.002": (0.002, 500),
    "gradient descent, η = 0.0145, just below 2/λ": (0.0145, 300),
    "Newton's method": (None, 40),
}
NEAR, FAR, TOUCH = 1e-2, 1e3, 1e-3
GUESSES = np.array([[3.0, 2.0], [-2.8, 3.1], [-3.8, -3.3], [3.6, -1.8]])


def height(x: Any, y: Any) -> Any:
    """Himmelblau's function."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def total(x: Any, y: Any) -> Any:
    """The sum over all pixels, whose gradient is the gradient at every pixel."""
    return np.sum(height(x, y))


slopes = dk.grad(total, argnums=(0, 1))


def curved(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """The three second derivatives, at every pixel: each from a product with a direction."""
    one, none = np.ones_like(x), np.zeros_like(x)
    xx, xy = dk.jvp(slopes, (x, y), (one, none))[1]
    _, yy = dk.jvp(slopes, (x, y), (none, one))[1]
    return xx, xy, yy


def starts() -> tuple[np.ndarray, np.ndarray]:
    """The centres of the pixels, rows upwards."""
    half = EDGE / SIDE
    at = np.linspace(-EDGE + half, EDGE - half, SIDE)
    first, second = np.meshgrid(at, at)
    return first, second


@cache
def minima() -> np.ndarray:
    """The four minima, from near them by Newton's method: (4, 2)."""
    x, y = GUESSES.T.copy()
    for _ in range(8):
        x, y = newton(x, y)
    return np.stack([x, y], axis=1)


def newton(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One step of Newton's method at every pixel, by Cramer's rule."""
    gx, gy = slopes(x, y)
    xx, xy, yy = curved(x, y)
    area = xx * yy - xy**2
    area = np.where(area == 0, np.finfo(float).tiny, area)
    return x - (yy * gx - xy * gy) / area, y - (xx * gy - xy * gx) / area


def descent(x: np.ndarray, y: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """One step of gradient descent; what has run away stays where it is."""
    gx, gy = slopes(x, y)
    here = np.hypot(x, y) < FAR
    return np.where(here, x - rate * gx, x), np.where(here, y - rate * gy, y)


@cache
def ends(method: str) -> np.ndarray:
    """The minimum that every pixel reaches, 0 to 3; 4 for a saddle or the hilltop, 5 for none."""
    rate, updates = METHODS[method]
    x, y = starts()
    for _ in range(updates):
        x, y = newton(x, y) if rate is None else descent(x, y, rate)
    distance = np.hypot(x[..., None] - minima()[:, 0], y[..., None] - minima()[:, 1])
    slope = np.hypot(*slopes(x, y))
    other = np.where(slope < TOUCH, 4, 5)
    return np.where(distance.min(axis=-1) < NEAR, distance.argmin(axis=-1), other)


def border(method: str) -> float:
    """The share of pixels with a neighbour that ends elsewhere."""
    found = ends(method)
    below, beside = found[1:] != found[:-1], found[:, 1:] != found[:, :-1]
    touched = np.zeros(found.shape, bool)
    touched[1:] |= below
    touched[:, 1:] |= beside
    return float(touched.mean())


def share(method: str, *kinds: int) -> float:
    """The share of starts that end in one of these."""
    return float(np.isin(ends(method), kinds).mean())


def steepest() -> float:
    """The largest curvature at the four minima."""
    xx, xy, yy = curved(*minima().T.copy())
    return float(np.max((xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)))


def numbers() -> list[Claim]:
    """Shares, borders, and the rate at which minima let go."""
    small, large, by_newton = METHODS
    return [
        Claim("basins", "height of the four minima", [0.0] * 4,
              [float(h) for h in height(*minima().T)], 1e-20, SOURCE),
        Claim("basins", "largest curvature λ at a minimum", 133.8,
              steepest(), 0.1, "the Hessian"),
        Claim("basins", "share of starts in a minimum: small steps, Newton", [1.0, 0.64],
              [share(small, 0, 1, 2, 3), share(by_newton, 0, 1, 2, 3)], 0.06, "this map"),
        Claim("basins", "share at a saddle or the hilltop: Newton", 0.36, share(by_newton, 4), 0.06,
              "this map"),
        Claim("basins", "pixels at a border: small steps, large steps, Newton",
              [0.009, 0.033, 0.074], [border(name) for name in (small, large, by_newton)], 0.008,
              "this map"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Three maps of where every start ends."""
    with use_style(dark):
        figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.6), sharey=True)
        for ax, method in zip(axes, METHODS, strict=True):
            plot_basins(ends(method), minima(), ax, EDGE, dark=dark)
            ax.set_title(method, fontsize=10, fontweight="normal")
            ax.set(xlabel="x at the start", xticks=range(-6, 7, 3), yticks=range(-6, 7, 3))
        axes[0].set_ylabel("y at the start")
        lost, tone = share(tuple(METHODS)[2], 4), "white" if dark else "black"
        axes[2].set_xlabel(f"x at the start   ({tone}, {lost:.0%}: a saddle or the hilltop)")
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


if __name__ == "__main__":
    show(draw)
