"""The words of text mean what NumPy's functions of the same name mean."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.vocabulary import NUMPY_BINARY, NUMPY_UNARY, vocabulary

BINARY = ["maximum", "minimum", "hypot", "arctan2", "power", "mod", *NUMPY_BINARY]
POINTS = [(0.7, 2.3), (2.3, 0.7), (5.5, 2.0)]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(("x", "y"), POINTS)
def test_functions_of_two_arguments(name, x, y):
    graph = dk.parse(f"{name}(x, y)")
    expected = getattr(np, name)(x, y)
    np.testing.assert_allclose(graph(x=x, y=y), expected, rtol=1e-15)
    constant = dk.parse(f"{name}({x}, {y})")  # is computed while it is read
    np.testing.assert_allclose(constant(), expected, rtol=1e-15)
    slopes = [dk.grad(graph, method=method)(x=x, y=y) for method in ("reverse", "symbolic")]
    for variable in "xy":
        np.testing.assert_allclose(slopes[0][variable], slopes[1][variable], rtol=1e-14)


def test_log_sum_exp_of_two_is_stable():
    graph = dk.parse("logaddexp(x, y)")
    assert graph(x=1e4, y=1e4) == 1e4 + np.log(2.0)
    assert dk.grad(graph)(x=1e4, y=1e4) == {"x": 0.5, "y": 0.5}


@pytest.mark.parametrize("name", NUMPY_UNARY)
def test_functions_of_one_argument(name):
    graph = dk.parse(f"{name}(x)")
    np.testing.assert_allclose(graph(x=1.3), getattr(np, name)(1.3), rtol=1e-15)


def test_aliases_are_words_themselves():
    words = vocabulary()
    assert words["mod"] is words["remainder"] and words["radians"] is words["deg2rad"]
    assert words["expit"] is words["logistic"]
