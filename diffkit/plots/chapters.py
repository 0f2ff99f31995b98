"""The chapters of the gallery, in the order of reading, and what each of them lets one answer.

A script ``gallery/plot_CCPP_name.py`` is page PP of chapter CC, counted from 1, so the names of
the files are the order of reading.  Every index of the gallery (the command's, the documentation's,
the hand-outs') opens a chapter with the same words, which stand here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from diffkit.errors import InputError

__all__ = ["CHAPTERS", "Chapter", "chapter_named", "chapter_of"]

SCRIPT_NAME = re.compile(r"plot_(\d\d)(\d\d)_\w+\.py")


@dataclass(frozen=True)
class Chapter:
    """A chapter: its number (from 1), its name and what its reader can answer afterwards."""

    number: int
    name: str
    opening: str

    @property
    def slug(self) -> str:
        """The name as a part of an address.

        >>> CHAPTERS[8].slug
        'convolution-and-cnns'
        """
        return re.sub(r"\W+", "-", self.name.lower())


_OPENINGS = {
    "Derivatives": (
        "What is a derivative, and how near does a program get to it by subtracting? You will be "
        "able to say how small a step should be, why a smaller one is worse, and why the complex "
        "step has no such trouble."
    ),
    "Automatic differentiation": (
        "How does a program become its own derivative? You will be able to follow one sweep "
        "forwards and one backwards line by line, say when each is cheaper, and explain why "
        "formulas swell and programs do not."
    ),
    "Accuracy": (
        "How many digits of a derivative are right? You will be able to count an error in units "
        "of the last place, find the line that loses the digits, and tell two equal formulas "
        "apart by what rounding does to them."
    ),
    "Cost": (
        "What does a gradient cost, counted in the function it belongs to? You will be able to "
        "say why one backward sweep is enough for a million inputs, what it must remember for "
        "that, and which method to take for a function of your own."
    ),
    "Kinks and traps": (
        "Where does a derivative not exist, and what does a program return there? You will be "
        "able to find where a NaN was born, and to recognise the few ways in which an exact "
        "method gives a number that nobody wanted."
    ),
    "Losses": (
        "What does a loss ask of a net? You will be able to read the pull of each loss on one "
        "example, choose a loss for outliers or for rare classes, and say why cross-entropy and "
        "softmax belong in one formula."
    ),
    "Gradient descent and learning rates": (
        "How far should a step go, and how many examples should it look at? You will be able to "
        "say at which rate a training breaks, what a schedule and a momentum buy, and what the "
        "noise of a mini-batch is good for."
    ),
    "How the learning signal flows": (
        "Which layers hear the loss, and how loudly? You will be able to predict whether a signal "
        "vanishes or explodes on its way back, choose the first weights for a depth, and see in "
        "a recording why a net does not learn."
    ),
    "Convolution and CNNs": (
        "What does a filter do to an image, and what does the learning signal do to the filter? "
        "You will be able to say what is shared, what is shifted, and which pixels a net decides "
        "by."
    ),
    "Maps": (
        "What does one learn from thousands of trainings at once? You will be able to read a map "
        "of learning rates, and to say why its border has no end of detail."
    ),
}

CHAPTERS = tuple(
    Chapter(number, name, opening) for number, (name, opening) in enumerate(_OPENINGS.items(), 1)
)


def chapter_named(name: str) -> Chapter:
    """The chapter of this name.

    Raises
    ------
    InputError
        If no chapter has this name.

    >>> chapter_named("Cost").number
    4
    """
    for chapter in CHAPTERS:
        if chapter.name == name:
            return chapter
    known = ", ".join(chapter.name for chapter in CHAPTERS)
    raise InputError(f"{name!r} is no chapter of the gallery", hint=f"the chapters are {known}.")


def chapter_of(path: str | Path) -> Chapter:
    """The chapter that a script belongs to by the name of its file.

    Raises
    ------
    InputError
        If the file is not named ``plot_CCPP_name.py`` with the number CC of a chapter.

    >>> chapter_of("gallery/plot_0502_kink_sum.py").name
    'Kinks and traps'
    """
    found = SCRIPT_NAME.fullmatch(Path(path).name)
    if found is None or not 1 <= int(found[1]) <= len(CHAPTERS):
        raise InputError(
            f"{Path(path).name} does not say its chapter and page",
            hint=f"name it plot_CCPP_name.py, with CC from 01 to {len(CHAPTERS):02d}.",
        )
    return CHAPTERS[int(found[1]) - 1]
