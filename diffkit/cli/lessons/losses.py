"""Losses: what each one pulls at, and the forms that do not overflow."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Scores (2, 1, 0), and the right class is the first. Compute the softmax
    probabilities, the cross-entropy, and its gradient by the scores. What do the three entries
    of the gradient add up to, and why?""",
    hint="e² = 7.389, e = 2.718, e⁰ = 1; the gradient is p − y.",
    solution="""p = (7.389, 2.718, 1)/11.107 = (0.665, 0.245, 0.090), the loss is −ln 0.665 =
    {loss:.4f}, and the gradient is ({first:.3f}, {second:.3f}, {third:.3f}). They add up to 0,
    since adding the same number to all scores changes no probability.""",
    expected={
        "loss": (0.4076, 1e-4),
        "first": (-0.3348, 1e-4),
        "second": (0.2447, 1e-4),
        "third": (0.0900, 1e-4),
    },
)
def three_scores():
    scores, label = np.array([[2.0, 1.0, 0.0]]), np.array([0])
    loss, slope = dk.value_and_grad(lambda z: dk.losses.cross_entropy(z, label))(scores)
    first, second, third = slope[0]
    return {
        "loss": float(loss),
        "first": float(first),
        "second": float(second),
        "third": float(third),
    }


@exercise(
    "predict",
    question="""Nine measurements are 0, and one, a mistake, is 100. Which single number m fits
    them best by the squared error, by the absolute error, and by Huber's loss with δ = 1?""",
    hint="At the best m the pulls cancel. How hard does each loss let the mistake pull?",
    solution="""Squared error pulls with the distance, so m is the mean, {squared:g}. With
    absolute error each pulls with 1, nine against one: m is the median, 0. Huber's loss pulls
    with m near 0 and with 1 at most: 9m = 1, m = {huber:.3f}. One bad value in ten moves the
    first by ten, the last by a ninth.""",
    expected={"squared": (10, 1e-9), "huber": (1 / 9, 1e-9)},
)
def one_outlier():
    x = np.array([0.0] * 9 + [100.0])

    def best(loss):
        m, pull = 5.0, dk.grad(loss)
        for _ in range(40):
            m = m - float(pull(m))
        return m

    huber = dk.losses.huber(1.0)
    return {
        "squared": best(lambda m: np.mean((x - m) ** 2) / 2),
        "huber": best(lambda m: huber(m + 0.0 * x, x)),
    }


@exercise(
    "find the flaw",
    question="""A classifier's loss is written `-np.log(p[label])` with `p = np.exp(z) /
    np.sum(np.exp(z))`. It trains well for an hour, then prints inf or nan. The scores were (0,
    800) and the label 0. What happened? Write it so that the answer is right.""",
    hint="The largest double is near exp(709.8).",
    solution="""exp(800) is inf. For the label p = 1/inf = 0 and −log 0 is inf; had the label
    been 1, it would be inf/inf, nan. The true p, exp(−800), is below the smallest double
    anyway. Take the logarithm by hand: log p = z − logsumexp(z), with the largest score taken out
    before exp. diffkit's loss gives {stable:g}, and the slope by the right score is {slope:g}:
    full pull, as it should be.""",
    expected={"stable": (800, 0), "slope": (-1, 0)},
)
def overflow():
    z, label = np.array([[0.0, 800.0]]), np.array([0])
    loss, slope = dk.value_and_grad(lambda z: dk.losses.cross_entropy(z, label))(z)
    return {"stable": float(loss), "slope": float(slope[0, 0])}


@exercise(
    "change it",
    question="""Two classes have scores 1 and 0, so their probabilities have the ratio e.
    Divide the scores by a temperature T. Which T makes the first class a hundred times as
    probable? And what becomes of the ratio as T grows?""",
    hint="The ratio is exp(1/T).",
    solution="""exp(1/T) = 100 gives T = 1/ln 100 = {temperature:.3f}; at T = ¼ the ratio is
    e⁴ = {quarter:.1f}, not yet enough. As T grows the ratio goes to 1: everything is equally
    likely.""",
    expected={"temperature": (0.2171, 1e-4), "quarter": (54.598, 1e-3)},
)
def temperature():
    p = dk.nets.softmax(np.array([1.0, 0.0]) / 0.25)
    return {"temperature": float(1 / np.log(100)), "quarter": float(p[0] / p[1])}


@exercise(
    "explain",
    question="""A sigmoid unit answers p to an example whose label is 1, and its score is −10:
    wrong, and very sure. Compare the slopes by the score of the squared error ½(1 − p)² and of
    the cross-entropy. Why does a net with the first one hardly learn from its worst mistakes?""",
    hint="The sigmoid's slope is p(1 − p), and it is a factor of the first slope only.",
    solution="""Squared error: −(1 − p)·p(1 − p) = {squared:.1e}; cross-entropy: p − 1 =
    {entropy:.5f}. At a sure answer the sigmoid is flat and kills the signal; the logarithm of
    the cross-entropy is exactly what undoes that factor.""",
    expected={"squared": (-4.539e-5, 1e-8), "entropy": (-0.99995, 1e-5)},
)
def sure_and_wrong():
    def p(z):
        return 1 / (1 + np.exp(-z))

    squared = dk.derivative(lambda z: (1 - p(z)) ** 2 / 2)(-10.0)
    entropy = dk.derivative(lambda z: -np.log(p(z)))(-10.0)
    return {"squared": float(squared), "entropy": float(entropy)}


LESSON = Lesson(
    before=(
        "A net is wrong and very sure of it. How hard should the loss pull?",
        "What loss should a classifier of ten classes print before it has learned anything?",
        "Which loss would you take if one label in ten is a mistake?",
    ),
    formulas=(
        Formula(
            r"p_i = \frac{\exp z_i}{\sum_j \exp z_j}, \quad L = -\ln p_y",
            "Softmax and cross-entropy.",
        ),
        Formula(
            r"\frac{\partial L}{\partial z_i} = p_i - y_i",
            "What was said minus what was right: all that flows back.",
        ),
    ),
    told="The pull of three losses on a score whose target is 1:",
    code="""losses = [dk.losses.mse, dk.losses.mae, dk.losses.huber()]
ax = dk.plots.losses(losses, target=1.0, slope=True)
print(dk.losses.cross_entropy(np.zeros((1, 10)), np.array([3])), np.log(10))""",
    commands=("diffkit train digits --model softmax --out first",),
    exercises=(three_scores, one_outlier, overflow, temperature, sure_and_wrong),
)
