"""``diffkit swell``: how large a derivative is, by the way it is written down.

The counts are those of ``dk.swell``: of a family that papers use, or of the iterates of an
expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import listed, named, swell_families, swell_forms
from diffkit.cli.shared import (
    ExpressionCommand,
    choose,
    on_terminal,
    suggest,
    working,
    write_json,
    write_rows,
)
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.comparison.swell import Swell

__all__ = ["swell"]

EXAMPLES = """\b
Examples:
  diffkit swell logistic
  diffkit swell speelpenning --upto 20
  diffkit swell helmholtz --sizes 1,10,50 --methods reverse,forward,finite
  diffkit swell tanh-net --json
  diffkit swell "x*exp(-x)" --upto 6

Exit codes: 0 done, 2 the input was wrong, 130 stopped by Ctrl-C (what was counted is printed)."""

ITERATES = 6  # of an expression, unless --upto says more
MOST_SIZES = 1000
INTERRUPTED = 130  # as after SIGINT in a shell (cli/main.py)
COLUMNS = ("size", "inputs", "function")


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("family", shell_complete=named(swell_families))
@click.option("--upto", type=click.IntRange(1, MOST_SIZES), metavar="N", help="The largest n.")
@click.option("--sizes", metavar="LIST", help="The sizes n themselves, as 1,10,50.")
@click.option("--methods", metavar="LIST", shell_complete=listed(swell_forms),
              help="Forms to count, as tree,cse,reverse.")  # fmt: skip
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="That one formula may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def swell(
    family: str,
    upto: int | None,
    sizes: str | None,
    methods: str | None,
    budget: float | None,
    as_json: bool,
) -> int | None:
    """Count the operations of a derivative as it grows with n, in every form.

    FAMILY is logistic, speelpenning, helmholtz or tanh-net, or an expression in one variable, of
    which the n-th iterate f(f(…f(x))) is taken.
    """
    from diffkit.comparison.swell import METHODS
    from diffkit.comparison.swell import swell as count
    from diffkit.differentiate.budget import SECONDS

    if upto is not None and sizes is not None:
        raise InputError("--upto and --sizes both say which n", hint="give one of them.")
    known, first = _family(family.strip())
    forms = tuple(choose(form, METHODS, "form") for form in _words(methods)) or METHODS
    wanted = _sizes(sizes) if sizes else None if upto is None else range(min(first, upto), upto + 1)
    if wanted is None and not isinstance(known, str):
        wanted = range(first, ITERATES + 1)
    title = None if isinstance(known, str) else f"n-th iterate of {family.strip()}"
    with working("counting operations"):
        counts = count(known, wanted, forms, title=title, budget_seconds=budget or SECONDS)
    if as_json:
        write_json(counts.to_dict())
    elif on_terminal():
        from rich.console import Console

        Console(highlight=False).print(counts.table())
        suggest("diffkit gallery --only swell,equivalence")
    else:
        write_rows([*COLUMNS, *counts], _rows(counts))
    return INTERRUPTED if counts.interrupted else None


def _family(text: str) -> tuple[Any, int]:
    """A family by its name or as iterates of an expression, and its smallest size."""
    from diffkit.comparison.swell_families import FAMILIES, iterates

    if text in FAMILIES:
        return text, FAMILIES[text].sizes[0]
    if text.replace("-", "").isalpha() and len(text) > 1:
        choose(text, FAMILIES, "family", hint=f"there are {', '.join(FAMILIES)}, or an expression.")
    from diffkit.capture.parsing import parse

    return iterates(parse(text)), 1


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _sizes(text: str) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        raise InputError(f"--sizes {text!r} are no whole numbers", hint="--sizes 1,10,50") from None


def _rows(counts: Swell) -> Sequence[Sequence[Any]]:
    return [
        [size, counts.inputs[size], counts.function[size],
         *(counts[form][size].operations for form in counts)]
        for size in counts.sizes
    ]  # fmt: skip
