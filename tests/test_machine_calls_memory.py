"""Native calls by several threads, and what becomes of memory and references."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from native import LARGE, SMALL, bound_double, quadratic

import diffkit as dk
from diffkit.engines.machine import call_words, native, native_interface
from diffkit.engines.machine.loading import kernels


@pytest.mark.parametrize("size", [5, 500, 30_000])
def test_threads_share_a_bound_graph(size: int) -> None:
    bound = dk.trace(lambda v: (np.sum(v), np.cumsum(v * v)), np.zeros(size)).bind(engine="machine")
    both = dk.value_and_grad(quadratic, engine="machine")
    failed: list[int] = []
    start = threading.Barrier(4)

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).integers(0, 9, size).astype(float)
        wanted, running, half = x.sum(), np.cumsum(x * x), quadratic(x)
        start.wait()
        for _ in range(150):
            total, sums = bound(x)
            value, slope = both(x)
            right = total == wanted and np.array_equal(sums, running)
            if not (right and value == half and np.array_equal(slope, x)):
                failed.append(seed)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failed


def test_a_busy_call_goes_another_way(built_in: None) -> None:
    bound, both = bound_double(LARGE), dk.value_and_grad(quadratic, engine="machine")
    both(LARGE)
    (remembered,) = (
        c.cell_contents for c in both.__closure__ or () if type(c.cell_contents) is list
    )
    for call in (bound, *remembered):
        call.__self__.flags.writeable = True
        call.__self__[call_words.BUSY] = 1
    for k in range(3):
        assert np.array_equal(bound(LARGE + k)[1][0], 2.0 * (LARGE + k))
        assert np.array_equal(both(LARGE + k)[1], LARGE + k)
    assert len(remembered) == 2  # the second has memory of its own
    assert remembered[0](LARGE)[0] == both(LARGE)[0]
    assert remembered[1](LARGE) is None


@pytest.fixture
def eager_collector() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    yield
    gc.set_threshold(*threshold)


def test_a_finaliser_may_call_the_same_graph(eager_collector: None) -> None:
    bound = bound_double(LARGE)
    inside: list[bool] = []

    class Last:
        def __del__(self) -> None:
            _, doubled = bound(LARGE - 1.0)
            inside.append(bool(np.array_equal(doubled[0], 2.0 * (LARGE - 1.0))))

    for k in range(200):
        cycle: list[Any] = [Last()]
        cycle.append(cycle)
        del cycle
        _, doubled = bound(LARGE + k)
        assert np.array_equal(doubled[0], 2.0 * (LARGE + k))
    assert inside
    assert all(inside)


def test_calls_lose_no_memory_and_no_references() -> None:
    cases: list[tuple[Callable[..., Any], Any]] = [
        (bound_double(SMALL), SMALL),
        (bound_double(LARGE), LARGE),
        (bound_double(LARGE), np.asfortranarray(LARGE)),
        (dk.trace(lambda d: {"a": d["x"] + 1.0, "b": d["x"]}, {"x": 1.0}).bind(), {"x": 2.0}),
        (dk.value_and_grad(quadratic, engine="machine"), SMALL),
        (dk.value_and_grad(quadratic, engine="machine"), np.asfortranarray(LARGE)),
    ]
    watched = [np.dtype(float), np.dtype(np.uint8), SMALL, LARGE, quadratic, np.ndarray, np.float64]
    for function, argument in cases:
        for _ in range(20):
            function(argument)
        gc.collect()
        counts = [sys.getrefcount(each) for each in (*watched, argument)]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3000):
            function(argument)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 3000
        after = [sys.getrefcount(each) for each in (*watched, argument)]
        assert all(abs(a - b) < 10 for a, b in zip(after, counts, strict=True))


def test_a_hundred_thousand_calls_lose_nothing(built_in: None) -> None:
    bound = bound_double(SMALL)
    function = dk.value_and_grad(quadratic, engine="machine")
    function(SMALL)
    none = sys.getrefcount(None)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(100_000):
        bound(SMALL)
        function(SMALL)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000
    assert abs(sys.getrefcount(None) - none) < 1000


def test_a_call_goes_with_its_last_reference(built_in: None) -> None:
    def made() -> tuple[Any, Any]:
        box: list[Any] = []

        def f(x: Any) -> Any:
            return np.sum(x * len(box[:0]) + x)

        both = dk.value_and_grad(f, engine="machine")
        both(SMALL)
        both(SMALL)
        f.__dict__["itself"] = both  # a cycle through the words of the call
        return weakref.ref(f), both

    gone, both = made()
    assert gone() is not None
    del both
    gc.collect()
    assert gone() is None

    bound = bound_double(SMALL)
    words = weakref.ref(bound.__self__)  # type: ignore[attr-defined]
    del bound
    gc.collect()
    assert words() is None


# Without native calls ----------------------------------------------------------------------------


def test_calls_without_native_ones_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = bound_double(LARGE)(LARGE)
    monkeypatch.setattr(native, "interface", lambda run: None)
    bound = bound_double(LARGE)
    assert type(bound) is types.FunctionType
    both = dk.value_and_grad(quadratic, engine="machine")
    for _ in range(3):
        total, doubled = bound(LARGE)
        assert total == first[0]
        assert np.array_equal(doubled[0], first[1][0])
        assert np.array_equal(both(LARGE)[1], LARGE)


def test_an_unknown_python_or_numpy_has_no_native_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    undecorated = native_interface.interface.__wrapped__
    run = kernels().address["run"]
    for name, answer in (
        ("_is_known_python", lambda: False),
        ("_layout", lambda: iter([True, False])),
        ("_numpy_functions", lambda: None),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(native_interface, name, answer)
            assert undecorated(run) is None
    with monkeypatch.context() as patch:
        patch.setattr(native_interface.at, "ARRAY_SHAPE", native_interface.at.ARRAY_SHAPE + 1)
        assert not all(native_interface._layout())
