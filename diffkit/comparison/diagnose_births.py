"""The birth of the first NaN or infinity, in the function or in its reverse sweep.

A NaN in a result has an ancestry: among the operands of the equation that made it one is a NaN
already, and so on back to an equation whose operands are all finite.  There it was born.  What is
not selected (``where``, ``maximum``) has no descendants and is nobody's fault.

Reading on: Demmel et al. 2022, *Proposed consistent exception handling for the BLAS and LAPACK*;
IEEE 754-2019, section 7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from diffkit.comparison.diagnose_finding import Finding, found_at
from diffkit.comparison.diagnose_point import Point
from diffkit.graph.ir import INPUT, LITERAL

__all__ = ["births", "underflow"]

# Operations that are infinite at a point of their own; the others become so by overflow.
POLES = frozenset({"div", "log", "log2", "log10", "log1p", "arctanh", "tan", "xlogy", "power"})
DIVIDED = ("div", "integer_power", "power")
SHRINKING = frozenset({"mul", "div", "prod", "exp", "exp2", "power", "integer_power", "cumprod"})
MOST_BIRTHS = 3


def births(point: Point) -> list[Finding]:
    """Where NaN and infinities that reach the value, or else the gradient, were born."""
    value = point.errors.out
    given = _given(point)
    if given is not None:
        return [given]
    if not _finite(point.state[value]):
        return _births_of(point, [value], "the value")
    bad = [n for n in point.graph.output_nodes[1:] if not _finite(point.state[n])]
    return _births_of(point, bad, "the gradient")


def _given(point: Point) -> Finding | None:
    """A NaN or an infinity among the arguments."""
    for node, name in zip(point.graph.input_nodes, point.graph.input_names, strict=True):
        x = np.asarray(point.state[node])
        if x.dtype.kind == "f" and np.isnan(x).any():
            told = f"the argument {name} holds {int(np.isnan(x).sum())} NaN already"
            return Finding("nan", "wrong", "", "", told)
    return None


def _births_of(point: Point, ends: Iterable[int], what: str) -> list[Finding]:
    born: list[int] = []
    seen: set[int] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node in seen or point.columns.operations[node] in (INPUT, LITERAL):
            continue
        seen.add(node)
        operands = [n for n in point.columns.operands[node] if not _finite(point.state[n])]
        nans = [n for n in operands if np.isnan(np.asarray(point.state[n], float)).any()]
        is_nan = bool(np.isnan(np.asarray(point.state[node], dtype=float)).any())
        if not operands or (is_nan and not nans):
            born.append(node)
        waiting += nans or operands
    born.sort()
    infinite = all(not np.isnan(np.asarray(point.state[n], float)).any() for n in ends)
    return _joined([_told(point, node, what, infinite) for node in born[:MOST_BIRTHS]])


def _joined(born: list[Finding]) -> list[Finding]:
    """Births on one line are one finding, told in their order."""
    lines: dict[str, Finding] = {}
    for new in born:
        old = lines.get(new.line)
        if old is not None:
            first, _, end = old.message.partition("; the ")
            then = new.message.partition("; the ")[0]
            then = "" if then in first else f", then {then}"
            new = replace(old, message=f"{first}{then}; the {end}")
        lines[new.line] = new
    return list(lines.values())


def underflow(point: Point) -> list[Finding]:
    """A value of 0 that is only too small to be written down."""
    truth = point.truth if point.errors.value == 0.0 else None
    if truth is None or not truth.known or truth.value == 0:
        return []
    for node in sorted(point.errors.of_value):
        y = np.asarray(point.state[node])
        if y.dtype.kind != "f" or point.operation(node) not in SHRINKING:
            continue
        operands = [np.asarray(point.state[n]) for n in point.columns.operands[node]]
        if np.any(y == 0) and all(np.all(x != 0) for x in operands):
            told = f"{point.operation(node)} gives 0 for a number that is not 0"
            return [found_at(point, node, "underflow", "careful", told)]
    return []


def _told(point: Point, node: int, what: str, infinite: bool) -> Finding:
    element = _bad_element(point, node)
    result = float(np.asarray(point.state[node], dtype=float).reshape(-1)[element])
    operands = [_number(point, n, node, element) for n in point.columns.operands[node]]
    shown = ", ".join("…" if x is None else f"{x:.6g}" for x in operands)
    kind = _kind(point, node, result, operands)
    sweep = " in the reverse sweep" if point.is_adjoint(node) else ""
    told = f"{point.operation(node)}({shown}) = {result:.6g}{sweep}"
    told += f"; {what} becomes infinite" if infinite else f"; {what} becomes NaN"
    severity = "careful" if infinite and _truly_infinite(point) else "wrong"
    if severity == "careful":
        kind, told = "domain edge", told + ", as its slope truly is"
    lost = 16.0 if severity == "wrong" else 0.0
    return found_at(point, node, kind, severity, told, digits_lost=lost)


def _kind(point: Point, node: int, result: float, operands: list[Any]) -> str:
    if np.isnan(result):
        return "nan"
    name = point.operation(node)
    if name in DIVIDED:
        divisor = operands[-1] if name == "div" else operands[0]
        return "infinity" if divisor == 0 else "overflow"
    return "infinity" if name in POLES else "overflow"


def _truly_infinite(point: Point) -> bool:
    """Whether the gradient is infinite over numbers of any size, too."""
    truth = point.truth
    if truth is None:
        return False
    from diffkit.lazy import mp

    return truth.known and any(mp.isinf(entry) for entry in truth.entries)


def _bad_element(point: Point, node: int) -> int:
    values = np.asarray(point.state[node], dtype=float).reshape(-1)
    nans = np.flatnonzero(np.isnan(values))
    return int(nans[0]) if nans.size else int(np.flatnonzero(~np.isfinite(values))[0])


def _number(point: Point, operand: int, node: int, element: int) -> float | None:
    """The operand's element behind a result's, for what works element by element."""
    x = np.asarray(point.state[operand])
    if x.ndim == 0:
        return float(x)
    shape = np.shape(point.state[node])
    if point.columns.operations[node].primitive.kind == "elementwise":
        return float(np.broadcast_to(x, shape).reshape(-1)[element])
    return None


def _finite(x: Any) -> bool:
    array = np.asarray(x)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
