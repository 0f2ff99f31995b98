"""One trial of a rule: a primitive, its operands, and everything the checks ask about them.

The derivative graphs come from the library's own drivers; the truth comes from the *value*
alone, run on 50-digit numbers, by central differences along a direction ẋ,

    J ẋ ≈ (F(x + hẋ) − F(x − hẋ)) / 2h,     h = 10⁻¹⁶,

whose truncation error is about h² = 10⁻³² and whose rounding error is 10⁻⁵⁰/h = 10⁻³⁴, both
far below the 10⁻¹⁶ of the numbers under test.  For elementwise primitives the declared SymPy
form gives a second, independent truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from diffkit.comparison.rules_sampling import draw_like
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import Elementwise, Primitive
from diffkit.lazy import mp, sp

__all__ = ["Trial", "difference", "exactly", "rounded"]

DIGITS = 50
SYMPY_DIGITS = 30
EXACT_DIGITS = 60  # more than enough to hold a double exactly
STEP_EXPONENT = -16  # h = 10⁻¹⁶, see the module's essay


def exactly(array: Any) -> Any:
    """The same numbers as mpmath objects (a 0-d array becomes the object itself)."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array if array.ndim else array[()]
    cells = np.empty(array.shape, dtype=object)
    for place, number in np.ndenumerate(array):
        cells[place] = mp.mpf(float(number))
    return cells[()] if array.ndim == 0 else cells


def rounded(values: Any) -> np.ndarray:
    """High-precision numbers rounded to float64; a complex one becomes NaN."""
    cells = np.asarray(values, dtype=object)
    flat = [float(v) if not isinstance(v, mp.mpc) else np.nan for v in cells.reshape(-1)]
    return np.array(flat, dtype=float).reshape(cells.shape)


def _run(graph: Graph, values: Sequence[Any], domain: str = "numpy") -> list[Any]:
    from diffkit.engines.interpret import run

    with np.errstate(all="ignore"):
        return run(graph, values, domain=domain)


def difference(
    graph: Graph, values: Sequence[Any], moving: Sequence[int], x_dot: Sequence[Any]
) -> list[np.ndarray]:
    """The directional derivative of every output, by differences with 50 digits."""
    with mp.workdps(DIGITS):
        step = mp.mpf(10) ** STEP_EXPONENT
        sides = []
        for signed in (step, -step):
            moved = [exactly(value) for value in values]
            for place, direction in zip(moving, x_dot, strict=True):
                moved[place] = moved[place] + signed * exactly(direction)
            sides.append(_run(graph, moved, "mpmath"))
        return [
            rounded((np.asarray(up, dtype=object) - np.asarray(down, dtype=object)) / (2 * step))
            for up, down in zip(*sides, strict=True)
        ]


