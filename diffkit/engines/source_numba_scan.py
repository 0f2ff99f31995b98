"""A loop of equal steps as a ``for`` loop of Numba code, and where a statement stands.

    c = c0.copy()
    rows = np.empty((100, 3))
    for i in range(100):
        c_next, y = step(c, x[i], w)
        c = c_next.copy()
        rows[i] = y

The step is a compiled function of its own.  The results are packed into one vector as Note
[Packed results] in ``primitives/control.py`` says, so the statements after the loop read the
same blocks as in the graph.  Reading on: ``engines/source_numba.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.engines.emitting import Names, constant, dtype_text
from diffkit.graph.avals import Aval, aval
from diffkit.primitives.control import CARRY, ROW, SAVED, SUM, Body, saved_rows

__all__ = ["IN_ORDER", "LETTERS", "VIEW", "Place", "loop_lines", "new_array", "shape_text"]

IN_ORDER = "in order"
"""The layout of an array whose elements surely lie in a row, in C order."""
VIEW = "view"
"""The layout of a part of another array, or of one that is repeated without copies."""

LETTERS = ("i", "j", "k", "l", "m", "n")
"""Names of loop variables, which no other variable has."""


@dataclass(frozen=True)
class Place:
    """Where a statement stands: its target, its operands as text, and the names in use.

    ``layouts`` says how the elements of each operand lie, as far as the compiler knows.
    """

    target: str
    texts: Sequence[str]
    avals: Sequence[Aval]
    out: Aval
    names: Names
    layouts: Sequence[str] = ()

    def letters(self, count: int) -> list[str]:
        """Names of loop variables."""
        more = range(count - len(LETTERS))
        return [*LETTERS, *[self.names.unique(f"index_{k}") for k in more]][:count]

    def in_row(self, text: str, operand: int, *, sure: bool = False) -> str:
        """An operand, or a matrix of it, copied if its elements do not lie in a row.

        With ``sure``, it is also copied if the compiler does not know.
        """
        layout, unsure = self.layouts[operand], sure or self.avals[operand].ndim > 2
        if layout == VIEW or (unsure and layout != IN_ORDER):
            return f"np.ascontiguousarray({text})"
        return text


def new_array(out: Aval, how: str = "zeros") -> str:
    """The call that makes an array.

    >>> new_array(aval((2, 3), "f8")), new_array(aval((2,), "f4"), "empty")
    ('np.zeros((2, 3))', 'np.empty(2, np.float32)')
    """
    dtype = "" if out.dtype == np.float64 else f", {dtype_text(out.dtype)}"
    return f"np.{how}({shape_text(out.shape)}{dtype})"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as it is written in a call: a number for one axis."""
    return str(shape[0]) if len(shape) == 1 else str(shape)


@dataclass
class _Result:
    """One result of a loop: the variable it is in, and the lines before and in the loop."""

    role: str
    name: str
    of: Aval
    before: str = ""
    step: str = ""

    def flat(self) -> str:
        """It as a vector."""
        if self.of.ndim or self.role in (ROW, SAVED):
            return f"{self.name}.ravel()"
        return f"np.full(1, {self.name}, {dtype_text(self.of.dtype)})"


def loop_lines(where: Place, step: str, params: dict[str, Any]) -> list[str]:
    """The statements of a loop whose step is the function of this name."""
    body: Body = params["body"]
    length, reverse = params["length"], params.get("reverse", False)
    output = params.get("output", body.dtypes[0])
    index = where.letters(1)[0]
    carry, rows, constants = body.parted(_fitted(where, body))
    carries = [where.names.unique(f"{where.target}_carry") for _ in carry]
    new = [where.names.unique(f"{where.target}_next") for _ in body.outputs]
    results = _results(where, body, new, carries, index, params)
    results = [result for result in results if result.of.dtype.str == output]
    saves = [result.step for result in results if result.role == SAVED]
    reads = ", ".join([*carries, *[f"{x}[{index}]" for x in rows], *constants])
    inside = [
        *_saving(saves, index, params),
        f"{', '.join(new)} = {step}({reads})",
        *_copies(carries, new, body),
        *[result.step for result in results if result.step and result.role != SAVED],
    ]
    return [
        *_copies(carries, carry, body),
        *[result.before for result in results if result.before],
        f"for {index} in {f'range({length - 1}, -1, -1)' if reverse else f'range({length})'}:",
        *[f"    {line}" for line in inside],
        f"{where.target} = {_packed(results)}",
    ]


def _fitted(where: Place, body: Body) -> list[str]:
    """The operands in the dtypes that the step takes."""
    texts = []
    for text, of, taken in zip(where.texts, where.avals, body.inputs, strict=True):
        dtype = dtype_text(taken.dtype)
        cast = f"{text}.astype({dtype})" if of.ndim else f"{dtype}({text})"
        texts.append(text if of.dtype == taken.dtype else cast)
    return texts


def _copies(names: Sequence[str], values: Sequence[str], body: Body) -> list[str]:
    """Carries are copied, since a step may give back a part of what it was given."""
    return [
        f"{name} = {value}.copy()" if of.ndim else f"{name} = {value}"
        for name, value, of in zip(names, values, body.outputs, strict=False)
    ]


def _saving(saves: Sequence[str], index: str, params: dict[str, Any]) -> list[str]:
    """The carry is saved before every ``every``-th step."""
    every, last = params.get("every", 1), params["length"] - 1
    if every == 1 or not saves:
        return list(saves)
    count = f"({last} - {index})" if params.get("reverse") else index
    return [f"if {count} % {every} == 0:", *[f"    {line}" for line in saves]]


def _results(
    where: Place,
    body: Body,
    new: Sequence[str],
    carries: Sequence[str],
    index: str,
    params: dict[str, Any],
) -> list[_Result]:
    """All results in the order in which they are packed."""
    length = params["length"]
    kept = saved_rows(length, params.get("every", 1))
    carried, sums, rows = body.results(body.outputs)
    _, terms, ys = body.results(new)
    found = [_Result(CARRY, name, of) for name, of in zip(carries, carried, strict=True)]
    for term, of in zip(terms, sums, strict=True):
        name = where.names.unique(f"{where.target}_sum")
        zero = f"{name} = {new_array(of) if of.ndim else constant(of.dtype.type(0))}"
        found.append(_Result(SUM, name, of, zero, f"{name} += {term}"))
    for y, of in zip(ys, rows, strict=True):
        name = where.names.unique(f"{where.target}_rows")
        zeros = f"{name} = {new_array(aval((length, *of.shape), of.dtype))}"
        found.append(_Result(ROW, name, of, zeros, f"{name}[{index}] = {y}"))
    for carry, of in zip(carries, carried, strict=True):
        name = where.names.unique(f"{where.target}_saved")
        zeros = f"{name} = {new_array(aval((kept, *of.shape), of.dtype))}"
        at = _saved_at(index, kept, params)
        found.append(_Result(SAVED, name, of, zeros, f"{name}[{at}] = {carry}"))
    return found


def _saved_at(index: str, kept: int, params: dict[str, Any]) -> str:
    every, last = params.get("every", 1), params["length"] - 1
    if every == 1:
        return index
    if params.get("reverse"):
        return f"{kept - 1} - ({last} - {index}) // {every}"
    return f"{index} // {every}"


def _packed(results: Sequence[_Result]) -> str:
    """All results in one vector."""
    parts = [result.flat() for result in results]
    return parts[0] if len(parts) == 1 else f"np.concatenate(({', '.join(parts)}))"
