"""The base classes of primitives, and their registry.

A primitive is one class in one place: its value, its shape rule, its symbolic form, its
derivative, its cost, its domain and its kinks.  There are three kinds.

* :class:`Elementwise`: y = φ(x₁, x₂, …) on every element.  Declares partial derivatives
  ∂φ/∂xᵢ; forward mode is Σ (∂φ/∂xᵢ) ẋᵢ and reverse mode x̄ᵢ = (∂φ/∂xᵢ) ȳ.
* :class:`Linear`: linear in some operands.  Forward mode is the operation itself on tangents,
  reverse mode its transpose: ⟨ȳ, A ẋ⟩ = ⟨Aᵀ ȳ, ẋ⟩.
* :class:`Other`: declares both rules, and its value in pure Python over objects.

Rules are written with primitives and see tracers only, so a derivative is always a graph and
can be differentiated again.  A class that lacks something fails at import with the list.
Reading on: Baydin et al. 2018, *Automatic differentiation in machine learning: a survey*,
section 3; the drivers that call these rules are in ``differentiate/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, TypeVar

import numpy as np

from diffkit.errors import DtypeError, RuleError, ShapeError, UnsupportedError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import Operation

__all__ = [
    "REGISTRY",
    "Elementwise",
    "Kink",
    "Linear",
    "Other",
    "Primitive",
    "Selected",
    "aligned",
    "primitive",
]

REGISTRY: dict[str, Primitive] = {}

P = TypeVar("P", bound="Primitive")

_MISSING: Any = object()


@dataclass(frozen=True)
class Kink:
    """A place where the derivative does not exist, and the derivative that was chosen.

    ``at`` are operand values; ``wrt`` the operand that moves; ``slopes`` the derivatives from
    the left and from the right (None where infinite or undefined); ``declared`` our choice.
    """

    at: tuple[float, ...]
    slopes: tuple[float | None, float | None]
    declared: float
    wrt: int = 0
    note: str = ""


class Selected:
    """A partial derivative that is ``factor`` where ``mask`` holds and exactly 0 elsewhere.

    The driver selects instead of multiplying, so that 0·∞ is never formed where the mask is
    False: the gradient of ``where(x > 0, log(x), 0)`` is right at 0.
    """

    __slots__ = ("factor", "mask")

    def __init__(self, mask: Any, factor: Any = 1) -> None:
        self.mask = mask
        self.factor = factor


class Primitive:
    """What all three kinds share; see the module's essay."""

    kind: ClassVar[str] = ""
    required: ClassVar[tuple[str, ...]] = ("value",)
    name: str = ""
    value: Any = _MISSING
    # True: ``value`` is analytic as it stands; a callable: its continuation to complex numbers
    # over the same real domain; None: the complex step is refused.
    analytic: Any = None
    # Operands that carry no derivative (conditions, indices).
    inert: tuple[int, ...] = ()
    # A SymPy form that keeps its digits where the textbook one (``sympy``, ``generic``) does not.
    stable: Any = None
    # How the operation is written in code; names are resolved by each backend.
    emit: str | None = None
    # An operation on one array: its parameters that name axes, which move one place when an axis
    # of examples comes first.  None: ``batch`` is written out, or its general form serves.
    axis_params: ClassVar[tuple[str, ...] | None] = None

    def __init__(self) -> None:
        self.bare = Operation.of(self, ())

    def __call__(self, *operands: Any, **params: Any) -> Any:
        for operand in operands:
            bind = getattr(operand, "bind_primitive", None)
            if bind is not None:
                return bind(self, operands, params)
        return self.value(*operands, **params)

    def operation(self, params: Mapping[str, Any]) -> Operation:
        """The interned operation of this primitive with these parameters."""
        return Operation.of(self, tuple(sorted(params.items()))) if params else self.bare

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any]) -> Aval:
        """The abstract value of the result."""
        raise NotImplementedError

    def cost(self, out: Aval, avals: Sequence[Aval], params: Mapping[str, Any]) -> int:
        """The declared floating-point operations of one evaluation."""
        raise NotImplementedError

    def dtypes(self, avals: Sequence[Aval]) -> tuple[np.dtype[Any], ...] | None:
        """The dtypes the operands must be cast to first, or None when they fit as they are."""
        return None

    def batch(self, batched: tuple[bool, ...], *operands: Any, size: int, **params: Any) -> Any:
        """The results for ``size`` examples (one or more), stacked along axis 0.

        ``batched`` says which operands carry the axis of examples, as their axis 0; at least
        one does.  The general form, one call per example, is right for every operation.
        """
        if self.axis_params is not None:
            behind = {name: _one_place_on(params[name]) for name in self.axis_params}
            return self(*operands, **params | behind)
        examples = [
            self(*(x[i] if b else x for x, b in zip(operands, batched, strict=True)), **params)
            for i in range(size)
        ]
        return np.stack(examples)

    def inner(self, params: Mapping[str, Any]) -> tuple[Any, int] | None:
        """The graph that the operation runs inside, and how many times; None for most."""
        return None

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> Any:
        return _lookup, (self.name, type(self).__module__)


