"""Random numbers from a key and a counter: the published words, the same bits everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, ShapeError
from diffkit.primitives.counting import random_word, threefry

ALL = (1 << 64) - 1
# Key, counter and words of Threefry-2x64-20: the test vectors published with Salmon et al. 2011
PUBLISHED = [
    ((0, 0), (0, 0), (0xC2B6E3A8C2C69865, 0x6F81ED42F350084D)),
    ((ALL, ALL), (ALL, ALL), (0xE02CB7C4D95D277A, 0xD06633D0893B8B68)),
    (
        (0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x243F6A8885A308D3, 0x13198A2E03707344),
        (0x263C7D30BB0F0AF1, 0x56BE8361D3311526),
    ),
]
ENGINES = ("interpret", "machine", "specialise")


@pytest.mark.parametrize(("key", "counter", "words"), PUBLISHED)
def test_the_words_are_the_published_ones(key: Any, counter: Any, words: Any) -> None:
    assert threefry(key, counter) == words
    pairs = [[np.array([word, word], np.uint64) for word in pair] for pair in (key, counter)]
    with np.errstate(over="ignore"):
        found = threefry((pairs[0][0], pairs[0][1]), (pairs[1][0], pairs[1][1]))
    assert [word.tolist() for word in found] == [[word] * 2 for word in words]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_draws_the_same_bits(engine: str) -> None:
    def draws(key: Any) -> Any:
        return dk.random.uniform(key, (3, 4)), dk.random.normal(dk.random.fold_in(key, 5), 6)

    key = dk.random.fold_in(dk.random.key(11), 3)
    found = dk.trace(draws, key).bind(engine=engine)(key)
    for got, wanted in zip(found, draws(key), strict=True):
        assert (
            np.array_equal(got, wanted)
            if engine == "interpret"
            else np.allclose(got, wanted, rtol=1e-14)
        )
    assert np.array_equal(found[0], draws(key)[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_no_word_gives_no_number(engine: str) -> None:
    counters = np.array([-1.0, np.nan, np.inf, 2.0**53, 1.5, 1.0])
    graph = dk.trace(lambda c: random_word(3.0, 4.0, c), counters)
    found = graph.bind(engine=engine)(counters)
    assert np.isnan(found[:4]).all()
    assert found[4] == found[5] == threefry((3, 4), (1, 0))[0] >> 11


def test_one_graph_draws_other_numbers_for_every_key() -> None:
    graph = dk.trace(lambda key: dk.random.uniform(key, 5), dk.random.key(0))
    drawn = np.array([graph(dk.random.fold_in(dk.random.key(0), n)) for n in range(50)])
    assert len(np.unique(drawn)) == drawn.size


def test_the_numbers_are_uniform_and_normal() -> None:
    """Kolmogorov and Smirnov's largest gap, which passes 1.95/√n once in a thousand draws."""
    from scipy.stats import kstest

    n = 100_000
    u, z = dk.random.uniform(dk.random.key(1), n), dk.random.normal(dk.random.key(2), n)
    assert kstest(u, "uniform").statistic < 1.95 / n**0.5
    assert kstest(z, "norm").statistic < 1.95 / n**0.5
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / n**0.5
    assert 0.0 <= u.min() <= u.max() < 1.0
    assert abs(dk.random.bernoulli(dk.random.key(3), 0.2, n).mean() - 0.2) < 4 * 0.4 / n**0.5


def test_keys_differ_from_each_other_and_from_the_numbers() -> None:
    key = dk.random.key(5)
    keys = np.asarray(dk.random.split(key, 1000))
    assert len({tuple(row) for row in keys.tolist()}) == 1000
    assert np.array_equal(keys[7], dk.random.fold_in(key, 7))
    words = random_word(key[0], key[1], np.arange(2000.0))
    assert not set(keys.ravel()) & set(words)


def test_the_derivative_is_that_of_the_bounds() -> None:
    def spread(width: Any, key: Any) -> Any:
        return np.sum(dk.random.uniform(key, 4, 0.0, width) ** 2)

    u = dk.random.uniform(dk.random.key(9), 4)
    for method in ("reverse", "forward", "symbolic", "complex"):
        slope = dk.grad(spread, method=method)(3.0, dk.random.key(9))
        assert np.isclose(slope, 6.0 * np.sum(u**2), rtol=1e-14)
    assert np.all(dk.grad(lambda k: np.sum(dk.random.uniform(k, 3)))(dk.random.key(1)) == 0)


