"""What every writer of terms does: names, parentheses, and a table of what is written how.

A text comes with how strongly it holds together (``a + b`` less than ``a·b``); what holds together
less strongly than its place asks for is put in parentheses (Pratt 1973, *Top down operator
precedence*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from diffkit.comparison.matrix_terms import Algebra, Term

__all__ = ["Found", "TermWriter", "into"]

Found = tuple[str, int]
"""A text, and how strongly it holds together."""


class TermWriter:
    """Writes terms; ``names`` are those of parts that stand on lines of their own."""

    atom: ClassVar[int] = 0
    """How strongly a name holds together."""

    def __init__(self, algebra: Algebra, names: Mapping[Term, str]) -> None:
        self.algebra = algebra
        self.names = names

    def inside(self, term: Term) -> Found:
        """A term written out."""
        raise NotImplementedError

    def spelled(self, name: str) -> str:
        """A name as it is written."""
        return name

    def enclosed(self, text: str) -> str:
        """A text in parentheses."""
        return f"({text})"

    def line(self, term: Term) -> str:
        """A term written out, even where it has a name."""
        return self.inside(term)[0]

    def text(self, term: Term) -> str:
        """A term, or its name."""
        return self.found(term)[0]

    def within(self, term: Term, strength: int) -> str:
        """A term, in parentheses where it holds together less strongly."""
        text, own = self.found(term)
        return text if own >= strength else self.enclosed(text)

    def found(self, term: Term) -> Found:
        """A term, or its name, and how strongly the text holds together."""
        if term in self.names:
            return self.spelled(self.names[term]), self.atom
        return self.inside(term)


def into(table: dict[str, Any]) -> Callable[..., Callable[[Any], Any]]:
    """A decorator that puts functions into a table, under one or several names.

    >>> table = {}
    >>> @into(table)("sum", "total")
    ... def added(x):
    ...     return x + x
    >>> sorted(table)
    ['sum', 'total']
    """

    def named(*names: str) -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            table.update(dict.fromkeys(names, function))
            return function

        return register

    return named
