"""What a loop refuses: every error names the user's line and says what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import refusal

import diffkit as dk
from diffkit.errors import (
    CaptureError,
    DataDependentError,
    DtypeError,
    InputError,
    LeakedTracerError,
    ShapeError,
)
from diffkit.primitives import control


def traced(f: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: dk.trace(f, np.arange(3.0))


NO_LENGTH: Any = 2.5
REFUSED: list[tuple[type, Any, str]] = [
    (InputError, lambda x: dk.scan(lambda c, r: (c, r), 0.0, x[:0]), "0 steps"),
    (InputError, lambda x: dk.scan(lambda c, r: (c, r), x, length=-1), "-1 steps"),
    (InputError, lambda x: dk.scan(lambda c, r: (c, r), x), "length=100"),
    (InputError, lambda x: dk.scan(lambda c, r: (c, r), x, None, NO_LENGTH), "length="),
    (ShapeError, lambda x: dk.scan(lambda c, r: (c, r), 0.0, (x, x[:2])), "3 steps"),
    (ShapeError, lambda x: dk.scan(lambda c, r: (c, r), 0.0, x, length=4), "4 steps"),
    (ShapeError, lambda x: dk.scan(lambda c, r: (c, r), 0.0, x[0]), "scalar"),
    (ShapeError, lambda x: dk.scan(lambda c, r: (c + x, None), 0.0, x), "f64[3] after it"),
    (DtypeError, lambda x: dk.scan(lambda c, r: (c + r, None), 0, x), "0.0 instead of 0"),
    (InputError, lambda x: dk.scan(lambda c, r: ((c, c), None), 0.0, x), "another structure"),
    (CaptureError, lambda x: dk.scan(lambda c, r: c, 0.0, x), "(carry, y)"),
    (CaptureError, lambda x: dk.scan(lambda c, r: (c, "a"), 0.0, x), "str in y"),
    (DtypeError, lambda x: dk.scan(lambda c, r: (c, r), "a", x), "carry"),
]


@pytest.mark.parametrize(("kind", "f", "words"), REFUSED)
def test_refused_in_traced_functions_and_on_plain_arrays(kind: type, f: Any, words: str) -> None:
    error = refusal(kind, traced(f), words)
    assert "test_scan_refusals.py" in str(error.where)
    refusal(kind, lambda: f(np.arange(3.0)), words)


def test_a_branch_in_a_step_is_refused_with_its_line() -> None:
    def f(x: Any) -> Any:
        def step(c: Any, r: Any) -> tuple[Any, Any]:
            if c + r > 0.0:
                return c + r, None
            return c, None

        return dk.scan(step, 0.0, x)[0]

    error = refusal(DataDependentError, traced(f), "step branches", "np.where")
    assert "if c + r > 0.0" in str(error.where)


def test_a_branch_on_what_is_the_same_in_every_step_is_a_guard() -> None:
    def f(a: Any) -> Any:
        return dk.scan(lambda c, _: (c * a if a > 0 else c, None), a, length=3)[0]

    assert len(dk.trace(f, 2.0).guards) == 1
    assert dk.grad(f)(2.0) == 4 * 2.0**3
    assert dk.grad(f)(-2.0) == 1.0


def test_a_value_that_leaves_its_step_is_refused() -> None:
    kept_values = []

    def f(x: Any) -> Any:
        def step(c: Any, r: Any) -> tuple[Any, Any]:
            kept_values.append(c * r)
            return c + r, None

        return dk.scan(step, 0.0, x)[0] + kept_values[0]

    refusal(LeakedTracerError, traced(f), "return it from the step")


def test_steps_of_different_shape_on_plain_arrays() -> None:
    with pytest.raises(ShapeError, match="in another"):
        dk.scan(lambda c, n: (c, np.zeros(int(n))), 0.0, np.arange(3))


def test_operands_that_do_not_fit_the_body() -> None:
    graph = dk.trace(lambda r: dk.scan(lambda x, _: (r * x, None), 0.3, length=5)[0], 2.5)
    body = graph.equations[0].parameters["body"]
    with pytest.raises(ShapeError, match="do not fit 5 steps"):
        dk.trace(lambda x: control.scan(x, 1.0, body=body, length=5), np.zeros(2))
