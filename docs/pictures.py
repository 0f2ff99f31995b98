"""The directive ``{picture}`` puts a picture of the gallery, light and dark, onto another page.

    ```{picture} complex-step
    What the reader should look for.
    ```

The argument is the name of a page of the gallery.  The caption opens with that page's title, which
links to it; the alternative text is that of the page.  Pictures come from the same store that
``diffkit gallery`` fills.  A build without the gallery (``-D plot_gallery=0``) draws nothing: where
a picture has not been kept, its caption stands alone.
"""

from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from diffkit.plots import render_cache
from diffkit.plots.pages import written_page
from diffkit.plots.rendered import Rendered, rendered

GALLERY = Path(__file__).resolve().parent.parent / "gallery"
MISSING = "picture-missing"  # marks a page in Sphinx's memory, until it is read again; also drawn's
FOLDER = "auto_gallery/pictures"  # below docs, in the folder that git ignores


@cache
def scripts() -> dict[str, Path]:
    """Name of a page → its script."""
    return {written_page(path)["name"]: path for path in sorted(GALLERY.glob("plot_*.py"))}


def gallery_link(env: Any, script: Path, title: nodes.inline) -> nodes.Node:
    """The title as a reference to the page that Sphinx-Gallery made of the script."""
    found = [name for name in env.found_docs if name.split("/")[-1] == script.stem]
    if not found:
        return title
    target = {"refdomain": "std", "reftype": "doc", "refexplicit": True}
    return addnodes.pending_xref("", title, reftarget=f"/{found[0]}", **target)


class Picture(SphinxDirective):
    """A picture of the gallery by the name of its page; the content is the caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The figure: two images, of which the theme shows one, and the caption."""
        name = self.arguments[0]
        if name not in scripts():
            raise self.error(f"no page of the gallery is named {name!r}")
        script = scripts()[name]
        self.env.note_dependency(str(script))
        figure = nodes.figure(classes=["gallery-picture"])
        figure += self.images(script, self.kept_or_drawn(script))
        figure += self.caption(script)
        return [figure]

    def kept_or_drawn(self, script: Path) -> Rendered | None:
        """The rendered page; None where it would have to be drawn and nothing shall be."""
        if self.config.sphinx_gallery_conf["plot_gallery"]:
            return rendered(script)
        return render_cache.load(render_cache.default_folder(), script)

    def images(self, script: Path, page: Rendered | None) -> list[nodes.Node]:
        """The image nodes, their files being written where Sphinx copies them from."""
        if page is None:
            self.env.metadata[self.env.docname][MISSING] = True
            return []
        folder = Path(self.env.srcdir) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        alt = page.page.alt or page.page.title
        shown: list[nodes.Node] = []
        for mode in ("light", "dark"):
            file = folder / f"{script.stem}-{mode}.png"
            file.write_bytes(page.files[f"{mode}.png"])
            uri = f"/{FOLDER}/{file.name}"
            shown.append(nodes.image(uri=uri, alt=alt, classes=[f"only-{mode}"]))
        return shown

    def caption(self, script: Path) -> nodes.caption:
        """The title, linked to the page of the gallery, and the content of the directive."""
        parsed = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, parsed)
        words = parsed[0].children if len(parsed) else []
        title = nodes.inline("", written_page(script)["title"])
        return nodes.caption(
            "", "", gallery_link(self.env, script, title), nodes.Text(". "), *words
        )


def without_pictures(_app: Any, env: Any, *_changes: set[str]) -> list[str]:
    """The pages to read again, since an earlier build did not draw what they show."""
    return [name for name, marks in env.metadata.items() if MISSING in marks]


def setup(app: Any) -> dict[str, Any]:
    """Register the directive."""
    app.connect("env-get-outdated", without_pictures)
    app.add_directive("picture", Picture)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
