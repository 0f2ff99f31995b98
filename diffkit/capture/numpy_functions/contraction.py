"""Products that sum: matmul, dot, tensordot, einsum and their kin.

The ``matmul`` primitive takes operands of two or more dimensions; vectors become one row or
one column here and lose it again afterwards.  All other products are a transposition, a
reshape and one matmul, as in NumPy's own ``tensordot``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from diffkit.capture.indexing import gather
from diffkit.capture.numpy_functions.shaping import asked
from diffkit.capture.numpy_functions.tables import (
    axis_of,
    delivered,
    implements,
    refused_option,
    traced,
)
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError, ShapeError, UnsupportedError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import contraction, shaping

__all__ = ["dot", "einsum", "matmul", "tensordot", "vdot"]


def _pair(a: Any, b: Any) -> list[Tracer]:
    """Two operands of one dtype."""
    pair = traced(a, b)
    dtype = np.result_type(*(x.dtype for x in pair))
    return [cast_to(x, dtype) for x in pair]


def _inner_mismatch(what: str, a: Tracer, b: Tracer, sizes: tuple[int, int]) -> ShapeError:
    return ShapeError(
        f"{what}: inner sizes differ: {a.aval} and {b.aval} ({sizes[0]} ≠ {sizes[1]})",
        where=here(),
        hint="the summed axes must have equal sizes; transpose or reshape one operand.",
    )


def matmul(a: Any, b: Any) -> Any:
    """The matrix product; vectors are a row on the left and a column on the right.

    Raises
    ------
    ShapeError
        For scalars, and for inner sizes that differ.
    """
    a, b = _pair(a, b)
    if not a.ndim or not b.ndim:
        raise ShapeError(
            f"matmul: {a.aval} and {b.aval}: a scalar cannot be multiplied as a matrix",
            where=here(),
            hint="use * instead of @.",
        )
    inner = (a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0])
    if inner[0] != inner[1]:
        raise _inner_mismatch("matmul", a, b, inner)
    left = shaping.reshape(a, shape=(1, a.size)) if a.ndim == 1 else a
    right = shaping.reshape(b, shape=(b.size, 1)) if b.ndim == 1 else b
    result = contraction.matmul(left, right)
    shape = result.shape
    if b.ndim == 1:
        shape = shape[:-1]
    if a.ndim == 1:
        shape = (*shape[:-2], *shape[-1:]) if b.ndim > 1 else shape[:-1]
    return result if shape == result.shape else shaping.reshape(result, shape=shape)


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """The sum over the last axis of a and the last but one of b."""
    a, b = _pair(a, b)
    if not a.ndim or not b.ndim:
        return delivered(ops.mul(a, b), out)
    inner = (a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0])
    if inner[0] != inner[1]:
        raise _inner_mismatch("dot", a, b, inner)
    if b.ndim <= 2:
        return delivered(matmul(a, b), out)
    return delivered(tensordot(a, b, ((a.ndim - 1,), (b.ndim - 2,))), out)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """The dot product of the flattened arrays."""
    a, b = _pair(a, b)
    if a.size != b.size:
        raise _inner_mismatch("vdot", a, b, (a.size, b.size))
    return dot(shaping.reshape(a, shape=(a.size,)), shaping.reshape(b, shape=(b.size,)))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """The sum over the last axes of both."""
    a, b = _pair(a, b)
    if not a.ndim or not b.ndim:
        return ops.mul(a, b)
    return tensordot(a, b, ((a.ndim - 1,), (b.ndim - 1,)))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """All products of elements of the flattened arrays."""
    a, b = traced(a, b)
    column = shaping.reshape(a, shape=(a.size, 1))
    return delivered(ops.mul(column, shaping.reshape(b, shape=(1, b.size))), out)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product."""
    a, b = traced(a, b)
    ndim = max(a.ndim, b.ndim)
    left, right = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    spaced = shaping.reshape(a, shape=tuple(s for size in left for s in (size, 1)))
    between = shaping.reshape(b, shape=tuple(s for size in right for s in (1, size)))
    sizes = tuple(i * j for i, j in zip(left, right, strict=True))
    return shaping.reshape(ops.mul(spaced, between), shape=sizes)


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over pairs of axes: transpose, reshape, one matrix product."""
    a, b = _pair(a, b)
    left, right = _summed_axes(a, b, axes)
    free_a = [k for k in range(a.ndim) if k not in left]
    free_b = [k for k in range(b.ndim) if k not in right]
    count = prod(a.shape[k] for k in left)
    rows, columns = prod(a.shape[k] for k in free_a), prod(b.shape[k] for k in free_b)
    a2 = np.reshape(np.transpose(a, (*free_a, *left)), (rows, count))
    b2 = np.reshape(np.transpose(b, (*right, *free_b)), (count, columns))
    shape = tuple(a.shape[k] for k in free_a) + tuple(b.shape[k] for k in free_b)
    return shaping.reshape(contraction.matmul(a2, b2), shape=shape)


def _summed_axes(a: Tracer, b: Tracer, axes: Any) -> tuple[list[int], list[int]]:
    """The axes of each operand that a tensordot sums over.

    Raises
    ------
    ShapeError
        When they do not pair up.
    """
    if isinstance(axes, (int, np.integer)):
        left: Sequence[int] = range(a.ndim - int(axes), a.ndim)
        right: Sequence[int] = range(int(axes))
    else:
        left, right = (one if isinstance(one, (tuple, list)) else (one,) for one in axes)
    left = [axis_of(k, a.ndim, "np.tensordot") for k in left]
    right = [axis_of(k, b.ndim, "np.tensordot") for k in right]
    sizes = [[x.shape[k] for k in ks] for x, ks in ((a, left), (b, right))]
    if sizes[0] != sizes[1]:
        raise ShapeError(
            f"np.tensordot: the summed axes of {a.aval} and {b.aval} have sizes "
            f"{sizes[0]} and {sizes[1]}",
            where=here(),
        )
    return left, right


# Einstein summation -----------------------------------------------------------------------------


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    """Einstein summation from a subscripts string, as in "ij,jk->ik", or from lists of axes."""
    if options:
        raise refused_option("np.einsum", f"{next(iter(options))}=")
    if not operands:
        raise InputError(
            "np.einsum: there is nothing to sum", where=here(), hint='write np.einsum("i,i", a, b).'
        )
    if not isinstance(operands[0], str):
        operands = tuple(_spelled(operands))
    arrays = traced(*operands[1:])
    terms, output = explicit(operands[0], [a.ndim for a in arrays])
    pairs = [_without_repeats(term, a) for term, a in zip(terms, arrays, strict=True)]
    pairs = _without_stretching(operands[0], pairs, output)
    subscripts = ",".join(term for term, _ in pairs) + "->" + output
    return delivered(contraction.einsum(*(a for _, a in pairs), subscripts=subscripts), out)


def _spelled(operands: Sequence[Any]) -> list[Any]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as ``einsum("ab,bc->ac", a, b)``."""
    arrays = list(operands[: len(operands) - len(operands) % 2 : 2])
    lists = list(operands[1::2])

    def term(axes: Sequence[Any]) -> str:
        return "".join("..." if axis is Ellipsis else ascii_letters[axis] for axis in axes)

    output = "->" + term(operands[-1]) if len(operands) % 2 else ""
    return [",".join(map(term, lists)) + output, *arrays]


