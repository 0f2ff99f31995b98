"""What every optimizer is: a pure pair (init, update) whose update is a function of scalars.

    state = init(params)        params, state = update(gradients, state, params, t)

An update depends on its number t through a few scalars only (the rate, Adam's corrections), so it
is written as ``update(…, t) = step(…, scalars(t))``: one graph of ``step`` serves all updates of a
training, with the scalars as data.  An optimizer of your own may define ``update`` alone.

Nothing is hidden and nothing is changed in place, so an update is a function like any other: it
can be captured as a graph, differentiated and counted (the form is that of Optax's gradient
transformations).  Trees of arrays are handled leaf by leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import optree

from diffkit.errors import InputError
from diffkit.graph.notebook import as_facts
from diffkit.optim.schedule import Rate, as_schedule, is_number

__all__ = ["Optimizer", "check_share", "check_size", "mean_of", "settings_of", "tree_map"]


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to the leaves of trees of one structure."""
    return optree.tree_map(f, tree, *rest)


def mean_of(share: float, means: Any, news: Any) -> Any:
    """Running means, βm + (1 − β)x, leaf by leaf."""
    return tree_map(lambda m, x: share * m + (1 - share) * x, means, news)


def check_share(optimizer: str, **shares: Any) -> None:
    """Refuse a share of a running mean that is not a number from 0 to below 1.

    Raises
    ------
    InputError
        Naming the setting.
    """
    for name, share in shares.items():
        if not (is_number(share) and 0 <= share < 1):
            raise InputError(
                f"{optimizer} needs 0 ≤ {name} < 1, not {share!r}",
                hint="the nearer to 1, the longer the memory; try 0.9.",
            )


def check_size(optimizer: str, zero: bool = False, **sizes: Any) -> None:
    """Refuse a setting that is not a finite positive number (or zero, with ``zero``).

    Raises
    ------
    InputError
        Naming the setting.
    """
    for name, size in sizes.items():
        if not (is_number(size) and (size > 0 or (zero and size == 0))):
            raise InputError(
                f"{optimizer} needs {name} {'≥' if zero else '>'} 0, not {size!r}",
                hint="leave it out for the default." if name == "eps" else "",
            )


@dataclass(frozen=True)
class Optimizer:
    """The base of all optimizers: a rule, and a rate (number, schedule or function of the step)."""

    # Whether a gradient that is not finite makes parameters that are not.
    carries_on: ClassVar[bool] = True

    rate: Rate
    _repr_html_ = as_facts

    def __post_init__(self) -> None:
        schedule = as_schedule(self.rate)
        if callable(self.rate):
            object.__setattr__(self, "rate", schedule)

    def rate_at(self, t: Any) -> Any:
        """The learning rate of update t (from 0), or of an array of updates."""
        return as_schedule(self.rate)(t)

    def for_steps(self, total: int, per_epoch: int | None = None) -> Optimizer:
        """The optimizer with its schedule fitted to a training of ``total`` updates."""
        return replace(self, rate=as_schedule(self.rate).for_steps(total, per_epoch))

    def after(self, history: dict[str, Any]) -> Optimizer:
        """The optimizer for the next epoch, given what was measured after those before.

        Only schedules that watch the training (``reduce_on_plateau``) make a difference.
        """
        schedule = as_schedule(self.rate)
        return replace(self, rate=schedule.after(history)) if schedule.watches else self

    def init(self, params: Any) -> Any:
        """The state before the first update, a tree of arrays.

        Raises
        ------
        InputError
            By an optimizer that does not define it.
        """
        raise self.undefined("init(self, params)", "() where it needs no state")

    def scalars(self, t: Any) -> dict[str, Any]:
        """What the update needs of its number t (or of an array of them), by name."""
        return {"rate": self.rate_at(t)}

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        """The parameters and the state after the update whose scalars these are.

        Raises
        ------
        InputError
            By an optimizer that defines neither this nor ``update``.
        """
        raise self.undefined(
            "step(self, gradients, state, params, scalars)", "new parameters and a new state"
        )

    def undefined(self, method: str, gives: str) -> InputError:
        """The error of an optimizer that lacks a method."""
        name = method.partition("(")[0]
        return InputError(
            f"{type(self).__name__} is no optimizer yet: it has no {name}",
            hint=f"define {method}, which returns {gives}.",
        )

    def update(self, gradients: Any, state: Any, params: Any, t: Any) -> tuple[Any, Any]:
        """The parameters and the state after update t."""
        return self.step(gradients, state, params, self.scalars(t))


def settings_of(optimizer: Optimizer, kinds: Sequence[type]) -> tuple[Any, ...] | None:
    """All that the graph of a step depends on, or None for a class that is not among ``kinds``.

    The rate is data of the step and no setting; an optimizer within a wrapper is followed.

    >>> settings_of(Optimizer(0.1), [])
    """
    if type(optimizer) not in kinds:
        return None
    found: list[Any] = [type(optimizer)]
    for field in fields(optimizer):
        value = getattr(optimizer, field.name)
        if isinstance(value, Optimizer):
            value = settings_of(value, kinds)
            if value is None:
                return None
        if field.name != "rate":
            found.append(value)
    return tuple(found)
