"""NumPy's functions on traced arrays: dispatch from its two protocols to the tables.

``np.sin(x)`` on a traced x arrives at :func:`call_ufunc`, ``np.sum(x)`` at
:func:`call_function`; both look the function up, let the composition run with the user's line
as the source of every equation it adds, and refuse by name what is not there.  The families
stand beside this file: ``elementwise``, ``reductions``, ``shaping``, ``joining``,
``contraction``, ``making``, and ``methods`` for ``x.sum()``; rarer ones (sorting, statistics,
linear algebra, …) are loaded when they are met.

Reading on: NEP 13 and NEP 18.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from diffkit.capture.complex_markers import ComplexOperand
from diffkit.capture.numpy_functions import (
    contraction,
    elementwise,
    joining,
    making,
    shaping,
    special,
)
from diffkit.capture.numpy_functions.methods import METHODS
from diffkit.capture.numpy_functions.reductions import REDUCERS, given
from diffkit.capture.numpy_functions.special import as_scipy_promotes
from diffkit.capture.numpy_functions.tables import (
    FUNCTIONS,
    UFUNCS,
    UNARY,
    delivered,
    refused_option,
    traced,
)
from diffkit.capture.tracing import Tracer, caller_source, cast_to, here, user_source
from diffkit.errors import DiffkitError, ShapeError, UnsupportedError
from diffkit.graph.sources import place_of
from diffkit.primitives import piecewise

__all__ = ["FUNCTIONS", "METHODS", "UFUNCS", "call_complex_function", "call_function", "call_ufunc"]

FAMILIES = (contraction, elementwise, joining, making, shaping, special)
# Families that are loaded when a function is met for the first time that is not in the others.
LATE_FAMILIES = (
    "cumulative", "differences", "fourier", "fractions", "linear_algebra", "norms", "padding",
    "polynomials", "quantiles", "ranges", "selecting", "sorting", "statistics",
)  # fmt: skip
_getframe = sys._getframe


def load_late_families() -> None:
    """Enter the functions of all families into the tables."""
    for family in LATE_FAMILIES:
        import_module(f"{__name__}.{family}")


# Ufuncs -----------------------------------------------------------------------------------------


def call_ufunc(
    tracer: Tracer, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Apply a ufunc, or one of its methods, to operands of which ``tracer`` is one.

    Raises
    ------
    MutationError
        When the result would have to be written into a plain array.
    UnsupportedError
        For ufuncs and options that have no composition.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: np.add.reduce(np.sin(x)), np.ones(3)).operations()
    {'sin': 1, 'sum': 1, 'total': 2}
    """
    operation = UNARY.get(ufunc)
    if operation is not None and method == "__call__" and not kwargs:
        # the hot path: found in the arena's table, or appended with a remembered result
        arena = tracer.arena
        node = arena.table.get((operation, tracer.node))
        if node is not None:
            if arena.source is None:
                arena.note_repeat(node, caller_source(_getframe(2)))
            return Tracer(arena, node, arena.avals[node])
        found = operation.memo.get((tracer.aval,))
        if found is None:
            return operation.primitive(tracer)
        node = len(arena.avals)
        arena.operations.append(operation)
        arena.operands.append((tracer.node,))
        arena.avals.append(found)
        arena.sources.append(arena.source or caller_source(_getframe(2)))
        arena.table[operation, tracer.node] = node
        return Tracer(arena, node, found)
    return _with_source(tracer, _ufunc, (ufunc, method, inputs, kwargs), {}, ufunc)


