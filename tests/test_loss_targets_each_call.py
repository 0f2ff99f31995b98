"""Wrong targets are refused at every call of a derivative, not only where it is captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.errors import DiffkitWarning, InputError
from diffkit.nets import losses

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(3, 4))
LABELS, WRONG = np.array([0, 1, 2]), np.array([0, 1, 7])
ROWS = np.full((3, 4), 0.25)
VECTOR, BITS = RNG.normal(size=3), np.array([0, 1, 1])
BOXES = RNG.normal(size=(3, 8))
FOUND = np.concatenate([RNG.random((3, 4)), LABELS[:, None]], axis=1)
HALVES = np.concatenate([FOUND[:, :4], FOUND[:, 4:] + 0.5], axis=1)

# by name: the loss, a prediction, targets that fit, targets that do not, and words of the error
CASES: dict[str, tuple[Any, np.ndarray, np.ndarray, np.ndarray, str]] = {
    "cross_entropy": (losses.cross_entropy, SCORES, LABELS, WRONG, "label 7"),
    "cross_entropy, negative": (losses.cross_entropy, SCORES, LABELS, -LABELS, "label -1"),
    "cross_entropy, soft": (losses.cross_entropy, SCORES, ROWS, 5 * ROWS, "not probabilities"),
    "cross_entropy, weighted": (
        losses.cross_entropy.using(class_weights=(1.0, 2.0, 3.0, 4.0)),
        *(SCORES, LABELS, WRONG, "label 7"),
    ),
    "nll": (losses.nll, SCORES, LABELS, WRONG, "label 7"),
    "kl_divergence": (losses.kl_divergence, SCORES, ROWS, 12 * ROWS, "not probabilities"),
    "bce_with_logits": (losses.bce_with_logits, VECTOR, BITS / 1.0, BITS * 5.0, "outside 0"),
    "focal": (losses.focal, SCORES, LABELS, WRONG, "label 7"),
    "focal, one score": (losses.focal, VECTOR, BITS, 2 * BITS, "one score"),
    "hinge": (losses.hinge, SCORES, LABELS, WRONG, "label 7"),
    "hinge, one score": (losses.hinge, VECTOR, BITS, 5 * BITS, "a target is 5"),
    "squared_hinge": (losses.squared_hinge, VECTOR, BITS, 5 * BITS, "a target is 5"),
    "multiclass_hinge": (losses.multiclass_hinge, SCORES, LABELS, WRONG, "label 7"),
    "dice": (losses.dice, SCORES[None], LABELS[None], WRONG[None], "label 7"),
    "dice, one score": (losses.dice, VECTOR[None], BITS[None], 2 * BITS[None], "outside 0"),
    "detection": (losses.detection, BOXES, FOUND, HALVES, "not whole"),
    "cosine": (losses.cosine, SCORES, ROWS, 0 * ROWS, "zero vector"),
    "mse": (losses.mse, VECTOR, VECTOR + 1, np.array([0.0, np.nan, 1.0]), "nan"),
    "huber": (losses.huber(1.0), VECTOR, VECTOR + 1, np.array([0.0, np.inf, 1.0]), "inf"),
}
each_case = pytest.mark.parametrize(
    ("loss", "z", "good", "bad", "words"), CASES.values(), ids=list(CASES)
)


def refused_between(call: Callable[..., Any], good: tuple, bad: tuple, words: str) -> None:
    """Wrong arguments are refused before, between and after calls that are answered."""
    for calls in range(4):
        with pytest.raises(InputError, match=words):
            call(*bad)
        for _ in range(calls):
            call(*good)


@each_case
@pytest.mark.parametrize("verb", [dk.grad, dk.value_and_grad, dk.jacobian, dk.hessian])
def test_every_derivative_refuses_them_each_time(verb, loss, z, good, bad, words) -> None:
    refused_between(verb(loss), (z, good), (z, bad), words)


@each_case
def test_the_error_is_the_same_each_time(loss, z, good, bad, words) -> None:
    def told(call: Callable[..., Any]) -> str:
        with pytest.raises(InputError) as caught:
            call(z, bad)
        return str(caught.value)

    again = dk.grad(loss)
    again(z, good), again(z, good)  # type: ignore[reportUnusedExpression]
    assert told(again) == told(dk.grad(loss))
    assert words in told(again)


@each_case
def test_answers_stay_what_they_were(loss, z, good, bad, words) -> None:
    """With refusals between, in the quick way and in the general one."""
    expected = dk.grad(lambda z: loss(z, good))(z)
    slope = dk.grad(loss)
    for _ in range(3):
        np.testing.assert_array_equal(slope(z, good), expected)
        with pytest.raises(InputError, match=words):
            slope(z, bad)


@each_case
@pytest.mark.parametrize("warm", [False, True], ids=["first call", "later call"])
def test_mapped_over_examples(warm: bool, loss, z, good, bad, words) -> None:
    """All examples are looked at, although the function is captured with the first."""
    slope = dk.vmap(dk.grad(lambda z, t: loss(z[None], t[None])))
    if loss.name in ("bce_with_logits", "focal", "hinge", "squared_hinge", "dice", "mse", "huber"):
        slope = dk.vmap(dk.grad(loss))
        z, good, bad = (np.stack([x, x]) for x in (z, good, bad))
        bad[0] = good[0]
    if warm:
        slope(z, good)
    with pytest.raises(InputError, match=words):
        slope(z, bad)
    slope(z, good)


def test_mapped_within_a_derivative() -> None:
    def total(z: Any, t: Any) -> Any:
        one = lambda z, t: losses.cross_entropy(z[None], t[None])  # noqa: E731
        return np.mean(dk.vmap(one)(z, t))

    refused_between(dk.grad(total), (SCORES, LABELS), (SCORES, WRONG), "label 7")
    np.testing.assert_allclose(
        dk.grad(total)(SCORES, LABELS), dk.grad(losses.cross_entropy)(SCORES, LABELS), rtol=1e-12
    )


def test_mapped_twice_and_shared_targets() -> None:
    twice = dk.vmap(dk.vmap(dk.grad(lambda z, t: losses.nll(z[None], t[None]))))
    both = np.stack([SCORES, SCORES]), np.stack([LABELS, LABELS])
    wrong = both[0], np.stack([LABELS, WRONG])
    refused_between(twice, both, wrong, "label 7")
    shared = dk.vmap(dk.grad(losses.nll), in_axes=(0, None))
    refused_between(shared, (both[0], LABELS), (both[0], WRONG), "label 7")


def test_no_examples_have_no_wrong_targets() -> None:
    slope = dk.vmap(dk.grad(lambda z, t: losses.cross_entropy(z[None], t[None])))
    assert slope(SCORES[:0], LABELS[:0]).shape == (0, 4)


@pytest.mark.parametrize("method", ["forward", "finite", "complex"])
def test_by_every_method(method: str) -> None:
    slope = dk.jacobian(losses.cross_entropy, method=method)
    refused_between(slope, (SCORES, LABELS), (SCORES, WRONG), "label 7")


def test_a_method_may_displace_the_targets_themselves() -> None:
    """Rows that finite differences displace by a little sum to 1 no longer, which is no mistake."""
    slope = dk.grad(losses.cross_entropy, argnums=1, method="finite")
    exact = dk.grad(losses.cross_entropy, argnums=1)(SCORES, ROWS)
    for _ in range(3):
        np.testing.assert_allclose(slope(SCORES, ROWS), exact, atol=1e-8)
    with pytest.raises(InputError, match="not probabilities"):
        slope(SCORES, 5 * ROWS)
    graph = dk.trace(losses.cross_entropy, SCORES, ROWS)
    of_graph = dk.grad(graph, argnums=1, method="finite")
    np.testing.assert_allclose(of_graph(SCORES, ROWS), exact, atol=1e-8)


def test_the_loss_of_a_net() -> None:
    net = dk.nets.mlp([2, 5, 4])
    params, x = net.init(0), RNG.normal(size=(3, 2))
    slope = dk.value_and_grad(net.with_loss(losses.cross_entropy, l2=0.1))
    refused_between(slope, (params, x, LABELS), (params, x, WRONG), "label 7")


def test_targets_by_keyword() -> None:
    slope = dk.grad(lambda z, *, t: losses.hinge(z, t))
    for _ in range(3):
        slope(SCORES, t=LABELS)
        with pytest.raises(InputError, match="label 7"):
            slope(SCORES, t=WRONG)


@pytest.mark.parametrize(
    "rearranged",
    [
        lambda t: t.astype(int), lambda t: t[::-1], lambda t: np.reshape(t[:, None], 3),
        lambda t: np.concatenate([t[:1], t[1:]]), lambda t: t[np.array([2, 1, 0])],
    ],
    ids=["cast", "reversed", "reshaped", "joined", "gathered"],
)  # fmt: skip
def test_rearranged_targets(rearranged: Callable[[Any], Any]) -> None:
    slope = dk.grad(lambda z, t: losses.cross_entropy(z, rearranged(t)))
    refused_between(slope, (SCORES, LABELS), (SCORES, WRONG), "label 7")


def test_within_another_derivative_and_a_graph() -> None:
    def steepness(z: Any, t: Any) -> Any:
        return np.sum(dk.grad(losses.cross_entropy)(z, t) ** 2)

    refused_between(dk.grad(steepness), (SCORES, LABELS), (SCORES, WRONG), "label 7")
    graph = dk.trace(losses.cross_entropy, SCORES, LABELS)
    refused_between(dk.grad(graph), (SCORES, LABELS), (SCORES, WRONG), "label 7")
    called = dk.grad(lambda z, t: 2 * graph(z, t))
    refused_between(called, (SCORES, LABELS), (SCORES, WRONG), "label 7")


def test_a_function_that_catches_the_refusal() -> None:
    """Each call takes its own branch, in whatever order they come."""

    def forgiving(z: Any, t: Any) -> Any:
        try:
            return losses.cross_entropy(z, t)
        except InputError:
            return np.sum(z)

    expected = dk.grad(losses.cross_entropy)(SCORES, LABELS)
    slope = dk.grad(forgiving)
    for _ in range(4):
        np.testing.assert_array_equal(slope(SCORES, WRONG), np.ones((3, 4)))
        np.testing.assert_array_equal(slope(SCORES, LABELS), expected)


def test_targets_that_are_computed_are_not_looked_at() -> None:
    """They would have to be computed twice; a label out of range still gives NaN."""
    slope = dk.value_and_grad(lambda z, t: losses.cross_entropy(z, t + 1))
    assert np.isfinite(slope(SCORES, LABELS)[0])
    with pytest.warns(DiffkitWarning):
        assert np.isnan(slope(SCORES, LABELS + 1)[0])
    with pytest.warns(DiffkitWarning):
        assert np.isnan(slope(SCORES, WRONG)[0])


def test_a_loss_in_the_step_of_a_scan() -> None:
    def total(z: Any, t: Any) -> Any:
        step = lambda sum_, row: (sum_ + losses.cross_entropy(row[0][None], row[1][None]), None)  # noqa: E731
        return dk.scan(step, 0.0, (z, t))[0] / len(t)

    expected = dk.grad(losses.cross_entropy)(SCORES, LABELS)
    np.testing.assert_allclose(dk.grad(total)(SCORES, LABELS), expected, rtol=1e-12)


def test_a_demand_is_no_operation() -> None:
    """The graph, and so a training, is what it would be without."""
    graph = capture(losses.cross_entropy, (SCORES, LABELS))
    unseen = capture(lambda z, t: losses.cross_entropy.mean(z, t), (SCORES, LABELS))
    assert graph.operations() == unseen.operations()
    assert not graph.guards


@pytest.mark.parametrize("signal", ["reverse", "finite"])
def test_a_training_does_not_ask_again(signal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data are looked at before the first step, however many steps follow."""
    net, x, y = dk.nets.mlp([2, 3, 4]), RNG.normal(size=(12, 2)), np.arange(12) % 4
    kind, asked = type(losses.cross_entropy), []
    check = kind.check_values
    monkeypatch.setattr(kind, "check_values", lambda *all_: (asked.append(1), check(*all_))[1])
    counts = []
    for epochs in (1, 6):
        asked.clear()
        loss = net.with_loss(losses.cross_entropy)
        dk.train(loss, net.init(0), (x, y), epochs=epochs, batch_size=6, signal=signal)
        counts.append(len(asked))
    assert counts[0] >= counts[1] > 0
