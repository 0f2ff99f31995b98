"""How formulas look: the signs of Unicode text and of LaTeX.

    Unicode   Xᵀ(softmax(XW) − Y)/n          LaTeX   \\frac{X^\\top (\\mathrm{softmax}(XW) - Y)}{n}

Both are written by ``matrix_text.py``, which knows what stands where; a style knows how it is
spelled.  A product ⊙ and a power ⊙² are taken element by element.
"""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["LATEX", "UNICODE", "Latex", "Style"]

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "lam": "λ", "mu": "μ",
    "nu": "ν", "xi": "ξ", "rho": "ρ", "tau": "τ", "phi": "φ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
"""Names that are Greek letters; sigma is left out, since σ is the sigmoid."""

SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NUMBERED = re.compile(r"([A-Za-z]+)_?(\d*)$")
NAMED = re.compile(r"(.*?)(\d*)$")
WORD_END = re.compile(r"[A-Za-z]{2,}[₀-₉]*$")
WORD_START = re.compile(r"[A-Za-z]{2,}|√|[02-9]|1[^ᵀ1]")
LETTER_END = re.compile(r"[A-Za-zα-ωΑ-Ω₀-₉⁰-⁹02-9]$")
NUMBER = re.compile(r"[\d.e−+-]+")
DIGITS = 6  # of constants in a formula; the code has them all


class Style:
    """Unicode text."""

    minus, hadamard, times, at_least, at_most, unequal = "−", " ⊙ ", "·", "≥", "≤", "≠"
    one, by, goes_to = "1", "×", "→"

    def name(self, text: str) -> str:
        """A variable: Greek letters and subscripts where the name says so."""
        if text.endswith("_bar"):
            base, digits = NAMED.match(text[:-4]).groups()  # type: ignore[union-attr]
            return self.cotangent(self.name(base)) + self.name(f"x{digits}")[1:]
        found = NUMBERED.fullmatch(text)
        if found is None:
            return text
        base, digits = found.groups()
        return GREEK.get(base, base) + digits.translate(SUBSCRIPT)

    def number(self, value: float) -> str:
        """A constant, to a few digits."""
        return f"{value:.{DIGITS}g}".replace("inf", "∞").replace("-", "−")

    def word(self, text: str) -> str:
        """The name of a function."""
        return text

    def power(self, base: str, exponent: float, elementwise: bool) -> str:
        """xⁿ; x⊙ⁿ where each element is raised."""
        text = f"{exponent:g}"
        raised = text.translate(SUPERSCRIPT) if "." not in text else f"^{text}"
        return f"{base}⊙{raised}" if elementwise else base + raised

    def raised(self, base: str, exponent: str) -> str:
        """x to the power of an expression."""
        return f"{base}^({exponent})"

    def transposed(self, text: str) -> str:
        """xᵀ."""
        return f"{text}ᵀ"

    def inverse(self, text: str, transposed: bool) -> str:
        """A⁻¹ or A⁻ᵀ."""
        return text + ("⁻ᵀ" if transposed else "⁻¹")

    def root(self, text: str, atom: bool) -> str:
        """√x."""
        return f"√{text}" if atom else f"√({text})"

    def norm(self, text: str, squared: bool) -> str:
        """‖x‖ or ‖x‖²."""
        return f"‖{text}‖" + ("²" if squared else "")

    def parentheses(self, text: str) -> str:
        """(x)."""
        return f"({text})"

    def brackets(self, text: str) -> str:
        """[condition], 1 where it holds and 0 elsewhere."""
        return f"[{text}]"

    def bars(self, text: str) -> str:
        """|x|."""
        return f"|{text}|"

    def fraction(self, top: str, bottom: str, plain: bool) -> str:
        """top/bottom; ``plain`` if the bottom needs no parentheses."""
        return f"{top}/{bottom}" if plain else f"{top}/({bottom})"

    def divided(self, top: str, bottom: str) -> str:
        """A quotient taken element by element."""
        return f"{top} ⊘ {bottom}"

    def call(self, name: str, *inside: str) -> str:
        """f(x, y)."""
        return f"{self.word(name)}({', '.join(inside)})"

    def derivative(self, top: str, bottom: str) -> str:
        """∂L/∂W."""
        return f"∂{top}/∂{bottom}"

    def cotangent(self, text: str) -> str:
        """x̄."""
        return f"{text}\u0304"

    def joined(self, parts: list[str]) -> str:
        """A product by writing side by side, with a dot where words would run together."""
        text = parts[0]
        for before, part in pairwise(parts):
            apart = WORD_END.search(before) or WORD_START.match(part)
            if part[:1] == self.one:
                apart = apart or LETTER_END.search(before) or NUMBER.fullmatch(before)
            text += (self.times if apart else "") + part
        return text


