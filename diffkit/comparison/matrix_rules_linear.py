"""Rules of matrix calculus: products, transposes, sums, shapes and inverses of matrices.

    (AB)ᵀ → BᵀAᵀ      A(sB) → s(AB)      xᵀA → (Aᵀx)ᵀ      solve(A, I) → A⁻¹      Σᵢ Aᵢᵢ → tr A

The graph knows no vectors: it makes a vector a row or a column before a product and takes the
axis away after it.  These rules undo that, so that ``X @ w`` is Xw again.

Source: Petersen & Pedersen 2012, *The Matrix Cookbook*, section 1; the table is in
``matrix_rules.py``.
"""

from __future__ import annotations

from diffkit.comparison.matrix_rules import rule
from diffkit.comparison.matrix_terms import Algebra, Term, split_coefficient, split_scalars

__all__ = ["COLUMN", "ROW", "is_full", "vector_of"]

COLUMN, ROW, BOTH = (1,), (0,), (0, 1)


def _scalars(algebra: Algebra, term: Term) -> tuple[list[Term], Term] | None:
    """The factors without axes, and the rest of a product; None if there is nothing to take."""
    out, rest = split_scalars(term)
    return (out, algebra.times(*rest)) if term.op == "mul" and out and rest else None


@rule("numbers come out", "dot", "outer", "T", "solve", "reshape", "expand", "broadcast",
      "diag", "diagonal", "trace", "op:getitem", "op:scatter_add", "op:transpose", "op:cumsum",
      "op:flip")  # fmt: skip
def _scalars_out(algebra: Algebra, term: Term) -> Term | None:
    """A(sB) → s(AB); (sA)ᵀ → sAᵀ; and so for everything that is linear."""
    places = range(1, 2) if term.op == "solve" else range(len(term.args))
    for place in range(1) if term.operation is not None else places:
        found = _scalars(algebra, term.args[place])
        if found is not None:
            numbers, rest = found
            args = [*term.args[:place], rest, *term.args[place + 1 :]]
            return algebra.times(*numbers, algebra.again(term, args))
    return None


# Transposes ----------------------------------------------------------------------------------


@rule("transpose of a transpose", "T")
def _transpose_of_transpose(algebra: Algebra, term: Term) -> Term | None:
    """(Aᵀ)ᵀ → A; Iᵀ → I."""
    (inner,) = term.args
    if inner.op == "T":
        return inner.args[0]
    return inner if inner.op in ("eye", "diag") else None


@rule("transpose of a product", "T")
def _transpose_of_product(algebra: Algebra, term: Term) -> Term | None:
    """(AB)ᵀ → BᵀAᵀ; (xyᵀ)ᵀ → yxᵀ; (A⁻¹)ᵀ → (Aᵀ)⁻¹."""
    (inner,) = term.args
    if inner.op == "dot" and all(arg.ndim >= 2 for arg in inner.args):
        a, b = inner.args
        return algebra.make("dot", algebra.make("T", b), algebra.make("T", a))
    if inner.op == "outer":
        return algebra.make("outer", inner.args[1], inner.args[0])
    if inner.op == "inverse":
        return algebra.make("inverse", algebra.make("T", inner.args[0]))
    return None


@rule("transpose of a sum", "T")
def _transpose_of_sum(algebra: Algebra, term: Term) -> Term | None:
    """(A + B)ᵀ → Aᵀ + Bᵀ, and of elementwise products and powers alike."""
    (inner,) = term.args
    if inner.op not in ("add", "mul", "pow"):
        return None
    bare = [part for arg in inner.args for part in split_coefficient(arg)[1]]
    if any(not part.is_scalar and not part.is_leaf and part.op != "T" for part in bare):
        return None
    if any(arg.shape not in ((), inner.shape) for arg in inner.args):
        return None
    args = [arg if arg.is_scalar else algebra.make("T", arg) for arg in inner.args]
    return algebra.make(inner.op, *args, *inner.params)


@rule("transpose of a column", "T")
def _transpose_of_column(algebra: Algebra, term: Term) -> Term | None:
    """A column laid on its side is a row."""
    (inner,) = term.args
    if inner.op == "expand" and inner.args[0].ndim == 1 and inner.params[0] in (COLUMN, ROW):
        return algebra.make("expand", inner.args[0], ROW if inner.params[0] == COLUMN else COLUMN)
    if inner.op == "expand" and inner.is_scalar is False and inner.params[0] == BOTH:
        return inner if inner.args[0].is_scalar else None
    if inner.op == "broadcast" and inner.args[0].is_scalar:
        *lead, rows, columns = inner.shape
        return algebra.make("broadcast", inner.args[0], (*lead, columns, rows))
    return None


# Products ------------------------------------------------------------------------------------


@rule("identity in a product", "dot")
def _identity(algebra: Algebra, term: Term) -> Term | None:
    """IB → B and AI → A."""
    a, b = term.args
    return b if a.op == "eye" else a if b.op == "eye" else None


def is_full(term: Term) -> bool:
    """Whether a term is one number, repeated."""
    return term.op == "broadcast" and term.args[0].is_scalar


def vector_of(algebra: Algebra, term: Term, axes: tuple[int, ...]) -> Term | None:
    """The vector behind a row or a column that was made of it."""
    if is_full(term) and term.ndim == 2 and term.shape[axes[0]] == 1:
        return algebra.make("broadcast", term.args[0], (term.shape[1 - axes[0]],))
    if term.op == "expand" and term.params[0] == axes and term.args[0].ndim == 1:
        return term.args[0]
    return None


