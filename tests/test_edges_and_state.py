"""Edges, state and endless work: inputs for which a number was once wrong, stale or never came."""

from __future__ import annotations

import time

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.main import main
from diffkit.errors import BudgetError, DataDependentError, DtypeError, InputError

EXACT = ("reverse", "forward", "complex", "symbolic")


def by_every_method(f, *args):
    argnums = tuple(range(len(args)))
    return {name: dk.grad(f, argnums=argnums, method=name)(*args) for name in EXACT}


@pytest.mark.parametrize("exponent", [3, 99, 100, 101, 201, -2, -101, -150])
def test_large_powers_of_negative_numbers_by_every_method(exponent):
    for name, (slope,) in by_every_method(lambda x: x**exponent, -1.01).items():
        assert slope == pytest.approx(exponent * (-1.01) ** (exponent - 1), rel=1e-13), name


def test_traced_exponent_of_a_negative_base():
    for name in EXACT:
        with pytest.warns(dk.errors.DomainWarning):
            by_base, by_exponent = dk.grad(lambda x, y: x**y, (0, 1), method=name)(-1.5, 101.0)
        assert by_base == pytest.approx(101 * 1.5**100, rel=1e-13), name
        assert np.isnan(by_exponent), name


@pytest.mark.parametrize("dtype", [int, bool, np.int8])
@pytest.mark.parametrize("x", [2.7, -2.7, 0.3])
def test_a_cast_to_integers_is_a_staircase_in_every_method(dtype, x):
    for name, (slope,) in by_every_method(lambda x: x.astype(dtype) * x, x).items():
        assert slope == float(np.asarray(x).astype(dtype)), name


@pytest.mark.parametrize(
    ("f", "x", "declared"),
    [
        (lambda x: np.sum(np.abs(x)), [0.0, 2.0], [0.0, 1.0]),
        (lambda x: np.maximum(x[0], x[1]), [1.0, 1.0], [0.5, 0.5]),
        (lambda x: np.minimum(x[0], x[1]), [1.0, 1.0], [0.5, 0.5]),
        (lambda x: np.max(x), [3.0, 3.0, 1.0], [0.5, 0.5, 0.0]),
        (lambda x: np.sum(np.clip(x, 0, 1)), [0.0, 1.0, 0.5, 2.0], [0.5, 0.5, 1.0, 0.0]),
    ],
)
def test_the_complex_step_takes_the_declared_number_at_a_kink(f, x, declared):
    for name, (slope,) in by_every_method(f, np.array(x)).items():
        np.testing.assert_allclose(slope, declared, rtol=1e-15, err_msg=name)


def test_a_tie_of_three_is_shared_by_the_complex_step():
    slopes = dk.grad(np.max, method="complex")(np.array([3.0, 3.0, 1.0, 3.0]))
    np.testing.assert_allclose(slopes, [1 / 3, 1 / 3, 0.0, 1 / 3], rtol=1e-15)


@pytest.mark.parametrize("f", [np.sqrt, np.log, np.cbrt])
def test_an_infinite_slope_spoils_no_other_one_in_forward_mode(f):
    exact = dk.grad(lambda v: np.sum(f(v)))(np.array([0.0, 4.0]))
    found = dk.grad(lambda v: np.sum(f(v)), method="forward")(np.array([0.0, 4.0]))
    np.testing.assert_allclose(found, exact, rtol=1e-15)
    assert np.isinf(found[0]) and np.isfinite(found[1])


def test_forward_mode_of_separate_arguments_beside_an_infinite_slope():
    assert dk.grad(lambda x, y: x + np.sqrt(y), (0, 1), method="forward")(2.0, 0.0) == (1, np.inf)


def test_no_complex_slope_of_an_overflow():
    with pytest.warns(dk.errors.DomainWarning):
        assert np.isnan(dk.grad(lambda x: np.log(1 + np.exp(x)), method="complex")(800.0))


