"""Schedules once more, each rate from the one before, as PyTorch's schedulers compute them.

    StepLR: η ← γη every s steps       LinearLR: η ← η (1 + (b − a)/(Ta + (t − 1)(b − a)))   …

A closed form can be asked for any step; a recurrence is what a training loop in PyTorch follows.
That both give the same rates is one of the checks of this library (to 1e-12, in tests and in the
gallery), so they are written down apart.  Source: the documentation and the source of
``torch.optim.lr_scheduler``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

__all__ = ["rates_by_recurrence"]


def rates_by_recurrence(schedule: Any, total: int) -> Iterator[float]:
    """The rates of steps 0…total − 1, each from the one before where PyTorch has it so.

    >>> from diffkit.optim.schedules import exponential
    >>> list(rates_by_recurrence(exponential(1.0, 0.5), 3))
    [1.0, 0.5, 0.25]
    """
    name = type(schedule).__name__
    if name == "Sequential":
        yield from _in_turn(schedule, total)
        return
    if name == "CosineRestarts":
        yield from _with_restarts(schedule, total)
        return
    by_phase = {"OneCycle": _one_cycle, "Cyclic": _cyclic}.get(name)
    rate = schedule(0)
    for t in range(total):
        if by_phase is not None:
            rate = by_phase(schedule, t)
        elif t:
            rate = _next(schedule, t, rate)
        yield rate


def _next(s: Any, t: int, rate: float) -> float:
    """The rate of step t > 0 from that of the step before."""
    match type(s).__name__:
        case "Constant":
            return rate / s.factor if t == s.steps else rate
        case "Step":
            return rate * s.factor if t % s.every == 0 else rate
        case "MultiStep":
            return rate * s.factor ** s.milestones.count(t)
        case "Exponential":
            return rate * s.factor
        case "Linear":
            return rate * _line(s, t) if t <= s.steps else rate
        case "Polynomial":
            left = (1 - t / s.steps) / (1 - (t - 1) / s.steps) if t < s.steps else 0.0
            return rate * left**s.power
        case "Cosine":
            before, now = (1 + math.cos(math.pi * k / s.steps) for k in (t - 1, t))
            return s.minimum + (rate - s.minimum) * now / before
        case "OfStep" | "Scaled":
            return rate * s.function(t) / s.function(t - 1)
        case "Multiplicative":
            return rate * s.function(t)
        case "Product" | "Chained":
            return rate * math.prod(part(t) / part(t - 1) for part in s.parts)
        case "PerEpoch":
            return _next(s.inner, t // s.updates, rate) if t % s.updates == 0 else rate
    return rate  # a plateau: nothing has been measured


def _line(s: Any, t: int) -> float:
    slope = s.end - s.start
    return 1 + slope / (s.steps * s.start + (t - 1) * slope)


def _in_turn(s: Any, total: int) -> Iterator[float]:
    ends = (*s.milestones, total)
    for part, start, end in zip(s.parts, s.starts, ends, strict=True):
        yield from rates_by_recurrence(part, end - start)


def _with_restarts(s: Any, total: int) -> Iterator[float]:
    since, length = -1, s.first
    for _ in range(total):
        since += 1
        if since == length:
            since, length = 0, length * s.growth
        yield s.minimum + (s.rate - s.minimum) * (1 + math.cos(math.pi * since / length)) / 2


def _cyclic(s: Any, t: int) -> float:
    total = s.up + (s.down or s.up)
    ratio, cycle = s.up / total, math.floor(1 + t / total)
    x = 1 + t / total - cycle
    height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
    shrunk = {"triangular": 1.0, "triangular2": 1 / 2 ** (cycle - 1), "exp_range": s.factor**t}
    return s.rate + (s.high - s.rate) * height * shrunk[s.mode]


def _one_cycle(s: Any, t: int) -> float:
    first = s.rate / s.start
    begin, peak, last = 0.0, s.rise * s.length - 1, s.length - 1
    phases = [(begin, peak, first, s.rate), (peak, last, s.rate, first / s.end)]
    begin, end, low, high = phases[0] if t <= peak else phases[1]
    share = (t - begin) / (end - begin)
    return high + (low - high) / 2 * (math.cos(math.pi * share) + 1)
