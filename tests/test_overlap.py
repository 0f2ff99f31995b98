"""Masks and boxes: their overlap, files that hold them, and nets that learn them by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.main import DONE, WRONG_INPUT, main
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.datasets import from_npz
from diffkit.nets.overlap import box_iou, mask_iou
from diffkit.plots.overlaps import plot_boxes, plot_masks

SHAPES = dk.datasets.shapes(12, size=8)

# Intersection over union ----------------------------------------------------------------------


def test_overlap_of_masks_by_counting_pixels() -> None:
    rng = np.random.default_rng(0)
    found, right = rng.integers(0, 3, (2, 5, 4, 4))
    shares = []
    for label in range(3):
        pairs = list(zip(found.ravel(), right.ravel(), strict=True))
        both = sum(a == label and b == label for a, b in pairs)
        shares.append(both / sum(a == label or b == label for a, b in pairs))
    assert mask_iou(found, right) == pytest.approx(sum(shares) / 3, rel=1e-15)
    assert mask_iou(found, right, [1]) == pytest.approx(shares[1], rel=1e-15)
    assert mask_iou(found, found) == 1.0
    assert mask_iou(np.zeros((2, 2)), np.ones((2, 2))) == 0.0
    assert mask_iou(np.zeros((2, 2)), np.zeros((2, 2)), [0, 7]) == 1.0


def test_overlap_of_boxes_by_painting_them() -> None:
    rng = np.random.default_rng(1)
    found, right = np.sort(rng.integers(0, 30, (2, 40, 2, 2)), axis=2).reshape(2, 40, 4)

    def painted(box: np.ndarray) -> np.ndarray:
        canvas = np.zeros((30, 30), bool)
        canvas[box[1] : box[3], box[0] : box[2]] = True
        return canvas

    expected = []
    for one, other in zip(found, right, strict=True):
        a, b = painted(one), painted(other)
        expected.append((a & b).sum() / max((a | b).sum(), 1))
    np.testing.assert_allclose(box_iou(found, right), expected, rtol=1e-14)
    assert box_iou([[2.0, 0.0, 1.0, 1.0]], [[0.0, 0.0, 3.0, 3.0]]).tolist() == [0.0]  # turned over


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ShapeError, match="mask_iou"):
        mask_iou(np.zeros((2, 2)), np.zeros((2, 3)))
    for bad in (np.zeros((2, 5)), np.zeros(4), np.zeros((3, 4))):
        with pytest.raises(ShapeError, match="box_iou"):
            box_iou(bad, np.zeros((2, 4)))


def test_an_objective_knows_its_overlap() -> None:
    net = dk.nets.tiny_segmenter((8, 8, 1), 4, (2, 3))
    loss, params = net.with_loss(dk.losses.cross_entropy), net.init(0)
    expected = mask_iou(net.predict(params, SHAPES.x), SHAPES.y)
    assert loss.overlap(params, SHAPES.x, SHAPES.y) == expected
    detector, boxes = dk.nets.tiny_detector((8, 8, 1), 3, (2, 3), 4), SHAPES.detection()
    loss, params = detector.with_loss(dk.losses.detection), detector.init(0)
    output = np.asarray(detector(params, boxes.x))
    assert loss.overlap(params, boxes.x, boxes.y) == box_iou(output[:, :4], boxes.y[:, :4]).mean()
    right = np.mean(output[:, 4:].argmax(axis=1) == SHAPES.labels)
    assert loss.accuracy(params, boxes.x, boxes.y) == right
    plain = dk.nets.mlp([2, 3, 2])
    assert plain.with_loss(dk.losses.cross_entropy).overlap(plain.init(0), [[0, 0]], [1]) is None


def test_a_run_notes_the_overlap_of_every_epoch() -> None:
    net = dk.nets.tiny_detector((8, 8, 1), 3, (2, 3), 4)
    loss, data = net.with_loss(dk.losses.detection), SHAPES.detection()
    run = dk.train(loss, net.init(0), (data.x, data.y), optimizer=dk.optim.adam(0.01), epochs=2,
                   validation=(data.x, data.y))  # fmt: skip
    last = loss.overlap(run.params, data.x, data.y)
    assert run.history["iou"][-1] == run.history["validation_iou"][-1] == last
    assert len(run.history["accuracy"]) == 2 and f"iou {last:.1%}" in repr(run)


# Files ----------------------------------------------------------------------------------------


def archive(folder: Path, **arrays: Any) -> Path:
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return path


def test_images_with_masks(tmp_path: Path) -> None:
    masks = np.array([0, 3, 7, 7])[SHAPES.y]
    data = from_npz(archive(tmp_path, x=SHAPES.x[..., 0], y=masks))
    assert data.x.shape == (12, 8, 8, 1) and data.classes == ("0", "3", "7")
    assert np.array_equal(data.y, np.minimum(SHAPES.y, 2))
    colour = np.repeat(SHAPES.x, 3, axis=3)
    found = from_npz(archive(tmp_path, x=colour, y=SHAPES.y > 0))
    assert found.x.shape == (12, 8, 8, 3) and len(found.classes) == 2


def test_images_with_boxes(tmp_path: Path) -> None:
    labels = np.array([2, 5, 9])[SHAPES.labels]
    data = from_npz(archive(tmp_path, x=SHAPES.x, boxes=SHAPES.boxes, y=labels), boxes="boxes")
    assert isinstance(data, dk.datasets.BoxedImages) and data.kinds == ("2", "5", "9")
    assert np.array_equal(data.y, SHAPES.detection().y)
    assert repr(data) == "Dataset(own: 12 × 8 × 8 × 1, boxes of 3 kinds)"


def turned(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, [2, 1, 0, 3]]


@pytest.mark.parametrize(
    ("change", "boxes", "error", "words"),
    [
        ({"y": SHAPES.y[:, :7]}, None, ShapeError, "one label for every pixel"),
        ({"y": SHAPES.y * 1.0}, None, DtypeError, "not one integer each"),
        ({"x": SHAPES.x[:, 0, 0], "y": SHAPES.y}, None, ShapeError, "no images"),
        ({"y": SHAPES.y * 0}, None, InputError, "one class only, 0"),
        ({}, "edges", InputError, "no array 'edges'"),
        ({"boxes": SHAPES.boxes[:, :3]}, "boxes", ShapeError, r"\(12, 3\)"),
        ({"boxes": SHAPES.boxes * 8}, "boxes", InputError, "not pixels"),
        ({"boxes": turned(SHAPES.boxes)}, "boxes", InputError, "at row 0, which is no box"),
        ({"boxes": SHAPES.boxes * np.nan}, "boxes", InputError, "nan at row 0"),
        ({"y": SHAPES.labels * 1.0}, "boxes", DtypeError, "not one integer each"),
        ({"y": SHAPES.y}, "boxes", ShapeError, "one box an image"),
        ({"boxes": np.array([None] * 12)}, "boxes", DtypeError, "could run code"),
    ],
)
def test_masks_and_boxes_that_do_not_fit(
    tmp_path: Path, change: dict[str, Any], boxes: str | None, error: Any, words: str
) -> None:
    arrays = {"x": SHAPES.x, "y": SHAPES.labels, "boxes": SHAPES.boxes} | change
    with pytest.raises(error, match=words):
        from_npz(archive(tmp_path, **arrays), boxes=boxes)


# The command line -----------------------------------------------------------------------------


def report_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["train", *words, "--epochs", "1", "--json"]) == DONE
    return json.loads(capsys.readouterr().out)


def test_a_segmenter_of_the_users_own_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = archive(tmp_path, x=SHAPES.x, y=SHAPES.y), tmp_path / "run"
    words = (str(path), "--model", "tiny-segmenter", "--channels", "2,3", "--out", str(out))
    report = report_of(capsys, *words)
    assert report["net"].startswith("Net([8, 8, 1] → conv1: 2 of 3×3 relu")
    assert 0 < report["test_iou"] < 1 and report["training_accuracy"] > report["training_iou"]
    assert len(json.loads((out / "history.json").read_text())["validation_iou"]) == 1
    assert (out / "masks.png").is_file()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "overlap (IoU) on test data" in page and "masks they should have" in page


def test_a_detector_of_the_users_own_boxes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive(tmp_path, x=SHAPES.x, boxes=SHAPES.boxes, y=SHAPES.labels)
    out = tmp_path / "run"
    words = (str(path), "--model", "tiny-detector", "--hidden", "5", "--out", str(out))
    report = report_of(capsys, *words)
    assert report["loss"] == "detection" and 0 <= report["test_iou"] < 1
    assert (out / "boxes.png").is_file()
    assert main(["resume", str(out), "--json"]) == DONE
    again = json.loads(capsys.readouterr().out)
    assert again["test_iou"] == report["test_iou"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digits", "--model", "tiny-segmenter"], "are classes or numbers, not masks"),
        (["diabetes", "--model", "tiny-detector"], "are classes or numbers, not boxes"),
        (["shapes", "--model", "tiny-segmenter", "--loss", "mse"], "whose targets are masks"),
        (["shapes", "--model", "tiny-detector", "--loss", "dice"], "choose among detection"),
        (["shapes", "--model", "mlp", "--loss", "dice"], "does not fit"),
        (["shapes", "--model", "tiny-detector", "--hidden", "4,4"], "one hidden layer"),
        (["shapes", "--model", "tiny-segmenter", "--hidden", "4"], "--hidden means nothing"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words]) == WRONG_INPUT
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_masks_are_no_classes_of_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = archive(tmp_path, x=SHAPES.x, y=SHAPES.y)
    assert main(["train", str(path), "--model", "mlp"]) == WRONG_INPUT
    assert "are masks, not classes or numbers" in capsys.readouterr().err


# Pictures -------------------------------------------------------------------------------------


def test_pictures_say_the_overlap_of_each_example() -> None:
    found = np.where(SHAPES.y == 2, 1, SHAPES.y)[:3]
    figure = plot_masks(SHAPES.x[:3], SHAPES.y[:3], found, SHAPES.classes, dark=True)
    shown = [axes.get_xlabel() for axes in figure.axes[6:]]
    assert shown == [f"IoU {mask_iou(mine, right, np.unique(right)):.2f}"
                     for mine, right in zip(found, SHAPES.y[:3], strict=True)]  # fmt: skip
    truth = SHAPES.detection().y[:2]
    moved = truth.copy()
    moved[:, 4] = (moved[:, 4] + 1) % 3
    figure = plot_boxes(SHAPES.x[:2], truth, moved, ("disc", "square", "triangle"))
    assert all(axes.get_xlabel().startswith("IoU 1.00\ntaken for ") for axes in figure.axes)
    assert [len(axes.patches) for axes in figure.axes] == [2, 2]
    plt.close("all")
