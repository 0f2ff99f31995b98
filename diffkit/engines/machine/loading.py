"""Loading the machine: object code from disk, without Numba and without compiling.

LLVM's loader relocates an object file in milliseconds.  The addresses of its kernels go into the
rows of programs.  Until all families are on disk the machine is *cold*: ``engine="auto"`` then
uses the interpreter and has the machine built in the background, ``engine="machine"`` builds
first, and ``diffkit warmup`` builds with a progress bar.

A file is valid for one hash (``machine/fingerprint.py``): other sources, versions or another CPU
look for other files and never load code that was made for something else.
Reading on: ``machine/storing.py``, ``machine/warming.py``.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from diffkit.engines.machine import storing
from diffkit.engines.machine.kernels import FAMILIES
from diffkit.engines.machine.scalar_forms import FORM, FORM_SIZE

__all__ = ["ANY_ARGUMENTS", "Kernels", "function_object", "is_ready", "is_warm", "kernels"]

_LOCK = threading.RLock()
_LOADED: list[Kernels] = []


def is_warm() -> bool:
    """Whether all kernels are there: loaded, or on disk and whole (then they are loaded now).

    A warm machine costs some ten milliseconds once, a cold one some ten microseconds per question.

    >>> is_warm() in (True, False)
    True
    """
    return bool(_LOADED) or _load_stored()


def is_ready() -> bool:
    """The same for ``engine="auto"``: a cold machine is built in the background from now on."""
    if is_warm():
        return True
    from diffkit.engines.machine.background import warm_up_in_background

    warm_up_in_background()
    return False


def _load_stored() -> bool:
    if not all(storing.family_path(family).is_file() for family in FAMILIES):
        return False
    with _LOCK:
        if not _LOADED:
            found = [storing.stored(family) for family in FAMILIES]
            objects = [content for family in found if family is not None for content in family]
            if not all(family is not None for family in found):
                return False  # one was damaged
            _LOADED.append(Kernels(objects))
    return True


class Kernels:
    """The loaded kernels: ``address[name]``, and ``run``, which runs a program."""

    def __init__(self, objects: Iterable[bytes]) -> None:
        from llvmlite import binding

        from diffkit.engines.machine.building import target_machine

        module = binding.parse_assembly("")
        self._engine = binding.create_mcjit_compiler(module, target_machine(binding, 0))
        for content in objects:
            self._engine.add_object_file(binding.ObjectFileRef.from_data(content))
        self._engine.finalize_object()
        self.address: dict[str, int] = _Addresses(self._engine.get_function_address)
        # Both take the address of a state and return the position where it stopped.
        self.enter: Callable[[int], int] = function_object(self.address["enter"])
        self.enter_unlocked: Callable[[int], int] = function_object(self.address["enter_unlocked"])

    def scalar_form(self, name: str) -> bytes | None:
        """The bitcode of an elementwise operation on one number, if the kernel has one."""
        place = self._engine.get_global_value_address(f"diffkit_{FORM}{name}")
        if not place:
            return None
        size = self._engine.get_global_value_address(f"diffkit_{FORM_SIZE}{name}")
        return ctypes.string_at(place, ctypes.c_int64.from_address(size).value)


class _Method(ctypes.Structure):
    """CPython's description of a function (PyMethodDef)."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p),
                ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]  # fmt: skip


# How Python passes arguments: METH_O, and METH_FASTCALL | METH_KEYWORDS.
ONE_ARGUMENT, ANY_ARGUMENTS = 0x0008, 0x0080 | 0x0002
_METHODS: dict[tuple[int, bytes], _Method] = {}  # function objects point at them for ever


def function_object(
    address: int, flags: int = ONE_ARGUMENT, owner: Any = None, name: bytes = b"run"
) -> Callable[..., Any]:
    """A function object of the interpreter over compiled code of the C API.

    The code gets ``owner`` (0 for None) as its first argument; it lives as long as the function.
    """
    key = address, name
    if key not in _METHODS:
        _METHODS[key] = _Method(name, address, flags, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.POINTER(_Method), ctypes.c_void_p, ctypes.c_void_p]
    return make(ctypes.byref(_METHODS[key]), None if owner is None else id(owner), None)


class _Addresses(dict[str, int]):
    """Addresses by name, asked for once."""

    def __init__(self, ask: Callable[[str], int]) -> None:
        super().__init__()
        self.ask = ask

    def __missing__(self, name: str) -> int:
        address = self[name] = self.ask(f"diffkit_{name}")
        return address

    def has(self, name: str) -> bool:
        """Whether there is a kernel of this name."""
        return self[name] != 0


def kernels() -> Kernels:
    """The machine's kernels, loaded once per process and built where they are missing.

    Raises
    ------
    EngineError
        When a kernel cannot be built.
    """
    if not _LOADED:
        with _LOCK:
            if not _LOADED and not _load_stored():
                _LOADED.append(Kernels(_built()))
    return _LOADED[0]


def _built() -> Iterable[bytes]:
    from diffkit.engines.machine.warming import warm_up

    if sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("CI"):
        print(_NOTICE, file=sys.stderr)
    return (content for family in warm_up().objects.values() for content in family)


_NOTICE = (
    "diffkit: compiling the machine's kernels, once for this computer; "
    "`diffkit warmup` does it ahead of time."
)