@rule("product with a column or a row", "dot")
def _vectors(algebra: Algebra, term: Term) -> Term | None:
    """A(x as a column) → (Ax as a column); (x as a row)A → (Aᵀx as a row); a column times a
    row → xyᵀ."""
    a, b = term.args
    left, right = vector_of(algebra, a, COLUMN), vector_of(algebra, b, ROW)
    if left is not None and right is not None:
        return algebra.make("outer", left, right)
    left, right = vector_of(algebra, a, ROW), vector_of(algebra, b, COLUMN)
    if left is not None and right is not None:
        return algebra.make("expand", algebra.make("dot", left, right), BOTH)
    if right is not None and a.ndim == 2:
        return algebra.make("expand", algebra.make("dot", a, right), COLUMN)
    if left is not None and b.ndim <= 2:
        flat = algebra.make("T", b) if b.ndim == 2 else b
        return algebra.make("expand", algebra.make("dot", flat, left), ROW)
    return None


@rule("product with ones", "dot")
def _product_with_ones(algebra: Algebra, term: Term) -> Term | None:
    """X1 → the sums of the rows of X; 1ᵀx → the sum of x."""
    a, b = term.args
    if b.ndim == 1 and is_full(b) and b.args[0] is algebra.const(1):
        whole = a.op == "T" and a.ndim == 2
        return algebra.make("sum", a.args[0] if whole else a, (0,) if whole else (a.ndim - 1,))
    if a.ndim == 1 == b.ndim and is_full(a) and a.args[0] is algebra.const(1):
        return algebra.make("sum", b, (0,))
    return None


@rule("product with a number in a matrix", "dot")
def _one_by_one(algebra: Algebra, term: Term) -> Term | None:
    """[s]B → s·B for a matrix of one element."""
    for place, arg in enumerate(term.args):
        other = term.args[1 - place]
        if arg.op == "expand" and arg.params[0] == BOTH and other.shape == term.shape:
            return algebra.times(arg.args[0], other)
    return None


@rule("row times matrix", "dot")
def _row_times_matrix(algebra: Algebra, term: Term) -> Term | None:
    """xᵀA → Aᵀx, a vector either way."""
    a, b = term.args
    if a.ndim == 1 and b.ndim == 2:
        return algebra.make("dot", algebra.make("T", b), a)
    return None


@rule("bilinear form", "dot")
def _bilinear(algebra: Algebra, term: Term) -> Term | None:
    """(Aᵀx)ᵀy → xᵀ(Ay)."""
    a, b = term.args
    if a.ndim != 1 or b.ndim != 1 or a.op != "dot" or b.op == "dot":
        return None
    matrix, x = a.args
    if matrix.op == "T" or (matrix.op == "inverse" and matrix.args[0].op == "T"):
        return algebra.make("dot", x, algebra.make("dot", algebra.make("T", matrix), b))
    return None


@rule("product with an outer product", "dot", "solve")
def _outer_products(algebra: Algebra, term: Term) -> Term | None:
    """A(xyᵀ) → (Ax)yᵀ; (xyᵀ)A → x(Aᵀy)ᵀ; A⁻¹(xyᵀ) → (A⁻¹x)yᵀ."""
    a, b = term.args
    if b.op == "outer" and a.ndim == 2:
        x, y = b.args
        return algebra.make("outer", algebra.make(term.op, a, x), y)
    if term.op == "dot" and a.op == "outer":
        x, y = a.args
        if b.ndim == 2:
            return algebra.make("outer", x, algebra.make("dot", algebra.make("T", b), y))
        if b.ndim == 1:
            return algebra.times(algebra.make("dot", y, b), x)
    return None


@rule("common operand of products", "add")
def _common_operand(algebra: Algebra, term: Term) -> Term | None:
    """Ax + Bx → (A + B)x and AB + AC → A(B + C)."""
    split = [split_coefficient(arg) for arg in term.args]
    if any(len(parts) != 1 or parts[0].op != "dot" for _, parts in split):
        return None
    for shared in (1, 0):
        kept = split[0][1][0].args[shared]
        others = [parts[0].args[1 - shared] for _, parts in split]
        if any(parts[0].args[shared] is not kept for _, parts in split):
            continue
        if kept.is_scalar or len({other.shape for other in others}) > 1:
            continue
        if any(other.shape[:-2] for other in (kept, *others)):
            continue
        total = algebra.plus(
            *(algebra.times(n, other) for (n, _), other in zip(split, others, strict=True))
        )
        return algebra.make("dot", *((total, kept) if shared else (kept, total)))
    return None


# Inverses ------------------------------------------------------------------------------------


@rule("solution for the identity", "solve")
def _inverse(algebra: Algebra, term: Term) -> Term | None:
    """solve(A, I) → A⁻¹."""
    return algebra.make("inverse", term.args[0]) if term.args[1].op == "eye" else None


@rule("inverse of a multiple", "inverse")
def _inverse_of_multiple(algebra: Algebra, term: Term) -> Term | None:
    """(sA)⁻¹ → A⁻¹/s."""
    found = _scalars(algebra, term.args[0])
    if found is None:
        return None
    over = [algebra.power(scalar, -1) for scalar in found[0]]
    return algebra.times(*over, algebra.make("inverse", found[1]))


@rule("solution for a column", "solve")
def _solution_of_column(algebra: Algebra, term: Term) -> Term | None:
    """A⁻¹(b as a column) → (A⁻¹b as a column)."""
    a, b = term.args
    vector = vector_of(algebra, b, COLUMN)
    if vector is None or a.ndim != 2:
        return None
    return algebra.make("expand", algebra.make("solve", a, vector), COLUMN)
