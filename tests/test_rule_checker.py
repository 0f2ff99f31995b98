"""The checker is itself tested: planted wrong rules must each fail with their own message."""

from __future__ import annotations

import numpy as np
import pytest
from planted import Doubled, Planter, Relu, SumOfSquares, Tanh, only_failures, plant

from diffkit.comparison.rules import check_registry, check_rule
from diffkit.comparison.rules_checks import mismatch
from diffkit.comparison.rules_kinks import one_sided_slopes
from diffkit.errors import InputError, RuleError, UnsupportedError
from diffkit.graph.primitive import REGISTRY, Elementwise, Kink, Linear, Other
from diffkit.lazy import mp, sp
from diffkit.primitives.arithmetic import mul, sub
from diffkit.primitives.domains import reals
from diffkit.primitives.piecewise import abs_, maximum

__all__ = ["plant"]  # a fixture, used by name


# The unspoiled ones pass ------------------------------------------------------------------------


@pytest.mark.parametrize("base", [Tanh, Relu, Doubled, SumOfSquares])
def test_right_rules_pass(plant: Planter, base) -> None:
    good = plant(type(f"good_{base.__name__}", (base,), {"__doc__": base.__doc__}))
    report = check_rule(good, [0.25, -1.5, 0.75])
    assert report.ok, str(report)
    assert report.trials == 1
    assert str(report).startswith(f"{good.name}: ok")


# Elementwise rules ---------------------------------------------------------------------------


def test_wrong_sign_at_a_whole_number(plant: Planter) -> None:
    """An integer has no derivative; checking nothing would look like success."""

    @plant
    class wrong_sign(Tanh):
        """tanh with a slip."""

        def partials(self, y, x):
            return (lambda: sub(mul(y, y), 1.0),)

    only_failures(check_rule(wrong_sign, 1), "partials:", "forward:", "second order:")


def test_wrong_sign(plant: Planter) -> None:
    @plant
    class wrong_sign(Tanh):
        """tanh with a slip."""

        def partials(self, y, x):
            return (lambda: sub(mul(y, y), 1.0),)

    report = check_rule(wrong_sign)
    only_failures(report, "partials:", "forward:", "second order:")
    assert "the sign is wrong" in report.failures[0]


def test_factor(plant: Planter) -> None:
    @plant
    class wrong_factor(Tanh):
        """tanh with a slip."""

        def partials(self, y, x):
            return (lambda: mul(1.001, sub(1.0, mul(y, y))),)

    report = check_rule(wrong_factor)
    only_failures(report, "partials:", "forward:", "second order:")
    assert "a constant factor of 1.001" in report.failures[0]


def test_derivative_of_the_wrong_operand(plant: Planter) -> None:
    @plant
    class wrong_operand(Elementwise):
        """Product with its partials exchanged."""

        value, domain, kinks, flops, emit = np.multiply, reals, (), 1, "{0} * {1}"

        def sympy(self, a, b):
            return a * b

        def partials(self, y, a, b):
            return lambda: a, lambda: b

    report = check_rule(wrong_operand)
    only_failures(report, "partials:", "forward:")
    assert "the derivative by operand 0" in report.failures[0]


def test_derivative_always_zero(plant: Planter) -> None:
    @plant
    class forgotten(Tanh):
        """tanh whose derivative was forgotten."""

        def partials(self, y, x):
            return (lambda: 0,)

    report = check_rule(forgotten)
    assert "it is always 0" in report.failures[0]


def test_wrong_only_at_second_order(plant: Planter) -> None:
    @plant
    class careless_square(Elementwise):
        """x², whose own derivative lacks the 2."""

        domain, kinks, flops, emit = reals, (), 1, "{0} ** 2"

        def value(self, x):
            return x * x

        def sympy(self, x):
            return x**2

        def partials(self, y, x):
            return (lambda: x,)

    @plant
    class cube(Elementwise):
        """x³ with a first derivative that is right and cannot be differentiated again."""

        domain, kinks, flops, emit = reals, (), 2, "{0} ** 3"

        def value(self, x):
            return x * x * x

        def sympy(self, x):
            return x**3

        def partials(self, y, x):
            return (lambda: mul(3.0, careless_square(x)),)

    report = check_rule(cube)
    only_failures(report, "second order:")
    assert "a constant factor of 0.5" in report.failures[0]


