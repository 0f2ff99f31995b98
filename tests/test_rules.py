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


def _sampled_elementwise() -> list[tuple[Primitive, list[np.ndarray], dict]]:
    rng = np.random.default_rng(0)
    found = []
    for name in NAMES:
        subject = REGISTRY[name]
        if isinstance(subject, Elementwise):
            for sample in samples_for(subject)[:3]:
                operands = draw_sample(subject, sample, rng)
                found.append((subject, operands, dict(sample.params)))
    return found


def test_compiled_equals_interpreted_for_all_elementwise_primitives() -> None:
    """One graph holds every elementwise primitive, so that Numba compiles once.

    Compiled elementary functions may come from another library (libm for NumPy's own SIMD
    code): they may differ in the last bits, no more.
    """
    from diffkit.engines.specialise import specialised_runner

    from diffkit.capture.capturing import capture
    from diffkit.engines.interpret import run

    calls, leaves = [], []
    for subject, operands, params in _sampled_elementwise():
        size = np.broadcast_shapes(*(x.shape for x in operands))
        flat = [np.broadcast_to(x, size).reshape(-1)[:1] for x in operands]
        place = range(len(leaves), len(leaves) + len(flat))
        leaves += [x[0] for x in flat]
        calls.append((subject, place, params))

    def every_operation(*numbers):
        return [subject(*[numbers[i] for i in place], **p) for subject, place, p in calls]

    # conditions are inputs too, so that nothing is folded away
    graph = capture(every_operation, [x if x.dtype == bool else np.float64(x) for x in leaves])
    values = [x for x in leaves if not isinstance(x, bool)]
    expected = run(graph, values)
    got = specialised_runner(graph)(values)
    for (subject, _, params), mine, theirs in zip(calls, got, expected, strict=True):
        assert np.allclose(mine, theirs, rtol=8 * np.finfo(float).eps, atol=0, equal_nan=True), (
            f"{subject.name} {params}: compiled {mine}, interpreted {theirs}"
        )
