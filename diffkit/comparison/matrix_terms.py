"""Terms: expressions of matrix calculus, each existing once.

A formula is a directed acyclic graph of terms, such as

    dot(T(X), add(softmax(dot(X, W)), mul(−1, Y))),

in which a product or a sum takes any number of operands, a division is a power −1, and vectors
stay vectors (NumPy's ``A @ x``).  A term is made by :meth:`Algebra.make`, which tries the rules of
``matrix_rules.py`` on it, so operands are simple before the term above them is made (Filliâtre &
Conchon 2006, *Type-safe modular hash-consing*, on making each term once).

Reading on: a graph becomes terms in ``matrix_reading.py``; terms become text in
``matrix_text.py`` and NumPy code in ``matrix_source.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.graph.ir import Operation

__all__ = [
    "DEEPEST",
    "Algebra",
    "Term",
    "leading",
    "split_coefficient",
    "split_scalars",
]

DEEPEST = 60
"""Terms nested more deeply than this are taken as they come: no rule looks at them."""

MOST_WHOLE = 1e6
"""Whole numbers below it are written without a point."""

LEAVES = ("var", "size", "const", "array", "eye", "true", "false")
PLAIN = np.dtype(np.float64)


class Term:
    """One expression: its operation, operands, parameters, shape and dtype.

    ``operation`` is that of the graph where the term stands for one equation as it is.
    """

    __slots__ = ("args", "depth", "dtype", "number", "op", "operation", "params", "shape")

    def __init__(
        self, op: str, args: tuple[Term, ...], params: tuple[Any, ...], number: int
    ) -> None:
        self.op = op
        self.args = args
        self.params = params
        self.number = number  # in the order of making, which is the order of the program
        self.depth = 1 + max((arg.depth for arg in args), default=0)
        self.shape: tuple[int, ...] = ()
        self.dtype: np.dtype[Any] = PLAIN
        self.operation: Operation | None = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def is_scalar(self) -> bool:
        """Whether the term has no axes."""
        return not self.shape

    @property
    def is_leaf(self) -> bool:
        """Whether the term has no operands."""
        return self.op in LEAVES

    @property
    def name(self) -> str:
        """What the term does: its own operation's name, or that of the graph's equation."""
        return self.operation.name if self.operation is not None else self.op

    def __repr__(self) -> str:
        inside = [*map(repr, self.args), *map(repr, self.params)]
        return f"{self.op}({', '.join(inside)})"


def split_coefficient(term: Term) -> tuple[float, tuple[Term, ...]]:
    """A term as a number times the other factors: −2·x·y → (−2, (x, y)).

    >>> terms = Algebra()
    >>> split_coefficient(terms.times(-2.0, terms.var("x"), terms.var("y")))
    (-2, (var('x'), var('y')))
    """
    if term.op == "const":
        return term.params[0], ()
    if term.op == "mul":
        first, *others = term.args
        return (first.params[0], tuple(others)) if first.op == "const" else (1, term.args)
    return 1, (term,)


def split_scalars(term: Term) -> tuple[list[Term], list[Term]]:
    """The factors of a term without axes, and the others.

    >>> terms = Algebra()
    >>> split_scalars(terms.times(2.0, terms.var("s"), terms.var("x", (3,))))
    ([const(2), var('s')], [var('x')])
    """
    factors = term.args if term.op == "mul" else (term,)
    scalars = [x for x in factors if x.is_scalar]
    return scalars, [x for x in factors if not x.is_scalar]


def leading(axes: Sequence[int]) -> bool:
    """Whether axes are the first ones, where NumPy broadcasts without being told."""
    return tuple(axes) == tuple(range(len(axes)))


class Algebra:
    """Makes terms, each once, and simplifies them by the rules while it does.

    ``ones`` are the inputs whose rows sum to one at the point, ``used`` the assumptions about the
    point that a rule has relied on.
    """

    def __init__(self, rules: bool = True) -> None:
        self.rules = rules
        self.table: dict[Any, Term] = {}
        self.simple: dict[Term, Term] = {}
        self.arrays: dict[int, np.ndarray] = {}
        self.ones: set[Term] = set()
        self.used: dict[str, None] = {}

    # Leaves ------------------------------------------------------------------------------

    def var(self, name: str, shape: tuple[int, ...] = (), dtype: Any = PLAIN) -> Term:
        """A variable of the user's."""
        return self._typed(self._raw("var", (), (name,)), shape, dtype)

    def size(self, name: str, dtype: Any = PLAIN) -> Term:
        """A number of rows or columns, which is positive."""
        return self._typed(self._raw("size", (), (name,)), (), dtype)

    def const(self, value: Any) -> Term:
        """A number; whole ones are kept as integers, which print shorter."""
        number = float(value)
        whole = number.is_integer() and abs(number) < MOST_WHOLE
        return self._raw("const", (), (int(number) if whole else number,))

    def ones_of(self, shape: tuple[int, ...], dtype: Any = PLAIN) -> Term:
        """An array full of ones."""
        return self._raw("broadcast", (self.const(1),), (tuple(shape),))

    def array(self, value: np.ndarray) -> Term:
        """An array of constants: a number where it is full of one, or the identity."""
        if value.ndim and value.size and value.dtype.kind == "f":
            first = value.reshape(-1)[0]
            if np.isfinite(first) and np.all(value == first):
                return self.times(float(first), self.make("broadcast", self.const(1), value.shape))
            if value.ndim == 2 and value.shape[0] == value.shape[1] > 1:
                scale = value[0, 0]
                if scale and np.array_equal(value, scale * np.eye(len(value))):
                    return self.times(float(scale), self._raw("eye", (), (len(value),)))
        key = next((k for k, known in self.arrays.items() if _same(known, value)), None)
        key = len(self.arrays) if key is None else key
        self.arrays[key] = value
        return self._typed(self._raw("array", (), (key,)), value.shape, value.dtype)

    # Everything else -----------------------------------------------------------------------

    def make(self, op: str, *operands: Any) -> Term:
        """The simplified term ``op(operands)``; operands that are no terms are parameters."""
        args = tuple(x for x in operands if isinstance(x, Term))
        params = tuple(x for x in operands if not isinstance(x, Term))
        return self._simplified(self._raw(op, args, params))

    def apply(self, operation: Operation, args: Sequence[Term], shape: Any, dtype: Any) -> Term:
        """The term of an equation that stays as it is in the graph."""
        term = self._raw(f"op:{operation.name}", tuple(args), (operation,))
        term.operation = operation
        self._typed(term, tuple(shape), dtype)
        return self._simplified(term)

    def again(self, term: Term, args: Sequence[Term]) -> Term:
        """The same operation on other operands of the same shapes."""
        if term.operation is not None:
            return self.apply(term.operation, args, term.shape, term.dtype)
        return self.make(term.op, *args, *term.params)

    def times(self, *factors: Any) -> Term:
        """A product of terms and numbers, element by element."""
        return self._many("mul", factors)

    def plus(self, *addends: Any) -> Term:
        """A sum of terms and numbers, element by element."""
        return self._many("add", addends)

    def power(self, base: Term, exponent: float) -> Term:
        """A constant power of each element."""
        whole = float(exponent)
        return self.make("pow", base, int(whole) if whole.is_integer() else whole)

    def _many(self, op: str, operands: Iterable[Any]) -> Term:
        found = [x if isinstance(x, Term) else self.const(x) for x in operands]
        return found[0] if len(found) == 1 else self.make(op, *found)

    def raw(self, op: str, *operands: Any) -> Term:
        """The term as it is written, with no rule applied."""
        args = tuple(x for x in operands if isinstance(x, Term))
        return self._raw(op, args, tuple(x for x in operands if not isinstance(x, Term)))

    def _raw(self, op: str, args: tuple[Term, ...], params: tuple[Any, ...]) -> Term:
        key = (op, args, params)
        term = self.table.get(key)
        if term is None:
            term = self.table[key] = Term(op, args, params, len(self.table))
            shape_rule = SHAPES.get(op)
            if shape_rule is not None:
                term.shape = shape_rule(args, params)
            if op != "one_hot":  # a matrix of floats, made of labels
                term.dtype = _common([arg for arg in args if arg.op != "const"])
        return term

    def _typed(self, term: Term, shape: tuple[int, ...], dtype: Any) -> Term:
        term.shape, term.dtype = tuple(shape), np.dtype(dtype)
        return term

    def _simplified(self, term: Term) -> Term:
        if not self.rules or term.depth > DEEPEST or term.dtype.kind not in "fb":
            return term
        found = self.simple.get(term)
        if found is None:
            from diffkit.comparison.matrix_rules import apply_rules

            self.simple[term] = term  # a rule that comes back to it finds it as it is
            found = self.simple[term] = apply_rules(self, term)
        return found


