"""Control flow, writes in place, and lists: Python as it is written."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from trial import TrialSet

trials = TrialSet("what users write")
A = [1.5, -0.3, 2.0]
NO_FORMULA = ("symbolic",)  # it grows beyond its budget of operations


@trials.at(A)
def branch(x: Any) -> Any:
    return x[0] ** 2 if x[1] < 0 else x[2]


@trials.at(A)
def chained_comparison(x: Any) -> Any:
    return np.sin(x[0]) if -1 < x[1] < 1 else x[2]


@trials.at(0.7)
def piecewise_function(x: Any) -> Any:
    if x < 0:
        return x
    elif x < 1:
        return x**2
    return 2 * x - 1


@trials.at(A)
def while_loop(x: Any) -> Any:
    total = x.sum()
    while total < 10:
        total = total * 1.5
    return total


@trials.at(2.0, source="Heron of Alexandria")
def square_root_by_iteration(x: Any) -> Any:
    guess = x
    for _ in range(8):
        guess = (guess + x / guess) / 2
    return guess


@trials.at(0.3, source="Kepler's equation by Newton's method")
def kepler(mean_anomaly: Any) -> Any:
    e = mean_anomaly
    while abs(e - 0.4 * np.sin(e) - mean_anomaly) > 1e-14:
        e = e - (e - 0.4 * np.sin(e) - mean_anomaly) / (1 - 0.4 * np.cos(e))
    return e


@trials.at(0.6)
def recursion(x: Any) -> Any:
    def power(v: Any, n: int) -> Any:
        return 1.0 if n == 0 else v * power(v, n - 1)

    return power(x, 5) + power(np.sin(x), 3)


@trials.at(0.4, source="Horner 1819")
def horner(x: Any) -> Any:
    return functools.reduce(lambda value, c: value * x + c, [3.0, -1.0, 2.0, 0.5])


@trials.at(A)
def generator(x: Any) -> Any:
    def squares() -> Iterator[Any]:
        for value in x:
            yield value**2

    return sum(squares())


@trials.at(A)
def comprehension(x: Any) -> Any:
    return sum([i * np.exp(v) for i, v in enumerate(x) if i != 1])


@trials.at(A)
def pairs(x: Any) -> Any:
    return sum(a * b for a, b in itertools.pairwise(x))


@trials.at(A)
def combinations(x: Any) -> Any:
    return sum((a - b) ** 2 for a, b in itertools.combinations(x, 2))


@trials.at(A)
def built_ins(x: Any) -> Any:
    return max(x) ** 2 + min(x) * abs(x[1]) + pow(x[0], 3) + divmod(x[2], 1.5)[1]


@trials.at(A)
def sorted_list(x: Any) -> Any:
    first, second, third = sorted(x)
    return first + 2 * second + 3 * third


@trials.at(A)
def unpacking(x: Any) -> Any:
    first, *rest = x
    return first * rest[0] - rest[1]


@trials.at(A)
def exceptions(x: Any) -> Any:
    try:
        raise KeyError(x)
    except KeyError:
        return x[0] * x[2]


@trials.at(A)
def containers(x: Any) -> Any:
    state = {"position": x[0], "speed": x[1]}
    for _ in range(4):
        state["position"] += 0.1 * state["speed"]
        state["speed"] -= 0.1 * np.sin(state["position"])
    return state["position"]


@trials.at(A)
def closure(x: Any) -> Any:
    def scaled(v: Any) -> Any:
        return v * x[1]

    return scaled(x[0]) + scaled(x[2] ** 2)


@trials.at(A)
def a_class(x: Any) -> Any:
    class Line:
        def __init__(self, slope: Any, intercept: Any) -> None:
            self.slope, self.intercept = slope, intercept

        def __call__(self, t: float) -> Any:
            return self.slope * t + self.intercept

    return Line(x[0], x[1])(2.0) * x[2]


@trials.at(A)
def walrus(x: Any) -> Any:
    return (y := x[0] * 2) * y + x[1]


@trials.at(A)
def early_return(x: Any) -> Any:
    for value in x:
        if value < 0:
            return value**2
    return x.sum()


@trials.at(A)
def loop_with_break(x: Any) -> Any:
    total = 1.0
    for value in itertools.cycle(x):
        total = total * (1 + value**2)
        if total > 100:
            break
    return total


@trials.at(A)
def index_from_value(x: Any) -> Any:
    return x[int(x[0])] * x[2]


@trials.at(A)
def any_and_all(x: Any) -> Any:
    return x[0] ** 2 if np.any(x < 0) and not np.all(x > 5) else x[1]


# Writes in place -------------------------------------------------------------------------------


@trials.at(A)
def one_entry(x: Any) -> Any:
    y = x.copy()
    y[1] = x[0] * 2
    return (y**2).sum()


@trials.at(A)
def a_slice(x: Any) -> Any:
    y = np.zeros_like(x)
    y[1:] = x[:-1] ** 2
    return (y * x).sum()


@trials.at(A)
def loop_into_empty(x: Any) -> Any:
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = np.sin(x[i]) * (y[i - 1] if i else 1.0)
    return y.sum()


@trials.at(A)
def augmented(x: Any) -> Any:
    y = x * 1.0
    y += x
    y *= 2
    y -= 1
    y /= 3
    y **= 2
    return y.sum()


@trials.at(A)
def add_at(x: Any) -> Any:
    y = x * 2
    np.add.at(y, [0, 0, 1], x)
    return (y**2).sum()


@trials.at(A)
def repeated_indices(x: Any) -> Any:
    y = x * 2
    y[[0, 0, 1]] += x
    return (y**2).sum()


@trials.at(A)
def copied(x: Any) -> Any:
    y = np.zeros_like(x)
    np.copyto(y, x * x)
    return (y * x).sum()


@trials.at(A)
def diagonal_filled(x: Any) -> Any:
    matrix = np.outer(x, x)
    np.fill_diagonal(matrix, 0)
    return np.sum(matrix**2)


@trials.at(A)
def through_a_view(x: Any) -> Any:
    y = x * 1.0
    view = y[1:]
    view[0] = 5 * x[0]
    return (y**2).sum()


@trials.at(A)
def through_a_transposed_view(x: Any) -> Any:
    y = x.reshape(3, 1) * 1.0
    y.T[0, 1] = x[2] ** 2
    return (y**2).sum()


@trials.at(A)
def filled(x: Any) -> Any:
    y = np.zeros_like(x)
    y.fill(x[0])
    return (y * x).sum()


@trials.at(A)
def negative_set_to_zero(x: Any) -> Any:
    y = x * 1.0
    y[y < 0] = 0
    return (y**2).sum()


@trials.at(A)
def into_out(x: Any) -> Any:
    y = np.zeros_like(x)
    np.multiply(x, x, out=y)
    return y.sum()


@trials.at(A)
def swapped(x: Any) -> Any:
    y = x.copy()
    y[0], y[2] = y[2] * 1.0, y[0] * 1.0
    return y[0] * 3 + y[2] ** 2


@trials.at(A, source="heat equation, explicit Euler")
def heat_steps(x: Any) -> Any:
    u = np.concatenate([[0.0], x, [0.0]])
    for _ in range(5):
        u[1:-1] = u[1:-1] + 0.2 * (u[:-2] - 2 * u[1:-1] + u[2:])
    return np.sum(u**2)


# Lists of traced values -------------------------------------------------------------------------


@trials.at(A)
def array_of_values(x: Any) -> Any:
    return np.array([x[0] ** 2, x[1] * x[2], 1.0]).sum()


@trials.at(0.6)
def rotation(angle: Any) -> Any:
    c, s = np.cos(angle), np.sin(angle)
    return np.sum(np.array([[c, -s], [s, c]]) @ np.array([1.0, 2.0]))


@trials.at(A)
def full_of_a_value(x: Any) -> Any:
    return (np.full(3, x[0]) * x).sum()


@trials.at(A)
def concatenated(x: Any) -> Any:
    return (np.r_[x, x[0], 1.0] ** 2).sum() + (np.c_[x, x * 2] ** 2).sum()


@trials.at(A)
def list_into_numpy(x: Any) -> Any:
    return np.sum([x[0], x[1] ** 2]) + np.dot([x[0], x[1]], [1, 2])


@trials.at(A)
def appended(x: Any) -> Any:
    states = [x]
    for _ in range(3):
        states.append(states[-1] * 0.5 + np.roll(x, 1))
    return np.sum(np.stack(states) ** 2)


@trials.at(A)
def vectorized(x: Any) -> Any:
    return np.vectorize(lambda v: v * v if v > 0 else -v)(x).sum()


# Loops of numerical methods ---------------------------------------------------------------------


@trials.at(0.1, 1.2, source="Runge 1895, Kutta 1901", refuses=NO_FORMULA)
def runge_kutta(rate: Any, start: Any) -> Any:
    def slope(y: Any) -> Any:
        return rate * y * (1 - y / 3)

    y, h = start, 0.25
    for _ in range(4):
        k1 = slope(y)
        k2 = slope(y + h * k1 / 2)
        k3 = slope(y + h * k2 / 2)
        k4 = slope(y + h * k3)
        y = y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
    return y


@trials.at(1.0, 0.3, source="Lotka 1925, Volterra 1926")
def predator_and_prey(prey: Any, predators: Any) -> Any:
    for _ in range(6):
        prey, predators = (prey + 0.1 * prey * (1 - predators),
                           predators + 0.1 * predators * (prey - 1))  # fmt: skip
    return prey * predators


@trials.at(0.3, 0.5, source="Thomas 1949")
def tridiagonal_solve(below: Any, above: Any) -> Any:
    n = 5
    d, b = [4.0] * n, [1.0] * n
    for i in range(1, n):
        factor = below / d[i - 1]
        d[i] = d[i] - factor * above
        b[i] = b[i] - factor * b[i - 1]
    x = b[-1] / d[-1]
    for i in reversed(range(n - 1)):
        x = (b[i] - above * x) / d[i]
    return x


@trials.at([0.6, 0.3], source="von Mises & Pollaczek-Geiringer 1929", refuses=NO_FORMULA)
def power_iteration(x: Any) -> Any:
    matrix = np.array([[2.0, x[0]], [x[1], 1.0]])
    v = np.array([1.0, 1.0])
    for _ in range(10):
        v = matrix @ v
        v = v / np.sqrt(v @ v)
    return v @ matrix @ v


@trials.at(0.8, source="Simpson 1743")
def simpson(a: Any) -> Any:
    t = np.linspace(0.0, 1.0, 9)
    weights = np.array([1, 4, 2, 4, 2, 4, 2, 4, 1]) / 24
    return np.sum(weights * np.exp(-a * t**2))
