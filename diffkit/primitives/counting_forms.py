"""Random words in formulas: a SymPy function that stays as it is until its arguments are numbers.

This module imports SymPy, so it is itself imported late.  Reading on: ``counting.py``.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from diffkit.graph.primitive import REGISTRY
from diffkit.primitives.symbolic_functions import Stable

__all__ = ["random_word"]


class random_word(Stable):
    """A word of a counter-based generator; there is no textbook formula for it."""

    nargs = 3
    is_extended_nonnegative = True

    def textbook(self) -> Any:
        """Itself; the number where all three are numbers."""
        if not all(part.is_number for part in self.args):
            return self
        primitive: Any = REGISTRY["random_word"]
        return sp.Integer(int(primitive.mpmath(*[sp.floor(part) for part in self.args])))
