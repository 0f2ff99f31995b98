"""What the tests of the machine share: operands in every layout, and comparisons with a bound.

An elementwise operation may differ from NumPy's by ``ULPS`` units in the last place, since NumPy
calls its own vector code.  A sum rounds once per element in whichever order it is added, so its
error is bounded by ε · (elements) · Σ|x| (Higham 1993, *The accuracy of floating point
summation*); a whole graph is held to the bound of ``test_random_graphs.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import capture
from diffkit.comparison.rules_sampling import draw_sample, samples_for
from diffkit.engines.interpret import run, run_all
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import DtypeError, ShapeError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY, Elementwise, Primitive

ULPS = 2
DTYPES = ("f8", "f4", "i8", "i4", "?")
# Wholes, ties, both zeros, subnormals, and numbers that overflow when squared.
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.5, 1e30, -1e-30, 5e-324, 7.0)


def in_dtype(array: Any, dtype: str) -> np.ndarray:
    """An array of numbers in another dtype; truth values stay what they are."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array
    kind = np.dtype(dtype).kind
    if kind == "b":
        return array > 0
    return np.asarray(4 * array if kind == "i" else array).astype(dtype)


def cases(primitive: Primitive, dtype: str) -> Iterator[tuple[Graph, list[np.ndarray]]]:
    """Graphs of this one operation with operands, one for each sample that takes this dtype."""
    for sample in samples_for(primitive):
        drawn = draw_sample(primitive, sample, np.random.default_rng(0))
        leaves = [in_dtype(x, dtype) for x in drawn]
        try:
            graph = capture(lambda *x, s=sample: primitive(*x, **s.params), leaves)
        except (DtypeError, ShapeError):  # no truth values in a difference, no integers in scan
            continue
        yield graph, leaves


def layouts(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers, lying in memory otherwise."""
    wide = np.zeros((*array.shape[:-1], 2 * (array.shape or (1,))[-1]), array.dtype)
    frozen = array.copy()
    frozen.setflags(write=False)
    found = {
        "read-only": frozen,
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
    }
    if array.ndim:
        found["Fortran"] = np.asfortranarray(array)
        wide[..., ::2] = array
        found["every second"] = wide[..., ::2]
        found["backwards"] = np.flip(np.flip(array).copy())
        odd = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype)
        found["unaligned"] = odd.reshape(array.shape)
        found["unaligned"][...] = array
    return found


def assert_same(got: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Shapes, dtypes and bits; any NaN equals any NaN."""
    for x, y in zip(got, wanted, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_array_equal(x, y)
        if x.dtype.kind == "f":
            numbers = ~np.isnan(x)
            np.testing.assert_array_equal(np.signbit(x)[numbers], np.signbit(y)[numbers])


def assert_near(got: Any, wanted: Any, ulps: float) -> None:
    """NaN, infinities and integers are the same, numbers within ``ulps`` last places of each."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(got, wanted)
        return
    finite = np.isfinite(wanted) & np.isfinite(got)
    np.testing.assert_array_equal(got[~finite], wanted[~finite])
    unit = np.spacing(np.abs(wanted[finite]))
    assert np.all(np.abs(got[finite] - wanted[finite]) <= ulps * unit)


def rounding_bound(graph: Graph, leaves: Sequence[Any]) -> float:
    """What rounding may do to a graph: ε · (elements computed) · (largest value)²."""
    state = run_all(graph, leaves)
    numbers = [np.asarray(value, float) for value in state.values()]
    largest = max(float(np.max(np.abs(x[np.isfinite(x)]), initial=1.0)) for x in numbers)
    sizes = sum(graph.columns.avals[node].size for node in graph.equation_nodes())
    floats = {a.dtype for a in graph.columns.avals if a.dtype.kind == "f"}
    return max([float(np.finfo(dtype).eps) for dtype in floats], default=0.0) * sizes * largest**2


def assert_agrees(graph: Graph, leaves: Sequence[Any]) -> list[Any]:
    """Run a graph by machine and interpreter; inputs stay as they are, results nearly agree."""
    before = [np.array(leaf) for leaf in leaves]
    got, wanted = machine_runner(graph)(leaves), run(graph, leaves)
    bound = rounding_bound(graph, leaves)
    for x, y in zip(got, wanted, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_array_equal(np.isfinite(x), np.isfinite(y))
        finite = np.isfinite(y)
        np.testing.assert_array_equal(x[~finite], y[~finite])
        assert float(np.max(np.abs(x[finite] * 1.0 - y[finite]), initial=0.0)) <= bound
    assert_same(leaves, before)
    return got


def elementwise_primitives() -> list[Elementwise]:
    """Every elementwise primitive that is compiled, in the order of the registry."""
    return [
        p
        for p in REGISTRY.values()
        if isinstance(p, Elementwise) and not getattr(p, "in_python", False)
    ]


def all_elementwise(dtype: str) -> tuple[Graph, list[np.ndarray]]:
    """One graph with every elementwise operation of one or two numbers, at special numbers."""
    rows, columns = (np.ravel(x) for x in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(over="ignore", under="ignore"):
        leaves = [rows.astype(dtype), columns.astype(dtype)]

    def everything(a: Any, b: Any) -> Any:
        found = []
        for primitive in elementwise_primitives():
            operands = [a < b if k in primitive.inert else (a, b, a)[k]
                        for k in range(_count(primitive))]  # fmt: skip
            for params in _params(primitive):
                found.append(primitive(*operands, **params))
        return tuple(found)

    return capture(everything, leaves), leaves


def _count(primitive: Elementwise) -> int:
    return len(samples_for(primitive)[0].operands)


def _params(primitive: Elementwise) -> list[dict[str, Any]]:
    return [{"n": n} for n in range(-3, 8)] if primitive.name == "integer_power" else [
        dict(samples_for(primitive)[0].params)
    ]  # fmt: skip
