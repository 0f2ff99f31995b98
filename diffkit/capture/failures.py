"""What a failure that is not ours means, when a traced value took part in it.

Python and NumPy refuse much on their own (``np.zeros(x)``, ``json.dumps(x)``, ``x.shape = 3``),
in words about a ``Tracer`` that the user never made.  Such a failure becomes one of ours, with
the failing expression, the user's line and a remedy.  Two kinds stay as they are: what the
user's own code raises, and what fails without a traced value, since plain Python would fail too.

Whether a traced value took part is read off the traceback: the instruction that failed has a
position in the line, and the names in that stretch of text have values in the frame.

Reading on: PEP 657, fine-grained error locations in tracebacks.
"""

from __future__ import annotations

import dis
import linecache
import os
import re
import sys
import traceback
from types import FunctionType, ModuleType, TracebackType
from typing import Any

from diffkit.capture.lines import is_installed, is_users
from diffkit.capture.scipy_functions.originals import called_on_the_way
from diffkit.capture.tracing import is_traced
from diffkit.errors import (
    CaptureError,
    DiffkitError,
    InputError,
    MissingAttributeError,
    UnsupportedError,
)

__all__ = ["FOREIGN", "explained", "users_place"]

FOREIGN = (TypeError, ValueError, IndexError, AttributeError, OverflowError, RuntimeError)
"""The exceptions in which Python and NumPy refuse an operand."""

# Fragment of the message → what it means, and what to write instead.
_MEANINGS = (
    (
        "no callable",
        "NumPy cannot apply this function to an array that mixes traced and plain numbers",
        "build the array with np.stack([...]), which gives a traced array, instead of np.array.",
    ),
    (
        "valid indices",
        "a plain array cannot be indexed by a traced array",
        "use np.take(a, i) for traced integers i, or np.where for a condition.",
    ),
)
_BUILT = "build it with np.block or np.stack: np.array hides traced numbers."
# The same for messages that plain values cause, too: only where a traced value took part.
_REMEDIES = (
    ("sequence of integers", "take sizes from x.shape, or write int(x), which is then recorded."),
    ("is read-only", "np.asarray(x) shares x's memory: write np.array(x) for a copy to change."),
    ("setting single item", "make it a traced array from the start, with np.zeros_like(x)."),
    ("setting an array element", "build the array with np.stack([...]) of values of one shape."),
    ("Cannot cast ufunc", _BUILT),
    ("not supported for the input types", _BUILT),
    ("Cannot cast array data from dtype('O')", _BUILT),
    ("numpy.object_", _BUILT),
    ("has no setter", "write x = np.reshape(x, shape) or x = x.astype(dtype)."),
    ("has no deleter", "leave it out: the attributes of a traced array are fixed."),
    ("object has no attribute", "keep it in a variable of its own beside the array."),
    ("not callable", "write x[...] for an element, or * for a product."),
    ("values to unpack", "unpack as many values as the first axis has elements."),
    ("JSON", "return the value and write it outside the traced function."),
    ("argument", "check the arguments: diffkit takes NumPy's most common ones."),
)
_REMEDY = "use np.* functions there, or do it outside: a traced value has no numbers yet."
_TRACER = re.compile(r"'?\bTracer\b(<[^>]*>)?'?")
_NAME = re.compile(r"[^\W\d]\w*")
# SciPy's functions outside of the protocol, such as legendre_p, give an array of objects away.
_UFUNC = re.compile(r"ufunc '(\w+)' not supported for the input types")
_RAISES = ("RAISE_VARARGS", "RERAISE")
# How far containers of the user's are searched for a traced value, and how many items of each.
_DEPTH, _ITEMS = 3, 1000


def explained(error: BaseException) -> DiffkitError | None:
    """Our error for one of Python's or NumPy's own that a traced value caused, or None.

    >>> explained(TypeError("loop of ufunc does not support argument 0 of type float which "
    ...                     "has no callable sin method")).hint[:27]
    'build the array with np.sta'
    >>> explained(ValueError("the user's own")) is None
    True
    """
    frame = _users_frame(error)
    where = users_place(error)
    if frame is not None and not _is_own(error) and _took_part(error, frame):
        inside = called_on_the_way(_walk(error))
        if inside is not None:
            inside.where = where
            return inside
    ufunc = _UFUNC.search(str(error))
    if ufunc is not None and _is_special(ufunc.group(1)):
        return _of_scipy(ufunc.group(1), where)
    for fragment, message, hint in _MEANINGS:
        if fragment in str(error):
            return CaptureError(message, where=where, hint=hint)
    if frame is None and "inhomogeneous shape" in str(error):  # the function is NumPy's own
        message = "NumPy makes no array of nested lists of different lengths"
        return InputError(message, hint="pass arrays, or lists of equal lengths.")
    if frame is None or _is_own(error) or not _took_part(error, frame):
        return None
    words = _TRACER.sub("a traced value", str(error).strip().partition("\n")[0])
    hint = next((hint for fragment, hint in _REMEDIES if fragment in str(error)), _REMEDY)
    message = f"{_expression(frame) or 'this line'} failed: {words}"
    return _kind(error)(message, where=where, hint=hint)


