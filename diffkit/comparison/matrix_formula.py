"""``dk.matrix_formula``: the gradient of a tensor function as matrix calculus.

    L     = −sum(Y ⊙ (XW − lse(XW)1ᵀ))/n
    ∂L/∂W = Xᵀ(softmax(XW) − Y)/n

The function is captured, reverse mode gives the graph of its gradient, and the graph is read back
as mathematics: products of matrices, transposes, sums, the functions that are in it.  What is
printed is the derivative that is computed, not one from a table.  The same terms are printed as
NumPy code, which is run and held against the graph before anybody sees the formula; where they
disagree, the formula is printed as the graph has it, without a simplification.

Reading on: Laue, Mitterreiter & Giesen 2018, *Computing higher order derivatives of matrix and
tensor expressions*; Giles 2008 on the rules of reverse mode for matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from diffkit.comparison.arguments import Arguments, arguments_of
from diffkit.comparison.matrix_line import MatrixFormula
from diffkit.comparison.matrix_listing import RESERVED, Listing, compiled
from diffkit.comparison.matrix_naming import Names, named_parts, ordered
from diffkit.comparison.matrix_reading import Reader
from diffkit.comparison.matrix_sizes import Size, named_sizes
from diffkit.comparison.matrix_style import LATEX, UNICODE, Style
from diffkit.comparison.matrix_terms import Algebra, Term
from diffkit.comparison.matrix_text import Writer
from diffkit.differentiate.reverse import gradient_graph, pullback_graph
from diffkit.engines.interpret import run
from diffkit.errors import DtypeError, InputError
from diffkit.graph.ir import Graph

__all__ = ["MatrixFormula", "MatrixFormulas", "matrix_formula"]

SCHEMA = 1
AGREEMENT = 1e3
"""Most rounding errors, of the largest element, by which printed code and graph may differ."""
FLOOR = 1e-2
"""A line much smaller than the largest one is the rounding error of larger numbers, perhaps."""
MOST_EQUATIONS = 3_000
"""Larger graphs make no formula that anybody reads."""
VALUES = ("L", "f", "value")


class MatrixFormulas:
    """The formulas of a function and its gradient; see :func:`matrix_formula`."""

    def __init__(self, graph: Graph, arguments: Arguments, title: str) -> None:
        self.title = title
        self.names_of_arguments = arguments.names
        sized, self.sizes = named_sizes(graph)
        scalar = len(graph.output_nodes) == 1 and not graph.outputs[0].aval.shape
        derive: Callable[..., Graph] = gradient_graph if scalar else pullback_graph
        self.graph = derive(sized, tuple(arguments.wrt))
        self.outputs = len(graph.output_nodes)
        self.seeds = [] if scalar else _seeds(graph)
        numbers = [_like(size, self.graph) for size in self.sizes]
        self.leaves = [*map(np.asarray, arguments.leaves), *numbers, *self.seeds]
        self.simplified = True
        self._read()
        if not self.agrees():
            self.simplified = False
            self._read()

    def _read(self) -> None:
        """Read the graph, with the rules or without, and name the parts."""
        for known in ("listing", "difference", "value_name"):
            self.__dict__.pop(known, None)
        self.algebra = Algebra(rules=self.simplified)
        self.reader = Reader(
            self.graph, self.leaves, self.algebra, [size.letter for size in self.sizes]
        )
        found = [self.reader.terms[node] for node in self.graph.output_nodes]
        self.terms = [
            self._whole(t, n) for t, n in zip(found, self.graph.output_nodes, strict=True)
        ]
        values, gradients = self.terms[: self.outputs], self.terms[self.outputs :]
        taken = {*RESERVED, *VALUES, *self.graph.input_names}
        self.names: Names = named_parts(values, gradients, self.reader, taken)

    def _whole(self, term: Term, node: int) -> Term:
        """A term with the shape of its node, also where it is a number."""
        shape = self.graph.columns.avals[node].shape
        return term if term.shape == shape else self.algebra.raw("broadcast", term, shape)

    # The lines -------------------------------------------------------------------------------

    @cached_property
    def value_name(self) -> str:
        """What the value is called: L, unless the function has an L of its own."""
        taken = {*self.graph.input_names, *self.names.texts.values()}
        if self.seeds:
            return "y"
        return next(name for name in (*VALUES, "value_") if name not in taken)

    @property
    def value(self) -> MatrixFormula:
        """The function itself; of several outputs the first."""
        return MatrixFormula(self, 0, self.terms[0])

    @property
    def values(self) -> list[MatrixFormula]:
        """One line per output of the function."""
        return [MatrixFormula(self, k, self.terms[k]) for k in range(self.outputs)]

    @property
    def gradients(self) -> dict[str, MatrixFormula]:
        """One line per argument: ∂L/∂W, or W̄ where the function is not one scalar."""
        return {
            name: MatrixFormula(self, self.outputs + k, self.terms[self.outputs + k])
            for k, name in enumerate(self.names_of_arguments)
        }

    def label(self, place: int, style: Style) -> str:
        """The left side of a line."""
        if place < self.outputs:
            return style.name(f"{self.value_name}{place}" if self.seeds else self.value_name)
        name = style.name(self.names_of_arguments[place - self.outputs])
        if self.seeds:
            return style.cotangent(name)
        return style.derivative(style.name(self.value_name), name)

    def writer(self, style: Style = UNICODE) -> Writer:
        """What writes terms in a style."""
        return Writer(self.algebra, self.names.texts, style)

    @property
    def where(self) -> list[str]:
        """The lines that name what the formulas share, in order."""
        writer = self.writer()
        return [
            f"{UNICODE.name(name)} = {writer.line(term)}" for term, name in self.names.texts.items()
        ]

    @property
    def notes(self) -> list[str]:
        """Sizes that have a letter, and what the formulas rely on at the point."""
        writer, reader = self.writer(), self.reader
        used = {term.params[0] for term in ordered(self.terms) if term.op in ("var", "size")}
        notes = [
            f"{size.letter} = {size.number}" + (f", {size.words}" if size.words else "")
            for size in self.sizes if size.letter in used
        ]  # fmt: skip
        notes += [f"here {sentence}" for sentence in self.algebra.used]
        notes += [f"here {writer.text(a)} ≠ {writer.text(b)}" for a, b in reader.distinct]
        notes += ["here every label is in range"] if reader.in_range else []
        notes += ["the branch that was taken at this point"] if self.graph.guards else []
        if any("1ᵀ" in line or "ᵀ1" in line or line.endswith("1") for line in self._shown()):
            notes.append("1 is a vector of ones")
        if any("⊙" in line for line in self._shown()):
            notes.append("⊙ element by element")
        return notes

    def _shown(self) -> list[str]:
        return [*(str(line) for line in [*self.values, *self.gradients.values()]), *self.where]

    @cached_property
    def listing(self) -> Listing:
        """The NumPy code of all lines."""
        names = [self.value_name, *(f"d{name}" for name in self.names_of_arguments)]
        return Listing(self.reader, self.names, self.terms, self.sizes, names, self.outputs)

    @property
    def source(self) -> str:
        """A Python module with one function, which returns the value and all gradients."""
        return self.listing.module(range(len(self.terms)))

    # Checking --------------------------------------------------------------------------------

    def run(self) -> list[np.ndarray]:
        """What the printed code gives at the point: the value, then the gradients."""
        letters = {size.letter for size in self.sizes}
        named = zip(self.graph.input_names, self.leaves, strict=True)
        given = [leaf[()] for name, leaf in named if name not in letters]
        with np.errstate(all="ignore"):
            found = compiled(self.source)(*given)
        return [np.asarray(x) for x in (found if isinstance(found, tuple) else (found,))]

    @cached_property
    def difference(self) -> float:
        """Largest difference of printed code and graph, over the largest element of each."""
        exact = [np.asarray(x) for x in run(self.graph, [leaf[()] for leaf in self.leaves])]
        largest = max((_size(x) for x in exact), default=0.0)
        return max(
            _difference(a, b, FLOOR * largest) for a, b in zip(self.run(), exact, strict=True)
        )

    def check(self) -> float:
        """Run the printed NumPy code at the point and compare it with the graph's numbers.

        Returns
        -------
        float
            The largest difference, over the largest element of the line it is in (at least a
            hundredth of the largest of all lines); infinite where one has a NaN or another shape
            and the other has not.
        """
        return self.difference

    def agrees(self) -> bool:
        """Whether the printed code gives the numbers of the graph, to rounding."""
        floats = [x.dtype for x in self.leaves if x.dtype.kind == "f"]
        unit = max((float(np.finfo(dtype).eps) for dtype in floats), default=0.0)
        try:
            return self.difference <= AGREEMENT * unit
        except (ArithmeticError, ValueError, TypeError, IndexError, RecursionError, SyntaxError):
            if not self.simplified:
                raise
            return False

    # Forms -----------------------------------------------------------------------------------

    @property
    def latex(self) -> str:
        """All lines as LaTeX, aligned at the equals signs."""
        writer = self.writer(LATEX)
        lines = [line.latex for line in [*self.values, *self.gradients.values()]]
        lines += [
            f"{LATEX.name(name)} = {writer.line(term)}" for term, name in self.names.texts.items()
        ]
        rows = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in lines)
        return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"

    def to_dict(self) -> dict[str, Any]:
        """The formulas as plain text and numbers (schema 1)."""
        return {
            "schema": SCHEMA,
            "function": self.title,
            "value": self.value.to_dict(),
            "gradients": {name: line.to_dict() for name, line in self.gradients.items()},
            "where": self.where,
            "notes": self.notes,
            "latex": self.latex,
            "source": self.source,
            "simplified": self.simplified,
            "difference": self.difference if np.isfinite(self.difference) else None,
        }

    def __str__(self) -> str:
        lines = [*self.values, *self.gradients.values()]
        width = max(len(line.label()) for line in lines)
        shown = [f"{line.label():{width}} = {line.text}" for line in lines]
        shown += [f"  where {line}" for line in self.where]
        return "\n".join([*shown, *(f"  ({note})" for note in self.notes)])

    def __repr__(self) -> str:
        return f"<MatrixFormulas of {self.title}: {', '.join(self.gradients)}>"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def _seeds(graph: Graph) -> list[np.ndarray]:
    """Cotangents of outputs, with no two elements alike."""
    rng = np.random.default_rng(0)
    avals = [graph.columns.avals[node] for node in graph.output_nodes]
    return [rng.normal(size=of.shape).astype(of.dtype) for of in avals]


def _like(size: Size, graph: Graph) -> np.ndarray:
    place = graph.input_names.index(size.letter)
    return np.asarray(size.number, graph.columns.avals[graph.input_nodes[place]].dtype)


def _size(x: np.ndarray) -> float:
    """The largest finite element."""
    return float(np.max(abs(x[np.isfinite(x)]), initial=0.0))


def _difference(found: np.ndarray, exact: np.ndarray, floor: float) -> float:
    if found.shape != exact.shape:
        return np.inf
    same = (found == exact) | (np.isnan(found) & np.isnan(exact))
    if same.all():
        return 0.0
    size = max(_size(exact), floor)
    with np.errstate(all="ignore"):
        error = np.max(np.where(same, 0.0, abs(found - exact)))
    return float(error / size) if size and np.isfinite(error) else np.inf


def matrix_formula(
    f: Callable[..., Any] | Graph,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    title: str | None = None,
    **kwargs: Any,
) -> MatrixFormulas:
    """Print a function and its gradient as formulas of matrix calculus.

    Parameters
    ----------
    f
        A plain NumPy function, or a graph.  Where it is not one scalar, the lines are those of the
        pullback, x̄ = Jᵀȳ.
    args, kwargs
        The point: numbers, arrays, or nested dicts, lists and tuples of them.  Shapes are fixed;
        branches are those taken at the point.
    argnums
        Which arguments to differentiate by; all that hold floats by default.
    title
        What to call the function.

    Returns
    -------
    MatrixFormulas
        With ``.value`` and ``.gradients`` (by name), each with ``.text``, ``.latex`` and
        ``.source``; ``.where``, ``.source`` of all, ``.to_dict()``, ``.check()``.

    Raises
    ------
    DtypeError
        When the function returns no float, or no argument is a number.
    InputError
        For a graph of thousands of equations, or an ``argnums`` out of range.

    Source: Magnus & Neudecker 2019, *Matrix Differential Calculus*.

    >>> import numpy as np, diffkit as dk
    >>> rng = np.random.default_rng(0)
    >>> def loss(w, X, y):
    ...     return np.mean((X @ w - y) ** 2)
    >>> found = dk.matrix_formula(loss, np.ones(3), rng.normal(size=(5, 3)), np.ones(5), argnums=0)
    >>> print(found.gradients["w"])
    ∂L/∂w = 2Xᵀ(Xw − y)/n
    >>> found.gradients["w"].expression
    '2 * (X.T @ (X @ w - y)) / n'
    >>> found.check() < 1e-14
    True
    """
    arguments = arguments_of(f, args, kwargs, argnums)
    graph = _graph(arguments)
    if len(graph.columns) > MOST_EQUATIONS:
        raise InputError(
            f"matrix_formula: {graph.title or 'the function'} has {len(graph.columns):,} "
            f"equations; formulas are for up to {MOST_EQUATIONS:,}",
            hint="graph.to_source() prints a graph of any size as NumPy code.",
        )
    if not graph.output_nodes or not all(
        graph.columns.avals[node].is_float for node in graph.output_nodes
    ):
        kinds = ", ".join(repr(graph.columns.avals[node]) for node in graph.output_nodes)
        raise DtypeError(
            f"matrix_formula: the function returned {kinds or 'nothing'}, which has no derivative",
            hint="return floating-point numbers or arrays.",
        )
    name = title or graph.title or getattr(f, "__name__", "f")
    return MatrixFormulas(graph, arguments, name)


def _graph(arguments: Arguments) -> Graph:
    """The graph of the call."""
    from diffkit.capture.capturing import capture
    from diffkit.engines.calling import check_guards

    bound, leaves = arguments.bound, arguments.leaves
    graph = bound.function.graph
    if graph is None:
        args, kwargs = bound.call_arguments(leaves)
        return capture(bound.function.f, args, kwargs)
    check_guards(graph, leaves)
    return graph
