"""First-order rounding error analysis on a graph: which operation costs how many digits.

Every operation rounds its result v to v (1 + δ), |δ| ≤ u, with u half the gap of the numbers at
1.  Such an error reaches a result y multiplied by the adjoint v̄ = ∂y/∂v, so that to first order

    Δy = Σᵢ v̄ᵢ vᵢ δᵢ,      expected  √Σ (v̄ᵢ vᵢ u)²,      at worst  Σ |v̄ᵢ vᵢ| u.

The same sum over the inputs instead of the operations is what a rounding of the *inputs* does:
the condition of the problem, which no formula can better.  What exceeds it is the formula's.  For
the gradient, y is an entry of it and the operations are those of the function and of its reverse
sweep, so adjoints of adjoints are taken.

Reading on: Linnainmaa 1976, *Taylor expansion of the accumulated rounding error*; Higham 2002,
*Accuracy and stability of numerical algorithms*, sections 1.6 and 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffkit.comparison.rounding_model import half_ulps, unit_roundoff
from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.sweeps import pull_back
from diffkit.engines.interpret import run, run_all
from diffkit.graph.arena import Arena
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["Conditioning", "Loss", "ancestors", "digits_of"]

# Gradients of up to this many entries are judged entry by entry, larger ones along random signs.
MOST_ENTRIES = 32
SIGN_PROBES = 4
PROBE_SEED = 7
# Beyond these many nodes of an error's way to the result nothing more is learned.
LONGEST_WAY = 400
# From which part of it on a node's share of an error is followed, and how many are.
SHARE, MOST_SHARES = 0.2, 6
MOST_DIGITS = {2: 3.3, 4: 7.2, 8: 16.0}  # significant digits by the bytes of the dtype


def digits_of(ratio: float, itemsize: int = 8) -> float:
    """A factor of error as decimal digits, from 0 to all that the dtype has.

    >>> round(digits_of(1e5), 2), digits_of(0.1), digits_of(float("inf"))
    (5.0, 0.0, 16.0)
    """
    if np.isnan(ratio):
        return 0.0
    most = MOST_DIGITS.get(itemsize, 16.0)
    return float(min(max(np.log10(max(ratio, 1.0)), 0.0), most))


@dataclass(frozen=True)
class Loss:
    """The predicted error of one result, relative to it and in units of the last place's half.

    ``formula`` is what the operations contribute (root of the sum of squares), ``worst`` the same
    if all errors conspired, ``problem`` what a rounding of the inputs does.  ``shares`` are the
    errors of single nodes, of the same unit, and ``bars`` the adjoints they came from.
    """

    what: str  # "value" or "gradient"
    entry: int  # of the gradient in a row; −1 for a random direction and for the value
    size: float
    formula: float
    worst: float
    problem: float
    shares: dict[int, float]
    bars: dict[int, Any]


class Conditioning:
    """The error analysis of a scalar function and its gradient at a point.

    Parameters
    ----------
    graph
        A value graph with one scalar float output.
    leaves
        The values of its inputs.
    wrt
        The positions of the inputs that the gradient is taken by.

    Source: see the module's essay.

    >>> import numpy as np, diffkit as dk
    >>> graph = dk.trace(lambda x: 1.0 - np.cos(x), 1e-4)
    >>> found = Conditioning(graph, [np.float64(1e-4)], [0])
    >>> [round(digits_of(loss.formula), 1) for loss in found.losses()]
    [8.3, 0.0]
    """

    def __init__(self, graph: Graph, leaves: Sequence[Any], wrt: Sequence[int]) -> None:
        self.value_graph, self.leaves, self.wrt = graph, list(leaves), list(wrt)
        self.graph = gradient_graph(graph, self.wrt)
        with np.errstate(all="ignore"):
            self.state = run_all(self.graph, leaves)
        columns = self.graph.columns
        self.out = self.graph.output_nodes[0]
        self.of_value = ancestors(self.graph, [self.out])
        self.nodes = [n for n in self.graph.equation_nodes() if columns.avals[n].is_float]
        self.inputs = [n for n in self.graph.input_nodes if columns.avals[n].is_float]
        self.users = _users(self.graph)
        self._swept: dict[str, tuple[Graph, list[int], list[Any]]] = {}
        self._errors: dict[int, Any] = {}
        self.itemsize = columns.avals[self.out].dtype.itemsize
        self.unit = unit_roundoff(columns.avals[self.out].dtype)

    # Values ---------------------------------------------------------------------------------------

    @property
    def value(self) -> float:
        """The function's value, as computed."""
        return float(np.asarray(self.state[self.out]))

    @property
    def gradients(self) -> list[np.ndarray]:
        """The gradient by leaf, as computed."""
        return [np.asarray(self.state[node]) for node in self.graph.output_nodes[1:]]

    @property
    def entries(self) -> np.ndarray:
        """All entries of the gradient in a row."""
        parts = [np.asarray(g, dtype=float).reshape(-1) for g in self.gradients]
        return np.concatenate([np.zeros(0), *parts])

    def error_of(self, node: int) -> Any:
        """The rounding error that one evaluation of an equation may make, elementwise."""
        if node not in self._errors:
            with np.errstate(all="ignore"):
                self._errors[node] = half_ulps(self.graph.columns, node, self.state)
        return self._errors[node]

    # Adjoints -------------------------------------------------------------------------------------

    def _reverse(self, what: str) -> tuple[Graph, list[int], list[Any]]:
        """The graph of all adjoints of value or gradient, their nodes, and seeds of zeros.

        Two graphs, since a seed of 0 meets infinite second derivatives in the other one: 0·∞.
        """
        if what not in self._swept:
            arena = Arena.of(self.graph)
            columns = self.graph.columns
            cotangents: dict[int, int] = {}
            seeds, zeros = [], []
            outputs = self.graph.output_nodes
            for node in outputs[:1] if what == "value" else outputs[1:]:
                aval = columns.avals[node]
                seed = arena.new_input(aval)
                seeds.append(seed)
                zeros.append(np.zeros(aval.shape, aval.dtype))
                literal = columns.operations[node] is LITERAL
                if node not in cotangents and not literal:
                    cotangents[node] = seed
            wanted = [*self.inputs, *self.nodes]
            bars = pull_back(arena, cotangents, wanted) if cotangents else [None] * len(wanted)
            kept = [(n, bar) for n, bar in zip(wanted, bars, strict=True) if bar is not None]
            inputs = [*self.graph.input_nodes, *seeds]
            swept = arena.freeze(inputs, [bar for _, bar in kept])
            self._swept[what] = swept, [n for n, _ in kept], zeros
        return self._swept[what]

    def bars(self, what: str, seeds: Sequence[Any]) -> dict[int, Any]:
        """The adjoints of all nodes for these weights of the value or the gradients."""
        swept, nodes, _ = self._reverse(what)
        with np.errstate(all="ignore"):
            found = run(swept, [*self.leaves, *seeds])
        return {node: np.asarray(bar) for node, bar in zip(nodes, found, strict=True)}

    def value_bars(self) -> dict[int, Any]:
        """The adjoints of the value."""
        return self.bars("value", self._one())

    def _one(self) -> list[Any]:
        return [np.ones_like(zero) for zero in self._reverse("value")[2]]

    def _zeros(self) -> list[Any]:
        return [zero.copy() for zero in self._reverse("gradient")[2]]

    # Losses ---------------------------------------------------------------------------------------

    def losses(self, value: float | None = None, entries: Any = None) -> Iterator[Loss]:
        """The predicted errors of the value, then of the gradient's entries.

        ``value`` and ``entries`` are the true results that errors are relative to, where they are
        known; else the computed ones serve.
        """
        yield self._loss("value", -1, self.value if value is None else value, self._one())
        entries = self.entries if entries is None else np.asarray(entries, dtype=float)
        if entries.size <= MOST_ENTRIES:
            for k in range(entries.size):
                yield self._loss("gradient", k, float(entries[k]), self._at(k))
        else:
            yield from self._probed(entries)

    def _at(self, k: int) -> list[Any]:
        seeds = self._zeros()
        for seed in seeds:
            if k < seed.size:
                seed.reshape(-1)[k] = 1.0
                break
            k -= seed.size
        return seeds

    def _probed(self, entries: np.ndarray) -> Iterator[Loss]:
        """Errors along random signs: their root mean square over a leaf's entries."""
        rng = np.random.default_rng(PROBE_SEED)
        start = 0
        for place, zero in enumerate(self._reverse("gradient")[2]):
            size = float(np.max(np.abs(entries[start : start + zero.size]), initial=0.0))
            start += zero.size
            for _ in range(SIGN_PROBES if zero.size > 1 else 1):
                seeds = self._zeros()
                signs = rng.choice([-1.0, 1.0], size=zero.shape)
                seeds[place] = np.asarray(signs / np.sqrt(zero.size), dtype=zero.dtype)
                yield self._loss("gradient", -1, size, seeds)

    def _loss(self, what: str, entry: int, size: float, seeds: list[Any]) -> Loss:
        bars = self.bars(what, seeds)
        scale = self.unit * abs(size)
        shares: dict[int, float] = {}
        for node in self.nodes:
            if node in bars:
                shares[node] = _norm(bars[node], self.error_of(node), scale)
        inputs = [
            _norm(bars[n], self.state[n], scale / self.unit) for n in self.inputs if n in bars
        ]
        with np.errstate(all="ignore"):
            worst = sum(
                float(np.sum(_parts(bars[node], self.error_of(node), scale))) for node in shares
            )
        kept = {node: share for node, share in shares.items() if share > 0.0}
        formula, problem = _total(kept.values()), _total(inputs)
        return Loss(what, entry, size, formula, worst, problem, kept, bars)

    def with_exact_problem(self, loss: Loss, digits: int) -> Loss:
        """The same loss with the problem's own part from adjoints of so many digits.

        The adjoints of a formula that cancels are spoiled themselves, those by the inputs too.
        """
        from diffkit.engines.objects import to_objects
        from diffkit.lazy import mp

        swept, nodes, _ = self._reverse(loss.what)
        probed = loss.what == "gradient" and loss.entry < 0
        if probed or not np.isfinite(loss.size) or loss.size == 0.0:
            return loss
        seeds = self._one() if loss.what == "value" else self._at(loss.entry)
        kept = [k for k, node in enumerate(nodes) if node in self.inputs]
        alone = Graph(swept.columns, swept.input_nodes, [swept.output_nodes[k] for k in kept])
        try:
            with mp.workdps(digits):
                given = [to_objects(_plain(x), "mpmath") for x in (*self.leaves, *seeds)]
                found = run(alone, given, domain="mpmath")
        except (ArithmeticError, ValueError, TypeError):
            return loss
        inputs = [
            _norm(np.asarray(bar, dtype=object).astype(float), self.state[nodes[k]], abs(loss.size))
            for k, bar in zip(kept, found, strict=True)
        ]
        return replace(loss, problem=_total(inputs))

    # Blame ----------------------------------------------------------------------------------------

    def culprits(self, loss: Loss) -> dict[int, tuple[float, int]]:
        """Equation → (the error it lets through, the node that made most of it).

        A rounding is harmless until an operation whose result is much smaller than its operand
        lets it count: that one is to blame, 1 − cos x rather than cos x.
        """
        largest = max(loss.shares.values(), default=0.0)
        ranked = sorted(loss.shares.items(), key=lambda item: -item[1])[:MOST_SHARES]
        found: dict[int, tuple[float, int]] = {}
        for node, share in ranked:
            if share < SHARE * largest or share <= 0.0:
                continue
            blamed = self._blamed(node, loss.bars)
            before, source = found.get(blamed, (0.0, node))
            found[blamed] = float(np.hypot(before, share)), source
        return found

    def _blamed(self, node: int, bars: dict[int, Any]) -> int:
        """The step on the way to the result at which an error begins to count."""
        worst, blamed = 10.0, node
        weight = np.abs(bars[node].astype(float) * np.asarray(self.state[node], dtype=float))
        element = int(np.argmax(_quiet(weight)))
        for _ in range(LONGEST_WAY):
            step = self._heaviest(node, element, bars)
            if step is None:
                return blamed
            node, arriving, leaving, element = step
            drop = arriving / leaving if leaving > 0.0 else np.inf
            if drop > worst:
                worst, blamed = drop, node
        return blamed

    def _heaviest(
        self, node: int, element: int, bars: dict[int, Any]
    ) -> tuple[int, float, float, int] | None:
        best: tuple[int, float, float, int] | None = None
        size = abs(float(np.asarray(self.state[node]).reshape(-1)[element]))
        for user in self.users.get(node, ()):
            if user not in bars:
                continue
            part = self._pulled(user, node, bars[user])
            arriving = abs(float(np.asarray(part).reshape(-1)[element])) * size
            if not 0.0 < arriving < np.inf or (best is not None and arriving <= best[1]):
                continue
            weights = np.abs(bars[user].astype(float) * np.asarray(self.state[user], dtype=float))
            same = weights.shape == np.shape(self.state[node])
            place = element if same else int(np.argmax(_quiet(weights)))
            best = user, arriving, float(weights.reshape(-1)[place]), place
        return best

    def _pulled(self, user: int, operand: int, bar: Any) -> Any:
        """What an equation alone sends back to one of its operands."""
        columns = self.graph.columns
        operands = columns.operands[user]
        arena = Arena()
        inputs = {n: arena.new_input(columns.avals[n]) for n in dict.fromkeys(operands)}
        out = arena.emit(columns.operations[user], tuple(inputs[n] for n in operands), None)
        seed = arena.new_input(columns.avals[user])
        (back,) = pull_back(arena, {out: seed}, [inputs[operand]])
        if back is None:
            return np.zeros(columns.avals[operand].shape)
        alone = arena.freeze([*inputs.values(), seed], [back])
        return run(alone, [*(self.state[n] for n in inputs), bar])[0]


