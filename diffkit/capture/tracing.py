"""Tracers: stand-ins for arrays that write down what is done to them.

Operator overloading is the oldest way of capturing a program's computation (R. E. Wengert
1964, *A simple automatic derivative evaluation program*).  A tracer knows its arena, its node
and its abstract value; every operation on it adds an equation, or finds the one that is there.

The methods for operators are the hot path, about a microsecond each: they look into the
arena's table and the operation's inference memo, and leave everything unusual (plain numbers,
casts, broadcasting for the first time) to :meth:`Tracer.bind_primitive`.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.errors import (
    DataDependentError,
    DiffkitError,
    DtypeError,
    LeakedTracerError,
    MutationError,
    UnsupportedError,
)
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval_of
from diffkit.graph.ir import Guard
from diffkit.graph.primitive import Primitive
from diffkit.graph.sources import Source, place_of
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise

__all__ = ["Tracer", "is_traced", "lift", "user_source"]

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_getframe = sys._getframe


def user_source() -> Source:
    """The position of the innermost frame outside diffkit and NumPy."""
    frame = _getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_HERE) and not name.startswith(_NUMPY):
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


class Tracer:
    """A traced array of known shape and dtype; NumPy functions and operators accept it."""

    __slots__ = ("__weakref__", "arena", "aval", "children", "node", "view")
    __array_priority__ = 1000.0

    arena: Arena
    node: int
    aval: Aval

    def __init__(self, arena: Arena, node: int, aval: Aval) -> None:
        self.arena = arena
        self.node = node
        self.aval = aval

    # What an array tells about itself -----------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.aval.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.aval.size

    def __len__(self) -> int:
        if not self.aval.shape:
            raise TypeError("len() of a traced scalar")
        return self.aval.shape[0]

    def __repr__(self) -> str:
        return f"Tracer<{self.aval}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __hash__(self) -> int:
        return id(self)

    # Binding -----------------------------------------------------------------------------

    def bind_primitive(
        self, primitive: Primitive, operands: Sequence[Any], params: dict[str, Any]
    ) -> Tracer:
        """Add ``primitive(*operands, **params)`` to the arena and return its tracer."""
        arena = self.arena
        source = arena.source or user_source()
        try:
            tracers = lift_all(arena, operands, primitive.inert)
            wanted = primitive.dtypes([t.aval for t in tracers])
            if wanted is not None:
                tracers = [_cast(t, dtype) for t, dtype in zip(tracers, wanted, strict=True)]
            nodes = tuple([t.node for t in tracers])
            node = arena.emit(primitive.operation(params), nodes, source)
        except DiffkitError as error:
            error.where = error.where or place_of(source)
            raise
        return Tracer(arena, node, arena.avals[node])

    def example(self) -> Any:
        """The value at the inputs capture was called with (computed when asked for)."""
        from diffkit.engines.interpret import example_value

        return example_value(self.arena, self.node)

    # Plain Python values ---------------------------------------------------------------------

    def guarded(self, convert: Callable[[Any], Any], what: str) -> Any:
        """A plain value of this tracer, recorded as a guard of the graph."""
        if self.aval.size != 1:
            raise DataDependentError(
                f"{what} of a traced array with {self.aval.size} elements is ambiguous",
                where=place_of(user_source()),
                hint="use np.any(x) or np.all(x), or np.where to select elementwise.",
            )
        outcome = convert(np.asarray(self.example()).reshape(())[()])
        self.arena.guards.append(Guard(self.node, outcome, user_source()))
        return outcome

    def __bool__(self) -> bool:
        return self.guarded(bool, "the truth value")

    def __int__(self) -> int:
        return self.guarded(int, "int()")

    def __index__(self) -> int:
        if self.aval.dtype.kind not in "iu":
            raise TypeError(f"only integers can be an index, not a traced {self.aval}")
        return self.guarded(int, "an index")

    def _no_float(self) -> Any:
        raise DataDependentError(
            f"a traced {self.aval} was needed as a plain float "
            "(by float(), math.* or a store into a plain array)",
            where=place_of(user_source()),
            hint="use np.sin instead of math.sin, and build arrays with np.stack or "
            "np.array([...]) instead of filling np.zeros.",
        )

    __float__ = __complex__ = _no_float

    def item(self) -> Any:
        """Always raises: a traced value has no plain number."""
        return self._no_float()

    tolist = item

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """An object array of scalar tracers, which the next NumPy function stacks again."""
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            self._no_float()
        cells = np.empty(self.aval.shape, dtype=object)
        if self.aval.ndim == 0:
            cells[()] = self
        else:
            flat = cells.reshape(-1)
            for place, scalar in enumerate(np.reshape(self, -1)):
                flat[place] = scalar
        return cells

    # Protocols: the tables are filled by capture/numpy_functions --------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from diffkit.capture.numpy_functions import call_ufunc

        return call_ufunc(self, ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from diffkit.capture.numpy_functions import call_function

        return call_function(self, func, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        from diffkit.capture.numpy_functions import METHODS

        function = METHODS.get(name)
        if function is None:
            if name.startswith("__") or name in Tracer.__slots__:  # a slot not filled yet
                raise AttributeError(name)
            known = hasattr(np.ndarray, name)
            raise (UnsupportedError if known else AttributeError)(
                f"a traced array has no attribute {name!r}"
            )
        return function(self)

    def __iter__(self) -> Iterator[Tracer]:
        if not self.aval.shape:
            raise TypeError("iteration over a traced scalar")
        return (self[i] for i in range(self.aval.shape[0]))

    # Indexing and functional updates ------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tracer:
        from diffkit.capture.indexing import read

        found = read(self, index)
        if found.aval.ndim:
            _remember_view(self, index, found)
        return found

    def __setitem__(self, index: Any, value: Any) -> None:
        from diffkit.capture.indexing import updated

        self.replace(updated(self, index, value))

    def replace(self, new: Tracer) -> None:
        """Rebind this tracer to a new value, as an in-place operation on an array would.

        A view writes through to its base, and views of this tracer are read again.
        """
        if new.aval.shape != self.aval.shape:
            raise MutationError(
                f"an in-place operation would change the shape {self.aval} into {new.aval}",
                where=place_of(user_source()),
                hint="write y = y + x instead of y += x.",
            )
        self.node = _cast(new, self.aval.dtype).node
        base = getattr(self, "view", None)
        if base is not None:
            base[0][base[1]] = self
        for child in getattr(self, "children", ()):
            view = child()
            if view is not None and view.view[0] is self:
                from diffkit.capture.indexing import read

                view.node = read(self, view.view[1]).node

    # Operators that are not on the hot path -----------------------------------------------------

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        return np.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return np.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)

    def __neg__(self) -> Tracer:
        return ops.neg(self)

    def __pos__(self) -> Tracer:
        return self

    def __abs__(self) -> Tracer:
        return piecewise.abs_(self)

    def __invert__(self) -> Tracer:
        return ops.logical_not(self)


def _remember_view(base: Tracer, index: Any, found: Tracer) -> None:
    """Basic indexing gives a view: later in-place operations must reach both."""
    basic = (int, slice, type(None), type(Ellipsis))
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, basic) and not isinstance(part, bool) for part in parts):
        found.view = (base, index)
        if not hasattr(base, "children"):
            base.children = []
        base.children.append(weakref.ref(found))


def is_traced(value: Any) -> bool:
    """Whether a value is a tracer, or an object array that holds one."""
    if isinstance(value, Tracer):
        return True
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(isinstance(item, Tracer) for item in value.flat)
    return False


def lift(arena: Arena, value: Any, dtype: Any = None) -> Tracer:
    """A value as a tracer of this arena: constants become literals, object arrays are stacked."""
    if isinstance(value, Tracer):
        if value.arena is not arena:
            raise LeakedTracerError(
                "two captures are mixed: a traced value of one is used in another",
                where=place_of(user_source()),
                hint="pass it as an argument instead of reaching it through a closure.",
            )
        return value
    if isinstance(value, (list, tuple, np.ndarray)) and is_traced_deep(value):
        from diffkit.capture.indexing import stack_cells

        return stack_cells(arena, value)
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise DtypeError(
            f"a {type(value).__name__} cannot take part in a calculation ({value!r:.40})",
            hint="pass a number or an array.",
        )
    array = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)
    if dtype is not None and array.dtype != dtype:
        array = array.astype(dtype)
    aval_of(array)
    node = arena.literal(array)
    return Tracer(arena, node, arena.avals[node])


def is_traced_deep(value: Any) -> bool:
    """Whether nested lists, tuples or object arrays hold a tracer."""
    if isinstance(value, (list, tuple)):
        return any(is_traced_deep(item) for item in value)
    return is_traced(value)


def lift_all(arena: Arena, operands: Sequence[Any], inert: Sequence[int] = ()) -> list[Tracer]:
    """Operands as tracers; plain Python numbers take the dtype of their company (NEP 50)."""
    weak = [type(x) in (int, float) for x in operands]
    lifted = [None if w else lift(arena, x) for w, x in zip(weak, operands, strict=True)]
    strong = [t.aval.dtype for i, t in enumerate(lifted) if t is not None and i not in inert]
    for place, value in enumerate(operands):
        if weak[place]:
            dtype = np.result_type(*strong, value) if strong else np.dtype(type(value))
            lifted[place] = lift(arena, value, dtype)
            if value and strong:
                # the hot path finds this literal again by the Python number itself
                arena.scalars[(value.__class__, value, strong[0])] = lifted[place].node
    return lifted  # type: ignore[return-value]


def _cast(tracer: Tracer, dtype: np.dtype[Any]) -> Tracer:
    if tracer.aval.dtype == dtype:
        return tracer
    arena = tracer.arena
    value = arena.values.get(tracer.node)
    if value is not None:
        return lift(arena, np.asarray(value).astype(dtype))
    node = arena.emit(
        ops.cast.operation({"dtype": dtype.str}), (tracer.node,), arena.source or user_source()
    )
    return Tracer(arena, node, arena.avals[node])


def _binary(primitive: Primitive, reflected: bool = False) -> Any:
    """The operator method of a binary primitive; see the module's essay."""
    operation = primitive.bare
    memo = operation.memo

    def operator(self: Tracer, other: Any) -> Any:
        arena = self.arena
        if other.__class__ is Tracer:
            other_node = other.node
            if other.arena is not arena:
                return primitive(self, other)
        else:
            other_node = arena.scalars.get((other.__class__, other, self.aval.dtype)) \
                if other.__class__ is float or other.__class__ is int else None  # fmt: skip
            if other_node is None:
                if _declines(other):
                    return NotImplemented
                return primitive(other, self) if reflected else primitive(self, other)
        key = (operation, other_node, self.node) if reflected else \
            (operation, self.node, other_node)  # fmt: skip
        node = arena.table.get(key)
        avals = arena.avals
        if node is None:
            found = memo.get((avals[key[1]], avals[key[2]]))
            if found is None:
                return primitive(other, self) if reflected else primitive(self, other)
            source = arena.source
            if source is None:
                frame = _getframe(1)
                source = (frame.f_code, frame.f_lasti)
            node = len(avals)
            arena.operations.append(operation)
            arena.operands.append(key[1:])
            avals.append(found)
            arena.sources.append(source)
            arena.table[key] = node
            return Tracer(arena, node, found)
        return Tracer(arena, node, avals[node])

    operator.__name__ = f"{'reflected_' if reflected else ''}{primitive.name}"
    return operator


