"""Losses: options, kinks, masks and boxes, penalties, and trainings with each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loss_cases import ALL_CASES, BITMAP, IDS, IMAGE, LABELS, MASK, SCORES, SOFT, VECTOR

import diffkit as dk
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets import losses
from diffkit.nets.losses import ALL_LOSSES, Loss

# Kinks --------------------------------------------------------------------------------------------

ONE = np.array([1])
PAIR, ALIKE = np.array([[0.0], [0.0], [1.0]]), np.array([0, 0, 1])
BOX = np.array([[0.0, 0.0, 0.5, 0.5, 0.2, 0.1]])
FAR_BOX = np.array([[-1 / 9, 1 / 9, 0.5, 0.5, 1.0]])

# Points at which a slope could jump, by loss; where it does not, the table says "none".
EDGES: dict[str, list[tuple[Loss, Any, Any]]] = {
    "mse": [(losses.mse, np.zeros(1), np.zeros(1))],
    "mae": [(losses.mae, np.zeros(1), np.zeros(1))],
    "huber": [(losses.huber(1.0), np.array([1.0, -1.0, 0.0]), np.zeros(3))],
    "log_cosh": [(losses.log_cosh, np.array([1.0, -1.0, 0.0]), np.zeros(3))],
    "cross_entropy": [(losses.cross_entropy, np.zeros((1, 3)), ONE)],
    "nll": [(losses.nll, np.zeros((1, 3)), ONE)],
    "kl_divergence": [(losses.kl_divergence, np.log(SOFT[:1]), SOFT[:1])],
    "bce_with_logits": [(losses.bce_with_logits, np.zeros(1), ONE)],
    "focal": [(losses.focal, np.zeros(1), ONE), (losses.focal, np.zeros((1, 3)), ONE)],
    "hinge": [(losses.hinge, np.ones(1), ONE), (losses.hinge, np.array([[0.5, 1.0, 0.5]]), ONE)],
    "squared_hinge": [(losses.squared_hinge, np.ones(1), ONE)],
    "multiclass_hinge": [(losses.multiclass_hinge, np.array([[0.0, 1.0, -1.0]]), ONE)],
    "triplet": [(losses.triplet, PAIR, ALIKE)],
    "dice": [(losses.dice, np.zeros((1, 4)), np.array([[0, 1, 1, 0]]))],
    "detection": [(losses.detection, BOX, FAR_BOX)],
}
JUMPS = {"mae", "hinge", "multiclass_hinge", "triplet"}
SHORT, NEAR = 1e-6, 1e-5


def one_sided(loss: Loss, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """The slopes to the left and to the right of each element."""
    here, sides = float(loss(prediction, target)), []
    for step in (-SHORT, SHORT):
        slope = np.zeros(prediction.shape)
        for place in np.ndindex(prediction.shape):
            moved = prediction.copy()
            moved[place] += step
            slope[place] = (float(loss(moved, target)) - here) / step
        sides.append(slope)
    return sides[0], sides[1]


def test_every_loss_but_the_cosine_has_its_edges() -> None:
    """The cosine loss jumps at 0, where it has no slopes to compare."""
    assert {loss.name for loss in ALL_LOSSES} == {*EDGES, "cosine"}
    assert {loss.name for loss in ALL_LOSSES if loss.kinks == "none"} == {
        *EDGES.keys() - JUMPS - {"squared_hinge"}
    }


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.filterwarnings("ignore::diffkit.errors.KinkWarning")
def test_the_declared_slope_lies_between_the_sides(name: str) -> None:
    """And both sides agree where no kink is declared."""
    apart = 0.0
    for loss, prediction, target in EDGES[name]:
        left, right = one_sided(loss, prediction, target)
        declared = dk.grad(loss)(prediction, target)
        assert np.all(declared >= np.minimum(left, right) - NEAR)
        assert np.all(declared <= np.maximum(left, right) + NEAR)
        apart = max(apart, float(np.max(abs(left - right))))
    assert (apart > 0.1) is (name in JUMPS)


def test_slopes_at_kinks_are_those_of_the_table() -> None:
    assert dk.grad(losses.mae)(np.zeros(1), np.zeros(1)).tolist() == [0.0]
    assert dk.grad(losses.hinge)(np.ones(1), ONE).tolist() == [-0.5]
    slope = dk.grad(losses.multiclass_hinge)(np.array([[0.0, 1.0, -9.0]]), ONE)
    np.testing.assert_allclose(slope, [[1 / 6, -1 / 6, 0.0]])
    slope = dk.grad(losses.cosine)(np.zeros((1, 2)), np.ones((1, 2)))
    assert losses.cosine(np.zeros((1, 2)), np.ones((1, 2))) == 1.0
    assert slope.tolist() == [[0.0, 0.0]]
    near, far = np.zeros((1, 2)), np.full((1, 2), 0.5)
    same = dk.grad(lambda a: losses.triplet.of(a, near, far))
    np.testing.assert_allclose(same(np.zeros((1, 2))), [[2**-0.5, 2**-0.5]])


# Options ------------------------------------------------------------------------------------------


def test_options_make_another_loss() -> None:
    smooth = losses.cross_entropy.using(label_smoothing=0.1)
    assert repr(smooth) == "cross_entropy.using(label_smoothing=0.1)"
    assert smooth == losses.cross_entropy.using(label_smoothing=0.1) != losses.cross_entropy
    assert smooth.using(label_smoothing=0.0) == losses.cross_entropy
    assert repr(losses.focal) == "focal"
    weighed = losses.cross_entropy.using(class_weights=np.array([1, 2, 3]))
    assert hash(weighed) == hash(losses.cross_entropy.using(class_weights=[1.0, 2.0, 3.0]))


def test_weights_of_one_change_nothing() -> None:
    for loss, classes, p, t in (
        (losses.cross_entropy, 3, SCORES, LABELS),
        (losses.nll, 3, SCORES, LABELS),
        (losses.focal, 2, VECTOR, np.array([0, 1, 1, 0])),
    ):
        found = loss.using(class_weights=np.ones(classes))(p, t)
        np.testing.assert_allclose(found, loss(p, t), rtol=1e-15)


def test_a_class_of_weight_zero_counts_for_nothing() -> None:
    loss = losses.cross_entropy.using(class_weights=(1, 1, 0))
    found = dk.value_and_grad(loss)(SCORES, LABELS)
    np.testing.assert_allclose(found[0], losses.cross_entropy(SCORES[[0, 2]], LABELS[[0, 2]]))
    assert not found[1][[1, 3]].any()


def test_smoothing_of_a_sure_answer_costs() -> None:
    """At logits of ±1e4 the share ε(C − 1)/C of the wrong classes costs 2e4 each."""
    loss = losses.cross_entropy.using(label_smoothing=0.3)
    sure = np.array([[1e4, -1e4, -1e4]])
    np.testing.assert_allclose(loss(sure, np.array([0])), 0.2 * 2e4, rtol=1e-14)


def test_focal_without_focus_is_cross_entropy() -> None:
    flat = losses.focal.using(gamma=0)
    np.testing.assert_allclose(flat(SCORES, LABELS), losses.cross_entropy(SCORES, LABELS))
    bits = np.array([0, 1, 1, 0])
    np.testing.assert_allclose(flat(VECTOR, bits), losses.bce_with_logits(VECTOR, bits))


def test_the_divergence_is_the_cross_entropy_less_the_entropy() -> None:
    entropy = -np.sum(SOFT * np.log(np.where(SOFT > 0, SOFT, 1)), axis=1).mean()
    difference = losses.cross_entropy(SCORES, SOFT) - losses.kl_divergence(SCORES, SOFT)
    np.testing.assert_allclose(difference, entropy, rtol=1e-14)


def test_per_pixel_cross_entropy_is_the_mean_over_all_pixels() -> None:
    flat = losses.cross_entropy(IMAGE.reshape(-1, 3), MASK.ravel())
    np.testing.assert_allclose(losses.cross_entropy(IMAGE, MASK), flat, rtol=1e-15)


def test_dice_of_right_empty_and_wrong_masks() -> None:
    sure = np.where(BITMAP > 0, 50.0, -50.0)
    assert losses.dice(sure, BITMAP) < 1e-15
    assert losses.dice(-sure, BITMAP) > 0.8
    assert losses.dice(np.full((1, 4), -50.0), np.zeros((1, 4), int)) < 1e-15
    one_hot = np.where(MASK[..., None] == np.arange(3), 50.0, -50.0)
    assert losses.dice(one_hot, MASK) < 1e-15


def test_a_batch_without_a_triplet_has_no_loss() -> None:
    value, slope = dk.value_and_grad(losses.triplet)(SCORES, np.arange(4))
    assert value == 0 and not slope.any()


UNCALLED: Any = losses.huber
NET, X = dk.nets.mlp([3, 2, 3]), np.arange(12.0).reshape(4, 3) / 12


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: losses.mse.using(delta=1), InputError, "no option 'delta'"),
        (lambda: losses.cross_entropy.using(label_smoothing=1), InputError, "≥ 0 and < 1"),
        (lambda: losses.cross_entropy.using(label_smoothing="a"), InputError, "is 'a'"),
        (lambda: losses.cross_entropy.using(class_weights=[1, -1]), InputError, "one number ≥ 0"),
        (lambda: losses.nll.using(class_weights=[0, 0]), InputError, "one number ≥ 0"),
        (lambda: losses.nll.using(class_weights="ab"), InputError, "one number ≥ 0"),
        (lambda: losses.focal.using(gamma=-1), InputError, "gamma is -1"),
        (lambda: losses.dice.using(smooth=0), InputError, "> 0"),
        (lambda: losses.triplet.using(margin=True), InputError, "margin is True"),
        (lambda: losses.multiclass_hinge.using(power=3), InputError, "power is 3"),
        (lambda: losses.detection.using(beta=np.nan), InputError, "beta is nan"),
        (lambda: losses.bce_with_logits.using(positive_weight=0), InputError, "positive_weight"),
        (lambda: losses.cross_entropy.using(class_weights=[1, 2])(SCORES, LABELS), ShapeError,
         "2 class_weights, but 3 classes"),
        (lambda: losses.focal.using(class_weights=[1, 2, 3])(VECTOR, LABELS), ShapeError,
         "but 2 classes"),
        (lambda: UNCALLED(VECTOR, VECTOR), InputError, "makes a loss from δ"),
        (lambda: UNCALLED(VECTOR), InputError, "makes a loss from δ"),
        (lambda: dk.grad(losses.huber)(VECTOR, VECTOR), InputError, r"huber\(1\.0\)\(prediction"),
        (lambda: NET.with_loss(losses.huber), InputError, r"dk\.losses\.huber\(1\.0\) is the"),
        (lambda: losses.nll(SCORES, SOFT), ShapeError, "give integer labels of shape"),
        (lambda: losses.multiclass_hinge(SCORES, SOFT), ShapeError, "multiclass_hinge"),
        (lambda: losses.kl_divergence(SCORES, LABELS), ShapeError, "kl_divergence"),
        (lambda: losses.kl_divergence(SCORES, SOFT * 2), InputError, "kl_divergence.*not prob"),
        (lambda: losses.cosine(SCORES, 0 * SOFT), InputError, "example 0 is the zero vector"),
        (lambda: losses.cosine(VECTOR, VECTOR), ShapeError, "no batch of vectors"),
        (lambda: losses.focal(VECTOR, np.array([0, 1, 2, 0])), InputError, "a target is 2"),
        (lambda: losses.squared_hinge(VECTOR, 3 * LABELS), InputError, "squared_hinge: a target"),
        (lambda: losses.dice(IMAGE, MASK + 1), InputError, r"label 3 .place \(\d, \d, \d\)."),
        (lambda: losses.dice(IMAGE, MASK * 1.0), DtypeError, "must be integers"),
        (lambda: losses.dice(VECTOR, LABELS), ShapeError, "no batch of masks"),
        (lambda: losses.dice(IMAGE[..., 0], 2 * BITMAP), InputError, "the target 2 is outside"),
        (lambda: losses.cross_entropy(IMAGE, MASK[:, :1]), ShapeError, "the target is i64"),
        (lambda: losses.triplet(VECTOR, LABELS), ShapeError, "not .n, features."),
        (lambda: losses.triplet(SCORES, LABELS[:3]), ShapeError, "the target is i64"),
        (lambda: losses.triplet(SCORES, LABELS * 1.0), DtypeError, "must be integers"),
        (lambda: losses.triplet.of(SCORES, SCORES, SCORES[:1]), ShapeError, "triplet"),
        (lambda: losses.detection(SCORES, SOFT), ShapeError, r"\(n, 4 \+ classes\)"),
        (lambda: losses.detection(np.ones((1, 7)), np.full((1, 5), 0.5)), InputError, "not whole"),
        (lambda: losses.detection(np.ones((1, 7)), np.full((1, 5), 3)), InputError, "label 3"),
        (lambda: losses.detection(np.ones((1, 7)), np.full((1, 5), np.nan)), InputError, "nan"),
        (lambda: NET.with_loss(losses.mse, l1=-1), InputError, "l1 is -1"),
        (lambda: NET.with_loss(losses.mse, l1="a"), InputError, "l1 is 'a'"),  # type: ignore[arg-type]
        (lambda: dk.train(NET.with_loss(losses.triplet), NET.init(0), (X, np.arange(4))),
         InputError, "no two examples have one label"),
    ],
)  # fmt: skip
def test_bad_options_and_targets(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_float32_stays_float32(loss: Loss, prediction: Any, target: Any) -> None:
    """Value and slope in the precision of the prediction, and near those of float64."""
    expected = dk.value_and_grad(loss)(prediction, target)
    target = target.astype(np.float32) if target.dtype.kind == "f" else target
    value, slope = dk.value_and_grad(loss)(prediction.astype(np.float32), target)
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(value, expected[0], rtol=1e-5)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-4, atol=1e-6)


# Penalties ----------------------------------------------------------------------------------------


def test_penalties_are_on_weights_not_on_biases() -> None:
    net = dk.nets.mlp([3, 2, 1])
    params = net.init(1)
    y = np.arange(4.0)
    plain, both = net.with_loss(losses.mse), net.with_loss(losses.mse, l2=0.2, l1=0.3)
    weights = [params[name]["w"] for name in ("dense1", "dense2")]
    extra = sum(0.1 * np.sum(w**2) + 0.3 * np.sum(abs(w)) for w in weights)
    np.testing.assert_allclose(both(params, X, y) - plain(params, X, y), extra, rtol=1e-13)
    slopes = [dk.grad(loss)(params, X, y) for loss in (plain, both)]
    for name, w in zip(("dense1", "dense2"), weights, strict=True):
        change = slopes[1][name]["w"] - slopes[0][name]["w"]
        np.testing.assert_allclose(change, 0.2 * w + 0.3 * np.sign(w), rtol=1e-12, atol=1e-15)
        assert np.array_equal(slopes[0][name]["b"], slopes[1][name]["b"])
    assert "+ 0.2/2 Σ w² + 0.3 Σ |w| of" in repr(both)


def test_l1_drives_useless_weights_to_zero() -> None:
    """The lasso: of five features only two matter, and the others end near 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    y = 2 * x[:, 0] - x[:, 1]
    net = dk.nets.mlp([5, 1])
    run = dk.train(
        net.with_loss(losses.mse, l1=0.1), net.init(0), (x, y),
        optimizer=dk.optim.sgd(dk.schedules.cosine(0.1, 300)), epochs=300,
    )  # fmt: skip
    w = abs(run.params["dense1"]["w"][:, 0])
    assert np.all(w[:2] > 0.9) and np.all(w[2:] < 1e-3)


