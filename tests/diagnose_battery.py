"""Functions with a planted fault each: what is wrong, on which line, and what cures it.

Expressions are from published numerics, the code is ours: Higham 2002, *Accuracy and stability of
numerical algorithms*, chapter 1; Goldberg 1991; Kahan 1983; Hamming 1987, chapter 3; the
benchmarks of FPBench (Damouche et al. 2016); nets after Goodfellow, Bengio & Courville 2016.
The faulty line of each function ends with the comment ``# here``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["IMAGES", "LABELS", "PLANTED", "ROWS", "Planted"]

RNG = np.random.default_rng(11)
IMAGES = RNG.normal(size=(8, 6))
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
ROWS = np.arange(8)


@dataclass(frozen=True)
class Planted:
    """A function at a point, the kind of its fault, and a part of the remedy (or None)."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kind: str
    remedy: str | None

    @property
    def name(self) -> str:
        """The function's name, for the report of the tests."""
        return self.function.__name__


PLANTED: list[Planted] = []


def planted(kind: str, *args: Any, remedy: str | None = None) -> Callable[[Any], Any]:
    """Add a function to the battery: lists become arrays of floats."""
    point = tuple(np.array(a, dtype=float) if isinstance(a, list) else a for a in args)

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        PLANTED.append(Planted(function, point, kind, remedy))
        return function

    return add


# Cancellation ------------------------------------------------------------------------------------


@planted("cancellation", 1e-5, remedy="sinc")
def cosine_near_zero(x: Any) -> Any:  # Higham 2002, section 1.7
    c = np.cos(x)
    d = 1 - c  # here
    return d / x**2


@planted("cancellation", 1e-9, remedy="np.log1p(x)")
def log_of_one_plus(x: Any) -> Any:  # Goldberg 1991, theorem 4
    y = x * 3
    return np.log(1 + x) / y  # here


@planted("cancellation", 1e12, remedy="np.sqrt(x + 1) + np.sqrt(x)")
def difference_of_roots(x: Any) -> Any:  # Hamming 1987, section 3.1
    a, b = np.sqrt(x + 1), np.sqrt(x)
    return a - b  # here


@planted("cancellation", 1.0, 1e7, 1.0, remedy="-2*c/(b + ")
def smaller_root(a: Any, b: Any, c: Any) -> Any:  # Higham 2002, section 1.8
    return (-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a)  # here


@planted("cancellation", [1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3], remedy="np.var(x)")
def one_pass_variance(x: Any) -> Any:  # Higham 2002, section 1.9
    squares = np.mean(x**2)
    return squares - np.mean(x) ** 2  # here


@planted("cancellation", 1e-10, remedy="exprel(x)")
def growth_rate(x: Any) -> Any:  # Higham 2002, section 1.14.1
    return (np.exp(x) - 1) / x  # here


@planted("cancellation", 1e-10, remedy="np.expm1")
def decay(x: Any) -> Any:
    left = 1 - np.exp(-x)  # here
    return left * np.cos(x)


@planted("cancellation", 1e8, remedy="1/(x*(x + 1))")
def neighbouring_quotients(x: Any) -> Any:  # Hamming 1987, section 3.2
    return 1 / x - 1 / (x + 1)  # here


@planted("cancellation", 1e4, remedy="2/(x*(x - 1)*(x + 1))")
def second_difference_of_inverse(x: Any) -> Any:  # Hamming 1987, section 3.2
    return 1 / (x + 1) - 2 / x + 1 / (x - 1)  # here


@planted("cancellation", 1e6, remedy="arctan2")
def neighbouring_angles(x: Any) -> Any:  # Hamming 1987, section 3.3
    return np.arctan(x + 1) - np.arctan(x)  # here


@planted("cancellation", 1.0, 1e-9, remedy="np.sin(y/2)")
def neighbouring_sines(x: Any, y: Any) -> Any:  # Hamming 1987, section 3.3
    return np.sin(x + y) - np.sin(x)  # here


@planted("cancellation", 1e12, remedy="np.log1p(1/x)")
def neighbouring_logs(x: Any) -> Any:  # FPBench, Hamming 3.3
    return np.log(x + 1) - np.log(x)  # here


