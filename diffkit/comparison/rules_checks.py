"""The checks of a rule, in order: each takes a trial and yields a sentence for every failure.

The order goes from cheap and basic to derived, so that the first failure is the one to read:
declarations, shape, value, partials, then both modes against differences and against each
other, then what is built on them (broadcasting, second order, complex step, kinks).  The list
follows ``test_frule`` and ``test_rrule`` of ChainRulesTestUtils.jl; the dot-product test is
that of C. Moler's adjoint folklore, ⟨ȳ, J ẋ⟩ = ⟨Jᵀȳ, ẋ⟩ (Griewank & Walther 2008, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.comparison.rules_trial import Trial, rounded
from diffkit.graph.avals import aval, aval_of
from diffkit.graph.primitive import Elementwise, Kink, Linear
from diffkit.primitives.domains import Domain

__all__ = ["CHECKS", "COMPILED", "Check", "mismatch"]

# Relative to the largest number compared, or to 1.  Values are a few ulps off (1 ulp = 2.2e-16);
# derivatives chain several operations; the dot-product test compares two sums of products.
VALUE_TOLERANCE = 1e-14
DERIVATIVE_TOLERANCE = 1e-12
DOT_TOLERANCE = 1e-12
COMPLEX_STEP = 1e-100  # no subtraction, so h² may vanish (Squire & Trapp 1998)
FACTOR_SPREAD = 1e-6  # ratios this close to each other are called one constant factor
FLOAT_DTYPES = ("f8", "f4")

Failures = Iterator[str]


@dataclass(frozen=True)
class Check:
    """A named check; when an ``essential`` one fails, the later ones would say nothing new."""

    name: str
    run: Callable[[Trial], Failures]
    essential: bool = False


def mismatch(got: Any, expected: Any, tolerance: float) -> str | None:
    """How two arrays differ, with the worst element and a guess at the cause; None if they agree.

    >>> mismatch(np.array([1.0, -2.0]), np.array([-1.0, 2.0]), 1e-12)
    'got -2.0 at [1], expected 2.0 (the sign is wrong)'
    """
    got, expected = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    if got.shape != expected.shape:
        return f"got the shape {got.shape}, expected {expected.shape}"
    finite = np.isfinite(got) & np.isfinite(expected)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(np.subtract(got, expected)), 0.0)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    error = np.where(finite | same, error, np.inf)
    scale = max(1.0, float(np.max(np.abs(expected[finite]), initial=0.0)))
    if not error.size or error.max() <= tolerance * scale:
        return None
    worst = np.unravel_index(int(np.argmax(error)), error.shape)
    place = f" at {_index_text(worst)}" if worst else ""
    clue = _clue(got[finite], expected[finite])
    return f"got {float(got[worst])!r}{place}, expected {float(expected[worst])!r}{clue}"


def _index_text(index: tuple[Any, ...]) -> str:
    return f"[{','.join(str(int(i)) for i in index)}]"


def _clue(got: np.ndarray, expected: np.ndarray) -> str:
    """A constant ratio names the slip: a sign, or a factor."""
    telling = expected != 0
    if not telling.any() or (got[~telling] != 0).any():
        return ""
    ratios = got[telling] / expected[telling]
    if np.ptp(ratios) > FACTOR_SPREAD * max(1.0, float(np.max(np.abs(ratios)))):
        return ""
    factor = float(np.mean(ratios))
    if abs(factor - 1) < FACTOR_SPREAD:
        return ""
    if abs(factor + 1) < FACTOR_SPREAD:
        return " (the sign is wrong)"
    return " (it is always 0)" if factor == 0 else f" (a constant factor of {factor:.7g})"


# Declarations and shapes ----------------------------------------------------------------------


def check_declarations(trial: Trial) -> Failures:
    """A docstring, an emission, a cost, a domain and kinks of the right kinds."""
    primitive = trial.primitive
    if not (primitive.__doc__ or "").strip():
        yield "the class has no docstring that says what it computes"
    analytic = primitive.analytic
    if analytic not in (None, True) and not callable(analytic):
        yield f"analytic is {analytic!r}; it must be None, True or a function"
    try:
        cost = primitive.cost(aval_of(trial.y), [aval_of(x) for x in trial.originals], trial.params)
    except TypeError as error:
        yield f"the cost cannot be computed: {error}"
    else:
        if not isinstance(cost, (int, np.integer)) or cost < 0:
            yield f"the cost is {cost!r}; it must be a whole number of operations"
    if isinstance(primitive, Elementwise):
        yield from _elementwise_declarations(trial, primitive)
    count = len(trial.originals)
    if isinstance(primitive, Linear) and not set(primitive.linear_operands(count)) <= set(
        range(count)
    ):
        yield f"linear_in is {primitive.linear_in}, but there are {len(trial.originals)} operands"


def _linear_in(trial: Trial, primitive: Linear) -> set[int]:
    declared = primitive.linear_in
    return set(range(len(trial.originals))) if isinstance(declared, str) else set(declared)


def _elementwise_declarations(trial: Trial, primitive: Elementwise) -> Failures:
    if not isinstance(primitive.emit, str):
        yield "emit is missing: the operation cannot be written as code"
    if not isinstance(primitive.domain, Domain):
        yield f"domain is {primitive.domain!r}; it must be a Domain"
    elif not all(np.all(primitive.domain.contains(*numbers)) for _, numbers in trial.scalars()):
        yield f"the operands lie outside the declared domain {primitive.domain.name}"
    for kink in primitive.kinks:
        if not isinstance(kink, Kink) or len(kink.at) != len(trial.originals):
            yield f"{kink!r} does not give a point for each of {len(trial.originals)} operands"


def check_shape(trial: Trial) -> Failures:
    """The declared shape and dtype against those of the value, in both precisions."""
    for dtype in FLOAT_DTYPES:
        operands = [x.astype(dtype) if x.dtype.kind == "f" else x for x in trial.operands]
        declared = trial.primitive.infer([aval_of(x) for x in operands], trial.params)
        found = trial.value(*operands)
        real = aval(found.shape, found.dtype)
        if declared is not real:
            wrong = "shape" if declared.shape != real.shape else "dtype"
            yield f"the {wrong} rule says {declared}, but the value is {real}"


def check_unchanged(trial: Trial) -> Failures:
    """Operands must have the same bits before and after a call."""
    operands = trial.operands
    before = [x.tobytes() for x in operands]
    trial.value(*operands)
    for place, (x, bits) in enumerate(zip(operands, before, strict=True)):
        if x.tobytes() != bits:
            yield f"operand {place} was changed in place by the value"


# Values ---------------------------------------------------------------------------------------


def check_value(trial: Trial) -> Failures:
    """The value against its SymPy form (elementwise) or its object form, at many digits."""
    if isinstance(trial.primitive, Elementwise):
        yield from _value_against_sympy(trial)
    precise = trial.precise_value()
    wrong = mismatch(trial.y, rounded(precise), VALUE_TOLERANCE)
    if wrong:
        yield f"the value and its form over high-precision objects differ: {wrong}"


def _value_against_sympy(trial: Trial) -> Failures:
    expected = np.full(trial.y.shape, np.nan)
    for index, form in trial.sympy_forms():
        expected[index] = np.nan if form is None else float(form)
    wrong = mismatch(trial.y, expected, VALUE_TOLERANCE)
    if wrong:
        yield f"the value and the SymPy form differ: {wrong}"


def check_partials(trial: Trial) -> Failures:
    """Each partial derivative against SymPy's derivative of the SymPy form."""
    if not isinstance(trial.primitive, Elementwise) or not trial.differentiable:
        return
    for place, operand in enumerate(trial.active):
        expected = np.full(trial.y.shape, np.nan)
        forms = dict(trial.sympy_forms(operand))
        if any(form is None for form in forms.values()):
            continue  # SymPy leaves it undone (floor); differences check it next
        for index, form in forms.items():
            expected[index] = float(form)
        unit = [np.zeros(trial.originals[i].shape) for i in trial.active]
        unit[place] += 1.0
        wrong = mismatch(trial.jvp(unit), expected, DERIVATIVE_TOLERANCE)
        if wrong:
            yield f"the derivative by operand {operand} is not SymPy's: {wrong}"


