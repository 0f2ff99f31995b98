"""What a page asks about: text that was typed, or the function that the command line named.

Text goes through ``dk.parse`` and through nothing else.  A function of the user's own comes from
the command line only (``diffkit explore model.py:loss``); a page can ask about it, not change it.
Both have variables with names, one for every number: an array w of two is ``w[0]`` and ``w[1]``.

Graphs that were parsed lately are kept, so that a slider parses nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.capture.parsing import parse
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.differentiate.api import value_and_grad
from diffkit.errors import InputError, ParseError
from diffkit.explorer.limits import MAX_OPERATIONS, MAX_TEXT, MAX_VARIABLES, Lately
from diffkit.graph.ir import Graph

__all__ = ["Asked", "Own", "Typed", "asked_of", "is_finite", "parsed"]

KEPT = 256  # expressions, with their derivatives


class Asked:
    """Something to differentiate: a function with named numbers, and how a point becomes a call."""

    title: str
    names: tuple[str, ...]
    function: Any

    def arguments(self, at: Mapping[str, float]) -> list[Any]:
        """The positional arguments at a point that is given by name."""
        raise NotImplementedError

    def values(self, at: Any) -> list[float]:
        """The numbers of a point in the order of the names.

        Raises
        ------
        InputError
            When one is missing or is no finite number.
        """
        if not isinstance(at, Mapping):
            raise InputError('"at" is no object of numbers', hint='send {"at": {"x": 1.0}}.')
        missing = [name for name in self.names if name not in at]
        if missing:
            raise InputError(f"no value for {', '.join(missing)}", hint='send it in "at".')
        return [_number(name, at[name]) for name in self.names]


def is_finite(value: Any) -> bool:
    """Whether a value of JSON is a number that a double can hold.

    >>> is_finite(1), is_finite(10**400), is_finite(True), is_finite(float("nan"))
    (True, False, False, False)
    """
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real and abs(value) <= sys.float_info.max


def _number(name: str, value: Any) -> float:
    if not is_finite(value):
        raise InputError(f"the value of {name} is not a finite number", hint="send 1.0, say.")
    return float(value)


@dataclass
class Typed(Asked):
    """An expression as text; its graph, and what was derived from it."""

    title: str
    function: Graph
    slopes: dict[tuple[int, ...], Graph] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The variables, in the order in which they first appear."""
        return tuple(self.function.input_names)

    def arguments(self, at: Mapping[str, float]) -> list[Any]:
        """The values of the variables, in order."""
        return list(self.values(at))


@dataclass
class Own(Asked):
    """A function of the user's own file, with the arguments it was given on the command line.

    Whatever calls it does so within ``telling()``, which names the user's line in an error.
    """

    title: str
    function: Callable[..., Any]
    defaults: Sequence[Any]
    parameters: Sequence[str]
    path: Path
    telling: Callable[[], AbstractContextManager[Any]] = nullcontext
    slopes: dict[tuple[int, ...], Callable[..., Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leaves, self.structure = flatten(list(self.defaults))
        self.names = tuple(self._named())

    def _named(self) -> list[str]:
        found = []
        for name, value in zip(self.parameters, self.defaults, strict=True):
            for place, leaf in enumerate(flatten(value)[0]):
                base = name if structure_of(value) == structure_of(0.0) else f"{name}.{place}"
                shape = np.shape(leaf)
                if not _moves(leaf):
                    continue
                inner = [f"[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]
                found += [base] if shape == () else [f"{base}{index}" for index in inner]
        return found

    def arguments(self, at: Mapping[str, float]) -> list[Any]:
        """The arguments, with the numbers of the point put into their places."""
        numbers = iter(self.values(at))
        leaves = [_filled(leaf, numbers) if _moves(leaf) else leaf for leaf in self.leaves]
        return list(unflatten(self.structure, leaves))

    def value_and_slope(self, argnums: tuple[int, ...]) -> Callable[..., Any]:
        """The function with its gradient; kept, since it keeps what it captured."""
        if argnums not in self.slopes:
            self.slopes[argnums] = value_and_grad(self.function, argnums)
        return self.slopes[argnums]

    @property
    def at(self) -> dict[str, float]:
        """The point of the command line, by name."""
        numbers = [x for leaf in self.leaves if _moves(leaf) for x in np.ravel(leaf)]
        return dict(zip(self.names, map(float, numbers), strict=True))


def _moves(leaf: Any) -> bool:
    """Whether a leaf of the arguments holds floats; counts and settings stay as they are."""
    return np.asarray(leaf).dtype.kind == "f"


def _filled(leaf: Any, numbers: Any) -> Any:
    shape = np.shape(leaf)
    found = np.array([next(numbers) for _ in range(int(np.size(leaf)))], np.asarray(leaf).dtype)
    return found.reshape(shape)[()]


def _typed(text: str) -> Typed:
    if len(text) > MAX_TEXT:
        raise ParseError(
            f"the expression has {len(text):,} characters, more than {MAX_TEXT:,}",
            position=MAX_TEXT,
            hint="capture a NumPy function in a file: diffkit explore file.py:function",
        )
    graph = parse(text)  # places of errors are those of the text as it was sent
    if text != text.strip():
        graph = parse(text.strip())
    names, count = graph.input_names, graph.operations()["total"]
    if len(names) > MAX_VARIABLES or count > MAX_OPERATIONS:
        raise ParseError(
            f"the expression has {len(names)} variables and {count:,} operations, more than "
            f"{MAX_VARIABLES} and {MAX_OPERATIONS:,}",
            hint="ask diffkit from Python, which waits.",
        )
    return Typed(text.strip(), graph)


parsed: Lately[str, Typed] = Lately(_typed, KEPT)
"""The expression that a text stands for; those of late are kept."""


def asked_of(text: Any, own: Own | None) -> Asked:
    """What a request is about: its text, or without one the function of the command line.

    Raises
    ------
    InputError, ParseError
        When there is neither, or the text is no expression.

    >>> asked_of("x*y", None).names
    ('x', 'y')
    """
    if text is None and own is not None:
        return own
    if not isinstance(text, str):
        raise InputError('"text" is no expression', hint='send {"text": "sin(x*y)"}.')
    return parsed(text)
