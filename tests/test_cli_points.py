"""The point of a comparison as it is typed, and what help and hints of the commands say."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pytest

from diffkit.cli.main import main
from diffkit.cli.shared import parse_point
from diffkit.differentiate import symbolic
from diffkit.differentiate.budget import Budget
from diffkit.errors import InputError


def test_points_are_numbers_and_arrays() -> None:
    point = parse_point(["x=1, y=[[1,2],[3,4.5]]", "z=-.5e-3"])
    assert point["x"] == 1.0
    assert point["z"] == -0.0005
    np.testing.assert_array_equal(point["y"], [[1, 2], [3, 4.5]])
    assert point["y"].dtype == np.float64


def test_points_may_be_constant_expressions() -> None:
    point = parse_point(["a=1/3,b=-pi/2,c=1e-3,d=hypot(3,4),e=[1/2,sqrt(4)],f=[[pi,1],[2,3]]"])
    assert (point["a"], point["b"], point["c"], point["d"]) == (1 / 3, -np.pi / 2, 1e-3, 5.0)
    np.testing.assert_array_equal(point["e"], [0.5, 2.0])
    np.testing.assert_array_equal(point["f"], [[np.pi, 1.0], [2.0, 3.0]])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x=y", "is not a number"),
        ("x=1/0", "infinite"),
        ("x=9**9**9", "infinite"),
        ("x=__import__('os')", "strings are not accepted"),
        ("x=x.real", "attributes are not accepted"),
        ("x=1<2", "a condition"),
        ("x=[1,y]", "'y' is not a number"),
        ("x=[1,[pi]]", "equal rows"),
        ("x=[" + "1/3," * 30_000 + "1]", "list of numbers"),
        ("x=" + "[" * 5_000 + "pi" + "]" * 5_000, "list of numbers"),
    ],
)
def test_points_that_are_no_constants_say_why(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        parse_point([text])
    assert "pi/3" in str(caught.value.hint) or "equal rows" in caught.value.message


@pytest.mark.parametrize("text", ["x=[", "x=[]", "x=]", "x=['a']", "x=[true]", "=1", "x y=1"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_point([text])


@pytest.mark.parametrize("text", ["x+inf", "sin(x)*cos(x)*exp(x)"])
def test_derive_names_only_what_the_command_has(text: str, capsys: Any, monkeypatch: Any) -> None:
    small = partial(symbolic.derivative_expressions, budget=Budget(operations=3))
    monkeypatch.setattr(symbolic, "derivative_expressions", small)
    assert main(["derive", text]) in (1, 2)  # a budget that is used up is no wrong input
    message = capsys.readouterr().err
    assert "method=" not in message and "budget_" not in message
    assert f'diffkit compare "{text}" --at x=1 gives numbers instead' in message


@pytest.mark.parametrize("words", [[], ["compare"]])
def test_help_names_the_built_in_cases(words: list[str], capsys: Any) -> None:
    assert main([*words, "--help"]) == 0
    assert "diffkit compare --list" in capsys.readouterr().out
