"""The rows of an explanation: each step of each sweep, with its formula and its arithmetic.

A row of the primal sweep computes one variable.  A row of the tangent sweep computes its tangent.
A row of the adjoint sweep adds to one adjoint what one equation sends back, so that an input that
is used twice has two rows, and the second shows the sum: the form of tables 2 and 3 in Baydin et
al. 2018, *Automatic differentiation in machine learning: a survey*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.comparison.explain_rules import Rule, rule_of
from diffkit.comparison.explain_sweeps import Amount, Sweeps, multiplied_out
from diffkit.comparison.explain_text import (
    BAR,
    DOT,
    Summary,
    filled,
    first_entry,
    moving_name,
    number_text,
    sum_text,
    summary_of,
)
from diffkit.comparison.explain_words import ATOM, constant_or_name, formula_of, phrase_of
from diffkit.graph.ir import INPUT, LITERAL
from diffkit.graph.primitive import Elementwise
from diffkit.graph.sources import line_of, text_of

__all__ = ["Row", "adjoint_rows", "primal_rows", "tangent_rows"]


@dataclass(frozen=True)
class Row:
    """One step of a sweep: what is computed, how, with which numbers, and from which line.

    ``node`` is the variable the row is about, ``via`` the equation that sends back (adjoint rows),
    ``amount`` what it sends; ``value`` is the result, the total so far in adjoint rows.
    """

    step: int
    node: int
    name: str
    formula: str
    arithmetic: str
    value: Any
    line: str
    text: str
    note: str = ""
    via: int | None = None
    place: int | None = None
    amount: Any = None

    @property
    def summary(self) -> Summary | None:
        """The result in one line, if it is an array."""
        return summary_of(self.value) if np.ndim(self.value) else None

    @property
    def left(self) -> str:
        """The assignment: ``v2 = x1 · x2``."""
        return f"{self.name} = {self.formula}" if self.formula else self.name

    @property
    def right(self) -> str:
        """The numbers: the arithmetic of a number with its result, or the summary of an array."""
        if self.summary is None:
            return self.arithmetic or f"= {number_text(self.value)}"
        return str(self.summary)

    def __str__(self) -> str:
        entry = f"  {self.arithmetic}" if self.summary is not None else ""
        return f"{self.left}   {self.right}{entry}".rstrip()


Words = dict[str, str]
SELECTED = "selected: 0·∞ is not formed"


class Writer:
    """Writes rows of one graph at one point."""

    def __init__(self, sweeps: Sweeps) -> None:
        self.sweeps, self.graph = sweeps, sweeps.graph
        self.names = self.graph.names
        self.guards: dict[int, Any] = {guard.node: guard.outcome for guard in self.graph.guards}
        self.rules: dict[int, Rule] = {}

    def rule(self, node: int) -> Rule:
        """The rule of an equation, made once."""
        if node not in self.rules:
            operands = self.graph.columns.operands[node]
            moves = [operand in self.sweeps.moves for operand in operands]
            self.rules[node] = rule_of(self.graph, node, moves)
        return self.rules[node]

    def row(self, step: int, node: int, accent: str, value: Any, **given: Any) -> Row:
        """A row with the name, and the line of the equation that it comes from."""
        name = moving_name(self.names[node], accent) if accent else self.names[node]
        via = given.get("via")
        source = self.graph.columns.sources[node if via is None else via]
        fields: dict[str, Any] = {"formula": "", "arithmetic": "", **given}
        return Row(step, node, name, value=value, line=line_of(source), text=text_of(source),
                   **fields)  # fmt: skip

    def words(self, node: int) -> Words:
        """The places of a rule as names."""
        operands = self.graph.columns.operands[node]
        found = {str(k): constant_or_name(self.graph, n) for k, n in enumerate(operands)}
        for k, operand in enumerate(operands):
            if operand in self.names:
                found[f"d{k}"] = moving_name(self.names[operand], DOT)
        name = self.names[node]
        return found | {"y": name, "b": moving_name(name, BAR)}

    def numbers(self, node: int) -> Words:
        """The places of a rule as numbers, those of the first entries of arrays."""
        sweeps, operands = self.sweeps, self.graph.columns.operands[node]
        found = {str(k): _entry(sweeps.values[n]) for k, n in enumerate(operands)}
        found |= {f"d{k}": _entry(sweeps.tangent(n)) for k, n in enumerate(operands)}
        return found | {"y": _entry(sweeps.values[node]), "b": _entry(sweeps.adjoint(node))}


def _entry(value: Any) -> str:
    return number_text(first_entry(value)) if np.size(value) else "0"


def _at_first(value: Any, text: str) -> str:
    """Arithmetic of the first entry, marked as such for arrays, with its result."""
    if not np.size(value):
        return ""
    place = f"[{','.join('0' * np.ndim(value))}]: " if np.ndim(value) else ""
    result = _entry(value)
    return "" if text == result else f"{place}{text} = {result}"


def primal_rows(writer: Writer) -> list[Row]:
    """The values, from the inputs down."""
    graph, values = writer.graph, writer.sweeps.values
    rows = [writer.row(step, node, "", values[node], note="input")
            for step, node in enumerate(graph.input_nodes)]  # fmt: skip
    for step, node in enumerate(graph.equation_nodes(), start=len(rows)):
        note = _note(writer, node)
        rows.append(
            writer.row(step, node, "", values[node], formula=formula_of(graph, node),
                       arithmetic=_primal_arithmetic(writer, node), note=note)
        )  # fmt: skip
    return rows


def _note(writer: Writer, node: int) -> str:
    """What a reader should know besides: the branch that was taken, the length of a loop."""
    notes = []
    if node in writer.guards:
        notes.append(f"branch taken: {writer.guards[node]}")
    operation = writer.graph.columns.operations[node]
    if operation.name == "scan":
        notes.append("loop, its results in one vector")
    if node in writer.graph.output_nodes:
        notes.append("output")
    return ", ".join(notes)


def _primal_arithmetic(writer: Writer, node: int) -> str:
    graph, value = writer.graph, writer.sweeps.values[node]
    operation, operands = graph.columns.operations[node], graph.columns.operands[node]
    if operation.name in _UNCHANGED:
        return ""
    if isinstance(operation.primitive, Elementwise):
        places = [(f"⟨{k}⟩", ATOM) for k in range(len(operands))]
        return _at_first(value, filled(phrase_of(operation, places)[0], writer.numbers(node)))
    writes = _ARITHMETIC.get(operation.name)
    inputs = [np.asarray(writer.sweeps.values[operand]) for operand in operands]
    if writes is None or not np.size(value) or not all(x.size for x in inputs):
        return ""
    text = writes(np.asarray(value), *inputs)
    return _at_first(value, text) if text else ""


def _sum_arithmetic(value: np.ndarray, x: np.ndarray) -> str:
    return sum_text(x.reshape(-1), number_text) if value.size == 1 else ""


def _extreme_arithmetic(value: np.ndarray, x: np.ndarray) -> str:
    if value.size != 1:
        return ""
    return f"of {sum_text(x.reshape(-1), number_text).replace(' +', ',')}"


def _dot_arithmetic(value: np.ndarray, a: np.ndarray, b: np.ndarray) -> str:
    """The first entry of a product of matrices: the first row times the first column."""
    row = a.reshape(-1, a.shape[-1])[0]
    column = b.reshape(-1, *b.shape[-2:])[0, :, 0]

    def term(pair: tuple[Any, Any]) -> str:
        return filled("⟨a⟩·⟨b⟩", {"a": number_text(pair[0]), "b": number_text(pair[1])})

    return sum_text(list(zip(row, column, strict=True)), term, most=3)


_UNCHANGED = ("probe", "alias")
_ARITHMETIC: dict[str, Callable[..., str]] = {
    "sum": _sum_arithmetic, "matmul": _dot_arithmetic,
    "max": _extreme_arithmetic, "min": _extreme_arithmetic,
}  # fmt: skip


# The tangents ----------------------------------------------------------------------------------


def tangent_rows(writer: Writer, seeds: Mapping[int, Any]) -> list[Row]:
    """The tangents of everything that moves, from the inputs down."""
    graph, sweeps = writer.graph, writer.sweeps
    rows: list[Row] = []
    for node in [*graph.input_nodes, *graph.equation_nodes()]:
        if node not in sweeps.moves:
            continue
        tangent = sweeps.tangent(node)
        if graph.columns.operations[node] is INPUT:
            note = "seed" if np.any(seeds.get(node, 0)) else "does not move"
            rows.append(writer.row(len(rows), node, DOT, tangent, note=note))
            continue
        rule = writer.rule(node)
        rows.append(
            writer.row(len(rows), node, DOT, tangent,
                       formula=_joined(filled(rule.tangent, writer.words(node))),
                       arithmetic=_tangent_arithmetic(writer, node, rule, tangent))
        )  # fmt: skip
    return rows


def _joined(text: str) -> str:
    return text.replace("+ −", "− ").replace("− −", "+ ")


def _tangent_arithmetic(writer: Writer, node: int, rule: Rule, tangent: Any) -> str:
    if rule.plain:
        if _selected(writer, node, None, tangent):
            return ""
        return _at_first(tangent, filled(rule.tangent, writer.numbers(node)))
    operation = writer.graph.columns.operations[node]
    operands = writer.graph.columns.operands[node]
    if operation.name == "sum" and np.size(tangent):
        text = _sum_arithmetic(np.asarray(tangent), np.asarray(writer.sweeps.tangent(operands[0])))
        return _at_first(tangent, text) if text else ""
    moving = [n for n in operands if n in writer.sweeps.moves]
    local = _local(writer, node, writer.sweeps.tangent(moving[0]), tangent)
    return _at_first(tangent, local) if local and len(moving) == 1 else ""


def _selected(writer: Writer, node: int, place: int | None, found: Any) -> bool:
    """Whether a zero was selected where its arithmetic, 0·∞, would have given NaN.

    ``place`` is the operand that something flows back to, None for the tangent.
    """
    sweeps, operands = writer.sweeps, writer.graph.columns.operands[node]
    factors = [sweeps.adjoint(node)] if place is not None else [*map(sweeps.tangent, operands)]
    if not np.size(found) or np.isnan(first_entry(found)):
        return False
    if not any(np.size(factor) and first_entry(factor) == 0 for factor in factors):
        return False
    return bool(np.isnan(first_entry(multiplied_out(sweeps, node, place))))


def _local(writer: Writer, node: int, factor: Any, product: Any) -> str:
    """``moving·partial`` with the partial derivative as a number, for the first entry."""
    elementwise = isinstance(writer.graph.columns.operations[node].primitive, Elementwise)
    if not elementwise or np.shape(product) != np.shape(factor) or not np.size(factor):
        return ""
    moving, moved = first_entry(factor), first_entry(product)
    if not moving or not np.isfinite(moving):
        return ""
    return filled("⟨m⟩·⟨p⟩", {"m": number_text(moving), "p": number_text(moved / moving)})


# The adjoints ----------------------------------------------------------------------------------


def adjoint_rows(writer: Writer) -> list[Row]:
    """What flows back, from the outputs up: a row for each amount, with the total after it."""
    graph, sweeps = writer.graph, writer.sweeps
    rows = [writer.row(step, node, BAR, seed, note="seed")
            for step, (node, seed) in enumerate(sweeps.seeds.items())]  # fmt: skip
    totals: dict[int, Any] = dict(sweeps.seeds)
    for sent in sweeps.amounts:
        if graph.columns.operations[sent.operand] is not LITERAL:
            rows.append(_adjoint_row(writer, len(rows), sent, totals.get(sent.operand)))
        totals[sent.operand] = sent.total
    for node in graph.input_nodes:
        if node in sweeps.moves and node not in totals:
            rows.append(
                writer.row(len(rows), node, BAR, sweeps.adjoint(node), note="nothing flows back")
            )
    return rows


def _adjoint_row(writer: Writer, step: int, sent: Amount, before: Any) -> Row:
    rule = writer.rule(sent.node)
    template = rule.adjoint[sent.place] or "0"
    name = moving_name(writer.names[sent.operand], BAR)
    formula = filled(template, writer.words(sent.node))
    if not sent.first:
        formula = _joined(f"{name} + {formula}")
    same = np.shape(sent.amount) == np.shape(writer.sweeps.values[sent.node])
    plain = rule.plain and same
    selected = plain and _selected(writer, sent.node, sent.place, sent.amount)
    note = SELECTED if selected else ""
    if plain:
        term = "" if selected else filled(template, writer.numbers(sent.node))
    else:
        term = _local(writer, sent.node, writer.sweeps.adjoint(sent.node), sent.amount)
    return writer.row(
        step, sent.operand, BAR, sent.total, formula=formula, via=sent.node, place=sent.place,
        amount=sent.amount, arithmetic=_added(term, sent, before), note=note,
    )  # fmt: skip


def _added(term: str, sent: Amount, before: Any) -> str:
    """The arithmetic of an amount, after what had arrived before it."""
    if not sent.first and (term or not np.ndim(sent.total)):
        term = _joined(f"{_entry(before)} + {term or _entry(sent.amount)}")
    return _at_first(sent.total, term) if term else ""
