"""What every refusal must be: diffkit's own error, one sentence, with a remedy, and quick."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from diffkit.errors import DiffkitError

__all__ = ["refusal"]

SECONDS = 1.0
LONGEST_MESSAGE = 300


def refusal(kind: Any, call: Callable[[], Any], *words: str, hint: bool = True) -> DiffkitError:
    """The error of a call, after checking its type, its words, its remedy and its speed."""
    start = time.process_time()
    with pytest.raises(kind) as caught:
        call()
    seconds = time.process_time() - start
    error = caught.value
    assert isinstance(error, DiffkitError)
    assert seconds < SECONDS, f"{seconds:.2f} s"
    assert "\n" not in error.message and len(error.message) < LONGEST_MESSAGE
    assert "\n" not in error.one_line
    for word in words:
        assert word in str(error), str(error)
    if hint:
        assert error.hint, str(error)
    return error
