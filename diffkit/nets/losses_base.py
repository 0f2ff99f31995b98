"""What a loss is: a value that is called with prediction and target, and knows its own mathematics.

    loss(prediction, target) = (1/n) Σᵢ ℓ(pᵢ, tᵢ)

Formula, derivative, targets and kinks stand in the class beside the code that computes ℓ, so the
table of the documentation is made from them.  Shapes are checked always, and so are the values of
targets that are arguments, by no operation of the graph (``capture/demands.py``): a derivative
checks them once per call, a training once before its first step.
Reading on: Goodfellow, Bengio & Courville 2016, *Deep Learning*, section 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from diffkit.capture.demands import demand
from diffkit.errors import InputError
from diffkit.graph.notebook import facts_html
from diffkit.nets.lines import users_line
from diffkit.nets.targets import as_array, refuse_nan, same_shapes

__all__ = ["HALF", "Loss", "number_option"]

HALF = 0.5  # a binary target above it is class 1


@dataclass(frozen=True, repr=False)
class Loss:
    """A loss as a value: ``loss(prediction, target)`` is the mean over the examples.

    ``classifies`` says that targets are classes, ``soft`` that they may be probabilities of all
    classes.  ``formula``, ``slope`` (the derivative for one
    example), ``targets``, ``kinks`` and ``purpose`` say in words what it is; ``positive`` names the
    options that are numbers above 0.

    >>> from diffkit.nets.losses import mse
    >>> mse, mse.slope
    (mse, '2(p − t)')
    """

    name: ClassVar[str] = ""
    classifies: ClassVar[bool] = False
    soft: ClassVar[bool] = False
    formula: ClassVar[str] = ""
    slope: ClassVar[str] = ""
    targets: ClassVar[str] = "numbers, shaped as the prediction"
    kinks: ClassVar[str] = "none"
    purpose: ClassVar[str] = ""
    positive: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for option in self.positive:
            number_option(self.name, option, getattr(self, option), 0, or_low=False)

    def __call__(self, prediction: Any, target: Any) -> Any:
        with users_line():
            prediction, target = self.fitted(as_array(prediction), as_array(target))
            demand(target, self.check_values, tuple(prediction.shape))
            return self.mean(prediction, target)

    def using(self, **options: Any) -> Self:
        """The same loss with other options.

        Raises InputError for an option that the loss does not have, or a value that makes no sense.

        >>> from diffkit.nets.losses import cross_entropy
        >>> cross_entropy.using(label_smoothing=0.1)
        cross_entropy.using(label_smoothing=0.1)
        """
        known = [field.name for field in fields(self)]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise InputError(
                f"{self.name} has no option {unknown[0]!r}",
                hint=f"it has {', '.join(known)}." if known else "it has none.",
            )
        return replace(self, **options)

    def fitted(self, prediction: Any, target: Any) -> tuple[Any, Any]:
        """Both with shapes that belong together."""
        return same_shapes(self.name, prediction, target)

    def check_values(self, shape: tuple[int, ...], target: np.ndarray) -> None:
        """Refuse targets that this loss cannot take, for predictions of this shape.

        With ``dk.vmap`` both have further axes in front.
        """
        refuse_nan(self.name, target)

    def check_all(self, target: np.ndarray) -> None:
        """Refuse all the targets of a training together, where nothing can be learned from them."""

    def mean(self, prediction: Any, target: Any) -> Any:
        """The mean over the examples."""
        return np.mean(self.each(prediction, target))

    def each(self, prediction: Any, target: Any) -> Any:
        """The loss of each example (or of each element)."""
        raise NotImplementedError

    def classes_of(self, target: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The targets as integer classes, for predictions of this shape."""
        return (np.asarray(target) > HALF).astype(np.intp)

    def _repr_html_(self) -> str:
        names = ("formula", "slope", "targets", "kinks", "purpose")
        return facts_html(repr(self), {name: getattr(self, name) for name in names})

    def __repr__(self) -> str:
        options = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return f"{self.name}.using({', '.join(options)})" if options else self.name

    @property
    def __name__(self) -> str:
        return self.name


def number_option(
    loss: str, option: str, value: Any, low: float, high: float = np.inf, *, or_low: bool = True
) -> None:
    """Refuse an option that is no number between bounds (``or_low``: the lower one included).

    Raises
    ------
    InputError
        "focal: gamma is -1, not a number ≥ 0".

    >>> number_option("focal", "gamma", 2.0, 0)
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if number and np.isfinite(value) and low <= value < high and (or_low or value > low):
        return
    range_ = f"{'≥' if or_low else '>'} {low:g}" + (f" and < {high:g}" if high < np.inf else "")
    raise InputError(
        f"{loss}: {option} is {value!r:.60}, not a number {range_}",
        hint=f"leave it out for the usual {loss}.",
    )
