"""Numba code that is printed: it runs as it stands, alone, and gives the numbers of the graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from machine_cases import DTYPES, all_elementwise, cases, rounding_bound
from test_nets import NETS, data_for, randomised

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.capture.trees import flatten
from diffkit.comparison.rules import load_all_primitives
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.source import to_source
from diffkit.engines.source_numba import can_print
from diffkit.errors import EngineError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY

load_all_primitives()

# What Numba has no function for: Fourier transforms, and SciPy's special functions.
FOURIER = ("dft", "half_dft", "half_dft_sum")


def executed(text: str, leaves: Sequence[Any], name: str = "f") -> list[Any]:
    """What the printed function returns; nothing may warn, as of arrays that are copied."""
    assert "diffkit" not in text
    space: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(text, space)
        got = space[name](*[np.asarray(leaf)[()] for leaf in leaves])
    return list(got) if isinstance(got, tuple) else [got]


def assert_prints(graph: Graph, leaves: Sequence[Any]) -> None:
    """The printed code runs, gives the interpreter's numbers to rounding, and changes no input."""
    before = [np.array(leaf) for leaf in leaves]
    got, wanted = executed(graph.to_source(target="numba"), leaves), run(graph, leaves)
    bound = rounding_bound(graph, leaves)
    for x, y in zip(got, wanted, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape
        assert x.dtype == y.dtype or not y.ndim  # Numba gives Python's scalars
        np.testing.assert_allclose(x * 1.0, y * 1.0, rtol=0, atol=bound)
    for leaf, old in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf, old)


def reading(x: Any, k: Any) -> Any:
    """Elements read by indices, and a row of them turned round."""
    return np.sum(x[1, k] * x.T[k, 0]) + x[0, ::-1][1]


def along(x: Any) -> Any:
    """Reductions along an axis that Numba has for whole arrays only."""
    return np.sum(np.argmax(x, axis=0) + x.max(axis=0) * np.logaddexp.reduce(x, axis=0))


def moves(x: Any, k: Any) -> Any:
    """Everything that moves elements, read in every layout."""
    tall = np.concatenate([x.T, np.flip(x.T, 0)[:, ::-1]], axis=0).reshape(4, 3)
    stacked = np.transpose(np.stack([tall, 2 * tall]), (2, 0, 1))
    read = tall[k, 1:] * tall[2, k][:, None] + stacked[k[:, None], k[::-1] // 2, 1][:, :2]
    return np.sum(read[None, :, 1] ** 2) + np.sum(stacked[:, 1:, ::2]) + tall[3, 2]


def reductions(x: Any) -> Any:
    """Reductions along axes, with and without the axis."""
    top, total = x.max(axis=1, keepdims=True), np.logaddexp.reduce(x, axis=0)
    place = np.argmax(x, axis=1)
    running = np.cumsum(x, axis=0) * np.cumprod(x, axis=1) + np.maximum.accumulate(x, axis=0)
    kinks = np.where(x > top - 1, np.sort(x, axis=1), np.clip(x, -1, 0.5))
    return np.sum(kinks * running) + np.sum(total * x.min(axis=0)) + np.sum(place) * np.prod(x[0])


def products(x: Any) -> Any:
    """Products of matrices, of stacks of them, and sums over indices."""
    stack = np.stack([x, x + 1])
    whole = np.array([[1, 2], [3, 4]]) @ np.array([[0, 1], [1, 1]])
    triple = np.einsum("bij,bkj,ik->b", stack, stack, x @ x.T)
    return np.sum(np.tanh(stack @ x.T) @ whole) + np.sum(triple) + np.sum(x.T @ x)


def algebra(a: Any) -> Any:
    """One matrix and its factors."""
    square = a @ a.T + np.eye(3)
    size = np.linalg.slogdet(square)[1] + np.linalg.det(a)
    return size + np.sum(np.linalg.solve(square, a)) + np.sum(np.linalg.cholesky(square))


def loop(w: Any, xs: Any) -> Any:
    """A small recurrent net."""

    def step(h: Any, x: Any) -> Any:
        h = np.tanh(w @ h + x)
        return h, np.sum(h)

    h, ys = dk.scan(step, np.zeros(2), xs)
    return np.sum(ys**2) + np.sum(h)


GRID = np.linspace(-1.3, 1.7, 6).reshape(2, 3) ** 3 + 0.1
PRINTED: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "reading": (reading, [GRID, np.array([1, 0])]),
    "along": (along, [GRID]),
    "moves": (moves, [GRID, np.array([0, 2])]),
    "reductions": (reductions, [GRID]),
    "products": (products, [GRID]),
    "algebra": (algebra, [np.vander([1.0, 1.5, -0.5])]),
    "loop": (loop, [GRID[:, :2] * 0.5, GRID.T.copy()]),
}


SHORT = ("reading", "along", "products", "loop")  # Numba compiles some ten lines a second


