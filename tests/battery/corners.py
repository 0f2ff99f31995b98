"""Special functions at their special points, degenerate matrices, complex numbers on the way.

Zeros, poles' neighbours, ties of a norm, matrices that are zero or diagonal: values at which series
change and divisions fail.  Values as in the *Digital library of mathematical functions* (DLMF).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp
from trial import TrialSet

import diffkit as dk

trials = TrialSet("DLMF")
V = np.array([0.7, -1.3, 2.1, 0.4])
M = np.array([[0.5, -1.1, 2.0], [1.7, 0.9, -0.4]])
Z = np.array([0.0, 1.2, -0.5])
PAIR = np.array([[[1.0, 2.0], [3.0, 5.0]], [[2.0, 1.0], [0.0, 1.0]]])
REAL_ONLY = ("complex",)  # a special function that is not taken to complex numbers
NUMBERS_ONLY = ("complex", "symbolic")


# Special functions --------------------------------------------------------------------------------


@trials.at(0.0)
def elementary_functions_at_zero(x: Any) -> Any:
    return np.expm1(x) * np.log1p(x) + np.sinh(x) + np.tanh(x) + np.arcsinh(x) + np.arctanh(x)


@trials.at(0.0, refuses=REAL_ONLY)
def error_functions_at_zero(x: Any) -> Any:
    return sp.erf(x) + 2 * sp.erfinv(x) + 3 * sp.dawsn(x) + sp.erfcx(x)


@trials.at(0.0, refuses=REAL_ONLY)
def bessel_functions_at_zero(x: Any) -> Any:
    return sp.j0(x) + 2 * sp.j1(x) + sp.i0(x) + 3 * sp.i1(x) + np.i0(x)


@trials.at(1.0, refuses=REAL_ONLY)
def gamma_at_one(x: Any) -> Any:
    return sp.gamma(x) + 2 * sp.gammaln(x) + 3 * sp.digamma(x)


@trials.at(-1.5, refuses=REAL_ONLY)
def gamma_between_poles(x: Any) -> Any:
    return sp.gamma(x) * sp.gammaln(x)


@trials.at(1.0, 1.0, refuses=REAL_ONLY)
def beta_at_one(a: Any, b: Any) -> Any:
    return sp.beta(a, b) + 2 * sp.betaln(a, b)


@trials.at(1.7, 0.0, refuses=REAL_ONLY, source="Box & Cox 1964, the limit log x")
def box_cox_at_zero(x: Any, power: Any) -> Any:
    return sp.boxcox(x, power)


@trials.at(0.0, refuses=REAL_ONLY)
def relative_exponential_at_zero(x: Any) -> Any:
    return sp.exprel(x) + sp.cosm1(x) + sp.xlog1py(x, x)


@trials.at(-1e4, source="Φ underflows, its logarithm does not")
def far_tail(x: Any) -> Any:
    return sp.log_ndtr(x)


@trials.at(1.5, refuses=REAL_ONLY)
def polygamma_functions(q: Any) -> Any:
    return dk.scipy.special.polygamma(2, q) * dk.scipy.special.zeta(2.5, q)


@trials.at(4.5, refuses=REAL_ONLY)
def binomial_coefficients(n: Any) -> Any:
    return dk.scipy.special.comb(n, 2.0) + dk.scipy.special.multigammaln(n, 2)


@trials.at(0.3, refuses=REAL_ONLY)
def hypergeometric_functions(x: Any) -> Any:
    return sp.hyp1f1(1.2, 2.3, x) + sp.hyp2f1(0.5, 1.2, 2.3, x) + sp.betainc(1.2, 3.4, x)


@trials.at(0.9, refuses=REAL_ONLY)
def integral_functions(x: Any) -> Any:
    return sp.expi(x) + sp.exp1(x) + sp.expn(2, x) + sp.struve(1, x) + sp.spence(x)


@trials.at(0.8, refuses=REAL_ONLY, source="Lambert 1758, Corless et al. 1996")
def lambert_function(x: Any) -> Any:
    return np.real(sp.lambertw(x)) ** 2


@trials.at([0.5, 0.5], refuses=REAL_ONLY, source="a divergence at its minimum")
def divergence_at_its_minimum(p: Any) -> Any:
    return np.sum(sp.kl_div(p, [0.5, 0.5])) + p[0]


# Norms and matrices -------------------------------------------------------------------------------


@trials.at(Z)
def third_norm_beside_zero(x: Any) -> Any:
    return np.linalg.norm(x, 3)


@trials.at(V)
def greatest_and_least_entry(x: Any) -> Any:
    return np.linalg.norm(x, np.inf) * np.linalg.norm(x, -np.inf)


@trials.at(M)
def norms_of_rows(x: Any) -> Any:
    return np.sum(np.linalg.norm(x, axis=1) * [1.0, 2.0])


@trials.at([[0.0, 0.0], [1.0, 2.0]], source="a row of zeros")
def squared_norms_of_rows(x: Any) -> Any:
    return np.sum(np.linalg.norm(x, axis=1) ** 2) + x[0, 1]


@trials.at(np.zeros((2, 2)), refuses=("symbolic",))
def exponential_of_the_zero_matrix(a: Any) -> Any:
    return np.sum(dk.scipy.linalg.expm(a) * [[1.0, 2.0], [3.0, 4.0]])


@trials.at(np.zeros((2, 2)))
def power_of_the_zero_matrix(a: Any) -> Any:
    return np.sum(np.linalg.matrix_power(a, 3) + np.linalg.matrix_power(a, 0) @ a)


@trials.at(np.diag([1.0, 3.0]), refuses=NUMBERS_ONLY)
def eigenvalues_of_a_diagonal_matrix(a: Any) -> Any:
    return np.sum(np.linalg.eigvalsh(a) * [1.0, 2.0]) + np.sum(np.linalg.cholesky(a))


@trials.at([[0.0, 1.0], [1.0, 0.0]])
def inverse_of_an_exchange(a: Any) -> Any:
    return np.sum(np.linalg.inv(a) * [[1.0, 2.0], [3.0, 4.0]]) + np.linalg.slogdet(a)[1]


@trials.at(PAIR)
def many_equations_at_once(a: Any) -> Any:
    x = np.linalg.solve(a, np.ones((2, 2, 1)))
    return np.sum(x**2) + np.linalg.det(a) @ [1.0, 2.0]


@trials.at([1.0, 1.0, 1.0], source="equal numbers have variance 0")
def variance_of_constants(x: Any) -> Any:
    return np.std(x) ** 2 + np.var(x) + x[0]


# Rarer functions ----------------------------------------------------------------------------------


@trials.at(V)
def sums_of_stretches(x: Any) -> Any:
    return np.add.reduceat(x**2, [0, 2]) @ [1.0, 2.0] + np.multiply.reduce(x)


@trials.at(V)
def outer_of_a_ufunc(x: Any) -> Any:
    return np.sum(np.multiply.outer(x, x) * np.arange(16.0).reshape(4, 4))


@trials.at(V, refuses=NUMBERS_ONLY, source="Legendre 1805")
def fitted_line(y: Any) -> Any:
    return np.sum(np.polyfit([0.0, 1.0, 2.0, 3.0], y, 1) ** 2)


@trials.at(M)
def weighted_covariance(x: Any) -> Any:
    return np.sum(np.cov(x, aweights=[1.0, 2.0, 3.0]) * [[1.0, 2.0], [0.5, 1.0]])


@trials.at([1.0, 3.5])
def missing_values(x: Any) -> Any:
    with_gap = np.append(x, np.nan)
    return np.nanmean(with_gap**2) + np.nanstd(with_gap) * np.nansum(with_gap)


@trials.at(V)
def unwrapped_phase(x: Any) -> Any:
    return np.sum(np.unwrap(5 * x) ** 2)


@trials.at(V)
def remainders(x: Any) -> Any:
    return np.sum(np.mod(x, 0.9) * x) + np.sum(np.fmod(x, 0.8) * (x // 0.5))


@trials.at(V)
def counted_by_weight(x: Any) -> Any:
    return np.sum(np.bincount([0, 1, 1, 3], weights=x) ** 2)


@trials.at(2.3)
def geometric_ladder(top: Any) -> Any:
    return np.sum(np.geomspace(1.0, top, 4)) + np.sum(np.linspace(top, 2 * top, 4) ** 2)


# Complex numbers on the way -----------------------------------------------------------------------


@trials.at(0.7, 1.3, source="Heaviside 1893")
def impedance_by_complex_numbers(r: Any, omega: Any) -> Any:
    return np.abs(1 / (1 / r + 1j * omega * 0.3))


@trials.at(0.7)
def complex_exponential(x: Any) -> Any:
    z = np.exp((0.3 + 1j) * x)
    return np.imag(z) * np.real(np.log(x + 1j)) + np.abs(z) ** 2


@trials.at(M)
def complex_matrix_product(x: Any) -> Any:
    return np.sum(np.abs((x + 1j) @ np.array([[1, 1j], [2, 0], [1j, 1]])) ** 2)


@trials.at(0.7, 1.3)
def argument_of_a_complex_number(x: Any, y: Any) -> Any:
    z = x + 1j * y
    return np.angle(z) * z.real + np.real(np.sqrt(z) * np.conj(z))


# Iterations with a limit --------------------------------------------------------------------------


@trials.at(0.7, source="Lambert 1761, tan x")
def continued_fraction(x: Any) -> Any:
    value = 1.0
    for k in range(10, 0, -1):
        value = 2 * k - 1 - x**2 / value
    return x / value


@trials.at(0.3, source="Gauss 1799")
def arithmetic_geometric_mean(x: Any) -> Any:
    a, g = 1.0, x
    for _ in range(5):
        a, g = (a + g) / 2, np.sqrt(a * g)
    return a
