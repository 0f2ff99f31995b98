"""What a Python function depends on besides its arguments, so that no answer is ever stale.

A captured graph is valid as long as the function's closure cells, defaults and named globals
hold what they held at capture.  :func:`watch` takes a snapshot of them: plain values and arrays
are compared, read-only arrays by identity, functions followed.  A function that reaches other
mutable state (an object with attributes, a random generator, a module of settings) cannot be
watched and is captured at every call.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import sys
import types
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.method import Method
from diffkit.errors import LeakedTracerError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import Primitive

__all__ = ["Snapshot", "watch"]

# Containers and functions with more parts than this are captured anew instead of compared.
MOST_PARTS = 2000
# Names that make a function's result depend on something no snapshot shows.
UNWATCHABLE_NAMES = frozenset({
    "random", "default_rng", "urandom", "time", "perf_counter", "monotonic", "now", "today",
    "input", "open", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "environ", "getenv",
    "globals", "locals", "eval", "exec", "modules",
})  # fmt: skip
_Pair = namedtuple("_Pair", ["one", "other"])  # its fields have a descriptor type of their own
_CONSTANT_TYPES = (
    type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, np.ufunc,
    types.EllipsisType, range, slice, types.MemberDescriptorType, types.GetSetDescriptorType,
    types.WrapperDescriptorType, types.MethodDescriptorType, type(vars(_Pair)["one"]),
)  # fmt: skip
_LIBRARIES = frozenset(sys.stdlib_module_names) | {
    "numpy", "scipy", "sympy", "numba", "matplotlib", "optree", "sklearn", "diffkit", "mpmath",
}  # fmt: skip


# Names in every class that are no settings of the user's.
_CLASS_MACHINERY = frozenset({
    "__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate_func__",
    "__annotations_cache__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__dataclass_params__", "__dataclass_fields__", "__match_args__", "__orig_bases__",
    "__parameters__", "__abstractmethods__", "_abc_impl",
})  # fmt: skip


class _Unwatchable(Exception):
    """Raised inside a walk that reaches mutable state it cannot compare."""


class Snapshot:
    """What a function depended on when it was captured."""

    def __init__(self, parts: list[tuple[Callable[[], Any], Callable[[Any], bool]]] | None) -> None:
        self.parts = parts

    @property
    def watchable(self) -> bool:
        """False when the function must be captured at every call."""
        return self.parts is not None

    def unchanged(self) -> bool:
        """Whether everything the function depends on still holds its value."""
        if self.parts is None:
            return False
        try:
            return all(same(fetch()) for fetch, same in self.parts)
        except (LookupError, ValueError, AttributeError):
            return False


def watch(f: Any) -> Snapshot:
    """A snapshot of what ``f`` depends on besides its arguments."""
    walk = _Walk()
    try:
        walk.function(f)
    except _Unwatchable:
        return Snapshot(None)
    return Snapshot(walk.parts)


def _is_library(module: str | None) -> bool:
    return (module or "").partition(".")[0] in _LIBRARIES


def _names_used(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_used(constant)


class _Walk:
    def __init__(self) -> None:
        self.parts: list[tuple[Callable[[], Any], Callable[[Any], bool]]] = []
        self.seen: set[int] = set()

    def add(self, fetch: Callable[[], Any], value: Any) -> None:
        if len(self.parts) > MOST_PARTS:
            raise _Unwatchable
        self.parts.append((fetch, self.comparer(value)))

    def function(self, f: Any) -> None:
        if id(f) in self.seen:
            return
        self.seen.add(id(f))
        if isinstance(f, functools.partial):
            self.function(f.func)
            for place, value in enumerate(f.args):
                self.add(lambda i=place: f.args[i], value)
            for key, value in f.keywords.items():
                self.add(lambda k=key: f.keywords[k], value)
        elif isinstance(f, types.MethodType):
            self.add(lambda: f.__self__, f.__self__)
            self.function(f.__func__)
        elif isinstance(f, types.FunctionType):
            self.python_function(f)
        elif isinstance(f, types.BuiltinFunctionType):
            self.builtin(f)
        elif isinstance(f, type):
            self.user_class(f)
        elif not isinstance(f, _CONSTANT_TYPES):
            self.opaque(f)

    def builtin(self, f: types.BuiltinFunctionType) -> None:
        """A function of a module, or a method bound to something that may change."""
        if f.__name__ in UNWATCHABLE_NAMES:
            raise _Unwatchable
        owner = f.__self__
        if owner is not None and not isinstance(owner, (types.ModuleType, type)):
            self.add(lambda: owner, owner)

    def user_class(self, kind: type) -> None:
        """The attributes of a class, such as settings in ``class Config: rate = 0.1``."""
        for base in kind.__mro__:
            if _is_library(base.__module__) or base.__module__ == "builtins":
                continue
            names = [name for name in vars(base) if name not in _CLASS_MACHINERY]
            self.add(lambda b=base: [n for n in vars(b) if n not in _CLASS_MACHINERY], names)
            for name in names:
                self.add(lambda b=base, n=name: vars(b)[n], vars(base)[name])

    def python_function(self, f: types.FunctionType) -> None:
        self.transparent(f)
        if not _is_library(f.__module__):
            self.add(lambda: vars(f), vars(f))
        if _is_library(f.__module__) and not f.__closure__:
            return
        names = set(_names_used(f.__code__))
        if names & UNWATCHABLE_NAMES:
            raise _Unwatchable
        for place, cell in enumerate(f.__closure__ or ()):
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            self.add(lambda c=f.__closure__[place]: c.cell_contents, value)  # type: ignore[index]
        for place, value in enumerate(f.__defaults__ or ()):
            self.add(lambda i=place: f.__defaults__[i], value)  # type: ignore[index]
        for key, value in (f.__kwdefaults__ or {}).items():
            self.add(lambda k=key: f.__kwdefaults__[k], value)  # type: ignore[index]
        if _is_library(f.__module__):
            return
        for name in sorted(names):
            if name in f.__globals__:
                self.add(lambda n=name: f.__globals__[n], f.__globals__[name])
            elif not hasattr(builtins, name):
                continue  # an attribute, or a name that is not there

    def transparent(self, f: types.FunctionType) -> None:
        """A function's code may be replaced at run time; compare it too."""
        code = f.__code__
        self.parts.append((lambda: f.__code__, lambda now: now is code))

    def opaque(self, f: Any) -> None:
        wrapped: Any = f
        if dataclasses.is_dataclass(f) and f.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            for field in dataclasses.fields(f):
                self.add(lambda n=field.name: getattr(f, n), getattr(f, field.name))
        elif isinstance(f, (Graph, Primitive, Method)):
            return
        elif hasattr(type(f), "watched"):  # a cached function: follow what it wraps
            self.function(wrapped.watched)
        else:
            raise _Unwatchable

    def comparer(self, value: Any) -> Callable[[Any], bool]:
        """A test whether a later value equals this one."""
        if isinstance(value, Tracer):
            raise LeakedTracerError(
                "a function reaches a traced value of another capture through its closure",
                hint="pass it as an argument.",
            )
        if isinstance(value, _CONSTANT_TYPES):
            return lambda now: now is value or (type(now) is type(value) and _equal(now, value))
        if isinstance(value, np.ndarray):
            return _array_comparer(value)
        if isinstance(value, (staticmethod, classmethod)):
            self.function(value.__func__)
            return lambda now: now is value
        if isinstance(value, property):
            for accessor in (value.fget, value.fset, value.fdel):
                if accessor is not None:
                    self.function(accessor)
            return lambda now: now is value
        if isinstance(value, types.ModuleType):
            if not _is_library(value.__name__):
                raise _Unwatchable
            return lambda now: now is value
        if isinstance(value, (list, tuple)):
            kind, items = type(value), [self.comparer(item) for item in value]
            return lambda now: (
                type(now) is kind and len(now) == len(items)
                and all(same(item) for same, item in zip(items, now, strict=True))
            )  # fmt: skip
        if isinstance(value, dict):
            by_key = {key: self.comparer(item) for key, item in value.items()}
            return lambda now: (
                isinstance(now, dict) and now.keys() == by_key.keys()
                and all(same(now[key]) for key, same in by_key.items())
            )  # fmt: skip
        self.function(value)
        return lambda now: now is value


def _equal(now: Any, value: Any) -> bool:
    same = now == value or (now != now and value != value)
    return bool(same) and str(now) == str(value)  # 0.0 is not −0.0


def _array_comparer(value: np.ndarray) -> Callable[[Any], bool]:
    if value.dtype.hasobject:
        raise _Unwatchable
    if not value.flags.writeable and value.flags.owndata:
        return lambda now: now is value
    kept, content = value.copy(), value.tobytes()
    return lambda now: (
        isinstance(now, np.ndarray) and now.shape == kept.shape and now.dtype == kept.dtype
        and now.tobytes() == content
    )  # fmt: skip
