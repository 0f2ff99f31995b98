"""Windows that slide over images: their size, step, padding and reach.

    windows along an axis = ⌊(pixels + padding − window)/stride⌋ + 1

Padding is ``"valid"`` (none), ``"same"`` (as many windows as pixels, divided by the stride), a
number, or the pairs ((top, bottom), (left, right)).  Reading on: Dumoulin & Visin 2016, *A guide
to convolution arithmetic for deep learning*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.errors import InputError
from diffkit.graph.avals import Aval, aval_of
from diffkit.primitives import convolution

__all__ = [
    "NONE",
    "Padding",
    "Pair",
    "as_array",
    "as_float",
    "described",
    "image_size",
    "pair_of",
    "pairs_of_padding",
    "reach",
]

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
NONE: Padding = ((0, 0), (0, 0))


def as_array(x: Any) -> Any:
    """An array, plain or traced, of what may be a list."""
    return x if isinstance(x, (Tracer, np.ndarray)) else np.asarray(x)


def described(x: Any) -> Aval:
    """Shape and dtype of an array, plain or traced."""
    return x.aval if isinstance(x, Tracer) else aval_of(x)


def pair_of(what: str, value: Any) -> Pair:
    """A window or stride as (rows, columns): a positive whole number stands for both.

    Raises
    ------
    InputError
        For anything else.

    >>> pair_of("stride", 2)
    (2, 2)
    """
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not whole or min(pair) < 1:
        raise InputError(
            f"the {what} is {value!r}, not one or two positive whole numbers",
            hint=f"write {what}=2 or {what}=(2, 2).",
        )
    return int(pair[0]), int(pair[1])


def pairs_of_padding(padding: Any, size: Pair, window: Pair, stride: Pair) -> Padding:
    """Padding as ((top, bottom), (left, right)) for images of this size.

    ``"same"`` gives ⌈size / stride⌉ windows, with the odd pixel at the bottom and right.

    Raises
    ------
    InputError
        For padding that is none of the forms in this module's essay.

    >>> pairs_of_padding("same", (8, 8), (3, 3), (1, 1))
    ((1, 1), (1, 1))
    """
    if padding == "valid":
        return NONE
    if padding == "same":
        rows, columns = (_same(*of) for of in zip(size, window, stride, strict=True))
        return rows, columns
    pairs = (padding, padding) if isinstance(padding, (int, np.integer)) else padding
    if isinstance(pairs, (tuple, list)) and len(pairs) == 2:
        whole = [(n, n) if isinstance(n, (int, np.integer)) else n for n in pairs]
        if all(isinstance(n, (tuple, list)) and len(n) == 2 for n in whole):
            flat = [n for pair in whole for n in pair]
            if all(isinstance(n, (int, np.integer)) and n >= 0 for n in flat):
                top, bottom, left, right = map(int, flat)
                return (top, bottom), (left, right)
    raise InputError(
        f"the padding is {padding!r}",
        hint='use "valid", "same", a number, or ((top, bottom), (left, right)).',
    )


def _same(size: int, window: int, stride: int) -> Pair:
    count = -(-size // stride)
    total = max((count - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def image_size(name: str, x: Any) -> Pair:
    """Height and width.

    Raises
    ------
    ShapeError
        When x is no batch of images.
    """
    convolution.check_image(name, described(x))
    return x.shape[1], x.shape[2]


def reach(window: Pair, dilation: Pair) -> Pair:
    """The pixels from a filter's first to its last, with d − 1 holes between neighbours.

    >>> reach((3, 3), (2, 1))
    (5, 3)
    """
    rows, columns = ((n - 1) * d + 1 for n, d in zip(window, dilation, strict=True))
    return rows, columns


def as_float(x: Any) -> Any:
    """Floats as they are, all other numbers as float64."""
    return x if x.dtype.kind == "f" else x.astype(np.float64)
