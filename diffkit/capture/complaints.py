"""How to write a line instead that stores a traced value into a plain array.

That is one of NumPy's doors that can't be opened from outside: the store calls ``float(t)``.  The
user's line is read (``ast``, never run) to say what it was and to propose the line that works.
What NumPy refuses by itself is explained in ``capture/failures.py``.

Reading on: NumPy's documentation, *Interoperability with NumPy*.
"""

from __future__ import annotations

import ast
import dis
import re
from typing import Any

from diffkit.capture.lines import here, user_source
from diffkit.errors import DataDependentError, DiffkitError, MutationError
from diffkit.graph.avals import Aval
from diffkit.graph.sources import Source, place_of, text_of

__all__ = ["asked_by_a_maker", "needed_plain", "stored_into", "without_storing"]

# Functions that make a plain array of plain numbers only, and what to write instead.
_MAKERS = {
    "arange": "the number of points would depend on traced values: write x[0] + np.arange(n) with "
    "a plain n, or np.linspace.",
    "fromiter": "write np.stack(list(values)).",
}

_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip

# Calls that store into a plain array, outside of NumPy's protocols.
_FILLED = re.compile(
    r"\bnp\.fill_diagonal\(\s*(?P<function>\w+)|\b(?P<method>\w+)\.(?:fill|put|itemset)\("
)

# Instructions of y[i] = v; the second since Python 3.12.
_STORES = ("STORE_SUBSCR", "STORE_SLICE")


def _statements(line: str) -> list[ast.AST]:
    """The statements on a line of source, inner ones too; nothing for a part of one."""
    try:
        return list(ast.walk(ast.parse(line.strip())))
    except SyntaxError:
        return []


def without_storing(line: str) -> tuple[str, str]:
    """The plain array that a line changes in place, and how to write the line without that.

    >>> without_storing("total += t * 2")
    ('total', 'write total = total + t * 2.')
    """
    for statement in _statements(line):
        if not isinstance(statement, ast.AugAssign):
            continue
        if isinstance(statement.target, ast.Name):
            name, sign = statement.target.id, _SIGNS[type(statement.op)]
            return name, f"write {name} = {name} {sign} {ast.unparse(statement.value)}."
        base = ast.unparse(getattr(statement.target, "value", statement.target))
        return base, _traced_from_the_start(base)
    return "", "leave out= away and use the result; in-place operations need a traced array."


def _traced_from_the_start(name: str) -> str:
    return (
        f"make {name} a traced array from the start, with {name} = np.zeros_like(x) for a traced "
        f"x of its shape, or collect the parts and join them with np.stack."
    )


def stored_into(source: Source) -> MutationError | None:
    """The error for a line such as ``y[i] = t`` with a plain array y; None for other lines.

    Whether it is the store that failed, and not a call on the same line, is told by the
    instruction that was running.
    """
    if source is None or isinstance(source[0], str):
        return None
    code, offset = source
    line = text_of(source)
    called = _FILLED.search(line)
    if called is None and dis.opname[code.co_code[offset]] not in _STORES:
        return None
    name = called.group("function") or called.group("method") if called else _subscripted(line)
    message = f"a traced value would be stored into the plain array {name}".rstrip()
    return MutationError(message, where=place_of(source), hint=_traced_from_the_start(name or "it"))


def needed_plain(aval: Aval, dtype: Any = None) -> DiffkitError:
    """The error for a traced value that was needed as a plain float, or as an array of a dtype."""
    from diffkit.capture.scipy_functions.originals import called_on_stack

    inside, source = called_on_stack(), user_source()
    if inside is not None:
        inside.where = here()
        return inside
    stored = stored_into(source) or (asked_by_a_maker(source) if dtype is None else None)
    if stored is not None:
        return stored
    if dtype is not None:
        return DataDependentError(
            f"a traced {aval} was needed as a plain array of {dtype}",
            where=here(),
            hint="write x.astype(float) instead of np.asarray(x, dtype=float), and "
            "np.mean(np.stack([a, b])) instead of np.mean([a, b]).",
        )
    return DataDependentError(
        f"a traced {aval} was needed as a plain float "
        "(by float(), math.* or a store into a plain array)",
        where=here(),
        hint="use np.sin instead of math.sin, and build arrays with np.stack or "
        "np.array([...]) instead of filling np.zeros.",
    )


def asked_by_a_maker(source: Source) -> DataDependentError | None:
    """The error for ``np.arange(t)`` and its like, which need plain numbers; None otherwise."""
    found = re.search(rf"\b(?:np|numpy)\.({'|'.join(_MAKERS)})\(", text_of(source))
    if found is None:
        return None
    name = found.group(1)
    return DataDependentError(
        f"np.{name} needs plain numbers, not traced ones (a plain float was asked for)",
        where=place_of(source),
        hint=_MAKERS[name],
    )


def _subscripted(line: str) -> str:
    """The y of ``y[i] = t``.

    >>> _subscripted("state.y[0] = np.sin(x)")
    'state.y'
    """
    for statement in _statements(line):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Subscript):
                return ast.unparse(target.value)
    return ""
