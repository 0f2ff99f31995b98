"""Pictures of your own functions, nets and data, in one style: ``dk.plots``.

Every function draws into ``ax``, or makes a figure in the house style, on a light background or on
a ``dark`` one, and returns the axes (or the figure, where there are several panels).  Nothing is
shown and no global setting is changed: ``plt.show()`` and ``ax.figure.savefig(...)`` are yours.
``set_theme("dark")`` makes a whole session dark.

* of a function: :func:`derivative`, :func:`kinks`, :func:`gradient_field`,
  :func:`optimizer_paths`, :func:`graph`, :func:`trace`;
* of the methods: :func:`compare`, :func:`accuracy`, :func:`cost`, :func:`forms`, :func:`orders`,
  :func:`step_size`, :func:`stencils`, :func:`swell`;
* of a training: :func:`run`, :func:`curves`, :func:`signal`, :func:`update_ratio`,
  :func:`sharpness`, :func:`histograms`, :func:`noise_scale`, :func:`landscape`;
* of rates and many trainings: :func:`schedules`, :func:`range_test`, :func:`sweep`,
  :func:`trainability`;
* of a net: :func:`decision_boundary`, :func:`hidden_space`, :func:`filters`,
  :func:`feature_maps`, :func:`saliency`, :func:`activations`;
* of classes and losses: :func:`confusion`, :func:`softmax`, :func:`losses`.

>>> import numpy as np, diffkit as dk
>>> ax = dk.plots.compare(np.tanh, 0.5)
>>> type(ax).__name__
'Axes'

The colours and the style sheet are in ``style``, a script of the gallery is read by ``pages``.
Matplotlib is imported when something is drawn.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffkit.plots.of_classes import confusion, losses, softmax
    from diffkit.plots.of_functions import derivative, kinks
    from diffkit.plots.of_graphs import graph, trace
    from diffkit.plots.of_growth import orders, stencils, step_size, swell
    from diffkit.plots.of_images import feature_maps, filters, saliency
    from diffkit.plots.of_landscapes import landscape, noise_scale
    from diffkit.plots.of_methods import accuracy, compare, cost, forms
    from diffkit.plots.of_nets import activations, decision_boundary, hidden_space
    from diffkit.plots.of_planes import gradient_field, optimizer_paths
    from diffkit.plots.of_rates import range_test, schedules, sweep, trainability
    from diffkit.plots.of_trainings import (
        curves,
        histograms,
        run,
        sharpness,
        signal,
        update_ratio,
    )
    from diffkit.plots.style import set_theme

__all__ = [
    "accuracy",
    "activations",
    "compare",
    "confusion",
    "cost",
    "curves",
    "decision_boundary",
    "derivative",
    "feature_maps",
    "filters",
    "forms",
    "gradient_field",
    "graph",
    "hidden_space",
    "histograms",
    "kinks",
    "landscape",
    "losses",
    "noise_scale",
    "optimizer_paths",
    "orders",
    "range_test",
    "run",
    "saliency",
    "schedules",
    "set_theme",
    "sharpness",
    "signal",
    "softmax",
    "stencils",
    "step_size",
    "sweep",
    "swell",
    "trace",
    "trainability",
    "update_ratio",
]

_HOMES = {
    "of_classes": ("confusion", "losses", "softmax"),
    "of_functions": ("derivative", "kinks"),
    "of_graphs": ("graph", "trace"),
    "of_growth": ("orders", "stencils", "step_size", "swell"),
    "of_methods": ("accuracy", "compare", "cost", "forms"),
    "of_images": ("feature_maps", "filters", "saliency"),
    "of_landscapes": ("landscape", "noise_scale"),
    "of_nets": ("activations", "decision_boundary", "hidden_space"),
    "of_planes": ("gradient_field", "optimizer_paths"),
    "of_rates": ("range_test", "schedules", "sweep", "trainability"),
    "of_trainings": ("curves", "histograms", "run", "sharpness", "signal", "update_ratio"),
    "style": ("set_theme",),
}
_PUBLIC = {name: home for home, names in _HOMES.items() for name in names}


class _Face(ModuleType):
    """Keeps the functions in sight.

    Python binds a submodule to its name in the package when it is imported; some are named as a
    function of the package is (``signal``, ``swell``), and then the function stays.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return list(__all__)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'diffkit.plots' has no attribute {name!r}")
    value = getattr(import_module(f"diffkit.plots.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value
