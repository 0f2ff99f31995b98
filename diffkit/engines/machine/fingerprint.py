"""What the object code of a family depends on, as one hash.

Code that was compiled from other kernels, by other versions or for another CPU must never be
loaded: a stale callee would go on giving old answers.  The hash covers the text of the family's
module and of every module of ``engines/`` that it imports, directly or not; where loops are
written from primitives, how each of them is written; and what builds it all.  So editing a kernel
is enough to have its family built again.

It covers the target, too.  LLVM holds CPUs with 512-bit vectors to 256 bits unless told
otherwise, a caution that early ones needed; kernels are loops over blocks that stay in the first
cache, where the wide vectors are 10 to 30 % faster.
Reading on: the LLVM source, ``X86.td``, ``TuningPrefer256Bit``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import diffkit.primitives  # noqa: F401  (fills the registry)
from diffkit.engines.cache import environment
from diffkit.graph.primitive import REGISTRY, Elementwise, Primitive

__all__ = ["fingerprint", "is_built_in", "target", "target_variables"]

_HASH_DIGITS = 32  # 128 bits of SHA-256: a collision is out of reach
_ENGINES = Path(__file__).parents[1]
# What every family is built by; its imports say where things lie and are not followed.
_BUILDER = ("machine/building.py", "machine/fingerprint.py", "machine/scalar_forms.py",
            "machine/kernels/entry.py")  # fmt: skip
_WRITER = "emitting.py"  # families that import it are written from the primitives
_WORD = re.compile(r"\w+")
_IMPORT = re.compile(r"^\s*from diffkit\.engines([\w.]*) import (\([^)]*\)|[^\n#]*)", re.MULTILINE)
_NAME, _FEATURES = "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"
_HAS_WIDE_VECTORS, _USE_WIDE_VECTORS = "+avx512f", "-prefer-256-bit"


@cache
def target() -> tuple[str, str]:
    """The CPU that kernels are compiled for and its features, in LLVM's words.

    The user's own ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` come first.
    """
    from llvmlite import binding

    name = os.environ.get(_NAME) or binding.get_host_cpu_name()
    features = os.environ.get(_FEATURES)
    if features is None:
        own = _NAME in os.environ and name != binding.get_host_cpu_name()
        features = "" if own else _widened(binding.get_host_cpu_features().flatten())
    return name, features


def _widened(features: str) -> str:
    wide = _HAS_WIDE_VECTORS in features.split(",")
    return f"{features},{_USE_WIDE_VECTORS}" if wide else features


def target_variables() -> dict[str, str]:
    """The environment variables that make Numba compile for :func:`target`.

    They also leave the optimising to ``machine/building.py``: done twice it only takes longer.

    >>> sorted(target_variables())
    ['NUMBA_CPU_FEATURES', 'NUMBA_CPU_NAME', 'NUMBA_OPT']
    """
    return dict(zip((_NAME, _FEATURES), target(), strict=True)) | {"NUMBA_OPT": "0"}


@cache
def fingerprint(family: str) -> str:
    """The name of a family's object code for this library on this computer.

    >>> len(fingerprint("tape"))
    32
    """
    sources = _with_imports(f"machine/kernels/{family}.py")
    parts = [*environment(), *target(), *map(_text, _BUILDER), *map(_text, sources)]
    if _WRITER in sources:
        parts += map(str, _written())
    # lengths keep ("ab", "c") and ("a", "bc") apart
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


@cache
def _text(path: str) -> str:
    return (_ENGINES / path).read_text(encoding="utf-8")


def _with_imports(path: str) -> list[str]:
    """The file and all of ``engines/`` that it imports, directly or not, in alphabetical order."""
    found, new = {path}, [path]
    while new:
        more = _imports(new.pop()) - found
        found |= more
        new += more
    return sorted(found - {"machine/fingerprint.py", "cache.py"})


@cache
def _imports(path: str) -> frozenset[str]:
    if path in _BUILDER:
        return frozenset()
    modules: set[str] = set()
    for package, names in _IMPORT.findall(_text(path)):
        folder = package.removeprefix(".").replace(".", "/")
        whole = [f"{folder}.py"] if folder else []
        modules |= {*whole, *(f"{folder}/{name}.py".lstrip("/") for name in _WORD.findall(names))}
    return frozenset(module for module in modules if (_ENGINES / module).is_file())


def is_built_in(primitive: Primitive) -> bool:
    """Whether a primitive is diffkit's own, and compiled: users' own ones run in Python."""
    own = type(primitive).__module__.startswith("diffkit.primitives.")
    return own and not getattr(primitive, "in_python", False)


def _written() -> Iterator[tuple[object, ...]]:
    """How each elementwise primitive is written in kernels."""
    for name, primitive in REGISTRY.items():
        if isinstance(primitive, Elementwise) and is_built_in(primitive):
            yield name, primitive.emit, primitive.inert, primitive.result
