"""Optimizers and schedules beside PyTorch's own, where it is installed.

Trajectories of 50 updates in float64 agree to 1e-10, and the rates of schedulers run side by side
to 1e-12.  The same rules stand as scalar loops in ``test_optim.py``, which needs no PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.optim.optimizers import ALL_OPTIMIZERS, SGD, Lion, Optimizer
from diffkit.optim.schedules import ALL_SCHEDULES, OfStep, Product, Schedule

torch = pytest.importorskip("torch", minversion="2.0")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

STEPS, CLOSE = 50, 1e-10
START = {"w": np.array([[1.5, -0.7, 2.0], [0.3, -1.1, 0.9]]), "b": np.array([0.4, -2.0])}
kit = dk.optim

# One row for each rule: ours, PyTorch's of a list of parameters, and what comes before its step.
PAIRS: dict[str, tuple[Optimizer, Callable[[Any], Any]]] = {
    "sgd": (kit.sgd(0.05), lambda p: torch.optim.SGD(p, lr=0.05)),
    "momentum": (kit.sgd(0.05, 0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "nesterov": (
        kit.nesterov(0.05),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    ),
    "adagrad": (kit.adagrad(0.1), lambda p: torch.optim.Adagrad(p, lr=0.1)),
    "adagrad with decay": (
        kit.adagrad(0.1, decay=0.03, start=0.2),
        lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.03, initial_accumulator_value=0.2),
    ),
    "rmsprop": (kit.rmsprop(0.01), lambda p: torch.optim.RMSprop(p, lr=0.01)),
    "rmsprop, centered": (
        kit.rmsprop(0.01, momentum=0.9, centered=True),
        lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    ),
    "adadelta": (kit.adadelta(), lambda p: torch.optim.Adadelta(p, lr=1.0)),
    "adam": (kit.adam(0.05), lambda p: torch.optim.Adam(p, lr=0.05)),
    "adamw": (kit.adamw(0.05, decay=0.1), lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.1)),
    "nadam": (kit.nadam(0.05), lambda p: torch.optim.NAdam(p, lr=0.05)),
    "amsgrad": (kit.amsgrad(0.05), lambda p: torch.optim.Adam(p, lr=0.05, amsgrad=True)),
    "L2": (
        kit.weight_decay(kit.adam(0.05), 0.1, decoupled=False),
        lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.1),
    ),
}
CLIPS: dict[str, tuple[Optimizer, Callable[[Any], Any]]] = {
    "values": (
        kit.clip_values(kit.sgd(0.05, 0.9), 0.5),
        lambda p: torch.nn.utils.clip_grad_value_(p, 0.5),
    ),
    "norm": (
        kit.clip_norm(kit.sgd(0.05, 0.9), 0.8),
        lambda p: torch.nn.utils.clip_grad_norm_(p, 0.8),
    ),
}


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """PyTorch keeps counters and products of momenta (NAdam) in its default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def hilly(params: dict[str, Any], xp: Any = np) -> Any:
    """A loss without a term that drops out: not quadratic, not separable."""
    w, b = params["w"], params["b"]
    total = (w * w).sum() * 0.6 + xp.cos(w[0] * w[1] + b.sum()).sum() + (b**4).sum() * 0.1
    return total + xp.sin(w.sum())


def ours(optimizer: Optimizer) -> list[Any]:
    slope, params = dk.grad(hilly, engine="interpret"), START
    state, path = optimizer.init(params), []
    for t in range(STEPS):
        params, state = optimizer.update(slope(params), state, params, t)
        path.append(params)
    return path


def theirs(make: Callable[[Any], Any], before: Callable[[Any], Any] = lambda p: None) -> list[Any]:
    params = {name: torch.tensor(w, requires_grad=True) for name, w in START.items()}
    leaves = list(params.values())
    optimizer, path = make(leaves), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        hilly(params, torch).backward()
        before(leaves)
        optimizer.step()
        path.append({name: w.detach().numpy().copy() for name, w in params.items()})
    return path


