"""The battery: functions as users write them, each differentiated by every method.

A *trial* is a plain NumPy function of scalars and arrays with one number as its result, and a
point.  The truth are central differences of 100 digits (``engines/precise.py``), which know none
of the rules.  What is asserted for every trial:

* the captured function has the value that NumPy gives;
* reverse and forward mode agree with the truth, on the interpreter and on the machine;
* finite differences do, unless the point is a kink;
* symbolic and the complex step do, or refuse with a typed error where the trial says so.

Errors are measured against the largest entry of the gradient, since an entry that is a difference
of large terms has their rounding errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import true_derivatives
from diffkit.errors import DiffkitError

__all__ = ["Trial", "TrialSet", "run_trial"]

EXACT = 1e-12
"""Of methods that compute with exact rules, over the largest entry of the gradient."""
FINITE = 1e-6
VALUE = 1e-13
DIGITS = 60
SYMBOLIC_BUDGET = {"budget_operations": 20_000, "budget_seconds": 30.0}


@dataclass(frozen=True)
class Trial:
    """A function, a point, and which methods do not apply there."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    source: str
    refuses: frozenset[str] = frozenset()
    kink: bool = False
    exact: float = EXACT
    finite: float = FINITE

    @property
    def name(self) -> str:
        """The function's name, for the report of the tests."""
        return self.function.__name__


class TrialSet:
    """Trials of one subject, in the order in which they were added."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.trials: list[Trial] = []

    def at(
        self,
        *args: Any,
        source: str = "",
        refuses: Iterable[str] = (),
        kink: bool = False,
        exact: float = EXACT,
        finite: float = FINITE,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add a function at a point: lists become arrays of floats."""
        point = tuple(np.array(a, dtype=float) if isinstance(a, list) else a for a in args)

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self.trials.append(
                Trial(
                    function, point, source or self.source, frozenset(refuses), kink, exact, finite
                )
            )
            return function

        return add


def run_trial(trial: Trial) -> None:
    """Differentiate by every method and compare with the truth."""
    places = [k for k, arg in enumerate(trial.args) if _is_real(arg)]
    plain = np.asarray(trial.function(*trial.args), dtype=float)
    assert plain.shape == (), "a trial returns one number"
    graph = dk.trace(trial.function, *trial.args)
    value = float(graph(*trial.args))
    np.testing.assert_allclose(value, plain, rtol=VALUE, atol=VALUE)
    truth = true_derivatives(graph, trial.args, places, DIGITS, gradient_graph)
    expected = [np.array(block, dtype=float) for block in truth.blocks[0]]
    assert truth.certified, truth.notes
    assert all(np.all(np.isfinite(block)) for block in expected), "the truth is not finite"
    argnums = tuple(places)
    for engine in ("interpret", "machine"):
        _near(_gradient(trial, argnums, "reverse", engine), expected, trial.exact, engine)
    _near(_gradient(trial, argnums, "forward", "interpret"), expected, trial.exact, "forward")
    if not trial.kink:
        _near(_gradient(trial, argnums, "finite"), expected, trial.finite, "finite")
    for method in ("complex", "symbolic"):
        _applies_or_refuses(trial, argnums, method, expected)


def _is_real(argument: Any) -> bool:
    return np.asarray(argument).dtype.kind == "f"


def _gradient(
    trial: Trial, argnums: tuple[int, ...], method: str, engine: str = "auto"
) -> list[np.ndarray]:
    chosen: Any = dk.methods.Symbolic(**SYMBOLIC_BUDGET) if method == "symbolic" else method
    found = dk.grad(trial.function, argnums, method=chosen, engine=engine)(*trial.args)
    return [np.asarray(part, dtype=float) for part in found]


def _applies_or_refuses(
    trial: Trial, argnums: tuple[int, ...], method: str, expected: list[np.ndarray]
) -> None:
    try:
        found = _gradient(trial, argnums, method)
    except DiffkitError as error:
        assert method in trial.refuses, f"{method} refuses: {error}"
        return
    assert method not in trial.refuses, f"{method} applies"
    _near(found, expected, trial.exact, method)


def _near(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float, what: str) -> None:
    largest = max(float(np.max(np.abs(block), initial=0.0)) for block in expected)
    for got, wanted in zip(found, expected, strict=True):
        assert got.shape == wanted.shape, what
        error = float(np.max(np.abs(got - wanted), initial=0.0))
        assert error <= tolerance * (largest or 1.0), f"{what}: {got} for {wanted}"
