"""Statistics: moments, likelihoods, divergences and bounds.

Densities as in Johnson, Kotz & Balakrishnan 1994 (*Continuous univariate distributions*) where no
other source stands; ``scipy.special`` is called as users call it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp
from trial import TrialSet

import diffkit as dk

trials = TrialSet("Johnson, Kotz & Balakrishnan 1994")
SEEN = np.array([0.3, 1.7, 0.9, 2.4, 0.6])
COUNTS = np.array([0, 3, 1, 5, 2])
SHARES = np.array([0.2, 0.5, 0.3])
POINTS = np.array([[0.5, -1.1], [1.7, 0.9], [-0.8, 0.6], [0.1, 0.4]])
LOGITS = np.array([0.4, -1.2, 0.9])
NO_FORMULA = ("symbolic",)  # it grows beyond its budget, or the order of symbols is not known
REAL_ONLY = ("complex",)  # a special function that is not taken to complex numbers


# Moments ------------------------------------------------------------------------------------------


@trials.at(SEEN)
def unbiased_variance(x: Any) -> Any:
    return np.var(x, ddof=1) * np.std(x, ddof=1)


@trials.at(POINTS)
def standard_deviations(x: Any) -> Any:
    return np.sum(x.std(axis=0)) + np.sum(x.var(axis=1, ddof=1))


@trials.at(POINTS)
def covariance(x: Any) -> Any:
    return np.sum(np.cov(x, rowvar=False) * [[1.0, 2.0], [0.5, -1.0]])


@trials.at(POINTS, source="Pearson 1895")
def correlation(x: Any) -> Any:
    return np.corrcoef(x[:, 0], x[:, 1])[0, 1]


@trials.at(SEEN, source="Pearson 1895")
def skewness(x: Any) -> Any:
    z = (x - x.mean()) / x.std()
    return np.mean(z**3)


@trials.at(SEEN, source="Pearson 1905")
def kurtosis(x: Any) -> Any:
    centred = x - np.mean(x)
    return np.mean(centred**4) / np.mean(centred**2) ** 2 - 3


@trials.at(SEEN, LOGITS[:1])
def weighted_average(x: Any, w: Any) -> Any:
    return np.average(x**2, weights=np.exp(w * x))


@trials.at(SEEN)
def geometric_and_harmonic_mean(x: Any) -> Any:
    return np.prod(x) ** (1 / 5) + 5 / np.sum(1 / x)


@trials.at(SEEN, source="Atkinson 1970")
def inequality(x: Any) -> Any:
    return 1 - np.mean(np.sqrt(x)) ** 2 / np.mean(x)


@trials.at([1.0, 1.0 + 1e-9, 1.0 - 1e-9], source="a spread of 1e-9", exact=1e-6, finite=1.0)
def spread_of_near_constants(x: Any) -> Any:
    return np.std(x)


# Likelihoods --------------------------------------------------------------------------------------


@trials.at(0.7, 1.3)
def normal_likelihood(mean: Any, deviation: Any) -> Any:
    z = (SEEN - mean) / deviation
    return np.sum(-0.5 * z**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi))


@trials.at(3.5, 0.8, source="Student 1908", refuses=REAL_ONLY)
def student_likelihood(nu: Any, scale: Any) -> Any:
    z = SEEN / scale
    constant = sp.gammaln((nu + 1) / 2) - sp.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    return np.sum(constant - np.log(scale) - (nu + 1) / 2 * np.log1p(z**2 / nu))


@trials.at(2.3, 1.4, refuses=REAL_ONLY)
def gamma_likelihood(shape: Any, rate: Any) -> Any:
    return np.sum(sp.xlogy(shape, rate) - sp.gammaln(shape)
                  + (shape - 1) * np.log(SEEN) - rate * SEEN)  # fmt: skip


@trials.at(2.3, 0.7, refuses=REAL_ONLY)
def beta_likelihood(a: Any, b: Any) -> Any:
    return np.sum(sp.xlogy(a - 1, SHARES) + sp.xlog1py(b - 1, -SHARES) - sp.betaln(a, b))


@trials.at(1.7, source="Poisson 1837")
def poisson_likelihood(rate: Any) -> Any:
    return np.sum(sp.xlogy(COUNTS, rate) - rate - sp.gammaln(COUNTS + 1.0))


@trials.at(1.8, 1.1, source="Weibull 1951")
def weibull_likelihood(k: Any, scale: Any) -> Any:
    z = SEEN / scale
    return np.sum(np.log(k / scale) + (k - 1) * np.log(z) - z**k)


@trials.at(0.4, 1.9, source="von Mises 1918", refuses=REAL_ONLY)
def von_mises_likelihood(mean: Any, concentration: Any) -> Any:
    return np.sum(concentration * (np.cos(SEEN - mean) - 1)
                  - np.log(2 * np.pi * sp.i0e(concentration)))  # fmt: skip


@trials.at(2.6, 0.35, refuses=REAL_ONLY)
def negative_binomial_likelihood(r: Any, p: Any) -> Any:
    return np.sum(sp.gammaln(COUNTS + r) - sp.gammaln(r) - sp.gammaln(COUNTS + 1.0)
                  + r * np.log(p) + sp.xlog1py(COUNTS, -p))  # fmt: skip


@trials.at(0.3, 7, refuses=REAL_ONLY)
def binomial_likelihood(p: Any, n: int) -> Any:
    return np.sum(np.log(sp.binom(n, COUNTS)) + sp.xlogy(COUNTS, p) + sp.xlog1py(n - COUNTS, -p))


@trials.at([0.8, 1.9, 1.2], source="Dirichlet 1839", refuses=REAL_ONLY)
def dirichlet_likelihood(a: Any) -> Any:
    return np.sum((a - 1) * np.log(SHARES)) + sp.gammaln(a.sum()) - sp.gammaln(a).sum()


@trials.at(0.3, 0.9)
def laplace_likelihood(median: Any, scale: Any) -> Any:
    return -np.sum(np.abs(SEEN - median) / scale) - 5 * np.log(2 * scale)


@trials.at(0.3, 0.9, source="Cauchy 1853")
def cauchy_likelihood(median: Any, scale: Any) -> Any:
    return -np.sum(np.log(np.pi * scale * (1 + ((SEEN - median) / scale) ** 2)))


@trials.at(0.7, 1.2, 0.3, source="Azzalini 1985")
def skew_normal_likelihood(mean: Any, scale: Any, skew: Any) -> Any:
    z = (SEEN - mean) / scale
    return np.sum(-0.5 * z**2 + sp.log_ndtr(skew * z) - np.log(scale))


@trials.at(0.4, 1.1, source="Tobin 1958, observations cut off at 1.5")
def censored_likelihood(mean: Any, scale: Any) -> Any:
    z = (np.minimum(SEEN, 1.5) - mean) / scale
    return np.sum(np.where(SEEN < 1.5, -0.5 * z**2 - np.log(scale), sp.log_ndtr(-z)))


@trials.at(1.6, 0.8, source="Gumbel 1935")
def gumbel_likelihood(mode: Any, scale: Any) -> Any:
    z = (SEEN - mode) / scale
    return -np.sum(z + np.exp(-z)) - 5 * np.log(scale)


@trials.at(0.25, 0.8, source="Jenkinson 1955, generalised extreme values")
def extreme_value_likelihood(shape: Any, scale: Any) -> Any:
    t = 1 + shape * SEEN / scale
    return -np.sum((1 + 1 / shape) * np.log(t) + t ** (-1 / shape)) - 5 * np.log(scale)


@trials.at([0.4, -0.2], source="Cox 1972")
def partial_likelihood(b: Any) -> Any:
    risk = POINTS @ b
    return np.sum(risk - np.logaddexp.accumulate(risk[::-1])[::-1])


@trials.at([0.3, -0.6], source="Bliss 1934")
def probit_likelihood(b: Any) -> Any:
    return np.sum(sp.log_ndtr(np.array([1, -1, 1, 1]) * (POINTS @ b)))


# Divergences, mixtures, bounds --------------------------------------------------------------------


@trials.at(LOGITS, source="Kullback & Leibler 1951", refuses=REAL_ONLY)
def divergence_of_shares(z: Any) -> Any:
    return np.sum(sp.rel_entr(dk.scipy.special.softmax(z), SHARES))


@trials.at(LOGITS, source="Lin 1991", refuses=REAL_ONLY)
def jensen_shannon_divergence(z: Any) -> Any:
    p = dk.scipy.special.softmax(z)
    middle = (p + SHARES) / 2
    return np.sum(sp.kl_div(p, middle) + sp.kl_div(SHARES, middle)) / 2


@trials.at(LOGITS, source="Hellinger 1909")
def hellinger_distance(z: Any) -> Any:
    p = dk.scipy.special.softmax(z)
    return np.sqrt(np.sum((np.sqrt(p) - np.sqrt(SHARES)) ** 2) / 2)


@trials.at(LOGITS, source="Rényi 1961")
def renyi_divergence(z: Any) -> Any:
    return 2 * dk.scipy.special.logsumexp(1.5 * np.log(SHARES) - 0.5 * (z - np.log(SHARES)))


@trials.at(LOGITS)
def entropy_of_softmax(z: Any) -> Any:
    return np.sum(sp.entr(dk.scipy.special.softmax(z)))


@trials.at([[0.3, -0.4], [0.9, 0.7]], source="Shannon 1948")
def mutual_information(z: Any) -> Any:
    p = np.exp(z) / np.sum(np.exp(z))
    independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0)
    return np.sum(p * np.log(p / independent))


@trials.at([[0.3, -0.4], [0.9, 0.2]], source="Shannon 1948, independent: a minimum with value 0")
def no_mutual_information(z: Any) -> Any:
    p = np.exp(z) / np.sum(np.exp(z))
    return np.sum(p * np.log(p / np.outer(p.sum(axis=1), p.sum(axis=0))))


@trials.at([0.4, -0.3], [-0.5, 0.2], source="Kingma & Welling 2014")
def evidence_bound(mean: Any, log_variance: Any) -> Any:
    noise = np.array([[0.3, -0.8], [1.1, 0.4]])
    z = mean + np.exp(log_variance / 2) * noise
    fit = -0.5 * np.mean(np.sum((POINTS[:2] - z) ** 2, axis=1))
    return fit + 0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance))


@trials.at(LOGITS[:2], [0.2, 1.8], source="Dempster, Laird & Rubin 1977")
def mixture_likelihood(weights: Any, means: Any) -> Any:
    log_w = dk.scipy.special.log_softmax(weights)
    each = log_w - 0.5 * (SEEN[:, None] - means) ** 2
    return np.sum(dk.scipy.special.logsumexp(each, axis=1))


@trials.at([0.2, 0.9], 0.5, source="Baum et al. 1970, forward algorithm in logarithms")
def hidden_markov_likelihood(stay: Any, width: Any) -> Any:
    same, other = -np.logaddexp(0, -stay), -np.logaddexp(0, stay)
    emit = -0.5 * ((SEEN[:3, None] - np.array([0.5, 2.0])) / width) ** 2
    a = emit[0]
    for row in emit[1:]:
        a = np.logaddexp(a + same, a[::-1] + other[::-1]) + row
    return np.logaddexp(a[0], a[1])


@trials.at(POINTS[:, 0], source="Gretton et al. 2012")
def mean_discrepancy(x: Any) -> Any:
    def kernel(a: Any, b: Any) -> Any:
        return np.mean(np.exp(-0.5 * np.subtract.outer(a, b) ** 2))

    return kernel(x, x) - 2 * kernel(x, SEEN) + kernel(SEEN, SEEN)


@trials.at(POINTS[:, 0], refuses=NO_FORMULA, source="Ramdas, Trillos & Cuturi 2017")
def wasserstein_distance(x: Any) -> Any:
    return np.mean((np.sort(x) - np.sort(SEEN[:4])) ** 2)


# Special functions --------------------------------------------------------------------------------


@trials.at(SEEN, refuses=REAL_ONLY)
def gamma_family(x: Any) -> Any:
    return np.sum(sp.gamma(x + 0.5) + sp.digamma(x) * sp.gammaln(x))


@trials.at(SEEN, refuses=REAL_ONLY)
def error_functions(x: Any) -> Any:
    return np.sum(sp.erf(x) * sp.erfcx(x) + sp.erfinv(np.tanh(x)) - np.log(sp.erfc(x)))


@trials.at([-38.0, -6.0, 0.0, 5.0], source="the far tail of the normal distribution")
def normal_tails(x: Any) -> Any:
    return np.sum(sp.log_ndtr(x)) + np.sum(sp.ndtr(x))


@trials.at(SEEN, refuses=REAL_ONLY)
def bessel_functions(x: Any) -> Any:
    return np.sum(sp.j0(x) * sp.y1(x) + sp.i1(x) * sp.k0(x) + sp.jv(2, x))


@trials.at(SHARES)
def log_odds(p: Any) -> Any:
    return np.sum(sp.logit(p) ** 2 + sp.expit(3 * p) + sp.log_expit(-p))


@trials.at(1.7, SEEN, refuses=REAL_ONLY)
def incomplete_gamma(a: float, x: Any) -> Any:
    return np.sum(sp.gammainc(1.7, x) * a)


@trials.at(1.7, source="Corless et al. 1996", refuses=NO_FORMULA)
def lambert_by_halley(x: Any) -> Any:
    w = np.log1p(x)
    for _ in range(5):
        e = w * np.exp(w) - x
        w = w - e / (np.exp(w) * (w + 1) - (w + 2) * e / (2 * w + 2))
    return w


@trials.at([0.1, 0.4, 0.7], refuses=REAL_ONLY)
def elliptic_integrals(m: Any) -> Any:
    return np.sum(sp.ellipk(m) * sp.ellipe(m))
