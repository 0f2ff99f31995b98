"""A progress bar for many trainings: how many are done, and the time left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["SweepBar"]


class SweepBar:
    """A bar on standard error that counts, on a terminal and when it is ``shown``; else nothing.

    >>> with SweepBar("training", total=2, done=0, shown=False) as tell:
    ...     tell()
    """

    def __init__(self, title: str, total: int, done: int, shown: bool) -> None:
        self.title, self.total, self.done, self.shown = title, total, done, shown
        self.bar: Any = None

    def __enter__(self) -> Callable[[], None]:
        if not self.shown:
            return lambda: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        hidden = not (console.is_terminal or console.is_jupyter)
        self.bar = Progress(*columns, console=console, transient=True, disable=hidden)
        task = self.bar.add_task(self.title, total=self.total, completed=self.done)
        self.bar.start()
        return lambda: self.bar.advance(task)

    def __exit__(self, *_: Any) -> None:
        if self.bar is not None:
            self.bar.stop()
