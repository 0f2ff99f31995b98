"""Reductions: sums, products and extremes over axes, seen as (outer, count, inner)."""

from __future__ import annotations

from math import prod

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value

__all__ = ["arranged"]


def arranged(builder: Builder, node: int) -> tuple[Value, int, int, int] | None:
    """The operand in C order, and its outer, count and inner sizes; None for other dtypes.

    Axes that are not neighbours are brought to the end by a copy.
    """
    (operand,) = builder.operands(node)
    if builder.aval(operand).dtype.str[1:] not in ("f8", "f4"):
        return None
    value, axes = builder.numbers(operand), builder.params(node)["axes"]
    ndim = len(value.shape)
    if axes and axes[-1] - axes[0] != len(axes) - 1:
        kept = [k for k in range(ndim) if k not in axes]
        order = [*kept, *axes]
        value = value.viewed([value.shape[k] for k in order], [value.strides[k] for k in order])
        axes = tuple(range(len(kept), ndim))
    value = builder.made_dense(value)
    first, last = (axes[0], axes[-1] + 1) if axes else (ndim, ndim)
    return (value, prod(value.shape[:first]), prod(value.shape[first:last]),
            prod(value.shape[last:]))  # fmt: skip


@rule("sum", "prod", "max", "min")
def reduce(builder: Builder, node: int) -> bool | None:
    """One row of the reduction's kernel."""
    found = arranged(builder, node)
    if found is None or 0 in found[1:]:
        return False
    name = builder.columns.operations[node].name
    builder.row(f"{name}_{found[0].width}", found[0], builder.result(node), *found[1:])
    return None
