"""The objective: a net and a loss as one function of parameters and data.

    L(params, x, y) = (1/n) Σᵢ loss(net(params, xᵢ), yᵢ) + (l2/2) Σ w² + l1 Σ |w|

It is what training minimises.  Data are checked once, with :meth:`Objective.check`, before the
first step: a NaN among the inputs would otherwise only be seen as a loss that is no number.
Reading on: Krogh & Hertz 1992, *A simple weight decay can improve generalization*; Tibshirani 1996,
*Regression shrinkage and selection via the lasso*, for l1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from inspect import signature
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.notebook import facts_html
from diffkit.nets.lines import users_line
from diffkit.nets.losses import Loss, huber
from diffkit.nets.losses_images import EDGES, Detection
from diffkit.nets.overlap import box_iou, mask_iou

if TYPE_CHECKING:
    from diffkit.nets.net import Net

__all__ = ["Objective"]


@dataclass(frozen=True, repr=False)
class Objective:
    """A loss of a net, ``objective(params, x, y)``; made by ``net.with_loss``.

    Raises
    ------
    InputError
        When l2 or l1 is negative or no number, or the loss no function.

    >>> from diffkit.nets.losses import mse
    >>> from diffkit.nets.models import mlp
    >>> mlp([1, 3, 1]).with_loss(mse, l2=0.01)
    Objective(mse + 0.01/2 Σ w² of Net([1] → dense1: 3 tanh → dense2: 1))
    """

    net: Net
    loss: Any
    l2: float = 0.0
    l1: float = 0.0

    __name__ = "loss"

    def __post_init__(self) -> None:
        if not callable(self.loss):
            raise InputError(
                f"the loss is {self.loss!r}, not a function of (prediction, target)",
                hint="use one of dk.losses, such as dk.losses.cross_entropy.",
            )
        if self.loss is huber or not _takes_two(self.loss):
            raise InputError(
                f"the loss {getattr(self.loss, '__name__', self.loss)} cannot be called as "
                "loss(prediction, target)",
                hint="call it first: dk.losses.huber(1.0) is the loss, dk.losses.huber makes it."
                if self.loss is huber
                else "a loss takes the net's output and the targets.",
            )
        for name, factor in (("l2", self.l2), ("l1", self.l1)):
            number = isinstance(factor, (int, float, np.number)) and np.isfinite(factor)
            if not number or factor < 0:
                raise InputError(f"{name} is {factor!r}, not a number ≥ 0", hint="1e-4 is usual.")

    def calibrated(self, params: Any, x: Any, y: Any = None) -> Any:
        """The parameters with the statistics of these inputs where layers keep some.

        Training measures them once after each epoch; ``y`` is not used.  A net without such layers
        gives the parameters back.
        """
        return self.net.calibrated(params, x)

    @property
    def draws(self) -> bool:
        """Whether the net computes something else while it is trained, and then wants a key."""
        return self.net.has_modes

    def __call__(self, params: Any, x: Any, y: Any, *, rng: Any = None) -> Any:
        with users_line():
            value = self.loss(self.net(params, x, rng=rng), y)
            if self.l2:
                value = value + 0.5 * self.l2 * self.weights(params)
            if self.l1:
                value = value + self.l1 * self._over_weights(params, np.abs)
            return value

    def weights(self, params: Any) -> Any:
        """Σ w² over all weights, biases left out."""
        return self._over_weights(params, np.square)

    def _over_weights(self, params: Any, function: Any) -> Any:
        """The sum of a function over all weights, in the order of the layers."""
        shapes = self.net.param_shapes
        found = [params[layer][key] for layer in shapes for key in shapes[layer] if _is_weight(key)]
        return reduce(add, (np.sum(function(w)) for w in found), 0.0)

    @property
    def classifies(self) -> bool:
        """Whether the targets are classes, or have them, so that there is an accuracy."""
        return getattr(self.loss, "classifies", False) or isinstance(self.loss, Detection)

    @property
    def overlaps(self) -> bool:
        """Whether the targets are masks or boxes, so that there is an overlap."""
        masks = self.classifies and len(self.net.shapes[-1]) == len(("height", "width", "class"))
        return masks or isinstance(self.loss, Detection)

    def overlap(self, params: Any, x: Any, y: Any) -> float | None:
        """The overlap with the right masks or boxes, IoU from 0 to 1; None where there are none.

        Of masks it is the mean over the classes (:func:`~diffkit.nets.mask_iou`), of boxes
        the mean over the examples.
        """
        if not self.overlaps:
            return None
        if isinstance(self.loss, Detection):
            boxes = np.asarray(self.net(params, x))[:, :EDGES]
            return float(np.mean(box_iou(boxes, np.asarray(y)[:, :EDGES])))
        return mask_iou(self.net.predict(params, x), y)

    def accuracy(self, params: Any, x: Any, y: Any) -> float | None:
        """The share of examples classified rightly, from 0 to 1; None for a regression.

        Of masks it is the share of pixels, and of boxes that of what is in them.  Raises ShapeError
        when inputs or targets do not fit.
        """
        if isinstance(self.loss, Detection):
            scores = np.asarray(self.net(params, x))[:, EDGES:]
            return float(np.mean(scores.argmax(axis=-1) == np.asarray(y)[:, EDGES]))
        if not self.classifies:
            return None
        y = np.reshape(y, _rows(y))
        shape = (len(y), *self.net.shapes[-1])
        classes = self.loss.classes_of(y, shape)
        if y.shape == shape and shape[-1] > 1 and not self.loss.soft:  # several answers each
            return float(np.mean((np.asarray(self.net(params, x)) > 0) == classes))
        return self.net.accuracy(params, x, classes)

    def check(self, x: Any, y: Any) -> None:
        """Refuse a data set this objective cannot be trained on, in one sentence.

        Raises
        ------
        InputError
            No examples, NaN or infinities, labels out of range, or one class only.
        ShapeError
            Inputs that do not fit the net, or another number of targets.
        DtypeError
            Values that are not numbers, labels that are not integers.
        """
        x, y = as_numbers("x", x), as_numbers("y", y)
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ShapeError(
                f"x has shape {x.shape} and y has shape {y.shape}: their lengths differ",
                hint="there is one target for each example.",
            )
        if len(x) == 0:
            raise InputError("there are no examples", hint="give at least one row.")
        refuse_nonfinite("x", x)
        refuse_nonfinite("y", y)
        self.net.batch(x)
        if isinstance(self.loss, Loss):
            shape = (len(x), *self.net.shapes[-1])
            prediction, target = self.loss.fitted(np.broadcast_to(0.0, shape), y)
            self.loss.check_values(prediction.shape, np.asarray(target))
            self.loss.check_all(np.asarray(target))
            self._check_classes(y)

    def _check_classes(self, y: np.ndarray) -> None:
        hard = y.dtype.kind != "f" or bool(np.all(np.isin(y[0], (-1, 0, 1))))  # no probabilities
        if self.classifies and hard and len(y) > 1 and np.all(y == y[0]):
            what = int(y[0]) if y.ndim == 1 else "the same class"
            raise InputError(
                f"all {len(y)} labels are {what}: there is one class only, so nothing to learn",
                hint="check that the data are not sorted or filtered by class.",
            )

    def _repr_html_(self) -> str:
        facts = {"loss": self.loss, "net": self.net, "l2": self.l2, "l1": self.l1}
        return facts_html("Objective", {name: fact for name, fact in facts.items() if fact})

    def __repr__(self) -> str:
        penalty = f" + {self.l2:g}/2 Σ w²" if self.l2 else ""
        penalty += f" + {self.l1:g} Σ |w|" if self.l1 else ""
        name = getattr(self.loss, "__name__", "loss")
        words = repr(self.loss) if isinstance(self.loss, Loss) else name
        return f"Objective({words}{penalty} of {self.net!r})"


def _is_weight(name: str) -> bool:
    """Whether a parameter is a weight: w, w_hidden, or conv1.w inside a block."""
    return name.rpartition(".")[2].startswith("w")


def _takes_two(loss: Any) -> bool:
    """Whether a function can be called with a prediction and a target."""
    try:
        signature(loss).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # a function of C may not say
        return True
    return True


def _rows(y: Any) -> tuple[int, ...]:
    """The shape of targets, a column taken as a vector."""
    shape = np.shape(y)
    return shape[:1] if len(shape) == 2 and shape[1] == 1 else shape


def as_numbers(name: str, value: Any) -> np.ndarray:
    """An array of numbers, from whatever was given for ``name``.

    Raises
    ------
    ShapeError
        For rows of different lengths.
    DtypeError
        For text and objects.

    >>> as_numbers("x", [1, 2])
    array([1, 2])
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ShapeError(
            f"{name} is ragged: its rows have different lengths",
            hint="every example needs the same number of features.",
        ) from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            f"{name} has dtype {array.dtype}, not numbers",
            hint="convert it with np.asarray(value, dtype=float).",
        )
    return array


def refuse_nonfinite(name: str, array: np.ndarray) -> None:
    """Refuse NaN and infinities, naming the first one's place.

    Raises
    ------
    InputError
        "x holds nan at row 3, column 7".

    >>> refuse_nonfinite("x", np.ones(3))
    """
    if array.dtype.kind != "f" or np.all(np.isfinite(array)):
        return
    row, *rest = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
    column = f", column {rest[0] if len(rest) == 1 else tuple(rest)}" if rest else ""
    count = int(np.sum(~np.isfinite(array)))
    others = f" ({count} such values)" if count > 1 else ""
    raise InputError(
        f"{name} holds {array[(row, *rest)]} at row {row}{column}{others}",
        hint="leave such examples out, or fill the gaps first.",
    )
