"""What a script of the gallery is: a page with a lesson, a picture and numbers that hold.

A script ``gallery/plot_*.py`` opens with a docstring (the finding as title, then the lesson)
and defines ``PAGE`` (a :class:`Page`), ``numbers()`` (a list of :class:`Claim`) and
``draw(dark=False)`` (a Matplotlib figure); a page that moves also defines ``frames(dark=False)``
(see :mod:`diffkit.plots.animation`), whose last frame is that figure; a page whose function is
stepped through defines ``stepper()``, the ``to_dict()`` of a ``dk.explain``.  The number under a
picture is computed by the script that draws it, so a caption cannot drift away from its figure.
"""

from __future__ import annotations

import ast
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from diffkit.errors import InputError
from diffkit.plots.chapters import CHAPTERS, Chapter, chapter_named, chapter_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "CHAPTERS",
    "Chapter",
    "Claim",
    "LoadedPage",
    "Page",
    "chapter_named",
    "chapter_of",
    "load_page",
    "read_title",
    "show",
    "written_claims",
    "written_page",
]


@dataclass(frozen=True)
class Page:
    """The particulars of a page: name (for ``--only``), chapter, title and what to try.

    ``chapter`` is the name of one of :data:`CHAPTERS`; ``alt`` says in a sentence or two what one
    sees in the picture, for those who do not see it.
    """

    name: str
    chapter: str
    title: str
    concepts: tuple[str, ...]
    question: str
    try_this: str
    source: str
    alt: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The page as a JSON-able dictionary."""
        return asdict(self) | {"concepts": list(self.concepts)}


@dataclass(frozen=True)
class Claim:
    """A number under a picture: what is claimed, what came out, and how close it must be.

    ``tolerance`` is absolute; ``expected`` and ``got`` are numbers, or equally long sequences of
    numbers.  With ``at_most=True`` the claim is the bound ``got <= expected + tolerance``, with
    ``at_least=True`` it is ``got >= expected - tolerance``.

    >>> Claim("slope", "central differences gain 2 orders", 2.0, 2.01, 0.05, "Taylor").held
    True
    >>> Claim("error", "within 1 ulp", 1.0, 0.3, 0.0, "", at_most=True).held
    True
    >>> Claim("share", "right at the end", 0.9, 0.85, 0.0, "", at_least=True).held
    False
    """

    name: str
    claim: str
    expected: float | Sequence[float]
    got: float | Sequence[float]
    tolerance: float
    source: str
    at_most: bool = False
    at_least: bool = False

    @property
    def held(self) -> bool:
        """Whether every number is where it was claimed to be (a NaN never is)."""
        expected, got = _as_list(self.expected), _as_list(self.got)
        if len(expected) != len(got):
            return False
        pairs = zip(expected, got, strict=True)
        return all(self._excess(found - wanted) <= self.tolerance for wanted, found in pairs)

    def _excess(self, gap: float) -> float:
        """How far a number is beyond where it should be, on the sides that count."""
        if self.at_most:
            return gap
        return -gap if self.at_least else abs(gap)

    @property
    def sentence(self) -> str:
        """The claim with its number, for a caption."""
        return f"{self.claim}: {_shown(self.got)}"

    def to_dict(self) -> dict[str, Any]:
        """The claim as in ``gallery --check --json``; NaN and infinities become None."""
        return {
            "name": self.name,
            "claim": self.claim,
            "expected": _finite(self.expected),
            "got": _finite(self.got),
            "tolerance": self.tolerance,
            "at_most": self.at_most,
            "at_least": self.at_least,
            "source": self.source,
            "held": self.held,
        }


def _as_list(value: Any) -> list[float]:
    return [float(v) for v in value] if isinstance(value, Sequence) else [float(value)]


def _finite(value: Any) -> Any:
    if isinstance(value, Sequence):
        return [_finite(v) for v in value]
    return value if math.isfinite(value) else None


def _shown(value: Any) -> str:
    if isinstance(value, Sequence):
        return ", ".join(_shown(v) for v in value)
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.4g}"


@dataclass(frozen=True)
class LoadedPage:
    """A gallery script that was imported: its page, its lesson and its functions."""

    path: Path
    page: Page
    lesson: str
    numbers: Callable[[], list[Claim]]
    draw: Callable[..., Figure]
    module: ModuleType

    @property
    def frames(self) -> Callable[..., Iterable[Figure]] | None:
        """What yields the frames of the page, if its picture moves."""
        return getattr(self.module, "frames", None)

    @property
    def stepper(self) -> Callable[[], dict[str, Any]] | None:
        """What gives the explanation that readers step through, if the page has one."""
        return getattr(self.module, "stepper", None)


def read_title(path: str | Path) -> tuple[str, str]:
    """The title and the lesson of a script's docstring, read without running the script.

    Raises
    ------
    InputError
        If the file has no docstring.
    """
    text = Path(path).read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    if not docstring:
        raise InputError(
            f"{Path(path).name} has no docstring", hint="open it with a title and a lesson."
        )
    return _split(docstring)


def _split(docstring: str) -> tuple[str, str]:
    lines = docstring.strip().splitlines()
    body = lines[1:]
    while body and set(body[0].strip()) <= set("=-~ "):
        body = body[1:]
    return lines[0].strip(), "\n".join(body).strip()


def written_claims(path: str | Path) -> list[str]:
    """What the numbers of a script claim, read from its source without computing them.

    Every ``Claim(name, claim, …)`` counts once, also inside a loop; what its text fills in
    stays as written, in braces: ``"error of {label}, in ulps"``.

    Raises
    ------
    SyntaxError
        If the script is not Python.
    """
    calls = [_arguments(call, Claim) for call in _calls(path, "Claim")]
    return [_template(given["claim"]) for given in calls if "claim" in given]


def written_page(path: str | Path) -> dict[str, Any]:
    """Those particulars of ``PAGE = Page(…)`` that are literals, read without running the script.

    A particular that is computed, such as ``source=SOURCE``, is left out.

    Raises
    ------
    SyntaxError
        If the script is not Python.
    """
    found = {}
    for call in _calls(path, "Page")[:1]:
        for field, value in _arguments(call, Page).items():
            with suppress(ValueError):
                found[field] = ast.literal_eval(value)
    return found


def _calls(path: str | Path, name: str) -> list[ast.Call]:
    """The calls of ``name`` in a script, from top to bottom."""
    nodes = ast.walk(ast.parse(Path(path).read_text(encoding="utf-8")))
    calls = [node for node in nodes if isinstance(node, ast.Call) and _called(node) == name]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _called(call: ast.Call) -> str:
    """The last part of the called name: ``Claim`` also for ``pages.Claim``."""
    return ast.unparse(call.func).rpartition(".")[2]


def _arguments(call: ast.Call, kind: type[Claim] | type[Page]) -> dict[str, ast.expr]:
    """The arguments of a call by the fields of the dataclass it makes."""
    names = [field.name for field in fields(kind)]
    given = dict(zip(names, call.args, strict=False))
    return given | {word.arg: word.value for word in call.keywords if word.arg}


def _template(text: ast.expr) -> str:
    """A string or f-string as written, with what it fills in kept in braces."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    if isinstance(text, ast.JoinedStr):
        return "".join(map(_template, text.values))
    return f"{{{ast.unparse(text.value if isinstance(text, ast.FormattedValue) else text)}}}"


