"""Pictures of classes and losses: confusions, the temperature of softmax, losses against a score.

    counts of (true, predicted) · p = softmax(z/T) · ℓ(z, t) and its slope

They take labels, scores or losses, and are part of ``dk.plots``.
Reading on: Hinton, Vinyals & Dean 2015 for the temperature; docs/losses.md for the losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.differentiate.api import value_and_grad
from diffkit.errors import DiffkitError, InputError
from diffkit.nets.convolutional import softmax as softmax_of
from diffkit.plots.canvas import BY_THEME, interval, panel, picture, quiet, series_colour
from diffkit.plots.concepts import draw_simplex, to_plane
from diffkit.plots.style import INK, label_lines, muted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion", "losses", "softmax"]

TEMPERATURES = np.geomspace(0.02, 50.0, 161)
# Temperatures that are marked, and where their words stand beside the first walk.
MARKED = {0.25: ((7, -3), "left"), 1.0: ((7, -9), "left"), 2.0: ((-7, 5), "right")}
CELL = 0.46  # inches of a cell of a confusion
MOST_MISTAKES = 3  # that are equally frequent, in a title
SCORES = 241  # points of a loss
JUMP = 0.12  # of the range of slopes between neighbours: no line is drawn across it
SIMPLEX = 3


@picture
def confusion(
    true: Any,
    predicted: Any,
    *,
    names: Any = None,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw how often each class was taken for each other one; the right answers are the diagonal.

    Parameters
    ----------
    true, predicted
        Classes ``(n,)``, counted from 0; ``net.predict(params, x)`` gives the second.
    names
        Of the classes.
    title
        The finding; by default the most frequent mistake.

    Returns
    -------
    The axes: a row for each true class, a column for each predicted one.

    Raises
    ------
    InputError
        When there are not as many of one as of the other, or they are no classes.

    >>> ax = confusion([0, 0, 1, 2], [0, 1, 1, 2])
    >>> ax.get_title(loc="left")
    '75.0% right; most often 0 is taken for 1'
    """
    rows, columns = (np.asarray(labels) for labels in (true, predicted))
    whole = all(labels.dtype.kind in "iub" and labels.ndim == 1 for labels in (rows, columns))
    if (
        not whole
        or rows.shape != columns.shape
        or not rows.size
        or min(rows.min(), columns.min()) < 0
    ):
        raise InputError(
            f"a confusion needs two equally long rows of classes, not {rows.dtype}"
            f"{list(rows.shape)} and {columns.dtype}{list(columns.shape)}",
            hint="classes are whole numbers from 0.",
        )
    count = int(max(rows.max(), columns.max())) + 1 if names is None else len(names)
    if max(rows.max(), columns.max()) >= count:
        raise InputError(f"class {max(rows.max(), columns.max())} has no name among {count}")
    table = np.zeros((count, count), int)
    np.add.at(table, (rows.astype(int), columns.astype(int)), 1)
    words = [str(k) for k in range(count)] if names is None else [str(name) for name in names]
    side = max(CELL * count + 1.6, 3.4)
    with panel(ax, dark, (side + 0.6, side)) as axes:
        _cells(axes, table, dark)
        axes.set_xticks(range(count), words)
        axes.set_yticks(range(count), words)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(title or _mistake(table, words))
    return axes


def _cells(axes: Axes, table: np.ndarray, dark: bool) -> None:
    """Right answers in grey, mistakes in the colour of a warning, each cell with its count."""
    from matplotlib.colors import to_rgb

    ground = np.array(to_rgb(axes.get_facecolor()))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(table), dtype=bool)
    colour = np.where(right[..., None], to_rgb(muted(dark)), to_rgb(series_colour(1, dark)))
    strength = np.where(right, 0.15 + 0.4 * shares, np.sqrt(shares) * 0.9)[..., None]
    axes.imshow(ground + np.where(table[..., None] > 0, strength, 0.0) * (colour - ground))
    for (row, column), count in np.ndenumerate(table):
        if count:
            weight = "bold" if row == column else "normal"
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=9,
                      fontweight=weight, color=INK[dark])  # fmt: skip
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _mistake(table: np.ndarray, words: list[str]) -> str:
    share = f"{np.trace(table) / table.sum():.1%} right"
    wrong = table - np.diag(np.diag(table))
    if not wrong.any():
        return share
    places = np.argwhere(wrong == wrong.max())
    if len(places) > MOST_MISTAKES:
        return share
    (row, column), *others = places
    as_often = "".join(f", {words[i]} for {words[j]}" for i, j in others)
    return f"{share}; most often {words[row]} is taken for {words[column]}{as_often}"


