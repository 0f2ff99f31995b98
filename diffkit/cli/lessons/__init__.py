"""The lessons: what a hand-out of a chapter of the gallery holds beside its pictures.

A lesson is data, one module for each chapter: questions to ask before the first picture, the
formulas that matter, a few lines of code, and exercises.  An exercise is a question, a hint and a
solution whose numbers are not typed but computed, by a short function that the reader gets to see
and can run; what it has to give is written beside it, and a test compares the two.

The command ``diffkit lesson`` makes pages (:mod:`diffkit.cli.lesson_page`) and notebooks
(:mod:`diffkit.cli.lesson_notebook`) of it.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from string import Formatter

from diffkit.plots.chapters import CHAPTERS, Chapter
from diffkit.plots.pages import Claim

__all__ = [
    "IMPORTS",
    "KINDS",
    "LESSONS",
    "Exercise",
    "Formula",
    "Lesson",
    "exercise",
    "lesson_named",
]

LESSONS = (
    *("derivatives", "autodiff", "accuracy", "cost", "kinks"),
    *("losses", "descent", "signal", "convolution", "maps"),
)
"""The names of the lessons, in the order of the chapters."""

IMPORTS = "import numpy as np\n\nimport diffkit as dk"
"""What stands before the code of a lesson."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

KINDS = ("predict", "by hand", "find the flaw", "change it", "explain")
"""What an exercise asks for."""


@dataclass(frozen=True)
class Formula:
    """A formula in the small TeX of :mod:`diffkit.cli.lesson_formulas`, and what it says."""

    tex: str
    words: str


@dataclass(frozen=True)
class Exercise:
    """A question with a hint and a worked solution, whose numbers ``work`` computes.

    ``solution`` names the numbers in braces, as ``{error:.1e}``; ``expected`` says for each what
    has to come out, and how near.
    """

    kind: str
    question: str
    hint: str
    solution: str
    expected: Mapping[str, tuple[float, float]]
    work: Callable[[], Mapping[str, float]]

    @cached_property
    def values(self) -> Mapping[str, float]:
        """What ``work`` gives, computed once."""
        return self.work()

    @property
    def name(self) -> str:
        """The name of the function that does the work."""
        return self.work.__name__

    @property
    def solved(self) -> str:
        """The solution with its numbers.

        >>> lesson_named("derivatives").exercises[0].solved.count("{")
        0
        """
        return _Writing().vformat(self.solution, (), self.values)

    @property
    def code(self) -> str:
        """The function that computes the numbers, as written."""
        lines = textwrap.dedent(inspect.getsource(self.work)).splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("def "))
        return "\n".join(lines[first:])

    @property
    def claims(self) -> list[Claim]:
        """Each number, with what it was expected to be.

        >>> all(claim.held for claim in lesson_named("derivatives").exercises[0].claims)
        True
        """
        return [
            Claim(self.name, name, wanted, self.values[name], tolerance, "exercise")
            for name, (wanted, tolerance) in self.expected.items()
        ]


class _Writing(Formatter):
    """Writes numbers by hand: −0.83, 5·10⁻⁵ and 25 % for -0.83, 5e-05 and 25%."""

    def format_field(self, value: float, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        digits, mark, power = text.partition("e")
        if mark:
            raised = str(int(power)).translate(RAISED)
            text = f"{digits}·10{raised}" if float(digits) else "0"
        return text.replace("-", "−").replace("%", "\u00a0%")


def exercise(
    kind: str, question: str, hint: str, solution: str, expected: Mapping[str, tuple[float, float]]
) -> Callable[[Callable[[], Mapping[str, float]]], Exercise]:
    """Make the decorated function the work behind an exercise.

    >>> @exercise("by hand", "What is 1 + 1?", "Count.", "It is {sum:g}.", {"sum": (2, 0)})
    ... def addition():
    ...     return {"sum": 1 + 1}
    >>> addition.solved
    'It is 2.'
    """
    question, hint, solution = map(inspect.cleandoc, (question, hint, solution))
    return lambda work: Exercise(kind, question, hint, solution, expected, work)


@dataclass(frozen=True)
class Lesson:
    """What a hand-out adds to the pictures of its chapter.

    ``before`` are questions to think about before the first picture, ``code`` a few lines that run
    and print, with ``told`` what they mean, and ``commands`` words for the command line.
    """

    before: tuple[str, ...]
    formulas: tuple[Formula, ...]
    told: str
    code: str
    commands: tuple[str, ...]
    exercises: tuple[Exercise, ...]
    name: str = ""

    @property
    def chapter(self) -> Chapter:
        """The chapter of the gallery that it belongs to."""
        return CHAPTERS[LESSONS.index(self.name)]

    @property
    def claims(self) -> list[Claim]:
        """The numbers of all its exercises."""
        return [claim for each in self.exercises for claim in each.claims]

    def scripts(self, folder: Path | None = None) -> list[Path]:
        """The gallery's scripts of its chapter, in the order of reading."""
        from diffkit.cli.gallery_run import find_scripts
        from diffkit.plots.chapters import chapter_of

        return [path for path in find_scripts(folder) if chapter_of(path) == self.chapter]


def lesson_named(name: str) -> Lesson:
    """The lesson of this name.

    Raises
    ------
    InputError
        If there is none; the error proposes the nearest name.

    >>> lesson_named("kinks").chapter.name
    'Kinks and traps'
    """
    from dataclasses import replace

    from diffkit.cli.shared import choose

    known = choose(name, LESSONS, "lesson", hint=f"there are {', '.join(LESSONS)}.")
    return replace(import_module(f"diffkit.cli.lessons.{known}").LESSON, name=known)
