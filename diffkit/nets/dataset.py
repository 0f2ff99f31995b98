"""What a data set is, and the scaling of its inputs.

Gradient descent is slow when features have very different sizes (its rate is bounded by the
largest curvature), so inputs are brought to mean 0 and standard deviation 1,

    x′ = (x − μ) / σ,

with μ and σ of the training part only: the test part must stay unseen.  Reading on: LeCun,
Bottou, Orr & Müller 1998, *Efficient backprop*, section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.objective import refuse_nonfinite

__all__ = ["Dataset", "Scaling", "standardise"]


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
        When x and y differ in length.
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
        object.__setattr__(self, "x", np.asarray(self.x, dtype=np.float64))
        object.__setattr__(self, "y", np.asarray(self.y))
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
            place = int(np.argmax(wrong))
            raise InputError(
                f"{self.name}: label {self.y[place]} (example {place}) is out of range for "
                f"{len(self.classes)} classes",
                hint=f"labels count from 0 to {len(self.classes) - 1}.",
            )

    def __len__(self) -> int:
        return len(self.x)

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

        stratify = self.y if self.classes else None
        return train_test_split(
            self.x, self.y, test_size=test_size, random_state=random_state, stratify=stratify
        )

    def __repr__(self) -> str:
        sizes = " × ".join(map(str, self.x.shape))
        kind = f"{len(self.classes)} classes" if self.classes else "regression"
        return f"Dataset({self.name}: {sizes}, {kind})"


@dataclass(frozen=True, eq=False)
class Scaling:
    """The map x ↦ (x − mean) / scale, learned from training data.

    >>> scaling = Scaling(np.array([2.0]), np.array([4.0]))
    >>> scaling(np.array([[6.0]])).tolist()
    [[1.0]]
    """

    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, x: Any) -> Any:
        return (x - self.mean) / self.scale


def standardise(x_train: Any, *others: Any) -> tuple[Any, ...]:
    """Inputs with mean 0 and standard deviation 1 per feature, by the training part's numbers.

    Returns the scaled training part, the scaled others, and the ``Scaling``.  A feature that never
    changes is only centred.

    Raises
    ------
    InputError
        For no examples, NaN or infinities.

    Source: LeCun, Bottou, Orr & Müller 1998, section 4.3.

    >>> x, scaling = standardise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> x.tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    x_train = np.asarray(x_train, dtype=np.float64)
    if x_train.ndim < 1 or len(x_train) == 0:
        raise InputError("there are no examples to standardise", hint="give one row or more.")
    refuse_nonfinite("x_train", x_train)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = x_train.std(axis=0)
    if not np.all(np.isfinite(spread)):
        raise InputError(
            f"the features are too large to standardise: up to {abs(x_train).max():.3g}",
            hint="their squares must not overflow; divide them by a constant first.",
        )
    scaling = Scaling(x_train.mean(axis=0), np.where(spread > 0, spread, 1.0))
    return (*(scaling(x) for x in (x_train, *others)), scaling)
