"""One line of a formula: ∂L/∂W = Xᵀ(softmax(XW) − Y)/n, as text, as LaTeX and as code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffkit.comparison.matrix_style import LATEX, UNICODE, Style
from diffkit.comparison.matrix_terms import Term

if TYPE_CHECKING:
    from diffkit.comparison.matrix_formula import MatrixFormulas

__all__ = ["MatrixFormula"]


@dataclass(frozen=True)
class MatrixFormula:
    """One line: a left side, and a term in all its forms; see :func:`matrix_formula`."""

    owner: MatrixFormulas
    place: int
    term: Term

    def label(self, style: Style = UNICODE) -> str:
        """The left side, ``∂L/∂W``."""
        return self.owner.label(self.place, style)

    @property
    def text(self) -> str:
        """The right side as Unicode text."""
        return self.owner.writer(UNICODE).text(self.term)

    @property
    def latex(self) -> str:
        """The line as LaTeX, ``\\frac{\\partial L}{\\partial W} = …``."""
        return f"{self.label(LATEX)} = {self.owner.writer(LATEX).text(self.term)}"

    @property
    def expression(self) -> str:
        """The right side as NumPy code."""
        return self.owner.listing.results[self.place]

    @property
    def source(self) -> str:
        """A Python module whose function gives this line alone."""
        return self.owner.listing.module([self.place])

    def __str__(self) -> str:
        return f"{self.label()} = {self.text}"

    def __repr__(self) -> str:
        return f"<MatrixFormula {self}>"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def to_dict(self) -> dict[str, Any]:
        """The forms of the line as plain text."""
        return {
            "label": self.label(), "text": self.text, "latex": self.latex,
            "expression": self.expression, "shape": list(self.term.shape),
        }  # fmt: skip
