"""Lost digits: which line costs how many, of the value and of the gradient, and whose fault it is.

The error analysis of ``conditioning.py`` predicts an error for every result.  It is the formula's
where it is much more than what a rounding of the inputs does, else the problem's: sin x near π
loses digits of x, whoever writes it.  A prediction is checked against the truth at the point and
beside it, and one that is not borne out (exact numbers) is dropped.

Reading on: Higham 2002, *Accuracy and stability of numerical algorithms*, sections 1.6 to 1.14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diffkit.comparison.conditioning import Loss, digits_of
from diffkit.comparison.diagnose_finding import Finding, found_at
from diffkit.comparison.diagnose_point import TRUTH_DIGITS, Point, digits_right
from diffkit.comparison.rounding_model import OF_MATRICES
from diffkit.graph.sources import note_of

__all__ = ["Losses", "losses_of"]

TOLD = 3.0  # digits from which a loss is told
FORMULAS = 30.0  # times the problem's own error, from which it is the formula's
SUSPECT = 30.0  # rounding units from which the truth is asked
SMALL_ENTRY = 1e-12  # of the largest entry: smaller ones are judged as if they were so large
MOST_ENTRIES_TOLD = 3
MOST_EXACT_FLOPS = 20_000  # of a gradient whose condition is found over mpmath
BORNE_OUT = 0.4  # of the predicted digits that must really be lost
SATURATING = ("tanh", "logistic", "erf", "softmax", "erfc", "arctan")
NEIGHBOURS = (0, 1, -2, 5, -9)  # ulps beside the point, for what is really lost


@dataclass(frozen=True)
class Losses:
    """The findings, and the predicted errors of value and gradient in rounding units."""

    findings: list[Finding]
    value: float
    gradient: float


def losses_of(point: Point) -> Losses:
    """The lines that cost digits; each with its digits, and whose the loss is."""
    found = _analysed(point)
    of_value = found[0]
    of_gradient = max(found[1:], key=lambda loss: loss.formula, default=of_value)
    findings: dict[tuple[str, str], Finding] = {}
    for loss in _worth_telling(point, found):
        if _is_borne_out(point, loss):
            for finding in _told(point, loss):
                _merge(findings, finding)
    if not findings:
        findings |= _ill_conditioned(point, of_value)
    gradient = of_gradient.formula if found[1:] else 0.0
    exact = of_value.size == 0.0 == point.errors.value  # 0 is 0, without a relative error
    return Losses(list(findings.values()), 0.0 if exact else of_value.formula, gradient)


def _analysed(point: Point) -> list[Loss]:
    """The losses relative to the computed results, or to the true ones where that is suspect."""
    errors = point.errors
    found = list(errors.losses(entries=_held(errors.entries)))
    if all(loss.formula < SUSPECT for loss in found) or point.truth is None:
        return found
    truth = point.truth
    value = float(truth.value) if truth.known else errors.value
    entries = np.where(np.isfinite(truth.numbers), truth.numbers, errors.entries)
    return list(errors.losses(value, _held(entries)))


def _held(entries: np.ndarray) -> np.ndarray:
    """Entries that are nothing beside the largest count as that small part of it."""
    sizes = np.where(np.isfinite(entries), np.abs(entries), 0.0)
    return np.maximum(sizes, SMALL_ENTRY * float(np.max(sizes, initial=0.0)))


def _worth_telling(point: Point, found: Sequence[Loss]) -> list[Loss]:
    """The loss of the value, and the largest of the gradient, as far as a formula is to blame."""
    told = [loss for loss in found if digits_of(loss.formula) >= TOLD]
    of_value = [loss for loss in told if loss.what == "value"]
    of_gradient = [loss for loss in told if loss.what == "gradient"]
    largest = sorted(of_gradient, key=lambda loss: -loss.formula)[:MOST_ENTRIES_TOLD]
    exact = [point.errors.with_exact_problem(loss, TRUTH_DIGITS) if _is_small(point) else loss
             for loss in of_value + largest]  # fmt: skip
    return [loss for loss in exact if loss.formula > FORMULAS * loss.problem]


def _is_small(point: Point) -> bool:
    return point.graph.flops() < MOST_EXACT_FLOPS


def _is_borne_out(point: Point, loss: Loss) -> bool:
    """Whether digits are really missing, here or a few ulps beside."""
    if point.truth is None:
        return True
    fewest = 16.0
    for ulps in NEIGHBOURS:
        leaves = point.beside(ulps)
        truth = point.truth if ulps == 0 else point.truth_at(leaves)
        if truth is None or not truth.known:
            return True
        value, entries = point.results_of(point.value_graph, leaves)
        if 0 <= loss.entry < len(truth.entries):
            truth = replace(truth, entries=[truth.entries[loss.entry]])
            entries = entries[loss.entry : loss.entry + 1]
        of_value, of_gradient = digits_right(value, entries, truth, point.errors.itemsize)
        fewest = min(fewest, of_value if loss.what == "value" else of_gradient)
        predicted = digits_of(loss.formula, point.errors.itemsize)
        if digits_of(np.inf, point.errors.itemsize) - fewest >= BORNE_OUT * predicted:
            return True
    return False


def _told(point: Point, loss: Loss) -> list[Finding]:
    errors = point.errors
    most = digits_of(np.inf, errors.itemsize)
    findings = []
    for node, (share, source) in errors.culprits(loss).items():
        lost = digits_of(share, errors.itemsize)
        if lost < TOLD:
            continue
        what = "the value" if loss.what == "value" else _entry(point, loss.entry)
        own = digits_of(loss.problem, errors.itemsize)
        told = (
            f"{_operation(point, node, source)} costs {lost:.1f} of {most:.0f} digits of {what}; "
            f"{'the problem itself none' if own < 0.5 else f'the problem itself {own:.1f}'}"
        )
        severity = "wrong" if lost > most / 2 else "careful"
        kind = _kind(point, node, source)
        findings.append(
            found_at(point, node, kind, severity, told, digits_lost=lost, fault="formula")
        )
    return findings


def _entry(point: Point, entry: int) -> str:
    return f"∂/∂{point.entry_name(entry)}" if entry >= 0 else "the gradient"


def _kind(point: Point, node: int, source: int) -> str:
    made = np.abs(np.asarray(point.state[source], dtype=float))
    limits = np.finfo(point.columns.avals[source].dtype)
    tiny = made.size and float(np.min(made)) < float(limits.tiny)
    if tiny and point.operation(source) not in ("add", "sub", "sum"):
        return "underflow"
    if point.operation(node) in OF_MATRICES:
        return "ill-conditioned"
    notes = (note_of(point.columns.sources[n]) for n in (node, source))
    if any(note.endswith(name) for note in notes for name in SATURATING):
        return "saturation"
    return "cancellation"


def _operation(point: Point, node: int, source: int) -> str:
    """The operation and what it lets count: ``sub after the rounding of cos``."""
    note = note_of(point.columns.sources[node])
    where = f" in the reverse sweep ({note})" if note.startswith("vjp") else ""
    rounded = point.operation(source)
    after = f" after the rounding of {rounded}" if point.operation(node) != rounded else ""
    return f"{point.operation(node)}{where}{after}"


def _merge(findings: dict[tuple[str, str], Finding], new: Finding) -> None:
    """One finding for each line and kind: the larger loss tells, the other is mentioned."""
    key = (new.line, new.kind)
    old = findings.get(key)
    if old is None:
        findings[key] = new
        return
    first, second = (new, old) if new.digits_lost > old.digits_lost + 0.5 else (old, new)
    also = second.message.split(" costs ")[-1].split(";")[0]
    message, result = first.message, also.partition(" digits of ")[2]
    if result not in message and message.count(", and ") == 0:
        message = message.replace(";", f", and {also};", 1)
    findings[key] = replace(first, message=message)


def _ill_conditioned(point: Point, loss: Loss) -> dict[tuple[str, str], Finding]:
    """A problem that no formula can better; it is told where it costs the value digits, too."""
    size = point.errors.itemsize
    lost, own = digits_of(loss.formula, size), digits_of(loss.problem, size)
    told = f"a rounding of the arguments alone costs {own:.1f} digits of the value, in any formula"
    if lost >= TOLD and _is_borne_out(point, loss):
        node = next(iter(point.errors.culprits(loss)), point.errors.out)
        told += f"; this one loses {lost:.1f}"
        severity = "wrong" if lost > digits_of(np.inf, size) / 2 else "careful"
        return {("", "ill"): found_at(point, node, "ill-conditioned", severity, told,
                                      digits_lost=lost, fault="problem")}  # fmt: skip
    if not point.errors.unit**-0.5 < loss.problem < np.inf:  # half of the digits
        return {}
    told += ": they are taken as exact"
    return {("", "ill"): Finding("ill-conditioned", "note", "", "", told, own, fault="problem")}