@planted("cancellation", 1e-3, remedy="x**3")
def excess_of_angle(x: Any) -> Any:  # Kepler's equation; FPBench
    return x - np.sin(x)  # here


@planted("cancellation", 1e-7, remedy="2*np.arctanh(x)")
def log_of_ratio(x: Any) -> Any:  # FPBench, exercise 3.2 of Hamming
    return np.log((1 + x) / (1 - x))  # here


@planted("cancellation", 1e-10, remedy="2*np.sinh(x)")
def hyperbolic_by_hand(x: Any) -> Any:
    return np.exp(x) - np.exp(-x)  # here


@planted("cancellation", -1e4, remedy="np.arcsinh(x)")
def arcsinh_by_hand(x: Any) -> Any:
    root = np.sqrt(x * x + 1)
    total = x + root  # here
    return np.log(total)


@planted("infinity", -1e8, remedy="np.arcsinh(x)")
def arcsinh_of_nothing(x: Any) -> Any:
    root = np.sqrt(x * x + 1)
    return np.log(x + root)  # here


@planted("ill-conditioned", 9.0, 4.5000001, 4.5000002, remedy="(a + (b + c))")
def needle_triangle(a: Any, b: Any, c: Any) -> Any:  # Kahan; Goldberg 1991, theorem 3
    return np.sqrt((a + b + c) / 2 * ((a + b + c) / 2 - a) * ((a + b + c) / 2 - b)  # here
                   * ((a + b + c) / 2 - c))  # fmt: skip


@planted("cancellation", 7.0, remedy="erfc")
def tail_of_the_bell(x: Any) -> Any:
    return 1 - _erf(x)  # here


@planted("cancellation", 1e-12, 3650.5, remedy="np.log1p")
def compound_interest(rate: Any, days: Any) -> Any:  # Goldberg 1991, section 1.4
    growth = (1 + rate) ** days - 1  # here
    return 100 * growth


@planted("cancellation", 1e-9)
def slope_of_a_logarithm(x: Any) -> Any:  # the value is fine, the quotient rule cancels
    return np.log1p(x) / x  # here


@planted("cancellation", 1e-9, 2.0)
def difference_quotient(h: Any, x: Any) -> Any:
    return ((x + h) ** 3 - x**3) / h  # here


def _erf(x: Any) -> Any:
    from scipy.special import erf

    return erf(x)


# Overflow, underflow, and what they do -----------------------------------------------------------


@planted("overflow", [1000.0, 999.0, 1.0], remedy="logsumexp(z)")
def naive_log_sum_exp(z: Any) -> Any:  # Blanchard, Higham & Higham 2021
    weights = np.exp(z)  # here
    return np.log(np.sum(weights))


@planted("infinity", [-1000.0, -999.0, -1200.0], remedy="logsumexp(z)")
def underflowing_log_sum_exp(z: Any) -> Any:
    weights = np.exp(z)
    return np.log(np.sum(weights))  # here


@planted("overflow", [1e200, 2e200], remedy="np.max(np.abs(x))")
def unscaled_length(x: Any) -> Any:  # Blue 1978
    return np.sqrt(np.sum(x * x))  # here


@planted("underflow", [1e-160, 2e-160], remedy="np.max(np.abs(x))")
def vanishing_length(x: Any) -> Any:  # Blue 1978
    return np.sqrt(np.sum(x * x))  # here


@planted("overflow", 1e200, 1e199, remedy="np.hypot(x, y)")
def unscaled_hypotenuse(x: Any, y: Any) -> Any:  # Kahan 1983
    return np.sqrt(x * x + y * y)  # here


@planted("overflow", -800.0, remedy="expit")
def sigmoid_by_hand(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))  # here


@planted("overflow", 800.0, remedy="np.logaddexp(0, x)")
def softplus_by_hand(x: Any) -> Any:
    return np.log(1 + np.exp(x))  # here


@planted("overflow", 750.0, remedy="np.tanh(x)")
def tanh_by_hand(x: Any) -> Any:
    up, down = np.exp(x), np.exp(-x)  # here
    return (up - down) / (up + down)


@planted("infinity", [1e-200, 1e-150, 1e-100], remedy="np.sum(np.log(p))")
def log_likelihood(p: Any) -> Any:
    likelihood = np.prod(p)
    return np.log(likelihood)  # here


