"""The generic checker over the whole registry: every primitive is right, and says so itself."""

from __future__ import annotations

import numpy as np
import pytest

from diffkit.comparison.rules import check_rule, load_all_primitives
from diffkit.comparison.rules_sampling import draw_sample, samples_for
from diffkit.graph.primitive import REGISTRY, Elementwise, Primitive

load_all_primitives()
NAMES = sorted(REGISTRY)


@pytest.mark.parametrize("name", NAMES)
def test_rule(name: str) -> None:
    report = check_rule(name)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", NAMES)
def test_rule_has_samples(name: str) -> None:
    assert samples_for(REGISTRY[name])


def test_registry_holds_all_three_kinds() -> None:
    kinds = {primitive.kind for primitive in REGISTRY.values()}
    assert kinds == {"elementwise", "linear", "other"}
    assert len(NAMES) > 50


def test_another_seed_gives_other_operands_and_the_same_verdict() -> None:
    mul = REGISTRY["mul"]
    sample = samples_for(mul)[0]
    first, second = (draw_sample(mul, sample, np.random.default_rng(s))[0] for s in (0, 1))
    assert not np.array_equal(first, second)
    assert check_rule(mul, seed=1).ok


def in_python(primitive: Primitive) -> bool:
    """Whether a primitive is a special function, for which there is no compiled code."""
    return getattr(primitive, "in_python", False)


# Compiled elementary functions may come from another library (libm, where NumPy has SIMD code
# of its own): they may differ in the last bits, no more.
COMPILED_TOLERANCE = 8 * np.finfo(float).eps
ELEMENTS = 3


def _every_elementwise() -> tuple[list[tuple[Primitive, range, dict]], list[list[np.generic]]]:
    """Calls of every elementwise primitive, and scalar leaves for them at several points."""
    rng = np.random.default_rng(0)
    calls, points, used = [], [[] for _ in range(ELEMENTS)], 0
    for name in NAMES:
        subject = REGISTRY[name]
        # alias marks nested derivatives and is gone when a graph is finished
        if not isinstance(subject, Elementwise) or name == "alias" or in_python(subject):
            continue
        for sample in samples_for(subject):
            operands = np.broadcast_arrays(*draw_sample(subject, sample, rng))
            calls.append((subject, range(used, used + len(operands)), dict(sample.params)))
            used += len(operands)
            for element, leaves in enumerate(points):
                leaves += [x.reshape(-1)[element] for x in operands]
    return calls, points


def test_compiled_equals_interpreted_for_all_elementwise_primitives() -> None:
    """One graph holds every elementwise primitive, so that Numba compiles once."""
    from diffkit.capture.capturing import capture
    from diffkit.engines.interpret import run
    from diffkit.engines.specialise import numba_runner

    calls, points = _every_elementwise()

    def every_operation(*numbers):
        return [subject(*[numbers[i] for i in place], **p) for subject, place, p in calls]

    graph = capture(every_operation, points[0])
    compiled = numba_runner(graph)
    for leaves in points:
        expected, got = run(graph, leaves), compiled(leaves)
        for (subject, place, params), mine, theirs in zip(calls, got, expected, strict=True):
            assert np.allclose(mine, theirs, rtol=COMPILED_TOLERANCE, atol=0, equal_nan=True), (
                f"{subject.name}{[leaves[i] for i in place]} {params}: "
                f"compiled {mine}, interpreted {theirs}"
            )


def test_compiled_rules_equal_interpreted_ones() -> None:
    """The same for the partial derivatives: the gradient of the sum of all float results."""
    from diffkit.capture.capturing import capture
    from diffkit.differentiate.reverse import gradient_graph
    from diffkit.engines.interpret import run
    from diffkit.engines.specialise import numba_runner

    calls, points = _every_elementwise()

    def sum_of_everything(*numbers):
        total = 0.0
        for subject, place, params in calls:
            y = subject(*[numbers[i] for i in place], **params)
            total = total + y if y.dtype.kind == "f" else total
        return total

    graph = gradient_graph(capture(sum_of_everything, points[0]))
    compiled = numba_runner(graph)
    owner = {i: subject.name for subject, place, _ in calls for i in place}
    float_places = [i for i, x in enumerate(points[0]) if x.dtype.kind == "f"]
    for leaves in points:
        slopes = zip(float_places, compiled(leaves)[1:], run(graph, leaves)[1:], strict=True)
        for place, mine, theirs in slopes:
            assert np.isclose(mine, theirs, rtol=COMPILED_TOLERANCE, atol=0, equal_nan=True), (
                f"the derivative of {owner[place]}: compiled {mine}, interpreted {theirs}"
            )
