"""What every way of differentiating has in common.

A method takes a captured function and a point and gives the Jacobian blocks ∂yᵢ/∂xⱼ; the
verbs of the interface (``grad``, ``derivative``, ``jacobian``, ``hessian``) and the comparison
are built on that one question, so that five methods answer it under equal conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from diffkit.graph.ir import Graph

__all__ = ["Captured", "JacobianResult", "Method"]


class Captured(Protocol):
    """A function that can be captured for given leaves (``differentiate/function.py``)."""

    def graph_for(self, leaves: Sequence[Any]) -> Graph:
        """The value graph for these flat arguments, captured again when a guard breaks."""
        ...

    def values(self, leaves: Sequence[Any], engine: str = "auto") -> list[Any]:
        """The flat outputs at these flat arguments."""
        ...


@dataclass
class JacobianResult:
    """The answer of a method.

    ``values`` are the outputs yᵢ; ``blocks[i][j]`` is ∂yᵢ/∂xⱼ for the j-th of ``wrt``, with
    shape ``yᵢ.shape + xⱼ.shape``.  ``evaluations`` counts runs of the function (or of the
    graph that replaces it); ``graph`` is the graph that was run, and ``flops`` the declared
    floating-point operations of the whole answer.
    """

    values: list[Any]
    blocks: list[list[np.ndarray]]
    evaluations: int
    flops: int
    graph: Graph | None = None
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


class Method:
    """A way of differentiating, with its options; ``name`` is its short form."""

    name: ClassVar[str] = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and all Jacobian blocks at ``leaves``, with respect to leaves ``wrt``."""
        raise NotImplementedError
