"""The stepper in a notebook: a widget around the same drawing module, by anywidget.

``dk.explain(f, x)`` at the end of a cell shows the stepper where anywidget is installed
(``pip install 'diffkit[notebook]'``) and the notebook runs JavaScript; everywhere else, also in a
notebook that was exported, its static tables.  A notebook chooses: the output holds both.  A run
that nobody watches (``jupyter nbconvert --execute``, a book) gets the tables alone: its page would
hold the widget in their place, and fetch what draws it from the network.

Reading on: anywidget's description of its front-end modules (``render({ model, el })``); Jupyter's
"Messaging in Jupyter, display_data", for outputs of several kinds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from diffkit.errors import InputError
from diffkit.explorer.static_page import MODES, SWEEPS, drawing_source

if TYPE_CHECKING:
    from diffkit.comparison.explaining import Explanation

__all__ = ["Tables", "available", "display", "mimebundle", "module_source", "stepper"]

RENDER = """
export default {
  render({ model, el }) {
    el.classList.add("diffkit-stepper");
    const start = { sweep: model.get("sweep"), step: model.get("step") };
    const onStep = ({ sweep, step }) => {
      model.set("sweep", sweep);
      model.set("step", step);
      model.save_changes();
    };
    const options = { mode: model.get("mode"), start, onStep };
    const drawn = diffkitDrawing.mount(el, model.get("data"), options);
    const renew = () => drawn.setData(model.get("data"));
    model.on("change:data", renew);
    return () => { model.off("change:data", renew); drawn.destroy(); };
  },
};
"""

# VS Code lays widgets on white, also where all else is dark; the stepper has a ground of its own.
GROUND = """
.cell-output-ipywidget-background:has(.diffkit-stepper) { background: transparent !important; }
"""


def module_source() -> str:
    """The drawing module as a module of anywidget: the script, and what renders a model.

    >>> "export default" in module_source()
    True
    """
    return drawing_source() + RENDER


@cache
def _widget_class() -> type:
    """The widget's class, made when anywidget is first needed; ImportError without it."""
    anywidget, traitlets = import_module("anywidget"), import_module("traitlets")
    return type(
        "Stepper",
        (anywidget.AnyWidget,),
        {
            "__doc__": "An explanation that is stepped through; sweep and step follow the reader.",
            "__module__": __name__,
            "_esm": module_source(),
            "_css": GROUND,
            "data": traitlets.Dict().tag(sync=True),
            "mode": traitlets.Unicode("auto").tag(sync=True),
            "sweep": traitlets.Unicode("primal").tag(sync=True),
            "step": traitlets.Int(0).tag(sync=True),
        },
    )


def stepper(explanation: Explanation, *, sweep: str = "primal", mode: str = "auto") -> Any:
    """A widget that steps through an explanation, for a notebook.

    Parameters
    ----------
    explanation
        What ``dk.explain`` returned.
    sweep
        Where it begins: ``"primal"``, ``"tangent"`` or ``"adjoint"``.
    mode
        ``"light"``, ``"dark"``, or ``"auto"``: as the notebook is.

    Returns
    -------
    anywidget.AnyWidget
        With traits ``data``, ``sweep``, ``step`` and ``mode``; new ``data`` are drawn at once.

    Raises
    ------
    InputError
        If the sweep or the mode is not one of these, or anywidget is not installed.

    >>> import diffkit as dk
    >>> stepper(dk.explain(lambda x: x * x, 3.0), sweep="sideways")
    Traceback (most recent call last):
        ...
    diffkit.errors.InputError: 'sideways' is no sweep
      hint: there are primal, tangent, adjoint.
    """
    if sweep not in SWEEPS:
        raise InputError(f"{sweep!r} is no sweep", hint=f"there are {', '.join(SWEEPS)}.")
    if mode not in MODES:
        raise InputError(f"{mode!r} is no mode", hint=f"there are {', '.join(MODES)}.")
    try:
        made = _widget_class()
    except ImportError:
        raise InputError(
            "the stepper in a notebook needs anywidget, which is not installed",
            hint='python -m pip install "diffkit[notebook]".',
        ) from None
    return made(data=explanation.to_dict(), sweep=sweep, mode=mode)


def mimebundle(explanation: Explanation, **choice: Any) -> Any:
    """What a notebook shows for an explanation beside its tables; nothing without anywidget.

    >>> import diffkit as dk
    >>> "text/html" in mimebundle(dk.explain(lambda x: x * x, 3.0))
    False
    """
    if not (available() and _watched()):
        return {}
    data, *metadata = stepper(explanation)._repr_mimebundle_(**choice) or ({}, {})
    data.pop("text/plain", None)  # an explanation in one line says more than that of a widget
    return (data, *metadata)


def _watched() -> bool:
    """Whether a person may be before the notebook: what runs it could pass a question on."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(getattr(shell, "kernel", None), "_allow_stdin", True)


@dataclass(frozen=True)
class Tables:
    """The static tables of an explanation, for a notebook that asks what to display.

    >>> Tables("<p>v = 1</p>")._repr_html_()
    '<p>v = 1</p>'
    """

    html: str

    def _repr_html_(self) -> str:
        return self.html


def display(explanation: Explanation) -> Any:
    """What marimo shows in place of an explanation: the stepper, or the tables without anywidget.

    >>> import diffkit as dk
    >>> hasattr(display(dk.explain(lambda x: x * x, 3.0)), "_repr_mimebundle_") == available()
    True
    """
    return stepper(explanation) if available() else Tables(explanation.to_html())


def available() -> bool:
    """Whether anywidget is installed and can be imported.

    >>> available() in (True, False)
    True
    """
    try:
        _widget_class()
    except ImportError:
        return False
    return True
