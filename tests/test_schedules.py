"""Schedules against PyTorch's recurrences, combined, per epoch, and in a training.

The recurrences of PyTorch's schedulers, each rate from the one before, stand in
``diffkit/optim/recurrences.py`` and must agree with the closed forms to 1e-12;
``test_torch_optim.py`` has PyTorch's own beside them.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from trained import EIGENVALUES

import diffkit as dk
from diffkit.errors import InputError, ScheduleUnitsWarning
from diffkit.optim.recurrences import rates_by_recurrence
from diffkit.optim.schedules import ALL_SCHEDULES, Multiplicative, Schedule

schedules = dk.schedules
WRONG_RATES = (0, 0.0, -0.1, math.nan, math.inf, "0.1", None, True, [0.1])
CLOSE = 1e-12


def torch_one_cycle(t: int, peak: float, total: int) -> float:
    """OneCycleLR with cosine annealing and its defaults, phase by phase."""
    start = peak / 25
    phases = [(0.3 * total - 1, start, peak), (total - 1, peak, start / 1e4)]
    begin = 0.0
    for place, (end, first, last) in enumerate(phases):
        if t <= end or place == 1:
            share = (t - begin) / (end - begin)
            return last + (first - last) / 2 * (math.cos(math.pi * share) + 1)
        begin = end
    raise AssertionError


STORED = {  # by the formulas of docs/schedules.md, in float64
    "Step": (schedules.step(0.1, 30, 0.5), {0: 0.1, 29: 0.1, 30: 0.05, 99: 0.0125}),
    "MultiStep": (schedules.multi_step(0.1, [20, 50], 0.5), {19: 0.1, 20: 0.05, 50: 0.025}),
    "Constant": (schedules.constant(0.1, 0.5, steps=20), {0: 0.05, 19: 0.05, 20: 0.1}),
    "Linear": (schedules.linear(0.1, 40, start=0.25), {0: 0.025, 20: 0.0625, 40: 0.1, 70: 0.1}),
    "Polynomial": (schedules.polynomial(0.1, 90, 2.0), {0: 0.1, 45: 0.025, 90: 0.0}),
    "Cosine": (schedules.cosine(0.1, 100), {25: 0.0853553390593274, 50: 0.05}),
    "Restarts": (schedules.cosine_restarts(0.1, 10, 2), {5: 0.05, 10: 0.1, 20: 0.05, 30: 0.1}),
    "Cyclic": (schedules.cyclic(0.02, 0.1, 10), {5: 0.06, 10: 0.1, 25: 0.06, 40: 0.02}),
    "triangular2": (schedules.cyclic(0.02, 0.1, 10, mode="triangular2"), {10: 0.1, 30: 0.06}),
    "exp_range": (
        schedules.cyclic(0.02, 0.1, 10, mode="exp_range", factor=0.99),
        {10: 0.09235056600070436, 30: 0.07917602987106241},
    ),
}


@pytest.mark.parametrize("name", STORED)
def test_stored_rates_of_the_formulas(name: str) -> None:
    schedule, rates = STORED[name]
    for t, rate in rates.items():
        assert schedule(t) == pytest.approx(rate, abs=1e-15)


def test_one_of_each_kind_is_in_the_list() -> None:
    from diffkit.optim import combining, cycles, decays, plateau

    made = {value for module in (combining, cycles, decays, plateau)
            for value in vars(module).values() if isinstance(value, type)
            and issubclass(value, Schedule) and value.__name__ in module.__all__}  # fmt: skip
    assert made <= {type(schedule) for schedule in ALL_SCHEDULES}


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: type(s).__name__)
def test_closed_form_is_the_recurrence(schedule: Schedule) -> None:
    expected = np.array(list(rates_by_recurrence(schedule, 100)))
    assert np.abs(schedule(np.arange(100)) - expected).max() < CLOSE


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: type(s).__name__)
def test_a_schedule_takes_a_step_an_array_or_a_tracer(schedule: Schedule) -> None:
    rates = schedule(np.arange(12).reshape(3, 4))
    assert rates.shape == (3, 4) and isinstance(schedule(5), float)
    assert schedule(5) == rates[1, 1]
    if isinstance(schedule, Multiplicative):
        with pytest.raises(InputError, match="cannot be traced"):
            dk.trace(schedule, 5.0)
        return
    graph = dk.trace(schedule, 5.0)
    for t in (0.0, 7.0, 33.0, 99.0):
        assert abs(graph(t) - schedule(t)) < 1e-15


@pytest.mark.parametrize("total", (1, 2, 3, 4, 10, 37))
def test_one_cycle_of_any_length_is_that_of_pytorch(total: int) -> None:
    schedule = dk.schedules.one_cycle(0.5, steps=total)
    for t in range(total):
        assert abs(schedule(t) - torch_one_cycle(t, 0.5, total)) < CLOSE
    assert schedule(total - 1) == pytest.approx(0.5 / 25 / 1e4, rel=1e-9)


def test_landmarks_of_one_cycle() -> None:
    schedule = dk.schedules.one_cycle(1.0, steps=100)
    assert schedule(0) == pytest.approx(1 / 25)
    assert schedule(29) == 1.0 and schedule(30) < 1.0
    assert schedule(99) == pytest.approx(4e-6) and schedule(500) == schedule(99)


def test_landmarks_of_the_cosine() -> None:
    schedule = dk.schedules.cosine(0.2, steps=50, minimum=0.1)
    assert schedule(0) == 0.2 and schedule(25) == pytest.approx(0.15)
    assert schedule(50) == schedule(80) == pytest.approx(0.1)


def test_schedules_take_their_length_from_the_training() -> None:
    optimizer = dk.optim.sgd(dk.schedules.cosine(0.2))
    assert optimizer.for_steps(50).rate_at(25) == pytest.approx(0.1)
    given = dk.optim.sgd(dk.schedules.cosine(0.2, steps=10))
    assert given.for_steps(50) == given
    with pytest.raises(InputError, match="how many updates"):
        optimizer.rate_at(0)


@pytest.mark.parametrize("rate", WRONG_RATES, ids=repr)
@pytest.mark.parametrize("name", ("constant", "step", "exponential", "cosine", "one_cycle"))
def test_schedules_refuse_wrong_rates(name: str, rate: Any) -> None:
    rest = {"step": (10,), "exponential": (0.9,)}.get(name, ())
    with pytest.raises(InputError, match="rate"):
        getattr(dk.schedules, name)(rate, *rest)


@pytest.mark.parametrize(
    "make",
    [
        lambda: dk.schedules.step(0.1, every=0),
        lambda: dk.schedules.step(0.1, every=2.5),  # type: ignore[arg-type]
        lambda: dk.schedules.step(0.1, every=5, factor=-1.0),
        lambda: dk.schedules.exponential(0.1, 0.0),
        lambda: dk.schedules.cosine(0.1, steps=0),
        lambda: dk.schedules.one_cycle(0.1, steps=-3),
        lambda: dk.schedules.one_cycle(0.1, rise=1.0),
        lambda: dk.schedules.one_cycle(0.1, momentum=(0.9, 0.8)),
        lambda: dk.schedules.constant(0.1, 0.5),
        lambda: dk.schedules.multi_step(0.1, []),
        lambda: dk.schedules.multi_step(0.1, [5, 0]),
        lambda: dk.schedules.linear(0.1, start=2.0),
        lambda: dk.schedules.polynomial(0.1, power=0.0),
        lambda: dk.schedules.cosine(0.1, minimum=0.2),
        lambda: dk.schedules.cosine_restarts(0.1, first=0),
        lambda: dk.schedules.cosine_restarts(0.1, first=5, growth=1.5),  # type: ignore[arg-type]
        lambda: dk.schedules.cyclic(0.1, 0.2, mode="square"),
        lambda: dk.schedules.cyclic(0.1, 0.2, up=0),
        lambda: dk.schedules.cyclic(0.1, -0.2),
        lambda: dk.schedules.reduce_on_plateau(0.1, factor=1.0),
        lambda: dk.schedules.reduce_on_plateau(0.1, patience=-1),
        lambda: dk.schedules.reduce_on_plateau(0.1, minimum=0.2),
        lambda: dk.schedules.scaled(0.1, lambda t: -1.0),
        lambda: dk.schedules.multiplicative(0.1, lambda t: 0.0),
        lambda: dk.schedules.sequential([], []),
        lambda: dk.schedules.cosine(0.1).per_epoch(0),
        lambda: dk.schedules.cosine(0.1).per_epoch()(3),
    ],
)
def test_schedules_refuse_wrong_settings(make: Any) -> None:
    with pytest.raises(InputError):
        make()


# Restarts, cycles, plateaus ----------------------------------------------------------------------


@pytest.mark.parametrize("growth", (1, 2, 3, 5))
@pytest.mark.parametrize("first", (1, 7, 10))
def test_restarts_are_exactly_where_they_belong(first: int, growth: int) -> None:
    schedule = schedules.cosine_restarts(0.5, first, growth)
    begin, length = 0, first
    while begin < 40_000:
        assert schedule(begin) == 0.5
        assert begin == 0 or schedule(begin - 1) < 0.5 or length // growth == 1
        begin, length = begin + length, length * growth
        if growth == 1 and begin > 40 * first:
            break


def test_the_momentum_turns_the_other_way_round() -> None:
    cycle: Any = schedules.one_cycle(1.0, 101, momentum=(0.85, 0.95))
    steps = np.arange(101)
    momenta = cycle.momentum_at(steps)
    assert momenta[0] == pytest.approx(0.95) and momenta.min() == pytest.approx(0.85, abs=1e-4)
    assert momenta.argmin() == cycle(steps).argmax() and momenta[-1] == pytest.approx(0.95)
    with pytest.raises(InputError, match="cycles the momentum"):
        dk.optim.sgd(cycle)


def test_a_plateau_lets_the_rate_fall() -> None:
    schedule: Any = schedules.reduce_on_plateau(1.0, factor=0.5, patience=1, minimum=0.2)
    assert [schedule.rate_after([1.0] * n) for n in range(8)] == [
        1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2
    ]  # fmt: skip
    assert schedule.rate_after([5, 4, 3, 2, 1]) == 1.0
    assert schedule.after({}).rate == 1.0


def bowl(w: Any, x: Any) -> Any:
    return 0.5 * np.mean((w - x) ** 2)


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_a_training_falls_from_plateau_to_plateau(engine: str) -> None:
    """Noise of single examples stops the progress; the rate falls, and the loss goes on falling."""
    x = np.random.default_rng(0).normal(size=40)
    schedule = schedules.reduce_on_plateau(0.5, factor=0.2, patience=2)
    run = dk.train(bowl, 3.0, (x,), optimizer=dk.optim.sgd(schedule), batch_size=1, epochs=30,
                   engine=engine)  # fmt: skip
    assert run.engine == engine
    rates = np.array(run.history["rate"]).reshape(30, 40)
    assert (rates == rates[:, :1]).all()
    losses = run.history["epoch_loss"]
    assert rates[:, 0].tolist() == [schedule.rate_after(losses[:n]) for n in range(30)]  # type: ignore[attr-defined]
    assert len(set(rates[:, 0])) >= 3 and losses[-1] < losses[3]


def test_a_plateau_watches_only_what_is_measured() -> None:
    schedule = schedules.reduce_on_plateau(0.5, monitor="validation_loss")
    with pytest.raises(InputError, match="is not measured"):
        dk.train(bowl, 3.0, (np.ones(4),), optimizer=dk.optim.sgd(schedule), epochs=2)
    run = dk.train(bowl, 3.0, (np.ones(4),), optimizer=dk.optim.sgd(schedule), epochs=2,
                   validation=(np.ones(3),))  # fmt: skip
    assert len(run.history["rate"]) == 2


# Combined ----------------------------------------------------------------------------------------


def test_warmup_plus_cosine() -> None:
    both = schedules.warmup(0.1, 10) + schedules.cosine(0.1)
    fitted = both.for_steps(110)
    assert fitted(10) == 0.1 and fitted(60) == pytest.approx(0.05) and fitted(0) < 0.002
    three = (
        schedules.warmup(0.1, 10)
        + schedules.constant(0.1, 1.0, steps=20)
        + (lambda t: 0.05 / (1 + t))
    )
    assert three(29) == 0.1 and three(30) == 0.05 and three(31) == 0.025
    assert three(np.arange(29, 32)).tolist() == [0.1, 0.05, 0.025]
    with pytest.raises(InputError, match="has no end"):
        _ = schedules.exponential(0.1, 0.9) + schedules.cosine(0.1)


def test_products_and_chains() -> None:
    product = 2.0 * schedules.exponential(0.1, 0.5) * schedules.linear(1.0, 4, start=0.5)
    assert product(2) == pytest.approx(2 * 0.1 * 0.25 * 0.75)
    with pytest.raises(InputError, match="share one base rate"):
        schedules.chained(schedules.constant(0.1), schedules.constant(0.2))
    with pytest.raises(InputError, match="rising milestones"):
        schedules.sequential([schedules.constant(0.1)] * 3, milestones=[5, 5])
    with pytest.raises(InputError, match="cannot be a part"):
        _ = 2 * schedules.reduce_on_plateau(0.1)


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_per_epoch_takes_the_epochs_of_the_training(engine: str) -> None:
    halves = dk.optim.sgd(schedules.step(0.4, every=2, factor=0.5).per_epoch())
    run = dk.train(bowl, 3.0, (np.ones(12),), batch_size=4, epochs=4, engine=engine,
                   optimizer=halves)  # fmt: skip
    assert run.history["rate"] == [0.4] * 6 + [0.2] * 6
    cosine = dk.optim.sgd(schedules.cosine(0.4).per_epoch()).for_steps(12, 3)
    assert cosine.rate_at(np.array([0, 2, 6, 8])).round(12).tolist() == [0.4, 0.4, 0.2, 0.2]


MIXED_UP = {
    "step": schedules.step(0.1, every=5),
    "milestones": schedules.multi_step(0.1, [5, 10]),
    "exponential": schedules.exponential(0.1, 0.9),
    "short": schedules.cosine(0.1, steps=20),
    "long": schedules.one_cycle(0.1, steps=100_000),
    "restarts": schedules.cosine_restarts(0.1, first=10),
    "cyclic": schedules.cyclic(0.1, 0.2, up=4),
    "late": schedules.warmup(0.1, 5000) + schedules.cosine(0.1),
    "epochs that are updates": schedules.cosine(0.1, steps=4000).per_epoch(),
    "stairs that are updates": schedules.step(0.1, every=1000).per_epoch(),
    "milestones that are updates": schedules.multi_step(0.1, [2000, 3000]).per_epoch(),
    "a factor of updates": schedules.exponential(0.1, 0.999).per_epoch(),
    "restarts that are updates": schedules.cosine_restarts(0.1, first=1000).per_epoch(),
    "cycles that are updates": schedules.cyclic(0.1, 0.2, up=1000).per_epoch(),
    "a falling line": schedules.linear(0.1, steps=20, start=1.0, end=0.01),
    "nothing left": schedules.cosine(0.1, steps=3000),
    "a function of epochs": schedules.scaled(0.1, lambda t: 0.5 ** (t // 5)),
    "a plain function of epochs": schedules.as_schedule(lambda t: 0.1 * 0.9**t),
}
IN_ORDER = (
    schedules.constant(0.1), schedules.step(0.1, every=5).per_epoch(),
    schedules.step(0.1, every=1000), schedules.cosine(0.1), schedules.one_cycle(0.1, steps=4000),
    schedules.exponential(0.1, 0.999), schedules.exponential(0.1, 0.9).per_epoch(),
    schedules.warmup(0.1, 100) + schedules.cosine(0.1), schedules.cyclic(0.1, 0.2, up=400),
    schedules.cosine_restarts(0.1, 10, 2), schedules.reduce_on_plateau(0.1),
    schedules.multi_step(0.1, [2000, 3000]), schedules.multi_step(0.1, [10, 15]).per_epoch(),
    schedules.linear(0.1, steps=400), schedules.scaled(0.1, lambda t: 0.999**t),
)  # fmt: skip


def trained(schedule: Schedule) -> Any:
    """20 epochs of 200 updates."""
    return dk.train(bowl, 3.0, (np.ones(200),), batch_size=1, epochs=20,
                    optimizer=dk.optim.sgd(schedule))  # fmt: skip


@pytest.mark.parametrize("name", MIXED_UP)
def test_mixed_up_units_are_said(name: str) -> None:
    schedule = MIXED_UP[name]
    with pytest.warns(ScheduleUnitsWarning, match=r"per_epoch\(\)") as told:
        trained(schedule)
    # and which way round it is
    assert (f"counts {schedule.counts} (" in str(told[0].message)) == (schedule.counts == "epochs")


def test_milestones_within_the_first_epochs_are_said() -> None:
    with pytest.warns(ScheduleUnitsWarning, match="lie early in 200 updates"):
        dk.train(bowl, 3.0, (np.ones(100),), batch_size=10, epochs=20,
                 optimizer=dk.optim.sgd(schedules.multi_step(0.1, [10, 15])))  # fmt: skip


@pytest.mark.parametrize("schedule", IN_ORDER, ids=repr)
def test_units_in_order_are_not_remarked_on(schedule: Schedule) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(schedule)


def test_a_kind_of_ones_own_says_what_it_lacks() -> None:
    class Empty(Schedule):
        pass

    with pytest.raises(InputError, match=r"Empty is no schedule yet.*\n?.*formula"):
        Empty(0.1)(0)
    with pytest.raises(InputError, match="does not cycle the momentum"):
        schedules.cosine(0.1, steps=9).momentum_at(0)
    nothing = dk.optim.Optimizer(0.1)
    with pytest.raises(InputError, match="has no init"):
        nothing.init(0.0)
    with pytest.raises(InputError, match="has no step"):
        nothing.update(0.0, (), 0.0, 0)


# The edge of stability of a quadratic ------------------------------------------------------------


@pytest.mark.parametrize(("rate", "falls"), ((0.0199, True), (0.0201, False)))
def test_two_over_the_largest_curvature_is_the_edge(rate: float, falls: bool) -> None:
    """λ = 1, 10, 100: 2/λmax = 0.02."""
    w = np.ones(3)
    for _ in range(2000):
        w = w - rate * EIGENVALUES * w
    assert (np.linalg.norm(w) < 1e-6) == falls
    assert (np.linalg.norm(w) > 1e6) != falls


# A function of the step ------------------------------------------------------------------------


def test_a_function_of_the_step_is_a_schedule() -> None:
    optimizer = dk.optim.adam(lambda t: 0.1 / (1 + t))
    assert [optimizer.rate_at(t) for t in range(3)] == [0.1, 0.05, 0.1 / 3]
    rates = [0.5, 0.25, 0.125]
    x = np.ones(2)
    run = dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (x,), epochs=3,
                   optimizer=dk.optim.sgd(lambda t: rates[t]))  # fmt: skip
    assert run.history["rate"] == rates
    assert "0x" not in repr(run.optimizer)  # it is saved, and the same every time


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (lambda t: 0.1 * t, "step 0 must be a positive number, not 0"),
        (lambda t: -0.1, "step 0 must be a positive number, not -0.1"),
        (lambda t: 1 / t, "fails at step 0: division by zero"),
        (lambda: 0.1, "fails at step 0: .*positional argument"),
        (lambda t: "fast", "step 0 is a str, not a number"),
        (dk.schedules.step, "fails at step 0: .*every"),
    ],
)
def test_a_function_that_gives_no_rate_is_refused_at_once(rate: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dk.optim.sgd(rate)


@pytest.mark.parametrize("bad", (0.0, math.nan, math.inf))
def test_a_function_is_checked_at_every_step(bad: float) -> None:
    optimizer = dk.optim.sgd(lambda t: 0.1 if t < 4 else bad)
    with pytest.raises(InputError, match=f"at step 4 must be a positive number, not {bad}"):
        dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (np.ones(2),), optimizer=optimizer,
                 epochs=9)  # fmt: skip
