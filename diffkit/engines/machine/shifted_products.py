"""Sums of shifted products, which are convolutions, and the same sums transposed.

    c + Σᵢⱼ x[:, i:i+h, j:j+w] @ k[i, j]             →   c + conv2d(x, k)
    Σᵢⱼ put(x[:, i:i+h, j:j+w]ᵀ @ ȳ, at (i, j))      →   conv2d_filter(x, ȳ)
    Σᵢⱼ put(ȳ @ k[i, j]ᵀ, at (:, i:i+h, j:j+w))      →   conv2d_image(ȳ, k)

A convolution in plain NumPy is a sum of shifted products; its derivative, made equation by
equation, is the same sum transposed.  A sum counts only if it has every place of the filter
exactly once, over windows that lie as a convolution's do.

Reading on: Dumoulin & Visin 2016, *A guide to convolution arithmetic*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from diffkit.engines.machine.padding_patterns import unpadded
from diffkit.engines.machine.patterns import (
    NO_PADS,
    Box,
    Pair,
    Seen,
    box_of,
    index_of,
    rewrites,
)

__all__ = ["shifted_products", "shifted_products_transposed"]


@dataclass(frozen=True)
class Shifted:
    """What all terms of a sum have in common: images, filters and cotangents, and how they lie."""

    kind: str
    nodes: Pair  # conv2d: image, filter; conv2d_filter: image, cotangent; and so on
    shape: tuple[int, ...]  # of the image
    window: Pair
    first: Pair  # where the first window begins
    stride: Pair
    grid: Pair  # how many windows

    def region(self) -> Box:
        """The pixels that the windows cover."""
        sizes = [
            (n - 1) * s + k for n, s, k in zip(self.grid, self.stride, self.window, strict=True)
        ]
        (a, b), (h, w) = self.first, sizes
        return (0, 1, self.shape[0]), (a, 1, h), (b, 1, w), (0, 1, self.shape[3])


Term = tuple[Shifted, Pair]  # and the place in the filter
ReadTerm = Callable[[Seen, int], "Term | None"]


def _shifted(
    kind: str, nodes: Pair, index: Any, shape: tuple[int, ...], filters: Any, place: Any
) -> Term | None:
    """A term, from the index of the image and the place and shape of the filter."""
    whole = all(isinstance(n, (int, np.integer)) for n in place) and len(place) == 2
    box = box_of(index, shape) if len(shape) == 4 == len(filters) and whole else None
    if box is None or any(box[k] != (0, 1, shape[k]) for k in (0, 3)):
        return None
    a, b = (int(n) % size for n, size in zip(place, filters[:2], strict=True))
    first = (box[1][0] - a, box[2][0] - b)
    stride, grid = (box[1][1], box[2][1]), (box[1][2], box[2][2])
    if min(*stride, *grid) < 1 or min(first) < 0:
        return None
    return Shifted(kind, nodes, shape, (filters[0], filters[1]), first, stride, grid), (a, b)


def _product_term(seen: Seen, node: int) -> Term | None:
    """x[:, rows, columns] @ k[a, b]."""
    factors = seen.behind(node, "matmul")
    image, k = (seen.behind(f, "getitem") for f in factors) if factors else ((), ())
    if len(image) != 1 or len(k) != 1:
        return None
    return _shifted("conv2d", (image[0], k[0]), seen.params(factors[0])["index"],
                    seen.aval(image[0]).shape, seen.aval(k[0]).shape,
                    seen.params(factors[1])["index"])  # fmt: skip


def _put_term(seen: Seen, node: int) -> Term | None:
    """A product put into zeros: at a place of the filter, or at pixels of the image."""
    source = seen.behind(node, "scatter_add")
    factors = seen.behind(source[0], "matmul") if len(source) == 1 else ()
    if not factors:
        return None
    params = seen.params(node)
    if _turned(seen, factors[0]):
        return _filter_term(seen, factors, params)
    return _image_term(seen, factors, params) if _turned(seen, factors[1]) else None


def _turned(seen: Seen, node: int) -> tuple[int, ...]:
    """The matrix behind a transposed one."""
    source = seen.behind(node, "transpose")
    return source if source and seen.params(node)["axes"] == (1, 0) else ()


def _filter_term(seen: Seen, factors: tuple[int, ...], params: dict[str, Any]) -> Term | None:
    rows = seen.behind(_turned(seen, factors[0])[0], "reshape")
    image = seen.behind(rows[0], "getitem") if rows else ()
    if len(image) != 1:
        return None
    part, channels = seen.aval(rows[0]).shape, seen.aval(factors[0]).shape[0]
    if len(part) != 4 or part[3] != channels:
        return None
    cotangent = seen.reshaped(factors[1], (*part[:3], seen.aval(factors[1]).shape[1]))
    return _shifted("conv2d_filter", (image[0], cotangent), seen.params(rows[0])["index"],
                    seen.aval(image[0]).shape, params["shape"], params["index"])  # fmt: skip


def _image_term(seen: Seen, factors: tuple[int, ...], params: dict[str, Any]) -> Term | None:
    turned = _turned(seen, factors[1])
    k = seen.behind(turned[0], "getitem")
    if len(k) != 1 or seen.aval(factors[0]).ndim != 4:
        return None
    return _shifted("conv2d_image", (factors[0], k[0]), params["index"], params["shape"],
                    seen.aval(k[0]).shape, seen.params(turned[0])["index"])  # fmt: skip


def _parted(seen: Seen, operands: tuple[int, ...], term: ReadTerm) -> tuple[Term, int] | None:
    """A term among the two operands of a sum, and the other operand."""
    for node, other in (operands[::-1], operands):
        found = term(seen, node)
        if found is not None:
            return found, other
    return None


def _collected(seen: Seen, term: ReadTerm) -> tuple[Shifted, int | None] | None:
    """The terms of a sum that together are one convolution, and what else is added."""
    places: set[Pair] = set()
    shared: Shifted | None = None
    operands = seen.operands if seen.aval(seen.operands[0]).dtype.kind == "f" else ()
    while operands:
        parted = _parted(seen, operands, term)
        if parted is None:
            return None
        (common, place), rest = parted
        if place in places or shared not in (None, common):
            return None
        shared = common
        places.add(place)
        if len(places) == prod(shared.window):
            return shared, rest
        last = term(seen, rest)
        if last is not None:
            whole = last[0] == shared and len(places | {last[1]}) == prod(shared.window)
            return (shared, None) if whole else None
        operands = seen.behind(rest, "add")
    return None


@rewrites("add")
def shifted_products(seen: Seen) -> int | None:
    """c + Σ x[:, a:a+h, b:b+w] @ k[a, b] is c + conv2d(x, k)."""
    found = _collected(seen, _product_term)
    if found is None:
        return None
    shared, rest = found
    image, k = shared.nodes
    image, pads = unpadded(seen, _cut(seen, image, shared))
    total = seen.make("conv2d", image, k, stride=shared.stride, padding=pads)
    return total if rest is None else seen.make("add", rest, total)


@rewrites("add")
def shifted_products_transposed(seen: Seen) -> int | None:
    """The same sum transposed, in the filter or in the image."""
    found = _collected(seen, _put_term)
    if found is None:
        return None
    shared, rest = found
    total = (
        _filter_sum(seen, shared) if shared.kind == "conv2d_filter" else _image_sum(seen, shared)
    )
    return total if rest is None else seen.make("add", rest, total)


def _cut(seen: Seen, image: int, shared: Shifted) -> int:
    """The pixels of an image that the windows cover."""
    region = index_of(shared.region())
    whole = region == index_of(tuple((0, 1, n) for n in shared.shape))
    return image if whole else seen.make("getitem", image, index=region)


def _filter_sum(seen: Seen, shared: Shifted) -> int:
    image, cotangent = shared.nodes
    image, pads = unpadded(seen, _cut(seen, image, shared))
    return seen.make("conv2d_filter", image, cotangent, window=shared.window,
                     stride=shared.stride, padding=pads)  # fmt: skip


def _image_sum(seen: Seen, shared: Shifted) -> int:
    region = shared.region()
    shape = tuple(count for _, _, count in region)
    total = seen.make("conv2d_image", *shared.nodes, shape=shape, stride=shared.stride,
                      padding=NO_PADS)  # fmt: skip
    if shape == shared.shape:
        return total
    return seen.make("scatter_add", total, index=index_of(region), shape=shared.shape)