def load_page(path: str | Path) -> LoadedPage:
    """Import a gallery script by its path, without running its ``__main__`` part.

    Raises
    ------
    InputError
        If the script is missing, or lacks ``PAGE``, ``numbers`` or ``draw``.
    """
    path = Path(path)
    spec = spec_from_file_location(f"diffkit_gallery_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python script", hint="see diffkit gallery --list.")
    _, lesson = read_title(path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a module up by its name
    spec.loader.exec_module(module)
    missing = [name for name in ("PAGE", "numbers", "draw") if not hasattr(module, name)]
    if missing:
        raise InputError(
            f"{path.name} lacks {', '.join(missing)}",
            hint="a gallery script defines PAGE, numbers() and draw(dark=False).",
        )
    return LoadedPage(path, module.PAGE, lesson, module.numbers, module.draw, module)


BUILDING = "DIFFKIT_BOOK"  # set while a book is built, which takes its pictures from what is kept


def show(draw: Callable[[], Figure]) -> None:
    """Draw a page and show it in a window: the last line of a script of the gallery.

    Where a book is built, as by Sphinx-Gallery, nothing is drawn: it asks
    :func:`diffkit.plots.rendered.rendered` for the pictures.

    >>> import os
    >>> os.environ["DIFFKIT_BOOK"] = "yes"
    >>> show(lambda: print("drawn"))
    >>> del os.environ["DIFFKIT_BOOK"]
    """
    if BUILDING in os.environ:
        return
    from matplotlib import pyplot

    draw()
    pyplot.show()
