"""Reading tables of text: one example per line, one column the target, the others numbers.

    5.1,3.5,1.4,0.2,setosa    →    x = (5.1, 3.5, 1.4, 0.2), y = 0, classes[0] = "setosa"

A file is not trusted: every error names it, the line, and what was found there.  What separates the
cells is found out, because spreadsheets of half the world write semicolons where the others write
commas.

Reading on: RFC 4180, *Common format and MIME type for comma-separated values*.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets.dataset import Dataset

__all__ = ["from_csv", "opened"]

LARGEST_FILE = 2**30  # bytes; beyond it, a table does not belong in memory as text
MOST_CLASSES = 1000  # more different labels than this are a sign of a wrong column

DELIMITERS = (",", ";", "\t")
FOR_NUMBERS = "for numbers pass regression=True (--regression)."
SNIFFED = 20  # lines that are looked at to find the delimiter

# A gap in the first line makes it no header, or a row of data would be lost in silence.
GAPS = ("", "?", "-", "na", "n/a", "null", "none", "missing")

File = str | PathLike[str]


def opened(file: File) -> tuple[Path, str]:
    """The path and its short name, when there is a readable file of a sane size.

    Raises
    ------
    InputError
        For what is no path, no file, or larger than a gigabyte.

    >>> opened("nowhere.csv")
    Traceback (most recent call last):
        ...
    diffkit.errors.InputError: there is no file 'nowhere.csv'
      hint: check the path.
    """
    if not isinstance(file, (str, PathLike)):
        raise InputError(f"{file!r:.40} is not the path of a file", hint='write "data.csv".')
    path = Path(fspath(file))
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}", hint="check the path.")
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(
            f"{path.name} has {path.stat().st_size:,} bytes, more than {LARGEST_FILE:,}",
            hint="read it yourself in parts and pass arrays.",
        )
    return path, path.name


# CSV --------------------------------------------------------------------------------------------


def from_csv(
    file: File,
    target: int | str = -1,
    delimiter: str | None = None,
    header: bool | None = None,
    regression: bool = False,
) -> Dataset:
    """A data set from a table of text, one example per line.

    Parameters
    ----------
    file
        The path of a UTF-8 text file.
    target
        The column of the targets: a number from 0 (negative: from the end), or its heading.
    delimiter, header
        What separates the cells (None: a comma, a semicolon or a tab, whichever makes a table of
        the first lines); whether the first line has headings (None: when it holds text where the
        second line holds a number, refused if it holds numbers, too; or holds the target's name).
    regression
        Whether targets are numbers to predict; else they are classes (any words or whole numbers,
        numbered in sorted order).

    Raises
    ------
    InputError
        For a file that is missing, empty or no text; a cell that is no number, NaN or empty; an
        unknown column; two delimiters that would both do. The message names the line.
    ShapeError
        For lines of different lengths.

    Source: RFC 4180.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     _ = path.write_text("weight,kind\\n4.0,cat\\n9.5,dog\\n3.5,cat\\n")
    ...     data = from_csv(path)
    >>> data.classes, data.y.tolist()
    (('cat', 'dog'), [0, 1, 0])
    """
    path, name = opened(file)
    rows = _table(path, name, delimiter)
    headings = _headings(name, rows, header, target)
    if headings is not None:
        rows = rows[1:]
    if not rows:
        raise InputError(f"{name} holds no examples", hint="one example per line.")
    column = _target_column(name, target, headings, len(rows[0][1]))
    called = [*map(repr, headings if headings is not None else range(len(rows[0][1])))]
    x = [_numbers_of(name, line, cells, column, called) for line, cells in rows]
    if not x[0]:
        raise ShapeError(f"{name} has one column only", hint="features and a target are needed.")
    words = [(line, cells[column]) for line, cells in rows]
    y, classes = _values(name, words, called[column]) if regression else _labels(name, words)
    return Dataset(path.stem, np.array(x), y, classes, name)


Rows = list[tuple[int, list[str]]]


def _table(path: Path, name: str, delimiter: str | None) -> Rows:
    """The lines that hold something, with their numbers; all of one length."""
    if delimiter is not None and not (isinstance(delimiter, str) and len(delimiter) == 1):
        raise InputError(f"the delimiter is {delimiter!r}, not one character", hint='try ",".')
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(_split(text, delimiter or _sniffed(name, text)))
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}", hint="check it.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is no UTF-8 text (byte {error.start})", hint="export it as CSV in UTF-8."
        ) from None
    except csv.Error as error:
        raise InputError(f"{name} is no table: {error}", hint="look for a stray quote.") from None
    if not rows:
        raise InputError(f"{name} is empty", hint="one example per line.")
    first, cells = rows[0]
    for line, other in rows:
        if len(other) != len(cells):
            raise ShapeError(
                f"{name} is ragged: line {line} has {len(other)} cells, line {first} has "
                f"{len(cells)}",
                hint="every line needs the same number of cells.",
            )
    return rows


def _split(text: str, delimiter: str) -> Iterable[tuple[int, list[str]]]:
    """The lines that hold something, cut into cells, with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield reader.line_num, stripped


def _sniffed(name: str, text: str) -> str:
    """What separates the cells: the one delimiter that cuts the first lines into a table.

    Where two do (a semicolon between numbers that have decimal commas), it is the one that leaves
    one word at most in the last of these lines.
    """
    tables = {one: _first_lines(text, one) for one in DELIMITERS}
    found = [one for one, rows in tables.items() if _is_table(rows)]
    if len(found) > 1:
        clear = [one for one in found if sum(_number(c) is None for c in tables[one][-1]) <= 1]
        found = clear if len(clear) == 1 else found
    if len(found) > 1:
        words = " and ".join(map(repr, found))
        raise InputError(
            f"{name}: {words} both separate its lines into cells",
            hint=f"say which with delimiter={found[-1]!r}; decimals have a point, not a comma.",
        )
    return found[0] if found else DELIMITERS[0]


def _first_lines(text: str, delimiter: str) -> list[list[str]]:
    try:
        return [cells for _, cells in islice(_split(text, delimiter), SNIFFED)]
    except csv.Error:
        return []


def _is_table(rows: list[list[str]]) -> bool:
    """Whether all lines have the same number of cells, two or more."""
    return len({len(cells) for cells in rows}) == 1 and len(rows[0]) > 1


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _pointed(cell: str) -> str:
    """The cell with a decimal point where it has a decimal comma."""
    return cell.replace(",", ".", 1)


def _headings(name: str, rows: Rows, header: bool | None, target: Any) -> list[str] | None:
    """The first line's words, when it is a header."""
    first = rows[0][1]
    if header is None:
        below = rows[1][1] if len(rows) > 1 else first
        odd = [
            a
            for a, b in zip(first, below, strict=True)
            if _number(_pointed(a)) is None
            and a.lower() not in GAPS
            and _number(_pointed(b)) is not None
        ]
        if odd and any(_number(a) is not None for a in first):
            raise InputError(
                f"{name}: the first line holds numbers and {odd[0]!r}: headings, or a slip?",
                hint="say which with header=True or header=False.",
            )
        header = bool(odd) or (isinstance(target, str) and target in first)
    return first if header else None


def _target_column(name: str, target: Any, headings: list[str] | None, width: int) -> int:
    if isinstance(target, str):
        if headings is None or target not in headings:
            known = ", ".join(headings) if headings else "none: the file has no header"
            one = "; it was read as one column: is the delimiter right?" if width == 1 else "."
            raise InputError(
                f"{name} has no column {target!r}", hint=f"its headings are {known}{one}"
            )
        return headings.index(target)
    whole = isinstance(target, (int, np.integer)) and not isinstance(target, bool)
    if not whole or not -width <= target < width:
        raise InputError(
            f"{name} has no column {target!r}", hint=f"it has {width} columns, counted from 0."
        )
    return int(target) % width


def _finite(name: str, line: int, column: str, cell: str) -> float:
    """A cell as a number.

    Raises
    ------
    InputError
        For words, empty cells, NaN and infinities.
    """
    number = _number(cell)
    place = f"{name}, line {line}, column {column}"
    if number is None:
        what = f"{cell[:40]!r} is no number" if cell else "the cell is empty"
        comma = _number(_pointed(cell)) is not None
        hint = "decimals have a point, not a comma." if comma else "every feature is a number."
        raise InputError(f"{place}: {what}", hint=hint)
    if not np.isfinite(number):
        raise InputError(
            f"{place}: the value is {number}", hint="leave the line out, or fill the gap first."
        )
    return number


def _numbers_of(
    name: str, line: int, cells: list[str], target: int, called: list[str]
) -> list[float]:
    return [_finite(name, line, called[i], cell) for i, cell in enumerate(cells) if i != target]


def _values(
    name: str, words: list[tuple[int, str]], column: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    return np.array([_finite(name, line, column, word) for line, word in words]), ()


def _labels(name: str, words: list[tuple[int, str]]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels numbered in sorted order: by size if all are whole numbers, else by letters."""
    for line, word in words:
        number = _number(word)
        if not word or (number is not None and not float(number).is_integer()):
            what = f"{word!r} is no class" if word else "the label is empty"
            raise InputError(
                f"{name}, line {line}: {what}",
                hint=f"classes are words or whole numbers; {FOR_NUMBERS}",
            )
    found = {word for _, word in words}
    numeric = all(_number(word) is not None for word in found)
    kinds = {word: str(int(float(word))) if numeric else word for word in found}
    classes = sorted(set(kinds.values()), key=(lambda word: int(word)) if numeric else None)
    if len(classes) == 1:
        raise InputError(
            f"{name} has one class only, {classes[0]!r}", hint="check the target's column."
        )
    if len(classes) > MOST_CLASSES:
        raise InputError(
            f"{name} has {len(classes)} different labels",
            hint=FOR_NUMBERS,
        )
    place = {word: i for i, word in enumerate(classes)}
    return np.array([place[kinds[word]] for _, word in words]), tuple(classes)
