"""Pictures of a net with the user's weights: its boundary, its hidden space, its values.

    argmaxₖ zₖ over the plane · hidden values along their two widest directions · every layer's
    outputs, as ridges

They take ``net`` and ``params`` with inputs, and are part of ``dk.plots``.
Reading on: Rumelhart, Hinton & Williams 1986, for what hidden units are there for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets.convolutional import softmax
from diffkit.nets.net import Net
from diffkit.nets.objective import Objective
from diffkit.plots.canvas import BY_THEME, panel, picture, series_colour
from diffkit.plots.nets import MARGIN, RESOLUTION, bare, plot_boundary
from diffkit.plots.style import INK, muted
from diffkit.plots.training import ACCENT
from diffkit.training.units import outputs_of_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["activations", "decision_boundary", "hidden_space", "layer_of", "net_of"]

BINS = 60
SIDE, SLIM = 5.2, 3.0  # inches of a plane's longer side, and how many times the shorter one it is
WORDS = (0.32, 0.62)  # inches beside a plane and below and above it
OVERLAP = 1.7  # heights of a ridge, in distances of two
TAIL = 0.5  # percent of the values left out at each end of the axis
FAINT = 0.3  # of a class's colour behind its points


def net_of(net: Any) -> Net:
    """The net itself, or that of an objective.

    Raises
    ------
    InputError
        For anything else.
    """
    found = net.net if isinstance(net, Objective) else net
    if not isinstance(found, Net):
        raise InputError(
            f"expected a net of dk.nets, not a {type(net).__name__}",
            hint="for instance dk.nets.mlp([2, 8, 2]).",
        )
    return found


def _labelled(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    points, labels = np.asarray(x), np.asarray(y)
    if points.dtype.kind not in "fiub" or points.ndim < 2 or not np.isfinite(points).all():
        raise InputError(
            "x must be finite numbers, a row for each example",
            hint=f"it is {points.dtype}{list(points.shape)}; np.isfinite(x) says where it is not.",
        )
    if labels.shape != points.shape[:1] or labels.dtype.kind not in "iub" or not len(points):
        raise InputError(
            f"y must be one whole number for each of the {len(points)} examples",
            hint=f"it is {labels.dtype}{list(labels.shape)}.",
        )
    return points.astype(float), labels.astype(int)


@picture
def decision_boundary(
    net: Net | Objective,
    params: Any,
    x: Any,
    y: Any,
    *,
    names: Any = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw which class a net gives to each point of the plane, and the data.

    Parameters
    ----------
    net, params
        A net of two inputs (or its objective), and its parameters.
    x, y
        Points ``(n, 2)`` and their classes ``(n,)``, counted from 0.
    names
        Of the classes.
    title
        The finding; by default the share that is right.

    Raises
    ------
    ShapeError
        When the net does not have two inputs.
    InputError
        When there is not one class for each point, or no net.

    >>> import diffkit as dk
    >>> data, net = dk.datasets.two_moons(20, seed=0), dk.nets.mlp([2, 4, 2])
    >>> ax = dk.plots.decision_boundary(net, net.init(0), data.x, data.y)
    >>> ax.get_xlabel(), len(ax.images)
    ('x₁', 1)
    """
    found = net_of(net)
    points, labels = _labelled(x, y)
    if found.input_shape != (2,) or points.shape[1:] != (2,):
        raise ShapeError(
            f"a boundary is drawn in the plane: inputs are {list(points.shape[1:])}, the net "
            f"takes {list(found.input_shape)}",
            hint="dk.plots.hidden_space shows a layer of any net in the plane.",
        )
    scores = found.shapes[-1][-1]
    right = float(np.mean(found.predict(params, points) == labels))
    size, aspect = _shape_of_plane(points)
    with panel(ax, dark, size) as axes:
        if scores <= 2:

            def probability(at: np.ndarray) -> np.ndarray:
                z = np.asarray(found(params, at))
                return 1 / (1 + np.exp(-z[:, 0])) if scores == 1 else softmax(z)[:, 1]

            plot_boundary(probability, points, labels, axes, dark=dark, size=16)
        else:
            _regions(axes, found, params, points, labels, names, dark)
        axes.set(xlabel="x₁", ylabel="x₂", aspect=aspect)
        axes.set_title(title or f"{right:.1%} right")
    return axes


