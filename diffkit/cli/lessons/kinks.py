"""Kinks and traps: declared slopes, where a NaN is born, and branches that hide a slope."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""relu(x) = max(x, 0) has a kink at 0, and relu(x) − relu(−x) is x for every x.
    Use the chain rule at x = 0 with a declared slope relu′(0) = s. What comes out for s = 0, ½
    and 1? Which s is right?""",
    hint="The second term has −(−1)·relu′(−0).",
    solution="""The chain rule gives s + s = 2s: 0, 1 and 2. The function is x, so only s = ½
    is right here, and diffkit's `np.maximum`, which shares a tie evenly, gives {shared:g}. But
    for relu(x) + relu(−x) = |x| *every* s gives s − s = {absolute:g}. No convention is right
    everywhere, since relu has no derivative at 0.""",
    expected={"shared": (1, 0), "absolute": (0, 0)},
)
def two_kinks():
    def identity(x):
        return np.maximum(x, 0) - np.maximum(-x, 0)

    def absolute(x):
        return np.maximum(x, 0) + np.maximum(-x, 0)

    return {
        "shared": float(dk.derivative(identity)(0.0)),
        "absolute": float(dk.derivative(absolute)(0.0)),
    }


@exercise(
    "predict",
    question="""|x| can be written `np.abs(x)` or `np.sqrt(x * x)`. They are equal to the last
    bit. What is the derivative of each at 0, by an exact method?""",
    hint="√ has slope ∞ at 0, and x·x has slope 0 there.",
    solution="""`np.abs` has a declared slope at its kink and gives {absolute:g}. The other is
    a product of ∞ and 0 by the chain rule, which is NaN, and diffkit warns and names the line.
    A norm written as the root of a sum of squares fails alike at a zero vector: this is how a
    NaN gets into a training. (`np.hypot` has a declared slope again, the 0 of the first
    picture.)""",
    expected={"absolute": (0, 0), "nan": (1, 0)},
)
def two_absolutes():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slope = dk.derivative(lambda x: np.sqrt(x * x))(0.0)
    return {"absolute": float(dk.derivative(np.abs)(0.0)), "nan": int(np.isnan(slope))}


@exercise(
    "find the flaw",
    question="""`np.where(x > 0, np.log(x), 0)` is safe at x = 0: the value is 0. A student
    writes its backward pass as `mask * (1 / x)` and gets NaN at 0. Where is the mistake?
    Several well-known libraries make it, too.""",
    hint="What is 0·∞ in floating point?",
    solution="""At 0 the mask is 0 and 1/x is ∞, and 0·∞ is NaN. The mask has to *select*, not
    to multiply: `np.where(mask, 1 / x, 0)`. diffkit's rule selects, and gives {right:g}. Where
    a library multiplies, guard the argument instead: `np.log(np.where(x > 0, x, 1))`.""",
    expected={"nan": (1, 0), "right": (0, 0)},
)
def masked_logarithm():
    import warnings

    x = np.array([0.0])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        naive = (x > 0) * (1 / x)
        right = dk.grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)))(x)
    return {"nan": int(np.isnan(naive[0])), "right": float(right[0])}


@exercise(
    "explain",
    question="""f is written `9.0 if x == 3 else x * x`. It is x², everywhere. Why does the
    exact method say f′(3) = 0 and the sloppy one, a difference quotient, 6? Name a place in
    everyday code where this can bite.""",
    hint="Which operations were executed at x = 3?",
    solution="""At 3 the program returned a constant and nothing else was executed: derivative
    {exact:g}. The difference quotient asks at 3 ± h, where the other branch runs:
    {quotient:.4f}. It bites where a special case is caught with `==`: `1 if x == 0 else
    sin(x)/x` has a wrong second derivative at 0.""",
    expected={"exact": (0, 0), "quotient": (6, 1e-6)},
)
def special_case():
    def f(x):
        return 9.0 if x == 3 else x * x

    return {
        "exact": float(dk.derivative(f)(3.0)),
        "quotient": float(dk.derivative(f, method="finite")(3.0)),
    }


@exercise(
    "change it",
    question="""A loss counts wrong answers: the mean of `score < 0`. Its gradient is 0
    wherever it has one, and a training with it stands still. Replace the count by the softplus
    log(1 + e⁻ˢ) of each score s and give the gradient of the mean at the scores (−2, 0, 3).
    Which example pulls hardest?""",
    hint="The derivative of log(1 + e⁻ˢ) is −1/(1 + eˢ).",
    solution="""The three pulls, each divided by 3, are {first:.3f}, {second:.3f} and
    {third:.3f}: the example that is wrong pulls hardest, and the right one hardly. A staircase
    has slope {count:g} wherever it has one; training needs a loss that also says *how* wrong
    an answer is.""",
    expected={
        "first": (-0.2936, 1e-4),
        "second": (-0.1667, 1e-4),
        "third": (-0.0158, 1e-4),
        "count": (0, 0),
    },
)
def counting():
    scores = np.array([-2.0, 0.0, 3.0])
    soft = dk.grad(lambda s: np.mean(np.log(1 + np.exp(-s))))(scores)
    count = dk.grad(lambda s: np.mean(np.where(s < 0, 1.0, 0.0)))(scores)
    return {
        "first": float(soft[0]),
        "second": float(soft[1]),
        "third": float(soft[2]),
        "count": float(np.abs(count).max()),
    }


LESSON = Lesson(
    before=(
        "What is the slope of |x| at 0? What should a program return there?",
        "A method is exact up to rounding. Can its answer still be wrong?",
        "Where does the first NaN of a training come from?",
    ),
    formulas=(
        Formula(
            r"\lim_{h \to 0} \, \frac{|h| - |0|}{h} = \pm 1",
            "From the right +1, from the left −1: at a kink there is no derivative to return.",
        ),
        Formula(
            r"x = \max(x, 0) - \max(-x, 0)",
            "Two kinks that cancel: the slope is 1 only if each is declared as one half.",
        ),
    ),
    told="Find the kinks of a function, and what each method says there:",
    code="""def f(x):
    return np.maximum(x, 0) + np.abs(x - 1)

print(dk.diagnose(f, 0.0))
ax = dk.plots.kinks(f, -1.0, 2.0)""",
    commands=('diffkit compare "abs(x)" --at x=0', 'diffkit diagnose "sqrt(x*x)" --at x=0'),
    exercises=(two_kinks, two_absolutes, masked_logarithm, special_case, counting),
)
