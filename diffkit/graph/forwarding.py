"""Methods of :class:`Graph` that later floors provide: rows of ``name → "module:function"``.

A graph knows how to be run, drawn or turned into a formula only by name; the module behind
the name is imported on first use.  This is the one exception to "imports go one way".
Each function takes the graph as its first argument.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

__all__ = ["FORWARDED", "forwarded"]

FORWARDED: dict[str, str] = {
    "call": "diffkit.engines.calling:call_graph",
    "bind": "diffkit.engines.calling:bind_graph",
    "compile": "diffkit.engines.specialise:compile_graph",
    "plan": "diffkit.engines.plan:plan_graph",
    "run": "diffkit.engines.interpret:run",
    "batched": "diffkit.differentiate.batching:batched_graph",
    "pushforward": "diffkit.differentiate.forward:pushforward_graph",
    "pullback": "diffkit.differentiate.reverse:pullback_graph",
    "to_text": "diffkit.graph.printing:to_text",
    "to_dict": "diffkit.graph.printing:to_dict",
    "to_svg": "diffkit.graph.drawing:to_svg",
    "to_html": "diffkit.graph.drawing:to_html",
    "folded": "diffkit.primitives.folding:folded",
    "rewrite": "diffkit.graph.rewriting:rewrite",
    "to_source": "diffkit.engines.source:to_source",
    "to_sympy": "diffkit.differentiate.formulas:graph_to_sympy",
    "to_latex": "diffkit.differentiate.formulas:graph_to_latex",
    "to_matrix": "diffkit.comparison.matrix_formula:matrix_formula",
    "plot": "diffkit.plots.graphs:plot_graph",
}


def forwarded(graph: Any, name: str) -> Callable[..., Any]:
    """The function registered under ``name``, with the graph as its first argument.

    Raises
    ------
    AttributeError
        If no later floor offers the name.
    """
    target = FORWARDED.get(name)
    if target is None:
        raise AttributeError(f"'Graph' object has no attribute {name!r}")
    module, function = target.split(":")
    return partial(getattr(import_module(module), function), graph)