def test_value_is_not_the_sympy_form(plant: Planter) -> None:
    @plant
    class wrong_value(Tanh):
        """Says tanh, computes sinh."""

        value = np.sinh

    report = check_rule(wrong_value)
    only_failures(report, "value:", "partials:", "forward:", "second order:", "complex step:")
    assert report.failures[0].startswith("value: the value and the SymPy form differ: got 1.86")


def test_high_precision_form_is_not_the_value(plant: Planter) -> None:
    @plant
    class wrong_mpmath(Tanh):
        """tanh whose own high-precision form is another function."""

        def mpmath(self, x):
            return mp.sinh(x)

    report = check_rule(wrong_mpmath)
    assert report.failures[0].startswith("value: the value and its form over high-precision")


def test_wrong_dtype(plant: Planter) -> None:
    @plant
    class wrong_dtype(Tanh):
        """tanh that forgets its precision."""

        def value(self, x):
            return np.tanh(np.asarray(x, dtype=np.float64))

    report = check_rule(wrong_dtype)
    only_failures(report, "shape: the dtype rule says f32[3], but the value is f64[3]")


def test_input_mutated(plant: Planter) -> None:
    @plant
    class spoils_its_operand(Tanh):
        """tanh written into its operand."""

        def value(self, x):
            x = np.asarray(x)
            return np.tanh(x, out=x) if x.ndim and x.flags.writeable else np.tanh(x)

    report = check_rule(spoils_its_operand)
    assert any(
        f.startswith("inputs unchanged: operand 0 was changed in place") for f in report.failures
    ), str(report)


def test_form_that_is_not_analytic(plant: Planter) -> None:
    @plant
    class modulus(Elementwise):
        """|x|, whose NumPy value is not analytic although it is declared so."""

        value, domain, flops, emit, analytic = np.absolute, reals, 1, "abs({0})", True
        kinks = (Kink(at=(0.0,), slopes=(-1.0, 1.0), declared=0.0),)

        def sympy(self, x):
            return sp.Abs(x)

        def partials(self, y, x):
            return (lambda: REGISTRY["sign"](x),)

    only_failures(check_rule(modulus), "complex step:")


def test_domain_does_not_hold_the_sample(plant: Planter) -> None:
    from diffkit.primitives.domains import Domain

    @plant
    class misplaced(Tanh):
        """tanh with a domain that contradicts its own sample interval."""

        domain = Domain("x > 10", lambda *x: np.asarray(x[0]) > 10, (-1.0, 1.0))

    report = check_rule(misplaced)
    only_failures(report, "declarations: the operands lie outside the declared domain x > 10")


def test_no_emission(plant: Planter) -> None:
    @plant
    class unwritable(Tanh):
        """tanh that cannot be written as code."""

        emit = None

    only_failures(check_rule(unwritable), "declarations: emit is missing")


def test_rule_that_raises_is_a_failure_not_a_crash(plant: Planter) -> None:
    @plant
    class raising(Tanh):
        """tanh whose rule is broken."""

        def partials(self, y, x):
            return (lambda: undefined_name,)  # noqa: F821  # pyright: ignore

    report = check_rule(raising)
    assert "it raised NameError" in report.failures[0]


def test_compiled_code_is_checked_when_asked_for(plant: Planter) -> None:
    @plant
    class miswritten(Tanh):
        """tanh that is written as another function in compiled code."""

        emit = "sinh({0})"

    assert check_rule(miswritten).ok
    report = check_rule(miswritten, compiled=True)
    only_failures(report, "compiled: compiled code and the interpreter differ")
    assert "compiled" in report.checks


