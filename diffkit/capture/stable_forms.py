"""From stable SymPy functions back to the primitives that they stand for.

The symbolic method writes its formulas with the functions of
``primitives/symbolic_functions.py``; here each becomes the primitive of its name again, so that
a formula keeps the digits that the primitive keeps.  The functions of many arguments
(log-sum-exp, extrema) become one stacked array and one reduction over it; their slopes are
elements of the softmax, or of the shares among ties, of that same array.

Reading on: Blanchard, Higham & Higham 2021, section 3, on e^(x − lse) against the quotient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.capture.stacking import stack_cells
from diffkit.capture.tracing import Tracer
from diffkit.graph.primitive import REGISTRY
from diffkit.primitives import arithmetic as ops
from diffkit.primitives.indexing import getitem
from diffkit.primitives.piecewise import mask, where
from diffkit.primitives.reductions import logsumexp, max_, min_, softmax
from diffkit.primitives.roots import hypot
from diffkit.primitives.shaping import spread
from diffkit.primitives.transcendental import exp

if TYPE_CHECKING:
    from diffkit.capture.from_sympy import SympyReader

__all__ = ["stable_form"]


_NO_STACK: tuple[Any, Any, list[int]] = (None, None, [])


def stable_form(reader: SympyReader, expr: Any) -> Tracer:
    """The tracer of a stable function whose arguments are built."""
    name = type(expr).__name__
    parts = [reader.tracer(part) for part in expr.args]
    builder = _BUILDERS.get(name)
    if builder is not None:
        return builder(reader, *parts)
    operation = getattr(expr, "operation", None) or REGISTRY[name].bare  # special_forms.py
    return operation.primitive(*parts, **operation.kwargs)


def _reduced(reduction: Any) -> Callable[..., Tracer]:
    """A reduction over an array stacked from its arguments, which is remembered."""

    def reduced(reader: SympyReader, *parts: Tracer) -> Tracer:
        stack = stack_cells(reader.arena, list(parts))
        total = reduction(stack, axes=(0,))
        reader.stacks[total.node] = (reduction, stack, [part.node for part in parts])
        return total

    return reduced


def _softmax_weight(reader: SympyReader, x: Tracer, total: Tracer) -> Tracer:
    """The element of the softmax where x stands in the array that was reduced."""
    _, stack, nodes = reader.stacks.get(total.node, _NO_STACK)
    if x.node not in nodes:
        return exp(ops.sub(x, total))
    return getitem(softmax(stack, axes=(0,)), index=(nodes.index(x.node),))


def _tie_share(reader: SympyReader, x: Tracer, extreme: Tracer) -> Tracer:
    """The element of the shares where x stands in the array that was reduced."""
    reduction, stack, nodes = reader.stacks.get(extreme.node, _NO_STACK)
    if x.node not in nodes:
        chosen = where(ops.equal(x, extreme), reader.literal(1.0), reader.literal(0.0))
        return reader.selection(chosen)
    winning, ties = reduction.winners(extreme, stack, (0,))
    shares = mask(winning, spread(1.0 / ties, axes=(0,), sizes=stack.shape))
    return reader.selection(getitem(shares, index=(nodes.index(x.node),)))


def _wins(reader: SympyReader, a: Tracer, b: Tracer) -> Tracer:
    """1, ½ or 0 by comparison, and NaN where one of them is."""
    one, half, zero, nan = map(reader.literal, (1.0, 0.5, 0.0, np.nan))
    uneven = where(ops.less(a, b), zero, where(ops.equal(a, b), half, nan))
    return reader.selection(where(ops.greater(a, b), one, uneven))


def _length(reader: SympyReader, a: Tracer, b: Tracer) -> Tracer:
    """The length, with its operands in one order, so that it is computed once."""
    return hypot(a, b) if a.node <= b.node else hypot(b, a)


def _direction(reader: SympyReader, a: Tracer, b: Tracer) -> Tracer:
    length = _length(reader, a, b)
    return where(ops.not_equal(length, 0.0), ops.div(a, length), reader.literal(0.0))


def _lorentz(reader: SympyReader, x: Tracer) -> Tracer:
    return ops.div(reader.literal(1.0), ops.add(reader.literal(1.0), ops.mul(x, x)))


_BUILDERS: dict[str, Callable[..., Tracer]] = {
    "logsumexp": _reduced(logsumexp),
    "largest": _reduced(max_),
    "smallest": _reduced(min_),
    "softmax_weight": _softmax_weight,
    "tie_share": _tie_share,
    "wins": _wins,
    "hypot": _length,
    "direction": _direction,
    "lorentz": _lorentz,
}
