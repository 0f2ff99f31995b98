"""One call of a transformed function: which leaves move, and how the answer is shaped.

Inside a capture the arguments are tracers; then the sweep runs in the same arena, after wrapping
each argument in a fresh, never shared ``alias``.  Two nested derivatives can therefore never
take each other's variable (perturbation confusion; Siskind & Pearlmutter 2005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any, TypeVar

import numpy as np

from diffkit.capture.capturing import active_arena, inline, is_static, outputs_of
from diffkit.capture.tracing import Tracer, lift, user_source
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.differentiate.batch_sweep import (
    batch_nodes,
    forget_examples,
    one_example,
    placed_output,
)
from diffkit.differentiate.chunks import chunk_size
from diffkit.differentiate.function import Bound, Function
from diffkit.differentiate.sweeps import pull_back, push_forward
from diffkit.errors import DtypeError, InputError, LeakedTracerError, UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import Graph
from diffkit.graph.sources import place_of
from diffkit.primitives.arithmetic import alias
from diffkit.primitives.shaping import moved

__all__ = [
    "Call", "TracedCall", "as_argnums", "chosen_arguments", "dispatch", "like_argument",
]  # fmt: skip

Argnums = int | Sequence[int] | None


# Directions mapped at once inside a capture, where every chunk adds equations to the graph.
TRACED_CHUNK = 64

Result = TypeVar("Result")


def dispatch(args: Any, traced: Callable[[], Result], concrete: Callable[[], Result]) -> Result:
    """Choose between growing a capture under way and answering with numbers.

    A function without traced arguments may still reach a traced value through its closure, as in
    ``grad(lambda x: x * grad(lambda y: x + y)(2.0))``; that shows when it is captured.
    """
    if any(isinstance(leaf, Tracer) for leaf in flatten(args)[0]):
        return traced()
    if active_arena() is None:
        return concrete()
    try:
        return concrete()
    except LeakedTracerError:
        return traced()


class Call:
    """The arguments of one call, flat, with the positions of the differentiated leaves."""

    def __init__(
        self, function: Function, args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums
    ) -> None:
        self.bound: Bound = function.bind(args, kwargs)
        graph = function.graph
        self.text = graph is not None and graph.keywords
        self.leaves = list(self.bound.leaves)
        argnums = as_argnums(argnums)
        if graph is not None and (self.text or graph.in_tree is None):
            self._by_variable(graph, argnums)
        else:
            self._by_argument(args, argnums)
        self._promote()

    def _by_variable(self, graph: Graph, argnums: Argnums) -> None:
        count = len(graph.input_nodes)
        chosen = tuple(range(count)) if argnums is None else chosen_arguments(argnums, count)
        self.wrt = list(chosen)
        self.names = [graph.input_names[i] for i in chosen]
        self.single = isinstance(argnums, int)

    def _by_argument(self, args: Sequence[Any], argnums: Argnums) -> None:
        chosen = chosen_arguments(0 if argnums is None else argnums, len(args))
        self.single = argnums is None or isinstance(argnums, int)
        counts = [[is_static(leaf) for leaf in flatten(arg)[0]] for arg in args]
        starts = np.cumsum([0, *(static.count(False) for static in counts)])
        self.wrt, self.trees = [], []
        for argument in chosen:
            here = list(range(starts[argument], starts[argument + 1]))
            if not here:
                raise DtypeError(
                    f"argument {argument} has nothing to differentiate by ({args[argument]!r:.40})",
                    hint="choose another argument with argnums=…",
                )
            self.wrt += here
            self.trees.append((structure_of(args[argument]), counts[argument]))

    def _promote(self) -> None:
        """Differentiated integers become floats, as in true division."""
        for place in self.wrt:
            if np.asarray(self.leaves[place]).dtype.kind in "iub":
                self.leaves[place] = np.asarray(self.leaves[place]).astype(float)[()]

    def rebuilt(self, blocks: Sequence[Any]) -> Any:
        """Per-leaf answers in the shape of the differentiated arguments."""
        blocks = [
            like_argument(block, self.leaves[place])
            for place, block in zip(self.wrt, blocks, strict=False)
        ]
        if hasattr(self, "names"):
            if self.single:
                return blocks[0]
            return dict(zip(self.names, blocks, strict=True))
        trees, rest = [], iter(blocks)
        for structure, statics in self.trees:
            trees.append(unflatten(structure, [None if s else next(rest) for s in statics]))
        return trees[0] if self.single else tuple(trees)

    def rebuilt_rows(self, blocks: Sequence[Sequence[Any]]) -> Any:
        """Blocks indexed twice by the differentiated leaves, nested like the arguments twice."""
        return self.rebuilt([self.rebuilt(row) for row in blocks])


def like_argument(block: Any, leaf: Any) -> Any:
    """A derivative in the dtype of the argument it is by, and as a number where it is one.

    >>> like_argument(np.array(0.1), np.float32(3.0))
    np.float32(0.1)
    """
    if isinstance(block, np.ndarray):
        block = block[()]
    found, wanted = getattr(block, "dtype", None), getattr(leaf, "dtype", None)
    return block if found == wanted or found is None or wanted is None else block.astype(wanted)


def as_argnums(argnums: Any) -> int | tuple[int, ...] | None:
    """One or several argument numbers as Python's own integers; NumPy's integers count, too.

    Raises
    ------
    InputError
        For anything else.

    >>> as_argnums(np.int64(1)), as_argnums([np.int8(0), 2]), as_argnums(None)
    (1, (0, 2), None)
    """
    if argnums is None:
        return None
    try:
        return tuple(map(index, argnums)) if np.ndim(argnums) == 1 else index(argnums)
    except (TypeError, ValueError):
        raise InputError(
            f"argnums={argnums!r} does not name an argument",
            hint="argnums counts positional arguments from 0, as in argnums=0 or argnums=(0, 1).",
        ) from None


def chosen_arguments(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    """The places that ``argnums`` names among ``count`` arguments, counted from 0.

    Raises
    ------
    InputError
        When it names none, or one that there is not.
    """
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not chosen or any(not -count <= place < count for place in chosen):
        raise InputError(
            f"argnums={argnums!r} does not name one of the {count} arguments",
            hint="argnums counts positional arguments from 0.",
        )
    return tuple(place % count for place in chosen)


def arena_of(leaves: Sequence[Any]) -> Arena:
    """The arena of the first traced leaf, or of the capture under way."""
    for leaf in leaves:
        if isinstance(leaf, Tracer):
            return leaf.arena
    arena = active_arena()
    if arena is None:
        raise LeakedTracerError("no capture is under way")
    return arena


class TracedCall(Call):
    """A call inside a capture; the derivative grows in the same arena."""

    def __init__(
        self, function: Function, args: Sequence[Any], kwargs: dict[str, Any], argnums: Argnums
    ) -> None:
        self.function = function
        argnums = as_argnums(argnums)
        leaves, self.structure = flatten((tuple(args), kwargs))
        self.full = leaves
        self.numeric = [i for i, leaf in enumerate(leaves) if not is_static(leaf)]
        self.arena = arena_of(leaves)
        self.leaves = [lift(self.arena, leaves[i]) for i in self.numeric]
        graph = function.graph
        self.text = graph is not None and graph.keywords
        if graph is not None and self.text:
            if kwargs:
                self.leaves = [lift(self.arena, v) for v in _ordered(graph, args, kwargs)]
            self._by_variable(graph, argnums)
        else:
            self._by_argument(args, argnums)
        for place in self.wrt:
            leaf = self.leaves[place]
            leaf = leaf if leaf.aval.is_float else leaf.astype(float)
            fresh = self.arena.emit_fresh(alias.bare, (leaf.node,), leaf.aval)
            self.leaves[place] = Tracer(self.arena, fresh, leaf.aval)
        self._run()

    def _run(self) -> None:
        graph = self.function.graph
        if graph is not None:
            self.outputs = [t.node for t in inline(graph, self.leaves)]
            self.out_tree = graph.out_tree
            return
        full = list(self.full)
        for place, leaf in zip(self.numeric, self.leaves, strict=True):
            full[place] = leaf
        args, kwargs = unflatten(self.structure, full)
        result = self.function.f(*args, **kwargs)  # type: ignore[operator]
        self.outputs, self.out_tree = outputs_of(self.arena, result, self.function.f)

    def tracer(self, node: int) -> Tracer:
        """The tracer of a node of the arena."""
        return Tracer(self.arena, node, self.arena.avals[node])

    def values(self) -> list[Tracer]:
        """The outputs."""
        return [self.tracer(node) for node in self.outputs]

    def jacobian(self, method: str) -> list[list[Tracer]]:
        """The blocks ∂yᵢ/∂xⱼ as tracers, by forward or reverse mode.

        Raises
        ------
        UnsupportedError
            For the methods that are not graphs themselves.
        """
        if method not in ("forward", "reverse", "taylor"):
            raise UnsupportedError(
                f"method {method!r} gives numbers and cannot be used inside a traced function",
                where=place_of(user_source()) or None,
                hint='nest with method="forward" or method="reverse".',
            )
        return self._reverse() if method == "reverse" else self._forward()

    def _reverse(self) -> list[list[Tracer]]:
        wrt = [self.leaves[j].node for j in self.wrt]
        blocks = []
        for output in self.outputs:
            of = self.arena.avals[output]
            rows = self._in_all_directions(
                of, lambda y_bar, output=output: pull_back(self.arena, {output: y_bar}, wrt)
            )
            blocks.append([
                self._stacked([row[k] for row in rows], of.shape, self.leaves[j].aval, 0)
                for k, j in enumerate(self.wrt)
            ])  # fmt: skip
        return blocks

    def _forward(self) -> list[list[Tracer]]:
        by_input = []
        for j in self.wrt:
            leaf = self.leaves[j]
            by_input.append(
                self._in_all_directions(
                    leaf.aval,
                    lambda x_dot, leaf=leaf: push_forward(
                        self.arena, {leaf.node: x_dot}, self.outputs
                    ),
                )
            )
        return [
            [
                self._stacked(
                    [column[i] for column in by_input[k]],
                    self.leaves[j].aval.shape,
                    self.arena.avals[output],
                    -1,
                )
                for k, j in enumerate(self.wrt)
            ]
            for i, output in enumerate(self.outputs)
        ]

    def _in_all_directions(
        self, of: Aval, sweep: Callable[[int], list[int | None]]
    ) -> list[list[Tracer | None]]:
        """What a sweep gives for unit directions of this shape, several of them in each entry.

        The sweep is made once, for one direction, and mapped over the others.
        """
        arena, unit = self.arena, np.eye(of.size, dtype=of.dtype)
        if of.size == 1:
            found = sweep(arena.literal(unit.reshape(of.shape)[()]))
            return [[None if n is None else _with_axis(self.tracer(n)) for n in found]]
        if not of.size:
            return []
        single = one_example(lift(arena, unit[:1].reshape(1, *of.shape)))
        found = sweep(single.node)
        roots = [node for node in found if node is not None]
        width, chunks = chunk_size(of.size, TRACED_CHUNK), []
        for start in range(0, of.size, width):
            seeds = unit[start : start + width]
            many = arena.literal(seeds.reshape(-1, *of.shape))
            batched = batch_nodes(arena, {single.node: many}, roots, len(seeds))
            chunks.append([
                None if n is None else placed_output(arena, n, batched, 0, len(seeds))
                for n in found
            ])  # fmt: skip
        forget_examples(arena, [single.node])
        return chunks

    def _stacked(
        self, chunks: Sequence[Tracer | None], outer: tuple[int, ...], inner: Any, axis: int
    ) -> Tracer:
        shape = outer + inner.shape if axis == 0 else inner.shape + outer
        if not chunks or chunks[0] is None:
            return lift(self.arena, np.zeros(shape, inner.dtype))
        whole = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)  # type: ignore[arg-type]
        if axis == -1:
            whole = moved(whole, (*range(1, whole.ndim), 0))
        return whole if whole.shape == shape else np.reshape(whole, shape)  # type: ignore[call-overload]


def _with_axis(y: Tracer) -> Tracer:
    return np.reshape(y, (1, *y.shape))  # type: ignore[call-overload]


def _ordered(graph: Graph, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    values = dict(zip(graph.input_names, args, strict=False)) | kwargs
    missing = [name for name in graph.input_names if name not in values]
    if missing:
        raise InputError(f"no value for {', '.join(missing)}")
    return [values[name] for name in graph.input_names]
