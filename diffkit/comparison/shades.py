"""The colours of the methods in a terminal, which may be light or dark and seldom says which.

The palette of the pictures has a shade of each colour for light paper and one for dark.  A terminal
that tells its background in ``COLORFGBG`` (rxvt, Konsole, iTerm2: ``15;0`` is white on black) gets
the fitting one.  Any other gets shades between, which have a contrast of 3.9 and more against white
and 4.5 and more against black: enough for a marker with its bold name (3 by WCAG 2.2, criterion
1.4.11), and the marker says the same without any colour.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ANY_SHADES", "BASIC_SHADES", "CAREFUL", "DARK_SHADES", "LIGHT_SHADES", "shades_for"]

INK = "default"  # the terminal's own, as pictures draw the symbolic method in black or white

DARK_SHADES = {"symbolic": INK, "finite": "#DDA0D8", "complex": "#2FC79A", "forward": "#3D8BEB",
               "reverse": "#FF8A4C"}  # fmt: skip
# Of the pictures' light palette, green and orange darker, since they are text here.
LIGHT_SHADES = {"symbolic": INK, "finite": "#882255", "complex": "#007A59", "forward": "#1F5FA8",
                "reverse": "#B54F00"}  # fmt: skip
ANY_SHADES = {"symbolic": INK, "finite": "#B5508A", "complex": "#00916A", "forward": "#3D82D6",
              "reverse": "#D55E00"}  # fmt: skip

# A terminal of sixteen colours would take the nearest of them, which for finite differences is the
# red of wrong digits.
BASIC_SHADES = {"symbolic": INK, "finite": "magenta", "complex": "green", "forward": "blue",
                "reverse": "yellow"}  # fmt: skip

CAREFUL = "#A97400"
"""A warning's amber: it is read on white (4.1) and on black (5.2), unlike a terminal's yellow."""

# The numbers of the sixteen colours that are bright: light grey, and the bright ones but grey.
BRIGHT = ("7", *(str(number) for number in range(9, 16)))


def _has_sixteen_colours(environment: Mapping[str, str]) -> bool:
    """Whether a terminal is one that has no more, by the rules of ``rich``."""
    term = environment.get("TERM", "").lower()
    return (
        bool(term)
        and environment.get("COLORTERM", "").lower() not in ("truecolor", "24bit")
        and term.rpartition("-")[2] not in ("256color", "kitty")
    )


def shades_for(environment: Mapping[str, str]) -> dict[str, str]:
    """The colours of the methods for a terminal, by what it says of its colours and background.

    Parameters
    ----------
    environment
        The variables of the process; ``COLORFGBG`` is foreground and background, as ``0;15``;
        ``TERM`` and ``COLORTERM`` say how many colours there are.

    >>> shades_for({"COLORFGBG": "15;0"})["reverse"], shades_for({})["reverse"]
    ('#FF8A4C', '#D55E00')
    """
    if _has_sixteen_colours(environment):
        return BASIC_SHADES
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return ANY_SHADES
    return LIGHT_SHADES if background in BRIGHT else DARK_SHADES