class Trial:
    """A primitive on given operands; each access to ``operands`` gives fresh copies."""

    def __init__(
        self,
        primitive: Primitive,
        operands: Sequence[Any],
        params: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> None:
        self.primitive = primitive
        self.originals = [np.asarray(x) for x in operands]
        self.params = dict(params)
        self.active = [
            i
            for i, x in enumerate(self.originals)
            if x.dtype.kind == "f" and i not in primitive.inert
        ]
        self.x_dot = draw_like([self.originals[i] for i in self.active], rng)
        self._rng = rng

    def __str__(self) -> str:
        operands = ", ".join(np.array2string(x, separator=", ") for x in self.originals)
        params = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{self.primitive.name}({', '.join(filter(None, (operands, params)))})"

    @property
    def operands(self) -> list[np.ndarray]:
        """Fresh copies of the operands, so that no check can spoil the next."""
        return [x.copy() for x in self.originals]

    @cached_property
    def y(self) -> np.ndarray:
        """The value on NumPy arrays."""
        return self.value(*self.operands)

    @cached_property
    def y_bar(self) -> np.ndarray:
        """A random cotangent of the value."""
        return draw_like([self.y], self._rng)[0]

    @property
    def differentiable(self) -> bool:
        """Whether there is a derivative to check at all."""
        return bool(self.active) and self.y.dtype.kind == "f"

    def value(self, *operands: Any) -> np.ndarray:
        """The primitive's own value, without any graph."""
        with np.errstate(all="ignore"):
            return np.asarray(self.primitive.value(*operands, **self.params))

    # Graphs -------------------------------------------------------------------------------

    @cached_property
    def graph(self) -> Graph:
        """The captured value."""
        from diffkit.capture.capturing import capture

        def apply_primitive(*operands: Any) -> Any:
            return self.primitive(*operands, **self.params)

        return capture(apply_primitive, self.operands)

    @cached_property
    def pushed(self) -> Graph:
        """The forward-mode graph: operands and tangents to value and tangent."""
        from diffkit.differentiate.forward import pushforward_graph

        return pushforward_graph(self.graph, self.active)

    @cached_property
    def pulled(self) -> Graph:
        """The reverse-mode graph: operands and cotangent to value and cotangents."""
        from diffkit.differentiate.reverse import pullback_graph

        return pullback_graph(self.graph, self.active)

    @cached_property
    def pushed_pulled(self) -> Graph:
        """Forward mode over reverse mode."""
        from diffkit.differentiate.forward import pushforward_graph

        return pushforward_graph(self.pulled, self.active)

    # What the rule says -------------------------------------------------------------------

    def jvp(self, x_dot: Sequence[Any] | None = None) -> np.ndarray:
        """J ẋ by the rule, in float64."""
        tangents = self.x_dot if x_dot is None else x_dot
        return np.asarray(_run(self.pushed, [*self.operands, *tangents])[-1])

    def vjp(self, y_bar: Any = None) -> list[np.ndarray]:
        """Jᵀ ȳ by the rule, one cotangent per active operand."""
        y_bar = self.y_bar if y_bar is None else y_bar
        outputs = _run(self.pulled, [*self.operands, y_bar])
        return [np.asarray(x_bar) for x_bar in outputs[1:]]

    def jvp_of_vjp(self) -> list[np.ndarray]:
        """The derivative of the cotangents along ẋ, by the rules of the rule."""
        outputs = _run(self.pushed_pulled, [*self.operands, self.y_bar, *self.x_dot])
        return [np.asarray(tangent) for tangent in outputs[len(outputs) // 2 + 1 :]]

    def complex_step(self, step: float) -> np.ndarray:
        """Im F(x + ihẋ) / h."""
        moved: list[Any] = self.operands
        for place, x_dot in zip(self.active, self.x_dot, strict=True):
            moved[place] = moved[place] + 1j * step * x_dot
        return np.imag(np.asarray(_run(self.graph, moved, "complex")[0])) / step

    # Truth --------------------------------------------------------------------------------

    def precise_value(self) -> Any:
        """The value at 50 digits, by the object form of the primitive."""
        with mp.workdps(DIGITS):
            return _run(self.graph, [exactly(x) for x in self.originals], "mpmath")[0]

    def precise_jvp(self) -> np.ndarray:
        """J ẋ by differences with 50 digits."""
        return difference(self.graph, self.operands, self.active, self.x_dot)[0]

    def precise_jvp_of_vjp(self) -> list[np.ndarray]:
        """The derivative of the cotangents along ẋ, by differences with 50 digits."""
        values = [*self.operands, self.y_bar]
        return difference(self.pulled, values, self.active, self.x_dot)[1:]

    def scalars(self) -> Iterator[tuple[tuple[int, ...], list[Any]]]:
        """Every element of the result: its index, and the operands' elements that make it."""
        for index in np.ndindex(self.y.shape):
            yield index, [np.broadcast_to(x, self.y.shape)[index] for x in self.originals]

    def sympy_forms(self, wrt: int | None = None) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Per element, the SymPy form (or its derivative by one operand) at 30 digits."""
        assert isinstance(self.primitive, Elementwise)
        symbols = sp.symbols(f"x:{len(self.originals)}", real=True)
        made: dict[Any, Any] = {}
        for index, numbers in self.scalars():
            given = [
                symbol if isinstance(number, np.floating) else _concrete(number)
                for symbol, number in zip(symbols, numbers, strict=True)
            ]
            key = tuple(given)
            if key not in made:
                form = self.primitive.sympy(*given, **self.params)
                made[key] = form if wrt is None else sp.diff(form, symbols[wrt])
            point = {
                symbol: sp.Float(float(number), EXACT_DIGITS)
                for symbol, number, form in zip(symbols, numbers, given, strict=True)
                if form is symbol
            }
            yield index, _evaluated(sp.sympify(made[key]), point)


def _concrete(number: Any) -> Any:
    return sp.S.true if number is np.True_ else sp.S.false if number is np.False_ else int(number)


def _evaluated(form: Any, point: Mapping[Any, Any]) -> Any:
    """The number (or truth value) of a SymPy form; None where SymPy leaves it undone."""
    if form.has(sp.Derivative, sp.Subs):
        return None
    found = form.subs(point)
    if found in (sp.S.true, sp.S.false):
        return bool(found)
    found = found.evalf(SYMPY_DIGITS)
    return sp.oo if found is sp.zoo else found