def _lookup(name: str, module: str) -> Primitive:
    if name not in REGISTRY and module.startswith("diffkit."):
        import_module(module)  # special functions are imported at their first use
    return REGISTRY[name]


def _one_place_on(axes: Any) -> Any:
    return tuple(axis + 1 for axis in axes) if isinstance(axes, tuple) else axes + 1


def aligned(batched: Sequence[bool], operands: Sequence[Any]) -> list[Any]:
    """Operands that broadcast as they do within one example, the axis of examples in front.

    Where an operand has fewer axes than another, axes of size 1 come between its axis of
    examples and its own; operands without that axis broadcast along it as they are.

    >>> [x.shape for x in aligned((True, False), (np.zeros(5), np.zeros((2, 3))))]
    [(5, 1, 1), (2, 3)]
    """
    ranks = [x.ndim - b for x, b in zip(operands, batched, strict=True)]
    missing = [(1,) * (max(ranks) - rank) for rank in ranks]
    return [
        np.reshape(x, (x.shape[0], *ones, *x.shape[1:])) if b and ones else x
        for x, b, ones in zip(operands, batched, missing, strict=True)
    ]


def _broadcast(name: str, avals: Sequence[Aval]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(a.shape for a in avals))
    except ValueError:
        shapes = ", ".join(map(repr, avals))
        raise ShapeError(
            f"{name}: the shapes {shapes} do not broadcast together",
            hint="sizes must be equal or 1, counted from the last axis; reshape one operand.",
        ) from None


class Elementwise(Primitive):
    """y = φ(x₁, x₂, …) on every element, with broadcasting."""

    kind = "elementwise"
    required = ("value", "sympy", "partials", "flops", "domain", "kinks")
    flops: int = _MISSING
    domain: Any = _MISSING
    kinks: tuple[Kink, ...] = _MISSING
    # True: integers become float64 first (sin); False: they stay integers (add).
    floating: bool = True
    # The dtype of the result where it is not the operands' own (comparisons give bool).
    result: str | None = None
    # False: refuses booleans, as NumPy does (a difference of truth values has no meaning).
    takes_bool: bool = True

    def sympy(self, *x: Any, **params: Any) -> Any:
        """The SymPy form of y."""
        raise NotImplementedError

    def partials(self, y: Any, *x: Any, **params: Any) -> tuple[Callable[[], Any] | None, ...]:
        """One thunk per operand, giving ∂y/∂xᵢ (a tracer, or the number 0, 1 or −1)."""
        raise NotImplementedError

    def dtypes(self, avals: Sequence[Aval]) -> tuple[np.dtype[Any], ...] | None:
        active = [a.dtype for i, a in enumerate(avals) if i not in self.inert]
        if not active:
            return None
        common = active[0] if len(active) == 1 else np.result_type(*active)
        if common.kind == "c":
            raise DtypeError(
                f"{self.name}: complex operands are not supported",
                hint="differentiate the real and imaginary parts as separate arguments.",
            )
        if common.kind == "b" and not self.takes_bool and not self.floating:
            raise DtypeError(
                f"{self.name}: booleans are not numbers here",
                hint="convert them first, for example mask.astype(float).",
            )
        if common == np.float16 or (self.floating and common.kind in "iub"):
            common = np.dtype(np.float64)
        if all(dtype == common for dtype in active):
            return None
        return tuple(a.dtype if i in self.inert else common for i, a in enumerate(avals))

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any]) -> Aval:
        shape = avals[0].shape if len(avals) == 1 else _broadcast(self.name, avals)
        if self.result is not None:
            return aval(shape, self.result)
        active = [a for i, a in enumerate(avals) if i not in self.inert]
        return aval(shape, active[0].dtype)

    def cost(self, out: Aval, avals: Sequence[Aval], params: Mapping[str, Any]) -> int:
        return self.flops * out.size

    def batch(self, batched: tuple[bool, ...], *operands: Any, size: int, **params: Any) -> Any:
        return self(*aligned(batched, operands), **params)


