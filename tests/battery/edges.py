"""Points at which a derivative exists, but rules applied without thought give NaN, or 0, or ∞.

A zero beside a logarithm, a branch that is not taken, a power of zero, a product with zeros, an
exponential that overflows.  At each the function is smooth, unless the trial is called a kink, and
then it is flat enough there to have one slope.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp
from trial import TrialSet

import diffkit as dk

trials = TrialSet("the function's own Taylor series")
ZEROS = np.array([0.0, 1.3, 0.0, -0.7])


# Branches that are not taken ----------------------------------------------------------------------


@trials.at(ZEROS, kink=True, source="no second derivative at 0")
def logarithm_where_positive(x: Any) -> Any:
    return np.sum(np.where(x > 0, x**2 * np.log(x), x**3))


@trials.at(ZEROS, kink=True, source="no second derivative at 0")
def root_where_positive(x: Any) -> Any:
    return np.sum(np.where(x > 0, x * np.sqrt(x), x**2))


@trials.at(ZEROS)
def quotient_where_not_zero(x: Any) -> Any:
    return np.sum(np.where(x != 0, np.sin(x) / x, 1.0 - x**2 / 6))


@trials.at([-900.0, 0.5, 900.0])
def exponential_where_small(x: Any) -> Any:
    return np.sum(np.where(x < 1, np.exp(x), x))


@trials.at([0.0, 0.5, 2.0])
def arcsine_inside_its_domain(x: Any) -> Any:
    return np.sum(np.where(np.abs(x) < 1, np.arcsin(x), np.pi / 2 * x))


@trials.at([-1.0, 1.3, -0.2, 0.7])
def masked_logarithm(x: Any) -> Any:
    mask = x > 0
    return np.sum(np.log(x[mask]) * x[mask])


# Powers and products of zero ----------------------------------------------------------------------


@trials.at(ZEROS)
def zeroth_power(x: Any) -> Any:
    return np.sum(x**0 + x**1)


@trials.at(0.0)
def polynomial_at_zero(x: Any) -> Any:
    return sum(c * x**k for k, c in enumerate([2.0, -1.0, 3.0, 0.5]))


@trials.at(0.0, [1.0, 2.0, 3.5], kink=True, source="the edge of the domain")
def powers_of_zero(x: Any, n: Any) -> Any:
    return np.sum(x**n)


@trials.at(ZEROS)
def squared_power_of_three_halves(x: Any) -> Any:
    return np.sum((x**2) ** 1.5)


@trials.at([0.0, 1.3, 2.0, -0.7])
def product_with_a_zero(x: Any) -> Any:
    return np.prod(x)


@trials.at(ZEROS)
def product_with_two_zeros(x: Any) -> Any:
    return np.prod(x) + np.prod(x[1:])


@trials.at(np.zeros((3, 3)), source="the derivative of a determinant is the adjugate")
def determinant_of_zero(a: Any) -> Any:
    return np.linalg.det(a) + a[0, 1]


@trials.at(np.ones((3, 3)))
def determinant_of_rank_one(a: Any) -> Any:
    return np.linalg.det(a + np.diag([0.0, 0.0, 1.0]))


@trials.at([0.0, 0.0, 2.0], source="xlogy(0, 0) = 0")
def weighted_logarithm_of_zero(x: Any) -> Any:
    return np.sum(sp.xlogy(0.0, x) + sp.xlogy(2.0, x + 1.0))


@trials.at(0.0)
def logarithm_near_one(x: Any) -> Any:
    return np.log1p(x) / (1 + np.expm1(x))


# Norms and angles ---------------------------------------------------------------------------------


@trials.at(np.zeros(3))
def squared_norm_at_zero(x: Any) -> Any:
    return np.linalg.norm(x) ** 2 + x[0]


@trials.at([1e-200, 0.0, 2e-200], scale=1e-200, exact=1e-11, finite=1e-5)
def norm_of_tiny_numbers(x: Any) -> Any:
    return np.hypot(np.hypot(x[0], x[1]), x[2])


@trials.at(0.0, 2.0)
def hypotenuse_on_an_axis(x: Any, y: Any) -> Any:
    return np.hypot(x, y) + np.hypot(y, x)


@trials.at(0.0, 2.0)
def angle_on_the_axes(x: Any, y: Any) -> Any:
    return np.arctan2(y, x) + np.arctan2(x, y) * y


@trials.at(0.0, -2.0)
def modulus_squared_at_zero(x: Any, y: Any) -> Any:
    return np.abs(x) ** 2 * y + np.sqrt(x**4 + y**2)


@trials.at([0.0, 0.5, 1e-9])
def sinc_at_zero(x: Any) -> Any:
    return np.sum(np.sinc(x) * (1 + x))


@trials.at([1e-5, 0.3], exact=1e-9, finite=1e-5, source="a difference of terms of size 10⁵")
def versed_sine_over_square(x: Any) -> Any:
    return np.sum(2 * np.sin(x / 2) ** 2 / x**2)


# Exponentials that overflow -----------------------------------------------------------------------


@trials.at([-np.inf, 0.3, -0.8], kink=True, source="there is no step from −∞")
def log_sum_beside_minus_infinity(x: Any) -> Any:
    return dk.scipy.special.logsumexp(x)


@trials.at([0.3, 1.2])
def log_sum_with_a_dead_term(x: Any) -> Any:
    dead = np.where([True, False, False], -np.inf, 0.0)
    return np.logaddexp.reduce(np.concatenate([[0.0], x]) + dead)


@trials.at([1000.0, 999.0, -1000.0], finite=1e-5)
def log_sum_of_large_numbers(x: Any) -> Any:
    return np.logaddexp.reduce(x)


@trials.at([800.0, -800.0, 0.0])
def softplus_of_large_numbers(x: Any) -> Any:
    return np.sum(np.logaddexp(0, x))


@trials.at([-800.0, 30.0, 0.0])
def logistic_of_large_numbers(x: Any) -> Any:
    return np.sum(sp.expit(x))


@trials.at([400.0, -400.0], source="a product of e^400 and e^-400")
def exponentials_that_cancel(x: Any) -> Any:
    return np.exp(x[0] + x[1]) * np.sum(x**2)


@trials.at([3.0, 1.0, 2.0])
def attention_with_a_mask(x: Any) -> Any:
    scores = np.where(np.array([True, False, True]), x, -np.inf)
    e = np.exp(scores - np.max(scores))
    return np.sum(e / np.sum(e) * np.array([1.0, 2.0, 4.0]))


# Ties and orders ----------------------------------------------------------------------------------


@trials.at([0.3, 1.2, -0.5])
def maximum_without_ties(x: Any) -> Any:
    return np.max(x) ** 2 * np.maximum(x[0], x[2]) + np.min(x)


@trials.at([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 5.0]], refuses=("complex", "symbolic"))
def symmetric_function_of_tied_eigenvalues(a: Any) -> Any:
    w = np.linalg.eigvalsh(a)
    return np.sum(np.exp(w)) + np.prod(w)


@trials.at(np.eye(2), refuses=("complex", "symbolic"))
def tied_singular_values(a: Any) -> Any:
    return np.sum(np.linalg.svd(a, compute_uv=False) ** 2)


@trials.at([0.0, 0.0], kink=True, source="both branches have the same slope")
def smooth_joint(x: Any) -> Any:
    return np.sum(np.where(x > 0, x + x**2, x - x**3))


@trials.at([0.0, -0.4])
def cube_of_absolute_value(x: Any) -> Any:
    return np.sum(np.abs(x) ** 3)


@trials.at([0.0, 2.0])
def squared_hinge_at_its_corner(x: Any) -> Any:
    return np.sum(np.maximum(x, 0.0) ** 2)


@trials.at(0.0, finite=1e-5, source="no second derivative at 0")
def sign_times_square(x: Any) -> Any:
    return np.sign(x) * x**2 + 3 * x


# Nearly nothing -----------------------------------------------------------------------------------


@trials.at(np.zeros((0,)), 2.0)
def sum_over_nothing(x: Any, y: Any) -> Any:
    return np.sum(x**2) + np.prod(x) * y


@trials.at(np.zeros((0, 3)), 2.0)
def product_with_empty_matrix(x: Any, y: Any) -> Any:
    return np.sum(x @ np.ones((3, 2))) + y**2 + np.sum(x.T @ x)


@trials.at(np.array(0.7))
def zero_dimensional_array(x: Any) -> Any:
    return np.sum(x[None] * x[()] + x.reshape(1, 1)[0, 0])


@trials.at([[1.5]], 3, np.float64(0.4))
def one_by_one_and_an_integer(a: Any, n: int, x: Any) -> Any:
    return np.linalg.solve(a, np.ones(1))[0] * x**n + n / x


@trials.at(0.6, np.array([1, 2, 3]))
def integer_array_beside_a_float(x: Any, n: Any) -> Any:
    return np.sum(x**n / n) + np.sum(n // 2 * x)


@trials.at([1e-150, 2e-150], scale=1e-150, source="squares that underflow")
def product_of_tiny_numbers(x: Any) -> Any:
    return x[0] * 1e150 * x[1] * 1e150


@trials.at([1e150, 2e150], scale=1e150, source="squares that overflow")
def quotient_of_huge_numbers(x: Any) -> Any:
    return x[0] / x[1]
