"""What a diagnosis knows about a point: values, adjoints, tangents, and the truth to many digits.

Everything is computed when it is asked for: a function without faults needs two sweeps in double
precision and no truth at all.  The truth is the same graph, function and reverse sweep, over
mpmath numbers.  Where it is 0/0, its limit along a line through the point stands for it, if both
sides agree: (sin x)/x is 1 at 0.

Reading on: ``conditioning.py`` for the error analysis, ``engines/objects.py`` for mpmath.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from diffkit.comparison.accuracy import rounded
from diffkit.comparison.conditioning import MOST_ENTRIES, Conditioning, ancestors
from diffkit.comparison.remedy_patterns import place_line
from diffkit.differentiate.finite import automatic_step
from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.sweeps import push_forward
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.errors import DiffkitError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.graph.sources import text_of
from diffkit.lazy import mp

__all__ = ["Exact", "Point", "digits_right"]

TRUTH_DIGITS = 120
LIMIT_STEP = "1e-40"  # of max(|x|, 1), for a limit
LIMIT_AGREES = 1e-12
LIMIT_REST = "1e-30"
# Floating-point operations beyond which the truth would take more than a second or two.
MOST_TRUTH_FLOPS = 400_000
# Inputs that are moved one by one to see how near a kink is; more move together, in random signs.
MOST_MOVED = 8
MOVES_SEED = 3
ACCURACY = 2  # central differences
# Entries are moved by 1 to 5 times the same number of ulps, neighbours by different ones.
STRIDE, PERIOD = 7, 5


@dataclass(frozen=True)
class Exact:
    """The true value and gradient as mpmath numbers, and whether they are limits."""

    value: Any
    entries: list[Any]
    is_limit: bool = False

    @property
    def numbers(self) -> np.ndarray:
        """The entries rounded to doubles."""
        return np.array([rounded(entry) for entry in self.entries], dtype=float)

    @property
    def known(self) -> bool:
        """Whether there is a true value."""
        return bool(mp.isfinite(self.value))

    @property
    def complete(self) -> bool:
        """Whether value and gradient are finite."""
        return self.known and all(mp.isfinite(e) for e in self.entries)


class Point:
    """A scalar function at a point, and what can be found out about it there."""

    def __init__(
        self, graph: Graph, leaves: Sequence[Any], wrt: Sequence[int], names: Sequence[str]
    ) -> None:
        self.value_graph, self.wrt, self.names = graph, list(wrt), list(names)
        self.leaves = [_plain(leaf) for leaf in leaves]
        self.errors = Conditioning(graph, self.leaves, self.wrt)
        self.graph, self.state = self.errors.graph, self.errors.state
        self.columns = self.graph.columns

    # Names and lines ------------------------------------------------------------------------------

    def place(self, node: int) -> tuple[str, str]:
        """The user's line of an equation as ``file.py:12``, and its text."""
        source = self.columns.sources[node]
        return place_line(source), text_of(source)

    def is_adjoint(self, node: int) -> bool:
        """Whether the equation belongs to the reverse sweep alone."""
        return node not in self.errors.of_value

    def operation(self, node: int) -> str:
        """The name of the operation of an equation."""
        return self.columns.operations[node].name

    def entry_name(self, k: int) -> str:
        """How an entry of the gradient is called: ``x[1, 2]``."""
        for place, name in zip(self.wrt, self.names, strict=True):
            shape = np.shape(self.leaves[place])
            size = int(np.prod(shape, dtype=int))
            if k < size:
                at = ", ".join(str(int(i)) for i in np.unravel_index(k, shape)) if shape else ""
                return f"{name}[{at}]" if shape else name
            k -= size
        return ""

    # Sweeps ---------------------------------------------------------------------------------------

    @cached_property
    def bars(self) -> dict[int, Any]:
        """The adjoint of the value by every node, as far as it has one."""
        return self.errors.value_bars()

    def counts(self, node: int) -> Any:
        """Where the value depends on a node at all: its adjoint is not 0."""
        bar = self.bars.get(node)
        return np.zeros(np.shape(self.state[node]), bool) if bar is None else (bar != 0)

    @cached_property
    def moves(self) -> list[dict[int, Any]]:
        """The tangents of all nodes of the function for steps of the automatic size.

        One for each input that is moved, or a few with random signs where there are many.
        """
        arena = Arena.of(self.graph)
        inputs = {self.graph.input_nodes[k]: k for k in self.wrt}
        tangents = {node: arena.new_input(self.columns.avals[node]) for node in inputs}
        asked = [guard.node for guard in self.graph.guards]
        primal = ancestors(self.graph, [self.errors.out, *asked])
        nodes = [n for n in sorted(primal) if self.columns.avals[n].is_float]
        found = push_forward(arena, tangents, [*inputs, *nodes])
        kept = [
            (n, dot) for n, dot in zip([*inputs, *nodes], found, strict=True) if dot is not None
        ]
        swept = arena.freeze(
            [*self.graph.input_nodes, *tangents.values()], [dot for _, dot in kept]
        )
        dots = []
        for step in self._steps():
            with np.errstate(all="ignore"):
                values = run(swept, [*self.leaves, *step])
            dots.append({n: np.asarray(v) for (n, _), v in zip(kept, values, strict=True)})
        return dots

    def _steps(self) -> list[list[Any]]:
        """The displacements that :attr:`moves` follows."""
        sizes = []
        for k in self.wrt:
            leaf = np.asarray(self.leaves[k])
            eps = float(np.finfo(leaf.dtype).eps)
            flat = [automatic_step(float(x), ACCURACY, eps) for x in leaf.reshape(-1)]
            sizes.append(np.array(flat, dtype=leaf.dtype).reshape(leaf.shape))
        total = sum(size.size for size in sizes)
        if total > MOST_MOVED:
            rng = np.random.default_rng(MOVES_SEED)
            return [
                [size * rng.choice([-1, 1], size=size.shape).astype(size.dtype) for size in sizes]
                for _ in range(3)
            ]
        steps = []
        for place in range(len(sizes)):
            for index in range(sizes[place].size):
                step = [np.zeros_like(size) for size in sizes]
                step[place].reshape(-1)[index] = sizes[place].reshape(-1)[index]
                steps.append(step)
        return steps

    def speed(self, node: int) -> Any:
        """How far a node moves within one step of the inputs, elementwise; 0 where it does not."""
        shape = np.shape(self.state[node])
        parts = [np.abs(dots[node].astype(float)) for dots in self.moves if node in dots]
        return np.max(parts, axis=0) if parts else np.zeros(shape)

    # The truth ------------------------------------------------------------------------------------

    @cached_property
    def truth(self) -> Exact | None:
        """The true value and gradient, or None where they would take too long."""
        return self.truth_at(self.leaves)

    def truth_at(self, leaves: Sequence[Any]) -> Exact | None:
        """The same at other leaves."""
        if self.graph.flops() > MOST_TRUTH_FLOPS:
            return None
        try:
            found = self.exact(leaves)
        except (DiffkitError, ArithmeticError, ValueError, TypeError):
            return None
        return found

    def exact(self, leaves: Sequence[Any]) -> Exact:
        """The truth, or the limit where it is undefined and there is one.

        Where a condition as a factor meets a NaN, it stands for leaving the term out.
        """
        found = _exact(self.graph, leaves)
        if found.complete:
            return found
        selected = None if self._selected is None else _exact(self._selected, leaves)
        if selected is not None and selected.known:
            return selected
        limit = self._limit(leaves)
        if limit is None or not found.known:
            return limit or found
        # infinite slopes are true ones; only what is undefined takes its limit
        pairs = zip(found.entries, limit.entries, strict=True)
        return Exact(found.value, [q if mp.isnan(p) else p for p, q in pairs], is_limit=True)

    @cached_property
    def _selected(self) -> Graph | None:
        """The gradient graph with conditions that select where they were factors."""
        from diffkit.comparison.remedies_arrays import MASKED_PRODUCT
        from diffkit.comparison.remedy_patterns import Remedy, remedied

        found = remedied(self.value_graph, [Remedy(*MASKED_PRODUCT)])
        return None if found is None else gradient_graph(found[0], self.wrt)

    def _limit(self, leaves: Sequence[Any]) -> Exact | None:
        """What both sides of a line through the point agree on, or one if there is no other.

        Entries that grow without bound have no limit: NaN.
        """
        ends = [e for sign in (1, -1) if (e := self._end(leaves, sign)) is not None]
        if not ends:
            return None
        a, b = ends[0], ends[-1]
        if abs(a.value - b.value) > LIMIT_AGREES * max(abs(a.value), abs(b.value), mp.mpf(1)):
            return None
        with mp.workdps(TRUTH_DIGITS):
            pairs = zip(a.entries, b.entries, strict=True)
            entries = [_settled((p + q) / 2) for p, q in pairs]
            return Exact(_settled((a.value + b.value) / 2), entries, is_limit=True)

    def _end(self, leaves: Sequence[Any], sign: int) -> Exact | None:
        """Value and gradient a little to one side, if they are settled there."""
        near, far = (_exact(self.graph, self._displaced(leaves, sign * s)) for s in (1, 64))
        room = LIMIT_AGREES * max(abs(near.value), mp.mpf(1)) if near.known else 0
        if not (near.known and far.known and abs(near.value - far.value) <= room):
            return None
        entries = [
            p if abs(p - q) <= LIMIT_AGREES * max(abs(p), mp.mpf(1)) else mp.nan
            for p, q in zip(near.entries, far.entries, strict=True)
        ]
        return Exact(near.value, entries)

    def _displaced(self, leaves: Sequence[Any], sign: int) -> list[Any]:
        moved = []
        with mp.workdps(TRUTH_DIGITS):
            for k, leaf in enumerate(leaves):
                x = to_objects(_plain(leaf), "mpmath")
                if k in self.wrt:
                    scale = max(float(np.max(np.abs(leaf), initial=0.0)), 1.0)
                    h = sign * mp.mpf(LIMIT_STEP) * mp.mpf(scale)
                    weights = 1 + np.arange(np.size(leaf)).reshape(np.shape(leaf)) / 7
                    x = x + h * (weights.astype(object) if np.ndim(leaf) else 1)
                moved.append(x)
        return moved

    def beside(self, ulps: int) -> list[Any]:
        """The leaves some ulps away, in another number for each entry; zeros stay.

        At numbers that are exact in binary an operation may err by nothing, as it does nowhere
        else.
        """
        if ulps == 0:
            return self.leaves
        moved, start = list(self.leaves), 0
        for k in self.wrt:
            x = np.asarray(self.leaves[k])
            places = start + np.arange(x.size).reshape(x.shape)
            count = ulps * (1 + (STRIDE * places) % PERIOD)
            gaps = np.where(x == 0, 0, np.spacing(np.where(x == 0, 1, x)))
            moved[k] = (x + count * gaps).astype(x.dtype)[()]
            start += x.size
        return moved

    # Other graphs at this point -------------------------------------------------------------------

    def results_of(self, graph: Graph, leaves: Sequence[Any]) -> tuple[float, np.ndarray]:
        """The value and the gradient in a row that another graph computes."""
        with np.errstate(all="ignore"):
            value, *blocks = run(gradient_graph(graph, self.wrt), leaves)
        parts = [np.asarray(block, dtype=float).reshape(-1) for block in blocks]
        return float(value), np.concatenate([np.zeros(0), *parts])


