"""What strangers try on the explorer: each gets a sentence, and nobody else has to wait."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from click.testing import CliRunner
from explorer_server import PATIENCE, TOKEN, answered, port_of, serving

import diffkit as dk
from diffkit.cli.explore import explore
from diffkit.cli.shared import user_errors
from diffkit.comparison import truth_in_time
from diffkit.explorer import patience, requests
from diffkit.explorer.expressions import Own
from diffkit.explorer.lanes import Lane, Numbers
from diffkit.explorer.limits import Refusal
from diffkit.explorer.sympy_process import SymPyProcess
from diffkit.explorer.trainings import MOST_KEPT, MOST_LISTENERS, Settings, Trainings
from diffkit.lazy import mp

SHORT = 0.2  # seconds, to be over soon

MOODY = """
def moody(x):
    if x > 2:
        raise KeyError("late")
    if x < 0:
        raise SystemExit(3)
    print("a word of the user's")
    return x * x


def pair(x):
    return [x, x]
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("own") / "moody.py"
    found.write_text(MOODY, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def client(path: Path) -> Iterator[Any]:
    moody = run_path(str(path))["moody"]
    telling = partial(user_errors, path, "calling moody.py:moody")
    own = Own("moody.py:moody", moody, [1.0], ["x"], path, telling)
    with serving(own=own) as (found, _):
        yield found


# Expressions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["j0(exp(exp(exp(x))))", "gamma(exp(exp(exp(x))))", "erfc(exp(exp(exp(x))))",
             "gammaincc(x, 1/exp(exp(exp(x))))", "j0(exp(exp(2*x)))"],
)  # fmt: skip
def test_special_functions_of_towers_have_an_end(text: str) -> None:
    began = time.process_time()
    dk.compare(dk.parse(text), 3.0, methods=["finite"])
    assert time.process_time() - began < 5


def test_without_a_truth_in_time_the_methods_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*words: Any) -> None:
        mp.mp.dps = 500
        while True:
            pass

    monkeypatch.setattr(truth_in_time, "true_derivatives", endless)
    before = mp.mp.dps
    found = dk.compare(dk.parse("x*x"), 3.0, methods=["reverse"], truth_seconds=SHORT).to_dict()
    assert found["methods"]["reverse"]["derivative"] == {"x": 6.0}
    assert found["methods"]["reverse"]["max_ulp"] is None
    assert found["truth"]["how"] == "none" and found["truth"]["derivative"] == {"x": None}
    assert "no truth: 100 digits took more than 0.2 s" in found["truth"]["note"]
    assert mp.mp.dps == before
    with pytest.raises(dk.errors.InputError):
        dk.compare(dk.parse("x*x"), 3.0, truth_seconds=0.0)


# Functions of the user's own ----------------------------------------------------------------------


@pytest.mark.parametrize("x", [5.0, -1.0])
def test_what_the_own_function_raises_names_its_line(client: Any, x: float) -> None:
    for name in ("compare", "curve"):
        body = {"at": {"x": x}, "x": "x", "window": [0, x] if x > 0 else [x, 0], "points": 3}
        found = answered(client, name, body, 400)
        assert "calling moody.py:moody: " in found["error"] and "moody.py:" in found["error"]
    assert answered(client, "compare", {"at": {"x": 1.0}})["truth"]["derivative"] == {"x": 2.0}


def test_an_own_function_that_returns_two_numbers_is_refused_at_the_start(path: Path) -> None:
    found = CliRunner().invoke(explore, [f"{path}:pair", "--at", "x=1.0", "--no-browser"])
    assert isinstance(found.exception, dk.errors.DiffkitError)
    assert "explore: " in str(found.exception)


# Connections --------------------------------------------------------------------------------------


