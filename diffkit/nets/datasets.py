"""Data sets: real ones that ship with scikit-learn, drawn ones, and the user's own files.

A data set is a value with inputs ``x`` (examples in rows, float64), targets ``y`` and the names of
its classes.  Drawn sets come from a seed, so the same seed gives the same numbers.

* ``digits``, ``iris``, ``wine``, ``breast_cancer``, ``diabetes``: real, never fetched;
* ``two_moons``, ``circles``, ``spirals``, ``xor``: classes in the plane;
* ``sine``, ``steps``, ``polynomial``: regressions of one variable;
* ``shapes``: images with masks and boxes, for segmentation and detection;
* ``from_csv``, ``from_npz``: the user's own, which are never trusted.

A net learns from one part and is measured on the other,

    x  →  (x_train, x_test)  →  standardise by x_train  →  balance x_train,

in this order: what is learned from the test part is no test.  Reading on: Hastie, Tibshirani &
Friedman 2009, *The Elements of Statistical Learning*, section 7.10.2.
"""

from __future__ import annotations

from collections.abc import Callable

from diffkit.errors import InputError
from diffkit.nets.archives import from_npz
from diffkit.nets.balancing import balanced, class_weights
from diffkit.nets.boxed import BoxedImages
from diffkit.nets.curves import polynomial, sine, steps
from diffkit.nets.data_files import from_csv
from diffkit.nets.dataset import Dataset
from diffkit.nets.dataset_summary import DatasetSummary
from diffkit.nets.drawn import circles, spirals, two_moons, xor
from diffkit.nets.real_data import breast_cancer, diabetes, digits, iris, wine
from diffkit.nets.shapes import Shapes, shapes
from diffkit.nets.splitting import train_test_split
from diffkit.nets.standardising import Scaling, standardise

__all__ = [
    "ALL_DATASETS",
    "BoxedImages",
    "Dataset",
    "DatasetSummary",
    "Scaling",
    "Shapes",
    "balanced",
    "breast_cancer",
    "circles",
    "class_weights",
    "diabetes",
    "digits",
    "from_csv",
    "from_npz",
    "iris",
    "load",
    "polynomial",
    "shapes",
    "sine",
    "spirals",
    "standardise",
    "steps",
    "train_test_split",
    "two_moons",
    "wine",
    "xor",
]

ALL_DATASETS: dict[str, Callable[[], Dataset]] = {
    "digits": digits,
    "iris": iris,
    "wine": wine,
    "breast-cancer": breast_cancer,
    "diabetes": diabetes,
    "two-moons": two_moons,
    "circles": circles,
    "spirals": spirals,
    "xor": xor,
    "sine": sine,
    "steps": steps,
    "polynomial": polynomial,
    "shapes": shapes,
}
"""Every built-in data set by the name the command line uses."""


SHORT = {"moons": "two-moons", "cancer": "breast-cancer"}


def load(name: str) -> Dataset:
    """A built-in data set by name, or a ``.csv``, ``.tsv`` or ``.npz`` file by its path.

    Raises
    ------
    InputError
        For an unknown name, or a file that cannot be used.

    >>> load("xor").name
    'xor'
    """
    word = str(name)
    key = word.replace("_", "-")
    made = ALL_DATASETS.get(SHORT.get(key, key))
    if made is not None:
        return made()
    if word.lower().endswith(".npz"):
        return from_npz(name)
    if word.lower().endswith((".csv", ".tsv")):
        return from_csv(name)
    raise InputError(
        f"there is no data set {word!r}",
        hint=f"use {', '.join(ALL_DATASETS)}, or the path of a .csv, .tsv or .npz file.",
    )
