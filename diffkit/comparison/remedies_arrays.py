"""Remedies that look at shapes: sums over axes, normalisation, and guarded arguments.

    log Σ eˣ → logsumexp x,   log softmax x → x − logsumexp x,   E x² − (E x)² → E (x − E x)²,
    √Σx² → m √Σ(x/m)²,        [c]·f(x) → where(c, f(where(c, x, 1)), 0).

The last one is the *double where*: the inner selection keeps the function inside its domain, the
outer one keeps its result out where it does not count.  (diffkit's own derivative of ``where``
needs the outer one only; NumPy's warnings and other libraries need both.)

Reading on: ``remedies.py`` for the elementwise ones; Chan, Golub & LeVeque 1983 on variances;
Blue 1978, *A portable Fortran program to find the Euclidean norm of a vector*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.comparison.remedy_patterns import Change, Place
from diffkit.primitives.reductions import logsumexp, softmax

__all__ = ["ARRAY_REMEDIES", "MASKED_PRODUCT"]

Rule = Callable[[Place], "Change | None"]
ALIGNING = ("reshape", "spread")
# Operations that an argument of 1 keeps inside their domain.
GUARDED = frozenset({"log", "log2", "log10", "sqrt", "power", "div", "arccosh", "cbrt"})


def _node(traced: Any) -> int:
    """The node of what NumPy's functions gave back, a traced array."""
    return traced.node


class _View:
    """An arena as the rules read it."""

    def __init__(self, place: Place) -> None:
        self.place, self.arena = place, place.arena

    def name(self, node: int) -> str:
        return self.arena.operations[node].name

    def operands(self, node: int) -> tuple[int, ...]:
        return self.arena.operands[node]

    def params(self, node: int) -> dict[str, Any]:
        return self.arena.operations[node].kwargs

    def shape(self, node: int) -> tuple[int, ...]:
        return self.arena.avals[node].shape

    def through(self, node: int) -> tuple[int, set[int]]:
        """The node behind reshapes and repeats, and those."""
        passed = set()
        while self.name(node) in ALIGNING:
            passed.add(node)
            node = self.operands(node)[0]
        return node, passed

    def reduced(self, node: int, name: str) -> tuple[int, tuple[int, ...], set[int]] | None:
        """The operand and the axes of a reduction behind reshapes, and the nodes on the way."""
        found, passed = self.through(node)
        if self.name(found) != name:
            return None
        return self.operands(found)[0], tuple(self.params(found)["axes"]), passed | {found}

    def mean(self, node: int) -> tuple[int, tuple[int, ...], set[int]] | None:
        """The same for a sum that is divided by its length."""
        found, passed = self.through(node)
        if self.name(found) != "div":
            return None
        total, count = self.operands(found)
        reduced = self.reduced(total, "sum")
        length = self.arena.values.get(count)
        if reduced is None or length is None or np.ndim(length):
            return None
        x, axes, inner = reduced
        whole = np.prod([self.shape(x)[axis] for axis in axes])
        return (x, axes, inner | passed | {found}) if float(length) == whole else None


def _axis(axes: tuple[int, ...], ndim: int, keep: bool = True) -> str:
    if len(axes) == ndim:
        return ""
    inside = f", axis={axes[0] if len(axes) == 1 else axes}"
    return inside + (", keepdims=True" if keep else "")


def _exponentials(view: _View, node: int) -> tuple[int, tuple[int, ...], set[int], int] | None:
    """x, the axes and the covered nodes of eˣ / Σ eˣ (or of the softmax itself)."""
    if view.name(node) == "softmax":
        return view.operands(node)[0], tuple(view.params(node)["axes"]), {node}, node
    if view.name(node) != "div":
        return None
    top, total = view.operands(node)
    reduced = view.reduced(total, "sum")
    if reduced is None or view.name(top) != "exp" or reduced[0] != top:
        return None
    x, axes = view.operands(top)[0], reduced[1]
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(view.shape(x)))
    aligned = view.shape(total) in (kept, view.shape(x)) or len(axes) == len(kept)
    return (x, axes, {node, top, *reduced[2]}, node) if aligned else None


