"""Reading data from files: CSV tables and NPZ archives, neither of which is trusted.

A table has one example per line; one column is the target, the others are numbers. An archive has
arrays ``x`` and ``y``.  Archives are read without pickle: a pickle runs the code of whoever wrote
it.  Every error names the file, the line and what was found there.

    5.1,3.5,1.4,0.2,setosa    →    x = (5.1, 3.5, 1.4, 0.2), y = 0, classes[0] = "setosa"

Reading on: RFC 4180 for CSV; NumPy's *numpy.lib.format* for NPZ.
"""

from __future__ import annotations

import csv
import io
import tokenize
import zipfile
import zlib
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.dataset import Dataset

__all__ = ["from_csv", "from_npz"]

LARGEST_FILE = 2**30  # bytes; beyond it, a table does not belong in memory as text
MOST_CLASSES = 1000  # more different labels than this are a sign of a wrong column

# What NumPy and the standard library raise for an archive that is cut off or altered.
DAMAGE = (
    *(OSError, EOFError, KeyError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)

# A gap in the first line makes it no header, or a row of data would be lost in silence.
GAPS = ("", "?", "-", "na", "n/a", "null", "none", "missing")

File = str | PathLike[str]


def _opened(file: File) -> tuple[Path, str]:
    """The path and its short name, when there is a readable file of a sane size."""
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
    delimiter: str = ",",
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
        What separates the cells; whether the first line has headings (None: when it holds text
        where the second line holds a number; refused if it holds numbers, too).
    regression
        Whether targets are numbers to predict; else they are classes (any words or whole numbers,
        numbered in sorted order).

    Raises
    ------
    InputError
        For a file that is missing, empty or no text; a cell that is no number, NaN or empty; an
        unknown column. The message names the line.
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
    path, name = _opened(file)
    rows = _table(path, name, delimiter)
    headings = _headings(name, rows, header)
    if headings is not None:
        rows = rows[1:]
    if not rows:
        raise InputError(f"{name} holds no examples", hint="one example per line.")
    column = _target_column(name, target, headings, len(rows[0][1]))
    x = [_numbers_of(name, line, cells, column) for line, cells in rows]
    if not x[0]:
        raise ShapeError(f"{name} has one column only", hint="features and a target are needed.")
    words = [(line, cells[column]) for line, cells in rows]
    y, classes = _values(name, words, column) if regression else _labels(name, words)
    return Dataset(path.stem, np.array(x), y, classes, name)


Rows = list[tuple[int, list[str]]]


def _table(path: Path, name: str, delimiter: str) -> Rows:
    """The lines that hold something, with their numbers; all of one length."""
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise InputError(f"the delimiter is {delimiter!r}, not one character", hint='try ",".')
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [
            (reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
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


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _headings(name: str, rows: Rows, header: bool | None) -> list[str] | None:
    """The first line's words, when it is a header."""
    first = rows[0][1]
    if header is None:
        below = rows[1][1] if len(rows) > 1 else first
        odd = [
            a
            for a, b in zip(first, below, strict=True)
            if _number(a) is None and a.lower() not in GAPS and _number(b) is not None
        ]
        if odd and any(_number(a) is not None for a in first):
            raise InputError(
                f"{name}: the first line holds numbers and {odd[0]!r}: headings, or a slip?",
                hint="say which with header=True or header=False.",
            )
        header = bool(odd)
    return first if header else None


def _target_column(name: str, target: Any, headings: list[str] | None, width: int) -> int:
    if isinstance(target, str):
        if headings is None or target not in headings:
            known = ", ".join(headings) if headings else "none: the file has no header"
            raise InputError(f"{name} has no column {target!r}", hint=f"its headings are {known}.")
        return headings.index(target)
    whole = isinstance(target, (int, np.integer)) and not isinstance(target, bool)
    if not whole or not -width <= target < width:
        raise InputError(
            f"{name} has no column {target!r}", hint=f"it has {width} columns, counted from 0."
        )
    return int(target) % width


def _finite(name: str, line: int, column: int, cell: str) -> float:
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
        raise InputError(f"{place}: {what}", hint="every feature is a number.")
    if not np.isfinite(number):
        raise InputError(
            f"{place}: the value is {number}", hint="leave the line out, or fill the gap first."
        )
    return number


def _numbers_of(name: str, line: int, cells: list[str], target: int) -> list[float]:
    return [_finite(name, line, i, cell) for i, cell in enumerate(cells) if i != target]


def _values(
    name: str, words: list[tuple[int, str]], column: int
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
                hint="classes are words or whole numbers; else pass regression=True.",
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
            f"{name} has {len(classes)} different labels", hint="pass regression=True."
        )
    place = {word: i for i, word in enumerate(classes)}
    return np.array([place[kinds[word]] for _, word in words]), tuple(classes)


# NPZ --------------------------------------------------------------------------------------------


def from_npz(file: File, x: str = "x", y: str = "y", regression: bool = False) -> Dataset:
    """A data set from the arrays ``x`` and ``y`` of a NumPy archive, read without pickle.

    Parameters
    ----------
    file
        The path of an ``.npz`` file.
    x, y
        The names of the arrays: examples in rows, and integer labels from 0 (or numbers, for a
        regression).
    regression
        Whether targets are numbers to predict.

    Raises
    ------
    InputError
        For a file that is missing, no archive, damaged, larger inside than a gigabyte, without
        the arrays, or with NaN.
    DtypeError
        For arrays of objects (which could run code) or text.
    ShapeError
        When lengths differ.

    Source: NumPy's *numpy.lib.format*.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "pair.npz")
    ...     np.savez(path, x=np.eye(2), y=np.array([0, 1]))
    ...     from_npz(path)
    Dataset(pair: 2 × 2, 2 classes)
    """
    path, name = _opened(file)
    found, targets = _arrays(path, name, (x, y))
    if found.ndim == 0 or targets.ndim == 0 or len(found) != len(targets):
        raise ShapeError(
            f"{name}: {x} has shape {found.shape} and {y} has shape {targets.shape}",
            hint="there is one target for each example.",
        )
    if found.ndim == 1:
        found = found[:, None]
    if len(found) == 0:
        raise InputError(f"{name} holds no examples", hint="one example per row.")
    classes = () if regression else _integer_classes(name, targets)
    return Dataset(path.stem, found, targets, classes, name)


def _arrays(path: Path, name: str, wanted: tuple[str, str]) -> list[np.ndarray]:
    try:
        _check_archive(path, name, wanted)
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[key] for key in wanted]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            raise DtypeError(
                f"{name} holds Python objects, which are not loaded because they could run code",
                hint="save plain arrays: np.savez(path, x=x, y=y).",
            ) from None
        raise InputError(f"{name} is damaged: {error}", hint="save it again.") from None
    except DAMAGE as error:
        raise InputError(f"{name} cannot be read: {error}", hint="save it again.") from None
    for key, array in zip(wanted, arrays, strict=True):
        if not isinstance(array, np.ndarray):
            raise InputError(f"{name}: {key} is no array", hint="save it with np.savez.")
        if array.dtype.kind not in "fiub":
            raise DtypeError(
                f"{name}: {key} has dtype {array.dtype}, not numbers",
                hint="convert text to numbers before saving.",
            )
    return arrays


def _check_archive(path: Path, name: str, wanted: tuple[str, str]) -> None:
    """Look at the archive's table of contents before anything is unpacked."""
    if not zipfile.is_zipfile(path):
        raise InputError(f"{name} is no NPZ archive", hint="save it with np.savez(path, x=x, y=y).")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    for key in wanted:
        if key not in members:
            raise InputError(
                f"{name} has no array {key!r}",
                hint=f"it holds {', '.join(sorted(members)[:10]) or 'nothing'}.",
            )
        if members[key].file_size > LARGEST_FILE:
            raise InputError(
                f"{name}: {key} would unpack to {members[key].file_size:,} bytes",
                hint=f"at most {LARGEST_FILE:,} are read.",
            )


def _integer_classes(name: str, labels: np.ndarray) -> tuple[str, ...]:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DtypeError(
            f"{name}: the labels are {labels.dtype} of shape {labels.shape}, not one integer each",
            hint="convert whole numbers with y.astype(int), or pass regression=True.",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= MOST_CLASSES:
        raise InputError(
            f"{name}: labels run from {low} to {high}",
            hint=f"classes count from 0, and there are at most {MOST_CLASSES}.",
        )
    if low == high:
        raise InputError(f"{name} has one class only, {low}", hint="check the labels.")
    return tuple(str(label) for label in range(high + 1))
