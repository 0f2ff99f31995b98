"""Drawn data, shapes with masks and boxes, summaries, scaling and balance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.datasets import (
    ALL_DATASETS,
    Dataset,
    Scaling,
    balanced,
    circles,
    class_weights,
    load,
    polynomial,
    shapes,
    sine,
    standardise,
    steps,
    wine,
)

# Curves and rings ---------------------------------------------------------------------------------


def test_curves_without_noise_are_their_formulas() -> None:
    for data, formula in (
        (sine(50, noise=0.0), lambda x: np.sin(np.pi * x)),
        (sine(50, waves=2.5, noise=0.0), lambda x: np.sin(2.5 * np.pi * x)),
        (steps(50, levels=2, noise=0.0), lambda x: np.where(x < 0, -1.0, 1.0)),
        (polynomial(50, noise=0.0), lambda x: x**3 - x / 2),
        (polynomial(50, [1, 2, 3], noise=0.0), lambda x: 1 + 2 * x + 3 * x**2),
    ):
        x = data.x[:, 0]
        assert np.all(np.diff(x) >= 0) and abs(x).max() <= 1
        np.testing.assert_allclose(data.y, formula(x), atol=1e-15)


def test_noise_has_the_size_that_was_asked_for() -> None:
    data = sine(4000, noise=0.3)
    assert abs(np.std(data.y - np.sin(np.pi * data.x[:, 0])) - 0.3) < 0.01


def test_rings_lie_on_their_circles() -> None:
    data = circles(60, factor=0.3, noise=0.0)
    np.testing.assert_allclose(np.hypot(*data.x.T), np.where(data.y == 0, 1.0, 0.3))
    assert data.counts.tolist() == [30, 30]


@pytest.mark.parametrize("make", [circles, sine, steps, polynomial, shapes])
def test_the_same_seed_draws_the_same(make: Any) -> None:
    first, again, other = (make(30, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.x, again.x) and np.array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)


def test_short_names_and_paths() -> None:
    assert load("moons").name == "two_moons"
    assert load("breast_cancer").name == load("cancer").name == "breast_cancer"
    with pytest.raises(InputError, match="no data set 'mnist'"):
        load("mnist")
    assert {"wine", "diabetes", "shapes", "circles", "sine"} <= set(ALL_DATASETS)


# Shapes -------------------------------------------------------------------------------------------


def test_masks_boxes_and_labels_agree() -> None:
    data = shapes(90, noise=0.0)
    assert np.bincount(data.labels).tolist() == [30, 30, 30]
    for image, mask, box, label in zip(data.x, data.y, data.boxes, data.labels, strict=True):
        assert set(np.unique(mask).tolist()) == {0, label + 1}
        rows, columns = np.nonzero(mask)
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.array_equal(box * 16, edges)
        assert image[..., 0][mask > 0].min() > image[..., 0][mask == 0].max()


def test_shapes_look_as_they_are_called() -> None:
    """A square fills its box, a disc π/4 of it, a triangle half (with the pixels' edges)."""
    data = shapes(600, size=64)
    width, height = ((data.boxes[:, i + 2] - data.boxes[:, i]) * 64 for i in (0, 1))
    filled = (data.y > 0).sum(axis=(1, 2)) / (width * height)
    shares = [filled[data.labels == kind].mean() for kind in range(3)]
    np.testing.assert_allclose(shares, [np.pi / 4, 1.0, 0.5], atol=0.03)


@pytest.mark.parametrize("size", [8, 16, 33])
def test_every_image_has_its_shape(size: int) -> None:
    data = shapes(500, size=size, seed=7)
    assert data.x.shape == (500, size, size, 1)
    assert np.all((data.y > 0).any(axis=(1, 2)))
    assert np.all(data.boxes[:, 2:] > data.boxes[:, :2])


def test_shapes_as_three_tasks() -> None:
    data = shapes(30)
    found, kinds = data.detection(), data.classification()
    assert np.array_equal(found.y[:, :4], data.boxes)
    assert np.array_equal(found.y[:, 4], data.labels)
    assert kinds.counts.tolist() == [10, 10, 10]
    x_train, x_test, y_train, y_test = data.split()
    assert y_train.shape == (24, 16, 16) and len(x_test) == len(y_test) == 6
    assert [int((y_test == k).any(axis=(1, 2)).sum()) for k in (1, 2, 3)] == [2, 2, 2]
    assert len(x_train) == 24


# Summaries ----------------------------------------------------------------------------------------


def test_a_summary_counts_classes_and_looks_at_features() -> None:
    x = np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    found = Dataset("three", x, np.array([0, 1, 1]), ("no", "yes"), "made up").summary()
    assert (found.examples, found.features, found.constant) == (3, 2, 1)
    assert found.counts == {"no": 1, "yes": 2}
    assert repr(found).splitlines() == [
        "three: 3 examples of 2 features, made up",
        "  features from 0 to 5, deviations 1.63 to 1.63, 1 constant",
        "  class no     1   33.3%  ████████████",
        "  class yes    2   66.7%  ████████████████████████",
    ]


def test_summaries_of_regressions_masks_and_many_classes() -> None:
    assert "targets from 25 to 346" in repr(load("diabetes").summary())
    assert sum(shapes(10).summary().counts.values()) == 10 * 16 * 16
    names = tuple(f"c{i}" for i in range(40))
    many = Dataset("many", np.zeros((40, 1)), np.arange(40), names, "")
    lines = repr(many.summary()).splitlines()
    assert lines[-1] == "  … and 28 more classes" and len(lines) == 15


@pytest.mark.parametrize("name", ALL_DATASETS)
def test_every_summary_prints_within_a_terminal_below_its_title(name: str) -> None:
    lines = repr(load(name).summary()).splitlines()
    assert all(len(line) <= 80 for line in lines[1:])


# Scaling ------------------------------------------------------------------------------------------


def test_columns_that_are_constant_up_to_rounding_are_only_centred() -> None:
    """0.1 added up ten times has a deviation of 1e-17, which must not be divided by."""
    x = np.stack([np.full(10, 0.1), 0.3 + 5e-17 * (np.arange(10) % 2), np.arange(10.0)], axis=1)
    scaled, scaling = standardise(x)
    assert scaling.scale[:2].tolist() == [1.0, 1.0]
    assert not scaled[:, 0].any() and abs(scaled[:, 1]).max() < 1e-15
    np.testing.assert_allclose(scaled[:, 2].std(), 1.0)


def test_scaling_of_real_data_and_back() -> None:
    train, test, _, _ = wine().split()
    scaled, scaled_test, scaling = standardise(train, test)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0)
    np.testing.assert_allclose(scaling.inverse(scaled_test), test, rtol=1e-12)
    assert abs(scaled_test.mean(axis=0)).max() > 1e-3  # the test part is not centred itself


