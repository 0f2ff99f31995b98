"""Rules of matrix calculus: axes of size 1, repetition, and sums over axes.

    (x as a column) ⊙ (y as a row) → xyᵀ      Σⱼ sᵢxᵢⱼ → sᵢ Σⱼ xᵢⱼ      Σᵢ xᵢyᵢ → xᵀy

NumPy's broadcasting is left unsaid: x repeated to the shape of what it is multiplied with is x.
The table is in ``matrix_rules.py``.
"""

from __future__ import annotations

from math import prod

from diffkit.comparison.matrix_rules import rule
from diffkit.comparison.matrix_rules_linear import COLUMN, ROW, is_full, vector_of
from diffkit.comparison.matrix_terms import Algebra, Term, size_along, split_scalars

__all__ = ["squeezed"]


# Shapes --------------------------------------------------------------------------------------


def squeezed(algebra: Algebra, term: Term, axes: tuple[int, ...], ndim: int) -> Term | None:
    """A factor without the axes of a sum, along which it has size 1; None if it has not.

    ``axes`` count within ``ndim`` axes; the factor's own axes are the last of them.
    """
    missing = ndim - term.ndim
    own = tuple(axis - missing for axis in axes if axis >= missing)
    if any(term.shape[axis] != 1 for axis in own):
        return None
    if not own:
        return term if missing == 0 or all(axis < missing for axis in axes) else None
    if term.op == "expand" and set(own) <= set(term.params[0]):
        left = [axis for axis in term.params[0] if axis not in own]
        kept = tuple(axis - sum(gone < axis for gone in own) for axis in left)
        return algebra.make("expand", term.args[0], kept) if kept else term.args[0]
    return None


@rule("axes that are put in and taken out", "expand", "reshape")
def _idle_axes(algebra: Algebra, term: Term) -> Term | None:
    """A reshape to the same shape, or back to the shape of what was reshaped → x."""
    (inner,) = term.args
    if inner.shape == term.shape:
        return inner
    if inner.op in ("expand", "reshape") and inner.args[0].shape == term.shape:
        return inner.args[0]
    return None


@rule("reshape that adds axes", "reshape")
def _reshape_to_expand(algebra: Algebra, term: Term) -> Term | None:
    """A reshape that only adds axes of size 1 adds these axes."""
    (inner,) = term.args
    if inner.op in ("expand", "reshape"):
        return algebra.make("reshape", inner.args[0], term.shape)
    if inner.op == "broadcast" and inner.args[0].is_scalar:
        return algebra.make("broadcast", inner.args[0], term.shape)
    if term.ndim <= inner.ndim or prod(term.shape) != prod(inner.shape):
        return None
    added, rest = [], list(inner.shape)
    for axis, size in enumerate(term.shape):
        if rest and size == rest[0]:
            rest.pop(0)
        elif size == 1:
            added.append(axis)
        else:
            return None
    return None if rest else algebra.make("expand", inner, tuple(added))


@rule("new axes of a product", "mul")
def _expand_of_product(algebra: Algebra, term: Term) -> Term | None:
    """(x·y as a column) ⊙ A → (x as a column) ⊙ (y as a column) ⊙ A."""
    args: list[Term] = []
    for arg in term.args:
        inner = arg.args[0] if arg.op == "expand" else arg
        if inner is not arg and inner.op == "mul" and arg.shape != term.shape:
            same = all(part.shape in ((), inner.shape) for part in inner.args)
            args += [
                part if part.is_scalar else algebra.make("expand", part, *arg.params)
                for part in (inner.args if same else (inner,))
            ]
        else:
            args.append(arg)
    return algebra.times(*args) if len(args) > len(term.args) else None


@rule("columns together", "mul", "add", "pow", "mask", "sigmoid", "logaddexp", "each")
def _columns_together(algebra: Algebra, term: Term) -> Term | None:
    """(x as a column) ⊙ (y as a column) → (x·y as a column), and so for every function."""
    found = [_stripped(algebra, arg) for arg in term.args]
    axes = {axes for _, axes in found if axes is not None}
    if len(axes) != 1 or any(
        axes is None and not arg.is_scalar and not is_full(arg)
        for (_, axes), arg in zip(found, term.args, strict=True)
    ):
        return None
    (gone,) = axes
    kept = tuple(size for axis, size in enumerate(term.shape) if axis not in gone)
    args = [
        algebra.make("broadcast", arg.args[0], kept) if a is None and is_full(arg) else x
        for (x, a), arg in zip(found, term.args, strict=True)
    ]
    if any(x.shape not in ((), kept) for x in args) or (all(x.is_scalar for x in args) and kept):
        return None
    if term.operation is not None:
        inner = algebra.apply(term.operation, args, kept, term.dtype)
    else:
        inner = algebra.make(term.op, *args, *term.params)
    return algebra.make("expand", inner, gone)


def _stripped(algebra: Algebra, term: Term) -> tuple[Term, tuple[int, ...] | None]:
    """What is behind new axes, times what has none, and these axes."""
    scalars, parts = split_scalars(term)
    if len(parts) == 1 and parts[0].op == "expand":
        return algebra.times(*scalars, parts[0].args[0]), parts[0].params[0]
    return term, None


