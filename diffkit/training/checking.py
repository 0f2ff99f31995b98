"""What goes into a training is looked at first, and what comes out of a step too.

Data must be arrays of numbers with one row per example, parameters arrays of floats.  A step
that leaves all bounds is reported with the layer where it shows first: rates beyond
2/λ_max make gradient descent diverge (Goodfellow, Bengio & Courville 2016, section 4.3).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, unflatten
from diffkit.errors import InputError
from diffkit.training.signal import first_bad, parameter_names

__all__ = [
    "DIVERGED",
    "RAN_AWAY",
    "check_call",
    "check_deterministic",
    "checked_data",
    "checked_params",
    "has_diverged",
    "has_run_away",
    "layer_of_divergence",
]

# A loss this many times its first value (or 1, if that is larger) will not come back.
DIVERGED = 1e6

# For the mean over an epoch less is enough: a single step may jump and recover, a mean does not.
# Nets that saturate (tanh, sigmoid) need it: their gradient dies at a loss of about 1e5, which
# then stays there for good.  Guessing costs ln C, so 1e3 times the start is no slow learner.
RAN_AWAY = 1e3

# Two evaluations may differ in rounding, where BLAS splits its sums by where memory lies.
ROUNDING = 1e3  # in units of the loss's own precision


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
            hint="write (data.x, data.y)."
            if hasattr(data, "x") and hasattr(data, "y")
            else "write (x, y); for data without targets write (x,).",
        )
    arrays = [_array(array, f"{name}[{place}]") for place, array in enumerate(data)]
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1:
        raise InputError(
            f"{name} has arrays of different lengths: {', '.join(map(str, lengths))}",
            hint="every array needs one row per example.",
        )
    if not lengths[0]:
        raise InputError(f"there is no data in {name}", hint="pass at least one example.")
    return arrays


def check_call(loss: Any, params: Any, rows: Sequence[np.ndarray], name: str) -> None:
    """Refuse data with more or fewer arrays than the loss takes after the parameters.

    Raises
    ------
    InputError
        "data holds 3 arrays, but the loss takes (params, x, y)".

    >>> check_call(lambda w, x: w * x, 1.0, [np.ones(2)], "data")
    """
    try:
        form = signature(loss)
    except (TypeError, ValueError):  # a graph, or a function of C that does not say
        return
    try:
        form.bind(params, *rows)
    except TypeError:
        taken = [name for name in form.parameters if name != "rng"]
        count = "1 array" if len(rows) == 1 else f"{len(rows)} arrays"
        raise InputError(
            f"{name} holds {count}, but the loss takes ({', '.join(taken)})",
            hint="the loss is called with the parameters, then with every array of the data.",
        ) from None


def check_deterministic(loss: Any, params: Any, batch: Sequence[np.ndarray]) -> None:
    """Refuse a loss that draws random numbers: its graph would hold the first draw for good.

    Raises
    ------
    InputError
        When two evaluations on the same batch differ.

    >>> check_deterministic(lambda w, x: np.sum(w * x), 1.0, [np.ones(2)])
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            first, second = (np.asarray(loss(params, *batch), dtype=float) for _ in range(2))
        except Exception:  # a loss that fails is reported when it is captured, with the line
            return
    if first.ndim or second.ndim:  # no scalar, which the capture refuses
        return
    precision = max(np.finfo(np.asarray(leaf).dtype).eps for leaf in flatten(params)[0])
    if not np.isclose(first, second, rtol=ROUNDING * precision, atol=0.0, equal_nan=True):
        raise InputError(
            "the loss is not deterministic: two evaluations on the same batch differ "
            f"({float(first):.6g} vs {float(second):.6g})",
            hint="give the loss a keyword rng=None and draw from it with dk.random.",
        )


def _array(given: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(given)
    except ValueError:
        raise InputError(
            f"{name} has rows of different lengths", hint="every row needs the same columns."
        ) from None
    if array.dtype.kind not in "fiub":
        raise InputError(
            f"{name} has dtype {array.dtype}, not numbers",
            hint="np.unique(words, return_inverse=True)[1] numbers words."
            if array.dtype.kind in "US"
            else "give an array of real numbers.",
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


def has_run_away(mean: float, first: float) -> bool:
    """Whether the mean loss of an epoch is so far above the first loss that it stays there.

    >>> has_run_away(5e4, 2.3), has_run_away(20.0, 2.3)
    (True, False)
    """
    return abs(mean) > RAN_AWAY * max(1.0, abs(first))


def layer_of_divergence(
    value: Any, params: Any, gradients: Any, probes: dict[str, Any]
) -> str | None:
    """The first parameter or layer that is not finite; else where the gradient is largest.

    None when all layers are finite and the loss is still a NaN: it was born behind them.
    ``probes`` are those of the step, in the order of the forward pass; they may be absent.
    """
    names, bars = parameter_names(gradients), flatten(gradients)[0]
    values: Sequence[Any] = [probe.value for probe in probes.values()]
    bad = first_bad(list(probes), values) or first_bad(parameter_names(params), flatten(params)[0])
    if bad is None and np.isnan(value) and (probes or first_bad(names, bars) is None):
        return None
    return (
        bad
        or first_bad(names, bars)
        or names[int(np.argmax([np.abs(bar).max(initial=0.0) for bar in bars]))]
    )
