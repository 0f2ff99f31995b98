"""Where a picture of ``dk.plots`` is drawn: in the axes that are given, or in a figure of its own.

A function of ``dk.plots`` takes ``ax`` and ``dark``, as plotting functions do elsewhere: it draws
into ``ax``, or makes a figure in the house style, and returns the axes (or the figure, where there
are several panels).  It changes no global setting and shows nothing, and what cannot be drawn
raises an error of one sentence before a figure is made.  What all of them do and say alike is in
one decorator:

    @picture
    def curve(x, y, *, ax=None, dark=BY_THEME):
        with panel(ax, dark) as axes:
            axes.plot(x, y)
        return axes

Reading on: Hunter 2007, *Matplotlib: a 2D graphics environment*.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from diffkit.errors import DiffkitWarning, InputError
from diffkit.plots.style import is_dark, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BY_THEME", "SERIES", "arguments_of", "checked_axes", "checked_function", "interval", "mosaic",
    "number", "numbers_at", "panel", "picture", "quiet", "result_of", "series_colour", "titled",
    "whole",
]  # fmt: skip

# Colours for things that are not methods: dark enough to be read as words on white, light enough
# on the dark background, and none of the methods' own (after the muted scheme of Tol 2021).
SERIES = {
    False: ("#332288", "#B03A5B", "#117733", "#8A6D00", "#0B7A75", "#7A3E9D", "#9C4A1A", "#5B6470"),
    True: ("#9DB4FF", "#FF8FA8", "#8FD694", "#E8C35A", "#62D2CB", "#D3A3F5", "#E6A57E", "#A9B3BD"),
}
PROBES = (0, 1, -1)  # of many points: what one call gives there must be what single calls give
GAP = 1  # empty pixels between the images of a mosaic
BY_THEME: Any = None
"""Stands for the background of :func:`diffkit.plots.set_theme`; ``picture`` puts it in."""
CURVED = ("3d", "aitoff", "hammer", "lambert", "mollweide", "polar")  # projections of Matplotlib


def series_colour(place: int, dark: bool = False) -> str:
    """The colour of one of several things that are not methods; after eight they repeat.

    >>> series_colour(0), series_colour(8) == series_colour(0)
    ('#332288', True)
    """
    return SERIES[dark][place % len(SERIES[dark])]


def checked_axes(ax: Any) -> Any:
    """The axes that were given, or None.

    Raises
    ------
    InputError
        For anything that is not Matplotlib axes, or axes that are not flat.
    """
    if ax is not None and not callable(getattr(ax, "add_patch", None)):
        raise InputError(
            f"ax is a {type(ax).__name__}, not axes of Matplotlib",
            hint="take one from plt.subplots(), or leave ax out for a figure of its own.",
        )
    if (projection := getattr(ax, "name", "")) in CURVED:
        raise InputError(
            f"pictures are drawn in flat axes, and these are {projection}",
            hint="take axes without a projection, as those of plt.subplots().",
        )
    return ax


def titled(axes: Axes) -> bool:
    """Whether axes have a title, which a picture without one of its own then leaves alone."""
    return any(axes.get_title(loc=place) for place in ("left", "center", "right"))


def checked_function(f: Any) -> Any:
    """The function or graph that was given.

    Raises
    ------
    InputError
        For what cannot be called, such as text.

    >>> checked_function(np.sin) is np.sin
    True
    """
    if not callable(f):
        raise InputError(
            f"expected a function, not a {type(f).__name__}", hint='text is read by dk.parse("…").'
        )
    return f


# What all pictures say alike; a docstring that says it in words of its own keeps them.
WHERE = """ax, dark
    Where to draw (a new figure if left out), and whether on a dark background; by default that
    of ``dk.plots.set_theme``, which is light.
"""
RETURNS = "\nReturns\n-------\nThe axes.\n"
Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")


def picture(draw: Callable[Given, Drawn]) -> Callable[Given, Drawn]:
    """Make a function that draws one of ``dk.plots``.

    Its axes are checked before anything is computed, its background is that of the theme unless
    ``dark`` is given, and its docstring tells of both, and of the axes that it returns unless it
    says otherwise.

    >>> @picture
    ... def spy(*, ax=None, dark=BY_THEME):
    ...     return dark
    >>> spy(), spy(dark=True)
    (False, True)
    """

    @wraps(draw)
    def drawing(*args: Given.args, **kwargs: Given.kwargs) -> Drawn:
        for ax in np.ravel(np.asarray(kwargs.get("ax"), object)):  # of several panels, several
            checked_axes(ax)
        if kwargs.get("dark") is None:
            kwargs["dark"] = is_dark()
        return draw(*args, **kwargs)

    drawing.__doc__ = _told_alike(draw.__doc__)
    return drawing


def _told_alike(text: str | None) -> str:
    """A docstring with what pictures say alike, before what they raise."""
    before, mark, after = cleandoc(text or "").partition("\nRaises\n------\n")
    parameters, heading, returns = before.partition(RETURNS[: -len("The axes.\n")])
    if "\nax, dark\n" not in parameters:
        parameters += WHERE
    return parameters + (heading + returns if heading else RETURNS) + mark + after


@contextmanager
def panel(ax: Axes | None, dark: bool, size: tuple[float, float] | None = None) -> Iterator[Axes]:
    """Axes to draw in, in the house style: those given, or of a new figure of ``size`` inches.

    A figure that could not be finished is closed again.

    >>> import matplotlib.pyplot as plt
    >>> with panel(None, dark=False) as axes:
    ...     lines = axes.plot([1, 2])
    >>> axes.figure.get_size_inches().tolist()
    [7.2, 4.05]
    >>> plt.close(axes.figure)
    """
    import matplotlib.pyplot as plt

    checked_axes(ax)
    with use_style(dark):
        axes = plt.figure(figsize=size).add_subplot() if ax is None else ax
        try:
            yield axes
        except BaseException:
            if ax is None:
                plt.close(axes.figure)  # type: ignore[arg-type]
            raise


@contextmanager
def quiet() -> Iterator[None]:
    """Values off the domain are part of a picture: they are left out of it, and warn of nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", DiffkitWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def interval(name: str, ends: Any) -> tuple[float, float]:
    """Two finite numbers in ascending order.

    Raises
    ------
    InputError
        For anything else, naming it.

    >>> interval("x", (0, 1))
    (0.0, 1.0)
    """
    try:
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(
            f"{name} must be two finite numbers, the smaller one first, not {ends!r:.60}",
            hint="for instance (-2.0, 2.0).",
        )
    return low, high


