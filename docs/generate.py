"""Write the table of ``kinks.md`` from the registry of operations: ``python docs/generate.py``.

What other libraries give was measured by ``docs/measure_kinks.py``; a dash stands where they have
no such function.  ``tests/test_docs.py`` fails when the page is out of date.
"""

from collections.abc import Iterator
from math import inf
from pathlib import Path

from diffkit.comparison.peer_kinks import (
    LIBRARIES,
    answer_at,
    declared_kinks,
    measured_versions,
)
from diffkit.graph.primitive import Kink

PAGE = Path(__file__).parent / "kinks.md"
BEGIN, END = "<!-- begin: python docs/generate.py -->", "<!-- end -->"
HEADER = ("operation", "for example at", "left, right", "diffkit", "JAX", "PyTorch", "autograd", "")
UNKNOWN = "–"
NAMES = {1: ("x",), 2: ("x₁", "x₂"), 3: ("x₁", "x₂", "x₃")}


def number(value: float | None) -> str:
    """A number as it is written in the table: ½, ∞, −1, or a dash for None."""
    if value is None:
        return UNKNOWN
    if value != value:
        return "NaN"
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
    peers = (_answer(name, kink, library) for library in LIBRARIES)
    return f"`{name}`", place(kink), slopes, number(kink.declared), *peers, kink.note


def _answer(name: str, kink: Kink, library: str) -> str:
    """What a library gave, in bold where it is not what diffkit gives."""
    found = answer_at(name, kink, library)
    text = number(found)
    same = found is None or text == number(kink.declared + 0.0)
    return text if same else f"**{text}**"


def rows() -> Iterator[tuple[str, ...]]:
    """The lines of the table."""
    for name, kink in declared_kinks():
        yield row(name, kink)


def table() -> str:
    """The table in Markdown."""
    lines = [HEADER, ("-",) * len(HEADER), *rows()]
    versions = ", ".join(f"{name} {text}" for name, text in measured_versions().items())
    told = f"Measured with {versions}, in float64; what differs from diffkit is **bold**."
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + f"\n\n{told}"


def updated(text: str) -> str:
    """The page with its table written anew; what stands around it stays."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
