"""A training that is watched, paused, stepped and steered while it runs.

The library's own loop trains, in a thread; after every epoch it calls back, and there a page may
hold it, let one more epoch through, or end it:

    dk.train(…, on_epoch=look)      look: tell what happened, keep to a pace, wait while paused

What happened is a list of events, each with a number, so that a page that lost its connection goes
on where it was.  A training that nobody looks at for some seconds ends.  The learning rate is a
schedule times a factor, which the page may change at any time.

Reading on: ``training/loop.py`` for the loop; the HTML standard, *Server-sent events*.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np

from diffkit.comparison.serial import plain
from diffkit.errors import InputError
from diffkit.explorer.answers import told
from diffkit.explorer.limits import Refusal
from diffkit.explorer.training_choices import (
    Settings,
    code_of,
    data_of,
    grid_points,
    loss_of,
    net_of,
    rate_of,
    schedule_of,
)
from diffkit.training.choices import OPTIMIZERS
from diffkit.training.loop import train
from diffkit.training.run import Run

__all__ = ["ACTIONS", "MOST_LISTENERS", "LiveTraining", "Trainings"]

ACTIONS = ("pause", "resume", "step", "stop", "rate")
MOST_RUNNING = 2
MOST_KEPT = 6
MOST_LISTENERS = 8  # streams of one training; a page has one
EPOCH_SECONDS = 1 / 40  # at least between two epochs: faster is not seen, and starves the page
PICTURE_SECONDS = 1 / 8  # at least between two boundaries
ALONE_SECONDS = 6.0  # without anybody looking, after which a training ends
CURVE_POINTS = 120


class LiveTraining:
    """One training: its thread, its events, and what the page wants of it."""

    def __init__(self, settings: Settings, pace: float = EPOCH_SECONDS) -> None:
        self.settings, self.pace = settings, pace
        self.id = secrets.token_urlsafe(9)
        self.change = threading.Condition()
        self.events: list[tuple[int, str, str]] = []
        self.count = 0
        self.listeners: dict[object, Callable[[], None]] = {}
        self.alone_since = monotonic()
        self.paused = self.stopped = self.ended = False
        self.steps = 0
        self.base = self.rate = settings.rate
        self.last_epoch = self.last_picture = 0.0
        data = data_of(settings.dataset)
        self.per_epoch = -(-len(data.training[0]) // settings.batch)
        self.updates = self.per_epoch * settings.epochs
        self.net, self.grid = net_of(settings), grid_points(data)
        self.thread = threading.Thread(target=self._run, name="diffkit-training", daemon=True)

    # What the page wants --------------------------------------------------------------------------

    def act(self, action: Any, rate: Any = None) -> dict[str, Any]:
        """Pause, resume, step by an epoch, stop, or change the rate; the state after it.

        Raises
        ------
        InputError
            For an unknown action, or a rate that is none.
        """
        if action not in ACTIONS:
            raise InputError(
                f"there is no action {action!r:.20}", hint=f"there are {', '.join(ACTIONS)}."
            )
        number = rate_of(rate) if action == "rate" else self.rate
        with self.change:
            self.rate = number
            self.paused = {"pause": True, "step": True, "resume": False}.get(action, self.paused)
            self.steps += action == "step"
            self.stopped |= action == "stop"
            self.change.notify_all()
        return self.state()

    def state(self) -> dict[str, Any]:
        """Whether it runs, and with which rate."""
        return {"id": self.id, "paused": self.paused, "ended": self.ended, "rate": self.rate}

    def rate_at(self, t: Any) -> float:
        """The rate of an update: what the schedule says, times what the page made of it."""
        return float(self.schedule(float(t))) * self.rate / self.base

    # Events ---------------------------------------------------------------------------------------

    def tell(self, name: str, data: Any) -> None:
        """Add an event; of pictures only the last is kept."""
        text = json.dumps(plain(data), allow_nan=False, separators=(",", ":"))
        with self.change:
            if name == "boundary":
                self.events = [event for event in self.events if event[1] != name]
            self.count += 1
            self.events.append((self.count, name, text))
            listeners = list(self.listeners.values())
        for wake in listeners:
            wake()

    def after(self, number: int) -> list[tuple[int, str, str]]:
        """The events behind this number."""
        with self.change:
            return [event for event in self.events if event[0] > number]

    def listen(self, who: object, wake: Callable[[], None]) -> None:
        """Call ``wake`` at every event, from the training's thread."""
        with self.change:
            self.listeners[who] = wake

    def leave(self, who: object) -> None:
        """No longer."""
        with self.change:
            self.listeners.pop(who, None)
            self.alone_since = monotonic()

    @property
    def alone(self) -> bool:
        """Whether nobody has looked for some seconds."""
        return not self.listeners and monotonic() - self.alone_since > ALONE_SECONDS

    # The training ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._train()
        except Exception as error:
            self.tell("error", told(error)[1])
        finally:
            self.ended = True
            self.tell("end", {})

    def _train(self) -> None:
        settings, data = self.settings, data_of(self.settings.dataset)
        self.schedule = schedule_of(settings.schedule, settings.rate, self.updates, self.per_epoch)
        loss, params = loss_of(settings), self.net.init(settings.seed)
        self.tell("start", self._facts(params))
        self._show(params)
        run = train(
            loss, params, data.training, optimizer=OPTIMIZERS[settings.optimizer](self.rate_at),
            batch_size=min(settings.batch, len(data.training[0])), epochs=settings.epochs,
            seed=settings.seed, record=("loss", "signal"), signal_every=self.per_epoch,
            validation=data.validation, on_epoch=self._look,
        )  # fmt: skip
        self._show(run.params)
        self.tell("done", {"reason": _reason(run), "epochs": len(run.history["epoch_loss"]),
                           "code": code_of(settings)})  # fmt: skip

    def _facts(self, params: Any) -> dict[str, Any]:
        settings, data = self.settings, data_of(self.settings.dataset)
        x, y = data.training
        facts = {
            "epochs": settings.epochs, "updates": self.updates, "layers": list(self.net.names),
            "parameters": self.net.parameter_count, "classes": list(data.dataset.classes),
            "net": repr(self.net), "rate": self.rate, "points": None, "extent": None,
        }  # fmt: skip
        if x.shape[1] <= 2:
            facts["points"] = {"x": x, "y": y.reshape(len(y))}
        if self.grid is not None:
            facts["extent"] = self.grid[1]
        return facts

    def _look(self, run: Run) -> str | None:
        """Tell about an epoch, then wait as the page wishes."""
        history, signal = run.history, run.signal
        number = len(history["epoch_loss"])
        norms = signal.rows["cotangent"][-1] if signal.rows["cotangent"] else []
        self.tell("epoch", {
            "epoch": number, "step": len(history["loss"]), "loss": history["epoch_loss"][-1],
            "validation_loss": _last(history, "validation_loss"),
            "accuracy": _last(history, "accuracy"),
            "validation_accuracy": _last(history, "validation_accuracy"),
            "signal": dict(zip(signal.layers, norms, strict=True)),
            "rate": history["rate"][-1],
        })  # fmt: skip
        now = monotonic()
        if now - self.last_picture >= PICTURE_SECONDS or self.paused:
            self.last_picture = now
            self._show(run.params)
        return self._wait()

    def _wait(self) -> str | None:
        """Keep to the pace, and stand still while paused."""
        with self.change:
            left = self.last_epoch + self.pace - monotonic()
            if left > 0 and not self.stopped:
                self.change.wait(left)
            while self.paused and not (self.stopped or self.steps or self.alone):
                self.change.wait(ALONE_SECONDS / 4)
            self.steps = max(self.steps - 1, 0)
            self.last_epoch = monotonic()
            return "stop" if self.stopped or self.alone else None

    def _show(self, params: Any) -> None:
        """The picture of what the net says over the plane, or along a line."""
        data = data_of(self.settings.dataset)
        if self.grid is not None:
            points, extent = self.grid
            side = int(np.sqrt(len(points)))
            scores = _probability(np.asarray(self.net(params, points)))
            self.tell("boundary", {"grid": np.round(scores, 5).reshape(side, side),
                                   "extent": extent})  # fmt: skip
        elif data.training[0].shape[1] == 1:
            x = np.linspace(data.training[0].min(), data.training[0].max(), CURVE_POINTS)
            fit = np.asarray(self.net(params, x[:, None])).reshape(-1)
            self.tell("boundary", {"x": x, "fit": fit})


