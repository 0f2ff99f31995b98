"""Sweeps: one task over a grid of settings and several seeds, on as many workers as there are.

    trials  =  settings of the grid × seeds,        each a call task(**settings, seed=seed)

Trials do not know of each other, so they run wherever joblib runs things: one after the other,
in processes, in threads, or on a Dask cluster, whichever backend is in force.  Each finished trial
is written down at once and never done twice, so that a sweep which was stopped goes on where it
was; and its report has the order of the grid, whichever trial ended first.

Reading on: Bergstra & Bengio 2012, *Random search for hyper-parameter optimization*, on what grids
do well and what they do not; ``joblib.parallel_config``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import isnan, nan
from statistics import fmean, pstdev
from typing import Any

import numpy as np

from diffkit.comparison.many_store import RowFile
from diffkit.comparison.serial import SCHEMA, plain
from diffkit.errors import InputError
from diffkit.graph.notebook import as_table
from diffkit.training.run import Run
from diffkit.training.sweep_grid import check_task, key_of, points_of, seeds_of
from diffkit.training.sweep_progress import SweepBar

__all__ = ["Setting", "Sweep", "Trial", "sweep"]

# What a best setting is chosen by unless told otherwise: the first of these that was measured.
PREFERRED = ("validation_iou", "validation_accuracy", "validation_loss", "accuracy", "loss")
LARGER_IS_BETTER = ("accuracy", "iou", "score", "share")
VALUE = "value"  # the name of the measure of a task that returns one number


@dataclass(frozen=True)
class Trial:
    """One call of the task: its settings by label, its seed, and what came out.

    ``measures`` are numbers by name (NaN for those that are not finite), ``seconds`` the time it
    took, and ``failed`` the error that it ended with, if it did.
    """

    settings: dict[str, Any]
    seed: int
    measures: dict[str, float]
    seconds: float
    failed: str | None = None


@dataclass(frozen=True)
class Setting:
    """One point of the grid: its settings by label, and its trials, one for each seed."""

    settings: dict[str, Any]
    trials: tuple[Trial, ...]

    def values(self, measure: str) -> list[float]:
        """A measure of every seed; NaN where a trial failed."""
        return [trial.measures.get(measure, nan) for trial in self.trials]

    def mean(self, measure: str) -> float:
        """The mean of a measure over the seeds; NaN if one of them has none."""
        return fmean(self.values(measure))

    def spread(self, measure: str) -> float:
        """The standard deviation of a measure over the seeds."""
        return pstdev(self.values(measure))


@dataclass(frozen=True, repr=False)
class Sweep:
    """The trials of a sweep, in the order of the grid; see :func:`sweep`.

    ``waiting`` counts the trials that were not reached, and ``interrupted`` says whether Ctrl-C
    ended the sweep.
    """

    trials: tuple[Trial, ...]
    waiting: int = 0
    interrupted: bool = False

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the settings."""
        return tuple(dict.fromkeys(name for trial in self.trials for name in trial.settings))

    @property
    def varied(self) -> tuple[str, ...]:
        """The settings that differ from point to point; all where there is one point."""
        points = [setting.settings for setting in self.settings]
        found = [name for name in self.names if len({str(p.get(name)) for p in points}) > 1]
        return tuple(found) or self.names

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of what was measured, in the order of the task."""
        return tuple(dict.fromkeys(name for trial in self.trials for name in trial.measures))

    @property
    def failed(self) -> tuple[Trial, ...]:
        """The trials that ended with an error."""
        return tuple(trial for trial in self.trials if trial.failed)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The points of the grid, each with its trials."""
        found: dict[str, list[Trial]] = {}
        for trial in self.trials:
            found.setdefault(key_of(trial.settings), []).append(trial)
        return tuple(Setting(group[0].settings, tuple(group)) for group in found.values())

    def best(self, by: str | None = None, largest: bool | None = None) -> Setting:
        """The setting with the best mean over its seeds; the first of equals.

        Parameters
        ----------
        by
            The measure; by default validation IoU, validation accuracy, validation loss, accuracy
            or loss, whichever of them there is first, and else the first there is.
        largest
            Whether more is better; by default for accuracies, IoU, scores and shares.

        Raises
        ------
        InputError
            For an unknown measure, or when no setting has it for all its seeds.
        """
        name = self.measure(by)
        sign = -1 if is_better_larger(name, largest) else 1
        whole = [setting for setting in self.settings if not isnan(setting.mean(name))]
        if not whole:
            reason = self.failed[0].failed if self.failed else "no trial has a finite one"
            raise InputError(f"no setting of the sweep has a whole {name}: {reason}")
        return min(whole, key=lambda setting: sign * setting.mean(name))

    def measure(self, by: str | None = None) -> str:
        """The measure of this name, or what a setting is chosen by when none is named.

        Raises
        ------
        InputError
            When there is no such measure, or none at all.
        """
        known = self.measures
        preferred = [name for name in (*PREFERRED, *known) if name in known]
        if by is None and preferred:
            return preferred[0]
        if by not in known:
            reason = f"; {self.failed[0].failed}" if self.failed else ""
            hint = f"it measured {', '.join(known) or 'nothing'}."
            raise InputError(f"the sweep has no measure {by or ''!r}{reason}", hint=hint)
        return by

    def table(self) -> Any:
        """A row for each setting, mean ± deviation over seeds: coloured by ``rich.print``."""
        from diffkit.training.sweep_table import SweepTable

        return SweepTable(self)

    def plot(
        self,
        by: str | None = None,
        x: str | None = None,
        ax: Any = None,
        *,
        dark: bool | None = None,
    ) -> Any:
        """A measure over one setting, a line for each combination of the others.

        Returns the axes; ``by`` is chosen as in :meth:`best`, and ``x`` is the first setting that
        varies in numbers.
        """
        return import_module("diffkit.plots").sweep(self, by, x, ax=ax, dark=dark)

    def to_dict(self) -> dict[str, Any]:
        """The sweep as plain data (schema 1); NaN is None."""
        return {
            "schema": SCHEMA, "settings": list(self.names), "measures": list(self.measures),
            "trials": [plain(vars(trial)) for trial in self.trials],
            "waiting": self.waiting, "interrupted": self.interrupted,
        }  # fmt: skip

    def to_json(self, indent: int | None = 2) -> str:
        """The sweep as JSON of full precision; NaN is null."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_csv(self) -> str:
        """One line for each trial, with a header; full precision."""
        from diffkit.training.sweep_table import csv_text

        return csv_text(self)

    def __str__(self) -> str:
        return str(self.table())

    _repr_html_ = as_table

    def __repr__(self) -> str:
        words = [f"{len(self.trials)} trials of {len(self.settings)} settings"]
        words += [f"{len(self.failed)} failed"] * bool(self.failed)
        words += [f"{self.waiting} not reached"] * bool(self.waiting)
        return f"<Sweep of {', '.join(words)}>"


def sweep(
    task: Callable[..., Any],
    grid: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    seeds: int | Sequence[int] = 1,
    jobs: int | None = None,
    resume: Any = None,
    progress: bool = False,
) -> Sweep:
    """Call a task for every setting of a grid and every seed, and gather what it measures.

    Parameters
    ----------
    task
        ``task(**settings, seed=seed)`` returns a run of ``dk.train``, numbers by name, or a number.
    grid
        Values by name, of which all combinations are tried; or a list of such grids, one after the
        other.  Values are numbers, words, truth values or None; anything else gets a label, as in
        ``{"optimizer": {"slow": dk.optim.sgd(0.01), "fast": dk.optim.sgd(0.1)}}``.
    seeds
        How many seeds, from 0, or the seeds themselves.
    jobs
        Workers, as joblib counts them (-1 is one per core); by default what
        ``joblib.parallel_config`` says, and one without it.  Results do not depend on it.
    resume
        A file of JSON lines for this task.  Every finished trial is appended to it at once, and
        trials that are in it are not done again, those that failed excepted.  It knows settings and
        seeds, not the code of the task: use another file when you change that.
    progress
        Whether to show a progress bar on a terminal.

    Returns
    -------
    Sweep
        With ``interrupted`` set when Ctrl-C ended it; a trial that fails is kept with its error.

    Raises
    ------
    InputError
        For an empty grid, values without a label, seeds or jobs that are none, or a task that
        does not take these settings.

    Source: joblib's ``Parallel``; Bergstra & Bengio 2012 on grids.

    >>> import diffkit as dk
    >>> def distance(rate, seed):
    ...     return {"loss": (1 - rate) ** 20 * (1 + seed)}
    >>> found = dk.sweep(distance, {"rate": [0.1, 0.5, 1.9]}, seeds=2)
    >>> found
    <Sweep of 6 trials of 3 settings>
    >>> found.best().settings
    {'rate': 0.5}
    """
    points = points_of(grid)
    numbers = seeds_of(seeds)
    _check_jobs(jobs)
    for _, settings in points:
        check_task(task, settings)
    file = None if resume is None else RowFile(resume, "a sweep")
    work = [(labels, settings, seed) for labels, settings in points for seed in numbers]
    keys = [key_of({**labels, "seed": seed}) for labels, _, seed in work]
    done = {k: _trial_of(row) for k, key in enumerate(keys) if (row := _finished(file, key))}
    todo = {k: work[k] for k in range(len(work)) if k not in done}
    interrupted = False
    try:
        with SweepBar("trials", len(work), len(done), progress) as tell:
            for k, trial in _tried(task, todo, jobs):
                done[k] = trial
                if file is not None:
                    file.add({"schema": SCHEMA, "key": keys[k], **plain(vars(trial))})
                tell()
    except KeyboardInterrupt:
        interrupted = True
    trials = tuple(done[k] for k in sorted(done))
    return Sweep(trials, len(work) - len(trials), interrupted)


def is_better_larger(measure: str, largest: bool | None = None) -> bool:
    """Whether more of a measure is better, by its name unless it is said.

    >>> is_better_larger("validation_accuracy"), is_better_larger("loss")
    (True, False)
    """
    return any(word in measure for word in LARGER_IS_BETTER) if largest is None else largest


# Trials -------------------------------------------------------------------------------------------


def _check_jobs(jobs: Any) -> None:
    whole = isinstance(jobs, (int, np.integer)) and not isinstance(jobs, bool)
    if jobs is not None and (not whole or jobs == 0):
        raise InputError(f"jobs is {jobs!r}, not a number of workers", hint="-1 is one per core.")


def _tried(task: Callable[..., Any], todo: dict[int, Any], jobs: int | None) -> Iterator[Any]:
    """The trials with their places, as they are finished."""
    if not todo:
        return
    from joblib import Parallel, delayed

    calls = (delayed(_tried_once)(task, k, *work) for k, work in todo.items())
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)


def _tried_once(
    task: Callable[..., Any],
    place: int,
    labels: dict[str, Any],
    settings: dict[str, Any],
    seed: int,
) -> tuple[int, Trial]:
    """One trial, in whichever process; an error of the task becomes part of the report."""
    began = time.perf_counter()
    try:
        measures, failed = _measures(task(**settings, seed=seed)), None
    except Exception as error:
        measures, failed = {}, f"{type(error).__name__}: {' '.join(str(error).split())}"
    return place, Trial(labels, seed, measures, time.perf_counter() - began, failed)


def _measures(result: Any) -> dict[str, float]:
    """What a task returned, as numbers by name."""
    if isinstance(result, Run):
        last = {name: values[-1] for name, values in result.history.items() if values}
        last["loss"] = last.pop("epoch_loss", nan)
        last.pop("rate", None)
        result = last | {"loss": nan} if result.diverged else last
    elif not isinstance(result, Mapping):
        result = {VALUE: result}
    numbers = {str(name): float(value) for name, value in result.items()}
    return {name: value if np.isfinite(value) else nan for name, value in numbers.items()}


def _finished(file: RowFile | None, key: str) -> dict[str, Any] | None:
    """The row of a trial that was done before and did not fail."""
    row = None if file is None else file.rows.get(key)
    return None if row is None or row.get("failed") else row


def _trial_of(row: dict[str, Any]) -> Trial:
    measures = {name: nan if value is None else value for name, value in row["measures"].items()}
    return Trial(row["settings"], row["seed"], measures, row["seconds"])
