"""What is wrong with this function here, on which line, and what to write instead?

    dk.diagnose(f, x)   →   findings: kind, line, message, digits lost, remedy

A gradient that is NaN, or has three right digits, was spoiled by one line.  A diagnosis follows
every operation of the function and of its reverse sweep at one point: where the first NaN or
infinity is born, which operation cancels and how many digits that costs value and gradient, which
kinks and edges of domains lie within a step, and which units and layers pass no signal.  A remedy
is put into the graph and held against a truth of 120 digits before it is proposed.

    >>> import numpy as np, diffkit as dk
    >>> found = dk.diagnose(lambda x: (1 - np.cos(x)) / x**2, 1e-5)
    >>> found.findings[0].kind, found.findings[0].remedy
    ('cancellation', 'np.sinc(x/2/np.pi)**2/2')

Reading on: ``docs/diagnose.md``; the error analysis is in ``conditioning.py``, the remedies in
``remedies.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diffkit.capture.capturing import capture
from diffkit.comparison.arguments import arguments_of
from diffkit.comparison.conditioning import digits_of
from diffkit.comparison.diagnose_births import births, underflow
from diffkit.comparison.diagnose_finding import SEVERITIES, Finding
from diffkit.comparison.diagnose_layers import layers
from diffkit.comparison.diagnose_losses import Losses, losses_of
from diffkit.comparison.diagnose_places import places
from diffkit.comparison.diagnose_point import Point
from diffkit.comparison.diagnose_trials import Trial, best_remedies
from diffkit.comparison.report import check_scalar
from diffkit.errors import DiffkitWarning
from diffkit.graph.ir import Graph

__all__ = ["Diagnosis", "Finding", "diagnose"]

MOST_WRITTEN_OUT = 5_000  # equations
# What a rewrite may cure.
CURABLE = frozenset({
    "nan", "infinity", "overflow", "underflow", "cancellation", "saturation", "domain edge",
    "ill-conditioned",
})  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """What was found at a point; see :func:`diagnose`.

    ``findings`` come in order of severity; ``digits`` are the predicted correct digits of
    ``"value"`` and ``"gradient"``, ``units`` the predicted errors in rounding units (half ulps);
    ``value`` and ``gradient`` are what was computed.
    """

    title: str
    at: dict[str, Any]
    findings: tuple[Finding, ...]
    digits: dict[str, float]
    units: dict[str, float]
    value: float
    gradient: Any

    @property
    def ok(self) -> bool:
        """Whether value and gradient can be used: no finding is of severity "wrong"."""
        return not any(finding.severity == "wrong" for finding in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def table(self) -> Any:
        """The diagnosis as a table: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.diagnose_text import DiagnosisTable

        return DiagnosisTable(self)

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain numbers, lists and dicts (schema 1)."""
        from diffkit.comparison.diagnose_text import diagnosis_dict

        return diagnosis_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """The diagnosis as JSON of full precision; NaN and infinities are null."""
        import json

        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        kinds = ", ".join(finding.kind for finding in self.findings) or "nothing found"
        return f"<Diagnosis of {self.title}: {kinds}>"

    def _repr_html_(self) -> str:
        from diffkit.comparison.diagnose_text import to_html

        return to_html(self)


def diagnose(
    f: Callable[..., Any] | Graph,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    title: str | None = None,
    **kwargs: Any,
) -> Diagnosis:
    """Find what spoils a function or its gradient at a point, by line, with a remedy that helps.

    Parameters
    ----------
    f
        A plain NumPy function with one scalar result, or a graph.
    args, kwargs
        The point.
    argnums
        Which positional arguments the gradient is taken by; default all that hold floats.
    title
        What to call the function in tables.

    Returns
    -------
    Diagnosis
        Its findings sorted from bad to harmless; empty for a function without faults.

    Raises
    ------
    ShapeError
        When the result is not one number.
    DtypeError
        When no argument is a number, or the result is not floating point.
    CaptureError
        When the function cannot be captured.

    Source: running error analysis by adjoints, Linnainmaa 1976; Higham 2002, section 3.3.

    >>> import numpy as np, diffkit as dk
    >>> found = dk.diagnose(lambda z: np.log(np.sum(np.exp(z))), np.array([800.0, 1.0]))
    >>> found.ok, found.findings[0].kind, found.findings[0].remedy
    (False, 'overflow', 'dk.scipy.special.logsumexp(z)')
    >>> dk.diagnose(np.sin, 1.0).findings
    ()
    """
    arguments = arguments_of(f, args, kwargs, argnums)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiffkitWarning)
        graph = _captured(arguments.bound, arguments.leaves)
        name = title or graph.title or getattr(f, "__name__", "f")
        check_scalar(graph, name, "diagnose")
        point = Point(graph, arguments.leaves, arguments.wrt, arguments.names)
        findings, losses = _examined(point)
    gradient = arguments.tree_of([np.asarray(block)[()] for block in point.errors.gradients])
    units = {"value": losses.value, "gradient": losses.gradient}
    return Diagnosis(
        name, arguments.at, findings, _digits(point, units), units, point.errors.value, gradient
    )


def _captured(bound: Any, leaves: Sequence[Any]) -> Graph:
    """The value graph with its loops written out, so that every step has its lines.

    A very long one stays folded: then a loop is one operation.
    """
    folded = bound.graph_for(leaves)
    if folded.operations()["total"] > MOST_WRITTEN_OUT or bound.function.graph is not None:
        return folded if bound.function.graph is None else bound.function.graph
    args, kwargs = bound.call_arguments(leaves)
    return capture(bound.function.f, args, kwargs)


def _examined(point: Point) -> tuple[tuple[Finding, ...], Losses]:
    """All findings, each cause told once, with the remedies that help."""
    born = births(point) or underflow(point)
    blank = not np.isfinite(point.errors.value)
    losses = Losses([], np.inf, np.inf) if blank else losses_of(point)
    spoiled = {finding.line for finding in born}
    findings = born + [x for x in losses.findings if x.line not in spoiled]
    lost = {x.line for x in findings if x.kind == "saturation"} | spoiled
    findings += [x for x in layers(point) if x.kind != "saturation" or x.line not in lost]
    findings += [x for x in places(point) if x.kind != "domain edge" or x.line not in spoiled]
    if any(x.kind in CURABLE for x in findings):
        findings = _cured(findings, best_remedies(point))
    findings.sort(key=lambda x: SEVERITIES.index(x.severity))  # what comes first stays first
    return tuple(findings), losses


def _cured(findings: list[Finding], trials: list[Trial]) -> list[Finding]:
    """Each remedy beside the finding whose line it changes, or beside the worst one."""
    found = list(findings)
    for trial in trials:
        place = _concerned(found, trial)
        if place is None:
            continue
        code = "; ".join(dict.fromkeys(site.after for site in trial.sites))
        old = found[place]
        if old.remedy is not None:
            code = f"{old.remedy}; then {code}"
        before = old.digits[0] if old.digits else trial.before
        found[place] = replace(old, remedy=code, digits=(before, trial.after))
    return found


def _concerned(findings: list[Finding], trial: Trial) -> int | None:
    """The first finding on a line that a remedy changes, or the first that may be cured."""
    lines = {line for site in trial.sites for line in site.lines}
    curable = [k for k, x in enumerate(findings) if x.kind in CURABLE]
    return next((k for k in curable if findings[k].line in lines), next(iter(curable), None))


def _digits(point: Point, units: dict[str, float]) -> dict[str, float]:
    size = point.errors.itemsize
    most = digits_of(np.inf, size)
    bad = {"value": not np.isfinite(point.errors.value),
           "gradient": not np.isfinite(point.errors.entries).all()}  # fmt: skip
    return {
        what: 0.0 if bad[what] else round(most - digits_of(factor, size), 1)
        for what, factor in units.items()
    }
