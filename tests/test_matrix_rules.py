"""Every rule of matrix calculus fires on its example, and both sides are the same numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from diffkit.comparison.matrix_listing import FUNCTION, compiled
from diffkit.comparison.matrix_rules import RULES, apply_rules
from diffkit.comparison.matrix_source import SourceWriter
from diffkit.comparison.matrix_terms import Algebra, Term
from diffkit.comparison.rules import load_all_primitives
from diffkit.engines.emitting import Names
from diffkit.engines.source_helpers import Globals
from diffkit.graph.primitive import REGISTRY

load_all_primitives()
apply_rules(Algebra(), Algebra().var("x"))  # fills the table

SHAPES: dict[str, tuple[int, ...]] = {
    "A": (3, 3), "B": (3, 3), "C": (3, 3), "X": (4, 3), "Y": (4, 3), "x": (3,), "y": (3,),
    "v": (4,), "s": (), "P": (4, 3),
}  # fmt: skip
Example = Callable[[Algebra, dict[str, Term]], Term]
EXAMPLES: dict[str, list[Example]] = {}


def numbers() -> dict[str, np.ndarray]:
    """Random matrices: A and B are far from singular, the rows of P sum to one."""
    rng = np.random.default_rng(7)
    found = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    found["A"], found["B"] = found["A"] + 4 * np.eye(3), found["B"] + 4 * np.eye(3)
    found["P"] = np.exp(found["P"]) / np.exp(found["P"]).sum(axis=1, keepdims=True)
    return found | {"labels": np.array([0, 2, 1, 1])}


def function(t: Algebra, name: str, *args: Term, **params: object) -> Term:
    """An equation of the graph as a term, with no rule applied."""
    operation = REGISTRY[name].operation(params)
    term = t.raw(f"op:{name}", *args, operation)
    shape = np.broadcast_shapes(*(arg.shape for arg in args))
    boolean = getattr(REGISTRY[name], "result", None) == "bool"
    term.operation = operation
    term.shape, term.dtype = shape, np.dtype(np.bool_ if boolean else np.float64)
    return term


def column(t: Algebra, term: Term) -> Term:
    return t.raw("expand", term, (1,))


def row(t: Algebra, term: Term) -> Term:
    return t.raw("expand", term, (0,))


def minus(t: Algebra, term: Term) -> Term:
    return t.raw("mul", t.const(-1), term)


def simple(name: str, *lines: Example) -> None:
    """Add examples of a rule."""
    EXAMPLES.setdefault(name, []).extend(lines)


simple("nested products", lambda t, v: t.raw("mul", v["x"], t.raw("mul", t.const(2), v["y"])))
simple("nested products", lambda t, v: t.raw("mul", t.const(1), v["x"]))
simple("powers of one factor", lambda t, v: t.raw("mul", v["x"], v["x"], v["y"]))
simple("powers of one factor", lambda t, v: t.raw(
    "mul", v["y"], function(t, "exp", v["x"]),
    t.raw("pow", function(t, "exp", v["x"]), -1)))  # fmt: skip
simple("repetition within a product or a sum",
       lambda t, v: t.raw("add", v["X"], t.raw("broadcast", v["s"], (4, 3))),
       lambda t, v: t.raw("mul", v["X"], row(t, v["x"])))  # fmt: skip
simple("distribution that cancels", lambda t, v: t.raw(
    "mul", t.raw("sigmoid", v["x"]),
    t.raw("add", v["x"],
          t.raw("mul", v["y"], t.raw("pow", t.raw("sigmoid", v["x"]), -1)))))  # fmt: skip
simple("sign of a difference", lambda t, v: t.raw(
    "mul", t.const(-1), t.raw("dot", v["A"], t.raw("add", v["x"], minus(t, v["y"])))))  # fmt: skip
simple("order of a product", lambda t, v: t.raw("mul", v["y"], v["x"]))
simple("power of a number", lambda t, v: t.raw("pow", t.const(3), -1))
simple("power of a number", lambda t, v: t.raw("pow", v["x"], 1))
simple("power of a power", lambda t, v: t.raw("pow", t.raw("pow", v["x"], 2), -1),
       lambda t, v: t.raw("pow", t.raw("pow", function(t, "exp", v["x"]), 0.5), 2))  # fmt: skip
simple("power of a product", lambda t, v: t.raw("pow", t.raw("mul", v["x"], v["y"]), 3))
simple("nested sums", lambda t, v: t.raw(
    "add", v["x"], t.raw("mul", t.const(3), t.raw("add", v["y"], v["s"]))))  # fmt: skip
simple("like terms", lambda t, v: t.raw("add", v["x"], v["y"], v["x"]),
       lambda t, v: t.raw("add", v["x"], t.const(0)))  # fmt: skip
simple("multiplied out", lambda t, v: t.raw(
    "add", t.raw("mul", v["x"], t.raw("add", t.const(1), minus(t, v["y"]))),
    t.raw("mul", t.const(-1), v["y"], t.raw("add", t.const(1), minus(t, v["x"])))))  # fmt: skip
simple("common number", lambda t, v: t.raw(
    "add", t.raw("mul", t.const(2), v["x"]), t.raw("mul", t.const(-2), v["y"])))  # fmt: skip
simple("common factor", lambda t, v: t.raw(
    "add", t.raw("mul", v["s"], v["x"]), t.raw("mul", v["s"], v["y"])))  # fmt: skip
simple("numbers come out",
       lambda t, v: t.raw("dot", v["A"], t.raw("mul", v["s"], v["B"])),
       lambda t, v: t.raw("solve", v["A"], t.raw("mul", t.const(2), v["x"])),
       lambda t, v: t.raw("T", t.raw("mul", v["s"], v["X"])))  # fmt: skip
simple("transpose of a transpose", lambda t, v: t.raw("T", t.raw("T", v["X"])),
       lambda t, v: t.raw("T", t.raw("eye", 3)))  # fmt: skip
simple("transpose of a product", lambda t, v: t.raw("T", t.raw("dot", v["X"], v["A"])),
       lambda t, v: t.raw("T", t.raw("outer", v["v"], v["x"])),
       lambda t, v: t.raw("T", t.raw("inverse", v["A"])))  # fmt: skip
simple("transpose of a sum", lambda t, v: t.raw("T", t.raw("add", v["X"], v["Y"])),
       lambda t, v: t.raw("T", t.raw("mul", v["X"], v["Y"])))  # fmt: skip
simple("transpose of a column", lambda t, v: t.raw("T", column(t, v["x"])),
       lambda t, v: t.raw("T", t.raw("broadcast", t.const(1), (4, 3))))  # fmt: skip
simple("identity in a product", lambda t, v: t.raw("dot", t.raw("eye", 3), v["A"]),
       lambda t, v: t.raw("dot", v["X"], t.raw("eye", 3)))  # fmt: skip
simple("product with a column or a row",
       lambda t, v: t.raw("dot", v["X"], column(t, v["x"])),
       lambda t, v: t.raw("dot", row(t, v["v"]), v["X"]),
       lambda t, v: t.raw("dot", column(t, v["v"]), row(t, v["x"])),
       lambda t, v: t.raw("dot", row(t, v["x"]), column(t, v["y"])))  # fmt: skip
simple("product with ones",
       lambda t, v: t.raw("dot", v["X"], t.ones_of((3,))),
       lambda t, v: t.raw("dot", t.raw("T", v["X"]), t.ones_of((4,))),
       lambda t, v: t.raw("dot", t.ones_of((3,)), v["x"]))  # fmt: skip
simple("product with a number in a matrix", lambda t, v: t.raw(
    "dot", t.raw("expand", v["s"], (0, 1)), row(t, v["x"])))  # fmt: skip
simple("row times matrix", lambda t, v: t.raw("dot", v["v"], v["X"]))
simple("bilinear form", lambda t, v: t.raw(
    "dot", t.raw("dot", t.raw("T", v["A"]), v["x"]), v["y"]))  # fmt: skip
simple("product with an outer product",
       lambda t, v: t.raw("dot", v["A"], t.raw("outer", v["x"], v["v"])),
       lambda t, v: t.raw("dot", t.raw("outer", v["v"], v["x"]), v["A"]),
       lambda t, v: t.raw("dot", t.raw("outer", v["v"], v["x"]), v["y"]),
       lambda t, v: t.raw("solve", v["A"], t.raw("outer", v["x"], v["y"])))  # fmt: skip
simple("common operand of products",
       lambda t, v: t.raw("add", t.raw("dot", v["A"], v["x"]), t.raw("dot", v["B"], v["x"])),
       lambda t, v: t.raw("add", t.raw("dot", v["A"], v["B"]),
                          t.raw("dot", v["A"], v["C"])))  # fmt: skip
simple("solution for the identity", lambda t, v: t.raw("solve", v["A"], t.raw("eye", 3)))
simple("inverse of a multiple", lambda t, v: t.raw("inverse", t.raw("mul", v["s"], v["A"])))
simple("solution for a column", lambda t, v: t.raw("solve", v["A"], column(t, v["x"])))
simple("axes that are put in and taken out",
       lambda t, v: t.raw("reshape", column(t, v["x"]), (3,)),
       lambda t, v: t.raw("reshape", v["X"], (4, 3)))  # fmt: skip
simple("reshape that adds axes", lambda t, v: t.raw("reshape", v["x"], (3, 1)),
       lambda t, v: t.raw("reshape", t.ones_of((4, 3)), (12,)))  # fmt: skip
simple("new axes of a product", lambda t, v: t.raw(
    "mul", v["X"],
    column(t, t.raw("mul", v["s"], v["v"], function(t, "exp", v["v"])))))  # fmt: skip
simple("columns together",
       lambda t, v: t.raw("add", column(t, v["x"]), column(t, v["y"])),
       lambda t, v: t.raw("pow", column(t, v["x"]), 2),
       lambda t, v: function(t, "tanh", column(t, v["x"])))  # fmt: skip
simple("outer product", lambda t, v: t.raw("mul", column(t, v["v"]), v["x"]))
simple("new axes of ones", lambda t, v: column(t, t.ones_of((3,))))
simple("repetition of one", lambda t, v: t.raw("broadcast", v["x"], (3,)),
       lambda t, v: t.raw("broadcast", v["s"], (2, 2)))  # fmt: skip
simple("sum of a sum", lambda t, v: t.raw("sum", t.raw("sum", v["X"], (1,)), (0,)),
       lambda t, v: t.raw("sum", v["X"], ()))  # fmt: skip
simple("factors that do not change come out of a sum",
       lambda t, v: t.raw("sum", t.raw("mul", column(t, v["v"]), v["X"]), (1,)),
       lambda t, v: t.raw("sum", t.raw("mul", v["s"], v["X"]), (0, 1)))  # fmt: skip
simple("sum of what is repeated", lambda t, v: t.raw("sum", t.ones_of((4, 3)), (1,)),
       lambda t, v: t.raw("sum", column(t, v["x"]), (1,)))  # fmt: skip
simple("inner product", lambda t, v: t.raw("sum", t.raw("mul", v["x"], v["y"]), (0,)))
simple("trace", lambda t, v: t.raw("sum", t.raw("diagonal", v["A"]), (0,)))
simple("diagonal of a number", lambda t, v: t.raw("diag", t.ones_of((3,))))
simple("softmax", lambda t, v: t.raw(
    "mul", function(t, "exp", v["X"]),
    t.raw("pow", column(t, t.raw("sum", function(t, "exp", v["X"]), (1,))), -1)))  # fmt: skip
simple("log-sum-exp", lambda t, v: summed_log(t, t.raw("sum", function(t, "exp", v["X"]), (1,))))
simple("softmax of a shift",
       lambda t, v: t.raw("softmax", t.raw("add", v["X"], minus(t, column(t, v["v"]))), (1,)),
       lambda t, v: t.raw("lse", t.raw("add", v["X"], column(t, v["v"])), (1,)))  # fmt: skip
simple("rows that sum to one",
       lambda t, v: t.raw("sum", t.raw("softmax", v["X"], (1,)), (1,)),
       lambda t, v: t.raw("sum", t.raw("one_hot", v["labels"], 3), (1,)),
       lambda t, v: t.raw("sum", v["P"], (1,)))  # fmt: skip
simple("sigmoid", lambda t, v: t.raw(
    "pow", t.raw("add", t.const(1), function(t, "exp", minus(t, v["x"]))), -1))  # fmt: skip
simple("complement of the sigmoid", lambda t, v: t.raw(
    "mul", function(t, "exp", minus(t, v["x"])), t.raw("sigmoid", v["x"])))  # fmt: skip
simple("log-sum-exp of two",
       lambda t, v: t.raw("lse", pair(t, v), (1,)),
       lambda t, v: picked(t, t.raw("softmax", pair(t, v), (1,))))  # fmt: skip
simple("known selection",
       lambda t, v: t.raw("mask", t.raw("true"), v["x"]),
       lambda t, v: t.raw("mask", t.raw("false"), v["x"]),
       lambda t, v: function(t, "where", t.raw("false"), v["x"], v["y"]))  # fmt: skip
simple("mask of a product", lambda t, v: t.raw(
    "mask", function(t, "greater", v["x"], v["y"]), t.raw("mul", v["s"], v["x"])))  # fmt: skip
simple("one-hot selection",
       lambda t, v: t.raw("mask", t.raw("one_hot", v["labels"], 3), v["X"]))  # fmt: skip
simple("selection or zero", lambda t, v: function(
    t, "where", function(t, "greater", v["x"], v["y"]), v["x"], t.const(0)))  # fmt: skip
simple("logarithm of a determinant", lambda t, v: determinant(t, v["A"]))


def summed_log(t: Algebra, inner: Term) -> Term:
    return function(t, "log", inner)


def pair(t: Algebra, v: dict[str, Term]) -> Term:
    """[x, y] as two columns."""
    joined = function(t, "concatenate", column(t, v["x"]), column(t, v["y"]), axis=1)
    joined.shape = (3, 2)
    return joined


def picked(t: Algebra, inner: Term) -> Term:
    """The second of two columns."""
    whole, second = ("slice", None, None, None), ("slice", 1, 2, 1)
    term = function(t, "getitem", inner, index=(whole, second))
    term.shape = (3, 1)
    return term


def determinant(t: Algebra, matrix: Term) -> Term:
    found = function(t, "slogdet", matrix)
    found.shape = (2,)
    term = function(t, "getitem", found, index=(1,))
    term.shape = ()
    return term


def algebra() -> tuple[Algebra, dict[str, Term]]:
    t = Algebra()
    variables = {name: t.var(name, shape) for name, shape in SHAPES.items()}
    variables["labels"] = t.var("labels", (4,), np.int64)
    t.ones.add(variables["P"])
    return t, variables


def value(t: Algebra, term: Term, variables: dict[str, Term]) -> np.ndarray:
    """The number of a term, by running its code."""
    names = {variable: name for name, variable in variables.items()}
    shared = Globals()
    writer = SourceWriter(t, names, shared)
    shared.writing.append(Names())
    text = writer.text(term)
    source = writer.module(f"def {FUNCTION}({', '.join(variables)}):\n    return {text}")
    return np.asarray(compiled(source)(**numbers()))


def test_every_rule_has_an_example() -> None:
    assert set(EXAMPLES) == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_both_sides_are_the_same_numbers(name: str) -> None:
    for build in EXAMPLES[name]:
        t, variables = algebra()
        before = build(t, variables)
        after = RULES[name].pattern(t, before)
        assert after is not None and after is not before, "the rule does not fire"
        assert after.shape == before.shape
        got, wanted = value(t, after, variables), value(t, before, variables)
        got, wanted = (np.broadcast_to(x, before.shape) for x in (got, wanted))
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


def test_a_wrong_rule_is_found() -> None:
    t, variables = algebra()
    product = t.raw("T", t.raw("dot", variables["A"], variables["B"]))
    wrong = t.raw("dot", t.raw("T", variables["A"]), t.raw("T", variables["B"]))
    right, found = value(t, product, variables), value(t, wrong, variables)
    assert not np.allclose(found, right)


@pytest.mark.parametrize("name", sorted(RULES))
def test_rows_say_what_they_do(name: str) -> None:
    assert RULES[name].name == name
    assert RULES[name].identity.endswith(".") and RULES[name].on


def test_terms_that_are_too_deep_are_taken_as_they_come() -> None:
    t = Algebra()
    term = t.var("x", (3,))
    for _ in range(5_000):
        term = t.plus(t.make("sigmoid", term), 1.0)
    assert term.depth > 5_000
