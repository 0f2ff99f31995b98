"""Pictures of a function of one number: its slopes with a tangent, and its kinks.

    f, f′ and f″ over an interval · f′(x−) and f′(x+) beside the declared slope at a kink

They take the function itself, in plain NumPy or as a graph, and are part of ``dk.plots``.
Reading on: Griewank & Walther 2008, chapter 14, for kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.differentiate.higher import derivative as derivative_of
from diffkit.errors import InputError
from diffkit.plots.canvas import BY_THEME, interval, numbers_at, panel, picture, whole
from diffkit.plots.concepts import draw_tangent
from diffkit.plots.kink_search import Kink, find_kinks
from diffkit.plots.style import INK, label_lines, muted, style_of
from diffkit.plots.training import ACCENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diffkit.graph.ir import Graph

__all__ = ["derivative", "kinks"]

POINTS = 401  # of a curve
PRIMES = {1: "f′", 2: "f″", 3: "f‴"}
STEEP = 98.0  # percentile of the slopes that is shown: a pole must not flatten all the rest
SPARE = 0.08  # of an axis beyond its data
LABEL_ROOM = 0.1  # of the horizontal axis, for labels at the lines' ends
TANGENT = 0.09  # half a tangent's length, as a share of the interval


@picture
def derivative(
    f: Callable[..., Any] | Graph,
    lo: float,
    hi: float,
    *,
    at: float | None = None,
    order: int = 2,
    points: int = POINTS,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw a function of one number with its derivatives up to ``order``, and a tangent.

    Parameters
    ----------
    f
        A function of one number, or a graph of one input.
    lo, hi
        The interval, lo < hi.
    at
        Where the tangent touches; by default a third of the way.
    order
        1 for f′, 2 for f″ as well, at most 3.
    points
        How many points a curve has.

    Raises
    ------
    InputError
        For an interval or order that is none, or a function that does not give one number.

    >>> import diffkit as dk
    >>> ax = dk.plots.derivative(np.sin, 0.0, 6.0)
    >>> [line.get_label() for line in ax.lines if not line.get_label().startswith("_")]
    ['f', 'f′', 'f″']
    """
    low, high = interval("(lo, hi)", (lo, hi))
    if order not in (0, *PRIMES):
        raise InputError(f"order must be 1, 2 or 3, not {order!r:.40}")
    touch = low + (high - low) / 3 if at is None else float(at)
    if not low <= touch <= high:
        raise InputError(f"the tangent at {touch:g} is outside of the interval from {lo} to {hi}")
    x = np.linspace(low, high, whole("points", points, 2))
    curves = {"f": numbers_at(f, x)}
    for n in range(1, order + 1):
        curves[PRIMES[n]] = numbers_at(derivative_of(f, order=n), x)
    place = touch, *(numbers_at(g, [touch])[0] for g in (f, derivative_of(f)))
    colours = {"f": INK[dark], "f′": style_of("reverse").text_colour(dark), "f″": ACCENT[dark],
               "f‴": muted(dark)}  # fmt: skip
    with panel(ax, dark) as axes:
        axes.axhline(0.0, color=muted(dark), linewidth=0.8, zorder=0.6)
        for name, y in curves.items():
            axes.plot(x, y, color=colours[name], label=name,
                      linewidth=2.4 if name == "f" else 1.7)  # fmt: skip
        span = high - low
        axes.set(xlim=(low, high + LABEL_ROOM * span), ylim=_limits(list(curves.values())))
        axes.spines["bottom"].set_bounds(low, high)
        if np.isfinite(place).all():
            _touch(axes, place, span, dark)
        label_lines(axes, [_end(x, y, name, colours[name]) for name, y in curves.items()],
                    size=11.0)  # fmt: skip
        axes.set_xlabel("x")
        axes.set_title(f"At {place[0]:.3g} the slope is {place[2]:.4g}".replace("-", "−"))
    return axes


def _touch(axes: Axes, place: Sequence[float], span: float, dark: bool) -> None:
    """The tangent, where it touches, and the same number on the curve of f′."""
    x, height, slope = place
    colour = style_of("reverse").colour(dark)
    draw_tangent(axes, (x, height), slope, TANGENT * span, colour, alpha=0.75)
    axes.plot([x, x], [height, slope], color=muted(dark), linewidth=0.9, linestyle=(0, (2, 3)))
    axes.plot(x, height, "o", color=INK[dark], zorder=4)
    axes.plot(x, slope, "D", color=colour, zorder=4)


def _end(x: np.ndarray, y: np.ndarray, name: str, colour: str) -> tuple[float, float, str, str]:
    """Where a line ends, for its label."""
    seen = np.flatnonzero(np.isfinite(y))
    last = int(seen[-1]) if len(seen) else 0
    return float(x[last]), float(y[last]) if len(seen) else 0.0, name, colour


