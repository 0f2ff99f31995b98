"""Loops as one equation: values, derivatives of every order, memory, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.trees import flatten, unflatten
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.graph.ir import Graph
from diffkit.primitives import control

EPS = float(np.finfo(float).eps)
Scan = Callable[..., Any]


def unrolled(
    step: Any, carry: Any, xs: Any = None, length: int | None = None, reverse: bool = False
) -> tuple[Any, Any]:
    """What scan means, written as a Python loop, which capture writes down step by step."""
    leaves, structure = flatten(xs)
    count = len(leaves[0]) if length is None else length
    order = range(count)[:: -1 if reverse else 1]
    outputs = []
    for row in order:
        x = unflatten(structure, [None if leaf is None else leaf[row] for leaf in leaves])
        carry, y = step(carry, x)
        outputs.append(y)
    outputs = outputs[:: -1 if reverse else 1]
    if outputs[0] is None:
        return carry, None
    cells = zip(*(flatten(y)[0] for y in outputs), strict=True)
    return carry, unflatten(flatten(outputs[0])[1], [np.stack(cell) for cell in cells])


def furthest(got: Any, expected: Any) -> float:
    """The largest difference between two trees, relative to the largest number of each leaf."""
    pairs = zip(flatten(got)[0], flatten(expected)[0], strict=True)
    return max(
        float(np.max(np.abs(np.subtract(a, b))) / max(np.max(np.abs(b)), 1e-3)) for a, b in pairs
    )


def logistic(r: Any, length: int, loop: Scan = dk.scan) -> Any:
    """The logistic map x ↦ r x (1 − x), which closes over r."""
    return loop(lambda x, _: (r * x * (1.0 - x), None), 0.3, length=length)[0]


@pytest.fixture(params=(2**15, 0), ids=("every carry", "checkpoints"))
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Loops that keep every carry, and loops that keep one every √T steps however short."""
    monkeypatch.setattr(control, "KEEP_ALL_BYTES", request.param)
    return request.param


# The logistic map ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", (1, 2, 3, 20))
@pytest.mark.parametrize("method", ("forward", "reverse"))
def test_logistic_equals_the_unrolled_loop(length: int, method: str, kept: int) -> None:
    assert logistic(3.2, length) == logistic(3.2, length, unrolled)
    got = dk.grad(logistic, method=method)(3.2, length)
    expected = dk.grad(lambda r: logistic(r, length, unrolled), method=method)(3.2)
    assert got == pytest.approx(expected, rel=4 * EPS)


@pytest.mark.parametrize("length", (1_000, 100_000))
def test_a_long_loop_is_a_small_graph(length: int) -> None:
    graph = dk.trace(lambda r: logistic(r, length), 2.9).check()
    assert len(graph.equations) == 2  # the loop, and the reading of its last carry
    assert graph.operations()["mul"] == 2 * length
    assert graph.flops() == 3 * length
    backward = gradient_graph(graph).check()
    assert len(backward.equations) < 30
    assert backward.flops() < 6 * graph.flops()


def test_gradients_of_a_long_loop_agree() -> None:
    reverse, forward = (dk.grad(logistic, method=m)(2.9, 10_007) for m in ("reverse", "forward"))
    assert reverse == pytest.approx(forward, rel=1e-12)
    assert forward == pytest.approx(1 / 2.9**2, rel=1e-12)  # the fixed point is 1 − 1/r


# Memory -------------------------------------------------------------------------------------------


def held(graph: Graph) -> int:
    """The bytes of a graph's workspace, with the largest workspace of a loop inside it."""
    operations = [graph.columns.operations[node] for node in graph.equation_nodes()]
    inside = [o.primitive.inner(o.kwargs) for o in operations]
    return graph.plan().workspace + max((held(g) for g, _ in filter(None, inside)), default=0)


def test_memory_of_reverse_mode_grows_like_the_root_of_the_length() -> None:
    small, large = (
        held(gradient_graph(dk.trace(lambda r, n=n: logistic(r, n), 2.9)))
        for n in (200_000, 20_000_000)
    )
    assert large < 12 * small  # √100 = 10; all carries would be 100
    assert large < 20 * 8 * 4473  # twenty vectors of √T numbers, where T numbers are 160 MB


# Differential equations and nets ------------------------------------------------------------------


