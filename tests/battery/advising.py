"""How good advice is: the functions of the battery, split, and every method's cost on each.

Half of the functions, by a hash of their names, were looked at while the constants of
``comparison/advise_costs.py`` were fitted.  The other half is held out: ``dk.advise`` chooses for
each, and its choice is measured against the best that any method would have cost.
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Sequence
from math import inf
from time import process_time
from typing import Any

import learning
import numpy as np
import optimisation
import optimisation_more
import python_code
from trial import Trial, TrialSet

import diffkit as dk
from diffkit.comparison.advise_problem import numbers_in
from diffkit.errors import DiffkitError

__all__ = [
    "CALIBRATION",
    "HELD_OUT",
    "METHODS",
    "advised_method_error",
    "advised_ratio",
    "measured_costs",
    "measured_hessian_costs",
    "share_within",
]

METHODS = ("reverse", "forward", "complex", "finite", "symbolic")
HESSIAN_METHODS = ("reverse", "sparse", "complex", "finite")
SLOW = "symbolic"  # SymPy takes up to seconds, so it is measured once
ROUNDS, CALLS = 7, 5
SYMBOLIC_SECONDS = 5.0

Costs = dict[str, tuple[float, float]]


def _trials() -> dict[str, Trial]:
    modules = (learning, optimisation, optimisation_more, python_code)
    sets = [x for module in modules for x in vars(module).values() if isinstance(x, TrialSet)]
    found: dict[str, Trial] = {}
    for one in sets:
        for trial in one.trials:
            found.setdefault(trial.name, trial)
    return found


def _is_held_out(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


CALIBRATION = [trial for name, trial in _trials().items() if not _is_held_out(name)]
HELD_OUT = [trial for name, trial in _trials().items() if _is_held_out(name)]


def _places(trial: Trial) -> Any:
    places = tuple(k for k, a in enumerate(trial.args) if np.asarray(a).dtype.kind == "f")
    return places[0] if len(places) == 1 else places


def _seconds(call: Any) -> float:
    start = process_time()
    call()
    return process_time() - start


def measured_costs(trial: Trial, accuracy: float) -> Costs:
    """Seconds of a first call from nothing and of a further one, for methods that are accurate."""
    places = _places(trial)
    true = _truth(trial, places)
    usable = [method for method in METHODS if _error(trial, places, method, true) <= accuracy]
    costs: Costs = dict.fromkeys(usable, (inf, inf))
    for turn in range(ROUNDS):
        for method in usable:
            if method == SLOW and turn:
                continue
            first, again = costs[method]
            derivative = dk.grad(trial.function, places, _method(method))
            first = min(first, _seconds(lambda d=derivative: d(*trial.args)))
            rest = [_seconds(lambda d=derivative: d(*trial.args)) for _ in range(CALLS)]
            costs[method] = first, min(again, *rest)
    return costs


def _method(name: str) -> Any:
    return dk.methods.Symbolic(budget_seconds=SYMBOLIC_SECONDS) if name == SLOW else name


def _truth(trial: Trial, places: Any) -> np.ndarray:
    from diffkit.comparison.accuracy import rounded_array
    from diffkit.differentiate.reverse import gradient_graph
    from diffkit.engines.precise import true_derivatives

    graph = dk.trace(trial.function, *trial.args)
    wrt = [places] if isinstance(places, int) else list(places)
    blocks = true_derivatives(graph, trial.args, wrt, 60, gradient_graph).blocks[0]
    return np.concatenate([rounded_array(block).reshape(-1) for block in blocks])


def _error(trial: Trial, places: Any, method: str, true: np.ndarray) -> float:
    try:
        found = dk.grad(trial.function, places, _method(method))(*trial.args)
    except DiffkitError:
        return inf
    largest = float(np.max(np.abs(true), initial=0.0)) or 1.0
    error = float(np.max(np.abs(numbers_in(found) - true), initial=0.0)) / largest
    return inf if np.isnan(error) else error


def advised_ratio(
    trial: Trial, costs: Costs, repeats: int, accuracy: float, want: str = "gradient"
) -> tuple[str, str, float]:
    """The advised method, the best one, and the cost of the first over that of the second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        advice = dk.advise(
            trial.function,
            *trial.args,
            repeats=repeats,
            accuracy=accuracy,
            want=want,
            argnums=_places(trial),
        )
    totals = {m: first + (repeats - 1) * again for m, (first, again) in costs.items()}
    best = min(totals, key=totals.__getitem__)
    return advice.method, best, totals.get(advice.method, inf) / totals[best]


def measured_hessian_costs(trial: Trial, accuracy: float) -> Costs:
    """The same for Hessians, where forward over reverse is the reference; without SymPy."""
    found = {method: _hessian_call(trial, method) for method in HESSIAN_METHODS}
    answers: dict[str, np.ndarray] = {}
    for method, call in found.items():
        with contextlib.suppress(DiffkitError):
            answers[method] = numbers_in(call())
    true = answers["reverse"]
    largest = float(np.max(np.abs(true), initial=0.0)) or 1.0
    costs: Costs = {
        method: (inf, inf)
        for method, answer in answers.items()
        if np.max(np.abs(answer - true), initial=0.0) <= accuracy * largest
    }
    for _ in range(ROUNDS):
        for method, (first, again) in list(costs.items()):
            call = _hessian_call(trial, method)
            first = min(first, _seconds(call))
            costs[method] = first, min(again, *(_seconds(call) for _ in range(CALLS)))
    return costs


def _hessian_call(trial: Trial, method: str) -> Any:
    """The user's call, captured and derived anew."""
    if method == "sparse":
        hessian = dk.hessian(trial.function, _places(trial), sparse=True)
    else:
        hessian = dk.hessian(trial.function, _places(trial), method)
    return lambda: hessian(*trial.args)


def share_within(ratios: Sequence[float], factor: float) -> float:
    """The share of ratios up to a factor."""
    return sum(ratio <= factor for ratio in ratios) / len(ratios)


def advised_method_error(trial: Trial, accuracy: float) -> float:
    """The error of the method that is advised, against the truth."""
    places = _places(trial)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        advice = dk.advise(trial.function, *trial.args, accuracy=accuracy)
        return _error(trial, places, advice.method, _truth(trial, places))
