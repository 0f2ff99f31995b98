"""Words of pictures lie on nothing, say which axis is which, and state what was drawn."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.transforms import Bbox

import diffkit as dk
from diffkit.plots.labels import dots, label_points
from diffkit.plots.maps import sweep_finding
from diffkit.plots.optim import schedules_finding
from diffkit.plots.style import label_lines

P = dk.plots
KIT = dk.schedules
BOX = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


def extent(axes: Any, text: str) -> Bbox:
    """What a text of a picture covers, in pixels."""
    axes.figure.draw_without_rendering()
    (found,) = [word for word in axes.texts if word.get_text() == text]
    return type(found).__mro__[1].get_window_extent(found)  # without the line to its point


def crossed(axes: Any, text: str, x: Any, y: Any) -> bool:
    """Whether a curve, followed closely, goes through a text."""
    t, fine = np.arange(len(x)), np.linspace(0, len(x) - 1, 4001)
    shown = axes.transData.transform(np.stack([np.interp(fine, t, x), np.interp(fine, t, y)], -1))
    return bool(extent(axes, text).count_contains(shown))


def plain() -> Any:
    axes = plt.figure(layout="none").add_subplot()
    axes.set(xlim=(-2, 2), ylim=(-2, 2))
    return axes


@pytest.mark.parametrize("curve", [([0.1, 0.6], [-1, 1]), ([0.0, 2.0], [0, 0])])
def test_a_word_keeps_off_a_curve(curve: Any) -> None:
    free, kept = plain(), plain()
    label_points(free, [(0.0, 0.0, "word", "black")])
    label_points(kept, [(0.0, 0.0, "word", "black")], curves=[curve])
    assert crossed(free, "word", *curve)
    assert not crossed(kept, "word", *curve)


def test_a_word_keeps_off_single_points_but_not_off_what_is_between() -> None:
    x, y = np.array([-1.0, 1.0]), np.array([0.0, 0.0])
    dotted, solid = plain(), plain()
    label_points(dotted, [(0.0, 0.0, "word", "black")], curves=[dots(x, y)])
    label_points(solid, [(0.0, 0.0, "word", "black")], curves=[(x, y)])
    assert crossed(dotted, "word", x, y)
    assert not crossed(solid, "word", x, y)


def test_a_word_among_many_curves_goes_away_and_a_line_leads_back() -> None:
    axes, angle = plain(), np.linspace(0, 2 * np.pi, 40)
    star = [([0, 0.5 * np.cos(a)], [0, 0.5 * np.sin(a)]) for a in angle]
    label_points(axes, [(0.0, 0.0, "word", "black")], curves=star)
    assert not any(crossed(axes, "word", *ray) for ray in star)
    assert axes.texts[0].arrow_patch is not None


def test_a_word_to_the_left_is_asked_for() -> None:
    axes = plain()
    label_points(axes, [(0.0, 0.0, "word", "black")], leftward=True)
    assert axes.texts[0].get_ha() == "right"


def test_lines_at_the_lower_edge_have_their_words_above_it() -> None:
    axes, loose = plain(), plain()
    ends = [(1.9, -1.99, f"line {k}", "black") for k in range(4)]
    label_lines(axes, ends, inside=True)
    label_lines(loose, ends)
    assert min(extent(axes, word).y0 for *_, word, _ in ends) >= axes.bbox.y0
    assert min(extent(loose, word).y0 for *_, word, _ in ends) < loose.bbox.y0
    heights = sorted(extent(axes, word).y0 for *_, word, _ in ends)
    assert min(np.diff(heights)) > 9


def test_the_name_of_a_method_keeps_off_the_whisker_of_another() -> None:
    x = np.linspace(0.5, 2, 12)
    found = dk.compare(lambda x: np.sum(np.exp(np.sin(x)) * x) / np.sum(x * x), x)
    axes: Any = P.compare(found)
    whiskers = [line.get_xydata().T for line in axes.lines if len(line.get_xydata()) == 2]
    names = [text.get_text() for text in axes.texts]
    assert "reverse mode" in names
    assert not any(crossed(axes, name, *whisker) for name in names for whisker in whiskers[:-1])


# What the axes are -------------------------------------------------------------------------------


def test_the_first_direction_of_a_landscape_goes_across() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum(w * x)

    w, x = np.array([0.0, 0.0]), (np.array([3.0, 1.0]),)
    axes: Any = P.landscape(loss, w, x, normalise=False, points=5)
    first, second = (np.sum(dk.signal.random_direction(w, seed) * x[0]) for seed in (0, 1))
    assert "α₁" in axes.get_xlabel()
    assert "α₂" in axes.get_ylabel()
    for path in axes.collections[0].get_paths():  # level lines are at right angles to the slope
        for start, end in zip(path.vertices[:-1], path.vertices[1:], strict=True):
            assert abs((end - start) @ [first, second]) < 1e-9 * np.hypot(first, second)


@pytest.mark.parametrize(("scale", "aspect"), [((1, 1), 1.0), ((2, 1), 1.0), ((1, 40), "auto")])
def test_a_boundary_fills_its_figure(scale: Any, aspect: Any) -> None:
    net = dk.nets.mlp([2, 2, 2])
    axes: Any = P.decision_boundary(net, net.init(0), BOX * scale, [0, 1, 0, 1])
    axes.figure.draw_without_rendering()
    wide, high = axes.figure.get_size_inches() * axes.figure.dpi
    assert axes.get_aspect() == aspect
    assert axes.get_window_extent().width > 0.88 * wide
    assert axes.get_window_extent().height > 0.78 * high


# What titles say ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedules", "words"),
    [
        ([KIT.cosine(0.1, 100)], "Cosine falls from 0.1 to 2.47·10⁻⁵"),
        ([KIT.one_cycle(0.1, 100)], "OneCycle rises to 0.1 at update 29 and ends at 4·10⁻⁷"),
        ([KIT.cosine_restarts(0.1, first=30)],
         "CosineRestarts falls to 0.000274 at update 29 and ends at 0.0794"),
        ([KIT.constant(0.1)], "Constant stays at 0.1"),
        ([KIT.constant(0.2), KIT.step(0.1, 50, factor=0.5)],
         "Constant is on average 2.67 times as high as Step"),
        ([KIT.constant(0.1), KIT.constant(0.2)], "The rates are on average from 0.1 to 0.2"),
        ([KIT.constant(0.1), KIT.step(0.1, 1000)], "On average all rates are about 0.1"),
    ],
)  # fmt: skip
def test_schedules_are_told_by_their_rates(schedules: Any, words: str) -> None:
    assert schedules_finding(schedules, 100) == words


def test_the_title_of_schedules_stands_above_a_new_figure_only() -> None:
    figure: Any = P.schedules([KIT.constant(0.2), KIT.cosine(0.1)], 101)
    assert figure.get_suptitle() == "Constant is on average 3.96 times as high as Cosine"
    assert P.schedules(KIT.constant(0.2), 9, title="mine").get_suptitle() == "mine"
    mine, free = plain(), plain()
    mine.set_title("mine")
    assert P.schedules([KIT.cosine(0.1)] * 2, 9, ax=[mine, free]).get_suptitle() == ""
    assert [mine.get_title(), free.get_title() or free.get_title(loc="left")] == ["mine", "Cosine"]


def scores(rate: float, kind: str, seed: int) -> dict[str, float]:
    return {"accuracy": rate + (kind == "b"), "loss": 2.0, "nothing": np.nan, "shift": -rate}


def test_a_sweep_says_where_it_is_best_and_keeps_a_title_that_is_there() -> None:
    found = dk.sweep(scores, {"rate": [1e-5, 0.25], "kind": ["a", "b"]}, seeds=2)
    assert sweep_finding(found) == "The mean accuracy is highest at rate 0.25, kind b: 1.25"
    assert sweep_finding(found, "shift") == "The mean shift is lowest at rate 0.25, kind a: −0.25"
    assert sweep_finding(found, "loss") == "The mean loss is 2 at all 4 settings"
    assert P.sweep(found).get_title(loc="left") == sweep_finding(found)
    mine = plain()
    mine.set_title("mine")
    P.sweep(found, ax=mine)
    assert (mine.get_title(), mine.get_title(loc="left")) == ("mine", "")
    assert P.sweep(found, title="said", ax=plain()).get_title(loc="left") == "said"


def test_a_step_size_is_written_with_a_true_minus_and_a_power_of_ten() -> None:
    title = P.step_size(np.cos, 1.0, names=("central",)).get_title(loc="left")
    assert title.startswith("cos: −0.841470984")
    assert "·10⁻" in title or "± 10⁻" in title
    assert "e-" not in title
