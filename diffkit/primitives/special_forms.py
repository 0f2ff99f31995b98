"""Special functions in formulas: SymPy functions whose derivatives are the rules themselves.

The symbolic method keeps a special function as it is, under its own name; SymPy asks it for its
derivative (``fdiff``) while it applies the chain rule, and the answer is the rule of the
primitive, carried out over formulas.  ``doit()`` writes SymPy's own function instead.

This module imports SymPy, so it is itself imported late.  Reading on: ``symbolic_functions.py``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp

from diffkit.graph.primitive import Selected
from diffkit.primitives.symbolic_functions import Stable

__all__ = ["Formula", "special_form"]


def special_form(primitive: Any, params: dict[str, Any]) -> Any:
    """The SymPy function of a special primitive with these parameters.

    >>> from diffkit.primitives.special_gamma import digamma
    >>> x = sp.Symbol("x", real=True)
    >>> sp.diff(special_form(digamma, {})(x), x)
    polygamma_1(x)
    """
    return _made(primitive.operation(params))


@cache
def _made(operation: Any) -> Any:
    name = "_".join([operation.name, *(str(value) for _, value in operation.params)])
    return type(Stable)(name, (_SpecialForm,), {"operation": operation, "__module__": __name__})


class _SpecialForm(Stable):
    """The base of all; ``operation`` is the primitive and its parameters."""

    operation: Any = None

    def textbook(self) -> Any:
        """SymPy's own function."""
        return self.operation.primitive.sympy(*self.args, **self.operation.kwargs)

    def fdiff(self, argindex: int = 1) -> Any:
        """The rule of the primitive, over formulas."""
        x = map(Formula, self.args)
        rules = self.operation.primitive.partials(Formula(self), *x, **self.operation.kwargs)
        rule = rules[argindex - 1]
        return sp.S.Zero if rule is None else _expression(rule())


def _expression(value: Any) -> Any:
    if isinstance(value, Selected):
        return sp.Piecewise((_expression(value.factor), _expression(value.mask)), (0, True))
    return value.expr if isinstance(value, Formula) else _number(value)


def _number(value: Any) -> Any:
    number = float(value)
    return sp.Integer(int(number)) if number.is_integer() else sp.Float(number)


class Formula:
    """A SymPy expression in the place of a traced value: rules written in primitives run on it."""

    __slots__ = ("expr",)

    def __init__(self, expr: Any) -> None:
        self.expr = expr

    def bind_primitive(self, primitive: Any, operands: Any, params: dict[str, Any]) -> Formula:
        """The symbolic form of a primitive, the stable one if it has one."""
        form = primitive.sympy if primitive.stable is None else primitive.stable
        return Formula(form(*map(_expression, operands), **params))

    def __add__(self, other: Any) -> Formula:
        return Formula(self.expr + _expression(other))

    def __sub__(self, other: Any) -> Formula:
        return Formula(self.expr - _expression(other))

    def __rsub__(self, other: Any) -> Formula:
        return Formula(_expression(other) - self.expr)

    def __mul__(self, other: Any) -> Formula:
        return Formula(self.expr * _expression(other))

    def __truediv__(self, other: Any) -> Formula:
        return Formula(self.expr / _expression(other))

    def __rtruediv__(self, other: Any) -> Formula:
        return Formula(_expression(other) / self.expr)

    def __neg__(self) -> Formula:
        return Formula(-self.expr)

    __radd__, __rmul__ = __add__, __mul__