# First order ----------------------------------------------------------------------------------


def check_forward(trial: Trial) -> Failures:
    """Forward mode against differences with 50 digits."""
    if not trial.differentiable:
        return
    wrong = mismatch(trial.jvp(), trial.precise_jvp(), DERIVATIVE_TOLERANCE)
    if wrong:
        yield f"J ẋ differs from a high-precision difference: {wrong}"


def check_cotangent_shapes(trial: Trial) -> Failures:
    """A cotangent has the shape and dtype of its operand, however it was broadcast."""
    if not trial.differentiable:
        return
    for operand, x_bar in zip(trial.active, trial.vjp(), strict=True):
        declared, found = aval_of(trial.originals[operand]), aval(x_bar.shape, x_bar.dtype)
        if found is not declared:
            yield f"operand {operand} is {declared}, but its cotangent is {found}"


def check_reverse(trial: Trial) -> Failures:
    """⟨ȳ, J ẋ⟩ = ⟨Jᵀȳ, ẋ⟩, for one operand at a time."""
    if not trial.differentiable:
        return
    cotangents = trial.vjp()
    for place, operand in enumerate(trial.active):
        x_dot = [np.zeros_like(direction) for direction in trial.x_dot]
        x_dot[place] = trial.x_dot[place]
        y_dot, x_bar = trial.jvp(x_dot), cotangents[place]
        left, right = float(np.vdot(trial.y_bar, y_dot)), float(np.vdot(x_bar, x_dot[place]))
        scale = max(1.0, float(np.vdot(np.abs(trial.y_bar), np.abs(y_dot))))
        if not abs(left - right) <= DOT_TOLERANCE * scale:
            yield (
                f"forward and reverse mode disagree on operand {operand}: "
                f"⟨ȳ, J ẋ⟩ = {left!r}, ⟨Jᵀȳ, ẋ⟩ = {right!r}"
            )


