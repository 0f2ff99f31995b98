"""A diagnosis for the eyes: a terminal table of 80 columns, HTML for notebooks, and plain data.

Every finding is its place, its kind and what happens there, and below it the remedy with the
correct digits before and after.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.comparison.rendering import plain_text
from diffkit.comparison.serial import plain
from diffkit.comparison.shades import CAREFUL

if TYPE_CHECKING:
    from diffkit.comparison.diagnose import Diagnosis, Finding

__all__ = ["DiagnosisTable", "diagnosis_dict", "to_html"]

WIDTH = 80
SCHEMA = 1
MARKS = {"wrong": ("✗", "red"), "careful": ("!", CAREFUL), "note": ("·", "dim")}
COLOURS = {"wrong": "#D93A3A", "careful": CAREFUL, "note": "#7C7C7C"}


class DiagnosisTable:
    """The table of a diagnosis: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.padding import Padding
        from rich.text import Text

        yield Text(heading(self.diagnosis), style="bold")
        for finding in self.diagnosis.findings:
            mark, style = MARKS[finding.severity]
            head = Text(no_wrap=True, overflow="ellipsis").append(f"{mark} {finding.kind}", style)
            head.append(_where(finding), style="dim")
            yield head
            for line in _lines(finding):
                yield Padding(Text(line), (0, 0, 0, 2))
        yield Text(summary(self.diagnosis), style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__


def heading(diagnosis: Diagnosis) -> str:
    """The function's name, and how many things were found."""
    count = len(diagnosis.findings)
    what = "nothing found" if not count else f"{count} finding{'s' if count > 1 else ''}"
    return f"{diagnosis.title}: {what}"


def summary(diagnosis: Diagnosis) -> str:
    """The digits that are left, in a sentence."""
    value, gradient = diagnosis.digits["value"], diagnosis.digits["gradient"]
    return f"predicted correct digits: value {value:.1f}, gradient {gradient:.1f}"


def _where(finding: Finding) -> str:
    if not finding.line:
        return ""
    return f"  {finding.line}" + (f"    {finding.text}" if finding.text else "")


def _lines(finding: Finding) -> list[str]:
    lines = [finding.message]
    if finding.remedy:
        lines.append(f"write {finding.remedy}")
    if finding.digits:
        (value, gradient), (new_value, new_gradient) = finding.digits
        lines.append(
            f"tried: digits of the value {value:.1f} → {new_value:.1f}, "
            f"of the gradient {gradient:.1f} → {new_gradient:.1f}"
        )
    return lines


def to_html(diagnosis: Diagnosis) -> str:
    """The diagnosis as an HTML list."""
    parts = []
    for finding in diagnosis.findings:
        mark, colour = MARKS[finding.severity][0], COLOURS[finding.severity]
        first, *rest = map(escape, _lines(finding))
        code = [f"<code>{line}</code>" if line.startswith("write ") else line for line in rest]
        body = "<br>".join([first, *code])
        parts.append(
            f'<li style="list-style:none"><b style="color:{colour}">{mark} '
            f"{escape(finding.kind)}</b> <code>{escape(_where(finding).strip())}</code>"
            f"<br>{body}</li>"
        )
    return (
        f"<div><b>{escape(heading(diagnosis))}</b><ul>{''.join(parts)}</ul>"
        f"<small>{escape(summary(diagnosis))}</small></div>"
    )


def _note(diagnosis: Diagnosis) -> str | None:
    """What is null since it is no finite number."""
    gradient = [np.asarray(leaf, dtype=float) for leaf in flatten(diagnosis.gradient)[0]
                if leaf is not None]  # fmt: skip
    finite = {
        "value": np.isfinite(diagnosis.value),
        "gradient": all(np.isfinite(leaf).all() for leaf in gradient),
        "units": all(np.isfinite(number) for number in diagnosis.units.values()),
    }
    bad = [name for name, held in finite.items() if not held]
    return f"null in {', '.join(bad)} stands for NaN or an infinity" if bad else None


def diagnosis_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as plain numbers, lists and dicts (schema 1)."""
    return plain(
        {
            "schema": SCHEMA,
            "function": diagnosis.title,
            "at": diagnosis.at,
            "ok": diagnosis.ok,
            "value": diagnosis.value,
            "gradient": diagnosis.gradient,
            "digits": diagnosis.digits,
            "units": diagnosis.units,
            "note": _note(diagnosis),
            "findings": [finding.to_dict() for finding in diagnosis.findings],
        }
    )
