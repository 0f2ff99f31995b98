"""Rules of matrix calculus: named rows, each an identity that makes a formula shorter.

    x·1 → x      (Bᵀ)ᵀ → B      A(sB) → s(AB)      Ax + Bx → (A + B)x
    exp(u) ⊘ Σ exp(u) → softmax(u)                  log Σ exp(u) → lse(u)

A rule looks at one new term whose operands are simple already, and gives an equal term or None.
The identities are those of algebra, not of IEEE 754: a sum may be added in another order.  So a
formula is held against the numbers of the graph before it is shown, and what does not agree is
printed as the graph has it (``matrix_formula.py``).

Reading on: Magnus & Neudecker 2019, *Matrix Differential Calculus*, chapters 1 and 2; Petersen &
Pedersen 2012, *The Matrix Cookbook*.  Rules on
sums are in ``matrix_rules_sums.py``, on matrices in ``matrix_rules_linear.py`` and
``matrix_rules_shapes.py``; those that recognise functions in ``matrix_rules_functions.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from diffkit.comparison.matrix_terms import (
    Algebra,
    Term,
    leading,
    split_coefficient,
    split_scalars,
)

__all__ = [
    "RULES",
    "Pattern",
    "Rule",
    "apply_rules",
    "is_positive",
    "power_of",
    "rule",
    "shaped_like",
]

Pattern = Callable[[Algebra, Term], "Term | None"]

ROOT = 0.5
TURNED = ("dot", "outer", "T", "sum", "expand", "reshape", "solve", "mul")
"""Where −x may be written with the sign further inside."""
EACH = "each"
"""A rule on it looks at every elementwise operation that is not a term's own."""
MOST_OPERANDS = 12
"""Nested sums and products are joined up to this many operands."""

_OTHERS = tuple(
    f"diffkit.comparison.matrix_rules_{part}" for part in ("sums", "linear", "shapes", "functions")
)


@dataclass(frozen=True)
class Rule:
    """A row of the table: its name, the identity, the operations it looks at, and the pattern."""

    name: str
    identity: str
    on: tuple[str, ...]
    pattern: Pattern


RULES: dict[str, Rule] = {}
_BY_OPERATION: dict[str, list[Rule]] = {}


def rule(name: str, *on: str) -> Callable[[Pattern], Pattern]:
    """Add a pattern to the table; its docstring is the identity."""

    def register(pattern: Pattern) -> Pattern:
        RULES[name] = row = Rule(name, (pattern.__doc__ or "").strip(), on, pattern)
        for operation in on:
            _BY_OPERATION.setdefault(operation, []).append(row)
        return pattern

    return register


def apply_rules(algebra: Algebra, term: Term) -> Term:
    """What the first rule that applies makes of a term, or the term itself."""
    for module in _OTHERS:
        import_module(module)
    rows = _BY_OPERATION.get(term.op, ())
    if term.operation is not None and term.operation.primitive.kind == "elementwise":
        rows = [*rows, *_BY_OPERATION.get(EACH, ())]
    for row in rows:
        found = row.pattern(algebra, term)
        if found is not None and found is not term and found.shape == term.shape:
            return found
    return term


# Products ----------------------------------------------------------------------------------


@rule("nested products", "mul")
def _nested_products(algebra: Algebra, term: Term) -> Term | None:
    """x·(y·z) → x·y·z, with the numbers multiplied."""
    flat = [part for arg in term.args for part in (arg.args if arg.op == "mul" else (arg,))]
    numbers = [part for part in flat if part.op == "const"]
    if len(flat) > MOST_OPERANDS:
        return None
    number = 1
    for part in numbers:
        number = number * part.params[0]
    others = [part for part in flat if part.op != "const"]
    if number != 1 or not others:
        others.insert(0, algebra.const(number))
    return algebra.times(*others) if tuple(others) != term.args else None


