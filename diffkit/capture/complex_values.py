"""Complex values inside a traced function, as pairs of real ones.

``np.abs(np.fft.rfft(x))**2`` goes through complex numbers on its way from real to real.  A graph
holds real arrays only; a :class:`ComplexTracer` is two of them, and its arithmetic is theirs:

    (a + ib)(c + id) = (ac − bd) + i(ad + bc),      e^(a + ib) = eᵃ (cos b + i sin b).

So no derivative rule knows of complex numbers, each method applies as it is, and the gradient of
a real loss is the ordinary gradient along Re and Im.  An imaginary part that is zero by
construction is None and costs nothing.  Arguments and results of a function stay real.

Reading on: ``docs/decisions/0014-complex-values.md``; the functions are in
``capture/complex_functions.py``, Fourier transforms in ``numpy_functions/fourier.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.capture.complex_markers import ComplexValue
from diffkit.capture.tracing import Tracer, cast_to, here, is_traced_deep, lift
from diffkit.errors import DataDependentError, DtypeError, MutationError, UnsupportedError
from diffkit.graph.arena import Arena

__all__ = ["ComplexTracer", "arena_of", "is_complex", "pair", "paired"]

# The complex dtype of floats of 4 and of 8 bytes.
_COMPLEX = {4: np.dtype(np.complex64), 8: np.dtype(np.complex128)}


class ComplexTracer(ComplexValue):
    """A traced complex array: ``re`` and ``im`` are real ones of one shape and dtype.

    >>> import diffkit as dk
    >>> f = lambda x: np.abs(np.exp(1j * x) + 1.0)
    >>> float(dk.grad(f)(0.5))
    -0.24740395925452294
    """

    __slots__ = ("im", "re")
    __array_priority__ = 1001.0

    re: Tracer
    im: Tracer

    def __init__(self, re: Tracer, im: Tracer) -> None:
        self.re = re
        self.im = im

    # What an array tells about itself -----------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.re.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """complex64 or complex128."""
        return _COMPLEX[self.re.dtype.itemsize]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.re.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.re.size

    @property
    def real(self) -> Any:
        """The real part; writing into it changes this value, as in NumPy."""
        return self.re

    @real.setter
    def real(self, value: Any) -> None:
        self.re[...] = value

    @property
    def imag(self) -> Any:
        """The imaginary part; writing into it changes this value, as in NumPy."""
        return self.im

    @imag.setter
    def imag(self, value: Any) -> None:
        self.im[...] = value

    @property
    def T(self) -> ComplexTracer:
        """The transpose."""
        return np.transpose(self)  # type: ignore[call-overload]

    def __len__(self) -> int:
        return len(self.re)

    def __repr__(self) -> str:
        return f"ComplexTracer<{self.dtype}[{','.join(map(str, self.shape))}]>"

    def __iter__(self) -> Iterator[ComplexTracer]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> ComplexTracer:
        return ComplexTracer(self.re[index], self.im[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        if not is_complex(value) and not isinstance(value, Tracer) and is_traced_deep(value):
            raise MutationError(
                "a list of traced values would be stored into a complex array",
                where=here(),
                hint="store np.stack of it.",
            )
        re, im = pair(self.re.arena, value)
        self.re[index] = re
        self.im[index] = 0.0 if im is None else im

    # Plain Python values --------------------------------------------------------------------

    def _no_number(self, *_: Any) -> Any:
        raise DataDependentError(
            "a traced complex value was needed as a plain number, or compared in order",
            where=here(),
            hint="decide by a real number, such as np.abs(z) or z.real.",
        )

    __bool__ = __int__ = __float__ = __complex__ = __index__ = _no_number
    __lt__ = __le__ = __gt__ = __ge__ = _no_number

    def __hash__(self) -> int:
        return self._no_number()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise UnsupportedError(
            "a plain array would be made of a traced complex value",
            where=here(),
            hint="use np.stack or np.concatenate, which keep it traced.",
        )

    # Protocols --------------------------------------------------------------------------------

    def bind_primitive(self, primitive: Any, operands: Any, params: dict[str, Any]) -> Any:
        """A primitive among whose operands a complex value is."""
        from diffkit.capture.complex_functions import call_primitive

        return call_primitive(primitive, operands, params)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from diffkit.capture.numpy_functions import call_complex_function

        if method != "__call__":
            raise UnsupportedError(
                f"np.{ufunc.__name__}.{method} of a traced complex value is not supported",
                where=here(),
                hint="use np.sum, or apply it to z.real and z.imag.",
            )
        return call_complex_function(self.re, ufunc, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from diffkit.capture.numpy_functions import call_complex_function

        return call_complex_function(self.re, func, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        from diffkit.capture.complex_functions import METHODS

        function = METHODS.get(name)
        if function is None:
            if name.startswith("__") or name in ("re", "im"):
                raise AttributeError(name)
            if name == "aval":
                raise DtypeError(
                    "a complex value would be stored into a real array",
                    where=here(),
                    hint="begin with a complex array, such as x + 0j.",
                )
            raise UnsupportedError(
                f"z.{name} is not supported on a traced complex value",
                where=here(),
                hint="write it with np.real(z), np.imag(z) and np.abs(z).",
            )
        return lambda *args, **kwargs: function(self, *args, **kwargs)

    # Operators -----------------------------------------------------------------------------------

    def __pow__(self, other: Any) -> Any:
        return np.power(self, other)  # type: ignore[call-overload]

    def __rpow__(self, other: Any) -> Any:
        return np.power(other, self)  # type: ignore[call-overload]

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)  # type: ignore[call-overload]

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)  # type: ignore[call-overload]

    def __neg__(self) -> Any:
        return ComplexTracer(-self.re, -self.im)

    def __pos__(self) -> Any:
        return np.positive(self)  # type: ignore[call-overload]

    def __abs__(self) -> Any:
        return np.abs(self)  # type: ignore[call-overload]


def _operator(ufunc: Any, reflected: bool = False) -> Callable[[Any, Any], Any]:
    if reflected:
        return lambda self, other: ufunc(other, self)
    return lambda self, other: ufunc(self, other)


def _in_place(ufunc: Any) -> Callable[[Any, Any], Any]:
    """``z += w`` changes the array that all names of it stand for."""

    def operator(self: Any, other: Any) -> Any:
        new = ufunc(self, other)
        self.re.replace(new.re)
        self.im.replace(new.im)
        return self

    return operator


for _name, _ufunc in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply),
                      ("truediv", np.divide)):  # fmt: skip
    setattr(ComplexTracer, f"__{_name}__", _operator(_ufunc))
    setattr(ComplexTracer, f"__r{_name}__", _operator(_ufunc, reflected=True))
    setattr(ComplexTracer, f"__i{_name}__", _in_place(_ufunc))
ComplexTracer.__eq__ = _operator(np.equal)  # type: ignore[method-assign,assignment]
ComplexTracer.__ne__ = _operator(np.not_equal)  # type: ignore[method-assign,assignment]


# Parts --------------------------------------------------------------------------------------------


def is_complex(value: Any) -> bool:
    """Whether a value is complex: a traced one, a number or an array.

    >>> is_complex(1j), is_complex(np.ones(2))
    (True, False)
    """
    if isinstance(value, (ComplexTracer, complex)):
        return True
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "c"


def arena_of(*values: Any) -> Arena:
    """The arena of the first traced value among values, lists and tuples.

    Raises
    ------
    UnsupportedError
        When none is traced.
    """
    pending = list(values)
    while pending:
        value = pending.pop(0)
        if isinstance(value, ComplexTracer):
            return value.re.arena
        if isinstance(value, Tracer):
            return value.arena
        if isinstance(value, (list, tuple)):
            pending = [*value, *pending]
    raise UnsupportedError("no traced value is among the operands", where=here())


def pair(arena: Arena, value: Any) -> tuple[Any, Any]:
    """The real and the imaginary part of a value; the latter is None where there is none."""
    if isinstance(value, ComplexTracer):
        return value.re, value.im
    if isinstance(value, Tracer):
        return value, None
    if isinstance(value, complex) and type(value) is complex:
        return (0.0 if value.real == 0 else value.real), value.imag  # as weak as Python's floats
    if is_complex(value):
        array: Any = np.asarray(value)
        return lift(arena, np.ascontiguousarray(array.real)), lift(
            arena, np.ascontiguousarray(array.imag)
        )
    if isinstance(value, (list, tuple)) and any(map(is_complex, value)):
        whole = np.stack(value)
        return pair(arena, whole)
    return value, None


def paired(arena: Arena, re: Any, im: Any) -> ComplexTracer:
    """A complex value of two parts that broadcast; ``im`` may be None, plain numbers are lifted.

    Raises
    ------
    DtypeError
        For integers so large that no float holds them.
    """
    parts = [lift(arena, 0.0 if part is None else part) for part in (re, im)]
    floats = [part.dtype for part, given in zip(parts, (re, im), strict=True)
              if isinstance(given, (Tracer, np.ndarray, np.generic))]  # fmt: skip
    dtype = np.result_type(*floats, np.float32) if floats else np.dtype(np.float64)
    if dtype.kind != "f" or dtype.itemsize not in _COMPLEX:
        raise DtypeError(f"complex values of {dtype} are not supported", where=here())
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    first, second = (_spread(cast_to(part, dtype), shape) for part in parts)
    return ComplexTracer(first, second)


def _spread(part: Any, shape: tuple[int, ...]) -> Any:
    # a part is an array of its own, so that writing into it spares what it was made of
    whole: Any = part if part.shape == shape else np.broadcast_to(part, shape)
    return Tracer(whole.arena, whole.node, whole.aval)
