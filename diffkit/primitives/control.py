"""Loops: T equal steps as one equation whose parameter is the graph of one step.

    (c_T, Y) = scan(c₀, X):      cᵢ₊₁, yᵢ = body(cᵢ, xᵢ, w),      i = 0, …, T − 1

The state c is carried from step to step, x is read and y written row by row, and the constants w
are the same in every step.  A third kind of result, a *sum* s = Σᵢ sᵢ, closes the family under
differentiation: the cotangent of a constant is a sum over the steps, and the cotangent of a sum
is a constant.  Note [Packed results] says how all results fit into one array; the rules are in
``control_rules.py``, and capture is in ``capture/scanning.py``.

Note [Packed results].  An equation has one output, so a loop packs its results into one vector,
block after block, every block contiguous and in C order:

    last carry (one block per leaf) | sums | rows yᵢ | saved carries

Rows lie in the order of X, also when the loop runs backwards (``reverse``).  Saved carries are
what reverse mode starts from: the carry before every ``every``-th step, again in the order of X.
Where results have several dtypes, there is one equation per dtype (``output``), each with the
blocks of its own dtype in the same order.

Reading on: ``lax.scan`` of JAX, whose meaning this has; Griewank & Walther 2008, chapter 12, for
checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import Other, primitive
from diffkit.lazy import sp
from diffkit.primitives.indexing import getitem
from diffkit.primitives.shaping import reshaped

__all__ = ["KEEP_ALL_BYTES", "Block", "Body", "Loop", "layout_of", "scan", "stride_of"]

# Loops whose carries fit into this many bytes altogether (a second-level cache) keep all of them:
# to read them there costs less than to compute them again.
KEEP_ALL_BYTES = 2**20

CARRY, SUM, ROW, SAVED = "carry", "sum", "row", "saved"


class Body:
    """The graph of one step, compared by its structure: equal steps are one operation.

    The inputs of the graph are ``carries`` carry leaves, then ``rows`` rows of X, then the
    constants; its outputs are the carry, then ``sums`` terms of sums, then rows of Y.
    """

    __slots__ = ("_hash", "_key", "carries", "graph", "layouts", "name", "rows", "sums")

    def __init__(self, graph: Graph, carries: int, rows: int, sums: int = 0, name: str = "step"):
        self.graph, self.carries, self.rows, self.sums, self.name = graph, carries, rows, sums, name
        self.layouts: dict[Any, tuple[list[Block], int]] = {}
        columns = graph.columns
        literals = (
            (node, np.asarray(value).dtype.str, np.shape(value), np.asarray(value).tobytes())
            for node, value in columns.values.items()
        )
        self._key = (
            *map(tuple, (columns.operations, columns.operands, columns.avals, columns.sources)),
            *(tuple(literals), graph.input_nodes, graph.output_nodes, carries, rows, sums, name),
        )
        self._hash = hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Body) and self._key == other._key)

    def __repr__(self) -> str:
        return self.name

    @property
    def inputs(self) -> list[Aval]:
        """The abstract values of carry, rows of X and constants."""
        return [self.graph.columns.avals[node] for node in self.graph.input_nodes]

    @property
    def outputs(self) -> list[Aval]:
        """The abstract values of carry, terms of sums and rows of Y."""
        return [self.graph.columns.avals[node] for node in self.graph.output_nodes]

    @property
    def dtypes(self) -> list[str]:
        """The dtypes of the results, in order of appearance."""
        return list(dict.fromkeys(of.dtype.str for of in self.outputs))

    def parted(self, inputs: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """A sequence as long as the inputs as carry, rows of X and constants."""
        first, second = self.carries, self.carries + self.rows
        return list(inputs[:first]), list(inputs[first:second]), list(inputs[second:])

    def results(self, outputs: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """A sequence as long as the outputs as carry, terms of sums and rows of Y."""
        first, second = self.carries, self.carries + self.sums
        return list(outputs[:first]), list(outputs[first:second]), list(outputs[second:])


# Note [Packed results] ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """One result of a loop in the packed vector: ``size`` elements from ``offset`` on."""

    role: str  # CARRY, SUM, ROW or SAVED
    place: int  # which leaf of that role
    shape: tuple[int, ...]
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next block begins."""
        return self.offset + self.size


