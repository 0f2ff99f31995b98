"""Test functions of optimisation: sums of squares, valleys, many minima, plates and bowls.

Formulas from Moré, Garbow & Hillstrom 1981 (*Testing unconstrained optimization software*) and
Jamil & Yang 2013 (*A literature survey of benchmark functions*); points are off the minima, where
every gradient would be zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from trial import TrialSet

trials = TrialSet("Jamil & Yang 2013")
PI = np.pi


@trials.at([-1.2, 1.0, 0.7, -0.3], source="Rosenbrock 1960")
def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@trials.at(0.5, -2.0, source="Moré, Garbow & Hillstrom 1981, (2)")
def freudenstein_roth(x: Any, y: Any) -> Any:
    return (-13 + x + ((5 - y) * y - 2) * y) ** 2 + (-29 + x + ((y + 1) * y - 14) * y) ** 2


@trials.at(0.3, 1.0, source="Moré, Garbow & Hillstrom 1981, (3)")
def powell_badly_scaled(x: Any, y: Any) -> Any:
    return (1e4 * x * y - 1) ** 2 + (np.exp(-x) + np.exp(-y) - 1.0001) ** 2


@trials.at(1.0, 1.0, source="Moré, Garbow & Hillstrom 1981, (4)")
def brown_badly_scaled(x: Any, y: Any) -> Any:
    return (x - 1e6) ** 2 + (y - 2e-6) ** 2 + (x * y - 2) ** 2


@trials.at(1.0, 1.2, source="Beale 1958")
def beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


@trials.at(0.3, 0.4, source="Jennrich & Sampson 1968")
def jennrich_sampson(x: Any, y: Any) -> Any:
    i = np.arange(1, 11)
    return np.sum((2 + 2 * i - (np.exp(i * x) + np.exp(i * y))) ** 2)


@trials.at([-1.0, 0.3, 0.2], source="Fletcher & Powell 1963")
def helical_valley(x: Any) -> Any:
    theta = np.arctan2(x[1], x[0]) / (2 * PI)
    radius = np.sqrt(x[0] ** 2 + x[1] ** 2)
    return 100 * ((x[2] - 10 * theta) ** 2 + (radius - 1) ** 2) + x[2] ** 2


@trials.at([1.0, 1.2, 0.8], source="Bard 1970")
def bard(x: Any) -> Any:
    y = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34,
                  2.10, 4.39])  # fmt: skip
    u = np.arange(1, 16)
    v = 16 - u
    w = np.minimum(u, v)
    return np.sum((y - (x[0] + u / (v * x[1] + w * x[2]))) ** 2)


@trials.at([0.4, 1.0, 0.1], source="Moré, Garbow & Hillstrom 1981, (9)")
def gaussian_peak(x: Any) -> Any:
    y = np.array([9, 44, 175, 540, 1295, 2420, 3521, 3989, 3521, 2420, 1295, 540, 175, 44, 9]) / 1e4
    t = (8 - np.arange(1, 16)) / 2
    return np.sum((x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - y) ** 2)


@trials.at([5.0, 2.5, 0.15], source="Gulf Research, Cox 1969", finite=1e-4)
def gulf(x: Any) -> Any:
    t = np.arange(1, 21) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.sum((np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t) ** 2)


@trials.at([0.5, 10.0, 15.0], source="Box 1966")
def box_three_dimensional(x: Any) -> Any:
    t = np.arange(1, 11) / 10
    model = np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))
    return np.sum(model**2)


@trials.at([3.0, -1.0, 0.5, 1.0], source="Powell 1962")
def powell_singular(x: Any) -> Any:
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


@trials.at([-3.0, -1.0, -3.0, -1.0], source="Colville 1968")
def wood(x: Any) -> Any:
    return (100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 90 * (x[3] - x[2] ** 2) ** 2
            + (1 - x[2]) ** 2 + 10 * (x[1] + x[3] - 2) ** 2 + (x[1] - x[3]) ** 2 / 10)  # fmt: skip


@trials.at([0.25, 0.39, 0.415, 0.39], source="Kowalik & Osborne 1968")
def kowalik_osborne(x: Any) -> Any:
    y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235,
                  0.0246])  # fmt: skip
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return np.sum((y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])) ** 2)


@trials.at([2.5, 0.5, -0.5, -0.1], source="Brown & Dennis 1971")
def brown_dennis(x: Any) -> Any:
    t = np.arange(1, 21) / 5
    first = x[0] + t * x[1] - np.exp(t)
    second = x[2] + x[3] * np.sin(t) - np.cos(t)
    return np.sum((first**2 + second**2) ** 2)


@trials.at([0.5, 1.5, -1.0, 0.01, 0.02], source="Osborne 1972, exponential fitting")
def osborne_one(x: Any) -> Any:
    t = 10.0 * np.arange(33)
    y = 0.375 + 0.5 * np.exp(-t / 90) - 0.2 * np.exp(-t / 40)
    return np.sum((y - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))) ** 2)


@trials.at([1.0, 2.0, 1.0, 1.0, 1.0, 1.0], source="Biggs 1971")
def biggs_exp6(x: Any) -> Any:
    t = np.arange(1, 14) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    model = x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4])
    return np.sum((model - y) ** 2)


@trials.at(
    [0.1, 0.2, -0.1, 0.3, 0.05, 0.0], source="Moré, Garbow & Hillstrom 1981, (20), residuals 1 to 7"
)
def watson(x: Any) -> Any:
    total = x[0] ** 2 + (x[1] - x[0] ** 2 - 1) ** 2
    powers = np.arange(6)
    for i in range(1, 8):
        t = i / 29
        slope = np.sum(powers[1:] * x[1:] * t ** (powers[1:] - 1))
        total = total + (slope - np.sum(x * t**powers) ** 2 - 1) ** 2
    return total


@trials.at([1.0, 2.0, 0.5, -0.5], source="Moré, Garbow & Hillstrom 1981, (23)")
def penalty_one(x: Any) -> Any:
    return 1e-5 * np.sum((x - 1) ** 2) + (np.sum(x**2) - 0.25) ** 2


@trials.at([0.5, 0.6, 0.4, 0.3], source="Moré, Garbow & Hillstrom 1981, (24)")
def penalty_two(x: Any) -> Any:
    n = len(x)
    i = np.arange(2, n + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    total = (x[0] - 0.2) ** 2
    total += 1e-5 * np.sum((np.exp(x[1:] / 10) + np.exp(x[:-1] / 10) - y) ** 2)
    total += 1e-5 * np.sum((np.exp(x[1:] / 10) - np.exp(-1 / 10)) ** 2)
    return total + (np.sum((n - np.arange(n)) * x**2) - 1) ** 2


@trials.at([0.7, 0.5, 0.2], source="Moré, Garbow & Hillstrom 1981, (25)")
def variably_dimensioned(x: Any) -> Any:
    s = np.dot(np.arange(1, len(x) + 1), x - 1)
    return np.sum((x - 1) ** 2) + s**2 + s**4


@trials.at([0.2, 0.25, 0.3, 0.4], source="Spedicato 1975")
def trigonometric(x: Any) -> Any:
    n = len(x)
    i = np.arange(1, n + 1)
    return np.sum((n - np.sum(np.cos(x)) + i * (1 - np.cos(x)) - np.sin(x)) ** 2)


@trials.at([0.5, 0.7, 1.4], source="Brown 1969")
def brown_almost_linear(x: Any) -> Any:
    n = len(x)
    rest = x[:-1] + np.sum(x) - (n + 1)
    return np.sum(rest**2) + (np.prod(x) - 1) ** 2


@trials.at([-0.2, -0.3, -0.25, -0.1], source="Moré & Cosnard 1979")
def discrete_boundary_value(x: Any) -> Any:
    n = len(x)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    padded = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return np.sum((2 * x - padded[:-2] - padded[2:] + h**2 * (x + t + 1) ** 3 / 2) ** 2)


@trials.at([-0.2, -0.3, -0.25, -0.1], source="Moré & Cosnard 1979")
def discrete_integral(x: Any) -> Any:
    n = len(x)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    cubes = (x + t + 1) ** 3
    below = np.cumsum(t * cubes)
    above = np.sum((1 - t) * cubes) - np.cumsum((1 - t) * cubes)
    return np.sum((x + h * ((1 - t) * below + t * above) / 2) ** 2)


@trials.at([-1.0, -0.8, -1.2, -0.5], source="Broyden 1965")
def broyden_tridiagonal(x: Any) -> Any:
    padded = np.pad(x, 1)
    return np.sum(((3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1) ** 2)


@trials.at([-1.0, -0.8, -1.2, -0.5, 0.2], source="Broyden 1971")
def broyden_banded(x: Any) -> Any:
    n = len(x)
    total = 0.0
    for i in range(n):
        near = [j for j in range(max(0, i - 5), min(n, i + 2)) if j != i]
        residual = x[i] * (2 + 5 * x[i] ** 2) + 1 - sum(x[j] * (1 + x[j]) for j in near)
        total += residual**2
    return total


@trials.at([0.2, 0.4, 0.6, 0.85], source="Moré, Garbow & Hillstrom 1981, (35)")
def chebyquad(x: Any) -> Any:
    y = 2 * x - 1
    before, now = np.ones_like(y), y
    total = 0.0
    for i in range(1, len(x) + 1):
        integral = 0.0 if i % 2 else -1 / (i**2 - 1)
        total += (np.mean(now) - integral) ** 2
        before, now = now, 2 * y * now - before
    return total


@trials.at([1.0, -0.5, 0.3], refuses=(), source="Ackley 1987")
def ackley(x: Any) -> Any:
    return (-20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * PI * x)))
            + 20 + np.e)  # fmt: skip


@trials.at(0.5, -0.7)
def ackley_two(x: Any, y: Any) -> Any:
    return -200 * np.exp(-0.02 * np.sqrt(x**2 + y**2))


@trials.at(0.6, 1.1)
def ackley_three(x: Any, y: Any) -> Any:
    return ackley_two(x, y) + 5 * np.exp(np.cos(3 * x) + np.sin(3 * y))


@trials.at(0.4, 0.8)
def adjiman(x: Any, y: Any) -> Any:
    return np.cos(x) * np.sin(y) - x / (y**2 + 1)


@trials.at([0.3, 1.7, -0.4])
def alpine_one(x: Any) -> Any:
    return np.sum(np.abs(x * np.sin(x) + 0.1 * x))


@trials.at([2.0, 4.1, 7.3])
def alpine_two(x: Any) -> Any:
    return np.prod(np.sqrt(x) * np.sin(x))


@trials.at(0.4, 0.9)
def bartels_conn(x: Any, y: Any) -> Any:
    return np.abs(x**2 + y**2 + x * y) + np.abs(np.sin(x)) + np.abs(np.cos(y))


@trials.at(0.3, -1.2)
def bird(x: Any, y: Any) -> Any:
    return (np.sin(x) * np.exp((1 - np.cos(y)) ** 2) + np.cos(y) * np.exp((1 - np.sin(x)) ** 2)
            + (x - y) ** 2)  # fmt: skip


@trials.at(0.3, 0.5)
def bohachevsky_one(x: Any, y: Any) -> Any:
    return x**2 + 2 * y**2 - 0.3 * np.cos(3 * PI * x) - 0.4 * np.cos(4 * PI * y) + 0.7


@trials.at(0.3, 0.5)
def bohachevsky_two(x: Any, y: Any) -> Any:
    return x**2 + 2 * y**2 - 0.3 * np.cos(3 * PI * x) * np.cos(4 * PI * y) + 0.3


@trials.at(0.3, 0.5)
def bohachevsky_three(x: Any, y: Any) -> Any:
    return x**2 + 2 * y**2 - 0.3 * np.cos(3 * PI * x + 4 * PI * y) + 0.3


@trials.at(2.0, 3.0, source="Booth")
def booth(x: Any, y: Any) -> Any:
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


@trials.at(1.5, 2.5, source="Branin 1972")
def branin(x: Any, y: Any) -> Any:
    return ((y - 5.1 * x**2 / (4 * PI**2) + 5 * x / PI - 6) ** 2
            + 10 * (1 - 1 / (8 * PI)) * np.cos(x) + 10)  # fmt: skip


@trials.at(-8.0, 1.5)
def bukin_six(x: Any, y: Any) -> Any:
    return 100 * np.sqrt(np.abs(y - 0.01 * x**2)) + 0.01 * np.abs(x + 10)


@trials.at(0.7, -0.4)
def camel_three_hump(x: Any, y: Any) -> Any:
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


@trials.at(0.7, -0.4)
def camel_six_hump(x: Any, y: Any) -> Any:
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


@trials.at([0.3, -0.5, 0.8, 0.1])
def cosine_mixture(x: Any) -> Any:
    return -0.1 * np.sum(np.cos(5 * PI * x)) + np.sum(x**2)


@trials.at(1.2, 2.5)
def cross_in_tray(x: Any, y: Any) -> Any:
    inner = np.abs(np.sin(x) * np.sin(y) * np.exp(np.abs(100 - np.sqrt(x**2 + y**2) / PI)))
    return -1e-4 * (inner + 1) ** 0.1


@trials.at([0.5, 0.3, -0.7, 1.1])
def csendes(x: Any) -> Any:
    return np.sum(x**6 * (2 + np.sin(1 / x)))


@trials.at([0.63, 1.37, -0.24])
def deb(x: Any) -> Any:
    return -np.mean(np.sin(5 * PI * x) ** 6)


@trials.at(-0.7, 1.3)
def deckkers_aarts(x: Any, y: Any) -> Any:
    r = x**2 + y**2
    return 1e5 * x**2 + y**2 - r**2 + 1e-5 * r**4


@trials.at([0.7, -0.4, 1.2, 0.9], source="Dixon & Price 1989")
def dixon_price(x: Any) -> Any:
    i = np.arange(2, len(x) + 1)
    return (x[0] - 1) ** 2 + np.sum(i * (2 * x[1:] ** 2 - x[:-1]) ** 2)


@trials.at(0.5, -0.4)
def drop_wave(x: Any, y: Any) -> Any:
    r = x**2 + y**2
    return -(1 + np.cos(12 * np.sqrt(r))) / (0.5 * r + 2)


@trials.at(2.5, 3.7)
def easom(x: Any, y: Any) -> Any:
    return -np.cos(x) * np.cos(y) * np.exp(-((x - PI) ** 2) - (y - PI) ** 2)


@trials.at(200.0, 300.0)
def eggholder(x: Any, y: Any) -> Any:
    return (-(y + 47) * np.sin(np.sqrt(np.abs(y + x / 2 + 47)))
            - x * np.sin(np.sqrt(np.abs(x - (y + 47)))))  # fmt: skip


@trials.at(0.8, -0.3)
def egg_crate(x: Any, y: Any) -> Any:
    return x**2 + y**2 + 25 * (np.sin(x) ** 2 + np.sin(y) ** 2)


@trials.at([0.3, -0.6, 0.9])
def exponential_bowl(x: Any) -> Any:
    return -np.exp(-0.5 * np.sum(x**2))


@trials.at(0.7, 0.4, source="Goldstein & Price 1971")
def goldstein_price(x: Any, y: Any) -> Any:
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


@trials.at([1.5, -0.7, 2.3, 0.4], source="Griewank 1981")
def griewank(x: Any) -> Any:
    i = np.arange(1, len(x) + 1)
    return np.sum(x**2) / 4000 - np.prod(np.cos(x / np.sqrt(i))) + 1