def furthest(one: Iterable[Any], other: Iterable[Any]) -> float:
    pairs = zip(one, other, strict=True)
    return max(float(np.abs(a[name] - b[name]).max()) for a, b in pairs for name in START)


@pytest.mark.parametrize("name", PAIRS)
def test_trajectories_are_those_of_pytorch(name: str) -> None:
    optimizer, make = PAIRS[name]
    path = ours(optimizer)
    assert furthest(path, theirs(make)) < CLOSE
    assert furthest(path[:1], path[-1:]) > 0.1  # it went somewhere


@pytest.mark.parametrize("name", CLIPS)
def test_clipped_trajectories_are_those_of_pytorch(name: str) -> None:
    optimizer, clip = CLIPS[name]
    make = lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)  # noqa: E731
    assert furthest(ours(optimizer), theirs(make, clip)) < CLOSE
    assert furthest(ours(optimizer), theirs(make)) > 1e-3


def test_every_kind_of_optimizer_has_a_row() -> None:
    rows = [*(pair[0] for pair in PAIRS.values()), *(pair[0] for pair in CLIPS.values())]
    assert {type(o) for o in ALL_OPTIMIZERS} - {Lion} == {type(row) for row in rows}


def test_lbfgs_without_a_search_is_that_of_pytorch() -> None:
    x = np.array([[0.0]])
    found = dk.train(lambda p, x: hilly(p) + 0.0 * np.sum(x), START, (x,),
                     optimizer=kit.lbfgs(0.1, memory=5, search=False), epochs=20)  # fmt: skip
    params = {name: torch.tensor(w, requires_grad=True) for name, w in START.items()}
    # trees are taken in the order of their keys
    leaves = [params[name] for name in sorted(params)]
    optimizer = torch.optim.LBFGS(leaves, lr=0.1, max_iter=1, history_size=5)

    def closure() -> Any:
        optimizer.zero_grad()
        value = hilly(params, torch)
        value.backward()
        return value

    for _ in range(20):
        optimizer.step(closure)
    ends = {name: w.detach().numpy() for name, w in params.items()}
    assert furthest([found.params], [ends]) < CLOSE


# Schedules ---------------------------------------------------------------------------------------


def scheduler_of(schedule: Schedule, optimizer: Any) -> Any:
    """PyTorch's scheduler for one of ours."""
    made = torch.optim.lr_scheduler
    s: Any = schedule
    match type(schedule).__name__:
        case "Constant":
            return made.ConstantLR(optimizer, s.factor, s.steps or 1)
        case "Step":
            return made.StepLR(optimizer, s.every, s.factor)
        case "MultiStep":
            return made.MultiStepLR(optimizer, list(s.milestones), s.factor)
        case "Exponential":
            return made.ExponentialLR(optimizer, s.factor)
        case "Linear":
            return made.LinearLR(optimizer, s.start, s.end, s.steps)
        case "Polynomial":
            return made.PolynomialLR(optimizer, s.steps, s.power)
        case "Cosine":
            return made.CosineAnnealingLR(optimizer, s.steps, s.minimum)
        case "CosineRestarts":
            return made.CosineAnnealingWarmRestarts(optimizer, s.first, s.growth, s.minimum)
        case "Cyclic":
            low, high = s.momentum or (0.8, 0.9)
            return made.CyclicLR(optimizer, s.rate, s.high, s.up, s.down, s.mode, s.factor,
                                 cycle_momentum=bool(s.momentum), base_momentum=low,
                                 max_momentum=high)  # fmt: skip
        case "OneCycle":
            low, high = s.momentum or (0.85, 0.95)
            return made.OneCycleLR(optimizer, s.rate, s.steps, pct_start=s.rise,
                                   div_factor=s.start, final_div_factor=s.end,
                                   cycle_momentum=bool(s.momentum), base_momentum=low,
                                   max_momentum=high)  # fmt: skip
        case "Scaled":
            return made.LambdaLR(optimizer, s.function)
        case "Multiplicative":
            return made.MultiplicativeLR(optimizer, s.function)
        case "Sequential":
            parts = [scheduler_of(part, optimizer) for part in s.parts]
            return made.SequentialLR(optimizer, parts, list(s.milestones))
        case "Chained":
            return made.ChainedScheduler([scheduler_of(part, optimizer) for part in s.parts])
    raise AssertionError(schedule)


