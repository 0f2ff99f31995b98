"""Convolution, its two transposes, and windows: the tables that the kernels follow.

    place of a window (i, j):   (i·s) rows + (j·t) pixels into the image with zeros around it
    tap (a, b, c) of a window:  a rows + b pixels + c numbers behind its place

The transpose in the image is a convolution too: pixels that lie as far into a stride (its phase)
see every s-th row and t-th column of the filter, backwards,

    x̄[u] = Σ ȳ[(u − a)/s] · k[a]   over the a with a ≡ u (mod s)

(Dumoulin & Visin 2016, *A guide to convolution arithmetic*, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.layout import common_axes
from diffkit.engines.machine.memory import Value, contiguous_strides
from diffkit.engines.machine.rules.indexing import gathered, offsets_of

__all__ = ["conv2d", "conv2d_filter", "conv2d_image", "convolve", "fold", "windows"]

# Of the kernels (kernels/convolution.py, kernels/vectors.py, which need Numba): numbers in a
# vector, and what tables are filled up to.
LANES, TILE = 8, 8
_WIDTHS = ("f8", "f4")
Pair = tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """Images (in C order) with zeros around them."""

    value: Value
    padding: tuple[Pair, Pair]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels with the zeros."""
        _, height, width, channels = self.value.shape
        (top, bottom), (left, right) = self.padding
        return height + top + bottom, width + left + right, channels

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from row to row, pixel to pixel and number to number."""
        return contiguous_strides(self.shape, self.value.dtype.itemsize)

    @property
    def is_padded(self) -> bool:
        """Whether there are any zeros."""
        return self.padding != ((0, 0), (0, 0))

    @property
    def step(self) -> int:
        """Bytes from image to image, without zeros."""
        return prod(self.value.shape[1:]) * self.value.dtype.itemsize

    def memory(self, builder: Builder) -> Value:
        """Room for one image with its zeros."""
        return builder.temporary(self.shape if self.is_padded else (), self.value.dtype)

    def words(self) -> list[int]:
        """How a kernel copies an image into the zeros."""
        if not self.is_padded:
            return [0] * 5
        rows, size = self.value.shape[1], prod(self.value.shape[2:]) * self.value.dtype.itemsize
        by_row, by_pixel, item = self.strides
        inside = self.padding[0][0] * by_row + self.padding[1][0] * by_pixel
        return [rows, size, by_row, inside, prod(self.shape) * item]

    def places(self, grid: Pair, stride: Pair, first: Pair = (0, 0)) -> np.ndarray:
        """Where the windows of a grid begin."""
        by_row, by_pixel, _ = self.strides
        start = first[0] * by_row + first[1] * by_pixel
        steps = (stride[0] * by_row, stride[1] * by_pixel)
        return offsets_of(list(zip(grid, steps, strict=True))) + start


def _filled(table: np.ndarray) -> np.ndarray:
    """A table filled up to whole tiles: what is computed twice is stored twice."""
    return np.pad(table, (0, -len(table) % TILE), mode="edge")


def _vectors(channels: int) -> tuple[int, int]:
    """How many vectors the channels fill, and how many of them a tile takes."""
    count = -(-channels // LANES)
    return count, 2 - count % 2 if channels % LANES == 0 else 1


def _packed(builder: Builder, k: Value, taps: np.ndarray, step: int, channels: int) -> Value:
    """A filter as (group of vectors, tap, channels of the group), with zeros for missing channels.

    ``taps`` are byte offsets, and ``step`` are the bytes from channel to channel.
    """
    vectors, groups = _vectors(channels)
    if vectors * LANES > channels:
        lanes = np.arange(vectors * LANES)
        table = taps[:, None] + lanes * step
        table = np.where(lanes < channels, table, -1).reshape(len(taps), vectors, LANES)
        none = np.zeros(1, np.int64)
        return gathered(builder, k, none, table.transpose(1, 0, 2).reshape(-1), none)
    wide = groups * LANES
    before = np.arange(vectors // groups) * wide * step
    if step == k.dtype.itemsize:
        return gathered(builder, k, before, taps, np.zeros(1, np.int64), wide)
    return gathered(builder, k, before, taps, np.arange(wide) * step)


def _usable(builder: Builder, node: int) -> bool:
    """Whether there are kernels: floats, and something to compute."""
    out, avals = builder.aval(node), [builder.aval(x) for x in builder.operands(node)]
    same = all(aval.dtype == out.dtype and aval.size for aval in avals)
    return out.dtype.str[1:] in _WIDTHS and bool(out.size) and same


def _convolve(
    builder: Builder,
    frame: Frame,
    k: Value,
    target: Value,
    tables: tuple[np.ndarray, np.ndarray, np.ndarray],
    taps: np.ndarray,
    step: int,
) -> None:
    """One row: ``tables`` are places, targets and the starts of runs of taps.

    ``taps`` and ``step`` say where the numbers of the filter lie, by tap and by channel.
    """
    places, targets, runs = tables
    channels = target.shape[3]
    vectors, groups = _vectors(channels)
    item = target.dtype.itemsize
    start = builder.literal(np.zeros(vectors * LANES, target.dtype))
    spare = builder.temporary((LANES,), target.dtype)
    builder.row(
        f"convolve_{groups}_{target.width}",
        frame.value, _packed(builder, k, taps, step, channels), start, target,
        frame.memory(builder), spare,
        builder.literal(_filled(places)), builder.literal(_filled(targets)), builder.literal(runs),
        target.shape[0], len(places), vectors, len(runs), len(taps) // len(runs), channels,
        frame.step, prod(target.shape[1:]) * item, *frame.words(),
    )  # fmt: skip


# The operation and its transposes ----------------------------------------------------------------


@rule("conv2d")
def conv2d(builder: Builder, node: int) -> bool | None:
    """Every window times the filter, whose rows are the runs."""
    if not _usable(builder, node):
        return False
    image, k = (builder.dense(x) for x in builder.operands(node))
    convolve(builder, image, k, builder.result(node), builder.params(node))
    return None


def convolve(builder: Builder, image: Value, k: Value, target: Value, params: Any) -> None:
    """Emit the rows of a convolution; all three arrays lie in C order."""
    frame = Frame(image, params["padding"])
    places = frame.places((target.shape[1], target.shape[2]), params["stride"])
    targets = np.arange(len(places)) * target.strides[2]
    runs = np.arange(k.shape[0]) * frame.strides[0]
    taps = offsets_of(list(zip(k.shape[:3], k.strides[:3], strict=True)))
    _convolve(builder, frame, k, target, (places, targets, runs), taps, k.strides[3])


@rule("conv2d_image")
def conv2d_image(builder: Builder, node: int) -> bool | None:
    """One convolution per phase of the stride, and one row for filters that are not finite."""
    if not _usable(builder, node):
        return False
    c, k = (builder.dense(x) for x in builder.operands(node))
    params, target = builder.params(node), builder.result(node)
    stride, padding = params["stride"], params["padding"]
    if any(n < s for n, s in zip(k.shape[:2], stride, strict=True)):
        builder.fill(target)  # some pixels lie between the windows
    for phase in product(*(range(min(n, s)) for n, s in zip(k.shape[:2], stride, strict=True))):
        _one_phase(builder, c, k, target, (phase[0], phase[1]), stride, padding)
    builder.row(f"add_windows_{target.width}", c, k, target, *c.shape, *k.shape[:3],
                *target.shape[1:3], *stride, padding[0][0], padding[1][0])  # fmt: skip
    return None


@dataclass(frozen=True)
class _Phase:
    """One axis of the pixels that lie ``phase`` into a stride, as windows over the cotangent."""

    first: int  # the first such pixel
    count: int  # how many
    start: int  # where the window of the first begins on the cotangent; it may be negative
    taps: np.ndarray  # rows of the filter, in the order in which the cotangent meets them
    padding: Pair


def _phase(size: int, cotangents: int, window: int, stride: int, pad: int, phase: int) -> _Phase:
    first = (phase - pad) % stride
    count = max(-(-(size - first) // stride), 0)
    taps = np.arange(phase, window, stride)[::-1]
    start = (first + pad - phase) // stride - len(taps) + 1
    before, after = max(-start, 0), max(start + count - 1 + len(taps) - cotangents, 0)
    return _Phase(first, count, start + before, taps, (before, after))


def _one_phase(
    builder: Builder, c: Value, k: Value, target: Value, phase: Pair, stride: Pair, padding: Any
) -> None:
    axes = [
        _phase(target.shape[1 + d], c.shape[1 + d], k.shape[d], stride[d], padding[d][0], phase[d])
        for d in (0, 1)
    ]
    rows, columns = axes
    if rows.count == 0 or columns.count == 0:
        return
    frame = Frame(c, (rows.padding, columns.padding))
    grid = (rows.count, columns.count)
    places = frame.places(grid, (1, 1), (rows.start, columns.start))
    steps = [s * n for s, n in zip(stride, target.strides[1:3], strict=True)]
    origin = rows.first * target.strides[1] + columns.first * target.strides[2]
    targets = offsets_of(list(zip(grid, steps, strict=True))) + origin
    runs = np.arange(len(rows.taps)) * frame.strides[0]
    by_row, by_column, by_channel, item = k.strides
    taps = (
        rows.taps[:, None, None] * by_row
        + columns.taps[:, None] * by_column
        + np.arange(k.shape[3]) * item
    ).reshape(-1)
    _convolve(builder, frame, k, target, (places, targets, runs), taps, by_channel)


@rule("conv2d_filter")
def conv2d_filter(builder: Builder, node: int) -> bool | None:
    """Every tap of the filter gathers its products over all windows."""
    if not _usable(builder, node):
        return False
    image, c = (builder.dense(x) for x in builder.operands(node))
    params, target = builder.params(node), builder.result(node)
    frame = Frame(image, params["padding"])
    channels, item = c.shape[3], c.dtype.itemsize
    vectors, groups = _vectors(channels)
    whole = vectors * LANES == channels
    places = frame.places((c.shape[1], c.shape[2]), params["stride"])
    taps = offsets_of(list(zip(target.shape[:3], frame.strides, strict=True)))
    total = target if whole else builder.temporary((len(taps), vectors * LANES), c.dtype)
    wide = builder.temporary(() if whole else (len(places), vectors * LANES), c.dtype)
    builder.fill(total)
    builder.row(
        f"correlate_{groups}_{c.width}",
        image, c, total, frame.memory(builder), wide,
        builder.literal(places), builder.literal(_filled(taps)),
        c.shape[0], len(places), vectors, len(taps), frame.step, prod(c.shape[1:]) * item,
        channels * item, vectors * LANES * item, *frame.words(),
        0 if whole else wide.size * item,
    )  # fmt: skip
    if not whole:
        part = total.viewed((len(taps), channels), total.strides)
        builder.copy(part, target.viewed(part.shape, (channels * item, item)))
    return None


# Windows -----------------------------------------------------------------------------------------


@rule("windows")
def windows(builder: Builder, node: int) -> bool | None:
    """A view of the image with its zeros."""
    (operand,) = builder.operands(node)
    params, out = builder.params(node), builder.aval(node)
    if out.size == 0:
        return False
    value = builder.numbers(operand)
    (top, _), (left, _) = params["padding"]
    frame = Frame(value, params["padding"])
    if frame.is_padded:
        whole = builder.temporary((value.shape[0], *frame.shape), value.dtype)
        builder.fill(whole)
        inside = top * whole.strides[1] + left * whole.strides[2]
        builder.copy(value, whole.viewed(value.shape, whole.strides, inside))
        value = whole
    by_image, by_row, by_pixel, item = value.strides
    down, right = params["stride"]
    strides = (by_image, down * by_row, right * by_pixel, by_row, by_pixel, item)
    builder.view(node, value.viewed(out.shape, strides))
    return None


@rule("fold")
def fold(builder: Builder, node: int) -> bool | None:
    """Zeros, to which every place of all windows is added in turn."""
    (operand,) = builder.operands(node)
    params, out = builder.params(node), builder.aval(node)
    source = builder.memory(operand)
    if out.dtype.str[1:] not in _WIDTHS or source.size == 0 or out.size == 0:
        return False
    target = builder.result(node)
    frame = Frame(target, params["padding"])
    whole = target
    if frame.is_padded:
        whole = builder.temporary((target.shape[0], *frame.shape), target.dtype)
    builder.fill(whole)
    by_image, by_row, by_pixel, item = whole.strides
    down, right = params["stride"]
    strides = (by_image, down * by_row, right * by_pixel, by_row, by_pixel, item)
    axes = [(source.shape[k], source.strides[k], strides[k]) for k in (3, 4, 0, 1, 2, 5)]
    axes = common_axes(axes) or [(1, item, item)]
    words = [axis[k] for k in range(3) for axis in axes]
    builder.row(f"add_into_{target.width}", source, whole, len(axes), *words)
    if frame.is_padded:
        (top, _), (left, _) = params["padding"]
        inside = top * by_row + left * by_pixel
        builder.copy(whole.viewed(target.shape, whole.strides, inside), target)
    return None
