"""What a page asks about numbers: the expression, the methods, the sweeps, the curve.

Every answer is a function of the request's body and nothing else, made of the library's own
answers: ``dk.compare(...).to_dict()``, ``dk.explain(...).to_dict()``.  All of it runs in the one
thread of numbers (``lanes.py``), since the many-digit truth has one precision for the process.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.comparison.explaining import explain as explain_lines
from diffkit.comparison.report import compare as compare_methods
from diffkit.comparison.serial import plain
from diffkit.differentiate.methods import DEFAULT_METHODS
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.errors import DiffkitError, InputError
from diffkit.explorer.expressions import Asked, Own, Typed, asked_of, is_finite
from diffkit.explorer.latex import latex_of

__all__ = ["SYMBOLIC", "compare", "compared", "curve", "explain", "numeric_methods", "parse"]

SYMBOLIC = "symbolic"
TIMING_SECONDS = 3e-4  # of repeated runs per method: a slider waits for it
TRUTH_SECONDS = 2.0  # of many digits; without a truth the methods are answered all the same
MOST_CELLS = 10_000  # points of a curve or a grid
POINTS = {1: 241, 2: 61}  # along each axis, by the number of axes

Body = Mapping[str, Any]


def parse(body: Body, own: Own | None = None) -> dict[str, Any]:
    """The variables of an expression in order, its LaTeX as it was typed, and its operations.

    >>> parse({"text": "x**2/y"})["latex"]
    '\\\\frac{x^{2}}{y}'
    """
    asked = asked_of(body.get("text"), own)
    if isinstance(asked, Typed):
        graph = asked.function
        found = {"operations": graph.operations()["total"], "flops": graph.flops()}
        return {"variables": list(asked.names), "latex": latex_of(asked.title), **found}
    return {"variables": list(asked.names), "latex": None, "operations": None, "flops": None}


def numeric_methods(body: Body) -> list[str]:
    """The methods that are asked for; without a choice all but the symbolic one.

    Raises
    ------
    InputError
        For a method that there is not.
    """
    names = body.get("methods")
    if names is None:
        return [name for name in DEFAULT_METHODS if name != SYMBOLIC]
    known = isinstance(names, list) and names and all(name in DEFAULT_METHODS for name in names)
    if not known:
        raise InputError(
            f"{names!r:.60} is no list of methods", hint=f"there are {', '.join(DEFAULT_METHODS)}."
        )
    return list(dict.fromkeys(names))


def compare(body: Body, own: Own | None = None) -> dict[str, Any]:
    """Every method at a point, as ``dk.compare(...).to_dict()``; derivatives by variable.

    With ``"measure": false``, as a page asks while a slider moves, no times are taken.

    >>> found = compare({"text": "x*x", "at": {"x": 3.0}, "methods": ["reverse"]})
    >>> found["methods"]["reverse"]["derivative"]
    {'x': 6.0}
    """
    return compared(body, own, numeric_methods(body))


def compared(body: Body, own: Own | None, chosen: Sequence[Any]) -> dict[str, Any]:
    """The comparison of these methods: names, or objects with their options."""
    asked = asked_of(body.get("text"), own)
    arguments = asked.arguments(body.get("at"))  # pyright: ignore[reportArgumentType]
    timed = body.get("measure", True)
    if not isinstance(timed, bool):
        raise InputError(f"measure={timed!r:.40} is no truth value", hint="send true or false.")
    found = compare_methods(
        asked.function, *arguments, methods=chosen, title=asked.title,
        timing_seconds=TIMING_SECONDS if timed else 0.0, truth_seconds=TRUTH_SECONDS,
    )  # fmt: skip
    document = _by_name(asked, found)
    return document if timed else _without_times(document)


def _by_name(asked: Asked, found: Any) -> dict[str, Any]:
    """The comparison as plain data, with a number for each variable."""
    document = found.to_dict()
    if isinstance(asked, Typed):
        return document
    for name, report in found.methods.items():
        if report.refused is None:
            document["methods"][name]["derivative"] = _flat(asked.names, report.blocks)
    document["truth"]["derivative"] = _flat(asked.names, found.true_blocks)
    document["at"] = dict(zip(asked.names, _numbers(found), strict=True))
    return document


def _without_times(document: dict[str, Any]) -> dict[str, Any]:
    """The comparison without seconds: those of a single run say nothing."""
    untimed = {"time": None, "time_over_f": None}
    for report in (document, *document["methods"].values()):
        report.update({key: value for key, value in untimed.items() if key in report})
    return document


def _numbers(found: Any) -> list[float]:
    arguments = found.arguments
    return [float(x) for place in arguments.wrt for x in np.ravel(arguments.leaves[place])]


def _flat(names: Sequence[str], blocks: Sequence[Any]) -> dict[str, Any]:
    numbers = [plain(float(x)) for block in blocks for x in np.ravel(block)]
    return dict(zip(names, numbers, strict=True))


def explain(body: Body, own: Own | None = None) -> dict[str, Any]:
    """The three sweeps at a point, as ``dk.explain(...).to_dict()``, with the text itself.

    >>> found = explain({"text": "x*y", "at": {"x": 3.0, "y": 2.0}, "direction": "y"})
    >>> found["gradient"], found["source"]
    ({'x': 2.0, 'y': 3.0}, ['x*y'])
    """
    asked = asked_of(body.get("text"), own)
    arguments = asked.arguments(body.get("at"))  # pyright: ignore[reportArgumentType]
    direction = body.get("direction")
    if direction is not None:
        _check_name(asked, direction)
    found = explain_lines(asked.function, *arguments, direction=direction, title=asked.title)
    document = found.to_dict()
    if isinstance(asked, Typed):
        document["source"] = [asked.title]
    return document


def _check_name(asked: Asked, name: Any) -> str:
    if name not in asked.names:
        raise InputError(
            f"there is no variable {name!r:.40}", hint=f"there are {', '.join(asked.names)}."
        )
    return name


# The curve ------------------------------------------------------------------------------------


def curve(body: Body, own: Own | None = None) -> dict[str, Any]:
    """The function and its slope along a variable, or over two; NaN and infinities are null.

    >>> found = curve({"text": "x*x", "at": {"x": 1.0}, "x": "x", "window": [0, 2], "points": 3})
    >>> found["x"], found["f"], found["slope"]
    ([0.0, 1.0, 2.0], [0.0, 1.0, 4.0], [0.0, 2.0, 4.0])
    """
    asked = asked_of(body.get("text"), own)
    values = asked.values(body.get("at"))
    moved = [_check_name(asked, body[key]) for key in ("x", "y") if body.get(key) is not None]
    if not moved or len(set(moved)) < len(moved):
        raise InputError("a curve needs the variable that moves", hint='send {"x": "x"}.')
    places = [asked.names.index(name) for name in moved]
    axes = _axes(body, len(moved))
    grids = np.meshgrid(*axes, indexing="xy")
    columns = [np.broadcast_to(value, grids[0].size) for value in values]
    for place, grid in zip(places, grids, strict=True):
        columns[place] = grid.reshape(-1)
    if len(moved) == 1:
        f, slope = _along(asked, columns, places)
        return plain({"x": axes[0], "f": f, "slope": slope})
    f = _values(asked, columns).reshape(grids[0].shape)
    here = [np.array([value]) for value in values]
    gradient = [_along(asked, here, [place])[1][0] for place in places]
    return plain({"x": axes[0], "y": axes[1], "f": f, "gradient": gradient})


def _axes(body: Body, count: int) -> list[np.ndarray]:
    """The points along each axis."""
    window = body.get("window")
    rows: Any = [window] if count == 1 and _is_interval(window) else window
    if not (isinstance(rows, list) and len(rows) == count and all(map(_is_interval, rows))):
        raise InputError(
            "the window is no interval for each variable",
            hint='send {"window": [0, 1]}, or [[0, 1], [0, 1]] for two.',
        )
    points = body.get("points", POINTS[count])
    whole = isinstance(points, int) and not isinstance(points, bool)
    if not whole or not 2 <= points**count <= MOST_CELLS or points < 2:
        raise InputError(
            f"points={points!r:.20} is no number of points", hint=f"2 to {MOST_CELLS:,} in all."
        )
    return [np.linspace(float(low), float(high), points) for low, high in rows]


def _is_interval(window: Any) -> bool:
    if not (isinstance(window, list) and len(window) == 2 and all(map(is_finite, window))):
        return False
    return window[0] < window[1] and window[1] - window[0] <= sys.float_info.max


def _values(asked: Asked, columns: Sequence[np.ndarray]) -> np.ndarray:
    """The function at many points."""
    if isinstance(asked, Typed):
        return _over(asked.function, columns)[0]
    return np.array([_own_value(asked, row) for row in zip(*columns, strict=True)])


def _along(
    asked: Asked, columns: Sequence[np.ndarray], places: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The function and its slope by one variable, at many points."""
    if isinstance(asked, Typed):
        key = tuple(places)
        if key not in asked.slopes:
            asked.slopes[key] = gradient_graph(asked.function, list(places))
        f, slope = _over(asked.slopes[key], columns)
        return f, slope
    rows = [_own_slope(asked, row, places[0]) for row in zip(*columns, strict=True)]
    f, slope = np.array(rows).T
    return f, slope


