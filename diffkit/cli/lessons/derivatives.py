"""Derivatives: the step of a difference quotient, and the step that needs no subtraction."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Take f(x) = x³ at x = 2. Work out the forward quotient (f(2 + h) − f(2)) / h
    and the central quotient (f(2 + h) − f(2 − h)) / 2h for h = 0.1, on paper. How far is each
    from the derivative, 12, and what do you expect for h = 0.05?""",
    hint="Expand (2 + h)³ first: most terms cancel.",
    solution="""The forward quotient is 12 + 6h + h², so its error at h = 0.1 is {forward:.2f};
    the central one is 12 + h², error {central:.2f}. With h halved the forward error is about
    halved (6h dominates) and the central one is quartered, to {halved:.4f}: order 1 against
    order 2.""",
    expected={"forward": (0.61, 1e-9), "central": (0.01, 1e-9), "halved": (0.0025, 1e-9)},
)
def cubic():
    def f(x):
        return x**3

    def central(h):
        return (f(2 + h) - f(2 - h)) / (2 * h)

    return {
        "forward": (f(2.1) - f(2)) / 0.1 - 12,
        "central": central(0.1) - 12,
        "halved": central(0.05) - 12,
    }


@exercise(
    "predict",
    question="""You compute (exp(1 + h) − exp(1)) / h in double precision for h = 1e-4, 1e-8
    and 1e-12. Before you run anything: which h is best, and is 1e-12 better or worse than
    1e-4?""",
    hint="Two errors: about h·e/2 from the formula, about ε·e/h from the subtraction, ε = 2.2e-16.",
    solution="""The two errors meet near h = √ε ≈ 1.5e-8, so 1e-8 is best, with a relative
    error of {middle:.0e}. 1e-4 has {large:.0e} from the formula, and 1e-12 has {small:.0e}
    from rounding: the smaller step is *no better* than the one a hundred million times larger.""",
    expected={"large": (5.0e-5, 1e-6), "middle": (0.0, 3e-8), "small": (2.5e-4, 2.4e-4)},
)
def three_steps():
    def error(h):
        return float(abs((np.exp(1 + h) - np.exp(1)) / h / np.e - 1))

    return {"large": error(1e-4), "middle": error(1e-8), "small": error(1e-12)}


@exercise(
    "find the flaw",
    question="""A colleague differentiates f(x) = |x|·x with the complex step, `np.imag(f(x +
    1e-30j)) / 1e-30` with f written as `np.abs(x) * x`, and gets 3 at x = 3. The derivative is
    2|x| = 6. What went wrong?""",
    hint="What is the absolute value of a complex number?",
    solution="""`np.abs` of a complex number is its modulus √(a² + b²), which is real: the tiny
    imaginary part is dropped, and with it the derivative of that factor. What is left is |x|·1
    = {naive:g}. The complex step needs a function that is *analytic*; diffkit takes the sign
    of the real part instead and gives {right:g}.""",
    expected={"naive": (3.0, 1e-12), "right": (6.0, 1e-12)},
)
def modulus():
    def f(x):
        return np.abs(x) * x

    return {
        "naive": float(np.imag(f(3 + 1e-30j)) / 1e-30),
        "right": float(dk.grad(f, method="complex")(3.0)),
    }


@exercise(
    "change it",
    question="""Use a central difference on f(x) = sin(10⁴·x) at x = 0.3 with the customary
    step ∛ε ≈ 6e-6. How many digits are right? Find a step that gives eight. Why does none give
    eleven, as for sin(x)?""",
    hint="The formula's error has f‴ in it. And how large is an ulp of the argument, 3000?",
    solution="""The error of the formula is h²·f‴/6, relative to f′ about (10⁴h)²/6: with h =
    6e-6 that is {customary:.0e}, three digits. The function varies on a scale of 10⁻⁴, and the
    step must be small beside that: with h = 1e-8 the relative error is {scaled:.0e}. Smaller
    steps do not help: the argument 3000 is rounded to within {rounded:.0e}, and the quotient
    divides that by 10⁴h. No step is right for every function; `diffkit steps` measures first.""",
    expected={"customary": (6.0e-4, 1e-4), "scaled": (2e-9, 3e-9), "rounded": (2.27e-13, 1e-15)},
)
def fast_sine():
    def f(x):
        return np.sin(1e4 * x)

    truth = 1e4 * np.cos(1e4 * 0.3)

    def error(h):
        return float(abs((f(0.3 + h) - f(0.3 - h)) / (2 * h) / truth - 1))

    rounded = np.spacing(3000.0) / 2
    return {"customary": error(6e-6), "scaled": error(1e-8), "rounded": float(rounded)}


@exercise(
    "explain",
    question="""In the picture "Smaller steps help, until they don't" the left arm of the V of
    the central difference is rough while its right arm is a clean line. Why? And why do all
    left arms have the same slope?""",
    hint="Which of the two errors is a smooth function of h?",
    solution="""The right arm is the error of the formula, h²·f‴/6: smooth, with slope 2. The
    left arm is rounding: f(x + h) and f(x − h) are each off by up to half a unit of the last
    place, by chance, and the division by h makes that grow like 1/h, slope −1, whatever the
    formula. For sin at 0.6 the slope of the right arm comes out as {right:.2f}.""",
    expected={"right": (2.0, 0.01)},
)
def slope_of_the_arm():
    h = np.array([1e-3, 1e-2])
    error = np.abs((np.sin(0.6 + h) - np.sin(0.6 - h)) / (2 * h) - np.cos(0.6))
    return {"right": float(np.diff(np.log10(error))[0])}


LESSON = Lesson(
    before=(
        "If a step of 0.001 gives three right digits, will 0.000001 give six?",
        "Why can a computer not simply let h go to zero?",
        "Is there a way to differentiate numerically without subtracting two nearly equal numbers?",
    ),
    formulas=(
        Formula(
            r"f'(x) = \frac{f(x+h) - f(x-h)}{2h} - \frac{h^2}{6} f'''(x) - …",
            "The central difference: its error falls with the square of the step.",
        ),
        Formula(
            r"\text{rounding} \approx \frac{\varepsilon |f(x)|}{h},"
            r" \quad h_{\text{best}} \sim \varepsilon^{1/3}",
            "Subtraction loses digits, and the division by a small step shows it; on the right the"
            " best step of the central difference.",
        ),
        Formula(
            r"f'(x) \approx \frac{\Im f(x + i h)}{h}",
            "The complex step subtracts nothing, so h may be 1e-100.",
        ),
    ),
    told="Ask for the best step of a function of yours, and see what it is made of:",
    code="""def f(x):
    return np.exp(np.sin(x))

choice = dk.step_size(f, 1.1)
print(choice)
ax = dk.plots.step_size(f, 1.1)""",
    commands=(
        'diffkit steps "exp(sin(x))" --at x=1.1 --tableau',
        'diffkit compare "exp(x)/sqrt(sin(x)**3+cos(x)**3)" --at x=1.5',
    ),
    exercises=(cubic, three_steps, modulus, fast_sine, slope_of_the_arm),
)
