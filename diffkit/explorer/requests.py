"""Reading a request, and waiting for its answer while the page does.

Bodies are objects of JSON, of a bounded size, and marked as such: a form of another site's page
cannot send that.  NaN and Infinity, which Python's JSON would take, are no JSON.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diffkit.explorer.answers import answer
from diffkit.explorer.lanes import Lane
from diffkit.explorer.limits import MAX_BODY, Refusal

__all__ = ["LEFT", "body_of", "waited"]

BODY_SECONDS = 5.0  # what a body may take to come; from this computer it comes at once
LEFT = 499  # the status for a page that has gone; nobody reads it


async def body_of(request: Request) -> dict[str, Any]:
    """The object of JSON that a request sends.

    Raises
    ------
    Refusal
        When it is too large or too slow, no JSON, or no object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "a question is sent as application/json", "set the header Content-Type.")
    try:
        content = await asyncio.wait_for(_content_of(request), BODY_SECONDS)
    except TimeoutError:
        raise Refusal(408, "the request did not come to its end", "send it again.") from None
    try:
        found = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refusal(400, "the request is not JSON", 'send {"text": "x*y"}, say.') from None
    if not isinstance(found, dict):
        raise Refusal(400, "the request is no object", 'send {"text": "x*y"}, say.')
    return found


async def _content_of(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise Refusal(413, f"the request is larger than {MAX_BODY // 1024} kB", "ask less.")
    return bytes(content)


def _no_number(name: str) -> float:
    raise ValueError(name)


async def waited(request: Request, lane: Lane, question: Any, urgency: int) -> Response:
    """The answer of a lane, forgotten as soon as the page has gone."""
    asking = asyncio.ensure_future(lane.ask(question, urgency))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return Response(status_code=LEFT)
        return answer(asking.result())
    finally:
        for task in (asking, leaving):
            if not task.done():
                task.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
