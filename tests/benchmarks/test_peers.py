"""Value and gradient by diffkit and its peers, side by side.

    pytest -m benchmark --benchmark-enable tests/benchmarks/test_peers.py --benchmark-group-by=group

One group is one workload; pytest-benchmark prints every tool's time in it over the least.  A
tool's gradient is checked against diffkit's before it is timed, and tools that are not installed
are skipped.  ``docs/performance.md`` is written by ``performance.py``, which measures more.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from performance_tools import NEEDS, TOOLS, Unsupported, wanted_arrays
from performance_workloads import WORKLOADS, Workload

import diffkit as dk

# Differences that have no exact derivative behind them; all others round only.
RTOL = {"numdifftools": 1e-7}
ROUNDING = 1e-10


def built(workload: Workload, tool: str) -> Any:
    """The tool's gradient, checked; skips where the tool is absent or unable."""
    if tool in NEEDS and find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")
    try:
        gradient, parts = TOOLS[tool](workload)
    except Unsupported as why:
        pytest.skip(f"{tool}: {why}")
    wanted = dk.grad(workload.function, argnums=wanted_arrays(workload), engine="interpret")
    for got, bar in zip(parts(gradient()), wanted(*workload.arrays), strict=True):
        scale = float(np.max(np.abs(bar)))
        np.testing.assert_allclose(got, bar, rtol=0, atol=RTOL.get(tool, ROUNDING) * scale)
    return gradient


@pytest.mark.benchmark
@pytest.mark.filterwarnings("default")  # of peers, such as of a BLAS that is not found
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_value_and_gradient(benchmark: Any, workload: Workload, tool: str) -> None:
    gradient = built(workload, tool)
    benchmark.group = workload.name
    benchmark.name = tool
    benchmark(gradient)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_the_gradient_by_hand_is_right(workload: Workload) -> None:
    built(workload, "numpy by hand")
