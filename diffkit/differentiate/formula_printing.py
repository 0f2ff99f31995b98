"""A formula as text and as LaTeX, as a person types and reads it.

SymPy prints Euler's number as ``E`` and as ``e``, which may be names of variables; here it is
``exp(1)``, and upright.

Reading on: ``sympy.printing``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["formula_latex", "formula_text"]


@cache
def _text_printer() -> Any:
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):
        def _print_Exp1(self, expr: Any) -> str:
            return "exp(1)"

    return Printer()


@cache
def _latex_printer() -> Any:
    import sympy as sp
    from sympy.printing.latex import LatexPrinter

    class Printer(LatexPrinter):
        def _print(self, expr: Any, **kwargs: Any) -> str:  # Exp1 prints itself, as "e"
            text = super()._print(expr, **kwargs)
            return r"\mathrm{e}" if expr == sp.E else text

        def _print_ExpBase(self, expr: Any, exp: Any = None) -> str:
            power = rf"\mathrm{{e}}^{{{self._print(expr.args[0])}}}"
            return self._do_exponent(power, exp)

    return Printer()


def formula_text(formula: Any) -> str:
    """The formula as it can be typed; Euler's number is exp(1), for E may be a variable.

    >>> import sympy as sp
    >>> formula_text(sp.E * sp.Symbol("x"))
    'exp(1)*x'
    """
    return _text_printer().doprint(formula)


def formula_latex(formula: Any) -> str:
    r"""The formula as LaTeX; Euler's number is upright, for e may be a variable.

    >>> import sympy as sp
    >>> print(formula_latex(sp.E * sp.Symbol("e")))
    \mathrm{e} e
    """
    return _latex_printer().doprint(formula)
