"""Linear algebra as it is written in NumPy: one line of ``np.linalg`` per operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diffkit.graph.avals import Aval

__all__ = ["LINEAR_ALGEBRA"]

OWN = ("cofactor", "cofactor_along", "eigh", "expm", "gap_reciprocal", "svd")


def _call(function: str) -> Callable[..., str]:
    def write(texts: Sequence[str], avals: Sequence[Aval]) -> str:
        return f"{function}({', '.join(texts)})"

    return write


def _qr(texts: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"np.concatenate(np.linalg.qr({texts[0]}), axis=-2)"


def _own(name: str) -> Callable[..., str]:
    """NumPy has no single call that gives this: the text calls diffkit's own."""
    return _call(f"REGISTRY[{name!r}].value")


def _pinv(texts: Sequence[str], avals: Sequence[Aval], rcond: float) -> str:
    return f"np.linalg.pinv({texts[0]}, {rcond!r})"


def _slogdet(texts: Sequence[str], avals: Sequence[Aval]) -> str:
    return f"np.stack(np.linalg.slogdet({texts[0]}), axis=-1)"


def _triangular_solve(
    texts: Sequence[str], avals: Sequence[Aval], lower: bool, transposed: bool, unit: bool
) -> str:
    """NumPy has no substitution: the other triangle is taken away, and the whole matrix solved."""
    function = "np.tril" if lower else "np.triu"
    matrix = f"{function}({texts[0]})"
    if unit:
        matrix = f"({function}({texts[0]}, {-1 if lower else 1}) + np.eye({avals[0].shape[-1]}))"
    return f"np.linalg.solve({matrix}{'.mT' if transposed else ''}, {texts[1]})"


LINEAR_ALGEBRA: dict[str, Callable[..., str]] = {
    **{name: _own(name) for name in OWN},
    "cholesky": _call("np.linalg.cholesky"),
    "det": _call("np.linalg.det"),
    "eigvalsh": _call("np.linalg.eigvalsh"),
    "pinv": _pinv,
    "qr": _qr,
    "slogdet": _slogdet,
    "solve": _call("np.linalg.solve"),
    "svdvals": _call("np.linalg.svdvals"),
    "triangular_solve": _triangular_solve,
}
"""How operations of linear algebra are written, by name."""
