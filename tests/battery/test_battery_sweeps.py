"""Both backward sweeps over the battery: what they cost, and that they are one.

The cheap gradient (Griewank & Walther 2008, section 4.6) and the equivalence of symbolic
differentiation on the shared graph with reverse mode (Laue 2019), by operation counts.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from test_battery_reach import TRIALS
from trial import Trial

import diffkit as dk
from diffkit.differentiate.equivalence import equivalence
from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.scalars import scalar_graph
from diffkit.differentiate.symbolic_reverse import symbolic_reverse
from diffkit.errors import DiffkitError, UnsupportedError
from diffkit.graph.ir import Graph

CHEAP_GRADIENT, MOST_BEYOND = 5, 26
# A factorization of a small matrix declares n³ operations, but its derivative is several of them;
# the extremum of an array costs one comparison per element, its derivative counts the ties.
DEAR = {"det", "slogdet", "eigvalsh", "svdvals", "cholesky", "expm", "max", "min"}
FEWEST_IDENTICAL, FEWEST_COMPARED = 290, 410
ROUNDING = 1e-9
# Points at which a textbook formula overflows or is 0/0, where our rules have a form of their own.
TEXTBOOK = {
    "normal_tails", "far_tail", "box_cox_at_zero", "relative_exponential_at_zero",
    "squared_power_of_three_halves", "log_sum_of_large_numbers", "softplus_of_large_numbers",
    "logistic_of_large_numbers",
}  # fmt: skip


GRAPHS: dict[int, Graph] = {}


def graph_of(trial: Trial) -> Graph:
    """The captured function; each is captured once."""
    if id(trial) not in GRAPHS:
        GRAPHS[id(trial)] = dk.trace(trial.function, *trial.args)
    return GRAPHS[id(trial)]


def beyond(trial: Trial) -> bool:
    """Whether the declared operations of (f, ∇f) are more than 5 × those of f."""
    graph = graph_of(trial)
    return gradient_graph(graph).flops() > CHEAP_GRADIENT * graph.flops()


def test_cheap_gradient() -> None:
    """Of functions without a factorization or an extremum, none is beyond the bound."""
    plain = [trial for trial in TRIALS if not DEAR & set(graph_of(trial).operations())]
    assert [trial.name for trial in plain if beyond(trial)] == []
    assert len(plain) >= FEWEST_COMPARED
    assert sum(map(beyond, TRIALS)) <= MOST_BEYOND


def test_symbolic_on_the_shared_graph_is_reverse_mode() -> None:
    """The same equations, unless SymPy writes the derivative of a named operation otherwise."""
    found = {}
    for trial in TRIALS:
        try:
            found[trial.name] = equivalence(graph_of(trial))
        except UnsupportedError:
            continue
    unexplained = [name for name, pair in found.items() if not pair.identical and not pair.longer]
    assert unexplained == []
    assert all(pair.symbolic == pair.reverse for pair in found.values() if pair.identical)
    assert len(found) >= FEWEST_COMPARED
    assert sum(pair.identical for pair in found.values()) >= FEWEST_IDENTICAL


def scalars(args: tuple[Any, ...]) -> list[Any]:
    """The elements of the arguments, in the order of the inputs of a scalar graph."""
    return [x for leaf in args for x in np.asarray(leaf).reshape(-1)]


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_the_sweep_over_scalars_gives_the_gradient(trial: Trial) -> None:
    """Numbers equal to rounding, between the gradient with SymPy's partials and reverse mode's."""
    graph = graph_of(trial)
    if trial.kink or trial.undefined or trial.name in TEXTBOOK:
        pytest.skip(
            "at a kink a derivative is declared, and a textbook formula knows nothing of it"
        )
    try:
        swept = symbolic_reverse(graph)
    except DiffkitError as error:
        pytest.skip(error.message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leaves = [np.asarray(leaf) for leaf in trial.args]
        value, *slopes = swept.run(scalars(trial.args))
        plain, *bars = gradient_graph(graph).run(leaves)
    assert scalar_graph(graph).check() is scalar_graph(graph)
    assert value == pytest.approx(float(plain), rel=ROUNDING, abs=1e-300)
    wanted = np.concatenate([np.ravel(bar) for bar in bars])
    close = np.abs(np.array(slopes, dtype=float) - wanted) <= ROUNDING * np.max(np.abs(wanted))
    assert np.all(close), (slopes, wanted)
