"""Contractions: matrix products and Einstein sums.

Both are linear in each operand alone, and the cotangent of an operand is a contraction of the
same kind,

    Y = A B:   Ā = Ȳ Bᵀ,   B̄ = Aᵀ Ȳ,

so that a gradient costs two products more.  In an Einstein sum the roles of the result and of
one operand are exchanged; an index that only this operand has was summed away alone, and its
cotangent is spread along it.  Reading on: Giles 2008, *An extended collection of matrix
derivative results for forward and reverse mode algorithmic differentiation*.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from diffkit.errors import ShapeError, UnsupportedError
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Linear, aligned, primitive
from diffkit.primitives.shaping import common_dtypes, moved, reshape, spread, transpose

__all__ = ["einsum", "mT", "matmul", "parse_subscripts"]


def mT(x: Any) -> Any:
    """The matrix transpose: the last two axes exchanged.

    >>> mT(np.zeros((4, 2, 3))).shape
    (4, 3, 2)
    """
    lead = tuple(range(x.ndim - 2))
    return transpose(x, axes=(*lead, len(lead) + 1, len(lead)))


@primitive
class matmul(Linear):
    """Matrix product over the last two axes; leading axes broadcast."""

    value, linear_in, joint = np.matmul, (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def shape(self, a: Aval, b: Aval) -> Any:
        if a.ndim < 2 or b.ndim < 2:
            raise ShapeError(
                f"matmul: {a} and {b} are not both matrices",
                hint="reshape a vector to one row or one column.",
            )
        if a.shape[-1] != b.shape[-2]:
            raise ShapeError(
                f"matmul: inner sizes differ: {a} and {b} ({a.shape[-1]} ≠ {b.shape[-2]})",
                hint="the last axis of the first must equal the last but one of the second.",
            )
        try:
            lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        except ValueError:
            raise ShapeError(
                f"matmul: the leading axes of {a} and {b} do not broadcast",
                hint="all axes but the last two must be equal or 1.",
            ) from None
        return (*lead, a.shape[-2], b.shape[-1])

    def transpose(self, ct: Any, a: Any, b: Any) -> Any:
        # the driver sums cotangents over leading axes along which an operand was broadcast
        def by_second() -> Any:
            if b.ndim == 2 and ct.ndim > 2:  # one large product instead of a sum of small ones
                rows = prod(ct.shape[:-1])
                flat_a = reshape(a, shape=(rows, a.shape[-1]))
                return matmul(mT(flat_a), reshape(ct, shape=(rows, ct.shape[-1])))
            return matmul(mT(a), ct)

        return lambda: matmul(ct, mT(b)), by_second

    def batch(self, batched: Any, a: Any, b: Any, size: int) -> Any:
        if batched == (True, False) and b.ndim == 2:  # the examples are more rows
            rows = reshape(a, shape=(prod(a.shape[:-1]), a.shape[-1]))
            return reshape(matmul(rows, b), shape=(*a.shape[:-1], b.shape[-1]))
        if batched == (False, True) and a.ndim == 2 and b.ndim == 3 and b.shape[-1] == 1:
            columns = reshape(b, shape=b.shape[:-1])  # A b for many vectors b is one product
            return reshape(matmul(columns, mT(a)), shape=(size, a.shape[0], 1))
        return matmul(*aligned(batched, (a, b)))

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size * max(2 * avals[0].shape[-1] - 1, 0)


@lru_cache(maxsize=1024)
def parse_subscripts(subscripts: str) -> tuple[tuple[str, ...], str]:
    """The index letters of each operand and of the result of an explicit Einstein sum.

    Raises
    ------
    UnsupportedError
        Without ``->``, with an ellipsis, or with a letter repeated in one operand.

    >>> parse_subscripts("ij,jk->ik")
    (('ij', 'jk'), 'ik')
    """
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = tuple(left.split(","))
    hint = "write every index as a letter, for example 'bij,bjk->bik'."
    if not arrow or not all(letters.isalpha() or not letters for letters in (*terms, out)):
        raise UnsupportedError(f"einsum: {subscripts!r} is not of the form 'ij,jk->ik'", hint=hint)
    for letters in (*terms, out):
        if len(set(letters)) != len(letters):
            raise UnsupportedError(
                f"einsum: {subscripts!r} repeats an index within {letters!r}",
                hint="take np.diagonal first, and give each operand every index once.",
            )
    unknown = set(out) - set(left)
    if unknown:
        raise UnsupportedError(
            f"einsum: no operand of {subscripts!r} has the index {sorted(unknown)[0]!r}", hint=hint
        )
    return terms, out


def _letter_sizes(subscripts: str, avals: Sequence[Aval]) -> dict[str, int]:
    terms, _ = parse_subscripts(subscripts)
    if len(terms) != len(avals):
        raise ShapeError(
            f"einsum: {subscripts!r} names {len(terms)} operands, but there are {len(avals)}",
            hint="separate the indices of the operands by commas.",
        )
    sizes: dict[str, int] = {}
    for letters, x in zip(terms, avals, strict=True):
        if len(letters) != x.ndim:
            raise ShapeError(
                f"einsum: {letters!r} names {len(letters)} axes, but the operand is {x}",
                hint="give one letter per axis.",
            )
        for letter, size in zip(letters, x.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                shapes = ", ".join(map(repr, avals))
                raise ShapeError(
                    f"einsum: index {letter!r} of {subscripts!r} has the sizes "
                    f"{sizes[letter]} and {size} in {shapes}",
                    hint="sizes of one index must be equal; axes of size 1 are not stretched.",
                )
    return sizes


def _by_broadcasting(subscripts: str, operands: Sequence[Any]) -> Any:
    """The Einstein sum as one broadcast product and a sum, which works on any objects."""
    terms, out = parse_subscripts(subscripts)
    letters = out + "".join(sorted(set("".join(terms)) - set(out)))
    product: Any = 1
    for term, x in zip(terms, operands, strict=True):
        order = sorted(range(len(term)), key=lambda axis, term=term: letters.index(term[axis]))
        missing = tuple(i for i, letter in enumerate(letters) if letter not in term)
        product = product * np.expand_dims(np.transpose(x, order), missing)
    return np.sum(product, axis=tuple(range(len(out), len(letters))))


@primitive
class einsum(Linear):
    """Einstein sum of any number of operands, e.g. "bij,bjk->bik"; repeated letters are summed."""

    linear_in, joint = "all", False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, *x: Any, subscripts: str) -> Any:
        if any(np.asarray(operand).dtype == object for operand in x):
            return _by_broadcasting(subscripts, x)
        return np.einsum(subscripts, *x, optimize=len(x) > 1)[()]

    def shape(self, *avals: Aval, subscripts: str) -> Any:
        sizes = _letter_sizes(subscripts, avals)
        return tuple(sizes[letter] for letter in parse_subscripts(subscripts)[1])

    def transpose(self, ct: Any, *x: Any, subscripts: str) -> Any:
        terms, out = parse_subscripts(subscripts)
        return tuple(
            lambda place=place: _operand_cotangent(ct, x, terms, out, place)
            for place in range(len(x))
        )

    def batch(self, batched: Any, *x: Any, size: int, subscripts: str) -> Any:
        terms, out = parse_subscripts(subscripts)
        spare = set(ascii_letters) - set(subscripts)
        if not spare:
            return super().batch(batched, *x, size=size, subscripts=subscripts)
        example = min(spare)
        terms = (example + term if b else term for term, b in zip(terms, batched, strict=True))
        return einsum(*x, subscripts=f"{','.join(terms)}->{example}{out}")

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        sizes = _letter_sizes(params["subscripts"], avals)
        return len(avals) * prod(sizes.values())


def _operand_cotangent(
    ct: Any, x: Sequence[Any], terms: tuple[str, ...], out: str, place: int
) -> Any:
    """Contract ȳ with the other operands, then spread along the indices only this one has."""
    own = terms[place]
    others = [(term, x_i) for i, (term, x_i) in enumerate(zip(terms, x, strict=True)) if i != place]
    available = set(out).union(*(term for term, _ in others))
    kept = "".join(letter for letter in own if letter in available)
    if others:
        left = ",".join([out, *(term for term, _ in others)])
        x_bar = einsum(ct, *(x_i for _, x_i in others), subscripts=f"{left}->{kept}")
    else:
        x_bar = moved(ct, tuple(out.index(letter) for letter in kept))
    alone = tuple(i for i, letter in enumerate(own) if letter not in available)
    if not alone:
        return x_bar
    return spread(x_bar, axes=alone, sizes=tuple(x[place].shape[i] for i in alone))
