"""Lines as a book breaks them: none begins with the full stop after a formula.

None ends with the bracket before a word of code, either.  Browsers may break a line on both sides
of what they lay out as a box, as they do formulas and code, whatever stands next to it; but not
within what must not wrap (``.together`` in ``_static/diffkit.css``).  The index of σ_w is lowered.
"""

import re
from typing import Any

from docutils import nodes

OPENING = re.compile(r"[(\[“‘]+\Z")
INDEX = re.compile(r"(?<=σ)\0?_([a-z])(?![a-z])")  # docutils marks what was escaped with a null
CODE = (nodes.FixedTextElement, nodes.literal, nodes.math)
CLOSING = re.compile(r"\A[.,;:!?)\]”’…]+")


def join(app: Any, document: Any, page: str) -> None:
    """Keep punctuation in a page's text at the formula or the code that it belongs to."""
    _lower_indices(document)
    for node in list(document.findall(lambda n: isinstance(n, nodes.math | nodes.literal))):
        while len(node.parent) == 1 and isinstance(node.parent, nodes.Inline):
            node = node.parent
        parent, place = node.parent, node.parent.index(node)
        after = _cut(parent, place + 1, CLOSING) if place + 1 < len(parent) else ""
        before = _cut(parent, place - 1, OPENING) if place else ""
        if before or after:
            whole = nodes.inline(classes=["together"])
            parent.replace(node, whole)
            whole += [nodes.Text(before), node, nodes.Text(after)]


def _lower_indices(document: Any) -> None:
    for text in [text for text in document.findall(nodes.Text) if INDEX.search(text)]:
        above, parents = text.parent, []
        while above is not None:
            parents.append(above)
            above = above.parent
        if not any(isinstance(parent, CODE) for parent in parents):
            pieces = enumerate(INDEX.split(text))  # text and index by turns
            text.parent.replace(text, [
                nodes.subscript("", piece) if k % 2 else nodes.Text(piece) for k, piece in pieces
            ])  # fmt: skip


def _cut(parent: Any, place: int, edge: re.Pattern[str]) -> str:
    """Take punctuation off the edge of a text, and give it."""
    text = parent[place]
    found = edge.search(text) if isinstance(text, nodes.Text) else None
    if not found:
        return ""
    parent[place] = nodes.Text(edge.sub("", text))
    return found[0]
