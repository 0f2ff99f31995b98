"""``diffkit derive``: the derivative of an expression, as text, LaTeX or JSON.

The text is parsed (never evaluated) into a graph, the graph becomes a SymPy expression, and
SymPy differentiates it.  ``differentiate/symbolic.py`` does the work within its budget.  With
``--forms`` the derivative is written in several ways (``cli/derive_forms.py``).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import variables
from diffkit.cli.derive_forms import write_forms
from diffkit.cli.shared import (
    SCHEMA,
    ExpressionCommand,
    choose,
    on_terminal,
    suggest,
    write_json,
    write_rows,
)
from diffkit.cli.words import again, hanging
from diffkit.errors import DiffkitError, InputError

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["derive"]

MAX_ORDER = 20
"""The highest order of derivative that the command accepts."""

EXAMPLES = """\b
Examples:
  diffkit derive "x**x"
  diffkit derive "sin(x*y)" --wrt x --order 2
  diffkit derive "exp(-x**2)" --latex
  diffkit derive "log(x1)+x1*x2-sin(x2)" --json
  diffkit derive "(x-1)**7" --forms --from 0.9 --to 1.1
  diffkit derive "softplus(x)" --forms --at x=800"""

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("expression")
@click.option("--wrt", metavar="NAMES", shell_complete=variables,
              help="Variables to differentiate by, as x or x,y [all].")  # fmt: skip
@click.option(
    "--order",
    type=click.IntRange(1, MAX_ORDER),
    metavar="N",
    default=1,
    show_default=True,
    help="Order of the derivative.",
)
@click.option("--latex", is_flag=True, help="Print LaTeX.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the derivative and its LaTeX.")
@click.option("--forms", is_flag=True, help="Compare its forms: size, and error at points.")
@click.option("--at", metavar="POINT", multiple=True, help="For --forms: values, as x=1,y=pi/3.")
@click.option("--from", "start", type=float, metavar="X", help="For --forms: the first point.")
@click.option("--to", "end", type=float, metavar="X", help="For --forms: the last point.")
@click.option(
    "--points", type=click.IntRange(2), metavar="N", help="For --forms: how many points [197]."
)
def derive(
    expression: str,
    wrt: str | None,
    order: int,
    latex: bool,
    as_json: bool,
    forms: bool,
    **where: Any,
) -> None:
    """Print the derivative of EXPRESSION with respect to its variables."""
    from diffkit.capture.parsing import parse

    graph = parse(expression.strip())
    names = _variables(graph, wrt)
    if forms:
        return write_forms(graph, expression.strip(), names, order, latex, as_json, **where)
    if any(value not in ((), None) for value in where.values()):
        raise InputError(
            "the formula needs no point", hint="add --forms to compare its forms at points."
        )
    from diffkit.differentiate.symbolic import derivative_expressions

    numbers = again("compare", expression, [_example_point(graph)])
    try:
        derivatives = derivative_expressions(graph, names, order)
    except DiffkitError as error:
        if error.hint and "method=" in error.hint:  # an option of Python's, not of the command
            error.hint = f"{numbers} gives numbers instead."
        raise
    _check_finite(derivatives)
    if as_json:
        write_json(_document(derivatives))
    elif on_terminal():
        _print_formulas(derivatives, order, latex)
        suggest(numbers)
    else:
        texts = _latex(derivatives) if latex else _text(derivatives)
        write_rows(["variable", "derivative"], texts.items())


def _variables(graph: Graph, wrt: str | None) -> list[str]:
    """The variables asked for, each once; all of the expression's if none was named."""
    known = list(graph.input_names)
    if not known:
        raise InputError("the expression has no variable", hint='diffkit derive "x**2"')
    if wrt is None:
        return known
    asked = [name.strip() for name in wrt.split(",")]
    return list(dict.fromkeys(choose(name, known, "variable in the expression") for name in asked))


def _check_finite(derivatives: dict[str, Any]) -> None:
    """Refuse a formula that is infinite or undefined wherever it is taken."""
    import sympy as sp

    for formula in derivatives.values():
        if formula.has(sp.zoo) or formula in (sp.nan, sp.oo, -sp.oo):
            raise InputError(
                "the expression divides by zero or takes the logarithm of zero",
                hint="look for a part such as x/0 or log(0).",
            )


def _text(derivatives: dict[str, Any]) -> dict[str, str]:
    from diffkit.differentiate.formula_printing import formula_text

    return {name: formula_text(formula) for name, formula in derivatives.items()}


def _latex(derivatives: dict[str, Any]) -> dict[str, str]:
    from diffkit.differentiate.formula_printing import formula_latex

    return {name: formula_latex(formula) for name, formula in derivatives.items()}


def _document(derivatives: dict[str, Any]) -> dict[str, Any]:
    return {"schema": SCHEMA, "derivative": _text(derivatives), "latex": _latex(derivatives)}


def _print_formulas(derivatives: dict[str, Any], order: int, latex: bool) -> None:
    """One line per variable: ∂²/∂x²  formula."""
    power = "" if order == 1 else str(order).translate(SUPERSCRIPTS)
    texts = _latex(derivatives) if latex else _text(derivatives)
    labels = {name: f"∂{power}/∂{name}{power}" for name in texts}
    indent = max(map(len, labels.values())) + 2
    width = shutil.get_terminal_size().columns
    for name, text in texts.items():
        line = f"{labels[name]:{indent}}{text}"
        click.echo(line if latex else hanging(line, width, indent))


def _example_point(graph: Graph) -> str:
    return ",".join(f"{name}={1 + index}" for index, name in enumerate(graph.input_names))
