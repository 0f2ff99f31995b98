"""Sums along contiguous numbers, for the kernels that need one.

A sum runs in blocks that the compiler may reorder (so they are vectorised), and the blocks are
added with Kahan's compensation: its error does not grow with n,

    |computed − exact| ≤ (BLOCK/lanes + 2) ε Σ|x|     and in practice a few ε Σ|x|

(Kahan 1965; Higham 1993, *The accuracy of floating point summation*).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import FLAGS

__all__ = ["ANY_ORDER", "block_sum", "long_sum"]

# The one liberty that the compiler has: to add the terms of a sum in another order.
ANY_ORDER: dict[str, Any] = {**FLAGS, "fastmath": {"reassoc"}}

BLOCK = 512  # numbers added in an order of the compiler's choice


@njit(**ANY_ORDER)
def block_sum(x: Any, start: Any, count: Any, zero: Any) -> Any:
    """The sum of a block, in an order that vectorises."""
    total = zero
    for i in range(start, start + count):
        total += x[i]
    return total


@njit(**FLAGS)
def long_sum(x: Any, start: Any, count: Any, zero: Any) -> Any:
    """The sum of contiguous numbers, block by block, compensated."""
    if count <= BLOCK:
        return block_sum(x, start, count, zero)
    total, lost = zero, zero
    done = 0
    while done < count:
        size = min(BLOCK, count - done)
        value = block_sum(x, start + done, size, zero) - lost
        raised = total + value
        lost = (raised - total) - value
        total = raised
        done += size
    # infinities make the compensation NaN: then the plain sum is the answer
    return total if total == total else block_sum(x, start, count, zero)
