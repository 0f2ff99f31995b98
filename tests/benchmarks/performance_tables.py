"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["table"]


def table(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A table in Markdown.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |-|-|
    | 1 | 2 |
    """
    heads = list(header)
    texts = [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    ]
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "-|" * len(heads), *texts])
