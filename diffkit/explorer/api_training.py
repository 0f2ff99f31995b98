"""Trainings over HTTP: begin one, look at it as it goes, steer it.

    POST /api/train                {dataset, net, …}           → {"id", …}
    GET  /api/train/{id}/events    a stream of events          epoch, boundary, done, error, end
    POST /api/train/{id}           {"action": "pause", …}      → its state
    GET  /api/train/choices        what there is to choose

An event has a number, and a page that comes back says which it saw last (``Last-Event-ID``), so
that nothing is lost or told twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from diffkit.explorer.answers import answer
from diffkit.explorer.limits import Refusal
from diffkit.explorer.requests import body_of
from diffkit.explorer.training_choices import choices, settings_of
from diffkit.explorer.trainings import MOST_LISTENERS, LiveTraining, Trainings

__all__ = ["TrainingAnswers"]

STILL_HERE_SECONDS = 15.0  # after which a comment is sent, so that a lost connection is noticed
NO_MORE = 204  # a browser that gets this does not ask again
RETRY = "retry: 1000\n\n"


class TrainingAnswers:
    """The answers about the trainings of a server."""

    def __init__(self) -> None:
        self.trainings = Trainings()

    async def begin(self, request: Request) -> Response:
        """Begin a training."""
        body = await body_of(request)
        made = await asyncio.to_thread(lambda: self.trainings.start(settings_of(body)))
        return answer(made.state())

    async def act(self, request: Request) -> Response:
        """Pause, resume, step, stop, or change the rate."""
        body = await body_of(request)
        training = self.trainings[request.path_params["id"]]
        return answer(training.act(body.get("action"), body.get("rate")))

    async def choices(self, request: Request) -> Response:
        """What a training can be made of."""
        return answer(await asyncio.to_thread(choices))

    async def events(self, request: Request) -> Response:
        """The stream of a training's events, from the beginning or from the last one seen."""
        training = self.trainings[request.path_params["id"]]
        last = request.headers.get("last-event-id", "0")
        seen = int(last) if last.isdecimal() and len(last) < 10 else 0
        if training.ended and not training.after(seen):
            return Response(status_code=NO_MORE)
        if len(training.listeners) >= MOST_LISTENERS:
            raise Refusal(429, "too many pages look at this training", "close one of them.")
        return EventStream(training, seen)


class EventStream(StreamingResponse):
    """A stream of events, which listens from when it is made until it ends or the page leaves."""

    def __init__(self, training: LiveTraining, seen: int) -> None:
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        super().__init__(_stream(training, seen, news), media_type="text/event-stream")
        self.training = training
        training.listen(self, wake)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.training.leave(self)


async def _stream(training: LiveTraining, seen: int, news: asyncio.Event) -> AsyncIterator[str]:
    """The events behind ``seen`` as they come; ends with the training."""
    yield RETRY
    while True:
        news.clear()
        for number, name, text in training.after(seen):
            seen = number
            yield f"id: {number}\nevent: {name}\ndata: {text}\n\n"
            if name == "end":
                return
        try:
            await asyncio.wait_for(news.wait(), STILL_HERE_SECONDS)
        except TimeoutError:
            yield ": still here\n\n"