def _same(known: np.ndarray, value: np.ndarray) -> bool:
    return known is value or (
        known.dtype == value.dtype
        and np.array_equal(known, value, equal_nan=value.dtype.kind == "f")
    )


def _common(args: Sequence[Term]) -> np.dtype[Any]:
    return np.result_type(*(arg.dtype for arg in args)) if args else PLAIN


# Shapes of the operations that are terms' own --------------------------------------------------


def _broadcast_shape(args: Sequence[Term], params: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*(arg.shape for arg in args))


def _dot_shape(args: Sequence[Term], params: Any) -> tuple[int, ...]:
    a, b = (arg.shape for arg in args)
    rows = a[-2:-1] if len(a) > 1 else ()
    columns = b[-1:] if len(b) > 1 else ()
    return (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns)


def _reduced(args: Sequence[Term], params: Any) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(args[0].shape) if axis not in params[0])


def _expanded(args: Sequence[Term], params: Any) -> tuple[int, ...]:
    shape = list(args[0].shape)
    for axis in params[0]:
        shape.insert(axis, 1)
    return tuple(shape)


def _last(args: Sequence[Term], params: Any) -> tuple[int, ...]:
    return args[-1].shape


def _swapped(args: Sequence[Term], params: Any) -> tuple[int, ...]:
    *lead, rows, columns = args[0].shape
    return (*lead, columns, rows)


