"""Where folding would lose a selection: ``where(x > 0, log(x), 0)`` cut in two by a loop.

The cotangent of what ``where`` discards is a selected zero, and stays one while it is multiplied,
so that 0·∞ is never formed.  Between two steps of a loop a cotangent is an array like any other:
its zeros are numbers.  So a stretch whose carry or results have such a cotangent stays written
out.  A cotangent is selected if the one equation that reads the value selects, or hands a selected
cotangent on; with two readers it is a sum, and matrix products and sums end the selection too.

Reading on: note "where, maximum, clip select" of ``primitives/piecewise.py``.
"""

from __future__ import annotations

import numpy as np

from diffkit.graph.ir import LITERAL, Operation
from diffkit.graph.periods import Stream
from diffkit.graph.primitive import Elementwise
from diffkit.primitives.domains import reals
from diffkit.primitives.folding_plans import Plan

__all__ = ["MOVEMENT", "Selections"]

# Selections of the user's, and those that are part of an operation: these matter only where some
# partial derivative can be infinite.
_CHOICES = frozenset({"where", "mask"})
_KINKS = frozenset({"maximum", "minimum", "clip", "relu", "abs"})
MOVEMENT = frozenset({"reshape", "transpose", "concatenate", "getitem", "flip", "spread", "cast"})


class Selections:
    """Which values of a stream have a cotangent that is a selected zero."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.columns = stream, stream.graph.columns
        operations = set(self.columns.operations)
        singular = any(
            getattr(operation.primitive, "domain", reals) is not reals for operation in operations
        )
        chosen = _CHOICES | _KINKS if singular else _CHOICES
        self.selecting = chosen & {operation.name for operation in operations}
        self.selected = self._walk() if self.selecting else bytearray(len(stream))

    def allow(self, plan: Plan) -> bool:
        """Whether no cotangent that crosses the bounds of a step is a selected zero."""
        start, period, steps = plan.stretch.start, plan.stretch.period, plan.stretch.steps
        crossing = [(step, q) for q, _ in plan.carries for step in (steps // 2, steps - 1)]
        crossing += [(step, q) for q in plan.results for step in (0, steps // 2)]
        return not any(self.selected[start + step * period + q] for step, q in crossing)

    def _walk(self) -> bytearray:
        """From the last equation to the first: what the one reader of a value hands back to it."""
        stream, count = self.stream, len(self.stream)
        inside = stream.flat >= 0
        readers = np.zeros(count, np.int64)
        readers[stream.flat[inside]] = np.repeat(np.arange(count), stream.counts)[inside]
        reads = np.bincount(stream.flat[inside], minlength=count)
        ends = stream.place[list(stream.graph.output_nodes)]
        reads[ends[ends >= 0]] += 1
        operations = [self.columns.operations[node] for node in stream.nodes.tolist()]
        hands_on = {operation: _hands_on(operation) for operation in set(operations)}
        found = bytearray(count)
        readers = readers.tolist()
        for place in np.flatnonzero(reads == 1)[::-1].tolist():
            reader = readers[place]
            operation = operations[reader]
            if operation.name in self.selecting and not self._is_known(reader):
                found[place] = 1
            elif hands_on[operation]:
                found[place] = found[reader]
        return found

    def _is_known(self, place: int) -> bool:
        """Whether a selection has a constant condition, as ``y[i] = v`` has."""
        condition = self.columns.operands[self.stream.nodes[place]][0]
        return self.columns.operations[condition] is LITERAL


def _hands_on(operation: Operation) -> bool:
    """Whether the pullback of an operation keeps a selected zero selected."""
    return isinstance(operation.primitive, Elementwise) or operation.name in MOVEMENT
