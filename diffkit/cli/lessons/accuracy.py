"""Accuracy: units of the last place, cancellation, and equal formulas that are not equal."""

from __future__ import annotations

import numpy as np

from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Doubles have 53 binary digits. What is the distance between neighbours (one
    ulp) at 1, at 1000 and at 0.1? An answer near 1000 is wrong by 1e-12: how many ulps is
    that?""",
    hint="Between 2ᵏ and 2ᵏ⁺¹ the neighbours are 2ᵏ⁻⁵² apart; 1000 lies between 2⁹ and 2¹⁰.",
    solution="""At 1 it is 2⁻⁵² = {one:.2e}, at 1000 it is 2⁹⁻⁵² = {thousand:.2e}, and at 0.1,
    which lies between 2⁻⁴ and 2⁻³, it is 2⁻⁵⁶ = {tenth:.2e}. The error of 1e-12 is {ulps:.1f}
    ulps: nine doubles away from the right one, so about three of the 53 binary digits are
    lost.""",
    expected={
        "one": (2.220446e-16, 1e-21),
        "thousand": (1.136868e-13, 1e-18),
        "tenth": (1.387779e-17, 1e-22),
        "ulps": (8.796, 0.001),
    },
)
def last_places():
    one, thousand, tenth = np.spacing([1.0, 1000.0, 0.1])
    return {
        "one": float(one),
        "thousand": float(thousand),
        "tenth": float(tenth),
        "ulps": float(1e-12 / thousand),
    }


@exercise(
    "predict",
    question="""(1 − cos x)/x² tends to ½ as x goes to 0. What does a computer print for x =
    1e-8? And for the equal formula 2·sin²(x/2)/x²?""",
    hint="How far is cos(1e-8) from 1, compared with an ulp of 1?",
    solution="""cos(1e-8) differs from 1 by 5e-17, less than half an ulp, so it *is* 1 and the
    first formula gives {naive:g}: no digit is right. The second subtracts nothing and gives
    {stable:g}. The loss is in the subtraction, though the subtraction itself makes no error at
    all: it shows the one that was made before.""",
    expected={"naive": (0.0, 0.0), "stable": (0.5, 1e-15)},
)
def one_minus_cosine():
    x = 1e-8
    naive = (1 - np.cos(x)) / x**2
    stable = 2 * np.sin(x / 2) ** 2 / x**2
    return {"naive": float(naive), "stable": float(stable)}


@exercise(
    "find the flaw",
    question="""To save a pass over the data, a program computes the variance as the mean of x²
    minus the square of the mean. For the three values 10⁸, 10⁸ + 1, 10⁸ + 2 it prints 2. The
    variance is 2/3. Why, and what would you write?""",
    hint="How large is an ulp of x²?",
    solution="""The squares are near 10¹⁶, where an ulp is {ulp:g}: the result is a difference
    of two numbers that are each known to within 1 only, and comes out as {naive:g}. Subtract
    the mean *first*, then square: {stable:.4f}. Both are the same formula to an algebraist.""",
    expected={"ulp": (2.0, 0.0), "naive": (2.0, 0.0), "stable": (2 / 3, 1e-12)},
)
def two_variances():
    x = 1e8 + np.array([0.0, 1.0, 2.0])
    naive = np.mean(x**2) - np.mean(x) ** 2
    stable = np.mean((x - np.mean(x)) ** 2)
    return {"ulp": float(np.spacing(1e16)), "naive": float(naive), "stable": float(stable)}


@exercise(
    "change it",
    question="""x² − 10⁸x + 1 = 0 has a root near 10⁻⁸. The school formula (10⁸ − √(10¹⁶ −
    4))/2 gives 7.45e-9. Change it so that every digit is right, with the same few operations.""",
    hint="The product of the two roots is 1.",
    solution="""The large root, with a plus, subtracts nothing. Divide 1 by it:
    2/(10⁸ + √(10¹⁶ − 4)) = {stable:.6e}. The school formula is wrong by {error:.0%}, for it
    subtracts two numbers that agree in all but their last digits.""",
    expected={"stable": (1e-8, 1e-23), "error": (0.255, 0.001)},
)
def small_root():
    root = np.sqrt(1e16 - 4)
    naive = (1e8 - root) / 2
    stable = 2 / (1e8 + root)
    return {"stable": float(stable), "error": float(abs(naive / stable - 1))}


@exercise(
    "explain",
    question="""The expanded form of (x − 1)⁷ is x⁷ − 7x⁶ + 21x⁵ − … − 1. Both are evaluated at
    1.01. In the picture of equal formulas, where would each stand, and why does "simplify" not
    help?""",
    hint="The value is 10⁻¹⁴. How large are the terms that are added up?",
    solution="""The terms of the expanded form are up to 36 and cancel down to 10⁻¹⁴. One ulp
    of 36 is {ulp:.0e}, nearly as large as the answer: in nested form it is off by
    {expanded:.0%}. The factored form is off by {factored:.0e}, which is 1.01 not being a
    double. It stands at the lower left of the picture, short and accurate, the other at the
    upper right. To simplify is to look for something short; it knows nothing of cancellation.""",
    expected={"ulp": (7.1e-15, 1e-16), "expanded": (0.2006, 0.001), "factored": (0.0, 1e-14)},
)
def seventh_power():
    x = 1.01
    expanded = np.polyval([1, -7, 21, -35, 35, -21, 7, -1], x)
    return {
        "ulp": float(np.spacing(36.0)),
        "expanded": float(abs(expanded / 1e-14 - 1)),
        "factored": float(abs((x - 1) ** 7 / 1e-14 - 1)),
    }


LESSON = Lesson(
    before=(
        "Two formulas are equal for every x. Do they print the same number?",
        "A result has sixteen digits on the screen. How would you find out how many are right?",
        "Which single operation loses most digits?",
    ),
    formulas=(
        Formula(
            r"\text{fl}(a \odot b) = (a \odot b)(1 + \delta),"
            r" \quad |\delta| \le \frac{\varepsilon}{2}",
            "Each operation is right to half a unit of the last place, about 1.1e-16.",
        ),
        Formula(
            r"\frac{\Delta y}{y} \approx \frac{x f'(x)}{f(x)} \frac{\Delta x}{x}",
            "The condition number says how many of the digits that came in come out again.",
        ),
    ),
    told="Let diffkit find the line that loses the digits, and try a remedy:",
    code="""def f(x):
    c = np.cos(x)
    return np.log(2 * (1 - c) / x**2)

print(dk.diagnose(f, 0.01))
ax = dk.plots.accuracy(f, 0.01)""",
    commands=(
        'diffkit diagnose "(1-cos(x))/x**2" --at x=1e-5',
        'diffkit derive "(x-1)**7" --forms --from 0.9 --to 1.1',
    ),
    exercises=(last_places, one_minus_cosine, two_variances, small_root, seventh_power),
)
