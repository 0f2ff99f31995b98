"""The learning signal in a few words: where it vanishes, explodes, or does not arrive.

    ‖∂L/∂a₁‖ / ‖∂L/∂aₙ‖     what is left of the signal on its way from the last layer to the first
    ‖ΔW‖ / ‖W‖              how far an update moves the weights

The first is a product with a factor for each layer, so it shrinks or grows exponentially with depth
(Hochreiter 1991; Pascanu, Mikolov & Bengio 2013, *On the difficulty of training recurrent neural
networks*).  The second is about 10⁻³ where learning goes well (Karpathy 2016, notes to Stanford's
course CS231n, *Learning*).  Bounds here are wide: a verdict is said where norms are off by orders
of magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from diffkit.training.signal import Signal

__all__ = [
    "LayerVerdict",
    "ParameterVerdict",
    "SignalVerdict",
    "judge",
    "measured_series",
    "sparkline",
]

# What is left of the signal at the first layer, in orders of magnitude.
VANISHED, EXPLODED = 1e-3, 1e3
# An update over its weights; about 1e-3 is usual.
STILL, RUSHING = 1e-7, 1e-1
BARS = "▁▂▃▄▅▆▇█"
FINE = "fine"


@dataclass(frozen=True)
class LayerVerdict:
    """A layer: the norms of its activations and cotangents over the recorded steps, in words.

    ``left`` is the cotangent's last norm over that of the last layer.
    """

    name: str
    activation: tuple[float, ...]
    cotangent: tuple[float, ...]
    left: float
    verdict: str


@dataclass(frozen=True)
class ParameterVerdict:
    """A parameter: the norms of its gradients, and its updates over its weights, in words."""

    name: str
    gradient: tuple[float, ...]
    ratio: tuple[float, ...]
    verdict: str


@dataclass(frozen=True)
class SignalVerdict:
    """All layers and parameters, and one sentence for the net."""

    steps: tuple[int, ...]
    layers: tuple[LayerVerdict, ...]
    parameters: tuple[ParameterVerdict, ...]
    sentence: str


def judge(signal: Signal) -> SignalVerdict:
    """What a recorded signal says of each layer and parameter.

    >>> from diffkit.training.signal import Signal
    >>> signal = Signal()
    >>> signal.steps, signal.layers = [0], ["a", "b", "c"]
    >>> signal.rows["activation"], signal.rows["cotangent"] = [[1.0, 1.0, 1.0]], [[1e-6, 1e-3, 1.0]]
    >>> judge(signal).sentence
    'the signal vanishes: 1e-06 of it reaches a, a factor of 0.001 per layer'
    """
    activations, cotangents = signal.table("activation"), signal.table("cotangent")
    left = _left(cotangents)
    layers = tuple([
        LayerVerdict(name, _column(activations, k), _column(cotangents, k), left[k],
                     _of_layer(activations[:, k], cotangents[:, k], left[k]))
        for k, name in enumerate(signal.layers)
    ])  # fmt: skip
    gradients, updates = signal.table("gradient"), signal.table("update")
    ratios = _ratios(signal)
    parameters = tuple([
        ParameterVerdict(name, _column(gradients, k), _column(ratios, k),
                         _of_parameter(gradients[:, k], ratios[:, k], updates[:, k]))
        for k, name in enumerate(signal.parameters)
    ])  # fmt: skip
    return SignalVerdict(tuple(signal.steps), layers, parameters, _sentence(layers))


def _column(table: np.ndarray, k: int) -> tuple[float, ...]:
    return tuple(table[:, k].tolist())


def _left(cotangents: np.ndarray) -> list[float]:
    """Each layer's last cotangent over that of the last layer."""
    if not cotangents.size:
        return [np.nan] * cotangents.shape[1]
    last = cotangents[-1]
    with np.errstate(all="ignore"):
        return (last / last[-1]).tolist()


def _ratios(signal: Signal) -> np.ndarray:
    with np.errstate(all="ignore"):
        return signal.table("update") / signal.table("weight")


