"""What was tried for rows that are not met, in words; the page shows a note only while it holds."""

from __future__ import annotations

__all__ = ["NOTES"]

NOTES: dict[str, str] = {}
"""The row's work → what bounds it, and what was tried."""