class Config:
    rate = 1.0
    table = np.ones(2)

    @classmethod
    def doubled(cls):
        return 2 * cls.rate

    @staticmethod
    def scaled(x):
        return Config.rate * x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: Config.rate * x,
        lambda x: Config.doubled() * x / 2,
        lambda x: Config.scaled(x),
        lambda x: globals()["Config"].rate * x,
        lambda x: eval("Config.rate") * x,
        lambda x: np.float64(type("Sub", (Config,), {}).rate) * x,
    ],
)
def test_no_stale_answer_when_a_class_attribute_changes(f, monkeypatch):
    gradient = dk.grad(f)
    assert gradient(1.0) == gradient(1.0) == 1.0
    monkeypatch.setattr(Config, "rate", 5.0)
    assert gradient(1.0) == 5.0


def test_no_stale_answer_when_an_array_in_a_class_changes(monkeypatch):
    gradient = dk.grad(lambda x: Config.table[0] * x)
    assert gradient(1.0) == 1.0
    monkeypatch.setattr(Config, "table", Config.table.copy())
    Config.table[0] = 3.0
    assert gradient(1.0) == 3.0


def test_no_stale_answer_of_function_attributes_and_bound_methods():
    def counted(x):
        counted.calls += 1
        return x * counted.calls

    counted.calls = 0
    gradient = dk.grad(counted)
    assert [gradient(1.0), gradient(1.0)] == [1.0, 2.0]

    settings = {"k": 1.0}
    lookup, draw = settings.get, np.random.default_rng(0).normal
    gradient = dk.grad(lambda x: lookup("k") * x)
    assert gradient(1.0) == 1.0
    settings["k"] = 4.0
    assert gradient(1.0) == 4.0
    gradient = dk.grad(lambda x: draw() * x)
    assert gradient(1.0) != gradient(1.0)


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("exp(exp(exp(exp(x))))", 3.0),
        ("sin(exp(exp(exp(x))))", 3.0),
        ("x**x**x**x", 9.0),
        ("exp(-exp(exp(exp(x))))", 3.0),
        ("exp(exp(exp(x)))%3", 3.4),
    ],
)
def test_towers_of_powers_have_an_end(text, x):
    began = time.process_time()
    dk.compare(dk.parse(text), x, methods=["reverse"])
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", ["(3*x)**100000000", "sqrt(3*x)**100000000", "(3*x)**99999999.5"])
def test_no_formula_with_millions_of_digits(text):
    with pytest.raises(BudgetError, match="too long to write out"):
        dk.grad(dk.parse(text), method="symbolic")(0.1)


def test_wrong_use_is_told_in_one_sentence(tmp_path, capsys):
    script = tmp_path / "model.py"
    script.write_text("def named(x, *, y): return x * y\ndef many(*xs): return sum(xs)\n")
    for arguments, told in {
        (f"{script}:named", "--at", "x=2,y=3"): "the parameter y cannot be given by position",
        (f"{script}:many", "--at", "xs=2"): "the parameter *xs cannot be given by position",
        ("x*y", "--at", "x=[1,2],y=3"): "x has the shape (2,)",
        ("x*x", "--at", "x=1", "--methods", ""): "no method named ''",
        ("x*x", "--at", "x=1", "--digits", "16"): "30<=x<=800",
    }.items():
        assert main(["compare", *arguments]) == 2
        shown = capsys.readouterr().err
        assert told in shown and len(shown.splitlines()) == 1


def test_a_method_named_twice_is_compared_once(capsys):
    assert main(["compare", "x*x", "--at", "x=1", "--methods", "reverse,reverse"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == [
        "method", "truth", "reverse",
    ]  # fmt: skip


def test_wrong_arguments_of_the_functions_are_told():
    with pytest.raises(InputError, match=r"argnums=1\.0 does not name"):
        dk.grad(lambda x, y: x * y, argnums=1.0)(1.0, 2.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DtypeError, match="no argument was given"):
        dk.compare(lambda: 1.0)
    for f in (lambda x: np.asarray(x, dtype=float) * 2, lambda x: np.mean([x, x])):
        with pytest.raises(DataDependentError, match=r"np\.stack"):
            dk.grad(f)(1.0)
    with pytest.raises(TypeError):
        dk.grad(lambda x: pow(x, 2, 3))(1.0)
    assert dk.grad(lambda x: round(x) * x)(2.7) == 3.0
