"""Closure conversion: one step of a loop, captured and cut out of the capture around it.

The step runs once, on stand-ins for carry and x, in the arena of the function around it.  What
depends on the stand-ins is the body of the loop; where the body reads anything else (weights that
the step closes over, an array, something computed from them alone) the value is made an operand of
the loop, so it is computed once.  The graph tells what is free, not the text of the step.

Reading on: Reynolds 1972, *Definitional interpreters for higher-order programming languages*.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from typing import Any

from diffkit.capture.steps import Step, Tree, outputs_of_step, same_carry, stepped, title_of
from diffkit.capture.tracing import Tracer, here, lift
from diffkit.capture.trees import flatten, leaf_names
from diffkit.errors import DataDependentError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import LITERAL
from diffkit.graph.sources import assigned_name
from diffkit.primitives.control_bodies import Wired, assembled

__all__ = ["Closed"]


class _Unknown:
    """The value of a stand-in: there is none, and whoever asks for it is told so."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise DataDependentError(
            f"scan: {title_of(self.step)} branches on a value that differs from step to step",
            where=here(),
            hint="select with np.where(condition, a, b), or write the loop in Python, which is "
            "captured step by step.",
        )

    __array__ = __array_ufunc__ = __array_function__ = _refuse


class Closed:
    """One step, captured in the arena around it and cut out as a body."""

    def __init__(self, arena: Arena, step: Step, start: Tree, rows: Tree) -> None:
        self.arena, self.step = arena, step
        self.first = len(arena)
        names = _parameters(step)
        carry, x = self._stand_ins(start.avals()), self._stand_ins(rows.avals(stacked=True))
        self.inputs = [t.node for t in carry], [t.node for t in x]  # a step may rebind a tracer
        after, y = stepped(step, start.rebuilt(carry), rows.rebuilt(x))
        self.carry = [lift(arena, leaf).node for leaf in same_carry(start, after, step)]
        self.y = outputs_of_step(y, step)
        self.rows = [lift(arena, leaf).node for leaf in self.y.leaves]
        self.names = [*_names(start, names[0]), *_names(rows, names[1])]
        self._cut_out()

    def _stand_ins(self, avals: Sequence[Aval]) -> list[Tracer]:
        arena = self.arena
        nodes = [arena.new_input(of) for of in avals]
        arena.inner += nodes
        arena.examples.update(dict.fromkeys(nodes, _Unknown(self.step)))
        return [Tracer(arena, node, of) for node, of in zip(nodes, avals, strict=True)]

    def _cut_out(self) -> None:
        """Copy what depends on the stand-ins; what else it reads becomes a constant operand."""
        arena, inside = self.arena, Arena()
        carry, x = self.inputs
        place = {node: inside.new_input(arena.avals[node]) for node in (*carry, *x)}
        body, self.outer = self._divided(place)
        constants = [inside.new_input(arena.avals[node]) for node in self.outer]
        place.update(zip(self.outer, constants, strict=True))
        for node in body:
            operation, operands = arena.operations[node], arena.operands[node]
            if operation is LITERAL:
                place[node] = inside.literal(arena.values[node])
            elif operation.name == "alias":
                place[node] = place[operands[0]]
            else:
                moved = tuple([place[operand] for operand in operands])
                place[node] = inside.emit(operation, moved, arena.sources[node])
        inside.relations = {
            place[node]: (place[primal], suffix)
            for node, (primal, suffix) in arena.relations.items()
            if node in place and primal in place
        }
        self.wired: Wired = assembled(
            inside,
            ([place[node] for node in carry], [place[node] for node in x], constants),
            ([place[node] for node in self.carry], (), [place[node] for node in self.rows]),
            title_of(self.step),
            [*self.names, *_closed_over(self.step, arena, self.outer)],
        )

    def _divided(self, inputs: Any) -> tuple[list[int], list[int]]:
        """The nodes of the body, and the values from outside that it reads, both in order.

        Array constants count as read from outside, so that steps which differ in them alone are
        one body.
        """
        arena = self.arena
        depends = set(inputs)
        for node in range(self.first, len(arena)):
            if any(operand in depends for operand in arena.operands[node]):
                depends.add(node)
        body, outer, stack = set(), set(), [*self.carry, *self.rows]
        while stack:
            node = stack.pop()
            if node in body or node in outer or node in inputs:
                continue
            if node in depends:
                body.add(node)
                stack += arena.operands[node]
            elif arena.operations[node] is LITERAL and not arena.avals[node].shape:
                body.add(node)
            else:
                outer.add(node)
        return sorted(body), sorted(outer)

    def operands(self, start: Tree, rows: Tree) -> list[Any]:
        """The operands of the loop: tracers, and arrays that are the same in every call."""
        arena = self.arena
        constants = [
            arena.values[node]
            if arena.operations[node] is LITERAL
            else Tracer(arena, node, arena.avals[node])
            for node in self.outer
        ]
        return self.wired.operands(start.leaves, rows.leaves, constants)


def _names(tree: Tree, base: str) -> list[str]:
    """Names for the arrays of a tree below a parameter of the step."""
    names = leaf_names(tree.structure, base)
    return [name for name, there in zip(names, tree.present, strict=True) if there]


def _parameters(step: Step) -> tuple[str, str]:
    """What the step calls its two arguments."""
    try:
        names = [p.name for p in inspect.signature(step).parameters.values()]
    except (TypeError, ValueError):
        names = []
    first, second = [*names, *("carry", "x")[len(names) :]][:2]
    return first, second if second.strip("_") else "x"


def _closed_over(step: Step, arena: Arena, nodes: Sequence[int]) -> list[str]:
    """What the step calls the values it reads from outside: the names in its closure, if any."""
    found: dict[int, str] = {}
    function = step.__func__ if isinstance(step, types.MethodType) else step
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        try:
            leaves, structure = flatten(cell.cell_contents)
        except ValueError:  # a variable that has no value yet
            continue
        for leaf, leaf_name in zip(leaves, leaf_names(structure, name), strict=True):
            if isinstance(leaf, Tracer) and leaf.arena is arena:
                found.setdefault(leaf.node, leaf_name)
    return [found.get(node) or assigned_name(arena.sources[node]) or "constant" for node in nodes]
