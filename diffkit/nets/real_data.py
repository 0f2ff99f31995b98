"""Real data that come with scikit-learn: nothing is downloaded.

Digits, irises, wines and breast tumours are classes to tell apart, diabetes is a regression.  The
rows stand in their files' order, so a split must shuffle,

    training part ∩ test part = ∅,    both drawn at random,

as ``Dataset.split`` does.  Reading on: the UCI Machine Learning Repository, where four of the five
come from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import UnsupportedError
from diffkit.nets.dataset import Dataset

__all__ = ["breast_cancer", "diabetes", "digits", "iris", "wine"]

GREY_LEVELS = 16.0  # scikit-learn's digits count 0 to 16 dark pixels per cell


def _bundled(name: str) -> Any:
    """A data set that scikit-learn ships, without any download."""
    try:
        from sklearn import datasets
    except ImportError:
        raise UnsupportedError(
            f"the data set {name!r} comes with scikit-learn, which is not installed",
            hint="pip install 'diffkit[gallery]'",
        ) from None
    return getattr(datasets, f"load_{name}")()


def _classes(name: str, source: str, scale: float = 1.0) -> Dataset:
    found = _bundled(name)
    names = tuple(str(word) for word in found.target_names)
    x = np.asarray(found.data, dtype=np.float64) / scale
    return Dataset(name, x, found.target.astype(int), names, source)


def digits() -> Dataset:
    """1,797 handwritten digits: x float64 (1797, 64), pixels from 0 to 1, in rows of 8 × 8.

    ``x.reshape(-1, 8, 8, 1)`` are the images; y are integers from 0 to 9.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn.

    >>> digits()
    Dataset(digits: 1797 × 64, 10 classes)
    """
    source = "E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn"
    return _classes("digits", source, GREY_LEVELS)


def iris() -> Dataset:
    """150 irises of three species: x float64 (150, 4), sizes in cm; y integers from 0 to 2.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: R. A. Fisher 1936, *The use of multiple measurements in taxonomic problems*.

    >>> iris().classes
    ('setosa', 'versicolor', 'virginica')
    """
    return _classes("iris", "R. A. Fisher 1936, as shipped with scikit-learn")


def wine() -> Dataset:
    """178 wines from three growers: x float64 (178, 13), chemical measures; y integers 0 to 2.

    The features differ by factors of thousands: standardise them.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: M. Forina et al. 1991, UCI repository, as shipped with scikit-learn.

    >>> wine()
    Dataset(wine: 178 × 13, 3 classes)
    """
    return _classes("wine", "M. Forina et al. 1991, UCI repository, as shipped with scikit-learn")


def breast_cancer() -> Dataset:
    """569 breast tumours: x float64 (569, 30), measures of cell nuclei; y 0 malignant, 1 benign.

    The features differ by factors of thousands: standardise them.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: W. N. Street, W. H. Wolberg & O. L. Mangasarian 1993, UCI repository.

    >>> breast_cancer().counts.tolist()
    [212, 357]
    """
    source = "Street, Wolberg & Mangasarian 1993, UCI repository, as shipped with scikit-learn"
    return _classes("breast_cancer", source)


def diabetes() -> Dataset:
    """442 patients, a regression: x float64 (442, 10), scaled already; y the disease a year later.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: B. Efron, T. Hastie, I. Johnstone & R. Tibshirani 2004, *Least angle regression*.

    >>> diabetes()
    Dataset(diabetes: 442 × 10, regression)
    """
    found = _bundled("diabetes")
    source = "Efron, Hastie, Johnstone & Tibshirani 2004, as shipped with scikit-learn"
    x, y = (np.asarray(part, dtype=np.float64) for part in (found.data, found.target))
    return Dataset("diabetes", x, y, (), source)
