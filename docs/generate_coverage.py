"""Write ``coverage.md`` by trying every function: ``python docs/generate_coverage.py``.

Each public function of NumPy, ``numpy.linalg``, ``numpy.fft`` and ``scipy.special`` is called with
a traced vector (``coverage_cases.py``).  What comes out is differentiated by all five methods; a
method that refuses is left out, and a method that disagrees stops the run with an error.
``tests/test_coverage.py`` holds the page against the functions as they are.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.errors import DiffkitError

sys.path.insert(0, str(Path(__file__).parent))
from coverage_cases import PLAIN, X, case_of, functions

PAGE = Path(__file__).parent / "coverage.md"
BEGIN, END = "<!-- begin: python docs/generate_coverage.py -->", "<!-- end -->"
METHODS = ("reverse", "forward", "finite", "complex", "symbolic")
WORDS = {"reverse": "reverse mode", "forward": "forward mode", "finite": "finite differences",
         "complex": "the complex step", "symbolic": "a formula"}  # fmt: skip
TITLES = {"np": "numpy", "np.linalg": "numpy.linalg", "np.fft": "numpy.fft",
          "scipy.special": "scipy.special"}  # fmt: skip
TOLERANCE = 1e-6  # of a derivative, since finite differences are among the methods
CLOSE = 1e-12  # of a value: NumPy's own


@dataclass(frozen=True)
class Row:
    """What came out for one function: its kind, and the methods or the error."""

    module: str
    name: str
    kind: str  # "differentiable", "constant", "refused" or "plain"
    methods: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""


def parts_of(result: Any) -> Iterator[Any]:
    """The arrays of a result, whatever tuples and lists it is made of."""
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from parts_of(item)
    elif isinstance(getattr(result, "dtype", None), np.dtype):
        yield result


def total(case: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """One number from all the floating and complex results of a call: their weighted sum."""

    def call(x: Any) -> Any:
        y = 0.0 * x[0]
        for k, part in enumerate(parts_of(case(x))):
            weights = np.linspace(1.0 + k, 2.0 + k, np.size(part)).reshape(np.shape(part))
            if part.dtype.kind in "fcO":  # SciPy's own code may give an object array of numbers
                y = y + np.sum(np.real(part) * weights)
            if part.dtype.kind == "c":
                y = y + np.sum(np.imag(part) * (1.0 + weights))
        return y

    return call


def tried(module: str, name: str, function: Any) -> Row:
    """The row of one function.

    Raises
    ------
    AssertionError
        When the value is not NumPy's, or two methods give different numbers.
    """
    if name in PLAIN:
        return Row(module, name, "plain")
    f = total(case_of(name, function))
    try:
        wanted = dk.grad(f)(X)
    except DiffkitError as error:
        return Row(module, name, "refused", (), error.message, error.hint or "")
    assert np.allclose(dk.trace(f, X)(X), f(X), rtol=CLOSE, atol=CLOSE, equal_nan=True), name
    if not np.any(wanted):
        return Row(module, name, "constant")
    found = ["reverse"]
    for method in METHODS[1:]:
        try:
            got = dk.grad(f, method=method)(X)
        except DiffkitError:
            continue
        assert np.allclose(got, wanted, rtol=TOLERANCE, atol=TOLERANCE), (name, method, got, wanted)
        found.append(method)
    return Row(module, name, "differentiable", tuple(found))


def rows() -> Iterator[Row]:
    """Every function, tried."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for module, name, function in functions():
            yield tried(module, name, function)


# The page ---------------------------------------------------------------------------------------


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _cell(text: str) -> str:
    text = re.sub(r"\s+", " ", text).replace("|", "\\|").replace("*", "\\*")
    return re.sub(r'(\w+="\w+")', r"`\1`", text)  # code keeps its straight quotes


def section(module: str, found: list[Row]) -> str:
    """One module: differentiable by which methods, constant, plain, and refused functions."""
    lines = [f"## {TITLES[module]}", ""]
    smooth = [row for row in found if row.kind == "differentiable"]
    for methods in sorted({row.methods for row in smooth}, key=lambda m: (-len(m), m)):
        by = "all five methods" if len(methods) == len(METHODS) else \
            _joined([WORDS[m] for m in methods])  # fmt: skip
        names = [row.name for row in smooth if row.methods == methods]
        lines += [f"**Differentiable** by {by}: {_listed(names)}", ""]
    for kind, words in (("constant", "**Constant** (no derivative passes)"),
                        ("plain", "**Plain** (these take no traced numbers)")):  # fmt: skip
        names = [row.name for row in found if row.kind == kind]
        if names:
            lines += [f"{words}: {_listed(names)}", ""]
    refused = [row for row in found if row.kind == "refused"]
    unknown = [row for row in refused if row.message == f"{row.name} cannot be traced"]
    for hint in sorted({row.hint for row in unknown}):
        names = [row.name for row in unknown if row.hint == hint]
        words = _cell(hint).rstrip(".")
        lines += [f"**Refused** (“… cannot be traced”; {words}): {_listed(names)}", ""]
    rest = [row for row in refused if row not in unknown]
    if rest:
        lines += ["| refused | the error | what to write instead |", "| - | - | - |"]
        lines += [f"| `{r.name}` | {_cell(r.message)} | {_cell(r.hint)} |" for r in rest]
        lines.append("")
    return "\n".join(lines)


def report(found: list[Row]) -> str:
    """All sections, with a count in front."""
    kinds = [row.kind for row in found]
    counts = ", ".join(f"{kinds.count(kind)} {kind}"
                       for kind in ("differentiable", "constant", "plain", "refused"))  # fmt: skip
    parts = [section(module, [r for r in found if r.module == module]) for module in TITLES]
    return f"{len(found)} functions: {counts}.\n\n" + "\n".join(parts)


def updated(text: str, found: list[Row]) -> str:
    """The page with its lists written anew; what stands around them stays."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{report(found)}\n{END}{after}"


def kinds_of(text: str) -> dict[str, str]:
    """What a page says of each function."""
    said: dict[str, str] = {}
    for line in text.split(BEGIN)[1].splitlines():
        start = re.match(r"\*\*(\w+)\*\*", line)
        if start:
            for name in re.findall(r"`([\w.]+)`", line):
                said[name] = start.group(1).lower()
        elif line.startswith("| `"):
            said[line.split("`")[1]] = "refused"
    return said


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), list(rows())), encoding="utf-8")
