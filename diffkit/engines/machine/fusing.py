"""Shorter tapes: products that are only added to something, and numbers that all lanes share.

    t = a·b;  d = t + c   →   d = a·b + c          splat s;  d = a·s   →   d = a·s in one pass

A tape is rewritten once, before it becomes a row.  The operations and their rounding stay as they
are; passes over short vectors, and the vectors themselves, become fewer (``kernels/fused.py``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["fuse"]

WIDTHS = ("f8", "f4")
# By the operation that reads a product and the place where it reads it: the two in one.
_WITH_PRODUCT = {("add", 0): "mul_add", ("add", 1): "mul_add", ("sub", 0): "mul_sub",
                 ("sub", 1): "sub_mul"}  # fmt: skip
# By operation and the place of the number that all lanes share: the form that takes it as b.
_WITH_NUMBER = {
    ("mul", 0): "scale", ("mul", 1): "scale", ("add", 0): "shift", ("add", 1): "shift",
    ("sub", 1): "lower", ("sub", 0): "rest", ("mul_add", 0): "scale_add",
    ("mul_add", 1): "scale_add", ("mul_sub", 0): "scale_sub", ("mul_sub", 1): "scale_sub",
    ("sub_mul", 0): "sub_scale", ("sub_mul", 1): "sub_scale",
}  # fmt: skip


def fuse(tape: Any) -> None:
    """Rewrite the instructions of a tape that is about to become a row."""
    if tape.width not in WIDTHS or tape.lanes < 2:
        return
    _products(tape)
    _numbers(tape)
    for register in tape.registers:
        register.last = -1
    for place, (_, _, operands) in enumerate(tape.instructions):
        for register in operands:
            tape.registers[register].last = place


def _products(tape: Any) -> None:
    """Put products together with the one sum or difference that reads them."""
    suffix = f"_{tape.width}"
    reads = Counter(r for _, _, operands in tape.instructions for r in operands)
    products = {
        result: operands
        for kernel, result, operands in tape.instructions
        if kernel == f"mul{suffix}" and reads[result] == 1 and tape.registers[result].store is None
    }
    taken, found = set(), []
    for kernel, result, operands in tape.instructions:
        for place in (1, 0):
            joined = _WITH_PRODUCT.get((kernel.removesuffix(suffix), place))
            if joined and len(operands) == 2 and operands[place] in products:
                taken.add(operands[place])
                kernel = joined + suffix
                operands = (*products[operands[place]], operands[1 - place])
                break
        found.append((kernel, result, operands))
    tape.instructions[:] = [entry for entry in found if entry[1] not in taken]


def _numbers(tape: Any) -> None:
    """Read a number that all lanes share where it lies, instead of a vector filled with it."""
    suffix = f"_{tape.width}"
    splat = f"splat{suffix}{suffix}"
    plain: dict[int, int] = {}
    for k, (kernel, result, operands) in enumerate(tape.instructions):
        for place in (1, 0):
            form = _WITH_NUMBER.get((kernel.removesuffix(suffix), place))
            if form is None or tape.registers[operands[place]].load != splat:
                continue
            number = operands[place]
            if number not in plain:
                tape.registers.append(type(tape.registers[number])(tape.registers[number].value))
                plain[number] = len(tape.registers) - 1
            rest = (operands[1 - place], plain[number], *operands[2:])
            tape.instructions[k] = (form + suffix, result, rest)
            break
