"""The address of a BLAS routine, found without importing more than has to be.

Rows call ``dgemm`` by its address.  NumPy is loaded already and so is the BLAS it was linked
with: the loader of the operating system knows the routine under one of a few names, and asking
takes a hundred microseconds.  The products of the machine and of NumPy are then the same, bit for
bit.  Where NumPy hides its BLAS (Windows; macOS with Accelerate) SciPy offers the routine to
Cython code; its module is loaded alone, because all of ``scipy.linalg`` takes 0.2 s.

Sizes stand in rows as 64-bit integers, passed by reference.  A BLAS with 32-bit integers reads
their lower half, which has the same address on little-endian computers; so both kinds serve.

Reading on: ``dlsym(3)``; SciPy's ``scipy.linalg.cython_blas``.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

import numpy as np

from diffkit.errors import EngineError

__all__ = ["blas_address"]

# OpenBLAS of NumPy's wheels, OpenBLAS with 64-bit integers as distributions name it, any other.
_SPELLINGS = ("scipy_{}_64_", "{}_64_", "{}_")


@cache
def blas_address(name: str) -> int:
    """The address of a routine of Fortran's BLAS, such as ``dgemm``.

    Raises
    ------
    EngineError
        When neither NumPy nor SciPy has it.

    >>> blas_address("dgemm") > 0
    True
    """
    return _of_numpy(name) or _of_scipy(name)


def _of_numpy(name: str) -> int:
    """The routine in what NumPy is linked with; 0 where it cannot be found."""
    if sys.byteorder != "little":
        return 0
    try:
        # a symbol is looked for in a library and in all that it depends on
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return 0
    for spelling in _SPELLINGS:
        try:
            routine = library[spelling.format(name)]
        except AttributeError:
            continue
        return ctypes.cast(routine, ctypes.c_void_p).value or 0
    return 0


def _of_scipy(name: str) -> int:
    """The routine that SciPy hands out in a capsule."""
    capsule = _cython_blas().__dict__["__pyx_capi__"].get(name)
    if capsule is None:
        raise EngineError(f"SciPy has no {name}", hint='use engine="interpret".')
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


def _cython_blas() -> ModuleType:
    """SciPy's module of BLAS addresses, without the package around it where that is possible."""
    import scipy

    name = "scipy.linalg.cython_blas"
    if name in sys.modules:
        return sys.modules[name]
    spec = PathFinder.find_spec(name, [str(Path(path) / "linalg") for path in scipy.__path__])
    try:
        assert spec is not None and spec.loader is not None
        # Not entered into sys.modules: a later import of the package finds the same module.
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (AssertionError, ImportError):
        return importlib.import_module(name)
    return module
