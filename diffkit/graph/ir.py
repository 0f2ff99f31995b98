"""The intermediate representation: one graph for every way of differentiating.

A graph is a list of equations in static single assignment form,

    vᵢ = φᵢ(vⱼ, …),   j < i,

with inputs first and one output variable per equation (Griewank & Walther 2008, *Evaluating
Derivatives*, chapter 2, call it the evaluation trace).  It is stored in columns: a node is an
integer, and four lists hold its operation, the nodes it reads, its abstract value and the
user's source position.  :class:`Equation` objects are made when someone looks.

Reading on: the columns while they grow are in ``graph/arena.py``; the text form is in
``graph/printing.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from diffkit.errors import GraphError, InputError
from diffkit.graph.avals import Aval
from diffkit.graph.forwarding import forwarded
from diffkit.graph.sources import Source, line_of

if TYPE_CHECKING:
    from diffkit.graph.primitive import Primitive

__all__ = [
    "INPUT",
    "LITERAL",
    "Columns",
    "Equation",
    "Graph",
    "Guard",
    "Literal",
    "Operation",
    "Var",
]


class Operation:
    """A primitive with its parameters, interned: equal operations are one object."""

    __slots__ = ("kwargs", "memo", "name", "params", "primitive", "templates")
    _interned: ClassVar[dict[tuple[Any, ...], Operation]] = {}

    def __init__(self, primitive: Any, name: str, params: tuple[tuple[str, Any], ...]) -> None:
        self.primitive: Primitive = primitive
        self.name = name
        self.params = params
        self.kwargs = dict(params)
        self.memo: dict[Any, Aval] = {}
        self.templates: dict[Any, Any] = {}

    @classmethod
    def of(cls, primitive: Primitive, params: tuple[tuple[str, Any], ...]) -> Operation:
        """The one operation of this primitive with these (sorted, hashable) parameters."""
        key = (primitive, params)
        found = cls._interned.get(key)
        if found is None:
            found = cls._interned[key] = cls(primitive, primitive.name, params)
        return found

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.params)
        return f"{self.name}[{inside}]" if inside else self.name


INPUT = Operation(None, "input", ())
LITERAL = Operation(None, "literal", ())


class Columns:
    """The four columns of a graph, and the values of its literals."""

    __slots__ = ("avals", "operands", "operations", "sources", "values")

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.operands: list[tuple[int, ...]] = []
        self.avals: list[Aval] = []
        self.sources: list[Source] = []
        self.values: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.operations)


@dataclass(frozen=True, slots=True)
class Var:
    """A variable of a graph: its node number, name and abstract value."""

    index: int
    name: str
    aval: Aval

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the variable."""
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the variable."""
        return self.aval.dtype

    def __repr__(self) -> str:
        return f"{self.name}:{self.aval}"


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A constant of a graph."""

    index: int
    value: Any
    aval: Aval

    def __repr__(self) -> str:
        return f"{self.value!r}:{self.aval}"


@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """One equation: ``output = primitive[parameters](operands)``, with the user's line."""

    primitive: Primitive
    operands: tuple[Var | Literal, ...]
    parameters: dict[str, Any]
    output: Var
    source: Source

    @property
    def line(self) -> str:
        """The user's line as ``file.py:12`` (with a note if a derivative made the equation)."""
        return line_of(self.source)


@dataclass(frozen=True, slots=True)
class Guard:
    """A branch that capture took: this node had this outcome at this line."""

    node: int
    outcome: Any
    source: Source


