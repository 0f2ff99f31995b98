"""How Numba code repeats an operation that it knows for one row, one matrix or one number.

Numba has ``np.max(x)`` but not ``np.max(x, axis=1)``, and ``a @ b`` but no stack of products.
So an operation along some axes is a loop over the others, which also reads well:

    y = np.empty((32,))
    for i in range(32):
        y[i] = np.max(x[i, :])

Reading elements by arrays of indices, adding to them, and Einstein sums are loops of the same
kind.  A writer here gives the lines of a statement.  Reading on: ``engines/source_numba.py``,
which knows the operations; "Supported NumPy features" in Numba's reference manual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from diffkit.engines.emitting import constant
from diffkit.engines.source_numba_scan import Place, new_array
from diffkit.graph.avals import Aval, aval
from diffkit.primitives.contraction import parse_subscripts

__all__ = [
    "along",
    "array_index",
    "einsum",
    "elements",
    "gathered",
    "indented",
    "matrices",
    "over_axes",
    "scattered",
]


def indented(lines: Sequence[str]) -> list[str]:
    """Lines one level deeper."""
    return [f"    {line}" for line in lines]


def _nested(letters: Sequence[str], sizes: Sequence[int], inside: Sequence[str]) -> list[str]:
    lines = list(inside)
    for letter, size in reversed(list(zip(letters, sizes, strict=True))):
        lines = [f"for {letter} in range({size}):", *indented(lines)]
    return lines


def _at(text: str, index: Sequence[str]) -> str:
    """An element or a part of an array; trailing whole axes are left out."""
    index = list(index)
    while index and index[-1] == ":":
        index.pop()
    return f"{text}[{', '.join(index)}]" if index else text


def over_axes(where: Place, axes: Sequence[int], call: Callable[..., str]) -> list[str]:
    """``call`` of the parts along ``axes`` of all operands (of one shape), which drops them."""
    x = where.avals[0]
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    letters = dict(zip(kept, where.letters(len(kept)), strict=True))
    index = [letters.get(axis, ":") for axis in range(x.ndim)]
    if not kept:
        return [f"{where.target} = {call(*where.texts)}"]
    parts = [f"{text}[{', '.join(index)}]" for text in where.texts]
    inside = [f"{where.target}[{', '.join(letters.values())}] = {call(*parts)}"]
    sizes = [x.shape[axis] for axis in kept]
    made = f"{where.target} = {new_array(where.out, 'empty')}"
    return [made, *_nested(list(letters.values()), sizes, inside)]


def along(where: Place, axes: Sequence[int], call: Callable[..., str]) -> list[str]:
    """The same for a ``call`` that keeps the axes, as a running sum does."""
    shape = where.avals[0].shape
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    letters = dict(zip(kept, where.letters(len(kept)), strict=True))
    index = ", ".join(letters.get(axis, ":") for axis in range(len(shape)))
    if not kept:
        return [f"{where.target} = {call(*where.texts)}"]
    parts = [f"{text}[{index}]" for text in where.texts]
    inside = [f"{where.target}[{index}] = {call(*parts)}"]
    sizes = [shape[axis] for axis in kept]
    made = f"{where.target} = {new_array(where.out, 'empty')}"
    return [made, *_nested(list(letters.values()), sizes, inside)]


def matrices(
    where: Place, cores: Sequence[int], call: Callable[..., str], *, core: int = 2
) -> list[str]:
    """``call`` of the matrices that stand in the last axes, whose other axes broadcast.

    ``cores`` says how many last axes of each operand belong together, ``core`` those of the
    result.
    """
    lead = where.out.shape[: where.out.ndim - core]
    letters = where.letters(len(lead))
    parts = [
        where.in_row(_at(text, _broadcast_index(of.shape[: of.ndim - inner], letters)), place)
        for place, (text, of, inner) in enumerate(zip(where.texts, where.avals, cores, strict=True))
    ]
    if not lead:
        return [f"{where.target} = {call(*parts)}"]
    inside = [f"{where.target}[{', '.join(letters)}] = {call(*parts)}"]
    return [f"{where.target} = {new_array(where.out, 'empty')}", *_nested(letters, lead, inside)]


def _broadcast_index(shape: Sequence[int], letters: Sequence[str]) -> list[str]:
    """The index of an operand that is broadcast over loops with these letters."""
    last = letters[len(letters) - len(shape) :]
    return ["0" if size == 1 else letter for size, letter in zip(shape, last, strict=True)]


def elements(where: Place, call: Callable[[Place], str]) -> list[str]:
    """An operation of single elements, whose operands broadcast."""
    letters = where.letters(where.out.ndim)
    texts = [
        _at(text, _broadcast_index(of.shape, letters))
        for text, of in zip(where.texts, where.avals, strict=True)
    ]
    avals = [aval((), of.dtype) for of in where.avals]
    one = replace(where, texts=texts, avals=avals, out=aval((), where.out.dtype))
    inside = [f"{where.target}[{', '.join(letters)}] = {call(one)}"]
    made = f"{where.target} = {new_array(where.out, 'empty')}"
    return [made, *_nested(letters, where.out.shape, inside)]


def einsum(where: Place, subscripts: str) -> list[str]:
    """An Einstein sum: one loop per index, those of the result outside."""
    terms, out = parse_subscripts(subscripts)
    sizes = {
        letter: size
        for term, of in zip(terms, where.avals, strict=True)
        for letter, size in zip(term, of.shape, strict=True)
    }
    order = list(dict.fromkeys([*out, *sizes]))
    letters = dict(zip(order, where.letters(len(order)), strict=True))
    factors = [
        _at(text, [letters[letter] for letter in term])
        for text, term in zip(where.texts, terms, strict=True)
    ]
    zero = new_array(where.out) if out else constant(where.out.dtype.type(0))
    sum_of = _at(where.target, [letters[letter] for letter in out])
    inside = [f"{sum_of} += {' * '.join(factors)}"]
    loops = _nested([letters[one] for one in order], [sizes[one] for one in order], inside)
    return [f"{where.target} = {zero}", *loops]


# Arrays of indices ---------------------------------------------------------------------------


def array_index(index: Sequence[Any]) -> bool:
    """Whether an index has an array in it, which NumPy reads by its special rules."""
    return any(isinstance(part, tuple) and part[0] == "array" for part in index)


class _Looped:
    """An index with arrays, taken apart into loops over these and slices of the other axes.

    ``large`` is the part of the indexed array, ``small`` that of the array of values, which have
    the same shape at each step; the axes of the arrays stand in ``small`` where NumPy puts them.
    """

    def __init__(self, where: Place, index: Sequence[Any]) -> None:
        arrays, avals = list(where.texts[1:]), list(where.avals[1:])
        self.sizes = np.broadcast_shapes(*(of.shape for of in avals))
        self.letters = where.letters(len(self.sizes))
        places = [at for at, part in enumerate(index) if not _keeps_axis(part)]
        together = places == list(range(places[0], places[-1] + 1))
        large: list[str] = []
        small, inserted = ([], False) if together else (list(self.letters), True)
        for part in index:
            if part is None:
                small.append("0")
            elif _keeps_axis(part):
                large.append(_slice_text(part))
                small.append(":")
            else:
                small += [] if inserted else self.letters
                inserted = True
                large.append(self._element(part, arrays, avals))
        self.large, self.small = large, small

    def _element(self, part: Any, arrays: Sequence[str], avals: Sequence[Aval]) -> str:
        """One whole number of an index: written in it, or an element of an array."""
        if isinstance(part, int):
            return str(part)
        place: int = part[1] - 1
        return _at(arrays[place], _broadcast_index(avals[place].shape, self.letters))

    def looped(self, inside: str) -> list[str]:
        """The statement for all elements of the arrays."""
        return _nested(self.letters, self.sizes, [inside])


def _keeps_axis(part: Any) -> bool:
    return part is None or (isinstance(part, tuple) and part[0] == "slice")


def _slice_text(part: tuple[Any, ...]) -> str:
    start, stop, step = ("" if bound is None else str(bound) for bound in part[1:])
    return f"{start}:{stop}" if step in ("", "1") else f"{start}:{stop}:{step}"


def _part(text: str, index: Sequence[str]) -> str:
    return f"{text}[{', '.join(index)}]" if index else text


def gathered(where: Place, index: Sequence[Any]) -> list[str]:
    """y = x[index] with arrays in the index."""
    looped = _Looped(where, index)
    if not where.out.ndim:
        return [f"{where.target} = {_part(where.texts[0], looped.large)}"]
    read = f"{_part(where.target, looped.small)} = {_part(where.texts[0], looped.large)}"
    return [f"{where.target} = {new_array(where.out, 'empty')}", *looped.looped(read)]


def scattered(where: Place, index: Sequence[Any]) -> list[str]:
    """Zeros, and y[index] += x, elements met twice adding up."""
    made = f"{where.target} = {new_array(where.out)}"
    if array_index(index):
        looped = _Looped(where, index)
        add = f"{_part(where.target, looped.large)} += {_part(where.texts[0], looped.small)}"
        return [made, *looped.looped(add)]
    large = [part for part in index if part is not None]
    small = ["0" if part is None else ":" for part in index if not isinstance(part, int)]
    value = _part(where.texts[0], small) if "0" in small else where.texts[0]
    parts = [str(part) if isinstance(part, int) else _slice_text(part) for part in large]
    if not where.out.ndim:
        return [f"{where.target} = {value}"]
    return [made, f"{where.target}[{', '.join(parts) or '...'}] = {value}"]