@rule("powers of one factor", "mul")
def _equal_factors(algebra: Algebra, term: Term) -> Term | None:
    """x·x → x²; x²·x → x³; x·x⁻¹ → 1 for an x that is positive everywhere."""
    powers: dict[tuple[Term, bool], float] = {}
    for factor in term.args:
        base, exponent = power_of(algebra, factor)
        joins = is_positive(base) or (base.op != "const" and not isinstance(exponent, int))
        key = (base, True) if joins and is_positive(base) else (base, exponent > 0)
        powers[key] = powers.get(key, 0) + exponent
    if len(powers) == len(term.args) or any(base.op == "const" for base, _ in list(powers)[1:]):
        return None
    kept = [
        base if base.op == "const" else algebra.power(base, exponent)
        for (base, _), exponent in powers.items() if exponent
    ]  # fmt: skip
    return shaped_like(algebra, algebra.times(1, *kept), term)


def power_of(algebra: Algebra, factor: Term) -> tuple[Term, float]:
    """A factor as base and exponent, also where new axes were put into a power."""
    if factor.op == "pow" and factor.params[0] != ROOT:
        return factor.args[0], factor.params[0]
    if factor.op == "expand" and factor.args[0].op == "pow":
        base, exponent = factor.args[0].args[0], factor.args[0].params[0]
        return algebra.make("expand", base, *factor.params), exponent
    return factor, 1


def _joins(base: Term, first: float, second: float) -> bool:
    if base.op == "const":
        return False
    whole = isinstance(first, int) and isinstance(second, int)
    return (whole and first * second > 0) or is_positive(base)


def is_positive(term: Term) -> bool:
    """Whether every element is above zero, by its form: exp, softmax, σ, 1 − σ, 1 + exp."""
    if term.op == "const":
        return term.params[0] > 0
    if term.op in ("size", "softmax", "sigmoid", "op:exp", "op:cosh"):
        return True
    if term.op == "pow" and term.params[0] == ROOT:
        return True  # at the point; where it is zero the graph's own form is printed
    if term.op in ("mul", "pow", "sum", "expand", "broadcast"):
        return all(is_positive(arg) for arg in term.args)
    if term.op == "add":
        return all(is_positive(arg) for arg in term.args) or _is_complement(term)
    return False


def _is_complement(term: Term) -> bool:
    """Whether a term is 1 − σ(u)."""
    parts = sorted(split_coefficient(arg)[0] for arg in term.args)
    return parts == [-1, 1] and all(
        arg.op == "const" or split_coefficient(arg)[1][0].op == "sigmoid" for arg in term.args
    )


def shaped_like(algebra: Algebra, found: Term, term: Term) -> Term:
    """A term with the shape of another that it replaces: ones are spread where it is smaller."""
    if found.shape == term.shape:
        return found
    return algebra.times(found, algebra.make("broadcast", algebra.const(1), term.shape))


@rule("repetition within a product or a sum", "mul", "add")
def _repetition(algebra: Algebra, term: Term) -> Term | None:
    """x ⊙ (y repeated) → x ⊙ y, where NumPy repeats y by itself."""
    for place, arg in enumerate(term.args):
        scalars, parts = split_scalars(arg)
        if len(parts) != 1 or parts[0].op not in ("broadcast", "expand"):
            continue
        if parts[0].op == "expand" and not leading(parts[0].params[0]):
            continue
        args = list(term.args)
        args[place] = algebra.times(*scalars, parts[0].args[0])
        found = algebra.raw(term.op, *args)
        if found.shape == term.shape:
            return algebra.make(term.op, *args)
    return None


@rule("distribution that cancels", "mul")
def _cancelling(algebra: Algebra, term: Term) -> Term | None:
    """x·(y ⊘ x + z) → y + x·z, for an x that is positive everywhere."""
    for place, factor in enumerate(term.args):
        if factor.op != "add":
            continue
        others = term.args[:place] + term.args[place + 1 :]
        positive = [other for other in others if is_positive(other) and other.op != "const"]
        if any(_cancels(algebra, addend, base) for addend in factor.args for base in positive):
            return algebra.plus(*(algebra.times(*others, addend) for addend in factor.args))
    return None


