"""A headless Chromium that writes down every request, driven through its DevTools pipe.

No package is needed: Chromium reads commands from file descriptor 3 and writes results and events
to 4, as JSON with a zero byte at the end of each message
(https://chromedevtools.github.io/devtools-protocol).  Names resolve to nothing, so that a request
to another computer fails as it would with the network unplugged; it is written down all the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any

__all__ = ["Browser", "Visit", "executable"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=direct://"),
    *("--allow-file-access-from-files", "--remote-debugging-pipe"),
)
SECONDS = 60  # until a page that does not load is given up
CHUNK = 65536


def executable() -> str | None:
    """Where Chromium is on this computer; None where it is not."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Visit:
    """What one page asked for: the requests, those that failed, and errors of its scripts."""

    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Browser:
    """A browser with one tab, closed at the end of the ``with`` block."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 900) -> None:
        path = executable()
        if path is None:
            raise FileNotFoundError("Chromium is not on the path")
        read_commands, self._commands = os.pipe()
        self._events, write_events = os.pipe()
        chromium = (path, *FLAGS, f"--user-data-dir={profile}", "about:blank")
        # the shell gives the two pipes the numbers that Chromium expects
        redirect = f'exec "$@" 3<&{read_commands} 4>&{write_events}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", redirect, "chromium", *chromium],
            pass_fds=(read_commands, write_events),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_events)
        self._sent, self._unread, self._session = 0, b"", ""
        self._listen: Callable[[str, dict[str, Any]], None] = lambda method, event: None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Network.setCacheDisabled", cacheDisabled=True)
        self.resize(width, height)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._commands)  # Chromium ends with its pipe
        os.close(self._events)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def resize(self, width: int, height: int) -> None:
        """Make the window so many CSS pixels wide and high."""
        metrics = {"deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, **metrics)

    def dark(self, wanted: bool = True) -> None:
        """Prefer a dark background, or a light one."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def visit(self, address: str) -> Visit:
        """Load a page and wait until it has loaded."""
        seen, loaded, addresses = Visit(), [], {}

        def listen(method: str, event: dict[str, Any]) -> None:
            if method == "Network.requestWillBeSent":
                addresses[event["requestId"]] = event["request"]["url"]
                seen.requests.append(event["request"]["url"])
            elif method == "Network.loadingFailed" and not event.get("canceled"):
                seen.failed.append(addresses.get(event["requestId"], "?"))
            elif method == "Runtime.exceptionThrown":
                seen.errors.append(event["exceptionDetails"]["text"])
            elif method == "Page.loadEventFired":
                loaded.append(True)

        self._listen = listen
        self.call("Page.navigate", url=address)
        while not loaded:
            self._take(self._message())
        return seen

    def evaluate(self, script: str) -> Any:
        """What a script gives on the page."""
        wanted = {"expression": script, "awaitPromise": True, "returnByValue": True}
        return self.call("Runtime.evaluate", **wanted)["result"].get("value")

    def picture(self) -> bytes:
        """The window as a PNG."""
        return b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the protocol and wait for its result.

        Raises
        ------
        RuntimeError
            If Chromium refuses the command, or has ended.
        """
        self._sent += 1
        command: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._message()).get("id") != self._sent:
            self._take(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self._listen(message["method"], message.get("params", {}))

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            if not select([self._events], [], [], SECONDS)[0]:
                raise RuntimeError(f"Chromium said nothing for {SECONDS} seconds")
            if not (read := os.read(self._events, CHUNK)):
                raise RuntimeError("Chromium has ended")
            self._unread += read
        text, _, self._unread = self._unread.partition(b"\0")
        return json.loads(text)
