"""Pictures of ``dk.plots`` on a page, drawn while it is built from the line that stands there.

    ```{drawn} dk.plots.derivative(wave, 0, 6)
    A curve, its derivatives, and a tangent.
    ```

shows the line, the picture it draws (one for each theme) and the words, which are its alternative
text too.  The ``pycon`` examples of the page run first and say what ``wave`` is.  The lines are the
documentation's own, never those of a reader.  A picture is drawn again when the page or the
library's drawing code has changed; a build with ``-D plot_gallery=0`` shows only those it has.
"""

import doctest
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from pictures import MISSING
from sphinx.util.docutils import SphinxDirective

EXAMPLES = re.compile(r"^```pycon\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINES = re.compile(r"^```\{drawn\} (.*)$", re.MULTILINE)
FOLDER = "auto_gallery/drawn"  # below docs, where git does not look
CODE = Path(__file__).resolve().parent.parent / "diffkit" / "plots"
DPI = 120  # as many dots as the column of a page is wide


def lines_of(text: str) -> list[str]:
    """The lines of a page that draw."""
    return LINES.findall(text)


@cache
def session_of(page: str) -> dict[str, Any]:
    """The names that the examples of a page make."""
    names: dict[str, Any] = {}
    parser = doctest.DocTestParser()
    for block in EXAMPLES.findall(page):
        for example in parser.get_examples(block):
            exec(example.source, names)  # the documentation's own lines
    return names


def figure_of(page: str, line: str, dark: bool) -> Any:
    """The figure that a line of a page draws."""
    found = eval(line.removesuffix(")") + f", dark={dark})", session_of(page))
    return found if hasattr(found, "savefig") else found.figure


@cache
def hash_of(page: str) -> str:
    """What all pictures of a page depend on."""
    files = sorted([*CODE.glob("*.py"), *CODE.glob("*.mplstyle"), Path(__file__)])
    parts = [page.encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def picture_of(page: str, line: str, dark: bool, folder: Path, draw: bool) -> Path | None:
    """The file of a picture; None where it would have to be drawn and nothing shall be."""
    name = hashlib.sha256(f"{hash_of(page)} {line} {dark}".encode()).hexdigest()[:16]
    path = folder / f"{name}.png"
    if not path.exists():
        if not draw:
            return None
        from matplotlib import pyplot

        from diffkit.plots.style import use_style

        folder.mkdir(parents=True, exist_ok=True)
        with use_style(dark):
            figure = figure_of(page, line, dark)
            figure.savefig(path, dpi=DPI, metadata={"Software": None})
        pyplot.close("all")
    return path


class Drawn(SphinxDirective):
    """A line, what it draws, and in words what one sees."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The code, two images of which the theme shows one, and the caption."""
        page = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
        line, words = self.arguments[0], " ".join(self.content)
        code = nodes.literal_block(line, line, language="python")
        figure = nodes.figure(classes=["gallery-picture"])
        for mode in ("light", "dark"):
            folder = Path(self.env.srcdir) / FOLDER
            draw = bool(self.config.sphinx_gallery_conf["plot_gallery"])
            path = picture_of(page, line, mode == "dark", folder, draw)
            if path is None:
                self.env.metadata[self.env.docname][MISSING] = True
                continue
            uri = f"/{FOLDER}/{path.name}"
            figure += nodes.image(uri=uri, alt=words, classes=[f"only-{mode}"])
        parsed = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, parsed)
        figure += nodes.caption("", "", *(parsed[0].children if len(parsed) else []))
        return [code, figure]


def setup(app: Any) -> dict[str, Any]:
    """Register the directive."""
    app.setup_extension("pictures")  # which has pages read again that lack a picture
    app.add_directive("drawn", Drawn)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
