"""Numbers as a book prints them: a minus that is not a hyphen, powers of ten that are raised."""

import re

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWER = re.compile(r"(?<![\w.])(\d[\d.]*)e([+-]?\d+)(?!\w)")
HYPHEN = re.compile(r"(?<![\w.)])-(?=\d)")


def typeset(text: str) -> str:
    """The text with its numbers as in a book; hyphens between words and numbers stay.

    >>> typeset("net 2-4-1 at h = 1e-100: -3.681e-09, -0.5")
    'net 2-4-1 at h = 10⁻¹⁰⁰: −3.681·10⁻⁹, −0.5'
    """
    return POWER.sub(_power, HYPHEN.sub("−", text))


def _power(found: re.Match[str]) -> str:
    factor = "" if found[1] == "1" else f"{found[1]}·"
    return f"{factor}10{str(int(found[2])).translate(RAISED)}"
