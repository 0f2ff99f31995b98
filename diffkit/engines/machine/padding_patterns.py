"""Zeros around images, and reshapes in the way of other patterns.

    where(box, x.flat[numbers], 0)   →   zeros[box] = x          (this is ``np.pad``)
    conv2d(zeros[box] = x, k)        →   conv2d(x, k, padding)

and their transposes: what an unpadded part of a convolution's cotangent is, is a convolution's
cotangent with padding.  Reading on: Dumoulin & Visin 2016, *A guide to convolution arithmetic*.
"""

from __future__ import annotations

from math import prod

import numpy as np

from diffkit.engines.machine.patterns import (
    NO_PADS,
    Box,
    Pads,
    Seen,
    box_of,
    counts_up,
    index_of,
    pads_of,
    rewrites,
    sum_of_pads,
    true_box,
)

__all__ = ["unpadded"]

ARRAY_INDEX = (("array", 1),)


@rewrites("where")
def zero_padding(seen: Seen) -> int | None:
    """where(box, x.flat[numbers], 0), which is ``np.pad``, puts x into zeros."""
    mask, read, zero = seen.operands
    source, value = seen.behind(read, "getitem"), seen.constant(zero)
    if len(source) != 2 or value is None or value.any() or np.signbit(value).any():
        return None
    box, shape = true_box(seen.constant(mask)), seen.aval(read).shape
    if box is None or seen.params(read)["index"] != ARRAY_INDEX or len(box) != len(shape):
        return None
    if not counts_up(seen.constant(source[1]), box, seen.aval(source[0]).size):
        return None
    image = seen.reshaped(source[0], tuple(count for _, _, count in box))
    return seen.make("scatter_add", image, index=index_of(box), shape=shape)


@rewrites("scatter_add")
def zero_padding_transposed(seen: Seen) -> int | None:
    """zeros.flat[numbers] += mask(box, c), the transpose of ``np.pad``, is the box of c."""
    if len(seen.operands) != 2 or seen.operation.kwargs["index"] != ARRAY_INDEX:
        return None
    masked = seen.behind(seen.operands[0], "mask")
    box = true_box(seen.constant(masked[0])) if masked else None
    shape = seen.operation.kwargs["shape"]
    if box is None or len(box) != seen.aval(masked[1]).ndim:
        return None
    if not counts_up(seen.constant(seen.operands[1]), box, prod(shape)):
        return None
    part = _cut_image(seen, masked[1], box)
    if part is None:  # 0 + (−0) is 0: the sum that a scatter makes
        zero = seen.arena.literal(np.zeros((), seen.aval(masked[1]).dtype))
        part = seen.make("add", seen.make("getitem", masked[1], index=index_of(box)), zero)
    return seen.reshaped(part, shape)


@rewrites("getitem")
def part_of_an_image_cotangent(seen: Seen) -> int | None:
    """A box of conv2d_image is conv2d_image with more padding."""
    if len(seen.operands) != 1:
        return None
    (node,) = seen.operands
    box = box_of(seen.operation.kwargs["index"], seen.aval(node).shape)
    return None if box is None else _cut_image(seen, node, box)


def _cut_image(seen: Seen, node: int, box: Box) -> int | None:
    source, pads = seen.behind(node, "conv2d_image"), pads_of(box, seen.aval(node).shape)
    if not source or pads is None:
        return None
    params = seen.params(node)
    shape, padding = tuple(n for _, _, n in box), sum_of_pads(params["padding"], pads)
    return seen.make("conv2d_image", *source, **params | {"shape": shape, "padding": padding})


def unpadded(seen: Seen, node: int) -> tuple[int, Pads]:
    """The image inside of zeros, and how many there are."""
    source = seen.behind(node, "scatter_add")
    if len(source) == 1:
        shape = seen.aval(node).shape
        box = box_of(seen.params(node)["index"], shape)
        pads = None if box is None else pads_of(box, shape)
        if pads is not None:
            return source[0], pads
    return node, NO_PADS


@rewrites("conv2d")
def padded_convolution(seen: Seen) -> int | None:
    """conv2d of an image in zeros is conv2d with padding."""
    return _with_padding(seen)


@rewrites("conv2d_filter")
def padded_filter(seen: Seen) -> int | None:
    """conv2d_filter of an image in zeros is conv2d_filter with padding."""
    return _with_padding(seen)


def _with_padding(seen: Seen) -> int | None:
    image, pads = unpadded(seen, seen.operands[0])
    if pads == NO_PADS:
        return None
    params = seen.operation.kwargs
    padding = sum_of_pads(params["padding"], pads)
    return seen.make(seen.operation.name, image, seen.operands[1], **params | {"padding": padding})


@rewrites("reshape")
def reshape_of_a_reshape(seen: Seen) -> int | None:
    """reshape(reshape x) → reshape x, so that patterns need to look behind one only."""
    (x,) = seen.operands
    shape = seen.operation.kwargs["shape"]
    return seen.reshaped(x, shape) if seen.behind(x, "reshape") else None


@rewrites("mask")
def mask_of_reshapes(seen: Seen) -> int | None:
    """mask(reshape c, reshape x) → reshape(mask(c, x)), which often is there already."""
    condition, x = (seen.behind(node, "reshape") for node in seen.operands)
    shape = seen.aval(seen.operands[1]).shape
    if not condition or not x or seen.aval(seen.operands[0]).shape != shape:
        return None
    inner = seen.reshaped(seen.operands[1], seen.aval(condition[0]).shape)
    return seen.reshaped(seen.make("mask", condition[0], inner), shape)


@rewrites("mul")
def product_with_a_spread(seen: Seen) -> int | None:
    """a · reshape(spread y) → reshape(reshape(a) · spread y): no copy makes the spread dense."""
    for place in (0, 1):
        other, inner = seen.operands[1 - place], seen.behind(seen.operands[place], "reshape")
        if inner and seen.behind(inner[0], "spread"):
            shape = seen.aval(seen.operands[place]).shape
            if seen.aval(other).shape != shape:
                return None
            factors = [seen.reshaped(other, seen.aval(inner[0]).shape), inner[0]]
            return seen.reshaped(seen.make("mul", *factors[:: 1 if place else -1]), shape)
    return None
