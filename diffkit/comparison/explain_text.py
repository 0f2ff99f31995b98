"""How names and numbers are written in a trace: v̇ and v̄, five digits, arrays in one line.

A name of one letter, with an index or without, gets its dot or bar on the letter, as in print
(x₁ → ẋ₁); a longer name gets it as a suffix (``loss_dot``), which can be read and copied.
Templates hold places ``⟨k⟩`` for operands; :func:`filled` puts names or numbers there, and sets
brackets round negative numbers where they need some: 2·(−0.5).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "BAR",
    "DOT",
    "Summary",
    "exact_text",
    "filled",
    "moving_name",
    "number_text",
    "pretty",
    "summary_of",
    "with_accent",
]

SIGNIFICANT = 5
DOT = "\N{COMBINING DOT ABOVE}"
BAR = "\N{COMBINING MACRON}"
_SUFFIX = {DOT: "_dot", BAR: "_bar"}
_SHORT_NAME = re.compile(r"[^\W\d_]_?\d*(\[[\d, ]*\])?")
_DOTTED_LETTERS = "ij"  # a dot on these would not be seen
# How many of an array's entries a summary shows.
FIRST_ENTRIES = 4


def with_accent(name: str, accent: str) -> str:
    """A name with an accent on its first letter: v1 → v̇1.

    >>> with_accent("x", DOT) == "ẋ"
    True
    """
    return unicodedata.normalize("NFC", name[:1] + accent) + name[1:]


def moving_name(name: str, accent: str) -> str:
    """The tangent's (DOT) or the adjoint's (BAR) name: an accent, or a suffix on long names.

    >>> moving_name("x1", DOT) == with_accent("x1", DOT), moving_name("loss", BAR)
    (True, 'loss_bar')
    """
    dotted = accent == DOT and name[:1] in _DOTTED_LETTERS
    short = _SHORT_NAME.fullmatch(name) and not dotted
    return with_accent(name, accent) if short else name + _SUFFIX[accent]


def number_text(value: Any, digits: int = SIGNIFICANT) -> str:
    """A number for a table: a few significant digits; arrays show their norm as ‖·‖.

    >>> number_text(11.652071455223084), number_text(2.0), number_text(np.bool_(True))
    ('11.652', '2', 'True')
    """
    array = np.asarray(value)
    if array.size != 1:
        return f"‖{_norm(array):.{digits - 1}g}‖"
    if array.dtype.kind == "b":
        return str(bool(array.reshape(())))
    return f"{float(array.reshape(())):.{digits}g}".replace("-", "−").replace("inf", "∞")


def exact_text(value: Any) -> str:
    """A number in full precision, as short as it can be; arrays as a few digits of a few entries.

    >>> exact_text(0.1 + 0.2), exact_text(-2.0), exact_text(np.ones(2)), exact_text(np.ones(9))
    ('0.30000000000000004', '−2', '[1, 1]', 'f64[9] of norm 3')
    """
    array = np.asarray(value)
    if array.ndim == 1 and array.size <= FIRST_ENTRIES:
        return f"[{', '.join(number_text(entry) for entry in array)}]"
    if array.ndim:
        found = summary_of(array)
        return f"{found.kind} of norm {number_text(found.norm, 4)}"
    if array.dtype.kind == "b":
        return number_text(array)
    text = str(array[()]).removesuffix(".0")
    return text.replace("-", "−").replace("inf", "∞")


def _norm(array: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(array.astype(float).reshape(-1)))


def pretty(text: str) -> str:
    """Names as they are set in print: digits after letters become subscripts, v1 → v₁.

    What stands in angle brackets, the type of a constant, stays as it is.

    >>> pretty("log(x1) + 2·y"), pretty("x1 @ <f64[3,2]>")
    ('log(x₁) + 2·y', 'x₁ @ <f64[3,2]>')
    """

    def lowered(found: re.Match[str]) -> str:
        word = found.group()
        return word if word.startswith("<") else word.replace("_", "").translate(_SUBSCRIPTS)

    return _INDEX.sub(lowered, text)


_INDEX = re.compile(r"<[^<>]*>|(?<=[^\W\d_])[\u0300-\u036f]?_?\d+\b")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

# Templates -------------------------------------------------------------------------------------

_PLACE = re.compile(r"⟨(\w+)⟩")
_OPENING, _CLOSING = ("", "(", "[", ","), ("", ")", "]", ",")
_POWERS = "^⁰¹²³⁴⁵⁶⁷⁸⁹⁻"


def filled(template: str, words: dict[str, str]) -> str:
    """A template with words in its places; numbers get brackets where they need some.

    >>> filled("⟨b⟩·⟨0⟩ + ⟨1⟩²", {"b": "−2", "0": "−3", "1": "−4"})
    '−2·(−3) + (−4)²'
    """

    def word(found: re.Match[str]) -> str:
        text = words[found[1]]
        before, after = template[: found.start()].rstrip(), template[found.end() : found.end() + 1]
        opens = before[-1:] in _OPENING
        alone = opens and after in _CLOSING
        raised = bool(after) and after in _POWERS
        negative = text.startswith("−") and not alone and (raised or not opens)
        return f"({text})" if negative or (raised and "e" in text[:-1]) else text

    return _PLACE.sub(word, template)


# Arrays ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """An array in one line: its type, norm, least and greatest entry, and the first entries."""

    kind: str
    norm: float
    low: float
    high: float
    first: tuple[Any, ...]

    def __str__(self) -> str:
        low, high = number_text(self.low, 3), number_text(self.high, 3)
        return f"{self.kind}  ‖·‖ {number_text(self.norm, 4)}  {low} … {high}"


def summary_of(value: Any) -> Summary:
    """The summary of an array; norm, least and greatest entry ignore nothing, so NaN shows.

    >>> str(summary_of(np.array([3.0, -4.0])))
    'f64[2]  ‖·‖ 5  −4 … 3'
    """
    from diffkit.graph.avals import aval_of

    array = np.asarray(value)
    flat = array.astype(float).reshape(-1)
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 0.0)
    first = tuple(array.reshape(-1)[:FIRST_ENTRIES].tolist())
    return Summary(repr(aval_of(array)), _norm(array), low, high, first)


def first_entry(value: Any) -> Any:
    """The first entry of an array, or the number itself."""
    return np.asarray(value).reshape(-1)[0]


def sum_text(terms: Any, text: Callable[[Any], str], most: int = FIRST_ENTRIES) -> str:
    """Terms joined by plus signs; of many, the first ones and the last one.

    >>> sum_text([1, -2, 3], number_text), sum_text(range(9), str)
    ('1 − 2 + 3', '0 + 1 + 2 + … + 8')
    """
    few = len(terms) <= most
    shown = [text(term) for term in (terms if few else terms[: most - 1])]
    shown += [] if few else ["…", text(terms[-1])]
    return " + ".join(shown).replace("+ −", "− ")
