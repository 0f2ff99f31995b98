"""``docs/coverage.md`` says of every public function of NumPy and scipy.special what it does here.

Every function is called again: what the page calls differentiable has the derivative that a
central difference of NumPy's own values has, what it calls constant has none, and what it calls
refused raises diffkit's own error, which names the function, the line, and what to write instead.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from diffkit.capture.capturing import trace
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.errors import DiffkitError

DOCS = Path(__file__).parent.parent / "docs"
DIRECTION = np.array([0.6, -0.5, 0.8])
STEP, TOLERANCE = 1e-6, 1e-6
# Functions that are refused inside another one's own code, whose name the error has.
INNER = {"assoc_laguerre": "eval_genlaguerre", "h1vp": "hankel1", "h2vp": "hankel2"}


def load(name: str) -> ModuleType:
    """A script of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


CASES = load("coverage_cases")
GENERATE = load("generate_coverage")
SAID = GENERATE.kinds_of((DOCS / "coverage.md").read_text(encoding="utf-8"))
FUNCTIONS = {name: function for _, name, function in CASES.functions()}
BY_MODULE = {
    module: [name for m, name, _ in CASES.functions() if m == module] for module in GENERATE.TITLES
}


def test_no_function_is_left_out() -> None:
    assert set(SAID) == set(FUNCTIONS)
    assert {name for name, kind in SAID.items() if kind == "plain"} == CASES.PLAIN & set(FUNCTIONS)


def check(name: str, kind: str) -> None:
    """What the page says of one function."""
    f = GENERATE.total(CASES.case_of(name, FUNCTIONS[name]))
    if kind == "refused":
        try:
            gradient_graph(trace(f, CASES.X))
        except DiffkitError as error:
            last = name.split(".")[-1]
            assert INNER.get(last, last) in str(error), name
            assert error.where and error.hint, name
            return
        pytest.fail(f"{name} is not refused any more: run python docs/generate_coverage.py")
    graph = trace(f, CASES.X)
    _, x_bar = run(gradient_graph(graph), [CASES.X])
    if kind == "constant":
        np.testing.assert_array_equal(x_bar, 0.0, err_msg=name)
        return
    assert np.any(x_bar), name
    slope = np.dot(x_bar, DIRECTION)
    pushed = run(pushforward_graph(graph, (0,)), [CASES.X, DIRECTION])[1]
    np.testing.assert_allclose(pushed, slope, rtol=1e-9, atol=1e-12, err_msg=name)
    sides: Any = [f(CASES.X + sign * STEP * DIRECTION) for sign in (1, -1)]
    difference = (sides[0] - sides[1]) / (2 * STEP)
    np.testing.assert_allclose(slope, difference, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", BY_MODULE)
def test_the_page_is_true(module: str) -> None:
    for name in BY_MODULE[module]:
        if SAID[name] != "plain":
            with np.errstate(all="ignore"):
                check(name, SAID[name])


def test_the_page_can_be_wrong() -> None:
    with pytest.raises(AssertionError):
        check("np.sin", "constant")
    with pytest.raises(AssertionError):
        check("np.floor", "differentiable")
    with pytest.raises(pytest.fail.Exception):
        check("np.sin", "refused")
