"""What goes into a training is looked at first, and what comes out of a step too.

Data must be arrays of numbers with one row per example, parameters arrays of floats.  A step
that leaves all bounds is reported with the layer where it shows first: rates beyond
2/λ_max make gradient descent diverge (Goodfellow, Bengio & Courville 2016, section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, unflatten
from diffkit.errors import InputError
from diffkit.training.signal import first_bad, parameter_names

__all__ = ["DIVERGED", "checked_data", "checked_params", "has_diverged", "layer_of_divergence"]

# A loss this many times its first value (or 1, if that is larger) will not come back.
DIVERGED = 1e6


def checked_data(data: Any, name: str) -> list[np.ndarray]:
    """The arrays of a data set, with one length.

    Raises
    ------
    InputError
        For anything that is not a tuple of arrays of equal length without NaN.

    >>> [array.shape for array in checked_data(([[1.0, 2.0]], [3]), "data")]
    [(1, 2), (1,)]
    """
    if isinstance(data, np.ndarray) or not isinstance(data, (tuple, list)) or not len(data):
        raise InputError(
            f"{name} must be a tuple of arrays, not {type(data).__name__}",
            hint="write (x, y); for data without targets write (x,).",
        )
    arrays = [_array(array, f"{name}[{place}]") for place, array in enumerate(data)]
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        raise InputError(
            f"{name} has arrays of different lengths: {', '.join(map(str, lengths))}",
            hint="every array needs one row per example.",
        )
    return arrays


def _array(given: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(given)
    except ValueError:
        raise InputError(
            f"{name} has rows of different lengths", hint="every row needs the same columns."
        ) from None
    if array.dtype.kind not in "fiub":
        raise InputError(
            f"{name} has dtype {array.dtype}, not numbers", hint="encode text as numbers first."
        )
    if not array.ndim:
        raise InputError(f"{name} is a single number", hint="pass one row per example.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise InputError(
            f"{name} holds a NaN or an infinity, first in row {row}",
            hint="drop such rows, or fill them in.",
        )
    return array


def checked_params(params: Any) -> Any:
    """The same tree with arrays of floats as leaves.

    Raises
    ------
    InputError
        When there are no parameters, or one is not a real number, naming it.

    >>> checked_params({"w": 1, "b": [0.5]})
    {'w': array(1.), 'b': [array(0.5)]}
    """
    leaves, structure = flatten(params)
    if not leaves:
        raise InputError("there are no parameters to train", hint="pass net.init(0), say.")
    floats = []
    for name, leaf in zip(parameter_names(params), leaves, strict=True):
        array = np.asarray(leaf)
        if array.dtype.kind not in "fiub":
            raise InputError(
                f"the parameter {name} is {leaf!r:.40}, not an array of numbers",
                hint="leave out what is not trained.",
            )
        if not np.isfinite(array).all():
            raise InputError(f"the parameter {name} holds a NaN or an infinity")
        floats.append(array if array.dtype.kind == "f" else array.astype(float))
    return unflatten(structure, floats)


def has_diverged(value: Any, first: float, gradients: Any) -> bool:
    """Whether a loss or a gradient is no longer a number, or the loss left all bounds."""
    finite = np.isfinite(value) and all(np.isfinite(g).all() for g in flatten(gradients)[0])
    return not finite or bool(abs(value) > DIVERGED * max(1.0, abs(first)))


def layer_of_divergence(params: Any, gradients: Any, probes: dict[str, Any]) -> str:
    """The first parameter or layer that is not finite; else where the gradient is largest.

    ``probes`` are those of the step, in the order of the forward pass; they may be absent.
    """
    names, bars = parameter_names(gradients), flatten(gradients)[0]
    values: Sequence[Any] = [probe.value for probe in probes.values()]
    return (
        first_bad(list(probes), values)
        or first_bad(parameter_names(params), flatten(params)[0])
        or first_bad(names, bars)
        or names[int(np.argmax([np.abs(bar).max(initial=0.0) for bar in bars]))]
    )