def pendulum(k: Any, loop: Scan = dk.scan, steps: int = 8) -> Any:
    """A pendulum of stiffness k by the classical Runge–Kutta method."""

    def slope(u: Any) -> Any:
        return np.stack([u[1], -k * np.sin(u[0])])

    def runge_kutta(u: Any, h: Any) -> tuple[Any, Any]:
        a = slope(u)
        b = slope(u + h / 2 * a)
        c = slope(u + h / 2 * b)
        d = slope(u + h * c)
        return u + h / 6 * (a + 2 * b + 2 * c + d), u[0]

    u, path = loop(runge_kutta, np.array([1.0, 0.0]), np.full(steps, 0.1))
    return np.sum(path * path) + u[1]


def test_differential_equation(kept: int) -> None:
    assert pendulum(1.3) == pendulum(1.3, unrolled)
    for method in ("forward", "reverse", "finite", "complex"):
        got = dk.grad(pendulum, method=method)(1.3)
        expected = dk.grad(lambda k: pendulum(k, unrolled))(1.3)
        assert got == pytest.approx(expected, rel=1e-8 if method == "finite" else 8 * EPS)
    twice = [dk.derivative(f, 2)(1.3) for f in (pendulum, lambda k: pendulum(k, unrolled))]
    assert twice[0] == pytest.approx(twice[1], rel=1e-12)


RNG = np.random.default_rng(0)
WEIGHTS = {"W": 0.5 * RNG.normal(size=(3, 3)), "U": RNG.normal(size=(2, 3)), "b": np.ones(3)}
DIRECTION = {name: RNG.normal(size=w.shape) for name, w in WEIGHTS.items()}
SEQUENCE = RNG.normal(size=(7, 2))


def recurrent(p: Any, x: Any, loop: Scan = dk.scan, reverse: bool = False) -> Any:
    """The loss of a recurrent net over a sequence; the step closes over all weights."""

    def step(h: Any, row: Any) -> tuple[Any, Any]:
        h = np.tanh(h @ p["W"] + row @ p["U"] + p["b"])
        return h, np.sum(h * h)

    h, energy = loop(step, np.zeros(3), x, reverse=reverse)
    return np.sum(h) + np.sum(energy * np.arange(7.0))


def mixed(p: Any, x: Any, loop: Scan = dk.scan, reverse: bool = False) -> Any:
    """A carry and results of four dtypes, float32, integers and conditions among them."""

    def step(carry: Any, row: Any) -> tuple[Any, Any]:
        h, i, s, positive = carry
        h = np.tanh(h @ p["W"] + row @ p["U"] * (i + 1.0) + s.astype(float))
        s = np.sin(s) * np.float32(1.5) + np.sum(h).astype(np.float32)
        after = (h, i + 1, s, h[0] > 0.0)
        return after, {"h": np.where(positive, h, 2 * h), "i": i, "s": s, "none": None}

    (h, i, s, _), ys = loop(step, (p["b"], 0, np.float32(0.5), False), x, reverse=reverse)
    weighted = np.sum(ys["h"] * ys["i"][:, None])
    return np.sum(h) * i + weighted + 2.0 * np.sum(ys["s"]).astype(float) + s.astype(float)


def of_weights(f: Any, loop: Scan, reverse: bool) -> Callable[[Any], Any]:
    return lambda p: f(p, SEQUENCE, loop, reverse)


@pytest.mark.parametrize("reverse", (False, True))
@pytest.mark.parametrize("method", ("forward", "reverse"))
def test_recurrent_net(method: str, reverse: bool, kept: int) -> None:
    def gradient(loop: Scan) -> Any:
        f = lambda p, x: recurrent(p, x, loop, reverse)  # noqa: E731
        return dk.grad(f, argnums=(0, 1), method=method)(WEIGHTS, SEQUENCE)

    assert furthest(gradient(dk.scan), gradient(unrolled)) < 64 * EPS
    differences = dk.grad(of_weights(recurrent, dk.scan, reverse), method="finite")(WEIGHTS)
    assert furthest(gradient(dk.scan)[0], differences) < 1e-8


@pytest.mark.parametrize("reverse", (False, True))
def test_second_derivatives_of_a_recurrent_net(reverse: bool, kept: int) -> None:
    f, g = (of_weights(recurrent, loop, reverse) for loop in (dk.scan, unrolled))
    assert furthest(dk.hvp(f, WEIGHTS, DIRECTION), dk.hvp(g, WEIGHTS, DIRECTION)) < 1e-12

    def along(h: Any) -> Callable[[Any], Any]:
        return lambda p: sum(np.sum(w * DIRECTION[k]) for k, w in dk.grad(h)(p).items())

    assert furthest(*(dk.grad(along(h))(WEIGHTS) for h in (f, g))) < 1e-11

    def pushed(h: Any) -> Callable[[Any], Any]:
        return lambda p: dk.jvp(h, (p,), (DIRECTION,))[1]

    assert furthest(*(dk.grad(pushed(h))(WEIGHTS) for h in (f, g))) < 1e-11


