"""Rules that recognise functions: softmax, log-sum-exp, the sigmoid, selections, determinants.

    exp(u) ⊘ (Σⱼ exp(u))1ᵀ → softmax(u)        softmax(u + c1ᵀ) → softmax(u)
    1 ⊘ (1 + exp(−u)) → σ(u)                   softmax(u)1 → 1

Some rest on what is so at the point: the rows of Y sum to one, a label is in range, no two
arguments of a maximum are equal.  What was relied on is said beside the formula.

Source: Bridle 1990 (softmax); Petersen & Pedersen 2012, section 2; the table is in
``matrix_rules.py``.
"""

from __future__ import annotations

from diffkit.comparison.matrix_rules import power_of, rule
from diffkit.comparison.matrix_rules_shapes import squeezed
from diffkit.comparison.matrix_terms import Algebra, Term, split_coefficient

__all__: list[str] = []

PAIR = 2


def _total(term: Term) -> tuple[Term, tuple[int, ...]] | None:
    """u and the axes, if a term is Σ exp(u) in any shape it is kept."""
    if term.op in ("expand", "broadcast"):
        return _total(term.args[0])
    if term.op == "sum" and term.args[0].op == "op:exp":
        return term.args[0].args[0], term.params[0]
    return None


@rule("softmax", "mul")
def _softmax(algebra: Algebra, term: Term) -> Term | None:
    """exp(u) ⊘ (Σⱼ exp(u))1ᵀ → softmax(u)."""
    for place, factor in enumerate(term.args):
        if factor.op != "op:exp":
            continue
        for other_place, other in enumerate(term.args):
            total, exponent = power_of(algebra, other)
            found = _total(total)
            if found is None or not isinstance(exponent, int) or exponent >= 0:
                continue
            if found[0] is not factor.args[0] or (total.ndim and not _kept(total, *found)):
                continue
            rest = [x for i, x in enumerate(term.args) if i not in (place, other_place)]
            left = [] if exponent == -1 else [algebra.power(total, exponent + 1)]
            return algebra.times(algebra.make("softmax", *found), *rest, *left)
    return None


def _kept(total: Term, u: Term, axes: tuple[int, ...]) -> bool:
    """Whether a sum stands where its axes were, so that it broadcasts against u."""
    wanted = tuple(1 if axis in axes else size for axis, size in enumerate(u.shape))
    shape = (1,) * (u.ndim - total.ndim) + total.shape
    return shape in (wanted, u.shape)


@rule("log-sum-exp", "op:log")
def _log_sum_exp(algebra: Algebra, term: Term) -> Term | None:
    """log Σ exp(u) → lse(u)."""
    (inner,) = term.args
    if inner.op == "sum" and inner.args[0].op == "op:exp":
        return algebra.make("lse", inner.args[0].args[0], inner.params[0])
    return None


@rule("softmax of a shift", "softmax", "lse")
def _shift(algebra: Algebra, term: Term) -> Term | None:
    """softmax(u + c1ᵀ) → softmax(u); lse(u + c1ᵀ) → lse(u) + c."""
    (inner,), (axes,) = term.args, term.params
    if inner.op != "add":
        return None
    kept: list[Term] = []
    shifts: list[Term] = []
    for addend in inner.args:
        number, parts = split_coefficient(addend)
        found = [squeezed(algebra, part, axes, inner.ndim) for part in parts]
        shift = algebra.times(number, *(part for part in found if part is not None))
        if None in found or shift.ndim > inner.ndim - len(axes):
            kept.append(addend)
        else:
            shifts.append(shift)
    if not kept or not shifts or algebra.plus(*kept).shape != inner.shape:
        return None
    bare = algebra.make(term.op, algebra.plus(*kept), axes)
    return bare if term.op == "softmax" else algebra.plus(bare, *shifts)


@rule("rows that sum to one", "sum")
def _rows_of_ones(algebra: Algebra, term: Term) -> Term | None:
    """softmax(u)1 → 1; the same for one-hot rows, and for rows that sum to one at the point."""
    (inner,), (axes,) = term.args, term.params
    last = (inner.ndim - 1,)
    known = inner.op == "softmax" and inner.params[0] == axes
    known = known or (inner.op == "one_hot" and axes == last)
    if inner in algebra.ones and axes == last:
        algebra.used[f"each row of {inner.params[0]} sums to 1"] = None
        known = True
    if not known:
        return None
    return algebra.make("broadcast", algebra.const(1), term.shape)


@rule("sigmoid", "pow")
def _sigmoid(algebra: Algebra, term: Term) -> Term | None:
    """1 ⊘ (1 + exp(−u)) → σ(u)."""
    (base,), (exponent,) = term.args, term.params
    if base.op != "add" or len(base.args) != PAIR or not isinstance(exponent, int) or exponent >= 0:
        return None
    number, other = sorted(base.args, key=lambda arg: arg.op != "const")
    if number.op == "const" and number.params[0] == 1 and other.op == "op:exp":
        sigmoid = algebra.make("sigmoid", algebra.times(-1, other.args[0]))
        return algebra.power(sigmoid, -exponent)
    return None


