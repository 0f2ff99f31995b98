"""Hostile text: never evaluated, never hung, refused with a caret in under a second."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal

import diffkit as dk
from diffkit.errors import DiffkitError, InputError, ParseError

HOSTILE = [
    "__import__('os').system('echo')",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__",
    "(lambda: x)()",
    "[x for x in (1, 2)]",
    "open('f')",
    "eval('x')",
    "exec('x')",
    "9**9**9**9",
    "(" * 1_000_000,
    "(" * 500_000 + ")" * 500_000,
    "-" * 100_000 + "x",
    "x" + "+x" * 500_000,
    "sin(" * 2_000 + "x" + ")" * 2_000,
    "x if x else y",
    "x = 3",
    "x; y",
    "f'{x}'",
    "x[0]",
    "'text'",
    "lambda x: x",
    "print(x)",
    "import os",
    "x\x00y",
    "𝟙𝟚",
    "",
    "   ",
    "x +",
    "* x",
    "sin",
    "sin()",
    "sin(x, y, z)",
    "sin(x=1)",
    "unknown_function(x)",
    "1e99999 * x",
    "x @ x",
    "x := 3",
    "*x",
    "True and x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_text(text: str) -> None:
    error = refusal(ParseError, lambda: dk.parse(text), hint=False)
    assert 0 <= error.position <= max(len(text), 1)  # type: ignore[attr-defined]
    assert len(str(error)) < 1000


def test_unknown_function_in_text_suggests_and_points() -> None:
    error = refusal(ParseError, lambda: dk.parse("x + sinn(y)"), "sinn")
    assert error.position == 4  # type: ignore[attr-defined]
    assert str(error).splitlines()[2].index("^") == 6


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_text_that_is_no_text(text: Any) -> None:
    refusal(DiffkitError, lambda: dk.parse(text), hint=False)


def test_unknown_and_missing_variables_of_a_text() -> None:
    graph = dk.parse("x*y")
    refusal(InputError, lambda: graph(x=1.0), "no value for y", "g(x=…, y=…)")
    refusal(InputError, lambda: graph(x=1.0, y=2.0, z=3.0), "unexpected 'z'")
    refusal(InputError, lambda: dk.grad(graph)(x=1.0), "y")


WORDS = ["1", "2.5", "**", "==", "sin", "exp", "where", "lambda", "if", "__", "1e9"]
TOKENS = [*"xy∂()[]+-*/,<.':= \n\t\0", *WORDS]


@given(st.text(max_size=40) | st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_any_text_is_a_graph_or_a_parse_error(text: str) -> None:
    try:
        graph = dk.parse(text)
    except ParseError as error:
        assert "\n" not in error.message
        assert 0 <= error.position <= max(len(text), 1)
    else:
        assert len(graph.check().output_nodes) == 1
