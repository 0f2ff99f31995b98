"""diffkit's docstrings, made ready for Sphinx: they are written to be read in a terminal.

Some things differ from reStructuredText.  An indented formula is a block of its own, a bar as
in |x| is a bar, and a paragraph after the section "Raises" belongs to it no longer.  Numpydoc
would take the words before a property's first colon for a type, and a sentence under "Returns";
both are kept from it.  Powers and indices, γ^t and z_y, are raised and lowered.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

BLOCK = "    "  # the indentation of a formula
PROMPT = ">>>"
DEFAULTS = {"<factory>": "…", "<class 'float'>": "float", "0.3333333333333333": "1/3"}
CONSTANT = re.compile(r"=(?P<name>[A-Z][A-Z0-9_]*)\b")
WRITABLE = (bool, int, float, str, tuple, type(None))
MOST_WRITTEN = 60  # characters of a default in a signature
ATTRIBUTES = {"attribute", "data", "property"}  # napoleon looks for a type before their first colon

# Either what is written as code, which stays, or a power, or an index that is short or braced.
TYPESET = re.compile(
    r"(?P<code>``.*?``)"
    r"|\^(?:\{(?P<braced>[^{}]*)\}|\((?P<group>[^()]*)\)|(?P<power>⌊[^⌋]*⌋|\w+))"
    r"|(?<=(?<![\w.])[^\W\d_])_(?:\{(?P<under>[^{}]*)\}|(?P<index>min|max|[^\W\d_])(?![A-Za-z_]))"
)


def sign(
    app: Any, what: str, name: str, documented: Any, options: Any, signature: str | None, said: Any
) -> tuple[str | None, Any]:
    """The signature with its defaults as one would write them, constants by their values."""
    for printed, written in DEFAULTS.items():
        signature = signature and signature.replace(printed, written)
    return signature and CONSTANT.sub(partial(_valued, _names_around(documented)), signature), said


def _names_around(documented: Any) -> Mapping[str, Any]:
    """What the names in a function's or a class's own lines stand for."""
    plain = inspect.unwrap(documented)
    module = sys.modules.get(getattr(plain, "__module__", None) or "")
    return getattr(plain, "__globals__", None) or vars(module or object)


def _valued(names: Mapping[str, Any], found: re.Match[str]) -> str:
    """A default as its value where a constant stands for one that is short to write."""
    value = names.get(found["name"], object)
    short = isinstance(value, WRITABLE) and len(repr(value)) <= MOST_WRITTEN
    return f"={value!r}" if short else found[0]


def prepare(
    app: Any, what: str, name: str, documented: Any, options: Any, lines: list[str]
) -> None:
    """Change the lines of a docstring in place, before numpydoc's sections are read."""
    comment = ["..", ""] if what in ATTRIBUTES else []
    lines[:] = [*comment, *_prepared(list(_with_sentences(lines)))]


def _with_sentences(lines: Sequence[str]) -> Iterator[str]:
    """The lines, with a field of its own for a sentence that stands under "Returns"."""
    i = 0
    while i < len(lines):
        if lines[i] != "Returns" or (i + 3 < len(lines) and lines[i + 3].startswith(BLOCK)):
            yield lines[i]
            i += 1
            continue
        end = next((j for j in range(i, len(lines)) if not lines[j].strip()), len(lines))
        yield f":returns: {' '.join(lines[i + 2 : end])}"
        i = end


def _prepared(lines: Sequence[str]) -> Iterator[str]:
    in_section = in_example = in_block = False
    for i, line in enumerate(lines):
        after_blank = i == 0 or not lines[i - 1].strip()
        following = lines[i + 1] if i + 1 < len(lines) else ""
        starts = bool(line.strip()) and after_blank
        if starts:
            in_example = line.startswith(PROMPT)
            was_block, in_block = in_block, line.startswith(BLOCK) and not in_section
            if in_block and not was_block:
                yield from ("::", "")
            if in_section and not line.startswith(" ") and not _opens_entry(following):
                yield ""  # two empty lines end a section
                in_section = False
        if set(line.strip()) == {"-"}:
            in_section = True
        yield line if in_example or in_block else typeset(line.replace("|", r"\|"))


def typeset(line: str) -> str:
    r"""The line with its powers raised and its indices lowered; names and code stay.

    >>> typeset("(1 − p_y)^γ, x_train, ``a_b``")
    '(1 − p\\ :sub:`y`\\ )\\ :sup:`γ`\\ , x_train, ``a_b``'
    """
    return TYPESET.sub(_typeset, line)


def _typeset(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"]
    under = found["under"] or found["index"]
    role = "sub" if under else "sup"
    return rf"\ :{role}:`{under or found['braced'] or found['group'] or found['power']}`\ "


def _opens_entry(following: str) -> bool:
    """Whether the line before this one is a section's title, or the name of one of its entries."""
    return following.startswith(BLOCK) or set(following.strip()) == {"-"}
