"""Weights on disk: an NPZ file of plain arrays, one per parameter, and nothing that can run.

An NPZ file is a ZIP archive of ``.npy`` files, each with a header that states dtype and shape
(NumPy Enhancement Proposal 1).  A file from elsewhere is not trusted: pickled objects are
refused, and every header is held against the net before anything of that size is allocated.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, unflatten
from diffkit.errors import InputError
from diffkit.training.signal import parameter_names

__all__ = ["load_weights", "save_weights"]

FILE_NAME = "weights.npz"
SUFFIX = ".npy"


def save_weights(path: str | Path, params: Any) -> Path:
    """Write a tree of arrays as an NPZ file whose names are dotted paths (``dense1.w``).

    The same weights give the same bytes.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    file = Path(path)
    with zipfile.ZipFile(file, "w") as archive:
        for name, leaf in zip(parameter_names(params), flatten(params)[0], strict=True):
            entry = zipfile.ZipInfo(name + SUFFIX)  # its date is that of the ZIP format, 1980
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(leaf), allow_pickle=False)
    return file


def load_weights(path: str | Path, like: Any) -> Any:
    """The weights of a saved run, in the tree of ``like`` (for example ``net.init(0)``).

    Parameters
    ----------
    path
        A run's folder, or the NPZ file itself.
    like
        A tree of arrays with the names and shapes that are expected.

    Raises
    ------
    InputError
        When the file is missing, is no NPZ file, holds objects, or does not fit the tree.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_weights(Path(folder) / "weights.npz", {"w": np.arange(3.0)})
    ...     load_weights(file, {"w": np.zeros(3)})
    {'w': array([0., 1., 2.])}
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    try:
        with zipfile.ZipFile(file) as archive:
            leaves, structure = flatten(like)
            names = parameter_names(like)
            _check_names(archive, names)
            loaded = [_read(archive, *pair) for pair in zip(names, leaves, strict=True)]
            return unflatten(structure, loaded)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"there are no weights at {file}", hint="name a run's folder.") from None
    except Exception as error:  # a hostile or damaged archive can fail in many ways
        raise InputError(
            f"{file} is not a readable NPZ file of plain arrays: {error}",
            hint="save it again with run.save(path).",
        ) from None


def _check_names(archive: zipfile.ZipFile, names: list[str]) -> None:
    found = {name.removesuffix(SUFFIX) for name in archive.namelist()}
    odd = [*(name for name in names if name not in found), *sorted(found - set(names))]
    if odd:
        state = "is missing" if odd[0] in names else "is not a parameter of this net"
        raise InputError(
            f"the weights do not fit: {odd[0]:.60} {state}",
            hint="build the same net that was trained.",
        )


def _read(archive: zipfile.ZipFile, name: str, leaf: Any) -> np.ndarray:
    """One array, after its header has been held against what is expected."""
    wanted = np.asarray(leaf)
    with archive.open(name + SUFFIX) as stream:
        shape, dtype = _header(stream)
    if shape != wanted.shape or dtype.kind != "f":
        raise InputError(
            f"the weights do not fit: {name} is {dtype} {list(shape)}, not "
            f"{wanted.dtype} {list(wanted.shape)}",
            hint="build the same net that was trained.",
        )
    with archive.open(name + SUFFIX) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise InputError(f"an array in the file has format {version}, which is not read")
    shape, _, dtype = read(stream)
    return shape, dtype
