"""What is too much is refused in a sentence, in time, and the explorer stays up."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from time import monotonic
from typing import Any

import pytest
from explorer_server import PATIENCE, answered, serving

from diffkit.explorer.expressions import KEPT, parsed
from diffkit.explorer.lanes import LATER, NOW, Numbers
from diffkit.explorer.limits import (
    MAX_BODY,
    MAX_TEXT,
    MOST_WAITING,
    Refusal,
    TokenBucket,
    TooSlow,
    within,
)
from diffkit.explorer.sympy_process import SymPyProcess
from diffkit.explorer.worker import answered as answered_by_worker

SHORT = 0.3  # seconds, to be over soon


@pytest.fixture(scope="module")
def explored() -> Iterator[Any]:
    with serving(formulas=SymPyProcess(seconds=1.0)) as found:
        found[1].numbers.seconds = 1.0
        yield found


@pytest.fixture
def client(explored: Any) -> Iterator[Any]:
    """The client; afterwards the explorer has to answer as if nothing had been."""
    yield explored[0]
    at = {"text": "x*y", "at": {"x": 2.0, "y": 3.0}}
    assert answered(explored[0], "compare", at)["truth"]["derivative"] == {"x": 3.0, "y": 2.0}


# Sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [MAX_BODY + 1, 4_000_000])
def test_an_oversized_body(client: Any, size: int) -> None:
    response = client.post(
        "/api/parse", content=b" " * size, headers={"content-type": "application/json"}
    )
    assert response.status_code == 413 and "64 kB" in response.json()["error"]


def test_an_oversized_body_that_does_not_tell_its_length(client: Any) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b" " * 10_000 for _ in range(100))

    headers = {"content-type": "application/json"}
    response = client.post("/api/parse", content=pieces(), headers=headers)
    assert response.status_code == 413


def test_a_long_expression_and_one_of_many_variables(client: Any) -> None:
    found = answered(client, "parse", {"text": "x" + "+x" * MAX_TEXT}, 400)
    assert found["position"] == MAX_TEXT and "characters" in found["error"]
    many = "+".join(f"x{i}" for i in range(101))
    assert "101 variables" in answered(client, "compare", {"text": many, "at": {}}, 400)["error"]


# Numbers ----------------------------------------------------------------------------------------

NUMERIC_BOMBS = [
    "10**10**10*x", "exp(exp(exp(exp(exp(x)))))", "x**(x**(x**(x**(x**x))))",
    "gamma(gamma(gamma(x)))", "sin(1e300*x)", "hyp1f1(1e5*x,2*x,1e4*x)",
    "betainc(1e8*x,1e8*x,0.5)", "((((x**1024)**1024)**1024)**1024)",
]  # fmt: skip


@pytest.mark.parametrize("text", NUMERIC_BOMBS)
def test_numeric_bombs_are_answered_in_time(client: Any, text: str) -> None:
    began = monotonic()
    for name in ("compare", "curve"):
        body = {"text": text, "at": {"x": 3.0}, "x": "x", "window": [-3, 3]}
        response = client.post(f"/api/{name}", json=body)
        assert response.status_code in (200, 400, 408)
        assert response.json().get("error") != ""
    assert monotonic() - began < PATIENCE  # in all, on a busy computer


def test_work_is_interrupted_when_its_seconds_are_over() -> None:
    def endless() -> None:
        while True:
            pass

    with pytest.raises(TooSlow, match=r"longer than 0\.3 s"):
        within(SHORT, endless)
    with pytest.raises(ZeroDivisionError):
        within(SHORT, lambda: 1 / 0)
    with pytest.raises(TooSlow):
        within(SHORT, lambda: [0] * 10**15)


def test_the_precision_is_as_before_after_an_interruption() -> None:
    from diffkit.lazy import mp

    def endless() -> None:
        mp.mp.dps = 500
        while True:
            pass

    lane = Numbers(SHORT)
    with pytest.raises(TooSlow):
        lane.put(endless).result(PATIENCE)
    assert lane.put(lambda: mp.mp.dps).result(PATIENCE) == 15
    lane.close()


def test_what_a_slider_waits_for_goes_first() -> None:
    lane, gate, order = Numbers(PATIENCE), threading.Event(), []
    first = lane.put(gate.wait)
    slow = lane.put(lambda: order.append("slow"), LATER)
    quick = lane.put(lambda: order.append("quick"), NOW)
    dropped = lane.put(lambda: order.append("dropped"), NOW)
    lane.forget(dropped)
    gate.set()
    for future in (first, slow, quick):
        future.result(PATIENCE)
    assert order == ["quick", "slow"]
    with pytest.raises(CancelledError):
        dropped.result(PATIENCE)
    lane.close()


def test_a_full_queue_turns_questions_away() -> None:
    lane, gate = Numbers(PATIENCE), threading.Event()
    for _ in range(MOST_WAITING + 1):
        lane.put(gate.wait)
    with pytest.raises(Refusal, match="too many questions") as caught:
        asyncio.run(lane.ask(lambda: None))
    assert caught.value.status == 503
    gate.set()
    lane.close()


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    bucket = TokenBucket(rate=10.0, burst=2.0, clock=lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 0.1
    assert [bucket.take() for _ in range(2)] == [True, False]


# Formulas ---------------------------------------------------------------------------------------

SYMPY_BOMBS = [
    "sin(" * 60 + "x" + ")" * 60,
    "gamma(x)**gamma(x)**gamma(x)**gamma(x)**gamma(x)",
    "*".join(f"sin(x{i}*x{i + 1})" for i in range(60)),
    "gamma(99999*x) + gamma(1e8*x + 0.5)",
]


@pytest.mark.parametrize("text", SYMPY_BOMBS, ids=lambda text: text[:24])
def test_sympy_bombs_are_given_up_and_the_next_is_answered(client: Any, text: str) -> None:
    response = client.post("/api/derive", json={"text": text, "form": "simplify"})
    assert response.status_code in (200, 408), response.text
    assert response.status_code == 200 or response.json()["error"]
    assert answered(client, "derive", {"text": "x**3"})["derivative"] == {"x": "3*x**2"}


def test_a_process_that_is_killed_midway_is_replaced(explored: Any) -> None:
    client, explorer = explored
    answered(client, "derive", {"text": "x*x"})
    before = explorer.formulas.pid
    os.kill(before, signal.SIGKILL)
    response = client.post("/api/derive", json={"text": "x**4"})
    assert response.status_code in (200, 408)
    assert answered(client, "derive", {"text": "x**3"})["derivative"] == {"x": "3*x**2"}
    assert explorer.formulas.pid != before


def test_a_process_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    deaf = SymPyProcess(["-c", "import time; time.sleep(1000)"], seconds=0.1)
    assert deaf.words[0] == sys.executable
    monkeypatch.setattr("diffkit.explorer.sympy_process.GRACE_SECONDS", 0.1)
    monkeypatch.setattr("diffkit.explorer.sympy_process.START_SECONDS", 0.1)
    with pytest.raises(Refusal, match="SymPy gave up") as caught:
        deaf.put(("derive", {"text": "x"})).result(PATIENCE)
    assert caught.value.status == 408 and deaf.pid is None
    deaf.close()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_question_that_is_forgotten_makes_room() -> None:
    lane = SymPyProcess(seconds=PATIENCE)
    assert lane.put(("derive", {"text": "x*x"})).result(PATIENCE)
    before = lane.pid
    text = "*".join(f"sin(x{i}*x{i + 1})" for i in range(60))
    slow = lane.put(("derive", {"text": text, "form": "simplify"}))
    quick = lane.put(("derive", {"text": "x**3"}))
    while lane.answering is not slow and not slow.done():
        pass
    lane.forget(slow)
    assert quick.result(PATIENCE)["derivative"] == {"x": "3*x**2"}
    assert lane.pid == before
    lane.close()


def test_the_worker_tells_errors_and_memory() -> None:
    question = {"what": "derive", "seconds": 5.0}
    found = answered_by_worker(question | {"body": {"text": "x +"}}, None)
    assert found["status"] == 400 and found["position"] == 3
    found = answered_by_worker(question | {"body": {"text": "log(0*x)"}}, None)
    assert found["status"] == 400 and "logarithm of zero" in found["error"]


# Memory -----------------------------------------------------------------------------------------


def test_expressions_are_forgotten_after_a_while() -> None:
    for number in range(KEPT + 20):
        parsed(f"x + {number}")
    assert len(parsed) == KEPT


@pytest.mark.slow
def test_memory_stays_bounded_over_a_thousand_expressions() -> None:
    import subprocess
    import sys

    script = (
        "import resource\n"
        "from diffkit.explorer import api_numbers as api\n"
        "for n in range(1000):\n"
        "    body = {'text': f'sin({n}*x)*exp(-y*{n + 1}) + x/({n} + y*y)', 'x': 'x',\n"
        "            'at': {'x': 0.5, 'y': 1.0}, 'window': [0, 1]}\n"
        "    api.parse(body), api.compare(body), api.explain(body), api.curve(body)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 250  # MB
