"""The square factor of a full singular value decomposition, of which only a part is determined.

For a matrix of m × n with m > n the last m − n columns of the square U are *any* orthonormal basis
of what is left; they have no derivative, nor even values that another computer would repeat.  The
first n columns are those of the reduced U.  So the square factor stands for itself until it is
used: its first columns can be taken, its shape asked for, and all else is refused.

Reading on: NumPy's reference, *numpy.linalg.svd*, ``full_matrices``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.tables import refused_option

__all__ = ["FullFactor"]


class FullFactor:
    """The square factor around ``known``, whose first columns (``axis`` −1) or rows (−2) it has.

    >>> import diffkit as dk
    >>> def f(a):
    ...     u, s, vh = np.linalg.svd(a)
    ...     return np.sum(u[:, :2] @ np.diag(s) @ vh)
    >>> dk.grad(f)(np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]])).round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """

    __slots__ = ("axis", "known")
    __array_priority__ = 1000.0

    def __init__(self, known: Any, axis: int) -> None:
        self.known = known
        self.axis = axis

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the square factor."""
        size = max(self.known.shape[-2:])
        return (*self.known.shape[:-2], size, size)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.known.ndim

    @property
    def dtype(self) -> Any:
        """The dtype."""
        return self.known.dtype

    def __getitem__(self, index: Any) -> Any:
        parts = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis not in parts:
            parts.append(Ellipsis)
        place = parts.index(Ellipsis)
        missing = self.ndim - (len(parts) - 1)
        parts[place : place + 1] = [slice(None)] * missing
        cut = parts[self.axis] if len(parts) == self.ndim else None
        count = self.known.shape[self.axis]
        inside = (isinstance(cut, slice) and cut.step in (None, 1) and (cut.start or 0) >= 0
                  and cut.stop is not None and 0 <= cut.stop <= count)  # fmt: skip
        if not inside and not (isinstance(cut, (int, np.integer)) and 0 <= cut < count):
            self._refuse()
        return self.known[tuple(parts)]

    def _refuse(self, *_: Any, **__: Any) -> Any:
        rows, columns = self.shape[-1], self.known.shape[self.axis]
        raise refused_option(
            "np.linalg.svd",
            f"the square factor of full_matrices=True beyond its first {columns} of {rows} "
            f"{'columns' if self.axis == -1 else 'rows'}, which are any basis of a space,",
            "write full_matrices=False.",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()

    __array__ = __array_ufunc__ = __array_function__ = __iter__ = bind_primitive = _refuse
    __matmul__ = __rmatmul__ = __add__ = __radd__ = __sub__ = __rsub__ = __neg__ = _refuse
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __abs__ = _refuse
