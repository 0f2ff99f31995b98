"""Grids of settings: values by name, their combinations, and the labels they go by.

A value that JSON can write is its own label; every other value is given one, because a label is
what a finished trial is known by in a file.  (Grids as data are scikit-learn's ``ParameterGrid``.)
"""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.errors import InputError

__all__ = ["check_task", "key_of", "points_of", "seeds_of"]

PLAIN = (bool, int, float, str, type(None))


def points_of(grid: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """All combinations of a grid, each as labels and as values, by name.

    Raises
    ------
    InputError
        For a grid that is none, is empty, or has a value without a label.

    >>> [labels for labels, _ in points_of({"rate": [0.1, 1.0], "depth": {"deep": 9}})]
    [{'rate': 0.1, 'depth': 'deep'}, {'rate': 1.0, 'depth': 'deep'}]
    """
    found = []
    one = isinstance(grid, (Mapping, str)) or not isinstance(grid, Iterable)
    parts: list[Any] = [grid] if one else list(grid)
    for part in parts:
        _refuse_no_grid(part)
        columns = [_labelled(name, values) for name, values in part.items()]
        for pairs in itertools.product(*columns):
            labels, values = zip(*pairs, strict=True) if pairs else ((), ())
            found.append(
                (dict(zip(part, labels, strict=True)), dict(zip(part, values, strict=True)))
            )
    if not found:
        raise InputError("the grid holds no settings", hint='for example {"rate": [0.01, 0.1]}.')
    return found


def _refuse_no_grid(part: Any) -> None:
    if not isinstance(part, Mapping) or not all(isinstance(name, str) for name in part):
        raise InputError(
            f"a grid is values by name, not {part!r:.40}",
            hint='for example {"rate": [0.01, 0.1]}.',
        )
    if "seed" in part:
        raise InputError("the seed is no setting of a grid", hint="write seeds=3, or seeds=[7, 8].")


def _labelled(name: str, values: Any) -> list[tuple[Any, Any]]:
    """The values of a setting with their labels."""
    if isinstance(values, Mapping):
        return [(str(label), value) for label, value in values.items()]
    if isinstance(values, str) or not isinstance(values, (Sequence, np.ndarray)):
        values = [values]
    items = [value.item() if isinstance(value, np.generic) else value for value in values]
    for value in items:
        if not isinstance(value, PLAIN):
            raise InputError(
                f"a value of {name!r} is {value!r:.40}, which has no label",
                hint=f'name the values, as in {{"{name}": {{"first": …, "second": …}}}}.',
            )
    return [(value, value) for value in items]


def seeds_of(seeds: Any) -> list[int]:
    """The seeds: those given, or as many as said, from 0.

    Raises
    ------
    InputError
        For none, or for seeds that are no whole numbers.

    >>> seeds_of(3), seeds_of([7])
    ([0, 1, 2], [7])
    """
    whole = (int, np.integer)
    found = list(range(seeds)) if isinstance(seeds, whole) else [seeds]
    if isinstance(seeds, Iterable):
        found = list(seeds)
    good = all(isinstance(seed, whole) and not isinstance(seed, bool) for seed in found)
    if not found or not good or isinstance(seeds, bool):
        raise InputError(
            f"seeds are a number of at least 1 or a list of whole numbers, not {seeds!r:.40}",
            hint="seeds=3 means the seeds 0, 1 and 2.",
        )
    return [int(seed) for seed in found]


def check_task(task: Any, settings: Mapping[str, Any]) -> None:
    """Refuse a task that cannot be called so, before any trial is made.

    Raises
    ------
    InputError
        Naming what the task takes and what it would be given.

    >>> check_task(lambda rate, seed: rate, {"rate": 0.1})
    """
    try:
        form = inspect.signature(task)
    except ValueError:  # a function of C that does not say
        return
    except TypeError:
        raise InputError(f"the task of a sweep is {task!r:.40}, which cannot be called") from None
    try:
        form.bind(**settings, seed=0)
    except TypeError as error:
        given = ", ".join([*settings, "seed"])
        raise InputError(
            f"the task takes {form}, and is called with {given}: {error}",
            hint="give the task one argument for each name of the grid, and seed.",
        ) from None


def key_of(labels: Mapping[str, Any]) -> str:
    """Labels as a key, the same in whichever order they were given.

    >>> key_of({"rate": 0.1, "model": "mlp"})
    '{"model": "mlp", "rate": 0.1}'
    """
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False)