def torch_rates(schedule: Schedule, steps: int) -> tuple[list[float], list[float]]:
    """The rates and momenta of PyTorch's scheduler, update by update."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=schedule.rate, momentum=0.9)
    rates, momenta = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = scheduler_of(schedule, optimizer)
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            momenta.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            scheduler.step()
    return rates, momenta


OTHERS = {"ReduceOnPlateau", "OfStep", "Product", "PerEpoch"}
SIDE_BY_SIDE = [
    *(schedule for schedule in ALL_SCHEDULES if type(schedule).__name__ not in OTHERS),
    dk.schedules.one_cycle(0.3, 110, momentum=(0.8, 0.95)),
    dk.schedules.cyclic(0.01, 0.2, 7, 12, momentum=(0.6, 0.9)),
    dk.schedules.cosine_restarts(0.1, 7, 3),
    dk.schedules.step(0.1, 10, 0.3),
]


@pytest.mark.parametrize("schedule", SIDE_BY_SIDE, ids=repr)
def test_rates_are_those_of_pytorch(schedule: Schedule) -> None:
    rates, momenta = torch_rates(schedule, 100)
    steps = np.arange(100)
    assert np.abs(schedule(steps) - rates).max() < 1e-12
    if schedule.cycles_momentum:
        assert np.abs(schedule.momentum_at(steps) - momenta).max() < 1e-12


@pytest.mark.parametrize(
    "options",
    (
        {"factor": 0.5, "patience": 2},
        {"factor": 0.3, "patience": 0, "cooldown": 3, "minimum": 0.004},
        {"factor": 0.9, "patience": 1, "threshold": 0.05},
        {"factor": 0.5, "patience": 1, "monitor": "accuracy"},
    ),
    ids=str,
)
def test_reduce_on_plateau_is_that_of_pytorch(options: dict[str, Any]) -> None:
    measured = 1 / (1 + 0.05 * np.arange(60)) + np.random.default_rng(0).normal(size=60) * 0.05
    schedule: Any = dk.schedules.reduce_on_plateau(0.1, **options)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if schedule.rises else "min", factor=schedule.factor,
        patience=schedule.patience, threshold=schedule.threshold, cooldown=schedule.cooldown,
        min_lr=schedule.minimum,
    )  # fmt: skip
    falls = 0
    for epochs in range(1, 61):
        before = optimizer.param_groups[0]["lr"]
        scheduler.step(measured[epochs - 1])
        rate = optimizer.param_groups[0]["lr"]
        falls += rate < before
        assert abs(schedule.rate_after(measured[:epochs]) - rate) < 1e-15
    assert falls > 2


def test_momentum_follows_the_cycle_as_in_pytorch() -> None:
    """OneCycleLR turns the momentum of SGD, and β₁ of Adam, the other way round."""
    cycle = dk.schedules.one_cycle(0.05, STEPS, momentum=(0.5, 0.9))
    for optimizer, make in (
        (kit.sgd(cycle, 0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        (kit.adam(cycle), lambda p: torch.optim.Adam(p, lr=0.05)),
    ):
        params = {name: torch.tensor(w, requires_grad=True) for name, w in START.items()}
        other = make(list(params.values()))
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            other, 0.05, STEPS, base_momentum=0.5, max_momentum=0.9
        )
        path = []
        for _ in range(STEPS):
            other.zero_grad()
            hilly(params, torch).backward()
            other.step()
            scheduler.step()
            path.append({name: w.detach().numpy().copy() for name, w in params.items()})
        assert furthest(ours(optimizer), path) < CLOSE


def test_schedules_without_a_counterpart_are_known() -> None:
    left = {type(s) for s in ALL_SCHEDULES if type(s).__name__ in OTHERS}
    assert {OfStep, Product} <= left and len(left) == len(OTHERS)
    assert SGD(0.1) in ALL_OPTIMIZERS
