"""Constants of rules keep their meaning: a truth of many inputs is exact, doubles are as before."""

from __future__ import annotations

import copy
import math
import pickle

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.comparison.rules import load_all_primitives
from diffkit.differentiate.equivalence import equivalence
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.objects import to_objects
from diffkit.engines.precise import Truth, true_derivatives
from diffkit.engines.slopes import MOST_DIGITS
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.graph.irrational import DIGITS, Irrational, converted, meaning_of, number_in, plain
from diffkit.primitives import constants
from diffkit.primitives.constants import LN2

load_all_primitives()

COUNT = 220  # more than differences are taken for
ENGINES = ("interpret", "specialise", "machine")
DOUBLE_LN2 = 0.6931471805599453
CASES = {
    "erf": special.erf,
    "erfc": special.erfc,
    "gelu": lambda x: x * special.ndtr(x),
    "log2": np.log2,
    "log10": np.log10,
    "exp2": np.exp2,
    "exp10": special.exp10,
    "erfi": special.erfi,
    "erfinv": lambda x: special.erfinv(x / 2.0),
    "erfcinv": special.erfcinv,
    "ndtri": lambda x: special.ndtri(x / 2.0),
    "erfcx": special.erfcx,
    "log_ndtr": special.log_ndtr,
    "sindg": special.sindg,
    "cosdg": special.cosdg,
    "fresnel": lambda x: special.fresnel(x)[0],
    "rgamma": lambda x: special.rgamma(x - 1.0),
    "ellipk": lambda x: special.ellipk(x / 2.0),
    "ellipe": lambda x: special.ellipe(x / 2.0),
    "struve": lambda x: special.struve(1.0, x),
}


def points(dtype: type = np.float64) -> np.ndarray:
    return np.linspace(0.3, 1.7, COUNT).astype(dtype)


def truth_of_sum(f, x) -> Truth:
    graph = capture(lambda x: np.sum(f(x)), (x,))
    truth = true_derivatives(graph, [x], [0], gradient=gradient_graph)
    assert "reverse" in truth.how
    return truth


def literals(graph: Graph) -> list[np.ndarray]:
    return list(graph.columns.values.values())


# The truth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_truth_of_many_inputs_is_certified(name: str, dtype: type) -> None:
    truth = truth_of_sum(CASES[name], points(dtype))
    assert truth.certified, truth.how


def test_the_truth_of_loops_is_certified() -> None:
    def written(x):
        for _ in range(9):
            x = np.exp2(-x) + special.erf(x)
        return x

    def scanned(x):
        step = lambda c, t: (np.exp2(-c) + t * np.log2(1.0 + c * c), c)  # noqa: E731
        return dk.scan(step, x, np.linspace(0.0, 1.0, 5))[0]

    for f in (written, scanned):
        assert truth_of_sum(f, points()).certified


def test_the_truth_of_a_slope_in_the_graph_is_exact_too() -> None:
    slope = dk.grad(lambda x: np.sum(np.exp2(x)))
    x = points()
    truth = truth_of_sum(slope, x)
    assert truth.certified
    with mp.workdps(80):
        exact = mp.log(2) ** 2 * mp.mpf(2) ** mp.mpf(float(x[0]))
        assert abs(truth.blocks[0][0][0] - exact) < mp.mpf(10) ** -70


def test_a_literal_of_the_user_stays_the_double_that_it_is() -> None:
    truth = truth_of_sum(lambda x: x * DOUBLE_LN2, points())
    assert truth.certified
    assert all(cell == mp.mpf(DOUBLE_LN2) for cell in truth.blocks[0][0].flat)


def test_a_literal_of_the_user_is_not_the_constant_of_a_rule() -> None:
    x = points()
    graph = capture(lambda x: np.sum(x * DOUBLE_LN2 + np.exp2(x)), (x,))
    reverse = gradient_graph(graph, [0])
    found = [value for value in literals(reverse) if value == DOUBLE_LN2]
    assert sorted(meaning_of(value) is LN2 for value in found) == [False, True]
    assert true_derivatives(graph, [x], [0], gradient=gradient_graph).certified