def _log_sum_exp(place: Place) -> Change | None:
    view = _View(place)
    if view.name(place.node) != "log":
        return None
    inner = view.operands(place.node)[0]
    reduced = view.reduced(inner, "sum")
    if reduced is None or view.name(reduced[0]) != "exp":
        return None
    top, axes, passed = reduced
    x = place.tracer(view.operands(top)[0])
    node = _node(np.reshape(logsumexp(x, axes=axes), view.shape(place.node)))
    text = f"dk.scipy.special.logsumexp({place.text(x.node)}{_axis(axes, x.ndim, False)})"
    return Change(node, text, frozenset({place.node, top, *passed}))


def _soft_max(place: Place) -> Change | None:
    found = _exponentials(_View(place), place.node)
    if found is None or found[2] == {place.node}:
        return None
    x, axes, covered, _ = found
    node = softmax(place.tracer(x), axes=axes).node
    ndim = len(_View(place).shape(x))
    text = f"dk.scipy.special.softmax({place.text(x)}{_axis(axes, ndim, False)})"
    return Change(node, text, frozenset(covered))


def _log_soft_max(place: Place) -> Change | None:
    """log softmax x = x − logsumexp x, also of chosen elements: log softmax(x)[i]."""
    view = _View(place)
    if view.name(place.node) != "log":
        return None
    inner = view.operands(place.node)[0]
    picked = inner if view.name(inner) == "getitem" else None
    found = _exponentials(view, view.operands(inner)[0] if picked is not None else inner)
    if found is None:
        return None
    x, axes, covered, _ = found
    z = place.tracer(x)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(z.shape))
    logs = z - np.reshape(logsumexp(z, axes=axes), kept)
    node = _node(logs)
    text = f"dk.scipy.special.log_softmax({place.text(x)}{_axis(axes, z.ndim, False)})"
    if picked is not None:
        operation = place.arena.operations[picked]
        operands = (node, *view.operands(picked)[1:])
        node = place.arena.emit(operation, operands, place.arena.source)
        covered, text = covered | {picked}, f"{text}[…]"
    return Change(node, text, frozenset({place.node, *covered}))


def _variance(place: Place) -> Change | None:
    """E x² − (E x)² in one pass becomes two passes."""
    view = _View(place)
    if view.name(place.node) != "sub":
        return None
    squares, square = view.operands(place.node)
    first = view.mean(squares)
    root = _squared(view, square)
    second = view.mean(root) if root is not None else None
    if first is None or second is None or _squared(view, first[0]) != second[0]:
        return None
    x, axes, _ = second
    if axes != first[1]:
        return None
    z = place.tracer(x)
    centred = z - np.mean(z, axis=axes, keepdims=True)
    node = _node(np.reshape(np.mean(centred**2, axis=axes), view.shape(place.node)))
    text = f"np.var({place.text(x)}{_axis(axes, z.ndim, False)})"
    return Change(node, text, frozenset({place.node, square, first[0], *first[2], *second[2]}))


def _squared(view: _View, node: int) -> int | None:
    operands = view.operands(node)
    if view.name(node) == "integer_power" and view.params(node)["n"] == 2:
        return operands[0]
    return operands[0] if view.name(node) == "mul" and operands[0] == operands[1] else None


def _scaled_norm(place: Place) -> Change | None:
    """The length of a vector, divided by its largest element before it is squared."""
    view = _View(place)
    if view.name(place.node) != "sqrt":
        return None
    reduced = view.reduced(view.operands(place.node)[0], "sum")
    x = _squared(view, reduced[0]) if reduced is not None else None
    if reduced is None or x is None:
        return None
    axes, z = reduced[1], place.tracer(x)
    largest = np.max(np.abs(z), axis=axes, keepdims=True)
    length = largest * np.sqrt(np.sum((z / largest) ** 2, axis=axes, keepdims=True))
    node = _node(np.reshape(length, view.shape(place.node)))
    name = place.text(x)
    m = f"np.max(np.abs({name}){_axis(axes, z.ndim)})"
    text = f"m * np.sqrt(np.sum(({name} / m)**2{_axis(axes, z.ndim)})) with m = {m}"
    return Change(node, text, frozenset({place.node, reduced[0], *reduced[2]}))


