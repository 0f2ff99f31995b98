"""Native calls: the same answers as the general way, memory of their own, nothing kept or lost."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest
from native import LARGE, SMALL, bound_double, quadratic

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.engines.machine import native
from diffkit.engines.machine.loading import kernels
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import DomainWarning, InputError, ShapeError


def test_calls_are_native_where_they_can_be(built_in: None) -> None:
    assert type(bound_double(SMALL)) is types.BuiltinFunctionType
    assert kernels().address["native_call"]


def test_bound_calls_of_specialised_graphs_are_native_too(built_in: None) -> None:
    graph = dk.trace(dk.value_and_grad(lambda x: np.sum(x[1:] * np.tanh(x[:-1]))), SMALL)
    bound = graph.bind(engine="specialise")
    assert type(bound) is types.BuiltinFunctionType
    for x in (SMALL, SMALL[::-1], SMALL.astype(np.float32)):
        for got, wanted in zip(bound(x), graph.bind(engine="machine")(x), strict=True):
            assert np.array_equal(got, wanted)


# Arguments ---------------------------------------------------------------------------------------

PLAIN = np.arange(12.0).reshape(3, 4) / 5.0
UNALIGNED = np.frombuffer(b"\0" + PLAIN.tobytes(), np.float64, offset=1).reshape(3, 4)
READ_ONLY = PLAIN.copy()
READ_ONLY.flags.writeable = False
ARRAYS = {
    "C order": PLAIN,
    "Fortran order": np.asfortranarray(PLAIN),
    "strided": np.repeat(PLAIN, 2, axis=1)[:, ::2],
    "reversed": PLAIN[::-1, ::-1].copy()[::-1, ::-1],
    "unaligned": UNALIGNED,
    "read-only": READ_ONLY,
    "integers": np.arange(12).reshape(3, 4),
    "single": PLAIN.astype(np.float32),
    "other byte order": PLAIN.astype(">f8"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_every_kind_in_turn(name: str) -> None:
    bound = dk.trace(lambda x: np.cumsum(x, axis=1) * x, PLAIN).bind(engine="machine")
    both = dk.value_and_grad(lambda x: np.sum(x**3), engine="machine")
    x = ARRAYS[name]
    before = x.copy()
    for argument in (PLAIN, x, PLAIN, x, x):
        numbers = np.asarray(argument, float)
        assert np.allclose(bound(argument), np.cumsum(numbers, axis=1) * numbers, rtol=1e-12)
        value, slope = both(argument)
        tolerance = 1e-5 if argument.dtype == np.float32 else 1e-12
        assert np.isclose(value, np.sum(numbers**3), rtol=tolerance)
        assert np.allclose(slope, 3 * numbers**2, rtol=tolerance)
        assert slope.dtype == (np.float32 if argument.dtype == np.float32 else np.float64)
    assert np.array_equal(x, before)


NUMBERS = (1.5, np.float64(1.5), np.float32(1.5), np.array(1.5), np.array(1.5, np.float32))


@pytest.mark.parametrize("first", NUMBERS, ids=repr)
def test_numbers_of_every_kind_in_turn(first: Any) -> None:
    bound = dk.trace(lambda x: x * x, first).bind(engine="machine")
    both = dk.value_and_grad(lambda x: x * x, engine="machine")
    dtype = np.asarray(first).dtype
    for number in (first, *NUMBERS, first):
        assert (bound(number), bound(number).dtype) == (2.25, dtype)
        value, slope = both(number)
        assert (value, slope) == (2.25, 3.0)
        expected = dk.value_and_grad(lambda x: x * x, engine="interpret")(number)
        assert [type(part) for part in (value, slope)] == [type(part) for part in expected]
    assert bound(2) == 4.0
    assert both(2) == (4.0, 4.0)


def test_trees_of_arguments_and_results() -> None:
    def f(params: Any, pair: Any) -> Any:
        return np.sum(params["w"] * pair[0]) * params["scale"] + np.sum(params["b"][1] ** 2)

    params = {"w": SMALL, "scale": 2.0, "b": [LARGE, np.float64(3.0)]}
    pair = (SMALL + 1.0, ())
    both = dk.value_and_grad(f, argnums=(0, 1), engine="machine")
    expected, structure = flatten(
        dk.value_and_grad(f, argnums=(0, 1), engine="interpret")(params, pair)
    )
    for _ in range(3):
        found, tree = flatten(both(params, pair))
        assert tree == structure
        for ours, theirs in zip(found, expected, strict=True):
            assert type(ours) is type(theirs)
            assert np.allclose(ours, theirs, rtol=1e-12)
    assert list(both(params, pair)[1][0]) == list(params)  # in the order of the argument
    changed = params | {"b": (LARGE, np.float64(3.0))}
    assert isinstance(both(changed, pair)[1][0]["b"], tuple)
    fewer = {"w": SMALL, "scale": 2.0, "c": params["b"]}
    with pytest.raises(KeyError):
        both(fewer, pair)


def test_other_calls_are_refused_as_ever() -> None:
    bound = dk.trace(lambda x, y: x * np.sum(y), 1.0, SMALL).bind(engine="machine")
    assert np.isclose(bound(2.0, SMALL), 2.0 * np.sum(SMALL), rtol=1e-14)
    with pytest.raises(ShapeError):
        bound(2.0, LARGE)
    with pytest.raises(InputError):
        bound(2.0)
    with pytest.raises(InputError):
        bound(2.0, SMALL, z=1.0)
    text = dk.parse("x*y").bind(engine="machine")
    assert text(2.0, 3.0) == text(y=3.0, x=2.0) == text(2.0, y=3.0) == 6.0
    assert text(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist() == [3.0, 8.0]


def test_empty_arrays_and_no_arguments() -> None:
    empty = np.zeros((0, 3))
    total, doubled = bound_double(empty)(empty)
    assert total == 0.0
    assert doubled[0].shape == (0, 3)
    assert dk.trace(lambda: np.ones(3) * 2.0).bind(engine="machine")().tolist() == [2.0] * 3


def test_results_of_every_dtype() -> None:
    def f(x: Any, k: Any) -> Any:
        return {"less": x < 1.0, "one": x[0] > 0.0, "half": x.astype(np.float32), "k": k + k[0]}

    k = np.arange(5)
    bound = dk.trace(f, LARGE[0], k).bind(engine="machine")
    for shift in range(3):
        found, wanted = bound(LARGE[shift], k), f(LARGE[shift], k)
        assert list(found) == list(wanted)
        for name, part in wanted.items():
            assert found[name].dtype == part.dtype
            assert np.array_equal(found[name], part)


# Results -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [SMALL, LARGE], ids=["copied", "viewed"])
def test_results_are_the_callers_own(x: np.ndarray) -> None:
    bound = bound_double(x)
    held = [bound(x + k)[1][0] for k in range(6)]
    for k, result in enumerate(held):
        assert np.array_equal(result, 2.0 * (x + k))
        assert result.flags.writeable
        assert result.flags.c_contiguous
        assert result.flags.aligned
    for k, result in enumerate(held):
        result[...] = k
    again = [bound(x)[1][0] for _ in range(3)]
    assert all(np.all(result == k) for k, result in enumerate(held))
    assert not any(np.shares_memory(a, b) for a in held + again[:2] for b in (x, again[2]))


def test_parts_of_a_result_keep_its_memory() -> None:
    bound = bound_double(LARGE)
    rows = [bound(LARGE + k)[1][0][3:5] for k in range(4)]
    looks = [memoryview(bound(LARGE - k)[1][0]) for k in range(4)]
    for k in range(4):
        assert np.array_equal(rows[k], 2.0 * (LARGE + k)[3:5])
        assert np.array_equal(looks[k], 2.0 * (LARGE - k))


def test_an_argument_may_be_an_earlier_result() -> None:
    bound = dk.trace(lambda v: v[::-1] + 1.0, LARGE).bind(engine="machine")
    found = bound(LARGE)
    for _ in range(5):
        previous, found = found.copy(), bound(found)
        assert np.array_equal(found, previous[::-1] + 1.0)


def test_memory_of_results_is_used_again(built_in: None) -> None:
    bound = bound_double(LARGE)
    places = set()
    for _ in range(20):
        result = bound(LARGE)[1][0]
        places.add(result.ctypes.data)
    assert len(places) <= 3


def test_nan_and_infinity() -> None:
    both = dk.value_and_grad(lambda x: np.sum(np.log(x)), engine="machine")
    ones = np.ones(3)
    assert both(ones)[1].tolist() == [1.0] * 3
    for _ in range(2):
        with pytest.warns(DomainWarning, match="NaN"):
            assert np.isnan(both(-ones)[0])
    with pytest.warns(DomainWarning, match="NaN"):
        assert np.isnan(both(-ones)[0])
    assert both(ones)[1].tolist() == [1.0] * 3
    bound = dk.trace(np.sqrt, SMALL).bind(engine="machine")
    assert np.isnan(bound(-np.abs(SMALL))).all()


def test_indices_out_of_range_are_refused() -> None:
    bound = dk.trace(lambda x, i: x[i], SMALL, np.array([0, 1])).bind(engine="machine")
    assert np.array_equal(bound(SMALL, np.array([2, -1])), SMALL[[2, -1]])
    with pytest.raises(InputError, match="out of bounds"):
        bound(SMALL, np.array([0, 99]))


# What a function depends on ----------------------------------------------------------------------

factor = 3.0


def scaled(x: Any) -> Any:
    return np.sum(x * factor)


def test_a_changed_global_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    both = dk.value_and_grad(scaled, engine="machine")
    for value in (3.0, 5.0, 3.0, 7.0):
        monkeypatch.setattr(sys.modules[__name__], "factor", value)
        for _ in range(2):
            assert both(SMALL)[1][0] == value
    monkeypatch.delattr(sys.modules[__name__], "factor")
    with pytest.raises(NameError):
        both(SMALL)


def test_changed_cells_defaults_code_and_contents_are_seen() -> None:
    weight, weights = 2.0, np.array([1.0, 2.0])

    def f(x: Any, power: Any = 2) -> Any:
        return np.sum(weight * x**power * weights[0])

    both = dk.value_and_grad(f, engine="machine")
    one = np.ones(3)
    assert [both(one)[0] for _ in range(3)] == [6.0] * 3
    weight = 4.0
    assert [both(one)[0] for _ in range(3)] == [12.0] * 3
    weights[0] = 10.0
    assert [both(one)[0] for _ in range(3)] == [120.0] * 3
    f.__defaults__ = (3,)
    assert [both(one)[1][0] for _ in range(3)] == [120.0] * 3
    f.__code__ = (lambda x, power=1: np.sum(x * weight * weights[0] * 0.0 + x)).__code__
    assert [both(one)[0] for _ in range(3)] == [3.0] * 3


def test_an_exception_of_a_comparison_comes_through(built_in: None) -> None:
    graph = dk.trace(quadratic, SMALL)
    call = native.NativeCall(machine_runner(graph), [0], [[(np.ndarray, SMALL.shape, SMALL.dtype)]])
    answers: list[Any] = [True, False, 1]

    def unchanged() -> Any:
        return answers.pop(0)

    call.watch(unchanged)
    function = call.function(0)
    assert np.isclose(function(SMALL), quadratic(SMALL), rtol=1e-14)
    assert function(SMALL) is None
    assert function(SMALL) is None  # only True counts
    with pytest.raises(IndexError, match="empty list"):
        function(SMALL)


def test_what_a_function_in_a_tuple_depends_on_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (lambda x: x * factor, 2.0)
    both = dk.value_and_grad(lambda x: np.sum(parts[0](x)) * parts[1], engine="machine")
    for value in (3.0, 5.0):
        monkeypatch.setattr(sys.modules[__name__], "factor", value)
        assert [both(SMALL)[1][0] for _ in range(3)] == [2.0 * value] * 3


def test_what_a_part_of_a_net_depends_on_is_seen() -> None:
    slope = 1.0
    net = dk.nets.mlp([2, 3, 1])
    loss = net.with_loss(lambda y, target: slope * np.sum(y - target))
    both, params = dk.value_and_grad(loss, engine="machine"), net.init(0)
    x, target = np.ones((4, 2)), np.zeros((4, 1))
    first = [both(params, x, target)[0] for _ in range(3)]
    slope = 2.0
    assert [both(params, x, target)[0] for _ in range(3)] == [2.0 * value for value in first]
