"""Slow functions and Ctrl-C: partial reports of steps, advice and comparisons, by a fake clock."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.main import INTERRUPTED, main
from diffkit.comparison import advise_trials, report, spending
from diffkit.errors import InputError


class Slow:
    """exp, each run of which moves the clock on; run ``stop`` is Ctrl-C."""

    def __init__(self, monkeypatch: Any, seconds: float, stop: int = 0) -> None:
        self.now, self.runs, self.seconds, self.stop = 0.0, 0, seconds, stop
        monkeypatch.setattr(spending, "perf_counter", lambda: self.now)

    def __call__(self, x: float) -> float:
        self.runs, self.now = self.runs + 1, self.now + self.seconds
        if self.runs == self.stop:
            raise KeyboardInterrupt
        return float(np.exp(float(x)))


@pytest.mark.parametrize(("seconds", "most"), [(0.4, 27), (30.0, 6), (0.05, 205)])
def test_steps_of_a_slow_function_stay_within_the_budget(
    seconds: float, most: int, monkeypatch: Any
) -> None:
    slow = Slow(monkeypatch, seconds)
    found = dk.step_size(slow, 1.0)
    assert found.missing and slow.runs <= most + 2  # those of capture come first
    assert abs(found.derivative - np.e) <= found.error < 1e-3
    document = found.to_dict(curve=True, peers=True)
    assert document["missing"] == found.missing and not document["interrupted"]
    assert slow.runs <= most + 2 + 20
    assert "within the budget of 10 s" in str(found)


def test_steps_of_a_fast_function_miss_nothing() -> None:
    found = dk.step_size(np.exp, 1.0)
    assert not found.missing and not found.interrupted and found.to_dict()["richardson"]


@pytest.mark.parametrize("run", [10, 200, 300])
def test_ctrl_c_keeps_the_steps_that_were_measured(run: int, monkeypatch: Any) -> None:
    found = dk.step_size(Slow(monkeypatch, 0.0, stop=run), 1.0)
    assert found.interrupted and "interrupted" in found.missing.values()
    kept = [choice for choice in found.choices if choice.refused is None]
    assert bool(kept) == (run > 10)
    assert json.dumps(found.to_dict(curve=True), allow_nan=False) and str(found)


def test_a_kink_shows_in_two_steps(monkeypatch: Any) -> None:
    slow = Slow(monkeypatch, 30.0)
    found = dk.step_size(lambda x: 0.0 * slow(x) + abs(float(x)), 0.0)
    assert found.error >= 1.0 and len([c for c in found.choices if not c.refused]) == 1


@pytest.mark.parametrize("verb", [dk.step_size, dk.advise, dk.compare])
def test_a_budget_is_positive(verb: Any) -> None:
    with pytest.raises(InputError, match="budget of seconds is positive"):
        verb(np.exp, 1.0, budget_seconds=0.0)


def spent_after(monkeypatch: Any, module: Any, name: str, count: int, stop: bool = False) -> None:
    """Let the calls of a function take the whole budget, or be Ctrl-C, from one on."""
    inner, calls, now = getattr(module, name), [0], [0.0]
    monkeypatch.setattr(spending, "perf_counter", lambda: now[0])

    def counted(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == count:
            now[0] += 1e6
            if stop:
                raise KeyboardInterrupt
        return inner(*args)

    monkeypatch.setattr(module, name, counted)


def test_methods_beyond_the_budget_are_refused(monkeypatch: Any) -> None:
    spent_after(monkeypatch, report, "_report", 2)
    found = dk.compare(np.exp, 1.0, budget_seconds=5)
    refused = [name for name in found if found[name].refused]
    assert refused == ["symbolic", "forward", "reverse"] and not found.interrupted
    assert found["reverse"].refused == "not reached within the budget of 5 s"


def test_ctrl_c_keeps_the_methods_that_were_compared(monkeypatch: Any, capsys: Any) -> None:
    spent_after(monkeypatch, report, "_report", 2, stop=True)
    assert main(["compare", "exp(x)", "--at", "1", "--json"]) == INTERRUPTED
    found = json.loads(capsys.readouterr().out)
    assert found["interrupted"] and found["methods"]["finite"]["value"] == np.exp(1.0)
    assert found["methods"]["reverse"] == {"refused": "interrupted"}


def test_ctrl_c_during_the_truth_keeps_the_report(monkeypatch: Any) -> None:
    spent_after(monkeypatch, report, "truth_in_time", 1, stop=True)
    found = dk.compare(np.exp, 1.0)
    assert found.interrupted and not found.truth.known and "interrupted" in str(found)


def test_advice_beyond_the_budget_is_predicted(monkeypatch: Any) -> None:
    spent_after(monkeypatch, advise_trials, "_try", 2)
    advice = dk.advise(np.exp, 1.0, repeats=100_000, budget_seconds=5)
    assert "not reached within the budget of 5 s" in advice.missing.values()
    assert not any(advice[name].measured for name in advice.missing)
    assert all(np.isfinite(advice[name].first) for name in advice.missing)
    assert any(reason.startswith("only predicted: ") for reason in advice.reasons)


def test_ctrl_c_keeps_the_advice(monkeypatch: Any, capsys: Any) -> None:
    spent_after(monkeypatch, advise_trials, "_try", 2, stop=True)
    assert main(["advise", "exp(x)", "--at", "1", "--json"]) == INTERRUPTED
    found = json.loads(capsys.readouterr().out)
    assert found["interrupted"] and found["methods"]["reverse"]["measured"]
    assert found["missing"]["forward"] == "interrupted"


def test_advice_needs_an_argument() -> None:
    with pytest.raises(InputError, match="no argument was given"):
        dk.advise(np.exp)


def test_steps_in_a_pipe_have_the_tableau_and_the_peers(capsys: Any) -> None:
    assert main(["steps", "exp(x)", "--at", "1", "--tableau", "--peers", "--budget", "9"]) == 0
    stencils, tableau, peers = capsys.readouterr().out.split("\n\n")
    assert stencils.startswith("stencil\t") and tableau.startswith("h\th^")
    assert peers.splitlines()[1].startswith("diffkit\t")


def test_star_arguments_have_no_values_on_the_command_line(tmp_path: Any, capsys: Any) -> None:
    (tmp_path / "star.py").write_text("def f(*a):\n    return a[0] * a[1]\n")
    assert main(["compare", f"{tmp_path / 'star.py'}:f", "--at", "1,2"]) == 2
    assert "plain parameters" in capsys.readouterr().err
