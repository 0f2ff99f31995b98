"""What the special functions of mathematical physics share.

SciPy has about two hundred of them; their values are SciPy's, their derivatives the classical
recurrences and differential equations, written in each other:

    Γ′ = Γ ψ,    J_v′ = (J_{v−1} − J_{v+1})/2,    Ai″ = x Ai,    W′ = e^(−W)/(1 + W).

A family that is closed under differentiation is one primitive with a parameter, so that any order
of derivative stays inside it: polygamma of order n, the n-th moment ∫₀¹ tⁿ e^(xt) dt.

No machine code is written for them: they are calls of Python in a compiled program.  Orders and
shape parameters (v in J_v) are operands, along which some functions have no derivative in closed
form; asking for one is refused by name.

Note [Costs of special functions].  They are declared at 100 operations, about the time of SciPy's
code relative to an addition: rational approximations, recurrences and series of a few dozen terms.

Reading on: *NIST Digital Library of Mathematical Functions*; Johansson 2013, *Arb*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import NotAnalyticError, UnsupportedError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Elementwise
from diffkit.lazy import special
from diffkit.primitives.complex_forms import from_parts

__all__ = ["SpecialFunction", "continuation", "horner", "like", "no_slope"]

INF = float("inf")


class SpecialFunction(Elementwise):
    """A function of SciPy's, by its name there, or by ``scipy`` where the two differ.

    ``scipy`` is None for a function that SciPy does not have.
    """

    kinks = ()
    flops = 100  # Note [Costs of special functions]
    scipy: ClassVar[str | None] = ""
    in_python: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        count = cls.sympy.__code__.co_argcount - 1
        cls.emit = f"{cls.__name__}({', '.join(f'{{{i}}}' for i in range(count))})"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any]) -> Aval:
        dtype = np.result_type(*(a.dtype for a in avals))
        return aval(super().infer(avals, params).shape, dtype if dtype.kind == "f" else np.float64)

    def value(self, *x: Any) -> Any:
        """SciPy's."""
        return getattr(special, self.scipy or self.name)(*x)

    def stable(self, *x: Any, **params: Any) -> Any:
        """A SymPy function of its own, whose derivative is the rule of this class."""
        from diffkit.primitives.special_forms import special_form

        return special_form(self, params)(*x)


def no_slope(function: str, operand: str) -> Callable[[], Any]:
    """A partial derivative that is refused when it is asked for.

    Raises
    ------
    UnsupportedError
        At the call, naming the function and the operand.
    """

    def refused_slope() -> Any:
        raise UnsupportedError(
            f"{function}: the derivative by {operand} is not offered, it has no closed form",
            hint=f'keep {operand} constant, or use method="finite".',
        )

    return refused_slope


def continuation(
    inside: Callable[..., Any] | None = None, form: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """The complex form by SciPy's own complex code, where ``inside`` holds for the last operand.

    ``form`` is used for complex operands instead of that code, if given.

    Its value is moved onto the (more accurate) real one at Re z.  Elsewhere an imaginary part, if
    there is one, becomes NaN: Note [Complex forms] in ``complex_forms.py``.

    Raises
    ------
    NotAnalyticError
        By the form, when another operand than the last, an order, has an imaginary part.
    """

    def analytic(self: Any, *z: Any, **params: Any) -> Any:
        operands: list[Any] = [np.asarray(operand) for operand in z]
        *orders, x = operands
        if any(np.any(np.imag(order)) for order in orders):
            raise NotAnalyticError(
                f"{self.name} has no analytic form along its first operand",
                hint='use method="finite".',
            )
        orders = [np.real(order) for order in orders]
        if x.dtype.kind != "c":
            return self.value(*orders, x, **params)
        of_complex = form or self.value
        flat = of_complex(*orders, x.real + 0j, **params)
        there = of_complex(*orders, x, **params)
        wrong = (x.imag != 0) & (~inside(x.real) if inside is not None else False)
        real = self.value(*orders, x.real, **params) + (np.real(there) - np.real(flat))
        return from_parts(real, np.where(wrong, np.nan, np.imag(there)))

    return analytic


def like(x: Any, y: Any) -> Any:
    """y in the dtype of x, as a number where it has no axes."""
    dtype = np.result_type(np.asarray(x).dtype, np.float32)
    return np.asarray(y, dtype=dtype if dtype.kind == "f" else np.result_type(dtype, y))[()]


def horner(coefficients: Any, x: Any) -> Any:
    """c₀ + c₁x + c₂x² + …, from the inside out.

    >>> horner((1.0, 2.0, 3.0), 2.0)
    17.0
    """
    *rest, total = coefficients
    for c in reversed(rest):
        total = c + x * total
    return total
