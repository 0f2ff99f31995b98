"""Images with one box each: what a detector learns from.

    y = (left, top, right, bottom, label),      edges as shares of the image from 0 to 1

The edges are numbers to predict and the label is a class, so the targets are floats, and the names
of the classes stand beside them.  Reading on: Everingham et al. 2010, *The PASCAL visual object
classes challenge*.
"""

from __future__ import annotations

from dataclasses import dataclass

from diffkit.nets.dataset import Dataset

__all__ = ["BoxedImages"]


@dataclass(frozen=True, repr=False, eq=False)
class BoxedImages(Dataset):
    """Images whose targets (n, 5) are the edges of a box and the label of what is in it.

    Parameters
    ----------
    kinds
        The names of what can be in a box; the labels count them from 0.

    >>> from diffkit.nets.shapes import shapes
    >>> shapes(4).detection().kinds
    ('disc', 'square', 'triangle')
    """

    kinds: tuple[str, ...]

    def __repr__(self) -> str:
        sizes = " × ".join(map(str, self.x.shape))
        return f"Dataset({self.name}: {sizes}, boxes of {len(self.kinds)} kinds)"
