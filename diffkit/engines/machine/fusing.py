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


# A reader whose first operand is a root, or an array times a number, takes both in one pass: by
# the operation inside, the reader, and the place where it reads.
_PAIRS = {("sqrt", "shift", 0): "sqrt_shift", ("scale", "mul", 0): "scale_mul",
          ("scale", "mul", 1): "scale_mul", ("scale", "div", 0): "scale_div"}  # fmt: skip


def fuse(tape: Any) -> None:
    """Rewrite the instructions of a tape that is about to become a row."""
    if tape.width not in WIDTHS or tape.lanes < 2:
        return
    _products(tape)
    _numbers(tape)
    _pairs(tape)
    for register in tape.registers:
        register.last = -1
    for place, (_, _, operands) in enumerate(tape.instructions):
        for register in operands:
            tape.registers[register].last = place


def _inner(tape: Any, kinds: set[str]) -> dict[int, tuple[str, tuple[int, ...]]]:
    """Results of operations of some kinds that one other operation reads and nobody else."""
    reads = Counter(r for _, _, operands in tape.instructions for r in operands)
    return {
        result: (kernel.removesuffix(f"_{tape.width}"), operands)
        for kernel, result, operands in tape.instructions
        if kernel.removesuffix(f"_{tape.width}") in kinds
        and reads[result] == 1
        and tape.registers[result].store is None
    }


def _products(tape: Any) -> None:
    """Put products together with the one sum or difference that reads them.

    Of two products the one with a number for all lanes goes first: it saves a vector, too.
    """
    products = _inner(tape, {"mul"})

    def rank(register: int) -> bool:
        return not any(tape.registers[x].once for x in products[register][1])

    taken, found = set(), []
    for kernel, result, operands in tape.instructions:
        name = kernel.removesuffix(f"_{tape.width}")
        places = [k for k in (1, 0) if (name, k) in _WITH_PRODUCT and operands[k] in products]
        if places:
            place = min(places, key=lambda k: rank(operands[k]))
            taken.add(operands[place])
            joined = _WITH_PRODUCT[name, place]
            kernel = f"{joined}_{tape.width}"
            operands = (*products[operands[place]][1], operands[1 - place])
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


def _pairs(tape: Any) -> None:
    """Put roots and scaled arrays together with the one operation that reads them.

    A pass that waits for the divider has time to load and store for two.
    """
    inner = _inner(tape, {kind for kind, _, _ in _PAIRS})
    taken, found = set(), []
    for kernel, result, operands in tape.instructions:
        name = kernel.removesuffix(f"_{tape.width}")
        for place in range(len(operands)):
            kind, own = inner.get(operands[place], ("", ()))
            joined = _PAIRS.get((kind, name, place))
            if joined is not None:
                taken.add(operands[place])
                kernel = f"{joined}_{tape.width}"
                operands = (*own, *operands[:place], *operands[place + 1 :])
                break
        found.append((kernel, result, operands))
    tape.instructions[:] = [entry for entry in found if entry[1] not in taken]
