"""Arrays to capture with, and the comparison of a captured function with NumPy itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.engines.interpret import run

A = np.linspace(-1.3, 1.7, 12).reshape(3, 4)
B = np.cos(np.arange(12.0)).reshape(3, 4)
P = np.abs(A) + 0.3
V = np.array([0.4, -1.2, 2.0, 0.7])
W = np.array([1.0, 2.0, -0.5])
C = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.5
K = np.array([[3, 1, 2], [0, 5, 4]])
M = B > 0.1


def agree(f: Any, *args: Any, rtol: float = 1e-13) -> Any:
    """Trace f, run the graph, and compare shapes, dtypes and numbers with NumPy's."""
    wanted = f(*args)
    graph = trace(f, *args).check()
    found = run(graph, [np.asarray(a)[()] for a in args])
    wanted = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
    assert len(found) == len(wanted)
    for got, want in zip(found, wanted, strict=True):
        want = np.asarray(want)
        assert np.shape(got) == want.shape
        assert np.asarray(got).dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13)
    return graph