@rule("complement of the sigmoid", "mul")
def _complement(algebra: Algebra, term: Term) -> Term | None:
    """exp(−u)·σ(u) → 1 − σ(u)."""
    for factor in term.args:
        if factor.op != "op:exp":
            continue
        opposite = algebra.times(-1, factor.args[0])
        for other in term.args:
            base, power = (other.args[0], other.params[0]) if other.op == "pow" else (other, 1)
            if base.op == "sigmoid" and base.args[0] is opposite and power in (1, 2, 3):
                rest = [x for x in term.args if x is not factor and x is not other]
                kept = [algebra.power(base, power - 1)] if power > 1 else []
                one_less = algebra.plus(1, algebra.times(-1, base))
                return algebra.times(*rest, *kept, one_less)
    return None


@rule("log-sum-exp of two", "lse", "op:getitem")
def _pairs(algebra: Algebra, term: Term) -> Term | None:
    """lse over [x, y] → log(exp x + exp y); softmax over [x, y] → σ(x − y) and σ(y − x)."""
    inner = term.args[0]
    if term.op == "lse":
        joined, axes, column = inner, term.params[0], None
    elif inner.op == "softmax" and term.operation is not None and len(term.args) == 1:
        joined, axes = inner.args[0], inner.params[0]
        column = _column(term.operation.kwargs["index"])
        if column is None:
            return None
    else:
        return None
    if joined.op != "op:concatenate" or len(joined.args) != PAIR or axes != (joined.ndim - 1,):
        return None
    if any(part.shape[-1] != 1 for part in joined.args) or joined.ndim != len(inner.shape):
        return None
    shape = joined.shape[:-1]
    x, y = (algebra.make("reshape", part, shape) for part in joined.args)
    if column is None:
        return algebra.make("logaddexp", _plain(algebra, x), _plain(algebra, y))
    first, second = (x, y) if column == 0 else (y, x)
    difference = algebra.plus(first, algebra.times(-1, second))
    return algebra.make("reshape", algebra.make("sigmoid", difference), term.shape)


def _plain(algebra: Algebra, term: Term) -> Term:
    """The number behind an array that is full of it."""
    number, parts = split_coefficient(term)
    full = len(parts) == 1 and parts[0].op == "broadcast" and parts[0].args[0] is algebra.const(1)
    return algebra.const(number) if full else term


def _column(index: tuple[object, ...]) -> int | None:
    """Which of two columns an index ``[:, k:k+1]`` takes, whatever comes before."""
    *lead, last = index
    whole = ("slice", None, None, None)
    if any(part != whole for part in lead) or not isinstance(last, tuple) or last[0] != "slice":
        return None
    start, stop = last[1] or 0, last[2]
    return start if (start, stop) in ((0, 1), (1, 2)) and last[3] in (None, 1) else None


# Selections ------------------------------------------------------------------------------------


@rule("known selection", "mask", "op:where")
def _known_selection(algebra: Algebra, term: Term) -> Term | None:
    """x where the condition holds at every element → x."""
    condition, *choices = term.args
    if condition.op not in ("true", "false"):
        return None
    if term.op == "mask" and condition.op == "false":
        return algebra.times(0, algebra.ones_of(term.shape))
    chosen = choices[0] if condition.op == "true" else choices[1]
    if chosen.shape == term.shape:
        return chosen
    return algebra.make("broadcast", chosen, term.shape)


@rule("mask of a product", "mask")
def _mask_of_product(algebra: Algebra, term: Term) -> Term | None:
    """[m] ⊙ (s·x) → s·([m] ⊙ x) for a scalar s; [m] ⊙ ([m] ⊙ x) → [m] ⊙ x; a mask that is
    repeated like x is not written so."""
    condition, inner = term.args
    if condition.op == "broadcast" and condition.args[0].is_scalar:
        return algebra.make("mask", condition.args[0], inner)
    if inner.op == "mask" and inner.args[0] is condition:
        return inner
    if inner.op != "mul":
        return None
    numbers = [arg for arg in inner.args if arg.is_scalar]
    rest = [arg for arg in inner.args if not arg.is_scalar]
    if not numbers or not rest:
        return None
    return algebra.times(*numbers, algebra.make("mask", condition, algebra.times(*rest)))


@rule("one-hot selection", "mask")
def _one_hot_selection(algebra: Algebra, term: Term) -> Term | None:
    """x where the column is the label's, and else 0 → x ⊙ onehot(y)."""
    condition, inner = term.args
    return algebra.times(inner, condition) if condition.op == "one_hot" else None


@rule("selection or zero", "op:where")
def _selection_or_zero(algebra: Algebra, term: Term) -> Term | None:
    """x where m holds, and else 0 → [m] ⊙ x."""
    condition, chosen, other = term.args
    return algebra.make("mask", condition, chosen) if other is algebra.const(0) else None


# Determinants ----------------------------------------------------------------------------------


@rule("logarithm of a determinant", "op:getitem")
def _log_determinant(algebra: Algebra, term: Term) -> Term | None:
    """slogdet(A)[1] → log|det A|."""
    inner = term.args[0]
    if inner.op != "op:slogdet" or term.operation is None:
        return None
    index = term.operation.kwargs["index"]
    last = index[-1] if index else None
    return algebra.make("logdet", inner.args[0]) if last in (1, -1) and not term.shape else None
