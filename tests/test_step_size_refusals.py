"""Points without a derivative and results without a number: a step says so, or a typed error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import CaptureError, DtypeError, InputError


@pytest.mark.parametrize("f, x", [(np.floor, 2.0), (np.sign, 0.0)])
def test_at_a_jump_the_error_is_infinite(f: Any, x: float) -> None:
    found = dk.step_size(f, x)
    assert found.jump and found.error == np.inf
    assert found.notes == ("a jump: the function has no derivative here",)
    document = found.to_dict()
    assert document["error"] is None and "infinity in error" in document["note"]
    assert dk.step_size(np.exp, 0.0).to_dict()["note"] is None


def test_what_does_not_settle_has_no_finite_error() -> None:
    found = dk.step_size(np.sqrt, 0.0)
    assert found.error == np.inf and not found.jump


def test_a_difference_too_large_for_a_number_is_refused() -> None:
    found = dk.step_size(lambda x: 1 / x, 1e-300)
    assert not np.isnan(found.derivative)
    assert found["forward"].refused == "the difference is too large a number"


@pytest.mark.parametrize("value", [None, "up", 1j])
def test_a_result_that_is_no_number(value: Any) -> None:
    with pytest.raises(DtypeError, match="step_size: the function returned"):
        dk.step_size(lambda x: value, 1.0)


def test_arguments_that_do_not_fit_or_hold_nothing() -> None:
    with pytest.raises(CaptureError, match="do not fit"):
        dk.step_size(lambda x, y: x * y, 1.0)
    with pytest.raises(InputError, match="no entries"):
        dk.step_size(np.sum, np.zeros(0))
