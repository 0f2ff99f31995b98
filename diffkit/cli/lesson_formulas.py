"""Formulas as MathML, which browsers draw themselves: nothing is fetched, nothing is installed.

The lessons write formulas in a small part of TeX, which a notebook shows as it is; for a page they
become MathML here.  The part is: letters, digits, operators, primes, ``^`` and ``_`` with groups
in braces, ``\\frac{a}{b}``, ``\\sqrt{a}``, ``\\text{words}``, ``\\hat{a}``, ``\\bar{a}``,
``\\dot{a}``, and the symbols of :data:`SYMBOLS`.

Reading on: MathML Core, W3C.
"""

from __future__ import annotations

import html
import re

from diffkit.errors import InputError

__all__ = ["SYMBOLS", "mathml"]

SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "eta": "η",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "varphi": "φ", "chi": "χ", "Delta": "Δ", "Sigma": "Σ", "ell": "ℓ",
    "partial": "∂", "nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫", "infty": "∞",
    "cdot": "·", "times": "×", "pm": "±", "approx": "≈", "le": "≤", "ge": "≥", "ne": "≠",
    "to": "→", "in": "∈", "mid": "|", "Vert": "‖", "sim": "∼", "star": "⋆",
    "odot": "⊙", "quad": "\u2003", ",": "\u2009",
}  # fmt: skip
NAMES = ("Im", "sin", "cos", "tan", "tanh", "exp", "log", "ln", "max", "min", "lim")
ACCENTS = {"hat": "^", "bar": "¯", "dot": "˙"}
TOKEN = re.compile(r"\\text\{[^}]*\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-zα-ωΑ-Ω]|\S|\s+")
THIN = '<mspace width="0.17em"></mspace>'
BAR = '<mo lspace="0" rspace="0" stretchy="false">{}</mo>'
OPEN, CLOSE = "([", ")]"


def mathml(tex: str) -> str:
    """A formula of the small TeX, as one ``<math>`` element for a line of its own.

    Raises
    ------
    InputError
        If a brace is not closed, or a command is not known.

    >>> mathml("x^2")
    '<math display="block"><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    reader = _Reader(tex)
    inside = reader.row("")
    return f'<math display="block">{inside}</math>'


class _Reader:
    """Reads tokens one after the other; each method returns MathML."""

    def __init__(self, tex: str) -> None:
        self.tex, self.place = tex, 0
        self.tokens = [token for token in TOKEN.findall(tex) if not token.isspace()]

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def row(self, end: str) -> str:
        """Everything up to the token ``end``, which is taken too."""
        parts = []
        while self.peek() != end:
            if not self.peek():
                raise InputError(f"{self.tex!r} ends before its brace is closed", hint="add }.")
            parts.append(self.scripted())
        self.take()
        return "".join(parts)

    def scripted(self) -> str:
        """An atom with what is written below and above it."""
        atom, scripts = self.atom(), {}
        while self.peek() == "'":
            self.take()
            atom += '<mo lspace="0" rspace="0">′</mo>'
        while self.peek() in ("^", "_"):
            place = self.take()
            scripts[place] = self.atom()
        tag = {"^": "msup", "_": "msub", "_^": "msubsup"}.get(
            "".join(sorted(scripts, reverse=True))
        )
        below_and_above = "".join(scripts[mark] for mark in ("_", "^") if mark in scripts)
        return f"<{tag}>{atom}{below_and_above}</{tag}>" if tag else atom

    def atom(self) -> str:
        token = self.take()
        if token == "{":
            return f"<mrow>{self.row('}')}</mrow>"
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[:1].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token == "|":
            return BAR.format(token)
        if token == "-":
            sign = self.place < 2 or self.tokens[self.place - 2] in ("(", "[", "{", ",", "=")
            return '<mo lspace="0" rspace="0">−</mo>' if sign else "<mo>−</mo>"
        stretchy = ' stretchy="false"' if token and token in OPEN + CLOSE else ""
        return f"<mo{stretchy}>{html.escape(token)}</mo>"

    def command(self, name: str) -> str:
        if name == "frac":
            return f"<mfrac>{self.atom()}{self.atom()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.atom()}</msqrt>"
        if name.startswith("text{"):
            return f"<mtext>{html.escape(name[len('text{') : -1])}</mtext>"
        if name in ACCENTS:
            return f'<mover accent="true">{self.atom()}<mo>{ACCENTS[name]}</mo></mover>'
        if name in NAMES:
            return f"<mi>{name}</mi>{'' if self.peek() in ('(', '_') else THIN}"
        if name not in SYMBOLS:
            raise InputError(f"\\{name} is not part of the small TeX", hint="see SYMBOLS.")
        symbol = SYMBOLS[name]
        if symbol == "‖":
            return BAR.format(symbol)
        if not symbol.strip():
            return '<mspace width="1em"></mspace>' if name == "quad" else THIN
        return f"<mi>{symbol}</mi>" if symbol.isalpha() else f"<mo>{symbol}</mo>"
