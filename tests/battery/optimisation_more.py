"""More test functions of optimisation: see ``optimisation.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
from trial import TrialSet

trials = TrialSet("Jamil & Yang 2013")
PI = np.pi


@trials.at([0.2, 0.4, 0.6], source="Hartmann 1972, three variables")
def hartmann_three(x: Any) -> Any:
    alpha = np.array([1.0, 1.2, 3.0, 3.2])
    a = np.array([[3.0, 10, 30], [0.1, 10, 35], [3.0, 10, 30], [0.1, 10, 35]])
    p = np.array([[0.3689, 0.1170, 0.2673], [0.4699, 0.4387, 0.7470], [0.1091, 0.8732, 0.5547],
                  [0.03815, 0.5743, 0.8828]])  # fmt: skip
    return -np.sum(alpha * np.exp(-np.sum(a * (x - p) ** 2, axis=1)))


@trials.at(0.5, 1.5, source="Himmelblau 1972")
def himmelblau(x: Any, y: Any) -> Any:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@trials.at(3.0, 4.0)
def holder_table(x: Any, y: Any) -> Any:
    return -np.abs(np.sin(x) * np.cos(y) * np.exp(np.abs(1 - np.sqrt(x**2 + y**2) / PI)))


@trials.at(1.5, 2.2)
def hosaki(x: Any, y: Any) -> Any:
    return (1 - 8 * x + 7 * x**2 - 7 * x**3 / 3 + x**4 / 4) * y**2 * np.exp(-y)


@trials.at(1.0, 1.3)
def keane(x: Any, y: Any) -> Any:
    return -(np.sin(x - y) ** 2) * np.sin(x + y) ** 2 / np.sqrt(x**2 + y**2)


@trials.at(0.4, 0.8)
def leon(x: Any, y: Any) -> Any:
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


@trials.at([0.7, 1.2, -0.4], source="Levy & Montalvo 1985")
def levy(x: Any) -> Any:
    w = 1 + (x - 1) / 4
    middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(PI * w[:-1] + 1) ** 2))
    return (np.sin(PI * w[0]) ** 2 + middle
            + (w[-1] - 1) ** 2 * (1 + np.sin(2 * PI * w[-1]) ** 2))  # fmt: skip


@trials.at(0.3, 1.2, source="Levy number 13")
def levy_thirteen(x: Any, y: Any) -> Any:
    return (np.sin(3 * PI * x) ** 2 + (x - 1) ** 2 * (1 + np.sin(3 * PI * y) ** 2)
            + (y - 1) ** 2 * (1 + np.sin(2 * PI * y) ** 2))  # fmt: skip


@trials.at(0.6, -0.8)
def matyas(x: Any, y: Any) -> Any:
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


@trials.at(0.7, 1.9)
def mccormick(x: Any, y: Any) -> Any:
    return np.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


@trials.at([2.1, 1.4, 0.6], source="Michalewicz 1992", exact=1e-11)
def michalewicz(x: Any) -> Any:
    i = np.arange(1, len(x) + 1)
    return -np.sum(np.sin(x) * np.sin(i * x**2 / PI) ** 20)


@trials.at([0.3, 0.9, 1.4, 0.2])
def miele_cantrell(x: Any) -> Any:
    return ((np.exp(-x[0]) - x[1]) ** 4 + 100 * (x[1] - x[2]) ** 6 + np.tan(x[2] - x[3]) ** 4
            + x[0] ** 8)  # fmt: skip


@trials.at([0.3, 0.8, 0.5])
def mishra_one(x: Any) -> Any:
    g = len(x) - np.sum(x[:-1])
    return (1 + g) ** g


@trials.at([0.5, 1.2, 0.9], source="Perm function 0, d, β")
def perm(x: Any) -> Any:
    n = len(x)
    j = np.arange(1, n + 1)
    return sum(np.sum((j + 10) * (x**i - 1.0 / j**i)) ** 2 for i in range(1, n + 1))


@trials.at([0.4, -0.7, 0.9, 0.3])
def pathological(x: Any) -> Any:
    a, b = x[:-1], x[1:]
    return np.sum(0.5 + (np.sin(np.sqrt(100 * a**2 + b**2)) ** 2 - 0.5)
                  / (1 + 0.001 * (a**2 - 2 * a * b + b**2) ** 2))  # fmt: skip


@trials.at(0.4, 0.9)
def parsopoulos(x: Any, y: Any) -> Any:
    return np.cos(x) ** 2 + np.sin(y) ** 2


@trials.at(7.0, 6.5)
def pen_holder(x: Any, y: Any) -> Any:
    inner = np.abs(np.cos(x) * np.cos(y) * np.exp(np.abs(1 - np.sqrt(x**2 + y**2) / PI)))
    return -np.exp(-1 / inner)


@trials.at(0.8, -0.3)
def periodic(x: Any, y: Any) -> Any:
    return 1 + np.sin(x) ** 2 + np.sin(y) ** 2 - 0.1 * np.exp(-(x**2 + y**2))


@trials.at([0.4, 1.1, -0.8])
def powell_sum(x: Any) -> Any:
    return np.sum(np.abs(x) ** np.arange(2, len(x) + 2))


@trials.at([0.7, -0.4, 1.1])
def qing(x: Any) -> Any:
    return np.sum((x**2 - np.arange(1, len(x) + 1)) ** 2)


@trials.at(0.6, 0.2)
def quartic_noise_free(x: Any, y: Any) -> Any:
    return x**4 + 2 * y**4


@trials.at([0.4, -0.9, 0.2], source="Rastrigin 1974")
def rastrigin(x: Any) -> Any:
    return 10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * PI * x))


@trials.at([0.2, 0.6, -0.4])
def rotated_hyper_ellipsoid(x: Any) -> Any:
    return sum(np.sum(x[: i + 1] ** 2) for i in range(len(x)))


@trials.at([0.7, -1.1, 0.3])
def salomon(x: Any) -> Any:
    r = np.sqrt(np.sum(x**2))
    return 1 - np.cos(2 * PI * r) + 0.1 * r


@trials.at(0.8, 0.5, source="Schaffer number 2")
def schaffer_two(x: Any, y: Any) -> Any:
    return 0.5 + (np.sin(x**2 - y**2) ** 2 - 0.5) / (1 + 0.001 * (x**2 + y**2)) ** 2


@trials.at(0.8, 0.5, source="Schaffer number 4")
def schaffer_four(x: Any, y: Any) -> Any:
    inner = np.cos(np.sin(np.abs(x**2 - y**2)))
    return 0.5 + (inner**2 - 0.5) / (1 + 0.001 * (x**2 + y**2)) ** 2


@trials.at([120.0, -210.0, 33.0], source="Schwefel 1981")
def schwefel(x: Any) -> Any:
    return 418.9829 * len(x) - np.sum(x * np.sin(np.sqrt(np.abs(x))))


@trials.at([0.3, -0.8, 1.1], source="Schwefel 1.2")
def schwefel_double_sum(x: Any) -> Any:
    return np.sum(np.cumsum(x) ** 2)


@trials.at([0.3, -0.8, 1.1], source="Schwefel 2.21")
def schwefel_max(x: Any) -> Any:
    return np.max(np.abs(x))


@trials.at([0.3, -0.8, 1.1], source="Schwefel 2.22")
def schwefel_product(x: Any) -> Any:
    return np.sum(np.abs(x)) + np.prod(np.abs(x))


@trials.at([4.5, 3.8, 4.1, 4.4], source="Shekel 1971")
def shekel(x: Any) -> Any:
    beta = np.array([1, 2, 2, 4, 4]) / 10
    c = np.array([[4, 4, 4, 4], [1, 1, 1, 1], [8, 8, 8, 8], [6, 6, 6, 6], [3, 7, 3, 7]])
    return -np.sum(1 / (np.sum((x - c) ** 2, axis=1) + beta))


@trials.at(0.4, -0.9, source="Shubert 1970")
def shubert(x: Any, y: Any) -> Any:
    i = np.arange(1, 6)
    return np.sum(i * np.cos((i + 1) * x + i)) * np.sum(i * np.cos((i + 1) * y + i))


@trials.at([0.3, -0.8, 1.1])
def sphere(x: Any) -> Any:
    return np.dot(x, x)


@trials.at([0.7, -2.4, 1.3], source="Styblinski & Tang 1990")
def styblinski_tang(x: Any) -> Any:
    return np.sum(x**4 - 16 * x**2 + 5 * x) / 2


@trials.at([0.3, -0.8, 1.1])
def sum_of_different_powers(x: Any) -> Any:
    return np.sum(np.abs(x) ** np.arange(2.0, len(x) + 2))


@trials.at([0.3, -0.8, 1.1])
def sum_squares(x: Any) -> Any:
    return np.sum(np.arange(1, len(x) + 1) * x**2)


@trials.at(0.9, -1.1)
def test_tube_holder(x: Any, y: Any) -> Any:
    outer = np.exp(np.abs(np.cos(x**2 / 200 + y**2 / 200)))
    return -4 * np.abs(outer * np.sin(x) * np.cos(y))


@trials.at([1.5, 0.8, -0.4])
def trid(x: Any) -> Any:
    return np.sum((x - 1) ** 2) - np.sum(x[1:] * x[:-1])


@trials.at(0.5, 0.9)
def ursem(x: Any, y: Any) -> Any:
    return -np.sin(2 * x - 0.5 * PI) - 3 * np.cos(y) - 0.5 * x


@trials.at(1.3, 0.4)
def venter(x: Any, y: Any) -> Any:
    return (x**2 - 100 * np.cos(x) ** 2 - 100 * np.cos(x**2 / 30) + y**2
            - 100 * np.cos(y) ** 2 - 100 * np.cos(y**2 / 30) + 1400)  # fmt: skip


@trials.at([0.4, -0.7, 1.6], source="Whitley 1996", finite=1e-4)
def whitley(x: Any) -> Any:
    t = 100 * (x[:, None] ** 2 - x[None, :]) ** 2 + (1 - x[None, :]) ** 2
    return np.sum(t**2 / 4000 - np.cos(t) + 1)


@trials.at([0.4, -0.7, 1.6])
def wavy(x: Any) -> Any:
    return 1 - np.mean(np.cos(10 * x) * np.exp(-(x**2) / 2))


@trials.at(0.7, 0.2)
def wayburn_seader(x: Any, y: Any) -> Any:
    return (x**6 + y**4 - 17) ** 2 + (2 * x + y - 4) ** 2


@trials.at([0.8, -0.4, 1.5])
def zakharov(x: Any) -> Any:
    s = np.sum(0.5 * np.arange(1, len(x) + 1) * x)
    return np.sum(x**2) + s**2 + s**4


@trials.at(0.8, 0.6)
def zettl(x: Any, y: Any) -> Any:
    return (x**2 + y**2 - 2 * x) ** 2 + x / 4


@trials.at([0.6, 0.3, -0.9, 0.2], source="extended Powell, Nocedal & Wright 2006")
def chained_wood(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2) + np.sum((1 - x) ** 2)


@trials.at([0.3, 0.4, 0.5], source="Griewank & Walther 2008, Helmholtz energy")
def helmholtz(x: Any) -> Any:
    n = len(x)
    a = 1 / (np.arange(1, n + 1)[:, None] + np.arange(1, n + 1)[None, :] - 1)
    b = 0.1 * np.arange(1, n + 1)
    bx = b @ x
    root = np.sqrt(8.0)
    log = np.log((1 + (1 + np.sqrt(2)) * bx) / (1 + (1 - np.sqrt(2)) * bx))
    return np.sum(x * np.log(x / (1 - bx))) - (x @ a @ x) / (root * bx) * log


@trials.at([1.2, 0.7, -0.3, 0.5], source="Speelpenning 1980")
def speelpenning(x: Any) -> Any:
    product = 1.0
    for value in x:
        product = product * value
    return product