class Graph:
    """An immutable, statically shaped expression graph; make one with ``dk.trace`` or ``dk.parse``.

    A graph is callable on arrays shaped like those it was captured with, prints as text, draws
    itself in notebooks, and every method of differentiation accepts it in place of a function.

    >>> import numpy as np, diffkit as dk
    >>> graph = dk.trace(lambda x: np.sin(x) * x, 2.0)
    >>> graph.operations()
    {'mul': 1, 'sin': 1, 'total': 2}
    >>> bool(graph(2.0) == np.sin(2.0) * 2.0)
    True
    """

    def __init__(
        self,
        columns: Columns,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        names: Sequence[str] | None = None,
        guards: Sequence[Guard] = (),
        in_tree: Any = None,
        out_tree: Any = None,
        title: str = "",
        keywords: bool = False,
        repeated: dict[int, set[Source]] | None = None,
        relations: dict[int, tuple[int, str]] | None = None,
    ) -> None:
        self.columns = columns
        self.input_nodes = tuple(inputs)
        self.output_nodes = tuple(outputs)
        self.input_names = tuple(names or (f"x{i}" for i in range(len(self.input_nodes))))
        self.guards = tuple(guards)
        self.in_tree = in_tree
        self.out_tree = out_tree
        self.title = title
        self.keywords = keywords  # made from text: called as g(x=1.0, y=2.0)
        self.relations = relations or {}  # node → (primal node, "bar" or "dot")
        self.repeated = repeated or {}  # further lines of the user's that compute a node
        self.cache: dict[Any, Any] = {}

    # Views -------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[Var, ...]:
        """The input variables."""
        return tuple(
            Var(node, name, self.columns.avals[node])
            for node, name in zip(self.input_nodes, self.input_names, strict=True)
        )

    @property
    def outputs(self) -> tuple[Var | Literal, ...]:
        """The output variables (or literals, for constant outputs)."""
        return tuple(self.atom(node) for node in self.output_nodes)

    @property
    def names(self) -> dict[int, str]:
        """The printed name of every node (inputs first), computed once."""
        if "names" not in self.cache:
            from diffkit.graph.naming import name_nodes

            self.cache["names"] = name_nodes(self)
        return self.cache["names"]

    def atom(self, node: int) -> Var | Literal:
        """The variable or literal behind a node number."""
        columns = self.columns
        if columns.operations[node] is LITERAL:
            return Literal(node, columns.values[node], columns.avals[node])
        return Var(node, self.names[node], columns.avals[node])

    def equation_nodes(self) -> Iterator[int]:
        """The node numbers of the equations, in order."""
        for node, operation in enumerate(self.columns.operations):
            if operation is not INPUT and operation is not LITERAL:
                yield node

    @property
    def equations(self) -> Sequence[Equation]:
        """The equations, in order; each is made when it is looked at."""
        return _Equations(self)

    def equation(self, node: int) -> Equation:
        """The equation that computes this node."""
        columns = self.columns
        operation = columns.operations[node]
        output = self.atom(node)
        if not isinstance(output, Var) or operation is INPUT:
            raise GraphError(f"node {node} is not an equation")
        operands = tuple(self.atom(operand) for operand in columns.operands[node])
        return Equation(
            operation.primitive, operands, dict(operation.params), output, columns.sources[node]
        )

    # Counting and checking ---------------------------------------------------------------

    def operations(self) -> dict[str, int]:
        """How often each primitive is evaluated in one run, and the ``"total"``.

        The equations inside a loop count once for every step.
        """
        counts: dict[str, int] = {}
        for node in self.equation_nodes():
            operation = self.columns.operations[node]
            counts[operation.name] = counts.get(operation.name, 0) + 1
            inside = operation.primitive.inner(operation.kwargs)
            if inside is not None:
                graph, times = inside
                for name, count in graph.operations().items():
                    counts[name] = counts.get(name, 0) + times * count
        counts.pop("total", None)
        counts = dict(sorted(counts.items()))
        counts["total"] = sum(counts.values())
        return counts

    def flops(self) -> int:
        """The declared cost of one evaluation, in floating-point operations.

        Every primitive declares its cost per element (``tanh`` is dearer than ``mul``), data
        movement is free (Griewank & Walther 2008, section 4.4, count the same way).
        """
        if "flops" not in self.cache:
            self.cache["flops"] = self._count_flops()
        return self.cache["flops"]

    def _count_flops(self) -> int:
        columns = self.columns
        known: dict[Any, int] = {}  # elementwise operations cost by their result alone
        total = 0
        for node in self.equation_nodes():
            operation = columns.operations[node]
            if operation.primitive.kind != "elementwise":
                total += self.flops_of(node)
                continue
            key = operation, columns.avals[node]
            if key not in known:
                known[key] = self.flops_of(node)
            total += known[key]
        return total

    def flops_of(self, node: int) -> int:
        """The declared cost of one equation."""
        columns = self.columns
        operation = columns.operations[node]
        avals = [columns.avals[operand] for operand in columns.operands[node]]
        return operation.primitive.cost(columns.avals[node], avals, operation.kwargs)

    def check(self) -> Graph:
        """Verify order, shapes and dtypes; returns the graph itself.

        Raises
        ------
        GraphError
            Naming the first equation that breaks a rule.
        """
        columns = self.columns
        for node, operation in enumerate(columns.operations):
            operands = columns.operands[node]
            if operation is INPUT or operation is LITERAL:
                continue
            if any(operand >= node or operand < 0 for operand in operands):
                raise GraphError(f"node {node} ({operation}) reads a node that comes after it")
            inside = operation.primitive.inner(operation.kwargs)
            if inside is not None:
                inside[0].check()
            inferred = operation.primitive.infer(
                [columns.avals[operand] for operand in operands], operation.kwargs
            )
            if inferred is not columns.avals[node]:
                raise GraphError(
                    f"node {node} ({operation}) is {columns.avals[node]}, "
                    f"but its operands give {inferred}"
                )
        wrong = [n for n in self.input_nodes if columns.operations[n] is not INPUT]
        if wrong or any(not 0 <= n < len(columns) for n in self.output_nodes):
            raise GraphError("the inputs or outputs of the graph name nodes that are not there")
        return self

    # Later floors, by name (see graph/forwarding.py) -----------------------------------------

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return forwarded(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the graph on arrays shaped like those it was captured with."""
        return forwarded(self, "call")(*args, **kwargs)

    def __str__(self) -> str:
        return forwarded(self, "to_text")()

    def __repr__(self) -> str:
        title = f" of {self.title}" if self.title else ""
        equations = sum(1 for _ in self.equation_nodes())
        return f"<Graph{title}: {len(self.input_nodes)} inputs, {equations} equations>"

    def _repr_html_(self) -> str:
        return forwarded(self, "to_html")()

    def _repr_svg_(self) -> str:
        return forwarded(self, "to_svg")()

    def __reduce__(self) -> Any:
        raise InputError(
            "a Graph cannot be pickled", hint="save graph.to_dict(), or capture the function again."
        )


class _Equations(Sequence[Equation]):
    """A lazy sequence of equations."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes = list(graph.equation_nodes())

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._graph.equation(node) for node in self._nodes[index]]
        return self._graph.equation(self._nodes[index])
