"""The learning signal: how large the gradient is at every layer, at every step.

    ‖h‖, ‖∂L/∂h‖ at every probe,      ‖∂L/∂W‖, ‖ΔW‖, ‖W‖ of every parameter.

The cotangent of an activation shows what reaches a layer; the gradient of its weights can hide
it, since shrinking activations and growing cotangents cancel there (Glorot & Bengio 2010,
*Understanding the difficulty of training deep feedforward neural networks*, section 4.2).
Norms are Euclidean, over all examples of the batch; the loss is a mean over the batch, so
cotangents are those of the mean.  What gradients say of each other from update to update stands in
``training/trail.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optree

from diffkit.capture.trees import flatten, structure_of
from diffkit.errors import InputError
from diffkit.graph.notebook import table_html
from diffkit.training.trail import TRAILED

__all__ = ["ALL", "Signal", "norm", "parameter_names"]

# The first column of what is measured of whole gradients; the others are single arrays.
ALL = "all"


def norm(value: Any) -> float:
    """The Euclidean norm of all elements."""
    with np.errstate(over="ignore"):  # a training that diverges may pass 1e154
        return float(np.linalg.norm(np.ravel(np.asarray(value, dtype=float))))


def parameter_names(params: Any) -> list[str]:
    """A dotted name for every array of a parameter tree, e.g. ``dense1.w``."""
    paths = optree.treespec_paths(structure_of(params))
    return [".".join(map(str, path)) or "params" for path in paths]


class Signal:
    """Norms recorded during training, one row per recorded step.

    ``layers`` are the probes in the order of the forward pass, ``parameters`` the arrays of the
    parameter tree.  :meth:`table` gives one quantity as an array ``(steps, layers)`` or
    ``(steps, parameters)``, or ``(steps, 1 + parameters)`` for what was ``asked`` for of
    gradients and their predecessors: first of all parameters, then of each.  ``between`` are rows
    of what was measured between epochs, which :meth:`measured` gives by name.
    """

    LAYER_QUANTITIES = ("activation", "cotangent")
    PARAMETER_QUANTITIES = ("gradient", "update", "weight")

    def __init__(self, asked: Sequence[str] = ()) -> None:
        self.asked = tuple(name for name in TRAILED if name in asked)
        self.steps: list[int] = []
        self.layers: list[str] = []
        self.parameters: list[str] = []
        self.rows: dict[str, list[list[float]]] = {
            name: [] for name in (*self.LAYER_QUANTITIES, *self.PARAMETER_QUANTITIES, *self.asked)
        }
        self.between: list[dict[str, Any]] = []

    def record(
        self,
        step: int,
        probes: Mapping[str, Any],
        gradients: Any,
        before: Any,
        after: Any,
        trailed: Sequence[Any] = (),
    ) -> None:
        """Add a row: what this step saw, what it changed, and the numbers of its trail."""
        self.layers = self.layers or list(probes)
        self.parameters = self.parameters or parameter_names(before)
        self.steps.append(step)
        self.rows["activation"].append([norm(probes[name].value) for name in self.layers])
        self.rows["cotangent"].append([norm(probes[name].cotangent) for name in self.layers])
        bars, old, new = (flatten(tree)[0] for tree in (gradients, before, after))
        self.rows["gradient"].append([norm(g) for g in bars])
        self.rows["update"].append([norm(b - a) for a, b in zip(old, new, strict=True)])
        self.rows["weight"].append([norm(w) for w in old])
        width = 1 + len(self.parameters)
        for place, name in enumerate(self.asked):
            part = trailed[place * width : (place + 1) * width]
            self.rows[name].append([float(number) for number in part])

    def drop_half_rows(self) -> None:
        """Remove a last row that was interrupted before all its quantities were in."""
        whole = min(len(self.steps), *map(len, self.rows.values()))
        for column in (self.steps, *self.rows.values()):
            del column[whole:]

    def table(self, quantity: str = "cotangent") -> np.ndarray:
        """One quantity over the recorded steps; ``"ratio"`` is ‖ΔW‖/‖W‖ (0/0 is NaN).

        Raises
        ------
        InputError
            For a quantity that is not recorded.
        """
        if quantity == "ratio":
            with np.errstate(divide="ignore", invalid="ignore"):
                return self.table("update") / self.table("weight")
        if quantity not in self.rows:
            raise InputError(
                f"the signal has no {quantity!r}",
                hint=f"choose among {', '.join(self.rows)}, ratio."
                + f' It is recorded with record=("{quantity}",).' * (quantity in TRAILED),
            )
        shape = len(self.steps), len(self.columns(quantity))
        return np.array(self.rows[quantity], dtype=float).reshape(shape)

    def columns(self, quantity: str) -> list[str]:
        """What the columns of a table are: layers, parameters, or all and each of these.

        >>> Signal().columns("gradient")
        []
        """
        if quantity in self.LAYER_QUANTITIES:
            return self.layers
        return [ALL, *self.parameters] if quantity in TRAILED else self.parameters

    def measured(self, name: str) -> list[Any]:
        """What was measured between epochs under this name, one entry per measurement.

        ``"epoch"``, ``"step"`` and ``"operations"`` say when, and what it cost; the names of the
        others are those of ``record``, and what each consists of.

        Raises
        ------
        InputError
            For what was not measured.
        """
        names = list(self.between[0]) if self.between else []
        if name not in names:
            from diffkit.training.measuring import BETWEEN_EPOCHS

            asked = name if name in BETWEEN_EPOCHS else "noise"
            known = f"choose among {', '.join(names)}." if names else (
                f'it is asked for with record=("loss", "{asked}"), say.')  # fmt: skip
            raise InputError(f"{name!r} was not measured between epochs", hint=known)
        return [row[name] for row in self.between]

    def slope(self, quantity: str = "cotangent", step: int = 0) -> float:
        """The factor per layer from the output towards the input, at one recorded step.

        It is the exponential of the slope of a straight line through the logarithms of the
        norms; below 1 the signal vanishes on its way back, above 1 it explodes.

        Raises
        ------
        InputError
            When there are fewer than two layers, or the signal is exactly zero at one.
        """
        norms = self.table(quantity)[step][::-1]
        if len(norms) < 2 or not (norms > 0).all():
            raise InputError(
                "a factor per layer needs a positive norm at two layers or more",
                hint=f"the norms are {norms.tolist()}.",
            )
        return float(np.exp(np.polyfit(np.arange(len(norms)), np.log(norms), 1)[0]))

    def __repr__(self) -> str:
        between = f", {len(self.between)} measured between epochs" if self.between else ""
        layers, steps = len(self.layers), len(self.steps)
        return f"<Signal of {layers} layers over {steps} recorded updates{between}>"

    def _repr_html_(self) -> str:
        rows = []
        for name, *found in zip(
            self.layers, self.table("activation").T, self.table().T, strict=True
        ):
            ends = (f"{norms[place]:.3g}" for norms in found for place in (0, -1))
            rows.append([name, *ends] if self.steps else [name, "", "", "", ""])
        header = ["layer", "‖a‖ first", "last", "‖∂L/∂a‖ first", "last"]
        return table_html(repr(self).strip("<>"), header, rows, right=[False, *[True] * 4])

    def to_dict(self) -> dict[str, Any]:
        """Everything recorded, as plain lists."""
        return {
            "schema": 1,
            "steps": self.steps,
            "layers": self.layers,
            "parameters": self.parameters,
            "between": self.between,
            **self.rows,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Signal:
        """The signal of a saved run."""
        signal = cls([name for name in TRAILED if name in saved])
        signal.steps = list(saved["steps"])
        signal.layers, signal.parameters = list(saved["layers"]), list(saved["parameters"])
        signal.between = [dict(row) for row in saved.get("between", [])]
        signal.rows = {name: [list(row) for row in saved[name]] for name in signal.rows}
        return signal


def first_bad(names: Sequence[str], values: Sequence[Any]) -> str | None:
    """The first name whose value holds a NaN or an infinity."""
    for name, value in zip(names, values, strict=True):
        if not np.all(np.isfinite(np.asarray(value))):
            return name
    return None
