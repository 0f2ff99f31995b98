"""How large a derivative is, by the way it is written down: exact counts, no times.

Let a function grow (more iterates, more inputs, more layers) and count the operations of its
derivative in seven forms:

    tree       the formula as SymPy prints it: what is used twice counts twice
    cse        the same after ``sympy.cse``; *differentiate, then eliminate*
    joint      value and derivative together after ``sympy.cse``
    symbolic   SymPy's partials, chained backwards on the shared graph (symbolic_reverse.py)
    reverse    reverse mode:      value and gradient, one sweep
    forward    forward mode:      value and tangent, a sweep for every input
    finite     forward difference: n + 1 runs, and n steps, differences and quotients

Only the first grows without need; that is expression swell (Baydin et al. 2018, section 2).
``symbolic`` and ``reverse`` agree (Laue 2019), and stay below five functions (Griewank & Walther
2008, section 4.6); ``cse`` does not find the way back to them in general.  All functions are
written out in scalars first, so that every operation counts one, and graphs are counted in the
normal form of Note [Normal form] (``differentiate/symbolic_reverse.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np

from diffkit.comparison.rendering import _count_text, plain_text
from diffkit.comparison.serial import SCHEMA
from diffkit.comparison.swell_families import FAMILIES, Family
from diffkit.comparison.swell_forms import FORMS, METHODS, Subject
from diffkit.differentiate.budget import SECONDS, Budget
from diffkit.differentiate.function import function_of
from diffkit.errors import BudgetError, DiffkitError, InputError
from diffkit.graph.ir import Graph
from diffkit.graph.notebook import as_table

__all__ = ["METHODS", "Count", "Swell", "swell"]

# Operations of the function as a tree, once for every variable, up to which SymPy is asked.
MOST_TREE = 5_000_000
GIVEN_UP, INTERRUPTED = "–", "interrupted"


@dataclass(frozen=True)
class Count:
    """The operations of one form at one size, and over those of the function; or a refusal."""

    operations: int | None
    over: float = nan
    refused: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The count as a JSON-able dictionary."""
        if self.operations is None:
            return {"refused": self.refused}
        return {"operations": self.operations, "over_function": self.over}


@dataclass
class Swell:
    """Operation counts by form and size; see :func:`swell`."""

    title: str
    size_name: str
    sizes: tuple[Any, ...]
    function: dict[Any, int]
    inputs: dict[Any, int]
    counts: dict[str, dict[Any, Count]]
    source: str = ""
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, form: str) -> dict[Any, Count]:
        return self.counts[form]

    def __iter__(self) -> Iterator[str]:
        return iter(self.counts)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the counting; what was counted before is there."""
        found = (count for by_size in self.counts.values() for count in by_size.values())
        return any(count.refused == INTERRUPTED for count in found)

    def operations(self, form: str) -> list[int | None]:
        """The operations of one form, size by size; None where it was given up."""
        return [self.counts[form][size].operations for size in self.sizes]

    def table(self) -> Any:
        """The counts against the size: for ``print`` and ``rich.print``."""
        return SwellTable(self)

    def plot(self, **options: Any) -> Any:
        """The counts on a logarithmic axis, as ``dk.plots.swell``; the axes."""
        from importlib import import_module

        return import_module("diffkit.plots").swell(self, **options)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain numbers, lists and dicts."""
        return {
            "schema": SCHEMA,
            "family": self.title,
            "size": self.size_name,
            "sizes": list(self.sizes),
            "function": {str(size): self.function[size] for size in self.sizes},
            "inputs": {str(size): self.inputs[size] for size in self.sizes},
            "methods": {
                form: {str(size): by_size[size].to_dict() for size in self.sizes}
                for form, by_size in self.counts.items()
            },
            "source": self.source,
            "note": "; ".join(self.notes),
        }

    def to_json(self, indent: int | None = 2) -> str:
        """The counts as JSON."""
        import json

        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        return str(self.table())

    _repr_html_ = as_table

    def __repr__(self) -> str:
        return f"<Swell of {self.title}: {self.size_name} {self.sizes[0]} to {self.sizes[-1]}>"


