"""Trees of arguments and results in the words of a native call.

A *sample* is the tree with the number of every leaf in its place, as in ``(0, {"w": 1, "b": 2})``.
From it the arguments are taken apart and the results put together, one record or instruction per
leaf and per container; tuples, lists and dictionaries can be written so, other containers cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.engines.machine import call_words as at

__all__ = ["instructions", "is_plain", "records"]

# For each container: the functions that give its size and its parts, and the one that makes it.
_CONTAINERS: dict[type, tuple[int, int, int]] = {
    tuple: (at.SIZE_OF_TUPLE, at.GET_TUPLE, at.MAKE_TUPLE),
    list: (at.SIZE_OF_LIST, at.GET_LIST, at.MAKE_LIST),
    dict: (at.SIZE_OF_DICT, at.GET_DICT, at.MAKE_DICT),
}
_KEYS = (str, int)  # looking for others may run code of the user
_MOST_PARTS = 1000  # calls with larger trees take long anyway


def is_plain(sample: Any) -> bool:
    """Whether a sample has only containers that can be written as words.

    >>> is_plain((0, {"w": [1, 2]})), is_plain((0, None))
    (True, False)
    """
    todo, seen = [sample], 0
    while todo:
        part, seen = todo.pop(), seen + 1
        if type(part) in _CONTAINERS:
            if type(part) is dict and not all(type(key) in _KEYS for key in part):
                return False
            todo += _parts(part)
        elif type(part) is not int:
            return False
    return seen <= _MOST_PARTS


def _parts(container: Any) -> list[Any]:
    return list(container.values() if type(container) is dict else container)


def records(
    sample: Any, leaf: Callable[[int], list[int]], interface: Any, point: Callable[[Any], int]
) -> list[list[int]]:
    """The records that take one argument apart.

    ``leaf`` gives the record of a leaf, ``point`` the address of an object.
    """
    if type(sample) is int:
        return [leaf(sample)]
    size_of, get, _ = _CONTAINERS[type(sample)]
    keys = [point(key) for key in sample] if type(sample) is dict else range(len(sample))
    record = [0] * at.IN_KEYS + list(keys)
    record[at.IN_LENGTH], record[at.IN_CONTAINER] = len(record), point(type(sample))
    record[at.IN_SIZE_OF], record[at.IN_GET] = int(interface[size_of]), int(interface[get])
    record[at.IN_COUNT] = len(sample)
    inside = [records(part, leaf, interface, point) for part in _parts(sample)]
    return [record, *(each for part in inside for each in part)]


def instructions(sample: Any, places: list[int], point: Callable[[Any], int]) -> list[int]:
    """The instructions that put the results together; ``places`` are those of their records.

    >>> instructions((0, [1]), [0, 8], id) == [at.PUSH, 0, at.PUSH, 8, at.MAKE_LIST, 1,
    ...                                        at.MAKE_TUPLE, 2]
    True
    """
    if type(sample) is int:
        return [at.PUSH, places[sample]]
    words = [word for part in _parts(sample) for word in instructions(part, places, point)]
    keys = [point(key) for key in sample] if type(sample) is dict else []
    return [*words, _CONTAINERS[type(sample)][2], len(sample), *keys]