def _log_of_product(place: Place) -> Change | None:
    view = _View(place)
    if view.name(place.node) != "log":
        return None
    reduced = view.reduced(view.operands(place.node)[0], "prod")
    if reduced is None:
        return None
    x, axes, passed = reduced
    z = place.tracer(x)
    node = _node(np.reshape(np.sum(np.log(z), axis=axes), view.shape(place.node)))
    text = f"np.sum(np.log({place.text(x)}){_axis(axes, z.ndim, False)})"
    return Change(node, text, frozenset({place.node, *passed}))


def _masked_product(place: Place) -> Change | None:
    """A condition as a factor: 0·∞ is NaN, a selection is not."""
    view = _View(place)
    if view.name(place.node) != "mul":
        return None
    for condition, factor in (view.operands(place.node), view.operands(place.node)[::-1]):
        if view.name(condition) != "cast":
            continue
        chosen = view.operands(condition)[0]
        if place.arena.avals[chosen].dtype.kind == "b":
            node, text = _guarded(place, view, place.tracer(chosen), factor)
            return Change(node, text, frozenset({place.node, condition, factor}))
    return None


def _guarded(place: Place, view: _View, chosen: Any, node: int) -> tuple[int, str]:
    """where(c, f(where(c, x, 1)), 0), with the inner selection where f has a domain."""
    c, f = place.text(chosen.node), place.text(node, whole=True)
    guarded = node
    if view.name(node) in GUARDED:
        *others, last = view.operands(node)
        inside = [*others, last] if view.name(node) != "power" else [last, *others][::-1]
        at = len(inside) - 1 if view.name(node) == "div" else 0
        inner = np.where(chosen, place.tracer(inside[at]), 1.0)
        inner_text = place.text(inside[at])
        inside[at] = _node(inner)
        guarded = place.arena.emit(place.arena.operations[node], tuple(inside), place.arena.source)
        alone = rf"(?<![\w.]){re.escape(inner_text)}(?![\w(.])"
        f = re.sub(alone, lambda _: f"np.where({c}, {inner_text}, 1)", f)
    out = np.where(chosen, place.tracer(guarded), 0.0)
    return _node(out), f"np.where({c}, {f}, 0)"


def _guarded_root(place: Place) -> Change | None:
    """√s with slope 0 where s is 0: the length of a vector at the origin."""
    view = _View(place)
    if view.name(place.node) != "sqrt":
        return None
    s: Any = place.tracer(view.operands(place.node)[0])
    node, text = _guarded(place, view, s > 0.0, place.node)
    return Change(node, text, frozenset({place.node}))


def _guarded_quotient(place: Place) -> Change | None:
    view = _View(place)
    if view.name(place.node) != "div":
        return None
    divisor = place.tracer(view.operands(place.node)[1])
    if divisor.node in place.arena.values:
        return None
    node, text = _guarded(place, view, divisor != 0.0, place.node)
    return Change(node, text, frozenset({place.node}))


MASKED_PRODUCT: tuple[str, Rule] = ("guarded argument", _masked_product)
ARRAY_REMEDIES: tuple[tuple[str, Rule], ...] = (
    ("log-sum-exp", _log_sum_exp),
    ("log-softmax", _log_soft_max),
    ("softmax", _soft_max),
    ("two-pass variance", _variance),
    ("scaled norm", _scaled_norm),
    ("sum of logarithms", _log_of_product),
    MASKED_PRODUCT,
    ("guarded argument", _guarded_root),
    ("guarded argument", _guarded_quotient),
)
