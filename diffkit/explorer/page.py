"""The page itself: the built bundle of ``web/``, or a sentence that says it is missing.

The bundle travels with the package, so that installing needs no Node; a checkout in which it was
deleted still answers.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

__all__ = ["STATIC", "page"]

STATIC = Path(__file__).parent / "static"

MISSING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>diffkit explore</title></head>
<body><main><h1>The explorer's page is not built</h1>
<p>Its files are missing from <code>diffkit/explorer/static</code>. An installed package brings
them; in a checkout, build them with Node:</p>
<pre>cd diffkit/explorer/web
npm ci
node build.mjs</pre>
<p>The server itself runs: <code>POST /api/compare</code> answers.</p></main></body></html>
"""


async def page(request: Request) -> Response:
    """The page; the token in its address was checked before."""
    index = STATIC / "index.html"
    if not index.is_file():
        return HTMLResponse(MISSING, 503)
    return FileResponse(index, media_type="text/html; charset=utf-8")