def _exact(graph: Graph, leaves: Sequence[Any]) -> Exact:
    with mp.workdps(TRUTH_DIGITS):
        objects = [x if _is_object(x) else to_objects(_plain(x), "mpmath") for x in leaves]
        value, *blocks = run(graph, objects, domain="mpmath")
        entries = [e for block in blocks for e in np.asarray(block, dtype=object).reshape(-1)]
        return Exact(mp.mpf(np.asarray(value, dtype=object).item()), entries)


def _settled(number: Any) -> Any:
    """What is left of the displacement itself is 0."""
    return mp.mpf(0) if abs(number) < mp.mpf(LIMIT_REST) else number


def _is_object(x: Any) -> bool:
    return isinstance(x, mp.mpf) or np.asarray(x).dtype.kind == "O"


def _plain(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return array[()] if array.ndim == 0 else array


def digits_right(value: float, entries: np.ndarray, truth: Exact, itemsize: int = 8) -> Any:
    """The correct digits of a value and of the worst entry of a gradient, 0 to 16.

    Large gradients are judged by their largest entry.

    >>> found = digits_right(1.0, np.array([2.0, np.nan]), Exact(mp.mpf(1), [mp.mpf(2)] * 2))
    >>> found
    (16.0, 0.0)
    """
    most = 16.0 if itemsize == 8 else 7.2
    with mp.workdps(60):
        true = list(truth.entries)
        largest = max((abs(t) for t in true if mp.isfinite(t)), default=mp.mpf(0))
        together = len(true) > MOST_ENTRIES

        def right(found: float, exact: Any, scale: Any) -> float:
            if not mp.isfinite(exact) or found == rounded(exact):
                return most if found == rounded(exact) or np.isnan(rounded(exact)) else 0.0
            if not np.isfinite(found) or scale == 0:
                return 0.0
            error = abs(mp.mpf(found) - exact) / scale
            return float(min(max(-mp.log10(error), 0), most)) if error else most

        of_value = right(value, truth.value, abs(truth.value))
        pairs = zip(entries, true, strict=True)
        of_entries = [
            right(float(g), t, largest if together or t == 0 else abs(t)) for g, t in pairs
        ]
    return of_value, min(of_entries, default=most)
