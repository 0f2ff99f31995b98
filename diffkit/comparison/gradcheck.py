"""Is this gradient right, and if not, why?  A verdict with its cause and its evidence.

    |claimed − f′| ≤ tolerance · max |f′|,    else: whose fault is it?

A gradient can be wrong because of its formula, the step of a difference, the dtype, a kink or a
jump within the step, cancellation, noise in the function, or because the function is another one at
every call.  Each of these leaves its own trace, and the causes are told apart by looking for it
(``gradcheck_causes.py``).  The derivative it is held against knows none of diffkit's rules.

    >>> import numpy as np, diffkit as dk
    >>> def f(x):
    ...     return np.sum(np.sin(x) * x)
    >>> bool(dk.gradcheck(f, np.array([0.5, 1.0])))
    True
    >>> wrong = dk.gradcheck(f, np.array([0.5, 1.0]), grad=lambda x: np.cos(x) * x - np.sin(x))
    >>> wrong.ok, wrong.cause
    (False, 'wrong rule')

Reading on: the questions behind it, ``docs/gradcheck.md``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffkit.comparison.gradcheck_causes import (
    amplified,
    as_difference,
    is_rough,
    rough_spot,
    wrong_rules,
)
from diffkit.comparison.gradcheck_claim import claimed_row, is_chance
from diffkit.comparison.gradcheck_point import Point, Reference, noise_level, reference_at
from diffkit.errors import DiffkitWarning, InputError
from diffkit.graph.notebook import as_text

__all__ = ["CAUSES", "GradCheck", "gradcheck"]

CAUSES = (
    "fine", "wrong rule", "step too small", "step too large", "dtype too short",
    "kink within the step", "discontinuity", "cancellation", "noise", "not deterministic",
)  # fmt: skip
# Of the largest entry: what a difference with a good step leaves, by the bytes of the dtype.
TOLERANCES = {2: 2e-2, 4: 1e-4, 8: 1e-6, 16: 1e-6}
TRIES = 3  # calls that must give the same number
FAR = 1e-3  # how far around x a kink is looked for when no step is known, over max(|x|, 1)
FACTORS = {-1.0: "the sign is wrong", 2.0: "it is twice the derivative",
           0.5: "it is half the derivative"}  # fmt: skip
BESIDE = 0.01  # how far away, over |x|, a claim must be a quotient too
NOISY = 1e3  # rounding units of a function's value from which it is called noisy


@dataclass(frozen=True)
class GradCheck:
    """The verdict on a gradient.

    ``ok`` says whether it may be used, ``cause`` is one of :data:`CAUSES`, ``evidence`` sentences
    that prove it, ``line`` the user's line where the fault is (None where no line is to blame),
    ``error`` the largest error over the largest entry of the derivative.
    """

    ok: bool
    cause: str
    evidence: tuple[str, ...]
    line: str | None
    error: float
    claimed: Any = field(repr=False)
    expected: Any = field(repr=False)
    _repr_html_ = as_text

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = f"{'right' if self.ok else 'wrong'}: {self.cause}"
        place = [f"  at {self.line}"] if self.line else []
        return "\n".join([head, *place, *(f"  {sentence}" for sentence in self.evidence)])

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data, without the arrays."""
        error = self.error if np.isfinite(self.error) else None
        return {"schema": 1, "ok": self.ok, "cause": self.cause, "line": self.line,
                "evidence": list(self.evidence), "error": error}  # fmt: skip