# Trainings ----------------------------------------------------------------------------------------

ROWS = np.random.default_rng(1).normal(size=(40, 5))
FLAT = [(i, case) for i, case in enumerate(ALL_CASES) if case[1].ndim < 3]


@pytest.mark.parametrize(
    ("loss", "prediction", "target"), [case for _, case in FLAT], ids=[IDS[i] for i, _ in FLAT]
)
def test_each_loss_trains_on_the_machine(loss: Loss, prediction: Any, target: Any) -> None:
    """The same losses as the interpreter's, to rounding."""
    net = dk.nets.mlp([5, 4, 1 if prediction.ndim == 1 else prediction.shape[1]])
    data = ROWS, np.resize(target, (40, *target.shape[1:]))
    objective = net.with_loss(loss, l2=1e-3, l1=1e-3)
    runs = [
        dk.train(objective, net.init(0), data, epochs=4, batch_size=8, engine=engine,
                 optimizer=dk.optim.adam(0.02))
        for engine in ("auto", "interpret")
    ]  # fmt: skip
    assert runs[0].engine == "machine"
    values = [np.array(run.history["loss"]) for run in runs]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-10)
    assert objective(runs[0].params, *data) < objective(net.init(0), *data)
    assert ("accuracy" in runs[0].history) is objective.classifies


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.dice], ids=str)
def test_a_segmenter_learns_on_the_machine(loss: Loss) -> None:
    data = dk.datasets.shapes(60, noise=0.05)
    net = dk.nets.sequential([dk.nets.conv2d(4), dk.nets.conv2d(4, window=1)], (16, 16, 1))
    objective = net.with_loss(loss)
    run = dk.train(
        objective, net.init(0), (data.x, data.y), epochs=4, batch_size=20,
        optimizer=dk.optim.adam(0.05),
    )  # fmt: skip
    assert run.engine == "machine"
    assert run.history["accuracy"][-1] > 0.7
    assert objective(run.params, data.x, data.y) < 0.95 * objective(net.init(0), data.x, data.y)


def test_several_answers_each_have_an_accuracy() -> None:
    net = dk.nets.mlp([3, 2])
    y = (X[:, :2] > 0.4).astype(int)
    share = net.with_loss(losses.bce_with_logits).accuracy(net.init(0), X, y)
    scores = net(net.init(0), X)
    assert share == np.mean((scores > 0) == y)
