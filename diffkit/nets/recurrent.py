"""Recurrent layers: one small net that reads a sequence step by step, with a memory.

    plain   hₜ = φ(xₜ W + hₜ₋₁ U + b)

    LSTM    i, f, o = σ(…),  g = tanh(…),  cₜ = f cₜ₋₁ + i g,  hₜ = o tanh cₜ

    GRU     r, z = σ(…),  n = tanh(xₜ Wₙ + bₙ + r (hₜ₋₁ Uₙ + b′)),  hₜ = (1 − z) n + z hₜ₋₁

where each … is xₜ W + hₜ₋₁ U + b with a block of columns of its own.  Backwards through T steps a
plain net multiplies T Jacobians, so its learning signal vanishes or explodes (Hochreiter 1991;
Bengio, Simard & Frasconi 1994); the sums cₜ and hₜ of the gated ones carry it further.

The products with x are made for all steps at once; the rest is one ``dk.scan``, so a sequence of
any length is one equation of the graph.  Inputs are (batch, time, features).
Reading on: Pascanu, Mikolov & Bengio 2013, *On the difficulty of training recurrent neural
networks*; Hochreiter & Schmidhuber 1997, *Long short-term memory*; Cho et al. 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.scanning import scan
from diffkit.errors import InputError
from diffkit.nets.activations import Function, get_activation
from diffkit.nets.initializers import Initializer, get_initializer, orthogonal, xavier
from diffkit.nets.layers import Layer, Params, Shape, check_count, with_activation
from diffkit.primitives.transcendental import logistic

__all__ = ["GRU", "LSTM", "RNN", "gru", "lstm", "recurrent"]

Carry = tuple[Any, ...]


class _Recurrent(Layer):
    """What the three share: W (features, blocks·units), U (units, blocks·units), b, and the loop.

    A subclass says how many ``blocks`` of columns it has, how many arrays it carries from step to
    step, and what a step makes of the inputs' part xₜ W + b and of hₜ₋₁ U.
    """

    blocks: ClassVar[int] = 1
    carries: ClassVar[int] = 1
    units: Any
    sequences: Any
    initializer: Any

    def check_options(self) -> None:
        """Refuse sizes and initializers that are none."""
        check_count(f"{self.kind}: units", self.units)
        if self.initializer is not None:
            get_initializer(self.initializer)

    def expects(self, in_shape: Shape) -> str | None:
        """Sequences."""
        return None if len(in_shape) == 2 else "sequences [batch, time, features]"

    def remedy(self, in_shape: Shape) -> str:
        """Which axes there are."""
        return (
            "reshape to three axes; a recurrent layer before another one needs sequences=True, "
            "to give all its steps."
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        """(units,) of the last step, or (time, units) of all."""
        return (in_shape[0], self.units) if self.sequences else (self.units,)

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """Weights of inputs and memory, and biases, the blocks side by side."""
        wide = self.blocks * self.units
        return {"w": (in_shape[1], wide), "w_hidden": (self.units, wide), "b": (wide,)}

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Each block by its initializer: Xavier for inputs, orthogonal for the memory."""
        self.require(in_shape, self.kind, "the input")
        own = self.initializer
        starts = {
            "w": xavier if own is None else get_initializer(own),
            "w_hidden": orthogonal if own is None else get_initializer(own),
        }
        made: Params = {}
        for key, shape in self.param_shapes(in_shape).items():
            if key in starts:
                block = (shape[0], self.units)
                parts = [np.asarray(starts[key](rng, block)) for _ in range(self.blocks)]
                made[key] = np.concatenate(parts, axis=1)
            else:
                made[key] = np.zeros(shape)
        return made, self.out_shape(in_shape)

    def step(self, params: Params, inputs: Any, hidden: Any, carry: Carry) -> Carry:
        """The next carry, h first, from xₜ W + b, hₜ₋₁ U and the carry."""
        raise NotImplementedError

    def gates(self, total: Any) -> list[Any]:
        """The blocks of columns."""
        size = self.units
        return [total[:, i * size : (i + 1) * size] for i in range(total.shape[1] // size)]

    def __call__(self, params: Params, x: Any) -> Any:
        inputs = np.swapaxes(x, 0, 1) @ params["w"] + params["b"]
        start = np.zeros((x.shape[0], self.units), inputs.dtype)

        def step(carry: Carry, row: Any) -> tuple[Carry, Any]:
            after = self.step(params, row, carry[0] @ params["w_hidden"], carry)
            return after, (after[0] if self.sequences else None)

        last, every = scan(step, (start,) * self.carries, inputs)
        return np.swapaxes(every, 0, 1) if self.sequences else last[0]

    def describe(self) -> str:
        """Units, and whether all steps come out."""
        return f"{self.units}{' at every step' if self.sequences else ''}"


@dataclass(frozen=True)
class RNN(_Recurrent):
    """A plain recurrent layer, hₜ = φ(xₜ W + hₜ₋₁ U + b), from h₀ = 0.

    Parameters
    ----------
    units, activation
        The size of the memory, and φ.
    sequences
        Whether to give h of every step, (batch, time, units), instead of the last.
    initializer, name
        Of both weights (Xavier for W and orthogonal for U, if None); a name of its own.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: Elman 1990, *Finding structure in time*.

    >>> layer = recurrent(2)
    >>> params, shape = layer.init(np.random.default_rng(0), (5, 3))
    >>> params["w"].shape, params["w_hidden"].shape, shape
    ((3, 2), (2, 2), (2,))
    >>> layer(params, np.zeros((1, 5, 3))).tolist()
    [[0.0, 0.0]]
    """

    kind: ClassVar[str] = "rnn"
    units: int
    activation: str | Function = "tanh"
    sequences: bool = False
    initializer: str | Initializer | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_options()
        get_activation(self.activation)

    def step(self, params: Params, inputs: Any, hidden: Any, carry: Carry) -> Carry:
        """φ of the sum."""
        return (get_activation(self.activation)(inputs + hidden),)

    def describe(self) -> str:
        """Units and activation."""
        return with_activation(super().describe(), self.activation)


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory: a cell cₜ = f cₜ₋₁ + i g behind gates, hₜ = o tanh cₜ.

    The blocks of columns are i, f, g, o.  From the first step the forget gate stands open:
    ``forget_bias`` is its first bias, without which long memories start to fade at once.

    Parameters
    ----------
    units, sequences, initializer, name
        As for ``recurrent``.
    forget_bias
        The first biases of f; the others are 0.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown initializers, or a bias that is no
        number.

    Source: Hochreiter & Schmidhuber 1997; the forget gate: Gers, Schmidhuber & Cummins 2000; its
    bias: Jozefowicz, Zaremba & Sutskever 2015.

    >>> params, shape = lstm(2, sequences=True).init(np.random.default_rng(0), (5, 3))
    >>> shape, params["b"].tolist()
    ((5, 2), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    """

    kind: ClassVar[str] = "lstm"
    blocks: ClassVar[int] = 4
    carries: ClassVar[int] = 2
    units: int
    sequences: bool = False
    forget_bias: float = 1.0
    initializer: str | Initializer | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_options()
        if not isinstance(self.forget_bias, (int, float, np.number)):
            raise InputError(
                f"lstm: the forget bias is {self.forget_bias!r}, not a number", hint="1 is usual."
            )

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """As all recurrent layers, but for the biases of the forget gate."""
        made, shape = super().init(rng, in_shape)
        made["b"][self.units : 2 * self.units] = self.forget_bias
        return made, shape

    def step(self, params: Params, inputs: Any, hidden: Any, carry: Carry) -> Carry:
        """(h, c)."""
        i, f, g, o = self.gates(inputs + hidden)
        cell = logistic(f) * carry[1] + logistic(i) * np.tanh(g)
        return logistic(o) * np.tanh(cell), cell


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent units: hₜ = (1 − z) n + z hₜ₋₁, two gates and no cell.

    The blocks of columns are r, z, n.  The reset gate r acts behind the product with U, whose
    part of n has biases b′ of its own (``b_hidden``).

    Parameters
    ----------
    units, sequences, initializer, name
        As for ``recurrent``.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, or unknown initializers.

    Source: Cho et al. 2014, *Learning phrase representations using RNN encoder-decoder*; with the
    reset gate behind the product as in their first version, and in cuDNN and PyTorch.

    >>> params, shape = gru(2).init(np.random.default_rng(0), (5, 3))
    >>> params["w"].shape, params["w_hidden"].shape, shape
    ((3, 6), (2, 6), (2,))
    """

    kind: ClassVar[str] = "gru"
    blocks: ClassVar[int] = 3
    units: int
    sequences: bool = False
    initializer: str | Initializer | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_options()

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """As all recurrent layers, and the biases of the memory's part of n."""
        return super().param_shapes(in_shape) | {"b_hidden": (self.units,)}

    def step(self, params: Params, inputs: Any, hidden: Any, carry: Carry) -> Carry:
        """h."""
        (r, z, n), (r_hidden, z_hidden, n_hidden) = self.gates(inputs), self.gates(hidden)
        reset, keep = logistic(r + r_hidden), logistic(z + z_hidden)
        new = np.tanh(n + reset * (n_hidden + params["b_hidden"]))
        return ((1.0 - keep) * new + keep * carry[0],)


recurrent, lstm, gru = RNN, LSTM, GRU