def _over(graph: Any, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of a graph of scalars, with many points as lanes of NumPy's."""
    with np.errstate(all="ignore"):
        outputs = run(graph, list(columns))
    return [np.broadcast_to(np.asarray(y, float), columns[0].shape) for y in outputs]


def _own_value(asked: Any, row: Sequence[float]) -> float:
    """The value by the graph, which is faster; by the function itself where there is none."""
    value = _own_slope(asked, row, 0)[0]
    if not np.isnan(value):
        return value
    arguments = asked.arguments(dict(zip(asked.names, map(float, row), strict=True)))
    try:
        with np.errstate(all="ignore"):
            return float(asked.function(*arguments))
    except (ArithmeticError, ValueError):
        return float("nan")


def _own_slope(asked: Any, row: Sequence[float], place: int) -> tuple[float, float]:
    arguments = asked.arguments(dict(zip(asked.names, map(float, row), strict=True)))
    argnums = tuple(k for k, x in enumerate(arguments) if np.asarray(x).dtype.kind == "f")
    try:
        with np.errstate(all="ignore"):
            f, blocks = asked.value_and_slope(argnums)(*arguments)
    except (DiffkitError, ArithmeticError, ValueError):
        return float("nan"), float("nan")
    return float(f), float(np.concatenate([np.ravel(block) for block in blocks])[place])
