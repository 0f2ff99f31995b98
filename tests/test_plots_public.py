"""``dk.plots``: each picture draws where it is told, in both themes, and changes nothing else."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.errors import InputError, ShapeError
from diffkit.plots.canvas import SERIES, mosaic, numbers_at
from diffkit.plots.kink_search import find_kinks
from diffkit.plots.style import SHEETS

DATA = dk.datasets.two_moons(24, noise=0.1, seed=0)
NET = dk.nets.mlp([2, 5, 2])
LOSS = NET.with_loss(dk.losses.cross_entropy)
THREE = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]] * 4)
CNN = dk.nets.cnn((8, 8, 1), classes=3)
IMAGE = np.random.default_rng(0).random((8, 8, 1))
POLAR = Figure().add_subplot(projection="polar")


def wave(x: Any) -> Any:
    return np.exp(-0.3 * x) * np.sin(2 * x)


def bowl(x: Any, y: Any) -> Any:
    return x * x + 3 * y * y


def machine_example(x1: Any, x2: Any) -> Any:
    return np.log(x1) + x1 * x2 - np.sin(x2)


@cache
def run() -> Any:
    return dk.train(
        LOSS, NET.init(0), (DATA.x, DATA.y), epochs=3, batch_size=8, engine="interpret",
        record=("loss", "signal", "sharpness", "histograms"),
    )  # fmt: skip


@cache
def comparison() -> Any:
    return dk.compare(lambda x: np.sum(np.sin(x) * x), np.linspace(0.5, 2, 4))


@cache
def range_test() -> Any:
    return dk.lr_range_test(LOSS, NET.init(0), (DATA.x, DATA.y), steps=15, engine="interpret")


@cache
def found_map() -> Any:
    start = {"a": np.array(0.5), "b": np.array(0.5)}
    return dk.trainability(lambda p, x: np.mean((p["a"] * p["b"] * x - 1) ** 2), start,
                           (np.ones(2),), shape=4, steps=9)  # fmt: skip


@cache
def found_sweep() -> Any:
    return dk.sweep(lambda rate, seed: {"loss": rate + seed}, {"rate": [0.1, 0.3]}, seeds=2)


P = dk.plots
FEW = [dk.losses.mse, dk.losses.cross_entropy, dk.losses.hinge]
DRAWN: dict[str, Callable[..., Any]] = {
    "accuracy": lambda **o: P.accuracy(comparison(), **o),
    "activations": lambda **o: P.activations(NET, run().params, DATA.x, **o),
    "compare": lambda **o: P.compare(comparison(), **o),
    "confusion": lambda **o: P.confusion([0, 1, 1, 2], [0, 1, 2, 2], names=("a", "b", "c"), **o),
    "cost": lambda **o: P.cost(comparison(), quantity="memory", **o),
    "curves": lambda **o: P.curves(run(), **o),
    "decision_boundary": lambda **o: P.decision_boundary(LOSS, run().params, DATA.x, DATA.y, **o),
    "derivative": lambda **o: P.derivative(wave, 0.0, 3.0, points=41, **o),
    "feature_maps": lambda **o: P.feature_maps(CNN, CNN.init(0), IMAGE, **o),
    "filters": lambda **o: P.filters(CNN, CNN.init(0), **o),
    "forms": lambda **o: P.forms(dk.parse("4*x*(1-x)"), x=0.3, **o),
    "gradient_field": lambda **o: P.gradient_field(bowl, arrows=4, **o),
    "graph": lambda **o: P.graph(machine_example, 2.0, 5.0, **o),
    "hidden_space": lambda **o: P.hidden_space(NET, run().params, DATA.x, DATA.y, **o),
    "histograms": lambda **o: P.histograms(run(), "dense1", **o),
    "kinks": lambda **o: P.kinks(np.abs, -1.0, 2.0, points=41, **o),
    "landscape": lambda **o: P.landscape(
        LOSS, run().params, (DATA.x, DATA.y), points=5, **o
    ),
    "losses": lambda **o: P.losses(FEW, slope=True, **o),
    "noise_scale": lambda **o: P.noise_scale(LOSS, NET.init(0), (DATA.x, DATA.y), **o),
    "optimizer_paths": lambda **o: P.optimizer_paths(
        bowl, (1.0, 1.0), [dk.optim.sgd(0.1), dk.optim.adam(0.1)], steps=5, **o
    ),
    "orders": lambda **o: P.orders(np.exp, 1.0, (1, 2), ("forward", "finite"), **o),
    "range_test": lambda **o: P.range_test(range_test(), **o),
    "run": lambda **o: P.run(run(), **o),
    "saliency": lambda **o: P.saliency(CNN, CNN.init(0), IMAGE, **o),
    "schedules": lambda **o: P.schedules(dk.schedules.cosine(0.1), 20, **o),
    "sharpness": lambda **o: P.sharpness(run(), **o),
    "signal": lambda **o: P.signal(run(), **o),
    "softmax": lambda **o: P.softmax([2.0, 1.0, 0.0], **o),
    "stencils": lambda **o: P.stencils(np.exp, 1.0, (1, 2), **o),
    "step_size": lambda **o: P.step_size(np.exp, 1.0, names=("central",), **o),
    "sweep": lambda **o: P.sweep(found_sweep(), **o),
    "swell": lambda **o: P.swell("logistic", (2, 3), ("tree", "reverse"), **o),
    "trace": lambda **o: P.trace(machine_example, 2.0, 5.0, seeds=(0, 1), **o),
    "trainability": lambda **o: P.trainability(found_map(), **o),
    "update_ratio": lambda **o: P.update_ratio(run(), **o),
}  # fmt: skip
PICTURES = [name for name in P.__all__ if name != "set_theme"]


def painted(axes: Any) -> int:
    """How many things there are in axes."""
    return sum(map(len, (axes.lines, axes.collections, axes.images, axes.patches, axes.texts)))


@pytest.mark.parametrize("name", PICTURES)
def test_it_draws_itself_on_dark_and_into_axes_and_leaves_settings_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a picture is never shown"))
    before = mpl.rcParams.copy()
    own = DRAWN[name](dark=True)
    figure = own if hasattr(own, "savefig") else own.figure
    assert to_hex(figure.get_facecolor()) == "#14181d"
    figure.draw_without_rendering()
    drawn, axes = plt.subplots()
    count = len(plt.get_fignums())
    again = DRAWN[name](ax=axes)
    assert again in (axes, drawn) and axes.figure is drawn
    assert painted(axes) and len(plt.get_fignums()) == count
    assert mpl.rcParams == before


@pytest.mark.parametrize("name", PICTURES)
def test_axes_are_axes(name: str) -> None:
    before = len(plt.get_fignums())
    with pytest.raises(InputError, match="not axes of Matplotlib"):
        DRAWN[name](ax=plt if name != "schedules" else [3])
    assert len(plt.get_fignums()) == before


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_a_function_with_the_usual_arguments(name: str) -> None:
    function = getattr(P, name)
    assert isinstance(function, FunctionType) and name in dir(P)
    parameters = inspect.signature(function).parameters
    assert parameters["ax"].default is None and parameters["dark"].default is None
    assert parameters["ax"].kind == parameters["dark"].kind == inspect.Parameter.KEYWORD_ONLY
    text = inspect.getdoc(function) or ""
    assert all(word in text for word in ("Parameters", "Returns", "Raises", ">>>"))
    told, returns = text.partition("\nReturns\n-------\n")[::2]
    assert told.count("\nax, dark\n    ") == 1 and returns.count("\n\nRaises\n------\n") == 1
    assert function.__name__ == name and function.__module__.startswith("diffkit.plots.of_")


def test_the_theme_of_a_session_is_that_of_pictures_and_settings_come_back() -> None:
    before = mpl.rcParams.copy()
    ground = {"light": "#ffffff", "dark": "#14181d"}
    try:
        for theme in ("dark", "light", "dark"):
            P.set_theme(theme)
            figures = [P.derivative(wave, 0.0, 1.0, points=9).figure, plt.subplots()[0],
                       P.run(run()), P.graph(machine_example, 2.0, 5.0).figure]  # fmt: skip
            assert {to_hex(figure.get_facecolor()) for figure in figures} == {ground[theme]}
            assert to_hex(run().plot().get_facecolor()) == ground[theme]
            other = P.derivative(wave, 0.0, 1.0, points=9, dark=theme == "light").figure
            assert to_hex(other.get_facecolor()) != ground[theme]
    finally:
        P.set_theme()
    assert mpl.rcParams == before
    assert to_hex(P.kinks(np.abs, -1.0, 2.0, points=41).figure.get_facecolor()) == "#ffffff"
    with pytest.raises(InputError, match="no theme 'blue'"):
        P.set_theme("blue")


def test_what_the_dark_sheet_sets_the_light_one_sets_too() -> None:
    light, dark = (set(mpl.rc_params_from_file(s, use_default_template=False)) for s in SHEETS)
    assert dark < light


def test_graphs_and_explanations_follow_the_theme_or_the_page() -> None:
    graph = dk.parse("sin(x)*y")
    found = dk.explain(graph, x=1.0, y=2.0)
    for result in (graph, found):
        free = result._repr_html_()
        assert "prefers-color-scheme: dark" in free and '[data-jp-theme-light="false"] .dk-' in free
        try:
            P.set_theme("dark")
            dark = result._repr_html_()
        finally:
            P.set_theme()
        assert "--paper: #14181D" in dark and "#FFFFFF" not in dark
        assert result._repr_html_() == free


def test_a_submodule_does_not_hide_the_function_of_its_name() -> None:
    import diffkit.plots.signal
    import diffkit.plots.swell  # noqa: F401

    assert isinstance(sys.modules["diffkit.plots.signal"], ModuleType)
    assert isinstance(P.signal, FunctionType) and isinstance(P.swell, FunctionType)
    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        P.pie  # noqa: B018


def test_it_works_without_a_display_and_imports_matplotlib_late() -> None:
    code = (
        "import sys, diffkit as dk; dk.plots; assert 'matplotlib' not in sys.modules; "
        "import numpy as np; ax = dk.plots.derivative(np.sin, 0.0, 1.0, points=5); "
        "import matplotlib; assert matplotlib.get_backend().lower() == 'agg'"
    )
    environment = {"PATH": "", "PYTHONPATH": ":".join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=100)


WRONG: dict[str, Callable[[], Any]] = {
    "two finite numbers, the smaller one first": lambda: P.derivative(np.sin, 2.0, 1.0),
    "order must be 1, 2 or 3": lambda: P.derivative(np.sin, 0.0, 1.0, order=7),
    "outside of the interval": lambda: P.derivative(np.sin, 0.0, 1.0, at=3.0),
    "expected a function, not a str": lambda: P.kinks("abs(x)", 0.0, 1.0),  # type: ignore[arg-type]
    "not one real number": lambda: P.derivative(lambda x: np.ones(2) * x, 0.0, 1.0),
    "bounds must be": lambda: P.gradient_field(bowl, 3),
    "those of optimizers": lambda: P.optimizer_paths(bowl, (1.0, 1.0), ["adam"]),
    "the start must be two": lambda: P.optimizer_paths(bowl, 1.0, dk.optim.sgd(0.1)),
    "there is no cost 'money'": lambda: P.cost(comparison(), quantity="money"),
    "is ready: it takes no arguments": lambda: P.compare(comparison(), 1.0),
    "there is no 'beauty'": lambda: P.orders(np.exp, 1.0, quantity="beauty"),
    "there is no input 5": lambda: P.trace(machine_example, 1.0, 2.0, seeds=(5,)),
    "expected a run, not a int": lambda: P.curves(3),  # type: ignore[arg-type]
    "no signal was recorded": lambda: P.signal(type(run().signal)()),
    "was not measured": lambda: P.sharpness(type(run().signal)()),
    "1 or 2 dimensions": lambda: P.landscape(LOSS, NET.init(0), (), dimensions=3),
    "expected a Schedule, not a float": lambda: P.schedules([0.1]),  # type: ignore[list-item]
    "as many axes": lambda: P.schedules([dk.schedules.cosine(0.1)] * 2, ax=plt.subplots()[1]),
    "expected a RangeTest": lambda: P.range_test(run()),
    "expected a Trainability": lambda: P.trainability(None),  # type: ignore[arg-type]
    "expected a Sweep": lambda: P.sweep(run()),
    "expected a net": lambda: P.filters(np.sin, {}),  # type: ignore[arg-type]
    "one whole number for each": lambda: P.hidden_space(NET, NET.init(0), DATA.x, DATA.y[:3]),
    "there is no layer 'conv9'": lambda: P.filters(CNN, CNN.init(0), layer="conv9"),
    "give shape": lambda: P.filters(NET, NET.init(0)),
    "two equally long rows": lambda: P.confusion([0, 1], [0]),
    "class 2 has no name": lambda: P.confusion([0, 2], [0, 1], names="ab"),
    "for one row of scores": lambda: P.softmax(np.ones((2, 5))),
    "functions of prediction and target": lambda: P.losses([]),
    "is no loss of one score": lambda: P.losses(lambda p, t: p[7]),
    "flat axes, and these are polar": lambda: P.derivative(np.sin, 0.0, 1.0, ax=POLAR),
    "the function needs 3": lambda: P.gradient_field(lambda x, y, z: x * y * z),
    "no stencil 'sixth'": lambda: P.step_size(np.sin, 1.0, names=("sixth",)),
    "x must be a finite number": lambda: P.stencils(np.sin, "one"),  # type: ignore[arg-type]
    "not a str": lambda: P.trace("x * y", 1.0, 2.0),  # type: ignore[arg-type]
    "not a list": lambda: P.landscape([], NET.init(0), (DATA.x, DATA.y)),  # type: ignore[arg-type]
    "scores are numbers": lambda: P.softmax("abc"),
    "x must be finite numbers": lambda: P.decision_boundary(NET, NET.init(0), [[np.nan, 0.0]], [0]),
    'record=."loss", "dead".': lambda: type(run().signal)().measured("dead"),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_drawn_is_told_in_a_sentence(message: str) -> None:
    with pytest.raises(InputError, match=message):
        WRONG[message]()


def test_a_boundary_needs_the_plane() -> None:
    with pytest.raises(ShapeError, match="drawn in the plane"):
        P.decision_boundary(CNN, CNN.init(0), IMAGE[None], [0])


def test_three_classes_and_one_score_have_boundaries() -> None:
    net, single = dk.nets.mlp([2, 4, 3]), dk.nets.mlp([2, 4, 1])
    axes = P.decision_boundary(net, net.init(0), THREE, np.arange(12) % 3, names="uvw")
    assert {text.get_text() for text in axes.texts} == {"u", "v", "w"}
    assert P.decision_boundary(single, single.init(0), THREE, np.arange(12) % 2).images


def test_kinks_are_found_where_they_are_with_their_slopes() -> None:
    f = dk.derivative(lambda x: np.maximum(x - 0.3, 0) + np.abs(x))
    found = find_kinks(lambda x: np.maximum(x - 0.3, 0) + np.abs(x), f, -1.0, 2.0, 101)
    assert [kink.x for kink in found] == [0.0, 0.3]
    assert [(kink.left, kink.declared, kink.right) for kink in found] == [(-1, 0, 1), (1, 1.5, 2)]
    assert not any(kink.jump for kink in found)
    steps = find_kinks(np.floor, dk.derivative(np.floor), -0.5, 1.5, 101)
    assert [(kink.x, kink.jump) for kink in steps] == [(0.0, True), (1.0, True)]


@pytest.mark.parametrize("smooth", (np.sin, np.exp, np.tanh, lambda x: 1 / (1 + 400 * x * x)))
def test_no_kink_is_seen_in_a_smooth_function(smooth: Any) -> None:
    assert find_kinks(smooth, dk.derivative(smooth), -1.0, 2.0, 201) == []


def test_the_curve_of_the_derivative_is_the_derivative() -> None:
    axes = P.derivative(np.sin, 0.0, 1.0, points=11, order=1)
    curve = next(line for line in axes.lines if line.get_label() == "f′")
    x, y = (np.asarray(points, float) for points in (curve.get_xdata(), curve.get_ydata()))
    np.testing.assert_allclose(y, np.cos(x), rtol=1e-14)


def test_values_of_a_function_that_mixes_its_entries_come_one_by_one() -> None:
    def mixed(x: Any) -> Any:
        return x / np.max(np.abs(x))

    assert numbers_at(mixed, [1.0, 2.0, 4.0, 8.0, 16.0]).tolist() == [1.0] * 5
    assert numbers_at(lambda x: 1.0 if x > 2 else 0.0, np.arange(5.0)).tolist() == [0, 0, 0, 1, 1]


def test_graphs_are_functions_too() -> None:
    assert P.derivative(dk.parse("x**3"), 0.0, 1.0, points=5).lines
    assert P.gradient_field(dk.parse("x*y"), arrows=3).collections
    assert P.graph(dk.parse("x*y")).texts
    assert P.trace(dk.parse("x*y"), x=2.0, y=3.0).texts


def test_optimizers_that_ask_for_losses_have_paths() -> None:
    axes = P.optimizer_paths(bowl, (1.0, 1.0), {"quasi-Newton": dk.optim.lbfgs()}, steps=4)
    assert "quasi-Newton ends lowest" in axes.get_title(loc="left")


def test_a_confusion_counts() -> None:
    axes = P.confusion([0, 0, 1, 1, 1], [0, 1, 1, 1, 0])
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "1", "2"]


def test_mosaics_and_colours() -> None:
    whole = mosaic(np.arange(12.0).reshape(3, 2, 2), 2)
    assert np.isnan(whole[2]).all() and whole[3, 0] == 8.0
    assert len(set(SERIES[False])) == len(set(SERIES[True])) == 8


def test_objects_draw_themselves_by_the_same_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    results = {
        "compare": comparison(), "run": run(), "range_test": range_test(), "sweep": found_sweep(),
        "trainability": found_map(), "swell": dk.swell("logistic", (2,), ("tree",)),
        "step_size": dk.step_size(np.exp, 1.0), "forms": dk.compare_forms(dk.parse("x*x"), x=0.3),
    }  # fmt: skip
    for name, found in results.items():
        monkeypatch.setattr(P, name, lambda *_, name=name, **__: name)
        assert found.plot() == name
