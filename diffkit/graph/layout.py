"""Where to put the nodes of a graph so that a person can follow it.

The layered method of Sugiyama, Tagawa & Toda (1981, *Methods for visual understanding of
hierarchical system structures*): every node goes to the layer of its longest path from an
input, an edge across several layers passes through a point in each, the order inside a layer
is improved by barycentres until crossings stop falling, and then the nodes are moved towards
their neighbours.  Pictures (``graph/drawing.py``, ``plots/graphs.py``) share this layout.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Layout", "layered"]

SWEEPS = 12  # crossings hardly fall after a dozen sweeps on graphs of a page's size
SETTLING = 80  # sweeps that move the nodes: long straight edges settle slowly
FEEBLE = 0.05  # the pull of an input that is used once
POINT_WIDTH = 10.0  # the room an edge needs where it passes a layer


@dataclass(frozen=True)
class Layout:
    """Centres of the nodes, the points each edge passes through, and the size of it all."""

    centres: list[tuple[float, float]]
    routes: dict[tuple[int, int], list[tuple[float, float]]]
    layers: list[int]
    width: float
    height: float


def layered(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    *,
    gap: tuple[float, float] = (22.0, 38.0),
) -> Layout:
    """The layered layout of an acyclic graph, from top to bottom.

    Parameters
    ----------
    sizes
        Width and height of each node; nodes are numbered in topological order.
    edges
        Pairs (from, to) with from < to.
    gap
        The least horizontal distance of two nodes and the vertical distance of two layers.

    >>> layered([(10, 10)] * 3, [(0, 2), (1, 2)]).layers
    [0, 0, 1]
    """
    edges = sorted(set(edges))
    layers = _longest_paths(len(sizes), edges)
    widths = [width for width, _ in sizes]
    chains, segments, levels = _with_points(edges, layers, widths)
    rows = _rows(levels)
    above, below = _neighbours(len(levels), segments)
    rows = _fewer_crossings(rows, levels, above, below)
    pulls = _pulls(segments, len(sizes), above, below)
    x = _positions(rows, pulls, above, below, widths, gap[0])
    y = _heights(rows, sizes, gap[1])
    left = min((x[n] - widths[n] / 2 for n in range(len(widths))), default=0.0)
    right = max((x[n] + widths[n] / 2 for n in range(len(widths))), default=0.0)
    centres = [(x[node] - left, y[levels[node]]) for node in range(len(levels))]
    routes = {edge: [centres[point] for point in chain] for edge, chain in chains.items()}
    bottom = max((y[levels[n]] + sizes[n][1] / 2 for n in range(len(sizes))), default=0.0)
    return Layout(centres[: len(sizes)], routes, layers, right - left, bottom)


def _longest_paths(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each node; a node with at most one operand stands just above its first use.

    Moving such a node down makes no edge longer in all, and keeps together what is used
    together: an input with its user, the backward sweep below the forward one.
    """
    layers, arriving = [0] * count, [0] * count
    consumers: list[list[int]] = [[] for _ in range(count)]
    for start, end in sorted(edges, key=lambda edge: edge[1]):
        layers[end] = max(layers[end], layers[start] + 1)
        consumers[start].append(end)
        arriving[end] += 1
    for node in reversed(range(count)):
        if arriving[node] <= 1 and consumers[node]:
            layers[node] = min(layers[end] for end in consumers[node]) - 1
    top = min(layers, default=0)
    return [layer - top for layer in layers]


def _with_points(
    edges: Sequence[tuple[int, int]], layers: Sequence[int], widths: list[float]
) -> tuple[dict[tuple[int, int], list[int]], list[tuple[int, int]], list[int]]:
    """Each edge as a chain with one point in every layer it passes (``widths`` grows too)."""
    levels = list(layers)
    chains: dict[tuple[int, int], list[int]] = {}
    segments: list[tuple[int, int]] = []
    for start, end in edges:
        chain = [start]
        for level in range(layers[start] + 1, layers[end]):
            chain.append(len(levels))
            levels.append(level)
            widths.append(POINT_WIDTH)
        chain.append(end)
        chains[start, end] = chain
        segments += itertools.pairwise(chain)
    return chains, segments, levels


def _rows(levels: Sequence[int]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max(levels, default=-1) + 1)]
    for node, level in enumerate(levels):
        rows[level].append(node)
    return rows