def test_a_formula_keeps_the_drawing() -> None:
    """As a formula it stays one function, and gives the same number from exact integers."""
    graph = dk.trace(lambda k: random_word(k, 2.0, 3.0), 1.0)
    formula = graph.to_sympy()
    (symbol,) = formula.free_symbols
    assert float(formula.subs(symbol, 1)) == threefry((1, 2), (3, 0))[0] >> 11
    assert formula.diff(symbol) == 0


def test_a_large_seed_fills_both_words() -> None:
    assert dk.random.key(2**53 + 5).tolist() == [5.0, 1.0]


@pytest.mark.parametrize("seed", [-1, 1.5, "7", None, 2**106])
def test_seeds_are_checked(seed: Any) -> None:
    with pytest.raises(InputError, match="a seed is a whole number"):
        dk.random.key(seed)


def test_bad_keys_shapes_and_probabilities_are_named() -> None:
    key = dk.random.key(0)
    with pytest.raises(InputError, match=r"uniform: the key has shape \[3\]"):
        dk.random.uniform(np.zeros(3))
    for shape in (-1, 2.5, (2, -3), "4"):
        with pytest.raises(ShapeError, match="is not a shape"):
            dk.random.normal(key, shape)
    with pytest.raises(InputError, match=r"a probability is 1\.5"):
        dk.random.bernoulli(key, 1.5)
    with pytest.raises(InputError, match="split makes"):
        dk.random.split(key, 0)


# In a training -----------------------------------------------------------------------------------


def dropped_out(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
    hidden = np.tanh(x @ params["w"])
    if rng is not None:
        hidden = np.where(dk.random.bernoulli(rng, 0.8, hidden.shape), hidden / 0.8, 0.0)
    return np.mean((hidden @ params["v"] - y) ** 2)


def problem(dtype: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(5, 16)) / 2, "v": rng.normal(size=16) / 3}
    x = rng.normal(size=(90, 5))
    params = {name: array.astype(dtype) for name, array in params.items()}
    return params, (x.astype(dtype), x[:, 0].astype(dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_each_update_has_its_key_and_each_engine_the_same(dtype: Any) -> None:
    params, data = problem(dtype)
    settings: dict[str, Any] = {"batch_size": 32, "epochs": 3, "seed": 5}
    runs = [dk.train(dropped_out, params, data, optimizer=dk.optim.adam(0.01), engine=engine,
                     validation=data, **settings)
            for engine in ("interpret", "machine")]  # fmt: skip
    assert [run.engine for run in runs] == ["interpret", "machine"]
    close = 1e-12 if dtype is np.float64 else 1e-5
    for name in ("loss", "validation_loss"):
        first, second = (run.history[name] for run in runs)
        assert np.allclose(first, second, rtol=close)
    key = dk.random.fold_in(dk.random.key(5), 0)
    batch = [rows[next(runs[0].batches.epoch(0))] for rows in data]
    drawn = dropped_out(params, *batch, rng=key)
    assert np.isclose(runs[0].history["loss"][0], drawn, rtol=close)
    assert not np.isclose(drawn, dropped_out(params, *batch), rtol=1e-3)


def test_other_seeds_draw_other_numbers_from_the_same_programs() -> None:
    params, data = problem(np.float64)
    rows = list(range(90))
    losses = [dk.train(dropped_out, params, data, order=[rows], seed=seed, engine="machine",
                       optimizer=dk.optim.sgd(0.1), epochs=3).history["loss"]
              for seed in (1, 2, 1)]  # fmt: skip
    assert losses[0] == losses[2] != losses[1]


def test_a_key_that_must_be_given_is_refused() -> None:
    def strict(w: Any, x: Any, *, rng: Any) -> Any:
        return np.mean(w * x * dk.random.uniform(rng))

    with pytest.raises(InputError):
        dk.train(strict, 1.0, (np.ones(3),))
