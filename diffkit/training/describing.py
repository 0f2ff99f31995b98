"""Values as plain data: nets, losses, optimizers and states, written down and built again.

    value  →  JSON, with its arrays aside  →  an equal value

Code is never stored and never evaluated.  A net, a loss, an optimizer or a schedule of this
library is a frozen dataclass, so its class's name and its fields say all; when it is built again
the name is looked up in a list of this library's own classes, and the constructor checks the
fields as it checks anybody's.  Functions are named likewise, from the tables of activations and
initializers.  What a user has written cannot be described: it must be given again.

The idea is that of every configuration file; what is avoided is Python's ``pickle``, whose files
run code when they are read (Python's documentation of that module begins with the warning).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np

from diffkit.errors import InputError

__all__ = ["Arrays", "described", "rebuilt"]

Arrays = dict[str, np.ndarray]

# Kinds of arrays that are kept; others (objects, text) are no numbers.
NUMERIC = "fiubc"
# Lists of numbers from this length on are kept as arrays: JSON would need three times the room.
LONG = 16
NUMBERS = {float: np.float64, int: np.int64}
# A dataclass is known by the floor it stands on and its name, as nets.Dense or optim.Adam.
FLOORS = ("nets", "optim")


@cache
def _classes() -> dict[str, type]:
    """Every value of this library that may be built from its description, by name."""
    from diffkit import nets, optim  # noqa: F401  their modules define the classes
    from diffkit.nets.layers import Layer
    from diffkit.nets.losses import Loss
    from diffkit.nets.net import Net
    from diffkit.nets.objective import Objective
    from diffkit.optim.optimizers import Optimizer
    from diffkit.optim.schedules import Schedule

    found = {}
    for root in (Net, Objective, Layer, Loss, Optimizer, Schedule):
        for kind in (root, *_below(root)):
            floor = kind.__module__.split(".")[1:2]
            own = kind.__module__.startswith("diffkit.") and floor[0] in FLOORS
            if own and is_dataclass(kind):
                found[f"{floor[0]}.{kind.__qualname__}"] = kind
    return found


def _below(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    """Activations and initializers by name."""
    from diffkit.nets.activations import ACTIVATIONS
    from diffkit.nets.initializers import INITIALIZERS

    tables = {"activation": ACTIVATIONS, "initializer": INITIALIZERS}
    return {f"{table}.{name}": function
            for table, entries in tables.items() for name, function in entries.items()}  # fmt: skip


# Writing down -------------------------------------------------------------------------------------


def described(value: Any, arrays: Arrays | None = None) -> Any:
    """A value as JSON; its arrays are added to ``arrays``, or written inline where that is None.

    Numbers, text, lists, tuples, dicts, arrays, and the nets, losses, optimizers and schedules of
    this library can be described; ``rebuilt`` gives an equal value with the same bits.

    Raises
    ------
    InputError
        For anything else, such as a function of the user's.

    >>> from diffkit.optim import sgd
    >>> described(sgd(0.1))["kind"], rebuilt(described(sgd(0.1)))
    ('optim.SGD', SGD(rate=0.1, momentum=0.0, nesterov=False))
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) is int:
        return value
    if type(value) is float:
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        return _described_array(value, arrays)
    if type(value) in (list, tuple):
        return _described_items(value, arrays)
    if type(value) is dict:
        _check_keys(value)
        return {"dict": [[key, described(item, arrays)] for key, item in value.items()]}
    return _described_own(value, arrays)


def _check_keys(value: Mapping[Any, Any]) -> None:
    odd = [key for key in value if type(key) not in (str, int)]
    if odd:
        raise InputError(
            f"a dict with the key {odd[0]!r:.40} cannot be written down",
            hint="use text or whole numbers as keys.",
        )


def _described_array(value: Any, arrays: Arrays | None) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in NUMERIC or not array.dtype.isnative:
        raise InputError(
            f"an array of dtype {array.dtype} cannot be written down",
            hint="convert it to numbers first.",
        )
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    if arrays is not None:
        return {kind: _put_aside(array, arrays)}
    flat = [described(item) for item in array.ravel().tolist()]
    return {kind: {"dtype": array.dtype.name, "shape": list(array.shape), "values": flat}}


