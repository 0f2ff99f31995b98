"""Rule templates: each derivative rule is traced once and then spliced as rows of integers.

A rule is readable Python over tracers.  What it writes down depends only on the operation, on
the shapes and dtypes of its operands and on which of them move; so it is traced once into a
small arena, and every further use copies its rows into the growing derivative.  The results are
the same equations; the cost per adjoint operation falls to a few microseconds.

Zero, one and minus one are structural: they never become equations.  A selection stays a
selection, Note [Kinks] in ``primitives/piecewise.py``: when a product or a movement of data
meets ``mask(m, x)``, the mask is taken outside, so that 0·∞ is never formed where m is False.
(Sums, matmul and scatters with repeats do not commute with a mask; there the zeros are plain
numbers.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer, cast_to, lift
from diffkit.errors import RuleError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import INPUT, LITERAL, Operation
from diffkit.graph.irrational import meaning_of, number_in
from diffkit.graph.primitive import Elementwise, Linear, Other, Selected
from diffkit.graph.sources import Source
from diffkit.primitives.arithmetic import add, div, mul, neg
from diffkit.primitives.piecewise import mask
from diffkit.primitives.reductions import sum_
from diffkit.primitives.shaping import reshape, spread

__all__ = ["Template", "jvp_template", "splice", "vjp_template"]

# Operand positions through which a mask may be taken outside.
LIFTED: dict[str, tuple[int, ...]] = {
    "mul": (0, 1), "div": (0,), "neg": (0,),
    "reshape": (0,), "transpose": (0,), "spread": (0,), "getitem": (0,),
}  # fmt: skip
_ELEMENTWISE_LIFTS = ("mul", "div", "neg")
_MOVES = ("reshape", "transpose", "spread")
_PLAIN, _CHECKED, _MASK = 0, 1, 2


class Template:
    """Rows (operation, slots, abstract value, care) over an environment, and the output slots."""

    __slots__ = ("outputs", "rows")

    def __init__(self, arena: Arena, outputs: Sequence[Tracer | None]) -> None:
        wanted = [t.node for t in outputs if t is not None]
        live = arena._reachable(wanted) if wanted else bytearray(len(arena))
        slot: dict[int, int] = {}
        self.rows: list[tuple[Any, ...]] = []
        for node, operation in enumerate(arena.operations):
            if operation is INPUT:
                slot[node] = len(slot)
            elif live[node]:
                if operation is LITERAL:
                    self.rows.append((None, arena.values[node], None, 0))
                else:
                    slots = tuple([slot[i] for i in arena.operands[node]])
                    self.rows.append((operation, slots, arena.avals[node], _care(operation)))
                slot[node] = len(slot)
        self.outputs = tuple([None if t is None else slot[t.node] for t in outputs])


def _care(operation: Operation) -> int:
    if operation.name == "mask":
        return _MASK
    return _CHECKED if operation.name in LIFTED else _PLAIN


def splice(
    arena: Arena, template: Template, environment: list[int], source: Source
) -> list[int | None]:
    """Add a template's rows to an arena; ``environment`` holds the nodes of its inputs."""
    table, operations, operand_column = arena.table, arena.operations, arena.operands
    avals, sources = arena.avals, arena.sources
    slots_to_node = environment
    for operation, slots, aval, care in template.rows:
        if operation is None:
            slots_to_node.append(arena.literal(slots))
            continue
        operands = tuple([slots_to_node[i] for i in slots])
        key = (operation, *operands)
        node = table.get(key)
        if node is None:
            if care and (care == _MASK or arena.has_masks or _has_unit(arena, operands)):
                node = _emit_lifted(arena, operation, operands, source)
                table[key] = node
            else:
                node = len(operations)
                operations.append(operation)
                operand_column.append(operands)
                avals.append(aval)
                sources.append(source)
                table[key] = node
        slots_to_node.append(node)
    return [None if i is None else slots_to_node[i] for i in template.outputs]


def _has_unit(arena: Arena, operands: tuple[int, ...]) -> bool:
    units = arena.units
    return operands[0] in units or operands[-1] in units


