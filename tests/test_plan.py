"""Plans: values share one workspace, and none is overwritten while it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from strategies import KINKED, SHAPED, SMOOTH, Program, programs

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.liveness import dying_at
from diffkit.engines.plan import ALIGNMENT, Plan, plan_graph
from diffkit.graph.ir import Graph

EVERYTHING = (*SMOOTH, *SHAPED, *KINKED)


def run_in_workspace(graph: Graph, leaves: list[Any]) -> list[Any]:
    """Run a graph with every result stored where its plan says, in one block of bytes.

    The block is filled with ones first, so that reading a place too early or too late shows.
    """
    plan, columns = plan_graph(graph), graph.columns
    memory = np.full(plan.workspace, 0xFF, np.uint8)
    held: dict[int, np.ndarray] = {
        node: np.ascontiguousarray(leaf)
        for node, leaf in zip(graph.input_nodes, leaves, strict=True)
    } | {node: np.ascontiguousarray(value) for node, value in columns.values.items()}

    def read(node: int) -> np.ndarray:
        place, aval = plan.places[node], columns.avals[node]
        root = place.base if place.kind == "view" else node
        owner = held[root].reshape(-1).view(np.uint8) if root in held else memory
        start = place.offset if node not in held else 0
        block = owner[start : start + place.nbytes]
        return block.view(aval.dtype).reshape(aval.shape)

    for row in plan.rows:
        operation = columns.operations[row.node]
        value = operation.primitive.value(*map(read, row.operands), **operation.kwargs)
        if row.place.kind == "view":
            np.testing.assert_array_equal(read(row.node), value)
        else:
            read(row.node)[...] = value
    return [read(node).copy() for node in graph.output_nodes]


def assert_same(graph: Graph, leaves: list[Any], rtol: float = 0.0) -> Plan:
    """The same numbers; matrix products round differently for another memory layout."""
    with np.errstate(all="ignore"):
        found = run_in_workspace(graph, leaves)
    for got, expected in zip(found, run(graph, leaves), strict=True):
        largest = np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * largest)
    plan = plan_graph(graph)
    assert plan.workspace % ALIGNMENT == 0
    return plan


def mlp(params: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    z = hidden @ params["w2"] + params["b2"]
    top = np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z - top), axis=1)) + top[:, 0] - np.sum(z * y, axis=1))


def mlp_case() -> tuple[Graph, list[Any]]:
    rng = np.random.default_rng(0)
    params = {
        "w1": rng.normal(size=(64, 32)), "b1": rng.normal(size=32),
        "w2": rng.normal(size=(32, 10)), "b2": rng.normal(size=10),
    }  # fmt: skip
    x, y = rng.normal(size=(32, 64)), np.eye(10)[rng.integers(0, 10, 32)]
    graph = gradient_graph(dk.trace(mlp, params, x, y))
    return graph, [params["b1"], params["b2"], params["w1"], params["w2"], x, y]


@given(programs(EVERYTHING))
def test_random_graphs_run_in_their_workspace(program: Program) -> None:
    graph = dk.trace(program, *program.inputs)
    assert_same(graph, list(program.inputs), rtol=1e-12)
    if graph.columns.avals[graph.output_nodes[0]].is_float:
        assert_same(gradient_graph(graph), list(program.inputs), rtol=1e-10)


def test_gradient_of_a_net_runs_in_a_fraction_of_its_results() -> None:
    graph, leaves = mlp_case()
    plan = assert_same(graph, leaves, rtol=1e-12)
    # counted by hand on the printed plan: 62,808 bytes are alive when x_bar is there
    assert plan.alive == 62_808
    assert plan.alive <= plan.workspace < 1.15 * plan.alive < 0.4 * plan.without_reuse
    assert plan.inputs == sum(leaf.nbytes for leaf in leaves)


def test_a_long_chain_needs_two_places() -> None:
    def chain(x: Any) -> Any:
        for _ in range(1000):
            x = np.sin(x) @ np.eye(4)
        return x

    plan = plan_graph(dk.trace(chain, np.ones((4, 4))))
    assert plan.without_reuse == 2000 * 128
    assert plan.workspace == 2 * 128


def test_elementwise_chains_run_in_place() -> None:
    graph = dk.trace(lambda x: np.exp(np.sin(np.cos(x))), np.ones(100))
    plan = assert_same(graph, [np.linspace(0, 1, 100)])
    assert [row.place.kind for row in plan.rows] == ["workspace", "in place", "in place"]


def test_views_keep_their_base_alive() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        row = y[1]
        flat = np.reshape(y, -1)
        z = np.cos(x)  # must not take the place of y
        return np.sum(row) + np.sum(flat * np.reshape(z, -1))

    plan = assert_same(dk.trace(f, np.ones((3, 4))), [np.arange(12.0).reshape(3, 4)])
    assert [row.place.kind for row in plan.rows].count("view") == 3


@pytest.mark.parametrize(
    "index",
    [np.s_[1], np.s_[1, 2], np.s_[1:3], np.s_[:, 1], np.s_[::2], np.s_[1, 1:3], np.s_[0:1, 1],
     np.s_[::-1], np.s_[None, 1]],
    ids=str,
)  # fmt: skip
def test_parts_of_an_array(index: Any) -> None:
    graph = dk.trace(lambda x: np.sin(x)[index] * 2.0, np.ones((3, 4)))
    assert_same(graph, [np.arange(12.0).reshape(3, 4)])


def test_an_operand_that_is_read_in_two_shapes_is_not_overwritten() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return y * np.reshape(y, (4, 1))

    assert_same(dk.trace(f, np.ones((1, 4))), [np.arange(4.0).reshape(1, 4)])


def test_a_hundred_thousand_operations_are_planned() -> None:
    def chain(x: Any) -> Any:
        for _ in range(33_333):
            x = 3.0 * x * (1.0 - x)
        return x

    plan = plan_graph(dk.trace(chain, 0.3))
    assert plan.workspace <= 3 * ALIGNMENT
    assert "more rows" in str(plan)


def test_the_listing_names_place_and_line() -> None:
    def f(x: Any) -> Any:
        h = np.sin(x)
        return np.sum(np.reshape(h, -1))

    lines = str(dk.trace(f, np.ones((2, 2))).plan()).splitlines()
    assert lines[0].startswith("h:f64[2,2]")
    assert "= sin x" in lines[0] and "32 B" in lines[0] and "@0" in lines[0]
    assert "test_plan.py" in lines[0] and "view of h" in lines[1]
    assert lines[-1] == (
        "workspace 128 B (40 B without re-use), inputs 32 B, literals 0 B, peak 160 B"
    )


def test_the_sizes_as_a_dictionary() -> None:
    sizes = mlp_case()[0].plan().to_dict()
    assert sizes["schema"] == 1
    assert sizes["peak"] == sizes["inputs"] + sizes["literals"] + sizes["workspace"]


def test_what_reads_a_view_keeps_its_bytes_alive():
    """x, sin x and its view die together, when the view has been read for the last time."""
    graph = dk.trace(lambda x: np.sum(np.exp(np.reshape(np.sin(x), (2, 3)))), np.ones(6))
    x, sine, view, exponential, total = range(5)
    assert dying_at(graph.columns, (x, total)) == {view: [sine], exponential: [view], 4: [3]}
    together = dying_at(graph.columns, (x, total), {view: sine})
    assert together == {exponential: [sine], total: [exponential]}
    assert dying_at(graph.columns, (x, view), {view: sine}) == {4: [3, 4]}
