"""What the object code of a family depends on, as one hash.

Code that was compiled from other kernels, by other versions or for another CPU must never be
loaded: a stale callee would go on giving old answers.  The hash covers the text of the family's
module and of every module it calls, and for the elementwise family how each primitive is written;
so editing a kernel is enough to have its family built again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from diffkit.engines.cache import environment
from diffkit.engines.machine.kernels import SCALAR_FAMILIES
from diffkit.graph.primitive import REGISTRY, Elementwise

__all__ = ["fingerprint"]

_HASH_DIGITS = 32  # 128 bits of SHA-256: a collision is out of reach
# Relative to engines/: what every family is made with.
_COMMON = ("machine/kernels/abi.py", "machine/kernels/writing.py", "machine/kernels/entry.py",
           "machine/kernels/sums.py", "machine/words.py",
           "machine/building.py")  # fmt: skip
# What the loops over scalar functions are made with besides.
_SCALAR = ("scalar_kernels.py", "elementary*.py", "lane_terms.py", "emitting.py",
           "machine/kernels/integers.py")  # fmt: skip


@cache
def fingerprint(family: str) -> str:
    """The name of a family's object code for this library on this computer.

    >>> len(fingerprint("tape"))
    32
    """
    parts = [*environment(), *_texts((*_COMMON, f"machine/kernels/{family}.py"))]
    if family in SCALAR_FAMILIES:
        parts += [*_texts(_SCALAR), *map(str, _written())]
    # lengths keep ("ab", "c") and ("a", "bc") apart
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


@cache
def _texts(patterns: tuple[str, ...]) -> tuple[str, ...]:
    engines = Path(__file__).parents[1]
    paths = [path for pattern in patterns for path in sorted(engines.glob(pattern))]
    return tuple(path.read_text(encoding="utf-8") for path in paths)


def _written() -> Iterator[tuple[object, ...]]:
    """How each elementwise primitive is written in kernels."""
    for name, primitive in REGISTRY.items():
        if isinstance(primitive, Elementwise):
            yield name, primitive.emit, primitive.inert, primitive.result
