"""Automatic differentiation: sweeps by hand, the sum at every fork, and how formulas swell."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Write y = (x₁ + x₂)·x₁x₂ as three lines, a = x₁ + x₂, b = x₁x₂, y = ab, and
    take it at (2, 3). Do one backward sweep: the adjoints of b, a, x₂ and x₁, beginning with ȳ
    = 1.""",
    hint="x₁ is used in two lines, so two amounts arrive at it.",
    solution="""The values are a = 5, b = 6, y = 30. Backwards: ā = ȳ·b = 6 and b̄ = ȳ·a = 5.
    Then x̄₁ = ā·1 + b̄·x₂ = 6 + 15 = {first:g} and x̄₂ = ā·1 + b̄·x₁ = 6 + 10 = {second:g}.
    One sweep gave both. Check it: y = x₁²x₂ + x₁x₂², so ∂y/∂x₁ = 2x₁x₂ + x₂² = 12 + 9 and
    ∂y/∂x₂ = x₁² + 2x₁x₂ = 4 + 12.""",
    expected={"first": (21, 0), "second": (16, 0)},
)
def backward_sweep():
    def f(x1, x2):
        a = x1 + x2
        b = x1 * x2
        return a * b

    first, second = dk.grad(f, argnums=(0, 1))(2.0, 3.0)
    return {"first": float(first), "second": float(second)}


@exercise(
    "find the flaw",
    question="""A student's backward sweep for y = x·sin(x) reads:

        s = np.sin(x)
        # back through y = x·s
        x_bar = s
        s_bar = x
        # back through s = sin(x)
        x_bar = s_bar*np.cos(x)

    At x = 2 it returns −0.832. The derivative is not that. Which character is missing?""",
    hint="x has two uses. What happens to the first amount?",
    solution="""The last line *overwrites* what had arrived before; it must add, with `+=`.
    Written as it is it gives x·cos(x) = {wrong:.3f}; with the plus, sin(x) + x·cos(x) =
    {right:.3f}. Where a value is used twice, its adjoint is the sum over its uses: that is the
    multivariate chain rule.""",
    expected={"wrong": (-0.8323, 1e-4), "right": (0.0770, 1e-4)},
)
def overwritten():
    x = 2.0
    wrong = x * np.cos(x)
    right = dk.derivative(lambda x: x * np.sin(x))(x)
    return {"wrong": float(wrong), "right": float(right)}


@exercise(
    "change it",
    question="""This is all of forward mode for products:

        class Dual:
            def __init__(self, x, x_dot):
                self.x, self.x_dot = x, x_dot
            def __mul__(self, other):
                return Dual(self.x*other.x, self.x_dot*other.x + self.x*other.x_dot)

    Add division and a sine, and differentiate sin(x)/x at x = 1.5.""",
    hint="(u/v)′ = (u′ − (u/v)·v′)/v; the quotient itself is known already.",
    solution="""Two short methods. At 1.5 the tangent is {dual:.6f}; from diffkit's it differs by
    {gap:.0e}. No step was chosen and no formula was written out: each operation carries its
    own derivative along. NumPy helps: `np.sin(x)` of an object asks for its method `sin`.""",
    expected={"dual": (-0.396173, 1e-6), "gap": (0.0, 2e-16)},
)
def dual_numbers():
    class Dual:
        def __init__(self, x, x_dot):
            self.x, self.x_dot = x, x_dot

        def sin(self):
            return Dual(np.sin(self.x), np.cos(self.x) * self.x_dot)

        def __truediv__(self, other):
            y = self.x / other.x
            return Dual(y, (self.x_dot - y * other.x_dot) / other.x)

    x = Dual(1.5, 1.0)
    ours = (x.sin() / x).x_dot
    theirs = dk.derivative(lambda x: np.sin(x) / x, method="forward")(1.5)
    return {"dual": float(ours), "gap": float(abs(ours - theirs))}


@exercise(
    "predict",
    question="""The gradient of the product x₁x₂⋯x₈ has eight entries, each a product of seven
    factors. How many multiplications is that, written out? And how many more than the product
    itself does the backward sweep need: 48, 24 or 12?""",
    hint="Backwards, each line q = p·x passes q̄·x to p and q̄·p to x, and p is known.",
    solution="""Written out it is 8·6 = {written:g} multiplications. The program needs 7 for
    the product, and the backward sweep {extra:g} more: two for each of the seven lines, less
    two since the adjoint of the last line is 1. For a hundred factors it is 9,800 against 196:
    the formula grows like n², the program like n.""",
    expected={"written": (48, 0), "extra": (12, 0)},
)
def product_of_eight():
    def product(x):
        p = x[0]
        for i in range(1, 8):
            p = p * x[i]
        return p

    x = np.arange(1.0, 9.0)
    value = dk.trace(product, x).operations()["mul"]
    both = dk.trace(dk.value_and_grad(product), x).operations()["mul"]
    return {"written": 8 * 6, "extra": both - value}


@exercise(
    "explain",
    question="""In the picture of broadcasting, a row of numbers is copied to every line of a
    table, and its adjoint is a sum. A layer has a bias that 32 examples share. What is the
    bias's adjoint if every output has adjoint 1? And why does a *mean* over the examples keep
    the gradient from growing with the batch?""",
    hint="Copying is a linear map; what is its transpose?",
    solution="""Copying to 32 places is the matrix of 32 ones above each other; its transpose
    adds 32 numbers: the adjoint is {total:g}. The mean divides every adjoint by 32 before they
    are added, and leaves {mean:g}: the gradient is an average over the examples, whatever
    their number.""",
    expected={"total": (32, 0), "mean": (1, 1e-15)},
)
def shared_bias():
    x = np.zeros((32, 3))
    total = dk.grad(lambda b: np.sum(x + b))(np.zeros(3))
    mean = dk.grad(lambda b: np.sum(np.mean(x + b, axis=0)))(np.zeros(3))
    return {"total": float(total[0]), "mean": float(mean[0])}


LESSON = Lesson(
    before=(
        "What is the derivative of a program with a loop in it?",
        "A function has a thousand inputs and one output. How many walks through it give all its "
        "derivatives?",
        "Is automatic differentiation a clever kind of difference quotient, or of formula?",
    ),
    formulas=(
        Formula(
            r"\dot{v} = \sum_u \frac{\partial v}{\partial u} \dot{u}",
            "Forwards: a tangent beside every value, one sweep for each input.",
        ),
        Formula(
            r"\bar{u} = \sum_v \bar{v} \frac{\partial v}{\partial u}",
            "Backwards: an adjoint for every value, added up over its uses; one sweep for each "
            "output.",
        ),
    ),
    told="The gradient of a program is a program again. Here it is, line by line:",
    code="""def f(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)

print(dk.trace(dk.grad(f, argnums=(0, 1)), 2.0, 5.0))
ax = dk.plots.trace(f, 2.0, 5.0)""",
    commands=(
        'diffkit explain "log(x1)+x1*x2-sin(x2)" --at x1=2,x2=5',
        "diffkit swell logistic",
    ),
    exercises=(backward_sweep, overwritten, dual_numbers, product_of_eight, shared_bias),
)
