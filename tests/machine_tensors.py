"""What the tests of the machine's tensor kernels share: the comparison with the interpreter."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.running import machine_runner

RNG = np.random.default_rng(0)
STRIDES = ((1, 1), (2, 1), (2, 3), (3, 3))
PADDINGS = (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (1, 0)))
# Roundings of sums of a few hundred products.
ROUNDING = {"f8": 1e-13, "f4": 2e-5}


def agree(graph, arguments, rounding=0.0, callbacks=False):
    """The machine's results are the interpreter's, within rounding of the largest number."""
    runner = machine_runner(graph)
    assert bool(runner.program.callbacks) == callbacks
    before = [np.array(a) for a in arguments]
    found = runner(arguments)
    for a, b in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(a, b)
    for mine, theirs in zip(found, run(graph, arguments), strict=True):
        theirs = np.asarray(theirs)
        assert np.shape(mine) == theirs.shape and np.asarray(mine).dtype == theirs.dtype
        if not rounding:
            np.testing.assert_array_equal(mine, theirs)
            if theirs.dtype.kind == "f":
                signs = np.signbit(mine) == np.signbit(theirs)
                assert (signs | np.isnan(theirs)).all()
            continue
        size = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=1.0)
        np.testing.assert_allclose(mine, theirs, rtol=rounding, atol=rounding * size)
    return found


def both_agree(function, *arguments, wrt=(0,), rounding=0.0):
    """The values agree, and the gradients of a weighted sum of them."""
    graph = dk.trace(function, *arguments)
    (value,) = agree(graph, arguments, rounding)
    if np.size(value) == 0 or np.asarray(value).dtype.kind != "f":
        return
    weights = RNG.normal(size=np.shape(value)).astype(np.asarray(value).dtype)
    total = dk.trace(lambda *a: np.sum(function(*a) * weights), *arguments)
    agree(gradient_graph(total, wrt), arguments, ROUNDING[np.asarray(value).dtype.str[1:]])


def images(window, channels, dtype, grid=(2, 6, 7)):
    """Images and a filter, at random."""
    inner, outer = channels
    x = RNG.normal(size=(*grid, inner)).astype(dtype)
    return x, RNG.normal(size=(*window, inner, outer)).astype(dtype)
