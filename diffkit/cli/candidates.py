"""What a shell may offer: the names that options and arguments take, by the word begun.

Each function here is a ``shell_complete`` of click: it takes the context, the parameter and the
word begun, and gives candidates.  Names are read where they are defined, when they are asked for;
nothing is captured, compiled or run, and a file of the user's is parsed, never imported.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)

__all__ = [
    "LineComplete",
    "activations",
    "case_names",
    "chapters",
    "data_sets",
    "dtype_names",
    "functions",
    "lessons",
    "listed",
    "method_names",
    "named",
    "pages",
    "recordable",
    "schedule_names",
    "swell_families",
    "swell_forms",
    "variables",
]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Names = Iterable[str | tuple[str, str]]
MOST_TEXT = 1_000_000  # bytes of a file in which functions are looked for


def named(names: Callable[[], Names]) -> Completer:
    """A completer of one name out of those that a function gives, each perhaps with its meaning.

    >>> complete = named(lambda: ["sgd", ("adam", "the usual one")])
    >>> [item.value for item in complete(None, None, "a")]
    ['adam']
    """

    def complete(_ctx: Any, _param: Any, incomplete: str) -> list[CompletionItem]:
        pairs = [(name, "") if isinstance(name, str) else name for name in names()]
        return [_item(name, help) for name, help in pairs if name.startswith(incomplete)]

    return complete


def listed(names: Callable[[], Names]) -> Completer:
    """A completer of the last of several names with commas between.

    >>> complete = listed(lambda: ["reverse", "forward", "finite"])
    >>> [item.value for item in complete(None, None, "reverse,f")]
    ['reverse,forward', 'reverse,finite']
    """

    def complete(ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        given = {word.strip() for word in before.split(",")}
        found = named(names)(ctx, param, last)
        return [_item(before + comma + item.value, item.help or "")
                for item in found if item.value not in given]  # fmt: skip

    return complete


def _item(value: str, help: str = "", kind: str = "plain") -> CompletionItem:
    return CompletionItem(value, type=kind, help=help or None)


# Names -------------------------------------------------------------------------------------------


def case_names() -> Names:
    """The built-in cases of ``diffkit compare`` with their titles."""
    from diffkit.comparison.cases import CASES

    return [(name, case.title) for name, case in CASES.items()]


def method_names() -> Names:
    """The methods of differentiation."""
    from diffkit.differentiate.methods import DEFAULT_METHODS

    return list(DEFAULT_METHODS)


def dtype_names() -> Names:
    """The dtypes in which cases can be compared."""
    from diffkit.comparison.many_rows import DTYPES

    return list(DTYPES)


def swell_families() -> Names:
    """The families of functions whose derivatives ``diffkit swell`` counts."""
    from diffkit.comparison.swell_families import FAMILIES

    return list(FAMILIES)


def swell_forms() -> Names:
    """The forms of a derivative that ``diffkit swell`` counts."""
    from diffkit.comparison.swell import METHODS

    return list(METHODS)


def activations() -> Names:
    """The activations of a net by their names."""
    from diffkit.nets.activations import ACTIVATIONS

    return list(ACTIVATIONS)


def schedule_names() -> Names:
    """The schedules of the learning rate that ``diffkit train`` takes."""
    from diffkit.training.choices import SCHEDULES

    return list(SCHEDULES)


def recordable() -> Names:
    """What a training can record beside its norms."""
    from diffkit.training.loop import BETWEEN_EPOCHS, BY_UPDATE

    return [*BY_UPDATE, *BETWEEN_EPOCHS]


def lessons() -> Names:
    """The names of the lessons."""
    from diffkit.cli.lessons import LESSONS

    return list(LESSONS)


def chapters() -> Names:
    """The names of the gallery's chapters, as they are typed without quotes."""
    from diffkit.plots.chapters import CHAPTERS

    return [(str(chapter.number), chapter.name) for chapter in CHAPTERS]


def pages() -> Names:
    """The names of the gallery's pages with their titles."""
    from diffkit.cli.gallery_run import find_scripts, written

    found = [written(path) for path in find_scripts()]
    return [(page["name"], str(page.get("title", ""))) for page in found if "name" in page]


# Arguments ---------------------------------------------------------------------------------------


