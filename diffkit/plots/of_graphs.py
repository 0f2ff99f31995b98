"""Pictures of one computation: its forward trace as a table, and its expression graph.

    v̇ᵢ = Σⱼ (∂vᵢ/∂vⱼ) v̇ⱼ line by line · v and v̄ = ∂y/∂v on the nodes

Part of ``dk.plots``.  Reading on: Baydin et al. 2018, tables 2 and 3; Wengert 1964.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from diffkit.capture.capturing import trace as traced
from diffkit.errors import InputError
from diffkit.graph.ir import Graph
from diffkit.plots.canvas import BY_THEME, checked_function, panel, picture
from diffkit.plots.graphs import plot_graph
from diffkit.plots.traces import plot_trace_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["graph", "trace"]

LINE = 0.32  # inches of a line of the table


@picture
def trace(
    f: Callable[..., Any] | Graph,
    *args: Any,
    seeds: Sequence[int] = (0,),
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **kwargs: Any,
) -> Axes:
    """Draw the forward trace as a table: each line with its value, its rule and its tangents.

    Parameters
    ----------
    f, args, kwargs
        A function or graph with one number as its result, and the point: numbers.
    seeds
        Places of the inputs that move with speed 1; a column for each.

    Raises
    ------
    InputError
        For a seed that is no input's place, or values that do not fit.

    >>> import numpy as np, diffkit as dk
    >>> ax = dk.plots.trace(lambda x1, x2: np.log(x1) + x1 * x2 - np.sin(x2), 2.0, 5.0)
    >>> "11.652" in [text.get_text() for text in ax.texts]
    True
    """
    captured, values = _captured(f, args, kwargs)
    count = len(captured.input_nodes)
    wrong = [seed for seed in seeds if seed not in range(count)]
    if wrong:
        raise InputError(f"there is no input {wrong[0]!r}", hint=f"places are 0 to {count - 1}.")
    rows = count + len(captured.equations)
    with panel(ax, dark, (7.2, max(LINE * (rows + 2), 1.6))) as axes:
        plot_trace_table(captured, values, seeds=seeds, axes=axes, dark=dark)
    return axes


def _captured(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Graph, Any]:
    """The graph of a function at a point, and the values of its inputs."""
    if isinstance(f, Graph):
        return f, (kwargs or args)
    if kwargs:
        raise InputError(
            "name the values only of a graph", hint="pass those of a function in order."
        )
    return traced(checked_function(f), *args), args


@picture
def graph(
    f: Callable[..., Any] | Graph,
    *args: Any,
    across: bool | None = None,
    ax: Axes | None = None,
    dark: bool = BY_THEME,
    **kwargs: Any,
) -> Axes:
    """Draw the expression graph of a function, with values and adjoints where they are known.

    Parameters
    ----------
    f, args, kwargs
        A function and its arguments; or a graph, with values for its inputs or without.
    across
        Whether the graph runs from left to right; by default if it has few layers.

    Returns
    -------
    The axes.  Adjoints are drawn when the inputs are numbers and the result is one number.

    Raises
    ------
    InputError
        For names that are not the inputs of a graph.

    >>> import numpy as np, diffkit as dk
    >>> ax = dk.plots.graph(lambda x, y: x * np.sin(y), 2.0, 1.0)
    >>> any("sin" in text.get_text() for text in ax.texts)
    True
    """
    captured, values = _captured(f, args, kwargs)
    single = (
        len(captured.output_nodes) == 1
        and captured.columns.avals[captured.output_nodes[0]].shape == ()
    )
    scalars = all(var.shape == () for var in captured.inputs)
    return plot_graph(captured, values if values and single and scalars else None, ax, dark=dark,
                      across=across)  # fmt: skip
