"""Answers: a document as JSON, and an error as a sentence with its status.

400  wrong input      408  took too long      500  a bug, told without its insides
"""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from starlette.responses import Response

from diffkit.comparison.serial import plain
from diffkit.errors import BudgetError, DiffkitError, ParseError
from diffkit.explorer.limits import Refusal

__all__ = ["answer", "told"]

JSON = "application/json"


def told(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the document for an error.

    >>> from diffkit.errors import InputError
    >>> told(InputError("no value for y", hint="send it."))
    (400, {'error': 'no value for y', 'hint': 'send it.'})
    """
    if isinstance(error, Refusal):
        status = error.status
        found: dict[str, Any] = {"error": error.message, "hint": error.hint}
        found["position"] = getattr(error, "position", None)
    elif isinstance(error, DiffkitError):
        status = 408 if isinstance(error, BudgetError) else 400
        found = {"error": _sentence(error), "hint": error.hint}
        found["position"] = error.position if isinstance(error, ParseError) else None
    elif isinstance(error, MemoryError | RecursionError):
        status, found = 408, {"error": "this takes more memory than it may", "hint": "ask less."}
    else:
        traceback.print_exception(error, file=sys.stderr)
        status = 500
        found = {"error": f"unexpected {type(error).__name__}", "hint": "this is a bug of diffkit."}
    return status, {key: value for key, value in found.items() if value not in (None, "")}


def _sentence(error: DiffkitError) -> str:
    where = f" (at {' '.join(error.where.split())})" if error.where else ""
    return " ".join(error.message.split()) + where


def answer(document: Any, status: int = 200) -> Response:
    """A response with a document; NaN and infinities are null."""
    try:
        text = _written(document)
    except (TypeError, ValueError):  # numbers of NumPy's, NaN or infinities
        text = _written(plain(document))
    return Response(text, status, media_type=JSON)


def _written(document: Any) -> str:
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
