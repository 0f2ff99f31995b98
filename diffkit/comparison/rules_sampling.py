"""Operands for checking a rule: readable random numbers from the primitive's own domain.

A failure is easier to think about when the numbers are short, so operands are drawn from
k/100 (the idea of ``rand_tangent`` in ChainRulesTestUtils.jl).  Multiples of ½ are left out
and no number is drawn twice, so that no sample sits on a kink by accident: kinks are declared,
and are checked where they are declared.

An elementwise primitive is sampled from its declaration alone.  A linear or other primitive
needs shapes and parameters that only a person can choose: :data:`SAMPLES` lists them by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffkit.capture.capturing import capture
from diffkit.comparison.rules_special import SPECIAL_SAMPLES
from diffkit.errors import InputError
from diffkit.graph.primitive import Elementwise, Primitive
from diffkit.primitives.control import Body

__all__ = ["SAMPLES", "Sample", "add_samples", "draw", "draw_like", "draw_sample", "samples_for"]

GRID = 100  # operands are k/GRID
SKIPPED = GRID // 2  # multiples of ½ are where kinks tend to lie
REALS = (-2.0, 2.0)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sample:
    """What to call a primitive with: shapes (filled at random) or fixed arrays, and parameters."""

    operands: tuple[Shape | np.ndarray, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    interval: tuple[float, float] | None = None


def _of(*operands: Shape | np.ndarray, interval: Any = None, **params: Any) -> Sample:
    return Sample(operands, params, interval)


_TRUE_FALSE = np.array([True, False, True])
_MASK = np.array([[True], [False]])
_TWICE, _COLUMNS = np.array([2, 0, 2]), np.array([3, 1, 3])
_RUNS = np.array([-0.7, 0.4, 0.4, 1.3])
_SLIDING = {"stride": (2, 1), "padding": ((1, 0), (0, 1))}
_PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0))}


def _step(carries: int, rows: int, *shapes: Shape) -> Body:
    """A step c, x, w → c + x·sin(c·w), c·x to check loops with; x and w may be left out."""

    def step(c: Any, *xw: Any) -> Any:
        x, w = xw if len(xw) == 2 else (*xw, 0.7) if xw else (0.3, 0.7)
        return (c + x * np.sin(c * w), c * x)[: 2 if rows else 1]

    return Body(capture(step, [np.zeros(shape) for shape in shapes]), carries, rows)


# Matrices far from singular, in all dtypes: as truth values they are the identity.
_REGULAR = np.array([[2.1, -0.3], [-0.4, 1.7]])
_LARGER = np.array([[1.9, -0.4, -0.3], [-0.2, 2.3, -0.6], [-0.7, -0.1, 1.2]])
_DEFINITE = np.array([[[2.0, 9.0], [-0.6, 1.5]], [[1.25, 9.0], [-0.3, 3.0]]])
_FOUR = np.array([[2, -0.5, -0.3, -0.1], [-0.4, 1, -0.2, -0.6], [-0.7, -0.8, 3, -0.9],
                  [-0.2, -0.1, -1.1, 1.5]])  # fmt: skip
_GAPS = np.array([[0.7, 1.3], [1.1, 0.6]])
_TALL = np.array([[1.9, -0.4], [-0.3, 1.3], [-0.8, -0.6]])
_TRIANGLE = {"lower": True, "transposed": False, "unit": False}
_LOW, _HIGH = np.array([-0.7]), np.array([0.8])

# Shapes and parameters by primitive name.
SAMPLES: dict[str, tuple[Sample, ...]] = {
    # arithmetic and piecewise operations with parameters or conditions
    "integer_power": tuple(_of((3,), n=n) for n in (3, 2, 1, 0, -1, -2)),
    "probe": (_of((3,), name="hidden"),),
    "cast": (_of((3,), dtype="<f8"),),
    "logical_and": (_of(_TRUE_FALSE, ~_TRUE_FALSE), _of(_TRUE_FALSE, _MASK)),
    "logical_or": (_of(_TRUE_FALSE, ~_TRUE_FALSE), _of(_TRUE_FALSE, _MASK)),
    "logical_not": (_of(_TRUE_FALSE),),
    "mask": (_of(_TRUE_FALSE, (3,)), _of(_MASK, (3,))),
    "where": (_of(_TRUE_FALSE, (3,), (3,)), _of(_MASK, (3,), ())),
    "clip": (_of((4,), _LOW, _HIGH), _of((2, 3), np.array(-0.7), np.array([0.8, 0.9, 1.1]))),
    # shaping
    "reshape": (_of((2, 3), shape=(3, 2)), _of((4,), shape=(2, 2)), _of((), shape=(1,))),
    "transpose": (_of((2, 3), axes=(1, 0)), _of((2, 1, 3), axes=(2, 0, 1))),
    "spread": (_of((3,), axes=(0,), sizes=(2,)), _of((), axes=(0, 1), sizes=(2, 3))),
    "concatenate": (_of((2, 3), (1, 3), axis=0), _of((2, 1), (2, 2), (2, 1), axis=1)),
    "flip": (_of((2, 3), axes=(1,)), _of((2, 3), axes=(0, 1))),
    # indexing: the index arrays read one element twice, so that the transpose must add
    "getitem": (
        _of((4,), index=(2,)),
        _of((3, 4), index=(-1, ("slice", 3, None, -2))),
        _of((3, 4), index=(None, ("slice", None, 2, None), 1)),
        _of((3, 4), _TWICE, index=(("array", 1),)),
        _of((3, 4), _TWICE, _COLUMNS, index=(("array", 1), ("array", 2))),
    ),
    "scatter_add": (
        _of((), index=(2,), shape=(4,)),
        _of((2,), index=(-1, ("slice", 3, None, -2)), shape=(3, 4)),
        _of((3, 2), _TWICE, index=(("array", 1),), shape=(4, 2)),
        _of((3,), _TWICE, _COLUMNS, index=(("array", 1), ("array", 2)), shape=(3, 4)),
    ),
    # reductions
    "sum": (_of((2, 3), axes=(0,)), _of((2, 3), axes=(0, 1)), _of((3,), axes=())),
    "cumsum": (_of((2, 3), axis=1), _of((4,), axis=0)),
    "prod": (
        _of((2, 3), axes=(1,)),
        _of((2, 2, 2), axes=(0, 2)),
        _of((1,), axes=(0,)),
        _of(np.array([0.5, 0.0, -1.5]), axes=(0,)),  # a zero: y/xᵢ would be 0/0
        _of(np.array([0.0, 0.7, 0.0]), axes=(0,)),
    ),
    "max": (_of((2, 3), axes=(1,)), _of((4,), axes=(0,))),
    "min": (_of((2, 3), axes=(0,)), _of((4,), axes=(0,))),
    "argmax": (_of((2, 3), axis=1), _of((4,), axis=0)),
    "argmin": (_of((2, 3), axis=0), _of((4,), axis=0)),
    "logsumexp": (_of((2, 3), axes=(1,)), _of((2, 2), axes=(0, 1))),
    # running values and sorting
    "recurrence": (_of((4,), (4,), axis=0), _of((2, 3), (2, 3), axis=0)),
    "cumprod": (_of((2, 3), axis=1), _of(np.array([0.5, 0.0, -1.5, 0.0]), axis=0)),
    "cummax": (_of((2, 3), axis=1), _of((5,), axis=0)),
    "cummin": (_of((2, 3), axis=0), _of((5,), axis=0)),
    "argsort": (_of((2, 3), axis=1), _of((4,), axis=0)),
    "sort": (_of((2, 3), axis=0), _of((4,), axis=0)),
    "tied_mean": (_of((4,), _RUNS, axis=0), _of((2, 4), np.stack([_RUNS, _RUNS]), axis=1)),
    "searchsorted": (_of(_RUNS, (3,), side="left"), _of(_RUNS, (2, 2), side="right")),
    "softmax": (_of((2, 3), axes=(1,)), _of((2, 2), axes=(0, 1))),
    # contractions
    "matmul": (
        _of((2, 3), (3, 2)),
        _of((2, 2, 3), (3, 1)),
        _of((2, 1, 1, 2), (3, 2, 1)),
        _of((1, 2), (2, 2, 2)),
    ),
    "einsum": (
        _of((2, 3), (3, 2), subscripts="ij,jk->ik"),
        _of((2, 3), subscripts="ij->j"),
        _of((2, 3), (2,), (3,), subscripts="ij,i,j->"),
        _of((2, 2, 1), (2, 3), subscripts="bij,bk->bi"),
        _of((2,), (3,), subscripts="i,j->ji"),
    ),
    # linear algebra
    "solve": (
        _of(_REGULAR, (2, 1)),
        _of(_LARGER, (2, 3, 2)),
        _of(np.stack([_REGULAR, _REGULAR.T]), (2, 2)),
    ),
    "triangular_solve": (
        _of(_REGULAR, (2, 3), **_TRIANGLE),
        _of(_LARGER, (3, 1), **_TRIANGLE | {"lower": False}),
        _of(_LARGER, (2, 3, 1), **_TRIANGLE | {"transposed": True}),
        _of(_REGULAR, (2, 1), **_TRIANGLE | {"unit": True}),
        _of(_LARGER, (3, 2), lower=False, transposed=True, unit=True),
    ),
    "cholesky": (_of(_DEFINITE), _of((_LARGER + _LARGER.T) / 2)),
    "det": (
        _of(_REGULAR),
        _of(np.stack([_LARGER, 0.5 * _LARGER])),
        _of(np.array([[0.5, 1.0], [0.25, 0.5]])),  # singular: A⁻¹ does not exist, C(A) does
        _of(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [-1.0, -2.0, -3.0]])),
    ),
    "slogdet": (_of(_REGULAR), _of(np.stack([_LARGER, -_LARGER]))),
    "cofactor": (
        _of(np.array([[0.7]])),
        _of(_FOUR),
        _of(np.ones((4, 4))),
        _of(_REGULAR),
        _of(_LARGER),
        _of(np.ones((3, 3))),
    ),
    "cofactor_along": (
        _of(_FOUR, (4, 4)),
        _of(_REGULAR, (2, 2)),
        _of(_LARGER, (2, 3, 3)),
        _of(np.ones((3, 3)), (3, 3)),
    ),
    "expm": (_of(_REGULAR), _of(np.stack([_LARGER, 0.01 * _LARGER]))),
    "eigh": (_of(_DEFINITE), _of((_LARGER + _LARGER.T) / 2)),
    "svd": (_of(_REGULAR), _of(_TALL), _of(_TALL.T), _of(_LARGER)),
    "eigvalsh": (_of(_DEFINITE), _of((_LARGER + _LARGER.T) / 2)),
    "svdvals": (_of(_REGULAR), _of(np.stack([_TALL, 0.5 * _TALL[::-1]])), _of(_TALL.T)),
    "gap_reciprocal": (
        _of(_GAPS, np.array([[1.0]])),
        _of(np.stack([_GAPS[:1], 2 * _GAPS[1:]]), np.ones((2, 1, 1))),
    ),
    "qr": (_of(_REGULAR), _of(_TALL), _of(_LARGER)),
    "pinv": (_of(_REGULAR, rcond=1e-15), _of(_TALL, rcond=1e-15), _of(_TALL.T, rcond=1e-15)),
    # convolution: a 4 × 3 image of 2 channels has 2 × 3 windows of size 2 × 2
    "conv2d": (
        _of((1, 4, 3, 2), (2, 2, 2, 1), **_SLIDING),
        _of((2, 2, 2, 1), (1, 1, 1, 2), **_PLAIN),
    ),
    "conv2d_image": (_of((1, 2, 3, 1), (2, 2, 2, 1), shape=(1, 4, 3, 2), **_SLIDING),),
    "conv2d_filter": (_of((1, 4, 3, 2), (1, 2, 3, 1), window=(2, 2), **_SLIDING),),
    "windows": (_of((1, 4, 3, 2), window=(2, 2), **_SLIDING),),
    "fold": (_of((1, 2, 3, 2, 2, 2), shape=(1, 4, 3, 2), **_SLIDING),),
    # loops: keeping every carry, every second one with a step left over, and backwards
    "scan": (
        _of((2,), (3, 2), (), body=_step(1, 1, (2,), (2,), ()), length=3),
        _of((), (5,), (), body=_step(1, 1, (), (), ()), length=5, every=2),
        _of((), (5,), (), body=_step(1, 1, (), (), ()), length=5, every=2, reverse=True),
        _of((2,), body=_step(1, 0, (2,)), length=4, every=2),
    ),
}
SAMPLES |= {
    name: tuple(_of(*operands, **params) for params, operands in rows)
    for name, rows in SPECIAL_SAMPLES.items()
}


def add_samples(name: str, *samples: Sample) -> None:
    """Tell the checker what to call a primitive with.

    Raises
    ------
    InputError
        When no sample is given.

    >>> add_samples("reverse_axis", Sample(((2, 3),), {"axis": 0}))
    >>> SAMPLES.pop("reverse_axis")[0].params
    {'axis': 0}
    """
    if not samples:
        raise InputError(f"no samples were given for {name!r}")
    SAMPLES[name] = samples


def samples_for(
    primitive: Primitive, params: Mapping[str, Any] | None = None
) -> tuple[Sample, ...]:
    """The samples of a primitive: the listed ones, or equal and broadcast shapes if elementwise.

    Raises
    ------
    InputError
        For a linear or other primitive that :data:`SAMPLES` does not list.

    >>> from diffkit.primitives.arithmetic import mul
    >>> [sample.operands for sample in samples_for(mul)]
    [((3,), (3,)), ((2, 3), (3,))]
    """
    if primitive.name in SAMPLES:
        listed = SAMPLES[primitive.name]
        return listed if params is None else tuple(s for s in listed if s.params == dict(params))
    if not isinstance(primitive, Elementwise):
        raise InputError(
            f"there are no operands to check {primitive.name!r} with",
            hint=f"add samples for {primitive.name} with diffkit.comparison.rules_sampling."
            "add_samples, or pass operands to check_rule.",
        )
    params = params or {}
    count = operand_count(primitive, params)
    broadcast: tuple[Shape, ...] = ((2, 3), (3,), (2, 1), ())[:count]
    shapes = [((3,),) * count] + ([broadcast] if count > 1 else [])
    return tuple(Sample(operands, params) for operands in shapes)


def operand_count(primitive: Elementwise, params: Mapping[str, Any]) -> int:
    """How many operands an elementwise primitive takes, read from its SymPy form."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(primitive.sympy).parameters.values()
    return sum(1 for p in parameters if p.kind in positional and p.name not in params)