def swell(
    family: str | Callable[[int], Any] | Mapping[Any, Any],
    sizes: Iterable[int] | None = None,
    methods: Sequence[str] = METHODS,
    *,
    argnums: int | Sequence[int] | None = None,
    title: str | None = None,
    budget_seconds: float = SECONDS,
) -> Swell:
    """Count the operations of a derivative that grows with n, in every form of ``methods``.

    ``family`` is a name of ``FAMILIES`` (``"logistic"``, ``"speelpenning"``, ``"helmholtz"``,
    ``"tanh-net"``); or a callable that gives for n a graph or ``(f, *arguments)``, with
    ``sizes``; or a mapping of labels to such.  The functions return one float.  ``argnums`` are
    the arguments to differentiate by, as in :func:`diffkit.grad`.  Formulas that take SymPy
    longer than ``budget_seconds`` are given up, and larger ones are not tried.  Ctrl-C ends the
    counting and keeps what was counted.

    Raises
    ------
    InputError
        For an unknown family or form, sizes below 1, or what is no function with its arguments.
    ShapeError
        When a function does not return one float.

    Source: Baydin et al. 2018, section 2; Laue 2019.

    >>> import diffkit as dk
    >>> counts = dk.swell("logistic", sizes=range(2, 6))
    >>> counts.operations("tree"), counts.operations("cse")
    ([2, 21, 82, 264], [2, 12, 27, 45])
    >>> counts.operations("symbolic") == counts.operations("reverse")
    True
    """
    for form in methods:
        if form not in FORMS:
            raise InputError(
                f"unknown form {form!r} of a derivative", hint=f"use {', '.join(FORMS)}."
            )
    chosen = _family(family, sizes, argnums, title)
    wanted = tuple(family) if isinstance(family, Mapping) else _checked_sizes(sizes, chosen)
    subjects = {size: _subject(chosen, size) for size in wanted}
    budget = Budget(MOST_TREE, budget_seconds)
    function = {size: subject.operations for size, subject in subjects.items()}
    counts: dict[str, dict[Any, Count]] = {}
    stopped: str | None = None
    for form in dict.fromkeys(methods):
        counts[form], stopped = _by_size(form, subjects, budget, stopped)
    inputs = {size: subject.inputs for size, subject in subjects.items()}
    return Swell(
        chosen.title, chosen.size_name, wanted, function, inputs, counts, chosen.source,
        _refusals(counts, chosen.size_name),
    )  # fmt: skip


def _family(
    family: Any, sizes: Any, argnums: int | Sequence[int] | None, title: str | None
) -> Family:
    if isinstance(family, str):
        if family not in FAMILIES:
            raise InputError(
                f"there is no family {family!r}", hint=f"use {', '.join(FAMILIES)}, or a callable."
            )
        return FAMILIES[family]
    if isinstance(family, Mapping):
        if not family or sizes is not None:
            raise InputError("a mapping has its own sizes: its labels", hint="leave sizes out.")
        return Family(title or "functions", "", (), family.__getitem__, lambda _: argnums, "")
    if isinstance(family, Graph) or not callable(family):
        raise InputError(
            f"a {type(family).__name__} is no family of functions",
            hint='use dk.swell(lambda n: (f_of_n, x), range(2, 9)) or {"name": (f, x)}.',
        )
    if sizes is None:
        raise InputError("a family of your own needs sizes", hint="sizes=range(2, 9)")
    name = title or getattr(family, "__name__", "f").replace("<lambda>", "f of n")
    return Family(name, "n", (), family, lambda _: argnums, "")