def _shape_of_plane(points: np.ndarray) -> tuple[tuple[float, float], str]:
    """The size of a figure in inches that the plane around points fills, and the axes' aspect.

    Both inputs have one scale, unless one of them spans so much more that a strip would be left.
    """
    across, up = np.ptp(points, axis=0) + 2 * MARGIN
    alike = 1 / SLIM <= up / across <= SLIM
    scale = SIDE / max(across, up)
    inner = (scale * across, scale * up) if alike else (SIDE, SIDE)
    return (float(inner[0] + WORDS[0]), float(inner[1] + WORDS[1])), "equal" if alike else "auto"


def _regions(
    axes: Axes, net: Net, params: Any, x: np.ndarray, y: np.ndarray, names: Any, dark: bool
) -> None:
    """Each class in its colour, the paler the less sure; its name at the middle of its points."""
    from matplotlib.colors import to_rgb

    low, high = x.min(axis=0) - MARGIN, x.max(axis=0) + MARGIN
    first, second = (np.linspace(low[i], high[i], RESOLUTION) for i in (0, 1))
    p = softmax(np.asarray(net(params, np.stack(np.meshgrid(first, second), -1).reshape(-1, 2))))
    colours = np.array([to_rgb(series_colour(k, dark)) for k in range(p.shape[1])])
    ground = np.array(to_rgb(axes.get_facecolor()))
    mixed = ground + FAINT * (p @ (colours - ground))
    axes.imshow(mixed.reshape(RESOLUTION, RESOLUTION, 3), origin="lower", interpolation="bilinear",
                extent=(low[0], high[0], low[1], high[1]))  # fmt: skip
    best = p.argmax(axis=1).reshape(RESOLUTION, RESOLUTION)
    for k in range(p.shape[1]):
        if 0 < np.sum(best == k) < best.size:
            axes.contour(first, second, (best == k).astype(float), [0.5], colors=INK[dark],
                         linewidths=0.9)  # fmt: skip
    _scatter(axes, x, y, names, dark)
    bare(axes)


def _scatter(axes: Axes, points: np.ndarray, y: np.ndarray, names: Any, dark: bool) -> None:
    """Points in the colours of their classes, which are named at their medians."""
    for k in np.unique(y):
        chosen = points[y == k]
        axes.scatter(*chosen.T, s=14, color=series_colour(int(k), dark), linewidths=0)
    for k in np.unique(y):
        name = str(k) if names is None else str(names[int(k)])
        axes.annotate(name, tuple(np.median(points[y == k], axis=0)), ha="center", va="center",
                      fontsize=11, fontweight="bold", color=series_colour(int(k), dark),
                      bbox={"boxstyle": "round,pad=0.2", "linewidth": 0, "alpha": 0.85,
                            "facecolor": axes.get_facecolor()})  # fmt: skip