SHAPES: dict[str, Callable[[Any, Any], tuple[int, ...]]] = {
    **dict.fromkeys(("add", "mul", "pow", "mask"), _broadcast_shape),
    "T": _swapped,
    "broadcast": lambda args, params: params[0],
    "diag": lambda args, params: args[0].shape * 2,
    "diagonal": lambda args, params: (min(args[0].shape),),
    "dot": _dot_shape,
    "expand": _expanded,
    "eye": lambda args, params: params * 2,
    "inverse": _last,
    "logaddexp": _broadcast_shape,
    "logdet": lambda args, params: args[0].shape[:-2],
    "lse": _reduced,
    "one_hot": lambda args, params: (*args[0].shape, params[0]),
    "outer": lambda args, params: args[0].shape + args[1].shape,
    "reshape": lambda args, params: params[0],
    "sigmoid": _last,
    "softmax": _last,
    "solve": _last,
    "sum": _reduced,
    "trace": lambda args, params: (),
}
"""The shape of each operation that is a term's own, from its operands and parameters."""


def size_along(term: Term, axes: Sequence[int]) -> int:
    """How many elements a sum over these axes adds.

    >>> terms = Algebra()
    >>> size_along(terms.var("X", (2, 3)), (0, 1))
    6
    """
    return prod(term.shape[axis] for axis in axes)
