"""The public rule checker: is the derivative of this primitive right, and says who?

:func:`check_rule` runs one primitive through every check of ``rules_checks.py`` on operands
drawn from its own domain, and reports a sentence for each failure.  The truth never comes from
the rule itself: it comes from SymPy's derivative of the declared SymPy form, and from central
differences of the value with 50 digits,

    J ẋ ≈ (F(x + hẋ) − F(x − hẋ)) / 2h.

Users check their own primitives with it; the tests check the whole registry with it.
Reading on: ``ChainRulesTestUtils.jl``, whose ``test_rrule`` this follows in spirit.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from diffkit.comparison.rules_checks import CHECKS, COMPILED
from diffkit.comparison.rules_kinks import check_kinks
from diffkit.comparison.rules_sampling import draw_sample, samples_for
from diffkit.comparison.rules_trial import Trial
from diffkit.errors import InputError
from diffkit.graph.notebook import as_text
from diffkit.graph.primitive import REGISTRY, Elementwise, Primitive

__all__ = ["RuleReport", "check_registry", "check_rule", "load_all_primitives"]


@dataclass
class RuleReport:
    """What the checks of one primitive found.

    ``checks`` are the names of the checks that ran, ``failures`` one sentence each, beginning
    with the name of the check.
    """

    name: str
    checks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    trials: int = 0
    _repr_html_ = as_text

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        sets = "one set" if self.trials == 1 else f"{self.trials} sets"
        checks = f"{len(self.checks)} checks on {sets} of operands"
        if self.ok:
            return f"{self.name}: ok ({checks})"
        lines = [f"{self.name}: {len(self.failures)} failures ({checks})"]
        return "\n".join([*lines, *(f"  - {failure}" for failure in self.failures)])


def check_rule(
    primitive: Primitive | str,
    *operands: Any,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    compiled: bool = False,
) -> RuleReport:
    """Check one primitive: its shape, value, derivatives of both modes and orders, and kinks.

    Without operands, samples are drawn from the primitive's domain (short numbers, from
    ``seed``).  ``compiled=True`` also compiles the operation, which takes about a second.

    Parameters
    ----------
    primitive
        An instance made by ``@primitive``, or its name.
    operands
        Float arrays (or boolean ones, for conditions) to check on, away from kinks.
    params
        The parameters of the primitive, e.g. ``{"axes": (0,)}``.

    Raises
    ------
    InputError
        For an unknown name, or when a linear or other primitive comes without operands and
        has no listed samples.

    >>> import diffkit as dk
    >>> print(dk.check_rule("mul"))
    mul: ok (12 checks on 2 sets of operands)
    >>> dk.check_rule("mul", 0.5, [0.25, 1.5]).ok
    True
    """
    subject = _find(primitive)
    rng = np.random.default_rng(seed)
    report = RuleReport(subject.name)
    for arrays, given in _points(subject, operands, params, rng):
        report.trials += 1
        _run_checks(report, Trial(subject, arrays, given, rng), compiled)
    if isinstance(subject, Elementwise):
        report.checks.append("kinks")
        given = params or samples_for(subject)[0].params
        _collect(report, "kinks", lambda: check_kinks(subject, given, rng))
    return report


def _find(primitive: Primitive | str) -> Primitive:
    if isinstance(primitive, Primitive):
        return primitive
    load_all_primitives()
    if primitive not in REGISTRY:
        raise InputError(
            f"there is no primitive named {primitive!r}",
            hint=f"the names are {', '.join(sorted(REGISTRY))}.",
        )
    return REGISTRY[primitive]


def _points(
    subject: Primitive, operands: Any, params: Any, rng: np.random.Generator
) -> Iterator[tuple[list[np.ndarray], Mapping[str, Any]]]:
    if operands:
        yield [_as_operand(subject, i, x) for i, x in enumerate(operands)], params or {}
        return
    samples = samples_for(subject, params)
    if not samples:
        raise InputError(
            f"no sample of {subject.name!r} has the parameters {params}",
            hint="pass operands to check_rule.",
        )
    for sample in samples:
        yield draw_sample(subject, sample, rng), sample.params


def _as_operand(subject: Primitive, place: int, x: Any) -> np.ndarray:
    """An operand as an array; whole numbers as floats, which have a derivative to check."""
    array = np.asarray(x)
    return array.astype(float) if array.dtype.kind in "iu" and place not in subject.inert else array


def _run_checks(report: RuleReport, trial: Trial, compiled: bool) -> None:
    for check in (*CHECKS, COMPILED) if compiled else CHECKS:
        if check.name not in report.checks:
            report.checks.append(check.name)
        held = _collect(report, check.name, lambda run=check.run: run(trial), f", on {trial}")
        if check.essential and not held:
            return


def _collect(report: RuleReport, name: str, run: Any, place: str = "") -> bool:
    """Add the sentences of one check to the report; a check that raises has failed."""
    found = []
    try:
        found.extend(run())
    except Exception as error:
        found.append(f"it raised {type(error).__name__}: {str(error).splitlines()[0]}")
    report.failures.extend(f"{name}: {sentence}{place}" for sentence in found)
    return not found


def load_all_primitives() -> None:
    """Import every module of ``diffkit.primitives``, so that the registry is complete."""
    import diffkit.primitives as package

    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")


def check_registry(seed: int = 0) -> dict[str, RuleReport]:
    """Check every registered primitive; the reports by name.

    Nothing is raised: a primitive without samples has that as a failure in its report.
    """
    load_all_primitives()
    reports: dict[str, RuleReport] = {}
    for name in sorted(REGISTRY):
        try:
            reports[name] = check_rule(REGISTRY[name], seed=seed)
        except InputError as error:
            failure = f"samples: {error.message}; add samples for {name}"
            reports[name] = RuleReport(name, failures=[failure])
    return reports
