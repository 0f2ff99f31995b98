"""From LLVM code to a function of this process: optimised once, kept on disk, loaded at once.

    <cache folder>/specialised/<hash of the code>-<hash of what builds it>.kernels

The second hash covers the machine's kernels, whose functions of one number it takes in, the
versions and the CPU (``machine/fingerprint.py``).  A file is written and checked like those
of the kernels (``machine/storing.py``): a damaged one is made again, and where nothing can be
written the code lives in memory.
"""

from __future__ import annotations

import hashlib
import re
import threading
from functools import cache
from pathlib import Path
from typing import Any

from diffkit.engines.machine import storing
from diffkit.engines.machine.fingerprint import fingerprint, target
from diffkit.engines.machine.kernels import FAMILIES
from diffkit.engines.machine.loading import kernels
from diffkit.engines.machine.scalar_forms import LLVM_TYPES, PREFIX
from diffkit.engines.machine.specialising.writing import FUNCTION
from diffkit.errors import EngineError

__all__ = ["addresses_of_code", "build_key", "code_key"]

_CALLED = re.compile(rf"@{PREFIX}((\w+)_(f8|f4|i8))\(")
_INTRINSICS = """
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare double @llvm.sqrt.f64(double)
declare float @llvm.sqrt.f32(float)
"""
_DIGITS, _BUILD_DIGITS = 32, 16
# Straight-line code of more lines is translated as it stands, by LLVM's quick way: some 5 µs
# instead of 200 µs per operation, and code that takes one and a half times as long (measured).
_MOST_OPTIMISED = 4000
_LINES_OF_A_CALL = 40  # what a function of one number has in it
_LOOP_MARK = "!llvm.loop"
_INLINED = 5000  # functions of one number become part of their loops, which vectorise then
_LOCK = threading.Lock()
# Code of this process by its key: the loader, which owns the code, and the addresses.
_LOADED: dict[str, tuple[Any, list[int]]] = {}


@cache
def build_key() -> str:
    """A hash of what code is built by and with: this module, the kernels, versions and CPU."""
    own = Path(__file__).read_text(encoding="utf-8")
    return _hash(own, *map(fingerprint, FAMILIES), *target())[:_BUILD_DIGITS]


def code_key(text: str) -> str:
    """What code is kept under: hashes of itself and of what builds it."""
    return f"{_hash(text)}-{build_key()}"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


def addresses_of_code(text: str, count: int) -> list[int]:
    """The addresses of the functions that LLVM code defines, compiled or loaded from disk.

    Raises
    ------
    EngineError
        When this version of LLVM does not take the code.
    """
    key = code_key(text)
    with _LOCK:
        if key not in _LOADED:
            path = storing.specialised_path(key)
            content = storing.read(path)
            if content is None:
                content = [_compiled(text)]
                storing.write(path, content)
            _LOADED[key] = _loaded(content[0], count)
        return _LOADED[key][1]


def _loaded(content: bytes, count: int) -> tuple[Any, list[int]]:
    from llvmlite import binding

    from diffkit.engines.machine.building import target_machine

    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine(binding, 0))
    engine.add_object_file(binding.ObjectFileRef.from_data(content))
    engine.finalize_object()
    return engine, [engine.get_function_address(f"{FUNCTION}_{k}") for k in range(count)]


def _compiled(text: str) -> bytes:
    """Optimised object code."""
    from llvmlite import binding

    from diffkit.engines.machine.building import OPTIMISATION, target_machine

    try:
        calls = _CALLED.findall(text)
        length = text.count("\n") + _LINES_OF_A_CALL * len(calls)
        quick = length > _MOST_OPTIMISED and _LOOP_MARK not in text
        called = {match[0]: match[2] for match in calls}
        declared = [_declared(name, LLVM_TYPES[width]) for name, width in called.items()]
        machine = target_machine(binding, 0 if quick else OPTIMISATION)
        module = binding.parse_assembly("\n".join([_INTRINSICS, *declared, text]))
        for name in called:
            module.link_in(_form(binding, name))
        for function in module.functions:
            if function.name.startswith(PREFIX):
                function.linkage = "internal"
        if not quick:
            _optimise(binding, machine, module)
        return machine.emit_object(module)
    except (AttributeError, TypeError, RuntimeError) as error:
        raise EngineError(
            f"this version of LLVM does not take diffkit's code ({error})",
            hint='use engine="machine".',
        ) from error


def _declared(name: str, number: str) -> str:
    return f"declare {number} @{PREFIX}{name}({number}, {number}, {number})"


def _form(binding: Any, name: str) -> Any:
    content = kernels().scalar_form(name)
    if content is None:
        raise EngineError(f"the machine has no function {name!r} of one number")
    return binding.parse_bitcode(content)


def _optimise(binding: Any, machine: Any, module: Any) -> None:
    from diffkit.engines.machine.building import OPTIMISATION

    options = binding.create_pipeline_tuning_options(speed_level=OPTIMISATION)
    options.loop_vectorization = True
    options.slp_vectorization = False  # long straight-line code: much time for no gain
    options.inlining_threshold = _INLINED
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
