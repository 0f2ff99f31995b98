"""Rules of matrix calculus: sums, element by element.

    x + x → 2x      x·y + x·z → x·(y + z)      x·(1 − y) − y·(1 − x) → x − y

Products are multiplied out only where that is shorter, and a common factor is taken out always,
so that p(1 − y) − (1 − p)y ends as p − y.  The table is in ``matrix_rules.py``.
"""

from __future__ import annotations

from diffkit.comparison.matrix_rules import MOST_OPERANDS, rule, shaped_like
from diffkit.comparison.matrix_terms import Algebra, Term, split_coefficient, split_scalars

__all__: list[str] = []

MOST_EXPANDED = 16
"""A product of sums is multiplied out up to this many addends."""


@rule("nested sums", "add")
def _nested_sums(algebra: Algebra, term: Term) -> Term | None:
    """x + c(y + z) → x + c·y + c·z, with the numbers added."""
    flat: list[Term] = []
    for arg in term.args:
        number, parts = split_coefficient(arg)
        if len(parts) == 1 and parts[0].op == "add":
            flat += [algebra.times(number, part) for part in parts[0].args]
        else:
            flat.append(arg)
    if tuple(flat) == term.args or len(flat) > MOST_OPERANDS:
        return None
    return _shaped_like_sum(algebra, flat, term)


def _shaped_like_sum(algebra: Algebra, addends: list[Term], term: Term) -> Term | None:
    if not addends:
        return shaped_like(algebra, algebra.const(0), term)
    found = algebra.plus(*addends)
    return found if found.shape == term.shape else shaped_like(algebra, found, term)


@rule("like terms", "add")
def _like_terms(algebra: Algebra, term: Term) -> Term | None:
    """x + x → 2x; x + 0 → x; numbers are added."""
    counts: dict[tuple[Term, ...], float] = {}
    for arg in term.args:
        number, parts = split_coefficient(arg)
        counts[parts] = counts.get(parts, 0) + number
    if len(counts) == len(term.args) and 0 not in counts.values():
        return None
    kept = [algebra.times(number, *parts) for parts, number in counts.items() if number]
    return _shaped_like_sum(algebra, kept, term)


@rule("multiplied out", "add")
def _multiplied_out(algebra: Algebra, term: Term) -> Term | None:
    """x·(1 − y) − y·(1 − x) → x − y: products of sums, where multiplying out is shorter."""
    if not any(part.op == "add" for arg in term.args for part in split_coefficient(arg)[1]):
        return None
    found: list[tuple[float, tuple[Term, ...]]] = []
    for arg in term.args:
        found += _expanded(arg)
        if len(found) > MOST_EXPANDED:
            return None
    counts: dict[tuple[Term, ...], float] = {}
    for number, parts in found:
        key = tuple(sorted(parts, key=lambda part: part.number))
        counts[key] = counts.get(key, 0) + number
    kept = {parts: number for parts, number in counts.items() if number}
    length = sum(max(len(parts), 1) for parts in kept)
    if length >= sum(_length(arg) for arg in term.args):
        return None
    return _shaped_like_sum(
        algebra, [algebra.times(number, *parts) for parts, number in kept.items()], term
    )


def _expanded(addend: Term) -> list[tuple[float, tuple[Term, ...]]]:
    """An addend as a sum of numbers times factors, one level of sums multiplied out."""
    number, parts = split_coefficient(addend)
    found: list[tuple[float, tuple[Term, ...]]] = [(number, ())]
    for part in parts:
        inner = (
            [split_coefficient(arg) for arg in part.args] if part.op == "add" else [(1, (part,))]
        )
        found = [(m * n, x + y) for m, x in found for n, y in inner]
        if len(found) > MOST_EXPANDED:
            break
    return found


def _length(addend: Term) -> int:
    parts = split_coefficient(addend)[1]
    return sum(sum(map(_length, p.args)) if p.op == "add" else 1 for p in parts) or 1


@rule("common number", "add")
def _common_number(algebra: Algebra, term: Term) -> Term | None:
    """2x − 2y → 2(x − y)."""
    numbers = [split_coefficient(arg)[0] for arg in term.args]
    size = abs(numbers[0])
    if size in (0, 1) or any(abs(number) != size for number in numbers):
        return None
    rest = [
        algebra.times(number / size, *split_coefficient(arg)[1])
        for number, arg in zip(numbers, term.args, strict=True)
    ]
    if term.shape and not any(_is_bare(arg) for arg in rest):
        return None  # 2x/n + 2λy reads better than 2(x/n + λy)
    return algebra.times(size, algebra.plus(*rest))


def _is_bare(term: Term) -> bool:
    """Whether a term has no factor without axes but a sign."""
    return all(x.op == "const" and abs(x.params[0]) == 1 for x in split_scalars(term)[0])


@rule("common factor", "add")
def _common_factor(algebra: Algebra, term: Term) -> Term | None:
    """x·y + x·z → x·(y + z)."""
    split = [split_coefficient(arg) for arg in term.args]
    common = [
        part for part in dict.fromkeys(split[0][1])
        if part.op not in ("broadcast", "one_hot") and all(part in parts for _, parts in split)
    ]  # fmt: skip
    if not common:
        return None
    rest = [algebra.times(number, *_without(parts, common)) for number, parts in split]
    return algebra.times(*common, algebra.plus(*rest))


def _without(parts: tuple[Term, ...], taken: list[Term]) -> list[Term]:
    """Factors without one occurrence of each of some others."""
    left = list(parts)
    for part in taken:
        left.remove(part)
    return left
