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
_NUMPY_FUNCTION = type(np.reshape)
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
    """What a function depended on when it was captured.

    ``named`` are parts that hold the same object as long as nothing changed: an entry of a
    dictionary of globals or a closure cell, and what it held.  Looking whether it is still there
    costs nanoseconds; only if it is not, everything is compared.
    """

    def __init__(
        self,
        parts: list[tuple[Callable[[], Any], Callable[[Any], bool]]] | None,
        named: _Named | None = None,
    ) -> None:
        self.parts = parts
        self.named = named

    @property
    def watchable(self) -> bool:
        """False when the function must be captured at every call."""
        return self.parts is not None

    def unchanged(self) -> bool:
        """Whether everything the function depends on still holds its value."""
        if self.parts is None:
            return False
        if self.named is not None and self.named.in_place():
            return True
        try:
            return all(same(fetch()) for fetch, same in self.parts)
        except (LookupError, ValueError, AttributeError):
            return False


class _Named:
    """Where a function finds what it depends on, and the very objects it found there."""

    def __init__(self) -> None:
        self.globals: list[tuple[dict[str, Any], str, Any]] = []
        self.cells: list[tuple[types.CellType, Any]] = []
        self.functions: list[tuple[types.FunctionType, types.CodeType, Any]] = []
        self.complete = True  # False when some part has to be compared by value

    def in_place(self) -> bool:
        """Whether all of it is still the same object in the same place."""
        if not self.complete:
            return False
        try:
            for names, name, value in self.globals:
                if names[name] is not value:
                    return False
            for cell, value in self.cells:
                if cell.cell_contents is not value:
                    return False
        except (KeyError, ValueError):
            return False
        for function, code, defaults in self.functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return False
            if function.__dict__:
                return False
        return True


def _is_same_forever(value: Any) -> bool:
    """Whether an object cannot change, or is watched by the places its own parts are in."""
    if isinstance(value, np.ndarray):
        return not value.flags.writeable and bool(value.flags.owndata)
    if type(value) is tuple:
        return all(map(_is_same_forever, value))
    immutable = (*_CONSTANT_TYPES, types.FunctionType, types.ModuleType, _NUMPY_FUNCTION)
    return isinstance(value, immutable) or _is_frozen_here(value)


def _is_frozen_here(value: Any) -> bool:
    """Whether an object is a value of diffkit's own, such as a net, which nothing changes."""
    kind = type(value)
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and parameters.frozen and kind.__module__.startswith("diffkit.")


def watch(f: Any) -> Snapshot:
    """A snapshot of what ``f`` depends on besides its arguments."""
    walk = _Walk()
    try:
        walk.function(f)
    except _Unwatchable:
        return Snapshot(None)
    return Snapshot(walk.parts, walk.named)


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
        self.named = _Named()
        self.seen: set[int] = set()

    def add(self, fetch: Callable[[], Any], value: Any, named: bool = False) -> None:
        """Watch a part; ``named`` parts are also watched by their place."""
        if len(self.parts) > MOST_PARTS:
            raise _Unwatchable
        if not (named and _is_same_forever(value)):
            self.named.complete = False
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
        elif isinstance(f, _NUMPY_FUNCTION):
            return  # its behaviour is NumPy's own
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
            without_attributes = self.named.complete and not vars(f)
            self.add(lambda: vars(f), vars(f))
            self.named.complete = without_attributes
        if _is_library(f.__module__) and not f.__closure__:
            return
        names = set(_names_used(f.__code__))
        if names & UNWATCHABLE_NAMES:
            raise _Unwatchable
        for cell in f.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            self.add(lambda c=cell: c.cell_contents, value, named=True)
            self.named.cells.append((cell, value))
        for place, value in enumerate(f.__defaults__ or ()):
            self.add(lambda i=place: f.__defaults__[i], value, named=True)  # type: ignore[index]
        for key, value in (f.__kwdefaults__ or {}).items():
            self.add(lambda k=key: f.__kwdefaults__[k], value)  # type: ignore[index]
        if _is_library(f.__module__):
            return
        for name in sorted(names):
            if name in f.__globals__:
                value = f.__globals__[name]
                self.add(lambda n=name: f.__globals__[n], value, named=True)
                self.named.globals.append((f.__globals__, name, value))
            elif not hasattr(builtins, name):
                continue  # an attribute, or a name that is not there

    def transparent(self, f: types.FunctionType) -> None:
        """A function's code may be replaced at run time; compare it too."""
        code = f.__code__
        self.parts.append((lambda: f.__code__, lambda now: now is code))
        self.named.functions.append((f, code, f.__defaults__))

    def opaque(self, f: Any) -> None:
        wrapped: Any = f
        if dataclasses.is_dataclass(f) and f.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            here = _is_frozen_here(f)
            for field in dataclasses.fields(f):
                self.add(lambda n=field.name: getattr(f, n), getattr(f, field.name), named=here)
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
            frozen = _is_frozen(value)
            return lambda now: (frozen and now is value) or (
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


def _is_frozen(value: Any) -> bool:
    """Whether nothing in a value can change: a constant, or a tuple of such."""
    if type(value) is tuple:
        return all(map(_is_frozen, value))
    return isinstance(value, _CONSTANT_TYPES)


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
