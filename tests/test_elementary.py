"""The elementary functions of compiled code: accurate, right at the edges, the same everywhere.

Errors are measured against mpmath in units in the last place of the exact result (below the
normal numbers, of the smallest subnormal), on samples with fixed seeds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from llvmlite import binding
from numba import njit, types

import diffkit as dk
from diffkit.engines import elementary
from diffkit.engines import elementary_parts as parts
from diffkit.engines.elementary import FARTHEST, cos_block, is_near, near_cos, near_sin, sin_block
from diffkit.engines.lane_terms import FLAGS
from diffkit.errors import DtypeError

Numbers = np.ndarray

NAMES = ("cos", "erf", "exp", "expm1", "log", "log1p", "logistic", "sin", "softplus", "tanh")
VECTORISED = (*(name for name in NAMES if name not in ("cos", "sin")), "near_cos", "near_sin")
MOST_ULPS = {np.float64: 0.8, np.float32: 0.52}
MOST_ULPS_OF_ERF = 0.9
DTYPES = (np.float64, np.float32)

EXACT: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(mp, name) for name in NAMES if hasattr(mp, name)},
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
}

_LOOPS: dict[Any, Any] = {}


def loop(function: Any) -> Any:
    """A compiled loop around a function of one number."""
    if function not in _LOOPS:

        @njit(**FLAGS)
        def run(x: Any, out: Any) -> None:
            for i in range(x.shape[0]):
                out[i] = function(x[i])

        _LOOPS[function] = run
    return _LOOPS[function]


def over(function: Any, x: Numbers) -> Numbers:
    """The values of a function in a compiled loop."""
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    loop(function)(x, out)
    return out


def ulps(exact: Any, got: Any) -> float:
    """The error of a float64 or float32 in units in the last place of the exact result."""
    info = np.finfo(type(got))
    if not np.isfinite(got):  # right if the exact result rounds to it
        edge = mp.mpf(2) ** info.maxexp * (1 - mp.mpf(2) ** (-info.nmant - 2))
        return 0.0 if abs(exact) >= edge and mp.sign(exact) == np.sign(got) else math.inf
    exponent = mp.frexp(exact)[1] - 1 if exact else info.minexp
    unit = mp.mpf(2) ** (max(exponent, info.minexp) - info.nmant)
    return float(abs(mp.mpf(float(got)) - exact) / unit)


def tiny(rng: Any, count: int) -> Numbers:
    """Numbers of both signs and all sizes below one."""
    return rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(-25, 0, count)


def samples(name: str, dtype: Any, count: int = 700) -> Numbers:
    """Random numbers where a function bends, grows, saturates, underflows or cancels."""
    rng = np.random.default_rng(NAMES.index(name))
    single = dtype is np.float32
    if name in ("log", "log1p"):
        top = 88.0 if single else 709.0
        wide = np.exp(rng.uniform(-top, top, count))
        found = [wide, rng.uniform(0.5, 2.0, count)]
        found += [1 + tiny(rng, count)] if name == "log" else [tiny(rng, count), -rng.random(count)]
        found += [rng.integers(1, 1000, count) * float(np.finfo(dtype).smallest_subnormal)]
    elif name in ("sin", "cos"):
        largest = 1e38 if single else 1e300
        turns = rng.integers(0, 2**29, count) * (math.pi / 2)
        found = [rng.uniform(-10, 10, count), rng.uniform(-FARTHEST, FARTHEST, count), turns,
                 tiny(rng, count), rng.uniform(0, largest, count)]  # fmt: skip
    else:
        low, high = (-104.0, 89.0) if single else (-746.0, 710.0)
        edge = np.linspace(low - 1, low + 40, count)
        found = [rng.uniform(low, high, count), rng.uniform(-2, 2, count), edge, tiny(rng, count),
                 rng.uniform(-40, 40, count), rng.uniform(-0.4, 0.4, count)]  # fmt: skip
    return np.concatenate(found).astype(dtype)


# Accuracy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_errors_stay_below_an_ulp(name: str, dtype: Any) -> None:
    x = samples(name, dtype)
    found = over(getattr(elementary, name), x)
    with mp.workprec(1400):  # sines of 1e300 need a thousand bits
        errors = [ulps(EXACT[name](mp.mpf(float(a))), y) for a, y in zip(x, found, strict=True)]
    worst = int(np.argmax(errors))
    most = MOST_ULPS_OF_ERF if name == "erf" else MOST_ULPS[dtype]
    assert errors[worst] <= most, f"{name}({x[worst]!r}) is off by {errors[worst]} ulp"


def test_the_measure_sees_an_ulp() -> None:
    assert ulps(mp.mpf(1), np.nextafter(1.0, 2.0)) == 1.0
    assert ulps(mp.mpf("0.75"), np.nextafter(0.75, 1.0)) == 1.0
    assert ulps(mp.mpf(0), np.float32(1e-45)) == 1.0
    assert ulps(mp.mpf(10) ** 400, np.float64(np.inf)) == 0.0
    assert ulps(mp.mpf(1), np.float64(np.inf)) == math.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_sines_next_to_multiples_of_half_pi(dtype: Any) -> None:
    with mp.workprec(200):
        turns = np.random.default_rng(3).integers(1, 2**29, 500)
        x = np.array([float(int(k) * mp.pi / 2) for k in turns]).astype(dtype)
        for name in ("sin", "cos"):
            found = over(getattr(elementary, name), x)
            for a, y in zip(x, found, strict=True):
                assert ulps(EXACT[name](mp.mpf(float(a))), y) <= MOST_ULPS[dtype]


def test_constants_in_pieces() -> None:
    with mp.workprec(300):
        high, low = mp.mpf(parts.LN2_HIGH), mp.mpf(parts.LN2_LOW)
        assert abs(high + low - mp.log(2)) < mp.mpf(2) ** -94
        assert abs(sum(map(mp.mpf, parts.ERF_ONE)) - mp.erf(1)) < mp.mpf(2) ** -106
        assert high * 2**41 == mp.floor(mp.log(2) * 2**41)  # 12 of 53 bits are zero
        assert abs(sum(map(mp.mpf, parts.HALF_PI)) - mp.pi / 2) < mp.mpf(2) ** -160
        assert float(1 / mp.log(2)) == parts.LOG2_E and float(2 / mp.pi) == parts.TWO_OVER_PI


# Edges -------------------------------------------------------------------------------------------

INF, NAN, SMALLEST = math.inf, math.nan, 5e-324
# In float64 and float32 alike; −0.0 is told from 0.0.
EDGES: dict[str, list[tuple[float, float]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e3, INF), (-1e3, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e3, INF), (-1e3, -1.0),
              (1e-30, 1e-30), (-1e-30, -1e-30)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (-INF, NAN), (INF, INF)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (-INF, NAN), (INF, INF),
              (1e-30, 1e-30), (-1e-30, -1e-30)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (30.0, 1.0), (-1e30, -1.0),
             (1e-30, 1e-30), (-1e-30, -1e-30)],
    "logistic": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e3, 1.0), (-1e3, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e3, 1e3), (-1e3, 0.0), (1e30, 1e30)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (7.0, 1.0), (-1e30, -1.0)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (1e-30, 1e-30)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (1e-30, 1.0)],
}  # fmt: skip
# The edges of float64 alone: the last results before zero and infinity, and subnormals.
FINE: dict[str, list[tuple[float, float]]] = {
    "exp": [(-745.13, SMALLEST), (-745.14, 0.0), (709.79, INF), (SMALLEST, 1.0)],
    "expm1": [(SMALLEST, SMALLEST), (-SMALLEST, -SMALLEST), (709.79, INF)],
    "log1p": [(SMALLEST, SMALLEST), (-SMALLEST, -SMALLEST)],
    "tanh": [(SMALLEST, SMALLEST), (-3 * SMALLEST, -3 * SMALLEST)],
    "logistic": [(-745.13, SMALLEST), (-745.14, 0.0)],
    "softplus": [(-745.13, SMALLEST), (-745.14, 0.0), (1e308, 1e308)],
    "erf": [(SMALLEST, SMALLEST), (-SMALLEST, -SMALLEST), (5.95, 1.0)],
    "sin": [(SMALLEST, SMALLEST), (-SMALLEST, -SMALLEST)],
}


def same(got: Any, wanted: Any) -> bool:
    """Equal with their signs, or both NaN."""
    return (got == wanted and np.signbit(got) == np.signbit(wanted)) or (got != got != wanted)


@pytest.mark.parametrize("name", NAMES)
def test_a_signalling_nan_becomes_quiet(name: str) -> None:
    signalling = np.array([0x7FF0000000000001], dtype=np.int64).view(np.float64)
    found = over(getattr(elementary, name), signalling)
    assert np.isnan(found[0]) and found.view(np.int64)[0] & (1 << 51)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_edges(name: str, dtype: Any) -> None:
    cases = EDGES[name] + (FINE.get(name, []) if dtype is np.float64 else []) + [(NAN, NAN)]
    x, wanted = np.array(cases).T.astype(dtype)
    found = over(getattr(elementary, name), x)
    wrong = [
        (a, y, z) for a, y, z in zip(x, found, wanted, strict=True)
        if not (same(y, z) or (np.isnan(y) and np.isnan(z)))
    ]  # fmt: skip
    assert not wrong


def test_types_are_kept_and_others_are_refused() -> None:
    for kept in (types.float32, types.float64):
        compiled = njit((kept,), **FLAGS)(lambda x: elementary.exp(x))
        assert compiled.overloads[(kept,)].signature.return_type == kept
    assert elementary.exp(1) == elementary.exp(True) == elementary.exp(1.0)
    for wrong in (1j, "1", np.ones(2)):
        with pytest.raises(DtypeError, match="exp takes a real number"):
            elementary.exp(wrong)


# The same bits everywhere ------------------------------------------------------------------------


def any_bits(dtype: Any, count: int = 4001) -> Numbers:
    """Numbers of all kinds, from random bits and near one."""
    rng = np.random.default_rng(7)
    whole = np.int64 if dtype is np.float64 else np.int32
    info = np.iinfo(whole)
    random = rng.integers(info.min, info.max, count, dtype=whole).view(dtype)
    return np.concatenate([random, rng.normal(0, 3, count).astype(dtype)])


def assert_same_bits(got: Numbers, wanted: Numbers) -> None:
    """All bits are equal, except those in which one NaN differs from another."""
    whole = np.int64 if got.dtype == np.float64 else np.int32
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    number = ~np.isnan(got)
    np.testing.assert_array_equal(got[number].view(whole), wanted[number].view(whole))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_number_alone_in_a_vector_and_in_other_code_gives_the_same_bits(
    name: str, dtype: Any
) -> None:
    function = getattr(elementary, name)
    x = any_bits(dtype)
    alone = np.array([function(a) for a in x], dtype=dtype)
    assert_same_bits(over(function, x), alone)

    @njit(**FLAGS)
    def among_others(x: Any, out: Any) -> None:  # a product and a sum wait to be contracted
        for i in range(x.shape[0]):
            half = x.dtype.type(0.5)
            out[i] = function((x[i] + x[i]) * half) * half + function(x[i]) * half

    out = np.empty_like(x)
    among_others(x, out)
    inside = np.abs(x) < np.finfo(dtype).max / 2  # and x + x is finite
    halves = alone * dtype(0.5)
    assert_same_bits(out[inside], (halves + halves)[inside])


@pytest.mark.parametrize("name", VECTORISED)
def test_the_length_of_a_vector_does_not_matter(name: str) -> None:
    function = getattr(elementary, name)
    x = np.random.default_rng(8).normal(0, 3, 40)
    whole = over(function, x)
    for start, stop in [(0, 1), (0, 3), (1, 8), (2, 19), (5, 40)]:
        assert_same_bits(over(function, x[start:stop]), whole[start:stop])


@pytest.mark.skipif(
    not (binding.get_host_cpu_features().get("fma") or "x86" not in binding.get_process_triple()),
    reason="this processor has no fused multiply-add",
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", VECTORISED)
def test_loops_are_vectorised_and_call_nothing(name: str, dtype: Any) -> None:
    run = loop(getattr(elementary, name))
    over(getattr(elementary, name), np.ones(4, dtype))
    scalar = types.float64 if dtype is np.float64 else types.float32
    (text,) = [t for s, t in run.inspect_llvm().items() if s[0].dtype == scalar]
    start = text.index("define ")
    body = text[start : text.index("\n}", start)]
    assert re.search(r"call <\d+ x double> @llvm\.fma", body)
    called = set(re.findall(r"call [^@\n]*@([\w.\"$]+)", body))
    assert all(function.startswith("llvm.") for function in called), called


# Sine and cosine far out -------------------------------------------------------------------------


def test_far_arguments_are_left_to_the_c_library() -> None:
    x = np.random.default_rng(9).uniform(FARTHEST, 1e300, 300)
    np.testing.assert_array_equal(over(elementary.sin, x), [math.sin(a) for a in x])
    np.testing.assert_array_equal(over(elementary.cos, x), [math.cos(a) for a in x])


@pytest.mark.parametrize(
    "block, one, near",
    [(sin_block, elementary.sin, near_sin), (cos_block, elementary.cos, near_cos)],
)
def test_blocks_near_and_far(block: Any, one: Any, near: Any) -> None:
    x = np.random.default_rng(10).normal(0, 100, 101)
    assert_same_bits(over(near, x), over(one, x))
    for far in (3.0, FARTHEST, -1e200, INF, NAN):
        x[50] = far
        assert is_near(x) == (not abs(far) > FARTHEST)
        wanted = over(one, x)
        out = np.empty_like(x)
        block(x, out)
        assert_same_bits(out, wanted)
        block(x[:], copy := x.copy())
        assert_same_bits(copy, wanted)
        copy = x.copy()
        block(copy, copy)  # in place
        assert_same_bits(copy, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("far", [(), (1e10, np.inf, -2.0 * FARTHEST)], ids=["near", "far"])
def test_the_machines_sines_have_the_bits_of_one_at_a_time(dtype: Any, far: Any) -> None:
    """Blocks of near arguments are vectorised, blocks with a far one are not."""
    x = np.linspace(-30, 30, 3000)
    x[[0, 1, 2, 700]] = -0.0, np.nan, FARTHEST, 1e-300
    x[1500 : 1500 + len(far)] = far
    x = x.astype(dtype)
    graph = dk.trace(lambda x: (np.sin(x), np.cos(x)), x).bind(engine="machine")
    for found, function in zip(graph(x), (elementary.sin, elementary.cos), strict=True):
        assert found.tobytes() == over(function, x).tobytes()
