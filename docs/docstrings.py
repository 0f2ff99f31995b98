"""diffkit's docstrings, made ready for Sphinx: they are written to be read in a terminal.

Three things differ from reStructuredText.  An indented formula is a block of its own, a bar as
in |x| is a bar, and a paragraph after the section "Raises" belongs to it no longer.
"""

from collections.abc import Iterator, Sequence
from typing import Any

BLOCK = "    "  # the indentation of a formula
PROMPT = ">>>"


def prepare(
    app: Any, what: str, name: str, documented: Any, options: Any, lines: list[str]
) -> None:
    """Change the lines of a docstring in place, before numpydoc's sections are read."""
    lines[:] = list(_prepared(lines))


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
        yield line if in_example or in_block else line.replace("|", r"\|")


def _opens_entry(following: str) -> bool:
    """Whether the line before this one is a section's title, or the name of one of its entries."""
    return following.startswith(BLOCK) or set(following.strip()) == {"-"}
