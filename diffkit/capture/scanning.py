"""Loops of equal steps: ``dk.scan`` writes a loop of any length down as one equation.

    for x in xs:
        carry, y = step(carry, x)

On plain arrays that loop is run.  Inside a traced function the step is captured once, on stand-ins
for carry and x, and becomes the parameter of one ``scan`` equation.  It is captured into the same
arena as the function around it: what depends on the stand-ins is the body, and where the body
reads anything else (weights that the step closes over, an array, something computed from them
alone) the value is made an operand of the loop, and is computed once.  This is closure conversion
(Reynolds 1972, *Definitional interpreters for higher-order programming languages*), with the
graph telling what is free.

The operation and its derivatives are in ``primitives/control.py`` and ``control_rules.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from diffkit.capture.capturing import active_arena
from diffkit.capture.closing import Closed
from diffkit.capture.steps import (
    Step,
    Tree,
    outputs_of_step,
    same_carry,
    stepped,
    title_of,
    tree_of,
)
from diffkit.capture.tracing import Tracer, here, lift
from diffkit.errors import InputError, ShapeError
from diffkit.graph.arena import Arena
from diffkit.primitives.control import CARRY, ROW, Loop

__all__ = ["scan"]


def scan(
    step: Step, carry: Any, xs: Any = None, length: int | None = None, reverse: bool = False
) -> tuple[Any, Any]:
    """Run ``carry, y = step(carry, x)`` over the rows of ``xs``; the last carry and the stacked y.

    In a traced function the whole loop is one equation, however long it is, and its derivatives
    are loops again; reverse mode keeps about 2√T carries of a long loop and not all T.

    Parameters
    ----------
    step
        A function of carry and x that returns the next carry and y.  In a traced function it is
        called once, and may close over traced values.
    carry
        A tree of arrays; shapes and dtypes stay the same from step to step.
    xs
        A tree of arrays, stacked along axis 0; None with ``length``.
    length
        The number of steps, if there is no ``xs``; a traced integer becomes a guard.
    reverse
        Go from the last row to the first (y is still stacked in the order of ``xs``).

    Returns
    -------
    tuple
        The last carry, and y of all steps, stacked along axis 0 (None where y is None).

    Raises
    ------
    InputError, ShapeError, DtypeError
        For no steps, rows of different lengths, or a carry that changes its tree, shape or dtype.
    CaptureError, DataDependentError
        When the step returns something else than arrays, or branches on a traced value.

    Source: ``jax.lax.scan``; checkpoints after Griewank 1992.

    >>> import numpy as np, diffkit as dk
    >>> def logistic(r, n):
    ...     return dk.scan(lambda x, _: (r * x * (1.0 - x), x), 0.5, length=n)[0]
    >>> float(logistic(2.0, 100)), float(dk.grad(logistic)(2.0, 100))
    (0.5, 0.25)
    """
    start, rows = tree_of(carry, "carry"), tree_of(xs, "xs")
    length = _length(rows, length)
    arena = _arena([*start.leaves, *rows.leaves])
    if arena is None:
        return _run(step, start, rows, length, reverse)
    captured = Closed(arena, step, start, rows)
    operands = captured.operands(start, rows)
    if not any(isinstance(operand, Tracer) for operand in operands):
        return _run(step, start, rows, length, reverse)
    loop = Loop([lift(arena, x) for x in operands], captured.wired.body, length, reverse=reverse)
    return start.rebuilt(loop.results(CARRY)), captured.y.rebuilt(loop.results(ROW))


def _length(rows: Tree, length: int | None) -> int:
    """The number of steps.

    Raises
    ------
    InputError, ShapeError
        When nothing gives it, it is not positive, or the arrays disagree.
    """
    for x, name in zip(rows.leaves, rows.names, strict=True):
        if not x.shape:
            raise ShapeError(
                f"scan: {name} is a scalar, so it has no rows to go over",
                where=here(),
                hint="stack the values of all steps along axis 0, or close over a constant.",
            )
    found = [(x.shape[0], name) for x, name in zip(rows.leaves, rows.names, strict=True)]
    if length is not None:
        found.insert(0, (_whole(length), "length"))
    if not found:
        raise InputError(
            "scan: there is no xs, so the number of steps is not known",
            where=here(),
            hint="write length=100.",
        )
    count, first = found[0]
    for other, name in found[1:]:
        if other != count:
            raise ShapeError(
                f"scan: {first} has {count} steps, but {name} has {other}",
                where=here(),
                hint="every array in xs has one row per step.",
            )
    if count < 1:
        raise InputError(
            f"scan: {count} steps cannot be taken", where=here(), hint="take one step or more."
        )
    return count


def _whole(length: Any) -> int:
    """The length as an integer; a traced one is recorded, and the graph is valid for it alone."""
    try:
        return index(length)
    except TypeError:
        raise InputError(
            f"scan: length={length!r:.40} is not a number of steps",
            where=here(),
            hint="give a whole number, such as length=100.",
        ) from None


def _arena(leaves: Sequence[Any]) -> Arena | None:
    """Where the equation goes: with the first traced value, or into the capture under way."""
    traced = next((leaf for leaf in leaves if isinstance(leaf, Tracer)), None)
    return active_arena() if traced is None else traced.arena


# On plain arrays ----------------------------------------------------------------------------------


def _run(step: Step, start: Tree, rows: Tree, length: int, reverse: bool) -> tuple[Any, Any]:
    """The loop itself; arguments are copied, since a step may change its own in place."""
    carry = start.copied().leaves
    outputs: list[Tree] = []
    for row in range(length)[:: -1 if reverse else 1]:
        x = rows.rebuilt([np.array(leaf[row])[()] for leaf in rows.leaves])
        after, y = stepped(step, start.rebuilt(carry), x)
        carry = same_carry(start, after, step)
        outputs.append(outputs_of_step(y, step).copied())
        if outputs[-1].structure != outputs[0].structure:
            raise InputError(
                f"scan: {title_of(step)} returned y with another structure than in the first step",
                where=here(),
                hint="return the same nesting of dicts, lists and tuples in every step.",
            )
    ordered = outputs[:: -1 if reverse else 1]
    stacked = [_stack(cells, step) for cells in zip(*[y.leaves for y in ordered], strict=True)]
    return start.rebuilt(carry), ordered[0].rebuilt(stacked)


def _stack(cells: Sequence[Any], step: Step) -> np.ndarray:
    other = next((x for x in cells if x.shape != cells[0].shape), None)
    if other is not None:
        raise ShapeError(
            f"scan: {title_of(step)} returned y of shape {list(cells[0].shape)} in one step and of "
            f"shape {list(other.shape)} in another",
            where=here(),
            hint="return the same shape in every step.",
        )
    return np.stack(cells)
