"""Reading data from NPZ archives: rows with labels or numbers, images with masks or boxes.

    x (n, …)           and   y (n,)          →  classes, or numbers for a regression
    x (n, h, w[, c])   and   y (n, h, w)     →  masks: a class for every pixel
    x (n, h, w[, c]),  boxes (n, 4), y (n,)  →  boxes: left, top, right, bottom, and what is in them

Archives are read without pickle, because a pickle runs the code of whoever wrote it, and what they
hold is looked at before anything is unpacked.  Every error names the file and the array.

Reading on: NumPy's *numpy.lib.format*; Everingham et al. 2010, *The PASCAL visual object classes
challenge*, for masks and boxes as targets.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.boxed import BoxedImages
from diffkit.nets.data_files import FOR_NUMBERS, LARGEST_FILE, MOST_CLASSES, File, opened
from diffkit.nets.dataset import Dataset
from diffkit.nets.objective import refuse_nonfinite

__all__ = ["from_npz"]

# What NumPy and the standard library raise for an archive that is cut off or altered.
DAMAGE = (
    *(OSError, EOFError, KeyError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
EDGES = 4  # of a box: left, top, right, bottom


def from_npz(
    file: File, x: str = "x", y: str = "y", regression: bool = False, boxes: str | None = None
) -> Dataset:
    """A data set from the arrays of a NumPy archive, read without pickle.

    Parameters
    ----------
    file
        The path of an ``.npz`` file.
    x, y
        The names of the arrays: examples in rows, and for each a label (a whole number or a word),
        a mask of labels as high and wide as its image, or numbers, for a regression.
    regression
        Whether targets are numbers to predict.
    boxes
        The name of an array (n, 4) of edges: left, top, right, bottom, as shares of the image from
        0 to 1.  Then the targets are (n, 5), edges and label, as ``losses.detection`` takes them.

    Labels that occur are numbered in order, as in a table: 0 and 7 are two classes, "0" and "7".

    Raises
    ------
    InputError
        For a file that is missing, no archive, damaged, larger inside than a gigabyte, without
        the arrays, or with NaN; for edges that are no box.
    DtypeError
        For arrays of objects (which could run code), inputs of text, labels of neither kind.
    ShapeError
        When lengths differ, or a mask is not as large as its image.

    Source: NumPy's *numpy.lib.format*.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "pair.npz")
    ...     np.savez(path, x=np.zeros((2, 8, 8)), y=np.eye(8, dtype=int)[None].repeat(2, axis=0))
    ...     from_npz(path)
    Dataset(pair: 2 × 8 × 8 × 1, 2 classes)
    """
    path, name = opened(file)
    wanted = (x, y, *([] if boxes is None else [boxes]))
    found, targets, *edges = _arrays(path, name, wanted, words=not regression)
    if found.ndim == 0 or targets.ndim == 0 or len(found) != len(targets):
        raise ShapeError(
            f"{name}: {x} has shape {found.shape} and {y} has shape {targets.shape}",
            hint="there is one target for each example.",
        )
    if len(found) == 0:
        raise InputError(f"{name} holds no examples", hint="one example per row.")
    if boxes is not None:
        return _boxed(path, name, _images(name, x, found), targets, (boxes, edges[0]))
    if regression:
        return Dataset(path.stem, _rows(found), targets, (), name)
    if targets.ndim > 2 and targets.dtype.kind in "iub":
        found = _masked(name, (x, y), found, targets)
    places, classes = _numbered(name, targets)
    return Dataset(path.stem, _rows(found), places, classes, name)


def _rows(found: np.ndarray) -> np.ndarray:
    return found[:, None] if found.ndim == 1 else found


# Labels, masks and boxes --------------------------------------------------------------------------


def _numbered(name: str, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The labels that occur, numbered by size, and what they were called."""
    words = labels.dtype.kind == "U" and labels.ndim == 1
    if not words and (labels.dtype.kind not in "iub" or labels.ndim == 2):
        raise DtypeError(
            f"{name}: the labels are {labels.dtype} of shape {labels.shape}, not one integer each",
            hint="of one-hot rows save y.argmax(axis=1)."
            if _one_hot(labels)
            else f"convert whole numbers with y.astype(int); {FOR_NUMBERS}",
        )
    occurring, places = np.unique(labels, return_inverse=True)
    if len(occurring) == 1:
        raise InputError(f"{name} has one class only, {occurring[0]}", hint="check the labels.")
    if len(occurring) > MOST_CLASSES:
        raise InputError(
            f"{name} has {len(occurring)} different labels",
            hint=f"there are at most {MOST_CLASSES} classes; {FOR_NUMBERS}",
        )
    names = tuple(str(label if words else int(label)) for label in occurring)
    return places.reshape(labels.shape), names


def _one_hot(labels: np.ndarray) -> bool:
    if labels.ndim != 2 or labels.dtype.kind not in "fiub":
        return False
    return bool(np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(axis=1) == 1))


def _images(name: str, key: str, found: np.ndarray) -> np.ndarray:
    """Images with their channels last."""
    if found.ndim not in (3, 4):
        raise ShapeError(
            f"{name}: {key} has shape {found.shape}, which are no images",
            hint="images are (n, height, width) or (n, height, width, channels).",
        )
    return found[..., None] if found.ndim == 3 else found


def _masked(name: str, keys: tuple[str, str], found: np.ndarray, masks: np.ndarray) -> np.ndarray:
    images = _images(name, keys[0], found)
    if masks.shape != images.shape[:3]:
        raise ShapeError(
            f"{name}: {keys[1]} has shape {masks.shape}, but the images are {images.shape[:3]}",
            hint="a mask has one label for every pixel: (n, height, width).",
        )
    return images


def _boxed(
    path: Path, name: str, images: np.ndarray, labels: np.ndarray, boxes: tuple[str, np.ndarray]
) -> BoxedImages:
    key, edges = boxes
    if edges.shape != (len(images), EDGES) or labels.ndim != 1:
        raise ShapeError(
            f"{name}: {key} has shape {edges.shape} and the labels {labels.shape}, for "
            f"{len(images)} images",
            hint="one box an image: (n, 4) edges, left, top, right, bottom, and (n,) labels.",
        )
    refuse_nonfinite(f"{name}: {key}", edges)
    left, top, right, bottom = edges.T
    wrong = (edges < 0).any(axis=1) | (edges > 1).any(axis=1) | (left >= right) | (top >= bottom)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{name}: {key} holds {edges[row].tolist()} at row {row}, which is no box",
            hint="left < right and top < bottom, as shares of the image from 0 to 1 (not pixels).",
        )
    places, kinds = _numbered(name, labels)
    targets = np.concatenate([edges, places[:, None]], axis=1)
    return BoxedImages(path.stem, images, targets, (), name, kinds)


# The archive --------------------------------------------------------------------------------------


def _arrays(path: Path, name: str, wanted: tuple[str, ...], words: bool) -> list[np.ndarray]:
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
        labels = words and key == wanted[1]
        if array.dtype.kind not in ("fiubU" if labels else "fiub"):
            raise DtypeError(
                f"{name}: {key} has dtype {array.dtype}, not numbers",
                hint="convert text to numbers before saving.",
            )
    return arrays


def _check_archive(path: Path, name: str, wanted: tuple[str, ...]) -> None:
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
