"""The listing of a program: kernels, operations, places, bytes and the user's lines."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from planted import Planter, SumOfSquares, plant  # noqa: F401  (a fixture)
from refusals import refusal

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import EngineError
from diffkit.graph.ir import Graph


def listed(graph: Graph) -> list[str]:
    """The lines with their columns one blank apart, without the user's lines."""
    lines = str(graph.plan(engine="machine")).splitlines()
    return [" ".join(line.partition("#")[0].split()) for line in lines]


def wave(x: Any) -> Any:
    return np.sin(x) * x


def test_a_tape_lists_its_operations() -> None:
    graph = dk.trace(wave, np.ones(500))
    lines = listed(graph)
    assert lines[0].startswith("0 tape 500 lanes of f64, ")
    assert lines[1] == "v0 = sin x"
    assert any(line.startswith("out+0 = ") for line in lines[2:])
    assert "test_machine_listing.py:" in str(graph.plan(engine="machine")).splitlines()[0]


def test_a_product_lists_places_and_shapes() -> None:
    lines = listed(dk.trace(lambda a, b: np.sin(a @ b), np.ones((2, 3)), np.ones((3, 4))))
    assert "a:f64[2,3] b:f64[3,4] @0:f64[2,4]" in lines[0]
    assert "out+0 = sin @0" in lines


def test_a_loop_over_numbers_lists_its_cells() -> None:
    def orbit(r: Any) -> Any:
        return dk.scan(lambda x, _: (r * x * (1.0 - x), x), 0.25, length=9)[1]

    lines = [re.sub("@[0-9,]+", "@", line) for line in listed(dk.trace(orbit, 2.5))]
    assert lines[0].startswith("0 scan 9 steps over 6 cells")
    assert lines[1:8] == [
        "c0 = 0.25", "c1 = r", "c3 = 1.0", "@ = c0, +8 B a step", "c2 = mul c1 c0",
        "c4 = sub c3 c0", "c5 = mul c2 c4",
    ]  # fmt: skip


def test_a_loop_over_arrays_lists_its_rows_inside() -> None:
    def net(w: Any, xs: Any) -> Any:
        return dk.scan(lambda h, x: (np.tanh(h @ w + x), None), np.zeros(3), xs)[0]

    graph = dk.trace(net, np.ones((3, 3)), np.ones((5, 3)))
    text = str(graph.plan(engine="machine"))
    assert "scan  5 steps of step" in text and "from xs on, +24 B a step" in text
    inside = [line for line in text.splitlines() if line.startswith("       0  ")]
    assert len(inside) == 1 and "w:f64[3,3]" in inside[0]
    assert "test_machine_listing.py" in inside[0]


def test_rows_of_python_are_named(plant: Planter) -> None:  # noqa: F811
    squares = plant(SumOfSquares)
    graph = dk.trace(lambda x: squares(x) + 1.0, np.ones(4))
    assert listed(graph)[0].startswith("0 python @0:f64 = SumOfSquares x:f64[4]")
    assert graph.plan(engine="machine").to_dict()["python"] == 1


def test_long_runs_of_numbers_are_one_row() -> None:
    def chain(x: Any) -> Any:
        y = x[0]
        for k in range(150):
            y = np.sin(y) * x[k % 3]
        return y

    lines = listed(dk.trace(chain, np.ones(3)))
    assert lines[0].startswith("0 scalars 300 operations")
    assert any(line.startswith("…") for line in lines)
    assert "sin x" in lines[1] and lines[2].endswith(" x")


def test_bytes_are_those_of_the_program() -> None:
    graph = gradient_graph(dk.trace(lambda x: np.sum(wave(x)), np.ones(500)))
    listing, program = graph.plan(engine="machine"), machine_runner(graph).program
    sizes = listing.to_dict()
    assert (sizes["workspace"], sizes["outputs"]) == (program.workspace, program.outputs)
    assert sizes["inputs"] == 4000 and sizes["code"] == program.words.nbytes
    parts = ("workspace", "outputs", "inputs", "literals", "code")
    assert listing.peak == sizes["peak"] == sum(sizes[name] for name in parts)
    assert f"peak {listing.peak:,} B" in str(listing).splitlines()[-1]


def test_other_engines_have_no_rows() -> None:
    graph = dk.trace(wave, 1.0)
    refusal(EngineError, lambda: graph.plan(engine="interpret"), "has no rows", "machine")


@pytest.mark.parametrize("dtype", ("f8", "f4"))
def test_every_example_of_the_registry_prints(dtype: str) -> None:
    from machine_cases import cases

    from diffkit.graph.primitive import REGISTRY

    for primitive in list(REGISTRY.values()):
        for graph, _ in cases(primitive, dtype):
            assert "workspace" in str(graph.plan(engine="machine"))
