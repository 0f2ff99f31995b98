"""What theory says of the learning signal before anything is trained.

    mean field:     q = σ_w² E φ(√q z)² + σ_b²,     χ = σ_w² E φ′(√q z)²        (z standard normal)
    deep linear:    s(t) = s e^{2st/τ} / (e^{2st/τ} − 1 + s/a₀)

In a wide random net the squared norm of the cotangent is multiplied by χ at every layer on its way
back: χ < 1 is order (it vanishes), χ > 1 chaos (it explodes), and learning goes deep at χ = 1.
In a deep linear net each singular mode of the task is learned on its own, strong ones first.
Reading on: Schoenholz et al. 2017, *Deep information propagation*; Saxe, McClelland & Ganguli 2014,
*Exact solutions to the nonlinear dynamics of learning in deep linear neural networks*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np

from diffkit.differentiate.higher import derivative
from diffkit.errors import InputError
from diffkit.graph.notebook import as_facts
from diffkit.nets.activations import get_activation

__all__ = ["MeanField", "critical_weights", "deep_linear_mode", "mean_field"]

# The trapezium rule over ±10 standard deviations, which converges exponentially for a normal
# density (Trefethen & Weideman 2014), also where φ changes fast; kinks at 0 lie between two nodes.
NODES = np.linspace(-10.0, 10.0, 4000)
WEIGHTS = np.exp(-(NODES**2) / 2) * (NODES[1] - NODES[0]) / sqrt(2 * pi)
ITERATIONS = 2000
STILL = 1e-13  # a variance that moves less is at its fixed point
UNBOUNDED = 1e100  # a variance this large has left for good
BISECTIONS = 50
WIDEST = 8.0  # the largest σ_w at which order is looked for


@dataclass(frozen=True)
class MeanField:
    """The variance ``q`` of pre-activations deep in a wide net, and the factor ``chi`` per layer.

    ``factor`` is that of the norm of the cotangent, √χ.
    """

    q: float
    chi: float
    _repr_html_ = as_facts

    @property
    def factor(self) -> float:
        """What the norm of the cotangent is multiplied by at every layer."""
        return sqrt(self.chi)

    @property
    def depth(self) -> float:
        """The layers over which the squared norm changes by e: 1/|ln χ|."""
        return float("inf") if self.chi == 1 else 1 / abs(float(np.log(self.chi)))


def mean_field(activation: Any, weight_std: float, bias_std: float = 0.0) -> MeanField:
    """The fixed point of a wide random net with weights N(0, σ_w²/n) and biases N(0, σ_b²).

    ``activation`` is a name or a function of an array.

    Raises
    ------
    InputError
        When σ_w is not positive or σ_b negative, or the variance has no fixed point.

    Source: Schoenholz et al. 2017, equations 3 and 8; Poole et al. 2016.

    >>> field = mean_field("tanh", 1.5, 0.05)
    >>> round(field.q, 3), round(field.chi, 3)
    (0.798, 1.137)
    """
    _check_deviations(weight_std, bias_std)
    phi = get_activation(activation)
    return _fixed_point(phi, derivative(phi), weight_std, bias_std)


def _check_deviations(weight_std: float, bias_std: float) -> None:
    if not (weight_std > 0 and bias_std >= 0):
        raise InputError(
            f"standard deviations are positive, not {weight_std!r} and {bias_std!r}",
            hint="σ_w = 1 and σ_b = 0 are usual for tanh.",
        )


def _fixed_point(
    phi: Callable[..., Any], slope: Callable[..., Any], weight_std: float, bias_std: float
) -> MeanField:
    """Where the variance of φ settles, and χ there from φ′, which keeps its captured graph."""
    q = 1.0
    for _ in range(ITERATIONS):
        before, q = q, weight_std**2 * float(WEIGHTS @ phi(sqrt(q) * NODES) ** 2) + bias_std**2
        if abs(q - before) <= STILL or q > UNBOUNDED:
            break
    if q > UNBOUNDED:
        raise InputError(
            "the variance grows without bound from layer to layer", hint="take a smaller σ_w."
        )
    slopes = np.asarray(slope(sqrt(q) * NODES))
    return MeanField(q, weight_std**2 * float(WEIGHTS @ slopes**2))


def critical_weights(activation: Any, bias_std: float) -> float:
    """The σ_w at which χ = 1 for this σ_b: the edge of chaos, by bisection.

    Raises
    ------
    InputError
        When there is no such σ_w up to 8.

    Source: Schoenholz et al. 2017, figure 1.

    >>> round(critical_weights("tanh", 0.05), 2)
    1.12
    """
    low, high = WIDEST * 2.0**-BISECTIONS, WIDEST
    _check_deviations(low, bias_std)
    phi = get_activation(activation)
    slope = derivative(phi)  # one function for all steps, so that it is captured once

    def ordered(weight_std: float) -> bool:
        return _fixed_point(phi, slope, weight_std, bias_std).chi < 1

    if not ordered(low) or ordered(high):
        raise InputError(
            f"there is no edge of chaos up to σ_w = {WIDEST:g}",
            hint="tanh has one for every σ_b.",
        )
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if ordered(middle) else (low, middle)
    return high


def deep_linear_mode(t: Any, strength: Any, start: Any, tau: float = 1.0) -> Any:
    """How strongly a mode is learned at time t in a linear net of two layers.

    ``strength`` is the singular value s of the task, ``start`` the value a₀ from which the mode
    grows; with a rate η per step on the mean loss of n examples, t counts steps and τ = 1/η.
    Arrays broadcast.

    Source: Saxe, McClelland & Ganguli 2014, equation 6.

    >>> deep_linear_mode(np.array([0.0, 100.0]), 3.0, 0.01).round(6).tolist()
    [0.01, 3.0]
    """
    shrunk = np.exp(-2.0 * np.asarray(strength) * np.asarray(t) / tau)
    return strength / (1.0 + (np.asarray(strength) / start - 1.0) * shrunk)
