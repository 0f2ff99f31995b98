"""The server that sets formulas is waited for until it listens.

``sphinxcontrib-katex`` connects to KaTeX's server as soon as the file of its socket is there.  Node
makes that file a moment before it listens, so on a busy computer the connection may be refused:
the build ends, and the server stays behind.  Here a refusal means to try again, and a server that
cannot be reached is ended.
"""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from sphinxcontrib import katex

PATIENCE_SECONDS = 60.0  # for Node to start, and for one formula, on a busy computer
BETWEEN_SECONDS = 0.01


def connected(rundir: Path, timeout: float) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A running server and a connection to it.

    Raises
    ------
    KaTeXError
        When it does not listen within so many seconds.
    """
    path = rundir / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=path)
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=rundir)
    until = time.monotonic() + timeout
    while time.monotonic() < until and process.poll() is None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            link.close()
            time.sleep(BETWEEN_SECONDS)
        else:
            return process, link
    with process:  # waits, and closes the pipes
        process.kill()
    raise katex.KaTeXServer.timeout_error(timeout)


def setup(app: Any) -> dict[str, Any]:
    """Put it in the place of the extension's own, and be patient."""
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = PATIENCE_SECONDS
    katex.KaTeXServer.start_server_process = staticmethod(connected)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