class Linear(Primitive):
    """Linear in the operands ``linear_in``; ``joint`` if in all of them together."""

    kind = "linear"
    required = ("value", "shape", "transpose", "linear_in", "joint")
    # "all": in every operand, however many there are (concatenate, einsum).
    linear_in: tuple[int, ...] | str = _MISSING
    joint: bool = _MISSING
    analytic = True

    def linear_operands(self, count: int) -> tuple[int, ...]:
        """The operands it is linear in, when it is called with ``count`` of them."""
        return tuple(range(count)) if isinstance(self.linear_in, str) else self.linear_in

    def shape(self, *avals: Aval, **params: Any) -> Any:
        """The shape of the result (or an abstract value, where the dtype changes too)."""
        raise NotImplementedError

    def transpose(self, ct: Any, *x: Any, **params: Any) -> tuple[Callable[[], Any] | None, ...]:
        """One thunk per operand, giving its cotangent."""
        raise NotImplementedError

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        """The declared cost; data movement is free."""
        return 0

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any]) -> Aval:
        found = self.shape(*avals, **params)
        return found if isinstance(found, Aval) else aval(found, avals[0].dtype)

    def cost(self, out: Aval, avals: Sequence[Aval], params: Mapping[str, Any]) -> int:
        return self.flops(out, avals, **params)


class Other(Primitive):
    """Neither elementwise nor linear: declares both rules side by side."""

    kind = "other"
    required = ("value", "shape", "jvp", "vjp", "generic", "flops")
    # True: ``vjp`` is told which operands need a cotangent (``active``), before it does the work.
    takes_active: ClassVar[bool] = False

    def shape(self, *avals: Aval, **params: Any) -> Any:
        """The shape of the result (or an abstract value)."""
        raise NotImplementedError

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], **params: Any) -> Any:
        """The tangent of y; ``x_dot`` has None for operands that do not move."""
        raise NotImplementedError

    def vjp(self, ct: Any, y: Any, *x: Any, **params: Any) -> tuple[Callable[[], Any] | None, ...]:
        """One thunk per operand, giving its cotangent."""
        raise NotImplementedError

    def generic(self, *x: Any, **params: Any) -> Any:
        """The value over object arrays, in Python's own operators."""
        raise NotImplementedError

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        """The declared cost."""
        raise NotImplementedError

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any]) -> Aval:
        found = self.shape(*avals, **params)
        return found if isinstance(found, Aval) else aval(found, avals[0].dtype)

    def cost(self, out: Aval, avals: Sequence[Aval], params: Mapping[str, Any]) -> int:
        return self.flops(out, avals, **params)


def primitive(cls: type[P]) -> P:
    """Register a primitive class and replace it with its one instance.

    Raises
    ------
    RuleError
        When the class leaves out something its kind requires; the message lists it.
    UnsupportedError
        When the name is taken.
    """
    base = next(c for c in cls.__mro__ if c in (Elementwise, Linear, Other))
    name = cls.__dict__.get("name") or cls.__name__.strip("_")
    missing = [field for field in base.required if getattr(cls, field) is getattr(base, field)]
    if missing:
        raise RuleError(
            f"primitive {name!r} ({base.kind}) is incomplete: it lacks {', '.join(missing)}",
            hint=f"a primitive of kind {base.kind} declares {', '.join(base.required)}.",
        )
    if name in REGISTRY:
        raise UnsupportedError(f"a primitive named {name!r} is registered already")
    if not cls.__doc__:
        raise RuleError(f"primitive {name!r} has no docstring", hint="say what it computes.")
    cls.name = name
    instance = cls()
    REGISTRY[name] = instance
    return instance