def _cancels(algebra: Algebra, addend: Term, positive: Term) -> bool:
    """Whether an addend has a factor that is gone when it is multiplied by ``positive``."""
    base, exponent = power_of(algebra, positive)
    for factor in split_coefficient(addend)[1]:
        other, power = power_of(algebra, factor)
        if other is base and power * exponent < 0:
            return True
        if base.op == "op:exp" and power < 0 and _sums(other, base):
            return True
        if base.op == "op:exp" and other.op == "sigmoid":
            return other.args[0] is algebra.times(-1, base.args[0])
    return False


def _sums(total: Term, part: Term) -> bool:
    """Whether a term is the sum of another over some axes, in whatever shape it is kept."""
    while total.op in ("expand", "broadcast"):
        total = total.args[0]
    return total.op == "sum" and total.args[0] is part


@rule("sign of a difference", "mul")
def _sign_of_difference(algebra: Algebra, term: Term) -> Term | None:
    """−A(y − x) → A(x − y)."""
    number, parts = split_coefficient(term)
    if number >= 0 or term.is_scalar:
        return None
    for place, factor in enumerate(parts):
        turned = _turned(algebra, factor)
        if turned is not None:
            return algebra.times(-number, *parts[:place], turned, *parts[place + 1 :])
    return None


def _turned(algebra: Algebra, term: Term) -> Term | None:
    """−x, where x is a difference, or a product or a sum with a difference in it."""
    if term.op == "add":
        signs = [split_coefficient(arg)[0] for arg in term.args]
        if min(signs) < 0 and all(arg.op != "const" for arg in term.args):
            return algebra.plus(*(algebra.times(-1, arg) for arg in term.args))
        return None
    if term.is_scalar or term.op not in TURNED:
        return None
    for place, arg in enumerate(term.args):
        turned = None if (term.op, place) == ("solve", 0) else _turned(algebra, arg)
        if turned is not None:
            return algebra.again(term, [*term.args[:place], turned, *term.args[place + 1 :]])
    return None


@rule("order of a product", "mul")
def _order_of_product(algebra: Algebra, term: Term) -> Term | None:
    """y·x → x·y, in the order of the program, so that equal products are one."""
    args = sorted(term.args, key=lambda arg: (arg.op != "const", arg.number))
    return algebra.make("mul", *args) if tuple(args) != term.args else None


# Powers ------------------------------------------------------------------------------------


@rule("power of a number", "pow")
def _power_of_number(algebra: Algebra, term: Term) -> Term | None:
    """cⁿ is computed; x¹ → x."""
    (base,), (exponent,) = term.args, term.params
    if exponent == 1:
        return base
    if base.op == "const" and base.params[0] and isinstance(exponent, int) and abs(exponent) <= 2:
        return algebra.const(base.params[0] ** exponent)
    return None


@rule("power of a power", "pow")
def _power_of_power(algebra: Algebra, term: Term) -> Term | None:
    """(xᵐ)ⁿ → xᵐⁿ for whole m and n; (√x)² → x."""
    (base,), (exponent,) = term.args, term.params
    if base.op != "pow":
        return None
    inner = base.params[0]
    if isinstance(inner, int) and isinstance(exponent, int):
        return algebra.power(base.args[0], inner * exponent)
    if inner == ROOT and exponent % 2 == 0:
        return algebra.power(base.args[0], int(exponent) // 2)
    return None


@rule("power of a product", "pow")
def _power_of_product(algebra: Algebra, term: Term) -> Term | None:
    """(x·y)ⁿ → xⁿ·yⁿ for whole n."""
    (base,), (exponent,) = term.args, term.params
    if not isinstance(exponent, int):
        return None
    if base.op == "mul":
        return algebra.times(*(algebra.power(arg, exponent) for arg in base.args))
    return None
