"""Long rows run in parts: the same bits on one thread and on many, and nothing is left behind."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.engines.machine.nested import nested_in
from diffkit.engines.machine.program import program_of
from diffkit.engines.machine.threads import blas_words, most_threads, set_threads, threads
from diffkit.errors import InputError

RNG = np.random.default_rng(5)
LONG = RNG.normal(size=120_001)
LEFT, RIGHT = RNG.normal(size=(413, 401)), RNG.normal(size=(401, 397))
SINGLE = LONG.astype(np.float32)


def wave(x: Any) -> Any:
    return np.sum(np.exp(np.sin(x)) * np.tanh(x) / (1 + x[::-1] ** 2))


def product(a: Any, b: Any) -> Any:
    return np.sum(np.tanh(a @ b / 20) + (b.T @ a.T).T)


def stacked(a: Any, b: Any) -> Any:
    many = np.stack([a, a + 1.0]), np.stack([b, 2 * b])
    return np.sum(many[0] @ many[1]) + np.sum(a @ b)


def recurrent(a: Any, b: Any) -> Any:
    def step(h: Any, _: Any) -> tuple[Any, Any]:
        h = np.tanh(h @ (a @ b @ b.T @ a.T) / 5000)
        return h, np.sum(h)

    _, sums = dk.scan(step, a.T / 20, None, length=3)
    return np.sum(sums)


CASES = [(wave, (LONG,)), (wave, (SINGLE,)), (product, (LEFT, RIGHT)), (stacked, (LEFT, RIGHT)),
         (recurrent, (LEFT, RIGHT))]  # fmt: skip


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = threads()
    yield
    set_threads(before)


def gradient(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], list[np.ndarray]]:
    both = dk.value_and_grad(function, tuple(range(len(args))), engine="machine")

    def call() -> list[np.ndarray]:
        value, bars = both(*args)
        return [np.asarray(value), *bars]

    return call


def parts_of(function: Callable[..., Any], args: tuple[Any, ...]) -> int:
    return most_parts(program_of(dk.trace(function, *args)).rows)


def most_parts(rows: Any) -> int:
    found = [row.items[3] for row in rows if getattr(row, "items", [""])[0] == "parallel"]
    return max([0, *found, *(most_parts(inner.rows) for row in rows for inner in nested_in(row))])


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("function, args", CASES)
def test_the_bits_do_not_depend_on_the_number_of_threads(function: Any, args: Any) -> None:
    assert parts_of(function, args) >= 2
    call = gradient(function, args)
    set_threads(1)
    alone = call()
    set_threads(most_threads())
    assert same(alone, call())


def test_short_rows_stay_whole() -> None:
    assert parts_of(wave, (LONG[:500],)) == 0
    assert parts_of(product, (LEFT[:20, :20], RIGHT[:20, :20])) == 0


@pytest.mark.parametrize("function, args", CASES[::2])
def test_parts_agree_with_the_interpreter(function: Any, args: Any) -> None:
    found = gradient(function, args)()
    both = dk.value_and_grad(function, tuple(range(len(args))), engine="interpret")
    value, bars = both(*args)
    for got, wanted in zip(found, [value, *bars], strict=True):
        largest = np.max(np.abs(wanted))
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-10 * largest)


def test_threads_of_python_share_the_pool() -> None:
    calls = [gradient(*case) for case in CASES]
    expected = [call() for call in calls]
    wrong: list[int] = []

    def work(place: int) -> None:
        for _ in range(6):
            if not same(calls[place](), expected[place]):
                wrong.append(place)

    workers = [threading.Thread(target=work, args=(k % len(calls),)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_the_threads_of_blas_are_given_back() -> None:
    at = blas_words()
    if not at:
        pytest.skip("the BLAS of NumPy does not tell its threads")
    words = (ctypes.c_int64 * 8).from_address(at)
    count = ctypes.CFUNCTYPE(ctypes.c_int)(words[3])
    before = count()
    gradient(product, (LEFT, RIGHT))()
    assert count() == before
    assert words[1] == 0, "somebody is still counted"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_computes_without_helpers() -> None:
    call = gradient(wave, (LONG,))
    expected = call()
    child = os.fork()
    if child == 0:
        os._exit(0 if same(call(), expected) and threads() == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert same(call(), expected)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_is_a_positive_integer(count: Any) -> None:
    with pytest.raises(InputError, match="no number of threads"):
        set_threads(count)


def test_more_threads_than_cores_are_as_many_as_cores() -> None:
    set_threads(10_000)
    assert threads() == most_threads()