def _plain(x: Any) -> Any:
    array = np.asarray(x)
    return array[()] if array.ndim == 0 else array


def _parts(bars: Any, errors: Any, scale: float) -> Any:
    """|bar · error| over a scale; an error of a result that is 0 is infinite."""
    sizes = np.abs(np.asarray(bars, dtype=float))
    errors = np.abs(np.asarray(errors, dtype=float))
    with np.errstate(all="ignore"):
        parts = sizes * (errors / scale) if scale > 0.0 else sizes * errors
    if scale > 0.0:
        return _quiet(parts)
    return np.where(_quiet(parts) > 0.0, np.inf, 0.0)


def _norm(bars: Any, errors: Any, scale: float) -> float:
    """The root of the sum of squares of such parts, without overflow."""
    return _total(_parts(bars, errors, scale))


def _total(parts: Any) -> float:
    """The root of the sum of squares, scaled by the largest of them."""
    x = np.asarray(parts if isinstance(parts, np.ndarray) else list(parts), dtype=float)
    largest = float(np.max(x, initial=0.0))
    if largest == 0.0 or np.isinf(largest):
        return largest
    return largest * float(np.sqrt(np.sum(np.square(x / largest))))


def _quiet(parts: Any) -> Any:
    """NaN and infinities left out: they are told by themselves (``diagnose_births.py``)."""
    return np.where(np.isfinite(parts), parts, 0.0)


def _users(graph: Graph) -> dict[int, list[int]]:
    users: dict[int, list[int]] = {}
    for node in graph.equation_nodes():
        for operand in dict.fromkeys(graph.columns.operands[node]):
            users.setdefault(operand, []).append(node)
    return users


def ancestors(graph: Graph, roots: Sequence[int]) -> set[int]:
    """The equations that the roots need."""
    columns = graph.columns
    live = set(roots)
    for node in range(max(roots, default=-1), -1, -1):
        if node in live:
            live.update(columns.operands[node])
    return {n for n in live if columns.operations[n] not in (INPUT, LITERAL)}