def _of_layer(activations: np.ndarray, cotangents: np.ndarray, left: float) -> str:
    if not len(activations):
        return "not recorded"
    if not np.isfinite(activations[-1]) or not np.isfinite(cotangents[-1]):
        return "no number"
    if activations[-1] == 0:
        return "dead: it gives zeros"
    if cotangents[-1] == 0:
        return "starved: no signal arrives"
    return "vanishing" if left < VANISHED else "exploding" if left > EXPLODED else FINE


def _of_parameter(gradients: np.ndarray, ratios: np.ndarray, updates: np.ndarray) -> str:
    if not len(gradients):
        return "not recorded"
    if not np.isfinite(gradients[-1]) or not np.isfinite(updates[-1]):
        return "no number"
    if gradients[-1] == 0:
        return "starved: no gradient"
    known = ratios[np.isfinite(ratios)]
    usual = float(np.median(known)) if len(known) else np.nan
    return "stands still" if usual < STILL else "rushes" if usual > RUSHING else FINE


def _sentence(layers: tuple[LayerVerdict, ...]) -> str:
    if not layers or not layers[0].cotangent:
        return "no signal was recorded"
    odd = [layer for layer in layers if layer.verdict in ("no number",)]
    if odd:
        return f"the signal is no number at {odd[-1].name}"
    if stopped := [layer for layer in layers if layer.verdict.startswith(("dead", "starved"))]:
        return f"the signal does not pass {stopped[-1].name}"
    first, count = layers[0], len(layers)
    if count < 2:
        return "there is one layer only, so nothing can be lost on the way"
    factor = f"a factor of {first.left ** (1 / (count - 1)):.3g} per layer"
    if first.left < VANISHED:
        return f"the signal vanishes: {first.left:.3g} of it reaches {first.name}, {factor}"
    if first.left > EXPLODED:
        return f"the signal explodes: {first.name} gets {first.left:.3g} times of it, {factor}"
    return f"the signal arrives: {first.left:.3g} of it at {first.name}, {factor}"


def sparkline(values: tuple[float, ...], width: int = 20) -> str:
    """Norms over the steps as a row of bars, on a logarithmic scale of their own.

    Numbers of either sign are drawn on a linear one.

    >>> sparkline((1.0, 10.0, 100.0))
    '▁▄█'
    """
    numbers = np.asarray(values, float)
    if len(numbers) > width:
        parts = np.array_split(numbers, width)
        numbers = np.array([np.median(part) for part in parts])
    with np.errstate(all="ignore"):
        logs = numbers if np.any(numbers < 0) else np.log10(numbers)
    seen = logs[np.isfinite(logs)]
    if not len(seen):
        return "·" * len(numbers)
    low, high = float(seen.min()), float(seen.max())
    spread = (high - low) or 1.0
    heights = np.where(np.isfinite(logs), (logs - low) / spread * (len(BARS) - 1), -1)
    return "".join("·" if height < 0 else BARS[int(np.ceil(height - 0.5))] for height in heights)


# Of every measurement between epochs: when it was taken, and what it cost.
_NOT_MEASURED = ("epoch", "step", "operations")


def measured_series(signal: Signal) -> dict[str, tuple[float, ...]]:
    """What was measured between epochs, and of gradients from update to update, by name.

    A series of numbers for each: one, or one for each layer or parameter; numbers that were not
    known yet are left out.

    >>> from diffkit.training.signal import Signal
    >>> signal = Signal()
    >>> signal.between = [{"epoch": 0, "rank": {"w": 2.0}}, {"epoch": 1, "rank": {"w": 1.5}}]
    >>> measured_series(signal)
    {'rank w': (2.0, 1.5)}
    """
    found: dict[str, list[float]] = {}
    for name in signal.asked:
        for column, values in zip(signal.columns(name), signal.table(name).T, strict=False):
            found[f"{name} {column}"] = values[np.isfinite(values)].tolist()
    for row in signal.between:
        for name in (name for name in row if name not in _NOT_MEASURED):
            numbers = row[name] if isinstance(row[name], dict) else {"": row[name]}
            for key, number in numbers.items():
                if isinstance(number, (int, float)):
                    found.setdefault(f"{name} {key}".strip(), []).append(float(number))
    return {name: tuple(numbers) for name, numbers in found.items() if numbers}
