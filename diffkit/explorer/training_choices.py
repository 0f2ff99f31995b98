"""What a page can train: small data sets, nets by their hidden layers, and what they are made of.

Everything here is the library's own by its usual names; the limits keep a training small enough
to be watched, and a page from asking for hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets import models
from diffkit.nets.net import Net
from diffkit.optim import schedules
from diffkit.optim.schedule import Schedule
from diffkit.training.choices import LOSSES, OPTIMIZERS, SCHEDULES, losses_for
from diffkit.training.preparing import Prepared, prepared

__all__ = [
    "Settings", "choices", "code_of", "data_of", "grid_points", "loss_of", "net_of", "rate_of",
    "schedule_of", "schedule_rates", "settings_of",
]  # fmt: skip

DRAWN = {
    "two-moons": "two moons", "circles": "circles", "spirals": "spirals", "xor": "exclusive or",
    "sine": "a sine with noise", "steps": "steps with noise",
}  # fmt: skip
REAL = {"iris": "iris flowers", "wine": "wines", "breast-cancer": "breast cancer",
        "digits": "handwritten digits"}  # fmt: skip
PLANE = ("two-moons", "circles", "spirals", "xor")  # two inputs: a boundary can be drawn
NETS: dict[str, tuple[tuple[int, ...], str]] = {
    "linear": ((), "tanh"),
    "tanh 8": ((8,), "tanh"),
    "tanh 16-16": ((16, 16), "tanh"),
    "relu 16-16": ((16, 16), "relu"),
    "sigmoid 8-8-8-8": ((8, 8, 8, 8), "sigmoid"),
    "tanh 8-8-8-8-8-8": ((8,) * 6, "tanh"),
    "relu 8-8-8-8-8-8": ((8,) * 6, "relu"),
}
CYCLES = 4  # of a schedule that repeats
RISING = 10  # parts of a training, of which the first is the warm-up

# Schedules that repeat, or are made of two, over so many updates.
ALL: dict[str, Callable[[float, int], Schedule]] = SCHEDULES | {
    "cosine-restarts": lambda rate, n: schedules.cosine_restarts(rate, max(1, n // CYCLES)),
    "cyclic": lambda rate, n: schedules.cyclic(rate / CYCLES, rate, max(1, n // (2 * CYCLES))),
    "warmup-cosine": lambda rate, n: (
        schedules.warmup(rate, max(1, n // RISING)) + schedules.cosine(rate)
    ),
}
FIXED = [name for name in ALL if name != "reduce-on-plateau"]  # whose rate is known beforehand

WHOLE = ("lbfgs", "newton-cg")  # these look at all data many times in an epoch
MOST_EPOCHS, MOST_UPDATES, MOST_STEPS = 2_000, 200_000, 10_000
LEAST_RATE, MOST_RATE = 1e-12, 1e3
MARGIN = 0.4  # around the data of a picture
GRID = 48  # points of a boundary along each side


@dataclass(frozen=True)
class Settings:
    """What a training is made of, by name."""

    dataset: str = "two-moons"
    net: str = "tanh 16-16"
    loss: str = "cross-entropy"
    optimizer: str = "adam"
    schedule: str = "constant"
    batch: int = 20
    rate: float = 0.02
    seed: int = 0
    epochs: int = 150


def settings_of(body: Mapping[str, Any]) -> Settings:
    """The settings of a request, each checked; what is left out is the default's.

    Raises
    ------
    InputError
        For an unknown name, or a number that is out of range.

    >>> settings_of({"rate": 0.1}).rate
    0.1
    """
    asked = asdict(Settings()) | {key: value for key, value in body.items() if value is not None}
    name, net = asked["dataset"], asked["net"]
    _chosen(name, datasets(), "data set")
    _chosen(net, NETS, "net")
    if body.get("loss") is None:
        asked["loss"] = losses_of(name)[0]
    _chosen(asked["loss"], losses_of(name), f"loss for {name}")
    _chosen(asked["optimizer"], optimizers(), "optimizer")
    _chosen(asked["schedule"], ALL, "schedule")
    batch = _count("batch", asked["batch"], 1, 10_000)
    epochs = _count("epochs", asked["epochs"], 1, MOST_EPOCHS)
    seed = _count("seed", asked["seed"], 0, 2**31)
    rate = rate_of(asked["rate"])
    updates = epochs * math.ceil(len(data_of(name).training[0]) / batch)
    if updates > MOST_UPDATES:
        raise InputError(
            f"{updates:,} updates are more than {MOST_UPDATES:,}",
            hint="take fewer epochs or larger batches.",
        )
    return Settings(
        name, net, asked["loss"], asked["optimizer"], asked["schedule"], batch, rate, seed, epochs
    )


def _chosen(name: Any, known: Any, what: str) -> None:
    if not isinstance(name, str) or name not in known:
        raise InputError(f"there is no {what} {name!r:.40}", hint=f"there are {', '.join(known)}.")


def _count(name: str, value: Any, least: int, most: int) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise InputError(f"{name}={value!r:.20} is no number from {least} to {most:,}")
    return value


def rate_of(value: Any) -> float:
    """A learning rate that a page sends.

    Raises
    ------
    InputError
        When it is not a positive number of a sensible size.
    """
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not real or not LEAST_RATE <= value <= MOST_RATE:
        raise InputError(
            f"the rate {value!r:.20} is no number from {LEAST_RATE:g} to {MOST_RATE:g}",
            hint="try 0.01.",
        )
    return float(value)


def datasets() -> dict[str, str]:
    """The data sets with their titles; real ones where scikit-learn is installed."""
    return DRAWN | (REAL if find_spec("sklearn") is not None else {})


def optimizers() -> list[str]:
    """The optimizers that make an update from every batch."""
    return [name for name in OPTIMIZERS if name not in WHOLE]


@cache
def data_of(name: str) -> Prepared:
    """A data set, split and standardised, the same every time."""
    return prepared({"data": name})


def losses_of(name: str) -> list[str]:
    """The losses that fit a data set, the usual one first."""
    return losses_for("mlp", classes=name not in ("sine", "steps"))


def net_of(settings: Settings) -> Net:
    """The net of a training, for its data.

    >>> net_of(Settings(net="tanh 8")).parameter_count
    42
    """
    data = data_of(settings.dataset)
    hidden, activation = NETS[settings.net]
    outputs = len(data.dataset.classes) or data.training[1].shape[1]
    return models.mlp([data.training[0].shape[1], *hidden, outputs], activation=activation)


def loss_of(settings: Settings) -> Any:
    """The net's objective."""
    return net_of(settings).with_loss(LOSSES[settings.loss])


