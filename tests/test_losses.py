"""Losses: their definitions, their stability, and one gradient by every method."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from loss_cases import ALL_CASES, CASES, IDS, LABELS, SCORES, SOFT, VECTOR

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import true_derivatives
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.losses import (
    ALL_LOSSES,
    Loss,
    bce_with_logits,
    cross_entropy,
    hinge,
    huber,
    mae,
    mse,
)

EXACT = 1e-13  # a few roundings
LARGE = 1e4  # logits at which losses must stay stable
PATIENCE = 120.0  # seconds for a formula on a computer that is busy with other things


def test_every_loss_has_a_case() -> None:
    assert {loss.name for loss in ALL_LOSSES} == set(CASES)


# One gradient ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_methods_agree_with_the_truth(loss: Loss, prediction, target) -> None:
    """Forward, reverse and complex step to a few roundings; finite differences to theirs."""
    graph = capture(loss, (prediction, target))
    truth = true_derivatives(graph, [prediction, target], [0], digits=50, gradient=gradient_graph)
    assert truth.certified
    expected = truth.blocks[0][0].astype(float)
    for method in ("reverse", "forward", "complex"):
        value, slope = dk.value_and_grad(loss, method=method)(prediction, target)
        np.testing.assert_allclose(slope, expected, rtol=EXACT, atol=EXACT, err_msg=method)
        assert np.isclose(value, float(truth.values[0][()]), rtol=EXACT), method
    rough = dk.grad(loss, method="finite")(prediction, target)
    np.testing.assert_allclose(rough, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_symbolic_agrees(loss: Loss, prediction, target) -> None:
    two, targets = prediction[:2], target[:2]
    symbolic = dk.methods.Symbolic(budget_seconds=PATIENCE)
    slope = dk.grad(loss, method=symbolic)(two, targets)
    expected = dk.grad(loss)(two, targets)
    np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_plain_and_traced_values_are_equal(loss: Loss, prediction, target) -> None:
    before = prediction.copy(), target.copy()
    graph = dk.trace(loss, prediction, target)
    assert loss(prediction, target) == graph(prediction, target, engine="interpret")
    assert np.array_equal(prediction, before[0])
    assert np.array_equal(target, before[1])
    assert np.ndim(loss(prediction, target)) == 0


# Definitions -------------------------------------------------------------------------------------


def test_cross_entropy_by_its_definition() -> None:
    p = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
    expected = -np.log(p[np.arange(4), LABELS]).mean()
    assert np.isclose(cross_entropy(SCORES, LABELS), expected, rtol=EXACT)
    assert np.isclose(cross_entropy(SCORES, np.eye(3)[LABELS]), expected, rtol=EXACT)
    assert np.isclose(cross_entropy(SCORES, SOFT), -(SOFT * np.log(p)).sum(axis=1).mean())


def test_the_gradient_of_cross_entropy_is_p_minus_y() -> None:
    slope = dk.grad(cross_entropy)(SCORES, LABELS)
    expected = (dk.nets.softmax(SCORES) - np.eye(3)[LABELS]) / 4
    np.testing.assert_allclose(slope, expected, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_equal_scores_cost_the_logarithm_of_the_classes(classes: int) -> None:
    found = cross_entropy(np.zeros((5, classes)), np.arange(5) % classes)
    assert np.isclose(found, math.log(classes), rtol=1e-15)


def test_binary_losses_by_their_definitions() -> None:
    labels = np.array([0, 1, 1, 0])
    p = 1 / (1 + np.exp(-VECTOR))
    expected = -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    assert np.isclose(bce_with_logits(VECTOR, labels), expected, rtol=EXACT)
    signs = 2 * labels - 1
    expected = np.mean(np.maximum(0, 1 - signs * VECTOR))
    assert np.isclose(hinge(VECTOR, labels), expected, rtol=EXACT)
    assert hinge(VECTOR, labels) == hinge(VECTOR, signs)


def test_hinge_of_several_classes() -> None:
    expected = [
        max(SCORES[i, j] + (j != y) for j in range(3)) - SCORES[i, y] for i, y in enumerate(LABELS)
    ]
    assert np.isclose(hinge(SCORES, LABELS), np.mean(expected), rtol=EXACT)


@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_huber_is_quadratic_inside_and_linear_outside(delta: float) -> None:
    loss = huber(delta)
    inside, outside = np.array([0.9 * delta]), np.array([3 * delta])
    zero = np.zeros(1)
    assert np.isclose(loss(inside, zero), 0.5 * inside[0] ** 2)
    assert np.isclose(dk.grad(loss)(outside, zero)[0], delta)
    assert np.isclose(dk.grad(loss)(np.array([delta]), zero)[0], delta)  # both branches agree


def test_mean_errors() -> None:
    assert mse(VECTOR, np.zeros(4)) == np.mean(VECTOR**2)
    assert mae(VECTOR, np.zeros(4)) == np.mean(np.abs(VECTOR))
    assert dk.grad(mae)(np.zeros(2), np.array([0.0, 1.0])).tolist() == [0.0, -0.5]


def test_a_column_of_predictions_is_a_vector() -> None:
    for loss in (mse, mae, huber(1.0), bce_with_logits, hinge):
        target = np.array([0, 1, 1, 0])
        assert loss(VECTOR[:, None], target) == loss(VECTOR, target)


# Stability ---------------------------------------------------------------------------------------

EXTREME = [
    np.array([[LARGE, LARGE - 1.0, -LARGE]]),
    np.array([[-LARGE, LARGE, 0.0]]),
    np.array([[LARGE, LARGE, LARGE]]),
    np.array([[-LARGE, -LARGE - 0.5, -LARGE]]),
]


@pytest.mark.parametrize("scores", EXTREME)
@pytest.mark.parametrize("label", [0, 1, 2])
def test_cross_entropy_of_extreme_logits(scores, label: int) -> None:
    with mp.workdps(50):
        z = [mp.mpf(float(s)) for s in scores[0]]
        total = mp.fsum(mp.e ** (s - z[label]) for s in z)
        expected = float(mp.log(total))
        p = [float(mp.e ** (s - z[label]) / total) for s in z]
    value, slope = dk.value_and_grad(cross_entropy)(scores, np.array([label]))
    assert np.isclose(value, expected, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(slope[0], np.array(p) - np.eye(3)[label], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("z", [-LARGE, -40.0, -1.0, 0.0, 30.0, LARGE])
@pytest.mark.parametrize("target", [0, 1, 0.25])
def test_binary_cross_entropy_of_extreme_logits(z: float, target: float) -> None:
    """Relative accuracy, also where the loss is e⁻⁴⁰: nothing cancels."""
    with mp.workdps(5000 if abs(z) == LARGE else 60):
        s, t = mp.mpf(z), mp.mpf(target)
        expected = t * mp.log(1 + mp.exp(-s)) + (1 - t) * mp.log(1 + mp.exp(s))
        expected_slope = 1 / (1 + mp.exp(-s)) - t
        expected, expected_slope = float(expected), float(expected_slope)
    value, slope = dk.value_and_grad(bce_with_logits)(np.array([z]), np.array([target]))
    assert np.isclose(value, expected, rtol=1e-14, atol=0)
    assert np.isclose(slope[0], expected_slope, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("loss", [cross_entropy, hinge], ids=repr)
@pytest.mark.parametrize("scores", EXTREME)
def test_no_warning_and_no_nan_for_extreme_scores(loss: Loss, scores) -> None:
    value, slope = dk.value_and_grad(loss)(scores, np.array([1]))
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))


def test_cross_entropy_of_an_impossible_class() -> None:
    """A score of −∞ for another class is a probability of 0, not a NaN."""
    scores = np.array([[0.0, -np.inf, 1.0]])
    value, slope = dk.value_and_grad(cross_entropy)(scores, np.array([0]))
    assert np.isclose(value, np.log1p(np.e))
    assert slope[0, 1] == 0


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "error", "words"),
    [
        (cross_entropy, SCORES, np.array([0, 3, 1, 2]), InputError, "label 3 .example 1. is out"),
        (cross_entropy, SCORES, np.array([0, -1, 1, 2]), InputError, "label -1 .example 1. is out"),
        (cross_entropy, SCORES, LABELS * 1.0, DtypeError, "must be integers"),
        (cross_entropy, SCORES, LABELS == 1, DtypeError, "must be integers"),
        (cross_entropy, SCORES, LABELS[:3], ShapeError, "the target is i64"),
        (cross_entropy, SCORES, SOFT * 2, InputError, "not probabilities"),
        (cross_entropy, SCORES, SOFT * np.nan, InputError, "nan"),
        (cross_entropy, SCORES[:, :1], LABELS, ShapeError, "two or more classes"),
        (hinge, SCORES, np.array([0, 3, 1, 2]), InputError, "out of range"),
        (hinge, SCORES, LABELS * 1.0, DtypeError, "must be integers"),
        (hinge, VECTOR, np.array([0, 1, 2, 1]), InputError, "a target is 2"),
        (hinge, VECTOR, np.array([0, 1, -1, 1]), InputError, "separates two classes"),
        (hinge, VECTOR, LABELS[:3], ShapeError, "hinge"),
        (bce_with_logits, VECTOR, np.array([0, 1, 2, 1]), InputError, "outside 0 … 1"),
        (bce_with_logits, VECTOR, np.array([0, 1, np.nan, 1]), InputError, "nan"),
        (bce_with_logits, SCORES, LABELS, ShapeError, "bce_with_logits"),
        (mse, SCORES, LABELS, ShapeError, "class labels belong to cross_entropy"),
        (mse, VECTOR, np.ones((4, 1)), ShapeError, "mse"),
        (mae, VECTOR, np.array([0, 1, np.inf, 1]), InputError, "inf"),
        (huber(1.0), VECTOR, np.ones(3), ShapeError, "huber"),
    ],
)
def test_bad_targets(loss, prediction, target, error, words) -> None:
    """Refused in a plain call and when the function is captured."""
    with pytest.raises(error, match=words):
        loss(prediction, target)
    with pytest.raises(error, match=words):
        dk.grad(loss)(prediction, target)


def test_a_bad_label_in_a_bare_graph_gives_a_nan_not_a_number() -> None:
    graph = dk.trace(cross_entropy, SCORES, LABELS)
    assert np.isfinite(graph(SCORES, LABELS))
    with pytest.warns(dk.errors.DiffkitWarning):
        assert np.isnan(graph(SCORES, np.array([0, 3, 1, 2])))


@pytest.mark.parametrize("delta", [0.0, -1.0, math.nan, math.inf])
def test_huber_needs_a_positive_delta(delta: float) -> None:
    with pytest.raises(InputError, match="δ"):
        huber(delta)


def test_losses_are_values() -> None:
    assert huber(2.0) == huber(2.0) != huber(1.0)
    assert repr(huber(2.0)) == "huber(2)"
    assert {loss.name for loss in ALL_LOSSES if loss.classifies} == {
        "cross_entropy", "nll", "kl_divergence", "bce_with_logits", "focal",
        "hinge", "squared_hinge", "multiclass_hinge", "dice",
    }  # fmt: skip
    assert cross_entropy.classes_of(np.eye(3)).tolist() == [0, 1, 2]
    assert hinge.classes_of(np.array([-1, 1])).tolist() == [0, 1]
    assert bce_with_logits.classes_of(np.array([0, 1])).tolist() == [0, 1]


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_a_score_of_minus_infinity_counts_for_nothing_where_the_target_is_zero(method) -> None:
    scores = np.array([[0.0, -np.inf, 1.0]])
    for target in (np.array([0]), np.eye(3)[[0]]):
        value, slope = dk.value_and_grad(cross_entropy, method=method)(scores, target)
        np.testing.assert_allclose(value, math.log1p(math.e), rtol=EXACT)
        p = 1.0 / (1.0 + math.exp(-1.0))
        np.testing.assert_allclose(slope, [[-p, 0.0, p]], rtol=EXACT)
    certain = np.array([-np.inf, np.inf])
    value, slope = dk.value_and_grad(bce_with_logits, method=method)(certain, np.array([0.0, 1.0]))
    assert value == 0.0 and not slope.any()


def test_soft_targets_keep_their_own_derivative() -> None:
    """∂/∂t of the mean score under t is the score, at t = 0, too."""
    scores, target = np.array([[0.0, 2.0, 1.0]]), np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(dk.grad(cross_entropy, 1)(scores, target), -scores, atol=EXACT)


def test_a_score_of_minus_infinity_of_the_true_class_is_not_silent() -> None:
    with pytest.warns(dk.errors.DomainWarning):
        dk.value_and_grad(cross_entropy)(np.array([[-np.inf, 0.0]]), np.array([[1.0, 0.0]]))