def saved_rows(length: int, every: int) -> int:
    """How many carries are saved: one before step 0, ``every``, 2 ``every``, …"""
    return -(-length // every)


def layout_of(body: Body, length: int, every: int, output: str) -> tuple[list[Block], int]:
    """The blocks of one dtype, and how long the packed vector is."""
    key = (length, every, output)
    if key not in body.layouts:
        blocks: list[Block] = []
        end = 0
        for role, place, of, count in _entries(body, length, every):
            if of.dtype.str == output:
                shape = of.shape if count is None else (count, *of.shape)
                size = of.size * (1 if count is None else count)
                blocks.append(Block(role, place, shape, end, size))
                end += size
        body.layouts[key] = blocks, end
    return body.layouts[key]


def _entries(body: Body, length: int, every: int) -> list[tuple[str, int, Aval, int | None]]:
    carry, sums, rows = body.results(body.outputs)
    kept = saved_rows(length, every)
    return [
        (role, place, of, count)
        for role, avals, count in (
            (CARRY, carry, None), (SUM, sums, None), (ROW, rows, length), (SAVED, carry, kept),
        )
        for place, of in enumerate(avals)
    ]  # fmt: skip


def stride_of(body: Body, length: int) -> int:
    """After how many steps a carry is saved: after each one, or after √T in a long loop.

    With a carry every √T steps, reverse mode holds √T saved carries and the √T carries of the
    segment it is in, instead of T, for one more evaluation of every step (Griewank 1992).

    Source: Griewank & Walther 2008, chapter 12.
    """
    nbytes = sum(of.size * of.dtype.itemsize for of in body.inputs[: body.carries])
    return 1 if length * nbytes <= KEEP_ALL_BYTES else isqrt(length - 1) + 1


class Loop:
    """A loop bound to its operands; its results are equations that are made when asked for.

    ``operands`` are the first carry, the stacked rows X and the constants.
    """

    def __init__(
        self,
        operands: Sequence[Any],
        body: Body,
        length: int,
        every: int | None = None,
        reverse: bool = False,
    ) -> None:
        self.operands, self.body, self.length = list(operands), body, length
        self.every = stride_of(body, length) if every is None else every
        self.params: dict[str, Any] = {"body": body, "length": length}
        self.params |= {"every": self.every} if self.every > 1 else {}
        self.params |= {"reverse": True} if reverse else {}
        self.packed: dict[str, Any] = {}

    def vector(self, output: str) -> Any:
        """The packed results of one dtype."""
        if output not in self.packed:
            chosen = {"output": output} if len(self.body.dtypes) > 1 else {}
            self.packed[output] = scan(*self.operands, **self.params, **chosen)
        return self.packed[output]

    def results(self, role: str) -> list[Any]:
        """All results of one role, as arrays."""
        carry, sums, rows = self.body.results(self.body.outputs)
        avals = {CARRY: carry, SAVED: carry, SUM: sums, ROW: rows}[role]
        return [self._result(role, place, of.dtype.str) for place, of in enumerate(avals)]

    def _result(self, role: str, place: int, output: str) -> Any:
        blocks, total = layout_of(self.body, self.length, self.every, output)
        block = next(b for b in blocks if b.role == role and b.place == place)
        return part_of(self.vector(output), block, total)


def part_of(packed: Any, block: Block, total: int) -> Any:
    """One block of a packed vector, as a view in its own shape."""
    if block.shape == () and total > 1:
        return getitem(packed, index=(block.offset,))
    if block.size < total:
        packed = getitem(packed, index=(("slice", block.offset, block.end, 1),))
    return reshaped(packed, block.shape)


# The value ----------------------------------------------------------------------------------------


def _looped(
    domain: str,
    *operands: Any,
    body: Body,
    length: int,
    every: int = 1,
    reverse: bool = False,
    output: str | None = None,
) -> np.ndarray:
    """Run the body T times over a number domain, and pack the results of one dtype."""
    output = output or body.dtypes[0]
    blocks, total = layout_of(body, length, every, output)
    packed = np.empty(total, _cell_dtype(domain, output))
    parts = {
        (b.role, b.place): packed[b.offset : b.end].reshape(b.shape) for b in blocks
    }  # views: what is written into them is in the packed vector
    carry, xs, constants = body.parted(
        [_fitted(x, of, domain) for x, of in zip(operands, body.inputs, strict=True)]
    )
    evaluate = partial(body.graph.run, domain=domain)
    sums: list[Any] = []
    for count in range(length):
        row = length - 1 - count if reverse else count
        if count % every == 0:
            _write(parts, SAVED, carry, _saved_row(count, length, every, reverse))
        outputs = evaluate([*carry, *[x[row] for x in xs], *constants])
        carry, terms, ys = body.results(outputs)
        sums = [a + b for a, b in zip(sums, terms, strict=True)] if sums else terms
        _write(parts, ROW, ys, row)
    _write(parts, CARRY, carry, ())
    _write(parts, SUM, sums, ())
    return packed


def _saved_row(count: int, length: int, every: int, reverse: bool) -> int:
    """Where the carry before a step is saved; the rows are in the order of X."""
    return saved_rows(length, every) - 1 - count // every if reverse else count // every


def _write(parts: dict[Any, np.ndarray], role: str, values: Sequence[Any], where: Any) -> None:
    for place, value in enumerate(values):
        part = parts.get((role, place))
        if part is not None:
            real = part.dtype.kind in "fiub" and np.iscomplexobj(value)  # see ``cast``
            part[where] = np.real(value) if real else value


def _cell_dtype(domain: str, output: str) -> Any:
    if domain == "numpy":
        return np.dtype(output)
    if domain != "complex":
        return np.dtype(object)
    return np.result_type(output, np.complex64) if np.dtype(output).kind == "f" else output


def _fitted(x: Any, of: Aval, domain: str) -> Any:
    """An operand as the body takes it: of its dtype, and a scalar instead of an array of none."""
    array = np.asarray(x)
    if domain == "numpy":
        array = array.astype(of.dtype, copy=False)
    return array if array.ndim else array[()]


def _object_domain(operands: Sequence[Any]) -> str:
    """Over which objects a graph is run: formulas, if there is one among the operands."""
    cells = (cell for x in operands for cell in np.asarray(x, dtype=object).flat)
    return "sympy" if any(isinstance(cell, sp.Basic) for cell in cells) else "mpmath"


@primitive
class scan(Other):
    """A loop of equal steps; its results are packed into one vector, Note [Packed results]."""

    takes_active = True

    def value(self, *x: Any, **params: Any) -> Any:
        return _looped("numpy", *x, **params)

    def analytic(self, *x: Any, **params: Any) -> Any:
        """The body's own analytic form, step by step."""
        return _looped("complex", *x, **params)

    def generic(self, *x: Any, **params: Any) -> Any:
        return _looped(_object_domain(x), *x, **params)

    def stable(self, *x: Any, **params: Any) -> Any:
        """The formula of the steps one after another, in forms that keep their digits."""
        return _looped("stable", *x, **params)

    def shape(
        self,
        *avals: Aval,
        body: Body,
        length: int,
        every: int = 1,
        reverse: bool = False,
        output: str | None = None,
    ) -> Any:
        _check_operands(avals, body, length)
        output = output or body.dtypes[0]
        return aval((layout_of(body, length, every, output)[1],), output)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        body: Body = params["body"]
        terms = sum(of.size for of in body.results(body.outputs)[1])
        return params["length"] * (body.graph.flops() + terms)

    def inner(self, params: Any) -> tuple[Graph, int]:
        return params["body"].graph, params["length"]

    def batch(self, batched: tuple[bool, ...], *operands: Any, size: int, **params: Any) -> Any:
        # imported here, since the rule calls the operation itself
        from diffkit.primitives.control_batch import batched_loop

        return batched_loop(batched, operands, size, **params)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], **params: Any) -> Any:
        # imported here, since the rules call the operation itself
        from diffkit.primitives.control_rules import pushed_forward

        return pushed_forward(x, x_dot, **params)

    def vjp(
        self, ct: Any, y: Any, *x: Any, active: Sequence[bool], **params: Any
    ) -> tuple[Callable[[], Any] | None, ...]:
        from diffkit.primitives.control_rules import pulled_back

        cotangents = pulled_back(ct, y, x, active, **params)
        return tuple(None if x_bar is None else lambda x_bar=x_bar: x_bar for x_bar in cotangents)


def _check_operands(avals: Sequence[Aval], body: Body, length: int) -> None:
    """Refuse operands that the body does not take (another precision of floats is converted)."""
    wanted = body.inputs
    rows = range(body.carries, body.carries + body.rows)
    fits = length > 0 and len(avals) == len(wanted) and all(
        a.dtype.kind == of.dtype.kind
        and a.shape == ((length, *of.shape) if place in rows else of.shape)
        for place, (a, of) in enumerate(zip(avals, wanted, strict=True))
    )  # fmt: skip
    if not fits:
        raise ShapeError(
            f"scan: {', '.join(map(repr, avals))} do not fit {length} steps of {body} on "
            f"{', '.join(map(repr, wanted))}",
            hint="rows of X are stacked along axis 0; carry and constants are as in one step.",
        )