def _checked_sizes(sizes: Iterable[int] | None, family: Family) -> tuple[int, ...]:
    if sizes is not None and not isinstance(sizes, Iterable):
        raise InputError(f"sizes={sizes!r} are not positive whole numbers", hint="range(2, 9)")
    wanted = family.sizes if sizes is None else tuple(sizes)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in wanted)
    if not wanted or not whole or min(wanted) < 1:
        raise InputError(f"sizes={wanted!r} are not positive whole numbers", hint="range(2, 9)")
    return tuple(int(n) for n in dict.fromkeys(wanted))


def _subject(family: Family, size: Any) -> Subject:
    from diffkit.capture.capturing import trace
    from diffkit.differentiate.calls import Call

    made = family.of(size)
    argnums = family.argnums(size)
    if isinstance(made, Graph):
        made = (made, *(np.zeros(of.shape, of.dtype)[()] for of in made.inputs))
    if not (isinstance(made, tuple) and made and callable(made[0])):
        raise InputError(
            f"{family.title}: {size!r} gives a {type(made).__name__}, no function and arguments",
            hint="return (f, x), or a graph.",
        )
    f, *arguments = made
    call = Call(function_of(f), arguments, {}, argnums)
    graph = f if isinstance(f, Graph) else trace(f, *arguments)
    return Subject(graph, call.wrt)


# Counting ----------------------------------------------------------------------------------------


def _by_size(
    form: str, subjects: dict[Any, Subject], budget: Budget, reason: str | None
) -> tuple[dict[Any, Count], str | None]:
    """The counts of one form, and whether Ctrl-C ended it.

    Beyond a size that was too much for the budget none is tried; with a ``reason`` none at all.
    """
    found: dict[Any, Count] = {}
    for size, subject in sorted(subjects.items(), key=lambda item: item[1].operations):
        if reason is None:
            found[size], reason = _count(form, subject, budget)
        else:
            found[size] = Count(None, refused=reason)
    ended = INTERRUPTED if reason == INTERRUPTED else None
    return {size: found[size] for size in subjects}, ended


def _count(form: str, subject: Subject, budget: Budget) -> tuple[Count, str | None]:
    """A count, and the reason why larger functions need not be tried."""
    try:
        operations = int(budget.run(lambda: FORMS[form](subject, budget)))
    except KeyboardInterrupt:
        return Count(None, refused=INTERRUPTED), INTERRUPTED
    except DiffkitError as error:
        stop = None
        if isinstance(error, BudgetError):
            stop = error.one_line
            subject.gave_up = error if subject.formula is None else None
        return Count(None, refused=error.one_line), stop
    over = operations / subject.operations if subject.operations else nan
    return Count(operations, over if subject.operations else 0.0), None


def _refusals(counts: Mapping[str, Mapping[Any, Count]], size_name: str) -> list[str]:
    """What was given up, each reason once."""
    reasons: dict[tuple[Any, str], list[str]] = {}
    for form, by_size in counts.items():
        for size, count in by_size.items():
            if count.refused is not None:
                reasons.setdefault((size, count.refused), []).append(form)
                break
    where = f"{size_name} = " if size_name else ""
    return [f"{', '.join(forms)} at {where}{size}: {reason}"
            for (size, reason), forms in reasons.items()]  # fmt: skip


# The table ---------------------------------------------------------------------------------------


class SwellTable:
    """The table of the counts: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, counts: Swell) -> None:
        self.counts = counts

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        counts = self.counts
        yield Text(f"operations of the derivative: {counts.title}", style="bold")
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
        table.add_column(counts.size_name, justify="right" if counts.size_name else "left")
        for name in ("f", *counts):
            table.add_column(name, justify="right", no_wrap=True)
        for size in counts.sizes:
            row = [counts[form][size].operations for form in counts]
            cells = [GIVEN_UP if count is None else _count_text(count) for count in row]
            table.add_row(str(size), _count_text(counts.function[size]), *cells)
        yield table
        for line in counts.notes:
            yield Text(line, style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__
