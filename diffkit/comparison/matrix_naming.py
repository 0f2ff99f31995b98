"""Names for the parts of a formula that come back: h = tanh(XW₁ + b₁), δ₂ = softmax(…) − Y.

A part that is used more than once, and is not short, gets a line of its own.  It is called what
the user called it; the cotangent of a layer is called δ, numbered as the layers are; anything else
gets a letter, a capital one for a matrix.  A formula that is longer than a line can hold is broken
in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from diffkit.comparison.matrix_reading import Reader
from diffkit.comparison.matrix_terms import Algebra, Term, split_coefficient
from diffkit.graph.sources import assigned_name

__all__ = ["Names", "named_parts"]

LONG = 6
"""Least weight (letters and operations) of a part that gradients share and that gets a name."""
LONGER = 9
"""The same for a part that the value shares with one gradient."""
BREAK = 22
"""A formula of more weight is broken; of more than this half, at a name of the user's."""
NEVER = ("T", "expand", "reshape", "broadcast", "const", "true", "false")
COSTLY = ("solve", "op:svd", "op:eigh", "op:qr", "op:cholesky", "op:expm", "op:scan", "op:pinv")
CAPITALS, SMALL = "PQRSTUVGHKMZ", "pqrstuvghkmz"
PASSES = 3


@dataclass
class Names:
    """The parts with names, in the order in which they are computed."""

    texts: dict[Term, str] = field(default_factory=dict)

    @property
    def parts(self) -> list[Term]:
        """The named parts; each needs only those before it."""
        return list(self.texts)


def ordered(outputs: Iterable[Term]) -> list[Term]:
    """Every term that outputs are made of, operands first."""
    found: dict[Term, None] = {}
    stack = [(term, False) for term in reversed(list(outputs))]
    while stack:
        term, done = stack.pop()
        if term in found:
            continue
        if done or not term.args:
            found[term] = None
        else:
            stack.append((term, True))
            stack += [(arg, False) for arg in reversed(term.args)]
    return list(found)


def named_parts(
    values: Sequence[Term], gradients: Sequence[Term], reader: Reader, taken: Iterable[str]
) -> Names:
    """Which parts of the formulas get a name, and what they are called."""
    outputs = [*values, *gradients]
    terms = ordered(outputs)
    users = _names_of_users(reader)
    chosen = {t for t in terms if not t.is_leaf and t.op not in NEVER}
    for _ in range(PASSES):
        used = _uses(terms, outputs, chosen)
        shared = _uses(terms, gradients, chosen)
        chosen = _chosen(terms, outputs, used, shared, set(users))
    return _called([t for t in terms if t in chosen], reader, users, set(taken))


def _uses(terms: list[Term], outputs: Sequence[Term], named: set[Term]) -> dict[Term, int]:
    """How often each term is written down."""
    counts = dict.fromkeys(terms, 0)
    for output in outputs:
        counts[output] += 1
    for term in reversed(terms):
        for arg in term.args:
            counts[arg] += min(counts[term], 1) if term in named else counts[term]
    return counts


def _chosen(
    terms: list[Term],
    outputs: Sequence[Term],
    used: dict[Term, int],
    shared: dict[Term, int],
    users: set[Term],
) -> set[Term]:
    """The terms worth a name, from the inside out."""
    chosen: set[Term] = set()
    weights: dict[Term, int] = {}
    for term in terms:
        weight = _weight(term, weights, chosen)
        weights[term] = weight
        if term.is_leaf or term.op in NEVER or _is_scaled(term):
            continue
        again = used[term] > 1 and (weight >= LONGER or (shared[term] > 1 and weight >= LONG))
        costly = used[term] > 1 and term.op in COSTLY
        broken = weight > BREAK or (weight > BREAK // 2 and term in users)
        if again or costly or (broken and term not in outputs):
            chosen.add(term)
    return chosen


def _is_scaled(term: Term) -> bool:
    """Whether a term is another one times numbers."""
    return term.op == "mul" and sum(not arg.is_scalar for arg in term.args) == 1


def _weight(term: Term, weights: dict[Term, int], named: set[Term]) -> int:
    if term.is_leaf:
        return int(term.op != "const")
    inside = sum(1 if arg in named else weights[arg] for arg in term.args)
    if term.op == "mul" and len(split_coefficient(term)[1]) == 1:
        return inside
    return inside + (term.op not in ("T", "expand", "reshape"))


def _core(algebra: Algebra, term: Term) -> Term:
    """A term without factors that are numbers, and without axes of size 1."""
    while True:
        if term.op in ("expand", "reshape"):
            term = term.args[0]
        elif term.op == "mul" and any(arg.is_scalar for arg in term.args) and term.shape:
            term = algebra.times(*(arg for arg in term.args if not arg.is_scalar))
        else:
            return term


def _names_of_users(reader: Reader) -> dict[Term, str]:
    """What the user called the terms that have a name in the source."""
    found: dict[Term, str] = {}
    for node in reader.graph.equation_nodes():
        name = assigned_name(reader.graph.columns.sources[node])
        if name is not None:
            found.setdefault(_core(reader.algebra, reader.terms[node]), name)
    return found


def _cotangents(reader: Reader) -> dict[Term, int]:
    """The terms that are cotangents, with the node of the variable whose cotangent they are."""
    found: dict[Term, int] = {}
    for node, (primal, kind) in sorted(reader.graph.relations.items()):
        if kind == "bar":
            core = _core(reader.algebra, reader.terms[node])
            found[core] = min(found.get(core, primal), primal)
    return found


def _called(parts: list[Term], reader: Reader, users: dict[Term, str], taken: set[str]) -> Names:
    names = Names()
    bars = _cotangents(reader)
    layers = sorted(
        {term for term in parts if term not in users and term in bars}, key=lambda t: bars[t]
    )
    for term in parts:
        if term in users:
            wanted = users[term]
        elif term in layers:
            number = layers.index(term) + 1
            wanted = f"delta{number}" if len(layers) > 1 else "delta"
        else:
            letters = CAPITALS if term.ndim > 1 else SMALL
            wanted = next((x for x in letters if x not in taken), "t")
        count, name = 0, wanted
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        taken.add(name)
        names.texts[term] = name
    return names