class Latex(Style):
    """LaTeX."""

    minus, hadamard, times = "-", r" \odot ", r" \cdot "
    at_least, at_most, unequal = r"\ge", r"\le", r"\ne"
    one, by, goes_to = r"\mathbf{1}", r" \times ", r"\to"

    def name(self, text: str) -> str:
        if text.endswith("_bar"):
            return self.cotangent(self.name(text[:-4]))
        found = NUMBERED.fullmatch(text)
        if found is None:
            return rf"\mathrm{{{_escaped(text)}}}"
        base, digits = found.groups()
        if base in GREEK:
            spelled = {"eps": "epsilon", "lam": "lambda"}.get(base, base)
            base = f"\\{spelled}"
        elif len(base) > 1:
            base = rf"\mathrm{{{base}}}"
        return f"{base}_{{{digits}}}" if digits else base

    def number(self, value: float) -> str:
        text = f"{value:.{DIGITS}g}".replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
        mantissa, _, exponent = text.partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else text

    def word(self, text: str) -> str:
        known = {"exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "det", "max", "min"}
        if text == "σ":
            return r"\sigma"
        return f"\\{text}" if text in known else rf"\operatorname{{{_escaped(text)}}}"

    def power(self, base: str, exponent: float, elementwise: bool) -> str:
        return f"{{{base}}}^{{{chr(92) + 'odot ' if elementwise else ''}{exponent:g}}}"

    def raised(self, base: str, exponent: str) -> str:
        return f"{{{base}}}^{{{exponent}}}"

    def transposed(self, text: str) -> str:
        return rf"{{{text}}}^\top"

    def inverse(self, text: str, transposed: bool) -> str:
        return f"{{{text}}}^{{{'-' + chr(92) + 'top' if transposed else '-1'}}}"

    def root(self, text: str, atom: bool) -> str:
        return rf"\sqrt{{{text}}}"

    def norm(self, text: str, squared: bool) -> str:
        return rf"\lVert {text} \rVert" + ("^2" if squared else "")

    def parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"

    def brackets(self, text: str) -> str:
        return rf"\left[{text}\right]"

    def bars(self, text: str) -> str:
        return rf"\left|{text}\right|"

    def fraction(self, top: str, bottom: str, plain: bool) -> str:
        return rf"\frac{{{top}}}{{{bottom}}}"

    def divided(self, top: str, bottom: str) -> str:
        return rf"{top} \oslash {bottom}"

    def call(self, name: str, *inside: str) -> str:
        return rf"{self.word(name)}\left({', '.join(inside)}\right)"

    def derivative(self, top: str, bottom: str) -> str:
        return rf"\frac{{\partial {top}}}{{\partial {bottom}}}"

    def cotangent(self, text: str) -> str:
        return rf"\bar{{{text}}}"

    def joined(self, parts: list[str]) -> str:
        text = parts[0]
        for part in parts[1:]:
            text += (r" \cdot " if part[:1].isdigit() else " ") + part
        return text


def _escaped(text: str) -> str:
    for sign in "_{}#%&$":
        text = text.replace(sign, f"\\{sign}")
    return text


UNICODE, LATEX = Style(), Latex()
