"""Text before it is parsed: limits, mathematical characters, and where an error is.

Hostile text is turned away here by looking at characters alone, before Python's parser sees
it: its length, the depth of its brackets, and characters that no formula needs (quotes,
``[``, ``:``, ``#``).  Mathematical characters are rewritten (``·`` to ``*``, ``x²`` to
``x**2``) and every rewritten character remembers the one it came from, so that a caret stands
under what the user wrote.  Reading on: ``capture/parsing.py`` walks the syntax tree.
"""

from __future__ import annotations

import ast
import re

from diffkit.errors import InputError, ParseError

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_NODES", "Text"]

MAX_LENGTH = 10_000
"""The longest text that is read, in characters."""

MAX_DEPTH = 100
"""The deepest nesting of brackets; CPython's own parser stops at 200."""

MAX_NODES = 5_000
"""The largest syntax tree that becomes a graph; write a NumPy function beyond it."""

REWRITTEN = {
    "·": "*", "⋅": "*", "×": "*", "∗": "*", "−": "-", "–": "-", "÷": "/", "∕": "/",
    "≤": "<=", "≥": ">=", "≠": "!=", "\u00a0": " ", "\t": " ", "\n": " ", "\r": " ",
}  # fmt: skip
SUPERSCRIPTS = {"⁻": "-", **{character: str(n) for n, character in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}}
SUBSCRIPTS = {character: str(n) for n, character in enumerate("₀₁₂₃₄₅₆₇₈₉")}

_STRINGS = "strings are not accepted in an expression", "write variables without quotes."
_INDEXING = (
    "lists and indexing are not accepted in an expression",
    "name each element, as in x1 and x2, or capture a NumPy function.",
)
_CONDITIONS = "this operator is not accepted", "write `and`, `or` and `not` for conditions."
# Characters that no expression needs: (what is wrong, what to write instead).
REFUSED: dict[str, tuple[str, str]] = {
    "^": ("^ is not an operator", "write ** for powers, as in x**2."),
    "|": ("| is not an operator", "write abs(x) for |x|, and `or` for conditions."),
    "&": _CONDITIONS,
    "~": _CONDITIONS,
    "'": _STRINGS,
    '"': _STRINGS,
    "[": _INDEXING,
    "]": _INDEXING,
    "{": ("braces are not accepted", "use round brackets."),
    "}": ("braces are not accepted", "use round brackets."),
    ":": ("colons are not accepted", "write `a if condition else b`, or where(condition, a, b)."),
    ";": ("only one expression is accepted", "give one expression at a time."),
    "#": ("comments are not accepted", "remove the part from # on."),
    "\\": ("backslashes are not accepted", "write sin(x), not \\sin(x)."),
    "`": ("back quotes are not accepted", "write the expression alone."),
    "@": ("matrix products are not accepted in text", "capture a NumPy function."),
    "$": ("dollar signs are not accepted", "write the expression alone."),
    "?": ("? is not an operator", "write `a if condition else b`."),
}
_COMMON_FUNCTIONS = {"sin", "cos", "tan", "exp", "log", "ln", "sqrt", "abs", "sinh", "cosh", "tanh"}
_FACTORIAL = "factorials are not accepted", "write the number, or capture a NumPy function."
_EQUALS = "an equation is not an expression", "give one side alone; == compares two values."
_SINGLE_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")
_EXCLAMATION = re.compile(r"!(?!=)")
# Python's own words, which cannot be the name of a variable.
_KEYWORD = re.compile(
    r"\b(lambda|for|in|is|while|def|class|return|yield|await|async|import|from|as|with|"
    r"try|except|raise|assert|del|pass|global|nonlocal|break|continue|elif|finally|"
    r"True|False|None)\b"
)


