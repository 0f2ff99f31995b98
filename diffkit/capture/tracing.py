"""Tracers: stand-ins for arrays that write down what is done to them.

Operator overloading is the oldest way of capturing a program's computation (R. E. Wengert
1964, *A simple automatic derivative evaluation program*).  A tracer knows its arena, its node
and its abstract value; every operation on it adds an equation, or finds the one that is there.

The operators, which are the hot path, are in ``capture/operators.py``; the NumPy functions in
``capture/numpy_functions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.capture.complex_markers import ComplexOperand, real_array
from diffkit.capture.examples import example_value
from diffkit.capture.lines import caller_source, here, user_source
from diffkit.capture.operators import Operators
from diffkit.errors import (
    CaptureError,
    DataDependentError,
    DiffkitError,
    DtypeError,
    LeakedTracerError,
    MissingAttributeError,
    MutationError,
)
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval_of
from diffkit.graph.ir import Guard
from diffkit.graph.irrational import Irrational, converted
from diffkit.graph.primitive import Primitive
from diffkit.graph.sources import place_of
from diffkit.primitives import arithmetic as ops

__all__ = [
    "Tracer", "caller_source", "cast_to", "here", "is_traced", "is_traced_deep", "lift", "lift_all",
    "user_source",
]  # fmt: skip


class Tracer(Operators):
    """A traced array of known shape and dtype; NumPy functions and operators accept it."""

    __slots__ = ("__weakref__", "arena", "aval", "children", "node", "viewed")
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

    @shape.setter
    def shape(self, shape: Any) -> None:
        from diffkit.capture.updating import reshaped_in_place

        reshaped_in_place(self, shape)

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
            raise self._no_axis("len()")
        return self.aval.shape[0]

    def _no_axis(self, what: str) -> CaptureError:
        return CaptureError(
            f"{what} of a traced scalar {self.aval}: it has no axis",
            where=here(),
            hint="use it as a number, or pass an array of one axis or more.",
        )

    def __repr__(self) -> str:
        return f"Tracer<{self.aval}>"

    def __format__(self, spec: str) -> str:
        if spec:
            raise DataDependentError(
                f"a traced {self.aval} cannot be formatted as {spec!r}: it has no numbers yet",
                where=here(),
                hint="print it without a format, or print the result outside the function.",
            )
        return repr(self)

    def _not_inside_of_scipy(self) -> None:
        """Raise the error that names dk.scipy's function, inside of SciPy's own."""
        from diffkit.capture.scipy_functions.originals import called_on_stack

        inside = called_on_stack(replaced=True)
        if inside is not None:
            inside.where = here()
            raise inside

    def __hash__(self) -> int:
        self._not_inside_of_scipy()
        raise DataDependentError(
            f"hash() of a traced {self.aval}: it cannot be a key of a dict or a member of a set",
            where=here(),
            hint="use plain keys, and no functools.cache around a traced function.",
        )

    # Binding -----------------------------------------------------------------------------

    def bind_primitive(
        self, primitive: Primitive, operands: Sequence[Any], params: dict[str, Any]
    ) -> Tracer:
        """Add ``primitive(*operands, **params)`` to the arena and return its tracer."""
        arena = self.arena
        source = arena.source or user_source()
        try:
            tracers = lift_all(arena, operands, primitive.inert, primitive.name)
            wanted = primitive.dtypes([t.aval for t in tracers])
            if wanted is not None:
                tracers = [cast_to(t, dtype) for t, dtype in zip(tracers, wanted, strict=True)]
            nodes = tuple([t.node for t in tracers])
            node = arena.emit(primitive.operation(params), nodes, source)
        except ComplexOperand:
            from diffkit.capture.complex_functions import call_primitive

            return call_primitive(primitive, operands, params)
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
            raise DtypeError(
                f"a traced {self.aval} cannot be an index or a size: only integers can",
                where=here(),
                hint="take sizes from x.shape, or write int(x) for one number, which is recorded.",
            )
        return self.guarded(int, "an index")

    def _no_float(self) -> Any:
        raise self._refused(None)

    def _refused(self, dtype: Any) -> DiffkitError:
        """The error for a plain number that was asked for, kept if the user's code catches it."""
        from diffkit.capture.complaints import needed_plain

        self.arena.refused = error = needed_plain(self.aval, dtype)
        return error

    __float__ = __complex__ = __trunc__ = _no_float

    def item(self, *index: int) -> Any:
        """Always raises: a traced value has no plain number."""
        return self._no_float()

    tolist = item

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """An object array of scalar tracers, which the next NumPy function stacks again."""
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise self._refused(np.dtype(dtype))
        self._not_inside_of_scipy()
        cells = np.empty(self.aval.shape, dtype=object)
        if self.aval.ndim == 0:
            cells[()] = self
        else:
            flat = cells.reshape(-1)
            for place, scalar in enumerate(np.reshape(self, -1)):
                flat[place] = scalar
        # np.asarray would share its memory with x, and these cells do not
        cells.flags.writeable = bool(copy)
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
            raise MissingAttributeError(
                f"x.{name} is not supported on a traced array"
                if known
                else f"a traced array has no attribute {name!r}",
                where=here(),
                hint="write it with arithmetic, NumPy's functions of whole arrays, or x[i].",
            )
        return function(self)

    def __iter__(self) -> Iterator[Tracer]:
        if not self.aval.shape:
            raise self._no_axis("iteration")
        return (self[i] for i in range(self.aval.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    # Indexing and functional updates ------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tracer:
        from diffkit.capture.indexing import read, remember_basic

        found = read(self, index)
        if found.aval.ndim:
            remember_basic(self, index, found)
        return found

    def __delitem__(self, index: Any) -> None:
        raise MutationError(
            f"elements of a traced {self.aval} cannot be deleted",
            where=here(),
            hint="join the parts that stay, as in np.concatenate([x[:i], x[i + 1:]]).",
        )

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
        base = getattr(self, "viewed", None)
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
            if view is not None and view.viewed[0] is self:
                view.node = read(self, view.viewed[1]).node
                view.refresh_views()


def is_traced(value: Any) -> bool:
    """Whether a value is a tracer, or an object array that holds one."""
    if isinstance(value, Tracer):
        return True
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(isinstance(item, Tracer) for item in value.flat)
    return False


def lift(arena: Arena, value: Any, dtype: Any = None, what: str = "a calculation") -> Tracer:
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
            f"{what}: a {type(value).__name__} cannot take part ({value!r:.40})",
            hint="pass a number or an array.",
        )
    array = real_array(value, what)
    if dtype is not None and array.dtype != dtype:
        array = converted(array, dtype)
    aval_of(array)
    node = arena.literal(array)
    return Tracer(arena, node, arena.avals[node])


def is_traced_deep(value: Any) -> bool:
    """Whether nested lists, tuples or object arrays hold a tracer."""
    if isinstance(value, (list, tuple)):
        return any(is_traced_deep(item) for item in value)
    return is_traced(value)


def lift_all(
    arena: Arena, operands: Sequence[Any], inert: Sequence[int] = (), what: str = "a calculation"
) -> list[Tracer]:
    """Operands as tracers; plain Python numbers take the dtype of their company (NEP 50)."""
    weak = [type(x) in (int, float, Irrational) for x in operands]
    pairs = zip(weak, operands, strict=True)
    lifted = [None if w else lift(arena, x, None, what) for w, x in pairs]
    strong = [t.aval.dtype for i, t in enumerate(lifted) if t is not None and i not in inert]
    for place, value in enumerate(operands):
        if weak[place]:
            lifted[place] = literal = _lift_weak(arena, value, strong, what)
            if value and strong:
                # the hot path finds this literal again by the Python number itself
                arena.scalars[(value.__class__, value, strong[0])] = literal.node
    return lifted  # type: ignore[return-value]


def _lift_weak(arena: Arena, value: int | float, strong: Sequence[Any], what: str) -> Tracer:
    """A plain Python number in the dtype of the others."""
    try:
        plain = value.real  # without the meaning of an irrational constant
        return lift(arena, value, np.result_type(*strong, plain) if strong else type(plain))
    except OverflowError:
        raise DtypeError(
            f"{what}: an integer of {int(value).bit_length():,} bits is too large for the array",
            hint="write it as a float, such as 1e300, or divide both sides first.",
        ) from None


def cast_to(tracer: Tracer, dtype: Any) -> Tracer:
    """The tracer converted to a dtype (itself when it has it already)."""
    dtype = np.dtype(dtype)
    if tracer.aval.dtype == dtype:
        return tracer
    arena = tracer.arena
    value = arena.values.get(tracer.node)
    if value is not None:
        return lift(arena, converted(value, dtype))
    node = arena.emit(
        ops.cast.operation({"dtype": dtype.str}), (tracer.node,), arena.source or user_source()
    )
    return Tracer(arena, node, arena.avals[node])
