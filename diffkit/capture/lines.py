"""Which line is the user's: the innermost frame outside the libraries that capture runs through.

An equation and an error belong to the line that the user wrote, and not to the line of diffkit,
NumPy, SciPy or Python's own library (``statistics.mean``, ``random.gauss``) that it called.
What is installed beside them counts as the user's: layers of someone's package are read there.

Reading on: ``sys._getframe`` in Python's documentation; ``graph/sources.py`` for what becomes of
a position.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from diffkit.graph.sources import Source, place_of

__all__ = ["caller_source", "here", "is_installed", "is_users", "user_source"]

_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(np.__file__)))
# diffkit and the libraries whose functions it stands in for
_LIBRARIES = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.join(_PACKAGES, "numpy", ""),
    os.path.join(_PACKAGES, "scipy", ""),
)
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_COMPILED = (".pyx", ".pxd")  # Cython's frames, as in numpy.random, which name no folder
_INSTALLED = ("site-packages", "dist-packages")
_getframe = sys._getframe


def is_installed(file: str) -> bool:
    """Whether a file belongs to an installed package.

    >>> is_installed("/usr/lib/python3/dist-packages/layers.py"), is_installed("layers.py")
    (True, False)
    """
    return any(folder in file for folder in _INSTALLED)


def is_users(file: str) -> bool:
    """Whether a file is neither diffkit's nor NumPy's, SciPy's or Python's own.

    >>> is_users("model.py"), is_users(np.__file__), is_users(os.__file__)
    (True, False, False)
    """
    if file.startswith(_LIBRARIES) or file.endswith(_COMPILED):
        return False
    return not file.startswith((_STANDARD, "<frozen ")) or is_installed(file)


def user_source() -> Source:
    """The position of the innermost frame of the user's."""
    frame = _getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


def here() -> str:
    """The user's line, for an error message."""
    return place_of(user_source())


def caller_source(frame: Any) -> Source:
    """The position of a frame if it is the user's, else of the innermost one that is."""
    if frame.f_code.co_filename.startswith(_LIBRARIES):
        return user_source()
    return frame.f_code, frame.f_lasti