@rule("outer product", "mul")
def _outer_product(algebra: Algebra, term: Term) -> Term | None:
    """(x as a column) ⊙ (y as a row) → xyᵀ."""
    scalars, parts = split_scalars(term)
    if len(parts) != 2 or term.ndim != 2:
        return None
    for column, row in (parts, parts[::-1]):
        x, y = (
            vector_of(algebra, column, COLUMN),
            row if row.ndim == 1 else vector_of(algebra, row, ROW),
        )
        if row.op == "broadcast" and row.shape == term.shape and not row.args[0].is_scalar:
            y = row.args[0] if row.args[0].ndim == 1 else vector_of(algebra, row.args[0], ROW)
        if x is not None and y is not None:
            return algebra.times(*scalars, algebra.make("outer", x, y))
    return None


@rule("new axes of ones", "expand")
def _expand_of_ones(algebra: Algebra, term: Term) -> Term | None:
    """A vector of ones as a column is a column of ones."""
    (inner,) = term.args
    if inner.op == "broadcast" and inner.args[0].is_scalar:
        return algebra.make("broadcast", inner.args[0], term.shape)
    return None


@rule("repetition of one", "broadcast")
def _idle_repetition(algebra: Algebra, term: Term) -> Term | None:
    """x repeated to its own shape → x; s repeated → s·1, for a scalar s."""
    (inner,), (shape,) = term.args, term.params
    if inner.shape == shape:
        return inner
    if inner.op == "broadcast":
        return algebra.make("broadcast", inner.args[0], shape)
    if prod(shape) == 1 and shape:
        return algebra.make("expand", algebra.make("reshape", inner, ()), tuple(range(len(shape))))
    if inner.is_scalar and inner is not algebra.const(1) and inner.dtype.kind == "f":
        return algebra.times(inner, algebra.ones_of(shape))
    return None


# Sums ----------------------------------------------------------------------------------------


@rule("sum of a sum", "sum")
def _sum_of_sum(algebra: Algebra, term: Term) -> Term | None:
    """Σⱼ Σᵢ x → Σᵢⱼ x; Σ over no axis → x."""
    (inner,), (axes,) = term.args, term.params
    if not axes:
        return inner
    if inner.op != "sum":
        return None
    gone = list(inner.params[0])
    whole = [axis for axis in range(inner.args[0].ndim) if axis not in gone]
    return algebra.make("sum", inner.args[0], tuple(sorted([*gone, *(whole[a] for a in axes)])))


@rule("factors that do not change come out of a sum", "sum")
def _constants_of_sum(algebra: Algebra, term: Term) -> Term | None:
    """Σⱼ sᵢ·xᵢⱼ → sᵢ·Σⱼ xᵢⱼ."""
    (inner,), (axes,) = term.args, term.params
    if inner.op != "mul":
        return None
    out: list[Term] = []
    rest: list[Term] = []
    for arg in inner.args:
        found = arg if arg.is_scalar else squeezed(algebra, arg, axes, inner.ndim)
        (rest if found is None else out).append(arg if found is None else found)
    if not out or not rest:
        return None
    left = algebra.times(*rest)
    if left.shape != inner.shape:
        return None
    return algebra.times(*out, algebra.make("sum", left, axes))


@rule("sum of what is repeated", "sum")
def _sum_of_repetition(algebra: Algebra, term: Term) -> Term | None:
    """Σ 1 → how many there are; a sum over axes that were just put in takes them out."""
    (inner,), (axes,) = term.args, term.params
    if inner.op == "broadcast" and inner.args[0].is_scalar:
        total = algebra.times(size_along(inner, axes), inner.args[0])
        return total if not term.shape else algebra.make("broadcast", total, term.shape)
    if inner.op == "expand" and inner.params[0] == axes:
        return inner.args[0]
    if all(inner.shape[axis] == 1 for axis in axes):
        return algebra.make("reshape", inner, term.shape)
    return None


@rule("inner product", "sum")
def _inner_product(algebra: Algebra, term: Term) -> Term | None:
    """Σᵢ xᵢyᵢ → xᵀy for vectors."""
    (inner,) = term.args
    if inner.op != "mul" or inner.ndim != 1 or len(inner.args) != 2:
        return None
    x, y = inner.args
    return algebra.make("dot", x, y) if x.shape == y.shape else None


@rule("trace", "sum")
def _trace(algebra: Algebra, term: Term) -> Term | None:
    """The sum of the diagonal → tr A."""
    (inner,) = term.args
    if inner.op == "diagonal" and inner.args[0].shape[0] == inner.args[0].shape[1]:
        return algebra.make("trace", inner.args[0])
    return None


@rule("diagonal of a number", "diag")
def _diagonal_of_ones(algebra: Algebra, term: Term) -> Term | None:
    """diag(1) → I."""
    (inner,) = term.args
    if inner.op == "broadcast" and inner.args[0] is algebra.const(1):
        return algebra.raw("eye", *inner.shape)
    return None
