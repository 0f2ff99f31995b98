"""Planted wrong rules of linear and other primitives: each fails with its own message."""

from __future__ import annotations

import numpy as np
from planted import Doubled, Planter, SumOfSquares, added_halves, only_failures, plant

from diffkit.comparison.rules import check_rule
from diffkit.graph.primitive import REGISTRY
from diffkit.primitives.arithmetic import mul

__all__ = ["plant"]  # a fixture, used by name


def test_transpose_of_the_wrong_shape(plant: Planter) -> None:
    """A dropped unbroadcast: the cotangent keeps the shape of the result."""

    @plant
    class dropped_unbroadcast(Doubled):
        """Two copies, with the sum over them forgotten."""

        def transpose(self, ct, x):
            return (lambda: ct,)

    report = check_rule(dropped_unbroadcast, [0.25, 1.5, -0.75])
    only_failures(report, "cotangent shape:")


def test_transpose_of_the_wrong_value(plant: Planter) -> None:
    @plant
    class half_transpose(Doubled):
        """Two copies, with a transpose that counts one of them."""

        def transpose(self, ct, x):
            return (lambda: mul(0.5, added_halves(ct)),)

    report = check_rule(half_transpose, [0.25, 1.5, -0.75])
    only_failures(report, "reverse: forward and reverse mode disagree on operand 0")


def test_wrong_shape_rule(plant: Planter) -> None:
    @plant
    class wrong_shape(Doubled):
        """Two copies, declared as two columns."""

        def shape(self, x):
            return (x.shape[0], 2)

    report = check_rule(wrong_shape, [0.25, 1.5, -0.75])
    only_failures(report, "shape: the shape rule says f64[3,2], but the value is f64[6]",
                  "shape: the shape rule says f32[3,2]")  # fmt: skip


def test_not_linear(plant: Planter) -> None:
    @plant
    class affine(Doubled):
        """Two copies and a constant: affine, not linear."""

        def value(self, x):
            return np.concatenate([x, x]) + 1

    report = check_rule(affine, [0.25, 1.5, -0.75])
    assert any(f.startswith("linearity: it is not linear in operand 0") for f in report.failures)


def test_vjp_differs_from_jvp(plant: Planter) -> None:
    @plant
    class half_vjp(SumOfSquares):
        """Σ x² whose reverse rule lacks the 2."""

        def vjp(self, ct, y, x):
            return (lambda: mul(ct, x),)

    report = check_rule(half_vjp, [0.25, 1.5, -0.75])
    only_failures(report, "reverse:")


def test_jvp_wrong(plant: Planter) -> None:
    @plant
    class half_jvp(SumOfSquares):
        """Σ x² whose forward rule lacks the 2."""

        def jvp(self, y, x, x_dot):
            return REGISTRY["sum"](mul(x[0], x_dot[0]), axes=(0,))

    report = check_rule(half_jvp, [0.25, 1.5, -0.75])
    only_failures(report, "forward:", "reverse:")
    assert "a constant factor of 0.5" in report.failures[0]


def test_generic_differs_from_value(plant: Planter) -> None:
    @plant
    class wrong_generic(SumOfSquares):
        """Σ x² whose object form is Σ x⁴."""

        def generic(self, x):
            return sum(item**4 for item in x.reshape(-1))

    report = check_rule(wrong_generic, [0.25, 1.5, -0.75])
    assert report.failures[0].startswith("value: the value and its form over high-precision")
