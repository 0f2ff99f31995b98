"""Text and SymPy as sources of graphs: what is accepted, what it means, and what is refused."""

from __future__ import annotations

import math
import sys
import time

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from diffkit.capture.from_sympy import from_sympy
from diffkit.capture.parsing import parse
from diffkit.capture.parsing_text import MAX_DEPTH, MAX_LENGTH, Text
from diffkit.capture.vocabulary import SPECIAL_WORDS, UNARY, vocabulary
from diffkit.errors import DtypeError, InputError, ParseError, UnsupportedError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY, Elementwise

# Elementwise primitives of one operand that are not functions a person writes, and special ones
# with a parameter.
NOT_WORDS = {"neg", "alias", "logical_not", "integer_power"}
WITH_PARAMETERS = {"airy", "fresnel", "log1prel", "polygamma", "shichi", "sici"}


def value(text: str, **variables: float) -> float:
    """The value of an expression."""
    return float(parse(text)(**variables))


# What is accepted ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log(x) + x*y - sin(y)", math.log(2) + 10 - math.sin(5)),
        ("-x**2", -4.0),
        ("(-x)**3", -8.0),
        ("2**-x", 0.25),
        ("x**y**0", 2.0),
        ("x/y/2", 0.2),
        ("+x - -y", 7.0),
        ("e**x", math.exp(2)),
        ("2*pi", 2 * math.pi),
        ("π*tau", math.pi * math.tau),
        ("1_000 + .5e1", 1005.0),
        ("ln(x) + log(x, 10)", math.log(2) + math.log(2) / math.log(10)),
        ("max(x, y, 3) - min(x, y, 3)", 3.0),
        ("x if x < y else y", 2.0),
        ("where(x > y, x, y)", 5.0),
        ("1 if 0 < x <= 2 and not y == 2 or x > 9 else 0", 1.0),
        ("(x < y) + (x <= y) + (x != y)", 3.0),
        ("where(x < inf, 1, -inf)", 1.0),
        ("clip(x, 3, y) + sign(-x)", 2.0),
        ("atan2(x, y) + asin(x/y)", math.atan2(2, 5) + math.asin(0.4)),
        ("heaviside(x) + heaviside(x - 2) + heaviside(-x) + heaviside(0, 1)", 2.5),
        ("ceil(x/y) + floor(x/y)", 1.0),
        ("sec(x)*cos(x)", 1.0),
        ("y // x + 10*(-y % x) + 100*trunc(y/x) + 1000*rint(y/x)", 2212.0),
        ("pow(x, y) + hypot(3, 4)", 37.0),
        ("sigmoid(0) + relu(-x) + softplus(0)", 0.5 + math.log(2)),
        ("x²·y − x³ ÷ 2 × y", 0.0),
        ("x⁻¹", 0.5),
        ("x\n  + y\t", 7.0),
        ("1 if x ≤ y else 0", 1.0),
    ],
)
def test_value_of_text(text: str, expected: float) -> None:
    used = {name: at for name, at in {"x": 2.0, "y": 5.0}.items() if name in text}
    used = {name: used[name] for name in parse(text).input_names}
    assert value(text, **used) == pytest.approx(expected, rel=1e-15, abs=1e-15)


def test_graph_of_text_has_names_title_and_tree() -> None:
    graph = parse(" x2*sin(x1) if b > 0 else x2 ")
    assert graph.input_names == ("x2", "x1", "b")
    assert graph.keywords and graph.title == "x2*sin(x1) if b > 0 else x2"
    assert graph.check() is graph
    assert graph.in_tree.num_leaves == 3 and graph.out_tree.num_leaves == 1
    assert parse("e*pi").input_names == ()


def test_equal_parts_are_one_equation() -> None:
    assert parse("sin(x*y) + sin(x*y)**2").operations() == {
        "add": 1, "integer_power": 1, "mul": 1, "sin": 1, "total": 4,
    }  # fmt: skip


