"""How much one evaluation of an operation may round, before anything amplifies it.

A correctly rounded operation errs by at most half an ulp, |fl(v) − v| ≤ u |v|.  Three groups
differ: what only moves or selects numbers is exact, as is a difference of numbers within a factor
of two (Sterbenz 1974); sums and products of matrices err by u times the same sum of absolute
values, however small the result; and solutions of linear equations by u times the condition of
the matrix.

Reading on: Higham 2002, *Accuracy and stability of numerical algorithms*, sections 2.2, 3.1
and 7.1, theorem 2.5 (Sterbenz).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.graph.ir import LITERAL, Columns

__all__ = ["OF_MATRICES", "half_ulps", "unit_roundoff"]

EXACT = frozenset({
    "neg", "abs", "sign", "floor", "ceil", "trunc", "rint", "maximum", "minimum", "relu", "where",
    "mask", "clip", "alias", "fmax", "fmin", "max", "min", "sort", "argmax", "argmin", "cummax",
    "cummin", "remainder", "probe",
})  # fmt: skip
OF_MATRICES = frozenset({
    "solve", "inv", "triangular_solve", "cholesky", "lstsq", "expm", "eigh", "svd", "qr",
})  # fmt: skip


def unit_roundoff(dtype: Any) -> float:
    """u, half the gap of the numbers at 1.

    >>> unit_roundoff(np.float64) == 2.0**-53
    True
    """
    return float(np.finfo(dtype).eps) / 2


def half_ulps(columns: Columns, node: int, state: dict[int, Any]) -> Any:
    """A bound on the rounding error of one equation, elementwise, as a float64 array.

    ``state`` has the value of every node.

    >>> import diffkit as dk
    >>> graph = dk.trace(lambda x: x * 3.0, 1.0)
    >>> float(half_ulps(graph.columns, 2, {0: 1.0, 1: 3.0, 2: 3.0})) / 2.0**-53
    3.0
    """
    operation, aval = columns.operations[node], columns.avals[node]
    y = np.abs(np.asarray(state[node], dtype=np.float64))
    unit = unit_roundoff(aval.dtype)
    if operation.name in EXACT:
        return np.zeros_like(y)
    rule = _RULES.get(operation.name)
    if rule is not None:
        return rule(columns, node, state, unit, y)
    if operation.primitive.kind == "linear":
        return _of_sum(columns, node, state, unit, y)
    if operation.name in OF_MATRICES:
        return unit * _condition(state[columns.operands[node][0]]) * y
    return _held(unit * y, y, aval.dtype)


def _held(error: Any, y: Any, dtype: Any) -> Any:
    """Below the smallest normal number the gap is constant (gradual underflow)."""
    limits = np.finfo(dtype)
    smallest = float(limits.smallest_subnormal)
    return np.where(y < float(limits.tiny), np.maximum(error, smallest), error)


def _of_sum(columns: Columns, node: int, state: dict[int, Any], unit: float, y: Any) -> Any:
    """u times the same linear operation on absolute values; moving data is free."""
    operation = columns.operations[node]
    operands = columns.operands[node]
    avals = [columns.avals[n] for n in operands]
    if operation.primitive.cost(columns.avals[node], avals, operation.kwargs) == 0:
        return np.zeros_like(y)
    sizes = [
        np.abs(np.asarray(state[n])) if avals[k].is_float else state[n]
        for k, n in enumerate(operands)
    ]
    total = np.asarray(operation.primitive.value(*sizes, **operation.kwargs), dtype=np.float64)
    return unit * np.abs(total)


def _of_difference(columns: Columns, node: int, state: dict[int, Any], unit: float, y: Any) -> Any:
    a, b = (np.asarray(state[n], dtype=np.float64) for n in columns.operands[node])
    if columns.operations[node].name == "add":
        b = -b
    near = (np.abs(a) <= 2 * np.abs(b)) & (np.abs(b) <= 2 * np.abs(a)) & (a * b > 0)
    return np.where(near | (a == 0) | (b == 0), 0.0, unit * y)


def _of_product(columns: Columns, node: int, state: dict[int, Any], unit: float, y: Any) -> Any:
    """A factor (or divisor) that is a constant power of two only changes the exponent."""
    operands = columns.operands[node]
    places = (1,) if columns.operations[node].name == "div" else (0, 1)
    for n in (operands[k] for k in places):
        if columns.operations[n] is LITERAL:
            mantissas = np.abs(np.frexp(np.asarray(columns.values[n], dtype=float))[0])
            if np.all((mantissas == 0.5) | (mantissas == 0.0)):
                return np.zeros_like(y)
    if columns.operations[node].name == "mul":
        zero = np.equal(state[operands[0]], 0) | np.equal(state[operands[1]], 0)
        return np.where(zero, 0.0, _held(unit * y, y, columns.avals[node].dtype))
    return _held(unit * y, y, columns.avals[node].dtype)


def _of_cast(columns: Columns, node: int, state: dict[int, Any], unit: float, y: Any) -> Any:
    before = columns.avals[columns.operands[node][0]]
    narrows = before.is_float and unit_roundoff(before.dtype) < unit
    return unit * y if narrows else np.zeros_like(y)


def _of_log_sum(columns: Columns, node: int, state: dict[int, Any], unit: float, y: Any) -> Any:
    """The shift is added to a logarithm: an absolute error of both."""
    return unit * (1.0 + y)


def _of_softmax(columns: Columns, node: int, state: dict[int, Any], unit: float, y: Any) -> Any:
    """e^(x − max) amplifies the rounding of its exponent, as far as that is finite."""
    x = np.asarray(state[columns.operands[node][0]], dtype=np.float64)
    axes = tuple(columns.operations[node].kwargs["axes"])
    distance = np.max(x, axis=axes, keepdims=True) - x
    return np.where(y > 0, unit * y * (1.0 + np.where(np.isfinite(distance), distance, 0.0)), 0.0)


def _condition(matrix: Any) -> Any:
    """The 2-norm condition of a matrix, the largest of a stack of them."""
    try:
        found = float(np.max(np.linalg.cond(np.asarray(matrix, dtype=float)), initial=1.0))
    except np.linalg.LinAlgError:
        return 1.0
    return found if np.isfinite(found) else 1.0 / np.finfo(float).eps


_RULES: dict[str, Callable[..., Any]] = {
    "add": _of_difference, "sub": _of_difference, "mul": _of_product, "div": _of_product,
    "cast": _of_cast, "logsumexp": _of_log_sum, "softmax": _of_softmax,
}  # fmt: skip