@pytest.mark.parametrize("reverse", (False, True))
def test_several_dtypes(reverse: bool, kept: int) -> None:
    f, g = (of_weights(mixed, loop, reverse) for loop in (dk.scan, unrolled))
    assert f(WEIGHTS) == g(WEIGHTS)
    graph = dk.trace(f, WEIGHTS).check()
    assert run(graph, flatten(WEIGHTS)[0])[0] == g(WEIGHTS)
    assert graph(WEIGHTS) == pytest.approx(g(WEIGHTS), rel=1e-7)  # engines differ in float32
    pushed = [dk.jvp(h, (WEIGHTS,), (DIRECTION,))[1] for h in (f, g)]
    assert pushed[0] == pytest.approx(pushed[1], rel=1e-13)
    # half of the sum is in float32, whose cotangents are added in another order
    assert furthest(dk.grad(f)(WEIGHTS), dk.grad(g)(WEIGHTS)) < 100 * np.finfo(np.float32).eps


# Loops in loops, derivatives in loops, loops in every method --------------------------------------


def nested(a: Any, loop: Scan = dk.scan) -> Any:
    """A loop whose step is a loop; both close over a."""

    def outer(c: Any, x: Any) -> tuple[Any, Any]:
        d, ds = loop(lambda d, _: (d * np.cos(c) * a + x, d), c, length=3)
        return d, np.sum(ds)

    c, ys = loop(outer, a, np.array([0.1, 0.2, 0.3]))
    return c * np.sum(ys)


@pytest.mark.parametrize("order", (0, 1, 2, 3))
def test_loop_in_a_loop(order: int, kept: int) -> None:
    got = dk.derivative(nested, order)(0.7)
    expected = dk.derivative(lambda a: nested(a, unrolled), order)(0.7)
    assert got == pytest.approx(expected, rel=1e-12)


def test_derivative_inside_a_step() -> None:
    """Newton's method as a loop: the step takes the derivative of a closed-over function."""

    def root(a: Any, loop: Scan = dk.scan) -> Any:
        def newton(x: Any, _: Any) -> tuple[Any, Any]:
            return x - (x * x - a) / dk.grad(lambda z: z * z - a)(x), None

        return loop(newton, 1.0, length=8)[0]

    assert root(2.0) == pytest.approx(np.sqrt(2.0), rel=EPS)
    assert dk.grad(root)(2.0) == pytest.approx(0.5 / np.sqrt(2.0), rel=4 * EPS)


def test_compare_shows_all_methods() -> None:
    result = dk.compare(lambda r: logistic(r, 4), 2.5).to_dict()["methods"]
    assert set(result) >= {"symbolic", "finite", "complex", "forward", "reverse"}
    for name, row in result.items():
        assert not row.get("refused"), name
        assert row["max_ulp"] < (1e8 if name == "finite" else 8), name


def test_formula_and_many_digits() -> None:
    import mpmath
    import sympy

    graph = dk.trace(lambda r: logistic(r, 2), 2.5)
    r, x = sympy.Symbol("r"), sympy.Rational(3, 10)
    y = r * x * (1 - x)
    difference = graph.to_sympy() - r * y * (1 - y)
    assert abs(float(difference.subs(r, 2))) < 1e-15  # 0.3 is a float and not 3/10
    with mpmath.workdps(40):
        found = run(graph, [mpmath.mpf("2.5")], "mpmath")[0]
        z = mpmath.mpf(0.3)
        for _ in range(2):
            z = mpmath.mpf("2.5") * z * (1 - z)
        assert mpmath.almosteq(found, z, rel_eps=mpmath.mpf(10) ** -38)


def test_pulled_back_and_rewritten() -> None:
    y, pullback = dk.vjp(lambda r: logistic(r, 5), 2.5)
    assert y == logistic(2.5, 5)
    assert pullback(1.0)[0] == dk.grad(logistic)(2.5, 5)
    graph = dk.trace(lambda r: logistic(r * 1.0, 5), 2.5)
    assert graph.rewrite().check()(2.5) == graph(2.5)


@pytest.mark.parametrize("reverse", (False, True))
def test_many_examples_are_one_loop(reverse: bool, kept: int) -> None:
    """Examples differ in the rows and not in the weights; the counter never differs."""

    def per_example(x: Any) -> Any:
        return mixed(WEIGHTS, x, dk.scan, reverse)

    sequences = np.stack([SEQUENCE, 2 * SEQUENCE, SEQUENCE - 1])
    for f in (per_example, dk.grad(per_example)):
        mapped = dk.vmap(f)(sequences)
        assert furthest(mapped, np.stack([f(x) for x in sequences])) < 1e-5  # float32 inside
    loops = dk.trace(dk.vmap(lambda r: logistic(r, 9)), np.linspace(1, 3, 50)).operations()
    assert loops["scan"] == 1 and loops["mul"] == 18


