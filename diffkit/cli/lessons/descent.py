"""Gradient descent: where a rate breaks, what momentum buys, and what the noise is good for."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Minimise ½·4·x² from x = 1 with the rates η = 0.1, 0.5 and 0.6: three updates
    each, on paper. At which rate does it break?""",
    hint="The slope is 4x, so each update multiplies x by 1 − 4η.",
    solution="""The factors are 0.6, −1 and −1.4. After three updates x is {small:.3f},
    {edge:g} and {large:.3f}: the first converges, the second hops from wall to wall for ever,
    the third runs away. It breaks at η = 2/4 = ½, where the factor is −1.""",
    expected={"small": (0.216, 1e-12), "edge": (-1, 1e-12), "large": (-2.744, 1e-12)},
)
def three_updates():
    def after(rate):
        x = 1.0
        for _ in range(3):
            x = x - rate * dk.derivative(lambda x: 2 * x * x)(x)
        return float(x)

    return {"small": after(0.1), "edge": after(0.5), "large": after(0.6)}


@exercise(
    "predict",
    question="""A valley has curvatures 1 and 100. What is the best single rate, and how many
    updates does each further digit take? And with momentum, at its own best?""",
    hint="(κ − 1)/(κ + 1) per update, and with momentum √κ in place of κ.",
    solution="""The best rate is 2/(1 + 100); each update leaves 99/101 = {plain:.5f} of the
    distance, which makes {updates:.0f} updates for a digit. With momentum the factor is 9/11 =
    {momentum:.3f}, and {faster:.1f} updates do: ten times fewer, for the price of remembering
    one vector.""",
    expected={
        "plain": (0.98020, 1e-5),
        "updates": (115.1, 0.1),
        "momentum": (0.81818, 1e-5),
        "faster": (11.47, 0.01),
    },
)
def digits_of_a_valley():
    kappa = 100.0
    plain = (kappa - 1) / (kappa + 1)
    momentum = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    return {
        "plain": plain,
        "updates": float(-1 / np.log10(plain)),
        "momentum": float(momentum),
        "faster": float(-1 / np.log10(momentum)),
    }


@exercise(
    "find the flaw",
    question="""A recipe says "divide the rate by 10 every 30 epochs". A student writes
    `dk.schedules.step(0.1, every=30, factor=0.1)` and reads it once for each *batch*, of which
    an epoch has 50. The loss falls for half an epoch and then stands still. What is the rate
    after three epochs, and what should it be?""",
    hint="A schedule counts whatever you count with it: 150 batches have gone by.",
    solution="""After 150 batches the rate was divided by 10 five times: {batches:.0e} instead
    of {epochs:g}. When a training stands still early and quietly, look at the
    unit of its schedule: batches for epochs is a common mistake.""",
    expected={"batches": (1e-6, 1e-12), "epochs": (0.1, 1e-15)},
)
def wrong_units():
    rate = dk.schedules.step(0.1, every=30, factor=0.1)
    return {"batches": float(rate(3 * 50)), "epochs": float(rate(3))}


@exercise(
    "by hand",
    question="""Six examples have the gradients 1, 2, 3, 4, 5, 6. Look at all batches of three,
    without repeats. How far is a batch's mean from the mean of all, in the mean square?
    Compare with batches drawn with repeats, where it is Σ/b.""",
    hint="There are 20 such batches. The theory says Σ/b·(n − b)/(n − 1), with Σ = 35/12.",
    solution="""Without repeats {without:.4f}, with repeats {repeats:.4f}: the factor is (6 −
    3)/(6 − 1) = {factor:.1f}. A batch that has seen half of the data has less to be wrong
    about; with all six it is right.""",
    expected={"without": (7 / 12, 1e-12), "repeats": (35 / 36, 1e-12), "factor": (0.6, 1e-12)},
)
def batches_of_three():
    from itertools import combinations

    g = np.arange(1.0, 7.0)
    means = np.array([np.mean(batch) for batch in combinations(g, 3)])
    without = float(np.mean((means - g.mean()) ** 2))
    repeats = float(np.var(g) / 3)
    return {"without": without, "repeats": repeats, "factor": without / repeats}


@exercise(
    "change it",
    question="""A rate of 0.1 falls along a half cosine to 0 in 100 steps. What is it after 50
    steps, and after 90? How much later would a straight line reach the rate that the cosine
    has at step 90?""",
    hint="η(t) = η₀·½(1 + cos πt/T).",
    solution="""Half of it after half the way, {middle:.3f}, and {late:.5f} at step 90. The
    straight line has that rate at step {line:.1f}, {later:.1f} steps later: the cosine stays
    high for longer at first and low for longer at the end.""",
    expected={
        "middle": (0.05, 1e-12),
        "late": (0.0024472, 1e-6),
        "line": (97.55, 0.01),
        "later": (7.55, 0.01),
    },
)
def half_a_cosine():
    rate = dk.schedules.cosine(0.1, 100)
    middle, late = float(rate(50)), float(rate(90))
    line = 100 * (1 - late / 0.1)
    return {"middle": middle, "late": late, "line": line, "later": line - 90}


@exercise(
    "explain",
    question="""In the picture of sharpness the largest curvature of the loss first drops below
    2/η, then climbs until it reaches 2/η, and stays there. Why can it not stay above that? And
    what would you expect of a training with half the rate?""",
    hint="Exercise 1: what happens to a direction with curvature above 2/η?",
    solution="""In a direction with curvature above 2/η each update overshoots by more than it
    corrects: the distance grows, until the path is thrown to where the valley is wider. With η
    = 1 the limit is {limit:g}, with half of that rate {double:g}: smaller rates end in sharper
    valleys.""",
    expected={"limit": (2, 0), "double": (4, 0)},
)
def sharpest_valley():
    return {"limit": 2 / 1.0, "double": 2 / 0.5}


LESSON = Lesson(
    before=(
        "A rate is twice as large. Does the training take half as long?",
        "Why not compute the gradient from all the data, every time?",
        "Can noise be useful?",
    ),
    formulas=(
        Formula(
            r"x_{t+1} = x_t - \eta \nabla L(x_t)",
            "Gradient descent. On a curvature λ it multiplies the distance by 1 − ηλ.",
        ),
        Formula(
            r"\eta < \frac{2}{\lambda_{\text{max}}}",
            "The steepest direction decides how large a rate may be.",
        ),
        Formula(
            r"E \Vert g_b - G \Vert^2 = \frac{\text{tr} \, \Sigma}{b}",
            "The squared noise of a batch of b examples: four times the batch, half the noise.",
        ),
    ),
    told="Three ways down a valley that does not lie along the axes:",
    code="""def valley(p):
    return 0.5 * (p[0] + p[1]) ** 2 + 5.0 * (p[0] - p[1]) ** 2

ways = {"sgd": dk.optim.sgd(0.09), "momentum": dk.optim.sgd(0.09, momentum=0.7),
        "adam": dk.optim.adam(0.2)}
drawn = dk.plots.optimizer_paths(valley, np.array([-1.5, 1.0]), ways, steps=40)""",
    commands=(
        "diffkit train two-moons --batch-size 1 --out noisy",
        "diffkit train two-moons --batch-size 160 --out still",
    ),
    exercises=(
        *(three_updates, digits_of_a_valley, wrong_units),
        *(batches_of_three, half_a_cosine, sharpest_valley),
    ),
)
