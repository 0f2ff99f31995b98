"""Linear algebra as users write it: equations, factors, spectra, and what is built on them.

Formulas from Golub & Van Loan 2013 (*Matrix computations*) and Boyd & Vandenberghe 2004 (*Convex
optimization*) where no other source stands.  Matrices are small, since symbolic differentiation
writes their inverses and determinants out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from trial import TrialSet

import diffkit as dk

trials = TrialSet("Golub & Van Loan 2013")
A2 = np.array([[2.0, -0.3], [0.7, 1.4]])
A3 = np.array([[3.0, 0.4, -0.7], [0.2, 2.5, 0.9], [-0.5, 0.3, 1.8]])
S2 = np.array([[2.0, 0.6], [0.6, 1.3]])
S3 = np.array([[4.0, 1.0, -0.4], [1.0, 3.0, 0.5], [-0.4, 0.5, 2.0]])
TALL = np.array([[1.0, 0.3], [-0.4, 2.0], [0.6, -0.9]])
B2, B3 = np.array([1.0, -0.5]), np.array([0.7, -1.2, 0.4])
T = np.array([0.0, 0.4, 1.1])
SEEN = np.array([0.3, 0.9, 0.1])
NO_FORMULA = ("symbolic",)  # it grows beyond its budget, or there is none
NUMBERS_ONLY = ("complex", "symbolic")  # neither analytic nor in formulas


# Equations, inverses, determinants ----------------------------------------------------------------


@trials.at(A2, B2)
def linear_equations(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(a, b) ** 2)


@trials.at(A2)
def several_right_sides(a: Any) -> Any:
    return np.sum(np.sin(np.linalg.solve(a, TALL.T)))


@trials.at(A3)
def inverse(a: Any) -> Any:
    return np.sum(np.linalg.inv(a) * S3)


@trials.at(A3, source="Jacobi 1841")
def determinant(a: Any) -> Any:
    return np.linalg.det(a) ** 2


@trials.at(A3)
def log_determinant(a: Any) -> Any:
    sign, log_size = np.linalg.slogdet(a)
    return sign * log_size


@trials.at(np.outer(B3, T) + np.outer(T, SEEN), source="Jacobi 1841, a matrix of rank 2")
def singular_determinant(a: Any) -> Any:
    return np.linalg.det(a)


@trials.at(A2)
def trace_of_a_power(a: Any) -> Any:
    return np.trace(np.linalg.matrix_power(a, 4))


@trials.at(A2)
def power_of_the_inverse(a: Any) -> Any:
    return np.linalg.matrix_power(a, -2).sum()


@trials.at(A2, TALL)
def chain_of_products(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.multi_dot([b, a, a.T, b.T]) ** 2)


@trials.at(S3, B3)
def quadratic_form(a: Any, x: Any) -> Any:
    return x @ a @ x


@trials.at(S3, B3, source="Rayleigh 1877")
def rayleigh_quotient(a: Any, x: Any) -> Any:
    return np.vdot(x, a @ x) / np.inner(x, x)


@trials.at(S2, B2, source="Schur 1917")
def schur_complement(a: Any, b: Any) -> Any:
    return 3.0 - b @ np.linalg.solve(a, b)


@trials.at(B3, SEEN, source="Sherman & Morrison 1950")
def rank_one_update(u: Any, v: Any) -> Any:
    return np.sum(np.linalg.inv(np.eye(3) + np.outer(u, v)))


@trials.at(0.3, source="Hilbert 1894, a shifted Hilbert matrix", exact=1e-9)
def hilbert_equations(shift: Any) -> Any:
    i = np.arange(4)
    return np.linalg.solve(1 / (i[:, None] + i + 1 + shift), np.ones(4))[0]


@trials.at([0.3, 0.7, 1.1, 1.6], source="Vandermonde 1771")
def vandermonde_determinant(x: Any) -> Any:
    return np.linalg.det(np.vander(x, increasing=True))


@trials.at(S2, A2)
def tensor_equations(a: Any, b: Any) -> Any:
    big = np.einsum("ij,kl->ikjl", a, b) + 2 * np.eye(4).reshape(2, 2, 2, 2)
    return np.sum(np.linalg.tensorsolve(big, S2) ** 2)


# Factors ------------------------------------------------------------------------------------------


@trials.at(S3, source="Cholesky 1924")
def cholesky_factor(a: Any) -> Any:
    return np.sum(np.linalg.cholesky(a) * A3)


@trials.at(B3, S3)
def normal_density_by_cholesky(x: Any, covariance: Any) -> Any:
    factor = np.linalg.cholesky(covariance)
    white = dk.scipy.linalg.solve_triangular(factor, x, lower=True)
    return -0.5 * white @ white - np.sum(np.log(np.diag(factor))) - 1.5 * np.log(2 * np.pi)


@trials.at(S2, B2)
def solution_from_a_cholesky_factor(a: Any, b: Any) -> Any:
    return np.sum(dk.scipy.linalg.cho_solve(dk.scipy.linalg.cho_factor(a), b) ** 2)


@trials.at(TALL, refuses=("complex", "symbolic"))
def orthogonal_factor(a: Any) -> Any:
    q, r = np.linalg.qr(a)
    return np.sum(q[:, 1] * B3) ** 2 + np.prod(np.diag(r))


@trials.at(TALL, B3, refuses=NUMBERS_ONLY)
def least_squares(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.lstsq(a, b, rcond=None)[0] ** 2)


@trials.at(TALL, B3, source="Moore 1920, Penrose 1955", refuses=NUMBERS_ONLY)
def pseudo_inverse(a: Any, b: Any) -> Any:
    return np.sum((np.linalg.pinv(a) @ b) ** 2)


@trials.at(TALL, 0.1, source="Tikhonov 1943")
def ridge_regression(a: Any, strength: Any) -> Any:
    w = np.linalg.solve(a.T @ a + strength * np.eye(2), a.T @ B3)
    return np.sum((a @ w - B3) ** 2) + strength * w @ w


# Spectra ------------------------------------------------------------------------------------------


@trials.at(S3, refuses=NUMBERS_ONLY)
def largest_eigenvalue(a: Any) -> Any:
    return np.linalg.eigvalsh(a)[-1]


@trials.at(S3, refuses=NUMBERS_ONLY)
def gap_of_the_spectrum(a: Any) -> Any:
    w = np.linalg.eigvalsh((a + a.T) / 2)
    return (w[1] - w[0]) * (w[2] - w[1])


@trials.at(S3, refuses=NUMBERS_ONLY)
def entropy_of_a_spectrum(a: Any) -> Any:
    w = np.linalg.eigvalsh(a / np.trace(a))
    return -np.sum(w * np.log(w))


@trials.at(S3, refuses=NUMBERS_ONLY, source="Löwdin 1950")
def inverse_square_root(a: Any) -> Any:
    w, v = np.linalg.eigh(a)
    return np.sum((v / np.sqrt(w)) @ v.T * A3)


@trials.at(np.eye(3) * 2.0, refuses=NUMBERS_ONLY, source="a triple eigenvalue")
def logarithm_of_tied_eigenvalues(a: Any) -> Any:
    return np.sum(np.log(np.linalg.eigvalsh(a)))


@trials.at(TALL, refuses=NUMBERS_ONLY)
def spectral_norm(a: Any) -> Any:
    return np.linalg.norm(a, 2)


@trials.at(TALL, refuses=NUMBERS_ONLY, source="Fazel 2002")
def nuclear_norm(a: Any) -> Any:
    return np.linalg.norm(a, "nuc")


@trials.at(A3)
def frobenius_norm(a: Any) -> Any:
    return np.linalg.norm(a)


@trials.at(A3)
def greatest_column_sum(a: Any) -> Any:
    return np.linalg.norm(a, 1) * np.linalg.norm(a, np.inf)


@trials.at(A2, refuses=NUMBERS_ONLY)
def condition_number(a: Any) -> Any:
    return np.linalg.cond(a)


@trials.at(TALL, refuses=NUMBERS_ONLY, source="Schatten 1946")
def schatten_norm(a: Any) -> Any:
    s = np.linalg.svd(a, compute_uv=False)
    return np.sum(s**3) ** (1 / 3)


@trials.at(TALL, refuses=NUMBERS_ONLY, source="Eckart & Young 1936")
def best_approximation_of_rank_one(a: Any) -> Any:
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.sum((s[0] * np.outer(u[:, 0], vt[0]) - B3[:, None]) ** 2)


@trials.at(TALL, refuses=NUMBERS_ONLY, source="Schönemann 1966")
def orthogonal_procrustes(a: Any) -> Any:
    u, _, vt = np.linalg.svd(a.T @ (TALL + 0.3 * B3[:, None]))
    return np.sum((a @ u @ vt - TALL[::-1]) ** 2)


@trials.at(TALL, refuses=NUMBERS_ONLY, source="Pearson 1901, Hotelling 1933")
def principal_component_loss(x: Any) -> Any:
    centred = x - x.mean(axis=0)
    _, v = np.linalg.eigh(centred.T @ centred)
    return np.sum((centred - centred @ np.outer(v[:, -1], v[:, -1])) ** 2)


@trials.at(0.4 * A2, refuses=NO_FORMULA, source="Moler & Van Loan 2003")
def matrix_exponential(a: Any) -> Any:
    return np.sum(dk.scipy.linalg.expm(a) * S2)


@trials.at(0.7, 0.4, refuses=NO_FORMULA, source="an oscillator's state after a time")
def damped_oscillator_by_expm(stiffness: Any, damping: Any) -> Any:
    rates = np.array([[0.0, 1.0], [-stiffness, -damping]])
    return (dk.scipy.linalg.expm(1.5 * rates) @ B2)[0]


# Models -------------------------------------------------------------------------------------------


@trials.at(B2, S2, source="Kalman 1960")
def kalman_update(x: Any, p: Any) -> Any:
    h = np.array([[1.0, 0.5]])
    gain = p @ h.T @ np.linalg.inv(h @ p @ h.T + 0.2)
    x = x + gain @ (1.3 - h @ x)
    p = (np.eye(2) - gain @ h) @ p
    return x @ x + np.trace(p)


@trials.at(0.8, 0.5, source="Rasmussen & Williams 2006, eq. 2.30")
def gaussian_process_likelihood(scale: Any, length: Any) -> Any:
    k = scale**2 * np.exp(-0.5 * ((T[:, None] - T) / length) ** 2) + 0.1 * np.eye(3)
    _, log_det = np.linalg.slogdet(k)
    return -0.5 * SEEN @ np.linalg.solve(k, SEEN) - 0.5 * log_det


@trials.at(S3, source="Boyd & Vandenberghe 2004, §11.2")
def log_det_barrier(x: Any) -> Any:
    return np.trace(x @ A3) - np.linalg.slogdet(x)[1]


@trials.at(B2, source="Boyd & Vandenberghe 2004, the analytic centre")
def logarithmic_barrier(x: Any) -> Any:
    return -np.sum(np.log(2.5 - TALL @ x))


@trials.at(S2, A2, source="Kullback & Leibler 1951, two normal densities")
def divergence_of_normal_densities(s: Any, a: Any) -> Any:
    other = a @ a.T
    ratio = np.linalg.solve(other, s)
    return 0.5 * (np.trace(ratio) - 2 - np.linalg.slogdet(ratio)[1])


@trials.at(S2, source="Bures 1969, Wasserstein distance to the identity", refuses=NUMBERS_ONLY)
def bures_distance(s: Any) -> Any:
    return np.trace(s) + 2 - 2 * np.sum(np.sqrt(np.linalg.eigvalsh(s)))


@trials.at([0.2, 0.5, 0.1], source="Page & Brin 1998")
def page_rank(links: Any) -> Any:
    p = np.block([[0, links[0], 1], [0.5, 0, 0], [links[1], links[2], 0]])
    return np.linalg.solve(np.eye(3) - 0.85 * p / p.sum(axis=0), np.ones(3))[0]