def test_a_scaling_refuses_other_features() -> None:
    scaling = Scaling(np.zeros(3), np.ones(3))
    for x in (np.zeros((2, 4)), np.zeros(1), 1.0):
        with pytest.raises(ShapeError, match="learned from features"):
            scaling(x)
    assert standardise(np.arange(8.0).reshape(2, 2, 2))[0].shape == (2, 2, 2)


# Balance ------------------------------------------------------------------------------------------


def test_class_weights_make_classes_count_alike() -> None:
    y = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(y)
    np.testing.assert_allclose(weights * np.bincount(y), 10 / 3)
    np.testing.assert_allclose(weights[y].mean(), 1.0)
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    theirs = sklearn.compute_class_weight("balanced", classes=np.arange(3), y=y)
    np.testing.assert_allclose(weights, theirs)
    loss = dk.losses.cross_entropy.using(class_weights=class_weights(shapes(30).y))
    assert loss(np.zeros((1, 4)), np.array([3])) == pytest.approx(np.log(4))


def test_balanced_classes_have_one_size() -> None:
    y = np.array([0] * 7 + [1] * 3 + [3] * 2)
    x = np.arange(12)[:, None]
    x_more, y_more = balanced(x, y)
    assert np.bincount(y_more).tolist() == [7, 7, 0, 7]
    assert set(x_more[:, 0].tolist()) == set(range(12))
    times = np.bincount(x_more[:, 0])
    assert set(times[7:10].tolist()) <= {2, 3} and set(times[10:].tolist()) <= {3, 4}
    assert np.array_equal(y[x_more[:, 0]], y_more)
    x_less, y_less = balanced(x, y, to="smallest")
    assert np.bincount(y_less).tolist() == [2, 2, 0, 2] and len(set(x_less[:, 0])) == 6
    assert np.array_equal(balanced(x, y, seed=5)[0], balanced(x, y, seed=5)[0])
    assert not np.array_equal(balanced(x, y, seed=5)[0], balanced(x, y, seed=6)[0])


# Bad input ----------------------------------------------------------------------------------------

X, Y = np.zeros((4, 2)), np.array([0, 1, 1, 0])
RAGGED: Any = [[1.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: circles(factor=1.0), InputError, "inner radius is 1.0"),
        (lambda: circles(1), InputError, "circles: 1 examples"),
        (lambda: sine(waves=0), InputError, "0 waves"),
        (lambda: steps(levels=1), InputError, "1 levels"),
        (lambda: polynomial(coefficients=[]), InputError, "coefficients"),
        (lambda: polynomial(coefficients="x"), InputError, "coefficients"),  # type: ignore[arg-type]
        (lambda: sine(noise=np.nan), InputError, "noise is nan"),
        (lambda: shapes(size=4), InputError, "size is 4"),
        (lambda: shapes(0), InputError, "0 examples"),
        (lambda: class_weights(Y * 0.5), DtypeError, "must be integers"),
        (lambda: class_weights(np.array([0, 2])), InputError, "class 1 has no examples"),
        (lambda: class_weights(Y - 1), InputError, "label -1"),
        (lambda: class_weights(Y, classes=1), InputError, "label 1"),
        (lambda: class_weights(Y, classes=3), InputError, "class 2 has no examples"),
        (lambda: class_weights(Y[:0]), InputError, "no labels"),
        (lambda: balanced(X, Y[:2]), ShapeError, "one integer label per example"),
        (lambda: balanced(X, Y, to="all"), InputError, "to is 'all'"),
        (lambda: balanced(X, Y, seed=-1), InputError, "seed is -1"),
        (lambda: Dataset("odd", RAGGED, Y[:2], (), ""), ShapeError, "ragged"),
        (lambda: Dataset("odd", X.astype(str), Y, (), ""), DtypeError, "not numbers"),
        (lambda: Dataset("odd", X, Y.astype(str), (), ""), DtypeError, "not numbers"),
        (lambda: Dataset("odd", X[:, :, None], np.full((4, 2), 5), ("a",), ""), InputError,
         r"label 5 \(example 0\)"),
    ],
)  # fmt: skip
def test_bad_data_are_refused_in_a_sentence(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
