"""Finite differences and the complex step: stencils, steps, counts, papers' numbers, refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from diffkit.comparison.cases import logistic_map
from diffkit.differentiate.complex_step import ComplexStep, complex_step_errors
from diffkit.differentiate.finite import Finite, automatic_step, derivative_errors
from diffkit.differentiate.function import function_of
from diffkit.differentiate.stencils import STENCILS, fornberg, stencil
from diffkit.engines.precise import true_slope
from diffkit.errors import DomainWarning, DtypeError, InputError, NotAnalyticError
from diffkit.graph.primitive import REGISTRY

EPS = 2.0**-52
# Baydin et al. 2018: the fourth iterate of the logistic map at 0.2, in exact arithmetic.
LOGISTIC_SLOPE = Fraction(708288, 78125)
# Squire & Trapp 1998, section 2.
SQUIRE_TRAPP_POWER = 18.600812734259759
SQUIRE_TRAPP_RATIO = 4.0534278938986


def jacobian(method, f, *args, wrt=None):
    """The result of a method on a plain function."""
    bound = function_of(f).bind(args, {})
    return method.jacobian(bound, bound.leaves, range(len(bound.leaves)) if wrt is None else wrt)


# Stencils --------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", STENCILS.values(), ids=lambda row: row.name)
def test_table_is_fornbergs(row):
    assert row.weights == fornberg(row.offsets, row.derivative)


def test_five_point_weights_are_exact():
    twelfth, two_thirds = Fraction(1, 12), Fraction(2, 3)
    assert stencil(4).weights == (twelfth, -two_thirds, 0, two_thirds, -twelfth)


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [1, 2, 4, 6, 8])
def test_stencils_are_exact_for_polynomials(accuracy, derivative):
    row = stencil(accuracy, derivative)
    for degree in range(derivative + accuracy):
        moment = sum(w * k**degree for k, w in zip(row.offsets, row.weights, strict=True))
        assert moment == (np.prod(range(1, degree + 1), dtype=int) if degree == derivative else 0)


@pytest.mark.parametrize("accuracy", [0, 3, -2, 5])
def test_unknown_accuracy_is_refused(accuracy):
    with pytest.raises(InputError, match="accuracy"):
        stencil(accuracy)


def test_repeated_offsets_are_refused():
    with pytest.raises(InputError, match="distinct"):
        fornberg((0, 0, 1))


# Steps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [0.1, 1.0, -3.7, 1e6, 1e-9, 12345.678])
@pytest.mark.parametrize("accuracy", [1, 2, 4, 6])
def test_automatic_step_is_exact_and_near_the_rule(x, accuracy):
    h = automatic_step(x, accuracy, EPS)
    rule = EPS ** (1 / (accuracy + 1)) * max(abs(x), 1.0)
    assert abs(((x + h) - x) - h) <= (0.0 if abs(x) > h else EPS * h)
    assert rule / 1.5 < h < 1.5 * rule


@pytest.mark.parametrize("bad", [0.0, -1.0, "small", float("nan"), None])
def test_bad_steps_are_refused(bad):
    with pytest.raises(InputError, match="step"):
        Finite(step=bad)


def test_smaller_scale_keeps_tiny_arguments_inside_the_domain():
    result = jacobian(Finite(scale=1e-10), lambda x: x * x * x, 1e-10)
    assert result.blocks[0][0] == pytest.approx(3e-20, rel=1e-6)


# Jacobians -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accuracy", "tolerance"), [(1, 1e-6), (2, 1e-9), (4, 1e-11), (6, 1e-12)]
)  # fmt: skip
def test_accuracy_improves_with_the_stencil(accuracy, tolerance):
    result = jacobian(Finite(accuracy), lambda x: np.exp(x) * np.sin(x), 0.7)
    exact = np.exp(0.7) * (np.sin(0.7) + np.cos(0.7))
    assert abs(result.blocks[0][0] - exact) < tolerance * exact


def test_blocks_have_output_then_input_shape():
    matrix = np.arange(6.0).reshape(2, 3)
    result = jacobian(Finite(), lambda a, x: (a * x, a[0]), matrix, np.array([1.0, 2.0, 3.0]))
    assert [[block.shape for block in row] for row in result.blocks] == [
        [(2, 3, 2, 3), (2, 3, 3)],
        [(3, 2, 3), (3, 3)],
    ]
    expected = np.zeros((2, 3, 3))
    expected[:, range(3), range(3)] = matrix
    np.testing.assert_allclose(result.blocks[0][1], expected, atol=1e-9)


@pytest.mark.parametrize(("accuracy", "runs"), [(1, 1 + 4), (2, 1 + 8), (4, 1 + 16), (6, 1 + 24)])
def test_evaluations_are_counted(accuracy, runs):
    calls = []

    class Counting:
        """A captured function that counts its own runs."""

        def __init__(self, bound):
            self.bound = bound

        def graph_for(self, leaves):
            return self.bound.graph_for(leaves)

        def values(self, leaves, engine="auto"):
            calls.append(1)
            return self.bound.values(leaves, engine)

    x = np.arange(1.0, 5.0)
    bound = function_of(lambda x: np.sum(x * x)).bind((x,), {})
    result = Finite(accuracy).jacobian(Counting(bound), bound.leaves, [0])
    assert result.evaluations == len(calls) == runs
    assert result.flops > runs * bound.graph_for(bound.leaves).flops()


def test_inputs_are_unchanged():
    x = np.array([1.0, 2.0])
    before = x.copy()
    jacobian(Finite(), lambda x: np.sum(np.sin(x)), x)
    jacobian(ComplexStep(), lambda x: np.sum(np.sin(x)), x)
    np.testing.assert_array_equal(x, before)


def test_float32_uses_its_own_precision():
    result = jacobian(Finite(), lambda x: x * x * x, np.float32(1.5))
    assert result.blocks[0][0].dtype == np.float32
    assert result.blocks[0][0] == pytest.approx(6.75, rel=1e-3)


@pytest.mark.parametrize("method", [Finite(), ComplexStep()], ids=["finite", "complex"])
def test_integer_arguments_are_refused(method):
    with pytest.raises(DtypeError, match="int64"):
        jacobian(method, lambda n: n * 1.0, np.int64(3))


def test_leaving_the_domain_is_said():
    with pytest.warns(DomainWarning, match="stepped outside the domain"):
        result = jacobian(Finite(), np.sqrt, 0.0)
    assert np.isnan(result.blocks[0][0])
    assert "left the domain" in result.notes[0]


def test_jvp_is_the_jacobian_times_the_tangent():
    x, y = np.array([0.3, -0.4]), 2.0
    bound = function_of(lambda x, y: np.sum(np.sin(x) * y)).bind((x, y), {})
    values, tangents = Finite(4).jvp(bound, bound.leaves, [np.array([1.0, 2.0]), 0.5])
    expected = 2.0 * (np.cos(0.3) + 2.0 * np.cos(-0.4)) + 0.5 * np.sum(np.sin(x))
    assert values[0] == np.sum(np.sin(x) * y)
    assert tangents[0] == pytest.approx(expected, rel=1e-11)


def test_jvp_along_nothing_is_zero():
    bound = function_of(lambda x: x * x).bind((3.0,), {})
    assert Finite().jvp(bound, bound.leaves, [None])[1] == [0.0]


# Extrapolation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("accuracy", [1, 2, 4])
def test_richardson_is_accurate_and_knows_its_error(accuracy):
    result = jacobian(Finite(accuracy, richardson=True), lambda x: np.exp(np.sin(x)), 1.1)
    exact = np.exp(np.sin(1.1)) * np.cos(1.1)
    error = abs(result.blocks[0][0] - exact)
    assert error < 2e-10
    assert error <= 10 * result.extra["error_estimate"][0][0] + EPS


def test_richardson_beats_the_plain_stencil():
    f = logistic_map
    plain = abs(jacobian(Finite(), f, 0.2).blocks[0][0] - float(LOGISTIC_SLOPE))
    better = jacobian(Finite(richardson=True), f, 0.2).blocks[0][0] - float(LOGISTIC_SLOPE)
    assert abs(better) < plain / 50


# The paper's picture ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accuracy", "step", "error"), [(1, 1.5e-9, 7e-9), (2, 4e-7, 2.4e-11), (4, 5e-5, 2e-13)]
)  # fmt: skip
def test_best_errors_on_the_logistic_map(accuracy, step, error):
    steps = np.logspace(-12, -1, 200)
    errors = derivative_errors(logistic_map, 0.2, steps, stencil(accuracy), LOGISTIC_SLOPE)
    # the floor is jagged by rounding: the median near the best step is of the stated size
    near = (steps > step / 4) & (steps < step * 4)
    assert error / 30 < np.median(errors[near]) < 30 * error
    assert step / 30 < steps[np.argmin(errors)] < 30 * step


@pytest.mark.parametrize(("accuracy", "slope"), [(1, 1), (2, 2), (4, 4)])
def test_truncation_slopes(accuracy, slope):
    steps = np.logspace(-2.5, -1.5, 10)
    errors = derivative_errors(np.exp, 1.0, steps, stencil(accuracy))
    fitted = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.05)


# The complex step ------------------------------------------------------------------------------


def squire_trapp_ratio(x):
    return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)


@pytest.mark.parametrize("step", [1e-8, 1e-20, 1e-100, 1e-200])
def test_squire_and_trapp(step):
    power = jacobian(ComplexStep(step), lambda x: x**4.5, 1.5).blocks[0][0]
    ratio = jacobian(ComplexStep(step), squire_trapp_ratio, 1.5).blocks[0][0]
    assert abs(power - SQUIRE_TRAPP_POWER) <= np.spacing(SQUIRE_TRAPP_POWER)
    # the paper prints 14 digits
    assert abs(ratio - SQUIRE_TRAPP_RATIO) < 5e-14


def logistic_closed(x):
    """Baydin et al. 2018, section 2: l₄ written out."""
    return 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2


def test_complex_step_is_exact_on_the_logistic_map():
    ulp = np.spacing(float(LOGISTIC_SLOPE))
    # the number 0.2 is not 1/5: the truth is that of the double nearest to it
    exact = true_slope(logistic_closed, 0.2)
    assert abs(exact - float(LOGISTIC_SLOPE)) < ulp
    value = jacobian(ComplexStep(), logistic_closed, 0.2).blocks[0][0]
    assert abs(value - float(exact)) <= ulp
    assert complex_step_errors(logistic_closed, 0.2, [1e-100], float(exact))[0] <= ulp


def test_complex_step_refuses_by_name_and_line(monkeypatch):
    monkeypatch.setattr(type(REGISTRY["sin"]), "analytic", None)
    with pytest.raises(NotAnalyticError, match="sin") as caught:
        jacobian(ComplexStep(), lambda x: np.sin(x) * 2.0, 1.0)
    assert "test_finite.py" in str(caught.value.where)


def test_complex_step_through_kinks_selects_by_the_real_part():
    result = jacobian(ComplexStep(), lambda x: np.abs(x) * np.maximum(x, -5.0), -2.0)
    assert result.blocks[0][0] == 4.0


def test_underflow_of_the_imaginary_part_is_noticed():
    result = jacobian(ComplexStep(), lambda x: np.exp(-x), 600.0)
    assert result.blocks[0][0] == pytest.approx(-np.exp(-600.0), rel=1e-14)
    assert "underflow" in result.notes[0]


@pytest.mark.parametrize("bad", [0.0, 1.0, -1e-100, 1e-310, "tiny"])
def test_bad_complex_steps_are_refused(bad):
    with pytest.raises(InputError, match="complex step"):
        ComplexStep(bad)


def test_complex_step_counts_one_run_per_element():
    result = jacobian(ComplexStep(), lambda x: np.sum(x * x), np.arange(1.0, 6.0))
    assert result.evaluations == 1 + 5
