"""The checker notices a factor 1.001 in any rule of the registry, wherever it is put.

Each primitive's own rule is spoiled in turn, one method at a time, and the checker must object
with the check that looks at that method.  A rule that passes here is a rule nobody checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from diffkit.comparison.rules import check_rule, load_all_primitives
from diffkit.comparison.rules_sampling import draw_sample, samples_for
from diffkit.comparison.rules_trial import Trial
from diffkit.graph.ir import Operation
from diffkit.graph.primitive import REGISTRY, Elementwise, Linear, Primitive, Selected
from diffkit.primitives.arithmetic import mul

FACTOR = 1.001
load_all_primitives()


def scaled(cotangent: Any) -> Any:
    """The answer of a thunk, off by the factor."""
    if cotangent is None:
        return None
    if isinstance(cotangent, Selected):
        return Selected(cotangent.mask, scaled(cotangent.factor))
    return FACTOR * cotangent if isinstance(cotangent, (int, float)) else mul(FACTOR, cotangent)


def spoiled(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule whose every thunk is off by the factor."""

    def spoiled_rule(*args: Any, **params: Any) -> Any:
        thunks = rule(*args, **params)
        return tuple(thunk and (lambda t=thunk: scaled(t())) for thunk in thunks)

    return spoiled_rule


def forget_templates(primitive: Primitive) -> None:
    """Rules are traced once and kept; a changed rule must be traced again."""
    for operation in [primitive.bare, *Operation._interned.values()]:
        if operation.primitive is primitive:
            operation.templates.clear()


@pytest.fixture
def replace_rule(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Replaces a method of a primitive for one test."""
    touched = []

    def replace(primitive: Primitive, method: str, rule: Callable[..., Any]) -> None:
        touched.append(primitive)
        forget_templates(primitive)
        monkeypatch.setattr(primitive, method, rule)

    yield replace
    for primitive in touched:
        forget_templates(primitive)


def has_derivative(name: str) -> bool:
    """Whether any sample of a primitive has a derivative that is not zero."""
    primitive, rng = REGISTRY[name], np.random.default_rng(0)
    for sample in samples_for(primitive):
        trial = Trial(primitive, draw_sample(primitive, sample, rng), sample.params, rng)
        if trial.differentiable and np.any(trial.jvp()):
            return True
    return False


# A finished graph holds no alias, so that its rule is never asked.
MOVING = [name for name in sorted(REGISTRY) if name != "alias" and has_derivative(name)]
OTHERS = [name for name in MOVING if REGISTRY[name].kind == "other"]


def test_most_primitives_have_derivatives() -> None:
    assert len(MOVING) > len(REGISTRY) / 2
    assert OTHERS


@pytest.mark.parametrize("name", MOVING)
def test_spoiled_reverse_rule_is_noticed(name: str, replace_rule: Callable[..., None]) -> None:
    primitive = REGISTRY[name]
    if isinstance(primitive, Elementwise):
        method, expected = "partials", ("partials:", "forward:", "second order:", "kinks:")
    elif isinstance(primitive, Linear):
        method, expected = "transpose", ("reverse:", "second order:")
    else:
        method, expected = "vjp", ("reverse:",)
    replace_rule(primitive, method, spoiled(getattr(primitive, method)))
    report = check_rule(primitive)
    assert report.failures, f"a factor of {FACTOR} in {name}.{method} went unnoticed"
    assert all(f.startswith(expected) for f in report.failures), str(report)


@pytest.mark.parametrize("name", OTHERS)
def test_spoiled_forward_rule_is_noticed(name: str, replace_rule: Callable[..., None]) -> None:
    primitive = REGISTRY[name]
    jvp = primitive.jvp  # type: ignore[attr-defined]
    replace_rule(primitive, "jvp", lambda *args, **params: scaled(jvp(*args, **params)))
    report = check_rule(primitive)
    assert any(f.startswith("forward:") for f in report.failures), str(report)


def test_rules_are_whole_again() -> None:
    for name in ("tanh", "sum", "prod"):
        assert check_rule(name).ok
