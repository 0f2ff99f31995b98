"""A finding: what is wrong at a point, on which of the user's lines, and what cures it.

Reading on: ``diagnose.py`` gathers them, ``diagnose_text.py`` prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diffkit.comparison.diagnose_point import Point
from diffkit.graph.notebook import as_text

__all__ = ["KINDS", "SEVERITIES", "Finding", "found_at"]

# From bad to harmless: the result is not usable, the result needs care, worth knowing.
SEVERITIES = ("wrong", "careful", "note")
KINDS = (
    "nan", "infinity", "overflow", "underflow", "cancellation", "saturation", "domain edge",
    "kink", "near kink", "dead units", "exploding", "vanishing", "ill-conditioned",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One fault of a function at a point.

    ``kind`` is one of :data:`KINDS`, ``severity`` one of :data:`SEVERITIES`; ``line`` is where, as
    ``file.py:12``, and ``text`` the line itself; ``digits_lost`` counts decimal digits of the
    value or the gradient, 0 where none are lost.  ``remedy`` is NumPy code that was tried and
    gains digits, or None; ``digits`` are the correct ones of value and gradient without and with
    it.  ``fault`` says whose the loss is: ``"formula"``, ``"problem"``, or ``""`` where none is
    meant.
    """

    kind: str
    severity: str
    line: str
    text: str
    message: str
    digits_lost: float = 0.0
    remedy: str | None = None
    digits: tuple[tuple[float, float], tuple[float, float]] | None = None
    fault: str = ""

    _repr_html_ = as_text

    def __str__(self) -> str:
        where = f"{self.line}: " if self.line else ""
        cure = f"; write {self.remedy}" if self.remedy else ""
        return f"{where}{self.kind}: {self.message}{cure}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        digits = None
        if self.digits is not None:
            digits = {
                when: {"value": value, "gradient": gradient}
                for when, (value, gradient) in zip(("before", "after"), self.digits, strict=True)
            }
        return {
            "kind": self.kind, "severity": self.severity, "line": self.line, "text": self.text,
            "message": self.message, "digits_lost": self.digits_lost, "remedy": self.remedy,
            "digits": digits, "fault": self.fault or None,
        }  # fmt: skip


def found_at(
    point: Point, node: int, kind: str, severity: str, message: str, **more: Any
) -> Finding:
    """A finding at an equation of the gradient graph, with the user's line of it."""
    line, text = point.place(node)
    return Finding(kind, severity, line, text, message, **more)
