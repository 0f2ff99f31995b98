"""Loading the machine: object code from disk, without Numba and without compiling.

LLVM's loader relocates an object file in milliseconds.  The addresses of its kernels go into the
rows of programs.  Until all families are on disk the machine is *cold*: ``engine="auto"`` then
uses the interpreter, ``engine="machine"`` builds first, and ``diffkit warmup`` builds with a
progress bar.

A file is valid for one hash (``machine/fingerprint.py``): other sources, versions or another CPU
look for other files and never load code that was made for something else.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path

from diffkit.engines.cache import cache_folder
from diffkit.engines.machine.fingerprint import fingerprint
from diffkit.engines.machine.kernels import FAMILIES

__all__ = ["Kernels", "family_path", "is_warm", "kernels"]

_LOCK = threading.RLock()
_LOADED: list[Kernels] = []


def family_path(family: str) -> Path:
    """Where the object code of a family lies, or would lie."""
    return cache_folder() / "machine" / f"{family}-{fingerprint(family)}.o"


def is_warm() -> bool:
    """Whether all kernels are on disk (or loaded already).

    >>> is_warm() in (True, False)
    True
    """
    return bool(_LOADED) or all(family_path(family).is_file() for family in FAMILIES)


class Kernels:
    """The loaded kernels: ``address[name]``, and ``run``, which runs a program."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        from llvmlite import binding

        from diffkit.engines.machine.building import target_machine

        module = binding.parse_assembly("")
        self._engine = binding.create_mcjit_compiler(module, target_machine(binding, 0))
        for content in objects.values():
            self._engine.add_object_file(binding.ObjectFileRef.from_data(content))
        self._engine.finalize_object()
        self.address: dict[str, int] = _Addresses(self._engine.get_function_address)
        # Both take the address of a state and return the position where it stopped.
        self.enter: Callable[[int], int] = _function(self.address["enter"])
        self.enter_unlocked: Callable[[int], int] = _function(self.address["enter_unlocked"])


class _Method(ctypes.Structure):
    """CPython's description of a function (PyMethodDef)."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p),
                ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]  # fmt: skip


_ONE_ARGUMENT = 0x0008  # METH_O
_METHODS: list[_Method] = []  # function objects point at them as long as the process lives


def _function(address: int) -> Callable[[int], int]:
    """A function object of the interpreter over compiled code of the C API."""
    method = _Method(b"run", address, _ONE_ARGUMENT, None)
    _METHODS.append(method)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.POINTER(_Method), ctypes.c_void_p, ctypes.c_void_p]
    return make(ctypes.byref(method), None, None)


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
            if not _LOADED:
                _LOADED.append(Kernels(_objects()))
    return _LOADED[0]


def _objects() -> dict[str, bytes]:
    from diffkit.engines.machine.building import build_family, write_atomically

    objects: dict[str, bytes] = {}
    for family in FAMILIES:
        path = family_path(family)
        try:
            objects[family] = path.read_bytes()
        except OSError:
            objects[family] = build_family(family)
            write_atomically(path, objects[family])
    return objects
