"""HTTP of bounded patience: a connection on which no request comes is closed.

A program that opens connections by the thousand, and sends the head of each request a letter at a
time, would hold them all for ever (the attack is called slow loris).  uvicorn has a limit between
two requests only; here one bell per connection rings unless a whole head has come.  How long a
body may take is said in ``requests.py``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_SECONDS", "Patient"]

HEAD_SECONDS = 5.0
"""What a request may take until its head is there; a browser sends it at once."""


class Patient(H11Protocol):
    """uvicorn's HTTP/1.1, which closes a connection that does not say what it wants."""

    bell: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection has come: the bell is set."""
        super().connection_made(transport)
        self.bell = self.loop.call_later(HEAD_SECONDS, self.lose_patience)

    def data_received(self, data: bytes) -> None:
        """Something has come: a request that is served, or a part of its head."""
        super().data_received(data)
        if self.serving:
            self.silence()
        elif self.bell is None:
            self.bell = self.loop.call_later(HEAD_SECONDS, self.lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has gone."""
        self.silence()
        super().connection_lost(exc)

    @property
    def serving(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def silence(self) -> None:
        """No bell any more."""
        if self.bell is not None:
            self.bell.cancel()
            self.bell = None

    def lose_patience(self) -> None:
        """Close the connection, unless a request is being answered."""
        self.bell = None
        if not self.serving and not self.transport.is_closing():
            self.transport.close()
