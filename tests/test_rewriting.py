"""Rewrites keep every bit: NaN, infinities and signed zeros are among the inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.engines.interpret import run
from diffkit.errors import InputError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.rewriting import RULES, rewrite
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise
from diffkit.primitives.reductions import max_
from diffkit.primitives.shaping import reshape, transpose

SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.1, -2.5, 5e-324, 1.7976931348623157e308]
)
COLUMN, ROW = SPECIAL[:, None], SPECIAL[None, :]


def written(f: Callable[..., Any], *avals: Any) -> Any:
    """The graph of ``f``, written with primitives so that capture simplifies nothing."""
    from diffkit.capture.tracing import Tracer

    arena = Arena()
    inputs = [Tracer(arena, arena.new_input(a), a) for a in avals]
    out = f(*inputs)
    return arena.freeze([t.node for t in inputs], [out.node], names=None)


def same_bits(one: Any, other: Any) -> bool:
    """Equal values with equal signs, NaN equal to NaN, and one dtype."""
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    nan = np.isnan(one)
    signs = np.signbit(one) == np.signbit(other)
    return bool(np.all((one == other) & signs | nan & np.isnan(other)))


X = aval((11, 1), float)
Y = aval((1, 11), float)

# What shrinks: a name, the expression, and how many equations are left.
SHRINKS: dict[str, tuple[Callable[..., Any], int]] = {
    "x·1": (lambda x, y: ops.add(ops.mul(x, 1.0), y), 1),
    "1·x": (lambda x, y: ops.add(ops.mul(1.0, x), y), 1),
    "x·(−1)": (lambda x, y: ops.sub(y, ops.mul(x, -1.0)), 1),
    "x/1": (lambda x, y: ops.add(ops.div(x, 1.0), y), 1),
    "x**1": (lambda x, y: ops.mul(ops.power(x, 1.0), y), 1),
    "xⁿ, n = 1": (lambda x, y: ops.mul(ops.integer_power(x, n=1), y), 1),
    "−−x": (lambda x, y: ops.add(ops.neg(ops.neg(x)), y), 1),
    "x − 0": (lambda x, y: ops.mul(ops.sub(x, 0.0), y), 1),
    "x + (−0)": (lambda x, y: ops.mul(ops.add(x, -0.0), y), 1),
    "−0 + x": (lambda x, y: ops.mul(ops.add(-0.0, x), y), 1),
    "x + (−y)": (lambda x, y: ops.add(x, ops.neg(y)), 1),
    "(−x) + y": (lambda x, y: ops.add(ops.neg(x), y), 1),
    "x − (−y)": (lambda x, y: ops.sub(x, ops.neg(y)), 1),
    "(−x)·(−y)": (lambda x, y: ops.mul(ops.neg(x), ops.neg(y)), 1),
    "(−x)/(−y)": (lambda x, y: ops.div(ops.neg(x), ops.neg(y)), 1),
    "||x||": (lambda x, y: ops.mul(piecewise.abs_(piecewise.abs_(x)), y), 2),
    "|−x|": (lambda x, y: ops.mul(piecewise.abs_(ops.neg(x)), y), 2),
    "not not": (
        lambda x, y: piecewise.where(ops.logical_not(ops.logical_not(ops.less(x, y))), x, y), 2),
    "where(c, x, x)": (lambda x, y: ops.add(piecewise.where(ops.less(x, x), x, x), y), 1),
    "mask of mask": (
        lambda x, y: piecewise.mask(ops.less(x, y), piecewise.mask(ops.less(x, y), ops.add(x, y))),
        3),
    "f32 → f64 → f32": (
        lambda x, y: ops.mul(ops.cast(ops.cast(ops.cast(x, dtype="<f4"), dtype="<f8"),
                                      dtype="<f4"), 2.0), 2),
    "reshapes": (lambda x, y: reshape(reshape(ops.add(x, y), shape=(121,)), shape=(11, 11)), 1),
    "transposes": (
        lambda x, y: transpose(transpose(ops.add(x, y), axes=(1, 0)), axes=(1, 0)), 1),
    "max over no axis": (lambda x, y: max_(ops.add(x, y), axes=()), 1),
    "again after another": (
        lambda x, y: ops.add(ops.mul(x, y), ops.mul(ops.mul(x, 1.0), y)), 2),
}  # fmt: skip

# What must stay, since NaN, ∞ or −0 would change.
STAYS: dict[str, Callable[..., Any]] = {
    "x·0": lambda x, y: ops.mul(x, 0.0),
    "x − x": lambda x, y: ops.sub(x, x),
    "x / x": lambda x, y: ops.div(x, x),
    "x + 0.0": lambda x, y: ops.add(x, 0.0),
    "x − (−0.0)": lambda x, y: ops.sub(x, -0.0),
    "0 − x": lambda x, y: ops.sub(0.0, x),
    "−(x − y)": lambda x, y: ops.neg(ops.sub(x, y)),
    "f64 → f32 → f64": lambda x, y: ops.cast(ops.cast(x, dtype="<f4"), dtype="<f8"),
    "1 / x": lambda x, y: ops.div(1.0, x),
}


@pytest.mark.parametrize("name", SHRINKS)
def test_a_safe_identity_shrinks_the_graph_and_keeps_every_bit(name):
    f, left = SHRINKS[name]
    graph = written(f, X, Y)
    shorter = rewrite(graph).check()
    assert shorter.operations()["total"] == left < graph.operations()["total"]
    assert same_bits(run(graph, [COLUMN, ROW])[0], run(shorter, [COLUMN, ROW])[0])


@pytest.mark.parametrize("name", STAYS)
def test_an_unsafe_identity_is_left_alone(name):
    graph = written(STAYS[name], X, Y)
    assert rewrite(graph).check().operations() == graph.operations()


@pytest.mark.parametrize("name", [*SHRINKS, *STAYS])
def test_a_second_rewrite_finds_nothing(name):
    f = SHRINKS[name][0] if name in SHRINKS else STAYS[name]
    once = rewrite(written(f, X, Y))
    assert str(rewrite(once)) == str(once)


def test_the_checker_of_bits_sees_a_lost_sign():
    assert not same_bits(np.array([0.0]), np.array([-0.0]))
    assert not same_bits(np.array([np.nan]), np.array([1.0]))
    assert same_bits(np.array([np.nan, -0.0]), np.array([np.nan, -0.0]))


def test_x_times_one_stays_where_it_broadcasts():
    graph = written(lambda x: ops.mul(x, np.ones((3, 4))), aval((4,), float))
    assert rewrite(graph).operations()["total"] == 1


# Constants, dead code, common subexpressions ---------------------------------------------------


def test_constants_are_folded_to_the_bits_that_running_gives():
    from diffkit.capture.tracing import lift

    def f(x):
        a = lift(x.arena, 0.1)
        return ops.mul(x, ops.add(ops.mul(a, 3.0), ops.power(a, 0.3)))

    graph = written(f, aval((), float))
    shorter = rewrite(graph).check()
    assert shorter.operations() == {"mul": 1, "total": 1}
    assert same_bits(run(graph, [np.float64(7.0)])[0], run(shorter, [np.float64(7.0)])[0])


def test_a_nan_is_not_folded_so_that_its_line_can_be_told():
    from diffkit.capture.tracing import lift

    graph = written(lambda x: ops.mul(x, ops.div(lift(x.arena, 0.0), 0.0)), aval((), float))
    assert rewrite(graph).operations() == graph.operations()


def test_large_constants_are_not_folded():
    from diffkit.capture.tracing import lift

    graph = written(
        lambda x: ops.mul(x, ops.neg(lift(x.arena, np.arange(1000.0)))), aval((), float)
    )
    assert rewrite(graph, ["constant folding"]).operations()["total"] == 2


def test_dead_equations_are_left_out():
    graph = dk.trace(lambda x: np.sin(x), 1.0)
    arena = Arena.of(graph)
    dead = arena.emit(ops.neg.bare, (graph.output_nodes[0],), None)
    full = arena.freeze(graph.input_nodes, [*graph.output_nodes, dead])
    full.output_nodes = full.output_nodes[:1]
    assert full.operations()["total"] == 2
    assert rewrite(full).operations() == {"sin": 1, "total": 1}


def test_equal_equations_are_merged_only_if_the_rule_is_on():
    graph = dk.trace(lambda x: np.sin(x), 1.0)
    arena = Arena.of(graph)
    node = graph.output_nodes[0]
    copy = arena.emit_fresh(arena.operations[node], arena.operands[node], arena.avals[node])
    total = arena.emit(ops.add.bare, (node, copy), None)
    doubled = arena.freeze(graph.input_nodes, [total])
    assert rewrite(doubled).operations() == {"add": 1, "sin": 1, "total": 2}
    assert rewrite(doubled, ["dead code"]).operations()["sin"] == 2


# The table ---------------------------------------------------------------------------------------


def test_every_row_has_a_name_and_a_doc():
    assert {"constant folding", "common subexpressions", "dead code"} <= set(RULES)
    assert all(rule.name == name and rule.doc.endswith(".") for name, rule in RULES.items())


def test_rules_can_be_chosen_by_name():
    graph = written(lambda x: ops.neg(ops.neg(ops.mul(x, 1.0))), aval((), float))
    assert rewrite(graph, ["double negation"]).operations()["total"] == 1
    assert rewrite(graph, []).operations()["total"] == 3
    with pytest.raises(InputError, match="no rewrite named 'magic'"):
        rewrite(graph, ["magic"])


def test_trees_names_guards_and_lines_survive():
    def f(x):
        y = x["w"] * 1.0 * 2.0
        return {"loss": y if y > 0 else -y}

    graph = dk.trace(f, {"w": 3.0})
    shorter = rewrite(graph).check()
    assert shorter.input_names == graph.input_names
    assert [guard.outcome for guard in shorter.guards] == [True]
    assert float(shorter({"w": 5.0})["loss"]) == 10.0
    assert "y:f64" in str(shorter)


def test_integers_follow_their_own_rules():
    graph = written(lambda n: ops.neg(ops.neg(ops.add(ops.mul(n, 1), 0))), aval((), "i8"))
    assert rewrite(graph).operations()["total"] == 0


def test_a_long_chain_is_rewritten_without_recursion():
    def f(x):
        for _ in range(25_000):
            x = np.negative(-(x * 1.5)) + 1.0
        return x

    graph = dk.trace(f, 1.0)
    assert rewrite(graph).operations()["total"] == 50_000


def test_a_gradient_graph_keeps_its_bits():
    from diffkit.differentiate.reverse import gradient_graph

    def f(x, y):
        return np.sum(np.tanh(x * y) / (1.0 + x * x) - np.maximum(x, y))

    generator = np.random.default_rng(1)
    values = [generator.normal(size=(3, 1)), generator.normal(size=(4,))]
    graph = gradient_graph(dk.trace(f, *values))
    shorter = rewrite(graph).check()
    for one, other in itertools.zip_longest(run(graph, values), run(shorter, values)):
        assert same_bits(one, other)