def gradcheck(
    f: Callable[..., Any],
    *args: Any,
    grad: Any = None,
    argnums: int | Sequence[int] | None = None,
    tolerance: float | None = None,
    **kwargs: Any,
) -> GradCheck:
    """Check a gradient at a point, and say what is wrong with it.

    Parameters
    ----------
    f
        A function with one number as its result; it need not be traceable.
    args, kwargs
        The point.
    grad
        What is checked: a function of the same arguments that returns the gradient in their tree,
        the name of a method or a method object, or None for diffkit's reverse mode.
    argnums
        The positional arguments to differentiate by; default all floats.
    tolerance
        The largest error over the largest entry of the derivative; default by dtype, 1e-6 in
        float64 and 1e-4 in float32.

    Raises
    ------
    ShapeError
        When the gradient has other shapes than the arguments.
    DtypeError
        When no argument is a floating-point number, or the gradient holds no real numbers.
    InputError
        When the tolerance is not positive, or the function's value not finite.

    Source: see the module's essay.

    >>> import diffkit as dk
    >>> verdict = dk.gradcheck(lambda x: x**2, 3.0, grad=lambda x: ((x + 1e-13)**2 - x**2) / 1e-13)
    >>> verdict.cause
    'step too small'
    """
    if tolerance is not None and not tolerance > 0:
        raise InputError(
            f"gradcheck: the tolerance {tolerance!r} is not positive", hint="give 1e-6, say."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiffkitWarning)
        return _Check(Point(f, args, kwargs, argnums), grad, argnums, tolerance).verdict()


def _largest(slopes: np.ndarray) -> float:
    """The size of a derivative: its largest finite entry; 1 where it is zero."""
    return float(np.max(np.abs(slopes[np.isfinite(slopes)]), initial=0.0)) or 1.0


