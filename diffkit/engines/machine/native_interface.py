"""What native calls know about Python and NumPy, looked at once per process.

Compiled code that is called by Python (``kernels/calling.py``) reads fields of objects and calls
functions of Python's and of NumPy's C interfaces.  Both interfaces promise these functions, and
NumPy the fields of its arrays, across versions; whether the fields lie where the code looks for
them is tried out here on objects whose content is known.  Where anything is otherwise (another
implementation of Python, one without the interpreter lock, a build for debugging, a NumPy of
another generation) there are no native calls, and calls are written in Python
(``machine/inline.py``).

Reading on: the C API, "Stable Application Binary Interface"; NumPy, "Array API".
"""

from __future__ import annotations

import ctypes
import struct
import sys
import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from diffkit.engines.machine import call_words as at

__all__ = ["interface"]

# Words of 8 bytes, and functions of Python by the names of ``call_words.INTERFACE_NAMES``.
_POINTER = "P"
_PYTHON = {
    "TAKE": "Py_IncRef", "DROP": "Py_DecRef", "NEW_TUPLE": "PyTuple_New",
    "SET_TUPLE": "PyTuple_SetItem", "NEW_LIST": "PyList_New", "SET_LIST": "PyList_SetItem",
    "GET_LIST": "PyList_GetItem", "NEW_DICT": "PyDict_New", "SET_DICT": "PyDict_SetItem",
    "GET_DICT": "PyDict_GetItem", "SIZE_OF_DICT": "PyDict_Size", "GET_TUPLE": "PyTuple_GetItem",
    "SIZE_OF_TUPLE": "PyTuple_Size", "SIZE_OF_LIST": "PyList_Size", "CODE_OF": "PyFunction_GetCode",
    "DEFAULTS_OF": "PyFunction_GetDefaults", "VECTORCALL": "PyObject_Vectorcall",
    "CALL_PLAINLY": "PyObject_CallNoArgs", "SAVE_THREAD": "PyEval_SaveThread",
    "RESTORE_THREAD": "PyEval_RestoreThread",
}  # fmt: skip
# Places of functions in NumPy's table (numpy/__multiarray_api.h), the same in all of NumPy 2.
_NUMPY = {"NEW_ARRAY": 94, "NEW_SCALAR": 60, "ZEROS": 183, "SET_BASE": 282}
_NUMPY_VERSION, _NUMPY_2 = 0, 0x02
_VERSION_SHIFT = 24  # the generation of NumPy's interface is in the upper byte of its version


@cache
def interface(run: int) -> np.ndarray | None:
    """The table of addresses for native calls; None where there are none.

    ``run`` is the address of the run loop.
    """
    if not _is_known_python() or not all(_layout()):
        return None
    numpy = _numpy_functions()
    if numpy is None:
        return None
    try:
        python = {name: _address(getattr(ctypes.pythonapi, c)) for name, c in _PYTHON.items()}
    except AttributeError:
        return None
    objects = {"ARRAY_TYPE": np.ndarray, "BYTES_DTYPE": np.dtype(np.uint8), "NONE": None,
               "TRUE": True}  # fmt: skip
    found = python | numpy | {name: id(value) for name, value in objects.items()}
    found |= {"RUN": run, "FUNCTION_DICT": _dict_offset()}
    return np.array([found[name] for name in at.INTERFACE_NAMES], np.int64)


def _is_known_python() -> bool:
    """Whether this is CPython, where addresses are 8 bytes, low bytes first.

    In one without the interpreter lock objects have longer heads; :func:`_layout` sees that.
    """
    return (
        sys.implementation.name == "cpython"
        and sys.byteorder == "little"
        and struct.calcsize(_POINTER) == ctypes.sizeof(ctypes.c_int64)
    )


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _numpy_functions() -> dict[str, int] | None:
    """Addresses from the table of NumPy's C interface; None for another generation."""
    try:
        capsule = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    except AttributeError:
        return None
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = (ctypes.c_void_p * (max(_NUMPY.values()) + 1)).from_address(get(capsule, None))
    version = ctypes.CFUNCTYPE(ctypes.c_uint)(table[_NUMPY_VERSION] or 0)()
    if version >> _VERSION_SHIFT != _NUMPY_2:
        return None
    return {name: table[place] or 0 for name, place in _NUMPY.items()}


# Where fields lie ---------------------------------------------------------------------------------


def _word(thing: Any, place: int) -> int:
    return ctypes.c_int64.from_address(id(thing) + 8 * place).value


def _half(thing: Any, place: int) -> int:
    return ctypes.c_int32.from_address(id(thing) + 4 * place).value


def _layout() -> Iterator[bool]:
    """Whether fields lie where the code looks for them, one answer per kind of object."""
    yield object.__basicsize__ == 8 * (at.TYPE + 1)
    array = np.arange(6.0).reshape(2, 3)
    yield _word(array, at.TYPE) == id(np.ndarray)
    yield _word(array, at.ARRAY_DATA) == array.ctypes.data
    yield _half(array, at.ARRAY_AXES_4) == array.ndim
    shape = (ctypes.c_int64 * array.ndim).from_address(_word(array, at.ARRAY_SHAPE))
    yield tuple(shape) == array.shape
    yield _word(array, at.ARRAY_DTYPE) == id(array.dtype)
    yield _half(array, at.ARRAY_FLAGS_4) == array.flags.num
    yield _half(array, at.ARRAY_FLAGS_4) & at.READABLE == at.READABLE
    for number in (1.5, np.float64(1.5), np.float32(1.5), np.int64(-3), np.int32(3)):
        raw = np.asarray(number).tobytes()
        yield ctypes.string_at(id(number) + 8 * at.PAYLOAD, len(raw)) == raw
    content = object()
    yield _word(types.CellType(content), at.PAYLOAD) == id(content)
    held = [object()]
    yield _half_of_address(id(held[0]), at.COUNT_4) == 1
    yield _finds_attributes(lambda: None)


def _half_of_address(address: int, place: int) -> int:
    return ctypes.c_int32.from_address(address + 4 * place).value


def _dict_offset() -> int:
    return types.FunctionType.__dictoffset__


def _finds_attributes(function: Callable[[], None]) -> bool:
    if _dict_offset() <= 0:
        return False
    place = ctypes.c_int64.from_address(id(function) + _dict_offset())
    without = place.value
    function.__dict__["known"] = True
    return without == 0 and place.value == id(function.__dict__)
