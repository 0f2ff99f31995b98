"""Every typed error and warning that diffkit raises.

An error says *what* went wrong (the operation and the shapes), *where* (the user's line)
and *what to do* (a hint).  It prints as

    ShapeError: matmul: inner sizes differ: x is f64[32,3], w is f64[2,8] (3 ≠ 2)
      at moons.py:14    h = x @ w
      hint: x has 3 features; w expects 2.

Every class derives from :class:`DiffkitError` and, where Python has a fitting built-in
exception, from that one too, so that ``except ValueError`` keeps working.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "BudgetError",
    "CaptureError",
    "CheckpointError",
    "DataDependentError",
    "DiffkitError",
    "DiffkitWarning",
    "DivergenceWarning",
    "DomainWarning",
    "DtypeError",
    "EndlessRecursionError",
    "EngineError",
    "GraphError",
    "GuardError",
    "InputError",
    "InterruptedTrainingWarning",
    "KinkWarning",
    "LeakedTracerError",
    "LinearAlgebraError",
    "MissingAttributeError",
    "MutationError",
    "NotAnalyticError",
    "ParseError",
    "RuleError",
    "ScheduleUnitsWarning",
    "ShapeError",
    "UnsupportedError",
]


class DiffkitError(Exception):
    """The base of all diffkit errors: a sentence, a place and a remedy.

    >>> print(DiffkitError("tanh: no rule", where="net.py:3    y = f(x)", hint="add one."))
    tanh: no rule
      at net.py:3    y = f(x)
      hint: add one.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  at {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    @property
    def one_line(self) -> str:
        """The error as a single line, for the command line and for logs."""
        line = " ".join(self.message.split())
        if self.where:
            line += f" (at {' '.join(self.where.split())})"
        return f"{line}; hint: {self.hint}" if self.hint else line


class ShapeError(DiffkitError, ValueError):
    """Shapes that do not fit the operation."""


class DtypeError(DiffkitError, TypeError):
    """A dtype that the operation cannot take."""


class InputError(DiffkitError, ValueError):
    """An argument that a diffkit function cannot use."""


class CheckpointError(InputError):
    """A checkpoint that is missing, damaged, too new, or that of another training."""


class UnsupportedError(DiffkitError, TypeError):
    """A function or an option that diffkit does not offer, with what to use instead."""


class MissingAttributeError(UnsupportedError, AttributeError):
    """An attribute that a traced array does not have; ``hasattr`` says so, too."""


class CaptureError(DiffkitError, TypeError):
    """A function that cannot be captured as a graph."""


class DataDependentError(CaptureError):
    """A traced value was needed as a plain Python number."""


class MutationError(CaptureError):
    """A traced value was stored into, or added to, a plain array."""


class LeakedTracerError(CaptureError):
    """A traced value was used outside the capture that made it."""


class EndlessRecursionError(CaptureError, RecursionError):
    """A function that went on calling itself until Python stopped it."""


class LinearAlgebraError(DiffkitError, np.linalg.LinAlgError):
    """A matrix that is singular, or not positive definite, where it must not be."""


class GuardError(DiffkitError, ValueError):
    """A captured branch would go the other way for these inputs."""


class ParseError(DiffkitError, ValueError):
    """Text that is not an expression diffkit accepts; ``position`` counts characters from 0."""

    def __init__(
        self, message: str, *, text: str = "", position: int = 0, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.position = position

    def __str__(self) -> str:
        window = 72
        start = max(0, self.position - window // 2)
        shown = self.text[start : start + window].replace("\n", " ")
        caret = " " * (self.position - start) + "^"
        lines = [self.message]
        if shown:
            lines += [f"  {shown}", f"  {caret}"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    @property
    def one_line(self) -> str:
        """The error as a single line that names the column."""
        tail = f"; hint: {self.hint}" if self.hint else ""
        return f"{self.message} (at character {self.position + 1}){tail}"


class NotAnalyticError(DiffkitError, ValueError):
    """The complex step was asked for on a function without an analytic form there."""


class BudgetError(DiffkitError, RuntimeError):
    """A method gave up because its budget of operations or seconds was used up."""


class EngineError(DiffkitError, RuntimeError):
    """An engine that cannot run this graph."""


class GraphError(DiffkitError, ValueError):
    """A graph that breaks its own rules (order, shapes or dtypes)."""


class RuleError(DiffkitError, TypeError):
    """A primitive whose class is incomplete or whose rule is wrong."""


class DiffkitWarning(UserWarning):
    """The base of all diffkit warnings."""


class KinkWarning(DiffkitWarning):
    """The derivative does not exist here; the declared value was used."""


class DomainWarning(DiffkitWarning):
    """A value left the domain of an operation, so that a NaN or an infinity was born."""


class DivergenceWarning(DiffkitWarning):
    """A training whose loss or gradients left all bounds; it stopped and kept what it had."""


class ScheduleUnitsWarning(DiffkitWarning):
    """A learning-rate schedule whose steps look like epochs, or that does not fit the training."""


class InterruptedTrainingWarning(DiffkitWarning):
    """A training stopped with Ctrl-C; what it had learned and recorded by then was kept."""
