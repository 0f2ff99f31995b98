"""Maps of trainability: which pairs of learning rates train a net, one training per pixel.

Each pixel (η₁, η₂) is a whole training by gradient descent, the first layer at the rate η₁ and the
rest at η₂.  With ℓₜ = L(Wₜ)/L(W₀), cut to 10⁻⁶ … 10⁶, a training *converges* when the mean of its
last 20 ℓ is below 1, and its number is

    −Σₜ ℓₜ   if it converges  (near 0: fast),        Σₜ 1/ℓₜ   if it does not  (near 0: fast),

so the sign says which, and the size how soon (Sohl-Dickstein 2024, *The boundary of neural network
trainability is fractal*).  Between the two lies a line that looks as ragged in a zoom as it did
before.

The pixels are computed in blocks, side by side in one program (``side_by_side.py``), the blocks on
all threads of the machine, and each finished block can be written down at once, so that a map which
was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.comparison.many_store import RowFile
from diffkit.comparison.serial import SCHEMA, plain
from diffkit.engines.machine.threads import threads
from diffkit.errors import InputError
from diffkit.graph.notebook import facts_html
from diffkit.training.checking import (
    check_call,
    check_deterministic,
    checked_data,
    checked_params,
)
from diffkit.training.side_by_side import LANES, SideBySide
from diffkit.training.sweep_progress import SweepBar

__all__ = ["Trainability", "trainability"]

Range = tuple[float, float]
Box = Sequence[Sequence[float] | np.ndarray]

# Of the paper's measure: the largest loss over the first one, and how many losses are the end.
MOST = 1e6
LAST = 20
SIDE = 128
# A box that is counted has at least this many boxes along a side; larger ones are all full.
FEWEST_BOXES = 8


@dataclass(frozen=True, repr=False)
class Trainability:
    """A map of trainability: one training for each pair of rates; see :func:`trainability`.

    ``first`` are the rates η₁, from left to right, and ``second`` the rates η₂, from below;
    ``value`` has a row for each η₂ and a column for each η₁.
    """

    first: np.ndarray
    second: np.ndarray
    value: np.ndarray
    runs: SideBySide

    @property
    def converged(self) -> np.ndarray:
        """Which pixels converge, as truth values of the shape of ``value``."""
        return self.value < 0

    @property
    def share(self) -> float:
        """The share of the pixels that converge."""
        return float(self.converged.mean())

    @property
    def boundary(self) -> np.ndarray:
        """The pixels with a neighbour (to the right, or above) on the other side."""
        inside = self.converged
        found = np.zeros(inside.shape, bool)
        found[:, :-1] |= inside[:, :-1] != inside[:, 1:]
        found[:-1] |= inside[:-1] != inside[1:]
        return found

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Sizes of boxes in pixels, and how many boxes of each size the boundary touches."""
        shortest = min(self.value.shape)
        sizes = [2**k for k in range(shortest.bit_length()) if 2**k * FEWEST_BOXES <= shortest]
        return np.array(sizes), np.array([_boxes_touched(self.boundary, size) for size in sizes])

    def dimension(self) -> float:
        """The box-counting dimension of the boundary at the sizes that the map can show.

        It is the slope of log(boxes touched) over log(1/size), by least squares; about 1 for a
        smooth line, and NaN where there is no boundary or the map is smaller than 16 pixels.

        Source: Sohl-Dickstein 2024; Falconer 2014, *Fractal Geometry*, chapter 2.
        """
        sizes, counts = self.boxes()
        if len(sizes) < 2 or not counts.all():
            return float("nan")
        return float(-np.polyfit(np.log(sizes), np.log(counts), 1)[0])

    def zoom(self, box: Box, shape: Any = None, **options: Any) -> Trainability:
        """The map of a part of this one, with as many pixels as this one has.

        Parameters
        ----------
        box
            ``((η₁ from, η₁ to), (η₂ from, η₂ to))``.
        shape
            The pixels of the new map, as in :func:`trainability`.
        options
            ``resume`` and ``progress``, as in :func:`trainability`.

        Raises
        ------
        InputError
            For a box that is none.
        """
        rows, columns = _shape(self.value.shape if shape is None else shape)
        (first, second) = _box(box)
        return _mapped(self.runs, _axis(first, columns), _axis(second, rows), **options)

    def plot(self, ax: Any = None, *, dark: bool | None = None) -> Any:
        """The map, converging pixels blue and diverging ones red; as ``dk.plots.trainability``."""
        return import_module("diffkit.plots").trainability(self, ax=ax, dark=dark)

    def to_dict(self) -> dict[str, Any]:
        """The map as plain data (schema 1)."""
        return {
            "schema": SCHEMA, "steps": self.runs.steps, "first": self.first.tolist(),
            "second": self.second.tolist(), "value": plain(self.value.tolist()),
            "share": self.share, "dimension": plain(self.dimension()),
        }  # fmt: skip

    def _repr_html_(self) -> str:
        ends = (self.first[0], self.first[-1], self.second[0], self.second[-1])
        names = ("η₁ from", "η₁ to", "η₂ from", "η₂ to")
        facts: dict[str, Any] = dict(zip(names, map(float, ends), strict=True))
        if np.isfinite(dimension := self.dimension()):
            facts["dimension"] = dimension
        return facts_html(repr(self).strip("<>"), facts)

    def __repr__(self) -> str:
        rows, columns = self.value.shape
        return (
            f"<Trainability of {columns} × {rows} trainings of {self.runs.steps} steps: "
            f"{self.share:.1%} converge>"
        )