@picture
def softmax(
    scores: Any,
    *,
    names: Any = None,
    title: str = "Cold takes the largest score, warm takes all alike",
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw the probabilities of scores against the temperature T that divides them.

    Parameters
    ----------
    scores
        Scores ``(classes,)``; or several rows of three, whose walks fill a triangle.
    names
        Of the classes.
    title
        The finding.

    Raises
    ------
    InputError
        For fewer than two classes, or several rows of other than three.

    Source: Hinton, Vinyals & Dean 2015, section 2.

    >>> softmax([2.0, 1.0, 0.0]).get_xlabel()
    'temperature T'
    """
    try:
        z = np.asarray(scores, float)
    except (TypeError, ValueError):
        raise InputError(
            f"scores are numbers, not {scores!r:.40}", hint="for instance [2.0, 1.0, 0.0]."
        ) from None
    single = z.ndim == 1 and z.size > 1
    if (not single and (z.ndim != 2 or z.shape[1] != SIMPLEX)) or not np.isfinite(z).all():
        raise InputError(
            f"softmax is drawn for one row of scores, or for rows of three, not {list(z.shape)}",
            hint="for instance [2.0, 1.0, 0.0].",
        )
    words = [f"class {k}" for k in range(z.shape[-1])] if names is None else list(map(str, names))
    with panel(ax, dark, None if single else (5.8, 4.6)) as axes:
        if single:
            _against_temperature(axes, z, words, dark)
        else:
            _walks(axes, z, words, dark)
        axes.set_title(title)
    return axes


def _against_temperature(axes: Axes, z: np.ndarray, words: list[str], dark: bool) -> None:
    p = softmax_of(z / TEMPERATURES[:, None])
    for k in range(len(z)):
        axes.plot(TEMPERATURES, p[:, k], color=series_colour(k, dark))
    axes.set(xscale="log", xlim=(TEMPERATURES[0], TEMPERATURES[-1]), ylim=(0, 1.02),
             xlabel="temperature T", ylabel="probability")  # fmt: skip
    axes.axvline(1.0, color=muted(dark), linewidth=0.9, linestyle=(0, (4, 3)))
    label_lines(axes, [(TEMPERATURES[-1], p[-1, k], words[k], series_colour(k, dark))
                       for k in range(len(z))])  # fmt: skip


def _walks(axes: Axes, rows: np.ndarray, words: list[str], dark: bool) -> None:
    """From the middle of the triangle to a corner, with the temperatures that are marked."""
    draw_simplex(axes, words, dark=dark)
    for place, z in enumerate(rows):
        colour = series_colour(place, dark)
        axes.plot(*to_plane(softmax_of(z / TEMPERATURES[:, None])).T, color=colour, linewidth=1.4)
        for temperature in MARKED:
            axes.plot(*to_plane(softmax_of(z / temperature)), "o", color=colour, markersize=5)
    for temperature, (shift, side) in MARKED.items():
        axes.annotate(f"T = {temperature:g}", tuple(to_plane(softmax_of(rows[0] / temperature))),
                      xytext=shift, textcoords="offset points", fontsize=8.5, ha=side,
                      color=series_colour(0, dark))  # fmt: skip


@picture
def losses(
    losses: Any,
    *,
    target: float = 1.0,
    span: Any = (-4.0, 4.0),
    slope: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
) -> Axes:
    """Draw losses, or their slopes, against the score of one example.

    Parameters
    ----------
    losses
        ``loss(prediction, target)``, a list of them, or a dict from names to losses.  For a loss of
        classes the score is that of the right class, and there is another with score 0.
    target
        Of all but losses of classes.
    span
        From which score to which.
    slope
        Whether to draw ∂ℓ/∂z, the learning signal, instead of ℓ.
    title
        The finding; by default what is drawn.

    Raises
    ------
    InputError
        For something that is no loss of one score.

    >>> import diffkit as dk
    >>> ax = dk.plots.losses([dk.losses.mse, dk.losses.mae, dk.losses.huber()])
    >>> sorted(text.get_text() for text in ax.texts)
    ['huber', 'mae', 'mse']
    """
    named = _named(losses)
    z = np.linspace(*interval("span", span), SCORES)
    found = {name: _values(name, loss, target, z)[int(slope)] for name, loss in named.items()}
    with panel(ax, dark) as axes:
        ends = []
        for place, (name, y) in enumerate(found.items()):
            colour = series_colour(place, dark)
            if slope:
                steps = np.abs(np.diff(y, append=y[-1]))
                y = np.where(steps > JUMP * (np.nanmax(y) - np.nanmin(y) or 1.0), np.nan, y)
            axes.plot(z, y, color=colour)
            height = y[np.flatnonzero(np.isfinite(y))[0]]
            ends.append((z[0], height, name, colour))
        axes.invert_xaxis()  # so that the lines, which part on the wrong side, are labelled there
        axes.axhline(0.0, color=muted(dark), linewidth=0.8)
        axes.set(xlim=(z[-1], z[0]), xlabel=f"score z (target {target:g}), right to wrong")
        axes.set_ylabel("slope ∂ℓ/∂z" if slope else "loss ℓ")
        label_lines(axes, ends)
        axes.set_title(title or ("How hard each loss pulls" if slope else "What each loss asks"))
    return axes


def _named(losses: Any) -> dict[str, Any]:
    if isinstance(losses, Mapping):
        named = {str(name): loss for name, loss in losses.items()}
    else:
        given = [losses] if callable(losses) else list(losses)
        named = {getattr(loss, "__name__", type(loss).__name__): loss for loss in given}
    if not named or not all(map(callable, named.values())):
        raise InputError(
            "losses are functions of prediction and target", hint="for instance dk.losses.mse."
        )
    return named


def _values(
    name: str, loss: Callable[..., Any], target: float, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The loss and its slope at every score."""

    def of_number(score: Any) -> Any:
        return loss(np.stack([score]), np.full(1, float(target)))

    def of_classes(score: Any) -> Any:
        return loss(np.stack([score, 0.0 * score])[None], np.array([0]))

    refusal: Exception | None = None
    for f in (of_number, of_classes):
        both = value_and_grad(f)
        try:
            with quiet():
                pairs = [both(float(score)) for score in z]
        except (DiffkitError, TypeError, ValueError, IndexError) as error:
            refusal = refusal or error
            continue
        return tuple(np.array(part, float) for part in zip(*pairs, strict=True))  # type: ignore[return-value]
    raise InputError(
        f"{name} is no loss of one score: {str(refusal).splitlines()[0]}",
        hint="it is called as loss(prediction, target).",
    )
