"""The kernels of the machine, one module per family; all of them are compiled once per computer.

A kernel is a plain function ``kernel(row, table)`` over integers: ``row`` points at the words of
its instruction, ``table`` at the addresses of the memory it may touch (``kernels/abi.py``).  It
allocates nothing and raises nothing, so its machine code can be kept on disk and loaded by a
process that never imports Numba (``machine/building.py``, ``machine/loading.py``).

``FAMILIES`` names the modules.  Adding a kernel is one function in one of them, and one lowering
rule that emits its row (``machine/rules/``).
"""

from __future__ import annotations

__all__ = ["FAMILIES"]

FAMILIES = ("control", "tape", "elementwise", "movement", "reduce", "normalise", "products",
            "looping", "fused", "scanning", "scalar_loops", "indexing", "convolution", "pooling",
            "complexes", "calling", "linear_algebra", "threads")  # fmt: skip