def trainability(
    loss: Callable[..., Any],
    params: Any,
    data: Sequence[Any],
    *,
    rates: Box = ((1e-2, 1e2), (1e-2, 1e2)),
    first: Any = None,
    shape: Any = SIDE,
    steps: int = 250,
    resume: Any = None,
    progress: bool = False,
    engine: str = "auto",
) -> Trainability:
    """Train once for every pair of rates, by full-batch gradient descent, and map what converges.

    Parameters
    ----------
    loss
        ``loss(params, *data)``, a scalar; losses of nets are of this form.
    params
        The first parameters of all runs: a list, tuple or dict of arrays, or of layers of arrays.
    data
        A tuple of arrays, all of which every step sees.
    rates
        ``((η₁ from, η₁ to), (η₂ from, η₂ to))``; pixels are evenly spaced in log η.
    first
        The entries of ``params`` that learn at η₁, as a name or place or a list of them; by default
        the first entry that holds anything.  All others learn at η₂.
    shape
        The pixels: a number for a square, or (rows, columns).
    steps
        The updates of a training.
    resume
        A file of JSON lines.  Every finished block of pixels is appended to it at once, and blocks
        that are in it are not computed again.
    progress
        Whether to show a progress bar on a terminal.
    engine
        ``"machine"``, ``"interpret"`` or ``"auto"``, which is the machine where it is built.

    Raises
    ------
    InputError
        When data, rates or settings do not fit, or the loss is random or branches.

    Source: Sohl-Dickstein 2024.

    >>> import numpy as np, diffkit as dk
    >>> loss = lambda w, x: np.mean((w["a"] * x - 1) ** 2) + (w["b"] - 1) ** 2
    >>> found = dk.trainability(loss, {"a": 0.0, "b": 0.0}, (np.ones(4),),
    ...                         rates=((0.1, 10), (0.1, 10)), shape=16, steps=50)
    >>> found
    <Trainability of 16 × 16 trainings of 50 steps: 25.0% converge>
    >>> bool(found.converged[0, 0]), bool(found.converged[-1, 0])  # stable below 2/λ = 1
    (True, False)
    """
    rows = checked_data(data, "data")
    tree = checked_params(params)
    check_call(loss, tree, rows, "data")
    check_deterministic(loss, tree, rows)
    pixels, (across, up) = _shape(shape), _box(rates)
    second = [not chosen for chosen in _chosen(tree, first)]
    runs = SideBySide(loss, tree, rows, second, _steps(steps), engine)
    options = {"resume": resume, "progress": progress}
    return _mapped(runs, _axis(across, pixels[1]), _axis(up, pixels[0]), **options)


def measure(losses: np.ndarray) -> np.ndarray:
    """The paper's number of each run from its losses, (steps, runs): below 0 where it converges.

    >>> measure(np.array([[4.0, 4.0], [1.0, 8.0], [1.0, np.inf]])).tolist()
    [-1.5, 1.500001]
    """
    with np.errstate(all="ignore"):
        ratio = np.nan_to_num(losses / losses[0], nan=MOST, posinf=MOST)
        ratio = np.clip(ratio, 1 / MOST, MOST)
    converged = ratio[-LAST:].mean(axis=0) < 1
    return np.where(converged, -ratio.sum(axis=0), (1 / ratio).sum(axis=0))


# Blocks -------------------------------------------------------------------------------------------


