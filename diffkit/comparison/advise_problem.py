"""What advice is asked for: a function, a point, a derivative, how often, how accurate.

A derivative of ``n`` numbers by which ``f`` is differentiated and ``m`` numbers that it returns is
a matrix of m × n.  The methods differ in what they pay for it:

    forward n sweeps,   reverse m sweeps,   finite 2n + 1 runs,   complex n runs,   sparse: colours

A Hessian is the Jacobian of the gradient, so it has the same counts with m = n, on the graph of
the gradient.  Reading on: Griewank & Walther 2008, *Evaluating Derivatives*, chapters 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, unflatten
from diffkit.comparison.arguments import warn_of_chance
from diffkit.differentiate.api import grad, jacobian
from diffkit.differentiate.calls import Argnums, Call, chosen_arguments
from diffkit.differentiate.curvature import gradient_alone, hvp
from diffkit.differentiate.function import function_of
from diffkit.differentiate.higher import hessian
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.ir import Graph

__all__ = ["WANTS", "Problem", "matrix_of", "numbers_in"]

WANTS = ("gradient", "jacobian", "hessian", "hvp")
SPARSE, FORMED = "sparse", "hessian"


@dataclass
class Problem:
    """A question to :func:`diffkit.advise`, with the graph that answers start from."""

    f: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    argnums: Argnums
    want: str
    repeats: int
    accuracy: float
    engine: str

    @cached_property
    def call(self) -> Call:
        """The flat arguments, and which of them are differentiated by."""
        if self.want not in WANTS:
            raise InputError(f"want={self.want!r} is no derivative", hint=f"one of {WANTS}.")
        if self.want == "hvp" and (len(self.args) != 1 or self.kwargs):
            raise InputError(
                f"a Hessian-vector product has one argument, not {len(self.args)}",
                hint="take the others from outside, as in lambda x: f(x, a).",
            )
        if not self.args and not self.by_name:
            raise InputError(
                "advise: no argument was given, so there is nothing to differentiate by",
                hint="give one by position, as in dk.advise(f, 2.0).",
            )
        return Call(function_of(self.f), self.args, self.kwargs, self.chosen)

    @property
    def by_name(self) -> bool:
        """Whether the function is a graph that takes its variables by name."""
        return isinstance(self.f, Graph) and (self.f.keywords or self.f.in_tree is None)

    @cached_property
    def chosen(self) -> Argnums:
        """The arguments to differentiate by: those given, else all that hold floats."""
        if self.by_name:
            return self.argnums
        if self.argnums is not None or len(self.args) < 2:
            return 0 if self.argnums is None else self.argnums
        floats = tuple(k for k, arg in enumerate(self.args) if _has_floats(arg))
        chosen = floats or chosen_arguments(range(len(self.args)), len(self.args))
        return chosen[0] if len(chosen) == 1 else chosen

    @cached_property
    def graph(self) -> Graph:
        """The value graph."""
        found = self.call.bound.graph_for(self.call.leaves)
        avals = [found.columns.avals[node] for node in found.output_nodes]
        if self.want != "jacobian" and [aval.shape for aval in avals] != [()]:
            shown = ", ".join(map(repr, avals))
            raise ShapeError(
                f"advise: a {self.want} needs one number, and the function returns {shown}",
                hint='ask for want="jacobian", or return np.sum(y).',
            )
        if not any(aval.is_float or aval.dtype.kind == "i" for aval in avals):
            shown = ", ".join(map(repr, avals))
            raise DtypeError(
                f"advise: the function returned {shown}, which has no derivative",
                hint="return a floating-point number or array.",
            )
        warn_of_chance(self.call.bound, self.args, self.kwargs)
        return found

    @cached_property
    def target(self) -> Graph:
        """The graph whose Jacobian is wanted: the function's own, or that of its gradient."""
        if self.want in ("hessian", "hvp"):
            return gradient_alone(self.graph, self.call.wrt)
        return self.graph

    @cached_property
    def inputs(self) -> int:
        """How many numbers it is differentiated by."""
        return sum(int(np.size(self.call.leaves[place])) for place in self.call.wrt)

    @cached_property
    def outputs(self) -> int:
        """How many numbers are differentiated."""
        avals = [self.target.columns.avals[node] for node in self.target.output_nodes]
        return sum(aval.size for aval in avals if aval.is_float)

    @property
    def is_scalar(self) -> bool:
        """Whether one reverse sweep gives everything."""
        return self.want in ("gradient", "jacobian") and self.outputs == 1

    @cached_property
    def eps(self) -> float:
        """The coarsest rounding among the numbers that move."""
        dtypes = [np.asarray(self.call.leaves[place]).dtype for place in self.call.wrt]
        return max(float(np.finfo(dtype).eps) for dtype in dtypes)

    @cached_property
    def direction(self) -> np.ndarray:
        """A direction without meaning, for products with the Hessian."""
        return np.cos(np.arange(1.0, self.inputs + 1.0))

    # What the user would write --------------------------------------------------------------------

    def user_call(self, method: Any) -> Callable[[], Any]:
        """A call of the user's verb that starts from nothing: captured and derived anew."""
        f = _fresh(self.f)
        engine, at = self.engine, self.chosen
        args, kwargs = self.args, self.kwargs
        if self.want == "hvp":
            return self._product(f, method)
        verb = {"gradient": grad, "jacobian": jacobian, "hessian": hessian}[self.want]
        if method == SPARSE:
            matrix = verb(f, at, engine=engine, sparse=True)
            return lambda: matrix(*args, **kwargs)
        found = verb(f, at, method, engine)
        return lambda: found(*args, **kwargs)

    def _product(self, f: Any, method: Any) -> Callable[[], Any]:
        """H v along a direction without meaning; the formed Hessian is made once.

        ``dk.hvp`` remembers a function, so it gets one that it has not seen.
        """
        x, engine, direction = self.args[0], self.engine, self.direction
        if method == "hvp":
            v = _split(direction, x)

            def unseen(x: Any) -> Any:
                return f(x)

            return lambda: hvp(f if isinstance(f, Graph) else unseen, x, v, engine)
        kept: list[Any] = []

        def product() -> Any:
            if not kept:
                sizes = [np.size(self.call.leaves[place]) for place in self.call.wrt]
                kept.append(matrix_of(numbers_in(hessian(f, engine=engine)(x)), sizes))
            return kept[0] @ direction

        return product

    def words(self, method: str) -> str:
        """The call as a line of Python."""
        where = f", argnums={self.chosen}" if self.chosen not in (0, None) else ""
        if self.want == "hvp":
            return "dk.hvp(f, x, v)" if method == "hvp" else "dk.hessian(f)(x) @ v"
        verb = "grad" if self.want == "gradient" else self.want
        how = ", sparse=True" if method == SPARSE else f', method="{method}"'
        if method == "reverse":
            how = ""
        return f"dk.{verb}(f{where}{how})"