@planted("underflow", [1e-200, 1e-150])
def tiny_product(p: Any) -> Any:
    return np.prod(p)  # here


# NaN and infinities ------------------------------------------------------------------------------


@planted("nan", 0.0, remedy="np.sinc")
def sine_over_argument(x: Any) -> Any:
    return np.sin(x) / x  # here


@planted("infinity", [0.0, 0.25, 0.75], remedy="xlogy")
def entropy(p: Any) -> Any:
    logs = np.log(p)  # here
    return -np.sum(p * logs)


@planted("infinity", [0.0, 1.0, 2.0], remedy="np.where")
def condition_as_factor(x: Any) -> Any:
    return np.sum((x > 0) * np.log(x))  # here


@planted("infinity", [0.0, 0.0, 0.0], remedy="np.where")
def length_at_the_origin(x: Any) -> Any:
    s = np.sum(x**2)
    return np.sqrt(s)  # here


@planted("nan", -1.0)
def log_of_a_negative(x: Any) -> Any:
    y = x * 2
    return np.log(y)  # here


@planted("nan", 1.5)
def arccos_outside(x: Any) -> Any:
    y = x * x
    return np.arccos(y)  # here


# Kinks and edges ---------------------------------------------------------------------------------


@planted("kink", 2.0)
def hinge(x: Any) -> Any:
    y = x * x
    return np.maximum(0.0, 4.0 - y)  # here


@planted("near kink", 1.0 + 1e-7)
def nearly_at_a_kink(x: Any) -> Any:
    return x * np.abs(x - 1.0)  # here


@planted("near kink", 1e-8)
def branch(x: Any) -> Any:
    if x > 0:  # here
        return np.sin(x)
    return -x


@planted("domain edge", 0.0)
def root_at_zero(x: Any) -> Any:
    return np.sqrt(x) + 1.0  # here


@planted("domain edge", 1.0 - 1e-9)
def angle_near_its_end(x: Any) -> Any:
    return 2.0 * np.arccos(x)  # here


@planted("domain edge", 1.0 + 1e-9)
def nearly_a_pole(x: Any) -> Any:
    return 1.0 / (x - 1.0)  # here


@planted("ill-conditioned", 77617.0, 33096.0)
def rump(a: Any, b: Any) -> Any:  # Rump 1988
    inner = 11.0 * a**2 * b**2 - b**6 - 121.0 * b**4 - 2.0
    return 333.75 * b**6 + a**2 * inner + 5.5 * b**8 + a / (2.0 * b)  # here


# Nets --------------------------------------------------------------------------------------------


@planted("saturation", 18.0, remedy="expit")
def saturated_tanh(x: Any) -> Any:
    return np.tanh(x)  # here


@planted("saturation", 40.0 * RNG.normal(size=(6, 5)))
def saturated_net(w: Any) -> Any:
    hidden = 1 / (1 + np.exp(-IMAGES @ w))  # here
    return np.mean((hidden - 0.3) ** 2)


@planted("dead units", 0.1 * RNG.normal(size=(6, 5)), np.full(5, -30.0))
def dead_net(w: Any, b: Any) -> Any:
    hidden = np.maximum(IMAGES @ w + b, 0.0)  # here
    return np.mean((hidden - 1.0) ** 2)


@planted("overflow", 1e4 * RNG.normal(size=(6, 3)), remedy="log_softmax")
def naive_cross_entropy(w: Any) -> Any:
    scores = IMAGES @ w
    e = np.exp(scores)  # here
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.log(p)[ROWS, LABELS])


@planted("exploding", 3.0 * np.eye(4) + 0.1 * RNG.normal(size=(4, 4)))
def exploding_recurrence(w: Any) -> Any:
    h = np.full(4, 1e-9)
    for _ in range(20):
        h = w @ h  # here
    return np.sum(h)


@planted("vanishing", 0.3 * np.eye(4) + 0.01 * RNG.normal(size=(4, 4)))
def vanishing_recurrence(w: Any) -> Any:
    h = np.full(4, 0.5)
    for _ in range(20):
        h = np.tanh(w @ h + 0.1)  # here
    return np.sum(h)
