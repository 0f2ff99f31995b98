"""Data sets: the built-in ones, splitting and scaling; files are in ``test_data_files.py``."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from diffkit.errors import DtypeError, InputError, ShapeError, UnsupportedError
from diffkit.nets.datasets import (
    ALL_DATASETS,
    Dataset,
    digits,
    iris,
    load,
    spirals,
    standardise,
    train_test_split,
    two_moons,
    xor,
)

# Built-in data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_DATASETS)
def test_built_in_data_are_sound(name: str) -> None:
    data = load(name)
    assert data.x.dtype == np.float64
    assert data.y.dtype.kind == ("i" if data.classes else "f")
    assert len(data) == len(data.x) == len(data.y)
    assert np.array_equal(np.unique(data.y), np.arange(len(data.classes))) or not data.classes
    assert np.all(np.isfinite(data.x))
    assert data.source


def test_digits_and_iris_are_the_real_ones() -> None:
    assert digits().x.shape == (1797, 64)
    assert (digits().x.min(), digits().x.max()) == (0.0, 1.0)
    assert np.bincount(digits().y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert iris().x.shape == (150, 4)
    assert iris().x[0].tolist() == [5.1, 3.5, 1.4, 0.2]


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast-cancer", "diabetes"])
def test_without_scikit_learn_the_error_says_how_to_get_it(monkeypatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UnsupportedError, match=r"diffkit\[gallery\]"):
        load(name)


@pytest.mark.parametrize("make", [two_moons, spirals, xor])
def test_drawn_data_come_from_the_seed(make) -> None:
    first, again, other = (make(40, noise=0.1, seed=s) for s in (3, 3, 4))
    assert np.array_equal(first.x, again.x)
    assert np.array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)
    assert np.bincount(first.y).tolist() == [20, 20]


def test_xor_is_not_linear() -> None:
    """No straight line gets more than three of the four corners right."""
    data = xor()
    rng = np.random.default_rng(0)
    lines = rng.normal(size=(2000, 3))
    sides = (data.x @ lines[:, :2].T + lines[:, 2]) > 0
    assert np.max(np.mean(sides == data.y[:, None], axis=0)) == 0.75


def test_moons_lie_on_their_circles() -> None:
    data = two_moons(50, noise=0.0)
    upper, lower = data.x[data.y == 0], data.x[data.y == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1.0)
    np.testing.assert_allclose(np.hypot(lower[:, 0] - 1, lower[:, 1] - 0.5), 1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: two_moons(1),
        lambda: two_moons(2.5),  # type: ignore[arg-type]
        lambda: two_moons(10, noise=-1.0),
        lambda: two_moons(10, seed=-1),
        lambda: spirals(10, classes=1),
        lambda: xor(3),
        lambda: load("mnist"),
    ],
)
def test_bad_requests(call) -> None:
    with pytest.raises(InputError):
        call()


def test_a_data_set_checks_itself() -> None:
    x, y = np.zeros((2, 3)), np.array([0, 1])
    with pytest.raises(ShapeError):
        Dataset("bad", x, y[:1], ("a", "b"), "")
    with pytest.raises(InputError, match=r"label 1 \(example 1\) is out of range"):
        Dataset("bad", x, y, ("a",), "")
    with pytest.raises(DtypeError):
        Dataset("bad", x, y * 1.0, ("a", "b"), "")
    with pytest.raises(InputError, match="nan at row 0, column 0"):
        Dataset("bad", x * np.nan, y, ("a", "b"), "")
    with pytest.raises(InputError, match="no examples"):
        Dataset("bad", x[:0], y[:0], (), "")
    assert repr(Dataset("plain", x, y * 1.5, (), "")) == "Dataset(plain: 2 × 3, regression)"


# Splitting and scaling --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 42])
@pytest.mark.parametrize("share", [0.2, 0.33])
@pytest.mark.parametrize("stratified", [True, False])
def test_the_split_is_scikit_learns(seed: int, share: float, stratified: bool) -> None:
    theirs = pytest.importorskip("sklearn.model_selection").train_test_split
    for data in (iris(), digits(), spirals(101, classes=3)):
        options = {
            "test_size": share,
            "random_state": seed,
            "stratify": data.y if stratified else None,
        }
        expected = theirs(data.x, data.y, **options)
        for mine, other in zip(train_test_split(data.x, data.y, **options), expected, strict=True):
            assert np.array_equal(mine, other)


def test_the_fixed_split_keeps_the_classes_shares() -> None:
    x_train, x_test, y_train, y_test = digits().split()
    assert (len(x_train), len(x_test)) == (1437, 360)
    assert np.abs(np.bincount(y_test) / 360 - np.bincount(y_train) / 1437).max() < 0.005


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x, y: train_test_split(x, y[:-1]), ShapeError),
        (lambda x, y: train_test_split(x, y, test_size=1.5), InputError),
        (lambda x, y: train_test_split(x, y, test_size=0), InputError),
        (lambda x, y: train_test_split(x[:1], y[:1]), InputError),
        (lambda x, y: train_test_split(x, y, random_state=-1), InputError),
        (lambda x, y: train_test_split(x, y, stratify=np.arange(10)), InputError),
        (lambda x, y: train_test_split(x, y, stratify=y, test_size=0.1), InputError),
        (lambda x, y: train_test_split(x, y, stratify=x), ShapeError),
    ],
)
def test_bad_splits(call, error) -> None:
    with pytest.raises(error, match="train_test_split"):
        call(np.ones((10, 2)), np.arange(10) % 2)


def test_standardise_uses_the_training_part_only() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(3, 2, (50, 3)), rng.normal(5, 1, (20, 3))
    scaled, scaled_test, scaling = standardise(train, test)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(scaled.std(axis=0), 1)
    assert np.array_equal(scaled_test, (test - train.mean(axis=0)) / train.std(axis=0))
    assert np.array_equal(scaling(test), scaled_test)
    with pytest.raises(InputError, match="nan at row 0"):
        standardise(train * np.nan)
    with pytest.raises(InputError, match="no examples"):
        standardise(train[:0])
