"""Names for the variables of a graph, so that a printed graph reads like the user's code.

A variable is called what the user called it: inputs by the function's argument names, the
result of ``h = x @ w`` is ``h``.  Everything else gets a short letter (a, b, c, …), and a name
that is taken already gets a number (``h_1``), as in a trace table where every assignment makes
a new variable (Griewank & Walther 2008, chapter 2).  The cotangent of ``h`` is called ``h_bar``
and its tangent ``h_dot``, wherever a derivative has noted the relation (``Graph.relations``).
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import TYPE_CHECKING

from diffkit.graph.ir import INPUT, LITERAL
from diffkit.graph.sources import assigned_name

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["letters", "name_nodes"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def letters() -> Iterator[str]:
    """Short names without end: a … z, aa, ab, …; words of Python's grammar are left out.

    >>> from itertools import islice
    >>> list(islice(letters(), 25, 29))
    ['z', 'aa', 'ab', 'ac']
    """
    count = 0
    while True:
        count += 1
        name, rest = "", count
        while rest:
            rest, digit = divmod(rest - 1, len(_ALPHABET))
            name = _ALPHABET[digit] + name
        if not keyword.iskeyword(name):
            yield name


class _Names:
    """Hands out each name once."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.counts: dict[str, int] = {}
        self.spare = letters()

    def unique(self, wanted: str) -> str:
        """``wanted``, or ``wanted_1``, ``wanted_2``, … when it is taken."""
        name = wanted
        while name in self.taken:
            self.counts[wanted] = self.counts.get(wanted, 0) + 1
            name = f"{wanted}_{self.counts[wanted]}"
        self.taken.add(name)
        return name

    def letter(self) -> str:
        """The next letter that nobody uses."""
        return self.unique(next(name for name in self.spare if name not in self.taken))


def name_nodes(graph: Graph) -> dict[int, str]:
    """The name of every variable of a graph, inputs first; literals have no name.

    Parameters
    ----------
    graph
        Any graph; shapes and dtypes play no part.

    Returns
    -------
    dict
        Node number → name; no two nodes share a name.

    >>> import diffkit as dk
    >>> def f(x):
    ...     y = x * x
    ...     return y + 1.0
    >>> list(name_nodes(dk.trace(f, 2.0)).values())
    ['x', 'y', 'a']
    """
    columns = graph.columns
    names = _Names()
    found = {
        node: names.unique(name)
        for node, name in zip(graph.input_nodes, graph.input_names, strict=True)
    }
    nameless = []
    for node, operation in enumerate(columns.operations):
        if operation is LITERAL or node in found:
            continue
        wanted = assigned_name(columns.sources[node])
        if node in graph.relations:
            continue
        if wanted is None or operation is INPUT:
            nameless.append(node)
        else:
            found[node] = names.unique(wanted)
    # Letters come last, so that none is given away which the user's own code uses.
    found.update((node, names.letter()) for node in nameless)
    for node, (primal, suffix) in sorted(graph.relations.items()):
        if node not in found and columns.operations[node] is not LITERAL:
            found[node] = names.unique(f"{found.get(primal) or names.letter()}_{suffix}")
    return found
