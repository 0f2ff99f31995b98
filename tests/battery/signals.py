"""Fourier transforms, filters and spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
from trial import TrialSet

trials = TrialSet("Oppenheim & Schafer 1975")
V = np.array([0.7, -1.3, 2.1, 0.4, -0.6])
W = np.array([0.2, 0.9, -0.4, 1.1, 0.3])
IMAGE = np.array([[0.5, -1.1, 2.0], [1.7, 0.9, -0.4], [-0.8, 0.6, 1.4]])
PASS = np.array([1.0, 0.5, 0.1])


@trials.at(V)
def spectral_energy(x: Any) -> Any:
    return np.sum(np.abs(np.fft.rfft(x)) ** 2 * PASS)


@trials.at(V, source="Parseval 1799")
def energy_of_all_frequencies(x: Any) -> Any:
    spectrum = np.fft.fft(x, norm="ortho")
    return np.sum(spectrum.real**2 + spectrum.imag**2)


@trials.at(V)
def low_pass_filter(x: Any) -> Any:
    return np.sum(np.fft.irfft(PASS * np.fft.rfft(x), n=5) ** 3)


@trials.at(V, W, refuses=("symbolic",))
def circular_convolution(x: Any, y: Any) -> Any:
    return np.sum(np.sin(np.fft.ifft(np.fft.fft(x) * np.fft.fft(y)).real))


@trials.at(V, source="Wiener 1930, Khinchin 1934")
def autocorrelation(x: Any) -> Any:
    power = np.abs(np.fft.rfft(x, n=10)) ** 2
    return np.fft.irfft(power)[2]


@trials.at(V, source="Fornberg 1996, derivatives by frequencies")
def spectral_derivative(x: Any) -> Any:
    slope = np.fft.irfft(1j * np.arange(3) * np.fft.rfft(x), n=5)
    return np.sum(slope**2)


@trials.at(V)
def phase_of_a_frequency(x: Any) -> Any:
    return np.angle(np.fft.rfft(x)[1])


@trials.at(IMAGE)
def spectrum_of_an_image(x: Any) -> Any:
    return np.sum(np.abs(np.fft.rfft2(x)) ** 2 * [1.0, 2.0])


@trials.at(V, source="Bogert, Healy & Tukey 1963")
def cepstrum(x: Any) -> Any:
    return np.fft.irfft(np.log(np.abs(np.fft.rfft(x, n=8)) ** 2 + 1.0))[2]


@trials.at(V, source="von Hann 1903")
def windowed_periodogram(x: Any) -> Any:
    power = np.abs(np.fft.rfft(x * np.hanning(7)[1:-1])) ** 2
    return np.sum(np.arange(3) * power) / np.sum(power)


@trials.at(V, 0.4, source="a recursive filter")
def exponential_smoothing(x: Any, factor: Any) -> Any:
    level = x[0]
    for value in x[1:]:
        level = factor * value + (1 - factor) * level
    return level


@trials.at(V, source="Rudin, Osher & Fatemi 1992")
def total_variation(x: Any) -> Any:
    return np.sum(np.sqrt(np.diff(x) ** 2 + 1e-3)) + 0.5 * np.sum((x - W) ** 2)


@trials.at(V, source="Haar 1910")
def haar_wavelet(x: Any) -> Any:
    even, odd = x[:4:2], x[1:4:2]
    return np.sum(np.abs(even - odd)) / np.sqrt(2) + np.sum((even + odd) ** 2)


@trials.at(V, W, source="Sakoe & Chiba 1978, softened: Cuturi & Blondel 2017")
def soft_time_warping(x: Any, y: Any) -> Any:
    cost = (x[:3, None] - y[:3]) ** 2
    best = {(-1, -1): 0.0}
    for i, j in np.ndindex(3, 3):
        near = [best[k] for k in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if k in best]
        best[i, j] = cost[i, j] - np.logaddexp.reduce(-np.stack([v + 0.0 for v in near]))
    return best[2, 2]
