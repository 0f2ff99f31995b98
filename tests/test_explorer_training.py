"""Trainings that are watched: their events, and what the page does with them while they run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from explorer_server import PATIENCE, TOKEN, answered, serving

import diffkit as dk
from diffkit.explorer.training_choices import ALL, NETS, Settings, code_of, settings_of
from diffkit.explorer.trainings import LiveTraining, Trainings

SMALL = {"dataset": "xor", "net": "tanh 8", "epochs": 4}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with serving() as (found, _):
        yield found


def events_of(client: Any, key: str, last: int = 0) -> Iterator[tuple[int, str, Any]]:
    """Number, name and data of the events, as they come."""
    number, name = 0, ""
    headers = {"last-event-id": str(last), "x-diffkit-token": ""}
    with client.stream("GET", f"/api/train/{key}/events?token={TOKEN}", headers=headers) as stream:
        for line in stream.iter_lines():
            field, _, value = line.partition(": ")
            number = int(value) if field == "id" else number
            name = value if field == "event" else name
            if field == "data":
                yield number, name, json.loads(value)


def test_a_training_tells_what_happens(client: Any) -> None:
    begun = answered(client, "train", SMALL | {"seed": 3})
    found = list(events_of(client, begun["id"]))
    numbers, names = [row[0] for row in found], [row[1] for row in found]
    assert numbers == sorted(numbers)
    assert names[0] == "start" and names[-2:] == ["done", "end"] and names.count("epoch") == 4
    start, done = found[0][2], found[-2][2]
    assert len(start["points"]["x"]) == 4 and start["layers"] == ["dense1", "dense2"]
    assert done["reason"] == "finished"
    epochs = [data for _, name, data in found if name == "epoch"]
    assert set(epochs[0]["signal"]) == {"dense1", "dense2"}
    grid = next(data["grid"] for _, name, data in found if name == "boundary")
    assert np.shape(grid) == (48, 48) and 0 <= np.min(grid) <= np.max(grid) <= 1


def test_the_numbers_are_the_librarys(client: Any) -> None:
    begun = answered(client, "train", SMALL)
    losses = [d["loss"] for _, name, d in events_of(client, begun["id"]) if name == "epoch"]
    data, net = dk.datasets.load("xor"), dk.nets.mlp([2, 8, 2])
    x, *_ = dk.datasets.standardise(data.x, data.x)
    run = dk.train(net.with_loss(dk.losses.cross_entropy), net.init(0), (x, data.y),
                   optimizer=dk.optim.adam(0.02), batch_size=4, epochs=4)  # fmt: skip
    assert losses == pytest.approx(run.history["epoch_loss"], rel=1e-12)


def test_a_page_that_comes_back_misses_nothing(client: Any) -> None:
    begun = answered(client, "train", SMALL)
    whole = list(events_of(client, begun["id"]))
    assert list(events_of(client, begun["id"]))[-1] == whole[-1]
    rest = list(events_of(client, begun["id"], last=whole[-2][0]))
    assert rest == whole[-1:]
    headers = {"last-event-id": str(whole[-1][0])}
    url = f"/api/train/{begun['id']}/events?token={TOKEN}"
    assert client.get(url, headers=headers).status_code == 204


def test_pause_step_rate_and_stop(client: Any) -> None:
    begun = answered(client, "train", SMALL | {"epochs": 2000, "schedule": "constant"})
    key, epochs = begun["id"], []
    for _, name, data in events_of(client, key):
        if name == "epoch":
            epochs.append(data)
            if len(epochs) == 2:
                assert answered(client, f"train/{key}", {"action": "pause"})["paused"] is True
                answered(client, f"train/{key}", {"action": "rate", "rate": 0.5})
                for _ in range(2):  # two more epochs come, and no third
                    answered(client, f"train/{key}", {"action": "step"})
            if len(epochs) == 4:
                answered(client, f"train/{key}", {"action": "resume"})
            if len(epochs) == 8:
                answered(client, f"train/{key}", {"action": "stop"})
        if name == "done":
            assert data["reason"] == "stopped" and data["epochs"] < 2000
    assert epochs[0]["rate"] == 0.02 and epochs[-1]["rate"] == 0.5
    assert "no action" in answered(client, f"train/{key}", {"action": "fly"}, 400)["error"]
    answered(client, f"train/{key}", {"action": "rate", "rate": 0}, 400)
    answered(client, "train/nothing", {"action": "stop"}, 404)


def test_nobody_looking_ends_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffkit.explorer.trainings.ALONE_SECONDS", 0.2)
    training = LiveTraining(Settings(epochs=2000, dataset="xor"))
    training.act("pause")
    training.thread.start()
    training.thread.join(PATIENCE)
    assert training.ended and training.events[-2][1] == "done"


def test_a_third_training_is_refused_while_two_are_looked_at() -> None:
    trainings, wake = Trainings(), lambda: None
    for _ in range(2):
        one = trainings.start(settings_of(SMALL | {"epochs": 2000}))
        one.listen(one, wake)
    with pytest.raises(Exception, match="2 trainings are running"):
        trainings.start(settings_of(SMALL))
    trainings.stop()
    for one in trainings.kept.values():
        one.thread.join(PATIENCE)
        assert one.ended


@pytest.mark.filterwarnings("ignore::diffkit.errors.DivergenceWarning")
def test_a_training_that_diverges_says_so() -> None:
    training = LiveTraining(
        Settings(dataset="sine", net="relu 16-16", loss="mse", optimizer="sgd", rate=1e3), pace=0.0
    )
    training.thread.start()
    training.thread.join(PATIENCE)
    done = json.loads(next(text for _, name, text in training.events if name == "done"))
    assert "diverged" in done["reason"]


@pytest.mark.parametrize("settings", [
    Settings(epochs=2), Settings(dataset="sine", loss="huber", optimizer="momentum", epochs=2),
    Settings(dataset="xor", schedule="warmup-cosine", epochs=30, optimizer="gd"),
])  # fmt: skip
def test_the_code_gives_the_same_training(settings: Settings) -> None:
    code = compile(code_of(settings).replace("run.plot()", ""), "page", "exec")
    names: dict[str, Any] = {}
    exec(code, names)
    training = LiveTraining(settings, pace=0.0)
    training.thread.start()
    training.thread.join(PATIENCE)
    told = [json.loads(text)["loss"] for _, name, text in training.events if name == "epoch"]
    assert told == pytest.approx(names["run"].history["epoch_loss"], rel=1e-9)


@pytest.mark.parametrize("schedule", list(ALL))
def test_every_schedule_steers_a_training(schedule: str) -> None:
    training = LiveTraining(Settings(dataset="xor", schedule=schedule, epochs=12), pace=0.0)
    training.thread.start()
    training.thread.join(PATIENCE)
    assert [name for _, name, _ in training.events][-2:] == ["done", "end"]


@pytest.mark.parametrize("net", list(NETS))
def test_every_net_is_made(net: str) -> None:
    training = LiveTraining(Settings(net=net, epochs=1))
    assert training.net.shapes[0] == (2,) and training.net.shapes[-1] == (2,)
