"""The battery: functions as users write them, each differentiated by every method.

A *trial* is a plain NumPy function of scalars and arrays with one number as its result, and a
point.  The truth are central differences of 100 digits (``engines/precise.py``), which know none
of the rules.  What is asserted for every trial:

* the captured function has the value that NumPy gives;
* reverse and forward mode agree with the truth;
* finite differences do, unless the point is a kink;
* symbolic and the complex step do, or refuse with a typed error where the trial says so, or give
  NaN there, which comes with a warning of ours (formulas of three in four are marked slow);
* all this on the interpreter and on the machine.

Errors are measured against the largest entry of the gradient, since an entry that is a difference
of large terms has their rounding errors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import true_derivatives
from diffkit.errors import DiffkitError, DomainWarning

__all__ = [
    "ENGINES",
    "Trial",
    "TrialSet",
    "gradient_of",
    "has_formula_by_default",
    "largest",
    "run_formula",
    "run_trial",
    "true_gradient",
]

ENGINES = ("interpret", "machine")

EXACT = 1e-12
"""Of methods that compute with exact rules, over the largest entry of the gradient."""
FINITE = 1e-6
VALUE = 1e-13
FORMULA_SHARE = 4  # one in this many is derived by formula every time
DIGITS = 60
SYMBOLIC_BUDGET = {"budget_operations": 20_000, "budget_seconds": 30.0}


@dataclass(frozen=True)
class Trial:
    """A function, a point, and which methods do not apply there."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    source: str
    refuses: frozenset[str] = frozenset()
    undefined: frozenset[str] = frozenset()
    kink: bool = False
    exact: float = EXACT
    finite: float = FINITE
    scale: float = 1.0

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
        undefined: Iterable[str] = (),
        kink: bool = False,
        exact: float = EXACT,
        finite: float = FINITE,
        scale: float = 1.0,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add a function at a point: lists become arrays of floats.

        ``refuses`` and ``undefined`` are methods that raise, and that warn of a NaN; at a ``kink``
        (or an edge of the domain) there are no differences; ``scale`` is the length over which the
        function changes, for their step.
        """
        point = tuple(np.array(a, dtype=float) if isinstance(a, list) else a for a in args)

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            sets = frozenset(refuses), frozenset(undefined)
            named = source or self.source
            self.trials.append(Trial(function, point, named, *sets, kink, exact, finite, scale))
            return function

        return add


def run_trial(trial: Trial) -> None:
    """Differentiate by every method and compare with the truth."""
    with np.errstate(all="ignore"):
        plain = np.asarray(trial.function(*trial.args), dtype=float)
    assert plain.shape == (), "a trial returns one number"
    value = float(dk.trace(trial.function, *trial.args)(*trial.args))
    np.testing.assert_allclose(value, plain, rtol=VALUE, atol=VALUE)
    expected = true_gradient(trial, trial.args)
    for engine in ENGINES:
        for method in ("reverse", "forward"):
            found = gradient_of(trial, trial.args, method, engine)
            _near(found, expected, trial.exact, f"{method}, {engine}")
        _applies_or_refuses(trial, "complex", engine, expected)
    if not trial.kink:
        _near(gradient_of(trial, trial.args, "finite"), expected, trial.finite, "finite")
    if has_formula_by_default(trial):
        _applies_or_refuses(trial, "symbolic", "auto", expected)


def has_formula_by_default(trial: Trial) -> bool:
    """Whether the formula of a trial is tested every time: of one in ``FORMULA_SHARE``.

    Deriving formulas takes longer than all other methods together, so the rest is marked slow.
    """
    return crc32(trial.name.encode()) % FORMULA_SHARE == 0


def run_formula(trial: Trial) -> None:
    """The symbolic method of a trial alone, against the truth."""
    _applies_or_refuses(trial, "symbolic", "auto", true_gradient(trial, trial.args))


def true_gradient(trial: Trial, args: tuple[Any, ...]) -> list[np.ndarray]:
    """The derivatives by all floating-point arguments, from differences of many digits."""
    graph = dk.trace(trial.function, *args)
    truth = true_derivatives(graph, args, _real_places(args), DIGITS, gradient_graph)
    expected = [np.array(block, dtype=float) for block in truth.blocks[0]]
    assert truth.certified, truth.notes
    assert all(np.all(np.isfinite(block)) for block in expected), "the truth is not finite"
    return expected


def _real_places(args: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(k for k, arg in enumerate(args) if np.asarray(arg).dtype.kind == "f")


def gradient_of(
    trial: Trial, args: tuple[Any, ...], method: str, engine: str = "auto"
) -> list[np.ndarray]:
    """The gradient by one method; a NaN in it must come with a warning of ours."""
    chosen: Any = method
    if method == "symbolic":
        chosen = dk.methods.Symbolic(**SYMBOLIC_BUDGET)
    elif method == "finite":
        chosen = dk.methods.Finite(scale=trial.scale)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = dk.grad(trial.function, _real_places(args), method=chosen, engine=engine)(*args)
    if any(np.isnan(part).any() for part in found):
        assert any(issubclass(w.category, DomainWarning) for w in said), f"{method}: a silent NaN"
    return [np.asarray(part) for part in found]


def _applies_or_refuses(trial: Trial, method: str, engine: str, expected: list[np.ndarray]) -> None:
    try:
        found = gradient_of(trial, trial.args, method, engine)
    except DiffkitError as error:
        assert method in trial.refuses, f"{method} refuses: {error}"
        return
    assert method not in trial.refuses, f"{method} applies"
    if method in trial.undefined:
        assert any(np.isnan(block).any() for block in found), f"{method} is defined"
        return
    _near(found, expected, trial.exact, f"{method}, {engine}")


def largest(blocks: list[np.ndarray]) -> float:
    """The largest entry of a gradient, against which errors are measured; 1 if all are 0."""
    return max(float(np.max(np.abs(block), initial=0.0)) for block in blocks) or 1.0


def _near(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float, what: str) -> None:
    for got, wanted in zip(found, expected, strict=True):
        assert got.shape == wanted.shape, what
        error = float(np.max(np.abs(got - wanted), initial=0.0))
        assert error <= tolerance * largest(expected), f"{what}: {got} for {wanted}"
