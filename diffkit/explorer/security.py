"""Who may ask: the token, the Host, the Origin, and what a browser may do with an answer.

The server listens on 127.0.0.1 only, and yet every page of the web that the same browser shows can
send requests there.  So each request has to prove that it comes from the explorer's own page:

    Host      127.0.0.1:port or localhost:port     else a foreign name points here (DNS rebinding)
    Origin    the same, where there is one         else another site's page asks
    token     a secret of this run, in a header    else somebody guesses

The token is in the address that the terminal prints, and nowhere else: the page takes it from there
and keeps it in memory.  Answers forbid everything that the page does not need
(Content-Security-Policy), and leak no address (Referrer-Policy).

Reading on: OWASP, *Cross-Site Request Forgery Prevention Cheat Sheet*; Jackson et al. 2007,
*Protecting browsers from DNS rebinding attacks*; W3C, *Content Security Policy Level 3*.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hmac import compare_digest
from typing import Any

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, PlainTextResponse

from diffkit.explorer.limits import TokenBucket

__all__ = ["HEADERS", "TOKEN_HEADER", "Guard", "new_token"]

TOKEN_HEADER = "x-diffkit-token"
TOKEN_BYTES = 24

POLICY = "; ".join([
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
    "font-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'",
])  # fmt: skip
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
API = "/api/"
RETRY = [("retry-after", "1")]
REOPEN = "open the address that `diffkit explore` printed; it is new at every start."


def new_token() -> str:
    """A secret that nobody guesses, fit for an address.

    >>> len(new_token()) >= 32
    True
    """
    return secrets.token_urlsafe(TOKEN_BYTES)


class Guard:
    """The outermost layer of the server: refuses what may not ask, and marks every answer."""

    def __init__(self, app: Any, token: str, port: int, bucket: TokenBucket | None = None) -> None:
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.bucket = bucket or TokenBucket()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        marked = self.marking(send, scope["path"])
        refusal = self.refusal(scope)
        await (refusal or self.app)(scope, receive, marked)

    def refusal(self, scope: Any) -> Any:
        """The answer to a request that is not let in; None for one that is."""
        headers, path = Headers(scope=scope), scope["path"]
        if headers.get("host") not in self.hosts:
            return _refused(path, 403, "this host name is not the explorer's", REOPEN)
        if not self.own_origin(headers):
            return _refused(path, 403, "this request comes from another site", REOPEN)
        if path.startswith("/static/"):
            return None
        if not self.has_token(headers, scope):
            return _refused(path, 403, "the token is missing or wrong", REOPEN)
        if path.startswith(API) and not self.bucket.take():
            return _refused(path, 429, "too many requests", "wait a second.", RETRY)
        return None

    def own_origin(self, headers: Headers) -> bool:
        """Whether the page that asks, if a browser names it, is the explorer's own."""
        origins = headers.getlist("origin")
        foreign = headers.get("sec-fetch-site") == "cross-site" and origins
        return not foreign and all(origin in self.origins for origin in origins)

    def has_token(self, headers: Headers, scope: Any) -> bool:
        """Whether the secret is there, in the header or where only the address can hold it."""
        given = headers.get(TOKEN_HEADER, "")
        path = scope["path"]
        if not given and (path == "/" or path.endswith("/events")):
            given = QueryParams(scope["query_string"]).get("token", "")
        return compare_digest(given.encode(), self.token.encode())

    def marking(self, send: Any, path: str) -> Any:
        """``send`` with the headers that every answer has."""

        async def send_marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers["cache-control"] = "no-cache" if path.startswith("/static/") else "no-store"
            await send(message)

        return send_marked


def _refused(
    path: str, status: int, message: str, hint: str, headers: Iterable[tuple[str, str]] = ()
) -> Any:
    """A refusal as JSON for programs, as a sentence for people."""
    if path.startswith(API):
        return JSONResponse({"error": message, "hint": hint}, status, dict(headers))
    return PlainTextResponse(f"{message}; {hint}\n", status, dict(headers))
