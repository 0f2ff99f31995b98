"""Building the machine: every kernel to object code, once per computer.

Numba compiles a kernel to LLVM; what we keep is the object code of the optimised module, so that
another process needs only the loader of LLVM and neither Numba nor a compiler.  One file per
family lies under

    <cache folder>/machine/<family>-<hash>.kernels

where the hash covers the text of all kernels and of what they are written from, the versions of
Python, NumPy, Numba and LLVM, and the CPU with its features.  Here some kernels of a family
become one object file; ``machine/warming.py`` shares them out over processes, and
``machine/storing.py`` keeps what they made.

Reading on: the LLVM manual, "ORC and MCJIT"; ``machine/loading.py``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from diffkit.engines.machine.fingerprint import target
from diffkit.engines.machine.kernels import FAMILIES
from diffkit.engines.machine.kernels.entry import ENTRY
from diffkit.engines.machine.scalar_forms import as_constant, scalar_form
from diffkit.errors import EngineError

__all__ = ["build_family", "build_objects", "kernel_names", "target_machine"]

# What kernels may call besides each other: the C library's mathematics and memory.
_MATHEMATICS = frozenset({
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh",
    "erf", "erfc", "exp", "exp2", "expm1", "floor", "fmod", "hypot", "log", "log10", "log1p",
    "log2", "memcpy", "memmove", "memset", "pow", "rint", "sin", "sinh", "sqrt", "tan", "tanh",
    "trunc",
})  # fmt: skip
ALLOWED = _MATHEMATICS | {f"{name}f" for name in _MATHEMATICS}
OPTIMISATION = 3  # LLVM's -O3, as Numba's default
# Families of operations that code made for one graph takes in (``machine/scalar_forms.py``).
_WITH_FORMS = ("elementwise",)
_ROUNDS = 2  # loops that are in the open only after the first round are unrolled in the second


def build_objects(
    family: str, names: Sequence[str], report: Callable[[str], None] = lambda name: None
) -> bytes:
    """An object file with some kernels of a family, each as ``diffkit_<name>``.

    ``report`` is called with the name of every kernel before it is compiled.

    Raises
    ------
    EngineError
        For an unknown family, and when a kernel calls something that a process without Numba
        does not have.
    """
    from llvmlite import binding

    functions = _kernels(_module(family))
    whole = binding.parse_assembly(ENTRY if family == "control" else "")
    for name in names:
        report(name)
        for module in _compiled(name, functions[name], family in _WITH_FORMS):
            whole.link_in(module)
    return target_machine(binding, OPTIMISATION).emit_object(whole)


def build_family(family: str, report: Callable[[str], None] = lambda name: None) -> bytes:
    """All kernels of a family in one object file; see :func:`build_objects`."""
    return build_objects(family, kernel_names(family), report)


def kernel_names(family: str) -> list[str]:
    """The names of the kernels of a family."""
    return list(_kernels(_module(family)))


def _module(family: str) -> ModuleType:
    if family not in FAMILIES:
        raise EngineError(f"unknown family of kernels {family!r}")
    return importlib.import_module(f"diffkit.engines.machine.kernels.{family}")


def _kernels(module: ModuleType) -> dict[str, Callable[..., None]]:
    found = dict(module.generated()) if hasattr(module, "generated") else {}
    for name, value in vars(module).items():
        if callable(value) and hasattr(value, "kernel_signature"):
            found[name] = value
    return found


def target_machine(binding: Any, optimisation: int) -> Any:
    """What LLVM compiles for: the CPU of this computer (``machine/fingerprint.py``)."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    cpu, features = target()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=optimisation, jit=True
    )


def _compiled(name: str, function: Callable[..., None], with_form: bool) -> Iterator[Any]:
    """One kernel as an LLVM module that defines ``diffkit_<name>``, and its form for one number."""
    from llvmlite import binding
    from numba import cfunc

    from diffkit.engines.machine.kernels.abi import FLAGS

    signature = function.__dict__["kernel_signature"]
    compiled: Any = cfunc(signature, **{k: v for k, v in FLAGS.items() if k != "nogil"})(function)
    wrapper = compiled.native_name
    native = wrapper.removeprefix("cfunc.")
    # A kernel called from Python keeps the C wrapper; all others are called by the run loop.
    wanted = wrapper if signature.return_type.name != "none" else native
    text = str(compiled._library._final_module)
    module = binding.parse_assembly(text)
    machine = target_machine(binding, OPTIMISATION)
    if with_form:
        form = scalar_form(binding, machine, name, native, text)
        yield binding.parse_assembly(as_constant(name, form))
    for other in module.functions:
        if not other.is_declaration and other.name != wanted:
            other.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    module.get_function(wanted).name = f"diffkit_{name}"
    _optimise(binding, machine, module)
    missing = {f.name for f in module.functions if f.is_declaration} - ALLOWED
    missing = {name for name in missing if not name.startswith("llvm.")}
    if missing:
        raise EngineError(f"the kernel {name} calls {', '.join(sorted(missing))}")
    yield module


def _optimise(binding: Any, machine: Any, module: Any) -> None:
    options = binding.create_pipeline_tuning_options(speed_level=OPTIMISATION)
    options.loop_vectorization = options.slp_vectorization = True
    for _ in range(_ROUNDS):
        builder = binding.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
