"""Small pieces of HTML for the pages that the commands write: text escaped, code coloured.

The frames, styles and scripts of those pages stand in ``cli/templates``.  Nothing here refers to
anything outside the page, so the pages need no network.
"""

from __future__ import annotations

import html
import re
import struct
import textwrap
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "command",
    "escaped",
    "highlighted",
    "identifier",
    "inline",
    "paragraphs",
    "png_size",
    "template",
]

TEMPLATES = Path(__file__).parent / "templates"
PNG_SIZE = slice(16, 24)
"""Where a PNG keeps its width and height (PNG specification, section 11.2.2, IHDR)."""


def template(name: str) -> str:
    """The text of a file of ``cli/templates``."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG picture."""
    width, height = struct.unpack(">II", content[PNG_SIZE])
    return width, height


def escaped(text: str) -> str:
    """Text as an attribute or as an element can hold it.

    >>> escaped('a < "b"')
    'a &lt; &quot;b&quot;'
    """
    return html.escape(text, quote=True)


def identifier(text: str) -> str:
    """Text as an ``id`` and the end of an address.

    >>> identifier("Kinks and traps")
    'kinks-and-traps'
    """
    return re.sub(r"[^\w-]+", "-", text.lower()).strip("-")


def inline(text: str) -> str:
    """Escaped text, with ``code``, *emphasis*, and the index of σ_w.

    >>> inline("``x < σ_w`` *always*, σ_w²")
    '<code>x &lt; σ_w</code> <em>always</em>, σ<sub>w</sub>²'
    """
    words = html.escape(" ".join(text.split()), quote=False)
    words = re.sub(r"``(.+?)``|`(.+?)`", lambda m: f"<code>{m[1] or m[2]}</code>", words)
    words = re.sub(
        r"<code>.*?</code>|(?<=σ)_([a-z])(?![a-z])",
        lambda m: f"<sub>{m[1]}</sub>" if m[1] else m[0],
        words,
    )
    return re.sub(r"(?<![\w*])\*(\w[^*<>]*?)\*(?![\w*])", r"<em>\1</em>", words)


def command(text: str) -> str:
    """Code whose options stay whole: no line ends within ``--at``.

    >>> command("diffkit --help")
    '<code>diffkit <span>--help</span></code>'
    """
    words = [html.escape(word) for word in text.split(" ")]
    kept = (f"<span>{word}</span>" if word.startswith("-") else word for word in words)
    return f"<code>{' '.join(kept)}</code>"


def paragraphs(text: str) -> Iterator[str]:
    """Plain paragraphs, lists and indented blocks of a docstring, as HTML."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if not block.strip():
            continue
        if all(line.startswith("    ") for line in lines):
            yield f'<pre tabindex="0"><code>{html.escape(textwrap.dedent(block))}</code></pre>'
        elif lines[0].lstrip().startswith(("- ", "* ")):
            items = re.split(r"\n?^\s*[-*] ", block, flags=re.MULTILINE)[1:]
            yield "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>"
        else:
            yield f"<p>{inline(block.removesuffix('::'))}</p>"


def highlighted(code: str) -> str:
    """Python code with its keywords, strings and comments marked."""
    from pygments.lexers.python import PythonLexer
    from pygments.token import Comment, Keyword, String

    kinds = ((Keyword, "k"), (String, "s"), (Comment, "c"))
    parts = []
    for token, text in PythonLexer().get_tokens(code):
        name = next((name for kind, name in kinds if token in kind), None)
        plain = html.escape(text, quote=False)
        parts.append(f'<span class="{name}">{plain}</span>' if name else plain)
    return "".join(parts)