# Kinks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kink", "sentence"),
    [
        (Kink((0.0,), (0.0, 2.0), 0.0), "the right slope is declared 2.0, but 1.0 is measured"),
        (Kink((0.0,), (None, 1.0), 0.0), "the left slope is declared None, but 0.0 is measured"),
        (Kink((0.0,), (0.0, 1.0), 0.5), "the derivative is declared 0.5, but forward mode"),
        (Kink((0.0,), (0.0, 1.0), 1.5), "1.5 is not between the one-sided slopes 0.0 and 1.0"),
    ],
)
def test_wrong_kink_declaration(plant: Planter, kink: Kink, sentence: str) -> None:
    cls = type("wrong_kink", (Relu,), {"__doc__": "A rectifier.", "kinks": (kink,)})
    report = check_rule(plant(cls))
    only_failures(report, "kinks: at (0), moving operand 0:")
    assert any(sentence in failure for failure in report.failures), str(report)


def test_slopes_are_measured() -> None:
    assert one_sided_slopes(abs_, abs_.kinks[0]) == (-1.0, 1.0)
    assert one_sided_slopes(maximum, maximum.kinks[0]) == (0.0, 1.0)


# Classes, names and samples ---------------------------------------------------------------------


def test_incomplete_class_is_refused_with_the_list(plant: Planter) -> None:
    with pytest.raises(RuleError, match="lacks sympy, partials, flops, kinks") as caught:

        @plant
        class incomplete(Elementwise):
            """Nothing but a value and a domain."""

            value, domain = np.tanh, reals

    assert "value, sympy, partials, flops, domain, kinks" in str(caught.value)
    assert "incomplete" not in REGISTRY


@pytest.mark.parametrize(
    ("base", "missing"),
    [(Linear, "shape, transpose, linear_in, joint"), (Other, "shape, jvp, vjp, generic, flops")],
)
def test_incomplete_class_of_every_kind(plant: Planter, base, missing: str) -> None:
    with pytest.raises(RuleError, match=missing):
        plant(type("incomplete", (base,), {"__doc__": "A value.", "value": np.tanh}))


def test_class_without_docstring_is_refused(plant: Planter) -> None:
    with pytest.raises(RuleError, match="no docstring"):
        plant(type("undocumented", (Tanh,), {"__doc__": None}))


def test_name_that_is_taken(plant: Planter) -> None:
    with pytest.raises(UnsupportedError, match="'mul' is registered already"):
        plant(type("mul", (Tanh,), {"__doc__": "A second product."}))


def test_primitive_without_samples_is_asked_for_them(plant: Planter) -> None:
    @plant
    class unsampled(Doubled):
        """Two copies of something nobody told the checker about."""

    with pytest.raises(InputError, match="no operands to check 'unsampled'") as caught:
        check_rule(unsampled)
    assert "add samples for unsampled" in str(caught.value)


def test_registry_report_names_the_primitive_without_samples(plant: Planter, monkeypatch) -> None:
    @plant
    class unsampled(Doubled):
        """Two copies of something nobody told the checker about."""

    few = {"add": REGISTRY["add"], "unsampled": unsampled}
    monkeypatch.setattr("diffkit.comparison.rules.REGISTRY", few)
    reports = check_registry()
    assert reports["add"].ok
    assert "add samples for unsampled" in reports["unsampled"].failures[0]


def test_unknown_name() -> None:
    with pytest.raises(InputError, match="no primitive named 'tanhh'"):
        check_rule("tanhh")


def test_parameters_without_a_sample() -> None:
    with pytest.raises(InputError, match="no sample of 'integer_power'"):
        check_rule("integer_power", params={"n": 17})


def test_parameters_with_operands() -> None:
    assert check_rule("integer_power", [0.5, -1.25], params={"n": 17}).ok


def test_mismatch_words() -> None:
    assert mismatch([1.0, np.inf, np.nan], [1.0, np.inf, np.nan], 0.0) is None
    assert mismatch([1.0, 2.0], [1.0, np.nan], 1.0) == "got 2.0 at [1], expected nan"
    assert mismatch([1.0], [[1.0]], 1.0) == "got the shape (1,), expected (1, 1)"
    assert mismatch([np.nan], [0.0], 1e-9) == "got nan at [0], expected 0.0"
