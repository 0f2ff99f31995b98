"""How every picture looks: one colour, marker and line for each method, and a style sheet.

The five colours are told apart by colour-blind readers, in light and in dark (they extend the
palette of Okabe & Ito 2008, *Color universal design*); markers and line styles say the same
once more, for print in grey.  Lines are labelled where they end, so there is no legend to
look up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffkit.errors import InputError
from diffkit.graph import notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "INK",
    "METHODS_STYLE",
    "MethodStyle",
    "colour_of",
    "halo",
    "is_dark",
    "label_lines",
    "line_of_method",
    "muted",
    "save",
    "set_theme",
    "use_style",
]

SHEETS = (
    Path(__file__).with_name("diffkit.mplstyle"),
    Path(__file__).with_name("diffkit-dark.mplstyle"),
)
INK = {False: "#1A1A1A", True: "#F2F2F2"}
MUTED = {False: "#5B6470", True: "#A9B3BD"}
HALO = 3.5  # points around a letter
PAGE = {False: "#FFFFFF", True: "#14181D"}  # the background
LABEL_GAP = 1.25  # distance of two labels, in heights of a line of text
POINTS_PER_INCH = 72.0
ANYWHERE = (-math.inf, math.inf)
_BEFORE: dict[Any, Any] = {}  # Matplotlib's settings before the first theme


@dataclass(frozen=True)
class MethodStyle:
    """The colour (light, dark), text colour on white, marker and line of one method."""

    label: str
    light: str
    dark: str
    text: str
    marker: str
    line: str

    def colour(self, dark: bool = False) -> str:
        """The colour of lines and markers."""
        return self.dark if dark else self.light

    def text_colour(self, dark: bool = False) -> str:
        """The colour of words: on white, orange and green need a darker shade to be read."""
        return self.dark if dark else self.text


METHODS_STYLE: dict[str, MethodStyle] = {
    "symbolic": MethodStyle("symbolic", "#1A1A1A", "#F2F2F2", "#1A1A1A", "o", "-"),
    "forward": MethodStyle("forward mode", "#1F5FA8", "#3D8BEB", "#1F5FA8", "s", "-"),
    "reverse": MethodStyle("reverse mode", "#D55E00", "#FF8A4C", "#B34E00", "D", "-"),
    "complex": MethodStyle("complex step", "#009E73", "#2FC79A", "#00785A", "^", "--"),
    "finite": MethodStyle("finite differences", "#882255", "#DDA0D8", "#882255", "v", ":"),
}


def colour_of(method: str, dark: bool = False) -> str:
    """The colour of a method; names like ``finite(4)`` take that of their family.

    >>> colour_of("reverse"), colour_of("finite(4)", dark=True)
    ('#D55E00', '#DDA0D8')
    """
    return style_of(method).colour(dark)


def style_of(method: str) -> MethodStyle:
    """The style of a method or of one of its variants; ink for an unknown name."""
    for name, style in METHODS_STYLE.items():
        if method.lower().startswith(name):
            return style
    return MethodStyle(method, INK[False], INK[True], INK[False], "o", "-")


def line_of_method(method: str, dark: bool = False) -> dict[str, Any]:
    """Keyword arguments of ``Axes.plot`` for a method: colour, marker, line and label.

    >>> line_of_method("complex")["linestyle"]
    '--'
    """
    style = style_of(method)
    return {
        "color": style.colour(dark),
        "marker": style.marker,
        "linestyle": style.line,
        "label": style.label,
    }


def muted(dark: bool = False) -> str:
    """The colour of remarks that should not compete with the data."""
    return MUTED[dark]


def halo(dark: bool = False, strength: float = 0.6) -> list[Any]:
    """A soft edge in the colour of the page, so that words on any colour of a map can be read.

    >>> [type(effect).__name__ for effect in halo()]
    ['withStroke']
    """
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=HALO, foreground=PAGE[dark], alpha=strength)]


def is_dark() -> bool:
    """Whether pictures are dark unless they are told otherwise.

    >>> is_dark()
    False
    """
    return notebook.theme() == "dark"


def set_theme(name: str | None = None) -> None:
    """Make the pictures and results of a session ``"light"`` or ``"dark"`` from here on.

    The settings of Matplotlib become those of diffkit's style, so that figures of your own suit
    the others.  Without a name they are again what they were before the first call, pictures are
    light, and results follow the page they stand on.

    Raises
    ------
    InputError
        For another name.

    >>> import matplotlib
    >>> set_theme("dark")
    >>> is_dark(), matplotlib.rcParams["axes.facecolor"]
    (True, '#14181D')
    >>> set_theme()
    """
    from matplotlib import rc_params_from_file, rcParams, style

    if name not in (None, "light", "dark"):
        raise InputError(
            f"there is no theme {name!r:.40}", hint='choose "light" or "dark", or none to go back.'
        )
    if name is None:
        rcParams.update(_BEFORE)
        _BEFORE.clear()
    else:
        if not _BEFORE:
            own = rc_params_from_file(SHEETS[0], use_default_template=False)
            _BEFORE.update({key: rcParams[key] for key in own})
        style.use([str(sheet) for sheet in SHEETS[: 2 if name == "dark" else 1]])
    notebook.choose_theme(name)


@contextmanager
def use_style(dark: bool = False) -> Iterator[None]:
    """Draw in diffkit's style inside a ``with`` block; settings return to what they were.

    >>> import matplotlib
    >>> with use_style():
    ...     matplotlib.rcParams["image.cmap"]
    'cividis'
    """
    import matplotlib
    from matplotlib import style

    interactive = matplotlib.is_interactive()
    try:
        with style.context([str(sheet) for sheet in SHEETS[: 2 if dark else 1]]):
            try:
                yield
            finally:
                interactive = matplotlib.is_interactive()
    finally:  # what a notebook's backend chose, which the first figure may have loaded just now
        matplotlib.interactive(interactive)


def save(figure: Figure, path: str | Path, *, dark: bool = False) -> Path:
    """Write a figure so that the same script gives the same bytes; returns the path.

    The format follows the suffix (png, svg, pdf); no date and no program version is written.
    """
    path = Path(path)
    metadata: dict[str, Any] = {
        ".svg": {"Date": None},
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }.get(path.suffix.lower(), {})
    with use_style(dark):
        figure.savefig(path, metadata=metadata)
    return path


def label_lines(
    axes: Axes,
    labels: Sequence[tuple[float, float, str, str]],
    *,
    size: float = 9.0,
    pad: float = 6.0,
    inside: bool = False,
) -> None:
    """Write labels to the right of points, moved apart vertically where they would overlap.

    Parameters
    ----------
    axes
        With its final limits and scales: they decide what overlaps.
    labels
        (x, y, text, colour) of each, in data coordinates.
    size, pad
        Font size and distance from the point, in typographic points.
    inside
        Whether all stay between the lower and the upper edge of the axes.
    """
    if not labels:
        return
    figure = axes.figure
    scale = figure.dpi / POINTS_PER_INCH
    room = size * LABEL_GAP * scale
    anchors = [axes.transData.transform((x, y)) for x, y, _, _ in labels]
    order = sorted(range(len(labels)), key=lambda i: anchors[i][1])
    rooms = [room * (1 + labels[i][2].count("\n")) for i in order]
    ends = (axes.bbox.ymin + rooms[0] / 2, axes.bbox.ymax - rooms[-1] / 2) if inside else ANYWHERE
    heights = _apart([float(anchors[i][1]) for i in order], rooms, ends)
    for i, height in zip(order, heights, strict=True):
        x, y, text, colour = labels[i]
        shift = (height - float(anchors[i][1])) / scale
        axes.annotate(
            text, (x, y), xytext=(pad, shift), textcoords="offset points", color=colour,
            fontsize=size, va="center", ha="left", annotation_clip=False,
        )  # fmt: skip


def _apart(
    wanted: Sequence[float], rooms: Sequence[float], ends: tuple[float, float] = ANYWHERE
) -> list[float]:
    """The heights nearest to the wanted ones that leave each label its room (pooling).

    They lie between the ``ends``, or above the lower one where not all have room.
    """
    offsets = [0.0]
    for lower, upper in itertools.pairwise(rooms):
        offsets.append(offsets[-1] + (lower + upper) / 2)
    pools: list[tuple[float, int]] = []
    for place, offset in zip(wanted, offsets, strict=True):
        mean, count = place - offset, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    low, high = ends[0], ends[1] - offsets[-1]
    means = [max(min(mean, high), low) for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
