"""Many small trainings side by side, as one program of the machine.

    Wₖ[r] ← Wₖ[r] − ηₖ[r] ∂L/∂Wₖ (W[r])        for all runs r at once, `steps` times

The step of gradient descent is mapped over an axis of runs (``dk.vmap``) and repeated by a loop
that is part of the graph (``dk.scan``), so a block of runs is one call: no Python between updates,
every intermediate of a block in the cache, and blocks on as many threads as there are cores.
Every run of a block is computed for itself, so its losses have the same bits in any company.

Reading on: Sohl-Dickstein 2024, whose maps need a training per pixel.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.capture.scanning import scan
from diffkit.capture.trees import flatten, unflatten
from diffkit.differentiate.api import value_and_grad
from diffkit.differentiate.batching import vmap
from diffkit.engines.calling import chosen_engine, runner_of
from diffkit.errors import InputError
from diffkit.graph.ir import Graph
from diffkit.graph.printing import to_text

__all__ = ["LANES", "SideBySide"]

# Runs of one block.  A net of 4-8-1 with 8 examples has 64 hidden numbers per run; 256 runs of it
# are 128 kB for each intermediate, which is what a core's second cache takes.
LANES = 256
# What a printed equation says of the user's lines: moving a function changes no result.
LINE = re.compile(r"\s+# .*$", re.MULTILINE)


class SideBySide:
    """Gradient descent on ``loss(params, *rows)``, as often as there are pairs of rates.

    ``second`` says of each leaf of ``params`` whether it learns at the second rate.

    Raises
    ------
    InputError
        When the loss is no scalar, or branches on its parameters.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        params: Any,
        rows: Sequence[np.ndarray],
        second: Sequence[bool],
        steps: int,
        engine: str = "auto",
    ) -> None:
        leaves, self.structure = flatten(params)
        self.leaves = [np.asarray(leaf, float) for leaf in leaves]
        self.loss, self.rows, self.second = loss, rows, list(second)
        self.steps, self.engine = steps, chosen_engine(engine)

    def losses(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The loss before every update, (steps, runs), for at most ``LANES`` pairs of rates.

        >>> runs = SideBySide(lambda w: (w[0] + w[1] - 1) ** 2, [0.0, 0.0], [], [0, 1], 3)
        >>> runs.losses(np.array([0.25, 0.0]), np.array([0.25, 0.0])).tolist()
        [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
        """
        count = len(first)
        rates = [np.resize(each, LANES) for each in (first, second)]  # a last block is filled up
        with np.errstate(all="ignore"):
            (found,) = self.runner([*self.start, *rates])
        return found[:, :count]

    @cached_property
    def start(self) -> list[np.ndarray]:
        """The first parameters, once for every run."""
        return [np.repeat(leaf[None], LANES, axis=0) for leaf in self.leaves]

    @cached_property
    def runner(self) -> Callable[[Sequence[Any]], list[Any]]:
        """The program of a block; any number of threads may call it."""
        return runner_of(self.graph, self.engine)

    @cached_property
    def graph(self) -> Graph:
        """The trainings of one block as a graph: parameters and rates in, all losses out."""
        rates = [np.zeros(LANES)] * 2
        found = trace(self._trainings, self.start, *rates)
        if found.guards:
            raise InputError(
                "the loss branches on its parameters, so one program does not serve all runs",
                hint="use np.where instead of if in the loss.",
            )
        return found

    def _trainings(self, start: list[Any], *rates: Any) -> Any:
        count, shared = len(self.leaves), len(self.rows)
        step = vmap(self._step, in_axes=(*[0] * (count + 2), *[None] * shared))

        def next_step(leaves: list[Any], _: Any) -> tuple[list[Any], Any]:
            value, *after = step(*leaves, *rates, *self.rows)
            return after, value

        return scan(next_step, start, length=self.steps)[1]

    def _step(self, *given: Any) -> list[Any]:
        """One update of one run: its loss and its new parameters."""
        count = len(self.leaves)
        leaves, rates, rows = given[:count], given[count : count + 2], given[count + 2 :]
        value, tree = value_and_grad(self.loss)(unflatten(self.structure, leaves), *rows)
        bars = flatten(tree)[0]
        moved = zip(leaves, bars, self.second, strict=True)
        return [value, *[leaf - rates[other] * bar for leaf, bar, other in moved]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that decides the losses: the graph, its numbers, parameters and data."""
        text = LINE.sub("", to_text(self.graph, None))
        content = hashlib.sha256(f"{self.engine} {self.steps} {text}".encode())
        for array in (*self.leaves, *self.rows, *self.graph.columns.values.values()):
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()[:16]
