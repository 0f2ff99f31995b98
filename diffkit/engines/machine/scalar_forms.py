"""Elementwise operations on one number, as LLVM code that other code can take in.

A kernel of ``kernels/elementwise.py`` is a loop over lanes.  Code that is made for one graph
(``machine/specialising/``) wants the operation alone, to have it in its own loops and registers:

    double exp_f8(double a, double b, double c)          # operands that it does not have are 0

It is the same kernel, called for one lane and optimised until nothing but the arithmetic is left,
so both round alike.  Its bitcode lies in the object file beside the kernel, as the bytes
``diffkit_form_<name>`` and their number ``diffkit_form_size_<name>``: it is there wherever the
kernel is, and no process needs Numba to read it.

Reading on: the LLVM manual, "LLVM Bitcode File Format".
"""

from __future__ import annotations

from typing import Any

__all__ = ["FORM", "FORM_SIZE", "LLVM_TYPES", "PREFIX", "as_constant", "scalar_form"]

FORM, FORM_SIZE = "form_", "form_size_"
# How functions of one number are called in bitcode.
PREFIX = "diffkit_scalar_"
LLVM_TYPES = {"f8": "double", "f4": "float", "i8": "i64"}
_SPEED = 2
# Everything that a kernel calls becomes part of it.
_INLINED = 10_000

_CALL = """
declare i32 @"{native}"(ptr, ptr, i64, i64, i64, i64, i64)
define {number} @{prefix}{name}({number} %a, {number} %b, {number} %c) {{
  %nowhere = alloca ptr
  %cell_d = alloca {number}
  %cell_a = alloca {number}
  %cell_b = alloca {number}
  %cell_c = alloca {number}
  store {number} %a, ptr %cell_a
  store {number} %b, ptr %cell_b
  store {number} %c, ptr %cell_c
  %d = ptrtoint ptr %cell_d to i64
  %at_a = ptrtoint ptr %cell_a to i64
  %at_b = ptrtoint ptr %cell_b to i64
  %at_c = ptrtoint ptr %cell_c to i64
  %status = call i32 @"{native}"(ptr %nowhere, ptr %nowhere, i64 %d, i64 %at_a, i64 %at_b, i64 %at_c, i64 1)
  %result = load {number}, ptr %cell_d
  ret {number} %result
}}
"""  # noqa: E501


def scalar_form(binding: Any, machine: Any, name: str, native: str, text: str) -> bytes:
    """The bitcode of an operation on one number.

    Parameters
    ----------
    binding, machine
        ``llvmlite.binding``, and the target machine.
    name
        The kernel's name; it ends with the width, as in ``exp_f8``.
    native, text
        The name of the kernel's function in LLVM code, and that code.
    """
    module = binding.parse_assembly(text)
    number = LLVM_TYPES[name.rsplit("_", 1)[1]]
    call = _CALL.format(native=native, number=number, prefix=PREFIX, name=name)
    module.link_in(binding.parse_assembly(call))
    for part in (*module.functions, *module.global_variables):
        if not part.is_declaration and part.name != PREFIX + name:
            part.linkage = "internal"
    options = binding.create_pipeline_tuning_options(speed_level=_SPEED)
    options.loop_vectorization = options.slp_vectorization = False
    options.inlining_threshold = _INLINED
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module.as_bitcode()


def as_constant(name: str, content: bytes) -> str:
    """LLVM code that holds some bytes and their number under a kernel's name.

    >>> print(as_constant("exp_f8", b"ab"))
    @diffkit_form_exp_f8 = constant [2 x i8] c"\\61\\62"
    @diffkit_form_size_exp_f8 = constant i64 2
    """
    escaped = "".join(f"\\{byte:02X}" for byte in content)
    return (
        f'@diffkit_{FORM}{name} = constant [{len(content)} x i8] c"{escaped}"\n'
        f"@diffkit_{FORM_SIZE}{name} = constant i64 {len(content)}"
    )