def _emit_lifted(
    arena: Arena, operation: Operation, operands: tuple[int, ...], source: Source
) -> int:
    """Emit with 1·x → x, and with masks taken outside products and movements of data."""
    name = operation.name
    if name == "mul":
        for one, other in (operands, operands[::-1]):
            if one in arena.units and _absorbs(arena.avals[other], arena.avals[one]):
                return other
    for place in LIFTED.get(name, ()):
        inner = operands[place]
        if arena.operations[inner] is not mask.bare:
            continue
        condition, selected = arena.operands[inner]
        if name not in _ELEMENTWISE_LIFTS:
            shape = arena.avals[inner].shape
            if not arena.avals[condition].shape == shape == arena.avals[selected].shape:
                continue  # one of them was broadcast by the mask: it has no such places
            moved = (condition, *operands[1:])
            condition = arena.emit(operation, moved, source)
        replaced = (*operands[:place], selected, *operands[place + 1 :])
        product = _emit_lifted(arena, operation, replaced, source)
        if arena.avals[product].shape != _joint_shape(arena, condition, product):
            continue
        return arena.emit(mask.bare, (condition, product), source)
    node = arena.emit(operation, operands, source)
    if name in _MOVES and operands[0] in arena.units:
        arena.units.add(node)  # ones that are moved or spread are still ones
    return node


def _absorbs(other: Aval, one: Aval) -> bool:
    """Whether a product with ones of this shape and dtype is the other factor itself."""
    return other.dtype == one.dtype and np.broadcast_shapes(other.shape, one.shape) == other.shape


def _joint_shape(arena: Arena, *nodes: int) -> tuple[int, ...]:
    return np.broadcast_shapes(*(arena.avals[node].shape for node in nodes))


# Tracing a rule ---------------------------------------------------------------------------------


def vjp_template(
    operation: Operation,
    avals: tuple[Aval, ...],
    out: Aval,
    active: tuple[bool, ...],
    unit: bool,
) -> Template:
    """The template of a pullback; its inputs are the operands, y, and (unless unit) ȳ.

    Its outputs are the cotangents of the operands, None where nothing flows.
    """
    key = ("vjp", avals, active, unit)
    template = operation.templates.get(key)
    if template is None:
        arena = Arena()
        x = [_fresh(arena, a) for a in avals]
        y = _fresh(arena, out)
        y_bar = None if unit else _fresh(arena, out)
        thunks = _pullback(operation, y_bar, y, x, active)
        outputs = [
            _cotangent(operation, thunk, y_bar, y, x_i) if moves else None
            for thunk, moves, x_i in zip(thunks, active, x, strict=True)
        ]
        template = operation.templates[key] = Template(arena, outputs)
    return template


def _fresh(arena: Arena, aval: Aval) -> Tracer:
    return Tracer(arena, arena.new_input(aval), aval)


def _pullback(
    operation: Operation, y_bar: Any, y: Tracer, x: list[Tracer], active: tuple[bool, ...]
) -> Sequence[Any]:
    primitive = operation.primitive
    if isinstance(primitive, Elementwise):
        thunks = primitive.partials(y, *x, **operation.kwargs)
    elif isinstance(primitive, Linear):
        y_bar = _one(y) if y_bar is None else y_bar
        thunks = primitive.transpose(y_bar, *x, **operation.kwargs)
    elif isinstance(primitive, Other):
        y_bar = _one(y) if y_bar is None else y_bar
        told = {"active": active} if primitive.takes_active else {}
        thunks = primitive.vjp(y_bar, y, *x, **told, **operation.kwargs)
    else:
        raise RuleError(f"{operation.name} has no derivative rule")
    if len(thunks) != len(x):
        raise RuleError(
            f"{operation.name}: the rule gives {len(thunks)} cotangents for {len(x)} operands",
            hint="return one thunk (or None) per operand; mind the comma of a one-tuple.",
        )
    return thunks


def _one(y: Tracer) -> Tracer:
    return lift(y.arena, np.ones(y.aval.shape, y.aval.dtype)[()])


def _cotangent(
    operation: Operation, thunk: Any, y_bar: Tracer | None, y: Tracer, x: Tracer
) -> Tracer | None:
    if thunk is None:
        return None
    result = thunk()
    if result is None:
        return None
    if isinstance(operation.primitive, Elementwise):
        result = _times(result, y_bar, x)
    if result is None:
        return None
    x_bar = unbroadcast(lift(y.arena, result), x.aval)
    if x_bar.aval is not x.aval:
        raise RuleError(
            f"{operation.name}: the cotangent is {x_bar.aval}, but the operand is {x.aval}",
            hint="the transpose must have the operand's shape and dtype.",
        )
    return x_bar


def _times(partial: Any, moved: Tracer | None, x: Tracer) -> Tracer | None:
    """partial · moved with structural 0, 1, −1 and selections; ``moved`` None stands for 1."""
    if isinstance(partial, Selected):
        factor = _times(partial.factor, moved, x)
        if factor is None:
            return None
        return mask(partial.mask, factor)
    if isinstance(partial, Tracer):
        return partial if moved is None else _product(partial, moved)
    if partial == 0:
        return None
    if moved is None:
        return lift(x.arena, number_in(x.aval.dtype, partial))
    if partial == 1:
        return moved
    return neg(moved) if partial == -1 else mul(moved, partial)