def _errors(claimed: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Errors entry by entry: none where both are the same infinity, infinite for a NaN."""
    with np.errstate(invalid="ignore"):
        errors = np.abs(claimed - slopes)
    return np.where(claimed == slopes, 0.0, np.where(np.isnan(errors), np.inf, errors))


class _Check:
    """One check, from the cheap questions to the expensive ones."""

    def __init__(self, point: Point, grad: Any, argnums: Any, tolerance: float | None) -> None:
        self.point, self.grad, self.argnums = point, grad, argnums
        width = round(-np.log2(point.eps) / 8) + 1  # 10, 23, 52 bits → 2, 4, 8 bytes
        self.tolerance = tolerance or TOLERANCES[{2: 2, 4: 4}.get(width, 8)]
        self.claimed = np.zeros(0)
        self.reference: Reference | None = None

    # What is claimed ------------------------------------------------------------------------------

    def claim(self, leaves: Sequence[Any] | None = None) -> np.ndarray:
        """The entries of the gradient that is checked, in a row."""
        return claimed_row(self.point, self.grad, self.point.leaves if leaves is None else leaves)

    @property
    def is_ours(self) -> bool:
        """Whether the gradient comes from diffkit's own rules."""
        return self.grad is None or self.grad in ("reverse", "forward")

    # The verdict ----------------------------------------------------------------------------------

    def verdict(self) -> GradCheck:
        """The answer, with its cause."""
        values = [self.point.value() for _ in range(TRIES)]
        if len({np.float64(v).tobytes() for v in values}) > 1:
            shown = ", ".join(f"{v!r}" for v in values)
            return self._said(False, "not deterministic", f"the same call gave {shown}")
        if not np.isfinite(values[0]):
            raise InputError(
                f"gradcheck: the function is {values[0]!r} here, where it has no derivative",
                hint="check it at a point where its value is finite.",
            )
        self.claimed = self.claim()
        if self.claimed.tobytes() != self.claim().tobytes():
            return self._said(False, "not deterministic", "the gradient differs from call to call")
        self.reference = reference = reference_at(self.point, self.claimed)
        return self._judged(reference)

    def _judged(self, reference: Reference) -> GradCheck:
        claimed = self.claimed[reference.entries]
        if not claimed.size:
            self.error = 0.0
            return self._said(True, "fine", "the arguments have no entries")
        largest = _largest(reference.slopes)
        errors = _errors(claimed, reference.slopes)
        for flat in reference.sides:
            errors[np.flatnonzero(reference.entries == flat)] = 0.0
        k = int(np.argmax(errors))
        self.worst, self.error = int(reference.entries[k]), float(errors[k] / largest)
        self.true = float(reference.slopes[k])
        at_kink = self._at_a_kink(reference, largest)
        if at_kink is not None:
            return at_kink
        doubt = float(np.max(reference.errors)) / largest
        if doubt > self.tolerance:
            return self._without_reference(doubt, reference)
        if self.error <= self.tolerance:
            return self._said(
                True, "fine",
                f"largest error {self.error:.1e} of the largest entry, at "
                f"{self.point.name(self.worst)}, against {reference.how}",
            )  # fmt: skip
        return self._explained()

    def _at_a_kink(self, reference: Reference, largest: float) -> GradCheck | None:
        """At a kink every number between the two slopes will do."""
        if not reference.sides or self.error > self.tolerance:
            return None
        told = ""
        for flat, (left, right) in reference.sides.items():
            low, high = min(left, right), max(left, right)
            room = self.tolerance * largest
            name, found = self.point.name(flat), self.claimed[flat]
            if np.isinf(low) or np.isinf(high):
                spot = rough_spot(self.point.along(flat), FAR)
                if spot is not None and spot[0] == "jump":
                    said = f"the function jumps at {name}, where no number is its derivative"
                    return self._said(False, "discontinuity", said)
            told = (f"at {name} the slopes are {left:.6g} and {right:.6g}; "
                    f"the gradient says {found:.6g}")  # fmt: skip
            if not low - room <= found <= high + room:
                return self._said(False, "kink within the step", told + ", outside of them")
        return self._said(True, "kink within the step", told + ", between them")

    def _without_reference(self, doubt: float, reference: Reference) -> GradCheck:
        """The numeric derivative is no better than the claim: a rough function, or a noisy one."""
        k = int(reference.entries[int(np.argmax(reference.errors))])
        f, x = self.point.along(k), self.point.coordinate(k)
        noise, value = noise_level(f, x), abs(self.point.value())
        if noise <= NOISY * np.finfo(float).eps * value:
            found = self._rough(k, FAR * max(abs(x), 1.0))
            if found is not None:
                return found
        told = [f"the function's noise is about {noise:.1e}, at a value of {value:.3g}",
                f"differences are uncertain by {doubt:.1e} of the largest entry"]  # fmt: skip
        return self._said(self.error <= 2 * doubt, "noise", *told)

    def _rough(self, flat: int, width: float) -> GradCheck | None:
        found = rough_spot(self.point.along(flat), width)
        if found is None:
            return None
        kind, away = found
        name = self.point.name(flat)
        cause = "discontinuity" if kind == "jump" else "kink within the step"
        return self._said(False, cause, f"a {kind} lies {abs(away):.3g} from {name}")

    # Causes of a wrong gradient -------------------------------------------------------------------

    def _explained(self) -> GradCheck:
        name = self.point.name(self.worst)
        told = (f"at {name} the gradient says {self.claimed[self.worst]:.9g}, "
                f"the derivative is {self.true:.9g}")  # fmt: skip
        for look in (
            self._as_chance,
            self._as_difference,
            self._as_dtype,
            self._as_rule,
            self._as_noise,
        ):
            found = look(told)
            if found is not None:
                return found
        if self._is_rounding():
            said = "the error is another one a few rounding errors away from the point"
            return self._cancelled(told, said)
        return self._said(False, "wrong rule", told, *self._pattern())

    def _as_chance(self, told: str) -> GradCheck | None:
        if not is_chance(self.grad):
            return None
        said = f"{self.grad!r} is right on average only; its error falls as 1/√samples"
        return self._said(False, "noise", said, told)

    def _as_difference(self, told: str) -> GradCheck | None:
        if self.is_ours:
            return None
        f, x = self.point.along(self.worst), self.point.coordinate(self.worst)
        scale = max(abs(x), 1.0)
        found = as_difference(f, float(self.claimed[self.worst]), self.true, scale)
        if found is None or not self._holds_beside():
            return None
        rough = self._rough(self.worst, found.step)
        if rough is not None:
            said = f"it is the {found.kind} difference with h = {found.step:.3g}"
            return self._said(False, rough.cause, *rough.evidence, said, told)
        said = (
            f"it is the {found.kind} difference with h = {found.step:.3g}, error "
            f"{found.error:.1e}; h = {found.best_step:.1e} leaves {found.best_error:.1e}"
        )
        return self._said(False, found.cause, said, told)

    def _holds_beside(self) -> bool:
        """Whether a claim is a quotient beside the point too: sin 1 = (sin 1 - sin 0)/1 is none."""
        k, x = self.worst, self.point.coordinate(self.worst)
        way = BESIDE * (abs(x) or 1.0)
        f, claimed = self.point.along(k), float(self.claim(self.point.moved(k, way))[k])
        scale = max(abs(x + way), 1.0)
        found = as_difference(lambda t: f(way + t), claimed, self.true, scale)
        return found is not None or not np.isfinite(claimed)

    def _as_dtype(self, told: str) -> GradCheck | None:
        if self.point.eps <= np.finfo(np.float64).eps:
            return None
        wide = [
            np.asarray(leaf, dtype=np.float64)[()] if k in self.point.wrt else leaf
            for k, leaf in enumerate(self.point.leaves)
        ]
        assert self.reference is not None
        claimed = self.claim(wide)[self.reference.entries]
        error = float(np.max(_errors(claimed, self.reference.slopes)))
        error /= _largest(self.reference.slopes)
        if not error < self.tolerance:
            return None
        dtype = np.asarray(self.point.leaves[self.point.wrt[0]]).dtype
        return self._said(
            False, "dtype too short",
            f"in {dtype} the error is {self.error:.1e}, in float64 it is {error:.1e}", told,
        )  # fmt: skip

    def _as_rule(self, told: str) -> GradCheck | None:
        if not self.is_ours or self.point.graph is None:
            return None
        for line, sentence in wrong_rules(self.point.graph, self.point.leaves):
            return self._said(False, "wrong rule", sentence, told, line=line)
        return self._cancelled(told, "every rule agrees with differences of its own equation")

    def _as_noise(self, told: str) -> GradCheck | None:
        """Noise much above rounding, in a function whose graph nobody has seen."""
        if self.point.graph is not None:
            return None
        f, x = self.point.along(self.worst), self.point.coordinate(self.worst)
        noise = noise_level(f, x)
        floor = NOISY * np.finfo(float).eps * max(abs(self.point.value()), np.finfo(float).tiny)
        if noise <= floor or not self._is_rounding():
            return None
        return self._said(False, "noise", f"the function's noise is about {noise:.1e}", told)

    def _is_rounding(self) -> bool:
        point, k = self.point, self.worst
        x = abs(point.coordinate(k)) or 1.0
        unit = point.eps / np.finfo(float).eps

        def error_at(way: float) -> float:
            return float(self.claim(point.moved(k, way * unit * x))[k]) - self.true

        return is_rough(error_at, float(self.claimed[k]) - self.true)

    def _cancelled(self, told: str, said: str) -> GradCheck:
        if self.point.graph is None:
            return self._said(False, "cancellation", said, told)
        line, name, digits = amplified(self.point.graph, self.point.leaves)
        worst = f"{name} is the worst line: its rounding error counts {10**digits:.0e} times"
        return self._said(False, "cancellation", worst, said, told, line=line)

    def _pattern(self) -> list[str]:
        """A factor that all entries have in common."""
        assert self.reference is not None
        true, claimed = self.reference.slopes, self.claimed[self.reference.entries]
        large = np.abs(true) > self.tolerance * np.max(np.abs(true), initial=0.0)
        ratios = claimed[large] / true[large]
        if ratios.size and np.ptp(ratios) <= self.tolerance * np.max(np.abs(ratios)):
            ratio = float(np.mean(ratios))
            for factor, words in FACTORS.items():
                if abs(ratio - factor) < self.tolerance:
                    return [words]
            return [f"every entry is {ratio:.6g} times the derivative"]
        return []

    def _said(self, ok: bool, cause: str, *evidence: str, line: str | None = None) -> GradCheck:
        error = getattr(self, "error", float("nan"))
        expected = None if self.reference is None else self._tree(self.reference.slopes)
        claimed = self._tree(self.claimed) if self.claimed.size else None
        return GradCheck(ok, cause, tuple(evidence), line or None, error, claimed, expected)

    def _tree(self, entries: np.ndarray) -> Any:
        """Entries as the tree of the arguments, where all were looked at."""
        sizes = self.point.sizes
        if entries.size != sum(sizes):
            return entries
        parts, start = [], 0
        for place, size in zip(self.point.wrt, sizes, strict=True):
            shape = np.shape(self.point.leaves[place])
            parts.append(entries[start : start + size].reshape(shape)[()])
            start += size
        return self.point.tree_of(parts)