def _limits(curves: Sequence[np.ndarray]) -> tuple[float, float]:
    """From the lowest to the highest value, the ends of poles cut off."""
    ends = []
    for y in curves:
        seen = y[np.isfinite(y)]
        if len(seen):
            size = np.percentile(np.abs(seen), STEEP)
            kept = seen[np.abs(seen) <= 2 * size] if size else seen
            ends += [float(kept.min()), float(kept.max())]
    low, high = min(ends, default=-1.0), max(ends, default=1.0)
    room = SPARE * (high - low or 1.0)
    return low - room, high + room


# Kinks ------------------------------------------------------------------------------------------


@picture
def kinks(
    f: Callable[..., Any] | Graph,
    lo: float,
    hi: float,
    *,
    points: int = 801,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw a function of one number with its kinks and jumps: both slopes, and the declared one.

    Parameters
    ----------
    f
        A function of one number, or a graph of one input.
    lo, hi
        The interval, lo < hi.
    points
        Where to look: kinks nearer to each other than two points can be missed.

    Raises
    ------
    InputError
        For an interval that is none, or a function that does not give one number.

    >>> import diffkit as dk
    >>> dk.plots.kinks(lambda x: np.abs(x) + np.maximum(x - 1, 0), -2.0, 2.0).get_title(loc="left")
    '2 kinks, at 0 and 1'
    """
    low, high = interval("(lo, hi)", (lo, hi))
    x = np.linspace(low, high, whole("points", points, 3))
    y = numbers_at(f, x)
    found = find_kinks(f, derivative_of(f), low, high, len(x))
    with panel(ax, dark) as axes:
        shown = y.copy()
        for kink in found:
            if kink.jump:  # no line is drawn across a jump
                shown[np.searchsorted(x, kink.x) - 1] = np.nan
        axes.plot(x, shown, color=INK[dark])
        axes.set(xlim=(low, high), ylim=_limits([y]), xlabel="x", ylabel="f(x)")
        axes.set_ylim(_room_for_slopes(axes.get_ylim(), found, TANGENT * (high - low) / 1.6))
        for kink in found:
            _draw_kink(axes, kink, high - low, dark)
        axes.set_title(_told(found))
    return axes


def _room_for_slopes(
    limits: tuple[float, float], found: Sequence[Kink], reach: float
) -> tuple[float, float]:
    """Limits that do not cut off the declared slopes, unless these are steep."""
    bottom, top = limits
    most = 2 * SPARE * (top - bottom)
    rises = [(kink.height, abs(kink.declared) * reach + most / 8) for kink in found]
    low = min((height - rise for height, rise in rises if rise < np.inf), default=bottom)
    high = max((height + rise for height, rise in rises if rise < np.inf), default=top)
    return max(bottom - most, min(bottom, low)), min(top + most, max(top, high))


def _draw_kink(axes: Axes, kink: Kink, span: float, dark: bool) -> None:
    """The slopes from both sides (dotted), and the declared one (thick)."""
    for side, slope, height in ((-1, kink.left, kink.below), (1, kink.right, kink.above)):
        if np.isfinite(slope):
            ends = np.array([0.0, side * TANGENT * span])
            axes.plot(kink.x - ends, height - slope * ends, color=muted(dark), linewidth=1.5,
                      linestyle=":", zorder=2.5)  # fmt: skip
    if np.isfinite(kink.declared):
        draw_tangent(axes, (kink.x, kink.height), kink.declared, TANGENT * span / 1.6, ACCENT[dark])
    axes.plot(kink.x, kink.height, "o", color=INK[dark], markersize=5, zorder=4)
    words = f"{kink.left + 0:.3g} | {kink.right + 0:.3g}\ndeclared {kink.declared + 0:.3g}"
    words = words.replace("-", "−")
    upper = kink.height < np.mean(axes.get_ylim())
    axes.annotate(words, (kink.x, kink.height), xytext=(0, 22 if upper else -22), fontsize=9,
                  textcoords="offset points", ha="center", va="bottom" if upper else "top",
                  color=ACCENT[dark], zorder=5,
                  bbox={"facecolor": axes.get_facecolor(), "linewidth": 0, "pad": 1.0,
                        "alpha": 0.8})  # fmt: skip


def _told(found: Sequence[Kink]) -> str:
    """How many there are, and where."""
    if not found:
        return "No kink is seen here"
    places = [f"{kink.x:.4g}".replace("-", "−") for kink in found]
    kinds = {("jump" if kink.jump else "kink") for kink in found}
    kind = kinds.pop() if len(kinds) == 1 else "kink or jump"
    listed = " and ".join([", ".join(places[:-1]), places[-1]] if len(places) > 1 else places)
    plural = f"{kind}s" if kind != "kink or jump" else "kinks and jumps"
    return f"{len(found)} {plural if len(found) > 1 else kind}, at {listed}"
