"""The gradient points where the function rises fastest
====================================================

At every point of a landscape the gradient is an arrow: across the contours, uphill, and the longer
the steeper.  Nothing but values is needed to see that it is right.  Walk a tiny step in each of
3,600 directions and note how much the ground rises: the rises form a cosine, its crest lies in the
direction g/‖g‖, and its height is ‖g‖.  Along the contour, a quarter turn away, it is level.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.concepts import level_colours
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Cauchy 1847; brute force over values"
PAGE = Page(
    name="gradient",
    chapter="Derivatives",
    title="The gradient points where the function rises fastest",
    concepts=("gradient", "derivative", "directional derivative"),
    question="In which two directions does the ground stay level?",
    try_this="dk.grad(f)(np.array([0.8, -0.6]))",
    source=SOURCE,
    alt="Left: contour lines of a hilly landscape with arrows that cross them uphill. Right: "
    "the rise in every direction from one point is a cosine, whose crest lies in the "
    "direction of the gradient.",
)

POINT = np.array([0.8, -0.6])
DIRECTIONS = 3600
STEP = 1e-4  # the central difference over it is right to 1e-8 here
SPAN = (-2.2, 2.2)
ARROWS = np.linspace(-1.8, 1.8, 7)
LEVELS = np.arange(-1.4, 1.9, 0.2)  # of the contours
CIRCLE = 0.42  # drawn around the point; the steps of brute force are far smaller


def f(x: Any) -> Any:
    """A hill and a hollow on a slope."""
    hill = np.exp(-((x[0] - 0.7) ** 2) - (x[1] - 0.8) ** 2)
    hollow = np.exp(-((x[0] + 0.9) ** 2) - (x[1] + 0.5) ** 2)
    return 1.6 * hill - 1.2 * hollow + 0.25 * x[0]


@cache
def around() -> tuple[np.ndarray, np.ndarray]:
    """Angles in degrees, and how fast the function rises in each direction: values only."""
    angles = np.arange(DIRECTIONS) * 360.0 / DIRECTIONS
    radians = np.deg2rad(angles)
    units = np.array([np.cos(radians), np.sin(radians)])
    ahead, behind = (f(POINT[:, None] + side * STEP * units) for side in (1, -1))
    return angles, (ahead - behind) / (2 * STEP)


@cache
def gradient() -> np.ndarray:
    """The gradient at the point, by reverse mode."""
    return np.asarray(dk.grad(f)(POINT))


def angle_of(vector: np.ndarray) -> float:
    """The direction of a vector, in degrees from 0 to 360."""
    return float(np.degrees(np.arctan2(vector[1], vector[0])) % 360)


def numbers() -> list[Claim]:
    """The best direction found by brute force, and the gradient."""
    angles, rises = around()
    steepest = angles[np.argmax(rises)]
    cosine = np.linalg.norm(gradient()) * np.cos(np.deg2rad(angles - angle_of(gradient())))
    level = angles[np.argsort(np.abs(rises))[:2]]
    from_gradient = np.sort((level - angle_of(gradient())) % 360)
    return [
        Claim("gradient", f"best of {DIRECTIONS:,} directions, in degrees", angle_of(gradient()),
              float(steepest), 180 / DIRECTIONS, SOURCE),
        Claim("gradient", "steepest rise: ‖g‖", float(np.linalg.norm(gradient())),
              float(rises.max()), 1e-6, SOURCE),
        Claim("gradient", "rises against ‖g‖ cos θ: largest difference", 1e-7,
              float(np.max(np.abs(rises - cosine))), 0.0, "Cauchy–Schwarz", at_most=True),
        Claim("gradient", "level directions, in degrees from the gradient", (90.0, 270.0),
              from_gradient.tolist(), 180 / DIRECTIONS, "g · u = 0"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Contours with arrows, and the rise in all directions from one point."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(9.2, 4.2), gridspec_kw={"width_ratios": (1.0, 1.15)}
        )
        landscape(left, dark)
        rises_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def landscape(axes: Axes, dark: bool) -> None:
    """The contours, the field of gradients, and one of them larger."""
    ticks = np.linspace(*SPAN, 121)
    grid = np.stack(np.meshgrid(ticks, ticks))
    axes.contour(ticks, ticks, f(grid), LEVELS, colors=level_colours(len(LEVELS), dark),
                 linewidths=1.1)  # fmt: skip
    colour = METHODS_STYLE["reverse"].colour(dark)
    points = np.stack(np.meshgrid(ARROWS, ARROWS), axis=-1).reshape(-1, 2)
    points = points[np.linalg.norm(points - POINT, axis=1) > CIRCLE]
    field = np.array([dk.grad(f)(point) for point in points])
    arrows: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "color": colour}
    axes.quiver(*points.T, *field.T, scale=2.6, width=0.005, alpha=0.75, **arrows)
    axes.quiver(*POINT, *gradient(), scale=1.3, width=0.013, zorder=4, **arrows)
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(POINT[0] + CIRCLE * np.cos(turn), POINT[1] + CIRCLE * np.sin(turn), color=INK[dark],
              linewidth=1.2, linestyle=(0, (4, 2)), zorder=3)  # fmt: skip
    axes.plot(*POINT, "o", color=INK[dark], markersize=5, zorder=5)
    axes.set(xlim=SPAN, ylim=SPAN, aspect="equal", xlabel="x₁", ylabel="x₂")
    axes.grid(False)


def rises_panel(axes: Axes, dark: bool) -> None:
    """How fast the function rises in each direction."""
    angles, rises = around()
    colour, text = METHODS_STYLE["reverse"].colour(dark), METHODS_STYLE["reverse"].text_colour(dark)
    axes.axhline(0.0, color=muted(dark), linewidth=1.0)
    axes.plot(angles, rises, color=INK[dark])
    angle, norm = angle_of(gradient()), float(np.linalg.norm(gradient()))
    axes.plot([angle, angle], [0, norm], color=colour, linewidth=2.5)
    axes.plot(angle, norm, "D", color=colour, markersize=8, zorder=4)
    axes.text(angle + 18, norm * 1.12, f"g/‖g‖, at {angle:.1f}°:\nrises by ‖g‖ = {norm:.3f}",
              color=text, fontsize=9.5, va="center")  # fmt: skip
    for turn in (90, 270):
        axes.plot((angle + turn) % 360, 0, "o", color=ACCENT[dark], markersize=7, zorder=4)
    axes.text((angle + 90) % 360 + 9, 0.07, "level: along the contour", color=ACCENT[dark],
              fontsize=9)  # fmt: skip
    axes.set(xlim=(0, 360), ylim=(-norm * 1.15, norm * 1.3), xticks=range(0, 361, 90))
    axes.set_xlabel("direction u (degrees)")
    axes.set_ylabel("rise of f per unit of length")


if __name__ == "__main__":
    show(draw)