@picture
def hidden_space(
    net: Net | Objective,
    params: Any,
    x: Any,
    y: Any,
    *,
    layer: str | None = None,
    names: Any = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the examples as a layer sees them, along the two directions in which they differ most.

    Parameters
    ----------
    net, params
        A net (or its objective), and its parameters.
    x, y
        Inputs and their classes ``(n,)``, counted from 0.
    layer
        Its name; by default the last but one.
    names
        Of the classes.
    title
        The finding; by default how much of the variance is seen.

    Raises
    ------
    InputError
        For a layer that the net does not have, or when there is not one class for each example.

    Source: Hotelling 1933, *Analysis of a complex of statistical variables into principal
    components*.

    >>> import diffkit as dk
    >>> data, net = dk.datasets.two_moons(20, seed=0), dk.nets.mlp([2, 4, 2])
    >>> dk.plots.hidden_space(net, net.init(0), data.x, data.y).get_title(loc="left")[:24]
    'dense1: two directions s'
    """
    found = net_of(net)
    points, labels = _labelled(x, y)
    outputs = outputs_of_layers(found, params, points)
    name = layer or list(outputs)[max(len(outputs) - 2, 0)]
    values = layer_of(outputs, name).reshape(len(points), -1)
    centred = values - values.mean(axis=0)
    _, sizes, ways = np.linalg.svd(centred, full_matrices=False)
    plane = centred @ ways[:2].T
    if plane.shape[1] < 2:
        plane = np.column_stack([plane[:, 0], np.zeros(len(plane))])
    ways = ways * np.sign(ways[np.arange(len(ways)), np.abs(ways).argmax(axis=1)])[:, None]
    shares = sizes**2 / max(float(np.sum(sizes**2)), np.finfo(float).tiny)
    with panel(ax, dark, (5.8, 5.0)) as axes:
        _scatter(axes, plane, labels, names, dark)
        axes.set(xlabel=f"first direction, {shares[0]:.0%} of the variance", aspect="equal",
                 ylabel=f"second direction, {sum(shares[1:2]):.0%}")  # fmt: skip
        axes.set_title(title or f"{name}: two directions show {sum(shares[:2]):.0%}")
    return axes


def layer_of(outputs: dict[str, Any], name: str) -> Any:
    """What belongs to a layer.

    Raises
    ------
    InputError
        For a layer that there is not.
    """
    if name not in outputs:
        raise InputError(f"there is no layer {name!r}", hint=f"choose {', '.join(outputs)}.")
    return outputs[name]


# Values -----------------------------------------------------------------------------------------


@picture
def activations(
    net: Net | Objective,
    params: Any,
    x: Any,
    *,
    title: str = "How the values of each layer are spread",
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw how the outputs of each layer are spread for these inputs, a ridge for each layer.

    Parameters
    ----------
    net, params
        A net (or its objective), and its parameters.
    x
        Inputs ``(n, …)``.
    title
        The finding.

    Returns
    -------
    The axes; the first layer is at the bottom, and half a percent of the values at each end of the
    axis is left out.

    Raises
    ------
    ShapeError
        When the inputs do not fit the net.

    >>> import diffkit as dk
    >>> net = dk.nets.mlp([2, 8, 8, 2])
    >>> ax = dk.plots.activations(net, net.init(0), np.ones((5, 2)))
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['dense1', 'dense2', 'dense3']
    """
    outputs = outputs_of_layers(net_of(net), params, np.asarray(x, float))
    values = {name: v[np.isfinite(v)].ravel() for name, v in outputs.items()}
    ends = np.concatenate([np.percentile(v, (TAIL, 100 - TAIL)) for v in values.values() if v.size])
    edges = np.linspace(ends.min(), max(ends.max(), ends.min() + 1e-12), BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    with panel(ax, dark, (7.2, 1.4 + 0.55 * len(values))) as axes:
        for row, v in enumerate(values.values()):
            counts = np.histogram(v, edges)[0]
            heights = OVERLAP * counts / max(counts.max(), 1)
            axes.fill_between(middles, row, row + heights, color=ACCENT[dark], alpha=0.55,
                              linewidth=0, zorder=3 - row / len(values))  # fmt: skip
            axes.plot(middles, row + heights, color=INK[dark], linewidth=1.0,
                      zorder=3 - row / len(values))  # fmt: skip
        axes.axvline(0.0, color=muted(dark), linewidth=0.9, linestyle=(0, (2, 3)))
        axes.set_yticks(range(len(values)), list(values))
        axes.set(ylim=(-0.1, len(values) - 1 + OVERLAP + 0.1), xlabel="output of a unit")
        axes.grid(False, axis="y")
        axes.set_title(title)
    return axes
