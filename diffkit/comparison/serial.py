"""A comparison as JSON and as tab-separated text: full precision, stable names.

JSON has no NaN and no infinities: they become ``null``, and the ``note`` beside them says so.
The names are a contract (``"schema": 1``); new ones may come, none goes.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.graph.avals import aval_of

if TYPE_CHECKING:
    from diffkit.comparison.report import Comparison, MethodReport

__all__ = ["SCHEMA", "comparison_dict", "comparison_tsv", "plain"]

SCHEMA = 1
# Larger arguments are given by their shape; derivatives are always complete.
LARGEST_PRINTED_ARGUMENT = 1000

OF_KIND = {"f": float, "c": complex}  # Python has no number for a long double

COLUMNS = (
    "value",
    "derivative",
    "max_ulp",
    "median_ulp",
    "rel_error",
    "abs_error",
    "operations",
    "evaluations",
    "time",
    "time_over_f",
    "compile_time",
    "memory",
)


def plain(tree: Any) -> Any:
    """Arrays as nested lists, NumPy scalars as numbers, NaN and infinities as None.

    >>> plain({"w": np.array([1.0, np.inf]), "n": np.int64(3)})
    {'w': [1.0, None], 'n': 3}
    >>> plain(np.longdouble(3)), plain(np.array([True, False]))
    (3.0, [True, False])
    """
    if isinstance(tree, dict):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [plain(item) for item in tree]
    if isinstance(tree, (np.ndarray, np.generic)):
        kind = tree.dtype.kind
        items = tree.astype(OF_KIND.get(kind, tree.dtype)).tolist()
        written = kind in "biu" or (kind == "f" and np.isfinite(tree).all())
        return items if written else plain(items)
    if isinstance(tree, float):
        return tree if isfinite(tree) else None
    return tree if tree is None or isinstance(tree, (bool, int, str)) else str(tree)


def _has_null(tree: Any) -> bool:
    """Whether a tree holds a number that JSON cannot write."""
    if isinstance(tree, dict):
        return any(_has_null(value) for value in tree.values())
    if isinstance(tree, (list, tuple)):
        return any(_has_null(item) for item in tree)
    if isinstance(tree, (float, np.ndarray, np.floating)):
        array = np.asarray(tree)
        return array.dtype.kind == "f" and not bool(np.all(np.isfinite(array)))
    return False


def _noted(entry: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    nulls = [name for name, value in entry.items() if _has_null(value)]
    if nulls:
        notes = [*notes, f"null stands for NaN or an infinity in {', '.join(nulls)}"]
    found = plain(entry)
    return {**found, "note": "; ".join(notes)} if notes else found


def _entry(report: MethodReport) -> dict[str, Any]:
    if report.refused is not None:
        return {"refused": report.refused}
    errors = report.errors
    entry: dict[str, Any] = {
        "value": report.value,
        "derivative": report.derivative,
        "max_ulp": errors.max_ulp,
        "median_ulp": errors.median_ulp,
        "rel_error": errors.rel_error,
        "abs_error": errors.abs_error,
        "operations": report.operations,
        "evaluations": report.evaluations,
        "time": report.time,
        "time_over_f": report.time_over_f,
        "compile_time": report.compile_time,
        "memory": report.memory,
    }
    if report.formula is not None:
        entry["formula"] = dict(report.formula)
    return _noted(entry, report.notes)


def _point(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(key): _point(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_point(item) for item in tree]
    if isinstance(tree, np.ndarray) and tree.size > LARGEST_PRINTED_ARGUMENT:
        return repr(aval_of(tree))
    return tree


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain numbers, lists and dicts, by the contract of schema 1."""
    truth = comparison.truth
    true_entry = {
        "value": comparison.true_value,
        "derivative": comparison.true_derivative,
        "digits": truth.digits,
        "certified": truth.certified,
        "how": truth.how,
    }
    return {
        "schema": SCHEMA,
        "function": comparison.title,
        "at": plain(_point(comparison.arguments.at)),
        "operations": comparison.f_operations,
        "time": comparison.f_time,
        "truth": _noted(true_entry, truth.notes),
        "methods": {name: _entry(report) for name, report in comparison.methods.items()},
        "interrupted": comparison.interrupted,
    }


def _cell(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=True)
    return "" if value is None else str(value)


def comparison_tsv(comparison: Comparison) -> str:
    """One line per method, tab-separated; arrays are JSON in their cell."""
    found = comparison_dict(comparison)
    lines = ["\t".join(["method", *COLUMNS, "note", "refused"])]
    truth = found["truth"]
    known = [_cell(truth.get(name)) for name in COLUMNS]
    lines.append("\t".join(["truth", *known, _one_line(truth.get("note")), ""]))
    for name, entry in found["methods"].items():
        cells = [_cell(entry.get(column)) for column in COLUMNS]
        tail = [_one_line(entry.get("note")), _one_line(entry.get("refused"))]
        lines.append("\t".join([name, *cells, *tail]))
    return "\n".join(lines)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
