"""What a data set is: inputs, targets, the names of the classes, and where they come from.

    (xᵢ, yᵢ),  i = 1 … n      one row per example, everything finite, every label a class

A data set checks itself when it is made, so that ragged, empty, NaN or mislabelled data are found
before a training and not by it.  Reading on: Gebru et al. 2021, *Datasheets for datasets*, for what
should be known about data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.notebook import as_text
from diffkit.nets.objective import as_numbers, refuse_nonfinite

if TYPE_CHECKING:
    from diffkit.nets.dataset_summary import DatasetSummary

__all__ = ["Dataset"]

NONE = np.zeros(0, dtype=int)


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """Inputs and targets, with the names of the classes and where they come from.

    Parameters
    ----------
    name, source
        Text for titles and captions.
    x
        float64, examples in rows.
    y
        Integers from 0 (indices into ``classes``), or floats for a regression.
    classes
        The names of the classes; empty for a regression.

    Raises
    ------
    ShapeError
        When x and y differ in length, or rows do.
    DtypeError
        For values that are no numbers, and labels that are no integers.
    InputError
        For no examples, NaN, infinities, or labels without a class.

    >>> Dataset("pair", np.zeros((2, 3)), np.array([0, 1]), ("no", "yes"), "made up")
    Dataset(pair: 2 × 3, 2 classes)
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        x = as_numbers(f"{self.name}: x", self.x).astype(np.float64, copy=False)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", as_numbers(f"{self.name}: y", self.y))
        if self.x.ndim < 2 or self.y.ndim < 1 or len(self.x) != len(self.y):
            raise ShapeError(
                f"{self.name}: x has shape {self.x.shape} and y has shape {self.y.shape}",
                hint="both have one entry per example; x has features, too.",
            )
        if self.x.size == 0:
            what = "examples" if len(self.x) == 0 else "features"
            raise InputError(f"{self.name} holds no {what}", hint="give one or more.")
        refuse_nonfinite(f"{self.name}: x", self.x)
        refuse_nonfinite(f"{self.name}: y", self.y)
        if self.classes:
            self._check_classes()

    def _check_classes(self) -> None:
        if self.y.dtype.kind not in "iu":
            raise DtypeError(
                f"{self.name}: labels must be integers, not {self.y.dtype}",
                hint="convert whole numbers with y.astype(int).",
            )
        wrong = (self.y < 0) | (self.y >= len(self.classes))
        if np.any(wrong):
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise InputError(
                f"{self.name}: label {self.y[place]} (example {place[0]}) is out of range for "
                f"{len(self.classes)} classes",
                hint=f"labels count from 0 to {len(self.classes) - 1}.",
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def counts(self) -> np.ndarray:
        """How many labels (or pixels of masks) each class has; empty for a regression."""
        return np.bincount(self.y.ravel(), minlength=len(self.classes)) if self.classes else NONE

    @property
    def strata(self) -> np.ndarray | None:
        """The labels whose shares a split keeps; None for a regression and for masks."""
        return self.y if self.classes and self.y.ndim == 1 else None

    @property
    def strata_names(self) -> tuple[str, ...]:
        """The names of what a split keeps the shares of."""
        return self.classes

    def summary(self) -> DatasetSummary:
        """A table of the features' ranges, and of the examples per class; prints itself.

        >>> data = Dataset("ten", np.zeros((10, 1)), np.arange(10) % 2, ("a", "b"), "made up")
        >>> data.summary().counts
        {'a': 5, 'b': 5}
        """
        from diffkit.nets.dataset_summary import summarise

        return summarise(self)

    def split(
        self, test_size: float = 0.2, random_state: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(x_train, x_test, y_train, y_test): the fixed split, each class in its proportion.

        Raises InputError as ``train_test_split``.

        >>> data = Dataset("ten", np.zeros((10, 1)), np.arange(10) % 2, ("a", "b"), "")
        >>> [len(part) for part in data.split()]
        [8, 2, 8, 2]
        """
        from diffkit.nets.splitting import train_test_split

        return train_test_split(
            self.x, self.y, test_size=test_size, random_state=random_state, stratify=self.strata,
            names=self.strata_names,
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return as_text(self.summary())

    def __repr__(self) -> str:
        sizes = " × ".join(map(str, self.x.shape))
        kind = f"{len(self.classes)} classes" if self.classes else "regression"
        return f"Dataset({self.name}: {sizes}, {kind})"