def test_constant_integer_exponents_are_integer_powers() -> None:
    assert parse("x**2 + x**-3 + x**4.0").operations()["integer_power"] == 3
    assert "power" in parse("x**2.5 + x**2000").operations()


def test_equations_know_their_place_in_the_text() -> None:
    lines = [equation.line for equation in parse("x + sin(y)").equations]
    assert sorted(lines) == ["character 1", "character 5"]


def test_dtype_of_the_variables() -> None:
    graph = parse("2*x + 1/3", dtype="f4")
    assert graph(x=np.float32(1)).dtype == np.float32
    for dtype in ("i8", "f2", "O"):
        with pytest.raises(DtypeError, match="text cannot become"):
            parse("x", dtype=dtype)


def test_greek_and_subscripted_names() -> None:
    assert parse("λ*x₁ + μ_2").input_names == ("λ", "x1", "μ_2")


def test_long_sums_do_not_recurse() -> None:
    assert value("+".join(["x"] * 900), x=1.0) == 900.0
    assert value("1 if x < 1 else " * 600 + "x", x=2.0) == 2.0


def test_every_unary_primitive_is_a_word() -> None:
    unary = {
        name
        for name, primitive in REGISTRY.items()
        if isinstance(primitive, Elementwise)
        and type(primitive).__module__.startswith("diffkit.primitives.")
        and type(primitive).partials.__code__.co_argcount == 3
    }
    assert unary - NOT_WORDS - WITH_PARAMETERS <= {*UNARY, *SPECIAL_WORDS[1]}
    assert all(word.build is not None for word in vocabulary().values())


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "empty"),
        ("x +", 3, "too early"),
        ("x + * y", 4, "invalid syntax"),
        ("2x", 0, r"2\*x"),
        ("3 x", 2, r"2\*x"),
        ("sin x", 4, "brackets"),
        ("(x + 1", 0, "never closed"),
        ("x^2", 1, r"write \*\*"),
        ("|x|", 0, r"abs\(x\)"),
        ("x!", 1, "factorials"),
        ("y = x", 2, "an equation"),
        ("x # 1", 2, "comments"),
        ("lambda*x", 0, "Python language"),
        ("x is y", 2, "comparison"),
        ("foo(x)", 0, "no function named 'foo'"),
        ("x + sine(x)", 4, "did you mean sin"),
        ("x(1 + y)", 0, r"x\*\("),
        ("2(x)", 0, r"write \*"),
        ("sin", 0, "is a function"),
        ("atan2(x)", 0, "takes 2 arguments, not 1"),
        ("max(x)", 0, "at least 2"),
        ("log(x, y, 2)", 0, "1 or 2"),
        ("sin(x, axis=1)", 11, "equation"),
        ("sin(**x)", 4, "named arguments"),
        ("sin(*x)", 4, "starred"),
        ("np.sin(x)", 0, "attributes"),
        ("x[0]", 1, "indexing"),
        ("x, y", 0, "several values"),
        ("{x}", 0, "braces"),
        ("'x'", 0, "strings"),
        ('f"{x}"', 1, "strings"),
        ("x := 3", 2, "colons"),
        ("[x for x in y]", 0, "lists"),
        ("1j*x", 0, "complex"),
        ("...", 0, "Ellipsis"),
        ("True", 0, "comparison"),
        ("_x", 0, "underscore"),
        ("x << 2", 5, "operator"),
        ("x < 1", 0, "condition, not a number"),
        ("1 if x else 2", 5, "comparison"),
        ("where(x, 1, 2)", 6, "comparison"),
        ("not x", 4, "comparison"),
        ("1e999", 0, "too large"),
        ("9" * 5000, 0, "digits"),
        ("x + 10**400", 4, "infinite"),
        ("1/0", 0, "infinite"),
        ("log(-1)", 0, "not a number"),
        ("x\0", 1, "not accepted"),
        ("3₂", 1, "invalid character"),
        ("x²**3", 1, "ambiguous"),
        ("x²2", 2, "write"),
        ("α·β + foo(α)", 6, "foo"),
        ("x +\n  α·y[0]", 9, "indexing"),
    ],
)
def test_refused_text_has_a_caret_and_a_reason(text: str, position: int, says: str) -> None:
    with pytest.raises(ParseError, match=says) as caught:
        parse(text)
    assert caught.value.position == position
    assert "\n" not in caught.value.message


