"""Elementwise operations as LLVM instructions.

The common ones are a few instructions, rounded one by one; all others are functions of one number
that lie beside the machine's kernels (``machine/scalar_forms.py``), so that every operation has
the bits that the machine gives it.

Reading on: the LLVM language reference, "Binary Operations", "fcmp", "select".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diffkit.engines.machine.scalar_forms import LLVM_TYPES, PREFIX

__all__ = ["applied", "converted", "stored"]

# Writes an instruction and answers the name of its result.
Emit = Callable[[str], str]
_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_COMPARED = {"less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge",
             "equal": "oeq", "not_equal": "une"}  # fmt: skip
# Two operations in one pass of the machine (kernels/fused.py): the second reads the first at the
# place of "_", and numbers are operands.
_PAIRS = {
    "mul_add": ("mul", 0, 1, "add", "_", 2), "sub_mul": ("mul", 0, 1, "sub", 2, "_"),
    "mul_sub": ("mul", 0, 1, "sub", "_", 2), "scale_add": ("mul", 0, 1, "add", "_", 2),
    "sub_scale": ("mul", 0, 1, "sub", 2, "_"), "scale_sub": ("mul", 0, 1, "sub", "_", 2),
    "scale_mul": ("mul", 0, 1, "mul", "_", 2), "scale_div": ("mul", 0, 1, "div", "_", 2),
}  # fmt: skip
# The machine's names for operations with a number that all lanes share.
_SHARED = {"scale": ("mul", 0, 1), "shift": ("add", 0, 1), "lower": ("sub", 0, 1),
           "rest": ("sub", 1, 0)}  # fmt: skip
_FLOATS = ("f8", "f4")


def applied(emit: Emit, name: str, width: str, operands: Sequence[str]) -> str:
    """The name of the result of an operation on numbers; ``emit`` writes its instructions."""
    number = LLVM_TYPES.get(width, "i8")
    if name == "zero":
        return "0.0" if width in _FLOATS else "0"
    if name == "alias":
        return operands[0]
    if width in _FLOATS:
        found = _float(emit, name, number, operands)
        if found is not None:
            return found
    filled = [*operands, *["0.0" if width in _FLOATS else "0"] * 3][:3]
    arguments = ", ".join(f"{number} {operand}" for operand in filled)
    return emit(f"call {number} @{PREFIX}{name}_{width}({arguments})")


def _float(emit: Emit, name: str, number: str, x: Sequence[str]) -> str | None:
    if name in _ARITHMETIC:
        return emit(f"{_ARITHMETIC[name]} {number} {x[0]}, {x[1]}")
    if name in _SHARED:
        plain, first, second = _SHARED[name]
        return emit(f"{_ARITHMETIC[plain]} {number} {x[first]}, {x[second]}")
    if name in _PAIRS:
        first, a, b, second, c, d = _PAIRS[name]
        inner = emit(f"{_ARITHMETIC[first]} {number} {x[a]}, {x[b]}")
        c, d = (inner if k == "_" else x[k] for k in (c, d))  # type: ignore[index]
        return emit(f"{_ARITHMETIC[second]} {number} {c}, {d}")
    if name in _COMPARED:
        truth = emit(f"fcmp {_COMPARED[name]} {number} {x[0]}, {x[1]}")
        return emit(f"select i1 {truth}, {number} 1.0, {number} 0.0")
    return _selection(emit, name, number, x)


def _selection(emit: Emit, name: str, number: str, x: Sequence[str]) -> str | None:
    if name in ("mask", "where", "logical_not"):
        truth = emit(f"fcmp une {number} {x[0]}, 0.0")
        chosen, other = {"mask": (x[1:2], "0.0"), "where": (x[1:2], x[-1])}.get(
            name, (["0.0"], "1.0"))  # fmt: skip
        return emit(f"select i1 {truth}, {number} {chosen[0]}, {number} {other}")
    if name in ("maximum", "minimum", "relu"):
        other = "0.0" if name == "relu" else x[1]
        better = emit(f"fcmp {'olt' if name == 'minimum' else 'ogt'} {number} {x[0]}, {other}")
        nothing = emit(f"fcmp uno {number} {x[0]}, {x[0]}")
        chosen = emit(f"or i1 {better}, {nothing}")
        return emit(f"select i1 {chosen}, {number} {x[0]}, {number} {other}")
    if name == "neg":
        return emit(f"fneg {number} {x[0]}")
    if name == "integer_power_m1":
        return emit(f"fdiv {number} 1.0, {x[0]}")
    if name in ("integer_power_2", "integer_power_3"):
        square = emit(f"fmul {number} {x[0]}, {x[0]}")
        return square if name.endswith("2") else emit(f"fmul {number} {square}, {x[0]}")
    if name == "sqrt_shift":
        kind = "f64" if number == "double" else "f32"
        root = emit(f"call {number} @llvm.sqrt.{kind}({number} {x[0]})")
        return emit(f"fadd {number} {root}, {x[1]}")
    return None


# Between widths ----------------------------------------------------------------------------------

MEMORY_TYPES = {**LLVM_TYPES, "i4": "i32", "u1": "i8"}
_CONVERSIONS = {
    ("f8", "f4"): "fpext", ("f8", "i8"): "sitofp", ("f8", "i4"): "sitofp", ("f8", "u1"): "uitofp",
    ("f4", "f8"): "fptrunc", ("f4", "i8"): "sitofp", ("f4", "i4"): "sitofp",
    ("f4", "u1"): "uitofp", ("i8", "i4"): "sext", ("i8", "u1"): "zext",
}  # fmt: skip


def converted(emit: Emit, value: str, width: str, source: str) -> str:
    """A number that was read from memory in the width that is computed with."""
    if width == source:
        return value
    instruction = _CONVERSIONS[width, source]
    return emit(f"{instruction} {MEMORY_TYPES[source]} {value} to {MEMORY_TYPES[width]}")


def stored(emit: Emit, value: str, target: str, width: str) -> str:
    """A number as it is written to memory; truth values are bytes there."""
    if target == width:
        return value
    zero = "fcmp une" if width in _FLOATS else "icmp ne"
    nothing = "0.0" if width in _FLOATS else "0"
    truth = emit(f"{zero} {MEMORY_TYPES[width]} {value}, {nothing}")
    return emit(f"zext i1 {truth} to i8")
