"""Tracers: stand-ins for arrays that write down what is done to them.

Operator overloading is the oldest way of capturing a program's computation (R. E. Wengert
1964, *A simple automatic derivative evaluation program*).  A tracer knows its arena, its node
and its abstract value; every operation on it adds an equation, or finds the one that is there.

The operators, which are the hot path, are in ``capture/operators.py``; the NumPy functions in
``capture/numpy_functions``.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.capture.examples import example_value
from diffkit.capture.operators import Operators
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

__all__ = [
    "Tracer", "caller_source", "cast_to", "here", "is_traced", "is_traced_deep", "lift", "lift_all",
    "user_source",
]  # fmt: skip

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


def here() -> str:
    """The user's line, for an error message."""
    return place_of(user_source())


def caller_source(frame: Any) -> Source:
    """The position of a frame if it is the user's, else of the innermost one that is."""
    name = frame.f_code.co_filename
    if name.startswith(_HERE) or name.startswith(_NUMPY):
        return user_source()
    return frame.f_code, frame.f_lasti


class Tracer(Operators):
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
                tracers = [cast_to(t, dtype) for t, dtype in zip(tracers, wanted, strict=True)]
            nodes = tuple([t.node for t in tracers])
            node = arena.emit(primitive.operation(params), nodes, source)
        except DiffkitError as error:
            error.where = error.where or place_of(source)
            raise
        return Tracer(arena, node, arena.avals[node])

    def example(self) -> Any:
        """The value at the inputs capture was called with (computed when asked for)."""
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
        from diffkit.capture.complaints import stored_into

        stored = stored_into(user_source())
        if stored is not None:
            raise stored
        raise DataDependentError(
            f"a traced {self.aval} was needed as a plain float "
            "(by float(), math.* or a store into a plain array)",
            where=here(),
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
            raise DataDependentError(
                f"a traced {self.aval} was needed as a plain array of {np.dtype(dtype)}",
                where=here(),
                hint="write x.astype(float) instead of np.asarray(x, dtype=float), and "
                "np.mean(np.stack([a, b])) instead of np.mean([a, b]).",
            )
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
            if hasattr(np.ndarray, name):
                raise UnsupportedError(
                    f"x.{name} is not supported on a traced array",
                    where=here(),
                    hint="write it with arithmetic, NumPy's functions of whole arrays, or x[i].",
                )
            raise AttributeError(f"a traced array has no attribute {name!r}")
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
        from diffkit.capture.updating import updated

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
        if not np.can_cast(new.aval.dtype, self.aval.dtype, "same_kind"):
            raise DtypeError(
                f"an in-place operation would store {new.aval} into {self.aval}",
                where=place_of(user_source()),
                hint="convert the array to float first, or write y = y + x instead of y += x.",
            )
        self.node = cast_to(new, self.aval.dtype).node
        base = getattr(self, "view", None)
        if base is not None:
            base[0][base[1]] = self  # which reads this view again, too
        else:
            self.refresh_views()

    def refresh_views(self) -> None:
        """Read the living views of this tracer again, and their views."""
        from diffkit.capture.indexing import read

        alive = [child for child in getattr(self, "children", ()) if child() is not None]
        self.children = alive
        for child in alive:
            view = child()
            if view is not None and view.view[0] is self:
                view.node = read(self, view.view[1]).node
                view.refresh_views()


def _remember_view(base: Tracer, index: Any, found: Tracer) -> None:
    """Basic indexing gives a view: later in-place operations must reach both."""
    basic = (int, np.integer, slice, type(None), type(Ellipsis))
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
        from diffkit.capture.stacking import stack_cells

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
            lifted[place] = literal = lift(arena, value, dtype)
            if value and strong:
                # the hot path finds this literal again by the Python number itself
                arena.scalars[(value.__class__, value, strong[0])] = literal.node
    return lifted  # type: ignore[return-value]


def cast_to(tracer: Tracer, dtype: Any) -> Tracer:
    """The tracer converted to a dtype (itself when it has it already)."""
    dtype = np.dtype(dtype)
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