def _ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if method != "__call__":
        return _ufunc_method(ufunc, method, inputs, kwargs)
    composition = UFUNCS.get(ufunc.__name__)
    if composition is None:
        load_late_families()
        composition = UFUNCS.get(ufunc.__name__)
    if composition is None:
        return _of_objects(ufunc, inputs, kwargs)
    if getattr(np, ufunc.__name__, None) is not ufunc:
        inputs = as_scipy_promotes(ufunc, inputs)
    if not kwargs and isinstance(inputs[0], Tracer):
        return composition(*inputs)
    options = dict(kwargs)
    out, mask, dtype = (
        options.pop("out", None),
        options.pop("where", True),
        options.pop("dtype", None),
    )
    for option in ("casting", "order", "subok"):
        options.pop(option, None)
    if options:
        raise refused_option(name_of(ufunc), f"{next(iter(options))}=")
    operands = _operands(composition, inputs, dtype)
    result = composition(*operands)
    if mask is not True:
        result = _where_true(ufunc, mask, result, out)
    return delivered(result, out) if out is not None else result


def _of_objects(ufunc: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc made of a Python function (``np.frompyfunc``), called with every element."""
    if kwargs or any(set(kinds) - set("O->") for kinds in ufunc.types):
        raise _unknown(ufunc)
    found = ufunc(*(np.asarray(x) if isinstance(x, Tracer) else x for x in inputs))
    return tuple(traced(part)[0] for part in found) if ufunc.nout > 1 else traced(found)[0]


def _operands(composition: Callable[..., Any], inputs: tuple[Any, ...], dtype: Any) -> Any:
    """The inputs as a composition takes them: primitives lift by themselves."""
    if dtype is not None:
        return [cast_to(x, dtype) for x in traced(*inputs)]
    if len(inputs) == 1 and not isinstance(inputs[0], Tracer):
        return traced(*inputs)
    return inputs


def _where_true(ufunc: Any, mask: Any, result: Any, out: Any) -> Any:
    previous = out[0] if isinstance(out, tuple) else out
    if previous is None:
        raise UnsupportedError(
            f"{name_of(ufunc)}: where= without out= leaves elements undefined",
            where=here(),
            hint="use np.where(condition, a, b).",
        )
    return piecewise.where(mask, result, previous)


def _ufunc_method(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from diffkit.capture.numpy_functions.cumulative import ACCUMULATORS, at, fold, reduceat, scan

    name = ufunc.__name__
    if method == "at":
        return at(ufunc, *inputs)
    if method == "reduceat":
        return reduceat(ufunc, *inputs, **kwargs)
    if method == "reduce" and name in REDUCERS and not _folds(name, kwargs):
        a, *rest = inputs
        options = dict(zip(("axis", "dtype", "out"), rest, strict=False), **kwargs)
        options.setdefault("axis", 0)
        for option in ("dtype", "initial"):
            if not given(options.get(option)):
                options.pop(option, None)
        return REDUCERS[name](a, **options)
    if method == "accumulate" and name in ACCUMULATORS:
        a, *rest = inputs
        options = dict(zip(("axis", "dtype", "out"), rest, strict=False), **kwargs)
        options.setdefault("axis", 0)
        return ACCUMULATORS[name](a, **options)
    if method == "reduce":
        return fold(ufunc, *inputs, **kwargs)
    if method == "accumulate":
        return scan(ufunc, *inputs, **kwargs)
    if method == "outer" and len(inputs) == 2:
        a, b = traced(*inputs)
        return ufunc(np.reshape(a, a.shape + (1,) * b.ndim), b, **kwargs)
    raise UnsupportedError(
        f"{name_of(ufunc)}.{method} is not supported while tracing",
        where=here(),
        hint="write it as a sum, a product or np.where of whole arrays.",
    )


# Reductions that begin with no value of the caller's; with one, they go from slice to slice.
WITHOUT_INITIAL = ("logaddexp", "logical_and", "logical_or")


def _folds(name: str, options: dict[str, Any]) -> bool:
    """Whether a reduction has options that its whole-array form does not know."""
    return name in WITHOUT_INITIAL and given(options.get("initial"))


# Functions --------------------------------------------------------------------------------------


def call_function(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """Apply a NumPy function to arguments among which ``tracer`` is.

    Raises
    ------
    UnsupportedError
        For functions and options that have no composition.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: np.mean(x), np.ones(4)).operations()
    {'div': 1, 'sum': 1, 'total': 2}
    """
    composition = FUNCTIONS.get(func) or _late(func)
    if composition is None:
        raise _unknown(func)
    return _with_source(tracer, composition, args, kwargs, func)


def _late(func: Any) -> Callable[..., Any] | None:
    """The composition of a function whose family is imported at its first use."""
    load_late_families()
    return FUNCTIONS.get(func)


def call_complex_function(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """Apply a NumPy function or ufunc to arguments among which a complex value is.

    ``tracer`` is its real part.

    Raises
    ------
    UnsupportedError
        For functions and options that have no complex form.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: np.abs(1j * x) ** 2, 3.0)(3.0)
    np.float64(9.0)
    """
    from diffkit.capture.complex_functions import call_complex

    return _with_source(tracer, call_complex, (func, args, kwargs), {}, func)


def _with_source(
    tracer: Tracer, composition: Callable[..., Any], args: Any, kwargs: Any, func: Any
) -> Any:
    """Run a composition whose equations all carry the user's line."""
    arena = tracer.arena
    outer = arena.source
    arena.source = source = outer or user_source()
    try:
        return composition(*args, **kwargs)
    except ComplexOperand:
        from diffkit.capture.complex_functions import call_complex

        return call_complex(func, *(args[2:] if composition is _ufunc else (args, kwargs)))
    except DiffkitError as error:
        error.where = error.where or place_of(source)
        raise
    except np.exceptions.AxisError as error:
        raise ShapeError(f"{name_of(func)}: {error}", where=place_of(source)) from None
    except TypeError:
        _check_options(composition, func, args, kwargs)
        raise
    finally:
        arena.source = outer


