"""Nets, losses, optimizers and schedules, written down as JSON and built again."""

from __future__ import annotations

import json
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError
from diffkit.nets.layers import Dense
from diffkit.optim.optimizers import ALL_OPTIMIZERS, FULL_BATCH_OPTIMIZERS
from diffkit.optim.schedules import ALL_SCHEDULES
from diffkit.training.describing import described, rebuilt

Cut = namedtuple("Cut", "w b")  # a tree node of one's own
NET = dk.nets.mlp([4, 6, 3], activation="tanh")
LOSS = NET.with_loss(dk.losses.cross_entropy, l2=1e-3)
VALUES = (
    *ALL_OPTIMIZERS, *FULL_BATCH_OPTIMIZERS, *dk.losses.ALL_LOSSES, NET, LOSS,
    *[schedule for schedule in ALL_SCHEDULES if not hasattr(schedule, "function")],
    dk.nets.cnn((8, 8, 1), (4,), 3), dk.losses.huber(0.5), dk.nets.softmax_classifier(3, 2),
    dk.nets.mlp([2, 3, 1], activation=dk.nets.leaky_relu, initializer="he"),
    None, True, 3, 2.5, float("inf"), "text", [1, [2.0, None]], (1, (2,)), {"a": 1, 2: (3,)},
    np.float32(0.1), np.arange(6).reshape(2, 3), np.array(1.5), list(range(40)), [[0.5, 1.5]] * 20,
)  # fmt: skip


@pytest.mark.parametrize("aside", (False, True))
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_what_is_written_down_is_built_again(value: Any, aside: bool) -> None:
    arrays: dict[str, np.ndarray] | None = {} if aside else None
    text = json.dumps(described(value, arrays), allow_nan=False)
    again = rebuilt(json.loads(text), arrays)
    assert type(again) is type(value) and repr(again) == repr(value)
    assert isinstance(value, np.ndarray) or again == value


@pytest.mark.parametrize(
    "value", (print, lambda x: x, object(), {(1, 2): 3}, np.array(["a"]), Cut(1, 2), {1, 2},
              Dense(3, activation=np.sin))
)  # fmt: skip
def test_what_cannot_be_written_down(value: Any) -> None:
    with pytest.raises(InputError, match="cannot be written down"):
        described(value)


@pytest.mark.parametrize(
    "description",
    ({}, {"kind": "os.system", "fields": {}}, {"kind": "optim.SGD"}, {"function": "eval"},
     {"kind": "optim.SGD", "fields": {"rate": 0.1, "odd": 1}}, {"float": "1e3"}, {"tuple": 3},
     {"array": {"dtype": "O", "shape": [1], "values": [1]}}, {"array": "a7"}, {"import": "os"})
)  # fmt: skip
def test_what_is_not_built(description: Any) -> None:
    with pytest.raises(InputError):
        rebuilt(description)
