"""Lines as a book breaks them: none begins with the full stop after a formula.

None ends with the bracket before a word of code, either.  Browsers may break a line on both sides
of what they lay out as a box, as they do formulas and code, whatever stands next to it; but not
where Unicode's word joiner stands (CSS Text Module Level 3, section 5.1).
"""

from typing import Any

from docutils import nodes

JOINER = "\u2060"
OPENING, CLOSING = tuple("([“‘"), tuple(".,;:!?)]”’…")


def join(app: Any, document: Any, page: str) -> None:
    """Keep punctuation in a page's text at the formula or the code that it belongs to."""
    for node in list(document.findall(lambda n: isinstance(n, nodes.math | nodes.literal))):
        while len(node.parent) == 1 and isinstance(node.parent, nodes.Inline):
            node = node.parent
        parent, place = node.parent, node.parent.index(node)
        before, after = parent[place - 1] if place else None, parent[place + 1 : place + 2]
        if isinstance(before, nodes.Text) and before.endswith(OPENING):
            parent[place - 1] = nodes.Text(before + JOINER)
        if after and isinstance(after[0], nodes.Text) and after[0].startswith(CLOSING):
            parent[place + 1] = nodes.Text(JOINER + after[0])