class Text:
    """The user's text, the text given to the parser, and the way back from one to the other.

    >>> Text("x₁² − 1").prepared
    'x1**2  - 1'
    """

    def __init__(self, original: str) -> None:
        if not isinstance(original, str):
            raise InputError(
                f"an expression is text, not a {type(original).__name__}",
                hint='pass a string such as "sin(x*y)".',
            )
        self.original = original
        self._limit()
        self.prepared, self._origins = self._rewritten()
        self._refuse()

    def error(self, message: str, position: int, hint: str | None = None) -> ParseError:
        """A ParseError whose caret stands under character ``position`` of the user's text."""
        return ParseError(message, text=self.original, position=position, hint=hint)

    def position(self, column: int) -> int:
        """The character of the user's text behind a column of the syntax tree (UTF-8 bytes)."""
        if not self.prepared.isascii():
            column = len(self.prepared.encode()[:column].decode(errors="ignore"))
        return self._origin(column)

    def _origin(self, index: int) -> int:
        return self._origins[min(max(index, 0), len(self._origins) - 1)]

    def tree(self) -> ast.expr:
        """The syntax tree, made by Python's parser; nothing is compiled or evaluated.

        Raises
        ------
        ParseError
            Where Python finds a syntax error, or when the tree is too deep or too large.
        """
        try:
            tree = ast.parse(self.prepared, mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from None
        except (RecursionError, MemoryError):
            raise self.error(
                "the expression is too deep for Python's parser", 0, "capture a NumPy function."
            ) from None
        except ValueError as error:
            raise self.error(f"the text is not an expression: {error}", 0) from None
        count = sum(1 for _ in ast.walk(tree))
        if count > MAX_NODES:
            raise self.error(
                f"the expression has {count:,} parts, more than {MAX_NODES:,}",
                0,
                "capture a NumPy function instead.",
            )
        return tree

    # Before parsing -----------------------------------------------------------------------

    def _limit(self) -> None:
        text = self.original
        if len(text) > MAX_LENGTH:
            message = f"the expression has {len(text):,} characters, more than {MAX_LENGTH:,}"
            raise self.error(message, MAX_LENGTH, "capture a NumPy function instead.")
        depth = 0
        for position, character in enumerate(text):
            depth += (character in "([{") - (character in ")]}")
            if depth > MAX_DEPTH:
                message = f"brackets are nested more than {MAX_DEPTH} deep"
                raise self.error(message, position, "name parts of the expression.")
            if not character.isprintable() and character not in REWRITTEN:
                message = f"the character {character!a} is not accepted"
                raise self.error(message, position, "type the expression again without it.")

    def _rewritten(self) -> tuple[str, list[int]]:
        """The text for the parser, and for each of its characters the one it came from."""
        pieces: list[str] = []
        origins: list[int] = []
        text = self.original
        for position, character in enumerate(text):
            piece = self._replacement(position, character)
            if not pieces and piece == " ":
                continue  # Python's parser takes leading blanks for an indentation
            pieces.append(piece)
            origins += [position] * len(piece)
        return "".join(pieces), [*origins, len(text.rstrip())]

    def _replacement(self, position: int, character: str) -> str:
        text = self.original
        before, after = text[position - 1 : position], text[position + 1 : position + 2]
        if character in SUPERSCRIPTS:
            opening = "" if before and before in SUPERSCRIPTS else "**"
            if after and after in SUPERSCRIPTS:
                return opening + SUPERSCRIPTS[character]
            if text[position + 1 :].lstrip().startswith("**"):
                hint = "put brackets around the inner power."
                raise self.error("a power of a power is ambiguous here", position, hint)
            return opening + SUPERSCRIPTS[character] + " "
        if character in SUBSCRIPTS and (before.isalpha() or before in SUBSCRIPTS):
            return SUBSCRIPTS[character]
        return REWRITTEN.get(character, character)

    def _refuse(self) -> None:
        """Refuse, at its place, what would parse as something other than a formula."""
        text = self.prepared
        if not text.strip():
            raise self.error("the expression is empty", 0, 'write one, such as "sin(x*y)".')
        found = [(i, REFUSED[mark]) for i, mark in enumerate(text) if mark in REFUSED]
        found += [(match.start(), _EQUALS) for match in _SINGLE_EQUALS.finditer(text)]
        found += [(match.start(), _FACTORIAL) for match in _EXCLAMATION.finditer(text)]
        if found:
            index, (message, hint) = min(found)
            raise self.error(message, self._origin(index), hint)
        word = _KEYWORD.search(text)
        if word:
            hint = f"as a variable, write {word[0]}_."
            if word[0] in ("True", "False", "None", "is", "in"):
                hint = "write a comparison, as in x == 1."
            message = f"{word[0]!r} is a word of the Python language, not a variable"
            raise self.error(message, self._origin(word.start()), hint)

    # After a syntax error -------------------------------------------------------------------

    def _syntax_error(self, error: SyntaxError) -> ParseError:
        index = (error.offset or 0) - 1
        message = error.msg or "invalid syntax"
        if "Exceeds the limit" in message:
            return self.error("a number has too many digits", self._origin(0), "write 1e300.")
        if index < 0 or index >= len(self.prepared.rstrip()):
            return self.error("the expression ends too early", self._origins[-1], "complete it.")
        return self.error(message, self._origin(index), self._advice(index, message))

    def _advice(self, index: int, message: str) -> str:
        """What probably was meant at a syntax error."""
        before = self.prepared[:index].rstrip()
        here = self.prepared[index]
        if message.endswith("was never closed"):
            return "add the closing bracket."
        word = re.search(r"[^\W\d]\w*$", before)
        if word and word[0] in _COMMON_FUNCTIONS:
            return f"write brackets: {word[0]}({here}…)."
        starts_factor = here.isalnum() or here == "("
        ends_factor = before[-1:].isalnum() or before[-1:] == ")"
        if re.match(r"\d+\.?\d*[^\W\d]", self.prepared[index:]) or (ends_factor and starts_factor):
            return "write * between factors, as in 2*x."
        return 'write it as in Python, e.g. "sin(x)*y + 2*x**2".'
