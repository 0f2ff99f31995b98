"""From the name of a data set to the arrays of a training, the same every time.

    load → classes or numbers → parts for training, validation and test → standardise

A training that is begun by name (``diffkit train digits``) keeps the name and the choices made
here, its recipe, and not the data: when it is resumed, the same recipe gives the same arrays, and
their checksum is compared.  What is learned from data, here the mean and the standard deviation, is
learned from the training part alone (LeCun, Bottou, Orr & Müller 1998, *Efficient backprop*, 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.dataset import Dataset

__all__ = ["Prepared", "prepared"]

Rows = tuple[np.ndarray, np.ndarray]

FEWEST = 10  # examples; with fewer none are held out
# Pixels from 0 to 1 stay as they are.
AS_THEY_ARE = ("digits",)
VALIDATION = 0.2  # of the training part, where something is chosen by it
TABLES = (".csv", ".tsv")
MASKS, BOXES = "masks", "boxes"  # tasks of images; the second is the name of an array, too
TEST, LAST = 0.2, "last"  # of all rows, where the last are the test part


@dataclass(frozen=True)
class Prepared:
    """The parts of a data set, rows of numbers; ``shape`` is that of one example as it came.

    ``validation`` is the test part, to be watched, unless something is chosen by it.  The targets
    of a regression are (y − mean) / scale, with ``mean`` and ``scale`` of the training part.
    """

    dataset: Dataset
    training: Rows
    validation: Rows
    test: Rows
    held_out: int
    shape: tuple[int, ...]
    mean: float = 0.0
    scale: float = 1.0

    @property
    def examples(self) -> tuple[Rows, tuple[str, ...]]:
        """The test part, and what is in its masks or boxes, for pictures."""
        return self.test, getattr(self.dataset, "kinds", self.dataset.classes)


def prepared(recipe: Mapping[str, Any]) -> Prepared:
    """The arrays of a recipe.

    ``data`` is a name or a file, ``target`` a column of a CSV file, and ``regression`` says that
    the targets of a file are numbers.  ``task`` is what images are for: ``"masks"``, ``"boxes"``,
    or classes (None).  With ``choose`` a part of its own is held out, by which the best epoch can
    be chosen, so that the test part stays unseen.  The test part is a fifth: of each class, or
    where ``split`` is ``"last"`` the last lines, unshuffled.

    Raises
    ------
    InputError
        When the data set is not known, or cannot be used.

    >>> found = prepared({"data": "xor"})
    >>> found.training[0].shape, found.held_out
    ((4, 2), 0)
    """
    from diffkit.nets.splitting import train_test_split

    task = recipe.get("task")
    dataset = _loaded(recipe["data"], recipe.get("target"), bool(recipe.get("regression")), task)
    shape = tuple(dataset.x.shape[1:])
    if len(dataset) < FEWEST:
        rows, numbers = _scaled(dataset, task, (dataset.x, dataset.y))
        return Prepared(dataset, rows, rows, rows, 0, shape, *numbers)
    x, x_test, y, y_test = _split(dataset, recipe.get("split"))
    parts = [(x, y), (x_test, y_test)]
    if recipe.get("choose"):
        x, x_chosen, y, y_chosen = train_test_split(
            x, y, test_size=VALIDATION, random_state=0, names=dataset.classes,
            stratify=y if dataset.classes and y.ndim == 1 else None,
        )  # fmt: skip
        parts = [(x, y), (x_chosen, y_chosen), (x_test, y_test)]
    *found, numbers = _scaled(dataset, task, *parts)
    return Prepared(dataset, found[0], found[1], found[-1], len(x_test), shape, *numbers)


def _split(dataset: Dataset, split: Any) -> tuple[np.ndarray, ...]:
    """The fixed split, or the last fifth of the rows as the test part."""
    if split != LAST:
        return dataset.split()
    rows = len(dataset) - ceil(TEST * len(dataset))
    return dataset.x[:rows], dataset.x[rows:], dataset.y[:rows], dataset.y[rows:]


def _loaded(name: str, target: Any, regression: bool, task: str | None) -> Dataset:
    from diffkit.nets.datasets import from_csv, from_npz, load

    ending = Path(name).suffix.lower()
    if target is not None and ending not in TABLES:
        raise InputError(
            f"only the target of a CSV file can be chosen, not that of {name!r:.60}",
            hint="leave --target out.",
        )
    if ending in TABLES and task is None:
        word = "-1" if target is None else str(target)
        column = int(word) if word.lstrip("-").isdecimal() else word
        return from_csv(name, target=column, regression=regression)
    if ending == ".npz":
        found = from_npz(name, regression=regression, boxes=BOXES if task == BOXES else None)
        return _fitting(found, task)
    dataset: Any = load(name)
    if regression and dataset.classes:
        raise InputError(f"{dataset.name} has classes", hint="leave --regression out.")
    views = {None: "classification", BOXES: "detection"}
    view = getattr(dataset, views.get(task, ""), None)
    return _fitting(dataset if view is None else view(), task)


def _fitting(dataset: Dataset, task: str | None) -> Dataset:
    """The data set, if its targets are what the task needs."""
    from diffkit.nets.datasets import BoxedImages

    masks = bool(dataset.classes) and dataset.y.ndim > 1
    found = MASKS if masks else BOXES if isinstance(dataset, BoxedImages) else None
    if task != found:
        words = {None: "classes or numbers", MASKS: "masks", BOXES: "boxes"}
        raise InputError(
            f"the targets of {dataset.name} are {words[found]}, not {words[task]}",
            hint="masks are for --model tiny-segmenter, boxes for --model tiny-detector; try "
            "`diffkit train shapes`, or an NPZ file with x and masks as y, or x, boxes and y.",
        )
    return dataset


def _scaled_images(*parts: Rows) -> tuple[Any, ...]:
    """Images with every channel standardised; masks and boxes are left as they are."""
    from diffkit.nets.datasets import standardise

    channels = parts[0][0].shape[-1]
    *xs, _ = standardise(*(x.reshape(-1, channels) for x, _ in parts))
    pairs = ((flat.reshape(x.shape), y) for flat, (x, y) in zip(xs, parts, strict=True))
    return (*pairs, (0.0, 1.0))


def _scaled(dataset: Dataset, task: str | None, *parts: Rows) -> tuple[Any, ...]:
    """The parts as rows of numbers, and the numbers by which targets were scaled."""
    from diffkit.nets.datasets import standardise

    if task is not None:
        return _scaled_images(*parts)
    xs = [np.asarray(x) for x, _ in parts]
    if dataset.name not in AS_THEY_ARE:
        *xs, _ = standardise(*xs)
    xs = [x.reshape(len(x), prod(x.shape[1:])) for x in xs]
    if dataset.classes:
        return (*((x, y) for x, (_, y) in zip(xs, parts, strict=True)), (0.0, 1.0))
    y = np.asarray(parts[0][1], float)
    mean, spread = float(y.mean()), float(y.std())
    scale = spread if spread > 0 else 1.0
    pairs = ((x, ((y - mean) / scale).reshape(len(x), -1))
             for x, (_, y) in zip(xs, parts, strict=True))  # fmt: skip
    return (*pairs, (mean, scale))