def number(name: str, value: Any) -> float:
    """A finite number.

    Raises
    ------
    InputError
        For anything else, naming it.

    >>> number("x", 2)
    2.0
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"{name} must be a finite number, not {value!r:.40}")
    return found


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number that is large enough.

    Raises
    ------
    InputError
        For anything else, naming it.

    >>> whole("points", 5)
    5
    """
    good = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least
    if not good:
        raise InputError(f"{name} must be a whole number ≥ {least}, not {value!r:.40}")
    return int(value)


def numbers_at(f: Callable[..., Any], points: Any) -> np.ndarray:
    """The numbers that ``f`` gives at each of the points.

    A function that works on arrays, entry by entry, is called once with all numbers.

    Raises
    ------
    InputError
        When ``f`` gives something else than one number.

    >>> numbers_at(lambda x: x * x, [1.0, 3.0]).tolist()
    [1.0, 9.0]
    """
    checked_function(f)
    at_once = _at_once(f, points) if np.ndim(points) == 1 else None
    if at_once is not None:
        return at_once
    found = []
    with quiet():
        for point in points:
            value = np.asarray(f(point))
            if value.size != 1 or value.dtype.kind not in "fiub":
                raise InputError(
                    f"the function gives {value.dtype}{list(value.shape)}, not one real number",
                    hint="a picture needs a number at each point; sum or pick an entry.",
                )
            found.append(float(value.reshape(())))
    return np.array(found)


def _at_once(f: Callable[..., Any], points: Any) -> np.ndarray | None:
    """All values from one call, or None where that is not what single calls give."""
    x = np.asarray(points, dtype=float)
    if len(x) <= len(PROBES):
        return None
    with quiet():
        try:
            y = np.asarray(f(x))
            alone = [float(np.asarray(f(float(x[place])))) for place in PROBES]
        except Exception:  # a user's function may fail on arrays in any way it likes
            return None
    if y.shape != x.shape or y.dtype.kind not in "fiub":
        return None
    same = np.allclose(y[list(PROBES)], alone, rtol=1e-9, atol=0.0, equal_nan=True)
    return y.astype(float) if same else None


def arguments_of(f: Any) -> int:
    """How many arguments a function must be given: 1, or 2 and more for ``f(x, y)``.

    >>> arguments_of(lambda x, y: x), arguments_of(np.sin)
    (2, 1)
    """
    import inspect

    from diffkit.graph.ir import Graph

    if isinstance(f, Graph):
        return len(f.input_nodes)
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    return max(len(needed), 1)


def mosaic(images: Sequence[np.ndarray] | np.ndarray, columns: int) -> np.ndarray:
    """Images ``(n, h, w)`` in rows of so many, NaN between them: one array to show.

    >>> mosaic(np.ones((3, 2, 2)), columns=2).shape
    (5, 5)
    """
    stack = np.asarray(images, dtype=float)
    count, high, wide = stack.shape
    rows = -(-count // columns)
    whole_picture = np.full((rows * (high + GAP) - GAP, columns * (wide + GAP) - GAP), np.nan)
    for place, image in enumerate(stack):
        top, left = place // columns * (high + GAP), place % columns * (wide + GAP)
        whole_picture[top : top + high, left : left + wide] = image
    return whole_picture


def result_of(
    kind: type, make: Callable[..., Any], f: Any, args: Any, options: dict[str, Any]
) -> Any:
    """A result as it is, or made of a function and its arguments.

    Raises
    ------
    InputError
        For arguments beside a result.

    >>> result_of(float, int, "7", (), {}), result_of(float, int, 2.5, (), {})
    (7, 2.5)
    """
    if not isinstance(f, kind):
        return make(f, *args, **options)
    if args or options:
        raise InputError(
            f"this {kind.__name__} is ready: it takes no arguments besides ax, dark and title",
            hint="pass the function instead, to compare it anew.",
        )
    return f
