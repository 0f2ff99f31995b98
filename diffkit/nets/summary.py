"""The summary of a net: what each layer gives, learns and costs.

Operations are those of the graph of the layer for one example, as every count in diffkit; a dense
layer of n inputs and m units with bias costs 2nm and its activation.  Reading on: the costs
that operations declare, in ``primitives/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.graph.notebook import html_of

if TYPE_CHECKING:
    from diffkit.nets.net import Net

__all__ = ["Row", "Summary", "summarise"]

WIDTH = 80  # columns of a terminal


@dataclass(frozen=True)
class Row:
    """One layer of a summary: name, description, output shape, parameters, operations."""

    name: str
    what: str
    shape: tuple[int, ...]
    parameters: int
    flops: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        shape = f"[batch, {', '.join(map(str, self.shape))}]"
        return self.name, self.what, shape, f"{self.parameters:,}", f"{self.flops:,}"


@dataclass(frozen=True, repr=False)
class Summary:
    """The rows of a net and their totals; prints as a table of 80 columns at most."""

    rows: tuple[Row, ...]

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(row.parameters for row in self.rows)

    @property
    def flops(self) -> int:
        """All operations for one example."""
        return sum(row.flops for row in self.rows)

    def __rich__(self) -> Any:
        """The table, for a rich console."""
        from rich.table import Table
        from rich.text import Text

        # Text, since rich would read [batch, 32] as a style
        table = Table(title="Layers", title_justify="left", box=None, show_footer=True)
        for header, footer, right in self._columns():
            table.add_column(header, footer, justify="right" if right else "left")
        for row in self.rows:
            table.add_row(*map(Text, row.cells))
        return table

    def _columns(self) -> list[tuple[str, str, bool]]:
        return [
            ("layer", "total", False),
            ("", "", False),
            ("output", "", False),
            ("parameters", f"{self.parameters:,}", True),
            ("operations", f"{self.flops:,}", True),
        ]

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        paper = StringIO()
        console = Console(
            file=paper, width=WIDTH, no_color=True, force_terminal=False, force_jupyter=False
        )
        console.print(self)
        return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_of(self)


def summarise(net: Net) -> Summary:
    """The summary of a net, its operations counted on the graph of each layer.

    >>> from diffkit.nets.models import mlp
    >>> [(row.name, row.parameters) for row in summarise(mlp([4, 3, 2])).rows]
    [('dense1', 15), ('dense2', 8)]
    """
    parts = zip(net.names, net.layers, net.shapes[:-1], net.shapes[1:], strict=True)
    return Summary(tuple(_row(*part) for part in parts))


def _row(name: str, layer: Any, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> Row:
    from diffkit.capture.capturing import trace

    shapes = layer.param_shapes(in_shape)
    params = {key: np.zeros(shape) for key, shape in shapes.items()}
    graph = trace(lambda params, x: layer(params, x), params, np.zeros((1, *in_shape)))
    count = sum(prod(shape) for shape in shapes.values())
    return Row(name, layer.describe(), out_shape, count, graph.flops())
