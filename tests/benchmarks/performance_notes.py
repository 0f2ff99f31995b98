"""What bounds the rows that are not met, in words; the page shows a note only while it holds.

The profiles below a note on the page are measured; a note says how to read them, and what was
tried.
"""

from __future__ import annotations

from performance_goals import ADDED, RATIOS

__all__ = ["GEAR_NOTES", "NOTES"]

_CALL = (
    "The rows of the program take about as long as the hand-written kernel; the rest is the call, "
    "which compares the arguments with those it was prepared for and gives the results as new "
    "arrays, where the kernel writes to the same memory every time."
)
_MAXIMUM = (
    "The loss is written with a maximum that is subtracted from the scores. Its derivative "
    "cancels, and the hand-written kernel leaves it out; the program computes it, with ties "
    "shared."
)
_PRODUCTS = (
    "Most of the time are matrix products, by BLAS in both. The rest are passes over the hidden "
    "layer, among them the derivative of `np.maximum` with ties shared, and a look for NaN in the "
    "results."
)
_PASSES = (
    "The hand-written kernel goes once through its arguments and keeps nothing. The program goes "
    "through them row by row, among them filling and copying for the adjoints of slices; beyond "
    "some thousand inputs these rows wait for memory."
)
_BOUND = (
    "A bound call still looks at its arguments, copies the small ones, and gives new arrays; the "
    "hand-written kernels do none of this."
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
GEAR_NOTES: dict[str, str] = {}
"""The same for the second gear."""