def numbers_in(tree: Any) -> np.ndarray:
    """All numbers of a derivative in a row, as float64; a sparse matrix in full."""
    if hasattr(tree, "toarray"):
        return np.asarray(tree.toarray(), dtype=float).reshape(-1)
    leaves = [leaf for leaf in flatten(tree)[0] if leaf is not None]
    rows = [np.asarray(leaf, dtype=float).reshape(-1) for leaf in leaves]
    return np.concatenate(rows) if rows else np.zeros(0)


def matrix_of(numbers: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """The blocks of a Hessian, one after the other, as one square matrix."""
    shapes = [(rows, columns) for rows in sizes for columns in sizes]
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    parts = np.split(numbers, ends[:-1])
    blocks = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    count = len(sizes)
    return np.block([blocks[start : start + count] for start in range(0, count * count, count)])


def _has_floats(tree: Any) -> bool:
    return any(np.asarray(leaf).dtype.kind == "f" for leaf in flatten(tree)[0])


def _split(numbers: np.ndarray, tree: Any) -> Any:
    """Numbers in a row as a tree of arrays of these shapes."""
    leaves, structure = flatten(tree)
    ends = np.cumsum([np.size(leaf) for leaf in leaves])
    parts = np.split(numbers, ends[:-1])
    shaped = [part.reshape(np.shape(leaf))[()] for part, leaf in zip(parts, leaves, strict=True)]
    return unflatten(structure, shaped)


def _fresh(f: Any) -> Any:
    """The function itself, or a graph without anything that was derived from it before."""
    if not isinstance(f, Graph):
        return f
    return Graph(
        f.columns, f.input_nodes, f.output_nodes,
        names=f.input_names, guards=f.guards, in_tree=f.in_tree, out_tree=f.out_tree,
        title=f.title, keywords=f.keywords, repeated=f.repeated, relations=f.relations,
    )  # fmt: skip
