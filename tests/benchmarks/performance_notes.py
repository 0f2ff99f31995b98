"""What bounds the rows that are not met, in words; the page shows a note only while it holds.

The profiles below a note on the page are measured; a note says how to read them, and what was
tried.
"""

from __future__ import annotations

from performance_goals import ADDED, GEAR_ADDED, GEARS, RATIOS

__all__ = ["GEAR_NOTES", "NOTES"]

_CALL = (
    "The rows of the program take about as long as the hand-written kernel; the rest is the call, "
    "0.1 to 0.5 µs in compiled code, which compares the arguments with those it was prepared for "
    "and gives the results as new arrays, where the kernel writes to the same memory every time."
)
_MAXIMUM = (
    "Tried: 512-bit vectors, results used again when nobody holds them, and leaving out the "
    "derivative of the subtracted maximum, which is done now."
)
_PRODUCTS = (
    "Most of the time are matrix products, by BLAS in both. The rest are passes over the hidden "
    "layer, among them the derivative of `np.maximum` with ties shared, and a look for NaN in the "
    "results."
)
_PASSES = (
    "The hand-written kernel goes once through its arguments and keeps nothing. The program goes "
    "through them row by row, among them filling and copying for the adjoints of slices; beyond "
    "some thousand inputs these rows wait for memory. Compiled for itself (the second gear) it is "
    "one pass."
)
_ONE_PASS = (
    "The compiled program is one pass, too. A call does what the hand-written kernel does not: it "
    "looks at its arguments and for NaN in the results, and gives them as new arrays."
)
_BOUND = (
    "A bound call looks at its arguments and gives new arrays, in compiled code; the hand-written "
    "kernels do neither. What is over is a product of 100 factors, whose adjoint is a chain of "
    "200 rows."
)
_ROLLED = (
    "The limit is a loop in registers that carries its derivative along. Captured from Python, "
    "the same function is a graph of three operations per step, run one by one from memory, so "
    "that the goal of scalar graphs, a time per operation, is the one it can be held to. As a "
    "loop, `dk.scan`, it is one operation."
)
_GRAPH = (
    "Nearly all of it is Python: capture, the reverse sweep, and writing the program. The kernels "
    "take a hundredth of it, as the time of further gradients shows."
)

NOTES: dict[str, str] = {
    RATIOS[0].work: f"{_CALL} {_MAXIMUM}",
    RATIOS[1].work: f"{_CALL} {_MAXIMUM}",
    RATIOS[2].work: _PRODUCTS,
    RATIOS[4].work: _PASSES,
    ADDED[0].work: _BOUND,
    ADDED[1].work: _ROLLED,
    "scalar graph of 100,000 operations": _GRAPH,
    "scalar graph of 1,000,000 operations": _GRAPH,
}
"""The row's work → what bounds it, and what was tried."""
_TRAINING = (
    "A training is a program of the machine, and every row of a step costs its dispatch beside its "
    "work; the optimizer makes passes of its own over the parameters. It is not compiled for "
    "itself, so that a run starts at once and never changes its engine."
)
_HESSIAN = (
    "The columns go through one program sixteen at a time; the hand-written kernel takes them one "
    "by one and keeps the function's own part, which the program computes again for every chunk."
)
GEAR_NOTES: dict[str, str] = {
    GEARS[-1].work: (
        "The limit carries its derivative along in registers, one pass. Reverse mode keeps every "
        "carry and comes back through them, twice 0.8 MB of memory."
    ),
    GEAR_ADDED.work: _BOUND,
    RATIOS[2].work: _PRODUCTS,
    RATIOS[4].work: _ONE_PASS,
    "Hessian, MLP 64-32-10, batch 32": _HESSIAN,
    **{
        f"training run on digits, {name}, {wide}": _TRAINING
        for name in ("SGD", "Adam")
        for wide in ("float64", "float32")
    },
}
"""The same for the second gear."""