def _declines(other: Any) -> bool:
    """Whether an operand is of a kind Python should report as unsupported."""
    return isinstance(other, (str, bytes, dict, set)) or other is None


def _in_place(operator: Callable[[Any, Any], Any]) -> Any:
    """``y += x``: scalars rebind, arrays change for every alias, as in NumPy."""

    def update(self: Tracer, other: Any) -> Tracer:
        result = operator(self, other)
        if self.aval.ndim == 0 or result is NotImplemented:
            return result
        self.replace(result)
        return self

    return update


def _install() -> None:
    pairs = {
        "add": ops.add, "sub": ops.sub, "mul": ops.mul, "truediv": ops.div,
        "and": ops.logical_and, "or": ops.logical_or,
    }  # fmt: skip
    for name, primitive in pairs.items():
        method = _binary(primitive)
        setattr(Tracer, f"__{name}__", method)
        setattr(Tracer, f"__r{name}__", _binary(primitive, reflected=True))
        setattr(Tracer, f"__i{name}__", _in_place(method))
    comparisons = {
        "lt": ops.less, "le": ops.less_equal, "gt": ops.greater, "ge": ops.greater_equal,
        "eq": ops.equal, "ne": ops.not_equal,
    }  # fmt: skip
    for name, primitive in comparisons.items():
        setattr(Tracer, f"__{name}__", _binary(primitive))
    # floor division and remainder go through NumPy's ufuncs
    for name, ufunc in {"floordiv": np.floor_divide, "mod": np.remainder}.items():
        setattr(Tracer, f"__{name}__", lambda self, other, u=ufunc: u(self, other))
        setattr(Tracer, f"__r{name}__", lambda self, other, u=ufunc: u(other, self))


_install()