def _put_aside(array: np.ndarray, arrays: Arrays) -> str:
    name = f"a{len(arrays)}"
    arrays[name] = array.copy(order="C")
    return name


def _described_items(value: Any, arrays: Arrays | None) -> Any:
    if type(value) is list and arrays is not None and len(value) >= LONG:
        table = _as_table(value)
        if table is not None:
            return {"table": _put_aside(table, arrays)}
    items = [described(item, arrays) for item in value]
    return items if type(value) is list else {"tuple": items}


def _as_table(value: list[Any]) -> np.ndarray | None:
    """A list of floats, of whole numbers, or of such lists of one length, as an array."""
    rows = [value] if type(value[0]) is not list else value
    if any(type(row) is not list or len(row) != len(rows[0]) for row in rows) or not rows[0]:
        return None
    kinds = {type(item) for row in rows for item in row}
    if len(kinds) != 1 or not kinds <= NUMBERS.keys():
        return None
    try:
        return np.array(value, NUMBERS[kinds.pop()])
    except OverflowError:  # whole numbers beyond 64 bits
        return None


def _described_own(value: Any, arrays: Arrays | None) -> Any:
    for name, function in _functions().items():
        if value is function:
            return {"function": name}
    for name, kind in _classes().items():
        if type(value) is kind:
            content = {f.name: described(getattr(value, f.name), arrays)
                       for f in fields(value) if f.init}  # fmt: skip
            return {"kind": name, "fields": content}
    name = getattr(value, "__name__", type(value).__name__)
    raise InputError(
        f"{name} is no value of diffkit, so it cannot be written down",
        hint="functions and classes of your own must be given again.",
    )


# Building again -----------------------------------------------------------------------------------


def rebuilt(description: Any, arrays: Mapping[str, np.ndarray] | None = None) -> Any:
    """The value of a description, its arrays from ``arrays``.

    Raises
    ------
    InputError
        When the description names what this version does not know, or a constructor refuses it.

    >>> rebuilt({"tuple": [1, 2.5, "relu"]})
    (1, 2.5, 'relu')
    """
    if isinstance(description, list):
        return [rebuilt(item, arrays) for item in description]
    if not isinstance(description, dict):
        return description
    try:
        form = next(iter(description))
        return _BUILDERS[form](description, arrays or {})
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, StopIteration, AttributeError, LookupError) as error:
        raise InputError(
            f"a description that is not understood: {error!r:.60}",
            hint="it was changed, or written by a newer diffkit.",
        ) from None


def _rebuilt_own(description: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    name, kind = description["kind"], _classes().get(description["kind"])
    if kind is None:
        raise InputError(
            f"{name!r:.40} is not known to this version of diffkit",
            hint="it was written by another version.",
        )
    given = {key: rebuilt(item, arrays) for key, item in description["fields"].items()}
    return kind(**given)


def _rebuilt_inline(form: Any, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    if isinstance(form, str):
        return arrays[form]
    dtype = np.dtype(form["dtype"])
    if dtype.kind not in NUMERIC:
        raise InputError(f"an array of {dtype} is no array of numbers")
    return np.array([rebuilt(item) for item in form["values"]], dtype).reshape(form["shape"])


_BUILDERS: dict[str, Callable[[Any, Mapping[str, np.ndarray]], Any]] = {
    "float": lambda found, arrays: {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}[found["float"]],
    "tuple": lambda found, arrays: tuple(rebuilt(item, arrays) for item in found["tuple"]),
    "dict": lambda found, arrays: {key: rebuilt(item, arrays) for key, item in found["dict"]},
    "array": lambda found, arrays: _rebuilt_inline(found["array"], arrays),
    "scalar": lambda found, arrays: _rebuilt_inline(found["scalar"], arrays)[()],
    "table": lambda found, arrays: arrays[found["table"]].tolist(),
    "function": lambda found, arrays: _functions()[found["function"]],
    "kind": _rebuilt_own,
}