@contextlib.contextmanager
def connected(client: Any) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port_of(client)), timeout=PATIENCE) as found:
        yield found


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: 1"])
def test_a_connection_that_says_nothing_is_closed(
    client: Any, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", SHORT)
    with connected(client) as half_open:
        half_open.sendall(begun)
        assert half_open.recv(100) == b""


def test_a_slow_second_request_is_closed_too(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", SHORT)
    with connected(client) as kept:
        kept.sendall(b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n")
        assert b"403" in kept.recv(10_000)
        kept.sendall(b"GET / HT")
        while kept.recv(10_000):
            continue


def test_a_body_that_does_not_come_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", SHORT)
    head = (
        f"POST /api/parse HTTP/1.1\r\nHost: 127.0.0.1:{port_of(client)}\r\nContent-Length: 100\r\n"
        f"X-Diffkit-Token: {TOKEN}\r\nContent-Type: application/json\r\n\r\n{{"
    )
    with connected(client) as slow:
        slow.sendall(head.encode())
        assert b"408" in slow.recv(10_000)


@pytest.mark.parametrize("second", ["http://evil.example", "null"])
def test_a_second_origin_does_not_hide_behind_the_first(client: Any, second: str) -> None:
    origins = [("origin", f"http://127.0.0.1:{port_of(client)}"), ("origin", second)]
    headers = [*origins, ("x-diffkit-token", TOKEN)]
    assert client.get("/api/health", headers=headers).status_code == 403


# Trainings ----------------------------------------------------------------------------------------


def test_a_training_has_so_many_listeners_and_no_more(client: Any) -> None:
    key = answered(client, "train", {"dataset": "xor", "net": "tanh 8", "epochs": 2000})["id"]
    address, headers = f"/api/train/{key}/events?token={TOKEN}", {"x-diffkit-token": TOKEN}
    with contextlib.ExitStack() as open_streams:
        for _ in range(MOST_LISTENERS):
            stream = client.stream("GET", address, headers=headers)
            assert open_streams.enter_context(stream).status_code == 200
        assert client.get(address).status_code == 429
    answered(client, f"train/{key}", {"action": "stop"})


def test_what_is_looked_at_is_not_thrown_away() -> None:
    trainings = Trainings()
    seen = trainings.start(Settings(dataset="xor", net="tanh 8", epochs=1))
    seen.listen(seen, lambda: None)
    for _ in range(MOST_KEPT + 2):
        trainings.start(Settings(dataset="xor", net="tanh 8", epochs=1)).thread.join(PATIENCE)
    assert trainings[seen.id] is seen and len(trainings.kept) == MOST_KEPT
    trainings.stop()


@pytest.mark.parametrize("rate", [1e-320, 1e300, 0, "0.1"])
def test_a_rate_that_no_training_can_have(client: Any, rate: Any) -> None:
    assert "is no number from" in answered(client, "train", {"rate": rate}, 400)["error"]


# The end ------------------------------------------------------------------------------------------


class Sleeper(Lane):
    """A lane whose questions cannot be interrupted."""

    def __init__(self) -> None:
        super().__init__("sleeper")

    def answer(self, question: Any) -> Any:
        time.sleep(question)
        return question


def test_at_the_end_whoever_waits_is_told() -> None:
    lane = Sleeper()
    running, waiting = lane.put(SHORT), lane.put(SHORT)
    while lane.answering is None:
        time.sleep(0.01)
    lane.close()
    lane.close()
    for future in (running, waiting):
        with pytest.raises(Refusal, match="is ending") as caught:
            future.result(PATIENCE)
        assert caught.value.status == 503
    lane.thread.join(PATIENCE)
    assert not lane.thread.is_alive()
    with pytest.raises(Refusal, match="is ending"):
        asyncio.run(lane.ask(0.0))


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Sleeper()
    monkeypatch.setattr(lane, "patience", SHORT / 4)
    with pytest.raises(Refusal, match="cannot be interrupted") as caught:
        asyncio.run(lane.ask(SHORT))
    assert caught.value.status == 503
    lane.close()


def test_an_exit_in_the_thread_of_numbers_ends_nothing() -> None:
    lane = Numbers(PATIENCE)
    with pytest.raises(RuntimeError, match=r"SystemExit\(3\)"):
        lane.put(partial(sys.exit, 3)).result(PATIENCE)
    assert lane.put(lambda: 7).result(PATIENCE) == 7
    lane.close()


def test_the_process_goes_with_the_lane_and_a_killed_one_says_so() -> None:
    lane = SymPyProcess(["-c", "import time; time.sleep(1000)"], seconds=PATIENCE)
    running = lane.put(("derive", {"text": "x"}))
    while lane.process is None:
        time.sleep(0.01)
    process = lane.process
    process.kill()
    with pytest.raises(Refusal, match="process ended before it answered"):
        running.result(PATIENCE)
    running = lane.put(("derive", {"text": "x"}))
    while lane.process is None:
        time.sleep(0.01)
    process = lane.process
    lane.close()
    with pytest.raises(Refusal, match="is ending"):
        running.result(PATIENCE)
    assert process.poll() is not None and not lane.thread.is_alive()
