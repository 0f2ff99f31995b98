"""The learning-rate range test: where it breaks, what it suggests, what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from trained import EIGENVALUES, LABELS, LOSS, NET, X, bowl

import diffkit as dk
from diffkit.errors import InputError

DATA = (np.zeros(1),)


@pytest.mark.parametrize("scale", (0.1, 1.0, 30.0))
def test_a_quadratic_breaks_at_two_over_the_largest_curvature(scale: float) -> None:
    steep = lambda w, x: scale * bowl(w, x)  # noqa: E731
    edge = 2 / (scale * EIGENVALUES.max())
    found = dk.lr_range_test(steep, np.ones(3), DATA, edge / 30, edge * 30, 121, restart=True,
                             updates=200, curvature=True)  # fmt: skip
    ratio = found.rates[1] / found.rates[0]
    assert found.edge == pytest.approx(edge, rel=1e-6)
    assert found.breaks_at is not None
    assert edge <= found.breaks_at <= edge * ratio * (1 + 1e-12)
    assert edge / 4 < found.suggested < edge


def test_a_sweep_turns_at_the_edge_where_there_is_one_direction() -> None:
    """The loss falls at every update below 2/λ and rises at every update above it."""
    found = dk.lr_range_test(lambda w, x: 50 * w * w + 0 * np.sum(x), 1.0, DATA, 1e-3, 1.0, 301)
    lowest = int(np.argmin(found.losses))
    assert found.rates[lowest - 1] < 0.02 < found.rates[lowest]


def test_other_optimizers_have_other_edges() -> None:
    """With momentum μ the edge is 2(1 + μ)/λmax (Goh 2017, Why momentum really works)."""
    found = dk.lr_range_test(bowl, np.ones(3), DATA, 1e-3, 1.0, 121, restart=True, updates=300,
                             optimizer=dk.optim.sgd(0.1, momentum=0.5))  # fmt: skip
    assert found.breaks_at is not None and 0.03 < found.breaks_at < 0.03 * 1.06


def sweep(**options: Any) -> Any:
    return dk.lr_range_test(LOSS, NET.init(0), (X, LABELS), 1e-3, 50.0, 80, batch_size=4, **options)


def test_a_net_is_left_as_it_was_and_the_same_seed_gives_the_same_bits() -> None:
    params = NET.init(0)
    before = repr(params)
    one = dk.lr_range_test(LOSS, params, (X, LABELS), 1e-3, 50.0, 80, batch_size=4)
    other = sweep()
    assert repr(params) == before
    assert np.array_equal(one.losses, other.losses) and one.suggested == other.suggested
    assert one.rates[0] < one.suggested < (one.breaks_at or np.inf)


def test_engines_agree() -> None:
    fast, slow = sweep(engine="machine"), sweep(engine="interpret")
    kept = fast.rates < 0.5
    assert np.allclose(fast.losses[kept], slow.losses[kept], rtol=1e-9)


def test_no_break_is_said() -> None:
    found = dk.lr_range_test(bowl, np.ones(3), DATA, 1e-4, 1e-3, 10, restart=True)
    assert found.breaks_at is None and "no rate" in found.table() and "no break" in repr(found)
    assert found.suggested == found.rates[-1]


def test_what_was_found_can_be_read_and_kept() -> None:
    found = sweep(curvature=True)
    assert "suggested" in found.table(5) and "2/λmax" in found.table()
    kept = json.loads(json.dumps(found.to_dict()))
    assert kept["schema"] == 1 and len(kept["losses"]) == 80 and kept["edge"] == found.edge


@pytest.mark.parametrize(
    "options",
    ({"low": 0.0}, {"low": 1.0, "high": 0.1}, {"high": np.inf}, {"steps": 2}, {"steps": 10.5}),
    ids=str,
)
def test_wrong_ranges_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="range test needs"):
        dk.lr_range_test(bowl, np.ones(3), DATA, **options)


def test_only_optimizers_with_a_rate_are_tested() -> None:
    for optimizer in (dk.optim.lbfgs(), 0.1):
        with pytest.raises(InputError, match="an optimizer with a rate"):
            dk.lr_range_test(bowl, np.ones(3), DATA, optimizer=optimizer)  # type: ignore[arg-type]