# Doubles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_are_those_of_plain_constants(engine: str, dtype: type) -> None:
    x = points(dtype)
    ln2, log2_e = dtype(DOUBLE_LN2), dtype(1.4426950408889634)
    slope = dk.grad(lambda x: np.sum(np.exp2(x)), method="reverse", engine=engine)(x)
    value, multiply = capture(np.exp2, (x,)), capture(lambda y: y * ln2, (x,))
    assert slope.dtype == dtype
    assert np.array_equal(slope, multiply.call(value.call(x, engine=engine), engine=engine))
    slope = dk.grad(lambda x: np.sum(np.log2(x)), method="reverse", engine=engine)(x)
    assert np.array_equal(slope, log2_e / x) and slope.dtype == dtype


@pytest.mark.parametrize("sweep", [gradient_graph, pushforward_graph])
def test_both_sweeps_keep_the_dtype_and_the_meaning(sweep) -> None:
    for f in (np.exp2, np.log2, special.erf):
        graph = sweep(capture(lambda x, f=f: np.sum(f(x)), (points(np.float32),)), [0]).check()
        meant = [value for value in literals(graph) if meaning_of(value) is not None]
        assert len(meant) == 1 and meant[0].dtype == np.float32


def test_symbolic_and_reverse_graphs_are_still_equal() -> None:
    assert equivalence(dk.trace(lambda x: np.sum(np.exp2(x)), np.ones(2))).identical


def test_a_graph_prints_the_double() -> None:
    assert "0.693147" in str(gradient_graph(dk.trace(np.exp2, 1.5), [0]))


# The constants -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", constants.__all__)
def test_a_constant_is_next_to_its_number(name: str) -> None:
    constant = getattr(constants, name)
    with mp.workdps(DIGITS):
        assert 0 < abs(constant.exact - float(constant)) < math.ulp(constant)
        assert abs(constant._compute() - constant.exact) < mp.mpf(10) ** -MOST_DIGITS


def test_names_tell_constants_apart() -> None:
    found = [getattr(constants, name) for name in constants.__all__]
    assert len({constant.name for constant in found}) == len({*found}) == len(found)


def test_there_are_more_digits_than_the_truth_asks_for() -> None:
    assert DIGITS > MOST_DIGITS
    with mp.workdps(20):  # whoever asks first does not decide how many there are
        fresh = Irrational(math.pi, "π", lambda: mp.pi)
        exact = fresh.exact
    with mp.workdps(MOST_DIGITS):
        assert abs(exact - mp.pi) < mp.mpf(10) ** (1 - MOST_DIGITS)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_literal_with_a_meaning_is_a_plain_number_to_numpy(dtype: type) -> None:
    number = LN2.in_dtype(dtype)
    assert repr(number) == repr(dtype(LN2)) and hash(number) == hash(dtype(LN2))
    assert type(number * number) is dtype and (np.ones(2, dtype) * number).dtype == dtype
    assert type(pickle.loads(pickle.dumps(number))) is dtype
    assert meaning_of(copy.deepcopy(number)) is not None
    assert type(plain(number)) is dtype and meaning_of(plain(number)) is None


def test_a_constant_pickles_as_a_float() -> None:
    assert type(pickle.loads(pickle.dumps(LN2))) is float


def test_conversions_keep_a_meaning_where_they_round_alike() -> None:
    double, single = (LN2.in_dtype(dtype) for dtype in (np.float64, np.float32))
    assert meaning_of(converted(double, np.dtype(np.float32))) is LN2
    back = converted(single, np.dtype(np.float64))
    assert meaning_of(back) is None and back == np.float64(np.float32(LN2))
    assert number_in(np.dtype(np.int64), LN2) == 0


def test_sympy_and_arrays_see_the_double() -> None:
    literal = LN2.in_dtype(np.float64)
    assert float(to_objects(literal, "sympy")) == DOUBLE_LN2
    assert to_objects(np.asarray(literal), "mpmath").item() == mp.mpf(DOUBLE_LN2)
    assert to_objects(literal, "mpmath") == LN2.exact


def test_an_arena_and_its_copy_find_the_literal_again() -> None:
    arena = Arena()
    node = arena.literal(LN2.in_dtype(np.float64))
    assert arena.literal(LN2.in_dtype(np.float64)) == node
    assert arena.literal(np.float64(LN2)) != node
    twin = Arena.of(arena.freeze([], [node]))
    assert twin.literal(LN2.in_dtype(np.float64)) == 0 and twin.literal(np.float64(LN2)) == 1
