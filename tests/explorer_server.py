"""A server of the explorer for tests: it really listens, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from diffkit.explorer.limits import TokenBucket
from diffkit.explorer.security import TOKEN_HEADER, Guard
from diffkit.explorer.server import Explorer
from diffkit.explorer.serving import bound, server_of

__all__ = ["PATIENCE", "TOKEN", "answered", "port_of", "serving"]

TOKEN = "a-token-for-tests"
PATIENCE = 60.0  # seconds to wait for an answer on a busy computer


@contextmanager
def serving(
    bucket: TokenBucket | None = None, **options: Any
) -> Iterator[tuple[httpx.Client, Explorer]]:
    """A client that has the token, and the explorer that it asks."""
    with bound(0) as listening:
        port = listening.getsockname()[1]
        explorer = Explorer(TOKEN, port, **options)
        app = Guard(explorer.inner, TOKEN, port, bucket or TokenBucket(1e6, 1e6))
        ready = threading.Event()
        server = server_of(app, ready.set, explorer.ending)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert ready.wait(PATIENCE)
        base, headers = f"http://127.0.0.1:{port}", {TOKEN_HEADER: TOKEN}
        try:
            with httpx.Client(base_url=base, headers=headers, timeout=PATIENCE) as client:
                yield client, explorer
        finally:
            explorer.ending()
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


def port_of(client: httpx.Client) -> int:
    """The port that a client asks."""
    port = client.base_url.port
    assert port is not None
    return port


def answered(client: httpx.Client, name: str, body: Any, status: int = 200) -> Any:
    """The answer of ``POST /api/name``, which has this status."""
    response = client.post(f"/api/{name}", json=body)
    assert response.status_code == status, response.text
    return response.json()
