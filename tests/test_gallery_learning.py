"""The pictures about nets that learn: their numbers hold, and they draw; two of them move.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gallery_pages import GALLERY, got, page

import diffkit as dk
from diffkit.cli.gallery_index import write_index
from diffkit.cli.gallery_run import Work, run_page
from diffkit.errors import InputError
from diffkit.plots.animation import last_frame, save_animation
from diffkit.plots.style import use_style

MOVING = ("boundary-learns", "signal-travels")
MOST_BYTES = 1_000_000


# Pictures that move -----------------------------------------------------------------------------


def three_frames():
    """A point that moves to the right."""
    with use_style():
        figure, axes = plt.subplots(figsize=(2, 1))
        (dot,) = axes.plot([0], [0], "o", color="#96650A")
        axes.set(xlim=(-1, 3), ylim=(-1, 1))
        for place in range(3):
            dot.set_data([place], [0])
            yield figure


def read_frames(path: Path) -> list[np.ndarray]:
    found = []
    with pytest.importorskip("PIL.Image").open(path) as image:
        for place in range(image.n_frames):
            image.seek(place)
            found.append(np.array(image.convert("RGB")))
    return found


def test_an_animation_has_its_frames_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = save_animation(three_frames(), tmp_path / "a.gif")
    second = save_animation(three_frames(), tmp_path / "b.gif")
    assert first.read_bytes() == second.read_bytes()
    frames = read_frames(first)
    assert len(frames) == 3
    assert all((a != b).any() for a, b in itertools.pairwise(frames))
    assert not plt.get_fignums()


def test_the_palette_keeps_the_background_and_the_rare_colour(tmp_path: Path) -> None:
    frame = read_frames(save_animation(three_frames(), tmp_path / "a.gif"))[-1]
    colours = {tuple(map(int, colour)) for colour in frame.reshape(-1, 3)}
    assert tuple(frame[0, 0]) == (255, 255, 255)
    assert (0x96, 0x65, 0x0A) in colours


def test_the_still_is_the_last_frame() -> None:
    figure = last_frame(three_frames())
    assert list(np.asarray(figure.axes[0].lines[0].get_xdata())) == [2]
    plt.close(figure)


def test_no_frame_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without frames"):
        last_frame(iter(()))
    with pytest.raises(InputError, match="without frames"):
        save_animation(iter(()), tmp_path / "a.gif")


def test_the_gallery_writes_a_still_and_what_moves_and_asks_for_motion(tmp_path: Path) -> None:
    path = GALLERY / "plot_0802_signal_travels.py"
    result = run_page(path, Work(pictures=tmp_path))
    assert result.held and result.moves
    index = write_index([result], tmp_path).read_text(encoding="utf-8")
    for stem in ("signal-travels", "signal-travels-dark"):
        assert len(read_frames(tmp_path / f"{stem}.gif")) == 16
        assert (tmp_path / f"{stem}.gif").stat().st_size < MOST_BYTES
        assert (tmp_path / f"{stem}.png").is_file() and (tmp_path / f"{stem}.svg").is_file()
        source = f'<source srcset="{stem}.gif" media="(prefers-reduced-motion: no-preference)">'
        assert source in index
    assert index.count("<picture>") == index.count("</picture>") == 2


def test_a_page_that_does_not_move_has_no_moving_picture() -> None:
    assert page("boundary").frames is None
    assert all(page(name).frames is not None for name in MOVING)


# Numbers ----------------------------------------------------------------------------------------


def test_the_loss_rests_on_the_straight_cut_and_then_falls() -> None:
    found = got("boundary-learns")
    assert abs(found["loss after 10 epochs over that of the best straight cut"] - 1) < 0.1
    assert found["points on the wrong side at the end"] == 0


def test_the_signal_travels_by_the_chain_rule() -> None:
    found = got("signal-travels")
    assert found["the pass by hand against dk.value_and_grad(probes=True)"] < 1e-12
    assert found["sigmoid: factor per layer"] < 0.3
    assert found["rectifier: decades between first and sixth hidden layer"] < 1


def test_a_model_of_width_w_has_4w_plus_1_parameters() -> None:
    assert got("model")["parameters of the widths 1, 2, 3, 32: 4w + 1"] == [5, 9, 13, 129]
    assert got("model")["wrong with 3 and with 32 units"] == [0, 0]


def test_no_line_solves_xor_and_four_hidden_units_do() -> None:
    found = got("hidden-space")
    assert found["corners right by the best of 201 lines"] == 3
    assert found["share right by the net 2-4-1"] == 1


def test_a_convolution_commutes_with_shifts() -> None:
    net = dk.nets.cnn((8, 8, 1), channels=(4, 8), classes=10)
    first, params = net.layers[0], net.init(0)["conv1"]
    image = np.zeros((1, 8, 8, 1))
    image[0, 2:6, 2:5, 0] = np.random.default_rng(0).uniform(size=(4, 3))
    moved = first(params, np.roll(image, 1, axis=2))
    maps = np.roll(first(params, image), 1, axis=2)
    assert np.abs(maps).max() > 0
    assert (maps - moved)[:, :, 1:-1].tolist() == np.zeros((1, 8, 6, 4)).tolist()
