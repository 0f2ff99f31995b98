"""Reductions: sums, products and extremes over axes, seen as (outer, count, inner)."""

from __future__ import annotations

from math import prod

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value

__all__ = ["arranged", "arranged_over", "brought_back", "neighbours"]

WIDTHS = ("f8", "f4", "i8")


def arranged(builder: Builder, node: int) -> tuple[Value, int, int, int] | None:
    """The operand in C order, and its outer, count and inner sizes; None for other dtypes."""
    (operand,) = builder.operands(node)
    if builder.aval(operand).dtype.str[1:] not in WIDTHS:
        return None
    params = builder.params(node)
    axes = params["axes"] if "axes" in params else (params["axis"],)
    return arranged_over(builder, builder.numbers(operand), axes)


def arranged_over(
    builder: Builder, value: Value, axes: tuple[int, ...]
) -> tuple[Value, int, int, int]:
    """An array in C order, and its outer, count and inner sizes for a reduction over axes.

    Axes that are not neighbours are brought to the end by a copy.
    """
    ndim = len(value.shape)
    if not neighbours(axes):
        order = _to_the_end(ndim, axes)
        value = value.viewed([value.shape[k] for k in order], [value.strides[k] for k in order])
        axes = tuple(range(ndim - len(axes), ndim))
    value = builder.made_dense(value)
    first, last = (axes[0], axes[-1] + 1) if axes else (ndim, ndim)
    return (value, prod(value.shape[:first]), prod(value.shape[first:last]),
            prod(value.shape[last:]))  # fmt: skip


def neighbours(axes: tuple[int, ...]) -> bool:
    """Whether axes, in rising order, have none between them that is left out."""
    return not axes or axes[-1] - axes[0] == len(axes) - 1


def _to_the_end(ndim: int, axes: tuple[int, ...]) -> list[int]:
    return [*(k for k in range(ndim) if k not in axes), *axes]


def brought_back(value: Value, axes: tuple[int, ...]) -> Value:
    """The view that undoes what :func:`arranged` did to axes that are no neighbours."""
    places = _to_the_end(len(value.shape), axes)
    order = [places.index(k) for k in range(len(places))]
    return value.viewed([value.shape[k] for k in order], [value.strides[k] for k in order])


@rule("sum", "prod", "max", "min", "cumsum", "argmax", "argmin")
def reduce(builder: Builder, node: int) -> bool | None:
    """One row of the reduction's kernel."""
    found = arranged(builder, node)
    if found is None:
        return False
    name = builder.columns.operations[node].name
    builder.row(f"{name}_{found[0].width}", found[0], builder.result(node), *found[1:])
    return None
