"""``dk.engines.explain``: the engine of value and gradient, with times and reasons."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.engines.explaining import _LONG, EngineChoice, EngineReport, _least


def f(x: Any) -> Any:
    return np.sum(np.tanh(x) * x)


def test_value_and_gradient_are_timed_on_every_engine() -> None:
    report = dk.engines.explain(f, np.linspace(0.0, 1.0, 3000), engine="machine")
    assert [choice.what for choice in report.choices] == ["value", "gradient"]
    for choice in report.choices:
        assert choice.engine == "machine"
        assert set(choice.seconds) == {"interpret", "machine", "specialise"}
        assert min(choice.seconds.values()) > 0.0
        assert any("3000 elements" in reason for reason in choice.reasons)
    assert report.engine == "machine" and "engine='machine' was asked for" in str(report)


def test_the_table_has_a_line_for_each_graph_and_a_star_for_the_engine() -> None:
    lines = dk.engines.explain(f, np.ones(4), engine="interpret").table().splitlines()
    assert [line.split()[0] for line in lines] == ["interpret", "value", "gradient"]
    assert all("us*" in line for line in lines[1:])


def test_a_function_without_gradient_has_one_choice() -> None:
    report = dk.engines.explain(lambda x: np.exp(x), np.ones(3), engine="interpret")
    assert [choice.what for choice in report.choices] == ["value"]


def test_branches_are_told() -> None:
    def g(x: Any) -> Any:
        return x * x if x > 0.0 else -x

    reasons = dk.engines.explain(g, 2.0, engine="interpret").reasons
    assert any("1 branches" in reason for reason in reasons)


def test_the_report_is_plain_data() -> None:
    choice = EngineChoice("value", "machine", ("r",), {"machine": 2.0}, 0.5, 3)
    found = EngineReport((choice,)).to_dict()
    assert found == {"engine": "machine", "choices": [{
        "what": "value", "engine": "machine", "reasons": ["r"], "seconds": {"machine": 2.0},
        "compile_seconds": 0.5, "calls_to_pay": 3,
    }]}  # fmt: skip


def test_a_cold_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffkit.engines.machine import loading

    monkeypatch.setattr(loading, "is_warm", lambda: False)
    monkeypatch.setattr(loading, "is_ready", lambda: False)
    report = dk.engines.explain(f, np.ones(4))
    assert report.engine == "interpret" and set(report.choices[0].seconds) == {"interpret"}
    assert any("diffkit warmup" in reason for reason in report.reasons)


def test_a_python_loop_is_explained_as_it_is_run() -> None:
    def logistic(x: Any) -> Any:
        for _ in range(1000):
            x = 3.0 * x * (1.0 - x)
        return x

    report = dk.engines.explain(logistic, 0.3, engine="interpret")
    written, gradient = (choice.reasons[0] for choice in report.choices)
    assert len(dk.trace(logistic, 0.3).equations) == 3000
    assert written.startswith("5 operations") and int(gradient.split()[0]) < 50


def test_a_long_run_is_not_repeated() -> None:
    calls: list[float] = []

    def slow(leaves: Any) -> None:
        calls.append(leaves[0])
        time.sleep(1.05 * _LONG)

    assert _least(slow, [1.0]) > _LONG and len(calls) == 1
