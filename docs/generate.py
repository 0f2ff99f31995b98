"""Write the table of ``kinks.md`` from the registry of operations: ``python docs/generate.py``.

The conventions of other libraries are stated with their sources; where none is stated here, the
table says so with a dash.  ``tests/test_docs.py`` fails when the page is out of date.
"""

from collections.abc import Iterator
from math import inf
from pathlib import Path

from diffkit.comparison.rules import load_all_primitives
from diffkit.graph.primitive import REGISTRY, Elementwise, Kink

PAGE = Path(__file__).parent / "kinks.md"
BEGIN, END = "<!-- begin: python docs/generate.py -->", "<!-- end -->"
HEADER = ("operation", "for example at", "left, right", "diffkit", "JAX", "PyTorch", "autograd", "")
UNKNOWN = "–"
NAMES = {1: ("x",), 2: ("x₁", "x₂"), 3: ("x₁", "x₂", "x₃")}

PEERS: dict[str, dict[str, str]] = {
    "relu": {"PyTorch": "0 [^spellings]"},
    "maximum": {"PyTorch": "½ [^spellings]", "autograd": "½"},
    "clip": {"PyTorch": "1 [^spellings]"},
    "abs": {"JAX": "+1", "PyTorch": "0", "autograd": "0"},
}
"""What others give at the same place; the notes are at the end of the page."""


def number(value: float | None) -> str:
    """A number as it is written in the table: ½, ∞, −1, or a dash for None."""
    if value is None:
        return UNKNOWN
    if abs(value) == inf:
        return "∞" if value > 0 else "−∞"
    text = {0.5: "½", -0.5: "−½"}.get(value, f"{value:g}")
    return text.replace("-", "−")


def place(kink: Kink) -> str:
    """Where the kink is: ``x = 0``, or ``x₁ = 1, x₂ = 1; x₁ moves``."""
    names = NAMES[len(kink.at)]
    at = ", ".join(f"{name} = {number(x)}" for name, x in zip(names, kink.at, strict=True))
    return at if len(names) == 1 else f"{at}; {names[kink.wrt]} moves"


def row(name: str, kink: Kink) -> tuple[str, ...]:
    """The cells of one kink."""
    slopes = ", ".join(number(slope) for slope in kink.slopes)
    peers = (PEERS.get(name, {}).get(peer, UNKNOWN) for peer in ("JAX", "PyTorch", "autograd"))
    return f"`{name}`", place(kink), slopes, number(kink.declared), *peers, kink.note


def rows() -> Iterator[tuple[str, ...]]:
    """The kinks of diffkit's own operations, by name; what a user registered is left out."""
    load_all_primitives()
    for name, operation in sorted(REGISTRY.items()):
        own = type(operation).__module__.startswith("diffkit.primitives.")
        if own and isinstance(operation, Elementwise):
            for kink in operation.kinks:
                yield row(name, kink)


def table() -> str:
    """The table in Markdown."""
    lines = [HEADER, ("-",) * len(HEADER), *rows()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def updated(text: str) -> str:
    """The page with its table written anew; what stands around it stays."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