def schedule_of(name: str, rate: float, updates: int, per_epoch: int | None = None) -> Schedule:
    """A schedule by name, fitted to so many updates."""
    return ALL[name](rate, updates).for_steps(updates, per_epoch)


def grid_points(data: Prepared) -> tuple[np.ndarray, list[float]] | None:
    """The points of a picture of the plane, rows from the bottom up, and its extent."""
    x = data.training[0]
    if x.shape[1] != 2 or x.ndim != 2:
        return None
    low, high = x.min(axis=0) - MARGIN, x.max(axis=0) + MARGIN
    axes = [np.linspace(low[i], high[i], GRID) for i in (0, 1)]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    return points, [float(low[0]), float(high[0]), float(low[1]), float(high[1])]


def choices() -> dict[str, Any]:
    """What can be chosen, and what is chosen unless something else is."""
    rows = [{"name": name, "title": title, "losses": losses_of(name), "plane": name in PLANE}
            for name, title in datasets().items()]  # fmt: skip
    return {
        "datasets": rows, "nets": list(NETS), "losses": list(LOSSES),
        "optimizers": optimizers(), "schedules": list(ALL),
        "defaults": asdict(Settings()),
        "most": {"epochs": MOST_EPOCHS, "updates": MOST_UPDATES, "rate": MOST_RATE},
    }  # fmt: skip


