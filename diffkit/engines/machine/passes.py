"""Rewrites of the machine's own: what many equations spell out, as the one that has a kernel.

    c + Σᵢⱼ x[:, i:i+h, j:j+w] @ k[i, j]             →   c + conv2d(x, k)
    Σᵢⱼ put(x[:, i:i+h, j:j+w]ᵀ @ ȳ, at (i, j))      →   conv2d_filter(x, ȳ)
    Σᵢⱼ put(ȳ @ k[i, j]ᵀ, at (:, i:i+h, j:j+w))      →   conv2d_image(ȳ, k)

A convolution in plain NumPy is a sum of shifted products; its derivative, made equation by
equation, is the same sum transposed.  Zeros around an image (``np.pad``) become the convolution's
own padding.  The new equations add in another order, so they agree with the old ones within
rounding, and only the machine sees them: a graph as users know it stays as captured
(``graph/rewrites.py`` has the rewrites that change no bit).

Reading on: Dumoulin & Visin 2016, *A guide to convolution arithmetic*; Aho et al. 2006,
*Compilers*, section 8.9 (tree patterns).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from diffkit.graph.arena import SMALL_LITERAL_BYTES, Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import INPUT, LITERAL, Graph, Guard, Operation
from diffkit.graph.primitive import REGISTRY
from diffkit.graph.sources import Source

__all__ = ["PASSES", "fitted"]

# Every graph with something to rewrite has one of these.
TRIGGERS = frozenset({"matmul", "where", "conv2d"})
ARRAY_INDEX = (("array", 1),)
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
NO_PADS: Pads = ((0, 0), (0, 0))


class Seen:
    """One equation, its operands rewritten, and the graph in front of it."""

    def __init__(
        self, arena: Arena, operation: Operation, operands: tuple[int, ...], source: Source
    ) -> None:
        self.arena, self.operation = arena, operation
        self.operands, self.source = operands, source

    def behind(self, node: int, name: str) -> tuple[int, ...]:
        """The operands of a node, if it is an equation of this primitive (else none)."""
        return self.arena.operands[node] if self.arena.operations[node].name == name else ()

    def aval(self, node: int) -> Aval:
        """The abstract value of a node."""
        return self.arena.avals[node]

    def params(self, node: int) -> dict[str, Any]:
        """The parameters of the equation of a node."""
        return self.arena.operations[node].kwargs

    def constant(self, node: int) -> np.ndarray | None:
        """The value of a node that is a literal."""
        value = self.arena.values.get(node)
        return None if value is None else np.asarray(value)

    def make(self, name: str, *operands: int, **params: Any) -> int:
        """The node of a new equation, on the line of this one."""
        return self.arena.emit(REGISTRY[name].operation(params), operands, self.source)

    def reshaped(self, node: int, shape: tuple[int, ...]) -> int:
        """A node in another shape; a reshape that is undone disappears."""
        inner = self.behind(node, "reshape")
        node = inner[0] if inner else node
        return node if self.aval(node).shape == shape else self.make("reshape", node, shape=shape)


Pattern = Callable[[Seen], "int | None"]
PASSES: dict[str, list[Pattern]] = {}


def _pass(primitive: str) -> Callable[[Pattern], Pattern]:
    """Register a pattern for the equations of a primitive; its docstring says what it does."""

    def register(pattern: Pattern) -> Pattern:
        PASSES.setdefault(primitive, []).append(pattern)
        return pattern

    return register


# Boxes: ranges along every axis --------------------------------------------------------------------

Box = tuple[tuple[int, int, int], ...]  # start, step and count for each axis


def _box(index: Any, shape: tuple[int, ...]) -> Box | None:
    """The ranges that an index of slices selects; None for other indices."""
    if len(index) > len(shape):
        return None
    found = []
    for k, size in enumerate(shape):
        part = index[k] if k < len(index) else ("slice", None, None, None)
        if not isinstance(part, tuple) or part[0] != "slice":
            return None
        start, stop, step = slice(*part[1:]).indices(size)
        found.append((start, step, len(range(start, stop, step))))
    return tuple(found)


def _index(box: Box) -> tuple[Any, ...]:
    """The index of slices that selects a box of steps 1."""
    return tuple(("slice", start, start + count, 1) for start, _, count in box)


def _true_box(mask: np.ndarray | None) -> Box | None:
    """The ranges in which a constant mask is true, if they are all of it."""
    if mask is None or mask.dtype != np.bool_ or not mask.any():
        return None
    found = []
    for axis in range(mask.ndim):
        places = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        found.append((int(places[0]), 1, int(places[-1] - places[0] + 1)))
    return tuple(found) if prod(n for _, _, n in found) == mask.sum() else None


def _counts_up(numbers: np.ndarray | None, box: Box, size: int) -> bool:
    """Whether an index array has 0, 1, … size − 1 in a box."""
    if numbers is None or prod(count for _, _, count in box) != size:
        return False
    inside = numbers[tuple(slice(start, start + count) for start, _, count in box)]
    return np.array_equal(inside.reshape(-1), np.arange(size))


def _pads(box: Box, shape: tuple[int, ...]) -> Pads | None:
    """What lies around a box of images: pixels only; None if it is no such box."""
    if len(shape) != 4 or any(step != 1 for _, step, _ in box):
        return None
    if any((box[k][0], box[k][2]) != (0, shape[k]) for k in (0, 3)):
        return None
    top, left = ((box[k][0], shape[k] - box[k][0] - box[k][2]) for k in (1, 2))
    return top, left


def _sum_of_pads(first: Pads, second: Pads) -> Pads:
    (a, b), (c, d) = first
    (p, q), (r, s) = second
    return (a + p, b + q), (c + r, d + s)


# Zeros around images -------------------------------------------------------------------------------


@_pass("where")
def zero_padding(seen: Seen) -> int | None:
    """where(box, x.flat[numbers], 0), which is ``np.pad``, puts x into zeros."""
    mask, read, zero = seen.operands
    source, value = seen.behind(read, "getitem"), seen.constant(zero)
    if len(source) != 2 or value is None or value.any() or np.signbit(value).any():
        return None
    box, shape = _true_box(seen.constant(mask)), seen.aval(read).shape
    if box is None or seen.params(read)["index"] != ARRAY_INDEX or len(box) != len(shape):
        return None
    if not _counts_up(seen.constant(source[1]), box, seen.aval(source[0]).size):
        return None
    image = seen.reshaped(source[0], tuple(count for _, _, count in box))
    return seen.make("scatter_add", image, index=_index(box), shape=shape)


@_pass("scatter_add")
def zero_padding_transposed(seen: Seen) -> int | None:
    """zeros.flat[numbers] += mask(box, c), the transpose of ``np.pad``, is the box of c."""
    if len(seen.operands) != 2 or seen.operation.kwargs["index"] != ARRAY_INDEX:
        return None
    masked = seen.behind(seen.operands[0], "mask")
    box = _true_box(seen.constant(masked[0])) if masked else None
    shape = seen.operation.kwargs["shape"]
    if box is None or len(box) != seen.aval(masked[1]).ndim:
        return None
    if not _counts_up(seen.constant(seen.operands[1]), box, prod(shape)):
        return None
    part = _cut_image(seen, masked[1], box)
    if part is None:  # 0 + (−0) is 0: the sum that a scatter makes
        zero = seen.arena.literal(np.zeros((), seen.aval(masked[1]).dtype))
        part = seen.make("add", seen.make("getitem", masked[1], index=_index(box)), zero)
    return seen.reshaped(part, shape)


@_pass("getitem")
def part_of_an_image_cotangent(seen: Seen) -> int | None:
    """A box of conv2d_image is conv2d_image with more padding."""
    if len(seen.operands) != 1:
        return None
    (node,) = seen.operands
    box = _box(seen.operation.kwargs["index"], seen.aval(node).shape)
    return None if box is None else _cut_image(seen, node, box)


def _cut_image(seen: Seen, node: int, box: Box) -> int | None:
    source, pads = seen.behind(node, "conv2d_image"), _pads(box, seen.aval(node).shape)
    if not source or pads is None:
        return None
    params = seen.params(node)
    shape, padding = tuple(n for _, _, n in box), _sum_of_pads(params["padding"], pads)
    return seen.make("conv2d_image", *source, **params | {"shape": shape, "padding": padding})


def _unpadded(seen: Seen, node: int) -> tuple[int, Pads]:
    """The image inside of zeros, and how many there are."""
    source = seen.behind(node, "scatter_add")
    if len(source) == 1:
        shape = seen.aval(node).shape
        box = _box(seen.params(node)["index"], shape)
        pads = None if box is None else _pads(box, shape)
        if pads is not None:
            return source[0], pads
    return node, NO_PADS


@_pass("conv2d")
def padded_convolution(seen: Seen) -> int | None:
    """conv2d of an image in zeros is conv2d with padding."""
    return _with_padding(seen)


@_pass("conv2d_filter")
def padded_filter(seen: Seen) -> int | None:
    """conv2d_filter of an image in zeros is conv2d_filter with padding."""
    return _with_padding(seen)


def _with_padding(seen: Seen) -> int | None:
    image, pads = _unpadded(seen, seen.operands[0])
    if pads == NO_PADS:
        return None
    params = seen.operation.kwargs
    padding = _sum_of_pads(params["padding"], pads)
    return seen.make(seen.operation.name, image, seen.operands[1], **params | {"padding": padding})


@_pass("reshape")
def reshape_of_a_reshape(seen: Seen) -> int | None:
    """reshape(reshape x) → reshape x, so that patterns need to look behind one only."""
    (x,) = seen.operands
    shape = seen.operation.kwargs["shape"]
    return seen.reshaped(x, shape) if seen.behind(x, "reshape") else None


@_pass("mask")
def mask_of_reshapes(seen: Seen) -> int | None:
    """mask(reshape c, reshape x) → reshape(mask(c, x)), which often is there already."""
    condition, x = (seen.behind(node, "reshape") for node in seen.operands)
    shape = seen.aval(seen.operands[1]).shape
    if not condition or not x or seen.aval(seen.operands[0]).shape != shape:
        return None
    inner = seen.reshaped(seen.operands[1], seen.aval(condition[0]).shape)
    return seen.reshaped(seen.make("mask", condition[0], inner), shape)


@_pass("mul")
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


# Sums of shifted products --------------------------------------------------------------------------


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
        sizes = [(n - 1) * s + k for n, s, k in zip(self.grid, self.stride, self.window, strict=True)]
        (a, b), (h, w) = self.first, sizes
        return (0, 1, self.shape[0]), (a, 1, h), (b, 1, w), (0, 1, self.shape[3])


Term = tuple[Shifted, Pair]  # and the place in the filter


def _shifted(
    kind: str, nodes: Pair, index: Any, shape: tuple[int, ...], filters: Any, place: Any
) -> Term | None:
    """A term, from the index of the image and the place and shape of the filter."""
    whole = all(isinstance(n, (int, np.integer)) for n in place) and len(place) == 2
    box = _box(index, shape) if len(shape) == 4 == len(filters) and whole else None
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
    transposed = seen.behind(factors[0], "transpose")
    return _filter_term(seen, factors, params) if transposed else _image_term(seen, factors, params)


def _filter_term(seen: Seen, factors: tuple[int, ...], params: dict[str, Any]) -> Term | None:
    rows = seen.behind(seen.behind(factors[0], "transpose")[0], "reshape")
    image = seen.behind(rows[0], "getitem") if rows else ()
    if len(image) != 1 or seen.aval(factors[0]).ndim != 2:
        return None
    part, channels = seen.aval(rows[0]).shape, seen.aval(factors[0]).shape[0]
    if len(part) != 4 or part[3] != channels:
        return None
    cotangent = seen.reshaped(factors[1], (*part[:3], seen.aval(factors[1]).shape[1]))
    return _shifted("conv2d_filter", (image[0], cotangent), seen.params(rows[0])["index"],
                    seen.aval(image[0]).shape, params["shape"], params["index"])  # fmt: skip


def _image_term(seen: Seen, factors: tuple[int, ...], params: dict[str, Any]) -> Term | None:
    turned = seen.behind(factors[1], "transpose")
    k = seen.behind(turned[0], "getitem") if turned else ()
    if len(k) != 1 or seen.aval(factors[0]).ndim != 4:
        return None
    return _shifted("conv2d_image", (factors[0], k[0]), params["index"], params["shape"],
                    seen.aval(k[0]).shape, seen.params(turned[0])["index"])  # fmt: skip


def _collected(
    seen: Seen, term: Callable[[Seen, int], Term | None]
) -> tuple[Shifted, int | None] | None:
    """The terms of a sum that together are one convolution, and what else is added."""
    places: set[Pair] = set()
    shared: Shifted | None = None
    rest: int | None = None
    operands = seen.operands
    while operands:
        for node, other in (operands[::-1], operands):
            found = term(seen, node)
            if found is not None:
                break
        else:
            return None
        if found[1] in places or shared not in (None, found[0]):
            return None
        shared, rest = found[0], other
        places.add(found[1])
        if len(places) == prod(shared.window):
            return shared, rest
        last = term(seen, rest)
        if last is not None:
            complete = last[0] == shared and last[1] not in places
            return (shared, None) if complete and len(places) + 1 == prod(shared.window) else None
        operands = seen.behind(rest, "add")
    return None


@_pass("add")
def shifted_products(seen: Seen) -> int | None:
    """c + Σ x[:, a:a+h, b:b+w] @ k[a, b] is c + conv2d(x, k)."""
    found = _collected(seen, _product_term)
    if found is None:
        return None
    shared, rest = found
    image, k = shared.nodes
    image, pads = _unpadded(seen, _cut(seen, image, shared))
    total = seen.make("conv2d", image, k, stride=shared.stride, padding=pads)
    return total if rest is None else seen.make("add", rest, total)


@_pass("add")
def shifted_products_transposed(seen: Seen) -> int | None:
    """The same sum transposed, in the filter or in the image."""
    found = _collected(seen, _put_term)
    if found is None:
        return None
    shared, rest = found
    total = _filter_sum(seen, shared) if shared.kind == "conv2d_filter" else _image_sum(seen, shared)
    return total if rest is None else seen.make("add", rest, total)


def _cut(seen: Seen, image: int, shared: Shifted) -> int:
    """The pixels of an image that the windows cover."""
    region = _index(shared.region())
    whole = region == _index(tuple((0, 1, n) for n in shared.shape))
    return image if whole else seen.make("getitem", image, index=region)


def _filter_sum(seen: Seen, shared: Shifted) -> int:
    image, cotangent = shared.nodes
    image, pads = _unpadded(seen, _cut(seen, image, shared))
    return seen.make("conv2d_filter", image, cotangent, window=shared.window,
                     stride=shared.stride, padding=pads)  # fmt: skip


def _image_sum(seen: Seen, shared: Shifted) -> int:
    region = shared.region()
    shape = tuple(count for _, _, count in region)
    total = seen.make("conv2d_image", *shared.nodes, shape=shape, stride=shared.stride,
                      padding=NO_PADS)  # fmt: skip
    if shape == shared.shape:
        return total
    return seen.make("scatter_add", total, index=_index(region), shape=shared.shape)


# The walk ------------------------------------------------------------------------------------------


def fitted(graph: Graph) -> Graph:
    """The graph as the machine computes it: the same one, where no pattern is found.

    Inputs and outputs keep their order, shapes and dtypes; values agree within rounding.

    >>> import diffkit as dk
    >>> fitted(dk.parse("x*y")).operations()
    {'mul': 1, 'total': 1}
    """
    names = {operation.name for operation in graph.columns.operations}
    return _Walk(graph).run() if names & TRIGGERS else graph


class _Walk:
    """One walk forward, which writes the graph anew if something changes."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.arena = graph, Arena()
        self.place: dict[int, int] = {}
        self.changed = False

    def run(self) -> Graph:
        graph, columns = self.graph, self.graph.columns
        for node in graph.input_nodes:
            self.place[node] = self.arena.new_input(columns.avals[node])
        for node, operation in enumerate(columns.operations):
            if operation is LITERAL:
                self.place[node] = self.literal(node)
            elif operation is not INPUT:
                self.place[node] = self.move(node)
        return self.finish() if self.changed else graph

    def literal(self, node: int) -> int:
        """The same constant: large ones are shared, not copied."""
        value, aval = self.graph.columns.values[node], self.graph.columns.avals[node]
        if aval.size * aval.dtype.itemsize <= SMALL_LITERAL_BYTES:
            return self.arena.literal(value)
        place = self.arena.new_input(aval)
        self.arena.operations[place] = LITERAL
        self.arena.values[place] = value
        return place

    def move(self, node: int) -> int:
        columns = self.graph.columns
        operation, source = columns.operations[node], columns.sources[node]
        operands = tuple([self.place[operand] for operand in columns.operands[node]])
        for pattern in PASSES.get(operation.name, ()):
            found = pattern(Seen(self.arena, operation, operands, source))
            if found is not None:
                self.changed = True
                return found
        return self.arena.emit(operation, operands, source)

    def finish(self) -> Graph:
        graph, place = self.graph, self.place
        return self.arena.freeze(
            [place[node] for node in graph.input_nodes],
            [place[node] for node in graph.output_nodes],
            guards=[Guard(place[g.node], g.outcome, g.source) for g in graph.guards],
            names=graph.input_names,
            in_tree=graph.in_tree,
            out_tree=graph.out_tree,
            title=graph.title,
            keywords=graph.keywords,
        )
