"""The same derivative by SciPy and numdifftools: value, their own error estimate, runs.

``scipy.differentiate.derivative`` halves the step of an eighth-order stencil until its error
estimate is small; ``numdifftools.Derivative`` extrapolates over a sequence of steps.  Both are
called with their defaults, through a wrapper that counts runs, on the function of the one number
that moves.  What is not installed says so.

Reading on: Brodtkorb & D'Errico, *numdifftools*; SciPy's manual, ``scipy.differentiate``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from diffkit.comparison.serial import plain

__all__ = ["PEERS", "PeerRow", "peer_rows"]

Scalar = Callable[[float], float]


@dataclass(frozen=True)
class PeerRow:
    """One tool's answer; ``note`` says what it said, or that it is not installed."""

    name: str
    value: float = nan
    error_estimate: float = nan
    true_error: float = nan
    evaluations: int = 0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        return plain(dict(vars(self)))


def _scipy(f: Scalar, x: float, order: int) -> tuple[float, float, str]:
    if order != 1:
        raise ValueError("takes first derivatives only")
    from scipy.differentiate import derivative  # type: ignore[attr-defined]

    found = derivative(np.vectorize(f, otypes=[float]), np.float64(x))
    told = "" if found.success else "not converged"
    return float(found.df), float(found.error), told


def _numdifftools(f: Scalar, x: float, order: int) -> tuple[float, float, str]:
    import numdifftools  # type: ignore[import-not-found]

    tool = numdifftools.Derivative(np.vectorize(f, otypes=[float]), n=order, full_output=True)
    found = tool(x)
    about = found if hasattr(found, "error_estimate") else found[1]  # before 0.11: value, info
    return np.ravel(found[0])[0].item(), np.ravel(about.error_estimate)[0].item(), ""


PEERS: dict[str, Callable[[Scalar, float, int], tuple[float, float, str]]] = {
    "scipy.differentiate": _scipy,
    "numdifftools": _numdifftools,
}


def peer_rows(f: Scalar, x: float, order: int, error_of: Callable[[float], float]) -> list[PeerRow]:
    """The answers of all peers for the derivative of f at x.

    >>> rows = peer_rows(np.exp, 0.0, 1, lambda value: abs(value - 1.0))
    >>> rows[0].name, rows[0].true_error < 1e-10, rows[0].evaluations > 8
    ('scipy.differentiate', True, True)
    """
    return [_row(name, ask, f, x, order, error_of) for name, ask in PEERS.items()]


def _row(
    name: str, ask: Any, f: Scalar, x: float, order: int, error_of: Callable[[float], float]
) -> PeerRow:
    runs = 0

    def counted(value: float) -> float:
        nonlocal runs
        runs += 1
        return f(value)

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value, error, told = ask(counted, x, order)
    except ImportError:
        return PeerRow(name, note="not installed")
    except Exception as error:  # whatever a peer raises is its answer
        return PeerRow(name, evaluations=runs, note=f"{type(error).__name__}: {error}")
    return PeerRow(name, value, error, error_of(value), runs, told)
