"""Sweeps: every setting with every seed, once, on whichever workers, resumed where they stopped."""

from __future__ import annotations

import csv
import io
import json
from io import StringIO
from math import isnan, nan
from pathlib import Path
from typing import Any

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError
from diffkit.training.sweep import Sweep

GRID = {"rate": [0.1, 0.5, 1.9], "depth": [1, 2]}


def shrink(rate: float, depth: int, seed: int) -> dict[str, float]:
    """Twenty steps on a bowl, a little different for every seed."""
    return {"loss": (1 - rate) ** (20 * depth) + seed * 1e-9, "accuracy": 1 / (1 + depth)}


def fit(rate: float, seed: int) -> Any:
    """A training of the library."""
    x = np.linspace(-1, 1, 12)
    optimizer = dk.optim.sgd(rate)
    return dk.train(
        lambda w, x, y: np.mean((w * x - y) ** 2), float(seed), (x, 3 * x),
        optimizer=optimizer, epochs=30, seed=seed, engine="interpret",
    )  # fmt: skip


def without_times(found: Sweep) -> list[Any]:
    """All that a sweep must give again, whatever it ran on."""
    return [(t.settings, t.seed, t.measures, t.failed) for t in found]


def test_every_setting_meets_every_seed_in_the_order_of_the_grid() -> None:
    found = dk.sweep(shrink, GRID, seeds=2)
    seen = [(t.settings["rate"], t.settings["depth"], t.seed) for t in found]
    assert seen == [(r, d, s) for r in GRID["rate"] for d in GRID["depth"] for s in (0, 1)]
    assert found.trials[0].measures == shrink(0.1, 1, 0)
    assert found.names == ("rate", "depth")
    assert found.measures == ("loss", "accuracy")
    assert repr(found) == "<Sweep of 12 trials of 6 settings>"


def test_the_best_setting_has_the_best_mean() -> None:
    found = dk.sweep(shrink, GRID, seeds=[3, 8])
    assert found.best("loss").settings == {"rate": 0.5, "depth": 2}
    assert found.best("loss", largest=True).settings == {"rate": 0.1, "depth": 1}
    assert found.best().settings == {"rate": 0.1, "depth": 1}  # accuracy: the first of equals
    best = found.best("loss")
    assert best.mean("loss") == pytest.approx(0.5**40 + 5.5e-9)
    assert best.spread("loss") == pytest.approx(2.5e-9)


def test_a_run_is_measured_by_its_last_epoch() -> None:
    found = dk.sweep(fit, {"rate": [0.5, 1.0]}, seeds=2)
    run = fit(0.5, 1)
    assert found.trials[1].measures["loss"] == run.history["epoch_loss"][-1]
    assert found.best().settings == {"rate": 1.0}


@pytest.mark.filterwarnings("ignore::diffkit.errors.DivergenceWarning")
def test_a_training_that_diverges_is_never_best() -> None:
    found = dk.sweep(fit, {"rate": [500.0, 0.01]})
    assert isnan(found.trials[0].measures["loss"])
    assert found.best().settings == {"rate": 0.01}
    assert found.to_dict()["trials"][0]["measures"]["loss"] is None


def test_a_number_is_a_measure_too() -> None:
    found = dk.sweep(lambda rate, seed: rate * (1 + seed), {"rate": [3, 2]}, seeds=1)
    assert found.measures == ("value",)
    assert found.best().settings == {"rate": 2}


def test_values_may_have_labels() -> None:
    optimizers = {"slow": dk.optim.sgd(0.01), "fast": dk.optim.sgd(0.4)}
    found = dk.sweep(lambda optimizer, seed: optimizer.rate_at(0), {"optimizer": optimizers})
    assert [t.settings["optimizer"] for t in found] == ["slow", "fast"]
    assert [t.measures["value"] for t in found] == [0.01, 0.4]


def test_grids_may_be_listed() -> None:
    found = dk.sweep(shrink, [{"rate": 0.1, "depth": [1, 2]}, {"rate": [0.7], "depth": 3}])
    assert [tuple(t.settings.values()) for t in found] == [(0.1, 1), (0.1, 2), (0.7, 3)]


