"""The formulas of a function as one Python module, and that module run.

    def formulas(W, X, Y):
        n = len(X)
        L = -np.sum(Y * (X @ W - logsumexp(X @ W, axis=1)[:, None])) / n
        dW = X.T @ (softmax(X @ W, axis=1) - Y) / n
        return L, dW

Every line with a name becomes a statement; how a term is written stands in ``matrix_source.py``.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

from diffkit.comparison.matrix_naming import Names, ordered
from diffkit.comparison.matrix_reading import Reader
from diffkit.comparison.matrix_sizes import Size
from diffkit.comparison.matrix_source import SourceWriter
from diffkit.comparison.matrix_terms import Term
from diffkit.engines.emitting import Names as Identifiers
from diffkit.engines.source_helpers import HELPERS, Globals

__all__ = ["FUNCTION", "RESERVED", "Listing", "compiled"]

FUNCTION = "formulas"
"""What the printed function is called."""
RESERVED = ("np", "special", "REGISTRY", "scatter_add", "len", FUNCTION, *HELPERS)


class Listing:
    """The code of named parts and of outputs; ``results`` has one expression per output."""

    def __init__(
        self,
        reader: Reader,
        names: Names,
        terms: Sequence[Term],
        sizes: Sequence[Size],
        wanted: Sequence[str],
        outputs: int,
    ) -> None:
        self.terms, self.reader = terms, reader
        graph, identifiers, shared = reader.graph, Identifiers(RESERVED), Globals()
        shared.writing.append(identifiers)
        self.codes: dict[Term, str] = {}
        for node, name in zip(graph.input_nodes, graph.input_names, strict=True):
            self.codes[reader.terms[node]] = identifiers.unique(name)
        self.sizes = {
            reader.terms[graph.input_nodes[graph.input_names.index(size.letter)]]: size
            for size in sizes
        }
        self.writer = SourceWriter(reader.algebra, self.codes, shared)
        self.parts: dict[Term, str] = {}
        for term, name in names.texts.items():
            code = self.writer.line(term)
            self.codes[term] = identifiers.unique(name)
            self.parts[term] = code
        self.results = [self.writer.text(term) for term in terms]
        value, *others = wanted
        self.targets = [identifiers.unique(name) for name in [*[value] * outputs, *others]]

    def module(self, places: Sequence[int]) -> str:
        """A module whose function returns some of the outputs."""
        needed = set(ordered([self.terms[place] for place in places]))
        inputs = [self.reader.terms[node] for node in self.reader.graph.input_nodes]
        arguments = ", ".join(self.codes[term] for term in inputs if term not in self.sizes)
        body = [
            f"{self.codes[term]} = {self._size(size)}"
            for term, size in self.sizes.items()
            if term in needed
        ]
        body += [f"{self.codes[t]} = {code}" for t, code in self.parts.items() if t in needed]
        if len(places) == 1:
            body.append(f"return {self.results[places[0]]}")
        else:
            body += [f"{self.targets[place]} = {self.results[place]}" for place in places]
            body.append(f"return {', '.join(self.targets[place] for place in places)}")
        return self.writer.module("\n    ".join([f"def {FUNCTION}({arguments}):", *body]))

    def _size(self, size: Size) -> str:
        """The code of a size, with the variables' names in the code."""
        graph = self.reader.graph
        for node, name in zip(graph.input_nodes, graph.input_names, strict=True):
            if size.code in (f"len({name})", f"{name}.shape[-1]", f"{name}.size"):
                return size.code.replace(name, self.codes[self.reader.terms[node]])
        return str(size.number)


def compiled(source: str) -> Callable[..., Any]:
    """The function of a printed module; its text is shown in tracebacks."""
    name = f"<formulas {abs(hash(source)):x}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {}
    exec(compile(source, name, "exec"), space)  # our own text: names are checked identifiers
    return space[FUNCTION]