def users_place(error: BaseException) -> str | None:
    """The innermost line of the user's in the traceback, as ``file.py:14    y = f(x)``."""
    found = _users_frame(error)
    if found is None:
        return None
    code, line = found.tb_frame.f_code, found.tb_lineno
    text = linecache.getline(code.co_filename, line, found.tb_frame.f_globals).strip()
    place = f"{os.path.basename(code.co_filename)}:{line}"
    return f"{place}    {text}" if text else place


def _is_special(name: str) -> bool:
    return hasattr(sys.modules.get("scipy.special"), name)


def _of_scipy(name: str, where: str | None) -> DiffkitError:
    """Why SciPy refused an array of objects: it has no rule here, or np.array made the array."""
    from diffkit.capture.numpy_functions.tables import UFUNCS

    if name in UFUNCS:
        message = f"scipy.special.{name} cannot take an array of traced numbers made by np.array"
        return CaptureError(message, where=where, hint=_BUILT)
    message = f"scipy.special.{name} cannot be traced"
    return UnsupportedError(message, where=where, hint="write it with functions of NumPy.")


def _kind(error: BaseException) -> type[DiffkitError]:
    """Our class that is also of the exception's own kind."""
    if isinstance(error, AttributeError):
        return MissingAttributeError
    return CaptureError if isinstance(error, TypeError) else InputError


def _walk(error: BaseException) -> list[TracebackType]:
    found, step = [], error.__traceback__
    while step is not None:
        found.append(step)
        step = step.tb_next
    return found


def _users_frame(error: BaseException) -> TracebackType | None:
    """The innermost frame of the user's own files, else of an installed package."""
    frames = [step for step in _walk(error) if is_users(step.tb_frame.f_code.co_filename)]
    own = [step for step in frames if not is_installed(step.tb_frame.f_code.co_filename)]
    return (own or frames or [None])[-1]


def _is_own(error: BaseException) -> bool:
    """Whether a ``raise`` of the user's, or of an installed package, made the exception."""
    last = _walk(error)[-1]
    return is_users(last.tb_frame.f_code.co_filename) and _instruction(last) in _RAISES


def _instruction(step: TracebackType) -> str:
    return dis.opname[step.tb_frame.f_code.co_code[step.tb_lasti]]


def _took_part(error: BaseException, step: TracebackType) -> bool:
    """Whether a name in the failing expression holds a traced value."""
    if "Tracer" in str(error):
        return True
    frame = step.tb_frame
    # without a source text, as on standard input, every local name may have been in it
    names = _NAME.findall(_expression(step)) or list(frame.f_locals)
    values = [frame.f_locals.get(name, frame.f_globals.get(name)) for name in names]
    return any(_holds(value, _DEPTH) for value in values)


def _expression(step: TracebackType) -> str:
    """The text of the expression that failed; of the whole line at an unpacking or a store."""
    summary = traceback.extract_tb(step, limit=1)[0]
    start, end = summary.colno, summary.end_colno
    whole = start is None or end is None or _instruction(step).startswith(("UNPACK", "STORE"))
    if whole or summary.end_lineno != summary.lineno:
        return summary.line or ""
    line = linecache.getline(summary.filename, summary.lineno or 0).encode()
    return line[start:end].decode(errors="replace").strip()


def _holds(value: Any, depth: int) -> bool:
    """Whether a value is traced, or a container or object of the user's that holds one."""
    if is_traced(value):
        return True
    if depth == 0 or isinstance(value, (type, ModuleType, FunctionType, str, bytes)):
        return False
    parts: Any = getattr(value, "__dict__", {}).values()
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = value
    return any(_holds(part, depth - 1) for part in list(parts)[:_ITEMS])