# Workers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_change_nothing(backend: str) -> None:
    expected = without_times(dk.sweep(shrink, GRID, seeds=2))
    with joblib.parallel_config(backend=backend):
        assert without_times(dk.sweep(shrink, GRID, seeds=2, jobs=2)) == expected


def test_a_dask_cluster_of_two_workers(tmp_path: Path) -> None:
    reason = "the extra `cluster` (dask[distributed]) is not installed"
    distributed = pytest.importorskip("distributed", reason=reason)
    dask = pytest.importorskip("dask", reason=reason)
    expected = without_times(dk.sweep(shrink, GRID, seeds=2))
    file = tmp_path / "rows.jsonl"
    folder = str(tmp_path / "dask")
    with (
        dask.config.set({"temporary-directory": folder}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = dk.sweep(shrink, GRID, seeds=2, resume=file)
    assert without_times(found) == expected
    assert len(file.read_text().splitlines()) == len(expected)


# Resuming -----------------------------------------------------------------------------------------


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    file, called = tmp_path / "rows.jsonl", []

    def stopping(rate: float, depth: int, seed: int) -> dict[str, float]:
        called.append((rate, depth, seed))
        if len(called) == 4:
            raise KeyboardInterrupt
        return shrink(rate, depth, seed)

    first = dk.sweep(stopping, GRID, seeds=2, resume=file)
    assert first.interrupted
    assert (len(first), first.waiting) == (3, 9)
    assert "9 not reached" in repr(first)
    assert "9 trials were not reached" in str(first)
    with file.open("a") as stream:
        stream.write('{"schema": 1, "key": "half a ro')  # as a crash leaves it
    called.clear()
    called.extend([(0, 0, 0)] * 4)
    second = dk.sweep(stopping, GRID, seeds=2, resume=file)
    assert len(called) - 4 == 9
    assert without_times(second) == without_times(dk.sweep(shrink, GRID, seeds=2))
    assert second.trials[0] == first.trials[0]  # its time too: it was not done again


def test_a_sweep_can_grow(tmp_path: Path) -> None:
    file, called = tmp_path / "rows.jsonl", []

    def counted(rate: float, seed: int) -> float:
        called.append((rate, seed))
        return rate

    dk.sweep(counted, {"rate": [1, 2]}, seeds=2, resume=file)
    dk.sweep(counted, {"rate": [3, 2, 1]}, seeds=3, resume=file)
    assert len(called) == len(set(called)) == 9


def test_trials_that_failed_are_told_and_tried_again(tmp_path: Path) -> None:
    file, broken = tmp_path / "rows.jsonl", [True]

    def sometimes(rate: float, seed: int) -> float:
        if broken[0] and rate > 1:
            raise ValueError("no such\nrate")
        return rate

    found = dk.sweep(sometimes, {"rate": [1, 2]}, resume=file)
    assert found.trials[1].failed == "ValueError: no such rate"
    assert "1 failed" in repr(found)
    assert "rate 2, seed 0: ValueError: no such rate" in str(found.table())
    assert found.best(largest=True).settings == {"rate": 1}
    broken[0] = False
    again = dk.sweep(sometimes, {"rate": [1, 2]}, resume=file)
    assert again.failed == ()
    assert again.best(largest=True).settings == {"rate": 2}


def test_when_all_trials_failed_the_reason_is_told() -> None:
    found = dk.sweep(lambda rate, seed: {}["nothing"], {"rate": [1]})
    with pytest.raises(InputError, match="KeyError: 'nothing'"):
        found.best()


# Reports ------------------------------------------------------------------------------------------


def test_the_table_has_means_and_deviations() -> None:
    text = str(dk.sweep(lambda rate, seed: {"loss": rate + seed}, {"rate": [1, 4]}, seeds=3))
    assert "2 ± 0.8" in text
    assert "5 ± 0.8" in text
    assert text.splitlines()[0].split() == ["rate", "loss", "time"]


def test_a_narrow_terminal_shows_all_settings_in_one_column() -> None:
    console = pytest.importorskip("rich.console")
    grid = {"optimizer": ["newton-cg", "adam"], "schedule": ["reduce-on-plateau"], "rate": [0.1]}
    found = dk.sweep(
        lambda optimizer, schedule, rate, seed: {"validation_accuracy": rate, "test_loss": seed},
        [grid, grid | {"schedule": ["one-cycle"], "rate": [0.2]}], seeds=2,
    )  # fmt: skip
    shown = {}
    for width in (50, 120):
        screen = console.Console(width=width, record=True, file=StringIO())
        screen.print(found.table())
        shown[width] = screen.export_text()
    assert max(map(len, shown[50].splitlines())) <= 50
    assert "adam · one-cycle · 0.2 " in shown[50] and "0.2 ± 0" in shown[50]
    assert "time" in shown[120] and "·" not in shown[120]


def test_the_best_of_each_measure_is_marked() -> None:
    table = dk.sweep(shrink, {"rate": [0.1, 0.5], "depth": [1]}).table()
    assert table.best_cells() == {(1, 1), (0, 2)}
    assert "<b>" in table._repr_html_()
    assert "all with depth 1" in str(table)


def test_csv_and_json_hold_every_trial_in_full_precision() -> None:
    def task(rate: float, name: str, seed: int) -> dict[str, float]:
        return {"loss": rate / 3, "gap": nan if seed else 1.0}

    found = dk.sweep(task, {"rate": [0.1, 0.2], "name": ["a, b"]}, seeds=2)
    lines = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [float(line["loss"]) for line in lines] == [0.1 / 3, 0.1 / 3, 0.2 / 3, 0.2 / 3]
    assert [line["gap"] for line in lines] == ["1.0", "", "1.0", ""]
    assert lines[0]["name"] == "a, b"
    content = json.loads(found.to_json())
    assert content["schema"] == 1
    assert content["trials"][3]["measures"] == {"loss": 0.2 / 3, "gap": None}
    assert content["settings"] == ["rate", "name"]


@pytest.mark.parametrize("dark", [False, True])
def test_a_sweep_draws_a_line_for_each_of_the_other_settings(dark: bool) -> None:
    axes = dk.sweep(shrink, GRID, seeds=2).plot("loss", dark=dark)
    means = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(means) == 2
    np.testing.assert_array_equal(means[0].get_xdata(), GRID["rate"])
    assert axes.get_xlabel() == "rate"
    assert axes.get_xscale() == "log"
    assert {text.get_text() for text in axes.texts} == {"1", "2"}
    plt.close("all")


def test_words_along_the_axis() -> None:
    axes = dk.sweep(lambda name, seed: len(name), {"name": ["a", "bcd"]}).plot()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "bcd"]
    with pytest.raises(InputError, match="no setting 'width'"):
        dk.sweep(shrink, GRID).plot(x="width")
    plt.close("all")


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([], "holds no settings"),
        ({"rate": [], "depth": [1]}, "holds no settings"),
        ([3], "values by name"),
        (None, "values by name, not None"),
        ({3: [1]}, "values by name"),
        ({"rate": [0.1], "seed": [1, 2]}, "the seed is no setting"),
        ({"rate": [dk.optim.sgd(0.1)], "depth": 1}, "has no label"),
        ({"rate": [0.1]}, "missing a required argument: 'depth'"),
        ({"rate": [0.1], "depth": [1], "width": [2]}, "'width'"),
    ],
)
def test_wrong_grids_are_refused(grid: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dk.sweep(shrink, grid)


@pytest.mark.parametrize("seeds", [0, [], True, [0.5], [False]])
def test_wrong_seeds_are_refused(seeds: Any) -> None:
    with pytest.raises(InputError, match="seeds are a number"):
        dk.sweep(shrink, GRID, seeds=seeds)


@pytest.mark.parametrize("jobs", [0, 1.5, True])
def test_wrong_jobs_are_refused(jobs: Any) -> None:
    with pytest.raises(InputError, match="not a number of workers"):
        dk.sweep(shrink, GRID, jobs=jobs)


def test_a_task_must_be_callable() -> None:
    with pytest.raises(InputError, match="cannot be called"):
        dk.sweep(3, {"rate": [1]})  # type: ignore[arg-type]


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(InputError, match="no measure 'f1'"):
        dk.sweep(shrink, GRID).best("f1")