# What the equation is -----------------------------------------------------------------------------


def test_equal_loops_are_one_equation() -> None:
    def both(r: Any) -> Any:
        step = lambda x, _: (r * x, None)  # noqa: E731
        first, second = (dk.scan(step, 1.0, length=9)[0] for _ in range(2))
        return first + second

    assert dk.trace(both, 1.1).operations()["scan"] == 1


def test_what_does_not_depend_on_the_step_is_computed_once() -> None:
    table = np.arange(5.0)

    def f(w: Any) -> Any:
        return np.sum(dk.scan(lambda c, _: (c * np.exp(w) + table, None), table, length=50)[0])

    graph = dk.trace(f, 0.1)
    assert graph.operations()["exp"] == 1
    assert dk.grad(f)(0.1) == pytest.approx(dk.grad(f, method="forward")(0.1), rel=1e-13)


def test_closed_over_names_are_those_of_the_step() -> None:
    """A variable of the closure that has no value yet is no obstacle."""

    def f(rate: Any) -> Any:
        def step(c: Any, _: Any) -> tuple[Any, Any]:
            return (c * rate if c is not None else later), None

        last = dk.scan(step, rate, length=3)[0]
        later = last
        return later

    assert "step = { lambda c:f64 rate:f64 ." in str(dk.trace(f, 2.0))
    assert dk.grad(f)(2.0) == 4 * 2.0**3


def test_rows_that_no_cotangent_needs_are_not_pulled_back() -> None:
    swept = gradient_graph(dk.trace(recurrent, WEIGHTS, SEQUENCE), wrt=(0,))
    every = gradient_graph(dk.trace(recurrent, WEIGHTS, SEQUENCE))
    assert swept.flops() < every.flops()


def test_prints_draws_and_plans() -> None:
    def orbit(r: Any) -> Any:
        def step(x: Any, _: Any) -> tuple[Any, Any]:
            risen = r * x
            return risen * (1.0 - x), None

        return dk.scan(step, 0.3, length=100)[0]

    graph = dk.trace(orbit, 2.5)
    text = str(graph)
    assert "scan[body=step length=100] 0.3 r" in text
    assert "step = { lambda x:f64 r:f64 ." in text and "risen:f64 = mul r x" in text
    assert "scan[body=step length=100]" in graph.to_svg()
    inner = graph.to_dict()["equations"][0]["inner"]
    assert [equation["primitive"] for equation in inner["equations"]] == ["mul", "sub", "mul"]
    assert "view of" in str(graph.plan())


def test_plain_arrays_run_and_stay_as_they_are() -> None:
    start = np.zeros(2)

    def step(c: Any, x: Any) -> tuple[Any, Any]:
        if x["a"] > 1.0:  # plain numbers may branch
            c += x["a"]
        return c, (c, None)

    last, (ys, none) = dk.scan(step, start, {"a": np.arange(4.0)}, reverse=True)
    assert last.tolist() == [5.0, 5.0] and none is None
    assert ys[:, 0].tolist() == [5.0, 5.0, 5.0, 3.0]
    assert start.tolist() == [0.0, 0.0]


def test_complex_step_by_hand() -> None:
    slope = logistic(2.5 + 1e-100j, 6).imag / 1e-100
    assert slope == pytest.approx(dk.grad(logistic)(2.5, 6), rel=8 * EPS)


# As source code -----------------------------------------------------------------------------------

PRINTED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "nested": (nested, (0.7,)),
    "recurrent": (lambda p: recurrent(p, SEQUENCE), (WEIGHTS,)),
    "several dtypes, backwards": (lambda p: mixed(p, SEQUENCE, reverse=True), (WEIGHTS,)),
}


@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize("change", (lambda f: f, dk.grad), ids=("value", "gradient"))
def test_printed_code_gives_the_numbers_of_the_graph(name: str, change: Any, kept: int) -> None:
    f, args = PRINTED[name]
    graph = dk.trace(change(f), *args)
    leaves = [np.asarray(leaf)[()] for leaf in flatten(args)[0]]
    space: dict[str, Any] = {}
    exec(graph.to_source(name="printed"), space)
    got = space["printed"](*leaves)
    for mine, wanted in zip(flatten(got)[0], run(graph, leaves), strict=True):
        np.testing.assert_array_equal(mine, wanted)
