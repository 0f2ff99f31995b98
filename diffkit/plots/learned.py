"""A convolutional net that has learned the digits, trained once for all pictures that show it.

The pages on filters, saliency and fooling look at one net from different sides.  Its first filters
begin at a twentieth of He's size, so that what one sees in them afterwards was learned:

    8×8 → 16 filters 3×3 → pool → 32 filters 3×3 → pool → 10 scores

Reading on: LeCun et al. 1998, *Gradient-based learning applied to document recognition*; Zeiler &
Fergus 2014, *Visualizing and understanding convolutional networks*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from diffkit.nets.datasets import digits
from diffkit.nets.losses import cross_entropy
from diffkit.nets.models import cnn
from diffkit.nets.net import Net
from diffkit.optim.descent import adam
from diffkit.optim.schedules import one_cycle
from diffkit.training.loop import train

__all__ = ["SIDE", "Learned", "learned_digits", "unseen_digits"]

SIDE = 8  # pixels of a digit, across and down
CHANNELS = (16, 32)
FAINT = 0.05  # of He's size, for the first filters
EPOCHS, BATCH, RATE = 12, 32, 0.01


@dataclass(frozen=True)
class Learned:
    """A net and its parameters before training and after every epoch."""

    net: Net
    course: tuple[Any, ...]

    @property
    def params(self) -> Any:
        """The parameters after the last epoch."""
        return self.course[-1]

    def filters(self, epoch: int = -1) -> np.ndarray:
        """The filters of the first layer as images, (16, 3, 3), after an epoch."""
        return np.moveaxis(np.asarray(self.course[epoch]["conv1"]["w"])[:, :, 0], -1, 0)

    def maps(self, image: np.ndarray) -> np.ndarray:
        """What each first filter finds in one image, after the rectifier: (16, 8, 8)."""
        found = self.net.layers[0](self.params["conv1"], image.reshape(1, SIDE, SIDE, 1))
        return np.moveaxis(np.asarray(found)[0], -1, 0)


@lru_cache(maxsize=1)
def learned_digits() -> Learned:
    """The net of this module, trained on four fifths of the digits; computed once per process.

    Raises
    ------
    UnsupportedError
        Without scikit-learn, which brings the digits.

    >>> learned_digits().filters().shape
    (16, 3, 3)
    """
    x, _, y, _ = digits().split()
    net = cnn((SIDE, SIDE, 1), CHANNELS)
    params = net.init(0)
    params["conv1"] = params["conv1"] | {"w": FAINT * params["conv1"]["w"]}
    course = [params]
    train(net.with_loss(cross_entropy), params, (x, y), optimizer=adam(one_cycle(RATE)),
          batch_size=BATCH, epochs=EPOCHS,
          on_epoch=lambda run: course.append(run.params))  # fmt: skip
    return Learned(net, tuple(course))


@lru_cache(maxsize=1)
def unseen_digits() -> tuple[np.ndarray, np.ndarray]:
    """The fifth of the digits that the net has not seen: images (360, 64) and labels.

    >>> unseen_digits()[0].shape
    (360, 64)
    """
    _, x, _, y = digits().split()
    return x, y
