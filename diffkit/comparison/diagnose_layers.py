"""Signals that die or explode: saturated and dead units, and factors through the layers.

A unit is saturated where its slope is less than a millionth of what it can be, and dead where a
rectifier gives 0 for every example of a batch: no gradient passes either.  Through layers the
adjoint is multiplied again and again; the norms of the adjoints of successive layers tell the
factor of each and the product of all.

Reading on: Glorot & Bengio 2010, *Understanding the difficulty of training deep feedforward
neural networks*; Pascanu, Mikolov & Bengio 2013, *On the difficulty of training recurrent neural
networks*; Lu et al. 2020, *Dying ReLU and initialization*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.comparison.diagnose_finding import Finding, found_at
from diffkit.comparison.diagnose_point import Point
from diffkit.comparison.remedy_patterns import matches

__all__ = ["layers"]

FLAT = 1e-6  # of the largest slope: the unit is saturated
MOST_FLAT = 0.5  # part of the units of an equation that may be so
FEWEST_EXAMPLES = 4
FEWEST_LAYERS = 4
LARGEST_PRODUCT = 1e6  # of the factors of all layers
LAYERS = ("matmul", "einsum", "conv2d", "dot")

# Operation → its slope relative to the largest one.
SLOPES: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda x: 1 / np.cosh(np.clip(x, -300, 300)) ** 2,
    "logistic": lambda x: np.exp(-np.abs(x)),
}
# The logistic function as it is written by hand.
BY_HAND = ("1/(1 + exp(-x))", "1/(1 + exp(x))")


def layers(point: Point) -> Iterator[Finding]:
    """Saturated and dead units, and products of factors that vanish or explode."""
    for node in sorted(point.errors.of_value):
        counts = np.asarray(point.counts(node))
        if counts.any() or point.operation(node) in ("relu", "maximum"):
            yield from _saturated(point, node, counts)
            yield from _dead(point, node)
    yield from _through_layers(point)


def _saturated(point: Point, node: int, counts: Any) -> Iterator[Finding]:
    name, x = _squashed(point, node)
    if x is None or not counts.any():
        return
    with np.errstate(all="ignore"):
        slopes = SLOPES[name](np.asarray(x, dtype=float))
    flat = int(np.sum((slopes < FLAT) & counts))
    if flat and flat >= MOST_FLAT * counts.sum():
        smallest = float(np.min(slopes[counts])) if np.ndim(slopes) else float(slopes)
        of = (
            f"{flat:,} of {int(counts.sum()):,} outputs are" if counts.size > 1 else "its output is"
        )
        told = f"{of} at a limit of {name}, where its slope is {smallest:.1e} of the largest"
        yield found_at(point, node, "saturation", "careful", told)


def _squashed(point: Point, node: int) -> tuple[str, Any]:
    """The squashing function of an equation and its argument, hand-written ones too."""
    name = point.operation(node)
    if name in SLOPES:
        return name, point.state[point.columns.operands[node][0]]
    if name == "div":
        for pattern in BY_HAND:
            found = matches(pattern, point.columns, node)
            if found is not None:
                return "logistic", point.state[found["x"]]
    return "", None


def _dead(point: Point, node: int) -> Iterator[Finding]:
    """Rectified units that are 0 for every example (axis 0 counts examples, the last one units)."""
    operands = point.columns.operands[node]
    if point.operation(node) == "maximum":
        literal = [point.columns.values.get(n) for n in operands]
        if not any(value is not None and np.all(np.asarray(value) == 0) for value in literal):
            return
    elif point.operation(node) != "relu":
        return
    y = np.asarray(point.state[node])
    if y.ndim < 2 or y.size // y.shape[-1] < FEWEST_EXAMPLES:
        return
    dead = int(np.sum(np.all(y.reshape(-1, y.shape[-1]) == 0, axis=0)))
    units, examples = y.shape[-1], y.size // y.shape[-1]
    if dead and dead >= MOST_FLAT * units:
        told = f"{dead:,} of {units:,} rectified units are 0 for all {examples:,} examples"
        severity = "wrong" if dead == units else "careful"
        yield found_at(point, node, "dead units", severity, f"{told}: no gradient passes them")


def _through_layers(point: Point) -> Iterator[Finding]:
    chain = _longest_chain(point)
    if len(chain) < FEWEST_LAYERS:
        return
    norms = [_rms(point.bars[node]) for node in chain]
    first, last = norms[0], norms[-1]
    if not (np.isfinite(norms).all() and min(norms) > 0):
        return
    product = first / last
    if 1 / LARGEST_PRODUCT < product < LARGEST_PRODUCT:
        return
    factors = np.array(norms[:-1]) / np.array(norms[1:])
    worst = int(np.argmax(np.abs(np.log(factors))))
    each = product ** (1 / (len(chain) - 1))
    kind = "exploding" if product > 1 else "vanishing"
    told = (
        f"the adjoint is multiplied by {each:.3g} per layer, {product:.2g} through the "
        f"{len(chain) - 1} steps from the last of {len(chain)} layers to the first"
    )
    yield found_at(point, chain[worst], kind, "careful", told)


def _rms(array: Any) -> float:
    x = np.asarray(array, dtype=float)
    return float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0


def _longest_chain(point: Point) -> list[int]:
    """The longest way through equations that multiply by weights, in order."""
    columns = point.columns
    depth: dict[int, tuple[int, int | None]] = {}  # node → layers up to it, and the last of them
    before: dict[int, int | None] = {}
    for node in sorted(point.errors.of_value):
        found = [depth[n] for n in columns.operands[node] if n in depth]
        most, last = max(found, key=lambda pair: pair[0], default=(0, None))
        if columns.operations[node].name in LAYERS and node in point.bars:
            before[node] = last
            most, last = most + 1, node
        depth[node] = most, last
    end = depth.get(point.errors.out, (0, None))[1]
    chain = []
    while end is not None:
        chain.append(end)
        end = before[end]
    return chain[::-1]