def _grid(interval: tuple[float, float]) -> np.ndarray:
    low, high = (round(bound * GRID) for bound in interval)
    steps = np.arange(low + 1, high)
    return steps[steps % SKIPPED != 0] / GRID


def draw_sample(primitive: Primitive, sample: Sample, rng: np.random.Generator) -> list[np.ndarray]:
    """Arrays for one sample: fixed ones as they are, shapes filled from the domain."""
    domain = getattr(primitive, "domain", None)
    interval = sample.interval or (domain.sample if domain is not None else REALS)
    sizes = [int(np.prod(x)) if isinstance(x, tuple) else 0 for x in sample.operands]
    numbers = iter(rng.choice(_grid(interval), size=sum(sizes), replace=False))
    return [
        np.array([next(numbers) for _ in range(size)]).reshape(x)
        if isinstance(x, tuple)
        else x.copy()
        for x, size in zip(sample.operands, sizes, strict=True)
    ]


def draw(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Short random numbers of this shape, none of them 0: a tangent or a cotangent.

    >>> draw((2,), np.random.default_rng(0)).shape
    (2,)
    """
    return rng.choice(_grid(REALS), size=shape)


def draw_like(arrays: Any, rng: np.random.Generator) -> list[np.ndarray]:
    """One tangent (or cotangent) for each array."""
    return [draw(np.shape(array), rng) for array in arrays]