def schedule_rates(body: Mapping[str, Any], own: Any = None) -> dict[str, Any]:
    """The rates of several schedules over the steps, with their formulas.

    Raises
    ------
    InputError
        For an unknown schedule, or numbers out of range.

    >>> found = schedule_rates({"names": ["cosine"], "rate": 0.1, "steps": 3})
    >>> [round(rate, 4) for rate in found["rates"]["cosine"]]
    [0.1, 0.075, 0.025]
    """
    names = body.get("names") or ["constant", "cosine", "one-cycle"]
    if not isinstance(names, list):
        raise InputError('"names" is no list of schedules', hint='send {"names": ["cosine"]}.')
    for name in names:
        _chosen(name, FIXED, "schedule")
    steps = _count("steps", body.get("steps", 200), 2, MOST_STEPS)
    rate = rate_of(body.get("rate", 0.1))
    made = {name: schedule_of(name, rate, steps) for name in dict.fromkeys(names)}
    t = np.arange(steps)
    return {
        "step": t.tolist(),
        "rates": {name: np.asarray(schedule(t)).tolist() for name, schedule in made.items()},
        "formula": {name: _formula(schedule) for name, schedule in made.items()},
        "made": {name: repr(schedule) for name, schedule in made.items()},
        "available": list(FIXED),
    }


def _formula(schedule: Schedule) -> str:
    """The first sentence about a schedule, which is its formula."""
    return (type(schedule).__doc__ or "").partition("\n")[0].rstrip(".")


# The same training as code ---------------------------------------------------------------------

# Optimizers that are called something else in ``dk.optim``.
CALLED = {"gd": "gradient_descent({})", "momentum": "sgd({}, momentum=0.9)",
          "nesterov": "sgd({}, momentum=0.9, nesterov=True)"}  # fmt: skip
AS_THEY_ARE = ("digits",)  # pixels are not standardised


def code_of(settings: Settings) -> str:
    """The same training as Python code, its rate as the schedule has it.

    >>> print(code_of(Settings(net="tanh 8")).splitlines()[5])
    net = dk.nets.mlp([2, 8, 2], activation="tanh")
    """
    name, data = settings.dataset, data_of(settings.dataset)
    sizes = [shape[-1] for shape in net_of(settings).shapes]
    batch = min(settings.batch, len(data.training[0]))
    updates = -(-len(data.training[0]) // batch) * settings.epochs
    schedule = schedule_of(settings.schedule, settings.rate, updates)
    rate = " + ".join(f"dk.schedules.{part!r}" for part in getattr(schedule, "parts", [schedule]))
    optimizer = CALLED.get(settings.optimizer, f"{settings.optimizer}({{}})").format(rate)
    lines = ["import diffkit as dk", "", f'data = dk.datasets.load("{name}")']
    if data.held_out:
        lines.append("x, x_test, y, y_test = data.split()")
    else:
        lines.append("x = x_test = data.x\ny = y_test = data.y")
    if name not in AS_THEY_ARE:
        lines.append("x, x_test, _ = dk.datasets.standardise(x, x_test)")
    if not data.dataset.classes:
        lines.append("y, y_test = (y - y.mean()) / y.std(), (y_test - y.mean()) / y.std()")
    return "\n".join([
        *lines,
        f'net = dk.nets.mlp({sizes}, activation="{NETS[settings.net][1]}")',
        f"loss = net.with_loss(dk.losses.{LOSSES[settings.loss]!r})",
        "run = dk.train(",
        f"    loss, net.init({settings.seed}), (x, y),",
        f"    optimizer=dk.optim.{optimizer},",
        f"    batch_size={batch}, epochs={settings.epochs}, seed={settings.seed},",
        "    validation=(x_test, y_test),",
        ")",
        "run.plot()",
        "",
    ])  # fmt: skip