def check_linearity(trial: Trial) -> Failures:
    """value(a x + b z) = a value(x) + b value(z), in all operands together or in each alone."""
    primitive = trial.primitive
    if not isinstance(primitive, Linear):
        return
    linear = [i for i in primitive.linear_operands(len(trial.originals)) if i in trial.active]
    groups = [linear] if primitive.joint else [[i] for i in linear]
    a, b = 3.0, -0.25  # exact in binary, so that only the operation rounds
    for group in groups:
        x, z, mixed = trial.operands, trial.operands, trial.operands
        for i in group:
            z[i] = trial.x_dot[trial.active.index(i)]
            mixed[i] = a * x[i] + b * z[i]
        combined = a * trial.value(*x) + b * trial.value(*z)
        wrong = mismatch(trial.value(*mixed), combined, DERIVATIVE_TOLERANCE)
        if wrong:
            yield f"it is not linear in operand {', '.join(map(str, group))}: {wrong}"


# What is built on the first order ---------------------------------------------------------------


def check_second_order(trial: Trial) -> Failures:
    """The derivative of the cotangents, by differentiating the rule, against differences."""
    if not trial.differentiable:
        return
    pairs = zip(trial.active, trial.jvp_of_vjp(), trial.precise_jvp_of_vjp(), strict=True)
    for operand, got, expected in pairs:
        wrong = mismatch(got, expected, DERIVATIVE_TOLERANCE)
        if wrong:
            yield (
                f"differentiating the rule again gives another derivative of the cotangent of "
                f"operand {operand} than a high-precision difference: {wrong}"
            )


def check_complex_step(trial: Trial) -> Failures:
    """Where an analytic form is declared, the complex step must give J ẋ."""
    if trial.primitive.analytic is None or not trial.differentiable:
        return
    got = trial.complex_step(COMPLEX_STEP)
    wrong = mismatch(got, trial.precise_jvp(), DERIVATIVE_TOLERANCE)
    if wrong:
        yield f"the analytic form does not give the derivative by the complex step: {wrong}"


def check_compiled(trial: Trial) -> Failures:
    """Compiled code against the interpreter."""
    from diffkit.engines.specialise import numba_runner

    if not isinstance(trial.primitive, Elementwise):
        return
    with np.errstate(all="ignore"):
        got = np.asarray(numba_runner(trial.graph)(trial.operands)[0])
    wrong = mismatch(got, trial.y, VALUE_TOLERANCE)
    if wrong:
        yield f"compiled code and the interpreter differ: {wrong}"


CHECKS = (
    Check("declarations", check_declarations),
    Check("inputs unchanged", check_unchanged),
    Check("shape", check_shape, essential=True),
    Check("value", check_value),
    Check("partials", check_partials),
    Check("forward", check_forward),
    Check("cotangent shape", check_cotangent_shapes, essential=True),
    Check("reverse", check_reverse),
    Check("linearity", check_linearity),
    Check("second order", check_second_order),
    Check("complex step", check_complex_step),
)
COMPILED = Check("compiled", check_compiled)