def _neighbours(
    count: int, segments: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for start, end in segments:
        above[end].append(start)
        below[start].append(end)
    return above, below


def _fewer_crossings(
    rows: list[list[int]],
    levels: Sequence[int],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
) -> list[list[int]]:
    place = [0.0] * len(levels)
    best, fewest = [list(row) for row in rows], None
    for sweep in range(SWEEPS):
        for row in rows:
            for position, node in enumerate(row):
                place[node] = position
        crossings = sum(_crossings(row, below, place) for row in rows)
        if fewest is None or crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
        if crossings == 0:
            break
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=_barycentre(near, place))
            for position, node in enumerate(row):
                place[node] = position
    return best


def _barycentre(near: Sequence[Sequence[int]], place: Sequence[float]) -> Callable[[int], float]:
    def key(node: int) -> float:
        around = near[node]
        return sum(place[n] for n in around) / len(around) if around else place[node]

    return key


def _crossings(row: Sequence[int], below: Sequence[Sequence[int]], place: Sequence[float]) -> int:
    """Crossings between a layer and the next: inversions of the lower ends."""
    seen: list[float] = []
    count = 0
    for node in row:
        ends = sorted(place[end] for end in below[node])
        count += sum(len(seen) - bisect_left(seen, end + 0.5) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _pulls(
    segments: Sequence[tuple[int, int]],
    boxes: int,
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
) -> dict[tuple[int, int], float]:
    """How strongly the ends of a segment want to be in line.

    Long edges should be straight (Gansner et al. 1993, *A technique for drawing directed
    graphs*, weigh them 8, 2 and 1), and an input used once follows its user, not the reverse.
    """
    pulls: dict[tuple[int, int], float] = {}
    for start, end in segments:
        weight = (1.0, 2.0, 8.0)[(start >= boxes) + (end >= boxes)]
        if not above[start] and len(below[start]) == 1:
            weight = FEEBLE
        pulls[start, end] = pulls[end, start] = weight
    return pulls


def _positions(
    rows: Sequence[Sequence[int]],
    pulls: dict[tuple[int, int], float],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
    widths: Sequence[float],
    gap: float,
) -> list[float]:
    """Horizontal centres: packed first, then moved towards the neighbours in turn."""
    x = [0.0] * len(widths)
    for row in rows:
        total = sum(widths[node] + gap for node in row)
        edge = -total / 2
        for node in row:
            x[node] = edge + (widths[node] + gap) / 2
            edge += widths[node] + gap
    for sweep in range(SETTLING):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = [_wish(node, x, pulls, above, below, sweep) for node in row]
            for node, place in zip(row, _spaced(row, wishes, widths, gap), strict=True):
                x[node] = place
    return x


def _wish(
    node: int,
    x: Sequence[float],
    pulls: dict[tuple[int, int], float],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
    sweep: int,
) -> tuple[float, float]:
    """Where a node's neighbours would have it, and how strongly."""
    near = above[node] if sweep % 2 == 0 else below[node]
    if sweep >= SWEEPS:  # after a first rough order every neighbour counts
        near = [*above[node], *below[node]]
    total = sum(pulls[node, n] for n in near)
    if not near:
        return x[node], FEEBLE
    return sum(pulls[node, n] * x[n] for n in near) / total, total


def _spaced(
    row: Sequence[int],
    wishes: Sequence[tuple[float, float]],
    widths: Sequence[float],
    gap: float,
) -> list[float]:
    """The places nearest to the wished ones (weighted least squares) that keep order and distance.

    Subtracting the running widths turns the distances into an order constraint, which pooling
    adjacent violators solves (isotonic regression; Ayer et al. 1955).
    """
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + (widths[left] + widths[right]) / 2 + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for (place, weight), offset in zip(wishes, offsets, strict=True):
        mean, count = place - offset, 1
        while pools and pools[-1][0] > mean:
            other, heavy, others = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + others
        pools.append((mean, weight, count))
    level = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(level, offsets, strict=True)]


def _heights(
    rows: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]], gap: float
) -> list[float]:
    heights, top = [], 0.0
    for row in rows:
        tallest = max((sizes[node][1] for node in row if node < len(sizes)), default=0.0)
        heights.append(top + tallest / 2)
        top += tallest + gap
    return heights