def explicit(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The subscripts of every operand and of the output, with all letters spelled out.

    Raises
    ------
    InputError
        When the string does not describe these operands.

    >>> explicit("ij,jk", [2, 2])
    (['ij', 'jk'], 'ik')
    """
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")

    def wrong(reason: str) -> InputError:
        return InputError(
            f"np.einsum: {subscripts!r}: {reason}",
            where=here(),
            hint='one letter per axis and one term per operand, as in "ij,jk->ik".',
        )

    if len(terms) != len(ndims):
        raise wrong(f"{len(terms)} terms for {len(ndims)} operands")
    spare = [n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True)]
    for term, extra, ndim in zip(terms, spare, ndims, strict=True):
        if extra < 0 or (extra and "..." not in term):
            raise wrong(f"the term {term!r} does not fit an operand of {ndim} dimensions")
    widest = max((s for t, s in zip(terms, spare, strict=True) if "..." in t), default=0)
    letters = "".join(c for c in reversed(ascii_letters) if c not in text)[:widest]
    terms = [
        t.replace("...", letters[widest - s :]) for t, s in zip(terms, spare, strict=True)
    ]  # fmt: skip
    joined = "".join(terms)
    if not all(c.isalpha() for c in joined):
        raise wrong("subscripts are letters, commas, '...' and one '->'")
    if not arrow:
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in letters)
        return terms, letters + "".join(once)
    output = output.replace("...", letters)
    if len(set(output)) != len(output) or not set(output) <= set(joined):
        raise wrong("each letter of the output must appear once there and in some operand")
    return terms, output


def _without_repeats(term: str, a: Tracer) -> tuple[str, Tracer]:
    """A letter repeated within one operand means its diagonal."""
    letters = "".join(dict.fromkeys(term))
    if letters == term:
        return term, a
    positions = np.arange(a.size).reshape(a.shape)
    return letters, gather(a, asked(np.einsum, f"{term}->{letters}", positions))


def _without_stretching(
    subscripts: str, pairs: Sequence[tuple[str, Tracer]], output: str
) -> list[tuple[str, Tracer]]:
    """Axes of size 1 that NumPy would stretch are dropped, since they add nothing to a product.

    Raises
    ------
    ShapeError
        When a letter has two sizes, neither of them 1.
    """
    sizes: dict[str, int] = {}
    for term, a in pairs:
        for letter, size in zip(term, a.shape, strict=True):
            known = sizes.get(letter, 1)
            if 1 not in (known, size) and known != size:
                raise ShapeError(
                    f"np.einsum: {subscripts!r}: the letter {letter} has sizes {known} and {size}",
                    where=here(),
                    hint="an index has one size in all operands.",
                )
            sizes[letter] = size if known == 1 else known
    found = []
    for term, a in pairs:
        drop = tuple(k for k, letter in enumerate(term) if a.shape[k] != sizes[letter])
        kept = "".join(letter for k, letter in enumerate(term) if k not in drop)
        found.append((kept, np.squeeze(a, axis=drop) if drop else a))
    return found


# Traces, convolution ---------------------------------------------------------------------


@implements(np.trace)
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    """The sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


def _is_infinite(x: Any) -> bool:
    """Whether numbers that are known while capturing are not all finite."""
    known = x.arena.values.get(x.node)
    return known is not None and not np.all(np.isfinite(known))


def _sliding(name: str, flipped: bool) -> Any:
    def composition(a: Any, v: Any, mode: str = "full" if flipped else "valid") -> Any:
        a, v = _pair(a, v)
        least = 0 if flipped else 1  # only np.convolve takes a number for a vector
        if not (least <= a.ndim <= 1 and least <= v.ndim <= 1 and a.size and v.size):
            raise ShapeError(
                f"np.{name}: {a.aval} and {v.aval} must be two vectors with elements",
                where=here(),
                hint="give one row of numbers for each.",
            )
        a, v = np.atleast_1d(a), np.atleast_1d(v)
        swapped = v.size > a.size
        if swapped:
            a, v = v, a
        kernel = v[::-1] if flipped else v
        border = {"full": (v.size - 1, v.size - 1), "valid": (0, 0),
                  "same": (v.size // 2, (v.size - 1) // 2)}.get(mode)  # fmt: skip
        if border is None:
            raise UnsupportedError(f"np.{name}: there is no mode {mode!r}", where=here())
        windows: Any = sliding_window_view(np.pad(a, border), v.size)
        if any(border) and _is_infinite(v):  # what was padded must not meet an infinity: 0 · ∞
            inside = sliding_window_view(np.pad(np.ones(a.size, bool), border), v.size)
            result: Any = np.sum(np.where(inside, windows * kernel, 0.0), axis=1)
        else:
            result = matmul(windows, kernel)
        return result[::-1] if swapped and not flipped else result

    composition.__name__ = name
    return composition


implements(np.convolve)(_sliding("convolve", True))
implements(np.correlate)(_sliding("correlate", False))
