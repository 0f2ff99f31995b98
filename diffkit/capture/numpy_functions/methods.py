"""The methods and attributes of a traced array that are not its own: ``x.sum()``, ``x.T``, ….

A row maps a name to what ``x.name`` gives: a value for attributes, a bound function for
methods.  Methods whose arguments differ from the function's (``x.reshape(2, 3)``) are written
out; all others are the NumPy function with the array filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.tables import UNARY, converted, refused_option, same
from diffkit.capture.tracing import Tracer

__all__ = ["METHODS"]


def _reshape(x: Tracer, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape, order=order)


def _transpose(x: Tracer, *axes: Any) -> Any:
    if len(axes) == 1:
        return np.transpose(x, axes[0])
    return np.transpose(x, axes or None)


def _astype(
    x: Tracer, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
    copy: bool = True,
) -> Any:  # fmt: skip
    return converted(x, dtype)


def _flatten(x: Tracer, order: Any = "C") -> Any:
    return np.copy(np.ravel(x, order=order))


def _clip(x: Tracer, min: Any = None, max: Any = None, out: Any = None) -> Any:
    return np.clip(x, min, max) if out is None else np.clip(x, min, max, out=out)


def _fill(x: Tracer, value: Any) -> None:
    x[...] = value


def _compress(x: Tracer, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return np.compress(condition, x, axis, out)


def _sort(
    x: Tracer, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """In place, as NumPy's method, and unlike its function."""
    x.replace(np.sort(x, axis))  # type: ignore[arg-type]


def _partition(
    x: Tracer, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    x.replace(np.partition(x, kth, axis))  # type: ignore[arg-type]


def _view(x: Tracer, dtype: Any = None, type: Any = None) -> Any:
    """Another name of the same memory: writing into one changes both."""
    if type is not None or (dtype is not None and np.dtype(dtype) != x.dtype):
        raise refused_option(
            "x.view", "another type, which reads the same bits anew,", "write x.astype(dtype)."
        )
    return x[...]


def _bound(function: Callable[..., Any]) -> Callable[[Tracer], Any]:
    return lambda x: partial(function, x)


_AS_FUNCTIONS = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "copy", "cumprod",
    "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "put", "ravel", "repeat",
    "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
)  # fmt: skip

METHODS: dict[str, Callable[[Tracer], Any]] = {
    **{name: _bound(getattr(np, name)) for name in _AS_FUNCTIONS},
    # NumPy calls these on the elements of object arrays, such as np.exp(np.array([t, 1.0]))
    **{ufunc.__name__: _bound(ufunc) for ufunc in UNARY},
    **{ufunc.__name__: _bound(ufunc) for ufunc in (np.arctan2, np.hypot, np.fmod, np.logical_xor)},
    "T": np.transpose,
    "mT": np.matrix_transpose,
    "astype": _bound(_astype),
    "clip": _bound(_clip),
    "compress": _bound(_compress),
    "conj": _bound(same),
    "conjugate": _bound(same),
    "fill": _bound(_fill),
    "flat": lambda x: np.reshape(x, -1),
    "flatten": _bound(_flatten),
    "imag": np.zeros_like,
    "partition": _bound(_partition),
    "ptp": _bound(np.ptp),
    "real": lambda x: x,
    "reshape": _bound(_reshape),
    "sort": _bound(_sort),
    "transpose": _bound(_transpose),
    "view": _bound(_view),
    "nbytes": lambda x: x.aval.size * x.aval.dtype.itemsize,
    "itemsize": lambda x: x.aval.dtype.itemsize,
}  # fmt: skip
