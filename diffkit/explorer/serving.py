"""Running the server: a port, uvicorn, the address, and a quiet end.

    http://127.0.0.1:PORT/?token=…#e=…&at=…

The token is before the ``#``, where the server sees it; the expression is behind, where only the
page does.  Ctrl-C ends streams and trainings first, then the server.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import webbrowser
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from diffkit.errors import InputError

__all__ = ["HOST", "USUAL_PORT", "address", "bound", "open_browser", "server_of"]

HOST = "127.0.0.1"
USUAL_PORT = 8714
"""Where the explorer is unless another port is asked for, or this one is taken."""

CLOSING_SECONDS = 2


def bound(port: int | None) -> socket.socket:
    """A socket that listens on this port of this computer alone; by default a usual or a free one.

    Raises
    ------
    InputError
        When the port that was asked for is taken, or may not be used.
    """
    if port is not None:
        return _bound(port)
    try:
        return _bound(USUAL_PORT)
    except InputError:
        return _bound(0)


def _bound(port: int) -> socket.socket:
    # with the protocol named, asyncio sends small answers at once (TCP_NODELAY)
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen()
    except OSError as error:
        made.close()
        taken = error.errno == errno.EADDRINUSE
        why = "is in use by another program" if taken else f"cannot be used: {error.strerror}"
        raise InputError(
            f"port {port} {why}", hint="leave --port out for a free one, or name another."
        ) from None
    return made


def address(port: int, token: str, text: str | None, at: Mapping[str, float]) -> str:
    """The address of the page, with its token and what it shows first.

    >>> address(8714, "T", "x*y", {"x": 1.0, "y": 2.5})
    'http://127.0.0.1:8714/?token=T#e=x%2Ay&at=x:1.0,y:2.5'
    """
    parts = [f"e={quote(text, safe='')}"] if text is not None else []
    if at:
        parts.append("at=" + ",".join(f"{quote(name)}:{value!r}" for name, value in at.items()))
    return f"http://{HOST}:{port}/?token={token}" + ("#" + "&".join(parts) if parts else "")


def server_of(app: Any, started: Callable[[], None], ending: Callable[[], None]) -> Any:
    """A uvicorn server; ``started`` is called when it answers, ``ending`` before it ends."""
    import uvicorn

    from diffkit.explorer.patience import Patient

    class Server(uvicorn.Server):
        loop: asyncio.AbstractEventLoop | None = None

        async def startup(self, sockets: Any = None) -> None:
            self.loop = asyncio.get_running_loop()
            await super().startup(sockets)
            started()

        def handle_exit(self, sig: int, frame: Any) -> None:
            if self.loop is not None:  # in its turn: a signal may fall where a lock is held
                self.loop.call_soon_threadsafe(ending)
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, lifespan="on",
        timeout_graceful_shutdown=CLOSING_SECONDS, ws="none", http=Patient,
    )  # fmt: skip
    return Server(config)


def open_browser(url: str) -> None:
    """Show the page in the user's browser, if there is one; one in a terminal does not return."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
