"""Write the tables of ``losses.md`` from the losses themselves: ``python docs/generate_losses.py``.

``tests/test_loss_page.py`` fails when the page is out of date.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from diffkit.nets.losses import ALL_LOSSES, Loss

PAGE = Path(__file__).parent / "losses.md"
BEGIN, END = "<!-- begin: python docs/generate_losses.py -->", "<!-- end -->"
FORMULAS = ("loss", "of one example", "its derivative", "kinks, and the derivative there")
USES = ("loss", "when", "targets", "options")


def name_of(loss: Loss) -> str:
    """The loss as it is written in a program."""
    return f"`{loss!r}`" if loss.name == "huber" else f"`{loss.name}`"


def options_of(loss: Loss) -> str:
    """Its options and their usual values."""
    found = (f"`{field.name}={_usual(field.default)}`" for field in fields(loss))
    return ", ".join(found) or "–"


def _usual(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else repr(value)


def formulas() -> Iterator[Sequence[str]]:
    """The lines of the first table."""
    for loss in ALL_LOSSES:
        yield name_of(loss), loss.formula, loss.slope, loss.kinks


def uses() -> Iterator[Sequence[str]]:
    """The lines of the second table."""
    for loss in ALL_LOSSES:
        yield name_of(loss), loss.purpose, loss.targets, options_of(loss)


def table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """A table in Markdown, in which a bar is written with a backslash."""
    lines = [header, ("-",) * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |" for row in lines
    )


def updated(text: str) -> str:
    """The page with its tables written anew; what stands around them stays."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    told = f"{table(FORMULAS, formulas())}\n\n{table(USES, uses())}"
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
