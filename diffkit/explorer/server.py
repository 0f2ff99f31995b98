"""The explorer's server: a page on 127.0.0.1 that asks, and diffkit that answers.

    browser ── GET / ──> page ── POST /api/compare {"text", "at"} ──> numbers, in milliseconds
                              └─ POST /api/derive  {"text"}       ──> the formula, when SymPy has it

Numbers and formulas come from different places (``lanes.py``, ``sympy_process.py``), so that a
slow formula never holds up a slider.  Who may ask is decided in ``security.py``, and how much in
``limits.py``; what is answered stands in the modules ``api_*``.

Reading on: ``docs/explore.md``; Starlette and uvicorn, on which this is built.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from diffkit import __version__
from diffkit.explorer import api_analysis, api_numbers, training_choices
from diffkit.explorer.answers import answer, told
from diffkit.explorer.api_training import TrainingAnswers
from diffkit.explorer.expressions import Own
from diffkit.explorer.lanes import FIRST, LATER, NOW, Numbers
from diffkit.explorer.page import STATIC, page
from diffkit.explorer.requests import LEFT, body_of, waited
from diffkit.explorer.security import Guard
from diffkit.explorer.sympy_process import SymPyProcess

__all__ = ["Explorer"]

SCHEMA = 1

# What is asked of the thread of numbers: the function, and how urgent it is.
NUMBERS: dict[str, tuple[Callable[..., Any], int]] = {
    "parse": (api_numbers.parse, FIRST),
    "compare": (api_numbers.compare, NOW),
    "explain": (api_numbers.explain, NOW),
    "curve": (api_numbers.curve, FIRST),
    "steps": (api_analysis.steps, LATER),
    "diagnose": (api_analysis.diagnose, LATER),
    "schedules": (training_choices.schedule_rates, LATER),
}
# What is asked at the start, so that imports and kernels are there before somebody asks.
# It cancels, so that the search for a remedy is among what has been imported then.
WARM = {"text": "(1-cos(x))/x**2", "at": {"x": 0.001}, "x": "x", "window": [0, 1]}
FORMULAS = ("derive", "swell")


Endpoint = Callable[[Request], Awaitable[Response]]


class Explorer:
    """The application: what is shared between requests, and its routes."""

    def __init__(
        self,
        token: str,
        port: int,
        own: Own | None = None,
        text: str | None = None,
        at: dict[str, float] | None = None,
        formulas: SymPyProcess | None = None,
    ) -> None:
        self.own, self.text, self.at = own, text, at or {}
        self.numbers = Numbers()
        self.formulas = formulas or SymPyProcess()
        self.training = training = TrainingAnswers()
        questions: dict[str, Endpoint] = {
            **{name: partial(self.ask_numbers, name) for name in NUMBERS},
            **{name: partial(self.ask_formula, name) for name in FORMULAS},
            "train": training.begin,
            "train/{id}": training.act,
        }
        looks: dict[str, Endpoint] = {
            "health": self.health,
            "subject": self.subject,
            "train/choices": training.choices,
            "train/{id}/events": training.events,
        }
        routes = [
            Route("/", page),
            *(Route(f"/api/{name}", told_in_words(look)) for name, look in looks.items()),
            *(
                Route(f"/api/{name}", told_in_words(question), methods=["POST"])
                for name, question in questions.items()
            ),
            Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
        ]
        handlers: Any = {HTTPException: not_found}
        self.inner = Starlette(routes=routes, exception_handlers=handlers, lifespan=self.lifespan)
        self.inner.router.redirect_slashes = False
        self.app = Guard(self.inner, token, port)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Warm up behind the first request; end what runs when the server does."""
        self.formulas.put(("derive", WARM))
        for work, _ in NUMBERS.values():
            self.numbers.put(partial(work, WARM), FIRST)  # before the first key, or it would wait
        yield
        self.ending()

    def ending(self) -> None:
        """End trainings, threads and the process; who waits is told.  May be repeated."""
        self.training.trainings.stop()
        self.numbers.close()
        self.formulas.close()

    async def ask_numbers(self, name: str, request: Request) -> Response:
        """What the thread of numbers answers; SymPy's process, where the formula is needed."""
        body = await body_of(request)
        if name == "compare" and api_numbers.SYMBOLIC in api_numbers.numeric_methods(body):
            return await waited(request, self.formulas, (name, body), NOW)
        work, urgency = NUMBERS[name]
        question: Any = partial(told_of_own, work, body, self.own)
        return await waited(request, self.numbers, question, urgency)

    async def ask_formula(self, name: str, request: Request) -> Response:
        """What SymPy's process answers."""
        body = await body_of(request)
        urgency = NOW if name == "derive" else LATER
        return await waited(request, self.formulas, (name, body), urgency)

    async def health(self, request: Request) -> Response:
        """That the server is there, and what it is at."""
        return answer({
            "ok": True, "version": __version__, "schema": SCHEMA,
            "waiting": self.numbers.waiting.qsize(), "formulas": self.formulas.process is not None,
        })  # fmt: skip

    async def subject(self, request: Request) -> Response:
        """What the command line named: an expression, a function, or nothing."""
        own = self.own
        if own is None:
            return answer({"text": self.text, "function": None, "at": self.at, "variables": None})
        found = {"text": None, "function": own.title, "at": own.at, "variables": list(own.names)}
        return answer(found)


def told_of_own(work: Callable[..., Any], body: Any, own: Own | None) -> Any:
    """The answer; what the user's own function raises names its line."""
    if own is None:
        return work(body)
    with own.telling():
        return work(body, own)


def told_in_words(endpoint: Endpoint) -> Endpoint:
    """The endpoint, its errors as documents; bugs are printed where the server runs."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=LEFT)
        except Exception as error:
            status, document = told(error)
            return answer(document, status)

    return answered


async def not_found(request: Request, error: Exception) -> Response:
    """What is no address, or not to be asked this way."""
    status = getattr(error, "status_code", 404)
    words = {404: "there is nothing at this address", 405: "this is not to be asked this way"}
    return answer({"error": words.get(status, "the request cannot be answered")}, status)