def _check_options(composition: Callable[..., Any], func: Any, args: Any, kwargs: Any) -> None:
    """Tell an option that is not offered from a genuine type error."""
    try:
        inspect.signature(composition).bind(*args, **kwargs)
    except TypeError as error:
        raise refused_option(name_of(func), f"the call ({error})", "use the plain form.") from None


def name_of(func: Any) -> str:
    """A NumPy or SciPy function's name as users write it.

    >>> name_of(np.linalg.norm), name_of(np.sin)
    ('np.linalg.norm', 'np.sin')
    """
    made, _, ending = func.__name__.partition(" (")
    if ending == "vectorized)":  # how np.frompyfunc names what it makes
        return f"np.frompyfunc({made}, …)"
    module = getattr(func, "__module__", None)
    if module is None:  # ufuncs do not say
        module = "numpy" if hasattr(np, func.__name__) else "scipy.special"
    return f"{module.replace('numpy', 'np', 1)}.{func.__name__}"


# What to write instead of some functions that have no composition.
REMEDIES: dict[str, str] = {
    "np.linalg.eig": "use np.linalg.eigh for symmetric matrices; the eigenvalues of other ones "
    "may turn complex or lose their slope between two inputs, but np.poly(a) has one everywhere.",
    "np.linalg.eigvals": "use np.linalg.eigvalsh for symmetric matrices; the eigenvalues of other "
    "ones may turn complex or lose their slope, but np.poly(a) and np.trace(a @ a) have one.",
    "np.roots": "use np.linalg.eigvalsh on a symmetric matrix, or Newton steps from np.polyval.",
    "np.nextafter": "it looks at the bits; add a constant step instead.",
    "np.save": "save the result outside of the function.",
    "np.savetxt": "save the result outside of the function.",
    "np.savez": "save the result outside of the function.",
    "np.savez_compressed": "save the result outside of the function.",
    "np.spacing": "it looks at the bits; write np.abs(x) * np.finfo(x.dtype).eps.",
}


def _unknown(func: Any) -> UnsupportedError:
    name = name_of(func)
    remedy = REMEDIES.get(
        name, "write it with functions that can be traced: arithmetic, ufuncs, sums, np.where, @."
    )
    public = name.replace("._", ".")  # SciPy's ellip_harm calls a ufunc of its own
    return UnsupportedError(f"{public} cannot be traced", where=here(), hint=remedy)