def data_sets(ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
    """The data sets by name, and any file."""
    from diffkit.nets.datasets import ALL_DATASETS

    return [*named(lambda: list(ALL_DATASETS))(ctx, param, incomplete), *_files(incomplete)]


def functions(_ctx: Any, _param: Any, incomplete: str) -> list[CompletionItem]:
    """Python files, and after ``model.py:`` the functions in it."""
    name, colon, begun = incomplete.rpartition(":")
    if not colon:
        return _python_files(incomplete)
    return [_item(f"{name}:{found}", help) for found, help in _functions_of(Path(name))
            if found.startswith(begun)]  # fmt: skip


def _python_files(incomplete: str) -> list[CompletionItem]:
    """Python files, to be followed by a colon, and folders, to be followed by a name."""
    folder = incomplete.rpartition("/")[0]
    parent = Path(folder or ("/" if incomplete.startswith("/") else "."))
    begun = incomplete.rpartition("/")[2]
    lead = incomplete[: len(incomplete) - len(begun)]
    try:
        paths = sorted(path for path in parent.iterdir() if path.name.startswith(begun))
    except OSError:
        return []
    seen = [path for path in paths if begun.startswith(".") or not path.name.startswith(".")]
    files = [_item(f"{lead}{path.name}:", "functions of the file", "open")
             for path in seen if path.suffix == ".py"]  # fmt: skip
    folders = [_item(f"{lead}{path.name}/", "folder", "open")
               for path in seen if path.is_dir() and path.name != "__pycache__"]  # fmt: skip
    return [*files, *folders]


def _functions_of(path: Path) -> list[tuple[str, str]]:
    """The functions of a file with the first line of their docstrings."""
    return [(node.name, (ast.get_docstring(node) or "").partition("\n")[0])
            for node in _definitions(path) if not node.name.startswith("_")]  # fmt: skip


def _definitions(path: Path) -> list[ast.FunctionDef]:
    """The functions of a file, which is only parsed; none where it cannot be."""
    try:
        if path.stat().st_size > MOST_TEXT:
            return []
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    return [node for node in body if isinstance(node, ast.FunctionDef)]


def variables(ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
    """The variables of the expression that was typed, or the parameters of a file's function."""
    params = ctx.params
    text = str(params.get("function") or params.get("expression") or "")
    if not text:  # before an option that has no value yet, click leaves all words alone
        text = next((word for word in ctx.args if not word.startswith("-")), "")
    text = text.strip()
    return listed(lambda: _variables_of(text))(ctx, param, incomplete)


def _variables_of(text: str) -> list[str]:
    path, _, name = text.rpartition(":")
    if path.endswith(".py"):
        return _parameters_of(Path(path), name)
    from diffkit.capture.parsing import parse
    from diffkit.errors import DiffkitError

    try:
        return list(parse(text).input_names)
    except DiffkitError:
        return []


def _parameters_of(path: Path, name: str) -> list[str]:
    found = [node for node in _definitions(path) if node.name == name]
    return [argument.arg for node in found[:1] for argument in node.args.args]


def _files(incomplete: str) -> list[CompletionItem]:
    return [_item(incomplete, kind="file")]


# The protocol ------------------------------------------------------------------------------------


class LineComplete(ShellComplete):
    """Candidates as lines of ``kind``, word and meaning; see ``cli/completion.py``.

    >>> line = "diffkit advise model.py:loss --want=gra"
    >>> import os; os.environ["COMP_LINE"] = line
    >>> from diffkit.cli.main import diffkit
    >>> print(LineComplete(diffkit, {}, "diffkit", "_DIFFKIT_COMPLETE").complete())
    plain	--want=gradient
    """

    name = "lines"
    source_template = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one at the cursor, and that one as far as it goes."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        begun = words.pop() if words and not line[-1:].isspace() else ""
        names = [place for place, word in enumerate(words) if Path(word).name == self.prog_name]
        return words[(names[0] if names else 0) + 1 :], begun

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The candidates, whole words also behind ``--option=``."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if not (option.startswith("--") and equals):
            return found
        return [_item(f"{option}={item.value}", item.help or "", item.type) for item in found]

    def format_completion(self, item: CompletionItem) -> str:
        """One line: kind, word, meaning."""
        help = " ".join((item.help or "").split())
        return "\t".join([item.type, str(item.value), help]).rstrip("\t")


add_completion_class(LineComplete)
