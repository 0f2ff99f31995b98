"""Two elementwise operations in one pass, and operations with one number for all lanes.

    d = a·b + c,   d = c − a·b,   √a + s,   …,      also with one number for all lanes

A tape spends its time on loads and stores of short vectors, so a product that is only added to
something shares a pass with the sum ("superinstructions"; Ertl & Gregg 2003, *The structure and
performance of efficient interpreters*).  Both operations round, as they do one after the other:
the bits are the same.  Which operations are put together is decided in ``machine/fusing.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from diffkit.engines.machine.kernels.abi import OPERATION
from diffkit.engines.machine.kernels.writing import WIDTHS, from_text

__all__ = ["EXPRESSIONS", "generated"]

# What each operation writes; s is the one number of b.
EXPRESSIONS = {
    "mul_add": "a[i] * b[i] + c[i]", "sub_mul": "c[i] - a[i] * b[i]",
    "mul_sub": "a[i] * b[i] - c[i]", "scale_add": "a[i] * s + c[i]",
    "sub_scale": "c[i] - a[i] * s", "scale_sub": "a[i] * s - c[i]", "scale": "a[i] * s",
    "shift": "a[i] + s", "lower": "a[i] - s", "rest": "s - a[i]",
    "sqrt_shift": "math.sqrt(a[i]) + s", "scale_mul": "a[i] * s * c[i]",
    "scale_div": "a[i] * s / c[i]",
}  # fmt: skip


def _text(name: str, width: str, value: str) -> str:
    lines = [f"def {name}_{width}(d, a, b, c, n):"]
    lines += [f"    {x} = {width}({x})" for x in "dabc"]
    lines += ["    s = b[0]"] if " s" in value or value.startswith("s ") else []
    return "\n".join([*lines, "    for i in range(n):", f"        d[i] = {value}", ""])


def generated() -> dict[str, Callable[..., None]]:
    """The kernels by name.

    >>> "scale_add_f8" in generated()
    True
    """
    found: dict[str, Any] = {}
    for width in WIDTHS:
        for name, value in EXPRESSIONS.items():
            text = _text(name, width, value)
            found[f"{name}_{width}"] = from_text(f"{name}_{width}", text, OPERATION, {"math": math})
    return found