def _mapped(
    runs: SideBySide,
    first: np.ndarray,
    second: np.ndarray,
    resume: Any = None,
    progress: bool = False,
) -> Trainability:
    """All pixels, block by block; a block that is in the file is read and not computed."""
    pairs = np.array([(a, b) for b in second for a in first])
    blocks = [pairs[start : start + LANES] for start in range(0, len(pairs), LANES)]
    keys = [_key(runs, block) for block in blocks] if resume is not None else []
    file = None if resume is None else RowFile(resume, "a map of trainability")
    known = {} if file is None else file.rows
    done = {k: np.array(known[key]["values"]) for k, key in enumerate(keys) if key in known}
    todo = [k for k in range(len(blocks)) if k not in done]
    with SweepBar("training", len(blocks), len(done), progress) as tell:
        for k, values in _computed(runs, blocks, todo):
            done[k] = values
            if file is not None:
                file.add({"schema": SCHEMA, "key": keys[k], "values": values.tolist()})
            tell()
    value = np.concatenate([done[k] for k in range(len(blocks))])
    return Trainability(first, second, value.reshape(len(second), len(first)), runs)


def _computed(runs: SideBySide, blocks: list[np.ndarray], todo: list[int]) -> Any:
    """The blocks as they are finished, on all threads; what is not begun ends with the caller."""
    if todo:
        _ = runs.runner  # lowered once, before there are threads
    with ThreadPoolExecutor(threads()) as pool:
        waiting = {pool.submit(_block, runs, blocks[k]): k for k in todo}
        try:
            for finished in as_completed(waiting):
                yield waiting[finished], finished.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _block(runs: SideBySide, pairs: np.ndarray) -> np.ndarray:
    return measure(runs.losses(pairs[:, 0], pairs[:, 1]))


def _key(runs: SideBySide, block: np.ndarray) -> str:
    return f"{runs.fingerprint}-{hashlib.sha256(block.tobytes()).hexdigest()[:16]}"


def _boxes_touched(pixels: np.ndarray, size: int) -> int:
    """Boxes of this size with a pixel in them; what sticks out is filled up with nothing."""
    rows, columns = (-n % size for n in pixels.shape)
    padded = np.pad(pixels, ((0, rows), (0, columns)))
    tall, wide = (n // size for n in padded.shape)
    return int(padded.reshape(tall, size, wide, size).any(axis=(1, 3)).sum())


# Arguments ----------------------------------------------------------------------------------------


def _axis(ends: Range, count: int) -> np.ndarray:
    """Rates from one end to the other, evenly spaced in their logarithm."""
    return np.geomspace(*ends, count)


def _box(box: Any) -> tuple[Range, Range]:
    try:
        (a, b), (c, d) = ((float(low), float(high)) for low, high in box)
        good = 0 < a < b < np.inf and 0 < c < d < np.inf
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError(
            f"rates are two ranges of positive numbers, not {box!r:.60}",
            hint="for example ((0.01, 100), (0.01, 100)), the first layer's range first.",
        )
    return (a, b), (c, d)


def _shape(shape: Any) -> tuple[int, int]:
    pair = (shape, shape) if np.ndim(shape) == 0 else tuple(shape)
    if len(pair) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in pair):
        raise InputError(
            f"the shape of a map is a positive whole number or two, not {shape!r:.40}",
            hint="128 makes a square; (rows, columns) makes any other map.",
        )
    return int(pair[0]), int(pair[1])


def _steps(steps: Any) -> int:
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise InputError(
            f"steps must be a whole number of at least 1, not {steps!r:.40}",
            hint="250 is what the maps of the paper use.",
        )
    return int(steps)


def _chosen(tree: Any, first: Any) -> list[bool]:
    """Which leaves learn at the first rate."""
    entries = tree if isinstance(tree, dict) else dict(enumerate(tree)) if _is_list(tree) else {}
    full = [name for name, entry in entries.items() if flatten(entry)[0]]
    asked = full[:1] if first is None else first if isinstance(first, (list, tuple)) else [first]
    names = set(asked)
    if not names <= set(full) or not 0 < len(names) < len(full):
        raise InputError(
            f"the first rate is for some entries of params, and not for all of them: {first!r:.40} "
            f"does not divide {full!r:.60}",
            hint="give params as a list or dict of two or more, and first=name or a list of names.",
        )
    marks = {
        name: unflatten(structure_of(entry), [name in names] * len(flatten(entry)[0]))
        for name, entry in entries.items()
    }
    return flatten(marks if isinstance(tree, dict) else list(marks.values()))[0]


def _is_list(tree: Any) -> bool:
    return isinstance(tree, (list, tuple))