def _probability(scores: np.ndarray) -> np.ndarray:
    """The probability of class 1 of two."""
    with np.errstate(all="ignore"):
        gap = scores[:, 1] - scores[:, 0] if scores.shape[1] > 1 else scores[:, 0]
        return 1 / (1 + np.exp(-gap))


def _last(history: dict[str, list[float]], name: str) -> float | None:
    values = history.get(name)
    return values[-1] if values else None


def _reason(run: Run) -> str:
    if run.diverged is not None:
        return str(run.diverged)
    return "stopped" if run.stopped else "finished"


class Trainings:
    """All trainings of a server: a few run, a few more are kept to look at."""

    def __init__(self) -> None:
        self.kept: dict[str, LiveTraining] = {}
        self.changing = threading.Lock()  # held while ``kept`` changes

    def start(self, settings: Settings) -> LiveTraining:
        """Begin a training; one that nobody looks at makes room.

        Raises
        ------
        Refusal
            When too many are running.
        """
        with self.changing:
            made = self._made(settings)
        made.thread.start()
        return made

    def _made(self, settings: Settings) -> LiveTraining:
        running = [one for one in self.kept.values() if not one.ended]
        for one in running:
            if not one.listeners:
                one.act("stop")
        if sum(bool(one.listeners) for one in running) >= MOST_RUNNING:
            raise Refusal(429, f"{MOST_RUNNING} trainings are running", "stop one of them first.")
        made = LiveTraining(settings)
        self.kept[made.id] = made
        while len(self.kept) > MOST_KEPT:
            over = next(key for key, one in self.kept.items() if not one.listeners)
            self.kept.pop(over).act("stop")
        return made

    def __getitem__(self, key: str) -> LiveTraining:
        if key not in self.kept:
            raise Refusal(404, "there is no such training", "start one anew.")
        return self.kept[key]

    def stop(self) -> None:
        """End all of them."""
        for one in list(self.kept.values()):
            one.act("stop")