HOSTILE = {
    "import": "__import__('os').system('echo pwned')",
    "import by name": "__import__(os)",
    "class walk": "().__class__.__bases__",
    "attribute walk": "x.__class__.__mro__",
    "eval": "eval(x)",
    "tower of powers": "9**9**9**9",
    "tower with a variable": "x + 9**9**9**9**9",
    "huge literal": "0x" + "f" * 9000,
    "megabyte of brackets": "(" * 1_000_000,
    "deep brackets": "(" * 5000 + "x" + ")" * 5000,
    "deep but short": "(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1),
    "signs": "-" * (MAX_LENGTH - 1) + "x",
    "powers": "2**" * 3000 + "x",
    "nots": "not " * 2400 + "x",
    "nodes": "max(" + "x," * 4000 + "x)",
    "sum": "+".join(["x"] * 4999),
    "null bytes": "x\0" * 100,
    "surrogate": "x + \ud800",
    "direction override": "x + \u202ey",
    "million digits": "1" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_text_is_refused_at_once(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    vocabulary()
    started = time.process_time()
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert time.process_time() - started < 1.0
    assert len(str(caught.value)) < 1000
    assert capfd.readouterr().out == ""


def test_parsing_does_not_compile_or_evaluate(monkeypatch: pytest.MonkeyPatch) -> None:
    import ast
    import builtins

    real = builtins.compile

    def only_trees(source: object, *args: object, **kwargs: object) -> object:
        flags = kwargs.get("flags", args[2] if len(args) > 2 else 0)
        assert isinstance(flags, int) and flags & ast.PyCF_ONLY_AST
        return real(source, *args, **kwargs)  # type: ignore[call-overload]

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("text was evaluated")

    vocabulary()
    monkeypatch.setattr(builtins, "compile", only_trees)
    monkeypatch.setattr(builtins, "eval", never)
    monkeypatch.setattr(builtins, "exec", never)
    graph = parse("sin(x)*where(x > 0, x**2, -x)")
    monkeypatch.undo()
    assert graph.input_names == ("x",)


def test_only_text_is_parsed() -> None:
    for thing in (3, None, b"x", ["x"]):
        with pytest.raises(InputError, match="an expression is text"):
            parse(thing)  # type: ignore[arg-type]


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_gives_a_graph_or_a_parse_error(text: str) -> None:
    try:
        graph = parse(text)
    except ParseError as error:
        assert 0 <= error.position <= len(text)
    else:
        assert isinstance(graph.check(), Graph)


@given(st.text(alphabet="xy12.+-*/()<>=!, ·²⁻₁sincoe\n", max_size=40))
@settings(deadline=None)
def test_text_of_formula_characters_gives_a_graph_or_a_parse_error(text: str) -> None:
    try:
        assert isinstance(parse(text).check(), Graph)
    except ParseError as error:
        assert 0 <= error.position <= len(text)


def test_positions_survive_rewriting() -> None:
    text = Text("α² ≤ β·γ")
    assert text.prepared == "α**2  <= β*γ"
    assert text.position(len("α**2  <= β*".encode())) == 7


# SymPy expressions --------------------------------------------------------------------------------

x, y = sp.symbols("x y")


@pytest.mark.parametrize(
    "expression",
    [
        x * y / 3,
        -x - y,
        x - y / 2 - 3,
        -2 * x / (3 * y),
        1 / sp.sqrt(x) + sp.sqrt(y),
        y / x**3,
        x ** sp.Rational(2, 3),
        x**y,
        sp.exp(-(x**2)) / sp.sqrt(2 * sp.pi),
        sp.Max(x, y, 1) * sp.Min(x, y),
        sp.Piecewise((x, x < 1), (y, x < 2), (0, True)),
        sp.Piecewise((x, sp.And(x < 1, sp.Not(sp.Eq(x, y)))), (y, sp.Or(x > 2, y < 1)), (2, True)),
        sp.Abs(x - y) * sp.sign(y - x),
        sp.atan2(x, y) + sp.sec(x) - sp.cot(y),
        sp.tanh(x) + sp.asinh(y) + sp.erf(x) - sp.erfc(y),
        sp.floor(3 * x) + sp.ceiling(y),
        sp.log(x) * sp.EulerGamma + sp.Mod(x + 5, 2 * y),
        sp.Integer(5) + x * 0,
        sp.Float("0.1") * x,
        sp.E**x + 2**y,
    ],
)
def test_from_sympy_has_the_value_of_the_expression(expression: sp.Expr) -> None:
    at = {"x": 0.7, "y": 1.3}
    graph = from_sympy(expression)
    got = float(graph.check()(**{name: at[name] for name in graph.input_names}))
    assert got == pytest.approx(float(sp.N(expression.subs([(x, 0.7), (y, 1.3)]))), rel=4e-16)


@pytest.mark.parametrize(
    "expression",
    [x * y / 3, -x - y, x**2 * sp.sin(y), sp.exp(-x) / x, sp.pi * x, sp.Max(x, y), sp.sqrt(x) - y],
)
def test_sympy_survives_the_way_there_and_back(expression: sp.Expr) -> None:
    assert from_sympy(expression).to_sympy() == expression


def test_rationals_are_correctly_rounded() -> None:
    third = sp.Rational(10**40, 3 * 10**40 + 7)
    assert float(from_sympy(third)()) == 10**40 / (3 * 10**40 + 7)
    assert float(from_sympy(x / 3)(x=5.0)) == 5.0 / 3.0


def test_shared_parts_of_sympy_expressions_are_built_once() -> None:
    formula, f = x, sp.Symbol("y")
    for _ in range(40):
        formula = sp.Mul(formula + f, formula + 1, evaluate=False)
    assert from_sympy(formula).operations()["total"] == 3 * 40


def test_order_of_sympy_variables() -> None:
    assert from_sympy(y - x).input_names == ("x", "y")
    assert from_sympy(y - x, [y, x]).input_names == ("y", "x")
    assert from_sympy(x, ["x", "z"]).input_names == ("x", "z")
    with pytest.raises(InputError, match="y is not among"):
        from_sympy(x * y, [x])
    with pytest.raises(InputError, match="two different symbols"):
        from_sympy(x + sp.Symbol("x", real=True))


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        (sp.polylog(3, x), "polylog"),
        (sp.I * x, "ImaginaryUnit"),
        (sp.Integral(sp.exp(x**2), x), "Integral"),
        (sp.Derivative(sp.Function("f")(x), x), "f"),
        (sp.zoo, "ComplexInfinity"),
        (sp.Integer(10) ** 400, "too large"),
    ],
)
def test_unsupported_sympy_is_named(expression: sp.Expr, name: str) -> None:
    with pytest.raises(UnsupportedError, match=name):
        from_sympy(expression)


def test_from_sympy_takes_expressions_only() -> None:
    for thing in ("x**2", sp.Matrix([x]), None, sp.Eq(x, y)):
        with pytest.raises(InputError):
            from_sympy(thing)
    assert float(from_sympy(3)()) == 3.0


def test_deep_sympy_expressions_are_walked_or_refused() -> None:
    formula = x
    for _ in range(sys.getrecursionlimit() // 4):
        formula = sp.Add(sp.Mul(formula, y, evaluate=False), 1, evaluate=False)
    try:
        assert from_sympy(formula).operations()["total"] > 100
    except UnsupportedError as error:
        assert "nested too deeply" in error.message
