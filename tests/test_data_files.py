"""Data of the user's: tables and archives, sound ones and every kind of damage."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.datasets import (
    from_csv,
    from_npz,
    load,
    shapes,
)

# CSV --------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path):
    """Writes a table and returns its path."""

    def write(text: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


GOOD = "a,b,kind\n1,2.5,cat\n3,4,dog\n\n5,6,cat\n"


def test_a_table_with_a_header(table) -> None:
    data = from_csv(table(GOOD))
    assert data.x.tolist() == [[1, 2.5], [3, 4], [5, 6]]
    assert (data.y.tolist(), data.classes) == ([0, 1, 0], ("cat", "dog"))
    assert data.name == "table"


def test_forms_of_tables(table) -> None:
    bare = from_csv(table("10;1.0\n9;2.0\n10;3.0\n"), target=0, delimiter=";")
    assert (bare.y.tolist(), bare.classes) == ([1, 0, 1], ("9", "10"))
    by_name = from_csv(table("y,x\n1,0.5\n2,1.5\n"), target="y", regression=True)
    assert (by_name.y.tolist(), by_name.x.tolist()) == ([1.0, 2.0], [[0.5], [1.5]])
    marked = from_csv(table("﻿x,y\n1,0\n2,1\n"))  # a byte-order mark, as spreadsheets write it
    assert len(marked) == 2
    quoted = from_csv(table('1,"a, b"\r\n2,c\r\n'))
    assert quoted.classes == ("a, b", "c")
    assert len(load(str(table(GOOD)))) == 3


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a;b;kind\n1;2.5;cat\n3;4;dog\n", [1, 2.5]),
        ("a\tb\tkind\n1\t2.5\tcat\n3\t4\tdog\n", [1, 2.5]),
        ("1,a;b\n2,c;d\n", [1]),  # both fit: one leaves a word, the other two
        ("1\t2\tcat, large\n3\t4\tdog, small\n", [1, 2]),
        ("1;2;cat\n3;4;'a, b'\n", [1, 2]),
    ],
)
def test_the_delimiter_is_found(table, text: str, first: list[float]) -> None:
    data = from_csv(table(text, "table.tsv"))
    assert data.x[0].tolist() == first and len(data.classes) == 2
    assert len(load(str(table(text, "table.tsv"))).classes) == 2


def test_a_delimiter_that_is_not_clear_is_asked_for(table) -> None:
    path = table("1,5;2,5;cat\n3,5;4,5;dog\n")  # decimal commas
    with pytest.raises(InputError, match="',' and ';' both separate") as caught:
        from_csv(path)
    assert "delimiter=';'" in str(caught.value) and "not a comma" in str(caught.value)
    with pytest.raises(InputError, match="'1,5' is no number"):
        from_csv(path, delimiter=";")
    with pytest.raises(InputError, match="no column 'kind'") as caught:
        from_csv(table("a;kind\n1;cat\n2;dog\n"), target="kind", delimiter=",", header=True)
    assert "is the delimiter right?" in str(caught.value)


def test_a_target_that_stands_in_the_first_line_makes_it_a_header(table) -> None:
    with pytest.raises(InputError, match="line 2, column 'a': '0,5' is no number") as caught:
        from_csv(table("a;kind\n0,5;cat\n1,5;dog\n"), target="kind")
    assert "decimals have a point" in str(caught.value)
    with pytest.raises(InputError, match="line 2, column 'a': 'red' is no number"):
        from_csv(table("a,kind\nred,cat\nblue,dog\n"), target="kind")
    with pytest.raises(InputError, match="holds no examples"):
        from_csv(table("a,kind\n"), target="kind")


def test_words_are_classes_in_an_archive_too(tmp_path: Path) -> None:
    path = tmp_path / "pets.npz"
    np.savez(path, x=np.eye(3), y=np.array(["dog", "cat", "dog"]))
    data = from_npz(path)
    assert (data.classes, data.y.tolist()) == (("cat", "dog"), [1, 0, 1])
    with pytest.raises(DtypeError, match="y has dtype <U3, not numbers"):
        from_npz(path, regression=True)
    np.savez(path, x=np.eye(3), y=np.eye(3))
    with pytest.raises(DtypeError, match=r"one-hot rows save y.argmax\(axis=1\)"):
        from_npz(path)


def test_a_class_of_one_example_is_called_by_its_name(table) -> None:
    data = from_csv(table("1,cat\n2,dog\n3,dog\n4,cat\n5,emu\n"))
    with pytest.raises(InputError, match="class 'emu' has one example only"):
        data.split()
    seen = shapes(7)
    with pytest.raises(InputError, match="class 'disc' has one example only"):
        replace(seen, labels=np.array([0, 1, 1, 1, 2, 2, 2])).split()


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a,b\n1,cat\n2,dog,3\n", ShapeError, "ragged: line 3 has 3 cells, line 1 has 2"),
        ("1,2,cat\n\n3,dog\n", ShapeError, "ragged: line 3"),
        ("1,2,cat\n3,nan,dog\n", InputError, "line 2, column 1: the value is nan"),
        ("1,2,cat\n3,inf,dog\n", InputError, "line 2, column 1: the value is inf"),
        ("1,2,cat\n3,,dog\n", InputError, "line 2, column 1: the cell is empty"),
        ("1,2,cat\n3,four,dog\n", InputError, "line 2, column 1: 'four' is no number"),
        ("1,2,cat\n3,4,cat\n", InputError, "one class only"),
        ("1,2,0.5\n3,4,1\n", InputError, "line 1: '0.5' is no class"),
        ("1,2,cat\n3,4,\n", InputError, "line 2: the label is empty"),
        ("1,2,nan\n3,4,1\n", InputError, "line 1: 'nan' is no class"),
        ("", InputError, "is empty"),
        ("\n \n", InputError, "is empty"),
        ("a,b\n", InputError, "no examples"),
        ("cat\ndog\n", ShapeError, "one column only"),
        (b"\xff\xfe\x00a", InputError, "no UTF-8 text"),
        ('1,"cat\n', InputError, "no table"),
        (b"1,cat\n2,d\x00g\n", InputError, None),
    ],
)
def test_bad_tables(table, text, error, words) -> None:
    header = None if b"a,b" not in (text if isinstance(text, bytes) else text.encode()) else True
    if words is None:  # a NUL is data to Python's reader; it must not crash
        assert from_csv(table(text)).classes == ("cat", "d\x00g")
        return
    with pytest.raises(error, match=words):
        from_csv(table(text), header=header)


def test_a_target_that_is_no_number_is_named_by_its_column(table) -> None:
    with pytest.raises(InputError, match="line 2, column 2: 'dear' is no number"):
        from_csv(table("1,2,3\n4,5,dear\n"), regression=True)


def test_bad_columns_and_files(table, tmp_path: Path) -> None:
    path = table(GOOD)
    wrong: tuple[Any, ...] = (7, -4, "size", 1.5, True)
    for target in wrong:
        with pytest.raises(InputError, match="no column"):
            from_csv(path, target=target)
    with pytest.raises(InputError, match="delimiter"):
        from_csv(path, delimiter=", ")
    with pytest.raises(InputError, match="no file"):
        from_csv(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="no file"):
        from_csv(tmp_path)
    many = "".join(f"{i},w{i}\n" for i in range(1001))
    with pytest.raises(InputError, match="1001 different labels"):
        from_csv(table(many))


# NPZ --------------------------------------------------------------------------------------------


def test_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "good.npz"
    x, y = np.arange(6.0).reshape(3, 2), np.array([0, 2, 1])
    np.savez(path, x=x, y=y, extra=np.ones(1))
    data = from_npz(path)
    assert np.array_equal(data.x, x)
    assert data.classes == ("0", "1", "2")
    np.savez_compressed(path, inputs=x.astype(np.float32), targets=y * 0.5)
    assert from_npz(path, "inputs", "targets", regression=True).y.tolist() == [0.0, 1.0, 0.5]
    np.savez(path, x=np.arange(3), y=y)
    assert load(str(path)).x.shape == (3, 1)


def test_labels_that_occur_are_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "gap.npz"
    for labels, classes in (((0, 7, 7), ("0", "7")), ((-1, 1, 1), ("-1", "1"))):
        np.savez(path, x=np.ones((3, 2)), y=np.array(labels))
        data = from_npz(path)
        assert (data.classes, data.y.tolist()) == (classes, [0, 1, 1])
        path.with_suffix(".csv").write_text("".join(f"1,{label}\n" for label in labels))
        assert from_csv(path.with_suffix(".csv")).classes == classes


class Hostile:
    """An object whose unpickling would write a file."""

    def __reduce__(self):
        return Path.touch, (Path("unpickled"),)


def test_a_hostile_archive_runs_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("bad.npz", x=np.array([Hostile()], dtype=object), y=np.array([0]))
    with pytest.raises(DtypeError, match="could run code"):
        from_npz("bad.npz")
    assert not Path("unpickled").exists()


X, Y = np.ones((2, 2)), np.array([0, 1])


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"x": X}, InputError, "no array 'y'"),
        ({"x": X, "y": Y[:1]}, ShapeError, "shape"),
        ({"x": X * np.nan, "y": Y}, InputError, "nan at row 0"),
        ({"x": X, "y": Y * 1.0}, DtypeError, "not one integer each"),
        ({"x": X, "y": np.eye(2, dtype=int)}, DtypeError, "not one integer each"),
        ({"x": X, "y": Y * 0}, InputError, "one class only"),
        ({"x": np.ones((1001, 1)), "y": np.arange(1001)}, InputError, "1001 different labels"),
        ({"x": X[:0], "y": Y[:0]}, InputError, "no examples"),
        ({"x": np.array(["a", "b"]), "y": Y}, DtypeError, "not numbers"),
        ({"x": np.float64(1.0), "y": Y}, ShapeError, "shape"),
    ],
)
def test_bad_archives(tmp_path: Path, arrays, error, words) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(error, match=words):
        from_npz(path)


def test_damaged_archives(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="no NPZ archive"):
        from_npz(path)
    np.savez(path, x=np.arange(1000.0), y=np.zeros(1000, int))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError):
        from_npz(path)
    damaged = bytearray(content)
    damaged[200:260] = bytes(60)
    path.write_bytes(bytes(damaged))
    with pytest.raises(InputError):
        from_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"not an array")
        archive.writestr("y.npy", b"not an array")
    with pytest.raises((InputError, DtypeError)):
        from_npz(path)
    with pytest.raises(InputError, match="no file"):
        from_npz(tmp_path / "absent.npz")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch) -> None:
    from diffkit.nets import archives

    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((1000, 10)), y=Y)
    monkeypatch.setattr(archives, "LARGEST_FILE", 10_000)
    with pytest.raises(InputError, match="would unpack to"):
        from_npz(path)
