"""Maps: what thousands of trainings say about rates, starts and depth."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Himmelblau's function (x² + y − 11)² + (x + y² − 7)² has a minimum at (3, 2).
    Check it: what are the value and the gradient there? Then compute the Hessian. Up to which
    rate does gradient descent stay in this valley?""",
    hint="At (3, 2) both brackets are 0, so only products of first derivatives are left.",
    solution="""Both brackets are zero, hence the value and the gradient. The Hessian is 2JᵀJ
    with J = (6 1; 1 4): (74 20; 20 34), with eigenvalues {small:.1f} and {large:.1f}. The rate
    may be up to 2/{large:.1f} = {rate:.4f}.""",
    expected={"small": (25.716, 0.001), "large": (82.284, 0.001), "rate": (0.024306, 1e-6)},
)
def edge_of_a_valley():
    def f(p):
        return (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2

    small, large = np.linalg.eigvalsh(dk.hessian(f)(np.array([3.0, 2.0])))
    return {"small": float(small), "large": float(large), "rate": float(2 / large)}


@exercise(
    "predict",
    question="""f(x) = x⁴/4 − x²/2 has minima at ±1 and a hilltop at 0. From x = 0.1, where
    does gradient descent with a small rate go, and where does Newton's method?""",
    hint="Newton's method solves f′ = 0. What is f′ at the hilltop?",
    solution="""Gradient descent goes to {descent:.0f}; Newton's method to {newton:.0f}, the
    hilltop, where the slope is zero as well: it looks for *stationary* points and does not
    know up from down. In the picture of the basins these are the starts without a colour.""",
    expected={"descent": (1, 1e-6), "newton": (0, 1e-12)},
)
def newton_uphill():
    def f(x):
        return x**4 / 4 - x**2 / 2

    slope, curvature = dk.derivative(f), dk.derivative(f, order=2)
    x = newton = 0.1
    for _ in range(6):
        newton = newton - slope(newton) / curvature(newton)
    for _ in range(200):
        x = x - 0.1 * slope(x)
    return {"descent": float(x), "newton": abs(float(newton))}


@exercise(
    "change it",
    question="""The same function, gradient descent with the rate 1.5, twice: from 0.5 and from
    0.500000001. How many updates until the two are more than 0.1 apart? And with the rate 0.9?""",
    hint="The minima have curvature 2, so the rate 1.5 is above 2/2.",
    solution="""After {steps:g} updates they are apart, although they began a billionth from
    each other: so far above 2/λ = 1 the update is chaotic, and on average a step stretches
    small differences. With 0.9 they stay together for ever (after 1,000 updates the gap is
    {gap:.0e}). Borders of a map made of such updates have detail at every scale.""",
    expected={"steps": (36, 3), "gap": (0.0, 1e-12)},
)
def chaos():
    def gap(rate, updates):
        x, y = 0.5, 0.500000001
        for step in range(1, updates + 1):
            x, y = x - rate * (x**3 - x), y - rate * (y**3 - y)
            if abs(x - y) > 0.1:
                return step, abs(x - y)
        return updates, abs(x - y)

    return {"steps": gap(1.5, 1000)[0], "gap": gap(0.9, 1000)[1]}


@exercise(
    "find the flaw",
    question="""Somebody says: my rate ends in the minimum I want, so any smaller rate does,
    too; I only have to wait longer. Try it on x⁴/4 − x²/2 from x = 2, with the rates 0.65, 0.5
    and 0.3. On which functions is the sentence true?""",
    hint="Do the first two updates by hand: the slope at 2 is 6.",
    solution="""With 0.65 the training ends at {large:.0f}, with 0.5 at {middle:.0f} and with
    0.3 at {small:.0f} again: above ⅓ the first step leaps over the hilltop, and whether the
    next one leaps back is a matter of the rate. On a quadratic the sentence is true, for there
    |1 − ηλ| < 1 for every rate below 2/λ. The map of rates shows what becomes of it for a net.""",
    expected={"large": (1, 1e-9), "middle": (-1, 1e-9), "small": (1, 1e-9)},
)
def not_an_interval():
    def end(rate):
        x = 2.0
        for _ in range(500):
            x = x - rate * (x**3 - x)
        return x

    return {"large": end(0.65), "middle": end(0.5), "small": end(0.3)}


@exercise(
    "explain",
    question="""Through thirty layers the signal passes on one line only. Suppose a factor
    between 1/10 and 10 is still good enough. How far from 1 may the factor of a single layer
    be? And with 300 layers?""",
    hint="Take the 30th root of 10.",
    solution="""10^(1/30) = {thirty:.3f}: within 8 % of 1. For 300 layers it is {hundreds:.4f},
    within 0.8 %. Ten times the depth, a tenth of the width: hence the narrow line, and hence
    normalisation and residual connections, which hold the factor at 1.""",
    expected={"thirty": (1.0798, 1e-4), "hundreds": (1.0077, 1e-4)},
)
def narrow_line():
    return {"thirty": 10 ** (1 / 30), "hundreds": 10 ** (1 / 300)}


LESSON = Lesson(
    before=(
        "If a rate works, does a slightly smaller one work too?",
        "Two starts are a hair apart. Can they end in different minima?",
        "How many trainings can one afford to make one picture?",
    ),
    formulas=(
        Formula(
            r"x_{t+1} = x_t - \eta f'(x_t)",
            "A training is a map that is repeated, as in the pictures of fractals.",
        ),
        Formula(
            r"x_{t+1} = x_t - \frac{f'(x_t)}{f''(x_t)}",
            "Newton's method: quick, and blind to up and down.",
        ),
    ),
    told="A map of rates for two weights, one training for each pixel:",
    code="""def loss(p, x):
    return np.mean((p["a"] * p["b"] * x - x) ** 2)

found = dk.trainability(loss, {"a": np.array(0.5), "b": np.array(1.5)}, (np.ones(2),),
                        shape=48, steps=60)
ax = found.plot()""",
    commands=("diffkit gallery --chapter Maps --open",),
    exercises=(edge_of_a_valley, newton_uphill, chaos, not_an_interval, narrow_line),
)