@pytest.mark.parametrize("name", SHORT)
def test_printed_numba_gives_the_numbers_of_the_graph(name: str) -> None:
    f, leaves = PRINTED[name]
    assert_prints(capture(f, leaves), leaves)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
def test_a_gradient_in_numba_gives_the_numbers_of_the_graph(name: str) -> None:
    f, leaves = PRINTED[name]
    moving = [place for place, leaf in enumerate(leaves) if leaf.dtype.kind == "f"]
    assert_prints(gradient_graph(capture(f, leaves), moving), leaves)


def net_graph(name: str) -> tuple[Graph, list[Any]]:
    net, loss = NETS[name]
    arguments = (randomised(net), *data_for(net, loss))
    graph = dk.trace(dk.value_and_grad(net.with_loss(loss)), *arguments)
    return graph, flatten(arguments)[0]


def test_a_net_in_numba_gives_the_numbers_of_the_graph() -> None:
    assert_prints(*net_graph("softmax"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETS))
def test_every_net_in_numba_gives_the_numbers_of_the_graph(name: str) -> None:
    assert_prints(*net_graph(name))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in sorted(REGISTRY) if can_print(name)])
def test_every_primitive_in_numba_gives_the_numbers_of_the_graph(name: str, dtype: str) -> None:
    for graph, leaves in cases(REGISTRY[name], dtype):
        assert_prints(graph, leaves)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_special_numbers_in_numba_are_numpys(dtype: str) -> None:
    graph, leaves = all_elementwise(dtype)
    got, wanted = executed(graph.to_source(target="numba"), leaves), run(graph, leaves)
    names = [graph.columns.operations[node].name for node in graph.output_nodes]
    for name, x, y in zip(names, got, wanted, strict=True):
        if name != "floor_divide":  # Numba's ∞ // 2 is ∞, NumPy's is NaN
            np.testing.assert_array_equal(np.isfinite(x), np.isfinite(y), err_msg=name)
            np.testing.assert_array_equal(np.isnan(x), np.isnan(y), err_msg=name)


def test_only_special_functions_and_fourier_transforms_have_no_text() -> None:
    without = [name for name in REGISTRY if not can_print(name)]
    special = [name for name in without if getattr(REGISTRY[name], "in_python", False)]
    assert sorted(set(without) - set(special)) == sorted(FOURIER)


def test_what_numba_does_not_have_is_refused_by_name_and_line() -> None:
    graph = capture(lambda x: np.abs(np.fft.fft(x)), [np.ones(4)])
    with pytest.raises(EngineError, match=r"to_source: dft") as caught:
        to_source(graph, target="numba")
    assert "test_source_numba.py" in str(caught.value) and 'target="numpy"' in str(caught.value)


def test_a_dtype_that_numba_does_not_have_is_refused() -> None:
    graph = capture(lambda x: x * x, [np.ones(2, np.longdouble)])
    with pytest.raises(EngineError, match=f"mul has the dtype {np.dtype(np.longdouble)}"):
        to_source(graph, target="numba")


def test_the_code_reads_as_one_would_write_it() -> None:
    graph = capture(lambda x, w: np.max(np.tanh(x @ w), axis=1), [np.ones((3, 2)), np.ones((2, 2))])
    text = "\n".join(line.partition("  #")[0].rstrip() for line in
                     to_source(graph, target="numba").splitlines())  # fmt: skip
    assert text == (
        "import numpy as np\n"
        "from numba import njit\n"
        "\n\n"
        '@njit(error_model="numpy")\n'
        "def f(x, w):\n"
        "    a = x @ w\n"
        "    b = np.tanh(a)\n"
        "    c = np.empty(3)\n"
        "    for i in range(3):\n"
        "        c[i] = np.max(b[i, :])\n"
        "    return c"
    )


def test_loop_variables_are_no_variables_of_the_user() -> None:
    def f(i: Any, j: Any) -> Any:
        return np.sum(i, axis=1) * j

    assert_prints(capture(f, [GRID, np.array([2.0, 3.0])]), [GRID, np.array([2.0, 3.0])])


def test_numba_code_runs_in_scalars_and_keeps_the_branch_taken() -> None:
    graph = gradient_graph(capture(lambda x, y: x / y if x > 0 else x * y, [2.0, 3.0]))
    text = to_source(graph, "branch", target="numba")
    assert executed(text, [2.0, 4.0], "branch") == run(graph, [np.float64(2.0), np.float64(4.0)])
    with pytest.raises(AssertionError):
        executed(text, [-2.0, 4.0], "branch")


def test_an_array_in_any_layout_is_read() -> None:
    graph = capture(lambda x: (x * 2).reshape(-1)[1:] + x.reshape(-1)[0], [GRID])
    for leaf in (np.asfortranarray(GRID), np.repeat(GRID, 2, axis=1)[:, ::2]):
        assert_prints(graph, [leaf])