def _product(partial: Tracer, moved: Tracer) -> Tracer:
    """partial · moved; a partial c/b becomes (c·moved)/b, one rounding less than (c/b)·moved."""
    arena = partial.arena
    if arena.operations[partial.node] is div.bare:
        numerator, denominator = arena.operands[partial.node]
        constant = arena.values.get(numerator)
        if constant is not None and constant.ndim == 0:
            below = Tracer(arena, denominator, arena.avals[denominator])
            number = meaning_of(constant) or float(constant)
            return div(_times(number, moved, moved), below)
    # a rule may have made its partial from plain numbers, in float64
    return mul(cast_to(partial, moved.aval.dtype), moved)


def unbroadcast(x_bar: Tracer, aval: Aval) -> Tracer:
    """Sum a cotangent over the axes along which its operand was broadcast."""
    if x_bar.aval.shape == aval.shape:
        return x_bar
    shape = aval.shape
    if x_bar.aval.ndim < len(shape) or 0 < x_bar.aval.size < aval.size:
        return broadcast(x_bar, shape)
    lead = x_bar.aval.ndim - len(shape)
    axes = tuple(
        i for i in range(x_bar.aval.ndim)
        if i < lead or (shape[i - lead] == 1 and x_bar.aval.shape[i] != 1)
    )  # fmt: skip
    summed = sum_(x_bar, axes=axes) if axes else x_bar
    return summed if summed.aval.shape == shape else reshape(summed, shape=shape)


def broadcast(x: Tracer, shape: tuple[int, ...]) -> Tracer:
    """Spread a value over the axes it lacks, or has with size 1."""
    if x.aval.shape == shape:
        return x
    lead = len(shape) - x.aval.ndim
    axes = tuple(
        i for i in range(len(shape))
        if i < lead or (x.aval.shape[i - lead] == 1 and shape[i] != 1)
    )  # fmt: skip
    kept = tuple(shape[i] for i in range(len(shape)) if i not in axes)
    flat = x if x.aval.shape == kept else reshape(x, shape=kept)
    return spread(flat, axes=axes, sizes=tuple(shape[i] for i in axes))


def jvp_template(
    operation: Operation, avals: tuple[Aval, ...], out: Aval, active: tuple[bool, ...]
) -> Template:
    """The template of a pushforward; its inputs are the operands, y, and the active tangents."""
    key = ("jvp", avals, active)
    template = operation.templates.get(key)
    if template is None:
        arena = Arena()
        x = [_fresh(arena, a) for a in avals]
        y = _fresh(arena, out)
        x_dot = [
            _fresh(arena, a) if moves else None for a, moves in zip(avals, active, strict=True)
        ]
        y_dot = _pushforward(operation, y, x, x_dot)
        if y_dot is not None:
            y_dot = broadcast(y_dot, out.shape)
            if y_dot.aval is not out:
                raise RuleError(f"{operation.name}: the tangent is {y_dot.aval}, not {out}")
        template = operation.templates[key] = Template(arena, [y_dot])
    return template


def _pushforward(
    operation: Operation, y: Tracer, x: list[Tracer], x_dot: list[Tracer | None]
) -> Tracer | None:
    primitive = operation.primitive
    if isinstance(primitive, Other):
        return primitive.jvp(y, x, x_dot, **operation.kwargs)
    if isinstance(primitive, Linear):
        terms = _linear_terms(primitive, operation, x, x_dot)
    else:
        thunks = primitive.partials(y, *x, **operation.kwargs)  # type: ignore[attr-defined]
        terms = [
            _times(thunk(), moved, moved)
            for thunk, moved in zip(thunks, x_dot, strict=True)
            if thunk is not None and moved is not None
        ]
    total: Tracer | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else add(total, term)
    return total


def _linear_terms(
    primitive: Linear, operation: Operation, x: list[Tracer], x_dot: list[Tracer | None]
) -> list[Tracer | None]:
    moving = primitive.linear_operands(len(x))
    if primitive.joint:
        if all(x_dot[i] is None for i in moving):
            return []
        tangents: list[Any] = list(x)
        for i in moving:
            given = x_dot[i]
            zero = lift(x[i].arena, np.zeros(x[i].aval.shape, x[i].aval.dtype)[()])
            tangents[i] = zero if given is None else given
        return [primitive(*tangents, **operation.kwargs)]
    terms: list[Tracer | None] = []
    for i in moving:
        if x_dot[i] is not None:
            operands = [*x[:i], x_dot[i], *x[i + 1 :]]
            terms.append(primitive(*operands, **operation.kwargs))
    return terms
